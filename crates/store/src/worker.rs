//! The thread of an open store that writes rows again in the background, and makes commits durable
//! that nobody waits for.

use crate::load::LoadOptions;
use crate::maintain::MergeReport;
use crate::policy::MergePolicy;
use crate::store::{Shared, Store};
use starfact_base::{Error, Result};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How long a commit that nobody waits for may be in memory only.
const SYNC_DELAY: Duration = Duration::from_millis(50);
/// How long the thread sleeps when nothing happens.
const IDLE: Duration = Duration::from_secs(5);
/// How long it waits after an error.
const ERROR_DELAY: Duration = Duration::from_secs(30);
/// The longest pause between two blocks, while queries run.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Merges that are remembered.
const HISTORY_MAX: usize = 1000;

/// One time that rows were written again.
#[derive(Clone, Debug)]
pub struct MergeRecord {
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// Who wanted it.
    pub reason: MergeReason,
    /// What it has done, or why it failed.
    pub outcome: std::result::Result<MergeReport, String>,
}

/// Who wanted rows to be written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeReason {
    /// The background work.
    Background,
    /// A statement asked for it.
    Statement,
    /// A commit that found more rows in memory than may be, or changed files anyway.
    Commit,
}

/// What the thread and the rest of the store have in common.
#[derive(Debug, Default)]
pub(crate) struct Background {
    state: Mutex<State>,
    /// Told of commits and of the end.
    changed: Condvar,
    is_stopping: AtomicBool,
    /// Queries that are running.
    queries: Arc<AtomicUsize>,
    history: Mutex<VecDeque<MergeRecord>>,
    /// Of what a user should hear.
    notice: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    /// Commits since the thread looked.
    commits: u64,
    /// `None` if nothing is to be merged.
    policy: Option<MergePolicy>,
    thread: Option<JoinHandle<()>>,
}

/// Says that a query is running, as long as it is there.
#[derive(Debug)]
pub struct QueryGuard(Arc<AtomicUsize>);

impl Drop for QueryGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Background {
    /// A commit has come.
    pub(crate) fn note_commit(&self) {
        self.state().commits += 1;
        self.changed.notify_all();
    }

    pub(crate) fn remember(&self, record: MergeRecord) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.len() >= HISTORY_MAX {
            history.pop_front();
        }
        history.push_back(record);
    }

    /// Leaves word for the user.
    pub(crate) fn tell(&self, notice: String) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
    }

    fn policy(&self) -> Option<MergePolicy> {
        self.state().policy
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a commit or the end, at most so long.
    fn wait(&self, at_most: Duration) {
        let state = self.state();
        let idle = |state: &mut State| state.commits == 0 && !self.is_stopping();
        let waited = self.changed.wait_timeout_while(state, at_most, idle);
        waited.unwrap_or_else(PoisonError::into_inner).0.commits = 0;
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }
}

impl Store {
    /// Starts the background work; it ends with the store.
    ///
    /// # Errors
    /// If the store was opened for reading only, or no thread can be started.
    pub fn start_background_work(&self, policy: MergePolicy, options: LoadOptions) -> Result<()> {
        let background = Arc::clone(&self.shared.writer()?.background);
        let shared = Arc::downgrade(&self.shared);
        let mut state = background.state();
        state.policy = Some(policy);
        if state.thread.is_none() {
            let own = Arc::clone(&background);
            let work = move || run(&shared, &own, &options);
            let builder = std::thread::Builder::new().name("starfact-merge".into());
            let thread = builder.spawn(work).map_err(|error| {
                Error::internal(format!("cannot start the thread that merges: {error}"))
            })?;
            state.thread = Some(thread);
        }
        Ok(())
    }

    /// Changes the policy of the background work; with `None` it merges nothing.
    pub fn set_merge_policy(&self, policy: Option<MergePolicy>) {
        if let Some(writer) = &self.shared.writer {
            writer.background.state().policy = policy;
            writer.background.note_commit();
        }
    }

    /// What has happened of which a user should hear, once.
    pub fn take_notice(&self) -> Option<String> {
        let notice = &self.shared.writer.as_ref()?.background.notice;
        notice.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the background work that a query is running, so that it leaves time to that.
    pub fn begin_query(&self) -> Option<QueryGuard> {
        let queries = &self.shared.writer.as_ref()?.background.queries;
        queries.fetch_add(1, Ordering::Relaxed);
        Some(QueryGuard(Arc::clone(queries)))
    }

    /// The times that rows were written again since the store was opened, the last thousand.
    pub fn merges(&self) -> Vec<MergeRecord> {
        let Some(writer) = &self.shared.writer else { return Vec::new() };
        let history = &writer.background.history;
        let history = history.lock().unwrap_or_else(PoisonError::into_inner);
        history.iter().cloned().collect()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let Some(writer) = &self.shared.writer else { return };
        let background = &writer.background;
        background.is_stopping.store(true, Ordering::SeqCst);
        let thread = background.state().thread.take();
        background.changed.notify_all();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Weak<Shared>, background: &Background, options: &LoadOptions) {
    let mut quiet_until: Option<Instant> = None;
    loop {
        background.wait(IDLE);
        if background.is_stopping() {
            return;
        }
        let Some(shared) = shared.upgrade() else { return };
        // Many commits are made durable at once.
        std::thread::sleep(SYNC_DELAY);
        if shared.sync_newest().is_err() {
            if shared.state().stopped.is_some() {
                return;
            }
            // There was no space; there may be, the next time.
            continue;
        }
        if quiet_until.is_some_and(|until| Instant::now() < until) {
            continue;
        }
        quiet_until = None;
        let pace = pace(background);
        while let Some(policy) = background.policy().filter(|_| !background.is_stopping()) {
            match shared.merge_step(&policy, options, &pace, MergeReason::Background) {
                Ok(None) => break,
                Ok(Some(report)) if report.is_done => {}
                Ok(Some(_)) => break,
                Err(_) => {
                    quiet_until = Some(Instant::now() + ERROR_DELAY);
                    break;
                }
            }
        }
    }
}

/// Stops the work when the store closes, and takes no more than half of the time while queries run.
fn pace(background: &Background) -> impl Fn() -> Result<()> + Sync + '_ {
    let last = Mutex::new(Instant::now());
    move || {
        if background.is_stopping() {
            return Err(Error::invalid("the warehouse is being closed"));
        }
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if background.queries.load(Ordering::Relaxed) > 0 {
            std::thread::sleep(last.elapsed().min(PAUSE_MAX));
        }
        *last = Instant::now();
        Ok(())
    }
}
