//! Random steps on a throttle and on the reference in memory.

use gatewright_core::throttle::{
    Attempt, ClientOrigin, MemoryThrottle, Throttle, ThrottleDigests, ThrottleStep,
};
use gatewright_core::{Timestamp, UserId};

use super::{Bench, Cloned, START, address, seconds};
use crate::SeededRandom;

/// How many steps a seed makes.
const STEPS: usize = 300;

/// The next random attempt: of a few accounts, names without an account, and networks.
fn attempt<T>(bench: &Bench<T>, random: &mut SeededRandom) -> Attempt {
    let number = random.below(3);
    let name = format!("user{number}");
    let user = UserId::new(&name).unwrap();
    let origin = match random.below(7) {
        0 => ClientOrigin::Unknown,
        1 => ClientOrigin::UnknownProxy,
        2 => ClientOrigin::Address("2001:db8::1".parse().unwrap()),
        3 => ClientOrigin::Address("2001:db8:0:1::1".parse().unwrap()),
        network => address(u8::try_from(network).unwrap()),
    };
    match random.below(10) {
        0 => bench.digests.register(origin),
        1 => ThrottleDigests::owner(&user),
        _ => bench.digests.login(&name, (number < 2).then_some(&user), origin),
    }
}

/// A random time: mostly later than the one before, at times a little earlier, rarely very different.
fn moved(now: Timestamp, random: &mut SeededRandom) -> Timestamp {
    let some = seconds(random.below(12) as u64);
    match random.below(60) {
        0 => now.saturating_add(seconds(25 * 60 * 60)),
        1 | 2 => now.saturating_sub(some),
        3 => now.saturating_add(seconds(900)),
        4..10 => now.saturating_add(some),
        _ => now,
    }
}

/// Each outcome is that of the reference, whatever came before. The seeds are fixed.
pub async fn random_steps_agree_with_the_reference<T: Cloned>(handles: [T; 2]) {
    let bench = Bench::with(handles, |settings| {
        settings.account_failures = 3;
        settings.network_failures = 6;
        settings.network_in_flight = 4;
        settings.known_networks_only_after = 5;
        settings.lock_after = 8;
        settings.stuffing_accounts = 4;
        settings.registrations = 2;
    });
    let reference = MemoryThrottle::new();
    let mut random = SeededRandom::new(7);
    let (mut now, mut pending) = (START, Vec::<(Attempt, u64)>::new());
    let (mut admitted, mut limited) = (0, 0);
    for step in 0..STEPS {
        now = moved(now, &mut random);
        let settings = &bench.settings;
        let settled = (random.below(2) == 0).then(|| pending.pop()).flatten();
        let next = match settled {
            Some((attempt, id)) => match random.below(8) {
                0 => ThrottleStep::succeed(&attempt, id, settings, now),
                1 => ThrottleStep::give_back(&attempt, id, settings, now),
                _ => ThrottleStep::fail(&attempt, id, settings, now),
            },
            None => {
                let (attempt, id) = (attempt(&bench, &mut random), bench.next());
                match random.below(20) {
                    0 => ThrottleStep::unlock(&attempt, settings, now),
                    1 => ThrottleStep::forget(&attempt, settings, now),
                    2 => ThrottleStep::look(&attempt, settings, now),
                    _ => {
                        let acquire = ThrottleStep::acquire(&attempt, id, settings, now);
                        pending.push((attempt, id));
                        acquire
                    }
                }
            }
        };
        let expected = reference.run_step(&next).await.unwrap();
        let found = bench.run(&next).await;
        assert_eq!(found, expected, "step {step}: {next:?}");
        match found.limited {
            Some(_) => limited += 1,
            None => admitted += 1,
        }
    }
    assert!(admitted > 100 && limited > 15, "{admitted} admitted, {limited} limited");
}
