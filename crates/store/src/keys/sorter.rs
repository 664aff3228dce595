//! Sorts keys with their ordinals: in memory, or in runs on disk if they do not fit.

use crate::keys::files::RunFilesWriter;
use crate::keys::layout::{Layout, NormalKey, ours};
use crate::load::sort;
use crate::merge::{FAN_IN, Merger, SortedRun, decode};
use crate::new_files::NewFiles;
use crate::paths;
use crate::verify::ORDINALS;
use crate::workers::Workers;
use arrow::array::{Array, AsArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::Int64Type;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{ColumnId, Error, Result};
use starfact_format::ColumnFile;
use std::sync::Arc;

/// What takes the sorted keys, in pieces.
pub(crate) type Sink<'a, K> = dyn FnMut(&[K], &[u64]) -> Result<()> + 'a;

/// Sorts the keys of one load.
pub(crate) struct KeySorter<'a, K> {
    files: &'a NewFiles,
    layout: &'a Layout,
    key: &'a [ColumnId],
    workers: &'a Workers,
    memory_bytes: usize,
    pairs: Vec<(K, u64)>,
    pair_bytes: usize,
    runs: Vec<SortedRun>,
    /// The folders of `runs`.
    folders: Vec<String>,
}

impl<'a, K: NormalKey> KeySorter<'a, K> {
    pub(crate) fn new(
        files: &'a NewFiles,
        layout: &'a Layout,
        key: &'a [ColumnId],
        workers: &'a Workers,
        memory_bytes: usize,
    ) -> Self {
        Self {
            files,
            layout,
            key,
            workers,
            memory_bytes,
            pairs: Vec::new(),
            pair_bytes: 0,
            runs: Vec::new(),
            folders: Vec::new(),
        }
    }

    /// Adds the keys of some rows.
    pub(crate) fn push(&mut self, keys: impl Iterator<Item = (K, u64)>) -> Result<()> {
        let from = self.pairs.len();
        self.pairs.extend(keys);
        let new = self.pairs.get(from..).unwrap_or_default();
        let bytes = |(key, _): &(K, u64)| key.byte_len() + size_of::<u64>();
        self.pair_bytes += new.iter().map(bytes).sum::<usize>();
        if self.pair_bytes > self.memory_bytes { self.spill() } else { Ok(()) }
    }

    /// Hands over all keys in ascending order, equal ones in any.
    pub(crate) fn finish(mut self, sink: &mut Sink<'_, K>) -> Result<()> {
        if self.runs.is_empty() {
            sort(&mut self.pairs, self.workers);
            return in_pieces(std::mem::take(&mut self.pairs), sink);
        }
        self.spill()?;
        while self.runs.len() > FAN_IN {
            let (group, folders) = self.take(FAN_IN);
            let mut output = Output::create(&self)?;
            self.merge(&group, &mut |keys, ordinals| output.append(&self, keys, ordinals))?;
            output.finish(&mut self)?;
            folders.iter().for_each(|folder| self.files.remove(folder));
        }
        let (group, folders) = self.take(self.runs.len());
        self.merge(&group, sink)?;
        folders.iter().for_each(|folder| self.files.remove(folder));
        Ok(())
    }

    /// Takes out the first runs and their folders.
    fn take(&mut self, count: usize) -> (Vec<SortedRun>, Vec<String>) {
        (self.runs.drain(..count).collect(), self.folders.drain(..count).collect())
    }

    /// Writes what is in memory as a run.
    fn spill(&mut self) -> Result<()> {
        if self.pairs.is_empty() {
            return Ok(());
        }
        let mut pairs = std::mem::take(&mut self.pairs);
        self.pair_bytes = 0;
        sort(&mut pairs, self.workers);
        let mut output = Output::create(self)?;
        in_pieces(pairs, &mut |keys, ordinals| output.append(self, keys, ordinals))?;
        output.finish(self)
    }

    fn merge(&self, runs: &[SortedRun], sink: &mut Sink<'_, K>) -> Result<()> {
        let places: Vec<usize> = (0..self.key.len()).collect();
        let mut merger = Merger::<K>::new(runs, self.layout, &places);
        while let Some(step) = merger.next_step()? {
            let ordinals = decode(runs, &step.ranges, self.key.len())?;
            let (keys, order): (Vec<K>, Vec<u32>) = step.pairs.into_iter().unzip();
            let ordinals =
                take(ordinals.as_ref(), &UInt32Array::from(order), None).map_err(ours)?;
            let ordinals = ordinals
                .as_primitive_opt::<Int64Type>()
                .filter(|ordinals| ordinals.null_count() == 0)
                .ok_or_else(|| Error::internal("ordinals that are not numbers"))?;
            let ordinals: Vec<u64> = ordinals.values().iter().map(|value| *value as u64).collect();
            sink(&keys, &ordinals)?;
        }
        Ok(())
    }
}

/// A run on disk in the making.
struct Output {
    folder: String,
    writer: RunFilesWriter,
}

impl Output {
    fn create<K>(sorter: &KeySorter<'_, K>) -> Result<Self> {
        let folder = sorter.files.temporary();
        let dir = sorter.files.dir().as_ref();
        let writer = RunFilesWriter::create(dir, &folder, sorter.key, sorter.layout)?;
        Ok(Self { folder, writer })
    }

    fn append<K: NormalKey>(
        &mut self,
        sorter: &KeySorter<'_, K>,
        keys: &[K],
        ordinals: &[u64],
    ) -> Result<()> {
        let numbers = ordinals.iter().map(|ordinal| *ordinal as i64);
        self.writer.append(sorter.layout, keys, numbers, sorter.workers)
    }

    /// Finishes the run and adds it to those of the sorter.
    fn finish<K>(self, sorter: &mut KeySorter<'_, K>) -> Result<()> {
        self.writer.finish(sorter.workers)?;
        let mut files = Vec::with_capacity(sorter.key.len() + 1);
        for id in sorter.key.iter().chain([&ORDINALS]) {
            let path = paths::column(&self.folder, *id);
            files.push(Arc::new(ColumnFile::open(sorter.files.dir().as_ref(), &path)?));
        }
        sorter.runs.push(SortedRun { parts: vec![files] });
        sorter.folders.push(self.folder);
        Ok(())
    }
}

fn in_pieces<K: NormalKey>(pairs: Vec<(K, u64)>, sink: &mut Sink<'_, K>) -> Result<()> {
    let mut pairs = pairs.into_iter();
    while pairs.len() > 0 {
        let (keys, ordinals): (Vec<K>, Vec<u64>) = pairs.by_ref().take(BLOCK_ROWS).unzip();
        sink(&keys, &ordinals)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
