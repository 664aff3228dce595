//! Every `unsafe` says why it is sound.

use super::Finding;
use super::source::{Source, contains_word};

/// How far above an `unsafe` its reason may be; a run of comment lines counts as one line.
const LINES_ABOVE: usize = 4;

/// Checks that each `unsafe` has `SAFETY:` in a comment on its line or shortly above.
pub fn check(source: &Source) -> Vec<Finding> {
    let lines = source.code.iter().enumerate();
    let bare = lines.filter(|(index, code)| is_unsafe(code) && !has_reason(source, *index));
    bare.map(|(index, _)| Finding::new(&source.path, index + 1, "`unsafe` without `SAFETY:`"))
        .collect()
}

/// Whether the line begins something unsafe; attributes such as `unsafe(no_mangle)` do not.
fn is_unsafe(code: &str) -> bool {
    contains_word(code, "unsafe") && !code.trim_start().starts_with("#")
}

fn has_reason(source: &Source, index: usize) -> bool {
    let mut lines_left = LINES_ABOVE;
    let mut was_comment = false;
    for line in (0..=index).rev() {
        let is_blank = source.code[line].trim().is_empty();
        let is_comment = is_blank && !source.text[line].trim().is_empty();
        if line != index && !(is_comment && was_comment) {
            if lines_left == 0 {
                return false;
            }
            lines_left -= 1;
        }
        if source.comments[line].contains("SAFETY:") {
            return true;
        }
        was_comment = is_comment;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Source::parse("a.rs", text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn an_unsafe_without_a_reason_is_found() {
        assert_eq!(lines("let x = 1;\nlet y = unsafe { f(x) };"), [2]);
        assert_eq!(lines("unsafe impl Send for X {}"), [1]);
        assert_eq!(lines("/// Safety: none.\npub unsafe fn f() {}"), [2]);
        assert_eq!(lines("// SAFETY: far.\na;\nb;\nc;\nd;\nunsafe { f() }"), [6]);
        assert_eq!(lines("let s = \"SAFETY: no\";\nunsafe { f() }"), [2]);
    }

    #[test]
    fn a_reason_on_the_line_or_shortly_above_will_do() {
        assert!(lines("unsafe { f() } // SAFETY: f is fine").is_empty());
        assert!(lines("// SAFETY: near.\na;\nb;\nc;\nunsafe { f() }").is_empty());
        let long = format!("// SAFETY: it takes\n{}unsafe {{ f() }}", "// a while\n".repeat(9));
        assert!(lines(&long).is_empty());
    }

    #[test]
    fn the_word_elsewhere_is_no_matter() {
        assert!(
            lines("#![deny(unsafe_op_in_unsafe_fn)]\n// unsafe\nlet x = \"unsafe\";").is_empty()
        );
        assert!(lines("#[unsafe(no_mangle)]").is_empty());
    }
}
