//! Turns: transactions of one process follow one another.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Given to one holder at a time; the others wait.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    is_taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    /// Waits for the turn and takes it, until the result is dropped.
    pub(crate) fn take(self: &Arc<Self>) -> Taken {
        let is_taken = self.is_taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.free.wait_while(is_taken, |is_taken| *is_taken);
        *waited.unwrap_or_else(PoisonError::into_inner) = true;
        Taken { turn: Arc::clone(self) }
    }
}

/// A turn that was taken.
#[derive(Debug)]
pub(crate) struct Taken {
    turn: Arc<Turn>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.turn.is_taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.turn.free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn one_has_it_at_a_time() {
        let turn = Arc::new(Turn::default());
        let inside = AtomicU32::new(0);
        let work = || {
            for _ in 0..200 {
                let _taken = turn.take();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(work);
            }
        });
        drop(turn.take());
    }
}
