//! Plain: the text of all rows, one after the other, with their lengths apart.
//!
//! ```text
//!   ┌─────┬─────────────────────────┬───────┬───────────────┐
//!   │ tag │ lengths: integer node   │ total │ UTF-8         │
//!   │ u8  │ of as many rows as this │ u32   │ `total` bytes │
//!   └─────┴─────────────────────────┴───────┴───────────────┘
//!    = 18   bytes, at most 16 MiB     sum of the lengths
//! ```
//!
//! The bytes of all rows together are UTF-8, and each row begins at the start of a character.

use super::strings::StringsNode;
use crate::bytes::{Reader, Writer};
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 18;
pub(crate) const NAME: &str = "plain";

/// Writes the bytes of all rows; the tag and the lengths come before.
pub(super) fn encode_bytes(bytes: &[u8], writer: &mut Writer) {
    writer.u32(bytes.len());
    writer.extend(bytes);
}

/// Bytes of what [`encode_bytes`] writes.
pub(super) fn estimate_bytes(total: usize) -> usize {
    size_of::<u32>() + total
}

pub(super) fn parse(
    reader: &mut Reader,
    rows: usize,
    depth: usize,
) -> Result<StringsNode, Corruption> {
    StringsNode::parse_plain(reader, rows, depth)
}
