//! A timer that a test moves.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gatewright_core::Timer;

/// A timer that stands still until a test moves it. Clones are the same timer.
///
/// ```
/// use std::time::Duration;
///
/// use gatewright::types::Timer;
/// use gatewright_testkit::ManualTimer;
///
/// # gatewright_testkit::block_on(async {
/// let timer = ManualTimer::new();
/// let sleep = timer.sleep(Duration::from_secs(60));
/// timer.advance(Duration::from_secs(60));
/// sleep.await;
/// # })
/// ```
#[derive(Clone, Default)]
pub struct ManualTimer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Duration,
    next_number: u64,
    /// The sleeps that are not over: when each ends, and its task.
    sleeps: BTreeMap<(Duration, u64), Waker>,
}

impl ManualTimer {
    /// Creates a timer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the timer forwards, and wakes the sleeps that end.
    pub fn advance(&self, span: Duration) {
        let mut state = self.lock();
        state.now += span;
        let now = state.now;
        let waiting = state.sleeps.split_off(&(now + Duration::from_nanos(1), 0));
        let over = std::mem::replace(&mut state.sleeps, waiting);
        drop(state);
        over.into_values().for_each(Waker::wake);
    }

    /// Returns how long each sleep that is waited for still lasts, the shortest first.
    #[must_use]
    pub fn sleeps(&self) -> Vec<Duration> {
        let state = self.lock();
        state.sleeps.keys().map(|(end, _)| *end - state.now).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ManualTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualTimer").field(&self.now()).finish()
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Duration {
        self.lock().now
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let end = self.now() + duration;
        Box::pin(Sleep { timer: self.clone(), end, number: None })
    }
}

struct Sleep {
    timer: ManualTimer,
    end: Duration,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.clone();
        let mut state = timer.lock();
        if state.now >= self.end {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| {
            state.next_number += 1;
            state.next_number
        });
        state.sleeps.insert((self.end, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let waker = self.timer.lock().sleeps.remove(&(self.end, number));
        drop(waker);
    }
}
