//! Subqueries and casts that can be told apart by name.
//!
//! The query engine calls every subquery by one name, and a cast as what is cast, and so refuses
//! two aggregate functions that differ in nothing else. Here a number makes the difference.

use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// Tells the subqueries and casts of a query apart; false if there are none.
pub(crate) fn distinguish(query: &mut Query) -> bool {
    let mut numbers = Numbers::default();
    let _ = VisitMut::visit(query, &mut numbers);
    !numbers.texts.is_empty()
}

#[derive(Default)]
struct Numbers {
    /// The texts so far: what has one text has one number.
    texts: Vec<String>,
}

impl VisitorMut for Numbers {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let is_nameless = matches!(
            expr,
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Cast { .. }
        );
        if is_nameless {
            let text = expr.to_string();
            let number = self.texts.iter().position(|known| *known == text).unwrap_or_else(|| {
                self.texts.push(text.clone());
                self.texts.len() - 1
            });
            let case = format!("CASE WHEN 'number {number}' IS NOT NULL THEN {text} END");
            if let Ok(case) = parse_expression(&case) {
                *expr = case;
            }
        }
        ControlFlow::Continue(())
    }
}
