//! What operators of ours have in common that stand where the query engine has others.

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a task may keep its thread: a cancelled query goes on for so long, and so long do
/// others wait. To give way costs a thread about as much as a block of rows, since it wakes others
/// that find nothing to do.
const TURN: Duration = Duration::from_millis(5);

/// The time that a task has had its thread.
pub(crate) struct Turn {
    since: Instant,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now() }
    }

    /// Gives way to other tasks and to cancellation, if it is time.
    pub(crate) async fn give_way(&mut self) {
        if self.since.elapsed() >= TURN {
            tokio::task::yield_now().await;
            self.since = Instant::now();
        }
    }
}

/// The methods of an `ExecutionPlan` that say that it has no inputs.
macro_rules! without_inputs {
    () => {
        fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
            Vec::new()
        }

        fn replace_children(
            self: Arc<Self>,
            children: Vec<Arc<dyn ExecutionPlan>>,
            _options: datafusion::physical_plan::ReplaceChildrenOptions,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            crate::operators::unchanged(self, &children)
        }

        fn with_new_children(
            self: Arc<Self>,
            children: Vec<Arc<dyn ExecutionPlan>>,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            crate::operators::unchanged(self, &children)
        }
    };
}
pub(crate) use without_inputs;

/// An operator without inputs, for new inputs that are none.
pub(crate) fn unchanged(
    plan: Arc<dyn ExecutionPlan>,
    children: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    match children {
        [] => Ok(plan),
        _ => internal_err!("{} has no inputs", plan.name()),
    }
}

/// The schema of states, which takes some work to find.
pub(crate) type StatesSchema<'a> = dyn Fn() -> Result<SchemaRef> + 'a;

/// Makes an operator that gives out the states of an aggregation; `None` if there is none for it.
type States<'a> =
    dyn Fn(&AggregateExec, &StatesSchema<'_>) -> Result<Option<Arc<dyn ExecutionPlan>>> + 'a;

/// Puts operators that give out states in the places of partial aggregations; where one
/// aggregation does all, a final one behind them merges these.
pub(crate) fn with_states(
    plan: Arc<dyn ExecutionPlan>,
    states: &States<'_>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let transformed = plan.transform_down(|node| {
        let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
            return Ok(Transformed::no(node));
        };
        Ok(match replaced(aggregate, states)? {
            Some(replaced) => Transformed::new(replaced, true, TreeNodeRecursion::Jump),
            None => Transformed::no(node),
        })
    });
    Ok(transformed?.data)
}

fn replaced(
    aggregate: &AggregateExec,
    states: &States<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    match aggregate.mode() {
        AggregateMode::Partial => states(aggregate, &|| Ok(aggregate.schema())),
        AggregateMode::Single | AggregateMode::SinglePartitioned => {
            let group_by = aggregate.group_expr();
            let new = |mode, group_by, input: Arc<dyn ExecutionPlan>| {
                let (functions, filters) = (aggregate.aggr_expr(), aggregate.filter_expr());
                let schema = aggregate.input_schema();
                let (functions, filters) = (functions.to_vec(), filters.to_vec());
                AggregateExec::try_new(mode, group_by, functions, filters, input, schema)
            };
            let schema = || {
                let input = Arc::clone(aggregate.input());
                Ok(new(AggregateMode::Partial, group_by.clone(), input)?.schema())
            };
            let Some(states) = states(aggregate, &schema)? else { return Ok(None) };
            let states = match states.properties().output_partitioning().partition_count() {
                1 => states,
                _ => Arc::new(CoalescePartitionsExec::new(states)),
            };
            Ok(Some(Arc::new(new(AggregateMode::Final, group_by.as_final(), states)?)))
        }
        _ => Ok(None),
    }
}
