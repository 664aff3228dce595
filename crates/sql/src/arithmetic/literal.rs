//! Integer literals beside decimals, with the digits that they have.
//!
//! The query engine would give the 2 of `price * 2` the 20 digits of a BIGINT, and the product of a
//! few such factors would claim all 38. This rule runs before type coercion.

use crate::keep_names::map_expressions;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct NarrowLiterals;

impl AnalyzerRule for NarrowLiterals {
    fn name(&self) -> &str {
        "narrow_literals"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let plan = map_expressions(plan, |expr| rewrite(expr, &schema))?;
    if plan.transformed { plan.map_data(|plan| plan.recompute_schema()) } else { Ok(plan) }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    expr.transform_down(|expr| match expr {
        Expr::BinaryExpr(binary) if super::is_arithmetic(binary.op) => {
            let Operand { expr, changed, .. } = operation(binary, schema)?;
            Ok(Transformed::new(expr, changed, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    })
}

/// A rewritten expression, with its type if that is known before types are coerced.
struct Operand {
    expr: Expr,
    data_type: Option<DataType>,
    changed: bool,
}

fn operation(binary: BinaryExpr, schema: &DFSchema) -> Result<Operand> {
    let BinaryExpr { left, op, right } = binary;
    let (mut left, mut right) = (operand(*left, schema)?, operand(*right, schema)?);
    let narrow_left = narrowed(&left.expr, right.data_type.as_ref());
    let narrow_right = narrowed(&right.expr, left.data_type.as_ref());
    for (side, narrow) in [(&mut left, narrow_left), (&mut right, narrow_right)] {
        if let Some(literal) = narrow {
            side.data_type = Some(literal.data_type());
            side.expr = Expr::Literal(literal, None);
            side.changed = true;
        }
    }
    let data_type = match (&left.data_type, &right.data_type) {
        (Some(left), Some(right)) => {
            BinaryTypeCoercer::new(left, &op, right).get_result_type().ok()
        }
        _ => None,
    };
    let changed = left.changed || right.changed;
    let (left, right) = (Box::new(left.expr), Box::new(right.expr));
    let expr = Expr::BinaryExpr(BinaryExpr { left, op, right });
    Ok(Operand { expr, data_type, changed })
}

fn operand(expr: Expr, schema: &DFSchema) -> Result<Operand> {
    match expr {
        Expr::BinaryExpr(binary) if super::is_arithmetic(binary.op) => operation(binary, schema),
        other => {
            let data_type = other.get_type(schema).ok();
            let Transformed { data: expr, transformed: changed, .. } = rewrite(other, schema)?;
            Ok(Operand { expr, data_type, changed })
        }
    }
}

/// An integer literal as a decimal, if the other operand is a decimal.
fn narrowed(literal: &Expr, other: Option<&DataType>) -> Option<ScalarValue> {
    let Expr::Literal(ScalarValue::Int64(Some(value)), _) = literal else { return None };
    let DataType::Decimal128(..) = other? else { return None };
    let digits = value.unsigned_abs().checked_ilog10().unwrap_or(0) + 1;
    Some(ScalarValue::Decimal128(Some(i128::from(*value)), digits as u8, 0))
}
