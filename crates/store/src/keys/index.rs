//! Adds the keys of new rows to the key runs of a table, if they are unique.
//!
//! Where the new rows are in key order as they are, they are a run themselves, and if they follow
//! the run of the rows before them, that one is extended: a table that grows in key order has one
//! run, without files, and a new row is compared with the last one only. Otherwise the keys are
//! sorted into files.

use crate::edges::key_at;
use crate::keys::files::RunFilesWriter;
use crate::keys::layout::{Layout, NormalKey, by_width, nulls_of};
use crate::keys::run::{KeyRun, RunBlocks, decode_block, stored};
use crate::keys::sorter::KeySorter;
use crate::keys::unique::UniqueCheck;
use crate::load::{Job, RowNumbers};
use crate::records::{KeyRunRecord, KeyRunSource};
use crate::schema::Key;
use crate::segment::Segment;
use crate::snapshot::Table;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Error, Result};
use std::sync::Arc;

/// The part of a load's memory that keys to be sorted may take. Sorting them and writing them takes
/// some more, and what the rows took before is not all given back by the allocator.
const SORTER_SHARE: usize = 3;

/// Indexes the keys of `new`, the last segments of `table`.
pub(crate) fn index(
    job: &Job<'_>,
    table: &mut Table,
    new: &[Arc<Segment>],
    numbers: &RowNumbers,
) -> Result<()> {
    add_runs(job, table, new, numbers, Mode { is_checked: true, is_last: true })
}

/// Indexes the keys of rows that are written again, some segments of `table`; they are known to be
/// unique.
pub(crate) fn index_again(
    job: &Job<'_>,
    table: &mut Table,
    new: &[Arc<Segment>],
    is_last: bool,
) -> Result<()> {
    add_runs(job, table, new, &RowNumbers::InOrder, Mode { is_checked: false, is_last })
}

/// How to index.
#[derive(Clone, Copy)]
struct Mode {
    /// Whether new keys are compared with those of other rows.
    is_checked: bool,
    /// Whether the new segments are the last ones.
    is_last: bool,
}

fn add_runs(
    job: &Job<'_>,
    table: &mut Table,
    new: &[Arc<Segment>],
    numbers: &RowNumbers,
    mode: Mode,
) -> Result<()> {
    let schema = Arc::clone(&table.schema);
    let mut first_fault: Option<(u64, Error)> = None;
    for key in &schema.keys {
        let layout = layout_of(table, key)?;
        let task = Task { job, table, key, layout: &layout, new, mode };
        let (runs, fault) = by_width!(layout, K => task.run::<K>(numbers)?);
        if let Some(fault) = fault
            && first_fault.as_ref().is_none_or(|(row, _)| fault.0 < *row)
        {
            first_fault = Some(fault);
        }
        table.key_runs = runs;
    }
    first_fault.map_or(Ok(()), |(_, error)| Err(error))
}

/// Checks that the rows of a segment in memory, the last of `table`, have keys of their own.
pub(crate) fn check_memory(
    table: &Table,
    segment: &Arc<Segment>,
    numbers: &RowNumbers,
) -> Result<()> {
    let mut first_fault: Option<(u64, Error)> = None;
    for key in table.keys() {
        let layout = layout_of(table, key)?;
        let fault = by_width!(layout, K => {
            let own = table.memory_run(segment, key, &layout)?;
            let mut earlier = Vec::new();
            for run in table.key_runs.iter().filter(|run| run.key() == key.id) {
                earlier.push(run.open()?);
            }
            for run in table.memory_runs(key, &layout)? {
                if !own.as_ref().is_some_and(|own| Arc::ptr_eq(own, &run)) {
                    earlier.push(run);
                }
            }
            let rows = (table, segment.first_row());
            let mut check = UniqueCheck::<K>::new(&layout, earlier, numbers, rows);
            if let Some((keys, rows)) = own.as_ref().and_then(|own| own.memory::<K>()) {
                check.check(keys, rows)?;
            }
            check.finish(&table.schema, key)?
        });
        if let Some(fault) = fault
            && first_fault.as_ref().is_none_or(|(row, _)| fault.0 < *row)
        {
            first_fault = Some(fault);
        }
    }
    first_fault.map_or(Ok(()), |(_, error)| Err(error))
}

impl Table {
    /// The sorted keys of the segments in memory.
    pub(crate) fn memory_runs(&self, key: &Key, layout: &Layout) -> Result<Vec<Arc<RunBlocks>>> {
        let mut runs = Vec::new();
        for segment in &self.segments {
            runs.extend(self.memory_run(segment, key, layout)?);
        }
        Ok(runs)
    }

    /// The sorted keys of a segment, if it is in memory.
    fn memory_run(
        &self,
        segment: &Segment,
        key: &Key,
        layout: &Layout,
    ) -> Result<Option<Arc<RunBlocks>>> {
        segment.memory_keys().map(|keys| keys.run(segment, key, layout)).transpose()
    }

    /// All runs of a key: those in files and segments, and those in memory.
    pub(crate) fn runs(&self, key: &Key, layout: &Layout) -> Result<Vec<Arc<RunBlocks>>> {
        let stored = self.key_runs.iter().filter(|run| run.key() == key.id);
        let mut runs = stored.map(|run| run.open()).collect::<Result<Vec<_>>>()?;
        runs.extend(self.memory_runs(key, layout)?);
        Ok(runs)
    }
}

/// How a key of a table becomes normal keys.
pub(crate) fn layout_of(table: &Table, key: &Key) -> Result<Layout> {
    let types = key.columns.iter().filter_map(|id| table.schema.type_of(*id)).collect::<Vec<_>>();
    Layout::for_key(&types)
}

/// One key of one load.
pub(crate) struct Task<'a> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) table: &'a Table,
    pub(crate) key: &'a Key,
    pub(crate) layout: &'a Layout,
    pub(crate) new: &'a [Arc<Segment>],
    mode: Mode,
}

type Outcome = (Vec<Arc<KeyRun>>, Option<(u64, Error)>);

impl Task<'_> {
    /// All key runs of the table with the new keys among them, and the first row at fault.
    fn run<K: NormalKey>(&self, numbers: &RowNumbers) -> Result<Outcome> {
        let mut runs = self.table.key_runs.clone();
        let ends = self.ends_if_ascending::<K>()?;
        let extended = match &ends {
            Some((first, _)) if self.mode.is_last => self.find_extendable(first)?,
            _ => None,
        };
        let mut earlier = Vec::new();
        for run in runs.iter().filter(|run| run.key() == self.key.id && self.mode.is_checked) {
            if extended.as_ref().is_none_or(|extended| extended.record().id != run.record().id) {
                earlier.push(run.open()?);
            }
        }
        if self.mode.is_checked {
            earlier.extend(self.table.memory_runs(self.key, self.layout)?);
        }
        let first_row = self.new.first().map_or(0, |segment| segment.first_row());
        let rows = (self.table, first_row);
        let mut check = UniqueCheck::<K>::new(self.layout, earlier, numbers, rows);
        let run = if ends.is_some() {
            let new = self.in_segments(extended.as_ref());
            self.check_segments(&mut check)?;
            runs.retain(|run| {
                extended.as_ref().is_none_or(|old| old.record().id != run.record().id)
            });
            Some(new)
        } else {
            self.in_files(&mut check)?
        };
        runs.extend(run.map(Arc::new));
        Ok((runs, check.finish(&self.table.schema, self.key)?))
    }

    /// The first and the last key, if every row has one and they ascend.
    fn ends_if_ascending<K: NormalKey>(&self) -> Result<Option<(K, K)>> {
        let mut ends: Option<(K, K)> = None;
        for segment in self.new {
            let columns = segment.columns(&self.key.columns)?;
            for block in 0..segment.block_count() {
                let values = decode_block(&columns, block)?;
                if nulls_of(&values).is_some_and(|nulls| nulls.null_count() > 0) {
                    return Ok(None);
                }
                let keys = K::encode(self.layout, &values)?;
                let (Some(first), Some(last)) = (keys.first(), keys.last()) else { continue };
                let follows = ends.as_ref().is_none_or(|(_, last)| last < first);
                if !follows || !keys.is_sorted_by(|a, b| a < b) {
                    return Ok(None);
                }
                let first = ends.map_or_else(|| first.clone(), |(first, _)| first);
                ends = Some((first, last.clone()));
            }
        }
        Ok(ends)
    }

    /// The run of the rows just before the new ones, if it has no files and ends below `first`.
    fn find_extendable<K: NormalKey>(&self, first: &K) -> Result<Option<Arc<KeyRun>>> {
        let before = self.table.segments.len().saturating_sub(self.new.len());
        let Some(last) = before.checked_sub(1).and_then(|idx| self.table.segments.get(idx)) else {
            return Ok(None);
        };
        let is_before = |run: &&Arc<KeyRun>| {
            run.key() == self.key.id
                && run.segments().last().is_some_and(|segment| segment.id() == last.id())
        };
        let Some(run) = self.table.key_runs.iter().find(is_before) else { return Ok(None) };
        let row = last.row_count().saturating_sub(1);
        let last_key = key_at::<K>(self.layout, &self.key.columns, last, row)?;
        Ok((last_key < *first).then(|| Arc::clone(run)))
    }

    /// A run of the new segments, behind those of the run that is extended.
    pub(crate) fn in_segments(&self, extended: Option<&Arc<KeyRun>>) -> KeyRun {
        let mut segments = extended.map(|run| run.segments().to_vec()).unwrap_or_default();
        segments.extend(self.new.iter().cloned());
        let ids = segments.iter().map(|segment| segment.id()).collect();
        self.make_run(self.job.files.number(), &segments, rows_of(&segments), {
            KeyRunSource::Segments(ids)
        })
    }

    fn make_run(
        &self,
        id: u64,
        segments: &[Arc<Segment>],
        rows: u64,
        source: KeyRunSource,
    ) -> KeyRun {
        let record = KeyRunRecord {
            id,
            key: self.key.id,
            rows,
            first_row: segments.first().map_or(0, |segment| segment.first_row()),
            row_end: segments.last().map_or(0, |segment| segment.row_end()),
            source,
        };
        let dir = Arc::clone(self.job.files.dir());
        let segments = match record.source {
            KeyRunSource::Segments(_) => segments.to_vec(),
            KeyRunSource::Files(_) => Vec::new(),
        };
        KeyRun::new(dir, self.table.id(), self.key.columns.clone(), record, segments)
    }

    /// Checks new rows that are in key order against earlier ones.
    fn check_segments<K: NormalKey>(&self, check: &mut UniqueCheck<'_, K>) -> Result<()> {
        if !check.has_earlier() {
            return Ok(());
        }
        self.each_block::<K>(|keys, first_row| {
            let rows: Vec<u64> = (first_row..).take(keys.len()).collect();
            check.check(&keys, &rows)
        })
    }

    /// Sorts the new keys into files while they are checked; no run if no row has the key.
    fn in_files<K: NormalKey>(&self, check: &mut UniqueCheck<'_, K>) -> Result<Option<KeyRun>> {
        let (job, columns) = (self.job, &self.key.columns);
        let memory_bytes = job.memory_bytes / SORTER_SHARE;
        let mut sorter =
            KeySorter::<K>::new(job.files, self.layout, columns, job.workers, memory_bytes);
        self.each_row(&mut sorter)?;
        let mut output: Option<(u64, RunFilesWriter)> = None;
        sorter.finish(&mut |keys, row_ids| {
            check.check(keys, row_ids)?;
            if check.has_failed() {
                return Ok(());
            }
            if output.is_none() {
                let (id, folder) = job.files.key_run(self.table.id());
                let dir = job.files.dir().as_ref();
                let writer = RunFilesWriter::create(dir, &folder, columns, self.layout)?;
                output = Some((id, writer));
            }
            match &mut output {
                Some((_, writer)) => {
                    let rows = row_ids.iter().zip(writer.rows()..);
                    let numbers = rows.map(|(row, place)| stored(*row, place));
                    writer.append(self.layout, keys, numbers, job.workers)
                }
                None => Ok(()),
            }
        })?;
        let Some((id, writer)) = output else { return Ok(None) };
        let (files, rows) = writer.finish(job.workers)?;
        Ok(Some(self.make_run(id, self.new, rows, KeyRunSource::Files(files))))
    }

    /// Pushes the keys of all new rows that have one.
    fn each_row<K: NormalKey>(&self, sorter: &mut KeySorter<'_, K>) -> Result<()> {
        for segment in self.new {
            let columns = segment.columns(&self.key.columns)?;
            for block in 0..segment.block_count() {
                let values = decode_block(&columns, block)?;
                let nulls = nulls_of(&values);
                let keys = K::encode(self.layout, &values)?;
                let first = segment.first_row() + (block * BLOCK_ROWS) as u64;
                let rows = keys.into_iter().zip(first..).enumerate();
                let has_key = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                let rows = rows.filter(|(row, _)| has_key(*row));
                sorter.push(rows.map(|(_, pair)| pair))?;
            }
        }
        Ok(())
    }

    /// Calls `visit` with the keys of each block, none of which is NULL, and its first row id.
    fn each_block<K: NormalKey>(
        &self,
        mut visit: impl FnMut(Vec<K>, u64) -> Result<()>,
    ) -> Result<()> {
        for segment in self.new {
            let columns = segment.columns(&self.key.columns)?;
            for block in 0..segment.block_count() {
                let keys = K::encode(self.layout, &decode_block(&columns, block)?)?;
                visit(keys, segment.first_row() + (block * BLOCK_ROWS) as u64)?;
            }
        }
        Ok(())
    }
}

fn rows_of(segments: &[Arc<Segment>]) -> u64 {
    segments.iter().fold(0, |sum, segment| sum.saturating_add(segment.row_count()))
}
