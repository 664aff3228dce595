//! The selected rows as a list of numbers.
//!
//! The portable way looks at every set bit. Processors with AVX-512 VBMI2 have an instruction that
//! moves those of sixty-four bytes together whose bits are set: of the bytes 0 to 63 these are the
//! places in a word, which are widened to row numbers sixteen at a time.

use super::WORD_BITS;
use crate::cpu::InstructionSet;

/// Appends the numbers of the bits that are set, of which there are `count`.
pub(super) fn of(words: &[u64], count: usize) -> Vec<u32> {
    #[cfg(target_arch = "x86_64")]
    if has_compress() {
        // SAFETY: the processor has the instructions.
        return unsafe { compressed(words) };
    }
    bit_by_bit(words, count)
}

#[cfg(target_arch = "x86_64")]
fn has_compress() -> bool {
    InstructionSet::best() == InstructionSet::Avx512 && is_x86_feature_detected!("avx512vbmi2")
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

/// Words of which none may have a bit, which is asked at once.
#[cfg(target_arch = "x86_64")]
const GROUP_WORDS: usize = 8;

/// The places of the bits of a word at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn compressed(words: &[u64]) -> Vec<u32> {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_loadu_si512,
        _mm512_maskz_compress_epi8, _mm512_set1_epi32, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    };
    const LANES: usize = 16;
    let places: [u8; WORD_BITS] = std::array::from_fn(|place| place as u8);
    let count: usize = words.iter().map(|word| word.count_ones() as usize).sum();
    let mut indices: Vec<u32> = Vec::with_capacity(count + LANES);
    let start = indices.as_mut_ptr();
    // SAFETY: there are sixty-four places.
    let places = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
    let mut len = 0;
    for (group, words) in words.chunks(GROUP_WORDS).enumerate() {
        if words.iter().fold(0, |any, word| any | word) == 0 {
            continue;
        }
        for (place, &word) in words.iter().enumerate() {
            let first = ((group * GROUP_WORDS + place) * WORD_BITS) as i32;
            let mut selected = _mm512_maskz_compress_epi8(word, places);
            let mut rest = word.count_ones() as usize;
            let mut slot = len;
            loop {
                let rows = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(selected));
                let rows = _mm512_add_epi32(rows, _mm512_set1_epi32(first));
                // SAFETY: `slot` is at most the number of bits before these, at most `count`, and
                // there is room for sixteen numbers more than that.
                unsafe { _mm512_storeu_si512(start.add(slot).cast(), rows) };
                if rest <= LANES {
                    break;
                }
                rest -= LANES;
                slot += LANES;
                selected = _mm512_shuffle_i32x4::<0b00_11_10_01>(selected, selected);
            }
            len += word.count_ones() as usize;
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
        if has_compress() {
            // SAFETY: the processor has the instructions.
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
