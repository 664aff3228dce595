//! The answer to a query as text, and how two answers are compared.
//!
//! Engines may give the same number in different types (`BIGINT`, `DECIMAL(38,0)`), so values are
//! compared as they print. All of them are exact here: there is no tolerance. Rows whose place the
//! `ORDER BY` leaves open may come in any order; the columns it names must come in the same one.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The rows of a result; NULL is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    columns: Vec<String>,
    rows: Vec<Row>,
}

type Row = Vec<Option<String>>;

impl Answer {
    /// The answer that these batches of `schema` make up.
    ///
    /// # Errors
    /// A value that cannot be printed.
    pub fn from_batches(schema: &Schema, batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in batches {
            let formatters = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                let value = |(column, formatter): (usize, &ArrayFormatter<'_>)| {
                    let is_null = batch.column(column).is_null(row);
                    if is_null { Ok(None) } else { formatter.value(row).try_to_string().map(Some) }
                };
                rows.push(formatters.iter().enumerate().map(value).collect::<Result<_, _>>()?);
            }
        }
        Ok(Self { columns, rows })
    }

    /// Reads a stored answer: a line of column names and a line a row, values separated by commas,
    /// NULL as nothing. No value of the stored answers has a comma, a quote or a line break.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let columns = lines.next().unwrap_or_default().split(',').map(String::from).collect();
        let value = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let rows = lines.map(|line| line.split(',').map(value).collect()).collect();
        Self { columns, rows }
    }

    /// The name of a column, counted from 0.
    #[cfg(test)]
    pub(crate) fn column(&self, at: usize) -> &str {
        &self.columns[at]
    }

    /// The number that the answer consists of, if it is but one.
    pub(crate) fn number(&self) -> Option<u64> {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => row[0].as_ref()?.parse().ok(),
            _ => None,
        }
    }

    /// Rows of the answer.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// What distinguishes this answer from the right one, or `None` if nothing does. `order_by`
    /// are the columns that the query orders by.
    pub fn difference(&self, right: &Self, order_by: &[usize]) -> Option<String> {
        if self.columns != right.columns {
            let [found, expected] = [&self.columns, &right.columns].map(|names| names.join(", "));
            return Some(format!("the columns are ({found}), not ({expected})"));
        }
        let count = format!("{} rows, {} expected", self.rows.len(), right.rows.len());
        let (found, expected) = (self.sorted(), right.sorted());
        let differing = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        match differing {
            // Both lists ascend, so the lesser row of the two is in one list only.
            Some((found, expected)) if found < expected => {
                return Some(format!("unexpected row {}; {count}", show(found)));
            }
            Some((_, expected)) => return Some(format!("missing row {}; {count}", show(expected))),
            None if found.len() > expected.len() => {
                return Some(format!("unexpected row {}; {count}", show(found[expected.len()])));
            }
            None if found.len() < expected.len() => {
                return Some(format!("missing row {}; {count}", show(expected[found.len()])));
            }
            None => {}
        }
        let key = |row: &Row| order_by.iter().map(|&at| row[at].clone()).collect::<Vec<_>>();
        let rows = self.rows.iter().zip(&right.rows).enumerate();
        let misplaced = rows.into_iter().find(|(_, (found, expected))| key(found) != key(expected));
        misplaced.map(|(row, (found, expected))| {
            format!("row {} is {}, not {}", row + 1, show(found), show(expected))
        })
    }

    fn sorted(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort();
        rows
    }
}

fn show(row: &Row) -> String {
    let values: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    format!("({})", values.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Decimal128Array, Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field};
    use std::sync::Arc;

    const RIGHT: &str = "city,year,revenue\nA,1992,30\nB,1992,20\nC,1992,20\nA,1993,\n";
    const ORDER_BY: &[usize] = &[1, 2];

    fn difference(text: &str) -> Option<String> {
        Answer::parse(text).difference(&Answer::parse(RIGHT), ORDER_BY)
    }

    #[test]
    fn the_same_rows_agree_and_ties_come_in_any_order() {
        assert_eq!(difference(RIGHT), None);
        assert_eq!(difference("city,year,revenue\nA,1992,30\nC,1992,20\nB,1992,20\nA,1993,"), None);
    }

    #[test]
    fn every_difference_is_found() {
        let body = "\nA,1992,30\nB,1992,20\nC,1992,20\n";
        for (text, expected) in [
            (format!("city,y,revenue{body}A,1993,"), "(city, y, revenue), not (city, year,"),
            (format!("city,year,revenue{body}"), "missing row (A, 1993, NULL); 3 rows, 4 expected"),
            (format!("city,year,revenue{body}A,1993,0"), "missing row (A, 1993, NULL)"),
            (format!("city,year,revenue{body}A,1993,\nD,1,1"), "unexpected row (D, 1, 1); 5 rows"),
            (format!("city,year,revenue{body}A,1993,\nA,1,1"), "unexpected row (A, 1, 1); 5 rows"),
            (format!("city,year,revenue{body}A,1993,\nA,1992,30"), "unexpected row (A, 1992, 30)"),
            (
                "city,year,revenue\nB,1992,20\nA,1992,30\nC,1992,20\nA,1993,".into(),
                "row 1 is (B, 1992, 20), not (A, 1992, 30)",
            ),
        ] {
            let found = difference(&text).unwrap_or_default();
            assert!(found.contains(expected), "{text}: {found}");
        }
        let empty = Answer::parse("city,year,revenue\n");
        assert!(empty.difference(&Answer::parse(RIGHT), ORDER_BY).is_some());
        assert!(Answer::parse(RIGHT).difference(&empty, ORDER_BY).is_some());
    }

    #[test]
    fn numbers_of_different_types_print_the_same() {
        let batch = |numbers: ArrayRef| {
            let schema = Schema::new(vec![
                Field::new("n", numbers.data_type().clone(), true),
                Field::new("t", DataType::Utf8View, false),
            ]);
            let texts = Arc::new(StringViewArray::from(vec!["a", "b"]));
            let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![numbers, texts]);
            Answer::from_batches(&schema, &[batch.unwrap()]).unwrap()
        };
        let integers = batch(Arc::new(Int64Array::from(vec![Some(12), None])));
        let decimals = Decimal128Array::from(vec![Some(12), None]);
        let decimals = batch(Arc::new(decimals.with_precision_and_scale(38, 0).unwrap()));
        assert_eq!(integers, decimals);
        assert_eq!(integers, Answer::parse("n,t\n12,a\n,b"));
        assert_eq!(integers.row_count(), 2);
    }
}
