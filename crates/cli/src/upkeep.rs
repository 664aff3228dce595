//! `check` and `backup`: what people do to a warehouse from outside.

use crate::args::{BackupArgs, CheckArgs};
use crate::exit::Exit;
use crate::output::Failure;
use crate::progress::{Progress, grouped, size};
use crate::report;
use crate::runner::{Runner, Stop};
use starfact::BackupMode;
use std::path::Path;

/// Checks all tables: faults go to standard error, a table of the tables to standard output.
///
/// # Errors
/// Why no more is to be done.
pub fn check(runner: &mut Runner, arguments: &CheckArgs) -> Result<(), Stop> {
    let progress = Progress::begin(&runner.session);
    let checked = match runner.session.check() {
        Ok(checked) => checked,
        Err(error) => {
            drop(progress);
            return runner.fail(&error, None);
        }
    };
    drop(progress);
    for fault in &checked.faults {
        report::error(fault, None);
    }
    let progress = Progress::begin(&runner.session);
    match runner.print(checked.rows, progress) {
        Ok(()) => {}
        Err(Failure::Query(error)) => runner.fail(&error, None)?,
        Err(Failure::Write(error)) => runner.write_failed(&error)?,
    }
    if checked.faults.is_empty() {
        return Ok(());
    }
    let name = arguments.warehouse.display();
    report::note(&format!("{name}: {} found", count(checked.faults.len() as u64, "fault")));
    Err(Stop::Quit(Some(Exit::CORRUPT)))
}

/// Copies the warehouse and says what was copied.
///
/// # Errors
/// Why no more is to be done.
pub fn backup(runner: &mut Runner, arguments: &BackupArgs) -> Result<(), Stop> {
    let to: &Path = &arguments.directory;
    let progress = Progress::begin(&runner.session);
    let mode = if arguments.link { BackupMode::Link } else { BackupMode::Copy };
    let copied = runner.session.backup(to, mode);
    drop(progress);
    match copied {
        Ok(copied) => {
            report::note(&format!(
                "backed up {}, {}, {} in {} to {}",
                count(copied.tables, "table"),
                count(copied.rows, "row"),
                size(copied.bytes),
                count(copied.files, "file"),
                to.display()
            ));
            Ok(())
        }
        Err(error) => runner.fail(&error, None),
    }
}

/// `1 row`, `1,234 rows`.
fn count(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {what}{ending}", grouped(number))
}
