//! Makes the fixtures of what a column file may say in its footer besides blocks and zone maps:
//! derived blocks with their sources, codes with their dictionary, and values of blocks.
//!
//! ```sh
//! cargo run -p starfact-format --example sections -- datasets/format/v3
//! ```
//!
//! To be run once for each format version. A file that is there already is an error: fixtures of
//! old versions are what old versions wrote.

#[path = "../src/fixtures/render.rs"]
mod render;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringViewArray};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Error, Result};
use starfact_encoding::{Derivation, EncodeOptions, EncodingName, Rounding, Rule};
use starfact_format::{ColumnFile, ColumnWriter, DerivedBlock, DictionaryFile};
use starfact_vfs::{Dir, OsDir};
use std::sync::Arc;

/// Rows of small files.
const ROWS: i64 = 300;
/// The number of the dictionary.
const DICTIONARY: u64 = 7;

fn main() -> Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        return Err(Error::invalid("name the folder to write to"));
    };
    let dir = OsDir::create(folder)?;
    write_derived(&dir)?;
    write_shared(&dir)?;
    write_values(&dir)
}

fn price(row: i64) -> i64 {
    90_000 + row * 7_919 % 104_729
}

fn quantity(row: i64) -> i64 {
    1 + row * 31 % 11
}

/// Sources as `column-<number>.col`, and files that follow from them but for a row or two.
fn write_derived(dir: &OsDir) -> Result<()> {
    write(dir, "column-1", DataType::BigInt, None, &bigints(ROWS, &|row| Some(price(row))))?;
    write(dir, "column-2", DataType::Integer, None, &integers(&|row| Some(quantity(row))))?;
    let (addend, divisor, rounding) = (100, 100, Rounding::Floor);
    let (one, two) = (vec![ColumnId(1)], vec![ColumnId(1), ColumnId(2)]);
    let some = |row: i64, value: i64| (row % 9 != 4).then_some(value + i64::from(row == 100));
    let same: Value<'_> = &|row| some(row, price(row) + 1_000);
    let up: Value<'_> = &|row| some(row, price(row) * (100 + quantity(row)) / 100);
    let down: Value<'_> = &|row| some(row, price(row) * (100 - quantity(row)) / 100);
    let ratio: Value<'_> = &|row| some(row, price(row) * 6 / (quantity(row) * 10));
    let half_up = Rule::Ratio { factor: 6, divisor: 10, rounding: Rounding::HalfUp };
    derive(dir, "derived-same", &bigints(ROWS, same), Rule::Same, one, 1)?;
    let rules = [
        ("derived-scaled-up", up, Rule::ScaledUp { addend, divisor, rounding }),
        ("derived-scaled-down", down, Rule::ScaledDown { addend, divisor, rounding }),
        ("derived-ratio", ratio, Rule::Ratio { factor: 6, divisor: 10, rounding }),
        ("derived-rounded", ratio, half_up),
    ];
    for (name, value, rule) in rules {
        derive(dir, name, &bigints(ROWS, value), rule, two.clone(), 1)?;
    }
    let map = |row: i64| (row % 9 != 4).then_some(quantity(row) * quantity(row) % 11 * 1_000);
    let map = bigints(ROWS, &map);
    derive(dir, "derived-map", &map, Rule::Mapped, vec![ColumnId(2)], 1)?;
    let rows = BLOCK_ROWS as i64 + 100;
    let runs = |row: i64| row / 5_000 * 7;
    write(dir, "column-3", DataType::BigInt, None, &bigints(rows, &|row| Some(runs(row))))?;
    let two_blocks = bigints(rows, &|row| Some(runs(row) + 5));
    derive(dir, "derived-two-blocks", &two_blocks, Rule::Same, vec![ColumnId(3)], 1)
}

/// A dictionary, and a file with codes of it.
fn write_shared(dir: &OsDir) -> Result<()> {
    let mut texts: Vec<String> = (0..21).map(|n| format!("a longer text, number {n}")).collect();
    texts.extend(["", "Zürich", "日本橋", "🦀"].map(str::to_owned));
    texts.sort();
    let values: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
    let path = format!("dictionary-{DICTIONARY}.col");
    let owned = Arc::new(dir.clone());
    let dictionary = DictionaryFile::create(owned, path.as_str().into(), DICTIONARY, &values)?;
    write_text(dir, &path.replace(".col", ".txt"), DataType::Varchar, &values)?;
    // All texts but the last.
    let text = |row: usize| (row % 11 != 5).then(|| &texts[row * row % 24]);
    let rows: ArrayRef = Arc::new((0..200).map(text).collect::<StringViewArray>());
    let ty = DataType::Varchar;
    write_column(dir, "own.tmp", ty, Some(EncodingName::Dictionary), &rows)?;
    let own = ColumnFile::open(dir, "own.tmp")?;
    let name = "shared-dictionary";
    let path = format!("{name}.col");
    let mut writer = ColumnWriter::create(dir, &path, ty, EncodeOptions::default())?;
    writer.set_dictionary(dictionary.link()?);
    let bytes = own.block(0)?.share(dictionary.values()?)?;
    let bytes = bytes.ok_or_else(|| Error::internal("a text without code"))?;
    writer.append_shared_block(&own, 0, &bytes)?;
    writer.finish()?;
    dir.remove_file("own.tmp")?;
    write_text(dir, &format!("{name}.txt"), ty, &rows)
}

/// Files whose few values the footer names.
fn write_values(dir: &OsDir) -> Result<()> {
    let few = integers(&|row| (row % 9 != 4).then(|| [5, -1, 1_000][row as usize % 3]));
    write(dir, "values-integer", DataType::Integer, None, &few)?;
    let text = |row: usize| Some(["a", "b", "c", "", "Zürich", "x", "y", "z"][row * 5 % 8]);
    let texts: ArrayRef = Arc::new((0..ROWS as usize).map(text).collect::<StringViewArray>());
    write(dir, "values-varchar", DataType::Varchar, Some(EncodingName::Dictionary), &texts)
}

/// The value of a row.
type Value<'a> = &'a dyn Fn(i64) -> Option<i64>;

fn bigints(rows: i64, value: Value<'_>) -> ArrayRef {
    Arc::new((0..rows).map(value).collect::<Int64Array>())
}

fn integers(value: Value<'_>) -> ArrayRef {
    Arc::new((0..ROWS).map(|row| value(row).map(|value| value as i32)).collect::<Int32Array>())
}

/// Writes a file of BIGINT with the first `derived` blocks as they follow from others.
fn derive(
    dir: &OsDir,
    name: &str,
    rows: &ArrayRef,
    rule: Rule,
    sources: Vec<ColumnId>,
    derived: usize,
) -> Result<()> {
    let ty = DataType::BigInt;
    write_column(dir, "stored.tmp", ty, None, rows)?;
    let stored = ColumnFile::open(dir, "stored.tmp")?;
    let files = sources.iter().map(|id| ColumnFile::open(dir, &format!("column-{id}.col")));
    let files = files.collect::<Result<Vec<_>>>()?;
    let path = format!("{name}.col");
    let mut writer = ColumnWriter::create(dir, &path, ty, EncodeOptions::default())?;
    for idx in 0..stored.block_count() {
        let blocks = files.iter().map(|file| file.block(idx)).collect::<Result<Vec<_>>>()?;
        let bytes = match idx < derived {
            true => {
                let derived = stored.block(idx)?.derive(&rule, &blocks, None)?;
                Some(derived.ok_or_else(|| Error::internal(format!("{name} does not follow")))?)
            }
            false => None,
        };
        let derivation = Derivation { rule, sources: sources.clone() };
        let block = bytes.map(|bytes| DerivedBlock { derivation, bytes });
        writer.append_block(&stored, idx, block)?;
    }
    writer.finish()?;
    dir.remove_file("stored.tmp")?;
    write_text(dir, &format!("{name}.txt"), ty, rows)
}

fn write(
    dir: &OsDir,
    name: &str,
    ty: DataType,
    encoding: Option<EncodingName>,
    rows: &ArrayRef,
) -> Result<()> {
    write_column(dir, &format!("{name}.col"), ty, encoding, rows)?;
    write_text(dir, &format!("{name}.txt"), ty, rows)
}

fn write_column(
    dir: &OsDir,
    path: &str,
    ty: DataType,
    encoding: Option<EncodingName>,
    rows: &ArrayRef,
) -> Result<()> {
    let mut writer = ColumnWriter::create(
        dir,
        path,
        ty,
        EncodeOptions { encoding, ..EncodeOptions::default() },
    )?;
    writer.append(rows)?;
    writer.finish().map(drop)
}

fn write_text(dir: &OsDir, path: &str, ty: DataType, rows: &ArrayRef) -> Result<()> {
    let mut text = dir.create(path)?;
    text.write(render::render(ty, std::slice::from_ref(rows)).as_bytes())?;
    text.finish()
}
