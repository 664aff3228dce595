//! Ordered parallel production: many threads make, one consumer receives in order.
//!
//! ```text
//! items   0  1  2  3  4  5  …        thread 0 makes 0, 2, 4, …   ─┐ bounded
//!                                    thread 1 makes 1, 3, 5, …   ─┤ channels, read in turn
//! ```
//!
//! Per thread: its own copy of the item iterator, of which it makes every n-th, and a channel of
//! one finished result. Shared: nothing. The consumer reads the channels in turn, so results keep
//! the order of the items, and a thread waits when its result is not taken: it is at most two
//! ahead.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{JoinHandle, spawn};

/// Finished results that wait in a thread's channel.
const WAITING_MAX: usize = 1;

/// Makes `make(item)` of every item with `threads` threads and yields the results in the order of
/// the items. With one thread the work is still done beside the caller.
///
/// # Panics
/// When `make` panics, the iterator does, with the same payload.
pub fn ordered<I, T>(
    items: I,
    threads: usize,
    make: impl Fn(I::Item) -> T + Send + Sync + 'static,
) -> Ordered<T>
where
    I: Iterator + Clone + Send + 'static,
    T: Send + 'static,
{
    let threads = threads.max(1);
    let make = Arc::new(make);
    let lanes = (0..threads).map(|lane| {
        let (sender, results) = sync_channel(WAITING_MAX);
        let (items, make) = (items.clone(), Arc::clone(&make));
        let thread = spawn(move || {
            // A consumer that no longer listens needs no further results.
            let _ = items.skip(lane).step_by(threads).try_for_each(|item| sender.send(make(item)));
        });
        Lane { results: Some(results), thread: Some(thread) }
    });
    Ordered { lanes: lanes.collect(), turn: 0 }
}

/// The results of [`ordered`].
pub struct Ordered<T> {
    lanes: Vec<Lane<T>>,
    turn: usize,
}

/// One thread and where its results arrive.
struct Lane<T> {
    results: Option<Receiver<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T> Iterator for Ordered<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let lane = &mut self.lanes[self.turn];
        let result = lane.results.as_ref().and_then(|results| results.recv().ok());
        if result.is_none() {
            // The thread has made its last item, and the others have none after it; or it panicked.
            let thread = lane.thread.take();
            if let Some(Err(panic)) = thread.map(JoinHandle::join) {
                resume_unwind(panic);
            }
            return None;
        }
        self.turn = (self.turn + 1) % self.lanes.len();
        result
    }
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        for lane in &mut self.lanes {
            lane.results = None;
        }
        for lane in &mut self.lanes {
            // A panic was passed on by `next` if the consumer came that far; here nobody wants it.
            let _ = lane.thread.take().map(JoinHandle::join);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn results_keep_the_order_of_the_items() {
        for threads in [0, 1, 2, 3, 8] {
            for count in [0_u64, 1, 2, 7, 100] {
                let made: Vec<u64> = ordered(0..count, threads, |item| item * item).collect();
                let expected: Vec<u64> = (0..count).map(|item| item * item).collect();
                assert_eq!(made, expected, "{count} items, {threads} threads");
            }
        }
    }

    #[test]
    fn threads_wait_for_the_consumer_and_end_with_it() {
        let made = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&made);
        let mut results =
            ordered(0..1_000_000_u64, 2, move |_| counter.fetch_add(1, Ordering::SeqCst));
        for _ in 0..10 {
            assert!(results.next().is_some());
        }
        drop(results);
        // Each thread may have one result waiting and one made but not yet accepted.
        assert!(made.load(Ordering::SeqCst) <= 10 + 2 * (WAITING_MAX as u64 + 1));
    }

    #[test]
    fn a_panic_of_the_work_reaches_the_consumer() {
        let results = ordered(0..10, 2, |item| assert_ne!(item, 5, "item five"));
        let outcome = catch_unwind(AssertUnwindSafe(|| results.count()));
        assert!(outcome.is_err());
    }
}
