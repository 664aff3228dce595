//! A set of integers from 0 on, a bit each: which ordinals of a dimension a filter wants.

use std::ops::RangeInclusive;

/// A set of integers below some bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    words: Vec<u64>,
}

impl Members {
    /// An empty set, with room for the integers below `end`.
    pub fn with_room(end: usize) -> Self {
        Self { words: vec![0; end.div_ceil(64)] }
    }

    /// All integers below `end`.
    pub fn below(end: usize) -> Self {
        let mut words = vec![u64::MAX; end.div_ceil(64)];
        if let (Some(last), 1..) = (words.last_mut(), end % 64) {
            *last = (1 << (end % 64)) - 1;
        }
        Self { words }
    }

    /// Takes an integer in; one that there is no room for stays out.
    #[inline]
    pub fn insert(&mut self, member: usize) {
        if let Some(word) = self.words.get_mut(member / 64) {
            *word |= 1 << (member % 64);
        }
    }

    /// Whether an integer is in the set.
    #[inline]
    pub fn contains(&self, member: i128) -> bool {
        usize::try_from(member).is_ok_and(|member| {
            self.words.get(member / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The integers themselves, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(idx, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    idx * 64 + bit
                })
            })
        })
    }

    /// The bits, that of 0 the lowest of the first word.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether any integer of a range is in the set.
    pub fn has_any(&self, range: RangeInclusive<i128>) -> bool {
        self.masked(range).any(|(word, mask)| word & mask != 0)
    }

    /// Whether every integer of a range is in the set.
    pub fn has_all(&self, range: RangeInclusive<i128>) -> bool {
        let end = (self.words.len() * 64) as i128;
        let fits = *range.start() >= 0 && *range.end() < end;
        range.is_empty() || fits && self.masked(range).all(|(word, mask)| word & mask == mask)
    }

    /// The words that have integers of a range, and which of their bits these are.
    fn masked(&self, range: RangeInclusive<i128>) -> impl Iterator<Item = (u64, u64)> {
        let low = (*range.start()).max(0);
        let high = (*range.end()).min((self.words.len() * 64) as i128 - 1);
        let is_empty = low > high;
        let (low, high) = if is_empty { (0, 0) } else { (low as usize, high as usize) };
        let (first, last) = (low / 64, high / 64);
        let end = if is_empty { first } else { last + 1 };
        let words = self.words.get(first..end).unwrap_or_default();
        words.iter().enumerate().map(move |(idx, &word)| {
            let from = if idx == 0 { u64::MAX << (low % 64) } else { u64::MAX };
            let to = if first + idx == last { u64::MAX >> (63 - high % 64) } else { u64::MAX };
            (word, from & to)
        })
    }
}

impl FromIterator<usize> for Members {
    fn from_iter<I: IntoIterator<Item = usize>>(members: I) -> Self {
        let mut words = Vec::new();
        for member in members {
            if words.len() <= member / 64 {
                words.resize(member / 64 + 1, 0);
            }
            if let Some(word) = words.get_mut(member / 64) {
                *word |= 1 << (member % 64);
            }
        }
        Self { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_below_a_bound_are_members() {
        for end in [0, 1, 63, 64, 65, 200] {
            let members = Members::below(end);
            assert!(members.iter().eq(0..end));
            assert!(members.has_all(0..=end as i128 - 1));
            assert!(!members.has_all(0..=end as i128));
            assert!(!members.has_any(end as i128..=1_000));
        }
    }

    proptest! {
        #[test]
        fn ranges_agree_with_single_integers(
            set in proptest::collection::btree_set(0usize..300, 0..290),
            low in -70i128..370,
            len in -1i128..200,
        ) {
            let members: Members = set.iter().copied().collect();
            let ordered: BTreeSet<usize> = members.iter().collect();
            prop_assert_eq!(&ordered, &set);
            prop_assert_eq!(members.count(), set.len());
            let range = low..=low + len;
            let mut each = range.clone().map(|member| members.contains(member));
            prop_assert_eq!(members.has_any(range.clone()), each.clone().any(|it| it));
            prop_assert_eq!(members.has_all(range), each.all(|it| it));
        }
    }
}
