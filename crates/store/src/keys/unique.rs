//! Checks that no two rows have the same key: neighbours among the sorted new keys, and equal keys
//! in the runs of earlier rows.
//!
//! Of all rows at fault, the one that comes first in the input is reported. To find it, the check
//! goes on to the end after the first fault.

use crate::keys::layout::{Layout, NormalKey};
use crate::keys::run::RunBlocks;
use crate::keys::search::find_each;
use crate::load::RowNumbers;
use crate::schema::{Key, Schema};
use crate::violation;
use starfact_base::{Error, Result};
use std::sync::Arc;

/// Takes the new keys in ascending order.
pub(crate) struct UniqueCheck<'a, K> {
    layout: &'a Layout,
    earlier: Vec<Arc<RunBlocks>>,
    numbers: &'a RowNumbers,
    /// The ordinal of the first new row.
    first_ordinal: u64,
    /// The last key and its ordinal.
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
        first_ordinal: u64,
    ) -> Self {
        Self { layout, earlier, numbers, first_ordinal, last: None, repeated: None, worst: None }
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
    pub(crate) fn check(&mut self, keys: &[K], ordinals: &[u64]) -> Result<()> {
        self.check_neighbours(keys, ordinals)?;
        for run in std::mem::take(&mut self.earlier) {
            find_each(self.layout, &run, keys, &mut |place, _| {
                let (Some(key), Some(ordinal)) = (keys.get(place), ordinals.get(place)) else {
                    return Ok(());
                };
                let row = self.number(*ordinal)?;
                self.fault(row, None, key);
                Ok(())
            })?;
            self.earlier.push(run);
        }
        Ok(())
    }

    fn check_neighbours(&mut self, keys: &[K], ordinals: &[u64]) -> Result<()> {
        let (Some(first), Some(first_ordinal)) = (keys.first(), ordinals.first()) else {
            return Ok(());
        };
        if let Some((last, ordinal)) = self.last.take() {
            self.compare((&last, ordinal), (first, *first_ordinal))?;
        }
        let pairs = keys.iter().zip(ordinals);
        let next = keys.iter().skip(1).zip(ordinals.iter().skip(1));
        for ((key, ordinal), (next, next_ordinal)) in pairs.zip(next) {
            if key == next || self.repeated.is_some() {
                self.compare((key, *ordinal), (next, *next_ordinal))?;
            }
        }
        self.last = keys.last().cloned().zip(ordinals.last().copied());
        Ok(())
    }

    fn compare(
        &mut self,
        (key, ordinal): (&K, u64),
        (next, next_ordinal): (&K, u64),
    ) -> Result<()> {
        if key != next {
            self.repeated = None;
            return Ok(());
        }
        let row = self.number(next_ordinal)?;
        let (first, second) = match self.repeated {
            None => {
                let before = self.number(ordinal)?;
                (before.min(row), before.max(row))
            }
            Some((first, _)) if row < first => (row, first),
            Some((first, second)) => (first, second.min(row)),
        };
        self.repeated = Some((first, second));
        self.fault(second, Some(first), key);
        Ok(())
    }

    fn number(&self, ordinal: u64) -> Result<u64> {
        self.numbers.number(ordinal.saturating_sub(self.first_ordinal))
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
