// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Tells when everything that was published has been handled: capsules of the reference in a wrapper that counts, which is
// a few nanoseconds beside microseconds.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::Thread;
use std::time::{Duration, Instant};

use astrid_capsule::capsule::{Capsule, CapsuleId, CapsuleState};
use astrid_capsule::context::CapsuleContext;
use astrid_capsule::error::CapsuleResult;
use astrid_capsule::manifest::CapsuleManifest;
use astrid_capsule::tool::CapsuleTool;
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(60);

/// A number that others count up to and that the thread that made it waits for.
pub struct Progress {
    done: AtomicU64,
    wanted: AtomicU64,
    begin: Instant,
    /// Nanoseconds from `begin` to the last one.
    last: AtomicU64,
    waiter: Thread,
}

impl Progress {
    pub fn new() -> Arc<Progress> {
        Arc::new(Progress {
            done: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            begin: Instant::now(),
            last: AtomicU64::new(0),
            waiter: std::thread::current(),
        })
    }

    pub fn now(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    pub fn last(&self) -> u64 {
        self.last.load(SeqCst)
    }

    /// How many there were in all.
    pub fn done(&self) -> u64 {
        self.done.load(SeqCst)
    }

    pub fn count(&self) {
        self.last.store(self.now(), SeqCst);
        if self.done.fetch_add(1, SeqCst) + 1 == self.wanted.load(SeqCst) {
            self.waiter.unpark();
        }
    }

    /// So many more are to come; before they can.
    pub fn expect(&self, count: u64) {
        self.wanted.fetch_add(count, SeqCst);
    }

    /// Waits for all that are expected. One that is lost ends the program.
    pub fn wait(&self) {
        let (begin, wanted) = (Instant::now(), self.wanted.load(SeqCst));
        while self.done() < wanted {
            std::thread::park_timeout(Duration::from_secs(1));
            assert!(begin.elapsed() < PATIENCE, "{} of {wanted} events were handled", self.done());
        }
    }
}

/// What a probe counts.
#[derive(Clone, Copy, PartialEq)]
pub enum Counts {
    /// Interceptors that have returned.
    Calls,
    /// Events for which the dispatcher looked for interceptors: it asks each capsule for its state.
    Searches,
}

/// A capsule that is watched.
pub struct Probe {
    pub inner: Box<dyn Capsule>,
    pub counts: Counts,
    pub progress: Arc<Progress>,
}

type Later<'a> = Pin<Box<dyn Future<Output = CapsuleResult<()>> + Send + 'a>>;

impl Capsule for Probe {
    fn id(&self) -> &CapsuleId {
        self.inner.id()
    }

    fn manifest(&self) -> &CapsuleManifest {
        self.inner.manifest()
    }

    fn state(&self) -> CapsuleState {
        if self.counts == Counts::Searches {
            self.progress.count();
        }
        self.inner.state()
    }

    fn load<'a, 'b, 'later>(&'a mut self, context: &'b CapsuleContext) -> Later<'later>
    where
        'a: 'later,
        'b: 'later,
        Self: 'later,
    {
        self.inner.load(context)
    }

    fn unload<'a, 'later>(&'a mut self) -> Later<'later>
    where
        'a: 'later,
        Self: 'later,
    {
        self.inner.unload()
    }

    fn tools(&self) -> &[Arc<dyn CapsuleTool>] {
        self.inner.tools()
    }

    fn invoke_interceptor(&self, action: &str, payload: &[u8]) -> CapsuleResult<Vec<u8>> {
        let answer = self.inner.invoke_interceptor(action, payload);
        if self.counts == Counts::Calls {
            self.progress.count();
        }
        answer
    }

    fn source_dir(&self) -> Option<&Path> {
        self.inner.source_dir()
    }

    fn interceptor_semaphore(&self) -> &Arc<Semaphore> {
        self.inner.interceptor_semaphore()
    }
}
