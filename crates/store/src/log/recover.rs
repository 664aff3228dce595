//! Recovery: what a writer does first with the logs that it finds.
//!
//! ```text
//!              marked                 not marked            torn
//! wal/7.wal   │ record 41 │ mark 41 │ record 42 │ record 43 │ reco…
//!                                       │ copied, marked
//! wal/8.wal                             └► record 42 │ record 43 │ mark 43
//! ```
//!
//! Records behind the last mark may have been acknowledged, if the crash took only their mark, so
//! they count. But they may also be in the memory of the operating system and not on the disk: if
//! the last writer was killed before its sync, or if its sync failed and the pages pass for clean
//! since. So they are copied before anything is built on them.

use super::reader::{LogReader, Torn, Until, next_number};
use super::writer::{LogWriter, NewLog};
use starfact_base::{Error, Result};
use starfact_vfs::Dir;
use std::ops::Range;
use std::sync::Arc;

/// What [`recover`] found and made.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// What a crash left of records that were never durable.
    pub(crate) torn: Option<Torn>,
    /// A new log that begins with copies of the records that were not marked; `None` if all were.
    pub(crate) log: Option<LogWriter>,
    /// A number for the next log, above those of all that are there.
    pub(crate) next_log: u64,
}

/// Visits all good records after a place that nothing was read from yet, as [`LogReader::read`]
/// does, and makes those durable that might not be. For the one writer, before it writes anything.
pub(crate) fn recover(
    dir: &Arc<dyn Dir>,
    reader: &mut LogReader,
    visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<Recovered> {
    reader.read(dir.as_ref(), Until::Mark, visit)?;
    let number = next_number(dir.as_ref())?;
    let mut new: Option<NewLog> = None;
    let end = reader.read(dir.as_ref(), Until::End, &mut |record, payload| {
        visit(record, payload)?;
        let log = match &mut new {
            Some(log) => log,
            None => new.insert(NewLog::begin(dir, number, record)?),
        };
        log.append(payload)
    })?;
    let log = new.map(NewLog::publish).transpose()?;
    let next_log = if log.is_some() { number.saturating_add(1) } else { number };
    Ok(Recovered { torn: end.torn, log, next_log })
}

/// Makes the log `number`, which goes on where the last one, `from`, was given up: it begins with
/// copies of the `records` that were written there and are not durable, and these are durable then.
/// Whatever is behind them in `from` does not count any more.
pub(crate) fn go_on(
    dir: &Arc<dyn Dir>,
    number: u64,
    from: u64,
    records: &Range<u64>,
) -> Result<LogWriter> {
    if records.is_empty() {
        return LogWriter::create(dir, number, records.end);
    }
    let mut new = NewLog::begin(dir, number, records.start)?;
    let mut reader = LogReader::new(from, records.start);
    reader.read(dir.as_ref(), Until::End, &mut |record, payload| {
        if record < records.end { new.append(payload) } else { Ok(()) }
    })?;
    if new.next() != records.end {
        return Err(Error::internal(format!("log {from} has lost record {}", new.next())));
    }
    new.publish()
}

/// Whether the last log, `from`, has whole records from the number `first` on.
pub(crate) fn has_records(dir: &dyn Dir, from: u64, first: u64) -> Result<bool> {
    let mut reader = LogReader::new(from, first);
    reader.read(dir, Until::End, &mut |_, _| Ok(()))?;
    Ok(reader.next_record() > first)
}
