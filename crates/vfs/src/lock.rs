//! Waiting for a lock: try, sleep a little, try again, until the time is up.

use starfact_base::{Error, Result};
use std::time::{Duration, Instant};

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// One attempt at a lock.
pub(crate) enum Attempt<T> {
    /// It is ours.
    Taken(T),
    /// Someone else has it, who left this text.
    HeldBy(String),
}

/// Calls `attempt` at least once, and again until it succeeds or `wait` has passed.
pub(crate) fn retry<T>(
    path: &str,
    wait: Duration,
    mut attempt: impl FnMut() -> Result<Attempt<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let holder = match attempt()? {
            Attempt::Taken(lock) => return Ok(lock),
            Attempt::HeldBy(holder) => holder,
        };
        let left = wait.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(held(path, &holder));
        }
        std::thread::sleep(left.min(PAUSE));
    }
}

fn held(path: &str, holder: &str) -> Error {
    // Between taking a lock and writing its text, a holder has no name yet.
    let holder = if holder.trim().is_empty() { "another process" } else { holder.trim() };
    Error::Locked(format!("{holder} holds {path}; wait for it to finish, or close it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_once_even_without_time_and_names_the_holder() {
        let mut attempts = 0;
        let error = retry::<()>("LOCK", Duration::ZERO, || {
            attempts += 1;
            Ok(Attempt::HeldBy("a loader\n".into()))
        })
        .unwrap_err();
        assert_eq!(attempts, 1);
        assert_eq!(
            error.to_string(),
            "the warehouse is locked: a loader holds LOCK; wait for it to finish, or close it"
        );
    }

    #[test]
    fn tries_again_until_the_lock_is_free() {
        let mut attempts = 0;
        let taken = retry("LOCK", Duration::from_secs(60), || {
            attempts += 1;
            Ok(if attempts < 3 { Attempt::HeldBy(String::new()) } else { Attempt::Taken(7) })
        });
        assert_eq!(taken.unwrap(), 7);
        assert_eq!(attempts, 3);
    }
}
