//! Transactions: all or nothing, one after the other.

use super::support::*;
use crate::LoadOptions;
use starfact_base::{Epoch, Error};
use starfact_vfs::{Dir, MemDir};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

#[test]
fn a_dropped_transaction_has_never_been() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    let before = files(&dir, "");
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(&dimension("other")).unwrap();
    let rows = dimension_rows([2, 1]);
    transaction.load(id, &mut std::iter::once(Ok(rows)), &LoadOptions::default()).unwrap();
    assert_ne!(files(&dir, ""), before);
    drop(transaction);
    assert_eq!(files(&dir, ""), before);
    assert!(!dir.exists("tables/2").unwrap());
    assert!(store.snapshot().unwrap().table("other").is_none());
}

#[test]
fn a_commit_without_changes_is_free() {
    let dir = MemDir::new();
    let store = open(&dir);
    let before = files(&dir, "");
    assert_eq!(store.begin().unwrap().commit().unwrap(), Epoch(0));
    assert_eq!(files(&dir, ""), before);
}

#[test]
fn an_error_of_the_input_is_passed_on() {
    let dir = MemDir::new();
    let store = open(&dir);
    let id = create(&store, &dimension("dim"));
    let mut transaction = store.begin().unwrap();
    let batches = [Ok(dimension_rows([1])), Err(Error::invalid("line 2: not a number"))];
    let result = transaction.load(id, &mut batches.into_iter(), &LoadOptions::default());
    assert_eq!(result.unwrap_err().to_string(), "line 2: not a number");
    assert_eq!(transaction.commit().unwrap(), Epoch(1));
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn rows_of_other_types_are_refused() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let error = insert(&store, "dim", vec![batch(vec![ints([1]), ints([2])])]).unwrap_err();
    assert!(error.to_string().contains("rows of (Int32, Int32)"), "{error}");
    assert!(insert(&store, "dim", vec![batch(vec![ints([1])])]).is_err());
}

#[test]
fn transactions_take_turns() {
    let store = Arc::new(open(&MemDir::new()));
    create(&store, &dimension("dim"));
    let first = store.begin().unwrap();
    let (sender, receiver) = mpsc::channel();
    let other = {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            insert(&store, "dim", vec![dimension_rows([1])]).unwrap();
            sender.send(()).unwrap();
        })
    };
    assert!(receiver.recv_timeout(Duration::from_millis(30)).is_err());
    drop(first);
    receiver.recv_timeout(Duration::from_secs(60)).unwrap();
    other.join().unwrap();
    assert_eq!(read(&store, "dim", "id"), ["1"]);
}

#[test]
fn a_referenced_table_is_not_dropped() {
    let dir = MemDir::new();
    let store = open(&dir);
    let dim = create(&store, &dimension("dim"));
    let fact = create(&store, &fact("fact"));
    let mut transaction = store.begin().unwrap();
    let error = transaction.drop_table(dim).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot drop table \"dim\": table \"fact\" references it; drop that one first"
    );
    transaction.drop_table(fact).unwrap();
    transaction.drop_table(dim).unwrap();
    assert!(transaction.drop_table(dim).is_err());
    transaction.commit().unwrap();
    assert_eq!(store.snapshot().unwrap().tables().count(), 0);
}

#[test]
fn a_table_that_references_itself_can_be_dropped() {
    let store = open(&MemDir::new());
    let mut definition = dimension("dim");
    definition.foreign_keys = vec![reference(&["id"], "dim")];
    let id = create(&store, &definition);
    let mut transaction = store.begin().unwrap();
    transaction.drop_table(id).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn dropping_removes_the_files_once_nobody_reads_them() {
    let dir = MemDir::new();
    let store = open(&dir);
    let id = create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([2, 1])]).unwrap();
    let old = store.snapshot().unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.drop_table(id).unwrap();
    transaction.commit().unwrap();
    // This column was not opened before.
    assert_eq!(named(&old, "dim", "name"), ["name 2", "name 1"]);
    drop(old);
    create(&store, &dimension("other"));
    assert!(!dir.exists("tables/1").unwrap());
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn what_a_transaction_makes_and_drops_leaves_nothing() {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut transaction = store.begin().unwrap();
    let id = transaction.create_table(&dimension("dim")).unwrap();
    let rows = dimension_rows([2, 1]);
    transaction.load(id, &mut std::iter::once(Ok(rows)), &LoadOptions::default()).unwrap();
    transaction.drop_table(id).unwrap();
    transaction.create_table(&dimension("dim")).unwrap();
    transaction.commit().unwrap();
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    assert!(!dir.exists("tables/1").unwrap());
    assert_eq!(table(&store, "dim").id().0, 2, "table numbers are not reused");
}

#[test]
fn names_differ_in_more_than_case() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let mut transaction = store.begin().unwrap();
    let error = transaction.create_table(&dimension("DIM")).unwrap_err();
    assert_eq!(error.to_string(), "table \"dim\" exists already");
}

#[test]
fn progress_is_told() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let seen = Arc::new(AtomicU64::new(0));
    let progress = {
        let seen = Arc::clone(&seen);
        Arc::new(move |rows| seen.store(rows, Ordering::SeqCst)) as _
    };
    let options = LoadOptions { progress: Some(progress), ..LoadOptions::default() };
    let batches = vec![dimension_rows([1, 2]), dimension_rows([3])];
    insert_with(&store, "dim", batches, &options).unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}
