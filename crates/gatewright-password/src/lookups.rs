//! The thread on which a list of breached passwords is read.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use gatewright_core::password::BreachedPasswordsError;
use gatewright_core::{ClientNetwork, Password};
use tokio::sync::oneshot;

use crate::queue::{Caller, Shares};
use crate::shared::{Refuse, Shared, Threads};

/// How many look-ups of a list can wait: 256. A further one takes the place of the oldest look-up of the network that
/// has the most, and that one fails because the list is busy.
pub const MAX_WAITING_LOOKUPS: usize = 256;

/// How many look-ups of one network (an IPv4 address, or a /64 of IPv6) can wait: 64. A further one takes the place of
/// the oldest of them. Look-ups without a network have no such limit.
pub const MAX_WAITING_LOOKUPS_PER_NETWORK: usize = MAX_WAITING_LOOKUPS / 4;

/// Look-ups have no account, so they have no share of one.
const SHARES: Shares = Shares {
    queue: MAX_WAITING_LOOKUPS,
    network: MAX_WAITING_LOOKUPS_PER_NETWORK,
    account: MAX_WAITING_LOOKUPS_PER_NETWORK,
};

/// The SHA-1 of a password, as Pwned Passwords publishes it.
pub(crate) type Sha1 = [u8; 20];

/// A list that is read on its own thread.
pub(crate) trait Search: Send + 'static {
    fn contains(&mut self, sha1: &Sha1) -> io::Result<bool>;
}

/// A thread that reads a list. Clones share it. It ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Lookups(Arc<Threads<Call>>);

struct Call {
    sha1: Sha1,
    reply: oneshot::Sender<Result<bool, BreachedPasswordsError>>,
}

impl Refuse for Call {
    fn refuse(self) {
        let _ = self.reply.send(Err(BreachedPasswordsError::busy()));
    }
}

impl Lookups {
    pub(crate) fn start(mut list: impl Search) -> io::Result<Self> {
        let calls = Arc::new(Shared::<Call>::new(SHARES));
        let lookups = Self(Arc::new(Threads(Arc::clone(&calls))));
        let work = move || {
            while let Some(Call { sha1, reply }) = calls.next() {
                // Sending a result wakes the task of the caller, whose waker may panic. The thread continues.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    if !reply.is_closed() {
                        let _ = reply.send(list.contains(&sha1).map_err(BreachedPasswordsError::failed));
                    }
                }));
            }
        };
        thread::Builder::new().name("gatewright-list".to_owned()).spawn(work)?;
        Ok(lookups)
    }

    /// Waits for a turn and the result. A dropped call frees its place.
    pub(crate) async fn contains(
        &self,
        password: &Password,
        network: Option<ClientNetwork>,
    ) -> Result<bool, BreachedPasswordsError> {
        let (reply, result) = oneshot::channel();
        let call = Call { sha1: sha1(password.expose().as_bytes()), reply };
        let _place = self.0.0.enter(Caller { network, account: None }, call);
        result.await.map_err(BreachedPasswordsError::failed)?
    }
}

pub(crate) fn sha1(bytes: &[u8]) -> Sha1 {
    let mut sha1 = Sha1::default();
    let computed = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    for (to, from) in sha1.iter_mut().zip(computed.as_ref()) {
        *to = *from;
    }
    sha1
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Receiver, channel};
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A list that answers when the test says so, and panics if the test has gone.
    struct Slow(Receiver<bool>);

    impl Search for Slow {
        fn contains(&mut self, _: &Sha1) -> io::Result<bool> {
            Ok(self.0.recv().unwrap())
        }
    }

    /// A queue that only the test takes calls from.
    fn without_thread() -> Lookups {
        Lookups(Arc::new(Threads(Arc::new(Shared::new(SHARES)))))
    }

    type Lookup<'a> = Pin<Box<dyn Future<Output = Result<bool, BreachedPasswordsError>> + Send + 'a>>;

    fn lookup<'a>(list: &'a Lookups, password: &'a Password, address: Option<&str>) -> Lookup<'a> {
        let network = address.map(|address| ClientNetwork::of(address.parse().unwrap()));
        Box::pin(list.contains(password, network))
    }

    fn poll(call: &mut Lookup<'_>) -> Poll<Result<bool, BreachedPasswordsError>> {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_busy(call: &mut Lookup<'_>) -> bool {
        matches!(poll(call), Poll::Ready(Err(BreachedPasswordsError::Busy { .. })))
    }

    #[test]
    fn a_flood_of_one_network_leaves_places_and_turns_for_another() {
        let (list, password) = (without_thread(), Password::new("correct horse"));
        let mut flood: Vec<_> = (0..1_000).map(|_| lookup(&list, &password, Some("192.0.2.1"))).collect();
        flood.iter_mut().for_each(|call| assert!(poll(call).is_pending()));
        assert_eq!(list.0.0.waiting(), MAX_WAITING_LOOKUPS_PER_NETWORK);
        assert_eq!(flood.iter_mut().filter_map(|call| is_busy(call).then_some(())).count(), 1_000 - 64);

        let mut honest = lookup(&list, &password, Some("198.51.100.1"));
        assert!(poll(&mut honest).is_pending());
        let answered = (0..2).any(|_| {
            let Call { reply, .. } = list.0.0.next().unwrap();
            reply.send(Ok(true)).unwrap();
            poll(&mut honest).is_ready()
        });
        assert!(answered, "after at most one look-up of the flood");
    }

    #[test]
    fn a_full_queue_takes_the_place_from_the_network_with_the_most_look_ups() {
        let (list, password) = (without_thread(), Password::new("correct horse"));
        let mut unknown: Vec<_> = (0..300).map(|_| lookup(&list, &password, None)).collect();
        unknown.iter_mut().for_each(|call| assert!(poll(call).is_pending()));
        assert_eq!(list.0.0.waiting(), MAX_WAITING_LOOKUPS);
        let mut honest = lookup(&list, &password, Some("198.51.100.1"));
        assert!(poll(&mut honest).is_pending());
        assert_eq!(unknown.iter_mut().filter_map(|call| is_busy(call).then_some(())).count(), 300 - 255);
        assert!(poll(&mut honest).is_pending());
        drop((unknown, honest));
        assert_eq!(list.0.0.waiting(), 0, "a dropped call frees its place");
    }

    #[tokio::test]
    async fn a_thread_answers_one_look_up_after_another() {
        let (answers, waiting) = channel();
        let list = Lookups::start(Slow(waiting)).unwrap();
        let password = Password::new("correct horse");
        for answer in [true, false] {
            answers.send(answer).unwrap();
            assert_eq!(list.contains(&password, None).await.unwrap(), answer);
        }
    }

    #[tokio::test]
    async fn a_list_that_panics_gives_no_answer() {
        let (answers, waiting) = channel();
        let list = Lookups::start(Slow(waiting)).unwrap();
        drop(answers);
        for _ in 0..2 {
            let outcome = list.contains(&Password::new("correct horse"), None).await;
            assert!(matches!(outcome, Err(BreachedPasswordsError::Failed { .. })), "{outcome:?}");
        }
    }

    /// RFC 3174 §7.3.
    #[test]
    fn the_digest_is_sha_1() {
        let expected = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let hex: String = sha1(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}
