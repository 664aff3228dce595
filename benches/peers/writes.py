"""How fast DuckDB commits: single rows through one prepared statement, from one thread and from
eight, and batches of 1,000 rows, each commit durable when it returns.

    target/peers/bin/python benches/peers/writes.py [DIRECTORY]

The tables are those of `cargo bench -p starfact-benches --bench writes`.
"""

import os
import random
import shutil
import sys
import tempfile
import threading
import time

import duckdb
import pyarrow

SECONDS = 5
PARENTS = {"customer": 30_000, "part": 200_000, "supplier": 2_000}
LINES = 4
PRIORITIES = ["1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"]
MODES = ["REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"]
COLUMNS = 16


def open_database(folder, name):
    """A database with dimensions and an empty fact."""
    connection = duckdb.connect(os.path.join(folder, name))
    connection.execute("SET threads = 2")
    for parent, count in PARENTS.items():
        connection.execute(f"CREATE TABLE {parent} (id INTEGER PRIMARY KEY, name VARCHAR)")
        connection.execute(
            f"INSERT INTO {parent} SELECT i, '{parent} ' || i FROM range({count}) t(i)")
    connection.execute(
        """CREATE TABLE fact (orderkey INTEGER, linenumber INTEGER,
        customer INTEGER REFERENCES customer, part INTEGER REFERENCES part,
        supplier INTEGER REFERENCES supplier, day INTEGER, priority VARCHAR, quantity INTEGER,
        price INTEGER, total INTEGER, discount INTEGER, revenue INTEGER, cost INTEGER, tax INTEGER,
        commitday INTEGER, mode VARCHAR, PRIMARY KEY (orderkey, linenumber))"""
    )
    return connection


def row(line):
    """The values of a row of the fact."""
    order, below = line // LINES, random_of(line)
    of_order = random_of(line // LINES + (1 << 40))
    part, quantity, discount = below(200_000), 1 + below(50), below(11)
    price = quantity * (90_000 + part // 10 % 20_001 + 100 * (part % 1_000))
    day = 8_000 + order // 6_000
    return [order, line % LINES, of_order(30_000), part, below(2_000), day,
            PRIORITIES[of_order(5)], quantity, price, price * 3, discount,
            price * (100 - discount) // 100, price // quantity * 6 // 10, below(9),
            day + 30 + below(61), MODES[below(7)]]


def random_of(seed):
    """Numbers below others, always the same of a seed."""
    source = random.Random(seed)
    return source.randrange


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
    for first in range(0, 500_000, 1000):
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
