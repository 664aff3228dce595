//! Dimensions, read once for a query: which of their rows pass, and the columns of those.
//!
//! ```text
//!   reference in the fact   ordinal 0 1 2 3 4 5 …
//!   members                         1 0 0 1 1 0       a filter of the column of references
//!   index                           0 - - 1 2 -       rows of
//!   columns                         ASIA, ASIA, AFRICA
//! ```
//!
//! A dimension of a dimension is read first and is gone then: what passes there filters the one
//! above, whose rows get its columns.

use super::flatten::AsideKind;
use super::order::{self, Estimate};
use super::plan::misplaced;
use crate::scan::ScanExec;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array, new_empty_array,
};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use futures::future::{BoxFuture, FutureExt};
use starfact_base::ColumnId;
use starfact_encoding::{Members, OrdinalCodes, Predicate};
use starfact_exec::ColumnFilter;
use starfact_store::{ForeignKey, Table};
use std::fmt;
use std::sync::Arc;
use tokio::task::JoinError;

/// Stands for no row.
const ABSENT: u32 = u32::MAX;
/// Places of an array that cost as much as reading a row.
const ORDINALS_PER_ROW: u64 = 16;
/// Rows that take longer to read than another thread takes to begin.
const ROWS_FOR_A_THREAD: u64 = 1 << 14;

/// How to read a dimension.
#[derive(Clone, Debug)]
pub(super) struct DimensionPlan {
    /// Gives out its own columns that are needed, then the references to its own dimensions, then
    /// the ordinals.
    pub(super) scan: ScanExec,
    /// How many columns of its own it gives out.
    pub(super) own: usize,
    /// Its dimensions, each with the place of the references to it if columns of it are needed.
    pub(super) children: Vec<(DimensionPlan, Option<usize>)>,
    /// The column of the referring table that has the references.
    pub(super) column: ColumnId,
    /// Whether these may be NULL.
    pub(super) is_nullable: bool,
    pub(super) ordinal_end: usize,
    pub(super) gives_columns: bool,
    /// There if rows do not go for the lack of a row here.
    pub(super) aside: Option<AsideKind>,
}

impl fmt::Display for DimensionPlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aside {
            None => {}
            Some(AsideKind::Outer) => write!(out, "maybe ")?,
            Some(AsideKind::Anti) => write!(out, "no ")?,
        }
        write!(out, "{}", self.scan.table().name())?;
        if !self.scan.shown().is_empty() {
            write!(out, " where {}", self.scan.shown().join(" AND "))?;
        }
        if !self.children.is_empty() {
            let names: Vec<String> = self.children.iter().map(|it| it.0.to_string()).collect();
            write!(out, " with [{}]", names.join(", "))?;
        }
        Ok(())
    }
}

/// A dimension that has been read.
#[derive(Debug)]
struct Dimension {
    /// The filter of the references, if there need be one.
    filter: Option<ColumnFilter>,
    /// The share of the ordinals that it leaves.
    share: f64,
    index: Index,
    /// The ordinals that pass.
    members: Arc<Members>,
    /// Columns of the rows that pass.
    columns: Vec<ArrayRef>,
    rows: usize,
    _memory: MemoryReservation,
}

/// The row of each ordinal that passes, from the first to the last of them: rows that are asked for
/// together often lie beside each other.
#[derive(Debug, Default)]
pub(super) struct Index {
    first: usize,
    rows: Vec<u32>,
}

impl Index {
    /// The row of each ordinal; NULL where there is none, which only may be if `is_outer`.
    pub(super) fn rows(&self, ordinals: &Int64Array, is_outer: bool) -> Result<UInt32Array> {
        if is_outer {
            return Ok(ordinals.iter().map(|ordinal| self.row(ordinal?)).collect());
        }
        let rows = ordinals.values().iter();
        let rows = rows.map(|ordinal| self.get(*ordinal).ok_or_else(misplaced));
        Ok(UInt32Array::from(rows.collect::<Result<Vec<u32>>>()?))
    }

    /// The row of an ordinal that passes, of a dimension in an aside.
    pub(super) fn row(&self, ordinal: i64) -> Option<u32> {
        self.get(ordinal).filter(|row| *row != ABSENT)
    }

    fn of(members: &Members, rows: &[u32]) -> Self {
        let (Some(first), Some(last)) = (members.first(), members.last()) else {
            return Self::default();
        };
        Self { first, rows: rows.get(first..=last).unwrap_or_default().to_vec() }
    }

    /// The row of an ordinal; that of one that does not pass is some number, or `None`.
    #[inline]
    pub(super) fn get(&self, ordinal: i64) -> Option<u32> {
        self.rows.get((ordinal as usize).wrapping_sub(self.first)).copied()
    }

    /// The same with other numbers in the places of rows.
    pub(super) fn mapped(&self, number: impl Fn(u32) -> u32) -> Self {
        Self { first: self.first, rows: self.rows.iter().map(|row| number(*row)).collect() }
    }
}

/// All dimensions of a star, read.
#[derive(Debug)]
pub(super) struct Built {
    dimensions: Vec<Dimension>,
    /// The scan of the root with the filters of the dimensions.
    pub(super) root: ScanExec,
}

impl Built {
    /// Reads the dimensions.
    pub(super) async fn new(
        root: &ScanExec,
        dimensions: &[DimensionPlan],
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Self> {
        let timer = MetricBuilder::new(metrics).subset_time("dimensions_time", 0);
        let timer = timer.timer();
        // Threads that wait for the dimensions read the large ones of them meanwhile.
        let reading: Vec<Option<SpawnedTask<Result<Dimension>>>> = dimensions
            .iter()
            .map(|dimension| {
                if dimension.rows() < ROWS_FOR_A_THREAD {
                    return None;
                }
                let (dimension, context) = (dimension.clone(), Arc::clone(context));
                let metrics = metrics.clone();
                let read = async move { dimension.read(&context, &metrics).await };
                Some(SpawnedTask::spawn(read))
            })
            .collect();
        let mut built = Vec::with_capacity(dimensions.len());
        for (dimension, reading) in dimensions.iter().zip(reading) {
            built.push(match reading {
                Some(reading) => reading.join_unwind().await.map_err(gone)??,
                None => dimension.read(context, metrics).await?,
            });
        }
        let before = root.pruned_blocks();
        let root = root.with_column_filters(filters(root.table(), &built))?;
        let pruned = MetricBuilder::new(metrics).counter("blocks_pruned_by_dimensions", 0);
        pruned.add(root.pruned_blocks().saturating_sub(before));
        timer.done();
        Ok(Self { dimensions: built, root })
    }

    fn dimension(&self, dimension: usize) -> Result<&Dimension> {
        self.dimensions.get(dimension).ok_or_else(misplaced)
    }

    /// A column of the rows of a dimension that pass.
    pub(super) fn column(&self, dimension: usize, place: usize) -> Result<&ArrayRef> {
        self.dimension(dimension)?.columns.get(place).ok_or_else(misplaced)
    }

    pub(super) fn index(&self, dimension: usize) -> Result<&Index> {
        Ok(&self.dimension(dimension)?.index)
    }

    /// A code for each ordinal of a dimension that passes: the number of its row, mapped.
    pub(super) fn codes(
        &self,
        dimension: usize,
        number: impl Fn(u32) -> u32,
    ) -> Result<OrdinalCodes> {
        let Dimension { index, members, .. } = self.dimension(dimension)?;
        let Index { first, rows } = index.mapped(number);
        Ok(OrdinalCodes::new(first, rows, members))
    }

    /// How many rows of a dimension pass.
    pub(super) fn rows(&self, dimension: usize) -> Result<usize> {
        Ok(self.dimension(dimension)?.rows)
    }
}

/// The runtime has ended before the task.
fn gone(error: JoinError) -> DataFusionError {
    DataFusionError::ExecutionJoin(Box::new(error))
}

/// The filters of all references of a table, in the order in which they cost least. What a filter
/// costs depends on the bytes that it looks at.
fn filters(table: &Table, dimensions: &[Dimension]) -> Vec<ColumnFilter> {
    // References may be stored as a rule that leads to them from the key.
    let columns = |filter: &ColumnFilter| {
        let is_it = |key: &&ForeignKey| key.ordinal_column == filter.column;
        let key = table.foreign_keys().iter().find(is_it);
        let key = key.into_iter().flat_map(|key| key.columns.iter().copied());
        key.chain([filter.column]).collect::<Vec<ColumnId>>()
    };
    let cost = |filter: &ColumnFilter| {
        let columns = columns(filter);
        let bytes = table.segments().iter().map(|segment| {
            columns.iter().map(|column| segment.column_byte_len(*column)).sum::<u64>()
        });
        bytes.sum::<u64>() as f64
    };
    let of = |dimension: &Dimension| {
        let filter = dimension.filter.clone()?;
        Some((Estimate { cost: cost(&filter), share: dimension.share }, filter))
    };
    let (estimates, filters): (Vec<Estimate>, Vec<ColumnFilter>) =
        dimensions.iter().filter_map(of).unzip();
    let order = order::cheapest(&estimates).into_iter();
    order.filter_map(|place| filters.get(place).cloned()).collect()
}

impl DimensionPlan {
    /// How many rows are read of it and of its dimensions; of their ordinals there is an array.
    pub(super) fn rows(&self) -> u64 {
        let own = match self.is_needless() {
            true => 0,
            false => self.scan.rows_to_read().max(self.ordinal_end as u64 / ORDINALS_PER_ROW),
        };
        own + self.children.iter().map(|(child, _)| child.rows()).sum::<u64>()
    }

    /// Whether each row of the dimension passes.
    fn is_whole(&self) -> bool {
        let keeps_all = |(child, _): &(Self, Option<usize>)| {
            child.is_outer() || child.aside.is_none() && child.is_whole() && !child.is_nullable
        };
        self.scan.is_unfiltered() && self.children.iter().all(keeps_all)
    }

    /// Whether rows stay that have none here.
    pub(super) fn is_outer(&self) -> bool {
        self.aside == Some(AsideKind::Outer)
    }

    /// The types of the columns that it gives out.
    fn types(&self) -> Vec<DataType> {
        if !self.gives_columns {
            return Vec::new();
        }
        let schema = self.scan.schema();
        let own = schema.fields().iter().take(self.own).map(|field| field.data_type().clone());
        let given = self.children.iter().filter(|(_, reference)| reference.is_some());
        own.chain(given.flat_map(|(child, _)| child.types())).collect()
    }

    /// Whether nothing depends on its rows.
    fn is_needless(&self) -> bool {
        let drops_none = self.is_outer() || self.aside.is_none() && self.is_whole();
        drops_none && !self.gives_columns
    }

    /// The filter of the references to it, of which these pass.
    fn filter(&self, members: &Arc<Members>) -> Option<ColumnFilter> {
        let predicate = match (self.aside, self.is_whole(), self.is_nullable) {
            (Some(AsideKind::Outer), ..) | (None, true, false) => return None,
            (None, true, true) => Predicate::IsNotNull,
            (None, false, _) => Predicate::Members(Arc::clone(members)),
            (Some(AsideKind::Anti), ..) => {
                Predicate::Members(Arc::new(members.complement(self.ordinal_end)))
            }
        };
        Some(ColumnFilter { column: self.column, predicate })
    }

    fn read<'a>(
        &'a self,
        context: &'a Arc<TaskContext>,
        metrics: &'a ExecutionPlanMetricsSet,
    ) -> BoxFuture<'a, Result<Dimension>> {
        self.read_all(context, metrics).boxed()
    }

    async fn read_all(
        &self,
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Dimension> {
        let memory = MemoryConsumer::new(format!("dimension {}", self.scan.table().name()))
            .register(context.memory_pool());
        if self.is_needless() {
            let members = Arc::default();
            let filter = self.filter(&members);
            let (index, columns, share) = (Index::default(), Vec::new(), 1.0);
            let _memory = memory;
            return Ok(Dimension { filter, share, index, members, columns, rows: 0, _memory });
        }
        let mut children = Vec::with_capacity(self.children.len());
        for (child, _) in &self.children {
            children.push(child.read(context, metrics).await?);
        }
        let scan = self.scan.with_column_filters(filters(self.scan.table(), &children))?;
        let mut rows = Rows::new(self, memory)?;
        let prefix = format!("{}.", self.scan.table().name());
        let mut partition = scan.undivided().partition(0, context, metrics, &prefix);
        while let Some(batch) = partition.next_batch()? {
            rows.add(self, &children, &batch)?;
            // So that the query can be cancelled.
            tokio::task::yield_now().await;
        }
        let columns = rows.columns(self)?;
        let Rows { members, index, count, memory, .. } = rows;
        let index = if self.gives_columns { Index::of(&members, &index) } else { Index::default() };
        let share = count as f64 / self.ordinal_end.max(1) as f64;
        let share = if self.aside.is_some() { 1.0 - share } else { share };
        let members = Arc::new(members);
        let filter = self.filter(&members);
        Ok(Dimension { filter, share, index, members, columns, rows: count, _memory: memory })
    }
}

/// The rows that were read so far.
struct Rows {
    members: Members,
    index: Vec<u32>,
    batches: Vec<Vec<ArrayRef>>,
    count: usize,
    memory: MemoryReservation,
}

impl Rows {
    fn new(plan: &DimensionPlan, memory: MemoryReservation) -> Result<Self> {
        let indexed = if plan.gives_columns { plan.ordinal_end } else { 0 };
        memory.try_grow(plan.ordinal_end / 8 + indexed * size_of::<u32>())?;
        Ok(Self {
            members: Members::with_room(plan.ordinal_end),
            index: vec![if plan.is_outer() { ABSENT } else { 0 }; indexed],
            batches: Vec::new(),
            count: 0,
            memory,
        })
    }

    fn add(
        &mut self,
        plan: &DimensionPlan,
        children: &[Dimension],
        batch: &RecordBatch,
    ) -> Result<()> {
        let ordinals = batch.columns().last().ok_or_else(misplaced)?;
        let ordinals = ordinals.as_primitive::<Int64Type>().values();
        let is_there = |ordinal: &i64| (*ordinal as usize) < plan.ordinal_end;
        if !ordinals.iter().all(is_there) {
            return Err(misplaced());
        }
        self.members.insert_all(ordinals.iter().map(|ordinal| *ordinal as usize));
        if plan.gives_columns {
            for (row, ordinal) in (self.count..).zip(ordinals) {
                if let Some(slot) = self.index.get_mut(*ordinal as usize) {
                    *slot = row as u32;
                }
            }
        }
        self.count += batch.num_rows();
        if !plan.gives_columns {
            return Ok(());
        }
        let mut columns: Vec<ArrayRef> = batch.columns().iter().take(plan.own).cloned().collect();
        for ((child_plan, reference), child) in plan.children.iter().zip(children) {
            let Some(reference) = reference else { continue };
            let references = batch.column(*reference).as_primitive::<Int64Type>();
            let rows = child.index.rows(references, child_plan.is_outer())?;
            for column in &child.columns {
                columns.push(take(column, &rows, None)?);
            }
        }
        let bytes = columns.iter().map(|column| column.get_array_memory_size()).sum();
        self.memory.try_grow(bytes)?;
        self.batches.push(columns);
        Ok(())
    }

    /// The columns of all of them.
    fn columns(&self, plan: &DimensionPlan) -> Result<Vec<ArrayRef>> {
        if self.batches.is_empty() {
            return Ok(plan.types().iter().map(new_empty_array).collect());
        }
        let width = self.batches.first().map_or(0, Vec::len);
        let column = |place: usize| {
            let parts: Vec<&dyn Array> =
                self.batches.iter().filter_map(|batch| Some(batch.get(place)?.as_ref())).collect();
            Ok(concat(&parts)?)
        };
        (0..width).map(column).collect()
    }
}
