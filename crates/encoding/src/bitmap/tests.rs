//! When bitmaps are made, and what is wrong with a directory. That they say the right thing is
//! checked where blocks are, in `crate::conformance`.

use super::*;
use crate::conformance::bitmaps::parse;
use crate::predicate::{CompareOp, Predicate};
use crate::selection::Selection;
use arrow::array::{Array, ArrayRef, Int64Array, StringViewArray};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use std::sync::Arc;

#[test]
fn blocks_that_bitmaps_do_not_help_have_none() {
    let none = |array: ArrayRef, ty, bytes| {
        assert_eq!(bitmaps(array.as_ref(), ty, bytes).unwrap(), None);
    };
    let integers = |values: Vec<i64>| Arc::new(Int64Array::from(values)) as ArrayRef;
    none(integers(vec![]), DataType::BigInt, None);
    none(Arc::new(Int64Array::new_null(50)), DataType::BigInt, None);
    none(Arc::new(StringViewArray::new_null(50)), DataType::Varchar, None);
    none(integers((0..BLOCK_ROWS as i64).collect()), DataType::BigInt, None);
    // Two values of half of the rows each: a bit a row is what the block takes, too.
    none(
        integers((0..BLOCK_ROWS as i64).map(|row| row % 2).collect()),
        DataType::BigInt,
        Some(8_300),
    );
    // A block that is as short as a directory.
    none(integers((0..1_000).collect()), DataType::BigInt, Some(1_300));
    let wrong = bitmaps(&Int64Array::from(vec![1]), DataType::Integer, None);
    assert!(wrong.is_err());
}

#[test]
fn values_that_would_not_be_looked_up_have_no_container() {
    let rows =
        (0..BLOCK_ROWS as i64).map(|row| if row % 100 == 0 { row / 100 % 9 } else { 77 + row % 2 });
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
    let page = bitmaps(array.as_ref(), DataType::BigInt, Some(8_300)).unwrap().unwrap();
    assert_eq!((page.values, page.indexed), (11, 9));
    assert!(page.byte_len() < 2_000, "{}", page.byte_len());
    let directory = parse(&page, DataType::BigInt, &array);
    let equal = |value| Predicate::Compare { op: CompareOp::Equal, value: Scalar::Integer(value) };
    let frequent = directory.find(&equal(77)).unwrap().unwrap();
    assert_eq!((frequent.kept.rows, frequent.kept.containers), (32_112, None));
    let absent = directory.find(&equal(50)).unwrap().unwrap();
    assert_eq!((absent.kept.rows, absent.kept.containers), (0, Some(Containers::default())));
    assert_eq!(directory.value_count(), 11);
}

#[test]
fn a_directory_that_contradicts_its_block_is_damage() {
    let ty = DataType::BigInt;
    let keys = (0..500).map(|row| (row % 10 != 7).then_some(row * row % 41 - 20));
    let array: ArrayRef = Arc::new(Int64Array::from_iter(keys));
    let page = bitmaps(array.as_ref(), ty, None).unwrap().unwrap();
    let parse = |bytes: &[u8], values: usize, rows, len| {
        BitmapDirectory::parse(&bytes.to_vec().into(), ty, values, rows, len)
    };
    let (values, rows, len) =
        (page.values as usize, (500, array.null_count()), page.containers.len());
    assert!(parse(&page.directory, values, rows, len).is_ok());
    for (values, rows, len) in [
        (0, rows, len),
        (BITMAP_VALUES_MAX + 1, rows, len),
        (values - 1, rows, len),
        (values + 1, rows, len),
        (values, (501, rows.1), len),
        (values, (500, 0), len),
        (values, (0, 500), len),
        (values, rows, len + 1),
    ] {
        assert!(parse(&page.directory, values, rows, len).is_err(), "{values} {rows:?} {len}");
    }
    for cut in 0..page.directory.len() {
        assert!(parse(&page.directory[..cut], values, rows, len).is_err(), "{cut}");
    }
    let directory = parse(&page.directory, values, rows, len).unwrap();
    let place = directory.container(3);
    let mut bytes = page.containers[place.start as usize..place.end as usize].to_vec();
    assert!(directory.add(3, &bytes, &mut Selection::none(499)).is_err());
    assert!(directory.add(values as u32, &bytes, &mut Selection::none(500)).is_err());
    bytes[1] ^= 1;
    let damage = directory.add(3, &bytes, &mut Selection::none(500)).unwrap_err();
    assert_eq!(damage.what, "checksum of bitmap 3");
}
