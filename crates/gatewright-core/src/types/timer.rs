//! Waiting. The core waits in one place only, for the refusal floor, and it waits on a [`Timer`].

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// The longest sleep of the [`SystemTimer`]: a year. A longer one ends after a year.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Waits, and measures how much time has passed.
///
/// A [`Clock`](crate::Clock) says what time it is, for tokens and stores, and may be set back. A timer
/// measures durations and never goes back. `gatewright-testkit` has a timer that a test moves.
///
/// # Contract
/// - `now` never decreases.
/// - A sleep ends no earlier than its duration after the call of `sleep`, as `now` measures it. It ends soon
///   after.
/// - A sleep that is dropped costs nothing any more.
/// - No method blocks.
///
/// ```
/// use std::time::Duration;
///
/// use gatewright_core::{SystemTimer, Timer};
///
/// # gatewright_testkit::block_on(async {
/// let start = SystemTimer.now();
/// SystemTimer.sleep(Duration::from_millis(5)).await;
/// assert!(SystemTimer.now() - start >= Duration::from_millis(5));
/// # })
/// ```
pub trait Timer: Send + Sync + 'static {
    /// The time since a fixed moment, which the timer chooses.
    fn now(&self) -> Duration;

    /// Waits for this long. The future is independent of the timer's lifetime.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A moment on a [`Timer`], until which something may wait.
#[derive(Clone)]
pub struct Deadline {
    timer: Arc<dyn Timer>,
    at: Duration,
}

impl Deadline {
    /// The moment that comes after `span`, from now on.
    #[must_use]
    pub fn after(timer: Arc<dyn Timer>, span: Duration) -> Self {
        let at = timer.now().saturating_add(span);
        Self { timer, at }
    }

    /// The time that is left, zero if the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.at.saturating_sub(self.timer.now())
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Waits until the deadline. Ends at once if it has passed.
    #[must_use]
    pub fn wait(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.remaining() {
            Duration::ZERO => Box::pin(std::future::ready(())),
            remaining => self.timer.sleep(remaining),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// The timer of the system. The default.
///
/// All sleeps of a process share one thread, which starts at the first of them. It needs no async runtime.
/// It measures with the monotonic clock of the system, so setting the time of day changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        let now = monotonic();
        now.saturating_duration_since(*START.get_or_init(|| now))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleep { at: monotonic() + duration.min(LONGEST_SLEEP), alarm: None })
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the monotonic time")]
fn monotonic() -> Instant {
    Instant::now()
}

/// A sleep of the [`SystemTimer`]. Its alarm is set while it waits.
struct Sleep {
    at: Instant,
    alarm: Option<AlarmId>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if monotonic() >= self.at {
            self.cancel();
            return Poll::Ready(());
        }
        self.cancel();
        match ALARMS.set(self.at, context.waker()) {
            Ok(id) => self.alarm = Some(id),
            // The system has no more threads. The sleep must not end early, so its task polls it again and
            // again, and each poll tries to start the thread.
            Err(_) => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

impl Sleep {
    fn cancel(&mut self) {
        if let Some(id) = self.alarm.take() {
            ALARMS.cancel(id);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The time of an alarm, and a number that makes it unique.
type AlarmId = (Instant, u64);

static ALARMS: Alarms = Alarms::new();

/// The alarms of all sleeps, and the thread that wakes them.
struct Alarms {
    state: Mutex<AlarmState>,
    changed: Condvar,
}

struct AlarmState {
    wakers: BTreeMap<AlarmId, Waker>,
    next_number: u64,
    has_thread: bool,
}

impl Alarms {
    const fn new() -> Self {
        let state = AlarmState { wakers: BTreeMap::new(), next_number: 0, has_thread: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The lock is only held for operations of the map, so a panic cannot leave the state inconsistent.
    fn lock(&self) -> MutexGuard<'_, AlarmState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets an alarm, and starts the thread at the first one.
    fn set(&'static self, at: Instant, waker: &Waker) -> Result<AlarmId, std::io::Error> {
        let waker = waker.clone();
        let mut state = self.lock();
        if !state.has_thread {
            thread::Builder::new().name("gatewright-timer".to_owned()).spawn(|| self.run())?;
            state.has_thread = true;
        }
        let id = (at, state.next_number);
        state.next_number = state.next_number.wrapping_add(1);
        state.wakers.insert(id, waker);
        let is_first = state.wakers.keys().next() == Some(&id);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        Ok(id)
    }

    fn cancel(&self, id: AlarmId) {
        let cancelled = self.lock().wakers.remove(&id);
        // Outside the lock: dropping the waker may drop its task.
        drop(cancelled);
    }

    /// Wakes each alarm at its time. A waker that panics does not end the thread.
    fn run(&self) -> ! {
        loop {
            let waker = self.next_due();
            if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                tracing::error!(target: "gatewright", "a task panicked when the timer woke it");
            }
        }
    }

    /// Waits for the next alarm that is due.
    fn next_due(&self) -> Waker {
        let mut state = self.lock();
        loop {
            let now = monotonic();
            if let Some(first) = state.wakers.first_entry().filter(|first| first.key().0 <= now) {
                return first.remove();
            }
            let next = state.wakers.keys().next().map(|(at, _)| at.saturating_duration_since(now));
            let waited = self.changed.wait_timeout(state, next.unwrap_or(LONGEST_SLEEP));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;

    /// Sends a message when it wakes. Then it panics, if `panics` is set.
    struct Signal {
        woken: mpsc::Sender<()>,
        panics: bool,
    }

    impl Wake for Signal {
        fn wake(self: Arc<Self>) {
            self.woken.send(()).unwrap();
            assert!(!self.panics, "a foreign waker may panic");
        }
    }

    fn waker(panics: bool) -> (Waker, mpsc::Receiver<()>) {
        let (woken, receiver) = mpsc::channel();
        (Waker::from(Arc::new(Signal { woken, panics })), receiver)
    }

    fn poll(sleep: &mut Pin<Box<dyn Future<Output = ()> + Send>>, waker: &Waker) -> Poll<()> {
        sleep.as_mut().poll(&mut Context::from_waker(waker))
    }

    #[test]
    fn a_sleep_wakes_its_task_no_earlier_than_its_end() {
        let (waker, woken) = waker(false);
        let start = SystemTimer.now();
        let mut sleep = SystemTimer.sleep(Duration::from_millis(20));
        while poll(&mut sleep, &waker).is_pending() {
            woken.recv().unwrap();
        }
        assert!(SystemTimer.now() - start >= Duration::from_millis(20));
        assert!(poll(&mut SystemTimer.sleep(Duration::ZERO), &waker).is_ready());
    }

    #[test]
    fn a_dropped_sleep_leaves_no_alarm() {
        let (waker, _woken) = waker(false);
        let mut sleep = Sleep { at: monotonic() + LONGEST_SLEEP, alarm: None };
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        let first = sleep.alarm.unwrap();
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        let second = sleep.alarm.unwrap();
        assert!(!ALARMS.lock().wakers.contains_key(&first), "a second poll replaces the alarm");
        assert!(ALARMS.lock().wakers.contains_key(&second));
        drop(sleep);
        assert!(!ALARMS.lock().wakers.contains_key(&second));
        assert!(poll(&mut SystemTimer.sleep(Duration::MAX), &waker).is_pending());
    }

    #[test]
    fn the_timer_survives_a_waker_that_panics() {
        for panics in [true, false] {
            let (waker, woken) = waker(panics);
            let mut sleep = SystemTimer.sleep(Duration::from_millis(1));
            while poll(&mut sleep, &waker).is_pending() {
                woken.recv().unwrap();
            }
        }
    }

    #[test]
    fn a_deadline_that_has_passed_is_not_waited_for() {
        let deadline = Deadline::after(Arc::new(SystemTimer), Duration::ZERO);
        assert!(deadline.has_passed());
        assert!(poll(&mut deadline.wait(), Waker::noop()).is_ready());
        let never = Deadline::after(Arc::new(SystemTimer), Duration::MAX);
        assert!(!never.has_passed() && poll(&mut never.wait(), Waker::noop()).is_pending());
    }
}
