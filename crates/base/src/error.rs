//! The error type of the storage layers. A message says what is wrong and what to do next.

use std::fmt;
use std::path::PathBuf;
use thiserror::Error as ThisError;

/// The result of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong below SQL.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("cannot {op} {}: {}", path.display(), describe_io(source))]
    Io {
        /// What was attempted: "open", "write", "sync".
        op: &'static str,
        /// The file, relative to the warehouse.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The bytes of a file are not what was written.
    #[error("{} is damaged: {corruption}", path.display())]
    Corrupt {
        /// The file, relative to the warehouse.
        path: PathBuf,
        /// Where and how.
        corruption: Corruption,
    },
    /// The file was written by a version of Starfact that this one does not understand.
    #[error(
        "{} has format version {found}, and this Starfact reads up to version {supported}: \
         open it with a newer Starfact",
        path.display()
    )]
    UnsupportedVersion {
        /// The file, relative to the warehouse.
        path: PathBuf,
        /// The version in the file.
        found: u32,
        /// The newest version that this build reads.
        supported: u32,
    },
    /// What the user asked for does not make sense.
    #[error("{0}")]
    InvalidInput(String),
    /// A key, NOT NULL or other constraint does not hold.
    #[error("{0}")]
    Constraint(String),
    /// Another transaction has changed what this one builds on.
    #[error("{0}")]
    Conflict(String),
    /// A bound of `limits` or of the settings was reached.
    #[error("{what} is over the limit of {limit}")]
    Limit {
        /// What was too large.
        what: String,
        /// The bound, with its unit.
        limit: String,
    },
    /// The warehouse is in use by another writer.
    #[error("the warehouse is locked: {0}")]
    Locked(String),
    /// The warehouse, or this handle of it, takes no writes.
    #[error("{0}")]
    ReadOnly(String),
    /// A mistake of ours.
    #[error("internal error: {0}; please report it")]
    Internal(String),
}

/// Where and how bytes differ from what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// Byte offset, within the file or within the block that was being read.
    pub offset: u64,
    /// The thing that is wrong: "block checksum", "bit width".
    pub what: String,
    /// What would have been right.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Corruption {
    /// Describes damage at `offset`.
    pub fn new(
        offset: u64,
        what: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { offset, what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// The same damage seen from the start of a file in which the bytes begin at `base`.
    #[must_use]
    pub fn shifted(mut self, base: u64) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }

    /// Names the file.
    pub fn in_file(self, path: impl Into<PathBuf>) -> Error {
        Error::Corrupt { path: path.into(), corruption: self }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, what, expected, found } = self;
        write!(out, "{what} at byte {offset}: expected {expected}, found {found}")
    }
}

impl std::error::Error for Corruption {}

impl Error {
    /// Wraps an operating-system error with what was attempted on which file.
    pub fn io(op: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { op, path: path.into(), source }
    }

    /// An `InvalidInput` with this message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput(message.into())
    }

    /// An `Internal` with this message.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    /// Whether the cause is damaged bytes.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}

/// Words for an operating-system error; the common ones say what to do.
fn describe_io(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull => "the disk is full: free some space and try again".into(),
        ErrorKind::PermissionDenied => "permission denied: check the owner and mode".into(),
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_names_file_offset_expected_and_found() {
        let error = Corruption::new(8, "bit width", "at most 64", 65).shifted(64).in_file("a.col");
        assert_eq!(
            error.to_string(),
            "a.col is damaged: bit width at byte 72: expected at most 64, found 65"
        );
        assert!(error.is_corrupt());
    }

    #[test]
    fn a_full_disk_says_what_to_do() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let message = Error::io("write", "a.col", full).to_string();
        assert!(message.contains("disk is full"), "{message}");
        assert!(message.contains("free some space"), "{message}");
    }
}
