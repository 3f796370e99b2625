//! The trait that receives events.

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
