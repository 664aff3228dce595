//! The columns that a scan can give out: those of the table, and the row ids that statements which
//! change rows ask for.

use super::stream::external;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType as ArrowType, Field, Schema};
use datafusion::common::Result;
use starfact_base::{ColumnId, DataType};
use starfact_encoding::{Selection, arrow_type};
use starfact_exec::{Morsel, Scan};
use starfact_store::Table;

/// What the column of row ids is called, unless the table has a column of that name.
pub(crate) const ROW_ID: &str = "row id";

/// What the column of row ids of a table is called.
pub(crate) fn row_id_name(table: &Table) -> String {
    let mut name = ROW_ID.to_owned();
    let has = |name: &str| table.columns().iter().any(|column| column.name == name);
    while has(&name) {
        name.push('\'');
    }
    name
}

/// A column of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanColumn {
    /// One that is in files.
    Stored(ColumnId, DataType),
    /// The number of the row in the table, see [`Scan::row_ids`].
    RowId,
    /// The ordinal of the row, see [`Scan::ordinals`].
    Ordinal,
}

impl ScanColumn {
    /// The column at a position: behind those of the table stand the row id, the ordinal, and for
    /// each foreign key the ordinals that it refers to.
    pub(super) fn at(table: &Table, position: usize) -> Self {
        let behind = |position: usize| position.checked_sub(table.columns().len());
        if let Some(column) = table.columns().get(position) {
            return Self::Stored(column.id, column.data_type);
        }
        let key = behind(position).and_then(|place| place.checked_sub(2));
        match key.and_then(|key| table.foreign_keys().get(key)) {
            Some(key) => Self::Stored(key.ordinal_column, DataType::BigInt),
            None if behind(position) == Some(1) => Self::Ordinal,
            None => Self::RowId,
        }
    }

    /// The column in the files, if it is in any.
    pub(super) fn stored(self) -> Option<(ColumnId, DataType)> {
        match self {
            Self::Stored(id, data_type) => Some((id, data_type)),
            Self::RowId | Self::Ordinal => None,
        }
    }

    pub(super) fn arrow_type(self) -> ArrowType {
        match self {
            Self::Stored(_, data_type) => arrow_type(data_type),
            Self::RowId | Self::Ordinal => ArrowType::Int64,
        }
    }
}

/// The columns that are in files.
pub(super) fn stored(columns: &[ScanColumn]) -> Vec<ColumnId> {
    columns.iter().filter_map(|column| Some(column.stored()?.0)).collect()
}

/// Puts the numbers of the selected rows between the decoded columns, which are in order.
pub(super) fn with_numbers(
    scan: &Scan,
    morsel: &Morsel,
    columns: &[ScanColumn],
    selection: &Selection,
    decoded: Vec<ArrayRef>,
) -> Result<Vec<ArrayRef>> {
    if decoded.len() == columns.len() {
        return Ok(decoded);
    }
    let mut decoded = decoded.into_iter();
    let of = |column: &ScanColumn| match column {
        ScanColumn::Stored(..) => decoded.next().map(Ok),
        ScanColumn::RowId => Some(scan.row_ids(morsel, selection).map_err(external)),
        ScanColumn::Ordinal => Some(scan.ordinals(morsel, selection).map_err(external)),
    };
    columns.iter().filter_map(of).collect()
}

/// Where the ordinal of the row is among all columns of a table.
pub(crate) fn ordinal_position(table: &Table) -> usize {
    table.columns().len() + 1
}

/// Where the ordinals that a foreign key refers to are among all columns of a table.
pub(crate) fn reference_position(table: &Table, key: usize) -> usize {
    table.columns().len() + 2 + key
}

/// All columns that a scan of a table can give out.
pub(crate) fn schema_with_numbers(table: &Table) -> Schema {
    let numbers = (0..table.foreign_keys().len()).map(|key| format!("reference {key}"));
    let numbers = std::iter::once("ordinal".to_owned()).chain(numbers);
    let schema = schema_with_row_ids(table);
    let fields = schema.fields().iter().map(|field| field.as_ref().clone());
    let numbers = numbers.map(|name| Field::new(name, ArrowType::Int64, true));
    Schema::new(fields.chain(numbers).collect::<Vec<_>>())
}

/// The visible columns of a table as an Arrow schema.
pub(crate) fn arrow_schema(table: &Table) -> Schema {
    let fields = table
        .columns()
        .iter()
        .map(|column| Field::new(&column.name, arrow_type(column.data_type), column.nullable));
    Schema::new(fields.collect::<Vec<_>>())
}

/// The same, and behind them the row id.
pub(super) fn schema_with_row_ids(table: &Table) -> Schema {
    let row_id = Field::new(row_id_name(table), ArrowType::Int64, false);
    let schema = arrow_schema(table);
    let fields = schema.fields().iter().map(|field| field.as_ref().clone());
    Schema::new(fields.chain([row_id]).collect::<Vec<_>>())
}
