//! A directory in memory, for tests, that knows what a power cut would leave.
//!
//! Every file and folder is a node; a folder has its names as programs see them (`live`) and as the
//! disk has them (`durable`), and a file the length that was synced:
//!
//! ```text
//! create, rename, remove    change `live`
//! sync_folder               copies `live` to `durable`; above it, only the names on the way
//! sync, finish              raise the synced length of a file
//! crash                     keeps `durable` names and synced lengths
//! ```
//!
//! The model is stricter than common file systems, which often keep more and in a friendlier order.

use crate::lock::{Attempt, retry};
use crate::path::{folder_names, names, parent};
use crate::{Dir, Entry, Lock, MEMORY_ALIGNMENT, ReadFile, WriteFile, slice};
use bytes::Bytes;
use starfact_base::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A directory in memory. Clones are handles of the same directory.
#[derive(Clone, Debug, Default)]
pub struct MemDir {
    state: Arc<Mutex<State>>,
}

/// All nodes. Nodes are never freed: the directory lives as long as a test.
#[derive(Debug)]
struct State {
    nodes: Vec<Node>,
    locked: BTreeSet<String>,
}

/// The place of a node in `State::nodes`.
type NodeId = usize;

const ROOT: NodeId = 0;

#[derive(Clone, Debug)]
enum Node {
    File(FileNode),
    Folder(FolderNode),
}

#[derive(Clone, Debug, Default)]
struct FileNode {
    bytes: Vec<u8>,
    synced_bytes: usize,
    /// What readers share, until the next write.
    shared: Option<Bytes>,
}

#[derive(Clone, Debug, Default)]
struct FolderNode {
    live: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
}

impl Default for State {
    fn default() -> Self {
        Self { nodes: vec![Node::Folder(FolderNode::default())], locked: BTreeSet::new() }
    }
}

impl MemDir {
    /// An empty directory.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a power cut now would leave at the least: only what was synced. Locks are gone.
    #[must_use]
    pub fn crash(&self) -> Self {
        self.crash_by(&mut |_| 0)
    }

    /// What a power cut now might leave: of everything that was not synced, a part that `seed`
    /// determines. Names are old or new, files have any length from the synced one on.
    #[must_use]
    pub fn crash_with_luck(&self, seed: u64) -> Self {
        let mut state = seed;
        self.crash_by(&mut |bound| {
            // SplitMix64 (Steele, Lea and Flood, 2014).
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (mixed ^ (mixed >> 31)) % (bound + 1)
        })
    }

    /// `luck(bound)` is from 0, the least that may survive, to `bound`, all of it.
    fn crash_by(&self, luck: &mut dyn FnMut(u64) -> u64) -> Self {
        let before = self.state();
        let mut after = State { nodes: before.nodes.clone(), locked: BTreeSet::new() };
        for node in &mut after.nodes {
            match node {
                Node::File(file) => {
                    let unsynced = file.bytes.len().saturating_sub(file.synced_bytes) as u64;
                    let kept = usize::try_from(luck(unsynced)).unwrap_or(0);
                    file.bytes.truncate(file.synced_bytes + kept);
                    file.synced_bytes = file.bytes.len();
                    file.shared = None;
                }
                Node::Folder(folder) => folder.crash(luck),
            }
        }
        Self { state: Arc::new(Mutex::new(after)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_lock(&self, path: &str, holder: &str) -> Result<Attempt<MemLock>> {
        let mut state = self.state();
        let (folder, name) = state.make_parent(path)?;
        let id = match state.folder(folder, path)?.live.get(&name) {
            Some(&id) => id,
            None => state.add(folder, name, Node::File(FileNode::default()), path)?,
        };
        if state.locked.contains(path) {
            let text = state.file(id, path)?.bytes.clone();
            return Ok(Attempt::HeldBy(String::from_utf8_lossy(&text).into_owned()));
        }
        *state.file(id, path)? =
            FileNode { bytes: holder.as_bytes().to_vec(), ..FileNode::default() };
        state.locked.insert(path.to_owned());
        Ok(Attempt::Taken(MemLock { path: path.to_owned(), dir: self.clone() }))
    }
}

impl FolderNode {
    /// Settles every name whose fate is open, one by one.
    fn crash(&mut self, luck: &mut dyn FnMut(u64) -> u64) {
        let mut kept = self.durable.clone();
        let names: BTreeSet<&String> = self.live.keys().chain(self.durable.keys()).collect();
        for name in names {
            let (old, new) = (self.durable.get(name), self.live.get(name));
            if old != new && luck(1) == 1 {
                match new {
                    Some(&id) => kept.insert(name.clone(), id),
                    None => kept.remove(name),
                };
            }
        }
        self.live.clone_from(&kept);
        self.durable = kept;
    }
}

impl State {
    fn node(&mut self, id: NodeId, path: &str) -> Result<&mut Node> {
        self.nodes.get_mut(id).ok_or_else(|| Error::internal(format!("no node for {path}")))
    }

    fn file(&mut self, id: NodeId, path: &str) -> Result<&mut FileNode> {
        match self.node(id, path)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(io(ErrorKind::IsADirectory, "open", path)),
        }
    }

    fn folder(&mut self, id: NodeId, path: &str) -> Result<&mut FolderNode> {
        match self.node(id, path)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(io(ErrorKind::NotADirectory, "open", path)),
        }
    }

    /// The node at `path`, or `None`.
    fn find(&mut self, path: &str) -> Result<Option<NodeId>> {
        let mut id = ROOT;
        for name in folder_names(path)? {
            match self.folder(id, path)?.live.get(name) {
                Some(&next) => id = next,
                None => return Ok(None),
            }
        }
        Ok(Some(id))
    }

    fn add(&mut self, folder: NodeId, name: String, node: Node, path: &str) -> Result<NodeId> {
        let id = self.nodes.len();
        self.folder(folder, path)?.live.insert(name, id);
        self.nodes.push(node);
        Ok(id)
    }

    /// Finds or makes the folder above `path`; returns it and the last name.
    fn make_parent(&mut self, path: &str) -> Result<(NodeId, String)> {
        let mut names = names(path)?;
        let last = names.pop().unwrap_or_default().to_owned();
        let mut id = ROOT;
        for name in names {
            id = match self.folder(id, path)?.live.get(name) {
                Some(&next) => next,
                None => self.add(id, name.to_owned(), Node::Folder(FolderNode::default()), path)?,
            };
        }
        self.folder(id, path)?;
        Ok((id, last))
    }

    /// Takes the name `path` out of its folder.
    fn unlink(&mut self, path: &str) -> Result<()> {
        let names = names(path)?;
        let Some(folder) = self.find(parent(path))? else { return Ok(()) };
        if let Some(last) = names.last() {
            self.folder(folder, path)?.live.remove(*last);
        }
        Ok(())
    }

    /// Whether the rename may put `from` at the place of `to`, as rename(2) has it.
    fn check_replaceable(&mut self, from: NodeId, to: NodeId, path: &str) -> Result<()> {
        let from_is_folder = matches!(self.node(from, path)?, Node::Folder(_));
        match self.node(to, path)? {
            Node::File(_) if from_is_folder => Err(io(ErrorKind::NotADirectory, "rename", path)),
            Node::Folder(_) if !from_is_folder => Err(io(ErrorKind::IsADirectory, "rename", path)),
            Node::Folder(folder) if !folder.live.is_empty() => {
                Err(io(ErrorKind::DirectoryNotEmpty, "rename", path))
            }
            _ => Ok(()),
        }
    }
}

impl Dir for MemDir {
    fn describe(&self) -> String {
        "(memory)".into()
    }

    fn create(&self, path: &str) -> Result<Box<dyn WriteFile>> {
        let mut state = self.state();
        let (folder, name) = state.make_parent(path)?;
        if state.folder(folder, path)?.live.contains_key(&name) {
            return Err(io(ErrorKind::AlreadyExists, "create", path));
        }
        let id = state.add(folder, name, Node::File(FileNode::default()), path)?;
        Ok(Box::new(MemWriteFile { dir: self.clone(), id, path: path.to_owned(), position: 0 }))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn ReadFile>> {
        names(path)?;
        let mut state = self.state();
        let id = state.find(path)?.ok_or_else(|| io(ErrorKind::NotFound, "open", path))?;
        let file = state.file(id, path)?;
        let bytes = file.shared.get_or_insert_with(|| aligned(&file.bytes)).clone();
        Ok(Arc::new(MemReadFile { path: path.to_owned(), bytes }))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.state().find(path)?.is_some())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        names(from)?;
        let mut state = self.state();
        let (folder, name) = state.make_parent(to)?;
        let id = state.find(from)?.ok_or_else(|| io(ErrorKind::NotFound, "rename", from))?;
        if from == to {
            return Ok(());
        }
        if to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(io(ErrorKind::InvalidInput, "rename", from));
        }
        if let Some(&taken) = state.folder(folder, to)?.live.get(&name) {
            state.check_replaceable(id, taken, from)?;
        }
        state.unlink(from)?;
        state.folder(folder, to)?.live.insert(name, id);
        Ok(())
    }

    fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        let mut state = self.state();
        let Some(id) = state.find(folder)? else { return Ok(Vec::new()) };
        let names = state.folder(id, folder)?.live.clone();
        let mut entries = Vec::with_capacity(names.len());
        for (name, id) in names {
            let (is_folder, bytes) = match state.node(id, folder)? {
                Node::File(file) => (false, file.bytes.len() as u64),
                Node::Folder(_) => (true, 0),
            };
            entries.push(Entry { name, is_folder, bytes });
        }
        Ok(entries)
    }

    fn remove_file(&self, path: &str) -> Result<()> {
        names(path)?;
        let mut state = self.state();
        let Some(id) = state.find(path)? else { return Ok(()) };
        state.file(id, path)?;
        state.unlink(path)
    }

    fn remove_folder(&self, path: &str) -> Result<()> {
        names(path)?;
        let mut state = self.state();
        let Some(id) = state.find(path)? else { return Ok(()) };
        state.folder(id, path)?;
        state.unlink(path)
    }

    fn sync_folder(&self, folder: &str) -> Result<()> {
        let mut state = self.state();
        let mut id = ROOT;
        for name in folder_names(folder)? {
            let above = state.folder(id, folder)?;
            let Some(&next) = above.live.get(name) else {
                return Err(io(ErrorKind::NotFound, "sync", folder));
            };
            above.durable.insert(name.to_owned(), next);
            id = next;
        }
        let folder = state.folder(id, folder)?;
        folder.durable.clone_from(&folder.live);
        Ok(())
    }

    fn lock(&self, path: &str, holder: &str, wait: Duration) -> Result<Box<dyn Lock>> {
        let lock = retry(path, wait, || self.try_lock(path, holder))?;
        Ok(Box::new(lock))
    }
}

#[derive(Debug)]
struct MemWriteFile {
    dir: MemDir,
    id: NodeId,
    path: String,
    position: u64,
}

impl WriteFile for MemWriteFile {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut state = self.dir.state();
        let file = state.file(self.id, &self.path)?;
        file.bytes.extend_from_slice(bytes);
        file.shared = None;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let mut state = self.dir.state();
        let file = state.file(self.id, &self.path)?;
        file.synced_bytes = file.bytes.len();
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.sync()
    }
}

#[derive(Debug)]
struct MemReadFile {
    path: String,
    bytes: Bytes,
}

impl ReadFile for MemReadFile {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn path(&self) -> &str {
        &self.path
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes> {
        slice(&self.path, &self.bytes, range)
    }
}

#[derive(Debug)]
struct MemLock {
    path: String,
    dir: MemDir,
}

impl Lock for MemLock {
    fn path(&self) -> &str {
        &self.path
    }
}

impl Drop for MemLock {
    fn drop(&mut self) {
        self.dir.state().locked.remove(&self.path);
    }
}

fn io(kind: ErrorKind, op: &'static str, path: &str) -> Error {
    Error::io(op, path, kind.into())
}

/// A copy of `bytes` that starts at a multiple of `MEMORY_ALIGNMENT`.
fn aligned(bytes: &[u8]) -> Bytes {
    let mut buffer: Vec<u8> = Vec::with_capacity(bytes.len() + MEMORY_ALIGNMENT);
    let padding = buffer.as_ptr().align_offset(MEMORY_ALIGNMENT).min(MEMORY_ALIGNMENT);
    // The capacity suffices for both, so the buffer does not move.
    buffer.resize(padding, 0);
    buffer.extend_from_slice(bytes);
    Bytes::from_owner(buffer).slice(padding..)
}

#[cfg(test)]
mod tests;
