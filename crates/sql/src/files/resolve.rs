//! Files in place of tables: `FROM 'file.parquet'`, `read_csv('file', delim = '|')`.
//!
//! Before a query is planned, each of them is opened, becomes a table of the statement, and its
//! name in the query is replaced. Columns can be qualified with the file's name without folder and
//! ending, or with the alias.

use super::csv_table::CsvTable;
use super::parquet_table::ParquetTable;
use super::{Format, options, path};
use crate::error::{Error, Position, Result};
use crate::parse::CopyOptions;
use crate::statement::Context;
use datafusion::catalog::TableProvider;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query, TableAlias,
    TableFactor, TableFunctionArgs, Value, VisitMut, VisitorMut,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Functions that read files, and the format that each is for.
const FUNCTIONS: [(&str, Format); 4] = [
    ("read_csv", Format::Csv(b',')),
    ("read_csv_auto", Format::Csv(b',')),
    ("read_parquet", Format::Parquet),
    ("parquet_scan", Format::Parquet),
];

/// Opens the files that a query names.
///
/// # Errors
/// Files that are not there, cannot be read or have no format that is known.
pub(crate) fn resolve(context: &Context, query: &mut Query) -> Result<()> {
    match VisitMut::visit(query, &mut Resolver { context }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Resolver<'a> {
    context: &'a Context,
}

impl VisitorMut for Resolver<'_> {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        match self.replace(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// A file as a query names it.
struct Named {
    /// The name or pattern.
    pattern: String,
    /// What the function is for, if there is one.
    format: Option<Format>,
    options: CopyOptions,
    position: Option<Position>,
}

impl Resolver<'_> {
    fn replace(&self, factor: &mut TableFactor) -> Result<()> {
        let shown = factor.to_string();
        let TableFactor::Table { name, alias, args, .. } = factor else { return Ok(()) };
        let [part] = name.0.as_slice() else { return Ok(()) };
        let Some(ident) = part.as_ident() else { return Ok(()) };
        let Some(file) = named(ident, args.as_ref())? else { return Ok(()) };
        let provider = self.open(&file).map_err(|error| error.at(file.position))?;
        // No table has the text of a call or of a string as its name.
        self.context.schema.add_file(shown.clone(), provider);
        if alias.is_none() {
            let stem = Path::new(&file.pattern).file_stem().and_then(|stem| stem.to_str());
            let stem = Ident::with_quote('"', stem.unwrap_or(&file.pattern));
            *alias =
                Some(TableAlias { explicit: false, name: stem, columns: Vec::new(), at: None });
        }
        *name = ObjectName::from(vec![Ident::with_quote('"', shown)]);
        *args = None;
        Ok(())
    }

    fn open(&self, file: &Named) -> Result<Arc<dyn TableProvider>> {
        let paths = path::find(&file.pattern)?;
        let first = paths.first().map_or(Path::new(""), |path| path.as_path());
        let by_name = Format::of_file(first);
        let format = match (file.format, by_name) {
            // The delimiter of a function is the one that the name stands for, too.
            (Some(Format::Csv(_)), Ok(Some(Format::Csv(delimiter)))) => Format::Csv(delimiter),
            (Some(format), _) => format,
            (None, Ok(Some(format))) => format,
            (None, Ok(None)) => return Err(unknown_format(&file.pattern)),
            (None, Err(error)) => return Err(error),
        };
        match format {
            Format::Parquet => {
                options::no_options(&file.options)?;
                Ok(Arc::new(ParquetTable::open(self.context, paths)?))
            }
            Format::Csv(delimiter) => {
                let options = options::csv_function(&file.options, delimiter)?;
                // A name that ends in .tsv or .tbl leaves nothing to guess.
                let table = CsvTable::open(paths, &options, delimiter == b',')?;
                Ok(Arc::new(table))
            }
        }
    }
}

fn unknown_format(pattern: &str) -> Error {
    Error::sql(format!("the name '{pattern}' does not tell the format of the file"))
        .with_hint(format!("say it: read_csv('{pattern}') or read_parquet('{pattern}')"))
}

/// The file that a table in FROM means, if it is one.
fn named(ident: &Ident, args: Option<&TableFunctionArgs>) -> Result<Option<Named>> {
    let position =
        Position { line: ident.span.start.line as usize, column: ident.span.start.column as usize };
    let position = (position.line > 0).then_some(position);
    match (ident.quote_style, args) {
        (Some('\''), None) => Ok(Some(Named {
            pattern: ident.value.clone(),
            format: None,
            options: CopyOptions::default(),
            position,
        })),
        (None, Some(args)) => {
            let function = ident.value.to_ascii_lowercase();
            let Some((_, format)) = FUNCTIONS.iter().find(|(name, _)| *name == function) else {
                return Ok(None);
            };
            let (pattern, options) =
                arguments(&function, &args.args).map_err(|error| error.at(position))?;
            Ok(Some(Named { pattern, format: Some(*format), options, position }))
        }
        _ => Ok(None),
    }
}

/// The file's name, and the options: `name = value`, `name := value` or `name => value`.
fn arguments(function: &str, args: &[FunctionArg]) -> Result<(String, CopyOptions)> {
    let wrong = || {
        Error::sql(format!("{function} takes a file name, and options as name = value"))
            .with_hint(format!("for example {function}('file')"))
    };
    let (first, rest) = args.split_first().ok_or_else(wrong)?;
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(first)) = first else { return Err(wrong()) };
    let pattern = match first {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    let mut options = CopyOptions::default();
    for arg in rest {
        let (name, value) = match arg {
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                (name.value.as_str(), value)
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            })) => match left.as_ref() {
                Expr::Identifier(name) => (name.value.as_str(), right.as_ref()),
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        let value = literal(value).ok_or_else(wrong)?;
        options.0.push((name.to_ascii_lowercase(), value));
    }
    Ok((pattern, options))
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Some(text.clone())
            }
            Value::Boolean(value) => Some(value.to_string()),
            Value::Number(number, _) => Some(number.clone()),
            _ => None,
        },
        _ => None,
    }
}
