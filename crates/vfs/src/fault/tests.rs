//! Tests that each operation fails when told to, in the way it was told.

use super::*;
use crate::MemDir;
use crate::conformance::{check, kind, put};

const KIND: ErrorKind = ErrorKind::StorageFull;

fn broken(at: u64, mode: FaultMode) -> (MemDir, FaultDir) {
    let inner = MemDir::new();
    let fault = Fault { at, mode, kind: KIND };
    (inner.clone(), FaultDir::new(Arc::new(inner), Some(fault)))
}

#[test]
fn conforms_without_a_fault() {
    let dir = FaultDir::new(Arc::new(MemDir::new()), None);
    check(&dir);
    assert!(dir.operations() > 0 && !dir.has_struck());
}

/// One of each operation, nine in all.
fn write_everything(dir: &dyn Dir) -> Result<()> {
    let mut file = dir.create("folder/file")?;
    file.write(b"12345678")?;
    file.flush()?;
    file.sync()?;
    file.finish()?;
    dir.rename("folder/file", "folder/renamed")?;
    dir.sync_folder("folder")?;
    dir.remove_file("folder/renamed")?;
    dir.remove_folder("folder")
}

#[test]
fn every_operation_is_counted_and_can_fail() {
    let counting = FaultDir::new(Arc::new(MemDir::new()), None);
    write_everything(&counting).unwrap();
    assert_eq!(counting.operations(), 9);
    for mode in [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze] {
        for at in 0..9 {
            let (_, dir) = broken(at, mode);
            let error = write_everything(&dir).unwrap_err();
            assert_eq!(kind(&error), KIND, "{mode:?} at {at}");
            assert!(dir.has_struck());
            assert_eq!(dir.operations(), at + 1, "{mode:?} at {at}");
        }
        let (_, dir) = broken(9, mode);
        write_everything(&dir).unwrap();
        assert!(!dir.has_struck());
    }
}

#[test]
fn an_atomic_write_is_old_or_new_at_every_step() {
    let counting = FaultDir::new(Arc::new(MemDir::new()), None);
    counting.write_atomic("CURRENT", b"new").unwrap();
    assert_eq!(counting.operations(), 5, "create, write, sync, rename, sync of the folder");
    for mode in [FaultMode::Fail, FaultMode::Tear, FaultMode::Freeze, FaultMode::TearAndFreeze] {
        for at in 0..5 {
            let (inner, dir) = broken(at, mode);
            inner.write_atomic("CURRENT", b"old").unwrap();
            dir.write_atomic("CURRENT", b"new").unwrap_err();
            let is_renamed = at == 4;
            let expected: &[u8] = if is_renamed { b"new" } else { b"old" };
            assert_eq!(inner.read("CURRENT").unwrap(), expected, "{mode:?} at {at}");
            assert_eq!(inner.crash().read("CURRENT").unwrap(), b"old", "{mode:?} at {at}");
            if matches!(mode, FaultMode::Fail | FaultMode::Tear) && at > 0 {
                assert_eq!(inner.list("tmp").unwrap(), [], "{mode:?} at {at}");
            }
        }
    }
}

#[test]
fn a_failure_happens_once() {
    let (_, dir) = broken(0, FaultMode::Fail);
    assert!(dir.create("file").is_err());
    put(&dir, "file", b"1");
    assert_eq!(dir.read("file").unwrap(), b"1");
}

#[test]
fn a_torn_write_leaves_a_prefix_and_a_dead_file() {
    let (inner, dir) = broken(1, FaultMode::Tear);
    let mut file = dir.create("file").unwrap();
    assert_eq!(kind(&file.write(b"12345678").unwrap_err()), KIND);
    assert_eq!(inner.read("file").unwrap(), b"1234");
    assert!(file.write(b"5678").is_err() && file.flush().is_err() && file.sync().is_err());
    assert!(file.finish().is_err());
    assert_eq!(inner.read("file").unwrap(), b"1234");
    put(&dir, "other", b"the directory works on");
}

#[test]
fn a_torn_removal_leaves_some() {
    let (inner, dir) = broken(0, FaultMode::Tear);
    for name in ["a", "b", "c/d", "e"] {
        put(&inner, &format!("folder/{name}"), b"");
    }
    assert!(dir.remove_folder("folder").is_err());
    let left: Vec<String> =
        inner.list("folder").unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(left, ["c", "e"]);
}

#[test]
fn nothing_works_after_a_freeze() {
    let (inner, dir) = broken(2, FaultMode::TearAndFreeze);
    put(&inner, "before", b"");
    let mut open = dir.create("open").unwrap();
    let mut file = dir.create("file").unwrap();
    assert!(file.write(b"12").is_err());
    assert_eq!(inner.read("file").unwrap(), b"1");
    assert!(open.write(b"12").is_err() && open.finish().is_err());
    assert!(dir.create("new").is_err() && dir.open("before").is_err());
    assert!(dir.list("").is_err() && dir.exists("before").is_err());
    assert!(dir.rename("before", "after").is_err() && dir.sync_folder("").is_err());
    assert!(dir.remove_file("before").is_err() && dir.remove_folder("before").is_err());
    assert!(dir.lock("LOCK", "me", Duration::ZERO).is_err());
    assert_eq!(dir.operations(), 3);
    assert!(inner.exists("before").unwrap() && !inner.exists("new").unwrap());
}

#[test]
fn a_fault_may_be_set_later() {
    let dir = FaultDir::new(Arc::new(MemDir::new()), None);
    put(&dir, "file", b"1");
    let at = dir.operations();
    dir.set_fault(Some(Fault { at, mode: FaultMode::Freeze, kind: KIND }));
    assert!(dir.remove_file("file").is_err());
    assert_eq!(dir.inner().read("file").unwrap(), b"1");
}
