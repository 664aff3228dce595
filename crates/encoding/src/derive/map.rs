//! What a column says of another: for each distinct key of the source, the key of the row.

use crate::bytes::{Reader, Writer};
use crate::integer::encode as integers;
use crate::integer::stats::{Distinct, Stats};
use crate::integer::{Integers, Rows};
use crate::types::Domain;
use starfact_base::Corruption;

/// Entries of the largest map: it stays in the cache.
pub(super) const ENTRIES_MAX: usize = 4_096;
/// The widest span of keys that are looked up by their distance from the first.
const DENSE_SPAN_MAX: u64 = 1 << 14;

/// The domain of keys and residuals: they are 64 bits, whatever the column.
pub(super) const WORDS: Domain = Domain { min: i64::MIN as i128, max: i64::MAX as i128 };

/// Ascending keys and a value for each.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    keys: Vec<i64>,
    values: Vec<i64>,
    /// The values by distance from the first key; empty if the keys lie too far apart.
    dense: Vec<i64>,
}

impl Map {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        let numbers = [&self.keys, &self.values, &self.dense];
        numbers.map(|numbers| size_of_val(numbers.as_slice())).iter().sum()
    }

    /// The map from the keys of rows to their values; `None` if a key has two values, or if there
    /// are too many keys. Rows whose validity is 0 say nothing.
    pub(super) fn of(keys: &[i64], values: &[i64], validity: Option<&[u8]>) -> Option<Self> {
        let Distinct { values: distinct, codes } = Distinct::of(keys, ENTRIES_MAX)?;
        let mut found: Vec<Option<i64>> = vec![None; distinct.len()];
        for (row, (code, value)) in codes.iter().zip(values).enumerate() {
            let bit = validity.and_then(|validity| validity.get(row)).copied().unwrap_or(1);
            if bit == 1 && *found.get_mut(*code as usize)?.get_or_insert(*value) != *value {
                return None;
            }
        }
        let pairs = distinct.into_iter().zip(found);
        let (keys, values): (Vec<i64>, Vec<i64>) =
            pairs.filter_map(|(key, value)| Some((key, value?))).unzip();
        (!keys.is_empty()).then(|| Self::new(keys, values))
    }

    fn new(keys: Vec<i64>, values: Vec<i64>) -> Self {
        let mut dense = Vec::new();
        if let (Some(&first), Some(&last)) = (keys.first(), keys.last())
            && last.abs_diff(first) < DENSE_SPAN_MAX
        {
            dense.resize(last.abs_diff(first) as usize + 1, 0);
            for (key, value) in keys.iter().zip(&values) {
                if let Some(slot) = dense.get_mut(key.abs_diff(first) as usize) {
                    *slot = *value;
                }
            }
        }
        Self { keys, values, dense }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.u32(self.keys.len());
        integers::encode_simple(&self.keys, &Stats::of(&self.keys), writer);
        integers::encode_simple(&self.values, &Stats::of(&self.values), writer);
    }

    pub(super) fn parse(reader: &mut Reader) -> Result<Self, Corruption> {
        let count = reader.count(ENTRIES_MAX, "entries of a map")?;
        let position = reader.position();
        let keys = Integers::parse(reader, count, WORDS, 2)?;
        let keys: Vec<i64> = keys.fetch(&Rows::Range(0..count))?;
        if !keys.is_sorted_by(|a, b| a < b) {
            return Err(Corruption::new(position as u64, "keys of a map", "to ascend", "others"));
        }
        let values = Integers::parse(reader, count, WORDS, 2)?;
        let values = values.fetch(&Rows::Range(0..count))?;
        Ok(Self::new(keys, values))
    }

    /// The keys and their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.keys.iter().copied().zip(self.values.iter().copied())
    }

    /// Replaces each key by its value, or by 0.
    pub(super) fn apply(&self, keys: &mut [i64]) {
        if self.dense.is_empty() {
            for key in keys {
                let place = self.keys.binary_search(key).ok();
                *key = place.and_then(|place| self.values.get(place)).copied().unwrap_or(0);
            }
            return;
        }
        let first = self.keys.first().copied().unwrap_or_default();
        for key in keys {
            let distance = key.wrapping_sub(first) as u64;
            let distance = usize::try_from(distance).unwrap_or(usize::MAX);
            *key = self.dense.get(distance).copied().unwrap_or(0);
        }
    }
}
