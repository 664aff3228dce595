//! Every source file opens with what it is.

use super::Finding;
use super::source::Source;

/// Checks that the first line is a module comment that says something.
pub fn check(source: &Source) -> Vec<Finding> {
    let first = source.text.first().map_or("", String::as_str);
    let says_something = first.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty());
    if says_something {
        return Vec::new();
    }
    vec![Finding::new(&source.path, 1, "begins without `//!` and what the file is")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_module_comment_is_found() {
        let count = |text| check(&Source::parse("a.rs", text)).len();
        assert_eq!(count("//! What it is.\nfn a() {}"), 0);
        assert_eq!(count("fn a() {}"), 1);
        assert_eq!(count("//!\n"), 1);
        assert_eq!(count("// What it is."), 1);
        assert_eq!(count(""), 1);
    }
}
