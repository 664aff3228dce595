//! Partial aggregation of a star block: groups are found by codes of dimensions.
//!
//! ```text
//!   reference ── code of the dimension's keys ─┐
//!   reference ── code of the dimension's keys ─┼─ cell ── group ── accumulators
//!   other keys ─ number of their combination ──┘
//! ```
//!
//! The keys of a dimension are numbered once for each of its rows that pass, so a row of the fact
//! costs a look-up and an addition for each dimension. What leaves is what a partial aggregation of
//! the query engine would give, so its final one merges the threads, and spills if it must.

use super::exec::StarExec;
use super::partial::StarAggregateExec;
use super::plan::{Source, StarPlan, misplaced};
use crate::operators::{StatesSchema, with_states};
use crate::scan::remap;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coop::CooperativeExec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Puts [`StarAggregateExec`] in the place of partial aggregations over star blocks.
#[derive(Debug)]
pub(crate) struct StarAggregates;

impl PhysicalOptimizerRule for StarAggregates {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        with_states(plan, &states)
    }

    fn name(&self) -> &str {
        "StarAggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator for an aggregation over a star block.
fn states(
    aggregate: &AggregateExec,
    schema: &StatesSchema<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut input = aggregate.input();
    while let Some(cooperative) = input.downcast_ref::<CooperativeExec>() {
        input = cooperative.input();
    }
    let Some(star) = input.downcast_ref::<StarExec>() else { return Ok(None) };
    if !aggregate.group_expr().is_single() {
        return Ok(None);
    }
    let functions = aggregate.aggr_expr();
    let is_known = |function: &Arc<AggregateFunctionExpr>| {
        function.order_bys().is_empty() && function.groups_accumulator_supported()
    };
    if !functions.iter().all(is_known) {
        return Ok(None);
    }
    Ok(Some(Arc::new(StarAggregateExec::new(star, aggregate, schema()?)?)))
}

/// Where a key of a group comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// The keys of a dimension, and a place among them.
    Dimension(usize, usize),
    /// A place among the keys that are evaluated row by row.
    Row(usize),
}

/// What there is to aggregate.
#[derive(Debug)]
pub(super) struct Aggregation {
    pub(super) star: StarPlan,
    pub(super) keys: Vec<Key>,
    /// Dimensions with keys, and the places of these among the columns of the dimension.
    pub(super) dimensions: Vec<(usize, Vec<usize>)>,
    pub(super) row_keys: Vec<Arc<dyn PhysicalExpr>>,
    pub(super) row_schema: SchemaRef,
    pub(super) functions: Vec<Arc<AggregateFunctionExpr>>,
    pub(super) arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    pub(super) filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    /// Of the states that leave it.
    pub(super) schema: SchemaRef,
}

impl Aggregation {
    pub(super) fn new(
        star: &StarExec,
        aggregate: &AggregateExec,
        schema: SchemaRef,
    ) -> Result<Self> {
        let inlined = |expr: &Arc<dyn PhysicalExpr>| inline(expr, &star.outputs);
        let mut keys = Vec::new();
        let mut dimensions: Vec<(usize, Vec<usize>)> = Vec::new();
        let (mut row_keys, mut row_fields) = (Vec::new(), Vec::new());
        for (place, (expr, _)) in aggregate.group_expr().expr().iter().enumerate() {
            let expr = inlined(expr)?;
            let column = expr.downcast_ref::<Column>().map(Column::index);
            match column.and_then(|column| star.star.sources.get(column)) {
                Some(Source::Dimension(dimension, column)) => {
                    let known = dimensions.iter().position(|(known, _)| known == dimension);
                    let known = known.unwrap_or_else(|| {
                        dimensions.push((*dimension, Vec::new()));
                        dimensions.len() - 1
                    });
                    let columns = &mut dimensions[known].1;
                    keys.push(Key::Dimension(known, columns.len()));
                    columns.push(*column);
                }
                _ => {
                    keys.push(Key::Row(row_keys.len()));
                    let field: &Field = schema.field(place);
                    row_fields.push(field.clone());
                    row_keys.push(expr);
                }
            }
        }
        let functions = aggregate.aggr_expr().to_vec();
        let arguments = functions
            .iter()
            .map(|function| function.expressions().iter().map(inlined).collect::<Result<_>>())
            .collect::<Result<Vec<Vec<_>>>>()?;
        let filters = aggregate.filter_expr().iter();
        let filters = filters.map(|filter| filter.as_ref().map(inlined).transpose());
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let row_schema = Arc::new(Schema::new(row_fields));
        let star = star.star.as_ref().clone();
        let whole = Self {
            star,
            keys,
            dimensions,
            row_keys,
            row_schema,
            functions,
            arguments,
            filters,
            schema,
        };
        whole.pruned()
    }

    /// The same without the columns of joined rows that nothing needs.
    fn pruned(self) -> Result<Self> {
        let used: BTreeSet<usize> = self
            .arguments
            .iter()
            .flatten()
            .chain(self.filters.iter().flatten())
            .chain(&self.row_keys)
            .chain(&self.star.residuals)
            .flat_map(collect_columns)
            .map(|column| column.index())
            .collect();
        let used: Vec<usize> = used.into_iter().collect();
        let moved = |expr: &Arc<dyn PhysicalExpr>| {
            remap(expr, &|column| used.binary_search(&column).ok()).ok_or_else(misplaced)
        };
        let all = |list: &[Arc<dyn PhysicalExpr>]| list.iter().map(moved).collect::<Result<_>>();
        let mut star = self.star.with_columns(&used)?;
        star.residuals = all(&star.residuals)?;
        let arguments = self.arguments.iter().map(|list| all(list));
        let filters = self.filters.iter().map(|it| it.as_ref().map(moved).transpose());
        Ok(Self {
            star,
            row_keys: all(&self.row_keys)?,
            arguments: arguments.collect::<Result<_>>()?,
            filters: filters.collect::<Result<_>>()?,
            ..self
        })
    }
}

/// An expression over outputs as one over joined rows.
fn inline(
    expr: &Arc<dyn PhysicalExpr>,
    outputs: &[Arc<dyn PhysicalExpr>],
) -> Result<Arc<dyn PhysicalExpr>> {
    let inlined = Arc::clone(expr).transform_up(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        let output = outputs.get(column.index()).ok_or_else(misplaced)?;
        Ok(Transformed::yes(Arc::clone(output)))
    });
    Ok(inlined?.data)
}
