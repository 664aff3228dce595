//! Which keys ON CONFLICT is about, and which rows have them.

use crate::error::{Error, Result};
use crate::information_schema::key_name;
use crate::statement::names;
use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, RecordBatch};
use arrow::compute::kernels::arity::unary;
use arrow::datatypes::{DataType as ArrowType, Float32Type, Float64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::sql::sqlparser::ast::{ConflictTarget, Ident, OnConflict, OnConflictAction};
use starfact_base::{ColumnId, TableId};
use starfact_encoding::arrow_type;
use starfact_store::{Key, KeyId, Table, Transaction};
use std::collections::HashSet;
use std::sync::Arc;

/// The keys that are looked up, and the ones that rows of the statement have.
pub(super) struct Keys {
    table: TableId,
    keys: Vec<LookedUp>,
}

struct LookedUp {
    id: KeyId,
    /// The places of its columns in the table.
    places: Vec<usize>,
    converter: RowConverter,
    claimed: HashSet<Box<[u8]>>,
}

/// What there is of the keys of a batch.
pub(super) struct Found {
    row_count: usize,
    keys: Vec<FoundKey>,
}

struct FoundKey {
    rows: Vec<Option<u64>>,
    /// The keys in a form that can be compared; `None` with a NULL in it.
    values: Vec<Option<Box<[u8]>>>,
}

impl Keys {
    /// # Errors
    /// The table has no such key.
    pub(super) fn new(table: &Table, on: &OnConflict) -> Result<Self> {
        let is_update = matches!(on.action, OnConflictAction::DoUpdate(_));
        let keys: Vec<&Key> = match &on.conflict_target {
            Some(ConflictTarget::Columns(columns)) => vec![by_columns(table, columns)?],
            Some(ConflictTarget::OnConstraint(name)) => vec![by_name(table, &name.to_string())?],
            None if is_update && table.keys().len() != 1 => {
                let message = "ON CONFLICT DO UPDATE has to name the key";
                return Err(with_keys(Error::sql(message), table));
            }
            None => table.keys().iter().collect(),
        };
        let keys = keys.into_iter().map(|key| LookedUp::new(table, key)).collect::<Result<_>>()?;
        Ok(Self { table: table.id(), keys })
    }

    pub(super) fn table(&self) -> TableId {
        self.table
    }

    /// Looks up the keys of rows of the table.
    pub(super) fn find(&self, transaction: &Transaction, rows: &RecordBatch) -> Result<Found> {
        let find = |key: &LookedUp| {
            let columns: Vec<ArrayRef> =
                key.places.iter().map(|place| Arc::clone(rows.column(*place))).collect();
            Ok(FoundKey {
                rows: transaction.find_rows(self.table, key.id, &columns)?,
                values: key.values(&columns)?,
            })
        };
        let keys = self.keys.iter().map(find).collect::<Result<_>>()?;
        Ok(Found { row_count: rows.num_rows(), keys })
    }

    /// Takes the keys of a row for it; `false` if a row before has taken one of them.
    pub(super) fn claim(&mut self, found: &Found, row: usize) -> bool {
        let pairs = || self.keys.iter().zip(&found.keys);
        let value = |key: &FoundKey| key.values.get(row).cloned().flatten();
        let is_taken = pairs()
            .any(|(key, found)| value(found).is_some_and(|value| key.claimed.contains(&value)));
        if is_taken {
            return false;
        }
        for (key, found) in self.keys.iter_mut().zip(&found.keys) {
            key.claimed.extend(value(found));
        }
        true
    }
}

impl Found {
    pub(super) fn row_count(&self) -> usize {
        self.row_count
    }

    /// The row of the table that has one of the keys of a row.
    pub(super) fn existing(&self, row: usize) -> Option<u64> {
        self.keys.iter().find_map(|key| key.rows.get(row).copied().flatten())
    }
}

impl LookedUp {
    fn new(table: &Table, key: &Key) -> Result<Self> {
        let place = |id: &ColumnId| table.columns().iter().position(|column| column.id == *id);
        let places: Vec<usize> = key.columns.iter().filter_map(place).collect();
        let field = |place: &usize| SortField::new(arrow_type(table.columns()[*place].data_type));
        let converter = RowConverter::new(places.iter().map(field).collect())?;
        Ok(Self { id: key.id, places, converter, claimed: HashSet::new() })
    }

    fn values(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Box<[u8]>>>> {
        let unified: Vec<ArrayRef> = columns.iter().map(unify_floats).collect();
        let rows = self.converter.convert_columns(&unified)?;
        let has_null = |row: usize| columns.iter().any(|column| column.is_null(row));
        let value = |(row, bytes): (usize, arrow::row::Row<'_>)| {
            (!has_null(row)).then(|| Box::from(bytes.as_ref()))
        };
        Ok(rows.iter().enumerate().map(value).collect())
    }
}

/// Floats that are equal in SQL as the same bits.
fn unify_floats(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        ArrowType::Float32 => {
            let one = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            let unified: Float32Array = unary(values.as_primitive::<Float32Type>(), one);
            Arc::new(unified)
        }
        ArrowType::Float64 => {
            let one = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            let unified: Float64Array = unary(values.as_primitive::<Float64Type>(), one);
            Arc::new(unified)
        }
        _ => Arc::clone(values),
    }
}

/// The key of exactly these columns, in any order.
fn by_columns<'a>(table: &'a Table, columns: &[Ident]) -> Result<&'a Key> {
    let mut wanted = Vec::with_capacity(columns.len());
    for column in columns {
        wanted.push(table.columns()[names::find_column(table, column)?].id);
    }
    wanted.sort_unstable();
    let is_wanted = |key: &&Key| {
        let mut columns = key.columns.clone();
        columns.sort_unstable();
        columns == wanted
    };
    table.keys().iter().find(is_wanted).ok_or_else(|| {
        let shown: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let message = format!("table \"{}\" has no key ({})", table.name(), shown.join(", "));
        let place = columns.first().and_then(names::start);
        with_keys(Error::sql(message), table).at(place)
    })
}

fn by_name<'a>(table: &'a Table, name: &str) -> Result<&'a Key> {
    let wanted = name.trim_matches('"').to_lowercase();
    let mut keys = table.keys().iter();
    keys.find(|key| key_name(table, key).to_lowercase() == wanted).ok_or_else(|| {
        let message = format!("table \"{}\" has no key called \"{wanted}\"", table.name());
        with_keys(Error::sql(message), table)
    })
}

/// The error with the keys that there are.
fn with_keys(error: Error, table: &Table) -> Error {
    let shown = |key: &Key| {
        let columns = key.columns.iter().filter_map(|id| table.column(*id));
        let columns: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        format!("({}) called {}", columns.join(", "), key_name(table, key))
    };
    let keys: Vec<String> = table.keys().iter().map(shown).collect();
    match keys.is_empty() {
        true => error.with_hint("it has no PRIMARY KEY and no UNIQUE, so nothing is in conflict"),
        false => error.with_hint(format!("keys: {}", keys.join("; "))),
    }
}
