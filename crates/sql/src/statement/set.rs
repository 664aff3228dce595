//! `SET name = value` and `RESET name`.

use super::Context;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::session;
use crate::settings::{SETTINGS, Settings};
use datafusion::config::ConfigOptions;

/// Our settings by their full or short name, the query engine's as `datafusion.…`.
pub(super) fn set(context: &mut Context, name: &str, value: &str) -> Result<Outcome> {
    let name = full_name(name);
    let mut settings = context.settings;
    let mut engine = Vec::new();
    if !settings.set(name, value)? {
        check_engine_setting(context.state.config_options(), name, value)?;
        engine.push((name.to_owned(), value.to_owned()));
    }
    Ok(Outcome::Settings { settings, engine, tag: "SET".into() })
}

/// Whether `SET name = 'value'` would go through, without a session.
///
/// # Errors
/// As the statement's: no such setting, or a value that it does not take.
pub fn check_setting(name: &str, value: &str) -> Result<()> {
    let name = name.to_ascii_lowercase();
    let name = full_name(&name);
    if !Settings::minimal().set(name, value)? {
        check_engine_setting(session::engine_config().options(), name, value)?;
    }
    Ok(())
}

/// Gives a setting the value that it had when the session began.
pub(super) fn reset(context: &mut Context, name: &str) -> Result<Outcome> {
    let name = full_name(name);
    let mut settings = context.settings;
    let mut engine = Vec::new();
    if !settings.reset(name, &context.inner.defaults) {
        let defaults = session::engine_config();
        let entry = defaults.options().entries().into_iter().find(|entry| entry.key == name);
        let Some(entry) = entry else { return Err(unknown(context.state.config_options(), name)) };
        let Some(value) = entry.value else {
            return Err(Error::sql(format!("{name} has no default to go back to")));
        };
        engine.push((name.to_owned(), value));
    }
    Ok(Outcome::Settings { settings, engine, tag: "RESET".into() })
}

/// The value of a setting, if there is one of that name.
pub(super) fn get(context: &Context, name: &str) -> Result<String> {
    let name = full_name(name);
    if let Some(value) = context.settings.get(name) {
        return Ok(value);
    }
    let entries = context.state.config_options().entries();
    let entry = entries.into_iter().find(|entry| entry.key == name);
    match entry {
        Some(entry) => Ok(entry.value.unwrap_or_default()),
        None => Err(unknown(context.state.config_options(), name)),
    }
}

/// Names that people know from elsewhere.
fn full_name(name: &str) -> &str {
    match name {
        "timezone" | "time_zone" | "time.zone" => "datafusion.execution.time_zone",
        other => other,
    }
}

fn check_engine_setting(engine: &ConfigOptions, name: &str, value: &str) -> Result<()> {
    if !name.starts_with("datafusion.") {
        return Err(unknown(engine, name));
    }
    let mut options = engine.clone();
    let known = options.entries().into_iter().any(|entry| entry.key == name);
    if !known {
        return Err(unknown(engine, name));
    }
    options.set(name, value).map_err(|_| Error::sql(format!("{name} cannot be '{value}'")))
}

fn unknown(engine: &ConfigOptions, name: &str) -> Error {
    let error = Error::sql(format!("there is no setting \"{name}\""));
    if name.starts_with("datafusion.") {
        let names: Vec<String> = engine.entries().into_iter().map(|entry| entry.key).collect();
        return error.with_suggestion(name, names.iter().map(String::as_str), "settings");
    }
    let short = SETTINGS.iter().filter_map(|setting| setting.name.strip_prefix("starfact."));
    error.with_suggestion(name.trim_start_matches("starfact."), short, "settings")
}
