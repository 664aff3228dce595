//! The cells of a cube beside those of a new build.
//!
//! ```text
//!   cells, one for each combination of keys      source 0  ─┐
//!   cells that the rows give                     source 1  ─┴─ group by keys ─ differ? ─ the first
//! ```

use super::part::{CellColumn, Part, Role, cell};
use crate::error::{Error, ErrorKind, Result};
use crate::functions::{exact_sum, greatest, least};
use crate::plan_cache::bind_places;
use crate::scan::StarfactTable;
use crate::warehouse::Inner;
use arrow::array::RecordBatch;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, Operator, binary_expr, cast, lit, when,
};
use starfact_store::{Snapshot, Table};
use std::sync::Arc;

/// Compares the cells of a part with those that its rows give.
///
/// # Errors
/// [`ErrorKind::Corrupt`] names a cell that is wrong.
pub(crate) fn check(
    inner: &Arc<Inner>,
    snapshot: &Arc<Snapshot>,
    table: &Arc<Table>,
) -> Result<()> {
    let Some(declared) = table.cube() else { return Ok(()) };
    let part = inner.cubes.part(inner, snapshot, table, declared)?;
    let plan = differences(&part, snapshot, table)?;
    let plan = inner.cubes.optimized(inner, &plan)?;
    let found = inner.cubes.rows(inner, snapshot, &plan)?;
    let Some(first) = found.iter().find(|batch| batch.num_rows() > 0) else { return Ok(()) };
    let message = format!("cube \"{}\": {}", declared.cube, shown(&part, first)?);
    Err(Error::new(ErrorKind::Corrupt, message).with_hint(format!(
        "DROP CUBE {0} and create it again; SET starfact.use_cubes = off answers without it",
        declared.cube
    )))
}

/// The columns of sums, counts and extremes, with their places.
fn values(part: &Part) -> impl Iterator<Item = (usize, &CellColumn)> {
    let all = part.columns.iter().enumerate();
    all.filter(|(_, column)| !matches!(column.role, Role::Key(_)))
}

/// One row for a cell that is not what the rows give, if there is any.
fn differences(part: &Part, snapshot: &Arc<Snapshot>, table: &Arc<Table>) -> Result<LogicalPlan> {
    let stored = stored(part, snapshot, table)?;
    let plan = bind_places(part.plan.clone(), |_, id, _| {
        let table = Arc::clone(snapshot.table_by_id(id)?);
        let provider = StarfactTable::of_epoch(table, snapshot.epoch());
        Some((provider_as_source(Arc::new(provider)), Vec::new()))
    })?;
    let columns = plan.schema().columns();
    let built = part
        .columns
        .iter()
        .zip(columns)
        .map(|(column, of)| cast(Expr::Column(of), column.types.1.clone()).alias(&column.name));
    let built: Vec<Expr> = built.chain([lit(1_i64).alias("source")]).collect();
    let built = LogicalPlanBuilder::from(plan).project(built)?.build()?;
    let both = LogicalPlanBuilder::from(stored).union(built)?;
    let keys = part.columns.iter().filter(|column| matches!(column.role, Role::Key(_)));
    let keys: Vec<Expr> = keys.map(|column| named(&column.name)).collect();
    let mut sides = Vec::new();
    let mut differ = Vec::new();
    for (place, column) in values(part) {
        let side = |source: i64| -> Result<Expr> {
            let value = named(&column.name);
            let of = if column.role.is_invertible() { exact_sum(value) } else { greatest(value) };
            let of = of.filter(named("source").eq(lit(source))).build()?;
            Ok(of.alias(format!("side {source} {place}")))
        };
        sides.extend([side(0)?, side(1)?]);
        let value = |source: i64| {
            let value = named(&format!("side {source} {place}"));
            if !column.role.is_invertible() {
                return Ok(value);
            }
            // No rows and a sum of nothing are the same.
            let zero = lit(ScalarValue::Int64(Some(0)));
            when(value.clone().is_null(), zero).otherwise(value)
        };
        differ.push(binary_expr(value(0)?, Operator::IsDistinctFrom, value(1)?));
    }
    let compared = both.aggregate(keys, sides)?;
    let compared = match disjunction(differ) {
        Some(differ) => compared.filter(differ)?,
        None => compared,
    };
    Ok(compared.limit(0, Some(1))?.build()?)
}

/// The cells that there are, one for each combination of keys.
fn stored(part: &Part, snapshot: &Arc<Snapshot>, table: &Arc<Table>) -> Result<LogicalPlan> {
    let provider = StarfactTable::of_epoch(Arc::clone(table), snapshot.epoch());
    let scan = LogicalPlanBuilder::scan("cells", provider_as_source(Arc::new(provider)), None)?;
    let of = |column: &CellColumn| cell("cells", &column.name);
    let keys = part.columns.iter().filter(|column| matches!(column.role, Role::Key(_)));
    let keys: Vec<Expr> = keys.map(of).collect();
    let sums = values(part).map(|(_, column)| {
        let sum = match column.role {
            Role::Min(_) => least(of(column)),
            Role::Max(_) => greatest(of(column)),
            _ => exact_sum(of(column)),
        };
        sum.alias(format!("sum {}", column.name))
    });
    let rows = part.find(&Role::Rows).and_then(|place| part.columns.get(place));
    let rows = rows.ok_or_else(|| Error::internal("cells without a number of rows"))?;
    let is_there = named(&format!("sum {}", rows.name)).not_eq(lit(ScalarValue::Int64(Some(0))));
    let grouped = scan.aggregate(keys, sums.collect::<Vec<Expr>>())?.filter(is_there)?;
    let columns = part.columns.iter().map(|column| match column.role {
        Role::Key(_) => of(column).alias(&column.name),
        _ => {
            cast(named(&format!("sum {}", column.name)), column.types.1.clone()).alias(&column.name)
        }
    });
    let columns: Vec<Expr> = columns.chain([lit(0_i64).alias("source")]).collect();
    Ok(grouped.project(columns)?.build()?)
}

/// What is wrong with a cell, in words.
fn shown(part: &Part, row: &RecordBatch) -> Result<String> {
    let value = |place: usize| -> Result<String> {
        Ok(ScalarValue::try_from_array(row.column(place), 0)?.to_string())
    };
    let keys = (0..part.key_count()).map(value).collect::<Result<Vec<_>>>()?;
    let mut sides = [Vec::new(), Vec::new()];
    for place in part.key_count()..row.num_columns() {
        if let Some(side) = sides.get_mut((place - part.key_count()) % 2) {
            side.push(value(place)?);
        }
    }
    let [stored, built] = sides;
    Ok(format!(
        "cell ({}) has {} and the rows give {}",
        keys.join(", "),
        stored.join(", "),
        built.join(", ")
    ))
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
