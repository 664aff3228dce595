//! The shell, in a terminal.

use crate::harness::Folder;
use crate::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

fn shell(folder: &Folder, columns: u16) -> Terminal {
    let mut terminal = Terminal::start(folder, columns, &["w"]);
    let banner = terminal.prompt();
    assert!(banner.contains("Starfact ") && banner.contains("warehouse w"), "{banner:?}");
    terminal
}

#[test]
fn statements_span_lines_and_ctrl_d_leaves() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 80);
    terminal.type_in("SELECT 40 +\r2 AS answer;\r");
    let screen = terminal.wait_for("(1 row)");
    assert!(screen.contains("42"), "{screen:?}");
    terminal.wait_for("time: ");
    terminal.type_in("SELECT nothing_there;\r");
    terminal.wait_for("nothing_there");
    terminal.wait_for("error:");
    terminal.prompt();
    terminal.type_in("exit_is_no_column\r;\r");
    terminal.wait_for("error:");
    terminal.prompt();
    terminal.type_in(CTRL_D);
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn ctrl_c_drops_the_line_or_the_query_but_not_the_shell() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 80);
    terminal.type_in("SELECT never_run");
    terminal.wait_for("never_run");
    terminal.type_in(CTRL_C);
    terminal.prompt();
    let endless = "SELECT sum(a.value * b.value % 7) FROM generate_series(1, 1000000) a, \
                   generate_series(1, 1000000) b, generate_series(1, 1000000) c;";
    terminal.type_in(&format!("{endless}\r"));
    // The line of progress tells that it runs.
    terminal.wait_for(" s ");
    terminal.type_in(CTRL_C);
    terminal.wait_for("the statement was cancelled");
    terminal.prompt();
    terminal.type_in("SELECT 41 + 2 AS after;\r");
    terminal.wait_for("43");
    terminal.prompt();
    terminal.type_in(".quit\r");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn what_is_typed_ahead_is_kept() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 80);
    terminal.type_in("SELECT count(*) AS n FROM generate_series(1, 3000000);\r");
    terminal.wait_for("3000000);");
    terminal.type_in("SELECT 40 +\r2 AS answer;\r.print almost\r\x04");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0);
    for text in ["3000000", "42", "\nalmost\r\n"] {
        assert!(screen.contains(text), "{text:?} is not in {screen:?}");
    }
}

#[test]
fn long_and_wide_results_fit_the_screen() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 60);
    terminal.type_in("SELECT * FROM generate_series(1, 200);\r");
    terminal.wait_for("(200 rows, 40 shown)");
    terminal.prompt();
    let columns: Vec<String> = (0..30).map(|place| format!("{place} AS column_{place}")).collect();
    terminal.type_in(&format!("SELECT {};\r", columns.join(", ")));
    let screen = terminal.wait_for("30 columns, ");
    assert!(screen.contains('…'), "{screen:?}");
    terminal.prompt();
    terminal.type_in(CTRL_D);
    terminal.end();
}

#[test]
fn names_are_completed() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 80);
    terminal.type_in("CREATE TABLE measurements (temperature INTEGER);\r");
    terminal.wait_for("CREATE TABLE\r\n");
    terminal.prompt();
    terminal.type_in("INSERT INTO meas\t VALUES (17);\r");
    terminal.wait_for("INSERT 1");
    terminal.prompt();
    terminal.type_in("SELECT temp\t * 2 AS double FROM measurements;\r");
    terminal.wait_for("34");
    terminal.prompt();
    terminal.type_in("SELECT 1 FROM measurements WHERE temp\t = 17;\r");
    terminal.wait_for("(1 row)");
    terminal.prompt();
    terminal.type_in(".tab\t\r");
    terminal.wait_for("\nmeasurements\r\n");
    terminal.type_in(CTRL_D);
    terminal.end();
}

#[test]
fn history_outlives_the_shell() {
    let folder = Folder::new();
    let mut terminal = shell(&folder, 80);
    terminal.type_in("SELECT 'remember\rme' AS a;\r");
    terminal.wait_for("(1 row)");
    terminal.prompt();
    terminal.type_in(CTRL_D);
    terminal.end();
    let history = folder.path("home/.local/state/starfact/history");
    assert!(std::fs::read_to_string(history).unwrap().contains("remember"));
    let mut terminal = shell(&folder, 80);
    // Arrow up, Enter.
    terminal.type_in("\x1b[A\r");
    let screen = terminal.wait_for("(1 row)");
    assert!(screen.contains("remember\\nme"), "{screen:?}");
    terminal.type_in(CTRL_D);
    terminal.end();
}

#[test]
fn a_termination_gives_the_terminal_back() {
    let folder = Folder::new();
    let mut terminal = Terminal::start(&folder, 80, &[]);
    terminal.prompt();
    assert_eq!(folder.temporary_files().len(), 1);
    let id = i32::try_from(terminal.child.id()).unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let (code, screen) = terminal.end();
    assert_eq!(code, 143);
    assert!(screen.contains("\x1b[?2004l"), "{screen:?}");
    assert!(folder.temporary_files().is_empty());
}

#[test]
fn a_dumb_terminal_echoes_gathers_lines_and_gets_no_escape_sequence() {
    let folder = Folder::new();
    let mut terminal = Terminal::start_named(&folder, 80, &["w"], "dumb");
    terminal.wait_for("starfact> ");
    terminal.type_in("SELECT 40 +\r2 AS answer;\r");
    let screen = terminal.wait_for("(1 row)");
    assert!(screen.contains("2 AS answer;") && screen.contains("42"), "{screen:?}");
    terminal.type_in("SELECT nothing_there;\r");
    let errors = terminal.wait_for("error:");
    terminal.wait_for("starfact> ");
    terminal.type_in(CTRL_D);
    let (code, rest) = terminal.end();
    assert_eq!(code, 0);
    assert!(!(screen + &errors + &rest).contains('\x1b'));
}
