//! What is done to blocks.

use super::data::Shape;
use arrow::array::ArrayRef;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use starfact_encoding::{Block, EncodeOptions, Predicate, Selection, encode};
use std::hint::black_box;

/// One stage.
#[derive(Debug)]
pub struct Work {
    /// Its name in the table.
    pub name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Decode,
    Filter(Predicate),
    Take(Vec<u32>),
    Aggregate(Selection),
    Indices(Selection),
    Pack(ArrayRef, EncodeOptions),
}

/// Every row of so many, about.
fn every(rows: usize) -> Selection {
    let mut selection = Selection::none(BLOCK_ROWS);
    let mut state = 1u64;
    for row in 0..BLOCK_ROWS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        if ((state >> 33) as usize).is_multiple_of(rows) {
            selection.set(row);
        }
    }
    selection
}

impl Work {
    /// Everything that is done to blocks of a shape; what no shape matters to only if it `is_first`.
    pub fn all(shape: &Shape, is_first: bool) -> Vec<Self> {
        let (low, high) = shape.middle;
        let between = Predicate::Between { low: Scalar::Integer(low), high: Scalar::Integer(high) };
        let options = EncodeOptions { encoding: shape.encoding, ..EncodeOptions::default() };
        let kinds = [
            ("decode", Kind::Decode),
            ("between", Kind::Filter(between)),
            ("sum, min, max", Kind::Aggregate(Selection::all(BLOCK_ROWS))),
            ("sum, min, max of every 2nd row", Kind::Aggregate(every(2))),
            ("take every 5th row", Kind::Take(every(5).indices())),
            ("take every 200th row", Kind::Take(every(200).indices())),
            ("mask to indices, every 5th row", Kind::Indices(every(5))),
            ("pack", Kind::Pack(shape.rows.clone(), options)),
        ];
        let kinds =
            kinds.into_iter().filter(|(_, kind)| is_first || !matches!(kind, Kind::Indices(_)));
        kinds.map(|(name, kind)| Self { name: name.into(), kind }).collect()
    }

    /// Whether the encoded bytes are looked at.
    pub fn reads_blocks(&self) -> bool {
        !matches!(self.kind, Kind::Indices(_) | Kind::Pack(..))
    }

    /// Does it to each of the blocks.
    pub fn run(&self, blocks: &[Block]) {
        blocks.iter().for_each(|block| self.run_one(block));
    }

    fn run_one(&self, block: &Block) {
        match &self.kind {
            Kind::Decode => drop(black_box(block.decode(0..BLOCK_ROWS))),
            Kind::Filter(predicate) => {
                let mut selection = Selection::all(BLOCK_ROWS);
                let _ = black_box(block.filter(predicate, &mut selection));
                black_box(&selection);
            }
            Kind::Take(rows) => drop(black_box(block.take(rows))),
            Kind::Aggregate(selection) => drop(black_box(block.aggregate(selection))),
            Kind::Indices(selection) => drop(black_box(black_box(selection).indices())),
            Kind::Pack(rows, options) => {
                drop(black_box(encode(rows.as_ref(), DataType::BigInt, options)));
            }
        }
    }
}
