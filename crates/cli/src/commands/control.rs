//! Commands that run something, or end it.

use super::CommandResult;
use super::arguments::Arguments;
use crate::exit::Exit;
use crate::runner::{Runner, Stop};
use crate::transfer;
use std::io::Write;
use std::path::Path;

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
