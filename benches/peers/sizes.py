"""Bytes and load times of the same Parquet files in Starfact, in DuckDB and as Parquet (zstd).

    starfact bench ssb --sf 10 --generate-only --out target/ssb/sf10
    target/peers/bin/tpchgen-cli parquet -s 10 --output-dir target/tpch/sf10
    target/peers/bin/python benches/peers/sizes.py --schema datasets/tpch/schema.sql \
        --parquet target/tpch/sf10 --binary target/release/starfact

Parquet (zstd) is what DuckDB writes of its own table, in the order in which Starfact keeps the rows
of tables with SORTED BY. Prints Markdown.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb


def size(path):
    """Bytes of a file or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def tables(schema):
    """Names of the tables in the order of the schema, each with its declared sort order."""
    statements = schema.read_text().split(";")
    found = []
    for statement in statements:
        name = re.search(r"CREATE TABLE \"?(\w+)\"?", statement)
        order = re.search(r"SORTED BY \(([^)]*)\)", statement)
        if name:
            found.append((name.group(1), order.group(1) if order else None))
    return found


def timed(what, action):
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    seconds = time.perf_counter() - start
    print(f"  {what}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--schema", type=pathlib.Path, required=True)
    parser.add_argument("--parquet", type=pathlib.Path, required=True)
    parser.add_argument("--binary", type=pathlib.Path, default=pathlib.Path("target/release/starfact"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="4GB")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the warehouse here")
    options = parser.parse_args()
    work = pathlib.Path(tempfile.mkdtemp(prefix="sizes-", dir=options.parquet.parent))
    warehouse = options.keep or work / "warehouse"
    connection = duckdb.connect(str(work / "duck.db"))
    connection.execute(f"SET threads = {options.threads}")
    connection.execute(f"SET memory_limit = '{options.memory_limit}'")
    arguments = [str(options.binary), str(warehouse), "--threads", str(options.threads),
                 "--memory-limit", options.memory_limit]
    subprocess.run([*arguments, "-f", str(options.schema)], check=True, stderr=subprocess.DEVNULL)
    rows = []
    for name, order in tables(options.schema):
        file = next(iter(sorted(options.parquet.glob(f"{name}*.parquet"))))
        by = f" ORDER BY {order}" if order else ""
        copied = work / f"{name}.parquet"
        duck = timed(f"{name} into DuckDB", lambda: connection.execute(
            f'CREATE TABLE "{name}" AS SELECT * FROM read_parquet(\'{file}\'){by}'))
        timed(f"{name} as Parquet", lambda: connection.execute(
            f"COPY \"{name}\" TO '{copied}' (FORMAT parquet, COMPRESSION zstd)"))
        own = timed(f"{name} into Starfact", lambda: subprocess.run(
            [*arguments, "-c", f"COPY \"{name}\" FROM '{file}'"], check=True,
            stderr=subprocess.DEVNULL))
        count = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        rows.append((name, count, size(copied), duck, own))
    connection.execute("CHECKPOINT")
    connection.close()
    print("| table | rows | DuckDB, s | Starfact, s | Parquet (zstd), MB |")
    print("|---|---|---|---|---|")
    for name, count, parquet, duck, own in rows:
        print(f"| {name} | {count:,} | {duck:.1f} | {own:.1f} | {parquet / 1e6:.1f} |")
    own, duck = size(warehouse), size(work / "duck.db")
    parquet = sum(row[2] for row in rows)
    print(f"\nStarfact {own / 1e6:.1f} MB, DuckDB {duck / 1e6:.1f} MB ({own / duck:.2f} of it), "
          f"Parquet (zstd) {parquet / 1e6:.1f} MB ({own / parquet:.2f} of it)")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
