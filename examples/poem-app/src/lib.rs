//! The example service on poem. `app.rs` contains the routes, `main.rs` the program. The code that
//! the examples share is in `examples/service`.

pub mod app;

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use example_service::server;
use gatewright::Auth;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint};
use tower::service_fn;

/// Serves on a bound listener. After `stop` it ends as [`server::new`] says.
///
/// poem's own `Server` has only an idle timeout, which does not end a connection with half-sent
/// headers. So the endpoint becomes a tower service for hyper.
///
/// # Errors
/// When the OpenAPI document cannot be built, or the listener fails.
pub async fn serve_until(
    stop: impl Future<Output = ()> + Send + 'static,
    listener: tokio::net::TcpListener,
    auth: &Auth,
) -> io::Result<()> {
    let endpoint = Arc::new(app::service(auth).map_err(io::Error::other)?);
    let local = LocalAddr(Addr::SocketAddr(listener.local_addr()?));
    let connections = service_fn(move |peer: SocketAddr| {
        let (endpoint, local) = (Arc::clone(&endpoint), local.clone());
        let remote = RemoteAddr(Addr::SocketAddr(peer));
        ready(Ok::<_, Infallible>(service_fn(move |request: poem::http::Request<_>| {
            let request = poem::Request::from((request, local.clone(), remote.clone(), Scheme::HTTP));
            let endpoint = Arc::clone(&endpoint);
            async move { Ok::<poem::http::Response<_>, Infallible>(endpoint.get_response(request).await.into()) }
        })))
    });
    server::new(listener, stop).serve(connections).await
}

/// Serves on a bound listener until it fails. For tests.
///
/// # Errors
/// As [`serve_until`].
pub async fn serve(listener: TcpListener, auth: Auth) -> io::Result<()> {
    serve_until(pending(), tokio::net::TcpListener::from_std(listener)?, &auth).await
}
