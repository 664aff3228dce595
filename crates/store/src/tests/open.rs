//! Opening: what is there is found, what is wrong is named, what is not ours stays.

use super::support::*;
use crate::{OpenMode, Store, manifest, paths};
use starfact_base::{Error, Version};
use starfact_vfs::{Dir, MemDir, OsDir};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

fn put(dir: &dyn Dir, path: &str, bytes: &[u8]) {
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

#[test]
fn an_empty_directory_becomes_a_warehouse() {
    let dir = MemDir::new();
    let store = open(&dir);
    assert_eq!((store.snapshot().unwrap().epoch().0, store.is_read_only()), (0, false));
    assert_eq!(store.snapshot().unwrap().tables().count(), 0);
    drop(store);
    assert_eq!(files(&dir, ""), ["CURRENT", "LOCK", "manifest-1"]);
    assert_eq!(open(&dir.crash()).snapshot().unwrap().epoch().0, 0);
}

#[test]
fn reading_makes_nothing() {
    let dir = MemDir::new();
    let error = Store::open(Arc::new(dir.clone()), OpenMode::ReadOnly).unwrap_err();
    assert_eq!(error.to_string(), "(memory) is no warehouse: there is no file CURRENT in it");
    assert_eq!(files(&dir, ""), Vec::<String>::new());
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    for path in ["notes.txt", "src/main.rs", "tmp/notes.txt", "pins/x", "tables.csv"] {
        let dir = MemDir::new();
        put(&dir, path, b"mine");
        let error = try_open(&dir).unwrap_err();
        assert!(matches!(error, Error::InvalidInput(_)), "{path}: {error}");
        assert!(error.to_string().contains("name an empty or a new directory"), "{error}");
        assert_eq!(files(&dir, ""), [path]);
    }
    let dir = MemDir::new();
    put(&dir, ".gitignore", b"*");
    open(&dir);
}

#[test]
fn foreign_files_in_a_warehouse_survive() {
    let dir = MemDir::new();
    drop(open(&dir));
    let foreign =
        ["notes.txt", "manifest-old", "tmp/mine", "tables/readme", "tables/9/x", "pins/readme"];
    for path in foreign {
        put(&dir, path, b"mine");
    }
    let store = open(&dir);
    create(&store, &dimension("dim"));
    drop(store);
    open(&dir);
    for path in foreign {
        assert!(dir.exists(path).unwrap(), "{path}");
    }
}

#[test]
fn a_lost_current_is_damage() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1])]).unwrap();
    drop(store);
    dir.remove_file(paths::CURRENT).unwrap();
    assert!(try_open(&dir).unwrap_err().is_corrupt());
    assert!(dir.exists("tables/1").unwrap());
}

#[test]
fn damage_of_current_and_of_the_manifest_is_named() {
    let dir = MemDir::new();
    create(&open(&dir), &dimension("dim"));
    for path in [paths::CURRENT.to_owned(), paths::manifest(Version(2))] {
        let good = dir.read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            dir.write_atomic(&path, &bad).unwrap();
            let error = try_open(&dir).unwrap_err();
            let is_newer = matches!(error, Error::UnsupportedVersion { .. });
            assert!(error.is_corrupt() || is_newer, "{path} at {at}: {error}");
            assert!(error.to_string().contains(&path), "{error}");
            dir.write_atomic(&path, &good[..at]).unwrap();
            assert!(try_open(&dir).unwrap_err().is_corrupt(), "{path} cut at {at}");
        }
        dir.write_atomic(&path, &good).unwrap();
    }
    dir.remove_file(&paths::manifest(Version(2))).unwrap();
    let error = try_open(&dir).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("manifest-2"), "{error}");
}

#[test]
fn a_newer_version_is_refused() {
    let dir = MemDir::new();
    drop(open(&dir));
    dir.write_atomic(paths::CURRENT, b"starfact-current 7 0 00000000\n").unwrap();
    for mode in [READ_WRITE, OpenMode::ReadOnly] {
        let error = Store::open(Arc::new(dir.clone()), mode).unwrap_err();
        assert!(matches!(error, Error::UnsupportedVersion { found: 7, .. }), "{error}");
    }
}

#[test]
fn a_second_writer_waits_and_is_told_of_the_first() {
    let dir = MemDir::new();
    let first = open(&dir);
    let error = try_open(&dir).unwrap_err();
    assert!(matches!(error, Error::Locked(_)), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    let mode = OpenMode::ReadWrite { wait: Duration::from_secs(60) };
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Store::open(Arc::new(dir.clone()), mode).map(drop));
        std::thread::sleep(Duration::from_millis(20));
        drop(first);
        second.join().unwrap().unwrap();
    });
}

/// Copies a directory as `cp -r` does.
fn copy(from: &dyn Dir, to: &dyn Dir) {
    for path in files(from, "") {
        put(to, &path, &from.read(&path).unwrap());
    }
}

#[test]
fn a_copy_opens() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = Arc::new(OsDir::open(from.path()).unwrap());
    let store = Store::open(dir.clone(), READ_WRITE).unwrap();
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([2, 1])]).unwrap();
    let reader = Store::open(dir.clone(), OpenMode::ReadOnly).unwrap();
    drop(store);
    let copied = Arc::new(OsDir::open(to.path()).unwrap());
    copy(dir.as_ref(), copied.as_ref());
    drop(reader);
    let store = Store::open(copied.clone(), READ_WRITE).unwrap();
    assert_eq!(read(&store, "dim", "id"), ["2", "1"]);
    insert(&store, "dim", vec![dimension_rows([3])]).unwrap();
    assert_eq!(read(&store, "dim", "id"), ["2", "1", "3"]);
    assert!(insert(&store, "dim", vec![dimension_rows([1])]).is_err());
    assert_eq!(copied.list(paths::PINS).unwrap(), [], "the copied pin is dead");
}

#[test]
fn readers_see_every_commit_and_keep_what_they_read() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1])]).unwrap();
    let reader = open_to_read(&dir);
    assert!(reader.is_read_only());
    assert!(matches!(reader.begin().unwrap_err(), Error::ReadOnly(_)));
    let old = reader.snapshot().unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.drop_table(old.table("dim").unwrap().id()).unwrap();
    transaction.commit().unwrap();
    assert!(reader.snapshot().unwrap().table("dim").is_none());
    // Nothing of the old snapshot was opened before.
    assert_eq!(named(&old, "dim", "id"), ["1"]);
    let dim = Arc::clone(old.table("dim").unwrap());
    drop(old);
    create(&store, &dimension("other"));
    assert!(dir.exists("tables/1").unwrap(), "the table alone holds the pin");
    drop(dim);
    create(&store, &dimension("another"));
    assert!(!dir.exists("tables/1").unwrap());
    assert_eq!(manifest::read_current(&dir).unwrap(), Some(store.snapshot().unwrap().version()));
}

#[test]
fn a_commit_between_the_first_look_and_the_pin_is_noticed() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    let pins = AtomicU32::new(0);
    let hooked = HookDir::new(&dir, move |op, path| {
        if op == "lock" && path.starts_with(paths::PINS) && pins.fetch_add(1, SeqCst) == 0 {
            insert(&store, "dim", vec![dimension_rows([1])])?;
        }
        Ok(())
    });
    let reader = Store::open(Arc::new(hooked), OpenMode::ReadOnly).unwrap();
    assert_eq!(read(&reader, "dim", "id"), ["1"]);
    assert_eq!(dir.list(paths::PINS).unwrap().len(), 1, "the pin of the first look is gone");
}

#[test]
fn a_dead_pin_is_removed() {
    let dir = MemDir::new();
    let store = open(&dir);
    put(&dir, "pins/1-999999-0", b"long gone");
    create(&store, &dimension("dim"));
    assert_eq!(dir.list(paths::PINS).unwrap(), []);
    assert!(!dir.exists("manifest-1").unwrap());
}

#[test]
fn a_new_writer_keeps_what_a_reader_has_pinned() {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1])]).unwrap();
    let reader = open_to_read(&dir);
    let old = reader.snapshot().unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.drop_table(old.table("dim").unwrap().id()).unwrap();
    transaction.commit().unwrap();
    drop(store);
    let store = open(&dir);
    assert_eq!(named(&old, "dim", "id"), ["1"]);
    drop((old, reader));
    create(&store, &dimension("other"));
    assert!(!dir.exists("tables/1").unwrap());
    assert_eq!(unnamed_files(&store, &dir), Vec::<String>::new());
}
