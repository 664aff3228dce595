//! Commands that run something, or end it.

use super::CommandResult;
use super::arguments::Arguments;
use crate::exit::Exit;
use crate::report;
use crate::runner::{Runner, Stop};
use crate::transfer;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `.print TEXT`
pub fn print(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    writeln!(runner.sink, "{}", arguments.text())?;
    Ok(runner.sink.flush()?)
}

/// `.read FILE`
pub fn read(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let file = arguments.word()?;
    Ok(runner.run_file(Path::new(&file))??)
}

/// `.open [--readonly] [DIR]`
pub fn open(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let mut words = arguments.words(0, 2)?;
    let is_option = |word: &String| matches!(word.as_str(), "--readonly" | "-readonly");
    let read_only = words.iter().any(is_option);
    words.retain(|word| !is_option(word));
    if words.len() > 1 {
        return Err(arguments.wrong("there are too many arguments").into());
    }
    if let Some(option) = words.iter().find(|word| word.starts_with('-')) {
        return Err(arguments.wrong(&format!("there is no option {option}")).into());
    }
    let path = words.pop().filter(|path| path != ":memory:").map(PathBuf::from);
    runner.open(path, read_only)?;
    report::note(&runner.warehouse);
    Ok(())
}

/// `.version`
pub fn version(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.words(0, 0)?;
    writeln!(runner.sink, "Starfact {}", env!("CARGO_PKG_VERSION"))?;
    Ok(runner.sink.flush()?)
}

/// `.shell` and others that leave the shell's own business.
pub fn refused(_: &mut Runner, arguments: &Arguments) -> CommandResult {
    Err(arguments.refused("it is not offered: starfact starts no programs and stays in its folder"))
}

/// `.import FILE TABLE`
pub fn import(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let words = arguments.words(2, 2)?;
    let [file, table] = words.as_slice() else { return Ok(()) };
    Ok(runner.execute(&transfer::copy_from(table, Path::new(file))?)?)
}

/// `.bail on|off`
pub fn bail(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    runner.bail = arguments.switch()?;
    Ok(())
}

/// `.quit [CODE]`
pub fn quit(_: &mut Runner, arguments: &Arguments) -> CommandResult {
    let code = match arguments.optional_word()? {
        None => None,
        Some(word) => match word.parse() {
            Ok(code) => Some(Exit(code)),
            Err(_) => return Err(arguments.wrong("a code is a number from 0 to 255").into()),
        },
    };
    Err(Stop::Quit(code).into())
}
