//! Intervals of every width against comparing unpacked offsets one by one.

use super::*;
use crate::lane::{Lane, Vector, pack};

/// A vector of random offsets with the least, the greatest and the ends of the interval among them.
fn offsets<L: Lane>(width: u8, low: u64, span: u64) -> Vector<L> {
    let largest = u64::MAX >> (64 - width);
    let mut offsets = Vector::<L>::zeroed();
    let mut state = u64::from(width);
    for (row, offset) in offsets.as_mut_slice().iter_mut().enumerate() {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let high = low.wrapping_add(span);
        *offset = L::truncate(
            largest
                & match row % 11 {
                    0 => low.wrapping_sub(1),
                    1 => low,
                    2 => high,
                    3 => high.wrapping_add(1),
                    4 => 0,
                    5 => largest,
                    _ => state >> 7 ^ state << 31,
                },
        );
    }
    offsets
}

fn agrees<L: Lane>(width: u8, low: u64, span: u64) {
    let largest = u64::MAX >> (64 - width);
    let offsets = offsets::<L>(width, low, span);
    let mut packed = Vector::zeroed();
    let packed: &[u8] = bytemuck::cast_slice(pack(width, &offsets, &mut packed));
    let plain: &[u8] = bytemuck::cast_slice(offsets.as_slice());
    let is_inside = |row: usize| {
        let offset: u64 = offsets.at(row).into();
        offset.wrapping_sub(low) & largest <= span
    };
    let before: [u64; 16] = std::array::from_fn(|word| match word % 4 {
        3 => 0x8421_0ff0_1248_7ffe,
        _ => u64::MAX,
    });
    let inside = Some(Between::new(width, low, span));
    for (between, wanted) in [(inside, true), (Between::outside(width, low, span), false)] {
        let Some(between) = between else {
            assert_eq!(span, largest, "width {width}: there are offsets outside");
            continue;
        };
        let check = |between: Between, bytes: &[u8]| {
            let mut words = before;
            if !between.retain(bytes, &mut words) {
                assert!(!has_kernels(), "width {width}");
                assert_eq!(words, before);
                return;
            }
            for row in 0..VECTOR_ROWS {
                let expected = before[row / 64] >> (row % 64) & 1 == 1 && is_inside(row) == wanted;
                let is_kept = words[row / 64] >> (row % 64) & 1 == 1;
                assert_eq!(is_kept, expected, "{between:?}, row {row}");
            }
        };
        check(between, packed);
        check(between, &[packed, &[0xa5; 100]].concat());
        if usize::from(width) == 8 * L::BYTES {
            check(between.in_order(), plain);
        }
    }
}

fn has_kernels() -> bool {
    InstructionSet::available().count() == 3
}

#[test]
fn every_width_agrees_with_comparing_one_by_one() {
    // With Miri, which takes its time, one of each lane type.
    for width in (1..=64).filter(|width| !cfg!(miri) || [3, 12, 32, 60].contains(width)) {
        let largest = u64::MAX >> (64 - width);
        let intervals = [
            (0, 0),
            (0, largest),
            (largest, 0),
            (largest / 4, largest / 2),
            (largest / 3, 1),
            (1, largest - 1),
            (0, largest - 1),
            // Around the end.
            (largest, 1),
            (largest / 2 + 1, largest / 2 + 1),
        ];
        for (low, span) in intervals {
            with_lane!(width, L => agrees::<L>(width, low, span.min(largest)));
        }
    }
}

#[test]
fn nothing_is_done_without_a_whole_vector() {
    for width in [3, 12, 24, 60] {
        let between = Between::new(width, 0, 0);
        let bytes = vec![1; 128 * usize::from(width)];
        let mut words = [u64::MAX; 17];
        for count in [0, 3, 15, 17] {
            assert!(!between.retain(&bytes, &mut words[..count]));
        }
        assert!(!between.retain(&bytes[1..], &mut words[..16]));
        assert_eq!(words, [u64::MAX; 17]);
    }
}
