//! Files come back as they were written; every flipped bit and every cut is noticed.

use super::*;
use crate::footer::Trailer;
use crate::{ColumnWriter, DerivedBlock};
use arrow::array::{Array, AsArray, Float64Array, Int32Array, Int64Array, StringViewArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::{DataType as ArrowType, Int64Type};
use starfact_base::Scalar;
use starfact_base::limits::BLOCK_ROWS;
use starfact_encoding::{CompareOp, EncodeOptions, EncodingName, arrow_type};
use starfact_vfs::MemDir;

const PATH: &str = "tables/1/seg-2/3.col";

fn write(ty: DataType, options: EncodeOptions, arrays: &[ArrayRef]) -> Vec<u8> {
    let dir = MemDir::new();
    let mut writer = ColumnWriter::create(&dir, PATH, ty, options).unwrap();
    arrays.iter().for_each(|array| writer.append(array).unwrap());
    let info = writer.finish().unwrap();
    let bytes = dir.read(PATH).unwrap();
    assert_eq!(info.bytes, bytes.len() as u64);
    assert_eq!(info.rows, arrays.iter().map(|array| array.len() as u64).sum::<u64>());
    bytes
}

fn open(bytes: &[u8]) -> Result<ColumnFile> {
    let dir = MemDir::new();
    let mut file = dir.create(PATH).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
    ColumnFile::open(&dir, PATH)
}

fn read_all(file: &ColumnFile) -> Result<Vec<ArrayRef>> {
    let decode = |idx| {
        let block = file.block(idx)?;
        block.decode(0..block.rows())
    };
    (0..file.block_count()).map(decode).collect()
}

#[test]
fn several_blocks_and_a_partial_last_one_come_back() {
    let rows = 2 * BLOCK_ROWS + 10;
    let values = (0..rows as i64).map(|row| (row % 11 != 0).then_some(row * row % 70_001));
    let all = Int64Array::from_iter(values);
    let pieces = (0..rows).step_by(10_007);
    let pieces: Vec<ArrayRef> = pieces
        .map(|start| Arc::new(all.slice(start, 10_007.min(rows - start))) as ArrayRef)
        .collect();
    let file = open(&write(DataType::BigInt, EncodeOptions::default(), &pieces)).unwrap();
    assert_eq!((file.rows(), file.block_count()), (rows as u64, 3));
    assert_eq!(file.data_type(), DataType::BigInt);
    let arrays = read_all(&file).unwrap();
    let arrays: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    assert_eq!(concat(&arrays).unwrap().as_primitive::<Int64Type>(), &all);
    for (idx, zone) in file.zones().iter().enumerate() {
        let block = all.slice(idx * BLOCK_ROWS, arrays[idx].len());
        let values: Vec<i128> = block.iter().flatten().map(i128::from).collect();
        assert_eq!(zone.stats.rows as usize, block.len());
        assert_eq!(zone.stats.nulls as usize, block.len() - values.len());
        assert_eq!(zone.sum, Some(values.iter().sum()));
        assert_eq!(zone.stats.min, values.iter().min().map(|min| Scalar::Integer(*min)));
        assert_eq!(zone.stats.max, values.iter().max().map(|max| Scalar::Integer(*max)));
    }
    let total: u64 = (0..3).map(|idx| file.block_byte_len(idx)).sum();
    assert!(total < file.byte_len() && file.block_byte_len(3) == 0);
}

#[test]
fn a_file_without_rows_comes_back() {
    let file = open(&write(DataType::Date, EncodeOptions::default(), &[])).unwrap();
    assert_eq!((file.rows(), file.block_count(), file.zones().len()), (0, 0, 0));
    assert!(file.block(0).is_err());
}

#[test]
fn blocks_take_and_filter_and_name_the_file_when_asked_for_too_much() {
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
    let file = open(&write(DataType::BigInt, EncodeOptions::default(), &[array])).unwrap();
    let block = file.block(0).unwrap();
    let taken = block.take(&[3, 998]).unwrap();
    assert_eq!(taken.as_primitive::<Int64Type>().values(), &[3, 998]);
    let mut selection = Selection::all(1_000);
    let predicate = Predicate::Compare { op: CompareOp::Less, value: Scalar::Integer(5) };
    block.filter(&predicate, &mut selection).unwrap();
    assert_eq!(selection.indices(), [0, 1, 2, 3, 4]);
    let error = block.decode(0..1_001).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains(PATH), "{error}");
    let predicate = Predicate::is_in(vec![Scalar::String("5".into())]);
    let error = block.filter(&predicate, &mut selection).unwrap_err();
    assert!(matches!(error, Error::InvalidInput(_)), "{error}");
}

const TYPES: [DataType; 13] = [
    DataType::Boolean,
    DataType::SmallInt,
    DataType::Integer,
    DataType::BigInt,
    DataType::Real,
    DataType::Double,
    DataType::Date,
    DataType::Time,
    DataType::Timestamp,
    DataType::TimestampTz,
    DataType::Decimal { precision: 2, scale: 0 },
    DataType::Decimal { precision: 18, scale: 2 },
    DataType::Decimal { precision: 38, scale: 10 },
];

/// A few rows of a type that is not text.
fn small_rows(ty: DataType) -> ArrayRef {
    let rows = Int32Array::from(vec![Some(7), None, Some(0), Some(7), Some(7)]);
    cast(&rows, &ArrowType::Int64)
        .and_then(|longs| match ty {
            DataType::Date => cast(&rows, &arrow_type(ty)),
            _ => cast(&longs, &arrow_type(ty)),
        })
        .unwrap()
}

/// Small files of every type in every encoding that there is.
fn small_files() -> Vec<Vec<u8>> {
    let texts = ["ASIA", "", "EUROPE", "ASIA", "a text of more than twelve bytes"];
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let odd: ArrayRef = Arc::new(Float64Array::from(vec![0.5, -0.0, f64::NAN]));
    let mut columns = vec![(DataType::Varchar, texts), (DataType::Double, odd)];
    for ty in TYPES {
        let rows = small_rows(ty);
        columns.push((ty, rows.slice(3, 2)));
        columns.push((ty, rows));
    }
    let mut files = vec![write(DataType::Date, EncodeOptions::default(), &[])];
    let asked = EncodingName::ALL.into_iter().map(Some);
    for encoding in [None].into_iter().chain(asked) {
        let options = EncodeOptions { encoding, ..EncodeOptions::default() };
        for (ty, rows) in &columns {
            files.push(write(*ty, options, std::slice::from_ref(rows)));
        }
    }
    files.sort();
    files.dedup();
    // Values of 64 bits that are far apart fill kilobytes when they are bit-packed.
    files.retain(|file| file.len() < 2_000);
    for encoding in EncodingName::ALL {
        let is_there = |file: &Vec<u8>| {
            let file = open(file).unwrap();
            file.rows() > 0 && file.block(0).unwrap().tree().starts_with(encoding.as_str())
        };
        assert!(files.iter().any(is_there), "no file of {encoding}");
    }
    files
}

#[test]
fn every_flipped_bit_is_noticed_and_the_file_named() {
    for bytes in small_files() {
        for (at, bit) in (0..bytes.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let error = open(&flipped).and_then(|file| read_all(&file)).unwrap_err();
            let Error::Corrupt { path, corruption } = &error else { panic!("{at} {bit}: {error}") };
            assert_eq!(path.to_str(), Some(PATH));
            assert!(corruption.offset <= bytes.len() as u64, "{error}");
            assert_ne!(corruption.expected, corruption.found, "{error}");
        }
    }
}

#[test]
fn every_cut_and_addition_is_noticed() {
    for bytes in small_files() {
        for len in 0..bytes.len() {
            let error = open(&bytes[..len]).unwrap_err();
            assert!(error.is_corrupt(), "cut at {len}: {error}");
            assert!(error.to_string().starts_with(PATH), "{error}");
        }
        for more in [1, 40, 64] {
            let longer = [bytes.as_slice(), &vec![0; more]].concat();
            assert!(open(&longer).unwrap_err().is_corrupt());
        }
        assert!(open(&[&bytes[..64], &bytes].concat()).unwrap_err().is_corrupt());
    }
}

/// The file with the checksums of its footer and trailer made right again.
pub(crate) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let base = bytes.len() - TRAILER_BYTES as usize;
    let field: [u8; 8] = bytes[base..base + 8].try_into().unwrap();
    let footer_offset = u64::from_le_bytes(field);
    let footer = &bytes[footer_offset as usize..base];
    let (footer_byte_len, footer_checksum) = (footer.len() as u32, checksum(footer));
    let trailer = Trailer { footer_offset, footer_byte_len, footer_checksum }.encode();
    bytes.splice(base.., trailer);
    bytes
}

#[test]
fn a_footer_that_lies_under_a_right_checksum_does_no_harm() {
    for bytes in small_files() {
        let base = bytes.len() - TRAILER_BYTES as usize;
        let start = u64::from_le_bytes(bytes[base..base + 8].try_into().unwrap()) as usize;
        for (at, bit) in (start..base).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            // A lie about statistics cannot be noticed; anything else ends in an error.
            match open(&sealed(flipped)).and_then(|file| read_all(&file)) {
                Ok(_) => {}
                Err(error) => assert!(error.is_corrupt(), "{at} {bit}: {error}"),
            }
        }
    }
}

#[test]
fn a_newer_file_is_refused_with_both_versions_named() {
    let mut bytes = write(DataType::Date, EncodeOptions::default(), &[]);
    let newer = (FORMAT_VERSION + 1).to_le_bytes();
    bytes[8..12].copy_from_slice(&newer);
    let at = bytes.len() - 20;
    bytes[at..at + 4].copy_from_slice(&newer);
    let error = open(&bytes).unwrap_err();
    assert!(
        matches!(error, Error::UnsupportedVersion { found, supported, .. }
            if (found, supported) == (FORMAT_VERSION + 1, FORMAT_VERSION)),
        "{error}"
    );
    let message = error.to_string();
    assert!(message.contains("version 5") && message.contains("up to version 4"), "{message}");
    assert!(message.contains(PATH), "{message}");
}

#[test]
fn a_block_is_verified_once_and_damage_is_found_at_its_place() {
    let array: ArrayRef = Arc::new(Int64Array::from_iter_values((0..300).map(|i| i * i)));
    let mut bytes = write(DataType::BigInt, EncodeOptions::default(), &[array]);
    let file = open(&bytes).unwrap();
    assert!(file.block(0).is_ok() && file.block(0).is_ok());
    bytes[200] ^= 4;
    let error = open(&bytes).unwrap().block(0).unwrap_err();
    let Error::Corrupt { corruption, .. } = &error else { panic!("{error}") };
    assert_eq!((corruption.offset, corruption.what.as_str()), (64, "checksum of block 0"));
}

/// A column that is stored, and one whose first block is derived from it: the bytes of both.
fn source_and_derived() -> (Vec<u8>, Vec<u8>) {
    let column = |add: i64| -> ArrayRef {
        let keys = (0..BLOCK_ROWS as i64 + 10).map(|row| (row * row % 701) + add);
        Arc::new(Int64Array::from_iter_values(keys))
    };
    let options = EncodeOptions::default();
    let source = open(&write(DataType::BigInt, options, &[column(0)])).unwrap();
    let stored = open(&write(DataType::BigInt, options, &[column(-5)])).unwrap();
    let dir = MemDir::new();
    let mut writer = ColumnWriter::create(&dir, PATH, DataType::BigInt, options).unwrap();
    let sources = [source.block(0).unwrap()];
    let bytes = stored.block(0).unwrap().derive(&Rule::Same, &sources, None).unwrap().unwrap();
    let derivation = Derivation { rule: Rule::Same, sources: vec![ColumnId(7)] };
    writer.append_block(&stored, 0, Some(DerivedBlock { derivation, bytes })).unwrap();
    writer.append_block(&stored, 1, None).unwrap();
    assert_eq!(writer.finish().unwrap().rows, stored.rows());
    (write(DataType::BigInt, options, &[column(0)]), dir.read(PATH).unwrap())
}

fn open_derived(source: &[u8], derived: &[u8]) -> Result<ColumnFile> {
    let source = Arc::new(open(source)?);
    let derived = open(derived)?;
    let ids = derived.source_ids();
    derived.with_sources(ids.into_iter().map(|id| (id, Arc::clone(&source))).collect())
}

#[test]
fn derived_blocks_are_read_with_their_source() {
    let (source, derived) = source_and_derived();
    assert!(derived.len() < 1_000 && derived.len() * 20 < source.len(), "{}", derived.len());
    let file = open_derived(&source, &derived).unwrap();
    assert_eq!(file.source_ids(), [ColumnId(7)]);
    assert_eq!(file.block(0).unwrap().tree(), "derived(c7, constant)");
    for (source, derived) in
        read_all(&open(&source).unwrap()).unwrap().iter().zip(read_all(&file).unwrap())
    {
        let keys = source.as_primitive::<Int64Type>().values().iter().map(|key| key - 5);
        assert!(derived.as_primitive::<Int64Type>().values().iter().copied().eq(keys));
    }
    let alone = open(&derived).unwrap().block(0).unwrap_err();
    assert!(alone.to_string().contains("without source column 7"), "{alone}");
}

#[test]
fn sources_of_other_rows_and_derived_ones_are_refused() {
    let (_, derived) = source_and_derived();
    let short: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    let short = write(DataType::BigInt, EncodeOptions::default(), &[short]);
    for source in [&short, &derived] {
        let error = open_derived(source, &derived).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().starts_with(PATH), "{error}");
    }
}

#[test]
fn damage_of_a_derived_file_is_noticed_and_a_lie_about_rules_does_no_harm() {
    let (source, derived) = source_and_derived();
    let base = derived.len() - TRAILER_BYTES as usize;
    let start = u64::from_le_bytes(derived[base..base + 8].try_into().unwrap()) as usize;
    for at in 0..derived.len() {
        let mut flipped = derived.clone();
        flipped[at] ^= 1 << (at % 8);
        let error = open_derived(&source, &flipped).and_then(|file| read_all(&file)).unwrap_err();
        let Error::Corrupt { path, corruption } = &error else { panic!("{at}: {error}") };
        assert_eq!(path.to_str(), Some(PATH));
        assert_ne!(corruption.expected, corruption.found, "{error}");
        if (start..base).contains(&at) {
            match open_derived(&source, &sealed(flipped)).and_then(|file| read_all(&file)) {
                Ok(_) => {}
                Err(error) => assert!(error.is_corrupt(), "{at}: {error}"),
            }
        }
    }
}
