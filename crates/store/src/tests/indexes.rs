//! Bitmap indexes: made where they were asked for or pay, kept when segments are rewritten, and
//! never a reason for other rows.

use super::support::*;
use crate::{LoadOptions, SharedDictionaries, Store, Table, TableDefinition};
use arrow::array::StringViewArray;
use arrow::record_batch::RecordBatch;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Scalar};
use starfact_encoding::{CompareOp, Predicate, Selection};
use starfact_vfs::MemDir;
use std::ops::Range;
use std::sync::Arc;

/// Pages that were visited: a long address each, and the one of 300 campaigns that led there.
fn visits(asked: Option<bool>) -> TableDefinition {
    let mut definition = TableDefinition {
        name: "visits".into(),
        columns: vec![
            column("campaign", DataType::Integer),
            column("kind", DataType::Integer),
            column("address", DataType::Varchar),
        ],
        ..TableDefinition::default()
    };
    definition.columns[0].bitmap = asked;
    definition
}

/// Numbers without an order.
fn mixed(row: i32, salt: u64) -> u64 {
    let mixed = (row as u64 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20
}

fn rows(range: Range<i32>) -> RecordBatch {
    let campaign =
        |row: i32| (!mixed(row, 7).is_multiple_of(50)).then(|| (mixed(row, 1) % 300) as i32);
    let address = |row: i32| {
        let words = (0..20).map(|salt| format!("{:x}", mixed(row * 32, salt + 100)));
        words.collect::<Vec<_>>().join("/")
    };
    let addresses: Vec<String> = range.clone().map(address).collect();
    batch(vec![
        nullable_ints(range.clone().map(campaign)),
        ints(range.map(|row| (mixed(row, 3) % 3) as i32)),
        texts(addresses.iter().map(String::as_str)),
    ])
}

fn load(asked: Option<bool>, index_columns: bool, rows_of: &[Range<i32>]) -> Store {
    let store = open(&MemDir::new());
    create(&store, &visits(asked));
    let options = LoadOptions { index_columns, threads: 2, ..LoadOptions::default() };
    for range in rows_of {
        insert_with(&store, "visits", vec![rows(range.clone())], &options).unwrap();
        assert_sound(&store);
    }
    store
}

/// Bytes of the bitmap indexes of a column.
fn bitmap_bytes(table: &Table, id: u32) -> u64 {
    let files = table.segments().iter().map(|segment| segment.column(ColumnId(id)));
    let of_file = |file: Arc<starfact_format::ColumnFile>| -> u64 {
        (0..file.block_count()).map(|idx| file.bitmap_byte_len(idx)).sum()
    };
    files.map(|file| of_file(file.unwrap().unwrap())).sum()
}

/// The rows of a campaign by bitmaps, which must be those by the blocks; returns the blocks that
/// have bitmaps.
fn check_campaign(table: &Table, campaign: i32) -> usize {
    check_value(table, Scalar::Integer(campaign.into()))
}

fn check_value(table: &Table, value: Scalar) -> usize {
    let predicate = Predicate::Compare { op: CompareOp::Equal, value };
    let mut answered = 0;
    for segment in table.segments() {
        let file = segment.column(ColumnId(1)).unwrap().unwrap();
        for idx in 0..file.block_count() {
            let block = file.block(idx).unwrap();
            let mut expected = Selection::all(block.rows());
            block.filter(&predicate, &mut expected).unwrap();
            let Some(index) = file.bitmaps(idx).unwrap() else { continue };
            let found = index.find(&predicate).unwrap().unwrap();
            assert_eq!(index.rows_of(&found.kept.values, block.rows()).unwrap(), expected);
            answered += 1;
        }
    }
    answered
}

#[test]
fn a_column_that_is_asked_for_has_an_index_in_every_segment() {
    let ranges = [0..BLOCK_ROWS as i32 + 30_000, 100_000..140_000];
    let store = load(Some(true), false, &ranges);
    let indexed = table(&store, "visits");
    assert_eq!(indexed.column_named("campaign").unwrap().bitmap, Some(true));
    assert!(bitmap_bytes(&indexed, 1) > 200_000 && bitmap_bytes(&indexed, 2) == 0);
    for campaign in [0, 7, 299, 300, -1] {
        assert_eq!(check_campaign(&indexed, campaign), 3);
    }
    let without = load(Some(false), true, &ranges);
    assert_eq!(bitmap_bytes(&table(&without, "visits"), 1), 0);
    for column in ["campaign", "kind", "address"] {
        assert!(read(&store, "visits", column) == read(&without, "visits", column), "{column}");
    }
}

#[test]
fn a_load_adds_indexes_that_pay_and_spends_little_on_them() {
    let all = 0..BLOCK_ROWS as i32;
    let range = std::slice::from_ref(&all);
    let (indexed, without) = (load(None, true, range), load(None, false, range));
    let (with, plain) = (table(&indexed, "visits"), table(&without, "visits"));
    assert!(bitmap_bytes(&with, 1) > 100_000, "{}", bitmap_bytes(&with, 1));
    // Three values of a third each are never looked up; addresses are all different.
    assert_eq!((bitmap_bytes(&with, 2), bitmap_bytes(&with, 3)), (0, 0));
    assert_eq!(bitmap_bytes(&plain, 1), 0);
    assert!(with.bytes() > plain.bytes() && with.bytes() < plain.bytes() * 104 / 100);
    assert_eq!(check_campaign(&with, 5), 1);
    assert!(read(&indexed, "visits", "campaign") == read(&without, "visits", "campaign"));
}

#[test]
fn what_is_small_gets_no_index_unless_asked() {
    let store = load(None, true, std::slice::from_ref(&(0..10_000)));
    assert_eq!(bitmap_bytes(&table(&store, "visits"), 1), 0);
}

#[test]
fn small_segments_that_become_one_keep_the_index_that_was_asked_for() {
    let ranges: Vec<_> = (0..64).map(|load| load * 400..(load + 1) * 400).collect();
    let store = load(Some(true), false, &ranges);
    let merged = table(&store, "visits");
    assert_eq!((merged.segments().len(), merged.row_count()), (1, 25_600));
    assert!(bitmap_bytes(&merged, 1) > 50_000);
    assert_eq!(check_campaign(&merged, 17), 1);
}

/// Visits whose campaigns have names.
fn named(asked: Option<bool>, index_columns: bool, rows_of: &[Range<i32>]) -> (MemDir, Store) {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut definition = visits(asked);
    definition.columns[0].data_type = DataType::Varchar;
    create(&store, &definition);
    let shared_dictionaries = SharedDictionaries::Always;
    let options =
        LoadOptions { index_columns, shared_dictionaries, threads: 2, ..LoadOptions::default() };
    for range in rows_of {
        let others = rows(range.clone());
        let name = |row: i32| {
            let campaign = mixed(row, 1) % 300;
            (!mixed(row, 7).is_multiple_of(50)).then(|| format!("campaign {campaign}"))
        };
        let names = Arc::new(range.clone().map(name).collect::<StringViewArray>());
        let all = vec![names as _, Arc::clone(others.column(1)), Arc::clone(others.column(2))];
        insert_with(&store, "visits", vec![batch(all)], &options).unwrap();
    }
    (dir, store)
}

fn has_shared_codes(table: &Table) -> bool {
    let has_codes = |segment: &Arc<crate::Segment>| {
        let file = segment.column(ColumnId(1)).unwrap().unwrap();
        let tree = file.block(0).unwrap().tree();
        segment.dictionary(ColumnId(1)).is_some() && tree.starts_with("shared-dictionary(")
    };
    table.segments().iter().all(has_codes)
}

#[test]
fn text_that_becomes_codes_of_a_shared_dictionary_keeps_its_index() {
    let ranges = [0..BLOCK_ROWS as i32 + 30_000, 100_000..140_000];
    let (dir, store) = named(Some(true), false, &ranges);
    let (_, without) = named(Some(false), true, &ranges);
    assert!(read(&store, "visits", "campaign") == read(&without, "visits", "campaign"));
    assert_eq!(bitmap_bytes(&table(&without, "visits"), 1), 0);
    drop(store);
    let indexed = table(&open(&dir), "visits");
    assert!(has_shared_codes(&indexed) && bitmap_bytes(&indexed, 1) > 200_000);
    for name in ["campaign 0", "campaign 7", "campaign 299", "campaign 300", ""] {
        assert_eq!(check_value(&indexed, Scalar::String(name.into())), 3, "{name}");
    }
}

#[test]
fn an_index_that_nobody_asked_for_leaves_text_its_shared_dictionary() {
    let all = 0..BLOCK_ROWS as i32;
    let (dir, store) = named(None, true, std::slice::from_ref(&all));
    let check = |table: &Table| {
        assert!(has_shared_codes(table) && bitmap_bytes(table, 1) > 100_000);
        assert_eq!(check_value(table, Scalar::String("campaign 5".into())), 1);
    };
    check(&table(&store, "visits"));
    let before = read(&store, "visits", "campaign");
    drop(store);
    let store = open(&dir);
    check(&table(&store, "visits"));
    assert!(read(&store, "visits", "campaign") == before);
}
