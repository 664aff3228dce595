"""Damages every file of a small warehouse in many places, and asks it.

    target/peers/bin/python benches/blackbox/damage.py --seed 1 --places 40

For each flip, cut, deletion, addition and swap: every query gives the answer it gave before, or the
program ends with code 4 (3 if the damage looks like another version) and names the file. What it
printed until then must be the beginning of the right answers. Where a log is damaged, the answers
may be those after an earlier commit, the whole commit and all before it, if the program says so;
without a word only what a crash could have cut off may be missing. `check` finds what is damaged,
older epochs are right or refused, a write or a backup does no harm. Never a panic, a hang, or
another answer.
"""

import concurrent.futures
import pathlib
import random
import re
import shutil
import subprocess
import sys
import threading

import common
import ruins
from ruins import PAST, QUERIES, Log

HANG_SECONDS = 60


class Damage:
    """One change: new contents by file, None for a file that goes. The first one names it."""

    def __init__(self, file, what, contents, at=None):
        self.file, self.what, self.contents, self.at = file, what, contents, at

    def __str__(self):
        return f"{self.file}: {self.what}"

    @property
    def is_log(self):
        return self.file.endswith(".wal")

    def is_named_in(self, text):
        """Whether a message names the file."""
        names = [pathlib.Path(file).name for file in self.contents]
        return any(name in text for name in names)


def damages(warehouse, rng, places):
    """Changes of every file but the locks, which hold nothing."""
    files = common.snapshot(warehouse)
    for name, data in files.items():
        if name == "LOCK" or name.startswith(("pins", "tmp")):
            continue
        size = len(data)
        if size == 0:
            # The word that a log was begun.
            yield Damage(name, "deleted", {name: None})
            continue
        for at in spots(name, data, rng, places):
            mask = rng.choice([1 << rng.randrange(8)] * 3 + [0xFF])
            changed = data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]
            yield Damage(name, f"bits {mask:02x} of byte {at} of {size} flipped",
                         {name: changed}, at)
        for length in cuts(name, data, rng, places):
            yield Damage(name, f"cut from {size} to {length} bytes", {name: data[:length]}, length)
        at = rng.randrange(size)
        length = min(size - at, rng.choice([8, 64, 512]))
        zeroed = data[:at] + b"\0" * length + data[at + length:]
        yield Damage(name, f"{length} zeros from byte {at} of {size} on", {name: zeroed}, at)
        yield Damage(name, "one byte added", {name: data + b"\0"}, size)
        yield Damage(name, "its end twice", {name: data + data[-min(size, 20):]}, size)
        yield Damage(name, "all zeros", {name: b"\0" * size})
        yield Damage(name, "deleted", {name: None})
        others = [other for other in files if other != name and not other.startswith("LOCK")
                  and pathlib.Path(other).suffix == pathlib.Path(name).suffix]
        if others:
            other = rng.choice(others)
            yield Damage(name, f"replaced by {other}", {name: files[other]})
        twins = [other for other in others if len(files[other]) == size and files[other] != data]
        for other in rng.sample(twins, min(2, len(twins))):
            yield Damage(name, f"swapped with {other}", {name: files[other], other: data})


def spots(name, data, rng, places):
    """Bytes to change: all of a short file, and of a log some of each part of each frame."""
    size = len(data)
    if size <= places:
        return range(size)
    found = {*rng.sample(range(size), places), *range(max(0, size - 60), size, 7)}
    if name.startswith("wal"):
        for _, _, start, stop in Log(data).frames:
            found.update((start, start + 4, start + 8, start + 16, stop - 1, (start + stop) // 2))
    return sorted(at for at in found if at < size)


def cuts(name, data, rng, places):
    size = len(data)
    found = {0, 1, size // 2, size - 1, *(rng.randrange(size) for _ in range(places // 5))}
    if name.startswith("wal"):
        for _, _, start, stop in Log(data).frames:
            found.update((start, start + 1, start + 19, stop - 1, (start + stop) // 2))
    return sorted(length for length in found if 0 <= length < size)


class Copy:
    """A copy of the warehouse, to be damaged by one thread at a time."""

    def __init__(self, binary, origin, path):
        self.binary, self.origin, self.path = binary, origin, path
        self.files = common.snapshot(origin.path)
        self.needed = ruins.Needed(self.files)
        self.logs = sorted((name for name in self.files if name.endswith(".wal")),
                           key=lambda name: int(pathlib.Path(name).stem))
        shutil.copytree(origin.path, path)

    def restore(self):
        shutil.rmtree(self.path)
        for name, data in self.files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(data)

    def put(self, contents):
        for name, data in contents.items():
            if data is None:
                (self.path / name).unlink()
            else:
                (self.path / name).write_bytes(data)

    def is_silent(self, damage):
        """Whether what is damaged may be what a crash cut off: no mark is behind it."""
        if damage.file.endswith(".begun"):
            return True
        if damage.file != self.logs[-1]:
            return False
        if damage.at is None or damage.at < Log(self.files[damage.file]).header:
            return False
        return damage.at >= Log(self.files[damage.file]).tail() or damage.what.startswith("cut")

    def least(self, damage):
        """The earliest state that may be left: that of the records before the damage."""
        states = self.origin.states
        if not damage.is_log:
            return len(states) - 1
        at = damage.at or 0
        after = sum(1 for name in self.logs[self.logs.index(damage.file):]
                    for kind, _, _, stop in Log(self.files[name]).frames
                    if kind == 1 and (name != damage.file or stop + 20 > at))
        # Not every record is a state of its own, so at most so many states are lost.
        return max(0, len(states) - 1 - after)

    def run(self, *arguments, **more):
        try:
            return common.run(self.binary, *arguments, timeout=HANG_SECONDS, **more)
        except subprocess.TimeoutExpired:
            return common.Result(arguments, 255, "", f"no end within {HANG_SECONDS} s")

    # Reading.

    def check(self, number, damage):
        """What is wrong with the answers of the damaged warehouse, or None."""
        if all(self.files.get(name) == data for name, data in damage.contents.items()):
            return None
        try:
            self.put(damage.contents)
            shift = number % len(QUERIES)
            order = [*range(shift, len(QUERIES)), *range(shift)]
            is_right, problem = self.ask(self.path, damage, order)
            return problem or self.find(damage, is_right) or self.ask_past(damage)
        finally:
            self.put({name: self.files[name] for name in damage.contents})

    def ask(self, path, damage, order):
        """Whether all answers are those of the newest state, and what is wrong."""
        commands = [part for at in order for part in ("-c", QUERIES[at])]
        result = self.run(path, "--readonly", "--csv", *commands)
        if crash := common.crashed(result):
            return False, f"{crash}\n{result}"
        texts = ["".join(state[at] for at in order) for state in self.origin.states]
        if result.code == 0:
            return result.out == texts[-1], self.judge(damage, texts, order, result)
        starts = texts if damage.is_log else texts[-1:]
        if not any(text.startswith(result.out) for text in starts):
            return False, f"wrong rows before the error\n{result}"
        if result.code not in (3, 4):
            return False, f"exit code {result.code}\n{result}"
        if not damage.is_named_in(result.err):
            return False, f"the message does not name {damage.file}\n{result}"
        is_gone = (damage.file, damage.what) == ("CURRENT", "deleted")
        if result.code == 3 and "version" not in result.err and not is_gone:
            return False, f"code 3 without a word on versions\n{result}"
        return False, None

    def judge(self, damage, texts, order, result):
        """What is wrong with answers: none, if they are those of a state that may be left."""
        if result.out == texts[-1]:
            return None
        if not damage.is_log:
            return f"another answer\n{result}"
        has_word = damage.is_named_in(result.err)
        if result.out in texts:
            place = len(texts) - 1 - texts[::-1].index(result.out)
            if not has_word and not self.is_silent(damage):
                return f"state {place} of {len(texts) - 1} without a word\n{result}"
            if place < self.least(damage):
                return f"state {place}, though {self.least(damage)} is whole\n{result}"
            return None
        lost = re.search(r"earlier rows of (.*?):", result.err)
        if not lost or not has_word:
            return f"an answer of no state\n{result}"
        return self.judge_rest(re.findall(r"\w+", lost[1]), order, result)

    def judge_rest(self, lost, order, result):
        """Answers of a warehouse that has lost rows of tables: others are of one state."""
        others = [at for at in order if not any(name in QUERIES[at] for name in lost)]
        for state in self.origin.states:
            rest, at = result.out, 0
            if all((at := rest.find(state[query], at)) >= 0 for query in others):
                break
        else:
            return f"answers of no state, even without {lost}\n{result}"
        known = {line for state in self.origin.states for answer in state[:3]
                 for line in answer.splitlines()}
        for query in (0, 1, 2):
            if QUERIES[query].split()[3] in lost:
                output = self.run(self.path, "--readonly", "--csv", "-c", QUERIES[query])
                more = [line for line in output.out.splitlines() if line not in known]
                if more or output.code:
                    return f"rows that never were: {more[:5]}\n{output}"
        return None

    def find(self, damage, is_right):
        """A check of the damaged warehouse finds the damage, unless opening it does."""
        result = self.run("check", self.path)
        if crash := common.crashed(result):
            return f"check: {crash}\n{result}"
        if result.code == 0:
            if not self.needed.has(damage.file) or self.is_silent(damage):
                return None
            # A log may have records that nothing needs any more.
            return None if damage.is_log and is_right else f"check does not find it\n{result}"
        if result.code not in (3, 4) or not damage.is_named_in(result.err):
            return f"check: exit code {result.code}\n{result}"
        if not self.needed.has(damage.file) and is_right:
            return f"check finds what is not needed\n{result}"
        return None

    def ask_past(self, damage):
        """Older epochs are right or refused."""
        text = "".join(f"{PAST}{epoch};\n.print ==done== {epoch}\n" for epoch in self.origin.past)
        result = self.run(self.path, "--readonly", "--csv", "--no-bail", "--no-init", stdin=text)
        if crash := common.crashed(result):
            return f"older epochs: {crash}\n{result}"
        found, lines, refused = {}, [], 0
        for line in result.out.splitlines(keepends=True):
            if line.startswith("==done== "):
                found[int(line.split()[1])] = "".join(lines)
                lines = []
            else:
                lines.append(line)
        left = max((epoch for epoch, answer in found.items() if answer), default=None)
        for epoch, answer in found.items():
            is_left = epoch == left and "earlier rows of" in result.err
            if answer not in ("", self.origin.past[epoch]) and not is_left:
                return f"epoch {epoch} is {answer!r}, not {self.origin.past[epoch]!r}\n{result}"
            refused += answer == ""
        words = result.err.count("error:")
        if refused > words or refused and not damage.is_named_in(result.err) \
                and not damage.file.startswith(("manifest", "wal")):
            return f"{refused} epochs are refused, {words} messages\n{result}"
        return None

    # Writing.

    def write(self, damage):
        """A write into the damaged warehouse adds a row or fails, and harms nothing."""
        self.put(damage.contents)
        try:
            before = set(common.snapshot(self.path))
            result = self.run(self.path, "-c", "INSERT INTO empty VALUES (1, 'x')")
            problem = common.crashed(result)
            if not problem and result.code not in (0, 3, 4) and not (
                    result.code == 1 and damage.is_log and damage.is_named_in(result.err)):
                problem = f"exit code {result.code}"
            gone = [name for name in sorted(before - set(common.snapshot(self.path)))
                    if name.startswith(("tables", "wal"))]
            if not problem and gone and result.code != 0:
                problem = f"a write that failed removed {gone}"
            if not problem and result.code == 0:
                problem = self.after_write(damage, result)
            return problem and f"{problem}\n{result}"
        finally:
            self.restore()

    def after_write(self, damage, first):
        """The row is there, and the other tables are as in a state that may be left."""
        count = "count(*)\n1\n"
        states = [[*state[:6], count, *state[7:]] for state in self.origin.states]
        if not self.is_silent(damage):
            states = states[-1:]
            # The other files are as they were, so they show whether anything was lost.
            self.put({name: self.files[name] for name in damage.contents
                      if name.startswith("tables")})
        commands = [part for sql in QUERIES for part in ("-c", sql)]
        result = self.run(self.path, "--readonly", "--csv", *commands)
        if result.code != 0:
            return None if damage.is_named_in(result.err) else f"afterwards: {result}"
        if result.out not in ["".join(state) for state in states]:
            return f"tables changed: {result}"
        again = self.run(self.path, "-c", "INSERT INTO empty VALUES (2, 'y')")
        if again.code != 0:
            return f"the next write: {again}"
        if "never acknowledged" in again.err:
            return f"a torn tail is told twice: {again}"
        is_cut = damage.what.startswith("cut") and self.is_silent(damage)
        ends = {stop for *_, stop in Log(self.files[damage.file]).frames} if is_cut else ()
        if is_cut and damage.at not in {*ends, Log(self.files[damage.file]).header} \
                and "never acknowledged" not in first.err:
            return "nothing is said of the torn tail"
        return None

    def backup(self, damage):
        """A backup of the damaged warehouse is right or refused."""
        self.put(damage.contents)
        to = self.path.with_name(f"{self.path.name}-backup")
        try:
            result = self.run("backup", self.path, to)
            if crash := common.crashed(result):
                return f"{crash}\n{result}"
            if result.code != 0:
                left = to.exists() and list(to.iterdir())
                if left or result.code not in (3, 4) or not damage.is_named_in(result.err):
                    return f"a backup leaves {left}\n{result}"
                return None
            is_right, problem = self.ask(to, damage, range(len(QUERIES)))
            checked = self.run("check", to)
            if not problem and checked.code != 0:
                problem = str(checked)
            if not problem and not is_right and not self.is_silent(damage):
                problem = "a backup of an earlier state"
            return problem and f"{problem}\n{result}"
        finally:
            shutil.rmtree(to, ignore_errors=True)
            self.restore()


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", type=int, default=40, help="flips a file; all if it is shorter")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--writes", type=int, default=200, help="damages with a write and a backup")
    parser.add_argument("--only", help="damage files whose name has this")
    options = parser.parse_args()
    rng, tally = random.Random(options.seed), common.Tally(options.verbose)
    again = f"{sys.argv[0]} --binary {options.binary} --seed {options.seed}"
    with common.Workplace(options.keep) as folder:
        origin, problem = ruins.build(options.binary, folder)
        if not tally.check("set up", problem):
            tally.finish()
        wanted = [damage for damage in damages(origin.path, rng, options.places)
                  if not options.only or options.only in damage.file]
        copies = [Copy(options.binary, origin, folder / f"copy-{job}")
                  for job in range(options.jobs)]
        writes = set(map(id, rng.sample(wanted, min(len(wanted), options.writes))))
        writes.update(id(damage) for damage in wanted if damage.file == copies[0].logs[-1])

        turn = threading.Lock()

        def work(job):
            for number, damage in list(enumerate(wanted))[job::options.jobs]:
                ways = [("ask", lambda damage: copies[job].check(number, damage))]
                if id(damage) in writes:
                    ways += [("write", copies[job].write), ("backup", copies[job].backup)]
                for name, way in ways:
                    problem = way(damage)
                    with turn:
                        tally.check(f"{name}: {damage}", problem, again)

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(work, range(options.jobs)))
    tally.finish()


if __name__ == "__main__":
    main()
