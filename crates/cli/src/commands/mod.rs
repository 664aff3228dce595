//! Commands for the shell itself: those of DuckDB and sqlite3, which begin with a dot, and those of
//! psql, which begin with a backslash. They work in pipes and files too, wherever a line begins and
//! no statement is under way.
//!
//! [`COMMANDS`] is the only place where a command is named: `.help`, completion and the advice for
//! misspelled ones come from it.

mod arguments;
mod catalog;
mod control;
mod display;
mod dump;
mod help;

use crate::output::Failure;
use crate::runner::{Runner, Stop};
use arguments::Arguments;
use starfact::Error;

/// Why a command did not go through.
#[derive(Debug)]
pub enum CommandError {
    /// It is wrong, or what it did failed.
    Failure(Failure),
    /// The run ends.
    Stop(Stop),
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Stop> for CommandError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

type CommandResult = Result<(), CommandError>;

/// What an argument can be completed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    Nothing,
    Table,
    File,
    OneOf(&'static [&'static str]),
    Command,
}

/// A command: its names, what it takes, what it does.
pub struct Command {
    /// The first is the one in messages.
    pub names: &'static [&'static str],
    arguments: &'static str,
    help: &'static str,
    pub completion: Completion,
    run: fn(&mut Runner, &Arguments) -> CommandResult,
}

const ON_OFF: Completion = Completion::OneOf(&["on", "off"]);

/// All commands, in the order of `.help`.
pub const COMMANDS: &[Command] = &[
    Command {
        names: &[".help", "\\?"],
        arguments: "[COMMAND]",
        help: "list commands, or explain one",
        completion: Completion::Command,
        run: help::help,
    },
    Command {
        names: &[".tables", "\\dt"],
        arguments: "[PATTERN]",
        help: "list tables; % and * stand for any text, _ and ? for a character",
        completion: Completion::Table,
        run: catalog::tables,
    },
    Command {
        names: &["\\d", ".columns"],
        arguments: "[TABLE]",
        help: "show the columns of a table, or list tables",
        completion: Completion::Table,
        run: catalog::describe,
    },
    Command {
        names: &["\\d+"],
        arguments: "TABLE",
        help: "show how the columns of a table are stored",
        completion: Completion::Table,
        run: catalog::storage,
    },
    Command {
        names: &[".indexes", "\\di"],
        arguments: "[TABLE]",
        help: "list primary, unique and foreign keys",
        completion: Completion::Table,
        run: catalog::keys,
    },
    Command {
        names: &["\\dv"],
        arguments: "",
        help: "list the views, which are those of sys",
        completion: Completion::Nothing,
        run: catalog::views,
    },
    Command {
        names: &[".schema"],
        arguments: "[PATTERN]",
        help: "show the statements that create the tables, or some",
        completion: Completion::Table,
        run: catalog::schema,
    },
    Command {
        names: &[".dump"],
        arguments: "[TABLE]",
        help: "print SQL that makes tables and rows anew",
        completion: Completion::Table,
        run: dump::dump,
    },
    Command {
        names: &[".open", "\\c"],
        arguments: "[--readonly] [DIR]",
        help: "open another warehouse, or a temporary one",
        completion: Completion::File,
        run: control::open,
    },
    Command {
        names: &[".cubes"],
        arguments: "",
        help: "list cubes, their size and how often they have answered",
        completion: Completion::Nothing,
        run: catalog::cubes,
    },
    Command {
        names: &[".why"],
        arguments: "",
        help: "tell how the last query was answered, and why by no other cube",
        completion: Completion::Nothing,
        run: catalog::why,
    },
    Command {
        names: &[".databases", "\\l"],
        arguments: "",
        help: "show which warehouse is open",
        completion: Completion::Nothing,
        run: catalog::databases,
    },
    Command {
        names: &[".mode"],
        arguments: "[MODE]",
        help: "print results as box, table, csv, tsv, json, jsonlines, markdown, line",
        completion: Completion::OneOf(&[
            "box",
            "table",
            "csv",
            "tsv",
            "json",
            "jsonlines",
            "markdown",
            "line",
        ]),
        run: display::mode,
    },
    Command {
        names: &["\\x"],
        arguments: "[on|off]",
        help: "print one value a line, or as before",
        completion: ON_OFF,
        run: display::expanded,
    },
    Command {
        names: &[".headers", ".header"],
        arguments: "on|off",
        help: "print the names of columns",
        completion: ON_OFF,
        run: display::headers,
    },
    Command {
        names: &[".nullvalue"],
        arguments: "TEXT",
        help: "print NULL as this text",
        completion: Completion::Nothing,
        run: display::null_value,
    },
    Command {
        names: &[".maxrows"],
        arguments: "N",
        help: "rows of a box on the terminal, first and last; 0 is all",
        completion: Completion::Nothing,
        run: display::rows_max,
    },
    Command {
        names: &[".maxwidth", ".width"],
        arguments: "N",
        help: "columns of a table at most; 0 is what fits the terminal",
        completion: Completion::Nothing,
        run: display::width_max,
    },
    Command {
        names: &[".separator"],
        arguments: "TEXT",
        help: "what stands between values in csv and tsv",
        completion: Completion::Nothing,
        run: display::separator,
    },
    Command {
        names: &[".echo"],
        arguments: "on|off",
        help: "print statements before they run",
        completion: ON_OFF,
        run: display::echo,
    },
    Command {
        names: &[".changes"],
        arguments: "on|off",
        help: "tell how many rows a statement changed",
        completion: ON_OFF,
        run: display::changes,
    },
    Command {
        names: &[".timer", "\\timing"],
        arguments: "[on|off]",
        help: "print how long statements take",
        completion: ON_OFF,
        run: display::timer,
    },
    Command {
        names: &[".output", "\\o"],
        arguments: "[FILE]",
        help: "send results to a file, or to the terminal again",
        completion: Completion::File,
        run: display::output,
    },
    Command {
        names: &[".once"],
        arguments: "FILE",
        help: "send the next result to a file",
        completion: Completion::File,
        run: display::once,
    },
    Command {
        names: &[".print", "\\echo"],
        arguments: "[TEXT]",
        help: "print a text",
        completion: Completion::Nothing,
        run: control::print,
    },
    Command {
        names: &[".read", "\\i"],
        arguments: "FILE",
        help: "run the statements of a file",
        completion: Completion::File,
        run: control::read,
    },
    Command {
        names: &[".import"],
        arguments: "FILE TABLE",
        help: "load a file into a table, as COPY does",
        completion: Completion::File,
        run: control::import,
    },
    Command {
        names: &[".bail"],
        arguments: "on|off",
        help: "stop at the first error",
        completion: ON_OFF,
        run: control::bail,
    },
    Command {
        names: &[".show"],
        arguments: "",
        help: "show what the commands above have set",
        completion: Completion::Nothing,
        run: display::show,
    },
    Command {
        names: &[".version"],
        arguments: "",
        help: "show which version this is",
        completion: Completion::Nothing,
        run: control::version,
    },
    Command {
        names: &[".shell", ".system", "\\!"],
        arguments: "",
        help: "not offered: no programs are started",
        completion: Completion::Nothing,
        run: control::refused,
    },
    Command {
        names: &[".edit", "\\e", ".cd"],
        arguments: "",
        help: "not offered: no programs are started, no folder is changed",
        completion: Completion::Nothing,
        run: control::refused,
    },
    Command {
        names: &[".quit", ".exit", "\\q"],
        arguments: "[CODE]",
        help: "leave, perhaps with an exit code",
        completion: Completion::Nothing,
        run: control::quit,
    },
];

/// Whether a line is a command, if it does not go on a statement.
pub fn is_command(line: &str) -> bool {
    let mut characters = line.trim_start().chars();
    match characters.next() {
        // A number may begin with a point.
        Some('.') => !characters.next().is_some_and(|c| c.is_ascii_digit()),
        Some('\\') => true,
        _ => false,
    }
}

/// Finds a command by any of its names.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.names.contains(&name))
}

/// Runs the command on this line.
///
/// # Errors
/// When it is none, is used wrongly or fails, or when it ends the run.
pub fn run(runner: &mut Runner, line: &str) -> Result<(), CommandError> {
    let line = line.trim();
    let name_end = line.find(|c: char| c.is_whitespace() || c == ';').unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    let name = name.to_ascii_lowercase();
    let command = find(&name).ok_or_else(|| unknown(&name))?;
    (command.run)(runner, &Arguments::new(command, rest))
}

fn unknown(name: &str) -> Error {
    let hint = match nearest(name) {
        Some(command) => format!("did you mean \"{command}\"?"),
        None => ".help lists the commands".to_owned(),
    };
    Error::sql(format!("unknown command \"{name}\"")).with_hint(hint)
}

/// The name of a command that is spelled much like this.
fn nearest(name: &str) -> Option<&'static str> {
    let bare = |name: &'_ str| name.trim_start_matches(['.', '\\']).to_owned();
    let wanted = bare(name);
    let names = COMMANDS.iter().flat_map(|command| command.names.iter().copied());
    names
        .map(|known| (strsim::damerau_levenshtein(&bare(known), &wanted), known))
        .filter(|(distance, known)| *distance <= 2 && *distance < bare(known).len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_given_once() {
        let names: Vec<&str> = COMMANDS.iter().flat_map(|command| command.names).copied().collect();
        let distinct: HashSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len());
        assert!(names.iter().all(|name| is_command(name)), "{names:?}");
    }

    #[test]
    fn numbers_are_no_commands() {
        assert!(is_command(".tables\n") && is_command("  \\d t"));
        assert!(!is_command(".5") && !is_command("select .a") && !is_command(""));
    }

    #[test]
    fn misspelled_names_get_advice() {
        assert_eq!(nearest(".tabels"), Some(".tables"));
        assert_eq!(nearest(".table"), Some(".tables"));
        assert_eq!(nearest("\\timng"), Some("\\timing"));
        assert_eq!(nearest(".quti"), Some(".quit"));
        assert_eq!(nearest(".frobnicate"), None);
        assert_eq!(nearest("\\z"), None);
    }
}
