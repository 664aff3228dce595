//! Checks that no two live rows have the same key: neighbours among the sorted new keys, and equal
//! keys in the runs of earlier rows.
//!
//! Of all rows at fault, the one that comes first in the input is reported. To find it, the check
//! goes on to the end after the first fault.

use crate::keys::layout::{Layout, NormalKey};
use crate::keys::run::RunBlocks;
use crate::keys::search::find_each;
use crate::load::RowNumbers;
use crate::schema::{Key, Schema};
use crate::snapshot::Table;
use crate::violation;
use starfact_base::{Error, Result};
use std::sync::Arc;

/// Takes the new keys in ascending order.
pub(crate) struct UniqueCheck<'a, K> {
    layout: &'a Layout,
    earlier: Vec<Arc<RunBlocks>>,
    numbers: &'a RowNumbers,
    /// The table, which tells whether an earlier row is live.
    table: &'a Table,
    /// The id of the first new row.
    first_row: u64,
    /// The last key and the id of its row.
    last: Option<(K, u64)>,
    /// While keys repeat: the two lowest numbers of rows with the last key.
    repeated: Option<(u64, u64)>,
    worst: Option<Fault<K>>,
}

/// A row with the key of another.
struct Fault<K> {
    row: u64,
    /// The row of the same input that had it first; `None` if it was in the table before.
    other: Option<u64>,
    key: K,
}

impl<'a, K: NormalKey> UniqueCheck<'a, K> {
    pub(crate) fn new(
        layout: &'a Layout,
        earlier: Vec<Arc<RunBlocks>>,
        numbers: &'a RowNumbers,
        (table, first_row): (&'a Table, u64),
    ) -> Self {
        let (last, repeated, worst) = (None, None, None);
        Self { layout, earlier, numbers, table, first_row, last, repeated, worst }
    }

    /// Whether there are earlier keys to compare with.
    pub(crate) fn has_earlier(&self) -> bool {
        !self.earlier.is_empty()
    }

    /// Whether a fault was found.
    pub(crate) fn has_failed(&self) -> bool {
        self.worst.is_some()
    }

    /// Checks keys that follow those before.
    pub(crate) fn check(&mut self, keys: &[K], rows: &[u64]) -> Result<()> {
        self.check_neighbours(keys, rows)?;
        for run in std::mem::take(&mut self.earlier) {
            find_each(self.layout, &run, keys, &mut |place, earlier| {
                let (Some(key), Some(row)) = (keys.get(place), rows.get(place)) else {
                    return Ok(());
                };
                if self.table.is_live(earlier) {
                    let number = self.number(*row)?;
                    self.fault(number, None, key);
                }
                Ok(())
            })?;
            self.earlier.push(run);
        }
        Ok(())
    }

    fn check_neighbours(&mut self, keys: &[K], rows: &[u64]) -> Result<()> {
        let (Some(first), Some(first_row)) = (keys.first(), rows.first()) else {
            return Ok(());
        };
        if let Some((last, row)) = self.last.take() {
            self.compare((&last, row), (first, *first_row))?;
        }
        let pairs = keys.iter().zip(rows);
        let next = keys.iter().skip(1).zip(rows.iter().skip(1));
        for ((key, row), (next, next_row)) in pairs.zip(next) {
            if key == next || self.repeated.is_some() {
                self.compare((key, *row), (next, *next_row))?;
            }
        }
        self.last = keys.last().cloned().zip(rows.last().copied());
        Ok(())
    }

    fn compare(&mut self, (key, row): (&K, u64), (next, next_row): (&K, u64)) -> Result<()> {
        if key != next {
            self.repeated = None;
            return Ok(());
        }
        let second = self.number(next_row)?;
        let (first, second) = match self.repeated {
            None => {
                let first = self.number(row)?;
                (first.min(second), first.max(second))
            }
            Some((first, _)) if second < first => (second, first),
            Some((first, other)) => (first, other.min(second)),
        };
        self.repeated = Some((first, second));
        self.fault(second, Some(first), key);
        Ok(())
    }

    fn number(&self, row: u64) -> Result<u64> {
        self.numbers.number(row.saturating_sub(self.first_row))
    }

    fn fault(&mut self, row: u64, other: Option<u64>, key: &K) {
        if self.worst.as_ref().is_none_or(|worst| row < worst.row) {
            self.worst = Some(Fault { row, other, key: key.clone() });
        }
    }

    /// What was found; `None` if all keys are unique. The number is that of the row.
    pub(crate) fn finish(self, schema: &Schema, key: &Key) -> Result<Option<(u64, Error)>> {
        let Some(Fault { row, other, key: found }) = self.worst else { return Ok(None) };
        let values = K::decode(self.layout, std::slice::from_ref(&found))?;
        let text = violation::columns_and_values(schema, &key.columns, &values, 0);
        Ok(Some((row, violation::duplicate(schema, &text, row, other))))
    }
}
