//! How the cases of the store suites run.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::block_on;

/// How often a case runs at most while the machine stalls.
const MAX_RUNS: usize = 5;

/// A thread that waits this long usually runs again a moment later.
const TICK: Duration = Duration::from_millis(50);

/// If a thread that only waits for a [`TICK`] runs this late, the machine stalled. Calls of a store may take
/// 1.6 seconds or more.
const STALL: Duration = Duration::from_millis(500);

/// Returns how often a racing case is repeated: the value of `GATEWRIGHT_TEST_REPEAT`, by default
/// 20.
#[must_use]
pub fn repetitions() -> usize {
    let Ok(text) = std::env::var("GATEWRIGHT_TEST_REPEAT") else { return 20 };
    let number: std::num::NonZeroUsize =
        text.parse().expect("GATEWRIGHT_TEST_REPEAT: must be a number above zero");
    number.get()
}

/// For the store suites: runs a case. If a call missed its own time limit, the case runs once more, on a new
/// store and with as many repetitions: a busy machine can miss a limit once. A run during which the whole
/// machine stalled does not count.
#[doc(hidden)]
pub fn run_case(case: impl AsyncFn()) {
    run_with(case, |run| measure_stalls(run));
}

/// `measure` runs a case, and says whether the machine stalled meanwhile.
fn run_with(case: impl AsyncFn(), measure: impl Fn(&dyn Fn() -> Outcome) -> (Outcome, bool)) {
    let run = || catch_unwind(AssertUnwindSafe(|| block_on(case())));
    let mut may_miss = true;
    for number in 1..=MAX_RUNS {
        let (outcome, stalled) = measure(&run);
        let Err(panic) = outcome else { return };
        if !is_missed_deadline(&*panic) || number == MAX_RUNS || !(stalled || may_miss) {
            resume_unwind(panic);
        }
        may_miss &= stalled;
        eprintln!("the case runs again; the machine stalled: {stalled}");
    }
}

/// What a case returned, or its panic.
type Outcome = thread::Result<()>;

/// Runs a case while another thread, which shares nothing with it, measures whether the machine runs threads
/// in time. A deadlock or a lost connection does not delay that thread.
fn measure_stalls(run: &dyn Fn() -> Outcome) -> (Outcome, bool) {
    let (end, ended) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        let mut stalled = false;
        loop {
            let began = Instant::now();
            let is_over = ended.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout);
            stalled |= began.elapsed() > TICK + STALL;
            if is_over {
                return stalled;
            }
        }
    });
    let outcome = run();
    drop(end);
    (outcome, watch.join().unwrap_or(false))
}

/// Whether a panic shows a `StoreError` of Gatewright's own stores because of a call's time limit, in the
/// store or on its server.
fn is_missed_deadline(panic: &(dyn Any + Send)) -> bool {
    const LIMITS: [&str; 6] = [
        "timed out",
        "in time",
        "PoolTimedOut",
        "statement timeout",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
    ];
    let text = panic.downcast_ref::<String>().map_or("", String::as_str);
    text.contains("StoreError") && LIMITS.iter().any(|it| text.contains(it))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use gatewright_core::StoreError;

    use super::*;

    /// How often a case runs that fails `failures` times, and whether it failed in the end.
    fn runs(cause: &'static str, failures: usize, stalled: bool) -> (usize, bool) {
        let runs = AtomicUsize::new(0);
        let case = async || {
            if runs.fetch_add(1, Ordering::SeqCst) < failures {
                panic!("{:?}", StoreError::new("find a session", cause));
            }
        };
        let measure = |run: &dyn Fn() -> Outcome| (run(), stalled);
        let failed = catch_unwind(AssertUnwindSafe(|| run_with(case, measure))).is_err();
        (runs.load(Ordering::SeqCst), failed)
    }

    #[test]
    fn only_a_missed_deadline_runs_a_case_again_and_only_once() {
        let causes =
            ["timed out after 1.6s", "Redis did not reply in time", "statement timeout", "PoolTimedOut"];
        for cause in causes {
            assert_eq!(runs(cause, 1, false), (2, false), "{cause}");
            assert_eq!(runs(cause, 2, false), (2, true), "{cause}");
        }
        assert_eq!(runs("deadlock detected", 1, false), (1, true));
    }

    #[test]
    fn runs_during_a_stall_of_the_machine_do_not_count() {
        assert_eq!(runs("timed out after 1.6s", MAX_RUNS - 1, true), (MAX_RUNS, false));
        assert_eq!(runs("timed out after 1.6s", MAX_RUNS, true), (MAX_RUNS, true));
        assert_eq!(runs("deadlock detected", 1, true), (1, true), "a stall excuses nothing else");
    }

    #[test]
    fn a_run_is_measured_without_a_change_of_its_outcome() {
        assert!(measure_stalls(&|| Ok(())).0.is_ok());
        assert!(measure_stalls(&|| Err(Box::new("a panic"))).0.is_err());
    }
}
