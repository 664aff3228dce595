//! Columns of one morsel, opened once and decoded in pieces.
//!
//! A block keeps what it had to decompress, so reading it piece by piece costs no more than reading
//! it at once, and what is handed out is no larger than what was asked for.

use crate::source::Missing;
use crate::text_numbers::TextNumbers;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType as ArrowType, Decimal128Type, Int16Type, Int32Type};
use starfact_base::{ColumnId, Error, Result};
use starfact_encoding::{Codes, OrdinalCodes, Selection, SharedDictionary, TextPlaces, Widening};
use starfact_format::{ColumnBlock, ColumnFile};
use std::ops::Range;
use std::sync::Arc;

/// Rows that a run of survivors must have on the average to be decoded as a range.
const RUN_ROWS_MIN: usize = 256;

/// Columns of one morsel; [`crate::Scan::open`] makes them.
#[derive(Debug)]
pub struct MorselColumns {
    pub(crate) columns: Vec<OpenColumn>,
    pub(crate) rows: usize,
}

/// Blocks of one morsel that are open already: parsing one again would cost as much as the first
/// time.
#[derive(Debug, Default)]
pub struct OpenBlocks(Vec<(ColumnId, Arc<ColumnBlock>)>);

impl OpenBlocks {
    /// The block `idx` of a column, which is in `file`.
    pub(crate) fn get(
        &mut self,
        file: &ColumnFile,
        column: ColumnId,
        idx: usize,
    ) -> Result<Arc<ColumnBlock>> {
        if let Some((_, block)) = self.0.iter().find(|(known, _)| *known == column) {
            return Ok(Arc::clone(block));
        }
        let block = file.block(idx)?;
        self.0.push((column, Arc::clone(&block)));
        Ok(block)
    }
}

/// A column of a morsel.
#[derive(Debug)]
pub(crate) enum OpenColumn {
    /// Values of the column's type, or of one to be widened to it.
    Block(Arc<ColumnBlock>, Option<Widening>),
    /// The segment is older than the column.
    Missing(Missing),
    /// Codes of ordinals instead of these.
    Coded(Box<OpenColumn>, Arc<OrdinalCodes>),
    /// Codes of ordinals, all of them the same.
    Code(u32),
    /// Numbers in 64 bits.
    Words(Box<OpenColumn>),
}

/// What is given out of a column instead of its values.
#[derive(Clone, Debug)]
pub enum Given {
    /// Codes of the ordinals that it has.
    Codes(Arc<OrdinalCodes>),
    /// Its numbers in 64 bits, decimals without their point; whoever asks knows that they fit.
    Words,
}

impl MorselColumns {
    /// The values at the selected rows, one array a column.
    ///
    /// # Errors
    /// Damage.
    pub fn decode(&self, selection: &Selection) -> Result<Vec<ArrayRef>> {
        self.decode_coded(selection, &mut [])
    }

    /// The same with the numbers of texts, as BIGINT, in the places of columns for which `texts`
    /// has such.
    ///
    /// # Errors
    /// Damage.
    pub fn decode_coded(
        &self,
        selection: &Selection,
        texts: &mut [Option<TextNumbers>],
    ) -> Result<Vec<ArrayRef>> {
        let plan = Fetch::plan(selection, self.rows);
        let mut texts = texts.iter_mut();
        let column = |(place, column): (usize, &OpenColumn)| {
            let Some(Some(numbers)) = texts.next() else { return column.fetch(&plan) };
            if let Some(ColumnCodes { dictionary, codes }) = self.codes(place, selection)? {
                let numbers = numbers.of_codes(&dictionary, &codes);
                return Ok(Arc::new(Int64Array::from(numbers)) as ArrayRef);
            }
            let numbers = match column.distinct(selection)? {
                Some((texts, places)) => numbers.of_places(&texts, &places),
                None => numbers.of_array(&column.fetch(&plan)?),
            };
            Ok(Arc::new(Int64Array::from(numbers)) as ArrayRef)
        };
        self.columns.iter().enumerate().map(column).collect()
    }
}

/// Text of a column as codes, see [`MorselColumns::codes`].
#[derive(Clone, Debug)]
pub struct ColumnCodes {
    /// The dictionary; morsels that have the same one share the pointer.
    pub dictionary: Arc<SharedDictionary>,
    /// The codes of the selected rows.
    pub codes: Codes,
}

impl MorselColumns {
    /// The selected rows of the column at `place` as codes of the dictionary that its segment
    /// shares with others, without a look at a text; `None` if it has none.
    ///
    /// # Errors
    /// Damage, and a place that there is no column at.
    pub fn codes(&self, place: usize, selection: &Selection) -> Result<Option<ColumnCodes>> {
        let missing = || Error::internal(format!("column {place} of {}", self.columns.len()));
        let OpenColumn::Block(block, None) = self.columns.get(place).ok_or_else(missing)? else {
            return Ok(None);
        };
        let Some(codes) = block.codes(selection)? else { return Ok(None) };
        Ok(block.dictionary().map(|dictionary| {
            let dictionary = Arc::clone(dictionary);
            ColumnCodes { dictionary, codes }
        }))
    }
}

impl OpenColumn {
    /// The distinct texts of the block, and where those of the selected rows are among them, if the
    /// block keeps them.
    fn distinct(&self, selection: &Selection) -> Result<Option<(StringViewArray, TextPlaces)>> {
        let Self::Block(block, None) = self else { return Ok(None) };
        let Some(places) = block.places_of_texts(selection)? else { return Ok(None) };
        Ok(block.distinct_texts()?.map(|texts| (texts, places)))
    }

    fn fetch(&self, plan: &Fetch) -> Result<ArrayRef> {
        match self {
            Self::Block(block, None) => fetch(block, plan),
            Self::Block(block, Some(widening)) => {
                widening.array(&fetch(block, plan)?).map_err(Error::internal)
            }
            Self::Missing(missing) => missing.values(plan.row_count()),
            Self::Coded(ordinals, codes) => {
                if let (Self::Block(block, None), Fetch::Rows(rows)) = (ordinals.as_ref(), plan)
                    && let Some(found) = block.take_codes(rows, codes)?
                {
                    return Ok(found);
                }
                codes.of_array(&ordinals.fetch(plan)?).map_err(Error::internal)
            }
            Self::Words(column) => {
                if let Self::Block(block, None) = column.as_ref()
                    && let Some(found) = fetch_words(block, plan)?
                {
                    return Ok(found);
                }
                let words = words_of(&column.fetch(plan)?);
                words.ok_or_else(|| Error::internal("numbers that 64 bits do not hold"))
            }
            Self::Code(code) => {
                Ok(Arc::new(Int64Array::from_value((*code).into(), plan.row_count())))
            }
        }
    }
}

fn fetch(block: &ColumnBlock, plan: &Fetch) -> Result<ArrayRef> {
    match plan {
        Fetch::All(rows) => block.decode(0..*rows),
        Fetch::Rows(rows) => block.take(rows),
        Fetch::Ranges(ranges) => {
            let parts = ranges.iter().map(|range| block.decode(range.clone()));
            together(&parts.collect::<Result<Vec<_>>>()?)
        }
    }
}

fn fetch_words(block: &ColumnBlock, plan: &Fetch) -> Result<Option<ArrayRef>> {
    match plan {
        Fetch::All(rows) => block.decode_words(0..*rows),
        Fetch::Rows(rows) => block.take_words(rows),
        Fetch::Ranges(ranges) => {
            let parts = ranges.iter().map(|range| block.decode_words(range.clone()));
            let parts = parts.collect::<Result<Option<Vec<_>>>>()?;
            parts.map(|parts| together(&parts)).transpose()
        }
    }
}

fn together(parts: &[ArrayRef]) -> Result<ArrayRef> {
    match parts {
        [one] => Ok(Arc::clone(one)),
        parts => {
            let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
            concat(&parts).map_err(|error| Error::internal(error.to_string()))
        }
    }
}

/// Numbers in 64 bits; `None` if they do not fit.
fn words_of(array: &ArrayRef) -> Option<ArrayRef> {
    let words: Int64Array = match array.data_type() {
        ArrowType::Decimal128(..) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let is_word = |row: usize| i64::try_from(decimals.value(row)).is_ok();
            if !(0..decimals.len()).all(|row| decimals.is_null(row) || is_word(row)) {
                return None;
            }
            decimals.unary(|value| value as i64)
        }
        ArrowType::Int16 => array.as_primitive::<Int16Type>().unary(i64::from),
        ArrowType::Int32 => array.as_primitive::<Int32Type>().unary(i64::from),
        ArrowType::Int64 => return Some(Arc::clone(array)),
        _ => return None,
    };
    Some(Arc::new(words))
}

/// How to get at the selected rows of a block.
enum Fetch {
    All(usize),
    Ranges(Vec<Range<usize>>),
    Rows(Vec<u32>),
}

impl Fetch {
    /// A few long runs are decoded as ranges, everything else row by row.
    fn plan(selection: &Selection, rows: usize) -> Self {
        let selected = selection.count();
        if selected == rows {
            return Self::All(rows);
        }
        let is_few = selection.range_count() <= 1 + selected / RUN_ROWS_MIN;
        match is_few && selected > 0 {
            true => Self::Ranges(selection.ranges().collect()),
            false => Self::Rows(selection.indices()),
        }
    }

    fn row_count(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Ranges(ranges) => ranges.iter().map(ExactSizeIterator::len).sum(),
            Self::Rows(rows) => rows.len(),
        }
    }
}
