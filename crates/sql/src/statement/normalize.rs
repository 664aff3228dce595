//! Rewrites of a query's syntax tree before it is planned: what the query engine does not know.

use super::{Context, names, rewrite, spellings, using};
use crate::catalog::SCHEMA;
use crate::error::Result;
use crate::literals;
use datafusion::catalog::SchemaProvider;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, OrderByExpr,
    OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, TableAlias, TableFactor,
    TableWithJoins, Value, Visit, VisitMut, Visitor, VisitorMut, WildcardAdditionalOptions,
};
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

/// Writes out what a query leaves to be understood.
pub(super) fn complete(query: &mut Query) {
    let _ = VisitMut::visit(query, &mut Complete);
}

/// Rewrites a query whose files are resolved and whose columns have names.
pub(super) fn normalize(context: &Context, query: &mut Query) -> Result<()> {
    spellings::spell_out(query)?;
    rewrite::rewrite(query)?;
    using::write_out(context, query)?;
    literals::approximate(query);
    let known = KnownNames::of(context, query)?;
    if !known.mixed.is_empty() || !known.doubles.is_empty() {
        let _ = VisitMut::visit(query, &mut FoldColumns { known });
    }
    Ok(())
}

/// `FROM t` means `SELECT * FROM t`, and `ORDER BY ALL` means all columns from left to right.
struct Complete;

impl VisitorMut for Complete {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(order_by) = &mut query.order_by else { return ControlFlow::Continue(()) };
        let (OrderByKind::All(options), SetExpr::Select(select)) =
            (&order_by.kind, query.body.as_ref())
        else {
            return ControlFlow::Continue(());
        };
        let is_listed = |item: &SelectItem| {
            matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. })
        };
        if !select.projection.is_empty() && select.projection.iter().all(is_listed) {
            let places = (1..=select.projection.len()).map(|place| OrderByExpr {
                expr: Expr::value(Value::Number(place.to_string(), false)),
                options: *options,
                with_fill: None,
            });
            order_by.kind = OrderByKind::Expressions(places.collect());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if select.flavor == SelectFlavor::FromFirstNoSelect {
            select.flavor = SelectFlavor::Standard;
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        }
        ControlFlow::Continue(())
    }
}

/// Names of columns that a query may mean.
#[derive(Default)]
struct KnownNames {
    /// Names that can be written without quotes: columns, aliases, CTEs.
    plain: HashSet<String>,
    /// Columns of tables and files whose names have capitals, by their folded name; `None` if
    /// several differ in nothing else.
    mixed: HashMap<String, Option<String>>,
    /// Names that a table and a column have, folded.
    doubles: HashSet<String>,
}

impl KnownNames {
    fn of(context: &Context, query: &Query) -> Result<Self> {
        let mut found = Relations::default();
        let _ = Visit::visit(query, &mut found);
        let mut tables = found.tables;
        let mut known = Self { plain: found.columns, ..Self::default() };
        for name in found.relations {
            let Ok(name) = names::table_name(&name) else { continue };
            tables.insert(name.to_lowercase());
            let provider = context.wait(async { Ok(context.schema.table(&name).await?) })?;
            let Some(provider) = provider else { continue };
            for field in provider.schema().fields() {
                known.add_column(field.name());
            }
        }
        let is_column =
            |name: &String| known.plain.contains(name) || known.mixed.contains_key(name);
        known.doubles = tables.iter().filter(|name| is_column(name)).cloned().collect();
        known.plain.extend(tables);
        Ok(known)
    }

    fn add_column(&mut self, name: &str) {
        let folded = name.to_lowercase();
        if folded == name {
            self.plain.insert(folded);
            return;
        }
        self.mixed
            .entry(folded)
            .and_modify(|known| {
                if known.as_deref() != Some(name) {
                    *known = None;
                }
            })
            .or_insert_with(|| Some(name.to_owned()));
    }

    /// Puts a name without quotes into the case of the only column that it can mean.
    fn fold(&self, ident: &mut Ident) {
        if ident.quote_style.is_some() {
            return;
        }
        let folded = ident.value.to_lowercase();
        if self.plain.contains(&folded) {
            return;
        }
        if let Some(Some(name)) = self.mixed.get(&folded) {
            ident.value.clone_from(name);
            ident.quote_style = Some('"');
        }
    }
}

/// Collects the tables that a query names, and the names that it gives.
#[derive(Default)]
struct Relations {
    relations: Vec<ObjectName>,
    /// What tables are called in the query.
    tables: HashSet<String>,
    /// What columns are called in the query.
    columns: HashSet<String>,
}

impl Relations {
    fn add_alias(&mut self, alias: &TableAlias) {
        self.tables.insert(names::fold(&alias.name));
        self.columns.extend(alias.columns.iter().map(|column| names::fold(&column.name)));
    }
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.relations.push(relation.clone());
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.add_alias(&cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.columns.insert(names::fold(alias));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::TableFunction { alias: Some(alias), .. }
            | TableFactor::NestedJoin { alias: Some(alias), .. } => self.add_alias(alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Gives references to columns the case of the column, and says of `city.id` that a table `city` is
/// meant where there is a column of that name, too: in a subquery the engine would look for a field
/// of the column.
struct FoldColumns {
    known: KnownNames,
}

impl FoldColumns {
    fn fold_using(&self, tables: &mut [TableWithJoins]) {
        for join in tables.iter_mut().flat_map(|tables| &mut tables.joins) {
            let constraint = match &mut join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint) => constraint,
                _ => continue,
            };
            let JoinConstraint::Using(columns) = constraint else { continue };
            for column in columns {
                if let [ObjectNamePart::Identifier(ident)] = column.0.as_mut_slice() {
                    self.known.fold(ident);
                }
            }
        }
    }
}

impl VisitorMut for FoldColumns {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.fold_using(&mut select.from);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.known.fold(ident),
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last_mut() {
                    self.known.fold(last);
                }
                if let [table, _] = parts.as_slice()
                    && self.known.doubles.contains(&names::fold(table))
                {
                    parts.insert(0, Ident::new(SCHEMA));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
