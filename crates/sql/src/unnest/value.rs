//! Subqueries as values: each becomes columns that are joined to the rows around it, and an
//! expression of them.
//!
//! IN, ANY and ALL have three truth values. With the number of rows for the keys, that of those
//! which are not NULL, and whether one of them matches:
//!
//! ```text
//!   a match → true    no rows → false    x or one of them NULL → NULL    else false
//! ```
//!
//! `x < ANY` matches if x is less than the greatest, and so on; `x op ALL` is NOT (x not-op ANY).

use super::domain::Domain;
use super::push::{Pushed, join, left_join};
use super::single_row::single_row;
use super::{Scope, Unnest, extend, is_volatile, project};
use arrow::datatypes::DataType;
use datafusion::common::{Column, ExprSchema, JoinType, Result, ScalarValue, not_impl_err};
use datafusion::functions_aggregate::expr_fn::{count, first_value, max, min};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, ExprSchemable, Filter, Limit, LogicalPlan, LogicalPlanBuilder,
    Operator, Subquery, binary_expr, cast, lit, when,
};
use std::sync::Arc;

/// The rows around a subquery, and how many columns they had before any was joined to them.
pub(super) struct Site {
    /// What the subqueries see.
    around: LogicalPlan,
    /// The same with the columns of the subqueries that are rewritten.
    pub(super) rows: LogicalPlan,
}

impl Site {
    pub(super) fn new(around: LogicalPlan) -> Self {
        Self { rows: around.clone(), around }
    }
}

/// A comparison with all the rows of a subquery.
struct Comparison {
    value: Expr,
    operator: Operator,
    quantifier: SetQuantifier,
    is_negated: bool,
}

impl Unnest {
    /// Joins what the subquery gives to the rows, and returns the value in terms of it.
    pub(super) fn value(&mut self, site: &mut Site, expr: Expr) -> Result<Expr> {
        match expr {
            Expr::ScalarSubquery(subquery) => {
                let subquery = self.whole(site, &subquery)?;
                self.scalar(site, &subquery)
            }
            Expr::Exists(Exists { subquery, negated }) => {
                let subquery = self.whole(site, &subquery)?;
                self.exists(site, &subquery, negated)
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let comparison = Comparison {
                    value: *expr,
                    operator: Operator::Eq,
                    quantifier: SetQuantifier::Any,
                    is_negated: negated,
                };
                let subquery = self.whole(site, &subquery)?;
                self.compare(site, comparison, &subquery)
            }
            Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                let comparison =
                    Comparison { value: *expr, operator: op, quantifier, is_negated: false };
                let subquery = self.whole(site, &subquery)?;
                self.compare(site, comparison, &subquery)
            }
            other => Ok(other),
        }
    }

    /// The subquery without any others in it that may depend on the same columns.
    fn whole(&mut self, site: &Site, subquery: &Subquery) -> Result<LogicalPlan> {
        let plan = subquery.subquery.as_ref().clone();
        if self.scope == Scope::All {
            return Ok(plan);
        }
        self.around.push(site.around.schema().as_ref().clone());
        self.scope = Scope::All;
        let plan = self.plan(plan);
        self.scope = Scope::Misplanned;
        self.around.pop();
        plan
    }

    fn scalar(&mut self, site: &mut Site, subquery: &LogicalPlan) -> Result<Expr> {
        let domain = Domain::of(subquery, &site.around)?;
        let has_one_row = subquery.max_rows().is_some_and(|rows| rows <= 1);
        let (pushed, value) = self.one_column(subquery, &domain)?;
        let value = Expr::Column(value);
        if has_one_row && !domain.outer.is_empty() {
            self.attach(site, pushed, &domain)?;
            return Ok(value);
        }
        let (name, rows) = (self.name("value"), self.name("rows"));
        let values =
            vec![first_value(value, Vec::new()).alias(&name), count(lit(1_i64)).alias(&rows)];
        let pushed = group(pushed, values)?;
        self.attach(site, pushed, &domain)?;
        Ok(single_row(named(&name), named(&rows)))
    }

    fn exists(&mut self, site: &mut Site, subquery: &LogicalPlan, negated: bool) -> Result<Expr> {
        let domain = Domain::of(subquery, &site.around)?;
        let pushed = self.push(subquery, &domain)?;
        let mut pushed = match domain.outer.is_empty() {
            true => pushed,
            false => self.rename(pushed.plan, pushed.keys, None)?,
        };
        if domain.outer.is_empty() {
            let fetch = Some(Box::new(lit(1_i64)));
            let input = Arc::new(pushed.plan);
            pushed.plan = LogicalPlan::Limit(Limit { skip: None, fetch, input });
        }
        let rows = self.name("rows");
        let pushed = group(pushed, vec![count(lit(1_i64)).alias(&rows)])?;
        self.attach(site, pushed, &domain)?;
        Ok(match (domain.outer.is_empty(), negated) {
            (false, false) => named(&rows).is_not_null(),
            (false, true) => named(&rows).is_null(),
            (true, false) => named(&rows).gt(lit(0_i64)),
            (true, true) => named(&rows).eq(lit(0_i64)),
        })
    }

    fn compare(
        &mut self,
        site: &mut Site,
        comparison: Comparison,
        subquery: &LogicalPlan,
    ) -> Result<Expr> {
        let Comparison { value, mut operator, quantifier, mut is_negated } = comparison;
        if quantifier == SetQuantifier::All {
            let Some(opposite) = operator.negate() else {
                return not_impl_err!("{operator} ALL with a subquery");
            };
            (operator, is_negated) = (opposite, !is_negated);
        }
        let value = self.operand(site, value)?;
        let domain = Domain::of(subquery, &site.around)?;
        let (pushed, item) = self.one_column(subquery, &domain)?;
        let can_be_null = is_nullable(&value, &site.rows)?
            || is_nullable(&Expr::Column(item.clone()), &pushed.plan)?;
        let (truth, counts) = match operator {
            Operator::Eq => {
                if is_volatile(&pushed.plan)? {
                    return not_impl_err!("IN with a subquery of values that change at every look");
                }
                let counts = match can_be_null {
                    true => Some(self.counts(site, &domain, pushed.clone(), &item, None)?),
                    false => None,
                };
                (self.is_among(site, &domain, pushed, item, value.clone())?, counts)
            }
            Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                let bounds = (self.name("least"), self.name("greatest"));
                let counts = self.counts(site, &domain, pushed, &item, Some(&bounds))?;
                let least = binary_expr(value.clone(), operator, named(&bounds.0));
                let greatest = binary_expr(value.clone(), operator, named(&bounds.1));
                let truth = match operator {
                    Operator::NotEq => least.or(greatest),
                    Operator::Lt | Operator::LtEq => greatest,
                    _ => least,
                };
                (truth, Some(counts))
            }
            other => return not_impl_err!("{other} ANY with a subquery"),
        };
        let mut cases = when(truth, lit(!is_negated));
        if let Some((rows, values)) = counts {
            let none = match domain.outer.is_empty() {
                true => rows.clone().eq(lit(0_i64)),
                false => rows.clone().is_null(),
            };
            let unknown = value.is_null().or(values.lt(rows));
            cases =
                cases.when(none, lit(is_negated)).when(unknown, lit(ScalarValue::Boolean(None)));
        }
        cases.otherwise(lit(is_negated))
    }

    /// How many rows there are for the keys, how many are not NULL, and their bounds.
    fn counts(
        &mut self,
        site: &mut Site,
        domain: &Domain,
        pushed: Pushed,
        item: &Column,
        bounds: Option<&(String, String)>,
    ) -> Result<(Expr, Expr)> {
        let (rows, values) = (self.name("rows"), self.name("values"));
        let item = Expr::Column(item.clone());
        let mut functions =
            vec![count(lit(1_i64)).alias(&rows), count(item.clone()).alias(&values)];
        if let Some((least, greatest)) = bounds {
            functions.extend([min(item.clone()).alias(least), max(item).alias(greatest)]);
        }
        self.attach(site, group(pushed, functions)?, domain)?;
        Ok((named(&rows), named(&values)))
    }

    /// Whether the value is among the items for the keys; NULL is not.
    fn is_among(
        &mut self,
        site: &mut Site,
        domain: &Domain,
        pushed: Pushed,
        item: Column,
        value: Expr,
    ) -> Result<Expr> {
        let Pushed { plan, keys } = pushed;
        let types = (value.get_type(site.rows.schema())?, plan.schema().field_from_column(&item)?);
        let mut of_item = Expr::Column(item.clone());
        // Several integers may be equal to one float: they must become one first.
        if types.0.is_floating() && types.1.data_type().is_integer() {
            of_item = cast(of_item, DataType::Float64);
        }
        let name = self.name("item");
        let is_known = Expr::Column(item).is_not_null();
        let plan = LogicalPlan::Filter(Filter::try_new(is_known, Arc::new(plan))?);
        let Pushed { plan, keys } = self.rename(plan, keys, Some(of_item.alias(&name)))?;
        let plan = LogicalPlan::Distinct(Distinct::All(Arc::new(plan)));
        let item = named(&name);
        let rows = std::mem::take(&mut site.rows);
        let condition = Some(value.eq(item.clone()));
        site.rows = join(rows, plan, (&domain.outer, &keys), condition, JoinType::Left)?;
        Ok(item.is_not_null())
    }

    /// The value as a column or a literal: it is used more than once.
    fn operand(&mut self, site: &mut Site, value: Expr) -> Result<Expr> {
        if matches!(value, Expr::Column(_) | Expr::Literal(..)) {
            return Ok(value);
        }
        let name = self.name("operand");
        let (rows, column) = extend(std::mem::take(&mut site.rows), value, &name)?;
        site.rows = rows;
        Ok(Expr::Column(column))
    }

    /// The subquery's only column for the values of the domain, under a new name.
    fn one_column(&mut self, subquery: &LogicalPlan, domain: &Domain) -> Result<(Pushed, Column)> {
        let columns = subquery.schema().columns();
        let [column] = columns.as_slice() else {
            return not_impl_err!("a subquery of {} columns as a value", columns.len());
        };
        let Pushed { plan, keys } = self.push(subquery, domain)?;
        let name = self.name("value");
        let value = Expr::Column(column.clone()).alias(&name);
        Ok((self.rename(plan, keys, Some(value))?, Column::new_unqualified(name)))
    }

    /// The keys, under new names: others may have theirs, or a qualifier of the query around.
    fn rename(
        &mut self,
        plan: LogicalPlan,
        keys: Vec<Column>,
        value: Option<Expr>,
    ) -> Result<Pushed> {
        let names: Vec<String> = keys.iter().map(|_| self.name("key")).collect();
        let keys = keys.into_iter().zip(&names);
        let mut columns: Vec<Expr> =
            keys.map(|(key, name)| Expr::Column(key).alias(name)).collect();
        columns.extend(value);
        let keys = names.into_iter().map(Column::new_unqualified).collect();
        Ok(Pushed { plan: project(plan, columns)?, keys })
    }

    /// Joins at most one row to each of the site.
    #[expect(clippy::unused_self, reason = "one of the family")]
    fn attach(&mut self, site: &mut Site, pushed: Pushed, domain: &Domain) -> Result<()> {
        let rows = std::mem::take(&mut site.rows);
        site.rows = match domain.outer.is_empty() {
            // One row, without keys.
            true => LogicalPlanBuilder::from(rows).cross_join(pushed.plan)?.build()?,
            false => left_join(rows, pushed.plan, &domain.outer, &pushed.keys)?,
        };
        Ok(())
    }
}

fn named(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

fn is_nullable(expr: &Expr, plan: &LogicalPlan) -> Result<bool> {
    expr.nullable(plan.schema())
}

/// One row for the values of the keys.
fn group(pushed: Pushed, values: Vec<Expr>) -> Result<Pushed> {
    let groups = pushed.keys.iter().cloned().map(Expr::Column).collect();
    let plan = LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(pushed.plan), groups, values)?);
    Ok(Pushed { plan, keys: pushed.keys })
}
