//! Captures the log of a test's own thread.
//!
//! One subscriber serves the whole process. A subscriber for each thread would miss events:
//! `tracing` caches for all threads whether a call site is enabled, and the first thread that
//! reaches it decides.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The log of a thread, for as long as a [`Listening`] exists.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the log of this thread until the guard is dropped.
    #[must_use]
    pub fn listen(&self) -> Listening {
        install();
        LISTENING.set(Some(self.clone()));
        Listening(())
    }

    /// The captured text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Captures the log until it is dropped.
#[derive(Debug)]
pub struct Listening(());

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.set(None);
    }
}

/// Sets the subscriber of the process, once.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let is_captured = dynamic_filter_fn(|_, _| LISTENING.with_borrow(Option::is_some));
        let writer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Sink);
        tracing_subscriber::registry().with(writer.with_filter(is_captured)).init();
    });
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LISTENING
            .with_borrow(|log| log.iter().for_each(|log| log.0.lock().unwrap().extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
