//! A session on the warehouse under test, whose errors say what was being done.

use crate::answer::Answer;
use crate::error::{Error, Result};
use crate::progress::Cancel;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use starfact::{ErrorKind, Outcome, Session};
use std::sync::Arc;

/// A session whose statements end when the benchmark is cancelled.
pub(crate) struct Engine<'a> {
    session: Session,
    cancel: &'a Cancel,
}

/// A result: all its rows and what they are.
pub(crate) struct Collected {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(session: Session, cancel: &'a Cancel) -> Self {
        cancel.watch(session.cancel_handle());
        Self { session, cancel }
    }

    /// Executes a statement to its end. `doing` is what errors say: "query Q1.1".
    pub(crate) fn execute(&self, doing: &str, sql: &str) -> Result<Collected> {
        self.cancel.check()?;
        let collect = || match self.session.execute(sql)? {
            Outcome::Rows(rows) => {
                let schema = rows.schema();
                let batches = rows.collect::<starfact::Result<_>>()?;
                Ok(Collected { schema, batches })
            }
            _ => Ok(Collected { schema: Arc::new(Schema::empty()), batches: Vec::new() }),
        };
        collect().map_err(|error| self.failed(doing, error))
    }

    /// The one number that a query gives.
    pub(crate) fn count(&self, doing: &str, sql: &str) -> Result<u64> {
        let answer = self.execute(doing, sql)?.answer(doing)?;
        answer.number().ok_or_else(|| {
            self.failed(doing, starfact::Error::internal(format!("no number comes from {sql}")))
        })
    }

    /// The names of a query's columns.
    pub(crate) fn columns(&self, doing: &str, sql: &str) -> Result<Vec<String>> {
        let schema = self.execute(doing, sql)?.schema;
        Ok(schema.fields().iter().map(|field| field.name().clone()).collect())
    }

    /// Appends rows to a table in one commit; returns how many.
    pub(crate) fn append(
        &self,
        doing: &str,
        table: &str,
        batches: &mut dyn Iterator<Item = RecordBatch>,
    ) -> Result<u64> {
        self.cancel.check()?;
        let mut checked = batches.map(|batch| {
            if self.cancel.is_requested() { Err(starfact::Error::interrupted()) } else { Ok(batch) }
        });
        self.session.append(table, &mut checked).map_err(|error| self.failed(doing, error))
    }

    fn failed(&self, doing: &str, source: starfact::Error) -> Error {
        if source.kind == ErrorKind::Interrupted && self.cancel.is_requested() {
            return Error::Interrupted;
        }
        Error::Engine { doing: doing.into(), source }
    }
}

impl Collected {
    /// The rows as text.
    pub(crate) fn answer(&self, doing: &str) -> Result<Answer> {
        Answer::from_batches(&self.schema, &self.batches)
            .map_err(|error| Error::Engine { doing: doing.into(), source: error.into() })
    }
}

/// A name in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
