//! A thread of the pool. It processes jobs until the pool is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use gatewright_core::{HasherError, Password, PasswordHash, PasswordVerdict};
use tokio::sync::oneshot;

use crate::argon::{Argon, Argon2Costs, Outcome};
use crate::bcrypt_hash;

/// The channel for the result of a call.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, HasherError>>;

/// A call that waits for its result. A cancelled call has closed its channel, and its job is
/// skipped.
pub(crate) enum Job {
    Hash { password: Password, reply: Reply<PasswordHash> },
    Verify { password: Password, stored: Option<PasswordHash>, reply: Reply<PasswordVerdict> },
}

impl Job {
    fn is_cancelled(&self) -> bool {
        match self {
            Self::Hash { reply, .. } => reply.is_closed(),
            Self::Verify { reply, .. } => reply.is_closed(),
        }
    }
}

/// Processes jobs until all senders of the channel are dropped.
pub(crate) fn run(jobs: &Receiver<Job>, costs: Argon2Costs) {
    let mut argon = None;
    for job in jobs {
        match job {
            job if job.is_cancelled() => {}
            Job::Hash { password, reply } => {
                let _ = reply.send(catch(&mut argon, costs, |argon| hash(argon, &password)));
            }
            Job::Verify { password, stored, reply } => {
                let verify = |argon: &mut Argon| verify(argon, &password, stored.as_ref());
                let _ = reply.send(catch(&mut argon, costs, verify));
            }
        }
    }
}

/// Runs the work with the thread's memory. If a hash function panics, this call fails and the
/// memory is dropped; the thread continues.
fn catch<T>(
    slot: &mut Option<Argon>,
    costs: Argon2Costs,
    work: impl FnOnce(&mut Argon) -> Result<T, HasherError>,
) -> Result<T, HasherError> {
    let mut argon = match slot.take() {
        Some(argon) => argon,
        None => Argon::new(costs).map_err(HasherError::failed)?,
    };
    let done = catch_unwind(AssertUnwindSafe(|| {
        let result = work(&mut argon);
        (argon, result)
    }));
    match done {
        Ok((argon, result)) => {
            *slot = Some(argon);
            result
        }
        Err(_) => Err(HasherError::failed("the hash function panicked")),
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
        let mut argon = Argon::new(Argon2Costs::default()).unwrap();
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
