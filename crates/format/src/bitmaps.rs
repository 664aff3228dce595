//! Bitmap indexes of blocks: an optional section of the footer that says where their pages lie.
//!
//! ```text
//!   … │ block i │ zeros │ page of block i: directory │ containers │ zeros │ block i + 1 │ …
//!                       ▲ a multiple of 64
//!
//! bitmaps = for each block: offset u64 · directory bytes u32 · container bytes u32
//!           · values u32 · checksum of the directory u32
//! ```
//!
//! A block without a page has zeros throughout, and a file without pages no such section. A page
//! begins where the padding of its block ends, and the next block after its own padding. What is in
//! a page is described in `starfact_encoding`. A container is read when a filter wants it, with
//! nothing around it; so what verifies it stands in the directory.

use crate::footer::{BlockEntry, check_zeros};
use crate::reader::{ColumnFile, hex};
use crate::wire::Reader;
use starfact_base::checksum::checksum;
use starfact_base::limits::BLOCK_ALIGNMENT;
use starfact_base::{Corruption, Error, Result, Scalar};
use starfact_encoding::{
    BITMAP_VALUES_MAX, BitmapDirectory, BitmapMatch, BitmapPage, FilterError, Predicate, Selection,
};

/// Where the page of a block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BitmapEntry {
    pub(crate) offset: u64,
    pub(crate) directory_bytes: u32,
    pub(crate) container_bytes: u32,
    pub(crate) values: u32,
    pub(crate) checksum: u32,
}

impl BitmapEntry {
    pub(crate) fn of(page: &BitmapPage, offset: u64) -> Result<Self> {
        let byte_len = |bytes: &[u8]| {
            u32::try_from(bytes.len()).map_err(|_| Error::Limit {
                what: format!("bitmaps of {} bytes", bytes.len()),
                limit: "4 GiB".into(),
            })
        };
        Ok(Self {
            offset,
            directory_bytes: byte_len(&page.directory)?,
            container_bytes: byte_len(&page.containers)?,
            values: page.values,
            checksum: checksum(&page.directory),
        })
    }

    /// Where the containers begin.
    pub(crate) fn containers(&self) -> u64 {
        self.offset.saturating_add(u64::from(self.directory_bytes))
    }

    /// Where the page ends, without padding.
    pub(crate) fn end(&self) -> u64 {
        self.containers().saturating_add(u64::from(self.container_bytes))
    }

    /// Where the page ends, padding included; `None` if that is no offset.
    pub(crate) fn padded_end(&self) -> Option<u64> {
        self.end().checked_next_multiple_of(BLOCK_ALIGNMENT as u64)
    }

    /// Bytes of the page.
    pub(crate) fn byte_len(&self) -> u64 {
        u64::from(self.directory_bytes) + u64::from(self.container_bytes)
    }
}

/// The bytes of the section; `None` if no block has a page.
pub(crate) fn put(entries: &[Option<BitmapEntry>]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        let entry = entry.unwrap_or_default();
        out.extend(entry.offset.to_le_bytes());
        for field in [entry.directory_bytes, entry.container_bytes, entry.values, entry.checksum] {
            out.extend(field.to_le_bytes());
        }
    }
    entries.iter().any(Option::is_some).then_some(out)
}

/// Reads the section of a file with these blocks, which end before `data_end`.
pub(crate) fn read(
    section: &[u8],
    blocks: &[BlockEntry],
    data_end: u64,
) -> Result<Vec<Option<BitmapEntry>>, Corruption> {
    let mut reader = Reader::new(section);
    let mut entries = Vec::with_capacity(blocks.len());
    for (idx, block) in blocks.iter().enumerate() {
        let at = reader.position();
        let entry = BitmapEntry {
            offset: reader.u64("bitmap offset")?,
            directory_bytes: reader.u32("bitmap directory length")?,
            container_bytes: reader.u32("bitmap container length")?,
            values: reader.u32("bitmap values")?,
            checksum: reader.u32("bitmap directory checksum")?,
        };
        if entry == BitmapEntry::default() {
            entries.push(None);
            continue;
        }
        let free_to = blocks.get(idx + 1).map_or(data_end, |next| next.offset);
        let is_in_place = Some(entry.offset) == block.padded_end()
            && entry.padded_end().is_some_and(|end| end <= free_to);
        if !is_in_place {
            let start = block.padded_end().unwrap_or(data_end);
            let expected = format!("a page from {start} to at most {free_to}");
            let found = format!("{} + {}", entry.offset, entry.byte_len());
            return Err(Corruption::new(at, "bitmap place", expected, found));
        }
        let values_max = BITMAP_VALUES_MAX.min(block.rows as usize);
        if entry.values == 0 || entry.values as usize > values_max {
            let expected = format!("1 to {values_max}");
            return Err(Corruption::new(at + 16, "bitmap values", expected, entry.values));
        }
        entries.push(Some(entry));
    }
    reader.finish("bitmaps")?;
    Ok(entries)
}

/// The bitmap index of a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockBitmaps<'a> {
    file: &'a ColumnFile,
    entry: &'a BitmapEntry,
    directory: &'a BitmapDirectory,
}

impl<'a> BlockBitmaps<'a> {
    pub(crate) fn new(
        file: &'a ColumnFile,
        entry: &'a BitmapEntry,
        directory: &'a BitmapDirectory,
    ) -> Self {
        Self { file, entry, directory }
    }

    /// How many distinct values the block has.
    pub fn value_count(&self) -> usize {
        self.directory.value_count()
    }

    /// Whether the value at this place has a container.
    pub(crate) fn has_container(&self, place: u32) -> bool {
        !self.directory.container(place).is_empty()
    }

    /// The value at this place.
    pub(crate) fn value(&self, place: u32) -> Result<Scalar> {
        let damaged =
            |damage: Corruption| damage.shifted(self.entry.offset).in_file(self.file.path());
        self.directory.value(place).map_err(damaged)
    }

    /// Where the page begins in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.entry.offset
    }

    /// The values that satisfy a predicate, and those that do not; `None` if bitmaps cannot say.
    pub fn find(&self, predicate: &Predicate) -> Result<Option<BitmapMatch>> {
        self.directory.find(predicate).map_err(|error| match error {
            FilterError::Corrupt(damage) => {
                damage.shifted(self.entry.offset).in_file(self.file.path())
            }
            FilterError::Predicate(message) => Error::InvalidInput(message),
        })
    }

    /// The rows of the block, of which it has `rows`, that have one of these values.
    pub fn rows_of(&self, values: &[u32], rows: usize) -> Result<Selection> {
        let mut selection = Selection::none(rows);
        for &value in values {
            let place = self.directory.container(value);
            let start = self.entry.containers().saturating_add(place.start);
            let end = self.entry.containers().saturating_add(place.end);
            let bytes = self.file.bytes(start..end)?;
            self.directory
                .add(value, &bytes, &mut selection)
                .map_err(|damage| damage.shifted(start).in_file(self.file.path()))?;
        }
        Ok(selection)
    }
}

/// Reads and verifies the directory of a page, and the zeros behind the page.
pub(crate) fn open(
    file: &ColumnFile,
    idx: usize,
    entry: &BitmapEntry,
    (rows, nulls): (u32, u32),
) -> Result<BitmapDirectory> {
    let corrupt = |damage: Corruption| damage.in_file(file.path());
    let bytes = file.bytes(entry.offset..entry.containers())?;
    let found = checksum(&bytes);
    if found != entry.checksum {
        let what = format!("checksum of the bitmap directory of block {idx}");
        let damage = Corruption::new(entry.offset, what, hex(entry.checksum), hex(found));
        return Err(corrupt(damage));
    }
    let padding = file.bytes(entry.end()..entry.padded_end().unwrap_or(entry.end()))?;
    check_zeros(&padding, entry.end()).map_err(corrupt)?;
    let (values, containers) = (entry.values as usize, entry.container_bytes as usize);
    let rows = (rows as usize, nulls as usize);
    BitmapDirectory::parse(&bytes, file.data_type(), values, rows, containers)
        .map_err(|damage| corrupt(damage.shifted(entry.offset)))
}

#[cfg(test)]
mod tests;
