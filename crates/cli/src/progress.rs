//! A line on the terminal while a statement takes long: how long it has taken, how many rows and
//! bytes it has read or written, and how many blocks zone maps have skipped.
//!
//! A thread of its own draws it, because the main thread waits for the statement. There is none
//! unless both standard output and standard error are terminals.

use crate::report::duration;
use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use starfact::{ProgressReport, Session};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Statements that are faster show nothing.
const QUIET: Duration = Duration::from_secs(1);
const REDRAW: Duration = Duration::from_millis(100);

/// Shown while it lives.
pub struct Progress {
    /// Rows that have come.
    pub rows: Arc<AtomicU64>,
    /// Dropped to end the thread.
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// A statement begins. The session tells how far it is.
    pub fn begin(session: &Session) -> Self {
        let rows = Arc::new(AtomicU64::new(0));
        let drawing = terminal::shows_progress().then(|| {
            let (stop, stopped) = channel();
            let counted = Arc::clone(&rows);
            let running = session.progress();
            let thread = std::thread::Builder::new().name("progress".into());
            // Without a thread there is no progress to see, and nothing else is lost.
            thread
                .spawn(move || draw(&counted, &|| running.report(), &stopped))
                .ok()
                .map(|thread| (stop, thread))
        });
        Self { rows, drawing: drawing.flatten() }
    }

    /// Takes the line away.
    pub fn end(&mut self) {
        if let Some((stop, thread)) = self.drawing.take() {
            drop(stop);
            // It only draws; if it panicked, the statement is none the worse.
            let _ = thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn draw(rows: &AtomicU64, report: &dyn Fn() -> ProgressReport, stopped: &Receiver<()>) {
    let started = Instant::now();
    if stopped.recv_timeout(QUIET) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let result_rows = rows.load(Ordering::Relaxed);
        bar.set_message(describe(started.elapsed(), report(), result_rows));
        bar.tick();
    }
    bar.finish_and_clear();
}

/// `2.0 s, 1,234 rows read, 5.6 MB, 7 of 9 blocks skipped, 8 rows written`: what is not zero.
fn describe(elapsed: Duration, report: ProgressReport, result_rows: u64) -> String {
    let mut parts = vec![duration(elapsed)];
    if report.rows_read > 0 {
        parts.push(format!("{} rows read", grouped(report.rows_read)));
    }
    if report.bytes_read > 0 {
        parts.push(size(report.bytes_read));
    }
    if report.blocks_skipped > 0 {
        let blocks = report.blocks_read + report.blocks_skipped;
        let (skipped, blocks) = (grouped(report.blocks_skipped), grouped(blocks));
        parts.push(format!("{skipped} of {blocks} blocks skipped"));
    }
    if report.rows_written > 0 {
        parts.push(format!("{} rows written", grouped(report.rows_written)));
    }
    if result_rows > 0 {
        parts.push(format!("{} rows", grouped(result_rows)));
    }
    parts.join(", ")
}

/// `12 bytes`, `3.4 kB`, `5.6 MB`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 999.95 {
            break;
        }
        value /= 1e3;
        unit = next;
    }
    if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") }
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An output that takes the line away before anything is written.
pub struct Clearing<'a> {
    pub output: &'a mut dyn Write,
    pub progress: &'a mut Progress,
}

impl Write for Clearing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.end();
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.progress.end();
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_bytes_and_what_was_skipped_are_told() {
        let second = Duration::from_secs(2);
        assert_eq!(describe(second, ProgressReport::default(), 0), "2.000 s");
        let query = ProgressReport {
            rows_read: 131_072,
            bytes_read: 1_234_567,
            blocks_read: 2,
            blocks_skipped: 7,
            rows_written: 0,
        };
        let expected = "2.000 s, 131,072 rows read, 1.2 MB, 7 of 9 blocks skipped, 5 rows";
        assert_eq!(describe(second, query, 5), expected);
        let load = ProgressReport { bytes_read: 999, rows_written: 10, ..Default::default() };
        assert_eq!(describe(second, load, 0), "2.000 s, 999 bytes, 10 rows written");
        assert_eq!((size(999_949), size(999_950)), ("999.9 kB".into(), "1.0 MB".into()));
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
