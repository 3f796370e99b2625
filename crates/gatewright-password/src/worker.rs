//! A thread of the pool. It processes jobs until the pool is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use gatewright_core::{Deadline, HasherError, Password, PasswordHash, PasswordVerdict};
use tokio::sync::oneshot;

use crate::argon::{Argon, Argon2Costs, Outcome, Upgrade};
use crate::bcrypt_hash;
use crate::shared::{Refuse, Shared};

/// The channel for the result of a call.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, HasherError>>;

/// A call that waits for its result.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) deadline: Option<Deadline>,
}

/// What a call asks for.
pub(crate) enum Work {
    Hash { password: Password, reply: Reply<PasswordHash> },
    Verify { password: Password, stored: Option<PasswordHash>, reply: Reply<PasswordVerdict> },
}

impl Job {
    /// Whether the result is not needed any more: the call was cancelled, or its deadline has passed.
    pub(crate) fn is_obsolete(&self) -> bool {
        let is_cancelled = match &self.work {
            Work::Hash { reply, .. } => reply.is_closed(),
            Work::Verify { reply, .. } => reply.is_closed(),
        };
        is_cancelled || self.deadline.as_ref().is_some_and(Deadline::has_passed)
    }
}

impl Refuse for Job {
    /// Answers that the hasher is busy.
    fn refuse(self) {
        match self.work {
            Work::Hash { reply, .. } => drop(reply.send(Err(HasherError::busy()))),
            Work::Verify { reply, .. } => drop(reply.send(Err(HasherError::busy()))),
        }
    }
}

/// Processes jobs until the pool is dropped.
pub(crate) fn run(shared: &Shared<Job>, costs: Argon2Costs, upgrade: Upgrade) {
    let mut worker = Worker { argon: None, costs, upgrade };
    while let Some(job) = shared.next() {
        // Sending a result wakes the task of the caller, whose waker may panic. The thread continues.
        let _ = catch_unwind(AssertUnwindSafe(|| worker.process(job)));
    }
}

/// The memory of a thread, and how it is set up.
struct Worker {
    argon: Option<Argon>,
    costs: Argon2Costs,
    upgrade: Upgrade,
}

impl Worker {
    fn process(&mut self, job: Job) {
        if job.is_obsolete() {
            return job.refuse();
        }
        match job.work {
            Work::Hash { password, reply } => {
                let _ = reply.send(self.catch(|argon| hash(argon, &password)));
            }
            Work::Verify { password, stored, reply } => {
                let _ = reply.send(self.catch(|argon| verify(argon, &password, stored.as_ref())));
            }
        }
    }

    /// Runs the work with the thread's memory. If a hash function panics, this call fails and the
    /// memory is dropped; the thread continues.
    fn catch<T>(
        &mut self,
        work: impl FnOnce(&mut Argon) -> Result<T, HasherError>,
    ) -> Result<T, HasherError> {
        let mut argon = match self.argon.take() {
            Some(argon) => argon,
            None => Argon::new(self.costs, self.upgrade).map_err(HasherError::failed)?,
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verification_computes_exactly_one_hash() {
        let mut argon = Argon::new(Argon2Costs::default(), Upgrade::default()).unwrap();
        let valid = argon.hash("correct horse").unwrap();
        let stored =
            ["!", "", "$2b$31$x", "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"];
        let mut texts: Vec<Option<PasswordHash>> = stored.map(|text| Some(PasswordHash::new(text))).to_vec();
        texts.extend([None, Some(valid)]);
        for text in &texts {
            let before = argon.runs;
            let verdict = verify(&mut argon, &Password::new("wrong"), text.as_ref()).unwrap();
            assert_eq!((verdict, argon.runs - before), (PasswordVerdict::Mismatch, 1));
        }
        assert_eq!(texts.len(), 6);
    }
}
