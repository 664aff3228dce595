//! What stands behind the name of a command.

use super::{Command, Completion};
use starfact::Error;

/// The arguments of a command.
pub struct Arguments<'a> {
    command: &'static Command,
    rest: &'a str,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(command: &'static Command, rest: &'a str) -> Self {
        Self { command, rest: rest.trim() }
    }

    /// All of it as one text; quotes around all of it are dropped.
    pub fn text(&self) -> &'a str {
        let rest = self.rest;
        let inner = ['\'', '"'].iter().find_map(|quote| {
            let inner = rest.strip_prefix(*quote)?.strip_suffix(*quote)?;
            (!inner.contains(*quote)).then_some(inner)
        });
        inner.unwrap_or(rest)
    }

    /// Its words; quotes hold one together, and a semicolon at the end is dropped.
    ///
    /// # Errors
    /// When a quote is not closed, or there are fewer or more words than that.
    pub fn words(&self, at_least: usize, at_most: usize) -> Result<Vec<String>, Error> {
        let mut words = Vec::new();
        let mut characters = self.rest.trim_end_matches([';', ' ', '\t']).chars().peekable();
        while let Some(c) = characters.next() {
            let mut word = String::new();
            match c {
                c if c.is_whitespace() => continue,
                '\'' | '"' => loop {
                    match characters.next() {
                        Some(next) if next == c => break,
                        Some(next) => word.push(next),
                        None => return Err(self.wrong("a quote is not closed")),
                    }
                },
                c => {
                    word.push(c);
                    while let Some(next) = characters.next_if(|next| !next.is_whitespace()) {
                        word.push(next);
                    }
                }
            }
            words.push(word);
        }
        if words.len() < at_least {
            return Err(self.wrong("an argument is missing"));
        }
        if words.len() > at_most {
            return Err(self.wrong("there are too many arguments"));
        }
        Ok(words)
    }

    /// The only word, if there is one.
    pub fn optional_word(&self) -> Result<Option<String>, Error> {
        Ok(self.words(0, 1)?.pop())
    }

    /// The only word.
    pub fn word(&self) -> Result<String, Error> {
        self.words(1, 1)?.pop().ok_or_else(|| self.wrong("an argument is missing"))
    }

    /// `on` or `off`, if either is there.
    pub fn optional_switch(&self) -> Result<Option<bool>, Error> {
        match self.optional_word()?.as_deref() {
            None => Ok(None),
            Some("on" | "true" | "yes" | "1") => Ok(Some(true)),
            Some("off" | "false" | "no" | "0") => Ok(Some(false)),
            Some(other) => Err(self.wrong(&format!("\"{other}\" is neither on nor off"))),
        }
    }

    /// `on` or `off`.
    pub fn switch(&self) -> Result<bool, Error> {
        self.optional_switch()?.ok_or_else(|| self.wrong("an argument is missing"))
    }

    /// The error that the command does nothing here.
    pub fn refused(&self, why: &str) -> super::CommandError {
        let name = self.command.names.first().copied().unwrap_or_default();
        let hint = "leave with .quit, or use another terminal; Ctrl-C drops what was typed";
        Error::sql(format!("{name}: {why}")).with_hint(hint).into()
    }

    /// The error that these arguments are wrong.
    pub fn wrong(&self, what: &str) -> Error {
        let name = self.command.names.first().copied().unwrap_or_default();
        let mut hint = format!("write {}", super::help::usage(self.command));
        if let Completion::OneOf(choices) = self.command.completion
            && choices.iter().any(|choice| !hint.contains(choice))
        {
            hint.push_str(&format!(": {}", choices.join(", ")));
        }
        Error::sql(format!("{name}: {what}")).with_hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, rest: &str) -> Result<Vec<String>, String> {
        let command = super::super::find(name).unwrap();
        Arguments::new(command, rest).words(1, 2).map_err(|error| error.message)
    }

    #[test]
    fn words_are_split_at_spaces_outside_of_quotes() {
        assert_eq!(words(".import", " a.csv  t;").unwrap(), ["a.csv", "t"]);
        assert_eq!(words(".import", "'my file.csv' \"t\"").unwrap(), ["my file.csv", "t"]);
        assert_eq!(words(".import", "it's").unwrap(), ["it's"]);
        assert_eq!(words(".import", "").unwrap_err(), ".import: an argument is missing");
        assert_eq!(words(".import", "a b c").unwrap_err(), ".import: there are too many arguments");
        assert_eq!(words(".import", "'a").unwrap_err(), ".import: a quote is not closed");
    }

    #[test]
    fn text_is_taken_as_it_is() {
        let text = |rest| Arguments::new(super::super::find(".print").unwrap(), rest).text();
        assert_eq!(text("  a   b; "), "a   b;");
        assert_eq!(text("\"a  \""), "a  ");
        assert_eq!(text("'a' and 'b'"), "'a' and 'b'");
        assert_eq!(text("'"), "'");
    }

    #[test]
    fn errors_say_how_it_is_written() {
        let command = super::super::find(".bail").unwrap();
        let error = Arguments::new(command, "maybe").switch().unwrap_err();
        assert_eq!(error.message, ".bail: \"maybe\" is neither on nor off");
        assert_eq!(error.hint.as_deref(), Some("write .bail on|off"));
    }
}
