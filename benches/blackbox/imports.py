"""Imports files that are wrong in every way users know, and some that only look wrong.

    target/peers/bin/python benches/blackbox/imports.py --binary target/debug/starfact

For each bad file: the exit code, the parts that the message must have, and the table as it was.
For each good file: the rows that must be there.
"""

import datetime as dt
import decimal
import pathlib

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import common

TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v VARCHAR, n DECIMAL(9,2), d DATE)"
BEFORE = "INSERT INTO t VALUES (1, 'one', 1.50, DATE '2024-02-29')"
STAR = ("CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL);"
        "INSERT INTO city VALUES (1, 'Bern'), (2, 'Oslo');"
        "CREATE TABLE sale (id INTEGER PRIMARY KEY, city INTEGER, amount INTEGER NOT NULL, "
        "FOREIGN KEY (city) REFERENCES city (id))")


class Checks:
    def __init__(self, options, folder, tally):
        self.binary, self.folder, self.tally = options.binary, folder, tally
        self.count = 0

    def warehouse(self, *statements):
        self.count += 1
        path = self.folder / f"warehouse-{self.count}"
        arguments = [part for sql in statements for part in ("-c", sql)]
        result = common.run(self.binary, path, *arguments)
        self.tally.check(f"set up {path.name}", result.code != 0 and str(result))
        return path

    def file(self, name, data):
        path = self.folder / f"{self.count}-{name}"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def rows(self, warehouse, table="t"):
        return common.run(self.binary, warehouse, "--csv", "-c",
                          f"SELECT * FROM {table} ORDER BY 1, 2").out

    def refused(self, name, data, parts, options="(FORMAT csv, HEADER true)", table="t",
                setup=(TABLE, BEFORE), suffix=".csv", code=1):
        """The import of `data` fails with a message that has all `parts`, and changes nothing."""
        warehouse = self.warehouse(*setup)
        path = data if isinstance(data, pathlib.Path) else self.file(f"bad{suffix}", data)
        before = self.rows(warehouse, table)
        files = set(common.snapshot(warehouse))
        sql = f"COPY {table} FROM '{path}' {options}"
        result = common.run(self.binary, warehouse, "-c", sql)
        problems = []
        if result.code != code:
            problems.append(f"exit code {result.code}, {code} expected")
        if crash := common.crashed(result):
            problems.append(crash)
        missing = [part for part in parts if not mentions(result.err, part)]
        if missing:
            problems.append(f"the message lacks {missing}")
        after = self.rows(warehouse, table)
        if after != before:
            problems.append(f"the table changed:\n{before}\n{after}")
        left = set(common.snapshot(warehouse)) - files
        left = {file for file in left if file.startswith(("tables", "tmp"))}
        if left:
            problems.append(f"files are left: {sorted(left)}")
        problem = problems and "\n".join(problems) + f"\n{result}"
        self.tally.check(name, problem, f"{self.binary} WAREHOUSE -c {common.shell_quote(sql)}")

    def accepted(self, name, data, expected, options="(FORMAT csv, HEADER true)", table="t",
                 setup=(TABLE,), suffix=".csv"):
        """The import of `data` gives exactly the rows of `expected`, as csv mode prints them."""
        warehouse = self.warehouse(*setup)
        path = data if isinstance(data, pathlib.Path) else self.file(f"good{suffix}", data)
        sql = f"COPY {table} FROM '{path}' {options}"
        result = common.run(self.binary, warehouse, "-c", sql)
        problem = result.code != 0 and str(result)
        if not problem:
            found = self.rows(warehouse, table).split("\n", 1)[1]
            if found != expected:
                problem = f"rows are {found[:500]!r}, not {expected[:500]!r}"
        self.tally.check(name, problem, f"{self.binary} WAREHOUSE -c {common.shell_quote(sql)}")


def mentions(text, part):
    """Whether the text has a part, or one of several."""
    options = part if isinstance(part, tuple) else (part,)
    return any(option.lower() in text.lower() for option in options)


def bad_csv(c):
    head = "k,v,n,d\n"
    good = "2,two,2.00,2024-01-01\n"
    c.refused("missing file", pathlib.Path("/nonexistent/x.csv"), ["/nonexistent/x.csv"])
    c.refused("a folder instead of a file", c.folder, [str(c.folder)])
    c.refused("text for an integer", head + good + "x3,three,3,2024-01-01\n",
              ["bad.csv", "line 3", "k", "x3", "integer"])
    c.refused("an integer too large", head + "3000000000,a,1,2024-01-01\n", ["line 2", "k"])
    c.refused("a fraction for an integer", head + "2.5,a,1,2024-01-01\n", ["line 2", "k", "2.5"])
    c.refused("a decimal with too many digits", head + "2,a,12345678.00,2024-01-01\n",
              ["line 2", "n", "12345678"])
    c.refused("text for a decimal", head + "2,a,1.2.3,2024-01-01\n", ["line 2", "n", "1.2.3"])
    c.refused("a day that does not exist", head + "2,a,1,2023-02-29\n",
              ["line 2", "d", "2023-02-29"])
    c.refused("too few fields", head + good + "3,three\n", ["line 3", ("2", "fields", "columns")])
    c.refused("too many fields", head + good + "3,three,3,2024-01-01,more\n", ["line 3", "5"])
    c.refused("invalid UTF-8", head.encode() + b"2,\xff\xfe,1,2024-01-01\n",
              ["line 2", "UTF-8"])
    c.refused("UTF-16", (head + good).encode("utf-16"), [("UTF-8", "UTF-16", "column")])
    c.refused("an unclosed quote", head + good + '3,"three,3,2024-01-01\n', ["line 3", "quote"])
    c.refused("NULL for a key", head + ",null,1,2024-01-01\n", ["k", ("null", "NOT NULL")])
    c.refused("a duplicate key within the file", head + good + good,
              ['"t"', "k", "2", ("row", "line")])
    c.refused("a duplicate of a key in the table", head + "1,again,1,2024-01-01\n",
              ['"t"', "k", "1"])
    c.refused("an unknown column in the header", "k,v,n,e\n" + good, ["e", ("column", "header")])
    c.refused("a column twice in the header", "k,v,v,d\n" + good, ["v", ("twice", "duplicate")])
    c.refused("a wrong value far down", head + "".join(f"{k},v,1,2024-01-01\n"
                                                       for k in range(2, 70_000))
              + "70000,v,one,2024-01-01\n", ["line 70000", "n", "one"])
    c.refused("a line number behind quoted line breaks",
              head + '2,"a\nb\nc",2,2024-01-01\n3,x,y,2024-01-01\n', ["line 5", "n"])
    c.refused("an option that does not exist", head + good, ["headr"], "(FORMAT csv, HEADR true)")
    c.refused("a delimiter of two characters", head + good, ["delimiter"],
              "(FORMAT csv, DELIMITER '||')")
    c.refused("a format that does not exist", head + good, ["avro"], "(FORMAT avro)")
    c.refused("a table that does not exist", head + good, ["nowhere"], table="nowhere",
              setup=(TABLE,))
    c.refused("NULL in a NOT NULL column", "id,city,amount\n1,1,\n", ["amount", ("null",)],
              table="sale", setup=(STAR.split(";")))
    c.refused("a key that refers to nothing", "id,city,amount\n1,1,5\n2,9,5\n3,8,5\n",
              ["sale", "city", "9"], table="sale", setup=(STAR.split(";")))
    c.refused("random bytes", bytes(range(256)) * 40, [])
    c.refused("zero bytes", b"\0" * 5000, [])
    c.refused("the same file as Parquet", head + good, [("parquet",)], "(FORMAT parquet)")


def good_csv(c):
    head = "k,v,n,d\n"
    row = "2,two,2.00,2024-01-01\n"
    c.accepted("plain", head + row, row)
    c.accepted("no line break at the end", head + row.rstrip(), row)
    c.accepted("CRLF", (head + row).replace("\n", "\r\n"), row)
    c.accepted("a byte order mark", "\ufeff" + head + row, row)
    c.accepted("only a header", head, "")
    c.accepted("an empty file without header", "", "", "(FORMAT csv, HEADER false)")
    c.accepted("quotes, commas and line breaks", head + '2,"a ""b"", c\nd",1,2024-01-01\n',
               '2,"a ""b"", c\nd",1.00,2024-01-01\n')
    c.accepted("NULL and the empty string", head + '2,,,\n3,"",1,2024-01-01\n',
               '2,,,\n3,"",1.00,2024-01-01\n')
    c.accepted("every field quoted", '"k","v","n","d"\n"2","two","2","2024-01-01"\n', row)
    c.accepted("columns in another order", "d,n,k,v\n2024-01-01,2.00,2,two\n", row)
    c.accepted("names in another case", "K,V,N,D\n2,two,2.00,2024-01-01\n", row)
    c.accepted("a delimiter and no header", "2|two|2.00|2024-01-01\n", row,
               "(FORMAT csv, DELIMITER '|', HEADER false)")
    c.accepted("the reference generator's trailing delimiter",
               "2|two|2.00|2024-01-01|\n3|three|3.00|2024-01-02|\n",
               "2,two,2.00,2024-01-01\n3,three,3.00,2024-01-02\n",
               "(FORMAT csv, DELIMITER '|', HEADER false)", suffix=".tbl")
    c.accepted("tabs", head.replace(",", "\t") + row.replace(",", "\t"), row,
               "(FORMAT csv, DELIMITER '\t', HEADER true)")
    c.accepted("a field of a megabyte", f"{head}2,{'x' * 1_000_000},1,2024-01-01\n",
               f"2,{'x' * 1_000_000},1.00,2024-01-01\n")
    c.accepted("quoted names of NULL", head + '2,"NULL",1,2024-01-01\n', "2,NULL,1.00,2024-01-01\n")
    c.accepted("Unicode", head + "2,日本 🙂 é,1,2024-01-01\n", "2,日本 🙂 é,1.00,2024-01-01\n")
    c.accepted("200,000 rows", head + "".join(f"{k},v{k},{k}.25,2024-01-01\n"
                                              for k in range(200_000)),
               "".join(f"{k},v{k},{k}.25,2024-01-01\n" for k in range(200_000)))
    c.refused("two empty fields at the end", "2|two|2.00|2024-01-01||\n", ["line 1"],
              "(FORMAT csv, DELIMITER '|', HEADER false)")


def parquet(c):
    def write(name, table, **options):
        path = c.folder / name
        pq.write_table(table, path, **options)
        return path

    def columns(**replaced):
        arrays = {"k": pa.array([2], pa.int32()), "v": pa.array(["two"]),
                  "n": pa.array([decimal.Decimal("2.00")], pa.decimal128(9, 2)),
                  "d": pa.array([dt.date(2024, 1, 1)], pa.date32()), **replaced}
        return pa.table({name: array for name, array in arrays.items() if array is not None})

    row = "2,two,2.00,2024-01-01\n"
    whole = write("good.parquet", columns()).read_bytes()
    c.accepted("Parquet by pyarrow", whole, row, "", suffix=".parquet")
    c.accepted("Parquet with wider integers", write("w.parquet", columns(
        k=pa.array([2], pa.int64()))), row, "")
    c.accepted("Parquet with dictionaries", write("di.parquet", columns(
        v=pa.array(["two"]).dictionary_encode())), row, "")
    c.accepted("Parquet with large strings", write("ls.parquet", columns(
        v=pa.array(["two"], pa.large_string()))), row, "")
    c.accepted("Parquet with columns in another order", write("o.parquet", columns().select(
        ["d", "n", "v", "k"])), row, "")
    c.accepted("Parquet without rows", write("e.parquet", columns().slice(0, 0)), "", "")
    path = c.folder / "duckdb.parquet"
    duckdb.sql("SELECT 2::INTEGER AS k, 'two' AS v, 2.00::DECIMAL(9,2) AS n, "
               "DATE '2024-01-01' AS d").write_parquet(str(path))
    c.accepted("Parquet by DuckDB", path, row, "")
    for name, length in [("half", len(whole) // 2), ("without its end", len(whole) - 4),
                         ("with a header only", 4), ("that is empty", 0)]:
        c.refused(f"Parquet {name}", whole[:length], ["bad.parquet"], "(FORMAT parquet)",
                  suffix=".parquet")
    for at in range(8, len(whole) - 8, max(1, len(whole) // 25)):
        flipped = bytearray(whole)
        flipped[at] ^= 0x41
        survives(c, f"Parquet with byte {at} changed", bytes(flipped))
    c.refused("a Parquet column that does not fit", write("t.parquet", columns(
        k=pa.array(["two"]))), ["k"], "")
    c.refused("a Parquet integer too large", write("i.parquet", columns(
        k=pa.array([2 ** 40], pa.int64()))), ["k"], "")
    c.refused("a Parquet decimal too large", write("de.parquet", columns(
        n=pa.array([decimal.Decimal("12345678.00")], pa.decimal128(18, 2)))), ["n"], "")
    c.refused("a nested Parquet column", write("n.parquet", columns(
        v=pa.array([{"a": 1}]))), ["v"], "")
    c.refused("a Parquet file with a column too few", write("f.parquet", columns(k=None)),
              ["k"], "")
    c.refused("a Parquet file with a column too many", write("m.parquet", columns(
        extra=pa.array([1]))), ["extra"], "")
    c.refused("NULL for a key in Parquet", write("nu.parquet", columns(
        k=pa.array([None], pa.int32()))), ["k"], "")
    c.refused("a duplicate key in Parquet", write("du.parquet", pa.concat_tables(
        [columns(), columns()])), ["k", "2"], "")


def survives(c, name, data):
    """Damage in a foreign file gives an error or rows, never a crash and never half of it."""
    warehouse = c.warehouse(TABLE, BEFORE)
    path = c.file("flipped.parquet", data)
    result = common.run(c.binary, warehouse, "-c", f"COPY t FROM '{path}'")
    problem = common.crashed(result)
    rows = c.rows(warehouse)
    if not problem and result.code == 1 and rows.count("\n") != 2:
        problem = f"the table changed:\n{rows}"
    if not problem and result.code == 0 and rows.count("\n") != 3:
        problem = f"one row was to be added:\n{rows}"
    c.tally.check(name, problem and f"{problem}\n{result}", f"keep {path} with --keep")


def direct(c):
    """Files in FROM, without a table."""
    path = c.file("direct.csv", "a,b\n1,x\n2,y\n")
    for sql, expected in [(f"SELECT sum(a) FROM '{path}'", "3"),
                          (f"FROM '{path}'", "y")]:
        result = common.run(c.binary, "--csv", "-c", sql)
        c.tally.check(f"FROM a CSV file: {sql.split(' FROM')[0]}",
                      (result.code != 0 or expected not in result.out) and str(result))
    result = common.run(c.binary, "-c", "SELECT * FROM '/nonexistent/y.parquet'")
    c.tally.check("FROM a missing file", (result.code != 1 or "/nonexistent/y.parquet"
                                          not in result.err) and str(result))


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    options = parser.parse_args()
    tally = common.Tally(options.verbose)
    with common.Workplace(options.keep) as folder:
        checks = Checks(options, folder, tally)
        for part in (bad_csv, good_csv, parquet, direct):
            part(checks)
    tally.finish()


if __name__ == "__main__":
    main()
