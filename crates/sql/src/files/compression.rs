//! Compressed text files, which are decompressed while they are read.

use super::path;
use crate::error::Result;
use flate2::read::MultiGzDecoder;
use starfact_base::Error as BaseError;
use std::io::Read;
use std::path::Path;

/// How a file is compressed, by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl Compression {
    /// The compression that a name stands for.
    pub(super) fn of_name(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Opens a text file; what is read is decompressed.
///
/// # Errors
/// What the operating system says.
pub(super) fn open_text(path: &Path) -> Result<Box<dyn Read + Send>> {
    let file = path::open(path)?;
    Ok(match Compression::of_name(path) {
        None => Box::new(file),
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(file)),
        Some(Compression::Zstd) => {
            let decoder = zstd::Decoder::new(file);
            Box::new(decoder.map_err(|error| BaseError::io("read", path, error))?)
        }
    })
}
