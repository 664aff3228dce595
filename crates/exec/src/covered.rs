//! Aggregates of whole blocks, answered by their zone maps: no block is read.
//!
//! ```text
//!   blocks of the scan   all rows satisfy the filters,      any doubt
//!                        and the zone map knows what is asked
//!                                   │                          │
//!                                totals                  rest: morsels to scan
//! ```
//!
//! What the caller makes of the rest is added to the totals. Both together are the exact answer.

use crate::scan::{Morsel, Scan};
use starfact_base::{ColumnId, Result, Scalar};
use starfact_encoding::Verdict;
use starfact_format::Zone;
use std::cmp::Ordering;

/// What is asked of a column besides its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneAggregate {
    /// The column.
    pub column: ColumnId,
    /// The least value.
    pub min: bool,
    /// The greatest value.
    pub max: bool,
    /// The sum, which only zone maps of integers and decimals have.
    pub sum: bool,
}

/// The totals of one column over the covered blocks.
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

/// What the zone maps answer, and what they leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Covered {
    /// Rows of the covered blocks, all of which satisfy the filters.
    pub rows: u64,
    /// The totals of each column that was asked for.
    pub totals: Vec<ColumnTotals>,
    /// The morsels that are not covered.
    pub rest: Vec<Morsel>,
}

impl Scan {
    /// Answers `asked` for the blocks that the filters of the scan cover completely, as far as
    /// their zone maps know it exactly. With zone maps switched off, everything is left to scan.
    ///
    /// # Errors
    /// A column file that is missing or damaged; a column that the table does not have.
    pub fn aggregate_from_zones(&self, asked: &[ZoneAggregate]) -> Result<Covered> {
        let totals = vec![ColumnTotals::default(); asked.len()];
        let mut covered = Covered { rows: 0, totals, rest: Vec::new() };
        for aggregate in asked {
            self.data_type(aggregate.column)?;
        }
        for morsel in self.morsels() {
            let totals = match self.options.zone_maps && self.covers(morsel)? {
                true => self.totals_with(morsel, asked, &covered.totals)?,
                false => None,
            };
            match totals {
                Some(totals) => {
                    covered.rows += morsel.rows() as u64;
                    covered.totals = totals;
                }
                None => covered.rest.push(*morsel),
            }
        }
        Ok(covered)
    }

    /// Whether the zone maps prove that all rows of a morsel satisfy the filters of the scan.
    fn covers(&self, morsel: &Morsel) -> Result<bool> {
        for filter in &self.filters {
            let is_covered = match self.segment(morsel)?.column(filter.column)? {
                None => self.null_satisfies(filter)?,
                Some(file) => file
                    .zones()
                    .get(morsel.block_idx)
                    .is_some_and(|zone| zone.verdict(&filter.predicate) == Verdict::All),
            };
            if !is_covered {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// `before` with the totals of a morsel; `None` if these are not known or do not fit.
    fn totals_with(
        &self,
        morsel: &Morsel,
        asked: &[ZoneAggregate],
        before: &[ColumnTotals],
    ) -> Result<Option<Vec<ColumnTotals>>> {
        let mut after = before.to_vec();
        for (aggregate, totals) in asked.iter().zip(&mut after) {
            // A column without a file is NULL throughout.
            let Some(file) = self.segment(morsel)?.column(aggregate.column)? else { continue };
            let zone = file.zones().get(morsel.block_idx);
            if !zone.is_some_and(|zone| totals.add(zone, aggregate)) {
                return Ok(None);
            }
        }
        Ok(Some(after))
    }
}

impl ColumnTotals {
    /// Adds a block; false if its zone map does not know what is asked, or if the sum does not fit.
    fn add(&mut self, zone: &Zone, asked: &ZoneAggregate) -> bool {
        let stats = &zone.stats;
        let count = stats.rows.saturating_sub(stats.nulls);
        if count == 0 {
            return true;
        }
        self.count += u64::from(count);
        let min = stats.min.as_ref().filter(|_| stats.min_exact);
        let max = stats.max.as_ref().filter(|_| stats.max_exact);
        if asked.min && !min.is_some_and(|min| keep(&mut self.min, min, Ordering::Less)) {
            return false;
        }
        if asked.max && !max.is_some_and(|max| keep(&mut self.max, max, Ordering::Greater)) {
            return false;
        }
        if asked.sum {
            match zone.sum.and_then(|sum| self.sum.checked_add(sum)) {
                Some(sum) => self.sum = sum,
                None => return false,
            }
        }
        true
    }
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
