//! Exact arithmetic: integers and decimals overflow with an error, never with a wrong number.
//!
//! The query engine's own operators wrap integers silently, let decimals outgrow their precision,
//! and cut the fraction off when a number becomes an integer. A rule that runs right after type
//! coercion, before anything is simplified, replaces them by functions of ours:
//!
//! ```text
//!   a + b  - * / %    integers and decimals     Operation
//!   -a                integers and decimals     Negation
//!   CAST(a AS INT)    decimals and floats       CAST(Rounding(a) AS INT)
//!   CAST(a AS TEXT)   timestamps                CAST(timestamp_text(a) AS TEXT)
//!   CAST(a AS TIME)   text                      CAST(time_text(a) AS TIME)
//! ```
//!
//! All are functions without side effects, so constants still fold: one that fails to fold stays
//! in the plan and fails when it is executed. Floats, dates and intervals keep the engine's
//! operators.

mod decimal;
mod literal;
mod negation;
mod operation;
mod rounding;
mod short;
mod whole;

pub(crate) use decimal::divide_rounded;
pub(crate) use operation::operator;
pub(crate) use rounding::to_nearest;
pub(crate) use short::short_operation;

use crate::functions::{time_text, timestamp_text};
use crate::keep_names::map_expressions;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, TryCast,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

/// The rule that prepares arithmetic before types are coerced.
pub(crate) fn rule_before_coercion() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(literal::NarrowLiterals)
}

/// The rule that makes arithmetic exact after types are coerced.
pub(crate) fn rule_after_coercion() -> Arc<dyn AnalyzerRule + Send + Sync> {
    Arc::new(ExactArithmetic)
}

/// The same for a single expression whose types are coerced already.
pub(crate) fn exact(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(rewrite(expr, schema)?.data)
}

/// See the [module](self).
#[derive(Debug)]
struct ExactArithmetic;

impl AnalyzerRule for ExactArithmetic {
    fn name(&self) -> &str {
        "exact_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let mut schema = merge_schema(&plan.inputs());
    if let LogicalPlan::TableScan(scan) = &plan {
        let source = scan.source.schema();
        schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &source)?);
    }
    map_expressions(plan, |expr| rewrite(expr, &schema))
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_down(|expr| match expr {
        Expr::BinaryExpr(binary) if is_arithmetic(binary.op) => {
            let Operand { expr, changed, .. } = operation(binary, schema)?;
            Ok(Transformed::new(expr, changed, TreeNodeRecursion::Jump))
        }
        Expr::Negative(arg) if is_exact(&arg.get_type(schema)?) => {
            Ok(Transformed::yes(negation::function().call(vec![*arg])))
        }
        Expr::Cast(Cast { expr, field }) if loses_fraction(&expr, field.data_type(), schema)? => {
            let expr = Box::new(rounding::function().call(vec![*expr]));
            Ok(Transformed::yes(Expr::Cast(Cast { expr, field })))
        }
        Expr::Cast(Cast { expr, field }) if shows_timestamp(&expr, field.data_type(), schema)? => {
            let expr = Box::new(timestamp_text().call(vec![*expr]));
            Ok(Transformed::yes(Expr::Cast(Cast { expr, field })))
        }
        Expr::Cast(Cast { expr, field }) if reads_time(&expr, field.data_type(), schema)? => {
            let expr = Box::new(time_text().call(vec![*expr]));
            Ok(Transformed::new(Expr::Cast(Cast { expr, field }), true, TreeNodeRecursion::Jump))
        }
        Expr::TryCast(TryCast { expr, field })
            if loses_fraction(&expr, field.data_type(), schema)? =>
        {
            let expr = Box::new(rounding::function().call(vec![*expr]));
            Ok(Transformed::yes(Expr::TryCast(TryCast { expr, field })))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// A rewritten expression. Its type is kept, because finding it again in a long chain of
/// operators takes as many steps as the chain is long.
struct Operand {
    expr: Expr,
    data_type: DataType,
    changed: bool,
}

fn operation(binary: BinaryExpr, schema: &DFSchema) -> Result<Operand> {
    let BinaryExpr { left, op, right } = binary;
    let (left, right) = (operand(*left, schema)?, operand(*right, schema)?);
    let data_type =
        BinaryTypeCoercer::new(&left.data_type, &op, &right.data_type).get_result_type()?;
    if is_exact(&left.data_type) && is_exact(&right.data_type) {
        let expr = operation::function(op).call(vec![left.expr, right.expr]);
        return Ok(Operand { expr, data_type, changed: true });
    }
    let changed = left.changed || right.changed;
    let (left, right) = (Box::new(left.expr), Box::new(right.expr));
    let expr = Expr::BinaryExpr(BinaryExpr { left, op, right });
    Ok(Operand { expr, data_type, changed })
}

fn operand(expr: Expr, schema: &DFSchema) -> Result<Operand> {
    match expr {
        Expr::BinaryExpr(binary) if is_arithmetic(binary.op) => operation(binary, schema),
        other => {
            let data_type = other.get_type(schema)?;
            let Transformed { data: expr, transformed: changed, .. } = rewrite(other, schema)?;
            Ok(Operand { expr, data_type, changed })
        }
    }
}

fn is_arithmetic(op: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

/// Whether values of the type have an exact arithmetic.
fn is_exact(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_decimal()
}

fn shows_timestamp(expr: &Expr, target: &DataType, schema: &DFSchema) -> Result<bool> {
    Ok(target.is_string() && matches!(expr.get_type(schema)?, DataType::Timestamp(..)))
}

fn reads_time(expr: &Expr, target: &DataType, schema: &DFSchema) -> Result<bool> {
    Ok(matches!(target, DataType::Time64(_)) && expr.get_type(schema)?.is_string())
}

fn loses_fraction(expr: &Expr, target: &DataType, schema: &DFSchema) -> Result<bool> {
    if !target.is_integer() {
        return Ok(false);
    }
    let source = expr.get_type(schema)?;
    let has_fraction = source.is_floating() || source.is_decimal();
    let is_rounded = matches!(expr, Expr::ScalarFunction(call) if rounding::is(&call.func));
    Ok(has_fraction && !is_rounded)
}
