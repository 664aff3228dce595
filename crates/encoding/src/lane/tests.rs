//! The kernels against the definition of the layout, the crate `fastlanes` and each other.

use super::totals::{Masked, Whole};
use super::*;
use crate::cpu::tests::run_at_all_levels;

fn random_offsets<L: Lane>(width: u8) -> Vector<L> {
    let mut offsets = Vector::<L>::zeroed();
    let mut state = u64::from(width);
    for offset in &mut offsets.0 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        *offset = L::truncate(state >> 7 & u64::MAX >> (64 - width));
    }
    offsets
}

/// The layout by its definition, one bit at a time.
fn pack_by_definition<L: Lane>(width: u8, offsets: &Vector<L>) -> Vec<L> {
    let (bits, lanes) = (8 * L::BYTES, 128 / L::BYTES);
    let mut packed = vec![0u64; packed_lanes::<L>(width)];
    for lane in 0..lanes {
        for row in 0..bits {
            let source = FL_ORDER[row / 8] * 16 + row % 8 * 128 + lane;
            let offset: u64 = offsets.0[source].into();
            for bit in 0..usize::from(width) {
                let target = row * usize::from(width) + bit;
                packed[target / bits * lanes + lane] |= (offset >> bit & 1) << (target % bits);
            }
        }
    }
    packed.into_iter().map(L::truncate).collect()
}

/// The same by the crate `fastlanes`.
fn pack_by_twin<L: Lane>(width: u8, offsets: &Vector<L>) -> Vec<L> {
    let mut packed = vec![L::zeroed(); packed_lanes::<L>(width)];
    // SAFETY: there are 1,024 offsets and as many lanes as the width takes.
    unsafe { L::unchecked_pack(width.into(), &offsets.0, &mut packed) };
    packed
}

/// All widths of a lane; with Miri, which takes its time, the least, the greatest and one between.
fn widths<L: Lane>() -> impl Iterator<Item = u8> {
    let bits = 8 * L::BYTES as u8;
    (1..=bits).filter(move |width| !cfg!(miri) || [1, bits / 2 + 1, bits].contains(width))
}

fn kernels_agree_with_the_definition<L: Lane + std::fmt::Debug>() {
    for width in widths::<L>() {
        let offsets = random_offsets::<L>(width);
        let mut packed = Vector::zeroed();
        let packed = pack(width, &offsets, &mut packed);
        assert_eq!(packed, pack_by_definition(width, &offsets), "width {width}");
        assert_eq!(packed, pack_by_twin(width, &offsets), "width {width}");
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

/// Kernels that own what they write.
struct Packed<'a, L>(u8, &'a Vector<L>);

impl<L: Lane> Kernel for Packed<'_, L> {
    type Output = Vec<L>;

    #[inline(always)]
    fn run(self) -> Vec<L> {
        let mut packed = vec![L::zeroed(); packed_lanes::<L>(self.0)];
        Pack { width: self.0, offsets: self.1, packed: &mut packed }.run();
        packed
    }
}

struct Unpacked<'a, L>(u8, &'a [L]);

impl<L: Lane> Kernel for Unpacked<'_, L> {
    type Output = Vec<L>;

    #[inline(always)]
    fn run(self) -> Vec<L> {
        let mut offsets = Vector::zeroed();
        Unpack { width: self.0, packed: self.1, offsets: &mut offsets }.run();
        offsets.0.to_vec()
    }
}

struct Tested<'a, L, F>(&'a Vector<L>, F);

impl<L: Lane, F: Fn(L) -> bool> Kernel for Tested<'_, L, F> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run(self) -> Vec<u8> {
        let mut flags = Vector::zeroed();
        Test { offsets: self.0, flags: &mut flags, keep: self.1 }.run();
        flags.0.to_vec()
    }
}

fn instruction_sets_agree<L: Lane + std::fmt::Debug>() {
    for width in widths::<L>() {
        let offsets = random_offsets::<L>(width);
        let packed = pack_by_definition(width, &offsets);
        assert_eq!(run_at_all_levels(|| Packed(width, &offsets)), packed, "width {width}");
        let unpacked = run_at_all_levels(|| Unpacked(width, &packed));
        assert_eq!(unpacked, offsets.0, "width {width}");
        let max = offsets.0.iter().max();
        assert_eq!(Some(&run_at_all_levels(|| Max(&offsets))), max, "width {width}");
        let all = run_at_all_levels(|| Whole(&offsets));
        assert_eq!(all, totals_one_by_one(&offsets, &[u64::MAX; 16]), "width {width}");
        for mask in [[0x8421_0ff0_1248_7ffe; 16], [1 << 40; 16]] {
            for words in [&mask[..], &mask[..3]] {
                let some = run_at_all_levels(|| Masked { offsets: &offsets, words });
                assert_eq!(some, totals_one_by_one(&offsets, words), "width {width}");
                assert_eq!(offsets.totals(words), some, "width {width}");
            }
        }
        assert_eq!(offsets.totals(&[u64::MAX; 16]), all, "width {width}");
        assert_eq!(offsets.totals(&[0; 16]), OffsetTotals::default());
        let bound = offsets.0[0];
        let flags = run_at_all_levels(|| Tested(&offsets, |offset| offset <= bound));
        let mut words = [u64::MAX; 16];
        offsets.retain(&mut words, |offset| offset <= bound);
        for (place, &offset) in offsets.0.iter().enumerate() {
            let is_kept = words[place / 64] >> (place % 64) & 1 == 1;
            assert_eq!(is_kept, offset <= bound, "width {width}, place {place}");
            assert_eq!(flags[place], u8::from(is_kept), "width {width}, place {place}");
        }
    }
}

fn totals_one_by_one<L: Lane>(offsets: &Vector<L>, words: &[u64]) -> OffsetTotals {
    let mut totals = OffsetTotals::default();
    for (place, &offset) in offsets.0.iter().enumerate() {
        if words.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1) {
            totals.add(offset.into());
        }
    }
    totals
}

#[test]
fn every_instruction_set_gives_the_same() {
    instruction_sets_agree::<u8>();
    instruction_sets_agree::<u16>();
    instruction_sets_agree::<u32>();
    instruction_sets_agree::<u64>();
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
