//! `CHECK TABLE t, …`: everything that there is of a table is read and compared.
//!
//! The store checks files, order, keys and references; CHECK constraints, which are SQL, are
//! checked here by a query. As a statement it fails at the first table with a fault; a whole
//! warehouse is checked to its end, and gives a row for each table beside the faults.

use super::show::table_of;
use super::{Context, names, query};
use crate::error::{Error, ErrorKind, Result};
use crate::outcome::{Outcome, Rows};
use crate::parse::{Statement, parse};
use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::Int64Type;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use starfact_store::{CheckOptions, CheckReport, Table};
use std::sync::Arc;

const RESTORE: &str = "restore the table from a backup, or load it again; what else is in the \
                       warehouse can be used as before";

/// What a check of all tables has found.
#[derive(Debug)]
pub struct Checked {
    /// A row for each table: its name, `ok` or how many faults it has, and what was looked at.
    pub rows: Rows,
    /// What is wrong, table by table.
    pub faults: Vec<Error>,
}

/// A table and what a check of it has found.
struct Report {
    name: String,
    row_count: u64,
    checked: CheckReport,
    faults: Vec<Error>,
    fault_count: u64,
}

/// Checks the tables of these names, or fails.
pub(super) fn check(context: &mut Context, names: &[ObjectName]) -> Result<Outcome> {
    let mut reports = Vec::with_capacity(names.len());
    let tables = names.iter().map(|name| names::find_table(&context.snapshot, name).cloned());
    for table in tables.collect::<Result<Vec<Arc<Table>>>>()? {
        let report = check_table(context, &table)?;
        if let Some(first) = report.faults.first() {
            let more = match report.fault_count {
                1 => String::new(),
                count => format!("; {count} faults in all, starfact check lists them"),
            };
            let message = format!("{}{more}", first.message);
            return Err(Error::new(ErrorKind::Corrupt, message).with_hint(RESTORE));
        }
        reports.push(report);
    }
    rows_of(&reports).map(Outcome::Rows)
}

/// Checks all tables.
pub(crate) fn check_all(context: &mut Context) -> Result<Checked> {
    let tables: Vec<Arc<Table>> = context.snapshot.all_tables().cloned().collect();
    let mut reports = Vec::with_capacity(tables.len());
    for table in &tables {
        reports.push(check_table(context, table)?);
    }
    let rows = rows_of(&reports)?;
    let mut faults = Vec::new();
    if let Some(damage) = context.inner.store.damage() {
        faults.push(Error::new(ErrorKind::Corrupt, damage));
    }
    for report in &mut reports {
        let more = report.fault_count.saturating_sub(report.faults.len() as u64);
        faults.append(&mut report.faults);
        if more > 0 {
            let message = format!("table \"{}\": {more} more faults", report.name);
            faults.push(Error::new(ErrorKind::Corrupt, message));
        }
    }
    faults.extend(super::cube::faults(context)?);
    if let Some(last) = faults.last_mut() {
        last.hint.get_or_insert_with(|| RESTORE.into());
    }
    Ok(Checked { rows, faults })
}

fn check_table(context: &mut Context, table: &Arc<Table>) -> Result<Report> {
    let cancelled = || starfact_base::Error::invalid("the statement was cancelled");
    let (progress, cancel) = (Arc::clone(&context.progress), context.cancel.clone());
    let proceed = move |bytes: u64| {
        progress.read_bytes(bytes);
        if cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
    };
    let options = CheckOptions {
        threads: context.settings.threads,
        memory_bytes: usize::try_from(context.settings.memory_limit / 4).unwrap_or(usize::MAX),
        proceed: &proceed,
    };
    let checked = context.snapshot.check(table.id(), &options);
    context.check_cancelled()?;
    let checked = checked?;
    let name = table.name().to_owned();
    let about = |error: &starfact_base::Error| {
        let message = format!("table \"{name}\": {error}");
        Error::new(ErrorKind::Corrupt, message)
    };
    let mut faults: Vec<Error> = checked.faults.iter().map(about).collect();
    let mut fault_count = checked.fault_count;
    if fault_count == 0 {
        let violated = check_constraints(context, table)?;
        fault_count += violated.len() as u64;
        faults.extend(violated);
    }
    Ok(Report { name, row_count: table.row_count(), checked, faults, fault_count })
}

/// The CHECK constraints that rows do not satisfy.
fn check_constraints(context: &mut Context, table: &Table) -> Result<Vec<Error>> {
    let mut faults = Vec::new();
    let name = ObjectName::from(vec![Ident::with_quote('"', table.name())]);
    for check in table.checks() {
        let sql = format!("SELECT count(*) FROM {name} WHERE NOT ({})", check.sql);
        let Statement::Query(counting) = parse(&sql)? else {
            return Err(Error::internal("internal error: a count that is no query"));
        };
        let (_, stream) = query::open(context, *counting)?;
        let mut violations = 0;
        for batch in query::batches(context, stream) {
            let batch = batch?;
            violations += batch.column(0).as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        }
        if violations > 0 {
            let shown = check.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
            let message = format!(
                "table \"{}\": CHECK{shown} ({}) does not hold for {violations} rows",
                table.name(),
                check.sql
            );
            faults.push(Error::new(ErrorKind::Corrupt, message));
        }
    }
    Ok(faults)
}

fn rows_of(reports: &[Report]) -> Result<Rows> {
    let texts = |of: fn(&Report) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(reports.iter().map(of)))
    };
    let counts = |of: fn(&Report) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(reports.iter().map(|report| of(report) as i64)))
    };
    table_of(vec![
        ("table_name", texts(|report| report.name.clone())),
        (
            "status",
            texts(|report| match report.fault_count {
                0 => "ok".into(),
                1 => "1 fault".into(),
                count => format!("{count} faults"),
            }),
        ),
        ("rows", counts(|report| report.row_count)),
        ("files", counts(|report| report.checked.files)),
        ("blocks", counts(|report| report.checked.blocks)),
        ("bytes", counts(|report| report.checked.bytes)),
    ])
}
