//! Subqueries that can be told apart by name.
//!
//! The query engine calls every subquery by one name, and so refuses two aggregate functions that
//! differ in a subquery alone. Here a number makes the difference.

use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// Tells the subqueries of a query apart; false if there are not several.
pub(crate) fn distinguish(query: &mut Query) -> bool {
    let mut numbers = Numbers::default();
    let _ = VisitMut::visit(query, &mut numbers);
    numbers.texts.len() > 1
}

#[derive(Default)]
struct Numbers {
    /// The subqueries so far: those of one text have one number.
    texts: Vec<String>,
}

impl VisitorMut for Numbers {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. }) {
            let text = expr.to_string();
            let number = self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
                self.texts.push(text.clone());
                self.texts.len() - 1
            });
            let case = format!("CASE WHEN 'subquery {number}' IS NOT NULL THEN {text} END");
            if let Ok(case) = parse_expression(&case) {
                *expr = case;
            }
        }
        ControlFlow::Continue(())
    }
}
