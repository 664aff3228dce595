//! Statements that read and write files, on a temporary warehouse.

mod copy_csv;
mod copy_parquet;
mod copy_to;
mod fixtures;
mod query;

use crate::{Error, OpenOptions, Outcome, Session, Warehouse};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::fs;
use std::path::PathBuf;

/// A warehouse with a folder for files.
struct Lab {
    folder: tempfile::TempDir,
    session: Session,
}

impl Lab {
    fn new() -> Self {
        let warehouse = Warehouse::open(OpenOptions::default()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), session: warehouse.session() }
    }

    /// A warehouse after some statements.
    fn with(statements: &[&str]) -> Self {
        let lab = Self::new();
        for sql in statements {
            lab.try_run(sql).unwrap();
        }
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::write(self.path(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }

    /// Executes a statement in which `@` stands for the folder; gives a count, or rows as text.
    fn try_run(&self, sql: &str) -> Result<String, Error> {
        let folder = self.folder.path().to_str().unwrap();
        match self.session.execute(&sql.replace('@', folder))? {
            Outcome::Count { verb, rows } => Ok(format!("{verb} {rows}")),
            Outcome::Done { tag } => Ok(tag),
            Outcome::Rows(rows) => {
                let mut text = String::new();
                for batch in rows {
                    text.push_str(&show(&batch?));
                }
                Ok(text)
            }
            Outcome::Settings { .. } => panic!("{sql}"),
        }
    }

    fn run(&self, sql: &str) -> String {
        self.try_run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The error of a statement as `message (hint)`, with `@` for the folder.
    fn error(&self, sql: &str) -> String {
        let error = self.try_run(sql).expect_err(sql);
        error.to_string().replace(self.folder.path().to_str().unwrap(), "@")
    }
}

/// Rows in brackets; NULL is ∅.
fn show(batch: &arrow::array::RecordBatch) -> String {
    let options = FormatOptions::default().with_null("∅");
    let columns = batch.columns().iter();
    let columns: Vec<ArrayFormatter<'_>> =
        columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
    let row = |row| {
        let values: Vec<String> =
            columns.iter().map(|column| column.value(row).to_string()).collect();
        format!("[{}]", values.join("|"))
    };
    (0..batch.num_rows()).map(row).collect()
}

/// A table with a column of every type, and two rows in it.
const EVERY_TYPE: [&str; 2] = [
    "CREATE TABLE every (b BOOLEAN, i2 SMALLINT, i4 INTEGER, i8 BIGINT, f4 REAL, f8 DOUBLE,
        d DECIMAL(9,2), w DECIMAL(38,10), s VARCHAR, date DATE, time TIME, ts TIMESTAMP,
        tz TIMESTAMPTZ)",
    "INSERT INTO every VALUES
        (true, -1, 2, -3, 0.5, 0.1, 1234567.89, 1234567890123456789012345678.0123456789,
         'a,\"b\"', '0001-01-01', '23:59:59.999999', '9999-12-31 23:59:59.999999',
         '2024-02-29 12:00:00+02'),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (false, 0, 0, 0, 0, 0, 0, 0, '', '1970-01-01', '00:00', '1970-01-01', '1970-01-01')",
];
