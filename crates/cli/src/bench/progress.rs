//! Where a benchmark stands: a bar on a terminal, otherwise a line from time to time.

use crate::progress::grouped;
use crate::report;
use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use starfact_bench::Event;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// Time between two lines of one step where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Hears the events of a benchmark.
pub struct Progress {
    bar: Option<ProgressBar>,
    last_line: Cell<Instant>,
    /// The query that the last line was about.
    last_query: RefCell<&'static str>,
}

impl Progress {
    pub fn new() -> Self {
        let bar = terminal::shows_progress().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, last_line: Cell::new(Instant::now()), last_query: RefCell::new("") }
    }

    /// Shows where the benchmark stands.
    pub fn hear(&self, event: &Event) {
        match &self.bar {
            Some(bar) => draw(bar, event),
            None => self.write(event),
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn write(&self, event: &Event) {
        if self.is_due(event) {
            self.last_line.set(Instant::now());
            report::note(&line(event));
        }
    }

    /// Whether an event is worth a line: a table that is done, a query that begins, or any after
    /// some time.
    fn is_due(&self, event: &Event) -> bool {
        match event {
            Event::Generated { rows, total, .. } | Event::Loaded { rows, total, .. } => {
                rows == total || self.last_line.get().elapsed() >= LINE_INTERVAL
            }
            Event::Reused { .. } => true,
            Event::Running { query, .. } => self.last_query.replace(query) != *query,
            Event::Verifying { .. } => self.last_query.replace("verifying") != "verifying",
        }
    }
}

fn line(event: &Event) -> String {
    match event {
        Event::Generated { table, rows, total } => counted("generating", table, *rows, *total),
        Event::Loaded { table, rows, total } => counted("loading", table, *rows, *total),
        Event::Reused { table, rows } => format!("{table} is there: {} rows", grouped(*rows)),
        Event::Running { query, .. } => format!("running {query}"),
        Event::Verifying { .. } => "verifying the answers".to_owned(),
    }
}

fn counted(verb: &str, table: &str, rows: u64, total: u64) -> String {
    let (rows_text, total_text) = (grouped(rows), grouped(total));
    match rows < total {
        true => format!("{verb} {table}: {rows_text} of {total_text} rows"),
        false => format!("{verb} {table}: {total_text} rows"),
    }
}

fn draw(bar: &ProgressBar, event: &Event) {
    let (position, length, message) = match event {
        Event::Generated { table, rows, total } => (*rows, *total, format!("generating {table}")),
        Event::Loaded { table, rows, total } if rows == total => {
            (*rows, *total, format!("sorting and writing {table}"))
        }
        Event::Loaded { table, rows, total } => (*rows, *total, format!("loading {table}")),
        Event::Reused { table, rows } => (*rows, *rows, format!("{table} is there")),
        Event::Running { query, run, runs } => {
            (*run as u64, *runs as u64, format!("running {query}"))
        }
        Event::Verifying { query } => (1, 1, format!("verifying {query}")),
    };
    let counts_rows = !matches!(event, Event::Running { .. } | Event::Verifying { .. });
    let template = match counts_rows {
        true => "{spinner} {msg:30} [{wide_bar}] {human_pos} of {human_len} rows",
        false => "{spinner} {msg:30} [{wide_bar}] {pos} of {len}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_length(length);
    bar.set_position(position);
    bar.set_message(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent() -> Progress {
        Progress { bar: None, last_line: Cell::new(Instant::now()), last_query: RefCell::new("") }
    }

    #[test]
    fn lines_are_few() {
        let progress = silent();
        let loaded = |rows| Event::Loaded { table: "part", rows, total: 100 };
        assert!(!progress.is_due(&loaded(50)));
        assert!(progress.is_due(&loaded(100)));
        let running = |query, run| Event::Running { query, run, runs: 5 };
        assert!(progress.is_due(&running("Q1.1", 0)));
        assert!(!progress.is_due(&running("Q1.1", 1)));
        assert!(progress.is_due(&running("Q1.2", 0)));
    }

    #[test]
    fn lines_say_how_far_it_is() {
        let loaded = |rows| line(&Event::Loaded { table: "part", rows, total: 2_000 });
        assert_eq!(loaded(1_000), "loading part: 1,000 of 2,000 rows");
        assert_eq!(loaded(2_000), "loading part: 2,000 rows");
    }
}
