//! Shared dictionaries: the same rows with them and without, and they come and go with segments.

use super::support::*;
use crate::{LoadOptions, SharedDictionaries, Store, Table, TableDefinition};
use arrow::array::{Array, ArrayRef, StringViewArray};
use arrow::record_batch::RecordBatch;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType};
use starfact_vfs::{Dir, MemDir};
use std::collections::BTreeSet;
use std::sync::Arc;

const CITY: ColumnId = ColumnId(1);
const EVERY: [SharedDictionaries; 3] =
    [SharedDictionaries::Off, SharedDictionaries::WhereSmaller, SharedDictionaries::Always];

/// Visits of a city, with a note that is NULL for the most part.
fn visits() -> TableDefinition {
    TableDefinition {
        name: "visits".into(),
        columns: vec![
            column("city", DataType::Varchar),
            column("note", DataType::Varchar),
            column("day", DataType::Integer),
        ],
        ..TableDefinition::default()
    }
}

fn options(shared_dictionaries: SharedDictionaries) -> LoadOptions {
    LoadOptions { shared_dictionaries, threads: 2, ..LoadOptions::default() }
}

fn always() -> LoadOptions {
    options(SharedDictionaries::Always)
}

/// Rows of `cities`, each often enough for a dictionary.
fn rows(count: usize, cities: &[&str]) -> RecordBatch {
    let city = |row: usize| (row % 17 != 3).then(|| cities[row * 7 / 5 % cities.len()]);
    let note = |row: usize| match row % 50 {
        7 => Some(""),
        9 => Some("eine Notiz über Zürich 🦀"),
        _ => None,
    };
    let texts = |text: &dyn Fn(usize) -> Option<&'static str>| -> ArrayRef {
        Arc::new((0..count).map(text).collect::<StringViewArray>())
    };
    let cities: ArrayRef = Arc::new((0..count).map(city).collect::<StringViewArray>());
    batch(vec![cities, texts(&note), ints(0..count as i32)])
}

fn store() -> (MemDir, Store) {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &visits());
    (dir, store)
}

fn load(store: &Store, rows: RecordBatch, options: &LoadOptions) -> Arc<Table> {
    insert_with(store, "visits", vec![rows], options).unwrap();
    assert_sound(store);
    table(store, "visits")
}

fn contents(table: &Table) -> Vec<Vec<String>> {
    table.columns().iter().map(|column| values(table, column.id)).collect()
}

/// The number of the dictionary of each segment.
fn numbers(table: &Table, id: ColumnId) -> Vec<Option<u64>> {
    let number = |segment: &Arc<crate::Segment>| segment.dictionary(id).map(|file| file.number());
    table.segments().iter().map(number).collect()
}

fn dictionary_files(dir: &MemDir) -> Vec<String> {
    files(dir, "tables").into_iter().filter(|path| path.contains("/dict-")).collect()
}

fn tree(table: &Table, id: ColumnId) -> String {
    table.segments()[0].column(id).unwrap().unwrap().block(0).unwrap().tree()
}

#[test]
fn rows_and_zone_maps_are_the_same_with_dictionaries_and_without() {
    let cities = ["Bern", "Zürich", "", "Winterthur am Rhein", "日本橋"];
    let all: Vec<(MemDir, Store)> = EVERY.map(|_| store()).into();
    let tables: Vec<Arc<Table>> = all
        .iter()
        .zip(EVERY)
        .map(|((_, store), wanted)| load(store, rows(BLOCK_ROWS + 500, &cities), &options(wanted)))
        .collect();
    for (table, wanted) in tables.iter().zip(EVERY) {
        assert_eq!(contents(table), contents(&tables[0]), "{wanted:?}");
        let is_shared = wanted != SharedDictionaries::Off;
        assert_eq!(
            table.segments()[0].dictionary(CITY).is_some(),
            wanted == SharedDictionaries::Always,
            "{wanted:?}: {}",
            tree(table, CITY)
        );
        assert!(is_shared || table.dictionaries().is_empty());
        for column in table.columns() {
            let zones = |table: &Table| {
                table.segments()[0].column(column.id).unwrap().unwrap().zones().to_vec()
            };
            assert_eq!(zones(table), zones(&tables[0]));
        }
    }
    assert!(tree(&tables[2], CITY).starts_with("shared-dictionary("));
    let reopened = open(&all[2].0.crash());
    assert_eq!(contents(&table(&reopened, "visits")), contents(&tables[0]));
}

#[test]
fn a_table_never_grows_unless_asked_to() {
    let long: Vec<String> = (0..300).map(|n| format!("a city with a long name, {n:04}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    for (count, cities, is_shared) in [
        (3 * BLOCK_ROWS, &long[..], true),
        (BLOCK_ROWS, &long[..], false),
        (2 * BLOCK_ROWS, &["a", "b"][..], false),
        (2 * BLOCK_ROWS, &["a"][..], false),
    ] {
        let bytes = |wanted| {
            let (dir, store) = store();
            let table = load(&store, rows(count, cities), &options(wanted));
            let found = table.segments()[0].dictionary(CITY).is_some();
            let in_files: u64 =
                files(&dir, "tables").iter().map(|path| dir.open(path).unwrap().len()).sum();
            assert_eq!(in_files, table.bytes());
            (table.bytes(), found)
        };
        let (without, with) =
            (bytes(SharedDictionaries::Off), bytes(SharedDictionaries::WhereSmaller));
        assert_eq!((without.1, with.1), (false, is_shared), "{count}, {}", cities.len());
        assert!(with.0 <= without.0, "{with:?} {without:?}");
    }
}

#[test]
fn later_loads_use_the_newest_dictionary_if_it_has_all_texts_or_write_one_with_theirs() {
    let (dir, store) = store();
    let bern = ["Bern", "Zug"];
    let table = load(&store, rows(300, &bern), &always());
    let first = numbers(&table, CITY)[0].unwrap();
    assert_eq!(table.dictionaries().iter().filter(|(id, _)| *id == CITY).count(), 1);
    load(&store, rows(400, &["Zug", "Zug"]), &always());
    let table = load(&store, rows(200, &["Aarau", "Zug"]), &always());
    let second = numbers(&table, CITY)[2].unwrap();
    assert!(second > first);
    assert_eq!(numbers(&table, CITY), [Some(first), Some(first), Some(second)]);
    let newest = table.segments()[2].dictionary(CITY).unwrap();
    let texts: Vec<Option<&str>> = vec![Some("Aarau"), Some("Bern"), Some("Zug")];
    assert_eq!(newest.values().unwrap().values().iter().collect::<Vec<_>>(), texts);
    // Where it costs nothing, also without being asked to; and not at all if switched off.
    let all = rows(300, &["Bern", "Aarau", "Zug"]);
    load(&store, all.clone(), &LoadOptions::default());
    let table = load(&store, all, &options(SharedDictionaries::Off));
    assert_eq!(numbers(&table, CITY)[3..], [Some(second), None]);
    let expected = contents(&table);
    let note = table.columns()[1].id;
    assert_eq!(numbers(&table, note)[..3].iter().flatten().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(dictionary_files(&dir).len(), 3);
    drop((store, table));
    let store = open(&dir);
    let table = super::support::table(&store, "visits");
    assert_eq!(contents(&table), expected);
    // One dictionary, in memory once.
    let of = |segment: usize| Arc::clone(table.segments()[segment].dictionary(CITY).unwrap());
    assert!(
        Arc::ptr_eq(&of(0), &of(1))
            && Arc::ptr_eq(of(0).values().unwrap(), of(1).values().unwrap())
    );
    let block = table.segments()[1].column(CITY).unwrap().unwrap().block(0).unwrap();
    assert!(Arc::ptr_eq(block.dictionary().unwrap(), of(0).values().unwrap()));
    let table = load(&store, rows(100, &bern), &always());
    assert_eq!(numbers(&table, CITY)[5], Some(second));
    assert!(Arc::ptr_eq(table.segments()[5].dictionary(CITY).unwrap(), &of(2)));
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn one_text_only_nulls_and_no_rows_are_no_special_case() {
    let (dir, store) = store();
    let nulls: ArrayRef = Arc::new(StringViewArray::from_iter([None::<&str>; 90]));
    let one = texts(["the only text"; 90]);
    let batch_of =
        |city: &ArrayRef, note: &ArrayRef| batch(vec![city.clone(), note.clone(), ints(0..90)]);
    assert_eq!(insert_with(&store, "visits", vec![], &always()).unwrap(), 0);
    load(&store, batch_of(&nulls, &one), &always());
    let table = load(&store, batch_of(&one, &nulls), &always());
    assert_eq!(
        numbers(&table, CITY).iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, true]
    );
    let expected = [["NULL"; 90].concat(), ["the only text"; 90].concat()].concat();
    assert_eq!(values(&table, CITY).concat(), expected);
    assert_eq!(values(&table, ColumnId(2)).len(), 180);
    assert_eq!(dictionary_files(&dir).len(), 2);
}

#[test]
fn domains_that_are_too_large_stay_in_their_blocks() {
    // 13,108 texts a block, 65,540 or 65,536 in all; each twice or more in its block.
    for distinct in [65_537, 65_536] {
        let (_, store) = store();
        let text = |row: usize| {
            let (block, row) = (row / BLOCK_ROWS, row % BLOCK_ROWS);
            (block * 13_108 + row / 2 % 13_108).min(distinct - 1)
        };
        let city = StringViewArray::from_iter_values(
            (0..5 * BLOCK_ROWS).map(|row| format!("{:06}", text(row))),
        );
        let count = city.len();
        let rows = batch(vec![Arc::new(city), texts(vec![""; count]), ints(0..count as i32)]);
        let table = load(&store, rows, &always());
        let segment = &table.segments()[0];
        assert_eq!(segment.dictionary(CITY).is_some(), distinct == 65_536, "{distinct}");
        let last = segment.column(CITY).unwrap().unwrap().block(4).unwrap();
        let row = last.take(&[26_206]).unwrap();
        assert_eq!(show(&row, 0), format!("{:06}", text(4 * BLOCK_ROWS + 26_206)));
    }
    let (_, store) = store();
    let long = ["x".repeat(600_000), "y".repeat(600_000)];
    let rows = rows(100, &[&long[0], &long[1]]);
    let table = load(&store, rows.clone(), &always());
    assert_eq!(numbers(&table, CITY), [None]);
    assert_eq!(values(&table, CITY).iter().filter(|text| text.len() == 600_000).count(), 94);
    // Too long together with a newer one: a dictionary of its own.
    let table = load(&store, self::rows(100, &[&long[0], "b"]), &always());
    let table_after = load(&store, self::rows(100, &[&long[1], "b"]), &always());
    let number = |table: &Table, segment: usize| numbers(table, CITY)[segment];
    assert!(number(&table, 1).is_some() && number(&table_after, 2) > number(&table, 1));
    assert_eq!(table_after.segments()[2].dictionary(CITY).unwrap().values().unwrap().len(), 2);
}

#[test]
fn keys_and_columns_that_ask_for_an_encoding_stay_as_they_are() {
    let dir = MemDir::new();
    let store = open(&dir);
    let mut definition = visits();
    definition.columns[0].encoding = Some("dictionary".into());
    definition.columns[1].nullable = false;
    definition.primary_key = Some(key(&["note", "day"]));
    create(&store, &definition);
    let note = texts((0..300).map(|row| ["one", "two"][row % 2]));
    let city = rows(300, &["Bern", "Zug"]).column(0).clone();
    let table = load(&store, batch(vec![city, note, ints(0..300)]), &always());
    assert!(table.dictionaries().is_empty());
    assert!(tree(&table, CITY).starts_with("dictionary("));
    assert!(tree(&table, ColumnId(2)).starts_with("dictionary("));
}

#[test]
fn small_segments_that_become_one_have_one_dictionary_and_the_others_go() {
    let (dir, store) = store();
    let cities: Vec<String> = (0..80).map(|number| format!("a town called {number}")).collect();
    for part in 0..70 {
        let known: Vec<&str> = cities[..part + 2].iter().map(String::as_str).collect();
        load(&store, rows(200, &known), &options(EVERY[2 * (part % 2)]));
    }
    let table = table(&store, "visits");
    assert!(table.segments().len() < 10, "{}", table.segments().len());
    let (_, plain) = self::store();
    for part in 0..70 {
        let known: Vec<&str> = cities[..part + 2].iter().map(String::as_str).collect();
        load(&plain, rows(200, &known), &options(SharedDictionaries::Off));
    }
    assert_eq!(contents(&table), contents(&super::support::table(&plain, "visits")));
    let named: BTreeSet<u64> = [CITY, ColumnId(2)]
        .iter()
        .flat_map(|id| numbers(&table, *id).into_iter().flatten())
        .collect();
    let known: BTreeSet<u64> = table.dictionaries().iter().map(|(_, file)| file.number()).collect();
    assert_eq!(named, known);
    assert_eq!(dictionary_files(&dir).len(), known.len());
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn a_sorted_load_in_several_runs_shares_a_dictionary() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &TableDefinition { sorted_by: strings(&["city", "day"]), ..visits() });
    let options = LoadOptions { memory_bytes: 20_000, ..always() };
    let batches = (0..5).map(|_| rows(1_000, &["Zug", "Bern"])).collect();
    insert_with(&store, "visits", batches, &options).unwrap();
    let table = table(&store, "visits");
    assert!(table.is_sorted() && numbers(&table, CITY)[0].is_some());
    let cities = values(&table, CITY);
    assert_eq!((cities.len(), cities[0].as_str(), cities[4_999].as_str()), (5_000, "Bern", "NULL"));
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}

#[test]
fn a_dictionary_goes_when_no_segment_and_no_reader_needs_it() {
    let (dir, store) = store();
    load(&store, rows(300, &["Bern", "Zug"]), &always());
    let names = dictionary_files(&dir);
    assert_eq!(names.len(), 2);
    let reader = open_to_read(&dir);
    let snapshot = reader.snapshot().unwrap();
    let here = table(&store, "visits");
    let mut transaction = store.begin().unwrap();
    transaction.drop_table(here.id()).unwrap();
    transaction.commit().unwrap();
    assert_eq!(dictionary_files(&dir), names);
    assert_eq!(named(&snapshot, "visits", "city").len(), 300);
    drop((snapshot, reader));
    create(&store, &dimension("other"));
    assert_eq!(dictionary_files(&dir), names, "this process can still read it");
    assert_eq!(values(&here, CITY).len(), 300);
    drop(here);
    create(&store, &dimension("another"));
    assert_eq!(dictionary_files(&dir), Vec::<String>::new());
}

#[test]
fn a_load_that_fails_or_is_not_committed_leaves_no_dictionary() {
    let (dir, store) = store();
    let mut transaction = store.begin().unwrap();
    let id = transaction.snapshot().unwrap().table("visits").unwrap().id();
    let mut one = std::iter::once(Ok(rows(300, &["Bern", "Zug"])));
    transaction.load(id, &mut one, &always()).unwrap();
    assert_eq!(dictionary_files(&dir).len(), 2);
    let mut other = std::iter::once(Ok(rows(300, &["Bern", "Chur"])));
    transaction.load(id, &mut other, &always()).unwrap();
    assert_eq!(dictionary_files(&dir).len(), 3);
    drop(transaction);
    assert_eq!(files(&dir, "tables"), Vec::<String>::new());
}

#[test]
fn dictionaries_of_earlier_writers_that_nobody_names_are_removed_and_their_numbers_not_reused() {
    let (dir, store) = store();
    drop(store);
    for name in ["tables/1/dict-1-77", "tables/1/notes.txt", "tables/1/dict-x"] {
        let mut file = dir.create(name).unwrap();
        file.write(b"left").unwrap();
        file.finish().unwrap();
    }
    let store = open(&dir);
    assert_eq!(files(&dir, "tables"), ["tables/1/dict-x", "tables/1/notes.txt"]);
    let table = load(&store, rows(300, &["Bern", "Zug"]), &always());
    assert!(table.segments()[0].id().0 > 77);
}
