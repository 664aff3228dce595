//! Rows that are written again while others change them.

use super::support::*;
use crate::{LoadOptions, MergePolicy, Store};
use starfact_base::{Error, Result, TableId};
use starfact_vfs::MemDir;
use std::cell::Cell;
use std::sync::{Arc, Mutex};

const FLUSH: MergePolicy =
    MergePolicy { fan_in: 2, flush_rows: 1, flush_bytes: 1, ..MergePolicy::DEFAULT };

fn new_store(dir: &MemDir) -> (Store, TableId, TableId) {
    let store = open(dir);
    create(&store, &dimension("dim"));
    create(&store, &fact("fact"));
    let (dim, fact) = (table(&store, "dim").id(), table(&store, "fact").id());
    (store, dim, fact)
}

fn add(store: &Store, table: TableId, rows: &arrow::record_batch::RecordBatch) -> Result<()> {
    let mut transaction = store.begin()?;
    transaction.insert(table, rows)?;
    transaction.commit().map(drop)
}

fn fact_rows(ids: std::ops::Range<i32>) -> arrow::record_batch::RecordBatch {
    let days = ids.clone().map(|id| id * 37 % 101);
    batch(vec![ints(ids.clone()), ints(ids.map(|id| id % 3 + 1)), ints(days)])
}

/// Runs a step, and `change` once while its rows are being written.
fn step_beside(store: &Store, policy: &MergePolicy, change: &(dyn Fn() + Sync)) -> bool {
    let is_first = Mutex::new(Cell::new(true));
    let pace = || {
        if is_first.lock().unwrap().replace(false) {
            change();
        }
        Ok(())
    };
    store.merge_step(policy, &LoadOptions::default(), &pace).unwrap().unwrap().is_done
}

/// The live rows of a table by key, with the value of another column.
fn live(store: &Store, name: &str, column: &str) -> Vec<(i64, String)> {
    let known = table(store, name);
    let ids = known.segments.iter().flat_map(|it| it.first_row()..it.row_end());
    let ids: Vec<u64> = ids.filter(|row| known.is_live(*row)).collect();
    let taken = crate::transaction::take_rows(&known, &ids).unwrap();
    let values = taken.column_by_name(column).unwrap();
    let mut rows: Vec<(i64, String)> = (0..taken.num_rows())
        .map(|row| (show(taken.column(0), row).parse().unwrap(), show(values, row)))
        .collect();
    rows.sort();
    rows
}

#[test]
fn rows_that_change_during_a_flush_are_found_again() {
    let dir = MemDir::new();
    let (store, dim, fact) = new_store(&dir);
    add(&store, dim, &dimension_rows([3, 1, 2])).unwrap();
    for start in [0, 10, 20] {
        add(&store, fact, &fact_rows(start..start + 10)).unwrap();
    }
    let key = table(&store, "fact").primary_key().unwrap().id;
    let change = || {
        let mut transaction = store.begin().unwrap();
        let found = transaction.find_rows(fact, key, &[ints([5, 11, 12, 29])]).unwrap();
        let rows: Vec<u64> = found.into_iter().map(Option::unwrap).collect();
        transaction.delete(fact, &rows[..2]).unwrap();
        let new = batch(vec![ints([12, 129]), ints([1, 2]), ints([500, 501])]);
        transaction.update(fact, &rows[2..], &new).unwrap();
        transaction.insert(fact, &fact_rows(30..33)).unwrap();
        transaction.commit().unwrap();
    };
    // The dimension first, then the fact.
    assert!(step_beside(&store, &FLUSH, &|| ()));
    assert!(step_beside(&store, &FLUSH, &change));
    assert_sound(&store);
    let known = table(&store, "fact");
    assert!(known.segments.iter().any(|segment| !segment.is_in_memory()));
    assert!(known.segments.iter().any(|segment| segment.is_in_memory()), "rows that came later");
    assert_eq!(known.deleted_row_count(), 4);
    let expected: Vec<(i64, String)> = (0..33)
        .filter(|id| ![5, 11, 29].contains(id))
        .map(|id| (id, if id == 12 { "500".into() } else { (id * 37 % 101).to_string() }))
        .chain([(129, "501".into())])
        .collect();
    assert_eq!(live(&store, "fact", "day"), expected);
    drop(store);
    let reader = open_to_read(&dir);
    assert_eq!(live(&reader, "fact", "day"), expected);
    drop(reader);
    let store = open(&dir);
    assert_eq!(live(&store, "fact", "day"), expected);
    assert_sound(&store);
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    // And with files that are merged.
    add(&store, fact, &fact_rows(40..44)).unwrap();
    assert!(step_beside(&store, &FLUSH, &|| ()));
    let key = table(&store, "fact").primary_key().unwrap().id;
    let remove = || {
        let mut transaction = store.begin().unwrap();
        let rows = transaction.find_rows(fact, key, &[ints([0, 43])]).unwrap();
        let rows: Vec<u64> = rows.into_iter().map(Option::unwrap).collect();
        transaction.delete(fact, &rows).unwrap();
        transaction.commit().unwrap();
    };
    assert!(step_beside(&store, &FLUSH, &remove));
    assert_eq!(table(&store, "fact").deleted_row_count(), 2);
    assert_eq!(live(&store, "fact", "day").len(), expected.len() + 2);
    assert_sound(&store);
    assert!(store.optimize(fact, &LoadOptions::default(), &|| Ok(())).unwrap().unwrap().is_done);
    let known = table(&store, "fact");
    assert_eq!((known.deleted_row_count(), known.segments().len()), (0, 1));
    assert!(known.is_sorted());
    assert!(store.optimize(fact, &LoadOptions::default(), &|| Ok(())).unwrap().is_none());
    assert_sound(&store);
}

#[test]
fn a_table_that_goes_during_a_merge_is_gone() {
    let dir = MemDir::new();
    let (store, dim, fact) = new_store(&dir);
    add(&store, dim, &dimension_rows([3, 1, 2])).unwrap();
    assert!(step_beside(&store, &FLUSH, &|| ()));
    add(&store, fact, &fact_rows(0..10)).unwrap();
    let drop_fact = || {
        let mut transaction = store.begin().unwrap();
        transaction.drop_table(fact).unwrap();
        transaction.commit().unwrap();
    };
    assert!(!step_beside(&store, &FLUSH, &drop_fact));
    assert!(store.snapshot().unwrap().table("fact").is_none());
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn a_merge_waits_for_nobody_and_ends_when_it_is_told_to() {
    let (store, dim, _) = new_store(&MemDir::new());
    add(&store, dim, &dimension_rows([3, 1, 2])).unwrap();
    let mut open = store.begin_concurrent().unwrap();
    open.delete(dim, &[1]).unwrap();
    let step = |pace: &crate::Pace<'_>| store.merge_step(&FLUSH, &LoadOptions::default(), pace);
    let stopped = step(&|| Err(Error::invalid("enough"))).unwrap_err();
    assert_eq!(stopped.to_string(), "enough");
    assert!(step(&|| Ok(())).unwrap().unwrap().is_done);
    open.commit().unwrap();
    assert_eq!(table(&store, "dim").deleted_row_count(), 1);
    assert!(store.optimize(dim, &LoadOptions::default(), &|| Ok(())).unwrap().unwrap().is_done);
    assert_eq!(table(&store, "dim").deleted_row_count(), 0);
    assert_sound(&store);
}

#[test]
fn background_work_merges_while_rows_come_and_ends_with_the_store() {
    let dir = MemDir::new();
    let (store, dim, _) = new_store(&dir);
    store.start_background_work(FLUSH, LoadOptions::default()).unwrap();
    let query = store.begin_query();
    for id in 0..30 {
        let mut transaction = store.begin().unwrap();
        transaction.insert(dim, &dimension_rows([id * 7 % 30])).unwrap();
        let durability =
            if id % 2 == 0 { crate::Durability::Async } else { crate::Durability::Sync };
        transaction.commit_with(durability).unwrap();
        if id % 10 == 9 {
            while table(&store, "dim").segments.iter().any(|segment| segment.is_in_memory()) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        }
    }
    drop(query);
    assert!(!store.merges().is_empty());
    assert!(store.merges().iter().all(|merge| merge.outcome.as_ref().unwrap().is_done));
    assert_sound(&store);
    drop(store);
    assert_eq!(read(&open(&dir), "dim", "id").len(), 30);
}

#[test]
fn logs_go_when_their_rows_are_in_files() {
    let dir = MemDir::new();
    let (mut store, dim, _) = new_store(&dir);
    for id in 0..40 {
        // Each writer begins a log of its own.
        drop(store);
        store = open(&dir);
        add(&store, dim, &dimension_rows([id])).unwrap();
    }
    let logs = |dir: &MemDir| {
        let names = starfact_vfs::Dir::list(dir, "wal").unwrap();
        names.iter().filter(|entry| entry.name.ends_with(".wal")).count()
    };
    assert_eq!(logs(&dir), 40);
    // So many logs are reason enough.
    let options = LoadOptions::default();
    assert!(store.merge_step(&MergePolicy::default(), &options, &|| Ok(())).unwrap().is_some());
    assert!(store.merge_step(&MergePolicy::default(), &options, &|| Ok(())).unwrap().is_none());
    assert_eq!(logs(&dir), 1);
    drop(store);
    assert_eq!(read(&open(&dir), "dim", "id").len(), 40);
}

#[test]
fn older_epochs_are_read_as_long_as_they_are_kept() {
    let dir = MemDir::new();
    let keeping = crate::Retention { epochs: 30, ..crate::Retention::default() };
    let open_keeping = || Store::open_keeping(Arc::new(dir.clone()), READ_WRITE, keeping).unwrap();
    let mut store = open_keeping();
    create(&store, &dimension("dim"));
    let dim = table(&store, "dim").id();
    let mut counts = vec![(store.snapshot().unwrap().epoch(), 0)];
    for step in 0..20 {
        if step % 6 == 5 {
            drop(store);
            store = open_keeping();
        }
        let rows = dimension_rows(step * 3..step * 3 + 3);
        if step % 4 == 3 {
            insert(&store, "dim", vec![rows]).unwrap();
        } else {
            let mut transaction = store.begin().unwrap();
            transaction.insert(dim, &rows).unwrap();
            if step > 2 {
                let key = table(&store, "dim").primary_key().unwrap().id;
                let found = transaction.find_rows(dim, key, &[ints([step])]).unwrap();
                transaction.delete(dim, &[found[0].unwrap()]).unwrap();
            }
            transaction.commit().unwrap();
        }
        if step % 5 == 4 {
            while store.merge_step(&FLUSH, &LoadOptions::default(), &|| Ok(())).unwrap().is_some() {
            }
        }
        let snapshot = store.snapshot().unwrap();
        counts.push((snapshot.epoch(), snapshot.table("dim").unwrap().row_count()));
    }
    let reader = open_to_read(&dir);
    for of in [&store, &reader] {
        for (epoch, rows) in &counts {
            let snapshot = of.snapshot_at(*epoch).unwrap();
            assert_eq!(snapshot.epoch(), *epoch);
            let known = snapshot.table("dim").unwrap();
            assert_eq!(known.row_count(), *rows, "{epoch}");
            let id = known.columns()[0].id;
            assert_eq!(live_values(known, id).len() as u64, *rows, "{epoch}");
        }
        let error = of.snapshot_at(counts.last().unwrap().0.next()).unwrap_err().to_string();
        assert!(error.contains("are kept"), "{error}");
    }
    drop(reader);
    assert!(!unnamed_files(&store, &dir).is_empty());
    store.vacuum().unwrap();
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    assert!(store.snapshot_at(counts[1].0).is_err());
    assert_sound(&store);
}

#[test]
fn a_damaged_log_can_be_read_up_to_the_damage() {
    let dir = MemDir::new();
    let (store, dim, _) = new_store(&dir);
    for id in 0..10 {
        add(&store, dim, &dimension_rows([id])).unwrap();
        if id == 3 {
            // From here on the first records are of rows that a manifest knows of.
            create(&store, &dimension("other"));
        }
    }
    drop(store);
    let path = starfact_vfs::Dir::list(&dir, "wal").unwrap().pop().unwrap().name;
    let path = format!("wal/{path}");
    let good = starfact_vfs::Dir::read(&dir, &path).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for at in (0..good.len()).step_by(13) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        starfact_vfs::Dir::write_atomic(&dir, &path, &bad).unwrap();
        for mode in [crate::OpenMode::ReadOnly, READ_WRITE] {
            let copy = Arc::new(dir.crash());
            let store = Store::open(copy, mode).unwrap();
            let snapshot = store.snapshot().unwrap();
            let known = snapshot.table("dim").unwrap();
            let ids = live_values(known, known.columns()[0].id);
            let expected: Vec<String> = (0..ids.len()).map(|id| id.to_string()).collect();
            assert_eq!(ids, expected, "the first ones, each once");
            let Some(damage) = store.damage() else {
                // The mark of the last record is all that is gone, if anything.
                assert!(ids.len() >= 9, "{at}");
                continue;
            };
            seen.insert(ids.len());
            assert!(damage.contains("wal/") && damage.contains("are lost"), "{damage}");
            assert_eq!(damage.contains("table \"dim\""), ids.len() < 4, "{at}: {damage}");
            let error = store.begin().unwrap_err();
            assert!(matches!(&error, Error::ReadOnly(it) if it.contains("damaged")), "{error}");
        }
    }
    assert!(seen.len() > 5 && seen.contains(&0), "{seen:?}");
    starfact_vfs::Dir::write_atomic(&dir, &path, &good).unwrap();
    assert_eq!(read(&open(&dir), "dim", "id").len(), 10);
}

#[test]
fn writers_that_end_after_each_commit_do_not_leave_logs_without_end() {
    let dir = MemDir::new();
    let (mut store, dim, fact) = new_store(&dir);
    for id in 0..150 {
        drop(store);
        store = open(&dir);
        match id % 2 {
            0 => add(&store, dim, &dimension_rows([id])).unwrap(),
            _ => add(&store, fact, &batch(vec![ints([id]), ints([id - 1]), ints([id])])).unwrap(),
        }
        assert!(starfact_vfs::Dir::list(&dir, "wal").unwrap().len() <= 2 * 64, "after {id}");
    }
    assert_sound(&store);
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
    drop(store);
    let store = open(&dir);
    assert_eq!((live(&store, "dim", "name").len(), live(&store, "fact", "day").len()), (75, 75));
}

/// A warehouse of which each of some writers has left a log with one row.
fn with_logs(count: i32) -> MemDir {
    let dir = MemDir::new();
    let (mut store, dim, _) = new_store(&dir);
    for id in 0..count {
        drop(store);
        store = open(&dir);
        add(&store, dim, &dimension_rows([id])).unwrap();
    }
    dir
}

#[test]
fn a_log_that_is_gone_or_has_lost_its_header_takes_none_of_the_others_along() {
    for number in 1..=4 {
        let path = format!("wal/{number}.wal");
        for bytes in [None, Some(b"".as_slice()), Some(b"X"), Some(b"starfact-log 1 9")] {
            let dir = with_logs(4);
            match bytes {
                None => starfact_vfs::Dir::remove_file(&dir, &path).unwrap(),
                Some(bytes) => starfact_vfs::Dir::write_atomic(&dir, &path, bytes).unwrap(),
            }
            for mode in [crate::OpenMode::ReadOnly, READ_WRITE] {
                let store = Store::open(Arc::new(dir.clone()), mode).unwrap();
                let damage = store.damage().unwrap();
                assert!(damage.contains(&path) && damage.contains("are lost"), "{damage}");
                let snapshot = store.snapshot().unwrap();
                let known = snapshot.table("dim").unwrap();
                let found = live_values(known, known.columns()[0].id);
                assert_eq!(found.len(), number - 1, "{path} {bytes:?}: {damage}");
            }
        }
    }
}

#[test]
fn a_damaged_log_that_only_older_epochs_need_keeps_nobody_from_writing() {
    let dir = MemDir::new();
    let keeping = crate::Retention { epochs: 30, ..crate::Retention::default() };
    let open_keeping = || Store::open_keeping(Arc::new(dir.clone()), READ_WRITE, keeping).unwrap();
    let store = open_keeping();
    create(&store, &dimension("dim"));
    let dim = table(&store, "dim").id();
    add(&store, dim, &dimension_rows([1])).unwrap();
    drop(store);
    let store = open_keeping();
    add(&store, dim, &dimension_rows([2])).unwrap();
    store.optimize(dim, &LoadOptions::default(), &|| Ok(())).unwrap();
    drop(store);
    let store = open_keeping();
    add(&store, dim, &dimension_rows([3])).unwrap();
    drop(store);
    let first = starfact_vfs::Dir::list(&dir, "wal").unwrap();
    assert!(first.iter().any(|entry| entry.name == "1.wal"), "{first:?}");
    starfact_vfs::Dir::write_atomic(&dir, "wal/1.wal", b"nothing").unwrap();
    let store = open_keeping();
    assert_eq!(store.damage(), None);
    add(&store, dim, &dimension_rows([4])).unwrap();
    assert_eq!(live(&store, "dim", "name").len(), 4);
}

#[test]
fn files_of_deletions_go_with_the_manifest_that_named_them() {
    let dir = MemDir::new();
    let (store, dim, _) = new_store(&dir);
    add(&store, dim, &dimension_rows([1, 2, 3, 4])).unwrap();
    store.optimize(dim, &LoadOptions::default(), &|| Ok(())).unwrap();
    let delete = |store: &Store, row: u64| {
        let mut transaction = store.begin().unwrap();
        transaction.delete(dim, &[row]).unwrap();
        transaction.commit().unwrap();
    };
    delete(&store, 1);
    create(&store, &dimension("second"));
    delete(&store, 2);
    drop(store);
    let store = open(&dir);
    create(&store, &dimension("third"));
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn transactions_go_on_when_their_rows_are_written_again() {
    let dir = MemDir::new();
    let (store, dim, fact) = new_store(&dir);
    add(&store, dim, &dimension_rows([3, 1, 2])).unwrap();
    for start in [0, 10, 20] {
        add(&store, fact, &fact_rows(start..start + 10)).unwrap();
    }
    let key = table(&store, "fact").primary_key().unwrap().id;
    let rows_of = |transaction: &crate::Transaction, ids: &[i32]| -> Vec<u64> {
        let found = transaction.find_rows(fact, key, &[ints(ids.iter().copied())]).unwrap();
        found.into_iter().map(Option::unwrap).collect()
    };
    let change = |ids: &[i32], day: i32| {
        let mut transaction = store.begin_concurrent().unwrap();
        let rows = rows_of(&transaction, ids);
        let dims = ints(ids.iter().map(|_| 1));
        let days = ints(ids.iter().map(|_| day));
        transaction
            .update(fact, &rows, &batch(vec![ints(ids.iter().copied()), dims, days]))
            .unwrap();
        transaction
    };
    // Written again as they are: flushed, and with the rows of later commits.
    let open = change(&[4, 17], 600);
    let other = change(&[5], 601);
    change(&[12], 602).commit().unwrap();
    add(&store, fact, &fact_rows(30..40)).unwrap();
    let all = &LoadOptions::default();
    assert!(store.optimize(fact, all, &|| Ok(())).unwrap().unwrap().is_done);
    assert_eq!(table(&store, "fact").segments().len(), 1);
    open.commit().unwrap();
    assert_sound(&store);
    // Changed by another one, whose rows were written again, too.
    let mut late = change(&[12, 33], 603);
    let rows = rows_of(&late, &[20]);
    late.delete(fact, &rows).unwrap();
    let same = change(&[33], 604);
    let removed = change(&[20], 605);
    late.commit().unwrap();
    assert!(store.optimize(fact, all, &|| Ok(())).unwrap().unwrap().is_done);
    for of_a_changed_row in [same, removed] {
        let error = of_a_changed_row.commit().unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error}");
    }
    other.commit().unwrap();
    assert_sound(&store);
    let expected: Vec<(i64, String)> = (0..40)
        .filter(|id| *id != 20)
        .map(|id| match id {
            4 | 17 => (id, "600".to_owned()),
            5 => (id, "601".to_owned()),
            12 | 33 => (id, "603".to_owned()),
            _ => (id, (id * 37 % 101).to_string()),
        })
        .collect();
    assert_eq!(live(&store, "fact", "day"), expected);
    drop(store);
    assert_eq!(live(&open_to_read(&dir), "fact", "day"), expected);
}

/// A reader beside merges and changes: rows in memory that it has are not read again with a newer
/// manifest, also where a part of them is in files then.
#[test]
fn a_reader_keeps_the_rows_in_memory_that_it_has() {
    let dir = MemDir::new();
    let (store, dim, fact) = new_store(&dir);
    add(&store, dim, &dimension_rows([3, 1, 2])).unwrap();
    let key = table(&store, "fact").primary_key().unwrap().id;
    let change = |id: i32| {
        add(&store, dim, &dimension_rows([10 + id])).unwrap();
        add(&store, fact, &fact_rows(id * 3..id * 3 + 3)).unwrap();
        let mut transaction = store.begin().unwrap();
        let found = transaction.find_rows(fact, key, &[ints([id, id * 2])]).unwrap();
        let rows: Vec<u64> = found.into_iter().flatten().collect();
        if id % 2 == 0 {
            transaction.delete(fact, rows.get(..1).unwrap_or_default()).unwrap();
        } else if let [row, ..] = rows[..] {
            transaction.update(fact, &[row], &fact_rows(90_000 + id..90_001 + id)).unwrap();
        }
        transaction.commit().unwrap();
    };
    let reader = open_to_read(&dir);
    let assert_same = |label: &str| {
        for (name, column) in [("dim", "name"), ("fact", "day"), ("fact", "dim")] {
            let expected = live(&store, name, column);
            assert_eq!(live(&reader, name, column), expected, "{label}");
            assert_eq!(live(&open_to_read(&dir), name, column), expected, "{label}, read anew");
        }
    };
    let in_memory = |name: &str| -> Vec<_> {
        let known = table(&reader, name);
        known.segments.iter().filter(|segment| segment.is_in_memory()).cloned().collect()
    };
    for id in 1..60 {
        change(id);
        if id % 3 == 0 {
            assert_same(&format!("before {id}"));
        }
        if id % 10 == 0 {
            let known = Mutex::new(Vec::new());
            let sizes = || live(&store, "fact", "day").len();
            let before = sizes();
            let is_first = Mutex::new(Cell::new(true));
            let pace = || {
                if is_first.lock().unwrap().replace(false) {
                    // So many that the reader makes one segment of these and of what is merged.
                    (0..35).for_each(|more| change(id * 100 + more));
                    assert_same(&format!("beside the merge at {id}"));
                    *known.lock().unwrap() = in_memory("dim");
                }
                Ok(())
            };
            let options = LoadOptions::default();
            if id % 20 == 0 {
                // The first table that has any rows in memory: the dimension.
                assert!(store.merge_step(&FLUSH, &options, &pace).unwrap().unwrap().is_done);
            } else {
                let report = store.optimize(fact, &options, &pace).unwrap().unwrap();
                assert!(report.is_done && report.table == "fact");
                let (known, now) = (known.into_inner().unwrap(), in_memory("dim"));
                assert!(known.iter().zip(&now).any(|(before, now)| Arc::ptr_eq(before, now)));
            }
            assert!(sizes() > before);
            assert_same(&format!("after {id}"));
        }
    }
}
