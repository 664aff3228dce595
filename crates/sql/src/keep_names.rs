//! Expressions of plans are rewritten, and what they are called stays.
//!
//! The columns of an operator are called as its expressions are written, and the operators above
//! ask for them by these names. The keys of ROLLUP, CUBE and GROUPING SETS keep theirs one by one:
//! the set as a whole is no column.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, GroupingSet, LogicalPlan};

/// Rewrites the expressions of one operator.
pub(crate) fn map_expressions(
    plan: LogicalPlan,
    mut rewrite: impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| match expr {
        Expr::GroupingSet(set) => map_set(set, &mut rewrite),
        expr => {
            let name = names.save(&expr);
            Ok(rewrite(expr)?.update_data(|expr| name.restore(expr)))
        }
    })
}

fn map_set(
    set: GroupingSet,
    rewrite: &mut impl FnMut(Expr) -> Result<Transformed<Expr>>,
) -> Result<Transformed<Expr>> {
    Expr::GroupingSet(set).map_children(|key| {
        let (table, name) = key.qualified_name();
        let key = rewrite(key)?;
        let is_named =
            !key.transformed || key.data.qualified_name() == (table.clone(), name.clone());
        Ok(key.update_data(|key| match is_named {
            true => key,
            false => key.unalias().alias_qualified(table, name),
        }))
    })
}
