//! Every bit of small blocks flipped and every length cut, without a checksum to notice it: reading
//! ends in an answer or in an error, never in a panic, and allocates next to nothing.

use super::allocation::largest_of;
use super::data::{Row, array, value};
use super::reference::{Random, predicates};
use super::{all_options, dictionary};
use crate::types::tests::EVERY_TYPE;
use crate::{
    Block, EncodeOptions, EncodingName, Predicate, Selection, SharedDictionary, encode,
    encode_shared,
};
use arrow::array::{Array, AsArray, StringViewArray};
use starfact_base::{Corruption, DataType};
use std::sync::{Arc, LazyLock};

/// Bytes that reading a damaged block of these tests may allocate at once. The largest claim that
/// passes is that of a zstd frame of some hundred bytes.
const ALLOCATION_MAX: usize = 32 << 20;

/// Small rows that make every codec: single values, runs, repeated values, NULLs.
fn small_rows(ty: DataType) -> Vec<Vec<Row>> {
    // Values near to each other where the type has such, so that bit-packed vectors are short.
    let v = |number| match ty {
        DataType::Varchar => value(ty, number),
        _ => value(ty, 42 + 6 * number),
    };
    vec![
        vec![v(1), None, v(3), v(2), v(13)],
        vec![v(4); 70],
        vec![None; 3],
        (0..130).map(|row| if row / 40 == 1 { None } else { v(row / 20) }).collect(),
    ]
}

/// Parses a block, which may have codes of a dictionary.
fn parse(bytes: Vec<u8>, ty: DataType, rows: usize) -> Result<Block, Corruption> {
    static DICTIONARY: LazyLock<Arc<SharedDictionary>> = LazyLock::new(|| {
        let rows: Vec<Row> = small_rows(DataType::Varchar).concat();
        dictionary(&rows, 9).unwrap()
    });
    Block::parse_shared(bytes.into(), ty, rows, &DICTIONARY)
}

/// Does everything that can be done with the bytes of a block.
fn exercise(bytes: Vec<u8>, ty: DataType, rows: usize, predicates: &[Predicate]) {
    let Ok(block) = parse(bytes, ty, rows) else { return };
    assert!(block.tree().len() < 1_000);
    if let Ok(array) = block.decode(0..rows) {
        assert_eq!(array.len(), rows);
        is_sound_text(array.as_string_view_opt());
    }
    if let Ok(Some(codes)) = block.codes(&Selection::all(rows)) {
        assert_eq!(codes.codes.len(), rows);
    }
    let _ = block.decode(rows / 3..rows / 2);
    let picked: Vec<u32> = (0..rows as u32).step_by(3).collect();
    if let Ok(array) = block.take(&picked) {
        assert_eq!(array.len(), picked.len());
        is_sound_text(array.as_string_view_opt());
    }
    let _ = block.aggregate(&Selection::all(rows));
    let mut some = Selection::all(rows);
    some.clear_range(rows / 4..rows / 2);
    let _ = block.aggregate(&some);
    for predicate in predicates {
        let mut selection = Selection::all(rows);
        selection.clear_range(0..rows / 4);
        let before = selection.clone();
        let _ = block.filter(predicate, &mut selection);
        selection.subtract(&before);
        assert!(selection.is_empty(), "a filter only clears");
    }
}

/// Some predicates of every kind.
fn some_predicates(ty: DataType) -> Vec<Predicate> {
    let asked = predicates(ty, &[], &mut Random::new(1)).into_iter();
    asked.map(|asked| asked.predicate).step_by(3).collect()
}

/// Arrow may rely on what the unchecked constructor was given.
fn is_sound_text(array: Option<&StringViewArray>) {
    let Some(array) = array else { return };
    let (views, buffers, nulls) = array.clone().into_parts();
    StringViewArray::try_new(views, buffers, nulls).unwrap();
}

/// Calls `check` for small blocks of every type and encoding.
fn for_every_small_block(check: impl Fn(&[u8], DataType, usize)) {
    for ty in EVERY_TYPE {
        for rows in small_rows(ty) {
            let array = array(ty, &rows);
            let mut seen = Vec::new();
            for options in all_options() {
                let bytes = encode(array.as_ref(), ty, &options).unwrap().bytes;
                if !seen.contains(&bytes) {
                    check(&bytes, ty, rows.len());
                    seen.push(bytes);
                }
            }
            let options = EncodeOptions {
                encoding: Some(EncodingName::Dictionary),
                ..EncodeOptions::default()
            };
            let block = encode(array.as_ref(), ty, &options).unwrap().bytes;
            let block = Block::parse(block.into(), ty, rows.len()).unwrap();
            let dictionary = dictionary(&small_rows(DataType::Varchar).concat(), 9).unwrap();
            if let Some(bytes) = encode_shared(&block, &dictionary).unwrap() {
                check(&bytes, ty, rows.len());
            }
        }
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    for_every_small_block(|bytes, ty, rows| {
        let predicates = some_predicates(ty);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                let largest = largest_of(|| exercise(flipped, ty, rows, &predicates));
                assert!(largest < ALLOCATION_MAX, "{ty}, byte {at}, bit {bit}: {largest} bytes");
            }
        }
    });
}

#[test]
fn every_truncation_and_extension_is_an_error() {
    for_every_small_block(|bytes, ty, rows| {
        for len in 0..bytes.len() {
            let cut = bytes[..len].to_vec();
            assert!(parse(cut, ty, rows).is_err(), "{ty}, {len} of {}", bytes.len());
        }
        let longer = [bytes, &[0]].concat();
        assert!(parse(longer, ty, rows).is_err(), "{ty}");
    });
}

#[test]
fn bytes_at_random_do_no_harm() {
    let mut random = Random::new(3);
    for round in 0..20_000 {
        let ty = EVERY_TYPE[round % EVERY_TYPE.len()];
        let mut bytes: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
        // Half of them begin like a block: no NULLs, and a tag that there is.
        if round % 2 == 0 {
            let tags = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 17, 18, 19, 21, 22, 23];
            let mut block = vec![1, 1];
            block.extend([0; 15]);
            block.push(tags[random.below(tags.len())]);
            block.append(&mut bytes);
            bytes = block;
        }
        let rows = random.below(300);
        let largest = largest_of(|| exercise(bytes, ty, rows, &some_predicates(ty)));
        assert!(largest < ALLOCATION_MAX, "{largest} bytes");
    }
}

#[test]
fn other_rows_and_types_than_were_written_do_no_harm() {
    for_every_small_block(|bytes, _, rows| {
        for ty in EVERY_TYPE {
            let predicates = some_predicates(ty);
            for rows in [0, 1, rows - 1, rows + 1, 65_536] {
                exercise(bytes.to_vec(), ty, rows, &predicates);
            }
        }
        assert!(Block::parse(bytes.to_vec().into(), DataType::BigInt, 65_537).is_err());
        let decimal = DataType::Decimal { precision: 39, scale: 0 };
        assert!(Block::parse(bytes.to_vec().into(), decimal, rows).is_err());
    });
}

#[test]
fn an_encoding_that_is_not_known_is_named() {
    let mut bytes = vec![1, 1];
    bytes.extend([0; 15]);
    let parse = |tag: u8, ty| {
        let bytes = [bytes.as_slice(), &[tag], &[0; 40]].concat();
        Block::parse(bytes.into(), ty, 2).unwrap_err().to_string()
    };
    assert_eq!(
        parse(99, DataType::Integer),
        "encoding tag at byte 17: expected an encoding of integers, \
         found tag 99, which this version of Starfact does not know"
    );
    assert_eq!(
        parse(3, DataType::Varchar),
        "encoding tag at byte 17: expected an encoding of text, \
         found bit-packed integers (tag 3)"
    );
    assert_eq!(
        parse(23, DataType::Varchar),
        "encoding tag at byte 17: expected an encoding of text, as the file has no dictionary, \
         found codes of a dictionary (tag 23)"
    );
    assert_eq!(
        parse(21, DataType::Date),
        "encoding tag at byte 17: expected an encoding of integers, \
         found a dictionary of text (tag 21)"
    );
}
