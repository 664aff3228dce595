//! What every block of every type must do, whatever its encoding: give back what went in, and
//! select what a row-by-row reference selects.
//!
//! [`conform`] is the one check. It is run over named data sets, over arbitrary rows, with the
//! encoding that is chosen and with every encoding that can be asked for.

mod allocation;
pub(crate) mod bitmaps;
mod codes;
mod damage;
mod data;
mod reference;

use crate::types::tests::EVERY_TYPE;
use crate::{
    Block, Effort, EncodeOptions, EncodingName, PRESENT_MAX, Predicate, Selection,
    SharedDictionary, Verdict, ZoneStats, encode, encode_shared,
};
use arrow::array::{Array, ArrayRef, StringViewArray};
use bitmaps::Index;
use data::{Row, array, rows_of, value};
use proptest::prelude::*;
use reference::{Asked, Random, predicates, same};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Every way to ask for an encoding.
fn all_options() -> impl Iterator<Item = EncodeOptions> {
    let asked = EncodingName::ALL.into_iter().map(Some);
    let quick = EncodeOptions { effort: Effort::Quick, ..EncodeOptions::default() };
    let asked = [None].into_iter().chain(asked);
    let asked = asked.map(|encoding| EncodeOptions { encoding, ..EncodeOptions::default() });
    let ordinals = EncodeOptions { effort: Effort::Ordinals, ..EncodeOptions::default() };
    asked.chain([quick, ordinals])
}

/// Encodes `rows` and checks everything that a block promises. `label` is for messages.
fn conform(label: &str, ty: DataType, rows: &[Row], options: &EncodeOptions) {
    let array = array(ty, rows);
    let encoded = encode(array.as_ref(), ty, options).unwrap();
    let block = Block::parse(encoded.bytes.clone().into(), ty, rows.len()).unwrap();
    let label = &format!("{label}, {} rows of {ty}", rows.len());
    if let Some(asked) = options.encoding {
        let is_as_asked = is_encoded_as(&block, asked);
        assert!(is_as_asked || may_decline(asked, ty, rows), "{label}, asked for {asked}");
    }
    statistics_are_exact(label, rows, &encoded.stats);
    let zone = ZoneStats {
        rows: encoded.stats.rows,
        nulls: encoded.stats.nulls,
        min: encoded.stats.min,
        max: encoded.stats.max,
        present: encoded.stats.present,
        min_exact: true,
        max_exact: true,
    };
    // What a block is encoded as makes no difference to its bitmaps.
    let index = if options.encoding.is_none() { Index::of(ty, &array) } else { None };
    conform_block(label, rows, &block, &array, &zone, index.as_ref());
    if ty == DataType::BigInt {
        codes::stand_for_ordinals(label, &block, &array);
    }
    if ty == DataType::Varchar && options.encoding == Some(EncodingName::Dictionary) {
        // With texts that the block does not have, and without.
        for others in [0, 300] {
            let Some(dictionary) = dictionary(rows, others) else { continue };
            let bytes = encode_shared(&block, &dictionary).unwrap().unwrap();
            let shared = Block::parse_shared(bytes.into(), ty, rows.len(), &dictionary).unwrap();
            conform_block(label, rows, &shared, &array, &zone, None);
            gives_out_codes(label, rows, &shared, &dictionary);
        }
    }
}

/// The dictionary of the texts of `rows` and of others; `None` if there is none or it is too large.
fn dictionary(rows: &[Row], others: u64) -> Option<Arc<SharedDictionary>> {
    let others = (0..others).map(|number| value(DataType::Varchar, number * 7));
    let texts: BTreeSet<String> = rows
        .iter()
        .cloned()
        .chain(others)
        .filter_map(|row| match row {
            Some(Scalar::String(text)) => Some(text),
            _ => None,
        })
        .collect();
    SharedDictionary::new(&StringViewArray::from_iter_values(texts)).ok().map(Arc::new)
}

fn gives_out_codes(label: &str, rows: &[Row], block: &Block, dictionary: &SharedDictionary) {
    let mut random = Random::new(rows.len() as u64);
    for selection in selections(rows.len(), &mut random) {
        let codes = block.codes(&selection).unwrap().unwrap();
        assert_eq!(codes.codes.len(), selection.count(), "{label}");
        for (place, row) in selection.indices().into_iter().enumerate() {
            let is_null = codes.nulls.as_ref().is_some_and(|nulls| nulls.is_null(place));
            let text = dictionary.value(codes.codes[place]).unwrap();
            match &rows[row as usize] {
                None => assert!(is_null, "{label}, row {row}"),
                Some(value) => {
                    assert!(!is_null && *value == Scalar::String(text.into()), "{label}, {row}");
                }
            }
        }
    }
}

/// Checks what a block, and its bitmap index if there is one, promises of `rows`, which are those of
/// `array`.
fn conform_block(
    label: &str,
    rows: &[Row],
    block: &Block,
    array: &ArrayRef,
    zone: &ZoneStats,
    index: Option<&Index>,
) {
    let (ty, label) = (block.data_type(), format!("{label} as {}", block.tree()));
    decodes_what_was_encoded(&label, rows, block, array);
    let mut random = Random::new(rows.len() as u64);
    let selections = selections(rows.len(), &mut random);
    aggregates_like_the_reference(&label, rows, block, &selections);
    for asked in predicates(ty, rows, &mut random) {
        if let Some(index) = index {
            index.answers_like_the_reference(&label, rows, &asked);
        }
        filters_like_the_reference(&label, rows, block, &asked, &selections, zone);
    }
}

/// Whether this is the encoding of the values; floats as integers may have exceptions above them.
fn is_encoded_as(block: &Block, name: EncodingName) -> bool {
    let tree = block.tree();
    tree.starts_with(name.as_str())
        || (name == EncodingName::Alp && tree.starts_with("patched(alp"))
}

/// Whether a block may have another encoding than the one that was asked for.
fn may_decline(asked: EncodingName, ty: DataType, rows: &[Row]) -> bool {
    let mut values = rows.iter().flatten();
    let first = values.next();
    let is_constant = values.all(|value| same(&Some(value.clone()), &first.cloned()));
    match asked {
        EncodingName::Constant => !is_constant,
        EncodingName::BitPacked => {
            let is_wide = matches!(ty, DataType::Decimal { precision: 19.., .. });
            rows.is_empty() || ty == DataType::Varchar || is_wide
        }
        EncodingName::RunLength => rows.is_empty() || ty == DataType::Varchar,
        EncodingName::Fsst => rows.is_empty() || ty != DataType::Varchar,
        EncodingName::Dictionary | EncodingName::Plain | EncodingName::Zstd => rows.is_empty(),
        EncodingName::Patched | EncodingName::Sparse => {
            rows.is_empty() || is_constant || ty == DataType::Varchar
        }
        // The rest depends on the values; that it is done, the tests of the encoder say.
        EncodingName::Delta | EncodingName::Scaled | EncodingName::Alp | EncodingName::Sliced => {
            true
        }
    }
}

fn statistics_are_exact(label: &str, rows: &[Row], stats: &crate::BlockStats) {
    let mut values: Vec<_> = rows.iter().flatten().collect();
    values.sort_by(|a, b| a.compare(b).unwrap());
    assert_eq!(stats.rows as usize, rows.len(), "{label}");
    assert_eq!(stats.nulls as usize, rows.len() - values.len(), "{label}");
    assert!(same(&stats.min, &values.first().copied().cloned()), "{label}: {:?}", stats.min);
    assert!(same(&stats.max, &values.last().copied().cloned()), "{label}: {:?}", stats.max);
    if !stats.present.is_empty() {
        values.dedup_by(|a, b| a.compare(b) == Some(Ordering::Equal));
        assert!(values.len() <= PRESENT_MAX && values.into_iter().eq(&stats.present), "{label}");
    }
}

fn decodes_what_was_encoded(label: &str, rows: &[Row], block: &Block, array: &ArrayRef) {
    let check = |what: &str, decoded: &ArrayRef, expected: &[Row]| {
        assert_eq!(decoded.data_type(), array.data_type(), "{label}, {what}");
        let decoded = rows_of(block.data_type(), decoded);
        assert_eq!(decoded.len(), expected.len(), "{label}, {what}");
        for (row, (found, expected)) in decoded.iter().zip(expected).enumerate() {
            assert!(same(found, expected), "{label}, {what}, row {row}: {found:?}, {expected:?}");
        }
    };
    let count = rows.len();
    check("all", &block.decode(0..count).unwrap(), rows);
    for range in [0..count / 2, count / 3..count, count / 2..count / 2, count..count] {
        check("range", &block.decode(range.clone()).unwrap(), &rows[range]);
    }
    let mut random = Random::new(count as u64 + 1);
    for step in [1, 3, 70, 5_000] {
        let mut picked = Vec::new();
        let mut row = random.below(step);
        while row < count {
            picked.push(row as u32);
            row += 1 + random.below(step);
        }
        let expected: Vec<Row> = picked.iter().map(|&row| rows[row as usize].clone()).collect();
        check("take", &block.take(&picked).unwrap(), &expected);
        picked.reverse();
        let expected: Vec<Row> = expected.into_iter().rev().collect();
        check("take backwards", &block.take(&picked).unwrap(), &expected);
    }
    assert!(block.decode(0..count + 1).is_err(), "{label}");
    assert!(block.take(&[count as u32]).is_err(), "{label}");
    assert!(block.take(&[u32::MAX]).is_err(), "{label}");
}

/// Selections to begin with: all rows, none, few, every second, runs, and arbitrary ones.
fn selections(rows: usize, random: &mut Random) -> Vec<Selection> {
    let mut selections = vec![Selection::all(rows), Selection::none(rows)];
    for one_in in [2, 7, 300] {
        let mut selection = Selection::none(rows);
        (0..rows).filter(|_| random.below(one_in) == 0).for_each(|row| selection.set(row));
        selections.push(selection);
    }
    let mut runs = Selection::all(rows);
    for start in (0..rows).step_by(500) {
        runs.clear_range(start..start + random.below(600));
    }
    selections.push(runs);
    selections
}

fn aggregates_like_the_reference(
    label: &str,
    rows: &[Row],
    block: &Block,
    selections: &[Selection],
) {
    for (place, selection) in selections.iter().enumerate() {
        let selected = (0..rows.len()).filter(|&row| selection.contains(row));
        let mut values: Vec<&Scalar> = selected.filter_map(|row| rows[row].as_ref()).collect();
        let count = values.len() as u64;
        let sum = match block.data_type() {
            DataType::SmallInt
            | DataType::Integer
            | DataType::BigInt
            | DataType::Decimal { .. } => sum_by_digits(&values),
            _ => None,
        };
        values.sort_by(|a, b| a.compare(b).unwrap());
        let bound = |value: Option<&&Scalar>| value.map(|value| (*value).clone());
        let (min, max) = (bound(values.first()), bound(values.last()));
        let found = block.aggregate(selection).unwrap();
        assert_eq!(found.count, count, "{label}, selection {place}");
        assert!(same(&found.min, &min), "{label}, selection {place}: {:?}, {min:?}", found.min);
        assert!(same(&found.max, &max), "{label}, selection {place}: {:?}, {max:?}", found.max);
        assert_eq!(found.sum, sum, "{label}, selection {place}");
        assert_eq!(block.count(selection).unwrap(), count, "{label}, selection {place}");
    }
    let other = Selection::all((rows.len() + 1) % BLOCK_ROWS);
    assert!(block.aggregate(&other).is_err() && block.count(&other).is_err(), "{label}");
}

/// The sum of integers, if it fits: the digits in front of and behind the 19th by themselves.
fn sum_by_digits(values: &[&Scalar]) -> Option<i128> {
    const SPLIT: i128 = 10i128.pow(19);
    let (mut high, mut low) = (0i128, 0i128);
    for value in values {
        let Scalar::Integer(key) = value else { panic!("no integer: {value:?}") };
        high += key.div_euclid(SPLIT);
        low += key.rem_euclid(SPLIT);
    }
    high += low.div_euclid(SPLIT);
    low = low.rem_euclid(SPLIT);
    // Downwards from zero, so that the least number does not overflow on the way.
    match high < 0 && low > 0 {
        true => (high + 1).checked_mul(SPLIT)?.checked_add(low - SPLIT),
        false => high.checked_mul(SPLIT)?.checked_add(low),
    }
}

fn filters_like_the_reference(
    label: &str,
    rows: &[Row],
    block: &Block,
    asked: &Asked,
    selections: &[Selection],
    zone: &ZoneStats,
) {
    let predicate = &asked.predicate;
    let mut expected = Selection::none(rows.len());
    for (row, value) in rows.iter().enumerate() {
        if asked.is_satisfied_by(value) {
            expected.set(row);
        }
    }
    match predicate.zone_verdict(zone) {
        Verdict::None => assert!(expected.is_empty(), "{label}, {predicate:?}"),
        Verdict::All => assert!(expected.is_all(), "{label}, {predicate:?}"),
        Verdict::Some => {}
    }
    for before in selections {
        let mut after = before.clone();
        block.filter(predicate, &mut after).unwrap();
        let mut expected = expected.clone();
        expected.intersect_words(before.words());
        let mut coarse = before.clone();
        if block.filter_coarsely(predicate, &mut coarse).unwrap() > 0 {
            block.filter(predicate, &mut coarse).unwrap();
        }
        assert_eq!(coarse, after, "{label}, {predicate:?}, in two steps");
        let mut each = before.clone();
        if block.filter_row_by_row(predicate, &mut each).is_ok() {
            assert_eq!(each, after, "{label}, {predicate:?}, row by row");
        }
        if after != expected {
            let wrong = (0..rows.len()).find(|&row| after.contains(row) != expected.contains(row));
            let row = wrong.map(|row| (row, &rows[row]));
            panic!("{label}, {predicate:?}: wrong for row {row:?}");
        }
    }
}

#[test]
fn every_type_conforms_in_every_encoding() {
    for ty in EVERY_TYPE {
        for (label, rows) in data::small_sets(ty) {
            for options in all_options() {
                conform(label, ty, &rows, &options);
            }
        }
    }
}

#[test]
fn full_blocks_conform_in_every_encoding() {
    for ty in [DataType::Integer, DataType::Double, DataType::Varchar] {
        for (label, rows) in data::full_sets(ty) {
            assert!(rows.len() > BLOCK_ROWS - 1_024);
            for options in all_options() {
                conform(label, ty, &rows, &options);
            }
        }
    }
}

#[test]
fn a_chosen_encoding_is_never_larger_than_plain() {
    for ty in EVERY_TYPE {
        for (label, rows) in data::small_sets(ty).into_iter().chain(data::full_sets(ty)) {
            let size = |encoding| {
                let array = array(ty, &rows);
                encode(array.as_ref(), ty, &EncodeOptions { encoding, ..EncodeOptions::default() })
                    .unwrap()
                    .bytes
                    .len()
            };
            let (chosen, plain) = (size(None), size(Some(EncodingName::Plain)));
            assert!(chosen <= plain, "{label} of {ty}: {chosen} bytes, plain {plain}");
        }
    }
}

#[test]
fn a_predicate_of_another_type_is_refused() {
    for ty in EVERY_TYPE {
        let rows = vec![value(ty, 1), None];
        let array = array(ty, &rows);
        let encoded = encode(array.as_ref(), ty, &EncodeOptions::default()).unwrap();
        let block = Block::parse(encoded.bytes.into(), ty, 2).unwrap();
        for constant in [Scalar::Integer(1), Scalar::Float(1.0), Scalar::String("1".into())] {
            let fits = value(ty, 1).unwrap().compare(&constant).is_some();
            let predicate = Predicate::is_in(vec![constant]);
            let result = block.filter(&predicate, &mut Selection::all(2));
            assert_eq!(result.is_ok(), fits, "{ty}: {predicate:?}");
            if let Err(error) = result {
                assert!(error.to_string().contains(&ty.to_string()), "{error}");
            }
        }
        assert!(block.filter(&Predicate::IsNull, &mut Selection::all(3)).is_err());
    }
}

fn any_rows() -> impl Strategy<Value = (DataType, Vec<Row>)> {
    let ty = proptest::sample::select(EVERY_TYPE.to_vec());
    // How many distinct values, how long the runs, and how many NULLs of ten rows.
    let shape = (1u64..5_000, 1usize..40, 0u64..11);
    (ty, shape, proptest::collection::vec(any::<u64>(), 0..120)).prop_map(
        |(ty, (distinct, run, nulls), seeds)| {
            let rows = seeds.into_iter().flat_map(|seed| {
                let row = if seed % 10 < nulls { None } else { value(ty, seed / 10 % distinct) };
                std::iter::repeat_n(row, 1 + (seed >> 32) as usize % run)
            });
            (ty, rows.collect())
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_rows_conform((ty, rows) in any_rows(), asked in 0..=EncodingName::ALL.len()) {
        let options = all_options().nth(asked).unwrap();
        conform("arbitrary", ty, &rows, &options);
    }
}
