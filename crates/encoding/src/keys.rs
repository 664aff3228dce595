//! Predicates in the terms of encoded data: sets of keys, and sets of offsets from a base.
//!
//! ```text
//!   Predicate ──column type──► KeySet ──base of a node──► OffsetSet ──► masks of 1,024 rows
//!                                 └─────dictionary──────► KeySet of codes ──► …
//! ```
//!
//! Each step is taken once per block or node. Whatever lies outside what the node can hold is cut
//! off on the way, so the kernels see only numbers that fit their lanes.

use crate::members::Members;
use crate::native::{first_key_from, float64_key, widened};
use crate::predicate::{CompareOp, Predicate};
use starfact_base::Scalar;
use starfact_base::data_type::Physical;
use std::sync::Arc;

/// Offsets of an [`OffsetSet::Points`]: as many comparisons a row are still cheaper than a look-up.
pub(crate) const POINTS_MAX: usize = 4;
/// Offsets are numbers modulo this.
const MODULUS: i128 = 1 << 64;
/// The widest span of offsets that a bitmap covers: 8 KB.
const BITS_SPAN_MAX: u64 = 1 << 16;

/// The keys that a filter keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySet {
    /// No key at all.
    Nothing,
    /// `low..=high`, not empty.
    Range { low: i128, high: i128 },
    /// All keys but `low..=high`.
    Outside { low: i128, high: i128 },
    /// These keys, ascending and distinct.
    Points(Vec<i128>),
    /// The members of a set, each of them `shift` further.
    Members { members: Arc<Members>, shift: i128 },
}

/// The offsets that a filter keeps, all of which the node can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OffsetSet {
    Nothing,
    Everything,
    /// `low..=low + span`.
    Range {
        low: u64,
        span: u64,
    },
    /// All offsets but `low..=low + span`.
    Outside {
        low: u64,
        span: u64,
    },
    /// A few offsets.
    Points(Vec<u64>),
    /// The offsets `first + i` for which bit `i` is set.
    Bits {
        first: u64,
        words: Vec<u64>,
    },
    /// Many offsets far apart, ascending.
    Sorted(Vec<u64>),
    /// The offsets that, `start` further and modulo 2⁶⁴, are members of a set.
    Members {
        members: Arc<Members>,
        start: u64,
    },
}

/// How many offsets of an interval a set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    None,
    Some,
    All,
}

impl KeySet {
    pub(crate) fn range(low: i128, high: i128) -> Self {
        if low <= high { Self::Range { low, high } } else { Self::Nothing }
    }

    pub(crate) fn contains(&self, key: i128) -> bool {
        match self {
            Self::Nothing => false,
            Self::Range { low, high } => (*low..=*high).contains(&key),
            Self::Outside { low, high } => !(*low..=*high).contains(&key),
            Self::Points(keys) => keys.binary_search(&key).is_ok(),
            Self::Members { members, shift } => {
                key.checked_sub(*shift).is_some_and(|key| members.contains(key))
            }
        }
    }

    /// The keys that satisfy `predicate` in a column of this kind; `None` if the predicate is not
    /// about keys. The error says that the constants are of the wrong type.
    pub(crate) fn new(
        predicate: &Predicate,
        physical: Physical,
    ) -> Result<Option<Self>, &'static str> {
        Ok(Some(match predicate {
            Predicate::Compare { op, value } => {
                let Span { first, last } = Span::of(value, physical)?;
                match op {
                    CompareOp::Equal => Self::range(first, last),
                    CompareOp::NotEqual if first > last => Self::range(i128::MIN, i128::MAX),
                    CompareOp::NotEqual => Self::Outside { low: first, high: last },
                    CompareOp::Less => first
                        .checked_sub(1)
                        .map_or(Self::Nothing, |below| Self::range(i128::MIN, below)),
                    CompareOp::LessOrEqual => Self::range(i128::MIN, last),
                    CompareOp::Greater => last
                        .checked_add(1)
                        .map_or(Self::Nothing, |above| Self::range(above, i128::MAX)),
                    CompareOp::GreaterOrEqual => Self::range(first, i128::MAX),
                }
            }
            Predicate::Between { low, high } => {
                Self::range(Span::of(low, physical)?.first, Span::of(high, physical)?.last)
            }
            Predicate::In(values) => {
                let mut keys = Vec::with_capacity(values.len());
                for value in values {
                    let Span { first, last } = Span::of(value, physical)?;
                    if first == last {
                        keys.push(first);
                    }
                }
                Self::points(keys)
            }
            Predicate::Members(members) => match physical {
                Physical::Integer | Physical::Wide => Self::members(members),
                _ => return Err("a set of integers"),
            },
            Predicate::Prefix(_) => return Err("the beginning of a text"),
            Predicate::IsNull | Predicate::IsNotNull | Predicate::Values(_) => return Ok(None),
        }))
    }

    /// These keys, in any order.
    pub(crate) fn points(mut keys: Vec<i128>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        match keys.as_slice() {
            [] => Self::Nothing,
            [first, .., last] if last.abs_diff(*first) == keys.len() as u128 - 1 => {
                Self::Range { low: *first, high: *last }
            }
            [only] => Self::Range { low: *only, high: *only },
            _ => Self::Points(keys),
        }
    }

    /// The members of a set.
    pub(crate) fn members(members: &Arc<Members>) -> Self {
        let Some(first) = members.first() else { return Self::Nothing };
        let first = first as i128;
        // Dimensions are often in the order of what is asked of them.
        let last = first + members.count() as i128 - 1;
        match members.has_all(first..=last) {
            true => Self::Range { low: first, high: last },
            false => Self::Members { members: Arc::clone(members), shift: 0 },
        }
    }

    /// The numbers that stand for these keys, greater ones for greater keys: `span` gives the first
    /// and the last number whose key is in `low..=high`, in this order only if there is any.
    pub(crate) fn mapped(&self, span: impl Fn(i128, i128) -> (i128, i128)) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Range { low, high } => {
                let (first, last) = span(*low, *high);
                Self::range(first, last)
            }
            Self::Outside { low, high } => match span(*low, *high) {
                (first, last) if first > last => Self::range(i128::MIN, i128::MAX),
                (low, high) => Self::Outside { low, high },
            },
            Self::Points(keys) => {
                let spans = keys.iter().map(|&key| span(key, key));
                Self::points(spans.filter(|(first, last)| first <= last).map(|s| s.0).collect())
            }
            Self::Members { members, shift } => {
                let keys = members.iter().map(|member| member as i128 + shift);
                Self::points(keys.collect()).mapped(span)
            }
        }
    }

    /// The keys that lie `distance` further than these.
    pub(crate) fn shifted(&self, distance: i128) -> Self {
        let further = |key: i128| key.saturating_add(distance);
        match self {
            Self::Nothing => Self::Nothing,
            Self::Range { low, high } => Self::Range { low: further(*low), high: further(*high) },
            Self::Outside { low, high } => {
                Self::Outside { low: further(*low), high: further(*high) }
            }
            Self::Points(keys) => Self::points(keys.iter().copied().map(further).collect()),
            Self::Members { members, shift } => {
                Self::Members { members: Arc::clone(members), shift: further(*shift) }
            }
        }
    }

    /// The same keys as offsets from `base`, cut to `0..=max`. `base + max` must not overflow.
    pub(crate) fn offsets(&self, base: i128, max: u64) -> OffsetSet {
        let top = base.wrapping_add(i128::from(max));
        let offset = |key: i128| key.wrapping_sub(base) as u64;
        let cut = |low: i128, high: i128| {
            let (low, high) = (low.max(base), high.min(top));
            (low <= high).then(|| (offset(low), offset(high) - offset(low)))
        };
        match self {
            Self::Nothing => OffsetSet::Nothing,
            Self::Range { low, high } => match cut(*low, *high) {
                None => OffsetSet::Nothing,
                Some((0, span)) if span == max => OffsetSet::Everything,
                Some((low, span)) => OffsetSet::Range { low, span },
            },
            Self::Outside { low, high } => match cut(*low, *high) {
                None => OffsetSet::Everything,
                Some((0, span)) if span == max => OffsetSet::Nothing,
                Some((low, span)) => OffsetSet::Outside { low, span },
            },
            Self::Points(keys) => {
                let from = keys.partition_point(|&key| key < base);
                let to = keys.partition_point(|&key| key <= top);
                let keys = keys.get(from..to).unwrap_or_default();
                OffsetSet::points(keys.iter().map(|&key| offset(key)).collect())
            }
            Self::Members { members, shift } => match base.checked_sub(*shift) {
                Some(start) => OffsetSet::members(members, start, max),
                None => OffsetSet::Nothing,
            },
        }
    }
}

impl OffsetSet {
    /// The offsets up to `max` that are members when they are `start` further.
    fn members(members: &Arc<Members>, start: i128, max: u64) -> Self {
        let Some(end) = start.checked_add(i128::from(max)) else { return Self::Nothing };
        if !members.has_any(start..=end) {
            Self::Nothing
        } else if members.has_all(start..=end) {
            Self::Everything
        } else if start >= (members.words().len() as i128) * 64 - MODULUS && end < MODULUS {
            // Negative sums become numbers beyond all members.
            Self::Members { members: Arc::clone(members), start: start as u64 }
        } else {
            let keys = members.iter().map(|member| member as i128);
            let inside = keys.filter(|key| (start..=end).contains(key));
            Self::points(inside.map(|key| (key - start) as u64).collect())
        }
    }

    /// These offsets, ascending, in the form that is tested fastest.
    fn points(offsets: Vec<u64>) -> Self {
        match offsets.as_slice() {
            [] => Self::Nothing,
            [only] => Self::Range { low: *only, span: 0 },
            few if few.len() <= POINTS_MAX => Self::Points(offsets),
            [first, .., last] if last - first < BITS_SPAN_MAX => {
                let first = *first;
                let mut words = vec![0; ((last - first) / 64 + 1) as usize];
                for offset in &offsets {
                    let bit = offset - first;
                    if let Some(word) = words.get_mut((bit / 64) as usize) {
                        *word |= 1 << (bit % 64);
                    }
                }
                Self::Bits { first, words }
            }
            _ => Self::Sorted(offsets),
        }
    }

    /// How many of the offsets `first..=first + span` are in the set.
    pub(crate) fn coverage(&self, first: u64, span: u64) -> Coverage {
        let last = first.saturating_add(span);
        let of_range = |low: u64, high: u64| match (low <= first, last <= high) {
            (true, true) => Coverage::All,
            _ if high < first || last < low => Coverage::None,
            _ => Coverage::Some,
        };
        let of_count = |count: u64| match count {
            0 => Coverage::None,
            count if count > last - first => Coverage::All,
            _ => Coverage::Some,
        };
        match self {
            Self::Nothing => Coverage::None,
            Self::Everything => Coverage::All,
            Self::Range { low, span } => of_range(*low, low.saturating_add(*span)),
            Self::Outside { low, span } => match of_range(*low, low.saturating_add(*span)) {
                Coverage::None => Coverage::All,
                Coverage::All => Coverage::None,
                Coverage::Some => Coverage::Some,
            },
            Self::Points(offsets) | Self::Sorted(offsets) => {
                of_count(offsets.iter().filter(|it| (first..=last).contains(it)).count() as u64)
            }
            Self::Bits { first: start, words } => {
                let end = start.saturating_add(words.len() as u64 * 64);
                let inside = first.max(*start)..last.saturating_add(1).min(end);
                of_count(inside.filter(|offset| has_bit(words, offset - start)).count() as u64)
            }
            Self::Members { members, start } => {
                // A sum that wraps around lies below the first member for all offsets or for some.
                let (low, high) = (first.wrapping_add(*start), last.wrapping_add(*start));
                match low <= high {
                    true => of_count(members.count_in(low.into()..=high.into()) as u64),
                    false => Coverage::Some,
                }
            }
        }
    }

    /// Which of some offsets are in the set, one bit each.
    pub(crate) fn contain(&self, offsets: &[u64]) -> Vec<u64> {
        // What kind of set it is, is asked once.
        match self {
            Self::Range { low, span } => bits(offsets, |it| it.wrapping_sub(*low) <= *span),
            Self::Members { members, start } => {
                let words = members.words();
                bits(offsets, |it| has_bit(words, it.wrapping_add(*start)))
            }
            _ => bits(offsets, |it| self.contains(it)),
        }
    }

    pub(crate) fn contains(&self, offset: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Range { low, span } => offset.wrapping_sub(*low) <= *span,
            Self::Outside { low, span } => offset.wrapping_sub(*low) > *span,
            Self::Points(offsets) => offsets.contains(&offset),
            Self::Bits { first, words } => has_bit(words, offset.wrapping_sub(*first)),
            Self::Sorted(offsets) => offsets.binary_search(&offset).is_ok(),
            Self::Members { members, start } => {
                has_bit(members.words(), offset.wrapping_add(*start))
            }
        }
    }
}

/// The answers to `is_in`, one bit a number.
#[inline(always)]
fn bits(numbers: &[u64], is_in: impl Fn(u64) -> bool) -> Vec<u64> {
    let word = |numbers: &[u64]| {
        let bits = numbers.iter().enumerate();
        bits.fold(0, |word, (place, number)| word | u64::from(is_in(*number)) << place)
    };
    numbers.chunks(64).map(word).collect()
}

/// Whether bit `bit` is set; false beyond the words.
#[inline(always)]
pub(crate) fn has_bit(words: &[u64], bit: u64) -> bool {
    words.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

/// The keys that equal a constant: one or, where the column cannot hold the constant, none. Then
/// `first` is the key after it and `last` the key before it.
struct Span {
    first: i128,
    last: i128,
}

impl Span {
    fn of(value: &Scalar, physical: Physical) -> Result<Self, &'static str> {
        match (value, physical) {
            (Scalar::Integer(key), Physical::Integer | Physical::Wide) => {
                Ok(Self { first: *key, last: *key })
            }
            (Scalar::Float(value), Physical::Float64) => {
                let key = i128::from(float64_key(value.to_bits() as i64));
                Ok(Self { first: key, last: key })
            }
            (Scalar::Float(value), Physical::Float32) => {
                let first = first_key_from(*value);
                let exact =
                    i32::try_from(first).is_ok_and(|key| widened(key).total_cmp(value).is_eq());
                Ok(Self { first, last: first - i128::from(!exact) })
            }
            (Scalar::Integer(_), _) => Err("an integer"),
            (Scalar::Float(_), _) => Err("a float"),
            (Scalar::String(_), _) => Err("text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keep(op: CompareOp, value: i128) -> KeySet {
        let predicate = Predicate::Compare { op, value: Scalar::Integer(value) };
        KeySet::new(&predicate, Physical::Integer).unwrap().unwrap()
    }

    #[test]
    fn comparisons_beyond_the_largest_key_do_not_overflow() {
        assert_eq!(keep(CompareOp::Less, i128::MIN), KeySet::Nothing);
        assert_eq!(keep(CompareOp::Greater, i128::MAX), KeySet::Nothing);
        let below = keep(CompareOp::LessOrEqual, i128::MAX);
        assert_eq!(below.offsets(i128::MIN, u64::MAX), OffsetSet::Everything);
        let not = keep(CompareOp::NotEqual, i128::MAX);
        assert_eq!(not.offsets(i128::MIN, u64::MAX), OffsetSet::Everything);
    }

    #[test]
    fn members_of_bases_at_the_ends_of_the_domain_stay_a_set() {
        let members: Arc<Members> = Arc::new((0..70_000).filter(|n| n % 25 == 3).collect());
        for (shift, is_set) in [(0, true), (1, true), (-7, true), (1 << 40, true), (1 << 65, false)]
        {
            let set = KeySet::Members { members: Arc::clone(&members), shift };
            for base in [i128::from(i64::MIN), -5, shift] {
                // What columns of 64 bits have.
                let Ok(max) = u64::try_from(i128::from(i64::MAX) - base) else { continue };
                let offsets = set.offsets(base, max);
                assert!(!is_set || !matches!(offsets, OffsetSet::Sorted(_)), "{shift} {base}");
                for key in (shift - 30..shift + 70_100).step_by(13) {
                    if let Some(offset) = u64::try_from(key - base).ok().filter(|it| *it <= max) {
                        let found = offsets.contains(offset);
                        assert_eq!(found, set.contains(key), "{key} {shift} {base}");
                    }
                }
                for offset in [0, 3, 28, max / 2, max, max - 7] {
                    let key = base + i128::from(offset);
                    assert_eq!(offsets.contains(offset), set.contains(key), "{key} {shift} {base}");
                }
            }
        }
    }

    #[test]
    fn coverage_agrees_with_single_offsets() {
        let members = |start: i64| {
            let members = (0..300_usize).filter(|n| n % 100 < 64 || n % 7 == 0).collect();
            OffsetSet::Members { members: Arc::new(members), start: start as u64 }
        };
        let scattered: Vec<u64> = (0..90).filter(|n| n % 5 != 0).collect();
        let sets = [
            OffsetSet::Nothing,
            OffsetSet::Everything,
            OffsetSet::Range { low: 70, span: 64 },
            OffsetSet::Outside { low: 64, span: 63 },
            OffsetSet::Points(vec![3, 64, 130]),
            OffsetSet::Sorted(scattered.clone()),
            OffsetSet::points(scattered),
            members(0),
            members(40),
            members(-70),
        ];
        for set in sets {
            for (first, span) in (0..40).flat_map(|n| [1, 7, 63].map(|span| (n * 8, span))) {
                let count = (first..=first + span).filter(|offset| set.contains(*offset)).count();
                let found = set.coverage(first, span);
                match count as u64 {
                    0 => assert_ne!(found, Coverage::All, "{set:?} {first} {span}"),
                    all if all == span + 1 => assert_ne!(found, Coverage::None, "{set:?} {first}"),
                    _ => assert_eq!(found, Coverage::Some, "{set:?} {first} {span}"),
                }
            }
        }
    }

    #[test]
    fn neighbouring_points_become_a_range() {
        assert_eq!(KeySet::points(vec![5, 3, 4, 3]), KeySet::Range { low: 3, high: 5 });
        assert_eq!(KeySet::points(vec![7]), KeySet::Range { low: 7, high: 7 });
        assert_eq!(KeySet::points(vec![]), KeySet::Nothing);
    }

    #[test]
    fn a_constant_between_two_floats_equals_none() {
        let value = Scalar::Float(0.1);
        let compare = |op| {
            let predicate = Predicate::Compare { op, value: value.clone() };
            KeySet::new(&predicate, Physical::Float32).unwrap().unwrap()
        };
        let above = i128::from(0.1f32.to_bits());
        assert_eq!(compare(CompareOp::Equal), KeySet::Nothing);
        assert!(compare(CompareOp::NotEqual).contains(above));
        assert_eq!(compare(CompareOp::Less), compare(CompareOp::LessOrEqual));
        assert!(compare(CompareOp::Greater).contains(above));
        assert!(!compare(CompareOp::Less).contains(above));
        assert!(compare(CompareOp::Less).contains(above - 1));
    }

    #[test]
    fn constants_of_another_type_are_refused() {
        let predicate = Predicate::is_in(vec![Scalar::String("1".into())]);
        assert_eq!(KeySet::new(&predicate, Physical::Integer), Err("text"));
        let predicate = Predicate::Compare { op: CompareOp::Less, value: Scalar::Integer(1) };
        assert_eq!(KeySet::new(&predicate, Physical::Float64), Err("an integer"));
    }

    fn any_set() -> impl Strategy<Value = KeySet> {
        let key = -300i128..300;
        prop_oneof![
            (key.clone(), key.clone()).prop_map(|(low, high)| KeySet::range(low, high)),
            (key.clone(), 0i128..200)
                .prop_map(|(low, len)| KeySet::Outside { low, high: low + len }),
            proptest::collection::vec(key, 0..12).prop_map(KeySet::points),
            proptest::collection::vec(-300i128..900_000, 0..12).prop_map(KeySet::points),
            (proptest::collection::vec(0usize..400, 0..200), -300i128..300).prop_map(
                |(members, shift)| KeySet::members(&Arc::new(members.into_iter().collect()))
                    .shifted(shift)
            ),
        ]
    }

    proptest! {
        #[test]
        fn offsets_keep_the_same_keys(set in any_set(), base in -200i128..200, max in 0u64..400) {
            let offsets = set.offsets(base, max);
            for offset in 0..=max {
                let key = base + i128::from(offset);
                prop_assert_eq!(offsets.contains(offset), set.contains(key), "{}", key);
            }
        }

        #[test]
        fn far_points_are_found(keys in proptest::collection::vec(any::<u64>(), 1..20)) {
            let set = KeySet::points(keys.iter().map(|&key| i128::from(key)).collect());
            let offsets = set.offsets(0, u64::MAX);
            for key in keys {
                prop_assert!(offsets.contains(key));
                let next = key.wrapping_add(1);
                prop_assert_eq!(offsets.contains(next), set.contains(i128::from(next)));
            }
        }
    }
}
