//! An open warehouse: who may write, what the newest snapshot is, and what is left to remove.
//!
//! A store is shared by all threads. The newest snapshot is behind a mutex that is held only to
//! copy a pointer; transactions take turns, and only the one whose turn it is changes anything.

use crate::backup::{BackupReport, backup};
use crate::garbage::Garbage;
use crate::open::{self, Opened};
use crate::snapshot::Snapshot;
use crate::transaction::Transaction;
use crate::turn::Turn;
use crate::workers::WorkerCache;
use starfact_base::{Error, Result, TableId};
use starfact_vfs::{Dir, Lock};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    shared: Arc<Shared>,
}

/// What a store and its transactions have in common.
pub(crate) struct Shared {
    pub(crate) dir: Arc<dyn Dir>,
    state: Mutex<State>,
    writer: Option<Writer>,
}

/// What changes with a commit.
pub(crate) struct State {
    pub(crate) snapshot: Arc<Snapshot>,
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
    pub(crate) workers: WorkerCache,
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
        let (snapshot, next_table, writer) = match mode {
            OpenMode::ReadOnly => (open::for_reading(&dir, None)?, TableId(0), None),
            OpenMode::ReadWrite { wait } => {
                let Opened { lock, snapshot, next_table, next_file, next_version, garbage } =
                    open::for_writing(&dir, wait)?;
                let writer = Writer {
                    turn: Arc::default(),
                    next_file: Arc::new(AtomicU64::new(next_file)),
                    next_version: AtomicU64::new(next_version.0),
                    garbage: Mutex::new(garbage),
                    workers: WorkerCache::default(),
                    _lock: lock,
                };
                (Arc::new(snapshot), next_table, Some(writer))
            }
        };
        let state = Mutex::new(State { snapshot, next_table, stopped: None });
        Ok(Self { shared: Arc::new(Shared { dir, state, writer }) })
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
        if !self.is_read_only() {
            return Ok(Arc::clone(&self.shared.state().snapshot));
        }
        let before = Arc::clone(&self.shared.state().snapshot);
        let newest = open::for_reading(&self.shared.dir, Some(&before))?;
        let mut state = self.shared.state();
        if state.snapshot.version() < newest.version() {
            state.snapshot = Arc::clone(&newest);
        }
        Ok(newest)
    }

    /// Copies the newest epoch to `to`, an empty directory. `proceed` is called with bytes that
    /// were copied; an error of it ends the work.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if `to` is not empty; [`Error::Corrupt`] if a file is damaged.
    /// Nothing remains in `to` then.
    pub fn backup(
        &self,
        to: &Arc<dyn Dir>,
        threads: usize,
        proceed: &(dyn Fn(u64) -> Result<()> + Sync),
    ) -> Result<BackupReport> {
        backup(&self.shared.dir, to, threads, proceed)
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
            Error::ReadOnly(
                "the warehouse was opened for reading only: open it again to write".into(),
            )
        })
    }

    /// Removes what nobody needs any more.
    pub(crate) fn collect_garbage(&self) {
        if let Some(writer) = &self.writer {
            let mut garbage = writer.garbage.lock().unwrap_or_else(PoisonError::into_inner);
            garbage.collect(self.dir.as_ref());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
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
