//! When containers cost less than the block: one pure rule, for writing and for reading them.
//!
//! Costs are in bytes of a block, the time in which a filter gets through one byte of it. Measured
//! by `benches/bitmaps.rs`, figures in `docs/adr/0009-bitmap-indexes.md`.

/// Cost of finding, verifying and adding one container, whatever its size.
const CONTAINER_COST: usize = 1_024;
/// Cost of a byte of a container: a row is set one by one where a filter works on vectors.
const BYTE_COST: usize = 8;
/// Cost of a byte of a container of bits, which are added a word at a time.
const BITS_BYTE_COST: usize = 1;

/// Containers that a filter would have to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Containers {
    /// How many.
    pub count: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// What filtering the block instead would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCost {
    /// Bytes of the block, of its sources if it is derived.
    pub bytes: usize,
    /// Vectors that hold a row that is still selected; the others are not looked at.
    pub vectors: usize,
    /// Vectors of the block.
    pub vectors_total: usize,
}

impl Containers {
    /// Whether reading these containers costs less than filtering the block.
    pub fn pay(&self, block: &BlockCost) -> bool {
        let total = block.vectors_total.max(1);
        let block_cost = block.bytes.saturating_mul(block.vectors.min(total)) / total;
        self.cost() <= block_cost
    }

    fn cost(&self) -> usize {
        // Containers of bits are the only ones of 8 KB; smaller ones are counted as rows.
        let bits = self.bytes / (BITS_BYTES * self.count.max(1)).max(1);
        let byte_cost = if bits > 0 { BITS_BYTE_COST } else { BYTE_COST };
        self.count * CONTAINER_COST + self.bytes.saturating_mul(byte_cost)
    }
}

/// Bytes of a container of bits of a full block.
const BITS_BYTES: usize = 8_192;
