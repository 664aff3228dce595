//! The first positional argument: the warehouse, or SQL in its place.
//!
//! A directory that does not exist is created, so a mistyped statement would leave one behind. What
//! can hardly be meant as a name is therefore refused unless it is there already: words with spaces
//! or signs of SQL, commands of the shell, and a verb of SQL or what is one letter from it when
//! there is nothing else to run. A name with its folder, as in `./select`, is always a directory.

use clap::error::ErrorKind;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The words that begin a statement.
const VERBS: [&str; 27] = [
    "alter",
    "analyze",
    "begin",
    "call",
    "check",
    "commit",
    "copy",
    "create",
    "delete",
    "desc",
    "describe",
    "drop",
    "explain",
    "from",
    "insert",
    "merge",
    "pragma",
    "reset",
    "rollback",
    "select",
    "set",
    "show",
    "summarize",
    "truncate",
    "update",
    "values",
    "with",
];

/// What the first positional argument is: SQL if it can be nothing else, or else the warehouse.
pub(super) fn warehouse_or_sql(
    grammar: &mut clap::Command,
    first: Option<OsString>,
    is_alone: bool,
) -> Result<(Option<PathBuf>, Option<String>), clap::Error> {
    let Some(first) = first else { return Ok((None, None)) };
    if first.is_empty() {
        let message = "the path of the warehouse is empty\n\n  \
                       tip: leave it out, or write :memory:, for a temporary warehouse";
        return Err(grammar.error(ErrorKind::InvalidValue, message));
    }
    match first.to_str() {
        Some(text) if is_query(text) && !Path::new(text).exists() => {
            Ok((None, Some(text.to_owned())))
        }
        Some(text) if is_unlikely(text) && !Path::new(text).exists() => {
            let message = format!(
                "{text:?} is no warehouse, and no statement that begins with a known word\n\n  \
                 tip: -c runs it as SQL; a new warehouse of this name is written with its folder, \
                 as in ./name"
            );
            Err(grammar.error(ErrorKind::InvalidValue, message))
        }
        Some(text) if is_alone && !Path::new(text).exists() => match misspelled(text) {
            Some(verb) => {
                let message = format!(
                    "there is no warehouse {text}, and it reads like {verb}\n\n  \
                     tip: write the whole statement in quotes; a new warehouse of this name is \
                     written ./{text}"
                );
                Err(grammar.error(ErrorKind::InvalidValue, message))
            }
            None => Ok((Some(first.into()), None)),
        },
        _ => Ok((Some(first.into()), None)),
    }
}

/// Whether `text` is more likely to be mistyped SQL, or a command of the shell, than the name of a
/// new directory.
fn is_unlikely(text: &str) -> bool {
    let has_folder =
        text.contains(std::path::MAIN_SEPARATOR) && !text.contains(char::is_whitespace);
    let is_spelled = ["./", "../", "/", "~"].iter().any(|start| text.starts_with(start));
    let is_command = text.starts_with('\\') || (text.starts_with('.') && text.len() > 2);
    !has_folder
        && !is_spelled
        && (is_command || text.contains(|c: char| c.is_whitespace() || "'\"();*+=<>".contains(c)))
}

/// The verb that a lone word is, or is meant to be: one letter is missing, wrong or in the wrong
/// place. Short verbs are too much like names, and a letter too many is a plural.
fn misspelled(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let is_meant = |verb: &&&str| {
        verb.len() >= 6
            && **verb != "values"
            && lower.len() <= verb.len()
            && strsim::damerau_levenshtein(verb, &lower) <= 1
    };
    VERBS.iter().find(is_meant).map(|verb| verb.to_uppercase())
}

/// Whether `text` is several words of which the first begins a statement.
pub fn is_query(text: &str) -> bool {
    let text = text.trim_start().trim_start_matches('(');
    let verb = text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let rest = text.get(verb.len()..).unwrap_or_default();
    VERBS.contains(&verb.to_ascii_lowercase().as_str())
        && rest.starts_with(|c: char| c.is_whitespace() || c == '(' || c == '*')
}
