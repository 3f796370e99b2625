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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_stored_one_hash_is_computed() {
        let mut argon = Argon::new(Argon2Costs::default()).unwrap();
        let good = argon.hash("correct horse").unwrap();
        let stored =
            ["!", "", "$2b$31$x", "$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"];
        let mut texts: Vec<Option<PasswordHash>> = stored.map(|text| Some(PasswordHash::new(text))).to_vec();
        texts.extend([None, Some(good)]);
        for text in &texts {
            let before = argon.runs;
            let verdict = verify(&mut argon, &Password::new("wrong"), text.as_ref()).unwrap();
            assert_eq!((verdict, argon.runs - before), (PasswordVerdict::Mismatch, 1));
        }
        assert_eq!(texts.len(), 6);
    }
}
