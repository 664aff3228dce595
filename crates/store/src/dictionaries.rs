//! Text of new segments as codes of dictionaries that the segments of a table have in common.
//!
//! ```text
//!  blocks of a column, each with     the newest dictionary, if it     codes of it in new files,
//!  a dictionary of its own       ─►  has all texts, else a new one ─► where that takes less
//!                                    with its texts and these
//! ```
//!
//! A dictionary is never changed: segments go on naming the one that they were written with, and it
//! goes when no segment names it. Columns that ask for an encoding stay as they are, and so do
//! those of keys, whose runs hold on to the files that were there when they were made.
//!
//! As when columns are derived, only segments that no manifest names yet are touched: the new file
//! is written beside the old one and takes its name. After a crash or an error both go.

mod domain;
mod policy;
pub(crate) use policy::may_pay_for_list;

use crate::load::Job;
use crate::paths;
use crate::records::FileRecord;
use crate::segment::Segment;
use crate::snapshot::Table;
use domain::Domain;
use policy::Sizes;
use starfact_base::{ColumnId, DataType, Error, Result, SegmentId, TableId};
use starfact_encoding::EncodeOptions;
use starfact_format::{ColumnFile, ColumnFileInfo, ColumnWriter, DictionaryFile};
use starfact_vfs::Dir;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which columns of text a load stores as codes of dictionaries that segments have in common, out
/// of those with few distinct texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharedDictionaries {
    /// None.
    Off,
    /// Those whose files, with the dictionary, do not become larger.
    #[default]
    WhereSmaller,
    /// All.
    Always,
}

/// Rewrites text in the segments that `table` has and `before` has not, and forgets the
/// dictionaries that no segment names any more.
pub(crate) fn share(
    job: &Job<'_>,
    table: &mut Table,
    before: &Table,
    wanted: SharedDictionaries,
) -> Result<()> {
    if wanted != SharedDictionaries::Off {
        let old: BTreeSet<SegmentId> = before.segments.iter().map(|segment| segment.id()).collect();
        let is_new = |segment: &&Arc<Segment>| !old.contains(&segment.id());
        let new: Vec<Arc<Segment>> = table.segments.iter().filter(is_new).cloned().collect();
        let task = |column| Task { column, table, new: &new, wanted, shared: None };
        let mut tasks: Vec<Task<'_>> = candidates(table).map(task).collect();
        job.workers.each(&mut tasks, |task| task.run(job))?;
        let shared = tasks.into_iter().filter_map(|task| Some((task.column, task.shared?)));
        for (column, shared) in shared.collect::<Vec<_>>() {
            replace(table, column, shared);
        }
    }
    let is_named = |number| {
        let files = table.segments.iter().flat_map(|segment| &segment.record().files);
        files.into_iter().any(|file| file.dictionary == Some(number))
    };
    let mut dictionaries = std::mem::take(&mut table.dictionaries);
    dictionaries.retain(|(_, file)| is_named(file.number()));
    dictionaries.sort_by_key(|(_, file)| file.number());
    table.dictionaries = dictionaries;
    Ok(())
}

/// The columns that may be rewritten.
fn candidates(table: &Table) -> impl Iterator<Item = ColumnId> {
    let is_candidate = |column: &&crate::Column| {
        let is_in_key = table.keys().iter().any(|key| key.columns.contains(&column.id));
        column.data_type == DataType::Varchar && column.encoding.is_none() && !is_in_key
    };
    table.columns().iter().filter(is_candidate).map(|column| column.id)
}

/// Gives the segments of `table` their new files.
pub(crate) fn replace(table: &mut Table, column: ColumnId, shared: Shared) {
    let Shared { dictionary, files } = shared;
    for (id, record) in files {
        let segment = table.segments.iter_mut().find(|segment| segment.id() == id);
        if let Some(segment) = segment {
            *segment = Arc::new(segment.with_codes(record, &dictionary));
        }
    }
    if !table.dictionaries.iter().any(|(_, known)| known.number() == dictionary.number()) {
        table.dictionaries.push((column, dictionary));
    }
}

/// Files that were rewritten.
pub(crate) struct Shared {
    pub(crate) dictionary: Arc<DictionaryFile>,
    pub(crate) files: Vec<(SegmentId, FileRecord)>,
}

/// A column that may be rewritten.
struct Task<'a> {
    column: ColumnId,
    table: &'a Table,
    new: &'a [Arc<Segment>],
    wanted: SharedDictionaries,
    shared: Option<Shared>,
}

/// A file of the column in one of the new segments, with a dictionary in each block.
struct Source<'a> {
    segment: &'a Segment,
    record: FileRecord,
    file: Arc<ColumnFile>,
}

impl Task<'_> {
    fn run(&mut self, job: &Job<'_>) -> Result<()> {
        let Some((sources, domain)) = self.read()? else { return Ok(()) };
        let newest = self.table.dictionaries.iter().rev().find(|(id, _)| *id == self.column);
        let newest = newest.map(|(_, file)| file);
        let (dictionary, is_new) = match newest {
            Some(newest) if domain.is_within(newest.values()?) => (Arc::clone(newest), false),
            newest => {
                let blocks = sources.iter().map(|source| source.file.block_count()).sum();
                let may_pay = policy::may_pay_for_dictionary(blocks);
                if self.wanted == SharedDictionaries::WhereSmaller && !may_pay {
                    return Ok(());
                }
                let domain = match newest {
                    Some(newest) => domain.with(newest.values()?),
                    None => domain,
                };
                (create(job, self.table.id(), self.column, &domain)?, true)
            }
        };
        let files = self.rewrite(job.files.dir().as_ref(), &sources, &dictionary, is_new)?;
        if files.is_empty() && is_new {
            job.files.remove(dictionary.path());
        }
        self.shared = (!files.is_empty()).then_some(Shared { dictionary, files });
        Ok(())
    }

    /// The files whose blocks all have a dictionary or are constant, and the texts of all of them;
    /// `None` if they are too many, or none.
    fn read(&self) -> Result<Option<(Vec<Source<'_>>, Domain)>> {
        let (mut sources, mut domain) = (Vec::new(), Domain::default());
        for segment in self.new {
            let record = segment.record().files.iter().find(|file| file.column == self.column);
            let Some((record, file)) = record.zip(segment.column(self.column)?) else { continue };
            let mut is_source = true;
            for idx in 0..file.block_count() {
                let Some(texts) = file.block(idx)?.distinct_texts()? else {
                    is_source = false;
                    break;
                };
                if !domain.add(&texts) {
                    return Ok(None);
                }
            }
            if is_source {
                sources.push(Source { segment, record: *record, file });
            }
        }
        Ok((!domain.is_empty() && !sources.is_empty()).then_some((sources, domain)))
    }

    /// Writes the files anew; returns those that took the places of the old ones.
    fn rewrite(
        &self,
        dir: &dyn Dir,
        sources: &[Source<'_>],
        dictionary: &Arc<DictionaryFile>,
        is_new: bool,
    ) -> Result<Vec<(SegmentId, FileRecord)>> {
        let mut files = Vec::with_capacity(sources.len());
        for source in sources {
            let info = source.write(dir, dictionary)?;
            files.push(Rewritten { folder: source.segment.folder(), record: source.record, info });
        }
        let is_taken = match self.wanted {
            SharedDictionaries::Always => vec![true; files.len()],
            _ => chosen(&files, dictionary, is_new),
        };
        let ids = sources.iter().map(|source| source.segment.id());
        let records = take(dir, &files, is_taken, dictionary)?;
        Ok(ids.zip(records).filter_map(|(id, record)| Some((id, record?))).collect())
    }
}

/// A file that was written beside the one whose place it may take.
pub(crate) struct Rewritten<'a> {
    pub(crate) folder: &'a str,
    /// Of the one that there is.
    pub(crate) record: FileRecord,
    pub(crate) info: ColumnFileInfo,
}

/// Which files are to take the places of the old ones, for the space that this saves.
pub(crate) fn chosen(
    files: &[Rewritten<'_>],
    dictionary: &DictionaryFile,
    is_new: bool,
) -> Vec<bool> {
    let sizes = files.iter().map(|file| Sizes { old: file.record.bytes, new: file.info.bytes });
    let sizes: Vec<Sizes> = sizes.collect();
    policy::choose(&sizes, if is_new { dictionary.byte_len() } else { 0 })
}

/// Gives files that are taken the places of the old ones, and removes the others; returns the
/// records of those.
pub(crate) fn take(
    dir: &dyn Dir,
    files: &[Rewritten<'_>],
    is_taken: Vec<bool>,
    dictionary: &DictionaryFile,
) -> Result<Vec<Option<FileRecord>>> {
    let one = |(file, is_taken): (&Rewritten<'_>, bool)| {
        let path = paths::column(file.folder, file.record.column);
        let temporary = paths::unfinished(&path);
        if !is_taken {
            return dir.remove_file(&temporary).map(|()| None);
        }
        dir.rename(&temporary, &path)?;
        let dictionary = Some(dictionary.number());
        Ok(Some(FileRecord { dictionary, ..file.record.rewritten(&file.info) }))
    };
    files.iter().zip(is_taken).map(one).collect()
}

impl Source<'_> {
    fn path(&self) -> String {
        paths::column(self.segment.folder(), self.record.column)
    }

    /// Writes the file with codes beside the one that there is; returns what it amounts to.
    fn write(&self, dir: &dyn Dir, dictionary: &DictionaryFile) -> Result<ColumnFileInfo> {
        let (ty, options) = (self.record.data_type, EncodeOptions::default());
        let path = paths::unfinished(&self.path());
        let mut writer = ColumnWriter::create(dir, &path, ty, options)?;
        writer.set_dictionary(dictionary.link()?);
        for idx in 0..self.file.block_count() {
            let bytes = self.file.block(idx)?.share(dictionary.values()?)?;
            let missing = || Error::internal(format!("{path}: a text that is in no dictionary"));
            writer.append_shared_block(&self.file, idx, &bytes.ok_or_else(missing)?)?;
        }
        writer.finish()
    }
}

/// Writes a dictionary.
fn create(
    job: &Job<'_>,
    table: TableId,
    column: ColumnId,
    domain: &Domain,
) -> Result<Arc<DictionaryFile>> {
    let (number, path) = job.files.dictionary(table, column);
    let dir = Arc::clone(job.files.dir());
    DictionaryFile::create(dir, path.into(), number, &domain.array()).map(Arc::new)
}
