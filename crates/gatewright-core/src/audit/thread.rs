//! Runs a writer on a thread, for stores that need no runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};

use super::store::AuditTask;

/// Runs a task on a thread of its own, which ends with the task. If the system has no thread, the task is dropped and
/// the log says so: the next event starts another one.
///
/// For [`AuditStore::spawn_writer`](super::AuditStore::spawn_writer) of stores whose futures need no runtime.
pub fn run_on_thread(task: AuditTask) {
    let started = thread::Builder::new().name("gatewright-audit".to_owned()).spawn(|| block_on(task));
    if let Err(error) = started {
        tracing::error!(target: "gatewright", %error, "the thread of the audit trail could not be started");
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on(task: AuditTask) {
    let mut task = pin!(task);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    while task.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}
