//! Which segments OPTIMIZE takes.

use super::*;
use crate::tests::support::*;
use crate::{LoadOptions, Store};
use starfact_vfs::MemDir;

/// Segments of at least ten rows are not small here.
fn range_of(store: &Store, name: &str) -> Option<Range<usize>> {
    find(&Rated { table: &table(store, name), rows_min: 10 }).unwrap()
}

fn days(days: Range<i32>) -> arrow::record_batch::RecordBatch {
    let ones = days.clone().map(|_| 1);
    batch(vec![ints(days.clone()), ints(ones), ints(days)])
}

fn new_store(loads: &[Range<i32>]) -> Store {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    create(&store, &fact("fact"));
    insert(&store, "dim", vec![dimension_rows([1, 2, 3])]).unwrap();
    for rows in loads {
        insert(&store, "fact", vec![days(rows.clone())]).unwrap();
    }
    store
}

fn add(store: &Store, rows: Range<i32>) {
    let mut transaction = store.begin().unwrap();
    transaction.insert(table(store, "fact").id(), &days(rows)).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn segments_in_order_stay() {
    let store = new_store(&[0..20, 20..40, 40..60]);
    assert_eq!(range_of(&store, "fact"), None);
    assert_eq!(range_of(&store, "dim"), None, "one small segment is as good as it gets");
    add(&store, 60..70);
    assert_eq!(range_of(&store, "fact"), Some(3..4), "in memory");
}

#[test]
fn segments_that_overlap_are_written_again_and_those_around_stay() {
    let store = new_store(&[0..20, 40..60, 60..80, 80..100]);
    // Rows of the second and third segment.
    let rows = batch(vec![ints([500, 501]), ints([1, 1]), ints([45, 61])]);
    let mut transaction = store.begin().unwrap();
    transaction.insert(table(&store, "fact").id(), &rows).unwrap();
    transaction.commit().unwrap();
    assert_eq!(range_of(&store, "fact"), Some(1..5), "behind the last");
    let store = new_store(&[0..20, 40..60, 22..39, 60..80, 80..100]);
    assert_eq!(range_of(&store, "fact"), Some(1..3));
    let store = new_store(&[20..40, 40..60, 0..20]);
    assert_eq!(range_of(&store, "fact"), Some(0..3));
}

#[test]
fn small_segments_and_deleted_rows_are_reasons() {
    let store = new_store(&[0..20, 20..25, 25..30, 30..60]);
    assert_eq!(range_of(&store, "fact"), Some(1..3));
    let store = new_store(&[0..20, 20..25, 30..60]);
    assert_eq!(range_of(&store, "fact"), None, "there is no other to put it to");
    let mut transaction = store.begin().unwrap();
    transaction.delete(table(&store, "fact").id(), &[22]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(range_of(&store, "fact"), Some(1..2));
}

#[test]
fn many_appended_rows_are_put_in_order() {
    let store = new_store(&[0..10, 10..20]);
    for day in (20..60).rev() {
        add(&store, day..day + 1);
    }
    let known = table(&store, "fact");
    assert!(known.segments.iter().any(|segment| segment.run() == 0), "made of several in memory");
    let range = range_of(&store, "fact").unwrap();
    assert_eq!(range, 2..known.segments.len());
    let fact = known.id();
    let report = store.optimize(fact, &LoadOptions::default(), &|| Ok(())).unwrap().unwrap();
    assert!(report.is_done);
    assert!(table(&store, "fact").is_sorted());
    assert_sound(&store);
}
