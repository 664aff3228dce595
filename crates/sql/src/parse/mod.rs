//! SQL text to one [`Statement`].
//!
//! What the parser library cannot express (`SORTED BY`, free option lists of COPY, `SHOW`) is
//! parsed here from its tokens; everything else is left to it.

mod as_of;
mod copy;
mod create_table;
mod cube;
mod depth;
mod merge;
mod mistake;
mod prepare;
mod show;
mod template;
mod transaction;
mod unsupported;
mod with;

pub(crate) use as_of::split as split_as_of;
pub(crate) use copy::{Copy, CopyOptions, CopySource};
pub(crate) use create_table::CreateTable;
pub(crate) use cube::CreateCube;
pub(crate) use merge::{Merge, When, WhenAction, WhenKind};
pub use mistake::STATEMENTS;
pub(crate) use prepare::{Prepare, template_of};
pub(crate) use show::Show;
pub(crate) use template::Template;
pub(crate) use unsupported::elsewhere;

use crate::dialect::StarfactDialect;
use crate::error::{Error, Position, Result};
use crate::plan_cache::{self, Key};
use crate::session::with_stack;
use datafusion::sql::sqlparser::ast::{self, Statement as SqlStatement};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use std::sync::Arc;

/// Nesting of expressions and queries that is still parsed.
const RECURSION_LIMIT: usize = 128;

/// A parsed statement.
#[derive(Debug)]
pub(crate) enum Statement {
    /// `SELECT`, `VALUES`, `WITH`, `FROM …`.
    Query(Box<ast::Query>),
    /// `EXPLAIN [ANALYZE] [VERBOSE] query`.
    Explain { analyze: bool, verbose: bool, statement: Box<Statement> },
    /// `CREATE TABLE`, also `… AS query`.
    CreateTable(Box<CreateTable>),
    /// `DROP TABLE [IF EXISTS] a, b`.
    DropTable { names: Vec<ast::ObjectName>, if_exists: bool },
    /// `CREATE CUBE [IF NOT EXISTS] c AS query`.
    CreateCube(Box<CreateCube>),
    /// `DROP CUBE [IF EXISTS] a, b`.
    DropCube { names: Vec<ast::ObjectName>, if_exists: bool },
    /// `CHECK CUBE a, b`.
    CheckCube(Vec<ast::ObjectName>),
    /// `ALTER TABLE [IF EXISTS] t action, …`.
    AlterTable(Box<ast::AlterTable>),
    /// `INSERT INTO t … VALUES | SELECT`.
    Insert(Box<ast::Insert>),
    /// `[WITH …] UPDATE t SET …`.
    Update { with: Option<ast::With>, update: Box<ast::Update> },
    /// `[WITH …] DELETE FROM t …`.
    Delete { with: Option<ast::With>, delete: Box<ast::Delete> },
    /// `[WITH …] MERGE INTO t …`.
    Merge(Box<Merge>),
    /// `TRUNCATE [TABLE] a, b`.
    Truncate(Box<ast::Truncate>),
    /// `BEGIN`, `START TRANSACTION`.
    Begin { read_only: bool },
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `COPY … FROM | TO`.
    Copy(Box<Copy>),
    /// `CHECK TABLE a, b`.
    Check(Vec<ast::ObjectName>),
    /// `OPTIMIZE [TABLE] a, b`.
    Optimize(Vec<ast::ObjectName>),
    /// `VACUUM`.
    Vacuum,
    /// `DESCRIBE`, `SHOW`.
    Show(Show),
    /// What begins like a query, and was not parsed: its plan may be there already.
    Unparsed(Unparsed),
    /// `PREPARE name [(types)] AS statement`.
    Prepare(Box<Prepare>),
    /// `EXECUTE name [(values)]`.
    Execute { name: ast::Ident, values: Vec<ast::Expr> },
    /// `DEALLOCATE [PREPARE] name | ALL`, without a name for all.
    Deallocate { name: Option<ast::Ident> },
    /// `SET name = value`.
    Set { name: String, value: String },
    /// `RESET name`.
    Reset { name: String },
    /// A statement that we know but do not offer.
    Unsupported(String),
}

/// A query that was not parsed.
#[derive(Clone, Debug)]
pub(crate) struct Unparsed {
    pub(crate) tokens: Arc<[TokenWithSpan]>,
    /// What its plan is kept by; `None` if it is not to be kept.
    pub(crate) key: Option<Key>,
}

/// Parses exactly one statement, with or without its semicolon.
///
/// # Errors
/// Syntax errors, with their place; no statement, or more than one.
pub(crate) fn parse(sql: &str) -> Result<Statement> {
    parse_tokenized(tokenize(sql)?)
}

/// Parses the tokens of a statement, unless it begins like a query.
///
/// # Errors
/// As [`parse`].
pub(crate) fn read(tokens: Vec<TokenWithSpan>) -> Result<Statement> {
    match begins_query(&tokens) {
        true => {
            let key = plan_cache::key(&tokens);
            Ok(Statement::Unparsed(Unparsed { tokens: tokens.into(), key }))
        }
        false => with_stack(|| parse_tokenized(tokens)),
    }
}

/// The tokens of a text, white space and comments among them.
///
/// # Errors
/// Texts, names and comments that do not end.
pub(crate) fn tokenize(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&StarfactDialect, sql).tokenize_with_location();
    tokens.map_err(|error| mistake::unterminated(error.into()))
}

/// Parses the tokens of exactly one statement.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_tokenized(tokens: Vec<TokenWithSpan>) -> Result<Statement> {
    if let Some(token) = depth::find_too_deep(&tokens) {
        return Err(depth::too_deep(token));
    }
    parse_tokens(tokens.clone()).map_err(|error| mistake::explain(&tokens, error))
}

/// Whether the first word is one that queries begin with. WITH may stand before others, too.
fn begins_query(tokens: &[TokenWithSpan]) -> bool {
    let is_blank = |token: &Token| matches!(token, Token::Whitespace(_) | Token::SemiColon);
    let first = tokens.iter().map(|token| &token.token).find(|token| !is_blank(token));
    match first {
        Some(Token::Word(word)) => matches!(
            word.keyword,
            Keyword::SELECT | Keyword::FROM | Keyword::VALUES | Keyword::WITH
        ),
        first => first == Some(&Token::LParen),
    }
}

fn parse_tokens(tokens: Vec<TokenWithSpan>) -> Result<Statement> {
    let dialect = StarfactDialect;
    let mut tokens = as_of::rename(without_materialized(tokens));
    let alias = with::take_insert_alias(&mut tokens);
    let mut parser = Parser::new(&dialect)
        .with_recursion_limit(RECURSION_LIMIT)
        .with_tokens_with_locations(tokens);
    while parser.consume_token(&Token::SemiColon) {}
    if parser.peek_token().token == Token::EOF {
        return Err(Error::sql("there is no statement").with_hint("write one, as in SELECT 1"));
    }
    let statement = parse_statement(&mut parser)?;
    if matches!(statement, Statement::Unsupported(_)) {
        return Ok(statement);
    }
    while parser.consume_token(&Token::SemiColon) {}
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let message = format!("syntax error at or near \"{}\"", rest.token);
        return Err(Error::sql(message).at(position(rest.span.start)));
    }
    Ok(with::put_back(statement, alias))
}

/// `WITH t AS [NOT] MATERIALIZED (…)` without the hint, which the parser knows in one dialect only:
/// whether the query is computed once or in place is for the planner to decide.
fn without_materialized(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let is = |at: Option<&TokenWithSpan>, keyword: Keyword| {
        at.is_some_and(|token| matches!(&token.token, Token::Word(word) if word.keyword == keyword))
    };
    let has_hint = tokens.iter().any(|token| is(Some(token), Keyword::MATERIALIZED));
    if !has_hint {
        return tokens;
    }
    let words: Vec<TokenWithSpan> =
        tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let is_hint = |place: usize| {
        let before = |back: usize| place.checked_sub(back).and_then(|place| words.get(place));
        let after = |ahead: usize| words.get(place + ahead);
        let opens = |at: Option<&TokenWithSpan>| at.is_some_and(|it| it.token == Token::LParen);
        match &words[place].token {
            Token::Word(word) if word.keyword == Keyword::MATERIALIZED => {
                let is_behind_as = is(before(1), Keyword::AS)
                    || (is(before(1), Keyword::NOT) && is(before(2), Keyword::AS));
                is_behind_as && opens(after(1))
            }
            Token::Word(word) if word.keyword == Keyword::NOT => {
                is(before(1), Keyword::AS) && is(after(1), Keyword::MATERIALIZED) && opens(after(2))
            }
            _ => false,
        }
    };
    let kept = (0..words.len()).filter(|place| !is_hint(*place));
    kept.map(|place| words[place].clone()).collect()
}

/// Parses one expression, as in DEFAULT.
pub(crate) fn parse_expression(sql: &str) -> Result<ast::Expr> {
    let dialect = StarfactDialect;
    let mut parser =
        Parser::new(&dialect).with_recursion_limit(RECURSION_LIMIT).try_with_sql(sql)?;
    Ok(parser.parse_expr()?)
}

fn parse_statement(parser: &mut Parser<'_>) -> Result<Statement> {
    let first = parser.peek_token();
    let Token::Word(word) = &first.token else { return parse_other(parser, None) };
    match word.keyword {
        Keyword::CREATE => create_table::parse(parser),
        Keyword::DROP if cube::is_second(parser) => cube::parse_drop(parser),
        Keyword::COPY => copy::parse(parser),
        Keyword::EXPLAIN => parse_explain(parser),
        Keyword::SHOW | Keyword::DESCRIBE | Keyword::DESC => show::parse(parser),
        Keyword::CHECK => parse_check(parser),
        Keyword::WITH => {
            let with = with::parse(parser)?;
            parse_other(parser, with)
        }
        Keyword::MERGE => parse_other(parser, None),
        Keyword::ABORT => parse_abort(parser),
        Keyword::SET => parse_set(parser),
        Keyword::RESET => {
            parser.next_token();
            Ok(Statement::Reset { name: setting_name(parser)? })
        }
        Keyword::PREPARE => prepare::parse(parser),
        Keyword::EXECUTE => prepare::parse_execute(parser),
        Keyword::DEALLOCATE => prepare::parse_deallocate(parser),
        Keyword::OPTIMIZE => parse_optimize(parser),
        Keyword::VACUUM => {
            parser.next_token();
            Ok(Statement::Vacuum)
        }
        _ if word.value.eq_ignore_ascii_case("summarize") => show::parse(parser),
        _ if word.value.eq_ignore_ascii_case("pragma") => parse_set(parser),
        _ => parse_other(parser, None),
    }
}

/// A statement that the parser library reads, or MERGE, behind what was read of WITH.
fn parse_other(parser: &mut Parser<'_>, with: Option<ast::With>) -> Result<Statement> {
    if parser.peek_one_of_keywords(&[Keyword::MERGE]).is_some() {
        return Ok(Statement::Merge(Box::new(merge::parse(parser, with)?)));
    }
    Ok(match parser.parse_statement()? {
        SqlStatement::Query(query) => Statement::Query(query),
        SqlStatement::Insert(mut insert) => {
            insert.source = insert.source.map(|source| with::around(with, source));
            Statement::Insert(Box::new(insert))
        }
        SqlStatement::Update(update) => Statement::Update { with, update: Box::new(update) },
        SqlStatement::Delete(delete) => Statement::Delete { with, delete: Box::new(delete) },
        SqlStatement::Truncate(truncate) => Statement::Truncate(Box::new(truncate)),
        SqlStatement::AlterTable(wanted) => Statement::AlterTable(Box::new(wanted)),
        SqlStatement::Drop { object_type: ast::ObjectType::Table, names, if_exists, .. } => {
            Statement::DropTable { names, if_exists }
        }
        other => match transaction::of(other) {
            Ok(statement) => statement,
            Err(other) => Statement::Unsupported(unsupported::describe(&other)),
        },
    })
}

/// `ABORT [TRANSACTION | WORK]`, which is ROLLBACK.
fn parse_abort(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let _ = parser.parse_one_of_keywords(&[Keyword::TRANSACTION, Keyword::WORK]);
    Ok(Statement::Rollback)
}

fn parse_explain(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    if let Some(name) = parser.maybe_parse(parse_storage)? {
        return Ok(Statement::Show(Show::Storage(name)));
    }
    let (mut analyze, mut verbose) = (false, false);
    loop {
        if parser.parse_keyword(Keyword::ANALYZE) {
            analyze = true;
        } else if parser.parse_keyword(Keyword::VERBOSE) {
            verbose = true;
        } else {
            break;
        }
    }
    let statement = Box::new(parse_statement(parser)?);
    Ok(Statement::Explain { analyze, verbose, statement })
}

/// `CHECK TABLE a, b`, `CHECK CUBE a, b`
fn parse_check(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let what = parser.next_token();
    match &what.token {
        Token::Word(word) if word.keyword == Keyword::TABLE => {}
        Token::Word(word) if word.value.eq_ignore_ascii_case("cube") => {
            let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
            return Ok(Statement::CheckCube(names));
        }
        _ => return Err(unexpected("TABLE or CUBE", &what)),
    }
    Ok(Statement::Check(parser.parse_comma_separated(|parser| parser.parse_object_name(false))?))
}

/// `OPTIMIZE [TABLE] a, b`
fn parse_optimize(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let _ = parser.parse_keyword(Keyword::TABLE);
    let names = parser.parse_comma_separated(|parser| parser.parse_object_name(false))?;
    Ok(Statement::Optimize(names))
}

/// `STORAGE t`, as in `EXPLAIN STORAGE t`.
fn parse_storage(parser: &mut Parser<'_>) -> std::result::Result<ast::ObjectName, ParserError> {
    match parser.next_token().token {
        Token::Word(word) if word.value.eq_ignore_ascii_case("storage") => {
            parser.parse_object_name(false)
        }
        _ => parser.expected("STORAGE", parser.peek_token()),
    }
}

/// `SET [SESSION] name = value` and `PRAGMA name = value`; a value is a literal or a word.
fn parse_set(parser: &mut Parser<'_>) -> Result<Statement> {
    parser.next_token();
    let _ = parser.parse_one_of_keywords(&[Keyword::SESSION, Keyword::LOCAL, Keyword::GLOBAL]);
    if parser.parse_keywords(&[Keyword::TIME, Keyword::ZONE]) {
        return Ok(Statement::Set { name: "timezone".into(), value: setting_value(parser)? });
    }
    let name = setting_name(parser)?;
    if !parser.consume_token(&Token::Eq) && !parser.parse_keyword(Keyword::TO) {
        let found = parser.peek_token();
        return Err(unexpected("= or TO", &found));
    }
    Ok(Statement::Set { name, value: setting_value(parser)? })
}

fn setting_name(parser: &mut Parser<'_>) -> Result<String> {
    Ok(parser.parse_object_name(false)?.to_string().replace('"', "").to_ascii_lowercase())
}

fn setting_value(parser: &mut Parser<'_>) -> Result<String> {
    let negative = parser.consume_token(&Token::Minus);
    let token = parser.next_token();
    let text = match &token.token {
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => text.clone(),
        Token::Number(text, _) => {
            // A size such as 4GB is a number and a word.
            let unit = match parser.peek_token().token {
                Token::Word(word) => {
                    parser.next_token();
                    word.value
                }
                _ => String::new(),
            };
            format!("{}{text}{unit}", if negative { "-" } else { "" })
        }
        Token::Word(word) => word.value.clone(),
        _ => return Err(unexpected("a value", &token)),
    };
    Ok(text)
}

fn unexpected(expected: &str, found: &TokenWithSpan) -> Error {
    let message = format!("syntax error: Expected: {expected}, found: {}", found.token);
    Error::sql(message).at(position(found.span.start))
}

fn position(location: Location) -> Option<Position> {
    let (line, column) = (location.line as usize, location.column as usize);
    (line > 0 && column > 0).then_some(Position { line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_statement_is_refused_with_its_place() {
        let error = parse("SELECT 1; SELECT 2").unwrap_err();
        assert_eq!(error.position, Some(Position { line: 1, column: 11 }));
    }

    #[test]
    fn sizes_may_be_given_without_quotes() {
        for (sql, expected) in [
            ("SET memory_limit = 4GB", "4GB"),
            ("SET memory_limit TO '512 MiB'", "512 MiB"),
            ("set starfact.zone_maps = off", "off"),
            ("SET x = -1", "-1"),
        ] {
            match parse(sql).unwrap() {
                Statement::Set { value, .. } => assert_eq!(value, expected),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let sql = format!("SELECT {}1{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(parse(&sql).unwrap_err().message.contains("nested too deeply"));
    }

    #[test]
    fn statements_of_later_versions_are_named() {
        match parse("CREATE VIEW v AS SELECT 1").unwrap() {
            Statement::Unsupported(name) => assert_eq!(name, "CREATE VIEW"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn with_may_stand_before_statements_that_change_rows() {
        let with = "WITH x AS (SELECT 1 AS a), y AS NOT MATERIALIZED (SELECT 2)";
        let parsed = |sql: &str| parse(&format!("{with} {sql}")).unwrap();
        let Statement::Delete { with: Some(_), .. } = parsed("DELETE FROM t USING x") else {
            panic!("not a DELETE with WITH");
        };
        let Statement::Update { with: Some(_), .. } = parsed("UPDATE t SET a = 1") else {
            panic!("not an UPDATE with WITH");
        };
        let Statement::Insert(insert) = parsed("INSERT INTO t WITH z AS (SELECT 3) FROM z") else {
            panic!("not an INSERT");
        };
        let source = insert.source.unwrap().to_string();
        assert!(source.starts_with("WITH x AS") && source.contains("WITH z AS"), "{source}");
        let Statement::Query(_) = parsed("SELECT * FROM x") else { panic!("not a query") };
    }

    #[test]
    fn the_table_of_an_insert_may_have_an_alias() {
        for (sql, expected) in [
            ("INSERT INTO t AS b (a) VALUES (1)", Some("b")),
            ("WITH x AS (SELECT 1) INSERT INTO main.t AS \"B\" SELECT 1 AS c", Some("B")),
            ("INSERT INTO t FROM u", None),
            ("INSERT INTO t SELECT 1 AS c", None),
        ] {
            let Statement::Insert(insert) = parse(sql).unwrap() else { panic!("{sql}") };
            let alias = insert.table_alias.map(|alias| alias.alias.value);
            assert_eq!(alias.as_deref(), expected, "{sql}");
        }
    }
}
