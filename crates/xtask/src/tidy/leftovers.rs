//! Nothing unfinished is left behind: no stubs, no skipped tests, no marks of work to come.

use super::Finding;
use super::source::{Source, contains_word};

const IN_CODE: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];
const IN_COMMENTS: [&str; 3] = ["FIXME", "XXX", "TODO"];

/// Checks for marks of unfinished work.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, (code, comment)) in source.code.iter().zip(&source.comments).enumerate() {
        let in_code = IN_CODE.iter().filter(|word| contains_word(code, word));
        let in_comments = IN_COMMENTS.iter().filter(|word| contains_word(comment, word));
        let found = in_code.chain(in_comments);
        findings.extend(found.map(|word| {
            Finding::new(&source.path, index + 1, format!("`{word}`: finish it or leave it out"))
        }));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_unfinished_work_are_found() {
        let lines = |text: &str| -> Vec<usize> {
            check(&Source::parse("a.rs", text)).iter().map(|finding| finding.line).collect()
        };
        assert_eq!(lines("fn a() {\n    todo!()\n}"), [2]);
        assert_eq!(lines("unimplemented!(\"later\")"), [1]);
        assert_eq!(lines("#[test]\n#[ignore = \"slow\"]\nfn a() {}"), [2]);
        assert_eq!(lines("// FIXME later\nfn a() {} // XXX"), [1, 2]);
        assert!(lines("let x = \"todo! FIXME #[ignore]\"; // a todo list of fixes").is_empty());
    }
}
