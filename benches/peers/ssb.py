"""Starfact beside DuckDB and stock DataFusion on the Star Schema Benchmark, in one run.

    starfact bench ssb --sf 1 --generate-only --out target/ssb/sf1
    target/peers/bin/python benches/peers/ssb.py --sf 1 --parquet target/ssb/sf1 \
        --binary target/release/starfact

All engines get the same Parquet files and the same number of threads. DuckDB and Starfact load
them, DataFusion reads them where they are. Queries run hot: one run to warm up, then the median of
several. Prints Markdown; figures of different machines or days do not compare.

    python3 -m venv target/peers && target/peers/bin/pip install duckdb pyarrow datafusion
"""

import argparse
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import datafusion
import duckdb

from ssb_answers import ROOT, TABLES, queries


def size(path):
    """Bytes of a file or of all files in a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def timed(action):
    start = time.perf_counter()
    value = action()
    return time.perf_counter() - start, value


def medians(run, count):
    """Milliseconds of each query: one run to warm up, then the median of `count`."""
    times = {}
    for name, sql in queries():
        run(sql)
        times[name] = statistics.median(timed(lambda: run(sql))[0] * 1000 for _ in range(count))
        print(f"  {name} {times[name]:.1f} ms", file=sys.stderr, flush=True)
    return times


def run_duckdb(options, work):
    """Loads and queries DuckDB: seconds of the fact's load, bytes, times."""
    path = work / "duck.db"
    connection = duckdb.connect(str(path))
    connection.execute(f"SET threads = {options.threads}")
    seconds = {}
    for table in TABLES:
        # The sort that Starfact's schema declares costs DuckDB, too, when it is asked for.
        order = " ORDER BY lo_orderdate, lo_orderkey" if options.sorted and \
            table == "lineorder" else ""
        sql = (f"CREATE TABLE \"{table}\" AS "
               f"FROM read_parquet('{options.parquet / table}.parquet'){order}")
        seconds[table] = timed(lambda sql=sql: connection.execute(sql))[0]
    seconds["lineorder"] += timed(lambda: connection.execute("CHECKPOINT"))[0]
    times = medians(lambda sql: connection.execute(sql).fetchall(), options.runs)
    connection.close()
    return {"seconds": seconds["lineorder"], "bytes": size(path), "times": times}


def run_datafusion(options):
    """Queries stock DataFusion over the files."""
    config = datafusion.SessionConfig().with_target_partitions(options.threads)
    context = datafusion.SessionContext(config)
    for table in TABLES:
        context.register_parquet(table, str(options.parquet / f"{table}.parquet"))
    return medians(lambda sql: context.sql(sql).collect(), options.runs)


def starfact(options, *arguments):
    command = [options.binary, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run_starfact(options, work):
    """Loads a warehouse with COPY, then lets the program's own benchmark run on it."""
    warehouse, report = work / "warehouse", work / "report.json"
    threads = ["--threads", options.threads]
    starfact(options, warehouse, "-f", ROOT / "datasets/ssb/schema.sql")
    seconds = {}
    for table in TABLES:
        sql = f"COPY \"{table}\" FROM '{options.parquet / table}.parquet'"
        seconds[table] = timed(lambda sql=sql: starfact(options, warehouse, *threads, "-c", sql))[0]
    starfact(options, "bench", "ssb", "--sf", options.sf, "--warehouse", warehouse, "--runs",
             options.runs, *threads, "--json", report)
    result = json.loads(report.read_text())
    wrong = [query["name"] for query in result["queries"] if not query["verified"]]
    if wrong:
        sys.exit(f"wrong answers: {', '.join(wrong)}")
    times = {query["name"]: statistics.median(query["runs_ms"]) for query in result["queries"]}
    return {"seconds": seconds["lineorder"], "bytes": size(warehouse), "times": times,
            "peak_rss": result["peak_rss"], "version": result["version"]}


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def report(options, own, duck, fusion):
    """The Markdown: load and size, then the queries; a ratio over 1 is in Starfact's favour."""
    rows = duckdb.sql(f"SELECT count(*) FROM '{options.parquet}/lineorder.parquet'").fetchall()[0][0]
    parquet = size(options.parquet)
    lines = [
        f"SSB at scale factor {options.sf}, {options.threads} threads, {rows:,} lines; "
        f"Starfact {own['version']}, DuckDB {duckdb.__version__}"
        f"{' (sorted)' if options.sorted else ''}, DataFusion {datafusion.__version__}.",
        "",
        "| | Starfact | DuckDB | Parquet (zstd) | DuckDB / Starfact |",
        "|---|---:|---:|---:|---:|",
        f"| load of lineorder, rows/s | {rows / own['seconds']:,.0f} | "
        f"{rows / duck['seconds']:,.0f} | | {duck['seconds'] / own['seconds']:.2f} |",
        f"| size, MB | {own['bytes'] / 1e6:.1f} | {duck['bytes'] / 1e6:.1f} | "
        f"{parquet / 1e6:.1f} | {duck['bytes'] / own['bytes']:.2f} |",
        "",
        "| query, ms | Starfact | DuckDB | DataFusion | DuckDB / Starfact | "
        "DataFusion / Starfact |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    names = [name for name, _ in queries()]
    columns = [[engine[name] for name in names] for engine in (own["times"], duck["times"], fusion)]
    rows = [(name, *values) for name, *values in zip(names, *columns)]
    rows.append(("sum", *map(sum, columns)))
    rows.append(("geometric mean", *map(geometric_mean, columns)))
    lines += [f"| {name} | {a:.1f} | {b:.1f} | {c:.1f} | {b / a:.2f} | {c / a:.2f} |"
              for name, a, b, c in rows]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", default=str(ROOT / "target/release/starfact"))
    parser.add_argument("--sf", required=True, help="the scale factor of the files")
    parser.add_argument("--parquet", type=pathlib.Path, required=True, help="their folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sorted", action="store_true", help="sort DuckDB's lineorder as well")
    parser.add_argument("--work", type=pathlib.Path, help="put databases here and keep them")
    options = parser.parse_args()
    work = options.work or pathlib.Path(tempfile.mkdtemp(prefix="starfact-peers-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        engines = []
        for name, run in [("DuckDB", lambda: run_duckdb(options, work)),
                          ("DataFusion", lambda: run_datafusion(options)),
                          ("Starfact", lambda: run_starfact(options, work))]:
            print(f"{name} …", file=sys.stderr, flush=True)
            engines.append(run())
        duck, fusion, own = engines
        print(report(options, own, duck, fusion))
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
