//! The selected rows as a list of numbers.
//!
//! The portable way looks at every set bit. With vectors of 512 bits, sixteen row numbers at a time
//! are moved together by one instruction, whatever the bits are: that pays from a few rows a word
//! on, and is three times as fast where half of the rows are selected.

use super::WORD_BITS;
use crate::cpu::InstructionSet;

/// Appends the numbers of the bits that are set, of which there are `count`.
pub(super) fn of(words: &[u64], count: usize) -> Vec<u32> {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::best() == InstructionSet::Avx512 && count > 2 * words.len() {
        // SAFETY: the processor has the instructions of this level, and there are as many bits.
        return unsafe { compressed(words) };
    }
    bit_by_bit(words, count)
}

/// Bits of a word that are written without a question.
const AT_ONCE: usize = 4;

/// The portable twin. So many bits of each word are written as if there were as many, and the next
/// word overwrites what is too much: no branch depends on how many the words have, mostly.
fn bit_by_bit(words: &[u64], count: usize) -> Vec<u32> {
    let mut indices = vec![0; count + AT_ONCE];
    let mut len = 0;
    for (place, &word) in words.iter().enumerate() {
        let first = (place * WORD_BITS) as u32;
        let mut rest = word;
        if let Some(slots) = indices.get_mut(len..len + AT_ONCE) {
            for slot in slots {
                *slot = first + rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
            }
        }
        let mut next = len + AT_ONCE;
        while rest != 0 {
            if let Some(slot) = indices.get_mut(next) {
                *slot = first + rest.trailing_zeros();
            }
            rest &= rest - 1;
            next += 1;
        }
        len += word.count_ones() as usize;
    }
    indices.truncate(count);
    indices
}

/// Sixteen rows at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,popcnt")]
fn compressed(words: &[u64]) -> Vec<u32> {
    use std::arch::x86_64::{
        __m512i, _mm512_add_epi32, _mm512_maskz_compress_epi32, _mm512_set1_epi32,
        _mm512_setr_epi32, _mm512_storeu_si512,
    };
    const LANES: usize = 16;
    let count: usize = words.iter().map(|word| word.count_ones() as usize).sum();
    let mut indices: Vec<u32> = Vec::with_capacity(count + LANES);
    let mut rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let next = _mm512_set1_epi32(LANES as i32);
    let mut len = 0;
    for &word in words {
        for part in 0..WORD_BITS / LANES {
            let mask = (word >> (part * LANES)) as u16;
            let selected = _mm512_maskz_compress_epi32(mask, rows);
            // SAFETY: `len` is the number of bits before this part, at most `count`, and there is
            // room for sixteen numbers more than that.
            unsafe {
                let slot = indices.as_mut_ptr().add(len).cast::<__m512i>();
                _mm512_storeu_si512(slot, selected);
            }
            len += mask.count_ones() as usize;
            rows = _mm512_add_epi32(rows, next);
        }
    }
    // SAFETY: the first `len` numbers were written above, and there is room for them.
    unsafe { indices.set_len(len) };
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both_ways_agree(words: &[u64]) {
        let count = words.iter().map(|word| word.count_ones() as usize).sum();
        let expected = bit_by_bit(words, count);
        assert_eq!(expected.len(), count);
        assert_eq!(of(words, count), expected);
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() == InstructionSet::Avx512 {
            // SAFETY: the processor has the instructions of this level.
            assert_eq!(unsafe { compressed(words) }, expected);
        }
    }

    #[test]
    fn full_and_empty_words_are_listed() {
        for words in [vec![], vec![0; 5], vec![u64::MAX; 1_024], vec![1 << 63, 0, 1]] {
            both_ways_agree(&words);
        }
        assert_eq!(of(&[0x8000_0000_0000_0003, 1], 4), [0, 1, 63, 64]);
    }

    proptest! {
        #[test]
        fn any_words_are_listed_alike(words in proptest::collection::vec(any::<u64>(), 0..40)) {
            both_ways_agree(&words);
            let sparse: Vec<u64> = words.iter().map(|word| word & word << 7 & word >> 5).collect();
            both_ways_agree(&sparse);
        }
    }
}
