//! Normal keys: the values of several columns of one row as one number or byte string that
//! compares, hashes and is equal as they do, column by column.
//!
//! ```text
//!  (INTEGER, INTEGER)    u64         value 1 · value 2, each with its sign bit turned
//!  (BIGINT, INTEGER)     u128        0 … · value 1 · value 2
//!  SORTED BY a NULL-able  …          NULL bit · value, so that NULLs come last
//!  text, floats, more    Box<[u8]>   the row format of Arrow
//! ```
//!
//! As few bits as the types need decide which of the three a list of columns gets; everything that
//! works with keys is generic over [`NormalKey`].

use crate::keys::memory::AnyKeys;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, new_null_array};
use arrow::array::{BooleanArray, Float32Array, Float64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType as ArrowType, Date32Type, Decimal128Type, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::row::{RowConverter, SortField};
use starfact_base::data_type::Physical;
use starfact_base::{DataType, Error, Result, Scalar};
use starfact_encoding::{Widening, arrow_type, data_type_of};
use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// Whether a column of one type may reference a key column of the other.
pub(crate) fn are_comparable(a: DataType, b: DataType) -> bool {
    use DataType::{BigInt, Decimal, Integer, SmallInt};
    match (a, b) {
        (SmallInt | Integer | BigInt, SmallInt | Integer | BigInt) => true,
        (Decimal { scale: a, .. }, Decimal { scale: b, .. }) => a == b,
        _ => a == b,
    }
}

/// How the columns of a key, or of a sort order, become normal keys.
#[derive(Debug)]
pub(crate) struct Layout {
    parts: Vec<Part>,
    width: Width,
    /// Whether floats that are equal in SQL get equal keys: 0.0 and -0.0, and all NaNs.
    unifies_floats: bool,
    converter: Option<RowConverter>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    data_type: DataType,
    /// Bits of a value; `None` if only the byte form holds it.
    bits: Option<u32>,
    /// Whether a NULL bit goes before the value.
    nullable: bool,
}

/// Which type the normal keys have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    /// `u64`
    Word,
    /// `u128`
    Double,
    /// `Box<[u8]>`
    Bytes,
}

/// Evaluates an expression with the type of a layout's normal keys under a name of choice.
macro_rules! by_width {
    ($layout:expr, $key:ident => $expression:expr) => {
        match $layout.width() {
            $crate::keys::layout::Width::Word => {
                type $key = u64;
                $expression
            }
            $crate::keys::layout::Width::Double => {
                type $key = u128;
                $expression
            }
            $crate::keys::layout::Width::Bytes => {
                type $key = Box<[u8]>;
                $expression
            }
        }
    };
}
pub(crate) use by_width;

impl Layout {
    /// For a key. Rows with a NULL are outside of it: what they are encoded to has no meaning.
    pub(crate) fn for_key(types: &[DataType]) -> Result<Self> {
        Self::new(types.iter().map(|ty| (*ty, false)), true)
    }

    /// For a sort order: of each column its type, and whether it may hold NULL.
    pub(crate) fn for_sort(columns: impl Iterator<Item = (DataType, bool)>) -> Result<Self> {
        Self::new(columns, false)
    }

    fn new(columns: impl Iterator<Item = (DataType, bool)>, unifies_floats: bool) -> Result<Self> {
        let part = |(data_type, nullable)| Part { data_type, bits: bits_of(data_type), nullable };
        let parts: Vec<Part> = columns.map(part).collect();
        let width = match parts.iter().map(Part::total_bits).sum::<Option<u32>>() {
            Some(0..=64) => Width::Word,
            Some(65..=128) => Width::Double,
            _ => Width::Bytes,
        };
        let converter = if width == Width::Bytes {
            let options = SortOptions { descending: false, nulls_first: false };
            let field =
                |part: &Part| SortField::new_with_options(arrow_type(part.data_type), options);
            Some(RowConverter::new(parts.iter().map(field).collect()).map_err(ours)?)
        } else {
            None
        };
        Ok(Self { parts, width, unifies_floats, converter })
    }

    pub(crate) fn width(&self) -> Width {
        self.width
    }

    /// The types of its columns.
    pub(crate) fn types(&self) -> impl Iterator<Item = DataType> {
        self.parts.iter().map(|part| part.data_type)
    }

    fn first_type(&self) -> Option<DataType> {
        self.types().next()
    }

    /// The columns cast to this layout's types. What does not fit becomes NULL.
    pub(crate) fn fit(&self, columns: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
        let fit = |(column, ty): (ArrayRef, DataType)| {
            let wanted = arrow_type(ty);
            if column.data_type() == &wanted {
                return Ok(column);
            }
            let found = data_type_of(column.data_type());
            match found.and_then(|found| Widening::new(found, ty)) {
                Some(widening) => widening.array(&column).map_err(Error::internal),
                None => arrow::compute::cast(&column, &wanted).map_err(ours),
            }
        };
        columns.into_iter().zip(self.types()).map(fit).collect()
    }

    /// A value of the first column, of a file of this type, as one of the layout's; `None` if it
    /// has none.
    pub(crate) fn fit_first<'a>(
        &self,
        from: DataType,
        value: &'a Scalar,
    ) -> Option<Cow<'a, Scalar>> {
        match self.first_type()? {
            to if from == to => Some(Cow::Borrowed(value)),
            to => Widening::new(from, to)?.scalar(value).map(Cow::Owned),
        }
    }

    fn converter(&self) -> Result<&RowConverter> {
        self.converter.as_ref().ok_or_else(|| Error::internal("a key of another width"))
    }
}

impl Part {
    fn total_bits(&self) -> Option<u32> {
        Some(self.bits? + u32::from(self.nullable))
    }
}

fn bits_of(ty: DataType) -> Option<u32> {
    Some(match ty {
        DataType::Boolean => 1,
        DataType::SmallInt => 16,
        DataType::Integer | DataType::Date => 32,
        DataType::BigInt | DataType::Time | DataType::Timestamp | DataType::TimestampTz => 64,
        DataType::Decimal { .. } if ty.physical() == Physical::Wide => 128,
        DataType::Decimal { .. } => 64,
        DataType::Real | DataType::Double | DataType::Varchar => return None,
    })
}

/// The rows in which any of the columns is NULL.
pub(crate) fn nulls_of(columns: &[ArrayRef]) -> Option<NullBuffer> {
    let nulls = columns.iter().map(|column| column.logical_nulls());
    nulls.fold(None, |all, one| NullBuffer::union(all.as_ref(), one.as_ref()))
}

/// A key of one row, as [`Layout`] makes it.
pub(crate) trait NormalKey: Clone + Debug + Eq + Hash + Ord + Send + Sync + 'static {
    /// Bytes that it takes in memory.
    fn byte_len(&self) -> usize;

    /// The keys of all rows of `columns`, which have the layout's types.
    fn encode(layout: &Layout, columns: &[ArrayRef]) -> Result<Vec<Self>>;

    /// The columns that `keys` were made from.
    fn decode(layout: &Layout, keys: &[Self]) -> Result<Vec<ArrayRef>>;

    /// The value of the first column as zone maps have it; `None` if theirs is another order.
    fn first(&self, layout: &Layout) -> Option<Scalar>;

    /// Its distance from a lower key of one column, if that is a small number.
    fn offset_from(&self, base: &Self) -> Option<u64>;

    /// Bytes that are equal if and only if the keys are.
    fn bytes(&self) -> Vec<u8>;

    /// Keys whose width is not in their type any more.
    fn wrap(keys: Vec<Self>) -> AnyKeys;

    /// The inverse of [`NormalKey::wrap`]; `None` if they are of another width.
    fn unwrap(keys: &AnyKeys) -> Option<&[Self]>;
}

macro_rules! fixed_key {
    ($word:ty, $width:ident) => {
        impl NormalKey for $word {
            fn byte_len(&self) -> usize {
                size_of::<Self>()
            }

            fn encode(layout: &Layout, columns: &[ArrayRef]) -> Result<Vec<Self>> {
                let rows = columns.first().map_or(0, |column| column.len());
                let mut keys: Vec<$word> = vec![0; rows];
                for (part, column) in layout.parts.iter().zip(columns) {
                    let bits = part.total_bits().unwrap_or_default();
                    let room = <$word>::BITS - bits.min(<$word>::BITS);
                    let mut nulls = column.logical_nulls().filter(|_| part.nullable);
                    let null_bit = if room + 1 > <$word>::BITS || !part.nullable {
                        0
                    } else {
                        (1 as $word) << (bits - 1)
                    };
                    for_each_value(part.data_type, column, |row, value| {
                        let value = value as $word;
                        let Some(key) = keys.get_mut(row) else { return };
                        *key = key.checked_shl(bits).unwrap_or(0) | value;
                    })?;
                    if let Some(nulls) = nulls.take() {
                        for (row, key) in keys.iter_mut().enumerate() {
                            if nulls.is_null(row) {
                                // The value below a NULL has no meaning: drop it.
                                let high = key.checked_shr(bits).unwrap_or(0);
                                *key = high.checked_shl(bits).unwrap_or(0) | null_bit;
                            }
                        }
                    }
                }
                Ok(keys)
            }

            fn decode(layout: &Layout, keys: &[Self]) -> Result<Vec<ArrayRef>> {
                let mut below = 0;
                let mut columns = Vec::with_capacity(layout.parts.len());
                for part in layout.parts.iter().rev() {
                    let bits = part.bits.unwrap_or_default();
                    let mask = <$word>::MAX >> (<$word>::BITS - bits.clamp(1, <$word>::BITS));
                    let values = keys
                        .iter()
                        .map(|key| u128::from(key.checked_shr(below).unwrap_or(0) & mask));
                    columns.push(from_values(part.data_type, values)?);
                    below += part.total_bits().unwrap_or_default();
                }
                columns.reverse();
                Ok(columns)
            }

            fn first(&self, layout: &Layout) -> Option<Scalar> {
                let part = layout.parts.first()?;
                let all: u32 = layout.parts.iter().filter_map(Part::total_bits).sum();
                let value = u128::from(self.checked_shr(all - part.total_bits()?).unwrap_or(0));
                Some(Scalar::Integer(signed(value, part.bits?)))
            }

            fn offset_from(&self, base: &Self) -> Option<u64> {
                self.checked_sub(*base).and_then(|offset| u64::try_from(offset).ok())
            }

            fn bytes(&self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }

            fn wrap(keys: Vec<Self>) -> AnyKeys {
                AnyKeys::$width(keys)
            }

            fn unwrap(keys: &AnyKeys) -> Option<&[Self]> {
                match keys {
                    AnyKeys::$width(keys) => Some(keys),
                    _ => None,
                }
            }
        }
    };
}

fixed_key!(u64, Word);
fixed_key!(u128, Double);

impl NormalKey for Box<[u8]> {
    fn byte_len(&self) -> usize {
        // What an allocation costs beside its bytes is not exact, but not nothing either.
        size_of::<Self>() + self.len() + 16
    }

    fn encode(layout: &Layout, columns: &[ArrayRef]) -> Result<Vec<Self>> {
        let unified: Vec<ArrayRef>;
        let columns = if layout.unifies_floats {
            unified = columns.iter().map(unify_floats).collect();
            &unified
        } else {
            columns
        };
        let rows = layout.converter()?.convert_columns(columns).map_err(ours)?;
        Ok(rows.iter().map(|row| row.data().into()).collect())
    }

    fn decode(layout: &Layout, keys: &[Self]) -> Result<Vec<ArrayRef>> {
        if keys.is_empty() {
            return Ok(layout.types().map(|ty| new_null_array(&arrow_type(ty), 0)).collect());
        }
        let converter = layout.converter()?;
        let parser = converter.parser();
        converter.convert_rows(keys.iter().map(|key| parser.parse(key))).map_err(ours)
    }

    fn first(&self, layout: &Layout) -> Option<Scalar> {
        let columns = Self::decode(layout, std::slice::from_ref(self)).ok()?;
        let column = columns.first()?;
        match layout.first_type()? {
            DataType::Varchar => Some(Scalar::String(column.as_string_view().value(0).to_owned())),
            DataType::Real | DataType::Double => None,
            ty => {
                let mut first = None;
                let bits = bits_of(ty)?;
                for_each_value(ty, column, |_, value| first = Some(signed(value, bits))).ok()?;
                first.map(Scalar::Integer)
            }
        }
    }

    fn offset_from(&self, _base: &Self) -> Option<u64> {
        None
    }

    fn bytes(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn wrap(keys: Vec<Self>) -> AnyKeys {
        AnyKeys::Bytes(keys)
    }

    fn unwrap(keys: &AnyKeys) -> Option<&[Self]> {
        match keys {
            AnyKeys::Bytes(keys) => Some(keys),
            _ => None,
        }
    }
}

/// Calls `visit` with every row and its value, mapped to an unsigned number in the same order.
/// NULLs are visited too, with whatever is below them.
fn for_each_value(
    ty: DataType,
    column: &ArrayRef,
    mut visit: impl FnMut(usize, u128),
) -> Result<()> {
    let mut each = |row: usize, value: i128, bits: u32| visit(row, unsigned(value, bits));
    let bits = bits_of(ty).unwrap_or_default();
    macro_rules! primitive {
        ($arrow:ty) => {{
            let column = column.as_primitive_opt::<$arrow>().ok_or_else(|| unfit(ty, column))?;
            for (row, value) in column.values().iter().enumerate() {
                each(row, i128::from(*value), bits);
            }
        }};
    }
    match ty {
        DataType::Boolean => {
            let column = column.as_boolean_opt().ok_or_else(|| unfit(ty, column))?;
            for (row, value) in column.values().iter().enumerate() {
                visit(row, u128::from(value));
            }
        }
        DataType::SmallInt => primitive!(Int16Type),
        DataType::Integer => primitive!(Int32Type),
        DataType::Date => primitive!(Date32Type),
        DataType::BigInt => primitive!(Int64Type),
        DataType::Time => primitive!(Time64MicrosecondType),
        DataType::Timestamp | DataType::TimestampTz => primitive!(TimestampMicrosecondType),
        DataType::Decimal { .. } => primitive!(Decimal128Type),
        DataType::Real | DataType::Double | DataType::Varchar => return Err(unfit(ty, column)),
    }
    Ok(())
}

/// Turns the sign bit, which makes the order of signed numbers that of unsigned ones. One bit is a
/// BOOLEAN, which has no sign.
#[inline(always)]
fn unsigned(value: i128, bits: u32) -> u128 {
    match bits {
        0 | 1 => value as u128 & 1,
        128 => (value as u128) ^ (1 << 127),
        _ => (value as u128 ^ (1 << (bits - 1))) & ((1 << bits) - 1),
    }
}

/// The inverse of [`unsigned`].
fn signed(value: u128, bits: u32) -> i128 {
    match bits {
        0 | 1 => value as i128,
        128 => (value ^ (1 << 127)) as i128,
        _ => value as i128 - (1 << (bits - 1)),
    }
}

/// The array of type `ty` with these values, mapped by [`unsigned`].
fn from_values(ty: DataType, values: impl Iterator<Item = u128>) -> Result<ArrayRef> {
    let bits = bits_of(ty).unwrap_or_default();
    let signed = values.map(|value| signed(value, bits));
    fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>, ty: DataType) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::new(values.into(), None).with_data_type(arrow_type(ty)))
    }
    Ok(match ty {
        DataType::Boolean => Arc::new(signed.map(|v| Some(v != 0)).collect::<BooleanArray>()),
        DataType::SmallInt => primitive::<Int16Type>(signed.map(|v| v as i16).collect(), ty),
        DataType::Integer => primitive::<Int32Type>(signed.map(|v| v as i32).collect(), ty),
        DataType::Date => primitive::<Date32Type>(signed.map(|v| v as i32).collect(), ty),
        DataType::BigInt => primitive::<Int64Type>(signed.map(|v| v as i64).collect(), ty),
        DataType::Time => {
            primitive::<Time64MicrosecondType>(signed.map(|v| v as i64).collect(), ty)
        }
        DataType::Timestamp | DataType::TimestampTz => {
            primitive::<TimestampMicrosecondType>(signed.map(|v| v as i64).collect(), ty)
        }
        DataType::Decimal { .. } => primitive::<Decimal128Type>(signed.collect(), ty),
        DataType::Real | DataType::Double | DataType::Varchar => {
            return Err(Error::internal(format!("a key of fixed width of type {ty}")));
        }
    })
}

/// Gives all floats that are equal in SQL one bit pattern.
fn unify_floats(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        ArrowType::Float32 => {
            let unify = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
            let unified: Float32Array = column.as_primitive::<Float32Type>().unary(unify);
            Arc::new(unified)
        }
        ArrowType::Float64 => {
            let unify = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
            let unified: Float64Array = column.as_primitive::<Float64Type>().unary(unify);
            Arc::new(unified)
        }
        _ => Arc::clone(column),
    }
}

fn unfit(ty: DataType, column: &ArrayRef) -> Error {
    Error::internal(format!("a key column of {ty} in an array of {}", column.data_type()))
}

/// An Arrow kernel refuses only what we should not have asked of it.
pub(crate) fn ours(error: arrow::error::ArrowError) -> Error {
    Error::internal(error.to_string())
}

#[cfg(test)]
mod tests;
