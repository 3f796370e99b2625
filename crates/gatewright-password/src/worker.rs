//! A thread of the pool. It processes jobs until the pool is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatewright_core::event::QueueOutcome;
use gatewright_core::{Deadline, HasherError, Password, PasswordHash, PasswordVerdict};
use tokio::sync::oneshot;

use crate::argon::{Argon, Hashing, Outcome};
use crate::bcrypt_hash;
use crate::meter::{Meter, QueuedCall};
use crate::shared::{Refuse, Shared};

/// The channel for the result of a call.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, HasherError>>;

/// A call that waits for its result.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) deadline: Option<Deadline>,
    /// `None` if nothing is measured.
    pub(crate) queued: Option<QueuedCall>,
}

/// What a call asks for.
pub(crate) enum Work {
    Hash { password: Password, reply: Reply<PasswordHash> },
    Verify { password: Password, stored: Option<PasswordHash>, reply: Reply<PasswordVerdict> },
}

impl Job {
    /// Whether the result is not needed any more: the call was cancelled, or its deadline has passed.
    pub(crate) fn is_obsolete(&self) -> bool {
        self.is_cancelled() || self.deadline.as_ref().is_some_and(Deadline::has_passed)
    }

    fn is_cancelled(&self) -> bool {
        match &self.work {
            Work::Hash { reply, .. } => reply.is_closed(),
            Work::Verify { reply, .. } => reply.is_closed(),
        }
    }
}

impl Refuse for Job {
    /// Answers that the hasher is busy.
    fn refuse(mut self) {
        let outcome = if self.is_cancelled() { QueueOutcome::Abandoned } else { QueueOutcome::Busy };
        self.queued.take().into_iter().for_each(|queued| queued.leave(outcome));
        match self.work {
            Work::Hash { reply, .. } => drop(reply.send(Err(HasherError::busy()))),
            Work::Verify { reply, .. } => drop(reply.send(Err(HasherError::busy()))),
        }
    }
}

/// Processes jobs until the pool is dropped.
pub(crate) fn run(shared: &Shared<Job>, hashing: Hashing, meter: Option<Meter>) {
    let mut worker = Worker { argon: None, hashing, meter };
    while let Some(job) = shared.next() {
        // Sending a result wakes the task of the caller, whose waker may panic. The thread continues.
        let _ = catch_unwind(AssertUnwindSafe(|| worker.process(job)));
    }
}

/// The memory of a thread, and how it is set up.
struct Worker {
    argon: Option<Argon>,
    hashing: Hashing,
    meter: Option<Meter>,
}

impl Worker {
    fn process(&mut self, job: Job) {
        if job.is_obsolete() {
            return job.refuse();
        }
        job.queued.into_iter().for_each(|queued| queued.leave(QueueOutcome::Started));
        match job.work {
            Work::Hash { password, reply } => {
                let _ = reply.send(self.measure(|argon| hash(argon, &password)));
            }
            Work::Verify { password, stored, reply } => {
                let _ = reply.send(self.measure(|argon| verify(argon, &password, stored.as_ref())));
            }
        }
    }

    fn measure<T>(
        &mut self,
        work: impl FnOnce(&mut Argon) -> Result<T, HasherError>,
    ) -> Result<T, HasherError> {
        let began = self.meter.as_ref().map(Meter::now);
        let result = self.catch(work);
        if let Some((meter, began)) = self.meter.as_ref().zip(began) {
            meter.hashed(began, &result);
        }
        result
    }

    /// Runs the work with the thread's memory. If a hash function panics, this call fails and the
    /// memory is dropped; the thread continues.
    fn catch<T>(
        &mut self,
        work: impl FnOnce(&mut Argon) -> Result<T, HasherError>,
    ) -> Result<T, HasherError> {
        let mut argon = match self.argon.take() {
            Some(argon) => argon,
            None => Argon::new(&self.hashing).map_err(HasherError::failed)?,
        };
        let done = catch_unwind(AssertUnwindSafe(|| {
            let result = work(&mut argon);
            (argon, result)
        }));
        match done {
            Ok((argon, result)) => {
                self.argon = Some(argon);
                result
            }
            Err(_) => Err(HasherError::failed("the hash function panicked")),
        }
    }
}

fn hash(argon: &mut Argon, password: &Password) -> Result<PasswordHash, HasherError> {
    argon.hash(password.expose()).map_err(HasherError::failed)
}

fn verify(
    argon: &mut Argon,
    password: &Password,
    stored: Option<&PasswordHash>,
) -> Result<PasswordVerdict, HasherError> {
    let password = password.expose();
    let outcome = match stored.map(PasswordHash::expose) {
        None => Outcome::Unusable,
        Some(stored) if bcrypt_hash::is_bcrypt(stored) => bcrypt_hash::verify(password, stored),
        Some(stored) => argon.verify(password, stored).map_err(HasherError::failed)?,
    };
    match outcome {
        Outcome::Verdict(verdict) => Ok(verdict),
        Outcome::Unusable => {
            argon.compute_dummy(password).map_err(HasherError::failed)?;
            Ok(PasswordVerdict::Mismatch)
        }
        Outcome::UnknownPepper(id) => {
            argon.compute_dummy(password).map_err(HasherError::failed)?;
            Err(HasherError::unknown_pepper(&id))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::argon::Argon2Costs;
    use crate::pepper::{Pepper, Peppers};

    fn argon(current: Option<&str>, previous: &[&str]) -> Argon {
        let pepper =
            |id: &str| Pepper::new(id, format!("{id}: a secret of this unit test, 40 bytes")).unwrap();
        let previous = previous.iter().map(|id| pepper(id)).collect();
        let peppers = Arc::new(Peppers { current: current.map(pepper), previous });
        Argon::new(&Hashing { costs: Argon2Costs::new(7 * 1024, 5, 1), peppers, ..Hashing::default() })
            .unwrap()
    }

    /// The verdict, or the id of the unknown pepper; and how many hashes were computed.
    fn judge(
        argon: &mut Argon,
        password: &str,
        stored: Option<&PasswordHash>,
    ) -> (Result<PasswordVerdict, String>, usize) {
        let before = argon.runs;
        let verdict = verify(argon, &Password::new(password), stored);
        let verdict = verdict.map_err(|error| match error {
            HasherError::UnknownPepper { id, .. } => id,
            other => panic!("{other}"),
        });
        (verdict, argon.runs - before)
    }

    #[test]
    fn every_verification_computes_exactly_one_hash() {
        for mut argon in [argon(None, &[]), argon(Some("a"), &["b"])] {
            let valid = argon.hash("correct horse").unwrap();
            let stored =
                ["!", "", "$2b$31$x", "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"];
            let mut texts: Vec<Option<PasswordHash>> =
                stored.map(|text| Some(PasswordHash::new(text))).to_vec();
            texts.extend([None, Some(valid)]);
            for text in &texts {
                assert_eq!(judge(&mut argon, "wrong", text.as_ref()), (Ok(PasswordVerdict::Mismatch), 1));
            }
            assert_eq!(texts.len(), 6);
        }
    }

    /// A row is a pool, a column the pepper with which the stored hash was made.
    #[test]
    fn a_hash_is_verified_with_its_own_pepper_and_replaced_if_new_ones_have_another() {
        use PasswordVerdict::{Match, MatchUpgrade, Mismatch};
        let none = || PasswordHash::new(argon(None, &[]).hash("correct horse").unwrap().expose());
        let of = |id| argon(Some(id), &[]).hash("correct horse").unwrap();
        let stored = [none(), of("a"), of("b"), of("c")];
        let unknown = |id: &str| Err(id.to_owned());
        for (mut pool, expected) in [
            (argon(None, &[]), [Ok(Match), unknown("a"), unknown("b"), unknown("c")]),
            (argon(None, &["a"]), [Ok(Match), Ok(Match), unknown("b"), unknown("c")]),
            (argon(Some("a"), &[]), [Ok(MatchUpgrade), Ok(Match), unknown("b"), unknown("c")]),
            (argon(Some("a"), &["b"]), [Ok(MatchUpgrade), Ok(Match), Ok(MatchUpgrade), unknown("c")]),
            (
                argon(Some("c"), &["b", "a"]),
                [Ok(MatchUpgrade), Ok(MatchUpgrade), Ok(MatchUpgrade), Ok(Match)],
            ),
        ] {
            for (stored, right) in stored.iter().zip(expected) {
                let wrong = right.clone().map(|_| Mismatch);
                assert_eq!(
                    judge(&mut pool, "correct horse", Some(stored)),
                    (right, 1),
                    "{}",
                    stored.expose()
                );
                assert_eq!(judge(&mut pool, "correct hors", Some(stored)), (wrong, 1), "{}", stored.expose());
            }
        }
    }

    /// The same id with another secret: the pepper was replaced without a new id.
    #[test]
    fn a_wrong_secret_under_the_right_id_never_matches() {
        let hash = argon(Some("a"), &[]).hash("correct horse").unwrap();
        let other = Pepper::new("a", "another secret of this unit test, 40 bytes").unwrap();
        let peppers = Arc::new(Peppers { current: Some(other), previous: Vec::new() });
        let costs = Argon2Costs::new(7 * 1024, 5, 1);
        let mut wrong = Argon::new(&Hashing { costs, peppers, ..Hashing::default() }).unwrap();
        assert_eq!(judge(&mut wrong, "correct horse", Some(&hash)), (Ok(PasswordVerdict::Mismatch), 1));
    }

    /// A hash without its `keyid`, or with that of another pepper, is another hash.
    #[test]
    fn a_hash_whose_pepper_was_renamed_or_removed_never_matches() {
        let mut argon = argon(Some("a"), &["b"]);
        let hash = argon.hash("correct horse").unwrap().expose().to_owned();
        for changed in [hash.replace(",keyid=YQ", ""), hash.replace("keyid=YQ", "keyid=Yg")] {
            assert_ne!(changed, hash);
            let stored = PasswordHash::new(changed);
            assert_eq!(judge(&mut argon, "correct horse", Some(&stored)), (Ok(PasswordVerdict::Mismatch), 1));
        }
    }

    #[test]
    fn ids_that_are_not_printable_are_escaped_in_errors() {
        let stored = "$argon2id$v=19$m=19456,t=2,p=1,keyid=AAoixQ$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo";
        let judged = judge(&mut argon(Some("a"), &[]), "pw", Some(&PasswordHash::new(stored)));
        assert_eq!(judged, (Err(r#"\x00\n\"\xc5"#.to_owned()), 1));
    }
}
