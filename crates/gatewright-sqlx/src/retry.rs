//! Retries of operations that the database rolled back because of another transaction.

use std::time::Duration;

use gatewright_core::StoreError;
use tokio::time::timeout;

use crate::Failure;

/// How often an operation runs at most.
const ATTEMPTS: u32 = 10;

/// Which failures of a database are retried, and within which time.
pub(crate) struct Retry {
    /// Whether the operation conflicted with another transaction. Such an operation was rolled back,
    /// so it can run again. After any other failure the outcome may be unknown.
    pub(crate) is_conflict: fn(&sqlx::Error) -> bool,
    /// The time limit of all attempts together, including their waits for a connection. `None`
    /// means no limit for all: each wait has a limit of its own.
    pub(crate) timeout: Option<Duration>,
}

impl Retry {
    /// Runs an operation, and runs it again as long as it fails because of a conflict.
    pub(crate) async fn run<T, F>(
        &self,
        action: &'static str,
        operation: impl Fn() -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let attempts = async {
            for _ in 1..ATTEMPTS {
                match operation().await {
                    Err(failure) if failure.downcast_ref().is_some_and(self.is_conflict) => {}
                    result => return result,
                }
            }
            operation().await
        };
        let result = match self.timeout {
            None => attempts.await,
            Some(limit) => timeout(limit, attempts)
                .await
                .unwrap_or_else(|_| Err(format!("timed out after {limit:?}").into())),
        };
        result.map_err(|failure| StoreError::new(action, failure))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn only_conflicts_are_retried_and_at_most_ten_times() {
        for (is_conflict, attempts) in [(true, ATTEMPTS), (false, 1)] {
            let count = Cell::new(0);
            let retry = Retry { is_conflict: if is_conflict { |_| true } else { |_| false }, timeout: None };
            let result = retry.run("try", || {
                count.set(count.get() + 1);
                ready(Err::<(), _>(sqlx::Error::PoolClosed.into()))
            });
            assert_eq!(result.await.unwrap_err().to_string(), "the store could not try");
            assert_eq!(count.get(), attempts);
        }
    }
}
