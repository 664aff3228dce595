//! A key run: the keys of some rows in ascending order, each with its row's id.
//!
//! Where the rows of some segments are in key order anyway, the run is those segments and takes no
//! space. Otherwise it has a folder with a column file for each column of the key and one, numbered
//! 0, for the row ids, each less the row's place in the run. Neighbours in key order often have
//! ids that follow one another, as the lines of one order do: then the differences are runs of
//! equal numbers, and small on disk. Rows with a NULL in the key are in no run. Deleted rows stay
//! in their runs: whoever finds a row asks whether it is live. Files may have the types that the
//! key's columns had before these became wider: the order of their values is the same.

use crate::keys::kept::KeptBlocks;
use crate::keys::layout::{Layout, NormalKey, nulls_of};
use crate::keys::memory::SortedKeys;
use crate::paths;
use crate::records::{FileRecord, KeyRunRecord, KeyRunSource};
use crate::schema::KeyId;
use crate::segment::{Segment, open_column};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Corruption, DataType, Error, Result, Scalar, TableId};
use starfact_format::ColumnFile;
use starfact_vfs::Dir;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A key run and what is needed to read it.
#[derive(Debug)]
pub(crate) struct KeyRun {
    dir: Arc<dyn Dir>,
    /// The folder of its files, if it has any; shared as that of a segment is.
    folder: Arc<str>,
    columns: Vec<ColumnId>,
    record: KeyRunRecord,
    /// The segments of the record, if it names any.
    segments: Vec<Arc<Segment>>,
    opened: OnceLock<Arc<RunBlocks>>,
}

impl KeyRun {
    /// A run over the key `columns`, in files of its own or in `segments`.
    pub(crate) fn new(
        dir: Arc<dyn Dir>,
        table: TableId,
        columns: Vec<ColumnId>,
        record: KeyRunRecord,
        segments: Vec<Arc<Segment>>,
    ) -> Self {
        let folder = paths::key_run(table, record.id).into();
        Self { dir, folder, columns, record, segments, opened: OnceLock::new() }
    }

    pub(crate) fn key(&self) -> KeyId {
        self.record.key
    }

    pub(crate) fn rows(&self) -> u64 {
        self.record.rows
    }

    pub(crate) fn record(&self) -> &KeyRunRecord {
        &self.record
    }

    pub(crate) fn dir(&self) -> &dyn Dir {
        self.dir.as_ref()
    }

    /// Its segments; none if it has files of its own.
    pub(crate) fn segments(&self) -> &[Arc<Segment>] {
        &self.segments
    }

    /// The folder of its files; none if it has no files of its own.
    pub(crate) fn folder(&self) -> Option<&Arc<str>> {
        matches!(self.record.source, KeyRunSource::Files(_)).then_some(&self.folder)
    }

    pub(crate) fn byte_len(&self) -> u64 {
        match &self.record.source {
            KeyRunSource::Files(files) => {
                files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
            }
            KeyRunSource::Segments(_) => 0,
        }
    }

    /// Whether it consists of exactly these segments.
    pub(crate) fn covers(&self, segments: &[Arc<Segment>]) -> bool {
        let ids =
            |segments: &[Arc<Segment>]| -> Vec<_> { segments.iter().map(|s| s.id()).collect() };
        self.folder().is_none() && ids(&self.segments) == ids(segments)
    }

    /// Its files, opened when they are first asked for.
    pub(crate) fn open(&self) -> Result<Arc<RunBlocks>> {
        if let Some(opened) = self.opened.get() {
            return Ok(Arc::clone(opened));
        }
        let mut parts = Vec::new();
        if let KeyRunSource::Files(records) = &self.record.source {
            parts.push(self.open_files(records)?);
        }
        let mut first_block = 0;
        for segment in &self.segments {
            let columns = segment.columns(&self.columns)?;
            let rows = RunRows::From(segment.first_row());
            let blocks = segment.block_count();
            parts.push(RunPart { first_block, blocks, columns, rows });
            first_block += blocks;
        }
        let rows = self.record.first_row..self.record.row_end;
        let blocks = RunBlocks { parts, rows, memory: None, kept: KeptBlocks::default() };
        Ok(Arc::clone(self.opened.get_or_init(|| Arc::new(blocks))))
    }

    fn open_files(&self, records: &[FileRecord]) -> Result<RunPart> {
        let open = |record: &FileRecord| {
            let path = paths::column(&self.folder, record.column);
            open_column(self.dir.as_ref(), &path, record, self.record.rows).map(Arc::new)
        };
        let mut columns = records.iter().map(open).collect::<Result<Vec<_>>>()?;
        let rows = columns.pop().ok_or_else(|| Error::internal("a key run without files"))?;
        let blocks = rows.block_count();
        let rows = RunRows::File(rows);
        Ok(RunPart { first_block: 0, blocks, columns, rows })
    }
}

/// The open files of a run, block by block.
#[derive(Debug)]
pub(crate) struct RunBlocks {
    parts: Vec<RunPart>,
    /// Where all row ids lie; anything else is damage.
    rows: Range<u64>,
    /// The run, if it is in memory; there are no parts then.
    memory: Option<SortedKeys>,
    kept: KeptBlocks,
}

#[derive(Debug)]
struct RunPart {
    first_block: usize,
    blocks: usize,
    columns: Vec<Arc<ColumnFile>>,
    rows: RunRows,
}

#[derive(Debug)]
enum RunRows {
    /// Consecutive from this one on.
    From(u64),
    /// In a file.
    File(Arc<ColumnFile>),
}

impl RunBlocks {
    /// A run in memory.
    pub(crate) fn in_memory(sorted: SortedKeys) -> Self {
        let kept = KeptBlocks::default();
        Self { parts: Vec::new(), rows: 0..0, memory: Some(sorted), kept }
    }

    /// The keys and rows of a run in memory.
    pub(crate) fn memory<K: NormalKey>(&self) -> Option<(&[K], &[u64])> {
        let memory = self.memory.as_ref()?;
        Some((K::unwrap(&memory.keys)?, &memory.rows))
    }

    /// Blocks in the run.
    pub(crate) fn count(&self) -> usize {
        if let Some(memory) = &self.memory {
            return usize::from(!memory.rows.is_empty());
        }
        self.parts.last().map_or(0, |part| part.first_block + part.blocks)
    }

    fn part(&self, block: usize) -> Result<(&RunPart, usize)> {
        let after = self.parts.partition_point(|part| part.first_block <= block);
        match after.checked_sub(1).and_then(|idx| self.parts.get(idx)) {
            Some(part) if block < part.first_block + part.blocks => {
                Ok((part, block - part.first_block))
            }
            _ => Err(Error::internal(format!("block {block} of {} of a key run", self.count()))),
        }
    }

    /// The upper bound of the first key column in a block; `None` if it is not known.
    pub(crate) fn upper_bound(&self, layout: &Layout, block: usize) -> Option<Cow<'_, Scalar>> {
        let (part, idx) = self.part(block).ok()?;
        let file = part.columns.first()?;
        layout.fit_first(file.data_type(), file.zones().get(idx)?.stats.max.as_ref()?)
    }

    /// The lower bound of the first key column in a block; `None` if it is not known.
    pub(crate) fn lower_bound(&self, layout: &Layout, block: usize) -> Option<Cow<'_, Scalar>> {
        let (part, idx) = self.part(block).ok()?;
        let file = part.columns.first()?;
        layout.fit_first(file.data_type(), file.zones().get(idx)?.stats.min.as_ref()?)
    }

    /// The keys of a block and their row ids, for a few keys that are looked for: as others will
    /// be, the block is kept.
    pub(crate) fn load_kept<K: NormalKey>(
        &self,
        layout: &Layout,
        block: usize,
    ) -> Result<Arc<SortedKeys>> {
        let types: Vec<DataType> = layout.types().collect();
        if let Some(known) = self.kept.get(block, &types) {
            return Ok(known);
        }
        let (keys, rows) = self.load::<K>(layout, block)?;
        let sorted = Arc::new(SortedKeys::new(keys, rows));
        self.kept.keep(block, &types, &sorted);
        Ok(sorted)
    }

    /// The keys of a block and their row ids.
    pub(crate) fn load<K: NormalKey>(
        &self,
        layout: &Layout,
        block: usize,
    ) -> Result<(Vec<K>, Vec<u64>)> {
        if let Some((keys, rows)) = self.memory::<K>() {
            return Ok((keys.to_vec(), rows.to_vec()));
        }
        let (part, idx) = self.part(block)?;
        let columns = layout.fit(decode_block(&part.columns, idx)?)?;
        if nulls_of(&columns).is_some_and(|nulls| nulls.null_count() > 0) {
            return Err(Error::internal("a NULL in a key run"));
        }
        let keys = K::encode(layout, &columns)?;
        let rows = match &part.rows {
            RunRows::From(first) => {
                let start = first + (idx * BLOCK_ROWS) as u64;
                (start..start + keys.len() as u64).collect()
            }
            RunRows::File(file) => self.read_rows(file, idx)?,
        };
        Ok((keys, rows))
    }

    fn read_rows(&self, file: &ColumnFile, idx: usize) -> Result<Vec<u64>> {
        let block = file.block(idx)?;
        let array = block.decode(0..block.rows())?;
        let array = array
            .as_primitive_opt::<Int64Type>()
            .filter(|array| array.null_count() == 0)
            .ok_or_else(|| Error::internal("row ids that are not numbers"))?;
        let places = (idx * BLOCK_ROWS) as u64..;
        let pairs = array.values().iter().zip(places);
        let rows: Vec<u64> = pairs.map(|(stored, place)| row_id(*stored, place)).collect();
        // A negative number is larger than any row id.
        match rows.iter().find(|row| !self.rows.contains(row)) {
            None => Ok(rows),
            Some(found) => {
                let what = format!("row id in block {idx}");
                let expected = format!("{} to below {}", self.rows.start, self.rows.end);
                Err(Corruption::new(0, what, expected, found).in_file(file.path()))
            }
        }
    }
}

/// What is stored for the row id at a place in a run.
pub(crate) fn stored(row: u64, place: u64) -> i64 {
    row.wrapping_sub(place) as i64
}

/// The inverse of [`stored`]; damage may make it any number.
fn row_id(stored: i64, place: u64) -> u64 {
    (stored as u64).wrapping_add(place)
}

/// Decodes one block of each of several columns.
pub(crate) fn decode_block(columns: &[Arc<ColumnFile>], idx: usize) -> Result<Vec<ArrayRef>> {
    let decode = |file: &Arc<ColumnFile>| {
        let block = file.block(idx)?;
        block.decode(0..block.rows())
    };
    columns.iter().map(decode).collect()
}
