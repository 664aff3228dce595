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
/// `out`, as many; false, and nothing written, if the processor is not served, or a row lies beyond
/// the bytes.
pub(crate) fn pick(bytes_each: u8, stored: &[u8], rows: &[u32], out: &mut [u32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::best() == InstructionSet::Avx512
        && matches!(bytes_each, 1 | 2 | 4)
        && !rows.is_empty()
        && rows.len() <= out.len()
        && (LOADED_BYTES..=i32::MAX as usize).contains(&stored.len())
        && (cpu::run(Largest(rows)) as usize + 1) * usize::from(bytes_each) <= stored.len()
    {
        // SAFETY: the processor has the instructions, and the numbers of all rows are there.
        unsafe { picked(bytes_each, stored, rows, u32::MAX, out) };
        return true;
    }
    let _ = (bytes_each, stored, rows, out);
    false
}

/// The same of the offsets of one vector, whichever vector of its block it is.
pub(crate) fn of_vector<L: super::Lane>(
    vector: &super::Vector<L>,
    rows: &[u32],
    out: &mut [u32],
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if InstructionSet::best() == InstructionSet::Avx512
        && L::BYTES <= size_of::<u32>()
        && rows.len() <= out.len()
    {
        let stored: &[u8] = bytemuck::cast_slice(vector.as_slice());
        // SAFETY: the processor has the instructions, and a vector has as many offsets.
        unsafe { picked(L::BYTES as u8, stored, rows, VECTOR_ROWS as u32 - 1, out) };
        return true;
    }
    let _ = (vector, rows, out);
    false
}

/// Bytes that are loaded for a number, whatever it has.
#[cfg(target_arch = "x86_64")]
const LOADED_BYTES: usize = size_of::<u32>();

/// Sixteen numbers at a time, of the rows as far as `row_mask` has bits.
///
/// # Safety
/// The number of each row must lie within `stored`, which has four bytes at least, `out` must have
/// room for all rows, and the processor must have the instructions.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
// SAFETY: what the caller has to see to is said above.
unsafe fn picked(bytes_each: u8, stored: &[u8], rows: &[u32], row_mask: u32, out: &mut [u32]) {
    use std::arch::x86_64::{
        _mm_cvtsi32_si128, _mm512_and_epi32, _mm512_i32gather_epi32, _mm512_mask_storeu_epi32,
        _mm512_maskz_loadu_epi32, _mm512_min_epu32, _mm512_set1_epi32, _mm512_sll_epi32,
        _mm512_slli_epi32, _mm512_srlv_epi32, _mm512_sub_epi32,
    };
    const LANES: usize = 16;
    let number = |value: u32| _mm512_set1_epi32(value.cast_signed());
    let shift = _mm_cvtsi32_si128(bytes_each.ilog2().cast_signed());
    let bits = number(u32::MAX >> (32 - 8 * u32::from(bytes_each)));
    let (row_mask, last) = (number(row_mask), number((stored.len() - LOADED_BYTES) as u32));
    for (rows, out) in rows.chunks(LANES).zip(out.chunks_mut(LANES)) {
        let wanted = u16::MAX >> (LANES - rows.len());
        // SAFETY: as many rows are loaded as there are.
        let row = unsafe { _mm512_maskz_loadu_epi32(wanted, rows.as_ptr().cast()) };
        let at = _mm512_sll_epi32(_mm512_and_epi32(row, row_mask), shift);
        // The last numbers are the upper bytes of what is loaded.
        let place = _mm512_min_epu32(at, last);
        let below = _mm512_slli_epi32::<3>(_mm512_sub_epi32(at, place));
        // SAFETY: four bytes are there at each place; rows that are not wanted count as row 0.
        let loaded = unsafe { _mm512_i32gather_epi32::<1>(place, stored.as_ptr().cast()) };
        let numbers = _mm512_and_epi32(_mm512_srlv_epi32(loaded, below), bits);
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
        let is_best = InstructionSet::available().any(|set| format!("{set:?}") == "Avx512");
        for each in [1_usize, 2, 4] {
            let count = (stored.len() / each) as u32;
            let some = (0..count).step_by(7).chain([count - 1]).collect();
            for rows in [(0..count).collect(), some, vec![count - 1], vec![count - 1, 0, count - 2]]
            {
                let mut found = vec![u32::MAX; rows.len() + 1];
                assert_eq!(pick(each as u8, &stored, &rows, &mut found), is_best, "{each} bytes");
                if is_best {
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
            assert!(!pick(each as u8, &stored, &[count], &mut [0]));
            assert!(!pick(each as u8, &stored, &[0, 1], &mut [0]));
            assert!(!pick(each as u8, &stored, &[], &mut [0]));
            assert!(!pick(each as u8, &stored[..each.min(3)], &[0], &mut [0]) || each == 4);
        }
        assert!(!pick(8, &stored, &[0], &mut [0]));
    }

    fn vectors_agree<L: Lane>() {
        let mut vector = Vector::<L>::zeroed();
        for (place, offset) in vector.as_mut_slice().iter_mut().enumerate() {
            *offset = L::truncate((place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 9);
        }
        let rows: Vec<u32> = (5_120..6_144).chain([6_143, 5_120, 6_142, 6_141]).collect();
        let mut found = vec![0; rows.len()];
        if of_vector(&vector, &rows, &mut found) {
            let expected = rows.iter().map(|row| vector.at(*row as usize).into() as u32);
            assert!(expected.eq(found.iter().copied()));
        }
        assert!(!of_vector(&vector, &rows, &mut [0]));
    }

    #[test]
    fn offsets_of_a_vector_are_picked() {
        vectors_agree::<u8>();
        vectors_agree::<u16>();
        vectors_agree::<u32>();
        assert!(!of_vector(&Vector::<u64>::zeroed(), &[0], &mut [0]));
    }

    #[test]
    fn offsets_of_all_widths_are_fetched() {
        (1..=8).for_each(agree::<u8>);
        (9..=16).for_each(agree::<u16>);
        (17..=32).for_each(agree::<u32>);
        assert!(!fetch(33, &[0; 8_192], &[0], &mut [0]));
    }
}
