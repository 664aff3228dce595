//! Making commits durable, and what to do when that fails.
//!
//! ```text
//! no space for a record    it fails, and those after it, which build on it: they are taken back,
//!                          and the next commit is on top of the last one that was written
//! a sync fails             nobody knows which records are durable: the store takes no more writes
//! ```
//!
//! Records are appended, taken back and passed over to another log only with the lock of the logs.

use crate::log::LogWriter;
use crate::logs::Logs;
use crate::snapshot::Snapshot;
use crate::store::Shared;
use crate::transaction::Durability;
use starfact_base::{Error, Result};
use std::sync::Arc;

impl Shared {
    /// Waits until a record of the log is durable, or with the operating system.
    pub(crate) fn finish(
        &self,
        log: &LogWriter,
        record: u64,
        durability: Durability,
    ) -> Result<()> {
        let outcome = match durability {
            Durability::Sync => log.sync(record),
            // Only a power cut can take it from here on.
            Durability::Async => log.write(record),
        };
        let Err(error) = outcome else { return Ok(()) };
        if !log.is_full() {
            return Err(self.stop(&error));
        }
        let mut logs = self.writer()?.logs();
        self.take_back(&mut logs)?;
        if let Some(reason) = &self.state().stopped {
            return Err(Error::ReadOnly(reason.clone()));
        }
        if record > log.written() {
            return Err(error);
        }
        // It is there and has no mark, or is not durable yet, and others have built on it.
        logs.open(&self.dir).map(drop).map_err(|error| self.stop(&error))
    }

    /// Makes commits durable that nobody waits for.
    pub(crate) fn sync_newest(&self) -> Result<()> {
        let Some(writer) = &self.writer else { return Ok(()) };
        let log = {
            let mut logs = writer.logs();
            self.take_back(&mut logs)?;
            match logs.is_waiting() {
                true => Some(self.open_log(&mut logs)?),
                false => logs.writer().cloned(),
            }
        };
        match log.filter(|log| log.durable() + 1 < log.next()) {
            Some(log) => self.finish(&log, log.next() - 1, Durability::Sync),
            None => Ok(()),
        }
    }

    /// The log that takes records.
    pub(crate) fn open_log(&self, logs: &mut Logs) -> Result<Arc<LogWriter>> {
        logs.open(&self.dir).map_err(|error| match error {
            Error::ReadOnly(_) => self.stop(&error),
            other => other,
        })
    }

    /// Makes all records durable before a manifest that is on top of them, `before`.
    pub(crate) fn settle_logs(&self, logs: &mut Logs, before: &Snapshot) -> Result<()> {
        self.take_back(logs)?;
        if let Err(error) = logs.settle(&self.dir) {
            let is_unknown = logs.writer().is_some_and(|log| log.has_failed() && !log.is_full());
            if is_unknown || matches!(error, Error::ReadOnly(_)) {
                return Err(self.stop(&error));
            }
            self.take_back(logs)?;
            return Err(error);
        }
        self.check_base(before)
    }

    /// If there was no space for records, the newest epoch is the one before them again.
    pub(crate) fn take_back(&self, logs: &mut Logs) -> Result<()> {
        let Some(full) = logs.full().cloned() else { return Ok(()) };
        let written = full.written();
        let mut state = self.state();
        let is_lost = |appended: &(u64, Arc<Snapshot>)| appended.0 > written;
        let first = state.appended.iter().position(is_lost).unwrap_or(state.appended.len());
        if let Some((_, before)) = state.appended.split_off(first).into_iter().next() {
            state.head = before;
        }
        drop(state);
        logs.set_aside(&self.dir, &full).map_err(|error| self.stop(&error))
    }

    /// Fails if the epoch that a commit builds on was taken back meanwhile.
    pub(crate) fn check_base(&self, before: &Snapshot) -> Result<()> {
        if std::ptr::eq(Arc::as_ptr(&self.state().head), before) {
            return Ok(());
        }
        Err(Error::Conflict(
            "the commit before this one failed, as there was no space for it: nothing of this one \
             is kept either, run it again"
                .into(),
        ))
    }

    /// Takes no more writes: it is not known what became of one.
    pub(crate) fn stop(&self, error: &Error) -> Error {
        let reason = format!(
            "it is not known whether the last commit was made durable ({error}): open the \
             warehouse again to see, and check the disk"
        );
        let mut state = self.state();
        let reason = state.stopped.get_or_insert(reason).clone();
        Error::ReadOnly(reason)
    }
}
