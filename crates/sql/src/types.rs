//! SQL type names to column types and to Arrow, and back.
//!
//! One table serves column definitions, casts and typed literals, so that `x TIMESTAMP` and
//! `CAST(x AS TIMESTAMP)` cannot disagree. Timestamps and times have microseconds.

use crate::error::{Error, Result, TYPE_NAMES, nearest};
use arrow::datatypes::{DataType as ArrowType, Field, FieldRef, TimeUnit};
use datafusion::common::Result as DataFusionResult;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo,
};
use starfact_base::DataType;
use starfact_base::limits::DECIMAL_PRECISION_MAX;
use starfact_encoding::{arrow_type, data_type_of};
use std::sync::Arc;

/// Digits and scale of a DECIMAL that does not say, as in DuckDB.
const DECIMAL_DEFAULT: DataType = DataType::Decimal { precision: 18, scale: 3 };

/// The column type that a SQL type names.
///
/// # Errors
/// Types that no column can have.
pub(crate) fn column_type(sql: &SqlType) -> Result<DataType> {
    match scalar_type(sql) {
        Some(result) => result,
        None if near_type(sql).is_some() => {
            let near = near_type(sql).unwrap_or_default();
            Err(Error::sql(format!("there is no type \"{sql}\""))
                .with_hint(format!("did you mean {near}?")))
        }
        None => Err(Error::sql(format!("columns cannot have the type {sql}")).with_hint(
            "use BOOLEAN, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, DECIMAL(p,s), VARCHAR, DATE, \
             TIME, TIMESTAMP or TIMESTAMPTZ",
        )),
    }
}

/// The type that an unknown name nearly is.
fn near_type(sql: &SqlType) -> Option<&'static str> {
    match sql {
        SqlType::Custom(name, _) => nearest(&name.to_string(), TYPE_NAMES.iter().copied()),
        _ => None,
    }
}

/// `None` if the type is not one of ours; an error if it is but its parameters are impossible.
fn scalar_type(sql: &SqlType) -> Option<Result<DataType>> {
    let data_type = match sql {
        SqlType::Boolean | SqlType::Bool => DataType::Boolean,
        SqlType::TinyInt(_)
        | SqlType::SmallInt(_)
        | SqlType::Int2(_)
        | SqlType::Int16
        | SqlType::UTinyInt => DataType::SmallInt,
        SqlType::Int(_)
        | SqlType::Integer(_)
        | SqlType::Int4(_)
        | SqlType::MediumInt(_)
        | SqlType::Int32
        | SqlType::USmallInt => DataType::Integer,
        SqlType::BigInt(_) | SqlType::Int8(_) | SqlType::Int64 => DataType::BigInt,
        SqlType::HugeInt | SqlType::Int128 => DataType::Decimal { precision: 38, scale: 0 },
        SqlType::UBigInt => DataType::Decimal { precision: 20, scale: 0 },
        SqlType::Real | SqlType::Float4 | SqlType::Float32 => DataType::Real,
        SqlType::Float(ExactNumberInfo::Precision(bits)) if *bits <= 24 => DataType::Real,
        SqlType::Float(_)
        | SqlType::Double(_)
        | SqlType::DoublePrecision
        | SqlType::Float8
        | SqlType::Float64 => DataType::Double,
        SqlType::Decimal(digits) | SqlType::Numeric(digits) | SqlType::Dec(digits) => {
            return Some(decimal(digits));
        }
        SqlType::Varchar(_)
        | SqlType::Nvarchar(_)
        | SqlType::Char(_)
        | SqlType::Character(_)
        | SqlType::CharVarying(_)
        | SqlType::CharacterVarying(_)
        | SqlType::Text
        | SqlType::TinyText
        | SqlType::MediumText
        | SqlType::LongText
        | SqlType::String(_) => DataType::Varchar,
        SqlType::Date | SqlType::Date32 => DataType::Date,
        SqlType::Time(precision, zone) => {
            if matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) {
                return None;
            }
            return Some(fraction(*precision, sql).map(|()| DataType::Time));
        }
        SqlType::Timestamp(precision, zone) => {
            let data_type = match zone {
                TimezoneInfo::WithTimeZone | TimezoneInfo::Tz => DataType::TimestampTz,
                _ => DataType::Timestamp,
            };
            return Some(fraction(*precision, sql).map(|()| data_type));
        }
        SqlType::Datetime(precision) => {
            return Some(fraction(*precision, sql).map(|()| DataType::Timestamp));
        }
        SqlType::Custom(name, _) => return custom(&name.to_string()).map(Ok),
        _ => return None,
    };
    Some(Ok(data_type))
}

/// Type names that the parser does not know by itself.
fn custom(name: &str) -> Option<DataType> {
    match name.to_ascii_lowercase().as_str() {
        "timestamp_s" | "timestamp_ms" | "timestamp_us" => Some(DataType::Timestamp),
        "logical" => Some(DataType::Boolean),
        "short" => Some(DataType::SmallInt),
        "long" => Some(DataType::BigInt),
        "bpchar" => Some(DataType::Varchar),
        _ => None,
    }
}

fn fraction(precision: Option<u64>, sql: &SqlType) -> Result<()> {
    match precision {
        Some(digits) if digits > 6 => Err(Error::sql(format!(
            "{sql} has more than microseconds: give at most 6 fractional digits"
        ))),
        _ => Ok(()),
    }
}

fn decimal(digits: &ExactNumberInfo) -> Result<DataType> {
    let (precision, scale) = match *digits {
        ExactNumberInfo::None => return Ok(DECIMAL_DEFAULT),
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    let fits = (1..=u64::from(DECIMAL_PRECISION_MAX)).contains(&precision)
        && (0..=precision as i64).contains(&scale);
    if !fits {
        return Err(Error::sql(format!("DECIMAL({precision},{scale}) is out of bounds"))
            .with_hint("precision is 1 to 38, scale 0 to the precision"));
    }
    Ok(DataType::Decimal { precision: precision as u8, scale: scale as u8 })
}

/// Gives DataFusion our reading of SQL types in casts and typed literals.
#[derive(Debug)]
pub(crate) struct StarfactTypes;

impl TypePlanner for StarfactTypes {
    fn plan_type_field(&self, sql: &SqlType) -> DataFusionResult<Option<FieldRef>> {
        let field = |arrow| Arc::new(Field::new("", arrow, true));
        if let SqlType::Array(ArrayElemTypeDef::SquareBracket(inner, None)) = sql {
            let inner = self.plan_type_field(inner)?;
            return Ok(
                inner.map(|inner| field(ArrowType::new_list(inner.data_type().clone(), true)))
            );
        }
        // Types that a value may pass through although no column can have them.
        let arrow = match sql {
            SqlType::TinyInt(_) => ArrowType::Int8,
            SqlType::UTinyInt | SqlType::TinyIntUnsigned(_) => ArrowType::UInt8,
            SqlType::USmallInt => ArrowType::UInt16,
            SqlType::UInt32 => ArrowType::UInt32,
            SqlType::UBigInt => ArrowType::UInt64,
            _ => match scalar_type(sql) {
                None => return Ok(None),
                Some(Ok(data_type)) => arrow_type(data_type),
                Some(Err(error)) => return Err(error.into()),
            },
        };
        Ok(Some(field(arrow)))
    }
}

impl From<Error> for datafusion::common::DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// The column type in which values of an Arrow type are kept, for CREATE TABLE AS.
///
/// # Errors
/// Types that no column can have.
pub(crate) fn stored_type(name: &str, arrow: &ArrowType) -> Result<DataType> {
    if let Some(data_type) = data_type_of(arrow) {
        return Ok(data_type);
    }
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    match arrow {
        ArrowType::Null => Ok(DataType::Varchar),
        ArrowType::Int8 | ArrowType::UInt8 => Ok(DataType::SmallInt),
        ArrowType::UInt16 => Ok(DataType::Integer),
        ArrowType::UInt32 => Ok(DataType::BigInt),
        ArrowType::UInt64 => Ok(decimal(20, 0)),
        ArrowType::Float16 => Ok(DataType::Real),
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale)
        | ArrowType::Decimal256(precision, scale) => {
            // A negative scale is a run of zeros before the point.
            let digits = i32::from(*precision) + i32::from((-scale).max(0));
            let data_type = decimal(digits.clamp(1, 255) as u8, (*scale).max(0) as u8);
            if data_type.is_valid() { Ok(data_type) } else { Err(unsupported(name, arrow)) }
        }
        ArrowType::Date64 => Ok(DataType::Date),
        ArrowType::Time32(_) | ArrowType::Time64(_) => Ok(DataType::Time),
        ArrowType::Timestamp(_, None) => Ok(DataType::Timestamp),
        ArrowType::Timestamp(_, Some(_)) => Ok(DataType::TimestampTz),
        ArrowType::Dictionary(_, values) => stored_type(name, values),
        ArrowType::RunEndEncoded(_, values) => stored_type(name, values.data_type()),
        _ => Err(unsupported(name, arrow)),
    }
}

fn unsupported(name: &str, arrow: &ArrowType) -> Error {
    let shown = sql_name(arrow);
    Error::sql(format!("column \"{name}\" has the type {shown}, which tables cannot hold"))
        .with_hint("cast it in the query, for example to VARCHAR")
}

/// The SQL name of an Arrow type, for DESCRIBE and messages.
pub(crate) fn sql_name(arrow: &ArrowType) -> String {
    if let Some(data_type) = data_type_of(arrow) {
        return data_type.to_string();
    }
    match arrow {
        ArrowType::Null => "NULL".into(),
        ArrowType::Int8 => "TINYINT".into(),
        ArrowType::UInt8 => "UTINYINT".into(),
        ArrowType::UInt16 => "USMALLINT".into(),
        ArrowType::UInt32 => "UINTEGER".into(),
        ArrowType::UInt64 => "UBIGINT".into(),
        ArrowType::Decimal256(precision, scale) => format!("DECIMAL({precision},{scale})"),
        ArrowType::Binary | ArrowType::LargeBinary | ArrowType::BinaryView => "BLOB".into(),
        ArrowType::FixedSizeBinary(_) => "BLOB".into(),
        ArrowType::Interval(_) | ArrowType::Duration(_) => "INTERVAL".into(),
        ArrowType::Timestamp(TimeUnit::Nanosecond, None) => "TIMESTAMP_NS".into(),
        ArrowType::Timestamp(_, None) => "TIMESTAMP".into(),
        ArrowType::Timestamp(_, Some(_)) => "TIMESTAMPTZ".into(),
        ArrowType::Time32(_) | ArrowType::Time64(_) => "TIME".into(),
        ArrowType::List(item)
        | ArrowType::LargeList(item)
        | ArrowType::ListView(item)
        | ArrowType::LargeListView(item)
        | ArrowType::FixedSizeList(item, _) => format!("{}[]", sql_name(item.data_type())),
        ArrowType::Struct(fields) => format!("STRUCT({})", sql_fields(fields.iter())),
        ArrowType::Map(entries, _) => match entries.data_type() {
            ArrowType::Struct(fields) => {
                let types: Vec<_> =
                    fields.iter().map(|field| sql_name(field.data_type())).collect();
                format!("MAP({})", types.join(", "))
            }
            other => format!("MAP({})", sql_name(other)),
        },
        ArrowType::Union(fields, _) => {
            format!("UNION({})", sql_fields(fields.iter().map(|(_, field)| field)))
        }
        ArrowType::Dictionary(_, values) => sql_name(values),
        ArrowType::RunEndEncoded(_, values) => sql_name(values.data_type()),
        ArrowType::Float16 => "REAL".into(),
        ArrowType::Date64 => "DATE".into(),
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => "VARCHAR".into(),
        ArrowType::Decimal32(precision, scale)
        | ArrowType::Decimal64(precision, scale)
        | ArrowType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        other => other.to_string().to_uppercase(),
    }
}

/// `a BIGINT, "b c" VARCHAR`: the fields of a STRUCT or UNION.
fn sql_fields<'a>(fields: impl Iterator<Item = &'a FieldRef>) -> String {
    let shown = fields.map(|field| {
        let name = field.name();
        let is_plain = name.starts_with(|ch: char| ch.is_ascii_lowercase() || ch == '_')
            && name.chars().all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '_');
        let data_type = sql_name(field.data_type());
        if is_plain {
            format!("{name} {data_type}")
        } else {
            format!("\"{}\" {data_type}", name.replace('"', "\"\""))
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::Fields;

    #[test]
    fn nested_types_have_sql_names() {
        let list = |item| ArrowType::new_list(item, true);
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let inner = ArrowType::Struct(Fields::from(vec![
            field("a", ArrowType::Int64),
            field("b C", list(list(ArrowType::Utf8View))),
        ]));
        assert_eq!(sql_name(&list(inner)), "STRUCT(a BIGINT, \"b C\" VARCHAR[][])[]");
        let entries = ArrowType::Struct(Fields::from(vec![
            field("key", ArrowType::Utf8),
            field("value", ArrowType::Int64),
        ]));
        let map = ArrowType::Map(Arc::new(field("entries", entries)), false);
        assert_eq!(sql_name(&map), "MAP(VARCHAR, BIGINT)");
    }
}
