"""Kills the program at random moments while it writes, and looks at what is left.

    target/peers/bin/python benches/blackbox/crash.py --seed 1 --rounds 30

Statements of all kinds and sizes go through a pipe, each followed by a `.print` of its number, so a
number that came back means that the statement before it was acknowledged. The statements run one
after the other, so what is left must be the state after the last acknowledged one or after the one
that was in flight. DuckDB does the same statements and says what these states are. Readers look at
the same time and must see such states only, in order. The next writer keeps what there is; after
its VACUUM nothing may lie in the warehouse that no table needs.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import duckdb

import common
import ruins

CITIES = ", ".join(f"({number}, 'city {number}')" for number in range(100))
SETUP = [
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)",
    f"INSERT INTO city VALUES {CITIES}",
    "CREATE TABLE log (k BIGINT NOT NULL, part INTEGER NOT NULL, city INTEGER, note VARCHAR, "
    "PRIMARY KEY (k, part), FOREIGN KEY (city) REFERENCES city (id)) SORTED BY (k)",
    "CREATE TABLE plain (k BIGINT, note VARCHAR)",
]
MOST_ROWS = 500_000
# What DuckDB does not know, or does by itself.
OURS = re.compile(r"OPTIMIZE|VACUUM|CHECK|SET ")


class Model:
    """DuckDB with the same tables, without keys and sort orders."""

    def __init__(self, before=None):
        self.duck = duckdb.connect()
        self.duck.execute("SET threads = 1")
        if before:
            for name in before.names():
                self.duck.register("rows", before.duck.sql(f"FROM {name}").to_arrow_table())
                self.duck.execute(f"CREATE TABLE {name} AS FROM rows")
                self.duck.unregister("rows")
                for column, default in before.defaults.get(name, {}).items():
                    self.duck.execute(f"ALTER TABLE {name} ALTER {column} SET DEFAULT {default}")
        self.defaults = {name: dict(held) for name, held in before.defaults.items()} \
            if before else {}

    def names(self):
        return sorted(row[0] for row in self.duck.execute(
            "SELECT table_name FROM information_schema.tables").fetchall())

    def columns(self, name):
        return [row[0] for row in self.duck.execute(f"DESCRIBE {name}").fetchall()]

    def do(self, sql):
        """Does a statement, or several; in the words of DuckDB."""
        if OURS.match(sql):
            return
        sql = re.sub(r" SORTED BY \(\w+\)|, PRIMARY KEY \(k, part\)|, FOREIGN KEY .*?\(id\)| "
                     r"PRIMARY KEY", "", sql)
        self.duck.execute(sql)
        if added := re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+) \w+ DEFAULT (\d+)", sql):
            self.defaults.setdefault(added[1], {})[added[2]] = added[3]
        if gone := re.match(r"ALTER TABLE (\w+) DROP COLUMN (\w+)", sql):
            self.defaults.get(gone[1], {}).pop(gone[2], None)
        if moved := re.match(r"ALTER TABLE (\w+) RENAME TO (\w+)", sql):
            self.defaults[moved[2]] = self.defaults.pop(moved[1], {})
        if gone := re.match(r"DROP TABLE (\w+)", sql):
            self.defaults.pop(gone[1], None)

    def rows(self, name):
        return self.duck.execute(f"SELECT count(*) FROM {name}").fetchone()[0]

    def state(self):
        """What `observe` has to find."""
        return {name: [str(value) for value in
                       self.duck.execute(digest(name, self.columns(name))).fetchone()]
                for name in self.names()}


def digest(name, columns):
    """A query of one row that tells the rows of a table."""
    parts = [f"'{' '.join(columns)}'", "count(*)"]
    for column in columns:
        if column in ("note", "name"):
            parts.append(f"coalesce(sum(length({column})), 0)")
        else:
            parts += [f"coalesce(sum({column}), 0)",
                      f"coalesce(sum({column} % 1009 * ({columns[0]} % 101)), 0)"]
    return f"SELECT {', '.join(parts)} FROM {name}"


def observe(binary, warehouse, *how):
    """The state as a process sees it, or what went wrong."""
    listing = common.run(binary, warehouse, *how, "--csv", "-c",
                         "SELECT table_name, column_name FROM information_schema.columns "
                         "WHERE table_schema = 'main' ORDER BY table_name, ordinal_position")
    if listing.code != 0 or "panicked" in listing.err:
        return None, str(listing)
    tables = {}
    for name, column in common.read_csv(listing.out)[1:]:
        tables.setdefault(name, []).append(column)
    commands = [part for name, columns in tables.items() for part in ("-c", digest(name, columns))]
    result = common.run(binary, warehouse, *how, "--csv", "--no-header", *commands)
    if result.code != 0 or "panicked" in result.err:
        return None, str(result)
    return dict(zip(tables, common.read_csv(result.out))), None


class Script:
    """Random statements, and the state after each."""

    def __init__(self, rng, files, start, length):
        self.rng, self.files, self.model = rng, files, Model(start)
        self.statements, self.states = [], [self.model.state()]
        self.number = max([1000, *(int(name[7:]) for name in self.derived())])
        while len(self.statements) < length:
            sql = self.rng.choices([way for _, way in WAYS], [share for share, _ in WAYS])[0](self)
            if not sql:
                continue
            for part in sql.split("; "):
                if part not in ("BEGIN", "COMMIT"):
                    self.model.do(part)
            self.statements.append(sql)
            self.states.append(self.model.state())
        self.model.duck.close()

    def derived(self):
        return [name for name in self.model.names() if name.startswith("derived")]

    def any_table(self):
        return self.rng.choice(["plain", "plain", "log", *self.derived()])

    def insert(self):
        rows, rng = self.rng.choice([1, 3, 50]), self.rng
        key = self.model.duck.execute("SELECT coalesce(max(k), 0) FROM log").fetchone()[0] + 1
        values = ", ".join(f"({key}, {part}, {rng.choice([part % 100, 'NULL'])}, 'n{part}')"
                           for part in range(rows))
        return f"INSERT INTO log (k, part, city, note) VALUES {values}"

    def copy(self):
        if self.model.rows("plain") > MOST_ROWS:
            return self.rng.choice(["TRUNCATE plain", "DELETE FROM plain WHERE k % 10 < 8"])
        path = self.rng.choice(self.files)
        options = "FORMAT parquet" if path.suffix == ".parquet" else "FORMAT csv, HEADER true"
        return f"COPY plain (k, note) FROM '{path}' ({options})"

    def copy_rows(self):
        if self.model.rows("plain") > MOST_ROWS:
            return None
        return f"INSERT INTO plain (k, note) SELECT k + 1, note FROM {self.any_table()}"

    def where(self):
        low = self.rng.randrange(2_000)
        return self.rng.choice([f"k BETWEEN {low} AND {low + 20}", f"k % 7 = {low % 7}",
                                f"k % 1000 = {low % 1000}", f"k = {low}"])

    def update(self):
        name = self.any_table()
        change = "note = note || 'u'" if name == "log" or self.rng.random() < 0.3 else "k = k + 3"
        return f"UPDATE {name} SET {change} WHERE {self.where()}"

    def delete(self):
        return f"DELETE FROM {self.any_table()} WHERE {self.where()}"

    def city(self):
        return f"UPDATE city SET name = name || '+' WHERE id % 10 = {self.rng.randrange(10)}"

    def several(self):
        parts = [self.insert(), self.update(), self.delete()]
        return "; ".join(["BEGIN", *self.rng.sample(parts, self.rng.choice([2, 3])), "COMMIT"])

    def create(self):
        self.number += 1
        return (f"CREATE TABLE derived{self.number} SORTED BY (k) AS SELECT k, note FROM "
                f"{self.rng.choice(['plain', 'log'])}")

    def drop(self):
        found = self.derived()
        return f"DROP TABLE {self.rng.choice(found)}" if len(found) > 1 else None

    def alter(self):
        name = self.any_table()
        if name.startswith("derived") and self.rng.random() < 0.4:
            self.number += 1
            return f"ALTER TABLE {name} RENAME TO derived{self.number}"
        if "more" in self.model.columns(name):
            return f"ALTER TABLE {name} DROP COLUMN more"
        return f"ALTER TABLE {name} ADD COLUMN more INTEGER DEFAULT {self.rng.randrange(99)}"

    def upkeep(self):
        return self.rng.choice(["VACUUM", f"OPTIMIZE TABLE {self.any_table()}",
                                f"OPTIMIZE TABLE {self.any_table()}",
                                f"CHECK TABLE {self.any_table()}"])


WAYS = [(8, Script.insert), (4, Script.copy), (2, Script.copy_rows), (6, Script.update),
        (4, Script.delete), (2, Script.city), (3, Script.several), (3, Script.create),
        (2, Script.drop), (3, Script.alter), (5, Script.upkeep)]


def make_files(folder):
    """Parquet and CSV files of keys."""
    files = []
    for rows, suffix in [(10, "csv"), (2_000, "parquet"), (60_000, "csv"), (150_000, "parquet")]:
        path = folder / f"rows-{rows}.{suffix}"
        options = "FORMAT parquet" if suffix == "parquet" else "FORMAT csv, HEADER true"
        duckdb.sql(f"COPY (SELECT range AS k, 'note ' || (range * 7919 % 1000) AS note "
                   f"FROM range({rows})) TO '{path}' ({options})")
        files.append(path)
    return files


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
        sql = " UNION ALL ".join(f"SELECT count(*), coalesce(sum(k), 0) FROM {name}"
                                 for name in ("log", "plain"))
        known = [[[value for value in state[name][1:2]] + [sum_of(state[name])]
                  for name in ("log", "plain")] for state in self.script.states]
        while not self.ends.is_set():
            result = common.run(self.binary, self.warehouse, "--readonly", "--csv", "--no-header",
                                "-c", sql)
            if result.code != 0:
                self.problem = str(result)
                return
            self.looks += 1
            state = common.read_csv(result.out)
            later = [number for number, one in enumerate(known) if number >= at
                     and sorted(one) == sorted(state)]
            if not later:
                self.problem = f"a reader saw {state}, which is no state after statement {at}"
                return
            at = later[0]


def sum_of(found):
    """The sum of the keys in a digest: `k` is the first column."""
    return found[2]


class Check:
    """Rounds on one warehouse."""

    def __init__(self, options, folder, tally):
        self.options, self.folder, self.tally = options, folder, tally
        self.files, self.warehouse, self.model = make_files(folder), folder / "warehouse", None
        self.average = 0.15

    def run(self, *arguments):
        return common.run(self.options.binary, *arguments)

    def start_anew(self):
        shutil.rmtree(self.warehouse, ignore_errors=True)
        self.model = Model()
        for sql in SETUP:
            self.model.do(sql)
        result = self.run(self.warehouse, "-c", ";".join(SETUP))
        return str(result) if result.code else None

    def round(self, number):
        rng = random.Random(f"{self.options.seed}/{number}")
        options, tally = self.options, self.tally
        if number % 10 == 0 or not self.model:
            if not tally.check(f"round {number}: set up", self.start_anew()):
                self.model = None
                return
        script = Script(rng, self.files, self.model, rng.choice([1, 3, 8, 15]))
        delay = rng.uniform(0.0, 1.3) * self.average * len(script.statements)
        reader = Reader(options.binary, self.warehouse, script)
        reader.start()
        began = time.monotonic()
        done, code, errors = run_until_killed(options.binary, self.warehouse, script, delay)
        took = time.monotonic() - began
        reader.ends.set()
        reader.join()
        again = (f"{sys.argv[0]} --binary {options.binary} --seed {options.seed} "
                 f"--rounds {number + 1}")
        name = f"round {number}: killed after {delay:.2f} s, {done} acknowledged"
        sent = "\n".join(f"{sql[:300]};" for sql in script.statements[:done + 1])
        problem = None
        if code not in (0, -signal.SIGKILL) or "panicked" in errors:
            problem = f"the program ended by itself with {code}: {errors}\n{sent}"
        tally.check(f"{name}: the run", problem, again)
        tally.check(f"{name}: {reader.looks} looks of readers",
                    reader.problem and f"{reader.problem}\n{sent}", again)
        self.look_after(name, script, done, sent, again)
        if code == 0:
            self.average = 0.7 * self.average + 0.3 * took / len(script.statements)

    def look_after(self, name, script, done, sent, again):
        """What is left, for a reader, for the next writer, and on the disk."""
        tally, binary = self.tally, self.options.binary
        low, high = done, min(done + 1, len(script.statements))
        for what, how in [("what a reader finds", ["--readonly"]),
                          ("what is left", ["--wait", "5"])]:
            found, problem = observe(binary, self.warehouse, *how)
            places = [at for at in range(low, high + 1) if script.states[at] == found]
            if not problem and not places:
                problem = f"left is {found}\nof {script.states[low]}\nand {script.states[high]}"
            if not tally.check(f"{name}: {what}", problem and f"{problem}\n{sent}", again):
                self.model = None
                return
            low = places[0]
        before, self.model = self.model, Model(self.model)
        before.duck.close()
        for sql in script.statements[:low]:
            for part in sql.split("; "):
                if part not in ("BEGIN", "COMMIT"):
                    self.model.do(part)
        tally.check(f"{name}: the model", self.model.state() != script.states[low] and "differs")
        result = self.run(self.warehouse, "-c", "CREATE TABLE probe (k INTEGER)", "-c",
                          "DROP TABLE probe", "-c", "INSERT INTO plain (k) VALUES (NULL)", "-c",
                          "VACUUM")
        tally.check(f"{name}: the next write", result.code != 0 and str(result), again)
        self.model.do("INSERT INTO plain (k) VALUES (NULL)")
        copy = self.warehouse.with_name(f"{self.warehouse.name}-copy")
        for what, arguments in [("check", ["check", self.warehouse]),
                                ("backup", ["backup", self.warehouse, copy]),
                                ("check of the backup", ["check", copy])]:
            result = self.run(*arguments)
            tally.check(f"{name}: {what}", result.code != 0 and f"{result}\n{sent}", again)
        for what, path in (("the warehouse", self.warehouse), ("the backup", copy)):
            found, problem = observe(binary, path, "--readonly")
            if not problem and found != self.model.state():
                problem = f"is {found}\ninstead of {self.model.state()}"
            tally.check(f"{name}: {what} in the end", problem and f"{problem}\n{sent}", again)
        shutil.rmtree(copy, ignore_errors=True)
        left = ruins.strays(self.warehouse)
        tally.check(f"{name}: leftovers", left and f"{left}\n{sent}", again)
        self.run(self.warehouse, "-c", "VACUUM")
        left = ruins.strays(self.warehouse)
        tally.check(f"{name}: leftovers for good", left and f"{left}\n{sent}", again)


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    tally = common.Tally(options.verbose)
    with common.Workplace(options.keep) as folder:
        check = Check(options, folder, tally)
        for number in range(options.rounds):
            check.round(number)
    tally.finish()


if __name__ == "__main__":
    main()
