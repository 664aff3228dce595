//! The store beside simple models of it, over many random loads.

use super::support::*;
use crate::{LoadOptions, OpenMode, Store, TableDefinition};
use arrow::array::ArrayRef;
use arrow::array::StringViewArray;
use proptest::prelude::*;
use starfact_base::DataType;
use starfact_vfs::{Dir, MemDir, OsDir};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a load of these keys must lead to: the first row, from 1, at fault, if any.
fn first_fault(known: &BTreeSet<i32>, keys: &[i32]) -> Option<usize> {
    let mut seen = BTreeSet::new();
    keys.iter().position(|key| known.contains(key) || !seen.insert(*key)).map(|row| row + 1)
}

fn options(memory_bytes: usize) -> LoadOptions {
    LoadOptions { memory_bytes, threads: 1, ..LoadOptions::default() }
}

/// A table with a key, a nullable reference to itself and a sort order.
fn staff() -> TableDefinition {
    TableDefinition {
        name: "staff".into(),
        columns: ["id", "boss", "day"].map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key(&["id"])),
        foreign_keys: vec![reference(&["boss"], "staff")],
        sorted_by: strings(&["day", "id"]),
        ..TableDefinition::default()
    }
}

/// (id, boss, day)
type Row = (i32, Option<i32>, Option<i32>);

fn staff_batches(rows: &[Row], batch_rows: usize) -> Vec<arrow::record_batch::RecordBatch> {
    let part = |rows: &[Row]| {
        batch(vec![
            ints(rows.iter().map(|row| row.0)),
            nullable_ints(rows.iter().map(|row| row.1)),
            nullable_ints(rows.iter().map(|row| row.2)),
        ])
    };
    rows.chunks(batch_rows).map(part).collect()
}

fn text(value: Option<i32>) -> String {
    value.map_or("NULL".into(), |value| value.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn loads_of_keys_references_and_orders_agree_with_a_model(
        loads in proptest::collection::vec(
            (
                proptest::collection::vec(
                    (0..60_i32, proptest::option::weighted(0.7, 0..62_i32), proptest::option::of(0..5_i32)),
                    1..14,
                ),
                1..6_usize,
                prop_oneof![Just(1_usize), Just(200), Just(1 << 20)],
            ),
            1..10,
        ),
        reopen in any::<bool>(),
    ) {
        let dir = MemDir::new();
        let mut store = open(&dir);
        create(&store, &staff());
        let mut model: Vec<Row> = Vec::new();
        let mut known = BTreeSet::new();
        for (rows, batch_rows, memory_bytes) in loads {
            let ids: Vec<i32> = rows.iter().map(|row| row.0).collect();
            let batches = staff_batches(&rows, batch_rows);
            let outcome = insert_with(&store, "staff", batches, &options(memory_bytes));
            let fault = first_fault(&known, &ids);
            let exists = |boss: i32| known.contains(&boss) || ids.contains(&boss);
            let dangling = rows.iter().position(|row| row.1.is_some_and(|boss| !exists(boss)));
            match (fault, dangling) {
                (Some(row), _) => {
                    let message = outcome.unwrap_err().to_string();
                    let named = message.contains(&format!("of row {row} is in the table"))
                        || message.ends_with(&format!("and again in row {row}"));
                    prop_assert!(named, "{row}: {message}");
                }
                (None, Some(at)) => {
                    let message = outcome.unwrap_err().to_string();
                    let named = message.contains(&format!("of row {} references no row", at + 1));
                    prop_assert!(named, "{at}: {message}");
                }
                (None, None) => {
                    prop_assert_eq!(outcome.unwrap(), rows.len() as u64);
                    let mut rows = rows;
                    rows.sort_by_key(|row| (row.2.is_none(), row.2, row.0));
                    known.extend(ids);
                    model.extend(rows);
                }
            }
            if reopen {
                drop(store);
                store = open(&dir);
            }
            let staff = table(&store, "staff");
            prop_assert_eq!(read(&store, "staff", "id"), model.iter().map(|row| text(Some(row.0))).collect::<Vec<_>>());
            prop_assert_eq!(read(&store, "staff", "boss"), model.iter().map(|row| text(row.1)).collect::<Vec<_>>());
            prop_assert_eq!(read(&store, "staff", "day"), model.iter().map(|row| text(row.2)).collect::<Vec<_>>());
            let ordinals: BTreeMap<i32, i32> = model.iter().map(|row| row.0).zip(0..).collect();
            let bosses = model.iter().map(|row| text(row.1.map(|boss| ordinals[&boss])));
            prop_assert_eq!(
                values(&staff, staff.foreign_keys()[0].ordinal_column),
                bosses.collect::<Vec<_>>()
            );
            let order = |row: &Row| (row.2.is_none(), row.2, row.0);
            prop_assert_eq!(staff.is_sorted(), model.is_sorted_by_key(order));
            let key = staff.primary_key().unwrap().id;
            prop_assert_eq!(staff.is_in_key_order(key), model.is_sorted_by_key(|row| row.0));
            prop_assert_eq!(staff.ordinal_end(), model.len() as u64);
            prop_assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
            assert_sound(&store);
        }
    }
}

#[test]
fn references_to_dense_and_to_scattered_keys_are_the_same() {
    for spread in [1, 5_000] {
        let store = open(&MemDir::new());
        create(&store, &dimension("dim"));
        let keys: Vec<i32> = (0..9_000).map(|i| (i * 7_001 % 9_001) * spread - 3_000).collect();
        for part in keys.chunks(4_000) {
            insert(&store, "dim", vec![dimension_rows(part.iter().copied())]).unwrap();
        }
        create(&store, &fact("fact"));
        let rows = 150_000;
        let dim = |row: i32| keys[(row as usize * 31) % keys.len()];
        let day = |row: i32| row / 1_000;
        let load = |rows: std::ops::Range<i32>| {
            let columns = [ints(rows.clone()), ints(rows.clone().map(dim)), ints(rows.map(day))];
            insert(&store, "fact", vec![batch(columns.into())]).unwrap();
        };
        load(0..rows);
        // A small load looks into the runs instead.
        load(rows..rows + 50);
        let fact = table(&store, "fact");
        let found = values(&fact, fact.foreign_keys()[0].ordinal_column);
        let expected = (0..rows + 50).map(|row| (row as usize * 31 % keys.len()).to_string());
        assert!(found == expected.collect::<Vec<_>>(), "spread {spread}");
        assert_sound(&store);
    }
}

#[test]
fn long_texts_with_equal_beginnings_are_keys_too() {
    let dir = MemDir::new();
    let store = open(&dir);
    let definition = TableDefinition {
        name: "texts".into(),
        columns: vec![column("name", DataType::Varchar), column("n", DataType::Integer)],
        primary_key: Some(key(&["name"])),
        sorted_by: strings(&["n"]),
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let beginning = "a beginning that is longer than what a zone map keeps of a text, ".repeat(2);
    let name = |i: i32| format!("{beginning}{i:06}");
    let count = 70_000;
    let number = |i: i32| i * 7_919 % 1_009;
    let rows = |range: std::ops::Range<i32>| {
        let names: ArrayRef = Arc::new(StringViewArray::from_iter_values(range.clone().map(name)));
        batch(vec![names, ints(range.map(number))])
    };
    let batches = (0..7).map(|i| rows(i * 10_000..(i + 1) * 10_000)).collect();
    insert_with(&store, "texts", batches, &options(4 << 20)).unwrap();
    let mut expected: Vec<i32> = (0..count).collect();
    expected.sort_by_key(|i| number(*i));
    let found = read(&store, "texts", "n");
    assert!(found.iter().map(String::as_str).eq(expected.iter().map(|i| number(*i).to_string())));
    for id in [0, 65_535, 65_536, 69_999] {
        let error = insert(&store, "texts", vec![rows(id..id + 1)]).unwrap_err().to_string();
        assert!(error.contains("of row 1 is in the table already"), "{error}");
        assert!(error.contains("…'"), "long values are cut: {error}");
    }
    insert(&store, "texts", vec![rows(count..count + 1)]).unwrap();
    assert_sound(&store);
}

#[test]
fn compacted_segments_grow_beyond_a_block() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    let rows = 1_200;
    for load in 0..70 {
        let ids = (0..rows).map(|i| (i * 77 % rows) * 70 + load);
        insert(&store, "dim", vec![dimension_rows(ids)]).unwrap();
    }
    let dim = table(&store, "dim");
    let sizes: Vec<u64> = dim.segments().iter().map(|segment| segment.row_count()).collect();
    assert_eq!(sizes, [64 * 1_200, 1_200, 1_200, 1_200, 1_200, 1_200, 1_200]);
    assert_eq!(dim.key_runs.len(), 7);
    let ids = read(&store, "dim", "id");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 84_000);
    assert_eq!((ids[1].as_str(), ids[1_200].as_str()), ("5390", "1"));
    assert_eq!(named(&store.snapshot().unwrap(), "dim", "name")[1], "name 5390");
    for id in [0, 5_390, 83_999] {
        assert!(insert(&store, "dim", vec![dimension_rows([id])]).is_err(), "{id}");
    }
    assert_sound(&store);
}

/// Reads all there is, again and again, while a writer commits and removes what is old.
fn read_beside_a_writer(dir: &Arc<dyn Dir>) {
    let store = Store::open(Arc::clone(dir), READ_WRITE).unwrap();
    create(&store, &dimension("dim"));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let read_all = || {
            let reader = Store::open(Arc::clone(dir), OpenMode::ReadOnly).unwrap();
            let mut last = 0;
            while !is_done.load(Ordering::SeqCst) {
                let snapshot = reader.snapshot().unwrap();
                let ids = named(&snapshot, "dim", "id");
                assert!(ids.len() >= last, "a reader goes back in time");
                assert_eq!(ids.len() as u64, snapshot.table("dim").unwrap().row_count());
                last = ids.len();
            }
            last
        };
        let readers = [scope.spawn(read_all), scope.spawn(read_all)];
        for id in 0..140 {
            insert(&store, "dim", vec![dimension_rows([id])]).unwrap();
        }
        is_done.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| assert!(reader.join().unwrap() <= 140));
    });
    insert(&store, "dim", vec![dimension_rows([1_000])]).unwrap();
    assert_eq!(unnamed_files(&store, dir.as_ref()), Vec::<String>::new());
}

#[test]
fn readers_beside_a_writer_never_miss_a_file() {
    read_beside_a_writer(&(Arc::new(MemDir::new()) as _));
    let folder = tempfile::tempdir().unwrap();
    read_beside_a_writer(&(Arc::new(OsDir::open(folder.path()).unwrap()) as _));
}
