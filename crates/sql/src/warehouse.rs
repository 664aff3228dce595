//! An open warehouse: its directory, its store and the threads that work on it.

use crate::cube::{Cubes, Keeper};
use crate::error::{Error, ErrorKind, Result};
use crate::helpers::Helpers;
use crate::query_log::QueryLog;
use crate::session::Session;
use crate::settings::{DEFAULT_RETENTION, Settings};
use starfact_store::{LoadOptions, MergePolicy, OpenMode, Store};
use starfact_vfs::OsDir;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How to open a warehouse.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The directory; created if it does not exist. `None` makes a temporary warehouse, which is
    /// removed when it is closed.
    pub path: Option<PathBuf>,
    /// Take no writes, and create nothing.
    pub read_only: bool,
    /// How long to wait for another writer to finish.
    pub wait: Duration,
    /// Threads that a query may use; by default one a core.
    pub threads: Option<usize>,
    /// Memory that queries and loads may take, in bytes; by default 70 % of the machine's.
    pub memory_limit: Option<u64>,
}

/// An open warehouse. Clones share it; it closes when the last clone and session are gone.
#[derive(Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    // Fields drop in order: the threads stop before the store closes and the files go.
    pub(crate) runtime: Threads,
    /// Those that help a thread that does its work itself.
    pub(crate) helpers: Arc<Helpers>,
    pub(crate) store: Store,
    /// Its directory.
    pub(crate) path: PathBuf,
    pub(crate) defaults: Settings,
    /// The last statements.
    pub(crate) log: QueryLog,
    pub(crate) cubes: Cubes,
    _temporary: Option<TemporaryFolder>,
}

/// The threads of a warehouse. They end with it, but none is waited for long: an operator that does
/// not look up from its work must not keep the process from ending.
pub(crate) struct Threads(Option<Runtime>);

/// Memory that merges in the background may take.
const MERGE_BYTES: usize = 256 << 20;

const THREADS_END: Duration = Duration::from_secs(1);

impl Deref for Threads {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        match &self.0 {
            Some(runtime) => runtime,
            None => unreachable!("threads are taken away only when they are dropped"),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(THREADS_END);
        }
    }
}

impl Warehouse {
    /// Opens a warehouse.
    ///
    /// # Errors
    /// [`ErrorKind::CannotOpen`] if the directory is missing and may not be created, is no
    /// warehouse, is locked by another writer or was written by a newer version;
    /// [`ErrorKind::Corrupt`] if its catalog is damaged.
    pub fn open(options: OpenOptions) -> Result<Self> {
        let temporary = match &options.path {
            Some(_) => None,
            None => Some(TemporaryFolder::create()?),
        };
        let path = match (&options.path, &temporary) {
            (Some(path), _) => path.as_path(),
            (None, Some(folder)) => folder.path.as_path(),
            (None, None) => return Err(Error::internal("a temporary warehouse without folder")),
        };
        let read_only = options.read_only && temporary.is_none();
        let store = open_store(path, read_only, options.wait)?;
        let inner = Inner::new(store, path.to_owned(), &options)?;
        let inner = Inner { _temporary: temporary, ..inner };
        Ok(Self::keeping_cubes(inner))
    }

    fn keeping_cubes(inner: Inner) -> Self {
        let inner = Arc::new(inner);
        inner.store.set_maintenance(Box::new(Keeper::new(&inner)));
        Self { inner }
    }

    /// A warehouse in any directory, without background work.
    #[cfg(test)]
    pub(crate) fn of_store(store: Store, options: &OpenOptions) -> Result<Self> {
        Ok(Self::keeping_cubes(Inner::new(store, PathBuf::new(), options)?))
    }

    /// What is known of its cubes.
    #[cfg(test)]
    pub(crate) fn cubes(&self) -> &Cubes {
        &self.inner.cubes
    }

    /// The store behind it.
    #[cfg(test)]
    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// A new session: its own settings, the same data.
    pub fn session(&self) -> Session {
        Session::new(Arc::clone(&self.inner))
    }

    /// Whether the warehouse takes no writes.
    pub fn is_read_only(&self) -> bool {
        self.inner.store.is_read_only()
    }

    /// What was noticed when the warehouse was opened and did no harm, to be told to the user.
    pub fn notice(&self) -> Option<String> {
        let damage = self.inner.store.damage().map(|damage| format!("read-only: {damage}"));
        damage.or_else(|| self.inner.store.torn_log())
    }

    /// Closes this handle.
    ///
    /// # Errors
    /// None at present; what can fail has been made durable by each statement.
    pub fn close(self) -> Result<()> {
        Ok(())
    }
}

impl Inner {
    fn new(store: Store, path: PathBuf, options: &OpenOptions) -> Result<Self> {
        let threads = options.threads.unwrap_or_else(default_threads).max(1);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("starfact")
            .thread_stack_size(8 << 20)
            .enable_all()
            .build()
            .map_err(|error| Error::internal(format!("cannot start threads: {error}")))?;
        let memory_limit = options.memory_limit.unwrap_or_else(default_memory_limit);
        let defaults = Settings::new(threads, memory_limit);
        let runtime = Threads(Some(runtime));
        let helpers = Arc::new(Helpers::new(threads - 1)?);
        let (log, cubes) = (QueryLog::default(), Cubes::default());
        Ok(Self { runtime, helpers, store, path, defaults, log, cubes, _temporary: None })
    }
}

fn open_store(path: &Path, read_only: bool, wait: Duration) -> Result<Store> {
    let open = || -> starfact_base::Result<Store> {
        if read_only {
            Store::open(Arc::new(OsDir::open(path)?), OpenMode::ReadOnly)
        } else {
            let dir = Arc::new(OsDir::create(path)?);
            let store = Store::open_keeping(dir, OpenMode::ReadWrite { wait }, DEFAULT_RETENTION)?;
            // One thread, and not much memory: the rest is for statements.
            let options =
                LoadOptions { memory_bytes: MERGE_BYTES, threads: 1, ..LoadOptions::default() };
            if !store.is_read_only() {
                store.start_background_work(MergePolicy::default(), options)?;
            }
            Ok(store)
        }
    };
    open().map_err(|error| {
        let mut error = Error::from(error);
        if error.kind == ErrorKind::Sql {
            error.kind = ErrorKind::CannotOpen;
        }
        let what = format!("cannot open {}", path.display());
        if !error.message.starts_with(&what) {
            error.message = format!("{what}: {}", error.message);
        }
        if read_only && !path.exists() {
            error = error.with_hint("opened for writing, a new warehouse would be created there");
        }
        error
    })
}

fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// 70 % of the machine's memory, or 2 GB where it is not known.
fn default_memory_limit() -> u64 {
    let kilobytes = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kilobytes.map_or(2_000_000_000, |kilobytes| kilobytes * 1024 / 10 * 7)
}

/// A folder that is removed when it is dropped.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    fn create() -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let base = std::env::temp_dir();
        for _ in 0..1000 {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("starfact-{}-{number}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let message = format!("cannot create {}: {error}", path.display());
                    return Err(Error::new(ErrorKind::CannotOpen, message));
                }
            }
        }
        Err(Error::new(ErrorKind::CannotOpen, format!("no free name in {}", base.display())))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Nobody can be told of a failure here, and the folder is in the way of nothing.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
