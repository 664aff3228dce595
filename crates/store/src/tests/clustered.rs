//! Tables in the order of the rows that they reference.

use super::support::*;
use crate::{LoadOptions, MergePolicy, Store, TableChange, TableDefinition};
use proptest::prelude::*;
use starfact_base::DataType;
use starfact_vfs::MemDir;
use std::collections::BTreeMap;

const MERGE: MergePolicy =
    MergePolicy { fan_in: 2, flush_rows: 1, flush_bytes: 1, ..MergePolicy::DEFAULT };

/// Parents in the order of a day, so that their ordinals are not in the order of their keys.
fn parent() -> TableDefinition {
    TableDefinition {
        name: "parent".into(),
        columns: ["id", "day"].map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key(&["id"])),
        sorted_by: strings(&["day"]),
        ..TableDefinition::default()
    }
}

/// Children in the order of their parents.
fn child() -> TableDefinition {
    TableDefinition {
        name: "child".into(),
        columns: ["id", "parent", "line"].map(|name| column(name, DataType::Integer)).into(),
        primary_key: Some(key(&["id"])),
        foreign_keys: vec![reference(&["parent"], "parent")],
        sorted_by: strings(&["parent", "line"]),
        ..TableDefinition::default()
    }
}

/// (id, parent, line)
type Row = (i32, Option<i32>, i32);

fn rows_of(rows: &[Row]) -> arrow::record_batch::RecordBatch {
    batch(vec![
        ints(rows.iter().map(|row| row.0)),
        nullable_ints(rows.iter().map(|row| row.1)),
        ints(rows.iter().map(|row| row.2)),
    ])
}

fn parents(store: &Store, ids: std::ops::Range<i32>) {
    let days = ids.clone().map(|id| id * 37 % 101);
    insert(store, "parent", vec![batch(vec![ints(ids), ints(days)])]).unwrap();
}

/// The live rows of the children, in the order of the table.
fn read_rows(store: &Store) -> Vec<Row> {
    let known = table(store, "child");
    let [ids, parents, lines] = ["id", "parent", "line"]
        .map(|name| live_values(&known, known.column_named(name).unwrap().id));
    let rows = ids.iter().zip(&parents).zip(&lines);
    rows.map(|((id, parent), line)| {
        (id.parse().unwrap(), parent.parse().ok(), line.parse().unwrap())
    })
    .collect()
}

/// The ordinals of parents by their keys.
fn ordinals(store: &Store) -> BTreeMap<i32, u64> {
    let parents = table(store, "parent");
    assert!(parents.rows_are_ordinals());
    read(store, "parent", "id").iter().map(|id| id.parse().unwrap()).zip(0..).collect()
}

fn merge_all(store: &Store) {
    while store.merge_step(&MERGE, &LoadOptions::default(), &|| Ok(())).unwrap().is_some() {}
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn rows_are_in_the_order_of_their_parents_whatever_is_loaded_inserted_and_merged(
        steps in proptest::collection::vec(
            (
                proptest::collection::vec(
                    (proptest::option::weighted(0.9, 0..40_i32), 0..5_i32),
                    1..14,
                ),
                1..6_usize,
                prop_oneof![Just(1_usize), Just(200), Just(1 << 20)],
                any::<bool>(),
                any::<bool>(),
            ),
            1..8,
        ),
    ) {
        let dir = MemDir::new();
        let mut store = open(&dir);
        create(&store, &parent());
        create(&store, &child());
        parents(&store, 0..40);
        let order = ordinals(&store);
        let mut model: Vec<Row> = Vec::new();
        for (rows, batch_rows, memory_bytes, is_load, merges) in steps {
            let first = model.len() as i32;
            let rows: Vec<Row> =
                (first..).zip(rows).map(|(id, (parent, line))| (id, parent, line)).collect();
            if is_load {
                let options = LoadOptions { memory_bytes, threads: 1, ..LoadOptions::default() };
                let batches = rows.chunks(batch_rows).map(rows_of).collect();
                insert_with(&store, "child", batches, &options).unwrap();
            } else {
                let mut transaction = store.begin().unwrap();
                let id = table(&store, "child").id();
                transaction.insert(id, &rows_of(&rows)).unwrap();
                transaction.commit().unwrap();
            }
            model.extend(rows);
            if merges {
                merge_all(&store);
                drop(store);
                store = open(&dir);
            }
            assert_sound(&store);
            let known = table(&store, "child");
            let found = read_rows(&store);
            let key = |row: &Row| match row.1 {
                Some(parent) => (0, order[&parent], row.2),
                None => (1, 0, row.2),
            };
            if known.is_sorted() {
                prop_assert!(found.is_sorted_by_key(key), "{found:?}");
            }
            let hidden = known.foreign_keys()[0].ordinal_column;
            let expected: Vec<String> = found
                .iter()
                .map(|row| row.1.map_or("NULL".into(), |parent| order[&parent].to_string()))
                .collect();
            prop_assert_eq!(live_values(&known, hidden), expected);
            let sorted = |mut rows: Vec<Row>| {
                rows.sort_unstable();
                rows
            };
            prop_assert_eq!(sorted(found), sorted(model.clone()));
        }
        let id = table(&store, "child").id();
        store.optimize(id, &LoadOptions::default(), &|| Ok(())).unwrap();
        let found = read_rows(&store);
        let known = table(&store, "child");
        prop_assert!(known.is_sorted());
        let key = |row: &Row| match row.1 {
            Some(parent) => (0, order[&parent], row.2),
            None => (1, 0, row.2),
        };
        prop_assert!(found.is_sorted_by_key(key));
        assert_sound(&store);
    }
}

#[test]
fn the_first_row_without_parent_is_named() {
    for memory_bytes in [1, 1 << 20] {
        let store = open(&MemDir::new());
        create(&store, &parent());
        create(&store, &child());
        parents(&store, 0..40);
        let rows = [(0, Some(3), 0), (1, None, 0), (2, Some(40), 1), (3, Some(-1), 1)];
        let options = LoadOptions { memory_bytes, threads: 1, ..LoadOptions::default() };
        let batches = rows.chunks(1).map(rows_of).collect();
        let message = insert_with(&store, "child", batches, &options).unwrap_err().to_string();
        assert!(message.contains("row 3 references no row"), "{message}");
        assert_eq!(table(&store, "child").row_count(), 0);
    }
}

#[test]
fn rows_of_a_table_that_references_itself_are_in_the_order_of_values() {
    let store = open(&MemDir::new());
    create(
        &store,
        &TableDefinition {
            name: "staff".into(),
            columns: ["id", "boss"].map(|name| column(name, DataType::Integer)).into(),
            primary_key: Some(key(&["id"])),
            foreign_keys: vec![reference(&["boss"], "staff")],
            sorted_by: strings(&["boss"]),
            ..TableDefinition::default()
        },
    );
    insert(&store, "staff", vec![batch(vec![ints([9, 5, 7]), ints([7, 9, 5])])]).unwrap();
    assert_eq!(read(&store, "staff", "boss"), ["5", "7", "9"]);
    let staff = table(&store, "staff");
    assert!(staff.is_sorted() && staff.sorted_by() == staff.declared_order());
}

#[test]
fn a_column_that_rows_are_sorted_by_stays() {
    let store = open(&MemDir::new());
    create(&store, &parent());
    create(&store, &child());
    let known = table(&store, "child");
    assert_ne!(known.sorted_by(), known.declared_order());
    let names: Vec<_> =
        known.declared_order().iter().map(|id| known.column(*id).unwrap().name.clone()).collect();
    assert_eq!(names, ["parent", "line"]);
    for (column, reason) in
        [("parent", "FOREIGN KEY (parent)"), ("line", "SORTED BY (parent, line)")]
    {
        let change = TableChange::DropColumn(known.column_named(column).unwrap().id);
        let mut transaction = store.begin().unwrap();
        let message = transaction.alter_table(known.id(), &change).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
}
