"""How fast DuckDB commits: single rows through one prepared statement, from one thread and from
eight, and batches of 1,000 rows, each commit durable when it returns.

    target/peers/bin/python benches/peers/writes.py [DIRECTORY]

The tables are those of `cargo bench -p starfact-benches --bench writes`.
"""

import os
import shutil
import sys
import tempfile
import threading
import time

import duckdb
import pyarrow

SECONDS = 5
DIMENSION_ROWS = 10_000
COLUMNS = 14


def open_database(folder, name):
    """A database with a dimension and an empty fact."""
    connection = duckdb.connect(os.path.join(folder, name))
    connection.execute("SET threads = 2")
    connection.execute("CREATE TABLE dim (id INTEGER PRIMARY KEY, name VARCHAR)")
    connection.execute(
        f"INSERT INTO dim SELECT i, 'name ' || i FROM range({DIMENSION_ROWS}) t(i)"
    )
    connection.execute(
        """CREATE TABLE fact (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES dim(id),
        part INTEGER REFERENCES dim(id), supplier INTEGER REFERENCES dim(id), day INTEGER,
        quantity INTEGER, price INTEGER, discount INTEGER, revenue BIGINT, cost BIGINT, tax BIGINT,
        total BIGINT, mode VARCHAR, priority VARCHAR)"""
    )
    return connection


def row(number):
    """The values of a row of the fact."""
    keys = [number * factor % DIMENSION_ROWS for factor in (7919, 104729, 1299709)]
    small = [20000 + number // 20000, number * 17 % 50, number * 7907 % 100000, number * 13 % 11]
    wide = [number * factor % 10000019 for factor in (7907, 6007, 3, 15013)]
    texts = [("AIR", "MAIL", "RAIL", "SHIP", "TRUCK")[number * 31 % 5], "3-MEDIUM"]
    return [number, *keys, *small, *wide, *texts]


def single_rows(folder, threads):
    """Commits of one row a second."""
    connection = open_database(folder, f"rows-{threads}.duckdb")
    counts = [0] * threads
    end = time.monotonic() + SECONDS
    places = ", ".join("?" * COLUMNS)

    def work(place):
        cursor = connection.cursor()
        number = place * 10_000_000
        while time.monotonic() < end:
            cursor.execute(f"INSERT INTO fact VALUES ({places})", row(number))
            number += 1
            counts[place] += 1

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / SECONDS


def batches(folder):
    """Rows a second in batches of 1,000, from Arrow."""
    connection = open_database(folder, "batches.duckdb")
    names = [column[0] for column in connection.execute("FROM fact").description]
    made = []
    for first in range(0, 1_000_000, 1000):
        rows = [row(number) for number in range(first, first + 1000)]
        columns = list(zip(*rows))
        made.append(pyarrow.table(dict(zip(names, columns))))
    start = time.monotonic()
    count = 0
    for batch in made:
        connection.register("batch", batch)
        connection.execute("INSERT INTO fact SELECT * FROM batch")
        count += 1000
        if time.monotonic() - start > SECONDS:
            break
    return count / (time.monotonic() - start)


def main():
    """Prints one line for each figure."""
    base = sys.argv[1] if len(sys.argv) > 1 else None
    folder = tempfile.mkdtemp(prefix="starfact-peers-", dir=base)
    try:
        print(f"DuckDB {duckdb.__version__}")
        for threads in (1, 8):
            print(f"commits of one row, {threads} threads, a second: "
                  f"{single_rows(folder, threads):.0f}")
        print(f"rows in batches of 1,000, a second: {batches(folder):.0f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
