//! The blocks that stages are measured on: one that looks like a column, and copies of it, each in
//! memory of its own.

use crate::columns::Random;
use arrow::array::{ArrayRef, Int64Array};
use arrow::buffer::Buffer;
use bytes::Bytes;
use starfact_base::DataType;
use starfact_base::limits::BLOCK_ROWS;
use starfact_encoding::{Block, EncodeOptions, EncodingName, encode};
use std::sync::Arc;

/// Values, and how they are encoded.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The rows of one block.
    pub rows: ArrayRef,
    /// The least and the greatest value that a filter keeps: about half of all.
    pub middle: (i128, i128),
    /// The encoding that is asked for; else that which is chosen.
    pub encoding: Option<EncodingName>,
}

/// Widths that are measured: every lane type, its narrowest and its widest.
const WIDTHS: [u32; 14] = [1, 2, 4, 6, 8, 9, 12, 16, 17, 20, 24, 32, 33, 60];

/// Every width of packed offsets, whole bytes, and one of each other encoding.
pub fn shapes() -> Vec<Shape> {
    let mut below = numbers();
    let mut shapes = Vec::new();
    shapes.extend(WIDTHS.map(bit_packed));
    for width in [8, 16, 32] {
        let range = 1u64 << width;
        let middle = (i128::from(range / 4), i128::from(range / 4 * 3));
        let rows = column(|_| below(range));
        shapes.push(Shape { rows, middle, encoding: Some(EncodingName::Plain) });
    }
    let mut chosen = |middle: (i128, i128), encoding, row: &mut dyn FnMut(u64) -> u64| {
        shapes.push(Shape { rows: column(row), middle, encoding });
    };
    chosen((0, 0), None, &mut |_| 7);
    chosen((8_000, 24_000), Some(EncodingName::RunLength), &mut |row| row / 4 * 3);
    chosen((300, 900), Some(EncodingName::RunLength), &mut |row| row / 50);
    chosen((1 << 10, 1 << 30), Some(EncodingName::Dictionary), &mut |_| 1 << below(40));
    chosen((250, 750), Some(EncodingName::Patched), &mut |row| match row % 500 {
        77 => 1 << 50,
        _ => below(1_000),
    });
    let mut key = 0;
    chosen((300_000, 900_000), Some(EncodingName::Delta), &mut |_| {
        key += 1 + below(40);
        key
    });
    chosen((700_000, 2_100_000), Some(EncodingName::Scaled), &mut |_| below(30_000) * 100);
    for one_in in [90, 8] {
        chosen((1, 1), Some(EncodingName::Sparse), &mut |row| {
            u64::from(row > 0 && below(one_in) == 0) * (1 + below(5))
        });
    }
    shapes
}

/// Random offsets of so many bits.
pub fn bit_packed(width: u32) -> Shape {
    let mut below = numbers();
    let range = 1u64 << width;
    let middle = (i128::from(range / 4), i128::from((range / 4 + range / 2).max(1) - 1));
    let rows = column(|row| if row == 0 { range - 1 } else { below(range) });
    Shape { rows, middle, encoding: Some(EncodingName::BitPacked) }
}

/// Random numbers below a limit.
fn numbers() -> impl FnMut(u64) -> u64 {
    let mut random = Random::new(5);
    move |limit: u64| {
        let high = random.below(1 << 31);
        (high << 31 | random.below(1 << 31)) % limit
    }
}

fn column(row: impl FnMut(u64) -> u64) -> ArrayRef {
    let rows = (0..BLOCK_ROWS as u64).map(row);
    Arc::new(Int64Array::from_iter_values(rows.map(|value| value as i64)))
}

/// Blocks of one shape.
#[derive(Debug)]
pub struct Blocks {
    /// As many as have the values that were asked for.
    pub blocks: Vec<Block>,
    /// What they are encoded as.
    pub tree: String,
    /// The encoded bytes of all of them.
    pub bytes: usize,
}

/// Memory that is aligned as a mapped file is.
struct Aligned(Buffer);

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl Blocks {
    /// Encodes a shape, and copies it until there are this many values.
    pub fn of(shape: &Shape, values: usize) -> Self {
        let options = EncodeOptions { encoding: shape.encoding, ..EncodeOptions::default() };
        let bytes = match encode(shape.rows.as_ref(), DataType::BigInt, &options) {
            Ok(encoded) => encoded.bytes,
            Err(error) => panic!("a column of numbers is encoded: {error}"),
        };
        let copy = |_| {
            let bytes = Bytes::from_owner(Aligned(Buffer::from_slice_ref(&bytes)));
            match Block::parse(bytes, DataType::BigInt, BLOCK_ROWS) {
                Ok(block) => block,
                Err(damage) => panic!("a block is read as it was written: {damage}"),
            }
        };
        let blocks: Vec<Block> = (0..values.div_ceil(BLOCK_ROWS)).map(copy).collect();
        let tree = blocks.first().map_or(String::new(), Block::tree);
        Self { bytes: bytes.len() * blocks.len(), blocks, tree }
    }
}
