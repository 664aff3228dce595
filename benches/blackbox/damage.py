"""Damages every file of a small warehouse in many places, and asks it.

    target/peers/bin/python benches/blackbox/damage.py --seed 1 --places 40

For each flip, cut, deletion and addition: every query gives the answer it gave before, or the
program ends with code 4 (3 if the damage looks like another version) and names the file. What it
printed until then must be the beginning of the right answers. Never a panic, never another answer.
"""

import concurrent.futures
import pathlib
import random
import shutil
import sys

import duckdb

import common

SETUP = """
CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, region VARCHAR, opened DATE);
COPY city FROM '{folder}/city.parquet';
CREATE TABLE sale (id BIGINT PRIMARY KEY, city INTEGER, amount DECIMAL(12,2), price DOUBLE,
  note VARCHAR, is_paid BOOLEAN, sold TIMESTAMP, FOREIGN KEY (city) REFERENCES city (id))
  SORTED BY (city);
COPY sale FROM '{folder}/sale.parquet';
INSERT INTO sale VALUES (2000, NULL, NULL, NULL, NULL, NULL, NULL),
  (2001, 7, 1, 1, '', FALSE, NULL);
CREATE TABLE empty (k INTEGER, v VARCHAR);
CREATE TABLE wide AS SELECT id, note || note AS text, id * 12345 AS big FROM sale;
"""
FILES = {
    "city": "SELECT range::INTEGER AS id, 'city ' || range AS name, CASE WHEN range % 3 > 0 THEN "
            "'region ' || (range % 5) END AS region, DATE '2020-01-01' AS opened FROM range(40)",
    "sale": "SELECT range AS id, (range * 7 % 40)::INTEGER AS city, (range * 1.25)::DECIMAL(12,2) "
            "AS amount, range / 4.0::DOUBLE AS price, CASE WHEN range % 4 > 0 THEN 'note ' || "
            "(range * 31 % 97) END AS note, range % 2 = 0 AS is_paid, TIMESTAMP '2024-01-01' + "
            "to_minutes(range) AS sold FROM range(900)",
}
QUERIES = [
    "SELECT * FROM city ORDER BY id",
    "SELECT * FROM sale ORDER BY id",
    "SELECT * FROM wide ORDER BY id",
    "SELECT count(*), sum(amount), min(sold), max(note), count(city) FROM sale",
    "SELECT region, sum(amount), count(*) FROM sale JOIN city ON sale.city = city.id "
    "WHERE note LIKE 'note 1%' GROUP BY region ORDER BY region",
    "SELECT id FROM sale WHERE city = 7 AND is_paid ORDER BY id",
    "SELECT count(*) FROM empty",
    "SELECT max(price) FROM sale WHERE id BETWEEN 100 AND 200",
    "DESCRIBE sale",
]


class Damage:
    """One change of one file."""

    def __init__(self, file, what, apply):
        self.file, self.what, self.apply = file, what, apply

    def __str__(self):
        return f"{self.file}: {self.what}"


def damages(warehouse, rng, places):
    """Changes of every file but the locks, which hold nothing."""
    for name, data in common.snapshot(warehouse).items():
        if name == "LOCK" or name.startswith(("pins", "tmp")):
            continue
        size = len(data)
        spots = range(size) if size <= places else sorted(rng.sample(range(size), places))
        for at in spots:
            bit = rng.randrange(8)
            yield Damage(name, f"bit {bit} of byte {at} of {size} flipped", flip(at, 1 << bit))
        for at in [*rng.sample(range(size), min(size, 5)), *range(max(0, size - 60), size, 7)]:
            yield Damage(name, f"byte {at} of {size} inverted", flip(at, 0xFF))
        cuts = {0, 1, size // 2, size - 1, *(rng.randrange(size + 1) for _ in range(places // 5))}
        for length in sorted(length for length in cuts if 0 <= length < size):
            yield Damage(name, f"cut from {size} to {length} bytes", cut(length))
        yield Damage(name, "one byte added", lambda data: data + b"\0")
        yield Damage(name, "all zeros", lambda data: b"\0" * len(data))
        yield Damage(name, "deleted", lambda data: None)
        others = [other for other in common.snapshot(warehouse) if other != name
                  and pathlib.Path(other).suffix == pathlib.Path(name).suffix]
        if others:
            other = rng.choice(others)
            content = (pathlib.Path(warehouse) / other).read_bytes()
            yield Damage(name, f"replaced by {other}", lambda data, content=content: content)


def flip(at, mask):
    return lambda data: data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def cut(length):
    return lambda data: data[:length]


class Copy:
    """A copy of the warehouse, to be damaged by one thread at a time."""

    def __init__(self, binary, origin, path, answers):
        self.binary, self.path, self.answers = binary, path, answers
        shutil.copytree(origin, path)

    def check(self, number, damage):
        """What is wrong with the answers of the damaged warehouse, or None."""
        file = self.path / damage.file
        data = file.read_bytes()
        changed = damage.apply(data)
        if changed == data:
            return None
        try:
            if changed is None:
                file.unlink()
            else:
                file.write_bytes(changed)
            shift = number % len(QUERIES)
            order = [*range(shift, len(QUERIES)), *range(shift)]
            return self.ask(damage, order) or self.find(damage)
        finally:
            file.write_bytes(data)

    def ask(self, damage, order):
        commands = [part for at in order for part in ("-c", QUERIES[at])]
        result = common.run(self.binary, self.path, "--readonly", "--csv", *commands)
        right = "".join(self.answers[at] for at in order)
        if crash := common.crashed(result):
            return f"{crash}\n{result}"
        if result.code == 0:
            return None if result.out == right else f"another answer\n{result}"
        if not right.startswith(result.out):
            return f"wrong rows before the error\n{result}"
        if result.code not in (3, 4):
            return f"exit code {result.code}\n{result}"
        if pathlib.Path(damage.file).name not in result.err:
            return f"the message does not name {damage.file}\n{result}"
        is_gone = (damage.file, damage.what) == ("CURRENT", "deleted")
        if result.code == 3 and "version" not in result.err and not is_gone:
            return f"code 3 without a word on versions\n{result}"
        return None

    def find(self, damage):
        """A check of the damaged warehouse finds the damage, unless opening it does."""
        if not damage.file.startswith("tables"):
            return None
        result = common.run(self.binary, "check", self.path)
        if crash := common.crashed(result):
            return f"check: {crash}\n{result}"
        if result.code != 4 or damage.file not in result.err:
            return f"check does not find it\n{result}"
        return None

    def write(self, damage):
        """A write into the damaged warehouse adds a row or fails, and harms nothing."""
        file = self.path / damage.file
        before = common.snapshot(self.path)
        changed = damage.apply(file.read_bytes())
        if changed is None:
            file.unlink()
        else:
            file.write_bytes(changed)
        damaged = common.snapshot(self.path)
        result = common.run(self.binary, self.path, "-c", "INSERT INTO empty VALUES (1, 'x')")
        problem = common.crashed(result)
        if not problem and result.code not in (0, 3, 4):
            problem = f"exit code {result.code}"
        after = common.snapshot(self.path)
        gone = [name for name in damaged if name.startswith("tables") and name not in after]
        if not problem and gone and result.code != 0:
            problem = f"a write that failed removed {gone}"
        file.write_bytes(before[damage.file])
        if not problem and result.code == 0:
            rows = common.run(self.binary, self.path, "--readonly", "--csv", "-c",
                              "SELECT count(*) FROM sale", "-c", "SELECT count(*) FROM city")
            if rows.code == 0 and rows.out != "count(*)\n902\ncount(*)\n40\n":
                problem = f"tables changed: {rows}"
        shutil.rmtree(self.path)
        self.path.mkdir()
        for name, data in before.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_bytes(data)
        return problem and f"{problem}\n{result}"


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--places", type=int, default=40, help="flips a file; all if it is shorter")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="damage files whose name has this")
    options = parser.parse_args()
    rng, tally = random.Random(options.seed), common.Tally(options.verbose)
    again = f"{sys.argv[0]} --binary {options.binary} --seed {options.seed}"
    with common.Workplace(options.keep) as folder:
        for name, sql in FILES.items():
            duckdb.sql(sql).write_parquet(str(folder / f"{name}.parquet"))
        origin = folder / "origin"
        result = common.run(options.binary, origin, stdin=SETUP.replace("{folder}", str(folder)))
        if not tally.check("set up", result.code != 0 and str(result)):
            tally.finish()
        answers = [common.run(options.binary, origin, "--readonly", "--csv", "-c", sql).out
                   for sql in QUERIES]
        tally.check("the answers before", not all(answers) and f"{answers}")
        wanted = [damage for damage in damages(origin, rng, options.places)
                  if not options.only or options.only in damage.file]
        copies = [Copy(options.binary, origin, folder / f"copy-{job}", answers)
                  for job in range(options.jobs)]

        def work(job):
            mine = list(enumerate(wanted))[job::options.jobs]
            return [(damage, copies[job].check(number, damage)) for number, damage in mine]

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for found in pool.map(work, range(options.jobs)):
                for damage, problem in found:
                    tally.check(f"ask: {damage}", problem, again)
        for damage in rng.sample(wanted, min(len(wanted), 60)):
            tally.check(f"write: {damage}", copies[0].write(damage), again)
    tally.finish()


if __name__ == "__main__":
    main()
