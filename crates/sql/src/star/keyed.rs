//! Blocks whose rows are groups: at most one for each row of a table that their root refers to.
//!
//! ```text
//!  SELECT l_orderkey, sum(l_quantity)       order   0    1    2   …      an array by ordinal
//!  FROM lineitem GROUP BY l_orderkey        sum    17  105    -
//! ```
//!
//! Conditions:
//! - Grouped by the columns of one foreign key of the block's root, or by those that it references
//!   in a table that the root meets along it. The key is enforced, so each group that has no NULL
//!   among its keys is of one row of the parent, and no two groups are of the same one. Groups with
//!   a NULL among their keys meet nothing in a join along the key, so they are left out.
//! - A group is there if any row of the block has it: a row of the parent without one has no row
//!   here, not a row of zeros.
//!
//! The inner side of a semi or an anti join is such a block without values, if it is joined by a
//! foreign key of its root: whether a row is there is all that is asked. With one more condition,
//! that a value differs from one of the outer side, the values are the least and the greatest: some
//! value differs from `x` if and only if one of these does. NULLs differ from nothing, and neither
//! does anything differ from NULL; `min` and `max` leave out the former, and a comparison with the
//! latter is not true.

use super::flatten::{Flat, relation};
use super::refused::Refused;
use super::shape::Star;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Column;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, lit};
use starfact_base::{ColumnId, TableId};
use std::sync::Arc;

/// A block whose rows are groups.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) star: Star,
    /// The foreign key of its root that it is grouped by.
    pub(super) key: usize,
    /// The table that this references.
    pub(super) parent: TableId,
    /// What there is of each group, in terms of the block's own tables; last the number of its
    /// rows.
    pub(super) values: Vec<Expr>,
    pub(super) fields: Vec<FieldRef>,
}

/// What a column of the parent's key is called among those of a block at a place.
pub(super) fn key_column(place: usize, column: ColumnId) -> Expr {
    Expr::Column(Column::new(Some(relation(place)), key_name(column)))
}

pub(super) fn key_name(column: ColumnId) -> String {
    format!("key {}", column.0)
}

/// What a value is called among the columns of a block at a place.
pub(super) fn value_column(place: usize, value: usize) -> Expr {
    Expr::Column(Column::new(Some(relation(place)), value_name(value)))
}

pub(super) fn value_name(value: usize) -> String {
    format!("value {value}")
}

/// The value of a name, if it is one of a value.
pub(super) fn value_of(name: &str) -> Option<usize> {
    name.strip_prefix("value ")?.parse().ok()
}

impl Keyed {
    /// A value that is not NULL where there is a group, if the block is at a place.
    pub(super) fn marker(&self, place: usize) -> Expr {
        value_column(place, self.values.len().saturating_sub(1))
    }

    /// The columns of the parent that groups are of.
    pub(super) fn parent_columns(&self) -> &[ColumnId] {
        let root = self.star.tables.first().and_then(|of| of.leaf.table());
        let key = root.and_then(|root| root.foreign_keys().get(self.key));
        key.map_or(&[], |key| &key.parent_columns)
    }

    /// The block of these tables and conditions, grouped by `groups`; and of each of them, which
    /// column of the parent it is.
    pub(super) fn of(
        inner: &Flat,
        groups: &[Expr],
        mut values: Vec<Expr>,
        mut fields: Vec<FieldRef>,
    ) -> Result<(Self, Vec<ColumnId>), Refused> {
        values.push(count(lit(1)));
        fields.push(Arc::new(Field::new("count", DataType::Int64, false)));
        let star = Star::of(inner)?;
        let root = star.tables.first().and_then(|of| of.leaf.table()).ok_or(Refused::Groups)?;
        let is = |expr: &Expr, place: usize, name: &str| match expr {
            Expr::Column(column) => {
                column.relation.as_ref() == Some(&relation(place)) && column.name == name
            }
            _ => false,
        };
        let root_place = star.tables.first().map(|of| of.place).ok_or(Refused::Groups)?;
        for (key, foreign) in root.foreign_keys().iter().enumerate() {
            // The parent among the tables of the block, if the root meets it along this key.
            let met = star.tables.iter().find(|of| of.is_met_along(key));
            let column_of = |expr: &Expr| {
                foreign.columns.iter().zip(&foreign.parent_columns).find_map(|(own, of_parent)| {
                    let own_name = &root.column(*own)?.name;
                    let in_parent = met.and_then(|of| {
                        Some((of.place, &of.leaf.table()?.column(*of_parent)?.name))
                    });
                    let is_it = is(expr, root_place, own_name)
                        || in_parent.is_some_and(|(place, name)| is(expr, place, name));
                    is_it.then_some(*of_parent)
                })
            };
            let columns: Option<Vec<ColumnId>> = groups.iter().map(column_of).collect();
            let Some(columns) = columns else { continue };
            if columns.len() == foreign.columns.len()
                && foreign.parent_columns.iter().all(|column| columns.contains(column))
            {
                let parent = foreign.parent;
                return Ok((Self { star, key, parent, values, fields }, columns));
            }
        }
        Err(Refused::Groups)
    }
}
