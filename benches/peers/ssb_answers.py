"""Makes the stored answers of the Star Schema Benchmark, with two engines that must agree.

    starfact bench ssb --sf 1 --generate-only --out target/ssb/sf1
    target/peers/bin/python benches/peers/ssb_answers.py target/ssb/sf1 datasets/ssb/answers/sf1

Stock DataFusion and DuckDB evaluate the 13 queries over the generated Parquet files. Nothing of
Starfact takes part but its generator. With --check the answers are compared with the stored ones
and nothing is written.
"""

import argparse
import pathlib
import sys

import datafusion
import duckdb

from compare import ROOT, TABLES, queries


def text(names, rows):
    """A line of names and a line a row; NULL is nothing. No value needs quotes."""
    lines = [names] + [["" if value is None else str(value) for value in row] for row in rows]
    assert not any(set(value) & set(',"\n') for line in lines for value in line)
    return "".join(",".join(line) + "\n" for line in lines)


def from_duckdb(connection, sql):
    cursor = connection.execute(sql)
    return [column[0] for column in cursor.description], cursor.fetchall()


def from_datafusion(context, sql):
    table = context.sql(sql).to_arrow_table()
    return table.column_names, list(zip(*(column.to_pylist() for column in table.columns)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("parquet", type=pathlib.Path, help="folder of the five Parquet files")
    parser.add_argument("answers", type=pathlib.Path, help="folder of the answers")
    parser.add_argument("--check", action="store_true", help="compare and write nothing")
    options = parser.parse_args()
    connection, context = duckdb.connect(), datafusion.SessionContext()
    for table in TABLES["ssb"]:
        path = options.parquet / f"{table}.parquet"
        connection.execute(f"CREATE VIEW \"{table}\" AS FROM read_parquet('{path}')")
        context.register_parquet(table, str(path))
    options.answers.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for name, sql in queries("ssb"):
        names, rows = from_duckdb(connection, sql)
        own_names, own_rows = from_datafusion(context, sql)
        # ORDER BY leaves the order of ties open; the stored order is DataFusion's.
        if names != own_names or sorted(rows, key=str) != sorted(own_rows, key=str):
            print(f"{name}: DuckDB and DataFusion disagree")
            wrong += 1
            continue
        path, answer = options.answers / f"{name}.csv", text(own_names, own_rows)
        if not options.check:
            path.write_text(answer)
        elif sorted(path.read_text().splitlines()) != sorted(answer.splitlines()):
            print(f"{name}: differs from {path}")
            wrong += 1
    print(f"{len(queries()) - wrong} answers agree, {wrong} do not")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
