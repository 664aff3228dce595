//! Names of columns without a table, where the clause that they stand in says which is meant.

use super::names;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// Puts `table` before the names of `columns` that stand alone. Those in subqueries stay: there a
/// table of the subquery may be meant.
pub(super) fn qualify(expr: &mut Expr, table: &Ident, columns: &[String]) {
    let _ = VisitMut::visit(expr, &mut Qualify { table, columns, depth: 0 });
}

struct Qualify<'a> {
    table: &'a Ident,
    columns: &'a [String],
    /// How many queries are around an expression.
    depth: usize,
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(column) = expr
            && self.depth == 0
        {
            let columns = self.columns.iter().map(String::as_str);
            if let Some(place) = names::place(columns, &names::fold(column)) {
                let mut name = Ident::with_quote('"', &self.columns[place]);
                name.span = column.span;
                *expr = Expr::CompoundIdentifier(vec![self.table.clone(), name]);
            }
        }
        ControlFlow::Continue(())
    }
}
