//! From a tree of joins, filters and projections to tables, conditions and outputs.
//!
//! Columns of the tables are renamed to `#<place of the table>.<column>`, so that one name means
//! one column everywhere, whatever aliases a query has. A block of groups has a place as a table
//! has.

use super::keyed::{self, Keyed};
use super::refused::Refused;
use crate::scan::{StarfactTable, stands_alone, stands_beside_scalars};
use arrow::datatypes::FieldRef;
use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, NullEquality, TableReference};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, Expr, Join, JoinType, LogicalPlan, TableScan, when};
use starfact_base::Epoch;
use starfact_store::Table;
use std::ops::Range;
use std::sync::Arc;

/// What a tree consists of.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pub(super) tables: Vec<Leaf>,
    /// Of which all tables are: a row that is referred to at another epoch may be gone.
    pub(super) epoch: Option<Epoch>,
    /// Whether groups may be blocks.
    composes: bool,
    /// Whether conditions may have values of subqueries.
    knows_scalars: bool,
    /// Conjuncts that every row satisfies, or that decide which rows an aside has.
    pub(super) conditions: Vec<Condition>,
    /// Tables of which a row only has to be there. No other may depend on which row it is.
    pub(super) existing: Vec<Range<usize>>,
    /// Tables that drop no row of the others for the lack of one of theirs.
    pub(super) asides: Vec<Aside>,
}

/// What has rows.
#[derive(Clone, Debug)]
pub(super) enum Leaf {
    Table(Arc<Table>),
    /// Groups, one at most for each row of a table.
    Block(Arc<Keyed>),
}

impl Leaf {
    /// The table that it is, if it is one.
    pub(super) fn table(&self) -> Option<&Arc<Table>> {
        match self {
            Self::Table(table) => Some(table),
            Self::Block(_) => None,
        }
    }
}

/// A conjunct.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) expr: Expr,
    /// The aside whose rows it decides on; all rows if there is none.
    pub(super) of: Option<usize>,
}

/// The inner side of an outer or an anti join.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) tables: Range<usize>,
    pub(super) kind: AsideKind,
}

/// What becomes of rows by the rows that an aside has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsideKind {
    /// They stay; without a row there, its columns are NULL.
    Outer,
    /// Only those without a row there stay.
    Anti,
}

/// The name of a table in expressions.
pub(super) fn relation(table: usize) -> TableReference {
    TableReference::bare(format!("#{table}"))
}

/// The table of a column in an expression of a [`Flat`].
pub(super) fn table_of(column: &Column) -> Option<usize> {
    column.relation.as_ref()?.table().strip_prefix('#')?.parse().ok()
}

/// What an expression may say of its columns: the expressions of these in the tables.
pub(super) struct Scope<'a> {
    pub(super) schema: &'a DFSchema,
    pub(super) outputs: &'a [Expr],
}

impl Scope<'_> {
    fn find(&self, column: &Column) -> Option<&Expr> {
        self.outputs.get(self.schema.maybe_index_of_column(column)?)
    }
}

impl Flat {
    pub(super) fn new(composes: bool) -> Self {
        Self { composes, knows_scalars: true, ..Self::default() }
    }

    /// Nothing yet, of the same snapshot.
    pub(super) fn beside(&self) -> Self {
        Self { epoch: self.epoch, composes: self.composes, ..Self::default() }
    }

    /// Takes in a plan; returns what each column of its output is.
    pub(super) fn add(&mut self, plan: &LogicalPlan) -> Result<Vec<Expr>, Refused> {
        match plan {
            LogicalPlan::TableScan(scan) => self.add_scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.add(&alias.input),
            LogicalPlan::Projection(projection) => {
                let outputs = self.add(&projection.input)?;
                let scope = Scope { schema: projection.input.schema(), outputs: &outputs };
                projection.expr.iter().map(|expr| written_out(expr, &[scope.by_ref()])).collect()
            }
            LogicalPlan::Filter(filter) => {
                let outputs = self.add(&filter.input)?;
                let scope = Scope { schema: filter.input.schema(), outputs: &outputs };
                self.add_condition(&filter.predicate, &[scope])?;
                Ok(outputs)
            }
            LogicalPlan::Join(join) => self.add_join(join),
            LogicalPlan::Aggregate(aggregate) => self.add_groups(aggregate),
            _ => Err(Refused::Operator),
        }
    }

    fn add_scan(&mut self, scan: &TableScan) -> Result<Vec<Expr>, Refused> {
        let provider = source_as_provider(&scan.source).map_err(|_| Refused::Table)?;
        let provider = provider.downcast_ref::<StarfactTable>().ok_or(Refused::Table)?;
        let (table, epoch) = provider.committed().ok_or(Refused::Uncommitted)?;
        if *self.epoch.get_or_insert(epoch) != epoch {
            return Err(Refused::Epochs);
        }
        if scan.fetch.is_some() {
            return Err(Refused::Limit);
        }
        let place = self.tables.len();
        self.tables.push(Leaf::Table(Arc::clone(table)));
        let all: Vec<Expr> = table
            .columns()
            .iter()
            .map(|column| Expr::Column(Column::new(Some(relation(place)), &column.name)))
            .collect();
        let schema = DFSchema::try_from(crate::scan::arrow_schema(table))
            .map_err(|_| Refused::Expression)?;
        for filter in &scan.filters {
            let filter = unqualified(filter)?;
            self.add_condition(&filter, &[Scope { schema: &schema, outputs: &all }])?;
        }
        match &scan.projection {
            None => Ok(all),
            Some(places) => {
                let at = |place: &usize| all.get(*place).cloned().ok_or(Refused::Expression);
                places.iter().map(at).collect()
            }
        }
    }

    fn add_groups(&mut self, aggregate: &Aggregate) -> Result<Vec<Expr>, Refused> {
        if !self.composes {
            return Err(Refused::Operator);
        }
        if let Some(added) = self.add_outer_groups(aggregate) {
            return added;
        }
        let mut inner = self.beside();
        let outputs = inner.add(&aggregate.input)?;
        let scope = Scope { schema: aggregate.input.schema(), outputs: &outputs };
        let written = |expr: &Expr| written_out(expr, &[scope.by_ref()]);
        let groups: Vec<Expr> =
            aggregate.group_expr.iter().map(written).collect::<Result<_, _>>()?;
        let values: Vec<Expr> =
            aggregate.aggr_expr.iter().map(written).collect::<Result<_, _>>()?;
        let fields = aggregate.schema.fields().iter().skip(groups.len()).cloned().collect();
        self.add_block(&inner, &groups, values, fields)
    }

    /// Takes in the groups of a block; returns their keys and values.
    pub(super) fn add_block(
        &mut self,
        inner: &Self,
        groups: &[Expr],
        values: Vec<Expr>,
        fields: Vec<FieldRef>,
    ) -> Result<Vec<Expr>, Refused> {
        let count = values.len();
        let (keyed, columns) = Keyed::of(inner, groups, values, fields)?;
        self.epoch = inner.epoch;
        let place = self.tables.len();
        let keys = columns.into_iter().map(|column| keyed::key_column(place, column));
        let values = (0..count).map(|value| keyed::value_column(place, value));
        let outputs = keys.chain(values).collect();
        self.tables.push(Leaf::Block(Arc::new(keyed)));
        Ok(outputs)
    }

    /// What the inner side of an outer join gives out: columns of a row that is not there are NULL
    /// by themselves, everything else is NULL if the row is not there. What is compared for
    /// equality is not NULL if it is there.
    fn maybe(&self, outputs: Vec<Expr>, compared: Option<&Expr>) -> Result<Vec<Expr>, Refused> {
        let present = || match compared {
            Some(Expr::Column(column)) => {
                let place = table_of(column).ok_or(Refused::Expression)?;
                match self.tables.get(place) {
                    Some(Leaf::Table(_)) => Ok(Expr::Column(column.clone())),
                    Some(Leaf::Block(block)) => Ok(block.marker(place)),
                    None => Err(Refused::Expression),
                }
            }
            _ => Err(Refused::Expression),
        };
        let maybe = |output: Expr| match output {
            Expr::Column(_) => Ok(output),
            other => {
                let case = when(present()?.is_not_null(), other).end();
                case.map_err(|_| Refused::Expression)
            }
        };
        outputs.into_iter().map(maybe).collect()
    }

    fn add_join(&mut self, join: &Join) -> Result<Vec<Expr>, Refused> {
        if join.null_equality != NullEquality::NullEqualsNothing || join.null_aware {
            return Err(Refused::NullJoin);
        }
        if self.composes
            && let Some(added) = self.add_existence(join)
        {
            return added;
        }
        // The side that may have no row for one of the other is the second here.
        let (start, conditions) = (self.tables.len(), self.conditions.len());
        let left = self.add(&join.left)?;
        let (middle, own) = (self.tables.len(), self.conditions.len());
        let right = self.add(&join.right)?;
        let (end, after) = (self.tables.len(), self.conditions.len());
        let (left_scope, right_scope) = (
            Scope { schema: join.left.schema(), outputs: &left },
            Scope { schema: join.right.schema(), outputs: &right },
        );
        let mut compared = None;
        for (one, other) in &join.on {
            let one = written_out(one, &[left_scope.by_ref()])?;
            let other = written_out(other, &[right_scope.by_ref()])?;
            compared.get_or_insert_with(|| (one.clone(), other.clone()));
            self.conditions.push(Condition { expr: one.eq(other), of: None });
        }
        if let Some(filter) = &join.filter {
            self.add_condition(filter, &[left_scope, right_scope])?;
        }
        match join.join_type {
            JoinType::Inner => Ok([left, right].concat()),
            JoinType::LeftSemi => {
                self.existing.push(middle..end);
                Ok(left)
            }
            JoinType::RightSemi => {
                self.existing.push(start..middle);
                Ok(right)
            }
            JoinType::Left => {
                self.set_aside(middle..end, AsideKind::Outer, [own..self.conditions.len(), 0..0])?;
                let right = self.maybe(right, compared.as_ref().map(|(_, right)| right))?;
                Ok([left, right].concat())
            }
            JoinType::LeftAnti => {
                self.set_aside(middle..end, AsideKind::Anti, [own..self.conditions.len(), 0..0])?;
                Ok(left)
            }
            JoinType::Right => {
                let of = [conditions..own, after..self.conditions.len()];
                self.set_aside(start..middle, AsideKind::Outer, of)?;
                let left = self.maybe(left, compared.as_ref().map(|(left, _)| left))?;
                Ok([left, right].concat())
            }
            JoinType::RightAnti => {
                let of = [conditions..own, after..self.conditions.len()];
                self.set_aside(start..middle, AsideKind::Anti, of)?;
                Ok(right)
            }
            _ => Err(Refused::JoinType),
        }
    }

    /// Makes tables an aside, whose rows these conditions decide on.
    pub(super) fn set_aside(
        &mut self,
        tables: Range<usize>,
        kind: AsideKind,
        conditions: [Range<usize>; 2],
    ) -> Result<(), Refused> {
        // An aside within another would be NULL for either of two reasons.
        if self.asides.iter().any(|aside| tables.contains(&aside.tables.start)) {
            return Err(Refused::JoinType);
        }
        let number = self.asides.len();
        for place in conditions.into_iter().flatten() {
            if let Some(condition) = self.conditions.get_mut(place) {
                condition.of.get_or_insert(number);
            }
        }
        self.asides.push(Aside { tables, kind });
        Ok(())
    }

    fn add_condition(&mut self, condition: &Expr, scopes: &[Scope<'_>]) -> Result<(), Refused> {
        for conjunct in split_conjunction(condition) {
            let expr = match self.knows_scalars {
                true => beside_scalars(conjunct, scopes)?,
                false => written_out(conjunct, scopes)?,
            };
            self.conditions.push(Condition { expr, of: None });
        }
        Ok(())
    }
}

impl<'a> Scope<'a> {
    pub(super) fn by_ref(&self) -> Scope<'a> {
        Scope { schema: self.schema, outputs: self.outputs }
    }
}

/// An expression in terms of the columns of the tables.
pub(super) fn written_out(expr: &Expr, scopes: &[Scope<'_>]) -> Result<Expr, Refused> {
    match stands_alone(expr) {
        true => beside_scalars(expr, scopes),
        false => Err(Refused::Expression),
    }
}

/// The same for an expression that may have values of subqueries.
fn beside_scalars(expr: &Expr, scopes: &[Scope<'_>]) -> Result<Expr, Refused> {
    if !stands_beside_scalars(expr) || expr.is_volatile() {
        return Err(Refused::Expression);
    }
    let mut is_known = true;
    let found = expr.clone().transform_up(|node| {
        let column = match node {
            Expr::Column(column) => column,
            Expr::Alias(alias) => return Ok(Transformed::yes(*alias.expr)),
            other => return Ok(Transformed::no(other)),
        };
        let mut found = scopes.iter().filter_map(|scope| scope.find(&column));
        match (found.next(), found.next()) {
            (Some(only), None) => Ok(Transformed::yes(only.clone())),
            _ => {
                is_known = false;
                Ok(Transformed::no(Expr::Column(column)))
            }
        }
    });
    match found {
        Ok(found) if is_known => Ok(found.data),
        _ => Err(Refused::Expression),
    }
}

/// The same with columns that have a name and no table.
fn unqualified(expr: &Expr) -> Result<Expr, Refused> {
    let found = expr.clone().transform_up(|node| match node {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(Column::new_unqualified(column.name))))
        }
        other => Ok(Transformed::no(other)),
    });
    found.map(|found| found.data).map_err(|_| Refused::Expression)
}
