//! Codes of ordinals are those of the values that a block gives out.

use crate::{Block, Effort, EncodeOptions, Members, OrdinalCodes, encode};
use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use starfact_base::DataType;
use std::sync::Arc;

/// Ordinals below this have codes.
const ORDINALS_MAX: i64 = 1 << 20;

/// Checks the codes of all rows and of some, where the values can be ordinals.
pub(super) fn stand_for_ordinals(label: &str, block: &Block, array: &ArrayRef) {
    let values = array.as_primitive::<Int64Type>();
    let (Some(min), Some(max)) = (arrow::compute::min(values), arrow::compute::max(values)) else {
        return;
    };
    if min < 0 || max >= ORDINALS_MAX {
        return;
    }
    let span = (max - min + 1) as usize;
    let members: Members = (min as usize..=max as usize).collect();
    for step in [1, 13, 700, span] {
        let code = |place: usize| (place / step * 7 % 5) as u32;
        let codes = OrdinalCodes::new(min as usize, (0..span).map(code).collect(), &members);
        for every in [1, 3, 40] {
            let rows: Vec<u32> = (0..array.len() as u32).step_by(every).collect();
            let found = block.take_codes(&rows, &codes).unwrap();
            if values.null_count() > 0 {
                assert!(found.is_none(), "{label}");
                continue;
            }
            let code = |row: &u32| i64::from(codes.code(values.value(*row as usize)));
            let expected: Int64Array = rows.iter().map(code).map(Some).collect();
            assert_eq!(found.unwrap().as_primitive::<Int64Type>(), &expected, "{label}, {step}");
        }
    }
}

#[test]
fn codes_of_sliced_ordinals_are_told_by_high_parts_or_both() {
    let ordinals: Vec<i64> = (0..60_000).map(|row: i64| row * 7_919 % 30_011 + 5).collect();
    let runs: Vec<i64> = (0..60_000).map(|row: i64| row / 4 * 7_919 % 30_011 + 5).collect();
    for values in [ordinals, runs] {
        let array: ArrayRef = Arc::new(Int64Array::from(values));
        let options = EncodeOptions { effort: Effort::Ordinals, ..EncodeOptions::default() };
        let encoded = encode(array.as_ref(), DataType::BigInt, &options).unwrap();
        let block = Block::parse(encoded.bytes.into(), DataType::BigInt, array.len()).unwrap();
        assert!(block.tree().contains("sliced"), "{}", block.tree());
        stand_for_ordinals(&block.tree(), &block, &array);
    }
}
