//! Loading rows into a table.
//!
//! ```text
//!  batches ─► input ─► chunks ─► runs ─────► segments ─► keys ─► references ─► small segments
//!             check    gather    sort and    merge, if   unique  ordinals of   made one, if
//!             every    rows      write       there are   and     parents       there are
//!             row                            several     indexed               many
//!                                │
//!                                └ ordinals of parents first where rows are sorted by these
//!                    ─► columns that follow from others, made smaller
//!                    ─► text as codes of dictionaries that segments have in common
//!                    ─► bitmap indexes
//! ```
//!
//! Every stage reads what the one before it has written, so none holds more than its share of the
//! memory, whatever the number of rows. A run is written as the segments that it would be if it
//! turned out to be the only one, which it is for everything that fits into memory and for input
//! that comes in order. Nothing is visible until the transaction publishes it.

mod chunk;
mod clustered;
mod combined;
mod input;
mod merged;
mod numbers;
mod runs;
mod writer;

pub(crate) use chunk::sort;
pub(crate) use input::{CheckedRows, check_rows};
pub(crate) use numbers::RowNumbers;
pub(crate) use runs::Loaded;
pub(crate) use writer::{RowColumn, Written};

use crate::cube::CellRole;
use crate::dictionaries::SharedDictionaries;
use crate::keys::layout::{Layout, NormalKey, by_width};
use crate::keys::{index, references};
use crate::new_files::NewFiles;
use crate::records::{OrdinalsRecord, SegmentRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::workers::Workers;
use crate::{derive, dictionaries, edges, indexes, shared_keys};
use arrow::record_batch::RecordBatch;
use chunk::Chunk;
use clustered::Clustered;
use input::Input;
use runs::RunsWriter;
use starfact_base::{Error, Result, TableId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, mpsc};

/// Bytes that a load may hold unless told otherwise.
const MEMORY_BYTES_DEFAULT: usize = 1 << 30;
/// The part of the memory that a chunk may take: one is being read, one being written, and
/// sorting and writing it takes about as much again.
const CHUNK_SHARE: usize = 4;
/// Rows that are written at a time where they need not be sorted.
const CHUNK_ROWS: usize = 1 << 20;

/// How to load.
#[derive(Clone)]
pub struct LoadOptions {
    /// Bytes of rows and keys to hold at a time; what does not fit is sorted on disk.
    pub memory_bytes: usize,
    /// Threads to encode and sort with.
    pub threads: usize,
    /// Whether columns that follow from others are stored as the rule that they follow.
    pub derive_columns: bool,
    /// Which columns of text are stored as codes of a dictionary that their files have in common.
    pub shared_dictionaries: SharedDictionaries,
    /// Whether columns get bitmap indexes of which nobody has said whether they should, where these
    /// pay. Columns for which they were asked get them anyway.
    pub index_columns: bool,
    /// Called with the number of rows that have been read so far.
    pub progress: Option<Arc<dyn Fn(u64) + Send + Sync>>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            memory_bytes: MEMORY_BYTES_DEFAULT,
            threads,
            derive_columns: true,
            shared_dictionaries: SharedDictionaries::default(),
            index_columns: true,
            progress: None,
        }
    }
}

impl fmt::Debug for LoadOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LoadOptions")
            .field("memory_bytes", &self.memory_bytes)
            .field("threads", &self.threads)
            .field("derive_columns", &self.derive_columns)
            .field("shared_dictionaries", &self.shared_dictionaries)
            .field("index_columns", &self.index_columns)
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
    /// The columns of the rows that are written.
    pub(crate) columns: &'a [RowColumn],
    /// What is looked up of the rows before they are sorted; `None` if they have it already.
    pub(crate) clustered: Option<&'a Clustered<'a>>,
    /// What the first columns are if the rows are cells, of which those with equal keys become one.
    pub(crate) cell_roles: Option<&'a [CellRole]>,
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
    let clustered = Clustered::new(before);
    let mut columns = RowColumn::visible_of(before);
    columns.extend(clustered.columns());
    let memory_bytes = options.memory_bytes;
    let clustered = Some(&clustered);
    let job = Job {
        files,
        tables,
        before,
        columns: &columns,
        clustered,
        cell_roles: None,
        memory_bytes,
        workers,
    };
    let mut input = Input::new(before, options.progress.as_deref());
    let mut rows = batches.filter_map(|batch| batch.and_then(|it| input.check(it)).transpose());
    let layout = sort_layout(before)?;
    let loaded = write(&job, layout.as_ref(), &mut rows)?;
    let Some(Loaded { segments, numbers, rows }) = loaded else { return Ok(None) };
    let mut after = before.clone();
    let new = add_segments(&mut after, &job, segments, rows)?;
    after.is_sorted = match &layout {
        None => false,
        Some(layout) => before.is_sorted && edges::follow(layout, before, &after)?,
    };
    index::index(&job, &mut after, &new, &numbers)?;
    references::resolve(&job, &mut after, new.len(), &numbers)?;
    finish(&job, &mut after, options)?;
    Ok(Some((after, rows)))
}

/// Makes the segments that `after` has and `job.before` has not smaller, and indexes them.
pub(crate) fn finish(job: &Job<'_>, after: &mut Table, options: &LoadOptions) -> Result<()> {
    if options.derive_columns {
        derive::derive(job, after, job.before)?;
    }
    if options.derive_columns {
        shared_keys::share(job, after, job.before)?;
    }
    dictionaries::share(job, after, job.before, options.shared_dictionaries)?;
    if options.index_columns {
        indexes::index(job, after, job.before)?;
    }
    Ok(())
}

/// How the declared sort order becomes keys; `None` without one.
pub(crate) fn sort_layout(table: &Table) -> Result<Option<Layout>> {
    if table.sorted_by().is_empty() {
        return Ok(None);
    }
    Layout::for_sort(table.schema.sort_types()).map(Some)
}

/// Sorts rows and writes them as segments; `None` if there are none.
pub(crate) fn write(
    job: &Job<'_>,
    layout: Option<&Layout>,
    rows: &mut dyn Iterator<Item = Result<CheckedRows>>,
) -> Result<Option<Loaded>> {
    match layout {
        None => write_sorted::<u64>(job, None, rows),
        Some(layout) => by_width!(layout, K => write_sorted::<K>(job, Some(layout), rows)),
    }
}

fn write_sorted<K: NormalKey>(
    job: &Job<'_>,
    layout: Option<&Layout>,
    rows: &mut dyn Iterator<Item = Result<CheckedRows>>,
) -> Result<Option<Loaded>> {
    let mut runs = RunsWriter::<K>::new(job, layout);
    let mut chunks = Chunks {
        rows,
        chunk: Chunk::default(),
        byte_len_max: job.memory_bytes / CHUNK_SHARE,
        row_count_max: if layout.is_some() { u32::MAX as usize / 2 } else { CHUNK_ROWS },
    };
    match chunks.next()? {
        Some(part) if part.is_last => runs.add(part.chunk, true)?,
        Some(part) => runs = write_beside(runs, part, &mut chunks)?,
        None => {}
    }
    runs.finish()
}

/// Writes each chunk on a thread of its own while the next one is read on this one.
fn write_beside<'a, K: NormalKey>(
    mut runs: RunsWriter<'a, K>,
    first: Part,
    chunks: &mut Chunks<'_>,
) -> Result<RunsWriter<'a, K>> {
    std::thread::scope(|scope| {
        // Without room: a chunk is handed over when the writer is done with the one before.
        let (sender, receiver) = mpsc::sync_channel::<Part>(0);
        let writer = scope.spawn(move || -> Result<RunsWriter<'a, K>> {
            for Part { chunk, is_last } in receiver {
                runs.add(chunk, is_last)?;
            }
            Ok(runs)
        });
        let read = || -> Result<()> {
            let mut next = Some(first);
            while let Some(part) = next {
                if sender.send(part).is_err() {
                    // The writer has failed, and says why below.
                    break;
                }
                next = chunks.next()?;
            }
            Ok(())
        };
        let read = read();
        drop(sender);
        let written = writer.join().map_err(|_| Error::internal("a thread of a load panicked"))?;
        read.and(written)
    })
}

/// The input in parts that fit into memory.
struct Chunks<'a> {
    rows: &'a mut dyn Iterator<Item = Result<CheckedRows>>,
    /// What is gathered so far.
    chunk: Chunk,
    byte_len_max: usize,
    row_count_max: usize,
}

/// A chunk of the input.
struct Part {
    chunk: Chunk,
    is_last: bool,
}

impl Chunks<'_> {
    /// The next chunk; `None` if there are no more rows.
    fn next(&mut self) -> Result<Option<Part>> {
        while let Some(rows) = self.rows.next() {
            let rows = rows?;
            let is_full = self.chunk.byte_len() + rows.byte_len > self.byte_len_max
                || self.chunk.row_count() + rows.row_count > self.row_count_max;
            let full = (is_full && !self.chunk.is_empty()).then(|| self.chunk.take());
            self.chunk.push(rows);
            if let Some(chunk) = full {
                return Ok(Some(Part { chunk, is_last: false }));
            }
        }
        let rest = self.chunk.take();
        Ok((!rest.is_empty()).then_some(Part { chunk: rest, is_last: true }))
    }
}

/// Gives the new segments their ordinals and appends them; returns them.
fn add_segments(
    after: &mut Table,
    job: &Job<'_>,
    segments: Vec<Written>,
    rows: u64,
) -> Result<Vec<Arc<Segment>>> {
    let end = after.next_ordinal.checked_add(rows).filter(|end| *end <= i64::MAX as u64);
    let end = end.ok_or_else(|| Error::Limit {
        what: format!("the number of rows that table \"{}\" ever had", after.name()),
        limit: i64::MAX.to_string(),
    })?;
    let (mut first, mut first_row) = (after.next_ordinal, after.next_row);
    let mut new = Vec::with_capacity(segments.len());
    for written in segments {
        let record = SegmentRecord {
            id: written.id,
            rows: written.rows,
            run: after.next_run,
            first_row: Some(first_row).filter(|row| *row != first),
            ordinals: OrdinalsRecord::Consecutive(first),
            files: written.files,
        };
        first += written.rows;
        first_row += written.rows;
        new.push(Arc::new(Segment::new(Arc::clone(job.files.dir()), after.id(), record)));
    }
    after.segments.extend(new.iter().cloned());
    after.next_ordinal = end;
    after.next_row = first_row;
    after.next_run += 1;
    Ok(new)
}
