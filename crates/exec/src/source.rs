//! Where the values of a column are in one segment, and what a predicate asks there.
//!
//! ```text
//!  file of the column's type              the predicate, of the file
//!  file of the type that it had before    the predicate in terms of that type, of the file
//!  no file: added after the segment       answered at once, for all rows are the same
//! ```

use arrow::array::ArrayRef;
use starfact_base::{ColumnId, DataType, Error, Result, Scalar};
use starfact_encoding::{Predicate, Widening, repeated};
use starfact_format::ColumnFile;
use starfact_store::{Segment, Table};
use std::borrow::Cow;
use std::sync::Arc;

/// Where the values of a column are in one segment.
#[derive(Debug)]
pub(crate) enum Source {
    /// In a file of the column's type, or of the one that it had when the file was written.
    File(Arc<ColumnFile>, Option<Widening>),
    /// Nowhere: the segment is older than the column, and its rows have the same value throughout.
    Missing(Missing),
}

/// A column that a segment has no file of.
#[derive(Clone, Debug)]
pub(crate) struct Missing {
    data_type: DataType,
    /// What all rows are; NULL if nothing is here.
    pub(crate) value: Option<Scalar>,
}

/// What there is to do for a predicate.
#[derive(Debug)]
pub(crate) enum Question<'a> {
    /// Nothing: all rows satisfy it, or none does.
    Answered(bool),
    /// This is to be asked of the file.
    OfFile(Arc<ColumnFile>, Cow<'a, Predicate>),
}

impl Source {
    /// The source of a column, hidden ones included.
    ///
    /// # Errors
    /// A column that the table does not have; a file that is missing or damaged.
    pub(crate) fn of(table: &Table, segment: &Segment, column: ColumnId) -> Result<Self> {
        let data_type = data_type(table, column)?;
        let Some(file) = segment.column(column)? else {
            let initial = table.column(column).and_then(|column| column.initial.as_ref());
            let value = initial.map(|initial| initial.value().clone());
            return Ok(Self::Missing(Missing { data_type, value }));
        };
        let from = file.data_type();
        if from == data_type {
            return Ok(Self::File(file, None));
        }
        let widening = Widening::new(from, data_type).ok_or_else(|| {
            Error::internal(format!("{} is {from} in place of {data_type}", file.path()))
        })?;
        Ok(Self::File(file, Some(widening)))
    }

    /// What is to be asked for a predicate on the column.
    ///
    /// # Errors
    /// A predicate that does not fit the column, or that fails.
    pub(crate) fn ask(self, predicate: &Predicate) -> Result<Question<'_>> {
        Ok(match self {
            Self::File(file, None) => Question::OfFile(file, Cow::Borrowed(predicate)),
            Self::File(file, Some(widening)) => {
                Question::OfFile(file, Cow::Owned(widening.predicate(predicate)))
            }
            Self::Missing(missing) => Question::Answered(missing.satisfies(predicate)?),
        })
    }
}

impl Missing {
    /// Some rows of it.
    pub(crate) fn values(&self, rows: usize) -> Result<ArrayRef> {
        let values = repeated(self.value.as_ref(), self.data_type, rows);
        values.ok_or_else(|| Error::internal(format!("an initial value of no {}", self.data_type)))
    }

    /// Whether its rows satisfy a predicate.
    fn satisfies(&self, predicate: &Predicate) -> Result<bool> {
        let misfit = || {
            Error::InvalidInput(format!("a filter of a {} column does not fit it", self.data_type))
        };
        match (predicate, &self.value) {
            (Predicate::Values(predicate), _) => {
                let answer = predicate.evaluate(&self.values(1)?).map_err(Error::InvalidInput)?;
                Ok(answer.iter().next().flatten() == Some(true))
            }
            (Predicate::IsNull, value) => Ok(value.is_none()),
            (_, None) => Ok(false),
            (Predicate::IsNotNull, Some(_)) => Ok(true),
            (predicate, Some(value)) => predicate.holds(value).ok_or_else(misfit),
        }
    }
}

/// A bound in a file, or of its rows, as a value of the column's type; `None` if it is not known.
pub(crate) fn widened(bound: Option<&Scalar>, widening: Option<Widening>) -> Option<Scalar> {
    let bound = bound?;
    widening.map_or_else(|| Some(bound.clone()), |widening| widening.scalar(bound))
}

/// The type of a column, hidden ones included.
fn data_type(table: &Table, column: ColumnId) -> Result<DataType> {
    if let Some(column) = table.column(column) {
        return Ok(column.data_type);
    }
    let hidden = table.foreign_keys().iter().any(|key| key.ordinal_column == column);
    if hidden {
        return Ok(DataType::BigInt);
    }
    Err(Error::internal(format!("no column {column} in table {}", table.name())))
}

#[cfg(test)]
mod tests;
