//! Frame of reference: every key is a base plus an unsigned offset of a fixed number of bits. What
//! [`super::bit_packed`] and [`super::plain`] share, which differ only in how offsets lie in bytes.
//!
//! Work is done on whole vectors of 1,024 offsets, see [`crate::lane`]; below a few dozen rows of a
//! vector, offsets are fetched one by one instead.

use super::by_vector;
use crate::cpu::{self, Kernel};
use crate::keys::{KeySet, OffsetSet, POINTS_MAX, has_bit};
use crate::lane::{
    Between, Lane, OffsetTotals, Vector, packed_lanes, singles, unpack, unpack_single, with_lane,
};
use crate::native::Native;
use crate::selection::Selection;
use crate::totals::KeyTotals;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;
use std::ops::Range;

/// Rows of a vector up to which offsets are fetched one by one.
const SINGLES_MAX: usize = 8;
/// Rows of a vector up to which a look-up for each of them is cheaper than one for all.
const LOOK_UPS_MAX: usize = 32;
/// Rows of a vector, on the average, up to which offsets are fetched sixteen at a time, by the bits
/// of a lane: narrow offsets are unpacked in less time than wide ones.
const FETCHED_MAX: [(u8, usize); 3] = [(8, 24), (16, 40), (32, 64)];
/// Rows are looked at one by one if so many times as many are there.
const FETCHED_SHARE: usize = 24;
/// Offsets that are fetched before they are looked at.
const FETCHED_AT_ONCE: usize = 256;
/// Words of a selection that belong to one vector.
const VECTOR_WORDS: usize = VECTOR_ROWS / 64;

/// How the offsets lie in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Vectors of 1,024 in the FastLanes order; this many bits each.
    BitPacked(u8),
    /// One after the other; this many bytes each: 1, 2, 4 or 8.
    Bytes(u8),
}

impl Layout {
    /// Bits of an offset, 1 to 64.
    fn width(self) -> u8 {
        match self {
            Self::BitPacked(width) => width,
            Self::Bytes(bytes) => 8 * bytes,
        }
    }
}

/// Keys as offsets from a base.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    layout: Layout,
    rows: usize,
    base: i128,
    /// The largest offset that the layout has bits for and that the domain allows.
    max: u64,
    /// The layout has bits for offsets that the domain does not allow.
    checked: bool,
    /// Aligned for the lane type if bit-packed.
    bytes: Buffer,
    /// Where the bytes begin in the block, for messages.
    position: usize,
}

impl Offsets {
    /// Puts together what was read. The caller has checked the width of the layout and that there
    /// are as many bytes as it needs for the rows; the base is checked here.
    pub(crate) fn new(
        layout: Layout,
        rows: usize,
        base: i128,
        domain: Domain,
        bytes: Buffer,
        position: usize,
    ) -> Result<Self, Corruption> {
        domain.check(base, position, "base")?;
        let (room, held) = (domain.room_above(base), u64::MAX >> (64 - layout.width()));
        let (max, checked) = (room.min(held), held > room);
        let bytes = match layout {
            Layout::BitPacked(_) => aligned_for_lanes(bytes),
            Layout::Bytes(_) => bytes,
        };
        Ok(Self { layout, rows, base, max, checked, bytes, position })
    }

    /// The same offsets from a base that lies `distance` further, as keys of `domain`; `None` if
    /// that has no such base, or if rows that it has no keys for count for nothing.
    pub(crate) fn shifted(&self, distance: i128, domain: Domain, is_valid: bool) -> Option<Self> {
        let base = self.base.checked_add(distance).filter(|base| domain.contains(*base))?;
        let (room, held) = (domain.room_above(base), u64::MAX >> (64 - self.layout.width()));
        let (max, checked) = (room.min(held), held > room);
        let bytes = self.bytes.clone();
        (is_valid || !checked).then_some(Self { base, max, checked, bytes, ..*self })
    }

    /// Appends the keys of `range` to `out`.
    pub(crate) fn decode<T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        with_lane!(self.layout.width(), L => self.decode_lanes::<L, T>(range, out))
    }

    fn decode_lanes<L: Lane, T: Native>(
        &self,
        range: Range<usize>,
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let base = T::from_key(self.base);
        let mut vector = Vector::<L>::zeroed();
        let mut row = range.start;
        while row < range.end {
            let place = row % VECTOR_ROWS;
            let end = (place + range.end - row).min(VECTOR_ROWS);
            self.load(row / VECTOR_ROWS, &mut vector)?;
            let offsets = vector.as_slice().get(place..end).unwrap_or_default();
            cpu::run(AddBase { base, offsets, out: &mut *out });
            row += VECTOR_ROWS - place;
        }
        Ok(())
    }

    /// Appends the keys of `rows` to `out`.
    pub(crate) fn take<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        if matches!(self.layout, Layout::Bytes(_)) {
            if self.fetch(rows, out)? {
                return Ok(());
            }
            return with_lane!(self.layout.width(), L => self.pick::<L, T>(rows, out));
        }
        if self.are_few(rows) && self.fetch(rows, out)? {
            return Ok(());
        }
        with_lane!(self.layout.width(), L => self.take_lanes::<L, T>(rows, out))
    }

    /// Whether fewer rows are wanted than it takes to make unpacking all of their vectors cheaper.
    fn are_few(&self, rows: &[u32]) -> bool {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return false };
        let vectors = last.abs_diff(*first) as usize / VECTOR_ROWS + 1;
        let Layout::BitPacked(width) = self.layout else { return false };
        let fetched_max = FETCHED_MAX.iter().find(|(bits, _)| width <= *bits);
        fetched_max.is_some_and(|(_, rows_max)| rows.len() <= vectors * rows_max)
    }

    /// Appends the keys of `rows` to `out`, fetched one by one; false if that cannot be done fast.
    fn fetch<T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<bool, Corruption> {
        let (base, start) = (T::from_key(self.base), out.len());
        let is_done = self
            .fetch_offsets(rows, |offsets| cpu::run(AddBase { base, offsets, out: &mut *out }))?;
        if !is_done {
            out.truncate(start);
        }
        Ok(is_done)
    }

    /// Shows the offsets of `rows`, some at a time; false if they cannot be fetched one by one
    /// fast.
    fn fetch_offsets(
        &self,
        rows: &[u32],
        mut visit: impl FnMut(&[u32]),
    ) -> Result<bool, Corruption> {
        let stored = self.bytes.as_slice();
        let mut offsets = [0; FETCHED_AT_ONCE];
        for rows in rows.chunks(FETCHED_AT_ONCE) {
            let is_served = match self.layout {
                Layout::BitPacked(width) => singles::fetch(width, stored, rows, &mut offsets),
                Layout::Bytes(each) => singles::pick(each, stored, rows, &mut offsets),
            };
            if !is_served {
                return Ok(false);
            }
            let offsets = offsets.get(..rows.len()).unwrap_or_default();
            if self.checked {
                self.check(offsets.iter().copied().max().unwrap_or_default().into())?;
            }
            visit(offsets);
        }
        Ok(true)
    }

    /// Appends the keys of `rows`, which lie one after the other, to `out`.
    fn pick<L: Lane, T: Native>(&self, rows: &[u32], out: &mut Vec<T>) -> Result<(), Corruption> {
        let base = T::from_key(self.base);
        let lanes: &[L] = match bytemuck::try_cast_slice(self.bytes.as_slice()) {
            Ok(lanes) => lanes,
            Err(_) => return self.take_lanes::<L, T>(rows, out),
        };
        let (mut largest, mut is_inside) = (0, true);
        out.extend(rows.iter().map(|row| {
            let offset = lanes.get(*row as usize).copied();
            is_inside &= offset.is_some();
            let offset = offset.unwrap_or(L::zeroed()).into();
            largest = offset.max(largest);
            base.plus(offset)
        }));
        match is_inside {
            true => self.check(largest),
            false => Err(self.beyond(self.rows)),
        }
    }

    fn take_lanes<L: Lane, T: Native>(
        &self,
        rows: &[u32],
        out: &mut Vec<T>,
    ) -> Result<(), Corruption> {
        let base = T::from_key(self.base);
        let (mut vector, mut picked) = (Vector::<L>::zeroed(), Vector::<u32>::zeroed());
        for group in by_vector(rows) {
            let Some(&first) = group.first() else { continue };
            if group.len() > SINGLES_MAX {
                self.load(first as usize / VECTOR_ROWS, &mut vector)?;
                if singles::of_vector(&vector, group, picked.as_mut_slice()) {
                    let offsets = picked.as_slice().get(..group.len()).unwrap_or_default();
                    cpu::run(AddBase { base, offsets, out: &mut *out });
                } else {
                    cpu::run(Gather { base, offsets: &vector, rows: group, out: &mut *out });
                }
            } else {
                for &row in group {
                    out.push(base.plus(self.single::<L>(row as usize)?));
                }
            }
        }
        Ok(())
    }

    /// Clears the rows whose keys are not in `set`.
    pub(crate) fn filter(&self, set: &KeySet, selection: &mut Selection) -> Result<(), Corruption> {
        match set.offsets(self.base, self.max) {
            OffsetSet::Everything => Ok(()),
            OffsetSet::Nothing => {
                selection.clear_range(0..self.rows);
                Ok(())
            }
            set => {
                let are_few = selection.count() * FETCHED_SHARE <= self.rows;
                if are_few && self.filter_fetched(&set, selection)? {
                    return Ok(());
                }
                with_lane!(self.layout.width(), L => self.filter_lanes::<L>(&set, selection))
            }
        }
    }

    fn filter_lanes<L: Lane>(
        &self,
        set: &OffsetSet,
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        let mut vector = Vector::<L>::zeroed();
        let between = self.between(set);
        for (place, words) in selection.words_mut().chunks_mut(VECTOR_WORDS).enumerate() {
            match cpu::run(Count(words)) {
                0 => {}
                1..=SINGLES_MAX => self.filter_singles::<L>(set, place * VECTOR_ROWS, words)?,
                ..=LOOK_UPS_MAX if matches!(set, OffsetSet::Members { .. }) => {
                    self.load(place, &mut vector)?;
                    retain_set(&vector, set, words);
                }
                _ if between.is_some_and(|it| it.retain(self.bytes_from(place), words)) => {}
                _ => {
                    self.load(place, &mut vector)?;
                    retain(&vector, set, words);
                }
            }
        }
        Ok(())
    }

    /// The set as an interval, if offsets can be compared with it that nobody checks.
    fn between(&self, set: &OffsetSet) -> Option<Between> {
        let width = self.layout.width();
        let between = match *set {
            _ if self.checked => None,
            OffsetSet::Range { low, span } => Some(Between::new(width, low, span)),
            OffsetSet::Outside { low, span } => Between::outside(width, low, span),
            _ => None,
        };
        match self.layout {
            Layout::BitPacked(_) => between,
            Layout::Bytes(_) => between.map(Between::in_order),
        }
    }

    /// The bytes of a vector and of all that follow.
    fn bytes_from(&self, vector: usize) -> &[u8] {
        let from = vector * VECTOR_ROWS / 8 * usize::from(self.layout.width());
        self.bytes.as_slice().get(from..).unwrap_or_default()
    }

    /// Filters a few rows, fetched one by one; false if that cannot be done fast.
    fn filter_fetched(
        &self,
        set: &OffsetSet,
        selection: &mut Selection,
    ) -> Result<bool, Corruption> {
        let rows = selection.indices();
        let mut offsets: Vec<u64> = Vec::with_capacity(rows.len());
        if !self
            .fetch_offsets(&rows, |found| offsets.extend(found.iter().map(|it| u64::from(*it))))?
        {
            return Ok(false);
        }
        selection.clear_refused(&rows, &set.contain(&offsets));
        Ok(true)
    }

    /// Filters the few rows left of the vector that begins at `first`.
    fn filter_singles<L: Lane>(
        &self,
        set: &OffsetSet,
        first: usize,
        words: &mut [u64],
    ) -> Result<(), Corruption> {
        for (place, word) in words.iter_mut().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                let offset = self.single::<L>(first + place * 64 + bit as usize)?;
                *word &= !(u64::from(!set.contains(offset)) << bit);
            }
        }
        Ok(())
    }

    /// Adds the keys of the selected rows to `totals`.
    pub(crate) fn aggregate(
        &self,
        selection: &Selection,
        totals: &mut KeyTotals,
    ) -> Result<(), Corruption> {
        let offsets = with_lane!(self.layout.width(), L => self.total_lanes::<L>(selection))?;
        totals.add_offsets(self.base, &offsets);
        Ok(())
    }

    fn total_lanes<L: Lane>(&self, selection: &Selection) -> Result<OffsetTotals, Corruption> {
        let mut vector = Vector::<L>::zeroed();
        let mut totals = OffsetTotals::default();
        for (place, words) in selection.words().chunks(VECTOR_WORDS).enumerate() {
            match words.iter().map(|word| word.count_ones() as usize).sum() {
                0 => {}
                1..=SINGLES_MAX => {
                    for (word_idx, &word) in words.iter().enumerate() {
                        let first = place * VECTOR_ROWS + word_idx * 64;
                        let mut rest = word;
                        while rest != 0 {
                            let row = first + rest.trailing_zeros() as usize;
                            rest &= rest - 1;
                            totals.add(self.single::<L>(row)?);
                        }
                    }
                }
                _ => {
                    self.load(place, &mut vector)?;
                    totals.merge(&vector.totals(words));
                }
            }
        }
        Ok(totals)
    }

    /// Unpacks a vector. What is beyond the last row is some offset that the domain allows.
    fn load<L: Lane>(&self, vector: usize, out: &mut Vector<L>) -> Result<(), Corruption> {
        match self.layout {
            Layout::BitPacked(width) => unpack(width, self.packed(vector, width)?, out),
            Layout::Bytes(_) => {
                let bytes = self.bytes_from(vector);
                let slots: &mut [u8] = bytemuck::cast_slice_mut(out.as_mut_slice());
                let count = slots.len().min(bytes.len());
                slots.split_at_mut(count).0.copy_from_slice(bytes.split_at(count).0);
            }
        }
        if self.checked {
            self.check(out.max())?;
        }
        Ok(())
    }

    /// Keys that are bytes, where they lie; `None` if they do not lie as they are.
    pub(super) fn stored_bytes(&self, rows: Range<usize>) -> Option<&[u8]> {
        let are_keys = self.base == 0 && self.layout == Layout::Bytes(1) && !self.checked;
        if are_keys { self.bytes.as_slice().get(rows) } else { None }
    }

    /// Loads a vector of keys that are bytes; false if they are not as they lie.
    pub(super) fn load_bytes(
        &self,
        vector: usize,
        out: &mut Vector<u8>,
    ) -> Result<bool, Corruption> {
        let are_keys = self.base == 0 && self.layout.width() <= 8;
        if are_keys {
            self.load(vector, out)?;
        }
        Ok(are_keys)
    }

    fn single<L: Lane>(&self, row: usize) -> Result<u64, Corruption> {
        let offset = match self.layout {
            Layout::BitPacked(width) => {
                unpack_single(width, self.packed(row / VECTOR_ROWS, width)?, row % VECTOR_ROWS)
            }
            Layout::Bytes(_) => {
                let bytes = self.bytes.as_slice().get(row * L::BYTES..);
                bytes.and_then(L::read).ok_or_else(|| self.beyond(row))?
            }
        };
        let offset = offset.into();
        self.check(offset)?;
        Ok(offset)
    }

    /// The packed lanes of one vector.
    fn packed<L: Lane>(&self, vector: usize, width: u8) -> Result<&[L], Corruption> {
        let lanes = packed_lanes::<L>(width);
        bytemuck::try_cast_slice(self.bytes.as_slice())
            .ok()
            .and_then(|packed: &[L]| packed.get(vector * lanes..(vector + 1) * lanes))
            .ok_or_else(|| self.beyond(vector * VECTOR_ROWS))
    }

    fn check(&self, offset: u64) -> Result<(), Corruption> {
        if offset <= self.max {
            return Ok(());
        }
        let expected = format!("an offset of at most {}", self.max);
        Err(Corruption::new(self.position as u64, "value", expected, offset))
    }

    fn beyond(&self, row: usize) -> Corruption {
        super::beyond(self.position, row, self.rows)
    }

    /// The least and the greatest key that there can be.
    pub(super) fn bounds(&self) -> (i128, i128) {
        (self.base, self.base.saturating_add(self.max.into()))
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }
}

/// How many bits are set.
struct Count<'a>(&'a [u64]);

impl Kernel for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

/// Appends keys, of which the offsets from the base are given.
struct AddBase<'a, L, T> {
    base: T,
    offsets: &'a [L],
    out: &'a mut Vec<T>,
}

impl<L: Lane, T: Native> Kernel for AddBase<'_, L, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        cpu::append(self.out, self.offsets.iter().map(|&offset| self.base.plus(offset.into())));
    }
}

/// Appends the keys of rows of one vector, of which the offsets from the base are given.
struct Gather<'a, L, T> {
    base: T,
    offsets: &'a Vector<L>,
    rows: &'a [u32],
    out: &'a mut Vec<T>,
}

impl<L: Lane, T: Native> Kernel for Gather<'_, L, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let offset = |&row: &u32| self.offsets.at(row as usize);
        cpu::append(self.out, self.rows.iter().map(|row| self.base.plus(offset(row).into())));
    }
}

/// Clears the bits of `words` whose offsets are not in `set`, by a look-up for each that is set.
fn retain_set<L: Lane>(vector: &Vector<L>, set: &OffsetSet, words: &mut [u64]) {
    for (place, word) in words.iter_mut().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            let offset = vector.at(place * 64 + bit as usize).into();
            *word &= !(u64::from(!set.contains(offset)) << bit);
        }
    }
}

/// Clears the bits of `words` whose offsets are not in `set`.
pub(super) fn retain<L: Lane>(vector: &Vector<L>, set: &OffsetSet, words: &mut [u64]) {
    match set {
        OffsetSet::Everything => {}
        OffsetSet::Nothing => words.fill(0),
        OffsetSet::Range { low, span } => {
            let (low, span) = (L::truncate(*low), L::truncate(*span));
            vector.retain(words, |offset| offset.minus(low) <= span);
        }
        OffsetSet::Outside { low, span } => {
            let (low, span) = (L::truncate(*low), L::truncate(*span));
            vector.retain(words, |offset| offset.minus(low) > span);
        }
        OffsetSet::Points(points) => {
            // A fixed number of comparisons; the first point fills up the places of missing ones.
            let point = |place: usize| {
                L::truncate(points.get(place).or(points.first()).copied().unwrap_or_default())
            };
            let [a, b, c, d]: [L; POINTS_MAX] = std::array::from_fn(point);
            vector.retain(words, |offset| {
                (offset == a) | (offset == b) | (offset == c) | (offset == d)
            });
        }
        OffsetSet::Bits { first, words: bits } => {
            let first = L::truncate(*first);
            vector.retain(words, |offset| has_bit(bits, offset.minus(first).into()));
        }
        OffsetSet::Members { members, start } => {
            vector.retain_members(words, members.words(), *start);
        }
        OffsetSet::Sorted(_) => {
            vector.retain(words, |offset| set.contains(offset.into()));
        }
    }
}

/// The same bytes at an address that any lane type can be read from.
fn aligned_for_lanes(bytes: Buffer) -> Buffer {
    match bytes.as_ptr().align_offset(align_of::<u64>()) {
        0 => bytes,
        _ => Buffer::from_slice_ref(bytes.as_slice()),
    }
}
