//! A backup is the warehouse at one epoch, or nothing.

use super::*;
use crate::tests::support::*;
use crate::{OpenMode, Store};
use starfact_vfs::{Fault, FaultDir, FaultMode, MemDir};
use std::io::ErrorKind;

const GO_ON: &(dyn Fn(u64) -> Result<()> + Sync) = &|_| Ok(());

fn warehouse() -> MemDir {
    let dir = MemDir::new();
    let store = open(&dir);
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([9, 7])]).unwrap();
    create(&store, &fact("fact"));
    let rows = batch(vec![ints([3, 1, 2]), ints([7, 9, 7]), ints([30, 20, 10])]);
    insert(&store, "fact", vec![rows]).unwrap();
    drop(store);
    dir
}

fn arc(dir: &MemDir) -> Arc<dyn Dir> {
    Arc::new(dir.clone())
}

fn contents(dir: &MemDir) -> Vec<Vec<String>> {
    let store = open_to_read(dir);
    ["id", "name"].map(|column| read(&store, "dim", column)).into_iter().collect()
}

#[test]
fn a_backup_is_a_warehouse_of_its_own() {
    let (from, to) = (warehouse(), MemDir::new());
    let report = backup(&arc(&from), &arc(&to), (BackupMode::Copy, 2), GO_ON).unwrap();
    assert_eq!((report.tables, report.rows), (2, 5));
    assert_eq!(report.files, files(&from, "tables").len() as u64);
    assert_eq!(files(&from, "tables"), files(&to, "tables"));
    assert_eq!(contents(&to), contents(&from));
    // It takes writes, which need the keys, and the original does not see them.
    let store = open(&to);
    insert(&store, "dim", vec![dimension_rows([8, 3])]).unwrap();
    assert!(insert(&store, "dim", vec![dimension_rows([7, 6])]).is_err());
    drop(store);
    assert_ne!(contents(&to), contents(&from));
}

#[test]
fn a_writer_does_not_hinder_a_backup_nor_is_hindered() {
    let (from, to) = (warehouse(), MemDir::new());
    let store = open(&from);
    let before = contents(&from);
    let changing = |_: u64| -> Result<()> {
        let snapshot = store.snapshot()?;
        if snapshot.table("later").is_none() {
            let mut transaction = store.begin()?;
            transaction.create_table(&dimension("later"))?;
            transaction.drop_table(snapshot.table("fact").unwrap().id())?;
            transaction.commit()?;
        }
        Ok(())
    };
    let from_dir = arc(&from);
    backup(&from_dir, &arc(&to), (BackupMode::Copy, 1), &changing).unwrap();
    assert_eq!(contents(&to), before);
    let copied = open_to_read(&to).snapshot().unwrap();
    assert!(copied.table("fact").is_some() && copied.table("later").is_none());
    assert!(store.snapshot().unwrap().table("fact").is_none());
}

#[test]
fn only_an_empty_directory_takes_a_backup() {
    let from = warehouse();
    let other = warehouse();
    let before = files(&other, "");
    let error = backup(&arc(&from), &arc(&other), (BackupMode::Copy, 1), GO_ON).unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert_eq!(files(&other, ""), before);
    let error = backup(&arc(&MemDir::new()), &arc(&MemDir::new()), (BackupMode::Copy, 1), GO_ON)
        .unwrap_err();
    assert!(error.to_string().contains("is no warehouse"), "{error}");
}

#[test]
fn a_damaged_file_is_not_copied() {
    let good = warehouse();
    for path in files(&good, "tables") {
        let from = warehouse();
        let mut bytes = from.read(&path).unwrap();
        bytes[64] ^= 1;
        from.remove_file(&path).unwrap();
        let mut file = from.create(&path).unwrap();
        file.write(&bytes).unwrap();
        file.finish().unwrap();
        let to = MemDir::new();
        let error = backup(&arc(&from), &arc(&to), (BackupMode::Copy, 2), GO_ON).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(&path), "{error}");
        assert_eq!(files(&to, ""), [] as [String; 0]);
    }
}

#[test]
fn an_error_at_any_step_leaves_nothing_that_opens() {
    let from = warehouse();
    for mode in [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze] {
        let mut at = 0;
        loop {
            let to = MemDir::new();
            let fault = Fault { at, mode, kind: ErrorKind::StorageFull };
            let faulty = FaultDir::new(arc(&to), Some(fault));
            if backup(
                &arc(&from),
                &(Arc::new(faulty) as Arc<dyn Dir>),
                (BackupMode::Copy, 1),
                GO_ON,
            )
            .is_ok()
            {
                break;
            }
            let is_frozen = matches!(mode, FaultMode::Freeze | FaultMode::TearAndFreeze);
            if !is_frozen {
                assert_eq!(files(&to, ""), [] as [String; 0], "{mode:?} at {at}");
            } else if Store::open(arc(&to), OpenMode::ReadOnly).is_ok() {
                // CURRENT was there already, and so was everything else.
                assert_eq!(contents(&to), contents(&from), "{mode:?} at {at}");
            }
            at += 1;
        }
        assert!(at > 30, "{mode:?}: {at}");
    }
}

#[test]
fn a_backup_of_links_has_the_files_of_the_original_and_outlives_them() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    let dir: Arc<dyn Dir> = Arc::new(starfact_vfs::OsDir::create(path("from")).unwrap());
    let store = Store::open(Arc::clone(&dir), READ_WRITE).unwrap();
    create(&store, &dimension("dim"));
    insert(&store, "dim", vec![dimension_rows([9, 7])]).unwrap();
    let mut transaction = store.begin().unwrap();
    transaction.insert(table(&store, "dim").id(), &dimension_rows([8])).unwrap();
    transaction.commit().unwrap();
    let to: Arc<dyn Dir> = Arc::new(starfact_vfs::OsDir::create(path("to")).unwrap());
    let report = store.backup(&to, (BackupMode::Link, 1), GO_ON).unwrap();
    assert_eq!(report.rows, 3);
    drop(store);
    dir.remove_folder(paths::TABLES).unwrap();
    let store = Store::open(to, READ_WRITE).unwrap();
    assert_eq!(read(&store, "dim", "id"), ["9", "7", "8"]);
    insert(&store, "dim", vec![dimension_rows([10])]).unwrap();
    assert_sound(&store);
}
