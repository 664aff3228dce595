//! The kernels for vectors of 512 bits: one for each width, without loops and branches, so that
//! all shifts are constants.

use super::{Between, VECTOR_WORDS};
use crate::lane::row_of;
use std::arch::x86_64::*;
use std::sync::atomic::{Ordering, compiler_fence};

/// Half of a word of every lane: a register.
type Half = [u8; 64];

/// Runs the kernel of the width, if there are bytes enough.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn retain(between: &Between, bytes: &[u8], words: &mut [u64; VECTOR_WORDS]) -> bool {
    let halves = 2 * usize::from(between.width);
    let Some((packed, _)) = bytes.as_chunks().0.split_at_checked(halves) else { return false };
    macro_rules! widths {
        ($($kernel:ident $lane:literal: $($width:literal)*;)*) => {
            match (between.width, between.in_order) {
                $(($lane, true) => {
                    let (low, last) = between.at_top($lane);
                    $kernel::<$lane, true>(packed, low, last, words);
                })*
                $($(($width, _) => {
                    let (low, last) = between.at_top($lane);
                    $kernel::<$width, false>(packed, low, last, words);
                })*)*
                _ => return false,
            }
        };
    }
    widths! {
        lanes_8 8: 1 2 3 4 5 6 7 8;
        lanes_16 16: 9 10 11 12 13 14 15 16;
        lanes_32 32: 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32;
        lanes_64 64: 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48
            49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64;
    }
    true
}

/// Half of a word of every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(packed: &[Half], word: usize, half: usize) -> __m512i {
    match packed.get(2 * word + half) {
        // SAFETY: there are 64 bytes, and any address will do.
        Some(half) => unsafe { _mm512_loadu_si512(half.as_ptr().cast()) },
        None => _mm512_setzero_si512(),
    }
}

/// Keeps the compiler from reading what follows before what precedes, which it does to combine the
/// masks of rows that lie apart: what comes from memory out of order takes twice as long.
#[inline(always)]
fn one_by_one() {
    compiler_fence(Ordering::SeqCst);
}

/// Where offset `r` of a lane ends: the word, and the bits above it.
const fn end(r: usize, width: usize, lane_bits: usize) -> (usize, usize) {
    let end = (r + 1) * width - 1;
    (end / lane_bits, lane_bits - 1 - end % lane_bits)
}

/// Kernels for lanes of 16 bits or more: `$name` compares a vector, and `$row` offset `R` of every
/// lane, which gives a `$mask`.
macro_rules! lanes {
    ($name:ident $row:ident $lane:ident $signed:ident $mask:ident
        $set:ident $left:ident $right:ident $minus:ident $at_most:ident: $($r:literal)*) => {
        #[target_feature(enable = "avx512f,avx512bw")]
        fn $name<const WIDTH: usize, const IN_ORDER: bool>(
            packed: &[Half],
            low: u64,
            last: u64,
            words: &mut [u64; VECTOR_WORDS],
        ) {
            const BITS: usize = <$lane>::BITS as usize;
            let masks: &mut [$mask; BITS] = bytemuck::cast_mut(words);
            let Some(packed) = packed.get(..2 * WIDTH) else { return };
            let (low, last) = ($set(low as $signed), $set(last as $signed));
            $(
                let place = if IN_ORDER { $r } else { row_of::<$lane>($r) };
                if let Some(mask) = masks.get_mut(place) {
                    *mask &= $row::<WIDTH, $r>(packed, low, last);
                }
                one_by_one();
            )*
        }

        #[inline]
        #[target_feature(enable = "avx512f,avx512bw")]
        fn $row<const WIDTH: usize, const R: usize>(
            packed: &[Half],
            low: __m512i,
            last: __m512i,
        ) -> $mask {
            const BITS: usize = <$lane>::BITS as usize;
            let (word, above) = const { end(R, WIDTH, BITS) };
            let compare = |half: usize| {
                let mut offsets = load(packed, word, half);
                if above > 0 {
                    offsets = $left(offsets, $set(above as $signed));
                }
                if WIDTH + above > BITS {
                    let below = load(packed, word - 1, half);
                    let below = $right(below, $set((BITS - above) as $signed));
                    offsets = _mm512_or_si512(offsets, below);
                }
                <$mask>::from($at_most($minus(offsets, low), last))
            };
            compare(0) | compare(1) << (512 / BITS)
        }
    };
}

lanes! { lanes_16 row_16 u16 i16 u64
_mm512_set1_epi16 _mm512_sllv_epi16 _mm512_srlv_epi16 _mm512_sub_epi16 _mm512_cmple_epu16_mask:
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 }
lanes! { lanes_32 row_32 u32 i32 u32
_mm512_set1_epi32 _mm512_sllv_epi32 _mm512_srlv_epi32 _mm512_sub_epi32 _mm512_cmple_epu32_mask:
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 }
lanes! { lanes_64 row_64 u64 i64 u16
_mm512_set1_epi64 _mm512_sllv_epi64 _mm512_srlv_epi64 _mm512_sub_epi64 _mm512_cmple_epu64_mask:
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
61 62 63 }

/// The kernel for lanes of 8 bits, whose packed order is the order of rows.
#[target_feature(enable = "avx512f,avx512bw")]
fn lanes_8<const WIDTH: usize, const IN_ORDER: bool>(
    packed: &[Half],
    low: u64,
    last: u64,
    words: &mut [u64; VECTOR_WORDS],
) {
    let Some(packed) = packed.get(..2 * WIDTH) else { return };
    let (low, last) = (_mm512_set1_epi8(low as i8), _mm512_set1_epi8(last as i8));
    macro_rules! rows {
        ($($first:ident $second:ident $r:literal)*) => {
            let [$($first, $second),*] = words;
            $(
                *$first &= row_8::<WIDTH, $r>(packed, low, last, 0);
                *$second &= row_8::<WIDTH, $r>(packed, low, last, 1);
                one_by_one();
            )*
        };
    }
    rows!(a b 0 c d 1 e f 2 g h 3 i j 4 k l 5 m n 6 o p 7);
}

/// Compares half of the rows that are offset `R` of a lane.
///
/// Bytes are shifted in pairs. What moves from the lower byte to the upper one is rubbish below the
/// offset; where an offset lies in two words, each gives its own bits only.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn row_8<const WIDTH: usize, const R: usize>(
    packed: &[Half],
    low: __m512i,
    last: __m512i,
    half: usize,
) -> u64 {
    let (word, above) = const { end(R, WIDTH, 8) };
    let mut offsets = load(packed, word, half);
    if above > 0 {
        offsets = _mm512_sllv_epi16(offsets, _mm512_set1_epi16(above as i16));
    }
    if WIDTH + above > 8 {
        let below = load(packed, word - 1, half);
        let below = _mm512_srlv_epi16(below, _mm512_set1_epi16(8 - above as i16));
        /// Where a bit of the first is 1 that of the second, else that of the third.
        const CHOOSE: i32 = 0xca;
        let upper = _mm512_set1_epi8((0xffu8 << above) as i8);
        offsets = _mm512_ternarylogic_epi64::<CHOOSE>(upper, offsets, below);
    }
    _mm512_cmple_epu8_mask(_mm512_sub_epi8(offsets, low), last)
}
