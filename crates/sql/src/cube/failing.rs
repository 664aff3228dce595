//! Which expressions may fail. Cells stay for a while when their rows are gone, and a query must
//! not fail because of these.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};

/// Whether no part of an expression may fail, as far as the columns are known.
pub(super) fn is_safe(expr: &Expr, columns: &DFSchema) -> bool {
    expr.exists(|part| Ok(!never_fails(part, columns))).is_ok_and(|fails| !fails)
}

/// Whether an operator gives a value for all values that it may be given.
pub(super) fn never_fails(expr: &Expr, columns: &DFSchema) -> bool {
    use Operator as Op;
    match expr {
        Expr::BinaryExpr(binary) => matches!(
            binary.op,
            Op::And
                | Op::Or
                | Op::Eq
                | Op::NotEq
                | Op::Lt
                | Op::LtEq
                | Op::Gt
                | Op::GtEq
                | Op::IsDistinctFrom
                | Op::IsNotDistinctFrom
                | Op::StringConcat
        ),
        Expr::ScalarFunction(call) => NEVER_FAIL.contains(&call.func.name()),
        Expr::Cast(cast) => cast
            .expr
            .get_type(columns)
            .is_ok_and(|from| cast_never_fails(&from, cast.field.data_type())),
        other => matches!(
            other,
            Expr::Column(_)
                | Expr::Literal(..)
                | Expr::Not(_)
                | Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsTrue(_)
                | Expr::IsFalse(_)
                | Expr::IsUnknown(_)
                | Expr::IsNotTrue(_)
                | Expr::IsNotFalse(_)
                | Expr::IsNotUnknown(_)
                | Expr::Between(_)
                | Expr::InList(_)
                | Expr::Like(_)
                | Expr::Case(_)
                | Expr::Alias(_)
                | Expr::ScalarSubquery(_)
        ),
    }
}

/// Whether all values of a type have one of another.
fn cast_never_fails(from: &DataType, to: &DataType) -> bool {
    let digits = |of: &DataType| match of {
        DataType::Int16 => Some(5),
        DataType::Int32 => Some(10),
        DataType::Int64 => Some(19),
        _ => None,
    };
    match (from, to) {
        (_, DataType::Utf8 | DataType::Utf8View) => true,
        (DataType::Date32, DataType::Timestamp(..)) => true,
        (from, DataType::Int32 | DataType::Int64) => {
            digits(from) <= digits(to) && digits(from).is_some()
        }
        (from, DataType::Decimal128(precision, scale)) => {
            digits(from).is_some_and(|digits| digits <= i32::from(*precision) - i32::from(*scale))
        }
        _ => false,
    }
}

/// Functions that have a value, or NULL, for whatever they are given.
const NEVER_FAIL: [&str; 12] = [
    "upper",
    "lower",
    "substr",
    "left",
    "right",
    "trim",
    "concat",
    "coalesce",
    "date_trunc",
    "date_part",
    "character_length",
    "starts_with",
];
