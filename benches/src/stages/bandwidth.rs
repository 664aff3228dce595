//! What memory delivers: the sum over a buffer that no cache holds.

use super::{Scale, fastest};
use std::hint::black_box;

/// Bytes a second.
#[derive(Clone, Copy, Debug)]
pub struct Bandwidth {
    /// With one thread.
    pub one: f64,
    /// With as many as the stages have.
    pub several: f64,
}

impl Bandwidth {
    /// Sums buffers of numbers, one for each thread.
    pub fn measure(scale: &Scale) -> Self {
        let words = scale.buffer_bytes / size_of::<u64>();
        let buffers: Vec<Vec<u64>> = (0..scale.threads)
            .map(|thread| (0..words).map(|word| (word ^ thread) as u64).collect())
            .collect();
        let read = |buffers: &[Vec<u64>]| {
            let time = fastest(scale.time, || {
                std::thread::scope(|scope| {
                    for buffer in buffers {
                        scope.spawn(move || black_box(sum(buffer)));
                    }
                });
            });
            (buffers.len() * words * size_of::<u64>()) as f64 / time.as_secs_f64()
        };
        Self { one: read(buffers.get(..1).unwrap_or_default()), several: read(&buffers) }
    }
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
