//! Reads the records of the logs in order, from a place on.
//!
//! ```text
//! another log follows     its first record is where this log ends: all records before it must be
//!                         there, and no mark may speak of later ones
//! it is the last log      marked records must be there
//!                         Until::Mark  visits those, and is silent about what follows
//!                         Until::End   visits all that are good; what follows is the torn tail
//! ```
//!
//! Beside each log is an empty file, made when the log was durable, that says that it was begun: so
//! it is noticed if the last log is gone, of which no other one speaks.
//!
//! Records before the place are passed over. Nothing is visited twice, and what could not be read
//! stays to be read: after an error of a visit, the place is before the record that was not
//! accepted.

use super::format::{Frame, Header, Placed, find_mark, frame};
use crate::manifest::is_missing;
use crate::paths;
use bytes::Bytes;
use starfact_base::{Corruption, Error, Result};
use starfact_vfs::{Dir, Entry};
use std::collections::BTreeSet;

/// How far to read the last log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// To the last mark: what is durable. For readers, which may be beside a writer.
    Mark,
    /// To the last good record. For a writer that has just begun.
    End,
}

/// A place in the logs, from which to go on reading.
#[derive(Clone, Debug)]
pub(crate) struct LogReader {
    /// The log of the place.
    log: u64,
    /// The offset of the next frame in it; 0 before the header was read.
    offset: usize,
    /// The number of the next record there, unless the log ends.
    upcoming: u64,
    /// The number of the next record to visit: never less than `upcoming`.
    next: u64,
    /// The bytes of the log that were there when it was last read up to its last mark.
    seen: u64,
}

/// Where reading ended.
#[derive(Debug, Default)]
pub(crate) struct ReadEnd {
    /// What is behind the last good record: never with [`Until::Mark`].
    pub(crate) torn: Option<Torn>,
}

/// The torn tail of a log: the rest of a write that was never completed, and so never durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) path: String,
    /// Where it begins in the file.
    pub(crate) offset: u64,
    /// Bytes from there to the end of the file.
    pub(crate) byte_len: u64,
}

/// A visit of a record: its number and its payload.
type Visit<'a> = dyn FnMut(u64, &[u8]) -> Result<()> + 'a;

impl LogReader {
    /// The place of the record `first_record`, which is in the log `first_log` or a later one.
    ///
    /// `first_log` must be there unless no record can be missing: that is if the next log begins
    /// with `first_record` or before, or if `first_log` is 0, for a place from before there were
    /// logs.
    pub(crate) fn new(first_log: u64, first_record: u64) -> Self {
        Self { log: first_log, offset: 0, upcoming: 0, next: first_record, seen: 0 }
    }

    /// The number of the next record to visit.
    pub(crate) fn next_record(&self) -> u64 {
        self.next
    }

    /// Visits the records after this place, in order, over as many logs as there are, and moves on.
    ///
    /// With [`Until::Mark`] these are at least all whose `sync` had returned before.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a record that was durable is damaged or missing; errors of visits.
    pub(crate) fn read(
        &mut self,
        dir: &dyn Dir,
        until: Until,
        visit: &mut Visit<'_>,
    ) -> Result<ReadEnd> {
        let mut last: Option<Log> = None;
        let from = self.log;
        let entries = dir.list(paths::LOGS)?;
        if until == Until::Mark && self.has_seen_all(&entries) {
            return Ok(ReadEnd::default());
        }
        for number in numbers(&entries).into_iter().filter(|&number| number >= from) {
            let opened = Log::open(dir, number).and_then(|log| match log {
                None if dir.exists(&paths::begun_log(number))? => {
                    let damage = Corruption::new(0, "file", "a log", "no such file");
                    Err(damage.in_file(paths::log(number)))
                }
                log => Ok(log),
            });
            if opened.is_err()
                && let Some(before) = &last
            {
                // What is before the damage is good; where it should end is not known.
                self.read_all(before, visit)?;
            }
            // Gone by now: whether it is missed is seen from the next one, which must follow.
            let Some(log) = opened? else { continue };
            if let Some(before) = last.take() {
                self.leave(&before, log.header.first, visit)?;
            }
            self.enter(&log)?;
            last = Some(log);
        }
        match (last, until) {
            (Some(log), Until::Mark) => self.read_marked(&log, visit),
            (Some(log), Until::End) => self.read_all(&log, visit),
            (None, _) if self.log == 0 => Ok(ReadEnd::default()),
            (None, _) => {
                let expected = format!("the log of record {}", self.next);
                let damage = Corruption::new(0, "file", expected, "no such file");
                Err(damage.in_file(paths::log(self.log)))
            }
        }
    }

    /// Whether nothing was written since the logs were read last: logs only grow.
    fn has_seen_all(&self, entries: &[Entry]) -> bool {
        let is_it =
            |entry: &&Entry| !entry.is_folder && paths::log_number(&entry.name) == Some(self.log);
        let log = entries.iter().find(is_it);
        log.is_some_and(|log| self.seen > 0 && log.bytes == self.seen)
            && numbers(entries).last() == Some(&self.log)
    }

    /// Moves to a log, unless the place is in it already.
    fn enter(&mut self, log: &Log) -> Result<()> {
        let first = log.header.first;
        if log.header.number == self.log && self.offset > 0 {
            if self.offset <= log.bytes.len() {
                return Ok(());
            }
            let expected = format!("at least {} bytes", self.offset);
            let damage = Corruption::new(0, "file length", expected, log.bytes.len());
            return Err(damage.in_file(&log.path));
        }
        if first > self.next {
            let expected = format!("at most {}, which is the next to read", self.next);
            let damage = Corruption::new(0, "number of the first record", expected, first);
            return Err(damage.in_file(&log.path));
        }
        (self.log, self.offset, self.upcoming) = (log.header.number, log.header_bytes, first);
        self.seen = 0;
        Ok(())
    }

    /// Reads a log to its end, which is before the record `end`, the first of another log.
    fn leave(&mut self, log: &Log, end: u64, visit: &mut Visit<'_>) -> Result<()> {
        while self.next < end {
            match self.peek(log)? {
                Peek::Frame(placed) => self.pass(&placed, visit)?,
                Peek::Wrong(damage) => return Err(damage.in_file(&log.path)),
                Peek::End => {
                    let expected = format!("records up to {}", end - 1);
                    let found = format!("the end of the file before record {}", self.upcoming);
                    let damage = Corruption::new(self.offset as u64, "log", expected, found);
                    return Err(damage.in_file(&log.path));
                }
            }
        }
        match find_mark(&log.bytes, self.offset, log.header.salt, end) {
            None => Ok(()),
            Some((at, record)) => {
                let expected = format!("at most {}, as another log goes on", end - 1);
                let damage = Corruption::new(at as u64, "record of a mark", expected, record);
                Err(damage.in_file(&log.path))
            }
        }
    }

    /// Reads the last log up to its last mark.
    fn read_marked(&mut self, log: &Log, visit: &mut Visit<'_>) -> Result<ReadEnd> {
        let marked = self.last_marked(log)?;
        while self.next <= marked {
            match self.peek(log)? {
                Peek::Frame(placed) => self.pass(&placed, visit)?,
                Peek::Wrong(damage) => return Err(damage.in_file(&log.path)),
                Peek::End => {
                    return Err(Error::internal(format!("{} became shorter", log.path)));
                }
            }
        }
        self.seen = log.bytes.len() as u64;
        Ok(ReadEnd::default())
    }

    /// Looks ahead for the record that the last mark of the last log covers; 0 if there is no mark.
    fn last_marked(&self, log: &Log) -> Result<u64> {
        let mut ahead = self.clone();
        let mut marked = 0;
        loop {
            match ahead.peek(log)? {
                Peek::Frame(placed) => {
                    if placed.frame == Frame::Mark {
                        marked = placed.record;
                    }
                    ahead.pass(&placed, &mut |_, _| Ok(()))?;
                }
                Peek::Wrong(damage) => return ahead.cut(log, damage).map(|_| marked),
                Peek::End => return Ok(marked),
            }
        }
    }

    /// Reads the last log up to its last good record.
    fn read_all(&mut self, log: &Log, visit: &mut Visit<'_>) -> Result<ReadEnd> {
        loop {
            match self.peek(log)? {
                Peek::Frame(placed) => self.pass(&placed, visit)?,
                Peek::Wrong(damage) => return self.cut(log, damage),
                Peek::End => return Ok(ReadEnd::default()),
            }
        }
    }

    /// Tells whether what is wrong in the last log is a torn tail or damage.
    fn cut(&self, log: &Log, damage: Corruption) -> Result<ReadEnd> {
        let least = self.upcoming.max(self.next);
        if find_mark(&log.bytes, self.offset, log.header.salt, least).is_some() {
            return Err(damage.in_file(&log.path));
        }
        let byte_len = log.bytes.len().saturating_sub(self.offset) as u64;
        let torn = Torn { path: log.path.clone(), offset: self.offset as u64, byte_len };
        Ok(ReadEnd { torn: Some(torn) })
    }

    /// The frame at the place.
    ///
    /// # Errors
    /// A whole frame that does not follow from those before it.
    fn peek<'a>(&self, log: &'a Log) -> Result<Peek<'a>> {
        let placed = match frame(&log.bytes, self.offset, log.header.salt) {
            Ok(Some(placed)) => placed,
            Ok(None) => return Ok(Peek::End),
            Err(damage) => return Ok(Peek::Wrong(damage)),
        };
        let (what, expected, is_right) = match placed.frame {
            Frame::Record(_) => {
                ("number of a record", self.upcoming.to_string(), placed.record == self.upcoming)
            }
            Frame::Mark => {
                let expected = format!("below {}, the next record", self.upcoming);
                ("record of a mark", expected, placed.record < self.upcoming)
            }
        };
        if !is_right {
            let damage = Corruption::new(self.offset as u64, what, expected, placed.record);
            return Err(damage.in_file(&log.path));
        }
        Ok(Peek::Frame(placed))
    }

    /// Moves behind a frame; a record that was asked for is visited first.
    fn pass(&mut self, placed: &Placed<'_>, visit: &mut Visit<'_>) -> Result<()> {
        if let Frame::Record(payload) = placed.frame {
            if placed.record >= self.next {
                visit(placed.record, payload)?;
                self.next = placed.record + 1;
            }
            self.upcoming = placed.record + 1;
        }
        self.offset = placed.end;
        Ok(())
    }
}

/// What is at a place in a log.
enum Peek<'a> {
    /// A frame that follows from those before.
    Frame(Placed<'a>),
    /// No frame, and how that shows.
    Wrong(Corruption),
    /// The end of the file.
    End,
}

/// An open log.
#[derive(Debug)]
struct Log {
    path: String,
    header: Header,
    header_bytes: usize,
    bytes: Bytes,
}

impl Log {
    /// Opens a log as long as it is now; `None` if there is none.
    fn open(dir: &dyn Dir, number: u64) -> Result<Option<Self>> {
        let path = paths::log(number);
        let file = match dir.open(&path) {
            Err(error) if is_missing(&error) => return Ok(None),
            file => file?,
        };
        let bytes = file.bytes(0..file.len())?;
        let (header, header_bytes) = Header::parse(&path, number, &bytes)?;
        Ok(Some(Self { path, header, header_bytes, bytes }))
    }
}

/// All logs, each with the number of its first record, ascending; 0 for one that is damaged, which
/// only older epochs need.
pub(crate) fn list(dir: &dyn Dir) -> Result<Vec<(u64, u64)>> {
    let mut logs = Vec::new();
    for number in begun(dir)? {
        match Log::open(dir, number) {
            Ok(log) => logs.extend(log.map(|log| (number, log.header.first))),
            Err(Error::Corrupt { .. }) => logs.push((number, 0)),
            Err(error) => return Err(error),
        }
    }
    Ok(logs)
}

/// A number above those of all logs.
pub(super) fn next_number(dir: &dyn Dir) -> Result<u64> {
    Ok(begun(dir)?.last().map_or(1, |newest| newest.saturating_add(1)))
}

/// The numbers of all logs that were begun, ascending. Some may be gone.
fn begun(dir: &dyn Dir) -> Result<BTreeSet<u64>> {
    Ok(numbers(&dir.list(paths::LOGS)?))
}

/// The numbers of the logs of which there is anything.
fn numbers(entries: &[Entry]) -> BTreeSet<u64> {
    let names = entries.iter().filter(|entry| !entry.is_folder).map(|entry| entry.name.as_str());
    let number = |name| paths::log_number(name).or_else(|| paths::begun_log_number(name));
    names.filter_map(number).collect()
}
