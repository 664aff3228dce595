#!/usr/bin/env python3
"""What cubes cost the commits that change their tables: the same changes with cubes and without.

    benches/maintenance.py --sf 1 --work target/maintenance

Two warehouses are made with SSB, one of them with the cubes of queries/ssb/cubes.sql. Changes of
1 to 10,000 rows of the fact, and of 1 to 1,000 rows of dimensions, go to both by turns; each line
has the median of several, and what the cubes add for each row. In the end CHECK CUBE compares all
cells with those that the rows give. Prints Markdown.
"""

import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
CUBES = "brands, discounts, profit, trade"


class Shell:
    """A shell on a warehouse, which answers statement by statement."""

    def __init__(self, binary, warehouse, threads, *options):
        command = [binary, str(warehouse), "--mode", "csv", "--no-header", "--threads", str(threads), *options]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, sql):
        """Milliseconds, and what was printed."""
        start = time.perf_counter()
        self.process.stdin.write(f"{sql};\n.print --\n")
        self.process.stdin.flush()
        printed = []
        for line in self.process.stdout:
            if line.rstrip() == "--":
                break
            printed.append(line.rstrip())
        if any(line.startswith("error") for line in printed):
            sys.exit(f"{sql[:200]}\n" + "\n".join(printed))
        return (time.perf_counter() - start) * 1000, printed

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def inserted(chance, count, order, limits):
    """An INSERT of so many lines of new orders."""
    rows = []
    for line in range(count):
        key = lambda table: chance.randrange(1, limits[table] + 1)
        day = f"199{chance.randrange(2, 8)}{chance.randrange(1, 13):02}{chance.randrange(1, 28):02}"
        price = chance.randrange(90_000, 900_000)
        rows.append(
            f"({order + line // 7}, {line % 7 + 1}, {key('customer')}, {key('part')}, {key('supplier')}, {day}, "
            f"'2-HIGH', 0, {chance.randrange(1, 51)}, {price}, {price * 3}, {chance.randrange(0, 11)}, "
            f"{price}, {price // 2}, {chance.randrange(0, 9)}, {day}, 'RAIL')")
    return "INSERT INTO lineorder VALUES " + ", ".join(rows)


def changes(chance, limits):
    """Name, number of rows, and a statement for each repetition."""
    order = limits["order"]
    for count in [1, 10, 100, 1_000, 10_000]:
        statements = []
        for _ in range(5 if count < 10_000 else 3):
            order += count
            statements.append(inserted(chance, count, order, limits))
        yield f"INSERT INTO lineorder, {count:,} rows", count, statements
    step = limits["orders"] // 250
    for orders in [1, 250]:
        keys = [[(place * step // 8 + shift) * 32 + 1 for place in range(orders)] for shift in range(3)]
        statements = [f"DELETE FROM lineorder WHERE lo_orderkey IN ({', '.join(map(str, some))})" for some in keys]
        yield f"DELETE of {orders:,} orders all over the fact", orders * 4, statements
    for table, prefix, column in [("part", "p_part", "p_category"), ("supplier", "s_supp", "s_city")]:
        for count in [1, 10, 100]:
            statements = []
            for place in range(3):
                first = chance.randrange(1, limits[table] - count)
                statements.append(
                    f"UPDATE {table} SET {column} = '{column[:2].upper()}{place}{count}' "
                    f"WHERE {prefix}key BETWEEN {first} AND {first + count - 1}")
            yield f"UPDATE {table} SET {column}, {count:,} rows", count, statements


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/starfact"))
    parser.add_argument("--sf", type=float, default=1)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="warehouses are made here and kept")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shells = {}
    for name, extra in [("without", []), ("with", ["--cubes"])]:
        warehouse = options.work / name
        command = [options.binary, "bench", "ssb", "--sf", f"{options.sf:g}", "--warehouse", str(warehouse),
                   "--runs", "1", *extra]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shells[name] = Shell(options.binary, warehouse, options.threads)
    number = lambda sql: int(shells["without"].run(sql)[1][0])
    limits = {table: number(f"SELECT count(*) FROM {table}") for table in ["customer", "part", "supplier"]}
    limits["order"] = number("SELECT max(lo_orderkey) + 1 FROM lineorder")
    limits["orders"] = number("SELECT count(DISTINCT lo_orderkey) FROM lineorder")
    rows = number("SELECT count(*) FROM lineorder")
    cells = sum(int(line) for line in shells["with"].run("SELECT cells FROM sys.cubes")[1])
    print(f"SSB at scale factor {options.sf:g}: {rows:,} rows, {cells:,} cells, {options.threads} threads.\n")
    print("| change | without cubes, ms | with cubes, ms | more for each row, ms |")
    print("|---|---:|---:|---:|")
    for name, count, statements in changes(random.Random(options.seed), limits):
        times = {"without": [], "with": []}
        for sql in statements:
            for shell in ["without", "with"]:
                times[shell].append(shells[shell].run(sql)[0])
        without, kept = (statistics.median(times[shell]) for shell in ["without", "with"])
        print(f"| {name} | {without:.1f} | {kept:.1f} | {(kept - without) / count:.3f} |", flush=True)
    seconds, printed = shells["with"].run(f"CHECK CUBE {CUBES}")
    verdict = "all cells are right" if all(",ok," in line for line in printed) else "\n".join(printed)
    print(f"\nCHECK CUBE of all cubes: {seconds / 1000:.1f} s, {verdict}.")
    for shell in shells.values():
        shell.close()


if __name__ == "__main__":
    main()
