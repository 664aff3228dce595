//! `EXPLAIN STORAGE t`: what each column takes on disk, why it is encoded as it is, and how fast it
//! is read.
//!
//! Bytes are those of all files, and beside them those of the dictionaries that the files share.
//! The rest is measured on one block in the middle of the table: its encoding, the next best one
//! with the bytes that the column would take in it, and the time to decode it once it is in memory.

use super::{table_of, texts};
use crate::error::{Error, Result};
use crate::outcome::Rows;
use crate::statement::{Context, names};
use crate::sys::{self, StoredColumn, plain_value_bytes, stored_columns};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::sql::sqlparser::ast::ObjectName;
use starfact_base::DataType;
use starfact_encoding::{EncodeOptions, EncodingName, encode};
use starfact_format::ColumnBlock;
use starfact_store::{Segment, Table};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Times that a block is decoded; the fastest counts.
const DECODE_RUNS: usize = 5;

/// What is shown of one column.
struct Report {
    bytes: u64,
    /// Bytes of the dictionaries that its files have codes of.
    dictionary_bytes: u64,
    /// Of these, bytes of bitmap indexes.
    bitmap_bytes: u64,
    /// There if the table has rows and the column has a file.
    sample: Option<Sample>,
}

/// What one block says of its column.
struct Sample {
    rows: usize,
    bytes: u64,
    plain_bytes: u64,
    tree: String,
    /// The next best encoding, and the bytes of the block in it.
    runner_up: Option<(EncodingName, u64)>,
    decode: Duration,
}

/// Answers `EXPLAIN STORAGE`.
pub(super) fn storage(context: &Context, name: &ObjectName) -> Result<Rows> {
    let table = names::find_table(&context.snapshot, name)?;
    let columns = stored_columns(table);
    let mut reports = Vec::with_capacity(columns.len());
    for column in &columns {
        context.check_cancelled()?;
        reports.push(report(table, column)?);
    }
    let rows = table.row_count() as f64;
    let bits = |report: &Report| {
        (rows > 0.0).then(|| (report.bytes + report.dictionary_bytes) as f64 * 8.0 / rows)
    };
    let of_sample = |show: fn(&Sample) -> Option<f64>| -> ArrayRef {
        let samples = reports.iter().map(|report| report.sample.as_ref().and_then(show));
        Arc::new(samples.map(|value| value.map(two_places)).collect::<Float64Array>())
    };
    let runner_up_bytes = reports.iter().map(|report| {
        let sample = report.sample.as_ref()?;
        let (_, bytes) = sample.runner_up?;
        Some((report.bytes as f64 * bytes as f64 / sample.bytes.max(1) as f64) as i64)
    });
    let byte_counts = |count: fn(&Report) -> u64| -> ArrayRef {
        let counts = reports.iter().map(|report| count(report) as i64);
        Arc::new(Int64Array::from_iter_values(counts))
    };
    table_of(vec![
        ("column_name", texts(columns.iter().map(|column| Some(column.name.clone())))),
        ("data_type", texts(columns.iter().map(|column| Some(column.data_type.to_string())))),
        ("bytes", byte_counts(|report| report.bytes)),
        ("dictionary_bytes", byte_counts(|report| report.dictionary_bytes)),
        (
            "bits_per_row",
            Arc::new(
                reports.iter().map(|report| bits(report).map(two_places)).collect::<Float64Array>(),
            ),
        ),
        ("ratio", of_sample(|sample| Some(sample.plain_bytes as f64 / sample.bytes.max(1) as f64))),
        (
            "encoding",
            texts(
                reports
                    .iter()
                    .map(|report| report.sample.as_ref().map(|sample| sample.tree.clone())),
            ),
        ),
        (
            "runner_up",
            texts(reports.iter().map(|report| {
                let sample = report.sample.as_ref()?;
                sample.runner_up.map(|(name, _)| name.to_string())
            })),
        ),
        ("runner_up_bytes", Arc::new(runner_up_bytes.collect::<Int64Array>())),
        (
            "ns_per_value",
            of_sample(|sample| Some(sample.decode.as_nanos() as f64 / sample.rows.max(1) as f64)),
        ),
        ("bitmap_bytes", byte_counts(|report| report.bitmap_bytes)),
    ])
}

fn two_places(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn report(table: &Table, column: &StoredColumn) -> Result<Report> {
    let segments = table.segments();
    let bytes = segments.iter().map(|segment| segment.column_byte_len(column.id)).sum();
    let mut bitmap_bytes = 0;
    for segment in segments {
        bitmap_bytes += segment.column(column.id)?.map_or(0, |file| sys::bitmap_bytes(&file));
    }
    let dictionary_bytes = table.dictionary_byte_len(column.id);
    let without = Report { bytes, dictionary_bytes, bitmap_bytes, sample: None };
    // Segments that are older than the column have no file.
    let with_file: Vec<&Arc<Segment>> =
        segments.iter().filter(|segment| segment.column_byte_len(column.id) > 0).collect();
    let Some(middle) = with_file.get(with_file.len() / 2) else {
        return Ok(without);
    };
    let Some(file) = middle.column(column.id)? else { return Ok(without) };
    let idx = (file.block_count().max(1) - 1) / 2;
    let block = file.block(idx)?;
    let sample = sample(file.data_type(), &block, file.block_byte_len(idx))?;
    Ok(Report { sample: Some(sample), ..without })
}

fn sample(data_type: DataType, block: &ColumnBlock, bytes: u64) -> Result<Sample> {
    let rows = block.rows();
    let mut decode = Duration::MAX;
    let mut values = block.decode(0..rows)?;
    for _ in 0..DECODE_RUNS {
        let start = Instant::now();
        values = block.decode(0..rows)?;
        decode = decode.min(start.elapsed());
    }
    let plain_bytes = match plain_value_bytes(data_type) {
        Some(bytes) => bytes * rows as u64,
        None => text_bytes(&values),
    };
    let tree = block.tree();
    let mut runner_up: Option<(EncodingName, u64)> = None;
    for encoding in EncodingName::ALL {
        if tree.starts_with(encoding.as_str()) {
            continue;
        }
        let options = EncodeOptions { encoding: Some(encoding), ..EncodeOptions::default() };
        let encoded = encode(values.as_ref(), data_type, &options).map_err(Error::from)?;
        let found = starfact_encoding::Block::parse(encoded.bytes.clone().into(), data_type, rows);
        // An encoding that cannot hold the values is replaced by the chosen one.
        let is_as_asked = found.is_ok_and(|found| found.tree().starts_with(encoding.as_str()));
        let bytes = encoded.bytes.len() as u64;
        if is_as_asked && runner_up.is_none_or(|(_, best)| bytes < best) {
            runner_up = Some((encoding, bytes));
        }
    }
    Ok(Sample { rows, bytes, plain_bytes, tree, runner_up, decode })
}

fn text_bytes(values: &ArrayRef) -> u64 {
    let views = values.as_string_view();
    views.iter().flatten().map(|text| text.len() as u64).sum::<u64>() + 4 * values.len() as u64
}
