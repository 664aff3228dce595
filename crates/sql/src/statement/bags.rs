//! INTERSECT ALL and EXCEPT ALL, which count how often a row is there.
//!
//! The query engine's do not. Equal rows are numbered on both sides, so that no two are equal, and
//! then the plain INTERSECT and EXCEPT say the same:
//!
//! ```text
//!   a EXCEPT ALL b  =  SELECT c1, c2 FROM (number(a) EXCEPT number(b))
//!   number(q)       =  SELECT c1, c2, row_number() OVER (PARTITION BY c1, c2) FROM q
//! ```

use super::{Context, query};
use crate::error::{Error, Result};
use crate::parse;
use datafusion::sql::sqlparser::ast::{
    Query, SetExpr, SetOperator, SetQuantifier, VisitMut, VisitorMut, With,
};
use std::fmt::Write;
use std::ops::ControlFlow;

/// Rewrites all of them in a query.
///
/// # Errors
/// Sides that cannot be planned for themselves.
pub(super) fn write_out(context: &mut Context, query: &mut Query) -> Result<()> {
    match VisitMut::visit(query, &mut Pass { context, with: Vec::new() }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Pass<'a> {
    context: &'a mut Context,
    /// WITH of the queries around.
    with: Vec<Option<With>>,
}

impl VisitorMut for Pass<'_> {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<Error>> {
        self.with.push(query.with.clone());
        match self.body(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Box::new(error)),
        }
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Box<Error>> {
        self.with.pop();
        ControlFlow::Continue(())
    }
}

impl Pass<'_> {
    fn body(&mut self, body: &mut SetExpr) -> Result<()> {
        let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { return Ok(()) };
        self.body(left)?;
        self.body(right)?;
        if *set_quantifier != SetQuantifier::All || *op == SetOperator::Union {
            return Ok(());
        }
        let names = self.columns(left)?;
        let count = self.columns(right)?.len();
        if names.len() != count {
            let message = format!("{op} ALL of {} and of {count} columns", names.len());
            return Err(Error::sql(message));
        }
        let mut outputs = String::new();
        for (place, name) in names.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            let name = name.replace('"', "\"\"");
            let _ = write!(outputs, "{separator}c{} AS \"{name}\"", place + 1);
        }
        let columns: Vec<String> = (1..=count).map(|number| format!("c{number}")).collect();
        let columns = columns.join(", ");
        let number = |side: &SetExpr| {
            format!(
                "SELECT {columns}, row_number() OVER (PARTITION BY {columns}) AS copy \
                 FROM ({side}) AS side ({columns})"
            )
        };
        let sql = format!("SELECT {outputs} FROM ({} {op} {}) AS bag", number(left), number(right));
        let parse::Statement::Query(rewritten) = parse::parse(&sql)? else {
            return Err(Error::internal("a query is no query"));
        };
        *body = *rewritten.body;
        Ok(())
    }

    /// The names of the columns of one side.
    fn columns(&mut self, side: &SetExpr) -> Result<Vec<String>> {
        let parse::Statement::Query(mut query) =
            parse::parse(&format!("SELECT * FROM ({side}) AS side"))?
        else {
            return Err(Error::internal("a query is no query"));
        };
        let mut with: Option<With> = None;
        for outer in self.with.iter().flatten() {
            match &mut with {
                None => with = Some(outer.clone()),
                Some(with) => with.cte_tables.extend(outer.cte_tables.iter().cloned()),
            }
        }
        query.with = with;
        let (plan, names) = query::plan(self.context, *query)?;
        let schema = names.apply(&std::sync::Arc::new(plan.schema().as_arrow().clone()));
        Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
    }
}
