//! Exact statistics of a column, put together from the zone maps of its blocks.

use crate::source::{Missing, Source, widened};
use starfact_base::{ColumnId, Result, Scalar};
use starfact_store::Table;
use std::cmp::Ordering;

/// What the zone maps say of a whole column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnBounds {
    /// NULLs in the column.
    pub nulls: u64,
    /// The least value; `None` if there is none or it is not known exactly.
    pub min: Option<Scalar>,
    /// The greatest value; `None` if there is none or it is not known exactly.
    pub max: Option<Scalar>,
}

/// Reads the footers of a column and combines its zone maps.
///
/// # Errors
/// A column file that is missing or damaged.
pub fn column_bounds(table: &Table, column: ColumnId) -> Result<ColumnBounds> {
    let mut bounds = ColumnBounds::default();
    let (mut min_known, mut max_known) = (true, true);
    for segment in table.segments() {
        let (file, widening) = match Source::of(table, segment, column)? {
            Source::File(file, widening) => (file, widening),
            Source::Missing(Missing { value: None, .. }) => {
                bounds.nulls += segment.row_count();
                continue;
            }
            Source::Missing(Missing { value, .. }) => {
                widen(&mut bounds.min, &value, Ordering::Less);
                widen(&mut bounds.max, &value, Ordering::Greater);
                continue;
            }
        };
        for zone in file.zones() {
            let stats = &zone.stats;
            bounds.nulls += u64::from(stats.nulls);
            if stats.nulls == stats.rows {
                continue;
            }
            let min = widened(stats.min.as_ref(), widening);
            let max = widened(stats.max.as_ref(), widening);
            min_known &= stats.min_exact && min.is_some();
            max_known &= stats.max_exact && max.is_some();
            widen(&mut bounds.min, &min, Ordering::Less);
            widen(&mut bounds.max, &max, Ordering::Greater);
        }
    }
    // Nobody knows what the deleted rows had.
    let all_live = table.deleted_row_count() == 0;
    (min_known, max_known) = (min_known && all_live, max_known && all_live);
    bounds.min = bounds.min.filter(|_| min_known);
    bounds.max = bounds.max.filter(|_| max_known);
    Ok(bounds)
}

/// Replaces `bound` by `candidate` if it lies further in the direction of `order`.
fn widen(bound: &mut Option<Scalar>, candidate: &Option<Scalar>, order: Ordering) {
    let Some(candidate) = candidate else { return };
    let further = match bound {
        None => true,
        Some(bound) => candidate.compare(bound) == Some(order),
    };
    if further {
        *bound = Some(candidate.clone());
    }
}
