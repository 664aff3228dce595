//! What ends a statement and what does not.

use super::*;

fn texts(sql: &str) -> Vec<String> {
    split(sql).into_iter().map(|statement| statement.text).collect()
}

/// The statements of `sql` pushed in pieces of `piece` characters.
fn split_in_pieces(sql: &str, piece: usize) -> Vec<Statement> {
    let characters: Vec<char> = sql.chars().collect();
    let mut splitter = Splitter::new();
    let mut statements = Vec::new();
    for piece in characters.chunks(piece) {
        splitter.push(&piece.iter().collect::<String>());
        while let Some(statement) = splitter.next_statement() {
            statements.push(statement);
        }
    }
    statements.extend(splitter.finish());
    statements
}

#[test]
fn semicolons_end_statements_and_are_not_part_of_them() {
    assert_eq!(texts("select 1; select 2 ;\n select 3"), ["select 1", "select 2", "select 3"]);
}

#[test]
fn empty_statements_and_lone_comments_are_skipped() {
    assert!(split("").is_empty());
    assert!(split(" ;;\n; -- nothing; here\n /* nor; here */ ;").is_empty());
    assert_eq!(texts("; -- one\nselect 1; -- two"), ["select 1"]);
}

#[test]
fn semicolons_in_quotes_do_not_count() {
    for sql in [
        "select 'a;b'",
        "select 'it''s;'",
        "select 'back\\'",
        "select E'it\\'s;'",
        "select e'it''s\\';'",
        "select E'\\\\'",
        "select \"a;b\"",
        "select \"a\"\";b\"",
        "select $$a;'b$$",
        "select $tag$a;$$;$other$;$tag$",
        "select $a$ $a $b$ $$a$",
        "select $ü$ ; $ü$",
    ] {
        assert_eq!(texts(&format!("{sql}; select 2")), [sql, "select 2"], "{sql}");
    }
}

#[test]
fn a_backslash_is_plain_outside_escape_strings() {
    assert_eq!(texts(r"select 'a\'; select 2"), [r"select 'a\'", "select 2"]);
    assert_eq!(texts(r"select name'a\'; select 2"), [r"select name'a\'", "select 2"]);
}

#[test]
fn comments_hide_semicolons_and_nest() {
    assert_eq!(texts("select 1 -- a; b\n + 1; select 2"), ["select 1 -- a; b\n + 1", "select 2"]);
    assert_eq!(
        texts("select /* ; /* ; */ ; */ 1; select 2"),
        ["select /* ; /* ; */ ; */ 1", "select 2"]
    );
    assert_eq!(texts("/* a */ select 1 /*/ ; */; select 2"), ["select 1 /*/ ; */", "select 2"]);
    assert_eq!(
        texts("select 4 - 1; select 4/2; - 1; /"),
        ["select 4 - 1", "select 4/2", "- 1", "/"]
    );
    assert_eq!(texts("-"), ["-"]);
}

#[test]
fn dollars_in_names_and_parameters_do_not_quote() {
    assert_eq!(
        texts("select a$b$c; select $1; select $2$"),
        ["select a$b$c", "select $1", "select $2$"]
    );
    assert_eq!(texts("select $a + 1; select 2"), ["select $a + 1", "select 2"]);
}

#[test]
fn transactions_are_plain_statements() {
    assert_eq!(
        texts("BEGIN; insert into t values (1); COMMIT;"),
        ["BEGIN", "insert into t values (1)", "COMMIT"]
    );
}

#[test]
fn places_are_those_of_the_first_token() {
    let places: Vec<_> = split("-- head\n\n  select 1; /* x */ select\n 2;\n'ü'; é")
        .into_iter()
        .map(|statement| (statement.line, statement.column))
        .collect();
    assert_eq!(places, [(3, 3), (3, 21), (5, 1), (5, 6)]);
}

#[test]
fn pieces_of_any_size_give_the_same_statements() {
    let sql = "select 'é;''' ; -- x;\n/* ; /* */ */ select $t$;$t$, E'\\';', \"ö;\";;\n - 1; select 5/2 -- end";
    let whole = split(sql);
    assert_eq!(whole.len(), 4);
    for piece in 1..20 {
        assert_eq!(split_in_pieces(sql, piece), whole, "pieces of {piece}");
    }
}

#[test]
fn pending_says_what_is_open() {
    for (sql, expected) in [
        ("", Pending::Nothing),
        ("select 1;\n", Pending::Nothing),
        ("-- note", Pending::Nothing),
        ("select 1", Pending::Statement),
        ("select 'a", Pending::String),
        ("select E'a\\", Pending::String),
        ("select \"a", Pending::Name),
        ("select $x$ ", Pending::DollarString),
        ("/* a", Pending::Comment),
        ("select /* a", Pending::Comment),
    ] {
        let mut splitter = Splitter::new();
        splitter.push(sql);
        while splitter.next_statement().is_some() {}
        assert_eq!(splitter.pending(), expected, "{sql}");
    }
}

#[test]
fn an_open_comment_names_the_line_where_it_began() {
    let mut splitter = Splitter::new();
    splitter.push("select 1;\n\n /* never\nclosed\n");
    assert!(splitter.next_statement().is_some());
    assert_eq!(splitter.next_statement(), None);
    assert_eq!(splitter.open_comment_line(), Some(3));
}

#[test]
fn clear_forgets_the_unfinished_statement() {
    let mut splitter = Splitter::new();
    splitter.push("select 'a\n");
    assert_eq!(splitter.next_statement(), None);
    splitter.clear();
    assert_eq!(splitter.pending(), Pending::Nothing);
    splitter.push("select 2;");
    assert_eq!(
        splitter.next_statement().map(|statement| statement.text).as_deref(),
        Some("select 2")
    );
}

#[test]
fn an_unclosed_quote_is_handed_on_at_the_end() {
    assert_eq!(texts("select 1; select 'abc; "), ["select 1", "select 'abc;"]);
}
