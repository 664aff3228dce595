//! `PREPARE`, `EXECUTE` and `DEALLOCATE`: statements that a session keeps under a name.
//!
//! What is kept is the statement's tokens. Each EXECUTE puts its values in and runs the result as
//! if it had been written so, over the tables of that moment: a table that was altered since is
//! seen as it is now. An equal statement that was run before has its plan in the plan cache.

use super::{Context, expression, names, parameter};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::parse::{Prepare, Template, parse_expression, read};
use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::Schema;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::tokenizer::Token;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Statements that a session may keep.
const STATEMENTS_MAX: usize = 10_000;

/// The prepared statements of a session, by name.
#[derive(Default)]
pub(crate) struct PreparedStatements {
    statements: Mutex<BTreeMap<String, Arc<Kept>>>,
}

struct Kept {
    /// As SQL, of the first parameters.
    types: Vec<String>,
    template: Template,
}

impl PreparedStatements {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Kept>>> {
        self.statements.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self, name: &Ident) -> Error {
        let statements = self.lock();
        let folded = names::fold(name);
        let error = Error::sql(format!("there is no prepared statement \"{folded}\""));
        let error = match statements.is_empty() {
            true => error.with_hint(format!("prepare it first: PREPARE {name} AS SELECT …")),
            false => {
                let known = statements.keys().map(String::as_str);
                error.with_suggestion(&folded, known, "prepared statements")
            }
        };
        error.at(names::start(name))
    }
}

/// `PREPARE name [(types)] AS statement`
pub(super) fn prepare(context: &Context, prepare: Prepare) -> Result<Outcome> {
    let Prepare { name, types, template } = prepare;
    let types: Vec<String> = types.iter().map(ToString::to_string).collect();
    for data_type in &types {
        evaluate(
            context,
            Expr::value(datafusion::sql::sqlparser::ast::Value::Null),
            Some(data_type),
        )?;
    }
    let folded = names::fold(&name);
    let mut statements = context.prepared.lock();
    if statements.contains_key(&folded) {
        let message = format!("there is a prepared statement \"{folded}\" already");
        return Err(Error::sql(message)
            .with_hint(format!("DEALLOCATE {name} removes it"))
            .at(names::start(&name)));
    }
    if statements.len() >= STATEMENTS_MAX {
        let message = format!("a session keeps at most {STATEMENTS_MAX} prepared statements");
        return Err(Error::sql(message).with_hint("remove some with DEALLOCATE"));
    }
    statements.insert(folded, Arc::new(Kept { types, template }));
    Ok(Outcome::Done { tag: "PREPARE".into() })
}

/// `EXECUTE name [(values)]`
pub(super) fn execute(context: &mut Context, name: &Ident, values: Vec<Expr>) -> Result<Outcome> {
    let kept = context.prepared.lock().get(&names::fold(name)).cloned();
    let kept = kept.ok_or_else(|| context.prepared.unknown(name))?;
    let expected = kept.template.parameter_count().max(kept.types.len());
    check_count(expected, values.len()).map_err(|error| error.at(names::start(name)))?;
    let mut tokens = Vec::with_capacity(values.len());
    for (place, value) in values.into_iter().enumerate() {
        let data_type = kept.types.get(place).map(String::as_str);
        let value = value_tokens(context, value, data_type).map_err(|error| {
            let message = format!("parameter ${}: {}", place + 1, error.message);
            Error { message, ..error }
        })?;
        tokens.push(value);
    }
    let result = read(kept.template.fill(&tokens)).and_then(|it| super::execute(context, it));
    // Places are those in the text of PREPARE.
    result.map_err(|error| Error { position: None, ..error })
}

/// `DEALLOCATE name`, `DEALLOCATE ALL`
pub(super) fn deallocate(context: &Context, name: Option<&Ident>) -> Result<Outcome> {
    match name {
        None => context.prepared.lock().clear(),
        Some(name) => {
            let removed = context.prepared.lock().remove(&names::fold(name));
            removed.ok_or_else(|| context.prepared.unknown(name))?;
        }
    }
    Ok(Outcome::Done { tag: "DEALLOCATE".into() })
}

/// Refuses another number of values than a statement has parameters.
pub(crate) fn check_count(expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let (expected, found) = (count(expected, "parameter"), count(found, "value"));
    Err(Error::sql(format!("the statement has {expected} and is given {found}"))
        .with_hint("give one value for each parameter: EXECUTE name (1, 'a')"))
}

fn value_tokens(context: &Context, value: Expr, data_type: Option<&str>) -> Result<Vec<Token>> {
    match parameter::literal(&value) {
        Some(tokens) if data_type.is_none() => Ok(tokens),
        _ => parameter::tokens(&evaluate(context, value, data_type)?, data_type),
    }
}

/// The value of an expression without columns, as a value of this type.
fn evaluate(context: &Context, value: Expr, data_type: Option<&str>) -> Result<ScalarValue> {
    let value = match data_type {
        None => value,
        Some(data_type) => {
            let mut cast = parse_expression(&format!("CAST(NULL AS {data_type})"))?;
            if let Expr::Cast { expr, .. } = &mut cast {
                **expr = value;
            }
            cast
        }
    };
    let none = Arc::new(DFSchema::empty());
    let value = expression::bind_qualified(context, value, &none, "EXECUTE")?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    let value = value.evaluate(&row)?.into_array(1)?;
    Ok(ScalarValue::try_from_array(&value, 0)?)
}
