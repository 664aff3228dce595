//! Which row of the input became which row of the table: for messages only.

use arrow::array::{Array, AsArray, UInt32Array};
use arrow::datatypes::Int64Type;
use starfact_base::Result;
use starfact_base::limits::BLOCK_ROWS;
use starfact_format::ColumnFile;
use std::sync::Arc;

/// The numbers of input rows, by the place that they were given.
#[derive(Debug)]
pub(crate) enum RowNumbers {
    /// Rows are in the order of the input.
    InOrder,
    /// The row of the input, from 0, for each row.
    Order(UInt32Array),
    /// Files that say so, one a segment, from 1.
    Files(Vec<Arc<ColumnFile>>),
}

impl RowNumbers {
    /// The number of the input row, from 1, that is now the row `place` of this load.
    pub(crate) fn number(&self, place: u64) -> Result<u64> {
        match self {
            Self::InOrder => Ok(place + 1),
            Self::Order(order) => {
                let row = order.values().get(place as usize).copied().unwrap_or_default();
                Ok(u64::from(row) + 1)
            }
            Self::Files(files) => {
                let mut place = place;
                for file in files {
                    if place < file.rows() {
                        return read(file, place);
                    }
                    place -= file.rows();
                }
                Ok(0)
            }
        }
    }
}

fn read(file: &ColumnFile, place: u64) -> Result<u64> {
    let block = file.block((place / BLOCK_ROWS as u64) as usize)?;
    let array = block.take(&[(place % BLOCK_ROWS as u64) as u32])?;
    let numbers = array.as_primitive_opt::<Int64Type>().filter(|numbers| !numbers.is_empty());
    Ok(numbers.map_or(0, |numbers| numbers.value(0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use starfact_base::DataType;
    use starfact_encoding::EncodeOptions;
    use starfact_format::ColumnWriter;
    use starfact_vfs::MemDir;

    #[test]
    fn numbers_are_found_across_files_and_blocks() {
        let dir = MemDir::new();
        let rows = 2 * BLOCK_ROWS as i64 + 5;
        let file = |name: &str, first: i64| {
            let options = EncodeOptions::default();
            let mut writer = ColumnWriter::create(&dir, name, DataType::BigInt, options).unwrap();
            let values: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
            writer.append(&values).unwrap();
            writer.finish().unwrap();
            Arc::new(ColumnFile::open(&dir, name).unwrap())
        };
        let numbers = RowNumbers::Files(vec![file("a", 1_000_000), file("b", 0)]);
        for place in [0, 1, BLOCK_ROWS as u64, rows as u64 - 1] {
            assert_eq!(numbers.number(place).unwrap(), 1_000_000 + place);
            assert_eq!(numbers.number(rows as u64 + place).unwrap(), place);
        }
        assert_eq!(RowNumbers::InOrder.number(7).unwrap(), 8);
        assert_eq!(RowNumbers::Order(vec![2, 0, 1].into()).number(0).unwrap(), 3);
    }
}
