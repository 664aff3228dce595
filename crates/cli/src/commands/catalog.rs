//! Commands that show what is in the warehouse.

use super::CommandResult;
use super::arguments::Arguments;
use crate::catalog;
use crate::identifier::{literal, quoted};
use crate::runner::Runner;
use starfact::{Error, Session};
use std::io::Write;

/// `.tables [PATTERN]`
pub fn tables(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let pattern = arguments.optional_word()?;
    let names = catalog::tables(&runner.session)?;
    for name in names {
        if pattern.as_deref().is_none_or(|pattern| is_like(&name, pattern)) {
            writeln!(runner.sink, "{name}")?;
        }
    }
    Ok(runner.sink.flush()?)
}

/// `\d [TABLE]`
pub fn describe(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let Some(table) = arguments.optional_word()? else { return tables(runner, arguments) };
    let table = find(&runner.session, &table)?;
    Ok(runner.execute(&format!("DESCRIBE {}", quoted(&table)))?)
}

/// `\d+ TABLE`
pub fn storage(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let table = find(&runner.session, &arguments.word()?)?;
    Ok(runner.execute(&format!("EXPLAIN STORAGE {}", quoted(&table)))?)
}

/// `.indexes [TABLE]`
pub fn keys(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let condition = match arguments.optional_word()? {
        Some(table) => {
            format!(" WHERE table_name = {}", literal(&find(&runner.session, &table)?))
        }
        None => String::new(),
    };
    let sql = format!(
        "SELECT table_name, constraint_name, constraint_type \
         FROM information_schema.table_constraints{condition} ORDER BY 1, 3, 2"
    );
    Ok(runner.execute(&sql)?)
}

/// `\dv`
pub fn views(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.optional_word()?;
    let sql = "SELECT table_schema, table_name FROM information_schema.tables \
               WHERE table_schema = 'sys' ORDER BY 1, 2";
    Ok(runner.execute(sql)?)
}

/// `.schema [PATTERN]`
pub fn schema(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    let wanted = arguments.optional_word()?;
    let is_whole = wanted.is_none();
    let names = match wanted {
        Some(pattern) if pattern.contains(['%', '*', '?']) => catalog::tables(&runner.session)?
            .into_iter()
            .filter(|name| is_like(name, &pattern))
            .collect(),
        Some(table) => vec![find(&runner.session, &table)?],
        None => catalog::tables(&runner.session)?,
    };
    for name in names {
        let statement = catalog::creation(&runner.session, &name)?;
        writeln!(runner.sink, "{statement};")?;
    }
    if is_whole {
        for cube in catalog::cubes(&runner.session)? {
            writeln!(runner.sink, "{cube};")?;
        }
    }
    Ok(runner.sink.flush()?)
}

/// `.cubes`
pub fn cubes(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.words(0, 0)?;
    Ok(runner.execute("SHOW CUBES")?)
}

/// `.why`
pub fn why(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.words(0, 0)?;
    let sql = "SELECT ledger FROM sys.query_log WHERE ledger IS NOT NULL ORDER BY id DESC LIMIT 1";
    let ledger = catalog::texts(&runner.session, sql)?.into_iter().flatten().next();
    let none = "no query was answered yet, or starfact.query_log is off";
    writeln!(runner.sink, "{}", ledger.as_deref().unwrap_or(none))?;
    Ok(runner.sink.flush()?)
}

/// `.databases`
pub fn databases(runner: &mut Runner, arguments: &Arguments) -> CommandResult {
    arguments.words(0, 0)?;
    writeln!(runner.sink, "{}", runner.warehouse)?;
    Ok(runner.sink.flush()?)
}

/// The table of this name, in whatever case it is written.
pub(super) fn find(session: &Session, wanted: &str) -> Result<String, Error> {
    let names = catalog::tables(session)?;
    let exact = names.iter().find(|name| *name == wanted);
    let found = exact.or_else(|| names.iter().find(|name| name.eq_ignore_ascii_case(wanted)));
    if let Some(name) = found {
        return Ok(name.clone());
    }
    let nearest = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .min();
    let hint = match nearest {
        Some((_, name)) => format!("did you mean \"{name}\"?"),
        None => ".tables lists the tables".to_owned(),
    };
    Err(Error::sql(format!("table \"{wanted}\" does not exist")).with_hint(hint))
}

/// Whether a name matches a pattern with `%` and `*` for any text, `_` and `?` for a character;
/// case does not matter.
fn is_like(name: &str, pattern: &str) -> bool {
    fn matches(name: &[char], pattern: &[char]) -> bool {
        // Where to go on if the text behind the last wild card does not match here.
        let (mut place, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while let Some(c) = name.get(place) {
            match pattern.get(at) {
                Some('%' | '*') => {
                    retry = Some((place, at + 1));
                    at += 1;
                }
                // An underscore is itself or any other character.
                Some(p) if p == c || matches!(p, '_' | '?') => {
                    place += 1;
                    at += 1;
                }
                _ => match &mut retry {
                    Some((from, after)) => {
                        *from += 1;
                        (place, at) = (*from, *after);
                    }
                    None => return false,
                },
            }
        }
        pattern.iter().skip(at).all(|c| matches!(c, '%' | '*'))
    }
    let lower = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    matches(&lower(name), &lower(pattern))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn patterns() {
        for (name, pattern, expected) in [
            ("lineorder", "line%", true),
            ("lineorder", "LINE*", true),
            ("lineorder", "%order", true),
            ("lineorder", "%e%e%", true),
            ("lineorder", "lineorde_", true),
            ("lineorder", "line", false),
            ("lineorder", "%x%", false),
            ("lineorder", "?ineorder", true),
            ("a_b", "a_b", true),
            ("", "%", true),
            ("", "_", false),
            ("aab", "%ab", true),
        ] {
            assert_eq!(is_like(name, pattern), expected, "{name} like {pattern}");
        }
    }
}
