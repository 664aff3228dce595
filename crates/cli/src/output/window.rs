//! The rows of a result that are held to be shown: the first ones, or the first and the last.

use super::Batches;
use super::cells::{Row, row_of};
use super::fit::display_width;
use starfact::Error;
use std::collections::VecDeque;

/// Bytes of text after which a sample is large enough to tell how wide columns are.
const SAMPLE_BYTES: usize = 4 << 20;

/// The part of a result that is held.
pub struct Window {
    /// The first rows.
    pub head: Vec<Row>,
    /// The last rows, if some in the middle were dropped.
    pub tail: VecDeque<Row>,
    /// Rows in all.
    pub row_count: u64,
    /// Rows that were shown without being held.
    passed: u64,
}

impl Window {
    fn new() -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), row_count: 0, passed: 0 }
    }

    /// Reads a result to its end and keeps `rows_max` rows of it, half of them from the end.
    pub fn collect(batches: &mut Batches, rows_max: usize) -> Result<Self, Error> {
        let tail_max = rows_max / 2;
        let mut window = Self::new();
        for batch in batches {
            let batch = batch?;
            let room = (rows_max - window.head.len()).min(batch.num_rows());
            window.head.extend((0..room).map(|row| row_of(&batch, row)));
            let tail_from = room.max(batch.num_rows().saturating_sub(tail_max));
            window.tail.extend((tail_from..batch.num_rows()).map(|row| row_of(&batch, row)));
            let surplus = window.tail.len().saturating_sub(tail_max);
            window.tail.drain(..surplus);
            window.row_count += batch.num_rows() as u64;
        }
        window.balance(rows_max, tail_max);
        Ok(window)
    }

    /// Reads the first rows of a result, all of them if they are not many; the rest is still to be
    /// had from `batches`.
    pub fn sample(batches: &mut Batches) -> Result<Self, Error> {
        let mut window = Self::new();
        let mut bytes = 0;
        while bytes < SAMPLE_BYTES {
            let Some(batch) = batches.next().transpose()? else { break };
            for row in 0..batch.num_rows() {
                let row = row_of(&batch, row);
                bytes += row.iter().flatten().map(|text| text.len() + 24).sum::<usize>();
                window.head.push(row);
            }
            window.row_count += batch.num_rows() as u64;
        }
        Ok(window)
    }

    /// Moves rows from head to tail until the tail has its share.
    fn balance(&mut self, head_max: usize, tail_max: usize) {
        if self.row_count <= head_max as u64 {
            return;
        }
        while self.tail.len() < tail_max {
            self.tail.extend(self.head.pop());
            self.tail.rotate_right(1);
        }
        self.head.truncate(head_max - tail_max);
    }

    /// Counts rows that were shown as they came.
    pub fn pass(&mut self, rows: usize) {
        self.row_count += rows as u64;
        self.passed += rows as u64;
    }

    /// Rows that are or were shown.
    pub fn shown(&self) -> u64 {
        (self.head.len() + self.tail.len()) as u64 + self.passed
    }

    /// The widest text of each column, names included where there is a header.
    pub fn widths(
        &self,
        column_count: usize,
        header: Option<&Vec<String>>,
        text: impl Fn(&Option<String>) -> String,
    ) -> Vec<usize> {
        let mut widths = vec![1; column_count];
        for (width, name) in widths.iter_mut().zip(header.into_iter().flatten()) {
            *width = display_width(name).max(*width);
        }
        for row in self.head.iter().chain(&self.tail) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = display_width(&text(cell)).max(*width);
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use std::sync::Arc;

    fn window(batch_rows: &[i64], rows_max: usize) -> (Vec<i64>, Vec<i64>, u64) {
        let mut next = 0;
        let mut batches = batch_rows.iter().map(|&rows| {
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(next..next + rows));
            next += rows;
            Ok(RecordBatch::try_from_iter([("n", values)]).unwrap())
        });
        let window = Window::collect(&mut batches, rows_max).unwrap();
        let number = |row: &Row| row[0].as_ref().unwrap().parse().unwrap();
        let head = window.head.iter().map(number).collect();
        (head, window.tail.iter().map(number).collect(), window.row_count)
    }

    #[test]
    fn few_rows_are_all_kept() {
        assert_eq!(window(&[2, 2], 4), (vec![0, 1, 2, 3], vec![], 4));
        assert_eq!(window(&[], 4), (vec![], vec![], 0));
    }

    #[test]
    fn of_many_rows_the_first_and_the_last_are_kept() {
        for batches in [&[100][..], &[4, 96], &[5, 95], &[99, 1], &[3, 1, 1, 95], &[50, 0, 50]] {
            assert_eq!(window(batches, 4), (vec![0, 1], vec![98, 99], 100), "{batches:?}");
            assert_eq!(window(batches, 5), (vec![0, 1, 2], vec![98, 99], 100), "{batches:?}");
        }
        assert_eq!(window(&[1, 1, 1, 1, 1], 4), (vec![0, 1], vec![3, 4], 5));
        assert_eq!(window(&[9], 1), (vec![0], vec![], 9));
    }
}
