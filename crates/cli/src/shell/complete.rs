//! How a line could go on at the cursor: a pure function of the line and of the names there are.

use super::keywords;
use super::scope::Scope;
use super::syntax::{Open, is_word, scan, words};
use crate::catalog::Table;
use crate::commands::{self, COMMANDS, Completion};
use crate::identifier;
use std::path::Path;

/// The names there are.
#[derive(Debug, Default)]
pub struct Vocabulary {
    pub tables: Vec<Table>,
    pub functions: Vec<String>,
    /// Names of settings, in full.
    pub settings: Vec<String>,
}

/// What the text from the returned place to `cursor` can be replaced by, best first.
pub fn complete(text: &str, cursor: usize, vocabulary: &Vocabulary) -> (usize, Vec<String>) {
    let head = text.get(..cursor).unwrap_or(text);
    let line_start = head.rfind('\n').map_or(0, |place| place + 1);
    let line = head.get(line_start..).unwrap_or_default();
    let (statement_start, open) = scan(head);
    let is_at_start = head.get(statement_start..line_start).unwrap_or_default().trim().is_empty();
    if commands::is_command(line) && is_at_start {
        let (start, candidates) = complete_command(line, vocabulary);
        return (line_start + start, candidates);
    }
    match open {
        Open::Comment => (cursor, Vec::new()),
        Open::Quote('\'', start) => {
            let path = head.get(start..).unwrap_or_default();
            let (offset, files) = files(path);
            (start + offset, files)
        }
        Open::Quote(_, start) => {
            let prefix = head.get(start..).unwrap_or_default();
            (start, names(prefix, vocabulary).map(|name| format!("{name}\"")).collect())
        }
        Open::Nothing => {
            let statement = text.get(statement_start..).unwrap_or_default();
            complete_statement(head, statement_start, statement, vocabulary)
        }
    }
}

/// Completes the name of a command, or its argument.
fn complete_command(line: &str, vocabulary: &Vocabulary) -> (usize, Vec<String>) {
    let indent = line.len() - line.trim_start().len();
    let start = line.rfind(char::is_whitespace).map_or(0, |place| place + 1);
    let word = line.get(start..).unwrap_or_default();
    let name = line.get(indent..).unwrap_or_default().split_whitespace().next().unwrap_or_default();
    if start <= indent {
        let all = COMMANDS.iter().flat_map(|command| command.names);
        return (
            start,
            all.filter(|name| name.starts_with(word)).map(|name| (*name).into()).collect(),
        );
    }
    let from = |choices: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        choices.filter(|choice| starts_with(choice, word)).map(Into::into).collect()
    };
    match commands::find(name).map(|command| command.completion) {
        Some(Completion::OneOf(choices)) => (start, from(&mut choices.iter().copied())),
        Some(Completion::Table) => {
            (start, from(&mut vocabulary.tables.iter().map(|table| table.name.as_str())))
        }
        Some(Completion::Command) => {
            (start, from(&mut COMMANDS.iter().flat_map(|command| command.names).copied()))
        }
        Some(Completion::File) => {
            let (offset, files) = files(word);
            (start + offset, files)
        }
        Some(Completion::Nothing) | None => (start, Vec::new()),
    }
}

/// Completes a word of SQL.
fn complete_statement(
    head: &str,
    statement_start: usize,
    statement: &str,
    vocabulary: &Vocabulary,
) -> (usize, Vec<String>) {
    let start = head.rfind(|c| !is_word(c)).map_or(0, |place| {
        place + head.get(place..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    let prefix = head.get(start..).unwrap_or_default();
    let before = words(head.get(statement_start..start).unwrap_or_default());
    let all_words = words(statement);
    let scope = Scope::of(&all_words, &vocabulary.tables);
    let mut candidates = Candidates { prefix, found: Vec::new() };
    match before.as_slice() {
        [] => candidates.keywords(keywords::STATEMENTS.iter().copied()),
        [verb] if is_about_settings(verb) => {
            candidates.texts(vocabulary.settings.iter().map(String::as_str));
            candidates.keywords(keywords::all());
        }
        [verb, family, point] if is_about_settings(verb) && point == "." => {
            let names = vocabulary.settings.iter().filter_map(|name| name.split_once('.'));
            let names = names.filter(|(first, _)| first.eq_ignore_ascii_case(family));
            candidates.texts(names.map(|(_, rest)| rest));
        }
        [.., qualifier, point] if point == "." => {
            candidates.names(scope.columns_of(qualifier).iter());
        }
        [.., last] if keywords::is_before_table(last) => {
            candidates.names(vocabulary.tables.iter().map(|table| &table.name));
            if last.eq_ignore_ascii_case("exists") || last.eq_ignore_ascii_case("table") {
                candidates.keywords(["EXISTS", "IF", "NOT"].into_iter());
            }
        }
        _ => {
            candidates.names(scope.columns());
            candidates.names(scope.names());
            if !prefix.is_empty() {
                if scope.is_empty() {
                    // FROM is yet to come.
                    candidates.names(vocabulary.tables.iter().flat_map(|table| &table.columns));
                }
                candidates.names(vocabulary.tables.iter().map(|table| &table.name));
                candidates.keywords(keywords::all());
                candidates.functions(&vocabulary.functions);
            }
        }
    }
    (start, candidates.found)
}

fn is_about_settings(verb: &str) -> bool {
    ["set", "reset", "show"].iter().any(|known| verb.eq_ignore_ascii_case(known))
}

/// Words that begin with a prefix, each once.
struct Candidates<'a> {
    prefix: &'a str,
    found: Vec<String>,
}

impl Candidates<'_> {
    fn add(&mut self, candidate: String) {
        if !self.found.contains(&candidate) {
            self.found.push(candidate);
        }
    }

    /// As they are.
    fn texts<'t>(&mut self, texts: impl Iterator<Item = &'t str>) {
        for text in texts.filter(|text| starts_with(text, self.prefix)).collect::<Vec<_>>() {
            self.add(text.to_owned());
        }
    }

    fn names<'n>(&mut self, names: impl Iterator<Item = &'n String>) {
        for name in names.filter(|name| starts_with(name, self.prefix)).collect::<Vec<_>>() {
            self.add(written(name));
        }
    }

    /// In small letters if the prefix is.
    fn keywords(&mut self, keywords: impl Iterator<Item = &'static str>) {
        let is_small = self.prefix.chars().any(char::is_lowercase);
        for keyword in
            keywords.filter(|keyword| starts_with(keyword, self.prefix)).collect::<Vec<_>>()
        {
            self.add(if is_small { keyword.to_lowercase() } else { keyword.to_owned() });
        }
    }

    fn functions(&mut self, functions: &[String]) {
        for name in functions.iter().filter(|name| starts_with(name, self.prefix)) {
            self.add(format!("{name}("));
        }
    }
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A name as it has to be written: in quotes unless it is plain and in small letters.
fn written(name: &str) -> String {
    let is_small = !name.chars().any(char::is_uppercase);
    let is_free = !keywords::is_keyword(name) || matches!(name, "date" | "time" | "key" | "text");
    if identifier::is_plain(name) && is_small && is_free {
        name.to_owned()
    } else {
        identifier::quoted(name)
    }
}

/// Names of tables and columns that begin with this, as they are.
fn names<'a>(prefix: &'a str, vocabulary: &'a Vocabulary) -> impl Iterator<Item = &'a String> {
    let names =
        vocabulary.tables.iter().flat_map(|table| [&table.name].into_iter().chain(&table.columns));
    let mut names: Vec<&String> = names.filter(|name| starts_with(name, prefix)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

/// Files whose path begins with this; folders end in a slash. The place is that of the last part.
fn files(path: &str) -> (usize, Vec<String>) {
    let split = path.rfind('/').map_or(0, |place| place + 1);
    let (folder, prefix) = path.split_at(split);
    let folder = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_hidden = name.starts_with('.') && !prefix.starts_with('.');
        if name.starts_with(prefix) && !is_hidden {
            let is_folder = entry.path().is_dir();
            found.push(if is_folder { format!("{name}/") } else { name });
        }
    }
    found.sort_unstable();
    (split, found)
}

#[cfg(test)]
mod tests;
