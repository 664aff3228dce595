"""Compares Starfact with DuckDB on random stars, random loads and random queries.

    target/peers/bin/python benches/blackbox/differential.py --seed 1 --cases 50

Each case is a random star or snowflake schema (schemas.py), loaded in pieces by CSV, Parquet and
INSERT, for the most part changed afterwards (rework.py), and asked random queries (queries.py)
under several settings. The answers are compared as values: integers, decimals, text and times
exactly, floats with a tolerance, rows in order where ORDER BY determines it. A case depends on the
seed and its number alone.
"""

import datetime as dt
import math
import pathlib
import random
import re
import struct
import sys
from decimal import Decimal

import duckdb
import pyarrow as pa

import common
from queries import Writer
from rework import Rework
from schemas import EPOCH, Schema, load_pieces, quoted

CONFIGURATIONS = [
    ["--set", "starfact.zone_maps=on"],
    ["--set", "starfact.zone_maps=off"],
    ["--set", "starfact.star_executor=off"],
    ["--set", "starfact.composed_blocks=off"],
    ["--set", "starfact.hierarchy_codes=off"],
    ["--set", "starfact.ordered_groups=off"],
    ["--set", "starfact.late_keys=off"],
    ["--set", "starfact.merged_groups=off"],
    ["--set", "starfact.common_blocks=off"],
    ["--set", "starfact.bitmaps=off"],
    ["--set", "starfact.encoded_filters=off"],
    ["--threads", "1", "--set", "starfact.zone_maps=off", "--set", "starfact.encoded_filters=off"],
]
REFUSALS = ("not supported", "not implemented")


def parse(text, of):
    """A CSV field as a comparable value of the type that DuckDB gives the column."""
    if text is None:
        return None
    if pa.types.is_boolean(of):
        return {"true": True, "false": False}.get(text, f"no boolean: {text!r}")
    if pa.types.is_integer(of) or pa.types.is_decimal(of):
        return Decimal(text)
    if pa.types.is_float32(of):
        return struct.unpack("f", struct.pack("f", float(text)))[0]
    if pa.types.is_floating(of):
        return float(text)
    if pa.types.is_timestamp(of) or pa.types.is_date(of):
        text = text.replace("T", " ")
        for zone in ("Z", "+00:00", "+00"):
            text = text.removesuffix(zone)
        return dt.datetime.fromisoformat(text)
    if pa.types.is_time(of):
        return dt.time.fromisoformat(text)
    return text


def expected_value(value, of):
    """DuckDB's value in the form of `parse`."""
    if value is None or isinstance(value, (bool, float, str, dt.time)):
        return value
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time())
    raise ValueError(f"no comparison for {value!r} of {of}")


def is_close(a, b, of):
    if isinstance(a, float) and isinstance(b, (float, Decimal)):
        if math.isnan(a) or math.isinf(a):
            return repr(a) == repr(float(b))
        tolerance = 1e-5 if pa.types.is_float32(of) else 1e-9
        return math.isclose(a, float(b), rel_tol=tolerance, abs_tol=1e-9)
    return a == b


def sort_key(row):
    return [(value is None, str(type(value)), f"{value + 0.0:.6g}" if isinstance(value, float) else
             value if value is not None else 0) for value in row]


def expected_rows(duck, sql):
    """DuckDB's rows and column types, or the text of its refusal."""
    try:
        table = duck.sql(sql).to_arrow_table()
        types = [field.type for field in table.schema]
        columns = [[expected_value(value, of) for value in stamps(column, of)]
                   for column, of in zip(table.columns, types)]
        return types, [list(row) for row in zip(*columns)] if columns else []
    except (duckdb.Error, ValueError, OverflowError, pa.ArrowException) as error:
        return None, str(error)


def stamps(column, of):
    """Python values; timestamps by way of microseconds, which need no time zone database."""
    if pa.types.is_timestamp(of):
        micros = column.cast(pa.timestamp("us", of.tz)).cast(pa.int64()).to_pylist()
        return [None if at is None else EPOCH + dt.timedelta(microseconds=at) for at in micros]
    return column.to_pylist()


def difference(output, types, expected, is_ordered):
    """What distinguishes Starfact's CSV from DuckDB's rows, or None."""
    rows = common.read_csv(output)
    if not rows:
        return "no header line"
    if len(rows[0]) != len(types):
        return f"{len(rows[0])} columns, {len(types)} expected"
    try:
        found = [[parse(text, of) for text, of in zip(row, types, strict=True)]
                 for row in rows[1:]]
    except (ValueError, ArithmeticError) as error:
        return f"a field does not fit its type: {error}; first rows: {rows[1:4]}"
    if len(found) != len(expected):
        return f"{len(found)} rows, {len(expected)} expected; first {found[:3]}, not {expected[:3]}"
    lists = [(found, expected)] if is_ordered else []
    lists.append((sorted(found, key=sort_key), sorted(expected, key=sort_key)))
    for own, theirs in lists:
        for number, (a, b) in enumerate(zip(own, theirs), 1):
            if not all(is_close(x, y, of) for x, y, of in zip(a, b, types)):
                return f"row {number} of {len(own)} is {a}, not {b}"
    return None


class Case:
    """One schema in both engines."""

    def __init__(self, options, number, folder):
        self.options, self.number = options, number
        self.rng = random.Random(f"{options.seed}/{number}")
        self.folder = folder / f"case-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.warehouse = self.folder / "warehouse"
        self.duck = duckdb.connect()
        self.duck.execute("SET TimeZone = 'UTC'")
        self.duck.execute("SET threads = 1")
        rows_max = self.rng.choice([3000, 3000, 20_000, 140_000] if options.large else [3000])
        self.schema = Schema(self.rng, rows_max)
        self.script = []

    def load(self):
        """Loads both engines; returns what went wrong in Starfact."""
        shell = common.Shell(self.options.binary, self.warehouse)
        problem = None
        for table in self.schema.tables:
            self.duck.execute(table.definition(is_ours=False))
            self.duck.register("rows", table.arrow())
            self.duck.execute(f"INSERT INTO {table.quoted} SELECT * FROM rows")
            self.duck.unregister("rows")
            statements = [table.definition(is_ours=True)]
            statements += load_pieces(table, self.rng, self.folder, self.duck)
            for statement in statements:
                self.script.append(statement + ";")
                _, errors = shell.ask(statement)
                if "error:" in errors:
                    problem = f"{statement[:300]}\n{errors}"
                    break
            if problem:
                break
        if not problem:
            problem = self.violate(shell) or self.rework(shell) or self.derive(shell)
        shell.close()
        (self.folder / "load.sql").write_text("\n".join(self.script) + "\n")
        return problem

    def violate(self, shell):
        """Statements that constraints must refuse, and that must then change nothing."""
        for table in self.schema.tables:
            if not table.rows:
                continue
            row = list(self.rng.choice(table.rows))
            literals = [c.type.literal(v) for c, v in zip(table.columns, row)]
            attempts = []
            if table.key:
                attempts.append((literals, "a duplicate key"))
            solid = [at for at, column in enumerate(table.columns) if not column.nullable]
            if solid:
                broken = list(literals)
                broken[self.rng.choice(solid)] = "NULL"
                attempts.append((broken, "NULL in a NOT NULL column"))
            for values, what in attempts:
                sql = f"INSERT INTO {table.quoted} VALUES ({', '.join(values)})"
                output, errors = shell.ask(sql)
                if "error:" not in errors:
                    return f"{what} was accepted: {sql}\n{output}{errors}"
        return None

    def rework(self, shell):
        """Changes rows and columns in both engines."""
        if self.rng.random() > self.options.changed:
            return None
        rework = Rework(self.rng, self.schema, self.duck)
        for sql in rework.statements(self.rng.choice([3, 15, 40])):
            self.script.append(sql + ";")
            _, errors = shell.ask(sql)
            if "error:" in errors:
                return f"{sql[:600]}\n{errors}"
        for table in self.schema.tables:
            self.read_sample(table)
        return None

    def read_sample(self, table):
        """Gives a table some of its present rows, for the writer of queries to choose from."""
        names = ", ".join(column.quoted for column in table.columns)
        arrow = self.duck.sql(f"SELECT {names} FROM {table.quoted} ORDER BY ALL LIMIT 2000") \
            .to_arrow_table()
        columns = [stamps(column, field.type) for column, field in zip(arrow.columns,
                                                                      arrow.schema)]
        table.rows = [list(row) for row in zip(*columns)]

    def derive(self, shell):
        """A table made of a query, in both engines."""
        if self.rng.random() < 0.5:
            return None
        source = self.rng.choice(self.schema.tables)
        columns = self.rng.sample(source.columns, self.rng.randint(1, len(source.columns)))
        names = ", ".join(column.quoted for column in columns)
        order = f" SORTED BY ({columns[0].quoted})" if self.rng.random() < 0.5 else ""
        query = f"SELECT {names} FROM {source.quoted}"
        self.duck.execute(f"CREATE TABLE derived AS {query}")
        sql = f"CREATE TABLE derived{order} AS {query}"
        self.script.append(sql + ";")
        _, errors = shell.ask(sql)
        if "error:" in errors:
            return f"{sql}\n{errors}"
        derived = type(source)("derived")
        derived.columns = columns
        self.read_sample(derived)
        self.schema.tables.append(derived)
        return None

    def queries(self):
        """Random queries, and one for the rows of each table."""
        writer = Writer(self.schema, self.rng, self.options.without)
        texts = []
        for table in self.schema.tables:
            names = ", ".join(quoted(column.name) for column in table.columns)
            texts.append((f"SELECT {names} FROM {table.quoted}", False))
        for _ in range(self.options.queries):
            query = writer.query()
            texts.append((query.sql, query.is_ordered))
        return texts


class Failures:
    """Prints the first few failures of a kind in full, and counts the others."""

    SHOWN = 2

    def __init__(self, tally):
        self.tally, self.kinds = tally, {}

    def check(self, name, sql, problem, again):
        if not problem:
            self.tally.check(name)
            return
        first = next((line for line in problem.splitlines() if "error:" in line), "another answer")
        kind = re.sub(r"[0-9]+|\"[^\"]*\"|'[^']*'", "#", first)[:60]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if self.kinds[kind] <= self.SHOWN:
            self.tally.check(name, f"{sql}\n{problem}", again)
        else:
            self.tally.failed += 1

    def summary(self):
        for kind, count in sorted(self.kinds.items(), key=lambda item: -item[1]):
            print(f"{count:5} × {kind}")


def check_case(case, tally, counts, failures):
    options = case.options
    again = f"{sys.argv[0]} --binary {options.binary} --seed {options.seed} --only {case.number}"
    if not tally.check(f"case {case.number}: load", case.load(), again):
        return
    prepared = [(sql, is_ordered, *expected_rows(case.duck, sql))
                for sql, is_ordered in case.queries()]
    for configuration in CONFIGURATIONS[:1] if options.quick else CONFIGURATIONS:
        shell = common.Shell(options.binary, case.warehouse, "--readonly", *configuration)
        for number, (sql, is_ordered, types, expected) in enumerate(prepared):
            name = f"case {case.number}, query {number}, {' '.join(configuration)}"
            if types is None:
                counts["refused by DuckDB"] = counts.get("refused by DuckDB", 0) + 1
                continue
            output, errors = shell.ask(sql)
            if output is None:
                refusal = next((word for word in REFUSALS if word in errors), None)
                if refusal and "panicked" not in errors:
                    counts.setdefault("refused by Starfact", {}).setdefault(errors.strip(), sql)
                    continue
                problem = errors
            else:
                problem = difference(output, types, expected, is_ordered)
            failures.check(name, sql, problem, f"{again} --query {number}")
            if shell.process.poll() is not None:
                shell = common.Shell(options.binary, case.warehouse, "--readonly", *configuration)
        code = shell.close()
        tally.check(f"case {case.number}: exit code", code not in (0, 1) and f"it is {code}")


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--queries", type=int, default=40, help="random queries a case")
    parser.add_argument("--only", type=int, help="run this case alone, and keep its files")
    parser.add_argument("--query", type=int, help="with --only: print this query and both answers")
    parser.add_argument("--changed", type=float, default=0.6,
                        help="the share of cases whose tables are changed after they are loaded")
    parser.add_argument("--large", action="store_true", help="facts of several blocks")
    parser.add_argument("--quick", action="store_true", help="the first configuration alone")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[],
                        help="kinds of queries to leave out: windowed, intersect_all, …")
    options = parser.parse_args()
    if options.only is not None and options.keep is None:
        options.keep = f"/tmp/starfact-differential-{options.seed}-{options.only}"
    tally, counts = common.Tally(options.verbose), {}
    failures = Failures(tally)
    with common.Workplace(options.keep) as folder:
        numbers = range(options.cases) if options.only is None else [options.only]
        for number in numbers:
            case = Case(options, number, folder)
            if options.query is not None:
                show(case, options.query)
                continue
            check_case(case, tally, counts, failures)
            case.duck.close()
            if options.keep is None:
                common.shutil.rmtree(case.folder, ignore_errors=True)
    failures.summary()
    refused = counts.pop("refused by Starfact", {})
    for message, sql in list(refused.items())[:20]:
        print(f"refused: {message}\n" + common.indent(sql))
    print(f"{len(refused)} kinds of refusal; {counts.get('refused by DuckDB', 0)} queries "
          "that DuckDB refuses were left out")
    if options.only is not None:
        print(f"files: {pathlib.Path(options.keep) / f'case-{options.only}'}")
    tally.finish()


def show(case, number):
    """Both answers to one query."""
    common.shutil.rmtree(case.warehouse, ignore_errors=True)
    print("load:", case.load() or "fine")
    sql, is_ordered = case.queries()[number]
    types, expected = expected_rows(case.duck, sql)
    print(sql + ";")
    result = common.run(case.options.binary, case.warehouse, "--csv", "-c", sql)
    print(result)
    if types is None:
        print(f"DuckDB: {expected}")
    else:
        print(f"DuckDB: {types}\n" + "\n".join(map(str, expected[:50])))
        print("difference:", difference(result.out, types, expected, is_ordered))


if __name__ == "__main__":
    main()
