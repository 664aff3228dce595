//! What the command line means.

use super::*;

fn parsed(line: &[&str]) -> Result<Invocation, clap::Error> {
    parse(line.iter().map(OsString::from))
}

fn run(line: &[&str]) -> RunOptions {
    match parsed(line) {
        Ok(Invocation::Run(options)) => *options,
        other => panic!("{line:?} gave {other:?}"),
    }
}

fn refused(line: &[&str]) -> String {
    let error = parsed(line).expect_err("a usage error");
    assert_eq!(error.exit_code(), 2, "{line:?}");
    describe(&error)
}

fn text(sql: &str) -> Script {
    Script::Text(sql.into())
}

#[test]
fn the_grammar_is_sound() {
    CommandLine::command().debug_assert();
}

#[test]
fn the_first_positional_is_the_warehouse_and_the_rest_is_sql() {
    let options = run(&["sales", "select 1", "--csv", "select 2"]);
    assert_eq!(options.warehouse, Some("sales".into()));
    assert_eq!(options.scripts, [text("select 1"), text("select 2")]);
    assert_eq!(options.mode, Some(Mode::Csv));
}

#[test]
fn memory_and_nothing_are_temporary() {
    assert_eq!(run(&[]).warehouse, None);
    assert_eq!(run(&[":memory:", "select 1"]).warehouse, None);
    assert_eq!(run(&[":memory:", "select 1"]).scripts, [text("select 1")]);
}

#[test]
fn commands_and_files_keep_their_order() {
    let options = run(&["-c", "a", "-f", "b.sql", "--command=-- c", "w", "d", "--file", "-"]);
    let file = |name: &str| Script::File(name.into());
    assert_eq!(options.scripts, [text("a"), file("b.sql"), text("-- c"), file("-"), text("d")]);
}

#[test]
fn subcommands_win_wherever_options_stand() {
    for line in [
        &["import", "w", "t", "a.csv", "--threads", "2"][..],
        &["--threads", "2", "import", "w", "t", "a.csv"],
        &["--threads=2", "import", "w", "t", "a.csv"],
    ] {
        match parsed(line) {
            Ok(Invocation::Import(import)) => {
                assert_eq!(import.resources.threads, Some(2), "{line:?}");
                assert_eq!(import.table, "t");
            }
            other => panic!("{line:?} gave {other:?}"),
        }
    }
    assert_eq!(run(&["./import"]).warehouse, Some("./import".into()));
    assert_eq!(run(&["w", "import"]).scripts, [text("import")]);
    assert_eq!(run(&["-c", "import"]).scripts, [text("import")]);
    assert_eq!(run(&["help"]).warehouse, Some("help".into()));
}

#[test]
fn the_arguments_of_a_benchmark() {
    let bench = |line: &[&str]| match parsed(line) {
        Ok(Invocation::Bench(bench)) => bench,
        other => panic!("{line:?} gave {other:?}"),
    };
    let line = ["bench", "ssb", "--sf", "0.01", "--warehouse", "w", "--runs", "3", "--json", "j"];
    let options = bench(&line);
    assert_eq!((options.scale.as_f64(), options.runs), (0.01, 3));
    assert_eq!((options.warehouse, options.json), (Some("w".into()), Some("j".into())));
    let options = bench(&["bench", "ssb", "--generate-only", "--out", "d", "--threads", "2"]);
    assert_eq!((options.out, options.resources.threads), (Some("d".into()), Some(2)));
    let options = bench(&["bench", "tpch", "--sf", "0.1"]);
    assert_eq!(options.workload, Workload::Tpch);
    assert!(options.queries.is_empty());
    let options = bench(&["bench", "tpch", "--queries", "O1,O2", "--queries", "own"]);
    assert_eq!(options.queries, ["O1", "O2", "own"]);
    for line in [
        &["bench"][..],
        &["bench", "tpcds"],
        &["bench", "ssb", "--sf", "-1"],
        &["bench", "ssb", "--sf", "much"],
        &["bench", "ssb", "--runs", "0"],
        &["bench", "ssb", "--generate-only"],
        &["bench", "ssb", "--out", "d"],
        &["bench", "ssb", "--generate-only", "--out", "d", "--warehouse", "w"],
        &["bench", "tpch", "--generate-only", "--out", "d", "--queries", "own"],
    ] {
        let message = refused(line);
        assert!(message.starts_with("error: ") && message.contains("\nhint: "), "{message}");
    }
}

#[test]
fn directories_with_the_names_of_commands_are_written_with_a_dot() {
    for word in ["check", "backup", "bench", "import", "export"] {
        assert!(!matches!(parse([word, "w", "x"].map(Into::into)), Ok(Invocation::Run(_))));
        assert_eq!(run(&[&format!("./{word}")]).scripts, []);
    }
    assert!(refused(&["check"]).contains("<WAREHOUSE>"));
    assert!(refused(&["backup", "w"]).contains("<DIR>"));
}

#[test]
fn the_last_mode_wins_and_single_dashes_are_understood() {
    assert_eq!(run(&["--json", "--mode", "csv"]).mode, Some(Mode::Csv));
    assert_eq!(run(&["--mode", "csv", "-jsonlines"]).mode, Some(Mode::JsonLines));
    for name in ["box", "table", "csv", "tsv", "json", "jsonlines", "markdown", "line"] {
        assert_eq!(run(&[&format!("--{name}")]).mode.map(Mode::name), Some(name));
        assert_eq!(run(&["--mode", name]).mode.map(Mode::name), Some(name));
    }
    assert!(run(&["-readonly", "w"]).read_only);
    assert_eq!(run(&["--null", "-csv"]).null.as_deref(), Some("-csv"));
    assert_eq!(run(&["-c", "--csv"]).mode, None);
    assert!(refused(&["--mode", "xml"]).contains("xml"));
}

#[test]
fn bail_and_no_bail_override_each_other() {
    assert_eq!(run(&[]).bail, None);
    assert_eq!(run(&["--bail", "--no-bail"]).bail, Some(false));
    assert_eq!(run(&["--no-bail", "--bail"]).bail, Some(true));
}

#[test]
fn settings_resources_and_header() {
    let line = ["--set", "a.b=c=d", "--set", "x=", "--wait", "0.5", "--memory-limit", "1KiB"];
    let options = run(&line);
    assert_eq!(options.resources.set, [("a.b".into(), "c=d".into()), ("x".into(), String::new())]);
    assert_eq!(options.resources.wait, Duration::from_millis(500));
    assert_eq!(options.resources.memory_limit, Some(1024));
    assert!(options.header && !run(&["--no-header"]).header);
    for line in [
        ["--set", "x"],
        ["--set", "a b=1"],
        ["--wait", "-1"],
        ["--wait", "soon"],
        ["--threads", "0"],
        ["--memory-limit", "lots"],
        ["--threads", "-1"],
        ["--memory-limit", "-1GB"],
    ] {
        let message = refused(&line);
        assert!(message.starts_with("error: ") && message.contains("\nhint: "), "{message}");
    }
}

#[test]
fn commands_take_the_options_that_make_sense() {
    match parsed(&["export", "w", "t", "f.csv", "--readonly", "--set", "a=1", "--wait", "2"]) {
        Ok(Invocation::Export(options)) => {
            assert_eq!(options.resources.set, [("a".into(), "1".into())]);
        }
        other => panic!("{other:?}"),
    }
    match parsed(&["bench", "ssb", "--warehouse", "w", "--readonly", "--set", "a=1"]) {
        Ok(Invocation::Bench(options)) => assert!(options.readonly),
        other => panic!("{other:?}"),
    }
    assert!(refused(&["import", "w", "t", "f.csv", "--readonly"]).contains("--readonly"));
    assert!(refused(&["bench", "ssb", "--readonly"]).contains("--warehouse"));
    assert!(refused(&["--threads", "-1"]).contains("from 1 to 1024"));
}

#[test]
fn init_files() {
    assert_eq!(run(&[]).init, Init::Default);
    assert_eq!(run(&["--no-init"]).init, Init::Nothing);
    assert_eq!(run(&["--init", "i.sql"]).init, Init::File("i.sql".into()));
    refused(&["--init", "i.sql", "--no-init"]);
}

#[test]
fn sql_may_stand_in_the_place_of_the_warehouse() {
    let options = run(&["FROM 'a.csv'", "SELECT 1"]);
    assert_eq!(
        (options.warehouse, options.scripts),
        (None, vec![text("FROM 'a.csv'"), text("SELECT 1")])
    );
    assert_eq!(run(&["selection"]).warehouse, Some("selection".into()));
    assert_eq!(run(&["values"]).warehouse, Some("values".into()));
    for name in ["updates", "sales", "set", "./selct", "data/selct", "größe", "a-b_c.d"] {
        assert_eq!(run(&[name]).warehouse, Some(name.into()), "{name}");
    }
    for word in ["select", "selct", "SELCET", "1+1", "a=1", "no such", ".tables", "\\d"] {
        let message = refused(&[word]);
        assert!(message.contains("./") && message.contains("hint: "), "{message}");
    }
    assert!(refused(&["selct"]).contains("it reads like SELECT"));
    assert_eq!(run(&["selct", "SELECT 1"]).warehouse, Some("selct".into()));
    assert!(refused(&[""]).contains("empty"));
}

#[test]
fn errors_have_the_form_of_all_errors() {
    let message = refused(&["--jsno"]);
    assert!(message.starts_with("error: unexpected argument '--jsno'"), "{message}");
    assert!(message.contains("\nhint: "), "{message}");
    assert!(!message.contains("Usage"), "{message}");
}

#[test]
fn help_names_every_mode_and_exit_code_and_only_what_exists() {
    let help = parsed(&["--help"]).expect_err("help").render().to_string();
    for word in [
        "--jsonlines",
        "--no-bail",
        "import",
        "export",
        "bench ssb",
        "check",
        "backup",
        "130",
        ":memory:",
        "Examples:",
    ] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
}
