//! Statements that other systems have and we do not, or not yet: what they are called, and what to
//! do instead.

use datafusion::sql::sqlparser::ast::Statement;

/// Words that belong to the name of a statement behind its first.
const OBJECTS: &[&str] = &[
    "DATABASE",
    "FROM",
    "FUNCTION",
    "INDEX",
    "INTO",
    "SAVEPOINT",
    "SCHEMA",
    "SEQUENCE",
    "TABLE",
    "TRANSACTION",
    "VIEW",
];

/// The leading words of a statement, for a message.
pub(super) fn describe(statement: &Statement) -> String {
    let text = statement.to_string();
    let mut words = text.split_whitespace();
    let is_capital = |word: &&str| word.chars().all(|ch| ch.is_ascii_uppercase());
    let Some(first) = words.next().filter(is_capital) else { return "this statement".into() };
    match words.next().filter(|second| OBJECTS.contains(second)) {
        Some(second) => format!("{first} {second}"),
        None => first.to_owned(),
    }
}

/// What to do in place of a statement that begins with these words.
pub(crate) fn elsewhere(what: &str) -> &'static str {
    let mut words = what.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (first, second) {
        ("UPSERT" | "REPLACE", _) => {
            "write INSERT INTO t … ON CONFLICT (key) DO UPDATE SET a = excluded.a"
        }
        ("COMMIT" | "ROLLBACK", "AND") => "end the transaction, and begin another with BEGIN",
        ("ROLLBACK" | "SAVEPOINT" | "RELEASE", _) => {
            "a transaction is kept or undone as a whole: COMMIT or ROLLBACK"
        }
        ("LOCK", _) => "none is needed: a transaction sees one state, and readers never wait",
        ("ALTER" | "RENAME", _) => "tables are altered: ALTER TABLE t RENAME TO u, ADD COLUMN …",
        ("CREATE" | "DROP" | "REFRESH", "VIEW" | "MATERIALIZED") => {
            "write the query as WITH name AS (SELECT …), or keep its \
                 rows: CREATE TABLE t AS SELECT …"
        }
        ("CREATE" | "DROP" | "REINDEX", "INDEX" | "UNIQUE" | "") => {
            "none is needed: zone maps and SORTED BY skip rows, and \
                 PRIMARY KEY and UNIQUE find keys"
        }
        ("CREATE" | "DROP" | "USE", "SCHEMA" | "DATABASE" | "") => {
            "a warehouse has one schema, main; another warehouse is another directory"
        }
        ("CREATE" | "DROP", "SEQUENCE") => {
            "number the rows when they are loaded, with row_number() OVER ()"
        }
        ("CREATE" | "DROP", _) => "the objects of a warehouse are tables",
        ("GRANT" | "REVOKE" | "DENY", _) => {
            "who may read or write a warehouse is what its directory says: use chmod"
        }
        ("ANALYZE" | "CHECKPOINT" | "REINDEX", _) => {
            "none is needed: statistics are exact, and what no reader needs is removed by itself"
        }
        ("ATTACH" | "DETACH", _) => "open the other warehouse, or exchange files with COPY",
        ("EXPORT" | "IMPORT" | "LOAD" | "UNLOAD", _) => {
            "COPY t TO 'file.parquet' and COPY t FROM 'file.parquet' move tables"
        }
        ("INSTALL", _) => "there are no extensions",
        ("PIVOT" | "UNPIVOT", _) => {
            "write one aggregate for each column: sum(x) FILTER (WHERE year = 2024)"
        }
        ("CHECK", _) => "there are tables only: CHECK TABLE t",
        ("PRAGMA", _) => "DESCRIBE t and SHOW TABLES show the catalog",
        _ => {
            "statements begin with SELECT, FROM, WITH, VALUES, INSERT, UPDATE, DELETE, MERGE, \
              TRUNCATE, COPY, CREATE TABLE, ALTER TABLE, DROP TABLE, BEGIN, COMMIT, ROLLBACK, \
              PREPARE, EXECUTE, DEALLOCATE, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN, SET or RESET"
        }
    }
}
