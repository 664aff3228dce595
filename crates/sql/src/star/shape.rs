//! From tables and conditions to a star: one root, and foreign keys that lead to all other tables.
//!
//! Conditions:
//! - Each table but the root is reached along one foreign key, all columns of which are compared
//!   with those of the key that it references. Keys are enforced, so a row of the root meets one
//!   row of each other table at most, and the join neither repeats rows nor loses others than those
//!   whose reference is NULL or whose dimension row does not pass.
//! - A table of which a row only has to be there (a semi join) is no root, for then a row of the
//!   root could come more than once.
//! - The inner side of an outer or an anti join is reached along one foreign key from outside, and
//!   the conditions of the join are on columns of that side alone: then whether there is a row for
//!   one of the other side depends on which dimension row that refers to, and on nothing else.
//! - Other comparisons of two tables, even of keys, stay as conditions on joined rows.

use super::flatten::{AsideKind, Condition, Flat, Leaf, table_of};
use super::keyed::key_name;
use super::refused::Refused;
use datafusion::common::Column;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use starfact_base::ColumnId;
use starfact_store::{ForeignKey, Table};
use std::collections::BTreeSet;

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
    pub(super) leaf: Leaf,
    /// Its place in the [`Flat`], which expressions name it by.
    pub(super) place: usize,
    /// The table that refers to it, and how.
    pub(super) referrer: Option<(usize, Reference)>,
    /// Conditions on its columns alone.
    pub(super) filters: Vec<Expr>,
    /// There if it is where an aside is entered.
    pub(super) aside: Option<AsideKind>,
}

/// What of a table leads to rows of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// The ordinals that one of its foreign keys refers to.
    Foreign(usize),
    /// Its own ordinals: the other has groups of its rows.
    Own,
}

impl StarTable {
    /// Whether it is the parent that the root meets along one of its foreign keys.
    pub(super) fn is_met_along(&self, key: usize) -> bool {
        let is_table = self.leaf.table().is_some() && self.aside.is_none();
        is_table && self.referrer == Some((0, Reference::Foreign(key)))
    }
}

/// A reference that conditions join along.
#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    to: usize,
    key: Reference,
    /// The conditions that say so.
    conditions: Vec<usize>,
}

impl Star {
    /// The star that the tables and conditions are.
    pub(super) fn of(flat: &Flat) -> Result<Self, Refused> {
        let count = flat.tables.len();
        let mut tables = flat.tables.iter().filter_map(Leaf::table);
        if tables.any(|table| table.ordinal_end() > u32::MAX.into()) {
            return Err(Refused::TooManyRows);
        }
        let edges = edges(flat);
        let aside_of =
            |place: usize| flat.asides.iter().position(|aside| aside.tables.contains(&place));
        let Tree { order, used } = (0..count)
            .filter(|root| !flat.existing.iter().any(|tables| tables.contains(root)))
            .filter(|root| aside_of(*root).is_none())
            .filter(|root| flat.tables.get(*root).is_some_and(|leaf| leaf.table().is_some()))
            .find_map(|root| tree(root, count, &edges))
            .ok_or(Refused::NoKey)?;
        let mut tables: Vec<StarTable> = Vec::with_capacity(count);
        for (place, edge) in order {
            let referrer = edge.and_then(|edge| {
                let from = tables.iter().position(|table| table.place == edge.from)?;
                Some((from, edge.key))
            });
            let leaf = flat.tables.get(place).ok_or(Refused::NoKey)?.clone();
            let outside = edge.and_then(|edge| aside_of(edge.from));
            let entered = aside_of(place).filter(|aside| Some(*aside) != outside);
            let aside = entered.and_then(|aside| flat.asides.get(aside)).map(|aside| aside.kind);
            if let (Some(AsideKind::Anti), Some(edge)) = (aside, edge)
                && (outside.is_some() || is_nullable(flat, edge))
            {
                return Err(Refused::NullableAnti);
            }
            tables.push(StarTable { leaf, place, referrer, filters: Vec::new(), aside });
        }
        let mut residuals = Vec::new();
        for (place, condition) in flat.conditions.iter().enumerate() {
            if used.contains(&place) {
                continue;
            }
            let Condition { expr, of } = condition;
            let named: BTreeSet<_> = expr.column_refs().into_iter().map(table_of).collect();
            let only = (named.len() == 1).then(|| named.first().copied().flatten()).flatten();
            let only = only.filter(|place| aside_of(*place) == *of);
            match (tables.iter_mut().find(|table| Some(table.place) == only), of) {
                (Some(table), _) => table.filters.push(expr.clone()),
                (None, None) => residuals.push(expr.clone()),
                (None, Some(_)) => return Err(Refused::OuterCondition),
            }
        }
        Ok(Self { tables, residuals })
    }
}

/// Whether the references along an edge may be NULL.
fn is_nullable(flat: &Flat, edge: &Edge) -> bool {
    let Reference::Foreign(key) = edge.key else { return false };
    let Some(table) = flat.tables.get(edge.from).and_then(Leaf::table) else { return true };
    let columns = table.foreign_keys().get(key).map(|key| key.columns.as_slice());
    let mut columns = columns.unwrap_or_default().iter();
    columns.any(|id| table.column(*id).is_none_or(|column| column.nullable))
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
            let (one, other) = compared(&condition.expr)?;
            Some((place, one, other))
        })
        .collect();
    let aside_of = |place: usize| flat.asides.iter().position(|it| it.tables.contains(&place));
    let mut edges = Vec::new();
    for (from, leaf) in flat.tables.iter().enumerate() {
        let Some(table) = leaf.table() else { continue };
        for (to, target) in flat.tables.iter().enumerate() {
            // What leads into an aside is a condition of that, and nothing leads out of one.
            let aside = aside_of(to);
            if to == from || aside_of(from).is_some() && aside.is_none() {
                continue;
            }
            for (key, columns) in references(table, target) {
                let conditions: Option<Vec<usize>> = columns
                    .iter()
                    .map(|(child, referenced)| {
                        let is = |column: &Column, of: usize, name: &str| {
                            table_of(column) == Some(of) && column.name == name
                        };
                        let of = |place: &usize| flat.conditions.get(*place).and_then(|it| it.of);
                        let found = pairs.iter().find(|(place, one, other)| {
                            of(place) == aside
                                && (is(one, from, child) && is(other, to, referenced)
                                    || is(other, from, child) && is(one, to, referenced))
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

/// How rows of a table may refer to rows of another or to groups, and the names of the columns that
/// are equal then.
fn references(table: &Table, target: &Leaf) -> Vec<(Reference, Vec<(String, String)>)> {
    let name = |table: &Table, id: ColumnId| Some(table.column(id)?.name.clone());
    let parent = match target {
        Leaf::Table(parent) => parent.id(),
        Leaf::Block(block) => block.parent,
    };
    let referenced = |id: ColumnId| match target {
        Leaf::Table(parent) => name(parent, id),
        Leaf::Block(_) => Some(key_name(id)),
    };
    let foreign = table.foreign_keys().iter().enumerate();
    let foreign = foreign.filter(|(_, key)| key.parent == parent && is_of(target, key));
    let foreign = foreign.filter_map(|(place, key)| {
        let columns = key.columns.iter().zip(&key.parent_columns);
        let columns = columns.map(|(child, of)| Some((name(table, *child)?, referenced(*of)?)));
        Some((Reference::Foreign(place), columns.collect::<Option<_>>()?))
    });
    let own = match target {
        Leaf::Block(block) if table.id() == parent => {
            let columns = block.parent_columns().iter();
            let columns = columns.map(|of| Some((name(table, *of)?, referenced(*of)?)));
            columns.collect::<Option<_>>().map(|columns| (Reference::Own, columns))
        }
        _ => None,
    };
    foreign.chain(own).collect()
}

/// Whether a foreign key references the columns that groups are of.
fn is_of(target: &Leaf, key: &ForeignKey) -> bool {
    match target {
        Leaf::Table(_) => true,
        Leaf::Block(block) => {
            let columns = block.parent_columns();
            columns.len() == key.parent_columns.len()
                && columns.iter().all(|column| key.parent_columns.contains(column))
        }
    }
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
