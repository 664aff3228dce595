//! What standard input, output and error are attached to.

use std::io::{IsTerminal, stderr, stdin, stdout};
use terminal_size::{Width, terminal_size_of};

/// Where colours may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    pub stdout: bool,
    pub stderr: bool,
}

/// Colours only on terminals, and on none if standard output is not one or the user wants none.
pub fn colours() -> Colours {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let stdout = stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb();
    Colours { stdout, stderr: stdout && stderr().is_terminal() }
}

/// Whether the terminal, by its name, knows no escape sequences: the line editor then reads lines
/// as the terminal gathers them. The names are those that rustyline does not edit on.
pub fn is_dumb() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    ["dumb", "cons25", "emacs"].iter().any(|name| term.eq_ignore_ascii_case(name))
}

/// Whether a person types and sees the answers.
pub fn is_interactive() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

/// Whether progress may be drawn.
pub fn shows_progress() -> bool {
    stdout().is_terminal() && stderr().is_terminal()
}

/// Columns of the terminal behind standard output.
pub fn stdout_width() -> Option<usize> {
    width(terminal_size_of(stdout()))
}

/// Columns of the terminal behind standard error.
pub fn stderr_width() -> Option<usize> {
    width(terminal_size_of(stderr()))
}

fn width(size: Option<(Width, terminal_size::Height)>) -> Option<usize> {
    size.map(|(Width(width), _)| usize::from(width)).filter(|width| *width > 0)
}
