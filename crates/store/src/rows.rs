//! Rows by their ids: where a row is, whether it is deleted, and which ordinal it has.
//!
//! ```text
//!  row id     a version of a row: ascending through the segments of a table, with gaps
//!  ordinal    the life of a row: an update makes a new row with the same ordinal
//! ```

use crate::segment::Segment;
use crate::snapshot::Table;
use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use roaring::{RoaringBitmap, RoaringTreemap};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Corruption, Error, Result, SegmentId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The deleted rows of a table: for each segment that has any, their places in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Deletions {
    segments: BTreeMap<SegmentId, Arc<RoaringBitmap>>,
    rows: u64,
}

impl Deletions {
    /// Deleted rows.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The deleted rows of a segment, by their places in it.
    pub(crate) fn of(&self, segment: SegmentId) -> Option<&Arc<RoaringBitmap>> {
        self.segments.get(&segment)
    }

    /// Adds rows of a segment; returns how many are new.
    pub(crate) fn add(&mut self, segment: SegmentId, places: &RoaringBitmap) -> u64 {
        if places.is_empty() {
            return 0;
        }
        let known = self.segments.entry(segment).or_default();
        let before = known.len();
        let union = known.as_ref() | places;
        let added = union.len() - before;
        if added > 0 {
            *known = Arc::new(union);
            self.rows += added;
        }
        added
    }

    /// Forgets all segments but some.
    pub(crate) fn retain(&mut self, is_kept: impl Fn(SegmentId) -> bool) {
        self.segments.retain(|id, _| is_kept(*id));
        self.rows = self.segments.values().map(|places| places.len()).sum();
    }

    /// Forgets a segment.
    pub(crate) fn remove(&mut self, segment: SegmentId) {
        if let Some(places) = self.segments.remove(&segment) {
            self.rows -= places.len();
        }
    }
}

impl Table {
    /// The ids of the rows that are deleted and still stored.
    pub(crate) fn deleted_row_ids(&self) -> RoaringTreemap {
        let mut rows = RoaringTreemap::new();
        for segment in &self.segments {
            if let Some(places) = self.deletions.of(segment.id()) {
                let ids = places.iter().map(|place| segment.first_row() + u64::from(place));
                // They ascend, as segments do.
                let _ = rows.append(ids);
            }
        }
        rows
    }

    /// Deletes rows by their ids; those that no segment has are left. Returns how many it was.
    pub(crate) fn delete_rows(&mut self, rows: &RoaringTreemap) -> u64 {
        let mut deletions = self.deletions.as_ref().clone();
        let mut deleted = 0;
        let mut places: Option<(SegmentId, RoaringBitmap)> = None;
        for row in rows {
            let Some((segment, place)) = self.locate(row) else { continue };
            match &mut places {
                Some((id, places)) if *id == segment.id() => {
                    places.insert(place);
                }
                other => {
                    if let Some((id, places)) = other.take() {
                        deleted += deletions.add(id, &places);
                    }
                    *other = Some((segment.id(), RoaringBitmap::from_iter([place])));
                }
            }
        }
        if let Some((id, places)) = places {
            deleted += deletions.add(id, &places);
        }
        if deleted > 0 {
            self.deletions = Arc::new(deletions);
            self.deletions_file = None;
        }
        deleted
    }

    /// The segment with this row, and the row's place in it.
    pub(crate) fn locate(&self, row: u64) -> Option<(&Arc<Segment>, u32)> {
        let after = self.segments.partition_point(|segment| segment.first_row() <= row);
        let segment = self.segments.get(after.checked_sub(1)?)?;
        let place = row - segment.first_row();
        (place < segment.row_count()).then_some((segment, place as u32))
    }

    /// Whether a row is there and not deleted.
    pub(crate) fn is_live(&self, row: u64) -> bool {
        self.locate(row).is_some_and(|(segment, place)| {
            let deleted = self.deletions.of(segment.id());
            deleted.is_none_or(|deleted| !deleted.contains(place))
        })
    }

    /// Whether every row's id is its ordinal.
    pub(crate) fn rows_are_ordinals(&self) -> bool {
        self.segments.iter().all(|segment| segment.consecutive() == Some(segment.first_row()))
    }

    /// The ordinals of some rows, all of which are there.
    pub(crate) fn ordinals_of(&self, rows: &[u64]) -> Result<Vec<u64>> {
        if self.rows_are_ordinals() {
            return Ok(rows.to_vec());
        }
        let mut known: Option<(SegmentId, usize, Vec<u64>)> = None;
        let mut ordinals = Vec::with_capacity(rows.len());
        for row in rows {
            let missing = || Error::internal(format!("there is no row {row}"));
            let (segment, place) = self.locate(*row).ok_or_else(missing)?;
            if let Some(first) = segment.consecutive() {
                ordinals.push(first + u64::from(place));
                continue;
            }
            let (block, place) = (place as usize / BLOCK_ROWS, place as usize % BLOCK_ROWS);
            if known.as_ref().is_none_or(|(id, idx, _)| (*id, *idx) != (segment.id(), block)) {
                known = Some((segment.id(), block, segment.ordinals(block)?));
            }
            let found = known.as_ref().and_then(|(_, _, ordinals)| ordinals.get(place));
            ordinals.push(*found.ok_or_else(missing)?);
        }
        Ok(ordinals)
    }
}

impl Segment {
    /// The ordinals of the rows of a block.
    ///
    /// # Errors
    /// A file that is missing or damaged.
    pub fn ordinals(&self, block: usize) -> Result<Vec<u64>> {
        let start = block * BLOCK_ROWS;
        let rows = (self.row_count() as usize).saturating_sub(start).min(BLOCK_ROWS);
        if let Some(first) = self.consecutive() {
            let first = first + start as u64;
            return Ok((first..first + rows as u64).collect());
        }
        let missing = || Error::internal("a segment without ordinals");
        let file = self.column(crate::verify::ORDINALS)?.ok_or_else(missing)?;
        let array = file.block(block)?.decode(0..rows)?;
        let array = array.as_primitive_opt::<Int64Type>().filter(|array| array.null_count() == 0);
        let array = array.ok_or_else(|| Error::internal("ordinals that are not numbers"))?;
        if let Some(found) = array.values().iter().find(|ordinal| **ordinal < 0) {
            let what = format!("ordinal in block {block}");
            return Err(Corruption::new(0, what, "0 or more", found).in_file(file.path()));
        }
        Ok(array.values().iter().map(|ordinal| *ordinal as u64).collect())
    }
}
