//! The settings of a session: `SET`, `RESET`, `SHOW`.
//!
//! Each of ours is one row of [`SETTINGS`]. Names beginning with `datafusion.` reach the query
//! engine below directly.

use crate::deadline;
use crate::error::{Error, Result};
use crate::scan::ScanSettings;
use datafusion::prelude::SessionConfig;
use starfact_store::{Durability, MergePolicy, Retention, SharedDictionaries};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Memory that a sort keeps for merging, at most.
const MERGE_BYTES_MAX: usize = 10 << 20;

/// What a session may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) scan: ScanSettings,
    pub(crate) threads: usize,
    pub(crate) memory_limit: u64,
    pub(crate) cube_lookups: bool,
    pub(crate) derive_columns: bool,
    /// When a commit is safe from power cuts.
    pub(crate) durability: Durability,
    /// Whether columns get bitmap indexes of which nobody has said whether they should.
    pub(crate) index_columns: bool,
    /// Whether plans of queries are kept for the next time.
    pub(crate) plan_cache: bool,
    pub(crate) query_log: bool,
    /// How long a statement may take; no time at all is no limit.
    pub(crate) statement_timeout: Duration,
    pub(crate) shared_dictionaries: SharedDictionaries,
    /// Which older epochs can be read.
    pub(crate) retention: Retention,
    pub(crate) merging: Merging,
    /// So many of a million answers of cubes are compared with those of tables.
    pub(crate) verify_millionths: u32,
}

/// Whether cubes answer queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UseCubes {
    Off,
    #[default]
    On,
    /// A query that reads a table without cubes fails.
    Require,
}

impl UseCubes {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Require => "require",
        }
    }
}

/// How rows are written again in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merging {
    pub(crate) is_on: bool,
    pub(crate) policy: MergePolicy,
}

impl Default for Merging {
    fn default() -> Self {
        Self { is_on: true, policy: MergePolicy::default() }
    }
}

/// Epochs that are kept unless told otherwise: the last so many, and those of the last so many
/// seconds.
const RETAINED_EPOCHS: u64 = 10;
const RETAINED_SECONDS: u64 = 3600;

/// What [`Settings::new`] begins with.
pub(crate) const DEFAULT_RETENTION: Retention =
    Retention { epochs: RETAINED_EPOCHS, duration: Duration::from_secs(RETAINED_SECONDS) };

/// One setting: how it is called, what it does, how it is read and written.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) get: fn(&Settings) -> String,
    set: fn(&mut Settings, &str) -> Result<()>,
    reset: fn(&mut Settings, &Settings),
}

/// A setting that is on or off.
macro_rules! switch {
    ($name:literal, $description:literal, $($field:ident).+) => {
        Setting {
            name: $name,
            description: concat!($description, " (on, off)"),
            get: |settings| on_off(settings.$($field).+),
            set: |settings, value| {
                settings.$($field).+ = parse_bool(value)?;
                Ok(())
            },
            reset: |settings, defaults| settings.$($field).+ = defaults.$($field).+,
        }
    };
}

/// A setting that is a number within bounds.
macro_rules! number {
    ($name:literal, $description:literal, $bounds:expr, $($field:ident).+) => {
        Setting {
            name: $name,
            description: $description,
            get: |settings| settings.$($field).+.to_string(),
            set: |settings, value| {
                settings.$($field).+ = parse_number(value, $bounds)?;
                Ok(())
            },
            reset: |settings, defaults| settings.$($field).+ = defaults.$($field).+,
        }
    };
}

/// All settings, by name.
pub(crate) const SETTINGS: &[Setting] = &[
    switch!(
        "starfact.background_merges",
        "write rows again in the background: those in memory, small files, files that overlap",
        merging.is_on
    ),
    switch!(
        "starfact.bitmaps",
        "answer filters by bitmap indexes where these cost less",
        scan.bitmaps
    ),
    switch!(
        "starfact.encoded_aggregates",
        "aggregate whole tables by zone maps and on encoded blocks",
        scan.encoded_aggregates
    ),
    switch!(
        "starfact.cube_lookups",
        "in commits, look up dimensions of few rows for cubes instead of joining them",
        cube_lookups
    ),
    switch!(
        "starfact.derive_columns",
        "store columns that follow from others as a rule",
        derive_columns
    ),
    Setting {
        name: "starfact.durability",
        description: "when commits are on disk: before they return, or soon after (sync, async)",
        get: |settings| match settings.durability {
            Durability::Sync => "sync".into(),
            Durability::Async => "async".into(),
        },
        set: |settings, value| {
            settings.durability = parse_durability(value)?;
            Ok(())
        },
        reset: |settings, defaults| settings.durability = defaults.durability,
    },
    switch!("starfact.encoded_filters", "evaluate filters on encoded blocks", scan.encoded_filters),
    number!(
        "starfact.flush_rows",
        "rows in memory from which on they are written into files in the background",
        1..=1 << 30,
        merging.policy.flush_rows
    ),
    Setting {
        name: "starfact.flush_size",
        description: "the same as a size, for example 64MB",
        get: |settings| format_bytes(settings.merging.policy.flush_bytes),
        set: |settings, value| {
            settings.merging.policy.flush_bytes = parse_bytes(value)?;
            Ok(())
        },
        reset: |settings, defaults| {
            settings.merging.policy.flush_bytes = defaults.merging.policy.flush_bytes;
        },
    },
    switch!(
        "starfact.common_blocks",
        "read once what several aggregations of a query are of",
        scan.common_blocks
    ),
    switch!(
        "starfact.composed_blocks",
        "find groups by a foreign key, and rows that refer or are referred to, by ordinal",
        scan.composed_blocks
    ),
    switch!(
        "starfact.hierarchy_codes",
        "look for sets of dimension rows by codes instead of row by row",
        scan.hierarchy_codes
    ),
    switch!(
        "starfact.index_columns",
        "give columns bitmap indexes where these pay, unasked",
        index_columns
    ),
    switch!(
        "starfact.late_keys",
        "read columns that the key of a group determines for the first groups only",
        scan.late_keys
    ),
    Setting {
        name: "starfact.memory_limit",
        description: "memory that queries and loads may take, for example 4GB",
        get: |settings| format_bytes(settings.memory_limit),
        set: |settings, value| {
            settings.memory_limit = parse_bytes(value)?;
            Ok(())
        },
        reset: |settings, defaults| settings.memory_limit = defaults.memory_limit,
    },
    number!(
        "starfact.merge_fan_in",
        "files of about one size that are merged into one (2 to 64)",
        2..=64,
        merging.policy.fan_in
    ),
    number!(
        "starfact.merge_rows_max",
        "rows of the largest sorted sequence of files that a merge makes",
        1..=1 << 40,
        merging.policy.rows_max
    ),
    switch!(
        "starfact.merged_groups",
        "merge the groups of threads by their codes",
        scan.merged_groups
    ),
    switch!(
        "starfact.ordered_groups",
        "finish groups one after the other where rows are in their order",
        scan.ordered_groups
    ),
    switch!("starfact.plan_cache", "keep plans of queries for the next time", plan_cache),
    switch!("starfact.query_log", "list statements in sys.query_log", query_log),
    Setting {
        name: "starfact.retain_epochs",
        description: "older epochs that AS OF EPOCH can read: the last so many",
        get: |settings| settings.retention.epochs.to_string(),
        set: |settings, value| {
            settings.retention.epochs = parse_count(value)?;
            Ok(())
        },
        reset: |settings, defaults| settings.retention.epochs = defaults.retention.epochs,
    },
    Setting {
        name: "starfact.retain_seconds",
        description: "older epochs that AS OF EPOCH can read: those of the last so many seconds",
        get: |settings| settings.retention.duration.as_secs().to_string(),
        set: |settings, value| {
            settings.retention.duration = Duration::from_secs(parse_count(value)?);
            Ok(())
        },
        reset: |settings, defaults| settings.retention.duration = defaults.retention.duration,
    },
    Setting {
        name: "starfact.shared_dictionaries",
        description: "store text as codes of dictionaries of the table (on, off, always)",
        get: |settings| match settings.shared_dictionaries {
            SharedDictionaries::Always => "always".into(),
            wanted => on_off(wanted == SharedDictionaries::WhereSmaller),
        },
        set: |settings, value| {
            settings.shared_dictionaries = parse_shared_dictionaries(value)?;
            Ok(())
        },
        reset: |settings, defaults| settings.shared_dictionaries = defaults.shared_dictionaries,
    },
    switch!(
        "starfact.star_executor",
        "join facts with dimensions by array look-ups",
        scan.star_executor
    ),
    Setting {
        name: "starfact.statement_timeout",
        description: "time that a statement may take, for example 30s; 0 is no limit",
        get: |settings| deadline::format(settings.statement_timeout),
        set: |settings, value| {
            settings.statement_timeout = deadline::parse(value)?;
            Ok(())
        },
        reset: |settings, defaults| settings.statement_timeout = defaults.statement_timeout,
    },
    Setting {
        name: "starfact.use_cubes",
        description: "answer queries from cubes if they can, never, or always (on, off, require)",
        get: |settings| settings.scan.use_cubes.as_str().into(),
        set: |settings, value| {
            settings.scan.use_cubes = match value.eq_ignore_ascii_case("require") {
                true => UseCubes::Require,
                false => match parse_bool(value) {
                    Ok(true) => UseCubes::On,
                    Ok(false) => UseCubes::Off,
                    Err(_) => {
                        let message = format!("expected on, off or require, found '{value}'");
                        return Err(Error::sql(message)
                            .with_hint("require fails where a table would be read"));
                    }
                },
            };
            Ok(())
        },
        reset: |settings, defaults| settings.scan.use_cubes = defaults.scan.use_cubes,
    },
    Setting {
        name: "starfact.verify_answers",
        description: "share of answers of cubes that are compared with those of tables (0 to 1)",
        get: |settings| (f64::from(settings.verify_millionths) / 1e6).to_string(),
        set: |settings, value| {
            settings.verify_millionths = match value.parse::<f64>() {
                Ok(share) if (0.0..=1.0).contains(&share) => (share * 1e6).round() as u32,
                _ => {
                    return Err(Error::sql(format!("'{value}' is no share"))
                        .with_hint("write a number from 0 to 1, as in 0.01"));
                }
            };
            Ok(())
        },
        reset: |settings, defaults| settings.verify_millionths = defaults.verify_millionths,
    },
    number!("starfact.threads", "threads that a query may use", 1..=1024, threads),
    switch!("starfact.zone_maps", "skip blocks by their zone maps", scan.zone_maps),
];

impl Settings {
    /// Values that stand for nothing, to try others on.
    pub(crate) fn minimal() -> Self {
        Self::new(1, 1_000_000)
    }

    /// The settings of a session that has set nothing.
    pub(crate) fn new(threads: usize, memory_limit: u64) -> Self {
        Self {
            scan: ScanSettings::default(),
            threads,
            memory_limit,
            cube_lookups: true,
            derive_columns: true,
            durability: Durability::default(),
            index_columns: true,
            plan_cache: true,
            query_log: true,
            statement_timeout: Duration::ZERO,
            shared_dictionaries: SharedDictionaries::default(),
            retention: DEFAULT_RETENTION,
            merging: Merging::default(),
            verify_millionths: 0,
        }
    }

    /// Sets one of ours; `false` if there is none of that name.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool> {
        let Some(setting) = find(name) else { return Ok(false) };
        (setting.set)(self, value).map_err(|error| Error {
            message: format!("{}: {}", setting.name, error.message),
            ..error
        })?;
        Ok(true)
    }

    /// Gives one of ours its default; `false` if there is none of that name.
    pub(crate) fn reset(&mut self, name: &str, defaults: &Self) -> bool {
        let setting = find(name);
        setting.inspect(|setting| (setting.reset)(self, defaults)).is_some()
    }

    /// Reads one of ours.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        find(name).map(|setting| (setting.get)(self))
    }

    /// Applies the settings to the configuration of the next statement.
    pub(crate) fn apply(&self, config: SessionConfig) -> SessionConfig {
        // A sort keeps this much for merging what it has spilled; every thread has one.
        let per_thread = self.memory_limit / self.threads.max(1) as u64;
        let merge_bytes = usize::try_from(per_thread / 8).unwrap_or(MERGE_BYTES_MAX);
        config
            .with_target_partitions(self.threads)
            .with_sort_spill_reservation_bytes(merge_bytes.min(MERGE_BYTES_MAX))
            .with_extension(std::sync::Arc::new(self.scan))
    }
}

/// Finds a setting by its full name or by the part behind `starfact.`.
fn find(name: &str) -> Option<&'static Setting> {
    let name = name.strip_prefix("starfact.").unwrap_or(name);
    SETTINGS.iter().find(|setting| {
        setting.name.strip_prefix("starfact.").is_some_and(|short| short.eq_ignore_ascii_case(name))
    })
}

fn on_off(value: bool) -> String {
    if value { "on".into() } else { "off".into() }
}

fn parse_bool(value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err(Error::sql(format!("expected on or off, found '{value}'"))),
    }
}

fn parse_shared_dictionaries(value: &str) -> Result<SharedDictionaries> {
    if value.eq_ignore_ascii_case("always") {
        return Ok(SharedDictionaries::Always);
    }
    match parse_bool(value) {
        Ok(true) => Ok(SharedDictionaries::WhereSmaller),
        Ok(false) => Ok(SharedDictionaries::Off),
        Err(_) => Err(Error::sql(format!("expected on, off or always, found '{value}'"))),
    }
}

fn parse_durability(value: &str) -> Result<Durability> {
    match value.to_ascii_lowercase().as_str() {
        "sync" => Ok(Durability::Sync),
        "async" => Ok(Durability::Async),
        _ => Err(Error::sql(format!("expected sync or async, found '{value}'"))),
    }
}

fn parse_count(value: &str) -> Result<u64> {
    let count = value.trim().parse().ok().filter(|count| *count <= 1 << 40);
    count.ok_or_else(|| Error::sql(format!("\"{value}\" is no count")).with_hint("as in 10, or 0"))
}

fn parse_number<T>(value: &str, bounds: RangeInclusive<T>) -> Result<T>
where
    T: FromStr + PartialOrd + Display,
{
    let number = value.trim().parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| {
        let (low, high) = bounds.into_inner();
        Error::sql(format!("expected a number from {low} to {high}, found '{value}'"))
    })
}

/// Reads a size such as `4GB`, `512 MiB`, `1.5g` or `1000000`.
///
/// # Errors
/// Text that is not a size, and sizes under 1 MB.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = || {
        Error::sql(format!("expected a size, found '{text}'"))
            .with_hint("write for example 4GB, 512MiB or 800000000")
    };
    let text = text.trim();
    let split = text.find(|ch: char| !ch.is_ascii_digit() && ch != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let scale: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let bytes = number * scale;
    if !(1e6..=1e17).contains(&bytes) {
        return Err(Error::sql(format!("{text} is out of bounds")).with_hint("give 1MB to 100PB"));
    }
    Ok(bytes as u64)
}

fn format_bytes(bytes: u64) -> String {
    if bytes >= 1_000_000_000 {
        format!("{:.1}GB", bytes as f64 / 1e9)
    } else {
        format!("{:.1}MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        assert_eq!(parse_bytes("4GB").unwrap(), 4_000_000_000);
        assert_eq!(parse_bytes("1.5 GiB").unwrap(), 3 << 29);
        assert_eq!(parse_bytes("2000000").unwrap(), 2_000_000);
        for wrong in ["", "GB", "4XB", "-1GB", "1KB", "1e3", "999999TB"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn settings_answer_to_their_short_name_too() {
        let mut settings = Settings::new(2, 1_000_000);
        assert!(settings.set("zone_maps", "off").unwrap());
        assert_eq!(settings.get("starfact.zone_maps").as_deref(), Some("off"));
        assert!(settings.set("starfact.threads", "0").is_err());
        assert!(!settings.set("nonsense", "1").unwrap());
    }

    #[test]
    fn commits_are_durable_at_once_or_soon_after() {
        let mut settings = Settings::new(2, 1_000_000);
        assert_eq!(settings.get("durability").as_deref(), Some("sync"));
        assert!(settings.set("starfact.durability", "ASYNC").unwrap());
        assert_eq!(settings.get("starfact.durability").as_deref(), Some("async"));
        let error = settings.set("durability", "off").unwrap_err();
        assert_eq!(error.message, "starfact.durability: expected sync or async, found 'off'");
        assert!(settings.reset("durability", &Settings::minimal()));
        assert_eq!(settings.durability, Durability::Sync);
    }

    #[test]
    fn dictionaries_are_shared_where_smaller_never_or_always() {
        let mut settings = Settings::new(2, 1_000_000);
        for value in ["on", "off", "always"] {
            assert!(settings.set("starfact.shared_dictionaries", value).unwrap());
            assert_eq!(settings.get("shared_dictionaries").as_deref(), Some(value));
        }
        let error = settings.set("starfact.shared_dictionaries", "often").unwrap_err();
        assert!(error.message.contains("expected on, off or always, found 'often'"));
        assert!(settings.reset("starfact.shared_dictionaries", &Settings::new(1, 1)));
        assert_eq!(settings.get("starfact.shared_dictionaries").as_deref(), Some("on"));
    }
}
