"""Starfact beside DuckDB and stock DataFusion on SSB or TPC-H, in one run.

    starfact bench ssb --sf 1 --generate-only --out target/ssb/sf1
    target/peers/bin/python benches/peers/compare.py ssb --sf 1 --parquet target/ssb/sf1 \
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Tables, the largest last; and the orders in which Starfact's schema sorts them.
TABLES = {
    "ssb": ["customer", "supplier", "part", "date", "lineorder"],
    "tpch": ["region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"],
}
ORDERS = {"lineorder": "lo_orderdate, lo_orderkey"}


def queries(workload):
    """Name and text of each query, in order."""
    paths = (ROOT / "queries" / workload).glob("Q*.sql")
    number = lambda path: [int(part) for part in path.stem[1:].split(".")]
    return [(path.stem, path.read_text()) for path in sorted(paths, key=number)]


def size(path):
    """Bytes of a file or of all files in a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def timed(action):
    start = time.perf_counter()
    value = action()
    return time.perf_counter() - start, value


def medians(run, options):
    """Milliseconds of each query: one run to warm up, then the median of several."""
    times = {}
    for name, sql in queries(options.workload):
        run(sql)
        times[name] = statistics.median(
            timed(lambda: run(sql))[0] * 1000 for _ in range(options.runs))
        print(f"  {name} {times[name]:.1f} ms", file=sys.stderr, flush=True)
    return times


def run_duckdb(options, work):
    """Loads and queries DuckDB: seconds of the fact's load, bytes, times."""
    path = work / "duck.db"
    connection = duckdb.connect(str(path))
    connection.execute(f"SET threads = {options.threads}")
    seconds = {}
    tables = TABLES[options.workload]
    for table in tables:
        # The sort that Starfact's schema declares costs DuckDB, too, when it is asked for.
        order = f" ORDER BY {ORDERS[table]}" if options.sorted and table in ORDERS else ""
        sql = (f"CREATE TABLE \"{table}\" AS "
               f"FROM read_parquet('{options.parquet / table}.parquet'){order}")
        seconds[table] = timed(lambda sql=sql: connection.execute(sql))[0]
    seconds[tables[-1]] += timed(lambda: connection.execute("CHECKPOINT"))[0]
    times = medians(lambda sql: connection.execute(sql).fetchall(), options)
    connection.close()
    return {"seconds": seconds, "bytes": size(path), "times": times}


def run_datafusion(options):
    """Queries stock DataFusion over the files."""
    config = datafusion.SessionConfig().with_target_partitions(options.threads)
    context = datafusion.SessionContext(config)
    for table in TABLES[options.workload]:
        context.register_parquet(table, str(options.parquet / f"{table}.parquet"))
    return {"times": medians(lambda sql: context.sql(sql).collect(), options)}


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
    starfact(options, warehouse, "-f", ROOT / f"datasets/{options.workload}/schema.sql")
    seconds = {}
    for table in TABLES[options.workload]:
        sql = f"COPY \"{table}\" FROM '{options.parquet / table}.parquet'"
        seconds[table] = timed(lambda sql=sql: starfact(options, warehouse, *threads, "-c", sql))[0]
    starfact(options, "bench", options.workload, "--sf", options.sf, "--warehouse", warehouse, "--runs",
             options.runs, *threads, "--json", report)
    result = json.loads(report.read_text())
    wrong = [query["name"] for query in result["queries"] if not query["verified"]]
    if wrong:
        sys.exit(f"wrong answers: {', '.join(wrong)}")
    times = {query["name"]: statistics.median(query["runs_ms"]) for query in result["queries"]}
    stored = size(warehouse)
    with_cubes = None
    if options.cubes:
        starfact(options, "bench", options.workload, "--sf", options.sf, "--warehouse", warehouse, "--runs",
                 options.runs, *threads, "--cubes", "--json", report)
        with_cubes = json.loads(report.read_text())["queries"]
        if not all(query["verified"] for query in with_cubes):
            sys.exit("wrong answers with cubes")
        with_cubes = {query["name"]: query["p50_ms"] for query in with_cubes}
    return {"seconds": seconds, "bytes": stored, "times": times, "with_cubes": with_cubes,
            "peak_rss": result["peak_rss"], "version": result["version"]}


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def report(options, engines):
    """The Markdown: load and size, then the queries; a ratio over 1 is in Starfact's favour."""
    own, duck = engines["Starfact"], engines["DuckDB"]
    tables = TABLES[options.workload]
    files = ", ".join(f"'{options.parquet}/{table}.parquet'" for table in tables)
    total = duckdb.sql(
        f"SELECT sum(num_rows) FROM parquet_file_metadata([{files}])")
    total = total.fetchall()[0][0]
    parquet = size(options.parquet)
    loads = [sum(engine["seconds"].values()) for engine in (own, duck)]
    largest = [engine["seconds"][tables[-1]] for engine in (own, duck)]
    lines = [
        f"{options.workload} at scale factor {options.sf}, {options.threads} threads, "
        f"{total:,} rows; Starfact {own['version']}, DuckDB {duckdb.__version__}"
        f"{' (sorted)' if options.sorted else ''}, DataFusion {datafusion.__version__}; peak "
        f"memory of Starfact's queries {own['peak_rss'] / 1e6:,.0f} MB.",
        "",
        "| | Starfact | DuckDB | Parquet (zstd) | DuckDB / Starfact |",
        "|---|---:|---:|---:|---:|",
        f"| load of all tables, s | {loads[0]:.1f} | {loads[1]:.1f} | | {loads[1] / loads[0]:.2f} |",
        f"| of {tables[-1]}, s | {largest[0]:.1f} | {largest[1]:.1f} | | "
        f"{largest[1] / largest[0]:.2f} |",
        f"| size, MB | {own['bytes'] / 1e6:.1f} | {duck['bytes'] / 1e6:.1f} | "
        f"{parquet / 1e6:.1f} | {duck['bytes'] / own['bytes']:.2f} |",
        "",
    ]
    peers = [name for name in engines if name != "Starfact"]
    titles = ["query, ms", "Starfact", *peers, *(f"{name} / Starfact" for name in peers)]
    lines += ["| " + " | ".join(titles) + " |", "|---|" + "---:|" * (len(titles) - 1)]
    names = [name for name, _ in queries(options.workload)]
    columns = [[engines[name]["times"][query] for query in names] for name in ["Starfact", *peers]]
    rows = [(name, *values) for name, *values in zip(names, *columns)]
    rows.append(("sum", *map(sum, columns)))
    rows.append(("geometric mean", *map(geometric_mean, columns)))
    for name, first, *others in rows:
        cells = [f"{first:.1f}" if first >= 10 else f"{first:.2f}", *(f"{other:.1f}" for other in others)]
        cells += [f"{other / first:.2f}" for other in others]
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("workload", choices=TABLES)
    parser.add_argument("--binary", default=str(ROOT / "target/release/starfact"))
    parser.add_argument("--sf", required=True, help="the scale factor of the files")
    parser.add_argument("--parquet", type=pathlib.Path, required=True, help="their folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sorted", action="store_true", help="sort DuckDB's lineorder as well")
    parser.add_argument("--without-datafusion", action="store_true",
                        help="it may need more memory than there is")
    parser.add_argument("--cubes", action="store_true",
                        help="run Starfact with cubes as well (ssb)")
    parser.add_argument("--work", type=pathlib.Path, help="put databases here and keep them")
    options = parser.parse_args()
    work = options.work or pathlib.Path(tempfile.mkdtemp(prefix="starfact-peers-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        runs = {"DuckDB": lambda: run_duckdb(options, work)}
        if not options.without_datafusion:
            runs["DataFusion"] = lambda: run_datafusion(options)
        runs["Starfact"] = lambda: run_starfact(options, work)
        engines = {}
        for name, run in runs.items():
            print(f"{name} …", file=sys.stderr, flush=True)
            engines[name] = run()
        if options.cubes:
            engines["Starfact with cubes"] = {"times": engines["Starfact"]["with_cubes"]}
        print(report(options, engines))
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
