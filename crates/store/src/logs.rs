//! The logs of the writer: where commits are appended, and which logs are still needed.
//!
//! ```text
//! the log takes records   append, sync
//! there was no space      `set_aside`: the next commit begins another log, if there is space then
//! a sync has failed       nothing is written any more: the store is stopped
//! ```

use crate::delta::Memory;
use crate::garbage::{Garbage, Item};
use crate::log::{LogWriter, Recovered, go_on, has_records};
use crate::paths;
use crate::records::LogRecord;
use crate::snapshot::Table;
use starfact_base::{Result, Version};
use starfact_vfs::Dir;
use std::ops::Range;
use std::sync::Arc;

/// Bytes from which on a log takes no more records once a manifest is written.
const LOG_BYTES: u64 = 4 << 20;

/// Leaves word that a log was begun, now that it is durable. Nothing is lost if that is.
pub(crate) fn note_begun(dir: &Arc<dyn Dir>, number: u64) {
    drop(dir.create(&paths::begun_log(number)));
}

/// Changed by whoever has the turn.
#[derive(Debug)]
pub(crate) struct Logs {
    writer: Option<Arc<LogWriter>>,
    next_log: u64,
    next_record: u64,
    /// Without a writer: records that are written and not durable, and the log that has them.
    waiting: Option<(u64, Range<u64>)>,
    /// All logs that are there, each with the number of its first record, ascending.
    known: Vec<(u64, u64)>,
    /// Whether the manifest says where the logs begin: only then is one read.
    are_in_manifest: bool,
}

impl Logs {
    /// What recovery has found.
    pub(crate) fn new(
        recovered: Recovered,
        next_record: u64,
        known: Vec<(u64, u64)>,
        are_in_manifest: bool,
    ) -> Self {
        let Recovered { log, next_log, .. } = recovered;
        let (writer, waiting) = (log.map(Arc::new), None);
        Self { writer, next_log, next_record, waiting, known, are_in_manifest }
    }

    /// The log that takes records now, if there is one.
    pub(crate) fn writer(&self) -> Option<&Arc<LogWriter>> {
        self.writer.as_ref()
    }

    pub(crate) fn are_in_manifest(&self) -> bool {
        self.are_in_manifest
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

    /// The log that takes records; begins one if there is none.
    pub(crate) fn open(&mut self, dir: &Arc<dyn Dir>) -> Result<Arc<LogWriter>> {
        match &self.writer {
            Some(writer) => Ok(Arc::clone(writer)),
            None => self.begin(dir),
        }
    }

    fn begin(&mut self, dir: &Arc<dyn Dir>) -> Result<Arc<LogWriter>> {
        let (number, next) = (self.next_log, self.next_record());
        // A number is not used twice, whatever becomes of the first attempt.
        self.next_log += 1;
        let (from, records) = self.waiting.clone().unwrap_or((0, next..next));
        let begun = go_on(dir, number, from, &records).inspect_err(|_| {
            // Else the attempts would pile up until the next writer comes.
            let _ = dir.remove_file(&paths::new_log(number));
        });
        let writer = Arc::new(begun?);
        note_begun(dir, number);
        self.waiting = None;
        self.known.push((number, records.start));
        self.writer = Some(Arc::clone(&writer));
        Ok(writer)
    }

    /// The log that takes no more records because there was no space.
    pub(crate) fn full(&self) -> Option<&Arc<LogWriter>> {
        self.writer.as_ref().filter(|writer| writer.is_full())
    }

    /// Whether another log has to be begun for records to be durable.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Lets another log go on where `full` ends. If it has to be there at once, it is begun now.
    pub(crate) fn set_aside(&mut self, dir: &Arc<dyn Dir>, full: &LogWriter) -> Result<()> {
        let records = full.synced() + 1..full.written() + 1;
        self.next_record = records.end;
        self.waiting = (!records.is_empty()).then(|| (full.number(), records));
        self.writer = None;
        // Whoever opens the warehouse counts whole records, but these have failed.
        if has_records(dir.as_ref(), full.number(), self.next_record)? {
            self.begin(dir)?;
        }
        Ok(())
    }

    /// The number of the next record.
    fn next_record(&self) -> u64 {
        self.writer.as_ref().map_or(self.next_record, |writer| writer.next())
    }

    /// Makes all records durable, and begins a new log if this one is long.
    pub(crate) fn settle(&mut self, dir: &Arc<dyn Dir>) -> Result<()> {
        if self.is_waiting() {
            self.begin(dir)?;
        }
        let Some(writer) = self.writer.clone() else { return Ok(()) };
        if writer.durable() + 1 < writer.next() {
            writer.sync(writer.next() - 1)?;
        }
        if writer.byte_len() > LOG_BYTES {
            self.begin(dir)?;
        }
        Ok(())
    }

    /// Where to read the logs from, with a catalog of these tables; `None` if there are none.
    pub(crate) fn place<'a>(
        &self,
        tables: impl Iterator<Item = &'a Arc<Table>>,
    ) -> Option<LogRecord> {
        let next = self.next_record();
        let segments = tables.flat_map(|table| &table.segments);
        let first = segments.filter_map(|segment| segment.memory().map(Memory::record)).min();
        let first = first.unwrap_or(next);
        let (log, _) = self.known.iter().rev().find(|(_, begin)| *begin <= first)?;
        Some(LogRecord { log: *log, first, next })
    }

    /// A manifest with this place was published. `last` is the last version that needs more.
    pub(crate) fn published(
        &mut self,
        place: Option<LogRecord>,
        last: Version,
        garbage: &mut Garbage,
    ) {
        let Some(place) = place else { return };
        self.are_in_manifest = true;
        self.known.retain(|(number, _)| {
            if *number < place.log {
                for path in [paths::begun_log(*number), paths::log(*number)] {
                    garbage.add(Item::file(path, last));
                }
            }
            *number >= place.log
        });
    }
}
