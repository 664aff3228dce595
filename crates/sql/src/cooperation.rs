//! Joins that can be cancelled.
//!
//! A query ends when its tasks come back to the runtime, and an operator comes back only when its
//! inputs make it. Scans do so every few batches, but a join can turn one batch of its input into
//! millions, or compare millions of pairs without giving a row, and would keep its thread until it
//! is done, long after Ctrl-C. So whatever a join gives, and what a nested loop reads, counts as
//! work after which a task has to come back.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};
use std::sync::Arc;

/// Makes joins come back to the runtime; runs after all other rules.
#[derive(Debug)]
pub(crate) struct CooperativeJoins;

impl PhysicalOptimizerRule for CooperativeJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let transformed = plan.transform_up(|node| {
            let is_nested_loop = node.is::<NestedLoopJoinExec>();
            if !is_nested_loop && !node.is::<CrossJoinExec>() && !node.is::<HashJoinExec>() {
                return Ok(Transformed::no(node));
            }
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            let node = if is_nested_loop {
                let inputs = node.children().into_iter().cloned().map(cooperative).collect();
                node.replace_children(inputs, options)?
            } else {
                node
            };
            Ok(Transformed::yes(cooperative(node)))
        });
        Ok(transformed?.data)
    }

    fn name(&self) -> &str {
        "CooperativeJoins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if plan.is::<CooperativeExec>() { plan } else { Arc::new(CooperativeExec::new(plan)) }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, OpenOptions, Outcome, Warehouse};
    use std::time::Duration;

    /// Both threads are free again for the next query.
    #[test]
    fn a_cancelled_join_gives_its_threads_back() {
        let options = OpenOptions { threads: Some(2), ..OpenOptions::default() };
        let session = Warehouse::open(options).unwrap().session();
        let values: Vec<String> = (0..1000).map(|number| format!("({number})")).collect();
        session.execute("CREATE TABLE n (a BIGINT)").unwrap();
        session.execute(&format!("INSERT INTO n VALUES {}", values.join(", "))).unwrap();
        for sql in [
            "SELECT count(*) FROM n a, n b, n c, n d WHERE a.a + b.a + c.a + d.a = -1",
            "SELECT sum(a.a + b.a + c.a + d.a) FROM n a, n b, n c, n d",
            "SELECT sum(a.a + b.a + c.a + d.a) FROM n a JOIN n b ON a.a % 1 = b.a % 1 \
             JOIN n c ON b.a % 1 = c.a % 1 JOIN n d ON c.a % 1 = d.a % 1",
        ] {
            let handle = session.cancel_handle();
            let (begun, has_begun) = std::sync::mpsc::channel();
            let canceller = std::thread::spawn(move || {
                has_begun.recv().unwrap();
                std::thread::sleep(Duration::from_millis(300));
                handle.cancel();
            });
            let Outcome::Rows(mut rows) = session.execute(sql).unwrap() else { panic!("{sql}") };
            begun.send(()).unwrap();
            let error = rows.next().unwrap().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Interrupted, "{sql}");
            canceller.join().unwrap();
            let Outcome::Rows(mut rows) = session.execute("SELECT sum(a) FROM n").unwrap() else {
                panic!("no rows")
            };
            assert_eq!(rows.next().unwrap().unwrap().num_rows(), 1, "{sql}");
        }
    }
}
