//! The values of a column in a segment, whether its file is of the column's type, of the type that
//! the column had when the file was written, or not there at all.

use crate::segment::Segment;
use crate::snapshot::Table;
use arrow::array::ArrayRef;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, DataType, Error, Result};
use starfact_encoding::{Widening, arrow_type, repeated};

impl Table {
    /// All values of one block of a column, hidden ones included, as the column's type.
    ///
    /// # Errors
    /// Damage; a column or a block that is not there.
    pub fn block_values(
        &self,
        segment: &Segment,
        column: ColumnId,
        block: usize,
    ) -> Result<ArrayRef> {
        self.values_of(segment, column, block, None)
    }

    /// The same of several columns.
    pub(crate) fn blocks_values(
        &self,
        segment: &Segment,
        columns: &[ColumnId],
        block: usize,
    ) -> Result<Vec<ArrayRef>> {
        columns.iter().map(|column| self.block_values(segment, *column, block)).collect()
    }

    /// The values of some rows of a block, or of all.
    pub(crate) fn values_of(
        &self,
        segment: &Segment,
        column: ColumnId,
        block: usize,
        rows: Option<&[u32]>,
    ) -> Result<ArrayRef> {
        let missing = || Error::internal(format!("no column {column} in table {}", self.name()));
        let data_type = self.schema.type_of(column).ok_or_else(missing)?;
        if rows.is_none()
            && let Some(kept) = segment.kept(column)
            && *kept.data_type() == arrow_type(data_type)
        {
            return Ok(kept);
        }
        let Some(file) = segment.column(column)? else {
            let before = (block as u64).saturating_mul(BLOCK_ROWS as u64);
            let all = segment.row_count().saturating_sub(before).min(BLOCK_ROWS as u64);
            return self.initial_values(column, rows.map_or(all as usize, <[u32]>::len));
        };
        let block = file.block(block)?;
        let values = match rows {
            None => block.decode(0..block.rows())?,
            Some(rows) => block.take(rows)?,
        };
        widened(values, file.data_type(), data_type)
    }

    /// What rows have in a column that was added after them.
    fn initial_values(&self, column: ColumnId, rows: usize) -> Result<ArrayRef> {
        let data_type = self.schema.type_of(column);
        let initial = self.column(column).and_then(|column| column.initial.as_ref());
        let initial = initial.map(|initial| initial.value());
        let values = data_type.and_then(|data_type| repeated(initial, data_type, rows));
        values.ok_or_else(|| Error::internal(format!("no initial value of column {column}")))
    }
}

/// Values of a file as the type that its column has now.
fn widened(values: ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef> {
    if from == to {
        return Ok(values);
    }
    let widening = Widening::new(from, to);
    let widening = widening.ok_or_else(|| Error::internal(format!("{from} in place of {to}")))?;
    widening.array(&values).map_err(Error::internal)
}
