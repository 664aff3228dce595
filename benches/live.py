#!/usr/bin/env python3
"""Dashboards while the tables change: the 13 queries of SSB from cubes, beside a writer.

    benches/live.py --sf 10 --work target/live

A warehouse is made with SSB and the cubes of queries/ssb/cubes.sql. One process then commits 1,000
rows of lineorder a second, and a change of a dimension every five; another asks the 13 queries by
turns. One query in forty is asked again without cubes, in the same transaction, and has to have the
same answer. In the end CHECK CUBE compares all cells with those that the rows give. Prints Markdown.
"""

import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time

from maintenance import CUBES, ROOT, Shell, inserted

QUERIES = sorted((ROOT / "queries" / "ssb").glob("Q*.sql"))
COMPARED = 40


def dimension_change(chance, limits):
    """Moves a part to another category and brand, or a customer to another city."""
    digit = chance.randrange(1, 6)
    if chance.random() < 0.5:
        key = chance.randrange(1, limits["part"] + 1)
        return f"UPDATE part SET p_category = 'MFGR#1{digit}', p_brand1 = 'MFGR#1{digit}2{digit}' WHERE p_partkey = {key}"
    key = chance.randrange(1, limits["customer"] + 1)
    return (f"UPDATE customer SET c_city = 'CHINA    {digit}', c_nation = 'CHINA', c_region = 'ASIA' "
            f"WHERE c_custkey = {key}")


class Writer(threading.Thread):
    """Commits until it is told to stop, each second."""

    def __init__(self, shell, limits, seed, rows):
        super().__init__(daemon=True)
        self.shell, self.limits, self.rows = shell, limits, rows
        self.chance = random.Random(seed)
        self.is_done = threading.Event()
        self.inserts, self.changes = [], []

    def run(self):
        order, start = self.limits["order"], time.perf_counter()
        while not self.is_done.wait(max(0, start + len(self.inserts) - time.perf_counter())):
            order += self.rows
            statement = inserted(self.chance, self.rows, order, self.limits)
            self.inserts.append(self.shell.run(statement)[0])
            if len(self.inserts) % 5 == 0:
                self.changes.append(self.shell.run(dimension_change(self.chance, self.limits))[0])


def line(name, times):
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))]
    print(f"| {name} | {len(times):,} | {statistics.median(times):.2f} | {at(0.95):.2f} | {at(0.99):.2f} | {times[-1]:.1f} |",
          flush=True)


def ask(reader, seconds):
    """Milliseconds of each query by name, how many answers were compared, and those that differed."""
    times, compared, wrong = {path.stem: [] for path in QUERIES}, 0, []
    queries = [(path.stem, path.read_text().strip().rstrip(";")) for path in QUERIES]
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        name, sql = queries[count % len(queries)]
        count += 1
        if count % COMPARED:
            times[name].append(reader.run(sql)[0])
            continue
        reader.run("BEGIN")
        with_cubes = reader.run(sql)[1]
        reader.run("SET starfact.use_cubes = off")
        without = reader.run(sql)[1]
        reader.run("SET starfact.use_cubes = on")
        reader.run("COMMIT")
        compared += 1
        if with_cubes != without:
            wrong.append((name, with_cubes, without))
    return times, compared, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/starfact"))
    parser.add_argument("--sf", type=float, default=1)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a warehouse is made here, unless there is one, and kept")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rows", type=int, default=1000, help="rows of each commit, one a second")
    parser.add_argument("--threads", type=int, default=1, help="of each of the two processes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warehouse = options.work / "live"
    command = [options.binary, "bench", "ssb", "--sf", f"{options.sf:g}", "--warehouse", str(warehouse), "--runs", "1", "--cubes"]
    if not (warehouse / "CURRENT").exists():
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    writing = Shell(options.binary, warehouse, options.threads)
    reading = Shell(options.binary, warehouse, options.threads, "--readonly")
    number = lambda sql: int(writing.run(sql)[1][0])
    limits = {table: number(f"SELECT count(*) FROM {table}") for table in ["customer", "part", "supplier"]}
    limits["order"] = number("SELECT max(lo_orderkey) + 1 FROM lineorder")
    rows = number("SELECT count(*) FROM lineorder")
    writer = Writer(writing, limits, options.seed, options.rows)
    writer.start()
    times, compared, wrong = ask(reading, options.seconds)
    writer.is_done.set()
    writer.join()
    print(f"SSB at scale factor {options.sf:g}, {rows:,} rows and {number('SELECT count(*) FROM lineorder') - rows:,} more, "
          f"{options.threads} thread(s) for each process.\n")
    print("| | count | p50 ms | p95 ms | p99 ms | greatest ms |")
    print("|---|---:|---:|---:|---:|---:|")
    line("queries from cubes", [one for all_of in times.values() for one in all_of])
    for name, all_of in times.items():
        line(name, all_of)
    line(f"commits of {options.rows:,} rows", writer.inserts)
    if writer.changes:
        line("changes of a dimension row", writer.changes)
    print(f"\n{compared} answers compared with those of the tables of the same snapshot, {len(wrong)} wrong.")
    for name, with_cubes, without in wrong[:3]:
        print(name, with_cubes[:3], without[:3], sep="\n")
    merges = writing.run("SELECT count(*), round(sum(seconds), 1), round(max(seconds), 1) FROM sys.merges WHERE table_name LIKE 'cube %'")[1][0]
    seconds, printed = writing.run(f"CHECK CUBE {CUBES}")
    is_right = all(",ok," in line for line in printed)
    verdict = "all cells are right" if is_right else "\n".join(printed)
    print(f"\nMerges of cells, and their seconds in sum and at most: {merges}. CHECK CUBE: {seconds / 1000:.1f} s, {verdict}.")
    for shell in (reading, writing):
        shell.close()
    if wrong or not is_right:
        sys.exit(1)


if __name__ == "__main__":
    main()
