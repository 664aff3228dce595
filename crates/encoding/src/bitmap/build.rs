//! Makes the page of a block from its rows.

use super::choose::{BlockCost, Containers};
use super::{BITMAP_VALUES_MAX, ENTRY_BYTES, container};
use crate::encode::{EncodeOptions, encode};
use crate::integer::stats::Distinct;
use crate::native::{float32_key, float64_key};
use crate::text;
use crate::types::arrow_type;
use arrow::array::{Array, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use starfact_base::checksum::checksum;
use starfact_base::data_type::Physical;
use starfact_base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use starfact_base::{DataType, Error, Result};

/// The bitmap index of a block in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitmapPage {
    /// What [`super::BitmapDirectory::parse`] reads.
    pub directory: Vec<u8>,
    /// The containers, one behind the other.
    pub containers: Vec<u8>,
    /// Distinct values of the block.
    pub values: u32,
    /// Values that have a container.
    pub indexed: u32,
}

impl BitmapPage {
    /// Bytes of all of it.
    pub fn byte_len(&self) -> usize {
        self.directory.len() + self.containers.len()
    }
}

/// The index of the rows of `array`, at most 65,536 and exactly of the Arrow type of `ty`, whose
/// block takes `block_bytes`. `None` if there are too many distinct values, none at all, or if it
/// would never be read: if no container costs less than the block, or if the directory is longer
/// than it. Without `block_bytes`, every value has a container.
///
/// # Errors
/// Rows that are no block of the type.
pub fn bitmaps(
    array: &dyn Array,
    ty: DataType,
    block_bytes: Option<usize>,
) -> Result<Option<BitmapPage>> {
    let rows = array.len();
    if rows > BLOCK_ROWS || !ty.is_valid() || *array.data_type() != arrow_type(ty) {
        let found = array.data_type();
        let message = format!("{rows} rows of Arrow type {found} are not a block of type {ty}");
        return Err(Error::internal(message));
    }
    let Some(groups) = codes(array, ty)?.map(|codes| group(array, &codes)) else { return Ok(None) };
    let vectors = rows.div_ceil(VECTOR_ROWS);
    let block = block_bytes.map(|bytes| BlockCost { bytes, vectors, vectors_total: vectors });
    let pays =
        |bytes: usize| block.is_none_or(|block| (Containers { count: 1, bytes }).pay(&block));
    let is_longer = |bytes: usize| block_bytes.is_some_and(|block_bytes| bytes > block_bytes);
    let mut page = BitmapPage { values: groups.len() as u32, ..BitmapPage::default() };
    for group in &groups {
        let start = page.containers.len();
        let runs = group.chunk_by(|a, b| a.checked_add(1) == Some(*b)).count();
        let bytes = container::byte_len(group.len(), runs, rows);
        if pays(bytes) {
            container::encode(group, rows, &mut page.containers);
            page.indexed += 1;
        }
        let bytes = page.containers.get(start..).unwrap_or_default();
        page.directory.extend(((group.len() - 1) as u16).to_le_bytes());
        page.directory.extend((bytes.len() as u16).to_le_bytes());
        page.directory.extend(checksum(bytes).to_le_bytes());
    }
    if page.indexed == 0 || is_longer(groups.len() * ENTRY_BYTES) {
        return Ok(None);
    }
    let first = groups.iter().filter_map(|group| group.first().copied().map(u32::from));
    let values = take(array, &UInt32Array::from_iter_values(first), None)
        .map_err(|error| Error::internal(error.to_string()))?;
    page.directory.extend(encode(values.as_ref(), ty, &EncodeOptions::default())?.bytes);
    Ok((!is_longer(page.directory.len())).then_some(page))
}

/// The rows of each code, of codes in ascending order; those that are NULL have none.
fn group(array: &dyn Array, codes: &[u32]) -> Vec<Vec<u16>> {
    let count = codes.iter().max().map_or(0, |max| *max as usize + 1);
    let mut groups: Vec<Vec<u16>> = vec![Vec::new(); count];
    for (row, code) in codes.iter().enumerate().filter(|(row, _)| array.is_valid(*row)) {
        if let Some(group) = groups.get_mut(*code as usize) {
            group.push(row as u16);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// For each row the place of its value among the distinct ones, ascending; those of NULLs mean
/// nothing. `None` if there are too many.
fn codes(array: &dyn Array, ty: DataType) -> Result<Option<Vec<u32>>> {
    macro_rules! of {
        ($type:ty) => {
            of_keys(array, array.as_primitive::<$type>().values().iter().copied().map(i64::from))
        };
    }
    Ok(match ty {
        DataType::Varchar => {
            let column = text::encode::Column::of(array.as_string_view())?;
            text::distinct::codes(&column, BITMAP_VALUES_MAX)
        }
        DataType::Boolean => of_keys(array, array.as_boolean().values().iter().map(i64::from)),
        DataType::SmallInt => of!(Int16Type),
        DataType::Integer => of!(Int32Type),
        DataType::Date => of!(Date32Type),
        DataType::BigInt => of!(Int64Type),
        DataType::Time => of!(Time64MicrosecondType),
        DataType::Timestamp | DataType::TimestampTz => of!(TimestampMicrosecondType),
        DataType::Real => {
            let floats = array.as_primitive::<Float32Type>().values().iter();
            of_keys(array, floats.map(|float| float32_key(float.to_bits() as i32)))
        }
        DataType::Double => {
            let floats = array.as_primitive::<Float64Type>().values().iter();
            of_keys(array, floats.map(|float| float64_key(float.to_bits() as i64)))
        }
        DataType::Decimal { .. } => {
            let values = array.as_primitive::<Decimal128Type>().values().iter();
            match ty.physical() {
                Physical::Wide => of_keys(array, values.copied()),
                _ => of_keys(array, values.map(|value| *value as i64)),
            }
        }
    })
}

fn of_keys<T: crate::native::Native>(
    array: &dyn Array,
    keys: impl Iterator<Item = T>,
) -> Option<Vec<u32>> {
    // The value of a NULL is that of the row before, so that it is none of its own.
    let mut last = None;
    let mut keys: Vec<Option<T>> = keys
        .enumerate()
        .map(|(row, key)| {
            last = if array.is_valid(row) { Some(key) } else { last };
            last
        })
        .collect();
    let first = keys.iter().flatten().next().copied().unwrap_or_default();
    let keys: Vec<T> = keys.drain(..).map(|key| key.unwrap_or(first)).collect();
    Distinct::of(&keys, BITMAP_VALUES_MAX).map(|distinct| distinct.codes)
}
