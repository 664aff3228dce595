//! LIMIT and OFFSET for each value of the outer columns: the rows of each are numbered.

use super::domain::Domain;
use super::push::Pushed;
use super::{Unnest, extend, select};
use datafusion::common::{Column, Result, not_impl_err};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, FetchType, Filter, Limit, LogicalPlan, Projection, SkipType, SortExpr,
    SubqueryAlias, Window, lit,
};
use std::sync::Arc;

impl Unnest {
    pub(super) fn push_limit(&mut self, limit: &Limit, domain: &Domain) -> Result<Pushed> {
        let (SkipType::Literal(skip), FetchType::Literal(fetch)) =
            (limit.get_skip_type()?, limit.get_fetch_type()?)
        else {
            return not_impl_err!("a subquery with a LIMIT that is not a number");
        };
        self.push_rows(&limit.input, skip as u64, fetch.map(|rows| rows as u64), domain)
    }

    /// The rows from `skip` on of each key. A projection changes neither their number nor order.
    fn push_rows(
        &mut self,
        plan: &LogicalPlan,
        skip: u64,
        fetch: Option<u64>,
        domain: &Domain,
    ) -> Result<Pushed> {
        match plan {
            LogicalPlan::Projection(Projection { expr, input, .. }) => {
                let child = self.push_rows(input, skip, fetch, domain)?;
                self.push_projection(expr, child, domain)
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
                let child = self.push_rows(input, skip, fetch, domain)?;
                self.push_alias(alias, child)
            }
            LogicalPlan::Sort(sort) => {
                let child = self.push(&sort.input, domain)?;
                let resolve = |order: &SortExpr| {
                    let expr = domain.resolve(&order.expr, &child.keys)?;
                    Ok(SortExpr::new(expr, order.asc, order.nulls_first))
                };
                let order = sort.expr.iter().map(resolve).collect::<Result<Vec<_>>>()?;
                self.number(child, order, skip, fetch)
            }
            plan => {
                let child = self.push(plan, domain)?;
                self.number(child, Vec::new(), skip, fetch)
            }
        }
    }

    fn number(
        &mut self,
        child: Pushed,
        order: Vec<SortExpr>,
        skip: u64,
        fetch: Option<u64>,
    ) -> Result<Pushed> {
        let Pushed { mut plan, keys } = child;
        let columns = plan.schema().columns();
        let mut by = Vec::new();
        for SortExpr { expr, asc, nulls_first } in order {
            // The engine reasons about the order of expressions, and fails at some.
            let name = self.name("order");
            let (extended, column) = extend(plan, expr, &name)?;
            plan = extended;
            by.push(SortExpr::new(Expr::Column(column), asc, nulls_first));
        }
        let name = self.name("row");
        let partition = keys.iter().cloned().map(Expr::Column).collect();
        let number = row_number().partition_by(partition);
        let number = if by.is_empty() { number } else { number.order_by(by) };
        let number = number.build()?.alias(&name);
        let window = LogicalPlan::Window(Window::try_new(vec![number], Arc::new(plan))?);
        let number = Expr::Column(Column::new_unqualified(name));
        let mut wanted = number.clone().gt(lit(skip));
        if let Some(fetch) = fetch {
            wanted = wanted.and(number.lt_eq(lit(skip.saturating_add(fetch))));
        }
        let rows = LogicalPlan::Filter(Filter::try_new(wanted, Arc::new(window))?);
        Ok(Pushed { plan: select(rows, columns)?, keys })
    }
}
