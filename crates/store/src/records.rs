//! What the manifest says of a table's rows: segments, key runs, dictionaries and
//! counters, and no values.

use crate::schema::{KeyId, Schema};
use serde::{Deserialize, Serialize};
use starfact_base::{ColumnId, DataType, Epoch, SegmentId, TableId, Version};
use starfact_format::ColumnFileInfo;

/// The whole catalog at one version: the JSON document of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Catalog {
    pub(crate) version: Version,
    pub(crate) epoch: Epoch,
    /// The number that the next table gets.
    pub(crate) next_table: TableId,
    /// The number that the next segment, key run or dictionary gets, in whatever table.
    pub(crate) next_file: u64,
    /// Where the logs begin that go on from here, once there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<LogRecord>,
    pub(crate) tables: Vec<TableRecord>,
}

/// A place in the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRecord {
    /// The log with the record `first`.
    pub(crate) log: u64,
    /// The first record with rows of the delta; without any, the same as `next`.
    pub(crate) first: u64,
    /// The first record whose commit is not in this catalog.
    pub(crate) next: u64,
}

/// One table: what is declared, and where its rows are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableRecord {
    pub(crate) schema: Schema,
    pub(crate) segments: Vec<SegmentRecord>,
    #[serde(default)]
    pub(crate) key_runs: Vec<KeyRunRecord>,
    /// Ascending by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) dictionaries: Vec<DictionaryRecord>,
    /// The ordinal that the next row gets.
    pub(crate) next_ordinal: u64,
    /// The row id that the next row gets; that of the next ordinal where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_row: Option<u64>,
    /// Which rows are deleted, if any are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deletions: Option<DeletionsRecord>,
    /// Ids of rows that are in no segment here but in records of the log: the delta. Ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) delta: Vec<RowRange>,
    /// The number that the next sorted run of segments gets.
    pub(crate) next_run: u64,
    /// Whether all rows in segment order follow the declared sort order.
    pub(crate) is_sorted: bool,
}

/// Some row ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowRange {
    pub(crate) first_row: u64,
    pub(crate) row_end: u64,
}

impl TableRecord {
    /// Whether a segment reads otherwise than from files of the types of their columns, or as NULL,
    /// or a key run has files of other types.
    pub(crate) fn is_evolved(&self) -> bool {
        let is_other = |file: &FileRecord| self.schema.type_of(file.column) != Some(file.data_type);
        let has_other = self.key_runs.iter().any(|run| match &run.source {
            KeyRunSource::Files(files) => files.iter().any(is_other),
            KeyRunSource::Segments(_) => false,
        });
        has_other
            || self.segments.iter().any(|segment| {
                let place = |id| segment.files.binary_search_by_key(&id, |file| file.column).ok();
                let file = |id| place(id).and_then(|place| segment.files.get(place));
                self.schema.columns.iter().any(|column| match file(column.id) {
                    Some(file) => file.data_type != column.data_type,
                    None => column.initial.is_some(),
                })
            })
    }
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentRecord {
    pub(crate) id: SegmentId,
    pub(crate) rows: u64,
    /// Segments of one run, in order, are one sorted sequence; those of run 0 are in no order.
    pub(crate) run: u64,
    /// The row id of its first row; where it is not said, the ordinal of that row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first_row: Option<u64>,
    pub(crate) ordinals: OrdinalsRecord,
    /// Ascending by column.
    pub(crate) files: Vec<FileRecord>,
}

/// How the rows of a segment get their ordinals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrdinalsRecord {
    /// First ordinal, then one more for each row.
    Consecutive(u64),
    /// In the file of column 0.
    Stored,
}

impl SegmentRecord {
    /// The row id of its first row.
    pub(crate) fn first_row(&self) -> u64 {
        self.first_row.unwrap_or(match self.ordinals {
            OrdinalsRecord::Consecutive(first) => first,
            OrdinalsRecord::Stored => 0,
        })
    }
}

/// The file of the deletions of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeletionsRecord {
    pub(crate) id: u64,
    /// Rows that are deleted.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) checksum: u32,
}

/// One column file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) column: ColumnId,
    #[serde(rename = "type")]
    pub(crate) data_type: DataType,
    pub(crate) bytes: u64,
    /// The checksum of its footer, which has those of everything else in it; `None` in manifests
    /// that an earlier Starfact wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<u32>,
    /// The dictionary that its blocks have codes of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dictionary: Option<u64>,
}

impl FileRecord {
    /// Of a file that was just written, without a dictionary.
    pub(crate) fn new(column: ColumnId, data_type: DataType, info: &ColumnFileInfo) -> Self {
        let (bytes, checksum) = (info.bytes, Some(info.checksum));
        Self { column, data_type, bytes, checksum, dictionary: None }
    }

    /// Of the file that took the place of this one.
    pub(crate) fn rewritten(self, info: &ColumnFileInfo) -> Self {
        Self { bytes: info.bytes, checksum: Some(info.checksum), ..self }
    }
}

/// A dictionary that files of a column have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DictionaryRecord {
    pub(crate) id: u64,
    pub(crate) column: ColumnId,
    pub(crate) bytes: u64,
}

/// Some rows' keys in key order, each with its ordinal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRunRecord {
    pub(crate) id: u64,
    pub(crate) key: KeyId,
    pub(crate) rows: u64,
    /// The ids of its rows lie from this one …
    #[serde(rename = "first_ordinal")]
    pub(crate) first_row: u64,
    /// … to below this one, and all rows with such ids that have the key are in this run.
    #[serde(rename = "ordinal_end")]
    pub(crate) row_end: u64,
    pub(crate) source: KeyRunSource,
}

/// Where a key run's keys are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyRunSource {
    /// In these segments, whose rows happen to be in key order: no file is needed.
    Segments(Vec<SegmentId>),
    /// In a folder of their own: the key's columns, and as column 0 the row ids, each less the
    /// row's place in the run. Bytes per file, the row ids' last.
    Files(Vec<FileRecord>),
}
