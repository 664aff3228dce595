//! A set of integers from 0 on, a bit each: which ordinals of a dimension a filter wants.

use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, OnceLock};

/// A set of integers below some bound.
#[derive(Clone, Debug, Default)]
pub struct Members {
    words: Vec<u64>,
    /// How many there are in the words before each, and in all: made when it is first asked for.
    ranks: OnceLock<Vec<u32>>,
    /// Where it begins and ends, if it is of few pieces: made when it is first asked for.
    pieces: OnceLock<Option<Box<[RangeInclusive<usize>]>>>,
    /// The set of the integers whose quotients by a divisor are in this one: made when it is first
    /// asked for.
    multiples: OnceLock<(usize, Arc<Members>)>,
}

/// The pieces that a set of few pieces has at most.
const PIECES_MAX: usize = 64;
/// What integers of a set of multiples are below: 32 MB.
const MULTIPLES_END: usize = 1 << 28;

impl PartialEq for Members {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for Members {}

impl Members {
    /// An empty set, with room for the integers below `end`.
    pub fn with_room(end: usize) -> Self {
        Self::of(vec![0; end.div_ceil(64)])
    }

    /// All integers below `end`.
    pub fn below(end: usize) -> Self {
        let mut words = vec![u64::MAX; end.div_ceil(64)];
        if let (Some(last), 1..) = (words.last_mut(), end % 64) {
            *last = (1 << (end % 64)) - 1;
        }
        Self::of(words)
    }

    fn of(words: Vec<u64>) -> Self {
        let (ranks, pieces, multiples) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { words, ranks, pieces, multiples }
    }

    /// Forgets what follows from the integers, because these change.
    fn forget(&mut self) {
        self.ranks.take();
        self.pieces.take();
        self.multiples.take();
    }

    /// The integers below `end` that are not in the set.
    #[must_use]
    pub fn complement(&self, end: usize) -> Self {
        let mut others = Self::below(end);
        for (word, own) in others.words.iter_mut().zip(&self.words) {
            *word &= !own;
        }
        others
    }

    /// Takes an integer in; one that there is no room for stays out.
    #[inline]
    pub fn insert(&mut self, member: usize) {
        self.forget();
        if let Some(word) = self.words.get_mut(member / 64) {
            *word |= 1 << (member % 64);
        }
    }

    /// Takes integers in; those that there is no room for stay out.
    pub fn insert_all(&mut self, members: impl IntoIterator<Item = usize>) {
        self.forget();
        for member in members {
            if let Some(word) = self.words.get_mut(member / 64) {
                *word |= 1 << (member % 64);
            }
        }
    }

    /// Whether an integer is in the set.
    #[inline]
    pub fn contains(&self, member: i128) -> bool {
        usize::try_from(member).is_ok_and(|member| {
            self.words.get(member / 64).is_some_and(|word| word >> (member % 64) & 1 == 1)
        })
    }

    /// The least of them.
    pub fn first(&self) -> Option<usize> {
        let word = self.ranks().partition_point(|count| *count == 0).checked_sub(1)?;
        let bits = self.words.get(word)?;
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// The greatest of them.
    pub fn last(&self) -> Option<usize> {
        let count = self.ranks().last().filter(|count| **count > 0)?;
        let word = self.ranks().partition_point(|before| before < count).checked_sub(1)?;
        let bits = self.words.get(word)?;
        Some(word * 64 + 63 - bits.leading_zeros() as usize)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ranks().last().map_or(0, |count| *count as usize)
    }

    fn ranks(&self) -> &[u32] {
        self.ranks.get_or_init(|| {
            let mut count = 0;
            let ranks = self.words.iter().map(|word| {
                count += word.count_ones();
                count
            });
            std::iter::once(0).chain(ranks).collect()
        })
    }

    /// How many are below `end`, which is at most the bound.
    pub fn rank(&self, end: usize) -> usize {
        let before = self.ranks().get(end / 64).map_or(0, |count| *count as usize);
        let word = self.words.get(end / 64).copied().unwrap_or_default();
        before + (word & !(u64::MAX << (end % 64))).count_ones() as usize
    }

    /// How many there are in a range.
    pub fn count_in(&self, range: RangeInclusive<i128>) -> usize {
        let bound = (self.words.len() * 64) as i128;
        let (low, high) = ((*range.start()).max(0), (*range.end()).min(bound - 1));
        if low > high {
            return 0;
        }
        self.rank(high as usize + 1) - self.rank(low as usize)
    }

    /// Of how many pieces without a gap it is, unless they are many.
    pub fn piece_count(&self) -> Option<usize> {
        self.pieces().map(<[_]>::len)
    }

    /// The pieces without a gap that it is of, ascending, unless they are many.
    pub(crate) fn pieces(&self) -> Option<&[RangeInclusive<usize>]> {
        let pieces = self.pieces.get_or_init(|| {
            let mut pieces = Vec::new();
            let mut open = None;
            for (place, word) in self.words.iter().chain(&[0]).enumerate() {
                let mut at = 0;
                while at < 64 {
                    // From each end of a piece to the next.
                    let rest = if open.is_none() { word >> at } else { !word >> at };
                    let next = at + rest.trailing_zeros().min(64 - at);
                    if next == 64 {
                        break;
                    }
                    let bit = place * 64 + next as usize;
                    match open.take() {
                        None => open = Some(bit),
                        Some(_) if pieces.len() == PIECES_MAX => return None,
                        Some(first) => pieces.push(first..=bit - 1),
                    }
                    at = next;
                }
            }
            Some(pieces.into())
        });
        pieces.as_deref()
    }

    /// Takes in those of another set, as far as there is room.
    pub fn unite(&mut self, other: &Self) {
        self.forget();
        for (word, others) in self.words.iter_mut().zip(&other.words) {
            *word |= others;
        }
    }

    /// Those that are in another set, too.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let words = self.words.iter().zip(&other.words);
        Self::of(words.map(|(word, others)| word & others).collect())
    }

    /// The bits from an integer on, its own the lowest of the first word, and no end of empty ones
    /// behind the last.
    pub fn words_from(&self, start: usize) -> impl Iterator<Item = u64> {
        let (first, shift) = (start / 64, start % 64);
        let word = |place: usize| self.words.get(place).copied().unwrap_or_default();
        (first..).map(move |place| match shift {
            0 => word(place),
            _ => word(place) >> shift | word(place.saturating_add(1)) << (64 - shift),
        })
    }

    /// The integers whose quotients by a divisor are in this set; `None` if that is a large set, or
    /// another divisor has been asked for.
    pub(crate) fn multiples(&self, divisor: usize) -> Option<&Arc<Self>> {
        let end =
            (self.words.len() * 64).checked_mul(divisor).filter(|end| *end <= MULTIPLES_END)?;
        let (known, multiples) = self.multiples.get_or_init(|| {
            let mut multiples = Self::with_room(end);
            for member in self.iter() {
                multiples.insert_range(member * divisor..(member + 1) * divisor);
            }
            (divisor, Arc::new(multiples))
        });
        (*known == divisor).then_some(multiples)
    }

    /// Takes in the integers of a range; those that there is no room for stay out.
    pub fn insert_range(&mut self, range: Range<usize>) {
        self.forget();
        let mut start = range.start;
        while start < range.end {
            let bits = (range.end - start).min(64 - start % 64);
            if let Some(word) = self.words.get_mut(start / 64) {
                *word |= (u64::MAX >> (64 - bits)) << (start % 64);
            }
            start += bits;
        }
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
        self.count_in(range) > 0
    }

    /// Whether every integer of a range is in the set.
    pub fn has_all(&self, range: RangeInclusive<i128>) -> bool {
        let wanted = range.end().checked_sub(*range.start()).map(|last| last + 1);
        range.is_empty() || wanted == Some(self.count_in(range) as i128)
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
        Self::of(words)
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
            let mut inserted = Members::with_room(300);
            prop_assert_eq!(inserted.count(), 0);
            inserted.insert_all(set.iter().copied().chain([1_000]));
            prop_assert!(inserted.iter().eq(set.iter().copied()));
            prop_assert_eq!(inserted.count(), set.len());
            prop_assert_eq!(members.first(), set.first().copied());
            let others: Vec<usize> = (0..310).filter(|member| !set.contains(member)).collect();
            prop_assert!(members.complement(310).iter().eq(others));
            prop_assert_eq!(members.last(), set.last().copied());
            let starts = set.iter().filter(|member| {
                member.checked_sub(1).is_none_or(|before| !set.contains(&before))
            });
            match members.pieces() {
                None => prop_assert!(starts.count() > PIECES_MAX),
                Some(pieces) => {
                    prop_assert_eq!(pieces.len(), starts.count());
                    prop_assert!(pieces.iter().cloned().flatten().eq(set.iter().copied()));
                }
            }
            for start in [0, 1, 64, 100, 299, 400] {
                let bits = members.words_from(start).take(6).enumerate();
                let from = bits.flat_map(|(word, bits)| {
                    (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
                });
                let expected = set.range(start..start + 384).map(|member| member - start);
                prop_assert!(from.eq(expected));
                let start = start.min(300);
                prop_assert_eq!(inserted.rank(start), set.range(..start).count());
            }
            let mut both = Members::with_room(300);
            both.insert_all([7, 250]);
            prop_assert!(both.intersection(&members).iter().eq(
                [7, 250].into_iter().filter(|member| set.contains(member))
            ));
            both.unite(&members);
            let expected: BTreeSet<usize> = set.iter().copied().chain([7, 250]).collect();
            prop_assert!(both.iter().eq(expected));
            let range = low..=low + len;
            let mut each = range.clone().map(|member| members.contains(member));
            prop_assert_eq!(members.has_any(range.clone()), each.clone().any(|it| it));
            prop_assert_eq!(members.has_all(range), each.all(|it| it));
        }
    }
}
