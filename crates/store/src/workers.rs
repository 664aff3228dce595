//! The threads of a load. They share nothing but what each call hands them: every item of a list
//! is worked on by one thread, and the caller waits for all.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};
use starfact_base::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads to work with; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    pool: Option<Arc<ThreadPool>>,
}

impl Workers {
    /// The caller's thread alone.
    pub(crate) fn none() -> Self {
        Self { pool: None }
    }

    /// Calls `work` once for every item; the first error to be found is the result.
    pub(crate) fn each<T: Send>(
        &self,
        items: &mut [T],
        work: impl Fn(&mut T) -> Result<()> + Sync + Send,
    ) -> Result<()> {
        match &self.pool {
            Some(pool) if items.len() > 1 => {
                // One by one, since items differ much in size.
                pool.install(|| items.par_iter_mut().with_max_len(1).try_for_each(work))
            }
            _ => items.iter_mut().try_for_each(work),
        }
    }

    /// Runs `work` where parallel iterators and sorts use these threads.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Whether there is more than the caller's thread.
    pub(crate) fn are_many(&self) -> bool {
        self.pool.is_some()
    }
}

/// The threads of the last load, kept for the next one: starting threads costs more than a small
/// load does.
#[derive(Debug, Default)]
pub(crate) struct WorkerCache {
    last: Mutex<Option<Arc<ThreadPool>>>,
}

impl WorkerCache {
    /// As many workers as asked for.
    pub(crate) fn get(&self, threads: usize) -> Result<Workers> {
        if threads <= 1 {
            return Ok(Workers::none());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = last.as_ref().filter(|pool| pool.current_num_threads() == threads) {
            return Ok(Workers { pool: Some(Arc::clone(pool)) });
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|idx| format!("starfact-load-{idx}"))
            .build()
            .map_err(|error| Error::internal(format!("cannot start threads: {error}")))?;
        let pool = Arc::new(pool);
        *last = Some(Arc::clone(&pool));
        Ok(Workers { pool: Some(pool) })
    }
}
