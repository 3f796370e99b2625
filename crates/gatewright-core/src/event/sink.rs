//! The trait that receives events.

use std::sync::Arc;

use super::context::RequestContext;
use super::events::Event;

/// Receives events.
///
/// # Contract
/// - It must neither block nor panic: requests call it. A sink that writes to a slow destination must queue.
/// - It cannot change the reply.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use gatewright::event::{Event, EventSink, RequestContext, TracingSink};
/// use gatewright::{Auth, Login, MemoryStore, Password};
///
/// static REFUSED: AtomicU64 = AtomicU64::new(0);
///
/// /// Counts refused logins, and logs everything as usual.
/// struct Counting;
///
/// impl EventSink for Counting {
///     fn emit(&self, event: &Event<'_>, request: &RequestContext) {
///         if matches!(event, Event::LoginRefused { .. }) {
///             REFUSED.fetch_add(1, Ordering::Relaxed);
///         }
///         TracingSink.emit(event, request);
///     }
/// }
///
/// # gatewright_testkit::block_on(async {
/// # let secret = gatewright::HmacSecret::generate()?;
/// # let tokens = gatewright::Jwt::hs256(secret).issuer("https://issuer.example").audience("api");
/// # let (tokens, hasher) = (tokens.build()?, gatewright_testkit::TestHasher::new());
/// let auth = Auth::local(MemoryStore::new(), tokens, hasher).with_events(Counting).build()?;
/// assert!(auth.login(Login::new("ada@example.com", Password::new("an entirely wrong guess"))).await.is_err());
/// assert_eq!(REFUSED.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[doc(alias("audit", "log", "metrics"))]
pub trait EventSink: Send + Sync + 'static {
    /// Handles an event. `request` is the request in which it happened, empty if there is none.
    fn emit(&self, event: &Event<'_>, request: &RequestContext);
}

impl<T: EventSink + ?Sized> EventSink for Arc<T> {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        (**self).emit(event, request);
    }
}

/// Both receive each event, the first one first. So sinks compose: `(TracingSink, (Counting, Alerts))`.
impl<A: EventSink, B: EventSink> EventSink for (A, B) {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        self.0.emit(event, request);
        self.1.emit(event, request);
    }
}

/// All of them receive each event, in their order.
impl<T: EventSink> EventSink for Vec<T> {
    fn emit(&self, event: &Event<'_>, request: &RequestContext) {
        self.iter().for_each(|sink| sink.emit(event, request));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Named(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl EventSink for Named {
        fn emit(&self, _: &Event<'_>, _: &RequestContext) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn composed_sinks_receive_each_event_once_and_in_order() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = |name| Arc::new(Named(name, Arc::clone(&seen))) as Arc<dyn EventSink>;
        let sinks = (sink("first"), vec![sink("second"), sink("third")]);
        sinks.emit(&Event::ThrottleRepaired { count: 1 }, RequestContext::none());
        assert_eq!(*seen.lock().unwrap(), ["first", "second", "third"]);
    }
}
