//! What a cube is declared to be: the queries for the cells of its parts.
//!
//! ```text
//!   SELECT year, brand, sum(revenue), avg(price), count(DISTINCT customer)
//!   FROM sale JOIN date … JOIN part … GROUP BY year, brand
//!
//!   cells 0   year, brand, category, sum(revenue), sum(price), count(price), count(*)
//!   cells 1   year, brand, category, customer, count(*)
//! ```
//!
//! Each grouping set is a part of its own. Columns of a dimension that follow from its keys (the
//! category of a brand) are keys, too: they make no more cells, and if a change breaks the rule,
//! the cells are still right. A distinct count has the cells of a further key.

use crate::error::{Error, Result};
use datafusion::sql::sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Query, Select,
    SelectItem, SetExpr,
};

/// Parts of a cube.
const PARTS_MAX: usize = 64;

/// A column of cells: the expression for it, as SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The keys, as SQL.
    pub(crate) keys: Vec<String>,
    /// The sums of all kinds.
    pub(crate) values: Vec<String>,
}

impl Wanted {
    /// The query for the cells: columns `k0`, `k1`, … and then `v0`, `v1`, … .
    pub(crate) fn sql(&self, from: &str) -> String {
        let keys = self.keys.iter().enumerate().map(|(place, key)| format!("{key} AS k{place}"));
        let values = self.values.iter().enumerate();
        let values = values.map(|(place, value)| format!("{value} AS v{place}"));
        let columns: Vec<String> = keys.chain(values).collect();
        let by = match self.keys.is_empty() {
            true => String::new(),
            false => format!(" GROUP BY {}", self.keys.join(", ")),
        };
        format!("SELECT {} FROM {from}{by}", columns.join(", "))
    }
}

/// A cube as it was declared.
#[derive(Debug)]
pub(crate) struct Declared {
    /// What stands behind FROM, up to GROUP BY.
    pub(crate) from: String,
    pub(crate) parts: Vec<Wanted>,
}

/// Reads the query of a cube.
///
/// # Errors
/// What a cube cannot be.
pub(crate) fn parts_of(query: &Query) -> Result<Declared> {
    let select = plain_select(query)?;
    let tables: Vec<String> = select.from.iter().map(ToString::to_string).collect();
    if tables.is_empty() {
        return Err(Error::sql("a cube is made of a table, and the query has no FROM"));
    }
    let mut from = tables.join(", ");
    if let Some(condition) = &select.selection {
        from.push_str(&format!(" WHERE {condition}"));
    }
    let sets = grouping_sets(select)?;
    let mut functions = Vec::new();
    for item in &select.projection {
        let expr = match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
            other => return Err(not_a_column(&other.to_string())),
        };
        if let Some(function) = function_of(expr)? {
            functions.push(function);
        } else if !sets.iter().flatten().any(|key| *key == bare(expr).to_string()) {
            return Err(not_a_column(&expr.to_string()));
        }
    }
    let mut parts = Vec::new();
    for keys in sets {
        parts.extend(parts_for(keys, &functions));
    }
    if parts.len() > PARTS_MAX {
        let message = format!("the cube would have {} sets of cells", parts.len());
        return Err(Error::sql(message)
            .with_hint(format!("{PARTS_MAX} are the most: name the GROUPING SETS that count")));
    }
    Ok(Declared { from, parts })
}

fn plain_select(query: &Query) -> Result<&Select> {
    let refuse = |what: &str| {
        Err(Error::sql(format!("a cube has no {what}")).with_hint(
            "a cube is SELECT keys, aggregates FROM fact JOIN … [WHERE …] GROUP BY keys",
        ))
    };
    if query.with.is_some() {
        return refuse("WITH");
    }
    if query.order_by.is_some() {
        return refuse("ORDER BY: queries of it may have one");
    }
    if query.limit_clause.is_some() || query.fetch.is_some() {
        return refuse("LIMIT");
    }
    let SetExpr::Select(select) = query.body.as_ref() else {
        return refuse("UNION, VALUES and the like");
    };
    if select.distinct.is_some() {
        return refuse("DISTINCT: group by the columns");
    }
    if select.having.is_some() {
        return refuse("HAVING: queries of it may have one");
    }
    if select.qualify.is_some() || !select.named_window.is_empty() {
        return refuse("window functions");
    }
    Ok(select)
}

fn not_a_column(text: &str) -> Error {
    Error::sql(format!("{text} can be no column of a cube")).with_hint(
        "its columns are those that it is grouped by, and aggregates: count, sum, avg, min, max",
    )
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// The keys of all grouping sets, as SQL.
fn grouping_sets(select: &Select) -> Result<Vec<Vec<String>>> {
    let GroupByExpr::Expressions(items, modifiers) = &select.group_by else {
        return Err(Error::sql("a cube names its keys: GROUP BY ALL is not supported"));
    };
    if !modifiers.is_empty() {
        return Err(Error::sql("GROUP BY … WITH is not supported: write GROUP BY ROLLUP (…)"));
    }
    let mut sets: Vec<Vec<String>> = vec![Vec::new()];
    for item in items {
        let choices: Vec<Vec<&Expr>> = match item {
            Expr::GroupingSets(sets) => sets.iter().map(|set| set.iter().collect()).collect(),
            Expr::Rollup(levels) => (0..=levels.len())
                .rev()
                .map(|count| levels.iter().take(count).flatten().collect())
                .collect(),
            Expr::Cube(dimensions) if dimensions.len() < 7 => (0..1_usize << dimensions.len())
                .rev()
                .map(|mask| {
                    let kept = dimensions.iter().enumerate();
                    let kept = kept.filter(|(place, _)| mask >> place & 1 == 1);
                    kept.flat_map(|(_, dimension)| dimension).collect()
                })
                .collect(),
            Expr::Cube(_) => return Err(Error::sql("GROUP BY CUBE with more than six columns")),
            other => vec![vec![other]],
        };
        let mut next = Vec::new();
        for set in &sets {
            for choice in &choices {
                let mut keys = set.clone();
                for expr in choice {
                    let key = key_of(expr, select)?;
                    if !keys.contains(&key) {
                        keys.push(key);
                    }
                }
                if !next.contains(&keys) {
                    next.push(keys);
                }
            }
        }
        sets = next;
    }
    Ok(sets)
}

/// A key as SQL: the expression for a place in the list of columns, or for the name of one.
fn key_of(expr: &Expr, select: &Select) -> Result<String> {
    let item = |place: usize| match select.projection.get(place.checked_sub(1)?)? {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
        _ => None,
    };
    let expr = bare(expr);
    if let Expr::Value(value) = expr
        && let ast::Value::Number(number, _) = &value.value
    {
        let found = number.parse().ok().and_then(item);
        let unknown = || Error::sql(format!("GROUP BY {number}: there is no such column"));
        return Ok(bare(found.ok_or_else(unknown)?).to_string());
    }
    if let Expr::Identifier(name) = expr {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && alias.value == name.value
                && !matches!(expr, Expr::Identifier(own) if own.value == name.value)
            {
                return Ok(bare(expr).to_string());
            }
        }
    }
    Ok(expr.to_string())
}

/// An aggregate of a cube.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Function {
    Rows,
    Count(String),
    Sum(String),
    Average(String),
    Min(String),
    Max(String),
    Distinct(String),
}

/// The aggregate function that an expression is, if it is one that cubes know.
fn function_of(expr: &Expr) -> Result<Option<Function>> {
    let Expr::Function(call) = bare(expr) else { return Ok(None) };
    let name = call.name.to_string().to_lowercase();
    let known =
        ["count", "sum", "avg", "mean", "min", "max", "approx_distinct", "approx_count_distinct"];
    if !known.contains(&name.as_str()) {
        return Ok(None);
    }
    let refuse = |what: &str| {
        Err(Error::sql(format!("{expr} can be no column of a cube: {what}"))
            .with_hint("write the aggregate alone, as in sum(CASE WHEN … THEN x END)"))
    };
    if call.filter.is_some() || call.over.is_some() || !call.within_group.is_empty() {
        return refuse("it has a FILTER, an ORDER BY or a window");
    }
    let FunctionArguments::List(list) = &call.args else { return refuse("it has no argument") };
    if !list.clauses.is_empty() {
        return refuse("it has an ORDER BY or the like");
    }
    let is_distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
    let argument = match list.args.as_slice() {
        [] if name == "count" => return Ok(Some(Function::Rows)),
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if name == "count" && !is_distinct => {
            return Ok(Some(Function::Rows));
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => bare(argument).to_string(),
        _ => return refuse("it takes one argument"),
    };
    Ok(Some(match (name.as_str(), is_distinct) {
        ("count", true) | ("approx_distinct" | "approx_count_distinct", _) => {
            Function::Distinct(argument)
        }
        ("count", false) => Function::Count(argument),
        ("min", _) => Function::Min(argument),
        ("max", _) => Function::Max(argument),
        ("sum", false) => Function::Sum(argument),
        ("avg" | "mean", false) => Function::Average(argument),
        _ => return refuse("cubes keep distinct counts only"),
    }))
}

/// The parts for one grouping set.
fn parts_for(keys: Vec<String>, functions: &[Function]) -> Vec<Wanted> {
    let mut values: Vec<String> = Vec::new();
    let mut add = |value: String| {
        if !values.contains(&value) {
            values.push(value);
        }
    };
    let mut distinct: Vec<&String> = Vec::new();
    for function in functions {
        match function {
            Function::Rows => {}
            Function::Count(of) => add(format!("count({of})")),
            Function::Sum(of) | Function::Average(of) => {
                add(format!("sum({of})"));
                add(format!("count({of})"));
            }
            Function::Min(of) => add(format!("min({of})")),
            Function::Max(of) => add(format!("max({of})")),
            Function::Distinct(of) => {
                if !distinct.contains(&of) && !keys.contains(of) {
                    distinct.push(of);
                }
            }
        }
    }
    values.push("count(*)".to_owned());
    let mut parts = Vec::new();
    for of in distinct {
        let keys = keys.iter().chain([of]).cloned().collect();
        parts.push(Wanted { keys, values: vec!["count(*)".to_owned()] });
    }
    parts.insert(0, Wanted { keys, values });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{Statement, parse};

    fn declared(sql: &str) -> Result<Declared> {
        match parse(sql).unwrap() {
            Statement::Query(query) => parts_of(&query),
            other => panic!("{other:?}"),
        }
    }

    fn cells(sql: &str) -> Vec<String> {
        let declared = declared(sql).unwrap();
        declared.parts.iter().map(|part| part.sql(&declared.from)).collect()
    }

    #[test]
    fn averages_and_distinct_counts_are_made_of_what_adds_up() {
        assert_eq!(
            cells(
                "SELECT year AS y, d.month, sum(x), avg(x + 1), count(DISTINCT z) FROM f JOIN d ON f.d = d.id
                 WHERE x > 0 GROUP BY y, 2"
            ),
            [
                "SELECT year AS k0, d.month AS k1, sum(x) AS v0, count(x) AS v1, sum(x + 1) AS v2, \
                 count(x + 1) AS v3, count(*) AS v4 FROM f JOIN d ON f.d = d.id WHERE x > 0 \
                 GROUP BY year, d.month",
                "SELECT year AS k0, d.month AS k1, z AS k2, count(*) AS v0 FROM f JOIN d ON f.d = d.id \
                 WHERE x > 0 GROUP BY year, d.month, z",
            ]
        );
    }

    #[test]
    fn grouping_sets_are_parts() {
        let keys = |sql: &str| -> Vec<String> {
            declared(sql).unwrap().parts.iter().map(|part| part.keys.join(" ")).collect()
        };
        let select = "SELECT a, b, count(*) FROM t GROUP BY";
        assert_eq!(keys(&format!("{select} ROLLUP (a, b)")), ["a b", "a", ""]);
        assert_eq!(keys(&format!("{select} CUBE (a, b)")), ["a b", "b", "a", ""]);
        assert_eq!(keys(&format!("{select} GROUPING SETS ((a, b), (b), ())")), ["a b", "b", ""]);
        assert_eq!(keys(&format!("{select} a, ROLLUP (b)")), ["a b", "a"]);
    }

    #[test]
    fn what_a_cube_cannot_be_is_refused() {
        for (sql, expected) in [
            ("SELECT a FROM t GROUP BY a ORDER BY a", "ORDER BY"),
            ("SELECT a FROM t GROUP BY a LIMIT 1", "LIMIT"),
            ("SELECT a FROM t GROUP BY a HAVING count(*) > 1", "HAVING"),
            ("SELECT DISTINCT a FROM t", "DISTINCT"),
            ("SELECT a, b FROM t GROUP BY a", "b can be no column"),
            ("SELECT a, median(b) FROM t GROUP BY a", "median(b) can be no column"),
            ("SELECT a, sum(b) + 1 FROM t GROUP BY a", "can be no column"),
            ("SELECT a, sum(b) FILTER (WHERE b > 1) FROM t GROUP BY a", "FILTER"),
            ("SELECT a FROM t UNION SELECT b FROM u", "UNION"),
            ("SELECT 1", "no FROM"),
        ] {
            let error = declared(sql).unwrap_err();
            assert!(error.message.contains(expected), "{sql}: {}", error.message);
        }
    }
}
