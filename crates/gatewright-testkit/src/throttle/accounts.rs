//! Cases for the failures of accounts, pairs and sessions.

use gatewright_core::throttle::{KeyKind, LONGEST_WAIT, ThrottleStep};
use gatewright_core::{SessionId, SystemRandom, Timestamp};

use super::{Bench, Cloned, HERE, START, address, after, seconds};
use crate::store::{RACERS, race};

/// The eleventh attempt waits 30 s from the tenth, whichever network it comes from.
pub async fn an_account_waits_after_ten_failures<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    for number in 0..10 {
        let attempt = bench.login("ada", 10 + number);
        bench.fail_times(1, &attempt, START).await;
    }
    let elsewhere = bench.login("ada", HERE);
    let limit = bench.acquire(&elsewhere, after(10)).await.err().unwrap();
    assert_eq!((limit.retry_after, limit.kind), (seconds(20), KeyKind::Account));
    assert_eq!(bench.limited(&elsewhere, after(29)).await, seconds(1));
    bench.admitted(&bench.login("eve", HERE), after(10)).await;
    bench.admitted(&elsewhere, after(30)).await;
}

/// 30 s, 1, 2, 4, 8 and 15 minutes, and 15 minutes from then on. One attempt is admitted after each wait.
pub async fn waits_double_up_to_the_longest_one<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    bench.fail_times(10, &attempt, START).await;
    let mut now = START;
    for wait in [30, 60, 120, 240, 480, 900, 900, 900] {
        assert_eq!(bench.limited(&attempt, now).await, seconds(wait));
        now = now.saturating_add(seconds(wait));
        let admitted = bench.admitted(&attempt, now).await;
        assert!(bench.limited(&attempt, now).await <= LONGEST_WAIT, "a reservation counts as a failure");
        bench.fail(&admitted, now).await;
    }
}

/// 24 hours after the last one.
pub async fn failures_are_forgotten_after_a_day<T: Cloned>(handles: [T; 2]) {
    const DAY: u64 = 24 * 60 * 60;
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    bench.fail_times(9, &attempt, START).await;
    bench.fail_times(1, &attempt, after(DAY - 1)).await;
    assert_eq!(bench.limited(&attempt, after(DAY)).await, seconds(29));
    bench.fail_times(10, &attempt, after(2 * DAY - 1)).await;
    assert_eq!(bench.limited(&attempt, after(2 * DAY - 1)).await, seconds(30));
}

/// Of many attempts at once on two handles, exactly as many are admitted as the account may fail.
pub async fn parallel_attempts_do_not_exceed_the_failures_of_an_account<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles.clone());
    let admitted = race(&handles, |throttle, number| {
        let attempt = bench.login("ada", u8::try_from(number).unwrap());
        let id = bench.next();
        let step = ThrottleStep::acquire(&attempt, id, &bench.settings, START);
        async move { throttle.run_step(&step).await.unwrap().limited.is_none() }
    })
    .await;
    assert_eq!(admitted.len(), RACERS);
    assert_eq!(admitted.into_iter().filter(|admitted| *admitted).count(), 10);
}

/// Four failures, a success, and nine failures are no wait. Another reservation in flight still counts.
pub async fn a_success_clears_the_account_and_the_pair<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    bench.fail_times(8, &attempt, START).await;
    let pending = bench.admitted(&attempt, START).await;
    bench.log_in(&attempt, START).await;
    bench.fail_times(9, &attempt, START).await;
    assert_eq!(bench.limited(&attempt, START).await, seconds(30));
    bench.fail(&pending, after(1)).await;
    assert_eq!(bench.limited(&attempt, after(1)).await, seconds(29));
}

/// An attempt that took place without a hash is none. The wait is that of the failures before it.
pub async fn attempts_that_are_given_back_leave_nothing<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    for _ in 0..20 {
        let admitted = bench.admitted(&attempt, START).await;
        bench.give_back(&admitted, after(1)).await;
    }
    bench.fail_times(10, &attempt, START).await;
    let admitted = bench.admitted(&attempt, after(30)).await;
    assert_eq!(bench.limited(&attempt, after(30)).await, seconds(60));
    bench.give_back(&admitted, after(31)).await;
    bench.admitted(&attempt, after(31)).await;
}

/// A process may stop between a reservation and its outcome. A later failure changes nothing. An attempt that is
/// given back within ten minutes is no failure any more.
pub async fn an_attempt_without_an_outcome_becomes_a_failure<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    let lost = bench.admitted(&attempt, START).await;
    bench.fail_times(9, &attempt, after(31)).await;
    assert_eq!(bench.limited(&attempt, after(31)).await, seconds(30));
    bench.fail(&lost, after(31)).await;
    bench.give_back(&lost, after(31)).await;
    assert_eq!(bench.limited(&attempt, after(32)).await, seconds(29));
    let other = bench.login("eve", 2);
    let late = bench.admitted(&other, START).await;
    bench.fail_times(9, &other, after(31)).await;
    assert_eq!(bench.limited(&other, after(31)).await, seconds(30));
    bench.give_back(&late, after(599)).await;
    bench.admitted(&other, after(599)).await;
    assert_eq!(bench.limited(&other, after(599)).await, seconds(30), "nine failures and one in flight");
}

/// The pair of a network has the same waits as the account, and is not cleared by a success elsewhere.
pub async fn every_network_has_its_own_pair<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let (here, there) = (bench.login("ada", HERE), bench.login("ada", 2));
    bench.log_in(&there, START).await;
    bench.fail_times(10, &here, START).await;
    assert_eq!(bench.limited(&here, after(1)).await, seconds(29));
    bench.log_in(&there, after(1)).await;
    let limit = bench.acquire(&here, after(2)).await.err().unwrap();
    assert_eq!((limit.retry_after, limit.kind), (seconds(28), KeyKind::Pair));
}

/// A node whose clock is behind neither shortens nor extends a wait.
pub async fn time_does_not_go_back<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    bench.fail_times(10, &attempt, after(600)).await;
    for now in [600, 599, 0, 590] {
        assert_eq!(bench.limited(&attempt, after(now)).await, seconds(30), "at {now}");
    }
    let admitted = bench.admitted(&attempt, after(630)).await;
    bench.fail(&admitted, after(600)).await;
    assert_eq!(bench.limited(&attempt, after(600)).await, seconds(60));
    assert_eq!(bench.limited(&attempt, after(631)).await, seconds(59));
}

/// A state from a year ahead is moved back to the present. The remaining wait stays, and passes.
pub async fn a_clock_that_was_far_ahead_delays_no_attempt_for_long<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    let year = after(365 * 24 * 60 * 60);
    bench.fail_times(10, &attempt, year).await;
    let id = bench.next();
    let outcome = bench.run(&ThrottleStep::acquire(&attempt, id, &bench.settings, START)).await;
    assert_eq!(outcome.limited.map(|limit| limit.retry_after), Some(seconds(30)), "no bypass");
    assert!(outcome.repaired > 0);
    assert_eq!(bench.limited(&attempt, after(20)).await, seconds(10));
    bench.admitted(&attempt, after(30)).await;
}

/// The clock of a node is two hours ahead. Its first attempt looks like one after a pause, and does not wait. The others
/// wait as on the first node, whichever node has the state moved back.
pub async fn two_clocks_that_take_turns_end_no_wait<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    let ahead = |seconds: u64| after(seconds + 2 * 60 * 60);
    bench.fail_times(10, &attempt, START).await;
    bench.fail_times(1, &attempt, ahead(0)).await;
    for now in 1..10 {
        let limited = bench.run(&ThrottleStep::acquire(&attempt, 0, &bench.settings, after(now))).await;
        assert_eq!(limited.limited.map(|limit| limit.retry_after), Some(seconds(61 - now)));
        assert_eq!(limited.repaired > 0, now == 1, "it is moved back once");
        assert_eq!(bench.limited(&attempt, ahead(now)).await, seconds(60 - now));
    }
    bench.fail_times(1, &attempt, ahead(60)).await;
    assert_eq!(bench.limited(&attempt, after(61)).await, seconds(120));
    assert_eq!(bench.limited(&attempt, ahead(61)).await, seconds(119));
    bench.admitted(&attempt, after(181)).await;
}

/// The second clock is three hours ahead, and the first step after it comes 70 minutes later. So the state first sees a
/// difference of 110 minutes, and one more wait ends early. The next step corrects the difference: no other wait ends.
pub async fn two_clocks_with_a_long_pause_between_them_end_no_more_waits<T: Cloned>(handles: [T; 2]) {
    const PAUSE: u64 = 70 * 60;
    let bench = Bench::new(handles);
    let attempt = bench.login("ada", HERE);
    let ahead = |seconds: u64| after(seconds + 3 * 60 * 60);
    bench.fail_times(10, &attempt, START).await;
    bench.fail_times(1, &attempt, ahead(0)).await;
    assert_eq!(bench.limited(&attempt, after(PAUSE)).await, seconds(60));
    bench.fail_times(1, &attempt, ahead(PAUSE + 1)).await;
    assert_eq!(bench.limited(&attempt, after(PAUSE + 2)).await, seconds(120));
    for now in (PAUSE + 3..PAUSE + 100).step_by(2) {
        for time in [ahead(now), after(now + 1)] {
            assert!(bench.limited(&attempt, time).await <= seconds(PAUSE + 122 - now), "at {now}");
        }
    }
    for (round, wait) in (2..).zip([240, 480, 900, 900]) {
        let now = round * PAUSE;
        bench.fail_times(1, &attempt, after(now)).await;
        for time in [ahead(now + 1), after(now + 2), ahead(now + 3)] {
            assert!(bench.limited(&attempt, time).await > seconds(wait - 10), "in round {round}");
        }
    }
}

/// They never meet the waiting time of the account.
pub async fn five_wrong_passwords_end_a_session<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::new(handles);
    let session = SessionId::generate(Timestamp::from_seconds(0), &SystemRandom).unwrap();
    let other = SessionId::generate(Timestamp::from_seconds(0), &SystemRandom).unwrap();
    let attempt = bench.digests.change_password(session);
    let mut reserved = Vec::new();
    for _ in 0..5 {
        reserved.push(bench.admitted(&attempt, START).await);
    }
    assert_eq!(
        bench.limited(&attempt, START).await,
        seconds(1),
        "the sixth waits for the outcome of the others"
    );
    bench.give_back(&reserved.pop().unwrap(), START).await;
    for admitted in reserved {
        assert!(!bench.failure(&admitted, START).await.is_exhausted);
    }
    let last = bench.admitted(&attempt, START).await;
    assert!(bench.failure(&last, START).await.is_exhausted);
    let id = bench.next();
    let outcome = bench.run(&ThrottleStep::acquire(&attempt, id, &bench.settings, after(60))).await;
    assert!(outcome.is_exhausted && outcome.limited.is_some());
    bench.admitted(&bench.digests.change_password(other), START).await;
    let login = bench.digests.login("ada", None, address(HERE));
    bench.admitted(&login, START).await;
}
