//! The priority of the hashing threads.

/// The priority of a pool's threads, for
/// [`with_thread_priority`](crate::HashingPoolBuilder::with_thread_priority).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ThreadPriority {
    /// Lower than that of the thread that builds the pool, so that hashes delay other requests less. The default.
    ///
    /// On Linux, the nice value is higher by [`LOWERED_BY`]. A thread still runs while others are busy: on a core
    /// that it shares with one of them, it has a quarter of the time. On other systems it is the same as [`Inherited`](Self::Inherited), and if the
    /// system refuses the change.
    #[default]
    Lowered,
    /// That of the thread that builds the pool.
    Inherited,
}

/// By how much a lowered priority raises the nice value of a thread on Linux: 5.
pub const LOWERED_BY: i32 = 5;

impl ThreadPriority {
    /// Sets the priority of the current thread.
    pub(crate) fn apply(self) {
        if self == Self::Lowered {
            lower();
        }
    }
}

/// Linux has a nice value for each thread, and the call concerns the calling one. On other systems the value is that
/// of the whole process.
#[cfg(target_os = "linux")]
fn lower() {
    // Hashes are as right without it.
    let _lowered_or_not = rustix::process::nice(LOWERED_BY);
}

#[cfg(not(target_os = "linux"))]
const fn lower() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::thread;

    use super::*;

    /// The nice value of the current thread: field 19 of its `stat`.
    fn nice() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let after_name = stat.rsplit_once(") ").unwrap().1;
        after_name.split(' ').nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn only_the_thread_that_asks_for_it_has_a_lower_priority() {
        let own = nice();
        let of_thread = |priority: ThreadPriority| {
            let started = thread::spawn(move || {
                priority.apply();
                nice()
            });
            started.join().unwrap()
        };
        assert_eq!(of_thread(ThreadPriority::Lowered), (own + LOWERED_BY).min(19));
        assert_eq!(of_thread(ThreadPriority::Inherited), own);
        assert_eq!(nice(), own);
    }
}
