//! Rows that are changed one by one, beside a model: a dimension and a fact that references it.

use super::support::*;
use crate::{Snapshot, Store, Transaction};
use proptest::prelude::*;
use starfact_base::{Error, Result, TableId};
use starfact_vfs::MemDir;
use std::collections::BTreeMap;

/// A dimension: key and name. A fact: key, reference and day.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    dims: BTreeMap<i32, String>,
    facts: BTreeMap<i32, (i32, i32)>,
}

impl Model {
    fn is_legal(&self) -> bool {
        self.facts.values().all(|(dim, _)| self.dims.contains_key(dim))
    }
}

/// A change, whose rows are found by key.
#[derive(Clone, Debug)]
enum Change {
    InsertDim(i32),
    RenameDim(i32),
    MoveDim(i32, i32),
    DeleteDim(i32),
    InsertFacts(Vec<(i32, i32, i32)>),
    UpdateFact(i32, i32, i32),
    MoveFact(i32, i32),
    DeleteFacts(Vec<i32>),
    TruncateFacts,
    LoadFacts(Vec<(i32, i32, i32)>),
}

fn change() -> impl Strategy<Value = Change> {
    let key = || 0..12_i32;
    let fact = || (0..40_i32, key(), 0..5_i32);
    let facts = || proptest::collection::vec(fact(), 1..6);
    prop_oneof![
        4 => key().prop_map(Change::InsertDim),
        2 => key().prop_map(Change::RenameDim),
        2 => (key(), key()).prop_map(|(from, to)| Change::MoveDim(from, to)),
        2 => key().prop_map(Change::DeleteDim),
        4 => facts().prop_map(Change::InsertFacts),
        3 => fact().prop_map(|(id, dim, day)| Change::UpdateFact(id, dim, day)),
        1 => (0..40_i32, 0..40_i32).prop_map(|(from, to)| Change::MoveFact(from, to)),
        3 => proptest::collection::vec(0..40_i32, 1..8).prop_map(Change::DeleteFacts),
        1 => Just(Change::TruncateFacts),
        1 => facts().prop_map(Change::LoadFacts),
    ]
}

/// Applies a change to both; an error if a key would be there twice, in the model.
fn apply(change: &Change, model: &mut Model, on: &mut Writer<'_>) -> Result<bool> {
    let (dim, fact) = (on.dim, on.fact);
    let mut is_legal = true;
    match change {
        Change::InsertDim(id) => {
            is_legal = model.dims.insert(*id, format!("name {id}")).is_none();
            on.transaction.insert(dim, &dimension_rows([*id]))?;
        }
        Change::RenameDim(id) => {
            if let Some(row) = on.find(dim, *id)? {
                let name = format!("new {id}");
                on.transaction.update(dim, &[row], &batch(vec![ints([*id]), texts([&*name])]))?;
                model.dims.insert(*id, name);
            }
        }
        Change::MoveDim(from, to) => {
            if let Some(row) = on.find(dim, *from)? {
                let name = model.dims.remove(from).unwrap();
                on.transaction.update(dim, &[row], &batch(vec![ints([*to]), texts([&*name])]))?;
                is_legal = model.dims.insert(*to, name).is_none();
            }
        }
        Change::DeleteDim(id) => {
            if let Some(row) = on.find(dim, *id)? {
                assert_eq!(on.transaction.delete(dim, &[row, row])?, 1);
                model.dims.remove(id);
            }
        }
        Change::InsertFacts(rows) | Change::LoadFacts(rows) => {
            for (id, dim, day) in rows {
                is_legal &= model.facts.insert(*id, (*dim, *day)).is_none();
            }
            let column = |of: fn(&(i32, i32, i32)) -> i32| ints(rows.iter().map(of));
            let rows = batch(vec![column(|row| row.0), column(|row| row.1), column(|row| row.2)]);
            match change {
                Change::LoadFacts(_) => {
                    let options = crate::LoadOptions::default();
                    on.transaction.load(fact, &mut std::iter::once(Ok(rows)), &options)?;
                }
                _ => on.transaction.insert(fact, &rows)?,
            }
        }
        Change::UpdateFact(id, dim, day) => {
            if let Some(row) = on.find(fact, *id)? {
                let new = batch(vec![ints([*id]), ints([*dim]), ints([*day])]);
                on.transaction.update(fact, &[row], &new)?;
                model.facts.insert(*id, (*dim, *day));
            }
        }
        Change::MoveFact(from, to) => {
            if let Some(row) = on.find(fact, *from)? {
                let (dim, day) = model.facts.remove(from).unwrap();
                let new = batch(vec![ints([*to]), ints([dim]), ints([day])]);
                on.transaction.update(fact, &[row], &new)?;
                is_legal = model.facts.insert(*to, (dim, day)).is_none();
            }
        }
        Change::DeleteFacts(ids) => {
            let mut rows = Vec::new();
            for id in ids {
                rows.extend(on.find(fact, *id)?);
            }
            let before = model.facts.len();
            model.facts.retain(|id, _| !ids.contains(id));
            let deleted = on.transaction.delete(fact, &rows)?;
            assert_eq!(deleted, (before - model.facts.len()) as u64);
        }
        Change::TruncateFacts => {
            assert_eq!(on.transaction.truncate(fact)?, model.facts.len() as u64);
            model.facts.clear();
        }
    }
    Ok(is_legal)
}

/// A transaction and the tables that it changes.
struct Writer<'a> {
    transaction: &'a mut Transaction,
    dim: TableId,
    fact: TableId,
}

impl Writer<'_> {
    fn find(&self, table: TableId, id: i32) -> Result<Option<u64>> {
        let snapshot = self.transaction.snapshot()?;
        let key = snapshot.table_by_id(table).unwrap().primary_key().unwrap().id;
        Ok(self.transaction.find_rows(table, key, &[ints([id])])?[0])
    }
}

/// All live rows of a table, as text.
fn rows(snapshot: &Snapshot, name: &str) -> Vec<Vec<String>> {
    let table = snapshot.table(name).unwrap();
    let ids = table.segments.iter().flat_map(|it| it.first_row()..it.row_end());
    let ids: Vec<u64> = ids.filter(|row| table.is_live(*row)).collect();
    assert_eq!(ids.len() as u64, table.row_count());
    let taken = crate::transaction::take_rows(table, &ids).unwrap();
    let row = |row| taken.columns().iter().map(|column| show(column, row)).collect();
    let mut rows: Vec<Vec<String>> = (0..taken.num_rows()).map(row).collect();
    rows.sort();
    rows
}

fn assert_same(snapshot: &Snapshot, model: &Model) {
    let mut dims: Vec<Vec<String>> =
        model.dims.iter().map(|(id, name)| vec![id.to_string(), name.clone()]).collect();
    let mut facts: Vec<Vec<String>> = model
        .facts
        .iter()
        .map(|(id, (dim, day))| [id, dim, day].map(ToString::to_string).into())
        .collect();
    dims.sort();
    facts.sort();
    assert_eq!(rows(snapshot, "dim"), dims);
    assert_eq!(rows(snapshot, "fact"), facts);
}

fn new_store(dir: &MemDir) -> Store {
    let store = open(dir);
    create(&store, &dimension("dim"));
    create(&store, &fact("fact"));
    store
}

fn ids(store: &Store) -> (TableId, TableId) {
    (table(store, "dim").id(), table(store, "fact").id())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn transactions_agree_with_a_model(
        transactions in proptest::collection::vec(
            (proptest::collection::vec(change(), 1..7), any::<bool>(), any::<bool>(), any::<bool>()),
            1..16,
        ),
    ) {
        let dir = MemDir::new();
        let mut store = new_store(&dir);
        let (dim, fact) = ids(&store);
        let mut model = Model::default();
        for (changes, waits, commits, reopens) in transactions {
            let before = model.clone();
            let begun = if waits { store.begin() } else { store.begin_concurrent() };
            let mut transaction = begun.unwrap();
            let mut outcome = Ok(());
            for change in &changes {
                let mut writer = Writer { transaction: &mut transaction, dim, fact };
                match apply(change, &mut model, &mut writer) {
                    Ok(true) => assert_same(&transaction.snapshot().unwrap(), &model),
                    // The model holds a key once, and cannot go on.
                    Ok(false) => {
                        outcome = Err(());
                        break;
                    }
                    Err(Error::Constraint(_)) => {
                        outcome = Err(());
                        break;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            match (commits, outcome) {
                (true, Ok(())) => match transaction.commit() {
                    Ok(_) => assert!(model.is_legal(), "{changes:?}"),
                    Err(Error::Constraint(message)) => {
                        assert!(!model.is_legal(), "{message}: {changes:?}");
                        model = before;
                    }
                    Err(other) => panic!("{other}"),
                },
                (true, Err(())) => {
                    let error = transaction.commit();
                    // A load fails by itself, and the transaction goes on without it.
                    if error.is_ok() {
                        assert!(changes.iter().any(|it| matches!(it, Change::LoadFacts(_))));
                        return Ok(());
                    }
                    model = before;
                }
                (false, _) => {
                    drop(transaction);
                    model = before;
                }
            }
            if reopens {
                drop(store);
                store = open(&dir);
            }
            assert_same(&store.snapshot().unwrap(), &model);
            assert_sound(&store);
        }
    }
}

#[test]
fn a_row_keeps_its_ordinal_when_it_is_updated_or_inserted_again_at_once() {
    let dir = MemDir::new();
    let store = new_store(&dir);
    let (dim, fact) = ids(&store);
    insert(&store, "dim", vec![dimension_rows([5, 6, 7])]).unwrap();
    insert(&store, "fact", vec![batch(vec![ints([1, 2]), ints([6, 7]), ints([1, 1])])]).unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.update(dim, &[1], &batch(vec![ints([6]), texts(["six"])])).unwrap();
    transaction.delete(dim, &[2]).unwrap();
    transaction.insert(dim, &batch(vec![ints([7, 8]), texts(["seven", "eight"])])).unwrap();
    transaction.commit().unwrap();
    assert_sound(&store);
    let snapshot = store.snapshot().unwrap();
    let dims = snapshot.table("dim").unwrap();
    let newest = dims.segments().last().unwrap();
    assert_eq!(newest.ordinals(0).unwrap(), [1, 2, 3]);
    assert_eq!(dims.row_count(), 4);
    let mut transaction = store.begin().unwrap();
    let error = {
        transaction.delete(dim, &[3]).unwrap();
        transaction.commit().unwrap_err().to_string()
    };
    assert_eq!(
        error,
        "table \"dim\": the row with (id) = (6) is referenced by table \"fact\", for example by \
         the row with (dim) = (6): change or delete that row first"
    );
    let _ = fact;
}

#[test]
fn the_later_of_two_transactions_that_change_one_row_fails() {
    let dir = MemDir::new();
    let store = new_store(&dir);
    let (dim, _) = ids(&store);
    insert(&store, "dim", vec![dimension_rows([5, 6])]).unwrap();
    let mut first = store.begin_concurrent().unwrap();
    let mut second = store.begin_concurrent().unwrap();
    let mut third = store.begin_concurrent().unwrap();
    first.update(dim, &[0], &batch(vec![ints([5]), texts(["a"])])).unwrap();
    second.update(dim, &[0], &batch(vec![ints([5]), texts(["b"])])).unwrap();
    third.update(dim, &[1], &batch(vec![ints([6]), texts(["c"])])).unwrap();
    third.insert(dim, &dimension_rows([7])).unwrap();
    first.insert(dim, &dimension_rows([8])).unwrap();
    first.commit().unwrap();
    assert_eq!(second.snapshot().unwrap().table("dim").unwrap().row_count(), 2);
    let error = second.commit().unwrap_err();
    assert!(matches!(&error, Error::Conflict(it) if it.contains("same rows of table \"dim\"")));
    third.commit().unwrap();
    assert_sound(&store);
    let snapshot = store.snapshot().unwrap();
    let names: Vec<String> = rows(&snapshot, "dim").into_iter().map(|row| row.join(" ")).collect();
    assert_eq!(names, ["5 a", "6 c", "7 name 7", "8 name 8"]);
}

#[test]
fn many_small_commits_leave_few_segments_and_deleted_rows_no_space() {
    let dir = MemDir::new();
    let store = new_store(&dir);
    let (dim, _) = ids(&store);
    for id in 0..100 {
        let mut transaction = store.begin().unwrap();
        transaction.insert(dim, &dimension_rows([(id * 37) % 100])).unwrap();
        transaction.commit().unwrap();
    }
    let known = table(&store, "dim");
    assert!(known.segments().len() < 40, "{}", known.segments().len());
    let mut transaction = store.begin().unwrap();
    assert_eq!(transaction.truncate(dim).unwrap(), 100);
    transaction.commit().unwrap();
    let known = table(&store, "dim");
    assert_eq!((known.row_count(), known.segments().len(), known.bytes()), (0, 0, 0));
    insert(&store, "dim", vec![dimension_rows([5])]).unwrap();
    assert_sound(&store);
}
