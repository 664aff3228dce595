//! What a benchmark found out, in the shape of its JSON.

use serde::Serialize;

/// The result of a run: everything that the JSON file holds.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `ssb`.
    pub workload: &'static str,
    /// The scale factor.
    pub sf: f64,
    /// Threads of the warehouse and of the generator.
    pub threads: usize,
    /// Starfact's version.
    pub version: &'static str,
    /// One entry a query, in the order in which they ran.
    pub queries: Vec<QueryReport>,
    /// What the answers were compared with.
    pub verified_against: VerifiedAgainst,
    /// How the tables came into the warehouse.
    pub load: LoadReport,
    /// The cubes that answered, if there were to be any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cubes: Option<CubesReport>,
    /// Size of the warehouse directory.
    pub bytes: u64,
    /// Most memory that the process held until the last query had run, in bytes; verification
    /// comes later. Absent where the system does not tell.
    pub peak_rss: Option<u64>,
}

/// The times of one query and whether its answer was right.
#[derive(Clone, Debug, Serialize)]
pub struct QueryReport {
    /// Flight and number, `Q2.1`.
    pub name: &'static str,
    /// Rows of the answer.
    pub rows: usize,
    /// Milliseconds of each timed run, in order, from the text of the query to its last row.
    pub runs_ms: Vec<f64>,
    /// Their median.
    pub p50_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// Of a run with cubes: the median without them, in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms_without_cubes: Option<f64>,
    /// Whether every run, the warm-up included, gave the right answer.
    pub verified: bool,
    /// What was wrong with the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

/// Where the right answers came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum VerifiedAgainst {
    /// The answers in `datasets/ssb/answers`, made by two other engines.
    #[serde(rename = "stored answers")]
    StoredAnswers,
    /// Stock DataFusion over generated Parquet files, evaluated in this run.
    #[serde(rename = "DataFusion over Parquet")]
    DataFusion,
}

/// The cubes of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CubesReport {
    /// How many were created in this run; the others were there already.
    pub created: u64,
    /// Seconds that this took; absent if all were there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Cells of all of them.
    pub cells: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// How the tables came into the warehouse.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoadReport {
    /// Rows loaded in this run: 0 if all were there already.
    pub rows: u64,
    /// Seconds that this took, generation included: it runs beside the load.
    pub seconds: f64,
    /// Their ratio; absent if nothing was loaded.
    pub rows_per_second: Option<f64>,
    /// One entry a table, in the order of loading.
    pub tables: Vec<TableLoad>,
}

/// The load of one table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableLoad {
    /// Its name.
    pub table: &'static str,
    /// Its rows, loaded or not.
    pub rows: u64,
    /// Whether the table was there already.
    pub reused: bool,
    /// Seconds that the load took.
    pub seconds: f64,
    /// Rows over seconds; absent if the table was there already.
    pub rows_per_second: Option<f64>,
}

impl Report {
    /// Whether every answer was right.
    pub fn is_verified(&self) -> bool {
        self.queries.iter().all(|query| query.verified)
    }

    /// The report as indented JSON, with a line break at the end.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }
}

impl std::fmt::Display for VerifiedAgainst {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::StoredAnswers => "stored answers",
            Self::DataFusion => "DataFusion over Parquet",
        })
    }
}

impl QueryReport {
    /// A report whose median and minimum follow from the times; at least one is needed.
    pub(crate) fn new(
        name: &'static str,
        rows: usize,
        runs_ms: Vec<f64>,
        mismatch: Option<String>,
    ) -> Self {
        let mut ascending = runs_ms.clone();
        ascending.sort_by(f64::total_cmp);
        let middle = ascending.len() / 2;
        let p50 = if ascending.len() % 2 == 1 {
            ascending[middle]
        } else {
            (ascending[middle - 1] + ascending[middle]) / 2.0
        };
        let verified = mismatch.is_none();
        let (p50_ms, min_ms) = (rounded(p50), rounded(ascending[0]));
        let runs_ms = runs_ms.into_iter().map(rounded).collect();
        let p50_ms_without_cubes = None;
        Self { name, rows, runs_ms, p50_ms, min_ms, p50_ms_without_cubes, verified, mismatch }
    }

    /// The same of a run with cubes, beside one without; wrong if either was.
    pub(crate) fn beside(mut self, without: Self) -> Self {
        self.p50_ms_without_cubes = Some(without.p50_ms);
        let mismatch = without.mismatch.map(|what| format!("without cubes: {what}"));
        self.mismatch = self.mismatch.or(mismatch);
        self.verified = self.mismatch.is_none();
        self
    }
}

impl LoadReport {
    pub(crate) fn new(tables: Vec<TableLoad>) -> Self {
        let loaded = || tables.iter().filter(|table| !table.reused);
        let rows = loaded().map(|table| table.rows).sum();
        let seconds = loaded().map(|table| table.seconds).sum();
        let rows_per_second = loaded().next().map(|_| rate(rows, seconds));
        Self { rows, seconds, rows_per_second, tables }
    }

    /// Whether everything was there already.
    pub fn is_reused(&self) -> bool {
        self.tables.iter().all(|table| table.reused)
    }
}

impl TableLoad {
    pub(crate) fn reused(table: &'static str, rows: u64) -> Self {
        Self { table, rows, reused: true, seconds: 0.0, rows_per_second: None }
    }

    pub(crate) fn loaded(table: &'static str, rows: u64, seconds: f64) -> Self {
        let rows_per_second = Some(rate(rows, seconds));
        Self { table, rows, reused: false, seconds: rounded(seconds), rows_per_second }
    }
}

fn rate(rows: u64, seconds: f64) -> f64 {
    (rows as f64 / seconds.max(1e-9)).round()
}

/// Microseconds of a time in milliseconds, milliseconds of one in seconds: more is noise.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_of_runs_is_in_the_middle() {
        let report = |runs: &[f64]| QueryReport::new("Q1.1", 1, runs.to_vec(), None);
        let odd = report(&[3.0, 1.0, 2.000_49]);
        assert_eq!((odd.p50_ms, odd.min_ms), (2.0, 1.0));
        assert_eq!(odd.runs_ms, [3.0, 1.0, 2.0]);
        let even = report(&[4.0, 1.0, 2.0, 3.0]);
        assert_eq!((even.p50_ms, even.min_ms), (2.5, 1.0));
    }

    #[test]
    fn what_was_there_already_does_not_count_as_loaded() {
        let tables = vec![TableLoad::reused("date", 2_557), TableLoad::loaded("part", 10, 2.0)];
        let load = LoadReport::new(tables);
        assert_eq!((load.rows, load.seconds, load.rows_per_second), (10, 2.0, Some(5.0)));
        assert!(!load.is_reused());
        let load = LoadReport::new(vec![TableLoad::reused("date", 2_557)]);
        assert_eq!((load.rows, load.rows_per_second), (0, None));
        assert!(load.is_reused());
    }

    #[test]
    fn the_json_has_what_scripts_read() {
        let report = Report {
            workload: "ssb",
            sf: 0.01,
            threads: 2,
            version: "0.1.0",
            queries: vec![
                QueryReport::new("Q1.1", 1, vec![1.5], None),
                QueryReport::new("Q1.2", 0, vec![2.0, 4.0], Some("missing row (1)".into())),
            ],
            verified_against: VerifiedAgainst::StoredAnswers,
            load: LoadReport::new(vec![TableLoad::loaded("date", 2_557, 0.5)]),
            cubes: None,
            bytes: 12,
            peak_rss: Some(34),
        };
        assert!(!report.is_verified());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["workload"], "ssb");
        assert_eq!(json["verified_against"], "stored answers");
        assert_eq!(json["queries"][0]["runs_ms"][0], 1.5);
        assert_eq!(json["queries"][0]["verified"], true);
        assert!(json["queries"][0].get("mismatch").is_none());
        assert_eq!(json["queries"][1]["verified"], false);
        assert_eq!(json["queries"][1]["p50_ms"], 3.0);
        assert_eq!(json["load"]["tables"][0]["rows_per_second"], 5114.0);
        assert_eq!((&json["bytes"], &json["peak_rss"]), (&12.into(), &34.into()));
    }
}
