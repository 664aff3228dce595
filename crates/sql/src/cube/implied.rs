//! Whether conditions of a query say more than a condition of a cube does, whose rows it has.
//!
//! ```text
//!   cube   WHERE year >= 1994            query  WHERE year = 1995 AND …
//!   cube   WHERE kind <> 'test'          query  WHERE kind IN ('shop', 'web')
//! ```
//!
//! Both compare the same expression with constants. What a query asks of it is a list of values, or
//! lies between bounds; NULL is in neither, so all of it has to satisfy the condition of the cube.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Operator};
use std::cmp::Ordering;

/// Whether all rows that satisfy the conditions `known` satisfy `wanted`.
pub(super) fn implies(known: &[Expr], wanted: &Expr) -> bool {
    // Of several ways to satisfy a condition, each has to do.
    let in_each_way = |condition: &Expr| match condition {
        Expr::BinaryExpr(both) if both.op == Operator::Or => {
            implies(std::slice::from_ref(both.left.as_ref()), wanted)
                && implies(std::slice::from_ref(both.right.as_ref()), wanted)
        }
        _ => false,
    };
    if known.contains(wanted) || known.iter().any(in_each_way) {
        return true;
    }
    match wanted {
        Expr::BinaryExpr(both) if both.op == Operator::And => {
            implies(known, &both.left) && implies(known, &both.right)
        }
        Expr::BinaryExpr(both) if both.op == Operator::Or => {
            implies(known, &both.left) || implies(known, &both.right)
        }
        Expr::IsNotNull(of) => known.iter().any(|known| of_expr(known, of).is_some()),
        _ => {
            let Some((of, wanted)) = asked(wanted) else { return false };
            let Asked::Not(excluded) = wanted else {
                return known.iter().filter_map(|it| of_expr(it, of)).any(|it| it.is_in(&wanted));
            };
            // Each value may be excluded by another condition.
            excluded.iter().all(|value| {
                let one = Asked::Not(vec![value.clone()]);
                known.iter().filter_map(|it| of_expr(it, of)).any(|it| it.is_in(&one))
            })
        }
    }
}

/// What a condition asks of an expression.
enum Asked {
    /// To be one of these.
    One(Vec<ScalarValue>),
    /// To be none of these, and not NULL.
    Not(Vec<ScalarValue>),
    /// To compare so with a value.
    Bound(Operator, ScalarValue),
}

impl Asked {
    /// Whether all values that this allows are allowed by another, which excludes one at most.
    fn is_in(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(values), other) => {
                !values.is_empty() && values.iter().all(|value| other.allows(value) == Some(true))
            }
            (Self::Not(known), Self::Not(wanted)) => wanted.iter().all(|it| known.contains(it)),
            (Self::Bound(..), Self::Not(wanted)) => {
                wanted.iter().all(|value| self.allows(value) == Some(false))
            }
            (Self::Bound(op, value), Self::Bound(wanted, limit)) => {
                let Some(order) = order(value, limit) else { return false };
                match (op, wanted) {
                    (Operator::Gt, Operator::Gt | Operator::GtEq)
                    | (Operator::GtEq, Operator::GtEq) => order.is_ge(),
                    (Operator::GtEq, Operator::Gt) => order.is_gt(),
                    (Operator::Lt, Operator::Lt | Operator::LtEq)
                    | (Operator::LtEq, Operator::LtEq) => order.is_le(),
                    (Operator::LtEq, Operator::Lt) => order.is_lt(),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Whether a value satisfies it; `None` if it cannot be compared.
    fn allows(&self, value: &ScalarValue) -> Option<bool> {
        let is = |known: &ScalarValue| Some(order(value, known)?.is_eq());
        let among = |list: &[ScalarValue]| -> Option<bool> {
            let found = list.iter().map(is).collect::<Option<Vec<bool>>>()?;
            Some(found.contains(&true))
        };
        match self {
            Self::One(list) => among(list),
            Self::Not(list) => Some(!among(list)?),
            Self::Bound(op, limit) => {
                let order = order(value, limit)?;
                Some(match op {
                    Operator::Gt => order.is_gt(),
                    Operator::GtEq => order.is_ge(),
                    Operator::Lt => order.is_lt(),
                    _ => order.is_le(),
                })
            }
        }
    }
}

/// How two values compare that are of one type and not NULL. Floats have values that do not compare
/// as they are ordered.
fn order(value: &ScalarValue, other: &ScalarValue) -> Option<Ordering> {
    let is_known = !value.is_null()
        && value.data_type() == other.data_type()
        && !value.data_type().is_floating();
    if is_known { value.partial_cmp(other) } else { None }
}

/// What a condition asks, if it is one on this expression.
fn of_expr(condition: &Expr, of: &Expr) -> Option<Asked> {
    let (found, asked) = asked(condition)?;
    (found == of).then_some(asked)
}

/// The expression that a condition compares with constants, and what it asks of it.
fn asked(condition: &Expr) -> Option<(&Expr, Asked)> {
    let constant = |expr: &Expr| match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value.clone()),
        _ => None,
    };
    match condition {
        Expr::BinaryExpr(comparison) => {
            let (of, op, value) = match (constant(&comparison.left), constant(&comparison.right)) {
                (None, Some(value)) => (comparison.left.as_ref(), comparison.op, value),
                (Some(value), None) => (comparison.right.as_ref(), comparison.op.swap()?, value),
                _ => return None,
            };
            let asked = match op {
                Operator::Eq => Asked::One(vec![value]),
                Operator::NotEq => Asked::Not(vec![value]),
                Operator::Gt | Operator::GtEq | Operator::Lt | Operator::LtEq => {
                    Asked::Bound(op, value)
                }
                _ => return None,
            };
            Some((of, asked))
        }
        // Everything, NULL included, is in no list at all.
        Expr::InList(list) if !list.list.is_empty() => {
            let values = list.list.iter().map(constant).collect::<Option<Vec<_>>>()?;
            let asked = if list.negated { Asked::Not(values) } else { Asked::One(values) };
            Some((list.expr.as_ref(), asked))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    #[test]
    fn narrower_conditions_imply_wider_ones() {
        let x = || col("x");
        let list = |values: &[i64]| values.iter().map(|value| lit(*value)).collect::<Vec<_>>();
        let cases = [
            (vec![x().eq(lit(5_i64))], x().gt(lit(3_i64)), true),
            (vec![x().eq(lit(3_i64))], x().gt(lit(3_i64)), false),
            (vec![lit(5_i64).lt(x())], x().gt(lit(5_i64)), true),
            (vec![x().gt_eq(lit(5_i64))], x().gt(lit(5_i64)), false),
            (vec![x().gt(lit(5_i64))], x().gt_eq(lit(5_i64)), true),
            (vec![x().lt(lit(5_i64))], x().lt_eq(lit(6_i64)), true),
            (vec![x().lt(lit(7_i64))], x().lt_eq(lit(6_i64)), false),
            (vec![x().in_list(list(&[1, 2]), false)], x().lt(lit(3_i64)), true),
            (vec![x().in_list(list(&[1, 3]), false)], x().lt(lit(3_i64)), false),
            (vec![x().in_list(list(&[1, 2]), false)], x().in_list(list(&[1, 2, 3]), false), true),
            (vec![x().in_list(list(&[1, 4]), false)], x().in_list(list(&[1, 2, 3]), false), false),
            (vec![x().eq(lit(2_i64))], x().not_eq(lit(1_i64)), true),
            (vec![x().lt(lit(1_i64))], x().not_eq(lit(1_i64)), true),
            (vec![x().lt_eq(lit(1_i64))], x().not_eq(lit(1_i64)), false),
            (
                vec![x().not_eq(lit(1_i64)), x().not_eq(lit(2_i64))],
                x().in_list(list(&[1, 2]), true),
                true,
            ),
            (vec![x().in_list(list(&[1, 2, 3]), true)], x().in_list(list(&[1, 2]), true), true),
            (vec![x().in_list(list(&[1]), true)], x().in_list(list(&[1, 2]), true), false),
            (vec![x().gt(lit(1_i64))], x().is_not_null(), true),
            (vec![x().is_null()], x().is_not_null(), false),
            (vec![x().in_list(list(&[]), true)], x().is_not_null(), false),
            (vec![col("y").gt(lit(1_i64))], x().gt(lit(0_i64)), false),
            (vec![x().gt(lit("1"))], x().gt(lit(0_i64)), false),
            (vec![x().gt(lit(1.0))], x().gt(lit(0.0)), false),
            (
                vec![x().gt(lit(1_i64)), x().lt(lit(9_i64))],
                x().gt(lit(0_i64)).and(x().lt(lit(10_i64))),
                true,
            ),
            (vec![x().gt(lit(1_i64))], x().gt(lit(0_i64)).or(col("y").is_null()), true),
            (vec![x().eq(lit(1_i64)).or(x().gt(lit(4_i64)))], x().gt(lit(0_i64)), true),
            (vec![x().eq(lit(1_i64)).or(x().gt(lit(4_i64)))], x().gt(lit(1_i64)), false),
            (vec![x().eq(lit(ScalarValue::Int64(None)))], x().gt(lit(0_i64)), false),
        ];
        for (known, wanted, expected) in cases {
            assert_eq!(implies(&known, &wanted), expected, "{known:?} {wanted}");
        }
    }
}
