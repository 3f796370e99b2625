//! The pool: a bounded, fair queue in front of a few threads.

use std::fmt;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use async_trait::async_trait;
use gatewright_core::event::{MetricsSink, QueueOutcome};
use gatewright_core::types::SystemTimer;
use gatewright_core::{
    BuildError, Deadline, HashContext, HasherError, Password, PasswordHash, PasswordHasher, PasswordVerdict,
};
use tokio::sync::oneshot;

use crate::argon::{
    Argon2Costs, Hashing, MAX_ARGON2_LANES, MAX_ARGON2_MEMORY_KIB, MAX_ARGON2_PASSES, MIN_ARGON2_COSTS,
    Upgrade,
};
use crate::meter::Meter;
use crate::pepper::{Pepper, Peppers};
use crate::priority::ThreadPriority;
use crate::queue::{Caller, Shares};
use crate::shared::{Refuse, Shared, Threads};
use crate::worker::{self, Job, Reply, Work};

/// The default of [`HashingPoolBuilder::with_queue`]: 1,024 calls can wait for a thread.
pub const DEFAULT_QUEUE: usize = 1_024;
/// The longest queue: 4,096 calls.
pub const MAX_QUEUE: usize = 4096;
/// The default of [`HashingPoolBuilder::with_account_share`]: four calls for one account from one
/// network can wait.
pub const DEFAULT_ACCOUNT_SHARE: usize = 4;

/// Hashes and verifies passwords on its own threads. Clones share the threads. They end when the
/// last clone is dropped.
///
/// Pass it to `Auth::local` or `Auth::builder`. The [crate's documentation](crate) has an
/// example, and says how waiting calls share the threads.
///
/// # Cancel safety
/// A call that is dropped while it waits in the queue gives its place free at once and computes no
/// hash. A call that is dropped while its hash is computed occupies the thread until the hash is done.
#[doc(alias("argon2", "bcrypt", "hash password"))]
#[derive(Clone)]
pub struct HashingPool {
    threads: Arc<Threads<Job>>,
    meter: Option<Meter>,
}

impl HashingPool {
    /// Starts a pool with the default settings: argon2id with 19 MiB, two passes and one lane; one
    /// thread fewer than there are cores, but at least one; a queue for [`DEFAULT_QUEUE`] calls, of
    /// which a network has a quarter, and an account and network together
    /// [`DEFAULT_ACCOUNT_SHARE`].
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Starts a builder with the settings of [`new`](Self::new).
    pub fn builder() -> HashingPoolBuilder {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        HashingPoolBuilder {
            costs: Argon2Costs::default(),
            upgrade: Upgrade::default(),
            peppers: Peppers::default(),
            workers: cores.saturating_sub(1).max(1),
            queue: DEFAULT_QUEUE,
            network_share: None,
            account_share: DEFAULT_ACCOUNT_SHARE,
            meter: None,
            priority: ThreadPriority::default(),
        }
    }

    /// Queues the work and waits for its result, at most until the deadline for the work to begin.
    async fn run<T>(
        &self,
        context: &HashContext,
        work: impl FnOnce(Reply<T>) -> Work,
    ) -> Result<T, HasherError> {
        let queued = self.meter.as_ref().map(Meter::queued);
        let deadline = context.deadline.clone();
        if deadline.as_ref().is_some_and(Deadline::has_passed) {
            queued.into_iter().for_each(|queued| queued.leave(QueueOutcome::Busy));
            return Err(HasherError::busy());
        }
        let (reply, mut result) = oneshot::channel();
        let caller = Caller { network: context.network, account: context.account };
        let mut timeout = deadline.as_ref().map(Deadline::wait);
        let place = self.threads.0.enter(caller, Job { work: work(reply), deadline, queued });
        poll_fn(|task| {
            if let Poll::Ready(received) = Pin::new(&mut result).poll(task) {
                return Poll::Ready(received.unwrap_or_else(|closed| Err(HasherError::failed(closed))));
            }
            let is_over = timeout.as_mut().is_some_and(|timeout| timeout.as_mut().poll(task).is_ready());
            if is_over {
                timeout = None;
                // Otherwise the work has begun, or its refusal is on the way.
                if let Some(job) = place.leave() {
                    job.refuse();
                    return Poll::Ready(Err(HasherError::busy()));
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl fmt::Debug for HashingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.threads.0.waiting();
        f.debug_struct("HashingPool").field("waiting", &waiting).finish_non_exhaustive()
    }
}

#[async_trait]
impl PasswordHasher for HashingPool {
    async fn hash(&self, password: Password, context: &HashContext) -> Result<PasswordHash, HasherError> {
        self.run(context, |reply| Work::Hash { password, reply }).await
    }

    async fn verify(
        &self,
        password: Password,
        stored: Option<PasswordHash>,
        context: &HashContext,
    ) -> Result<PasswordVerdict, HasherError> {
        self.run(context, |reply| Work::Verify { password, stored, reply }).await
    }
}

/// Builder for [`HashingPool`], from [`HashingPool::builder`]. [`build`](Self::build) checks all
/// settings.
#[derive(Debug, Clone)]
#[must_use]
pub struct HashingPoolBuilder {
    costs: Argon2Costs,
    upgrade: Upgrade,
    peppers: Peppers,
    workers: usize,
    queue: usize,
    network_share: Option<usize>,
    account_share: usize,
    meter: Option<Meter>,
    priority: ThreadPriority,
}

impl HashingPoolBuilder {
    /// The costs of new hashes. Default: 19 MiB, two passes, one lane. A stored hash with lower
    /// costs is replaced at the user's next login.
    pub const fn with_costs(mut self, costs: Argon2Costs) -> Self {
        self.costs = costs;
        self
    }

    /// Which stored hashes are replaced at the user's next login. Default: [`Upgrade::Weaker`].
    ///
    /// ```
    /// use gatewright::HashingPool;
    /// use gatewright::password::Upgrade;
    ///
    /// let pool = HashingPool::builder().with_hash_upgrade(Upgrade::ToCurrent).build()?;
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub const fn with_hash_upgrade(mut self, upgrade: Upgrade) -> Self {
        self.upgrade = upgrade;
        self
    }

    /// The pepper of new hashes. Default: none. A stored hash without a pepper, or with a previous one, is replaced at
    /// the user's next login.
    ///
    /// Before the first hash is made with a pepper, every node must have it, so give it to all of them with
    /// [`with_previous_peppers`](Self::with_previous_peppers) first.
    pub fn with_pepper(mut self, pepper: Pepper) -> Self {
        self.peppers.current = Some(pepper);
        self
    }

    /// Further peppers that verify stored hashes and are in no new one. Default: none. At most
    /// [`MAX_PREVIOUS_PEPPERS`](crate::MAX_PREVIOUS_PEPPERS).
    ///
    /// To replace a pepper, give the next one to all nodes here, then make it the pepper of new hashes and keep the
    /// former one here. A former one can be removed when no stored hash names it any more.
    ///
    /// ```
    /// use gatewright::HashingPool;
    /// use gatewright::password::Pepper;
    ///
    /// # let [current, previous] = ["current", "previous"].map(gatewright_testkit::shared_secret);
    /// let pool = HashingPool::builder()
    ///     .with_pepper(Pepper::new("2026-11", current)?)
    ///     .with_previous_peppers([Pepper::new("2025-01", previous)?])
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// A stored hash with an unknown pepper is an error of the configuration
    /// ([`HasherError::UnknownPepper`]): its user cannot log in.
    pub fn with_previous_peppers(mut self, peppers: impl IntoIterator<Item = Pepper>) -> Self {
        self.peppers.previous = peppers.into_iter().collect();
        self
    }

    /// The number of threads. Default: one fewer than there are cores, but at least one. Each
    /// thread holds the memory for one hash.
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// How many calls can wait for a thread: 1 to [`MAX_QUEUE`]. Default: [`DEFAULT_QUEUE`].
    pub const fn with_queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// How many calls of one network (an IPv4 address, or a /64 of IPv6) can wait. Default: a quarter
    /// of the queue, but at least one. Calls of clients without an address have no such limit.
    ///
    /// Behind a proxy that is not trusted, all clients have the address of the proxy and share its
    /// places.
    pub const fn with_network_share(mut self, calls: usize) -> Self {
        self.network_share = Some(calls);
        self
    }

    /// How many calls for one account from one network can wait. Default:
    /// [`DEFAULT_ACCOUNT_SHARE`]. All clients without an address count as one network here.
    pub const fn with_account_share(mut self, calls: usize) -> Self {
        self.account_share = calls;
        self
    }

    /// The receiver of measurements: how many passwords wait, how long, and how long hashes take. Default: none. Give
    /// the same one to the `Auth`.
    pub fn with_metrics(mut self, metrics: impl MetricsSink) -> Self {
        self.meter = Some(Meter::new(Arc::new(metrics), Arc::new(SystemTimer)));
        self
    }

    /// The priority of the threads. Default: [`ThreadPriority::Lowered`].
    ///
    /// ```
    /// use gatewright::HashingPool;
    /// use gatewright::password::ThreadPriority;
    ///
    /// let pool = HashingPool::builder().with_thread_priority(ThreadPriority::Inherited).build()?;
    /// # Ok::<(), gatewright::auth::BuildError>(())
    /// ```
    pub const fn with_thread_priority(mut self, priority: ThreadPriority) -> Self {
        self.priority = priority;
        self
    }

    /// Checks the costs and starts the threads.
    ///
    /// # Errors
    /// If the costs are out of range, if two peppers have one id or there are too many, if the number of threads, the length of the queue or a share
    /// is out of range, or if the system cannot start a thread. The error names the setting.
    pub fn build(self) -> Result<HashingPool, BuildError> {
        self.check()?;
        self.peppers.check()?;
        let network = self.network_share.unwrap_or(self.queue / 4).max(1);
        let shares = Shares { queue: self.queue, network, account: self.account_share };
        let shared = Arc::new(Shared::new(shares));
        let pool = HashingPool { threads: Arc::new(Threads(Arc::clone(&shared))), meter: self.meter.clone() };
        let hashing = Hashing { costs: self.costs, upgrade: self.upgrade, peppers: Arc::new(self.peppers) };
        for _ in 0..self.workers {
            let (shared, hashing, meter) = (Arc::clone(&shared), hashing.clone(), self.meter.clone());
            let priority = self.priority;
            let thread = thread::Builder::new().name("gatewright-hash".to_owned());
            let started = thread.spawn(move || {
                priority.apply();
                worker::run(&shared, hashing, meter);
            });
            started.map_err(|_| {
                BuildError::new("workers", "could not be started: the system has no more threads")
            })?;
        }
        Ok(pool)
    }

    fn check(&self) -> Result<(), BuildError> {
        let Argon2Costs { memory_kib, passes, lanes, .. } = self.costs;
        let strong = MIN_ARGON2_COSTS.iter().any(|(memory, least)| memory_kib >= *memory && passes >= *least);
        let affordable = memory_kib <= MAX_ARGON2_MEMORY_KIB
            && passes <= MAX_ARGON2_PASSES
            && (1..=MAX_ARGON2_LANES).contains(&lanes);
        let costs = format!("{memory_kib} KiB, {passes} passes and {lanes} lanes");
        let checks: [(bool, _, _, &dyn fmt::Display); 6] = [
            (
                strong,
                "costs",
                "must be at least a recommendation of OWASP, such as 19 MiB and 2 passes",
                &costs,
            ),
            (affordable, "costs", "must be at most 256 MiB, 10 passes and 8 lanes", &costs),
            (self.workers > 0, "workers", "must be at least 1", &self.workers),
            ((1..=MAX_QUEUE).contains(&self.queue), "queue", "must be 1 to 4096", &self.queue),
            (self.network_share != Some(0), "network_share", "must be at least 1", &0),
            (self.account_share > 0, "account_share", "must be at least 1", &self.account_share),
        ];
        match checks.into_iter().find(|(valid, ..)| !valid) {
            Some((_, setting, problem, found)) => Err(BuildError::new(setting, problem).with_found(found)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use std::sync::Mutex;

    use gatewright_core::event::Measurement;
    use gatewright_core::{AccountKey, ClientNetwork};
    use gatewright_testkit::ManualTimer;

    use super::*;

    const WAIT: Duration = Duration::from_secs(2);

    /// A pool whose jobs only the test takes.
    fn pool_without_threads() -> HashingPool {
        let shares = Shares { queue: 8, network: 2, account: 1 };
        HashingPool { threads: Arc::new(Threads(Arc::new(Shared::new(shares)))), meter: None }
    }

    fn context(timer: &ManualTimer, network: &str, account: &str) -> HashContext {
        HashContext::new()
            .with_network(ClientNetwork::of(network.parse().unwrap()))
            .with_account(AccountKey::of_name(account))
            .with_deadline(Deadline::after(Arc::new(timer.clone()), WAIT))
    }

    type Hashing<'a> = Pin<Box<dyn Future<Output = Result<PasswordHash, HasherError>> + Send + 'a>>;

    fn hash<'a>(pool: &'a HashingPool, context: &'a HashContext) -> Hashing<'a> {
        pool.hash(Password::new("correct horse"), context)
    }

    fn poll(call: &mut Hashing<'_>) -> Poll<Result<PasswordHash, HasherError>> {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    fn is_busy(result: &Poll<Result<PasswordHash, HasherError>>) -> bool {
        matches!(result, Poll::Ready(Err(HasherError::Busy { .. })))
    }

    fn waiting(pool: &HashingPool) -> usize {
        pool.threads.0.waiting()
    }

    #[test]
    fn a_call_waits_until_its_deadline_and_no_longer() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let context = context(&timer, "192.0.2.1", "ada");
        let mut call = hash(&pool, &context);
        assert!(poll(&mut call).is_pending());
        timer.advance(WAIT - Duration::from_nanos(1));
        assert!(poll(&mut call).is_pending());
        assert_eq!(waiting(&pool), 1);
        timer.advance(Duration::from_nanos(1));
        assert!(is_busy(&poll(&mut call)));
        assert_eq!(waiting(&pool), 0);
        assert!(timer.sleeps().is_empty());

        assert!(is_busy(&poll(&mut hash(&pool, &context))), "the deadline has passed already");
        assert_eq!(waiting(&pool), 0);
    }

    #[test]
    fn a_call_that_is_dropped_frees_its_place_at_once() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let contexts: Vec<_> = (0..8).map(|n| context(&timer, &format!("192.0.2.{n}"), "ada")).collect();
        drop(hash(&pool, contexts.first().unwrap()));
        assert_eq!(waiting(&pool), 0, "before the first poll it has no place");
        let mut calls: Vec<_> = contexts.iter().map(|context| hash(&pool, context)).collect();
        assert!(calls.iter_mut().all(|call| poll(call).is_pending()));
        assert_eq!(waiting(&pool), 8);
        drop(calls);
        assert_eq!((waiting(&pool), timer.sleeps().len()), (0, 0));
    }

    #[test]
    fn work_that_has_begun_is_not_interrupted() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let context = context(&timer, "192.0.2.1", "ada");
        let mut call = hash(&pool, &context);
        assert!(poll(&mut call).is_pending());
        let job = pool.threads.0.next().unwrap();
        timer.advance(WAIT * 10);
        assert!(poll(&mut call).is_pending());
        let Work::Hash { reply, .. } = job.work else { panic!("a hash was asked for") };
        reply.send(Ok(PasswordHash::new("hash"))).unwrap();
        assert!(matches!(poll(&mut call), Poll::Ready(Ok(_))));
    }

    #[test]
    fn a_thread_computes_nothing_for_a_client_that_has_gone() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let context = context(&timer, "192.0.2.1", "ada");
        let mut call = hash(&pool, &context);
        assert!(poll(&mut call).is_pending());
        let job = pool.threads.0.next().unwrap();
        drop(call);
        let Work::Hash { reply, .. } = &job.work else { panic!("a hash was asked for") };
        assert!(reply.is_closed() && job.is_obsolete());
    }

    #[test]
    fn a_call_that_loses_its_place_fails_at_once() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let contexts = ["ada", "ada", "bob", "eve"].map(|account| context(&timer, "192.0.2.1", account));
        let [mut first, mut second, mut third, mut fourth] =
            contexts.each_ref().map(|context| hash(&pool, context));
        assert!(poll(&mut first).is_pending());
        assert!(poll(&mut second).is_pending());
        assert!(is_busy(&poll(&mut first)), "the share of the account is one place");
        assert!(poll(&mut third).is_pending());
        assert!(poll(&mut fourth).is_pending());
        assert!(is_busy(&poll(&mut second)), "the share of the network is two places");
        assert!(poll(&mut third).is_pending());
        assert_eq!(waiting(&pool), 2);
    }

    /// Notes measurements as text.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl MetricsSink for Notes {
        fn record(&self, measurement: Measurement) {
            let note = match measurement {
                Measurement::HashDequeued { waited, outcome, .. } => {
                    format!("{} {waited:?}", outcome.as_str())
                }
                Measurement::Hashed { outcome, .. } => outcome.as_str().to_owned(),
                other => format!("{other:?}"),
            };
            self.0.lock().unwrap().push(note);
        }
    }

    impl Notes {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    fn measured_pool_without_threads(timer: &ManualTimer) -> (HashingPool, Notes) {
        let notes = Notes::default();
        let meter = Meter::new(Arc::new(notes.clone()), Arc::new(timer.clone()));
        (HashingPool { meter: Some(meter), ..pool_without_threads() }, notes)
    }

    /// However a call leaves the queue, it is measured once, with its wait.
    #[test]
    fn every_call_is_measured_once_when_it_leaves_the_queue() {
        let timer = ManualTimer::new();
        let (pool, notes) = measured_pool_without_threads(&timer);
        let own = context(&timer, "192.0.2.1", "ada");
        let queued = "HashQueued";

        let mut started = hash(&pool, &own);
        assert!(poll(&mut started).is_pending());
        timer.advance(Duration::from_millis(30));
        let job = pool.threads.0.next().unwrap();
        job.queued.into_iter().for_each(|queued| queued.leave(QueueOutcome::Started));
        assert_eq!(notes.take(), [queued, "started 30ms"]);
        drop(started);
        assert_eq!(notes.take(), [""; 0], "the call had left the queue");

        let other = context(&timer, "192.0.2.1", "ada");
        let (mut first, mut second) = (hash(&pool, &other), hash(&pool, &other));
        assert!(poll(&mut first).is_pending());
        timer.advance(Duration::from_millis(5));
        assert!(poll(&mut second).is_pending());
        assert!(is_busy(&poll(&mut first)));
        assert_eq!(notes.take(), [queued, queued, "busy 5ms"], "a newer call takes the place");
        timer.advance(Duration::from_millis(7));
        drop(second);
        assert_eq!(notes.take(), ["abandoned 7ms"]);

        let late = context(&timer, "192.0.2.1", "ada");
        let mut call = hash(&pool, &late);
        assert!(poll(&mut call).is_pending());
        timer.advance(WAIT);
        assert!(is_busy(&poll(&mut call)));
        drop(call);
        assert_eq!(notes.take(), [queued, "busy 2s"], "the deadline passed");
        assert!(is_busy(&poll(&mut hash(&pool, &late))));
        assert_eq!(notes.take(), [queued, "busy 0ns"], "the deadline had passed already");

        let open = context(&timer, "192.0.2.1", "ada");
        let mut call = hash(&pool, &open);
        assert!(poll(&mut call).is_pending());
        drop(call);
        assert_eq!(notes.take(), [queued, "abandoned 0ns"]);
    }

    #[test]
    fn a_hash_is_measured_before_its_result_is_sent() {
        let notes = Notes::default();
        let builder = HashingPool::builder().with_costs(Argon2Costs::new(7 * 1024, 5, 1)).with_workers(1);
        let pool = builder.with_metrics(notes.clone()).build().unwrap();
        let context = HashContext::new();
        gatewright_testkit::block_on(async {
            pool.hash(Password::new("x"), &context).await.unwrap();
            let unknown = "$argon2id$v=19$m=7168,t=5,p=1,keyid=YQ$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo";
            let unknown = PasswordHash::new(unknown);
            pool.verify(Password::new("x"), Some(unknown), &context).await.unwrap_err();
        });
        let notes = notes.take();
        let names: Vec<&str> = notes.iter().map(|note| note.split(' ').next().unwrap()).collect();
        assert_eq!(names, ["HashQueued", "started", "computed", "HashQueued", "started", "unknown_pepper"]);
        assert!(format!("{:?}", HashingPool::builder().with_metrics(Notes::default())).contains("Meter(..)"));
    }

    /// The memory of a flood is the memory of the queue.
    #[test]
    fn a_flood_of_calls_leaves_at_most_a_full_queue() {
        let (pool, timer) = (pool_without_threads(), ManualTimer::new());
        let contexts: Vec<_> =
            (0..2_500).map(|n| context(&timer, &format!("10.0.{}.{}", n / 256, n % 256), "ada")).collect();
        let mut calls: Vec<_> = contexts.iter().map(|context| hash(&pool, context)).collect();
        calls.iter_mut().for_each(|call| assert!(poll(call).is_pending()));
        assert_eq!(waiting(&pool), 8);
        assert_eq!(calls.iter_mut().map(poll).filter(is_busy).count(), 2_492);
    }
}
