//! The error that users of the library see: a kind, a message, a place in the SQL, a hint.

mod advice;
mod known;
pub(crate) mod place;
mod type_names;
mod words;

pub(crate) use advice::TYPE_NAMES;

use crate::catalog::SCHEMA;
use crate::information_schema::{self, INFORMATION_SCHEMA};
use crate::scan::ROW_ID;
use crate::sys::{self, SYS};
use arrow::error::ArrowError;
use datafusion::common::diagnostic::DiagnosticKind;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::TokenizerError;
use parquet::errors::ParquetError;
use std::fmt;

/// Names that a hint lists.
const SUGGESTIONS_MAX: usize = 10;

/// The result of an operation on a warehouse.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of thing went wrong; the command line turns it into an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A statement is wrong or failed.
    Sql,
    /// The warehouse cannot be opened, is locked, or belongs to a newer version.
    CannotOpen,
    /// Bytes of the warehouse are damaged.
    Corrupt,
    /// The user cancelled the statement.
    Interrupted,
    /// A mistake of ours.
    Internal,
}

/// A place in the text of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// Why a statement or an operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What sort of thing went wrong.
    pub kind: ErrorKind,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where in the statement, if that is known.
    pub position: Option<Position>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Error {
    /// An error of this kind without position and hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None, hint: None }
    }

    /// A statement that is wrong or failed.
    pub fn sql(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Sql, message)
    }

    /// A mistake of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The statement was cancelled.
    pub fn interrupted() -> Self {
        Self::new(ErrorKind::Interrupted, "the statement was cancelled")
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the candidate that is nearest to `name`, or the list of them if none is near.
    #[must_use]
    pub(crate) fn with_suggestion<'a>(
        self,
        name: &str,
        candidates: impl Iterator<Item = &'a str>,
        what: &str,
    ) -> Self {
        let mut names: Vec<&str> = Vec::new();
        for candidate in candidates {
            if !names.contains(&candidate) {
                names.push(candidate);
            }
        }
        match nearest(name, names.iter().copied()) {
            Some(nearest) => self.with_hint(format!("did you mean \"{nearest}\"?")),
            None if names.is_empty() => self,
            None if names.len() <= SUGGESTIONS_MAX => {
                self.with_hint(format!("{what}: {}", names.join(", ")))
            }
            None => {
                let rest = names.len() - SUGGESTIONS_MAX;
                let names = names[..SUGGESTIONS_MAX].join(", ");
                self.with_hint(format!("{what}: {names} and {rest} more"))
            }
        }
    }

    /// Adds the place in the statement.
    #[must_use]
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position.or(self.position);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<starfact_base::Error> for Error {
    fn from(error: starfact_base::Error) -> Self {
        of_storage(&error)
    }
}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                let (message, position) = split_position(&text);
                let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
                Self::sql(format!("syntax error: {message}")).at(position)
            }
            ParserError::RecursionLimitExceeded => Self::sql("the statement is nested too deeply")
                .with_hint("give a part a name: WITH name AS (…)"),
        }
    }
}

impl From<TokenizerError> for Error {
    fn from(error: TokenizerError) -> Self {
        let position =
            Position { line: error.location.line as usize, column: error.location.column as usize };
        Self::sql(format!("syntax error: {}", error.message)).at(Some(position))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        let position = diagnostic_position(&error);
        of_engine(&error).at(position)
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        of_arrow(&error)
    }
}

/// The engine's errors are wrapped and shared in many ways, so they are looked at from outside.
fn of_engine(error: &DataFusionError) -> Error {
    match error {
        DataFusionError::ArrowError(inner, _) => of_arrow(inner),
        DataFusionError::SQL(inner, _) => inner.as_ref().clone().into(),
        DataFusionError::External(inner) => of_any(inner.as_ref()),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            of_engine(inner)
        }
        DataFusionError::Shared(inner) => of_engine(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => of_engine(first),
            None => Error::internal("internal error: no cause; please report it"),
        },
        DataFusionError::ResourcesExhausted(text) => out_of_memory(text),
        DataFusionError::ParquetError(inner) => of_parquet(inner),
        DataFusionError::IoError(inner) => of_io(inner),
        DataFusionError::SchemaError(inner, _) => of_schema(inner),
        DataFusionError::NotImplemented(text) => words::unsupported(text),
        DataFusionError::Plan(text) => of_plan(text),
        DataFusionError::Configuration(text) | DataFusionError::Execution(text) => {
            words::error(text)
        }
        DataFusionError::Internal(text) => {
            let text = text.split("\nThis issue was likely").next().unwrap_or_default().trim();
            Error::internal(format!("internal error: {text}; please report it"))
        }
        DataFusionError::ExecutionJoin(inner) if inner.is_panic() => {
            Error::internal(format!("internal error: {inner}; please report it"))
        }
        other => words::error(&other.strip_backtrace()),
    }
}

fn of_arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(inner) => of_any(inner.as_ref()),
        ArrowError::DivideByZero => Error::sql("division by zero"),
        ArrowError::ArithmeticOverflow(text) => {
            let detail = text.strip_prefix("Overflow happened on: ").unwrap_or(text);
            Error::sql(format!("out of range: {detail}"))
        }
        ArrowError::IoError(_, inner) => of_io(inner),
        ArrowError::CastError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::ParseError(text)
        | ArrowError::SchemaError(text)
        | ArrowError::InvalidArgumentError(text) => words::error(text),
        other => words::error(&other.to_string()),
    }
}

fn of_any(inner: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    if let Some(own) = inner.downcast_ref::<Error>() {
        return own.clone();
    }
    if let Some(base) = inner.downcast_ref::<starfact_base::Error>() {
        return of_storage(base);
    }
    if let Some(engine) = inner.downcast_ref::<DataFusionError>() {
        return of_engine(engine);
    }
    if let Some(arrow) = inner.downcast_ref::<ArrowError>() {
        return of_arrow(arrow);
    }
    words::error(&inner.to_string())
}

fn of_parquet(error: &ParquetError) -> Error {
    match error {
        ParquetError::External(inner) => of_any(inner.as_ref()),
        other => {
            let text = other.to_string();
            let text = text.strip_prefix("Parquet error: ").unwrap_or(&text);
            Error::sql(format!("Parquet: {}", words::translate(text)))
        }
    }
}

fn of_io(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::StorageFull => Error::sql("the disk is full")
            .with_hint("free some space in the temporary folder (TMPDIR) and try again"),
        _ => Error::sql(error.to_string()),
    }
}

fn out_of_memory(text: &str) -> Error {
    // The engine lists its biggest consumers; which operator asked is what helps.
    let consumer = text.split("for ").nth(1).and_then(|rest| rest.split([' ', '[', '(']).next());
    let message = match consumer {
        Some(name) if name.ends_with("Input") || name.contains("Join") => {
            format!("out of memory: {name} needs more than the memory limit")
        }
        _ => "out of memory: the query needs more than the memory limit".to_owned(),
    };
    Error::sql(message).with_hint("raise it with SET memory_limit = '8GB' or --memory-limit")
}

fn of_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let shown = match &field.relation {
                Some(table) => format!("{}.{}", table.table(), field.name),
                None => field.name.clone(),
            };
            let names = valid_fields.iter().map(|valid| valid.name.as_str());
            let names = names.filter(|name| *name != ROW_ID);
            Error::sql(format!("there is no column \"{shown}\"")).with_suggestion(
                &field.name,
                names,
                "columns",
            )
        }
        SchemaError::AmbiguousReference { field } => {
            Error::sql(format!("column \"{}\" is ambiguous: several tables have it", field.name))
                .with_hint(format!("write table.{} with the table that you mean", field.name))
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            Error::sql(format!("two tables of FROM are called \"{}\"", qualifier.table()))
                .with_hint("give one of them another name with AS")
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Error::sql(format!("two columns are called \"{name}\""))
                .with_hint("give one of them another name with AS")
        }
    }
}

fn of_plan(text: &str) -> Error {
    if let Some(name) = text.strip_prefix("Invalid function '") {
        let name = name.split('\'').next().unwrap_or_default();
        return Error::sql(format!("there is no function \"{name}\""));
    }
    if let Some(name) =
        text.strip_prefix("table '").and_then(|text| text.strip_suffix("' not found"))
    {
        return match name.split('.').collect::<Vec<_>>().as_slice() {
            [_, schema, _] if ![SCHEMA, INFORMATION_SCHEMA, SYS].contains(schema) => {
                no_schema(schema)
            }
            [_, schema, table] if *schema != SCHEMA => {
                let views = if *schema == SYS { sys::VIEWS } else { information_schema::VIEWS };
                Error::sql(format!("there is no table \"{table}\" in schema {schema}"))
                    .with_suggestion(table, views.iter().map(|(name, _)| *name), "tables there")
            }
            [.., table] => Error::sql(format!("there is no table \"{table}\"")),
            [] => Error::sql("there is no such table"),
        };
    }
    if let Some(text) = text.strip_prefix("Projections require unique expression names") {
        let name =
            text.split("the expression \"").nth(1).and_then(|rest| rest.split("\" at").next());
        let name = type_names::translate(name.unwrap_or_default());
        return Error::sql(format!("two columns of a subquery are called \"{name}\""))
            .with_hint("give one of them another name with AS");
    }
    words::error(text)
}

/// A schema that is not there, and the one that may have been meant.
pub(crate) fn no_schema(schema: &str) -> Error {
    let error = Error::sql(format!("there is no schema \"{schema}\""));
    match nearest(schema, [SCHEMA, INFORMATION_SCHEMA, SYS].into_iter()) {
        Some(near) => error.with_hint(format!("did you mean \"{near}\"?")),
        None => error.with_hint(format!("all tables are in schema {SCHEMA}")),
    }
}

fn of_storage(error: &starfact_base::Error) -> Error {
    use starfact_base::Error as Base;
    let kind = match error {
        Base::Corrupt { .. } => ErrorKind::Corrupt,
        Base::UnsupportedVersion { .. } | Base::Locked(_) => ErrorKind::CannotOpen,
        Base::Internal(_) => ErrorKind::Internal,
        _ => ErrorKind::Sql,
    };
    let text = error.to_string();
    if let Some((message, hint)) = text.split_once(": load that row first") {
        return Error::new(kind, message).with_hint(format!("load that row first{hint}"));
    }
    let found = Error::new(kind, text);
    match error {
        Base::Locked(_) => found.with_hint(
            "--readonly reads beside a writer, and --wait SECONDS waits for it to finish",
        ),
        Base::Corrupt { .. } => {
            found.with_hint("nothing was changed; restore the file from a backup of the warehouse")
        }
        Base::Conflict(_) => found.with_hint("run the transaction again: it then sees the change"),
        _ => found,
    }
}

/// Adds to the error of a statement its place in it and what to do about it, as far as they are
/// not known yet.
pub(crate) fn explain(sql: &str, error: Error) -> Error {
    advice::advise(place::locate(sql, error))
}

/// The candidate that is nearest to a name, if one is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distances = candidates.map(|candidate| {
        (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate)
    });
    let close = distances.filter(|(distance, other)| *distance <= other.chars().count() / 3);
    close.min().map(|(_, candidate)| candidate)
}

/// Cuts ` at Line: 1, Column: 8` off a parser message.
fn split_position(text: &str) -> (&str, Option<Position>) {
    let Some((message, place)) = text.rsplit_once(" at Line: ") else { return (text, None) };
    let Some((line, column)) = place.split_once(", Column: ") else { return (text, None) };
    match (line.trim().parse(), column.trim().parse()) {
        (Ok(line), Ok(column)) => (message, Some(Position { line, column })),
        _ => (text, None),
    }
}

fn diagnostic_position(error: &DataFusionError) -> Option<Position> {
    let diagnostic = error.diagnostic()?;
    if !matches!(diagnostic.kind, DiagnosticKind::Error) {
        return None;
    }
    let start = diagnostic.span?.start;
    let (line, column) = (start.line as usize, start.column as usize);
    (line > 0 && column > 0).then_some(Position { line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_syntax_error_is_taken_from_its_text() {
        let text = "Expected: an expression, found: FROM at Line: 2, Column: 8";
        let error = Error::from(ParserError::ParserError(text.into()));
        assert_eq!(error.position, Some(Position { line: 2, column: 8 }));
        assert_eq!(error.message, "syntax error: Expected: an expression, found: FROM");
    }

    #[test]
    fn our_own_errors_pass_through_the_query_engine_unchanged() {
        let own = Error::new(ErrorKind::Corrupt, "a.col is damaged").with_hint("restore it");
        let wrapped = DataFusionError::External(Box::new(own.clone())).context("while scanning");
        assert_eq!(Error::from(wrapped), own);
    }
}
