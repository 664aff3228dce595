//! Bitmap indexes of a block: for each distinct value its rows.
//!
//! ```text
//!   page = directory │ container of value 0 │ container of value 1 │ …
//!   directory = entry of each value │ values: a block of as many rows, ascending, none NULL
//!   entry     = rows less 1 u16 │ bytes of the container u16 │ checksum of the container u32
//! ```
//!
//! The distinct values are a block themselves, so whatever can be asked of the rows of a column can
//! be asked of its values, and the directory alone says how many rows an answer has. Rows that are
//! NULL are in no container.
//!
//! A value has no container (0 bytes) if reading it would cost more than filtering the block: see
//! `choose`, the rule by which containers are both written and read. Where a page lies in a file is
//! the business of the column file.

mod build;
mod choose;
mod container;
mod directory;

pub use build::{BitmapPage, bitmaps};
pub use choose::{BlockCost, Containers};
pub use directory::{BitmapDirectory, BitmapMatch, BitmapSide};

/// Distinct values of a block beyond which it gets no bitmaps: there are eight rows of each then,
/// and a directory is as long as the block.
pub const BITMAP_VALUES_MAX: usize = 8_192;
/// Bytes of an entry of a directory.
const ENTRY_BYTES: usize = 8;

#[cfg(test)]
mod tests;
