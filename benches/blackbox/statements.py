"""Random statements that change a star, chosen by what its tables hold at the moment.

A statement has the same text for Starfact and for DuckDB, but for two: the model knows no keys and
does ON CONFLICT as a MERGE, and it reads what is copied from Parquet. Where the result would not
be determined (a row that joins several) guards keep the statement out.
"""

import pyarrow.parquet as pq

import schemas
from queries import Writer
from schemas import BIGINT, INTEGER, VARCHAR, Reference, pool, quoted, write_csv
from stars import (WIDER, AtLeast, Check, Column, Table, names_of, random_column, random_value,
                   referring)
from steps import Step

BITS = schemas.BITS


class View:
    """The tables as the writer of queries wants to see them."""

    def __init__(self, tables):
        self.tables = tables
        self.fact = max(tables, key=lambda table: len(table.references))


class Author:
    """Writes the next step of a script."""

    def __init__(self, rng, model, folder, options):
        self.rng, self.model, self.folder, self.options = rng, model, folder, options
        self.number = 0

    # What there is.

    @property
    def catalog(self):
        return self.model.catalog

    def tables(self):
        for table in self.catalog.values():
            self.model.read_sample(table)
        return list(self.catalog.values())

    def chance(self, share):
        return self.rng.random() < share

    def pick(self, *ways):
        """One of (weight, function) by weight."""
        return self.rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0]

    def step(self):
        """The next step; the tables may have become none."""
        self.number += 1
        if not self.catalog:
            return self.create()
        if self.model.is_open:
            return self.step_inside()
        way = self.rng.random()
        if way < 0.12:
            return Step("begin", "BEGIN" if self.chance(0.7) else "BEGIN TRANSACTION")
        if way < 0.16:
            return Step("reopen")
        if way < 0.19:
            return Step("compare")
        if way < 0.21:
            return Step("reader")
        if way < 0.22:
            return Step("check")
        if way < 0.24:
            return Step("sql", "VACUUM", model=[], name="vacuum")
        if way < 0.27:
            table = self.rng.choice(list(self.catalog.values()))
            return Step("sql", f"OPTIMIZE TABLE {table.quoted}", model=[], name="optimize")
        if way < 0.28:
            table = self.rng.choice(list(self.catalog.values()))
            return Step("sql", f"CHECK TABLE {table.quoted}", model=[], name="check table")
        if way < 0.35:
            return self.query()
        step = self.change()
        step.is_alone = self.chance(0.04)
        return step

    def step_inside(self):
        way = self.rng.random()
        if self.model.has_failed:
            return Step(*self.rng.choice([("rollback", "ROLLBACK"), ("commit", "COMMIT")])) \
                if way < 0.7 else self.query()
        if way < 0.16:
            return Step("commit", "COMMIT")
        if way < 0.24:
            return Step("rollback", "ROLLBACK")
        if way < 0.26:
            return Step("reopen")
        if way < 0.30:
            return Step("compare")
        if way < 0.34:
            return Step("reader")
        if way < 0.42:
            return self.query()
        return self.change()

    def change(self):
        while True:
            step = self.pick((16, self.insert), (5, self.insert_query), (5, self.insert_default),
                             (13, self.upsert), (18, self.update), (5, self.update_from),
                             (5, self.update_key), (10, self.delete), (5, self.delete_using),
                             (12, self.merge), (2, self.truncate), (4, self.copy),
                             (0.5, self.copy_many), (8, self.ddl), (1, self.nonsense))()
            if step:
                return step

    def target(self):
        tables = self.tables()
        return self.rng.choice(tables)

    def writer(self):
        return Writer(View(self.tables()), self.rng, self.options.without)

    # Values and conditions.

    def row(self, table, careful=0.85):
        """Values for a row by column: mostly legal ones."""
        rng = self.rng
        values = {}
        for column in table.columns:
            values[column.name] = random_value(column, rng)
            if not column.nullable and values[column.name] is None:
                values[column.name] = next(iter(pool(column.type, rng, 1, column.small)), None)
            elif not column.nullable and rng.random() < 0.01:
                values[column.name] = None
        for key in table.keys():
            held = {tuple(row[table.place(name)] for name in key) for row in table.rows}
            for _ in range(6):
                if tuple(values[name] for name in key) not in held or not self.chance(careful):
                    break
                for name in key:
                    values[name] = self.fresh(table, table.column(name))
        for reference in table.references:
            target = reference.target
            if target.rows and self.chance(0.93):
                row = rng.choice(target.rows)
                found = {own: row[target.place(key)] for own, key in
                         zip(reference.columns, target.key)}
                if not set(found) & set(table.key) or self.chance(0.5):
                    values.update(found)
            elif table.column(reference.columns[0]).nullable and self.chance(careful):
                values.update({own: None for own in reference.columns})
        return values

    def fresh(self, table, column):
        """A value that is probably in no row yet."""
        numbers = [row[table.place(column.name)] for row in table.rows]
        numbers = [number for number in numbers if number is not None]
        if column.type.is_integer and numbers and self.chance(0.6):
            high = 2 ** (BITS[column.type.base] - 1) - 1
            return min(high, max(numbers) + self.rng.randint(1, 40))
        if column.pool and self.chance(0.5):
            return self.rng.choice(column.pool)
        return (pool(column.type, self.rng, 1, column.small) or [None])[0]

    def literal(self, column, value):
        if value is not None and column.type.is_integer and self.chance(0.004):
            return str(2 ** (BITS[column.type.base] - 1)) if column.type is not BIGINT \
                else "9223372036854775808"
        return column.type.literal(value)

    def condition(self, table, alias=None, share_all=0.06):
        """A condition on the rows of one table."""
        rng, alias = self.rng, alias or table.quoted
        way = rng.random()
        if way < share_all:
            return rng.choice(["TRUE", "1 = 1"])
        if way < share_all + 0.05:
            return rng.choice(["FALSE", "1 = 0"])
        keys = table.keys()
        if way < 0.45 and keys and table.rows:
            key = rng.choice(keys)
            row = rng.choice(table.rows)
            parts = []
            for name in key:
                column = table.column(name)
                others = [each[table.place(name)] for each in
                          rng.choices(table.rows, k=rng.choice([1, 1, 3]))]
                values = [v for v in [row[table.place(name)], *others] if v is not None]
                if not values:
                    parts.append(f"{alias}.{column.quoted} IS NULL")
                elif len(set(values)) == 1 or rng.random() < 0.4:
                    parts.append(f"{alias}.{column.quoted} = {column.type.literal(values[0])}")
                elif rng.random() < 0.3:
                    low, high = min(values), max(values)
                    parts.append(f"{alias}.{column.quoted} BETWEEN {column.type.literal(low)} "
                                 f"AND {column.type.literal(high)}")
                else:
                    items = ", ".join(map(column.type.literal, dict.fromkeys(values)))
                    parts.append(f"{alias}.{column.quoted} IN ({items})")
            return " AND ".join(parts)
        writer = self.writer()
        sources = writer.sources(table, alias)
        if way < 0.65:
            return writer.membership(sources)
        return writer.predicate(sources, rng.choice([0, 1, 2]))

    def expression(self, table, column, alias=None, others=()):
        """A new value for a column, from the row or from rows that `others` name."""
        rng, alias = self.rng, alias or table.quoted
        own, of = f"{alias}.{column.quoted}", column.type
        like = [f"{prefix}.{c.quoted}" for prefix, held in [(alias, table), *others]
                for c in held.columns if c.type.sql == of.sql and c.small == column.small]
        constant = self.literal(column, random_value(column, rng))
        way = rng.random()
        if way < 0.3:
            return constant
        if way < 0.5 and like:
            return rng.choice(like)
        if way < 0.58:
            return f"coalesce({own}, {constant})"
        if way < 0.66:
            return f"CASE WHEN {own} IS NULL THEN {constant} ELSE {rng.choice(like or [own])} END"
        if column.default is not None and way < 0.72 and not others:
            return "DEFAULT"
        if column.nullable and way < 0.75:
            return "NULL"
        if of.is_integer:
            if column.small:
                return f"CASE WHEN {own} BETWEEN -1000 AND 1000 THEN {own} {rng.choice(['+ 1', '* 2'])} ELSE {own} END"
            return rng.choice([f"{own} + 1", f"{own} - 7", f"-{own}", f"{own} + {rng.choice(like or [own])}"])
        if of.base == "DECIMAL":
            step = of.literal(next(iter(pool(of, rng, 1, True))))
            low, high = ("-99", "99") if of.arrow.precision - of.arrow.scale < 6 else ("-9999", "9999")
            return f"CASE WHEN {own} BETWEEN {low} AND {high} THEN CAST({own} + {step} AS {of.sql}) ELSE {own} END"
        if of.is_float:
            return f"CASE WHEN {own} BETWEEN -1000 AND 1000 THEN {own} * 2 ELSE {own} END" \
                if column.small else f"-{own}"
        if of.base == "VARCHAR":
            return rng.choice([f"{own} || '+'", f"substr({own}, 1, {rng.randint(0, 4)})",
                               f"nullif({own}, {constant})", f"coalesce({own}, '') || 'ß日'"])
        if of.base == "DATE":
            return (f"CASE WHEN {own} BETWEEN DATE '1900-01-01' AND DATE '2200-01-01' "
                    f"THEN CAST({own} + INTERVAL '1 day' AS DATE) ELSE {own} END")
        if of.base == "TIMESTAMP":
            return (f"CASE WHEN {own} BETWEEN TIMESTAMP '1900-01-01 00:00:00' AND "
                    f"TIMESTAMP '2200-01-01 00:00:00' THEN {own} + INTERVAL '36 hours' "
                    f"ELSE {own} END")
        if of.base == "BOOLEAN":
            return f"NOT {own}"
        return constant

    def assignments(self, table, alias=None, others=(), columns=None):
        columns = columns or [c for c in table.columns if c.name not in table.key] or table.columns
        picks = self.rng.sample(columns, min(len(columns), self.rng.choice([1, 1, 2, 3])))
        return ", ".join(f"{c.quoted} = {self.expression(table, c, alias, others)}" for c in picks)

    def returning(self, table, share=0.3, prefix=None):
        """RETURNING of columns, now and then of expressions: its text, and whether there is one."""
        if not self.chance(share):
            return "", False
        prefix = f"{prefix}." if prefix else ""
        if self.chance(0.25) and not prefix:
            return " RETURNING *", True
        picks = self.rng.sample(table.columns, self.rng.randint(1, min(4, len(table.columns))))
        items = [f"{prefix}{column.quoted}" for column in picks]
        if self.chance(0.2):
            items.append(f"{prefix}{picks[0].quoted} IS NULL AS is_none")
        if self.chance(0.1):
            items[0] += " AS renamed"
        return " RETURNING " + ", ".join(items), True

    # INSERT.

    def chosen_columns(self, table):
        """All columns in some order, or some that do for a row."""
        columns = list(table.columns)
        if self.chance(0.4):
            keys = {name for key in table.keys() for name in key}
            columns = [c for c in columns if c.name in keys or self.chance(0.7)
                       or not c.nullable and c.default is None and self.chance(0.97)]
            columns = columns or list(table.columns)
            self.rng.shuffle(columns)
        return columns

    def rows(self, table, columns, count):
        """Rows as lists of literals."""
        found = []
        for _ in range(count):
            row = self.row(table, 0.97 if count > 3 else 0.9)
            if self.chance(0.7):  # keys of the rows before count, too
                keys = table.keys()
                place = {c.name: at for at, c in enumerate(columns)}
                if any(all(name in place for name in key) and any(
                        all(other[place[name]] == table.column(name).type.literal(row[name])
                            for name in key) for other in found) for key in keys):
                    continue
            found.append([
                "DEFAULT" if column.default is not None and self.chance(0.08)
                else self.literal(column, row[column.name]) for column in columns])
        return found or [[self.literal(c, self.row(table)[c.name]) for c in columns]]

    def insert(self):
        table = self.target()
        columns = self.chosen_columns(table)
        rows = self.rows(table, columns, self.rng.choice([1, 1, 1, 2, 3, 8, 40]))
        names = f" ({names_of(c.name for c in columns)})" \
            if columns != table.columns or self.chance(0.5) else ""
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        tail, returns = self.returning(table)
        return Step("sql", f"INSERT INTO {table.quoted}{names} VALUES {values}{tail}",
                    touched=[table.name], returns=returns, name="insert")

    def insert_default(self):
        table = self.target()
        if self.chance(0.6):
            return None
        tail, returns = self.returning(table)
        return Step("sql", f"INSERT INTO {table.quoted} DEFAULT VALUES{tail}",
                    touched=[table.name], returns=returns, name="insert default")

    def insert_query(self):
        """Rows of the table itself or of another one, with other keys."""
        rng, table = self.rng, self.target()
        source = table if self.chance(0.6) else rng.choice(self.tables())
        offset = rng.choice([1000, 1000, 5000, 1])
        items = []
        for column in table.columns:
            same = [c for c in source.columns if c.type.sql == column.type.sql]
            twin = column if source is table else rng.choice(same) if same else None
            text = f"s.{twin.quoted}" if twin else \
                f"CAST({column.type.literal(random_value(column, rng))} AS {column.type.sql})"
            bound = column.name in {name for key in table.keys() for name in key}
            if bound and twin and not any(column.name in r.columns for r in table.references):
                if column.type.is_integer:
                    text = f"{text} + {offset}"
                elif column.type.base == "VARCHAR":
                    text = f"{text} || '#{offset}'"
            items.append(text)
        where = self.condition(source, "s", share_all=0.3)
        limit = f" ORDER BY {', '.join(str(n + 1) for n in range(len(items)))} LIMIT 2" \
            if self.chance(0.1) else ""
        tail, returns = self.returning(table)
        return Step("sql", f"INSERT INTO {table.quoted} ({names_of(table.names)}) SELECT "
                    f"{', '.join(items)} FROM {source.quoted} AS s WHERE {where}{limit}{tail}",
                    touched=[table.name], returns=returns, name="insert query")

    def upsert(self):
        """INSERT with ON CONFLICT; for the model a MERGE with a source called excluded."""
        rng, table = self.rng, self.target()
        if not table.keys():
            return None
        columns = self.chosen_columns(table)
        rows = self.clashing_rows(table, columns)
        key = rng.choice(table.keys())
        is_update = self.chance(0.6)
        has_target = is_update or self.chance(0.6)
        keys = [key] if has_target else table.keys()
        rows = self.first_of_keys(table, columns, rows, keys)
        if not rows:
            return None
        names = names_of(c.name for c in columns)
        own = table.quoted
        on = " OR ".join("(" + " AND ".join(
            f"{own}.{quoted(name)} = excluded.{quoted(name)}" for name in each) + ")"
            for each in keys)
        action, model_action = "NOTHING", ""
        if is_update:
            free = [c for c in table.columns if c.name not in {n for k in table.keys() for n in k}]
            sets = self.upsert_sets(table, free or table.columns)
            where = self.upsert_condition(table) if self.chance(0.35) else None
            action = f"UPDATE SET {sets}" + (f" WHERE {where}" if where else "")
            condition = f" AND ({where})" if where else ""
            model_action = f"WHEN MATCHED{condition} THEN UPDATE SET {sets} "
        tail, returns = self.returning(table, 0.3)
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        target = f" ({names_of(key)})" if has_target else ""
        sql = (f"INSERT INTO {own} ({names}) VALUES {values} "
               f"ON CONFLICT{target} DO {action}{tail}")
        prefixed = tail.replace(' RETURNING "', f' RETURNING {own}."') \
            .replace(', "', f', {own}."')
        if tail == " RETURNING *":
            prefixed = " RETURNING " + ", ".join(f"{own}.{c.quoted}" for c in table.columns)
        model = (f"MERGE INTO {own} USING ({self.full_rows(table, columns, rows)}) AS excluded "
                 f"ON ({on}) {model_action}WHEN NOT MATCHED THEN INSERT ({names_of(table.names)}) "
                 f"VALUES ({', '.join(f'excluded.{c.quoted}' for c in table.columns)}){prefixed}")
        return Step("sql", sql, model=[model], touched=[table.name], returns=returns,
                    needs_keys=True, name="upsert" if is_update else "insert or nothing")

    def clashing_rows(self, table, columns):
        """Rows of which about half have keys that are there."""
        rows = self.rows(table, columns, self.rng.choice([1, 1, 2, 5, 20]))
        for row in rows:
            if table.rows and self.chance(0.55):
                there = self.rng.choice(table.rows)
                key = self.rng.choice(table.keys())
                for at, column in enumerate(columns):
                    if column.name in key:
                        row[at] = column.type.literal(there[table.place(column.name)])
        return rows

    def first_of_keys(self, table, columns, rows, keys):
        """Without rows whose key a row before has, but for whole copies that change nothing."""
        seen = [set() for _ in keys]
        kept = []
        for row in rows:
            texts = dict(zip((c.name for c in columns), row))
            values = [tuple(texts.get(name) if texts.get(name) != "DEFAULT" else
                            table.column(name).default for name in key) for key in keys]
            known = [None not in value and "NULL" not in value and value in held
                     for value, held in zip(values, seen)]
            if not any(known):
                kept.append(row)
                for value, held in zip(values, seen):
                    held.add(value)
        return kept

    def full_rows(self, table, columns, rows):
        """SELECT of all columns of rows, with defaults where nothing is given."""
        selects = []
        for row in rows:
            given = dict(zip((c.name for c in columns), row))
            items = []
            for column in table.columns:
                text = given.get(column.name, "DEFAULT")
                text = (column.default or "NULL") if text == "DEFAULT" else text
                items.append(f"CAST({text} AS {column.type.sql}) AS {column.quoted}")
            selects.append("SELECT " + ", ".join(items))
        return " UNION ALL ".join(selects)

    def upsert_sets(self, table, columns):
        rng, sets = self.rng, []
        for column in rng.sample(columns, min(len(columns), rng.choice([1, 1, 2, 4]))):
            new, own = f"excluded.{column.quoted}", f"{table.quoted}.{column.quoted}"
            options = [new, new, new, f"coalesce({new}, {own})", f"coalesce({own}, {new})"]
            if column.type.base == "VARCHAR":
                options.append(f"{own} || {new}")
            if column.type.is_integer and not column.small:
                options.append(f"{own} + {new}")
            options.append(self.expression(table, column, others=[("excluded", table)]))
            sets.append(f"{column.quoted} = {rng.choice(options)}")
        return ", ".join(sets)

    def upsert_condition(self, table):
        column = self.rng.choice(table.columns)
        operator = self.rng.choice(["<>", "=", "<", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
        if self.chance(0.2):
            return self.rng.choice(["TRUE", "FALSE", f"excluded.{column.quoted} IS NOT NULL"])
        return f"{table.quoted}.{column.quoted} {operator} excluded.{column.quoted}"

    # UPDATE.

    def update(self):
        table = self.target()
        alias = "u" if self.chance(0.2) else None
        sets = self.assignments(table, alias)
        parents = [r for r in table.references if r.target.columns]
        if parents and self.chance(0.2):
            sets = self.set_from_parent(table, alias, self.rng.choice(parents)) or sets
        where = f" WHERE {self.condition(table, alias)}" if self.chance(0.93) else ""
        tail, returns = self.returning(table)
        name = f"{table.quoted} AS {alias}" if alias else table.quoted
        return Step("sql", f"UPDATE {name} SET {sets}{where}{tail}", touched=[table.name],
                    returns=returns, name="update")

    def set_from_parent(self, table, alias, reference):
        """A scalar subquery that reads the row that a foreign key leads to."""
        pairs = [(c, p) for c in table.columns for p in reference.target.columns
                 if c.type.sql == p.type.sql and c.name not in table.key and c.small == p.small]
        if not pairs:
            return None
        column, source = self.rng.choice(pairs)
        own = alias or table.quoted
        on = " AND ".join(f"p.{quoted(k)} = {own}.{quoted(c)}" for c, k in
                          zip(reference.columns, reference.target.key))
        call = f"p.{source.quoted}" if self.chance(0.5) or source.type.base == "BOOLEAN" \
            else f"max(p.{source.quoted})"
        return f"{column.quoted} = (SELECT {call} FROM {reference.target.quoted} AS p WHERE {on})"

    def update_from(self):
        """UPDATE … FROM a parent, or FROM any table where that determines the rows."""
        rng, table = self.rng, self.target()
        own = table.quoted
        if table.references and self.chance(0.7):
            reference = rng.choice(table.references)
            source = reference.target
            on = " AND ".join(f"{own}.{quoted(c)} = s.{quoted(k)}" for c, k in
                              zip(reference.columns, source.key))
        else:
            source = rng.choice(self.tables())
            same = [(a, b) for a in table.columns for b in source.columns
                    if a.type.sql == b.type.sql and not a.type.is_float]
            if not same:
                return None
            a, b = rng.choice(same)
            on = f"{own}.{a.quoted} = s.{b.quoted}"
        if self.chance(0.4):
            on += f" AND {self.condition(source, 's')}"
        sets = self.assignments(table, others=[("s", source)])
        guard = (f"SELECT 1 FROM {own}, {source.quoted} AS s WHERE {on} "
                 f"GROUP BY {own}.rowid HAVING count(*) > 1")
        tail, returns = self.returning(table, prefix=own)
        return Step("sql", f"UPDATE {own} SET {sets} FROM {source.quoted} AS s WHERE {on}{tail}",
                    touched=[table.name], guards=[guard], returns=returns, name="update from")

    def update_key(self):
        """Changes of keys: shifts, swaps, references."""
        rng, table = self.rng, self.target()
        names = [name for key in table.keys() for name in key]
        names += [name for reference in table.references for name in reference.columns]
        if not names:
            return None
        column = table.column(rng.choice(names))
        own = column.quoted
        if column.type.is_integer:
            value = rng.choice([f"{own} + 1", f"{own} - 1", f"{own} + 1000", f"-{own}"])
            where = rng.choice(["", f" WHERE {own} BETWEEN -20000 AND 20000",
                                f" WHERE {self.condition(table)}"])
        elif column.type.base == "VARCHAR":
            value, where = f"{own} || '!'", f" WHERE {self.condition(table)}"
        else:
            held = [row[table.place(column.name)] for row in table.rows] or [None]
            value = column.type.literal(rng.choice(held))
            where = f" WHERE {self.condition(table)}"
        if column.nullable and self.chance(0.2):
            value = "NULL"
        is_referenced = column.name in table.key and bool(referring(self.catalog, table))
        tail, returns = self.returning(table)
        return Step("sql", f"UPDATE {table.quoted} SET {own} = {value}{where}{tail}",
                    touched=[table.name], returns=returns, may_refuse=is_referenced,
                    name="update key")

    # DELETE, TRUNCATE and MERGE.

    def delete(self):
        table = self.target()
        alias = "x" if self.chance(0.15) else None
        name = f"{table.quoted} AS {alias}" if alias else table.quoted
        where = f" WHERE {self.condition(table, alias, 0.02)}" if self.chance(0.96) else ""
        tail, returns = self.returning(table)
        return Step("sql", f"DELETE FROM {name}{where}{tail}", touched=[table.name],
                    returns=returns, name="delete")

    def delete_using(self):
        rng, table = self.rng, self.target()
        own = table.quoted
        if not table.references:
            return None
        reference = rng.choice(table.references)
        source = reference.target
        on = " AND ".join(f"{own}.{quoted(c)} = s.{quoted(k)}" for c, k in
                          zip(reference.columns, source.key))
        where = self.condition(source, "s", 0.02)
        return Step("sql", f"DELETE FROM {own} USING {source.quoted} AS s WHERE {on} AND {where}",
                    touched=[table.name], name="delete using")

    def truncate(self):
        table = self.target()
        if self.chance(0.6):
            return None
        return Step("sql", f"TRUNCATE {self.rng.choice(['TABLE ', ''])}{table.quoted}",
                    touched=[table.name], may_refuse=bool(referring(self.catalog, table)),
                    name="truncate")

    def merge(self):
        rng, table = self.rng, self.target()
        keys = table.keys()
        key = rng.choice(keys) if keys else [rng.choice(
            [c for c in table.columns if not c.type.is_float] or table.columns).name]
        source = self.merge_rows(table, key) if self.chance(0.75) else self.merge_query(table, key)
        alias = rng.choice(["t", None])
        own = alias or table.quoted
        on = " AND ".join(f"{own}.{quoted(name)} = s.{quoted(name)}" for name in key)
        if self.chance(0.1):
            on += f" AND {self.condition(table, own)}"
        clauses = []
        for _ in range(rng.choice([0, 1, 1, 2])):
            clauses.append(f"WHEN MATCHED{self.merge_condition(table, own, True)} "
                           f"THEN {self.merge_action(table, own, True)}")
        for _ in range(rng.choice([0, 1, 1, 1])):
            columns = table.columns
            values = ", ".join(f"s.{c.quoted}" if self.chance(0.93) or c.default is None
                               else "DEFAULT" for c in columns)
            where = f" AND s.{rng.choice(columns).quoted} IS NOT NULL" if self.chance(0.2) else ""
            words = rng.choice(["NOT MATCHED", "NOT MATCHED", "NOT MATCHED BY TARGET"])
            action = "DO NOTHING" if self.chance(0.07) else \
                f"INSERT ({names_of(table.names)}) VALUES ({values})"
            clauses.append(f"WHEN {words}{where} THEN {action}")
        if self.chance(0.25):
            clauses.append("WHEN NOT MATCHED BY SOURCE"
                           f"{self.merge_condition(table, own, False)} "
                           f"THEN {self.merge_action(table, own, False)}")
        if not clauses:
            return None
        tail, returns = self.returning(table, 0.2, own)
        name = f"{table.quoted} AS {alias}" if alias else table.quoted
        # Where several rows of the source match a row, DuckDB takes one of them.
        repeated = (f"SELECT 1 FROM {name} JOIN ({source}) AS s ON ({on}) "
                    f"GROUP BY {own}.rowid HAVING count(*) > 1")
        return Step("sql", f"MERGE INTO {name} USING ({source}) AS s ON ({on}) "
                    f"{' '.join(clauses)}{tail}", touched=[table.name], returns=returns,
                    guards=[repeated], needs_keys=True, name="merge")

    def merge_rows(self, table, key):
        columns = list(table.columns)
        rows = self.rows(table, columns, self.rng.choice([1, 2, 6, 20]))
        for row in rows:
            if table.rows and self.chance(0.6):
                there = self.rng.choice(table.rows)
                for at, column in enumerate(columns):
                    if column.name in key:
                        row[at] = column.type.literal(there[table.place(column.name)])
        if self.chance(0.93):
            rows = self.first_of_keys(table, columns, rows, [key])
        return self.full_rows(table, columns, rows)

    def merge_query(self, table, key):
        """Rows of the table itself, some with other keys, one for each key."""
        items = []
        for column in table.columns:
            text = f"m.{column.quoted}"
            if column.name in key and column.type.is_integer and self.chance(0.6):
                text += self.rng.choice([" + 1", " + 3", " + 500"])
            items.append(f"{text} AS {column.quoted}")
        return (f"SELECT {', '.join(items)} FROM {table.quoted} AS m "
                f"WHERE {self.condition(table, 'm', 0.2)}")

    def merge_condition(self, table, own, has_source):
        if self.chance(0.4):
            return ""
        column = self.rng.choice(table.columns)
        if has_source and self.chance(0.6):
            return f" AND {own}.{column.quoted} {self.rng.choice(['<>', '=', '<'])} s.{column.quoted}"
        return f" AND {own}.{column.quoted} IS {self.rng.choice(['', 'NOT '])}NULL"

    def merge_action(self, table, own, has_source):
        way = self.rng.random()
        if way < 0.2:
            return "DELETE"
        if way < 0.25:
            return "DO NOTHING"
        free = [c for c in table.columns if c.name not in table.key] or table.columns
        others = [("s", table)] if has_source else ()
        picks = self.rng.sample(free, min(len(free), self.rng.choice([1, 1, 2, 3])))
        sets = [f"{c.quoted} = " + (f"s.{c.quoted}" if has_source and self.chance(0.5) else
                                    self.expression(table, c, own, others)) for c in picks]
        return "UPDATE SET " + ", ".join(sets)

    # COPY.

    def copied(self, table, rows, is_whole=True):
        """COPY of rows from a file: CSV or Parquet for the program, Parquet for the model."""
        rng = self.rng
        part = Table(table.name)
        part.columns = list(table.columns)
        if not is_whole:
            part.columns = self.chosen_columns(table)
            rows = [[row[table.place(c.name)] for c in part.columns] for row in rows]
        path = self.folder / f"{self.number}.parquet"
        pq.write_table(part.arrow(rows), path)
        names = "" if part.columns == table.columns else f" ({names_of(part.names)})"
        if self.chance(0.7):
            sql = write_csv(part, rows, rng, self.folder / f"{self.number}.csv")
            sql = sql.replace(f"COPY {part.quoted}", f"COPY {part.quoted}{names}", 1)
        else:
            sql = f"COPY {table.quoted}{names} FROM '{path}'"
        items = names_of(part.names)
        model = (f"INSERT INTO {table.quoted} ({items}) SELECT {items} "
                 f"FROM read_parquet('{path}')")
        return Step("copy", sql, model=[model], touched=[table.name], name="copy")

    def copy(self):
        table = self.target()
        rows = [list(self.row(table, 0.99).values())
                for _ in range(self.rng.choice([0, 1, 3, 30]))]
        return self.copied(table, rows, self.chance(0.6))

    def copy_many(self):
        """More rows than a block has, into a table whose key allows for that."""
        free = [t for t in self.tables() if not t.unique and (not t.key or len(t.key) == 1 and
                t.column(t.key[0]).type in (INTEGER, BIGINT)) and not t.checks]
        if not free or not self.options.large:
            return None
        table, rng = self.rng.choice(free), self.rng
        count = rng.randint(65_537, 90_000)
        columns = {}
        for column in table.columns:
            values = column.pool or [None]
            values = values + [None] if column.nullable else values
            columns[column.name] = rng.choices(values, k=count)
        for reference in table.references:
            target = reference.target
            keys = [[row[target.place(key)] for key in target.key] for row in target.rows]
            if not keys and not table.column(reference.columns[0]).nullable:
                return None
            picks = rng.choices(keys, k=count) if keys else [[None] * len(target.key)] * count
            for at, name in enumerate(reference.columns):
                columns[name] = [pick[at] for pick in picks]
        if table.key:
            start = rng.choice([100_000, 10_000_000, -1_000_000])
            columns[table.key[0]] = list(range(start, start + count))
            if self.chance(0.3):
                rng.shuffle(columns[table.key[0]])
        rows = [list(row) for row in zip(*(columns[name] for name in table.names))]
        step = self.copied(table, rows)
        step.name = "copy of many rows"
        return step

    # DDL.

    def ddl(self):
        return self.pick((3, self.create), (1.5, self.create_as), (1.5, self.drop),
                         (3, self.add_column), (1.5, self.drop_column), (2, self.rename_column),
                         (1, self.rename), (2.5, self.retype), (1, self.alter_column))()

    def free_name(self, options=("extra", "Neu", "tmp", "数")):
        taken = {name.lower() for name in self.catalog}
        name = self.rng.choice(options)
        while name.lower() in taken:
            name += self.rng.choice("_37")
        return name

    def create(self):
        rng, table = self.rng, Table(self.free_name())
        if self.chance(0.6):
            table.columns.append(Column("id", rng.choice([INTEGER, BIGINT, VARCHAR]), False, []))
            table.key = ["id"]
            of = table.columns[0].type
            table.columns[0].pool = pool(of, rng, 40) if of is VARCHAR else list(range(40))
        targets = []
        parents = [each for each in self.catalog.values() if each.key]
        if parents and self.chance(0.5):
            parent = rng.choice(parents)
            names = [f"ref0_{key}"[:30] for key in parent.key]
            for name, key in zip(names, parent.key):
                source = parent.column(key)
                table.columns.append(Column(name, source.type, True, source.pool))
            table.references.append(Reference(names, parent))
            targets.append(parent.name)
        taken = {name.lower() for name in table.names}
        for _ in range(rng.randint(1, 4)):
            table.columns.append(random_column(rng, taken))
        small = [c for c in table.columns if c.small and c.type.is_integer]
        if small and self.chance(0.3):
            table.checks.append(Check(small[0].name, "{} >= -50", AtLeast(-50)))
            small[0].default = None
            small[0].pool = [v for v in small[0].pool if v >= -50] or [0]
        if self.chance(0.4):
            table.sorted_by = [rng.choice(table.columns).name]
        return self.created(table, targets)

    @staticmethod
    def created(table, targets):
        """The step that makes a table as it is here."""
        return Step("sql", table.definition(True), model=[table.definition(False)],
                    effect=("create", table.name, table, targets), name="create")

    def create_as(self):
        rng, source = self.rng, self.target()
        table = Table(self.free_name(("made", "Kopie")))
        picks = rng.sample(source.columns, rng.randint(1, len(source.columns)))
        table.columns = [Column(c.name, c.type, True, c.pool, c.small) for c in picks]
        if self.chance(0.4):
            table.sorted_by = [rng.choice(picks).name]
        order = f" SORTED BY ({names_of(table.sorted_by)})" if table.sorted_by else ""
        query = (f"SELECT {names_of(table.names)} FROM {source.quoted} "
                 f"WHERE {self.condition(source, share_all=0.4)}")
        return Step("sql", f"CREATE TABLE {table.quoted}{order} AS {query}",
                    model=[f"CREATE TABLE {table.quoted} AS {query}"],
                    effect=("create", table.name, table, []), touched=[table.name],
                    name="create as")

    def drop(self):
        table = self.target()
        if len(self.catalog) < 3 or self.chance(0.5):
            return None
        words = self.rng.choice(["", "IF EXISTS "])
        return Step("sql", f"DROP TABLE {words}{table.quoted}",
                    model=[f"DROP TABLE {table.quoted}"], effect=("drop", table.name), name="drop")

    def add_column(self):
        rng, table = self.rng, self.target()
        if len(table.columns) > 14:
            return None
        column = random_column(rng, {name.lower() for name in table.names})
        solid = ""
        column.nullable = True
        if column.default is None and self.chance(0.6) and column.pool:
            column.default = column.type.literal(rng.choice(column.pool))
        if column.default is not None and self.chance(0.2):
            column.nullable, solid = False, " NOT NULL"
        alter = f"ALTER TABLE {table.quoted} ADD COLUMN {column.definition()}"
        return Step("sql", alter + solid, model=[alter], effect=("add", table.name, column),
                    touched=[table.name], name="add column")

    def drop_column(self):
        table = self.target()
        free = [c for c in table.columns if c.name not in
                {*(n for k in table.keys() for n in k),
                 *(n for r in table.references for n in r.columns),
                 *(check.column for check in table.checks)}]
        if not free or len(table.columns) < 2:
            return None
        column = self.rng.choice(free)
        return Step("sql", f"ALTER TABLE {table.quoted} DROP COLUMN {column.quoted}",
                    effect=("remove", table.name, column.name),
                    may_refuse=column.name in table.sorted_by, name="drop column")

    def rename_column(self):
        table = self.target()
        column = self.rng.choice(table.columns)
        taken = {name.lower() for name in table.names}
        name = self.rng.choice(["renamed", "Größe2", "select", "数字", column.name + "_"])
        if name.lower() in taken:
            return None
        return Step("sql", f"ALTER TABLE {table.quoted} RENAME COLUMN {column.quoted} "
                    f"TO {quoted(name)}", effect=("name", table.name, column.name, name),
                    name="rename column")

    def rename(self):
        table = self.target()
        name = self.free_name(("moved", "Umbenannt", "from"))
        return Step("sql", f"ALTER TABLE {table.quoted} RENAME TO {quoted(name)}",
                    effect=("rename", table.name, name), name="rename")

    def retype(self):
        table = self.target()
        wider = [(c, of) for c in table.columns for of in WIDER.get(c.type.sql, [])
                 if not any(c.name in r.columns for r in table.references)
                 and not (c.name in table.key and referring(self.catalog, table))]
        if not wider:
            return None
        column, of = self.rng.choice(wider)
        words = self.rng.choice(["TYPE", "TYPE", "SET DATA TYPE"])
        return Step("sql", f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} "
                    f"{words} {of.sql}", effect=("retype", table.name, column.name, of),
                    touched=[table.name], may_refuse=table.is_bound(column.name), name="retype")

    def alter_column(self):
        rng, table = self.rng, self.target()
        column = rng.choice(table.columns)
        start = f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} "
        way = rng.random()
        if way < 0.4 and column.pool:
            default = column.type.literal(rng.choice(column.pool))
            return Step("sql", f"{start}SET DEFAULT {default}",
                        effect=("default", table.name, column.name, default), name="set default")
        if way < 0.6 and column.default is not None:
            return Step("sql", f"{start}DROP DEFAULT",
                        effect=("default", table.name, column.name, None), name="drop default")
        if way < 0.8:
            return Step("sql", f"{start}SET NOT NULL", model=[], touched=[table.name],
                        effect=("nullable", table.name, column.name, False), name="set not null")
        if column.name in table.key:
            return None
        return Step("sql", f"{start}DROP NOT NULL", model=[],
                    effect=("nullable", table.name, column.name, True), name="drop not null")

    def nonsense(self):
        """Statements that have to fail."""
        table = self.target()
        column = table.columns[0].quoted
        sql = self.rng.choice([
            f"UPDATE {table.quoted} SET no_such_column = 1", "DELETE FROM no_such_table",
            f"INSERT INTO {table.quoted} ({column}, {column}) SELECT 1, 2",
            f"DELETE FROM {table.quoted} WHERE no_such_column = 1",
            f"MERGE INTO {table.quoted} USING no_such_table AS s ON TRUE WHEN MATCHED THEN DELETE",
            f"INSERT INTO {table.quoted} SELECT 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "
            "16, 17, 18, 19, 20, 21", f"ALTER TABLE {table.quoted} DROP COLUMN no_such_column",
            f"CREATE TABLE {table.quoted} (a INTEGER)", "TRUNCATE TABLE no_such_table"])
        return Step("sql", sql, touched=[table.name], name="nonsense")

    # Reads.

    def query(self):
        query = self.writer().query()
        return Step("query", query.sql, is_ordered=query.is_ordered)

    # The start.

    def load(self, table):
        """Steps that make a table and load its rows."""
        yield self.created(table, [r.target.name for r in table.references])
        rows = table.rows
        while rows:
            count = len(rows) if self.chance(0.6) else self.rng.randint(1, len(rows))
            piece, rows = rows[:count], rows[count:]
            self.number += 1
            if count <= 60 and self.chance(0.6):
                values = ", ".join("(" + ", ".join(c.type.literal(v) for c, v in
                                                   zip(table.columns, row)) + ")" for row in piece)
                yield Step("sql", f"INSERT INTO {table.quoted} VALUES {values}",
                           touched=[table.name], name="insert")
            else:
                yield self.copied(table, piece)

