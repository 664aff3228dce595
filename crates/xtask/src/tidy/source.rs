//! A Rust file taken apart just far enough for the checks: code, comments and what is a test.
//!
//! This is a scanner for strings, comments and character literals, not a parser. Code and comments
//! keep their line and column:
//!
//! ```text
//! text        let x = "a // b"; // why
//! code        let x = "      ";
//! comments                      // why
//! ```

use std::collections::BTreeMap;

/// One file.
#[derive(Debug)]
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// The lines as they are.
    pub text: Vec<String>,
    /// The lines with comments and the contents of strings and character literals blanked out.
    pub code: Vec<String>,
    /// The lines with everything but comments blanked out.
    pub comments: Vec<String>,
    /// Whether a line is compiled only for tests or benchmarks.
    pub is_test: Vec<bool>,
}

impl Source {
    /// Takes one file apart.
    pub fn parse(path: &str, text: &str) -> Self {
        let (code, comments) = Scanner::scan(text);
        let mut source = Self {
            path: path.to_owned(),
            text: text.lines().map(str::to_owned).collect(),
            code: code.lines().map(str::to_owned).collect(),
            comments: comments.lines().map(str::to_owned).collect(),
            is_test: Vec::new(),
        };
        source.is_test = vec![is_test_path(path); source.text.len()];
        for (first, last) in source.test_items() {
            source.is_test[first..=last].fill(true);
        }
        source
    }

    /// The last line of the item whose first line is `first`: that of the closing brace, or of the
    /// semicolon of an item without a body. Lines count from 0.
    pub fn item_end(&self, first: usize) -> usize {
        let (mut braces, mut brackets) = (0_usize, 0_usize);
        for (offset, line) in self.code[first..].iter().enumerate() {
            for character in line.chars() {
                match character {
                    '(' | '[' => brackets += 1,
                    ')' | ']' => brackets = brackets.saturating_sub(1),
                    '{' => braces += 1,
                    '}' if braces <= 1 => return first + offset,
                    '}' => braces -= 1,
                    ';' if braces == 0 && brackets == 0 => return first + offset,
                    _ => {}
                }
            }
        }
        self.code.len().saturating_sub(1)
    }

    /// First and last lines of the items under `#[cfg(test)]`.
    fn test_items(&self) -> Vec<(usize, usize)> {
        let is_test = |line: &str| {
            line.trim_start().starts_with("#[cfg(")
                && contains_word(line, "test")
                && !line.contains("not(test")
        };
        let attributes = (0..self.code.len()).filter(|&line| is_test(&self.code[line]));
        attributes
            .map(|line| {
                let is_item = |&next: &usize| !self.code[next].trim_start().starts_with("#[");
                let item = (line..self.code.len()).find(is_item).unwrap_or(line);
                (line, self.item_end(item))
            })
            .collect()
    }

    /// The paths, without `.rs`, of the modules that are declared for tests only.
    fn test_modules(&self) -> Vec<String> {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        let mut modules = Vec::new();
        for (first, last) in self.test_items() {
            for line in &self.code[first..=last] {
                let name = line.split("mod ").nth(1).and_then(|rest| rest.strip_suffix(';'));
                modules.extend(name.map(|name| format!("{folder}/{name}")));
            }
        }
        modules
    }
}

/// Takes all Rust files apart, and marks those that are modules for tests only.
pub fn parse_all(files: &BTreeMap<String, String>) -> Vec<Source> {
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust.map(|(path, text)| Source::parse(path, text)).collect();
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let is_test = modules.iter().any(|module| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        if is_test {
            source.is_test.fill(true);
        }
    }
    sources
}

/// Whether `line` has `word` with no letter, digit or underscore on a side where it ends in one.
pub fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let touches = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(is_part) && outer.is_some_and(is_part)
        };
        !touches(word.chars().next(), before) && !touches(word.chars().next_back(), after)
    })
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.starts_with("benches/")
}

/// Walks over the characters of a file and sorts them into code and comments.
struct Scanner {
    characters: Vec<char>,
    at: usize,
    code: String,
    comments: String,
}

impl Scanner {
    fn scan(text: &str) -> (String, String) {
        let mut scanner = Self {
            characters: text.chars().collect(),
            at: 0,
            code: String::with_capacity(text.len()),
            comments: String::new(),
        };
        while let Some(character) = scanner.peek(0) {
            match (character, scanner.peek(1)) {
                ('/', Some('/')) => scanner.line_comment(),
                ('/', Some('*')) => scanner.block_comment(),
                ('"', _) => scanner.string(),
                ('r', Some('"' | '#')) if scanner.raw_hashes().is_some() => scanner.raw_string(),
                ('\'', Some(next)) => scanner.character_or_lifetime(next),
                _ => scanner.take_code(),
            }
        }
        (scanner.code, scanner.comments)
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    /// Takes one character; each side gets it or a blank in its place, and both get line ends.
    fn take(&mut self, is_code: bool, is_comment: bool) {
        let Some(character) = self.peek(0) else { return };
        let keep = |is_kept| if is_kept || character == '\n' { character } else { ' ' };
        self.code.push(keep(is_code));
        self.comments.push(keep(is_comment));
        self.at += 1;
    }

    fn take_code(&mut self) {
        self.take(true, false);
    }

    fn take_content(&mut self) {
        self.take(false, false);
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|character| character != '\n') {
            self.take(false, true);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                (Some(_), _) => {
                    self.take(false, true);
                    continue;
                }
                (None, _) => return,
            }
            self.take(false, true);
            self.take(false, true);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take_code();
        while let Some(character) = self.peek(0) {
            match character {
                '"' => return self.take_code(),
                '\\' => {
                    self.take_content();
                    self.take_content();
                }
                _ => self.take_content(),
            }
        }
    }

    /// The hashes of the raw string that begins at this `r`, if one does.
    fn raw_hashes(&self) -> Option<usize> {
        let before = |back| self.at.checked_sub(back).and_then(|at| self.characters.get(at));
        let is_part = |character: &char| character.is_alphanumeric() || *character == '_';
        let is_prefixed = before(1).is_some_and(|prefix| matches!(prefix, 'b' | 'c'));
        if before(if is_prefixed { 2 } else { 1 }).is_some_and(is_part) {
            return None;
        }
        let hashes = self.characters[self.at + 1..].iter().take_while(|&&c| c == '#').count();
        (self.peek(1 + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_string(&mut self) {
        let hashes = self.raw_hashes().unwrap_or(0);
        for _ in 0..hashes + 2 {
            self.take_code();
        }
        while self.peek(0).is_some() {
            let is_end = self.peek(0) == Some('"')
                && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if is_end {
                return (0..=hashes).for_each(|_| self.take_code());
            }
            self.take_content();
        }
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn character_or_lifetime(&mut self, next: char) {
        self.take_code();
        if next == '\\' {
            self.take_content();
            self.take_content();
            while self.peek(0).is_some_and(|character| character != '\'') {
                self.take_content();
            }
            self.take_code();
        } else if self.peek(1) == Some('\'') {
            self.take_content();
            self.take_code();
        }
    }
}

#[cfg(test)]
mod tests;
