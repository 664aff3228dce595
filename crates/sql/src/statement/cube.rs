//! `CREATE CUBE`, `DROP CUBE`, `CHECK CUBE`, `SHOW CUBES` and `DESCRIBE CUBE`.

use super::show::{quoted, table_of};
use super::{Context, names, transaction};
use crate::cube::{self, Declared, Part, Role, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::outcome::{Outcome, Rows};
use crate::parse::{CreateCube, tokenize};
use crate::star::Shape;
use crate::types::{sql_name, stored_type};
use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::tokenizer::Token;
use starfact_base::{ColumnId, TableId};
use starfact_store::{
    CellRole, Column, ColumnDefinition, CubePart, PartDefinition, Snapshot, Table, TableDefinition,
    Transaction,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes that the name of a cube may have: its parts have a little more.
const NAME_BYTES_MAX: usize = 200;
/// Values of a text column up to which it is a key because it follows from others.
const FOLLOWING_MAX: i64 = 20_000;
/// Rows of a dimension for each combination of keys, from which on it counts that another column is
/// the same in all of them.
const ROWS_OF_EACH: i64 = 2;
/// Values of a key, above which a filter of it leaves few cells of all.
const FINE_VALUES: i64 = 20;
/// Columns of a dimension that are keys because they follow from others.
const FOLLOWING_COLUMNS_MAX: usize = 16;

/// `CREATE CUBE [IF NOT EXISTS] c AS query`
pub(super) fn create_cube(context: &mut Context, wanted: CreateCube) -> Result<Outcome> {
    let name = names::table_name(&wanted.name)?;
    let done = || Outcome::Done { tag: "CREATE CUBE".into() };
    if find(&context.snapshot, &name).is_some() {
        if wanted.if_not_exists {
            return Ok(done());
        }
        return Err(Error::sql(format!("cube \"{name}\" exists already"))
            .with_hint(format!("DROP CUBE {name} first, or CREATE CUBE IF NOT EXISTS")));
    }
    if names::table(&context.snapshot, &name).is_some() {
        return Err(Error::sql(format!("there is a table called \"{name}\""))
            .with_hint("give the cube another name"));
    }
    if name.len() > NAME_BYTES_MAX || name.is_empty() {
        let message = format!("a cube has a name of 1 to {NAME_BYTES_MAX} bytes");
        return Err(Error::sql(message));
    }
    let sql = wanted.query.to_string();
    let declared = cube::parts_of(&wanted.query)?;
    transaction::change(context, |context, transaction| {
        create_parts(context, transaction, &name, &sql, &declared)
    })?;
    Ok(done())
}

fn create_parts(
    context: &Context,
    transaction: &mut Transaction,
    name: &str,
    sql: &str,
    declared: &Declared,
) -> Result<()> {
    let snapshot = Arc::new(transaction.snapshot()?.as_committed());
    let mut known = Vec::new();
    for wanted in &declared.parts {
        let cells = Planned::new(context, &snapshot, name, declared, wanted.clone())?;
        let cells = cells.with_following_keys(context, &snapshot, name, declared)?;
        let cells = cells.without_repeated_values(context, &snapshot, name, declared)?;
        if known.contains(&cells.sql) {
            continue;
        }
        let place = known.len();
        known.push(cells.sql.clone());
        let part = cells.part(&snapshot, name, sql, place as u32)?;
        transaction.create_cube_part(&part)?;
    }
    Ok(())
}

/// The query for the cells of a part, planned.
struct Planned {
    wanted: Wanted,
    sql: String,
    plan: LogicalPlan,
    shape: Shape,
    /// How many values columns of dimensions have, by path and name.
    value_counts: BTreeMap<(String, String), i64>,
}

impl Planned {
    fn new(
        context: &Context,
        snapshot: &Arc<Snapshot>,
        cube: &str,
        declared: &Declared,
        wanted: Wanted,
    ) -> Result<Self> {
        let sql = wanted.sql(&declared.from);
        let plan = context.inner.cubes.plan(&context.inner, snapshot, &sql)?;
        let shape = Part::shape_of(&plan, cube)?;
        Ok(Self { wanted, sql, plan, shape, value_counts: BTreeMap::new() })
    }

    /// The keys in the order in which cells are sorted: by how many values they have, the fewest
    /// first, so that a filter leaves few blocks. But most queries filter by what the fact is in
    /// the order of: its keys come before all others if one of them has many values.
    fn order(&self, snapshot: &Snapshot, keys: &[Role]) -> Vec<usize> {
        let precedence = |role: &Role| {
            let Role::Key(Expr::Column(column)) = role else { return (false, i64::MAX) };
            let path = column.relation.as_ref().map(|path| path.table().to_owned());
            let at = (path.unwrap_or_default(), column.name.clone());
            let count = self.value_counts.get(&at).copied();
            (self.leads(snapshot, &at), count.unwrap_or(i64::MAX))
        };
        let precedences: Vec<(bool, i64)> = keys.iter().map(precedence).collect();
        let is_fine = precedences.iter().any(|(leads, count)| *leads && *count > FINE_VALUES);
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|place| {
            let (leads, count) = precedences.get(*place).copied().unwrap_or_default();
            (is_fine && !leads, count)
        });
        order
    }

    /// Whether a column is of what the fact is in the order of.
    fn leads(&self, snapshot: &Snapshot, (path, name): &(String, String)) -> bool {
        let Some(fact) = snapshot.table_by_id(self.shape.root) else { return false };
        let Some(first) = fact.declared_order().first().copied() else { return false };
        let is_own = fact.column(first).is_some_and(|own| own.name == *name);
        let keys = fact.foreign_keys().iter();
        let mut keys = keys.filter(|key| key.columns == [first]);
        path == "#" && is_own || keys.any(|key| *path == format!("#.{}", key.ordinal_column))
    }

    /// The same with the columns of dimensions as keys that follow from its keys.
    fn with_following_keys(
        self,
        context: &Context,
        snapshot: &Arc<Snapshot>,
        cube: &str,
        declared: &Declared,
    ) -> Result<Self> {
        let mut added = Vec::new();
        let mut value_counts = BTreeMap::new();
        for path in &self.shape.paths {
            let own = |expr: &&Expr| {
                matches!(expr, Expr::Column(column)
                if column.relation.as_ref().is_some_and(|it| it.table() == path.name))
            };
            let keys: Vec<String> =
                self.shape.groups.iter().filter(own).filter_map(name_of).collect();
            let Some(table) = snapshot.table_by_id(path.table) else { continue };
            if keys.is_empty() || path.places.len() > 1 {
                continue;
            }
            let Some(alias) = alias_of(&self.plan, path.places.first().copied()) else { continue };
            let following = following(context, snapshot, table, &keys)?;
            for name in keys.iter().chain(&following) {
                let count = combinations(context, snapshot, table, &[name])?;
                value_counts.insert((path.name.clone(), name.clone()), count);
            }
            added.extend(following.iter().map(|name| format!("{alias}.{}", quoted(name))));
        }
        if added.is_empty() {
            return Ok(Self { value_counts, ..self });
        }
        let mut wanted = self.wanted.clone();
        wanted.keys.extend(added);
        // A name that means two columns is no reason to have no cube.
        let again = Self::new(context, snapshot, cube, declared, wanted);
        Ok(Self { value_counts, ..again.unwrap_or(self) })
    }

    /// The same without numbers of rows that are known twice.
    fn without_repeated_values(
        self,
        context: &Context,
        snapshot: &Arc<Snapshot>,
        cube: &str,
        declared: &Declared,
    ) -> Result<Self> {
        let mut roles: Vec<Role> = Vec::new();
        let mut values = Vec::new();
        let found = Part::roles(&self.plan, &self.shape)?;
        let found = found.into_iter().skip(self.wanted.keys.len());
        let found: Vec<(Role, &String)> = found.zip(&self.wanted.values).collect();
        for (role, text) in found.into_iter().rev() {
            let role = match &role {
                Role::Count(of) if !of.nullable(&self.shape.columns)? => Role::Rows,
                _ => role,
            };
            if !roles.contains(&role) {
                roles.push(role);
                values.push(text.clone());
            }
        }
        if values.len() == self.wanted.values.len() {
            return Ok(self);
        }
        values.reverse();
        let wanted = Wanted { keys: self.wanted.keys, values };
        let value_counts = self.value_counts;
        Ok(Self { value_counts, ..Self::new(context, snapshot, cube, declared, wanted)? })
    }

    fn part(
        &self,
        snapshot: &Snapshot,
        cube: &str,
        sql: &str,
        place: u32,
    ) -> Result<PartDefinition> {
        let (mut columns, mut roles) = (Vec::new(), Vec::new());
        for (field, text) in self
            .plan
            .schema()
            .fields()
            .iter()
            .zip(self.wanted.keys.iter().chain(&self.wanted.values))
        {
            let is_key = columns.len() < self.wanted.keys.len();
            let is_exact = matches!(field.data_type(), DataType::Int64 | DataType::Decimal128(..));
            let role = match text {
                _ if is_key => CellRole::Key,
                text if text.starts_with("min(") => CellRole::Min,
                text if text.starts_with("max(") => CellRole::Max,
                _ => CellRole::Sum,
            };
            roles.push(role);
            if is_key && matches!(field.data_type(), DataType::Float32 | DataType::Float64) {
                let message =
                    format!("{text} is {}, and can be no key", sql_name(field.data_type()));
                return Err(Error::sql(message)
                    .with_hint("cast it: its values are not told apart as its texts are"));
            }
            if role == CellRole::Sum && !is_exact {
                let message = format!(
                    "{text} is {}, and sums of floats depend on their order",
                    sql_name(field.data_type())
                );
                return Err(Error::sql(message)
                    .with_hint("cast the argument: sum(CAST(x AS DECIMAL(18, 4)))"));
            }
            columns.push(ColumnDefinition::new(
                field.name().clone(),
                stored_type(field.name(), field.data_type())?,
            ));
        }
        let name = format!("cube {cube} {place}");
        let mut keys = Part::roles(&self.plan, &self.shape)?;
        keys.truncate(self.wanted.keys.len());
        let order = self.order(snapshot, &keys);
        let sorted_by = order.iter().filter_map(|place| columns.get(*place));
        let sorted_by = sorted_by.map(|column| column.name.clone()).collect();
        let table = TableDefinition { name, columns, sorted_by, ..TableDefinition::default() };
        let mut tables = vec![self.shape.root];
        tables.extend(self.shape.paths.iter().map(|path| path.table));
        tables.dedup();
        let (cube, sql, cells) = (cube.to_owned(), sql.to_owned(), self.sql.clone());
        Ok(PartDefinition { table, part: CubePart { cube, sql, place, cells, tables, roles } })
    }
}

fn name_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) => Some(column.name.clone()),
        _ => None,
    }
}

/// The name that the table at a place of a plan has in it.
fn alias_of(plan: &LogicalPlan, place: Option<usize>) -> Option<String> {
    fn walk(plan: &LogicalPlan, alias: Option<&str>, left: &mut usize) -> Option<String> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                if *left == 0 {
                    return Some(alias.unwrap_or_else(|| scan.table_name.table()).to_owned());
                }
                *left -= 1;
                None
            }
            LogicalPlan::SubqueryAlias(named) => {
                let alias = named.alias.table();
                walk(&named.input, Some(alias), left)
            }
            other => other.inputs().into_iter().find_map(|input| walk(input, None, left)),
        }
    }
    let mut left = place?;
    walk(plan, None, &mut left).map(|alias| quoted(&alias))
}

/// The columns of a dimension whose values follow from some others.
fn following(
    context: &Context,
    snapshot: &Arc<Snapshot>,
    table: &Table,
    keys: &[String],
) -> Result<Vec<String>> {
    let is_unique = table.keys().iter().any(|key| {
        let names = key.columns.iter().filter_map(|id| table.column(*id));
        names.clone().count() > 0 && names.into_iter().all(|column| keys.contains(&column.name))
    });
    let combinations = |columns: &[&String]| combinations(context, snapshot, table, columns);
    let keys_of: Vec<&String> = keys.iter().collect();
    let of_these = combinations(&keys_of)?;
    // Of few rows, everything seems to follow from everything.
    let rows = i64::try_from(table.row_count()).unwrap_or(i64::MAX);
    if rows == 0 || !is_unique && rows < of_these.saturating_mul(ROWS_OF_EACH) {
        return Ok(Vec::new());
    }
    let mut following = Vec::new();
    for column in table.columns() {
        if keys.contains(&column.name) || following.len() == FOLLOWING_COLUMNS_MAX {
            continue;
        }
        let is_text = column.data_type == starfact_base::DataType::Varchar;
        let follows =
            is_unique || combinations(&[keys_of.as_slice(), &[&column.name]].concat())? == of_these;
        if follows
            && (!is_text || combinations(&[&column.name])? <= FOLLOWING_MAX.min(of_these / 2))
        {
            following.push(column.name.clone());
        }
    }
    Ok(following)
}

/// How many combinations of values some columns of a table have.
fn combinations(
    context: &Context,
    snapshot: &Arc<Snapshot>,
    table: &Table,
    columns: &[&String],
) -> Result<i64> {
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let (columns, from) = (columns.join(", "), quoted(table.name()));
    let sql = format!("SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {from}) AS x");
    let plan = context.inner.cubes.plan(&context.inner, snapshot, &sql)?;
    let rows = context.inner.cubes.rows(&context.inner, snapshot, &plan)?;
    Ok(rows.first().map_or(0, |batch| batch.column(0).as_primitive::<Int64Type>().value(0)))
}

/// The parts of the cube of this name, with the name as it was declared.
pub(super) fn find(snapshot: &Snapshot, name: &str) -> Option<(String, Vec<Arc<Table>>)> {
    let folded = name.to_lowercase();
    let mut found: Option<(String, Vec<Arc<Table>>)> = None;
    for (table, part) in snapshot.cube_parts() {
        if part.cube.to_lowercase() == folded {
            let (_, tables) = found.get_or_insert_with(|| (part.cube.clone(), Vec::new()));
            tables.push(Arc::clone(table));
        }
    }
    found
}

fn existing(snapshot: &Snapshot, name: &ObjectName) -> Result<(String, Vec<Arc<Table>>)> {
    let wanted = names::table_name(name)?;
    find(snapshot, &wanted).ok_or_else(|| {
        let all: Vec<&str> = by_name(snapshot).into_keys().collect();
        let hint = match crate::error::nearest(&wanted, all.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => "SHOW CUBES lists all cubes".to_owned(),
        };
        Error::sql(format!("there is no cube \"{wanted}\"")).with_hint(hint)
    })
}

/// Refuses a change of what the queries of cubes say: the name of a table, or a column.
pub(super) fn refuse_change(
    snapshot: &Snapshot,
    table: &Table,
    column: Option<ColumnId>,
) -> Result<()> {
    let column = column.and_then(|id| table.column(id));
    for (_, part) in snapshot.cube_parts() {
        if !part.tables.contains(&table.id()) {
            continue;
        }
        let names = |column: &Column| -> Result<bool> {
            let tokens = tokenize(&part.cells)?;
            Ok(tokens.iter().any(|token| {
                matches!(&token.token, Token::Word(word)
                if word.value.eq_ignore_ascii_case(&column.name))
            }))
        };
        let what = match column {
            None => format!("table \"{}\"", table.name()),
            Some(column) if names(column)? => format!("column \"{}\"", column.name),
            Some(_) => continue,
        };
        let message = format!("cube \"{}\" is made of {what}", part.cube);
        return Err(Error::sql(message)
            .with_hint(format!("DROP CUBE {} first, and create it again after", part.cube)));
    }
    Ok(())
}

/// `DROP CUBE [IF EXISTS] a, b`
pub(super) fn drop_cube(
    context: &mut Context,
    cubes: &[ObjectName],
    if_exists: bool,
) -> Result<Outcome> {
    transaction::change(context, |context, transaction| {
        let mut parts: Vec<TableId> = Vec::new();
        for name in cubes {
            match existing(&context.snapshot, name) {
                Ok((_, tables)) => parts.extend(tables.iter().map(|table| table.id())),
                Err(_) if if_exists => {}
                Err(error) => return Err(error),
            }
        }
        parts.sort_unstable();
        parts.dedup();
        parts.into_iter().try_for_each(|part| Ok(transaction.drop_table(part)?))
    })?;
    Ok(Outcome::Done { tag: "DROP CUBE".into() })
}

/// `CHECK CUBE a, b`
pub(super) fn check_cubes(context: &mut Context, cubes: &[ObjectName]) -> Result<Outcome> {
    let (mut names, mut cells) = (Vec::new(), Vec::new());
    for name in cubes {
        let (cube, parts) = existing(&context.snapshot, name)?;
        let mut count = 0;
        for part in &parts {
            context.check_cancelled()?;
            cube::check(&context.inner, &context.snapshot, part)?;
            count += part.row_count();
        }
        names.push(cube);
        cells.push(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let verdicts = StringArray::from(vec!["ok"; names.len()]);
    table_of(vec![
        ("name", Arc::new(StringArray::from(names))),
        ("status", Arc::new(verdicts)),
        ("cells", Arc::new(Int64Array::from(cells))),
    ])
    .map(Outcome::Rows)
}

/// What is wrong with the cells of all cubes.
pub(super) fn faults(context: &Context) -> Result<Vec<Error>> {
    let mut faults = Vec::new();
    if context.inner.store.damage().is_some() {
        return Ok(faults);
    }
    for (table, _) in context.snapshot.cube_parts() {
        context.check_cancelled()?;
        match cube::check(&context.inner, &context.snapshot, table) {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::Interrupted => return Err(error),
            Err(error) => faults.push(error),
        }
    }
    Ok(faults)
}

/// The parts of all cubes.
pub(crate) fn by_name(snapshot: &Snapshot) -> BTreeMap<&str, Vec<&Arc<Table>>> {
    let mut cubes: BTreeMap<&str, Vec<&Arc<Table>>> = BTreeMap::new();
    for (table, part) in snapshot.cube_parts() {
        cubes.entry(&part.cube).or_default().push(table);
    }
    cubes
}

/// `SHOW CUBES`
pub(super) fn show_cubes(context: &Context) -> Result<Rows> {
    let batch = crate::sys::cubes(&context.snapshot, &context.inner)?;
    let schema = batch.schema();
    let kept = ["name", "fact", "cells", "bytes", "hits", "time_saved_ms", "sql"];
    let columns = kept.iter().filter_map(|name| {
        let place = schema.index_of(name).ok()?;
        Some((*name, Arc::clone(batch.column(place))))
    });
    table_of(columns.collect())
}

/// `DESCRIBE CUBE c`
pub(super) fn describe_cube(context: &Context, name: &ObjectName) -> Result<Rows> {
    let (_, parts) = existing(&context.snapshot, name)?;
    let (mut places, mut kinds, mut texts, mut types) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for table in &parts {
        let Some(declared) = table.cube() else { continue };
        let part = context.inner.cubes.part(&context.inner, &context.snapshot, table, declared)?;
        for (column, stored) in part.columns.iter().zip(table.columns()) {
            places.push(i64::from(declared.place));
            let (kind, text) = column.role.shown();
            kinds.push(kind);
            texts.push(text);
            types.push(stored.data_type.to_string());
        }
    }
    let text = |values: Vec<String>| Arc::new(StringArray::from(values)) as ArrayRef;
    table_of(vec![
        ("part", Arc::new(Int64Array::from(places))),
        ("kind", Arc::new(StringArray::from(kinds))),
        ("expression", text(texts)),
        ("type", text(types)),
    ])
}
