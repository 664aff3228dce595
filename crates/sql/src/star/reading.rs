//! In which order the dimensions of a table are read, and how far.
//!
//! ```text
//!  1  dimensions that filter, and small ones      leave rows of the table
//!  2  the rows that are left                      which groups are referred to
//!  3  groups                                      those alone; they leave rows of the table
//!  4  the rows that are left                      which rows of the others are referred to
//!  5  large dimensions without a filter           those alone
//! ```
//!
//! The second and the fourth step read the references of rows that are read again later. They end
//! without an answer as soon as it shows that many rows are left.

use super::block::ordinals_at;
use super::dimension::{Dimension, DimensionPlan};
use super::order::{self, Estimate};
use super::plan::misplaced;
use crate::helpers::Helpers;
use crate::operators::Turn;
use crate::scan::ScanExec;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use starfact_encoding::{Members, Predicate};
use starfact_exec::ColumnFilter;
use starfact_store::Segment;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where at most one in so many ordinals is wanted, reading these alone pays.
const FEW_SHARE: usize = 2;
/// Where at most one in so many rows of the table is left, looking at what they refer to pays.
const LEFT_SHARE: u64 = 4;
/// Rows of a dimension that are read faster than it is found out which of them are wanted.
const SMALL_ROWS: u64 = 1 << 16;
/// Rows of the table for each row of a large dimension, beyond which they are.
const ROWS_PER_ROW: u64 = 32;
/// Looking up a byte of ordinals costs so many times as much as comparing one.
const LOOKED_UP: f64 = 4.0;
/// A filter costs next to nothing if it looks at a byte of so many rows.
const NEXT_TO_NOTHING: f64 = 64.0;
/// Values of a high byte.
const HIGH_PARTS: f64 = 256.0;
/// Rows that take longer to read than another thread takes to begin.
const ROWS_FOR_A_THREAD: u64 = 1 << 14;

/// Reads the dimensions of a table, and narrows its scan by them.
pub(super) async fn read_all(
    plans: &[&DimensionPlan],
    scan: &ScanExec,
    context: &Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<(Vec<Dimension>, ScanExec)> {
    let waits = |plan: &DimensionPlan| plan.is_block() || is_large(plan, scan);
    let first: Vec<&DimensionPlan> = plans.iter().filter(|plan| !waits(plan)).copied().collect();
    let read = read_some(&first, &[], context, metrics).await?;
    if first.len() == plans.len() {
        let narrowed = narrowed(scan, &read)?;
        return Ok((read, narrowed));
    }
    // Groups leave rows, too, before it is looked at what these refer to.
    let groups = |plan: &DimensionPlan| plan.is_block();
    let large = |plan: &DimensionPlan| waits(plan) && !plan.is_block();
    let groups = read_wanted(plans, groups, scan, &read, context, metrics).await?;
    let known = || read.iter().chain(&groups);
    let large = read_wanted(plans, large, scan, known(), context, metrics).await?;
    let (mut read, mut groups, mut large) =
        (read.into_iter(), groups.into_iter(), large.into_iter());
    let in_place = plans.iter().map(|plan| match waits(plan) {
        true if plan.is_block() => groups.next(),
        true => large.next(),
        false => read.next(),
    });
    let all = in_place.collect::<Option<Vec<_>>>().ok_or_else(misplaced)?;
    let narrowed = narrowed(scan, &all)?;
    Ok((all, narrowed))
}

/// Reads the dimensions of a kind, of each the rows that are wanted after others have been read.
async fn read_wanted(
    plans: &[&DimensionPlan],
    is_it: impl Fn(&DimensionPlan) -> bool,
    scan: &ScanExec,
    read: impl IntoIterator<Item = &Dimension>,
    context: &Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Vec<Dimension>> {
    let plans: Vec<&DimensionPlan> = plans.iter().filter(|plan| is_it(plan)).copied().collect();
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let left = narrowed(scan, read)?;
    let wanted = match left.is_narrowed() {
        true => wanted(&plans, &left, context, metrics).await?,
        false => Vec::new(),
    };
    read_some(&plans, &wanted, context, metrics).await
}

/// Whether it may pay to find out first which rows of a dimension are wanted: numbers of all rows
/// are read as fast.
fn is_large(plan: &DimensionPlan, scan: &ScanExec) -> bool {
    let rows = plan.rows();
    scan.composes()
        && plan.is_whole()
        && plan.gives_text()
        && rows > SMALL_ROWS
        && rows.saturating_mul(ROWS_PER_ROW) > scan.rows_to_read()
}

/// Reads some dimensions, of each the rows that are wanted.
async fn read_some(
    plans: &[&DimensionPlan],
    wanted: &[Option<Arc<Members>>],
    context: &Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Vec<Dimension>> {
    let of = |place: usize| wanted.get(place).cloned().flatten();
    let read = |place: usize, plan: &DimensionPlan| {
        let (plan, context) = (plan.clone(), Arc::clone(context));
        let (metrics, wanted) = (metrics.clone(), of(place));
        async move { plan.read(&context, &metrics, wanted).await }
    };
    // Others may read the large ones meanwhile, but for the last.
    let is_large = |place: &usize| {
        plans.get(*place).is_some_and(|it| it.is_block() || it.rows() >= ROWS_FOR_A_THREAD)
    };
    let (mut beside, mut here): (Vec<usize>, Vec<usize>) =
        (0..plans.len()).partition(|place| is_large(place));
    here.extend(beside.pop());
    let work = beside.iter().filter_map(|place| Some(read(*place, plans.get(*place)?)));
    let read_here = async {
        let mut dimensions = Vec::with_capacity(here.len());
        for place in &here {
            let plan = plans.get(*place).ok_or_else(misplaced)?;
            dimensions.push(plan.read(context, metrics, of(*place)).await?);
        }
        Ok(dimensions)
    };
    let (read_here, read_beside) = Helpers::of(context).beside(read_here, work).await?;
    let places = here.into_iter().chain(beside);
    let mut all: Vec<(usize, Dimension)> =
        places.zip(read_here.into_iter().chain(read_beside)).collect();
    all.sort_unstable_by_key(|(place, _)| *place);
    Ok(all.into_iter().map(|(_, dimension)| dimension).collect())
}

/// The ordinals of each dimension that the rows of a scan refer to, if these are few. Rows that
/// refer to none do not count.
async fn wanted(
    plans: &[&DimensionPlan],
    scan: &ScanExec,
    context: &Arc<TaskContext>,
    metrics: &ExecutionPlanMetricsSet,
) -> Result<Vec<Option<Arc<Members>>>> {
    let places: Vec<usize> = plans.iter().map(|plan| plan.reference_in(scan.table())).collect();
    let scan = scan.with_projection(places)?;
    let rooms: Vec<usize> = plans.iter().map(|plan| plan.ordinal_end).collect();
    let left = Arc::new(AtomicU64::new(0));
    let left_max = scan.table().stored_row_count() / LEFT_SHARE;
    let work = (0..scan.partition_count()).map(|number| {
        let prefix = format!("wanted_by_{}.", scan.table().name());
        let mut partition = scan.partition(number, context, metrics, &prefix);
        let (rooms, left) = (rooms.clone(), Arc::clone(&left));
        async move {
            let mut all: Vec<Members> = rooms.into_iter().map(Members::with_room).collect();
            let mut turn = Turn::new();
            while left.load(Ordering::Relaxed) <= left_max {
                let Some(batch) = partition.next_batch()? else { break };
                left.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                for (place, members) in all.iter_mut().enumerate() {
                    let ordinals = ordinals_at(&batch, place).iter().flatten();
                    members.insert_all(ordinals.map(|ordinal| ordinal as usize));
                }
                turn.give_way().await;
            }
            Ok(all)
        }
    });
    let mut whole: Vec<Members> =
        plans.iter().map(|plan| Members::with_room(plan.ordinal_end)).collect();
    for part in Helpers::of(context).sharing(work).await? {
        whole.iter_mut().zip(&part).for_each(|(whole, part)| whole.unite(part));
    }
    if left.load(Ordering::Relaxed) > left_max {
        return Ok(Vec::new());
    }
    let few = |(members, plan): (Members, &&DimensionPlan)| {
        let is_few = members.count().saturating_mul(FEW_SHARE) <= plan.ordinal_end;
        is_few.then(|| Arc::new(members))
    };
    Ok(whole.into_iter().zip(plans).map(few).collect())
}

/// A scan narrowed by dimensions that its table refers to.
fn narrowed<'a>(
    scan: &ScanExec,
    dimensions: impl IntoIterator<Item = &'a Dimension>,
) -> Result<ScanExec> {
    let (mut stored, mut own) = (Vec::new(), Vec::new());
    for dimension in dimensions {
        match (&dimension.predicate, dimension.reference) {
            (Some(predicate), Some(column)) => {
                let filter = ColumnFilter { column, predicate: predicate.clone() };
                stored.push((filter, dimension.share));
            }
            (Some(Predicate::Members(members)), None) => own.push(members),
            _ => {}
        }
    }
    let (filters, shares): (Vec<ColumnFilter>, Vec<f64>) = stored.into_iter().unzip();
    let places = in_order(scan, &filters, &shares);
    let mut narrowed = scan.with_filters_in_order(filters, &places)?;
    for members in own {
        narrowed = narrowed.among(members)?;
    }
    Ok(narrowed)
}

/// The places of the filters of a scan and then of others, with the shares that these leave, in the
/// order in which they cost least. It is not known what the scan's own ones leave: they come behind
/// what costs next to nothing, such as runs of dates, and before the rest.
fn in_order(scan: &ScanExec, filters: &[ColumnFilter], shares: &[f64]) -> Vec<usize> {
    let segments = scan.table().segments();
    let estimates = filters.iter().zip(shares).map(|(filter, share)| {
        let cost = segments.iter().map(|segment| cost(segment, filter)).sum();
        Estimate { cost, share: *share }
    });
    let estimates: Vec<Estimate> = estimates.collect();
    let own = scan.column_filters().len();
    let rows = scan.table().stored_row_count() as f64;
    let is_cheap = |place: &usize| {
        estimates.get(*place).is_some_and(|estimate| estimate.cost * NEXT_TO_NOTHING <= rows)
    };
    let (first, rest): (Vec<usize>, Vec<usize>) =
        order::cheapest(&estimates).into_iter().partition(is_cheap);
    let behind = |place: &usize| own + place;
    first.iter().map(behind).chain(0..own).chain(rest.iter().map(behind)).collect()
}

/// What a filter costs, which depends on the bytes that it looks at. Of ordinals that are wanted in
/// a few pieces that is a byte a row at most, the high one, and the others of the rows that it
/// leaves in doubt: those with the high byte that a piece begins or ends with. All others are
/// looked up.
fn cost(segment: &Segment, filter: &ColumnFilter) -> f64 {
    let rows = segment.row_count() as f64;
    // One that cannot be read is found out when it is read.
    let Ok(Some(file)) = segment.column(filter.column) else { return 0.0 };
    // Blocks of a column are much alike.
    let bytes = file.filter_byte_len(0) as f64 * file.block_count() as f64;
    match &filter.predicate {
        Predicate::Members(members) => match members.piece_count() {
            Some(pieces) => {
                let doubtful = (pieces as f64 * 2.0 / HIGH_PARTS).min(1.0);
                bytes.min(rows) * (1.0 + doubtful * order::SINGLE_ROWS)
            }
            None => bytes * LOOKED_UP,
        },
        _ => bytes,
    }
}
