//! The options of COPY and of `read_csv` and the like, in PostgreSQL's and DuckDB's spellings.

use super::Format;
use crate::csv::Dialect;
use crate::error::{Error, Result};
use crate::parse::CopyOptions;
use std::path::Path;

const DELIMITER: [&str; 3] = ["delimiter", "delim", "sep"];
const NULL: [&str; 2] = ["null", "nullstr"];
const COMPRESSION: [&str; 2] = ["compression", "codec"];
const CSV: [&str; 10] = [
    "format",
    "header",
    "delimiter",
    "delim",
    "sep",
    "null",
    "nullstr",
    "quote",
    "escape",
    "encoding",
];
const PARQUET: [&str; 5] =
    ["format", "compression", "codec", "compression_level", "row_group_size"];

/// What is said about a CSV file.
#[derive(Clone, Debug)]
pub(super) struct CsvOptions {
    pub(super) dialect: Dialect,
    pub(super) has_header: Option<bool>,
    /// Whether the delimiter was given.
    pub(super) is_delimited: bool,
    /// Whether all columns are VARCHAR, where there is no table to say.
    pub(super) all_varchar: bool,
}

/// What is said about a Parquet file that is written.
#[derive(Clone, Debug, Default)]
pub(super) struct ParquetOptions {
    pub(super) compression: Option<String>,
    pub(super) compression_level: Option<i32>,
    pub(super) row_group_rows: Option<usize>,
}

/// The format that FORMAT names, or else the one of the file's name.
pub(super) fn format(options: &CopyOptions, path: &Path, exists: bool) -> Result<Option<Format>> {
    match options.get(&["format"]) {
        Some(name) => {
            let named = Format::named(name)?;
            // FORMAT csv leaves the delimiter of a .tsv or .tbl file to its name.
            match (named, Format::of_name(path)) {
                (Format::Csv(b','), Ok(Some(Format::Csv(delimiter)))) => {
                    Ok(Some(Format::Csv(delimiter)))
                }
                _ => Ok(Some(named)),
            }
        }
        None if exists => Format::of_file(path),
        None => Format::of_name(path),
    }
}

/// Reads the options of a CSV file whose delimiter, if none is given, is `delimiter`.
pub(super) fn csv(options: &CopyOptions, delimiter: u8) -> Result<CsvOptions> {
    options.only(&CSV)?;
    csv_without_check(options, delimiter)
}

/// The same for `read_csv`, which has an option more.
pub(super) fn csv_function(options: &CopyOptions, delimiter: u8) -> Result<CsvOptions> {
    let known: Vec<&str> = CSV.into_iter().chain(["all_varchar"]).collect();
    options.only(&known)?;
    let all_varchar = options.get_bool(&["all_varchar"])?.unwrap_or(false);
    Ok(CsvOptions { all_varchar, ..csv_without_check(options, delimiter)? })
}

fn csv_without_check(options: &CopyOptions, delimiter: u8) -> Result<CsvOptions> {
    if let Some(encoding) = options.get(&["encoding"])
        && !["utf8", "utf-8"].contains(&encoding.to_ascii_lowercase().as_str())
    {
        return Err(Error::sql(format!("ENCODING {encoding} is not supported"))
            .with_hint("files are UTF-8: convert others first, for example with iconv"));
    }
    let given = options.get_byte(&DELIMITER)?;
    let quote = match options.get(&["quote"]) {
        Some("") => None,
        Some(_) => options.get_byte(&["quote"])?,
        None => Some(b'"'),
    };
    let escape = options.get_byte(&["escape"])?.or(quote).unwrap_or(b'"');
    let dialect = Dialect {
        delimiter: given.unwrap_or(delimiter),
        quote,
        escape,
        null: options.get(&NULL).unwrap_or_default().to_owned(),
    };
    dialect.check()?;
    let has_header = match options.get(&["header"]) {
        Some(value) if value.eq_ignore_ascii_case("match") => Some(true),
        _ => options.get_bool(&["header"])?,
    };
    Ok(CsvOptions { dialect, has_header, is_delimited: given.is_some(), all_varchar: false })
}

/// Reads the options of a Parquet file that is written.
pub(super) fn parquet(options: &CopyOptions) -> Result<ParquetOptions> {
    options.only(&PARQUET)?;
    let number = |name: &str| match options.get(&[name]) {
        None => Ok(None),
        Some(text) => match text.parse::<u32>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(Error::sql(format!("{name} must be a number above 0, not '{text}'"))),
        },
    };
    Ok(ParquetOptions {
        compression: options.get(&COMPRESSION).map(str::to_ascii_lowercase),
        compression_level: number("compression_level")?.map(|level| level.min(100) as i32),
        row_group_rows: number("row_group_size")?.map(|rows| rows as usize),
    })
}

/// Refuses options of a Parquet file that is read: it says everything itself.
pub(super) fn no_options(options: &CopyOptions) -> Result<()> {
    options.only(&["format"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> CopyOptions {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        CopyOptions(pairs.collect())
    }

    #[test]
    fn a_format_keeps_the_delimiter_of_the_file_name() {
        let of = |pairs: &[(&str, &str)], path| {
            format(&options(pairs), Path::new(path), false).map_err(|error| error.message)
        };
        assert_eq!(of(&[("format", "CSV")], "a.tbl"), Ok(Some(Format::Csv(b'|'))));
        assert_eq!(of(&[("format", "csv")], "a.parquet"), Ok(Some(Format::Csv(b','))));
        assert_eq!(of(&[("format", "parquet")], "a"), Ok(Some(Format::Parquet)));
        assert_eq!(of(&[], "a"), Ok(None));
        assert!(of(&[("format", "json")], "a").is_err());
    }

    #[test]
    fn quotes_and_escapes_go_together() {
        let dialect = |pairs: &[(&str, &str)]| csv(&options(pairs), b',').unwrap().dialect;
        assert_eq!(dialect(&[]), Dialect::new(b','));
        assert_eq!(dialect(&[("quote", "'")]).escape, b'\'');
        assert_eq!(dialect(&[("escape", "\\")]).quote, Some(b'"'));
        assert_eq!(dialect(&[("quote", "")]).quote, None);
        assert_eq!(dialect(&[("sep", "\\t"), ("nullstr", "NA")]).delimiter, b'\t');
        assert!(csv(&options(&[("quote", ",")]), b',').is_err());
        assert!(csv(&options(&[("encoding", "latin1")]), b',').is_err());
        assert!(csv(&options(&[("compression", "gzip")]), b',').is_err());
    }

    #[test]
    fn a_header_may_be_said_to_match() {
        let header = |value| csv(&options(&[("header", value)]), b',').unwrap().has_header;
        assert_eq!(
            (header("match"), header("off"), header("")),
            (Some(true), Some(false), Some(true))
        );
    }
}
