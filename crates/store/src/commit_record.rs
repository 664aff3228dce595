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
//!
//! All but short records are compressed, as column files of few rows say much again and again:
//!
//! ```text
//! 0 u32 │ bytes of the record u32 │ zstd frame
//! ```

use crate::deletions_file::parse_row_ids;
use crate::log::PAYLOAD_BYTES_MAX;
use crate::paths;
use crate::records::{SegmentRecord, TableRecord};
use crate::segment::Segment;
use crate::snapshot::Table;
use crate::verify;
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use starfact_base::{Corruption, Epoch, Error, Result, TableId, Version};
use starfact_vfs::{Dir, MemDir};
use std::borrow::Cow;
use std::sync::Arc;
use zstd::bulk::{compress, decompress};

/// Bytes up to which a record is not compressed: a disk writes whole pages.
const PLAIN_BYTES: usize = 4096;
/// A thousand rows of a fact come out as short as at level 1, in a third of the time.
const ZSTD_LEVEL: i32 = -1;
/// What a compressed record begins with, where others have the length of their document.
const COMPRESSED: u32 = 0;

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

impl Head {
    /// An error says what is wrong, what was expected and what was found.
    fn parse(document: &[u8]) -> Result<Self, (&'static str, &'static str, String)> {
        let head: Self = serde_json::from_slice(document)
            .map_err(|error| ("document", "a commit in JSON", error.to_string()))?;
        match head.epoch.0 < u64::MAX / 2 && head.next_file < u64::MAX / 4 {
            true => Ok(head),
            false => {
                let found = format!("epoch {}, file {}", head.epoch, head.next_file);
                Err(("counters", "plausible ones", found))
            }
        }
    }
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
    Ok(compressed(bytes))
}

/// The record in the form that goes to the log.
fn compressed(record: Vec<u8>) -> Vec<u8> {
    let Some(length) = u32::try_from(record.len()).ok().filter(|_| record.len() > PLAIN_BYTES)
    else {
        return record;
    };
    match compress(&record, ZSTD_LEVEL) {
        Ok(frame) if frame.len() + 8 < record.len() => {
            [&COMPRESSED.to_le_bytes(), &length.to_le_bytes(), frame.as_slice()].concat()
        }
        _ => record,
    }
}

/// The record again; an error says what is wrong with the bytes.
fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, String> {
    let Some((head, frame)) = bytes.split_first_chunk::<8>() else {
        return Ok(bytes.into());
    };
    let (kind, length) = head.split_at(4);
    if kind != COMPRESSED.to_le_bytes() {
        return Ok(bytes.into());
    }
    let length = length.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    if length > PAYLOAD_BYTES_MAX {
        return Err(format!("{length} bytes of content"));
    }
    let record = decompress(frame, length).map_err(|error| error.to_string())?;
    match record.len() == length {
        true => Ok(record.into()),
        false => Err(format!("{} bytes of content instead of {length}", record.len())),
    }
}

/// Bytes that the record of a commit has at least before it is compressed.
pub(crate) fn byte_len(changes: &[RowsChange]) -> u64 {
    let segments = changes.iter().flat_map(|change| &change.segments);
    let deleted = changes.iter().map(|change| change.deleted.serialized_size() as u64);
    segments.map(|segment| segment.byte_len()).sum::<u64>() + deleted.sum::<u64>()
}

/// Reads the record `number`; its segments are in memory then. `schema_of` gives the tables that
/// are known; changes of others are left out. `None` if it is not wanted, by its version and epoch.
pub(crate) fn decode<'a>(
    number: u64,
    bytes: &[u8],
    is_wanted: &dyn Fn(Version, Epoch) -> bool,
    known: &dyn Fn(TableId) -> Option<&'a Table>,
) -> Result<Option<Commit>> {
    let damage = |what: &str, expected: &str, found: String| {
        let what = format!("{what} in record {number}");
        Corruption::new(0, what, expected, found).in_file(paths::LOGS)
    };
    let bytes = plain(bytes).map_err(|found| damage("zstd frame", "a record", found))?;
    let bytes = bytes.as_ref();
    let short = || damage("bytes", "as many as it says", bytes.len().to_string());
    let (head_len, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let head_len = u32::from_le_bytes(*head_len) as usize;
    let (head, mut rest) = rest.split_at_checked(head_len).ok_or_else(short)?;
    let head =
        Head::parse(head).map_err(|(what, expected, found)| damage(what, expected, found))?;
    if !is_wanted(head.version, head.epoch) {
        return Ok(None);
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
    Ok(Some(Commit { version, epoch, next_file, tables }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_come_out_shorter_are_compressed() {
        for record in [vec![1; PLAIN_BYTES], (0..=255).cycle().take(50_000).collect()] {
            let stored = compressed(record.clone());
            assert_eq!(stored.len() < 1_000, record.len() > PLAIN_BYTES);
            assert_eq!(plain(&stored).unwrap().as_ref(), record);
        }
        let mut noise = 1_u64;
        let record: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (noise >> 56) as u8 | 1
        })
        .take(10_000)
        .collect();
        assert_eq!(compressed(record.clone()), record);
        assert_eq!(plain(&record).unwrap().as_ref(), record);
    }

    #[test]
    fn a_frame_that_is_none_or_claims_too_much_is_an_error() {
        let stored = compressed(vec![7; 10_000]);
        assert!(plain(&stored[..stored.len() - 1]).is_err());
        for claim in [0, 9_999, 10_001, u32::MAX] {
            let mut stored = stored.clone();
            stored[4..8].copy_from_slice(&claim.to_le_bytes());
            assert!(plain(&stored).is_err(), "{claim}");
        }
    }
}
