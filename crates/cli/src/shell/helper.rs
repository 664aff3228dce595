//! What the line editor asks while a line is edited: is it complete, and how could it go on.

use super::complete::{Vocabulary, complete};
use crate::catalog;
use crate::commands;
use crate::runner::SharedSession;
use rustyline::Context;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use starfact::{Pending, Session, Splitter};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::PoisonError;

/// The editor's helper.
pub struct Helper {
    session: SharedSession,
    /// Names for completion, asked for at the first need in each line.
    vocabulary: RefCell<Option<Rc<Vocabulary>>>,
}

impl Helper {
    pub fn new(session: SharedSession) -> Self {
        Self { session, vocabulary: RefCell::new(None) }
    }

    /// A statement has run since: names may have changed.
    pub fn forget(&mut self) {
        self.vocabulary.replace(None);
    }

    fn vocabulary(&self) -> Rc<Vocabulary> {
        if let Some(vocabulary) = self.vocabulary.borrow().as_ref() {
            return Rc::clone(vocabulary);
        }
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let vocabulary = Rc::new(session.map(|session| read(&session)).unwrap_or_default());
        self.vocabulary.replace(Some(Rc::clone(&vocabulary)));
        vocabulary
    }
}

/// All names; none if the warehouse cannot be read, which the next statement will tell.
fn read(session: &Session) -> Vocabulary {
    let tables = catalog::columns(session).unwrap_or_default();
    let names: HashSet<&String> =
        tables.iter().flat_map(|table| table.columns.iter().chain([&table.name])).collect();
    let mut functions = session.completions();
    functions.retain(|word| !names.contains(word));
    let settings = catalog::settings(session).unwrap_or_default();
    Vocabulary { tables, functions, settings }
}

impl rustyline::Helper for Helper {}

impl Hinter for Helper {
    type Hint = String;
}

impl Highlighter for Helper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        line.into()
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        false
    }
}

impl Validator for Helper {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let is_complete = is_complete(context.input());
        Ok(if is_complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Helper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, candidates) = complete(line, position, &self.vocabulary());
        let pair = |text: String| Pair { display: text.clone(), replacement: text };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

/// Whether what was typed can run: a command, or statements that all have their semicolon.
fn is_complete(text: &str) -> bool {
    let word = text.trim().to_ascii_lowercase();
    if word.is_empty() || matches!(word.as_str(), "quit" | "exit" | "help") {
        return true;
    }
    let mut splitter = Splitter::new();
    let mut ends_with_command = false;
    for line in text.split_inclusive('\n') {
        ends_with_command = splitter.pending() == Pending::Nothing && commands::is_command(line);
        if !ends_with_command {
            splitter.push(line);
            while splitter.next_statement().is_some() {}
        }
    }
    ends_with_command || splitter.pending() == Pending::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_complete_at_their_semicolon() {
        for text in [
            "",
            "  ",
            "select 1;",
            "select 1; select 2;",
            ".tables",
            "\\d t",
            "exit",
            "-- x",
            "select 1;\n.mode csv",
        ] {
            assert!(is_complete(text), "{text}");
        }
        for text in ["select 1", "select ';", "select 1; select 2", "/* x", "select 1;\nselect\n.5"]
        {
            assert!(!is_complete(text), "{text}");
        }
    }
}
