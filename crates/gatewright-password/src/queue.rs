//! The queue of the pool: who may wait, and who is next.
//!
//! Two rules keep one client from using the whole pool:
//! - **Shares.** An account and network together, a network, and the queue have a number of places. A call
//!   that finds its share full takes the place of the oldest call in that share, and that one fails. If the
//!   whole queue is full, the network with the most calls loses its oldest one.
//! - **Turns.** The next call is one of the network that was served longest ago. So a network with many
//!   waiting calls does not delay another one by more than one hash. Among calls that are equal in this, the
//!   oldest is next, or the newest while the queue is at least half full: then old calls will miss their
//!   deadline anyway.

use std::cmp::Reverse;
use std::collections::HashMap;

use gatewright_core::{AccountKey, ClientNetwork};

/// The number of places of each share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    /// All calls.
    pub(crate) queue: usize,
    /// The calls of one network. Calls without a network have no such share.
    pub(crate) network: usize,
    /// The calls for one account from one network. All calls without a network count as one network here.
    /// Calls without an account have no such share.
    pub(crate) account: usize,
}

/// On whose behalf a call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) network: Option<ClientNetwork>,
    pub(crate) account: Option<AccountKey>,
}

/// The number of a call, in the order of arrival.
pub(crate) type Ticket = u64;

/// The waiting calls.
pub(crate) struct Queue<T> {
    shares: Shares,
    /// In the order of arrival. It is short, so every search looks at all.
    waiting: Vec<Waiting<T>>,
    next_ticket: Ticket,
    turns: Turns,
}

struct Waiting<T> {
    ticket: Ticket,
    caller: Caller,
    call: T,
}

impl<T> Queue<T> {
    pub(crate) fn new(shares: Shares) -> Self {
        Self { shares, waiting: Vec::new(), next_ticket: 0, turns: Turns::new(shares.queue) }
    }

    /// The number of waiting calls.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a call. Returns its ticket, and the call that lost its place to it.
    pub(crate) fn enter(&mut self, caller: Caller, call: T) -> (Ticket, Option<T>) {
        let loser = self.loser(caller).map(|index| self.waiting.remove(index).call);
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        self.waiting.push(Waiting { ticket, caller, call });
        (ticket, loser)
    }

    /// Removes a call before its turn. `None` if it has had its turn, or lost its place.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<T> {
        let index = self.waiting.iter().position(|waiting| waiting.ticket == ticket)?;
        Some(self.waiting.remove(index).call)
    }

    /// Removes the call whose turn it is.
    pub(crate) fn next(&mut self) -> Option<T> {
        let newest_first = self.waiting.len() >= self.shares.queue.div_ceil(2);
        let rank = |index: usize| if newest_first { usize::MAX - index } else { index };
        let turn =
            |(index, waiting): &(usize, &Waiting<T>)| (self.turns.last(waiting.caller.network), rank(*index));
        let (index, _) = self.waiting.iter().enumerate().min_by_key(turn)?;
        let Waiting { caller, call, .. } = self.waiting.remove(index);
        self.turns.record(caller.network);
        Some(call)
    }

    /// The oldest call of the share that has no place for another call of this caller.
    fn loser(&self, caller: Caller) -> Option<usize> {
        let full = |places: usize, shares_with: &dyn Fn(&Waiting<T>) -> bool| {
            let mut sharing = self.waiting.iter().enumerate().filter(|(_, waiting)| shares_with(waiting));
            let oldest = sharing.next()?.0;
            (sharing.count() + 1 >= places).then_some(oldest)
        };
        let same_account = |waiting: &Waiting<T>| waiting.caller == caller;
        let same_network = |waiting: &Waiting<T>| waiting.caller.network == caller.network;
        let of_account = caller.account.and_then(|_| full(self.shares.account, &same_account));
        let of_network = || caller.network.and_then(|_| full(self.shares.network, &same_network));
        let of_queue =
            || full(self.shares.queue, &|_| true).and_then(|_| self.oldest_of_the_largest_network());
        of_account.or_else(of_network).or_else(of_queue)
    }

    /// The oldest call of the network that has the most. Of several such networks, the oldest call counts.
    fn oldest_of_the_largest_network(&self) -> Option<usize> {
        let mut networks: HashMap<Option<ClientNetwork>, (usize, Reverse<usize>)> = HashMap::new();
        for (index, waiting) in self.waiting.iter().enumerate() {
            let (count, _oldest) = networks.entry(waiting.caller.network).or_insert((0, Reverse(index)));
            *count += 1;
        }
        networks.into_values().max().map(|(_, Reverse(oldest))| oldest)
    }
}

/// When each network had its last turn. Only the last turns are kept.
struct Turns {
    kept: usize,
    count: u64,
    last: HashMap<Option<ClientNetwork>, u64>,
}

impl Turns {
    fn new(kept: usize) -> Self {
        Self { kept, count: 0, last: HashMap::new() }
    }

    /// The number of the network's last turn, or zero.
    fn last(&self, network: Option<ClientNetwork>) -> u64 {
        self.last.get(&network).copied().unwrap_or(0)
    }

    fn record(&mut self, network: Option<ClientNetwork>) {
        self.count = self.count.saturating_add(1);
        self.last.insert(network, self.count);
        if self.last.len() > self.kept.saturating_mul(2) {
            let oldest = self.count.saturating_sub(self.kept as u64);
            self.last.retain(|_, turn| *turn > oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: Shares = Shares { queue: 8, network: 4, account: 2 };

    fn caller(network: &str, account: &str) -> Caller {
        let network = (!network.is_empty()).then(|| ClientNetwork::of(network.parse().unwrap()));
        let account = (!account.is_empty()).then(|| AccountKey::of_name(account));
        Caller { network, account }
    }

    /// Adds calls, each named by its network and account. Returns those that lost their place.
    fn enter<'a>(queue: &mut Queue<&'a str>, calls: &[(&str, &str, &'a str)]) -> Vec<&'a str> {
        let lost =
            calls.iter().map(|(network, account, name)| queue.enter(caller(network, account), *name).1);
        lost.flatten().collect()
    }

    fn order<'a>(queue: &mut Queue<&'a str>) -> Vec<&'a str> {
        std::iter::from_fn(|| queue.next()).collect()
    }

    #[test]
    fn one_account_from_one_network_has_its_share() {
        let mut queue = Queue::new(SHARES);
        let a = "192.0.2.1";
        assert!(enter(&mut queue, &[(a, "ada", "1"), (a, "ada", "2"), (a, "eve", "3")]).is_empty());
        assert_eq!(enter(&mut queue, &[(a, "ada", "4")]), ["1"], "the oldest call of the share");
        let mapped = enter(&mut queue, &[("::ffff:192.0.2.1", "ada", "5")]);
        assert_eq!(mapped, ["2"], "an IPv4-mapped address is no second network");
        let elsewhere = enter(&mut queue, &[("192.0.2.2", "ada", "6"), ("192.0.2.2", "ada", "7")]);
        assert!(elsewhere.is_empty(), "the account has another share from another network");
        assert_eq!(order(&mut queue).len(), 5);
    }

    #[test]
    fn many_accounts_from_one_network_have_its_share() {
        let mut queue = Queue::new(SHARES);
        let same = ["2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:0:1:ffff::3", "2001:db8:0:1::4"];
        let calls: Vec<_> =
            same.iter().zip(["a", "b", "c", "d"]).map(|(net, name)| (*net, name, name)).collect();
        assert!(enter(&mut queue, &calls).is_empty());
        assert_eq!(enter(&mut queue, &[("2001:db8:0:1::5", "e", "e")]), ["a"]);
        assert!(enter(&mut queue, &[("2001:db8:0:2::1", "a", "other")]).is_empty());
        assert_eq!(queue.len(), 5);
    }

    #[test]
    fn without_an_address_only_the_share_of_a_network_is_off() {
        let mut queue = Queue::new(SHARES);
        let names = ["1", "2", "3", "4", "5", "6"];
        let calls: Vec<_> = names.iter().map(|name| ("", *name, *name)).collect();
        assert!(enter(&mut queue, &calls).is_empty(), "more than a network's share");
        assert_eq!(enter(&mut queue, &[("", "1", "7"), ("", "1", "8")]), ["1"], "the account has its share");
        assert!(enter(&mut queue, &[("", "", "9")]).is_empty(), "without an account there is no such share");
        assert_eq!(enter(&mut queue, &[("", "", "10")]), ["2"], "the queue is full");
    }

    #[test]
    fn a_full_queue_takes_the_place_from_the_network_with_the_most_calls() {
        let mut queue = Queue::new(SHARES);
        for (network, names) in [("192.0.2.1", ["1", "2", "3", "4"]), ("192.0.2.2", ["5", "6", "7", "8"])] {
            assert!(enter(&mut queue, &names.map(|name| (network, name, name))).is_empty());
        }
        assert_eq!(enter(&mut queue, &[("198.51.100.1", "ada", "honest")]), ["1"]);
        assert_eq!(enter(&mut queue, &[("198.51.100.2", "bob", "other")]), ["5"]);
        assert_eq!(queue.len(), 8);
        let first: Vec<_> = order(&mut queue).into_iter().take(4).collect();
        assert!(first.contains(&"honest") && first.contains(&"other"), "{first:?}");
    }

    #[test]
    fn networks_take_turns_also_if_one_always_has_a_new_call() {
        let mut queue = Queue::new(SHARES);
        let flood = "192.0.2.1";
        enter(&mut queue, &[(flood, "1", "flood"), (flood, "2", "flood"), (flood, "3", "flood")]);
        assert_eq!(queue.next(), Some("flood"));
        enter(&mut queue, &[("198.51.100.1", "ada", "honest"), (flood, "4", "flood")]);
        assert_eq!(queue.next(), Some("honest"));
        // A network that comes back with one call at a time was served just now.
        assert_eq!(order(&mut queue), ["flood", "flood", "flood"]);
        enter(&mut queue, &[(flood, "5", "flood"), ("198.51.100.2", "bob", "honest")]);
        assert_eq!(queue.next(), Some("honest"));
    }

    #[test]
    fn the_newest_call_is_next_only_while_the_queue_is_half_full() {
        let mut queue = Queue::new(SHARES);
        let names = ["1", "2", "3", "4", "5"];
        enter(&mut queue, &names.map(|name| ("", name, name)));
        assert_eq!(order(&mut queue), ["5", "4", "1", "2", "3"]);
    }

    #[test]
    fn a_call_that_leaves_frees_its_place() {
        let mut queue = Queue::new(Shares { queue: 1, network: 1, account: 1 });
        let (ticket, lost) = queue.enter(caller("192.0.2.1", "ada"), "1");
        assert_eq!((lost, queue.leave(ticket), queue.leave(ticket)), (None, Some("1"), None));
        let (_, lost) = queue.enter(caller("192.0.2.1", "ada"), "2");
        assert_eq!((lost, queue.next(), queue.next()), (None, Some("2"), None));
    }

    /// 300 calls wait all the time, from 4 networks. Each of 20 other networks is served after at
    /// most one call of each of the 4, so with one thread after 4 hashes.
    #[test]
    fn a_flood_from_few_networks_does_not_delay_the_others() {
        let mut queue = Queue::new(Shares { queue: 256, network: 64, account: 4 });
        let mut number = 0_u32;
        let mut flood = |queue: &mut Queue<String>| {
            number += 1;
            let (_, lost) =
                queue.enter(caller(&format!("192.0.2.{}", number % 4), &number.to_string()), "flood".into());
            assert!(lost.is_none_or(|lost| lost == "flood"));
        };
        (0..300).for_each(|_| flood(&mut queue));
        assert_eq!(queue.len(), 256);
        for honest in 0..20 {
            let name = format!("198.51.100.{honest}");
            let (_, lost) = queue.enter(caller(&name, "ada"), name.clone());
            assert!(lost.is_none_or(|lost| lost == "flood"));
            (0..50).for_each(|_| flood(&mut queue));
            let turns: Vec<_> = (0..5).filter_map(|_| queue.next()).collect();
            assert!(turns.contains(&name), "{turns:?}");
        }
    }

    #[test]
    fn the_turns_of_many_networks_stay_bounded() {
        let mut queue = Queue::new(SHARES);
        for number in 0..1_000 {
            queue.enter(caller(&format!("10.0.{}.{}", number / 256, number % 256), "x"), "");
            assert_eq!(queue.next(), Some(""));
            assert!(queue.turns.last.len() <= 16);
        }
    }
}
