//! The answer to a query as text, and how two answers are compared.
//!
//! Engines may give the same number in different types (`BIGINT`, `DECIMAL(38,0)`), so values are
//! compared as they print. All of them are exact: the only tolerance is that of answers with fewer
//! decimals, to which the other's are rounded. Rows whose place the `ORDER BY` leaves open may come
//! in any order; the columns it names must come in the same one.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::collections::HashMap;

/// The rows of a result; NULL is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    columns: Vec<String>,
    rows: Vec<Row>,
    /// Whether spaces around a value mean nothing.
    is_padded: bool,
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
        Ok(Self { columns, rows, is_padded: false })
    }

    /// Reads a stored answer: a line of column names and a line a row, values separated by commas,
    /// NULL as nothing. No value of the stored answers has a comma, a quote or a line break.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let columns = lines.next().unwrap_or_default().split(',').map(String::from).collect();
        let value = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
        let rows = lines.map(|line| line.split(',').map(value).collect()).collect();
        Self { columns, rows, is_padded: false }
    }

    /// Reads an answer whose values are padded with spaces and separated by `|`, below a line with
    /// the names of the columns.
    pub(crate) fn parse_padded(text: &str, named: impl Fn(&str) -> String) -> Self {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let names = lines.next().unwrap_or_default().split('|');
        let columns = names.map(|name| named(name.trim())).collect();
        let value = |value: &str| Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        let rows = lines.map(|line| line.split('|').map(value).collect()).collect();
        Self { columns, rows, is_padded: true }
    }

    /// The name of a column, counted from 0.
    #[cfg(test)]
    pub(crate) fn column(&self, at: usize) -> &str {
        &self.columns[at]
    }

    /// How many columns it has.
    #[cfg(test)]
    pub(crate) fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// The answer with another value in its first row.
    #[cfg(test)]
    pub(crate) fn with_first(&self, column: usize, value: &str) -> Self {
        let mut changed = self.clone();
        changed.rows[0][column] = Some(value.to_owned());
        changed
    }

    /// The answer from its last row to its first.
    #[cfg(test)]
    pub(crate) fn reversed(&self) -> Self {
        let mut changed = self.clone();
        changed.rows.reverse();
        changed
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
        let (this, right) = self.alike(right);
        this.difference_of_rows(&right, order_by)
    }

    /// This answer with the other's numbers where both differ by no more than a unit of the last
    /// digit, in the columns of `quotients` and in those of which one answer has fewer decimals:
    /// one engine rounds there, and another cuts off.
    pub(crate) fn with_quotients_of(&self, other: &Self, quotients: &[usize]) -> Self {
        let is_cut = |column: &usize| {
            quotients.contains(column) || self.decimals(*column) != other.decimals(*column)
        };
        let quotients: Vec<usize> = (0..self.columns.len()).filter(is_cut).collect();
        let (mut this, other) = self.alike(other);
        if this.columns.len() != other.columns.len() {
            return this;
        }
        let is_quotient = |column: usize| quotients.contains(&column);
        let rest = |row: &Row| -> Row {
            let kept = row.iter().enumerate().filter(|(column, _)| !is_quotient(*column));
            kept.map(|(_, value)| value.clone()).collect()
        };
        let others: HashMap<Row, &Row> = other.rows.iter().map(|row| (rest(row), row)).collect();
        for row in &mut this.rows {
            let Some(other) = others.get(&rest(row)) else { continue };
            for &column in &quotients {
                if let [Some(found), Some(expected)] = [&row[column], &other[column]]
                    && is_next_to(found, expected)
                {
                    row[column] = other[column].clone();
                }
            }
        }
        this
    }

    /// This answer and another as both can be compared: numbers with as many decimals, and text
    /// without padding.
    fn alike(&self, other: &Self) -> (Self, Self) {
        let (mut this, mut other) = (self.clone(), other.clone());
        if this.is_padded || other.is_padded {
            this.trim();
            other.trim();
        }
        for column in 0..this.columns.len().min(other.columns.len()) {
            let decimals = [&this, &other].map(|answer| answer.decimals(column));
            if let [Some(of_this), Some(of_other)] = decimals {
                this.round(column, of_this.min(of_other));
                other.round(column, of_this.min(of_other));
            }
        }
        (this, other)
    }

    fn trim(&mut self) {
        for value in self.rows.iter_mut().flatten() {
            *value = value.take().map(|text| text.trim().to_owned()).filter(|it| !it.is_empty());
        }
    }

    /// The most digits behind the points of a column's numbers, if all its values are numbers and
    /// one has a point.
    fn decimals(&self, column: usize) -> Option<usize> {
        let values = self.rows.iter().filter_map(|row| row.get(column)?.as_deref());
        let mut most = None;
        for value in values {
            let (whole, part) = value.split_once('.').unwrap_or((value, ""));
            let digits = whole.strip_prefix('-').unwrap_or(whole).bytes().chain(part.bytes());
            if !digits.into_iter().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            most = most.max(value.contains('.').then_some(part.len()));
        }
        most
    }

    fn round(&mut self, column: usize, decimals: usize) {
        for value in self.rows.iter_mut().filter_map(|row| row.get_mut(column)?.as_mut()) {
            *value = rounded(value, decimals).unwrap_or_else(|| std::mem::take(value));
        }
    }

    fn difference_of_rows(&self, right: &Self, order_by: &[usize]) -> Option<String> {
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

/// A number with so many digits behind its point, halves away from zero.
fn rounded(number: &str, decimals: usize) -> Option<String> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let kept = part.get(..decimals.min(part.len()))?;
    let is_up = part.as_bytes().get(decimals).is_some_and(|digit| *digit >= b'5');
    let digits = whole.trim_start_matches('-');
    let scaled: u128 = format!("{digits}{kept:0<decimals$}").parse().ok()?;
    let scaled = format!("{:0>width$}", scaled + u128::from(is_up), width = decimals + 1);
    let (whole, part) = scaled.split_at(scaled.len() - decimals);
    let is_zero = scaled.bytes().all(|digit| digit == b'0');
    let sign = if number.starts_with('-') && !is_zero { "-" } else { "" };
    Some(if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") })
}

/// Whether two numbers of as many decimals differ by no more than a unit of the last.
fn is_next_to(one: &str, other: &str) -> bool {
    let scaled = |number: &str| number.replacen('.', "", 1).parse::<i128>();
    let decimals = |number: &str| number.split_once('.').map(|(_, part)| part.len());
    match (scaled(one), scaled(other)) {
        (Ok(a), Ok(b)) => decimals(one) == decimals(other) && a.abs_diff(b) <= 1,
        _ => false,
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
    fn numbers_are_rounded_to_the_fewest_decimals_and_texts_are_not() {
        for (number, decimals, expected) in [
            ("25.522006", 2, "25.52"),
            ("25.525", 2, "25.53"),
            ("-0.004", 2, "0.00"),
            ("-9.999", 2, "-10.00"),
            ("7", 2, "7.00"),
            ("0.5", 0, "1"),
        ] {
            assert_eq!(rounded(number, decimals).as_deref(), Some(expected), "{number}");
        }
        let official = "a   |n     \n x  |  1.50\ny   |-2.00\n";
        let official = Answer::parse_padded(official, str::to_owned);
        let same = Answer::parse("a,n\nx ,1.499\ny,-2.0049\n");
        assert_eq!(same.difference(&official, &[0]), None);
        let half = Answer::parse("a,n\nx ,1.495\ny,-2.0150\n");
        assert!(half.with_quotients_of(&official, &[]).difference(&official, &[0]).is_some());
        let half = Answer::parse("a,n\nx ,1.485\ny,-2.0049\n");
        assert_eq!(half.with_quotients_of(&official, &[]).difference(&official, &[0]), None);
        for other in ["a,n\nx,1.494\ny,-2.00\n", "a,n\nx,1.5\n", "a,n\nz,1.50\ny,-2.00\n"] {
            assert!(Answer::parse(other).difference(&official, &[0]).is_some(), "{other}");
        }
        // Whole numbers have no decimals that could be cut off.
        assert!(Answer::parse("n\n1\n").difference(&Answer::parse("n\n1.4\n"), &[]).is_some());
    }

    #[test]
    fn quotients_may_be_rounded_or_cut_off() {
        let right = Answer::parse("a,sum,avg\nx,1.50,0.333333\ny,2.00,-0.666667\n");
        let difference = |text: &str| {
            let found = Answer::parse(text).with_quotients_of(&right, &[2]);
            found.difference(&right, &[0])
        };
        assert_eq!(difference("a,sum,avg\nx,1.50,0.333334\ny,2.00,-0.666666\n"), None);
        assert_eq!(difference("a,sum,avg\nx,1.50,0.333332\ny,2.00,-0.666668\n"), None);
        for wrong in [
            "a,sum,avg\nx,1.51,0.333333\ny,2.00,-0.666667\n",
            "a,sum,avg\nx,1.50,0.333335\ny,2.00,-0.666667\n",
            "a,sum,avg\nx,1.50,0.333333\ny,2.00,0.666667\n",
            "a,sum,avg\nx,1.50,\ny,2.00,-0.666667\n",
        ] {
            assert!(difference(wrong).is_some(), "{wrong}");
        }
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
