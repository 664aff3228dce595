//! Formats of files, by option, name or first bytes.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How rows are kept in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text with this delimiter, unless an option gives another.
    Csv(u8),
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The format that an option names.
    ///
    /// # Errors
    /// Formats that are not known.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv(b',')),
            "tsv" => Ok(Self::Csv(b'\t')),
            "parquet" => Ok(Self::Parquet),
            _ => Err(Error::sql(format!("FORMAT {name} is not known"))
                .with_hint("use FORMAT csv or FORMAT parquet")),
        }
    }

    /// The format that the end of a file's name stands for; `None` if it says nothing.
    ///
    /// # Errors
    /// Endings of formats that are not supported.
    pub(crate) fn of_name(path: &Path) -> Result<Option<Self>> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
        Ok(Some(match extension.as_str() {
            "csv" => Self::Csv(b','),
            "tsv" | "tab" => Self::Csv(b'\t'),
            "tbl" | "psv" => Self::Csv(b'|'),
            "parquet" | "pq" | "parq" => Self::Parquet,
            "json" | "jsonl" | "ndjson" | "arrow" | "feather" | "ipc" | "xlsx" | "avro" | "orc" => {
                return Err(unsupported(path, &format!(".{extension} files are not supported")));
            }
            "gz" | "zst" => match Self::of_name(Path::new(path.file_stem().unwrap_or_default()))? {
                Some(Self::Parquet) => {
                    return Err(unsupported(path, "Parquet compresses by itself"));
                }
                within => return Ok(within),
            },
            "bz2" | "xz" | "lz4" | "zip" => {
                return Err(unsupported(path, &format!(".{extension} files are not supported"))
                    .with_hint("decompress it first; .gz and .zst are read as they are"));
            }
            _ => return Ok(None),
        }))
    }

    /// The format of a file that exists: by its name, or else by its first bytes.
    ///
    /// # Errors
    /// As [`Format::of_name`].
    pub(crate) fn of_file(path: &Path) -> Result<Option<Self>> {
        match Self::of_name(path)? {
            Some(format) => Ok(Some(format)),
            None if path.is_file() && starts_with_parquet_magic(path) => Ok(Some(Self::Parquet)),
            None => Ok(None),
        }
    }
}

fn unsupported(path: &Path, why: &str) -> Error {
    Error::sql(format!("'{}': {why}", path.display())).with_hint("use CSV or Parquet")
}

fn starts_with_parquet_magic(path: &Path) -> bool {
    let mut magic = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && &magic == b"PAR1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_format() {
        let of = |name: &str| Format::of_name(Path::new(name)).map_err(|error| error.message);
        assert_eq!(of("a/lineorder.TBL"), Ok(Some(Format::Csv(b'|'))));
        assert_eq!(of("a.tsv"), Ok(Some(Format::Csv(b'\t'))));
        assert_eq!(of("a.parquet"), Ok(Some(Format::Parquet)));
        assert_eq!(of("/dev/stdin"), Ok(None));
        assert_eq!(of("a.tsv.gz"), Ok(Some(Format::Csv(b'\t'))));
        assert!(of("a.parquet.zst").unwrap_err().contains("by itself"));
        assert!(of("a.csv.xz").unwrap_err().contains(".xz"));
        assert!(of("a.jsonl").unwrap_err().contains(".jsonl"));
    }

    #[test]
    fn a_file_without_ending_is_looked_into() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, b"PAR1....").unwrap();
        assert_eq!(Format::of_file(&path), Ok(Some(Format::Parquet)));
        std::fs::write(&path, b"a,b").unwrap();
        assert_eq!(Format::of_file(&path), Ok(None));
    }
}
