//! Bit-packed: offsets from a base, in vectors of 1,024, each of as many bits as the largest needs.
//!
//! ```text
//!   ┌─────┬───────┬──────┬──────────────┬──────────┬──────────┬───┬───────────┐
//!   │ tag │ width │ base │ zeros to the │ vector 0 │ vector 1 │ … │ vector    │
//!   │ u8  │ u8    │ i128 │ next multiple│ 128 width│          │   │ ⌈n/1024⌉-1│
//!   └─────┴───────┴──────┤ of 64 bytes  │ bytes    │          │   │           │
//!    = 3    1..=64       └──────────────┴──────────┴──────────┴───┴───────────┘
//! ```
//!
//! The key of a row is `base + offset`. Multiples of 64 count from the start of the block. The rows
//! of the last vector that do not exist have offset 0.
//!
//! Within a vector the offsets lie in the FastLanes order (Afroozeh and Boncz, VLDB 2023), made of
//! little-endian words of `T` bits, `T` the smallest of 8, 16, 32 and 64 that is at least the
//! width. There are `1024 / T` lanes, and word `w` of lane `l` is word `w * lanes + l` of the
//! vector. A lane is a stream of `T` offsets from the lowest bit up: its offset `r` is that of the
//! vector's row `16 * [0, 4, 2, 6, 1, 5, 3, 7][r / 8] + 128 * (r % 8) + l`. So a whole vector is
//! unpacked by the same shifts and masks in all lanes at once, and comes out in row order.

use super::offsets::{Layout, Offsets};
use crate::bytes::{Reader, Writer, aligned};
use crate::lane::{Lane, Vector, pack, with_lane};
use crate::native::Native;
use crate::types::Domain;
use starfact_base::Corruption;
use starfact_base::limits::VECTOR_ROWS;

pub(crate) const TAG: u8 = 3;
pub(crate) const NAME: &str = "bit-packed";
/// Tag, width and base.
const HEADER_BYTES: usize = 2 + size_of::<i128>();

/// Bits of the offsets up to `range`: at least one.
pub(crate) fn width(range: u64) -> u8 {
    (u64::BITS - range.leading_zeros()).max(1) as u8
}

/// Bytes of the vectors of this many rows.
fn packed_bytes(rows: usize, width: u8) -> usize {
    rows.div_ceil(VECTOR_ROWS) * VECTOR_ROWS / 8 * usize::from(width)
}

/// Where the node ends that begins at `position`.
pub(crate) fn estimate(position: usize, rows: usize, width: u8) -> usize {
    aligned(position + HEADER_BYTES) + packed_bytes(rows, width)
}

/// Writes values whose distances from `base`, the least of them, fit `width` bits.
pub(crate) fn encode<T: Native>(values: &[T], base: T, width: u8, writer: &mut Writer) {
    writer.u8(TAG);
    writer.u8(width);
    writer.i128(base.key());
    writer.align();
    writer.reserve(packed_bytes(values.len(), width));
    with_lane!(width, L => encode_lanes::<L, T>(values, base, width, writer));
}

fn encode_lanes<L: Lane, T: Native>(values: &[T], base: T, width: u8, writer: &mut Writer) {
    let (mut offsets, mut packed) = (Vector::<L>::zeroed(), Vector::<L>::zeroed());
    for chunk in values.chunks(VECTOR_ROWS) {
        if chunk.len() < VECTOR_ROWS {
            offsets.as_mut_slice().fill(L::zeroed());
        }
        for (offset, value) in offsets.as_mut_slice().iter_mut().zip(chunk) {
            *offset = L::truncate(value.offset_from(base));
        }
        writer.extend(bytemuck::cast_slice(pack(width, &offsets, &mut packed)));
    }
}

pub(super) fn parse(
    reader: &mut Reader,
    rows: usize,
    domain: Domain,
) -> Result<Offsets, Corruption> {
    let position = reader.position();
    let width = reader.u8("bit width")?;
    if !(1..=64).contains(&width) {
        return Err(Corruption::new(position as u64, "bit width", "1 to 64", width));
    }
    let base = reader.i128("base")?;
    reader.align()?;
    let position = reader.position();
    let bytes = reader.take(packed_bytes(rows, width), NAME)?;
    Offsets::new(Layout::BitPacked(width), rows, base, domain, bytes, position)
}
