"""A small warehouse with every kind of file, what it has to answer after each commit, and its logs.

`build` makes it: several processes write one after the other, so that there are several logs, and
rows are partly in column files, partly in logs that the newest manifest needs, and partly deleted.
`Log` reads a log by the layout that docs/FORMAT.md gives, so that a check knows which commits a
damage may take away.
"""

import json
import pathlib
import re

import duckdb

import common

FILES = {
    "city": "SELECT range::INTEGER AS id, 'city ' || range AS name, CASE WHEN range % 3 > 0 THEN "
            "'region ' || (range % 5) END AS region, DATE '2020-01-01' AS opened FROM range(40)",
    "sale": "SELECT (range * 769 % 1800)::BIGINT AS id, (range * 7 % 40)::INTEGER AS city, "
            "(range * 1.25)::DECIMAL(12,2) AS amount, range / 4.0::DOUBLE AS price, CASE WHEN "
            "range % 4 > 0 THEN 'note ' || (range * 31 % 97) END AS note, range % 2 = 0 AS "
            "is_paid, TIMESTAMP '2024-01-01' + to_minutes(range) AS sold FROM range(1800)",
}
# Each list is what one process does; where it says so, before rows go from the log into files.
STEPS = [
    ["SET starfact.shared_dictionaries = 'always'",
     "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, region VARCHAR BITMAP, "
     "opened DATE)",
     "COPY city FROM '{folder}/city.parquet'",
     "CREATE TABLE sale (id BIGINT PRIMARY KEY, city INTEGER, amount DECIMAL(12,2), price DOUBLE, "
     "note VARCHAR, is_paid BOOLEAN BITMAP, sold TIMESTAMP, FOREIGN KEY (city) REFERENCES "
     "city (id)) SORTED BY (city)",
     "COPY sale FROM '{folder}/sale.parquet'",
     "OPTIMIZE TABLE sale, city",
     "CREATE TABLE empty (k INTEGER, v VARCHAR)",
     "CREATE TABLE wide AS SELECT id, note || note AS text, id * 12345 AS big FROM sale"],
    ["OPTIMIZE TABLE wide",
     "DELETE FROM sale WHERE id BETWEEN 100 AND 140",
     "UPDATE wide SET big = -big WHERE id < 20",
     "ALTER TABLE wide ADD COLUMN more INTEGER DEFAULT 7",
     "INSERT INTO sale VALUES (2000, NULL, NULL, NULL, NULL, NULL, NULL), "
     "(2001, 7, 1, 1, '', FALSE, NULL)",
     "UPDATE city SET region = 'moved' WHERE id % 9 = 4"],
    ["INSERT INTO wide VALUES (5000, 'log', 1, NULL), (5001, NULL, NULL, 8)",
     "UPDATE sale SET amount = amount + 1 WHERE id IN (3, 2001)",
     "BEGIN; INSERT INTO city VALUES (40, 'new', NULL, NULL); "
     "INSERT INTO sale VALUES (2002, 40, 2, 2, 'new', TRUE, NULL); COMMIT",
     "ALTER TABLE city RENAME COLUMN opened TO since",
     "DELETE FROM wide WHERE id = 30"],
    ["INSERT INTO sale VALUES (2003, 40, 2, 2, 'last', TRUE, TIMESTAMP '2024-02-02 00:00:00')",
     "DELETE FROM sale WHERE id = 5",
     "UPDATE sale SET note = 'changed' WHERE id IN (6, 2002)",
     "MERGE INTO wide USING city ON wide.id = city.id WHEN MATCHED AND wide.id > 35 THEN DELETE "
     "WHEN MATCHED AND wide.id < 4 THEN UPDATE SET text = city.name"],
    ["INSERT INTO city VALUES (41, 'newest', 'x', NULL)",
     "DELETE FROM wide WHERE id = 31"],
]
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
PAST = "SELECT count(*), sum(id), sum(amount), count(note) FROM sale AS OF EPOCH "


class Warehouse:
    """Where it is, and the states that it had: answers by query, and those of older epochs."""

    def __init__(self, path):
        self.path, self.states, self.past = path, [], {}

    @property
    def last(self):
        return self.states[-1]

    def look(self, session):
        """Keeps the answers of now, if there are all tables."""
        answers = [session.ask(sql)[0] for sql in QUERIES]
        if all(answer is not None for answer in answers):
            self.states.append(answers)
        newest, _ = session.ask("SELECT max(last_epoch) FROM sys.snapshots")
        epoch = int(common.read_csv(newest)[1][0])
        now, _ = session.ask(PAST + str(epoch))
        if now is not None:
            self.past[epoch] = now


def build(binary, folder):
    """Makes the warehouse; returns it and what is wrong."""
    for name, sql in FILES.items():
        duckdb.sql(sql).write_parquet(str(folder / f"{name}.parquet"))
    warehouse = Warehouse(folder / "origin")
    for statements in STEPS:
        session = common.Session(binary, warehouse.path)
        for statement in statements:
            for sql in statement.replace("{folder}", str(folder)).split("; "):
                output, errors = session.ask(sql)
                if output is None:
                    return warehouse, f"{sql}\n{errors}"
            warehouse.look(session)
        # The first one was asked for tables that had yet to come.
        if session.close() not in (0, 1):
            return warehouse, "another exit code"
    return warehouse, missing_kinds(warehouse)


def missing_kinds(warehouse):
    """A kind of file that is not there, though the checks are about it."""
    names = [name for name in common.snapshot(warehouse.path)]
    kinds = [r"tables/\d+/seg-\d+/\d+\.col", r"tables/\d+/seg-\d+/0\.col",
             r"tables/\d+/key-\d+/0\.col", r"tables/\d+/dict-\d+-\d+", r"tables/\d+/del-\d+",
             r"wal/\d+\.wal", r"manifest-\d+", "CURRENT"]
    lacking = [kind for kind in kinds if not any(re.fullmatch(kind, name) for name in names)]
    if len(list((pathlib.Path(warehouse.path) / "wal").glob("*.wal"))) < 3:
        lacking.append("three logs")
    if len(list(pathlib.Path(warehouse.path).glob("manifest-*"))) < 4:
        lacking.append("four manifests")
    return lacking and f"there is none of {lacking} among {names}"


class Needed:
    """What a manifest needs, by the layout of docs/FORMAT.md; the newest one, if none is named."""

    def __init__(self, files, name=None):
        self.name = name or files["CURRENT"].decode().split("\n")[1]
        self.manifest = json.loads(files[self.name].split(b"\n", 1)[1])
        self.parts = set()
        for table in self.manifest["tables"]:
            root = f"tables/{table['schema']['id']}/"
            self.parts.update(f"{root}seg-{each['id']}" for each in table["segments"])
            self.parts.update(f"{root}key-{each['id']}" for each in table["key_runs"])
            self.parts.update(f"{root}dict-{each['column']}-{each['id']}"
                              for each in table.get("dictionaries", ()))
            if "deletions" in table:
                self.parts.add(f"{root}del-{table['deletions']['id']}")

    def has(self, name):
        path = pathlib.PurePosixPath(name)
        if path.parts[0] == "wal":
            return "log" in self.manifest and int(path.stem) >= self.manifest["log"]["log"]
        return name in ("CURRENT", self.name) or name in self.parts \
            or str(path.parent) in self.parts


def strays(warehouse):
    """Files that no manifest needs: merges in the background may have written one just now."""
    files = common.snapshot(warehouse)
    needed = [Needed(files, name) for name in files if name.startswith("manifest-")]
    return [name for name in files if name != "LOCK"
            and not any(each.has(name) for each in needed)]


class Log:
    """The frames of a log: (kind, number of the record, start, end); kind 1 a record, 2 a mark."""

    def __init__(self, data):
        self.data, self.frames = data, []
        at = self.header = data.index(b"\n") + 1
        while at + 20 <= len(data):
            size, kind, number = (int.from_bytes(data[at + a:at + b], "little")
                                  for a, b in ((0, 4), (4, 8), (8, 16)))
            self.frames.append((kind, number, at, at + 20 + size))
            at += 20 + size

    def marked(self, end):
        """The last record that is durable by the bytes before `end`."""
        marks = [number for kind, number, _, stop in self.frames if kind == 2 and stop <= end]
        return max(marks, default=0)

    def tail(self):
        """Where the last mark begins: what is behind that byte may go without a word."""
        return max((start for kind, _, start, _ in self.frames if kind == 2), default=self.header)
