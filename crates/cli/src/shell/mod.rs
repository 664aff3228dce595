//! The shell: a prompt, and what a person expects of one.
//!
//! The line editor lives in a thread of its own, so that a signal can end the process while it
//! waits for keys. The two take turns: nothing runs while a statement is edited.

mod complete;
mod editor;
mod helper;
mod history;
mod keywords;
mod scope;
mod syntax;

use crate::input::TextLines;
use crate::report::{self, Source};
use crate::runner::{Runner, Stop};
use crate::signals::Signals;
use editor::{Editor, Input};
use starfact::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Runs statements as they are typed until the user leaves.
pub fn run(runner: &mut Runner, signals: &Signals) -> Result<(), Stop> {
    let editor = Editor::start(Arc::clone(&runner.editors), signals);
    let mut editor = match editor {
        Ok(editor) => editor,
        Err(error) => {
            let error = Error::sql(format!("cannot start the line editor: {error}"));
            runner.bail = true;
            return runner.fail(&error, None);
        }
    };
    if let Err(error) = greet(&runner.warehouse) {
        report::note(&format!("cannot write to the terminal: {error}"));
    }
    converse(runner, signals, &mut editor)
}

/// The user's own file that runs before a shell, if there is one.
pub fn init_file() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .unwrap_or_else(|| home.join(".config"));
    [home.join(".starfactrc"), config.join("starfact/init.sql")]
        .into_iter()
        .find(|path| path.is_file())
}

fn greet(warehouse: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Starfact {}, {warehouse}", env!("CARGO_PKG_VERSION"))?;
    writeln!(stdout, "A statement ends with a semicolon. .help lists commands, Ctrl-D leaves.")
}

fn converse(runner: &mut Runner, signals: &Signals, editor: &mut Editor) -> Result<(), Stop> {
    loop {
        signals.take_interrupt();
        let text = match editor.read(runner.session.is_in_transaction()) {
            Input::Text(text) => text,
            Input::Cleared => continue,
            Input::End => return Ok(()),
            Input::Signalled(exit) => return Err(Stop::Signalled(exit)),
            Input::Failed(message) => {
                let error = Error::sql(format!("cannot read from the terminal: {message}"));
                runner.bail = true;
                return runner.fail(&error, None);
            }
        };
        let text = match word_alone(&text) {
            Some(command) => command.to_owned(),
            None => text,
        };
        match runner.run(&Source::Direct, &mut TextLines::new(&text)) {
            // A script ends at its first error if it is to; the shell stays.
            Ok(()) | Err(Stop::Cancelled | Stop::Failed) => {}
            Err(stop) => return Err(stop),
        }
    }
}

/// The command that people mean who type one of these words and nothing else.
fn word_alone(text: &str) -> Option<&'static str> {
    match text.trim().trim_end_matches(';').to_ascii_lowercase().as_str() {
        "quit" | "exit" => Some(".quit"),
        "help" => Some(".help"),
        _ => None,
    }
}
