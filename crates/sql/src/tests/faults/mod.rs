//! Whatever operation of the disk fails, during whatever statement, and however: what was
//! acknowledged is there when the warehouse is opened again, and nothing else but, perhaps, the
//! statement that was on its way.
//!
//! ```text
//!  chapter 1 ─► chapter 2 ─► …      without faults: the contents after each statement, and how
//!      │             │              many operations there are
//!      ▼             ▼
//!  once for each operation and each way to fail: statements up to the one that fails
//!      └─► a query and an INSERT, which work or say why not
//!           └─► the process ends, or the power is cut ─► `survivors` looks at what is left
//! ```
//!
//! One thread does everything and nothing is merged in the background, so that operations come in
//! the same order each time. A run of all tests takes a part of the cases, those of another part of
//! the operations for each way to fail; with the variable STARFACT_ALL_FAULTS it takes all.

mod chapters;
mod contents;
mod survivors;

use super::execute;
use crate::settings::DEFAULT_RETENTION;
use crate::{Error, ErrorKind, OpenOptions, Session, Warehouse};
use contents::{Contents, contents, probes};
use starfact_store::{OpenMode, Store};
use starfact_vfs::{Fault, FaultDir, FaultMode, MemDir};
use std::io::ErrorKind as Cause;
use std::sync::Arc;
use std::time::Duration;
use survivors::{Expected, check_survivor};

/// The ways to fail.
const WAYS: [(FaultMode, Cause); 6] = [
    (FaultMode::Fail, Cause::Other),
    (FaultMode::Fail, Cause::StorageFull),
    (FaultMode::Tear, Cause::Other),
    (FaultMode::Tear, Cause::StorageFull),
    (FaultMode::Freeze, Cause::Other),
    (FaultMode::TearAndFreeze, Cause::StorageFull),
];

/// Of how many operations one is taken, unless all are.
const STRIDE: u64 = 43;
/// The same for statements that take longer.
const LONG_STRIDE: u64 = 151;

/// A table beside the chapters, for statements after the fault.
const PROBE: &str = "CREATE TABLE probe (n INTEGER PRIMARY KEY)";

/// Failures that are shown.
const SHOWN_MAX: usize = 10;

/// An error as a text that says where it happened.
type Outcome<T = ()> = Result<T, String>;

fn open(dir: Arc<dyn starfact_vfs::Dir>) -> crate::Result<Warehouse> {
    let mode = OpenMode::ReadWrite { wait: Duration::ZERO };
    let store = Store::open_keeping(dir, mode, DEFAULT_RETENTION)?;
    let options =
        OpenOptions { threads: Some(1), memory_limit: Some(64_000_000), ..OpenOptions::default() };
    Warehouse::of_store(store, &options)
}

/// Statements, and what they do when nothing fails.
struct Chapter {
    statements: Vec<String>,
    /// What was there before.
    base: MemDir,
    /// What is committed at the beginning and after each statement.
    states: Vec<Contents>,
    /// For each of these, the oldest that a power cut may leave.
    durable: Vec<usize>,
    operations: u64,
}

impl Chapter {
    /// Runs the statements on what `base` has, and returns what is there afterwards, too.
    fn new(base: MemDir, statements: Vec<String>) -> (Self, MemDir) {
        let dir = base.crash();
        let counter = FaultDir::new(Arc::new(dir.clone()), None);
        let warehouse = open(Arc::new(counter.clone())).unwrap();
        let session = warehouse.session();
        let mut states = vec![contents(&warehouse).unwrap()];
        let (mut durable, mut is_async) = (vec![0], false);
        for sql in &statements {
            if let Err(error) = execute(&session, sql) {
                panic!("{sql}\n{error}");
            }
            states.push(contents(&warehouse).unwrap());
            is_async = if sql.starts_with("SET") { sql.contains("'async'") } else { is_async };
            let waits = !is_async || ["CREATE", "OPTIMIZE"].iter().any(|it| sql.starts_with(it));
            let is_new = states.last() != states.get(states.len() - 2);
            let is_durable = waits && (is_new || sql.starts_with("OPTIMIZE"));
            durable.push(if is_durable { states.len() - 1 } else { durable[durable.len() - 1] });
        }
        assert!(!session.is_in_transaction());
        drop((session, warehouse));
        let operations = counter.operations();
        let after = dir.crash();
        (Self { statements, base, states, durable, operations }, after)
    }

    /// Runs the statements with every fault of the sample, or with all.
    fn check(&self, stride: u64) {
        let is_whole = std::env::var_os("STARFACT_ALL_FAULTS").is_some();
        let (mut cases, mut failures) = (0, Vec::new());
        for (way, (mode, kind)) in WAYS.into_iter().enumerate() {
            for at in 0..self.operations {
                // Neighbours in the sample of one way are five apart in that of the next.
                if is_whole || (at + 5 * way as u64).is_multiple_of(stride) {
                    cases += 1;
                    let run = Run::new(self, Fault { at, mode, kind });
                    failures.extend(run.check().err().map(|text| format!("{run}: {text}")));
                }
            }
        }
        eprintln!("{cases} cases of {} operations", self.operations);
        let shown = failures.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join("\n\n");
        assert!(failures.is_empty(), "{} of {cases} cases fail\n{shown}", failures.len());
        assert!(cases > 0);
    }
}

/// One run of a chapter, with one fault.
struct Run<'a> {
    chapter: &'a Chapter,
    fault: Fault,
    /// The surviving directory.
    dir: MemDir,
    faulty: FaultDir,
}

impl std::fmt::Display for Run<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Fault { at, mode, kind } = self.fault;
        write!(out, "{mode:?} ({kind}) at {at} of {}", self.chapter.operations)
    }
}

impl<'a> Run<'a> {
    fn new(chapter: &'a Chapter, fault: Fault) -> Self {
        let dir = chapter.base.crash();
        let faulty = FaultDir::new(Arc::new(dir.clone()), Some(fault));
        Self { chapter, fault, dir, faulty }
    }

    fn is_crash(&self) -> bool {
        matches!(self.fault.mode, FaultMode::Freeze | FaultMode::TearAndFreeze)
    }

    fn check(&self) -> Outcome {
        let warehouse = match open(Arc::new(self.faulty.clone())) {
            Ok(warehouse) => warehouse,
            Err(error) => {
                self.check_error("opening", &error)?;
                return self.check_survivors(&Expected::begun(self.chapter), Vec::new());
            }
        };
        let session = warehouse.session();
        let expected = self.run(&warehouse, &session)?;
        // The power may be cut while the process is there.
        let mut cuts = vec![self.dir.crash()];
        cuts.extend((0..2).map(|seed| self.dir.crash_with_luck(self.fault.at * 2 + seed)));
        drop((session, warehouse));
        if !self.faulty.has_struck() {
            return Err("no such operation".into());
        }
        self.check_survivors(&expected, cuts)
    }

    /// Executes statements until one fails, and then a query and an INSERT.
    fn run(&self, warehouse: &Warehouse, session: &Session) -> Outcome<Expected<'a>> {
        let mut expected = Expected::begun(self.chapter);
        for (place, sql) in self.chapter.statements.iter().enumerate() {
            match execute(session, sql) {
                Ok(_) => expected.acknowledged = place + 1,
                Err(error) => {
                    self.check_error(sql, &error)?;
                    expected.may_be_next = self.is_crash() || is_unknown(&error);
                    break;
                }
            }
        }
        if session.is_in_transaction() {
            execute(session, "ROLLBACK").map_err(|error| format!("ROLLBACK: {error}"))?;
        }
        self.check_view(warehouse, session, &expected)?;
        self.probe(session, &mut expected)?;
        Ok(expected)
    }

    /// After a failure the process sees what it did before.
    fn check_view(
        &self,
        warehouse: &Warehouse,
        session: &Session,
        expected: &Expected<'_>,
    ) -> Outcome {
        let sql = "SELECT count(*) FROM probe";
        match (execute(session, sql), contents(warehouse)) {
            (Ok(_), Ok(found)) => {
                let known = &self.chapter.states[expected.acknowledged];
                let is_same = found == *known;
                is_same.then_some(()).ok_or_else(|| known.difference(&found))
            }
            (Err(error), _) if self.is_crash() => self.check_error(sql, &error),
            (Ok(_), Err(_)) if self.is_crash() => Ok(()),
            (Err(error), _) | (_, Err(error)) => Err(format!("{sql}: {error}")),
        }
    }

    /// An INSERT works, unless everything fails or the warehouse says that it takes no writes.
    fn probe(&self, session: &Session, expected: &mut Expected<'_>) -> Outcome {
        let sql = "INSERT INTO probe VALUES (1)";
        let has_struck = self.faulty.has_struck();
        let Err(error) = execute(session, sql) else {
            expected.is_probed = true;
            return Ok(());
        };
        self.check_error(sql, &error)?;
        let may_fail = match has_struck {
            true => self.is_crash() || is_unknown(&error) && expected.may_be_next,
            false => self.faulty.has_struck(),
        };
        expected.may_be_probed = !has_struck && (self.is_crash() || is_unknown(&error));
        may_fail.then_some(()).ok_or_else(|| format!("{sql}: {error}"))
    }

    /// An error is no panic, and says what has happened.
    fn check_error(&self, sql: &str, error: &Error) -> Outcome {
        let cause = match self.fault.kind {
            Cause::StorageFull => "disk is full",
            _ => "other error",
        };
        let is_clear = matches!(error.kind, ErrorKind::Sql | ErrorKind::CannotOpen)
            && error.message.contains(cause);
        // Space that is missing is no reason to stop, unless a sync has failed.
        let goes_on = self.fault.kind != Cause::StorageFull
            || self.is_crash()
            || !is_unknown(error)
            || error.message.contains("cannot sync");
        let is_right = is_clear && goes_on;
        is_right.then_some(()).ok_or_else(|| format!("{sql}: {:?} {error}", error.kind))
    }

    fn check_survivors(&self, expected: &Expected<'_>, mut cuts: Vec<MemDir>) -> Outcome {
        cuts.push(self.dir.crash());
        for (place, dir) in cuts.iter().enumerate() {
            check_survivor(dir, expected, true)
                .map_err(|text| format!("power cut {place}: {text}"))?;
        }
        check_survivor(&self.dir, expected, false).map_err(|text| format!("process: {text}"))
    }
}

/// Whether an error says that nobody knows what became of the statement.
fn is_unknown(error: &Error) -> bool {
    error.message.contains("it is not known whether")
}

/// Checks the chapter of this number.
fn check_chapter(number: usize) {
    let stride = if number == chapters::ALL.len() - 1 { LONG_STRIDE } else { STRIDE };
    let folder = tempfile::tempdir().unwrap();
    chapters::write_files(folder.path());
    let dir = MemDir::new();
    let warehouse = open(Arc::new(dir.clone())).unwrap();
    super::run(&warehouse.session(), &[PROBE]);
    drop(warehouse);
    let mut base = dir.crash();
    for statements in &chapters::ALL[..number] {
        base = Chapter::new(base, chapters::in_folder(statements, folder.path())).1;
    }
    let statements = chapters::in_folder(chapters::ALL[number], folder.path());
    Chapter::new(base, statements).0.check(stride);
}

#[test]
fn tables_are_made_and_filled() {
    check_chapter(0);
}

#[test]
fn rows_are_changed() {
    check_chapter(1);
}

#[test]
fn files_are_loaded() {
    check_chapter(2);
}

#[test]
fn transactions_are_kept_or_undone() {
    check_chapter(3);
}

#[test]
fn tables_are_altered() {
    check_chapter(4);
}

#[test]
fn space_is_freed() {
    check_chapter(5);
}

#[test]
fn nobody_waits_for_commits() {
    check_chapter(6);
}

#[test]
fn cubes_are_exact_or_as_they_were() {
    check_chapter(7);
}
