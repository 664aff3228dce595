//! Dictionary: the distinct keys in ascending order, and for each row the place of its key.
//!
//! ```text
//!   ┌─────┬───────┬──────────────────────────┬───────────────────────────────┐
//!   │ tag │ count │ keys: integer node of    │ codes: integer node of as     │
//!   │ u8  │ u32   │ `count` rows, ascending  │ many rows as this, 0..count   │
//!   └─────┴───────┴──────────────────────────┴───────────────────────────────┘
//!    = 5   1..=rows
//! ```
//!
//! Keys ascend strictly, which is checked when the node is parsed. So a comparison of keys is a
//! comparison of codes, and a filter searches the keys once and then works on codes only.

use super::{Evaluate, Integers, Rows, is_true};
use crate::bytes::{Reader, Writer};
use crate::keys::KeySet;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use std::ops::Range;

pub(crate) const TAG: u8 = 5;
pub(crate) const NAME: &str = "dictionary";
/// Tag and number of keys.
pub(crate) const HEADER_BYTES: usize = 5;

/// Writes the header; the two children follow.
pub(crate) fn encode_header(count: usize, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u32(count);
}

/// Codes into ascending keys.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    keys: Vec<i128>,
    keys_node: Box<Integers>,
    codes: Box<Integers>,
}

impl Dictionary {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        let keys = size_of_val(self.keys.as_slice()) + self.keys_node.held_bytes();
        keys + self.codes.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let count = reader.count(rows, "distinct keys")?;
        let what = "keys of a dictionary";
        let (keys_node, keys) = Integers::parse_ascending(reader, count, domain, depth, what)?;
        let codes = Integers::parse_child(reader, rows, Domain::codes(count), depth)?;
        Ok(Self { keys, keys_node, codes })
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let keys = self.native_keys::<T>();
        self.codes.for_each_piece(range, |codes: &[u32]| {
            out.extend(codes.iter().map(|&code| key(&keys, code)));
        })
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let codes: Vec<u32> = self.codes.fetch(&Rows::Indices(rows))?;
        out.extend(codes.iter().map(|&code| T::from_key(key(&self.keys, code))));
        Ok(())
    }

    fn native_keys<T: Native>(&self) -> Vec<T> {
        self.keys.iter().map(|&key| T::from_key(key)).collect()
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        self.codes.filter(&self.codes_of(set), selection)
    }

    /// The codes of the keys in `set`.
    fn codes_of(&self, set: &KeySet) -> KeySet {
        if let KeySet::Members { .. } = set {
            let is_wanted = |(_, key): &(usize, &i128)| set.contains(**key);
            let wanted = self.keys.iter().enumerate().filter(is_wanted);
            return KeySet::points(wanted.map(|(code, _)| code as i128).collect());
        }
        let codes = |low: i128, high: i128| {
            let from = self.keys.partition_point(|&key| key < low);
            let to = self.keys.partition_point(|&key| key <= high);
            (from as i128, to as i128 - 1)
        };
        set.mapped(codes)
    }

    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let count = self.keys.len();
        let answers = evaluate(&self.keys_node, Rows::Range(0..count))?;
        let codes = (0..count).filter(|&code| is_true(&answers, code));
        let set = KeySet::points(codes.map(|code| code as i128).collect());
        Ok(self.codes.filter(&set, selection)?)
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let mut counts = vec![0; self.keys.len()];
        self.codes.count_codes(selection, &mut counts)?;
        for (&key, times) in self.keys.iter().zip(counts) {
            totals.add(key, times as usize);
        }
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({}, {})", self.keys_node.tree(), self.codes.tree())
    }
}

/// The key of a code, which the node of the codes has checked.
#[inline(always)]
fn key<T: Native>(keys: &[T], code: u32) -> T {
    keys.get(code as usize).copied().unwrap_or_default()
}
