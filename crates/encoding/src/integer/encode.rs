//! Writes nodes of integers as [`super::choose`] decides, or as a caller forces.

use super::choose::{self, Choice, Leaf};
use super::constant::Constant;
use super::stats::{Distinct, Shape, Stats};
use super::{bit_packed, dictionary, plain, run_length, zstd};
use crate::EncodingName;
use crate::bytes::Writer;
use crate::compression::pays;
use crate::native::Native;

/// Writes a column or the best node in general.
pub(crate) fn encode<T: Native>(values: &[T], stats: &Stats<T>, writer: &mut Writer) {
    match distinct_if_it_pays(values, &stats.shape, writer.position()) {
        Some(distinct) => encode_dictionary(&distinct, writer),
        None => encode_simple(values, stats, writer),
    }
}

/// Writes floats, which have the keys `values` in a domain that begins at `lowest`: like integers,
/// or compressed if that pays.
pub(crate) fn encode_floats<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    lowest: T,
    writer: &mut Writer,
) {
    let position = writer.position();
    let distinct = distinct_if_it_pays(values, &stats.shape, position);
    let end = match &distinct {
        Some(distinct) => choose::dictionary(position, &stats.shape, distinct.values.len()),
        None => choose::simple(position, &stats.shape).1,
    };
    if let Some(frame) = frame_if_it_pays(values, lowest, position, end) {
        return zstd::encode(lowest, size_of::<T>() as u8, &frame, writer);
    }
    match distinct {
        Some(distinct) => encode_dictionary(&distinct, writer),
        None => encode_simple(values, stats, writer),
    }
}

/// The compressed values, if they take much less than from `position` to `end`. Many values are
/// compressed only if a sample of them is worth it.
fn frame_if_it_pays<T: Native>(
    values: &[T],
    lowest: T,
    position: usize,
    end: usize,
) -> Option<Vec<u8>> {
    // Offsets from the lowest key leave the low bits of the floats as they are.
    let compress = |values: &[T]| zstd::frame(values, lowest, size_of::<T>() as u8);
    if let Some(sample) = choose::sample(values) {
        let sample_bytes = (end - position) * sample.len() / values.len();
        compress(&sample).filter(|frame| pays(frame.len(), sample_bytes))?;
    }
    compress(values)
        .filter(|frame| pays(zstd::estimate(position, frame) - position, end - position))
}

/// The distinct values, if a dictionary of them is the smallest encoding.
fn distinct_if_it_pays<T: Native>(
    values: &[T],
    shape: &Shape,
    position: usize,
) -> Option<Distinct<T>> {
    match choose::dictionary_keys_max(position, shape) {
        0 | 1 => None,
        max => Distinct::of(values, max),
    }
}

/// Writes what needs no dictionary: codes, lengths and validity.
pub(crate) fn encode_simple<T: Native>(values: &[T], stats: &Stats<T>, writer: &mut Writer) {
    match choose::simple(writer.position(), &stats.shape).0 {
        Choice::RunLength => encode_run_length(values, writer),
        Choice::Leaf(_) => encode_leaf(values, stats, writer),
    }
}

/// Writes the smallest node without children.
fn encode_leaf<T: Native>(values: &[T], stats: &Stats<T>, writer: &mut Writer) {
    match choose::leaf(writer.position(), values.len(), stats.shape.range).0 {
        Leaf::Constant => Constant::encode(stats.min.key(), writer),
        Leaf::Plain(bytes) => plain::encode(values, stats.min, bytes, writer),
        Leaf::BitPacked(width) => bit_packed::encode(values, stats.min, width, writer),
    }
}

fn encode_run_length<T: Native>(values: &[T], writer: &mut Writer) {
    let (mut ends, mut keys) = (Vec::new(), Vec::<T>::new());
    let mut end = 0;
    for run in values.chunk_by(|a, b| a == b) {
        end += run.len();
        ends.push(end as u32);
        keys.extend(run.first());
    }
    run_length::encode_header(ends.len(), writer);
    encode_leaf(&ends, &Stats::of(&ends), writer);
    encode_leaf(&keys, &Stats::of(&keys), writer);
}

fn encode_dictionary<T: Native>(distinct: &Distinct<T>, writer: &mut Writer) {
    dictionary::encode_header(distinct.values.len(), writer);
    encode_leaf(&distinct.values, &Stats::of(&distinct.values), writer);
    encode_simple(&distinct.codes, &Stats::of(&distinct.codes), writer);
}

/// Writes values with a given codec at the root; false, and nothing written, if it cannot.
pub(crate) fn encode_as<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    codec: EncodingName,
    writer: &mut Writer,
) -> bool {
    let bytes = plain::offset_bytes(stats.shape.range);
    match codec {
        EncodingName::Constant if stats.shape.range == 0 => {
            Constant::encode(stats.min.key(), writer);
        }
        EncodingName::Plain => plain::encode(values, stats.min, bytes, writer),
        EncodingName::BitPacked => match u64::try_from(stats.shape.range) {
            Ok(range) => {
                bit_packed::encode(values, stats.min, bit_packed::width(range), writer);
            }
            Err(_) => return false,
        },
        EncodingName::RunLength => encode_run_length(values, writer),
        EncodingName::Dictionary => match Distinct::of(values, values.len()) {
            Some(distinct) => encode_dictionary(&distinct, writer),
            None => return false,
        },
        EncodingName::Zstd => match zstd::frame(values, stats.min, bytes) {
            Some(frame) => zstd::encode(stats.min, bytes, &frame, writer),
            None => return false,
        },
        EncodingName::Constant | EncodingName::Fsst => return false,
    }
    true
}

#[cfg(test)]
mod tests;
