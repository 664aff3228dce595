//! The kernels on 1,024 unsigned offsets: pack, unpack, and compare to a mask.
//!
//! Offsets live in the narrowest of four lane types that holds their width. A vector is unpacked
//! to an aligned buffer on the stack and worked on there by loops without branches, which the
//! compiler turns into vector instructions; see [`crate::cpu`] for which.
//!
//! Packed offsets lie in the FastLanes order (Afroozeh and Boncz, "The FastLanes Compression
//! Layout", VLDB 2023), which [`crate::integer::bit_packed`] describes. Here it is read row by row:
//! offset `r` of all lanes lies at the same bits of one word each, or of two, so that one shift and
//! one mask give 128 bytes of output. The crate `fastlanes` is the safe twin in the tests.

use crate::cpu::{self, Kernel};
use bytemuck::Pod;
use fastlanes::{BitPacking, FL_ORDER};
use starfact_base::limits::VECTOR_ROWS;

/// Bytes of a word of every lane.
const ROW_BYTES: usize = 128;

/// An unsigned type that offsets are unpacked to.
pub(crate) trait Lane: BitPacking + Pod + Ord + Into<u64> {
    /// Bytes of one offset.
    const BYTES: usize;

    /// The lowest bits of `offset`; callers know that it fits.
    fn truncate(offset: u64) -> Self;

    /// Subtracts modulo the lane's range, so that one comparison tests an interval.
    fn minus(self, other: Self) -> Self;

    /// Reads one offset from as many bytes as a lane has.
    fn read(bytes: &[u8]) -> Option<Self>;

    /// Packs the lowest `width` bits of each offset.
    fn pack_vector(width: u8, offsets: &[Self; VECTOR_ROWS], packed: &mut [Self]);

    /// Unpacks 1,024 offsets.
    fn unpack_vector(width: u8, packed: &[Self], offsets: &mut [Self; VECTOR_ROWS]);
}

/// Implements [`Lane`] for a type; its widths are those that no narrower type holds, and each has
/// an unpacking loop of its own, in which shifts are constants.
macro_rules! lane {
    ($($lane:ty: $($width:literal)*;)*) => {$(
        impl Lane for $lane {
            const BYTES: usize = size_of::<$lane>();

            #[inline(always)]
            fn truncate(offset: u64) -> Self {
                offset as $lane
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            #[inline(always)]
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.first_chunk().map(|bytes| <$lane>::from_le_bytes(*bytes))
            }

            #[inline(always)]
            fn pack_vector(width: u8, offsets: &[Self; VECTOR_ROWS], packed: &mut [Self]) {
                const LANES: usize = ROW_BYTES / size_of::<$lane>();
                let (rows, packed) = (offsets.as_chunks().0, packed.as_chunks_mut().0);
                pack_rows::<$lane, LANES>(width.into(), rows, packed);
            }

            #[inline(always)]
            fn unpack_vector(width: u8, packed: &[Self], offsets: &mut [Self; VECTOR_ROWS]) {
                const LANES: usize = ROW_BYTES / size_of::<$lane>();
                let (packed, rows) = (packed.as_chunks().0, offsets.as_chunks_mut().0);
                match width {
                    $($width => unpack_rows::<$lane, LANES>($width, packed, rows),)*
                    _ => unpack_rows::<$lane, LANES>(width.into(), packed, rows),
                }
            }
        }
    )*};
}

lane! {
    u8: 1 2 3 4 5 6 7 8;
    u16: 9 10 11 12 13 14 15 16;
    u32: 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32;
    u64: 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48
        49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64;
}

/// The place, among the rows of a vector, of offset `r` of every lane.
#[inline(always)]
fn row_of<L: Lane>(r: usize) -> usize {
    let first = FL_ORDER.get(r / 8).map_or(0, |order| order * 16) + r % 8 * 128;
    first * L::BYTES / ROW_BYTES
}

/// The lowest `width` bits.
#[inline(always)]
fn mask<L: Lane>(width: usize) -> L {
    L::truncate(u64::MAX >> (64 - width))
}

#[inline(always)]
fn pack_rows<L: Lane, const LANES: usize>(
    width: usize,
    rows: &[[L; LANES]],
    packed: &mut [[L; LANES]],
) {
    let (bits, mask) = (8 * L::BYTES, mask::<L>(width));
    packed.fill([L::zeroed(); LANES]);
    for r in 0..bits {
        let (word, shift) = (r * width / bits, r * width % bits);
        let Some(&row) = rows.get(row_of::<L>(r)) else { continue };
        let Some(words) = packed.get_mut(word..) else { continue };
        let [low, rest @ ..] = words else { continue };
        *low = or(*low, row, |offset| (offset & mask) << shift);
        if let ([high, ..], true) = (rest, shift + width > bits) {
            *high = or(*high, row, |offset| (offset & mask) >> (bits - shift));
        }
    }
}

/// Ors every lane with a function of an offset.
#[inline(always)]
fn or<L: Lane, const LANES: usize>(
    mut words: [L; LANES],
    row: [L; LANES],
    bits: impl Fn(L) -> L,
) -> [L; LANES] {
    for (word, offset) in words.iter_mut().zip(row) {
        *word = *word | bits(offset);
    }
    words
}

#[inline(always)]
fn unpack_rows<L: Lane, const LANES: usize>(
    width: usize,
    packed: &[[L; LANES]],
    rows: &mut [[L; LANES]],
) {
    let (bits, mask) = (8 * L::BYTES, mask::<L>(width));
    for r in 0..bits {
        let (word, shift) = (r * width / bits, r * width % bits);
        let Some(row) = rows.get_mut(row_of::<L>(r)) else { continue };
        // Copies tell the compiler that what is written is not what is read.
        let mut out = [L::zeroed(); LANES];
        match *packed.get(word..).unwrap_or_default() {
            [low, high, ..] if shift + width > bits => {
                for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
                    *out = (low >> shift | high << (bits - shift)) & mask;
                }
            }
            [low, ..] => {
                for (out, low) in out.iter_mut().zip(low) {
                    *out = low >> shift & mask;
                }
            }
            [] => {}
        }
        *row = out;
    }
}

/// Runs `$body` with `$lane` as the lane type for offsets of `$width` bits, at most 64.
macro_rules! with_lane {
    ($width:expr, $lane:ident => $body:expr) => {
        match $width {
            0..=8 => {
                type $lane = u8;
                $body
            }
            9..=16 => {
                type $lane = u16;
                $body
            }
            17..=32 => {
                type $lane = u32;
                $body
            }
            _ => {
                type $lane = u64;
                $body
            }
        }
    };
}
pub(crate) use with_lane;

/// 1,024 offsets, aligned for vector loads and stores.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Vector<L>([L; VECTOR_ROWS]);

impl<L: Lane> Vector<L> {
    pub(crate) fn zeroed() -> Self {
        Self([L::zeroed(); VECTOR_ROWS])
    }

    pub(crate) fn as_slice(&self) -> &[L] {
        &self.0
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [L] {
        &mut self.0
    }

    /// The offset of a row, whichever vector of its block this is.
    #[inline(always)]
    pub(crate) fn at(&self, row: usize) -> L {
        self.0.get(row % VECTOR_ROWS).copied().unwrap_or(L::zeroed())
    }

    /// The largest offset.
    pub(crate) fn max(&self) -> u64 {
        cpu::run(Max(self)).into()
    }

    /// Clears the bits of `words` whose offsets `keep` does not want. Words beyond the vector, and
    /// offsets beyond the words, are left alone.
    pub(crate) fn retain(&self, words: &mut [u64], keep: impl Fn(L) -> bool) {
        let mut flags = Vector::<u8>::zeroed();
        cpu::run(Test { offsets: self, flags: &mut flags, keep });
        flags::retain(&flags.0, words);
    }
}

struct Max<'a, L>(&'a Vector<L>);

impl<L: Lane> Kernel for Max<'_, L> {
    type Output = L;

    #[inline(always)]
    fn run(self) -> L {
        self.0.0.iter().copied().fold(L::zeroed(), L::max)
    }
}

/// Whether to keep each offset, 0 or 1.
struct Test<'a, L, F> {
    offsets: &'a Vector<L>,
    flags: &'a mut Vector<u8>,
    keep: F,
}

impl<L: Lane, F: Fn(L) -> bool> Kernel for Test<'_, L, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (flag, &offset) in self.flags.0.iter_mut().zip(&self.offsets.0) {
            *flag = u8::from((self.keep)(offset));
        }
    }
}

/// Lanes that a vector takes when each offset is packed to `width` bits.
pub(crate) fn packed_lanes<L: Lane>(width: u8) -> usize {
    VECTOR_ROWS / 8 * usize::from(width) / L::BYTES
}

/// Packs the lowest `width` bits of each offset, 1 to all bits of a lane, and returns the lanes of
/// `packed` that hold them.
pub(crate) fn pack<'a, L: Lane>(
    width: u8,
    offsets: &Vector<L>,
    packed: &'a mut Vector<L>,
) -> &'a [L] {
    assert!((1..=8 * L::BYTES).contains(&width.into()), "a lane holds the width");
    let (packed, _) = packed.0.split_at_mut(packed_lanes::<L>(width));
    cpu::run(Pack { width, offsets, packed: &mut *packed });
    packed
}

struct Pack<'a, L> {
    width: u8,
    offsets: &'a Vector<L>,
    packed: &'a mut [L],
}

impl<L: Lane> Kernel for Pack<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        L::pack_vector(self.width, &self.offsets.0, self.packed);
    }
}

/// Unpacks 1,024 offsets of `width` bits each. `packed` must have [`packed_lanes`] lanes.
pub(crate) fn unpack<L: Lane>(width: u8, packed: &[L], offsets: &mut Vector<L>) {
    assert!((1..=8 * L::BYTES).contains(&width.into()), "a lane holds the width");
    assert_eq!(packed.len(), packed_lanes::<L>(width), "a whole vector is unpacked");
    cpu::run(Unpack { width, packed, offsets });
}

struct Unpack<'a, L> {
    width: u8,
    packed: &'a [L],
    offsets: &'a mut Vector<L>,
}

impl<L: Lane> Kernel for Unpack<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        L::unpack_vector(self.width, self.packed, &mut self.offsets.0);
    }
}

/// Unpacks the offset at `place`, below 1,024. `packed` must have [`packed_lanes`] lanes.
pub(crate) fn unpack_single<L: Lane>(width: u8, packed: &[L], place: usize) -> L {
    assert!(usize::from(width) <= 8 * L::BYTES, "a lane holds the width");
    assert_eq!(packed.len(), packed_lanes::<L>(width), "a whole vector is given");
    assert!(place < VECTOR_ROWS, "a vector has 1,024 places");
    // SAFETY: length and width are as the function wants them, by the assertions above.
    unsafe { L::unchecked_unpack_single(usize::from(width), packed, place) }
}

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_variables))]
mod between;
pub(crate) mod byte_set;
mod flags;
mod members;
pub(crate) mod singles;
mod totals;
pub(crate) use between::Between;
pub(crate) use totals::OffsetTotals;

#[cfg(test)]
mod tests;
