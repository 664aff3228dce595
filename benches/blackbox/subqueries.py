"""Compares Starfact with DuckDB on random subqueries, wherever an expression may stand.

    target/peers/bin/python benches/blackbox/subqueries.py --seed 1 --cases 20 --queries 100

Each case is a few small tables with many NULLs, duplicates and sometimes no rows, and random
queries: EXISTS, IN, ANY, ALL, scalar and LATERAL subqueries, one within the other, that depend on
the tables around them in every way. Rows are compared as a bag; where DuckDB finds several rows in
a scalar subquery, Starfact has to, too. A case depends on the seed and its number alone.
"""

import random
import sys

import duckdb

import common

SEVERAL_ROWS = "more than one row"
REFUSALS = ("not supported", "can only be used", "must be aggregated")
COMPARISONS = ["=", "=", "=", "<", "<=", ">", ">=", "<>", "IS NOT DISTINCT FROM"]


class Writer:
    """Random queries over tables of integer columns a, b, c."""

    def __init__(self, rng, tables):
        self.rng, self.tables, self.names = rng, tables, 0

    def one_of(self, *choices):
        return self.rng.choice(choices)

    def chance(self, probability):
        return self.rng.random() < probability

    def name(self):
        self.names += 1
        return f"t{self.names}"

    def column(self, scope):
        return f"{self.rng.choice(scope)}.{self.one_of('a', 'b', 'c')}"

    def value(self, own, outer, depth):
        """An integer; at times a subquery."""
        pick = self.rng.random()
        if pick < 0.62:
            return self.column(own + outer if self.chance(0.25) else own)
        if pick < 0.72:
            return f"({self.column(own)} + {self.rng.randint(0, 2)})"
        if pick < 0.84 or depth <= 0:
            return str(self.rng.randint(0, 4))
        return self.scalar(own + outer, depth - 1)

    def condition(self, own, outer, depth):
        """A condition on the tables `own`, which often depends on `outer`."""
        pick = self.rng.random()
        if outer and pick < 0.55:
            operator = self.rng.choice(COMPARISONS)
            return f"{self.column(own)} {operator} {self.column(outer)}"
        if 0.55 <= pick < 0.62 and depth >= 0:
            both = [self.condition(own, outer, depth - 1) for _ in range(2)]
            return f"({both[0]} {self.one_of('AND', 'OR')} {both[1]})"
        if pick < 0.75 and depth > 0:
            return self.predicate(own + outer, depth - 1)
        if pick < 0.8:
            return f"{self.column(own)} IS {self.one_of('', 'NOT ')}NULL"
        operator = self.rng.choice(COMPARISONS)
        return f"{self.column(own)} {operator} {self.value(own, outer, depth - 1)}"

    def predicate(self, scope, depth):
        """A truth value by a subquery."""
        pick = self.rng.random()
        maybe_not = self.one_of("", "", "NOT ")
        if pick < 0.3:
            return f"{maybe_not}EXISTS ({self.query(scope, depth, 1)})"
        value = self.value(scope, [], 0)
        if pick < 0.7:
            return f"{value} {maybe_not}IN ({self.query(scope, depth, 1)})"
        if pick < 0.78:
            pair = f"({value}, {self.value(scope, [], 0)})"
            # DuckDB has no such subqueries that depend on the row.
            return f"{pair} {maybe_not}IN ({self.query([], 0, 2)})"
        operator = self.one_of("=", "<>", "<", "<=", ">", ">=")
        return f"{value} {operator} {self.one_of('ANY', 'ALL')} ({self.query(scope, depth, 1)})"

    def tables_of(self, scope, depth):
        """A FROM clause and the names in it."""
        first = self.name()
        table = self.rng.choice(self.tables)
        pick = self.rng.random()
        if pick < 0.6:
            return f"{table} {first}", [first]
        second, other = self.name(), self.rng.choice(self.tables)
        if pick < 0.85:
            kind = self.one_of("JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")
            condition = f"{first}.a = {second}.{self.one_of('a', 'b')}"
            if kind in ("JOIN", "LEFT JOIN") and self.chance(0.4):
                condition += f" AND {self.condition([first, second], scope, depth - 1)}"
            return f"{table} {first} {kind} {other} {second} ON {condition}", [first, second]
        derived = (f"(SELECT a, max(b) AS b, count(*) AS c FROM {other} GROUP BY a)"
                   if self.chance(0.5) else f"(SELECT DISTINCT a, b, c FROM {other})")
        return f"{table} {first} JOIN {derived} {second} ON {first}.a = {second}.a", [first, second]

    def where(self, own, scope, depth, probability=0.85):
        if not self.chance(probability):
            return ""
        return f" WHERE {self.condition(own, scope, depth)}"

    def query(self, scope, depth, width):
        """A subquery of `width` columns."""
        tables, own = self.tables_of(scope, depth)
        where = self.where(own, scope, depth)
        columns = [self.value(own, scope, 0) for _ in range(width)]
        pick = self.rng.random()
        if pick < 0.5:
            return f"SELECT {', '.join(columns)} FROM {tables}{where}"
        if pick < 0.6:
            return f"SELECT DISTINCT {', '.join(columns)} FROM {tables}{where}"
        if pick < 0.7:
            order = ", ".join(f"{number} {self.order()}" for number in range(1, width + 1))
            offset = f" OFFSET {self.rng.randint(0, 2)}" if self.chance(0.4) else ""
            return (f"SELECT {', '.join(columns)} FROM {tables}{where} ORDER BY {order} "
                    f"LIMIT {self.rng.randint(0, 3)}{offset}")
        if pick < 0.8:
            key = self.column(own)
            having = f" HAVING count(*) > {self.rng.randint(0, 2)}" if self.chance(0.3) else ""
            values = [self.aggregate(own) for _ in columns]
            return f"SELECT {', '.join(values)} FROM {tables}{where} GROUP BY {key}{having}"
        if pick < 0.88:
            kind = self.one_of("UNION", "UNION ALL", "INTERSECT", "EXCEPT")
            return f"{self.simple(scope, width)} {kind} {self.simple(scope, width)}"
        if pick < 0.94:
            values = [self.aggregate(own) for _ in columns]
            return f"SELECT {', '.join(values)} FROM {tables}{where}"
        windows = [self.window(own) for _ in columns]
        return f"SELECT {', '.join(windows)} FROM {tables}{where}"

    def simple(self, scope, width):
        name = self.name()
        columns = ", ".join(self.column([name]) for _ in range(width))
        table = self.rng.choice(self.tables)
        return f"SELECT {columns} FROM {table} {name}{self.where([name], scope, 0)}"

    def order(self):
        return self.one_of("", "DESC", "NULLS FIRST", "DESC NULLS LAST")

    def aggregate(self, own):
        column = self.column(own)
        return self.one_of("count(*)", f"count({column})", f"sum({column})", f"min({column})",
                           f"max({column})", f"count(DISTINCT {column})",
                           f"sum({column}) FILTER (WHERE {self.column(own)} > 1)",
                           f"max({column}) + 1")

    def window(self, own):
        column, key = self.column(own), self.column(own)
        return self.one_of(f"sum({column}) OVER (PARTITION BY {key})", "count(*) OVER ()",
                           f"rank() OVER (ORDER BY {column})",
                           f"dense_rank() OVER (PARTITION BY {key} ORDER BY {column} DESC)")

    def scalar(self, scope, depth):
        """A subquery that has one row, most of the time."""
        pick = self.rng.random()
        tables, own = self.tables_of(scope, depth)
        where = self.where(own, scope, depth)
        if pick < 0.55:
            return f"(SELECT {self.aggregate(own)} FROM {tables}{where})"
        if pick < 0.65:
            return f"(SELECT {self.column(scope)} + {self.rng.randint(0, 2)})"
        if pick < 0.8:
            column = self.value(own, scope, 0)
            offset = self.one_of("", "", " OFFSET 1")
            return (f"(SELECT {column} FROM {tables}{where} ORDER BY 1 {self.order()} "
                    f"LIMIT 1{offset})")
        if pick < 0.88:
            return (f"(SELECT max(s.v) FROM ({self.query(scope, depth - 1, 1)}) AS s(v))")
        if pick < 0.96:
            name = self.name()
            table = self.rng.choice(self.tables)
            return (f"(SELECT DISTINCT {name}.a FROM {table} {name} "
                    f"WHERE {name}.a = {self.column(scope)})")
        return f"(SELECT {self.column(own)} FROM {tables}{where})"

    def item(self, scope, depth):
        """A column of a select list."""
        pick = self.rng.random()
        if pick < 0.45:
            return self.predicate(scope, depth)
        if pick < 0.8:
            return self.scalar(scope, depth)
        if pick < 0.87:
            return f"CASE WHEN {self.predicate(scope, depth)} THEN 1 ELSE 0 END"
        if pick < 0.94:
            return f"({self.predicate(scope, depth)}) IS {self.one_of('', 'NOT ')}NULL"
        return f"coalesce({self.scalar(scope, depth)}, -1)"

    def statement(self):
        """A whole query."""
        self.names = 0
        depth = self.one_of(0, 1, 1, 2)
        tables, own = self.tables_of([], depth if self.chance(0.4) else 0)
        pick = self.rng.random()
        if pick < 0.4:
            items = [self.item(own, depth) for _ in range(self.one_of(1, 1, 2, 3))]
            columns = ", ".join([self.column(own), *(f"{x} AS i{n}" for n, x in enumerate(items))])
            return f"SELECT {columns} FROM {tables}{self.where(own, [], 0, 0.3)}"
        if pick < 0.6:
            condition = self.predicate(own, depth)
            if self.chance(0.5):
                wrapped = self.one_of("NOT ({})", "({}) IS NULL", "({}) OR {other}",
                                      "coalesce({}, true)", "({}) = ({other})", "({}) IS NOT TRUE")
                other = self.condition(own, [], depth)
                condition = wrapped.replace("{}", condition).replace("{other}", other)
            return f"SELECT {self.column(own)}, {self.column(own)} x FROM {tables} WHERE {condition}"
        if pick < 0.7:
            argument = f"CASE WHEN {self.predicate(own, depth)} THEN {self.column(own)} END"
            filtered = f"count(*) FILTER (WHERE {self.predicate(own, depth)})"
            if self.chance(0.5):
                return f"SELECT sum({argument}) x, {filtered} y FROM {tables}"
            key = self.column(own)
            return f"SELECT {key}, sum({argument}) x, {filtered} y FROM {tables} GROUP BY {key}"
        if pick < 0.76:
            key = self.column(own)
            having = f"{self.aggregate(own)} IN ({self.query([], depth, 1)})"
            return f"SELECT {key}, count(*) n FROM {tables} GROUP BY {key} HAVING {having}"
        if pick < 0.82:
            key = self.item(own, depth)
            return f"SELECT {self.column(own)} v FROM {tables} ORDER BY {key}, 1"
        if pick < 0.88:
            return f"SELECT {self.item(own, depth)} k, count(*) n FROM {tables} GROUP BY 1"
        inner = self.query(own, depth, 1)
        if self.chance(0.5):
            return f"SELECT {self.column(own)} v, l.w FROM {tables}, LATERAL ({inner}) AS l(w)"
        condition = self.one_of("true", "true", f"l.w > {self.column(own)}")
        return (f"SELECT {self.column(own)} v, l.w FROM {tables} "
                f"LEFT JOIN LATERAL ({inner}) AS l(w) ON {condition}")


def fill(rng):
    """The statements that make three tables."""
    statements = []
    for name in ("p", "q", "r"):
        statements.append(f"CREATE TABLE {name} (a INTEGER, b INTEGER, c INTEGER)")
        rows = [[rng.choice(["NULL", "0", "1", "1", "2", "3", "4"]) for _ in range(3)]
                for _ in range(rng.choice([0, 1, 3, 5, 8, 12]))]
        if rows:
            values = ", ".join(f"({', '.join(row)})" for row in rows)
            statements.append(f"INSERT INTO {name} VALUES {values}")
    return statements


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def key(row):
    return [(value is None, value or "") for value in row]


def compare(shell, duck, sql):
    """Whether the answers are the same: None, 'refused', 'skipped', or what is wrong."""
    try:
        expected = sorted([[text(value) for value in row] for row in duck.execute(sql).fetchall()],
                          key=key)
    except duckdb.Error as error:
        if SEVERAL_ROWS not in str(error).lower():
            return "skipped"
        expected = None
    output, errors = shell.ask(sql)
    if output is None:
        if expected is None and SEVERAL_ROWS in errors:
            return None
        if "internal error" in errors or "panicked" in errors:
            return errors
        return "refused" if any(word in errors for word in REFUSALS) else errors
    if expected is None:
        # Which rows are evaluated is up to the plan.
        return "skipped"
    found = sorted(common.read_csv(output)[1:], key=key)
    return None if found == expected else f"found    {found[:12]}\nexpected {expected[:12]}"


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--queries", type=int, default=100, help="random queries a case")
    parser.add_argument("--only", type=int, help="run this case alone")
    options = parser.parse_args()
    tally = common.Tally(options.verbose)
    refused, skipped = {}, 0
    for number in range(options.cases) if options.only is None else [options.only]:
        rng = random.Random(f"{options.seed}/{number}")
        duck, shell = duckdb.connect(), common.Shell(options.binary)
        setup = fill(rng)
        for statement in setup:
            duck.execute(statement)
            output, errors = shell.ask(statement)
            tally.check(statement, errors if output is None else None)
        writer = Writer(rng, ["p", "q", "r"])
        for query in range(options.queries):
            sql = writer.statement()
            problem = compare(shell, duck, sql)
            if problem == "skipped":
                skipped += 1
            elif problem == "refused":
                _, errors = shell.ask(sql)
                kind = errors.strip().split("\n", maxsplit=1)[0]
                refused.setdefault(kind, []).append(sql)
            else:
                again = f"{sys.argv[0]} --seed {options.seed} --only {number}"
                name = f"case {number}, query {query}"
                tally.check(name, problem and f"{';'.join(setup)};\n{sql};\n{problem}", again)
        shell.close()
        duck.close()
    for kind, queries in sorted(refused.items(), key=lambda item: -len(item[1])):
        print(f"{len(queries):5} × {kind}\n" + common.indent(min(queries, key=len)))
    print(f"{sum(map(len, refused.values()))} refused, {skipped} skipped")
    tally.finish()


if __name__ == "__main__":
    main()
