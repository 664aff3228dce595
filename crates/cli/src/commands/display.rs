//! Commands for how results look and where they go.

use super::CommandResult;
use super::arguments::Arguments;
use crate::output::Mode;
use crate::runner::Runner;
use clap::ValueEnum;
use starfact::Error;
use std::io::Write;
use std::path::Path;

/// `.mode [MODE]`
pub fn mode(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    match arguments.optional_word()? {
        Some(name) => {
            let unknown = |_| arguments.wrong(&format!("there is no mode \"{name}\""));
            runner.view.mode = Mode::from_str(&name, true).map_err(unknown)?;
            runner.view.before_expanded = None;
            Ok(())
        }
        None => say(runner, runner.view.mode.name()),
    }
}

/// `\x [on|off]`
pub fn expanded(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let view = &mut runner.view;
    let is_on = view.mode == Mode::Line;
    let wanted = arguments.optional_switch()?.unwrap_or(!is_on);
    if wanted && !is_on {
        view.before_expanded = Some(view.mode);
        view.mode = Mode::Line;
    } else if !wanted && is_on {
        view.mode = view.before_expanded.take().unwrap_or(Mode::Box);
    }
    Ok(())
}

/// `.headers on|off`
pub fn headers(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    runner.view.header = arguments.switch()?;
    Ok(())
}

/// `.nullvalue TEXT`
pub fn null_value(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    runner.view.null = Some(arguments.text().to_owned());
    Ok(())
}

/// `.maxrows N`
pub fn rows_max(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let wrong = |_| arguments.wrong("the number of rows is 0 or more");
    runner.view.rows_max = arguments.word()?.parse().map_err(wrong)?;
    Ok(())
}

/// `.maxwidth N`
pub fn width_max(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let wrong = |_| arguments.wrong("the number of columns is 0 or more");
    let width: usize = arguments.word()?.parse().map_err(wrong)?;
    runner.view.width_max = (width > 0).then_some(width);
    Ok(())
}

/// `.separator TEXT`
pub fn separator(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let byte = match arguments.text() {
        "\\t" => b'\t',
        text => match text.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => *byte,
            _ => return Err(arguments.wrong("it is one character, or \\t for a tab").into()),
        },
    };
    runner.view.separator = Some(byte);
    Ok(())
}

/// `.echo on|off`
pub fn echo(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    runner.view.echo = arguments.switch()?;
    Ok(())
}

/// `.changes on|off`
pub fn changes(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    runner.view.changes = arguments.switch()?;
    Ok(())
}

/// `.timer [on|off]`
pub fn timer(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let view = &mut runner.view;
    view.timer = arguments.optional_switch()?.unwrap_or(!view.timer);
    Ok(())
}

/// `.output [FILE]`
pub fn output(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    match arguments.optional_word()?.as_deref() {
        None | Some("stdout") => {
            runner.sink.restore();
            Ok(())
        }
        Some(file) => redirect(runner, file, false),
    }
}

/// `.once FILE`
pub fn once(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    redirect(runner, &arguments.word()?, true)
}

fn redirect(runner: &mut Runner, file: &str, once: bool) -> CommandResult {
    runner
        .sink
        .redirect(Path::new(file), once)
        .map_err(|error| Error::sql(format!("cannot create {file}: {error}")).into())
}

/// `.show`
pub fn show(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.words(0, 0)?;
    let on_off = |is_on| if is_on { "on" } else { "off" };
    let view = &runner.view;
    let output = match runner.sink.file() {
        Some(file) => file.display().to_string(),
        None => "stdout".to_owned(),
    };
    let text = [
        ("warehouse", runner.warehouse.clone()),
        ("mode", view.mode.name().to_owned()),
        ("headers", on_off(view.header).to_owned()),
        ("nullvalue", format!("\"{}\"", runner.view.format(&runner.sink).null())),
        ("maxrows", view.rows_max.to_string()),
        ("maxwidth", view.width_max.unwrap_or(0).to_string()),
        ("separator", separator_text(view.separator)),
        ("echo", on_off(view.echo).to_owned()),
        ("changes", on_off(view.changes).to_owned()),
        ("timer", on_off(view.timer).to_owned()),
        ("bail", on_off(runner.bail).to_owned()),
        ("output", output),
    ];
    let lines: Vec<String> =
        text.iter().map(|(name, value)| format!("{name:>9}: {value}")).collect();
    say(runner, &lines.join("\n"))
}

fn separator_text(separator: Option<u8>) -> String {
    match separator {
        None => "of the mode".to_owned(),
        Some(b'\t') => "\"\\t\"".to_owned(),
        Some(byte) => format!("\"{}\"", char::from(byte)),
    }
}

fn say(runner: &mut Runner, text: &str) -> CommandResult {
    writeln!(runner.sink, "{text}")?;
    Ok(runner.sink.flush()?)
}
