//! Fixed sizes and upper bounds. A number read from disk or from SQL is compared with one of these
//! before it allocates, indexes or multiplies anything.

/// Rows of a block: the unit of encoding, zone maps and morsels.
pub const BLOCK_ROWS: usize = 65_536;
/// Rows of a vector: the unit that the kernels work on.
pub const VECTOR_ROWS: usize = 1_024;
/// Vectors of a full block.
pub const BLOCK_VECTORS: usize = BLOCK_ROWS / VECTOR_ROWS;
/// Blocks of the largest segment that a load writes.
pub const SEGMENT_BLOCKS_MAX: usize = 64;
/// Bytes to which every block is aligned in a column file.
pub const BLOCK_ALIGNMENT: usize = 64;
/// Bytes of the longest string that a column holds.
pub const STRING_BYTES_MAX: usize = 16 << 20;
/// Bytes of the largest decoded block: what a block may claim before it is refused.
pub const BLOCK_BYTES_MAX: usize = 1 << 31;
/// Digits of the widest decimal.
pub const DECIMAL_PRECISION_MAX: u8 = 38;
/// Digits that a decimal may have and still be held in 64 bits.
pub const DECIMAL_PRECISION_64: u8 = 18;
/// Columns of the widest table.
pub const COLUMNS_MAX: usize = 4_096;
/// Nesting of encodings within one block.
pub const ENCODING_DEPTH_MAX: usize = 4;
