//! Constraints: what violates them is named, by the first row of the input, and nothing remains.

use super::support::*;
use crate::{LoadOptions, Store, TableDefinition};
use arrow::array::{ArrayRef, Int64Array};
use arrow::record_batch::RecordBatch;
use starfact_base::{DataType, Error};
use starfact_vfs::MemDir;
use std::sync::Arc;

/// The message of a load that violates a constraint, after which the store is as it was.
fn violation(store: &Store, table: &str, batches: Vec<RecordBatch>) -> String {
    violation_with(store, table, batches, &LoadOptions::default())
}

fn violation_with(
    store: &Store,
    table: &str,
    batches: Vec<RecordBatch>,
    options: &LoadOptions,
) -> String {
    let before = store.snapshot().unwrap();
    let error = insert_with(store, table, batches, options).unwrap_err();
    assert!(matches!(error, Error::Constraint(_)), "{error}");
    assert_eq!(store.snapshot().unwrap().version(), before.version());
    assert_sound(store);
    error.to_string()
}

fn dims(store: &Store, ids: impl IntoIterator<Item = i32>) {
    create(store, &dimension("dim"));
    insert(store, "dim", vec![dimension_rows(ids)]).unwrap();
    create(store, &fact("fact"));
}

#[test]
fn null_in_a_column_that_must_not_be_is_named() {
    let store = open(&MemDir::new());
    dims(&store, [1]);
    let good = batch(vec![ints([1, 2]), ints([1, 1]), ints([1, 1])]);
    let bad = batch(vec![nullable_ints([Some(3), None, None]), ints([1; 3]), ints([1; 3])]);
    assert_eq!(
        violation(&store, "fact", vec![good, bad]),
        "table \"fact\": column \"id\" is NULL in row 4, and it is declared NOT NULL"
    );
}

#[test]
fn a_key_that_occurs_twice_is_named_with_both_rows() {
    let store = open(&MemDir::new());
    dims(&store, [1]);
    let rows = |ids: &[i32], days: &[i32]| {
        let count = ids.len();
        batch(vec![ints(ids.to_vec()), ints(vec![1; count]), ints(days.to_vec())])
    };
    let batches = vec![rows(&[5, 9, 7], &[3, 2, 1]), rows(&[8, 7, 5, 5, 7], &[5, 0, 9, 4, 2])];
    assert_eq!(
        violation(&store, "fact", batches),
        "table \"fact\": key (id) = (7) occurs twice, first in row 3 and again in row 5"
    );
    let batches = vec![rows(&[1, 2, 3, 2], &[1, 1, 1, 1])];
    assert_eq!(
        violation(&store, "fact", batches),
        "table \"fact\": key (id) = (2) occurs twice, first in row 2 and again in row 4"
    );
}

#[test]
fn a_key_that_is_in_the_table_already_is_named() {
    let dir = MemDir::new();
    let store = open(&dir);
    dims(&store, [1, 2, 3]);
    // One run in key order, one that is not, one that extends neither.
    insert(&store, "dim", vec![dimension_rows([20, 10])]).unwrap();
    insert(&store, "dim", vec![dimension_rows([15, 16])]).unwrap();
    for (ids, found, row) in
        [(vec![4, 2], 2, 2), (vec![10], 10, 1), (vec![30, 25, 16], 16, 3), (vec![20, 15], 20, 1)]
    {
        assert_eq!(
            violation(&store, "dim", vec![dimension_rows(ids)]),
            format!("table \"dim\": key (id) = ({found}) of row {row} is in the table already")
        );
    }
    insert(&store, "dim", vec![dimension_rows([17, 4])]).unwrap();
    assert_eq!(read(&store, "dim", "id"), ["1", "2", "3", "20", "10", "15", "16", "17", "4"]);
    drop(store);
    let store = open(&dir);
    assert!(violation(&store, "dim", vec![dimension_rows([17])]).contains("(17) of row 1"));
}

#[test]
fn a_load_within_the_transaction_counts_too() {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(&dimension("dim")).unwrap();
    let mut load = |ids: Vec<i32>| {
        let mut batches = std::iter::once(Ok(dimension_rows(ids)));
        transaction.load(id, &mut batches, &LoadOptions::default())
    };
    assert_eq!(load(vec![3, 1]).unwrap(), 2);
    let before = files(&dir, "");
    let error = load(vec![2, 1]).unwrap_err().to_string();
    assert!(error.contains("(1) of row 2 is in the table already"), "{error}");
    assert_eq!(files(&dir, ""), before, "the failed load left nothing behind");
    assert_eq!(load(vec![2]).unwrap(), 1);
    transaction.commit().unwrap();
    assert_eq!(read(&store, "dim", "id"), ["3", "1", "2"]);
}

#[test]
fn an_unresolved_reference_is_named() {
    let store = open(&MemDir::new());
    dims(&store, [1, 2]);
    let rows = batch(vec![ints([1, 2, 3, 4]), ints([2, 8, 1, 7]), ints([4, 3, 2, 1])]);
    assert_eq!(
        violation(&store, "fact", vec![rows]),
        "table \"fact\": (dim) = (8) of row 2 references no row of table \"dim\" (id): load that \
         row first, or correct the value"
    );
}

#[test]
fn faults_are_named_by_input_row_when_sorting_on_disk() {
    let store = open(&MemDir::new());
    dims(&store, [1]);
    let options = LoadOptions { memory_bytes: 100_000, threads: 2, ..LoadOptions::default() };
    let rows = |ids: Vec<i32>, dims: Vec<i32>| -> Vec<RecordBatch> {
        let all: Vec<(i32, i32)> = ids.into_iter().zip(dims).collect();
        let days = |id: i32| (i64::from(id) * 7919 % 1009) as i32;
        let part = |rows: &[(i32, i32)]| {
            let ids = rows.iter().map(|(id, _)| *id);
            let dims = ints(rows.iter().map(|(_, dim)| *dim));
            batch(vec![ints(ids.clone()), dims, ints(ids.map(days))])
        };
        all.chunks(1000).map(part).collect()
    };
    let mut ids: Vec<i32> = (0..50_000).collect();
    let mut dims = vec![1; 50_000];
    (dims[31_233], dims[44_000]) = (9, 8);
    let message = violation_with(&store, "fact", rows(ids.clone(), dims), &options);
    assert!(message.contains("(dim) = (9) of row 31234 "), "{message}");
    (ids[40_000], ids[45_000]) = (11_111, 3);
    let message = violation_with(&store, "fact", rows(ids, vec![1; 50_000]), &options);
    assert!(
        message.contains("(id) = (11111) occurs twice, first in row 11112 and again in row 40001"),
        "{message}"
    );
}

#[test]
fn composite_keys_and_references_match_simply() {
    let store = open(&MemDir::new());
    let pair = |name: &str| TableDefinition {
        name: name.into(),
        columns: vec![column("a", DataType::BigInt), column("b", DataType::Varchar)],
        ..TableDefinition::default()
    };
    let parent = TableDefinition { unique: vec![key(&["a", "b"])], ..pair("parent") };
    create(&store, &parent);
    let mut references = reference(&["b", "a"], "parent");
    references.parent_columns = strings(&["b", "a"]);
    create(&store, &TableDefinition { foreign_keys: vec![references], ..pair("child") });
    let bigs = |values: Vec<Option<i64>>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let names = |values: Vec<Option<&str>>| -> ArrayRef {
        Arc::new(arrow::array::StringViewArray::from(values))
    };
    // Rows with a NULL in a UNIQUE key do not conflict, and are not referenced.
    let rows = batch(vec![
        bigs(vec![Some(1), None, None, Some(1), Some(2)]),
        names(vec![Some("x"), Some("x"), Some("x"), None, Some("a long name that is not inline")]),
    ]);
    insert(&store, "parent", vec![rows]).unwrap();
    let rows = batch(vec![
        bigs(vec![Some(2), None, Some(9), Some(1)]),
        names(vec![Some("a long name that is not inline"), Some("x"), None, Some("x")]),
    ]);
    insert(&store, "child", vec![rows]).unwrap();
    let child = table(&store, "child");
    let ordinals = values(&child, child.foreign_keys()[0].ordinal_column);
    assert_eq!(ordinals, ["4", "NULL", "NULL", "0"]);
    let rows = batch(vec![bigs(vec![Some(1), Some(2)]), names(vec![Some("x"), Some("it's")])]);
    let message = violation(&store, "child", vec![rows]);
    assert!(message.contains("(a, b) = (2, 'it's') of row 2 references no row"), "{message}");
    let rows = batch(vec![bigs(vec![Some(3), Some(1)]), names(vec![None, Some("x")])]);
    let message = violation(&store, "parent", vec![rows]);
    assert!(message.contains("(a, b) = (1, 'x') of row 2 is in the table already"), "{message}");
}

#[test]
fn references_of_another_width_are_compared_by_value() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1, 2])]).unwrap();
    let definition = TableDefinition {
        name: "wide".into(),
        columns: vec![column("dim", DataType::BigInt)],
        foreign_keys: vec![reference(&["dim"], "dim")],
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let rows = |values: Vec<Option<i64>>| batch(vec![Arc::new(Int64Array::from(values)) as _]);
    insert(&store, "wide", vec![rows(vec![Some(2), None, Some(1)])]).unwrap();
    let wide = table(&store, "wide");
    assert_eq!(values(&wide, wide.foreign_keys()[0].ordinal_column), ["1", "NULL", "0"]);
    let big = (1_i64 << 32) + 1;
    let message = violation(&store, "wide", vec![rows(vec![Some(1), Some(big)])]);
    assert!(message.contains(&format!("(dim) = ({big}) of row 2 references no row")), "{message}");
}

#[test]
fn a_table_may_reference_itself_and_rows_of_the_same_load() {
    let store = open(&MemDir::new());
    let definition = TableDefinition {
        name: "staff".into(),
        columns: vec![column("id", DataType::Integer), column("boss", DataType::Integer)],
        primary_key: Some(key(&["id"])),
        foreign_keys: vec![reference(&["boss"], "staff")],
        sorted_by: strings(&["id"]),
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let rows = batch(vec![ints([5, 3, 4]), nullable_ints([Some(3), None, Some(5)])]);
    insert(&store, "staff", vec![rows]).unwrap();
    let rows = batch(vec![ints([7, 6]), ints([6, 4])]);
    insert(&store, "staff", vec![rows]).unwrap();
    let staff = table(&store, "staff");
    assert_eq!(
        values(&staff, staff.foreign_keys()[0].ordinal_column),
        ["NULL", "2", "0", "1", "3"]
    );
    let rows = batch(vec![ints([8, 9]), ints([9, 10])]);
    let message = violation(&store, "staff", vec![rows]);
    assert!(message.contains("(boss) = (10) of row 2 references no row"), "{message}");
}

#[test]
fn parents_may_be_loaded_in_the_same_transaction() {
    let store = open(&MemDir::new());
    let mut transaction = store.begin().unwrap();
    let dim = transaction.create_table(&dimension("dim")).unwrap();
    let fact_id = transaction.create_table(&fact("fact")).unwrap();
    let options = LoadOptions::default();
    let rows = dimension_rows([9, 8]);
    transaction.load(dim, &mut std::iter::once(Ok(rows)), &options).unwrap();
    let rows = batch(vec![ints([1, 2]), ints([8, 9]), ints([1, 2])]);
    transaction.load(fact_id, &mut std::iter::once(Ok(rows)), &options).unwrap();
    let view = transaction.snapshot().unwrap();
    assert!(!view.is_committed());
    assert_eq!(named(&view, "fact", "id"), ["1", "2"]);
    transaction.commit().unwrap();
    let fact = table(&store, "fact");
    assert_eq!(values(&fact, fact.foreign_keys()[0].ordinal_column), ["1", "0"]);
}

#[test]
fn key_order_is_known_while_it_holds() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let load = |ids: Vec<i32>| {
        insert(&store, "dim", vec![dimension_rows(ids)]).unwrap();
        let dim = table(&store, "dim");
        dim.is_in_key_order(dim.primary_key().unwrap().id)
    };
    let dim = table(&store, "dim");
    assert!(dim.is_in_key_order(dim.primary_key().unwrap().id), "no rows are in any order");
    assert!(load(vec![1, 2, 5]));
    assert!(load(vec![6, 9]));
    assert!(!load(vec![8]));
    assert!(!load(vec![10, 11]));
}
