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
}

impl ScanColumn {
    /// The column at a position: behind those of the table stands the row id.
    pub(super) fn at(table: &Table, position: usize) -> Self {
        match table.columns().get(position) {
            Some(column) => Self::Stored(column.id, column.data_type),
            None => Self::RowId,
        }
    }

    /// The column in the files, if it is in any.
    pub(super) fn stored(self) -> Option<(ColumnId, DataType)> {
        match self {
            Self::Stored(id, data_type) => Some((id, data_type)),
            Self::RowId => None,
        }
    }

    pub(super) fn arrow_type(self) -> ArrowType {
        match self {
            Self::Stored(_, data_type) => arrow_type(data_type),
            Self::RowId => ArrowType::Int64,
        }
    }
}

/// The columns that are in files.
pub(super) fn stored(columns: &[ScanColumn]) -> Vec<ColumnId> {
    columns.iter().filter_map(|column| Some(column.stored()?.0)).collect()
}

/// Puts the row ids of the selected rows between the decoded columns, which are in order.
pub(super) fn with_row_ids(
    scan: &Scan,
    morsel: &Morsel,
    columns: &[ScanColumn],
    selection: &Selection,
    decoded: Vec<ArrayRef>,
) -> Result<Vec<ArrayRef>> {
    if decoded.len() == columns.len() {
        return Ok(decoded);
    }
    let row_ids = scan.row_ids(morsel, selection).map_err(external)?;
    let mut decoded = decoded.into_iter();
    let of = |column: &ScanColumn| match column {
        ScanColumn::Stored(..) => decoded.next(),
        ScanColumn::RowId => Some(ArrayRef::clone(&row_ids)),
    };
    Ok(columns.iter().filter_map(of).collect())
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
