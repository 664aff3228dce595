//! Blocks of groups, read once for a query: values in arrays by the ordinals of the parent.
//!
//! Nothing is hashed and no key is looked at: an array says which group the ordinal is that a row
//! refers to, and where rows are in the order of the groups, most of these need no array.
//! Each thread has arrays of its own, which are merged at the end. Where only few rows of the
//! parent matter, which its own filters tell before, the other rows are not read, and the arrays
//! have a place for each that matters.

use super::flatten::relation;
use super::found::{Finished, Partial, Slots};
use super::functions::Functions;
use super::index::Index;
use super::keyed::{Keyed, value_name, value_of};
use super::plan::{StarPlan, batch_of, misplaced};
use crate::helpers::Helpers;
use crate::operators::Turn;
use crate::scan::external;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, new_empty_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{and, concat, filter, prep_null_mask_filter};
use arrow::datatypes::{DataType, FieldRef, Int64Type, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, not_impl_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::aggregate::{LoweredAggregate, LoweredAggregateBuilder};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use starfact_base::{ColumnId, Scalar};
use starfact_encoding::{Members, Predicate};
use starfact_exec::ColumnFilter;
use starfact_store::Table;
use std::fmt;
use std::sync::Arc;

/// How to read a block of groups.
#[derive(Clone, Debug)]
pub(super) struct BlockPlan {
    star: StarPlan,
    /// The column of references that rows are grouped by.
    column: ColumnId,
    pub(super) functions: Functions,
    /// Whether rows are in the order of the groups.
    pub(super) is_in_order: bool,
    /// Of the values.
    pub(super) schema: SchemaRef,
    /// Conditions on the values of a group.
    having: Vec<Arc<dyn PhysicalExpr>>,
    /// The values that are given out.
    pub(super) given: Vec<usize>,
    /// What is computed of a group, and the conditions on that, for EXPLAIN.
    shown: String,
}

/// The groups that were read.
#[derive(Debug)]
pub(super) struct Groups {
    /// The ordinals of those that pass.
    pub(super) members: Members,
    pub(super) index: Index,
    pub(super) columns: Vec<ArrayRef>,
    pub(super) memory: MemoryReservation,
}

/// The conditions of a query on a block, and the values of it that it asks for.
pub(super) struct Asked<'a> {
    pub(super) having: &'a [Expr],
    /// The place that expressions name the block by.
    pub(super) place: usize,
    pub(super) given: Vec<usize>,
}

impl BlockPlan {
    pub(super) fn new(
        keyed: &Keyed,
        asked: Asked<'_>,
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Self> {
        // Values that nobody asks for are not computed.
        let needed = asked.having.iter().flat_map(Expr::column_refs);
        let needed = value_places(needed.map(|column| column.name())).ok_or_else(misplaced)?;
        let mut needed: Vec<usize> = needed.into_iter().chain(asked.given.clone()).collect();
        needed.sort_unstable();
        needed.dedup();
        let value = |value: &usize| keyed.values.get(*value).cloned();
        let values: Vec<Expr> = needed.iter().filter_map(value).collect();
        let (star, joined) =
            StarPlan::new(&keyed.star, &values, Some(keyed.key), session, context)?;
        let schema = Schema::new(named_fields(keyed, &needed));
        let mut plan = Self {
            column: star.grouping_column().ok_or_else(misplaced)?,
            star,
            functions: Functions::default(),
            is_in_order: false,
            schema: Arc::new(schema),
            having: Vec::new(),
            given: asked.given.iter().filter_map(|it| needed.binary_search(it).ok()).collect(),
            shown: String::new(),
        };
        let props = session.execution_props();
        let (mut functions, mut arguments, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        for value in &values {
            let arrow = joined.as_arrow();
            let lowered = LoweredAggregateBuilder::new(value, &joined, arrow, props, context);
            let LoweredAggregate { aggregate: function, filter, .. } =
                lowered.with_name(plain_name(value)?).build()?;
            if !function.order_bys().is_empty() || !function.groups_accumulator_supported() {
                return not_impl_err!("an aggregate function without groups");
            }
            arguments.push(function.expressions());
            functions.push(function);
            filters.push(filter);
        }
        let names: Vec<String> = functions.iter().map(|it| it.name().to_owned()).collect();
        let others = plan.star.residuals.clone();
        let functions = Functions::new(&plan.star, functions, arguments, filters, &others);
        (plan.functions, plan.star, _) = functions.pruned(&plan.star, &[])?;
        let schema = named_fields(keyed, &needed)
            .into_iter()
            .map(|field| (Some(relation(asked.place)), field));
        let schema = DFSchema::new_with_metadata(schema.collect(), Default::default())?;
        let create = |expr: &Expr| create_physical_expr(expr, &schema, props, context);
        plan.having = asked.having.iter().map(create).collect::<Result<_>>()?;
        let named = |condition: &Arc<dyn PhysicalExpr>| {
            let fields = plan.schema.fields().iter().enumerate().zip(&names);
            fields.fold(condition.to_string(), |text, ((place, field), name)| {
                text.replace(&format!("{}@{place}", field.name()), name)
            })
        };
        plan.is_in_order = !names.is_empty() && plan.star.root.is_ordered_by(plan.column);
        if !names.is_empty() {
            plan.shown = format!(" aggr [{}]", names.join(", "));
        }
        if !plan.having.is_empty() {
            let having: Vec<String> = plan.having.iter().map(named).collect();
            plan.shown = format!("{} having {}", plan.shown, having.join(" AND "));
        }
        Ok(plan)
    }

    /// One more than the greatest ordinal that its rows refer to.
    pub(super) fn references_end(&self) -> Result<u64> {
        references_end(self.star.root.table(), self.column)
    }

    /// The types of the values that are given out.
    pub(super) fn types(&self) -> Vec<DataType> {
        let field = |value: &usize| self.schema.field(*value).data_type().clone();
        self.given.iter().map(field).collect()
    }

    /// How many rows are read of it that no other plan would read: those of its dimensions.
    pub(super) fn extra_rows(&self) -> u64 {
        self.star.extra_rows()
    }

    /// How many rows are read, as far as it is known.
    pub(super) fn rows(&self) -> u64 {
        self.star.rows_to_read()
    }

    /// Reads it. The ordinals of the parent are below `end`; if `wanted` is there, only these
    /// matter.
    pub(super) async fn read(
        &self,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
        end: usize,
        wanted: Option<&Arc<Members>>,
    ) -> Result<Groups> {
        let predicate = match wanted {
            Some(wanted) => Predicate::Members(Arc::clone(wanted)),
            None => Predicate::IsNotNull,
        };
        let filter = ColumnFilter { column: self.column, predicate };
        let star = self.star.narrowed(vec![filter])?;
        let built = Arc::new(star.built(context, metrics).await?);
        // Groups that are whole soon have no places.
        let wanted = wanted.filter(|_| !self.is_in_order).cloned();
        let slots = Arc::new(Slots { end, wanted });
        let work = (0..built.root.partition_count()).map(|number| {
            let (this, star, built) = (self.clone(), star.clone(), Arc::clone(&built));
            let (slots, context) = (Arc::clone(&slots), Arc::clone(context));
            let prefix = format!("groups_of_{}.", star.root.table().name());
            let mut partition = built.root.partition(number, &context, metrics, &prefix);
            this.functions.ask(&mut partition);
            async move {
                let mut partial = Partial::new(&this, &slots, &context)?;
                let mut turn = Turn::new();
                while let Some(batch) = partition.next_batch()? {
                    let joined = star.joined(&built, &batch)?;
                    let ordinals = star.groups(&joined.root)?;
                    partial.add(&this, &slots, &joined, ordinals)?;
                    turn.give_way().await;
                }
                Ok(partial)
            }
        });
        let mut partials = Helpers::of(context).sharing(work).await?.into_iter();
        let mut whole = partials.next().ok_or_else(misplaced)?;
        partials.try_for_each(|partial| whole.merge(partial))?;
        self.groups(whole, &slots)
    }

    /// What passes of the groups that were found.
    fn groups(&self, mut whole: Partial, slots: &Slots) -> Result<Groups> {
        if whole.accumulators.is_empty() {
            let mut members = Members::with_room(slots.end);
            members.insert_all(slots.ordinals(whole.seen.iter()));
            let Partial { memory, .. } = whole;
            return Ok(Groups { members, index: Index::default(), columns: Vec::new(), memory });
        }
        let count = whole.slots.len();
        let fields = self.schema.fields().iter();
        let columns: Vec<ArrayRef> = match count {
            0 => fields.map(|field| new_empty_array(field.data_type())).collect(),
            _ => whole.accumulators.values(&self.functions)?,
        };
        let (passing, mut columns) = self.passing(&columns, count)?;
        let passes = |group: usize| passing.as_ref().is_none_or(|it| it.value(group));
        let kept = whole.slots.iter().enumerate().filter(|(group, _)| passes(*group));
        let kept = kept.map(|(_, slot)| *slot as usize);
        let mut members = Members::with_room(slots.end);
        let (finished, memory) = (whole.finished.take(), whole.memory.take());
        let is_each = passing.is_none() && slots.wanted.is_none() && finished.is_none();
        let index = if is_each {
            members.insert_all(kept);
            match columns.is_empty() {
                true => Index::default(),
                false => Index::new(0, whole.numbers().ok_or_else(misplaced)?),
            }
        } else {
            let mut ordinals = slots.ordinals(kept);
            if let Some(Finished { ordinals: more, columns: pieces, .. }) = finished {
                ordinals.extend(more.into_iter().map(|ordinal| ordinal as usize));
                for (column, pieces) in columns.iter_mut().zip(pieces) {
                    let all = [&*column].into_iter().chain(&pieces).map(AsRef::as_ref);
                    *column = concat(&all.collect::<Vec<_>>())?;
                }
            }
            members.insert_all(ordinals.iter().copied());
            match columns.is_empty() {
                true => Index::default(),
                false => Index::of_rows(&members, ordinals),
            }
        };
        let arrays = columns.iter().map(|column| column.get_array_memory_size()).sum::<usize>();
        memory.try_resize(slots.end / 8 + index.size() + arrays)?;
        Ok(Groups { members, index, columns, memory })
    }

    /// Which groups satisfy the conditions on their values, if not all need to, and the values of
    /// theirs that are given out.
    pub(super) fn passing(
        &self,
        columns: &[ArrayRef],
        count: usize,
    ) -> Result<(Option<BooleanArray>, Vec<ArrayRef>)> {
        let given = self.given.iter().map(|value| columns.get(*value).ok_or_else(misplaced));
        if self.having.is_empty() || count == 0 {
            return Ok((None, given.map(|it| it.cloned()).collect::<Result<_>>()?));
        }
        let groups = batch_of(&self.schema, columns.to_vec(), count)?;
        let mut passing = BooleanArray::new(BooleanBuffer::new_set(count), None);
        for condition in &self.having {
            let found = condition.evaluate(&groups)?.into_array(count)?;
            let found = as_boolean_array(&found)?;
            passing = match found.null_count() {
                0 => and(&passing, found)?,
                _ => and(&passing, &prep_null_mask_filter(found))?,
            };
        }
        let given = given.map(|column| Ok(filter(column?, &passing)?)).collect::<Result<_>>()?;
        Ok((Some(passing), given))
    }

    /// The name of the table whose rows are grouped.
    pub(super) fn root_name(&self) -> &str {
        self.star.root.table().name()
    }
}

impl fmt::Display for BlockPlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = &self.star.root;
        let key = root.table().foreign_keys().iter().find(|key| key.ordinal_column == self.column);
        let names = key
            .into_iter()
            .flat_map(|key| &key.columns)
            .filter_map(|id| root.table().column(*id).map(|column| column.name.as_str()));
        let names: Vec<&str> = names.collect();
        let order = if self.is_in_order { "ordered " } else { "" };
        let (star, names) = (self.star.shown(), names.join(", "));
        write!(out, "{order}groups of {star} by {names}{}", self.shown)
    }
}

/// The ordinals in a column of batches.
pub(super) fn ordinals_at(batch: &RecordBatch, place: usize) -> &Int64Array {
    batch.column(place).as_primitive::<Int64Type>()
}

/// One more than the greatest ordinal in a column of references.
pub(super) fn references_end(table: &Table, column: ColumnId) -> Result<u64> {
    let bounds = starfact_exec::column_bounds(table, column).map_err(external)?;
    let all_null = bounds.nulls == table.stored_row_count();
    match bounds.max {
        Some(Scalar::Integer(max)) => u64::try_from(max + 1).map_err(|_| misplaced()),
        None if all_null => Ok(0),
        _ => Err(misplaced()),
    }
}

/// The name of an aggregate without the places of the tables of its columns.
fn plain_name(value: &Expr) -> Result<String> {
    let plain = value.clone().transform_up(|node| match node {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plain.data.schema_name().to_string())
}

/// The fields of some values, as expressions name them.
fn named_fields(keyed: &Keyed, values: &[usize]) -> Vec<FieldRef> {
    let field = |value: &usize| {
        let field = keyed.fields.get(*value)?.as_ref().clone();
        Some(Arc::new(field.with_name(value_name(*value))))
    };
    values.iter().filter_map(field).collect()
}

/// The values that expressions on a block name.
fn value_places<'a>(names: impl Iterator<Item = &'a str>) -> Option<Vec<usize>> {
    names.map(value_of).collect()
}
