//! Sliced: offsets from a base, of which eight high bits and the low bits lie apart.
//!
//! ```text
//!   ┌─────┬──────────┬──────┬──────────────────────────┬─────────────────────────┐
//!   │ tag │ low bits │ base │ high: integer node of    │ low: integer node of as │
//!   │ u8  │ u8, 1..32│ i128 │ `rows` rows, 0..=255     │ many rows               │
//!   └─────┴──────────┴──────┴──────────────────────────┴─────────────────────────┘
//!    = 13
//! ```
//!
//! The key of a row is `base + (high << low bits) + low`. What is asked for is often a set of
//! neighbours: rows of a dimension that is sorted by its hierarchies have ordinals beside each
//! other if they are of one city, nation or region. Of each high part it is known before whether
//! all keys that begin with it are wanted, none, or some; so a byte a row decides nearly all rows,
//! and the low bits are looked at for the few that are left (Feng, Lo, Kao and Xu, "ByteSlice",
//! SIGMOD 2015).

use super::offsets::retain;
use super::{Integers, Rows, bit_packed};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::keys::{Coverage, KeySet, OffsetSet};
use crate::lane::byte_set::ByteSet;
use crate::lane::{Lane, Vector};
use crate::native::Native;
use crate::ordinal_codes::OrdinalCodes;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;
use std::ops::{Range, RangeInclusive};

pub(crate) const TAG: u8 = 13;
pub(crate) const NAME: &str = "sliced";
/// Tag, low bits and base.
pub(crate) const HEADER_BYTES: usize = 2 + size_of::<i128>();
const HIGH_BITS: u8 = 8;
const LOW_BITS_MAX: u8 = 32;
/// Offsets that more bits than the high ones are worth it for.
const LOW_BITS_MIN: u8 = 3;
/// Rows that are worth two nodes.
const ROWS_MIN: usize = 2 * VECTOR_ROWS;
/// Rows are looked at one by one if so many times as many are there.
const SINGLES_SHARE: usize = 24;
/// And instead of the high parts of all of them, which lie within so few bytes.
const FEW_SHARE: usize = 256;
/// Rows of which it pays to find out which high parts tell their codes.
const CODED_ROWS_MIN: usize = 128;
/// Rows are listed if so many times as many are there.
const LISTED_SHARE: usize = 16;
/// Rows in doubt are looked at at once if so many times as many high parts are in doubt as any are
/// wanted: waiting for other filters leaves too many of them.
const DOUBTFUL_SHARE: usize = 4;
/// Words of a selection that belong to one vector.
const VECTOR_WORDS: usize = VECTOR_ROWS / 64;

/// The low bits of so many offsets of this range, if their slices are worth it.
pub(crate) fn low_bits(rows: usize, range: u128) -> Option<u8> {
    let low_bits = low_bits_of(u64::try_from(range).ok()?)?;
    (rows >= ROWS_MIN && low_bits >= LOW_BITS_MIN).then_some(low_bits)
}

/// The low bits of offsets of this range, if they can be sliced.
pub(crate) fn low_bits_of(range: u64) -> Option<u8> {
    let low_bits = bit_packed::width(range).checked_sub(HIGH_BITS)?;
    (1..=LOW_BITS_MAX).contains(&low_bits).then_some(low_bits)
}

/// Writes the header; the two children follow.
pub(crate) fn encode_header<T: Native>(base: T, low_bits: u8, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u8(low_bits);
    writer.i128(base.key());
}

/// What high parts tell of the codes of ordinals.
struct KnownCodes {
    /// The code that all ordinals with a high part have.
    of: [i64; 1 << HIGH_BITS],
    /// The high parts whose ordinals have several.
    several: ByteSet,
}

/// Offsets in two parts.
#[derive(Clone, Debug)]
pub(crate) struct Sliced {
    rows: usize,
    low_bits: u8,
    base: i128,
    /// The largest offset that there is room for and that the domain allows.
    max: u64,
    /// There is room for offsets that the domain does not allow.
    checked: bool,
    high: Integers,
    low: Integers,
    position: usize,
}

impl Sliced {
    /// See [`Integers::held_bytes`].
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.high.held_bytes() + self.low.held_bytes()
    }

    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
        depth: usize,
    ) -> Result<Self, Corruption> {
        let position = reader.position();
        let low_bits = reader.u8("low bits")?;
        if !(1..=LOW_BITS_MAX).contains(&low_bits) {
            let expected = format!("1 to {LOW_BITS_MAX}");
            return Err(Corruption::new(position as u64, "low bits", expected, low_bits));
        }
        let base = reader.i128("base")?;
        domain.check(base, position, "base")?;
        let part = |bits: u8| Domain { min: 0, max: (1 << bits) - 1 };
        let high = Integers::parse(reader, rows, part(HIGH_BITS), depth + 1)?;
        let low = Integers::parse(reader, rows, part(low_bits), depth + 1)?;
        let (room, held) = (domain.room_above(base), u64::MAX >> (64 - HIGH_BITS - low_bits));
        let (max, checked) = (room.min(held), held > room);
        Ok(Self { rows, low_bits, base, max, checked, high, low, position })
    }

    /// The least and the greatest key that there can be.
    pub(super) fn bounds(&self) -> (i128, i128) {
        (self.base, self.base.saturating_add(self.max.into()))
    }

    pub(super) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let mut row = range.start;
        let (mut high, mut low) = (Vec::new(), Vec::new());
        while row < range.end {
            let end = range.end.min((row / VECTOR_ROWS + 1) * VECTOR_ROWS);
            high.clear();
            low.clear();
            self.high.decode::<u32>(row..end, &mut high)?;
            self.low.decode::<u32>(row..end, &mut low)?;
            self.join(&high, &low, out)?;
            row = end;
        }
        Ok(())
    }

    pub(super) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let (mut high, mut low) = (Vec::new(), Vec::new());
        self.high.take::<u32>(rows, &mut high)?;
        self.low.take::<u32>(rows, &mut low)?;
        self.join(&high, &low, out)
    }

    /// The codes of ordinals: high parts tell most of them, low ones are read for the others.
    pub(super) fn take_codes(
        &self,
        rows: &[u32],
        codes: &OrdinalCodes,
    ) -> Result<Vec<i64>, Corruption> {
        let known = match rows.len() >= CODED_ROWS_MIN {
            true => self.codes_of_high_parts(codes),
            false => None,
        };
        let Some(known) = known else {
            let mut keys: Vec<i64> = Vec::with_capacity(rows.len());
            self.take(rows, &mut keys)?;
            keys.iter_mut().for_each(|key| *key = codes.code(*key).into());
            return Ok(keys);
        };
        let mut high: Vec<u8> = Vec::with_capacity(rows.len());
        self.high.take(rows, &mut high)?;
        let code = |high: &u8| known.of.get(usize::from(*high)).copied().unwrap_or_default();
        let mut found: Vec<i64> = high.iter().map(code).collect();
        let mut asked = Selection::all(rows.len());
        known.several.retain(&high, asked.words_mut());
        let places = asked.indices();
        let low: Vec<u32> = self.low.fetch(&Rows::Indices(&picked(rows, &places)))?;
        for (place, low) in places.into_iter().zip(low) {
            let high = high.get(place as usize).copied().unwrap_or_default();
            let offset = u64::from(high) << self.low_bits | u64::from(low);
            self.check(offset)?;
            if let Some(found) = found.get_mut(place as usize) {
                *found = codes.code(i64::from_key(self.base).plus(offset)).into();
            }
        }
        Ok(found)
    }

    /// The codes that high parts tell; `None` if most have several.
    fn codes_of_high_parts(&self, codes: &OrdinalCodes) -> Option<KnownCodes> {
        let mut of = [0; 1 << HIGH_BITS];
        let mut several = ByteSet::default();
        let (first, last) = codes.ends()?;
        let part = |ordinal: usize| (ordinal as i128 - self.base).max(0) >> self.low_bits;
        let mut asked = 0;
        for high in part(first)..=part(last).min(u8::MAX.into()) {
            let first = self.base.saturating_add(high << self.low_bits);
            let last = first.saturating_add(i128::from(u64::MAX >> (64 - self.low_bits)));
            if codes.places(first..=last).is_none() {
                continue;
            }
            asked += 1;
            match (codes.common(first..=last), of.get_mut(high as usize)) {
                (Some(code), Some(slot)) => *slot = code.into(),
                _ => several.insert(high as u8),
            }
        }
        (several.count() * 2 < asked).then(|| KnownCodes { of, several: several.ready() })
    }

    /// Appends the keys of which these are the parts.
    fn join<T: Native>(
        &self,
        high: &[u32],
        low: &[u32],
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let largest = cpu::run(Join {
            base: T::from_key(self.base),
            low_bits: self.low_bits,
            high,
            low,
            out,
        });
        self.check(largest)
    }

    fn check(&self, offset: u64) -> Result<(), Corruption> {
        if !self.checked || offset <= self.max {
            return Ok(());
        }
        let expected = format!("an offset of at most {}", self.max);
        Err(Corruption::new(self.position as u64, "value", expected, offset))
    }

    /// Clears the rows whose keys are not in `set`.
    pub(super) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        match self.offsets(set, selection) {
            None => Ok(()),
            Some(set) if selection.count() * LISTED_SHARE <= self.rows => {
                self.filter_listed(&Classes::new(&set, self.low_bits), &set, selection)
            }
            Some(set) => {
                let classes = Classes::new(&set, self.low_bits);
                self.retain(&classes.any, selection)?;
                self.decide(&classes, &set, selection)
            }
        }
    }

    /// Clears rows whose keys are not in `set`, as far as high parts tell. Gives about how many of
    /// those that are left may not be in it; 0 if all are.
    pub(super) fn filter_coarsely(
        &self,
        set: &KeySet,
        selection: &mut Selection,
    ) -> Result<usize, Corruption> {
        let Some(set) = self.offsets(set, selection) else { return Ok(0) };
        let classes = Classes::new(&set, self.low_bits);
        if selection.count() * FEW_SHARE <= self.rows {
            self.filter_listed(&classes, &set, selection)?;
            return Ok(0);
        }
        self.retain(&classes.any, selection)?;
        let (some, any) = (classes.some.count(), classes.any.count());
        if some * DOUBTFUL_SHARE > any {
            self.decide(&classes, &set, selection)?;
            return Ok(0);
        }
        Ok((selection.count() * some).div_ceil(any.max(1)))
    }

    /// The set as offsets; `None` if it is done with the rows: has all of them, or none.
    fn offsets(&self, set: &KeySet, selection: &mut Selection) -> Option<OffsetSet> {
        match set.offsets(self.base, self.max) {
            OffsetSet::Everything => None,
            OffsetSet::Nothing => {
                selection.clear_range(0..self.rows);
                None
            }
            set => Some(set),
        }
    }

    /// Clears the rows whose high parts are not in `wanted`.
    fn retain(&self, wanted: &ByteSet, selection: &mut Selection) -> Result<(), Corruption> {
        if let Integers::Offsets(node) = &self.high
            && let Some(bytes) = node.stored_bytes(0..self.rows)
        {
            wanted.retain(bytes, selection.words_mut());
            return Ok(());
        }
        let mut loaded = Vector::<u8>::zeroed();
        for (vector, words) in selection.words_mut().chunks_mut(VECTOR_WORDS).enumerate() {
            if words.iter().any(|word| *word != 0) {
                wanted.retain(high_parts(&self.high, self.rows, vector, &mut loaded)?, words);
            }
        }
        Ok(())
    }

    /// Clears the rows whose low parts say no, of those that high ones have left.
    fn decide(
        &self,
        classes: &Classes,
        set: &OffsetSet,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        if classes.some.count() == 0 {
            return Ok(());
        }
        if selection.count() * LISTED_SHARE <= self.rows {
            return self.filter_listed(classes, set, selection);
        }
        let mut asked = selection.clone();
        self.retain(&classes.some, &mut asked)?;
        let mut kept = asked.clone();
        if kept.count() * SINGLES_SHARE <= self.rows {
            self.filter_listed(classes, set, &mut kept)?;
        } else {
            for (vector, words) in kept.words_mut().chunks_mut(VECTOR_WORDS).enumerate() {
                match self.low_bits <= 24 {
                    true => self.filter_all::<u32>(set, vector, words)?,
                    false => self.filter_all::<u64>(set, vector, words)?,
                }
            }
        }
        selection.subtract(&asked);
        selection.union(&kept);
        Ok(())
    }

    /// Filters the rows of a selection one by one: high parts of all, low ones of those in doubt.
    fn filter_listed(
        &self,
        classes: &Classes,
        set: &OffsetSet,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        let rows = selection.listed();
        let mut high: Vec<u8> = Vec::with_capacity(rows.len());
        self.high.take(&rows, &mut high)?;
        let mut kept = Selection::all(rows.len());
        classes.any.retain(&high, kept.words_mut());
        let mut asked = kept.clone();
        classes.some.retain(&high, asked.words_mut());
        if !asked.is_empty() {
            let places = asked.indices();
            let low: Vec<u32> = self.low.fetch(&Rows::Indices(&picked(&rows, &places)))?;
            let high = picked(&high, &places);
            let join =
                |(high, low): (&u8, &u32)| u64::from(*high) << self.low_bits | u64::from(*low);
            let offsets: Vec<u64> = high.iter().zip(&low).map(join).collect();
            self.check(offsets.iter().copied().max().unwrap_or_default())?;
            let mut wanted = Selection::all(places.len());
            wanted.intersect_words(&set.contain(&offsets));
            kept.subtract(&asked);
            kept.union(&asked.spread(&wanted));
        }
        if !kept.is_all() {
            selection.keep_listed(picked(&rows, &kept.indices()));
        }
        Ok(())
    }

    /// Filters a vector.
    fn filter_all<L: Lane>(
        &self,
        set: &OffsetSet,
        vector: usize,
        words: &mut [u64],
    ) -> Result<(), Corruption> {
        if words.iter().all(|word| *word == 0) {
            return Ok(());
        }
        let start = vector * VECTOR_ROWS;
        let rows = start..(start + VECTOR_ROWS).min(self.rows);
        let (mut high, mut low) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        self.high.decode::<u32>(rows.clone(), &mut high)?;
        self.low.decode::<u32>(rows, &mut low)?;
        let mut offsets = Vector::<L>::zeroed();
        let parts = high.iter().zip(&low);
        for (offset, (high, low)) in offsets.as_mut_slice().iter_mut().zip(parts) {
            *offset = L::truncate(u64::from(*high) << self.low_bits | u64::from(*low));
        }
        self.check(offsets.max())?;
        retain(&offsets, set, words);
        Ok(())
    }

    pub(super) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        for start in (0..self.rows).step_by(VECTOR_ROWS) {
            let end = (start + VECTOR_ROWS).min(self.rows);
            let rows = selection.slice(start..end).indices();
            let rows: Vec<u32> = rows.into_iter().map(|row| row + start as u32).collect();
            let mut keys: Vec<i128> = Vec::with_capacity(rows.len());
            self.take(&rows, &mut keys)?;
            keys.into_iter().for_each(|key| totals.add(key, 1));
        }
        Ok(())
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({}, {})", self.high.tree(), self.low.tree())
    }
}

/// The items at some places.
fn picked<T: Copy + Default>(items: &[T], places: &[u32]) -> Vec<T> {
    places.iter().map(|place| items.get(*place as usize).copied().unwrap_or_default()).collect()
}

/// The high parts of a vector, where they lie or loaded.
fn high_parts<'a>(
    high: &'a Integers,
    rows: usize,
    vector: usize,
    loaded: &'a mut Vector<u8>,
) -> Result<&'a [u8], Corruption> {
    let (start, end) = (vector * VECTOR_ROWS, ((vector + 1) * VECTOR_ROWS).min(rows));
    if let Integers::Offsets(node) = high {
        if let Some(bytes) = node.stored_bytes(start..end) {
            return Ok(bytes);
        }
        if node.load_bytes(vector, loaded)? {
            return Ok(loaded.as_slice());
        }
    }
    let mut bytes: Vec<u8> = Vec::with_capacity(VECTOR_ROWS);
    high.decode(start..end, &mut bytes)?;
    for (slot, byte) in loaded.as_mut_slice().iter_mut().zip(bytes) {
        *slot = byte;
    }
    Ok(loaded.as_slice())
}

/// The high parts by whether any offsets that begin with them are wanted, and whether only some.
struct Classes {
    any: ByteSet,
    some: ByteSet,
}

impl Classes {
    fn new(set: &OffsetSet, low_bits: u8) -> Self {
        if let OffsetSet::Range { low, span } = set {
            return Self::of_range(*low, low.saturating_add(*span), low_bits);
        }
        if let OffsetSet::Members { members, start } = set
            && let Some(pieces) = members.pieces()
        {
            return Self::of_pieces(pieces, start.cast_signed(), low_bits);
        }
        let (mut any, mut some) = (ByteSet::default(), ByteSet::default());
        for high in 0..=u8::MAX {
            let first = u64::from(high) << low_bits;
            match set.coverage(first, u64::MAX >> (64 - low_bits)) {
                Coverage::None => {}
                Coverage::Some => {
                    any.insert(high);
                    some.insert(high);
                }
                Coverage::All => any.insert(high),
            }
        }
        Self { any: any.ready(), some: some.ready() }
    }

    /// Those of offsets that are members when they are `start` further.
    fn of_pieces(pieces: &[RangeInclusive<usize>], start: i64, low_bits: u8) -> Self {
        let top = i128::from(u64::MAX >> (64 - HIGH_BITS - low_bits));
        let (mut any, mut some) = (ByteSet::default(), ByteSet::default());
        for piece in pieces {
            let offset = |member: &usize| *member as i128 - i128::from(start);
            let (low, high) = (offset(piece.start()).max(0), offset(piece.end()).min(top));
            if low <= high {
                let (first, last) = ends(low as u64, high as u64, low_bits, &mut some);
                (first..=last).for_each(|high| any.insert(high));
            }
        }
        Self { any: any.ready(), some: some.ready() }
    }

    /// Those of neighbours.
    fn of_range(low: u64, high: u64, low_bits: u8) -> Self {
        let mut some = ByteSet::default();
        let (first, last) = ends(low, high, low_bits, &mut some);
        Self { any: ByteSet::span(first, last), some: some.ready() }
    }
}

/// The first and the last high part of neighbours: only these may have others, too, and are in
/// `some` then.
fn ends(low: u64, high: u64, low_bits: u8, some: &mut ByteSet) -> (u8, u8) {
    let part = |offset: u64| (offset >> low_bits).min(u8::MAX.into()) as u8;
    let (first, last) = (part(low), part(high));
    let mask = u64::MAX >> (64 - low_bits);
    if low & mask != 0 || first == last && high & mask != mask {
        some.insert(first);
    }
    if high & mask != mask {
        some.insert(last);
    }
    (first, last)
}

/// Appends keys, of which the base and both parts of the offsets are given; gives the largest
/// offset.
struct Join<'a, T> {
    base: T,
    low_bits: u8,
    high: &'a [u32],
    low: &'a [u32],
    out: &'a mut Vec<T>,
}

impl<T: Native> Kernel for Join<'_, T> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let Self { base, low_bits, high, low, out } = self;
        let mut largest = 0;
        let keys = high.iter().zip(low).map(|(&high, &low)| {
            let offset = u64::from(high) << low_bits | u64::from(low);
            largest = offset.max(largest);
            base.plus(offset)
        });
        cpu::append(out, keys);
        largest
    }
}

#[cfg(test)]
mod tests;
