//! Classes of high parts.

use super::*;
use crate::members::Members;
use std::sync::Arc;

#[test]
fn neighbours_have_the_classes_of_any_set() {
    let ends = [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 100, 2_039, 2_040, 2_047];
    for (low, high) in ends.into_iter().flat_map(|low| ends.map(|high| (low, high))) {
        if low > high {
            continue;
        }
        let range = Classes::new(&OffsetSet::Range { low, span: high - low }, 3);
        let each = Classes::new(&OffsetSet::Sorted((low..=high).collect()), 3);
        assert_eq!((range.any, range.some), (each.any, each.some), "{low} to {high}");
    }
}

#[test]
fn members_in_pieces_have_the_classes_of_any_set() {
    let pieces = [3..=3, 7..=9, 16..=23, 30..=41, 700..=1_500, 2_040..=2_400_usize];
    let members = Arc::new(pieces.into_iter().flatten().collect::<Members>());
    for start in [-2_100, -9, -1, 0, 3, 8, 20, 1_000, 2_395, 2_500] {
        let offsets = (0..2_048).filter(|offset| members.contains((offset + start).into()));
        let sorted = OffsetSet::Sorted(offsets.map(|offset| offset as u64).collect());
        let members = Arc::clone(&members);
        let start = i64::from(start).cast_unsigned();
        let found = Classes::new(&OffsetSet::Members { members, start }, 3);
        let each = Classes::new(&sorted, 3);
        assert_eq!((found.any, found.some), (each.any, each.some), "{start}");
    }
}
