//! `import` and `export`: COPY for people who want no SQL.

use crate::args;
use crate::identifier::{literal, named};
use starfact::Error;
use std::path::Path;

/// `COPY table FROM 'file'`
///
/// # Errors
/// When the name of the file is no text.
pub fn copy_from(table: &str, file: &Path) -> Result<String, Error> {
    Ok(format!("COPY {} FROM {}", named(table), literal(text(file)?)))
}

/// `COPY table TO 'file'`, or `COPY (query) TO 'file'` if the source is a query.
///
/// # Errors
/// When the name of the file is no text.
pub fn copy_to(source: &str, file: &Path) -> Result<String, Error> {
    let source = if args::is_query(source) {
        format!("({})", source.trim().trim_end_matches(';'))
    } else {
        named(source)
    };
    Ok(format!("COPY {source} TO {}", literal(text(file)?)))
}

/// The query for what [`copy_to`] would write.
pub fn rows_of(source: &str) -> String {
    match args::is_query(source) {
        true => source.to_owned(),
        false => format!("FROM {}", named(source)),
    }
}

fn text(file: &Path) -> Result<&str, Error> {
    file.to_str()
        .ok_or_else(|| Error::sql(format!("the name of the file {} is not UTF-8", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_quoted() {
        let from = copy_from("order lines", Path::new("it's.csv")).unwrap();
        assert_eq!(from, "COPY \"order lines\" FROM 'it''s.csv'");
        assert_eq!(copy_to("t", Path::new("t.csv")).unwrap(), "COPY t TO 't.csv'");
        let to = copy_to("SELECT 1; ", Path::new("t.csv")).unwrap();
        assert_eq!(to, "COPY (SELECT 1) TO 't.csv'");
    }
}
