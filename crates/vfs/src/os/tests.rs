//! Tests of what only the operating system's file system has: real directories, other processes.

use super::*;
use crate::conformance::{check, kind, put};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

fn directory() -> (tempfile::TempDir, OsDir) {
    let home = tempfile::tempdir().unwrap();
    let dir = OsDir::open(home.path()).unwrap();
    (home, dir)
}

#[test]
fn conforms() {
    let (_home, dir) = directory();
    check(&dir);
}

#[test]
fn create_makes_a_directory_and_open_does_not() {
    let (home, _) = directory();
    let path = home.path().join("new/warehouse");
    assert_eq!(kind(&OsDir::open(&path).unwrap_err()), ErrorKind::NotFound);
    assert!(!path.exists());
    put(&OsDir::create(&path).unwrap(), "file", b"1");
    let again = OsDir::create(&path).unwrap();
    assert_eq!(again.read("file").unwrap(), b"1");
    assert_eq!(again.describe(), path.display().to_string());
    assert_eq!(again.root(), path);
}

#[test]
fn a_file_is_no_warehouse() {
    let (home, dir) = directory();
    put(&dir, "file", b"");
    let path = home.path().join("file");
    for error in [OsDir::open(&path).unwrap_err(), OsDir::create(&path).unwrap_err()] {
        let message = error.to_string();
        assert!(message.contains("file is not a directory"), "{message}");
    }
    let error = OsDir::create(path.join("below")).unwrap_err();
    assert_eq!(kind(&error), ErrorKind::NotADirectory);
}

#[test]
fn a_forbidden_directory_says_so() {
    let (home, _) = directory();
    let path = home.path().join("forbidden");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read it all the same; then there is nothing to refuse.
    let is_superuser = fs::read_dir(&path).is_ok();
    match OsDir::open(&path) {
        Ok(_) => assert!(is_superuser),
        Err(error) => {
            assert!(!is_superuser, "{error}");
            assert!(error.to_string().contains("permission denied"), "{error}");
        }
    }
}

/// The mapping is the one `unsafe` of this crate; reading through the file descriptor is its twin.
#[test]
fn a_mapping_has_the_bytes_of_the_file() {
    let (home, dir) = directory();
    for byte_len in [0, 1, 63, 4095, 4096, 4097, 100_000] {
        let written: Vec<u8> = (0..byte_len).map(|i: u32| (i * 7 % 256) as u8).collect();
        let path = format!("{byte_len}");
        put(&dir, &path, &written);
        let file = dir.open(&path).unwrap();
        assert!(file.bytes(0..file.len()).unwrap() == fs::read(home.path().join(&path)).unwrap());
    }
}

#[test]
fn a_large_file_is_not_read_whole() {
    let (home, dir) = directory();
    let file = File::create(home.path().join("large")).unwrap();
    file.set_len(crate::READ_BYTES_MAX + 1).unwrap();
    let error = dir.read("large").unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    file.set_len(1).unwrap();
    assert_eq!(dir.read("large").unwrap(), [0]);
}

#[test]
fn nothing_works_on_a_file_after_a_failed_write() {
    let (home, _) = directory();
    let path = home.path().join("read-only");
    fs::write(&path, b"old").unwrap();
    let mut file = OsWriteFile {
        path: "read-only".into(),
        file: Some(BufWriter::with_capacity(4, File::open(&path).unwrap())),
        position: 0,
    };
    file.write(b"1").unwrap();
    assert!(file.sync().is_err());
    assert!(file.write(b"2").unwrap_err().to_string().contains("earlier write"));
    assert!(file.flush().unwrap_err().to_string().contains("earlier write"));
    assert!(Box::new(file).finish().unwrap_err().to_string().contains("earlier write"));
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_failed_write_is_never_tried_again() {
    // Nobody reads from the other end, so it takes bytes up to some number and no more.
    let (mut here, mut there) = UnixStream::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let mut taken = 0;
    while let Ok(byte_len) = here.write(&[0; 4096]) {
        taken += byte_len;
    }
    let mut file = OsWriteFile {
        path: "full".into(),
        file: Some(BufWriter::with_capacity(4, File::from(OwnedFd::from(here)))),
        position: 0,
    };
    file.write(b"1").unwrap();
    assert_eq!(kind(&file.flush().unwrap_err()), ErrorKind::WouldBlock);
    there.read_exact(&mut vec![1; taken]).unwrap();
    drop(file);
    let mut rest = Vec::new();
    there.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
}

#[test]
fn a_table_may_live_behind_a_symbolic_link() {
    let (home, dir) = directory();
    let (elsewhere, other) = directory();
    put(&other, "file", b"far away");
    symlink(elsewhere.path(), home.path().join("link")).unwrap();
    symlink("nowhere", home.path().join("dangling")).unwrap();
    let entries = dir.list("").unwrap();
    assert_eq!(entries, [Entry { name: "link".into(), is_folder: true, bytes: 0 }]);
    assert_eq!(dir.read("link/file").unwrap(), b"far away");
}

#[test]
fn a_lock_on_a_removed_file_excludes_nobody() {
    let (home, dir) = directory();
    let old = dir.lock("pin", "old", Duration::ZERO).unwrap();
    let stale = File::open(home.path().join("pin")).unwrap();
    dir.remove_file("pin").unwrap();
    let new = dir.lock("pin", "new", Duration::ZERO).unwrap();
    assert!(!is_named(&stale, &home.path().join("pin")).unwrap());
    drop(old);
    let error = dir.lock("pin", "third", Duration::ZERO).unwrap_err();
    assert!(error.to_string().contains("new holds pin"), "{error}");
    drop(new);
}

/// The directory in which a copy of this test, run as another process, is to take the lock.
const CHILD_DIRECTORY: &str = "STARFACT_VFS_LOCK_CHILD";

#[test]
fn a_lock_excludes_other_processes_and_dies_with_them() {
    if let Some(path) = std::env::var_os(CHILD_DIRECTORY) {
        hold_until_killed(&OsDir::open(path).unwrap());
    }
    let (home, dir) = directory();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "os::tests::a_lock_excludes_other_processes_and_dies_with_them"])
        .env(CHILD_DIRECTORY, home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !dir.exists("ready").unwrap() {
        assert!(start.elapsed() < Duration::from_secs(60), "the child does not take the lock");
        assert!(child.try_wait().unwrap().is_none(), "the child ended without the lock");
        std::thread::sleep(Duration::from_millis(5));
    }
    let locked = dir.lock("LOCK", "the parent", Duration::from_millis(30));
    child.kill().unwrap();
    let freed = dir.lock("LOCK", "the parent", Duration::from_secs(60));
    child.wait().unwrap();

    let message = locked.unwrap_err().to_string();
    assert!(message.contains("the child, process"), "{message}");
    freed.unwrap();
    assert_eq!(fs::read(home.path().join("LOCK")).unwrap(), b"the parent");
}

fn hold_until_killed(dir: &OsDir) -> ! {
    let holder = format!("the child, process {},", std::process::id());
    let _lock = dir.lock("LOCK", &holder, Duration::ZERO).unwrap();
    dir.write_atomic("ready", b"").unwrap();
    std::thread::sleep(Duration::from_secs(120));
    panic!("the parent did not kill this process");
}

#[test]
fn a_file_gets_a_second_name_in_another_directory() {
    let (home, dir) = directory();
    put(&dir, "a/b/file", b"bytes");
    let other = OsDir::create(home.path().join("other")).unwrap();
    assert!(dir.link("a/b/file", &other).unwrap());
    assert_eq!(other.read("a/b/file").unwrap(), b"bytes");
    assert!(!dir.link("a/b/file", &other).unwrap(), "the name is taken");
    assert!(!dir.link("a/b/file", &crate::MemDir::new()).unwrap(), "no other names there");
    let number = |dir: &OsDir| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(dir.root().join("a/b/file")).unwrap().ino()
    };
    assert_eq!(number(&dir), number(&other));
    dir.remove_file("a/b/file").unwrap();
    assert_eq!(other.read("a/b/file").unwrap(), b"bytes");
}
