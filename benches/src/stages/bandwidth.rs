//! What memory delivers: the sum over a buffer that no cache holds.

use super::{Scale, fastest_by_turns};
use std::hint::black_box;
use std::time::Duration;

/// Bytes a second.
#[derive(Clone, Copy, Debug)]
pub struct Bandwidth {
    /// With one thread.
    pub one: f64,
    /// With as many as the stages have.
    pub several: f64,
}

/// Buffers of numbers, one for each thread.
#[derive(Debug)]
pub struct Memory(Vec<Vec<u64>>);

impl Memory {
    /// Fills the buffers.
    pub fn new(scale: &Scale) -> Self {
        let words = scale.buffer_bytes / size_of::<u64>();
        let buffer = |thread| (0..words).map(|word| (word ^ thread) as u64).collect();
        Self((0..scale.threads).map(buffer).collect())
    }

    /// Runs one stage of one thread and of several by turns with sums of as many buffers, and
    /// returns how long each stage took and what memory delivered meanwhile.
    pub fn beside(
        &self,
        time: Duration,
        one: impl FnMut(),
        several: impl FnMut(),
    ) -> ([Duration; 2], Bandwidth) {
        let first = self.0.get(..1).unwrap_or_default();
        let (one, of_one) = fastest_by_turns(time, one, || sum_all(first));
        let (several, of_several) = fastest_by_turns(time, several, || sum_all(&self.0));
        let rate = |buffers: &[Vec<u64>], time: Duration| {
            buffers.iter().map(|words| size_of_val(&words[..])).sum::<usize>() as f64
                / time.as_secs_f64()
        };
        let bandwidth = Bandwidth { one: rate(first, of_one), several: rate(&self.0, of_several) };
        ([one, several], bandwidth)
    }
}

/// Sums each buffer by a thread.
fn sum_all(buffers: &[Vec<u64>]) {
    std::thread::scope(|scope| {
        for buffer in buffers {
            scope.spawn(move || black_box(sum(buffer)));
        }
    });
}

/// Several sums at once, so that no addition waits for the one before.
fn sum(words: &[u64]) -> u64 {
    let mut sums = [0u64; 32];
    for chunk in words.as_chunks::<32>().0 {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().fold(0, |all, sum| all.wrapping_add(*sum))
}
