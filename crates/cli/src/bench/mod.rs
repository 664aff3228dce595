//! `starfact bench`: runs a benchmark of the library and shows what it found out.

mod progress;
mod table;

use crate::args::{BenchArgs, Workload};
use crate::exit::Exit;
use crate::report;
use crate::signals::Signals;
use progress::Progress;
use starfact::{Error, ErrorKind};
use starfact_bench::{Cancel, Options, Report, ssb, tpch};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread::available_parallelism;

/// Runs the benchmark, or only makes its data.
pub fn run(arguments: &BenchArgs, signals: &Signals) -> Exit {
    let cancel = Cancel::default();
    let canceller = cancel.clone();
    signals.cancel_with(Box::new(move || canceller.cancel()));
    let result = match arguments.workload {
        Workload::Ssb => of(&ssb::Generator::new(arguments.scale), arguments, &cancel),
        Workload::Tpch => match tpch::Generator::new(arguments.scale) {
            Ok(generator) => of(&generator, arguments, &cancel),
            Err(error) => {
                report::error(&Error::sql(error.to_string()), None);
                return Exit::USAGE;
            }
        },
    };
    match result {
        Ok(exit) => exit,
        Err(error) => {
            report::error(&error, None);
            signals.ending().unwrap_or_else(|| error.kind.into())
        }
    }
}

/// Runs a benchmark, or only makes its data.
fn of<W: starfact_bench::Workload>(
    workload: &W,
    arguments: &BenchArgs,
    cancel: &Cancel,
) -> Result<Exit, Error> {
    match &arguments.out {
        Some(folder) => generate(workload, arguments, folder, cancel),
        None => measure(workload, arguments, cancel),
    }
}

/// Writes the Parquet files.
fn generate<W: starfact_bench::Workload>(
    workload: &W,
    arguments: &BenchArgs,
    folder: &Path,
    cancel: &Cancel,
) -> Result<Exit, Error> {
    let threads =
        arguments.resources.threads.or_else(|| available_parallelism().ok().map(Into::into));
    let progress = Progress::new();
    let hear = |event: &_| progress.hear(event);
    let threads = threads.unwrap_or(1);
    let written = starfact_bench::write_parquet(workload, folder, threads, cancel, &hear);
    progress.end();
    let mut out = io::stdout().lock();
    for file in written.map_err(failed)? {
        writeln!(out, "{}", file.path.display()).or_else(quiet_if_closed)?;
    }
    Ok(Exit::SUCCESS)
}

/// Loads, runs, verifies, and prints the table.
fn measure<W: starfact_bench::Workload>(
    workload: &W,
    arguments: &BenchArgs,
    cancel: &Cancel,
) -> Result<Exit, Error> {
    // A benchmark takes long: a file that cannot be written is to be known before.
    let json = match &arguments.json {
        Some(path) => Some((path, create(path)?)),
        None => None,
    };
    let options = Options {
        warehouse: arguments.warehouse.clone(),
        queries: arguments.queries.clone(),
        runs: arguments.runs,
        threads: arguments.resources.threads,
        memory_limit: arguments.resources.memory_limit,
        wait: arguments.resources.wait,
        read_only: arguments.readonly,
        cubes: arguments.cubes,
        settings: arguments.resources.set.clone(),
    };
    let progress = Progress::new();
    let hear = |event: &_| progress.hear(event);
    let measured = starfact_bench::run(workload, &options, cancel, &hear);
    progress.end();
    let figures = measured.map_err(failed)?;
    if let Some((path, mut file)) = json {
        file.write_all(figures.to_json().as_bytes()).map_err(|error| {
            Error::sql(format!("cannot write {}: {}", path.display(), report::cause(&error)))
        })?;
    }
    let mut out = io::stdout().lock();
    table::print(&figures, &mut out).or_else(quiet_if_closed)?;
    Ok(verdict(&figures))
}

fn create(path: &Path) -> Result<File, Error> {
    File::create(path).map_err(|error| {
        let message = format!("cannot create {}: {}", path.display(), report::cause(&error));
        Error::new(ErrorKind::CannotOpen, message)
    })
}

/// Wrong answers are the one result that a benchmark may not have.
fn verdict(figures: &Report) -> Exit {
    let mut exit = Exit::SUCCESS;
    for query in &figures.queries {
        if let Some(mismatch) = &query.mismatch {
            let message = format!("{} gave a wrong answer: {mismatch}", query.name);
            report::error(&Error::internal(message), None);
            exit = Exit::FAILED;
        }
    }
    exit
}

/// Nobody has to read the table.
fn quiet_if_closed(error: io::Error) -> Result<(), Error> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => {
            let cause = report::cause(&error);
            Err(Error::sql(format!("cannot write to standard output: {cause}")))
        }
    }
}

/// An error of the benchmark in the words of all our errors.
fn failed(error: starfact_bench::Error) -> Error {
    match error {
        starfact_bench::Error::Engine { doing, source } => {
            Error { message: format!("{doing}: {}", source.message), ..source }
        }
        starfact_bench::Error::Interrupted => {
            Error::new(ErrorKind::Interrupted, "the benchmark was interrupted")
        }
        other => Error::sql(other.to_string()),
    }
}
