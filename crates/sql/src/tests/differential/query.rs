//! Random queries over a star.
//!
//! They keep to what both engines mean alike: no sums that overflow, no decimal quotients (ours are
//! rounded), no decimals cast to integers.

use super::data::Star;
use super::random::Random;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;

/// A query and whether the order of its rows is fixed.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) is_ordered: bool,
}

pub(super) struct Generator<'a> {
    random: &'a mut Random,
    star: &'a Star,
}

/// Columns to group by: no floats, of which 0.0 and -0.0 are one.
const GROUP_COLUMNS: [&str; 10] =
    ["f.fk1", "f.fk2", "f.i", "f.s", "f.dec", "f.flag", "f.name", "f.d", "f.ts", "f.wide"];
const COLUMNS: [&str; 16] = [
    "id", "fk1", "fk2", "i", "s", "b", "dec", "wide", "x", "y", "flag", "name", "d", "t", "ts",
    "tz",
];

impl<'a> Generator<'a> {
    pub(super) fn new(random: &'a mut Random, star: &'a Star) -> Self {
        Self { random, star }
    }

    pub(super) fn query(&mut self) -> Query {
        let unordered = |sql| Query { sql, is_ordered: false };
        match self.random.below(10) {
            0 => unordered(self.rows()),
            1 => unordered(self.totals()),
            2 | 3 => unordered(self.groups()),
            4 => unordered(self.star_join()),
            5 => unordered(self.semi_join()),
            6 => Query { sql: self.top(), is_ordered: true },
            7 => unordered(self.referring()),
            8 => unordered(self.grouped()),
            _ => unordered(self.window()),
        }
    }

    fn rows(&mut self) -> String {
        let columns = self.columns();
        format!("SELECT {columns} FROM f WHERE {}", self.condition("f", 2))
    }

    fn totals(&mut self) -> String {
        let (a, b) = (self.column("f"), self.column("f"));
        format!(
            "SELECT count(*), count(f.{a}), min(f.{a}), max(f.{b}), sum(f.i), avg(f.i), sum(f.dec), \
             count(DISTINCT f.{}) FROM f WHERE {}",
            self.random.pick(&["fk1", "name", "b", "d", "flag"]),
            self.condition("f", 2)
        )
    }

    fn groups(&mut self) -> String {
        let (a, b) = (self.random.pick(&GROUP_COLUMNS), self.random.pick(&GROUP_COLUMNS));
        let condition = self.condition("f", 2);
        let grouping = self.random.pick(&["GROUP BY 1", "GROUP BY 1, 2", "GROUP BY ROLLUP (1, 2)"]);
        if grouping == "GROUP BY 1" {
            return format!(
                "SELECT {a}, count(*), sum(f.i), min({b}) FROM f WHERE {condition} GROUP BY {a}"
            );
        }
        let b = if a == b { "f.b" } else { b };
        let grouping = if grouping.contains("ROLLUP") {
            format!("ROLLUP ({a}, {b})")
        } else {
            format!("{a}, {b}")
        };
        format!(
            "SELECT {a}, {b}, count(*), sum(f.dec), max(f.ts), sum(f.s::bigint) FILTER (WHERE {}) \
             FROM f WHERE {condition} GROUP BY {grouping}",
            self.condition("f", 1)
        )
    }

    fn star_join(&mut self) -> String {
        let (kind1, kind2) =
            (self.random.pick(&["JOIN", "LEFT JOIN"]), self.random.pick(&["JOIN", "LEFT JOIN"]));
        let condition = match self.random.below(3) {
            0 => self.condition("d1", 1),
            1 => format!("{} AND {}", self.condition("d1", 1), self.condition("f", 1)),
            _ => format!("{} AND {}", self.condition("d2", 1), self.condition("d1", 0)),
        };
        format!(
            "SELECT d1.label, d2.city, count(*), sum(f.i), sum(f.dec), min(f.d) FROM f \
             {kind1} d1 ON f.fk1 = d1.k {kind2} d2 ON f.fk2 = d2.k WHERE {condition} \
             GROUP BY d1.label, d2.city"
        )
    }

    fn semi_join(&mut self) -> String {
        let inner = self.condition("d1", 1);
        let outer = self.condition("f", 1);
        let membership = match self.random.below(4) {
            0 => format!("f.fk1 IN (SELECT k FROM d1 WHERE {inner})"),
            1 => format!("f.fk1 NOT IN (SELECT k FROM d1 WHERE {inner})"),
            2 => format!("EXISTS (SELECT 1 FROM d1 WHERE d1.k = f.fk1 AND {inner})"),
            _ => format!("NOT EXISTS (SELECT 1 FROM d1 WHERE d1.k = f.fk1 AND {inner})"),
        };
        format!("SELECT count(*), sum(f.i), min(f.name) FROM f WHERE {membership} AND {outer}")
    }

    /// Dimension rows to which facts refer, or do not; facts beside others of the same dimension row.
    fn referring(&mut self) -> String {
        let maybe_not = self.random.pick(&["", "NOT "]);
        let of_facts = self.condition("f", 1);
        let of_dimension = self.condition("d1", 1);
        match self.random.below(3) {
            0 => format!(
                "SELECT count(*), min(d1.label) FROM d1 WHERE {maybe_not}EXISTS \
                 (SELECT 1 FROM f WHERE f.fk1 = d1.k AND {of_facts}) AND {of_dimension}"
            ),
            1 => format!(
                "SELECT d1.kind, count(*) FROM d1 WHERE d1.k IN (SELECT fk1 FROM f WHERE {of_facts}) \
                 GROUP BY d1.kind"
            ),
            _ => {
                let value = self.random.pick(&["fk2", "s", "name", "d", "id", "dec"]);
                format!(
                    "SELECT count(*), min(g.id) FROM f g WHERE {maybe_not}EXISTS (SELECT 1 FROM f \
                     WHERE f.fk1 = g.fk1 AND f.{value} <> g.{value} AND {of_facts}) AND g.id % 211 = 4"
                )
            }
        }
    }

    /// Groups by a reference, joined with what they refer to or with facts.
    fn grouped(&mut self) -> String {
        let (of_facts, of_dimension) = (self.condition("f", 1), self.condition("d1", 1));
        let value = self.random.pick(&["count(*)", "sum(s)", "min(name)", "max(d)", "avg(x)"]);
        let groups = format!(
            "(SELECT fk1, {value} AS v, count(i) AS n FROM f WHERE {of_facts} GROUP BY fk1)"
        );
        match self.random.below(4) {
            0 => format!(
                "SELECT d1.label, q.v, q.n FROM d1 JOIN {groups} q ON q.fk1 = d1.k WHERE {of_dimension}"
            ),
            1 => format!(
                "SELECT d1.k, q.v, q.n FROM d1 LEFT JOIN {groups} q ON q.fk1 = d1.k WHERE {of_dimension}"
            ),
            2 => format!(
                "SELECT count(*), sum(g.s), min(q.v) FROM f g JOIN {groups} q ON q.fk1 = g.fk1 \
                 WHERE q.n > g.s"
            ),
            _ => format!(
                "SELECT d1.k, count(f.id), sum(f.s), max(f.name) FROM d1 LEFT JOIN f ON f.fk1 = d1.k \
                 AND {of_facts} GROUP BY d1.k"
            ),
        }
    }

    fn top(&mut self) -> String {
        let columns = self.random.pick(&["d, id", "id", "name, id", "i, d, id", "ts, b, id"]);
        let direction = self.random.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
        let order: Vec<String> =
            columns.split(", ").map(|column| format!("{column}{direction}")).collect();
        let (limit, offset) = (self.random.below(20), self.random.pick(&[0, 0, 3]));
        format!(
            "SELECT {columns} FROM f WHERE {} ORDER BY {} LIMIT {limit} OFFSET {offset}",
            self.condition("f", 1),
            order.join(", ")
        )
    }

    fn window(&mut self) -> String {
        let partition = self.random.pick(&["fk1", "flag", "name"]);
        let frame = self.random.pick(&[
            "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
            "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
        ]);
        format!(
            "SELECT id, row_number() OVER (PARTITION BY {partition} ORDER BY id), \
             sum(i) OVER (PARTITION BY {partition} ORDER BY id {frame}), \
             avg(i) OVER (PARTITION BY {partition} ORDER BY id {frame}) FROM f WHERE id % 3 = 0 AND {}",
            self.condition("f", 1)
        )
    }

    fn columns(&mut self) -> String {
        let count = 1 + self.random.below(4);
        let start = self.random.below(COLUMNS.len());
        let step = 1 + self.random.below(4);
        let mut columns: Vec<&str> = Vec::new();
        for number in 0..count {
            let column = COLUMNS[(start + number * step) % COLUMNS.len()];
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns.join(", ")
    }

    fn batches(&self, table: &str) -> &'a [RecordBatch] {
        let star = self.star;
        let tables = star.tables();
        tables.into_iter().find(|(name, _)| *name == table).expect("a table").1
    }

    fn column(&mut self, table: &str) -> String {
        let schema = self.batches(table)[0].schema();
        schema.field(self.random.below(schema.fields().len())).name().clone()
    }

    fn condition(&mut self, table: &str, depth: usize) -> String {
        if depth == 0 || self.random.once_in(3) {
            return self.comparison(table);
        }
        let (a, b) = (self.condition(table, depth - 1), self.condition(table, depth - 1));
        match self.random.below(5) {
            0 => format!("({a} OR {b})"),
            1 => format!("NOT ({a})"),
            _ => format!("({a} AND {b})"),
        }
    }

    fn comparison(&mut self, table: &str) -> String {
        let name = self.column(table);
        let column = format!("{table}.{name}");
        let schema = self.batches(table)[0].schema();
        let data_type = schema.field_with_name(&name).expect("a column").data_type().clone();
        let constants: Vec<String> =
            (0..3).map(|_| self.constant(table, &name, &data_type)).collect();
        let [a, b, c] = [&constants[0], &constants[1], &constants[2]];
        match self.random.below(12) {
            0 => format!("{column} IS NULL"),
            1 => format!("{column} IS NOT NULL"),
            2 => format!("{column} BETWEEN {a} AND {b}"),
            3 => format!("{column} IN ({a}, {b}, {c})"),
            4 => format!("{column} NOT IN ({a}, {b})"),
            5 => format!("{column} IN ({a}, NULL)"),
            6 => self.of_type(&column, &data_type),
            7 => format!("({column} IS DISTINCT FROM {a})"),
            8 => format!("coalesce({column} = {a}, {column} IS NULL)"),
            _ => {
                let op = self.random.pick(&["=", "<>", "<", "<=", ">", ">="]);
                if self.random.once_in(4) {
                    format!("{a} {op} {column}")
                } else {
                    format!("{column} {op} {a}")
                }
            }
        }
    }

    /// A condition that makes sense for a type only.
    fn of_type(&mut self, column: &str, data_type: &DataType) -> String {
        match data_type {
            DataType::Utf8View => {
                let pattern = self.random.pick(&["a%", "%b%", "_", "%é", "日%", "b\\%c", "", "%"]);
                let op = self.random.pick(&["LIKE", "NOT LIKE", "ILIKE"]);
                match self.random.below(3) {
                    0 => format!("upper({column}) {op} '{pattern}'"),
                    1 => format!("length({column}) > 2"),
                    _ => format!("{column} {op} '{pattern}'"),
                }
            }
            DataType::Boolean => self
                .random
                .pick(&["{}", "NOT {}", "{} IS TRUE", "{} IS NOT FALSE"])
                .replace("{}", column),
            DataType::Int32 => format!("{column} % 3 = 1 AND {column} * 2 > 5"),
            DataType::Int16 | DataType::Int64 => format!("CAST({column} AS VARCHAR) LIKE '%1%'"),
            DataType::Decimal128(12, _) => format!("{column} + 1 > 2.5 AND {column} < 10"),
            DataType::Float64 => format!("{column} > i"),
            DataType::Date32 => format!("extract(month FROM {column}) = 4"),
            _ => format!("CASE WHEN {column} IS NULL THEN true ELSE false END"),
        }
        .replace("> i", "> f.i")
    }

    /// A value of the column, or one near it.
    fn constant(&mut self, table: &str, name: &str, data_type: &DataType) -> String {
        let batches = self.batches(table);
        let batch = &batches[self.random.below(batches.len())];
        let values = batch.column_by_name(name).expect("a column");
        let row = if values.is_empty() { None } else { Some(self.random.below(values.len())) };
        let text = match row.filter(|row| !values.is_null(*row)) {
            Some(row) if !self.random.once_in(4) => {
                array_value_to_string(values, row).expect("it can be shown")
            }
            _ => match data_type {
                DataType::Utf8View => "ab".into(),
                DataType::Boolean => "true".into(),
                DataType::Date32 => "2019-04-14".into(),
                DataType::Time64(_) => "11:06:40.000001".into(),
                DataType::Timestamp(..) => "2020-01-01T00:00:00".into(),
                DataType::Float32 | DataType::Float64 => "0.0".into(),
                _ => "3".into(),
            },
        };
        match data_type {
            DataType::Float64 => format!("CAST('{text}' AS DOUBLE)"),
            DataType::Float32 => format!("CAST('{text}' AS REAL)"),
            data_type if data_type.is_numeric() || *data_type == DataType::Boolean => text,
            _ => format!("'{text}'"),
        }
    }
}
