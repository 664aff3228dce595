//! The time that a statement may take: `SET starfact.statement_timeout`.
//!
//! It is counted until the last row was read. When it is over the statement is cancelled, as a user
//! would do it, and its error says why.

use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

/// The deadline of a statement; gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Deadline {
    limit: Duration,
    is_over: Arc<AtomicBool>,
    timer: AbortHandle,
}

impl Deadline {
    /// Cancels `token` when so much time is over; no time at all is no limit.
    pub(crate) fn start(
        limit: Duration,
        token: &CancellationToken,
        runtime: &Handle,
    ) -> Option<Self> {
        if limit.is_zero() {
            return None;
        }
        let is_over = Arc::new(AtomicBool::new(false));
        let (token, flag) = (token.clone(), Arc::clone(&is_over));
        let timer = runtime.spawn(async move {
            tokio::time::sleep(limit).await;
            flag.store(true, Ordering::Release);
            token.cancel();
        });
        Some(Self { limit, is_over, timer: timer.abort_handle() })
    }

    /// The error of the statement, or that its time was over.
    pub(crate) fn explain(&self, error: Error) -> Error {
        if error.kind != ErrorKind::Interrupted || !self.is_over.load(Ordering::Acquire) {
            return error;
        }
        let limit = format(self.limit);
        Error::sql(format!("the statement took longer than statement_timeout = {limit}"))
            .with_hint("SET statement_timeout = 0 lets statements take as long as they need")
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

/// Units of time in milliseconds, the largest first.
const UNITS: &[(&str, u64)] = &[("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A time as it is written: in the largest unit of which it is a whole number.
pub(crate) fn format(time: Duration) -> String {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let unit = UNITS.iter().find(|(_, unit)| milliseconds.is_multiple_of(*unit));
    match (milliseconds, unit) {
        (1.., Some((name, unit))) => format!("{}{name}", milliseconds / unit),
        _ => "0".into(),
    }
}

/// A time with its unit; without one it is in milliseconds.
///
/// # Errors
/// Anything else.
pub(crate) fn parse(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::sql(format!("expected a time, found '{text}'"))
            .with_hint("write for example '30s', '5min' or '250ms'; 0 is no limit")
    };
    let text = text.trim();
    let split = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor = match unit.as_str() {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?.1,
    };
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_with_units() {
        let cases =
            [("0", "0"), ("0s", "0"), ("250", "250ms"), ("1500 ms", "1500ms"), ("60s", "1min")];
        for (text, written) in cases.into_iter().chain([("90MIN", "90min"), (" 2h ", "2h")]) {
            assert_eq!(format(parse(text).unwrap()), written, "{text}");
            assert_eq!(parse(written).unwrap(), parse(text).unwrap());
        }
        for wrong in ["", "s", "-1", "1.5s", "1d", "99999999999999999999", "9999999999999999999h"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.message.contains("expected a time"), "{wrong}");
        }
    }
}
