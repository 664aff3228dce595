//! What the planner may know of a scan's output: exact counts, and bounds from the zone maps, which
//! are exact as long as no rows are deleted.

use super::column::ScanColumn;
use arrow::datatypes::DataType as ArrowType;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use starfact_base::{DataType, Result, Scalar};
use starfact_exec::column_bounds;
use starfact_store::Table;

/// Statistics of the given columns over the whole table.
///
/// # Errors
/// A column file that is missing or damaged.
pub(super) fn table_statistics(table: &Table, columns: &[ScanColumn]) -> Result<Statistics> {
    let rows = table.row_count() as usize;
    let mut column_statistics = Vec::with_capacity(columns.len());
    for column in columns {
        let Some((id, data_type)) = column.stored() else {
            column_statistics.push(ColumnStatistics {
                null_count: Precision::Exact(0),
                distinct_count: Precision::Exact(rows),
                ..ColumnStatistics::new_unknown()
            });
            continue;
        };
        let bounds = column_bounds(table, id)?;
        let known = |bound: Option<Scalar>, is_exact: bool| {
            let value = bound.and_then(|bound| scalar_value(&bound, data_type));
            let precision = if is_exact { Precision::Exact } else { Precision::Inexact };
            value.map_or(Precision::Absent, precision)
        };
        // Nobody knows which of the deleted rows were NULL.
        let nulls = match table.deleted_row_count() == 0 || bounds.nulls == 0 {
            true => Precision::Exact(bounds.nulls as usize),
            false => Precision::Inexact(bounds.nulls as usize),
        };
        let is_key = table.primary_key().is_some_and(|key| key.columns == [id]);
        column_statistics.push(ColumnStatistics {
            null_count: nulls,
            min_value: known(bounds.min, bounds.is_min_exact),
            max_value: known(bounds.max, bounds.is_max_exact),
            sum_value: Precision::Absent,
            distinct_count: if is_key { Precision::Exact(rows) } else { Precision::Absent },
            byte_size: Precision::Absent,
        });
    }
    Ok(Statistics {
        num_rows: Precision::Exact(rows),
        total_byte_size: Precision::Inexact(row_bytes(columns).saturating_mul(rows)),
        column_statistics,
    })
}

/// Bytes that a decoded row of these columns takes, roughly.
pub(super) fn row_bytes(columns: &[ScanColumn]) -> usize {
    let bytes = |column: &ScanColumn| match column.arrow_type() {
        ArrowType::Boolean => 1,
        ArrowType::Utf8View => 24,
        other => other.primitive_width().unwrap_or(8),
    };
    columns.iter().map(bytes).sum()
}

/// A bound as a literal; floats have none, because their order has more than one zero and NaN.
pub(crate) fn scalar_value(scalar: &Scalar, data_type: DataType) -> Option<ScalarValue> {
    let integer = match scalar {
        Scalar::Integer(value) => *value,
        Scalar::String(text) => return Some(ScalarValue::Utf8View(Some(text.clone()))),
        Scalar::Float(_) => return None,
    };
    Some(match data_type {
        DataType::Boolean => ScalarValue::Boolean(Some(integer != 0)),
        DataType::SmallInt => ScalarValue::Int16(integer.try_into().ok()),
        DataType::Integer => ScalarValue::Int32(integer.try_into().ok()),
        DataType::BigInt => ScalarValue::Int64(integer.try_into().ok()),
        DataType::Decimal { precision, scale } => {
            ScalarValue::Decimal128(Some(integer), precision, scale as i8)
        }
        DataType::Date => ScalarValue::Date32(integer.try_into().ok()),
        DataType::Time => ScalarValue::Time64Microsecond(integer.try_into().ok()),
        DataType::Timestamp => ScalarValue::TimestampMicrosecond(integer.try_into().ok(), None),
        DataType::TimestampTz => {
            ScalarValue::TimestampMicrosecond(integer.try_into().ok(), Some("UTC".into()))
        }
        DataType::Real | DataType::Double | DataType::Varchar => return None,
    })
}
