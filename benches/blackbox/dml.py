"""Compares Starfact with DuckDB on random statements that change random stars.

    target/peers/bin/python benches/blackbox/dml.py --seed 1 --cases 20

Each case is a random star with all its constraints (stars.py) and a script of random statements
and transactions (statements.py) that three perform (steps.py): the model says what the rows have to
be and which constraints they violate, a DuckDB with constraints is asked for its opinion, and
Starfact has to agree: on errors or not, on RETURNING, on the rows of every table that a statement
touched, in its own transaction and for other readers, and after it was opened anew. A case depends
on the seed and its number alone.
"""

import random
import sys
import warnings

import duckdb

import common
from differential import Failures, difference
from stars import Star
from statements import Author
from steps import Model, Peer, Program, Step, fetched

# What the writer of statements knows and this check leaves out.
ELSEWHERE = ("vacuum", "optimize")
REFUSALS = ("not supported", "not implemented")


class DmlAuthor(Author):
    """Writes statements that change rows; of DDL only what makes and drops tables."""

    def ddl(self):
        return self.pick((3, self.create), (2, self.create_as), (2, self.drop))()

    def step(self):
        while (step := super().step()).name in ELSEWHERE:
            pass
        return step


class Case:
    """One star and its script."""

    def __init__(self, options, number, folder):
        self.options, self.number = options, number
        self.rng = random.Random(f"{options.seed}/{number}")
        self.folder = folder / f"case-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        self.connection, self.model = connection, Model(connection)
        self.peer = Peer(connection, self.model)
        self.program = Program(options.binary, self.folder / "warehouse")
        self.author = DmlAuthor(self.rng, self.model, self.folder, options)
        self.counts = {"refused": {}, "steps": {}}
        self.script = []

    def steps(self):
        for table in Star(self.rng).tables:
            yield from self.author.load(table)
        for _ in range(self.options.statements):
            yield self.author.step()
        if self.model.is_open:
            yield Step("rollback", "ROLLBACK")

    def perform(self, step):
        """Does a step; returns what is wrong."""
        self.counts["steps"][step.name] = self.counts["steps"].get(step.name, 0) + 1
        self.script.append(str(step))
        return getattr(self, "do_" + step.kind)(step)

    # Statements.

    def do_sql(self, step):
        expected = self.model.attempt(step)
        if expected.is_skipped:
            return None
        contradiction = self.peer.attempt(step, expected)
        if step.is_alone and not self.model.is_open:
            output, errors, problem = self.program.ask_alone(step.sql)
        else:
            (output, errors), problem = self.program.ask(step.sql), None
        problem = problem or contradiction or self.verdict(step, expected, output, errors)
        is_done = output is not None
        self.model.settle(step, is_done and not problem)
        if self.model.is_open:
            self.model.has_failed = self.model.has_failed or not is_done
            self.model.is_violated = self.model.is_violated or (is_done and
                                                                expected.is_constraint)
        if not is_done and not self.peer.is_stale:
            self.peer.give_up()
        return problem or self.compare(step.touched)

    do_copy = do_sql

    def verdict(self, step, expected, output, errors):
        """What is wrong with the answer to a statement."""
        if output is None:
            if "internal error" in errors or "panicked" in errors or "ended with code" in errors:
                return errors
            # Files are written on top of rows that have been checked.
            is_early = self.model.is_violated and (step.effect or step.kind == "copy")
            # A constant that nobody looks at may be computed or not.
            is_range = "out of range" in errors
            if not expected.reason and not is_early and not is_range:
                return f"refused, and nothing speaks against it: {errors}"
            return None
        if expected.is_constraint and self.model.is_open:
            return None  # Constraints hold at the end.
        if expected.reason:
            return f"done in spite of: {expected.reason}"
        return difference(output, expected.types, expected.rows, False) if step.returns else None

    # Transactions.

    def do_begin(self, step):
        self.model.begin()
        self.peer.begin()
        output, errors = self.program.ask(step.sql)
        return errors if output is None else None

    def do_commit(self, step):
        has_failed = self.model.has_failed
        faults = self.model.end(True)
        self.peer.end(not has_failed and not faults)
        output, errors = self.program.ask(step.sql)
        if output is None and not has_failed and not faults:
            return f"refused, and nothing speaks against it: {errors}"
        if output is not None and (has_failed or faults):
            return f"committed in spite of: {faults or 'an error before'}"
        if has_failed or faults:
            self.peer.is_stale = True
        return self.compare(self.model.catalog) or self.peer.difference()

    def do_rollback(self, step):
        self.model.end(False)
        self.peer.end(False)
        output, errors = self.program.ask(step.sql)
        return errors if output is None else self.compare(self.model.catalog)

    # What is there.

    def do_query(self, step):
        step.returns = True
        if self.model.has_failed:
            output, _ = self.program.ask(step.sql)
            return "a transaction that has failed answers a query" if output is not None else None
        expected = self.model.attempt(step)
        if expected.is_skipped:
            return None
        if expected.reason or not self.model.is_open:
            self.model.settle(step, not expected.reason)
        if expected.reason:
            return None
        output, errors = self.program.ask(step.sql)
        if output is not None:
            return difference(output, expected.types, expected.rows, step.is_ordered)
        self.model.has_failed = self.model.is_open
        if any(word in errors for word in REFUSALS) and "panicked" not in errors:
            self.counts["refused"][errors.strip()] = step.sql
            return None
        return errors

    def compare(self, names):
        """Tables as the session sees them."""
        if self.model.has_failed:
            return None
        return self.differences(names, self.model.cursor, self.program.ask)

    def differences(self, names, cursor, ask):
        for name in names:
            table = self.model.catalog.get(name)
            if not table:
                continue
            columns = ", ".join(column.quoted for column in table.columns)
            sql = f"SELECT {columns} FROM {table.quoted}"
            cursor.execute(sql)
            types, rows = fetched(cursor)
            output, errors = ask(sql)
            found = errors if output is None else difference(output, types, rows, False)
            if found:
                return f"{table.quoted} afterwards: {found}"
        return None

    def do_compare(self, _):
        return self.compare(self.model.catalog)

    def do_reader(self, _):
        """Another process sees what is committed."""
        catalog = self.model.before if self.model.is_open else self.model.catalog
        for table in catalog.values():
            columns = ", ".join(column.quoted for column in table.columns)
            sql = f"SELECT {columns} FROM {table.quoted}"
            self.model.reader.execute(sql)
            types, rows = fetched(self.model.reader)
            result = common.run(self.options.binary, self.program.warehouse, "--readonly", "--csv",
                                "-c", sql)
            found = str(result) if result.code else difference(result.out, types, rows, False)
            if found:
                return f"{table.quoted} for a reader: {found}"
        return None

    def do_reopen(self, _):
        """The end of a process undoes what it has not committed."""
        if self.model.is_open:
            self.model.end(False)
            self.peer.end(False)
        return self.program.close() or self.compare(self.model.catalog)

    def do_check(self, _):
        return self.program.command("check", self.program.warehouse)

    def close(self):
        problem = self.program.close()
        problem = problem or self.program.command("check", self.program.warehouse)
        self.connection.close()
        return problem


def check_case(case, tally, failures):
    options = case.options
    again = f"{sys.argv[0]} --binary {options.binary} --seed {options.seed} --only {case.number}"
    for at, step in enumerate(case.steps()):
        problem = case.perform(step)
        failures.check(f"case {case.number}, step {at}", str(step)[:3000], problem, again)
        if problem:
            break  # What follows would differ, too.
    problem = case.close()
    tally.check(f"case {case.number}: its end", problem, again)
    (case.folder / "script.sql").write_text("\n".join(case.script) + "\n")


def main():
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    parser = common.parser(__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--statements", type=int, default=60, help="random statements a case")
    parser.add_argument("--only", type=int, help="run this case alone, and keep its files")
    parser.add_argument("--large", action="store_true", help="now and then more than a block")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[],
                        help="kinds of queries to leave out: windowed, intersect_all, …")
    options = parser.parse_args()
    if options.only is not None and options.keep is None:
        options.keep = f"/tmp/starfact-dml-{options.seed}-{options.only}"
        common.shutil.rmtree(options.keep, ignore_errors=True)
    tally, total = common.Tally(options.verbose), {"refused": {}, "steps": {}}
    failures = Failures(tally)
    eager, lax = {}, {}
    with common.Workplace(options.keep) as folder:
        numbers = range(options.cases) if options.only is None else [options.only]
        for number in numbers:
            case = Case(options, number, folder)
            check_case(case, tally, failures)
            total["refused"].update(case.counts["refused"])
            for counts, more in [(total["steps"], case.counts["steps"]), (eager, case.peer.eager),
                                 (lax, case.peer.lax)]:
                for name, count in more.items():
                    counts[name] = counts.get(name, 0) + count
            if options.keep is None:
                common.shutil.rmtree(case.folder, ignore_errors=True)
    failures.summary()
    for message, sql in list(total["refused"].items())[:10]:
        print(f"refused: {message}\n" + common.indent(sql))
    print(", ".join(f"{count} {name}" for name, count in sorted(total["steps"].items())))
    if options.verbose:
        print("DuckDB refuses what its rows allow:", eager)
        print("DuckDB does what its constraints forbid:", lax)
    if options.only is not None:
        print(f"files: {options.keep}/case-{options.only}")
    tally.finish()


if __name__ == "__main__":
    main()
