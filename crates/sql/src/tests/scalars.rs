//! Star blocks with values of subqueries in their conditions: the answers are the same with the
//! executor and without.

use super::{answer, failure, run, session, sorted_rows};
use crate::Session;

const TABLES: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE shop (shop_key INTEGER PRIMARY KEY, city VARCHAR NOT NULL, phone VARCHAR NOT NULL,
         balance DECIMAL(12, 2) NOT NULL, size INTEGER)",
    "INSERT INTO shop SELECT value, 'city ' || value % 9, (10 + value % 25) || '-' || value,
         value * 1.5 - 300, CASE WHEN value % 6 = 0 THEN NULL ELSE value % 40 END FROM range(900)",
    "CREATE TABLE sale (id INTEGER NOT NULL, shop_key INTEGER NOT NULL REFERENCES shop,
         price DECIMAL(12, 2), amount INTEGER NOT NULL)",
    "INSERT INTO sale SELECT value, value * 7 % 600,
         CASE WHEN value % 17 = 0 THEN NULL ELSE value % 1000 * 0.25 END, value % 13 FROM range(20000)",
];

const QUERIES: &[&str] = &[
    "SELECT city, count(*), sum(price) FROM sale JOIN shop USING (shop_key) \
     WHERE price > (SELECT avg(price) FROM sale WHERE amount > 3) GROUP BY city",
    "SELECT city, sum(amount) FROM sale JOIN shop USING (shop_key) \
     WHERE size >= (SELECT avg(size) FROM shop) AND amount < (SELECT max(amount) FROM sale) GROUP BY city",
    "SELECT substr(phone, 1, 2) AS code, count(*), sum(balance) FROM shop \
     WHERE substr(phone, 1, 2) IN ('13', '31', '23') \
     AND balance > (SELECT avg(balance) FROM shop WHERE balance > 0 AND substr(phone, 1, 2) IN ('13', '31', '23')) \
     AND NOT EXISTS (SELECT * FROM sale WHERE sale.shop_key = shop.shop_key) GROUP BY code",
    "SELECT id, city FROM sale JOIN shop USING (shop_key) WHERE price * 4 > size + (SELECT max(price) * 4 - 9 FROM sale)",
    "SELECT count(*) FROM sale JOIN shop USING (shop_key) WHERE price > (SELECT min(price) FROM sale WHERE id < 0)",
    "SELECT count(*) FROM sale JOIN shop USING (shop_key) \
     WHERE (price > (SELECT min(price) FROM sale WHERE id < 0)) IS NULL AND city <> (SELECT min(city) FROM shop)",
    "SELECT count(*), sum(balance) FROM shop WHERE shop_key IN (SELECT shop_key FROM sale GROUP BY shop_key \
     HAVING sum(price) > (SELECT sum(price) / 700 FROM sale))",
    "SELECT city, count(*) FROM sale JOIN shop USING (shop_key) WHERE price > (SELECT avg(price) FROM sale \
     JOIN shop USING (shop_key) WHERE size > (SELECT min(size) + 3 FROM shop)) GROUP BY city",
    "SELECT city, count(*) FROM sale LEFT JOIN shop ON sale.shop_key = shop.shop_key \
     AND size > (SELECT avg(size) FROM shop) GROUP BY city",
    "SELECT city, sum(price) FROM sale JOIN shop USING (shop_key) GROUP BY city \
     HAVING sum(price) > (SELECT sum(price) / 10 FROM sale)",
    "SELECT city, max(price - (SELECT avg(price) FROM sale)) FROM sale JOIN shop USING (shop_key) \
     WHERE amount = (SELECT 5) GROUP BY city",
];

/// The rows of a query in order.
fn rows(session: &Session, sql: &str, is_on: bool) -> Vec<String> {
    let switch = if is_on { "on" } else { "off" };
    run(session, &[&format!("SET starfact.star_executor = {switch}")]);
    sorted_rows(session, sql)
}

#[test]
fn values_of_subqueries_are_those_of_the_moment() {
    let session = session(TABLES);
    for change in [
        "SELECT 1",
        "UPDATE shop SET size = 39 - size, balance = -balance WHERE shop_key % 2 = 0",
        "INSERT INTO sale VALUES (50000, 0, 999999, 5), (50001, 800, -999999, 99)",
        "DELETE FROM sale WHERE price > 200",
        "TRUNCATE sale",
    ] {
        run(&session, &[change]);
        for sql in QUERIES {
            let again = rows(&session, sql, true);
            assert_eq!(again, rows(&session, sql, true), "again after {change}: {sql}");
            assert_eq!(again, rows(&session, sql, false), "{change}: {sql}");
        }
    }
}

#[test]
fn plans_have_subqueries_in_star_blocks() {
    let session = session(TABLES);
    for (place, sql) in QUERIES.iter().enumerate() {
        let shown = answer(&session, &format!("EXPLAIN {sql}"));
        assert!(!shown.contains("HashJoin"), "{place}: {shown}");
    }
    let shown = answer(&session, &format!("EXPLAIN {}", QUERIES[2]));
    assert!(shown.contains("no groups of sale") && shown.contains("> scalar_subquery"), "{shown}");
    let error = failure(
        &session,
        "SELECT count(*) FROM sale JOIN shop USING (shop_key) WHERE price > (SELECT price FROM sale)",
    );
    assert!(error.message.contains("more than one row"), "{}", error.message);
}
