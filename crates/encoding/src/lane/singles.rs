//! Single offsets of packed vectors, sixteen at a time.
//!
//! ```text
//!   row ──► vector · word of the lane that its offset begins in · bits below it
//!             └─── 32 bits there, and of the next word ───► shifted and masked: the offset
//! ```
//!
//! Where an offset lies follows from row and width by some shifts, for sixteen rows at once, and
//! their words are gathered: which is for few rows of a vector, where unpacking all of it would be
//! more work.

use super::row_of;
#[cfg(target_arch = "x86_64")]
use crate::cpu::{self, InstructionSet};
#[cfg(target_arch = "x86_64")]
use crate::integer::Largest;
use starfact_base::limits::VECTOR_ROWS;

/// Offsets of the widest lanes that are served here.
pub(crate) const WIDTH_MAX: u8 = 32;

/// Writes the packed offsets of `width` bits at `rows` to `out`, as many; false, and nothing
/// written, if the processor is not served, or a row lies beyond the bytes.
pub(crate) fn fetch(width: u8, packed: &[u8], rows: &[u32], out: &mut [u32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::best() == InstructionSet::Avx512
        && (1..=WIDTH_MAX).contains(&width)
        && !rows.is_empty()
        && rows.len() <= out.len()
    {
        let vectors = cpu::run(Largest(rows)) as usize / VECTOR_ROWS + 1;
        let is_inside = vectors * VECTOR_ROWS / 8 * usize::from(width) <= packed.len();
        if is_inside && packed.len() <= i32::MAX as usize {
            // SAFETY: the processor has the instructions, and the vectors of all rows are there.
            unsafe {
                match width {
                    1..=8 => gathered::<u8>(width, packed, rows, out),
                    9..=16 => gathered::<u16>(width, packed, rows, out),
                    _ => gathered::<u32>(width, packed, rows, out),
                }
            }
            return true;
        }
    }
    let _ = (width, packed, rows, out);
    false
}

/// Writes the numbers of 1, 2 or 4 bytes each at `rows`, which are stored one after the other, to
/// `out`, as many; false, and nothing that counts written, if the processor is not served, or a row
/// lies beyond the bytes.
pub(crate) fn pick(bytes_each: u8, stored: &[u8], rows: &[u32], out: &mut [u32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::best() == InstructionSet::Avx512
        && matches!(bytes_each, 1 | 2 | 4)
        && rows.len() <= out.len()
        && stored.len() <= i32::MAX as usize
    {
        let each = usize::from(bytes_each);
        // Four bytes are loaded, which the last rows do not have.
        let is_whole = |row: &u32| *row as usize * each + 4 <= stored.len();
        let last = rows.iter().rposition(is_whole).map_or(0, |last| last + 1);
        let (rows, rest) = rows.split_at(last);
        let (out, out_rest) = out.split_at_mut(last);
        if !rows.is_empty() && !is_whole(&cpu::run(Largest(rows))) {
            return false;
        }
        for (slot, row) in out_rest.iter_mut().zip(rest) {
            let start = *row as usize * each;
            let Some(bytes) = stored.get(start..start + each) else { return false };
            *slot = bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
        }
        // SAFETY: the processor has the instructions, and there are four bytes at each row.
        unsafe { picked(bytes_each, stored, rows, out) };
        return true;
    }
    let _ = (bytes_each, stored, rows, out);
    false
}

/// Sixteen numbers at a time.
///
/// # Safety
/// There must be four bytes from each row's number on, `out` must have room for all rows, and the
/// processor must have the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
// SAFETY: what the caller has to see to is said above.
unsafe fn picked(bytes_each: u8, stored: &[u8], rows: &[u32], out: &mut [u32]) {
    use std::arch::x86_64::{
        _mm_cvtsi32_si128, _mm512_and_epi32, _mm512_i32gather_epi32, _mm512_mask_storeu_epi32,
        _mm512_maskz_loadu_epi32, _mm512_set1_epi32, _mm512_sll_epi32,
    };
    const LANES: usize = 16;
    let (shift, bits) = (bytes_each.ilog2(), 8 * u32::from(bytes_each));
    let shift = _mm_cvtsi32_si128(shift.cast_signed());
    let mask = _mm512_set1_epi32((u32::MAX >> (32 - bits)).cast_signed());
    for (rows, out) in rows.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let wanted = u16::MAX >> (LANES - rows.len());
        // SAFETY: as many rows are loaded as there are.
        let row = unsafe { _mm512_maskz_loadu_epi32(wanted, rows.as_ptr().cast()) };
        let place = _mm512_sll_epi32(row, shift);
        // SAFETY: rows that are not wanted count as row 0, which is there like all others.
        let numbers = unsafe { _mm512_i32gather_epi32::<1>(place, stored.as_ptr().cast()) };
        let numbers = _mm512_and_epi32(numbers, mask);
        // SAFETY: there is room for as many numbers as there are rows.
        unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().cast(), wanted, numbers) };
    }
}

/// For each piece of a vector's rows, as many as there are lanes, which of a lane's offsets they
/// are.
#[inline(always)]
fn places<L: super::Lane>() -> [u32; 32] {
    let mut places = [0; 32];
    for r in 0..8 * size_of::<L>() {
        if let Some(place) = places.get_mut(row_of::<L>(r)) {
            *place = r as u32;
        }
    }
    places
}

/// Sixteen offsets at a time.
///
/// # Safety
/// The packed vectors of all rows must lie within `packed`, `out` must have room for all rows, and
/// the processor must have the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
// SAFETY: what the caller has to see to is said above.
unsafe fn gathered<L: super::Lane>(width: u8, packed: &[u8], rows: &[u32], out: &mut [u32]) {
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi32_si128, _mm512_add_epi32, _mm512_and_epi32, _mm512_cmpgt_epu32_mask,
        _mm512_i32gather_epi32, _mm512_loadu_si512, _mm512_mask_i32gather_epi32,
        _mm512_mask_storeu_epi32, _mm512_maskz_loadu_epi32, _mm512_mullo_epi32, _mm512_or_epi32,
        _mm512_permutex2var_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_sll_epi32,
        _mm512_sllv_epi32, _mm512_srl_epi32, _mm512_srli_epi32, _mm512_srlv_epi32,
        _mm512_sub_epi32,
    };
    const LANES: usize = 16;
    let places = places::<L>();
    let bits = 8 * size_of::<L>() as u32;
    let lane_log = (1024 / bits).ilog2();
    let number = |value: u32| _mm512_set1_epi32(value.cast_signed());
    let count = |value: u32| _mm_cvtsi32_si128(value.cast_signed());
    // SAFETY: there are twice sixteen places.
    let (first, second) = unsafe {
        let pointer = places.as_ptr();
        (_mm512_loadu_si512(pointer.cast()), _mm512_loadu_si512(pointer.add(LANES).cast()))
    };
    let (width, lane_mask) = (u32::from(width), (1_u32 << lane_log) - 1);
    let offset_mask = number(u32::MAX >> (32 - width));
    let word_bits = number(bits);
    let pointer = packed.as_ptr().cast::<i32>();
    // An element is a word of a lane; four, two or one are what is gathered at once.
    let per_gather_log = (4 / size_of::<L>() as u32).ilog2();
    let part_mask = (1_u32 << per_gather_log) - 1;
    for (rows, out) in rows.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let wanted = u16::MAX >> (LANES - rows.len());
        // SAFETY: as many rows are loaded as there are.
        let row = unsafe { _mm512_maskz_loadu_epi32(wanted, rows.as_ptr().cast()) };
        let place = _mm512_and_epi32(row, number(1023));
        let piece = _mm512_srl_epi32(place, count(lane_log));
        let r = _mm512_permutex2var_epi32(first, piece, second);
        let bit = _mm512_mullo_epi32(r, number(width));
        let word = _mm512_srl_epi32(bit, count(bits.ilog2()));
        let shift = _mm512_and_epi32(bit, number(bits - 1));
        let lane = _mm512_and_epi32(place, number(lane_mask));
        let vector = _mm512_srli_epi32::<10>(row);
        // In elements: a vector has `width` words of each lane.
        let start = _mm512_sll_epi32(_mm512_mullo_epi32(vector, number(width)), count(lane_log));
        let within = _mm512_add_epi32(_mm512_sll_epi32(word, count(lane_log)), lane);
        let element = _mm512_add_epi32(start, within);
        let low_at = _mm512_srl_epi32(element, count(per_gather_log));
        let part = _mm512_and_epi32(element, number(part_mask));
        let part_shift = _mm512_sll_epi32(part, count(bits.ilog2()));
        let element_mask = number(u32::MAX >> (32 - bits));
        // SAFETY: rows that are not wanted count as row 0, whose vector is there like all others.
        let low: __m512i = unsafe { _mm512_i32gather_epi32::<4>(low_at, pointer) };
        let low = _mm512_and_epi32(_mm512_srlv_epi32(low, part_shift), element_mask);
        let end = _mm512_add_epi32(shift, number(width));
        let crosses = _mm512_cmpgt_epu32_mask(end, word_bits);
        // The next word of the lane lies as many elements further as there are lanes, which is a
        // multiple of those of a gather.
        let high_at = _mm512_add_epi32(low_at, number((1 << lane_log) >> per_gather_log));
        // SAFETY: an offset crosses to the next word only where its lane has one.
        let high: __m512i = unsafe {
            let none = _mm512_setzero_si512();
            _mm512_mask_i32gather_epi32::<4>(none, crosses, high_at, pointer)
        };
        let high = _mm512_and_epi32(_mm512_srlv_epi32(high, part_shift), element_mask);
        let above = _mm512_sub_epi32(word_bits, shift);
        let joined = _mm512_or_epi32(_mm512_srlv_epi32(low, shift), _mm512_sllv_epi32(high, above));
        let offset = _mm512_and_epi32(joined, offset_mask);
        // SAFETY: there is room for as many offsets as there are rows.
        unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().cast(), wanted, offset) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InstructionSet;
    use crate::lane::{Lane, Vector, pack};

    fn agree<L: Lane>(width: u8) {
        let mut state = u64::from(width);
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_041);
            state >> 20
        };
        let (mut bytes, mut offsets) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let mut vector = Vector::<L>::zeroed();
            for offset in vector.as_mut_slice() {
                *offset = L::truncate(random() & (u64::MAX >> (64 - width)));
                offsets.push((*offset).into() as u32);
            }
            bytes.extend_from_slice(bytemuck::cast_slice(pack(
                width,
                &vector,
                &mut Vector::<L>::zeroed(),
            )));
        }
        let all: Vec<u32> = (0..offsets.len() as u32).collect();
        for rows in [all.clone(), vec![2_500], (0..77).map(|_| random() as u32 % 3_072).collect()] {
            let mut found = vec![u32::MAX; rows.len() + 1];
            let is_served = fetch(width, &bytes, &rows, &mut found);
            let is_best = InstructionSet::available().any(|set| format!("{set:?}") == "Avx512");
            assert_eq!(is_served, is_best, "{width} bits");
            if !is_served {
                continue;
            }
            let expected: Vec<u32> = rows.iter().map(|row| offsets[*row as usize]).collect();
            assert_eq!(found[..rows.len()], expected, "{width} bits");
            assert_eq!(found[rows.len()], u32::MAX);
        }
        let mut out = vec![0; 5_000];
        assert!(!fetch(width, &bytes, &[3_072], &mut out));
        assert!(!fetch(width, &bytes[..bytes.len() - 1], &all, &mut out));
        assert!(!fetch(width, &bytes, &all, &mut [0; 9]) && !fetch(width, &bytes, &[], &mut out));
    }

    #[test]
    fn stored_numbers_are_picked_up_to_the_last() {
        let stored: Vec<u8> =
            (0..4_000_u32).map(|place| (place * 167 + place / 256) as u8).collect();
        for each in [1_usize, 2, 4] {
            let count = stored.len() / each;
            let all: Vec<u32> = (0..count as u32).collect();
            let some = all.iter().copied().step_by(7).chain([count as u32 - 1]).collect();
            for rows in [all, some, vec![count as u32 - 1], vec![count as u32 - 1, 0], vec![]] {
                let mut found = vec![u32::MAX; rows.len() + 1];
                let is_best = InstructionSet::available().any(|set| format!("{set:?}") == "Avx512");
                // Four bytes at its last row are more than there are, unless it is whole.
                let is_backward = each < 4 && rows == [count as u32 - 1, 0];
                let is_served = pick(each as u8, &stored, &rows, &mut found);
                assert_eq!(is_served, is_best && !is_backward, "{each} bytes");
                if is_served {
                    let number = |row: &u32| {
                        let mut bytes = [0; 4];
                        let start = *row as usize * each;
                        bytes[..each].copy_from_slice(&stored[start..start + each]);
                        u32::from_le_bytes(bytes)
                    };
                    let expected: Vec<u32> = rows.iter().map(number).collect();
                    assert_eq!(found[..rows.len()], expected, "{each} bytes");
                    assert_eq!(found[rows.len()], u32::MAX);
                }
            }
            assert!(!pick(each as u8, &stored, &[count as u32], &mut [0]));
            assert!(!pick(each as u8, &stored, &[0, 1], &mut [0]));
        }
        assert!(!pick(8, &stored, &[0], &mut [0]));
    }

    #[test]
    fn offsets_of_all_widths_are_fetched() {
        (1..=8).for_each(agree::<u8>);
        (9..=16).for_each(agree::<u16>);
        (17..=32).for_each(agree::<u32>);
        assert!(!fetch(33, &[0; 8_192], &[0], &mut [0]));
    }
}
