//! One value of a full block, looked for in the block and in its bitmap index: how long each takes,
//! and what the rule that chooses between them says. The constants of that rule rest on this table.
//!
//! ```sh
//! cargo run -p starfact-encoding --example bitmaps
//! ```
//!
//! The crate is optimised in every profile. Blocks and containers are in the cache, which favours
//! the block: it is up to a hundred times longer.

use arrow::array::{ArrayRef, Int64Array, StringViewArray};
use starfact_base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use starfact_base::{DataType, Error, Result, Scalar};
use starfact_encoding::{
    BitmapDirectory, BitmapPage, Block, BlockCost, CompareOp, EncodeOptions, Predicate, Selection,
    bitmaps, encode,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs of which the fastest counts.
const RUNS: usize = 300;
/// Vectors of a full block.
const VECTORS: usize = BLOCK_ROWS / VECTOR_ROWS;

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn main() -> Result<()> {
    println!(
        "column                      | block, KB | index, KB | of a value, B | rows | block, µs \
         | bitmap, µs | ratio | rule"
    );
    let mut random = Random(1);
    for distinct in [2, 4, 8, 16, 32, 64, 128, 256, 1_000, 4_000] {
        let rows = (0..BLOCK_ROWS).map(|_| random.below(distinct) as i64);
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
        let value = Scalar::Integer(distinct as i64 as i128 / 2);
        measure(&format!("{distinct} numbers"), DataType::BigInt, &rows, value)?;
    }
    for distinct in [32, 256, 1_000] {
        let rows = (0..BLOCK_ROWS).map(|_| random.below(distinct) as i64 * 1_000_003);
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
        let value = Scalar::Integer(i128::from(distinct / 2) * 1_000_003);
        measure(&format!("{distinct} numbers far apart"), DataType::BigInt, &rows, value)?;
    }
    for distinct in [25, 250, 1_000] {
        let rows = (0..BLOCK_ROWS).map(|_| format!("city number {}", random.below(distinct)));
        let rows: ArrayRef = Arc::new(StringViewArray::from_iter_values(rows));
        let value = Scalar::String(format!("city number {}", distinct / 2));
        measure(&format!("{distinct} texts"), DataType::Varchar, &rows, value)?;
    }
    Ok(())
}

fn measure(name: &str, ty: DataType, rows: &ArrayRef, value: Scalar) -> Result<()> {
    let damage = |error| Error::internal(format!("{error}"));
    let encoded = encode(rows.as_ref(), ty, &EncodeOptions::default())?;
    let bytes = encoded.bytes.len();
    let block = Block::parse(encoded.bytes.into(), ty, BLOCK_ROWS).map_err(damage)?;
    let Some(page) = bitmaps(rows.as_ref(), ty, None)? else { return Ok(()) };
    let (values, len) = (page.values as usize, page.containers.len());
    let parsed = page.directory.clone().into();
    let directory =
        BitmapDirectory::parse(&parsed, ty, values, (BLOCK_ROWS, 0), len).map_err(damage)?;
    let predicate = Predicate::Compare { op: CompareOp::Equal, value };
    let by_block = fastest(|| {
        let mut selection = Selection::all(BLOCK_ROWS);
        let _ = black_box(block.filter(&predicate, &mut selection));
        selection
    });
    let by_bitmap = fastest(|| look_up(&directory, &page, &predicate));
    let found = directory.find(&predicate).map_err(|error| Error::internal(error.to_string()))?;
    let Some(kept) = found.map(|found| found.kept) else { return Ok(()) };
    let Some(containers) = kept.containers else { return Ok(()) };
    let cost = BlockCost { bytes, vectors: VECTORS, vectors_total: VECTORS };
    let kilobytes = |bytes: usize| bytes as f64 / 1_000.0;
    let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
    println!(
        "{name:<27} | {:>9.1} | {:>9.1} | {:>13} | {:>4} | {:>9.1} | {:>10.1} | {:>5.1} | {}",
        kilobytes(bytes),
        kilobytes(page.byte_len()),
        containers.bytes,
        kept.rows,
        micros(by_block),
        micros(by_bitmap),
        by_block.as_nanos() as f64 / by_bitmap.as_nanos() as f64,
        if containers.pay(&cost) { "bitmap" } else { "block" },
    );
    Ok(())
}

/// The rows that satisfy a predicate, as a scan finds them by the index.
fn look_up(directory: &BitmapDirectory, page: &BitmapPage, predicate: &Predicate) -> Selection {
    let mut found = Selection::none(BLOCK_ROWS);
    if let Ok(Some(matched)) = directory.find(predicate) {
        for value in matched.kept.values {
            let place = directory.container(value);
            let bytes = page.containers.get(place.start as usize..place.end as usize);
            let _ = black_box(directory.add(value, bytes.unwrap_or_default(), &mut found));
        }
    }
    let mut selection = Selection::all(BLOCK_ROWS);
    selection.intersect_words(found.words());
    selection
}

fn fastest(mut work: impl FnMut() -> Selection) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        black_box(work());
        best = best.min(start.elapsed());
    }
    best
}
