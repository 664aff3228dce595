//! The files of a transaction before anybody else knows of them.
//!
//! Numbers are taken from one counter of the process that only rises, so what a failed transaction
//! leaves behind, if its removal fails too, is in nobody's way until the next writer removes it.

use crate::paths;
use starfact_base::{ColumnId, SegmentId, TableId};
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Gives names to new files and removes them again unless told otherwise.
#[derive(Debug)]
pub(crate) struct NewFiles {
    dir: Arc<dyn Dir>,
    next_file: Arc<AtomicU64>,
    /// Folders, and files that are in none of these.
    folders: Mutex<BTreeSet<String>>,
}

impl NewFiles {
    pub(crate) fn new(dir: Arc<dyn Dir>, next_file: Arc<AtomicU64>) -> Self {
        Self { dir, next_file, folders: Mutex::default() }
    }

    pub(crate) fn dir(&self) -> &Arc<dyn Dir> {
        &self.dir
    }

    /// A number that no file of the warehouse has or had.
    pub(crate) fn number(&self) -> u64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// The number and the folder of a new segment.
    pub(crate) fn segment(&self, table: TableId) -> (SegmentId, String) {
        let id = SegmentId(self.number());
        (id, self.remember(paths::segment(table, id)))
    }

    /// The number and the folder of a new key run.
    pub(crate) fn key_run(&self, table: TableId) -> (u64, String) {
        let id = self.number();
        (id, self.remember(paths::key_run(table, id)))
    }

    /// The number and the file of a new dictionary.
    pub(crate) fn dictionary(&self, table: TableId, column: ColumnId) -> (u64, String) {
        let id = self.number();
        (id, self.remember(paths::dictionary(table, column, id)))
    }

    /// The number and the file of new deletions.
    pub(crate) fn deletions(&self, table: TableId) -> (u64, String) {
        let id = self.number();
        (id, self.remember(paths::deletions(table, id)))
    }

    /// A folder for what is not to outlive a load.
    pub(crate) fn temporary(&self) -> String {
        self.remember(paths::temporary(self.number()))
    }

    fn remember(&self, folder: String) -> String {
        self.folders().insert(folder.clone());
        folder
    }

    /// Removes one of the folders or files, now.
    pub(crate) fn remove(&self, folder: &str) {
        if self.folders().remove(folder) {
            self.remove_all([folder].into_iter());
        }
    }

    fn remove_all<'a>(&self, folders: impl Iterator<Item = &'a str>) {
        let mut tables = BTreeSet::new();
        for folder in folders {
            // If it fails, space is lost until the next writer looks, and nothing else.
            let _ = match paths::is_table_file(folder) {
                true => self.dir.remove_file(folder),
                false => self.dir.remove_folder(folder),
            };
            let above = folder.rsplit_once('/').map(|(above, _)| above);
            tables.extend(above.filter(|above| *above != paths::TEMPORARY));
        }
        for table in tables {
            remove_if_empty(self.dir.as_ref(), table);
        }
    }

    /// Hands over the folders that `is_kept`, for good, and removes the others.
    pub(crate) fn settle(&self, is_kept: impl Fn(&str) -> bool) {
        let folders = std::mem::take(&mut *self.folders());
        self.remove_all(folders.iter().map(String::as_str).filter(|folder| !is_kept(folder)));
    }

    /// The folders as they are now.
    pub(crate) fn list(&self) -> Vec<String> {
        self.folders().iter().cloned().collect()
    }

    fn folders(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        self.settle(|_| false);
    }
}

/// Removes a folder with nothing in it; whether that worked.
pub(crate) fn remove_if_empty(dir: &dyn Dir, folder: &str) -> bool {
    let is_empty = dir.list(folder).is_ok_and(|entries| entries.is_empty());
    is_empty && dir.remove_folder(folder).is_ok()
}
