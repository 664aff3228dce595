//! What goes to standard error: errors, notes and times.
//!
//! An error is three things, the last two where they are known:
//!
//! ```text
//! error: table "order" does not exist
//! load.sql:12: SELECT * FROM order
//!                            ^
//! hint: did you mean "orders"?
//! ```
//!
//! Nothing here fails or panics: if standard error is gone, there is nobody to tell.

use crate::output::{display_width, printable};
use crate::terminal;
use starfact::{Error, Position, Statement};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Columns of a line of SQL that are shown at most where the terminal does not say.
const EXCERPT_WIDTH: usize = 120;

/// Where SQL comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The command line or the shell, which the user has before his eyes.
    Direct,
    Stdin,
    File(PathBuf),
}

impl Source {
    /// What stands before a line of it: `load.sql:12: `.
    fn place(&self, line: usize, is_only_line: bool) -> String {
        match self {
            Self::Direct if is_only_line => "  ".into(),
            Self::Direct => format!("line {line}: "),
            Self::Stdin => format!("stdin:{line}: "),
            Self::File(path) => format!("{}:{line}: ", printable(&path.to_string_lossy())),
        }
    }
}

/// One line of the input with the part of it that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// What stands before the line.
    place: String,
    line: String,
    /// First character meant, from 0.
    start: usize,
    /// Characters meant.
    length: usize,
}

impl Excerpt {
    /// The place in a statement, or its first line if the place is not known.
    pub fn of_statement(source: &Source, statement: &Statement, place: Option<Position>) -> Self {
        let line_count = statement.text.lines().count().max(1);
        let place = place.filter(|place| place.line > 0 && place.column > 0);
        let number = place.map_or(0, |place| place.line - 1).min(line_count - 1);
        let line = statement.text.lines().nth(number).unwrap_or_default().to_owned();
        let characters = line.chars().count();
        let (start, length) = match place {
            Some(place) => ((place.column - 1).min(characters), 1),
            None => (0, characters.max(1)),
        };
        let place = source.place(statement.line + number, line_count == 1);
        Self { place, line, start, length }
    }

    /// All of a line that is no SQL.
    pub fn of_line(source: &Source, number: usize, line: &str) -> Self {
        let line = line.trim_end().to_owned();
        let length = line.chars().count().max(1);
        Self { place: source.place(number, true), line, start: 0, length }
    }

    /// The line and below it the caret, cut to a width.
    fn draw(&self, width_max: usize) -> String {
        let clean = |c: char| if printable(c.encode_utf8(&mut [0; 4])).len() > 4 { ' ' } else { c };
        let characters: Vec<char> =
            self.line.chars().map(|c| if c.is_control() { ' ' } else { clean(c) }).collect();
        let room = width_max.saturating_sub(display_width(&self.place) + 2).max(20);
        let from = match self.start {
            start if characters.len() <= room || start < room * 2 / 3 => 0,
            start => start.min(characters.len()) - room / 2,
        };
        let to = characters.len().min(from + room);
        let text = |from: usize, to: usize| -> String {
            characters.get(from..to).unwrap_or_default().iter().collect()
        };
        let before = if from > 0 { "…" } else { "" };
        let after = if to < characters.len() { "…" } else { "" };
        let indent = format!("{}{before}{}", self.place, text(from, self.start));
        let end = (self.start + self.length).min(to.max(self.start + 1));
        let meant = display_width(&text(self.start, end)).max(1);
        format!(
            "{}{before}{}{after}\n{}^{}\n",
            self.place,
            text(from, to),
            " ".repeat(display_width(&indent)),
            "~".repeat(meant - 1)
        )
    }
}

/// Reports an error.
pub fn error(error: &Error, excerpt: Option<&Excerpt>) {
    let width = terminal::stderr_width().unwrap_or(EXCERPT_WIDTH);
    write(&render(error, excerpt, width, terminal::colours().stderr));
}

fn render(error: &Error, excerpt: Option<&Excerpt>, width: usize, colour: bool) -> String {
    let (red, blue, end) =
        if colour { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
    let mut text = format!("{red}error:{end} {}\n", lines(&error.message));
    if let Some(excerpt) = excerpt {
        text.push_str(&excerpt.draw(width));
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "{blue}hint:{end} {}", lines(hint));
    }
    text
}

/// A message of several lines, without anything else that moves the cursor.
fn lines(text: &str) -> String {
    text.trim_end().split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Reports a line that is no error.
pub fn note(text: &str) {
    write(&format!("{text}\n"));
}

/// Reports how long something took.
pub fn time(elapsed: Duration) {
    note(&format!("time: {}", duration(elapsed)));
}

/// `0.8 ms`, `12.345 s`, `2 min 03.4 s`.
pub fn duration(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    if seconds < 0.999_95 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 59.999_5 {
        format!("{seconds:.3} s")
    } else {
        let tenths = (seconds * 10.0).round() as u64;
        format!("{} min {:02}.{} s", tenths / 600, tenths / 10 % 60, tenths % 10)
    }
}

/// What the operating system says, without its number.
pub fn cause(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}

/// Writes to standard error as it is.
pub fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

#[cfg(test)]
mod tests;
