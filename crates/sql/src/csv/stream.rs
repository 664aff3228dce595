//! The batches of a CSV file in the order of its rows.
//!
//! One task at a time reads the next chunk, at most `threads` tasks convert chunks, and a chunk is
//! read only when a task is free: that many chunks and batches are in memory. The tasks run on the
//! blocking threads of the runtime in which the stream is polled.

use super::chunk::{Chunk, Chunks};
use super::convert::Converter;
use crate::error::Result;
use arrow::array::RecordBatch;
use futures::{Stream, StreamExt, stream};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// A CSV file whose header has been dealt with.
pub(crate) struct Opened {
    /// The rows behind the header that have been read already.
    pub(crate) first: Option<Chunk>,
    pub(crate) chunks: Chunks,
    pub(crate) converter: Arc<Converter>,
}

impl Opened {
    /// Reads all rows.
    pub(crate) fn batches(self, threads: usize) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let Self { first, chunks, converter } = self;
        let rest = stream::try_unfold(chunks, |mut chunks| async move {
            let (chunk, chunks) = run(move || (chunks.next(), chunks)).await;
            Ok(chunk?.map(|chunk| (chunk, chunks)))
        });
        let convert = move |chunk: Result<Chunk>| {
            let converter = Arc::clone(&converter);
            async move {
                let chunk = chunk?;
                run(move || converter.convert(&chunk)).await
            }
        };
        stream::iter(first.map(Ok)).chain(rest).map(convert).buffered(threads.max(1))
    }
}

/// Runs `work` on a thread that may block; a panic in it goes on here.
pub(crate) async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking tasks are cancelled only before they begin, when the runtime shuts down.
            Err(_) => std::future::pending().await,
        },
    }
}
