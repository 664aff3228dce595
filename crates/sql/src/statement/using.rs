//! `JOIN … USING (a)` and `NATURAL JOIN` written out.
//!
//! The columns of USING are one column of the join: of an inner or left join the left one, of a
//! right join the right one, of a full join whichever is not NULL. The query engine always takes
//! the left one, and in WHERE it does not know which is meant. So names in WHERE get their table
//! here; joins that keep rows of their right side become joins with ON.

use super::{Context, names};
use crate::error::{Error, Result};
use crate::parse::parse_expression;
use datafusion::catalog::SchemaProvider;
use datafusion::sql::sqlparser::ast::{
    ExcludeSelectItem, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, OrderByKind, Query, Select, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, TableFactor, TableWithJoins, Visit, VisitMut, Visitor, VisitorMut,
    WildcardAdditionalOptions,
};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Writes out what USING and NATURAL mean, in all parts of a query.
///
/// # Errors
/// Right and full joins for which the columns cannot be told.
pub(super) fn write_out(context: &Context, query: &mut Query) -> Result<()> {
    let mut ctes = CteNames::default();
    let _ = Visit::visit(query, &mut ctes);
    let mut pass = Pass { context, ctes: ctes.0 };
    match VisitMut::visit(query, &mut pass) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// Names that do not mean tables of the warehouse.
#[derive(Default)]
struct CteNames(HashSet<String>);

impl Visitor for CteNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(ctes.map(|cte| names::fold(&cte.alias.name)));
        ControlFlow::Continue(())
    }
}

struct Pass<'a> {
    context: &'a Context,
    ctes: HashSet<String>,
}

impl VisitorMut for Pass<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        let Query { body, order_by, .. } = query;
        let SetExpr::Select(select) = body.as_mut() else { return ControlFlow::Continue(()) };
        let order = order_by.as_mut().map(|order_by| &mut order_by.kind);
        match self.select(select, order) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    /// Those that are not the body of a query, such as a side of UNION.
    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<Error>> {
        match self.select(select, None) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }
}

/// A table of FROM.
struct Relation {
    /// What its columns can be qualified with.
    qualifier: Vec<Ident>,
    /// Its columns, where they are known.
    columns: Option<Vec<String>>,
    /// Those that are part of a common column.
    merged: Vec<Ident>,
}

impl Relation {
    fn column(&self, name: &Ident) -> Expr {
        let mut parts = self.qualifier.clone();
        parts.push(name.clone());
        Expr::CompoundIdentifier(parts)
    }

    fn has(&self, name: &str) -> Option<bool> {
        let columns = self.columns.as_ref()?;
        Some(columns.iter().any(|column| column.to_lowercase() == name.to_lowercase()))
    }
}

/// A column that several tables have in common.
struct Common {
    name: Ident,
    value: Expr,
}

fn is_using(constraint: &JoinConstraint) -> bool {
    matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural)
}

/// The constraint of a join that has one.
fn constraint(join: &mut Join) -> Option<&mut JoinConstraint> {
    match &mut join.join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

/// Which side a common column has its value from.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Left,
    Right,
    Either,
}

fn side(operator: &JoinOperator) -> Side {
    match operator {
        JoinOperator::Right(_) | JoinOperator::RightOuter(_) => Side::Right,
        JoinOperator::FullOuter(_) => Side::Either,
        _ => Side::Left,
    }
}

impl Pass<'_> {
    fn select(&self, select: &mut Select, order: Option<&mut OrderByKind>) -> Result<()> {
        let mut common = Vec::new();
        let mut relations = Vec::new();
        let mut is_rewritten = false;
        for table in &mut select.from {
            let uses = |join: &mut Join| constraint(join).is_some_and(|it| is_using(it));
            if !table.joins.iter_mut().any(uses) {
                relations.extend(self.relations(table));
                continue;
            }
            let keeps_right =
                |join: &mut Join| side(&join.join_operator) != Side::Left && uses(join);
            let rewrite = table.joins.iter_mut().any(keeps_right);
            is_rewritten |= rewrite;
            match self.merge(table, rewrite, &mut common) {
                Some(found) => relations.extend(found),
                None if rewrite => return Err(unclear()),
                None => {}
            }
        }
        if common.is_empty() {
            return Ok(());
        }
        replace(&mut select.selection, &common);
        if !is_rewritten {
            return Ok(());
        }
        replace(&mut select.having, &common);
        replace(&mut select.qualify, &common);
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            keys.iter_mut().for_each(|key| replace(key, &common));
        }
        let outputs = rewrite_items(&mut select.projection, &common, &relations)?;
        if let Some(OrderByKind::Expressions(keys)) = order {
            common.retain(|column| !outputs.contains(&names::fold(&column.name)));
            keys.iter_mut().for_each(|key| replace(key, &common));
        }
        Ok(())
    }

    fn relations(&self, table: &TableWithJoins) -> Vec<Relation> {
        let factors = [&table.relation].into_iter().chain(table.joins.iter().map(|j| &j.relation));
        factors.filter_map(|factor| self.relation(factor)).collect()
    }

    /// The common columns of a chain of joins, and its tables; None if they cannot be told. With
    /// `rewrite`, USING becomes ON.
    fn merge(
        &self,
        table: &mut TableWithJoins,
        rewrite: bool,
        common: &mut Vec<Common>,
    ) -> Option<Vec<Relation>> {
        let mut left = vec![self.relation(&table.relation)?];
        for join in &mut table.joins {
            let mut right = self.relation(&join.relation)?;
            let side = side(&join.join_operator);
            let Some(constraint) = constraint(join).filter(|it| is_using(it)) else {
                left.push(right);
                continue;
            };
            let columns = match constraint {
                JoinConstraint::Using(columns) => {
                    columns.iter().map(last).collect::<Option<_>>()?
                }
                _ => shared(&left, &right, common)?,
            };
            let mut conditions = Vec::new();
            for name in columns {
                let known = common.iter().position(|column| same(&column.name, &name));
                let value = match known.and_then(|place| common.get(place)) {
                    Some(column) => column.value.clone(),
                    None => {
                        let owner = owner(&mut left, &name)?;
                        owner.merged.push(name.clone());
                        owner.column(&name)
                    }
                };
                let other = right.column(&name);
                right.merged.push(name.clone());
                conditions.push(format!("{value} = {other}"));
                let value = match side {
                    Side::Left => value,
                    Side::Right => other,
                    Side::Either => {
                        parse_expression(&format!("coalesce({value}, {other})")).ok()?
                    }
                };
                match known.and_then(|place| common.get_mut(place)) {
                    Some(column) => column.value = value,
                    None => common.push(Common { name, value }),
                }
            }
            if rewrite {
                let condition =
                    if conditions.is_empty() { "TRUE".into() } else { conditions.join(" AND ") };
                *constraint = JoinConstraint::On(parse_expression(&condition).ok()?);
            }
            left.push(right);
        }
        Some(left)
    }

    fn relation(&self, factor: &TableFactor) -> Option<Relation> {
        let (alias, name) = match factor {
            TableFactor::Table { alias, name, args: None, .. } => (alias.as_ref(), Some(name)),
            TableFactor::Derived { alias, .. } | TableFactor::Table { alias, .. } => {
                (alias.as_ref(), None)
            }
            _ => return None,
        };
        let qualifier = match alias {
            Some(alias) => vec![alias.name.clone()],
            None => idents(name?)?,
        };
        let columns = match alias {
            Some(alias) if !alias.columns.is_empty() => {
                Some(alias.columns.iter().map(|column| names::fold(&column.name)).collect())
            }
            _ => name.and_then(|name| self.columns(name)),
        };
        Some(Relation { qualifier, columns, merged: Vec::new() })
    }

    fn columns(&self, name: &ObjectName) -> Option<Vec<String>> {
        let name = names::table_name(name).ok().filter(|name| !self.ctes.contains(name))?;
        let schema = &self.context.schema;
        let provider = self.context.wait(async { Ok(schema.table(&name).await?) }).ok()??;
        Some(provider.schema().fields().iter().map(|field| field.name().clone()).collect())
    }
}

/// Gives the items of a select list the values of common columns; returns the names of the output.
fn rewrite_items(
    projection: &mut Vec<SelectItem>,
    common: &[Common],
    relations: &[Relation],
) -> Result<HashSet<String>> {
    let mut outputs: HashSet<String> = HashSet::new();
    let mut items = Vec::with_capacity(projection.len());
    for item in std::mem::take(projection) {
        match item {
            SelectItem::Wildcard(options) => {
                if options != WildcardAdditionalOptions::default() {
                    return Err(unclear());
                }
                outputs.extend(common.iter().map(|column| names::fold(&column.name)));
                items.extend(everything(common, relations));
            }
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => {
                outputs.insert(names::fold(&name));
                let known = find(common, &name);
                items.push(match known {
                    Some(column) => SelectItem::ExprWithAlias {
                        expr: column.value.clone(),
                        alias: Ident::with_quote('"', names::fold(&name)),
                    },
                    None => SelectItem::UnnamedExpr(Expr::Identifier(name)),
                });
            }
            SelectItem::ExprWithAlias { mut expr, alias } => {
                outputs.insert(names::fold(&alias));
                replace(&mut expr, common);
                items.push(SelectItem::ExprWithAlias { expr, alias });
            }
            mut item => {
                replace(&mut item, common);
                items.push(item);
            }
        }
    }
    *projection = items;
    Ok(outputs)
}

fn unclear() -> Error {
    Error::sql(
        "the common columns of a RIGHT or FULL JOIN with USING or NATURAL cannot be told here",
    )
    .with_hint("write the join with ON, and coalesce(a.id, b.id) for the common column")
}

fn idents(name: &ObjectName) -> Option<Vec<Ident>> {
    name.0.iter().map(|part| part.as_ident().cloned()).collect()
}

fn last(name: &ObjectName) -> Option<Ident> {
    name.0.last().and_then(|part| part.as_ident().cloned())
}

fn same(a: &Ident, b: &Ident) -> bool {
    names::fold(a).to_lowercase() == names::fold(b).to_lowercase()
}

fn find<'a>(common: &'a [Common], name: &Ident) -> Option<&'a Common> {
    common.iter().find(|column| same(&column.name, name))
}

/// The only table that has the column.
fn owner<'a>(left: &'a mut [Relation], name: &Ident) -> Option<&'a mut Relation> {
    if let [only] = left {
        return Some(only);
    }
    let mut owners = left.iter_mut().filter(|relation| relation.has(&name.value) != Some(false));
    match (owners.next(), owners.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// The columns of NATURAL JOIN.
fn shared(left: &[Relation], right: &Relation, common: &[Common]) -> Option<Vec<Ident>> {
    let mut names = Vec::new();
    for column in right.columns.as_ref()? {
        let name = Ident::with_quote('"', column);
        let is_common = find(common, &name).is_some();
        let mut is_left = is_common;
        for relation in left {
            is_left |= relation.has(column)?;
        }
        if is_left {
            names.push(name);
        }
    }
    Some(names)
}

/// `*`: the common columns, then the others of each table.
fn everything(common: &[Common], relations: &[Relation]) -> Vec<SelectItem> {
    let merged = common.iter().map(|column| SelectItem::ExprWithAlias {
        expr: column.value.clone(),
        alias: Ident::with_quote('"', names::fold(&column.name)),
    });
    let others = relations.iter().filter(|relation| {
        // Nothing would be left of it.
        relation.columns.as_ref().is_none_or(|columns| columns.len() > relation.merged.len())
    });
    let others = others.map(|relation| {
        let name = relation.qualifier.iter().cloned().map(ObjectNamePart::Identifier).collect();
        let excluded: Vec<ObjectName> =
            relation.merged.iter().map(|name| ObjectName::from(vec![name.clone()])).collect();
        let opt_exclude = (!excluded.is_empty()).then_some(ExcludeSelectItem::Multiple(excluded));
        SelectItem::QualifiedWildcard(
            SelectItemQualifiedWildcardKind::ObjectName(ObjectName(name)),
            WildcardAdditionalOptions { opt_exclude, ..WildcardAdditionalOptions::default() },
        )
    });
    merged.chain(others).collect()
}

/// Puts the values of common columns where their names stand, but not in subqueries.
fn replace(place: &mut impl VisitMut, common: &[Common]) {
    let _ = place.visit(&mut Replace { common, depth: 0 });
}

struct Replace<'a> {
    common: &'a [Common],
    depth: usize,
}

impl VisitorMut for Replace<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Identifier(name) = expr
            && let Some(column) = find(self.common, name)
        {
            *expr = column.value.clone();
        }
        ControlFlow::Continue(())
    }
}
