//! Offsets against a set of bits, 1,024 at a time.
//!
//! The portable way looks at one bit after the other. Vectors of 512 bits gather sixteen words of
//! the set at once, which is twice to three times as fast while the set is in the cache.

use super::{Lane, Vector};
#[cfg(target_arch = "x86_64")]
use crate::cpu::InstructionSet;
use crate::keys::has_bit;

/// Bits of the largest set that is gathered from: places are numbers of 32 bits.
const BITS_MAX: usize = 1 << 30;

impl<L: Lane> Vector<L> {
    /// Clears the bits of `words` whose offsets are not in the set `bits` when they are `start`
    /// further, modulo 2⁶⁴. Words beyond the vector are left alone.
    pub(crate) fn retain_members(&self, words: &mut [u64], bits: &[u64], start: u64) {
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() == InstructionSet::Avx512
            && L::BYTES <= size_of::<u32>()
            && bits.len() * 64 <= BITS_MAX
            && let Ok(start) = u32::try_from(start)
            && start as usize <= BITS_MAX
        {
            // SAFETY: the processor has the instructions of this level.
            return unsafe { gathered(self, words, bits, start) };
        }
        self.retain(words, |offset| has_bit(bits, offset.into().wrapping_add(start)));
    }
}

/// Sixteen offsets at a time. Sums of a start and an offset may exceed 32 bits; then they are
/// capped, which is beyond all sets.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn gathered<L: Lane>(offsets: &Vector<L>, words: &mut [u64], bits: &[u64], start: u32) {
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_loadu_si128, _mm256_loadu_si256, _mm512_add_epi32,
        _mm512_and_epi32, _mm512_cmplt_epu32_mask, _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32,
        _mm512_loadu_si512, _mm512_mask_cmpge_epu32_mask, _mm512_mask_i32gather_epi32,
        _mm512_mask_test_epi32_mask, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_sllv_epi32,
        _mm512_srli_epi32,
    };
    const LANES: usize = 16;
    let end = _mm512_set1_epi32((bits.len() * 64) as i32);
    let from = _mm512_set1_epi32(start.cast_signed());
    let (one, low) = (_mm512_set1_epi32(1), _mm512_set1_epi32(31));
    for (word, offsets) in words.iter_mut().zip(offsets.0.as_chunks::<64>().0) {
        if *word == 0 {
            continue;
        }
        let mut kept = 0;
        for (part, offsets) in offsets.as_chunks::<LANES>().0.iter().enumerate() {
            let pointer = offsets.as_ptr();
            // SAFETY: there are sixteen offsets of this size, and any address will do.
            let offsets: __m512i = unsafe {
                match L::BYTES {
                    1 => _mm512_cvtepu8_epi32(_mm_loadu_si128(pointer.cast::<__m128i>())),
                    2 => _mm512_cvtepu16_epi32(_mm256_loadu_si256(pointer.cast::<__m256i>())),
                    _ => _mm512_loadu_si512(pointer.cast::<__m512i>()),
                }
            };
            let places = _mm512_add_epi32(offsets, from);
            // A sum that is less than an offset was beyond 32 bits.
            let inside = _mm512_cmplt_epu32_mask(places, end);
            let inside = _mm512_mask_cmpge_epu32_mask(inside, places, offsets);
            let at = _mm512_srli_epi32::<5>(places);
            // SAFETY: places that are inside lie in the words of the set, halves of 32 bits.
            let set = unsafe {
                _mm512_mask_i32gather_epi32::<4>(
                    _mm512_setzero_si512(),
                    inside,
                    at,
                    bits.as_ptr().cast::<i32>(),
                )
            };
            let bit = _mm512_sllv_epi32(one, _mm512_and_epi32(places, low));
            let found = _mm512_mask_test_epi32_mask(inside, set, bit);
            kept |= u64::from(found) << (LANES * part);
        }
        *word &= kept;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfact_base::limits::VECTOR_ROWS;

    fn agree<L: Lane>(mask: u64) {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            state >> 20
        };
        for (len, start) in [
            (0, 0),
            (1, 0),
            (1, 60),
            (4, 100),
            (70, 3),
            (1_000, 0),
            (1_025, u64::MAX - 5),
            (2_000, u64::from(u32::MAX) - 900),
            (900, 1 << 33),
        ] {
            let mut offsets = Vector::<L>::zeroed();
            for (row, offset) in offsets.as_mut_slice().iter_mut().enumerate() {
                let wanted = if row % 5 == 0 { random() } else { random() % (64 * len + 70) };
                *offset = L::truncate(wanted & mask);
            }
            let bits: Vec<u64> = (0..len).map(|_| random() << 30 ^ random()).collect();
            for count in [16, 3, 1, 0, 17] {
                let words: Vec<u64> = (0..count).map(|_| random() << 31 ^ random()).collect();
                let (mut found, mut expected) = (words.clone(), words.clone());
                for row in 0..(count * 64).min(VECTOR_ROWS) {
                    let place: u64 = offsets.at(row).into();
                    if !has_bit(&bits, place.wrapping_add(start)) {
                        expected[row / 64] &= !(1 << (row % 64));
                    }
                }
                offsets.retain_members(&mut found, &bits, start);
                assert_eq!(found, expected, "{len} words, start {start}, {count}");
            }
        }
    }

    #[test]
    fn sets_of_all_sizes_are_looked_up() {
        agree::<u8>(u8::MAX.into());
        agree::<u16>(u16::MAX.into());
        agree::<u32>(u32::MAX.into());
        agree::<u64>(u64::MAX);
    }
}
