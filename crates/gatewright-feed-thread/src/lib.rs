//! The thread of a feed between nodes. The store crates with a feed use it; applications do not.
//!
//! A feed on a thread of its own takes no time from the service's runtime, also in a flood of messages.
//! It outlives the runtime that connected it.
//!
//! ```
//! use std::time::Duration;
//!
//! use gatewright_feed_thread::FeedThread;
//! use tokio::sync::oneshot;
//!
//! # fn example() -> std::io::Result<()> {
//! let (answer, answered) = oneshot::channel();
//! let thread = FeedThread::spawn("an example", || async move { drop(answer.send(42)) })?;
//! assert_eq!(answered.blocking_recv(), Ok(42));
//! // It resolves at once: the thread has ended, or ends now.
//! let _timer = thread.timer(Duration::from_secs(5));
//! # Ok(())
//! # }
//! # example().unwrap();
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Shown by tools that list the threads of a process.
const NAME: &str = "gatewright-feed";

/// A handle on a feed's thread and the runtime there. It does not keep the thread alive.
#[derive(Debug, Clone)]
pub struct FeedThread(Handle);

impl FeedThread {
    /// Runs `task` on a new thread with a runtime for I/O and timers. The thread ends with the task.
    /// Nothing waits for the thread. If the task panics, all that it owns is dropped, and the error in
    /// the log names the feed.
    ///
    /// # Errors
    /// If the operating system has no thread or no event queue left.
    pub fn spawn<F: Future<Output = ()>>(
        feed: &'static str,
        task: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        thread::Builder::new().name(NAME.to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| runtime.block_on(task()))).is_err() {
                tracing::error!(
                    target: "gatewright",
                    feed,
                    "the thread of the revocation feed panicked; guards query the stores until a restart"
                );
            }
            // Does not wait for a look-up of a host name.
            runtime.shutdown_background();
        })?;
        Ok(Self(handle))
    }

    /// Starts a timer on the thread. It needs no runtime where it is awaited.
    #[must_use]
    pub fn timer(&self, length: Duration) -> Timer {
        Timer(self.0.spawn(async move {
            let _ = timeout(length, pending::<()>()).await;
        }))
    }
}

/// Resolves after a time, or when the feed's thread has ended.
#[derive(Debug)]
pub struct Timer(JoinHandle<()>);

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Awaits in a runtime without a clock.
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn the_thread_ends_with_its_task_and_drops_what_it_owns() {
        let ((stop, stopped), (owned, dropped)) = (oneshot::channel::<()>(), oneshot::channel::<()>());
        let thread = FeedThread::spawn("a test", move || async move {
            let _owned = owned;
            let _ = stopped.await;
        });
        let timer = thread.unwrap().timer(Duration::MAX);
        drop(stop);
        assert!(block_on(dropped).is_err());
        block_on(timer);
    }

    #[test]
    fn a_panic_drops_what_the_task_owns_and_ends_its_timers() {
        let (owned, dropped) = oneshot::channel::<()>();
        let thread = FeedThread::spawn("a test", move || async move {
            let _owned = owned;
            panic!("as intended");
        });
        assert!(block_on(dropped).is_err());
        block_on(thread.unwrap().timer(Duration::MAX));
    }

    /// An application may pause the clock of its runtime, in tests.
    #[test]
    fn a_timer_needs_no_clock_where_it_is_awaited() {
        let (_running, stopped) = oneshot::channel::<()>();
        let thread = FeedThread::spawn("a test", move || async move { drop(stopped.await) }).unwrap();
        block_on(thread.timer(Duration::from_millis(1)));
        let mut long = thread.timer(Duration::MAX);
        block_on(async {
            tokio::select! { biased; () = &mut long => panic!("too early"), () = async {} => {} }
        });
    }
}
