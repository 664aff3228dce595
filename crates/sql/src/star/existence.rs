//! Semi and anti joins with the rows that refer to the other side: orders with a late line.
//!
//! Their inner side is a block of groups, see [`super::keyed`] for the conditions. A fact that is
//! joined with a dimension in this way, `IN (SELECT key FROM dimension …)`, is not meant: there the
//! inner side has one row for each key, and is a table like others.

use super::flatten::{AsideKind, Condition, Flat, Scope, written_out};
use super::refused::Refused;
use super::shape::Star;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Column;
use datafusion::functions_aggregate::expr_fn::{max, min};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, JoinType, Operator};
use starfact_store::Column as TableColumn;
use std::sync::Arc;

/// The inner side of a join, read as groups.
struct Inner {
    flat: Flat,
    keys: Vec<Expr>,
    /// A value of each row that is to differ from one of the outer side, its type, and that one.
    differing: Option<(Expr, FieldRef, Expr)>,
}

impl Flat {
    /// Takes in a semi or an anti join with rows that refer to the outer side; `None` if it is not
    /// one.
    pub(super) fn add_existence(&mut self, join: &Join) -> Option<Result<Vec<Expr>, Refused>> {
        let (is_left_outer, is_anti) = match join.join_type {
            JoinType::LeftSemi => (true, false),
            JoinType::LeftAnti => (true, true),
            JoinType::RightSemi => (false, false),
            JoinType::RightAnti => (false, true),
            _ => return None,
        };
        let inner = self.inner(join, is_left_outer)?;
        Some(self.add_inner(join, inner, is_left_outer, is_anti))
    }

    fn inner(&self, join: &Join, is_left_outer: bool) -> Option<Inner> {
        let (outer_plan, plan) = match is_left_outer {
            true => (&join.left, &join.right),
            false => (&join.right, &join.left),
        };
        let mut flat = self.beside();
        let outputs = flat.add(plan).ok()?;
        let scope = Scope { schema: plan.schema(), outputs: &outputs };
        let own = |(left, right): &(Expr, Expr)| {
            written_out(if is_left_outer { right } else { left }, &[scope.by_ref()]).ok()
        };
        let keys: Vec<Expr> = join.on.iter().map(own).collect::<Option<_>>()?;
        let mut differing = None;
        for conjunct in join.filter.iter().flat_map(|filter| split_conjunction(filter)) {
            let is_of = |expr: &Expr, plan: &datafusion::logical_expr::LogicalPlan| {
                let columns = expr.column_refs();
                !columns.is_empty() && columns.iter().all(|it| plan.schema().has_column(it))
            };
            if is_of(conjunct, plan) {
                let expr = written_out(conjunct, &[scope.by_ref()]).ok()?;
                flat.conditions.push(Condition { expr, of: None });
                continue;
            }
            let Expr::BinaryExpr(BinaryExpr { left, op: Operator::NotEq, right }) = conjunct else {
                return None;
            };
            let (value, other) = match (is_of(left, plan), is_of(right, plan)) {
                (true, false) => (left, right),
                (false, true) => (right, left),
                _ => return None,
            };
            let data_type = value.get_type(plan.schema()).ok()?;
            // Floating-point numbers are ordered otherwise than they are compared.
            let is_ordered = data_type.is_integer()
                || data_type.is_temporal()
                || matches!(data_type, DataType::Decimal128(..) | DataType::Utf8View);
            if !is_of(other, outer_plan) || !is_ordered || differing.is_some() {
                return None;
            }
            let value = written_out(value, &[scope.by_ref()]).ok()?;
            let field = Arc::new(Field::new("value", data_type, true));
            differing = Some((value, field, other.as_ref().clone()));
        }
        let is_single = is_joined_by_key(&Star::of(&flat).ok()?, &keys);
        (!is_single).then_some(Inner { flat, keys, differing })
    }

    fn add_inner(
        &mut self,
        join: &Join,
        inner: Inner,
        is_left_outer: bool,
        is_anti: bool,
    ) -> Result<Vec<Expr>, Refused> {
        let plan = if is_left_outer { &join.left } else { &join.right };
        let outer = self.add(plan)?;
        let scope = Scope { schema: plan.schema(), outputs: &outer };
        let (tables, conditions) = (self.tables.len(), self.conditions.len());
        let (values, fields) = match &inner.differing {
            None => (Vec::new(), Vec::new()),
            Some((value, field, _)) => {
                (vec![min(value.clone()), max(value.clone())], vec![Arc::clone(field); 2])
            }
        };
        let found = self.add_block(&inner.flat, &inner.keys, values, fields)?;
        let (keys, values) = found.split_at(inner.keys.len());
        for ((left, right), key) in join.on.iter().zip(keys) {
            let own = if is_left_outer { left } else { right };
            let own = written_out(own, &[scope.by_ref()])?;
            self.conditions.push(Condition { expr: own.eq(key.clone()), of: None });
        }
        let differs = match (&inner.differing, values) {
            (Some((_, _, other)), [least, greatest]) => {
                let other = written_out(other, &[scope])?;
                let differs = |value: &Expr| value.clone().not_eq(other.clone());
                Some(differs(least).or(differs(greatest)))
            }
            _ => None,
        };
        let block = tables..self.tables.len();
        let joined = [conditions..self.conditions.len(), 0..0];
        match differs {
            None if is_anti => self.set_aside(block, AsideKind::Anti, joined)?,
            None => {}
            Some(differs) if is_anti => {
                self.set_aside(block, AsideKind::Outer, joined)?;
                let expr = Expr::IsNotTrue(Box::new(differs));
                self.conditions.push(Condition { expr, of: None });
            }
            Some(differs) => self.conditions.push(Condition { expr: differs, of: None }),
        }
        Ok(outer)
    }
}

/// Whether the columns are those of a key of the root. Rows may have NULL in a UNIQUE key, and then
/// it does not tell them from others: that does not matter where NULLs meet nothing.
pub(super) fn is_joined_by_key(star: &Star, columns: &[Expr]) -> bool {
    is_key(star, columns, |_| true)
}

/// Whether the columns are those of a key of the root that has no NULLs.
pub(super) fn is_grouped_by_key(star: &Star, columns: &[Expr]) -> bool {
    is_key(star, columns, |column| !column.nullable)
}

fn is_key(star: &Star, columns: &[Expr], counts: impl Fn(&TableColumn) -> bool) -> bool {
    let Some((table, place)) =
        star.tables.first().and_then(|root| Some((root.leaf.table()?, root.place)))
    else {
        return false;
    };
    let is = |expr: &Expr, name: &str| match expr {
        Expr::Column(Column { relation, name: of, .. }) => {
            relation.as_ref() == Some(&super::flatten::relation(place)) && of == name
        }
        _ => false,
    };
    table.keys().iter().any(|key| {
        key.columns.len() == columns.len()
            && key.columns.iter().all(|id| {
                let column = table.column(*id).filter(|column| counts(column));
                column.is_some_and(|column| columns.iter().any(|expr| is(expr, &column.name)))
            })
    })
}
