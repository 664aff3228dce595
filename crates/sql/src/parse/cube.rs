//! `CREATE CUBE [IF NOT EXISTS] c AS query` and `DROP CUBE [IF EXISTS] a, b`.

use super::{Statement, unexpected};
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{ObjectName, Query};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

/// A cube as written.
#[derive(Debug)]
pub(crate) struct CreateCube {
    pub(crate) if_not_exists: bool,
    pub(crate) name: ObjectName,
    pub(crate) query: Box<Query>,
}

/// Whether the next word is CUBE.
pub(super) fn is_next(parser: &Parser<'_>) -> bool {
    is_cube(&parser.peek_token().token)
}

/// Whether the word behind the next one is CUBE.
pub(super) fn is_second(parser: &Parser<'_>) -> bool {
    is_cube(&parser.peek_nth_token(1).token)
}

fn is_cube(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none()
        && word.value.eq_ignore_ascii_case("cube"))
}

/// The rest of CREATE, from CUBE on.
pub(super) fn parse_create(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = parser.parse_object_name(false)?;
    if !parser.parse_keyword(Keyword::AS) {
        let found = parser.peek_token();
        return Err(unexpected("AS", &found));
    }
    let query = parser.parse_query()?;
    Ok(Statement::CreateCube(Box::new(CreateCube { if_not_exists, name, query })))
}

/// `DROP CUBE [IF EXISTS] a, b`
pub(super) fn parse_drop(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    parser.next_token();
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    Ok(Statement::DropCube { names, if_exists })
}
