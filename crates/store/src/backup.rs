//! Copies a warehouse as it is at one epoch, while others read and write it.
//!
//! ```text
//!  from   read CURRENT and the manifest, pinned ─► each file that it names: verified, copied
//!  to     LOCK ─► files ─► folders synced ─► manifest ─► CURRENT: now it is a warehouse
//! ```
//!
//! A copy of a damaged file would be a damaged copy that nobody knows of, so each byte is verified
//! on the way. Until CURRENT is there the copy is nothing; after an error, all of it is removed.

use crate::deletions_file::DeletionsFile;
use crate::keys::run::KeyRun;
use crate::log::{LogReader, LogWriter, Until};
use crate::logs::note_begun;
use crate::open::{Followed, for_reading, is_foreign};
use crate::records::{Catalog, FileRecord, KeyRunSource, TableRecord};
use crate::segment::{Segment, open_column};
use crate::workers::WorkerCache;
use crate::{manifest, paths};
use starfact_base::{Error, Result};
use starfact_format::DictionaryFile;
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are written at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// How files come into a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackupMode {
    /// As copies, which no damage of the originals reaches.
    #[default]
    Copy,
    /// As hard links where possible: at once and without space, but with the bytes of the
    /// originals.
    Link,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Tables in it.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Files of all tables.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
}

/// Copies the newest epoch of the warehouse in `from` to `to`, an empty directory. `proceed` is
/// called with bytes that were copied; an error of it ends the work.
///
/// # Errors
/// [`Error::InvalidInput`] if `to` is not empty or there is no warehouse in `from`;
/// [`Error::Corrupt`] if a file of `from` is damaged. Nothing remains in `to` then.
pub(crate) fn backup(
    from: &Arc<dyn Dir>,
    to: &Arc<dyn Dir>,
    (mode, threads): (BackupMode, usize),
    proceed: &(dyn Fn(u64) -> Result<()> + Sync),
) -> Result<BackupReport> {
    check_target(to.as_ref())?;
    let followed = for_reading(from, None)?;
    let snapshot = &followed.snapshot;
    let catalog = manifest::read(from.as_ref(), snapshot.version())?;
    let lock = to.lock(paths::LOCK, &starfact_vfs::describe_process(), Duration::ZERO)?;
    check_target(to.as_ref())?;
    let copied = Copying { from, to, mode, proceed }.copy(&followed, &catalog, threads);
    if copied.is_err() {
        // The first error is the one to report.
        let _ = to.remove_file(paths::CURRENT);
        let _ = to.remove_folder(paths::TABLES);
        let _ = to.remove_folder(paths::LOGS);
        let _ = to.remove_folder(paths::TEMPORARY);
        let _ = to.remove_file(&paths::manifest(catalog.version));
        let _ = to.remove_file(paths::LOCK);
    }
    drop(lock);
    copied
}

/// Nothing is there that anybody might miss.
fn check_target(to: &dyn Dir) -> Result<()> {
    let entries = to.list("")?;
    match entries.iter().find(|entry| entry.name != paths::LOCK && is_foreign(&entry.name)) {
        None => Ok(()),
        Some(entry) => Err(Error::invalid(format!(
            "{} is not empty (there is \"{}\" in it): name an empty or a new directory for the \
             backup",
            to.describe(),
            entry.name
        ))),
    }
}

struct Copying<'a> {
    from: &'a Arc<dyn Dir>,
    to: &'a Arc<dyn Dir>,
    mode: BackupMode,
    proceed: &'a (dyn Fn(u64) -> Result<()> + Sync),
}

/// A file to copy, and how to verify it.
enum Task<'a> {
    Column { path: String, record: FileRecord, rows: u64 },
    Dictionary(&'a DictionaryFile),
    Deletions(&'a DeletionsFile),
}

impl Copying<'_> {
    fn copy(&self, followed: &Followed, catalog: &Catalog, threads: usize) -> Result<BackupReport> {
        let mut report = BackupReport::default();
        let mut tasks = Vec::new();
        for table in followed.snapshot.all_tables() {
            report.tables += 1;
            report.rows += table.row_count();
            report.bytes += table.bytes();
            let stored = table.segments.iter().filter(|segment| !segment.is_in_memory());
            stored.for_each(|segment| tasks.extend(files_of_segment(segment)));
            table.key_runs.iter().for_each(|run| tasks.extend(files_of_run(run)));
            tasks.extend(table.dictionaries.iter().map(|(_, file)| Task::Dictionary(file)));
        }
        let deletions = deletions(catalog);
        tasks.extend(deletions.iter().map(Task::Deletions));
        report.files = tasks.len() as u64;
        let workers = WorkerCache::default().get(threads)?;
        workers.each(&mut tasks, |task| self.copy_file(task))?;
        let folders: BTreeSet<&str> = tasks.iter().map(|task| parent(task.path())).collect();
        folders.into_iter().try_for_each(|folder| self.to.sync_folder(folder))?;
        report.files += u64::from(self.copy_records(followed, catalog)?);
        manifest::write(self.to.as_ref(), catalog)?;
        manifest::write_current(self.to.as_ref(), catalog.version)?;
        Ok(report)
    }

    /// Copies the records of the log that the catalog needs, up to those of the snapshot.
    /// Whether there were any.
    fn copy_records(&self, followed: &Followed, catalog: &Catalog) -> Result<bool> {
        let Some(place) = catalog.log else { return Ok(false) };
        let end = followed.next_record();
        let log = LogWriter::create(self.to, place.log, place.first)?;
        note_begun(self.to, place.log);
        let mut last = None;
        let mut reader = LogReader::new(place.log, place.first);
        reader.read(self.from.as_ref(), Until::Mark, &mut |record, payload| {
            if record < end {
                last = Some(log.append(payload)?);
                (self.proceed)(payload.len() as u64)?;
            }
            Ok(())
        })?;
        last.map_or(Ok(()), |last| log.sync(last))?;
        Ok(last.is_some())
    }

    fn copy_file(&self, task: &Task<'_>) -> Result<()> {
        let path = task.path();
        match task {
            Task::Column { record, rows, .. } => {
                let file = open_column(self.from.as_ref(), path, record, *rows)?;
                (0..file.block_count()).try_for_each(|idx| file.verify_bytes(idx))?;
            }
            Task::Dictionary(file) => file.verify()?,
            Task::Deletions(file) => file.read(self.from.as_ref()).map(drop)?,
        }
        let source = self.from.open(path)?;
        if self.mode == BackupMode::Link && self.from.link(path, self.to.as_ref())? {
            return (self.proceed)(source.len());
        }
        let mut file = self.to.create(path)?;
        let mut start = 0;
        while start < source.len() {
            let end = source.len().min(start + CHUNK_BYTES);
            file.write(&source.bytes(start..end)?)?;
            (self.proceed)(end - start)?;
            start = end;
        }
        file.finish()
    }
}

impl Task<'_> {
    fn path(&self) -> &str {
        match self {
            Self::Column { path, .. } => path,
            Self::Dictionary(file) => file.path(),
            Self::Deletions(file) => &file.path,
        }
    }
}

fn files_of_segment(segment: &Arc<Segment>) -> impl Iterator<Item = Task<'_>> {
    segment.record().files.iter().map(|record| Task::Column {
        path: paths::column(segment.folder(), record.column),
        record: *record,
        rows: segment.row_count(),
    })
}

/// The files of deletions that a catalog names.
fn deletions(catalog: &Catalog) -> Vec<DeletionsFile> {
    let file = |table: &TableRecord| {
        let record = table.deletions?;
        let path = paths::deletions(table.schema.id, record.id).into();
        Some(DeletionsFile { record, path })
    };
    catalog.tables.iter().filter_map(file).collect()
}

fn files_of_run(run: &Arc<KeyRun>) -> impl Iterator<Item = Task<'_>> {
    let (files, folder) = match (&run.record().source, run.folder()) {
        (KeyRunSource::Files(files), Some(folder)) => (files.as_slice(), folder.as_ref()),
        _ => (&[][..], ""),
    };
    files.iter().map(move |record| Task::Column {
        path: paths::column(folder, record.column),
        record: *record,
        rows: run.rows(),
    })
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests;
