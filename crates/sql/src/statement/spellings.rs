//! Functions of other systems, written with those that there are.
//!
//! A spelling is a template: `$1`, `$2` … stand for the arguments, each of which occurs once where
//! it might be long, so that calls within calls do not grow. FILTER, OVER and the like stay with
//! the function that the template calls. What has its own logic is a function of its own, in
//! `functions`; what differs in its name only is an alias there.

use crate::catalog::{CATALOG, SCHEMA};
use crate::error::{Error, Result};
use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, ObjectNamePart, Query, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;

/// Name, number of arguments, and what is meant.
const SPELLINGS: &[(&str, usize, &str)] = &[
    ("add", 2, "($1 + $2)"),
    ("ceiling", 1, "ceil($1)"),
    ("century", 1, "date_part('century', $1)"),
    ("count_if", 1, "count(CASE WHEN $1 THEN 1 END)"),
    ("countif", 1, "count(CASE WHEN $1 THEN 1 END)"),
    ("date_add", 2, "($1 + $2)"),
    ("date_sub", 2, "($1 - $2)"),
    ("day", 1, "date_part('day', $1)"),
    ("dayofmonth", 1, "date_part('day', $1)"),
    ("dayname", 1, "strftime($1, '%A')"),
    ("dayofweek", 1, "date_part('dow', $1)"),
    ("dayofyear", 1, "date_part('doy', $1)"),
    ("decade", 1, "date_part('decade', $1)"),
    ("divide", 2, "($1 / $2)"),
    ("epoch", 1, "date_part('epoch', $1)"),
    ("era", 1, "date_part('era', $1)"),
    ("every", 1, "bool_and($1)"),
    ("first", 1, "first_value($1)"),
    ("group_concat", 1, "string_agg($1, ',')"),
    ("hex", 1, "upper(to_hex($1))"),
    ("hour", 1, "date_part('hour', $1)"),
    ("if", 3, "(CASE WHEN $1 THEN $2 ELSE $3 END)"),
    ("iff", 3, "(CASE WHEN $1 THEN $2 ELSE $3 END)"),
    ("isfinite", 1, "(abs(CAST($1 AS DOUBLE)) < CAST('inf' AS DOUBLE))"),
    ("isinf", 1, "(abs(CAST($1 AS DOUBLE)) = CAST('inf' AS DOUBLE))"),
    ("isodow", 1, "date_part('isodow', $1)"),
    ("isoyear", 1, "date_part('isoyear', $1)"),
    ("last", 1, "last_value($1)"),
    ("listagg", 1, "string_agg($1, ',')"),
    ("microsecond", 1, "date_part('microsecond', $1)"),
    ("millennium", 1, "date_part('millennium', $1)"),
    ("millisecond", 1, "date_part('millisecond', $1)"),
    ("minute", 1, "date_part('minute', $1)"),
    ("mod", 2, "($1 % $2)"),
    ("month", 1, "date_part('month', $1)"),
    ("monthname", 1, "strftime($1, '%B')"),
    ("multiply", 2, "($1 * $2)"),
    ("quarter", 1, "date_part('quarter', $1)"),
    ("regexp_full_match", 2, "regexp_like($1, '^(?:' || $2 || ')$')"),
    ("second", 1, "date_part('second', $1)"),
    ("string_agg", 1, "string_agg($1, ',')"),
    ("subtract", 2, "($1 - $2)"),
    ("to_hex", 1, "upper(to_hex($1))"),
    ("today", 0, "current_date"),
    ("week", 1, "date_part('week', $1)"),
    ("weekday", 1, "date_part('dow', $1)"),
    ("weekofyear", 1, "date_part('week', $1)"),
    ("year", 1, "date_part('year', $1)"),
    ("yearweek", 1, "date_part('yearweek', $1)"),
];

/// The names, for completion.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SPELLINGS.iter().map(|(name, ..)| *name)
}

/// Replaces them in a query.
pub(super) fn spell_out(query: &mut Query) -> Result<()> {
    finish(VisitMut::visit(query, &mut SpellOut))
}

/// Replaces them in an expression.
pub(super) fn spell_out_expression(expr: &mut Expr) -> Result<()> {
    finish(VisitMut::visit(expr, &mut SpellOut))
}

fn finish(flow: ControlFlow<Box<Error>>) -> Result<()> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct SpellOut;

impl VisitorMut for SpellOut {
    type Break = Box<Error>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Box<Error>> {
        let replacement = match expr {
            Expr::Function(call) => replace(call),
            // The engine plans these with functions of its own, whatever the session has.
            Expr::Extract { field, expr, .. } => called("date_part($1, $2)", &[&text(field), expr]),
            // Without either the engine tells what is missing.
            Expr::Substring { expr, substring_from, substring_for, .. }
                if substring_from.is_some() || substring_for.is_some() =>
            {
                let one = Expr::value(Value::Number("1".into(), false));
                let start = substring_from.as_deref().unwrap_or(&one);
                match substring_for.as_deref() {
                    Some(length) => called("\"substr\"($1, $2, $3)", &[expr, start, length]),
                    None => called("\"substr\"($1, $2)", &[expr, start]),
                }
            }
            // `//` divides integers to integers, as `/` does here.
            Expr::BinaryOp { op: op @ BinaryOperator::MyIntegerDivide, .. }
            | Expr::BinaryOp { op: op @ BinaryOperator::DuckIntegerDivide, .. } => {
                *op = BinaryOperator::Divide;
                return ControlFlow::Continue(());
            }
            _ => return ControlFlow::Continue(()),
        };
        match replacement {
            Ok(Some(replacement)) => *expr = replacement,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(Box::new(error)),
        }
        ControlFlow::Continue(())
    }
}

fn text(shown: &impl ToString) -> Expr {
    Expr::value(Value::SingleQuotedString(shown.to_string()))
}

fn called(template: &str, arguments: &[&Expr]) -> Result<Option<Expr>> {
    let mut template = parse_expression(template)?;
    let _ = VisitMut::visit(&mut template, &mut Fill { arguments });
    Ok(Some(template))
}

fn replace(call: &Function) -> Result<Option<Expr>> {
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return Ok(None) };
    if name.quote_style.is_some() {
        return Ok(None);
    }
    let Some(arguments) = arguments(call) else { return Ok(None) };
    let name = name.value.to_lowercase();
    let spelling =
        SPELLINGS.iter().find(|(other, count, _)| *other == name && *count == arguments.len());
    let template = match (spelling, name.as_str()) {
        (Some((.., template)), _) => parse_expression(template)?,
        (None, "any_value") => return any_in_order(call, &arguments),
        (None, "arg_max" | "argmax" | "max_by") => return extreme(call, &arguments, "DESC"),
        (None, "arg_min" | "argmin" | "min_by") => return extreme(call, &arguments, "ASC"),
        (None, "current_schema") => text(&SCHEMA),
        (None, "current_database") => text(&CATALOG),
        _ => return Ok(None),
    };
    Ok(Some(filled(template, &arguments, call)))
}

/// A template with the arguments, and the clauses of the call, in it.
fn filled(mut template: Expr, arguments: &[&Expr], call: &Function) -> Expr {
    let _ = VisitMut::visit(&mut template, &mut Fill { arguments });
    let Expr::Function(function) = &mut template else { return template };
    let own = function.filter.take();
    function.filter = match (call.filter.clone(), own) {
        (Some(filter), Some(own)) => Some(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::Nested(filter)),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(own)),
        })),
        (filter, own) => filter.or(own),
    };
    function.over.clone_from(&call.over);
    function.null_treatment = call.null_treatment;
    function.within_group.clone_from(&call.within_group);
    if let (FunctionArguments::List(list), FunctionArguments::List(written)) =
        (&mut function.args, &call.args)
    {
        list.duplicate_treatment = written.duplicate_treatment;
        list.clauses.extend(written.clauses.iter().cloned());
    }
    template
}

/// `arg_max(a, b)`: the first `a` in the descending order of `b`; rows in which one of the two is
/// NULL do not count.
fn extreme(call: &Function, arguments: &[&Expr], order: &str) -> Result<Option<Expr>> {
    if arguments.len() != 2 {
        return Ok(None);
    }
    refuse_over(call)?;
    let template = parse_expression(&format!(
        "first_value($1 ORDER BY $2 {order}) FILTER (WHERE $1 IS NOT NULL AND $2 IS NOT NULL)"
    ))?;
    Ok(Some(filled(template, arguments, call)))
}

/// `any_value(a ORDER BY b)`: the query engine's does not heed the order.
fn any_in_order(call: &Function, arguments: &[&Expr]) -> Result<Option<Expr>> {
    let FunctionArguments::List(list) = &call.args else { return Ok(None) };
    let is_order =
        |clause: &FunctionArgumentClause| matches!(clause, FunctionArgumentClause::OrderBy(_));
    if arguments.len() != 1 || !list.clauses.iter().any(is_order) {
        return Ok(None);
    }
    refuse_over(call)?;
    let template = parse_expression("first_value($1) FILTER (WHERE $1 IS NOT NULL)")?;
    Ok(Some(filled(template, arguments, call)))
}

fn refuse_over(call: &Function) -> Result<()> {
    if call.over.is_none() {
        return Ok(());
    }
    Err(Error::sql(format!("{} in this form has no OVER", call.name))
        .with_hint("use first_value(a) OVER (… ORDER BY b)"))
}

/// The arguments if all are plain expressions.
fn arguments(call: &Function) -> Option<Vec<&Expr>> {
    match &call.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        FunctionArguments::Subquery(_) => None,
    }
}

/// Puts arguments into the places of a template.
struct Fill<'a> {
    arguments: &'a [&'a Expr],
}

impl VisitorMut for Fill<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Value(ValueWithSpan { value: Value::Placeholder(place), .. }) = expr else {
            return ControlFlow::Continue(());
        };
        let place = place.strip_prefix('$').and_then(|place| place.parse::<usize>().ok());
        if let Some(argument) = place.and_then(|place| self.arguments.get(place.wrapping_sub(1))) {
            *expr = match argument {
                Expr::Identifier(_)
                | Expr::CompoundIdentifier(_)
                | Expr::Value(_)
                | Expr::Function(_)
                | Expr::Nested(_)
                | Expr::Cast { .. } => (*argument).clone(),
                other => Expr::Nested(Box::new((*other).clone())),
            };
        }
        ControlFlow::Continue(())
    }
}
