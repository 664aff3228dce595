//! Garbage: files that the current manifest does not name any more.
//!
//! ```text
//! may go    when no reader process pins a version that names it,
//!           and nothing in this process can still open it
//! ```
//!
//! Within the process that is known from the name of its folder, or that of a dictionary's file,
//! which segments and key runs share: it is gone when they are. What is not removed now is tried
//! again after each commit, and by the next writer when it opens the warehouse.

use crate::new_files::remove_if_empty;
use crate::records::{Catalog, KeyRunSource};
use crate::{manifest, paths, pins};
use starfact_base::{Result, TableId, Version};
use starfact_vfs::Dir;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

/// Something to remove.
#[derive(Debug)]
pub(crate) struct Item {
    kind: Kind,
    path: String,
    /// The last version that needs it.
    last_version: Version,
    /// Who in this process may still open it.
    users: Option<Weak<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    /// The folder of a dropped table, which goes when it is empty.
    TableFolder,
}

impl Item {
    pub(crate) fn manifest(version: Version) -> Self {
        Self::file(paths::manifest(version), version)
    }

    pub(crate) fn file(path: String, last_version: Version) -> Self {
        Self { kind: Kind::File, path, last_version, users: None }
    }

    /// The folder of a segment or a key run, or the file of a dictionary or of deletions.
    pub(crate) fn folder(folder: &Arc<str>, last_version: Version) -> Self {
        let users = Some(Arc::downgrade(folder));
        let kind = if paths::is_table_file(folder) { Kind::File } else { Kind::Folder };
        Self { kind, path: folder.to_string(), last_version, users }
    }

    pub(crate) fn table_folder(table: TableId, last_version: Version) -> Self {
        let path = paths::table(table);
        Self { kind: Kind::TableFolder, path, last_version, users: None }
    }

    /// Removes it; whether it is gone.
    fn remove(&self, dir: &dyn Dir) -> bool {
        match self.kind {
            Kind::File => dir.remove_file(&self.path).is_ok(),
            Kind::Folder => dir.remove_folder(&self.path).is_ok(),
            Kind::TableFolder => remove_if_empty(dir, &self.path),
        }
    }
}

/// What waits to be removed.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    items: Vec<Item>,
}

impl Garbage {
    pub(crate) fn add(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Removes what nobody needs any more, and no version from `kept` on. What cannot be removed
    /// stays for the next time.
    pub(crate) fn collect(&mut self, dir: &dyn Dir, kept: Option<Version>) {
        if self.items.is_empty() {
            return;
        }
        let Ok(pinned) = pins::live(dir) else { return };
        let oldest = pinned.first().copied().into_iter().chain(kept).min();
        self.items.retain(|item| {
            let in_use = item.users.as_ref().is_some_and(|users| users.strong_count() > 0);
            let is_pinned = oldest.is_some_and(|oldest| oldest <= item.last_version);
            in_use || is_pinned || !item.remove(dir)
        });
    }
}

/// What the first look at a warehouse finds.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// What a reader still needs.
    pub(crate) garbage: Garbage,
    /// Above the numbers of all segments, key runs and dictionaries.
    pub(crate) next_file: u64,
    /// Above all versions.
    pub(crate) next_version: Version,
}

/// Removes what earlier writers left behind, and no version from `oldest` on needs. Only names
/// that we make are touched.
pub(crate) fn sweep(dir: &dyn Dir, current: &Catalog, oldest: Option<Version>) -> Result<Sweep> {
    let mut sweep = Sweep {
        garbage: Garbage::default(),
        next_file: current.next_file,
        next_version: current.version.next(),
    };
    let mut needed = Needed::default();
    let mut versions = pins::live(dir)?;
    if let Some(oldest) = oldest {
        let names = dir.list("")?;
        let all = names.iter().filter_map(|entry| paths::manifest_version(&entry.name));
        versions.extend(all.filter(|version| (oldest..current.version).contains(version)));
    }
    for version in versions {
        // The pin of a version without manifest is of a reader that is about to notice.
        if version != current.version && dir.exists(&paths::manifest(version))? {
            match manifest::read(dir, version) {
                Ok(catalog) => needed.add(&catalog),
                // Nobody knows what that reader needs.
                Err(_) => needed.is_everything = true,
            }
        }
    }
    needed.add(current);
    for entry in dir.list("")? {
        if let Some(version) = paths::manifest_version(&entry.name) {
            sweep.next_version = sweep.next_version.max(version.next());
            sweep.settle(dir, Item::manifest(version), &needed, current.version)?;
        }
    }
    for entry in dir.list(paths::TEMPORARY)? {
        let path = format!("{}/{}", paths::TEMPORARY, entry.name);
        match (paths::is_temporary(&entry.name), entry.is_folder) {
            (true, true) => dir.remove_folder(&path)?,
            (true, false) => dir.remove_file(&path)?,
            (false, _) => {}
        }
    }
    for entry in dir.list(paths::TABLES)? {
        if let Some(table) = paths::table_id(&entry.name).filter(|_| entry.is_folder) {
            sweep.table(dir, table, &needed, current)?;
        }
    }
    for entry in dir.list(paths::LOGS)? {
        let name = entry.name.as_str();
        let number = paths::log_number(name).or_else(|| paths::begun_log_number(name));
        let Some(number) = number.filter(|_| !entry.is_folder) else { continue };
        // A log is needed by every manifest that begins with it or an earlier one.
        let from = |log: &(u64, Version)| log.0 <= number;
        let version = needed.logs.iter().filter(|log| from(log)).map(|log| log.1).max();
        let path = format!("{}/{name}", paths::LOGS);
        if let Some(version) = version {
            needed.paths.insert(path.clone(), version);
        }
        let item = Item::file(path, Version(0));
        sweep.settle(dir, item, &needed, current.version)?;
    }
    Ok(sweep)
}

impl Sweep {
    fn table(
        &mut self,
        dir: &dyn Dir,
        table: TableId,
        needed: &Needed,
        current: &Catalog,
    ) -> Result<()> {
        let folder = paths::table(table);
        for entry in dir.list(&folder)? {
            let (number, kind) = match entry.is_folder {
                true => (paths::file_number(&entry.name), Kind::Folder),
                false => (paths::table_file_number(&entry.name), Kind::File),
            };
            let Some(number) = number else { continue };
            self.next_file = self.next_file.max(number.saturating_add(1));
            let path = format!("{folder}/{}", entry.name);
            let item = Item { kind, path, last_version: Version(0), users: None };
            self.settle(dir, item, needed, current.version)?;
        }
        let is_current = current.tables.iter().any(|record| record.schema.id == table);
        if !is_current && !remove_if_empty(dir, &folder) {
            self.garbage.add(Item::table_folder(table, Version(0)));
        }
        Ok(())
    }

    /// Removes one thing, or notes until when it is needed.
    fn settle(
        &mut self,
        dir: &dyn Dir,
        item: Item,
        needed: &Needed,
        current: Version,
    ) -> Result<()> {
        match needed.paths.get(&item.path) {
            Some(version) if *version == current => Ok(()),
            Some(version) => {
                self.garbage.add(Item { last_version: *version, ..item });
                Ok(())
            }
            None if needed.is_everything => Ok(()),
            None => match item.kind {
                Kind::File => dir.remove_file(&item.path),
                Kind::Folder | Kind::TableFolder => dir.remove_folder(&item.path),
            },
        }
    }
}

/// What manifests name.
#[derive(Debug, Default)]
struct Needed {
    /// The last version that names it.
    paths: BTreeMap<String, Version>,
    /// The first log that each version needs.
    logs: Vec<(u64, Version)>,
    /// Whether anything else may be needed too.
    is_everything: bool,
}

impl Needed {
    fn add(&mut self, catalog: &Catalog) {
        self.logs.extend(catalog.log.map(|log| (log.log, catalog.version)));
        let mut add = |path: String| {
            let version = self.paths.entry(path).or_insert(catalog.version);
            *version = (*version).max(catalog.version);
        };
        add(paths::manifest(catalog.version));
        for table in &catalog.tables {
            let id = table.schema.id;
            table.segments.iter().for_each(|segment| add(paths::segment(id, segment.id)));
            for dictionary in &table.dictionaries {
                add(paths::dictionary(id, dictionary.column, dictionary.id));
            }
            if let Some(deletions) = &table.deletions {
                add(paths::deletions(id, deletions.id));
            }
            for run in &table.key_runs {
                if let KeyRunSource::Files(_) = run.source {
                    add(paths::key_run(id, run.id));
                }
            }
        }
    }
}

/// The folders of all segments and key runs of some tables, and the files of their dictionaries.
pub(crate) fn folders<'a>(
    tables: impl Iterator<Item = &'a Arc<crate::Table>>,
) -> BTreeSet<Arc<str>> {
    let mut folders = BTreeSet::new();
    for table in tables {
        let stored = table.segments.iter().filter(|segment| !segment.is_in_memory());
        folders.extend(stored.map(|segment| Arc::clone(segment.folder())));
        folders.extend(table.deletions_file.iter().map(|file| Arc::clone(&file.path)));
        folders.extend(table.dictionaries.iter().map(|(_, file)| Arc::clone(file.path())));
        folders.extend(table.key_runs.iter().filter_map(|run| run.folder().cloned()));
    }
    folders
}
