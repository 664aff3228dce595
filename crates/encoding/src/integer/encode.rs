//! Writes nodes of integers as [`super::plan`] has them, or as a caller forces.

use super::alp::{self, Scale};
use super::choose::{self, Leaf};
use super::constant::Constant;
use super::plan::{self, Kind, Menu, Part, Place, Plan, plan};
use super::stats::{Distinct, Stats};
use super::{
    bit_packed, delta, dictionary, marked, patched, plain, run_length, scaled, sliced, sparse, zstd,
};
use crate::bytes::Writer;
use crate::compression::pays;
use crate::native::Native;
use crate::{Effort, EncodingName};

/// Writes a column.
pub(crate) fn encode<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    effort: Effort,
    writer: &mut Writer,
) {
    let place = Place { position: writer.position(), level: 1 };
    let menu = match effort {
        Effort::Best => Menu::COLUMN,
        Effort::Quick => Menu::QUICK,
        Effort::Ordinals => Menu::ORDINALS,
    };
    plan(values, stats, place, menu).write(values, writer);
}

/// Writes floats, which have the keys `values` in a domain that begins at `lowest`: as decimals or
/// like integers, or compressed if that pays.
pub(crate) fn encode_floats<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    lowest: T,
    writer: &mut Writer,
) {
    let position = writer.position();
    let plan = plan(values, stats, Place { position, level: 1 }, Menu::FLOATS);
    match frame_if_it_pays(values, lowest, position, plan.end) {
        Some(frame) => zstd::encode(lowest, size_of::<T>() as u8, &frame, writer),
        None => plan.write(values, writer),
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

/// Writes the bits that say which rows are not NULL.
pub(crate) fn encode_validity(bits: &[u8], writer: &mut Writer) {
    let place = Place { position: writer.position(), level: 1 };
    plan(bits, &Stats::of(bits), place, Menu::SIMPLE).write(bits, writer);
}

/// Writes what needs no dictionary, such as the lengths of text, at whatever level.
pub(crate) fn encode_simple<T: Native>(values: &[T], stats: &Stats<T>, writer: &mut Writer) {
    let place = Place { position: writer.position(), level: 3 };
    plan(values, stats, place, Menu::SIMPLE).write(values, writer);
}

/// Writes the codes of a dictionary that is the node of a column.
pub(crate) fn encode_codes(codes: &[u32], writer: &mut Writer) {
    let place = Place { position: writer.position(), level: 2 };
    plan(codes, &Stats::of(codes), place, Menu::CODES).write(codes, writer);
}

/// Writes the codes of a dictionary outside of the block, of which the block may use a few.
pub(crate) fn encode_shared_codes(codes: &[u32], writer: &mut Writer) {
    let place = Place { position: writer.position(), level: 2 };
    plan(codes, &Stats::of(codes), place, Menu::SHARED_CODES).write(codes, writer);
}

impl<T: Native> Plan<T> {
    /// Writes the node, of which these are the values and which begins where it was planned to.
    pub(crate) fn write(&self, values: &[T], writer: &mut Writer) {
        match &self.kind {
            Kind::Leaf { leaf: Leaf::Constant, base } => Constant::encode(base.key(), writer),
            Kind::Leaf { leaf: Leaf::Plain(bytes), base } => {
                plain::encode(values, *base, *bytes, writer);
            }
            Kind::Leaf { leaf: Leaf::BitPacked(width), base } => {
                bit_packed::encode(values, *base, *width, writer);
            }
            Kind::RunLength(runs) => {
                let (ends, keys) = runs.as_ref();
                run_length::encode_header(ends.values.len(), writer);
                ends.write(writer);
                keys.write(writer);
            }
            Kind::MarkedRuns(runs) => {
                let (ends, keys) = runs.as_ref();
                marked::encode_header(ends, writer);
                keys.write(writer);
            }
            Kind::Sliced(parts) => {
                sliced::encode_header(parts.base, parts.low_bits, writer);
                parts.high.write(writer);
                parts.low.write(writer);
            }
            Kind::Dictionary(parts) => {
                let (keys, codes) = parts.as_ref();
                dictionary::encode_header(keys.values.len(), writer);
                keys.write(writer);
                codes.write(writer);
            }
            Kind::Patched(parts) => {
                patched::encode_header(parts.positions.values.len(), writer);
                parts.positions.write(writer);
                parts.keys.write(writer);
                parts.others.write(writer);
            }
            Kind::Delta(parts) => {
                delta::encode_header(writer);
                parts.0.write(writer);
                parts.1.write(writer);
            }
            Kind::Scaled { multiplier, base, multiples } => {
                scaled::encode_header(*multiplier, *base, writer);
                multiples.write(writer);
            }
            Kind::Sparse { key, bitmap, keys } => {
                sparse::encode_header(*key, keys.values.len(), bitmap, writer);
                keys.write(writer);
            }
            Kind::Alp { scale, integers } => {
                alp::encode_header(*scale, writer);
                integers.write(writer);
            }
        }
        debug_assert_eq!(writer.position(), self.end, "a node ends where it was planned to");
    }
}

impl<T: Native> Part<T> {
    fn write(&self, writer: &mut Writer) {
        self.plan.write(&self.values, writer);
    }
}

/// Writes floats with a given codec as [`encode_as`] does; ALP may lie below its exceptions.
pub(crate) fn encode_floats_as<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    codec: EncodingName,
    writer: &mut Writer,
) -> bool {
    if codec != EncodingName::Alp {
        return encode_as(values, stats, codec, writer);
    }
    let place = Place { position: writer.position(), level: 1 };
    let plan = Scale::of(values).and_then(|scale| plan::alp(values, scale, place));
    if let Some(plan) = &plan {
        plan.write(values, writer);
    }
    plan.is_some()
}

/// Writes values with a given codec at the root; false, and nothing written, if it cannot.
pub(crate) fn encode_as<T: Native>(
    values: &[T],
    stats: &Stats<T>,
    codec: EncodingName,
    writer: &mut Writer,
) -> bool {
    let place = Place { position: writer.position(), level: 1 };
    let range = stats.shape.range;
    let plan = match codec {
        EncodingName::Constant if range == 0 => Some(leaf(Leaf::Constant, stats, place)),
        EncodingName::Constant => None,
        EncodingName::Plain => Some(leaf(Leaf::Plain(plain::offset_bytes(range)), stats, place)),
        EncodingName::BitPacked => u64::try_from(range)
            .ok()
            .map(|range| leaf(Leaf::BitPacked(bit_packed::width(range)), stats, place)),
        EncodingName::RunLength => Some(plan::run_length(values, place, false)),
        EncodingName::Sliced => u64::try_from(range)
            .ok()
            .and_then(sliced::low_bits_of)
            .map(|low_bits| plan::sliced(values, stats.min, low_bits, place)),
        EncodingName::Dictionary => {
            Distinct::of(values, values.len()).map(|distinct| plan::dictionary(distinct, place))
        }
        EncodingName::Patched => {
            // The lower half of the range, whatever that makes an exception.
            let high = stats.min.key().wrapping_add((range / 2) as i128);
            plan::patched(values, stats.min, T::from_key(high), place)
        }
        EncodingName::Delta => plan::delta(values, stats, place),
        EncodingName::Scaled => plan::scaled(values, stats, place),
        EncodingName::Sparse => values.first().and_then(|&key| plan::sparse(values, key, place)),
        EncodingName::Alp | EncodingName::Fsst => None,
        EncodingName::Zstd => return encode_zstd(values, stats, writer),
    };
    let Some(plan) = plan else { return false };
    plan.write(values, writer);
    true
}

fn leaf<T: Native>(leaf: Leaf, stats: &Stats<T>, place: Place) -> Plan<T> {
    let end = leaf.estimate(place.position, stats.shape.rows);
    Plan { kind: Kind::Leaf { leaf, base: stats.min }, end }
}

fn encode_zstd<T: Native>(values: &[T], stats: &Stats<T>, writer: &mut Writer) -> bool {
    let bytes = plain::offset_bytes(stats.shape.range);
    let frame = zstd::frame(values, stats.min, bytes);
    if let Some(frame) = &frame {
        zstd::encode(stats.min, bytes, frame, writer);
    }
    frame.is_some()
}

#[cfg(test)]
mod tests;
