//! Ctrl-C and the signals that end a process.

use crate::harness::Folder;
use rustix::process::Signal;

/// Runs for hours.
const ENDLESS: &str = "SELECT sum(a.value * b.value % 7) FROM generate_series(1, 1000000) a, \
                       generate_series(1, 1000000) b, generate_series(1, 1000000) c";

#[test]
fn an_interrupted_statement_ends_the_script() {
    let folder = Folder::new();
    let mut program = folder.start(&["--csv", "--no-bail"]);
    program.send(&format!("SELECT 1 AS a;\n{ENDLESS};\nSELECT 2 AS b;\n"));
    assert_eq!(program.line(), "a\n");
    assert_eq!(program.line(), "1\n");
    std::thread::sleep(std::time::Duration::from_millis(500));
    program.signal(Signal::INT);
    let ended = program.end();
    ended.is(130, "").mentions("error: the statement was cancelled\nstdin:2: SELECT sum");
    assert!(folder.temporary_files().is_empty());
}

#[test]
fn an_interrupted_script_of_the_command_line_ends() {
    let folder = Folder::new();
    let script = format!(".print begin\n{ENDLESS}");
    let program = folder.start(&["w", "--csv", "-c", &script, "-c", "SELECT 2 AS b"]);
    assert_eq!(program.line(), "begin\n");
    program.signal(Signal::INT);
    program.end().is(130, "");
}

#[test]
fn a_wait_for_input_is_interrupted() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let folder = Folder::new();
        let mut program = folder.start(&["--csv"]);
        program.send("CREATE TABLE t (a INTEGER);\n.print ready\n");
        assert_eq!(program.line(), "ready\n");
        assert_eq!(folder.temporary_files().len(), 1);
        program.signal(signal);
        let status = program.child.wait().unwrap();
        assert_eq!(status.code(), Some(code));
        assert!(folder.temporary_files().is_empty(), "{:?}", folder.temporary_files());
    }
}

#[test]
fn a_termination_removes_the_temporary_warehouse() {
    let folder = Folder::new();
    let mut program = folder.start(&["--csv"]);
    program.send(&format!(".print ready\n{ENDLESS};\n"));
    assert_eq!(program.line(), "ready\n");
    program.signal(Signal::TERM);
    assert_eq!(program.end().code, 143);
    assert!(folder.temporary_files().is_empty(), "{:?}", folder.temporary_files());
}

#[test]
fn nothing_remains_of_an_interrupted_load() {
    let folder = Folder::new();
    let script = format!(".print begin\nCREATE TABLE t AS {ENDLESS}");
    let program = folder.start(&["w", "-c", &script]);
    assert_eq!(program.line(), "begin\n");
    program.signal(Signal::INT);
    program.end().is(130, "");
    folder.run(&["w", "-c", ".tables"]).is(0, "");
}
