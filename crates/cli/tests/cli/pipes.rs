//! Standard input and output as pipes: each statement at once, and ends that are quiet.

use crate::harness::{Ended, Folder, text};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_statement_runs_as_soon_as_the_line_that_ends_it_has_come() {
    let folder = Folder::new();
    let mut program = folder.start(&["--csv"]);
    program.send("SELECT 1\n  AS a;\n");
    assert_eq!(program.line(), "a\n");
    assert_eq!(program.line(), "1\n");
    program.send(".print hello\n");
    assert_eq!(program.line(), "hello\n");
    program.send("SELECT 2 AS b; SELECT 'a;\n");
    assert_eq!(program.line(), "b\n");
    assert_eq!(program.line(), "2\n");
    program.send("b' AS c;\n");
    assert_eq!(program.line(), "c\n");
    program.send("CREATE TABLE t (a INTEGER);\n");
    assert_eq!(program.error_line(), "CREATE TABLE\n");
    program.send("SELECT 3 AS d");
    let ended = program.end();
    ended.is(0, "\"a;\nb\"\nd\n3\n").says("");
}

#[test]
fn a_pipe_stops_at_the_first_error_unless_told_not_to() {
    let folder = Folder::new();
    let input = "SELECT 1 AS a;\nSELECT x;\nSELECT 2 AS b;\n";
    folder.pipe(&["--csv"], input).is(1, "a\n1\n").mentions("stdin:2: SELECT x\n");
    folder.pipe(&["--csv", "--no-bail"], input).is(1, "a\n1\nb\n2\n");
    folder.pipe(&["--csv"], format!(".bail off\n{input}")).is(1, "a\n1\nb\n2\n");
}

#[test]
fn counts_and_times_go_to_standard_error() {
    let folder = Folder::new();
    let input = "CREATE TABLE t AS SELECT 1 AS a;\nINSERT INTO t VALUES (2), (3);\n\
                 SET starfact.zone_maps = off;\nDROP TABLE t;\n";
    let ended = folder.pipe(&["--csv"], input);
    ended.is(0, "").says("CREATE TABLE 1\nINSERT 2\nSET\nDROP TABLE\n");
    let ended = folder.pipe(&["--csv"], ".timer on\nSELECT 1 AS a;\n");
    ended.is(0, "a\n1\n");
    assert!(ended.err.starts_with("time: ") && ended.err.ends_with("s\n"), "{}", ended.err);
}

#[test]
fn nothing_and_comments_are_no_statements() {
    let folder = Folder::new();
    for input in ["", "\n\n", "-- nothing", "/* at\nall */;;\n", "\u{feff}"] {
        folder.pipe(&["--csv"], input).is(0, "").says("");
    }
    folder.pipe(&["--csv"], "\u{feff}SELECT 1 AS a;\r\nSELECT 2\r\nAS b;").is(0, "a\n1\nb\n2\n");
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    let folder = Folder::new();
    let ended = folder.pipe(&["--csv"], b"SELECT 1 AS a;\nSELECT '\xFF';\n");
    ended.is(1, "a\n1\n").says("error: cannot read standard input: line 2 is not UTF-8\n");
    let file = folder.file("f.sql", b"\n\xFF");
    let expected = format!("error: cannot read {}: line 2 is not UTF-8\n", text(&file));
    folder.run(&["-f", text(&file)]).is(1, "").says(&expected);
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let folder = Folder::new();
    for (scripts, code) in [
        (&["SELECT * FROM generate_series(1, 1000000)"][..], 0),
        (&["SELECT * FROM generate_series(1, 1000000)", "SELECT 1"], 1),
        (&["SELECT * FROM generate_series(1, 1000000); SELECT 1;"], 1),
    ] {
        for mode in ["--csv", "--json", "--jsonlines", "--line", "--box", "--markdown"] {
            let mut arguments = vec![mode];
            arguments.extend(scripts.iter().flat_map(|script| ["-c", *script]));
            let mut command = folder.command(&arguments);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert!(!line.is_empty());
            Ended::from(child.wait_with_output().unwrap()).is(code, "").says("");
        }
    }
    assert!(folder.temporary_files().is_empty());
}

#[test]
fn a_pipe_that_nobody_reads_ends_the_run() {
    let folder = Folder::new();
    let mut command = folder.command(&["--csv"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"SELECT 1;\n").unwrap();
    // Standard input stays open meanwhile.
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let folder = Folder::new();
    let Ok(full) = File::options().write(true).open("/dev/full") else { return };
    let mut command = folder.command(&["--csv", "-c", "SELECT 1"]);
    let output = command.stdin(Stdio::null()).stdout(full).output().unwrap();
    Ended::from(output).is(1, "").mentions("error: cannot write to standard output: No space");
}
