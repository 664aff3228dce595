//! Bytes of a block against a set of bytes.
//!
//! ```text
//!   byte 0xA3 ──► row 3 of a table of 16 × 16 bits ──► its bit 10
//! ```
//!
//! Neighbours are compared with both ends; any other set is two tables of sixteen bytes, which one
//! instruction looks sixty-four bytes up in. The portable way looks at one bit after the other.
//!
//! The bytes of a word of a selection are a line of the cache. They come from memory as a rule, so
//! lines of words that have rows left are asked for some time before it is their turn, and those of
//! other words are not read.

#[cfg(target_arch = "x86_64")]
use crate::cpu::{self, InstructionSet};
use crate::keys::has_bit;
#[cfg(target_arch = "x86_64")]
use std::ops::Range;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet {
    bits: [u64; 4],
    /// Its first byte and how far its last one is from that, if it has all between them.
    span: Option<(u8, u8)>,
    tables: Tables,
}

/// Of each low half of a byte, which high halves are in a set: those below eight, and the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tables {
    below: [u8; 16],
    above: [u8; 16],
}

impl Tables {
    fn of(bits: &[u64; 4]) -> Self {
        let mut tables = Self::default();
        // A word has the bytes of four high halves, sixteen bits each.
        for (place, word) in bits.iter().enumerate() {
            for part in 0..4 {
                let high = place * 4 + part;
                let table = if high < 8 { &mut tables.below } else { &mut tables.above };
                for (low, highs) in table.iter_mut().enumerate() {
                    let has = (word >> (part * 16 + low) & 1) as u8;
                    *highs |= has << (high % 8);
                }
            }
        }
        tables
    }
}

impl ByteSet {
    /// The bytes from `first` to `last`.
    pub(crate) fn span(first: u8, last: u8) -> Self {
        let mut set = Self::default();
        (first..=last).for_each(|byte| set.insert(byte));
        set.span = Some((first, last.saturating_sub(first)));
        set
    }

    /// Takes a byte in; [`ByteSet::ready`] has to follow.
    pub(crate) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.bits.get_mut(usize::from(byte) / 64) {
            *word |= 1 << (byte % 64);
        }
    }

    /// The same, after the last byte was taken in.
    pub(crate) fn ready(mut self) -> Self {
        let mut bytes = (0..=u8::MAX).filter(|byte| has_bit(&self.bits, (*byte).into()));
        self.span = bytes.next().and_then(|first| {
            let last = bytes.next_back().unwrap_or(first);
            let count: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
            (u32::from(last - first) + 1 == count).then_some((first, last - first))
        });
        if self.span.is_none() {
            self.tables = Tables::of(&self.bits);
        }
        self
    }

    /// How many bytes it has.
    pub(crate) fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Clears the bits of `words` whose bytes are not in the set. Bits beyond the bytes are left
    /// alone.
    pub(crate) fn retain(&self, bytes: &[u8], words: &mut [u64]) {
        #[cfg(target_arch = "x86_64")]
        if InstructionSet::best() == InstructionSet::Avx512 {
            let (whole, rest) = bytes.as_chunks::<64>();
            // SAFETY: the processor has the instructions of this level.
            unsafe {
                match self.span {
                    Some((low, span)) => within(whole, low, span, words),
                    None => looked_up(whole, &self.tables, words),
                }
            }
            let words = words.get_mut(whole.len()..).unwrap_or_default();
            return self.retain_one_by_one(rest, words);
        }
        self.retain_one_by_one(bytes, words);
    }

    /// The portable twin.
    fn retain_one_by_one(&self, bytes: &[u8], words: &mut [u64]) {
        for (word, bytes) in words.iter_mut().zip(bytes.chunks(64)) {
            for (place, byte) in bytes.iter().enumerate() {
                *word &= !(u64::from(!has_bit(&self.bits, (*byte).into())) << place);
            }
        }
    }
}

/// Words that are looked at together.
#[cfg(target_arch = "x86_64")]
const GROUP: usize = 8;
/// Lines between the one that is compared and the one that is asked for.
#[cfg(target_arch = "x86_64")]
const AHEAD: usize = 48;

/// Asks for the lines of the words that have rows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ask_for(bytes: &[[u8; 64]], words: &[u64], lines: Range<usize>) {
    let end = lines.end.min(words.len());
    let (Some(words), Some(bytes)) = (words.get(lines.start..end), bytes.get(lines.start..end))
    else {
        return;
    };
    for (word, line) in words.iter().zip(bytes) {
        // One that is there already in the place of one that is not wanted: no branch.
        let there: *const u8 = std::ptr::from_ref(word).cast();
        cpu::ask_for(if *word == 0 { there } else { line.as_ptr() });
    }
}

/// Clears the bits of `$words` for whose bytes `$wanted` has none. A macro, because a function that
/// is given a closure would not be compiled for the instructions of its caller.
#[cfg(target_arch = "x86_64")]
macro_rules! line_by_line {
    ($bytes:expr, $words:expr, $wanted:expr) => {{
        let (bytes, words): (&[[u8; 64]], &mut [u64]) = ($bytes, $words);
        ask_for(bytes, words, 0..AHEAD);
        for start in (0..words.len()).step_by(GROUP) {
            ask_for(bytes, words, start + AHEAD..start + AHEAD + GROUP);
            let Some(bytes) = bytes.get(start..) else { break };
            let end = words.len().min(start + GROUP);
            let words = words.get_mut(start..end).unwrap_or_default();
            // Of groups that have as many words with rows, none costs a wrong guess.
            let mut with_rows = words
                .iter()
                .enumerate()
                .fold(0_u32, |bits, (place, word)| bits | u32::from(*word != 0) << place);
            while with_rows != 0 {
                let place = with_rows.trailing_zeros() as usize;
                with_rows &= with_rows - 1;
                if let (Some(word), Some(line)) = (words.get_mut(place), bytes.get(place)) {
                    *word &= $wanted(line);
                }
            }
        }
    }};
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn within(bytes: &[[u8; 64]], low: u8, span: u8, words: &mut [u64]) {
    use std::arch::x86_64::{
        _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_set1_epi8, _mm512_sub_epi8,
    };
    let (low, span) = (_mm512_set1_epi8(low.cast_signed()), _mm512_set1_epi8(span.cast_signed()));
    line_by_line!(bytes, words, |line: &[u8; 64]| {
        // SAFETY: there are 64 bytes.
        let bytes = unsafe { _mm512_loadu_si512(line.as_ptr().cast()) };
        _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, low), span)
    });
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn looked_up(bytes: &[[u8; 64]], tables: &Tables, words: &mut [u64]) {
    use std::arch::x86_64::{
        __m128i, __m512i, _mm_loadu_si128, _mm512_and_si512, _mm512_broadcast_i32x4,
        _mm512_loadu_si512, _mm512_mask_blend_epi8, _mm512_movepi8_mask, _mm512_set1_epi8,
        _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_test_epi8_mask,
    };
    const BIT_OF: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];
    let table = |bytes: &[u8; 16]| -> __m512i {
        // SAFETY: there are sixteen bytes.
        _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(bytes.as_ptr().cast::<__m128i>()) })
    };
    let (below, above) = (table(&tables.below), table(&tables.above));
    let bit_of = table(&BIT_OF);
    let half = _mm512_set1_epi8(15);
    line_by_line!(bytes, words, |line: &[u8; 64]| {
        // SAFETY: there are 64 bytes.
        let bytes = unsafe { _mm512_loadu_si512(line.as_ptr().cast()) };
        let low = _mm512_and_si512(bytes, half);
        let high = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), half);
        let (below, above) = (_mm512_shuffle_epi8(below, low), _mm512_shuffle_epi8(above, low));
        let highs = _mm512_mask_blend_epi8(_mm512_movepi8_mask(bytes), below, above);
        _mm512_test_epi8_mask(highs, _mm512_shuffle_epi8(bit_of, high))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_all_sets_are_found() {
        let bytes: Vec<u8> = (0..9_000).map(|place| (place * 167 + place / 256) as u8).collect();
        let sets: [&dyn Fn(u8) -> bool; 7] = [
            &|_| false,
            &|_| true,
            &|byte| byte == 200,
            &|byte| (17..=40).contains(&byte),
            &|byte| byte >= 128,
            &|byte| byte % 3 == 1,
            &|byte| !(10..=250).contains(&byte),
        ];
        for has in sets {
            let mut set = ByteSet::default();
            (0..=u8::MAX).filter(|byte| has(*byte)).for_each(|byte| set.insert(byte));
            let set = set.ready();
            assert_eq!(set.count(), (0..=u8::MAX).filter(|byte| has(*byte)).count());
            let lens = [(1_024, 16), (1_024, 3), (1_024, 0), (1_000, 17), (7, 1), (9_000, 141)];
            // Words without rows, in groups that have many of them and few.
            for ((len, count), every) in lens.into_iter().flat_map(|it| [1, 2, 5].map(|n| (it, n)))
            {
                let bytes = &bytes[..len];
                let word = |n: u64| if n.is_multiple_of(every) { !(n * 0x0101_0011) } else { 0 };
                let words: Vec<u64> = (0..count).map(word).collect();
                let (mut found, mut expected) = (words.clone(), words.clone());
                for (row, byte) in bytes.iter().enumerate().take(words.len() * 64) {
                    if !has(*byte) {
                        expected[row / 64] &= !(1 << (row % 64));
                    }
                }
                set.retain(bytes, &mut found);
                assert_eq!(found, expected);
                let mut one_by_one = words.clone();
                set.retain_one_by_one(bytes, &mut one_by_one);
                assert_eq!(one_by_one, expected);
            }
        }
    }
}
