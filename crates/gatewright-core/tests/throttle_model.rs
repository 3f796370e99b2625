//! Random interleavings of logins on the throttle, compared with a model that keeps every attempt and computes
//! the limits from their definitions.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gatewright_core::throttle::{
    Attempt, ClientOrigin, MemoryThrottle, Throttle, ThrottleDigests, ThrottleSettings, ThrottleStep,
};
use gatewright_core::types::DerivedKey;
use gatewright_core::{Timestamp, UserId};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
const FAILURES: usize = 3;
const NETWORK_FAILURES: u64 = 6;
const IN_FLIGHT: usize = 4;
const DAY: u64 = 24 * 60 * 60;
const TIMEOUT: u64 = 30;
const LATE: u64 = 600;
const INTERVAL: u64 = 2;

/// What happens next. `choice` chooses one of the attempts without an outcome.
#[derive(Debug, Clone, Copy)]
enum Op {
    Acquire { account: usize, network: usize },
    Settle { choice: usize, outcome: Outcome },
    Wait { seconds: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed,
    GivenBack,
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        1 => Just(Outcome::Succeeded),
        4 => Just(Outcome::Failed),
        1 => Just(Outcome::GivenBack),
    ];
    prop_oneof![
        6 => (0..3_usize, 0..3_usize).prop_map(|(account, network)| Op::Acquire { account, network }),
        5 => (any::<usize>(), outcome).prop_map(|(choice, outcome)| Op::Settle { choice, outcome }),
        2 => (0..8_u64).prop_map(|seconds| Op::Wait { seconds }),
        1 => (20..1_000_u64).prop_map(|seconds| Op::Wait { seconds }),
        1 => Just(Op::Wait { seconds: DAY }),
    ]
}

/// One attempt of the model. Times are seconds.
#[derive(Debug, Clone, Copy)]
struct Tried {
    id: u64,
    account: usize,
    network: usize,
    at: u64,
    /// Whether it is in flight for the network.
    pending: bool,
    /// Whether it counts for the account, and for the pair.
    counts: [bool; 2],
    /// Whether it has failed, so that it may be forgotten after a day.
    failed: bool,
}

#[derive(Default)]
struct Model {
    now: u64,
    tried: Vec<Tried>,
    /// The failures of each network, by their times.
    failures: Vec<(usize, u64)>,
    /// The account and the network of logins, with the time of the last.
    known: BTreeMap<(usize, usize), u64>,
}

impl Model {
    /// Attempts without an outcome time out. Failures of a key are forgotten a day after the last of them.
    fn advance(&mut self) {
        let now = self.now;
        for tried in &mut self.tried {
            if tried.at + TIMEOUT <= now {
                tried.pending = false;
                tried.failed = true;
            }
        }
        for key in 0..2 {
            let tried = self.tried.clone();
            let last = |one: &Tried| {
                let same = tried.iter().filter(|other| is_same(key, one, other) && other.counts[key]);
                same.map(|other| other.at).max()
            };
            for one in &mut self.tried {
                if one.failed && last(one).is_some_and(|last| last + DAY <= now) {
                    one.counts[key] = false;
                }
            }
        }
    }

    /// How long the next attempt of a key waits: 30 s from the last one, doubled with each failure over the limit.
    fn key_wait(&self, key: usize, account: usize, network: usize) -> u64 {
        let of_key = |tried: &&Tried| {
            tried.counts[key] && tried.account == account && (key == 0 || tried.network == network)
        };
        let times: Vec<u64> = self.tried.iter().filter(of_key).map(|tried| tried.at).collect();
        if times.len() < FAILURES {
            return 0;
        }
        let wait = (0..times.len() - FAILURES).fold(30_u64, |wait, _| (wait * 2).min(900));
        (times.iter().max().unwrap() + wait).saturating_sub(self.now)
    }

    /// A bucket that loses one failure every two seconds, in seconds.
    fn failures_wait(&self, network: usize) -> u64 {
        let (mut used, mut at) = (0_u64, 0_u64);
        for (_, time) in self.failures.iter().filter(|(of, _)| *of == network) {
            used = used.saturating_sub(time - at) + INTERVAL;
            at = *time;
        }
        used = used.saturating_sub(self.now - at);
        used.saturating_sub((NETWORK_FAILURES - 1) * INTERVAL)
    }

    fn in_flight_wait(&self, network: usize) -> u64 {
        let in_flight = self.tried.iter().filter(|tried| tried.network == network && tried.pending).count();
        u64::from(in_flight >= IN_FLIGHT)
    }

    /// How long the attempt waits; zero if it is admitted.
    fn acquire(&mut self, id: u64, account: usize, network: usize) -> u64 {
        self.advance();
        let is_known = self.known.get(&(account, network)).is_some_and(|at| self.now < at + 30 * DAY);
        let of_others =
            if is_known { 0 } else { self.key_wait(0, account, network).max(self.failures_wait(network)) };
        let wait = of_others.max(self.key_wait(1, account, network)).max(self.in_flight_wait(network));
        if wait == 0 {
            let at = self.now;
            self.tried.push(Tried {
                id,
                account,
                network,
                at,
                pending: true,
                counts: [true; 2],
                failed: false,
            });
        }
        wait
    }

    fn settle(&mut self, id: u64, outcome: Outcome) {
        self.advance();
        let index = self.tried.iter().position(|tried| tried.id == id).unwrap();
        let one = self.tried[index];
        self.tried[index].pending = false;
        match outcome {
            Outcome::Failed => {
                self.failures.push((one.network, self.now));
                self.tried[index].failed = true;
                self.advance();
            }
            // What timed out long ago is a failure for good.
            Outcome::GivenBack if one.at + LATE <= self.now => {}
            Outcome::GivenBack => self.tried[index].counts = [false; 2],
            Outcome::Succeeded => {
                self.known.insert((one.account, one.network), self.now);
                for key in 0..2 {
                    self.tried[index].counts[key] = false;
                    for other in &mut self.tried {
                        if is_same(key, &one, other) && other.failed {
                            other.counts[key] = false;
                        }
                    }
                }
            }
        }
    }
}

/// Whether two attempts have the same account (0), or the same account and network (1).
fn is_same(key: usize, one: &Tried, other: &Tried) -> bool {
    one.account == other.account && (key == 0 || one.network == other.network)
}

fn attempt(digests: &ThrottleDigests, account: usize, network: usize) -> Attempt {
    let user = UserId::from(u64::try_from(account).unwrap());
    let address = [192, 0, 2, u8::try_from(network).unwrap()];
    digests.login(&format!("user{account}"), Some(&user), ClientOrigin::Address(address.into()))
}

/// The throttle in memory answers at its first poll.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

fn run(ops: &[Op]) {
    let mut settings = ThrottleSettings::default();
    settings.account_failures = u32::try_from(FAILURES).unwrap();
    settings.network_failures = u32::try_from(NETWORK_FAILURES).unwrap();
    settings.network_in_flight = u32::try_from(IN_FLIGHT).unwrap();
    let settings = Arc::new(settings);
    let (throttle, mut model) = (MemoryThrottle::new(), Model::default());
    let digests = ThrottleDigests::new(&DerivedKey::new([7; 32]));
    let mut pending: Vec<(u64, Attempt)> = Vec::new();
    let step = |step: &ThrottleStep| at_once(throttle.run_step(step)).unwrap();
    for (index, op) in ops.iter().enumerate() {
        let now = START.saturating_add(Duration::from_secs(model.now));
        let id = u64::try_from(index).unwrap();
        match *op {
            Op::Wait { seconds } => model.now += seconds,
            Op::Acquire { account, network } => {
                let attempt = attempt(&digests, account, network);
                let limited = step(&ThrottleStep::acquire(&attempt, id, &settings, now)).limited;
                let wait = limited.map_or(0, |limit| limit.retry_after.as_secs());
                assert_eq!(wait, model.acquire(id, account, network), "{index}: {op:?} in {ops:?}");
                if limited.is_none() {
                    pending.push((id, attempt));
                }
            }
            Op::Settle { choice, outcome } if !pending.is_empty() => {
                let (id, attempt) = pending.remove(choice % pending.len());
                model.settle(id, outcome);
                let settle = match outcome {
                    Outcome::Succeeded => ThrottleStep::succeed,
                    Outcome::Failed => ThrottleStep::fail,
                    Outcome::GivenBack => ThrottleStep::give_back,
                };
                assert_eq!(step(&settle(&attempt, id, &settings, now)).limited, None);
            }
            Op::Settle { .. } => {}
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]

    #[test]
    fn random_interleavings_agree_with_the_model(ops in vec(op(), 1..120)) {
        run(&ops);
    }
}
