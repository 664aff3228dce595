//! The record of a commit in the log: the rows that it adds, as column files, and the ids of those
//! that it deletes.
//!
//! ```text
//! length u32 │ JSON: epoch, tables, files and their lengths │ column files │ deleted row ids
//!            └── of this length ──────────────────────────┘ └─ for each table, in this order ─┘
//! ```
//!
//! Column files are as they are on disk; deleted row ids are a 64-bit roaring bitmap in its
//! portable form.

use crate::deletions_file::parse_row_ids;
use crate::paths;
use crate::records::{SegmentRecord, TableRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use starfact_base::{Corruption, Epoch, Error, Result, TableId, Version};
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

/// What a commit has changed.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The manifest that it is to be read on top of.
    pub(crate) version: Version,
    pub(crate) epoch: Epoch,
    /// The number that the next file gets.
    pub(crate) next_file: u64,
    pub(crate) tables: Vec<RowsChange>,
}

/// What it has changed of a table.
#[derive(Debug)]
pub(crate) struct RowsChange {
    pub(crate) table: TableId,
    pub(crate) counters: Counters,
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) deleted: RoaringTreemap,
}

/// Numbers of a table after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) next_ordinal: u64,
    pub(crate) next_row: u64,
    pub(crate) next_run: u64,
    pub(crate) is_sorted: bool,
}

impl Counters {
    pub(crate) fn of(table: &Table) -> Self {
        Self {
            next_ordinal: table.next_ordinal,
            next_row: table.next_row,
            next_run: table.next_run,
            is_sorted: table.is_sorted,
        }
    }

    pub(crate) fn set(self, table: &mut Table) {
        table.next_ordinal = self.next_ordinal;
        table.next_row = self.next_row;
        table.next_run = self.next_run;
        table.is_sorted = self.is_sorted;
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: Version,
    epoch: Epoch,
    next_file: u64,
    tables: Vec<TableHead>,
}

#[derive(Serialize, Deserialize)]
struct TableHead {
    table: TableId,
    #[serde(flatten)]
    counters: Counters,
    segments: Vec<SegmentRecord>,
    /// Bytes of the deleted row ids.
    deleted_bytes: u64,
}

/// The bytes of a record.
pub(crate) fn encode(commit: &Commit) -> Result<Vec<u8>> {
    let mut tables = Vec::with_capacity(commit.tables.len());
    for change in &commit.tables {
        let deleted_bytes = match change.deleted.is_empty() {
            true => 0,
            false => change.deleted.serialized_size() as u64,
        };
        tables.push(TableHead {
            table: change.table,
            counters: change.counters,
            segments: change.segments.iter().map(|segment| segment.record().clone()).collect(),
            deleted_bytes,
        });
    }
    let Commit { version, epoch, next_file, .. } = *commit;
    let head = Head { version, epoch, next_file, tables };
    let internal = |error: &dyn std::fmt::Display| Error::internal(error.to_string());
    let head = serde_json::to_vec(&head).map_err(|error| internal(&error))?;
    let head_len = u32::try_from(head.len()).map_err(|error| internal(&error))?;
    let mut bytes = head_len.to_le_bytes().to_vec();
    bytes.extend(head);
    for change in &commit.tables {
        for segment in &change.segments {
            for file in &segment.record().files {
                let path = paths::column(segment.folder(), file.column);
                let file = segment.dir().open(&path)?;
                bytes.extend_from_slice(&file.bytes(0..file.len())?);
            }
        }
        if !change.deleted.is_empty() {
            change.deleted.serialize_into(&mut bytes).map_err(|error| internal(&error))?;
        }
    }
    Ok(bytes)
}

/// Bytes that the record of a commit has at least.
pub(crate) fn byte_len(changes: &[RowsChange]) -> u64 {
    let segments = changes.iter().flat_map(|change| &change.segments);
    let deleted = changes.iter().map(|change| change.deleted.serialized_size() as u64);
    segments.map(|segment| segment.byte_len()).sum::<u64>() + deleted.sum::<u64>()
}

/// Reads the record `number`; its segments are in memory then. `schema_of` gives the tables that
/// are known; changes of others are left out.
pub(crate) fn decode<'a>(
    number: u64,
    bytes: &[u8],
    known: &dyn Fn(TableId) -> Option<&'a Table>,
) -> Result<Commit> {
    let damage = |what: &str, expected: &str, found: String| {
        let what = format!("{what} in record {number}");
        Corruption::new(0, what, expected, found).in_file(paths::LOGS)
    };
    let short = || damage("bytes", "as many as it says", bytes.len().to_string());
    let (head_len, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let head_len = u32::from_le_bytes(*head_len) as usize;
    let (head, mut rest) = rest.split_at_checked(head_len).ok_or_else(short)?;
    let head: Head = serde_json::from_slice(head)
        .map_err(|error| damage("document", "a commit in JSON", error.to_string()))?;
    let is_sane = head.epoch.0 < u64::MAX / 2 && head.next_file < u64::MAX / 4;
    if !is_sane {
        let found = format!("epoch {}, file {}", head.epoch, head.next_file);
        return Err(damage("counters", "plausible ones", found));
    }
    let mut take = |count: u64| {
        let count = usize::try_from(count).map_err(|_| short())?;
        let (taken, behind) = rest.split_at_checked(count).ok_or_else(short)?;
        rest = behind;
        Ok::<&[u8], Error>(taken)
    };
    let mut tables = Vec::with_capacity(head.tables.len());
    for change in head.tables {
        let table = known(change.table);
        if let Some(table) = table {
            verify_change(table, &change).map_err(|wrong| {
                let Corruption { what, expected, found, .. } = wrong;
                damage(&what, &expected, found)
            })?;
        }
        let mut segments = Vec::with_capacity(change.segments.len());
        for record in change.segments {
            let dir: Arc<dyn Dir> = Arc::new(MemDir::new());
            let folder = paths::segment(change.table, record.id);
            for file in &record.files {
                let bytes = take(file.bytes)?;
                if table.is_some() {
                    let mut copy = dir.create(&paths::column(&folder, file.column))?;
                    copy.write(bytes)?;
                    copy.finish()?;
                }
            }
            let segment = Segment::in_memory(dir, change.table, record);
            if let Some(memory) = segment.memory() {
                memory.set_record(number);
            }
            segments.push(Arc::new(segment));
        }
        let deleted = match change.deleted_bytes {
            0 => RoaringTreemap::new(),
            count => parse_row_ids(take(count)?)
                .map_err(|found| damage("deleted rows", "ids of rows", found))?,
        };
        if table.is_some() {
            let TableHead { table, counters, .. } = change;
            tables.push(RowsChange { table, counters, segments, deleted });
        }
    }
    if !rest.is_empty() {
        return Err(damage("bytes", "none behind the last file", rest.len().to_string()));
    }
    let Head { version, epoch, next_file, .. } = head;
    Ok(Commit { version, epoch, next_file, tables })
}

/// The segments make sense in the table.
fn verify_change(table: &Table, change: &TableHead) -> Result<(), Corruption> {
    let Counters { next_ordinal, next_row, next_run, is_sorted } = change.counters;
    verify::segments(&TableRecord {
        schema: table.schema.as_ref().clone(),
        segments: change.segments.clone(),
        key_runs: Vec::new(),
        dictionaries: Vec::new(),
        next_ordinal,
        next_row: Some(next_row),
        deletions: None,
        delta: Vec::new(),
        next_run,
        is_sorted,
    })
}
