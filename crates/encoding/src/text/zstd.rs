//! zstd: plain text whose bytes are compressed. The lengths are not, so a filter that knows the
//! length of what it looks for need not decompress.
//!
//! ```text
//!   ┌─────┬─────────────────────────┬───────┬────────────┬─────────────────────────┐
//!   │ tag │ lengths: integer node   │ total │ compressed │ zstd frame (RFC 8878)   │
//!   │ u8  │ of as many rows as this │ u32   │ u32 bytes  │ of `total` bytes        │
//!   └─────┴─────────────────────────┴───────┴────────────┴─────────────────────────┘
//!    = 22   bytes, at most 16 MiB     sum of the lengths
//! ```
//!
//! The frame states its decompressed length. It is decompressed when the first row is wanted.

use super::strings::StringsNode;
use crate::bytes::{Reader, Writer};
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 22;
pub(crate) const NAME: &str = "zstd";

/// Writes the compressed bytes of all rows, `total` before they were compressed; the tag and the
/// lengths come before.
pub(super) fn encode_frame(total: usize, frame: &[u8], writer: &mut Writer) {
    writer.u32(total);
    writer.u32(frame.len());
    writer.extend(frame);
}

pub(super) fn parse(
    reader: &mut Reader,
    rows: usize,
    depth: usize,
) -> Result<StringsNode, Corruption> {
    StringsNode::parse(reader, rows, depth, true)
}
