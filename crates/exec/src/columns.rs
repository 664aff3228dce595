//! Columns of one morsel, opened once and decoded in pieces.
//!
//! A block keeps what it had to decompress, so reading it piece by piece costs no more than reading
//! it at once, and what is handed out is no larger than what was asked for.

use crate::source::Missing;
use arrow::array::{ArrayRef, Int64Array};
use arrow::compute::concat;
use starfact_base::{ColumnId, Error, Result};
use starfact_encoding::{Codes, OrdinalCodes, Selection, SharedDictionary, Widening};
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
        let block = Arc::new(file.block(idx)?);
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
}

impl MorselColumns {
    /// The values at the selected rows, one array a column.
    ///
    /// # Errors
    /// Damage.
    pub fn decode(&self, selection: &Selection) -> Result<Vec<ArrayRef>> {
        let plan = Fetch::plan(selection, self.rows);
        self.columns.iter().map(|column| column.fetch(&plan)).collect()
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
            let parts: Vec<ArrayRef> =
                ranges.iter().map(|range| block.decode(range.clone())).collect::<Result<_>>()?;
            match parts.as_slice() {
                [one] => Ok(Arc::clone(one)),
                parts => {
                    let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
                    concat(&parts).map_err(|error| Error::internal(error.to_string()))
                }
            }
        }
    }
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
