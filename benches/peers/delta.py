"""SSB queries on a warehouse with rows in the delta and deleted rows, beside the same rows merged.

    starfact bench ssb --sf 10 --warehouse target/ssb/warehouse
    target/peers/bin/python benches/peers/delta.py --warehouse target/ssb/warehouse \
        --binary target/release/starfact

Works on a backup, to which it adds copies of one row in a hundred of lineorder, by
statements that are small enough for the log, and of which it deletes one in a hundred. Then it
measures the queries, runs OPTIMIZE TABLE, and measures them again, in turns with the first copy.
Prints Markdown.
"""

import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from ssb_answers import queries

PARTS = 12
# Orders have four lines on average, and use eight keys of 32.
KEYS = 50_000


def start_of(part):
    """The first key of the orders that are copied."""
    return 1 + part * 4_900_000


def run(binary, warehouse, *arguments, stdin=None):
    """What a run of the shell prints; fails if it does."""
    command = [binary, str(warehouse), "--no-init", "--csv", *arguments]
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{command}: {result.stderr}")
    return result


def change(binary, warehouse):
    """Adds and deletes one row in a hundred; returns the seconds of both."""
    start = time.perf_counter()
    statements = ["SET starfact.background_merges = off;"]
    for part in range(PARTS):
        statements.append(
            "INSERT INTO lineorder SELECT * REPLACE (lo_orderkey + 100000000 AS lo_orderkey) "
            f"FROM lineorder WHERE lo_orderkey BETWEEN {start_of(part)} "
            f"AND {start_of(part) + KEYS - 1};")
    run(binary, warehouse, stdin="\n".join(statements))
    added = time.perf_counter()
    run(binary, warehouse, "--set", "starfact.background_merges=off",
        "-c", "DELETE FROM lineorder WHERE lo_orderkey % 100 = 1 OR lo_orderkey % 3200 = 2")
    return added - start, time.perf_counter() - added


def count(binary, warehouse):
    """Rows, rows in the delta, and deleted ones."""
    text = run(binary, warehouse, "--readonly", "-c",
               "SELECT (SELECT count(*) FROM lineorder), rows, deleted FROM sys.delta "
               "WHERE table_name = 'lineorder'").stdout
    return text.splitlines()[1]


def measure(binary, warehouse, runs):
    """For each query the milliseconds of each run but the first."""
    lines = [".timer on"]
    for _, sql in queries():
        lines += [sql.rstrip().rstrip(";") + ";"] * (runs + 1)
    result = run(binary, warehouse, "--readonly", stdin="\n".join(lines))
    units = {"ms": 1, "s": 1000, "µs": 0.001, "us": 0.001}
    found = re.findall(r"time: ([\d.]+) (\w+|µs)", result.stderr)
    times = [float(number) * units[unit] for number, unit in found]
    assert len(times) == (runs + 1) * len(queries()), result.stderr[-500:]
    return [times[at * (runs + 1) + 1:(at + 1) * (runs + 1)] for at in range(len(queries()))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--warehouse", type=pathlib.Path, required=True)
    parser.add_argument("--binary", default="target/release/starfact")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="delta-", dir=options.warehouse.parent))
    changed, merged = work / "changed", work / "merged"
    try:
        subprocess.run([options.binary, "backup", options.warehouse, changed],
                       check=True, capture_output=True)
        added, deleted = change(options.binary, changed)
        print(f"rows, in the delta, deleted: {count(options.binary, changed)}; "
              f"added in {added:.1f} s, deleted in {deleted:.1f} s")
        subprocess.run([options.binary, "backup", changed, merged],
                       check=True, capture_output=True)
        start = time.perf_counter()
        run(options.binary, merged, "-c", "OPTIMIZE TABLE lineorder")
        print(f"after OPTIMIZE TABLE: {count(options.binary, merged)}, "
              f"in {time.perf_counter() - start:.1f} s\n")
        all_changed, all_merged = [], []
        for _ in range(options.rounds):
            all_changed.append(measure(options.binary, changed, options.runs))
            all_merged.append(measure(options.binary, merged, options.runs))
        print("| query | changed ms | merged ms | ratio |\n|---|---|---|---|")
        sums = [0, 0]
        for at, (name, _) in enumerate(queries()):
            both = [statistics.median(time for one in all_times for time in one[at])
                    for all_times in (all_changed, all_merged)]
            sums = [total + one for total, one in zip(sums, both)]
            print(f"| {name} | {both[0]:.1f} | {both[1]:.1f} | {both[0] / both[1]:.2f} |")
        print(f"| all | {sums[0]:.1f} | {sums[1]:.1f} | {sums[0] / sums[1]:.2f} |")
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
