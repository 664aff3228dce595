//! Derived columns: the same rows with them and without, in less space, and damage is noticed.

use super::support::*;
use crate::{LoadOptions, Store, Table, TableDefinition};
use arrow::array::Int64Array;
use arrow::record_batch::RecordBatch;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Result, Scalar};
use starfact_encoding::{CompareOp, Predicate, Selection};
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

/// Order lines whose revenue follows from price and discount, NULL in some rows.
fn sales() -> TableDefinition {
    let columns = ["id", "dim", "price", "discount", "revenue", "noise"];
    TableDefinition {
        name: "sales".into(),
        columns: columns.map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key(&["id"])),
        foreign_keys: vec![reference(&["dim"], "dim")],
        sorted_by: strings(&["id"]),
        ..TableDefinition::default()
    }
}

/// A number that looks like chance, below `below`.
fn chance(row: i32, below: u32) -> i32 {
    let mixed = u64::from(row as u32 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((mixed >> 33) % u64::from(below)) as i32
}

const DIMS: i32 = 500;

fn price(row: i32) -> i32 {
    chance(row, 9_000_000) + 1_000
}

fn sales_rows(rows: std::ops::Range<i32>) -> RecordBatch {
    let discount = |row: i32| chance(row * 7 + 1, 11);
    let revenue = |row: i32| match row % 90 {
        17 => None,
        18 => Some(5),
        _ => Some((i64::from(price(row)) * i64::from(100 - discount(row)) / 100) as i32),
    };
    batch(vec![
        ints(rows.clone()),
        nullable_ints(
            rows.clone().map(|row| (row % 50 != 3).then(|| chance(row * 3, DIMS as u32) + 1)),
        ),
        ints(rows.clone().map(price)),
        ints(rows.clone().map(discount)),
        nullable_ints(rows.clone().map(revenue)),
        ints(rows.map(|row| chance(row * 11 + 5, 1 << 20))),
    ])
}

fn options(derive_columns: bool) -> LoadOptions {
    LoadOptions { derive_columns, threads: 2, ..LoadOptions::default() }
}

fn with_sales(derive_columns: bool, rows: i32) -> (MemDir, Store) {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows(1..=DIMS)]).unwrap();
    create(&store, &sales());
    insert_with(&store, "sales", vec![sales_rows(0..rows)], &options(derive_columns)).unwrap();
    assert_sound(&store);
    (dir, store)
}

/// All columns, hidden ones too.
fn ids(table: &Table) -> Vec<ColumnId> {
    let hidden = table.foreign_keys().iter().map(|key| key.ordinal_column);
    table.columns().iter().map(|column| column.id).chain(hidden).collect()
}

fn contents(store: &Store) -> Vec<Vec<String>> {
    let sales = table(store, "sales");
    ids(&sales).into_iter().map(|id| values(&sales, id)).collect()
}

fn tree(table: &Table, id: ColumnId) -> String {
    table.segments()[0].column(id).unwrap().unwrap().block(0).unwrap().tree()
}

/// The rows of every block that satisfy a predicate.
fn selected(table: &Table, id: ColumnId, predicate: &Predicate) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for segment in table.segments() {
        let file = segment.column(id).unwrap().unwrap();
        for block in 0..file.block_count() {
            let block = file.block(block).unwrap();
            let mut selection = Selection::all(block.rows());
            block.filter(predicate, &mut selection).unwrap();
            all.push(selection.indices());
        }
    }
    all
}

#[test]
fn rows_are_the_same_with_derived_columns_and_without() {
    let rows = BLOCK_ROWS as i32 + 30_000;
    let (_, derived) = with_sales(true, rows);
    let (_, stored) = with_sales(false, rows);
    assert_eq!(contents(&derived), contents(&stored));
    let (derived, stored) = (table(&derived, "sales"), table(&stored, "sales"));
    let hidden = derived.foreign_keys()[0].ordinal_column;
    assert_eq!(
        tree(&derived, hidden).split(", ").take(2).collect::<Vec<_>>(),
        ["derived(c2", "constant)"],
    );
    let revenue = derived.column_named("revenue").unwrap().id;
    let revenue_tree = tree(&derived, revenue);
    assert!(revenue_tree.starts_with("derived(c3 * (100 - c4) / 100, "), "{revenue_tree}");
    assert!(!tree(&stored, revenue).contains("derived") && stored.bytes() > derived.bytes());
    let ten_percent = |value: i32| {
        let value = Scalar::Integer(value.into());
        Predicate::Compare { op: CompareOp::Less, value }
    };
    for id in ids(&derived) {
        let zones = |table: &Table| {
            let file = table.segments()[0].column(id).unwrap().unwrap();
            file.zones().to_vec()
        };
        assert_eq!(zones(&derived), zones(&stored), "{id}");
        for predicate in [Predicate::IsNull, ten_percent(40), ten_percent(900_000)] {
            let found = selected(&derived, id, &predicate);
            assert_eq!(found, selected(&stored, id, &predicate), "{id} {predicate:?}");
        }
    }
}

#[test]
fn a_derived_column_takes_little_space() {
    let (_, store) = with_sales(true, BLOCK_ROWS as i32);
    let sales = table(&store, "sales");
    let segment = &sales.segments()[0];
    let hidden = sales.foreign_keys()[0].ordinal_column;
    assert!(segment.column_byte_len(hidden) < 10_000, "{}", segment.column_byte_len(hidden));
    let named = |name: &str| segment.column_byte_len(sales.column_named(name).unwrap().id);
    assert!(named("noise") > 150_000);
    let files: u64 = ids(&sales).into_iter().map(|id| segment.column_byte_len(id)).sum();
    assert_eq!(files, segment.byte_len());
}

#[test]
fn keys_and_columns_that_ask_for_an_encoding_stay_as_they_are() {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut definition = fact("copies");
    definition.foreign_keys.clear();
    definition.sorted_by.clear();
    definition.columns[1].encoding = Some("bit-packed".into());
    create(&store, &definition);
    // All three columns are the same but for a constant.
    let rows =
        |add: i32| ints((0..4_096_u32).map(move |row| (row.reverse_bits() >> 20) as i32 + add));
    insert(&store, "copies", vec![batch(vec![rows(0), rows(5), rows(9)])]).unwrap();
    assert_sound(&store);
    let copies = table(&store, "copies");
    let trees: Vec<String> = ids(&copies).into_iter().map(|id| tree(&copies, id)).collect();
    assert!(trees[0].starts_with("bit-packed") && trees[1].starts_with("bit-packed"), "{trees:?}");
    assert!(trees[2].starts_with("derived(c"), "{trees:?}");
}

#[test]
fn small_segments_are_derived_when_they_become_one() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows(1..=DIMS)]).unwrap();
    create(&store, &sales());
    // Some of them are derived themselves.
    for part in 0..70 {
        let rows = sales_rows(part * 300..(part + 1) * 300);
        insert_with(&store, "sales", vec![rows], &options(part % 2 == 1)).unwrap();
        assert_sound(&store);
    }
    let compacted = table(&store, "sales");
    assert!(compacted.segments().len() < 10, "{}", compacted.segments().len());
    let hidden = compacted.foreign_keys()[0].ordinal_column;
    assert!(tree(&compacted, hidden).starts_with("derived("));
    let (_, expected) = with_sales(false, 70 * 300);
    assert_eq!(contents(&store), contents(&expected));
    drop(store);
    // Rows that come later find the keys, and references find the rows.
    let store = open(&dir);
    let again = insert(&store, "sales", vec![sales_rows(0..1)]).unwrap_err();
    assert!(again.to_string().contains("id"), "{again}");
    insert(&store, "sales", vec![sales_rows(21_000..21_001)]).unwrap();
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn a_load_like_those_of_the_crash_tests_is_derived() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([2, 3, 1])]).unwrap();
    create(&store, &fact("fact"));
    let ids = 0..300_i32;
    let days = ids.clone().map(|id| id * 37 % 101);
    let rows = batch(vec![ints(ids.clone()), ints(ids.map(|id| id % 3 + 1)), ints(days)]);
    insert(&store, "fact", vec![rows]).unwrap();
    let fact = table(&store, "fact");
    let hidden = fact.foreign_keys()[0].ordinal_column;
    assert_eq!(tree(&fact, hidden), "derived(map of c2, constant)");
}

fn read_column(store: &Store, id: ColumnId) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for segment in table(store, "sales").segments() {
        let Some(file) = segment.column(id)? else { continue };
        for block in 0..file.block_count() {
            let block = file.block(block)?;
            let array = block.decode(0..block.rows())?;
            all.extend((0..array.len()).map(|row| show(&array, row)));
        }
    }
    Ok(all)
}

fn replace(dir: &MemDir, path: &str, bytes: &[u8]) {
    dir.remove_file(path).unwrap();
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

#[test]
fn damage_of_a_derived_column_or_of_a_source_is_noticed_and_the_file_named() {
    let (dir, store) = with_sales(true, 300);
    let sales = table(&store, "sales");
    let revenue = sales.column_named("revenue").unwrap().id;
    assert!(tree(&sales, revenue).starts_with("derived("));
    let folder = sales.segments()[0].folder().to_string();
    drop((store, sales));
    for column in [revenue, ColumnId(3), ColumnId(4)] {
        let path = crate::paths::column(&folder, column);
        let good = dir.read(&path).unwrap();
        for at in (0..good.len()).step_by(3) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            for bad in [&bad, &good[..at]] {
                replace(&dir, &path, bad);
                let error = try_open(&dir).and_then(|store| read_column(&store, revenue));
                let error = error.unwrap_err();
                assert!(error.to_string().contains(&path), "{at}: {error}");
            }
        }
        replace(&dir, &path, &good);
    }
    // A source that is not there, and one that is another column.
    let source = crate::paths::column(&folder, ColumnId(4));
    let good = dir.read(&source).unwrap();
    dir.remove_file(&source).unwrap();
    let store = open(&dir);
    let error = read_column(&store, revenue).unwrap_err();
    assert!(error.to_string().contains(&source), "{error}");
    drop(store);
    let mut file = dir.create(&source).unwrap();
    file.write(&good).unwrap();
    file.finish().unwrap();
    let revenue_path = crate::paths::column(&folder, revenue);
    let derived = dir.read(&revenue_path).unwrap();
    replace(&dir, &source, &derived);
    let store: Arc<Store> = Arc::new(open(&dir));
    assert!(read_column(&store, revenue).unwrap_err().is_corrupt());
}

#[test]
fn nothing_is_derived_from_the_ordinals_of_updated_rows() {
    let dir = MemDir::new();
    let store = open(&dir);
    let number = || column("number", DataType::BigInt);
    let columns = vec![number(), column("name", DataType::Varchar)];
    create(&store, &TableDefinition { name: "plain".into(), columns, ..Default::default() });
    let id = table(&store, "plain").id();
    let rows = |numbers: Vec<i64>| {
        let names: Vec<String> = numbers.iter().map(i64::to_string).collect();
        let names = texts(names.iter().map(String::as_str));
        batch(vec![Arc::new(Int64Array::from(numbers)), names])
    };
    let mut transaction = store.begin().unwrap();
    transaction.insert(id, &rows((0..2000).collect())).unwrap();
    transaction.commit().unwrap();
    let mut transaction = store.begin().unwrap();
    let updated: Vec<u64> = (0..2000).step_by(7).collect();
    transaction.update(id, &updated, &rows(updated.iter().map(|it| *it as i64).collect())).unwrap();
    transaction.commit().unwrap();
    store.optimize(id, &options(true), &|| Ok(())).unwrap().unwrap();
    assert_sound(&store);
    drop(store);
    let mut found: Vec<i64> =
        read(&open(&dir), "plain", "number").iter().map(|it| it.parse().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, (0..2000).collect::<Vec<i64>>());
}
