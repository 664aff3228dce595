"""Kills the program at random moments while it writes, and looks at what is left.

    target/peers/bin/python benches/blackbox/crash.py --seed 1 --rounds 30

Statements go through a pipe, each followed by a `.print` of its number, so a number that came back
means that the statement before it was acknowledged. The statements run one after the other, so
what is left must be the state after one of them: not earlier than the last acknowledged one, not
later than the last one sent. Readers look at the same time and must see such states only, in
order. After the next write nothing may lie in the warehouse that no table needs.
"""

import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import duckdb

import common

CITIES = ", ".join(f"({number}, 'city {number}')" for number in range(100))
SETUP = f"""
CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL);
INSERT INTO city VALUES {CITIES};
CREATE TABLE log (k BIGINT NOT NULL, part INTEGER NOT NULL, city INTEGER, note VARCHAR,
  PRIMARY KEY (k, part), FOREIGN KEY (city) REFERENCES city (id)) SORTED BY (k);
CREATE TABLE plain (k BIGINT, note VARCHAR);
"""


class Model:
    """Tables by name, each as the multiset of the keys it holds: (rows, sum of keys)."""

    def __init__(self, tables=None):
        self.tables = dict(tables or {})

    def added(self, table, rows, total):
        count, keys = self.tables.get(table, (0, 0))
        return Model({**self.tables, table: (count + rows, keys + total)})

    def without(self, table):
        return Model({name: held for name, held in self.tables.items() if name != table})

    def __eq__(self, other):
        return self.tables == other.tables

    def __repr__(self):
        return str(self.tables)


class Script:
    """Random statements, and the state after each."""

    def __init__(self, rng, files, start, length):
        self.statements, self.states = [], [start]
        derived = [name for name in start.tables if name.startswith("derived")]
        number = max([start.tables["log"][0], *(int(name[7:]) for name in derived)]) + 1
        for step in range(length):
            state = self.states[-1]
            way = rng.random()
            if way < 0.4:
                rows = rng.choice([1, 3, 50])
                key = state.tables["log"][0] + 1_000_000 * (step + 1)
                values = ", ".join(f"({key}, {part}, {part % 100}, 'n{part}')"
                                   for part in range(rows))
                self.add(f"INSERT INTO log VALUES {values}", state.added("log", rows, key * rows))
            elif way < 0.65:
                path, rows, total = rng.choice(files)
                self.add(f"COPY plain FROM '{path}'", state.added("plain", rows, total))
            elif way < 0.85 or not derived:
                name = f"derived{number + step}"
                source = rng.choice(["plain", "log"])
                derived.append(name)
                rows, total = state.tables[source]
                self.add(f"CREATE TABLE {name} SORTED BY (k) AS SELECT k, note FROM {source}",
                         state.added(name, rows, total))
            else:
                name = derived.pop(rng.randrange(len(derived)))
                self.add(f"DROP TABLE {name}", state.without(name))

    def add(self, sql, state):
        self.statements.append(sql)
        self.states.append(state)


def make_files(folder):
    """Parquet and CSV files of keys: path, rows, sum of keys."""
    files = []
    for rows, suffix in [(10, "csv"), (2_000, "parquet"), (60_000, "csv"), (150_000, "parquet")]:
        path = folder / f"rows-{rows}.{suffix}"
        options = "FORMAT parquet" if suffix == "parquet" else "FORMAT csv, HEADER true"
        duckdb.sql(f"COPY (SELECT range AS k, 'note ' || (range * 7919 % 1000) AS note "
                   f"FROM range({rows})) TO '{path}' ({options})")
        files.append((path, rows, rows * (rows - 1) // 2))
    return files


def observe(binary, warehouse):
    """The state as a fresh reader sees it, or what went wrong."""
    listing = common.run(binary, warehouse, "--readonly", "--csv", "-c",
                         "SELECT table_name FROM information_schema.tables "
                         "WHERE table_schema = 'main'")
    if listing.code != 0:
        return None, str(listing)
    names = [row[0] for row in common.read_csv(listing.out)[1:] if row[0] != "city"]
    if not names:
        return Model(), None
    parts = [f"SELECT '{name}', count(*), coalesce(sum(k), 0) FROM {name}" for name in names]
    result = common.run(binary, warehouse, "--readonly", "--csv", "-c", " UNION ALL ".join(parts))
    if result.code != 0:
        return None, str(result)
    return Model({name: (int(rows), int(total))
                  for name, rows, total in common.read_csv(result.out)[1:]}), None


def run_until_killed(binary, warehouse, script, delay):
    """Sends the whole script and kills the program after `delay` seconds: the last number seen."""
    command = [binary, warehouse, "--csv", "--no-init", "--wait", "5"]
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    acknowledged, errors = [0], []

    def listen():
        for line in process.stdout:
            if line.startswith(b"done "):
                acknowledged[0] = int(line.split()[1])

    threads = [threading.Thread(target=listen),
               threading.Thread(target=lambda: errors.append(process.stderr.read()))]
    for thread in threads:
        thread.start()
    text = "".join(f"{sql};\n.print done {number}\n"
                   for number, sql in enumerate(script.statements, 1))
    feeder = threading.Thread(target=feed, args=(process, text.encode()))
    feeder.start()
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    for thread in [feeder, *threads]:
        thread.join()
    return acknowledged[0], process.returncode, b"".join(errors).decode(errors="replace")


def feed(process, text):
    try:
        process.stdin.write(text)
        process.stdin.close()
    except (BrokenPipeError, ValueError):
        pass


def leftovers(warehouse, tables):
    """What lies in the warehouse that nothing needs, by the layout that docs/FORMAT.md gives."""
    warehouse = pathlib.Path(warehouse)
    temporary = [path for path in (warehouse / "tmp").rglob("*") if path.is_file()]
    if temporary:
        return f"temporary files: {temporary[:5]}"
    folders = [path for path in (warehouse / "tables").glob("*") if any(path.iterdir())]
    if len(folders) != tables:
        names = sorted(path.name for path in folders)
        return f"{len(folders)} folders for {tables} tables with rows: {names}"
    manifests = list(warehouse.glob("manifest-*"))
    if len(manifests) > 1:
        return f"manifests: {[path.name for path in manifests]}"
    return None


class Reader(threading.Thread):
    """Looks at the warehouse again and again while it is written."""

    def __init__(self, binary, warehouse, script):
        super().__init__()
        self.binary, self.warehouse, self.script = binary, warehouse, script
        self.ends = threading.Event()
        self.problem, self.looks = None, 0

    def run(self):
        """One query is one snapshot, so it asks for the two tables that are always there."""
        at = 0
        sql = " UNION ALL ".join(f"SELECT '{name}', count(*), coalesce(sum(k), 0) FROM {name}"
                                 for name in ("log", "plain"))
        known = [{name: state.tables[name] for name in ("log", "plain")}
                 for state in self.script.states]
        while not self.ends.is_set():
            result = common.run(self.binary, self.warehouse, "--readonly", "--csv", "-c", sql)
            if result.code != 0:
                self.problem = str(result)
                return
            self.looks += 1
            state = {name: (int(rows), int(total))
                     for name, rows, total in common.read_csv(result.out)[1:]}
            later = [number for number, one in enumerate(known) if one == state and number >= at]
            if not later:
                self.problem = f"a reader saw {state}, which is no state after statement {at}"
                return
            at = later[0]


def round_of(options, number, folder, tally, average):
    rng = random.Random(f"{options.seed}/{number}")
    warehouse = folder / "warehouse"
    if number % 10 == 0:
        common.shutil.rmtree(warehouse, ignore_errors=True)
        result = common.run(options.binary, warehouse, stdin=SETUP)
        tally.check(f"round {number}: set up", result.code != 0 and str(result))
    start, problem = observe(options.binary, warehouse)
    if not tally.check(f"round {number}: start", problem):
        return average
    script = Script(rng, folder_files(folder), start, rng.choice([1, 3, 8, 15]))
    delay = rng.uniform(0.0, 1.3) * average * len(script.statements)
    reader = Reader(options.binary, warehouse, script)
    reader.start()
    began = time.monotonic()
    acknowledged, code, errors = run_until_killed(options.binary, warehouse, script, delay)
    took = time.monotonic() - began
    reader.ends.set()
    reader.join()
    again = f"{sys.argv[0]} --binary {options.binary} --seed {options.seed} --rounds {number + 1}"
    name = f"round {number}: killed after {delay:.2f} s, {acknowledged} acknowledged"
    problem = None
    if code not in (0, -signal.SIGKILL):
        problem = f"the program ended by itself with {code}: {errors}"
    if "panicked" in errors:
        problem = errors
    tally.check(f"{name}: the run", problem, again)
    tally.check(f"{name}: {reader.looks} looks of readers", reader.problem, again)
    state, problem = observe(options.binary, warehouse)
    if not problem:
        possible = script.states[acknowledged:]
        if state not in possible:
            problem = f"left is {state}, but possible are {possible}"
    tally.check(f"{name}: what is left", problem, again)
    result = common.run(options.binary, warehouse, "-c", "CREATE TABLE probe (k INTEGER)", "-c",
                        "DROP TABLE probe", "-c", "INSERT INTO plain VALUES (NULL, 'after')")
    tally.check(f"{name}: the next write", result.code != 0 and str(result), again)
    tables = 1 + sum(1 for name, (rows, _) in state.tables.items() if rows or name == "plain") \
        if state else 0
    copy = warehouse.with_name(f"{warehouse.name}-copy")
    for what, arguments in [("check", ["check", warehouse]), ("backup", ["backup", warehouse, copy]),
                            ("check of the backup", ["check", copy])]:
        result = common.run(options.binary, *arguments)
        tally.check(f"{name}: {what}", result.code != 0 and str(result), again)
    shutil.rmtree(copy, ignore_errors=True)
    tally.check(f"{name}: leftovers", state and leftovers(warehouse, tables), again)
    if code == 0:
        average = 0.7 * average + 0.3 * took / len(script.statements)
    return average


def folder_files(folder):
    if not hasattr(folder_files, "made"):
        folder_files.made = make_files(folder)
    return folder_files.made


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    tally = common.Tally(options.verbose)
    with common.Workplace(options.keep) as folder:
        average = 0.15
        for number in range(options.rounds):
            average = round_of(options, number, folder, tally, average)
    tally.finish()


if __name__ == "__main__":
    main()
