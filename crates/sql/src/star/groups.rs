//! Rows of a star block in groups: from codes to cells, from cells to groups, to accumulators.

use super::aggregate::{Aggregation, Key};
use super::cells::Cells;
use super::dimension::Built;
use super::functions::Accumulators;
use super::index::Index;
use super::number_key::NumberKey;
use super::plan::{Joined, batch_of, misplaced};
use crate::scan::Partition;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{concat, partition, take};
use arrow::datatypes::{Field, Int64Type, Schema};
use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;
use starfact_encoding::{Kernel, OrdinalCodes, run_kernel};
use starfact_exec::TextNumbers;
use std::collections::VecDeque;
use std::sync::Arc;

/// Texts of a column for which there is room beside those of its dictionaries.
const MORE_TEXTS: usize = 15;

/// The keys of a dimension.
#[derive(Debug)]
pub(super) struct Coded {
    /// The code of each ordinal that passes.
    codes: Index,
    /// The same, if the scan of the root gives out codes instead of ordinals.
    pub(super) given: Option<Arc<OrdinalCodes>>,
    /// The keys of each code.
    values: Vec<ArrayRef>,
    count: usize,
    /// The code of rows without a row here, if there may be such.
    absent: Option<u32>,
}

impl Coded {
    pub(super) fn new(
        built: &Built,
        dimension: usize,
        places: &[usize],
        is_outer: bool,
        is_given: bool,
    ) -> Result<Self> {
        let rows = built.rows(dimension)?;
        let index = built.index(dimension)?;
        let mapped = |number: &dyn Fn(u32) -> u32| {
            let (first, codes) = index.mapped(number);
            Index::new(first, codes)
        };
        if rows == 0 && !is_outer {
            let codes = mapped(&|_| 0);
            return Ok(Self { codes, given: None, values: Vec::new(), count: 0, absent: None });
        }
        // Rows without a row here have NULL for each key, as others may have.
        let columns = places.iter().map(|place| {
            let column = built.column(dimension, *place)?;
            if !is_outer {
                return Ok(Arc::clone(column));
            }
            let null = new_null_array(column.data_type(), 1);
            Ok(concat(&[column.as_ref(), null.as_ref()])?)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let fields = columns.iter().enumerate();
        let fields =
            fields.map(|(n, column)| Field::new(n.to_string(), column.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut values = new_group_values(schema, &GroupOrdering::None)?;
        let groups = groups_of(&columns, values.as_mut())?;
        let count = values.len();
        let absent = if is_outer { groups.get(rows).copied() } else { None };
        let none = absent.unwrap_or_default();
        let code = |row: u32| groups.get(row as usize).copied().unwrap_or(none);
        let (codes, given) = match is_given {
            true => (Index::default(), Some(Arc::new(built.codes(dimension, code)?))),
            false => (mapped(&code), None),
        };
        Ok(Self { codes, given, values: values.emit(EmitTo::All)?, count, absent })
    }
}

/// The group of each row. Rows of a dimension that is sorted by its hierarchies have the keys of
/// their neighbours, so only the first of them is looked up.
fn groups_of(columns: &[ArrayRef], values: &mut dyn GroupValues) -> Result<Vec<u32>> {
    let runs = partition(columns)?.ranges();
    let starts = UInt32Array::from_iter_values(runs.iter().map(|run| run.start as u32));
    let first = |column: &ArrayRef| Ok(take(column, &starts, None)?);
    let first = columns.iter().map(first).collect::<Result<Vec<_>>>()?;
    let mut groups = Vec::with_capacity(runs.len());
    values.intern(&first, &mut groups)?;
    let mut all = Vec::with_capacity(runs.last().map_or(0, |run| run.end));
    for (run, group) in runs.iter().zip(groups) {
        all.extend(std::iter::repeat_n(group as u32, run.len()));
    }
    Ok(all)
}

/// Dimensions and the codes of their keys.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) built: Built,
    pub(super) coded: Vec<Coded>,
}

/// The groups of the rows of one thread.
pub(super) struct GroupedRows {
    pub(super) aggregation: Arc<Aggregation>,
    pub(super) prepared: Arc<Prepared>,
    /// How far apart the cells of neighbouring codes of each dimension are, and then those of
    /// neighbouring texts.
    pub(super) strides: Vec<u64>,
    /// How many texts of each column there is room for, and how many numbers.
    pub(super) rooms: Vec<u64>,
    /// The combinations of codes.
    pub(super) cells: Cells,
    /// The combinations of the keys that are evaluated row by row.
    pub(super) row_values: Option<Box<dyn GroupValues>>,
    /// The combinations of both.
    pub(super) pairs: Cells,
    pub(super) accumulators: Accumulators,
    pub(super) memory: MemoryReservation,
    pub(super) has_rows: bool,
    /// Of the rows of a batch.
    row_groups: Vec<usize>,
    row_cells: Vec<u64>,
    groups: Vec<usize>,
}

impl GroupedRows {
    pub(super) fn new(
        aggregation: Arc<Aggregation>,
        prepared: Arc<Prepared>,
        memory: MemoryReservation,
    ) -> Result<Self> {
        // One more for NULL, and some for rows that are not in files yet.
        let room = |(_, texts): &(usize, usize)| (texts + 1 + MORE_TEXTS) as u64;
        let texts = aggregation.texts.iter().map(room);
        let rooms: Vec<u64> = texts.chain(aggregation.number.map(NumberKey::room)).collect();
        let (strides, combinations) = strides(&prepared.coded, &rooms)?;
        let row_values = match aggregation.row_keys.is_empty() {
            true => None,
            false => {
                let schema = Arc::clone(&aggregation.row_schema);
                Some(new_group_values(schema, &GroupOrdering::None)?)
            }
        };
        let accumulators = aggregation.functions.accumulators()?;
        let cells = new_cells(&accumulators, row_values.is_some(), combinations);
        Ok(Self {
            accumulators,
            rooms,
            cells,
            pairs: Cells::new(None),
            aggregation,
            prepared,
            strides,
            row_values,
            memory,
            has_rows: false,
            row_groups: Vec::new(),
            row_cells: Vec::new(),
            groups: Vec::new(),
        })
    }

    /// Makes room for all texts that have a number, when the groups have left.
    pub(super) fn make_room(&mut self, rows: &Partition) -> Result<()> {
        for (room, (place, _)) in self.rooms.iter_mut().zip(&self.aggregation.texts) {
            let count = rows.numbers(*place).map_or(0, TextNumbers::len) as u64;
            if count > *room {
                *room = 2 * count;
            }
        }
        let (strides, combinations) = strides(&self.prepared.coded, &self.rooms)?;
        self.strides = strides;
        self.cells = new_cells(&self.accumulators, self.row_values.is_some(), combinations);
        Ok(())
    }

    /// Adds rows of the root; tells whether there was room for their texts, else nothing is added.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<bool> {
        let joined = self.aggregation.star.joined(&self.prepared.built, batch)?;
        let Joined { rows, root } = &joined;
        if rows.num_rows() == 0 {
            return Ok(true);
        }
        if !self.has_room(root) {
            return Ok(false);
        }
        self.has_rows = true;
        self.find_groups(rows, root)?;
        let total = self.total();
        let of = Arc::clone(&self.aggregation);
        self.accumulators.add(&of.functions, &joined, &self.groups, total)?;
        Ok(true)
    }

    /// Whether there is room for the texts of some rows.
    fn has_room(&self, root: &RecordBatch) -> bool {
        self.aggregation.texts.iter().zip(&self.rooms).all(|((place, _), room)| {
            let numbers = root.column(*place).as_primitive::<Int64Type>().values();
            (run_kernel(Greatest(numbers)) as u64) < *room
        })
    }

    /// Whether there are keys that have codes.
    pub(super) fn has_codes(&self) -> bool {
        let Aggregation { dimensions, texts, number, .. } = &*self.aggregation;
        !(dimensions.is_empty() && texts.is_empty() && number.is_none())
    }

    /// How many groups there are. Without keys and rows there is none: of no states at all the
    /// final aggregation knows what they come to.
    pub(super) fn total(&self) -> usize {
        match &self.row_values {
            _ if self.aggregation.keys.is_empty() => usize::from(self.has_rows),
            None => self.cells.len(),
            Some(values) if !self.has_codes() => values.len(),
            Some(_) => self.pairs.len(),
        }
    }

    /// How many groups were looked up in a hash table.
    pub(super) fn hashed(&self) -> usize {
        let is_hashed = self.row_values.is_some() || self.cells.is_hashed();
        if is_hashed { self.total() } else { 0 }
    }

    /// Finds the group of each row.
    fn find_groups(&mut self, rows: &RecordBatch, root: &RecordBatch) -> Result<()> {
        let count = rows.num_rows();
        if self.aggregation.keys.is_empty() {
            // There are none but zeros.
            self.groups.resize(count, 0);
            return Ok(());
        }
        let has_codes = self.has_codes();
        if let Some(values) = &mut self.row_values {
            let keys = self.aggregation.row_keys.iter();
            let keys = keys.map(|key| key.evaluate(rows)?.into_array(count));
            values.intern(&keys.collect::<Result<Vec<_>>>()?, &mut self.row_groups)?;
            if !has_codes {
                std::mem::swap(&mut self.groups, &mut self.row_groups);
                return Ok(());
            }
        }
        self.row_cells.clear();
        self.row_cells.resize(count, 0);
        let star = &self.aggregation.star;
        let coded = self.aggregation.dimensions.iter().zip(&self.prepared.coded);
        for (((dimension, _), coded), &stride) in coded.zip(&self.strides) {
            let ordinals = star.ordinals(*dimension, root)?;
            if let Some(absent) = coded.absent {
                for (cell, ordinal) in self.row_cells.iter_mut().zip(ordinals) {
                    let code = ordinal.and_then(|ordinal| coded.codes.get(ordinal));
                    *cell += u64::from(code.unwrap_or(absent)) * stride;
                }
                continue;
            }
            if coded.given.is_some() {
                let numbers = ordinals.values();
                run_kernel(AddScaled { cells: &mut self.row_cells, numbers, stride });
                continue;
            }
            for (cell, ordinal) in self.row_cells.iter_mut().zip(ordinals.values()) {
                let code = coded.codes.get(*ordinal).ok_or_else(misplaced)?;
                *cell += u64::from(code) * stride;
            }
        }
        let text_strides = self.strides.iter().skip(self.prepared.coded.len());
        for ((place, _), &stride) in self.aggregation.texts.iter().zip(text_strides) {
            let numbers = root.column(*place).as_primitive::<Int64Type>().values();
            run_kernel(AddScaled { cells: &mut self.row_cells, numbers, stride });
        }
        if let (Some(number), Some(stride)) = (self.aggregation.number, self.strides.last()) {
            number.add(root, *stride, &mut self.row_cells)?;
        }
        self.cells.groups(&self.row_cells, &mut self.groups);
        if self.row_values.is_some() {
            let pairs = self.groups.iter().zip(&self.row_groups);
            self.row_cells.clear();
            self.row_cells.extend(pairs.map(|(group, row)| pair(*group, *row)));
            self.pairs.groups(&self.row_cells, &mut self.groups);
        }
        Ok(())
    }

    /// Whether there is no memory for more groups; then they have to leave.
    pub(super) fn is_full(&mut self, rows: &Partition) -> bool {
        let texts = self.aggregation.texts.iter().filter_map(|(place, _)| rows.numbers(*place));
        let size = self.size() + texts.map(TextNumbers::size).sum::<usize>();
        self.memory.try_resize(size).is_err()
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        let values = self.row_values.as_ref().map_or(0, |values| values.size());
        self.cells.size() + self.pairs.size() + values + self.accumulators.size()
    }

    /// Gives out the states of all groups, and forgets them.
    pub(super) fn emit(
        &mut self,
        batch_rows: usize,
        rows: &Partition,
    ) -> Result<VecDeque<RecordBatch>> {
        self.cells.settle();
        let total = self.total();
        if total == 0 {
            return Ok(VecDeque::new());
        }
        let of = Arc::clone(&self.aggregation);
        let row_values = self.row_keys()?;
        let parts = self.parts(&row_values);
        let texts: Vec<ArrayRef> =
            self.texts_of(rows).iter().map(|numbers| Arc::new(numbers.texts()) as _).collect();
        let keys = 0..of.keys.len();
        let keys = keys.map(|key| self.key_column(key, &parts, &row_values, &texts));
        let mut columns = keys.collect::<Result<Vec<_>>>()?;
        columns.extend(self.accumulators.states(&of.functions)?);
        self.cells.clear();
        self.pairs.clear();
        self.has_rows = false;
        self.memory.free();
        let states = batch_of(&of.schema, columns, total)?;
        let starts = (0..total).step_by(batch_rows.max(1));
        Ok(starts.map(|start| states.slice(start, batch_rows.min(total - start))).collect())
    }

    /// The keys that were evaluated row by row, of each combination of these, which are forgotten.
    pub(super) fn row_keys(&mut self) -> Result<Vec<ArrayRef>> {
        let Some(values) = &mut self.row_values else { return Ok(Vec::new()) };
        let all = values.emit(EmitTo::All)?;
        // Not all of them forget by themselves which number a key had.
        values.clear_shrink(0);
        Ok(all)
    }

    /// The combination of codes and that of other keys of each group.
    pub(super) fn parts(&self, row_values: &[ArrayRef]) -> Vec<(usize, usize)> {
        match self.row_values.is_some() {
            _ if self.aggregation.keys.is_empty() => vec![(0, 0); usize::from(self.has_rows)],
            false => (0..self.cells.len()).map(|group| (group, 0)).collect(),
            true if !self.has_codes() => {
                let count = row_values.first().map_or(0, |values| values.len());
                (0..count).map(|row| (0, row)).collect()
            }
            true => self.pairs.cells().iter().map(|pair| parts_of(*pair)).collect(),
        }
    }

    /// The place of a key among those that have codes.
    pub(super) fn code_place(&self, key: Key) -> Option<usize> {
        let dimensions = self.prepared.coded.len();
        match key {
            Key::Dimension(dimension, _) => Some(dimension),
            Key::Text(text) => Some(dimensions + text),
            Key::Number => Some(dimensions + self.rooms.len() - 1),
            Key::Row(_) => None,
        }
    }

    /// How far apart the cells of neighbouring codes are, and how many codes there are.
    pub(super) fn stride(&self, place: usize) -> Result<(u64, u64)> {
        let stride = self.strides.get(place).copied();
        let coded = self.prepared.coded.iter().map(|coded| coded.count as u64);
        let count = coded.chain(self.rooms.iter().copied()).nth(place);
        Ok((stride.ok_or_else(misplaced)?, count.ok_or_else(misplaced)?.max(1)))
    }

    /// A key of groups that are made of these parts.
    pub(super) fn key_column(
        &self,
        at: usize,
        parts: &[(usize, usize)],
        row_values: &[ArrayRef],
        texts: &[ArrayRef],
    ) -> Result<ArrayRef> {
        let of = &self.aggregation;
        let key = *of.keys.get(at).ok_or_else(misplaced)?;
        let numbers: Vec<u32> = match self.code_place(key) {
            None => parts.iter().map(|(_, row)| *row as u32).collect(),
            Some(place) => {
                let (stride, count) = self.stride(place)?;
                let cells = self.cells.cells();
                let code = |(group, _): &(usize, usize)| {
                    let cell = cells.get(*group).copied().unwrap_or_default();
                    (cell / stride % count) as u32
                };
                parts.iter().map(code).collect()
            }
        };
        let values = match key {
            Key::Dimension(dimension, place) => {
                self.prepared.coded.get(dimension).and_then(|coded| coded.values.get(place))
            }
            Key::Text(text) => texts.get(text),
            Key::Number => {
                let number = of.number.ok_or_else(misplaced)?;
                return number.numbers(&numbers, of.schema.field(at).data_type());
            }
            Key::Row(place) => row_values.get(place),
        };
        Ok(take(values.ok_or_else(misplaced)?, &UInt32Array::from(numbers), None)?)
    }

    /// The numbers of the texts that are keys.
    pub(super) fn texts_of(&self, rows: &Partition) -> Vec<TextNumbers> {
        let texts = self.aggregation.texts.iter();
        texts.map(|(place, _)| rows.numbers(*place).cloned().unwrap_or_default()).collect()
    }
}

/// No cells yet: if nothing is accumulated, nobody asks which group a row is of.
fn new_cells(accumulators: &Accumulators, has_row_keys: bool, combinations: u64) -> Cells {
    match accumulators.is_empty() && !has_row_keys {
        true => Cells::listed(combinations),
        false => Cells::new(Some(combinations)),
    }
}

/// How far apart the cells of neighbouring codes of dimensions and of texts are, and how many
/// cells there are.
fn strides(coded: &[Coded], rooms: &[u64]) -> Result<(Vec<u64>, u64)> {
    let mut combinations = 1_u64;
    let mut strides = Vec::with_capacity(coded.len() + rooms.len());
    let counts = coded.iter().map(|coded| coded.count.max(1) as u64);
    for count in counts.chain(rooms.iter().copied()) {
        strides.push(combinations);
        combinations = combinations.checked_mul(count).ok_or_else(|| {
            resources_datafusion_err!(
                "a query has too many combinations of keys of dimensions; \
                 SET starfact.star_executor = off answers it"
            )
        })?;
    }
    Ok((strides, combinations))
}

/// Two numbers below 2³² as one.
pub(super) fn pair(group: usize, row: usize) -> u64 {
    (group as u64) << 32 | row as u64
}

/// The two numbers that were made one.
pub(super) fn parts_of(pair: u64) -> (usize, usize) {
    ((pair >> 32) as usize, (pair & u64::from(u32::MAX)) as usize)
}

/// The greatest of some numbers, or 0.
struct Greatest<'a>(&'a [i64]);

impl Kernel for Greatest<'_> {
    type Output = i64;

    #[inline(always)]
    fn run(self) -> i64 {
        self.0.iter().fold(0, |greatest, number| greatest.max(*number))
    }
}

/// Adds numbers, as many times as cells of neighbouring ones lie apart, to the cells of rows.
struct AddScaled<'a> {
    cells: &'a mut [u64],
    numbers: &'a [i64],
    stride: u64,
}

impl Kernel for AddScaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (cell, number) in self.cells.iter_mut().zip(self.numbers) {
            *cell += number.cast_unsigned() * self.stride;
        }
    }
}
