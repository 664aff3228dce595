//! Only `vfs` touches the files of a warehouse, and only the command line prints.

use super::Finding;
use super::source::{Source, contains_word};

/// Crates that reach files through `vfs` alone, their tests included.
const WITHOUT_FILES: [&str; 6] = ["base", "encoding", "format", "store", "exec", "cube"];
const FILE_ACCESS: [&str; 6] =
    ["std::fs", "std::{fs", "File::", "temp_dir", "tokio::fs", "OpenOptions::"];

/// Crates whose purpose is to print.
const PRINTING: [&str; 2] = ["cli", "xtask"];
const PRINTS: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];

/// Checks for file access and for printing where they do not belong.
pub fn check(source: &Source) -> Vec<Finding> {
    let krate = source.path.strip_prefix("crates/").and_then(|path| path.split('/').next());
    let krate = krate.unwrap_or_default();
    let may_print = PRINTING.contains(&krate)
        || source.path.ends_with("/build.rs")
        || source.path.contains("/examples/");
    let mut findings = Vec::new();
    for (index, code) in source.code.iter().enumerate() {
        let mut found = |what| findings.push(Finding::new(&source.path, index + 1, what));
        let word = FILE_ACCESS.iter().find(|word| contains_word(code, word));
        if let Some(word) = word.filter(|_| WITHOUT_FILES.contains(&krate)) {
            found(format!("`{word}`: only vfs touches files"));
        }
        let word = PRINTS.iter().find(|word| contains_word(code, word));
        if let Some(word) = word.filter(|_| !may_print && !source.is_test[index]) {
            found(format!("`{word}`: only cli prints"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        check(&Source::parse(path, text)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn file_access_outside_of_vfs_is_found() {
        let path = "crates/store/src/lib.rs";
        let text = "use std::fs;\nlet f = File::open(x);\nlet t = std::env::temp_dir();";
        assert_eq!(
            findings(path, text),
            [
                "crates/store/src/lib.rs:1: `std::fs`: only vfs touches files",
                "crates/store/src/lib.rs:2: `File::`: only vfs touches files",
                "crates/store/src/lib.rs:3: `temp_dir`: only vfs touches files",
            ]
        );
        assert_eq!(findings(path, "use std::{fs, io};").len(), 1);
        assert!(findings("crates/vfs/src/os.rs", text).is_empty());
        assert!(findings(path, "let f = ColumnFile::open(x); // not File::open").is_empty());
    }

    #[test]
    fn printing_outside_of_the_command_line_is_found() {
        let path = "crates/bench/src/lib.rs";
        for print in ["println!(x);", "eprint!(x);", "dbg!(x);"] {
            assert_eq!(findings(path, print).len(), 1, "{print}");
            assert!(findings("crates/cli/src/main.rs", print).is_empty(), "{print}");
            assert!(findings("crates/bench/tests/all.rs", print).is_empty(), "{print}");
        }
        assert!(findings(path, "/// println!(x)\nlet x = \"print!(x)\";").is_empty());
        assert!(findings(path, "#[cfg(test)]\nmod tests {\n    println!(x);\n}").is_empty());
    }
}
