//! Checks the runs of a key against each other and against the rows.

use super::Check;
use crate::keys::index::layout_of;
use crate::keys::layout::{Layout, NormalKey, by_width, nulls_of};
use crate::keys::run::RunBlocks;
use crate::keys::search::find_each;
use crate::schema::Key;
use starfact_base::limits::BLOCK_ROWS;
use starfact_base::{Corruption, Error, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A set of pairs of a key and a row id: their number, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pairs {
    count: u64,
    hash: u64,
}

impl Pairs {
    fn add(&mut self, key: &impl Hash, row: u64) {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        row.hash(&mut hasher);
        self.count += 1;
        self.hash = self.hash.wrapping_add(hasher.finish());
    }
}

impl Check<'_> {
    /// Each run ascends, no live row has the key of another, and together the runs have the keys of
    /// all live rows.
    pub(super) fn check_key(&self, key: &Key) -> Result<()> {
        let layout = layout_of(self.table, key)?;
        by_width!(layout, K => self.check_key_of::<K>(key, &layout))
    }

    fn check_key_of<K: NormalKey>(&self, key: &Key, layout: &Layout) -> Result<()> {
        let mut in_runs = Pairs::default();
        let mut earlier: Vec<Arc<RunBlocks>> = Vec::new();
        for blocks in self.table.runs(key, layout)? {
            let fault = self.check_run::<K>(layout, &blocks, &earlier, &mut in_runs)?;
            if let Some((what, expected, found)) = fault {
                self.wrong_key(key, &what, expected, &found);
                return Ok(());
            }
            earlier.push(blocks);
        }
        let in_rows = self.pairs_of_rows::<K>(key, layout)?;
        if in_rows != in_runs {
            let expected = format!("the keys of {} rows with their ids", in_rows.count);
            let found = match in_rows.count == in_runs.count {
                true => "others".to_owned(),
                false => format!("{} keys", in_runs.count),
            };
            self.wrong_key(key, "key runs", &expected, &found);
        }
        Ok(())
    }

    /// Adds the keys of a run; what is wrong with it, if anything.
    fn check_run<K: NormalKey>(
        &self,
        layout: &Layout,
        blocks: &RunBlocks,
        earlier: &[Arc<RunBlocks>],
        pairs: &mut Pairs,
    ) -> Result<Option<(String, &'static str, String)>> {
        let mut last: Option<K> = None;
        for block in 0..blocks.count() {
            let (keys, rows) = match blocks.load::<K>(layout, block) {
                Ok(loaded) => loaded,
                Err(Error::Corrupt { corruption, .. }) => {
                    let Corruption { what, found, .. } = corruption;
                    return Ok(Some((what, "ids of rows of the run", found)));
                }
                Err(other) => return Err(other),
            };
            // In memory the rows that a key had before are still there.
            let ascend = |a: &K, b: &K| a < b || (a == b && blocks.memory::<K>().is_some());
            let is_after =
                last.as_ref().is_none_or(|last| keys.first().is_none_or(|key| ascend(last, key)));
            if !(is_after && keys.is_sorted_by(ascend)) {
                let what = format!("block {block} of a key run");
                return Ok(Some((what, "keys that ascend", "others".into())));
            }
            let mut repeated = None;
            let mut live: Vec<(&K, u64)> = keys.iter().zip(rows.iter().copied()).collect();
            live.retain(|(_, row)| self.table.is_live(*row));
            for pair in live.windows(2) {
                if let [(a, _), (b, row)] = pair
                    && a == b
                {
                    repeated.get_or_insert(*row);
                }
            }
            for run in earlier {
                find_each(layout, run, &keys, &mut |place, earlier| {
                    let is_live = |row: &u64| self.table.is_live(*row);
                    if is_live(&earlier) && rows.get(place).is_some_and(is_live) {
                        repeated.get_or_insert(earlier);
                    }
                    Ok(())
                })?;
            }
            if let Some(row) = repeated {
                let what = format!("key of row {row}");
                return Ok(Some((what, "one row with it", "two".into())));
            }
            live.iter().for_each(|(key, row)| pairs.add(*key, *row));
            last = keys.last().cloned();
            (self.options.proceed)(0)?;
        }
        Ok(None)
    }

    fn pairs_of_rows<K: NormalKey>(&self, key: &Key, layout: &Layout) -> Result<Pairs> {
        let mut pairs = Pairs::default();
        for segment in &self.table.segments {
            for block in 0..segment.block_count() {
                let values = self.table.blocks_values(segment, &key.columns, block)?;
                let nulls = nulls_of(&values);
                let first = segment.first_row() + (block * BLOCK_ROWS) as u64;
                for (row, key) in K::encode(layout, &values)?.iter().enumerate() {
                    let has_key = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                    let row = first + row as u64;
                    if has_key && self.table.is_live(row) {
                        pairs.add(key, row);
                    }
                }
                (self.options.proceed)(0)?;
            }
        }
        Ok(pairs)
    }

    fn wrong_key(&self, key: &Key, what: &str, expected: &str, found: &str) {
        let columns = self.table.schema.column_names(&key.columns);
        let table = self.table.name();
        let what = format!("key ({columns}) of table \"{table}\": {what}");
        let damage = Corruption::new(0, what, expected, found);
        let path = match self.table.key_runs.iter().find(|run| run.key() == key.id) {
            Some(run) => run.folder().map(ToString::to_string),
            None => None,
        };
        let path = path.unwrap_or_else(|| crate::paths::table(self.table.id()));
        self.add_fault(damage.in_file(path));
    }
}
