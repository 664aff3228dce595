//! Sparse: one key for most rows, and a bitmap of the others. So NULLs, booleans and flags that are
//! rare take two bytes each, and a filter on them works on words of the bitmap.
//!
//! ```text
//!   ┌─────┬──────┬───────┬──────────────┬─────────┬──────────────────────────────────┐
//!   │ tag │ key  │ count │ bitmap bytes │ bitmap  │ keys: integer node of `count`    │
//!   │ u8  │ i128 │ u32   │ u32          │         │ rows, those of the bitmap's rows │
//!   └─────┴──────┴───────┴──────────────┴─────────┴──────────────────────────────────┘
//!    = 10          1..=rows
//! ```
//!
//! The bitmap is in the portable format of Roaring (Chambi, Lemire et al., "Better bitmap
//! performance with Roaring bitmaps", 2016): one container of sorted numbers, bits or runs. It is
//! opened when the first row is wanted, and then has to have `count` rows.

use super::{Evaluate, Integers, Rows, is_true};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::KeySet;
use crate::lazy::Lazy;
use crate::native::Native;
use crate::predicate::FilterError;
use crate::selection::{Ranked, Selection};
use crate::totals::KeyTotals;
use crate::types::Domain;
use arrow::buffer::Buffer;
use roaring::RoaringBitmap;
use starfact_base::Corruption;
use std::iter;
use std::ops::Range;

pub(crate) const TAG: u8 = 10;
pub(crate) const NAME: &str = "sparse";
/// Tag, key, count and bitmap bytes.
pub(crate) const HEADER_BYTES: usize = 1 + size_of::<i128>() + 8;

/// Bytes of the bitmap of this many rows in so many runs, which are stored as the runs if these
/// take less than sorted numbers or bits.
pub(crate) fn bitmap_bytes(count: usize, runs: usize) -> usize {
    // Cookie, number of containers, description and offset; with runs another cookie, a flag and
    // no offset.
    let (plain_header, run_header) = (16, 9);
    let (plain, runs) = ((2 * count).min(8_192), 2 + 4 * runs);
    if runs < plain { run_header + runs } else { plain_header + plain }
}

/// The bitmap of ascending positions as bytes; `None` if the library fails, which it does not when
/// it writes to memory.
pub(crate) fn bitmap(positions: &[u32]) -> Option<Vec<u8>> {
    let mut bitmap = RoaringBitmap::from_sorted_iter(positions.iter().copied()).ok()?;
    bitmap.optimize();
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).ok()?;
    Some(bytes)
}

/// Writes what precedes the keys of the bitmap's rows.
pub(crate) fn encode_header<T: Native>(key: T, count: usize, bitmap: &[u8], writer: &mut Writer) {
    writer.u8(TAG);
    writer.i128(key.key());
    writer.u32(count);
    writer.u32(bitmap.len());
    writer.extend(bitmap);
}

/// One key and a bitmap of the rows that have others.
#[derive(Clone, Debug)]
pub(crate) struct Sparse {
    rows: usize,
    key: i128,
    bitmap: Buffer,
    position: usize,
    count: usize,
    keys: Box<Integers>,
    /// The rows of the bitmap.
    opened: Lazy<Ranked>,
}

impl Sparse {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        self.keys.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        let key = reader.i128("key")?;
        domain.check(key, position, "key")?;
        let count = reader.count(rows, "rows of the bitmap")?;
        let len = reader.u32("bitmap bytes")? as usize;
        let position = reader.position();
        let bitmap = reader.take(len, "bitmap")?;
        let keys = Integers::parse_child(reader, count, domain, depth)?;
        Ok(Self { rows, key, bitmap, position, count, keys, opened: Lazy::default() })
    }

    fn open(&self) -> Result<&Ranked, Corruption> {
        self.opened.get_or_try(|| {
            let damage = |found: String| {
                let expected = format!("a bitmap of {} of {} rows", self.count, self.rows);
                Corruption::new(self.position as u64, "bitmap", expected, found)
            };
            let mut bytes = self.bitmap.as_slice();
            let bitmap = RoaringBitmap::deserialize_from(&mut bytes)
                .map_err(|error| damage(error.to_string()))?;
            let last = bitmap.max().unwrap_or_default();
            if !bytes.is_empty() || bitmap.len() != self.count as u64 || last as usize >= self.rows
            {
                let (count, left) = (bitmap.len(), bytes.len());
                let found = format!("{count} rows up to {last}, and {left} bytes more");
                return Err(damage(found));
            }
            let mut without = Selection::all(self.rows);
            let mut runs = bitmap.iter();
            while let Some(run) = runs.next_range() {
                without.clear_range(*run.start() as usize..*run.end() as usize + 1);
            }
            let mut rows = Selection::all(self.rows);
            rows.subtract(&without);
            Ok(Ranked::new(rows))
        })
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let others = self.open()?;
        let first = out.len();
        out.extend(iter::repeat_n(T::from_key(self.key), range.len()));
        let places = others.rank(range.start)..others.rank(range.end);
        if places.is_empty() {
            return Ok(());
        }
        let keys: Vec<T> = self.keys.fetch(&Rows::Range(places))?;
        let slots = out.get_mut(first..).unwrap_or_default();
        cpu::run(Place { keys: &keys, rows: others.rows(), range, slots });
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let others = self.open()?;
        let first = out.len();
        out.extend(iter::repeat_n(T::from_key(self.key), rows.len()));
        let slots = out.get_mut(first..).unwrap_or_default();
        let (places, targets) = cpu::run(Find { others, rows });
        if places.is_empty() {
            return Ok(());
        }
        let keys: Vec<T> = self.keys.fetch(&Rows::Indices(&places))?;
        for (target, key) in targets.into_iter().zip(keys) {
            if let Some(slot) = slots.get_mut(target) {
                *slot = key;
            }
        }
        Ok(())
    }

    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        let others = self.open()?;
        let keeps_key = set.contains(self.key);
        if let Integers::Constant(node) = self.keys.as_ref() {
            // Whole words: there are but two keys.
            match (keeps_key, set.contains(node.key)) {
                (true, true) => {}
                (true, false) => selection.subtract(others.rows()),
                (false, true) => selection.intersect_words(others.rows().words()),
                (false, false) => selection.clear_range(0..self.rows),
            }
            return Ok(());
        }
        let mut kept = selected(others, selection);
        self.keys.filter(set, &mut kept)?;
        finish(others, keeps_key, &kept, selection);
        Ok(())
    }

    pub(super) fn filter_values(
        &self,
        evaluate: &mut Evaluate<'_>,
        selection: &mut Selection,
    ) -> Result<(), FilterError> {
        let others = self.open()?;
        let mut kept = selected(others, selection);
        let mut keeps_key = false;
        if kept.count() < selection.count() {
            let node = Integers::Constant(super::constant::Constant { key: self.key });
            keeps_key = is_true(&evaluate(&node, Rows::Range(0..1))?, 0);
        }
        if !kept.is_empty() {
            self.keys.filter_values(evaluate, &mut kept)?;
        }
        finish(others, keeps_key, &kept, selection);
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let others = self.open()?;
        let common = others.rows().and(selection).count();
        totals.add(self.key, selection.count() - common);
        match common {
            0 => Ok(()),
            _ if common == self.count => self.keys.aggregate(&Selection::all(common), totals),
            _ => self.keys.aggregate(&selected(others, selection), totals),
        }
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({} others {})", self.count, self.keys.tree())
    }
}

/// Which of the bitmap's rows are selected.
fn selected(others: &Ranked, selection: &Selection) -> Selection {
    others.rows().gather(selection, others.count())
}

/// Clears the rows of the bitmap that are not in `kept`, and the others unless they are kept.
fn finish(others: &Ranked, keeps_key: bool, kept: &Selection, selection: &mut Selection) {
    let mut rows = others.rows().spread(kept);
    if keeps_key {
        let mut without = Selection::all(selection.rows());
        without.subtract(others.rows());
        rows.union(&without);
    }
    selection.intersect_words(rows.words());
}

/// Puts the keys of the bitmap's rows in `range` where these are.
struct Place<'a, T> {
    keys: &'a [T],
    rows: &'a Selection,
    range: Range<usize>,
    /// One for each row of the range.
    slots: &'a mut [T],
}

impl<T: Native> Kernel for Place<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut keys = self.keys.iter();
        let first_word = self.range.start / 64;
        let words = self.rows.words().get(first_word..self.range.end.div_ceil(64));
        for (place, &word) in (first_word..).zip(words.unwrap_or_default()) {
            let mut rest = word;
            if place == first_word {
                rest &= u64::MAX << (self.range.start % 64);
            }
            while rest != 0 {
                let row = place * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let slot = self.slots.get_mut(row.wrapping_sub(self.range.start));
                let (Some(slot), Some(&key)) = (slot, keys.next()) else { return };
                *slot = key;
            }
        }
    }
}

/// Finds those of `rows` that are the bitmap's: their places there, and their places in `rows`.
struct Find<'a> {
    others: &'a Ranked,
    rows: &'a [u32],
}

impl Kernel for Find<'_> {
    type Output = (Vec<u32>, Vec<usize>);

    #[inline(always)]
    fn run(self) -> (Vec<u32>, Vec<usize>) {
        let (mut places, mut targets) = (Vec::new(), Vec::new());
        for (target, &row) in self.rows.iter().enumerate() {
            // They are the rare ones, so a branch is mostly foreseen.
            if let (place, 1) = self.others.look_up(row as usize) {
                places.push(place as u32);
                targets.push(target);
            }
        }
        (places, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_are_as_long_as_estimated() {
        let sets: [Vec<u32>; 6] = [
            vec![7],
            (0..4_096).map(|i| i * 16).collect(),
            (0..5_000).map(|i| i * 13).collect(),
            (0..60_000).collect(),
            (0..60_000).filter(|i| i % 100 < 60).collect(),
            (0..300).filter(|i| i % 3 != 0).collect(),
        ];
        for positions in sets {
            let runs = positions.chunk_by(|a, b| a + 1 == *b).count();
            let bytes = bitmap(&positions).unwrap();
            assert_eq!(bytes.len(), bitmap_bytes(positions.len(), runs), "{}", positions.len());
        }
    }
}
