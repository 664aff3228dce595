//! Totals of columns: by zone maps where the filters cover a block, which need not be read then,
//! and on encoded values elsewhere.
//!
//! ```text
//!   all rows satisfy the filters,            any doubt
//!   and the zone map knows what is asked
//!              │                                │
//!        add_covered                select, then add_selected
//!              └───────────► Totals ◄───────────┘
//! ```

use crate::scan::{Morsel, Scan};
use crate::source::{Question, Source, widened};
use starfact_base::{ColumnId, Error, Result, Scalar};
use starfact_encoding::{Aggregate, Selection, Verdict, Widening};
use starfact_format::Zone;
use std::cmp::Ordering;

/// What is asked of a column besides its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TotalsAsked {
    /// The column.
    pub column: ColumnId,
    /// The least value.
    pub min: bool,
    /// The greatest value.
    pub max: bool,
    /// The sum, which only integers and decimals have.
    pub sum: bool,
}

/// The totals of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnTotals {
    /// Rows that are not NULL.
    pub count: u64,
    /// The least value, if it was asked for; floats are in the total order of IEEE 754.
    pub min: Option<Scalar>,
    /// The greatest value, if it was asked for.
    pub max: Option<Scalar>,
    /// The sum, of decimals in units of the last digit; 0 if it was not asked for.
    pub sum: i128,
}

/// What some rows come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// How many they are.
    pub rows: u64,
    /// The totals of each column that is asked.
    pub columns: Vec<ColumnTotals>,
}

impl Totals {
    /// Those of no rows, for some columns.
    pub fn of(columns: usize) -> Self {
        Self { rows: 0, columns: vec![ColumnTotals::default(); columns] }
    }
}

impl Scan {
    /// Adds a morsel by its zone maps, if the filters of the scan cover it and if these know all
    /// that is asked. Otherwise, and with zone maps switched off, nothing is added and the answer
    /// is false.
    ///
    /// # Errors
    /// A column file that is missing or damaged.
    pub fn add_covered(
        &self,
        morsel: &Morsel,
        asked: &[TotalsAsked],
        totals: &mut Totals,
    ) -> Result<bool> {
        if !self.options.zone_maps || self.is_among() || !self.covers(morsel)? {
            return Ok(false);
        }
        let mut after = totals.columns.clone();
        for (asked, totals) in asked.iter().zip(&mut after) {
            let is_known = match self.source(morsel, asked.column)? {
                Source::Missing(missing) => {
                    totals.add_repeated(missing.value.as_ref(), morsel.rows() as u64, asked)
                }
                Source::File(file, widening) => {
                    let zone = file.zones().get(morsel.block_idx);
                    zone.is_some_and(|zone| totals.add_zone(zone, widening, asked))
                }
            };
            if !is_known {
                return Ok(false);
            }
        }
        *totals = Totals { rows: totals.rows + morsel.rows() as u64, columns: after };
        Ok(true)
    }

    /// Adds the selected rows of a morsel.
    ///
    /// # Errors
    /// A column file that is missing or damaged; a sum that 128 bits do not hold, or one that the
    /// type of the column does not have.
    pub fn add_selected(
        &self,
        morsel: &Morsel,
        selection: &Selection,
        asked: &[TotalsAsked],
        totals: &mut Totals,
    ) -> Result<()> {
        let selected = selection.count() as u64;
        totals.rows += selected;
        if selected == 0 {
            return Ok(());
        }
        for (asked, totals) in asked.iter().zip(&mut totals.columns) {
            let (file, widening) = match self.source(morsel, asked.column)? {
                Source::File(file, widening) => (file, widening),
                Source::Missing(missing) => {
                    if !totals.add_repeated(missing.value.as_ref(), selected, asked) {
                        return Err(no_sum());
                    }
                    continue;
                }
            };
            let block = file.block(morsel.block_idx)?;
            if asked.min || asked.max || asked.sum {
                totals.add_aggregate(&block.aggregate(selection)?, widening, asked)?;
            } else {
                totals.count += block.count(selection)?;
            }
        }
        Ok(())
    }

    /// Whether none of the rows of a morsel is deleted, and the zone maps prove that all satisfy
    /// the filters of the scan.
    fn covers(&self, morsel: &Morsel) -> Result<bool> {
        if !self.live(morsel)?.is_all() {
            return Ok(false);
        }
        for filter in &self.filters {
            let is_covered = match self.source(morsel, filter.column)?.ask(&filter.predicate)? {
                Question::Answered(holds) => holds,
                Question::OfFile(file, predicate) => {
                    let zone = file.zones().get(morsel.block_idx);
                    zone.is_some_and(|zone| zone.verdict(&predicate) == Verdict::All)
                }
            };
            if !is_covered {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl ColumnTotals {
    /// Adds a whole block; false if its zone map does not know what is asked, or if the sum does
    /// not fit.
    fn add_zone(&mut self, zone: &Zone, widening: Option<Widening>, asked: &TotalsAsked) -> bool {
        let stats = &zone.stats;
        let count = stats.rows.saturating_sub(stats.nulls);
        if count == 0 {
            return true;
        }
        self.count += u64::from(count);
        let min = widened(stats.min.as_ref().filter(|_| stats.min_exact), widening);
        let max = widened(stats.max.as_ref().filter(|_| stats.max_exact), widening);
        if asked.min && !min.is_some_and(|min| keep(&mut self.min, &min, Ordering::Less)) {
            return false;
        }
        if asked.max && !max.is_some_and(|max| keep(&mut self.max, &max, Ordering::Greater)) {
            return false;
        }
        !asked.sum || self.add_sum(zone.sum, widening)
    }

    /// Adds rows of one value; false if the sum does not fit, or if there is none.
    fn add_repeated(&mut self, value: Option<&Scalar>, rows: u64, asked: &TotalsAsked) -> bool {
        let Some(value) = value.filter(|_| rows > 0) else { return true };
        self.count += rows;
        let fits = |is_asked: bool, bound: &mut Option<Scalar>, order: Ordering| {
            !is_asked || keep(bound, value, order)
        };
        if !fits(asked.min, &mut self.min, Ordering::Less)
            || !fits(asked.max, &mut self.max, Ordering::Greater)
        {
            return false;
        }
        let sum = match value {
            Scalar::Integer(value) => value.checked_mul(rows.into()),
            Scalar::Float(_) | Scalar::String(_) => None,
        };
        !asked.sum || self.add_sum(sum, None)
    }

    /// Adds a sum of values that may be of an older type; false if it is not known or does not fit.
    fn add_sum(&mut self, sum: Option<i128>, widening: Option<Widening>) -> bool {
        let sum = match widening {
            Some(widening) => sum.and_then(|sum| widening.sum(sum)),
            None => sum,
        };
        match sum.and_then(|sum| self.sum.checked_add(sum)) {
            Some(sum) => self.sum = sum,
            None => return false,
        }
        true
    }

    /// Adds some rows of a block.
    fn add_aggregate(
        &mut self,
        rows: &Aggregate,
        widening: Option<Widening>,
        asked: &TotalsAsked,
    ) -> Result<()> {
        if rows.count == 0 {
            return Ok(());
        }
        self.count += rows.count;
        for (is_asked, value, bound, order) in [
            (asked.min, &rows.min, &mut self.min, Ordering::Less),
            (asked.max, &rows.max, &mut self.max, Ordering::Greater),
        ] {
            let Some(value) = widened(value.as_ref().filter(|_| is_asked), widening) else {
                continue;
            };
            if !keep(bound, &value, order) {
                return Err(Error::internal("bounds of two types in one column"));
            }
        }
        if asked.sum && !self.add_sum(rows.sum, widening) {
            return Err(no_sum());
        }
        Ok(())
    }
}

fn no_sum() -> Error {
    Error::internal("a sum that does not fit 128 bits")
}

/// Replaces `bound` by a value that lies further in the direction of `order`. True, unless the two
/// are of different types.
fn keep(bound: &mut Option<Scalar>, value: &Scalar, order: Ordering) -> bool {
    let found = bound.as_ref().map_or(Some(order), |bound| value.compare(bound));
    if found == Some(order) {
        *bound = Some(value.clone());
    }
    found.is_some()
}

#[cfg(test)]
mod tests;
