//! What may be left after a fault, and that a warehouse can be used as if nothing had happened.

use super::{Chapter, Contents, Outcome, Warehouse, contents, execute, open, probes};
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

/// What was done before the end.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    chapter: &'a Chapter,
    /// Statements that were acknowledged.
    pub(super) acknowledged: usize,
    /// Whether the one after these may have happened as well.
    pub(super) may_be_next: bool,
    /// Whether the INSERT after the fault was acknowledged.
    pub(super) is_probed: bool,
    /// Whether it may have happened all the same.
    pub(super) may_be_probed: bool,
}

impl<'a> Expected<'a> {
    /// Nothing was done yet.
    pub(super) fn begun(chapter: &'a Chapter) -> Self {
        let (may_be_next, is_probed, may_be_probed) = (false, false, false);
        Self { chapter, acknowledged: 0, may_be_next, is_probed, may_be_probed }
    }

    /// Whether contents, with a row of the INSERT or without, may be what is left.
    fn allows(&self, found: &Contents, has_probe: bool, after_power_cut: bool) -> bool {
        let states = &self.chapter.states;
        let newest = (self.acknowledged + usize::from(self.may_be_next)).min(states.len() - 1);
        let is_all = states[self.acknowledged..=newest].contains(found);
        if has_probe {
            return is_all && (self.is_probed || self.may_be_probed);
        }
        let oldest = self.chapter.durable[self.acknowledged];
        // Commits that nobody waited for are lost from one on, the INSERT among them.
        let loses = after_power_cut && oldest < self.acknowledged;
        match loses {
            true => states[oldest..=newest].contains(found),
            false => is_all && (!self.is_probed || after_power_cut && self.is_async()),
        }
    }

    fn is_async(&self) -> bool {
        let settings = self.chapter.statements[..self.acknowledged].iter();
        settings.rev().find(|sql| sql.starts_with("SET")).is_some_and(|sql| sql.contains("'async'"))
    }
}

/// Opens what is left, compares it with what may be, and works with it.
pub(super) fn check_survivor(
    dir: &MemDir,
    expected: &Expected<'_>,
    after_power_cut: bool,
) -> Outcome {
    let warehouse = reopen(dir)?;
    let found = contents(&warehouse).map_err(|error| error.to_string())?;
    let probe = probes(&warehouse)?;
    if !expected.allows(&found, probe.contains(&"1".into()), after_power_cut) {
        let known = &expected.chapter.states[expected.acknowledged];
        return Err(format!(
            "{} statements of {} were done, and the INSERT {}; found {probe:?} and\n{}",
            expected.acknowledged,
            expected.chapter.statements.len(),
            expected.is_probed,
            known.difference(&found)
        ));
    }
    let session = warehouse.session();
    let checked = session.check().map_err(|error| format!("check: {error}"))?;
    if let Some(fault) = checked.faults.first() {
        return Err(format!("check: {fault}"));
    }
    for sql in ["INSERT INTO probe VALUES (2)", "OPTIMIZE TABLE probe", "VACUUM"] {
        execute(&session, sql).map_err(|error| format!("{sql}: {error}"))?;
    }
    drop((session, warehouse));
    check_reopened(dir, &found, probe.len() + 1)
}

/// All is as it was left, and no file is there that nothing names.
fn check_reopened(dir: &MemDir, before: &Contents, probe_count: usize) -> Outcome {
    let warehouse = reopen(dir)?;
    let found = contents(&warehouse).map_err(|error| error.to_string())?;
    if found != *before || probes(&warehouse)?.len() != probe_count {
        return Err(format!("opened once more: {}", before.difference(&found)));
    }
    let leaked = leaked_files(&warehouse, dir)?;
    if leaked.is_empty() { Ok(()) } else { Err(format!("{leaked:?} are left")) }
}

fn reopen(dir: &MemDir) -> Outcome<Warehouse> {
    open(Arc::new(dir.clone())).map_err(|error| format!("opening again: {error}"))
}

/// Files that a backup does not have, which takes what the manifest names.
fn leaked_files(warehouse: &Warehouse, dir: &MemDir) -> Outcome<Vec<String>> {
    let found = files(dir, "")?;
    let copy = MemDir::new();
    let to: Arc<dyn Dir> = Arc::new(copy.clone());
    let copied = warehouse.store().backup(&to, (Default::default(), 1), &|_| Ok(()));
    copied.map_err(|error| format!("backup: {error}"))?;
    let named = files(&copy, "")?;
    let is_log = |path: &String| path.starts_with("wal/");
    // The backup has one log for all.
    let first_log = named.iter().find(|path| is_log(path));
    let is_named = |path: &String| {
        named.contains(path)
            || is_log(path) && first_log.is_some_and(|log| log_number(log) <= log_number(path))
    };
    Ok(found.into_iter().filter(|path| !is_named(path)).collect())
}

fn log_number(path: &str) -> u64 {
    let name = path.trim_start_matches("wal/");
    let name = name.strip_suffix(".wal").or(name.strip_suffix(".begun")).unwrap_or(name);
    name.parse().unwrap_or(0)
}

fn files(dir: &dyn Dir, folder: &str) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for entry in dir.list(folder).map_err(|error| error.to_string())? {
        let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
        if entry.is_folder {
            found.extend(files(dir, &path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}
