//! Keys of references in lists: the same rows, in less space, whatever is written next.

use super::support::*;
use crate::{BackupMode, LoadOptions, Store, Table, TableDefinition};
use starfact_base::{ColumnId, DataType};
use starfact_vfs::MemDir;
use std::sync::Arc;

const PLACES: i32 = 6_000;
const KEY: ColumnId = ColumnId(1);

fn place_of(n: i32) -> i32 {
    n * n + 3 * n - 70_000
}

fn trip(n: i32) -> Option<i32> {
    (n % 1_000 != 7).then(|| place_of((i64::from(n) * 7_919 % i64::from(PLACES)) as i32))
}

/// Places, and trips without rows that refer to them.
fn made(dir: &MemDir) -> Store {
    let store = open(dir);
    let mut transaction = store.begin().unwrap();
    let mut place = dimension("place");
    place.columns.truncate(1);
    place.unique.clear();
    transaction.create_table(&place).unwrap();
    let trip = TableDefinition {
        name: "trip".into(),
        columns: vec![column("place", DataType::Integer), column("km", DataType::Integer)],
        foreign_keys: vec![reference(&["place"], "place")],
        ..TableDefinition::default()
    };
    transaction.create_table(&trip).unwrap();
    transaction.commit().unwrap();
    load(&store, "place", (0..PLACES).map(|n| Some(place_of(n))).collect(), None);
    store
}

fn load(store: &Store, name: &str, keys: Vec<Option<i32>>, options: Option<LoadOptions>) {
    let km = ints(0..keys.len() as i32);
    let columns = match name {
        "place" => vec![nullable_ints(keys)],
        _ => vec![nullable_ints(keys), km],
    };
    insert_with(store, name, vec![batch(columns)], &options.unwrap_or_default()).unwrap();
}

fn trees(table: &Table) -> Vec<String> {
    let tree = |segment: &Arc<crate::Segment>| {
        segment.column(KEY).unwrap().unwrap().block(0).unwrap().tree()
    };
    table.segments().iter().map(tree).collect()
}

fn numbers(table: &Table) -> Vec<Option<u64>> {
    let number = |segment: &Arc<crate::Segment>| Some(segment.dictionary(KEY)?.number());
    table.segments().iter().map(number).collect()
}

fn shown(rows: impl Iterator<Item = i32>) -> Vec<String> {
    rows.map(|n| trip(n).map_or("NULL".into(), |key| key.to_string())).collect()
}

#[test]
fn keys_follow_from_ordinals_where_that_takes_less() {
    let dir = MemDir::new();
    let store = made(&dir);
    load(&store, "trip", (0..20_000).map(trip).collect(), None);
    let trips = table(&store, "trip");
    assert!(trees(&trips)[0].starts_with("derived(key of c3, constant)"), "{:?}", trees(&trips));
    assert_eq!(values(&trips, KEY), shown(0..20_000));
    assert_sound(&store);

    let stored = MemDir::new();
    let other = made(&stored);
    let options = LoadOptions { derive_columns: false, ..LoadOptions::default() };
    load(&other, "trip", (0..20_000).map(trip).collect(), Some(options));
    let plain = table(&other, "trip");
    assert!(!trees(&plain)[0].contains("key of"), "{:?}", trees(&plain));
    assert_eq!(values(&plain, KEY), shown(0..20_000));
    assert!(trips.bytes() < plain.bytes() * 3 / 4);
}

#[test]
fn a_few_rows_use_the_list_that_there_is_and_new_keys_another() {
    let dir = MemDir::new();
    let store = made(&dir);
    load(&store, "trip", (0..600).map(trip).collect(), None);
    load(&store, "trip", (0..20_000).map(trip).collect(), None);
    load(&store, "trip", (0..600).map(trip).collect(), None);
    // A place that the list does not have, of too few trips for another list.
    load(&store, "place", vec![Some(5), Some(6)], None);
    load(&store, "trip", (0..600).map(|n| trip(n).and(Some(5))).chain([None; 20]).collect(), None);
    let many = |n: i32| if n % 3 == 0 { Some(6) } else { trip(n) };
    load(&store, "trip", (0..20_000).map(many).collect(), None);
    let trips = table(&store, "trip");
    let found = numbers(&trips);
    assert_eq!(found[0], None);
    assert!(found[1].is_some() && found[2] == found[1], "{found:?}");
    assert!(found[3].is_none() && found[4] > found[1], "{found:?}");
    let of = |segment: usize| trips.segments()[segment].dictionary(KEY).unwrap();
    assert_eq!(of(1).keys().unwrap().len() as i32, PLACES);
    assert_eq!(of(4).keys().unwrap().len() as i32, PLACES + 2);
    assert!(of(1).values().is_err());
    let fives = (0..600).map(|n| trip(n).and(Some(5))).chain([None; 20]);
    let all = (0..600).chain(0..20_000).chain(0..600).map(trip).chain(fives);
    let all: Vec<Option<i32>> = all.chain((0..20_000).map(many)).collect();
    let shown = |keys: &[Option<i32>]| -> Vec<String> {
        keys.iter().map(|key| key.map_or("NULL".into(), |key| key.to_string())).collect()
    };
    assert_eq!(values(&trips, KEY), shown(&all));
    assert_sound(&store);
    drop(store);

    // Opened anew, and merged to one.
    let store = open(&dir);
    assert_eq!(values(&table(&store, "trip"), KEY), shown(&all));
    store.optimize(table(&store, "trip").id(), &LoadOptions::default(), &|| Ok(())).unwrap();
    let trips = table(&store, "trip");
    assert_eq!((trips.segments().len(), trips.dictionaries().len()), (1, 1));
    assert!(trees(&trips)[0].starts_with("derived(key of c3, constant)"), "{:?}", trees(&trips));
    assert_eq!(values(&trips, KEY), shown(&all));
    assert_sound(&store);

    // And copied.
    let to = MemDir::new();
    let target: Arc<dyn starfact_vfs::Dir> = Arc::new(to.clone());
    store.backup(&target, (BackupMode::Copy, 1), &|_| Ok(())).unwrap();
    let copy = open_to_read(&to);
    assert_eq!(values(&table(&copy, "trip"), KEY), shown(&all));
    assert_sound(&copy);
}

#[test]
fn what_is_derived_from_the_keys_keeps_them_stored() {
    let dir = MemDir::new();
    let store = made(&dir);
    // Kilometres that follow from the key.
    let keys: Vec<Option<i32>> = (0..20_000).map(|n| Some(place_of(n * 31 % PLACES))).collect();
    let km: Vec<Option<i32>> = keys.iter().map(|key| Some((*key)? / 7 + 1_000)).collect();
    let columns = vec![nullable_ints(keys.clone()), nullable_ints(km)];
    insert(&store, "trip", vec![batch(columns)]).unwrap();
    let trips = table(&store, "trip");
    let km = trips.segments()[0].column(ColumnId(2)).unwrap().unwrap();
    let is_source = km.source_ids().contains(&KEY);
    assert_eq!(is_source, !trees(&trips)[0].contains("key of"), "{:?}", trees(&trips));
    let keys: Vec<String> = keys.iter().map(|key| key.unwrap().to_string()).collect();
    assert_eq!(values(&trips, KEY), keys);
    assert_sound(&store);
}
