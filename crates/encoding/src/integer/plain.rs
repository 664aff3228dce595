//! Plain: offsets from a base, one after the other, in 1, 2, 4 or 8 bytes; or keys in 16.
//!
//! ```text
//!   ┌─────┬───────┬──────┬──────────┬──────────┬───┬────────────┐
//!   │ tag │ bytes │ base │ offset 0 │ offset 1 │ … │ offset n-1 │
//!   │ u8  │ u8    │ i128 │ little-endian, `bytes` each          │
//!   └─────┴───────┴──────┴──────────┴──────────┴───┴────────────┘
//!    = 2   1,2,4,8
//!          or 16
//! ```
//!
//! The key of a row is `base + offset`. With 16 bytes, for keys more than 64 bits apart, the base
//! is zero and the "offsets" are the keys themselves, see [`super::wide`]. This is the smallest
//! form of few rows, since bit-packing pads them to 1,024.

use super::Integers;
use super::offsets::{Layout, Offsets};
use super::wide::{self, Wide};
use crate::bytes::{Reader, Writer};
use crate::cpu::{self, Kernel};
use crate::native::Native;
use crate::types::Domain;
use arrow::buffer::Buffer;
use starfact_base::Corruption;

pub(crate) const TAG: u8 = 2;
pub(crate) const NAME: &str = "plain";
/// Tag, bytes and base.
const HEADER_BYTES: usize = 2 + size_of::<i128>();

/// Bytes of the offsets up to `range`.
pub(crate) fn offset_bytes(range: u128) -> u8 {
    match u64::try_from(range).map(|range| u64::BITS - range.leading_zeros()) {
        Ok(0..=8) => 1,
        Ok(9..=16) => 2,
        Ok(17..=32) => 4,
        Ok(_) => 8,
        Err(_) => wide::BYTES,
    }
}

/// Where the node ends that begins at `position`.
pub(crate) fn estimate(position: usize, rows: usize, offset_bytes: u8) -> usize {
    position + HEADER_BYTES + rows * usize::from(offset_bytes)
}

/// Writes values whose distances from `base`, the least of them, fit `offset_bytes`.
pub(crate) fn encode<T: Native>(values: &[T], base: T, offset_bytes: u8, writer: &mut Writer) {
    writer.u8(TAG);
    let base = header(base, offset_bytes, writer);
    writer.extend(&offsets(values, base, offset_bytes));
}

/// Writes the fields between tag and offsets; returns the base from which the offsets count.
pub(super) fn header<T: Native>(base: T, offset_bytes: u8, writer: &mut Writer) -> T {
    let base = if offset_bytes == wide::BYTES { T::from_key(0) } else { base };
    writer.u8(offset_bytes);
    writer.i128(base.key());
    base
}

/// The offsets as bytes.
pub(super) fn offsets<T: Native>(values: &[T], base: T, offset_bytes: u8) -> Vec<u8> {
    match offset_bytes {
        1 => cpu::run(OffsetsOf { values, base, narrow: |offset| [offset as u8] }),
        2 => cpu::run(OffsetsOf { values, base, narrow: |offset| (offset as u16).to_le_bytes() }),
        4 => cpu::run(OffsetsOf { values, base, narrow: |offset| (offset as u32).to_le_bytes() }),
        8 => cpu::run(OffsetsOf { values, base, narrow: u64::to_le_bytes }),
        _ => values.iter().flat_map(|value| value.key().to_le_bytes()).collect(),
    }
}

/// The distances of values from a base, in fewer bytes.
struct OffsetsOf<'a, T, F> {
    values: &'a [T],
    base: T,
    narrow: F,
}

impl<T: Native, F: Fn(u64) -> [u8; N], const N: usize> Kernel for OffsetsOf<'_, T, F> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run(self) -> Vec<u8> {
        let mut bytes = vec![0; self.values.len() * N];
        for (slot, value) in bytes.as_chunks_mut().0.iter_mut().zip(self.values) {
            *slot = (self.narrow)(value.offset_from(self.base));
        }
        bytes
    }
}

/// The bytes and the base of a plain or a compressed node.
pub(super) fn parse_header(reader: &mut Reader, domain: Domain) -> Result<(u8, i128), Corruption> {
    let position = reader.position() as u64;
    let offset_bytes = reader.u8("bytes of an offset")?;
    if ![1, 2, 4, 8, wide::BYTES].contains(&offset_bytes) {
        let expected = "1, 2, 4, 8 or 16";
        return Err(Corruption::new(position, "bytes of an offset", expected, offset_bytes));
    }
    let position = reader.position();
    let base = reader.i128("base")?;
    match offset_bytes {
        wide::BYTES if base == 0 => {}
        wide::BYTES => return Err(Corruption::new(position as u64, "base", 0, base)),
        _ => domain.check(base, position, "base")?,
    }
    Ok((offset_bytes, base))
}

/// Puts a node together from its parsed header and the bytes of its offsets.
pub(super) fn assemble(
    (offset_bytes, base): (u8, i128),
    rows: usize,
    domain: Domain,
    bytes: Buffer,
    position: usize,
) -> Result<Integers, Corruption> {
    if offset_bytes == wide::BYTES {
        return Ok(Integers::Wide(Wide { domain, bytes, position }));
    }
    Offsets::new(Layout::Bytes(offset_bytes), rows, base, domain, bytes, position)
        .map(Integers::Offsets)
}

pub(super) fn parse(
    reader: &mut Reader,
    rows: usize,
    domain: Domain,
) -> Result<Integers, Corruption> {
    let header = parse_header(reader, domain)?;
    let position = reader.position();
    let bytes = reader.take(rows * usize::from(header.0), NAME)?;
    assemble(header, rows, domain, bytes, position)
}
