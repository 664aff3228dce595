//! Prepared statements for programs: what PREPARE and EXECUTE are in SQL, without names.

use crate::error::Result;
use crate::outcome::Outcome;
use crate::parse::{Template, read, template_of, tokenize};
use crate::session::{Session, with_stack};
use crate::statement::{check_count, parameter_tokens};
use datafusion::common::ScalarValue;
use std::sync::Arc;

/// A query, INSERT, UPDATE, DELETE or MERGE with parameters, made by [`Session::prepare`]. Any
/// session may execute it, as often as it likes.
#[derive(Clone, Debug)]
pub struct Prepared {
    sql: Arc<str>,
    template: Template,
}

impl Prepared {
    /// Its text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// How many values it takes.
    pub fn parameter_count(&self) -> usize {
        self.template.parameter_count()
    }
}

impl Session {
    /// Reads a statement with parameters: `$1`, `$2` …, or `?`.
    ///
    /// Names and types are looked up when it is executed, in the tables of that moment.
    ///
    /// # Errors
    /// Syntax errors, and statements that cannot be prepared.
    pub fn prepare(&self, sql: &str) -> Result<Prepared> {
        let template = with_stack(|| tokenize(sql).and_then(template_of))?;
        Ok(Prepared { sql: Arc::from(sql), template })
    }

    /// Executes a prepared statement with a value for each of its parameters, as if they were
    /// literals in its text.
    ///
    /// # Errors
    /// As [`Session::execute`]; another number of values, or values that no literal can stand for,
    /// as lists.
    pub fn execute_prepared(&self, prepared: &Prepared, values: &[ScalarValue]) -> Result<Outcome> {
        self.execute_with(&prepared.sql, || {
            check_count(prepared.parameter_count(), values.len())?;
            let values = values.iter().map(|value| parameter_tokens(value, None));
            read(prepared.template.fill(&values.collect::<Result<Vec<_>>>()?))
        })
    }
}
