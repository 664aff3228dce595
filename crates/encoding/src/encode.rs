//! From an Arrow array to the bytes of a block, and what is learned of the values on the way.

use crate::EncodingName;
use crate::bytes::Writer;
use crate::cpu::{self, Kernel};
use crate::integer::constant::Constant;
use crate::integer::encode as integers;
use crate::integer::stats::Stats;
use crate::native::{Native, float32_key, float64_key};
use crate::presence;
use crate::text::encode as text;
use crate::types::{Domain, arrow_type};
use arrow::array::{Array, AsArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, DecimalType, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::data_type::Physical;
use starfact_base::limits::{BLOCK_ROWS, DECIMAL_PRECISION_MAX};
use starfact_base::{DataType, Error, Result, Scalar};
use std::borrow::Cow;

/// How to encode. The default chooses by the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncodeOptions {
    /// The encoding of the values. A block whose values it cannot hold, such as a constant where
    /// values differ or bit-packed text, is encoded as if nothing were asked for.
    pub encoding: Option<EncodingName>,
    /// How much work to spend on the choice.
    pub effort: Effort,
}

/// How much work to spend on choosing an encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// All candidates are measured that may be smallest.
    #[default]
    Best,
    /// Only what follows from one pass over the values, for rows that are soon written again.
    Quick,
    /// As the best, for ordinals that are referred to: their high bits lie apart, so that sets of
    /// neighbours are found by looking at a byte a row.
    Ordinals,
}

/// An encoded block.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// What [`Block::parse`](crate::Block::parse) reads.
    pub bytes: Vec<u8>,
    /// Exact statistics of the rows.
    pub stats: BlockStats,
}

/// Exact statistics of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockStats {
    /// Rows, NULL or not.
    pub rows: u32,
    /// Rows that are NULL.
    pub nulls: u32,
    /// The least value; `None` if all rows are NULL. Floats are in the total order of IEEE 754.
    pub min: Option<Scalar>,
    /// The greatest value; `None` if all rows are NULL.
    pub max: Option<Scalar>,
    /// The distinct values, ascending, where they are at most
    /// [`PRESENT_MAX`](crate::PRESENT_MAX) and the bounds do not say as much; empty otherwise, and
    /// for floats.
    pub present: Vec<Scalar>,
    /// The sum of the values of an integer or a decimal type; `None` for other types, and if it
    /// does not fit.
    pub sum: Option<i128>,
}

/// Encodes the rows of `array`, at most 65,536 and exactly of the Arrow type of `ty`.
///
/// # Errors
/// [`Error::InvalidInput`] if a value does not fit the type, such as a decimal with more digits
/// than its precision; [`Error::Limit`] for too much text. Rows are counted from 1.
pub fn encode(array: &dyn Array, ty: DataType, options: &EncodeOptions) -> Result<Encoded> {
    let rows = array.len();
    if rows > BLOCK_ROWS || !ty.is_valid() || *array.data_type() != arrow_type(ty) {
        let found = array.data_type();
        let message = format!("{rows} rows of Arrow type {found} are not a block of type {ty}");
        return Err(Error::internal(message));
    }
    let mut writer = Writer::default();
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let validity = nulls.map(|nulls| bits(nulls.inner()));
    match &validity {
        None => Constant::encode(1, &mut writer),
        Some(bits) => integers::encode_validity(bits, &mut writer),
    }
    let mut column =
        Column { rows, validity: validity.as_deref(), options, writer, present: Vec::new() };
    let (bounds, sum) = column.encode(array, ty)?;
    let null_count = nulls.map_or(0, NullBuffer::null_count);
    let (min, max) = match bounds {
        Some((min, max)) if null_count < rows => (Some(min), Some(max)),
        _ => (None, None),
    };
    let present = column.present;
    let stats = BlockStats { rows: rows as u32, nulls: null_count as u32, min, max, present, sum };
    Ok(Encoded { bytes: column.writer.into_bytes(), stats })
}

/// Bits as bytes of 0 and 1.
fn bits(bits: &BooleanBuffer) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bits.len().next_multiple_of(64));
    for word in bits.bit_chunks().iter_padded() {
        bytes.extend((0..64).map(|bit| (word >> bit & 1) as u8));
    }
    bytes.truncate(bits.len());
    bytes
}

/// The least and the greatest value.
type Bounds = Option<(Scalar, Scalar)>;

/// A column whose values are being encoded.
struct Column<'a> {
    rows: usize,
    /// There if any row is NULL: 0 where one is, 1 elsewhere.
    validity: Option<&'a [u8]>,
    options: &'a EncodeOptions,
    writer: Writer,
    /// The distinct values, as in [`BlockStats`].
    present: Vec<Scalar>,
}

impl Column<'_> {
    /// Writes the values; returns their bounds, which mean nothing if all rows are NULL, and sum.
    fn encode(&mut self, array: &dyn Array, ty: DataType) -> Result<(Bounds, Option<i128>)> {
        let without_sum = |bounds| (bounds, None);
        Ok(match ty {
            DataType::Boolean => {
                let bits = bits(array.as_boolean().values());
                without_sum(self.integers(&self.filled(&bits)))
            }
            DataType::SmallInt => self.with_sum(native::<Int16Type>(array)),
            DataType::Integer => self.with_sum(native::<Int32Type>(array)),
            DataType::BigInt => self.with_sum(native::<Int64Type>(array)),
            DataType::Date => without_sum(self.integers(&self.filled(native::<Date32Type>(array)))),
            DataType::Time => {
                without_sum(self.integers(&self.filled(native::<Time64MicrosecondType>(array))))
            }
            DataType::Timestamp | DataType::TimestampTz => {
                without_sum(self.integers(&self.filled(native::<TimestampMicrosecondType>(array))))
            }
            DataType::Decimal { .. } => self.decimals(native::<Decimal128Type>(array), ty)?,
            DataType::Real => {
                let bits = native::<Float32Type>(array).iter().map(|float| float.to_bits() as i32);
                let keys: Vec<i32> = bits.map(float32_key).collect();
                let float = |key| f64::from(f32::from_bits(float32_key(key) as u32));
                without_sum(self.floats(&self.filled(&keys), i32::MIN, float))
            }
            DataType::Double => {
                let bits = native::<Float64Type>(array).iter().map(|float| float.to_bits() as i64);
                let keys: Vec<i64> = bits.map(float64_key).collect();
                let float = |key| f64::from_bits(float64_key(key) as u64);
                without_sum(self.floats(&self.filled(&keys), i64::MIN, float))
            }
            DataType::Varchar => {
                let column = text::Column::of(array.as_string_view())?;
                let text::Known { least, greatest, few } =
                    text::encode(&column, *self.options, &mut self.writer)?;
                self.present = few.into_iter().filter_map(string).collect();
                without_sum(string(least).zip(string(greatest)))
            }
        })
    }

    /// The values with those of NULL rows replaced by the value of the row before, or, before the
    /// first that is not NULL, by that one; so they neither end a run nor widen the range.
    fn filled<'v, T: Native>(&self, values: &'v [T]) -> Cow<'v, [T]> {
        let Some(validity) = self.validity else { return Cow::Borrowed(values) };
        let first = validity.iter().position(|&is_valid| is_valid == 1);
        let mut last = first.and_then(|row| values.get(row).copied()).unwrap_or_default();
        let rows = values.iter().zip(validity).map(|(&value, &is_valid)| {
            last = if is_valid == 1 { value } else { last };
            last
        });
        Cow::Owned(rows.collect())
    }

    fn with_sum<T: Native>(&mut self, values: &[T]) -> (Bounds, Option<i128>) {
        (self.integers(&self.filled(values)), self.sum(values))
    }

    /// Writes keys that are their values.
    fn integers<T: Native>(&mut self, keys: &[T]) -> Bounds {
        self.integers_of(keys, &Stats::of(keys))
    }

    fn integers_of<T: Native>(&mut self, keys: &[T], stats: &Stats<T>) -> Bounds {
        if !self.encode_as_asked(keys, stats) {
            integers::encode(keys, stats, self.options.effort, &mut self.writer);
        }
        self.present = presence::of_keys(keys, stats);
        Some((Scalar::Integer(stats.min.key()), Scalar::Integer(stats.max.key())))
    }

    /// Writes the keys of floats, of which `lowest` is the least possible.
    fn floats<T: Native>(&mut self, keys: &[T], lowest: T, float: impl Fn(T) -> f64) -> Bounds {
        let stats = Stats::of(keys);
        let asked = self.options.encoding.filter(|_| self.rows > 0);
        let encode_as = |name| integers::encode_floats_as(keys, &stats, name, &mut self.writer);
        if asked.is_some_and(encode_as) {
            // As asked.
        } else if self.options.effort == Effort::Quick {
            integers::encode(keys, &stats, Effort::Quick, &mut self.writer);
        } else {
            integers::encode_floats(keys, &stats, lowest, &mut self.writer);
        }
        Some((Scalar::Float(float(stats.min)), Scalar::Float(float(stats.max))))
    }

    /// Writes decimals, in 64 bits each where the type fits them.
    fn decimals(&mut self, values: &[i128], ty: DataType) -> Result<(Bounds, Option<i128>)> {
        if ty.physical() == Physical::Wide {
            let keys = self.filled(values);
            let stats = Stats::of(&keys);
            self.check_domain(values, ty, &stats, true)?;
            return Ok((self.integers_of(&keys, &stats), self.sum(values)));
        }
        let (narrow, fits) = cpu::run(Narrow(values));
        let keys = self.filled(&narrow);
        let stats = Stats::of(&keys);
        self.check_domain(values, ty, &stats, fits)?;
        Ok((self.integers_of(&keys, &stats), self.sum(&narrow)))
    }

    /// Finds the first value that `ty` does not have, if `stats`, the statistics of the same
    /// values, do not rule out that there is one. `fits` says that they lost nothing.
    fn check_domain<T: Native>(
        &self,
        values: &[i128],
        ty: DataType,
        stats: &Stats<T>,
        fits: bool,
    ) -> Result<()> {
        let domain = Domain::of(ty);
        if fits && domain.contains(stats.min.key()) && domain.contains(stats.max.key()) {
            return Ok(());
        }
        let is_valid = |row: usize| {
            self.validity.is_none_or(|validity| validity.get(row).is_some_and(|bit| *bit == 1))
        };
        let mut rows = values.iter().enumerate();
        match rows.find(|(row, value)| !domain.contains(**value) && is_valid(*row)) {
            None => Ok(()),
            Some((row, value)) => {
                let scale = if let DataType::Decimal { scale, .. } = ty { scale as i8 } else { 0 };
                let shown = Decimal128Type::format_decimal(*value, DECIMAL_PRECISION_MAX, scale);
                let row = row + 1;
                let message = format!("row {row} of the block: {shown} has more digits than {ty}");
                Err(Error::invalid(message))
            }
        }
    }

    /// Writes the keys in the encoding that was asked for; false if there is none, or if it cannot
    /// hold them.
    fn encode_as_asked<T: Native>(&mut self, keys: &[T], stats: &Stats<T>) -> bool {
        let asked = self.options.encoding.filter(|_| self.rows > 0);
        asked.is_some_and(|name| integers::encode_as(keys, stats, name, &mut self.writer))
    }

    /// The sum of the values that are not NULL, if it fits.
    fn sum<T: Native>(&self, values: &[T]) -> Option<i128> {
        let Some(validity) = self.validity else { return T::sum(values) };
        let zero = T::default();
        let valid = values.iter().zip(validity);
        let valid: Vec<T> =
            valid.map(|(&v, &is_valid)| if is_valid == 1 { v } else { zero }).collect();
        T::sum(&valid)
    }
}

/// The lower halves of decimals, and whether they are all there is.
struct Narrow<'a>(&'a [i128]);

impl Kernel for Narrow<'_> {
    type Output = (Vec<i64>, bool);

    #[inline(always)]
    fn run(self) -> (Vec<i64>, bool) {
        let mut lost = 0;
        let narrow = self.0.iter().map(|&value| {
            let low = value as i64;
            lost |= (value >> 64) as i64 ^ low >> 63;
            low
        });
        let narrow = narrow.collect();
        (narrow, lost == 0)
    }
}

/// The values of an array, whose type was checked; those of NULL rows may be anything.
fn native<P: ArrowPrimitiveType>(array: &dyn Array) -> &[P::Native] {
    array.as_primitive::<P>().values()
}

fn string(text: &[u8]) -> Option<Scalar> {
    std::str::from_utf8(text).ok().map(|text| Scalar::String(text.to_owned()))
}

#[cfg(test)]
mod tests;
