//! An open warehouse: who may write, what the newest snapshot is, and what is left to remove.
//!
//! A store is shared by all threads. The newest snapshot is behind a mutex that is held only to
//! copy a pointer; transactions take turns, and only the one whose turn it is changes anything.

use crate::backup::{BackupMode, BackupReport, backup};
use crate::cube::Maintenance;
use crate::garbage::Garbage;
use crate::log::Torn;
use crate::logs::Logs;
use crate::open::{self, Followed, Opened};
use crate::retention::{Former, Retention};
use crate::snapshot::Snapshot;
use crate::transaction::{Registry, Removals, Transaction, TransactionInfo};
use crate::turn::Turn;
use crate::worker::Background;
use crate::workers::WorkerCache;
use starfact_base::{Error, Result, TableId};
use starfact_vfs::{Dir, Lock};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// How to open a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// To read; nothing is made, and any number of processes may do so at a time.
    ReadOnly,
    /// To read and write; made if there is none. One process at a time.
    ReadWrite {
        /// How long to wait while another process has it open for writing.
        wait: Duration,
    },
}

/// An open warehouse. It closes when it and all transactions are gone; snapshots of it work on.
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

/// What a store and its transactions have in common.
pub(crate) struct Shared {
    pub(crate) dir: Arc<dyn Dir>,
    state: Mutex<State>,
    /// What is lost, if the logs are damaged; nothing can be written then.
    damage: Option<String>,
    /// Which older epochs are kept.
    pub(crate) retention: Mutex<Retention>,
    pub(crate) writer: Option<Writer>,
}

/// What changes with a commit.
pub(crate) struct State {
    pub(crate) snapshot: Arc<Snapshot>,
    /// The newest epoch, which the next commit builds on; it may not be durable yet.
    pub(crate) head: Arc<Snapshot>,
    /// Records that may not be written yet, ascending, each with the epoch before it.
    pub(crate) appended: Vec<(u64, Arc<Snapshot>)>,
    /// In a reading process: the same snapshot, and how to go on from it.
    followed: Option<Followed>,
    /// The number that the next table gets.
    pub(crate) next_table: TableId,
    /// Why nothing can be written any more, if so.
    pub(crate) stopped: Option<String>,
}

/// What only a warehouse that is open for writing has.
pub(crate) struct Writer {
    pub(crate) turn: Arc<Turn>,
    /// The number that the next segment, key run or dictionary gets; it only rises, whether
    /// transactions succeed or not.
    pub(crate) next_file: Arc<AtomicU64>,
    /// The version that the next manifest gets; it only rises too.
    pub(crate) next_version: AtomicU64,
    pub(crate) garbage: Mutex<Garbage>,
    pub(crate) logs: Mutex<Logs>,
    /// Older manifests whose files are kept, ascending.
    pub(crate) formers: Mutex<Vec<Former>>,
    /// The tables as the current manifest has them.
    pub(crate) published: Mutex<Arc<Snapshot>>,
    pub(crate) workers: WorkerCache,
    /// Who knows what the cells of cubes are.
    pub(crate) maintenance: OnceLock<Box<dyn Maintenance>>,
    pub(crate) background: Arc<Background>,
    /// Held while rows are written again.
    pub(crate) merging: Mutex<()>,
    /// For tables of which rows are being written again: the row id that was next when that began.
    frozen: Mutex<BTreeMap<TableId, u64>>,
    /// All open transactions.
    pub(crate) transactions: Registry,
    /// Rows that commits have removed since open transactions began.
    pub(crate) removals: Removals,
    torn: Option<Torn>,
    _lock: Box<dyn Lock>,
}

impl Store {
    /// Opens the warehouse in `dir`, or makes one if `dir` is empty and `mode` allows it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if there is no warehouse, and for writing, if there is anything else
    /// in the directory; [`Error::Locked`] with the holder's name; [`Error::Corrupt`] and
    /// [`Error::UnsupportedVersion`] if CURRENT or the manifest cannot be read.
    pub fn open(dir: Arc<dyn Dir>, mode: OpenMode) -> Result<Self> {
        Self::open_keeping(dir, mode, Retention::default())
    }

    /// The same, with older epochs that are kept.
    ///
    /// # Errors
    /// As those of [`Store::open`].
    pub fn open_keeping(dir: Arc<dyn Dir>, mode: OpenMode, retention: Retention) -> Result<Self> {
        match Self::open_whole(Arc::clone(&dir), mode, retention) {
            Err(error) if open::is_log_damage(&error) => {
                let (followed, damage) = open::despite_damage(&dir)?;
                let snapshot = Arc::clone(&followed.snapshot);
                let head = Arc::clone(&snapshot);
                let (next_table, followed) = (TableId(0), Some(followed));
                let state = State::new((snapshot, head), followed, next_table);
                let (state, retention) = (Mutex::new(state), Mutex::new(retention));
                let damage = Some(damage);
                Ok(Self {
                    shared: Arc::new(Shared { dir, state, damage, retention, writer: None }),
                })
            }
            opened => opened,
        }
    }

    /// What is lost because the logs are damaged; such a warehouse can be read only.
    pub fn damage(&self) -> Option<&str> {
        self.shared.damage.as_deref()
    }

    fn open_whole(dir: Arc<dyn Dir>, mode: OpenMode, retention: Retention) -> Result<Self> {
        let (snapshot, next_table, followed, writer) = match mode {
            OpenMode::ReadOnly => {
                let followed = open::for_reading(&dir, None)?;
                (Arc::clone(&followed.snapshot), TableId(0), Some(followed), None)
            }
            OpenMode::ReadWrite { wait } => {
                let opened = open::for_writing(&dir, wait, retention)?;
                let Opened { lock, snapshot, next_table, next_file, next_version, .. } = opened;
                let snapshot = Arc::new(snapshot);
                let writer = Writer {
                    turn: Arc::default(),
                    next_file: Arc::new(AtomicU64::new(next_file)),
                    next_version: AtomicU64::new(next_version.0),
                    garbage: Mutex::new(opened.garbage),
                    logs: Mutex::new(opened.logs),
                    formers: Mutex::new(opened.formers),
                    published: Mutex::new(Arc::new(opened.published)),
                    workers: WorkerCache::default(),
                    maintenance: OnceLock::new(),
                    background: Arc::default(),
                    merging: Mutex::default(),
                    frozen: Mutex::default(),
                    transactions: Registry::default(),
                    removals: Removals::default(),
                    torn: opened.torn,
                    _lock: lock,
                };
                (snapshot, next_table, None, Some(writer))
            }
        };
        let head = Arc::clone(&snapshot);
        let state = Mutex::new(State::new((snapshot, head), followed, next_table));
        let retention = Mutex::new(retention);
        Ok(Self { shared: Arc::new(Shared { dir, state, damage: None, retention, writer }) })
    }

    /// Whether it was opened for reading only.
    pub fn is_read_only(&self) -> bool {
        self.shared.writer.is_none()
    }

    /// The newest snapshot. In a reading process it has every commit that any process made before
    /// this call, and until the next call the store keeps it pinned.
    ///
    /// # Errors
    /// In a reading process, whatever may be wrong with CURRENT and the manifest.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        if !self.is_read_only() || self.shared.damage.is_some() {
            return Ok(Arc::clone(&self.shared.state().snapshot));
        }
        let before = self.shared.state().followed.clone();
        let newest = open::for_reading(&self.shared.dir, before.as_ref())?;
        let snapshot = Arc::clone(&newest.snapshot);
        let mut state = self.shared.state();
        if is_older(&state.snapshot, &snapshot) {
            state.snapshot = Arc::clone(&snapshot);
            state.head = Arc::clone(&snapshot);
            state.followed = Some(newest);
        }
        Ok(snapshot)
    }

    /// What a crash had left at the end of the log, of commits that were never acknowledged, when
    /// the warehouse was opened for writing.
    pub fn torn_log(&self) -> Option<String> {
        let torn = self.shared.writer.as_ref()?.torn.as_ref()?;
        let Torn { path, offset, byte_len } = torn;
        Some(format!(
            "{path}: the last {byte_len} bytes, from byte {offset} on, are of a commit that was \
             never acknowledged; they do not count"
        ))
    }

    /// Copies the newest epoch to `to`, an empty directory, in a mode and with some threads.
    /// `proceed` is called with bytes that were copied; an error of it ends the work.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if `to` is not empty; [`Error::Corrupt`] if a file is damaged.
    /// Nothing remains in `to` then.
    pub fn backup(
        &self,
        to: &Arc<dyn Dir>,
        how: (BackupMode, usize),
        proceed: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<BackupReport> {
        backup(&self.shared.dir, to, how, proceed)
    }

    /// The transactions that are open in this process.
    pub fn transactions(&self) -> Vec<TransactionInfo> {
        let Some(writer) = &self.shared.writer else { return Vec::new() };
        let open = writer.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().cloned().collect()
    }

    /// Says who knows what the cells of cubes are; the first to be named stays. A store that is
    /// open for reading only needs nobody.
    pub fn set_maintenance(&self, maintenance: Box<dyn Maintenance>) {
        if let Some(writer) = &self.shared.writer {
            let _ = writer.maintenance.set(maintenance);
        }
    }

    /// Begins a transaction, as soon as there is no other in this process.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] if it was opened for reading only, or if it is not known what became of
    /// an earlier commit.
    pub fn begin(&self) -> Result<Transaction> {
        let taken = self.shared.writer()?.turn.take();
        if let Some(reason) = &self.shared.state().stopped {
            return Err(Error::ReadOnly(reason.clone()));
        }
        Transaction::begin(Arc::clone(&self.shared), Some(taken))
    }

    /// Begins a transaction that others may commit beside: it takes its turn when it commits, or
    /// when it creates, drops or loads a table, and fails then if one of them has changed the same
    /// rows.
    ///
    /// # Errors
    /// As those of [`Store::begin`].
    pub fn begin_concurrent(&self) -> Result<Transaction> {
        self.shared.writer()?;
        if let Some(reason) = &self.shared.state().stopped {
            return Err(Error::ReadOnly(reason.clone()));
        }
        Transaction::begin(Arc::clone(&self.shared), None)
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(|| {
            let reason = match &self.damage {
                Some(damage) => format!("the log of the warehouse is damaged: {damage}"),
                None => "the warehouse was opened for reading only: open it again to write".into(),
            };
            Error::ReadOnly(reason)
        })
    }

    /// Makes an epoch that is durable the one that queries see.
    pub(crate) fn show(&self, snapshot: &Arc<Snapshot>) {
        let mut state = self.state();
        if is_older(&state.snapshot, snapshot) {
            state.snapshot = Arc::clone(snapshot);
        }
    }

    /// Removes what nobody needs any more.
    pub(crate) fn collect_garbage(&self) {
        let retention = *self.retention.lock().unwrap_or_else(PoisonError::into_inner);
        self.collect_garbage_of(retention);
    }

    /// Removes what nobody needs any more and `retention` does not keep.
    pub(crate) fn collect_garbage_of(&self, retention: Retention) {
        if let Some(writer) = &self.writer {
            let newest = self.state().head.epoch();
            let mut formers = writer.formers.lock().unwrap_or_else(PoisonError::into_inner);
            let oldest = retention.oldest(&formers, newest);
            formers.retain(|former| oldest.is_some_and(|oldest| oldest <= former.version));
            let mut garbage = writer.garbage.lock().unwrap_or_else(PoisonError::into_inner);
            garbage.collect(self.dir.as_ref(), oldest);
        }
    }
}

impl State {
    fn new(
        (snapshot, head): (Arc<Snapshot>, Arc<Snapshot>),
        followed: Option<Followed>,
        next_table: TableId,
    ) -> Self {
        let (appended, stopped) = (Vec::new(), None);
        Self { snapshot, head, appended, followed, next_table, stopped }
    }
}

/// Whether a snapshot is older than another.
fn is_older(one: &Snapshot, other: &Snapshot) -> bool {
    (one.epoch(), one.version()) < (other.epoch(), other.version())
}

impl Writer {
    pub(crate) fn frozen(&self) -> MutexGuard<'_, BTreeMap<TableId, u64>> {
        self.frozen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn logs(&self) -> MutexGuard<'_, Logs> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.sync_newest();
        let is_stopped = self.state().stopped.is_some();
        if !is_stopped {
            self.collect_garbage();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.shared.dir.describe();
        let read_only = self.is_read_only();
        out.debug_struct("Store").field("dir", &dir).field("read_only", &read_only).finish()
    }
}
