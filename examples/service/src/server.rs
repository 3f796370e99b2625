//! The server of the examples on axum and poem: hyper, with a time limit for clients that send no complete
//! request. Neither `axum::serve` nor poem's `Server` can limit the time for the headers.
//!
//! It has no time limit for a client that does not read its response. Such a client keeps its connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum_server::{Handle, Server};
use gatewright::types::{SystemTimer, Timer};
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
    let failures = AcceptFailures::default();
    let mut server = server.accept_error_handler(move |_, error| {
        if let Some(count) = failures.record(SystemTimer.now()) {
            tracing::warn!(%error, count, "connections could not be accepted (logged once a minute)");
        }
    });
    // The time begins when the connection opens, and again after each response.
    server.http_builder().http1().header_read_timeout(CLIENT_TIMEOUT);
    server
}

/// The shortest time between two messages about failures.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Counts connections that could not be accepted. While the process has no file descriptors left, there are many.
#[derive(Default)]
struct AcceptFailures(Mutex<Unreported>);

#[derive(Default)]
struct Unreported {
    reported_at: Option<Duration>,
    count: u64,
}

impl AcceptFailures {
    /// Records a failure. Returns how many there were since the last message, if it is time for one.
    fn record(&self, now: Duration) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.count = state.count.saturating_add(1);
        if state.reported_at.is_some_and(|at| now.saturating_sub(at) < REPORT_INTERVAL) {
            return None;
        }
        state.reported_at = Some(now);
        Some(std::mem::take(&mut state.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_within_a_minute_are_counted_in_the_next_message() {
        let failures = AcceptFailures::default();
        let record = |seconds| failures.record(Duration::from_secs(seconds));
        assert_eq!([record(5), record(6), record(65), record(66)], [Some(1), None, Some(2), None]);
    }
}
