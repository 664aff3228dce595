//! `DESCRIBE t | query`, `SUMMARIZE t | query`, `SHOW TABLES | CREATE TABLE t | ALL | name`.

use super::{Statement, setting_name};
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
    let _ = parser.parse_keyword(Keyword::TABLE);
    let is_query = match parser.peek_token().token {
        Token::LParen => true,
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::WITH | Keyword::FROM | Keyword::VALUES
        ),
        _ => false,
    };
    let show = if is("summarize") {
        if is_query {
            Show::Summary(parser.parse_query()?)
        } else {
            let name = parser.parse_object_name(false)?;
            Show::Summary(
                Parser::new(&crate::dialect::StarfactDialect)
                    .try_with_sql(&format!("SELECT * FROM {name}"))?
                    .parse_query()?,
            )
        }
    } else if is_query {
        Show::QueryColumns(parser.parse_query()?)
    } else if parser.peek_token().token == Token::EOF {
        Show::Tables
    } else {
        Show::Columns(parser.parse_object_name(false)?)
    };
    Ok(Statement::Show(show))
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
    Ok(Show::Setting(setting_name(parser)?))
}
