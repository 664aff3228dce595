//! Makes the fixtures of a format version: a column file of every type in each of the encodings
//! that are named, or files of what every version has if none is, each beside a text of its rows.
//!
//! ```sh
//! cargo run -p starfact-format --example fixtures -- datasets/format/v4 frames
//! ```
//!
//! To be run once for each encoding of a format version. A file that is there already is an error:
//! fixtures of old versions are what old versions wrote.

#[path = "../src/fixtures/render.rs"]
mod render;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Float32Array, Float64Array, PrimitiveArray,
    StringViewArray,
};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{DataType, Error, Result};
use starfact_encoding::{EncodeOptions, EncodingName, arrow_type};
use starfact_format::{BitmapPolicy, ColumnFile, ColumnWriter};
use starfact_vfs::{Dir, OsDir};
use std::sync::Arc;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        return Err(Error::invalid("name the folder to write to"));
    };
    let dir = OsDir::create(folder)?;
    let names: Vec<String> = arguments.collect();
    if names.is_empty() {
        return write_defaults(&dir);
    }
    if names.iter().any(|name| name == "bitmap") {
        write_indexed(&dir)?;
    }
    if names.iter().any(|name| name == "frames") {
        write_frames(&dir)?;
    }
    if names.iter().any(|name| name == "marks") {
        write_marked(&dir)?;
    }
    let is_named = |encoding: &EncodingName| names.iter().any(|name| name == encoding.as_str());
    for (label, ty) in types() {
        for encoding in EncodingName::ALL.into_iter().filter(is_named) {
            let array = match encoding {
                EncodingName::Constant => rows(ty, &[Some(3); 40]),
                EncodingName::Delta | EncodingName::Scaled | EncodingName::Sliced => hundreds(ty),
                EncodingName::Alp => rows(ty, &(1..90).map(Some).collect::<Vec<_>>()),
                _ => rows(ty, &numbers()),
            };
            let name = format!("{label}-{encoding}");
            let options = EncodeOptions { encoding: Some(encoding), ..EncodeOptions::default() };
            write(&dir, &name, ty, options, &array)?;
        }
    }
    Ok(())
}

/// Files of short runs, where those begin is marked.
fn write_marked(dir: &OsDir) -> Result<()> {
    let numbers: Vec<Option<usize>> =
        (0..300).map(|row| (row % 90 != 5).then_some((row + row % 5) / 3 * 7 % 11)).collect();
    let encoding = Some(EncodingName::RunLength);
    let options = EncodeOptions { encoding, ..EncodeOptions::default() };
    for (label, ty) in types() {
        write(dir, &format!("{label}-run-length-marks"), ty, options, &rows(ty, &numbers))?;
    }
    Ok(())
}

/// Text in several zstd frames.
fn write_frames(dir: &OsDir) -> Result<()> {
    let text = |row: usize| format!("{row} ä {}", "abc".repeat(row * 31 % 2_500));
    let texts = (0..90).map(|row| (row % 9 != 4).then(|| text(row)));
    let texts: ArrayRef = Arc::new(texts.collect::<StringViewArray>());
    let encoding = Some(EncodingName::Zstd);
    let options = EncodeOptions { encoding, ..EncodeOptions::default() };
    write(dir, "varchar-zstd-frames", DataType::Varchar, options, &texts)
}

/// Files with bitmap indexes: of every type, and of several blocks, of which one has none.
fn write_indexed(dir: &OsDir) -> Result<()> {
    for (label, ty) in types() {
        write_bitmaps(dir, &format!("{label}-bitmap"), ty, &rows(ty, &numbers()))?;
    }
    let nulls = (0..BLOCK_ROWS).map(|_| None);
    // Rows of a run, every second row, and rare ones: the three forms of a container.
    let forms = (0..3_000).map(|row| match row {
        0..900 => Some(-1),
        _ if row % 2 == 0 => Some(-2),
        _ => Some(row % 41 * 1_000_003),
    });
    let blocks: ArrayRef = Arc::new(nulls.chain(forms).collect::<PrimitiveArray<Int32Type>>());
    write_bitmaps(dir, "integer-bitmap-blocks", DataType::Integer, &blocks)
}

/// Writes a column file in which every value has its bitmap, and its text.
fn write_bitmaps(dir: &OsDir, name: &str, ty: DataType, array: &ArrayRef) -> Result<()> {
    let path = format!("{name}.col");
    let writer = ColumnWriter::create(dir, &path, ty, EncodeOptions::default())?;
    let mut writer = writer.with_bitmaps(BitmapPolicy::Always);
    writer.append(array)?;
    writer.finish()?;
    let mut text = dir.create(&format!("{name}.txt"))?;
    text.write(render::render(ty, std::slice::from_ref(array)).as_bytes())?;
    text.finish()
}

/// Files in the encodings that are chosen: of several blocks, and of long texts.
fn write_defaults(dir: &OsDir) -> Result<()> {
    let ty = DataType::Integer;
    let mut three: Vec<Option<usize>> = (0..2 * BLOCK_ROWS).map(|row| Some(row / 10_000)).collect();
    three.extend([None; 100]);
    let three = three.into_iter().map(|row| row.map(|row| row as i32));
    let three: ArrayRef = Arc::new(three.collect::<PrimitiveArray<Int32Type>>());
    write(dir, "integer-three-blocks", ty, EncodeOptions::default(), &three)?;
    let long = ["x".repeat(200), "Zürich ".repeat(30), "\u{10ffff}".repeat(40)];
    let long: ArrayRef = Arc::new(StringViewArray::from_iter_values(long));
    write(dir, "varchar-long", DataType::Varchar, EncodeOptions::default(), &long)
}

fn types() -> [(&'static str, DataType); 14] {
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    [
        ("boolean", DataType::Boolean),
        ("smallint", DataType::SmallInt),
        ("integer", DataType::Integer),
        ("bigint", DataType::BigInt),
        ("real", DataType::Real),
        ("double", DataType::Double),
        ("decimal-2-0", decimal(2, 0)),
        ("decimal-18-2", decimal(18, 2)),
        ("decimal-38-10", decimal(38, 10)),
        ("varchar", DataType::Varchar),
        ("date", DataType::Date),
        ("time", DataType::Time),
        ("timestamp", DataType::Timestamp),
        ("timestamptz", DataType::TimestampTz),
    ]
}

/// Rows by number, some NULL: all values once, then runs.
fn numbers() -> Vec<Option<usize>> {
    let all = (0..16).map(Some);
    let runs = (0..84).map(|row| if row % 20 > 16 { None } else { Some(row / 12) });
    all.chain(runs).collect()
}

fn rows(ty: DataType, numbers: &[Option<usize>]) -> ArrayRef {
    let numbers = numbers.iter().copied();
    match ty {
        DataType::Boolean => Arc::new(numbers.map(|n| Some(n? % 2 == 1)).collect::<BooleanArray>()),
        DataType::SmallInt => integers::<Int16Type>(ty, i16::MIN.into(), i16::MAX.into(), numbers),
        DataType::Integer => integers::<Int32Type>(ty, i32::MIN.into(), i32::MAX.into(), numbers),
        DataType::Date => integers::<Date32Type>(ty, i32::MIN.into(), i32::MAX.into(), numbers),
        DataType::BigInt => integers::<Int64Type>(ty, i64::MIN.into(), i64::MAX.into(), numbers),
        DataType::Time => integers::<Time64MicrosecondType>(ty, 0, 86_399_999_999, numbers),
        DataType::Timestamp | DataType::TimestampTz => {
            let (min, max) = (i64::MIN.into(), i64::MAX.into());
            integers::<TimestampMicrosecondType>(ty, min, max, numbers)
        }
        DataType::Decimal { precision, .. } => {
            let max = 10i128.pow(precision.into()) - 1;
            integers::<Decimal128Type>(ty, -max, max, numbers)
        }
        DataType::Real => Arc::new(numbers.map(|n| Some(real(n?))).collect::<Float32Array>()),
        DataType::Double => Arc::new(numbers.map(|n| Some(double(n?))).collect::<Float64Array>()),
        DataType::Varchar => Arc::new(numbers.map(|n| n.map(text)).collect::<StringViewArray>()),
    }
}

/// Rows that ascend in hundreds, some NULL; of types without such, as near to it as they come.
fn hundreds(ty: DataType) -> ArrayRef {
    let numbers: Vec<Option<usize>> =
        (0..90).map(|row| (row % 17 != 5).then_some(row / 3 * 4)).collect();
    let values = numbers.iter().map(|number| number.map(|number| number as i128));
    let hundreds = |values: &[Option<i128>]| match ty {
        DataType::SmallInt => primitive::<Int16Type>(ty, values),
        DataType::Integer => primitive::<Int32Type>(ty, values),
        DataType::BigInt => primitive::<Int64Type>(ty, values),
        DataType::Date => primitive::<Date32Type>(ty, values),
        DataType::Time => primitive::<Time64MicrosecondType>(ty, values),
        DataType::Timestamp | DataType::TimestampTz => {
            primitive::<TimestampMicrosecondType>(ty, values)
        }
        DataType::Decimal { .. } => primitive::<Decimal128Type>(ty, values),
        _ => rows(ty, &numbers),
    };
    hundreds(&values.collect::<Vec<_>>())
}

fn primitive<P: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    ty: DataType,
    values: &[Option<i128>],
) -> ArrayRef {
    let small = matches!(ty, DataType::Decimal { precision: 2, .. });
    let value = |value: i128| if small { value / 4 * 3 } else { 5 + 25 * value };
    let values = values.iter().map(|v| v.and_then(|v| value(v).try_into().ok()));
    Arc::new(values.collect::<PrimitiveArray<P>>().with_data_type(arrow_type(ty)))
}

fn integers<P: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    ty: DataType,
    min: i128,
    max: i128,
    numbers: impl Iterator<Item = Option<usize>>,
) -> ArrayRef {
    let odd = [0, 1, min, max, min + 1, max - 1, max / 3, 10, 11, 12, 13, 70, 71];
    let value = |n: usize| odd.get(n).copied().unwrap_or(n as i128);
    let values = numbers.map(|n| n.and_then(|n| value(n).try_into().ok()));
    Arc::new(values.collect::<PrimitiveArray<P>>().with_data_type(arrow_type(ty)))
}

fn real(number: usize) -> f32 {
    let odd = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE];
    odd.get(number).copied().unwrap_or(number as f32 / 4.0)
}

fn double(number: usize) -> f64 {
    let odd = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE];
    odd.get(number).copied().unwrap_or(number as f64 / 10.0)
}

fn text(number: usize) -> String {
    let odd =
        ["", "a", "twelve bytes", "thirteen byte", "Zürich", "日本橋", "🦀", "a\u{300}", "\0"];
    odd.get(number).map_or_else(|| format!("a longer text, number {number}"), |&odd| odd.into())
}

/// Writes one column file and its text, unless the encoding cannot hold the rows.
fn write(
    dir: &OsDir,
    name: &str,
    ty: DataType,
    options: EncodeOptions,
    array: &ArrayRef,
) -> Result<()> {
    let path = format!("{name}.col");
    let mut writer = ColumnWriter::create(dir, &path, ty, options)?;
    writer.append(array)?;
    writer.finish()?;
    let tree = ColumnFile::open(dir, &path)?.block(0)?.tree();
    let is_as_asked = |encoding: EncodingName| {
        tree.starts_with(encoding.as_str())
            || (encoding == EncodingName::Alp && tree.starts_with("patched(alp"))
    };
    if options.encoding.is_some_and(|encoding| !is_as_asked(encoding)) {
        return dir.remove_file(&path);
    }
    let mut text = dir.create(&format!("{name}.txt"))?;
    text.write(render::render(ty, std::slice::from_ref(array)).as_bytes())?;
    text.finish()
}
