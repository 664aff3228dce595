//! Aggregations of groups by some of their keys: what `count(DISTINCT x)` is.

use super::aggregate::{Aggregation, inline, keeps_whole_codes};
use super::merge::Whole;
use super::plan::{batch_of, misplaced};
use crate::scan::remap;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::logical_expr::EmitTo;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::projection::ProjectionExpr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An aggregation of groups by some of their keys.
#[derive(Debug)]
pub(super) struct Regrouping {
    /// The places of its keys among those of the groups.
    keys: Vec<usize>,
    functions: Vec<Arc<AggregateFunctionExpr>>,
    /// The columns of keys and values that functions need.
    needed: Vec<usize>,
    needed_schema: SchemaRef,
    /// Over these.
    arguments: Vec<Vec<Arc<dyn PhysicalExpr>>>,
    filters: Vec<Option<Arc<dyn PhysicalExpr>>>,
    schema: SchemaRef,
    pub(super) shown: String,
}

impl Regrouping {
    /// `None` if its keys are others than those of the groups, or not all of those that have a
    /// common code. Between both may be a projection of the groups.
    pub(super) fn new(
        of: &Aggregation,
        inner: &AggregateExec,
        outputs: Option<&[ProjectionExpr]>,
        outer: &AggregateExec,
        schema: SchemaRef,
    ) -> Result<Option<Self>> {
        if !outer.group_expr().is_single() {
            return Ok(None);
        }
        let outputs: Option<Vec<_>> =
            outputs.map(|outputs| outputs.iter().map(|it| Arc::clone(&it.expr)).collect());
        let inlined = |expr: &Arc<dyn PhysicalExpr>| match &outputs {
            Some(outputs) => inline(expr, outputs),
            None => Ok(Arc::clone(expr)),
        };
        let mut keys = Vec::new();
        for (expr, _) in outer.group_expr().expr() {
            let place = inlined(expr)?.downcast_ref::<Column>().map(Column::index);
            match place.filter(|place| *place < of.keys.len()) {
                Some(place) => keys.push(place),
                None => return Ok(None),
            }
        }
        let functions = outer.aggr_expr().to_vec();
        let is_known = |function: &Arc<AggregateFunctionExpr>| {
            function.order_bys().is_empty() && function.groups_accumulator_supported()
        };
        if !keeps_whole_codes(&of.keys, &keys) || !functions.iter().all(is_known) {
            return Ok(None);
        }
        let arguments = functions.iter().map(|function| function.expressions());
        let arguments = arguments.map(|list| list.iter().map(inlined).collect::<Result<Vec<_>>>());
        let arguments = arguments.collect::<Result<Vec<_>>>()?;
        let filters = outer.filter_expr().iter().map(|it| it.as_ref().map(inlined).transpose());
        let filters = filters.collect::<Result<Vec<_>>>()?;
        let all = arguments.iter().flatten().chain(filters.iter().flatten());
        let needed: BTreeSet<usize> =
            all.flat_map(collect_columns).map(|column| column.index()).collect();
        let needed: Vec<usize> = needed.into_iter().collect();
        let moved = |expr: &Arc<dyn PhysicalExpr>| {
            remap(expr, &|column| needed.binary_search(&column).ok()).ok_or_else(misplaced)
        };
        let all = |list: &Vec<Arc<dyn PhysicalExpr>>| list.iter().map(moved).collect::<Result<_>>();
        let arguments = arguments.iter().map(all).collect::<Result<_>>()?;
        let filters = filters.iter().map(|filter| filter.as_ref().map(moved).transpose());
        let filters = filters.collect::<Result<_>>()?;
        let names = outer.group_expr().expr().iter().map(|(_, name)| name.as_str());
        let shown = functions.iter().map(|function| function.name());
        let shown = format!(
            "gby=[{}], aggr=[{}]",
            names.collect::<Vec<_>>().join(", "),
            shown.collect::<Vec<_>>().join(", ")
        );
        let needed_schema = Arc::new(inner.schema().project(&needed)?);
        Ok(Some(Self { keys, functions, needed, needed_schema, arguments, filters, schema, shown }))
    }

    /// The values of the groups of groups that are made of `parts` and have these values, if there
    /// are any.
    pub(super) fn run(
        &self,
        whole: &Whole,
        parts: &[(usize, usize)],
        values: Option<Vec<ArrayRef>>,
    ) -> Result<RecordBatch> {
        let Some(values) = values.filter(|_| !parts.is_empty()) else {
            return self.of_none();
        };
        let key_count = whole.key_count();
        let column = |place: &usize| match place.checked_sub(key_count) {
            Some(value) => values.get(value).cloned().ok_or_else(misplaced),
            None => whole.keys(&[*place], parts)?.pop().ok_or_else(misplaced),
        };
        let columns = self.needed.iter().map(column).collect::<Result<Vec<_>>>()?;
        let rows = batch_of(&self.needed_schema, columns, parts.len())?;
        let (groups, first) = whole.regrouped(&self.keys, parts)?;
        let first: Vec<(usize, usize)> =
            first.iter().filter_map(|place| parts.get(*place).copied()).collect();
        let mut columns = whole.keys(&self.keys, &first)?;
        columns.extend(self.evaluated(&rows, &groups, first.len())?);
        batch_of(&self.schema, columns, first.len())
    }

    /// What no groups come to.
    fn of_none(&self) -> Result<RecordBatch> {
        if !self.keys.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(&self.schema)));
        }
        // Accumulators of groups do not know of a group before it has a row.
        let none = |function: &Arc<AggregateFunctionExpr>| {
            function.create_accumulator()?.evaluate()?.to_array_of_size(1)
        };
        batch_of(&self.schema, self.functions.iter().map(none).collect::<Result<_>>()?, 1)
    }

    /// The values of all functions for the groups of some rows.
    fn evaluated(
        &self,
        rows: &RecordBatch,
        groups: &[usize],
        total: usize,
    ) -> Result<Vec<ArrayRef>> {
        let evaluate =
            |expr: &Arc<dyn PhysicalExpr>| expr.evaluate(rows)?.into_array(rows.num_rows());
        let all = self.functions.iter().zip(&self.arguments).zip(&self.filters);
        let value = |((function, arguments), filter): ((&Arc<AggregateFunctionExpr>, _), _)| {
            let (arguments, filter): (&Vec<_>, &Option<_>) = (arguments, filter);
            let values = arguments.iter().map(evaluate).collect::<Result<Vec<ArrayRef>>>()?;
            let filter = filter.as_ref().map(evaluate).transpose()?;
            let filter = filter.as_ref().map(|filter| as_boolean_array(filter)).transpose()?;
            let mut accumulator = function.create_groups_accumulator()?;
            accumulator.update_batch(&values, groups, filter, total)?;
            accumulator.evaluate(EmitTo::All)
        };
        all.map(value).collect()
    }
}
