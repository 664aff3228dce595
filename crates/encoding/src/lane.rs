//! The kernels on 1,024 unsigned offsets: unpack, and compare to a mask.
//!
//! Offsets live in the narrowest of four lane types that holds their width. A vector is unpacked
//! to an aligned buffer on the stack and worked on there by loops without branches, which the
//! compiler turns into vector instructions.

use bytemuck::Pod;
use fastlanes::BitPacking;
use starfact_base::limits::VECTOR_ROWS;

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
}

macro_rules! lane {
    ($($lane:ty),*) => {$(
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
        }
    )*};
}

lane!(u8, u16, u32, u64);

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

    /// The largest offset.
    pub(crate) fn max(&self) -> u64 {
        self.0.iter().copied().fold(L::zeroed(), L::max).into()
    }

    /// Clears the bits of `words` whose offsets `keep` does not want. Words beyond the vector, and
    /// offsets beyond the words, are left alone.
    #[inline(always)]
    pub(crate) fn retain(&self, words: &mut [u64], keep: impl Fn(L) -> bool) {
        for (offsets, word) in self.0.as_chunks::<64>().0.iter().zip(words) {
            let mut flags = [0u8; 64];
            for (flag, &offset) in flags.iter_mut().zip(offsets) {
                *flag = u8::from(keep(offset));
            }
            *word &= pack_flags(&flags);
        }
    }
}

/// Gathers 64 bytes of 0 or 1 into the bits of a word, the first into the lowest.
///
/// The product moves byte `i` of eight, at bit `8 i`, to bit `56 + i`: the sums cannot carry.
#[inline(always)]
fn pack_flags(flags: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut word = 0;
    for (place, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * place);
    }
    word
}

/// Lanes that a vector takes when each offset is packed to `width` bits.
pub(crate) fn packed_lanes<L: Lane>(width: u8) -> usize {
    VECTOR_ROWS / 8 * usize::from(width) / L::BYTES
}

/// Packs the lowest `width` bits of each offset in the FastLanes order (Afroozeh and Boncz, "The
/// FastLanes Compression Layout", VLDB 2023) and hands the packed lanes on.
pub(crate) fn pack<L: Lane>(width: u8, offsets: &Vector<L>, packed: &mut Vector<L>) {
    assert!(usize::from(width) <= 8 * L::BYTES, "a lane holds the width");
    let (packed, _) = packed.0.split_at_mut(packed_lanes::<L>(width));
    // SAFETY: the input has 1,024 lanes by its type, the output was just cut to 1,024 times the
    // width over the bits of a lane, and the width is at most those bits.
    unsafe { L::unchecked_pack(usize::from(width), &offsets.0, packed) }
}

/// Unpacks 1,024 offsets of `width` bits each. `packed` must have [`packed_lanes`] lanes.
pub(crate) fn unpack<L: Lane>(width: u8, packed: &[L], offsets: &mut Vector<L>) {
    assert!(usize::from(width) <= 8 * L::BYTES, "a lane holds the width");
    assert_eq!(packed.len(), packed_lanes::<L>(width), "a whole vector is unpacked");
    // SAFETY: both lengths and the width are as the function wants them, by the assertions above
    // and by the type of the output.
    unsafe { L::unchecked_unpack(usize::from(width), packed, &mut offsets.0) }
}

/// Unpacks the offset at `place`, below 1,024. `packed` must have [`packed_lanes`] lanes.
pub(crate) fn unpack_single<L: Lane>(width: u8, packed: &[L], place: usize) -> L {
    assert!(usize::from(width) <= 8 * L::BYTES, "a lane holds the width");
    assert_eq!(packed.len(), packed_lanes::<L>(width), "a whole vector is given");
    assert!(place < VECTOR_ROWS, "a vector has 1,024 places");
    // SAFETY: length and width are as the function wants them, by the assertions above.
    unsafe { L::unchecked_unpack_single(usize::from(width), packed, place) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The layout by its definition, one bit at a time: the safe twin of the kernels.
    fn pack_by_definition<L: Lane>(width: u8, offsets: &Vector<L>) -> Vec<L> {
        let (bits, lanes) = (8 * L::BYTES, 128 / L::BYTES);
        let mut packed = vec![0u64; packed_lanes::<L>(width)];
        for lane in 0..lanes {
            for row in 0..bits {
                let source = fastlanes::FL_ORDER[row / 8] * 16 + row % 8 * 128 + lane;
                let offset: u64 = offsets.0[source].into();
                for bit in 0..usize::from(width) {
                    let target = row * usize::from(width) + bit;
                    packed[target / bits * lanes + lane] |= (offset >> bit & 1) << (target % bits);
                }
            }
        }
        packed.into_iter().map(L::truncate).collect()
    }

    fn kernels_agree_with_the_definition<L: Lane + std::fmt::Debug>() {
        for width in 1..=8 * L::BYTES as u8 {
            let mask = u64::MAX >> (64 - width);
            let mut offsets = Vector::<L>::zeroed();
            let mut state = u64::from(width);
            for offset in &mut offsets.0 {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                *offset = L::truncate(state >> 7 & mask);
            }
            let mut packed = Vector::zeroed();
            pack(width, &offsets, &mut packed);
            let packed = &packed.0[..packed_lanes::<L>(width)];
            assert_eq!(packed, pack_by_definition(width, &offsets), "width {width}");
            let mut unpacked = Vector::zeroed();
            unpack(width, packed, &mut unpacked);
            assert_eq!(unpacked.0, offsets.0, "width {width}");
            for place in 0..VECTOR_ROWS {
                assert_eq!(unpack_single(width, packed, place), offsets.0[place]);
            }
        }
    }

    #[test]
    fn packing_agrees_with_the_definition_at_every_width() {
        kernels_agree_with_the_definition::<u8>();
        kernels_agree_with_the_definition::<u16>();
        kernels_agree_with_the_definition::<u32>();
        kernels_agree_with_the_definition::<u64>();
    }

    #[test]
    fn masks_are_in_row_order_and_only_clear() {
        let mut vector = Vector::<u16>::zeroed();
        for (row, offset) in vector.0.iter_mut().enumerate() {
            *offset = (row * 37 % 1_000) as u16;
        }
        let mut words = [u64::MAX; 16];
        words[3] = 0;
        vector.retain(&mut words, |offset| offset.minus(100) <= 400);
        for row in 0..VECTOR_ROWS {
            let expected = row / 64 != 3 && (100..=500).contains(&vector.0[row]);
            assert_eq!(words[row / 64] >> (row % 64) & 1 == 1, expected, "row {row}");
        }
    }
}
