//! Between the catalog on disk and the snapshot in memory.

use crate::deletions_file::DeletionsFile;
use crate::keys::run::KeyRun;
use crate::paths;
use crate::pins::Pin;
use crate::records::{
    Catalog, DeletionsRecord, DictionaryRecord, KeyRunRecord, KeyRunSource, TableRecord,
};
use crate::rows::Deletions;
use crate::segment::Segment;
use crate::snapshot::{Snapshot, Table};
use starfact_base::{ColumnId, Epoch, Result, TableId, Version};
use starfact_format::DictionaryFile;
use starfact_vfs::Dir;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The snapshot that a verified catalog describes. What it has in common with the snapshot before
/// it is shared, with all that is open.
pub(crate) fn snapshot(
    dir: &Arc<dyn Dir>,
    catalog: Catalog,
    before: Option<&Snapshot>,
    pin: Option<Arc<Pin>>,
) -> Result<Snapshot> {
    let mut tables = BTreeMap::new();
    for record in catalog.tables {
        let before = before.and_then(|snapshot| snapshot.table_by_id(record.schema.id));
        let table = table(dir, record, before.map(AsRef::as_ref), pin.clone())?;
        tables.insert(table.id(), Arc::new(table));
    }
    Ok(Snapshot::new(catalog.version, catalog.epoch, true, tables))
}

fn table(
    dir: &Arc<dyn Dir>,
    record: TableRecord,
    before: Option<&Table>,
    pin: Option<Arc<Pin>>,
) -> Result<Table> {
    let id = record.schema.id;
    let mut known: BTreeMap<u64, &Arc<Segment>> = BTreeMap::new();
    let mut known_runs: BTreeMap<u64, &Arc<KeyRun>> = BTreeMap::new();
    if let Some(before) = before {
        known.extend(before.segments.iter().map(|segment| (segment.id().0, segment)));
        known_runs.extend(before.key_runs.iter().map(|run| (run.record().id, run)));
    }
    let dictionaries = dictionaries(dir, id, &record.dictionaries, before);
    let mut segments = Vec::with_capacity(record.segments.len());
    for record in record.segments {
        let same = known.get(&record.id.0).filter(|known| *known.record() == record);
        segments.push(match same {
            Some(same) => Arc::clone(same),
            None => {
                let segment = Segment::new(Arc::clone(dir), id, record);
                Arc::new(segment.with_dictionaries(&dictionaries))
            }
        });
    }
    let mut key_runs = Vec::with_capacity(record.key_runs.len());
    for run in record.key_runs {
        let same = known_runs.get(&run.id).filter(|known| *known.record() == run);
        key_runs.push(match same {
            Some(same) => Arc::clone(same),
            None => Arc::new(key_run(dir, &record.schema, run, &segments)),
        });
    }
    let (deletions, deletions_file) = deletions(dir, id, record.deletions, before, &segments)?;
    Ok(Table {
        schema: Arc::new(record.schema),
        segments,
        key_runs,
        dictionaries,
        deletions,
        deletions_file,
        next_ordinal: record.next_ordinal,
        next_row: record.next_row.unwrap_or(record.next_ordinal),
        next_run: record.next_run,
        is_sorted: record.is_sorted,
        _pin: pin,
    })
}

type NamedDeletions = (Arc<Deletions>, Option<Arc<DeletionsFile>>);

/// The deletions of a table; those that are known are not read again.
fn deletions(
    dir: &Arc<dyn Dir>,
    table: TableId,
    record: Option<DeletionsRecord>,
    before: Option<&Table>,
    segments: &[Arc<Segment>],
) -> Result<NamedDeletions> {
    let Some(record) = record else { return Ok((Arc::default(), None)) };
    let known = before.and_then(|before| Some((before, before.deletions_file.as_ref()?)));
    if let Some((before, file)) = known.filter(|(_, file)| file.record == record) {
        return Ok((Arc::clone(&before.deletions), Some(Arc::clone(file))));
    }
    let file = DeletionsFile { record, path: paths::deletions(table, record.id).into() };
    let deletions = file.read(dir.as_ref(), segments)?;
    Ok((Arc::new(deletions), Some(Arc::new(file))))
}

/// The dictionaries of a table, those that are known with all that is open.
fn dictionaries(
    dir: &Arc<dyn Dir>,
    table: TableId,
    records: &[DictionaryRecord],
    before: Option<&Table>,
) -> Vec<(ColumnId, Arc<DictionaryFile>)> {
    let known = before.map(|before| before.dictionaries.as_slice()).unwrap_or_default();
    let dictionary = |record: &DictionaryRecord| {
        let DictionaryRecord { id, column, bytes } = *record;
        let is_it = |known: &&(ColumnId, Arc<DictionaryFile>)| {
            known.0 == column && known.1.number() == id && known.1.byte_len() == bytes
        };
        let file = known.iter().find(is_it).map_or_else(
            || {
                let path = paths::dictionary(table, column, id).into();
                Arc::new(DictionaryFile::new(Arc::clone(dir), path, id, bytes))
            },
            |(_, file)| Arc::clone(file),
        );
        (column, file)
    };
    records.iter().map(dictionary).collect()
}

fn key_run(
    dir: &Arc<dyn Dir>,
    schema: &crate::schema::Schema,
    record: KeyRunRecord,
    segments: &[Arc<Segment>],
) -> KeyRun {
    let columns: Vec<ColumnId> =
        schema.key(record.key).map(|key| key.columns.clone()).unwrap_or_default();
    let named = match &record.source {
        KeyRunSource::Files(_) => Vec::new(),
        KeyRunSource::Segments(ids) => {
            let mut ahead = segments.iter();
            let named = ids.iter().filter_map(|id| ahead.find(|segment| segment.id() == *id));
            named.cloned().collect()
        }
    };
    KeyRun::new(Arc::clone(dir), schema.id, columns, record, named)
}

/// The catalog that describes these tables.
pub(crate) fn records<'a>(
    version: Version,
    epoch: Epoch,
    (next_table, next_file): (TableId, u64),
    tables: impl Iterator<Item = &'a Arc<Table>>,
) -> Catalog {
    let dictionary = |(column, file): &(ColumnId, Arc<DictionaryFile>)| DictionaryRecord {
        id: file.number(),
        column: *column,
        bytes: file.byte_len(),
    };
    let is_stored = |segment: &&Arc<Segment>| !segment.is_in_memory();
    let record = |table: &Arc<Table>| TableRecord {
        schema: table.schema.as_ref().clone(),
        segments: table.segments.iter().filter(is_stored).map(|it| it.record().clone()).collect(),
        key_runs: table.key_runs.iter().map(|run| run.record().clone()).collect(),
        dictionaries: table.dictionaries.iter().map(dictionary).collect(),
        next_ordinal: table.next_ordinal,
        next_row: Some(table.next_row).filter(|row| *row != table.next_ordinal),
        deletions: table.deletions_file.as_ref().map(|file| file.record),
        next_run: table.next_run,
        is_sorted: table.is_sorted,
    };
    Catalog { version, epoch, next_table, next_file, tables: tables.map(record).collect() }
}
