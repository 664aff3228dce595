//! Statistics of a column, put together from the zone maps of its blocks.

use crate::source::{Missing, Source, widened};
use starfact_base::{ColumnId, Result, Scalar};
use starfact_store::Table;
use std::cmp::Ordering;

/// What the zone maps say of a whole column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnBounds {
    /// NULLs in the column.
    pub nulls: u64,
    /// What no value is below; `None` if there is no value, or nothing is known.
    pub min: Option<Scalar>,
    /// What no value is above; `None` if there is no value, or nothing is known.
    pub max: Option<Scalar>,
    /// Whether `min` is the least value: deleted rows may have had it, and long text is cut.
    pub is_min_exact: bool,
    /// Whether `max` is the greatest value.
    pub is_max_exact: bool,
}

/// Reads the footers of a column and combines its zone maps.
///
/// # Errors
/// A column file that is missing or damaged.
pub fn column_bounds(table: &Table, column: ColumnId) -> Result<ColumnBounds> {
    // Nobody knows what the deleted rows had.
    let all_live = table.deleted_row_count() == 0;
    let mut bounds =
        ColumnBounds { is_min_exact: all_live, is_max_exact: all_live, ..ColumnBounds::default() };
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
            min_known &= min.is_some();
            max_known &= max.is_some();
            bounds.is_min_exact &= stats.min_exact;
            bounds.is_max_exact &= stats.max_exact;
            widen(&mut bounds.min, &min, Ordering::Less);
            widen(&mut bounds.max, &max, Ordering::Greater);
        }
    }
    bounds.min = bounds.min.filter(|_| min_known);
    bounds.max = bounds.max.filter(|_| max_known);
    Ok(bounds)
}

/// How many distinct values a column has at most, if its zone maps name all of them and these are
/// no more than `most`; NULL counts for none.
///
/// # Errors
/// A column file that is missing or damaged.
pub fn distinct_count(table: &Table, column: ColumnId, most: usize) -> Result<Option<usize>> {
    let mut values: Vec<Scalar> = Vec::new();
    for segment in table.segments() {
        let file = match Source::of(table, segment, column)? {
            Source::File(file, None) => file,
            Source::File(_, Some(_)) => return Ok(None),
            Source::Missing(Missing { value, .. }) => {
                if let Some(value) = value.filter(|value| !values.contains(value)) {
                    values.push(value);
                }
                continue;
            }
        };
        for zone in file.zones().iter().map(|zone| &zone.stats) {
            let is_one = zone.min == zone.max && zone.min_exact && zone.max_exact;
            let all = match (&zone.min, zone.present.as_slice()) {
                _ if zone.nulls == zone.rows => &[],
                (Some(only), []) if is_one => std::slice::from_ref(only),
                (_, []) => return Ok(None),
                (_, present) => present,
            };
            for value in all {
                if !values.contains(value) {
                    values.push(value.clone());
                }
            }
        }
        if values.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(values.len()))
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
