//! Numbers with an exponent are approximate, as in standard SQL: `1e3` is a DOUBLE, and `1000.0`
//! an exact decimal.

use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, ExactNumberInfo, Expr, Value, ValueWithSpan, VisitMut,
    visit_expressions_mut,
};
use std::ops::ControlFlow;

/// Casts the literals with an exponent to DOUBLE.
pub(crate) fn approximate(sql: &mut impl VisitMut) {
    let _ = visit_expressions_mut(sql, |expr| {
        if let Expr::Value(ValueWithSpan { value: Value::Number(text, _), span }) = expr
            && text.contains(['e', 'E'])
        {
            let text = Value::SingleQuotedString(text.clone()).with_span(*span);
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(Expr::Value(text)),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            };
        }
        ControlFlow::<()>::Continue(())
    });
}
