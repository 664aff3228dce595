//! Physical expressions to predicates on encoded columns.
//!
//! A conjunct is translated when it compares one column with literals of the column's own type;
//! DataFusion's type coercion has brought most conjuncts into this form. Other conjuncts on one
//! column that cannot fail are evaluated once per distinct value ([`ValueFilter`]). What is left
//! is for the scan to evaluate on decoded rows.

use super::beginning::Beginning;
use super::column::ScanColumn;
use super::like::Pieces;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StringViewArray,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use starfact_base::{ColumnId, DataType, Scalar};
use starfact_encoding::{CompareOp, Predicate, ValuePredicate, arrow_type};
use starfact_exec::ColumnFilter;
use std::sync::Arc;

/// The column behind each position of the schema that an expression refers to.
pub(super) type Columns = [ScanColumn];

/// Translates a conjunct; `None` if it must be evaluated on decoded rows.
pub(super) fn translate(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    compare(expr, columns)
        .or_else(|| null_test(expr, columns))
        .or_else(|| in_list(expr, columns))
        .or_else(|| truth(expr, columns))
        .or_else(|| prefix(expr, columns))
        .or_else(|| by_value(expr, columns))
}

fn column_of(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<(ColumnId, DataType)> {
    columns.get(expr.downcast_ref::<Column>()?.index())?.stored()
}

fn compare(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let binary = expr.downcast_ref::<BinaryExpr>()?;
    let op = compare_op(*binary.op())?;
    let (side, op, literal) = match binary.right().downcast_ref::<Literal>() {
        Some(literal) => (binary.left(), op, literal),
        None => (binary.right(), mirrored(op), binary.left().downcast_ref::<Literal>()?),
    };
    let (column, data_type) = column_of(side, columns)?;
    let value = scalar(literal.value(), data_type)?;
    Some(ColumnFilter { column, predicate: comparison(op, value)? })
}

/// A comparison as SQL means it: 0.0 and -0.0 are one number, which encodings order one after the
/// other.
fn comparison(op: CompareOp, value: Scalar) -> Option<Predicate> {
    let value = match (&value, op) {
        (Scalar::Float(zero), _) if *zero != 0.0 => value,
        (Scalar::Float(_), CompareOp::Equal) => {
            let (low, high) = (Scalar::Float(-0.0), Scalar::Float(0.0));
            return Some(Predicate::Between { low, high });
        }
        (Scalar::Float(_), CompareOp::NotEqual) => return None,
        (Scalar::Float(_), CompareOp::Less | CompareOp::GreaterOrEqual) => Scalar::Float(-0.0),
        (Scalar::Float(_), CompareOp::LessOrEqual | CompareOp::Greater) => Scalar::Float(0.0),
        _ => value,
    };
    Some(Predicate::Compare { op, value })
}

fn compare_op(op: Operator) -> Option<CompareOp> {
    Some(match op {
        Operator::Eq => CompareOp::Equal,
        Operator::NotEq => CompareOp::NotEqual,
        Operator::Lt => CompareOp::Less,
        Operator::LtEq => CompareOp::LessOrEqual,
        Operator::Gt => CompareOp::Greater,
        Operator::GtEq => CompareOp::GreaterOrEqual,
        _ => return None,
    })
}

/// The operator after its sides have changed places.
fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
        same => same,
    }
}

fn null_test(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let (arg, predicate) = if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
        (test.arg(), Predicate::IsNull)
    } else {
        (expr.downcast_ref::<IsNotNullExpr>()?.arg(), Predicate::IsNotNull)
    };
    let (column, _) = column_of(arg, columns)?;
    Some(ColumnFilter { column, predicate })
}

fn in_list(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let list = expr.downcast_ref::<InListExpr>()?;
    if list.negated() {
        return None;
    }
    let (column, data_type) = column_of(list.expr(), columns)?;
    if matches!(data_type, DataType::Real | DataType::Double) {
        return None;
    }
    let mut values = Vec::with_capacity(list.len());
    for item in list.list() {
        let literal = item.downcast_ref::<Literal>()?;
        // x IN (…, NULL) selects what x IN (…) selects: NULL is not true either.
        if !literal.value().is_null() {
            values.push(scalar(literal.value(), data_type)?);
        }
    }
    Some(ColumnFilter { column, predicate: Predicate::is_in(values) })
}

/// A boolean column as a condition, or its negation.
fn truth(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let (arg, wanted) = match expr.downcast_ref::<NotExpr>() {
        Some(not) => (not.arg(), 0),
        None => (expr, 1),
    };
    let (column, data_type) = column_of(arg, columns)?;
    if data_type != DataType::Boolean {
        return None;
    }
    let value = Scalar::Integer(wanted);
    Some(ColumnFilter { column, predicate: Predicate::Compare { op: CompareOp::Equal, value } })
}

/// LIKE 'text%', which is a range of text.
fn prefix(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let like = expr.downcast_ref::<LikeExpr>()?;
    if like.negated() || like.case_insensitive() {
        return None;
    }
    let (column, data_type) = column_of(like.expr(), columns)?;
    let pattern = text_literal(like.pattern()).filter(|_| data_type == DataType::Varchar)?;
    let prefix = pattern.strip_suffix('%')?;
    if prefix.contains(['%', '_', '\\']) {
        return None;
    }
    Some(ColumnFilter { column, predicate: Predicate::Prefix(prefix.into()) })
}

/// The text of a literal; `None` if it is NULL or no text.
pub(super) fn text_literal(expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
    match scalar(expr.downcast_ref::<Literal>()?.value(), DataType::Varchar)? {
        Scalar::String(text) => Some(text),
        _ => None,
    }
}

/// The answers to a question about texts, or the opposite; of NULL there is none.
pub(super) fn answers_of_texts(
    values: &ArrayRef,
    negated: bool,
    ask: impl Fn(&StringViewArray) -> BooleanBuffer,
) -> Result<BooleanArray, String> {
    let texts = values.as_string_view_opt().ok_or("a condition on texts, of what is none")?;
    let answers = ask(texts);
    let answers = if negated { !&answers } else { answers };
    Ok(BooleanArray::new(answers, texts.nulls().cloned()))
}

/// A literal in the physical space of a column; `None` if it is NULL or of another type.
pub(crate) fn scalar(value: &ScalarValue, data_type: DataType) -> Option<Scalar> {
    let text = match value {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => {
            return match data_type {
                DataType::Varchar => text.clone().map(Scalar::String),
                _ => None,
            };
        }
        other => other,
    };
    if text.data_type() != arrow_type(data_type) {
        return None;
    }
    let integer = match text {
        ScalarValue::Boolean(value) => i128::from((*value)?),
        ScalarValue::Int16(value) => i128::from((*value)?),
        ScalarValue::Int32(value) | ScalarValue::Date32(value) => i128::from((*value)?),
        ScalarValue::Int64(value)
        | ScalarValue::Time64Microsecond(value)
        | ScalarValue::TimestampMicrosecond(value, _) => i128::from((*value)?),
        ScalarValue::Decimal128(value, _, _) => (*value)?,
        ScalarValue::Float32(value) => return Some(Scalar::Float(f64::from((*value)?))),
        ScalarValue::Float64(value) => return Some(Scalar::Float((*value)?)),
        _ => return None,
    };
    Some(Scalar::Integer(integer))
}

/// A conjunct on one column that is evaluated once per distinct value.
#[derive(Debug)]
struct ValueFilter {
    /// Refers to column 0 only.
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

impl ValuePredicate for ValueFilter {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![Arc::clone(values)])
            .map_err(|error| error.to_string())?;
        evaluate(&self.expr, &batch).map_err(|error| error.to_string())
    }
}

fn by_value(expr: &Arc<dyn PhysicalExpr>, columns: &Columns) -> Option<ColumnFilter> {
    let beginning = Beginning::of(expr);
    if beginning.is_none() && !cannot_fail(expr) {
        return None;
    }
    let used = collect_columns(expr);
    let mut used = used.iter();
    let (only, None) = (used.next()?, used.next()) else { return None };
    let (column, data_type) = columns.get(only.index())?.stored()?;
    // Per distinct value pays for strings; integers decode faster than they are looked up.
    if data_type != DataType::Varchar {
        return None;
    }
    let field = arrow::datatypes::Field::new(only.name(), arrow_type(data_type), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let expr = remap(expr, &|_| Some(0))?;
    let predicate: Arc<dyn ValuePredicate> = match (beginning, Pieces::of(&expr)) {
        (Some(beginning), _) => Arc::new(beginning),
        (None, Some(pieces)) => Arc::new(pieces),
        (None, None) => Arc::new(ValueFilter { expr, schema }),
    };
    let predicate = Predicate::Values(predicate);
    Some(ColumnFilter { column, predicate })
}

/// Whether evaluating the expression for a value that no row has can do no harm.
fn cannot_fail(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let mut safe = true;
    let _ = expr.apply(|node| {
        let known = node.is::<Column>()
            || node.is::<Literal>()
            || node.is::<LikeExpr>()
            || node.is::<InListExpr>()
            || node.is::<NotExpr>()
            || node.is::<IsNullExpr>()
            || node.is::<IsNotNullExpr>()
            || node.downcast_ref::<BinaryExpr>().is_some_and(|binary| {
                compare_op(*binary.op()).is_some()
                    || matches!(binary.op(), Operator::And | Operator::Or)
            });
        safe &= known;
        Ok(if safe { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    safe
}

/// Evaluates a condition; NULL counts as false.
pub(super) fn evaluate(
    expr: &Arc<dyn PhysicalExpr>,
    batch: &RecordBatch,
) -> datafusion::common::Result<BooleanArray> {
    let values = expr.evaluate(batch)?.into_array(batch.num_rows())?;
    let mask = datafusion::common::cast::as_boolean_array(&values)?;
    Ok(match mask.null_count() {
        0 => mask.clone(),
        _ => arrow::compute::prep_null_mask_filter(mask),
    })
}

/// Renumbers the columns of an expression; `None` if `place` knows one of them not.
pub(crate) fn remap(
    expr: &Arc<dyn PhysicalExpr>,
    place: &dyn Fn(usize) -> Option<usize>,
) -> Option<Arc<dyn PhysicalExpr>> {
    let mut complete = true;
    let mapped = Arc::clone(expr).transform_down(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        match place(column.index()) {
            Some(index) => {
                let moved: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), index));
                Ok(Transformed::yes(moved))
            }
            None => {
                complete = false;
                Ok(Transformed::no(node))
            }
        }
    });
    mapped.ok().map(|mapped| mapped.data).filter(|_| complete)
}

/// Two bounds on one column are one BETWEEN, which is tested in one pass.
pub(super) fn merge_bounds(filters: Vec<ColumnFilter>) -> Vec<ColumnFilter> {
    let mut merged: Vec<ColumnFilter> = Vec::with_capacity(filters.len());
    for filter in filters {
        let found = merged.iter_mut().find_map(|earlier| {
            if earlier.column != filter.column {
                return None;
            }
            between(&earlier.predicate, &filter.predicate).map(|between| (earlier, between))
        });
        match found {
            Some((earlier, between)) => earlier.predicate = between,
            None => merged.push(filter),
        }
    }
    merged
}

fn between(a: &Predicate, b: &Predicate) -> Option<Predicate> {
    let bound = |predicate: &Predicate, wanted: CompareOp| match predicate {
        Predicate::Compare { op, value } if *op == wanted => Some(value.clone()),
        _ => None,
    };
    let low = |predicate| bound(predicate, CompareOp::GreaterOrEqual);
    let high = |predicate| bound(predicate, CompareOp::LessOrEqual);
    let (low, high) = match (low(a), high(b)) {
        (Some(low), Some(high)) => (low, high),
        _ => (low(b)?, high(a)?),
    };
    Some(Predicate::Between { low, high })
}

/// A batch of `columns`, which may be none.
pub(super) fn batch(
    schema: &SchemaRef,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> datafusion::common::Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
