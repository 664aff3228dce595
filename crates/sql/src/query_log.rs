//! The last statements: how long they took, and what became of the rows that they looked at.
//!
//! Each statement has an entry from its beginning on, which the view `sys.query_log` shows. When
//! its last row has been read, the entry gets the ledger: for each operator of ours how many
//! segments, blocks, rows and bytes it read, what each filter took out, in the order in which they
//! were asked, and how long it worked; then why joins are no star blocks. It lives in memory, as
//! long as the warehouse is open.

use crate::cube::used_cube;
use crate::error::{Error, ErrorKind};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricsSet;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Statements that are kept; the oldest goes first.
const ENTRIES_MAX: usize = 1_000;
/// Characters that are kept of a statement.
const TEXT_MAX: usize = 4_096;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct QueryLog {
    entries: Mutex<VecDeque<Arc<Entry>>>,
    next: AtomicU64,
    pace: Arc<Mutex<Pace>>,
}

/// How long statements have taken that are done.
#[derive(Debug, Default)]
struct Pace {
    /// Rows that were read of tables, and the nanoseconds of the statements that read them.
    rows: u64,
    nanos: u64,
    /// Nanoseconds of the statements that each cube has answered.
    cubes: HashMap<String, u64>,
}

/// Rows that have to be read before it is known how long one takes.
const PACE_ROWS_MIN: u64 = 1_000_000;
/// Nanoseconds that a row is taken for until then.
const ROW_NANOS: f64 = 1.0;

/// What is known of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) id: u64,
    pub(crate) started: SystemTime,
    pub(crate) text: String,
    pub(crate) status: Status,
    /// Until now, if it is still running.
    pub(crate) duration: Duration,
    pub(crate) rows: u64,
    pub(crate) error: Option<String>,
    pub(crate) ledger: Option<String>,
}

/// How far a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Done,
    Failed,
    Cancelled,
    /// Nobody wanted the rest of its rows.
    Dropped,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dropped => "dropped",
        })
    }
}

/// An entry of the log.
struct Entry {
    begun: Instant,
    state: Mutex<State>,
    pace: Arc<Mutex<Pace>>,
}

struct State {
    logged: Logged,
    plan: Option<(Arc<dyn ExecutionPlan>, Vec<String>)>,
    /// What there is to tell when somebody asks.
    ledger: Option<Ledger>,
}

/// What the operators of ours counted, and the notes of the planner.
struct Ledger {
    operators: Vec<(String, MetricsSet)>,
    notes: Vec<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Entry").field("logged", &self.lock().logged).finish_non_exhaustive()
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl QueryLog {
    /// Begins the entry of a statement.
    pub(crate) fn begin(&self, text: &str) -> Running {
        let text = match text.char_indices().nth(TEXT_MAX) {
            Some((end, _)) => text.get(..end).unwrap_or_default(),
            None => text,
        };
        let logged = Logged {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            started: SystemTime::now(),
            text: text.trim().to_owned(),
            status: Status::Running,
            duration: Duration::ZERO,
            rows: 0,
            error: None,
            ledger: None,
        };
        let state = Mutex::new(State { logged, plan: None, ledger: None });
        let pace = Arc::clone(&self.pace);
        let entry = Arc::new(Entry { begun: Instant::now(), state, pace });
        let mut entries = self.lock();
        if entries.len() >= ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(Arc::clone(&entry));
        Running(entry)
    }

    /// About how many milliseconds less `hits` answers of a cube have taken than reading all of
    /// `rows` for each would have: by what rows have taken so far.
    pub(crate) fn saved_millis(&self, cube: &str, hits: u64, rows: u64) -> u64 {
        let pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let of_row = match pace.rows {
            PACE_ROWS_MIN.. => pace.nanos as f64 / pace.rows as f64,
            _ => ROW_NANOS,
        };
        let taken = pace.cubes.get(cube).copied().unwrap_or_default() as f64;
        ((hits as f64 * rows as f64 * of_row - taken) / 1e6) as u64
    }

    /// All entries, the oldest first.
    pub(crate) fn all(&self) -> Vec<Logged> {
        let entries: Vec<Arc<Entry>> = self.lock().iter().cloned().collect();
        let logged = entries.iter().map(|entry| {
            let state = entry.lock();
            let mut logged = state.logged.clone();
            logged.ledger = state.ledger.as_ref().and_then(Ledger::text);
            if logged.status == Status::Running {
                logged.duration = entry.begun.elapsed();
            }
            logged
        });
        logged.collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry of a statement that is running.
#[derive(Clone, Debug)]
pub(crate) struct Running(Arc<Entry>);

impl Running {
    /// The statement is executed by a plan.
    pub(crate) fn plan(&self, plan: &Arc<dyn ExecutionPlan>, notes: Vec<String>) {
        self.0.lock().plan = Some((Arc::clone(plan), notes));
    }

    /// More rows were given out.
    pub(crate) fn add_rows(&self, rows: u64) {
        self.0.lock().logged.rows += rows;
    }

    /// The statement is over; what is said later of it counts for nothing.
    pub(crate) fn end(&self, result: Result<Status, &Error>) {
        let duration = self.0.begun.elapsed();
        let mut state = self.0.lock();
        if state.logged.status != Status::Running {
            return;
        }
        // The plan goes, and with it the files that it holds.
        state.ledger = state.plan.take().map(|(plan, notes)| Ledger::new(&plan, notes));
        if let (Some(ledger), Ok(Status::Done)) = (&state.ledger, &result) {
            let mut pace = self.0.pace.lock().unwrap_or_else(PoisonError::into_inner);
            pace.note(ledger, duration);
        }
        let logged = &mut state.logged;
        logged.duration = duration;
        (logged.status, logged.error) = match result {
            Ok(status) => (status, None),
            Err(error) if error.kind == ErrorKind::Interrupted => (Status::Cancelled, None),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
    }
}

impl Pace {
    fn note(&mut self, ledger: &Ledger, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let used: Vec<&str> = ledger.notes.iter().filter_map(|note| used_cube(note)).collect();
        for cube in &used {
            *self.cubes.entry((*cube).to_owned()).or_default() += nanos / used.len() as u64;
        }
        let rows = ledger.rows_read();
        if used.is_empty() && rows > 0 {
            self.rows += rows;
            self.nanos += nanos;
        }
    }
}

impl Ledger {
    /// Rows of tables that were looked at.
    fn rows_read(&self) -> u64 {
        let all = self.operators.iter().flat_map(|(_, metrics)| metrics.iter());
        let read = all.map(|metric| metric.value());
        let read = read.filter(|value| value.name().ends_with("rows_read"));
        read.map(|value| value.as_usize() as u64).sum()
    }

    fn new(plan: &Arc<dyn ExecutionPlan>, notes: Vec<String>) -> Self {
        let mut operators = Vec::new();
        add_operators(plan, &mut operators);
        Self { operators, notes }
    }

    /// A line for each operator and each note; `None` if there is none.
    fn text(&self) -> Option<String> {
        let operators = self.operators.iter().map(|(name, metrics)| {
            let metrics = metrics.aggregate_by_name().sorted_for_display().timestamps_removed();
            format!("{name}: {metrics}")
        });
        let lines: Vec<String> = operators.chain(self.notes.iter().cloned()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn add_operators(plan: &Arc<dyn ExecutionPlan>, operators: &mut Vec<(String, MetricsSet)>) {
    if let Some(metrics) = plan.metrics().filter(|_| plan.name().starts_with("Starfact")) {
        operators.push((plan.name().to_owned(), metrics));
    }
    for child in plan.children() {
        add_operators(child, operators);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_statements_are_kept_with_how_they_ended() {
        let log = QueryLog::default();
        for number in 0..ENTRIES_MAX + 5 {
            let running = log.begin(&format!(" SELECT {number} "));
            running.add_rows(2);
            running.add_rows(1);
            match number % 3 {
                0 => running.end(Ok(Status::Done)),
                1 => running.end(Err(&Error::sql("no such thing"))),
                _ => running.end(Err(&Error::interrupted())),
            }
            running.end(Ok(Status::Dropped));
        }
        let all = log.all();
        assert_eq!((all.len(), all[0].id), (ENTRIES_MAX, 6));
        assert_eq!(
            (all[1].text.as_str(), all[1].status, all[1].rows),
            ("SELECT 6", Status::Done, 3)
        );
        assert_eq!(all[2].error.as_deref(), Some("no such thing"));
        assert_eq!((all[3].status, &all[3].error), (Status::Cancelled, &None));
    }

    #[test]
    fn what_cubes_save_is_counted_by_the_pace_of_tables() {
        let log = QueryLog::default();
        let ledger = |note: &str| Ledger { operators: Vec::new(), notes: vec![note.to_owned()] };
        assert_eq!(log.saved_millis("c", 3, 2_000_000), 6);
        log.pace.lock().unwrap().note(&ledger("cube c: used"), Duration::from_millis(4));
        log.pace.lock().unwrap().note(&ledger("cube d: cost"), Duration::from_millis(4));
        assert_eq!(log.saved_millis("c", 3, 2_000_000), 2);
        assert_eq!(log.saved_millis("c", 1, 2_000_000), 0);
        (log.pace.lock().unwrap().rows, log.pace.lock().unwrap().nanos) = (2_000_000, 20_000_000);
        assert_eq!(log.saved_millis("c", 3, 2_000_000), 56);
    }

    #[test]
    fn long_statements_are_cut_between_characters() {
        let log = QueryLog::default();
        log.begin(&"é".repeat(TEXT_MAX + 7));
        let all = log.all();
        assert_eq!((all[0].text.chars().count(), all[0].status), (TEXT_MAX, Status::Running));
    }
}
