//! `WITH` before a statement that changes rows, and the alias of the table of `INSERT`.

use super::Statement;
use crate::error::Result;
use datafusion::sql::sqlparser::ast::{Ident, Query, SetExpr, TableAliasWithoutColumns, With};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// Statements that may stand behind WITH, beside queries.
const CHANGES: [Keyword; 4] = [Keyword::INSERT, Keyword::UPDATE, Keyword::DELETE, Keyword::MERGE];

/// Reads WITH if a statement that changes rows follows; otherwise it stays for the query.
pub(super) fn parse(parser: &mut Parser<'_>) -> Result<Option<With>> {
    Ok(parser.maybe_parse(before_change)?)
}

fn before_change(parser: &mut Parser<'_>) -> Result<With, ParserError> {
    parser.expect_keyword(Keyword::WITH)?;
    let with_token = parser.get_current_token().clone().into();
    let recursive = parser.parse_keyword(Keyword::RECURSIVE);
    let cte_tables = parser.parse_comma_separated(Parser::parse_cte)?;
    if parser.peek_one_of_keywords(&CHANGES).is_none() {
        return parser.expected("a statement that changes rows", parser.peek_token());
    }
    Ok(With { with_token, recursive, cte_tables })
}

/// A query with another WITH around it.
pub(super) fn around(with: Option<With>, mut query: Box<Query>) -> Box<Query> {
    if with.is_none() {
        return query;
    }
    let Some(own) = query.with.take() else {
        query.with = with;
        return query;
    };
    let mut outer = query.clone();
    query.with = Some(own);
    // Everything but the names stays within.
    (outer.with, outer.order_by, outer.limit_clause, outer.fetch) = (with, None, None, None);
    outer.body = Box::new(SetExpr::Query(query));
    outer
}

/// `INSERT INTO t AS a …` without the alias, which the parser knows only together with one that has
/// no AS; that one would take the first word of `INSERT INTO t FROM u`.
pub(super) fn take_insert_alias(tokens: &mut Vec<TokenWithSpan>) -> Option<Ident> {
    let words: Vec<usize> =
        (0..tokens.len()).filter(|at| !matches!(tokens[*at].token, Token::Whitespace(_))).collect();
    let token = |place: usize| words.get(place).map(|at| &tokens[*at].token);
    let is = |place: usize, keyword: Keyword| match token(place) {
        Some(Token::Word(word)) => word.keyword == keyword,
        _ => false,
    };
    let is_first = |place: usize| place == 0 || token(place - 1) == Some(&Token::RParen);
    let insert = (0..words.len()).find(|place| is(*place, Keyword::INSERT) && is_first(*place))?;
    let mut place = insert + 1;
    while is(place, Keyword::INTO) || is(place, Keyword::TABLE) {
        place += 1;
    }
    while token(place + 1) == Some(&Token::Period) {
        place += 2;
    }
    let (as_place, name_place) = (place + 1, place + 2);
    if !matches!(token(place), Some(Token::Word(_))) || !is(as_place, Keyword::AS) {
        return None;
    }
    let Some(Token::Word(word)) = token(name_place) else { return None };
    if [Keyword::SELECT, Keyword::VALUES, Keyword::WITH].contains(&word.keyword) {
        return None;
    }
    let name = &tokens[words[name_place]];
    let alias = word.clone().into_ident(name.span);
    tokens.drain(words[as_place]..=words[name_place]);
    Some(alias)
}

/// Gives a statement what was read before it.
pub(super) fn put_back(statement: Statement, alias: Option<Ident>) -> Statement {
    match (statement, alias) {
        (Statement::Insert(mut insert), Some(alias)) => {
            insert.table_alias = Some(TableAliasWithoutColumns { explicit: true, alias });
            Statement::Insert(insert)
        }
        (statement, _) => statement,
    }
}
