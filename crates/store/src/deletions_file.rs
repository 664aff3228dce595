//! The file of the deletions of a table: which rows of which segments are deleted.
//!
//! ```text
//! starfact-deletions 1 57 6a0c33f1↵      header line, as that of a manifest
//! segments  u32
//! segment   u64 · bytes u32 · roaring bitmap of places, in its portable form      each ascending
//! ```
//!
//! All numbers are little-endian. It is written whole when a manifest is and anything has changed.

use crate::envelope::{FIRST_VERSION, seal, unseal};
use crate::records::DeletionsRecord;
use crate::rows::Deletions;
use crate::segment::Segment;
use roaring::RoaringBitmap;
use starfact_base::checksum::checksum;
use starfact_base::{Corruption, Error, Result, SegmentId};
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
    /// Writes `deletions` to `path`, durably but for its name.
    pub(crate) fn write(
        dir: &dyn Dir,
        (id, path): (u64, String),
        deletions: &Deletions,
    ) -> Result<Self> {
        let mut payload = Vec::new();
        payload.extend((deletions.iter().count() as u32).to_le_bytes());
        for (segment, places) in deletions.iter() {
            payload.extend(segment.0.to_le_bytes());
            payload.extend((places.serialized_size() as u32).to_le_bytes());
            places
                .serialize_into(&mut payload)
                .map_err(|error| Error::internal(error.to_string()))?;
        }
        let bytes = seal(KIND, FIRST_VERSION, &payload);
        let mut file = dir.create(&path)?;
        file.write(&bytes)?;
        file.finish()?;
        let (rows, checksum) = (deletions.rows(), checksum(&bytes));
        let record = DeletionsRecord { id, rows, bytes: bytes.len() as u64, checksum };
        Ok(Self { record, path: path.into() })
    }

    /// Reads the deletions of these segments.
    pub(crate) fn read(&self, dir: &dyn Dir, segments: &[Arc<Segment>]) -> Result<Deletions> {
        let bytes =
            dir.read(&self.path).map_err(|error| match crate::manifest::is_missing(&error) {
                true => {
                    let expected = format!("a file of {} bytes", self.record.bytes);
                    Corruption::new(0, "file", expected, "none").in_file(self.path.as_ref())
                }
                false => error,
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
        let deletions = parse(payload, segments).map_err(|(what, found)| {
            corrupt(what, "those of segments of the table".into(), found)
        })?;
        if deletions.rows() != self.record.rows {
            let (expected, found) = (self.record.rows, deletions.rows());
            return Err(corrupt("deleted rows", expected.to_string(), found.to_string()));
        }
        Ok(deletions)
    }
}

type Wrong = (&'static str, String);

fn parse(payload: &[u8], segments: &[Arc<Segment>]) -> Result<Deletions, Wrong> {
    let mut rest = payload;
    let mut take = |count: usize| -> Result<&[u8], Wrong> {
        let taken = rest.split_at_checked(count);
        let (taken, after) = taken.ok_or_else(|| ("deletions", "too few bytes".to_owned()))?;
        rest = after;
        Ok(taken)
    };
    let number =
        |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let count = number(take(4)?);
    let mut deletions = Deletions::default();
    let mut last = None;
    for _ in 0..count {
        let id = SegmentId(number(take(8)?));
        let byte_len = number(take(4)?) as usize;
        let places = RoaringBitmap::deserialize_from(take(byte_len)?)
            .map_err(|error| ("deleted rows", error.to_string()))?;
        let segment = segments.iter().find(|segment| segment.id() == id);
        let end = segment.map_or(0, |segment| segment.row_count());
        let is_within = places.max().is_some_and(|place| u64::from(place) < end);
        if !is_within || last.is_some_and(|last| last >= id) {
            return Err(("deleted rows", format!("{} of segment {id}", places.len())));
        }
        deletions.add(id, &places);
        last = Some(id);
    }
    match rest.is_empty() {
        true => Ok(deletions),
        false => Err(("deletions", format!("{} bytes more", rest.len()))),
    }
}
