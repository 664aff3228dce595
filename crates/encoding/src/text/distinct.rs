//! The distinct texts of a column, found by hashing, with a short cut for those that repeat.
//!
//! Rows of few texts are mostly answered by a small cache that is looked up by the view of a row,
//! without a look at the text: within one Arrow array, equal views are equal texts. The opposite
//! does not hold for long texts, so what the cache does not know is hashed by its bytes.

use super::choose::is_hopeful;
use super::encode::Column;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;

/// Places of the cache; a power of two.
const CACHE_PLACES: usize = 1_024;

/// The distinct texts, and which of them each row has.
#[derive(Debug)]
pub(crate) struct Distinct<'a> {
    /// Ascending.
    pub(super) texts: Vec<&'a [u8]>,
    /// For each row, the place of its text.
    pub(super) codes: Vec<u32>,
}

impl<'a> Distinct<'a> {
    /// Finds the distinct texts; gives up when there are more than `max`, or, if `may_give_up`,
    /// when most rows of a sample have one of their own.
    pub(super) fn of(column: &Column<'a>, max: usize, may_give_up: bool) -> Option<Self> {
        let mut found = Finder::new();
        let mut ids = Vec::with_capacity(column.texts.len());
        // No text has this view: a length beyond every limit.
        let (mut last_view, mut last_id) = (u128::MAX, 0);
        for (row, (&view, text)) in column.views.iter().zip(&column.texts).enumerate() {
            if view != last_view {
                last_id = found.id(view, text);
                last_view = view;
                if found.texts.len() > max {
                    return None;
                }
            }
            if may_give_up && !is_hopeful(found.texts.len(), row) {
                return None;
            }
            ids.push(last_id);
        }
        Some(Self::sorted(found.texts, ids))
    }

    /// Turns ids in the order of appearance into codes in the order of the texts.
    fn sorted(texts: Vec<&'a [u8]>, mut ids: Vec<u32>) -> Self {
        let mut order: Vec<(&[u8], u32)> = texts.into_iter().zip(0..).collect();
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
        Self { texts: order.into_iter().map(|(text, _)| text).collect(), codes: ids }
    }
}

/// For each row the place of its text among the distinct ones; `None` if those are more than `max`.
pub(crate) fn codes(column: &Column<'_>, max: usize) -> Option<Vec<u32>> {
    Distinct::of(column, max, false).map(|distinct| distinct.codes)
}

/// Numbers texts in the order of their appearance.
struct Finder<'a> {
    texts: Vec<&'a [u8]>,
    table: HashTable<u32>,
    hasher: RandomState,
    /// Views and the ids of their texts.
    cache: Vec<(u128, u32)>,
}

impl<'a> Finder<'a> {
    fn new() -> Self {
        Self {
            texts: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::default(),
            cache: vec![(u128::MAX, 0); CACHE_PLACES],
        }
    }

    /// The id of a text with this view.
    fn id(&mut self, view: u128, text: &'a [u8]) -> u32 {
        let place = (mixed(view) >> 32) as usize % CACHE_PLACES;
        if let Some(&(known, id)) = self.cache.get(place)
            && known == view
        {
            return id;
        }
        let id = self.id_by_bytes(text);
        if let Some(slot) = self.cache.get_mut(place) {
            *slot = (view, id);
        }
        id
    }

    fn id_by_bytes(&mut self, text: &'a [u8]) -> u32 {
        let Self { texts, table, hasher, .. } = self;
        let hash = |text: Option<&&[u8]>| hasher.hash_one(text);
        let same = |id: &u32| texts.get(*id as usize) == Some(&text);
        match table.entry(hash(Some(&text)), same, |id| hash(texts.get(*id as usize))) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = texts.len() as u32;
                entry.insert(id);
                texts.push(text);
                id
            }
        }
    }
}

/// Spreads the bits of a view over the upper half of the result.
fn mixed(view: u128) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let (low, high) = (view as u64, (view >> 64) as u64);
    (low ^ high.rotate_left(32)).wrapping_mul(ODD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;

    fn distinct(array: &StringViewArray, max: usize, may_give_up: bool) -> Option<Vec<String>> {
        let column = Column::of(array).unwrap();
        let distinct = Distinct::of(&column, max, may_give_up)?;
        for (row, code) in distinct.codes.iter().enumerate() {
            assert_eq!(distinct.texts[*code as usize], array.value(row).as_bytes(), "row {row}");
        }
        let text = |bytes: &&[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some(distinct.texts.iter().map(text).collect())
    }

    #[test]
    fn texts_ascend_and_codes_lead_back() {
        let long = "more than a view holds";
        let array = StringViewArray::from_iter_values(["b", long, "", "b", "ä", long, "a"]);
        let expected = ["", "a", "b", long, "ä"];
        assert_eq!(distinct(&array, 5, true).unwrap(), expected);
        assert_eq!(distinct(&array, 4, true), None);
    }

    #[test]
    fn texts_that_meet_in_the_cache_are_told_apart() {
        let texts: Vec<String> = (0..20_000).map(|i| format!("{:>14}", i * 7 % 3_000)).collect();
        let array = StringViewArray::from_iter_values(&texts);
        assert_eq!(distinct(&array, 3_000, true).unwrap().len(), 3_000);
    }

    #[test]
    fn unique_texts_are_given_up_after_a_sample() {
        let array = StringViewArray::from_iter_values((0..10_000).map(|i| format!("#{i}")));
        assert_eq!(distinct(&array, 10_000, true), None);
        assert_eq!(distinct(&array, 10_000, false).unwrap().len(), 10_000);
    }
}
