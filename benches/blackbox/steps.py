"""What a script is made of, and the three that perform it: the model, the peer, the program.

The model is a DuckDB without any constraint; what constraints say is asked of its rows afterwards,
so that it never refuses a legal change. The peer is a DuckDB with all constraints. The program is
Starfact, driven through a pipe or once for each statement.
"""

import copy

import duckdb

import common
from differential import expected_value, stamps
from stars import Refused, change, referring

ABORTED = "the transaction has failed before"


class Step:
    """One step of a script.

    `kind` is sql, begin, commit, rollback, query, compare, reader, reopen, check or backup. `model`
    is the text for the model if it is another one, `guards` are queries without rows wherever the
    meaning of the statement is determined, `touched` the tables whose constraints it may violate.
    """

    def __init__(self, kind, sql="", model=None, **more):
        self.kind, self.sql = kind, sql
        self.model = [sql] if model is None else model
        self.name = more.pop("name", kind)
        self.touched = more.pop("touched", ())
        self.effect = more.pop("effect", None)
        self.guards = more.pop("guards", ())
        self.returns = more.pop("returns", False)
        self.may_refuse = more.pop("may_refuse", False)
        self.needs_keys = more.pop("needs_keys", False)
        self.is_alone = more.pop("is_alone", False)
        self.is_ordered = more.pop("is_ordered", False)
        assert not more, more

    def __str__(self):
        return f"{self.sql};" if self.sql else f"-- {self.kind}"


class Expected:
    """What the model makes of a statement: done with rows, or refused for a reason."""

    def __init__(self, reason=None, types=(), rows=(), is_constraint=False, is_skipped=False):
        self.reason, self.types, self.rows = reason, types, rows
        self.is_constraint, self.is_skipped = is_constraint, is_skipped


def fetched(cursor):
    """Types and comparable rows of the last statement."""
    table = cursor.to_arrow_table()
    types = [field.type for field in table.schema]
    columns = [[expected_value(value, of) for value in stamps(column, of)]
               for column, of in zip(table.columns, types)]
    return types, [list(row) for row in zip(*columns)]


class Model:
    """The tables as they have to be, with what has been done in the open transaction."""

    def __init__(self, connection):
        self.connection = connection
        connection.execute("ATTACH ':memory:' AS model")
        self.cursor = connection.cursor()
        self.reader = connection.cursor()
        for cursor in (self.cursor, self.reader):
            cursor.execute("USE model")
        self.catalog, self.before = {}, None
        self.done = []
        self.is_open = self.has_failed = self.is_violated = False
        self.unread = set()

    def begin(self):
        self.cursor.execute("BEGIN")
        self.before = copy.deepcopy(self.catalog)
        self.is_open, self.done = True, []

    def end(self, is_commit):
        """Ends the transaction; returns whether it was committed."""
        faults = self.violations(self.catalog) if is_commit and not self.has_failed else ()
        if is_commit and not self.has_failed and not faults:
            self.cursor.execute("COMMIT")
        else:
            self.abandon()
            self.catalog = self.before
        self.unread.update(self.catalog)
        self.is_open = self.has_failed = self.is_violated = False
        return faults

    def abandon(self):
        try:
            self.cursor.execute("ROLLBACK")
        except duckdb.Error:
            pass

    def attempt(self, step):
        """Does a statement, to be settled when it is known what the program did."""
        if self.has_failed:
            return Expected(ABORTED)
        if step.needs_keys and self.is_violated:
            return Expected(is_skipped=True)
        try:
            for guard in step.guards:
                if self.cursor.execute(guard).fetchone():
                    return Expected(is_skipped=True)
        except duckdb.Error as error:
            if not self.is_open:
                self.abandon()
            else:
                self.undo()
            return Expected(str(error)) if step.kind == "sql" else Expected(is_skipped=True)
        if not self.is_open:
            self.cursor.execute("BEGIN")
            if step.effect:
                self.before = copy.deepcopy(self.catalog)
        try:
            return self.perform(step)
        except Refused as error:
            return Expected(str(error))
        except (duckdb.TransactionException, duckdb.NotImplementedException,
                duckdb.InternalException, duckdb.DependencyException) as error:
            self.settle(step, False)
            return Expected(str(error), is_skipped=True)
        except duckdb.Error as error:
            return Expected(str(error))

    def perform(self, step):
        types, rows = (), ()
        for sql in step.model:
            self.cursor.execute(sql)
        if step.returns:
            types, rows = fetched(self.cursor)
        if step.effect:
            change(self.catalog, step.effect)
        names = [name for name in step.touched if name in self.catalog]
        around = [other.name for name in names
                  for other in referring(self.catalog, self.catalog[name])]
        faults = self.violations({name: self.catalog[name] for name in [*names, *around]})
        self.unread.update(names)
        if faults:
            return Expected("; ".join(faults), types, rows, is_constraint=True)
        return Expected(None, types, rows)

    def violations(self, tables):
        faults = [fault for table in tables.values() for fault in table.faults()]
        if not faults:
            return []
        parts = [f"SELECT {at} AS n WHERE {condition}" for at, (_, condition) in enumerate(faults)]
        found = self.cursor.execute(" UNION ALL ".join(parts)).fetchall()
        return [faults[at][0] for at, in sorted(found)]

    def settle(self, step, is_accepted):
        """Keeps or takes back what `attempt` did."""
        if self.is_open:
            if is_accepted:
                self.done.append(step)
            else:
                self.undo()
        elif is_accepted:
            self.cursor.execute("COMMIT")
        else:
            self.abandon()
            if step.effect:
                self.catalog = self.before
                self.unread.update(self.catalog)

    def undo(self):
        """Does all of the transaction again but for the last statement."""
        self.abandon()
        done, before = self.done, self.before
        self.catalog = copy.deepcopy(before)
        self.cursor.execute("BEGIN")
        for step in done:
            self.perform(step)
        self.unread.update(self.catalog)

    def read_sample(self, table):
        """Gives a table some of its present rows, for the writer of statements to choose from."""
        if table.name in self.unread:
            names = ", ".join(column.quoted for column in table.columns)
            self.cursor.execute(f"SELECT {names} FROM {table.quoted} ORDER BY ALL LIMIT 40")
            arrow = self.cursor.to_arrow_table()
            columns = [stamps(column, field.type) for column, field in
                       zip(arrow.columns, arrow.schema)]
            table.rows = [list(row) for row in zip(*columns)]
            self.unread.discard(table.name)


class Peer:
    """DuckDB with constraints. It checks some of them earlier than it should, and then gets its
    tables from the model."""

    def __init__(self, connection, model):
        self.connection, self.model = connection, model
        self.number, self.is_stale, self.cursor = 0, True, None
        self.eager, self.lax, self.done = {}, {}, 0

    def restore(self):
        if self.cursor:
            self.cursor.close()
            self.connection.execute(f"DETACH peer{self.number}")
        self.number += 1
        self.connection.execute(f"ATTACH ':memory:' AS peer{self.number}")
        self.cursor = self.connection.cursor()
        self.cursor.execute(f"USE peer{self.number}")
        for table in self.model.catalog.values():
            self.cursor.execute(table.definition(False, is_peer=True))
            names = ", ".join(column.quoted for column in table.columns)
            self.cursor.execute(f"INSERT INTO {table.quoted} ({names}) "
                                f"SELECT {names} FROM model.{table.quoted}")
        self.is_stale = False

    def attempt(self, step, expected):
        """Does a statement; returns what is wrong if it contradicts the model."""
        if self.is_stale or step.effect or not step.model:
            self.is_stale = self.is_stale or bool(step.effect)
            return None
        try:
            self.cursor.execute(step.sql if step.kind != "copy" else step.model[0])
            rows = fetched(self.cursor) if step.returns else None
        except duckdb.Error as error:
            self.give_up()
            if not expected.reason:
                kind = f"{step.name}: {str(error).splitlines()[0][:90]}"
                self.eager[kind] = self.eager.get(kind, 0) + 1
            return None
        if expected.reason:
            kind = f"{step.name}: {expected.reason.splitlines()[0][:90]}"
            self.lax[kind] = self.lax.get(kind, 0) + 1
            self.give_up()
            return None
        self.done += 1
        if rows and sorted(map(repr, rows[1])) != sorted(map(repr, expected.rows)):
            return f"the peer returns {rows[1][:5]}, the model {expected.rows[:5]}"
        return None

    def give_up(self):
        self.is_stale = True
        self.abandon()

    def abandon(self):
        try:
            self.cursor.execute("ROLLBACK")
        except duckdb.Error:
            pass

    def begin(self):
        if not self.is_stale:
            self.cursor.execute("BEGIN")

    def end(self, is_commit):
        if self.is_stale:
            return
        try:
            self.cursor.execute("COMMIT" if is_commit else "ROLLBACK")
        except duckdb.Error as error:
            if is_commit:
                kind = f"commit: {str(error).splitlines()[0][:90]}"
                self.eager[kind] = self.eager.get(kind, 0) + 1
            self.give_up()

    def difference(self):
        """A table that differs from the model's outside of transactions."""
        if self.is_stale:
            self.restore()
            return None
        for table in self.model.catalog.values():
            names = ", ".join(column.quoted for column in table.columns)
            own, theirs = (f"SELECT {names} FROM {name}.{table.quoted}"
                           for name in (f"peer{self.number}", "model"))
            found = self.cursor.execute(f"({own} EXCEPT ALL {theirs}) UNION ALL "
                                        f"({theirs} EXCEPT ALL {own}) LIMIT 3").fetchall()
            if found:
                return f"{table.quoted} of the peer differs from the model in {found}"
        return None


class Program:
    """Starfact on one warehouse."""

    def __init__(self, binary, warehouse):
        self.binary, self.warehouse = binary, warehouse
        self.session = None
        self.has_erred = False

    def ask(self, sql):
        """Output or None, messages."""
        if not self.session:
            self.session = common.Session(self.binary, self.warehouse, "--wait", "5")
            self.has_erred = False
        output, errors = self.session.ask(sql)
        self.has_erred = self.has_erred or output is None
        return output, errors

    def ask_alone(self, sql):
        """The same by a process of its own; also what is wrong with its end."""
        problem = self.close()
        result = common.run(self.binary, self.warehouse, "--csv", "-c", sql)
        problem = problem or common.crashed(result)
        if result.code not in (0, 1):
            problem = problem or f"exit code {result.code}"
        if result.code == 1 and "error:" not in result.err:
            problem = problem or "exit code 1 without an error"
        if problem:
            problem += f"\n{result}"
        return (result.out if result.code == 0 else None), result.err, problem

    def close(self):
        """Ends the process; returns what is wrong with its exit code."""
        if not self.session:
            return None
        code, wanted = self.session.close(), 1 if self.has_erred else 0
        self.session = None
        return None if code == wanted else f"exit code {code} after a session, {wanted} expected"

    def command(self, *arguments):
        result = common.run(self.binary, *arguments)
        return None if result.code == 0 else str(result)
