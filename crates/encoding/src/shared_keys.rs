//! Keys that many blocks have in common: those of the rows that a column of ordinals refers to.
//!
//! ```text
//!   ordinal of a row   3 0 2 2 3          keys   17 4 4 99
//!   key of it          99 17 4 4 99              ▲ ordinal 0
//! ```
//!
//! A fact has the key of each row of a dimension as often as it refers to that row, and with it the
//! ordinal, which says the same. So the column of keys need not be stored: the ordinals lead to its
//! keys in a list. Like a dictionary, it lives in memory for as long as anybody needs it, and
//! remembers what the last sets of keys are as sets of ordinals.

use crate::keys::KeySet;
use crate::members::Members;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys of the longest list: 64 MiB in memory, if they take 32 bits.
pub const SHARED_KEYS_MAX: usize = 1 << 24;
/// Sets that are remembered.
const REMEMBERED: usize = 16;

/// Keys by ordinal.
#[derive(Debug)]
pub struct SharedKeys {
    keys: Keys,
    /// Sets of keys, and the ordinals that have them; the newest first.
    sets: Mutex<VecDeque<(KeySet, Arc<KeySet>)>>,
}

#[derive(Debug)]
enum Keys {
    /// Distances from the least key.
    Near(i64, Vec<u32>),
    Far(Vec<i64>),
}

impl SharedKeys {
    /// The list of these keys, the first of them that of ordinal 0.
    pub fn new(keys: Vec<i64>) -> Self {
        let (min, max) =
            keys.iter().fold((i64::MAX, i64::MIN), |(min, max), &key| (min.min(key), max.max(key)));
        let keys = match min <= max && max.abs_diff(min) <= u64::from(u32::MAX) {
            true => Keys::Near(min, keys.iter().map(|&key| key.abs_diff(min) as u32).collect()),
            false => Keys::Far(keys),
        };
        Self { keys, sets: Mutex::default() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        match &self.keys {
            Keys::Near(_, distances) => distances.len(),
            Keys::Far(keys) => keys.len(),
        }
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The key of an ordinal; `None` beyond the last.
    pub fn get(&self, ordinal: i64) -> Option<i64> {
        let place = usize::try_from(ordinal).ok()?;
        match &self.keys {
            Keys::Near(min, distances) => {
                distances.get(place).map(|&distance| min.wrapping_add(distance.into()))
            }
            Keys::Far(keys) => keys.get(place).copied(),
        }
    }

    /// Replaces ordinals by their keys; the error is one that has none.
    pub(crate) fn apply(&self, ordinals: &mut [i64]) -> Result<(), i64> {
        for ordinal in ordinals {
            *ordinal = self.get(*ordinal).ok_or(*ordinal)?;
        }
        Ok(())
    }

    /// The ordinals whose keys are in `set`.
    pub(crate) fn ordinals(&self, set: &KeySet) -> Arc<KeySet> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, ordinals)) = sets.iter().find(|(known, _)| known == set) {
            return Arc::clone(ordinals);
        }
        let mut members = Members::with_room(self.len());
        let mut insert = |place: usize, key: i64| {
            if set.contains(key.into()) {
                members.insert(place);
            }
        };
        match &self.keys {
            Keys::Near(min, distances) => distances.iter().enumerate().for_each(|(place, it)| {
                insert(place, min.wrapping_add((*it).into()));
            }),
            Keys::Far(keys) => keys.iter().enumerate().for_each(|(place, it)| insert(place, *it)),
        }
        let ordinals = Arc::new(KeySet::members(&Arc::new(members)));
        sets.truncate(REMEMBERED - 1);
        sets.push_front((set.clone(), Arc::clone(&ordinals)));
        ordinals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_and_sets_of_keys_lead_to_each_other() {
        for keys in [
            vec![5, -7, 5, 1_000],
            vec![i64::MIN, 0, i64::MAX, 5],
            vec![i64::MAX, i64::MAX - 3, i64::MAX - 7],
        ] {
            let list = SharedKeys::new(keys.clone());
            assert_eq!((list.len(), list.is_empty()), (keys.len(), false));
            let mut all: Vec<i64> = (0..keys.len() as i64).collect();
            assert_eq!((list.apply(&mut all), &all), (Ok(()), &keys));
            for set in [
                KeySet::range(5, 5),
                KeySet::range(i128::MIN, 7),
                KeySet::Nothing,
                KeySet::points(vec![-7, 1_000, i64::MAX.into()]),
                KeySet::Outside { low: 0, high: 10 },
            ] {
                for _ in 0..2 {
                    let ordinals = list.ordinals(&set);
                    for (place, key) in keys.iter().enumerate() {
                        let is_member = ordinals.contains(place as i128);
                        assert_eq!(is_member, set.contains((*key).into()), "{set:?} {key}");
                    }
                }
            }
        }
    }

    #[test]
    fn ordinals_without_keys_are_refused() {
        let list = SharedKeys::new(vec![1, 2]);
        for ordinal in [2, -1, i64::MIN, i64::MAX] {
            assert_eq!((list.get(ordinal), list.apply(&mut [0, ordinal])), (None, Err(ordinal)));
        }
        assert_eq!(SharedKeys::new(Vec::new()).get(0), None);
    }

    #[test]
    fn only_the_last_sets_are_remembered() {
        let list = SharedKeys::new((0..100).collect());
        for key in 0..60 {
            assert!(list.ordinals(&KeySet::range(key, key)).contains(key));
        }
        assert_eq!(list.sets.lock().unwrap().len(), REMEMBERED);
    }
}
