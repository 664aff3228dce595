//! Writes a column file, front to back.
//!
//! Rows are gathered into full blocks; each block is encoded and written as soon as it is full, so
//! a writer holds at most one block of rows beside what the caller hands in.

use crate::ColumnFile;
use crate::bitmaps::BitmapEntry;
use crate::dictionary::DictionaryLink;
use crate::footer::{BlockEntry, Footer, Trailer, header};
use crate::zone::Zone;
use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use starfact_base::checksum::checksum;
use starfact_base::limits::{BLOCK_ALIGNMENT, BLOCK_ROWS};
use starfact_base::{DataType, Error, Result};
use starfact_encoding::{BitmapPage, Derivation, EncodeOptions, bitmaps, encode};
use starfact_vfs::{Dir, WriteFile};

/// What a finished file amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnFileInfo {
    /// Rows in the file.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The checksum of its footer, which has those of everything else.
    pub checksum: u32,
}

/// A column file in the making. It exists for nobody until [`ColumnWriter::finish`].
#[derive(Debug)]
pub struct ColumnWriter {
    file: Box<dyn WriteFile>,
    /// For messages.
    path: String,
    data_type: DataType,
    options: EncodeOptions,
    pending: Vec<ArrayRef>,
    pending_rows: usize,
    rows: u64,
    blocks: Vec<BlockEntry>,
    zones: Vec<Zone>,
    derivations: Vec<Option<Derivation>>,
    dictionary: Option<DictionaryLink>,
    policy: BitmapPolicy,
    bitmaps: Vec<Option<BitmapEntry>>,
}

/// Which blocks get a bitmap index, and which of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BitmapPolicy {
    /// None.
    #[default]
    Never,
    /// Those of which looking a value up costs less than filtering the block.
    WherePays,
    /// All blocks with few enough values, all of them: for tests.
    Always,
}

/// A block as it follows from other columns.
#[derive(Clone, Debug)]
pub struct DerivedBlock {
    /// How it follows.
    pub derivation: Derivation,
    /// Its bytes, which say where it does not.
    pub bytes: Vec<u8>,
}

impl ColumnWriter {
    /// Creates the file. Fails if there is one of that name already.
    pub fn create(
        dir: &dyn Dir,
        path: &str,
        data_type: DataType,
        options: EncodeOptions,
    ) -> Result<Self> {
        let mut file = dir.create(path)?;
        file.write(&header())?;
        Ok(Self {
            file,
            path: path.into(),
            data_type,
            options,
            pending: Vec::new(),
            pending_rows: 0,
            rows: 0,
            blocks: Vec::new(),
            zones: Vec::new(),
            derivations: Vec::new(),
            dictionary: None,
            policy: BitmapPolicy::default(),
            bitmaps: Vec::new(),
        })
    }

    /// The same writer, which adds bitmap indexes to the blocks whose rows are appended.
    #[must_use]
    pub fn with_bitmaps(mut self, policy: BitmapPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Appends the rows of `array`, which must have the Arrow type of the column.
    ///
    /// # Errors
    /// What the file system says, and values that the column cannot hold. After an error the file
    /// is of no use.
    pub fn append(&mut self, array: &ArrayRef) -> Result<()> {
        let mut start = 0;
        while start < array.len() {
            let count = (BLOCK_ROWS - self.pending_rows).min(array.len() - start);
            self.pending.push(array.slice(start, count));
            self.pending_rows += count;
            start += count;
            if self.pending_rows == BLOCK_ROWS {
                self.write_block()?;
            }
        }
        Ok(())
    }

    fn write_block(&mut self) -> Result<()> {
        let block = match self.pending.as_slice() {
            [] => return Ok(()),
            [one] => one.clone(),
            parts => {
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                concat(&parts).map_err(|error| Error::internal(error.to_string()))?
            }
        };
        self.pending.clear();
        self.pending_rows = 0;
        let encoded = encode(block.as_ref(), self.data_type, &self.options)
            .map_err(|error| self.blame(error))?;
        let zone = Zone::of(&encoded.stats);
        let ty = self.data_type;
        let page = match self.policy {
            BitmapPolicy::Never => None,
            BitmapPolicy::WherePays => bitmaps(block.as_ref(), ty, Some(encoded.bytes.len()))?,
            BitmapPolicy::Always => bitmaps(block.as_ref(), ty, None)?,
        };
        self.put(&encoded.bytes, encoded.stats.rows, zone, None)?;
        self.put_bitmaps(page.as_ref())
    }

    /// Appends block `idx` of another file of the column, derived or as it is there, with its
    /// bitmap index. Blocks are appended from the first, and nothing else is.
    ///
    /// # Errors
    /// What the file system says; damage.
    pub fn append_block(
        &mut self,
        from: &ColumnFile,
        idx: usize,
        derived: Option<DerivedBlock>,
    ) -> Result<()> {
        let missing = || Error::internal(format!("no block {idx} in {}", from.path()));
        let zone = from.zones().get(idx).cloned().ok_or_else(missing)?;
        let rows = zone.stats.rows;
        match derived {
            Some(DerivedBlock { derivation, bytes }) => {
                self.put(&bytes, rows, zone, Some(derivation))?;
            }
            None => {
                self.dictionary = self.dictionary.or(from.dictionary_link());
                self.put(&from.block_bytes(idx)?, rows, zone, from.derivation(idx).cloned())?;
            }
        }
        self.copy_bitmaps(from, idx)
    }

    /// Appends block `idx` of another file of the column as it is there, with a new bitmap index if
    /// that would be read.
    ///
    /// # Errors
    /// What the file system says; damage.
    pub fn append_indexed(&mut self, from: &ColumnFile, idx: usize) -> Result<()> {
        let missing = || Error::internal(format!("no block {idx} in {}", from.path()));
        let zone = from.zones().get(idx).cloned().ok_or_else(missing)?;
        let page = from.new_bitmaps(idx)?;
        self.dictionary = self.dictionary.or(from.dictionary_link());
        self.put(&from.block_bytes(idx)?, zone.stats.rows, zone, from.derivation(idx).cloned())?;
        self.put_bitmaps(page.as_ref())
    }

    /// Writes the bitmap index of block `idx` of another file behind the block that was written
    /// last, which has the same rows. It names values rather than codes, so it holds however these
    /// are encoded.
    fn copy_bitmaps(&mut self, from: &ColumnFile, idx: usize) -> Result<()> {
        let Some(entry) = from.bitmap_entry(idx) else { return self.put_bitmaps(None) };
        // Containers carry their checksums with them.
        from.bitmaps(idx)?;
        let page = BitmapPage {
            directory: from.bytes(entry.offset..entry.containers())?.to_vec(),
            containers: from.bytes(entry.containers()..entry.end())?.to_vec(),
            values: entry.values,
            indexed: 0,
        };
        self.put_bitmaps(Some(&page))
    }

    /// Appends block `idx` of a file with the bitmap index of another.
    #[cfg(test)]
    pub(crate) fn append_with_bitmaps_of(
        &mut self,
        from: &ColumnFile,
        other: &ColumnFile,
        idx: usize,
    ) -> Result<()> {
        let zone = from.zones().get(idx).cloned();
        let zone = zone.ok_or_else(|| Error::internal("no such block"))?;
        self.put(&from.block_bytes(idx)?, zone.stats.rows, zone, None)?;
        self.copy_bitmaps(other, idx)
    }

    /// Writes the bitmap index of the block that was written last.
    fn put_bitmaps(&mut self, page: Option<&BitmapPage>) -> Result<()> {
        let Some(page) = page else {
            self.bitmaps.push(None);
            return Ok(());
        };
        self.align()?;
        self.bitmaps.push(Some(BitmapEntry::of(page, self.file.position())?));
        self.file.write(&page.directory)?;
        self.file.write(&page.containers)
    }

    /// Says of which dictionary the blocks have codes that [`ColumnWriter::append_shared_block`]
    /// appends.
    pub fn set_dictionary(&mut self, link: DictionaryLink) {
        self.dictionary = Some(link);
    }

    /// Appends block `idx` of another file of the column as [`crate::ColumnBlock::share`] made it,
    /// with its bitmap index.
    ///
    /// # Errors
    /// What the file system says; damage.
    pub fn append_shared_block(
        &mut self,
        from: &ColumnFile,
        idx: usize,
        bytes: &[u8],
    ) -> Result<()> {
        let missing = || Error::internal(format!("no block {idx} in {}", from.path()));
        let zone = from.zones().get(idx).cloned().ok_or_else(missing)?;
        self.put(bytes, zone.stats.rows, zone, None)?;
        self.copy_bitmaps(from, idx)
    }

    fn put(
        &mut self,
        bytes: &[u8],
        rows: u32,
        zone: Zone,
        derivation: Option<Derivation>,
    ) -> Result<()> {
        self.align()?;
        let byte_len = u32::try_from(bytes.len()).map_err(|_| Error::Limit {
            what: format!("an encoded block of {} bytes", bytes.len()),
            limit: "4 GiB".into(),
        })?;
        let offset = self.file.position();
        self.blocks.push(BlockEntry { offset, byte_len, rows, checksum: checksum(bytes) });
        self.zones.push(zone);
        self.derivations.push(derivation);
        self.rows += u64::from(rows);
        self.file.write(bytes)
    }

    /// Names the file and the block in an error about values.
    fn blame(&self, error: Error) -> Error {
        let (path, idx) = (&self.path, self.blocks.len());
        match error {
            Error::InvalidInput(message) => {
                Error::InvalidInput(format!("{path}, block {idx}: {message}"))
            }
            Error::Limit { what, limit } => {
                Error::Limit { what: format!("{path}, block {idx}: {what}"), limit }
            }
            other => other,
        }
    }

    fn align(&mut self) -> Result<()> {
        let over = (self.file.position() % BLOCK_ALIGNMENT as u64) as usize;
        if over == 0 {
            return Ok(());
        }
        let zeros = [0; BLOCK_ALIGNMENT];
        self.file.write(zeros.get(over..).unwrap_or_default())
    }

    /// Writes the last block and the footer, and syncs the file.
    pub fn finish(mut self) -> Result<ColumnFileInfo> {
        self.write_block()?;
        self.align()?;
        let mut derivations = self.derivations;
        if derivations.iter().all(Option::is_none) {
            derivations.clear();
        }
        let mut bitmaps = self.bitmaps;
        if bitmaps.iter().all(Option::is_none) {
            bitmaps.clear();
        }
        let footer = Footer {
            data_type: self.data_type,
            rows: self.rows,
            blocks: self.blocks,
            zones: self.zones,
            derivations,
            dictionary: self.dictionary,
            bitmaps,
        };
        let bytes = footer.encode();
        let footer_byte_len = u32::try_from(bytes.len()).map_err(|_| Error::Limit {
            what: format!("a column footer of {} bytes", bytes.len()),
            limit: "4 GiB".into(),
        })?;
        let trailer = Trailer {
            footer_offset: self.file.position(),
            footer_byte_len,
            footer_checksum: checksum(&bytes),
        };
        self.file.write(&bytes)?;
        self.file.write(&trailer.encode())?;
        let (rows, bytes) = (footer.rows, self.file.position());
        let info = ColumnFileInfo { rows, bytes, checksum: trailer.footer_checksum };
        self.file.finish()?;
        Ok(info)
    }
}

#[cfg(test)]
mod tests;
