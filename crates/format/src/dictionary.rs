//! Dictionaries that the files of a column have in common: sorted texts, or keys by ordinal.
//!
//! ```text
//!  column file ──section 6: number · values · checksum─┐
//!  column file ──section 6────────────────────────────►│ dictionary: a column file without NULL;
//!  column file ──section 6────────────────────────────►│ texts: VARCHAR, one block, ascending
//!                                                      │ keys: BIGINT, row n that of ordinal n
//!                                                      checksum: that of its footer
//! ```
//!
//! A dictionary is itself a column file, so it needs no format of its own. Since its footer has the
//! checksums of all else, the checksum of the footer tells whether it is the one that the codes
//! were made for. It is read when the first block with codes is, and then stays in memory for all
//! files that share the handle.

use crate::wire::Reader;
use crate::{ColumnFile, ColumnWriter};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use starfact_base::data_type::Physical;
use starfact_base::{Corruption, DataType, Error, Result};
use starfact_encoding::{
    DICTIONARY_VALUES_MAX, EncodeOptions, SHARED_KEYS_MAX, SharedDictionary, SharedKeys,
};
use starfact_vfs::Dir;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};

/// Which dictionary the blocks of a file have codes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryLink {
    /// Its number, by which the layers above know its file.
    pub number: u64,
    /// Texts or keys in it.
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
        let values = reader.u32("values of a dictionary")?;
        let most = match ty.physical() {
            Physical::String => DICTIONARY_VALUES_MAX,
            _ => SHARED_KEYS_MAX,
        };
        if values == 0 || values as usize > most {
            let expected = format!("1 to {most}");
            return Err(Corruption::new(at, "values of a dictionary", expected, values));
        }
        let checksum = reader.u32("checksum of a dictionary")?;
        reader.finish("the dictionary section")?;
        if !matches!(ty.physical(), Physical::String | Physical::Integer) {
            let what = "type of a column with dictionary";
            return Err(Corruption::new(0, what, "VARCHAR or integers", ty));
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
    opened: OnceLock<(DictionaryLink, Values)>,
}

/// What a dictionary has.
#[derive(Debug)]
enum Values {
    Texts(Arc<SharedDictionary>),
    Keys(Arc<SharedKeys>),
}

impl DictionaryFile {
    /// The dictionary `number`, a file of `byte_len` bytes that is opened when it is needed.
    pub fn new(dir: Arc<dyn Dir>, path: Arc<str>, number: u64, byte_len: u64) -> Self {
        Self { dir, path, number, byte_len, opened: OnceLock::new() }
    }

    /// Writes a dictionary and syncs its file.
    ///
    /// # Errors
    /// What the file system says. That the values, texts or keys of 64 bits, are those of a
    /// dictionary, see [`SharedDictionary::new`], is checked when it is read.
    pub fn create(
        dir: Arc<dyn Dir>,
        path: Arc<str>,
        number: u64,
        values: &ArrayRef,
    ) -> Result<Self> {
        let options = EncodeOptions::default();
        let ty = match values.data_type() {
            arrow::datatypes::DataType::Int64 => DataType::BigInt,
            _ => DataType::Varchar,
        };
        let mut writer = ColumnWriter::create(dir.as_ref(), &path, ty, options)?;
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
        match self.open()? {
            (_, Values::Texts(texts)) => Ok(texts),
            (_, Values::Keys(_)) => Err(self.other("a dictionary of texts", "a list of keys")),
        }
    }

    /// The keys.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the file is missing, damaged or no list of keys.
    pub fn keys(&self) -> Result<&Arc<SharedKeys>> {
        match self.open()? {
            (_, Values::Keys(keys)) => Ok(keys),
            (_, Values::Texts(_)) => Err(self.other("a list of keys", "a dictionary of texts")),
        }
    }

    /// Whether it can be read.
    ///
    /// # Errors
    /// As of [`DictionaryFile::values`].
    pub fn verify(&self) -> Result<()> {
        self.open().map(|_| ())
    }

    fn other(&self, expected: &str, found: &str) -> Error {
        Corruption::new(0, "dictionary", expected, found).in_file(self.path.as_ref())
    }

    /// How files with codes of it name it.
    ///
    /// # Errors
    /// As of [`DictionaryFile::values`].
    pub fn link(&self) -> Result<DictionaryLink> {
        self.open().map(|(link, _)| *link)
    }

    fn open(&self) -> Result<&(DictionaryLink, Values)> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = self.read()?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn read(&self) -> Result<(DictionaryLink, Values)> {
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
        if file.dictionary_link().is_some() || !file.source_ids().is_empty() {
            return wrong("values of a dictionary", "values".into(), "codes".into());
        }
        let (number, checksum) = (self.number, file.footer_checksum());
        let link = |count: usize| DictionaryLink { number, values: count as u32, checksum };
        if file.data_type() == DataType::BigInt {
            let keys = keys_of(&file)?;
            return Ok((link(keys.len()), Values::Keys(Arc::new(keys))));
        }
        if file.data_type() != DataType::Varchar || file.block_count() != 1 {
            let found = format!("{}, {} blocks", file.data_type(), file.block_count());
            let expected = "VARCHAR, 1 block, or BIGINT";
            return wrong("column of a dictionary", expected.into(), found);
        }
        let block = file.block(0)?;
        let values = block.decode(0..block.rows())?;
        let values = SharedDictionary::new(values.as_string_view())
            .map_err(|damage| damage.shifted(block.offset()).in_file(path))?;
        Ok((link(values.len()), Values::Texts(Arc::new(values))))
    }
}

/// The keys of a list.
fn keys_of(file: &ColumnFile) -> Result<SharedKeys> {
    let damage = |expected: String, found: String| {
        Err(Corruption::new(0, "keys of a list", expected, found).in_file(file.path()))
    };
    if file.rows() == 0 || file.rows() > SHARED_KEYS_MAX as u64 {
        return damage(format!("1 to {SHARED_KEYS_MAX}"), file.rows().to_string());
    }
    let mut keys = Vec::with_capacity(file.rows() as usize);
    for idx in 0..file.block_count() {
        let block = file.block(idx)?;
        let values = block.decode(0..block.rows())?;
        if values.null_count() > 0 {
            return damage("no NULL".into(), format!("{} NULLs", values.null_count()));
        }
        keys.extend_from_slice(values.as_primitive::<Int64Type>().values());
    }
    Ok(SharedKeys::new(keys))
}

#[cfg(test)]
mod tests;
