//! From a catalog and the records of the log to a snapshot.
//!
//! ```text
//!  records before the catalog's `next`    the rows that it says are in the log; what they delete
//!                                         is in the catalog already
//!  records from `next` on                 rows and deletions, one commit after the other
//!  a record on top of a newer catalog     the end: who reads on has to read that catalog first
//! ```

use crate::commit_record::{Commit, decode};
use crate::delta::{merge_neighbours, part};
use crate::paths;
use crate::records::{LogRecord, RowRange};
use crate::snapshot::{Snapshot, Table};
use roaring::RoaringTreemap;
use starfact_base::{Corruption, Epoch, Result, TableId, Version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of the delta that a catalog names and does not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) ranges: Vec<RowRange>,
    /// Deleted rows, among them those of these ranges.
    pub(crate) deleted: RoaringTreemap,
}

/// Tables that take in one commit after the other.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    version: Version,
    epoch: Epoch,
    /// Above the numbers of all files that records speak of.
    next_file: u64,
    /// The first record that is not in the catalog.
    next: u64,
    tables: BTreeMap<TableId, Arc<Table>>,
    pending: BTreeMap<TableId, Pending>,
    /// Whether a record is on top of a newer catalog.
    is_outdated: bool,
    /// The last epoch to take in.
    end: Epoch,
}

impl Replay {
    /// Begins with the tables of a catalog.
    pub(crate) fn new(
        (version, epoch): (Version, Epoch),
        log: Option<LogRecord>,
        tables: BTreeMap<TableId, Arc<Table>>,
        pending: BTreeMap<TableId, Pending>,
    ) -> Self {
        let next = log.map_or(1, |log| log.next);
        let end = Epoch(u64::MAX);
        Self { version, epoch, next_file: 0, next, tables, pending, is_outdated: false, end }
    }

    /// What it has taken in so far.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.version, self.epoch, true, self.tables.clone())
    }

    /// Takes in no later epoch.
    pub(crate) fn end_at(&mut self, epoch: Epoch) {
        self.end = epoch;
    }

    /// Goes on from a snapshot that has all records before `next`.
    pub(crate) fn go_on(from: &Snapshot, next: u64) -> Self {
        let (tables, pending) = (from.by_id().clone(), BTreeMap::new());
        let (version, epoch) = (from.version(), from.epoch());
        let end = Epoch(u64::MAX);
        Self { version, epoch, next_file: 0, next, tables, pending, is_outdated: false, end }
    }

    /// Takes in the rows in memory of an older snapshot, which has all records from `first` to
    /// before `next`, so that these need not be read: only what comes then. Says whether that can
    /// be; if not, nothing has happened.
    pub(crate) fn adopt(&mut self, before: &Snapshot, (first, next): (u64, u64)) -> Result<bool> {
        if next <= first || next > self.next {
            return Ok(false);
        }
        let mut adopted = Vec::new();
        for (id, pending) in &self.pending {
            // What is not known yet has come later.
            let Some(known) = before.table_by_id(*id) else { continue };
            if self.tables.get(id).is_none_or(|table| table.schema != known.schema) {
                return Ok(false);
            }
            for segment in known.segments.iter().filter(|segment| segment.is_in_memory()) {
                let (from, to) = (segment.first_row(), segment.row_end());
                for range in &pending.ranges {
                    let rows = RowRange {
                        first_row: range.first_row.max(from),
                        row_end: range.row_end.min(to),
                    };
                    if rows == (RowRange { first_row: from, row_end: to }) {
                        adopted.push((*id, Arc::clone(segment)));
                    } else if rows.first_row < rows.row_end {
                        adopted.push((*id, Arc::new(part(known, segment, &rows)?)));
                    }
                }
            }
        }
        for (id, segment) in adopted {
            let Some(table) = self.tables.get_mut(&id) else { continue };
            let segments = &mut Arc::make_mut(table).segments;
            let place = segments.partition_point(|it| it.row_end() <= segment.first_row());
            segments.insert(place, segment);
        }
        Ok(true)
    }

    /// Whether there is a newer catalog, so that the rest of the log is of no use.
    pub(crate) fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    pub(crate) fn next_file(&self) -> u64 {
        self.next_file
    }

    /// Takes in a record.
    pub(crate) fn apply(&mut self, number: u64, payload: &[u8]) -> Result<()> {
        if self.is_outdated {
            return Ok(());
        }
        let tables = &self.tables;
        let is_pending = number < self.next;
        // Of tables that were altered since, later records have what these do not fit yet.
        let is_wanted = |version: Version, epoch: Epoch| {
            is_pending || version <= self.version && epoch <= self.end
        };
        let known = |id| tables.get(&id).map(AsRef::as_ref);
        let Some(commit) = decode(number, payload, &is_wanted, &known)? else {
            if number == self.next {
                self.settle_pending()?;
            }
            self.is_outdated = true;
            return Ok(());
        };
        if is_pending {
            self.next_file = self.next_file.max(commit.next_file);
            return self.add_pending(commit);
        }
        if number == self.next {
            self.settle_pending()?;
        }
        let damage = |what: &str, expected: String, found: String| {
            let what = format!("{what} of record {number}");
            Corruption::new(0, what, expected, found).in_file(paths::LOGS)
        };
        if commit.version != self.version {
            let (expected, found) = (self.version.to_string(), commit.version.to_string());
            return Err(damage("version", expected, found));
        }
        if commit.epoch != self.epoch.next() {
            let (expected, found) = (self.epoch.next().to_string(), commit.epoch.to_string());
            return Err(damage("epoch", expected, found));
        }
        self.next_file = self.next_file.max(commit.next_file);
        for change in commit.tables {
            let Some(table) = self.tables.get_mut(&change.table) else { continue };
            let first = change.segments.first().map_or(table.next_row, |it| it.first_row());
            let is_behind = table.next_row <= first && table.next_row <= change.counters.next_row;
            if !is_behind || change.counters.next_ordinal < table.next_ordinal {
                let expected = format!("{} or more", table.next_row);
                return Err(damage("row ids", expected, first.to_string()));
            }
            let table = Arc::make_mut(table);
            table.delete_rows(&change.deleted);
            table.segments.extend(change.segments);
            change.counters.set(table);
            merge_neighbours(table, 0)?;
        }
        self.epoch = commit.epoch;
        self.next = number + 1;
        Ok(())
    }

    /// Adds the rows of a record that the catalog is newer than.
    fn add_pending(&mut self, commit: Commit) -> Result<()> {
        for change in commit.tables {
            let Some(pending) = self.pending.get(&change.table) else { continue };
            let Some(table) = self.tables.get_mut(&change.table) else { continue };
            for segment in change.segments {
                let (first, end) = (segment.first_row(), segment.row_end());
                let is_in = |range: &RowRange| range.first_row <= first && end <= range.row_end;
                if !pending.ranges.iter().any(is_in) {
                    continue;
                }
                let table = Arc::make_mut(table);
                let place = table.segments.partition_point(|other| other.row_end() <= first);
                let is_free = table.segments.get(place).is_none_or(|next| end <= next.first_row());
                if !is_free {
                    let found = format!("rows {first} to {end} twice");
                    let damage = Corruption::new(0, "rows of the delta", "each once", found);
                    return Err(damage.in_file(paths::LOGS));
                }
                table.segments.insert(place, segment);
            }
        }
        Ok(())
    }

    /// All rows that the catalog says are in the log were there.
    fn settle_pending(&mut self) -> Result<()> {
        for (id, pending) in std::mem::take(&mut self.pending) {
            let Some(table) = self.tables.get_mut(&id) else { continue };
            let segments = table.segments.iter().filter(|segment| segment.is_in_memory());
            let found: u64 = segments.map(|segment| segment.row_count()).sum();
            let lengths = pending.ranges.iter().map(|range| range.row_end - range.first_row);
            let expected: u64 = lengths.sum();
            if found != expected {
                let expected = format!("{expected} rows of table \"{}\"", table.name());
                let damage = Corruption::new(0, "records", expected, found);
                return Err(damage.in_file(paths::LOGS));
            }
            let table = Arc::make_mut(table);
            let file = table.deletions_file.clone();
            table.delete_rows(&pending.deleted);
            if table.deletions.rows() != pending.deleted.len() {
                let (expected, found) = (pending.deleted.len(), table.deletions.rows());
                let damage = Corruption::new(0, "deleted rows", expected, found);
                return Err(damage.in_file(paths::table(id)));
            }
            table.deletions_file = file;
            merge_neighbours(table, 0)?;
        }
        Ok(())
    }

    /// The snapshot after the last record that could be read, and the names of tables of which rows
    /// are missing that the catalog knows of.
    pub(crate) fn finish_damaged(mut self) -> (Snapshot, Vec<String>) {
        let mut lost = Vec::new();
        for (id, pending) in std::mem::take(&mut self.pending) {
            let Some(table) = self.tables.get_mut(&id) else { continue };
            let segments = table.segments.iter().filter(|segment| segment.is_in_memory());
            let found: u64 = segments.map(|segment| segment.row_count()).sum();
            let lengths = pending.ranges.iter().map(|range| range.row_end - range.first_row);
            if found != lengths.sum::<u64>() {
                lost.push(format!("table \"{}\"", table.name()));
            }
            Arc::make_mut(table).delete_rows(&pending.deleted);
        }
        (Snapshot::new(self.version, self.epoch, true, self.tables), lost)
    }

    /// The snapshot after the last record.
    pub(crate) fn finish(mut self) -> Result<Snapshot> {
        self.settle_pending()?;
        Ok(Snapshot::new(self.version, self.epoch, true, self.tables))
    }
}
