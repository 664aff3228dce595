"""The part of the contract about statements that change tables: counts, messages, transactions,
RETURNING in each output mode, epochs, settings, upkeep, one writer at a time.

`contract.py` calls the parts; what they share with it is the `Contract`.
"""

import json
import pathlib
import subprocess
import time

import common

OK, SQL_ERROR, USAGE, CANNOT_OPEN, CORRUPT = 0, 1, 2, 3, 4
STAR = ("CREATE TABLE p (id INTEGER PRIMARY KEY, s VARCHAR NOT NULL, n INTEGER DEFAULT 5 "
        "CHECK (n < 100)); CREATE TABLE f (k BIGINT, p INTEGER REFERENCES p (id)); "
        "CREATE TABLE e (a INTEGER); INSERT INTO p VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3); "
        "INSERT INTO f VALUES (1, 1), (2, 2), (3, NULL)")
COUNTS = [
    ("INSERT INTO e VALUES (1), (2)", "INSERT 2"),
    ("INSERT INTO e SELECT a FROM e WHERE FALSE", "INSERT 0"),
    ("UPDATE p SET n = n + 1", "UPDATE 3"),
    ("UPDATE p SET n = 1 WHERE id = 99", "UPDATE 0"),
    ("UPDATE p SET n = f.k FROM f WHERE f.p = p.id", "UPDATE 2"),
    ("DELETE FROM f WHERE k = 3", "DELETE 1"),
    ("DELETE FROM f USING p WHERE f.p = p.id AND p.s = 'b'", "DELETE 1"),
    ("INSERT INTO p (id, s) VALUES (1, 'x'), (4, 'd') ON CONFLICT DO NOTHING", "INSERT 1"),
    ("INSERT INTO p (id, s) VALUES (1, 'x'), (5, 'e') ON CONFLICT (id) DO UPDATE SET "
     "s = excluded.s", "INSERT 2"),
    ("MERGE INTO p USING (SELECT 1 AS id) AS q ON p.id = q.id WHEN MATCHED THEN UPDATE SET n = 9 "
     "WHEN NOT MATCHED BY SOURCE AND p.id = 5 THEN DELETE", "MERGE 2"),
    ("TRUNCATE TABLE f, e", "TRUNCATE 3"),
    ("TRUNCATE IF EXISTS zzz", "TRUNCATE 0"),
    ("ALTER TABLE p ADD COLUMN x INTEGER DEFAULT 3, ALTER COLUMN n TYPE BIGINT", "ALTER TABLE"),
    ("ALTER TABLE IF EXISTS zzz ADD COLUMN a INTEGER", "ALTER TABLE"),
    ("ALTER TABLE p DROP COLUMN IF EXISTS zzz", "ALTER TABLE"),
    ("OPTIMIZE TABLE p, f", "OPTIMIZE TABLE"), ("OPTIMIZE e", "OPTIMIZE TABLE"),
    ("VACUUM", "VACUUM"), ("BEGIN", "BEGIN"), ("COMMIT", "COMMIT"),
    ("START TRANSACTION", "BEGIN"), ("ABORT", "ROLLBACK"),
    ("SET starfact.durability = 'async'", "SET"), ("SET starfact.retain_epochs = 0", "SET"),
    ("SET starfact.retain_seconds = 0", "SET"), ("RESET starfact.retain_seconds", "RESET"),
]
REFUSED = [
    ("INSERT INTO p VALUES (7, 'x')", ["2 values", "3 columns"]),
    ("INSERT INTO p VALUES (1, 'x', 1)", ['"p"', "(id) = (1)", "already"]),
    ("INSERT INTO f VALUES (7, 99)", ['"f"', "(p) = (99)", "references no row"]),
    ("INSERT INTO p (id, s) VALUES (1, 'x') ON CONFLICT (s) DO NOTHING", ["no key (s)", "(id)"]),
    ("INSERT INTO p (id, s) VALUES (9, 'x'), (9, 'y') ON CONFLICT (id) DO UPDATE SET "
     "s = excluded.s", ["second time"]),
    ("INSERT INTO e VALUES (1) ON CONFLICT (a) DO NOTHING", ["no key"]),
    ("UPDATE p SET nope = 1", ['"nope"', "columns: id, s, n"]),
    ("UPDATE p SET n = 'abc'", ["abc", "INTEGER"]),
    ("UPDATE p SET n = 1000", ["CHECK (n < 100)", "1000"]),
    ("UPDATE p SET n = 3000000000", ["INTEGER"]),
    ("UPDATE p SET s = NULL", ['"s"', "NOT NULL"]),
    ("UPDATE p SET id = 8", ["(id) = (8)", "twice"]),
    ("UPDATE p SET id = 77 WHERE id = 1; DELETE FROM p WHERE id = 77", ["referenced"]),
    ("UPDATE p SET n = 1, n = 2", ["n"]),
    ("UPDATE p SET n = 1 FROM zzz", ['"zzz"']),
    ("UPDATE zzz SET a = 1", ['"zzz"', "tables: e, f, p"]),
    ("DELETE FROM zzz", ['"zzz"']), ("DELETE FROM p USING zzz", ['"zzz"']),
    ("DELETE FROM p WHERE id = 1", ["referenced", '"f"']),
    ("DELETE FROM f WHERE nope = 1", ["nope"]),
    ("DELETE FROM f WHERE k / 0 = 1", ["zero"]),
    ("DELETE FROM f RETURNING nope", ["nope"]), ("DELETE FROM f RETURNING k / 0", ["zero"]),
    ("TRUNCATE p", ["referenced"]), ("TRUNCATE zzz", ['"zzz"']),
    ("MERGE INTO p USING zzz ON TRUE WHEN MATCHED THEN DELETE", ['"zzz"']),
    ("MERGE INTO e USING p ON TRUE WHEN MATCHED THEN UPDATE SET nope = 1", ["nope"]),
    ("MERGE INTO f USING (SELECT 1 AS k UNION ALL SELECT 1) AS q ON f.k = q.k WHEN MATCHED THEN "
     "DELETE", ["second time"]),
    ("COMMIT", ["no transaction"]), ("ROLLBACK", ["no transaction"]),
    ("BEGIN; BEGIN", ["open already"]), ("SAVEPOINT a", ["SAVEPOINT", "not supported"]),
    ("BEGIN READ ONLY; INSERT INTO e VALUES (1)", ["READ ONLY"]),
    ("ALTER TABLE p ADD COLUMN s INTEGER", ['"s"', "already"]),
    ("ALTER TABLE p ADD COLUMN y INTEGER NOT NULL", ['"y"', "DEFAULT"]),
    ("ALTER TABLE p DROP COLUMN id", ['"id"', "PRIMARY KEY"]),
    ("ALTER TABLE p DROP COLUMN nope", ['"nope"']),
    ("ALTER TABLE f DROP COLUMN p", ['"p"']), ("ALTER TABLE e DROP COLUMN a", ["only"]),
    ("ALTER TABLE p ALTER COLUMN n TYPE SMALLINT", ["SMALLINT", "INTEGER"]),
    ("ALTER TABLE p ALTER COLUMN s TYPE INTEGER", ["INTEGER"]),
    ("ALTER TABLE f ALTER COLUMN p SET NOT NULL", ['"p"', "NULL"]),
    ("ALTER TABLE p ADD CHECK (n > 1000)", ["CHECK (n > 1000)"]),
    ("ALTER TABLE p DROP CONSTRAINT nope", ['"nope"']),
    ("ALTER TABLE p RENAME TO e", ['"e"', "already"]),
    ("ALTER TABLE p RENAME COLUMN n TO s", ['"s"']),
    ("ALTER TABLE zzz ADD COLUMN a INTEGER", ['"zzz"']),
    ("ALTER TABLE p ADD COLUMN z1 INTEGER, DROP COLUMN nope", ['"nope"']),
    ("OPTIMIZE TABLE zzz", ['"zzz"']), ("CHECK TABLE zzz", ['"zzz"']),
    ("BEGIN; VACUUM", ["VACUUM", "transaction"]),
    ("BEGIN; OPTIMIZE TABLE p", ["OPTIMIZE", "transaction"]),
    ("SELECT * FROM p AS OF EPOCH 99999", ["no epoch 99999", "kept"]),
    ("SELECT * FROM p AS OF EPOCH 0", ["p"]),
    ("SELECT * FROM p AS OF EPOCH 1.5", []), ("SELECT * FROM p AS OF EPOCH 'x'", []),
    ("SET starfact.durability = 'never'", ["durability", "sync", "async"]),
    ("SET starfact.retain_epochs = -1", ["retain_epochs", "-1"]),
    ("SET starfact.retain_epochs = 'many'", ["retain_epochs", "many"]),
    ("SET starfact.retain_seconds = 1.5", ["retain_seconds", "1.5"]),
]
SYS = {
    "delta": {"table_name", "segments", "rows", "bytes", "deleted"},
    "merges": {"table_name", "started", "seconds", "rows_before", "rows_after", "bytes_before"},
    "snapshots": {"first_epoch", "last_epoch", "is_newest"},
    "transactions": {"id", "began", "epoch"},
    "segments": {"table_name", "segment_id", "rows", "deleted", "bytes"},
    "columns": {"table_name", "column_name", "bytes"},
    "blocks": {"table_name", "column_name", "rows"},
}


def made(c):
    path = c.path("star")
    c.expect("set up", path, "-c", STAR)
    return path


def counts(c):
    """What a statement says, on standard error."""
    path = made(c)
    for sql, said in COUNTS:
        if said not in ("BEGIN", "COMMIT", "ROLLBACK"):
            c.expect(f"says {said}: {sql[:60]}", path, "--csv", "-c", sql, out="",
                     err=[said + "\n"])
    text = ";\n".join(sql for sql, _ in COUNTS)
    result = c.expect("all of them in a pipe", made(c), "--csv", stdin=text, out="")
    c.tally.check("one line each", result.err.splitlines() != [said for _, said in COUNTS]
                  and result.err)


def refusals(c):
    """What is wrong is said, nothing of it is kept, and the warehouse goes on."""
    path = made(c)
    tables = ("SELECT * FROM p ORDER BY id; SELECT * FROM f ORDER BY k; SELECT * FROM e; "
              "SELECT table_name, column_name, data_type, is_nullable FROM "
              "information_schema.columns WHERE table_schema = 'main' ORDER BY ALL")
    before = c.expect("the tables", path, "--csv", "-c", tables).out
    for sql, parts in REFUSED:
        result = c.expect(f"refused: {sql}", path, "--csv", "-c", sql, code=SQL_ERROR,
                          err=["error:", *parts])
        if "UPDATE p SET id = 77" in sql:
            c.expect("and back", path, "-c", "UPDATE p SET id = 1 WHERE id = 77")
        c.tally.check(f"a place or a hint: {sql}", "hint:" not in result.err
                      and "^" not in result.err and result.err)
    c.expect("nothing was kept", path, "--csv", "-c", tables, out=before)
    session = common.Session(c.binary, path)
    for sql, _ in REFUSED:
        if sql.startswith(("BEGIN", "UPDATE p SET id = 77", "SET")):
            continue
        output, errors = session.ask(sql)
        c.tally.check(f"refused in a session: {sql}", output is not None
                      and f"{output} {errors}" or "panicked" in errors and errors)
    after = "".join(session.ask(sql)[0] or "" for sql in tables.split("; "))
    c.tally.check("nothing was kept in a session", after != before and f"{after}\n{before}")
    session.close()


def returning(c):
    """Rows of a change are results like others, in each mode."""
    sql = "INSERT INTO e VALUES (1), (NULL) RETURNING a, a + 1 AS \"b c\", 'it''s' AS t"
    wanted = {
        "csv": "a,b c,t\n1,2,it's\n,,it's\n", "tsv": "a\tb c\tt\n1\t2\tit's\n\t\tit's\n",
    }
    for mode, out in wanted.items():
        c.expect(f"RETURNING as {mode}", made(c), "--mode", mode, "-c", sql, out=out)
    rows = [{"a": 1, "b c": 2, "t": "it's"}, {"a": None, "b c": None, "t": "it's"}]
    for mode, read in [("json", json.loads),
                       ("jsonlines", lambda text: [json.loads(t) for t in text.splitlines()])]:
        result = c.expect(f"RETURNING as {mode}", made(c), "--mode", mode, "-c", sql)
        try:
            found = read(result.out)
        except ValueError as error:
            found = error
        c.tally.check(f"the rows as {mode}", found != rows and f"{result}")
    for mode in ("box", "table", "markdown", "line"):
        c.expect(f"RETURNING as {mode}", made(c), "--mode", mode, "-c", sql,
                 out_has=["b c", "it's", "2"])
    path = made(c)
    for sql, out in [
            ("UPDATE p SET n = n + 1 WHERE id < 3 RETURNING id, n", "id,n\n1,2\n2,3\n"),
            ("UPDATE p SET n = f.k FROM f WHERE f.p = p.id AND p.id = 2 RETURNING p.id, f.k",
             "id,k\n2,2\n"),
            ("DELETE FROM f WHERE k = 3 RETURNING *", "k,p\n3,\n"),
            ("DELETE FROM f WHERE k = 3 RETURNING *", "k,p\n"),
            ("INSERT INTO p (id, s) VALUES (2, 'z'), (6, 'y') ON CONFLICT (id) DO UPDATE SET "
             "s = excluded.s RETURNING id, s, n", "id,s,n\n2,z,2\n6,y,5\n"),
            ("MERGE INTO p USING (SELECT 6 AS id) AS q ON p.id = q.id WHEN MATCHED THEN DELETE "
             "RETURNING merge_action() AS what, p.id, q.id AS other",
             "what,id,other\nDELETE,6,6\n")]:
        c.expect(f"rows of {sql[:50]}", path, "--csv", "-c", sql, out=out)
    c.expect("a RETURNING that fails undoes its statement", path, "--csv", "-c",
             "INSERT INTO e VALUES (1), (0) RETURNING 1 / a", code=SQL_ERROR, err=["zero"])
    c.expect("and nothing is there", path, "--csv", "-c", "SELECT count(*) AS n FROM e",
             out="n\n0\n")


def transactions(c):
    """Over the statements of one -c, of several, of a file and of a pipe."""
    count = "SELECT count(*) AS n FROM e"
    good = ["BEGIN", "INSERT INTO e VALUES (1)", "UPDATE e SET a = 2", count, "COMMIT"]
    bad = ["BEGIN", "INSERT INTO e VALUES (1)", "INSERT INTO e VALUES ('x')",
           "INSERT INTO e VALUES (3)", "COMMIT", "INSERT INTO e VALUES (4)"]
    script = c.folder / "transaction.sql"
    for name, statements, code, more, left in [
            ("good", good, OK, [], 1), ("bad", bad, SQL_ERROR, [], 0),
            ("bad, going on", bad, SQL_ERROR, ["--no-bail"], 1)]:
        text = ";\n".join(statements) + ";\n"
        script.write_text(text)
        separate = [part for sql in statements for part in ("-c", sql)]
        for way, arguments, stdin in [
                ("one -c", ["-c", text], None), ("several -c", separate, None),
                ("a file", ["-f", script], None), ("a pipe", [], text)]:
            path = made(c)
            c.expect(f"a transaction, {name}, in {way}", path, "--csv", *more, *arguments,
                     stdin=stdin, code=code, err=["COMMIT\n"] if code == OK else ["error:"])
            c.expect(f"what is left of it: {name}, {way}", path, "--csv", "-c", count,
                     out=f"n\n{left}\n")
    c.expect("COMMIT after an error is one", made(c), "--csv", "--no-bail", "-c",
             ";".join(bad[:-1]), code=SQL_ERROR, err=["aborted"])
    path = made(c)
    c.expect("no COMMIT, nothing kept", path, "-c", "BEGIN; INSERT INTO e VALUES (1); "
             "CREATE TABLE g (a INTEGER)")
    c.expect("it is not", path, "--csv", "-c", count, out="n\n0\n")
    c.expect("nor its table", path, "-c", "SELECT * FROM g", code=SQL_ERROR, err=['"g"'])
    c.expect("keys and references hold at COMMIT", path, "--csv", "-c",
             "BEGIN; INSERT INTO f VALUES (9, 9); INSERT INTO p VALUES (9, 'z', 9); COMMIT; "
             "SELECT count(*) AS n FROM f", out="n\n4\n")
    c.expect("a violation is found at COMMIT", path, "--csv", "--no-bail", "-c",
             "BEGIN; INSERT INTO f VALUES (8, 8); INSERT INTO e VALUES (8); COMMIT; " + count,
             code=SQL_ERROR, out="n\n0\n", err=["(p) = (8)"])
    c.expect("DDL is rolled back", path, "--csv", "-c",
             "BEGIN; ALTER TABLE e ADD COLUMN b INTEGER; CREATE TABLE g (a INTEGER); "
             "DROP TABLE f; ROLLBACK; SELECT count(*) AS n FROM f", out="n\n4\n")
    reader = common.Session(c.binary, path, "--readonly")
    writer = common.Session(c.binary, path)
    seen = []
    for sql in ("BEGIN", "INSERT INTO e VALUES (5)", "COMMIT"):
        writer.ask(sql)
        seen.append(reader.ask(count)[0])
    c.tally.check("others see it after COMMIT", seen != ["n\n0\n", "n\n0\n", "n\n1\n"]
                  and f"{seen}")
    reader.close(), writer.close()


def epochs(c):
    path = made(c)
    newest = "SELECT max(last_epoch) AS n FROM sys.snapshots"
    epoch = int(c.expect("the newest epoch", path, "--csv", "-c", newest).out.split()[1])
    c.expect("a change", path, "-c", "DELETE FROM f WHERE k = 1", "-c",
             "INSERT INTO f VALUES (4, 3)", "-c", "OPTIMIZE TABLE f")
    for how in ([], ["--readonly"]):
        c.expect(f"the epoch before {how}", path, *how, "--csv", "-c",
                 f"SELECT k FROM f AS OF EPOCH {epoch} ORDER BY k", out="k\n1\n2\n3\n")
        c.expect(f"and the next {how}", path, *how, "--csv", "-c",
                 f"SELECT a.k FROM f AS OF EPOCH {epoch + 1} AS a ORDER BY k", out="k\n2\n3\n")
        c.expect(f"two epochs in a query {how}", path, *how, "--csv", "-c",
                 f"SELECT k FROM f AS OF EPOCH {epoch} EXCEPT SELECT k FROM f", out="k\n1\n")
    c.expect("a table that was not there", path, "-c", "CREATE TABLE late (a INTEGER)", "-c",
             f"SELECT * FROM late AS OF EPOCH {epoch}", code=SQL_ERROR, err=["late"])
    c.expect("VACUUM lets go", path, "-c", "VACUUM", "-c",
             f"SELECT count(*) FROM f AS OF EPOCH {epoch}", code=SQL_ERROR,
             err=[f"no epoch {epoch}", "kept"])
    c.expect("--set keeps fewer", path, "--set", "starfact.retain_epochs=0", "--set",
             "starfact.retain_seconds=0", "-c", "INSERT INTO e VALUES (1)")
    for value in ("-1", "x", "1.5", ""):
        c.expect(f"--set starfact.retain_epochs={value}", "--set",
                 f"starfact.retain_epochs={value}", "-c", "SELECT 1", code=USAGE, err=["error:"])
    c.expect("--set starfact.durability=later", "--set", "starfact.durability=later", "-c",
             "SELECT 1", code=USAGE, err=["error:", "async"])


def size(path):
    return sum(len(data) for data in common.snapshot(path).values())


def upkeep(c):
    """OPTIMIZE, VACUUM and CHECK, also of tables without rows."""
    path = made(c)
    for sql in ("OPTIMIZE TABLE e", "TRUNCATE f; OPTIMIZE TABLE f", "OPTIMIZE TABLE e, f, p",
                "OPTIMIZE e; OPTIMIZE e"):
        c.expect(sql, path, "--csv", "-c", sql, out="")
    c.expect("CHECK TABLE", path, "--csv", "-c", "CHECK TABLE p, e",
             out_has=["p,ok,3,", "e,ok,0,"])
    c.expect("check", "check", path)
    big = ("SELECT value AS a, value * 7919 % 10007 AS b "
           "FROM generate_series(1, 200000) AS t (value)")
    c.expect("many rows", path, "-c", f"CREATE TABLE big AS {big}", "-c",
             "UPDATE big SET b = b + 1 WHERE a % 2 = 0", "-c", "OPTIMIZE TABLE big")
    full = size(path)
    c.expect("most of them go", path, "-c", "DELETE FROM big WHERE a > 100", "-c",
             "OPTIMIZE TABLE big", "-c", "VACUUM")
    c.tally.check("VACUUM gives space back", size(path) > full / 10
                  and f"{size(path)} of {full} bytes")
    names = common.snapshot(path)
    c.tally.check("one manifest is left", sum(name.startswith("manifest") for name in names) != 1
                  and f"{sorted(names)}")
    c.expect("the rows that stay", path, "--csv", "-c", "SELECT count(*), sum(a) FROM big",
             out="count(*),sum(a)\n100,5050\n")
    for name, columns in SYS.items():
        result = c.expect(f"sys.{name}", path, "--csv", "-c", f"SELECT * FROM sys.{name}")
        lacking = columns - set(result.out.split("\n")[0].split(","))
        c.tally.check(f"columns of sys.{name}", lacking and f"{lacking} lack: {result.out[:200]}")
    c.expect("sys.delta counts", path, "--csv", "-c", "INSERT INTO e VALUES (1), (2)", "-c",
             "SELECT \"rows\" FROM sys.delta WHERE table_name = 'e'", out="rows\n2\n")
    c.expect("sys.merges counts", path, "--csv", "-c", "OPTIMIZE TABLE e", "-c",
             "SELECT rows_after, status FROM sys.merges WHERE table_name = 'e'",
             out="rows_after,status\n2,done\n")
    c.expect("sys.transactions shows it", path, "--csv", "-c", "BEGIN", "-c",
             "INSERT INTO e VALUES (1)", "-c", "SELECT count(*) AS n FROM sys.transactions",
             out="n\n1\n")


def rewritten(c):
    """Rows that were updated, whose values are their ordinals, are written anew and read."""
    numbers = "SELECT value AS k, 'n' AS note FROM generate_series(0, 1999) AS s (value)"
    for sql in ("OPTIMIZE TABLE t", "ALTER TABLE t ADD COLUMN more INTEGER"):
        path = c.path()
        c.expect(f"updated before {sql}", path, "-c", "CREATE TABLE t (k BIGINT, note VARCHAR)",
                 "-c", f"INSERT INTO t {numbers}", "-c",
                 "UPDATE t SET note = 'u' WHERE k % 7 = 2", "-c", sql)
        c.expect(f"read after {sql}", path, "--csv", "-c", "SELECT count(*), sum(k) FROM t",
                 out="count(*),sum(k)\n2000,1999000\n")
        c.expect(f"check after {sql}", "check", path)


def reading_only(c):
    """Each statement that changes something is refused, with the code of a failed statement."""
    path = made(c)
    before = common.snapshot(path)
    for sql in ("INSERT INTO e VALUES (1)", "UPDATE p SET n = 1", "DELETE FROM f", "TRUNCATE f",
                "MERGE INTO e USING p ON TRUE WHEN NOT MATCHED THEN INSERT VALUES (1)",
                "CREATE TABLE g (a INTEGER)", "DROP TABLE e", "ALTER TABLE e RENAME TO g",
                "OPTIMIZE TABLE p", "VACUUM", "BEGIN; INSERT INTO e VALUES (1)",
                "DELETE FROM f RETURNING *", "CREATE TABLE g AS SELECT 1 AS a"):
        c.expect(f"read-only: {sql}", path, "--readonly", "--csv", "-c", sql, code=SQL_ERROR,
                 out="", err=["error:", "read"])
    c.expect("a transaction that reads", path, "--readonly", "--csv", "-c",
             "BEGIN; SELECT count(*) AS n FROM p; COMMIT", out="n\n3\n")
    after = common.snapshot(path)
    c.tally.check("no file has changed", after != before and f"{after.keys() ^ before.keys()}")


def one_writer(c):
    """While one process writes small commits, a second one is told who that is, or waits."""
    path = made(c)
    first = common.Session(c.binary, path)
    first.ask("INSERT INTO e VALUES (1)")
    for sql in ("INSERT INTO e VALUES (2)", "SELECT 1", "VACUUM"):
        c.expect(f"a second writer: {sql}", path, "-c", sql, code=CANNOT_OPEN,
                 err=["error:", f"process {first.process.pid}"])
    c.expect("check beside a writer", "check", path)
    copy = c.path()
    c.expect("backup beside a writer", "backup", path, copy, err=["3 tables, 7 rows"])
    c.expect("its rows", copy, "--csv", "-c", "SELECT count(*) AS n FROM e", out="n\n1\n")
    c.expect("a backup into what is there", "backup", path, copy, code=CANNOT_OPEN, err=["error:"])
    waiting = subprocess.Popen([c.binary, str(path), "--wait", "30", "-c",
                                "UPDATE e SET a = a + 10"], stderr=subprocess.PIPE)
    time.sleep(0.3)
    first.ask("INSERT INTO e VALUES (3)")
    first.process.kill()
    first.close()
    _, err = waiting.communicate(timeout=60)
    c.tally.check("--wait goes on when the writer was killed", (waiting.returncode != 0 or
                  b"UPDATE 2" not in err) and f"{waiting.returncode} {err}")
    c.expect("both rows", path, "--csv", "-c", "SELECT a FROM e ORDER BY a", out="a\n11\n13\n")


def damaged_logs(c):
    """A torn tail is told once and dropped; damage before it makes the warehouse read-only."""
    path = c.path()
    c.expect("set up", path, "-c", "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); "
             "INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)")
    log = pathlib.Path(path, "wal", "1.wal")
    data, count = log.read_bytes(), "SELECT count(*) AS n FROM t"
    log.write_bytes(data[:-60])
    c.expect("a torn tail, for a reader", path, "--readonly", "--csv", "-c", count, out="n\n2\n")
    c.expect("check with a torn tail", "check", path)
    c.expect("a torn tail is told", path, "--csv", "-c", count, out="n\n2\n",
             err=["note:", "wal/1.wal", "never acknowledged"])
    c.expect("once", path, "--csv", "-c", count, out="n\n2\n", err_lacks=["note:"])
    for other in pathlib.Path(path, "wal").iterdir():
        other.unlink()
    log.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
    for how in ([], ["--readonly"]):
        c.expect(f"damage in the middle {how}", path, *how, "--csv", "-c", count,
                 err=["note:", "read-only", "wal/1.wal", "lost"])
    c.expect("no write then", path, "-c", "INSERT INTO t VALUES (4)", code=SQL_ERROR,
             err=["error:", "wal/1.wal"])
    c.expect("check names it", "check", path, code=CORRUPT, err=["wal/1.wal", "lost"])
    copy = c.path()
    c.expect("no backup either", "backup", path, copy, code=CORRUPT, err=["wal/1.wal"])
    log.write_bytes(data)
    c.expect("all is well again", path, "--csv", "-c", count, out="n\n3\n", err_lacks=["note:"])


PARTS = (counts, refusals, returning, transactions, epochs, upkeep, rewritten, reading_only,
         one_writer, damaged_logs)
