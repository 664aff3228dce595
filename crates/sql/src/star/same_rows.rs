//! Which star blocks have the same rows, and what expressions over them have in common.

use super::dimension::{DimensionPlan, Origin};
use super::plan::{Source, StarPlan};
use crate::scan::has_scalars;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use std::sync::Arc;

impl StarPlan {
    /// Whether another star block has the same rows, as far as that is known.
    pub(super) fn has_same_rows(&self, other: &Self) -> bool {
        let residuals = |star: &Self| {
            let all = star.residuals.iter().map(|it| star.canonical(it));
            all.collect::<Option<Vec<_>>>()
        };
        let (own, others) = (residuals(self), residuals(other));
        self.grouping.is_none()
            && other.grouping.is_none()
            && self.root.has_same_rows(&other.root)
            && have_same_rows(self.dimensions.iter(), other.dimensions.iter())
            && own.is_some()
            && own == others
    }

    /// An expression over joined rows, with names of columns that are the same in all star blocks
    /// that have the same rows; `None` if it is volatile or waits for the value of a subquery.
    pub(super) fn canonical(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
        if has_scalars(expr) || expr.exists(|node| Ok(node.is_volatile_node())).unwrap_or(true) {
            return None;
        }
        let mut is_known = true;
        let named = Arc::clone(expr).transform_up(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let name = match self.sources.get(column.index()) {
                Some(Source::Root(place)) => {
                    self.root.projection().get(*place).map(ToString::to_string)
                }
                Some(Source::Dimension(dimension, place)) => self
                    .dimensions
                    .get(*dimension)
                    .and_then(|it| it.column_name(*place))
                    .map(|name| format!("{dimension}.{name}")),
                None => None,
            };
            is_known &= name.is_some();
            Ok(Transformed::yes(Arc::new(Column::new(&name.unwrap_or_default(), 0)) as _))
        });
        named.ok().filter(|_| is_known).map(|named| named.data)
    }
}

impl DimensionPlan {
    /// Whether another dimension leaves the same rows, as far as that is known.
    fn has_same_rows(&self, other: &Self) -> bool {
        let (Origin::Table { scan, .. }, Origin::Table { scan: others, .. }) =
            (&self.origin, &other.origin)
        else {
            return false;
        };
        self.reference == other.reference
            && self.aside == other.aside
            && scan.has_same_rows(others)
            && have_same_rows(
                self.children().iter().map(|(child, _)| child),
                other.children().iter().map(|(child, _)| child),
            )
    }

    /// A name for a column that it gives out: the place in the table, behind the places of the
    /// dimensions that lead there.
    pub(super) fn column_name(&self, place: usize) -> Option<String> {
        let Origin::Table { scan, own, children } = &self.origin else { return None };
        if place < *own {
            return scan.projection().get(place).map(ToString::to_string);
        }
        let mut start = *own;
        for (number, (child, reference)) in children.iter().enumerate() {
            let count = match (&child.origin, reference) {
                (_, None) => 0,
                (Origin::Table { scan, own, children }, _) => {
                    Self::types(scan, *own, children).len()
                }
                (Origin::Block(block), _) => block.types().len(),
            };
            if place < start + count {
                return Some(format!("{number}.{}", child.column_name(place - start)?));
            }
            start += count;
        }
        None
    }
}

/// Whether dimensions leave the same rows, one by one.
fn have_same_rows<'a>(
    mut some: impl ExactSizeIterator<Item = &'a DimensionPlan>,
    mut others: impl ExactSizeIterator<Item = &'a DimensionPlan>,
) -> bool {
    some.len() == others.len()
        && some.all(|one| others.next().is_some_and(|other| one.has_same_rows(other)))
}
