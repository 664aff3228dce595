//! Cells in memory: those with the same keys are one, and those that come to nothing are none.

use super::part::{Part, Role};
use crate::error::{Error, Result};
use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Field, Int64Type, Schema};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::ScalarValue;
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

/// Cells by their keys.
pub(super) struct Cells<'a> {
    part: &'a Part,
    keys: Arc<RowConverter>,
    values: HashMap<OwnedRow, Vec<Value>>,
}

/// What a column of a cell has come to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A sum or a number; NULL is nothing.
    Number(i128),
    /// The least or the greatest value, or NULL.
    Extreme(ScalarValue),
}

impl Value {
    fn is_nothing(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Extreme(_) => true,
        }
    }
}

impl<'a> Cells<'a> {
    pub(super) fn new(part: &'a Part) -> Result<Self> {
        let fields = part.columns.iter().take(part.key_count());
        let fields = fields.map(|column| SortField::new(column.types.1.clone()));
        let keys = Arc::new(RowConverter::new(fields.collect())?);
        Ok(Self { part, keys, values: HashMap::new() })
    }

    /// No cells yet, whose keys can be compared with those of these.
    pub(super) fn beside(&self) -> Self {
        Self { part: self.part, keys: Arc::clone(&self.keys), values: HashMap::new() }
    }

    /// Takes in cells.
    pub(super) fn add(&mut self, batches: &[RecordBatch]) -> Result<()> {
        for batch in batches {
            let keys = self.keys_of(batch)?;
            let columns = self.values_of(batch)?;
            for (row, key) in keys.into_iter().enumerate() {
                let new = self.part.columns.iter().skip(self.part.key_count()).zip(&columns);
                let new = new.map(|(column, values)| value_at(&column.role, values, row));
                let new = new.collect::<Result<Vec<Value>>>()?;
                match self.values.entry(key) {
                    Entry::Vacant(slot) => {
                        slot.insert(new);
                    }
                    Entry::Occupied(mut known) => {
                        let roles = self.part.columns.iter().skip(self.part.key_count());
                        for ((known, new), column) in known.get_mut().iter_mut().zip(new).zip(roles)
                        {
                            combine(known, new, &column.role)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The keys of each row of a batch.
    pub(super) fn keys_of(&self, batch: &RecordBatch) -> Result<Vec<OwnedRow>> {
        let mut columns = Vec::new();
        for (place, column) in self.part.columns.iter().take(self.part.key_count()).enumerate() {
            columns.push(cast(batch.column(place), &column.types.1)?);
        }
        if columns.is_empty() {
            let one = RowConverter::new(vec![SortField::new(DataType::Boolean)])?;
            let same: ArrayRef =
                Arc::new(arrow::array::BooleanArray::from(vec![true; batch.num_rows()]));
            return Ok(one.convert_columns(&[same])?.iter().map(|row| row.owned()).collect());
        }
        Ok(self.keys.convert_columns(&columns)?.iter().map(|row| row.owned()).collect())
    }

    fn values_of(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let columns = self.part.columns.iter().enumerate().skip(self.part.key_count());
        columns.map(|(place, column)| Ok(cast(batch.column(place), &column.types.1)?)).collect()
    }

    /// Takes off what other cells have.
    pub(super) fn subtract(&mut self, other: Self) -> Result<()> {
        let roles: Vec<&Role> =
            self.part.columns.iter().skip(self.part.key_count()).map(|it| &it.role).collect();
        for (key, values) in other.values {
            let negative = values.into_iter().map(|value| match value {
                Value::Number(number) => Value::Number(-number),
                extreme => extreme,
            });
            match self.values.entry(key) {
                Entry::Vacant(slot) => {
                    slot.insert(negative.collect());
                }
                Entry::Occupied(mut known) => {
                    for ((known, new), role) in known.get_mut().iter_mut().zip(negative).zip(&roles)
                    {
                        combine(known, new, role)?;
                    }
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
        let columns = self.keys.convert_rows(self.values.keys().map(OwnedRow::row))?;
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

    pub(super) fn contains(&self, key: &OwnedRow) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Forgets cells.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&OwnedRow) -> bool) {
        self.values.retain(|key, _| is_kept(key));
    }

    /// Forgets cells that come to nothing.
    pub(super) fn settle(&mut self) {
        self.values.retain(|_, values| !values.iter().all(Value::is_nothing));
    }

    /// The cells, as the table has them.
    pub(super) fn batch(&self) -> Result<RecordBatch> {
        let all: Vec<(&OwnedRow, &Vec<Value>)> = self.values.iter().collect();
        let mut arrays: Vec<ArrayRef> = match self.part.key_count() {
            0 => Vec::new(),
            _ => self.keys.convert_rows(all.iter().map(|(key, _)| key.row()))?,
        };
        for (place, column) in self.part.columns.iter().skip(self.part.key_count()).enumerate() {
            let values = all.iter().filter_map(|(_, values)| values.get(place));
            arrays.push(array_of(values, &column.types.1)?);
        }
        let fields = self.part.columns.iter();
        let fields = fields.map(|column| Field::new(&column.name, column.types.1.clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(RecordBatch::try_new(schema, arrays)?)
    }
}

fn value_at(role: &Role, values: &ArrayRef, row: usize) -> Result<Value> {
    if !role.is_invertible() {
        return Ok(Value::Extreme(ScalarValue::try_from_array(values, row)?));
    }
    if values.is_null(row) {
        return Ok(Value::Number(0));
    }
    let number = match values.data_type() {
        DataType::Int64 => i128::from(values.as_primitive::<Int64Type>().value(row)),
        DataType::Decimal128(..) => values.as_primitive::<Decimal128Type>().value(row),
        other => return Err(Error::internal(format!("a sum of type {other}"))),
    };
    Ok(Value::Number(number))
}

fn combine(known: &mut Value, new: Value, role: &Role) -> Result<()> {
    match (known, new) {
        (Value::Number(known), Value::Number(new)) => {
            *known = known.checked_add(new).ok_or_else(|| Error::sql("a sum is out of range"))?;
        }
        (Value::Extreme(known), Value::Extreme(new)) => {
            let is_better = match role {
                _ if new.is_null() => false,
                _ if known.is_null() => true,
                Role::Min(_) => new.partial_cmp(known).is_some_and(std::cmp::Ordering::is_lt),
                _ => new.partial_cmp(known).is_some_and(std::cmp::Ordering::is_gt),
            };
            if is_better {
                *known = new;
            }
        }
        _ => return Err(Error::internal("cells of two kinds")),
    }
    Ok(())
}

fn array_of<'a>(values: impl Iterator<Item = &'a Value>, data_type: &DataType) -> Result<ArrayRef> {
    let mut numbers = Vec::new();
    let mut extremes = Vec::new();
    for value in values {
        match value {
            Value::Number(number) => numbers.push(*number),
            Value::Extreme(value) => extremes.push(value.clone()),
        }
    }
    if !extremes.is_empty() {
        return Ok(ScalarValue::iter_to_array(extremes)?);
    }
    let out_of_range = || Error::sql("a sum is out of range");
    Ok(match data_type {
        DataType::Int64 => {
            let numbers =
                numbers.into_iter().map(|it| i64::try_from(it).map_err(|_| out_of_range()));
            Arc::new(Int64Array::from(numbers.collect::<Result<Vec<i64>>>()?))
        }
        DataType::Decimal128(precision, _) => {
            let array = Decimal128Array::from(numbers).with_data_type(data_type.clone());
            array.validate_decimal_precision(*precision).map_err(|_| out_of_range())?;
            Arc::new(array)
        }
        other => arrow::array::new_empty_array(other),
    })
}
