//! Loading rows into a table.
//!
//! ```text
//!  batches ─► input ─► chunks ─► runs ─────► segments ─► keys ─► references ─► small segments
//!             check    gather    sort and    merge, if   unique  ordinals of   made one, if
//!             every    rows      write       there are   and     parents       there are
//!             row                            several     indexed               many
//! ```
//!
//! Every stage reads what the one before it has written, so none holds more than its share of the
//! memory, whatever the number of rows. A run is written as the segments that it would be if it
//! turned out to be the only one, which it is for everything that fits into memory and for input
//! that comes in order. Nothing is visible until the transaction publishes it.

mod chunk;
mod input;
mod merged;
mod numbers;
mod runs;
mod writer;

pub(crate) use chunk::sort;
pub(crate) use numbers::RowNumbers;
pub(crate) use writer::column_options;

use crate::keys::layout::{Layout, by_width};
use crate::keys::{index, references};
use crate::new_files::NewFiles;
use crate::records::{OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::workers::Workers;
use crate::{compact, edges};
use arrow::record_batch::RecordBatch;
use chunk::Chunk;
use input::Input;
use runs::{Loaded, RunsWriter};
use starfact_base::{Error, Result, TableId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Bytes that a load may hold unless told otherwise.
const MEMORY_BYTES_DEFAULT: usize = 1 << 30;
/// Rows that are written at a time where they need not be sorted.
const CHUNK_ROWS: usize = 1 << 20;

/// How to load.
#[derive(Clone)]
pub struct LoadOptions {
    /// Bytes of rows and keys to hold at a time; what does not fit is sorted on disk.
    pub memory_bytes: usize,
    /// Threads to encode and sort with.
    pub threads: usize,
    /// Called with the number of rows that have been read so far.
    pub progress: Option<Arc<dyn Fn(u64) + Send + Sync>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { memory_bytes: MEMORY_BYTES_DEFAULT, threads, progress: None }
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LoadOptions")
            .field("memory_bytes", &self.memory_bytes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// What all stages of a load work with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    pub(crate) files: &'a NewFiles,
    /// All tables as the transaction sees them.
    pub(crate) tables: &'a BTreeMap<TableId, Arc<Table>>,
    /// The table as it was.
    pub(crate) before: &'a Table,
    pub(crate) memory_bytes: usize,
    pub(crate) workers: &'a Workers,
}

/// Loads rows; returns the table with them and their number, or `None` if there are none.
pub(crate) fn load(
    files: &NewFiles,
    tables: &BTreeMap<TableId, Arc<Table>>,
    before: &Table,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    options: &LoadOptions,
    workers: &Workers,
) -> Result<Option<(Table, u64)>> {
    let job = Job { files, tables, before, memory_bytes: options.memory_bytes, workers };
    let input = Input::new(before, options.progress.as_deref());
    let layout = sort_layout(before)?;
    let loaded = match &layout {
        None => write::<u64>(&job, None, input, batches)?,
        Some(layout) => by_width!(layout, K => write::<K>(&job, Some(layout), input, batches)?),
    };
    let Some(Loaded { segments, numbers, rows }) = loaded else { return Ok(None) };
    let mut after = before.clone();
    let new = add_segments(&mut after, &job, segments, rows)?;
    after.is_sorted = match &layout {
        None => false,
        Some(layout) => before.is_sorted && edges::follow(layout, before, &after)?,
    };
    index::index(&job, &mut after, &new, &numbers)?;
    references::resolve(&job, &mut after, new.len(), &numbers)?;
    compact::compact(&job, &mut after)?;
    Ok(Some((after, rows)))
}

/// How the declared sort order becomes keys; `None` without one.
pub(crate) fn sort_layout(table: &Table) -> Result<Option<Layout>> {
    if table.sorted_by().is_empty() {
        return Ok(None);
    }
    let columns = table.sorted_by().iter().filter_map(|id| table.column(*id));
    Layout::for_sort(columns.map(|column| (column.data_type, column.nullable))).map(Some)
}

fn write<K: crate::keys::layout::NormalKey>(
    job: &Job<'_>,
    layout: Option<&Layout>,
    mut input: Input<'_>,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<Option<Loaded>> {
    let mut runs = RunsWriter::<K>::new(job, layout);
    let mut chunk = Chunk::default();
    // Half for the chunk, half for what sorting and writing it takes.
    let chunk_bytes_max = job.memory_bytes / 2;
    let chunk_rows_max = if layout.is_some() { u32::MAX as usize / 2 } else { CHUNK_ROWS };
    for batch in batches {
        let Some(rows) = input.check(batch?)? else { continue };
        if !chunk.is_empty()
            && (chunk.byte_len() + rows.byte_len > chunk_bytes_max
                || chunk.row_count() + rows.row_count > chunk_rows_max)
        {
            runs.add(chunk.take(), false)?;
        }
        chunk.push(rows);
    }
    if !chunk.is_empty() {
        runs.add(chunk.take(), true)?;
    }
    runs.finish()
}

/// Gives the new segments their ordinals and appends them; returns them.
fn add_segments(
    after: &mut Table,
    job: &Job<'_>,
    segments: Vec<writer::Written>,
    rows: u64,
) -> Result<Vec<Arc<Segment>>> {
    let end = after.next_ordinal.checked_add(rows).filter(|end| *end <= i64::MAX as u64);
    let end = end.ok_or_else(|| Error::Limit {
        what: format!("the number of rows that table \"{}\" ever had", after.name()),
        limit: i64::MAX.to_string(),
    })?;
    let mut first = after.next_ordinal;
    let mut new = Vec::with_capacity(segments.len());
    for written in segments {
        let record = SegmentRecord {
            id: written.id,
            rows: written.rows,
            run: after.next_run,
            ordinals: OrdinalsRecord::Consecutive(first),
            files: written.files,
        };
        first += written.rows;
        new.push(Arc::new(Segment::new(Arc::clone(job.files.dir()), after.id(), record)));
    }
    after.segments.extend(new.iter().cloned());
    after.next_ordinal = end;
    after.next_run += 1;
    Ok(new)
}
