//! Names of the files of a warehouse. They are made of numbers only, so nothing that a damaged
//! manifest says can lead elsewhere.

use starfact_base::{ColumnId, SegmentId, TableId, Version};
use std::fmt::Display;
use std::str::FromStr;

/// The file that the one writer has locked.
pub(crate) const LOCK: &str = "LOCK";
/// The file that names the manifest.
pub(crate) const CURRENT: &str = "CURRENT";
/// The folder of the locked files of readers.
pub(crate) const PINS: &str = "pins";
/// The folder of tables.
pub(crate) const TABLES: &str = "tables";
/// The folder of logs.
pub(crate) const LOGS: &str = "wal";
/// The folder of unpublished files.
pub(crate) const TEMPORARY: &str = starfact_vfs::TEMPORARY_FOLDER;

const MANIFEST: &str = "manifest-";
const SEGMENT: &str = "seg-";
const KEY_RUN: &str = "key-";
const DICTIONARY: &str = "dict-";
const DELETIONS: &str = "del-";
const LOG_ENDING: &str = ".wal";
const LOAD: &str = "load-";
const BEGUN_ENDING: &str = ".begun";
/// How the name of a log begins before it is published.
const NEW_LOG: &str = "log-";
/// How the names in `tmp` begin that `Dir::write_atomic` makes.
const ATOMIC: &str = "atomic-";

pub(crate) fn manifest(version: Version) -> String {
    format!("{MANIFEST}{version}")
}

/// The version in the name of a manifest.
pub(crate) fn manifest_version(name: &str) -> Option<Version> {
    name.strip_prefix(MANIFEST).and_then(number).map(Version)
}

pub(crate) fn table(id: TableId) -> String {
    format!("{TABLES}/{id}")
}

/// The table in the name of a folder within `tables`.
pub(crate) fn table_id(name: &str) -> Option<TableId> {
    number(name).map(TableId)
}

pub(crate) fn segment(table: TableId, id: SegmentId) -> String {
    format!("{TABLES}/{table}/{SEGMENT}{id}")
}

pub(crate) fn key_run(table: TableId, id: u64) -> String {
    format!("{TABLES}/{table}/{KEY_RUN}{id}")
}

/// The file of a dictionary.
pub(crate) fn dictionary(table: TableId, column: ColumnId, id: u64) -> String {
    format!("{TABLES}/{table}/{DICTIONARY}{column}-{id}")
}

/// The number in the name of a dictionary.
pub(crate) fn dictionary_number(name: &str) -> Option<u64> {
    let (column, id) = name.strip_prefix(DICTIONARY)?.split_once('-')?;
    number::<u32>(column).and_then(|_| number(id))
}

/// The file of the deletions of a table.
pub(crate) fn deletions(table: TableId, id: u64) -> String {
    format!("{TABLES}/{table}/{DELETIONS}{id}")
}

/// The number in the name of a file within the folder of a table.
pub(crate) fn table_file_number(name: &str) -> Option<u64> {
    let deletions = || name.strip_prefix(DELETIONS).and_then(number);
    dictionary_number(name).or_else(deletions)
}

/// Whether a path of ours is that of a file within the folder of a table; else it is a folder.
pub(crate) fn is_table_file(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(_, name)| table_file_number(name).is_some())
}

/// The folder to sync for a new file or folder of ours to be found.
pub(crate) fn folder_to_sync(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, _)) if is_table_file(path) => folder,
        _ => path,
    }
}

pub(crate) fn log(number: u64) -> String {
    format!("{LOGS}/{number}{LOG_ENDING}")
}

/// The number in the name of a log within its folder.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    name.strip_suffix(LOG_ENDING).and_then(number)
}

/// Beside a log from its beginning on: says that it was there, should it be gone.
pub(crate) fn begun_log(number: u64) -> String {
    format!("{LOGS}/{number}{BEGUN_ENDING}")
}

/// The number in the name of the file that says so, within its folder.
pub(crate) fn begun_log_number(name: &str) -> Option<u64> {
    name.strip_suffix(BEGUN_ENDING).and_then(number)
}

/// A log before it is published.
pub(crate) fn new_log(number: u64) -> String {
    format!("{TEMPORARY}/{NEW_LOG}{number}")
}

/// A folder for what is not to outlive a load.
pub(crate) fn temporary(number: u64) -> String {
    format!("{TEMPORARY}/{LOAD}{number}")
}

/// Whether a name within `tmp` is one that we make.
pub(crate) fn is_temporary(name: &str) -> bool {
    let is_numbered = |prefix| name.strip_prefix(prefix).and_then(number::<u64>).is_some();
    name.starts_with(ATOMIC) || is_numbered(LOAD) || is_numbered(NEW_LOG)
}

/// The number in the name of a segment's or a key run's folder.
pub(crate) fn file_number(name: &str) -> Option<u64> {
    name.strip_prefix(SEGMENT).or_else(|| name.strip_prefix(KEY_RUN)).and_then(number)
}

pub(crate) fn column(folder: &str, id: ColumnId) -> String {
    format!("{folder}/{id}.col")
}

/// The name of a file while it is written beside the one that it replaces.
pub(crate) fn unfinished(path: &str) -> String {
    format!("{path}.new")
}

/// A pin; `holder` makes it unique among processes and within them.
pub(crate) fn pin(version: Version, holder: &str) -> String {
    format!("{PINS}/{version}-{holder}")
}

/// The version in the name of a pin.
pub(crate) fn pinned_version(name: &str) -> Option<Version> {
    name.split_once('-').and_then(|(version, _)| number(version)).map(Version)
}

/// A number in the one way that we write it.
fn number<T: FromStr + Display>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_only_as_they_are_written() {
        assert_eq!(manifest_version(&manifest(Version(12))), Some(Version(12)));
        for other in ["manifest-012", "manifest-+1", "manifest-", "manifest-1x", "wal-1"] {
            assert_eq!(manifest_version(other), None, "{other}");
        }
        assert_eq!(segment(TableId(3), SegmentId(7)), "tables/3/seg-7");
        assert_eq!(file_number("seg-7"), Some(7));
        assert_eq!(file_number("key-8"), Some(8));
        assert_eq!(file_number("del-8"), None);
        assert_eq!(dictionary(TableId(3), ColumnId(4), 9), "tables/3/dict-4-9");
        assert_eq!(dictionary_number("dict-4-9"), Some(9));
        for other in ["dict-4", "dict-4-", "dict-x-9", "dict-04-9", "dict-4-9-1", "seg-9"] {
            assert_eq!(dictionary_number(other), None, "{other}");
        }
        assert_eq!(deletions(TableId(3), 9), "tables/3/del-9");
        assert!(is_table_file("tables/3/dict-4-9") && !is_table_file("tables/3/seg-9"));
        assert!(is_table_file("tables/3/del-9") && !is_table_file("tables/3/del-x"));
        assert_eq!(folder_to_sync("tables/3/dict-4-9"), "tables/3");
        assert_eq!(folder_to_sync("tables/3/seg-9"), "tables/3/seg-9");
        assert_eq!(pin(Version(5), "77-1"), "pins/5-77-1");
        assert_eq!(pinned_version("5-77-1"), Some(Version(5)));
        assert_eq!(pinned_version("x-77-1"), None);
        assert_eq!(log(12), "wal/12.wal");
        assert_eq!(log_number("12.wal"), Some(12));
        assert_eq!(begun_log(12), "wal/12.begun");
        assert_eq!((begun_log_number("12.begun"), log_number("12.begun")), (Some(12), None));
        for other in ["12", "12.wal.new", "012.wal", "+1.wal", ".wal", "x.wal", "-1.wal"] {
            assert_eq!(log_number(other), None, "{other}");
        }
        assert_eq!((temporary(9), new_log(9)), ("tmp/load-9".into(), "tmp/log-9".into()));
        assert!(is_temporary("load-9") && is_temporary("atomic-5-1") && is_temporary("log-9"));
        assert!(!is_temporary("load-x") && !is_temporary("log-x") && !is_temporary("notes.txt"));
    }
}
