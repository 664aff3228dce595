//! A sound table has no faults; a table with any one thing wrong has one, which names a file.

use super::*;
use crate::records::Catalog;
use crate::tests::support::*;
use crate::{LoadOptions, SharedDictionaries, TableDefinition, manifest};
use starfact_base::{DataType, Version};
use starfact_encoding::EncodeOptions;
use starfact_format::ColumnWriter;
use starfact_vfs::MemDir;

const OPTIONS: CheckOptions<'_> =
    CheckOptions { threads: 2, memory_bytes: 1 << 20, proceed: &|_| Ok(()) };

/// Key runs of both kinds, references, a sort order, and a dictionary of two segments.
fn warehouse() -> MemDir {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([1, 2])]).unwrap();
    insert(&store, "dim", vec![dimension_rows([9, 7])]).unwrap();
    insert(&store, "dim", vec![dimension_rows([5, 3])]).unwrap();
    create(&store, &fact("fact"));
    let rows = batch(vec![
        ints([3, 1, 2, 4]),
        nullable_ints([Some(7), Some(2), Some(1), None]),
        ints([30, 20, 10, 40]),
    ]);
    insert(&store, "fact", vec![rows]).unwrap();
    let rows = batch(vec![ints([6, 8]), ints([9, 9]), ints([50, 60])]);
    insert(&store, "fact", vec![rows]).unwrap();
    let visits = TableDefinition {
        name: "visits".into(),
        columns: vec![column("city", DataType::Varchar)],
        ..TableDefinition::default()
    };
    create(&store, &visits);
    for _ in 0..2 {
        let rows = batch(vec![texts(["Bern", "Zug"].into_iter().cycle().take(40))]);
        let always = SharedDictionaries::Always;
        let options = LoadOptions { shared_dictionaries: always, ..LoadOptions::default() };
        insert_with(&store, "visits", vec![rows], &options).unwrap();
    }
    drop(store);
    dir
}

fn faults(dir: &MemDir, options: &CheckOptions<'_>) -> Vec<String> {
    let snapshot = open_to_read(dir).snapshot().unwrap();
    let mut faults = Vec::new();
    for table in snapshot.tables() {
        let report = snapshot.check(table.id(), options).unwrap();
        assert_eq!(report.fault_count, report.faults.len() as u64);
        for fault in report.faults {
            assert!(fault.is_corrupt(), "{fault}");
            faults.push(fault.to_string());
        }
    }
    faults
}

/// Changes the catalog, as a mistake of a writer might.
fn rewrite(dir: &MemDir, change: impl FnOnce(&mut Catalog)) {
    let version = manifest::read_current(dir).unwrap().unwrap();
    let mut catalog = manifest::read(dir, version).unwrap();
    change(&mut catalog);
    catalog.version = Version(version.0 + 1);
    manifest::write(dir, &catalog).unwrap();
    manifest::write_current(dir, catalog.version).unwrap();
}

/// Writes the file of a column of a segment anew, and says so in the catalog.
fn replace(
    dir: &MemDir,
    (table, segment): (usize, usize),
    id: u32,
    values: arrow::array::ArrayRef,
) {
    rewrite(dir, |catalog| {
        let record = &mut catalog.tables[table];
        let folder = paths::segment(record.schema.id, record.segments[segment].id);
        let files = record.segments[segment].files.iter_mut();
        let file = files.into_iter().find(|file| file.column == ColumnId(id)).unwrap();
        let path = paths::column(&folder, file.column);
        dir.remove_file(&path).unwrap();
        let options = EncodeOptions::default();
        let mut writer = ColumnWriter::create(dir, &path, file.data_type, options).unwrap();
        writer.append(&values).unwrap();
        *file = file.rewritten(&writer.finish().unwrap());
    });
}

fn only(dir: &MemDir) -> String {
    let faults = faults(dir, &OPTIONS);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().unwrap()
}

#[test]
fn a_sound_warehouse_has_no_faults() {
    let dir = warehouse();
    assert_eq!(faults(&dir, &OPTIONS), [] as [String; 0]);
    let snapshot = open_to_read(&dir).snapshot().unwrap();
    let counts = |name: &str| {
        let table = snapshot.table(name).unwrap();
        let report = snapshot.check(table.id(), &OPTIONS).unwrap();
        assert_eq!(report.bytes, table.bytes());
        (report.files, report.blocks)
    };
    let all = files(&dir, "tables").len() as u64;
    let total = ["dim", "fact", "visits"].map(counts).iter().map(|(files, _)| files).sum::<u64>();
    assert_eq!(total, all);
}

#[test]
fn a_damaged_or_a_foreign_file_is_found() {
    let good = warehouse();
    for path in files(&good, "tables") {
        let dir = warehouse();
        let mut bytes = dir.read(&path).unwrap();
        bytes[64] ^= 1;
        dir.remove_file(&path).unwrap();
        let mut file = dir.create(&path).unwrap();
        file.write(&bytes).unwrap();
        file.finish().unwrap();
        // Both segments of a dictionary are damaged without it, and so is the dictionary.
        let faults = faults(&dir, &OPTIONS);
        let is_named = faults.iter().all(|fault| fault.contains(&path));
        assert!(!faults.is_empty() && is_named, "{path}: {faults:?}");
    }
    // A valid file of as many rows and bytes in the place of another.
    let dir = warehouse();
    let store = open(&dir);
    let segments = table(&store, "dim").segments().to_vec();
    drop(store);
    let path = |segment: usize| paths::column(segments[segment].folder(), ColumnId(1));
    let bytes = dir.read(&path(1)).unwrap();
    assert_eq!(bytes.len(), dir.read(&path(2)).unwrap().len());
    dir.remove_file(&path(2)).unwrap();
    let mut file = dir.create(&path(2)).unwrap();
    file.write(&bytes).unwrap();
    file.finish().unwrap();
    let fault = only(&dir);
    assert!(fault.contains("footer checksum (manifest against file)"), "{fault}");
}

#[test]
fn rows_out_of_order_are_found() {
    let dir = warehouse();
    replace(&dir, (1, 0), 3, ints([10, 20, 40, 30]));
    let fault = only(&dir);
    assert!(fault.contains("order of rows"), "{fault}");
    // The second segment no longer follows the first, and the table claims that it does.
    let dir = warehouse();
    replace(&dir, (1, 1), 3, ints([5, 60]));
    assert!(only(&dir).contains("order of rows"));
    rewrite(&dir, |catalog| catalog.tables[1].is_sorted = false);
    assert_eq!(faults(&dir, &OPTIONS), [] as [String; 0]);
}

#[test]
fn a_key_that_rows_and_runs_do_not_agree_on_is_found() {
    // A run in files.
    let dir = warehouse();
    replace(&dir, (0, 1), 1, ints([9, 8]));
    assert!(only(&dir).contains("key (id) of table \"dim\": key runs"));
    // A run that is its segments, with keys that do not ascend.
    let dir = warehouse();
    replace(&dir, (0, 0), 1, ints([2, 1]));
    assert!(faults(&dir, &OPTIONS)[0].contains("keys that ascend"));
    // One key in two runs.
    let dir = warehouse();
    replace(&dir, (0, 0), 1, ints([1, 9]));
    assert!(faults(&dir, &OPTIONS)[0].contains("one row with it"));
    // A run is missing.
    let dir = warehouse();
    rewrite(&dir, |catalog| {
        catalog.tables[0].key_runs.pop();
    });
    let fault = &faults(&dir, &OPTIONS)[0];
    assert!(fault.contains("the keys of 6 rows with their ids, found 4 keys"), "{fault}");
}

#[test]
fn references_that_lead_elsewhere_are_found() {
    let dir = warehouse();
    let store = open(&dir);
    let ordinal = table(&store, "fact").foreign_keys()[0].ordinal_column;
    drop(store);
    let stored: arrow::array::ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![0_i64, 1]));
    replace(&dir, (1, 1), ordinal.0, stored);
    let fault = only(&dir);
    assert!(fault.contains("those of the rows with the keys, found others"), "{fault}");
    // A key that no row of the parent has.
    let dir = warehouse();
    replace(&dir, (1, 1), 2, ints([9, 10]));
    let fault = only(&dir);
    assert!(fault.contains("rows that exist, found a key that no row has"), "{fault}");
}

#[test]
fn null_where_there_must_be_none_is_found() {
    let dir = warehouse();
    replace(&dir, (1, 0), 1, nullable_ints([Some(3), None, Some(2), Some(4)]));
    let fault = only(&dir);
    assert!(fault.contains("NULLs in block 0"), "{fault}");
}

#[test]
fn a_check_ends_when_it_is_told_to() {
    let dir = warehouse();
    let snapshot = open_to_read(&dir).snapshot().unwrap();
    let stop = |_: u64| -> Result<()> { Err(Error::invalid("enough")) };
    let options = CheckOptions { proceed: &stop, ..OPTIONS };
    let error = snapshot.check(snapshot.table("fact").unwrap().id(), &options).unwrap_err();
    assert_eq!(error.to_string(), "enough");
}
