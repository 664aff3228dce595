//! The grammar of the command line.
//!
//! Clap does the parsing; two rules of ours go before it. The first positional argument is a
//! subcommand if it is the name of one, wherever the options stand, so a directory called `bench`
//! is written `./bench`. And the single-dash words of DuckDB and sqlite3 (`-csv`, `-readonly`) are
//! understood, which clap would take for a bundle of short options: `-csv` for `-c sv`.

mod bench;
mod positional;
mod size;

use crate::output::Mode;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

pub use bench::{BenchArgs, Workload};
pub use positional::is_query;

const EXAMPLES: &str = "\
Examples:
  starfact sales                          open or create the warehouse ./sales, in a shell
  starfact sales 'SELECT count(*) FROM t' print an answer
  starfact \"FROM 'o.parquet' LIMIT 5\"     query a file, without a warehouse
  starfact sales --csv -f report.sql      run a file, print CSV
  starfact sales < load.sql               run statements as they come from a pipe
  starfact import sales orders o.parquet  load a file into a table
  starfact bench ssb --sf 1               run a benchmark
  starfact check sales                    read everything, say what is damaged
  starfact backup sales /backups/sales    copy it, also while it is in use

Short forms of --mode: --box --table --csv --tsv --json --jsonlines
  --markdown --line.
Names of commands win over WAREHOUSE: a directory called bench is ./bench.
A WAREHOUSE that does not exist is created, unless it looks like SQL or a
  command of the shell: ./NAME is a directory in any case.
Without WAREHOUSE, or with :memory:, a temporary one is used and removed at
  exit.
Results go to standard output, all else to standard error.
A shell first runs ~/.starfactrc, or else ~/.config/starfact/init.sql.

Exit codes:
  0    every statement succeeded
  1    a statement failed
  2    the command line is wrong
  3    the warehouse, or a file named on the command line, cannot be opened, or is locked
  4    the warehouse is damaged
  130  interrupted; 143 by SIGTERM, 129 by SIGHUP";

/// A column-oriented analytics engine for star schemas.
#[derive(Debug, Parser)]
#[command(
    name = "starfact",
    version,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    override_usage = "starfact [OPTIONS] [WAREHOUSE] [SQL]...\n       starfact <COMMAND>"
)]
struct CommandLine {
    #[command(subcommand)]
    subcommand: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(ImportArgs),
    Export(ExportArgs),
    Bench(BenchArgs),
    Check(CheckArgs),
    Backup(BackupArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Directory of the warehouse; created if it is not there
    warehouse: Option<OsString>,
    /// Statements to run instead of a shell
    sql: Vec<String>,
    /// Run this SQL and exit (repeatable)
    #[arg(short, long = "command", value_name = "SQL", allow_hyphen_values = true)]
    command: Vec<String>,
    /// Run this file and exit (repeatable; - is standard input)
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Run this file first, also before a shell
    #[arg(long, value_name = "FILE", conflicts_with = "no_init")]
    init: Option<PathBuf>,
    /// Do not run the init file before a shell
    #[arg(long)]
    no_init: bool,
    /// How results are printed: box, table, csv, tsv, json, jsonlines, markdown, line
    /// [default: box]
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        overrides_with = "mode",
        hide_possible_values = true
    )]
    mode: Option<Mode>,
    /// Print no line with the names of columns
    #[arg(long)]
    no_header: bool,
    /// What NULL is printed as [default: nothing in csv and tsv, else NULL]
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, overrides_with = "null")]
    null: Option<String>,
    /// Stop at the first error (the default outside the shell)
    #[arg(long, overrides_with = "no_bail")]
    bail: bool,
    /// Go on after an error; the exit code is that of the first
    #[arg(long, overrides_with = "bail")]
    no_bail: bool,
    /// Open the warehouse for reading only
    #[arg(long)]
    readonly: bool,
    #[command(flatten)]
    resources: Resources,
}

/// What a warehouse may use, and how long to wait for it.
#[derive(Clone, Debug, Args)]
pub struct Resources {
    /// Wait this long for another writer to finish
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = parse_seconds,
        allow_hyphen_values = true)]
    pub wait: Duration,
    /// Threads for queries [default: one for each core]
    #[arg(long, value_name = "N", value_parser = parse_threads, allow_hyphen_values = true)]
    pub threads: Option<usize>,
    /// Memory for queries, as in 512MiB, 1.5G, 4GB
    #[arg(long, value_name = "SIZE", value_parser = size::parse, allow_hyphen_values = true)]
    pub memory_limit: Option<u64>,
    /// Run SET NAME = 'VALUE' first (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub set: Vec<(String, String)>,
}

/// Load files into a table, as COPY table FROM 'file' does
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Directory of the warehouse
    pub warehouse: PathBuf,
    /// Table to add the rows to
    pub table: String,
    /// Files: .csv and .tsv with a header line, .parquet; each is a commit of its own
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Refused: an import writes
    #[arg(long, hide = true)]
    readonly: bool,
    #[command(flatten)]
    pub resources: Resources,
}

/// Write a table or the rows of a query to a file, as COPY … TO 'file' does
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Directory of the warehouse
    pub warehouse: PathBuf,
    /// Name of a table, or a query
    #[arg(value_name = "TABLE|QUERY")]
    pub source: String,
    /// File to write: .csv, .tsv, .parquet; - is standard output, as csv
    pub file: PathBuf,
    /// Open the warehouse for reading only, which an export does anyway
    #[arg(long)]
    readonly: bool,
    #[command(flatten)]
    pub resources: Resources,
}

/// Read everything in a warehouse and say what is damaged, if anything
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Directory of the warehouse
    pub warehouse: PathBuf,
    /// How the table of tables is printed, as without a command [default: box]
    #[arg(long, value_name = "MODE", value_enum, hide_possible_values = true)]
    pub mode: Option<Mode>,
    /// Open the warehouse for reading only, which a check does anyway
    #[arg(long)]
    readonly: bool,
    #[command(flatten)]
    pub resources: Resources,
}

/// Copy a warehouse as it is now, also while others read and write it
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Directory of the warehouse
    pub warehouse: PathBuf,
    /// Directory to copy to: a new or an empty one
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Share the files with the warehouse by hard links where possible: at once and without space,
    /// but with no second copy of the bytes
    #[arg(long)]
    pub link: bool,
    /// Open the warehouse for reading only, which a backup does anyway
    #[arg(long)]
    readonly: bool,
    #[command(flatten)]
    pub resources: Resources,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    Run(Box<RunOptions>),
    Import(ImportArgs),
    Export(ExportArgs),
    Bench(BenchArgs),
    Check(CheckArgs),
    Backup(BackupArgs),
}

/// SQL to run, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    Text(String),
    File(PathBuf),
}

/// A shell, or scripts to run.
#[derive(Debug)]
pub struct RunOptions {
    /// None is a temporary warehouse.
    pub warehouse: Option<PathBuf>,
    /// In the order in which they run; empty is a shell or a pipe.
    pub scripts: Vec<Script>,
    pub init: Init,
    pub mode: Option<Mode>,
    pub header: bool,
    pub null: Option<String>,
    pub bail: Option<bool>,
    pub read_only: bool,
    pub resources: Resources,
}

/// Which file runs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// The user's own, if it exists, before a shell.
    Default,
    File(PathBuf),
    Nothing,
}

/// Parses the arguments after the name of the program.
///
/// # Errors
/// A usage error, or the text of `--help` or `--version`.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let mut grammar = CommandLine::command();
    grammar.build();
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    // A subcommand has options of its own, `--json FILE` for one.
    if !subcommand_first(&grammar, &mut arguments) {
        arguments = translate(&grammar, arguments);
    }
    let name = OsString::from("starfact");
    let matches = grammar.clone().try_get_matches_from(std::iter::once(name).chain(arguments))?;
    let line = CommandLine::from_arg_matches(&matches)?;
    match line.subcommand {
        Some(Command::Import(arguments)) if arguments.readonly => {
            let message = "import changes the warehouse, which --readonly rules out\n\n  \
                           tip: leave --readonly out";
            Err(grammar.error(ErrorKind::ArgumentConflict, message))
        }
        Some(Command::Import(arguments)) => Ok(Invocation::Import(arguments)),
        Some(Command::Export(arguments)) => Ok(Invocation::Export(arguments)),
        Some(Command::Bench(arguments)) => Ok(Invocation::Bench(arguments)),
        Some(Command::Check(arguments)) => Ok(Invocation::Check(arguments)),
        Some(Command::Backup(arguments)) => Ok(Invocation::Backup(arguments)),
        None => run_options(&mut grammar, &matches, line.run)
            .map(|options| Invocation::Run(Box::new(options))),
    }
}

fn run_options(
    grammar: &mut clap::Command,
    matches: &clap::ArgMatches,
    run: RunArgs,
) -> Result<RunOptions, clap::Error> {
    let (warehouse, first_sql) = positional::warehouse_or_sql(
        grammar,
        run.warehouse,
        run.sql.is_empty() && run.command.is_empty() && run.file.is_empty(),
    )?;
    let positions = |name| matches.indices_of(name).into_iter().flatten();
    let commands = positions("command").zip(run.command.into_iter().map(Script::Text));
    let files = positions("file").zip(run.file.into_iter().map(Script::File));
    let mut ordered: Vec<(usize, Script)> = commands.chain(files).collect();
    ordered.sort_by_key(|&(position, _)| position);
    let positional = first_sql.into_iter().chain(run.sql).map(Script::Text);
    let scripts = ordered.into_iter().map(|(_, script)| script).chain(positional).collect();
    Ok(RunOptions {
        warehouse: warehouse.filter(|path| path.as_os_str() != ":memory:"),
        scripts,
        init: match (run.init, run.no_init) {
            (Some(file), _) => Init::File(file),
            (None, true) => Init::Nothing,
            (None, false) => Init::Default,
        },
        mode: run.mode,
        header: !run.no_header,
        null: run.null,
        bail: if run.bail { Some(true) } else { run.no_bail.then_some(false) },
        read_only: run.readonly,
        resources: run.resources,
    })
}

/// Whether `argument` is an option whose value is the next argument.
fn takes_next(grammar: &clap::Command, argument: &OsStr) -> bool {
    let Some(text) = argument.to_str() else { return false };
    grammar.get_opts().any(|option| {
        let long = text.strip_prefix("--").is_some_and(|name| option.get_long() == Some(name));
        let short = text.strip_prefix('-').is_some_and(|name| {
            option.get_short().is_some_and(|letter| name.chars().eq(std::iter::once(letter)))
        });
        long || short
    })
}

/// Spells the short forms of `--mode`, and the single-dash words of other shells, in full.
fn translate(
    grammar: &clap::Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut translated = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            translated.push(argument);
            break;
        }
        translated.push(argument.to_str().and_then(spelled).unwrap_or(argument.clone()));
        if translated.last().is_some_and(|argument| takes_next(grammar, argument)) {
            translated.extend(arguments.next());
        }
    }
    translated.extend(arguments);
    translated
}

/// The full form of `argument`, if it is a short one.
fn spelled(argument: &str) -> Option<OsString> {
    const WORDS: [(&str, &str); 7] = [
        ("-readonly", "--readonly"),
        ("-noheader", "--no-header"),
        ("-nullvalue", "--null"),
        ("-bail", "--bail"),
        ("-init", "--init"),
        ("-cmd", "--command"),
        ("-version", "--version"),
    ];
    if let Some((_, full)) = WORDS.iter().find(|(word, _)| *word == argument) {
        return Some(full.into());
    }
    let name = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?;
    let mode = Mode::from_str(name, false).ok()?;
    Some(format!("--mode={}", mode.name()).into())
}

/// Moves the name of a subcommand before the options if it is the first positional argument;
/// false if that is none.
fn subcommand_first(grammar: &clap::Command, arguments: &mut [OsString]) -> bool {
    let mut place = 0;
    while let Some(argument) = arguments.get(place) {
        let full = argument.to_str().and_then(spelled);
        if argument == "--" {
            return false;
        } else if takes_next(grammar, full.as_ref().unwrap_or(argument)) {
            place += 2;
        } else if argument.as_encoded_bytes().starts_with(b"-") {
            place += 1;
        } else if grammar.get_subcommands().any(|command| *argument == *command.get_name()) {
            arguments[..=place].rotate_right(1);
            return true;
        } else {
            return false;
        }
    }
    false
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if name.is_empty() || !name.chars().all(is_part) {
        return Err("a name has letters, digits, underscores and dots".into());
    }
    Ok((name.into(), value.into()))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds, as in 2.5")?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "it must be 0 or more, and finite".into())
}

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("write a number from 1 to 1024".into()),
    }
}

/// The text of a usage error in the words of all our errors.
pub fn describe(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let mut message = String::new();
    let mut hint = None;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(tip) = line.trim_start().strip_prefix("tip: ") {
            hint.get_or_insert_with(|| tip.to_owned());
        } else if !line.starts_with("For more information") && !is_usage(line) {
            message.push_str(line);
            message.push('\n');
        }
    }
    let hint = hint.unwrap_or_else(|| "starfact --help shows what can be given".into());
    format!("{message}hint: {hint}\n")
}

fn is_usage(line: &str) -> bool {
    line.starts_with("Usage:") || line.starts_with("       starfact")
}

#[cfg(test)]
mod tests;
