//! Encodings of column blocks: bytes that can be filtered without being decoded.
//!
//! ```text
//!              encode                        Block::parse
//!  Arrow array ──────► validity │ values ──► bytes ──────────► Block
//!                      node       node                           │ filter: fewer rows selected
//!                                                                │ aggregate: count, sum, bounds
//!                                                                │ decode, take: an Arrow array
//! ```
//!
//! A block is at most 65,536 rows of one column as two nodes: one says which rows are not NULL, the
//! other holds the values. A node is a tag, a header, and bytes or further nodes: `integer` for
//! everything that maps to integers in the order of the column, floats included, and `text`. What
//! an encoding is, is kept apart from when it is chosen (the files called `choose`).
//!
//! There is no I/O and there are no checksums here; those are the business of the column file. But
//! nothing in a block is trusted either: whatever the bytes, reading them ends in an answer or in
//! a [`Corruption`](starfact_base::Corruption), and allocates no more than the limits of
//! `starfact_base::limits`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(target_endian = "big")]
compile_error!("blocks are read in place, as little-endian integers");

mod aggregate;
mod arrays;
mod bitmap;
mod block;
mod bytes;
mod compression;
mod cpu;
mod derive;
mod encode;
mod integer;
mod keys;
mod lane;
mod lazy;
mod members;
mod name;
mod native;
mod ordinal_codes;
mod predicate;
mod presence;
mod repeated;
mod selection;
mod shared;
mod shared_keys;
mod text;
mod totals;
mod types;
mod widening;
mod zone;

#[cfg(test)]
mod conformance;

pub use aggregate::Aggregate;
pub use bitmap::{
    BITMAP_VALUES_MAX, BitmapDirectory, BitmapMatch, BitmapPage, BitmapSide, BlockCost, Containers,
    bitmaps,
};
pub use block::{Block, Codes, SampledKeys, TextPlaces};
pub use cpu::{InstructionSet, Kernel, run as run_kernel};
pub use derive::{
    Derivation, Found, PARAMETER_MAX, Rounding, Rule, Sample, choose_rules, encode_derived,
    find_rules,
};
pub use encode::{BlockStats, Effort, EncodeOptions, Encoded, encode};
pub use members::Members;
pub use name::EncodingName;
pub(crate) use name::tag_name;
pub use ordinal_codes::OrdinalCodes;
pub use predicate::{CompareOp, FilterError, Predicate, ValuePredicate};
pub use presence::PRESENT_MAX;
pub use repeated::repeated;
pub use selection::{Ranges, Selection};
pub use shared::{DICTIONARY_BYTES_MAX, DICTIONARY_VALUES_MAX, SharedDictionary, encode_shared};
pub use shared_keys::{SHARED_KEYS_MAX, SharedKeys};
pub use types::{arrow_type, data_type_of};
pub use widening::Widening;
pub use zone::{Verdict, ZoneStats};
