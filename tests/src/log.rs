//! Captures the log of a test's own thread.
//!
//! One subscriber serves the whole process. A subscriber for each thread would miss events:
//! `tracing` caches for all threads whether a call site is enabled, and the first thread that
//! reaches it decides.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

thread_local! {
    static LISTENING: RefCell<Option<Log>> = const { RefCell::new(None) };
}

/// The log of a thread, for as long as a [`Listening`] exists.
#[derive(Debug, Clone, Default)]
pub struct Log {
    text: Arc<Mutex<Vec<u8>>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

/// An event of `tracing`, as a subscriber gets it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Line {
    /// The level, in capitals.
    pub level: String,
    /// The fields with their values, the message among them.
    pub fields: BTreeMap<String, String>,
}

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
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }

    /// The captured events since the last call of this method, as fields.
    #[must_use]
    pub fn take_lines(&self) -> Vec<Line> {
        std::mem::take(&mut self.lines.lock().unwrap())
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
        let layers = writer.and_then(Fields).with_filter(is_captured);
        tracing_subscriber::registry().with(layers).init();
    });
}

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LISTENING
            .with_borrow(|log| log.iter().for_each(|log| log.text.lock().unwrap().extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Captures the fields, as a subscriber for JSON does: texts as they are.
struct Fields;

impl<S: Subscriber> Layer<S> for Fields {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line { level: event.metadata().level().to_string(), fields: BTreeMap::new() };
        event.record(&mut line);
        LISTENING.with_borrow(|log| log.iter().for_each(|log| log.lines.lock().unwrap().push(line.clone())));
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
