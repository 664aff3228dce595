//! The whole benchmark: load, run, verify.
//!
//! Each query runs once to warm up and then as often as asked, and every answer is kept. They are
//! compared with the right ones after the last query has run, so verification takes part neither
//! in the times nor in the peak of memory.

use crate::answer::Answer;
use crate::cubes;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::load::load;
use crate::parquet::write_parquet;
use crate::progress::{Cancel, Event, Listener};
use crate::reference::Reference;
use crate::report::{QueryReport, Report, VerifiedAgainst};
use crate::resources::{folder_bytes, peak_rss};
use crate::selection::selected;
use crate::workload::{Query, Workload};
use starfact::{OpenOptions, Warehouse};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How to run the benchmark.
#[derive(Clone, Debug)]
pub struct Options {
    /// The warehouse: reused if it has the tables already, otherwise loaded. `None` is a temporary
    /// one.
    pub warehouse: Option<PathBuf>,
    /// Names of the queries to run, and `own` for all of our own; none are those of the benchmark.
    pub queries: Vec<String>,
    /// Timed runs of each query, at least one; an untimed one goes before them.
    pub runs: usize,
    /// Threads of the warehouse and of the generator; by default one a core.
    pub threads: Option<usize>,
    /// Memory that queries and the load may take, in bytes; by default the warehouse's own limit.
    pub memory_limit: Option<u64>,
    /// How long to wait for another writer of the warehouse.
    pub wait: Duration,
    /// Whether the warehouse is only read; then it has to have the tables.
    pub read_only: bool,
    /// Whether the benchmark's cubes answer, too.
    pub cubes: bool,
    /// Settings of the session that loads and is timed, as name and value.
    pub settings: Vec<(String, String)>,
}

/// Runs a benchmark and reports what it found out, wrong answers included.
///
/// # Errors
/// What kept it from running to its end: a warehouse that cannot be opened or has other tables of
/// the same names, a query that there is not, a statement that fails, a file that cannot be
/// written, [`Error::Interrupted`].
pub fn run<W: Workload>(
    workload: &W,
    options: &Options,
    cancel: &Cancel,
    listener: Listener<'_>,
) -> Result<Report> {
    let queries = selected::<W>(&options.queries)?;
    if options.cubes {
        cubes::check::<W>()?;
    }
    let threads = options.threads.unwrap_or_else(available_threads).max(1);
    let folder = Folder::new(options.warehouse.as_deref())?;
    let warehouse = open(folder.path(), options, threads)?;
    let engine = Engine::new(warehouse.session(), cancel);
    for (name, value) in &options.settings {
        let value = value.replace('\'', "''");
        engine.execute(&format!("setting {name}"), &format!("SET {name} = '{value}'"))?;
    }
    let load = load(&engine, workload, threads, listener)?;
    let measure = |query| Measured::new(query, &engine, options.runs.max(1), listener);
    let measure_all = || queries.iter().copied().map(measure).collect::<Result<Vec<_>>>();
    let (mut measured, mut without, mut made) = (Vec::new(), Vec::new(), None);
    if options.cubes {
        engine.execute("switching cubes off", "SET starfact.use_cubes = off")?;
        without = measure_all()?;
        engine.execute("switching cubes on", "SET starfact.use_cubes = on")?;
        made = Some(cubes::create::<W>(&engine)?);
    }
    measured.extend(measure_all()?);
    let (peak_rss, bytes) = (peak_rss(), folder_bytes(folder.path())?);
    let right = RightAnswers::new(workload, &queries, threads, cancel, listener)?;
    let report = |measured: Measured| {
        listener(&Event::Verifying { query: measured.query.name });
        let expected = right.answer(measured.query, cancel)?;
        Ok(measured.report(&expected))
    };
    let mut reports = measured.into_iter().map(report).collect::<Result<Vec<_>>>()?;
    if options.cubes {
        let without = without.into_iter().map(report).collect::<Result<Vec<_>>>()?;
        let pairs = reports.into_iter().zip(without);
        reports = pairs.map(|(with, without)| with.beside(without)).collect();
    }
    Ok(Report {
        workload: W::NAME,
        sf: workload.scale().as_f64(),
        threads,
        version: env!("CARGO_PKG_VERSION"),
        queries: reports,
        verified_against: right.source(),
        load,
        cubes: made,
        bytes,
        peak_rss,
    })
}

/// One thread a core.
pub(crate) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Where the warehouse is.
enum Folder {
    Given(PathBuf),
    /// Removed when the benchmark has ended.
    Temporary(TempDir),
}

impl Folder {
    fn new(given: Option<&Path>) -> Result<Self> {
        given.map_or_else(
            || temporary_folder().map(Self::Temporary),
            |path| Ok(Self::Given(path.to_owned())),
        )
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

fn temporary_folder() -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix("starfact-bench-").tempdir();
    made.map_err(Error::io("create a folder in", &std::env::temp_dir()))
}

fn open(path: &Path, options: &Options, threads: usize) -> Result<Warehouse> {
    let opened = Warehouse::open(OpenOptions {
        path: Some(path.to_owned()),
        read_only: options.read_only,
        wait: options.wait,
        threads: Some(threads),
        memory_limit: options.memory_limit,
    });
    opened.map_err(|source| Error::Engine { doing: "opening the warehouse".into(), source })
}

/// The answers and times of one query.
struct Measured {
    query: &'static Query,
    /// Of the warm-up.
    answer: Answer,
    /// How a later run's answer differed from the warm-up's.
    unsteady: Option<String>,
    runs_ms: Vec<f64>,
}

impl Measured {
    fn new(
        query: &'static Query,
        engine: &Engine<'_>,
        runs: usize,
        listener: Listener<'_>,
    ) -> Result<Self> {
        let doing = format!("query {}", query.name);
        let run = |run: usize| {
            listener(&Event::Running { query: query.name, run, runs });
            let start = Instant::now();
            let collected = engine.execute(&doing, query.sql)?;
            let elapsed = start.elapsed();
            Ok((collected.answer(&doing)?, elapsed.as_secs_f64() * 1000.0))
        };
        let (answer, _) = run(0)?;
        let mut measured = Self { query, answer, unsteady: None, runs_ms: Vec::new() };
        for number in 1..=runs {
            let (answer, milliseconds) = run(number)?;
            measured.runs_ms.push(milliseconds);
            let difference = answer.difference(&measured.answer, query.order_by);
            let difference =
                difference.map(|what| format!("run {number} differs from the warm-up: {what}"));
            measured.unsteady = measured.unsteady.or(difference);
        }
        Ok(measured)
    }

    fn report(self, expected: &Answer) -> QueryReport {
        let answer = self.answer.with_quotients_of(expected, self.query.quotients);
        let difference = answer.difference(expected, self.query.order_by);
        let mismatch = difference.or(self.unsteady);
        QueryReport::new(self.query.name, self.answer.row_count(), self.runs_ms, mismatch)
    }
}

/// Where right answers come from.
enum RightAnswers<'a, W> {
    Stored(&'a W),
    /// The files stay until the last query was evaluated.
    Evaluated {
        reference: Reference,
        _files: TempDir,
    },
}

impl<'a, W: Workload> RightAnswers<'a, W> {
    /// Stored answers if all queries have one, otherwise an evaluation over files made for it.
    fn new(
        workload: &'a W,
        queries: &[&Query],
        threads: usize,
        cancel: &Cancel,
        listener: Listener<'_>,
    ) -> Result<Self> {
        if queries.iter().all(|query| workload.stored_answer(query).is_some()) {
            return Ok(Self::Stored(workload));
        }
        let files = temporary_folder()?;
        write_parquet(workload, files.path(), threads, cancel, listener)?;
        let reference = Reference::open::<W>(files.path(), threads)?;
        Ok(Self::Evaluated { reference, _files: files })
    }

    fn answer(&self, query: &Query, cancel: &Cancel) -> Result<Answer> {
        match self {
            Self::Stored(workload) => workload.stored_answer(query).ok_or_else(|| {
                Error::InvalidInput(format!("no answer is stored for query {}", query.name))
            }),
            Self::Evaluated { reference, .. } => reference.answer(query, cancel),
        }
    }

    fn source(&self) -> VerifiedAgainst {
        match self {
            Self::Stored(_) => VerifiedAgainst::StoredAnswers,
            Self::Evaluated { .. } => VerifiedAgainst::DataFusion,
        }
    }
}

#[cfg(test)]
mod tests;
