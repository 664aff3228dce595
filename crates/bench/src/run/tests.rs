//! Tests of the whole benchmark, small.

use super::*;
use crate::ssb::{Generator, queries, tables};
use crate::tpch;
use std::cell::RefCell;

fn options(warehouse: Option<&Path>) -> Options {
    Options {
        warehouse: warehouse.map(Path::to_owned),
        queries: Vec::new(),
        runs: 2,
        threads: Some(2),
        memory_limit: None,
        wait: Duration::ZERO,
        read_only: false,
        cubes: false,
        settings: Vec::new(),
    }
}

fn ssb(scale: &str) -> Generator {
    Generator::new(scale.parse().unwrap())
}

fn finished<W: Workload>(workload: &W, options: &Options) -> Report {
    run(workload, options, &Cancel::default(), &|_| {}).unwrap()
}

fn refused(workload: &Generator, options: &Options) -> String {
    run(workload, options, &Cancel::default(), &|_| {}).unwrap_err().to_string()
}

fn assert_right(report: &Report) {
    for query in &report.queries {
        assert_eq!(query.mismatch, None, "{}", query.name);
        assert!(query.verified && query.runs_ms.len() == 2, "{query:?}");
    }
    assert!(report.is_verified());
}

#[test]
fn thirteen_right_answers_from_nothing_and_again_from_the_same_warehouse() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = folder.path().join("warehouse");
    let (generator, options) = (ssb("0.01"), options(Some(&warehouse)));
    let report = finished(&generator, &options);
    assert_right(&report);
    let names: Vec<&str> = report.queries.iter().map(|query| query.name).collect();
    assert_eq!(names, queries().iter().map(|query| query.name).collect::<Vec<_>>());
    assert!(report.queries.iter().all(|query| query.rows > 0), "a query without rows");
    assert_eq!(report.verified_against, VerifiedAgainst::StoredAnswers);
    let rows: u64 = tables().iter().map(|table| generator.row_count(*table)).sum();
    assert_eq!(report.load.rows, rows);
    assert!(report.load.tables.iter().all(|table| !table.reused));
    assert_eq!((report.sf, report.threads, report.workload), (0.01, 2, "ssb"));
    assert_eq!(report.bytes, folder_bytes(&warehouse).unwrap());

    let again = finished(&generator, &options);
    assert_right(&again);
    assert!(again.load.is_reused(), "{:?}", again.load);
    assert_eq!((again.load.rows, again.load.rows_per_second), (0, None));
}

#[test]
fn without_stored_answers_stock_datafusion_gives_the_right_ones() {
    let report = finished(&ssb("0.003"), &options(None));
    assert_right(&report);
    assert_eq!(report.verified_against, VerifiedAgainst::DataFusion);
}

#[test]
fn all_queries_of_tpch_give_the_answers_of_stock_datafusion() {
    let generator = tpch::Generator::new("0.01".parse().unwrap()).unwrap();
    let report = finished(&generator, &options(None));
    assert_right(&report);
    assert_eq!((report.workload, report.queries.len()), ("tpch", 22));
    assert_eq!(report.verified_against, VerifiedAgainst::DataFusion);
    let rows: u64 = tpch::tables().iter().map(|table| generator.row_count(*table)).sum();
    assert_eq!(report.load.rows, rows);
}

#[test]
fn all_queries_of_our_own_give_the_answers_of_stock_datafusion() {
    let generator = tpch::Generator::new("0.01".parse().unwrap()).unwrap();
    let own = Options { queries: vec!["own".into()], ..options(None) };
    let report = finished(&generator, &own);
    assert_right(&report);
    let names: Vec<&str> = report.queries.iter().map(|query| query.name).collect();
    assert_eq!(
        names,
        tpch::Generator::own_queries().iter().map(|query| query.name).collect::<Vec<_>>()
    );
    assert!(report.queries.iter().all(|query| query.rows > 0), "a query without rows");
    assert_eq!(report.verified_against, VerifiedAgainst::DataFusion);
}

#[test]
fn only_the_queries_that_are_named_run_and_are_verified_by_what_is_stored_for_them() {
    let named = |name: &str| Options { queries: vec![name.into()], ..options(None) };
    let report = finished(&ssb("0.01"), &named("Q3.2"));
    assert_right(&report);
    assert_eq!((report.queries.len(), report.queries[0].name), (1, "Q3.2"));
    assert_eq!(report.verified_against, VerifiedAgainst::StoredAnswers);
    let message = refused(&ssb("0.01"), &named("Q5.1"));
    assert!(message.contains("ssb has no query \"Q5.1\""), "{message}");
}

#[test]
fn an_interrupted_load_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (generator, options) = (ssb("0.002"), options(Some(folder.path())));
    let cancel = Cancel::default();
    let listener = |event: &Event| {
        if matches!(event, Event::Loaded { table: "part", .. }) {
            cancel.cancel();
        }
    };
    let outcome = run(&generator, &options, &cancel, &listener);
    assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
    let report = finished(&generator, &options);
    assert_right(&report);
    let reused: Vec<&str> =
        report.load.tables.iter().filter(|table| table.reused).map(|table| table.table).collect();
    assert_eq!(reused, ["customer", "supplier"]);
}

#[test]
fn queries_are_cancelled_too() {
    let cancel = Cancel::default();
    let seen = RefCell::new(Vec::new());
    let listener = |event: &Event| {
        if let Event::Running { query, run, .. } = event {
            seen.borrow_mut().push((*query, *run));
            if (*query, *run) == ("Q1.2", 1) {
                cancel.cancel();
            }
        }
    };
    let outcome = run(&ssb("0.001"), &options(None), &cancel, &listener);
    assert!(matches!(outcome, Err(Error::Interrupted)), "{outcome:?}");
    let runs = [("Q1.1", 0), ("Q1.1", 1), ("Q1.1", 2), ("Q1.2", 0), ("Q1.2", 1)];
    assert_eq!(*seen.borrow(), runs);
}

#[test]
fn tables_of_another_scale_or_shape_are_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let warehouse = folder.path().join("warehouse");
    finished(&ssb("0.001"), &options(Some(&warehouse)));
    let message = refused(&ssb("0.002"), &options(Some(&warehouse)));
    assert!(message.contains("\"customer\"") && message.contains("30 rows, not 60"), "{message}");
    assert!(message.contains("Name another directory"), "{message}");
    assert!(message.contains("DROP TABLE \"lineorder\"; DROP TABLE \"date\";"), "{message}");

    let warehouse = folder.path().join("other");
    let open = OpenOptions { path: Some(warehouse.clone()), ..OpenOptions::default() };
    let session = Warehouse::open(open).unwrap().session();
    drop(session.execute("CREATE TABLE part (p_partkey INTEGER, name VARCHAR)").unwrap());
    drop(session);
    let message = refused(&ssb("0.001"), &options(Some(&warehouse)));
    assert!(message.contains("\"part\"") && message.contains("has other columns"), "{message}");
}

#[test]
fn a_warehouse_that_cannot_be_opened_is_an_error_of_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no warehouse").unwrap();
    let outcome = run(&ssb("0.001"), &options(Some(&file)), &Cancel::default(), &|_| {});
    match outcome {
        Err(Error::Engine { source, .. }) => {
            assert_eq!(source.kind, starfact::ErrorKind::CannotOpen);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wrong_answer_and_an_unsteady_one_are_reported() {
    let right = Answer::parse("revenue\n1\n");
    let measured = |answer: &str, unsteady: Option<&str>| Measured {
        query: &queries()[0],
        answer: Answer::parse(answer),
        unsteady: unsteady.map(String::from),
        runs_ms: vec![1.0],
    };
    assert!(measured("revenue\n1\n", None).report(&right).verified);
    let wrong = measured("revenue\n2\n", None).report(&right);
    assert!(!wrong.verified && wrong.mismatch.unwrap().contains("missing row (1)"));
    let unsteady = measured("revenue\n1\n", Some("run 2 differs")).report(&right);
    assert!(!unsteady.verified && unsteady.mismatch.unwrap().contains("run 2"));
}
