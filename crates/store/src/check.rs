//! Checks a table through and through, without changing anything.
//!
//! ```text
//!  files        every byte, every value, what zone maps and bitmaps say of them
//!  rows         NOT NULL · the sort order that segments and the table claim to have
//!  rows         no two live ones have one ordinal
//!  keys         each run ascends · no live row has the key of another · runs hold all keys
//!  references   the ordinal of each row is that of the row with the referenced key
//! ```
//!
//! The later parts look at values that the first has found to be readable: of a table with damaged
//! files only these are reported. That two sets of pairs of a key and an ordinal are equal is told
//! by the sum of a hash of each, so it takes no memory, whatever the number of rows.

mod keys;
mod order;

use crate::constraints::live_rows;
use crate::keys::references;
use crate::paths;
use crate::records::{FileRecord, KeyRunSource};
use crate::segment::{Segment, open_column};
use crate::snapshot::{Snapshot, Table};
use crate::workers::{WorkerCache, Workers};
use arrow::array::Array;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Corruption, Error, Result, TableId};
use starfact_format::ColumnFile;
use starfact_vfs::Dir;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Faults of one table that are reported; the others are counted.
const FAULTS_MAX: usize = 100;

/// How to check.
#[derive(Clone, Copy)]
pub struct CheckOptions<'a> {
    /// Threads to check with.
    pub threads: usize,
    /// Bytes that the keys of referenced tables may take.
    pub memory_bytes: usize,
    /// Called with the bytes of each block that was checked; an error ends the check.
    pub proceed: &'a (dyn Fn(u64) -> Result<()> + Sync),
}

/// What a check has looked at, and what is wrong.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Files of the table.
    pub files: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Each an [`Error::Corrupt`] or the like, which names a file; at most 100 of them.
    pub faults: Vec<Error>,
    /// How many there are.
    pub fault_count: u64,
}

impl Snapshot {
    /// Checks everything that there is of a table.
    ///
    /// # Errors
    /// What ended the check before it was done: an error of `proceed`, or that there is no such
    /// table. What is wrong with the table is in the report.
    pub fn check(&self, table: TableId, options: &CheckOptions<'_>) -> Result<CheckReport> {
        let missing = || Error::internal(format!("there is no table {table}"));
        let table = self.table_by_id(table).ok_or_else(missing)?;
        let workers = WorkerCache::default().get(options.threads)?;
        let check = Check {
            table,
            tables: self.by_id(),
            options,
            workers,
            report: Mutex::new(CheckReport::default()),
        };
        check.run()?;
        Ok(check.report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A check of one table. The report is shared by the threads, the rest is only read.
struct Check<'a> {
    table: &'a Table,
    tables: &'a BTreeMap<TableId, Arc<Table>>,
    options: &'a CheckOptions<'a>,
    workers: Workers,
    report: Mutex<CheckReport>,
}

/// A file, and how to open it.
enum FileTask<'a> {
    Column(&'a Segment, FileRecord),
    KeyRun { path: String, record: FileRecord, rows: u64, dir: &'a dyn Dir },
}

impl Check<'_> {
    fn run(&self) -> Result<()> {
        self.check_files()?;
        self.check_initial_values();
        if self.has_faults() {
            return Ok(());
        }
        self.check_order()?;
        self.check_ordinals()?;
        for key in self.table.keys() {
            self.check_key(key)?;
        }
        if self.table.foreign_keys().is_empty() {
            return Ok(());
        }
        let memory_bytes = self.options.memory_bytes;
        let proceed = || (self.options.proceed)(0);
        let faults =
            references::check(self.table, self.tables, memory_bytes, &self.workers, &proceed);
        match faults {
            Ok(faults) => faults.into_iter().for_each(|fault| self.add_fault(fault)),
            // A file of a referenced table.
            Err(fault) => self.take_fault(fault)?,
        }
        Ok(())
    }

    /// No two live rows have one ordinal.
    fn check_ordinals(&self) -> Result<()> {
        if self.table.rows_are_ordinals() {
            return Ok(());
        }
        let mut seen = roaring::RoaringTreemap::new();
        for segment in &self.table.segments {
            for block in 0..segment.block_count() {
                let first = segment.first_row() + (block * BLOCK_ROWS) as u64;
                for (ordinal, row) in segment.ordinals(block)?.into_iter().zip(first..) {
                    let is_new = !self.table.is_live(row) || seen.insert(ordinal);
                    if !is_new || ordinal >= self.table.ordinal_end() {
                        let found = format!("{ordinal} in row {row}");
                        let wrong = ("ordinal of a row", "one of its own", found);
                        self.wrong_rows(segment, None, wrong);
                        return Ok(());
                    }
                }
                (self.options.proceed)(0)?;
            }
        }
        Ok(())
    }

    fn check_files(&self) -> Result<()> {
        let mut tasks = Vec::new();
        for segment in &self.table.segments {
            tasks
                .extend(segment.record().files.iter().map(|file| FileTask::Column(segment, *file)));
        }
        for run in &self.table.key_runs {
            let (KeyRunSource::Files(files), Some(folder)) = (&run.record().source, run.folder())
            else {
                continue;
            };
            tasks.extend(files.iter().map(|record| FileTask::KeyRun {
                path: paths::column(folder, record.column),
                record: *record,
                rows: run.rows(),
                dir: run.dir(),
            }));
        }
        for (_, dictionary) in &self.table.dictionaries {
            let values = dictionary.verify();
            self.count(1, 1, dictionary.byte_len());
            if let Err(fault) = values {
                self.add_fault(fault);
            }
        }
        self.workers.each(&mut tasks, |task| {
            let record = task.record();
            self.count(1, 0, record.bytes);
            let file = match task.open() {
                Ok(file) => file,
                Err(fault) => return self.take_fault(fault),
            };
            for idx in 0..file.block_count() {
                self.count(0, 1, 0);
                let result =
                    file.verify_bytes(idx).and_then(|()| self.check_block(task, &file, idx));
                if let Err(fault) = result {
                    self.take_fault(fault)?;
                }
                (self.options.proceed)(file.block_byte_len(idx))?;
            }
            Ok(())
        })
    }

    /// The values of a block are what its zone map says, and no live row is NULL that must not be.
    fn check_block(&self, task: &FileTask<'_>, file: &ColumnFile, idx: usize) -> Result<()> {
        let rows = file.check_block(idx)?;
        let declared = self.table.column(task.record().column);
        let is_nullable = declared.is_none_or(|column| column.nullable);
        let Some(nulls) = rows.logical_nulls().filter(|_| !is_nullable) else { return Ok(()) };
        let count = match task {
            FileTask::Column(segment, _) => {
                let live = live_rows(self.table, segment, idx, rows.len()).indices();
                live.iter().filter(|row| nulls.is_null(**row as usize)).count()
            }
            FileTask::KeyRun { .. } => nulls.null_count(),
        };
        if count == 0 {
            return Ok(());
        }
        let what = format!("NULLs in block {idx}");
        Err(Corruption::new(0, what, "none, as declared", count).in_file(file.path()))
    }

    /// Rows of segments that are older than a column without NULL have its initial value.
    fn check_initial_values(&self) {
        let deleted =
            |segment: &Segment| self.table.deletions.of(segment.id()).map_or(0, |it| it.len());
        for segment in &self.table.segments {
            let has_rows = deleted(segment) < segment.row_count();
            let columns = self.table.columns().iter().filter(|column| {
                let has_file = segment.record().files.iter().any(|file| file.column == column.id);
                has_rows && !column.nullable && column.initial.is_none() && !has_file
            });
            for column in columns {
                let wrong = ("column without NULL", "a file or an initial value", "neither".into());
                self.wrong_rows(segment, Some(column.id), wrong);
            }
        }
    }

    fn count(&self, files: u64, blocks: u64, bytes: u64) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.files += files;
        report.blocks += blocks;
        report.bytes += bytes;
    }

    fn has_faults(&self) -> bool {
        self.report.lock().unwrap_or_else(PoisonError::into_inner).fault_count > 0
    }

    /// Notes what is wrong with a file; whatever is wrong elsewhere ends the check.
    fn take_fault(&self, fault: Error) -> Result<()> {
        match fault {
            Error::Corrupt { .. } | Error::Io { .. } | Error::UnsupportedVersion { .. } => {
                self.add_fault(fault);
                Ok(())
            }
            other => Err(other),
        }
    }

    fn add_fault(&self, fault: Error) {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.fault_count += 1;
        if report.faults.len() < FAULTS_MAX {
            report.faults.push(fault);
        }
    }

    /// Notes something that is wrong with the rows of a segment, in the file of one of its columns.
    fn wrong_rows(
        &self,
        segment: &Segment,
        column: Option<ColumnId>,
        (what, expected, found): (&str, &str, String),
    ) {
        let path = paths::column(segment.folder(), column.unwrap_or_default());
        self.add_fault(Corruption::new(0, what, expected, found).in_file(path));
    }
}

impl FileTask<'_> {
    fn record(&self) -> FileRecord {
        match self {
            Self::Column(_, record) | Self::KeyRun { record, .. } => *record,
        }
    }

    fn open(&self) -> Result<Arc<ColumnFile>> {
        match self {
            Self::Column(segment, record) => segment
                .column(record.column)?
                .ok_or_else(|| Error::internal("a file that is in no segment")),
            Self::KeyRun { path, record, rows, dir } => {
                open_column(*dir, path, record, *rows).map(Arc::new)
            }
        }
    }
}

#[cfg(test)]
mod tests;
