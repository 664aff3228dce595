//! File names in SQL: which files they mean, and what to say if there are none.

use crate::error::{Error, Result};
use starfact_base::Error as BaseError;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Names of a folder that are compared with one that does not exist.
const NAMES_MAX: usize = 10_000;

/// The files that a name or a pattern means, in the order of their names; at least one. A file that
/// has the pattern as its name comes first.
///
/// # Errors
/// No such file, with names that may have been meant; folders; addresses of other machines.
pub(crate) fn find(pattern: &str) -> Result<Vec<PathBuf>> {
    let path = local(pattern)?;
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Err(Error::sql(format!(
            "cannot open '{pattern}': it is a folder"
        ))
        .with_hint(format!("name files in it: '{}/*.parquet'", pattern.trim_end_matches('/')))),
        Ok(_) => Ok(vec![path]),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let found = if is_pattern(pattern) { matching(pattern, &path)? } else { Vec::new() };
            if found.is_empty() { Err(missing(pattern, &path)) } else { Ok(found) }
        }
        Err(error) => Err(BaseError::io("open", path, error).into()),
    }
}

/// Opens a file for reading.
///
/// # Errors
/// What the operating system says.
pub(crate) fn open(path: &Path) -> Result<fs::File> {
    Ok(fs::File::open(path).map_err(|error| BaseError::io("open", path, error))?)
}

/// The path that a name in SQL means, which need not exist.
///
/// # Errors
/// Addresses of other machines; the empty name.
pub(crate) fn local(name: &str) -> Result<PathBuf> {
    if let Some((scheme, rest)) = name.split_once("://") {
        if scheme == "file" {
            return local(rest);
        }
        return Err(Error::sql(format!(
            "cannot open '{name}': only files of this machine are read"
        ))
        .with_hint("download the file first"));
    }
    if name.is_empty() || name.contains('\0') {
        return Err(Error::sql(format!("'{}' is no file name", name.escape_default())));
    }
    let home = name.strip_prefix("~/").zip(std::env::home_dir());
    Ok(home.map_or_else(|| PathBuf::from(name), |(rest, home)| home.join(rest)))
}

/// Whether a name may stand for several files.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn matching(pattern: &str, path: &Path) -> Result<Vec<PathBuf>> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::sql(format!("'{pattern}' is no pattern of file names: {error}"))
    };
    let text = path.to_str().ok_or_else(|| wrong(&"it is not UTF-8"))?;
    let options = glob::MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let mut found = Vec::new();
    for entry in glob::glob_with(text, options).map_err(|error| wrong(&error))? {
        let entry = entry.map_err(|error| {
            let path = error.path().to_owned();
            BaseError::io("list", path, error.into())
        })?;
        if !entry.is_dir() {
            found.push(entry);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn missing(pattern: &str, path: &Path) -> Error {
    if is_pattern(pattern) {
        return Error::sql(format!("cannot open '{pattern}': no file has such a name"))
            .with_hint(where_looked(path));
    }
    let error = Error::sql(format!("cannot open '{pattern}': no such file"));
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Ok(entries) = fs::read_dir(folder) else {
        return error.with_hint(format!("there is no folder '{}'", folder.display()));
    };
    let names = entries.take(NAMES_MAX).filter_map(|entry| {
        let entry = entry.ok().filter(|entry| entry.path().is_file())?;
        entry.file_name().into_string().ok()
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    let error = error.with_suggestion(name, names.iter().map(String::as_str), "files there");
    if error.hint.is_some() { error } else { error.with_hint(where_looked(path)) }
}

fn where_looked(path: &Path) -> String {
    match std::env::current_dir() {
        Ok(current) if path.is_relative() => {
            format!("names that do not begin with / start in '{}'", current.display())
        }
        _ => "check the name and the folder".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    fn found(folder: &tempfile::TempDir, pattern: &str) -> Result<Vec<String>> {
        let files = find(&format!("{}/{pattern}", folder.path().display()))?;
        let names = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned());
        Ok(names.collect())
    }

    #[test]
    fn patterns_give_all_files_in_order() {
        let folder = folder(&["b.csv", "a.csv", "c.tbl", "[x].csv"]);
        assert_eq!(found(&folder, "?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(
            found(&folder, "[x].csv").unwrap(),
            ["[x].csv"],
            "a name comes before a pattern"
        );
        let error = found(&folder, "*.parquet").unwrap_err();
        assert!(error.message.contains("no file has such a name"), "{}", error.message);
    }

    #[test]
    fn a_name_that_is_not_there_brings_up_similar_ones() {
        let folder = folder(&["lineorder.parquet", "part.parquet"]);
        let error = found(&folder, "linorder.parquet").unwrap_err();
        assert!(error.message.ends_with("linorder.parquet': no such file"), "{}", error.message);
        let hint = error.hint.unwrap();
        assert_eq!(hint, "did you mean \"lineorder.parquet\"?");
        let error = found(&folder, "x/y.csv").unwrap_err();
        assert!(error.hint.unwrap().starts_with("there is no folder"));
    }

    #[test]
    fn folders_and_addresses_are_refused() {
        let folder = folder(&[]);
        let error = find(folder.path().to_str().unwrap()).unwrap_err();
        assert!(error.message.contains("it is a folder"), "{}", error.message);
        assert!(find("https://example.com/a.csv").unwrap_err().message.contains("this machine"));
        assert!(find("").is_err());
    }
}
