//! The statement that would create a table as it is.

use crate::parse::parse_expression;
use datafusion::sql::sqlparser::ast::{Expr, Ident};
use datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_IDENTIFIER,
    RESERVED_FOR_TABLE_ALIAS,
};
use starfact_base::ColumnId;
use starfact_store::{Snapshot, Table};

/// `CREATE TABLE` with everything that is declared of the table.
pub(super) fn create_table_sql(table: &Table, snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    for column in table.columns() {
        let mut line = format!("{} {}", quoted(&column.name), column.data_type);
        if !column.nullable {
            line.push_str(" NOT NULL");
        }
        if let Some(default) = &column.default {
            line.push_str(&format!(" DEFAULT {default}"));
        }
        if let Some(encoding) = &column.encoding {
            line.push_str(&format!(" ENCODING '{encoding}'"));
        }
        match column.bitmap {
            None => {}
            Some(true) => line.push_str(" BITMAP"),
            Some(false) => line.push_str(" NO BITMAP"),
        }
        lines.push(line);
    }
    for key in table.keys() {
        let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
        let columns = column_names(table, &key.columns);
        lines.push(format!("{}{kind} ({columns})", constraint(key.name.as_deref())));
    }
    for key in table.foreign_keys() {
        let Some(parent) = snapshot.table_by_id(key.parent) else { continue };
        lines.push(format!(
            "{}FOREIGN KEY ({}) REFERENCES {} ({})",
            constraint(key.name.as_deref()),
            column_names(table, &key.columns),
            quoted(parent.name()),
            column_names(parent, &key.parent_columns)
        ));
    }
    for check in table.checks() {
        lines.push(format!("{}CHECK ({})", constraint(check.name.as_deref()), check.sql));
    }
    let mut sql = format!("CREATE TABLE {} (\n    ", quoted(table.name()));
    sql.push_str(&lines.join(",\n    "));
    sql.push_str("\n)");
    if !table.sorted_by().is_empty() {
        sql.push_str(&format!(" SORTED BY ({})", column_names(table, &table.declared_order())));
    }
    sql.push(';');
    sql
}

fn constraint(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!("CONSTRAINT {} ", quoted(name)))
}

fn column_names(table: &Table, ids: &[ColumnId]) -> String {
    let names = ids.iter().filter_map(|id| table.column(*id)).map(|column| quoted(&column.name));
    names.collect::<Vec<_>>().join(", ")
}

/// A name in quotes if it needs them.
pub(in crate::statement) fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|ch: char| ch.is_ascii_lowercase() || ch == '_')
        && name.chars().all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '_');
    if is_plain && !is_reserved(name) {
        name.to_owned()
    } else {
        Ident::with_quote('"', name).to_string()
    }
}

/// Words that are no names in standard SQL, although the parser would take them in some places.
const RESERVED: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "between",
    "case",
    "cast",
    "check",
    "constraint",
    "create",
    "default",
    "distinct",
    "else",
    "end",
    "exists",
    "false",
    "foreign",
    "in",
    "is",
    "like",
    "not",
    "null",
    "or",
    "primary",
    "references",
    "table",
    "then",
    "true",
    "unique",
    "when",
];

/// Whether a word means something else than a column somewhere in a statement.
fn is_reserved(word: &str) -> bool {
    if RESERVED.contains(&word) {
        return true;
    }
    let listed = ALL_KEYWORDS.binary_search(&word.to_uppercase().as_str()).is_ok_and(|place| {
        let keyword = ALL_KEYWORDS_INDEX[place];
        RESERVED_FOR_IDENTIFIER.contains(&keyword)
            || RESERVED_FOR_COLUMN_ALIAS.contains(&keyword)
            || RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
    });
    listed || !matches!(parse_expression(word), Ok(Expr::Identifier(_)))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_are_quoted_when_they_need_it() {
        for (name, shown) in [
            ("lo_custkey", "lo_custkey"),
            ("Custkey", "\"Custkey\""),
            ("id", "id"),
            ("date", "date"),
            ("select", "\"select\""),
            ("order", "\"order\""),
            ("case", "\"case\""),
            ("current_date", "\"current_date\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("größe", "\"größe\""),
        ] {
            assert_eq!(quoted(name), shown);
        }
    }
}
