//! What is loaded is there, in order, with the right ordinals and flags.

use super::support::*;
use crate::{LoadOptions, TableDefinition};
use arrow::array::Decimal128Array;
use starfact_base::DataType;
use starfact_vfs::MemDir;
use std::sync::Arc;

/// `n` as text.
fn text(values: impl IntoIterator<Item = i64>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

fn store_with_dimension(dir: &MemDir) -> crate::Store {
    let store = open(dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([10, 30, 20])]).unwrap();
    create(&store, &fact("fact"));
    store
}

#[test]
fn a_load_is_sorted_and_its_references_are_ordinals() {
    let store = store_with_dimension(&MemDir::new());
    let first = batch(vec![ints([1, 2]), ints([20, 10]), ints([5, 3])]);
    let second = batch(vec![ints([3, 4]), nullable_ints([None, Some(30)]), ints([4, 3])]);
    let empty = first.slice(0, 0);
    assert_eq!(insert(&store, "fact", vec![empty.clone(), first, empty, second]).unwrap(), 4);

    assert_eq!(read(&store, "fact", "day"), ["3", "3", "4", "5"]);
    assert_eq!(read(&store, "fact", "id"), ["2", "4", "3", "1"]);
    let fact = table(&store, "fact");
    let hidden = fact.foreign_keys()[0].ordinal_column;
    assert_eq!(values(&fact, hidden), ["0", "1", "NULL", "2"]);
    assert!(fact.is_sorted());
    assert_eq!((fact.row_count(), fact.ordinal_end()), (4, 4));
    let segment = &fact.segments()[0];
    assert_eq!((segment.first_row(), segment.row_count()), (0, 4));
    assert_eq!(fact.bytes(), segment.byte_len() + fact.key_runs[0].byte_len());
}

#[test]
fn a_load_without_rows_changes_nothing() {
    let store = store_with_dimension(&MemDir::new());
    let before = store.snapshot().unwrap();
    let empty = batch(vec![ints([]), ints([]), ints([])]);
    assert_eq!(insert(&store, "fact", vec![empty]).unwrap(), 0);
    assert_eq!(store.snapshot().unwrap().epoch(), before.epoch());
}

#[test]
fn sortedness_lasts_while_loads_extend_the_order() {
    let store = store_with_dimension(&MemDir::new());
    let load = |id: i32, day: i32| {
        insert(&store, "fact", vec![batch(vec![ints([id]), ints([10]), ints([day])])]).unwrap();
        table(&store, "fact").is_sorted()
    };
    assert!(load(1, 5));
    assert!(load(2, 5));
    assert!(load(3, 9));
    assert!(!load(4, 8));
    assert!(!load(5, 20), "once lost, the order does not come back");
    assert_eq!(read(&store, "fact", "day"), ["5", "5", "9", "8", "20"]);
}

#[test]
fn nulls_sort_last() {
    let store = store_with_dimension(&MemDir::new());
    let days = nullable_ints([None, Some(i32::MAX), Some(i32::MIN), None, Some(-1)]);
    insert(&store, "fact", vec![batch(vec![ints(1..=5), ints([10; 5]), days])]).unwrap();
    let expected =
        [i32::MIN.to_string(), "-1".into(), i32::MAX.to_string(), "NULL".into(), "NULL".into()];
    assert_eq!(read(&store, "fact", "day"), expected);
    assert_eq!(read(&store, "fact", "id"), ["3", "5", "2", "1", "4"]);
}

/// Rows of the fact in an order that is neither that of ids nor that of days.
fn shuffled(rows: i32) -> Vec<(i32, i32)> {
    (0..rows).map(|i| (i, (i64::from(i) * 7919 % 1009) as i32)).collect()
}

fn load_shuffled(memory_bytes: usize, threads: usize, batch_rows: usize) -> (Vec<String>, usize) {
    let dir = MemDir::new();
    let store = store_with_dimension(&dir);
    let rows = shuffled(200_000);
    let batches = rows.chunks(batch_rows).map(|rows| {
        let ids = ints(rows.iter().map(|(id, _)| *id));
        let dims = ints(rows.iter().map(|(id, _)| [10, 20, 30][(id % 3) as usize]));
        batch(vec![ids, dims, ints(rows.iter().map(|(_, day)| *day))])
    });
    let options = LoadOptions { memory_bytes, threads, ..LoadOptions::default() };
    insert_with(&store, "fact", batches.collect(), &options).unwrap();
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    (read(&store, "fact", "id"), table(&store, "fact").segments().len())
}

#[test]
fn sorting_on_disk_gives_the_same_table_as_in_memory() {
    let mut expected = shuffled(200_000);
    expected.sort_by_key(|(id, day)| (*day, *id));
    let expected = text(expected.into_iter().map(|(id, _)| i64::from(id)));
    let (in_memory, _) = load_shuffled(1 << 30, 2, 8192);
    assert!(in_memory == expected);
    // 40 runs, which takes two passes.
    let (on_disk, segments) = load_shuffled(120_000, 2, 5_000);
    assert_eq!(segments, 1);
    let day_of: std::collections::HashMap<String, i32> =
        shuffled(200_000).into_iter().map(|(id, day)| (id.to_string(), day)).collect();
    let days: Vec<i32> = on_disk.iter().map(|id| day_of[id]).collect();
    assert!(days.is_sorted());
    let mut ids: Vec<i64> = on_disk.iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    assert!(ids == (0..200_000).collect::<Vec<i64>>());
}

#[test]
fn many_small_loads_become_one_segment() {
    let store = store_with_dimension(&MemDir::new());
    for id in 0..200 {
        let row = batch(vec![ints([id]), ints([[10, 20, 30][(id % 3) as usize]]), ints([id / 2])]);
        insert(&store, "fact", vec![row]).unwrap();
        let fact = table(&store, "fact");
        assert!(fact.segments().len() < 64 && fact.is_sorted());
        assert!(fact.is_in_key_order(fact.primary_key().unwrap().id));
        assert_eq!(fact.key_runs.len(), 1);
    }
    assert_eq!(read(&store, "fact", "id"), text(0..200));
    let fact = table(&store, "fact");
    assert!(fact.segments().iter().all(|segment| segment.run() != 0), "each is in order");
    let hidden = values(&fact, fact.foreign_keys()[0].ordinal_column);
    assert_eq!(hidden, text((0..200).map(|id| [0, 2, 1][id % 3])));
    let ends = fact.segments().iter().map(|segment| segment.row_end());
    let firsts = fact.segments().iter().map(|segment| segment.first_row());
    assert_eq!(
        firsts.skip(1).collect::<Vec<_>>(),
        ends.take(fact.segments().len() - 1).collect::<Vec<_>>()
    );
    let row = batch(vec![ints([77]), ints([10]), ints([500])]);
    let error = insert(&store, "fact", vec![row]).unwrap_err().to_string();
    assert!(error.contains("(id) = (77) of row 1 is in the table already"), "{error}");
}

#[test]
fn small_loads_in_no_order_become_one_segment_too() {
    let dir = MemDir::new();
    let store = store_with_dimension(&dir);
    let ids: Vec<i32> = (0..200).map(|i| i * 83 % 200).collect();
    for id in &ids {
        insert(&store, "fact", vec![batch(vec![ints([*id]), ints([10]), ints([*id])])]).unwrap();
    }
    let fact = table(&store, "fact");
    assert!(fact.segments().len() < 64 && fact.key_runs.len() < 64);
    let first = &fact.segments()[0];
    assert!(first.row_count() >= 64 && first.run() != 0, "rows that became one are in order");
    let days = values(&fact, fact.sorted_by()[0]);
    let days: Vec<i32> = days.iter().map(|day| day.parse().unwrap()).collect();
    assert!(days[..first.row_count() as usize].is_sorted());
    assert!(!fact.is_sorted() && !fact.is_in_key_order(fact.primary_key().unwrap().id));
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    let all = sorted(text(ids.iter().map(|id| i64::from(*id))));
    assert_eq!(sorted(read(&store, "fact", "id")), all);
    for id in [0, 82, 199] {
        let row = batch(vec![ints([id]), ints([10]), ints([500])]);
        assert!(insert(&store, "fact", vec![row]).is_err(), "{id}");
    }
    drop(fact);
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    drop(store);
    assert_eq!(sorted(read(&open(&dir), "fact", "id")), all);
}

#[test]
fn every_type_is_kept() {
    use arrow::array::*;
    let store = open(&MemDir::new());
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    let types = [
        DataType::Boolean,
        DataType::SmallInt,
        DataType::BigInt,
        DataType::Real,
        DataType::Double,
        decimal(9, 2),
        decimal(38, 3),
        DataType::Varchar,
        DataType::Date,
        DataType::Time,
        DataType::Timestamp,
        DataType::TimestampTz,
    ];
    for sorted_by in 0..types.len() {
        let name = format!("t{sorted_by}");
        create(
            &store,
            &TableDefinition {
                name: name.clone(),
                columns: types
                    .iter()
                    .zip('a'..)
                    .map(|(ty, c)| column(&c.to_string(), *ty))
                    .collect(),
                unique: vec![key(&[&(b'a' + sorted_by as u8 - u8::from(sorted_by == 0)
                    + u8::from(sorted_by == 0) * 2)
                    .escape_ascii()
                    .to_string()])],
                sorted_by: vec![char::from(b'a' + sorted_by as u8).to_string()],
                ..TableDefinition::default()
            },
        );
        let columns: Vec<ArrayRef> = vec![
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
            Arc::new(Int16Array::from(vec![Some(1), Some(-1), None])),
            Arc::new(Int64Array::from(vec![Some(1), Some(i64::MIN), None])),
            Arc::new(Float32Array::from(vec![Some(f32::NAN), Some(-0.5), None])),
            Arc::new(Float64Array::from(vec![Some(f64::INFINITY), Some(0.5), None])),
            Arc::new(
                Decimal128Array::from(vec![Some(105), Some(-200), None])
                    .with_precision_and_scale(9, 2)
                    .unwrap(),
            ),
            Arc::new(
                Decimal128Array::from(vec![Some(10_i128.pow(37)), Some(-1), None])
                    .with_precision_and_scale(38, 3)
                    .unwrap(),
            ),
            Arc::new(StringViewArray::from(vec![
                Some("some text that is longer than a view"),
                Some(""),
                None,
            ])),
            Arc::new(Date32Array::from(vec![Some(1), Some(-1), None])),
            Arc::new(Time64MicrosecondArray::from(vec![Some(1), Some(0), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), Some(-1), None])),
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1), Some(-1), None]).with_timezone("UTC"),
            ),
        ];
        insert(&store, &name, vec![batch(columns.clone())]).unwrap();
        let table = table(&store, &name);
        assert!(table.is_sorted());
        for (column, array) in table.columns().iter().zip(&columns) {
            let expected = [show(array, 1), show(array, 0), "NULL".into()];
            assert_eq!(values(&table, column.id), expected);
        }
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    let store = open(&MemDir::new());
    let definition = TableDefinition {
        name: "t".into(),
        columns: vec![
            column("amount", DataType::Decimal { precision: 4, scale: 1 }),
            column("note", DataType::Varchar),
        ],
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let rows = |amounts: Vec<Option<i128>>, notes: Vec<&str>| {
        let amounts = Decimal128Array::from(amounts).with_precision_and_scale(4, 1).unwrap();
        batch(vec![Arc::new(amounts), texts(notes)])
    };
    let good = rows(vec![Some(9_999), Some(-9_999), None], vec!["", "a", "b"]);
    let bad = rows(vec![Some(5), Some(-10_000)], vec!["", ""]);
    let error = insert(&store, "t", vec![good.clone(), bad]).unwrap_err().to_string();
    assert_eq!(
        error,
        "table \"t\": the value of column \"amount\" in row 5 has more than the 4 digits of its type"
    );
    let long = "x".repeat((16 << 20) + 1);
    let bad = rows(vec![None], vec![&long]);
    let error = insert(&store, "t", vec![good.clone(), bad]).unwrap_err().to_string();
    assert!(error.contains("column \"note\" of table \"t\", row 4, of 16777217 bytes"), "{error}");
    assert_eq!(insert(&store, "t", vec![good]).unwrap(), 3);
}

#[test]
fn text_that_keeps_much_else_in_memory_is_copied() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let names: Vec<String> =
        (0..5_000).map(|i| format!("a name that is not inline, {i}")).collect();
    let all = batch(vec![ints(0..5_000), texts(names.iter().map(String::as_str))]);
    let few: Vec<_> = (0..50).map(|i| all.slice(i * 100, 3)).collect();
    insert(&store, "dim", few).unwrap();
    let expected: Vec<&String> = (0..50).flat_map(|i| &names[i * 100..i * 100 + 3]).collect();
    assert!(read(&store, "dim", "name").iter().eq(expected));
}
