"""Random stars with all their constraints, for checks that change data.

A table knows its keys, references (to itself, too), CHECKs, defaults and sort order, writes its own
definition, and says in SQL which of its constraints the rows of a database violate. A catalog is
the tables by name; DDL changes it by *effects*, which are plain tuples.
"""

import copy

import schemas
from schemas import (BIGINT, BOOLEAN, DATE, DOUBLE, INTEGER, NAMES, REAL, SMALLINT, TIME, TIMESTAMP,
                     TIMESTAMPTZ, VARCHAR, decimal_type, pool, quoted)

WIDER = {"SMALLINT": [INTEGER, BIGINT], "INTEGER": [BIGINT], "REAL": [DOUBLE],
         "DECIMAL(5,2)": [decimal_type(9, 2), decimal_type(20, 2)],
         "DECIMAL(9,2)": [decimal_type(18, 2), decimal_type(38, 2)],
         "DECIMAL(18,3)": [decimal_type(20, 3), decimal_type(38, 3)]}


class Refused(Exception):
    """DDL that the catalog does not allow."""


class Check:
    """A CHECK of one column: `template` has {} for its name."""

    def __init__(self, column, template, holds):
        self.column, self.template, self.holds = column, template, holds

    @property
    def sql(self):
        return self.template.replace("{}", quoted(self.column))


class Column(schemas.Column):
    """A column with the literal of its default, or None."""

    def __init__(self, name, of, nullable, values, small=False, default=None):
        super().__init__(name, of, nullable, values, small)
        self.default = default

    def definition(self):
        default = f" DEFAULT {self.default}" if self.default is not None else ""
        return f"{self.quoted} {self.type.sql}{default}"


class Table(schemas.Table):
    """A table; `rows` is a sample of what it holds at present."""

    def __init__(self, name):
        super().__init__(name)
        self.unique, self.checks = [], []

    def column(self, name):
        return self.columns[self.place(name)]

    @property
    def names(self):
        return [column.name for column in self.columns]

    def keys(self):
        """The primary key and the UNIQUE ones."""
        return ([self.key] if self.key else []) + self.unique

    def is_bound(self, name):
        """Whether a constraint or the sort order has the column."""
        held = [*self.keys(), self.sorted_by, *(r.columns for r in self.references)]
        return any(name in names for names in held) or any(c.column == name for c in self.checks)

    def definition(self, is_ours, is_peer=False):
        """CREATE TABLE with all constraints; for the peer without a sort order and references of
        a table to itself; for the model with none."""
        parts = []
        for column in self.columns:
            solid = (is_ours or is_peer) and not column.nullable
            parts.append(column.definition() + (" NOT NULL" if solid else ""))
        if is_ours or is_peer:
            if self.key:
                parts.append(f"PRIMARY KEY ({names_of(self.key)})")
            parts += [f"UNIQUE ({names_of(key)})" for key in self.unique]
            parts += [f"CHECK ({check.sql})" for check in self.checks]
            parts += [f"FOREIGN KEY ({names_of(r.columns)}) REFERENCES {r.target.quoted} "
                      f"({names_of(r.target.key)})" for r in self.references
                      if is_ours or r.target is not self]
        order = f" SORTED BY ({names_of(self.sorted_by)})" if is_ours and self.sorted_by else ""
        return f"CREATE TABLE {self.quoted} ({', '.join(parts)}){order}"

    def faults(self):
        """Pairs of what is violated and a condition that is true if it is."""
        own = self.quoted
        for column in self.columns:
            if not column.nullable or column.name in self.key:
                yield (f"NULL in {own}.{column.quoted}",
                       f"EXISTS (SELECT 1 FROM {own} WHERE {column.quoted} IS NULL)")
        for key in self.keys():
            solid = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key)
            yield (f"a duplicate key ({names_of(key)}) in {own}",
                   f"EXISTS (SELECT 1 FROM {own} WHERE {solid} GROUP BY {names_of(key)} "
                   "HAVING count(*) > 1)")
        for check in self.checks:
            yield f"CHECK ({check.sql}) of {own}", f"EXISTS (SELECT 1 FROM {own} WHERE NOT ({check.sql}))"
        for reference in self.references:
            solid = " AND ".join(f"c.{quoted(name)} IS NOT NULL" for name in reference.columns)
            same = " AND ".join(f"p.{quoted(key)} = c.{quoted(name)}" for name, key in
                                zip(reference.columns, reference.target.key))
            yield (f"a reference of {own} to no row of {reference.target.quoted}",
                   f"EXISTS (SELECT 1 FROM {own} c WHERE {solid} AND NOT EXISTS "
                   f"(SELECT 1 FROM {reference.target.quoted} p WHERE {same}))")


def names_of(names):
    return ", ".join(map(quoted, names))


def referring(catalog, table):
    """The tables that refer to a table."""
    return [other for other in catalog.values()
            if any(reference.target is table for reference in other.references)]


# DDL as changes of a catalog.

def change(catalog, effect):
    """Applies an effect; raises Refused if the catalog does not allow it."""
    word, name, *rest = effect
    if word == "create":
        table = copy.deepcopy(rest[0])
        for reference, target in zip(table.references, rest[1]):
            if target != name and target not in catalog:
                raise Refused(f"no table {target}")
            reference.target = table if target == name else catalog[target]
        table.rows = []
        catalog[name] = table
        return
    if name not in catalog:
        raise Refused(f"no table {name}")
    table = catalog[name]
    if word == "drop":
        names = [name, *rest]
        for each in names:
            if any(other.name not in names for other in referring(catalog, catalog[each])):
                raise Refused(f"a table refers to {each}")
        for each in names:
            del catalog[each]
    elif word == "rename":
        table.name = rest[0]
        items = [(rest[0] if each == name else each, held) for each, held in catalog.items()]
        catalog.clear()
        catalog.update(items)
    elif word == "add":
        table.columns.append(copy.deepcopy(rest[0]))
    elif word == "remove":
        table.columns.remove(table.column(rest[0]))
        table.sorted_by = [each for each in table.sorted_by if each != rest[0]]
    elif word == "retype":
        table.column(rest[0]).type = rest[1]
    elif word == "nullable":
        table.column(rest[0]).nullable = rest[1]
    elif word == "default":
        table.column(rest[0]).default = rest[1]
    elif word == "name":
        old, new = rest
        swap = lambda names: [new if each == old else each for each in names]  # noqa: E731
        table.column(old).name = new
        table.key, table.sorted_by = swap(table.key), swap(table.sorted_by)
        table.unique = [swap(key) for key in table.unique]
        for reference in table.references:
            reference.columns = swap(reference.columns)
        for check in table.checks:
            if check.column == old:
                check.column = new


# Random stars.

class Star:
    """Tables in the order of their references, with rows to load."""

    def __init__(self, rng):
        self.rng, self.taken, self.tables = rng, set(), []
        dimensions = []
        for _ in range(rng.choice([1, 2, 2, 3])):
            parents = [each for each in dimensions if rng.random() < 0.35][:2]
            dimensions.append(self.table(parents, self.name_of_dimension(), True))
        for _ in range(rng.choice([1, 1, 2])):
            roles = [each for each in dimensions if rng.random() < 0.8]
            if roles and rng.random() < 0.3:
                roles.append(rng.choice(roles))
            self.table(roles, self.unused(["sales", "lineorder", "Fakt", "f"]), False)

    def name_of_dimension(self):
        return self.unused(["customer", "date", "Part", "supplier", "Ort", "store", "order", "d"])

    def unused(self, options):
        name = self.rng.choice(options)
        while name.lower() in self.taken:
            name += self.rng.choice("_2x")
        self.taken.add(name.lower())
        return name

    def table(self, parents, name, is_dimension):
        rng, table = self.rng, Table(name)
        if is_dimension or rng.random() < 0.6:
            self.add_key(table)
        for number, parent in enumerate(parents):
            self.refer(table, parent, f"ref{number}")
        if not is_dimension and not table.key and table.references and rng.random() < 0.2:
            table.key = self.compose(table)
        taken = {each.lower() for each in table.names}
        for _ in range(rng.randint(1, 5)):
            table.columns.append(random_column(rng, taken))
        if table.key and rng.random() < (0.35 if is_dimension else 0.15):
            self.refer(table, table, "up")
        self.constrain(table)
        rng.shuffle(table.columns)
        if rng.random() < (0.25 if is_dimension else 0.55):
            table.sorted_by = [c.name for c in rng.sample(
                table.columns, min(len(table.columns), rng.choice([1, 1, 2])))]
        fill(table, rng, rng.choice([0, 0, 1, 3, 10, 30] if is_dimension else [0, 1, 10, 60, 200]))
        self.tables.append(table)
        return table

    def add_key(self, table):
        rng = self.rng
        for at in range(rng.choice([1, 1, 1, 1, 2, 3])):
            of = rng.choice([SMALLINT, INTEGER, INTEGER, INTEGER, BIGINT, BIGINT, VARCHAR, DATE,
                             decimal_type(9, 2), TIMESTAMP])
            values = pool(of, rng, 60 if at == 0 else 3)
            if of.is_integer and rng.random() < 0.7:
                start = rng.choice([0, 1, -5, 1000])
                values = list(range(start, start + 60))
            table.columns.append(Column(f"key{at}", of, False, values))
            table.key.append(f"key{at}")

    def refer(self, table, target, prefix):
        nullable = self.rng.random() < 0.6 or target is table
        names = []
        for key in target.key:
            source = target.column(key)
            names.append(f"{prefix}_{key}"[:30])
            table.columns.append(Column(names[-1], source.type, nullable, source.pool))
        table.references.append(schemas.Reference(names, target))

    def compose(self, table):
        """A key of a reference and a line number."""
        table.columns.append(Column("line", INTEGER, False, list(range(1, 9))))
        names = [*table.references[0].columns, "line"]
        for name in names:
            table.column(name).nullable = False
        return names

    def constrain(self, table):
        rng = self.rng
        free = [c for c in table.columns if not table.is_bound(c.name) and not c.type.is_float
                and c.type.base != "BOOLEAN"]
        if free and rng.random() < 0.35:
            picks = rng.sample(free, min(len(free), rng.choice([1, 1, 2])))
            for column in picks:
                column.pool, column.default = pool(column.type, rng, 80, column.small), None
            table.unique.append([column.name for column in picks])
        numbers = [c for c in table.columns if c.small and c.type.is_integer
                   and not table.is_bound(c.name)]
        if numbers and rng.random() < 0.3:
            column, low = rng.choice(numbers), rng.choice([-50, 0, 10])
            column.pool = [value for value in column.pool if value >= low] or [low]
            column.default = None
            table.checks.append(Check(column.name, f"{{}} >= {low}", AtLeast(low)))


class AtLeast:
    def __init__(self, low):
        self.low = low

    def __call__(self, value):
        return value is None or value >= self.low


def random_column(rng, taken, name=None):
    of = rng.choice([BOOLEAN, SMALLINT, INTEGER, INTEGER, BIGINT, REAL, DOUBLE, VARCHAR, VARCHAR,
                     VARCHAR, DATE, TIME, TIMESTAMP, TIMESTAMPTZ, decimal_type(9, 2),
                     decimal_type(18, 3), decimal_type(38, 10), decimal_type(5, 2)])
    small = rng.random() < 0.6
    values = pool(of, rng, rng.choice([1, 2, 5, 20, 100]), small)
    name = name or rng.choice(NAMES)
    while name.lower() in taken:
        name += rng.choice("_1z")
    taken.add(name.lower())
    default = of.literal(rng.choice(values)) if rng.random() < 0.25 else None
    return Column(name, of, rng.random() < 0.75, values, small, default)


def fill(table, rng, count):
    """Gives a table rows that satisfy all its constraints."""
    seen = [set() for _ in table.keys()]
    rows = []
    for _ in range(count):
        row = dict(zip(table.names, (random_value(column, rng) for column in table.columns)))
        for reference in table.references:
            target = reference.target
            rows_of = [dict(zip(table.names, each)) for each in rows[-20:]] if target is table else \
                [dict(zip(target.names, each)) for each in target.rows]
            if rows_of and rng.random() < 0.9:
                pick = rng.choice(rows_of)
                row.update({own: pick[key] for own, key in zip(reference.columns, target.key)})
            elif target is table and rng.random() < 0.3:
                row.update({own: row[key] for own, key in zip(reference.columns, target.key)})
            else:
                row.update({own: None for own in reference.columns})
        solid = all(row[c.name] is not None for c in table.columns
                    if not c.nullable or c.name in table.key)
        keys = [tuple(row[name] for name in key) for key in table.keys()]
        fresh = all(None in key or key not in held for key, held in zip(keys, seen))
        if solid and fresh and all(check.holds(row[check.column]) for check in table.checks):
            for key, held in zip(keys, seen):
                held.add(key)
            rows.append([row[name] for name in table.names])
    table.rows = rows


def random_value(column, rng):
    if not column.pool or column.nullable and rng.random() < 0.15:
        return None
    return rng.choice(column.pool)
