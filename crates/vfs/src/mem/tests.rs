//! Tests of the crash model.

use super::*;
use crate::conformance::{check, put};

#[test]
fn conforms() {
    check(&MemDir::new());
}

#[test]
fn conforms_after_a_crash() {
    let before = MemDir::new();
    check(&before);
    let after = before.crash();
    for entry in after.list("").unwrap().iter().filter(|entry| entry.is_folder) {
        after.remove_folder(&entry.name).unwrap();
    }
    check(&after);
}

#[test]
fn contents_survive_if_synced_and_named() {
    let dir = MemDir::new();
    let mut file = dir.create("a/b/file").unwrap();
    file.write(b"synced").unwrap();
    file.sync().unwrap();
    file.write(b" and not").unwrap();
    assert!(!dir.crash().exists("a").unwrap(), "a name survived without a sync");
    dir.sync_folder("a/b").unwrap();
    assert_eq!(dir.crash().read("a/b/file").unwrap(), b"synced");
    file.finish().unwrap();
    assert_eq!(dir.crash().read("a/b/file").unwrap(), b"synced and not");
}

#[test]
fn what_is_only_flushed_does_not_survive() {
    let dir = MemDir::new();
    let mut file = dir.create("file").unwrap();
    dir.sync_folder("").unwrap();
    file.write(b"synced").unwrap();
    file.sync().unwrap();
    file.write(b" and flushed").unwrap();
    file.flush().unwrap();
    assert_eq!(dir.read("file").unwrap(), b"synced and flushed");
    assert_eq!(dir.crash().read("file").unwrap(), b"synced");
}

#[test]
fn a_name_may_survive_without_its_contents() {
    let dir = MemDir::new();
    let mut file = dir.create("file").unwrap();
    file.write(b"lost").unwrap();
    dir.sync_folder("").unwrap();
    assert_eq!(dir.crash().read("file").unwrap(), b"");
}

#[test]
fn syncing_a_folder_says_nothing_about_its_neighbours() {
    let dir = MemDir::new();
    put(&dir, "a/one/file", b"");
    put(&dir, "a/two/file", b"");
    put(&dir, "a/file", b"");
    dir.sync_folder("a/one").unwrap();
    let after = dir.crash();
    assert!(after.exists("a/one/file").unwrap());
    assert!(!after.exists("a/two").unwrap() && !after.exists("a/file").unwrap());
    dir.sync_folder("a").unwrap();
    let after = dir.crash();
    assert!(after.exists("a/two").unwrap() && !after.exists("a/two/file").unwrap());
}

#[test]
fn removals_and_renames_are_undone_unless_synced() {
    let dir = MemDir::new();
    put(&dir, "removed", b"1");
    put(&dir, "old", b"2");
    dir.sync_folder("").unwrap();
    dir.remove_file("removed").unwrap();
    dir.rename("old", "new").unwrap();
    let after = dir.crash();
    assert_eq!(after.read("removed").unwrap(), b"1");
    assert_eq!(after.read("old").unwrap(), b"2");
    assert!(!after.exists("new").unwrap());
    dir.sync_folder("").unwrap();
    let after = dir.crash();
    assert!(!after.exists("removed").unwrap() && !after.exists("old").unwrap());
    assert_eq!(after.read("new").unwrap(), b"2");
}

#[test]
fn an_atomic_file_is_durable_at_once() {
    let dir = MemDir::new();
    dir.write_atomic("deep/CURRENT", b"1").unwrap();
    assert_eq!(dir.crash().read("deep/CURRENT").unwrap(), b"1");
    dir.write_atomic("deep/CURRENT", b"2").unwrap();
    assert_eq!(dir.crash().read("deep/CURRENT").unwrap(), b"2");
}

#[test]
fn a_crash_releases_locks_and_leaves_the_original_alone() {
    let dir = MemDir::new();
    let _lock = dir.lock("LOCK", "me", Duration::ZERO).unwrap();
    let after = dir.crash();
    after.lock("LOCK", "you", Duration::ZERO).unwrap();
    put(&after, "after", b"");
    assert!(!dir.exists("after").unwrap());
    assert!(dir.lock("LOCK", "you", Duration::ZERO).is_err());
    let handle = dir.clone();
    assert!(handle.lock("LOCK", "you", Duration::ZERO).is_err());
}

#[test]
fn luck_keeps_any_part_of_what_was_not_synced() {
    let dir = MemDir::new();
    dir.write_atomic("CURRENT", b"old").unwrap();
    put(&dir, "new", b"new");
    dir.rename("new", "CURRENT").unwrap();
    let mut file = dir.create("log").unwrap();
    file.write(b"ab").unwrap();
    file.sync().unwrap();
    file.write(b"cd").unwrap();

    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let after = dir.crash_with_luck(seed);
        let log = after.exists("log").unwrap().then(|| after.read("log").unwrap());
        seen.insert((after.read("CURRENT").unwrap(), log));
        assert_eq!(after.list("").unwrap(), dir.crash_with_luck(seed).list("").unwrap());
    }
    let logs = [None, Some(b"ab".to_vec()), Some(b"abc".to_vec()), Some(b"abcd".to_vec())];
    let expected: BTreeSet<_> = [b"old", b"new"]
        .into_iter()
        .flat_map(|current| logs.clone().map(|log| (current.to_vec(), log)))
        .collect();
    assert_eq!(seen, expected);
}
