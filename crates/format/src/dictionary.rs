//! Dictionaries that the files of a column have in common.
//!
//! ```text
//!  column file ──section 6: number · texts · checksum──┐
//!  column file ──section 6────────────────────────────►│ dictionary: a column file of one block,
//!  column file ──section 6────────────────────────────►│ VARCHAR, ascending, without NULL
//!                                                      checksum: that of its footer
//! ```
//!
//! A dictionary is itself a column file, so it needs no format of its own. Since its footer has the
//! checksums of all else, the checksum of the footer tells whether it is the one that the codes
//! were made for. It is read when the first block with codes is, and then stays in memory for all
//! files that share the handle.

use crate::wire::Reader;
use crate::{ColumnFile, ColumnWriter};
use arrow::array::{ArrayRef, AsArray};
use starfact_base::{Corruption, DataType, Error, Result};
use starfact_encoding::{DICTIONARY_VALUES_MAX, EncodeOptions, SharedDictionary};
use starfact_vfs::Dir;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

/// Which dictionary the blocks of a file have codes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryLink {
    /// Its number, by which the layers above know its file.
    pub number: u64,
    /// Texts in it.
    pub values: u32,
    /// The checksum of its footer.
    pub checksum: u32,
}

impl DictionaryLink {
    /// Appends the section of the footer.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.number.to_le_bytes());
        out.extend(self.values.to_le_bytes());
        out.extend(self.checksum.to_le_bytes());
    }

    /// Reads what [`DictionaryLink::put`] wrote into the footer of a column of type `ty`.
    pub(crate) fn read(section: &[u8], ty: DataType) -> Result<Self, Corruption> {
        let mut reader = Reader::new(section);
        let number = reader.u64("number of a dictionary")?;
        let at = reader.position();
        let values = reader.u32("texts of a dictionary")?;
        if values == 0 || values as usize > DICTIONARY_VALUES_MAX {
            let expected = format!("1 to {DICTIONARY_VALUES_MAX}");
            return Err(Corruption::new(at, "texts of a dictionary", expected, values));
        }
        let checksum = reader.u32("checksum of a dictionary")?;
        reader.finish("the dictionary section")?;
        if ty != DataType::Varchar {
            return Err(Corruption::new(0, "type of a column with dictionary", "VARCHAR", ty));
        }
        Ok(Self { number, values, checksum })
    }
}

/// A file of a dictionary. Shared freely between threads and between the files that need it.
#[derive(Debug)]
pub struct DictionaryFile {
    dir: Arc<dyn Dir>,
    path: Arc<str>,
    number: u64,
    byte_len: u64,
    opened: OnceLock<(DictionaryLink, Arc<SharedDictionary>)>,
}

impl DictionaryFile {
    /// The dictionary `number`, a file of `byte_len` bytes that is opened when it is needed.
    pub fn new(dir: Arc<dyn Dir>, path: Arc<str>, number: u64, byte_len: u64) -> Self {
        Self { dir, path, number, byte_len, opened: OnceLock::new() }
    }

    /// Writes a dictionary and syncs its file.
    ///
    /// # Errors
    /// What the file system says. That the values are those of a dictionary, see
    /// [`SharedDictionary::new`], is checked when it is read.
    pub fn create(
        dir: Arc<dyn Dir>,
        path: Arc<str>,
        number: u64,
        values: &ArrayRef,
    ) -> Result<Self> {
        let options = EncodeOptions::default();
        let mut writer = ColumnWriter::create(dir.as_ref(), &path, DataType::Varchar, options)?;
        writer.append(values)?;
        let byte_len = writer.finish()?.bytes;
        Ok(Self::new(dir, path, number, byte_len))
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The path of its file.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// Bytes of its file.
    pub fn byte_len(&self) -> u64 {
        self.byte_len
    }

    /// The texts.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the file is missing, damaged or no dictionary.
    pub fn values(&self) -> Result<&Arc<SharedDictionary>> {
        self.open().map(|(_, values)| values)
    }

    /// How files with codes of it name it.
    ///
    /// # Errors
    /// As of [`DictionaryFile::values`].
    pub fn link(&self) -> Result<DictionaryLink> {
        self.open().map(|(link, _)| *link)
    }

    fn open(&self) -> Result<&(DictionaryLink, Arc<SharedDictionary>)> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.read()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn read(&self) -> Result<(DictionaryLink, Arc<SharedDictionary>)> {
        let path = self.path.as_ref();
        let wrong = |what: &str, expected: String, found: String| {
            Err(Corruption::new(0, what, expected, found).in_file(path))
        };
        let file = match ColumnFile::open(self.dir.as_ref(), path) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return wrong("file", format!("a file of {} bytes", self.byte_len), "none".into());
            }
            file => file?,
        };
        if file.byte_len() != self.byte_len {
            let (expected, found) = (self.byte_len.to_string(), file.byte_len().to_string());
            return wrong("file length (manifest against file)", expected, found);
        }
        if file.data_type() != DataType::Varchar || file.block_count() != 1 {
            let found = format!("{}, {} blocks", file.data_type(), file.block_count());
            return wrong("column of a dictionary", "VARCHAR, 1 block".into(), found);
        }
        if file.dictionary_link().is_some() || !file.source_ids().is_empty() {
            return wrong("texts of a dictionary", "texts".into(), "codes".into());
        }
        let block = file.block(0)?;
        let values = block.decode(0..block.rows())?;
        let values = SharedDictionary::new(values.as_string_view())
            .map_err(|damage| damage.shifted(block.offset()).in_file(path))?;
        let (number, checksum) = (self.number, file.footer_checksum());
        let link = DictionaryLink { number, values: values.len() as u32, checksum };
        Ok((link, Arc::new(values)))
    }
}

#[cfg(test)]
mod tests;
