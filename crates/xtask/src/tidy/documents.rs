//! Documents name only what exists: the targets of links, and paths in backticks.
//!
//! Fenced blocks are left alone, because commands in them may make the files that they name.

use super::Finding;

/// A word in backticks that begins so is a path from the root of the repository.
const ROOTED: [&str; 7] =
    ["crates/", "queries/", "datasets/", "benches/", "docs/", ".ci/", "scripts/"];
/// A word with one of these is a pattern or an example, not a path.
const PLACEHOLDERS: [char; 8] = ['<', '>', '*', '{', '}', '…', '$', '|'];

/// Checks one document; `exists` says whether a path from the root of the repository does.
pub fn check(path: &str, text: &str, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        if is_fenced {
            continue;
        }
        let links = link_targets(line).filter_map(|target| resolve(path, target));
        for named in links.chain(rooted_words(line)) {
            if !exists(&named) {
                findings.push(Finding::new(path, index + 1, format!("`{named}` does not exist")));
            }
        }
    }
    findings
}

/// What stands in the parentheses of `[text](target)`.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next())
}

/// The path from the root that a link in the document at `path` leads to; `None` for links to
/// other sites and within the document.
fn resolve(path: &str, target: &str) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains(':') || target.contains(PLACEHOLDERS) {
        return None;
    }
    let mut names: Vec<&str> = path.split('/').collect();
    names.pop();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|&last| last != "..") => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// The paths from the root among the words in backticks.
fn rooted_words(line: &str) -> impl Iterator<Item = String> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .flat_map(str::split_whitespace)
        .filter(|word| ROOTED.iter().any(|prefix| word.starts_with(prefix)))
        .filter(|word| !word.contains(PLACEHOLDERS) && !word.contains("..."))
        .map(|word| {
            let word = word.split([':', '#']).next().unwrap_or_default();
            word.trim_end_matches(['.', ',', ';', ')', '/']).to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(path: &str, text: &str) -> Vec<String> {
        let existing = ["", "docs", "docs/FORMAT.md", "crates/vfs/src/lib.rs", "README.md"];
        let findings = check(path, text, &|named| existing.contains(&named));
        findings.iter().map(Finding::to_string).collect()
    }

    #[test]
    fn links_lead_somewhere() {
        let text = "[a](FORMAT.md#blocks) [b](../README.md) [c](https://x.org/y) [d](#here)";
        assert!(missing("docs/A.md", text).is_empty());
        assert!(missing("docs/A.md", "[up](..) and [here](.)").is_empty());
        assert_eq!(
            missing("docs/A.md", "\n[a](GONE.md)"),
            ["docs/A.md:2: `docs/GONE.md` does not exist"]
        );
        assert_eq!(missing("README.md", "![a](docs/x.svg \"title\")").len(), 1);
        assert_eq!(missing("README.md", "[a](../outside.md)").len(), 1);
    }

    #[test]
    fn paths_in_backticks_exist() {
        let text = "`crates/vfs/src/lib.rs:12`, `docs/`, `cat docs/FORMAT.md` and `other/path`";
        assert!(missing("README.md", text).is_empty());
        let text = "`crates/<name>`, `queries/*.sql`, `datasets/{a,b}`, `crates/…`, `docs/...`";
        assert!(missing("README.md", text).is_empty());
        assert_eq!(
            missing("README.md", "see `crates/gone/src`, `cat scripts/x.sh`; docs/plain is prose"),
            [
                "README.md:1: `crates/gone/src` does not exist",
                "README.md:1: `scripts/x.sh` does not exist"
            ]
        );
    }

    #[test]
    fn fenced_blocks_are_left_alone() {
        let text = "```sh\nstarfact load `crates/gone`\n```\n`crates/gone`";
        assert_eq!(missing("README.md", text), ["README.md:4: `crates/gone` does not exist"]);
    }
}
