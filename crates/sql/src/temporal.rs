//! Operands of different types side by side, where the query engine's type coercion would choose a
//! type that does not hold them. This rule runs before it and leaves it nothing to coerce.
//!
//! - Dates, timestamps and text that is compared with timestamps, or beside them in CASE, COALESCE
//!   and the like, become timestamps with microseconds; nanoseconds hold the years from 1678 to
//!   2262 only.
//! - Decimals that are compared with floats become floats; a decimal cannot be NaN.
//! - A date moved by hours is a timestamp.
//! - Windows in the order of a time of day are in the order of its microseconds.

use crate::keep_names::map_expressions;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{Case, InList};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, lit,
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
    map_expressions(plan, |expr| rewrite(expr, &schema))
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus),
                right,
            }) if loses_hours(&left, op, &right, schema) => {
                let (left, right) = (moment(*left, schema), moment(*right, schema));
                Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(left, op, right)))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if is_comparison(op) || (op == Operator::Minus && !is_chain(&left)) =>
            {
                refuse_intervals(&left, op, schema)?;
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
                let (mut operands, mut changed) = unify(operands, schema);
                changed |= add_other_zero(&mut operands);
                let expr = Box::new(operands.remove(0));
                transformed(Expr::InList(InList { expr, list: operands, negated }), changed)
            }
            Expr::WindowFunction(mut window) => {
                let mut changed = false;
                for key in &mut window.params.order_by {
                    if matches!(key.expr.get_type(schema), Ok(DataType::Time64(_))) {
                        let expr = std::mem::take(&mut key.expr);
                        key.expr = Expr::Cast(Cast::new(Box::new(expr), DataType::Int64));
                        changed = true;
                    }
                }
                transformed(Expr::WindowFunction(window), changed)
            }
            Expr::ScalarFunction(mut call)
                if matches!(call.name(), "coalesce" | "greatest" | "least" | "nvl") =>
            {
                let (args, changed) = unify(call.args, schema);
                call.args = args;
                transformed(Expr::ScalarFunction(call), changed)
            }
            Expr::Case(case) => unify_results(case, schema),
            Expr::ScalarFunction(mut call) if call.name() == "date_trunc" => {
                let is_date = |arg: &Expr| matches!(arg.get_type(schema), Ok(DataType::Date32));
                let changed = call.args.iter().any(is_date);
                call.args = call.args.into_iter().map(|arg| *moment(arg, schema)).collect();
                transformed(Expr::ScalarFunction(call), changed)
            }
            other => Transformed::no(other),
        })
    })
}

/// The results of a CASE, as timestamps if one of them is one.
fn unify_results(mut case: Case, schema: &DFSchema) -> Transformed<Expr> {
    let (conditions, mut results): (Vec<_>, Vec<Expr>) =
        case.when_then_expr.into_iter().map(|(when, then)| (when, *then)).unzip();
    let has_else = case.else_expr.is_some();
    results.extend(case.else_expr.take().map(|result| *result));
    let (mut results, changed) = unify(results, schema);
    case.else_expr = if has_else { results.pop().map(Box::new) } else { None };
    let results = results.into_iter().map(Box::new);
    case.when_then_expr = conditions.into_iter().zip(results).collect();
    transformed(Expr::Case(case), changed)
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

/// Casts the operands to one type if they are of different types that meet in it.
fn unify(operands: Vec<Expr>, schema: &DFSchema) -> (Vec<Expr>, bool) {
    // An operand whose type is not known yet is for type coercion to complain about.
    let types: Vec<Option<DataType>> =
        operands.iter().map(|operand| operand.get_type(schema).ok()).collect();
    let Some(common) = common_type(&types) else { return (operands, false) };
    let mut changed = false;
    let cast = |(operand, data_type): (Expr, Option<DataType>)| match data_type {
        Some(known) if known != common && meets(&operand, &known, &common) => {
            changed = true;
            Expr::Cast(Cast::new(Box::new(operand), common.clone()))
        }
        _ => operand,
    };
    let operands = operands.into_iter().zip(types).map(cast).collect();
    (operands, changed)
}

/// Our timestamp type if one of the types is it, with time zone if one of them has that; a float
/// if there are floats and decimals.
fn common_type(types: &[Option<DataType>]) -> Option<DataType> {
    let types = || types.iter().flatten();
    let zoned =
        types().find(|ty| matches!(ty, DataType::Timestamp(TimeUnit::Microsecond, Some(_))));
    let plain = || types().find(|ty| **ty == DataType::Timestamp(TimeUnit::Microsecond, None));
    if let Some(timestamp) = zoned.or_else(plain) {
        return Some(timestamp.clone());
    }
    if !types().any(DataType::is_decimal) {
        return None;
    }
    let is_double = types().any(|ty| *ty == DataType::Float64);
    let is_float = types().any(DataType::is_floating);
    is_float.then_some(if is_double { DataType::Float64 } else { DataType::Float32 })
}

/// Whether an operand of the type `known` is to become one of the type `common`.
fn meets(operand: &Expr, known: &DataType, common: &DataType) -> bool {
    match common {
        DataType::Timestamp(..) => {
            let is_text = known.is_string() && matches!(operand, Expr::Literal(..));
            is_temporal(known) || is_text
        }
        _ => known.is_decimal(),
    }
}

/// Whether a date is moved by something that may have hours.
fn loses_hours(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> bool {
    let is_interval = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Interval(_)));
    let is_date = |side: &Expr| matches!(side.get_type(schema), Ok(DataType::Date32));
    (is_interval(right) && may_have_hours(right) && is_date(left))
        || (op == Operator::Plus
            && !is_chain(left)
            && is_interval(left)
            && may_have_hours(left)
            && is_date(right))
}

fn may_have_hours(interval: &Expr) -> bool {
    match interval {
        Expr::Literal(ScalarValue::IntervalYearMonth(_), _) => false,
        Expr::Literal(ScalarValue::IntervalDayTime(Some(value)), _) => value.milliseconds != 0,
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), _) => value.nanoseconds != 0,
        _ => true,
    }
}

/// A date as the timestamp of its beginning.
fn moment(expr: Expr, schema: &DFSchema) -> Box<Expr> {
    Box::new(match expr.get_type(schema) {
        Ok(DataType::Date32) => {
            let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
            Expr::Cast(Cast::new(Box::new(expr), timestamp))
        }
        _ => expr,
    })
}

/// How long a month is depends on the month, and the engine compares months before days before
/// hours.
fn refuse_intervals(left: &Expr, op: Operator, schema: &DFSchema) -> Result<()> {
    if is_comparison(op) && matches!(left.get_type(schema), Ok(DataType::Interval(_))) {
        return plan_err!(
            "intervals cannot be compared: add them to a timestamp and compare these"
        );
    }
    Ok(())
}

/// `x IN (0.0)` finds both zeros, as `x = 0.0` does.
fn add_other_zero(operands: &mut Vec<Expr>) -> bool {
    let other = |operand: &Expr| match operand {
        Expr::Literal(ScalarValue::Float64(Some(zero)), _) if *zero == 0.0 => Some(lit(-*zero)),
        Expr::Literal(ScalarValue::Float32(Some(zero)), _) if *zero == 0.0 => Some(lit(-*zero)),
        _ => None,
    };
    let zeros: Vec<Expr> = operands.iter().skip(1).filter_map(other).collect();
    let changed = !zeros.is_empty();
    operands.extend(zeros);
    changed
}

fn is_temporal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(TimeUnit::Microsecond, _))
}
