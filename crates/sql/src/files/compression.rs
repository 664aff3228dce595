//! Compressed text files, which are decompressed while they are read.

use super::path;
use crate::error::{Error, Result};
use flate2::read::MultiGzDecoder;
use starfact_base::Error as BaseError;
use std::io::{Cursor, Read};
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
/// What the operating system says, and files that are no text whatever their name says.
pub(super) fn open_text(path: &Path) -> Result<Box<dyn Read + Send>> {
    let mut file = path::open(path)?;
    Ok(match Compression::of_name(path) {
        None => {
            // A pipe cannot be read twice.
            let start =
                first_bytes(&mut file).map_err(|error| BaseError::io("read", path, error))?;
            refuse_other_formats(path, &start)?;
            Box::new(Cursor::new(start).chain(file))
        }
        Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(file)),
        Some(Compression::Zstd) => {
            let decoder = zstd::Decoder::new(file);
            Box::new(decoder.map_err(|error| BaseError::io("read", path, error))?)
        }
    })
}

/// The first four bytes, or fewer if there are no more.
fn first_bytes(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(4);
    file.take(4).read_to_end(&mut start)?;
    Ok(start)
}

/// Refuses what begins like a format that no text file begins like.
fn refuse_other_formats(path: &Path, start: &[u8]) -> Result<()> {
    let name = path.display();
    let (what, hint) = match start {
        [0x1F, 0x8B, ..] => ("is compressed with gzip", format!("rename it to {name}.gz")),
        [0x28, 0xB5, 0x2F, 0xFD] => ("is compressed with zstd", format!("rename it to {name}.zst")),
        b"PK\x03\x04" => ("is a ZIP archive, perhaps a workbook", "unpack it first".into()),
        b"PAR1" => ("is a Parquet file", format!("rename it to {name}.parquet")),
        _ => return Ok(()),
    };
    Err(Error::sql(format!("'{name}' {what}, and its name does not say so")).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        for (bytes, word) in [
            (&b"\x1f\x8b\x08\x00"[..], "gzip"),
            (b"\x28\xb5\x2f\xfdrest", "zstd"),
            (b"PK\x03\x04", "ZIP"),
            (b"PAR1", "Parquet"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = open_text(&path).err().unwrap();
            assert!(error.message.contains(word) && error.hint.is_some(), "{error:?}");
        }
        for text in ["", "a", "PAR", "a,b\n1,2\n"] {
            std::fs::write(&path, text).unwrap();
            let mut read = String::new();
            open_text(&path).unwrap().read_to_string(&mut read).unwrap();
            assert_eq!(read, text);
        }
    }
}
