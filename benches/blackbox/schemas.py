"""Random star and snowflake schemas with random data, and the ways to load them.

Values come from small pools, so that keys repeat, filters hit and groups have several rows; the
pools hold the ends of each type, neighbours, NULL and text outside of ASCII. Columns marked
`small` have values whose sums and products stay far from every limit.
"""

import csv
import datetime as dt
import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = dt.datetime(1970, 1, 1)
TEXTS = ["", "a", "b", "ab", "abc", "A", "Zebra", "zebra", "Äpfel", "äpfel", "Ωmega", "日本", "日本語",
         "🙂", "🙂🙃", "a b", " lead", "trail ", "it's", 'say "hi"', "comma,semi;", "pipe|tab\t",
         "line\nbreak", "back\\slash", "100%", "under_score", "NULL", "null", "true", "1", "01",
         "-1", "1992-01-01", "x" * 40, "y" * 300, "é", "e\u0301", "\u200b", "MFGR#12", "MFGR#1"]
NAMES = ["code", "city", "amount", "Größe", "select", "Group", "date", "value", "x y", "order",
         "qty", "flag", "note", "when", "数", "kind", "price", "level", "user", "limit", "a.b"]


class Type:
    """A column type: its SQL name, its Arrow type, random values, literals and CSV text."""

    def __init__(self, sql, arrow):
        self.sql, self.arrow = sql, arrow

    @property
    def base(self):
        return self.sql.split("(")[0]

    @property
    def is_integer(self):
        return self.base in ("SMALLINT", "INTEGER", "BIGINT")

    @property
    def is_float(self):
        return self.base in ("REAL", "DOUBLE")

    @property
    def is_number(self):
        return self.is_integer or self.is_float or self.base == "DECIMAL"

    def literal(self, value):
        """The value in SQL that both engines read alike."""
        if value is None:
            return "NULL"
        kind = self.base
        if kind == "BOOLEAN":
            return "TRUE" if value else "FALSE"
        if self.is_integer:
            return str(value)
        if self.is_float:
            return f"CAST('{value!r}' AS {self.sql})"
        if kind == "DECIMAL":
            return f"CAST('{value:f}' AS {self.sql})"
        if kind == "VARCHAR":
            return "'" + value.replace("'", "''") + "'"
        if kind == "DATE":
            return f"DATE '{value.isoformat()}'"
        if kind == "TIME":
            return f"TIME '{value.isoformat()}'"
        if kind == "TIMESTAMP":
            return f"TIMESTAMP '{stamp(value)}'"
        return f"TIMESTAMPTZ '{stamp(value)}+00:00'"

    def text(self, value, rng):
        """The value in a CSV file."""
        kind = self.base
        if kind == "BOOLEAN":
            return rng.choice(["true", "True", "t"] if value else ["false", "FALSE", "f"])
        if self.is_float:
            return repr(value)
        if kind == "DECIMAL":
            return f"{value:f}"
        if kind == "TIMESTAMP":
            return stamp(value).replace(" ", rng.choice([" ", "T"]))
        if kind == "TIMESTAMPTZ":
            return stamp(value) + rng.choice(["+00:00", "+00", "Z"])
        if kind in ("DATE", "TIME"):
            return value.isoformat()
        return str(value)


def stamp(value):
    """Years below 1000 need their zeros, which strftime leaves out."""
    text = value.isoformat(sep=" ")
    return text


def decimal_type(precision, scale):
    return Type(f"DECIMAL({precision},{scale})", pa.decimal128(precision, scale))


BOOLEAN = Type("BOOLEAN", pa.bool_())
SMALLINT = Type("SMALLINT", pa.int16())
INTEGER = Type("INTEGER", pa.int32())
BIGINT = Type("BIGINT", pa.int64())
REAL = Type("REAL", pa.float32())
DOUBLE = Type("DOUBLE", pa.float64())
VARCHAR = Type("VARCHAR", pa.string())
DATE = Type("DATE", pa.date32())
TIME = Type("TIME", pa.time64("us"))
TIMESTAMP = Type("TIMESTAMP", pa.timestamp("us"))
TIMESTAMPTZ = Type("TIMESTAMPTZ", pa.timestamp("us", tz="UTC"))
BITS = {"SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}


def random_type(rng):
    decimals = [decimal_type(9, 2), decimal_type(18, 3), decimal_type(38, 0), decimal_type(38, 10),
                decimal_type(5, 5), decimal_type(1, 0), decimal_type(20, 4)]
    return rng.choice([BOOLEAN, SMALLINT, INTEGER, INTEGER, BIGINT, REAL, DOUBLE, VARCHAR, VARCHAR,
                       DATE, TIME, TIMESTAMP, TIMESTAMPTZ, rng.choice(decimals),
                       rng.choice(decimals)])


def pool(of, rng, size, small=False):
    """Distinct values of a type, at most `size`, without NULL."""
    kind = of.base
    draw = {"BOOLEAN": lambda: rng.random() < 0.5, "VARCHAR": lambda: random_text(rng),
            "DATE": lambda: random_date(rng, small), "TIME": lambda: random_time(rng),
            "TIMESTAMP": lambda: random_stamp(rng, small),
            "TIMESTAMPTZ": lambda: random_stamp(rng, small)}.get(kind)
    if of.is_integer:
        high = 1000 if small else 2 ** (BITS[kind] - 1) - 1
        near = rng.randint(-high, high)
        draw = (lambda: rng.randint(-100, high)) if small else (lambda: rng.choice(
            [rng.randint(-high - 1, high), high, -high - 1, 0, 1, -1, near,
             max(-high, min(high, near + rng.randint(-50, 50)))]))
    elif of.is_float:
        draw = lambda: random_float(rng, small, kind == "REAL")  # noqa: E731
    elif kind == "DECIMAL":
        draw = lambda: random_decimal(rng, of, small)  # noqa: E731
    values = dict.fromkeys(draw() for _ in range(size * 2))
    return list(values)[:size]


def random_text(rng):
    way = rng.random()
    if way < 0.5:
        return rng.choice(TEXTS)
    if way < 0.8:
        return rng.choice(["city", "Brand#", "ÄÖ", "k"]) + str(rng.randint(0, 99))
    return "".join(rng.choice("abcXYZ0189äß日🙂 _%") for _ in range(rng.randint(0, 14)))


def random_date(rng, small):
    if not small and rng.random() < 0.1:
        return rng.choice([dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1970, 1, 1),
                           dt.date(1969, 12, 31), dt.date(2000, 2, 29), dt.date(1582, 10, 10)])
    return dt.date(1992, 1, 1) + dt.timedelta(days=rng.randint(0, 2556))


def random_time(rng):
    if rng.random() < 0.1:
        return rng.choice([dt.time(0), dt.time(23, 59, 59, 999999), dt.time(12)])
    micro = rng.choice([0, 0, rng.randint(0, 999999)])
    return dt.time(rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59), micro)


def random_stamp(rng, small):
    if not small and rng.random() < 0.1:
        return rng.choice([dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
                           EPOCH, EPOCH - dt.timedelta(microseconds=1)])
    return dt.datetime.combine(random_date(rng, True), random_time(rng))


def random_float(rng, small, is_real):
    """Multiples of a quarter, whose sums are exact, and the ends of the type."""
    if small or rng.random() < 0.8:
        return rng.randint(-4000, 4000) / 4
    ends = [0.0, 3.4028234663852886e38, -3.4028234663852886e38, 1.401298464324817e-45]
    if not is_real:
        ends += [1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 0.1, 1 / 3, 1e-7, 1e17]
    return rng.choice(ends)


def random_decimal(rng, of, small):
    precision, scale = of.arrow.precision, of.arrow.scale
    high = 10 ** precision - 1
    if small:
        high = min(high, 10 ** 6)
        digits = rng.randint(-high, high)
    else:
        digits = rng.choice([rng.randint(-high, high), high, -high, 0, 1, -1,
                             rng.randint(-min(high, 500), min(high, 500))])
    # Not by division, which rounds to the context's 28 digits.
    return Decimal((0 if digits >= 0 else 1, tuple(map(int, str(abs(digits)))), -scale))


class Column:
    """A column: name, type, whether NULL is allowed, the pool of its values."""

    def __init__(self, name, of, nullable, values, small=False):
        self.name, self.type, self.nullable, self.pool = name, of, nullable, values
        self.small = small

    @property
    def quoted(self):
        return quoted(self.name)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Reference:
    """A foreign key: columns of a table, and the table and key that they refer to."""

    def __init__(self, columns, target):
        self.columns, self.target = columns, target


class Table:
    """A table with its rows, which are lists in the order of the columns."""

    def __init__(self, name):
        self.name = name
        self.columns, self.key, self.references, self.sorted_by = [], [], [], []
        self.rows = []

    @property
    def quoted(self):
        return quoted(self.name)

    def place(self, name):
        return next(at for at, column in enumerate(self.columns) if column.name == name)

    def definition(self, is_ours):
        """CREATE TABLE; the sort order is only for Starfact."""
        parts = [f"{c.quoted} {c.type.sql}" + ("" if c.nullable else " NOT NULL")
                 for c in self.columns]
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, self.key))})")
        for reference in self.references if is_ours else []:
            own = ", ".join(map(quoted, reference.columns))
            theirs = ", ".join(map(quoted, reference.target.key))
            parts.append(f"FOREIGN KEY ({own}) REFERENCES {reference.target.quoted} ({theirs})")
        order = ", ".join(map(quoted, self.sorted_by))
        tail = f" SORTED BY ({order})" if is_ours and order else ""
        return f"CREATE TABLE {self.quoted} ({', '.join(parts)}){tail}"

    def arrow(self, rows=None):
        rows = self.rows if rows is None else rows
        arrays = [pa.array([row[at] for row in rows], type=column.type.arrow)
                  for at, column in enumerate(self.columns)]
        return pa.Table.from_arrays(arrays, names=[column.name for column in self.columns])


class Schema:
    """A star: dimensions before what refers to them, the fact last."""

    def __init__(self, rng, rows_max):
        self.rng = rng
        self.names = set()
        self.tables = []
        dimensions = []
        for _ in range(rng.randint(1, 4)):
            parents = [d for d in dimensions if rng.random() < 0.3][:2]
            if rng.random() < 0.35:
                parents.append(self.add_dimension([]))
            dimensions.append(self.add_dimension(parents))
        roles = list(dimensions)
        if rng.random() < 0.5:
            roles.append(rng.choice(dimensions))
        self.fact = self.add_fact(roles, rows_max)

    def unused_name(self, options):
        name = self.rng.choice(options)
        while name.lower() in self.names:
            name += self.rng.choice("_2x")
        self.names.add(name.lower())
        return name

    def add_columns(self, table, count, taken):
        rng = self.rng
        for _ in range(count):
            of = random_type(rng)
            small = rng.random() < 0.5
            values = pool(of, rng, rng.choice([1, 2, 5, 20, 200]), small)
            name = rng.choice(NAMES)
            while name.lower() in taken:
                name += rng.choice("_1z")
            taken.add(name.lower())
            table.columns.append(Column(name, of, rng.random() < 0.7, values, small))

    def add_dimension(self, parents):
        rng = self.rng
        table = Table(self.unused_name(["customer", "date", "Part", "supplier", "Ort", "d", "store",
                                        "order", "item"]))
        count = rng.choice([0, 1, 2, 7, 30, 120, 700])
        taken = set()
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            of = rng.choice([SMALLINT, INTEGER, INTEGER, BIGINT, VARCHAR, DATE, decimal_type(9, 2),
                             TIMESTAMP])
            name = f"key{len(table.columns)}"
            taken.add(name)
            size = max(2, count) if not table.columns else 3
            table.columns.append(Column(name, of, False, pool(of, rng, size)))
        table.key = [column.name for column in table.columns]
        self.add_columns(table, rng.randint(1, 6), taken)
        self.refer(table, parents, taken)
        rng.shuffle(table.columns)
        self.fill(table, count)
        if rng.random() < 0.3:
            table.sorted_by = [c.name for c in rng.sample(table.columns, 1)]
        self.tables.append(table)
        return table

    def refer(self, table, targets, taken):
        """Adds the columns of foreign keys."""
        rng = self.rng
        for number, target in enumerate(targets):
            nullable = rng.random() < 0.5 or not target.rows
            columns = []
            for name in target.key:
                source = target.columns[target.place(name)]
                own = f"ref{number}_{name}"
                taken.add(own)
                column = Column(own, source.type, nullable, source.pool)
                table.columns.append(column)
                columns.append(own)
            table.references.append(Reference(columns, target))

    def add_fact(self, roles, rows_max):
        rng = self.rng
        table = Table(self.unused_name(["sales", "lineorder", "Fakt", "f"]))
        count = rng.choice([0, 1, 10, 300, 3000, rows_max])
        taken = {"id"}
        if rng.random() < 0.6:
            table.columns.append(Column("id", rng.choice([INTEGER, BIGINT]), False, []))
            table.key = ["id"]
        self.add_columns(table, rng.randint(2, 8), taken)
        self.refer(table, roles, taken)
        rng.shuffle(table.columns)
        self.fill(table, count)
        if rng.random() < 0.6:
            table.sorted_by = [c.name for c in rng.sample(table.columns, rng.choice([1, 1, 2]))]
        self.tables.append(table)
        return table

    def fill(self, table, count):
        """Rows with unique keys and references that resolve."""
        rng = self.rng
        columns = {}
        for column in table.columns:
            values = column.pool or [0]
            if column.nullable:
                values = values + [None] * max(1, len(values) // rng.choice([2, 8, 30]))
            if rng.random() < 0.3:  # runs, as sorted input has them
                values = sorted(values, key=lambda value: (value is None, value))
                columns[column.name] = [values[at * len(values) // max(1, count)]
                                        for at in range(count)]
            else:
                columns[column.name] = rng.choices(values, k=count)
        if table.key == ["id"]:
            start, step = rng.choice([0, 1, -5, 2 ** 30]), rng.choice([1, 1, 3])
            ids = [start + step * at for at in range(count)]
            if rng.random() < 0.5:
                rng.shuffle(ids)
            columns["id"] = ids
            table.columns[table.place("id")].pool = ids[:50]
        for reference in table.references:
            keys = [[row[reference.target.place(name)] for name in reference.target.key]
                    for row in reference.target.rows]
            nullable = table.columns[table.place(reference.columns[0])].nullable
            if not keys and not nullable:
                count = 0
            picks = rng.choices(keys, k=count) if keys else [None] * count
            for at, name in enumerate(reference.columns):
                columns[name] = [None if pick is None or nullable and rng.random() < 0.1
                                 else pick[at] for pick in picks]
        rows = [list(row) for row in zip(*(columns[c.name][:count] for c in table.columns))]
        if table.key:
            places = [table.place(name) for name in table.key]
            unique = {tuple(row[at] for at in places): row for row in rows}
            rows = list(unique.values())
        table.rows = rows


def load_pieces(table, rng, folder, duck):
    """Statements that load a table's rows in pieces, each in another way."""
    rows = table.rows
    cuts = sorted(rng.randint(0, len(rows)) for _ in range(rng.choice([0, 0, 1, 2])))
    pieces = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)])]
    statements = []
    for number, piece in enumerate(pieces):
        ways = ["csv", "pyarrow", "duckdb"]
        if 0 < len(piece) <= 400:
            ways += ["insert", "insert"]
        way = rng.choice(ways)
        base = f"{len(table.name)}-{table.name.encode().hex()}-{number}"
        if way == "insert":
            values = ", ".join("(" + ", ".join(
                column.type.literal(value) for column, value in zip(table.columns, row)) + ")"
                for row in piece)
            statements.append(f"INSERT INTO {table.quoted} VALUES {values}")
        elif way == "csv":
            statements.append(write_csv(table, piece, rng, folder / f"{base}.csv"))
        else:
            path = folder / f"{base}.parquet"
            data = table.arrow(piece)
            if way == "pyarrow":
                pq.write_table(data, path, row_group_size=rng.choice([100, 5000, 100000]),
                               compression=rng.choice(["none", "snappy", "zstd", "gzip", "lz4"]),
                               use_dictionary=rng.random() < 0.5,
                               version=rng.choice(["1.0", "2.4", "2.6"]),
                               data_page_version=rng.choice(["1.0", "2.0"]))
            else:
                duck.register("piece", data)
                duck.execute(f"COPY (SELECT * FROM piece) TO '{path}' (FORMAT parquet, "
                             f"COMPRESSION {rng.choice(['zstd', 'snappy', 'uncompressed'])})")
                duck.unregister("piece")
            statements.append(f"COPY {table.quoted} FROM '{path}'"
                              + rng.choice(["", " (FORMAT parquet)"]))
    return statements


def write_csv(table, rows, rng, path):
    delimiter = rng.choice([",", ",", "|", ";", "\t"])
    header = rng.random() < 0.7 and len(rows) >= 0
    line_end = rng.choice(["\n", "\n", "\r\n"])
    out = io.StringIO()
    if header:
        names = io.StringIO()
        csv.writer(names, delimiter=delimiter, lineterminator="").writerow(
            [column.name for column in table.columns])
        out.write(names.getvalue() + line_end)
    for row in rows:
        fields = []
        for column, value in zip(table.columns, row):
            if value is None:
                fields.append("")
                continue
            text = column.type.text(value, rng)
            special = text == "" or any(c in text for c in (delimiter, '"', "\n", "\r"))
            lone = len(table.columns) == 1
            if special or lone or text.strip() != text or rng.random() < 0.05:
                text = '"' + text.replace('"', '""') + '"'
            fields.append(text)
        out.write(delimiter.join(fields) + line_end)
    path.write_bytes(out.getvalue().encode())
    options = f"FORMAT csv, HEADER {str(header).lower()}"
    if delimiter != "," or rng.random() < 0.3:
        options += f", DELIMITER '{delimiter}'"
    return f"COPY {table.quoted} FROM '{path}' ({options})"
