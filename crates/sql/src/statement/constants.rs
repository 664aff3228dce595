//! VALUES of nothing but plain constants, as rows at once: to plan a query for each small INSERT
//! would take longer than all the rest.
//!
//! The types are those that the query engine gives such constants: BIGINT, DECIMAL and text. What
//! is anything else, or in doubt, is left to the engine.

use arrow::array::{
    ArrayRef, Decimal128Array, Int64Array, NullArray, RecordBatch, StringViewArray,
};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, Field, Schema};
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, UnaryOperator, Value};
use std::sync::Arc;

/// A constant.
#[derive(Clone, Copy)]
enum Constant<'a> {
    Null,
    Integer(i64),
    /// Digits without the point, those behind it, and all that are significant.
    Decimal {
        digits: i128,
        scale: u8,
        precision: u8,
    },
    Text(&'a str),
}

/// The rows of `query` with these names of columns; `None` if they are not plain constants of one
/// type a column.
pub(super) fn rows(query: &Query, columns: &[String]) -> Option<RecordBatch> {
    let values = match query.body.as_ref() {
        SetExpr::Values(values) if is_plain(query) => values,
        _ => return None,
    };
    let (mut fields, mut arrays) = (Vec::new(), Vec::new());
    for (place, name) in columns.iter().enumerate() {
        let cells = values.rows.iter().map(|row| constant(row.content.get(place)?));
        let array = array(&cells.collect::<Option<Vec<_>>>()?)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).ok()
}

/// Whether a query is its body.
fn is_plain(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.pipe_operators.is_empty()
}

fn constant(cell: &Expr) -> Option<Constant<'_>> {
    match cell {
        Expr::Value(value) => match &value.value {
            Value::Null => Some(Constant::Null),
            Value::Number(digits, false) => number(digits, false),
            Value::SingleQuotedString(text) => Some(Constant::Text(text)),
            _ => None,
        },
        Expr::Nested(inner) => constant(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, false) => number(digits, true),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn number(text: &str, is_negative: bool) -> Option<Constant<'static>> {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let sign = if is_negative { -1 } else { 1 };
    let Some((whole, behind)) = text.split_once('.') else {
        let number = text.parse::<i64>().ok().filter(|_| are_digits(text))?;
        return Some(Constant::Integer(sign * number));
    };
    let precision = whole.trim_start_matches('0').len() + behind.len();
    if !are_digits(whole) || !are_digits(behind) || precision > DECIMAL128_MAX_PRECISION.into() {
        return None;
    }
    let digits: i128 = format!("{whole}{behind}").parse().ok()?;
    let (scale, precision) = (behind.len() as u8, precision as u8);
    Some(Constant::Decimal { digits: i128::from(sign) * digits, scale, precision })
}

/// A column of constants of one type.
fn array(cells: &[Constant<'_>]) -> Option<ArrayRef> {
    let first = cells.iter().find(|cell| !matches!(cell, Constant::Null));
    Some(match first {
        None => Arc::new(NullArray::new(cells.len())),
        Some(Constant::Integer(_)) => {
            let cell = |cell: &Constant<'_>| match cell {
                Constant::Integer(number) => Some(Some(*number)),
                Constant::Null => Some(None),
                _ => None,
            };
            Arc::new(cells.iter().map(cell).collect::<Option<Int64Array>>()?)
        }
        Some(Constant::Text(_)) => {
            let cell = |cell: &Constant<'_>| match cell {
                Constant::Text(text) => Some(Some((*text).to_owned())),
                Constant::Null => Some(None),
                _ => None,
            };
            let texts = cells.iter().map(cell).collect::<Option<Vec<Option<String>>>>()?;
            Arc::new(texts.into_iter().collect::<StringViewArray>())
        }
        Some(Constant::Decimal { .. }) => decimals(cells)?,
        Some(Constant::Null) => return None,
    })
}

/// Decimals of one scale, that of the longest.
fn decimals(cells: &[Constant<'_>]) -> Option<ArrayRef> {
    let (mut scale, mut whole) = (0, 0);
    for cell in cells {
        match cell {
            Constant::Decimal { scale: own, precision, .. } => {
                scale = scale.max(*own);
                whole = whole.max(precision.saturating_sub(*own));
            }
            Constant::Null => {}
            _ => return None,
        }
    }
    let precision =
        Some(whole + scale).filter(|sum| (1..=DECIMAL128_MAX_PRECISION).contains(sum))?;
    let cell = |cell: &Constant<'_>| match cell {
        Constant::Decimal { digits, scale: own, .. } => {
            digits.checked_mul(10_i128.pow(u32::from(scale - own))).map(Some)
        }
        _ => Some(None),
    };
    let digits = cells.iter().map(cell).collect::<Option<Vec<Option<i128>>>>()?;
    let array = Decimal128Array::from(digits).with_precision_and_scale(precision, scale as i8);
    Some(Arc::new(array.ok()?))
}
