//! What a test's own thread logs.
//!
//! One subscriber serves the whole process. Subscribers of single threads do not: what a place that logs is known to need is
//! kept for all threads, and whoever comes to it at a moment when nobody listens decides for the others.

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

/// Whatever this thread logs while [`Log::listen`] is in force.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Begins to listen, until what is returned is dropped.
    #[must_use]
    pub fn listen(&self) -> Listening {
        install();
        LISTENING.set(Some(self.clone()));
        Listening(())
    }

    /// What was written.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A log that is written.
#[derive(Debug)]
pub struct Listening(());

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENING.set(None);
    }
}

/// Sets the subscriber, the first time.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let is_heard = dynamic_filter_fn(|_, _| LISTENING.with_borrow(Option::is_some));
        let writer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Sink);
        tracing_subscriber::registry().with(writer.with_filter(is_heard)).init();
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
