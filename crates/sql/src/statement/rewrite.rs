//! Rewrites of a query's syntax: forms that the query engine refuses, or answers wrongly, as forms
//! that it answers right; where there is none, a clear refusal.

use crate::error::{Error, Result};
use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SetExpr, TableFactor, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Rewrites a query in place.
///
/// # Errors
/// Forms that cannot be answered.
pub(super) fn rewrite(query: &mut Query) -> Result<()> {
    match VisitMut::visit(query, &mut Rewrite::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

#[derive(Default)]
struct Rewrite {
    /// Numbers the derived tables that are made up.
    count: usize,
}

impl VisitorMut for Rewrite {
    type Break = Box<Error>;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<Error>> {
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            *keys = std::mem::take(keys).into_iter().flat_map(flatten).collect();
        }
        for join in select.from.iter_mut().flat_map(|table| &mut table.joins) {
            let needs_condition = matches!(
                &join.relation,
                TableFactor::Table { args: None, .. } | TableFactor::Derived { lateral: false, .. }
            );
            finish(join_operator(&mut join.join_operator, needs_condition))?;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Box<Error>> {
        finish(match factor {
            TableFactor::Table { sample: Some(_), .. } => {
                Err(Error::sql("TABLESAMPLE is not supported")
                    .with_hint("filter by random(), as in WHERE random() < 0.1"))
            }
            _ => Ok(()),
        })
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<Error>> {
        finish(self.expression(expr))
    }
}

fn finish(result: Result<()>) -> ControlFlow<Box<Error>> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(Box::new(error)),
    }
}

/// `GROUP BY (a, b)` is `GROUP BY a, b`.
fn flatten(key: Expr) -> Vec<Expr> {
    match key {
        Expr::Tuple(keys) => keys,
        key => vec![key],
    }
}

fn join_operator(operator: &mut JoinOperator, needs_condition: bool) -> Result<()> {
    *operator = match std::mem::replace(operator, JoinOperator::CrossApply) {
        JoinOperator::Semi(constraint) => JoinOperator::LeftSemi(constraint),
        JoinOperator::Anti(constraint) => JoinOperator::LeftAnti(constraint),
        JoinOperator::Join(JoinConstraint::None)
        | JoinOperator::Inner(JoinConstraint::None)
        | JoinOperator::Left(JoinConstraint::None)
        | JoinOperator::LeftOuter(JoinConstraint::None)
        | JoinOperator::Right(JoinConstraint::None)
        | JoinOperator::RightOuter(JoinConstraint::None)
        | JoinOperator::FullOuter(JoinConstraint::None)
            if needs_condition =>
        {
            return Err(Error::sql("a JOIN needs a condition: ON … or USING (…)")
                .with_hint("write CROSS JOIN for all pairs of rows"));
        }
        other => other,
    };
    Ok(())
}

impl Rewrite {
    fn expression(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
                *expr = parse_expression(&format!("power({left}, {right})"))?;
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                self.exact_not_in(left)?;
                self.exact_not_in(right)?;
            }
            Expr::SimilarTo { negated, expr: text, pattern, escape_char: None } => {
                let Some(pattern) = string(pattern) else {
                    return Err(Error::sql("SIMILAR TO needs a pattern that is a literal")
                        .with_hint("use ~ with a regular expression"));
                };
                let operator = if *negated { "!~" } else { "~" };
                let regex = similar_to(pattern).replace('\'', "''");
                *expr = parse_expression(&format!("{text} {operator} '{regex}'"))?;
            }
            Expr::Like { pattern, escape_char: escape @ Some(_), .. }
            | Expr::ILike { pattern, escape_char: escape @ Some(_), .. } => {
                escape_by_backslash(pattern, escape)?;
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                if let Expr::Subquery(query) = right.as_mut() {
                    match compare_op {
                        BinaryOperator::Eq => *expr = in_query(left, query, false),
                        _ => self.derive(query)?,
                    }
                }
            }
            Expr::AllOp { left, compare_op, right } => {
                if let Expr::Subquery(query) = right.as_mut() {
                    match compare_op {
                        BinaryOperator::NotEq => *expr = in_query(left, query, true),
                        _ => self.derive(query)?,
                    }
                }
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                if let Expr::InSubquery { expr: value, subquery, negated } = bare(inner) {
                    *expr = in_query(value, subquery, !*negated);
                }
            }
            Expr::InSubquery { expr: value, subquery, negated } => {
                if let Expr::Tuple(values) = bare(value) {
                    *expr = self.tuple_in(values, subquery, *negated)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts a query into a derived table of its own, whose columns cannot be mistaken for those of
    /// the query around it.
    fn derive(&mut self, query: &mut Query) -> Result<()> {
        let name = self.name();
        let sql = format!("(SELECT * FROM ({query}) AS \"{name}\")");
        if let Expr::Subquery(derived) = parse_expression(&sql)? {
            *query = *derived;
        }
        Ok(())
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("subquery {}", self.count)
    }

    /// A row is among others if one is equal in all its values, and it is not known whether it is
    /// if there is one of which no value is known to differ.
    fn tuple_in(&mut self, values: &[Expr], query: &Query, negated: bool) -> Result<Expr> {
        if let SetExpr::Select(select) = query.body.as_ref() {
            let is_named = |item: &SelectItem| {
                matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
            };
            let (found, expected) = (select.projection.len(), values.len());
            if found != expected && select.projection.iter().all(is_named) {
                let message =
                    format!("IN compares a row of {expected} values with a query of {found}");
                return Err(
                    Error::sql(message).with_hint("select as many columns as the row has values")
                );
            }
        }
        let name = self.name();
        let column = |place: usize| format!("\"{name} {place}\"");
        let columns: Vec<String> = (1..=values.len()).map(column).collect();
        let all = |suffix: &str| {
            let pair = |(column, value)| format!("({column} = {value}){suffix}");
            columns.iter().zip(values).map(pair).collect::<Vec<_>>().join(" AND ")
        };
        let rows = format!("FROM ({query}) AS \"{name}\"({})", columns.join(", "));
        let (equal, possible) = (all(""), all(" IS NOT FALSE"));
        parse_expression(&format!(
            "CASE WHEN EXISTS (SELECT 1 {rows} WHERE {equal}) THEN {} \
             WHEN EXISTS (SELECT 1 {rows} WHERE {possible}) THEN NULL ELSE {negated} END",
            !negated
        ))
    }

    /// Beside OR, NOT IN with a subquery is planned with two truth values. NOT EXISTS says the same
    /// with all three.
    fn exact_not_in(&mut self, expr: &mut Expr) -> Result<()> {
        match expr {
            Expr::Nested(inner) => self.exact_not_in(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.exact_not_in(left)?;
                self.exact_not_in(right)
            }
            Expr::InSubquery { expr: value, subquery, negated: true } => {
                let name = self.name();
                *expr = parse_expression(&format!(
                    "NOT EXISTS (SELECT 1 FROM ({subquery}) AS \"{name}\"(\"value {name}\") \
                     WHERE \"value {name}\" = {value} OR \"value {name}\" IS NULL \
                     OR {value} IS NULL)"
                ))?;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn in_query(value: &Expr, query: &Query, negated: bool) -> Expr {
    Expr::InSubquery { expr: Box::new(value.clone()), subquery: Box::new(query.clone()), negated }
}

/// An expression without the parentheses around it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        expr => expr,
    }
}

fn string(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

/// The regular expression of a pattern of the SQL standard: `%` and `_` as in LIKE, the rest as in
/// regular expressions, and all of the text has to match.
fn similar_to(pattern: &str) -> String {
    let mut regex = String::from("^(?s:");
    let mut chars = pattern.chars();
    while let Some(ch) = chars.next() {
        match ch {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => {
                regex.push('\\');
                regex.extend(chars.next());
            }
            '.' | '^' | '$' => {
                regex.push('\\');
                regex.push(ch);
            }
            ch => regex.push(ch),
        }
    }
    regex.push_str(")$");
    regex
}

/// The engine knows the backslash only.
fn escape_by_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) -> Result<()> {
    let character = match escape.as_ref().map(|escape| &escape.value) {
        Some(Value::SingleQuotedString(text)) => {
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(only), None) => only,
                _ => return Err(Error::sql("ESCAPE needs exactly one character")),
            }
        }
        _ => return Err(Error::sql("ESCAPE needs a character in quotes")),
    };
    if character != '\\' {
        let Some(text) = string(pattern) else {
            return Err(Error::sql("LIKE with ESCAPE needs a pattern that is a literal"));
        };
        let mut escaped = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(ch) = chars.next() {
            match ch {
                ch if ch == character => {
                    let Some(next) = chars.next() else {
                        return Err(Error::sql(
                            "a LIKE pattern must not end with its ESCAPE character",
                        ));
                    };
                    escaped.push('\\');
                    escaped.push(next);
                }
                '\\' => escaped.push_str("\\\\"),
                ch => escaped.push(ch),
            }
        }
        *pattern = Expr::value(Value::SingleQuotedString(escaped));
    }
    *escape = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::similar_to;

    #[test]
    fn patterns_of_the_standard_are_regular_expressions() {
        assert_eq!(similar_to("a%_(b|c)+.\\%"), "^(?s:a.*.(b|c)+\\.\\%)$");
    }
}
