//! From tables and conditions to a star: one root, and foreign keys that lead to all other tables.
//!
//! Conditions:
//! - Each table but the root is reached along one foreign key, all columns of which are compared
//!   with those of the key that it references. Keys are enforced, so a row of the root meets one
//!   row of each other table at most, and the join neither repeats rows nor loses others than those
//!   whose reference is NULL or whose dimension row does not pass.
//! - A table of which a row only has to be there (a semi join) is no root, for then a row of the
//!   root could come more than once.
//! - Other comparisons of two tables, even of keys, stay as conditions on joined rows.

use super::flatten::{Flat, table_of};
use super::refused::Refused;
use datafusion::common::Column;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use starfact_store::Table;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A star: the root is table 0, each other table comes after the one that refers to it.
#[derive(Debug)]
pub(super) struct Star {
    pub(super) tables: Vec<StarTable>,
    /// Conditions on more than one table, or on none.
    pub(super) residuals: Vec<Expr>,
}

/// A table of a star.
#[derive(Debug)]
pub(super) struct StarTable {
    pub(super) table: Arc<Table>,
    /// Its place in the [`Flat`], which expressions name it by.
    pub(super) place: usize,
    /// The table that refers to it, and by which of its foreign keys.
    pub(super) referrer: Option<(usize, usize)>,
    /// Conditions on its columns alone.
    pub(super) filters: Vec<Expr>,
}

/// A foreign key that conditions join along.
#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    to: usize,
    key: usize,
    /// The conditions that say so.
    conditions: Vec<usize>,
}

impl Star {
    /// The star that the tables and conditions are.
    pub(super) fn of(flat: &Flat) -> Result<Self, Refused> {
        let count = flat.tables.len();
        if count < 2 {
            return Err(Refused::NoKey);
        }
        if flat.tables.iter().any(|table| table.ordinal_end() > u32::MAX.into()) {
            return Err(Refused::TooManyRows);
        }
        let edges = edges(flat);
        let Tree { order, used } = (0..count)
            .filter(|root| !flat.existing.iter().any(|tables| tables.contains(root)))
            .find_map(|root| tree(root, count, &edges))
            .ok_or(Refused::NoKey)?;
        let mut tables: Vec<StarTable> = Vec::with_capacity(count);
        for (place, edge) in order {
            let referrer = edge.and_then(|edge| {
                let from = tables.iter().position(|table| table.place == edge.from)?;
                Some((from, edge.key))
            });
            let table = Arc::clone(flat.tables.get(place).ok_or(Refused::NoKey)?);
            tables.push(StarTable { table, place, referrer, filters: Vec::new() });
        }
        let mut residuals = Vec::new();
        for (place, condition) in flat.conditions.iter().enumerate() {
            if used.contains(&place) {
                continue;
            }
            let of: BTreeSet<_> = condition.column_refs().into_iter().map(table_of).collect();
            let only = (of.len() == 1).then(|| of.first().copied().flatten()).flatten();
            match tables.iter_mut().find(|table| Some(table.place) == only) {
                Some(table) => table.filters.push(condition.clone()),
                None => residuals.push(condition.clone()),
            }
        }
        Ok(Self { tables, residuals })
    }
}

/// The way from a root to all tables.
struct Tree<'a> {
    /// The tables in an order in which each comes after the one that refers to it, and along which
    /// key that does.
    order: Vec<(usize, Option<&'a Edge>)>,
    /// Conditions that are used up.
    used: BTreeSet<usize>,
}

/// The way from `root` to all `count` tables, if it leads there.
fn tree(root: usize, count: usize, edges: &[Edge]) -> Option<Tree<'_>> {
    let mut order: Vec<(usize, Option<&Edge>)> = vec![(root, None)];
    let mut used = BTreeSet::new();
    let mut next = 0;
    while let Some((from, _)) = order.get(next).copied() {
        for edge in edges.iter().filter(|edge| edge.from == from) {
            if order.iter().all(|(place, _)| *place != edge.to) {
                used.extend(edge.conditions.iter().copied());
                order.push((edge.to, Some(edge)));
            }
        }
        next += 1;
    }
    (order.len() == count).then_some(Tree { order, used })
}

/// All foreign keys along which the conditions join.
fn edges(flat: &Flat) -> Vec<Edge> {
    let pairs: Vec<(usize, &Column, &Column)> = flat
        .conditions
        .iter()
        .enumerate()
        .filter_map(|(place, condition)| {
            let (one, other) = compared(condition)?;
            Some((place, one, other))
        })
        .collect();
    let mut edges = Vec::new();
    for (from, table) in flat.tables.iter().enumerate() {
        for (key, foreign) in table.foreign_keys().iter().enumerate() {
            for (to, parent) in flat.tables.iter().enumerate() {
                if to == from || parent.id() != foreign.parent {
                    continue;
                }
                let columns = foreign.columns.iter().zip(&foreign.parent_columns);
                let conditions: Option<Vec<usize>> = columns
                    .map(|(child, referenced)| {
                        let child = &table.column(*child)?.name;
                        let referenced = &parent.column(*referenced)?.name;
                        let is = |column: &Column, of: usize, name: &str| {
                            table_of(column) == Some(of) && column.name == name
                        };
                        let found = pairs.iter().find(|(_, one, other)| {
                            is(one, from, child) && is(other, to, referenced)
                                || is(other, from, child) && is(one, to, referenced)
                        });
                        found.map(|(place, ..)| *place)
                    })
                    .collect();
                edges.extend(conditions.map(|conditions| Edge { from, to, key, conditions }));
            }
        }
    }
    edges
}

/// The columns that a condition compares for equality.
fn compared(condition: &Expr) -> Option<(&Column, &Column)> {
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (left.as_ref(), right.as_ref()) {
                (Expr::Column(one), Expr::Column(other)) => Some((one, other)),
                _ => None,
            }
        }
        _ => None,
    }
}
