//! The refusal floor: refusals that could show by their time whether an account exists are answered no
//! earlier than a fixed time after their request arrived.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::reports::Reports;
use crate::error::AuthError;
use crate::event::Event;
use crate::types::{ClientInfo, ClientNetwork, Timer};

/// The earliest answer to a refused login, measured from its arrival, unless set: 400 milliseconds. It is twice that for
/// a password that is not in its [normal form](crate::Password::normalized): its refusal computes two hashes.
pub const DEFAULT_REFUSAL_FLOOR: Duration = Duration::from_millis(400);
/// The highest refusal floor that can be set: 2 seconds, which is 4 seconds for a refusal that computes two hashes.
pub const MAX_REFUSAL_FLOOR: Duration = Duration::from_secs(2);
/// How many refusals an [`Auth`](crate::Auth) holds back at a time: 1,024, and a quarter of them for one
/// [`ClientNetwork`]. While it holds as many, a login, a registration or a password change that arrives (from
/// that network) gets 503 before any look-up. Clients without an address have no such quarter.
pub const MAX_HELD_REFUSALS: usize = 1024;

/// The places of one network.
const NETWORK_SHARE: usize = MAX_HELD_REFUSALS / 4;

/// Whether a failure could show by its time how long a stored hash takes: a password has two forms, and the hasher may
/// have refused the second after it had computed the first.
pub(crate) const fn shows_first_hash(error: &AuthError, hashes: u32) -> bool {
    hashes > 1 && matches!(error, AuthError::Hasher(_))
}

/// The refusal floor of an `Auth`.
pub(crate) struct RefusalFloor {
    floor: Duration,
    timer: Arc<dyn Timer>,
    held: Held,
    /// The refusals that took longer than the floor.
    overruns: Reports,
}

impl RefusalFloor {
    pub(crate) fn new(floor: Duration, timer: Arc<dyn Timer>) -> Self {
        Self { floor, timer, held: Held::default(), overruns: Reports::default() }
    }

    /// Runs a call of this client. If `is_held` says so of its outcome, the outcome is returned no earlier than
    /// the floor after the start, for each of the `hashes` that a refusal computes. Their number must not depend on
    /// the account.
    ///
    /// The future of the call, with the password in it, is dropped before the wait.
    ///
    /// # Errors
    /// Those of the call, or [`AuthError::TooManyRefusals`] before it starts.
    pub(crate) async fn apply<T>(
        &self,
        report: impl FnOnce(&Event<'_>),
        client: &ClientInfo,
        hashes: u32,
        call: impl Future<Output = Result<T, AuthError>>,
        is_held: impl FnOnce(&Result<T, AuthError>) -> bool,
    ) -> Result<T, AuthError> {
        if self.floor.is_zero() {
            return call.await;
        }
        // Not after the call: the time of this answer would be the time of the call.
        let network = client.address.map(ClientNetwork::of);
        if self.held.is_full(network) {
            return Err(AuthError::TooManyRefusals {});
        }
        let arrived = self.timer.now();
        let outcome = call.await;
        if is_held(&outcome) {
            let elapsed = self.timer.now().saturating_sub(arrived);
            let floor = self.floor.saturating_mul(hashes);
            match floor.checked_sub(elapsed) {
                Some(rest) => self.hold(network, rest).await,
                None => self.record_overrun(floor, elapsed, report),
            }
        }
        outcome
    }

    async fn hold(&self, network: Option<ClientNetwork>, rest: Duration) {
        let _place = self.held.take(network);
        self.timer.sleep(rest).await;
    }

    fn record_overrun(&self, floor: Duration, elapsed: Duration, report: impl FnOnce(&Event<'_>)) {
        if let Some(count) = self.overruns.record(self.timer.now()) {
            report(&Event::RefusalFloorExceeded { floor, elapsed, count });
        }
    }
}

/// How many refusals are held back, in all and of each network.
#[derive(Default)]
struct Held(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    all: usize,
    /// Only networks with refusals that are held back.
    of_networks: HashMap<ClientNetwork, usize>,
}

impl Held {
    /// Whether there is no place for another refusal of this network. The share of a network is off for clients
    /// without an address.
    fn is_full(&self, network: Option<ClientNetwork>) -> bool {
        let counts = self.lock();
        let of_network = network.and_then(|network| counts.of_networks.get(&network));
        counts.all >= MAX_HELD_REFUSALS || of_network.is_some_and(|held| *held >= NETWORK_SHARE)
    }

    fn take(&self, network: Option<ClientNetwork>) -> Place<'_> {
        let mut counts = self.lock();
        counts.all = counts.all.saturating_add(1);
        if let Some(network) = network {
            let held = counts.of_networks.entry(network).or_default();
            *held = held.saturating_add(1);
        }
        Place { held: self, network }
    }

    fn give_back(&self, network: Option<ClientNetwork>) {
        let mut counts = self.lock();
        counts.all = counts.all.saturating_sub(1);
        let Some(network) = network else { return };
        let Some(held) = counts.of_networks.get_mut(&network) else { return };
        *held = held.saturating_sub(1);
        if *held == 0 {
            counts.of_networks.remove(&network);
        }
    }

    /// No foreign code runs while the lock is held, so a panic cannot leave the counts inconsistent.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A refusal that is held back. It is counted until it is dropped.
struct Place<'a> {
    held: &'a Held,
    network: Option<ClientNetwork>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.held.give_back(self.network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise an attacker with many addresses would fill the memory.
    #[test]
    fn a_network_without_held_refusals_is_not_kept() {
        let held = Held::default();
        let counts = || {
            let counts = held.lock();
            (counts.all, counts.of_networks.len())
        };
        let network = |text: &str| Some(ClientNetwork::of(text.parse().unwrap()));
        let places = ["192.0.2.1", "192.0.2.1", "192.0.2.2"].map(|address| held.take(network(address)));
        let unknown = held.take(None);
        assert_eq!(counts(), (4, 2));
        drop(places);
        assert_eq!(counts(), (1, 0));
        drop(unknown);
        assert_eq!(counts(), (0, 0));
    }
}
