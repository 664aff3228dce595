//! Checks a column file through and through: more than reading it needs.
//!
//! Reading verifies what it touches. A check touches everything, and also compares what is written
//! twice: what the zone map says of a block with what its values say, and each bitmap with the rows
//! that have its value. So it finds mistakes of a writer, which no checksum does.

use crate::bitmaps::BlockBitmaps;
use crate::reader::{ColumnBlock, ColumnFile};
use arrow::array::ArrayRef;
use starfact_base::{Corruption, Result, Scalar};
use starfact_encoding::{Aggregate, CompareOp, Predicate, Selection};
use std::cmp::Ordering;
use std::fmt::Display;

impl ColumnFile {
    /// Verifies the checksums of block `idx` and of its bitmaps, whatever the bytes mean.
    ///
    /// # Errors
    /// [`starfact_base::Error::Corrupt`] if they are not what was written.
    pub fn verify_bytes(&self, idx: usize) -> Result<()> {
        self.block_bytes(idx)?;
        let Some(bitmaps) = self.bitmaps(idx)? else { return Ok(()) };
        let rows = self.zones().get(idx).map_or(0, |zone| zone.stats.rows as usize);
        for value in 0..bitmaps.value_count() as u32 {
            if bitmaps.has_container(value) {
                bitmaps.rows_of(&[value], rows)?;
            }
        }
        Ok(())
    }

    /// Checks block `idx`: checksum, values, zone map and bitmaps. Returns its rows.
    ///
    /// # Errors
    /// [`starfact_base::Error::Corrupt`] says what is wrong first.
    pub fn check_block(&self, idx: usize) -> Result<ArrayRef> {
        let block = self.block(idx)?;
        let rows = block.decode(0..block.rows())?;
        let totals = block.aggregate(&Selection::all(block.rows()))?;
        self.check_zone(idx, &block, &totals)?;
        if let Some(bitmaps) = self.bitmaps(idx)? {
            self.check_bitmaps(idx, &block, &bitmaps)?;
        }
        Ok(rows)
    }

    /// Compares the zone map of a block with its values.
    fn check_zone(&self, idx: usize, block: &ColumnBlock, totals: &Aggregate) -> Result<()> {
        let Some(zone) = self.zones().get(idx) else { return Ok(()) };
        let stats = &zone.stats;
        let differs = |what: &str, expected: &dyn Display, found: &dyn Display| {
            let what = format!("{what} of block {idx} (zone map against values)");
            Err(Corruption::new(block.offset(), what, expected, found).in_file(self.path()))
        };
        let nulls = block.rows() as u64 - totals.count;
        if u64::from(stats.nulls) != nulls {
            return differs("NULLs", &nulls, &stats.nulls);
        }
        let bounds = [
            ("minimum", &stats.min, stats.min_exact, &totals.min, Ordering::Less),
            ("maximum", &stats.max, stats.max_exact, &totals.max, Ordering::Greater),
        ];
        for (what, bound, is_exact, value, beyond) in bounds {
            let holds = match (bound, value) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(bound), Some(value)) => match bound.compare(value) {
                    Some(Ordering::Equal) => true,
                    order => !is_exact && order == Some(beyond),
                },
            };
            if !holds {
                return differs(what, &show(value.as_ref()), &show(bound.as_ref()));
            }
        }
        if let (Some(expected), Some(found)) = (totals.sum, zone.sum)
            && expected != found
        {
            return differs("sum", &expected, &found);
        }
        if stats.present.is_empty() {
            return Ok(());
        }
        let mut others = Selection::all(block.rows());
        block.filter(&Predicate::In(stats.present.clone()), &mut others)?;
        if others.count() as u64 != totals.count {
            let (expected, found) = (totals.count, others.count());
            return differs("rows with the values", &expected, &found);
        }
        for value in &stats.present {
            if rows_with(block, value)?.is_empty() {
                return differs("values", &"values of the block", &show(Some(value)));
            }
        }
        Ok(())
    }

    /// Compares the bitmaps of a block with its values.
    fn check_bitmaps(
        &self,
        idx: usize,
        block: &ColumnBlock,
        bitmaps: &BlockBitmaps<'_>,
    ) -> Result<()> {
        for place in 0..bitmaps.value_count() as u32 {
            if !bitmaps.has_container(place) {
                continue;
            }
            let value = bitmaps.value(place)?;
            let expected = rows_with(block, &value)?;
            let found = bitmaps.rows_of(&[place], block.rows())?;
            if expected.words() != found.words() {
                let what = format!("bitmap of {} of block {idx}", show(Some(&value)));
                let expected = format!("the {} rows with that value", expected.count());
                let found = format!("{} rows, not the same", found.count());
                let damage = Corruption::new(bitmaps.offset(), what, expected, found);
                return Err(damage.in_file(self.path()));
            }
        }
        Ok(())
    }
}

/// The rows of a block with this value.
fn rows_with(block: &ColumnBlock, value: &Scalar) -> Result<Selection> {
    let mut rows = Selection::all(block.rows());
    let predicate = Predicate::Compare { op: CompareOp::Equal, value: value.clone() };
    block.filter(&predicate, &mut rows)?;
    Ok(rows)
}

fn show(value: Option<&Scalar>) -> String {
    match value {
        None => "none".into(),
        Some(Scalar::Integer(key)) => key.to_string(),
        Some(Scalar::Float(float)) => float.to_string(),
        Some(Scalar::String(text)) => format!("'{}'", text.escape_debug()),
    }
}

#[cfg(test)]
mod tests;
