//! The file of the deletions of a table: the ids of rows that are deleted and still stored.
//!
//! ```text
//! starfact-deletions 1 57 6a0c33f1↵      header line, as that of a manifest
//! row ids                                a 64-bit roaring bitmap in its portable form
//! ```
//!
//! It is written whole when a manifest is and anything has changed.

use crate::envelope::{FIRST_VERSION, seal, unseal};
use crate::records::DeletionsRecord;
use crate::snapshot::Table;
use roaring::RoaringTreemap;
use starfact_base::checksum::checksum;
use starfact_base::{Corruption, Error, Result};
use starfact_vfs::Dir;
use std::sync::Arc;

const KIND: &str = "starfact-deletions";

/// A file of deletions that was written or read.
#[derive(Debug)]
pub(crate) struct DeletionsFile {
    pub(crate) record: DeletionsRecord,
    /// While it is shared with anything outside of garbage collection, the file stays.
    pub(crate) path: Arc<str>,
}

impl DeletionsFile {
    /// Writes the deletions of a table to `path`, durably but for its name.
    pub(crate) fn write(dir: &dyn Dir, (id, path): (u64, String), table: &Table) -> Result<Self> {
        let rows = table.deleted_row_ids();
        let mut payload = Vec::with_capacity(rows.serialized_size());
        rows.serialize_into(&mut payload).map_err(|error| Error::internal(error.to_string()))?;
        let bytes = seal(KIND, FIRST_VERSION, &payload);
        let mut file = dir.create(&path)?;
        file.write(&bytes)?;
        file.finish()?;
        let (rows, checksum) = (rows.len(), checksum(&bytes));
        let record = DeletionsRecord { id, rows, bytes: bytes.len() as u64, checksum };
        Ok(Self { record, path: path.into() })
    }

    /// Reads the ids of the deleted rows.
    pub(crate) fn read(&self, dir: &dyn Dir) -> Result<RoaringTreemap> {
        let bytes = dir.read(&self.path).map_err(|error| {
            if !crate::manifest::is_missing(&error) {
                return error;
            }
            let expected = format!("a file of {} bytes", self.record.bytes);
            Corruption::new(0, "file", expected, "none").in_file(self.path.as_ref())
        })?;
        let corrupt = |what: &str, expected: String, found: String| {
            Corruption::new(0, what, expected, found).in_file(self.path.as_ref())
        };
        let payload = unseal(KIND, &self.path, &bytes)?;
        let found = (bytes.len() as u64, checksum(&bytes));
        if found != (self.record.bytes, self.record.checksum) {
            let show = |(bytes, sum): (u64, u32)| format!("{bytes} bytes, {sum:#010x}");
            let expected = show((self.record.bytes, self.record.checksum));
            let what = "length and checksum (manifest against file)";
            return Err(corrupt(what, expected, show(found)));
        }
        let rows = parse_row_ids(payload)
            .map_err(|found| corrupt("deleted rows", "ids of rows".into(), found))?;
        if rows.len() != self.record.rows {
            let (expected, found) = (self.record.rows, rows.len());
            return Err(corrupt("deleted rows", expected.to_string(), found.to_string()));
        }
        Ok(rows)
    }
}

/// Reads row ids; what is wrong with the bytes, if anything.
pub(crate) fn parse_row_ids(bytes: &[u8]) -> Result<RoaringTreemap, String> {
    let mut rest = bytes;
    let rows = RoaringTreemap::deserialize_from(&mut rest).map_err(|error| error.to_string())?;
    match rest.is_empty() {
        true => Ok(rows),
        false => Err(format!("{} bytes more", rest.len())),
    }
}
