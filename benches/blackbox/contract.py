"""Checks the command line against what its users rely on, line by line.

    target/peers/bin/python benches/blackbox/contract.py --binary target/debug/starfact

Arguments, pipes, output modes, exit codes, messages. Nothing here looks into a warehouse.
"""

import json
import os
import pty
import select
import signal
import subprocess
import time

import changes
import common

OK, SQL_ERROR, USAGE, CANNOT_OPEN, CORRUPT, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Contract:
    def __init__(self, options, folder):
        self.binary, self.folder = options.binary, folder
        self.tally = common.Tally(options.verbose)
        self.count = 0

    def path(self, name="w"):
        """A path that does not exist yet."""
        self.count += 1
        return self.folder / f"{name}{self.count}"

    def expect(self, name, *arguments, code=OK, out=None, err=(), out_has=(), err_lacks=(),
               out_lacks=(), stdin=None, env=None, cwd=None):
        """One run: its exit code, its exact output, parts of its output and messages."""
        result = common.run(self.binary, *arguments, stdin=stdin, env=env, cwd=cwd)
        problems = [common.crashed(result)] if common.crashed(result) else []
        if result.code != code:
            problems.append(f"exit code {result.code}, {code} expected")
        if out is not None and result.out != out:
            problems.append(f"stdout is {result.out!r}, not {out!r}")
        problems += [f"stderr lacks {part!r}" for part in err if part not in result.err]
        problems += [f"stdout lacks {part!r}" for part in out_has if part not in result.out]
        problems += [f"stderr has {part!r}" for part in err_lacks if part in result.err]
        problems += [f"stdout has {part!r}" for part in out_lacks if part in result.out]
        self.tally.check(name, problems and "\n".join(problems) + f"\n{result}")
        return result


def ways_to_run(c):
    c.expect("-c runs and exits", "--csv", "-c", "SELECT 1 AS a", out="a\n1\n")
    c.expect("--command is -c", "--csv", "--command", "SELECT 1 AS a", out="a\n1\n")
    c.expect("-c is repeatable, results in turn", "--csv", "-c", "SELECT 1 AS a", "-c",
             "SELECT 2 AS b", out="a\n1\nb\n2\n")
    c.expect("several statements in one -c", "--csv", "-c", "SELECT 1 AS a; SELECT 2 AS b;",
             out="a\n1\nb\n2\n")
    c.expect("SQL after the warehouse", c.path(), "--csv", "SELECT 1 AS a", out="a\n1\n")
    c.expect("several SQL arguments", c.path(), "--csv", "SELECT 1 AS a", "SELECT 2 AS a",
             out="a\n1\na\n2\n")
    script = c.folder / "script.sql"
    script.write_text("-- a comment; with a semicolon\nSELECT 1\n  AS a;\nSELECT 'x;y' AS b;\n")
    c.expect("-f runs a file", "--csv", "-f", script, out="a\n1\nb\nx;y\n")
    c.expect("--file is -f, repeatable", "--csv", "--file", script, "-f", script,
             out="a\n1\nb\nx;y\n" * 2)
    c.expect("-f - is standard input", "--csv", "-f", "-", stdin="SELECT 3 AS c", out="c\n3\n")
    c.expect("-c and -f in the order given", "--csv", "-c", "SELECT 0 AS z", "-f", script,
             out="z\n0\na\n1\nb\nx;y\n")
    c.expect("a pipe", "--csv", stdin="SELECT 1 AS a;\nSELECT 2 AS a;\n", out="a\n1\na\n2\n")
    c.expect("a pipe without a last semicolon", "--csv", stdin="SELECT 1 AS a", out="a\n1\n")
    c.expect("an empty pipe", "--csv", stdin="", out="")
    c.expect("a pipe of comments", "--csv", stdin="-- nothing\n/* at all */", out="")
    c.expect("--init runs first", "--csv", "--init", script, "-c", "SELECT 2 AS c",
             out="a\n1\nb\nx;y\nc\n2\n")
    c.expect("a file that is not there", "-f", c.folder / "none.sql", code=CANNOT_OPEN,
             err=["error:", "none.sql"])
    c.expect("--version", "--version", out_has=["starfact "])
    c.expect("--help", "--help", out_has=["WAREHOUSE", "--command", "--readonly", "--memory-limit"])


def warehouses(c):
    path = c.path()
    c.expect("a directory that does not exist is created", path, "-c", "CREATE TABLE t (a INTEGER)")
    c.tally.check("the directory is there", not path.is_dir() and "no")
    c.expect("a table stays", path, "-c", "INSERT INTO t VALUES (1), (2)", out="")
    c.expect("rows stay", path, "--csv", "-c", "SELECT a FROM t ORDER BY a", out="a\n1\n2\n")
    c.expect("--readonly reads", path, "--readonly", "--csv", "-c", "SELECT count(*) AS n FROM t",
             out="n\n2\n")
    c.expect("--readonly refuses to write", path, "--readonly", "-c", "INSERT INTO t VALUES (3)",
             code=SQL_ERROR, err=["error:", "read"])
    missing = c.path()
    c.expect("--readonly creates nothing", missing, "--readonly", "-c", "SELECT 1",
             code=CANNOT_OPEN, err=["error:", str(missing)])
    c.tally.check("nothing was created", missing.exists() and "it was")
    file = c.folder / "a-file"
    file.write_text("no warehouse")
    c.expect("a file is no warehouse", file, "-c", "SELECT 1", code=CANNOT_OPEN,
             err=["error:", str(file)])
    other = c.folder / "other"
    other.mkdir()
    (other / "photo.jpg").write_text("mine")
    result = c.expect("a directory of something else is not taken over", other, "-c",
                      "CREATE TABLE t (a INTEGER)", code=CANNOT_OPEN, err=["error:", str(other)])
    names = sorted(path.name for path in other.iterdir())
    c.tally.check("and nothing was put there", names != ["photo.jpg"] and f"{names}\n{result}")
    before = set(os.listdir(os.environ.get("TMPDIR", "/tmp")))
    c.expect("no warehouse is a temporary one", "--csv", "-c", "CREATE TABLE t (a INTEGER)", "-c",
             "INSERT INTO t VALUES (1)", "-c", "SELECT a FROM t", out="a\n1\n")
    c.expect(":memory: is a temporary one", ":memory:", "--csv", "CREATE TABLE t (a INTEGER)",
             "SELECT count(*) AS n FROM t", out="n\n0\n")
    left = {name for name in set(os.listdir(os.environ.get("TMPDIR", "/tmp"))) - before
            if name.startswith("starfact") and "blackbox" not in name}
    c.tally.check("temporary warehouses are removed", left and f"{left}")
    (c.folder / "here").mkdir()
    c.expect("./bench is a directory", "./bench", "--csv", "-c", "SELECT 1 AS a", out="a\n1\n",
             cwd=c.folder / "here")
    c.tally.check("./bench was created", not (c.folder / "here/bench").is_dir() and "no")
    c.expect("bench is a command", "bench", code=USAGE, cwd=c.folder / "here")


def locking(c):
    path = c.path()
    c.expect("set up", path, "-c", "CREATE TABLE t (a INTEGER)")
    writer = common.Shell(c.binary, path)
    writer.ask("INSERT INTO t VALUES (1)")
    c.expect("a second writer is refused", path, "-c", "INSERT INTO t VALUES (2)",
             code=CANNOT_OPEN, err=["error:", str(writer.process.pid)])
    c.expect("a reader beside the writer", path, "--readonly", "--csv", "-c", "SELECT a FROM t",
             out="a\n1\n")
    reader = common.Shell(c.binary, path, "--readonly")
    first, _ = reader.ask("SELECT count(*) AS n FROM t")
    writer.ask("INSERT INTO t VALUES (2)")
    second, _ = reader.ask("SELECT count(*) AS n FROM t")
    c.tally.check("a reader sees each commit", (first, second) != ("n\n1\n", "n\n2\n")
                  and f"{first!r} {second!r}")
    reader.close()
    began = time.monotonic()
    c.expect("--wait gives up after its time", path, "--wait", "1", "-c", "SELECT 1",
             code=CANNOT_OPEN)
    took = time.monotonic() - began
    c.tally.check("--wait waited", not 0.9 < took < 20 and f"{took:.1f} s")
    waiting = subprocess.Popen([c.binary, str(path), "--wait", "30", "-c",
                                "INSERT INTO t VALUES (3)"], stderr=subprocess.PIPE)
    time.sleep(0.5)
    writer.close()
    code = waiting.wait(60)
    c.tally.check("--wait takes the lock when it is free", code and f"{code}")
    c.expect("all three rows", path, "--csv", "-c", "SELECT count(*) AS n FROM t", out="n\n3\n")


def pipes(c):
    """Each statement runs as soon as the line that ends it has come."""
    shell = subprocess.Popen([c.binary, "--csv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    shell.stdin.write(b"SELECT 1\nAS a;\n")
    shell.stdin.flush()
    ready, _, _ = select.select([shell.stdout], [], [], 20)
    answer = os.read(shell.stdout.fileno(), 100) if ready else b""
    c.tally.check("a result comes before the next line is sent",
                  answer != b"a\n1\n" and f"{answer}")
    shell.stdin.write(b".print hello\n")
    shell.stdin.flush()
    ready, _, _ = select.select([shell.stdout], [], [], 20)
    answer = os.read(shell.stdout.fileno(), 100) if ready else b""
    c.tally.check(".print goes to stdout at once", answer != b"hello\n" and f"{answer}")
    shell.stdin.write(b"SELECT nothing_there;\nSELECT 2 AS a;\n")
    shell.stdin.close()
    code = shell.wait(30)
    rest, errors = shell.stdout.read(), shell.stderr.read()
    c.tally.check("a pipe stops at the first error", (code, rest) != (1, b"") and
                  f"{code} {rest} {errors}")
    c.expect("--no-bail goes on", "--csv", "--no-bail", stdin="SELECT x;\nSELECT 2 AS a;\n",
             code=SQL_ERROR, out="a\n2\n", err=["error:"])
    c.expect("--bail is the default of -c", "--csv", "-c", "SELECT x", "-c", "SELECT 2",
             code=SQL_ERROR, out="")
    c.expect("the first error decides the code", "--csv", "--no-bail", "-c", "SELECT x", "-c",
             "SELECT 2 AS a", code=SQL_ERROR, out="a\n2\n")
    c.expect("counts go to stderr", "--csv", stdin="CREATE TABLE t (a INTEGER);\n"
             "INSERT INTO t VALUES (1), (2);\n", out="")
    c.expect("a dot command in a pipe", "--csv", stdin=".print a b\n.mode json\nSELECT 1 AS a;\n",
             out_has=["a b\n", '"a"'])
    c.expect("an unknown dot command", stdin=".nonsense\n", code=SQL_ERROR,
             err=["error:", "nonsense"])
    c.expect(".quit ends", "--csv", stdin="SELECT 1 AS a;\n.quit\nSELECT 2;\n", out="a\n1\n")


def dot_commands(c):
    """What .help lists works, and .dump gives the warehouse back."""
    path, copy = c.path(), c.path()
    c.expect("set up", path, "-c", "CREATE TABLE p (id INTEGER PRIMARY KEY, s VARCHAR)", "-c",
             "CREATE TABLE f (p INTEGER REFERENCES p (id), d DECIMAL(20,4), x DOUBLE, "
             "m TIMESTAMP) SORTED BY (d)", "-c",
             "INSERT INTO p VALUES (1, 'it''s; 😀'), (2, ''), (3, NULL)", "-c",
             "INSERT INTO f VALUES (1, 0.5, 'NaN', '2024-02-29 12:34:56.789'), "
             "(2, -1, '-inf', NULL), (NULL, NULL, '1e-300', '1969-12-31 23:59:59')")
    dump = c.expect(".dump", path, "-c", ".dump", out_has=["CREATE TABLE", "INSERT INTO"])
    c.expect("a dump is SQL", copy, stdin=dump.out)
    query = "SELECT * FROM p ORDER BY id; SELECT * FROM f ORDER BY d"
    first = c.expect("the rows", path, "--csv", "-c", query)
    c.expect("a dump has all rows", copy, "--csv", "-c", query, out=first.out)
    c.expect(".open", path, "--csv", stdin=f".open {copy}\nSELECT count(*) AS n FROM f;\n",
             out="n\n3\n")
    listed = c.expect(".help", "-c", ".help").out
    for name in (".open .dump .indexes .width .echo .databases .headers .separator .nullvalue "
                 ".output .once .cd .shell .show .version .tables .schema .columns .print .bail "
                 ".import .timer .changes .mode .read .quit .exit .help \\d \\d+ \\dt \\di \\dv "
                 "\\l \\x \\timing \\i \\o \\c \\e \\q \\? \\echo").split():
        c.tally.check(f".help lists {name}", name not in listed and listed)
    c.expect(".mode shows the mode", "--csv", "-c", ".mode", out="csv\n")
    c.expect(".read names the file", stdin=".read /none/at/all.sql\n", code=SQL_ERROR,
             err=["error:", "/none/at/all.sql"])
    script = c.folder / "wrong.sql"
    script.write_text("SELECT 1 AS a;\nSELECT nothing;\n")
    for arguments in (["-f", script], ["-c", f".read {script}"]):
        c.expect(f"{arguments[0]}: an error names file and line", *arguments, code=SQL_ERROR,
                 err=["wrong.sql:2"])


def files(c):
    """Files whose names say nothing, or the wrong thing."""
    zipped = c.folder / "zipped.csv"
    zipped.write_bytes(b"\x1f\x8b\x08\x00" + b"\0" * 20)
    c.expect("a compressed .csv", "-c", f"SELECT * FROM '{zipped}'", code=SQL_ERROR,
             err=["error:", "gzip", "hint:"])
    unknown = c.folder / "t.foo"
    c.expect("an ending that is not known", "-c", f"COPY (SELECT 1 AS a) TO '{unknown}'",
             code=SQL_ERROR, err=["error:", ".foo", "hint:"])
    c.tally.check("nothing was written", unknown.exists() and "it was")
    c.expect("FORMAT says it", "-c", f"COPY (SELECT 1 AS a) TO '{unknown}' (FORMAT csv)")
    plain = c.folder / "plain.csv"
    plain.write_text("a,b\n1,x\n")
    c.expect("DESCRIBE a file", "--csv", "-c", f"DESCRIBE '{plain}'", out_has=["a,BIGINT"])
    c.expect("SUMMARIZE a file", "--csv", "-c", f"SUMMARIZE '{plain}'", out_has=["a,BIGINT,1,1"])


def modes(c):
    query = ("SELECT * FROM (VALUES (1, 'a,b', TRUE, 1.50, DATE '2024-02-29', NULL), "
             "(2, '', FALSE, -0.25, NULL, 'say \"hi\"')) AS t (i, s, b, d, day, n) ORDER BY i")
    c.expect("csv", "--csv", "-c", query,
             out='i,s,b,d,day,n\n1,"a,b",true,1.50,2024-02-29,\n2,"",false,-0.25,,"say ""hi"""\n')
    c.expect("--mode csv", "--mode", "csv", "-c", "SELECT 1 AS a", out="a\n1\n")
    c.expect("tsv", "--mode", "tsv", "-c", "SELECT 1 AS a, 'x' AS b", out="a\tb\n1\tx\n")
    c.expect("csv without header", "--csv", "--no-header", "-c", query, out_lacks=["i,s"])
    c.expect("--null", "--csv", "--null", "NIL", "-c", "SELECT NULL AS a, 1 AS b",
             out="a,b\nNIL,1\n")
    c.expect("a row of one NULL is an empty line", "--csv", "-c", "SELECT NULL AS a", out="a\n\n")
    c.expect("an empty string is quoted", "--csv", "-c", "SELECT '' AS a", out='a\n""\n')
    c.expect("line breaks are quoted", "--csv", "-c", "SELECT 'x\ny' AS a", out='a\n"x\ny"\n')
    c.expect("a header without rows", "--csv", "-c", "SELECT 1 AS a WHERE 1 = 0", out="a\n")
    result = c.expect("json is one array", "--json", "-c", query)
    check_json(c, "json", result.out, json.loads)
    result = c.expect("jsonlines is an object a line", "--jsonlines", "-c", query)
    check_json(c, "jsonlines", result.out, lambda text: [json.loads(t) for t in text.splitlines()])
    c.expect("json keeps the digits of decimals", "--json", "-c",
             "SELECT CAST('12345678901234567890123456789012345.678' AS DECIMAL(38,3)) AS d",
             out_has=["12345678901234567890123456789012345.678"],
             out_lacks=['"12345678901234567890123456789012345.678"'])
    c.expect("json without rows", "--json", "-c", "SELECT 1 AS a WHERE FALSE", out_has=["[", "]"])
    c.expect("markdown", "--markdown", "-c", "SELECT 1 AS a", out_has=["| a", "|--", "| 1"])
    c.expect("line", "--line", "-c", "SELECT 1 AS a, 'x' AS b", out_has=["a = 1", "b = x"])
    c.expect("box", "--box", "-c", "SELECT 1 AS a", out_has=["│", "a", "1"])
    c.expect("table", "--mode", "table", "-c", "SELECT 1 AS a", out_has=["|", "a", "1"])
    c.expect("an unknown mode", "--mode", "xml", "-c", "SELECT 1", code=USAGE, err=["xml"])
    c.expect("no colour, banner or bar in a pipe", "-c", "SELECT 1 AS a", out_lacks=["\x1b"],
             err_lacks=["\x1b"], env={"NO_COLOR": "", "TERM": "xterm-256color"})
    c.expect("doubles in the shortest form", "--csv", "-c",
             "SELECT CAST(0.1 AS DOUBLE) AS a, CAST('1e300' AS DOUBLE) AS b, "
             "CAST(3 AS DOUBLE) AS c, CAST(0.1 AS REAL) AS d", out_has=["0.1,1e300,3", ",0.1\n"])
    c.expect("timestamps in ISO 8601", "--csv", "-c",
             "SELECT TIMESTAMP '2024-02-29 12:34:56.5' AS a, TIME '01:02:03' AS b",
             out_has=["2024-02-29", "12:34:56.5", "01:02:03"])
    c.expect("decimals at full scale", "--csv", "-c", "SELECT CAST(1 AS DECIMAL(9,4)) AS a",
             out="a\n1.0000\n")


def check_json(c, name, text, read):
    expected = [{"i": 1, "s": "a,b", "b": True, "d": 1.5, "day": "2024-02-29", "n": None},
                {"i": 2, "s": "", "b": False, "d": -0.25, "day": None, "n": 'say "hi"'}]
    try:
        found = read(text)
    except ValueError as error:
        found = error
    c.tally.check(f"{name} has the values", found != expected and f"{found}")


def round_trip(c):
    """COPY reads what csv mode writes."""
    path = c.path()
    definition = ("(i INTEGER, s VARCHAR, b BOOLEAN, d DECIMAL(38,10), f DOUBLE, r REAL, day DATE, "
                  "at TIME, moment TIMESTAMP, zoned TIMESTAMPTZ)")
    values = ("(1, '', TRUE, 0.1, 0.1, 0.1, DATE '0001-01-01', TIME '23:59:59.999999', "
              "TIMESTAMP '9999-12-31 23:59:59.999999', TIMESTAMPTZ '2024-01-01 00:00:00+02:00'), "
              "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
              "(-2147483648, 'a\"b,c\nd', FALSE, -9999999999999999999999999999.9999999999, "
              "CAST('1e-300' AS DOUBLE), CAST('1e30' AS REAL), DATE '1969-12-31', TIME '00:00:00', "
              "TIMESTAMP '1969-12-31 23:59:59.5', TIMESTAMPTZ '1969-12-31 23:59:59+00:00')")
    c.expect("set up", path, "-c", f"CREATE TABLE t {definition}", "-c",
             f"INSERT INTO t VALUES {values}")
    first = c.expect("written", path, "--csv", "-c", "SELECT * FROM t")
    file = c.folder / "round.csv"
    file.write_text(first.out)
    c.expect("read", path, "-c", f"CREATE TABLE u {definition}", "-c",
             f"COPY u FROM '{file}' (FORMAT csv, HEADER true)")
    c.expect("written again", path, "--csv", "-c", "SELECT * FROM u", out=first.out)
    copied = c.folder / "copied.csv"
    c.expect("COPY TO", path, "-c", f"COPY t TO '{copied}' (FORMAT csv, HEADER true)")
    c.tally.check("COPY TO writes what csv mode does", copied.read_text() != first.out
                  and copied.read_text())
    lone = c.folder / "lone.csv"
    lone.write_text('a\n\n""\nx\n')
    c.expect("a lone column", path, "--csv", "-c", "CREATE TABLE v (a VARCHAR)", "-c",
             f"COPY v FROM '{lone}' (FORMAT csv, HEADER true)", "-c", "SELECT * FROM v",
             out='a\n\n""\nx\n')
    parquet = c.folder / "t.parquet"
    c.expect("COPY TO Parquet and back", path, "--csv", "-c", f"COPY t TO '{parquet}'", "-c",
             f"CREATE TABLE w {definition}", "-c", f"COPY w FROM '{parquet}'", "-c",
             "SELECT * FROM w", out=first.out)
    c.expect("export", "export", path, "t", c.folder / "e.csv")
    c.tally.check("export writes the same", (c.folder / "e.csv").read_text() != first.out
                  and (c.folder / "e.csv").read_text())
    c.expect("import", path, "-c", f"CREATE TABLE x {definition}")
    c.expect("import loads", "import", path, "x", c.folder / "e.csv")
    c.expect("import loaded", path, "--csv", "-c", "SELECT * FROM x", out=first.out)


def errors(c):
    c.expect("an error has a line with a caret", "-c", "SELECT 1,\n  FROM", code=SQL_ERROR,
             err=["error:", "^"])
    c.expect("an unknown column is pointed at", "-c",
             "CREATE TABLE t (amount INTEGER); SELECT amuont FROM t", code=SQL_ERROR,
             err=["error:", "amuont", "amount", "^"])
    c.expect("an unknown table is pointed at", "-c",
             "CREATE TABLE sales (a INTEGER); SELECT * FROM slaes", code=SQL_ERROR,
             err=["error:", "slaes", "sales"])
    c.expect("integer overflow is an error", "-c",
             "SELECT 9223372036854775807 + CAST(1 AS BIGINT)", code=SQL_ERROR, err=["error:"])
    c.expect("division by zero is an error", "-c", "SELECT 1 / 0", code=SQL_ERROR, err=["error:"])
    c.expect("a duplicate key", "-c", "CREATE TABLE t (a INTEGER PRIMARY KEY); "
             "INSERT INTO t VALUES (1), (1)", code=SQL_ERROR, err=["error:", '"t"', "1"])
    c.expect("a deep expression is no crash", "-c", "SELECT " + "(" * 3000 + "1" + ")" * 3000,
             code=SQL_ERROR, err=["error:"])
    c.expect("a long list is no crash", "--csv", "-c",
             f"SELECT 1 AS a WHERE 5 IN ({', '.join(map(str, range(5000)))})", out="a\n1\n")
    c.expect("NUL in SQL", stdin="SELECT '\0' AS a;", out_has=["a"])
    for arguments in (["--nonsense"], ["-c"], ["--threads", "0", "-c", "SELECT 1"],
                      ["--threads", "x", "-c", "SELECT 1"],
                      ["--threads", "-1", "-c", "SELECT 1"],
                      ["import", "w", "t", "f.csv", "--readonly"],
                      ["bench", "ssb", "--readonly"],
                      ["export", "w", "t", "f.csv", "--set", "nonsense=1"],
                      ["--memory-limit", "lots", "-c", "SELECT 1"],
                      ["--set", "noequals", "-c", "SELECT 1"], ["--wait", "-1", "-c", "SELECT 1"]):
        c.expect(f"usage: {' '.join(arguments)}", *arguments, code=USAGE, err=["error:", "hint:"])
    c.expect("an unknown setting", "--set", "starfact.nonsense=1", "-c", "SELECT 1",
             code=USAGE, err=["error:", "nonsense", "hint:"])
    for word in ("selct", "1+1", "SELEC", ".tables"):
        c.expect(f"{word} is no new warehouse", word, code=USAGE, err=["error:", "./"],
                 cwd=c.folder)
        c.tally.check(f"{word} was not created", (c.folder / word).exists() and "it was")
    c.expect("a setting", "--set", "starfact.zone_maps=off", "--csv", "-c",
             "SHOW starfact.zone_maps", out_has=["off"])
    c.expect("a corrupt manifest is code 4", corrupt(c), "-c", "SELECT 1", code=CORRUPT,
             err=["error:"])


def corrupt(c):
    path = c.path()
    c.expect("set up", path, "-c", "CREATE TABLE t (a INTEGER)")
    for manifest in path.glob("manifest-*"):
        data = bytearray(manifest.read_bytes())
        data[len(data) // 2] ^= 0xFF
        manifest.write_bytes(data)
    return path


def interruption(c):
    """Ctrl-C ends a running statement with code 130, and nothing of it remains."""
    path = c.path()
    c.expect("set up", path, "-c", "CREATE TABLE n (a BIGINT)", "-c",
             f"INSERT INTO n VALUES {', '.join(f'({k})' for k in range(1000))}")
    slow = "SELECT count(*) FROM n a, n b, n c, n d WHERE a.a + b.a + c.a + d.a = -1"
    for name, sql in [("a query", slow), ("CREATE TABLE AS", f"CREATE TABLE m AS {slow}")]:
        process = subprocess.Popen([c.binary, str(path), "-c", sql], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        time.sleep(1.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - began
        c.tally.check(f"Ctrl-C ends {name}", (process.returncode != INTERRUPTED or took > 5)
                      and f"code {process.returncode} after {took:.1f} s: {out} {err}")
    c.expect("nothing remains", path, "-c", "SELECT * FROM m", code=SQL_ERROR, err=["error:"])


def closed_pipe(c):
    """A reader that goes away early is no reason to complain."""
    process = subprocess.Popen(f"'{c.binary}' --csv -c 'SELECT a.k, b.k FROM (VALUES "
                               + ", ".join(f"({k})" for k in range(500)) + ") a (k), (VALUES "
                               + ", ".join(f"({k})" for k in range(500)) + ") b (k)' | head -n 1",
                               shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=120)
    c.tally.check("| head", (b"panick" in err or len(out.splitlines()) != 1) and f"{out} {err}")


class Terminal:
    """The shell in a terminal."""

    def __init__(self, binary, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", HOME="/nonexistent", XDG_STATE_HOME="/nonexistent")
            os.execv(binary, [binary, *arguments])

    def read(self, until, seconds=20):
        text, end = "", time.monotonic() + seconds
        while until not in text and time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], 0.2)
            if ready:
                try:
                    text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        return text

    def send(self, text):
        os.write(self.fd, text.encode())

    def end(self, seconds=20):
        """What it still says, and its exit code; None if it has to be killed."""
        text = self.read("no such text", 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return text, os.waitstatus_to_exitcode(status)
            text += self.read("no such text", 0.2)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return text, None


def terminal(c):
    shell = Terminal(os.path.abspath(c.binary), "--no-init")
    shell.read("starfact", 5)
    shell.send("SELECT 40 +\r2 AS answer;\r")
    text = shell.read("42")
    c.tally.check("a statement over two lines in a terminal", "42" not in text and repr(text))
    shell.send("SELECT nothing_there;\r")
    text = shell.read("error:")
    c.tally.check("an error does not end the shell", "error:" not in text and repr(text))
    numbers = ", ".join(f"({k})" for k in range(200))
    shell.send(f"CREATE TABLE n AS SELECT * FROM (VALUES {numbers}) t (a);\r")
    shell.read("CREATE TABLE 200")
    shell.send("SELECT count(*) FROM n a, n b, n c, n d, n e WHERE a.a + b.a + c.a + d.a = -1;\r")
    shell.read("no such text", 2)
    shell.send("\x03")
    text = shell.read("cancelled")
    c.tally.check("Ctrl-C cancels the query", "cancelled" not in text and repr(text[-500:]))
    shell.send("SELECT 'still ' || 'here' AS after_cancel;\r")
    text = shell.read("still here")
    c.tally.check("and not the shell", "still here" not in text and repr(text[-500:]))
    shell.send("SELECT a FROM n ORDER BY a;\r")
    text = shell.read("200 rows")
    c.tally.check("a long result shows its true count",
                  "200 rows" not in text and repr(text[-500:]))
    shell.read("starfact> ")
    shell.send("\x04")
    text, code = shell.end()
    c.tally.check("Ctrl-D leaves", code != 0 and f"code {code}: {text[-500:]!r}")


def main():
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", help="parts whose name has this")
    options = parser.parse_args()
    with common.Workplace(options.keep) as folder:
        c = Contract(options, folder)
        for part in (ways_to_run, warehouses, locking, pipes, dot_commands, files, modes,
                     round_trip, errors, interruption, closed_pipe, terminal, *changes.PARTS):
            if not options.only or options.only in part.__name__:
                part(c)
    c.tally.finish()


if __name__ == "__main__":
    main()
