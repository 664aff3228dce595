//! Rows that are looked up by their ids and by their ordinals.

use super::support::*;
use crate::{LoadOptions, Store};
use arrow::array::{Array, AsArray, Int64Array};
use arrow::datatypes::{Int32Type, Int64Type};
use starfact_vfs::MemDir;

/// The names of the dimension rows that all rows of the fact refer to, in the order of their ids.
fn names_by_lookup(store: &Store) -> Vec<(i32, String)> {
    let (fact, dim) = (table(store, "fact"), table(store, "dim"));
    let rows = fact.row_ids();
    assert_eq!(rows.len() as u64, fact.row_count());
    let reference = fact.foreign_keys()[0].ordinal_column;
    let columns = [fact.columns()[0].id, reference];
    let taken = fact.take(&rows, &columns).unwrap();
    let found = dim.rows_with_ordinals(taken[1].as_primitive::<Int64Type>()).unwrap();
    let found: Vec<u64> = found.into_iter().map(Option::unwrap).collect();
    let names = dim.take(&found, &[dim.columns()[1].id]).unwrap();
    let ids = taken[0].as_primitive::<Int32Type>().values().iter().copied();
    let mut pairs: Vec<(i32, String)> =
        ids.zip((0..names[0].len()).map(|row| show(&names[0], row))).collect();
    pairs.sort();
    pairs
}

fn expected(rows: impl Iterator<Item = i32>, changed: i32) -> Vec<(i32, String)> {
    let name = |dim: i32| match dim == changed {
        true => "other".to_owned(),
        false => format!("name {dim}"),
    };
    rows.map(|id| (id, name(id % 5))).collect()
}

#[test]
fn rows_are_found_by_their_ordinals_wherever_they_are() {
    let dir = MemDir::new();
    let store = open(&dir);
    let (dim, fact) = (create(&store, &dimension("dim")), create(&store, &fact("fact")));
    insert(&store, "dim", vec![dimension_rows([4, 0, 2])]).unwrap();
    let add = |rows: std::ops::Range<i32>| {
        let (dims, days) = (rows.clone().map(|id| id % 5), rows.clone().map(|id| 100 - id));
        let mut transaction = store.begin().unwrap();
        transaction.insert(fact, &batch(vec![ints(rows), ints(dims), ints(days)])).unwrap();
        transaction.commit().unwrap();
    };
    let mut transaction = store.begin().unwrap();
    transaction.insert(dim, &dimension_rows([1, 3])).unwrap();
    transaction.commit().unwrap();
    add(0..40);
    assert_eq!(names_by_lookup(&store), expected(0..40, -1), "in files and in memory");
    // A row that is changed has its ordinal at another place; the old one is deleted.
    let key = table(&store, "dim").primary_key().unwrap().id;
    let mut transaction = store.begin().unwrap();
    let rows = transaction.find_rows(dim, key, &[ints([2])]).unwrap();
    transaction
        .update(dim, &[rows[0].unwrap()], &batch(vec![ints([2]), texts(["other"])]))
        .unwrap();
    transaction.commit().unwrap();
    add(40..50);
    assert_eq!(names_by_lookup(&store), expected(0..50, 2), "changed");
    for table in [dim, fact] {
        store.optimize(table, &LoadOptions::default(), &|| Ok(())).unwrap();
    }
    assert_eq!(names_by_lookup(&store), expected(0..50, 2), "with stored ordinals");
    let known = table(&store, "dim");
    let none = known.rows_with_ordinals(&Int64Array::from(vec![None, Some(0), None])).unwrap();
    assert_eq!(none.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    let error = known.rows_with_ordinals(&Int64Array::from(vec![9])).unwrap_err().to_string();
    assert!(error.contains("no row of dim is 9"), "{error}");
    assert!(known.take(&[99], &[]).is_err());
}
