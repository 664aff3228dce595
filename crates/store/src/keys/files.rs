//! Writes sorted keys and a number each into the files of a key run: see [`crate::keys::run`].

use crate::keys::layout::{Layout, NormalKey};
use crate::paths;
use crate::records::FileRecord;
use crate::verify::ORDINALS;
use crate::workers::Workers;
use arrow::array::{ArrayRef, Int64Array};
use starfact_base::{ColumnId, DataType, Result};
use starfact_encoding::EncodeOptions;
use starfact_format::{ColumnFileInfo, ColumnWriter};
use starfact_vfs::Dir;
use std::sync::Arc;

/// The files of a run in the making: the key's columns, then the numbers.
pub(crate) struct RunFilesWriter {
    columns: Vec<RunColumn>,
    rows: u64,
}

struct RunColumn {
    id: ColumnId,
    data_type: DataType,
    writer: Option<ColumnWriter>,
    values: Option<ArrayRef>,
    info: Option<ColumnFileInfo>,
}

impl RunFilesWriter {
    pub(crate) fn create(
        dir: &dyn Dir,
        folder: &str,
        key: &[ColumnId],
        layout: &Layout,
    ) -> Result<Self> {
        let types = layout.types().chain([DataType::BigInt]);
        let ids = key.iter().copied().chain([ORDINALS]);
        let mut columns = Vec::with_capacity(key.len() + 1);
        for (id, data_type) in ids.zip(types) {
            let path = paths::column(folder, id);
            let writer = ColumnWriter::create(dir, &path, data_type, EncodeOptions::default())?;
            let writer = Some(writer);
            columns.push(RunColumn { id, data_type, writer, values: None, info: None });
        }
        Ok(Self { columns, rows: 0 })
    }

    /// Keys so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends keys, which follow those before.
    pub(crate) fn append<K: NormalKey>(
        &mut self,
        layout: &Layout,
        keys: &[K],
        numbers: impl Iterator<Item = i64>,
        workers: &Workers,
    ) -> Result<()> {
        self.rows += keys.len() as u64;
        let mut values = K::decode(layout, keys)?;
        values.push(Arc::new(Int64Array::from_iter_values(numbers)));
        for (column, values) in self.columns.iter_mut().zip(values) {
            column.values = Some(values);
        }
        workers.each(&mut self.columns, |column| match (&mut column.writer, column.values.take()) {
            (Some(writer), Some(values)) => writer.append(&values),
            _ => Ok(()),
        })
    }

    /// Finishes the files; returns them and the number of keys.
    pub(crate) fn finish(mut self, workers: &Workers) -> Result<(Vec<FileRecord>, u64)> {
        workers.each(&mut self.columns, |column| {
            column.info = column.writer.take().map(ColumnWriter::finish).transpose()?;
            Ok(())
        })?;
        let record = |column: &RunColumn| {
            Some(FileRecord::new(column.id, column.data_type, column.info.as_ref()?))
        };
        Ok((self.columns.iter().filter_map(record).collect(), self.rows))
    }
}
