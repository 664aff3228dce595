//! Joins within subqueries that depend on outer columns, and LATERAL joins.

use super::domain::Domain;
use super::push::{Pushed, join};
use super::{Unnest, project, select};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, JoinType, NullEquality, Result, not_impl_err};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, Join, LogicalPlan};
use std::sync::Arc;

impl Unnest {
    /// The keys get into the side that depends on them and into the side whose rows are kept; where
    /// that is both, rows are joined that have the same keys.
    pub(super) fn push_join(&mut self, old: &Join, domain: &Domain) -> Result<Pushed> {
        use JoinType::{Full, Right, RightAnti, RightMark, RightSemi};
        let is_in_left = domain.is_used_in(&old.left)?;
        let is_in_right = domain.is_used_in(&old.right)?;
        let (keeps_left, keeps_right) = match old.join_type {
            JoinType::Inner => (!is_in_left && !is_in_right, false),
            Full => (true, true),
            Right | RightAnti | RightMark | RightSemi => (false, true),
            _ => (true, false),
        };
        let left = self.push_side(&old.left, is_in_left || keeps_left, domain)?;
        let right = self.push_side(&old.right, is_in_right || keeps_right, domain)?;
        let keys = match (left.keys.is_empty(), keeps_right) {
            (false, false) => left.keys.clone(),
            _ => right.keys.clone(),
        };
        let plan = self.join_again(old, &left, &right, &keys, domain)?;
        let outputs = old.schema.columns();
        if old.join_type != Full {
            let columns = [outputs, keys.clone()].concat();
            return Ok(Pushed { plan: select(plan, columns)?, keys });
        }
        // A row of one side alone has the keys of that side.
        let names: Vec<String> = keys.iter().map(|_| self.name("key")).collect();
        let mut columns: Vec<Expr> = outputs.into_iter().map(Expr::Column).collect();
        for ((left, right), name) in left.keys.into_iter().zip(right.keys).zip(&names) {
            columns.push(coalesce(vec![left.into(), right.into()]).alias(name));
        }
        let keys = names.into_iter().map(Column::new_unqualified).collect();
        Ok(Pushed { plan: project(plan, columns)?, keys })
    }

    fn push_side(
        &mut self,
        side: &Arc<LogicalPlan>,
        takes_keys: bool,
        domain: &Domain,
    ) -> Result<Pushed> {
        match takes_keys {
            true => self.push(side, domain),
            false => Ok(Pushed { plan: side.as_ref().clone(), keys: Vec::new() }),
        }
    }

    #[expect(clippy::unused_self, reason = "one of the family")]
    fn join_again(
        &mut self,
        old: &Join,
        left: &Pushed,
        right: &Pushed,
        keys: &[Column],
        domain: &Domain,
    ) -> Result<LogicalPlan> {
        let mut on = Vec::new();
        for (a, b) in &old.on {
            on.push((domain.resolve(a, keys)?, domain.resolve(b, keys)?));
        }
        let mut conditions = Vec::new();
        if let Some(filter) = &old.filter {
            conditions.push(domain.resolve(filter, keys)?);
        }
        let mut null_equality = old.null_equality;
        if !left.keys.is_empty() && !right.keys.is_empty() {
            // The keys are equal where both are NULL, other columns are not.
            if null_equality == NullEquality::NullEqualsNothing {
                conditions.extend(on.iter().map(|(left, _)| left.clone().is_not_null()));
            }
            null_equality = NullEquality::NullEqualsNull;
            let pairs = left.keys.iter().cloned().zip(right.keys.iter().cloned());
            on.extend(pairs.map(|(left, right)| (Expr::Column(left), Expr::Column(right))));
        }
        Ok(LogicalPlan::Join(Join::try_new(
            Arc::new(left.plan.clone()),
            Arc::new(right.plan.clone()),
            on,
            conjunction(conditions),
            old.join_type,
            old.join_constraint,
            null_equality,
            old.null_aware,
        )?))
    }

    /// A left join with a condition that has subqueries which depend on both sides: a LATERAL join
    /// with those rows of the right side that meet it.
    pub(super) fn lateral_condition(&mut self, old: Join, condition: Expr) -> Result<LogicalPlan> {
        let left = old.left.schema();
        let referring = condition.transform_up(|expr| {
            let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
            let Some(place) = left.maybe_index_of_column(column) else {
                return Ok(Transformed::no(expr));
            };
            let field = Arc::clone(left.field(place));
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column.clone())))
        });
        let predicate = referring?.data;
        let rows = LogicalPlan::Filter(Filter::try_new(predicate, old.right)?);
        let rows = self.place(rows)?;
        let domain = Domain::of(&rows, &old.left)?;
        let rows = self.push(&rows, &domain)?;
        let mut conditions: Vec<Expr> = old.filter.into_iter().collect();
        conditions.extend(old.on.into_iter().map(|(left, right)| left.eq(right)));
        let keys = (domain.outer.as_slice(), rows.keys.as_slice());
        let left = Arc::unwrap_or_clone(old.left);
        join(left, rows.plan, keys, conjunction(conditions), JoinType::Left)
    }

    /// Whether the right side of a join depends on the left, and not on a query around the join
    /// that has columns of the same names. LATERAL is marked only if it depends on them itself, and
    /// not by a subquery in it; and it may be the first of several tables on the right.
    fn is_lateral(&self, right: &LogicalPlan, domain: &Domain) -> Result<bool> {
        let of_others = |column| self.around.iter().any(|schema| schema.has_column(column));
        if !domain.outer.iter().any(of_others) {
            return Ok(true);
        }
        right.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_))))
    }

    /// A join with a subquery on the right that depends on the left.
    pub(super) fn lateral(&mut self, old: Join) -> Result<LogicalPlan> {
        let domain = Domain::of(&old.right, &old.left)?;
        if domain.outer.is_empty() || !self.is_lateral(&old.right, &domain)? {
            return Ok(LogicalPlan::Join(old));
        }
        if !matches!(old.join_type, JoinType::Inner | JoinType::Left) {
            return not_impl_err!("LATERAL on the right of a {} JOIN", old.join_type);
        }
        let right = self.push(&old.right, &domain)?;
        let mut conditions: Vec<Expr> = old.filter.into_iter().collect();
        conditions.extend(old.on.into_iter().map(|(left, right)| left.eq(right)));
        let left = Arc::unwrap_or_clone(old.left);
        let keys = (domain.outer.as_slice(), right.keys.as_slice());
        let joined = join(left, right.plan, keys, conjunction(conditions), old.join_type)?;
        select(joined, old.schema.columns())
    }
}
