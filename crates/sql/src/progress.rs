//! How far the running statement is, for whoever draws it.
//!
//! One [`Progress`] a session, shared with the threads that work: they only ever add, and a reader
//! sees figures that may be a moment old. The counters start over with each statement. Nothing here
//! decides anything.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of the running statement.
#[derive(Debug, Default)]
pub struct Progress {
    rows_read: AtomicU64,
    bytes_read: AtomicU64,
    blocks_read: AtomicU64,
    blocks_skipped: AtomicU64,
    rows_written: AtomicU64,
}

/// What the counters say at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressReport {
    /// Rows of tables that were looked at.
    pub rows_read: u64,
    /// Bytes that were read: encoded blocks of tables, and text of imported files.
    pub bytes_read: u64,
    /// Blocks of 65,536 rows that were looked into.
    pub blocks_read: u64,
    /// Blocks that zone maps ruled out.
    pub blocks_skipped: u64,
    /// Rows that a load has taken in, or that COPY TO has written.
    pub rows_written: u64,
}

impl Progress {
    /// What the counters say now.
    pub fn report(&self) -> ProgressReport {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProgressReport {
            rows_read: value(&self.rows_read),
            bytes_read: value(&self.bytes_read),
            blocks_read: value(&self.blocks_read),
            blocks_skipped: value(&self.blocks_skipped),
            rows_written: value(&self.rows_written),
        }
    }

    /// A statement begins.
    pub(crate) fn start_over(&self) {
        for counter in [
            &self.rows_read,
            &self.bytes_read,
            &self.blocks_read,
            &self.blocks_skipped,
            &self.rows_written,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// A block was looked into.
    pub(crate) fn read_block(&self, rows: usize, bytes: u64) {
        self.rows_read.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        self.blocks_read.fetch_add(1, Ordering::Relaxed);
    }

    /// A block was checked, or some bytes were copied, whose rows nobody counts.
    pub(crate) fn read_bytes(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Blocks were ruled out.
    pub(crate) fn skip_blocks(&self, count: usize) {
        self.blocks_skipped.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// That many rows have been written so far.
    pub(crate) fn set_rows_written(&self, rows: u64) {
        self.rows_written.store(rows, Ordering::Relaxed);
    }
}

/// A reader that counts what is read through it.
pub(crate) struct Counted<R> {
    pub(crate) reader: R,
    pub(crate) progress: Arc<Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(bytes)?;
        self.progress.bytes_read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}
