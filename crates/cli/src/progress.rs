//! A line on the terminal while a statement takes long: how long it has taken, and how many rows.
//!
//! A thread of its own draws it, because the main thread waits for the statement. There is none
//! unless both standard output and standard error are terminals.

use crate::report::duration;
use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use starfact::Session;
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
    /// A statement begins. The session tells how many rows it loads.
    pub fn begin(session: &Session) -> Self {
        let rows = Arc::new(AtomicU64::new(0));
        let drawing = terminal::shows_progress().then(|| {
            let (stop, stopped) = channel();
            let counted = Arc::clone(&rows);
            let loaded = Arc::clone(&rows);
            let listener = move |rows| loaded.store(rows, Ordering::Relaxed);
            session.report_progress(Some(Arc::new(listener)));
            let thread = std::thread::Builder::new().name("progress".into());
            // Without a thread there is no progress to see, and nothing else is lost.
            thread.spawn(move || draw(&counted, &stopped)).ok().map(|thread| (stop, thread))
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

fn draw(rows: &AtomicU64, stopped: &Receiver<()>) {
    let started = Instant::now();
    if stopped.recv_timeout(QUIET) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
        let elapsed = duration(started.elapsed());
        bar.set_message(match rows.load(Ordering::Relaxed) {
            0 => elapsed,
            rows => format!("{elapsed}, {} rows", grouped(rows)),
        });
        bar.tick();
    }
    bar.finish_and_clear();
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
    use super::grouped;

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
