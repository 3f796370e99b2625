//! One thread of the pool: takes jobs until the pool is gone.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crossbeam_channel::Receiver;
use gatewright_core::{HasherError, Password, PasswordHash, PasswordVerdict};
use tokio::sync::oneshot;

use crate::argon::{Argon, Argon2Costs, Outcome};
use crate::bcrypt_hash;

type Answer<T> = oneshot::Sender<Result<T, HasherError>>;

/// What a caller waits for. Whoever stopped waiting has closed the channel, and the work is spared.
pub(crate) enum Job {
    Hash { password: Password, answer: Answer<PasswordHash> },
    Verify { password: Password, stored: Option<PasswordHash>, answer: Answer<PasswordVerdict> },
}

impl Job {
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Hash { answer, .. } => answer.is_closed(),
            Self::Verify { answer, .. } => answer.is_closed(),
        }
    }
}

/// Works until nobody can send a job any more.
pub(crate) fn run(jobs: &Receiver<Job>, costs: Argon2Costs) {
    let mut argon = None;
    for job in jobs {
        match job {
            abandoned if abandoned.is_abandoned() => {}
            Job::Hash { password, answer } => {
                let _ = answer.send(guarded(&mut argon, costs, |argon| hash(argon, &password)));
            }
            Job::Verify { password, stored, answer } => {
                let _ = answer
                    .send(guarded(&mut argon, costs, |argon| verify(argon, &password, stored.as_ref())));
            }
        }
    }
}

/// Does the work with the thread's memory. A panic in a hash function costs that memory and one answer, not the thread.
fn guarded<T>(
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
            argon.waste(password).map_err(HasherError::failed)?;
            Ok(PasswordVerdict::Mismatch)
        }
    }
}
