//! What a check finds that reading does not: footers that say other things than their blocks.

use super::*;
use crate::footer::{Footer, Trailer};
use crate::{BitmapPolicy, ColumnWriter, HEADER_BYTES, TRAILER_BYTES};
use arrow::array::{Float64Array, Int64Array, StringViewArray};
use starfact_base::checksum::checksum;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Error};
use starfact_encoding::EncodeOptions;
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

const PATH: &str = "tables/1/seg-2/3.col";

fn write(ty: DataType, array: ArrayRef) -> Vec<u8> {
    write_with(ty, array, BitmapPolicy::Never)
}

fn write_with(ty: DataType, array: ArrayRef, policy: BitmapPolicy) -> Vec<u8> {
    let dir = MemDir::new();
    let writer = ColumnWriter::create(&dir, PATH, ty, EncodeOptions::default()).unwrap();
    let mut writer = writer.with_bitmaps(policy);
    writer.append(&array).unwrap();
    writer.finish().unwrap();
    dir.read(PATH).unwrap()
}

fn open(bytes: &[u8]) -> ColumnFile {
    let dir = MemDir::new();
    let mut file = dir.create(PATH).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
    ColumnFile::open(&dir, PATH).unwrap()
}

/// The same file with another footer, under right checksums.
fn with_footer(bytes: &[u8], change: impl FnOnce(&mut Footer)) -> Vec<u8> {
    let base = bytes.len() - TRAILER_BYTES as usize;
    let header = &bytes[..HEADER_BYTES as usize];
    let Ok(trailer) = Trailer::decode(header, &bytes[base..], base as u64) else {
        panic!("a trailer that cannot be read")
    };
    let start = trailer.footer_offset as usize;
    let mut footer = Footer::decode(&bytes[start..base], start as u64).unwrap();
    change(&mut footer);
    let encoded = footer.encode();
    let trailer = Trailer {
        footer_byte_len: encoded.len() as u32,
        footer_checksum: checksum(&encoded),
        ..trailer
    };
    [&bytes[..start], &encoded, &trailer.encode()].concat()
}

fn check(file: &ColumnFile) -> Result<usize> {
    let mut rows = 0;
    for idx in 0..file.block_count() {
        file.verify_bytes(idx)?;
        rows += file.check_block(idx)?.len();
    }
    Ok(rows)
}

fn fault(bytes: &[u8]) -> String {
    match check(&open(bytes)) {
        Err(Error::Corrupt { path, corruption }) => {
            assert_eq!(path.to_str(), Some(PATH));
            corruption.to_string()
        }
        other => panic!("{other:?}"),
    }
}

fn integers() -> Vec<u8> {
    write(DataType::BigInt, numbers(0))
}

fn numbers(shift: i64) -> ArrayRef {
    let rows = 0..BLOCK_ROWS as i64 + 500;
    let values = rows.map(|row| (row % 7 != 3).then_some((row + shift) % 5));
    Arc::new(Int64Array::from_iter(values))
}

fn indexed(shift: i64) -> Vec<u8> {
    write_with(DataType::BigInt, numbers(shift), BitmapPolicy::Always)
}

fn texts() -> Vec<u8> {
    let long = "x".repeat(100);
    let texts = ["Bern", "Zürich", "", long.as_str()];
    write(DataType::Varchar, Arc::new(StringViewArray::from_iter_values(texts)))
}

#[test]
fn what_was_written_is_right() {
    let odd = [0.0, -0.0, f64::NAN, f64::NEG_INFINITY, 1.5];
    let floats = write(DataType::Double, Arc::new(Float64Array::from_iter_values(odd)));
    let nulls = write(DataType::BigInt, Arc::new(Int64Array::from(vec![None, None])));
    let many = BLOCK_ROWS + 500;
    let all = [(integers(), many), (indexed(0), many), (texts(), 4), (floats, 5), (nulls, 2)];
    for (bytes, rows) in all {
        assert_eq!(check(&open(&bytes)).unwrap(), rows);
    }
}

#[test]
fn a_zone_map_that_says_something_else_is_found() {
    let expect = |change: fn(&mut Footer), expected: &str| {
        let fault = fault(&with_footer(&integers(), change));
        assert!(fault.starts_with(expected), "{fault}");
    };
    let first = "of block 0 (zone map against values) at byte 64: expected";
    expect(|it| it.zones[0].stats.nulls += 1, &format!("NULLs {first} 9362, found 9363"));
    expect(
        |it| it.zones[0].stats.min = Some(Scalar::Integer(1)),
        &format!("minimum {first} 0, found 1"),
    );
    expect(
        |it| it.zones[0].stats.max = Some(Scalar::Integer(5)),
        &format!("maximum {first} 4, found 5"),
    );
    expect(|it| it.zones[0].sum = it.zones[0].sum.map(|sum| sum - 1), &format!("sum {first} "));
    expect(
        |it| it.zones[1].stats.present = vec![Scalar::Integer(0), Scalar::Integer(3)],
        "rows with the values of block 1",
    );
    expect(
        |it| it.zones[1].stats.present = (0..6).map(Scalar::Integer).collect(),
        "values of block 1 (zone map against values)",
    );
}

#[test]
fn a_bound_that_encloses_is_right_unless_it_claims_to_be_a_value() {
    let wider = |it: &mut Footer| {
        it.zones[0].stats.min = Some(Scalar::Integer(-9));
        it.zones[0].stats.min_exact = false;
    };
    check(&open(&with_footer(&integers(), wider))).unwrap();
    let narrower = |it: &mut Footer| {
        it.zones[0].stats.max = Some(Scalar::String("Zug".into()));
        it.zones[0].stats.max_exact = false;
    };
    assert!(fault(&with_footer(&texts(), narrower)).starts_with("maximum of block 0"));
}

#[test]
fn a_bitmap_of_other_rows_is_found() {
    // The same values in other rows.
    let (one, other) = (open(&indexed(0)), open(&indexed(1)));
    let dir = MemDir::new();
    let options = EncodeOptions::default();
    let mut writer = ColumnWriter::create(&dir, PATH, DataType::BigInt, options).unwrap();
    writer.append_with_bitmaps_of(&one, &other, 0).unwrap();
    writer.finish().unwrap();
    let file = ColumnFile::open(&dir, PATH).unwrap();
    file.verify_bytes(0).unwrap();
    match file.check_block(0) {
        Err(Error::Corrupt { corruption, .. }) => {
            assert!(corruption.what.starts_with("bitmap of 0 of block 0"), "{corruption}");
        }
        other => panic!("{other:?}"),
    }
}
