//! Blocks of a query that read the same rows, read once.
//!
//! ```text
//!   sum(x) by part ── more than ── 0.0001 · sum(x)          two aggregations of the same rows
//!        │                             │
//!        └── groups ── added up ───────┘                    the second adds up the first's groups
//! ```
//!
//! Conditions for one aggregation to come from the groups of another:
//! - Both read the same rows: the same tables of the same snapshot, along the same references, with
//!   the same conditions. Of dimensions that are blocks of groups this is not known.
//! - Its keys are among those of the other, and all or none of those that have a common code.
//! - Each of its functions is one of the other's, with the same arguments and filter: the states of
//!   a function come to those of fewer groups.
//! - Nothing is volatile or waits for the value of a subquery, which may be one of the two, and the
//!   other is not itself made of a third one's groups.
//!
//! If the groups cannot be kept, each aggregation reads its rows for itself.

use super::aggregate::keeps_whole_codes;
use super::whole::{Found, StarWholeExec};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Groups that several aggregations of a query are made of.
#[derive(Debug)]
pub(super) struct Common {
    groups: StarWholeExec,
    /// What else is made of them.
    coarser: Vec<Coarser>,
    /// Once they were read: their values, and those of the coarser ones; none if they are not kept.
    values: OnceCell<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    values: Vec<RecordBatch>,
    /// While it is here, the bytes of these are.
    _memory: MemoryReservation,
}

/// An aggregation by some of the keys of others.
#[derive(Clone, Debug)]
struct Coarser {
    keys: Vec<usize>,
    functions: Vec<usize>,
    schema: SchemaRef,
}

/// What of common groups an aggregation has.
#[derive(Clone, Debug)]
pub(super) struct Part {
    common: Arc<Common>,
    place: usize,
}

impl Part {
    /// The values, if they are kept.
    pub(super) async fn values(&self, context: &Arc<TaskContext>) -> Result<Option<RecordBatch>> {
        let kept = self.common.values.get_or_try_init(|| self.common.read(context)).await?;
        Ok(kept.as_ref().and_then(|kept| kept.values.get(self.place).cloned()))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            0 => Ok(()),
            _ => write!(out, ", of the groups by [{}]", self.common.groups.states().key_names()),
        }
    }
}

impl Common {
    async fn read(&self, context: &Arc<TaskContext>) -> Result<Option<Kept>> {
        let mut whole = match self.groups.clone().found(Arc::clone(context)).await? {
            Found::Whole(whole) if whole.total > 0 => whole,
            _ => return Ok(None),
        };
        let parts = whole.parts();
        let coarser = self.coarser.iter();
        let coarser = coarser.map(|it| whole.coarser(&it.keys, &it.functions, &it.schema, &parts));
        let coarser = coarser.collect::<Result<Vec<_>>>()?;
        let mut values = vec![self.groups.values(*whole)?];
        values.extend(coarser);
        let size = values.iter().map(RecordBatch::get_array_memory_size).sum();
        let memory = MemoryConsumer::new("common groups").register(context.memory_pool());
        let is_room = memory.try_grow(size).is_ok();
        Ok(is_room.then_some(Kept { values, _memory: memory }))
    }
}

/// The plan with aggregations made of the groups of others where they can be.
pub(super) fn with_common(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let mut wholes: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
    plan.apply(|node| {
        if node.downcast_ref::<StarWholeExec>().is_some_and(StarWholeExec::may_be_common) {
            wholes.push(Arc::clone(node));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if wholes.len() < 2 {
        return Ok(plan);
    }
    let parts = parts(&wholes);
    if parts.is_empty() {
        return Ok(plan);
    }
    let transformed = plan.transform_down(|node| {
        let part = parts.get(&address(&node));
        Ok(match (part, node.downcast_ref::<StarWholeExec>()) {
            (Some(part), Some(whole)) => {
                let whole = whole.with_part(part.clone());
                Transformed::new(Arc::new(whole) as _, true, TreeNodeRecursion::Jump)
            }
            _ => Transformed::no(node),
        })
    });
    Ok(transformed?.data)
}

fn address(node: &Arc<dyn ExecutionPlan>) -> usize {
    Arc::as_ptr(node).cast::<()>() as usize
}

/// What of common groups each aggregation has, by its address.
fn parts(wholes: &[Arc<dyn ExecutionPlan>]) -> HashMap<usize, Part> {
    let all: Vec<(usize, &StarWholeExec)> =
        wholes.iter().filter_map(|node| Some((address(node), node.downcast_ref()?))).collect();
    let mut made: HashMap<usize, usize> = HashMap::new();
    let mut of: HashMap<usize, Vec<(usize, Coarser)>> = HashMap::new();
    // Those with the most keys are what others are made of.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(all.get(*place).map(|(_, it)| it.key_count())));
    for (rank, &source) in order.iter().enumerate() {
        if made.contains_key(&source) {
            continue;
        }
        for &other in order.iter().skip(rank + 1).filter(|other| **other != source) {
            let (Some((_, groups)), Some((_, whole))) = (all.get(source), all.get(other)) else {
                continue;
            };
            if !made.contains_key(&other)
                && let Some(coarser) = coarser(groups, whole)
            {
                made.insert(other, source);
                of.entry(source).or_default().push((other, coarser));
            }
        }
    }
    let mut parts = HashMap::new();
    for (source, coarser) in of {
        let Some((at, groups)) = all.get(source) else { continue };
        let (others, coarser): (Vec<usize>, Vec<Coarser>) = coarser.into_iter().unzip();
        let values = OnceCell::new();
        let groups = groups.with_own_state();
        let common = Arc::new(Common { groups, coarser, values });
        parts.insert(*at, Part { common: Arc::clone(&common), place: 0 });
        for (place, other) in others.iter().enumerate() {
            if let Some((at, _)) = all.get(*other) {
                parts.insert(*at, Part { common: Arc::clone(&common), place: place + 1 });
            }
        }
    }
    parts
}

/// How an aggregation is made of the groups of another, if it can be.
fn coarser(groups: &StarWholeExec, whole: &StarWholeExec) -> Option<Coarser> {
    let (of, asked) = (groups.states().aggregation(), &whole.states().aggregation().asked);
    if !of.asked.star.has_same_rows(&asked.star) {
        return None;
    }
    let known = of.asked.canonical()?;
    let wanted = asked.canonical()?;
    let find_key = |key| known.keys.iter().position(|known| known == key);
    let keys = wanted.keys.iter().map(find_key).collect::<Option<Vec<usize>>>()?;
    let find_function = |function| known.functions.iter().position(|known| known == function);
    let functions = wanted.functions.iter().map(find_function).collect::<Option<Vec<usize>>>()?;
    let is_whole = keeps_whole_codes(&of.keys, &keys);
    is_whole.then(|| Coarser { keys, functions, schema: whole.schema() })
}
