//! Resolves the foreign keys of new rows to the ordinals of the rows that they reference.
//!
//! ```text
//!  many rows, dense parent     an array from key to ordinal, read once
//!  otherwise                   the referencing keys sorted, and looked for in the parent's runs
//! ```
//!
//! Each pair of a foreign key and a new segment is one piece of work: it reads the referencing
//! columns back and writes one hidden column of ordinals. Rows in which any of the referencing
//! columns is NULL reference nothing (MATCH SIMPLE).

mod check;

pub(crate) use check::check;

use crate::keys::dense::DenseKeys;
use crate::keys::index::layout_of;
use crate::keys::layout::{Layout, NormalKey, Width, nulls_of, ours};
use crate::keys::run::RunBlocks;
use crate::keys::search::find_each;
use crate::load::{Job, RowNumbers};
use crate::records::FileRecord;
use crate::schema::ForeignKey;
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::{paths, violation};
use arrow::array::{Array, ArrayRef, Int64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::concat;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Error, Result, TableId};
use starfact_encoding::{Effort, EncodeOptions};
use starfact_format::ColumnWriter;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that the keys of parents may take for rows in memory.
const MEMORY_BYTES: usize = 64 << 20;
/// Blocks whose keys are sorted together.
const SORTED_BLOCKS: usize = 16;
/// All keys of the parent are read if it has at most this many for each referencing row.
const PARENT_ROWS_PER_ROW: u64 = 8;
/// The part of a load's memory that may go to the arrays of all parents.
const DENSE_SHARE: usize = 4;

/// Writes the ordinals of the last `new_count` segments of `table`, which replace them.
pub(crate) fn resolve(
    job: &Job<'_>,
    table: &mut Table,
    new_count: usize,
    numbers: &RowNumbers,
) -> Result<()> {
    let schema = Arc::clone(&table.schema);
    if schema.foreign_keys.is_empty() {
        return Ok(());
    }
    let from = table.segments.len().saturating_sub(new_count);
    // They stay in the table until its rows, which may reference each other, are looked up.
    let new = table.segments.get(from..).unwrap_or_default().to_vec();
    let rows = new.iter().map(|segment| segment.row_count()).sum::<u64>();
    let mut parents: Vec<Parent> = Vec::with_capacity(schema.foreign_keys.len());
    // Those that rows are sorted by are resolved before.
    let is_open = |key: &&ForeignKey| !schema.sorted_by.contains(&key.ordinal_column);
    let foreign_keys = || schema.foreign_keys.iter().filter(is_open);
    for foreign_key in foreign_keys() {
        let memory_bytes = job.memory_bytes / DENSE_SHARE;
        parents.push(Parent::open(job.tables, table, foreign_key, rows, memory_bytes)?);
    }
    let mut tasks = Vec::with_capacity(parents.len() * new.len());
    for (segment_idx, segment) in new.iter().enumerate() {
        for (foreign_key, parent) in foreign_keys().zip(&parents) {
            tasks.push(Task { segment_idx, segment, foreign_key, parent, file: None, fault: None });
        }
    }
    let dir = job.files.dir();
    job.workers.each(&mut tasks, |task| task.run(dir.as_ref()))?;
    let first_row = new.first().map_or(0, |segment| segment.first_row());
    report(&tasks, table, numbers, first_row)?;
    let mut files: Vec<Vec<FileRecord>> = vec![Vec::new(); new.len()];
    for task in tasks {
        if let (Some(files), Some(file)) = (files.get_mut(task.segment_idx), task.file) {
            files.push(file);
        }
    }
    table.segments.truncate(from);
    let with_files = new.iter().zip(&files).map(|(segment, files)| segment.with_files(files));
    table.segments.extend(with_files.map(Arc::new));
    Ok(())
}

/// The ordinals that the rows of a segment in memory reference: a column for each foreign key.
pub(crate) fn resolve_memory(
    tables: &BTreeMap<TableId, Arc<Table>>,
    table: &Table,
    segment: &Segment,
    numbers: &RowNumbers,
) -> Result<Vec<(ColumnId, ArrayRef)>> {
    let rows = segment.row_count();
    let mut parents = Vec::with_capacity(table.foreign_keys().len());
    for foreign_key in table.foreign_keys() {
        parents.push(Parent::open(tables, table, foreign_key, rows, MEMORY_BYTES)?);
    }
    let (mut tasks, mut columns) = (Vec::new(), Vec::new());
    for (foreign_key, parent) in table.foreign_keys().iter().zip(&parents) {
        let (file, fault) = (None, None);
        let mut task = Task { segment_idx: 0, segment, foreign_key, parent, file, fault };
        let ordinals = task.resolve(0..segment.block_count())?;
        let parts: Vec<&dyn Array> = ordinals.iter().map(|part| part as &dyn Array).collect();
        columns.push((foreign_key.ordinal_column, concat(&parts).map_err(ours)?));
        tasks.push(task);
    }
    report(&tasks, table, numbers, segment.first_row())?;
    Ok(columns)
}

/// The referenced key of one foreign key.
pub(crate) struct Parent {
    table: Table,
    columns: String,
    layout: Layout,
    keys: ParentKeys,
}

enum ParentKeys {
    Word(Lookup<u64>),
    Double(Lookup<u128>),
    Bytes(Lookup<Box<[u8]>>),
}

/// How to find the ordinals of keys.
enum Lookup<K> {
    Dense(DenseKeys<K>),
    Runs(Vec<Arc<RunBlocks>>),
}

impl Parent {
    /// `rows` rows reference it; the keys of all parents of `table` may take `memory_bytes`.
    pub(crate) fn open(
        tables: &BTreeMap<TableId, Arc<Table>>,
        table: &Table,
        foreign_key: &ForeignKey,
        rows: u64,
        memory_bytes: usize,
    ) -> Result<Self> {
        let is_itself = foreign_key.parent == table.id();
        let parent = if is_itself {
            Some(table)
        } else {
            tables.get(&foreign_key.parent).map(AsRef::as_ref)
        };
        let parent = parent.ok_or_else(|| Error::internal("a reference to a missing table"))?;
        let key = parent.schema.key_on(&foreign_key.parent_columns);
        let key = key.ok_or_else(|| Error::internal("a reference to a missing key"))?;
        let layout = layout_of(parent, key)?;
        let runs = parent.runs(key, &layout)?;
        let is_worth_it = parent.row_count() <= rows.saturating_mul(PARENT_ROWS_PER_ROW);
        let memory_bytes = memory_bytes / table.foreign_keys().len().max(1);
        let memory_bytes = if is_worth_it { memory_bytes } else { 0 };
        let keys = match layout.width() {
            Width::Word => ParentKeys::Word(Lookup::new(&layout, runs, parent, memory_bytes)?),
            Width::Double => ParentKeys::Double(Lookup::new(&layout, runs, parent, memory_bytes)?),
            Width::Bytes => ParentKeys::Bytes(Lookup::new(&layout, runs, parent, memory_bytes)?),
        };
        let columns = parent.schema.column_names(&key.columns);
        Ok(Self { table: parent.clone(), columns, layout, keys })
    }

    /// The names of the table and its columns, for messages.
    pub(crate) fn names(&self) -> (&str, &str) {
        (self.table.name(), &self.columns)
    }

    /// What rows with `values` in the referencing columns reference.
    pub(crate) fn look_up(&self, values: &[ArrayRef]) -> Result<Referenced> {
        match &self.keys {
            ParentKeys::Word(lookup) => self.look_up_with(values, lookup),
            ParentKeys::Double(lookup) => self.look_up_with(values, lookup),
            ParentKeys::Bytes(lookup) => self.look_up_with(values, lookup),
        }
    }

    fn look_up_with<K: NormalKey>(
        &self,
        values: &[ArrayRef],
        lookup: &Lookup<K>,
    ) -> Result<Referenced> {
        let mut keys = Keys::default();
        keys.push(&self.layout, values.to_vec())?;
        self.find(keys, lookup)
    }

    fn find<K: NormalKey>(&self, keys: Keys<K>, lookup: &Lookup<K>) -> Result<Referenced> {
        let Keys { keys, is_null } = keys;
        let ordinals = lookup.find(&self.table, &self.layout, keys)?;
        let rows = ordinals.iter().zip(&is_null).enumerate();
        let missed = rows.filter(|(_, (ordinal, is_null))| ordinal.is_none() && !**is_null);
        let misses = missed.map(|(row, _)| row as u64).collect();
        Ok(Referenced { ordinals, misses })
    }
}

/// What rows reference.
pub(crate) struct Referenced {
    /// `None` where any of the referencing columns is NULL, and where there is no such row.
    pub(crate) ordinals: Vec<Option<u64>>,
    /// The rows that reference what does not exist.
    pub(crate) misses: Vec<u64>,
}

/// The keys that rows reference.
struct Keys<K> {
    /// `None` where there is no such key.
    keys: Vec<Option<K>>,
    /// Whether the row references nothing.
    is_null: Vec<bool>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), is_null: Vec::new() }
    }
}

impl<K: NormalKey> Keys<K> {
    fn push(&mut self, layout: &Layout, values: Vec<ArrayRef>) -> Result<()> {
        let nulls = nulls_of(&values);
        // A value that the parent's type cannot hold becomes NULL: it references nothing.
        let fitted = layout.fit(values)?;
        let misfits = nulls_of(&fitted);
        for (row, key) in K::encode(layout, &fitted)?.into_iter().enumerate() {
            let is_set =
                |nulls: &Option<NullBuffer>| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            self.is_null.push(is_set(&nulls));
            self.keys.push((!is_set(&misfits)).then_some(key));
        }
        Ok(())
    }
}

impl<K: NormalKey> Lookup<K> {
    fn new(
        layout: &Layout,
        runs: Vec<Arc<RunBlocks>>,
        parent: &Table,
        memory_bytes: usize,
    ) -> Result<Self> {
        let is_one_column = layout.types().count() == 1;
        if is_one_column
            && memory_bytes > 0
            && let Some(dense) = DenseKeys::read(layout, &runs, parent, memory_bytes)?
        {
            return Ok(Self::Dense(dense));
        }
        Ok(Self::Runs(runs))
    }

    /// The ordinals of `keys`, `None` for those that do not exist.
    fn find(
        &self,
        parent: &Table,
        layout: &Layout,
        keys: Vec<Option<K>>,
    ) -> Result<Vec<Option<u64>>> {
        match self {
            Self::Dense(dense) => {
                Ok(keys.iter().map(|key| key.as_ref().and_then(|key| dense.find(key))).collect())
            }
            Self::Runs(runs) => ordinals(parent, find_sorted(parent, layout, runs, keys)?),
        }
    }
}

/// The ids of the live rows with `keys`, `None` for those that do not exist.
pub(crate) fn find_sorted<K: NormalKey>(
    parent: &Table,
    layout: &Layout,
    runs: &[Arc<RunBlocks>],
    keys: Vec<Option<K>>,
) -> Result<Vec<Option<u64>>> {
    let mut found_rows = vec![None; keys.len()];
    let mut pairs: Vec<(K, u32)> =
        keys.into_iter().zip(0..).filter_map(|(key, row)| Some((key?, row))).collect();
    pairs.sort_unstable();
    let (keys, rows): (Vec<K>, Vec<u32>) = pairs.into_iter().unzip();
    for run in runs {
        find_each(layout, run, &keys, &mut |place, found| {
            let row = rows.get(place).map(|row| *row as usize);
            if let Some(slot) = row.and_then(|row| found_rows.get_mut(row))
                && parent.is_live(found)
            {
                *slot = Some(found);
            }
            Ok(())
        })?;
    }
    Ok(found_rows)
}

/// The ordinals of rows.
fn ordinals(table: &Table, rows: Vec<Option<u64>>) -> Result<Vec<Option<u64>>> {
    if table.rows_are_ordinals() {
        return Ok(rows);
    }
    let known: Vec<u64> = rows.iter().flatten().copied().collect();
    let mut ordinals = table.ordinals_of(&known)?.into_iter();
    Ok(rows.iter().map(|row| row.and_then(|_| ordinals.next())).collect())
}

/// One foreign key of one segment.
struct Task<'a> {
    segment_idx: usize,
    segment: &'a Segment,
    foreign_key: &'a ForeignKey,
    parent: &'a Parent,
    file: Option<FileRecord>,
    /// Rows that reference nothing: their places in the segment.
    fault: Option<Vec<u64>>,
}

impl Task<'_> {
    fn run(&mut self, dir: &dyn starfact_vfs::Dir) -> Result<()> {
        let column = self.foreign_key.ordinal_column;
        let path = paths::column(self.segment.folder(), column);
        let data_type = DataType::BigInt;
        let options = EncodeOptions { effort: Effort::Ordinals, ..EncodeOptions::default() };
        let mut writer = ColumnWriter::create(dir, &path, data_type, options)?;
        let blocks = self.segment.block_count();
        let mut start = 0;
        while start < blocks {
            let end = blocks.min(start + SORTED_BLOCKS);
            for ordinals in self.resolve(start..end)? {
                let ordinals: ArrayRef = Arc::new(ordinals);
                writer.append(&ordinals)?;
            }
            start = end;
        }
        self.file = Some(FileRecord::new(column, data_type, &writer.finish()?));
        Ok(())
    }

    /// The ordinals for some blocks.
    fn resolve(&mut self, blocks: Range<usize>) -> Result<Vec<Int64Array>> {
        match &self.parent.keys {
            ParentKeys::Word(lookup) => self.resolve_with(blocks, lookup),
            ParentKeys::Double(lookup) => self.resolve_with(blocks, lookup),
            ParentKeys::Bytes(lookup) => self.resolve_with(blocks, lookup),
        }
    }

    fn resolve_with<K: NormalKey>(
        &mut self,
        blocks: Range<usize>,
        lookup: &Lookup<K>,
    ) -> Result<Vec<Int64Array>> {
        let first_row = (blocks.start * BLOCK_ROWS) as u64;
        let mut keys = Keys::default();
        for block in blocks {
            let values = self.segment.decode(&self.foreign_key.columns, block)?;
            keys.push(&self.parent.layout, values)?;
        }
        let Referenced { ordinals, misses } = self.parent.find(keys, lookup)?;
        for row in misses {
            self.fault.get_or_insert_default().push(first_row + row);
        }
        let array = |chunk: &[Option<u64>]| -> Int64Array {
            chunk.iter().map(|ordinal| ordinal.map(|ordinal| ordinal as i64)).collect()
        };
        Ok(ordinals.chunks(BLOCK_ROWS).map(array).collect())
    }
}

/// Fails with the first row of the input that references nothing, if there is one.
fn report(tasks: &[Task<'_>], table: &Table, numbers: &RowNumbers, first_row: u64) -> Result<()> {
    let mut first: Option<(u64, u64, &Task<'_>)> = None;
    for task in tasks {
        let before = task.segment.first_row().saturating_sub(first_row);
        for place in task.fault.iter().flatten() {
            let number = numbers.number(before + place)?;
            if first.is_none_or(|(first, ..)| number < first) {
                first = Some((number, *place, task));
            }
        }
    }
    let Some((number, place, task)) = first else { return Ok(()) };
    let (block, row) = (place / BLOCK_ROWS as u64, place % BLOCK_ROWS as u64);
    let columns = &task.foreign_key.columns;
    let values = table.blocks_values(task.segment, columns, block as usize)?;
    let text = violation::columns_and_values(&table.schema, columns, &values, row as usize);
    Err(violation::unresolved(&table.schema, &text, number, task.parent.names()))
}
