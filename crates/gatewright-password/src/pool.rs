//! The pool: a bounded queue in front of a few threads.

use std::fmt;
use std::num::NonZeroUsize;
use std::thread;

use async_trait::async_trait;
use crossbeam_channel::{Sender, TrySendError, bounded};
use gatewright_core::{BuildError, HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict};
use tokio::sync::oneshot;

use crate::argon::{
    Argon2Costs, MAX_ARGON2_LANES, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MIN_ARGON2_COSTS,
};
use crate::worker::{self, Job, Reply};

/// The default of [`HashingPoolBuilder::with_queue`]: 256 calls can wait for a thread.
pub const DEFAULT_QUEUE: usize = 256;

/// Hashes and verifies passwords on its own threads. Clones share the threads. They end when the
/// last clone is dropped.
///
/// Pass it to `Auth::local`, or to `AuthBuilder::with_hasher`. The [crate's documentation](crate) has an
/// example.
///
/// # Cancel safety
/// A call that is dropped while it waits in the queue computes no hash.
#[derive(Clone)]
pub struct HashingPool {
    jobs: Sender<Job>,
}

impl HashingPool {
    /// Starts with the default settings: argon2id with 19 MiB, two passes and one lane; one thread
    /// fewer than there are cores, but at least one; a queue for [`DEFAULT_QUEUE`] calls.
    pub fn builder() -> HashingPoolBuilder {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        HashingPoolBuilder {
            costs: Argon2Costs::default(),
            workers: cores.saturating_sub(1).max(1),
            queue: DEFAULT_QUEUE,
        }
    }

    /// Queues the job and waits for its result.
    async fn run<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, HasherError> {
        let (reply, result) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => HasherError::busy(),
            TrySendError::Disconnected(_) => HasherError::failed("all threads of the pool have ended"),
        })?;
        result.await.unwrap_or_else(|closed| Err(HasherError::failed(closed)))
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashingPool").field("waiting", &self.jobs.len()).finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordHasher for HashingPool {
    async fn hash(&self, password: Password) -> Result<PasswordHash, HasherError> {
        self.run(|reply| Job::Hash { password, reply }).await
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HasherError> {
        self.run(|reply| Job::Verify { password, stored, reply }).await
    }
}

/// Builder for [`HashingPool`], from [`HashingPool::builder`]. [`build`](Self::build) checks all
/// settings.
#[derive(Debug, Clone)]
#[must_use]
pub struct HashingPoolBuilder {
    costs: Argon2Costs,
    workers: usize,
    queue: usize,
}

impl HashingPoolBuilder {
    /// The costs of new hashes. Default: 19 MiB, two passes, one lane. A stored hash with lower
    /// costs is replaced at the user's next login.
    pub const fn with_costs(mut self, costs: Argon2Costs) -> Self {
        self.costs = costs;
        self
    }

    /// The number of threads. Default: one fewer than there are cores, but at least one. Each
    /// thread holds the memory for one hash.
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How many calls can wait for a thread. Default: [`DEFAULT_QUEUE`]. A further call fails
    /// because the hasher is busy.
    pub const fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// Checks the costs and starts the threads.
    ///
    /// # Errors
    /// If the costs are out of range, if the number of threads or the length of the queue is zero,
    /// or if the system cannot start a thread. The error names the setting.
    pub fn build(self) -> Result<HashingPool, BuildError> {
        let Argon2Costs { memory_kib, passes, lanes, .. } = self.costs;
        let strong = MIN_ARGON2_COSTS.iter().any(|(memory, least)| memory_kib >= *memory && passes >= *least);
        let affordable = memory_kib <= MAX_ARGON2_MEMORY_KIB
            && passes <= MAX_ARGON2_PASSES
            && (1..=MAX_ARGON2_LANES).contains(&lanes);
        let checks = [
            (strong, "costs", "must be at least a recommendation of OWASP, such as 19 MiB and 2 passes"),
            (affordable, "costs", "must be at most 256 MiB, 10 passes and 8 lanes"),
            (self.workers > 0, "workers", "must be at least 1"),
            (self.queue > 0, "queue", "must be at least 1"),
        ];
        if let Some((_, setting, problem)) = checks.into_iter().find(|(valid, ..)| !valid) {
            return Err(BuildError::new(setting, problem));
        }
        let (jobs, queue) = bounded(self.queue);
        for _ in 0..self.workers {
            let (queue, costs) = (queue.clone(), self.costs);
            let thread = thread::Builder::new().name("gatewright-hash".to_owned());
            let started = thread.spawn(move || worker::run(&queue, costs));
            started.map_err(|_| {
                BuildError::new("workers", "could not be started: the system has no more threads")
            })?;
        }
        Ok(HashingPool { jobs })
    }
}
