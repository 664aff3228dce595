//! What the encodings make of text: lines from the standard input, in blocks of 65,536.
//!
//! ```sh
//! cargo run --release -p starfact-encoding --example text < names.txt
//! ```
//!
//! Prints bytes a row, and nanoseconds a row to encode, to decode all, to take every hundredth row
//! of a block that was just opened, and to look for one text.

use arrow::array::StringViewArray;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Scalar};
use starfact_encoding::{Block, EncodeOptions, EncodingName, Predicate, Selection, encode};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let lines: Vec<String> = std::io::stdin().lines().collect::<Result<_, _>>()?;
    let total: usize = lines.iter().map(String::len).sum();
    let rows = lines.len() as f64;
    println!("{} rows of {:.1} bytes", lines.len(), total as f64 / rows);
    println!(
        "{:>10} {:>8} {:>8} {:>8} {:>8} {:>8}  tree",
        "", "B/row", "encode", "decode", "take", "find"
    );
    let asked =
        [EncodingName::Plain, EncodingName::Dictionary, EncodingName::Fsst, EncodingName::Zstd];
    for encoding in asked.into_iter().map(Some).chain([None]) {
        let (mut bytes, mut nanos, mut tree) = (0, [0.0; 4], String::new());
        for block in lines.chunks(BLOCK_ROWS) {
            let array = StringViewArray::from_iter_values(block);
            let timer = Instant::now();
            let encoded = encode(
                &array,
                DataType::Varchar,
                &EncodeOptions { encoding, ..EncodeOptions::default() },
            )?
            .bytes;
            nanos[0] += timer.elapsed().as_nanos() as f64;
            bytes += encoded.len();
            let encoded = bytes::Bytes::from(encoded);
            let open = || Block::parse(encoded.clone(), DataType::Varchar, block.len());
            let fresh = open()?;
            let timer = Instant::now();
            fresh.decode(0..block.len())?;
            nanos[1] += timer.elapsed().as_nanos() as f64;
            let fresh = open()?;
            let few: Vec<u32> = (0..block.len() as u32).step_by(100).collect();
            let timer = Instant::now();
            fresh.take(&few)?;
            nanos[2] += timer.elapsed().as_nanos() as f64;
            let fresh = open()?;
            let wanted = Predicate::is_in(vec![Scalar::String(block[block.len() / 2].clone())]);
            let mut selection = Selection::all(block.len());
            let timer = Instant::now();
            fresh.filter(&wanted, &mut selection)?;
            nanos[3] += timer.elapsed().as_nanos() as f64;
            tree = fresh.tree();
        }
        let [encode, decode, take, find] = nanos.map(|nanos| nanos / rows);
        let name = encoding.map_or("chosen", EncodingName::as_str);
        let bytes = bytes as f64 / rows;
        println!("{name:>10} {bytes:8.2} {encode:8.1} {decode:8.2} {take:8.2} {find:8.2}  {tree}");
    }
    Ok(())
}
