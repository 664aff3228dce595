//! What the columns of a result are called.
//!
//! The query engine wants every output expression to have a name of its own, and names expressions
//! with their full qualification. Users may select the same thing twice, and expect `sum(x)` to be
//! called as they wrote it. So the outermost select list gets unique names before planning, and
//! the result gets the expected ones back.

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, TableFactor, VisitMut, VisitorMut,
};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

/// What the column of `FROM unnest(…)` is called.
const UNNEST: &str = "unnest";

/// Names that were changed for planning, and what they should read.
#[derive(Debug, Default)]
pub(crate) struct OutputNames {
    original: HashMap<String, String>,
}

impl OutputNames {
    /// The schema of the plan with the names that the user expects.
    pub(crate) fn apply(&self, schema: &SchemaRef) -> SchemaRef {
        let fields = schema.fields().iter().map(|field| {
            let name = match self.original.get(field.name()) {
                Some(name) => name,
                // The engine's name for the one column of `FROM unnest(…)`.
                None if field.name().starts_with("UNNEST(") => UNNEST,
                None => return Arc::clone(field),
            };
            Arc::new(field.as_ref().clone().with_name(name))
        });
        Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
    }
}

/// Gives the items of the outermost select list unique names, and those of subqueries in FROM and
/// WITH too; there a column that repeats a name keeps the unique one.
pub(crate) fn make_unique(query: &mut Query) -> OutputNames {
    let _ = VisitMut::visit(query, &mut Nested);
    let mut names = OutputNames::default();
    let Some(select) = first_select(query) else { return names };
    let has_wildcard = select
        .projection
        .iter()
        .any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    let mut taken: HashSet<String> = HashSet::new();
    for item in &mut select.projection {
        let Some((wanted, expr)) = named(item) else { continue };
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let is_alias = matches!(item, SelectItem::ExprWithAlias { .. });
        let repeated = !taken.insert(wanted.clone());
        if repeated || (has_wildcard && is_column) {
            let unique = unique_name(&wanted, &mut taken);
            names.original.insert(unique.clone(), wanted);
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', unique) };
        } else if !is_column && !is_alias {
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', wanted) };
        }
    }
    names
}

/// Gives the select lists of subqueries in FROM and WITH unique names, and those of EXISTS and IN
/// that have several items.
struct Nested;

impl VisitorMut for Nested {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            name_items(&mut cte.query);
        }
        name_others(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { subquery, .. } = factor {
            name_items(subquery);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Exists { subquery, .. } | Expr::InSubquery { subquery, .. } = expr
            && first_select(subquery).is_some_and(|select| select.projection.len() > 1)
        {
            name_items(subquery);
        }
        ControlFlow::Continue(())
    }
}

/// Gives unique names to the items of select lists whose names nobody sees.
fn name_others(body: &mut SetExpr) {
    let SetExpr::SetOperation { left, right, .. } = body else { return };
    name_others(left);
    match right.as_mut() {
        SetExpr::Select(select) => name_items_of(select),
        other => name_others(other),
    }
}

fn name_items(query: &mut Query) {
    if let Some(select) = first_select(query) {
        name_items_of(select);
    }
}

fn name_items_of(select: &mut Select) {
    let mut taken: HashSet<String> = HashSet::new();
    for item in &mut select.projection {
        let Some((wanted, expr)) = named(item) else { continue };
        let is_column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        let is_alias = matches!(item, SelectItem::ExprWithAlias { .. });
        let repeated = !taken.insert(wanted.clone());
        if repeated || !(is_column || is_alias) {
            let name = if repeated { unique_name(&wanted, &mut taken) } else { wanted };
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
        }
    }
}

/// The select list that names the columns of a query.
fn first_select(query: &mut Query) -> Option<&mut Select> {
    let mut body = query.body.as_mut();
    loop {
        body = match body {
            SetExpr::Select(select) => return Some(select),
            SetExpr::SetOperation { left, .. } => left.as_mut(),
            SetExpr::Query(query) => query.body.as_mut(),
            _ => return None,
        };
    }
}

/// The name that an item would have, and its expression; `None` for wildcards.
fn named(item: &SelectItem) -> Option<(String, Expr)> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some((unnamed(expr), expr.clone())),
        SelectItem::ExprWithAlias { expr, alias } => Some((normalized(alias), expr.clone())),
        _ => None,
    }
}

/// The name of an expression without alias: a column's own, else the expression's text.
pub(crate) fn unnamed(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => normalized(ident),
        Expr::CompoundIdentifier(parts) => parts.last().map(normalized).unwrap_or_default(),
        other => lower_function_names(&other.to_string()),
    }
}

fn normalized(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// Lowers the words directly before a parenthesis: `COUNT(*)` is shown as `count(*)`.
fn lower_function_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word_start = 0;
    let mut quote: Option<char> = None;
    for ch in text.chars() {
        match (quote, ch) {
            (Some(open), _) if open == ch => quote = None,
            (None, '\'' | '"') => quote = Some(ch),
            (None, '(') => {
                let lowered = out[word_start..].to_lowercase();
                out.replace_range(word_start.., &lowered);
            }
            _ => {}
        }
        out.push(ch);
        if quote.is_some() || !(ch.is_alphanumeric() || ch == '_') {
            word_start = out.len();
        }
    }
    out
}

fn unique_name(wanted: &str, taken: &mut HashSet<String>) -> String {
    let mut number = 1;
    loop {
        let name = format!("{wanted}:{number}");
        if taken.insert(name.clone()) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Statement, parse};

    fn unique(sql: &str) -> (String, OutputNames) {
        let Statement::Query(mut query) = parse(sql).unwrap() else { panic!("not a query") };
        let names = make_unique(&mut query);
        (query.to_string(), names)
    }

    #[test]
    fn repeated_columns_get_names_of_their_own() {
        let (sql, names) = unique("SELECT a, a, t.a FROM t");
        assert_eq!(sql, "SELECT a, a AS \"a:1\", t.a AS \"a:2\" FROM t");
        assert_eq!(names.original["a:2"], "a");
    }

    #[test]
    fn subqueries_may_repeat_a_column_too() {
        let (sql, _) = unique("SELECT * FROM (SELECT a, a, sum(b), t.*, u.c FROM t, u) x");
        assert_eq!(
            sql,
            "SELECT * FROM (SELECT a, a AS \"a:1\", sum(b) AS \"sum(b)\", t.*, u.c FROM t, u) x"
        );
    }

    #[test]
    fn parentheses_around_a_query_change_no_name() {
        let (sql, _) = unique("((SELECT 1 + 1) UNION SELECT 2)");
        assert_eq!(sql, "((SELECT 1 + 1 AS \"1 + 1\") UNION SELECT 2 AS \"2\")");
        let (sql, _) = unique("SELECT * FROM ((SELECT -1)) x");
        assert_eq!(sql, "SELECT * FROM ((SELECT -1 AS \"-1\")) x");
    }

    #[test]
    fn expressions_are_called_as_they_were_written() {
        let (sql, _) = unique("SELECT COUNT(*), SUM(x + 1), 'A(' FROM t");
        assert_eq!(
            sql,
            "SELECT COUNT(*) AS \"count(*)\", SUM(x + 1) AS \"sum(x + 1)\", \
             'A(' AS \"'A('\" FROM t"
        );
    }
}
