//! Flags, a byte each, as the bits of a selection.
//!
//! The portable way multiplies eight bytes at a time. Vectors of 256 and 512 bits have an
//! instruction that takes a bit of each byte; no compiler finds it.

use crate::cpu::InstructionSet;
use starfact_base::limits::VECTOR_ROWS;

/// Clears the bits of `words` whose flag is 0; flags are 0 or 1. Words beyond the flags are left
/// alone.
pub(super) fn retain(flags: &[u8; VECTOR_ROWS], words: &mut [u64]) {
    match InstructionSet::best() {
        InstructionSet::Portable => portable(flags, words),
        // SAFETY: the processor has the instructions of this level.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => unsafe { avx2(flags, words) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => unsafe { avx512(flags, words) },
    }
}

/// The portable twin.
fn portable(flags: &[u8; VECTOR_ROWS], words: &mut [u64]) {
    for (flags, word) in flags.as_chunks::<64>().0.iter().zip(words) {
        *word &= pack(flags);
    }
}

/// Gathers 64 bytes of 0 or 1 into the bits of a word, the first into the lowest.
///
/// The product moves byte `i` of eight, at bit `8 i`, to bit `56 + i`: the sums cannot carry.
#[inline(always)]
pub(super) fn pack(flags: &[u8; 64]) -> u64 {
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut word = 0;
    for (place, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * place);
    }
    word
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(flags: &[u8; VECTOR_ROWS], words: &mut [u64]) {
    use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_slli_epi16};
    for (flags, word) in flags.as_chunks::<64>().0.iter().zip(words) {
        let mut bits = 0;
        for (half, flags) in flags.as_chunks::<32>().0.iter().enumerate() {
            // SAFETY: there are 32 bytes, and any address will do.
            let bytes = unsafe { _mm256_loadu_si256(flags.as_ptr().cast::<__m256i>()) };
            // Moves the lowest bit of each byte to its highest.
            let mask = _mm256_movemask_epi8(_mm256_slli_epi16::<7>(bytes));
            bits |= u64::from(mask.cast_unsigned()) << (32 * half);
        }
        *word &= bits;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn avx512(flags: &[u8; VECTOR_ROWS], words: &mut [u64]) {
    use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_test_epi8_mask};
    for (flags, word) in flags.as_chunks::<64>().0.iter().zip(words) {
        // SAFETY: there are 64 bytes, and any address will do.
        let bytes = unsafe { _mm512_loadu_si512(flags.as_ptr().cast::<__m512i>()) };
        *word &= _mm512_test_epi8_mask(bytes, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_agree() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            state >> 33
        };
        for round in 0..50 {
            let mut flags = [0u8; VECTOR_ROWS];
            for flag in &mut flags {
                *flag = u8::from(random() % (round + 1) == 0);
            }
            // As many words as a vector has, fewer at the end of a block, and more.
            for count in [16, 3, 1, 0, 17] {
                let words: Vec<u64> = (0..count).map(|_| random() << 31 ^ random()).collect();
                let mut expected = words.clone();
                for (row, flag) in flags.iter().enumerate() {
                    if let (0, Some(word)) = (flag, expected.get_mut(row / 64)) {
                        *word &= !(1 << (row % 64));
                    }
                }
                let by = |way: &dyn Fn(&mut [u64])| {
                    let mut words = words.clone();
                    way(&mut words);
                    words
                };
                assert_eq!(by(&|words| portable(&flags, words)), expected);
                assert_eq!(by(&|words| retain(&flags, words)), expected);
                #[cfg(target_arch = "x86_64")]
                if InstructionSet::best() == InstructionSet::Avx512 {
                    // SAFETY: the processor has these instructions.
                    assert_eq!(by(&|words| unsafe { avx512(&flags, words) }), expected);
                }
                #[cfg(target_arch = "x86_64")]
                if InstructionSet::best() != InstructionSet::Portable {
                    // SAFETY: the processor has these instructions.
                    assert_eq!(by(&|words| unsafe { avx2(&flags, words) }), expected);
                }
            }
        }
    }
}
