//! Bitmap indexes say what their blocks say; every flipped bit and every cut is noticed.

use super::*;
use crate::{BitmapPolicy, ColumnWriter, HEADER_BYTES, TRAILER_BYTES};
use arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::datatypes::Int64Type;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use starfact_encoding::{CompareOp, EncodeOptions, Predicate};
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

const PATH: &str = "tables/1/seg-2/3.col";

fn write(ty: DataType, policy: BitmapPolicy, arrays: &[ArrayRef]) -> Vec<u8> {
    let dir = MemDir::new();
    let options = EncodeOptions::default();
    let writer = ColumnWriter::create(&dir, PATH, ty, options).unwrap();
    let mut writer = writer.with_bitmaps(policy);
    arrays.iter().for_each(|array| writer.append(array).unwrap());
    writer.finish().unwrap();
    dir.read(PATH).unwrap()
}

fn open_bytes(bytes: &[u8]) -> Result<ColumnFile> {
    let dir = MemDir::new();
    let mut file = dir.create(PATH).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
    ColumnFile::open(&dir, PATH)
}

fn equal(value: Scalar) -> Predicate {
    Predicate::Compare { op: CompareOp::Equal, value }
}

/// The rows of every block and every bitmap, and what of the file has them.
fn read_all(file: &ColumnFile) -> Result<Vec<(ArrayRef, Vec<Selection>)>> {
    let read = |idx| {
        let block = file.block(idx)?;
        let rows = block.decode(0..block.rows())?;
        let mut bitmaps = Vec::new();
        if let Some(index) = file.bitmaps(idx)? {
            index.find(&equal(Scalar::Integer(1))).map(drop).or_else(|error| match error {
                Error::InvalidInput(_) => Ok(()),
                other => Err(other),
            })?;
            for value in 0..index.value_count() as u32 {
                if index.directory.container(value).is_empty() {
                    continue;
                }
                bitmaps.push(index.rows_of(&[value], block.rows())?);
            }
        }
        Ok((rows, bitmaps))
    };
    (0..file.block_count()).map(read).collect()
}

/// A small file in which every value has its bitmap.
fn small_file() -> Vec<u8> {
    let texts = (0..160).map(|row| match row % 20 {
        13 => None,
        _ => Some(format!("text {:x}, longer than a view holds", row * row % 17)),
    });
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
    write(DataType::Varchar, BitmapPolicy::Always, &[texts])
}

#[test]
fn each_value_of_several_blocks_has_its_rows() {
    let rows = 2 * BLOCK_ROWS + 4_000;
    let values = (0..rows as i64).map(|row| (row % 97 != 5).then_some(row * row % 1_009 - 500));
    let all = Int64Array::from_iter(values);
    let file = open_bytes(&write(DataType::BigInt, BitmapPolicy::Always, &[Arc::new(all.clone())]))
        .unwrap();
    for idx in 0..3 {
        let index = file.bitmaps(idx).unwrap().unwrap();
        assert!(file.bitmap_byte_len(idx) > 0 && index.value_count() > 400);
        let block = file.block(idx).unwrap();
        for key in [-500, -1, 0, 4, 508, 509, i128::MAX] {
            let mut expected = Selection::all(block.rows());
            block.filter(&equal(Scalar::Integer(key)), &mut expected).unwrap();
            let found = index.find(&equal(Scalar::Integer(key))).unwrap().unwrap();
            assert_eq!(found.kept.rows, expected.count());
            assert_eq!(index.rows_of(&found.kept.values, block.rows()).unwrap(), expected);
        }
        assert_eq!(index.find(&Predicate::IsNull).unwrap(), None);
        let decoded = block.decode(0..block.rows()).unwrap();
        let slice = all.slice(idx * BLOCK_ROWS, block.rows());
        assert_eq!(decoded.as_primitive::<Int64Type>(), &slice);
    }
    let wrong = file.bitmaps(0).unwrap().unwrap().find(&equal(Scalar::Float(1.0))).unwrap_err();
    assert!(matches!(wrong, Error::InvalidInput(_)), "{wrong}");
    assert_eq!((file.bitmap_byte_len(3), file.bitmaps(3).unwrap().is_none()), (0, true));
}

#[test]
fn indexes_are_copied_with_their_blocks_and_added_to_those_without() {
    let rows = BLOCK_ROWS as i64 + 9_000;
    let all: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(|r| r * r % 499)));
    let indexed = write(DataType::BigInt, BitmapPolicy::WherePays, &[Arc::clone(&all)]);
    let indexed = open_bytes(&indexed).unwrap();
    let dir = MemDir::new();
    let options = EncodeOptions::default();
    let mut writer = ColumnWriter::create(&dir, "copy", DataType::BigInt, options).unwrap();
    (0..2).for_each(|idx| writer.append_block(&indexed, idx, None).unwrap());
    writer.finish().unwrap();
    let mut writer = ColumnWriter::create(&dir, "plain", DataType::BigInt, options).unwrap();
    writer.append(&all).unwrap();
    writer.finish().unwrap();
    let plain = ColumnFile::open(&dir, "plain").unwrap();
    assert_eq!(plain.bitmap_byte_len(0), 0);
    let mut writer = ColumnWriter::create(&dir, "added", DataType::BigInt, options).unwrap();
    (0..2).for_each(|idx| writer.append_indexed(&plain, idx).unwrap());
    writer.finish().unwrap();
    let expected = read_all(&indexed).unwrap();
    assert_eq!(expected[0].1.len(), 250);
    for name in ["copy", "added"] {
        let file = ColumnFile::open(&dir, name).unwrap();
        assert_eq!(file.byte_len(), indexed.byte_len());
        assert!(read_all(&file).unwrap() == expected, "{name}");
    }
}

#[test]
fn blocks_without_an_index_lie_beside_others() {
    let unique = Int64Array::from_iter_values(0..BLOCK_ROWS as i64);
    let few = Int64Array::from_iter_values((0..BLOCK_ROWS as i64).map(|row| row * row % 499));
    let arrays: [ArrayRef; 3] = [Arc::new(unique.clone()), Arc::new(few), Arc::new(unique)];
    let file = open_bytes(&write(DataType::BigInt, BitmapPolicy::WherePays, &arrays)).unwrap();
    let has_index: Vec<bool> = (0..3).map(|idx| file.bitmaps(idx).unwrap().is_some()).collect();
    assert_eq!(has_index, [false, true, false]);
    let empty = open_bytes(&write(DataType::BigInt, BitmapPolicy::WherePays, &[])).unwrap();
    assert!(empty.bitmaps(0).unwrap().is_none());
}

#[test]
fn every_flipped_bit_is_noticed_and_the_file_named() {
    let bytes = small_file();
    let sound = read_all(&open_bytes(&bytes).unwrap()).unwrap();
    assert!(sound[0].1.len() > 5 && bytes.len() < 20_000, "{}", bytes.len());
    for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << bit;
        let error = open_bytes(&flipped).and_then(|file| read_all(&file)).unwrap_err();
        let Error::Corrupt { path, corruption } = &error else { panic!("{at} {bit}: {error}") };
        assert_eq!(path.to_str(), Some(PATH));
        assert!(corruption.offset <= bytes.len() as u64, "{error}");
        assert_ne!(corruption.expected, corruption.found, "{error}");
    }
    for len in 0..bytes.len() {
        assert!(open_bytes(&bytes[..len]).unwrap_err().is_corrupt(), "{len}");
    }
}

#[test]
fn a_directory_that_lies_under_a_right_checksum_does_no_harm() {
    let bytes = small_file();
    let base = bytes.len() - TRAILER_BYTES as usize;
    let file = open_bytes(&bytes).unwrap();
    let entry = *file.bitmap_entry(0).unwrap();
    let start = u64::from_le_bytes(bytes[base..base + 8].try_into().unwrap()) as usize;
    let seal = |bytes: &mut Vec<u8>| {
        // The last 28 bytes of the footer are the entry of the only block without its offset.
        let directory = entry.offset as usize..entry.containers() as usize;
        let sum = checksum(&bytes[directory]).to_le_bytes();
        bytes[base - 4..base].copy_from_slice(&sum);
        crate::reader::tests::sealed(std::mem::take(bytes))
    };
    let pages = entry.offset as usize..entry.end() as usize;
    for at in pages.chain(start..base - 4) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        match open_bytes(&seal(&mut flipped)).and_then(|file| read_all(&file)) {
            Ok(_) => {}
            Err(error) => assert!(error.is_corrupt(), "{at}: {error}"),
        }
    }
    assert!(entry.offset > HEADER_BYTES);
}

#[test]
fn pages_out_of_place_are_damage() {
    let blocks = [(64, 100), (256, 70)].map(|(offset, byte_len)| BlockEntry {
        offset,
        byte_len,
        rows: 5,
        checksum: 0,
    });
    let entry = |offset, directory_bytes, container_bytes, values| {
        Some(BitmapEntry { offset, directory_bytes, container_bytes, values, checksum: 7 })
    };
    let good = [entry(192, 40, 24, 5), entry(384, 10, 0, 1)];
    let section = put(&good).unwrap();
    assert_eq!(read(&section, &blocks, 448), Ok(good.to_vec()));
    assert_eq!(put(&[None, None]), None);
    for (idx, wrong) in [
        (0, entry(128, 40, 24, 5)),
        (0, entry(192, 40, 25, 5)),
        (0, entry(192, u32::MAX, u32::MAX, 5)),
        (0, entry(u64::MAX, 40, 24, 5)),
        (0, entry(192, 40, 24, 0)),
        (0, entry(192, 40, 24, 6)),
        (1, entry(320, 10, 0, 1)),
        (1, entry(384, 10, 100, 1)),
    ] {
        let mut entries = good;
        entries[idx] = wrong;
        let damage = read(&put(&entries).unwrap(), &blocks, 448).unwrap_err();
        assert!(damage.what.starts_with("bitmap"), "{damage}");
    }
    assert!(read(&section[..section.len() - 1], &blocks, 448).is_err());
    assert!(read(&[section.as_slice(), &[0]].concat(), &blocks, 448).is_err());
}
