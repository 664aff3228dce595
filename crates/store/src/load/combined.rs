//! Cells of a cube with the same keys become one where they are written again.
//!
//! ```text
//!  keys        a   a   a   b   c   c             a   b
//!  sums        5   2  -1   4   3  -3     ─►      6   4      what comes to nothing goes
//!  ordinals    1   7   9   2   5   8             1   2      that of the first
//! ```

use super::Job;
use super::chunk::Rows;
use crate::cube::CellRole;
use crate::keys::layout::ours;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, PrimitiveBuilder,
    UInt32Array, make_comparator,
};
use arrow::compute::{SortOptions, filter, take};
use arrow::datatypes::{DataType as ArrowType, Decimal128Type, Int64Type};
use starfact_base::{Error, Result};
use std::cmp::Ordering;
use std::iter::repeat;
use std::ops::Range;
use std::sync::Arc;

/// The cells of some rows, one for each combination of keys, in the order of these.
pub(crate) struct Combined {
    columns: Vec<ArrayRef>,
    row_count: usize,
}

impl Rows for Combined {
    fn row_count(&self) -> usize {
        self.row_count
    }

    fn column(&self, idx: usize) -> Result<ArrayRef> {
        let missing = || Error::internal(format!("cells without column {idx}"));
        self.columns.get(idx).cloned().ok_or_else(missing)
    }

    fn order(&self) -> Option<&UInt32Array> {
        None
    }
}

/// Where neighbours differ: the place of the first row of each group of equal ones.
pub(crate) fn starts<'a, K: Eq + 'a>(keys: impl Iterator<Item = &'a K>) -> Vec<u32> {
    let mut last = None;
    let mut starts = Vec::new();
    for (place, key) in (0..).zip(keys) {
        if last.replace(key) != Some(key) {
            starts.push(place);
        }
    }
    starts
}

/// One row for each group of rows with the same keys, of which `starts` has the first places in the
/// order of `rows`. Columns of the job that are none of the cells, which come last, keep the values
/// of the first row. `None` if each row is a group of its own, or sums are out of range: they may
/// not be once others come to them.
pub(crate) fn combine(job: &Job<'_>, rows: &dyn Rows, starts: &[u32]) -> Result<Option<Combined>> {
    let Some(roles) = job.cell_roles.filter(|_| starts.len() < rows.row_count()) else {
        return Ok(None);
    };
    let groups = Groups { rows, starts };
    let roles_of_all = roles.iter().copied().chain(repeat(CellRole::Key));
    let columns = roles_of_all.take(job.columns.len()).enumerate();
    let mut columns: Vec<Column> =
        columns.map(|(idx, role)| Column { idx, role, one: None }).collect();
    job.workers.each(&mut columns, |column| {
        column.one = groups.combine(column.idx, column.role)?;
        Ok(())
    })?;
    let arrays = columns.iter_mut().map(|column| column.one.take()).collect();
    let Some(arrays): Option<Vec<ArrayRef>> = arrays else { return Ok(None) };
    without_empty(arrays, roles, starts.len()).map(Some)
}

/// A column, and its values of the groups.
struct Column {
    idx: usize,
    role: CellRole,
    one: Option<ArrayRef>,
}

struct Groups<'a> {
    rows: &'a dyn Rows,
    starts: &'a [u32],
}

impl Groups<'_> {
    /// The places of the rows of each group, in their order.
    fn places(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let ends = self.starts.iter().skip(1).map(|start| *start as usize);
        let ends = ends.chain([self.rows.row_count()]);
        self.starts.iter().zip(ends).map(|(start, end)| *start as usize..end)
    }

    /// Where the row is that comes at a place.
    fn at(&self, place: usize) -> usize {
        let order = self.rows.order().and_then(|order| order.values().get(place));
        order.map_or(place, |row| *row as usize)
    }

    /// The values of a column of all groups; `None` if they are out of range.
    fn combine(&self, idx: usize, role: CellRole) -> Result<Option<ArrayRef>> {
        let values = self.rows.column(idx)?;
        let chosen = match role {
            CellRole::Sum => return self.sums(&values),
            CellRole::Key => self.places().map(|places| self.at(places.start) as u32).collect(),
            CellRole::Min => self.best(&values, Ordering::Less)?,
            CellRole::Max => self.best(&values, Ordering::Greater)?,
        };
        take(values.as_ref(), &UInt32Array::from(chosen), None).map(Some).map_err(ours)
    }

    /// Where the values are that compare so with all others of their groups.
    fn best(&self, values: &ArrayRef, wanted: Ordering) -> Result<Vec<u32>> {
        let compare = make_comparator(values, values, SortOptions::default()).map_err(ours)?;
        let mut chosen = Vec::with_capacity(self.starts.len());
        for places in self.places() {
            let mut best = self.at(places.start);
            for row in places.skip(1).map(|place| self.at(place)) {
                let is_better = values.is_null(best) || compare(row, best) == wanted;
                if values.is_valid(row) && is_better {
                    best = row;
                }
            }
            chosen.push(best as u32);
        }
        Ok(chosen)
    }

    /// The sums of a column of all groups, NULL where all is NULL; `None` if they are out of range.
    fn sums(&self, values: &ArrayRef) -> Result<Option<ArrayRef>> {
        match values.data_type() {
            ArrowType::Int64 => {
                Ok(self.sums_of::<Int64Type>(values).map(|sums| Arc::new(sums) as ArrayRef))
            }
            ArrowType::Decimal128(precision, _) => {
                let Some(sums) = self.sums_of::<Decimal128Type>(values) else { return Ok(None) };
                let sums = sums.with_data_type(values.data_type().clone());
                let fits = sums.validate_decimal_precision(*precision).is_ok();
                Ok(fits.then(|| Arc::new(sums) as ArrayRef))
            }
            other => Err(Error::internal(format!("sums of type {other}"))),
        }
    }

    fn sums_of<T: ArrowPrimitiveType>(&self, values: &ArrayRef) -> Option<PrimitiveArray<T>>
    where
        T::Native: Into<i128> + TryFrom<i128>,
    {
        let numbers = values.as_primitive_opt::<T>()?;
        let mut sums = PrimitiveBuilder::<T>::with_capacity(self.starts.len());
        for places in self.places() {
            let mut sum: Option<i128> = None;
            for row in places.map(|place| self.at(place)).filter(|row| numbers.is_valid(*row)) {
                let known = sum.unwrap_or_default();
                sum = Some(known.checked_add(numbers.value(row).into())?);
            }
            let sum = sum.map(T::Native::try_from).transpose().ok()?;
            sums.append_option(sum);
        }
        Some(sums.finish())
    }
}

/// The cells but those that come to nothing: of sums only, all of them zero. Cells without keys
/// stay.
fn without_empty(arrays: Vec<ArrayRef>, roles: &[CellRole], count: usize) -> Result<Combined> {
    let has_keys = roles.contains(&CellRole::Key);
    let are_sums = roles.iter().all(|role| matches!(role, CellRole::Key | CellRole::Sum));
    if !has_keys || !are_sums {
        return Ok(Combined { columns: arrays, row_count: count });
    }
    let mut is_kept = vec![false; count];
    for (sums, _) in arrays.iter().zip(roles).filter(|(_, role)| **role == CellRole::Sum) {
        match sums.as_primitive_opt::<Int64Type>() {
            Some(sums) => keep_others_than_zero(&mut is_kept, sums),
            None => keep_others_than_zero(&mut is_kept, sums.as_primitive::<Decimal128Type>()),
        }
    }
    let kept = BooleanArray::from(is_kept);
    let columns = arrays.iter().map(|array| filter(array, &kept).map_err(ours));
    Ok(Combined { columns: columns.collect::<Result<_>>()?, row_count: kept.true_count() })
}

fn keep_others_than_zero<T: ArrowPrimitiveType>(is_kept: &mut [bool], sums: &PrimitiveArray<T>) {
    for (kept, sum) in is_kept.iter_mut().zip(sums) {
        *kept |= sum.is_some_and(|sum| sum != T::default_value());
    }
}
