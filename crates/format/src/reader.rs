//! Reads a column file: opens it, verifies its footer, and hands out verified blocks.
//!
//! A block's checksum is computed the first time that the block is read through this handle and
//! remembered; files are write-once, so it cannot change underneath. Blocks are views of the
//! mapped file; nothing is copied until values are decoded.

use crate::bitmaps::{self, BitmapEntry, BlockBitmaps};
use crate::dictionary::{DictionaryFile, DictionaryLink};
use crate::footer::{BlockEntry, Footer, Trailer, TrailerError, check_zeros};
use crate::zone::Zone;
use crate::{FORMAT_VERSION, HEADER_BYTES, TRAILER_BYTES};
use arrow::array::{ArrayRef, StringViewArray};
use bytes::Bytes;
use starfact_base::checksum::checksum;
use starfact_base::data_type::Physical;
use starfact_base::{ColumnId, Corruption, DataType, Error, Result};
use starfact_encoding::{
    Aggregate, BitmapDirectory, BitmapPage, Block, Codes, Derivation, FilterError, OrdinalCodes,
    Predicate, Rule, SampledKeys, Selection, SharedDictionary, SharedKeys, TextPlaces, Verdict,
    ZoneStats, bitmaps as bitmap_page, encode_derived, encode_shared,
};
use starfact_vfs::{Dir, ReadFile};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// An open column file. Shared freely between threads.
#[derive(Debug)]
pub struct ColumnFile {
    file: Arc<dyn ReadFile>,
    footer: Footer,
    /// What the zone maps say of all blocks together.
    whole: ZoneStats,
    /// The columns that blocks are derived from.
    sources: Vec<(ColumnId, Arc<ColumnFile>)>,
    /// The dictionary that blocks have codes of.
    dictionary: Option<Arc<DictionaryFile>>,
    footer_checksum: u32,
    /// One bit a block: its checksum was right when it was last computed.
    verified: Vec<AtomicU64>,
    /// Blocks that were parsed, as far as they are light.
    parsed: Vec<OnceLock<Arc<ColumnBlock>>>,
    /// The directories of the bitmaps that were wanted so far, one a block if any block has one.
    directories: Vec<OnceLock<BitmapDirectory>>,
}

impl ColumnFile {
    /// Opens `path` and verifies everything but the blocks.
    ///
    /// # Errors
    /// [`Error::Corrupt`] names file, offset, expected and found;
    /// [`Error::UnsupportedVersion`] a file of a newer Starfact.
    pub fn open(dir: &dyn Dir, path: &str) -> Result<Self> {
        let file = dir.open(path)?;
        let corrupt = |damage: Corruption| damage.in_file(path);
        let total = file.len();
        if total < HEADER_BYTES + TRAILER_BYTES {
            let expected = format!("at least {} bytes", HEADER_BYTES + TRAILER_BYTES);
            return Err(corrupt(Corruption::new(total, "file length", expected, total)));
        }
        let base = total - TRAILER_BYTES;
        let trailer =
            Trailer::decode(&file.bytes(0..HEADER_BYTES)?, &file.bytes(base..total)?, base)
                .map_err(|error| match error {
                    TrailerError::Corrupt(damage) => corrupt(damage),
                    TrailerError::Version(found) => Error::UnsupportedVersion {
                        path: path.into(),
                        found,
                        supported: FORMAT_VERSION,
                    },
                })?;
        let start = trailer.footer_offset;
        let end = start.checked_add(u64::from(trailer.footer_byte_len));
        if start < HEADER_BYTES || end != Some(base) {
            let found = format!("{start} + {}", trailer.footer_byte_len);
            let expected = format!("a footer that ends at {base}");
            return Err(corrupt(Corruption::new(base, "footer place", expected, found)));
        }
        let bytes = file.bytes(start..base)?;
        let found = checksum(&bytes);
        if found != trailer.footer_checksum {
            let expected = hex(trailer.footer_checksum);
            return Err(corrupt(Corruption::new(start, "footer checksum", expected, hex(found))));
        }
        let footer = Footer::decode(&bytes, start).map_err(|e| corrupt(e.shifted(start)))?;
        let words = footer.blocks.len().div_ceil(64);
        let verified = (0..words).map(|_| AtomicU64::new(0)).collect();
        let parsed = footer.blocks.iter().map(|_| OnceLock::new()).collect();
        let directories = footer.bitmaps.iter().map(|_| OnceLock::new()).collect();
        let (footer_checksum, whole) = (found, Zone::of_all(&footer.zones));
        let (sources, dictionary) = (Vec::new(), None);
        Ok(Self {
            file,
            footer,
            whole,
            sources,
            dictionary,
            footer_checksum,
            verified,
            parsed,
            directories,
        })
    }

    /// The columns that blocks are derived from, each once. Such blocks can be read when the files
    /// of these columns have been given to [`ColumnFile::with_sources`].
    pub fn source_ids(&self) -> Vec<ColumnId> {
        let derived = self.footer.derivations.iter().flatten();
        let mut ids: Vec<ColumnId> =
            derived.flat_map(|derived| &derived.sources).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The same file, with what its blocks are derived from: files of as many rows, none of which
    /// has derived blocks itself.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if they are anything else.
    pub fn with_sources(mut self, sources: Vec<(ColumnId, Arc<Self>)>) -> Result<Self> {
        for (id, source) in &sources {
            if source.rows() != self.rows() || !source.source_ids().is_empty() {
                let expected = format!("a stored column of {} rows", self.rows());
                let is_derived = if source.source_ids().is_empty() { "stored" } else { "derived" };
                let found = format!("{}, {is_derived}, {} rows", source.path(), source.rows());
                let damage = Corruption::new(0, format!("source column {id}"), expected, found);
                return Err(damage.in_file(self.path()));
            }
        }
        self.sources = sources;
        Ok(self)
    }

    /// The dictionary that blocks have codes of, if there is one. Such blocks can be read when it
    /// has been given to [`ColumnFile::with_dictionary`].
    pub fn dictionary_link(&self) -> Option<DictionaryLink> {
        self.footer.dictionary
    }

    /// The same file with its dictionary, which is read when a block is.
    pub fn with_dictionary(mut self, dictionary: Arc<DictionaryFile>) -> Self {
        self.dictionary = Some(dictionary);
        self
    }

    /// The dictionary that blocks have codes of; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it is missing, damaged, or another than the codes were made for.
    pub fn dictionary(&self) -> Result<Option<&Arc<SharedDictionary>>> {
        self.dictionary_file()?.map(|file| file.values()).transpose()
    }

    /// The list that has the keys that blocks refer to by ordinals; `None` if there is none.
    fn keys(&self) -> Result<Option<&Arc<SharedKeys>>> {
        self.dictionary_file()?.map(|file| file.keys()).transpose()
    }

    /// The file with either, if it is the one that this file was written for.
    fn dictionary_file(&self) -> Result<Option<&Arc<DictionaryFile>>> {
        let Some(expected) = self.footer.dictionary else { return Ok(None) };
        let Some(dictionary) = &self.dictionary else {
            let (path, number) = (self.file.path(), expected.number);
            return Err(Error::internal(format!("{path} without its dictionary {number}")));
        };
        let found = dictionary.link()?;
        if found == expected {
            return Ok(Some(dictionary));
        }
        let show = |link: DictionaryLink| {
            let DictionaryLink { number, values, checksum } = link;
            format!("number {number} of {values} values, checksum {}", hex(checksum))
        };
        let what = format!("dictionary of {}", self.file.path());
        let damage = Corruption::new(0, what, show(expected), show(found));
        Err(damage.in_file(dictionary.path().as_ref()))
    }

    /// The checksum of the footer, which has those of all blocks and bitmap directories, and these
    /// have those of all bitmaps.
    pub fn footer_checksum(&self) -> u32 {
        self.footer_checksum
    }

    /// The path it was opened by, for messages.
    pub fn path(&self) -> &str {
        self.file.path()
    }

    /// The type that the column had when this file was written.
    pub fn data_type(&self) -> DataType {
        self.footer.data_type
    }

    /// Rows in the file.
    pub fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// Bytes of the file.
    pub fn byte_len(&self) -> u64 {
        self.file.len()
    }

    /// Blocks in the file; all but the last have 65,536 rows.
    pub fn block_count(&self) -> usize {
        self.footer.blocks.len()
    }

    /// The zone maps, one a block.
    pub fn zones(&self) -> &[Zone] {
        &self.footer.zones
    }

    /// Whether no row of any block satisfies `predicate`, as far as the bounds of all of them say.
    pub fn has_none(&self, predicate: &Predicate) -> bool {
        predicate.zone_verdict(&self.whole) == Verdict::None
    }

    /// Encoded bytes of block `idx`; 0 beyond the last.
    pub fn block_byte_len(&self, idx: usize) -> u64 {
        self.footer.blocks.get(idx).map_or(0, |entry| u64::from(entry.byte_len))
    }

    /// Bytes that filtering block `idx` reads: its own and, if it is derived, those of its sources.
    pub fn filter_byte_len(&self, idx: usize) -> u64 {
        let derived = self.footer.derivations.get(idx).and_then(Option::as_ref);
        let sources = derived.map_or(&[][..], |derivation| &derivation.sources);
        let source = |id: &ColumnId| self.sources.iter().find(|(source, _)| source == id);
        let sources = sources.iter().filter_map(source);
        sources.fold(self.block_byte_len(idx), |sum, (_, file)| sum + file.block_byte_len(idx))
    }

    /// Bytes of the bitmap index of block `idx`; 0 if it has none.
    pub fn bitmap_byte_len(&self, idx: usize) -> u64 {
        self.bitmap_entry(idx).map_or(0, BitmapEntry::byte_len)
    }

    /// Values in the bitmap index of block `idx`, which is not read for that; 0 if it has none.
    pub fn bitmap_value_count(&self, idx: usize) -> usize {
        self.bitmap_entry(idx).map_or(0, |entry| entry.values as usize)
    }

    /// The bitmap index of block `idx`, if it has one.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if its directory is not what was written.
    pub fn bitmaps(&self, idx: usize) -> Result<Option<BlockBitmaps<'_>>> {
        let (Some(entry), Some(slot)) = (self.bitmap_entry(idx), self.directories.get(idx)) else {
            return Ok(None);
        };
        let directory = match slot.get() {
            Some(directory) => directory,
            None => {
                let stats = self.footer.zones.get(idx).map(|zone| &zone.stats);
                let rows = stats.map_or((0, 0), |stats| (stats.rows, stats.nulls));
                let directory = bitmaps::open(self, idx, entry, rows)?;
                slot.get_or_init(|| directory)
            }
        };
        Ok(Some(BlockBitmaps::new(self, entry, directory)))
    }

    /// The bitmap index that block `idx` would have; `None` if it would never be read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the block is not what was written.
    pub fn new_bitmaps(&self, idx: usize) -> Result<Option<BitmapPage>> {
        let block = self.block(idx)?;
        let rows = block.decode(0..block.rows())?;
        bitmap_page(rows.as_ref(), self.data_type(), Some(self.filter_byte_len(idx) as usize))
    }

    pub(crate) fn bitmap_entry(&self, idx: usize) -> Option<&BitmapEntry> {
        self.footer.bitmaps.get(idx)?.as_ref()
    }

    /// How block `idx` follows from other columns, if it does.
    pub(crate) fn derivation(&self, idx: usize) -> Option<&Derivation> {
        self.footer.derivations.get(idx)?.as_ref()
    }

    /// Bytes of the file, which are not verified.
    pub(crate) fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        self.file.bytes(range)
    }

    /// Reads block `idx`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if its bytes are not what was written.
    pub fn block(&self, idx: usize) -> Result<Arc<ColumnBlock>> {
        let Some(entry) = self.footer.blocks.get(idx) else {
            let count = self.block_count();
            return Err(Error::internal(format!("block {idx} of {count} in {}", self.file.path())));
        };
        let slot = self.parsed.get(idx);
        if let Some(block) = slot.and_then(OnceLock::get) {
            return Ok(Arc::clone(block));
        }
        let bytes = self.verified_bytes(idx, entry)?;
        let (ty, rows) = (self.footer.data_type, entry.rows as usize);
        let block = match self.footer.derivations.get(idx) {
            Some(Some(derivation)) => {
                let sources = self.source_blocks(idx, derivation)?;
                let keys = match derivation.rule {
                    Rule::Referenced => self.keys()?,
                    _ => None,
                };
                Block::parse_derived(bytes, ty, rows, derivation, &sources, keys)
            }
            _ if ty.physical() != Physical::String => Block::parse(bytes, ty, rows),
            _ => match self.dictionary()? {
                Some(dictionary) => Block::parse_shared(bytes, ty, rows, dictionary),
                None => Block::parse(bytes, ty, rows),
            },
        };
        let block =
            block.map_err(|damage| damage.shifted(entry.offset).in_file(self.file.path()))?;
        let block = ColumnBlock { block, file: Arc::clone(&self.file), offset: entry.offset };
        let block = Arc::new(block);
        Ok(match slot.filter(|_| block.block.is_light()) {
            Some(slot) => Arc::clone(slot.get_or_init(|| block)),
            None => block,
        })
    }

    /// The blocks that block `idx` is derived from.
    fn source_blocks(&self, idx: usize, derivation: &Derivation) -> Result<Vec<Block>> {
        let block = |id: &ColumnId| {
            let source = self.sources.iter().find(|(source, _)| source == id);
            let (_, file) = source.ok_or_else(|| {
                let path = self.file.path();
                Error::internal(format!("{path}: block {idx} without source column {id}"))
            })?;
            Ok(file.block(idx)?.block.clone())
        };
        derivation.sources.iter().map(block).collect()
    }

    /// The bytes of block `idx`.
    pub(crate) fn block_bytes(&self, idx: usize) -> Result<Bytes> {
        match self.footer.blocks.get(idx) {
            Some(entry) => self.verified_bytes(idx, entry),
            None => Err(Error::internal(format!("no block {idx} in {}", self.file.path()))),
        }
    }

    /// The bytes of a block. The first time, its checksum and padding are verified.
    fn verified_bytes(&self, idx: usize, entry: &BlockEntry) -> Result<Bytes> {
        let end = entry.offset.saturating_add(u64::from(entry.byte_len));
        let bytes = self.file.bytes(entry.offset..end)?;
        let (word, bit) = (self.verified.get(idx / 64), 1 << (idx % 64));
        if word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0) {
            return Ok(bytes);
        }
        let found = checksum(&bytes);
        if found != entry.checksum {
            let what = format!("checksum of block {idx}");
            let damage = Corruption::new(entry.offset, what, hex(entry.checksum), hex(found));
            return Err(damage.in_file(self.file.path()));
        }
        let padding = self.file.bytes(end..entry.padded_end().unwrap_or(end))?;
        check_zeros(&padding, end).map_err(|damage| damage.in_file(self.file.path()))?;
        if let Some(word) = word {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(bytes)
    }
}

pub(crate) fn hex(sum: u32) -> String {
    format!("{sum:#010x}")
}

/// A verified block, which names its file if its contents turn out to be impossible.
#[derive(Debug)]
pub struct ColumnBlock {
    block: Block,
    file: Arc<dyn ReadFile>,
    offset: u64,
}

impl ColumnBlock {
    /// Rows in the block.
    pub fn rows(&self) -> usize {
        self.block.rows()
    }

    /// Decodes a range of rows.
    pub fn decode(&self, rows: Range<usize>) -> Result<ArrayRef> {
        self.block.decode(rows).map_err(|damage| self.blame(damage))
    }

    /// Counts the selected rows that are not NULL.
    pub fn count(&self, selection: &Selection) -> Result<u64> {
        self.block.count(selection).map_err(|damage| self.blame(damage))
    }

    /// Count, sum and bounds of the selected rows that are not NULL.
    pub fn aggregate(&self, selection: &Selection) -> Result<Aggregate> {
        self.block.aggregate(selection).map_err(|damage| self.blame(damage))
    }

    /// Decodes the rows at these ascending indices.
    pub fn take(&self, rows: &[u32]) -> Result<ArrayRef> {
        self.block.take(rows).map_err(|damage| self.blame(damage))
    }

    /// For each selected row the place of its text among the distinct ones of the block, see
    /// [`Block::places_of_texts`].
    pub fn places_of_texts(&self, selection: &Selection) -> Result<Option<TextPlaces>> {
        self.block.places_of_texts(selection).map_err(|damage| self.blame(damage))
    }

    /// The numbers of a range of rows in 64 bits, see [`Block::decode_words`].
    pub fn decode_words(&self, rows: Range<usize>) -> Result<Option<ArrayRef>> {
        self.block.decode_words(rows).map_err(|damage| self.blame(damage))
    }

    /// The numbers of the rows at these ascending indices in 64 bits.
    pub fn take_words(&self, rows: &[u32]) -> Result<Option<ArrayRef>> {
        self.block.take_words(rows).map_err(|damage| self.blame(damage))
    }

    /// The codes of the ordinals at these ascending indices; `None` if some row of the block has
    /// none.
    pub fn take_codes(&self, rows: &[u32], codes: &OrdinalCodes) -> Result<Option<ArrayRef>> {
        self.block.take_codes(rows, codes).map_err(|damage| self.blame(damage))
    }

    /// Clears the bits of the rows that do not satisfy `predicate`.
    pub fn filter(&self, predicate: &Predicate, selection: &mut Selection) -> Result<()> {
        self.block.filter(predicate, selection).map_err(|error| self.blame_filter(error))
    }

    fn blame_filter(&self, error: FilterError) -> Error {
        match error {
            FilterError::Corrupt(damage) => self.blame(damage),
            FilterError::Predicate(message) => Error::InvalidInput(message),
        }
    }

    /// The same by the values of the rows alone, see [`Block::filter_row_by_row`].
    pub fn filter_row_by_row(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<()> {
        let filtered = self.block.filter_row_by_row(predicate, selection);
        filtered.map_err(|error| self.blame_filter(error))
    }

    /// The same as far as can be told without much work, see [`Block::filter_coarsely`].
    pub fn filter_coarsely(
        &self,
        predicate: &Predicate,
        selection: &mut Selection,
    ) -> Result<usize> {
        let doubtful = self.block.filter_coarsely(predicate, selection);
        doubtful.map_err(|error| self.blame_filter(error))
    }

    /// The keys of single rows and which of them are not NULL, to find rules in; `None` if no
    /// rule applies to the block.
    pub fn keys(&self, rows: &[u32]) -> Result<Option<SampledKeys>> {
        self.block.keys(rows).map_err(|damage| self.blame(damage))
    }

    /// The block's bytes as it follows by `rule` from the blocks `sources` and, if it refers to
    /// them, `keys`; `None` if it cannot.
    pub fn derive(
        &self,
        rule: &Rule,
        sources: &[Arc<Self>],
        keys: Option<&Arc<SharedKeys>>,
    ) -> Result<Option<Vec<u8>>> {
        let sources: Vec<&Block> = sources.iter().map(|source| &source.block).collect();
        encode_derived(&self.block, rule, &sources, keys).map_err(|damage| self.blame(damage))
    }

    /// The dictionary outside of the block that its codes refer to, if it has such.
    pub fn dictionary(&self) -> Option<&Arc<SharedDictionary>> {
        self.block.dictionary()
    }

    /// The codes of the selected rows in [`ColumnBlock::dictionary`], without a look at a text;
    /// `None` if there is no such dictionary.
    pub fn codes(&self, selection: &Selection) -> Result<Option<Codes>> {
        self.block.codes(selection).map_err(|damage| self.blame(damage))
    }

    /// The distinct texts of the rows that are not NULL, ascending, if the encoding keeps them
    /// within the block.
    pub fn distinct_texts(&self) -> Result<Option<StringViewArray>> {
        self.block.distinct_texts().map_err(|damage| self.blame(damage))
    }

    /// The block's bytes with codes of `dictionary`; `None` if it does not keep distinct texts, or
    /// if one of them is not there.
    pub fn share(&self, dictionary: &SharedDictionary) -> Result<Option<Vec<u8>>> {
        encode_shared(&self.block, dictionary).map_err(|damage| self.blame(damage))
    }

    /// Where the block begins in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The encoding, in words.
    pub fn tree(&self) -> String {
        self.block.tree()
    }

    fn blame(&self, damage: Corruption) -> Error {
        damage.shifted(self.offset).in_file(self.file.path())
    }
}

#[cfg(test)]
pub(crate) mod tests;
