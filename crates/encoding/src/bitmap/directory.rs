//! The directory of a page: which values there are, and where the rows of each begin.

use super::choose::Containers;
use super::{BITMAP_VALUES_MAX, ENTRY_BYTES, container};
use crate::block::Block;
use crate::predicate::{FilterError, Predicate};
use crate::selection::Selection;
use bytes::Bytes;
use starfact_base::checksum::checksum;
use starfact_base::{Corruption, DataType, Scalar};
use std::ops::Range;

/// A parsed directory.
#[derive(Debug)]
pub struct BitmapDirectory {
    block_rows: usize,
    nulls: usize,
    values: Block,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    rows: u32,
    /// Where the container begins, from the first on.
    offset: u32,
    byte_len: u32,
    checksum: u32,
}

/// What the directory says of a predicate: the values that satisfy it, and those that do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitmapMatch {
    /// The rows that satisfy the predicate.
    pub kept: BitmapSide,
    /// The rows that do not, NULL ones aside.
    pub dropped: BitmapSide,
}

/// Some of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitmapSide {
    /// Their places among the values of the block.
    pub values: Vec<u32>,
    /// Rows that have one of them, exactly.
    pub rows: usize,
    /// Their containers; `None` if one of them has none.
    pub containers: Option<Containers>,
}

impl BitmapDirectory {
    /// Parses a directory of `values` values of a block of `block_rows` rows, `nulls` of which are
    /// NULL; its containers take `container_bytes`.
    ///
    /// # Errors
    /// Damage; its offset counts from the start of the directory.
    pub fn parse(
        bytes: &Bytes,
        ty: DataType,
        values: usize,
        (block_rows, nulls): (usize, usize),
        container_bytes: usize,
    ) -> Result<Self, Corruption> {
        if values == 0 || values > BITMAP_VALUES_MAX {
            let expected = format!("1 to {BITMAP_VALUES_MAX}");
            return Err(Corruption::new(0, "values of a bitmap index", expected, values));
        }
        let start = values * ENTRY_BYTES;
        let Some(records) = bytes.get(..start) else {
            let expected = format!("at least {start} bytes");
            return Err(Corruption::new(0, "bitmap directory", expected, bytes.len()));
        };
        let mut entries = Vec::with_capacity(values);
        let (mut offset, mut rows) = (0, 0);
        for [a, b, c, d, sum @ ..] in records.as_chunks::<ENTRY_BYTES>().0 {
            let entry = Entry {
                rows: u32::from(u16::from_le_bytes([*a, *b])) + 1,
                offset,
                byte_len: u16::from_le_bytes([*c, *d]).into(),
                checksum: u32::from_le_bytes(*sum),
            };
            // 8,192 values of less than 65,536 rows and bytes each do not overflow.
            offset += entry.byte_len;
            rows += entry.rows as usize;
            entries.push(entry);
        }
        if rows != block_rows.saturating_sub(nulls) {
            let expected = block_rows.saturating_sub(nulls);
            return Err(Corruption::new(0, "rows of all bitmaps", expected, rows));
        }
        if offset as usize != container_bytes {
            return Err(Corruption::new(0, "bytes of all containers", container_bytes, offset));
        }
        let values = Block::parse(bytes.slice(start..), ty, values)
            .map_err(|damage| damage.shifted(start as u64))?;
        if !values.validity().is_all(1) {
            let what = "values of a bitmap index";
            return Err(Corruption::new(start as u64, what, "no NULL", "NULLs"));
        }
        Ok(Self { block_rows, nulls, values, entries })
    }

    /// How many distinct values the block has.
    pub fn value_count(&self) -> usize {
        self.entries.len()
    }

    /// The value at this place.
    ///
    /// # Errors
    /// Damage; no value at this place.
    pub fn value(&self, place: u32) -> Result<Scalar, Corruption> {
        let mut one = Selection::none(self.entries.len());
        if (place as usize) < self.entries.len() {
            one.set(place as usize);
        }
        self.values.aggregate(&one)?.min.ok_or_else(|| {
            let expected = format!("a place below {}", self.entries.len());
            Corruption::new(0, "value of a bitmap index", expected, place)
        })
    }

    /// The values that satisfy a predicate. `None` if it is about NULL, which has no bitmap.
    ///
    /// # Errors
    /// Damage of the values; a predicate that does not fit the column, or that failed.
    pub fn find(&self, predicate: &Predicate) -> Result<Option<BitmapMatch>, FilterError> {
        match predicate {
            Predicate::IsNull | Predicate::IsNotNull => return Ok(None),
            Predicate::Values(_) if self.nulls > 0 => return Ok(None),
            _ => {}
        }
        let mut kept = Selection::all(self.entries.len());
        self.values.filter(predicate, &mut kept)?;
        let mut dropped = Selection::all(self.entries.len());
        dropped.subtract(&kept);
        Ok(Some(BitmapMatch { kept: self.side(&kept), dropped: self.side(&dropped) }))
    }

    fn side(&self, selection: &Selection) -> BitmapSide {
        let values = selection.indices();
        let mut rows = 0;
        let mut containers = Some(Containers::default());
        for entry in values.iter().filter_map(|value| self.entries.get(*value as usize)) {
            rows += entry.rows as usize;
            containers = containers.filter(|_| entry.byte_len > 0).map(|sum| Containers {
                count: sum.count + 1,
                bytes: sum.bytes + entry.byte_len as usize,
            });
        }
        BitmapSide { values, rows, containers }
    }

    /// Where the container of a value lies, from the first on; empty if it has none.
    pub fn container(&self, value: u32) -> Range<u64> {
        let entry = self.entries.get(value as usize);
        entry.map_or(0..0, |entry| {
            let start = u64::from(entry.offset);
            start..start + u64::from(entry.byte_len)
        })
    }

    /// Adds the rows of a value, whose container these bytes are, to a selection of the block.
    ///
    /// # Errors
    /// Damage; its offset counts from the start of the container.
    pub fn add(
        &self,
        value: u32,
        bytes: &[u8],
        selection: &mut Selection,
    ) -> Result<(), Corruption> {
        let what = "container of a bitmap";
        let Some(entry) = self.entries.get(value as usize) else {
            let expected = format!("a value below {}", self.entries.len());
            return Err(Corruption::new(0, what, expected, value));
        };
        if selection.rows() != self.block_rows {
            let (expected, found) = (self.block_rows, selection.rows());
            return Err(Corruption::new(0, "rows of a block", expected, found));
        }
        let hex = |sum: u32| format!("{sum:#010x}");
        let found = checksum(bytes);
        if found != entry.checksum {
            let what = format!("checksum of bitmap {value}");
            return Err(Corruption::new(0, what, hex(entry.checksum), hex(found)));
        }
        container::read(bytes, entry.rows as usize, selection)
    }
}
