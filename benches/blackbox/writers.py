"""Kills a writer of small commits at random moments, while others read, and looks at what is left.

    target/peers/bin/python benches/blackbox/writers.py --seed 1 --rounds 200

A star is changed by random statements and transactions (commits.py), which go through a pipe, each
followed by a `.print` of its number: a number that came back means that the statement was
acknowledged. What is left after SIGKILL must be the state after the last acknowledged statement or
after the one that was in flight, for readers and for the next writer; where commits are
asynchronous it may be an earlier state that the model had. Now and then the writer comes to its
end. Readers (a long-lived session, processes of one query, backups) must see states only that the
model had, in order, and everything that was acknowledged before they asked.
"""

import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import common
from commits import COLUMNS, QUERIES, SETUP, Script, Table, listed

# The seconds that a writer gets which is not killed: no script takes as long.
UNTIL_STUCK = 60


def observe(binary, warehouse, *how):
    """All tables, as columns and sorted lines by name, or what went wrong."""
    listing = common.run(binary, warehouse, *how, "--csv", "-c", QUERIES[-1][0])
    if listing.code != 0:
        return None, str(listing)
    names = [row[0] for row in common.read_csv(listing.out)[1:]]
    text = "".join(f"SELECT * FROM {name};\n.print ==done== {name}\n" for name in names)
    result = common.run(binary, warehouse, *how, "--csv", "--no-init", stdin=text)
    if result.code != 0:
        return None, str(result)
    tables, lines = {}, []
    for line in result.out.splitlines():
        if line.startswith("==done== "):
            tables[line[9:]] = tuple(lines[0].split(",")), sorted(lines[1:])
            lines = []
        else:
            lines.append(line)
    return tables, None


def difference(found, state):
    """How what was observed differs from a state of the model."""
    if found.keys() != state.keys():
        return f"tables {sorted(found)} instead of {sorted(state)}"
    for name, table in state.items():
        columns, lines = found[name]
        if columns != table.columns:
            return f"{name} has the columns {columns} instead of {table.columns}"
        if lines != table.lines():
            own, wanted = set(lines), set(table.lines())
            return (f"{name} has {len(lines)} rows instead of {len(table.rows)}, too many are "
                    f"{sorted(own - wanted)[:4]}, missing are {sorted(wanted - own)[:4]}")
    return None


def place_of(found, states, low, high):
    """The first and the last of the states that are what was observed, or what is wrong."""
    same = [at for at in range(low, high + 1) if not difference(found, states[at])]
    if same:
        return same[0], same[-1], None
    ends = sorted({low, high})
    return low, high, "\n".join(f"after {at}: {difference(found, states[at])}" for at in ends)


class Run:
    """A writer that performs a script until it is killed."""

    def __init__(self, binary, warehouse, script, is_async, in_step):
        self.script, self.is_async, self.in_step = script, is_async, in_step
        self.acknowledged, self.sent, self.is_ready = 0, 0, threading.Event()
        self.came, self.is_stuck = threading.Condition(), False
        self.messages = tempfile.TemporaryFile()
        command = [binary, str(warehouse), "--csv", "--no-init", "--no-bail", "--wait", "5"]
        if is_async:
            command += ["--set", "starfact.durability=async"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.messages)
        self.threads = [threading.Thread(target=self.listen), threading.Thread(target=self.feed)]
        for thread in self.threads:
            thread.start()

    def listen(self):
        for line in self.process.stdout:
            if line.startswith(b"done "):
                with self.came:
                    self.acknowledged = int(line.split()[1])
                    self.came.notify_all()
                self.is_ready.set()
        with self.came:
            self.in_step = False
            self.came.notify_all()
        self.is_ready.set()

    def feed(self):
        try:
            self.write(".print done 0\n")
            for number, sql in enumerate(self.script.statements, 1):
                with self.came:
                    while self.in_step and self.acknowledged < number - 1:
                        self.came.wait()
                    self.sent = number
                self.write(f"{sql};\n.print done {number}\n")
            self.process.stdin.close()
        except (BrokenPipeError, ValueError):
            pass

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def kill(self, delay, is_after_start):
        """Kills the process after a while; what it said, and its exit code."""
        if is_after_start:
            self.is_ready.wait()
        try:
            self.process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            self.is_stuck = delay == UNTIL_STUCK
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        for thread in self.threads:
            thread.join()
        self.messages.seek(0)
        return self.messages.read().decode(errors="replace"), self.process.returncode

    def problem(self, messages, code):
        """What is wrong with what the program said."""
        if self.is_stuck:
            return f"the writer is stuck:\n{self.script.text(self.acknowledged)}"
        if code not in (0, 1, -signal.SIGKILL) or "panicked" in messages:
            return f"the program ended with {code}: {messages[-3000:]}"
        count = sum(1 for line in messages.splitlines() if line.startswith("error:"))
        certain = sum(self.script.fails[:self.acknowledged])
        possible = sum(self.script.fails[:self.acknowledged + 1])
        if certain <= count <= possible:
            return None
        return (f"{count} statements failed instead of {certain}: {messages[-3000:]}\n"
                f"{self.script.text(self.acknowledged)}")


class Reader(threading.Thread):
    """Looks at the warehouse again and again while it is written."""

    def __init__(self, run, ask, rng, is_session=False):
        super().__init__()
        self.run_of, self.ask, self.rng, self.is_session = run, ask, rng, is_session
        self.ends, self.problem, self.looks, self.at = threading.Event(), None, 0, 0

    def run(self):
        while not self.ends.is_set() and not self.problem:
            if self.is_session and self.rng.random() < 0.15:
                self.problem = self.look_twice()
            else:
                self.problem = self.look(self.rng.randrange(len(QUERIES)))

    def look(self, query):
        run = self.run_of
        low = self.at if run.is_async else max(self.at, run.acknowledged)
        output, errors = self.ask(QUERIES[query][0])
        high = run.sent
        if output is None:
            return f"between {low} and {high}: {errors}\n{run.script.text(high)}"
        self.looks += 1
        rows = sorted(tuple(value or "" for value in row)
                      for row in common.read_csv(output)[1:])
        for at in range(low, high + 1):
            if run.script.answer(query, at) == rows:
                self.at = at
                return None
        wanted = [run.script.answer(query, at) for at in sorted({low, high})]
        before = [at for at in range(low) if run.script.answer(query, at) == rows]
        return (f"query {query} saw {rows}, which is no state from {low} to {high}: {wanted}, "
                f"but {before[-3:]}\n{run.script.text(high)}")

    def look_twice(self):
        """A transaction sees one state."""
        sql = QUERIES[0][0]
        answers = [self.ask(text) for text in ("BEGIN", sql, sql, "COMMIT")]
        wrong = [errors for output, errors in answers if output is None]
        if wrong:
            return f"in a transaction: {wrong[0]}"
        first, second = (sorted(output.splitlines()) for output, _ in answers[1:3])
        if first != second:
            return f"a transaction saw {first} and then {second}"
        self.looks += 1
        return None


class Check:
    """Rounds on one warehouse."""

    def __init__(self, options, folder, tally):
        self.options, self.folder, self.tally = options, folder, tally
        self.warehouse, self.session, self.state = folder / "warehouse", None, None
        self.also = [sql for sql in ("VACUUM", "OPTIMIZE TABLE sale", "OPTIMIZE TABLE shop",
                                     "CHECK TABLE sale, shop, item") if self.knows(sql)]
        self.counts = {"acknowledged": 0, "looks": 0, "backups": 0, "in flight and kept": 0,
                       "acknowledged and not kept": 0}

    def knows(self, sql):
        warehouse = self.folder / "probe"
        common.run(self.options.binary, warehouse, stdin=SETUP)
        result = common.run(self.options.binary, warehouse, "-c", sql)
        shutil.rmtree(warehouse, ignore_errors=True)
        return result.code == 0

    def run(self, *arguments, **more):
        return common.run(self.options.binary, *arguments, **more)

    def start_anew(self, rng):
        self.end_session()
        shutil.rmtree(self.warehouse, ignore_errors=True)
        shops = [(key, f"shop {key}", rng.choice(["north", "south", None]))
                 for key in range(1, 41)]
        items = [(key, f"c{key}", key % 29 + 1) for key in range(1, 61)]
        text = "".join(f"INSERT INTO {name} VALUES {listed(rows)};\n"
                       for name, rows in [("shop", shops), ("item", items)])
        result = self.run(self.warehouse, stdin=SETUP + text)
        self.state = {name: Table(name, COLUMNS[name], rows, name != "turn") for name, rows in
                      [("shop", shops), ("item", items), ("sale", []), ("turn", [])]}
        return None if result.code == 0 else str(result)

    def ask_session(self, sql):
        if not self.session:
            self.session = common.Session(self.options.binary, self.warehouse, "--readonly")
        return self.session.ask(sql)

    def ask_once(self, sql):
        result = self.run(self.warehouse, "--readonly", "--csv", "-c", sql)
        return (None if result.code else result.out), str(result)

    def end_session(self, is_killed=False):
        if self.session:
            if is_killed:
                self.session.process.kill()
            self.session.close()
            self.session = None

    def round(self, number):
        rng = random.Random(f"{self.options.seed}/{number}")
        options, tally = self.options, self.tally
        again = (f"{sys.argv[0]} --binary {options.binary} --seed {options.seed} "
                 f"--rounds {number + 1}")
        if self.state is None or number % 50 == 0:
            if not tally.check(f"round {number}: set up", self.start_anew(rng)):
                self.state = None
                return
        is_async, in_step = rng.random() < 0.15, rng.random() < 0.6
        script = Script(rng, self.folder, self.state, rng.choice([3, 15, 40, 80]), self.also,
                        options.without)
        delay, is_after_start = rng.choice([0.05, 0.3, 1.2]) * rng.random(), rng.random() < 0.75
        delay = UNTIL_STUCK if rng.random() < 0.06 else delay
        run = Run(options.binary, self.warehouse, script, is_async, in_step)
        readers = [Reader(run, self.ask_session, random.Random(rng.random()), True),
                   Reader(run, self.ask_once, random.Random(rng.random()))]
        for reader in readers:
            reader.start()
        copy = self.backup(run) if rng.random() < 0.15 else None
        messages, code = run.kill(delay, is_after_start)
        for reader in readers:
            reader.ends.set()
        for reader in readers:
            reader.join()
        seen = max(reader.at for reader in readers)
        name = (f"round {number}{', async' if is_async else ''}{', in step' if in_step else ''}: "
                f"killed after {delay:.3f} s, {run.acknowledged} of {len(script.statements)} "
                "acknowledged")
        self.counts["acknowledged"] += run.acknowledged
        self.counts["looks"] += sum(reader.looks for reader in readers)
        tally.check(f"{name}: what it said", run.problem(messages, code), again)
        for reader, what in zip(readers, ("session", "processes")):
            tally.check(f"{name}: {reader.looks} looks of a reader's {what}", reader.problem,
                        again)
            if reader.problem and reader.is_session:
                self.end_session(True)
        if copy:
            tally.check(f"{name}: {copy[0]}", copy[1], again)
        self.look_after(name, rng, run, seen, again)
        if self.state is None or rng.random() < 0.15:
            self.end_session(rng.random() < 0.5)

    def look_after(self, name, rng, run, seen, again):
        """What is left, for a reader and for a writer."""
        tally, script = self.tally, run.script
        first = run.acknowledged
        last = min(first + 1, len(script.statements))
        self.state = None
        found, problem = observe(self.options.binary, self.warehouse, "--readonly")
        if not problem:
            low, _, problem = place_of(found, script.states, 0 if run.is_async else
                                       max(first, seen), last)
            seen = max(seen, low)
        tally.check(f"{name}: what a reader finds", problem and problem + "\n" + script.text(last),
                    again)
        # The next writer keeps what was written, though readers may not have seen it yet.
        result = self.run(self.warehouse, "--wait", "5", "-c", "DELETE FROM turn WHERE k < -1")
        found, problem = observe(self.options.binary, self.warehouse, "--wait", "5")
        if result.code != 0:
            problem = str(result)
        if not problem:
            at, high, problem = place_of(found, script.states, 0 if run.is_async else first, last)
            if not problem and high < seen:
                problem = f"a reader saw the state {seen}, left is {high}"
        if not tally.check(f"{name}: what is left", problem and problem + "\n" + script.text(last),
                           again):
            if self.options.keep:
                shutil.copytree(self.warehouse, self.folder / f"failed-{name.split()[1][:-1]}",
                                dirs_exist_ok=True)
            return
        self.counts["in flight and kept"] += at > first
        self.counts["acknowledged and not kept"] += max(0, first - high)
        self.state = script.states[at]
        result = self.run("check", self.warehouse)
        if not tally.check(f"{name}: check", result.code != 0 and
                           f"{result}\n{script.text(last)}", again):
            self.state = None
            return
        if rng.random() < 0.15:
            copy = self.backup(None)
            tally.check(f"{name}: {copy[0]}", copy[1], again)
        if rng.random() < 0.12:
            self.second_writer(name, rng)
        for path in self.folder.glob("rows-*.csv"):
            path.unlink()

    def backup(self, run):
        """A backup is one state, also while others write: what it is called, what is wrong."""
        copy, states = self.folder / "copy", run.script.states if run else [self.state]
        low = run.acknowledged if run and not run.is_async else 0
        shutil.rmtree(copy, ignore_errors=True)
        self.counts["backups"] += 1
        result = self.run("backup", self.warehouse, copy)
        high = run.sent if run else 0
        if result.code == 0:
            result = self.run("check", copy)
        if result.code != 0:
            return "backup", str(result)
        found, problem = observe(self.options.binary, copy, "--readonly")
        return "backup", problem or place_of(found, states, low, high)[2]

    def second_writer(self, name, rng):
        """While one writes, a second one fails, or waits until the first one has ended."""
        binary, turn = self.options.binary, self.state["turn"]
        key = len(turn.rows) * 10
        first = common.Session(binary, self.warehouse, "--wait", "5")
        said = [first.ask(f"INSERT INTO turn VALUES ({key}, 'first')")]
        is_open = rng.random() < 0.5
        if is_open:
            said += [first.ask("BEGIN"), first.ask(f"INSERT INTO turn VALUES ({key}, 'open')")]
        problem = next((errors for output, errors in said if output is None), None)
        result = self.run(self.warehouse, "-c", f"INSERT INTO turn VALUES ({key}, 'no')")
        if result.code == 0 or f"process {first.process.pid} " not in result.err + " ":
            problem = problem or f"a second writer beside process {first.process.pid}: {result}"
        command = [binary, str(self.warehouse), "--wait", "60", "-c",
                   f"INSERT INTO turn VALUES ({key}, 'second')"]
        second = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(rng.random() * 0.3)
        if second.poll() is not None:
            problem = problem or f"a writer did not wait: {second.stdout.read()}"
        if is_open or rng.random() < 0.5:
            first.process.kill()
        first.close()
        output, _ = second.communicate(timeout=60)
        if second.returncode != 0:
            problem = problem or f"the second writer ended with {second.returncode}: {output}"
        rows = [*turn.rows.values(), (key, "first"), (key, "second")]
        self.state = {**self.state, "turn": turn.having(rows)}
        found, wrong = observe(binary, self.warehouse, "--readonly")
        problem = problem or wrong or difference(found, self.state)
        if not self.tally.check(f"{name}: a second writer", problem):
            self.state = None

    def end(self):
        """Nothing may lie in the warehouse that no table needs."""
        self.end_session()
        for sql in [sql for sql in self.also if sql == "VACUUM"] or ["CREATE TABLE e (a INTEGER)"]:
            result = self.run(self.warehouse, "-c", sql)
            self.tally.check(f"the end: {sql}", result.code != 0 and str(result))
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        result = self.run("backup", self.warehouse, copy)
        if not self.tally.check("the end: backup", result.code != 0 and str(result)):
            return
        files = [{path.relative_to(root): path.stat().st_size
                  for path in pathlib.Path(root).rglob("*") if path.is_file()}
                 for root in (self.warehouse, copy)]
        sizes = [sum(each.values()) for each in files]
        more = sorted(map(str, files[0].keys() - files[1].keys()))
        problem = None
        if sizes[0] > 1.5 * sizes[1] + 1_000_000:
            problem = f"{sizes[0]} bytes, those of a backup {sizes[1]}; only here: {more[:40]}"
        self.tally.check(f"the end: {sizes} bytes, {[len(each) for each in files]} files", problem)
        if self.options.verbose:
            print(f"only in the warehouse: {more[:20]}")


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--without", type=lambda text: text.split(","), default=[],
                        help="what to leave out: alter_inside")
    options = parser.parse_args()
    tally = common.Tally(options.verbose)
    with common.Workplace(options.keep) as folder:
        check = Check(options, folder, tally)
        for number in range(options.rounds):
            if number % 50 == 0 and check.state:
                check.end()
            check.round(number)
        if check.state:
            check.end()
    print(", ".join(f"{count} {what}" for what, count in check.counts.items()))
    tally.finish()


if __name__ == "__main__":
    main()
