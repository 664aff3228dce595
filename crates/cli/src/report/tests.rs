//! Errors as users see them.

use super::*;

fn statement(text: &str, line: usize) -> Statement {
    Statement { text: text.into(), line, column: 1 }
}

fn at(line: usize, column: usize) -> Option<Position> {
    Some(Position { line, column })
}

fn drawn(source: &Source, text: &str, first_line: usize, place: Option<Position>) -> String {
    Excerpt::of_statement(source, &statement(text, first_line), place).draw(60)
}

#[test]
fn an_error_has_the_line_a_caret_and_a_hint() {
    let error = Error::sql("table \"order\" does not exist").with_hint("did you mean \"orders\"?");
    let source = Source::File("load.sql".into());
    let statement = statement("SELECT *\nFROM order", 11);
    let excerpt = Excerpt::of_statement(&source, &statement, at(2, 6));
    assert_eq!(
        render(&error, Some(&excerpt), 80, false),
        "error: table \"order\" does not exist\n\
         load.sql:12: FROM order\n\
         \x20                 ^\n\
         hint: did you mean \"orders\"?\n"
    );
}

#[test]
fn places_name_where_the_sql_comes_from() {
    assert_eq!(drawn(&Source::Direct, "SELEC 1", 1, at(1, 1)), "  SELEC 1\n  ^\n");
    assert_eq!(
        drawn(&Source::Stdin, "SELEC 1", 3, at(1, 7)),
        "stdin:3: SELEC 1\n               ^\n"
    );
    assert_eq!(
        drawn(&Source::Direct, "SELECT\n x", 1, at(2, 2)),
        "line 2: x\n         ^\n".replace(": x", ":  x")
    );
}

#[test]
fn without_a_place_the_first_line_is_meant() {
    assert_eq!(drawn(&Source::Direct, "SELECT 1/0", 1, None), "  SELECT 1/0\n  ^~~~~~~~~~\n");
}

#[test]
fn places_outside_of_the_text_are_at_its_end() {
    assert_eq!(drawn(&Source::Direct, "SELECT", 1, at(9, 99)), "  SELECT\n        ^\n");
    assert_eq!(drawn(&Source::Direct, "SELECT", 1, at(0, 0)), "  SELECT\n  ^~~~~~\n");
    assert_eq!(drawn(&Source::Direct, "", 1, at(1, 1)), "  \n  ^\n");
}

#[test]
fn carets_stand_below_wide_characters_and_tabs() {
    let text = "SELECT\t'日本', x";
    assert_eq!(
        drawn(&Source::Direct, text, 1, at(1, 14)),
        "  SELECT '日本', x\n                 ^\n"
    );
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let text = format!("SELECT {}x", "1, ".repeat(100));
    for column in [1, 8, 40, 100, 200, 300, 308] {
        let drawn = drawn(&Source::Direct, &text, 1, at(1, column));
        let lines: Vec<&str> = drawn.lines().collect();
        let caret = lines[1].find('^').unwrap();
        assert!(display_width(lines[0]) <= 60, "{drawn}");
        let shown = lines[0].chars().nth(caret);
        assert_eq!(shown, text.chars().nth(column - 1), "{column}\n{drawn}");
    }
}

#[test]
fn nothing_in_a_message_moves_the_cursor() {
    let error = Error::sql("bad value \u{1b}[2J\nin row 2");
    assert_eq!(render(&error, None, 80, false), "error: bad value \\x1b[2J\nin row 2\n");
    assert!(render(&error, None, 80, true).starts_with("\x1b[1;31merror:\x1b[0m "));
}

#[test]
fn durations_read_well() {
    let text = |milliseconds: f64| duration(Duration::from_secs_f64(milliseconds / 1e3));
    assert_eq!(text(0.84), "0.8 ms");
    assert_eq!(text(999.99), "1.000 s");
    assert_eq!(text(59_999.9), "1 min 00.0 s");
    assert_eq!(text(123_449.0), "2 min 03.4 s");
}
