//! Blocks of groups, read once for a query: values in arrays by the ordinals of the parent.
//!
//! Nothing is hashed and no key is looked at: an array says which group the ordinal is that a row
//! refers to.
//! Each thread has arrays of its own, which are merged at the end. Where only few rows of the
//! parent matter, which its own filters tell before, the other rows are not read, and the arrays
//! have a place for each that matters.

use super::flatten::relation;
use super::functions::{Accumulators, Functions};
use super::index::{ABSENT, Index};
use super::keyed::{Keyed, value_name, value_of};
use super::plan::{Joined, StarPlan, batch_of, misplaced};
use crate::scan::external;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, new_empty_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{and, filter, prep_null_mask_filter};
use arrow::datatypes::{DataType, FieldRef, Int64Type, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, DataFusionError, Result, not_impl_err};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
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
    functions: Functions,
    /// Of the values.
    pub(super) schema: SchemaRef,
    /// Conditions on the values of a group.
    having: Vec<Arc<dyn PhysicalExpr>>,
    /// The values that are given out.
    given: Vec<usize>,
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
    pub(super) fn new(keyed: &Keyed, asked: Asked<'_>, session: &dyn Session) -> Result<Self> {
        // Values that nobody asks for are not computed.
        let needed = asked.having.iter().flat_map(Expr::column_refs);
        let needed = value_places(needed.map(|column| column.name())).ok_or_else(misplaced)?;
        let mut needed: Vec<usize> = needed.into_iter().chain(asked.given.clone()).collect();
        needed.sort_unstable();
        needed.dedup();
        let value = |value: &usize| keyed.values.get(*value).cloned();
        let values: Vec<Expr> = needed.iter().filter_map(value).collect();
        let (star, joined) = StarPlan::new(&keyed.star, &values, Some(keyed.key), session)?;
        let schema = Schema::new(named_fields(keyed, &needed));
        let mut plan = Self {
            column: star.grouping_column().ok_or_else(misplaced)?,
            star,
            functions: Functions::default(),
            schema: Arc::new(schema),
            having: Vec::new(),
            given: asked.given.iter().filter_map(|it| needed.binary_search(it).ok()).collect(),
            shown: String::new(),
        };
        let (props, context) = (session.execution_props(), PhysicalPlanningContext::default());
        let (mut functions, mut arguments, mut filters) = (Vec::new(), Vec::new(), Vec::new());
        for value in &values {
            let arrow = joined.as_arrow();
            let lowered = LoweredAggregateBuilder::new(value, &joined, arrow, props, &context);
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
        let create = |expr: &Expr| create_physical_expr(expr, &schema, props, &context);
        plan.having = asked.having.iter().map(create).collect::<Result<_>>()?;
        let named = |condition: &Arc<dyn PhysicalExpr>| {
            let fields = plan.schema.fields().iter().enumerate().zip(&names);
            fields.fold(condition.to_string(), |text, ((place, field), name)| {
                text.replace(&format!("{}@{place}", field.name()), name)
            })
        };
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
        let slots = Arc::new(Slots { end, wanted: wanted.cloned() });
        let reading: Vec<SpawnedTask<Result<Partial>>> = (0..built.root.partition_count())
            .map(|number| {
                let (this, star, built) = (self.clone(), star.clone(), Arc::clone(&built));
                let (slots, context) = (Arc::clone(&slots), Arc::clone(context));
                let prefix = format!("groups_of_{}.", star.root.table().name());
                let mut partition = built.root.partition(number, &context, metrics, &prefix);
                this.functions.ask(&mut partition);
                let read = async move {
                    let mut partial = this.begin(&slots, &context)?;
                    while let Some(batch) = partition.next_batch()? {
                        let joined = star.joined(&built, &batch)?;
                        let ordinals = star.groups(&joined.root)?;
                        partial.add(&this, &slots, &joined, ordinals)?;
                        // So that the query can be cancelled.
                        tokio::task::yield_now().await;
                    }
                    Ok(partial)
                };
                SpawnedTask::spawn(read)
            })
            .collect();
        let mut whole: Option<Partial> = None;
        for partial in reading {
            let partial = partial.join_unwind().await;
            let partial =
                partial.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))??;
            match &mut whole {
                None => whole = Some(partial),
                Some(whole) => whole.merge(partial)?,
            }
        }
        let whole = whole.ok_or_else(misplaced)?;
        self.groups(whole, &slots)
    }

    fn begin(&self, slots: &Slots, context: &Arc<TaskContext>) -> Result<Partial> {
        let memory = MemoryConsumer::new(format!("groups of {}", self.star.root.table().name()));
        let memory = memory.register(context.memory_pool());
        let accumulators = self.functions.accumulators()?;
        let (numbered, seen) = match accumulators.is_empty() {
            true => (0, slots.count()),
            false => (slots.count(), 0),
        };
        memory.try_grow(numbered * size_of::<u32>() + seen / 8)?;
        Ok(Partial {
            seen: Members::with_room(seen),
            numbers: vec![ABSENT; numbered],
            slots: Vec::new(),
            accumulators,
            groups: Vec::new(),
            memory,
        })
    }

    /// What passes of the groups that were found.
    fn groups(&self, whole: Partial, slots: &Slots) -> Result<Groups> {
        let Partial { seen, numbers, slots: found, mut accumulators, memory, .. } = whole;
        if accumulators.is_empty() {
            let mut members = Members::with_room(slots.end);
            members.insert_all(slots.ordinals(seen.iter()));
            return Ok(Groups { members, index: Index::default(), columns: Vec::new(), memory });
        }
        let count = found.len();
        let fields = self.schema.fields().iter();
        let columns: Vec<ArrayRef> = match count {
            0 => fields.map(|field| new_empty_array(field.data_type())).collect(),
            _ => accumulators.values(&self.functions)?,
        };
        let passing = match self.having.is_empty() || count == 0 {
            true => None,
            false => Some(self.passing(&columns, count)?),
        };
        let given = |value: &usize| {
            let column = columns.get(*value).ok_or_else(misplaced)?;
            match &passing {
                Some(passing) => Ok(filter(column, passing)?),
                None => Ok(Arc::clone(column)),
            }
        };
        let given: Vec<ArrayRef> = self.given.iter().map(given).collect::<Result<_>>()?;
        let (members, index) = match passing {
            None if slots.wanted.is_none() => {
                let mut members = Members::with_room(slots.end);
                members.insert_all(found.iter().map(|slot| *slot as usize));
                let index = if given.is_empty() {
                    Index::default()
                } else {
                    Index { first: 0, rows: numbers }
                };
                (members, index)
            }
            passing => {
                let passes = |group: usize| passing.as_ref().is_none_or(|it| it.value(group));
                let kept = found.iter().enumerate().filter(|(group, _)| passes(*group));
                let ordinals = slots.ordinals(kept.map(|(_, slot)| *slot as usize));
                let mut members = Members::with_room(slots.end);
                members.insert_all(ordinals.iter().copied());
                let index = match given.is_empty() {
                    true => Index::default(),
                    false => Index::of_rows(&members, ordinals),
                };
                (members, index)
            }
        };
        Ok(Groups { members, index, columns: given, memory })
    }

    /// Which groups satisfy the conditions on their values.
    fn passing(&self, columns: &[ArrayRef], count: usize) -> Result<BooleanArray> {
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
        Ok(passing)
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
        write!(out, "groups of {} by {}{}", self.star.shown(), names.join(", "), self.shown)
    }
}

/// The places of groups in arrays.
#[derive(Debug)]
struct Slots {
    /// What all ordinals are below.
    end: usize,
    /// The ordinals that have places; all if nothing is here.
    wanted: Option<Arc<Members>>,
}

impl Slots {
    fn count(&self) -> usize {
        self.wanted.as_ref().map_or(self.end, |wanted| wanted.count())
    }

    /// The place of each ordinal.
    fn places(&self, ordinals: &Int64Array, places: &mut Vec<usize>) -> Result<()> {
        places.clear();
        let values = ordinals.values().iter().map(|ordinal| *ordinal as usize);
        match &self.wanted {
            None => places.extend(values),
            Some(wanted) => places.extend(values.map(|ordinal| wanted.rank(ordinal))),
        }
        let count = self.count();
        let is_there = places.iter().all(|place| *place < count);
        if is_there && ordinals.null_count() == 0 { Ok(()) } else { Err(misplaced()) }
    }

    /// The ordinals of places, in their order.
    fn ordinals(&self, places: impl Iterator<Item = usize>) -> Vec<usize> {
        match &self.wanted {
            None => places.collect(),
            Some(wanted) => {
                let all: Vec<usize> = wanted.iter().collect();
                places.filter_map(|place| all.get(place).copied()).collect()
            }
        }
    }
}

/// What one thread has found. Groups are numbered in the order in which they are seen first, which
/// accumulators rely on.
struct Partial {
    /// The places that have rows, if there is nothing else to find.
    seen: Members,
    /// The number of the group at each place.
    numbers: Vec<u32>,
    /// The place of each group.
    slots: Vec<u32>,
    accumulators: Accumulators,
    /// Of the rows of a batch.
    groups: Vec<usize>,
    memory: MemoryReservation,
}

impl Partial {
    fn add(
        &mut self,
        plan: &BlockPlan,
        slots: &Slots,
        joined: &Joined,
        ordinals: &Int64Array,
    ) -> Result<()> {
        if joined.rows.num_rows() == 0 {
            return Ok(());
        }
        slots.places(ordinals, &mut self.groups)?;
        if self.accumulators.is_empty() {
            self.seen.insert_all(self.groups.iter().copied());
            return Ok(());
        }
        for place in &mut self.groups {
            *place = number(&mut self.numbers, &mut self.slots, *place)?;
        }
        let total = self.slots.len();
        self.accumulators.add(&plan.functions, joined, &self.groups, total)?;
        self.memory.try_resize(self.size())
    }

    fn size(&self) -> usize {
        let numbers = (self.numbers.len() + self.slots.capacity()) * size_of::<u32>();
        numbers + self.accumulators.size()
    }

    fn merge(&mut self, mut other: Self) -> Result<()> {
        self.seen.unite(&other.seen);
        if other.slots.len() > self.slots.len() {
            std::mem::swap(self, &mut other);
        }
        if other.slots.is_empty() {
            return Ok(());
        }
        let number = |slot: &u32| number(&mut self.numbers, &mut self.slots, *slot as usize);
        let groups: Vec<usize> = other.slots.iter().map(number).collect::<Result<_>>()?;
        let total = self.slots.len();
        self.accumulators.merge(other.accumulators, &groups, total)?;
        self.memory.try_resize(self.size())
    }
}

/// The number of the group at a place, a new one if it had none.
#[inline]
fn number(numbers: &mut [u32], slots: &mut Vec<u32>, place: usize) -> Result<usize> {
    let number = numbers.get_mut(place).ok_or_else(misplaced)?;
    if *number == ABSENT {
        *number = slots.len() as u32;
        slots.push(place as u32);
    }
    Ok(*number as usize)
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
