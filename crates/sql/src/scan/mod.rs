//! The encoded scan as DataFusion sees it: a table provider and an execution plan.
//!
//! Filters reach the scan when it is planned, dynamic ones through DataFusion's physical filter
//! push-down. Those that the encodings
//! understand become [`starfact_exec::ColumnFilter`]s; the others are evaluated on decoded values
//! of the rows that are left; either way the scan is answerable for them and no filter stays above
//! it.

mod beginning;
mod column;
mod effect;
mod filter;
mod like;
mod plan;
mod provider;
mod statistics;
mod stream;
mod totals;

pub(crate) use column::{
    ROW_ID, arrow_schema, ordinal_position, reference_position, row_id_name, schema_with_numbers,
};
pub(crate) use filter::{remap, scalar};
pub(crate) use plan::ScanExec;
pub(crate) use provider::{StarfactTable, stands_alone, stands_beside_scalars};
pub(crate) use statistics::scalar_value;
pub(crate) use stream::has_scalars;
pub(crate) use stream::{Partition, external};
pub(crate) use totals::EncodedTotals;

use crate::settings::UseCubes;
use starfact_exec::{Bitmaps, ScanOptions};

/// Which shortcuts a scan may take; see the settings of the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanSettings {
    /// `starfact.zone_maps`
    pub(crate) zone_maps: bool,
    /// `starfact.encoded_filters`
    pub(crate) encoded_filters: bool,
    /// `starfact.encoded_aggregates`
    pub(crate) encoded_aggregates: bool,
    /// `starfact.bitmaps`
    pub(crate) bitmaps: bool,
    /// `starfact.star_executor`
    pub(crate) star_executor: bool,
    /// `starfact.common_blocks`
    pub(crate) common_blocks: bool,
    /// `starfact.composed_blocks`
    pub(crate) composed_blocks: bool,
    /// `starfact.hierarchy_codes`
    pub(crate) hierarchy_codes: bool,
    /// `starfact.late_keys`
    pub(crate) late_keys: bool,
    /// `starfact.merged_groups`
    pub(crate) merged_groups: bool,
    /// `starfact.ordered_groups`
    pub(crate) ordered_groups: bool,
    /// `starfact.use_cubes`
    pub(crate) use_cubes: UseCubes,
}

impl ScanSettings {
    /// The same for the executor.
    fn options(self) -> ScanOptions {
        let bitmaps = if self.bitmaps { Bitmaps::IfCheaper } else { Bitmaps::Never };
        let Self { zone_maps, hierarchy_codes, .. } = self;
        ScanOptions { zone_maps, bitmaps, hierarchy_codes }
    }
}

impl Default for ScanSettings {
    fn default() -> Self {
        Self {
            zone_maps: true,
            encoded_filters: true,
            encoded_aggregates: true,
            bitmaps: true,
            star_executor: true,
            common_blocks: true,
            composed_blocks: true,
            hierarchy_codes: true,
            late_keys: true,
            merged_groups: true,
            ordered_groups: true,
            use_cubes: UseCubes::On,
        }
    }
}
