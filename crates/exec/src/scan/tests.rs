//! Tests of the scan against a plain reading of the same rows, one value at a time.

use super::*;
use crate::{ColumnCodes, column_bounds};
use arrow::array::{
    Array, AsArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
    StringViewArray,
};
use arrow::compute::concat;
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;
use starfact_base::{DataType, Scalar};
use starfact_encoding::{CompareOp, ValuePredicate};
use starfact_store::{
    ColumnDefinition, LoadOptions, OpenMode, SharedDictionaries, Store, TableDefinition,
};
use starfact_vfs::MemDir;
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

const TYPES: [DataType; 6] = [
    DataType::Integer,
    DataType::Varchar,
    DataType::Double,
    DataType::Decimal { precision: 20, scale: 2 },
    DataType::Boolean,
    DataType::Date,
];

/// The values of one row, `None` for NULL.
pub(crate) type Row = Vec<Option<Scalar>>;

/// Rows of all segments, of which one has two blocks: ascending, few distinct, at random, NULL.
fn rows(segment: usize) -> Vec<Row> {
    let count = [BLOCK_ROWS + 4_321, 1, 2_500, 1_024][segment];
    let row = |row: usize| {
        let mixed = (row as u64 + segment as u64 * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let random = (mixed >> 32) as i128;
        let keep = |every: i128, value: Scalar| (random % every != 0).then_some(value);
        vec![
            keep(7, Scalar::Integer(row as i128 / 3 - 500)),
            keep(5, Scalar::String(format!("text number {}", random % 40))),
            keep(9, Scalar::Float((random % 1_000) as f64 / 8.0 - 40.0)),
            keep(11, Scalar::Integer(random % 100_000 - 50_000)),
            if segment == 3 { None } else { keep(4, Scalar::Integer(random / 64 % 2)) },
            Some(Scalar::Integer(segment as i128 * 100 + row as i128 / 1_000)),
        ]
    };
    (0..count).map(row).collect()
}

fn integer(value: &Option<Scalar>) -> Option<i128> {
    match value {
        Some(Scalar::Integer(value)) => Some(*value),
        _ => None,
    }
}

fn arrays(rows: &[Row]) -> Vec<ArrayRef> {
    let column = |idx: usize| rows.iter().map(move |row| &row[idx]);
    let floats = column(2).map(|value| match value {
        Some(Scalar::Float(value)) => Some(*value),
        _ => None,
    });
    let texts = column(1).map(|value| match value {
        Some(Scalar::String(text)) => Some(text.as_str()),
        _ => None,
    });
    let decimals: Decimal128Array = column(3).map(integer).collect();
    vec![
        Arc::new(column(0).map(|v| integer(v).map(|v| v as i32)).collect::<Int32Array>()),
        Arc::new(texts.collect::<StringViewArray>()),
        Arc::new(floats.collect::<Float64Array>()),
        Arc::new(decimals.with_precision_and_scale(20, 2).unwrap()),
        Arc::new(column(4).map(|v| integer(v).map(|v| v != 0)).collect::<BooleanArray>()),
        Arc::new(column(5).map(|v| integer(v).map(|v| v as i32)).collect::<Date32Array>()),
    ]
}

/// The table with these rows, and the rows.
pub(crate) fn fixture() -> &'static (Arc<Table>, Vec<Row>) {
    static FIXTURE: OnceLock<(Arc<Table>, Vec<Row>)> = OnceLock::new();
    FIXTURE.get_or_init(|| made(SharedDictionaries::Off))
}

/// The same rows, those of text with dictionaries that the segments share.
fn shared_fixture() -> &'static Arc<Table> {
    static FIXTURE: OnceLock<(Arc<Table>, Vec<Row>)> = OnceLock::new();
    &FIXTURE.get_or_init(|| made(SharedDictionaries::Always)).0
}

fn made(shared_dictionaries: SharedDictionaries) -> (Arc<Table>, Vec<Row>) {
    let mode = OpenMode::ReadWrite { wait: Duration::ZERO };
    let store = Store::open(Arc::new(MemDir::new()), mode).unwrap();
    let column = |(ty, idx): (&DataType, usize)| ColumnDefinition {
        bitmap: Some(true),
        ..ColumnDefinition::new(format!("c{idx}"), *ty)
    };
    let definition = TableDefinition {
        name: "t".into(),
        columns: TYPES.iter().zip(0..).map(column).collect(),
        ..TableDefinition::default()
    };
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(&definition).unwrap();
    let mut all = Vec::new();
    for segment in 0..4 {
        let rows = rows(segment);
        let arrays = arrays(&rows);
        let field = |array: &ArrayRef| Field::new("", array.data_type().clone(), true);
        let fields: Vec<Field> = arrays.iter().map(field).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let mut batches = std::iter::once(Ok(batch));
        let options = LoadOptions { shared_dictionaries, ..LoadOptions::default() };
        transaction.load(id, &mut batches, &options).unwrap();
        all.extend(rows);
    }
    transaction.commit().unwrap();
    let table = Arc::clone(store.snapshot().unwrap().table("t").unwrap());
    assert_eq!((table.segments().len(), table.row_count()), (4, all.len() as u64));
    (table, all)
}

/// Whether a value satisfies a predicate, the plain way.
pub(crate) fn holds(predicate: &Predicate, value: &Option<Scalar>) -> bool {
    let Some(value) = value else { return matches!(predicate, Predicate::IsNull) };
    let order = |other: &Scalar| value.compare(other).unwrap();
    match predicate {
        Predicate::Compare { op, value } => op.holds(order(value)),
        Predicate::Between { low, high } => {
            order(low) != Ordering::Less && order(high) != Ordering::Greater
        }
        Predicate::In(list) => list.contains(value),
        Predicate::Members(members) => {
            matches!(value, Scalar::Integer(key) if members.contains(*key))
        }
        Predicate::Prefix(prefix) => {
            matches!(value, Scalar::String(text) if text.starts_with(prefix))
        }
        Predicate::IsNull => false,
        Predicate::IsNotNull => true,
        Predicate::Values(_) => matches!(value, Scalar::String(text) if text.ends_with('7')),
    }
}

/// A predicate of the layers above: text that ends in 7.
#[derive(Debug)]
struct EndsInSeven;

impl ValuePredicate for EndsInSeven {
    fn evaluate(&self, values: &ArrayRef) -> Result<BooleanArray, String> {
        let ends = |text: Option<&str>| text.map(|text| text.ends_with('7'));
        Ok(values.as_string_view().iter().map(ends).collect())
    }
}

fn filter(column: u32, predicate: Predicate) -> ColumnFilter {
    ColumnFilter { column: ColumnId(column), predicate }
}

/// Scans with and without zone maps, bitmaps and shared dictionaries, and compares each with the
/// plain way; returns the rows found and the blocks that the zone maps ruled out.
fn check(filters: &[ColumnFilter]) -> (usize, usize) {
    let (table, rows) = fixture();
    let keeps = |row: &&Row| {
        filters.iter().all(|filter| holds(&filter.predicate, &row[filter.column.0 as usize - 1]))
    };
    let expected: Vec<Row> = rows.iter().filter(keeps).cloned().collect();
    let expected = arrays(&expected);
    let mut pruned = 0;
    let modes = [Bitmaps::Never, Bitmaps::IfCheaper, Bitmaps::Always];
    let cases = modes.iter().flat_map(|bitmaps| {
        let options = [true, false].map(|zone_maps| ScanOptions {
            zone_maps,
            bitmaps: *bitmaps,
            hierarchy_codes: zone_maps,
        });
        options.into_iter().flat_map(|options| [(options, table), (options, shared_fixture())])
    });
    for (options, table) in cases {
        let zone_maps = options.zone_maps;
        let scan = Scan::new(Arc::clone(table), filters.to_vec(), options).unwrap();
        assert!(zone_maps || scan.pruned_blocks() == 0);
        assert_eq!(scan.morsels().len() + scan.pruned_blocks(), 5);
        pruned = pruned.max(scan.pruned_blocks());
        for (place, _) in filters.iter().enumerate() {
            let (first, more) = filters.split_at(place);
            let narrowed = Scan::new(Arc::clone(table), first.to_vec(), options).unwrap();
            let narrowed = narrowed.narrowed(more.to_vec()).unwrap();
            assert_eq!(narrowed.morsels(), scan.morsels());
            assert_eq!(narrowed.pruned_blocks(), scan.pruned_blocks());
            assert_eq!(narrowed.filters().len(), filters.len());
        }
        let ids: Vec<ColumnId> = (1..=6).map(ColumnId).collect();
        let mut found: Vec<Vec<ArrayRef>> = vec![Vec::new(); 6];
        for morsel in scan.morsels() {
            let selection = scan.select(morsel).unwrap();
            assert_eq!(selection.rows(), morsel.rows());
            for (found, array) in
                found.iter_mut().zip(scan.decode(morsel, &ids, &selection).unwrap())
            {
                assert_eq!(array.len(), selection.count());
                found.push(array);
            }
        }
        for (found, expected) in found.iter().zip(&expected) {
            let parts: Vec<_> = found.iter().map(AsRef::as_ref).collect();
            match parts.is_empty() {
                true => assert!(expected.is_empty()),
                false => assert_eq!(concat(&parts).unwrap().as_ref(), expected.as_ref()),
            }
        }
    }
    (expected[0].len(), pruned)
}

#[test]
fn without_filters_everything_is_read() {
    assert_eq!(check(&[]), (BLOCK_ROWS + 4_321 + 1 + 2_500 + 1_024, 0));
}

#[test]
fn zone_maps_rule_out_blocks() {
    let days = |low, high| {
        filter(6, Predicate::Between { low: Scalar::Integer(low), high: Scalar::Integer(high) })
    };
    assert_eq!(check(&[days(200, 200)]), (1_000, 4));
    assert_eq!(check(&[days(1_000, 2_000)]), (0, 5));
    assert_eq!(check(&[days(0, 400)]).1, 0);
}

/// Blocks of which a filter was answered by bitmaps, and those of them that it dropped.
fn by_bitmaps(predicate: Predicate, column: u32, bitmaps: Bitmaps) -> (usize, usize) {
    let (table, _) = fixture();
    let filters = vec![filter(column, predicate)];
    let options = ScanOptions { bitmaps, ..ScanOptions::default() };
    let scan = Scan::new(Arc::clone(table), filters.clone(), options).unwrap();
    assert_eq!(scan.filters().len(), 1);
    let (mut answered, mut dropped) = (0, 0);
    for morsel in scan.morsels() {
        let mut selection = Selection::all(morsel.rows());
        let (before, mut removed) = (selection.count() as u64, Removed::default());
        let blocks = &mut OpenBlocks::default();
        let answers = scan.narrow(morsel, &filters, &mut selection, blocks, &mut removed).unwrap();
        let gone: u64 = removed.rows().iter().sum();
        assert_eq!(before - gone, selection.count() as u64);
        answered += usize::from(answers.answered);
        dropped += usize::from(answers.dropped);
        assert!(selection.is_empty() || !answers.dropped);
        assert_eq!(selection, scan.select(morsel).unwrap());
    }
    (answered, dropped)
}

#[test]
fn bitmaps_answer_rare_values_and_drop_blocks_that_have_none() {
    let equal = |value| Predicate::Compare { op: CompareOp::Equal, value: Scalar::Float(value) };
    let (answered, dropped) = by_bitmaps(equal(3.5), 3, Bitmaps::IfCheaper);
    assert!(answered > 0 && dropped == 0, "{answered}");
    assert!(check(&[filter(3, equal(3.5))]).0 > 50);
    // Between two of the values, which are eighths.
    let (answered, dropped) = by_bitmaps(equal(3.51), 3, Bitmaps::IfCheaper);
    assert!(dropped > 0 && answered == dropped, "{answered} {dropped}");
    assert_eq!(check(&[filter(3, equal(3.51))]).0, 0);
    for (predicate, column) in [(equal(3.5), 3), (equal(3.51), 3)] {
        assert_eq!(by_bitmaps(predicate, column, Bitmaps::Never), (0, 0));
    }
    // Half of the rows are not rare.
    let half = Predicate::Compare { op: CompareOp::Less, value: Scalar::Float(22.0) };
    assert_eq!(by_bitmaps(half.clone(), 3, Bitmaps::IfCheaper), (0, 0));
    assert!(by_bitmaps(half, 3, Bitmaps::Always).0 > 0);
    assert_eq!(by_bitmaps(Predicate::IsNotNull, 3, Bitmaps::Always), (0, 0));
}

#[test]
fn a_column_of_nulls_is_ruled_out_or_taken_whole() {
    assert_eq!(check(&[filter(5, Predicate::IsNotNull)]).1, 1);
    let last = filter(
        6,
        Predicate::Compare { op: CompareOp::GreaterOrEqual, value: Scalar::Integer(300) },
    );
    assert_eq!(check(&[last.clone(), filter(5, Predicate::IsNull)]), (1_024, 4));
    assert_eq!(check(&[last, filter(5, Predicate::IsNotNull)]), (0, 5));
}

#[test]
fn predicates_on_values_are_evaluated() {
    let (found, pruned) = check(&[filter(2, Predicate::Values(Arc::new(EndsInSeven)))]);
    assert!(found > 0 && pruned == 0);
}

#[test]
fn the_rows_of_text_are_the_same_with_shared_dictionaries_under_all_predicates() {
    let text = |number: i32| Scalar::String(format!("text number {number}"));
    let mut predicates = vec![Predicate::IsNull, Predicate::IsNotNull];
    predicates.push(Predicate::Values(Arc::new(EndsInSeven)));
    for op in [
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Less,
        CompareOp::LessOrEqual,
        CompareOp::Greater,
        CompareOp::GreaterOrEqual,
    ] {
        predicates.extend([7, 39, 41].map(|number| Predicate::Compare { op, value: text(number) }));
    }
    predicates.push(Predicate::Between { low: text(12), high: text(23) });
    predicates.push(Predicate::Between { low: text(23), high: text(12) });
    predicates.push(Predicate::is_in(vec![text(1), text(22), text(99), text(3)]));
    predicates.push(Predicate::is_in(vec![]));
    for prefix in ["", "text number 1", "text number 40", "u"] {
        predicates.push(Predicate::Prefix(prefix.into()));
    }
    for predicate in predicates {
        let days = Predicate::Compare { op: CompareOp::Less, value: Scalar::Integer(250) };
        check(&[filter(2, predicate.clone())]);
        check(&[filter(6, days), filter(2, predicate)]);
    }
}

#[test]
fn codes_lead_to_the_texts_of_the_selected_rows() {
    let (_, rows) = fixture();
    let table = shared_fixture();
    // The newest dictionary has all forty texts but in the second segment, which has one row.
    let dictionaries = table.segments().iter().map(|segment| segment.dictionary(ColumnId(2)));
    assert!(dictionaries.flatten().count() >= 3);
    let scan = Scan::new(Arc::clone(table), Vec::new(), ScanOptions::default()).unwrap();
    let mut first_row = 0;
    let mut found = 0;
    for morsel in scan.morsels() {
        let opened =
            scan.open(morsel, &[ColumnId(1), ColumnId(2)], &mut OpenBlocks::default()).unwrap();
        let mut selection = Selection::all(morsel.rows());
        selection.clear_range(10..morsel.rows() / 2);
        assert!(opened.codes(0, &selection).unwrap().is_none());
        assert!(opened.codes(2, &selection).is_err());
        if let Some(ColumnCodes { dictionary, codes }) = opened.codes(1, &selection).unwrap() {
            for (place, row) in selection.indices().into_iter().enumerate() {
                let is_null = codes.nulls.as_ref().is_some_and(|nulls| nulls.is_null(place));
                let text = dictionary.value(codes.codes[place]).unwrap();
                let text = (!is_null).then(|| Scalar::String(text.into()));
                assert_eq!(text, rows[first_row + row as usize][1]);
                found += 1;
            }
        }
        first_row += morsel.rows();
    }
    assert!(found > 30_000, "{found}");
}

#[test]
fn later_filters_narrow_and_rule_out() {
    let (table, _) = fixture();
    let scan = Scan::new(Arc::clone(table), Vec::new(), ScanOptions::default()).unwrap();
    let first = &scan.morsels()[0];
    let days = filter(6, Predicate::Compare { op: CompareOp::Less, value: Scalar::Integer(10) });
    let later =
        filter(6, Predicate::Compare { op: CompareOp::Greater, value: Scalar::Integer(99) });
    assert!(!scan.rules_out(first, std::slice::from_ref(&days)).unwrap());
    assert!(scan.rules_out(first, &[days.clone(), later.clone()]).unwrap());
    let (mut selection, mut blocks) = (scan.select(first).unwrap(), OpenBlocks::default());
    let mut removed = Removed::default();
    scan.narrow(first, std::slice::from_ref(&days), &mut selection, &mut blocks, &mut removed)
        .unwrap();
    let ranges: Vec<Range<usize>> = selection.ranges().collect();
    assert!(ranges.len() == 1 && ranges[0] == (0..10_000));
    scan.narrow(first, std::slice::from_ref(&later), &mut selection, &mut blocks, &mut removed)
        .unwrap();
    assert!(selection.is_empty());
    let options = ScanOptions { zone_maps: false, ..ScanOptions::default() };
    let scan = Scan::new(Arc::clone(table), Vec::new(), options).unwrap();
    assert!(!scan.rules_out(&scan.morsels()[0], &[later]).unwrap());
}

#[test]
fn a_morsel_is_decoded_piece_by_piece_as_at_once() {
    let (table, _) = fixture();
    let scan = Scan::new(Arc::clone(table), Vec::new(), ScanOptions::default()).unwrap();
    let ids: Vec<ColumnId> = (1..=6).map(ColumnId).collect();
    let morsel = &scan.morsels()[0];
    let whole = scan.decode(morsel, &ids, &Selection::all(morsel.rows())).unwrap();
    let opened = scan.open(morsel, &ids, &mut OpenBlocks::default()).unwrap();
    for piece in [0..1_000, 1_000..1_001, 40_000..BLOCK_ROWS, 5..5] {
        let mut selection = Selection::all(morsel.rows());
        selection.clear_range(0..piece.start);
        selection.clear_range(piece.end..morsel.rows());
        for (array, whole) in opened.decode(&selection).unwrap().iter().zip(&whole) {
            assert_eq!(array.as_ref(), whole.slice(piece.start, piece.len()).as_ref());
        }
    }
}

#[test]
fn an_unknown_column_is_an_error() {
    let (table, _) = fixture();
    let scan = Scan::new(Arc::clone(table), Vec::new(), ScanOptions::default()).unwrap();
    let morsel = &scan.morsels()[0];
    let selection = scan.select(morsel).unwrap();
    assert!(scan.decode(morsel, &[ColumnId(77)], &selection).is_err());
}

#[test]
fn bounds_are_those_of_the_rows() {
    let (table, rows) = fixture();
    for idx in 0..TYPES.len() {
        let bounds = column_bounds(table, ColumnId(idx as u32 + 1)).unwrap();
        let values = || rows.iter().filter_map(|row| row[idx].clone());
        let order = |a: &Scalar, b: &Scalar| a.compare(b).unwrap();
        assert_eq!(bounds.nulls, rows.iter().filter(|row| row[idx].is_none()).count() as u64);
        assert_eq!(bounds.min, values().min_by(order), "{idx}");
        assert_eq!(bounds.max, values().max_by(order), "{idx}");
    }
}

fn any_predicate() -> impl Strategy<Value = ColumnFilter> {
    let op = prop_oneof![
        Just(CompareOp::Equal),
        Just(CompareOp::NotEqual),
        Just(CompareOp::Less),
        Just(CompareOp::LessOrEqual),
        Just(CompareOp::Greater),
        Just(CompareOp::GreaterOrEqual),
    ];
    let constants = |column: u32, value: i64| match column {
        2 => Scalar::String(format!("text number {}", value.rem_euclid(45))),
        3 => Scalar::Float(value as f64 % 100.0 / 2.0),
        5 => Scalar::Integer(i128::from(value % 3)),
        6 => Scalar::Integer(i128::from(value % 400)),
        _ => Scalar::Integer(i128::from(value)),
    };
    let ends = (-60_000_i64..60_000, 0_i64..50_000);
    (1_u32..=6, op, ends, 0..5).prop_map(move |(column, op, (value, width), kind)| {
        let constant = |value| constants(column, value);
        filter(
            column,
            match kind {
                0 | 1 => Predicate::Compare { op, value: constant(value) },
                2 => Predicate::Between { low: constant(value), high: constant(value + width) },
                3 => Predicate::is_in((0..8).map(|step| constant(value + width * step)).collect()),
                _ => Predicate::IsNotNull,
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_filters_give_what_the_plain_way_gives(
        filters in proptest::collection::vec(any_predicate(), 1..4)
    ) {
        check(&filters);
    }
}
