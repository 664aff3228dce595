//! NULL in the list of an IN, written out.
//!
//! The query engine makes one list of `x IN (1, 2) AND x NOT IN (2, NULL)`, and forgets the NULL.
//! With all three truth values kept,
//!
//! ```text
//!   x IN (1, NULL)      is   x IN (1) OR NULL
//!   x NOT IN (1, NULL)  is   x NOT IN (1) AND NULL
//! ```

use crate::keep_names::map_expressions;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, TryCast, lit};
use datafusion::optimizer::AnalyzerRule;

/// See the [module](self). It may run before types are coerced.
#[derive(Debug)]
pub(crate) struct NullItems;

impl AnalyzerRule for NullItems {
    fn name(&self) -> &'static str {
        "null_items"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            map_expressions(plan, |expr| expr.transform_up(|expr| Ok(written_out(expr))))
        });
        Ok(rewritten?.data)
    }
}

fn written_out(expr: Expr) -> Transformed<Expr> {
    let Expr::InList(InList { expr, list, negated }) = expr else { return Transformed::no(expr) };
    let items = list.len();
    let known: Vec<Expr> = list.into_iter().filter(|item| !is_null(item)).collect();
    let (has_null, is_empty) = (known.len() < items, known.is_empty());
    let among = Expr::InList(InList { expr, list: known, negated });
    if !has_null {
        return Transformed::no(among);
    }
    let unknown = lit(ScalarValue::Boolean(None));
    Transformed::yes(match (is_empty, negated) {
        (true, _) => unknown,
        (false, false) => among.or(unknown),
        (false, true) => among.and(unknown),
    })
}

fn is_null(item: &Expr) -> bool {
    match item {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(Cast { expr, .. }) | Expr::TryCast(TryCast { expr, .. }) => is_null(expr),
        _ => false,
    }
}
