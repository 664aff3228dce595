//! The text that a filter keeps.

use super::strings::Strings;
use crate::keys::KeySet;
use crate::predicate::{CompareOp, Predicate};
use starfact_base::Scalar;
use std::ops::Bound;

/// A set of texts, by their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextSet<'a> {
    Nothing,
    /// Text between two bounds.
    Range {
        low: Bound<&'a [u8]>,
        high: Bound<&'a [u8]>,
    },
    /// All text but this.
    Outside(&'a [u8]),
    /// All text that begins like this.
    Prefix(&'a [u8]),
    /// These, ascending and distinct.
    Points(Vec<&'a [u8]>),
}

impl<'a> TextSet<'a> {
    /// The text that satisfies `predicate`; `None` if the predicate is not about constants. The
    /// error says that they are of the wrong type.
    pub(crate) fn new(predicate: &'a Predicate) -> Result<Option<Self>, &'static str> {
        Ok(Some(match predicate {
            Predicate::Compare { op, value } => {
                let text = bytes(value)?;
                let (low, high) = match op {
                    CompareOp::Equal => return Ok(Some(Self::Points(vec![text]))),
                    CompareOp::NotEqual => return Ok(Some(Self::Outside(text))),
                    CompareOp::Less => (Bound::Unbounded, Bound::Excluded(text)),
                    CompareOp::LessOrEqual => (Bound::Unbounded, Bound::Included(text)),
                    CompareOp::Greater => (Bound::Excluded(text), Bound::Unbounded),
                    CompareOp::GreaterOrEqual => (Bound::Included(text), Bound::Unbounded),
                };
                Self::Range { low, high }
            }
            Predicate::Between { low, high } => {
                let (low, high) = (Bound::Included(bytes(low)?), Bound::Included(bytes(high)?));
                Self::Range { low, high }
            }
            Predicate::In(values) => {
                let mut texts = values.iter().map(bytes).collect::<Result<Vec<_>, _>>()?;
                texts.sort_unstable();
                texts.dedup();
                if texts.is_empty() { Self::Nothing } else { Self::Points(texts) }
            }
            Predicate::Members(_) => return Err("a set of integers"),
            Predicate::Prefix(prefix) => Self::Prefix(prefix.as_bytes()),
            Predicate::IsNull | Predicate::IsNotNull | Predicate::Values(_) => return Ok(None),
        }))
    }

    /// The places of the texts of the set in `texts`, which ascend strictly.
    pub(crate) fn codes(&self, texts: &Strings) -> KeySet {
        let range = |from: usize, to: usize| KeySet::range(from as i128, to as i128 - 1);
        let find = |wanted: &[u8]| {
            let code = texts.partition_point(|text| text < wanted);
            (code < texts.rows() && texts.get(code) == wanted).then_some(code as i128)
        };
        match self {
            Self::Nothing => KeySet::Nothing,
            Self::Range { low, high } => {
                let from = texts.partition_point(|text| !reaches(low, text));
                range(from, texts.partition_point(|text| !exceeds(high, text)))
            }
            Self::Prefix(prefix) => {
                let from = texts.partition_point(|text| text < *prefix);
                let is_before = |text: &[u8]| text < *prefix || text.starts_with(prefix);
                range(from, texts.partition_point(is_before))
            }
            Self::Outside(text) => match find(text) {
                Some(code) => KeySet::Outside { low: code, high: code },
                None => KeySet::range(0, i128::MAX),
            },
            Self::Points(wanted) => {
                KeySet::points(wanted.iter().filter_map(|text| find(text)).collect())
            }
        }
    }

    pub(crate) fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Range { low, high } => reaches(low, text) && !exceeds(high, text),
            Self::Outside(other) => *other != text,
            Self::Prefix(prefix) => text.starts_with(prefix),
            Self::Points(texts) => match texts.as_slice() {
                [only] => *only == text,
                texts => texts.binary_search(&text).is_ok(),
            },
        }
    }
}

/// Whether `text` is not below the lower bound.
fn reaches(low: &Bound<&[u8]>, text: &[u8]) -> bool {
    match low {
        Bound::Unbounded => true,
        Bound::Included(low) => text >= *low,
        Bound::Excluded(low) => text > *low,
    }
}

/// Whether `text` is above the upper bound.
fn exceeds(high: &Bound<&[u8]>, text: &[u8]) -> bool {
    match high {
        Bound::Unbounded => false,
        Bound::Included(high) => text > *high,
        Bound::Excluded(high) => text >= *high,
    }
}

fn bytes(value: &Scalar) -> Result<&[u8], &'static str> {
    match value {
        Scalar::String(text) => Ok(text.as_bytes()),
        Scalar::Integer(_) => Err("an integer"),
        Scalar::Float(_) => Err("a float"),
    }
}
