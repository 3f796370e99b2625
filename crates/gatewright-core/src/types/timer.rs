//! Waiting. The core waits for the refusal floor and for signatures, on a [`Timer`].

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
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
/// - If `start` has returned `Ok`, sleeps need no further resource that the system could refuse.
///
/// ```
/// use std::time::Duration;
///
/// use gatewright::types::{SystemTimer, Timer};
///
/// # gatewright_testkit::block_on(async {
/// let start = SystemTimer.now();
/// SystemTimer.sleep(Duration::from_millis(5)).await;
/// assert!(SystemTimer.now() - start >= Duration::from_millis(5));
/// # })
/// ```
pub trait Timer: Send + Sync + 'static {
    /// Acquires what sleeps need, such as a thread. [`AuthBuilder::build`](crate::AuthBuilder::build) calls it,
    /// unless the refusal floor is zero. A timer that needs nothing keeps the default, which does nothing.
    ///
    /// # Errors
    /// The system refused the resource.
    fn start(&self) -> io::Result<()> {
        Ok(())
    }

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

/// The output of a future, or `None` if it takes longer than `span`. A future that is ready at once needs no
/// sleep.
pub(crate) async fn within<T>(
    timer: &dyn Timer,
    span: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    let mut sleep = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let sleep = sleep.get_or_insert_with(|| timer.sleep(span));
        sleep.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// The timer of the system. The default.
///
/// All sleeps of a process share one thread. [`start`](Timer::start) starts it, or the first sleep. If the system
/// has no thread for it, a sleep ends late: after another sleep has started the thread. It needs no async runtime.
/// It measures with the monotonic clock of the system, so setting the time of day changes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemTimer;

impl Timer for SystemTimer {
    fn start(&self) -> io::Result<()> {
        ALARMS.start(&mut ALARMS.lock())
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        let now = monotonic();
        now.saturating_duration_since(*START.get_or_init(|| now))
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(Sleep::until(monotonic() + duration.min(LONGEST_SLEEP), &ALARMS))
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the monotonic time")]
fn monotonic() -> Instant {
    Instant::now()
}

/// A sleep of the [`SystemTimer`]. Its alarm is set while it waits.
struct Sleep {
    at: Instant,
    alarms: &'static Alarms,
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
        self.alarm = Some(self.alarms.set(self.at, context.waker()));
        Poll::Pending
    }
}

impl Sleep {
    const fn until(at: Instant, alarms: &'static Alarms) -> Self {
        Self { at, alarms, alarm: None }
    }

    fn cancel(&mut self) {
        if let Some(id) = self.alarm.take() {
            self.alarms.cancel(id);
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

static ALARMS: Alarms = Alarms::new(start_thread);

/// The alarms of all sleeps, and the thread that wakes them.
struct Alarms {
    state: Mutex<AlarmState>,
    changed: Condvar,
    start_thread: fn(&'static Alarms) -> io::Result<()>,
    /// A thread that cannot be started is logged once.
    is_reported: AtomicBool,
}

struct AlarmState {
    wakers: BTreeMap<AlarmId, Waker>,
    next_number: u64,
    has_thread: bool,
}

fn start_thread(alarms: &'static Alarms) -> io::Result<()> {
    thread::Builder::new().name("gatewright-timer".to_owned()).spawn(|| alarms.run()).map(drop)
}

impl Alarms {
    const fn new(start_thread: fn(&'static Self) -> io::Result<()>) -> Self {
        let state = AlarmState { wakers: BTreeMap::new(), next_number: 0, has_thread: false };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            start_thread,
            is_reported: AtomicBool::new(false),
        }
    }

    /// The lock is only held for operations of the map, so a panic cannot leave the state inconsistent.
    fn lock(&self) -> MutexGuard<'_, AlarmState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread, unless it runs.
    fn start(&'static self, state: &mut AlarmState) -> io::Result<()> {
        if !state.has_thread {
            (self.start_thread)(self)?;
            state.has_thread = true;
        }
        Ok(())
    }

    /// Sets an alarm, and starts the thread unless it runs. If the system has no thread for it, the alarm waits
    /// until a later call has started one.
    fn set(&'static self, at: Instant, waker: &Waker) -> AlarmId {
        let waker = waker.clone();
        let mut state = self.lock();
        let started = self.start(&mut state);
        let id = (at, state.next_number);
        state.next_number = state.next_number.wrapping_add(1);
        state.wakers.insert(id, waker);
        let is_first = state.wakers.keys().next() == Some(&id);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        if let Err(error) = started
            && !self.is_reported.swap(true, Ordering::Relaxed)
        {
            tracing::error!(target: "gatewright", %error, "the timer's thread could not be started: waits end late");
        }
        id
    }

    fn cancel(&self, id: AlarmId) {
        let cancelled = self.lock().wakers.remove(&id);
        // Outside the lock: dropping the waker may drop its task.
        drop(cancelled);
    }

    /// Wakes each alarm at its time. A waker or a log that panics does not end the thread.
    fn run(&self) -> ! {
        let _thread = RunningThread(self);
        loop {
            let waker = self.next_due();
            if !contains_panic(|| waker.wake()) {
                continue;
            }
            contains_panic(
                || tracing::error!(target: "gatewright", "a task panicked when the timer woke it"),
            );
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

/// Runs foreign code, and returns whether it panicked.
fn contains_panic(foreign: impl FnOnce()) -> bool {
    let Err(payload) = catch_unwind(AssertUnwindSafe(foreign)) else { return false };
    // The destructor of the payload is foreign code too. The payload of its panic is not dropped.
    std::mem::forget(catch_unwind(AssertUnwindSafe(|| drop(payload))));
    true
}

/// The thread that runs. When it ends, by a panic that nothing above contains, the next alarm starts another.
struct RunningThread<'a>(&'a Alarms);

impl Drop for RunningThread<'_> {
    fn drop(&mut self) {
        self.0.lock().has_thread = false;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
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
        let mut sleep = Sleep::until(monotonic() + LONGEST_SLEEP, &ALARMS);
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

    /// A log that panics.
    struct PanickingLog;

    impl tracing::Subscriber for PanickingLog {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("a foreign log may panic");
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    fn the_timer_survives_a_log_that_panics() {
        fn start(alarms: &'static Alarms) -> io::Result<()> {
            let run = || tracing::subscriber::with_default(PanickingLog, || alarms.run());
            thread::Builder::new().spawn(run).map(drop)
        }
        static ALARMS: Alarms = Alarms::new(start);
        for panics in [true, false] {
            let (waker, woken) = waker(panics);
            ALARMS.set(monotonic(), &waker);
            woken.recv_timeout(Duration::from_secs(30)).unwrap();
        }
        assert!(ALARMS.lock().has_thread);
    }

    #[test]
    fn a_thread_that_has_ended_is_replaced_at_the_next_sleep() {
        fn start(_: &'static Alarms) -> io::Result<()> {
            STARTS.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
        static STARTS: AtomicUsize = AtomicUsize::new(0);
        static ALARMS: Alarms = Alarms::new(start);
        let (waker, _woken) = waker(false);
        ALARMS.set(monotonic(), &waker);
        ALARMS.set(monotonic(), &waker);
        assert_eq!(STARTS.load(Ordering::SeqCst), 1);
        assert!(contains_panic(|| {
            let _thread = RunningThread(&ALARMS);
            panic!("nothing contains this");
        }));
        ALARMS.set(monotonic(), &waker);
        assert_eq!(STARTS.load(Ordering::SeqCst), 2);
    }

    /// It must not occupy the processor until there is one, and must not end early.
    #[test]
    fn without_a_thread_a_sleep_waits_for_the_next_attempt_to_start_one() {
        fn start(alarms: &'static Alarms) -> io::Result<()> {
            if HAS_THREADS.load(Ordering::SeqCst) {
                start_thread(alarms)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
        static HAS_THREADS: AtomicBool = AtomicBool::new(false);
        static ALARMS: Alarms = Alarms::new(start);
        let (waker, woken) = waker(false);
        let mut sleep = Sleep::until(monotonic() + LONGEST_SLEEP, &ALARMS);
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
        ALARMS.set(monotonic(), &waker);
        assert!(woken.try_recv().is_err(), "the task is not polled again and again");
        assert!(!ALARMS.lock().has_thread);
        HAS_THREADS.store(true, Ordering::SeqCst);
        ALARMS.set(monotonic() + LONGEST_SLEEP, Waker::noop());
        woken.recv_timeout(Duration::from_secs(30)).unwrap();
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
