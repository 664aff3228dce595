#!/usr/bin/env python3
"""Random cubes over a star, random changes of its rows, and random queries.

After each change every query is answered with cubes, without them, and by DuckDB, where that is
installed; and CHECK CUBE compares all cells with the rows. The last line tells how many answers
came from cubes.
"""

import itertools
import random
import re
import sys

from common import Shell, Tally, Workplace, parser

try:
    import duckdb
except ImportError:
    duckdb = None

from differential import difference, expected_rows

TEXTS = ["a", "b", "ä", "", "long text " * 3, "zz", None]
LANDS = ["Peru", "Chad", "Île", None]

SCHEMA = """
CREATE TABLE land (id INTEGER PRIMARY KEY, name VARCHAR, part INTEGER);
CREATE TABLE shop (id INTEGER PRIMARY KEY, town VARCHAR, size INTEGER, land INTEGER REFERENCES land);
CREATE TABLE item (id VARCHAR PRIMARY KEY, brand VARCHAR, kind VARCHAR NOT NULL, since DATE);
CREATE TABLE day (id INTEGER PRIMARY KEY, moment DATE NOT NULL, month INTEGER NOT NULL, year INTEGER NOT NULL);
CREATE TABLE sale (id BIGINT PRIMARY KEY, day INTEGER NOT NULL REFERENCES day, due INTEGER REFERENCES day,
  shop INTEGER REFERENCES shop, item VARCHAR NOT NULL REFERENCES item, n INTEGER, big BIGINT NOT NULL,
  p DECIMAL(12,2) NOT NULL, q DECIMAL(9,3), note VARCHAR);
"""

# What a query joins, and the columns that it then has: name, whether it is a number.
JOINS = {
    "day": ("JOIN day ON sale.day = day.id", [("day.month", True), ("day.year", True), ("day.moment", False)]),
    "due": ("JOIN day AS due ON sale.due = due.id", [("due.month", True), ("due.year", True)]),
    "shop": ("JOIN shop ON sale.shop = shop.id", [("shop.town", False), ("shop.size", True)]),
    "land": ("JOIN land ON shop.land = land.id", [("land.name", False), ("land.part", True)]),
    "item": ("JOIN item ON sale.item = item.id", [("item.brand", False), ("item.kind", False),
                                                  ("item.since", False)]),
}
OWN = [("sale.n", True), ("sale.note", False), ("sale.day", True), ("sale.shop", True)]
EXPRESSIONS = ["day.year * 100 + day.month", "upper(item.kind)", "coalesce(shop.town, 'none')",
               "date_trunc('month', day.moment)", "sale.n % 3", "sale.n IS NULL"]
MEASURES = ["sale.p", "sale.q", "sale.n", "sale.big", "sale.p * sale.n", "sale.p - sale.q", "sale.p * 2"]


class Generator:
    def __init__(self, rng):
        self.rng, self.next_sale, self.next_shop = rng, 0, 12

    def one(self, options):
        return self.rng.choice(options)

    def literal(self, value):
        if value is None:
            return "NULL"
        return str(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'"

    def rows(self):
        """The rows that the tables begin with."""
        one, literal = self.one, self.literal
        yield "INSERT INTO land VALUES " + ", ".join(
            f"({i}, {literal(one(LANDS))}, {literal(one([0, 1, None]))})" for i in range(4))
        yield "INSERT INTO shop VALUES " + ", ".join(
            f"({i}, {literal(one(TEXTS))}, {literal(one([-5, 0, 7, None]))}, {literal(one([0, 1, 2, 3, None]))})"
            for i in range(12))
        yield "INSERT INTO item VALUES " + ", ".join(
            f"('i{i}', {literal(one(TEXTS))}, {literal(one(TEXTS[:5]))}, "
            f"{one(['NULL', chr(68) + 'ATE ' + chr(39) + '2020-02-29' + chr(39)])})" for i in range(15))
        yield "INSERT INTO day VALUES " + ", ".join(
            f"({i}, DATE '2020-01-01' + {i * 20}, {i % 12 + 1}, {2020 + i // 12})" for i in range(36))
        yield self.insert(self.one([0, 5, 300, 900]))

    def sale(self):
        self.next_sale += 1
        one, literal = self.one, self.literal
        big = one([0, 1, -1, 9007199254740993, -4611686018427387904, self.rng.randrange(1000)])
        return (f"({self.next_sale}, {self.rng.randrange(36)}, {literal(one([None, 3, 9, 20]))}, "
                f"{literal(one([None] + list(range(12))))}, 'i{self.rng.randrange(15)}', "
                f"{literal(one([None, 0, -3, 5, 8, 2147483647]))}, {big}, "
                f"{self.rng.randrange(-99999, 99999) / 100}, {literal(one([None, 0, 1.125, -7.5]))}, "
                f"{literal(one(TEXTS))})")

    def insert(self, count):
        if not count:
            return None
        return "INSERT INTO sale VALUES " + ", ".join(self.sale() for _ in range(count))

    def joins(self):
        """Some joins, each after those that it needs."""
        picked = {name for name in JOINS if self.rng.random() < 0.5}
        if "land" in picked:
            picked.add("shop")
        return [name for name in JOINS if name in picked]

    def columns(self, joins):
        columns = OWN + [column for name in joins for column in JOINS[name][1]]
        return [name for name, _ in columns]

    def expressions(self, joins):
        has = lambda text: all(table not in text or table in joins for table in ("day", "item", "shop"))
        return [text for text in EXPRESSIONS if has(text.replace("sale.day", ""))]

    def condition(self, column):
        if column in ("sale.note", "shop.town", "item.brand", "item.kind", "land.name"):
            value = lambda: self.literal(self.one([t for t in TEXTS + LANDS if t is not None]))
            return self.one([f"{column} = {value()}", f"{column} IN ({value()}, {value()})",
                             f"{column} IS NULL", f"{column} <> {value()}", f"{column} LIKE '%a%'"])
        if column in ("day.moment", "item.since"):
            return self.one([f"{column} >= DATE '2020-09-01'", f"{column} IS NOT NULL"])
        value = lambda: self.one([0, 1, 3, 5, 7, 12, 2020, 2021])
        return self.one([f"{column} = {value()}", f"{column} > {value()}", f"{column} IS NULL",
                         f"{column} BETWEEN {value()} AND {value()}", f"{column} IN ({value()}, {value()})",
                         f"NOT ({column} = {value()} OR {column} = {value()})"])

    def cube(self, name):
        joins = self.joins()
        pool = self.columns(joins) + self.expressions(joins)
        keys = self.rng.sample(pool, min(len(pool), self.one([0, 1, 2, 2, 3, 4])))
        functions = []
        for measure in self.rng.sample(MEASURES, self.one([1, 2, 3])):
            functions.append(self.one(["sum", "sum", "avg", "count"]) + f"({measure})")
        if self.rng.random() < 0.3:
            functions.append(self.one(["min", "max"]) + f"({self.one(MEASURES[:4] + ['sale.note'])})")
        if self.rng.random() < 0.25:
            functions.append(f"count(DISTINCT {self.one(['sale.n', 'sale.note', 'sale.shop', 'sale.item'])})")
        functions.append("count(*)")
        where = ""
        if self.rng.random() < 0.15:
            where = f" WHERE {self.condition(self.one(self.columns(joins)))}"
        by = ", ".join(keys)
        if len(keys) > 1 and self.rng.random() < 0.2:
            by = self.one([f"ROLLUP ({by})", f"GROUPING SETS (({by}), ({keys[0]}))"])
        by = f" GROUP BY {by}" if by else ""
        self_joins = " ".join(JOINS[join][0] for join in joins)
        return (f"CREATE CUBE {name} AS SELECT {', '.join(keys + functions)} FROM sale {self_joins}{where}{by}",
                (joins, keys, functions, where))

    def query(self, cube):
        """A query that is near a cube, or any."""
        joins, keys, functions, where = cube if self.rng.random() < 0.8 else (self.joins(), [], [], "")
        joins = [join for join in JOINS if join in joins or self.rng.random() < 0.07]
        if "land" in joins and "shop" not in joins:
            joins = [join for join in joins if join != "land"]
        own = self.columns(joins)
        pool = [key for key in keys if key in own or "(" in key or " " in key] or own
        groups = self.rng.sample(pool, min(len(pool), self.one([0, 1, 1, 2, 3])))
        if self.rng.random() < 0.1:
            groups = groups + [self.one(own)]
        picks = [f for f in functions if self.rng.random() < 0.7] or ["count(*)"]
        if self.rng.random() < 0.1:
            picks.append(f"sum({self.one(MEASURES)})")
        if self.rng.random() < 0.15 and groups:
            picks.append(self.one(["count(DISTINCT {})", "min({})", "max({})", "count({})"])
                         .format(self.one(groups)))
        if self.rng.random() < 0.15 and pool is not own:
            picks = [f"{f} FILTER (WHERE {self.condition(key)})" if "DISTINCT" not in f else f
                     for f, key in zip(picks, itertools.cycle([k for k in pool if k in own] or own))]
        conditions = [where[7:]] if where else []
        for key in pool:
            if key in own and self.rng.random() < 0.25:
                conditions.append(self.condition(key))
        text = f" WHERE {' AND '.join(f'({c})' for c in conditions)}" if conditions else ""
        by = f" GROUP BY {', '.join(groups)}" if groups else ""
        columns = ", ".join(f"{text} AS c{place}" for place, text in enumerate(groups + picks))
        having = " HAVING count(*) > 1" if by and self.rng.random() < 0.15 else ""
        return f"SELECT {columns} FROM sale {' '.join(JOINS[join][0] for join in joins)}{text}{by}{having}"

    def change(self):
        rng, one, literal = self.rng, self.one, self.literal
        some = f"id % {rng.randrange(2, 40)} = {rng.randrange(0, 3)}"
        dimension = f"id % {rng.randrange(2, 9)} = {rng.randrange(0, 3)}"
        return one([
            lambda: self.insert(one([1, 3, 40])),
            lambda: self.insert(one([1, 2, 400])),
            lambda: f"DELETE FROM sale WHERE {some}",
            lambda: f"DELETE FROM sale WHERE p > {rng.randrange(-900, 900)} AND {some}",
            lambda: f"UPDATE sale SET p = p + 1, n = {literal(one([None, 4]))} WHERE {some}",
            lambda: f"UPDATE sale SET shop = {literal(one([None, 2, 5]))}, q = NULL WHERE {some}",
            lambda: f"UPDATE sale SET day = {rng.randrange(36)}, note = {literal(one(TEXTS))} WHERE {some}",
            lambda: f"UPDATE item SET brand = {literal(one(TEXTS))} WHERE id = 'i{rng.randrange(15)}'",
            lambda: f"UPDATE item SET kind = {literal(one(TEXTS[:5]))}, since = NULL WHERE id > 'i{rng.randrange(15)}'",
            lambda: f"UPDATE shop SET town = {literal(one(TEXTS))}, size = size + 1 WHERE {dimension}",
            lambda: f"UPDATE shop SET land = {literal(one([None, 0, 1, 2, 3]))} WHERE {dimension}",
            lambda: f"UPDATE land SET name = {literal(one(LANDS))} WHERE {dimension}",
            lambda: f"UPDATE land SET part = {literal(one([None, 0, 5]))} WHERE id = {rng.randrange(4)}",
            lambda: f"UPDATE day SET year = {rng.randrange(2019, 2024)} WHERE id BETWEEN 5 AND {rng.randrange(5, 30)}",
            lambda: f"UPDATE day SET month = month WHERE {dimension}",
            lambda: f"INSERT INTO land VALUES ({rng.randrange(100, 10**6)}, 'new', 1)",
            lambda: "DELETE FROM sale" if rng.random() < 0.2 else f"DELETE FROM sale WHERE {some}",
        ])()


def check(shell, duck, sql, tally, counts, again):
    """One query in three ways."""
    shell.ask("SET starfact.use_cubes = on")
    found, errors = shell.ask(sql)
    plan, _ = shell.ask(f"EXPLAIN {sql}")
    shell.ask("SET starfact.use_cubes = off")
    plain, plain_errors = shell.ask(sql)
    counts["queries"] += 1
    counts["from cubes"] += plan is not None and ": used" in plan
    problem = None
    if (found is None) != (plain is None):
        problem = f"with cubes: {errors or 'rows'}, without: {plain_errors or 'rows'}"
    elif found is not None and sorted(found.splitlines()) != sorted(plain.splitlines()):
        problem = f"with cubes\n{found}\nwithout\n{plain}\n{plan}"
    elif found is not None and duck is not None and "avg(" not in sql:
        types, rows = expected_rows(duck, sql)
        if types is None:
            counts["refused by DuckDB"] += 1
        else:
            problem = difference(found, types, rows, False)
    tally.check(sql, problem, again)


def case(options, number, folder, tally, counts):
    rng = random.Random(f"{options.seed}/{number}")
    generator = Generator(rng)
    again = f"benches/blackbox/cubes.py --seed {options.seed} --only {number}"
    path = folder / f"cubes-{number}"
    duck = duckdb.connect() if duckdb else None
    shell = Shell(options.binary, path)

    def both(sql):
        output, errors = shell.ask(sql)
        if duck is not None:
            try:
                # Its own checks of keys refuse changes of rows that others refer to.
                duck.execute(re.sub(r" PRIMARY KEY| REFERENCES \w+", "", sql))
            except duckdb.Error as error:
                tally.check(sql, output is not None and f"done, and DuckDB says {error}", again)
                return
        tally.check(sql, output is None and errors, again)

    for sql in filter(None, itertools.chain(SCHEMA.split(";"), generator.rows())):
        if sql.strip():
            both(sql.strip())
    cubes = []
    for place in range(rng.choice([1, 2, 3])):
        sql, shape = generator.cube(f"c{place}")
        output, errors = shell.ask(sql)
        if output is None:
            counts["cubes refused"] += 1
            is_known = any(text in errors for text in
                           ("can be no column", "cannot be kept", "out of range"))
            tally.check(sql, not is_known and errors, again)
        else:
            cubes.append((f"c{place}", shape))
    if rng.random() < 0.5:
        shell.ask("SET starfact.background_merges = off")
    for _ in range(options.changes):
        if cubes:
            for _ in range(options.queries):
                check(shell, duck, generator.query(rng.choice(cubes)[1]), tally, counts, again)
            names = ", ".join(name for name, _ in cubes)
            output, errors = shell.ask(f"CHECK CUBE {names}")
            tally.check(f"CHECK CUBE {names}", output is None and errors, again)
        way = rng.random()
        if way < 0.1:
            shell.ask(f"OPTIMIZE {rng.choice(['sale', 'item', 'shop'])}")
        elif way < 0.18:
            if rng.random() < 0.5:
                # What was acknowledged is there, with its cells.
                shell.process.kill()
                shell.process.wait()
            else:
                shell.close()
            shell = Shell(options.binary, path)
        elif way < 0.35:
            both("BEGIN")
            for _ in range(rng.choice([2, 3, 4])):
                sql = generator.change()
                if sql:
                    both(sql)
            both(rng.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        else:
            sql = generator.change()
            if sql:
                both(sql)
    code = shell.close()
    tally.check("the shell ends", code not in (0, 1) and f"exit code {code}", again)


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--cases", type=int, default=20)
    arguments.add_argument("--changes", type=int, default=15, help="changes of a case")
    arguments.add_argument("--queries", type=int, default=4, help="queries after each change")
    arguments.add_argument("--only", type=int, help="this case alone")
    options = arguments.parse_args()
    tally = Tally(options.verbose)
    counts = {"queries": 0, "from cubes": 0, "refused by DuckDB": 0, "cubes refused": 0}
    with Workplace(options.keep) as folder:
        numbers = range(options.cases) if options.only is None else [options.only]
        for number in numbers:
            case(options, number, folder, tally, counts)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
