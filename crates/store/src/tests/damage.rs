//! Damage: whatever is wrong with the files, the answer is an error that names one, or right.

use super::support::*;
use crate::{LoadOptions, SharedDictionaries, Store, TableDefinition, manifest, paths};
use serde_json::{Value, json};
use starfact_base::{DataType, Error, Result};
use starfact_vfs::{Dir, MemDir};

/// A warehouse with all kinds of files: segments, a key run of each kind, hidden columns, and a
/// dictionary that two segments have in common.
fn warehouse() -> MemDir {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1, 2])]).unwrap();
    insert(&store, "dim", vec![dimension_rows([9, 7])]).unwrap();
    create(&store, &fact("fact"));
    let rows = batch(vec![ints([3, 1, 2]), ints([7, 2, 1]), ints([30, 20, 10])]);
    insert(&store, "fact", vec![rows]).unwrap();
    let city = column("city", DataType::Varchar);
    let visits = TableDefinition {
        name: "visits".into(),
        columns: vec![city],
        ..TableDefinition::default()
    };
    create(&store, &visits);
    for cities in [["Bern", "Winterthur am Rhein"], ["Bern", "Bern"]] {
        let rows = batch(vec![texts((0..40).map(|row| cities[row % 2]))]);
        let options = LoadOptions {
            shared_dictionaries: SharedDictionaries::Always,
            ..LoadOptions::default()
        };
        insert_with(&store, "visits", vec![rows], &options).unwrap();
    }
    drop(store);
    dir
}

/// Reads everything, and then writes something that needs every key.
fn use_all(dir: &MemDir) -> Result<Vec<Vec<String>>> {
    let store = try_open(dir)?;
    let snapshot = store.snapshot()?;
    let mut all = Vec::new();
    for table in snapshot.tables() {
        let hidden = table.foreign_keys().iter().map(|key| key.ordinal_column);
        for id in table.columns().iter().map(|column| column.id).chain(hidden) {
            let mut values = Vec::new();
            for segment in table.segments() {
                let Some(file) = segment.column(id)? else { continue };
                for block in 0..file.block_count() {
                    let block = file.block(block)?;
                    let array = block.decode(0..block.rows())?;
                    values.extend((0..array.len()).map(|row| show(&array, row)));
                }
            }
            all.push(values);
        }
    }
    let rows = batch(vec![ints([0, 4]), ints([9, 7]), ints([5, 6])]);
    insert(&store, "fact", vec![rows])?;
    insert(&store, "dim", vec![dimension_rows([8, 3])])?;
    let fact = table(&store, "fact");
    all.push(values(&fact, fact.foreign_keys()[0].ordinal_column));
    all.push(read(&store, "dim", "id"));
    Ok(all)
}

fn copy(dir: &MemDir) -> MemDir {
    let copied = MemDir::new();
    for path in files(dir, "") {
        put(&copied, &path, &dir.read(&path).unwrap());
    }
    copied
}

fn put(dir: &MemDir, path: &str, bytes: &[u8]) {
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

#[test]
fn a_flipped_bit_or_a_missing_end_is_noticed_or_harmless() {
    let dir = warehouse();
    let expected = use_all(&copy(&dir)).unwrap();
    let columns = files(&dir, "tables");
    // Two segments, a run in files and a segment with a hidden column, and the run of its key;
    // two segments and their dictionary.
    assert_eq!(columns.len(), 2 + 2 + 2 + 4 + 2 + 2 + 1);
    for path in columns {
        let good = dir.read(&path).unwrap();
        let check = |bad: &[u8], context: String| {
            let copied = copy(&dir);
            copied.remove_file(&path).unwrap();
            put(&copied, &path, bad);
            match use_all(&copied) {
                Ok(found) => assert_eq!(found, expected, "{path}: {context}"),
                Err(error) => {
                    let is_named = error.to_string().contains(&path);
                    let is_newer = matches!(error, Error::UnsupportedVersion { .. });
                    assert!((error.is_corrupt() || is_newer) && is_named, "{context}: {error}");
                }
            }
        };
        for at in (0..good.len()).step_by(5) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            check(&bad, format!("flip at {at}"));
            check(&good[..at], format!("cut at {at}"));
        }
    }
}

#[test]
fn a_missing_column_file_is_named() {
    let dir = warehouse();
    for path in files(&dir, "tables") {
        let copied = copy(&dir);
        copied.remove_file(&path).unwrap();
        let error = use_all(&copied).unwrap_err();
        assert!(error.to_string().contains(&path), "{error}");
    }
}

#[test]
fn a_file_of_another_column_is_noticed() {
    let dir = warehouse();
    let columns = files(&dir, "tables/2");
    let of = |name: &str| columns.iter().find(|path| path.ends_with(name)).unwrap();
    let hidden = dir.read(of("/4.col")).unwrap();
    dir.remove_file(of("/1.col")).unwrap();
    put(&dir, of("/1.col"), &hidden);
    let error = use_all(&dir).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert!(error.to_string().contains("manifest against file"), "{error}");
}

/// Opens a warehouse whose manifest was changed by someone who also set the checksum right.
fn open_changed(change: &dyn Fn(&mut Value)) -> Result<Store> {
    let dir = warehouse();
    let version = manifest::read_current(&dir).unwrap().unwrap();
    let path = paths::manifest(version);
    let bytes = dir.read(&path).unwrap();
    let line_end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let mut catalog: Value = serde_json::from_slice(&bytes[line_end + 1..]).unwrap();
    let before = catalog.clone();
    change(&mut catalog);
    assert_ne!(catalog, before, "nothing was changed");
    let payload = serde_json::to_vec(&catalog).unwrap();
    dir.remove_file(&path).unwrap();
    put(&dir, &path, &crate::envelope::seal("starfact-manifest", 2, &payload));
    try_open(&dir)
}

/// A change of the manifest, and what must be said of it.
type Lie = (&'static str, fn(&mut Value));

const LIES: [Lie; 43] = [
    ("version", |c| c["version"] = json!(1)),
    ("counters", |c| c["epoch"] = json!(u64::MAX)),
    ("counters", |c| c["next_table"] = json!(u32::MAX)),
    ("table number", |c| c["next_table"] = json!(2)),
    ("file number", |c| c["next_file"] = json!(2)),
    ("table name", |c| c["tables"][1]["schema"]["name"] = json!("DIM")),
    ("table number", |c| c["tables"][1]["schema"]["id"] = json!(1)),
    ("columns", |c| c["tables"][0]["schema"]["columns"] = json!([])),
    ("column number", |c| c["tables"][0]["schema"]["columns"][1]["id"] = json!(1)),
    ("column number", |c| c["tables"][0]["schema"]["columns"][1]["id"] = json!(0)),
    ("column name", |c| c["tables"][0]["schema"]["columns"][1]["name"] = json!("ID")),
    ("column type", |c| {
        c["tables"][0]["schema"]["columns"][1]["type"] =
            json!({"decimal": {"precision": 50, "scale": 2}});
    }),
    ("next column number", |c| c["tables"][0]["schema"]["next_column"] = json!(2)),
    ("next column number", |c| c["tables"][0]["schema"]["next_column"] = json!(u32::MAX)),
    ("sort order", |c| c["tables"][1]["schema"]["sorted_by"] = json!([77])),
    ("sort order", |c| c["tables"][1]["schema"]["sorted_by"] = json!([3, 3])),
    ("key", |c| c["tables"][0]["schema"]["keys"][0]["columns"] = json!([])),
    ("key", |c| c["tables"][0]["schema"]["keys"][0]["columns"] = json!([1, 1])),
    ("key number", |c| c["tables"][0]["schema"]["next_key"] = json!(1)),
    ("primary key", |c| c["tables"][0]["schema"]["columns"][0]["nullable"] = json!(true)),
    ("foreign key", |c| c["tables"][1]["schema"]["foreign_keys"][0]["parent"] = json!(7)),
    ("foreign key", |c| {
        c["tables"][1]["schema"]["foreign_keys"][0]["parent_columns"] = json!([2]);
    }),
    ("foreign key", |c| c["tables"][1]["schema"]["foreign_keys"][0]["columns"] = json!([2, 3])),
    ("foreign key", |c| {
        c["tables"][1]["schema"]["columns"][1]["type"] = json!("date");
        c["tables"][1]["segments"][0]["files"][1]["type"] = json!("date");
    }),
    ("rows of a segment", |c| c["tables"][0]["segments"][0]["rows"] = json!(0)),
    ("row ids of a segment", |c| c["tables"][0]["next_ordinal"] = json!(3)),
    ("row ids of a segment", |c| {
        c["tables"][0]["segments"][1]["ordinals"] = json!({"consecutive": 1});
    }),
    ("run of a segment", |c| c["tables"][0]["next_run"] = json!(1)),
    ("files of a segment", |c| c["tables"][0]["segments"][0]["files"][1]["column"] = json!(1)),
    ("file's column", |c| c["tables"][0]["segments"][0]["files"][1]["column"] = json!(9)),
    ("file's type", |c| c["tables"][0]["segments"][0]["files"][0]["type"] = json!("date")),
    ("file number", |c| {
        c["tables"][2]["dictionaries"][0]["id"] = json!(1);
        c["tables"][2]["segments"][0]["files"][0]["dictionary"] = json!(1);
        c["tables"][2]["segments"][1]["files"][0]["dictionary"] = json!(1);
    }),
    ("file number", |c| {
        c["tables"][2]["dictionaries"][0]["id"] = json!(1_000);
        c["tables"][2]["segments"][0]["files"][0]["dictionary"] = json!(1_000);
        c["tables"][2]["segments"][1]["files"][0]["dictionary"] = json!(1_000);
    }),
    ("dictionaries", |c| {
        let one = c["tables"][2]["dictionaries"][0].clone();
        c["tables"][2]["dictionaries"] = json!([one, one]);
    }),
    ("dictionary's column", |c| c["tables"][2]["dictionaries"][0]["column"] = json!(0)),
    ("dictionary's column", |c| {
        c["tables"][2]["schema"]["columns"][0]["type"] = json!("double");
    }),
    ("dictionary of a file", |c| c["tables"][2]["dictionaries"] = json!([])),
    ("files of a key run", |c| {
        c["tables"][0]["key_runs"][1]["source"]["files"][0]["dictionary"] = json!(1);
    }),
    ("key run", |c| c["tables"][0]["key_runs"][0]["key"] = json!(5)),
    ("rows of a key run", |c| c["tables"][0]["key_runs"][0]["rows"] = json!(1)),
    ("row ids of a key run", |c| c["tables"][0]["key_runs"][1]["ordinal_end"] = json!(3)),
    ("key run", |c| c["tables"][0]["key_runs"][0]["source"] = json!({"segments": [5]})),
    ("files of a key run", |c| {
        c["tables"][0]["key_runs"][1]["source"]["files"][0]["column"] = json!(2);
    }),
];

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    for (what, lie) in LIES {
        let error = open_changed(&lie).expect_err(what);
        assert!(error.is_corrupt(), "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains(&format!("is damaged: {what} ")), "{what}: {text}");
        assert!(text.starts_with("manifest-"), "{text}");
    }
}

#[test]
fn what_a_newer_version_may_add_is_ignored() {
    let store = open_changed(&|catalog| {
        catalog["colour"] = json!("blue");
        catalog["tables"][0]["schema"]["comment"] = json!("a dimension");
    });
    assert_eq!(read(&store.unwrap(), "dim", "id"), ["1", "2", "9", "7"]);
}

#[test]
fn a_manifest_and_files_that_disagree_about_a_dictionary_are_noticed() {
    type Lie = fn(&mut Value);
    let lies: [(&str, Lie); 3] = [
        ("dictionary (manifest against file)", |c| {
            let file = &mut c["tables"][2]["segments"][0]["files"][0];
            file.as_object_mut().unwrap().remove("dictionary");
        }),
        ("file length (manifest against file)", |c| {
            c["tables"][2]["dictionaries"][0]["bytes"] = json!(7);
        }),
        ("dictionary (manifest against file)", |c| {
            c["next_file"] = json!(2_000);
            c["tables"][2]["dictionaries"][0]["id"] = json!(1_000);
            c["tables"][2]["segments"][0]["files"][0]["dictionary"] = json!(1_000);
            c["tables"][2]["segments"][1]["files"][0]["dictionary"] = json!(1_000);
        }),
    ];
    for (what, lie) in lies {
        let store = open_changed(&lie).unwrap();
        let visits = table(&store, "visits");
        let segment = &visits.segments()[0];
        let read = || segment.column(starfact_base::ColumnId(1))?.unwrap().block(0);
        let error = read().unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(what), "{error}");
    }
}

#[test]
fn a_segment_without_the_file_of_a_column_with_dictionary_is_null_there() {
    let store = open_changed(&|catalog| {
        catalog["tables"][2]["segments"][0]["files"] = json!([]);
    });
    let store = store.unwrap();
    let city = starfact_base::ColumnId(1);
    let visits = table(&store, "visits");
    assert!(visits.segments()[0].column(city).unwrap().is_none());
    assert!(visits.segments()[0].dictionary(city).is_none());
    // Both become part of one segment.
    for _ in 0..62 {
        let rows = batch(vec![texts(["Bern"; 30])]);
        let options = LoadOptions {
            shared_dictionaries: SharedDictionaries::Always,
            ..LoadOptions::default()
        };
        insert_with(&store, "visits", vec![rows], &options).unwrap();
    }
    let visits = table(&store, "visits");
    assert_eq!(visits.segments().len(), 1);
    let values = values(&visits, city);
    assert_eq!(values[..40], ["NULL"; 40].map(str::to_owned));
    assert_eq!(values[40..], ["Bern"; 1_900].map(str::to_owned));
}
