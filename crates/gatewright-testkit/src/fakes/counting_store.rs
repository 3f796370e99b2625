//! A store that counts reads and pauses calls on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use gatewright_core::StoreError;
use tokio::sync::Barrier;

use super::intercepted::{Hook, Intercepted, Method};

/// A store that counts its reads by id and pauses calls. A [`Watch`] shows the count and controls
/// the pauses.
pub type CountingStore<S> = Intercepted<S, Watch>;

/// The counter and the pauses of a [`CountingStore`]. Clones belong to the same store.
///
/// A test pauses one call at a time: [`paused`](Self::paused) waits until the call has paused,
/// and [`resume`](Self::resume) resumes it.
#[derive(Debug, Clone)]
pub struct Watch {
    reads: Arc<AtomicUsize>,
    pause_read: Arc<AtomicBool>,
    pause_create: Arc<AtomicBool>,
    pause_delete: Arc<AtomicBool>,
    reached: Arc<Barrier>,
    released: Arc<Barrier>,
}

impl Watch {
    fn new() -> Self {
        let flag = || Arc::new(AtomicBool::new(false));
        let barrier = || Arc::new(Barrier::new(2));
        let (reads, reached, released) = (Arc::default(), barrier(), barrier());
        Self { reads, pause_read: flag(), pause_create: flag(), pause_delete: flag(), reached, released }
    }

    /// Returns the number of reads since the last call of this method: users by id, sessions by id
    /// and lists of sessions.
    #[must_use]
    pub fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    /// Pauses the next `find_by_id` after the inner store has answered, before it returns.
    pub fn pause_next_read(&self) {
        self.pause_read.store(true, Ordering::SeqCst);
    }

    /// Pauses the next `SessionStore::create` before it reaches the inner store.
    pub fn pause_next_create(&self) {
        self.pause_create.store(true, Ordering::SeqCst);
    }

    /// Pauses the next `SessionStore::delete` before it reaches the inner store.
    pub fn pause_next_delete(&self) {
        self.pause_delete.store(true, Ordering::SeqCst);
    }

    /// Waits until a call has paused.
    pub async fn paused(&self) {
        self.reached.wait().await;
    }

    /// Resumes the paused call.
    pub async fn resume(&self) {
        self.released.wait().await;
    }

    async fn pause_if(&self, stops: &AtomicBool) {
        if stops.swap(false, Ordering::SeqCst) {
            self.reached.wait().await;
            self.released.wait().await;
        }
    }
}

impl<S> CountingStore<S> {
    /// Wraps `store` and returns its counter.
    #[must_use]
    pub fn new(store: S) -> (Self, Watch) {
        let watch = Watch::new();
        (Self::with_hook(store, watch.clone()), watch)
    }
}

#[async_trait]
impl Hook for Watch {
    async fn before(&self, method: Method) -> Result<(), StoreError> {
        match method {
            Method::FindUserById | Method::FindSession | Method::ListSessions => {
                self.reads.fetch_add(1, Ordering::SeqCst);
            }
            Method::CreateSession => self.pause_if(&self.pause_create).await,
            Method::DeleteSession => self.pause_if(&self.pause_delete).await,
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, method: Method) {
        if method == Method::FindUserById {
            self.pause_if(&self.pause_read).await;
        }
    }
}
