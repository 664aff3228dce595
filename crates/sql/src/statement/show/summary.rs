//! `SUMMARIZE`: for each column of a query its bounds, its mean, how many values it has and how
//! many are NULL. One pass over the rows.

use super::{table_of, texts};
use crate::error::{Error, Result};
use crate::outcome::Rows;
use crate::statement::{Context, query};
use crate::types::sql_name;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::{concat_batches, kernels::cast};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use arrow::util::display::array_value_to_string;
use datafusion::functions_aggregate::expr_fn::{approx_distinct, avg, count, max, min, stddev};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast as cast_expr, try_cast};
use datafusion::prelude::lit;
use datafusion::sql::sqlparser::ast::Query;
use std::sync::Arc;

/// Aggregates of each column, in this order.
const AGGREGATES: usize = 6;

pub(super) fn summary(context: &mut Context, query: Query) -> Result<Rows> {
    let (plan, names) = query::plan(context, query)?;
    let plan = context.state.optimize(&plan)?;
    let schema = names.apply(&Arc::new(plan.schema().as_arrow().clone()));
    let mut aggregates = vec![count(lit(1)).alias("rows")];
    for (place, column) in plan.schema().columns().into_iter().enumerate() {
        let data_type = schema.field(place).data_type();
        let expressions = of_column(Expr::Column(column), data_type);
        let named = expressions.into_iter().zip(0..);
        aggregates.extend(named.map(|(expr, number)| expr.alias(format!("{place}.{number}"))));
    }
    let plan = LogicalPlanBuilder::from(plan).aggregate(Vec::<Expr>::new(), aggregates)?.build()?;
    let stream = query::start(context, plan)?;
    let result_schema = stream.schema();
    let batches = query::batches(context, stream).collect::<Result<Vec<RecordBatch>>>()?;
    let row = concat_batches(&result_schema, &batches)?;
    if row.num_rows() != 1 {
        return Err(Error::internal("an aggregation without groups has one row"));
    }
    let rows = integer(row.column(0)).unwrap_or(0);
    let columns = 0..schema.fields().len();
    let at = |column: usize, aggregate: usize| row.column(1 + column * AGGREGATES + aggregate);
    let text = |aggregate| columns.clone().map(move |column| value(at(column, aggregate)));
    let number = |aggregate| columns.clone().map(move |column| float(at(column, aggregate)));
    let whole = |aggregate| columns.clone().map(move |column| integer(at(column, aggregate)));
    let null_share = |column| {
        let present = integer(at(column, 3)).unwrap_or(0);
        (rows > 0).then(|| 100.0 * (rows - present) as f64 / rows as f64)
    };
    table_of(vec![
        ("column_name", texts(schema.fields().iter().map(|field| Some(field.name().clone())))),
        (
            "column_type",
            texts(schema.fields().iter().map(|field| Some(sql_name(field.data_type())))),
        ),
        ("min", texts(text(0))),
        ("max", texts(text(1))),
        ("approx_unique", Arc::new(whole(2).collect::<Int64Array>()) as ArrayRef),
        ("count", Arc::new(whole(3).collect::<Int64Array>())),
        ("avg", Arc::new(number(4).collect::<Float64Array>())),
        ("std", Arc::new(number(5).collect::<Float64Array>())),
        ("null_percentage", Arc::new(columns.clone().map(null_share).collect::<Float64Array>())),
    ])
}

fn of_column(column: Expr, data_type: &DataType) -> [Expr; AGGREGATES] {
    let is_ordered = !data_type.is_nested() && *data_type != DataType::Null;
    let text = cast_expr(column.clone(), DataType::Utf8View);
    let bound = if is_ordered { column.clone() } else { text.clone() };
    let number = if data_type.is_numeric() {
        cast_expr(column.clone(), DataType::Float64)
    } else {
        try_cast(lit(datafusion::common::ScalarValue::Null), DataType::Float64)
    };
    [
        min(bound.clone()),
        max(bound),
        approx_distinct(text),
        count(column),
        avg(number.clone()),
        stddev(number),
    ]
}

/// The only value of an array, as text.
fn value(array: &ArrayRef) -> Option<String> {
    if array.is_null(0) { None } else { array_value_to_string(array, 0).ok() }
}

fn integer(array: &ArrayRef) -> Option<i64> {
    if array.is_null(0) {
        return None;
    }
    match array.data_type() {
        DataType::UInt64 => i64::try_from(array.as_primitive::<UInt64Type>().value(0)).ok(),
        DataType::Int64 => Some(array.as_primitive::<Int64Type>().value(0)),
        _ => None,
    }
}

fn float(array: &ArrayRef) -> Option<f64> {
    let array = cast(array, &DataType::Float64).ok()?;
    (!array.is_null(0)).then(|| array.as_primitive::<Float64Type>().value(0))
}
