//! What every `Dir` must do, in one function that each implementation runs on an empty directory.

use crate::{Dir, Entry, MEMORY_ALIGNMENT};
use starfact_base::Error;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// Runs every check, each in a folder of its own.
pub(crate) fn check(dir: &dyn Dir) {
    files_are_written_once_and_read_by_range(dir);
    ranges_beyond_the_end_are_damage(dir);
    empty_and_large_files_work(dir);
    an_open_file_outlives_its_name(dir);
    a_flushed_part_is_visible_before_the_end(dir);
    a_synced_part_is_visible_before_the_end(dir);
    a_file_may_be_renamed_while_it_is_written(dir);
    atomic_files_are_replaced_whole(dir);
    renames_move_files_and_folders(dir);
    renames_refuse_what_they_cannot_replace(dir);
    listings_are_sorted(dir);
    removals_are_recursive_and_repeatable(dir);
    folders_sync_only_if_they_exist(dir);
    files_and_folders_are_not_confused(dir);
    paths_stay_within_the_directory(dir);
    locks_exclude_within_the_process(dir);
}

/// Writes a finished file.
pub(crate) fn put(dir: &dyn Dir, path: &str, bytes: &[u8]) {
    let mut file = dir.create(path).unwrap();
    file.write(bytes).unwrap();
    file.finish().unwrap();
}

/// The kind of an `Error::Io`.
pub(crate) fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::Io { source, .. } => source.kind(),
        other => panic!("not an I/O error: {other}"),
    }
}

fn files_are_written_once_and_read_by_range(dir: &dyn Dir) {
    let mut file = dir.create("once/a/file").unwrap();
    file.write(b"star").unwrap();
    assert_eq!(file.position(), 4);
    file.write(b"fact").unwrap();
    assert_eq!(file.position(), 8);
    file.finish().unwrap();

    let error = dir.create("once/a/file").unwrap_err();
    assert_eq!(kind(&error), ErrorKind::AlreadyExists);

    let file = dir.open("once/a/file").unwrap();
    assert_eq!((file.len(), file.path(), file.is_empty()), (8, "once/a/file", false));
    assert_eq!(&file.bytes(2..6).unwrap()[..], b"arfa");
    assert_eq!(dir.read("once/a/file").unwrap(), b"starfact");
    assert_eq!(kind(&dir.open("once/b").unwrap_err()), ErrorKind::NotFound);
}

fn ranges_beyond_the_end_are_damage(dir: &dyn Dir) {
    put(dir, "ranges/file", b"12345678");
    let file = dir.open("ranges/file").unwrap();
    assert!(file.bytes(8..8).unwrap().is_empty());
    let message = file.bytes(4..9).unwrap_err().to_string();
    assert_eq!(
        message,
        "ranges/file is damaged: file length at byte 4: expected bytes 4 to 9, found a file of 8 \
         bytes"
    );
    #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake to be refused")]
    for range in [9..9, 5..4, 0..u64::MAX, u64::MAX..u64::MAX] {
        assert!(file.bytes(range.clone()).unwrap_err().is_corrupt(), "{range:?}");
    }
}

fn empty_and_large_files_work(dir: &dyn Dir) {
    dir.create("sizes/empty").unwrap().finish().unwrap();
    let empty = dir.open("sizes/empty").unwrap();
    assert!(empty.is_empty() && empty.bytes(0..0).unwrap().is_empty());
    assert!(empty.bytes(0..1).unwrap_err().is_corrupt());

    let large: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    let mut file = dir.create("sizes/large").unwrap();
    for chunk in large.chunks(1_300_000) {
        file.write(chunk).unwrap();
    }
    file.finish().unwrap();
    let file = dir.open("sizes/large").unwrap();
    let bytes = file.bytes(0..file.len()).unwrap();
    assert!(bytes == large, "the bytes differ from what was written");
    assert_eq!(bytes.as_ptr().align_offset(MEMORY_ALIGNMENT), 0);
}

fn an_open_file_outlives_its_name(dir: &dyn Dir) {
    put(dir, "names/old", b"kept");
    let file = dir.open("names/old").unwrap();
    let bytes = file.bytes(1..4).unwrap();
    dir.remove_folder("names").unwrap();
    assert_eq!(&file.bytes(0..4).unwrap()[..], b"kept");
    drop(file);
    assert_eq!(&bytes[..], b"ept");
}

fn a_flushed_part_is_visible_before_the_end(dir: &dyn Dir) {
    let mut log = dir.create("flushed/log").unwrap();
    log.flush().unwrap();
    assert_eq!(dir.read("flushed/log").unwrap(), b"");
    log.write(b"one").unwrap();
    log.flush().unwrap();
    let early = dir.open("flushed/log").unwrap();
    log.write(b"two").unwrap();
    log.write(b"three").unwrap();
    log.flush().unwrap();
    log.flush().unwrap();
    assert_eq!((early.len(), log.position()), (3, 11));
    assert_eq!(dir.read("flushed/log").unwrap(), b"onetwothree");
    log.finish().unwrap();
    assert_eq!(dir.read("flushed/log").unwrap(), b"onetwothree");
}

fn a_file_may_be_renamed_while_it_is_written(dir: &dyn Dir) {
    let mut log = dir.create("renamed/tmp/log").unwrap();
    log.write(b"one").unwrap();
    log.sync().unwrap();
    dir.rename("renamed/tmp/log", "renamed/log").unwrap();
    log.write(b"two").unwrap();
    log.flush().unwrap();
    assert_eq!(dir.read("renamed/log").unwrap(), b"onetwo");
    assert!(!dir.exists("renamed/tmp/log").unwrap());
    log.finish().unwrap();
}

fn a_synced_part_is_visible_before_the_end(dir: &dyn Dir) {
    let mut log = dir.create("growing/log").unwrap();
    log.write(b"one").unwrap();
    log.sync().unwrap();
    let early = dir.open("growing/log").unwrap();
    log.write(b"two").unwrap();
    log.sync().unwrap();
    assert_eq!(early.len(), 3);
    assert_eq!(dir.read("growing/log").unwrap(), b"onetwo");
    log.finish().unwrap();
}

fn atomic_files_are_replaced_whole(dir: &dyn Dir) {
    dir.write_atomic("atomic/CURRENT", b"the first manifest").unwrap();
    let old = dir.open("atomic/CURRENT").unwrap();
    dir.write_atomic("atomic/CURRENT", b"second").unwrap();
    assert_eq!(dir.read("atomic/CURRENT").unwrap(), b"second");
    assert_eq!(&old.bytes(0..old.len()).unwrap()[..], b"the first manifest");
    assert_eq!(dir.list("tmp").unwrap(), []);
    dir.write_atomic("ATOMIC", b"in the root").unwrap();
    assert_eq!(dir.read("ATOMIC").unwrap(), b"in the root");
}

fn renames_move_files_and_folders(dir: &dyn Dir) {
    put(dir, "moves/tmp/seg/1.col", b"col");
    dir.rename("moves/tmp/seg", "moves/tables/7/seg-1").unwrap();
    assert_eq!(dir.read("moves/tables/7/seg-1/1.col").unwrap(), b"col");
    assert!(!dir.exists("moves/tmp/seg").unwrap());

    put(dir, "moves/new", b"new");
    dir.rename("moves/new", "moves/tables/7/seg-1/1.col").unwrap();
    assert_eq!(dir.read("moves/tables/7/seg-1/1.col").unwrap(), b"new");
    assert!(!dir.exists("moves/new").unwrap());
    dir.rename("moves/tables/7", "moves/tables/7").unwrap();
    assert!(dir.exists("moves/tables/7/seg-1").unwrap());
}

fn renames_refuse_what_they_cannot_replace(dir: &dyn Dir) {
    put(dir, "refusals/file", b"");
    put(dir, "refusals/full/file", b"");
    put(dir, "refusals/other/file", b"");
    let refused = |from, to| kind(&dir.rename(from, to).unwrap_err());
    assert_eq!(refused("refusals/none", "refusals/new"), ErrorKind::NotFound);
    assert_eq!(refused("refusals/file", "refusals/full"), ErrorKind::IsADirectory);
    assert_eq!(refused("refusals/full", "refusals/file"), ErrorKind::NotADirectory);
    assert_eq!(refused("refusals/full", "refusals/other"), ErrorKind::DirectoryNotEmpty);
    assert_eq!(refused("refusals/full", "refusals/full/in/itself"), ErrorKind::InvalidInput);
    assert!(dir.exists("refusals/file").unwrap() && dir.exists("refusals/full/file").unwrap());
}

fn listings_are_sorted(dir: &dyn Dir) {
    for name in ["b", "a10", "a9", "c/d"] {
        put(dir, &format!("lists/{name}"), name.as_bytes());
    }
    let file = |name: &str, bytes| Entry { name: name.into(), is_folder: false, bytes };
    let folder = Entry { name: "c".into(), is_folder: true, bytes: 0 };
    assert_eq!(
        dir.list("lists").unwrap(),
        [file("a10", 3), file("a9", 2), file("b", 1), folder.clone()]
    );
    assert_eq!(dir.list("lists/none").unwrap(), []);
    let root = dir.list("").unwrap();
    assert!(root.iter().any(|entry| entry.name == "lists" && entry.is_folder), "{root:?}");
}

fn removals_are_recursive_and_repeatable(dir: &dyn Dir) {
    put(dir, "removals/a/b/c", b"");
    put(dir, "removals/d", b"");
    dir.remove_file("removals/d").unwrap();
    dir.remove_file("removals/d").unwrap();
    dir.remove_folder("removals/a").unwrap();
    dir.remove_folder("removals/a").unwrap();
    dir.remove_file("nowhere/at/all").unwrap();
    dir.remove_folder("nowhere/at/all").unwrap();
    assert_eq!(dir.list("removals").unwrap(), []);
    assert!(dir.exists("removals").unwrap());
}

fn folders_sync_only_if_they_exist(dir: &dyn Dir) {
    put(dir, "syncs/a/b/file", b"");
    dir.sync_folder("syncs/a/b").unwrap();
    dir.sync_folder("").unwrap();
    assert_eq!(kind(&dir.sync_folder("syncs/none").unwrap_err()), ErrorKind::NotFound);
}

fn files_and_folders_are_not_confused(dir: &dyn Dir) {
    put(dir, "kinds/folder/file", b"");
    assert_eq!(kind(&dir.open("kinds/folder").unwrap_err()), ErrorKind::IsADirectory);
    assert!(dir.remove_file("kinds/folder").is_err());
    assert_eq!(
        kind(&dir.remove_folder("kinds/folder/file").unwrap_err()),
        ErrorKind::NotADirectory
    );
    assert_eq!(kind(&dir.list("kinds/folder/file").unwrap_err()), ErrorKind::NotADirectory);
    assert!(dir.create("kinds/folder/file/below").is_err());
    assert!(dir.exists("kinds/folder").unwrap() && dir.exists("kinds/folder/file").unwrap());
    assert!(!dir.exists("kinds/none/file").unwrap());
}

fn paths_stay_within_the_directory(dir: &dyn Dir) {
    for path in ["../outside", "/tmp/outside", "a/../../outside", "a//b"] {
        assert!(dir.create(path).is_err(), "create {path}");
        assert!(dir.open(path).is_err(), "open {path}");
        assert!(dir.exists(path).is_err(), "exists {path}");
        assert!(dir.list(path).is_err(), "list {path}");
        assert!(dir.rename("tmp", path).is_err(), "rename {path}");
        assert!(dir.write_atomic(path, b"").is_err(), "write_atomic {path}");
        assert!(dir.remove_file(path).is_err(), "remove_file {path}");
        assert!(dir.remove_folder(path).is_err(), "remove_folder {path}");
        assert!(dir.sync_folder(path).is_err(), "sync_folder {path}");
        assert!(dir.lock(path, "nobody", Duration::ZERO).is_err(), "lock {path}");
    }
    assert!(dir.remove_folder("").is_err());
    assert!(dir.remove_file("").is_err());
    assert!(dir.exists("").unwrap());
}

fn locks_exclude_within_the_process(dir: &dyn Dir) {
    let first = dir.lock("locks/LOCK", "a loader, process 1", Duration::ZERO).unwrap();
    assert_eq!(first.path(), "locks/LOCK");
    let elsewhere = dir.lock("locks/OTHER", "another", Duration::ZERO).unwrap();
    let start = Instant::now();
    let error = dir.lock("locks/LOCK", "a shell", Duration::from_millis(30)).unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(30), "did not wait");
    assert!(matches!(error, Error::Locked(_)), "{error}");
    assert!(error.to_string().contains("a loader, process 1 holds locks/LOCK"), "{error}");

    std::thread::scope(|scope| {
        let second = scope.spawn(|| dir.lock("locks/LOCK", "short", Duration::from_secs(60)));
        std::thread::sleep(Duration::from_millis(20));
        drop(first);
        let second = second.join().unwrap().unwrap();
        let error = dir.lock("locks/LOCK", "third", Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains(": short holds"), "{error}");
        // The holder of a lock file may remove it; the next one makes it anew.
        dir.remove_file("locks/LOCK").unwrap();
        drop(second);
    });
    drop(dir.lock("locks/LOCK", "fourth", Duration::ZERO).unwrap());
    drop(elsewhere);
}
