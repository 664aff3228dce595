//! Checks and splits the relative paths of a directory.
//!
//! A path is one or more plain names with `/` between them. Anything that could lead out of the
//! directory is refused, so a damaged file that names others cannot make us touch what is not ours.

use starfact_base::{Error, Result};

/// The names of `path`, which must be at least one.
pub(crate) fn names(path: &str) -> Result<Vec<&str>> {
    let names: Vec<&str> = path.split('/').collect();
    if names.iter().any(|name| !is_plain(name)) {
        return Err(Error::internal(format!("`{path}` is no path within a warehouse")));
    }
    Ok(names)
}

/// The names of a folder's path; none for the root, which is `""`.
pub(crate) fn folder_names(folder: &str) -> Result<Vec<&str>> {
    if folder.is_empty() { Ok(Vec::new()) } else { names(folder) }
}

/// The folder that holds `path`; `""` is the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        assert_eq!(names("tables/1/seg-2").unwrap(), ["tables", "1", "seg-2"]);
        for bad in ["", "/etc", "a//b", "a/", "../a", "a/../b", "./a", "a\\b", "a\0b"] {
            assert!(names(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_root_is_the_empty_folder() {
        assert!(folder_names("").unwrap().is_empty());
        assert_eq!(parent("a/b/c"), "a/b");
        assert_eq!(parent("a"), "");
    }
}
