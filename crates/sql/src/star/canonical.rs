//! Aggregations over star blocks in terms that do not depend on how a query is written.
//!
//! ```text
//!   SELECT c.region, sum(o.price) FROM orders o JOIN customer c ON o.customer = c.id GROUP BY 1
//!
//!   root orders · #.3 customer                    a path: the foreign keys that lead to a table
//!   groups #.3.region · functions sum(#.price)    one name for one column of one path
//! ```
//!
//! Two queries that ask for the same have the same shape, whatever aliases they use and in whatever
//! order they join. A key of a dimension is called as the column that references it.

use super::flatten::{AsideKind, Flat, Leaf, Scope, table_of, written_out};
use super::refused::Refused;
use super::shape::{Reference, Star};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result, TableReference};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet};
use starfact_base::{Epoch, TableId};
use starfact_store::Table;
use std::collections::{BTreeMap, BTreeSet};

/// Groups of a CUBE, of which each set is looked at.
const CUBE_GROUPS_MAX: usize = 12;
/// The name of the root.
pub(crate) const ROOT: &str = "#";

/// An aggregation over a star block, or over a table alone.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) root: TableId,
    pub(crate) epoch: Epoch,
    /// The other tables, each after the one that refers to it.
    pub(crate) paths: Vec<Path>,
    /// What all rows satisfy.
    pub(crate) conditions: Vec<Expr>,
    pub(crate) groups: Vec<Expr>,
    /// Of GROUPING SETS, the places in `groups` of what each set groups by.
    pub(crate) sets: Option<Vec<Vec<usize>>>,
    pub(crate) functions: Vec<Expr>,
    /// All columns of all tables.
    pub(crate) columns: DFSchema,
    /// The place of the root among the scans of the plan.
    pub(crate) root_place: usize,
}

/// A table that foreign keys lead to.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) name: String,
    pub(crate) table: TableId,
    /// Its places among the scans of the plan.
    pub(crate) places: Vec<usize>,
    /// Whether references along it may be NULL.
    pub(crate) is_nullable: bool,
    /// Whether rows stay that have none there.
    pub(crate) is_outer: bool,
    /// The columns of the table that are referenced.
    pub(crate) key: Vec<String>,
    /// The columns that reference them, of the table before it.
    pub(crate) reference: Vec<String>,
}

impl Path {
    /// The name of the path to the table before it; `None` if that is the root.
    pub(crate) fn parent(&self) -> Option<&str> {
        self.name.rsplit_once('.').map(|(parent, _)| parent).filter(|parent| *parent != ROOT)
    }

    /// Whether a row of the root is lost for the lack of one here.
    pub(crate) fn may_drop(&self) -> bool {
        self.is_nullable && !self.is_outer
    }
}

impl Shape {
    /// The shape of an aggregation of a plan that is optimised.
    pub(crate) fn of(aggregate: &Aggregate) -> Result<Self, Refused> {
        let (groups, sets) = match aggregate.group_expr.as_slice() {
            [Expr::GroupingSet(sets)] => {
                let all: Vec<Expr> = sets.distinct_expr().into_iter().cloned().collect();
                let places = places_in_sets(sets, &all).ok_or(Refused::Groups)?;
                let distinct: BTreeSet<&Vec<usize>> = places.iter().collect();
                if distinct.len() < places.len() {
                    return Err(Refused::Groups);
                }
                (all.into_iter().map(as_asked).collect(), Some(places))
            }
            groups if groups.iter().any(|group| matches!(group, Expr::GroupingSet(_))) => {
                return Err(Refused::Groups);
            }
            groups => (groups.to_vec(), None),
        };
        let mut flat = Flat::new(false);
        let outputs = flat.add(&aggregate.input)?;
        let scope = Scope { schema: aggregate.input.schema(), outputs: &outputs };
        let written = |list: &[Expr]| -> Result<Vec<Expr>, Refused> {
            list.iter().map(|expr| written_out(expr, &[scope.by_ref()])).collect()
        };
        let (groups, functions) = (written(&groups)?, written(&aggregate.aggr_expr)?);
        let star = Star::of(&flat)?;
        if star.tables.iter().any(|table| table.aside == Some(AsideKind::Anti)) {
            return Err(Refused::JoinType);
        }
        // A condition on the inner side of an outer join decides which rows that side has, and
        // leaves those of the root.
        let mut is_inner = Vec::with_capacity(star.tables.len());
        for table in &star.tables {
            let referrer = table.referrer.and_then(|(from, _)| is_inner.get(from).copied());
            let is = table.aside == Some(AsideKind::Outer) || referrer.unwrap_or_default();
            if is && !table.filters.is_empty() {
                return Err(Refused::OuterCondition);
            }
            is_inner.push(is);
        }
        let named = Named::of(&star)?;
        let conditions = star.tables.iter().flat_map(|table| &table.filters);
        let conditions = conditions.chain(&star.residuals).cloned();
        let all = |list: Vec<Expr>| -> Result<Vec<Expr>, Refused> {
            list.into_iter().map(|expr| named.expr(expr)).collect()
        };
        let conditions = conditions.map(|it| named.expr(it)).collect::<Result<_, _>>()?;
        let root = star.tables.first().ok_or(Refused::NoKey)?;
        Ok(Self {
            root: root.leaf.table().ok_or(Refused::Groups)?.id(),
            root_place: root.place,
            epoch: flat.epoch.ok_or(Refused::Table)?,
            conditions,
            groups: all(groups)?,
            sets,
            functions: all(functions)?,
            columns: named.columns()?,
            paths: named.paths,
        })
    }

    /// A column as expressions of the shape call it: a key as the column that references it.
    pub(crate) fn called(&self, column: Column) -> Column {
        let referenced = |column: &Column| {
            let path = self.path(column.relation.as_ref()?.table())?;
            let place = path.key.iter().position(|key| *key == column.name)?;
            let is_same = path.key.len() == 1 || !path.is_nullable;
            let before = TableReference::bare(path.parent().unwrap_or(ROOT));
            is_same.then(|| Some(Column::new(Some(before), path.reference.get(place)?)))?
        };
        let mut column = column;
        while let Some(before) = referenced(&column) {
            column = before;
        }
        column
    }

    /// The path of this name.
    pub(crate) fn path(&self, name: &str) -> Option<&Path> {
        self.paths.iter().find(|path| path.name == name)
    }
}

/// What each set groups by, as places among all that any set does.
fn places_in_sets(sets: &GroupingSet, all: &[Expr]) -> Option<Vec<Vec<usize>>> {
    let place = |expr: &Expr| all.iter().position(|known| known == expr);
    let places = |list: &[Expr]| list.iter().map(place).collect::<Option<Vec<usize>>>();
    match sets {
        GroupingSet::GroupingSets(sets) => sets.iter().map(|set| places(set)).collect(),
        GroupingSet::Rollup(list) => {
            let all = places(list)?;
            Some(
                (0..=all.len()).rev().filter_map(|end| all.get(..end).map(<[_]>::to_vec)).collect(),
            )
        }
        GroupingSet::Cube(list) => {
            let all = places(list)?;
            let chosen = |set: usize| {
                let chosen = all.iter().enumerate().filter(|(place, _)| set >> place & 1 == 1);
                chosen.map(|(_, group)| *group).collect()
            };
            (all.len() <= CUBE_GROUPS_MAX).then(|| (0..1 << all.len()).map(chosen).collect())
        }
    }
}

/// A group of GROUPING SETS without what says that it may be NULL.
fn as_asked(group: Expr) -> Expr {
    match group {
        Expr::Alias(alias) => as_asked(*alias.expr),
        Expr::ScalarFunction(mut call) if call.func.name() == "nullable" => {
            call.args.swap_remove(0)
        }
        other => other,
    }
}

/// The names of the tables of a star.
struct Named<'a> {
    /// By place.
    names: BTreeMap<usize, String>,
    tables: Vec<(String, &'a Table, bool)>,
    paths: Vec<Path>,
    /// Keys of dimensions, and the columns that reference them.
    keys: BTreeMap<(String, String), (String, String)>,
}

impl<'a> Named<'a> {
    fn of(star: &'a Star) -> Result<Self, Refused> {
        let mut named = Self {
            names: BTreeMap::new(),
            tables: Vec::new(),
            paths: Vec::new(),
            keys: BTreeMap::new(),
        };
        for table in &star.tables {
            let Leaf::Table(own) = &table.leaf else { return Err(Refused::Groups) };
            let Some((from, Reference::Foreign(key))) = table.referrer else {
                named.names.insert(table.place, ROOT.to_owned());
                named.tables.push((ROOT.to_owned(), own, false));
                continue;
            };
            let referrer = star.tables.get(from).ok_or(Refused::NoKey)?;
            let parent = named.names.get(&referrer.place).ok_or(Refused::NoKey)?.clone();
            let of = referrer.leaf.table().ok_or(Refused::Groups)?;
            let key = of.foreign_keys().get(key).ok_or(Refused::NoKey)?;
            let name = format!("{parent}.{}", key.ordinal_column);
            named.names.insert(table.place, name.clone());
            let is_nullable =
                key.columns.iter().any(|id| of.column(*id).is_none_or(|it| it.nullable));
            let is_outer = table.aside == Some(AsideKind::Outer);
            let above = named.paths.iter().find(|path| path.name == parent);
            let above = above.is_some_and(|path| path.is_outer && path.is_nullable);
            if let Some(known) = named.paths.iter_mut().find(|path| path.name == name) {
                // Two joins along one key meet the same row.
                known.is_outer &= is_outer;
                known.places.push(table.place);
                continue;
            }
            let column = |table: &Table, id| table.column(id).map(|column| column.name.clone());
            let pairs = key.columns.iter().zip(&key.parent_columns);
            let pairs = pairs
                .map(|(child, of_parent)| Some((column(of, *child)?, column(own, *of_parent)?)));
            let pairs: Vec<(String, String)> =
                pairs.collect::<Option<_>>().ok_or(Refused::NoKey)?;
            if pairs.len() == 1 || !is_nullable {
                for (child, of_parent) in &pairs {
                    let child = (parent.clone(), child.clone());
                    named.keys.insert((name.clone(), of_parent.clone()), child);
                }
            }
            named.tables.push((name.clone(), own, is_nullable && is_outer || above));
            named.paths.push(Path {
                name,
                table: own.id(),
                places: vec![table.place],
                is_nullable,
                is_outer: is_outer && is_nullable,
                reference: pairs.iter().map(|(child, _)| child.clone()).collect(),
                key: pairs.into_iter().map(|(_, of_parent)| of_parent).collect(),
            });
        }
        Ok(named)
    }

    /// An expression in these names.
    fn expr(&self, expr: Expr) -> Result<Expr, Refused> {
        let mut is_known = true;
        let named = expr.transform_up(|node| {
            let Expr::Column(column) = node else { return Ok(Transformed::no(node)) };
            let name = table_of(&column).and_then(|place| self.names.get(&place));
            let Some(name) = name else {
                is_known = false;
                return Ok(Transformed::no(Expr::Column(column)));
            };
            let mut at = (name.clone(), column.name);
            while let Some(child) = self.keys.get(&at) {
                at = child.clone();
            }
            let (relation, name) = at;
            let column = Column::new(Some(TableReference::bare(relation)), name);
            Ok(Transformed::yes(Expr::Column(column)))
        });
        match named {
            Ok(named) if is_known => Ok(named.data),
            _ => Err(Refused::Expression),
        }
    }

    fn columns(&self) -> Result<DFSchema, Refused> {
        let mut fields = Vec::new();
        for (name, table, may_be_absent) in &self.tables {
            let schema = crate::scan::arrow_schema(table);
            for field in schema.fields() {
                let field = field.as_ref().clone();
                let is_nullable = field.is_nullable() || *may_be_absent;
                let relation = Some(TableReference::bare(name.as_str()));
                fields.push((relation, std::sync::Arc::new(field.with_nullable(is_nullable))));
            }
        }
        let metadata = std::collections::HashMap::new();
        DFSchema::new_with_metadata(fields, metadata).map_err(|_| Refused::Expression)
    }
}
