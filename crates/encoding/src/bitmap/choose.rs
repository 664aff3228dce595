//! When containers cost less than the block: one pure rule, for writing and for reading them.
//!
//! Nanoseconds, measured by the example `bitmaps` of this crate, figures in
//! `docs/adr/0009-bitmap-indexes.md`. What they have to be is right between blocks and containers;
//! on another machine both change.

/// A vector that is filtered.
const VECTOR_NANOS: usize = 128;
/// Bytes of a block that come from memory in a nanosecond.
const BLOCK_BYTES_PER_NANO: usize = 10;
/// Making two selections, and one of both.
const LOOK_UP_NANOS: usize = 1_500;
/// Asking one of the values in a directory.
const VALUE_NANOS: usize = 4;
/// Finding a container and verifying it.
const CONTAINER_NANOS: usize = 50;
/// Bytes of containers that are verified and added in a nanosecond: one row of an array.
const CONTAINER_BYTES_PER_NANO: usize = 2;
/// Containers have to be this many times shorter than the block: it is bytes that a disk reads.
const SAVING_MIN: usize = 2;

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

impl BlockCost {
    /// Bytes of the vectors that are looked at.
    fn bytes_read(&self) -> usize {
        let total = self.vectors_total.max(1);
        self.bytes.saturating_mul(self.vectors.min(total)) / total
    }

    fn nanos(&self) -> usize {
        self.vectors * VECTOR_NANOS + self.bytes_read() / BLOCK_BYTES_PER_NANO
    }

    /// Whether it may pay to ask a directory of this many values.
    pub fn may_be_saved(&self, values: usize) -> bool {
        LOOK_UP_NANOS + values * VALUE_NANOS <= self.nanos()
    }
}

impl Containers {
    /// Whether reading these containers costs less than filtering the block.
    pub fn pay(&self, block: &BlockCost) -> bool {
        self.bytes.saturating_mul(SAVING_MIN) <= block.bytes_read() && self.nanos() <= block.nanos()
    }

    fn nanos(&self) -> usize {
        let containers = self.count * CONTAINER_NANOS;
        LOOK_UP_NANOS + containers + self.bytes / CONTAINER_BYTES_PER_NANO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(bytes: usize, vectors: usize) -> BlockCost {
        BlockCost { bytes, vectors, vectors_total: 64 }
    }

    fn pay(count: usize, bytes: usize, block: &BlockCost) -> bool {
        Containers { count, bytes }.pay(block)
    }

    #[test]
    fn a_rare_value_pays_and_a_frequent_one_in_a_short_block_does_not() {
        // Of 128 numbers, of 8 and of 2: see the table.
        assert!(pay(1, 1_063, &block(57_400, 64)));
        assert!(pay(1, 8_193, &block(24_600, 64)));
        assert!(!pay(1, 8_193, &block(8_300, 64)));
    }

    #[test]
    fn many_values_pay_as_long_as_their_rows_are_few() {
        assert!(pay(30, 9_000, &block(65_600, 64)));
        assert!(!pay(128, 66_000, &block(65_600, 64)));
        assert!(!pay(400, 1_600, &block(98_400, 64)));
    }

    #[test]
    fn what_is_left_of_a_block_counts() {
        assert!(pay(1, 1_000, &block(65_600, 32)) && !pay(1, 1_000, &block(65_600, 4)));
        assert!(block(65_600, 64).may_be_saved(1_000) && !block(65_600, 64).may_be_saved(8_000));
        assert!(!block(65_600, 4).may_be_saved(10));
    }
}
