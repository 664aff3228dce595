//! Cells in memory: those with the same keys are one, and those that come to nothing are none.
//!
//! ```text
//!   keys     one row each, in the layout of Arrow's rows, one behind the other
//!   places   hash table: keys ─► place of the cell
//!   values   one column for each sum or extreme
//! ```

use super::part::{Part, Role};
use crate::error::{Error, Result};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
use arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::common::ScalarValue;
use hashbrown::HashTable;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Cells by their keys.
pub(super) struct Cells<'a> {
    part: &'a Part,
    converter: Arc<RowConverter>,
    keys: Rows,
    places: HashTable<u32>,
    hasher: foldhash::fast::RandomState,
    values: Vec<Values>,
}

/// What a column has come to for each cell.
enum Values {
    /// Sums and numbers; NULL is nothing.
    Numbers(Vec<i128>),
    /// The least or the greatest values, or NULL.
    Extremes(Vec<ScalarValue>),
}

impl<'a> Cells<'a> {
    pub(super) fn new(part: &'a Part) -> Result<Self> {
        let fields = part.columns.iter().take(part.key_count());
        let mut fields: Vec<SortField> =
            fields.map(|column| SortField::new(column.types.1.clone())).collect();
        if fields.is_empty() {
            // The same for all rows, see `keys_of`.
            fields.push(SortField::new(DataType::Boolean));
        }
        Ok(Self::with(part, Arc::new(RowConverter::new(fields)?)))
    }

    fn with(part: &'a Part, converter: Arc<RowConverter>) -> Self {
        let columns = part.columns.iter().skip(part.key_count());
        let values = columns.map(|column| match column.role.is_invertible() {
            true => Values::Numbers(Vec::new()),
            false => Values::Extremes(Vec::new()),
        });
        let (keys, values) = (converter.empty_rows(0, 0), values.collect());
        let hasher = foldhash::fast::RandomState::default();
        Self { part, converter, keys, places: HashTable::new(), hasher, values }
    }

    /// No cells yet, whose keys can be compared with those of these.
    pub(super) fn beside(&self) -> Self {
        Self::with(self.part, Arc::clone(&self.converter))
    }

    fn hash(&self, key: Row<'_>) -> u64 {
        self.hasher.hash_one(key.as_ref())
    }

    fn find(&self, key: Row<'_>) -> Option<u32> {
        let is_it = |place: &u32| self.keys.row(*place as usize) == key;
        self.places.find(self.hash(key), is_it).copied()
    }

    /// The place of the cell with some keys; a new one that has come to nothing if there is none.
    fn place(&mut self, key: Row<'_>) -> usize {
        if let Some(place) = self.find(key) {
            return place as usize;
        }
        let hash = self.hash(key);
        let place = self.keys.num_rows();
        let (keys, hasher) = (&self.keys, &self.hasher);
        let hash_of = |place: &u32| hasher.hash_one(keys.row(*place as usize).as_ref());
        self.places.insert_unique(hash, place as u32, hash_of);
        self.keys.push(key);
        place
    }

    /// The places of the cells with some keys, each of which there is then.
    fn places_of(&mut self, keys: &Rows) -> Vec<usize> {
        let places = keys.iter().map(|key| self.place(key)).collect();
        let count = self.keys.num_rows();
        let columns = self.part.columns.iter().skip(self.part.key_count());
        for (values, column) in self.values.iter_mut().zip(columns) {
            match values {
                Values::Numbers(numbers) => numbers.resize(count, 0),
                Values::Extremes(values) => {
                    let null = ScalarValue::try_from(&column.types.1).unwrap_or(ScalarValue::Null);
                    values.resize(count, null);
                }
            }
        }
        places
    }

    /// Takes in cells.
    pub(super) fn add(&mut self, batches: &[RecordBatch]) -> Result<()> {
        for batch in batches {
            let keys = self.keys_of(batch)?;
            let places = self.places_of(&keys);
            let part = self.part;
            let columns = part.columns.iter().enumerate().skip(part.key_count());
            for ((place, column), values) in columns.zip(&mut self.values) {
                let new = cast(batch.column(place), &column.types.1)?;
                match values {
                    Values::Numbers(numbers) => add_numbers(numbers, &places, &new)?,
                    Values::Extremes(known) => {
                        for (row, place) in places.iter().enumerate() {
                            let new = ScalarValue::try_from_array(&new, row)?;
                            if let Some(known) = known.get_mut(*place) {
                                take_better(known, new, &column.role);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The keys of each row of a batch.
    pub(super) fn keys_of(&self, batch: &RecordBatch) -> Result<Rows> {
        let mut columns: Vec<ArrayRef> = Vec::new();
        for (place, column) in self.part.columns.iter().take(self.part.key_count()).enumerate() {
            columns.push(cast(batch.column(place), &column.types.1)?);
        }
        if columns.is_empty() {
            columns.push(Arc::new(BooleanArray::from(vec![true; batch.num_rows()])));
        }
        Ok(self.converter.convert_columns(&columns)?)
    }

    /// Takes off the sums of other cells.
    pub(super) fn subtract(&mut self, other: &Self) -> Result<()> {
        let places = self.places_of(&other.keys);
        for (known, taken) in self.values.iter_mut().zip(&other.values) {
            let (Values::Numbers(known), Values::Numbers(taken)) = (known, taken) else {
                return Err(Error::internal("a least value cannot be taken off"));
            };
            for (place, taken) in places.iter().zip(taken) {
                if let Some(known) = known.get_mut(*place) {
                    *known = known.checked_sub(*taken).ok_or_else(out_of_range)?;
                }
            }
        }
        Ok(())
    }

    /// For each key of which the cells have no more than `max` values, these.
    pub(super) fn filters(&self, max: usize) -> Result<Vec<(usize, Vec<ScalarValue>)>> {
        if self.part.key_count() == 0 {
            return Ok(Vec::new());
        }
        let columns = self.converter.convert_rows(self.keys.iter())?;
        let mut filters = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let mut values = HashSet::new();
            for row in 0..column.len() {
                values.insert(ScalarValue::try_from_array(column, row)?);
                if values.len() > max {
                    break;
                }
            }
            if values.len() <= max {
                filters.push((place, values.into_iter().collect()));
            }
        }
        Ok(filters)
    }

    pub(super) fn contains(&self, key: Row<'_>) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.keys.num_rows()
    }

    /// Forgets cells.
    pub(super) fn retain(&mut self, is_kept: impl Fn(Row<'_>) -> bool) {
        let kept: Vec<bool> = self.keys.iter().map(is_kept).collect();
        self.keep(&kept);
    }

    /// Forgets cells that come to nothing.
    pub(super) fn settle(&mut self) {
        let mut kept = vec![false; self.len()];
        for values in &self.values {
            if let Values::Numbers(numbers) = values {
                for (kept, number) in kept.iter_mut().zip(numbers) {
                    *kept |= *number != 0;
                }
            }
        }
        self.keep(&kept);
    }

    fn keep(&mut self, kept: &[bool]) {
        if kept.iter().all(|kept| *kept) {
            return;
        }
        let keys = std::mem::replace(&mut self.keys, self.converter.empty_rows(0, 0));
        self.places.clear();
        for (key, _) in keys.iter().zip(kept).filter(|(_, kept)| **kept) {
            self.place(key);
        }
        let mut flags = kept.iter().copied().cycle();
        let mut is_kept = || flags.next().unwrap_or_default();
        for values in &mut self.values {
            match values {
                Values::Numbers(numbers) => numbers.retain(|_| is_kept()),
                Values::Extremes(values) => values.retain(|_| is_kept()),
            }
        }
    }

    /// The cells, as the table has them.
    pub(super) fn batch(&self) -> Result<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = match self.part.key_count() {
            0 => Vec::new(),
            _ => self.converter.convert_rows(self.keys.iter())?,
        };
        let columns = self.part.columns.iter().skip(self.part.key_count());
        for (values, column) in self.values.iter().zip(columns) {
            arrays.push(match values {
                Values::Numbers(numbers) => array_of(numbers, &column.types.1)?,
                Values::Extremes(values) if values.is_empty() => {
                    arrow::array::new_empty_array(&column.types.1)
                }
                Values::Extremes(values) => ScalarValue::iter_to_array(values.iter().cloned())?,
            });
        }
        let fields = self.part.columns.iter();
        let fields = fields.map(|column| Field::new(&column.name, column.types.1.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(RecordBatch::try_new(schema, arrays)?)
    }
}

fn out_of_range() -> Error {
    Error::sql("a sum is out of range")
}

/// Adds the values of rows to the sums of their cells.
fn add_numbers(sums: &mut [i128], places: &[usize], values: &ArrayRef) -> Result<()> {
    let value: Box<dyn Fn(usize) -> i128> = match values.data_type() {
        DataType::Int64 => {
            let values = values.as_primitive::<Int64Type>().clone();
            Box::new(move |row| i128::from(values.value(row)))
        }
        DataType::Decimal128(..) => {
            let values = values.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row| values.value(row))
        }
        other => return Err(Error::internal(format!("a sum of type {other}"))),
    };
    for (row, place) in places.iter().enumerate() {
        if let Some(sum) = sums.get_mut(*place)
            && values.is_valid(row)
        {
            *sum = sum.checked_add(value(row)).ok_or_else(out_of_range)?;
        }
    }
    Ok(())
}

/// Takes a value if it is less than the known one, or greater.
fn take_better(known: &mut ScalarValue, new: ScalarValue, role: &Role) {
    let is_better = match role {
        _ if new.is_null() => false,
        _ if known.is_null() => true,
        Role::Min(_) => new.partial_cmp(known).is_some_and(Ordering::is_lt),
        _ => new.partial_cmp(known).is_some_and(Ordering::is_gt),
    };
    if is_better {
        *known = new;
    }
}

fn array_of(numbers: &[i128], data_type: &DataType) -> Result<ArrayRef> {
    Ok(match data_type {
        DataType::Int64 => {
            let numbers = numbers.iter().map(|it| i64::try_from(*it).map_err(|_| out_of_range()));
            Arc::new(Int64Array::from(numbers.collect::<Result<Vec<i64>>>()?))
        }
        DataType::Decimal128(precision, _) => {
            let array = Decimal128Array::from(numbers.to_vec()).with_data_type(data_type.clone());
            array.validate_decimal_precision(*precision).map_err(|_| out_of_range())?;
            Arc::new(array)
        }
        other => return Err(Error::internal(format!("a sum of type {other}"))),
    })
}
