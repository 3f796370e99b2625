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
use crate::worker::{self, Job};

/// How many calls may wait, unless set.
pub const DEFAULT_QUEUE: usize = 256;

/// Hashes passwords on threads of its own, which end when the last clone of the pool is dropped.
#[derive(Clone)]
pub struct HashingPool {
    jobs: Sender<Job>,
}

impl HashingPool {
    /// Begins with argon2id at 19 MiB, two passes and one lane; one thread fewer than there are cores, and at least
    /// one; and [`DEFAULT_QUEUE`] calls that may wait.
    pub fn builder() -> HashingPoolBuilder {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        HashingPoolBuilder {
            costs: Argon2Costs::default(),
            workers: cores.saturating_sub(1).max(1),
            queue: DEFAULT_QUEUE,
        }
    }

    fn submit(&self, job: Job) -> Result<(), HasherError> {
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => HasherError::busy(),
            TrySendError::Disconnected(_) => HasherError::failed("every worker is gone"),
        })
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
        let (answer, result) = oneshot::channel();
        self.submit(Job::Hash { password, answer })?;
        result.await.unwrap_or_else(|gone| Err(HasherError::failed(gone)))
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<PasswordVerdict, HasherError> {
        let (answer, result) = oneshot::channel();
        self.submit(Job::Verify { password, stored, answer })?;
        result.await.unwrap_or_else(|gone| Err(HasherError::failed(gone)))
    }
}

/// Collects a [`HashingPool`].
#[derive(Debug, Clone)]
#[must_use]
pub struct HashingPoolBuilder {
    costs: Argon2Costs,
    workers: usize,
    queue: usize,
}

impl HashingPoolBuilder {
    /// What a new hash costs. A stored hash that cost less is replaced at the next login.
    pub const fn with_costs(mut self, costs: Argon2Costs) -> Self {
        self.costs = costs;
        self
    }

    /// How many threads; each holds the memory of one hash.
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How many calls may wait for a thread; one more is told that the hasher is busy.
    pub const fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// Checks the costs and starts the threads.
    ///
    /// # Errors
    /// When a cost is out of bounds, there is no thread or no place in the queue, or the system starts no thread; the
    /// error names the setting.
    pub fn build(self) -> Result<HashingPool, BuildError> {
        let Argon2Costs { memory_kib, passes, lanes, .. } = self.costs;
        let strong = MIN_ARGON2_COSTS.iter().any(|(memory, least)| memory_kib >= *memory && passes >= *least);
        if !strong {
            return Err(BuildError::new(
                "costs",
                "are below what OWASP recommends, such as 19 MiB and 2 passes",
            ));
        }
        if memory_kib > MAX_ARGON2_MEMORY_KIB
            || passes > MAX_ARGON2_PASSES
            || !(1..=MAX_ARGON2_LANES).contains(&lanes)
        {
            return Err(BuildError::new("costs", "are beyond 256 MiB, 10 passes or 8 lanes"));
        }
        if self.workers == 0 {
            return Err(BuildError::new("workers", "must be at least one"));
        }
        if self.queue == 0 {
            return Err(BuildError::new("queue", "must have at least one place"));
        }
        let (jobs, queue) = bounded(self.queue);
        for _ in 0..self.workers {
            let (queue, costs) = (queue.clone(), self.costs);
            let thread = thread::Builder::new().name("gatewright-hash".to_owned());
            let started = thread.spawn(move || worker::run(&queue, costs));
            started.map_err(|_| BuildError::new("workers", "the system starts no more threads"))?;
        }
        Ok(HashingPool { jobs })
    }
}
