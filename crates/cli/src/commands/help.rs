//! `.help`.

use super::{COMMANDS, Command, CommandResult, find, unknown};
use crate::commands::arguments::Arguments;
use crate::runner::Runner;
use std::io::Write;

/// Lists all commands, or explains one.
pub fn help(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let text = match arguments.optional_word()? {
        None => COMMANDS.iter().map(line).collect(),
        Some(name) => {
            let dotted = format!(".{name}");
            let command = find(&name).or_else(|| find(&dotted)).ok_or_else(|| unknown(&name))?;
            line(command)
        }
    };
    runner.sink.write_all(text.as_bytes())?;
    Ok(runner.sink.flush()?)
}

/// How a command is written: `.mode [MODE]`.
pub fn usage(command: &Command) -> String {
    let name = command.names.first().copied().unwrap_or_default();
    format!("{name} {}", command.arguments).trim_end().to_owned()
}

fn line(command: &Command) -> String {
    let names = command.names.join(", ");
    let usage = format!("{names} {}", command.arguments);
    format!("{usage:<29} {}\n", command.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_terminal() {
        for command in COMMANDS {
            let line = line(command);
            assert!(line.trim_end().len() <= 100, "{line}");
            assert!(format!("{} {}", command.names.join(", "), command.arguments).len() <= 29);
        }
    }
}
