//! The thread on which a list of breached passwords is read.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use gatewright_core::Password;
use gatewright_core::password::BreachedPasswordsError;
use tokio::sync::oneshot;

/// How many look-ups of a list can wait: 256. Further ones fail because the list is busy.
pub const MAX_WAITING_LOOKUPS: usize = 256;

/// The SHA-1 of a password, as Pwned Passwords publishes it.
pub(crate) type Sha1 = [u8; 20];

/// A list that is read on its own thread.
pub(crate) trait Search: Send + 'static {
    fn contains(&mut self, sha1: &Sha1) -> io::Result<bool>;
}

/// A thread that reads a list. Clones share it. It ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Lookups(SyncSender<Call>);

struct Call {
    sha1: Sha1,
    reply: oneshot::Sender<io::Result<bool>>,
}

impl Lookups {
    pub(crate) fn start(mut list: impl Search) -> io::Result<Self> {
        let (calls, waiting) = sync_channel::<Call>(MAX_WAITING_LOOKUPS);
        let work = move || {
            for Call { sha1, reply } in waiting {
                // Sending a result wakes the task of the caller, whose waker may panic. The thread continues.
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    if !reply.is_closed() {
                        let _ = reply.send(list.contains(&sha1));
                    }
                }));
            }
        };
        thread::Builder::new().name("gatewright-list".to_owned()).spawn(work)?;
        Ok(Self(calls))
    }

    pub(crate) async fn contains(&self, password: &Password) -> Result<bool, BreachedPasswordsError> {
        let (reply, result) = oneshot::channel();
        match self.0.try_send(Call { sha1: sha1(password.expose().as_bytes()), reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(BreachedPasswordsError::busy()),
            Err(TrySendError::Disconnected(_)) => {
                return Err(BreachedPasswordsError::failed("its thread has ended"));
            }
        }
        let found = result.await.map_err(BreachedPasswordsError::failed)?;
        found.map_err(BreachedPasswordsError::failed)
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

    fn poll(call: &mut std::pin::Pin<Box<impl Future>>) -> bool {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn look_ups_beyond_the_bound_are_busy_at_once() {
        let (answers, waiting) = channel();
        let list = Lookups::start(Slow(waiting)).unwrap();
        let password = Password::new("correct horse");
        let mut calls: Vec<_> =
            (0..=MAX_WAITING_LOOKUPS).map(|_| Box::pin(list.contains(&password))).collect();
        assert!(calls.iter_mut().take(MAX_WAITING_LOOKUPS).all(|call| !poll(call)));
        // The thread may have taken one call out of the queue, so one more may have a place.
        let mut more: Vec<_> = (0..2).map(|_| Box::pin(list.contains(&password))).collect();
        let refused = more.iter_mut().any(|call| {
            let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            matches!(polled, Poll::Ready(Err(BreachedPasswordsError::Busy { .. })))
        });
        assert!(refused);
        drop((calls, more));
        // The thread still waits for the call that it has begun, if it has begun one.
        answers.send(true).unwrap();
        answers.send(true).unwrap();
        while let Err(BreachedPasswordsError::Busy { .. }) = list.contains(&password).await {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_list_that_panics_gives_no_answer() {
        let (answers, waiting) = channel();
        let list = Lookups::start(Slow(waiting)).unwrap();
        drop(answers);
        let outcome = list.contains(&Password::new("correct horse")).await;
        assert!(matches!(outcome, Err(BreachedPasswordsError::Failed { .. })), "{outcome:?}");
        let again = list.contains(&Password::new("correct horse")).await;
        assert!(matches!(again, Err(BreachedPasswordsError::Failed { .. })), "{again:?}");
    }

    /// RFC 3174 §7.3.
    #[test]
    fn the_digest_is_sha_1() {
        let expected = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let hex: String = sha1(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, expected);
    }
}
