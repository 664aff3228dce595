//! Dates and timestamps side by side: all become timestamps with microseconds.
//!
//! The query engine's type coercion would make them nanoseconds, in which the years from 1678 to
//! 2262 fit. This rule runs before it and leaves it nothing to coerce.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator,
};
use datafusion::optimizer::AnalyzerRule;

/// See the [module](self). It must run before type coercion.
#[derive(Debug)]
pub(crate) struct CommonTimestamps;

impl AnalyzerRule for CommonTimestamps {
    fn name(&self) -> &str {
        "common_timestamps"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

/// The same for a single expression.
pub(crate) fn common_timestamps(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(rewrite(expr, schema)?.data)
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(rewrite(expr, &schema)?.update_data(|expr| name.restore(expr)))
    })
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if is_comparison(op) || (op == Operator::Minus && !is_chain(&left)) =>
            {
                let (sides, changed) = unify(vec![*left, *right], schema);
                let Ok([left, right]) = <[Expr; 2]>::try_from(sides) else {
                    return datafusion::common::internal_err!("an operator has two sides");
                };
                let (left, right) = (Box::new(left), Box::new(right));
                transformed(Expr::BinaryExpr(BinaryExpr { left, op, right }), changed)
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let (sides, changed) = unify(vec![*expr, *low, *high], schema);
                let Ok([expr, low, high]) = <[Expr; 3]>::try_from(sides) else {
                    return datafusion::common::internal_err!("BETWEEN has three operands");
                };
                let (expr, low, high) = (Box::new(expr), Box::new(low), Box::new(high));
                transformed(Expr::Between(Between { expr, negated, low, high }), changed)
            }
            Expr::InList(InList { expr, list, negated }) => {
                let mut operands = vec![*expr];
                operands.extend(list);
                let (mut operands, changed) = unify(operands, schema);
                let expr = Box::new(operands.remove(0));
                transformed(Expr::InList(InList { expr, list: operands, negated }), changed)
            }
            other => Transformed::no(other),
        })
    })
}

/// Whether the left side is an operation itself. Finding its type takes as many steps as it has
/// operators, and that for each of them; what dates and timestamps are subtracted from is none.
fn is_chain(left: &Expr) -> bool {
    matches!(left, Expr::BinaryExpr(_))
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn transformed(expr: Expr, changed: bool) -> Transformed<Expr> {
    if changed { Transformed::yes(expr) } else { Transformed::no(expr) }
}

/// Casts the operands to one type if they are dates and timestamps of different types.
fn unify(operands: Vec<Expr>, schema: &DFSchema) -> (Vec<Expr>, bool) {
    // An operand whose type is not known yet is for type coercion to complain about.
    let types: Vec<Option<DataType>> =
        operands.iter().map(|operand| operand.get_type(schema).ok()).collect();
    let Some(common) = common_type(types.iter().flatten()) else { return (operands, false) };
    let mut changed = false;
    let cast = |(operand, data_type): (Expr, Option<DataType>)| match data_type {
        Some(known) if known != common && is_temporal(&known) => {
            changed = true;
            Expr::Cast(Cast::new(Box::new(operand), common.clone()))
        }
        _ => operand,
    };
    let operands = operands.into_iter().zip(types).map(cast).collect();
    (operands, changed)
}

/// Our timestamp type if one of the types is it; with time zone if one of them has that.
fn common_type<'a>(types: impl Iterator<Item = &'a DataType>) -> Option<DataType> {
    let mut common: Option<DataType> = None;
    for data_type in types {
        match data_type {
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => return Some(data_type.clone()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => common = Some(data_type.clone()),
            _ => {}
        }
    }
    common
}

fn is_temporal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
}
