//! zstd: the offsets of a plain node, compressed. For floats, whose bits the other codecs of
//! integers mostly cannot shorten.
//!
//! ```text
//!   ┌─────┬───────┬──────┬────────────┬─────────────────────────┐
//!   │ tag │ bytes │ base │ compressed │ zstd frame (RFC 8878)   │
//!   │ u8  │ u8    │ i128 │ u32 bytes  │ of `rows * bytes` bytes │
//!   └─────┴───────┴──────┴────────────┴─────────────────────────┘
//!    = 6
//! ```
//!
//! The frame states its decompressed length. It is decompressed when the first row is wanted.

use super::{Integers, plain};
use crate::bytes::{Reader, Writer};
use crate::compression::{compress, decompress};
use crate::lazy::Lazy;
use crate::native::Native;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 6;
pub(crate) const NAME: &str = "zstd";
/// Tag, bytes, base and compressed bytes.
const HEADER_BYTES: usize = 22;

/// Where the node ends that begins at `position` and has this frame.
pub(crate) fn estimate(position: usize, frame: &[u8]) -> usize {
    position + HEADER_BYTES + frame.len()
}

/// Compresses values whose distances from `base`, the least of them, fit `offset_bytes`; `None` if
/// the compressor fails.
pub(crate) fn frame<T: Native>(values: &[T], base: T, offset_bytes: u8) -> Option<Vec<u8>> {
    let base = if offset_bytes == super::wide::BYTES { T::from_key(0) } else { base };
    compress(&plain::offsets(values, base, offset_bytes))
}

/// Writes a frame that was made from the same base and bytes.
pub(crate) fn encode<T: Native>(base: T, offset_bytes: u8, frame: &[u8], writer: &mut Writer) {
    writer.u8(TAG);
    plain::header(base, offset_bytes, writer);
    writer.u32(frame.len());
    writer.extend(frame);
}

/// Compressed offsets.
#[derive(Clone, Debug)]
pub(crate) struct Zstd {
    header: (u8, i128),
    rows: usize,
    domain: Domain,
    frame: Buffer,
    position: usize,
    plain: Lazy<Box<Integers>>,
}

impl Zstd {
    pub(super) fn parse(
        reader: &mut Reader,
        rows: usize,
        domain: Domain,
    ) -> Result<Self, Corruption> {
        let header = plain::parse_header(reader, domain)?;
        let len = reader.u32("compressed bytes")? as usize;
        let position = reader.position();
        let frame = reader.take(len, NAME)?;
        Ok(Self { header, rows, domain, frame, position, plain: Lazy::default() })
    }

    /// The plain node that was compressed.
    pub(super) fn plain(&self) -> Result<&Integers, Corruption> {
        let plain = self.plain.get_or_try(|| {
            let len = self.rows * usize::from(self.header.0);
            let bytes = decompress(self.frame.as_slice(), len, self.position)?;
            plain::assemble(self.header, self.rows, self.domain, bytes, self.position).map(Box::new)
        })?;
        Ok(plain)
    }

    pub(super) fn tree(&self) -> String {
        format!("{NAME}({} {})", plain::NAME, self.header.0)
    }
}
