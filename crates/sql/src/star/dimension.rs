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

use super::block::{BlockPlan, Groups, ordinals_at};
use super::flatten::AsideKind;
use super::index::{Index, Ordinals};
use super::plan::misplaced;
use super::reading::read_all;
use super::texts::with_few_buffers;
use crate::helpers::Helpers;
use crate::operators::Turn;
use crate::scan::{ScanExec, ordinal_position, reference_position};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use futures::future::{BoxFuture, FutureExt};
use starfact_base::ColumnId;
use starfact_encoding::{Members, OrdinalCodes, Predicate};
use starfact_store::{ForeignKey, Table};
use std::fmt;
use std::sync::Arc;

/// Places of an array that cost as much as reading a row.
const ORDINALS_PER_ROW: u64 = 16;

/// How to read a dimension.
#[derive(Clone, Debug)]
pub(super) struct DimensionPlan {
    pub(super) origin: Origin,
    /// The column of the referring table that has the references; if there is none, these are its
    /// own ordinals.
    pub(super) reference: Option<ColumnId>,
    /// Whether these may be NULL.
    pub(super) is_nullable: bool,
    pub(super) ordinal_end: usize,
    pub(super) gives_columns: bool,
    /// There if rows do not go for the lack of a row here.
    pub(super) aside: Option<AsideKind>,
}

/// Where the rows of a dimension come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Table {
        /// Gives out its own columns that are needed, then the references to its own dimensions,
        /// then the ordinals.
        scan: Box<ScanExec>,
        /// How many columns of its own it gives out.
        own: usize,
        /// Its dimensions, each with the place of the references to it if columns of it are needed.
        children: Vec<(DimensionPlan, Option<usize>)>,
    },
    Block(Box<BlockPlan>),
}

impl fmt::Display for DimensionPlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aside {
            None => {}
            Some(AsideKind::Outer) => write!(out, "maybe ")?,
            Some(AsideKind::Anti) => write!(out, "no ")?,
        }
        let (scan, children) = match &self.origin {
            Origin::Table { scan, children, .. } => (scan, children),
            Origin::Block(block) => return block.fmt(out),
        };
        write!(out, "{}", scan.table().name())?;
        if !scan.shown().is_empty() {
            write!(out, " where {}", scan.shown().join(" AND "))?;
        }
        if !children.is_empty() {
            let names: Vec<String> = children.iter().map(|it| it.0.to_string()).collect();
            write!(out, " with [{}]", names.join(", "))?;
        }
        Ok(())
    }
}

/// A dimension that has been read.
#[derive(Debug)]
pub(super) struct Dimension {
    /// What the references have to be, if that matters.
    pub(super) predicate: Option<Predicate>,
    /// The column that has them; if there is none, they are the ordinals of the referring rows.
    pub(super) reference: Option<ColumnId>,
    /// The share of the ordinals that it leaves.
    pub(super) share: f64,
    index: Index,
    /// The ordinals that pass.
    members: Arc<Members>,
    /// Columns of the rows that pass.
    columns: Vec<ArrayRef>,
    rows: usize,
    /// Its own, and that of its dimensions whose text it has.
    memory: Vec<MemoryReservation>,
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
        let before = root.pruned_blocks();
        let plans: Vec<&DimensionPlan> = dimensions.iter().collect();
        let (built, root) = read_all(&plans, root, context, metrics).await?;
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
        let (first, rows) = index.mapped(number);
        Ok(OrdinalCodes::new(first, rows, members))
    }

    /// How many rows of a dimension pass.
    pub(super) fn rows(&self, dimension: usize) -> Result<usize> {
        Ok(self.dimension(dimension)?.rows)
    }
}

impl DimensionPlan {
    pub(super) fn is_block(&self) -> bool {
        matches!(self.origin, Origin::Block(_))
    }

    pub(super) fn children(&self) -> &[(Self, Option<usize>)] {
        match &self.origin {
            Origin::Table { children, .. } => children,
            Origin::Block(_) => &[],
        }
    }

    /// How many rows are read of it and of its dimensions; of their ordinals there is an array.
    pub(super) fn rows(&self) -> u64 {
        let array = self.ordinal_end as u64 / ORDINALS_PER_ROW;
        let own = match &self.origin {
            _ if self.is_needless() => 0,
            Origin::Table { scan, .. } => scan.rows_to_read().max(array),
            Origin::Block(block) => block.rows().max(array),
        };
        own + self.children().iter().map(|(child, _)| child.rows()).sum::<u64>()
    }

    /// How many of them would not be read if the query were no star block: groups have to be found
    /// anyway.
    pub(super) fn extra_rows(&self) -> u64 {
        match &self.origin {
            Origin::Block(block) => block.extra_rows() + self.ordinal_end as u64 / ORDINALS_PER_ROW,
            Origin::Table { scan, children, .. } => {
                let array = self.ordinal_end as u64 / ORDINALS_PER_ROW;
                let own = if self.is_needless() { 0 } else { scan.rows_to_read().max(array) };
                own + children.iter().map(|(child, _)| child.extra_rows()).sum::<u64>()
            }
        }
    }

    /// Whether each row of the dimension passes.
    pub(super) fn is_whole(&self) -> bool {
        let keeps_all = |(child, _): &(Self, Option<usize>)| {
            child.is_outer() || child.aside.is_none() && child.is_whole() && !child.is_nullable
        };
        match &self.origin {
            Origin::Table { scan, children, .. } => {
                scan.is_unfiltered() && children.iter().all(keeps_all)
            }
            Origin::Block(_) => false,
        }
    }

    /// Whether rows stay that have none here.
    pub(super) fn is_outer(&self) -> bool {
        self.aside == Some(AsideKind::Outer)
    }

    /// The types of the columns that it gives out.
    pub(super) fn types(
        scan: &ScanExec,
        own: usize,
        children: &[(Self, Option<usize>)],
    ) -> Vec<DataType> {
        let schema = scan.schema();
        let own = schema.fields().iter().take(own).map(|field| field.data_type().clone());
        let given = children.iter().filter(|(_, reference)| reference.is_some());
        let given = given.flat_map(|(child, _)| match &child.origin {
            Origin::Table { scan, own, children } => Self::types(scan, *own, children),
            Origin::Block(block) => block.types(),
        });
        own.chain(given).collect()
    }

    /// Whether text is among the columns that it gives out.
    pub(super) fn gives_text(&self) -> bool {
        let is_text = |data_type: &DataType| *data_type == DataType::Utf8View;
        match &self.origin {
            Origin::Table { scan, own, children } if self.gives_columns => {
                Self::types(scan, *own, children).iter().any(is_text)
            }
            _ => false,
        }
    }

    /// Whether nothing depends on its rows.
    fn is_needless(&self) -> bool {
        let drops_none = self.is_outer() || self.aside.is_none() && self.is_whole();
        drops_none && !self.gives_columns
    }

    /// What the references to it have to be, of which these pass.
    fn predicate(&self, members: &Arc<Members>) -> Option<Predicate> {
        match (self.aside, self.is_whole(), self.is_nullable) {
            (Some(AsideKind::Outer), ..) | (None, true, false) => None,
            (None, true, true) => Some(Predicate::IsNotNull),
            (None, false, _) => Some(Predicate::Members(Arc::clone(members))),
            (Some(AsideKind::Anti), ..) => {
                Some(Predicate::Members(Arc::new(members.complement(self.ordinal_end))))
            }
        }
    }

    /// Where the references to it are among all columns of the referring table.
    pub(super) fn reference_in(&self, table: &Table) -> usize {
        let is_it = |key: &ForeignKey| Some(key.ordinal_column) == self.reference;
        match table.foreign_keys().iter().position(is_it) {
            Some(key) => reference_position(table, key),
            None => ordinal_position(table),
        }
    }

    /// Reads it, as far as it is wanted.
    pub(super) fn read<'a>(
        &'a self,
        context: &'a Arc<TaskContext>,
        metrics: &'a ExecutionPlanMetricsSet,
        wanted: Option<Arc<Members>>,
    ) -> BoxFuture<'a, Result<Dimension>> {
        async move {
            if self.is_needless() {
                let name = MemoryConsumer::new("dimension");
                let memory = name.register(context.memory_pool());
                return Ok(self.dimension(
                    Members::default(),
                    Index::default(),
                    Vec::new(),
                    memory,
                ));
            }
            match &self.origin {
                Origin::Table { scan, own, children } => {
                    let scan = match &wanted {
                        Some(wanted) => scan.among(wanted)?,
                        None => scan.as_ref().clone(),
                    };
                    self.read_table(&scan, *own, children, context, metrics).await
                }
                Origin::Block(block) => {
                    let end = self.ordinal_end;
                    let groups = block.read(context, metrics, end, wanted.as_ref()).await?;
                    let Groups { members, index, columns, memory } = groups;
                    Ok(self.dimension(members, index, columns, memory))
                }
            }
        }
        .boxed()
    }

    fn dimension(
        &self,
        members: Members,
        index: Index,
        columns: Vec<ArrayRef>,
        memory: MemoryReservation,
    ) -> Dimension {
        let rows = members.count();
        let share = match self.is_needless() {
            true => 1.0,
            false => rows as f64 / self.ordinal_end.max(1) as f64,
        };
        let share = if self.aside.is_some() { 1.0 - share } else { share };
        let members = Arc::new(members);
        let predicate = self.predicate(&members);
        let reference = self.reference;
        Dimension {
            predicate,
            reference,
            share,
            index,
            members,
            columns,
            rows,
            memory: vec![memory],
        }
    }

    async fn read_table(
        &self,
        scan: &ScanExec,
        own: usize,
        children: &[(Self, Option<usize>)],
        context: &Arc<TaskContext>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Dimension> {
        let memory = MemoryConsumer::new(format!("dimension {}", scan.table().name()))
            .register(context.memory_pool());
        let plans: Vec<&Self> = children.iter().map(|(child, _)| child).collect();
        let (read, narrowed) = read_all(&plans, scan, context, metrics).await?;
        let prefix = format!("{}.", scan.table().name());
        // Rows of a small dimension are read by one thread sooner than another begins.
        let scan_of_rows = match narrowed.rows_to_read() < ROWS_FOR_MORE_THREADS {
            true => narrowed.undivided(),
            false => narrowed.fresh().in_order(),
        };
        let read = Arc::new(read);
        let count = scan_of_rows.partition_count();
        let mut work = Vec::with_capacity(count);
        for number in 0..count {
            let mut partition = scan_of_rows.partition(number, context, metrics, &prefix);
            let (plan, read) = (self.clone(), Arc::clone(&read));
            let mut rows = Rows::new(self, &memory)?;
            work.push(async move {
                let mut turn = Turn::new();
                while let Some(batch) = partition.next_batch()? {
                    rows.add(&plan, &read, &batch)?;
                    turn.give_way().await;
                }
                Ok(rows)
            });
        }
        let parts = Helpers::of(context).all(work).await?;
        let of = (own, children);
        let mut dimension = self.together(parts, &Self::types(scan, of.0, of.1), memory)?;
        let read = Arc::into_inner(read).ok_or_else(misplaced)?;
        dimension.memory.extend(read.into_iter().flat_map(|child| child.memory));
        Ok(dimension)
    }

    /// A dimension of rows that were read in parts.
    fn together(
        &self,
        parts: Vec<Rows>,
        types: &[DataType],
        memory: MemoryReservation,
    ) -> Result<Dimension> {
        let mut members = Members::with_room(self.ordinal_end);
        let (mut batches, mut ordinals) = (Vec::new(), Ordinals::default());
        for part in parts {
            members.unite(&part.members);
            batches.extend(part.batches);
            ordinals.append(part.ordinals);
            memory.try_grow(part.memory.size())?;
        }
        if !self.gives_columns {
            return Ok(self.dimension(members, Index::default(), Vec::new(), memory));
        }
        let index = ordinals.index(&members);
        memory.try_grow(index.size())?;
        let columns = columns_of(&batches, types)?;
        Ok(self.dimension(members, index, columns, memory))
    }
}

/// Rows from which on several threads read those of a dimension.
const ROWS_FOR_MORE_THREADS: u64 = 1 << 17;

/// Bytes of rows that were taken from an array, without the text that they share with it.
fn given_bytes(taken: &ArrayRef) -> usize {
    match taken.data_type() {
        DataType::Utf8View | DataType::BinaryView => taken.len() * size_of::<u128>(),
        _ => taken.get_array_memory_size(),
    }
}

/// The rows that were read so far.
struct Rows {
    members: Members,
    /// If there are columns, the ordinals of the rows.
    ordinals: Ordinals,
    batches: Vec<Vec<ArrayRef>>,
    memory: MemoryReservation,
}

impl Rows {
    fn new(plan: &DimensionPlan, memory: &MemoryReservation) -> Result<Self> {
        let memory = memory.new_empty();
        memory.try_grow(plan.ordinal_end / 8)?;
        Ok(Self {
            members: Members::with_room(plan.ordinal_end),
            ordinals: Ordinals::default(),
            batches: Vec::new(),
            memory,
        })
    }

    fn add(&mut self, plan: &DimensionPlan, read: &[Dimension], batch: &RecordBatch) -> Result<()> {
        let ordinals = batch.columns().last().ok_or_else(misplaced)?;
        let ordinals = ordinals.as_primitive::<Int64Type>();
        let mut found = Ordinals::default();
        let bytes = found.add(ordinals, plan.ordinal_end)?;
        found.insert_into(&mut self.members);
        let Origin::Table { own, children, .. } = &plan.origin else { return Err(misplaced()) };
        if !plan.gives_columns {
            return Ok(());
        }
        self.ordinals.append(found);
        let mut columns: Vec<ArrayRef> = batch.columns().iter().take(*own).cloned().collect();
        for ((child_plan, reference), child) in children.iter().zip(read) {
            let Some(reference) = reference else { continue };
            let references = ordinals_at(batch, *reference);
            let rows = child.index.rows(references, child_plan.is_outer())?;
            for column in &child.columns {
                columns.push(take(column, &rows, None)?);
            }
        }
        // Text of their own dimensions lies where these have it, and is counted there.
        let kept = columns.iter().take(*own).map(|column| column.get_array_memory_size());
        let given = columns.iter().skip(*own).map(given_bytes);
        self.memory.try_grow(kept.chain(given).sum::<usize>() + bytes)?;
        self.batches.push(columns);
        Ok(())
    }
}

/// The columns of all batches.
fn columns_of(batches: &[Vec<ArrayRef>], types: &[DataType]) -> Result<Vec<ArrayRef>> {
    if batches.is_empty() {
        return Ok(types.iter().map(new_empty_array).collect());
    }
    let width = batches.first().map_or(0, Vec::len);
    let column = |place: usize| {
        let parts: Vec<&dyn Array> =
            batches.iter().filter_map(|batch| Some(batch.get(place)?.as_ref())).collect();
        Ok(with_few_buffers(concat(&parts)?))
    };
    (0..width).map(column).collect()
}
