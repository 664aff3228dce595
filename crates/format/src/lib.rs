//! The column file: one column of one segment, block after block, with zone maps and a footer.
//!
//! ```text
//! ┌────────┬─────────┬─────────┬───┬────────┬─────────┐
//! │ header │ block 0 │ block 1 │ … │ footer │ trailer │
//! │ 64 B   │ at a multiple of 64   │        │ 40 B    │
//! └────────┴─────────┴─────────┴───┴────────┴─────────┘
//! ```
//!
//! A block may have a bitmap index, which lies behind it.
//!
//! A file is written once, front to back, and read from its end: the trailer places the footer,
//! the footer places every block and carries its zone map and checksum. Nothing in a file is
//! trusted before its checksum and its bounds have been verified. What the bytes of a block mean
//! is the business of `starfact-encoding`; which files belong to a table, of the store above.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod bitmaps;
mod check;
mod derivations;
mod dictionary;
mod footer;
mod presence;
mod reader;
mod wire;
mod writer;
mod zone;

#[cfg(test)]
mod document;
#[cfg(test)]
mod fixtures;

pub use bitmaps::BlockBitmaps;
pub use dictionary::{DictionaryFile, DictionaryLink};
pub use reader::{ColumnBlock, ColumnFile};
pub use writer::{BitmapPolicy, ColumnFileInfo, ColumnWriter, DerivedBlock};
pub use zone::Zone;

/// The newest version of the column file that this build reads, and the one that it writes.
pub const FORMAT_VERSION: u32 = 4;

/// First bytes of a column file.
pub(crate) const HEADER_MAGIC: [u8; 8] = *b"STARFCOL";
/// Last bytes of a column file.
pub(crate) const TRAILER_MAGIC: [u8; 8] = *b"STARFEND";
/// Bytes of the header: magic, version, then zeros.
pub(crate) const HEADER_BYTES: u64 = 64;
/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: u64 = 40;
