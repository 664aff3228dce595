//! Exact statistics of integers, from which their encoding is chosen.

use crate::cpu::{self, Kernel};
use crate::native::Native;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// What the size of every encoding except a dictionary depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Number of values, at least one.
    pub(crate) rows: usize,
    /// Distance from the least value to the greatest.
    pub(crate) range: u128,
    /// Runs of equal values.
    pub(crate) runs: usize,
    /// Rows of the first run.
    pub(crate) first_run: usize,
}

/// The statistics of at least one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stats<T> {
    pub(crate) min: T,
    pub(crate) max: T,
    pub(crate) shape: Shape,
}

impl<T: Native> Stats<T> {
    /// Of no values at all, those of a single zero.
    pub(crate) fn of(values: &[T]) -> Self {
        let first = values.first().copied().unwrap_or_default();
        let Scanned { min, max, changes } = cpu::run(Scan { values, first });
        let first_run = values.iter().position(|&value| value != first).unwrap_or(values.len());
        let range = max.key().wrapping_sub(min.key()) as u128;
        let shape = Shape { rows: values.len(), range, runs: changes as usize + 1, first_run };
        Self { min, max, shape }
    }
}

/// The pass over all values.
struct Scan<'a, T> {
    values: &'a [T],
    first: T,
}

#[derive(Debug, PartialEq)]
struct Scanned<T> {
    min: T,
    max: T,
    changes: u32,
}

impl<T: Native> Kernel for Scan<'_, T> {
    type Output = Scanned<T>;

    #[inline(always)]
    fn run(self) -> Scanned<T> {
        let (mut min, mut max) = (self.first, self.first);
        for &value in self.values {
            min = min.min(value);
            max = max.max(value);
        }
        let later = self.values.get(1..).unwrap_or_default();
        let changes = self.values.iter().zip(later).map(|(a, b)| u32::from(a != b)).sum();
        Scanned { min, max, changes }
    }
}

/// The distinct values, and which of them each row has.
#[derive(Debug)]
pub(crate) struct Distinct<T> {
    /// Ascending.
    pub(crate) values: Vec<T>,
    /// For each row, the place of its value.
    pub(crate) codes: Vec<u32>,
}

impl<T: Native> Distinct<T> {
    /// Finds the distinct values, or gives up when there are more than `max`.
    pub(crate) fn of(values: &[T], max: usize) -> Option<Self> {
        let hasher = RandomState::default();
        let mut table: HashTable<u32> = HashTable::new();
        let mut distinct: Vec<T> = Vec::new();
        let mut ids = Vec::with_capacity(values.len());
        let mut last: Option<(T, u32)> = None;
        for &value in values {
            let id = match last {
                Some((same, id)) if same == value => id,
                _ => {
                    let same = |id: &u32| distinct.get(*id as usize) == Some(&value);
                    let rehash = |id: &u32| hasher.hash_one(distinct.get(*id as usize));
                    match table.entry(hasher.hash_one(Some(&value)), same, rehash) {
                        Entry::Occupied(entry) => *entry.get(),
                        Entry::Vacant(_) if distinct.len() == max => return None,
                        Entry::Vacant(entry) => {
                            let id = distinct.len() as u32;
                            entry.insert(id);
                            distinct.push(value);
                            id
                        }
                    }
                }
            };
            last = Some((value, id));
            ids.push(id);
        }
        Some(Self::sorted(distinct, ids))
    }

    /// Turns ids in the order of appearance into codes in the order of the values.
    fn sorted(distinct: Vec<T>, mut ids: Vec<u32>) -> Self {
        let mut order: Vec<(T, u32)> = distinct.into_iter().zip(0..).collect();
        order.sort_unstable();
        let mut codes = vec![0; order.len()];
        for (code, &(_, id)) in (0..).zip(&order) {
            if let Some(slot) = codes.get_mut(id as usize) {
                *slot = code;
            }
        }
        for id in &mut ids {
            *id = codes.get(*id as usize).copied().unwrap_or_default();
        }
        Self { values: order.into_iter().map(|(value, _)| value).collect(), codes: ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::tests::run_at_all_levels;

    #[test]
    fn shape_of_runs() {
        let stats = Stats::of(&[7i64, 7, 7, -2, 7, 7]);
        assert_eq!((stats.min, stats.max), (-2, 7));
        assert_eq!(stats.shape, Shape { rows: 6, range: 9, runs: 3, first_run: 3 });
        let extreme = Stats::of(&[i64::MIN, i64::MAX]);
        assert_eq!(extreme.shape.range, u128::from(u64::MAX));
        let constant = Stats::of(&[5u8; 4]);
        assert_eq!(constant.shape, Shape { rows: 4, range: 0, runs: 1, first_run: 4 });
    }

    #[test]
    fn every_instruction_set_sees_the_same() {
        for rows in [1, 2, 63, 64, 65, 1_000] {
            let values: Vec<i64> = (0..rows).map(|row| row * row % 97 * 1_000_003 - 7).collect();
            let scanned = run_at_all_levels(|| Scan { values: &values, first: values[0] });
            let changes = values.windows(2).filter(|pair| pair[0] != pair[1]).count() as u32;
            let (min, max) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            assert_eq!(scanned, Scanned { min, max, changes });
        }
    }

    #[test]
    fn distinct_values_are_sorted_and_codes_lead_back() {
        let values = [30i128, 10, 10, 20, 30, -5];
        let distinct = Distinct::of(&values, 4).unwrap();
        assert_eq!(distinct.values, [-5, 10, 20, 30]);
        assert_eq!(distinct.codes, [3, 1, 1, 2, 3, 0]);
        assert!(Distinct::of(&values, 3).is_none());
    }
}
