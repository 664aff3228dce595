"""Random changes of the tables of a schema, the same in Starfact and in DuckDB.

They leave what queries have to cope with: rows in the log, deleted and updated rows in files, small
segments, columns that came later than the rows or have become wider. DuckDB goes first; what it
refuses is left out. Keys and references stay right, so that Starfact has no reason to refuse.
"""

import duckdb

from schemas import BIGINT, DOUBLE, INTEGER, Column, decimal_type, pool, quoted, random_type

WIDER = {"SMALLINT": [INTEGER, BIGINT], "INTEGER": [BIGINT], "REAL": [DOUBLE],
         "DECIMAL(9,2)": [decimal_type(18, 2), decimal_type(38, 2)],
         "DECIMAL(18,3)": [decimal_type(38, 3)], "DECIMAL(20,4)": [decimal_type(38, 4)]}
SHIFT = 2 ** 29


class Rework:
    """Writes changes and keeps the schema's columns as they are afterwards."""

    def __init__(self, rng, schema, duck):
        self.rng, self.schema, self.duck = rng, schema, duck
        self.is_open = False

    def statements(self, count):
        """Statements that DuckDB has done, one after the other."""
        for _ in range(count):
            table = self.rng.choice([*self.schema.tables, self.schema.fact, self.schema.fact])
            way = self.rng.choices(
                [self.insert, self.again, self.update, self.update_reference, self.update_key,
                 self.delete, self.add, self.retype, self.remove, self.optimize, self.turn],
                [6, 3, 6, 3, 2, 5, 3, 2, 1, 2, 3])[0]
            sql = way(table)
            if sql:
                yield sql
        if self.is_open:
            self.is_open = False
            yield "COMMIT"

    def done(self, sql, then=None):
        """The statement, if DuckDB does it."""
        try:
            self.duck.execute(sql)
        except duckdb.Error:
            return None
        if then:
            then()
        return sql

    def column_of(self, table, bound=()):
        """A column that no key, reference or order has."""
        held = {*table.key, *table.sorted_by, *bound,
                *(name for reference in table.references for name in reference.columns)}
        free = [column for column in table.columns if column.name not in held]
        return self.rng.choice(free) if free else None

    def where(self, table):
        """A condition that some rows satisfy."""
        rng, column = self.rng, self.rng.choice(table.columns)
        if not column.pool or rng.random() < 0.1:
            return f"{column.quoted} IS NULL"
        value = column.type.literal(rng.choice(column.pool))
        way = rng.choice(["=", "=", "=", "<", ">"]) if not column.type.is_float else "<"
        if rng.random() < 0.3:
            values = ", ".join(map(column.type.literal, rng.choices(column.pool, k=3)))
            return f"{column.quoted} IN ({values})" if not column.type.is_float \
                else f"{column.quoted} IS NOT NULL"
        return f"{column.quoted} {way} {value}"

    def referring(self, table):
        return [(other, reference) for other in self.schema.tables
                for reference in other.references if reference.target is table]

    def values(self, table):
        """Literals for a new row by column name, or None if a reference has nothing to mean."""
        rng = self.rng
        row = {}
        for column in table.columns:
            fresh = column.name in table.key or not column.pool
            values = pool(column.type, rng, 1, column.small) if fresh else column.pool
            is_null = column.nullable and rng.random() < 0.2
            row[column.name] = "NULL" if is_null or not values else \
                column.type.literal(rng.choice(values))
        for reference in table.references:
            target = reference.target
            names = ", ".join(map(quoted, target.key))
            found = self.duck.execute(f"SELECT {names} FROM {target.quoted} "
                                      f"ORDER BY ALL LIMIT 30").fetchall()
            nullable = all(table.columns[table.place(name)].nullable for name in reference.columns)
            if not found or nullable and rng.random() < 0.2:
                if not nullable:
                    return None
                row.update({name: "NULL" for name in reference.columns})
                continue
            pick = rng.choice(found)
            for name, key, value in zip(reference.columns, target.key, pick):
                row[name] = target.columns[target.place(key)].type.literal(value)
        return row

    # Ways to change rows.

    def insert(self, table):
        rows = [row for row in (self.values(table) for _ in range(self.rng.choice([1, 1, 3, 12])))
                if row]
        names = [column.name for column in table.columns]
        values = ", ".join("(" + ", ".join(row[name] for name in names) + ")" for row in rows)
        items = ", ".join(map(quoted, names))
        return self.done(f"INSERT INTO {table.quoted} ({items}) VALUES {values}") if rows else None

    def again(self, table):
        """Rows once more, with other keys."""
        if table.key not in ([], ["id"]):
            return None
        items = [f"{c.quoted} + {SHIFT}" if c.name in table.key else c.quoted
                 for c in table.columns]
        names = ", ".join(column.quoted for column in table.columns)
        return self.done(f"INSERT INTO {table.quoted} ({names}) SELECT {', '.join(items)} FROM "
                         f"{table.quoted} WHERE {self.where(table)}")

    def update(self, table):
        column = self.column_of(table)
        if not column or not column.pool:
            return None
        value = column.type.literal(self.rng.choice(column.pool))
        if column.nullable and self.rng.random() < 0.2:
            value = "NULL"
        return self.done(f"UPDATE {table.quoted} SET {column.quoted} = {value} "
                         f"WHERE {self.where(table)}")

    def update_reference(self, table):
        if not table.references:
            return None
        reference = self.rng.choice(table.references)
        row = self.values(table)
        if not row or set(reference.columns) & set(table.key):
            return None
        sets = ", ".join(f"{quoted(name)} = {row[name]}" for name in reference.columns)
        return self.done(f"UPDATE {table.quoted} SET {sets} WHERE {self.where(table)}")

    def update_key(self, table):
        """Keys of a fact move, and the key of a row of a dimension that nothing means."""
        if table.key == ["id"]:
            return self.done(f"UPDATE {table.quoted} SET id = id + {SHIFT // 2} "
                             f"WHERE {self.where(table)}")
        row = self.values(table) if table.key else None
        if not row:
            return None
        name = self.rng.choice(table.key)
        found = self.duck.execute(f"SELECT {quoted(name)} FROM {table.quoted} WHERE "
                                  f"{self.unused(table)} ORDER BY 1 LIMIT 1").fetchone()
        if not found:
            return None
        of = table.columns[table.place(name)].type
        return self.done(f"UPDATE {table.quoted} SET {quoted(name)} = {row[name]} WHERE "
                         f"{quoted(name)} = {of.literal(found[0])} AND {self.unused(table)}")

    def unused(self, table):
        """A condition on rows that no other row references."""
        parts = ["TRUE"]
        for other, reference in self.referring(table):
            same = " AND ".join(f"r.{quoted(own)} = {table.quoted}.{quoted(key)}" for own, key in
                                zip(reference.columns, table.key))
            parts.append(f"NOT EXISTS (SELECT 1 FROM {other.quoted} AS r WHERE {same})")
        return " AND ".join(parts)

    def delete(self, table):
        return self.done(f"DELETE FROM {table.quoted} WHERE {self.where(table)} "
                         f"AND {self.unused(table)}")

    # Columns.

    def add(self, table):
        if self.is_open or len(table.columns) > 16:
            return None
        of = random_type(self.rng)
        values = pool(of, self.rng, 5, True)
        names = {column.name.lower() for column in table.columns}
        name = next(f"added{at}" for at in range(99) if f"added{at}" not in names)
        default = f" DEFAULT {of.literal(values[0])}" if values and self.rng.random() < 0.8 else ""
        column = Column(name, of, True, values, True)
        return self.done(f"ALTER TABLE {table.quoted} ADD COLUMN {name} {of.sql}{default}",
                         lambda: table.columns.append(column))

    def retype(self, table):
        column = self.column_of(table)
        wider = WIDER.get(column.type.sql) if column else None
        if not wider or self.is_open:
            return None
        of = self.rng.choice(wider)

        def widen():
            column.type = of
        return self.done(f"ALTER TABLE {table.quoted} ALTER COLUMN {column.quoted} TYPE {of.sql}",
                         widen)

    def remove(self, table):
        column = self.column_of(table)
        if not column or self.is_open or len(table.columns) < 4:
            return None
        return self.done(f"ALTER TABLE {table.quoted} DROP COLUMN {column.quoted}",
                         lambda: table.columns.remove(column))

    # What is Starfact's alone, and transactions.

    def optimize(self, table):
        return None if self.is_open else f"OPTIMIZE TABLE {table.quoted}"

    def turn(self, _):
        self.is_open = not self.is_open
        return "BEGIN" if self.is_open else "COMMIT"
