//! The figures of a benchmark as a table, and what else is worth knowing below it.

use crate::progress::grouped;
use comfy_table::presets::ASCII_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use starfact_bench::{LoadReport, Report};
use std::io::{self, Write};

/// The title of the column that only a run with cubes has.
const WITHOUT_CUBES: &str = "p50 without cubes";

/// The titles of the columns, and where their values stand.
const COLUMNS: [(&str, CellAlignment); 6] = [
    ("query", CellAlignment::Left),
    ("rows", CellAlignment::Right),
    ("p50 ms", CellAlignment::Right),
    ("min ms", CellAlignment::Right),
    (WITHOUT_CUBES, CellAlignment::Right),
    ("verified", CellAlignment::Left),
];

/// Prints the table and the summary.
pub fn print(figures: &Report, out: &mut dyn Write) -> io::Result<()> {
    let has_cubes = figures.cubes.is_some();
    let is_shown = |(title, _): &(&str, CellAlignment)| has_cubes || *title != WITHOUT_CUBES;
    let columns: Vec<(&str, CellAlignment)> = COLUMNS.into_iter().filter(is_shown).collect();
    let mut table = Table::new();
    table.load_preset(ASCII_FULL_CONDENSED).set_header(columns.iter().map(|(title, _)| title));
    for (column, (_, alignment)) in table.column_iter_mut().zip(&columns) {
        column.set_cell_alignment(*alignment);
    }
    for query in &figures.queries {
        let mut cells = vec![
            query.name.to_owned(),
            grouped(query.rows as u64),
            format!("{:.2}", query.p50_ms),
            format!("{:.2}", query.min_ms),
        ];
        cells.extend(query.p50_ms_without_cubes.map(|it| format!("{it:.2}")));
        cells.push(if query.verified { "yes" } else { "NO" }.to_owned());
        table.add_row(cells);
    }
    writeln!(out, "{table}")?;
    out.write_all(summary(figures).as_bytes())
}

fn summary(figures: &Report) -> String {
    let total: f64 = figures.queries.iter().map(|query| query.p50_ms).sum();
    let mut text = format!(
        "{} sf {}, {} threads: all queries {total:.2} ms, verified against {}\n",
        figures.workload, figures.sf, figures.threads, figures.verified_against
    );
    text.push_str(&load(&figures.load));
    if let Some(cubes) = &figures.cubes {
        let built = match cubes.seconds {
            Some(seconds) => format!("{} created in {seconds:.1} s", cubes.created),
            None => "there already".to_owned(),
        };
        let cells = grouped(cubes.cells);
        text.push_str(&format!("cubes: {built}, {cells} cells, {}\n", size(cubes.bytes)));
    }
    text.push_str(&format!("warehouse: {}", size(figures.bytes)));
    if let Some(bytes) = figures.peak_rss {
        text.push_str(&format!(", peak memory: {}", size(bytes)));
    }
    text.push('\n');
    text
}

fn load(load: &LoadReport) -> String {
    match load.rows_per_second {
        Some(rate) => format!(
            "load: {} rows in {:.1} s, {} rows/s with generation\n",
            grouped(load.rows),
            load.seconds,
            grouped(rate as u64)
        ),
        None => "load: the tables were there already\n".to_owned(),
    }
}

/// `1.23 GB`
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use starfact_bench::{QueryReport, TableLoad, VerifiedAgainst};

    fn query(name: &'static str, rows: usize, verified: bool) -> QueryReport {
        let mismatch = (!verified).then(|| "missing row (1)".to_owned());
        let runs_ms = vec![1.5, 2.5];
        let p50_ms_without_cubes = None;
        QueryReport {
            name,
            rows,
            runs_ms,
            p50_ms: 2.0,
            min_ms: 1.5,
            p50_ms_without_cubes,
            verified,
            mismatch,
        }
    }

    #[test]
    fn the_table_and_its_summary() {
        let date = TableLoad {
            table: "date",
            rows: 2_557,
            reused: false,
            seconds: 0.5,
            rows_per_second: Some(5_114.0),
        };
        let load = LoadReport {
            rows: 2_557,
            seconds: 0.5,
            rows_per_second: Some(5_114.0),
            tables: vec![date],
        };
        let figures = Report {
            workload: "ssb",
            sf: 0.01,
            threads: 2,
            version: "0.1.0",
            queries: vec![query("Q1.1", 1, true), query("Q2.1", 1_280, false)],
            verified_against: VerifiedAgainst::StoredAnswers,
            load,
            cubes: None,
            bytes: 1_234_567,
            peak_rss: Some(2_000_000_000),
        };
        let mut out = Vec::new();
        print(&figures, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\
+-------+-------+--------+--------+----------+
| query |  rows | p50 ms | min ms | verified |
+============================================+
| Q1.1  |     1 |   2.00 |   1.50 | yes      |
| Q2.1  | 1,280 |   2.00 |   1.50 | NO       |
+-------+-------+--------+--------+----------+
ssb sf 0.01, 2 threads: all queries 4.00 ms, verified against stored answers
load: 2,557 rows in 0.5 s, 5,114 rows/s with generation
warehouse: 1.2 MB, peak memory: 2.00 GB
"
        );
    }
}
