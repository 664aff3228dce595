//! Whatever fails, and whenever: the warehouse is at the old state or the new one, it opens again,
//! and what was left behind is removed.

use super::support::*;
use crate::{LoadOptions, OpenMode, SharedDictionaries, Store, TableChange, TableDefinition};
use starfact_base::{DataType, Error, Result, Scalar};
use starfact_vfs::{Dir, Fault, FaultDir, FaultMode, MemDir};
use std::io::ErrorKind;
use std::sync::Arc;

const MODES: [FaultMode; 4] =
    [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze];

/// All there is to see in a warehouse.
#[derive(Clone, Debug, PartialEq)]
struct Contents(Vec<(String, Vec<Vec<String>>)>);

fn contents(store: &Store) -> Contents {
    let snapshot = store.snapshot().unwrap();
    // Rows in any order, as writing them again may change it.
    let columns = |table: &Arc<crate::Table>| {
        let visible = table.columns().iter().map(|column| column.id);
        let hidden = table.foreign_keys().iter().map(|key| key.ordinal_column);
        let columns: Vec<Vec<String>> =
            visible.chain(hidden).map(|id| live_values(table, id)).collect();
        let rows = columns.first().map_or(0, Vec::len);
        let row = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
        let mut rows: Vec<Vec<String>> = (0..rows).map(row).collect();
        rows.sort();
        rows
    };
    let tables = snapshot.tables().map(|table| (table.name().to_owned(), columns(table)));
    Contents(tables.collect())
}

/// A change of the warehouse as one transaction.
type Change = fn(&Store) -> Result<()>;

fn small_options() -> LoadOptions {
    // One thread, so that operations come in the same order every time, and spills.
    LoadOptions { memory_bytes: 2_000, threads: 1, ..LoadOptions::default() }
}

fn create_tables(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let dim = transaction.create_table(&dimension("dim"))?;
    transaction.create_table(&fact("fact"))?;
    let rows = dimension_rows([2, 3, 1]);
    transaction.load(dim, &mut std::iter::once(Ok(rows)), &small_options())?;
    transaction.commit()?;
    Ok(())
}

fn load_fact(store: &Store) -> Result<()> {
    let ids = 0..300_i32;
    let days = ids.clone().map(|id| id * 37 % 101);
    let rows = batch(vec![ints(ids.clone()), ints(ids.map(|id| id % 3 + 1)), ints(days)]);
    let batches = (0..3).map(|i| rows.slice(i * 100, 100)).collect();
    insert_with(store, "fact", batches, &small_options()).map(|_| ())
}

/// A small commit, of rows that come, change and go in two tables.
fn change_rows(store: &Store) -> Result<()> {
    let (dim, fact) = (id_of(store, "dim"), id_of(store, "fact"));
    let mut transaction = store.begin()?;
    transaction.insert(dim, &dimension_rows([7]))?;
    transaction.insert(fact, &batch(vec![ints([900, 901]), ints([7, 1]), ints([5, 6])]))?;
    let key = table(store, "dim").primary_key().unwrap().id;
    let row =
        transaction.find_rows(dim, key, &[ints([2])])?.into_iter().flatten().collect::<Vec<_>>();
    transaction.update(dim, &row, &batch(vec![ints([2]), texts(["two"])]))?;
    let key = table(store, "fact").primary_key().unwrap().id;
    let rows = transaction.find_rows(fact, key, &[ints([0, 100, 299])])?;
    transaction.delete(fact, &rows.into_iter().flatten().collect::<Vec<_>>())?;
    transaction.commit().map(drop)
}

/// Rows of the log become files, which change nothing that anybody sees, and then a commit.
fn merge_and_change(store: &Store) -> Result<()> {
    let policy = crate::MergePolicy { fan_in: 2, flush_rows: 1, ..crate::MergePolicy::default() };
    while store.merge_step(&policy, &small_options(), &|| Ok(()))?.is_some() {}
    let dim = id_of(store, "dim");
    let mut transaction = store.begin()?;
    let key = table(store, "dim").primary_key().unwrap().id;
    let row =
        transaction.find_rows(dim, key, &[ints([7])])?.into_iter().flatten().collect::<Vec<_>>();
    transaction.update(dim, &row, &batch(vec![ints([7]), texts(["seven"])]))?;
    transaction.commit().map(drop)
}

fn id_of(store: &Store, name: &str) -> starfact_base::TableId {
    table(store, name).id()
}

fn drop_fact(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let id = transaction.snapshot().unwrap().table("fact").map(|table| table.id());
    transaction.drop_table(id.unwrap())?;
    transaction.commit()?;
    Ok(())
}

/// A table of text, which is loaded with a dictionary.
fn create_visits(store: &Store) -> Result<()> {
    let definition = TableDefinition {
        name: "visits".into(),
        columns: vec![column("city", DataType::Varchar), column("day", DataType::Integer)],
        sorted_by: strings(&["day"]),
        ..TableDefinition::default()
    };
    let mut transaction = store.begin()?;
    transaction.create_table(&definition)?;
    transaction.commit()?;
    visit(store, ["Bern", "Zug", "Aarau"])
}

/// Needs a new dictionary.
fn load_visits(store: &Store) -> Result<()> {
    visit(store, ["Bern", "Zug", "Chur"])
}

/// Does not.
fn load_more_visits(store: &Store) -> Result<()> {
    visit(store, ["Bern", "Bern", "Aarau"])
}

fn visit(store: &Store, cities: [&str; 3]) -> Result<()> {
    let cities = texts((0..120_usize).map(|row| cities[row * 7 % 3]));
    let rows = batch(vec![cities, ints((0..120).map(|row| row * 37 % 101))]);
    let shared_dictionaries = SharedDictionaries::Always;
    let options = LoadOptions { shared_dictionaries, memory_bytes: 1_000_000, ..small_options() };
    insert_with(store, "visits", vec![rows], &options).map(|_| ())
}

/// Several changes of what is declared, in one commit.
fn alter_visits(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let table = Arc::clone(transaction.snapshot().unwrap().table("visits").unwrap());
    let day = table.column_named("day").unwrap().id;
    for change in [
        TableChange::AddColumn {
            column: column("guests", DataType::Integer).not_null(),
            initial: Some(Scalar::Integer(2)),
        },
        TableChange::SetType { column: day, data_type: DataType::BigInt },
        TableChange::DropColumn(table.column_named("city").unwrap().id),
    ] {
        transaction.alter_table(table.id(), &change)?;
    }
    transaction.commit()?;
    Ok(())
}

fn drop_visits(store: &Store) -> Result<()> {
    let mut transaction = store.begin()?;
    let id = transaction.snapshot().unwrap().table("visits").map(|table| table.id());
    transaction.drop_table(id.unwrap())?;
    transaction.commit()?;
    Ok(())
}

#[test]
fn the_visits_of_these_tests_have_dictionaries() {
    let store = open(&base(&[create_visits, load_visits, load_more_visits]));
    let visits = table(&store, "visits");
    let numbers = visits.segments().iter().map(|segment| {
        let dictionary = segment.dictionary(starfact_base::ColumnId(1));
        dictionary.map(|file| file.number())
    });
    let numbers: Vec<u64> = numbers.collect::<Option<_>>().unwrap();
    assert!(numbers[0] < numbers[1] && numbers[1] == numbers[2], "{numbers:?}");
}

/// A base that changes have made, without faults.
fn base(changes: &[Change]) -> MemDir {
    let dir = MemDir::new();
    let store = open(&dir);
    changes.iter().for_each(|change| change(&store).unwrap());
    drop(store);
    dir.crash()
}

fn open_faulty(dir: &MemDir, fault: Option<Fault>) -> (FaultDir, Result<Store>) {
    let faulty = FaultDir::new(Arc::new(dir.clone()), fault);
    let store = Store::open(Arc::new(faulty.clone()), READ_WRITE);
    (faulty, store)
}

/// Runs `check` for every operation of opening and changing the base, in every mode.
fn for_every_fault(before: &[Change], change: Change, check: &dyn Fn(&Case)) {
    let dir = base(before);
    let old = contents(&open(&dir.crash()));
    let (counter, store) = open_faulty(&dir.crash(), None);
    let store = store.unwrap();
    change(&store).unwrap();
    let new = contents(&store);
    assert_ne!(old, new);
    drop(store);
    let operations = counter.operations();
    assert!(operations > 10, "{operations}");
    for mode in MODES {
        for at in 0..operations {
            let dir = dir.crash();
            let fault = Fault { at, mode, kind: ErrorKind::StorageFull };
            let (faulty, store) = open_faulty(&dir, Some(fault));
            let context = format!("{mode:?} at {at} of {operations}");
            check(&Case { mode, dir, faulty, store, change, old: &old, new: &new, context });
        }
    }
}

struct Case<'a> {
    mode: FaultMode,
    dir: MemDir,
    faulty: FaultDir,
    store: Result<Store>,
    change: Change,
    old: &'a Contents,
    new: &'a Contents,
    context: String,
}

impl Case<'_> {
    fn is_crash(&self) -> bool {
        matches!(self.mode, FaultMode::Freeze | FaultMode::TearAndFreeze)
    }
}

/// What a power cut leaves is one of the two states; the new one if the change was acknowledged.
fn check_reopened(case: &Case<'_>, dir: &MemDir, acknowledged: bool) -> bool {
    let store = try_open(dir).unwrap_or_else(|error| panic!("{}: {error}", case.context));
    let found = contents(&store);
    let is_new = found == *case.new;
    assert!(is_new || found == *case.old, "{}: neither old nor new", case.context);
    assert!(is_new || !acknowledged, "{}: an acknowledged commit is lost", case.context);
    let left = unnamed_files(&store, dir);
    assert!(left.is_empty(), "{}: {left:?} are left", case.context);
    is_new
}

fn crash_anywhere(before: &[Change], change: Change) {
    for_every_fault(before, change, &|case| {
        let outcome = match &case.store {
            Ok(store) => (case.change)(store),
            Err(error) => Err(Error::internal(error.to_string())),
        };
        let acknowledged = outcome.is_ok();
        check_reopened(case, &case.dir.crash(), acknowledged);
        for seed in 0..4 {
            check_reopened(case, &case.dir.crash_with_luck(seed), acknowledged);
        }
    });
}

#[test]
fn a_crash_while_a_warehouse_is_made_and_filled() {
    crash_anywhere(&[], create_tables);
}

#[test]
fn a_crash_during_a_load() {
    crash_anywhere(&[create_tables], load_fact);
}

#[test]
fn a_crash_during_a_small_commit() {
    crash_anywhere(&[create_tables, load_fact], change_rows);
}

#[test]
fn a_crash_while_rows_of_the_log_become_files() {
    crash_anywhere(&[create_tables, load_fact, change_rows], merge_and_change);
}

#[test]
fn a_crash_while_tables_are_dropped_beside_a_log() {
    crash_anywhere(&[create_tables, load_fact, change_rows], drop_fact);
}

#[test]
fn a_crash_while_a_table_is_dropped() {
    crash_anywhere(&[create_tables, load_fact], drop_fact);
}

#[test]
fn a_crash_while_dictionaries_are_made_used_and_dropped() {
    crash_anywhere(&[create_visits], load_visits);
    crash_anywhere(&[create_visits], load_more_visits);
    crash_anywhere(&[create_visits, load_visits], drop_visits);
}

/// After a failure that is no crash, the same store works on.
fn fail_anywhere(before: &[Change], change: Change) {
    for_every_fault(before, change, &|case| {
        let context = &case.context;
        let Ok(store) = &case.store else {
            assert!(!case.is_crash() || case.faulty.has_struck(), "{context}");
            return;
        };
        if case.is_crash() {
            return;
        }
        let outcome = (case.change)(store);
        let expected = if outcome.is_ok() { case.new } else { case.old };
        assert_eq!(contents(store), *expected, "{context}");
        if let Err(Error::ReadOnly(reason)) = &outcome {
            // What became of a record of the log is seen when the warehouse is opened again.
            assert!(reason.contains("not known whether the last commit"), "{context}: {reason}");
            assert!(matches!(store.begin(), Err(Error::ReadOnly(_))), "{context}");
            check_reopened(case, &case.dir.crash(), false);
            (0..4).for_each(|seed| {
                check_reopened(case, &case.dir.crash_with_luck(seed), false);
            });
            return;
        }
        if let Err(error) = outcome {
            assert!(error.to_string().contains("disk is full"), "{context}: {error}");
            (case.change)(store).unwrap_or_else(|error| panic!("{context}: again: {error}"));
        }
        assert_eq!(contents(store), *case.new, "{context}");
        let is_new = check_reopened(case, &case.dir.crash(), true);
        assert!(is_new, "{context}");
    });
}

#[test]
fn a_full_disk_while_a_warehouse_is_filled() {
    fail_anywhere(&[], create_tables);
}

#[test]
fn a_full_disk_during_a_load() {
    fail_anywhere(&[create_tables], load_fact);
}

#[test]
fn a_full_disk_during_a_small_commit() {
    fail_anywhere(&[create_tables, load_fact], change_rows);
}

#[test]
fn a_full_disk_while_rows_of_the_log_become_files() {
    fail_anywhere(&[create_tables, load_fact, change_rows], merge_and_change);
}

#[test]
fn a_full_disk_while_dictionaries_are_made_used_and_dropped() {
    fail_anywhere(&[create_visits], load_visits);
    fail_anywhere(&[create_visits], load_more_visits);
    fail_anywhere(&[create_visits, load_visits], drop_visits);
}

#[test]
fn a_crash_or_a_full_disk_while_a_table_is_altered() {
    crash_anywhere(&[create_visits], alter_visits);
    fail_anywhere(&[create_visits], alter_visits);
}

#[test]
fn a_full_disk_while_a_table_is_dropped() {
    fail_anywhere(&[create_tables, load_fact], drop_fact);
}

/// The number of the operation that replaces CURRENT, and the one that makes that durable.
fn last_two_steps(dir: &MemDir) -> (u64, u64) {
    let (counter, store) = open_faulty(&dir.crash(), None);
    let store = store.unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.create_table(&dimension("other")).unwrap();
    let start = counter.operations();
    transaction.commit().unwrap();
    // create, write, sync and the folder of the manifest; create, write, sync, rename and the
    // folder of CURRENT; then the old manifest goes.
    assert_eq!(counter.operations() - start, 10);
    (start + 7, start + 8)
}

/// A disk on which the third manifest cannot be made the current one durably, while all else works.
fn unsyncable(dir: &MemDir) -> HookDir {
    let inner = dir.clone();
    HookDir::new(dir, move |op, path| {
        let is_third = inner.read("CURRENT").is_ok_and(|bytes| bytes.ends_with(b"-3\n"));
        match op {
            "sync" if is_third => Err(Error::io("sync", path, ErrorKind::Other.into())),
            _ => Ok(()),
        }
    })
}

#[test]
fn a_commit_of_unknown_fate_stops_the_store_and_keeps_both_states() {
    let dir = base(&[create_tables]);
    let old = contents(&open(&dir.crash()));
    let store = Store::open(Arc::new(unsyncable(&dir)), READ_WRITE).unwrap();
    assert_eq!(store.snapshot().unwrap().version().0, 2);
    let error = load_fact(&store).unwrap_err();
    assert!(matches!(error, Error::ReadOnly(_)), "{error}");
    assert!(error.to_string().contains("not known whether the last commit"), "{error}");
    assert_eq!(store.begin().unwrap_err().to_string(), error.to_string());
    assert_eq!(contents(&store), old);
    drop(store);
    assert_eq!(contents(&open(&dir.crash())), old);
    let store = open(&dir);
    assert_ne!(contents(&store), old, "without a power cut, it has happened");
    drop(store);
    assert_ne!(contents(&open(&dir.crash())), old, "and opening has made that durable");
}

#[test]
fn a_commit_whose_last_sync_fails_once_is_done() {
    let dir = base(&[create_tables]);
    let (rename, sync) = last_two_steps(&dir);
    for (at, is_done) in [(rename, false), (sync, true)] {
        let fault = Fault { at, mode: FaultMode::Fail, kind: ErrorKind::Other };
        let dir = dir.crash();
        let (_, store) = open_faulty(&dir, Some(fault));
        let store = store.unwrap();
        let mut transaction = store.begin().unwrap();
        transaction.create_table(&dimension("other")).unwrap();
        assert_eq!(transaction.commit().is_ok(), is_done);
        assert_eq!(store.snapshot().unwrap().table("other").is_some(), is_done);
        let reader = Store::open(Arc::new(dir.crash()), OpenMode::ReadOnly).unwrap();
        assert_eq!(reader.snapshot().unwrap().table("other").is_some(), is_done);
    }
}

#[test]
fn a_crash_between_two_writers_loses_no_file_that_is_needed() {
    // The rename of CURRENT is seen by the next writer, but it is not durable; that writer removes
    // the garbage of the version before, and then the power goes.
    let dir = base(&[create_tables, load_fact]);
    let (counter, store) = open_faulty(&dir.crash(), None);
    let store = store.unwrap();
    let start = counter.operations();
    drop_fact(&store).unwrap();
    drop(store);
    let end = counter.operations();
    for at in start..end {
        let dir = dir.crash();
        let fault = Fault { at, mode: FaultMode::Freeze, kind: ErrorKind::Other };
        let (_, store) = open_faulty(&dir, Some(fault));
        let _ = drop_fact(&store.unwrap());
        // The next writer, which sees what the operating system still has.
        let (_, store) = open_faulty(&dir, None);
        drop(store.unwrap());
        for seed in 0..8 {
            let after = dir.crash_with_luck(seed);
            let store = try_open(&after).unwrap_or_else(|error| panic!("{at}, {seed}: {error}"));
            contents(&store);
        }
    }
}

#[test]
fn leftovers_of_a_crash_go_with_the_next_writer() {
    let dir = base(&[create_tables]);
    let (faulty, store) = open_faulty(&dir, None);
    let store = store.unwrap();
    let mut transaction = store.begin().unwrap();
    let id = transaction.snapshot().unwrap().table("dim").unwrap().id();
    let mut batches = (0..50).map(|i| Ok(dimension_rows((0..20).map(|j| 100 + j * 50 + i))));
    transaction.load(id, &mut batches, &small_options()).unwrap();
    faulty.set_fault(Some(Fault {
        at: faulty.operations(),
        mode: FaultMode::Freeze,
        kind: ErrorKind::Other,
    }));
    drop(transaction);
    drop(store);
    assert!(!files(&dir, "tables").is_empty());
    let survivors = dir.crash_with_luck(3);
    let store = open(&survivors);
    assert_eq!(unnamed_files(&store, &survivors), Vec::<String>::new());
    assert_eq!(survivors.list("tmp").unwrap(), []);
    assert_eq!(read(&store, "dim", "id"), ["2", "3", "1"]);
    insert(&store, "dim", vec![dimension_rows([9])]).unwrap();
}
