//! The server of the examples on axum and poem: hyper, with a time limit for clients that send no complete
//! request. Neither `axum::serve` nor poem's `Server` can limit the time for the headers.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Once;

use axum_server::{Handle, Server};
use tokio::net::TcpListener;

use crate::run::{CLIENT_TIMEOUT, GRACEFUL_STOP};

/// A server for HTTP/1 on this listener. After `stop`, running requests may finish within
/// [`GRACEFUL_STOP`]. Slower ones are dropped.
pub fn new(listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) -> Server<SocketAddr> {
    let handle = Handle::new();
    let server = Server::from_listener(listener).http1_only().handle(handle.clone());
    tokio::spawn(async move {
        stop.await;
        handle.graceful_shutdown(Some(GRACEFUL_STOP));
    });
    let warned = Once::new();
    let mut server = server.accept_error_handler(move |_, error| {
        warned.call_once(|| tracing::warn!(%error, "a connection could not be accepted (logged once)"));
    });
    // The time begins when the connection opens, and again after each response.
    server.http_builder().http1().header_read_timeout(CLIENT_TIMEOUT);
    server
}
