//! What a benchmark says while it works, and how it is told to stop.

use crate::error::{Error, Result};
use starfact::CancelHandle;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A step of a benchmark. Counts go up to their totals within one stage and table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Rows of a table have been written to a Parquet file.
    Generated {
        /// The table.
        table: &'static str,
        /// Rows so far.
        rows: u64,
        /// Rows that there will be.
        total: u64,
    },
    /// A table is there already, complete, and is not loaded again.
    Reused {
        /// The table.
        table: &'static str,
        /// Its rows.
        rows: u64,
    },
    /// Rows of a table have been handed to the warehouse. When all have, it still sorts and writes.
    Loaded {
        /// The table.
        table: &'static str,
        /// Rows so far.
        rows: u64,
        /// Rows that there will be.
        total: u64,
    },
    /// A query runs: first to warm up, which is run 0, then `runs` times.
    Running {
        /// The query.
        query: &'static str,
        /// This run.
        run: usize,
        /// Timed runs in all.
        runs: usize,
    },
    /// The answer to a query is compared.
    Verifying {
        /// The query.
        query: &'static str,
    },
}

/// Hears the events of a benchmark, in order, on the thread that runs it.
pub type Listener<'a> = &'a (dyn Fn(&Event) + 'a);

/// Ends a benchmark from another thread. Clones end the same one.
#[derive(Clone, Default)]
pub struct Cancel {
    is_requested: Arc<AtomicBool>,
    /// Ends the statement that the benchmark's session is at.
    statement: Arc<Mutex<Option<CancelHandle>>>,
}

impl Cancel {
    /// Makes the benchmark fail with [`Error::Interrupted`] as soon as it can.
    pub fn cancel(&self) {
        self.is_requested.store(true, Ordering::SeqCst);
        if let Some(statement) = &*self.statement() {
            statement.cancel();
        }
    }

    /// Whether the benchmark is to end.
    pub fn is_requested(&self) -> bool {
        self.is_requested.load(Ordering::SeqCst)
    }

    /// Fails if the benchmark is to end.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_requested() { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Makes [`Self::cancel`] end the statements of a session, too.
    pub(crate) fn watch(&self, statement: CancelHandle) {
        *self.statement() = Some(statement);
    }

    fn statement(&self) -> MutexGuard<'_, Option<CancelHandle>> {
        self.statement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
