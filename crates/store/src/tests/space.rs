//! A disk that is full for a while: small commits fail and leave nothing behind, others work as
//! soon as there is space again.

use super::support::*;
use crate::{Durability, LoadOptions, MergePolicy, Store};
use starfact_base::{Error, Result};
use starfact_vfs::{Fault, FaultDir, FaultMode, MemDir};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

/// A store with a table `dim` on a directory that can fail, and what is behind.
fn store() -> (Store, FaultDir, MemDir) {
    let mem = MemDir::new();
    let faulty = FaultDir::new(Arc::new(mem.clone()), None);
    let store = Store::open(Arc::new(faulty.clone()), READ_WRITE).unwrap();
    create(&store, &dimension("dim"));
    add(&store, 0, Durability::Sync).unwrap();
    (store, faulty, mem)
}

fn add(store: &Store, id: i32, durability: Durability) -> Result<()> {
    let mut transaction = store.begin()?;
    transaction.insert(table(store, "dim").id(), &dimension_rows([id]))?;
    transaction.commit_with(durability).map(drop)
}

fn ids(store: &Store) -> BTreeSet<i32> {
    let table = table(store, "dim");
    let id = table.column_named("id").unwrap().id;
    live_values(&table, id).iter().map(|value| value.parse().unwrap()).collect()
}

/// After `after` more operations there is no space for one.
fn fill(faulty: &FaultDir, after: u64, mode: FaultMode) {
    let at = faulty.operations() + after;
    faulty.set_fault(Some(Fault { at, mode, kind: ErrorKind::StorageFull }));
}

/// What is found after the end of the process, and after a power cut.
fn assert_found(mem: &MemDir, expected: &[i32], context: &str) {
    let expected: BTreeSet<i32> = expected.iter().copied().collect();
    for dir in [mem.crash(), mem.crash_with_luck(1)] {
        let store = open(&dir);
        assert_eq!(ids(&store), expected, "{context}");
        assert_sound(&store);
        assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new(), "{context}");
    }
}

#[test]
fn a_commit_fails_and_the_next_one_works() {
    // Write and flush of the record; write and flush of its mark.
    for (after, is_kept) in [(0, false), (1, false), (3, true), (4, true)] {
        for mode in [FaultMode::Fail, FaultMode::Tear] {
            let context = format!("{mode:?} after {after}");
            let (store, faulty, mem) = store();
            fill(&faulty, after, mode);
            let outcome = add(&store, 1, Durability::Sync);
            assert!(faulty.has_struck(), "{context}");
            // What is durable already is made known by another log.
            assert_eq!(outcome.is_ok(), is_kept, "{context}: {outcome:?}");
            if let Err(error) = outcome {
                assert!(matches!(error, Error::Io { .. }), "{context}: {error}");
                assert_eq!(ids(&store), BTreeSet::from([0]), "{context}");
                assert_found(&mem, &[0], &context);
            }
            add(&store, 2, Durability::Sync).unwrap();
            let expected: &[i32] = if is_kept { &[0, 1, 2] } else { &[0, 2] };
            assert_found(&mem, expected, &context);
            assert_eq!(ids(&open_to_read(&mem)), ids(&store), "{context}: beside");
            create(&store, &dimension("other"));
            assert_found(&mem, expected, &context);
        }
    }
}

#[test]
fn there_is_no_space_for_a_long_time() {
    let (store, faulty, mem) = store();
    for (attempt, after) in [0, 0, 1, 2, 3, 4].into_iter().enumerate() {
        fill(&faulty, after, FaultMode::Tear);
        // From the second on it is another log that cannot be made.
        let error = add(&store, 1, Durability::Sync).unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{attempt}: {error}");
        assert!(matches!(error, Error::Io { .. }), "{attempt}: {error}");
        assert_found(&mem, &[0], "full");
    }
    assert_eq!(files(&mem, "tmp"), Vec::<String>::new());
    add(&store, 1, Durability::Sync).unwrap();
    assert_found(&mem, &[0, 1], "space");
}

#[test]
fn a_failed_sync_stops_the_store_for_lack_of_space_too() {
    let (store, faulty, _) = store();
    fill(&faulty, 2, FaultMode::Fail);
    let error = add(&store, 1, Durability::Sync).unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");
    assert!(error.to_string().contains("cannot sync wal/"), "{error}");
    assert!(matches!(add(&store, 2, Durability::Sync), Err(Error::ReadOnly(_))));
}

#[test]
fn commits_that_nobody_waits_for_go_on_to_another_log() {
    let (store, faulty, mem) = store();
    add(&store, 1, Durability::Async).unwrap();
    add(&store, 2, Durability::Async).unwrap();
    fill(&faulty, 0, FaultMode::Tear);
    add(&store, 3, Durability::Async).unwrap_err();
    assert_eq!(ids(&store), BTreeSet::from([0, 1, 2]));
    add(&store, 4, Durability::Async).unwrap();
    assert_eq!(ids(&store), BTreeSet::from([0, 1, 2, 4]));
    // What was written before is durable with the other log.
    assert_eq!(ids(&open(&mem.crash())), BTreeSet::from([0, 1, 2]));
    create(&store, &dimension("other"));
    assert_found(&mem, &[0, 1, 2, 4], "after a manifest");
}

#[test]
fn a_manifest_waits_for_another_log() {
    let (store, faulty, mem) = store();
    add(&store, 1, Durability::Async).unwrap();
    fill(&faulty, 0, FaultMode::Tear);
    add(&store, 2, Durability::Async).unwrap_err();
    create(&store, &dimension("other"));
    assert_found(&mem, &[0, 1], "a manifest");
    add(&store, 3, Durability::Sync).unwrap();
    assert_found(&mem, &[0, 1, 3], "a commit");
}

/// Where a write of the log waits, once, and then finds no space.
struct Gate {
    is_armed: AtomicBool,
    /// Passed when the write has come.
    reached: Barrier,
    /// Passed when it may go on.
    opened: Barrier,
}

/// A store with the row 0 in a file and the row 1 in the log, and a gate for its next commit.
fn gated() -> (Store, Arc<Gate>, MemDir) {
    let mem = MemDir::new();
    let (reached, opened) = (Barrier::new(2), Barrier::new(2));
    let gate = Arc::new(Gate { is_armed: AtomicBool::new(false), reached, opened });
    let own = Arc::clone(&gate);
    let dir = HookDir::new(&mem, move |op, path| {
        let is_log = op == "write" && path.contains("log-");
        if is_log && own.is_armed.swap(false, Ordering::SeqCst) {
            own.reached.wait();
            own.opened.wait();
            return Err(Error::io("write", path, ErrorKind::StorageFull.into()));
        }
        Ok(())
    });
    let store = Store::open(Arc::new(dir), READ_WRITE).unwrap();
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([0])]).unwrap();
    add(&store, 1, Durability::Sync).unwrap();
    gate.is_armed.store(true, Ordering::SeqCst);
    (store, gate, mem)
}

#[test]
fn a_commit_on_top_of_one_without_space_fails_too() {
    for is_structural in [false, true] {
        let (store, gate, mem) = gated();
        thread::scope(|scope| {
            let below = scope.spawn(|| add(&store, 2, Durability::Sync));
            gate.reached.wait();
            let mut above = store.begin().unwrap();
            assert_eq!(above.snapshot().unwrap().table("dim").unwrap().row_count(), 3);
            above.insert(table(&store, "dim").id(), &dimension_rows([3])).unwrap();
            if is_structural {
                above.create_table(&dimension("other")).unwrap();
            }
            gate.opened.wait();
            assert!(matches!(below.join().unwrap(), Err(Error::Io { .. })));
            let error = above.commit().unwrap_err();
            assert!(matches!(error, Error::Conflict(_)), "{error}");
        });
        assert_eq!(ids(&store), BTreeSet::from([0, 1]));
        add(&store, 4, Durability::Sync).unwrap();
        assert_found(&mem, &[0, 1, 4], "after both");
    }
}

#[test]
fn rows_are_not_written_again_without_those_of_a_commit_that_fails() {
    let (store, gate, mem) = gated();
    let delete = || {
        let dim = table(&store, "dim");
        let mut transaction = store.begin()?;
        let key = dim.primary_key().unwrap().id;
        let rows = transaction.find_rows(dim.id(), key, &[ints([0])])?;
        transaction.delete(dim.id(), &rows.into_iter().flatten().collect::<Vec<_>>())?;
        transaction.commit().map(drop)
    };
    let has_failed = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(matches!(delete(), Err(Error::Io { .. })));
            has_failed.store(true, Ordering::SeqCst);
        });
        gate.reached.wait();
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            gate.opened.wait();
        });
        // If this began with the deletion, it would be in the way of nothing from then on.
        let pace = || {
            while !has_failed.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Ok(())
        };
        let options = LoadOptions { threads: 1, ..LoadOptions::default() };
        let merged = store.optimize(table(&store, "dim").id(), &options, &pace);
        assert!(matches!(merged, Err(Error::Io { .. })), "{merged:?}");
    });
    assert_eq!(ids(&store), BTreeSet::from([0, 1]));
    assert_found(&mem, &[0, 1], "after both");
}

/// What became of the rows of many threads.
#[derive(Debug, Default)]
struct Fates {
    kept: BTreeSet<i32>,
    unknown: BTreeSet<i32>,
    failed: BTreeSet<i32>,
}

#[test]
fn many_threads_commit_while_the_disk_is_full_at_times() {
    let mut failures = 0;
    for round in 0..30 {
        let (store, faulty, mem) = store();
        let fates = Mutex::new(Fates::default());
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let writers: Vec<_> = (1..5)
                .map(|writer| {
                    let (store, fates) = (&store, &fates);
                    scope.spawn(move || write_rows(store, writer * 100, fates))
                })
                .collect();
            scope.spawn(|| merge_until(&store, &is_done));
            for step in 0..20 {
                fill(&faulty, (round + step) % 7, FaultMode::Tear);
                thread::sleep(Duration::from_micros(200));
            }
            faulty.set_fault(None);
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            is_done.store(true, Ordering::SeqCst);
        });
        let fates = fates.into_inner().unwrap();
        failures += fates.failed.len();
        for dir in [mem.crash(), mem.crash_with_luck(round)] {
            check_fates(&open(&dir), &fates);
        }
        drop(store);
        check_fates(&open(&mem), &fates);
    }
    assert!(failures > 0);
}

fn write_rows(store: &Store, first: i32, fates: &Mutex<Fates>) {
    for id in first..first + 25 {
        let outcome = add(store, id, Durability::Sync);
        let mut fates = fates.lock().unwrap();
        match outcome {
            Ok(()) => fates.kept.insert(id),
            Err(Error::ReadOnly(_)) => fates.unknown.insert(id),
            Err(Error::Io { .. } | Error::Conflict(_)) => fates.failed.insert(id),
            Err(error) => panic!("{error}"),
        };
    }
}

fn merge_until(store: &Store, is_done: &AtomicBool) {
    let policy = MergePolicy { fan_in: 2, flush_rows: 4, ..MergePolicy::default() };
    let options = LoadOptions { threads: 1, ..LoadOptions::default() };
    while !is_done.load(Ordering::SeqCst) {
        let _ = store.merge_step(&policy, &options, &|| Ok(()));
        thread::yield_now();
    }
}

fn check_fates(store: &Store, fates: &Fates) {
    let found = ids(store);
    assert!(fates.kept.is_subset(&found), "{found:?} of {fates:?}");
    assert!(fates.failed.is_disjoint(&found), "{found:?} of {fates:?}");
    assert_sound(store);
}

#[test]
fn a_full_disk_can_be_read_and_other_errors_of_a_pin_are_told() {
    let (store, _, mem) = store();
    let reader = |kind: ErrorKind| {
        let hooked = HookDir::new(&mem, move |op, path| match op == "lock" {
            true => Err(Error::io("write", path, kind.into())),
            false => Ok(()),
        });
        Store::open(Arc::new(hooked), crate::OpenMode::ReadOnly)
    };
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem] {
        let full = reader(kind).unwrap();
        assert_eq!(ids(&full), ids(&store));
        add(&store, ids(&store).len() as i32, Durability::Sync).unwrap();
        full.snapshot().unwrap();
        assert_eq!(ids(&full), ids(&store));
    }
    assert!(reader(ErrorKind::Other).is_err());
}
