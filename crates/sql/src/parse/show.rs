//! `DESCRIBE t | 'file' | query`, `SUMMARIZE t | 'file' | query`, and
//! `SHOW TABLES | CUBES | DATABASES | SCHEMAS | FUNCTIONS | CREATE TABLE t | ALL | name`.

use super::{Statement, cube, setting_name};
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{ObjectName, Query};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

/// What to show.
#[derive(Debug)]
pub(crate) enum Show {
    /// The names of all tables.
    Tables,
    /// The name that the warehouse goes by in queries.
    Databases,
    /// The names of the schemas.
    Schemas,
    /// The names and kinds of all functions.
    Functions,
    /// All cubes.
    Cubes,
    /// The columns of a cube.
    Cube(ObjectName),
    /// The statement that creates a table.
    CreateTable(ObjectName),
    /// The columns of a table.
    Columns(ObjectName),
    /// The columns of a query's result.
    QueryColumns(Box<Query>),
    /// Statistics of each column of a table or query.
    Summary(Box<Query>),
    /// How each column of a table is stored.
    Storage(ObjectName),
    /// All settings.
    Settings,
    /// One setting.
    Setting(String),
}

pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Statement> {
    let verb = parser.next_token();
    let is = |name: &str| is_word(&verb.token, name);
    if is("show") {
        return Ok(Statement::Show(parse_show(parser)?));
    }
    if cube::is_next(parser) && matches!(parser.peek_nth_token(1).token, Token::Word(_)) {
        parser.next_token();
        return Ok(Statement::Show(Show::Cube(parser.parse_object_name(false)?)));
    }
    let _ = parser.parse_keyword(Keyword::TABLE);
    let is_summary = is("summarize");
    let next = parser.peek_token().token;
    let is_query = match &next {
        Token::LParen => true,
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES
        ),
        _ => false,
    };
    let is_file = matches!(next, Token::SingleQuotedString(_))
        || (matches!(next, Token::Word(_)) && parser.peek_nth_token(1).token == Token::LParen);
    let query = if is_query {
        Some(parser.parse_query()?)
    } else if is_file || (is_summary && next != Token::EOF) {
        Some(all_rows(parser)?)
    } else {
        None
    };
    Ok(Statement::Show(match query {
        Some(query) if is_summary => Show::Summary(query),
        Some(query) => Show::QueryColumns(query),
        None if next == Token::EOF && !is_summary => Show::Tables,
        None => Show::Columns(parser.parse_object_name(false)?),
    }))
}

/// The query for a table, a file or a function that reads files.
fn all_rows(parser: &mut Parser<'_>) -> Result<Box<Query>> {
    let start = parser.peek_token().span.start;
    let source = parser.parse_table_factor()?;
    // The source keeps its place, so that errors point at it.
    let (line, column) = (start.line.max(1) as usize, start.column.max(1) as usize);
    let (lines, spaces) = ("\n".repeat(line - 1), " ".repeat(column.saturating_sub(6)));
    let sql = format!("{lines}{spaces}FROM {source}");
    Ok(Parser::new(&crate::dialect::StarfactDialect).try_with_sql(&sql)?.parse_query()?)
}

fn is_word(token: &Token, name: &str) -> bool {
    matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case(name))
}

fn parse_show(parser: &mut Parser<'_>) -> Result<Show> {
    if parser.parse_keywords(&[Keyword::ALL, Keyword::TABLES])
        || parser.parse_keyword(Keyword::TABLES)
    {
        return Ok(Show::Tables);
    }
    if parser.parse_keyword(Keyword::ALL) {
        return Ok(Show::Settings);
    }
    if parser.parse_keywords(&[Keyword::CREATE, Keyword::TABLE]) {
        return Ok(Show::CreateTable(parser.parse_object_name(false)?));
    }
    if parser.parse_keyword(Keyword::COLUMNS) {
        parser.expect_one_of_keywords(&[Keyword::FROM, Keyword::IN])?;
        return Ok(Show::Columns(parser.parse_object_name(false)?));
    }
    for (name, what) in [
        ("databases", Show::Databases),
        ("schemas", Show::Schemas),
        ("functions", Show::Functions),
        ("cubes", Show::Cubes),
    ] {
        if is_word(&parser.peek_token().token, name) {
            parser.advance_token();
            return Ok(what);
        }
    }
    Ok(Show::Setting(setting_name(parser)?))
}
