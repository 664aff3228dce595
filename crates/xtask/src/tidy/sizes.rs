//! Files, functions and lines stay small enough to be read in one go.

use super::Finding;
use super::source::Source;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARACTERS_MAX: usize = 100;

/// Checks the length of the file, of its lines and of its functions. Functions and lines of tests
/// may be long, because SQL and expected text are, and so may a line that is a single word, such as
/// an address.
pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |line, what| findings.push(Finding::new(&source.path, line, what));
    let line_count = source.text.len();
    if line_count > FILE_LINES_MAX {
        found(line_count, format!("{line_count} lines, over {FILE_LINES_MAX}: split the file"));
    }
    for (index, text) in source.text.iter().enumerate() {
        let characters = text.chars().count();
        let content = text.trim_start().trim_start_matches(['/', '!']).trim();
        let is_broken_up = content.contains(char::is_whitespace) && !source.is_test[index];
        if characters > LINE_CHARACTERS_MAX && is_broken_up {
            found(index + 1, format!("{characters} characters, over {LINE_CHARACTERS_MAX}"));
        }
    }
    for (index, code) in source.code.iter().enumerate() {
        let Some(name) = function_name(code).filter(|_| !source.is_test[index]) else { continue };
        let lines = source.item_end(index) - index + 1;
        if lines > FUNCTION_LINES_MAX {
            found(index + 1, format!("fn {name} has {lines} lines, over {FUNCTION_LINES_MAX}"));
        }
    }
    findings
}

/// The name of the function that begins on this line.
fn function_name(code: &str) -> Option<&str> {
    let at = if code.starts_with("fn ") { 0 } else { code.find(" fn ")? + 1 };
    let rest = &code[at + "fn ".len()..];
    let end = rest.find(|character: char| !(character.is_alphanumeric() || character == '_'));
    Some(&rest[..end.unwrap_or(rest.len())]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        check(&Source::parse("a.rs", text)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn long_files_are_found() {
        assert!(findings(&"\n".repeat(800)).is_empty());
        assert_eq!(findings(&"\n".repeat(801)), ["a.rs:801: 801 lines, over 800: split the file"]);
    }

    #[test]
    fn long_lines_are_found_by_characters_unless_they_are_one_word() {
        let a = |count| "ä".repeat(count);
        assert!(findings(&format!("// {}", a(97))).is_empty());
        assert_eq!(findings(&format!("x {}", a(99))), ["a.rs:1: 101 characters, over 100"]);
        assert!(findings(&format!("    /// {}", a(200))).is_empty());
    }

    #[test]
    fn long_functions_are_found_outside_of_tests() {
        let function = |lines: usize| {
            format!("    pub(crate) async fn f<T>(\n    ) {{\n{}    }}\n", "\n".repeat(lines - 3))
        };
        assert!(findings(&function(70)).is_empty());
        assert_eq!(findings(&function(71)), ["a.rs:1: fn f has 71 lines, over 70"]);
        assert!(findings(&format!("#[cfg(test)]\nmod tests {{\n{}}}", function(71))).is_empty());
        let declaration = format!("fn f();\nfn g() {{}}\ntype F = fn (u8);\n{}", "\n".repeat(90));
        assert!(findings(&declaration).is_empty());
    }
}
