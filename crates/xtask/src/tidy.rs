//! The house rules that a program can check, each in a module of its own.
//!
//! To add one: write a module with a function over one source file, and name it in
//! `SOURCE_CHECKS`. It sees the code with the contents of strings and comments blanked out, so
//! words in them are not mistaken for code.

mod boundaries;
mod documents;
mod headers;
mod layers;
mod leftovers;
mod safety;
mod sizes;
mod source;

use source::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A check of one source file.
type SourceCheck = fn(&Source) -> Vec<Finding>;

const SOURCE_CHECKS: [SourceCheck; 5] =
    [sizes::check, headers::check, boundaries::check, safety::check, leftovers::check];

/// Folders at the top that hold nothing of ours to check.
const SKIPPED_FOLDERS: [&str; 2] = ["target", "data"];

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the repository at `root` and prints every finding; it is an error if there is any.
pub fn run(root: &Path) -> Result<(), String> {
    let mut files = BTreeMap::new();
    read_folder(root, "", &mut files)?;
    let mut findings = layers::check(&layers::packages(root)?);
    for source in source::parse_all(&files) {
        findings.extend(SOURCE_CHECKS.iter().flat_map(|check| check(&source)));
    }
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".md")) {
        findings.extend(documents::check(path, text, &|named| root.join(named).exists()));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err("tidy: 1 finding".into()),
        count => Err(format!("tidy: {count} findings")),
    }
}

/// Collects the text of all Rust files and documents below `folder`, by path from the root.
fn read_folder(
    root: &Path,
    folder: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    let full = root.join(folder);
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", full.display());
    for entry in std::fs::read_dir(&full).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_skipped = folder.is_empty() && SKIPPED_FOLDERS.contains(&name.as_str());
        if name.starts_with('.') || is_skipped {
            continue;
        }
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().map_err(failed)?.is_dir() {
            read_folder(root, &path, files)?;
        } else if path.ends_with(".rs") || path.ends_with(".md") {
            let text = std::fs::read_to_string(root.join(&path))
                .map_err(|error| format!("cannot read {path}: {error}"))?;
            files.insert(path, text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line() {
        let finding = Finding::new("crates/vfs/src/lib.rs", 7, "too long");
        assert_eq!(finding.to_string(), "crates/vfs/src/lib.rs:7: too long");
    }

    #[test]
    fn this_repository_is_found_and_read() {
        let mut files = BTreeMap::new();
        read_folder(&crate::root(), "", &mut files).unwrap();
        assert!(files.contains_key("crates/xtask/src/tidy.rs"));
        assert!(!files.keys().any(|path| path.starts_with("target/")));
    }
}
