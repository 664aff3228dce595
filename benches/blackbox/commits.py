"""Random small commits on a star, and the state that the tables must be in after each.

The model keeps rows as tuples and each state as a dictionary of tables that are never changed, so
that all states of a script are there to compare with. A statement is made together with what it
does to the model; where a constraint speaks against it, it is left out or must fail.
"""

BULK_ROWS = 70_000
MOST_ROWS = 150_000
REGIONS = ["north", "south", "east", "west", "far east"]
SETUP = """
CREATE TABLE shop (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, region VARCHAR);
CREATE TABLE item (id BIGINT PRIMARY KEY, code VARCHAR NOT NULL UNIQUE, price INTEGER);
CREATE TABLE sale (n BIGINT PRIMARY KEY, shop INTEGER NOT NULL REFERENCES shop (id), item BIGINT
  REFERENCES item (id), day INTEGER, amount BIGINT, note VARCHAR) SORTED BY (day);
CREATE TABLE turn (k BIGINT, who VARCHAR);
"""
COLUMNS = {"shop": ("id", "name", "region"), "item": ("id", "code", "price"),
           "sale": ("n", "shop", "item", "day", "amount", "note"), "turn": ("k", "who")}


class Violation(Exception):
    """A constraint speaks against a change."""


class Table:
    """Columns and rows, never changed; rows by their first value where that is the key."""

    def __init__(self, name, columns, rows, is_keyed):
        self.name, self.columns, self.is_keyed, self.cache = name, columns, is_keyed, {}
        self.rows = {row[0]: row for row in rows} if is_keyed else dict(enumerate(rows))
        if len(self.rows) != len(rows):
            raise Violation(f"a key of {name} twice")

    def values(self, place):
        """The distinct values of a column."""
        if place not in self.cache:
            self.cache[place] = {row[place] for row in self.rows.values()}
        return self.cache[place]

    def lines(self):
        if "lines" not in self.cache:
            self.cache["lines"] = sorted(",".join("" if value is None else str(value)
                                                  for value in row) for row in self.rows.values())
        return self.cache["lines"]

    def having(self, rows, columns=None):
        return Table(self.name, columns or self.columns, rows, self.is_keyed)


def verify(state):
    sale, shop, item = (state[name] for name in ("sale", "shop", "item"))
    if len(item.values(1)) != len(item.rows):
        raise Violation("a code twice")
    if not sale.values(1) <= shop.rows.keys():
        raise Violation("no such shop")
    if not sale.values(2) - {None} <= item.rows.keys():
        raise Violation("no such item")


def literal(value):
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


def listed(rows):
    return ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows)


def grouped(state, places, key):
    """Rows of the fact with the parts of dimensions, grouped: rows and sum of amounts."""
    groups = {}
    for row in state["sale"].rows.values():
        name = key(state, row)
        count, total = groups.get(name, (0, 0))
        groups[name] = (count + 1, total + (row[4] or 0))
    return [(name, *sums) for name, sums in groups.items() if places(name)]


def sums_of(state):
    sale, shop, item = (state[name].rows.values() for name in ("sale", "shop", "item"))
    return [("sale", len(sale), sum(row[0] for row in sale), sum(row[4] for row in sale),
             sum(row[1] * 7 + (row[2] or 0) + row[0] % 97 * row[3] for row in sale)),
            ("shop", len(shop), sum(row[0] for row in shop), sum(len(row[1]) for row in shop),
             sum(len(row[2] or "") * row[0] for row in shop)),
            ("item", len(item), sum(row[0] for row in item), sum(row[2] for row in item),
             sum(len(row[1]) * row[0] for row in item))]


# Queries of readers: text, and the rows for a state.
QUERIES = [
    ("SELECT 'sale', count(*), coalesce(sum(n), 0), coalesce(sum(amount), 0), "
     "coalesce(sum(shop * 7 + coalesce(item, 0) + n % 97 * day), 0) FROM sale UNION ALL "
     "SELECT 'shop', count(*), coalesce(sum(id), 0), coalesce(sum(length(name)), 0), "
     "coalesce(sum(length(coalesce(region, '')) * id), 0) FROM shop UNION ALL "
     "SELECT 'item', count(*), coalesce(sum(id), 0), coalesce(sum(price), 0), "
     "coalesce(sum(length(code) * id), 0) FROM item", sums_of),
    ("SELECT s.region, count(*), sum(f.amount) FROM sale AS f JOIN shop AS s ON f.shop = s.id "
     "GROUP BY s.region",
     lambda state: grouped(state, lambda _: True,
                           lambda held, row: held["shop"].rows[row[1]][2])),
    ("SELECT i.price, count(*), sum(f.amount) FROM sale AS f LEFT JOIN item AS i "
     "ON f.item = i.id GROUP BY i.price",
     lambda state: grouped(state, lambda _: True, lambda held, row:
                           None if row[2] is None else held["item"].rows[row[2]][2])),
    ("SELECT day, count(*), sum(amount) FROM sale WHERE day BETWEEN 5 AND 12 GROUP BY day",
     lambda state: grouped(state, lambda day: 5 <= day <= 12, lambda _, row: row[3])),
    ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'main'",
     lambda state: [(name,) for name in state]),
]


class Script:
    """Random statements, the committed state after each, and which of them must fail."""

    def __init__(self, rng, folder, start, length, also, without=()):
        self.rng, self.folder, self.also, self.without = rng, folder, also, without
        self.statements, self.states, self.fails, self.answers = [], [start], [], {}
        self.now, self.is_open = start, False
        while len(self.statements) < length:
            way = rng.random()
            if way < 0.16:
                self.transaction(rng.choice([1, 2, 3, 6]), way < 0.12)
            else:
                self.change()

    def add(self, sql, fails=False):
        self.statements.append(sql)
        self.fails.append(fails)
        self.states.append(self.states[-1] if self.is_open else self.now)

    def transaction(self, length, is_commit):
        before = self.now
        self.add("BEGIN")
        self.is_open = True
        for _ in range(length):
            self.change()
        self.is_open = False
        if not is_commit:
            self.now = before
        self.add("COMMIT" if is_commit else "ROLLBACK")

    def change(self):
        """Adds a statement that succeeds, or outside of transactions now and then fails."""
        size = len(self.now["sale"].rows)
        ways = [(8, self.insert), (3, self.insert_dimension), (7, self.update),
                (3, self.update_key), (3, self.update_from), (4, self.update_dimension),
                (3, self.dimension_key), (4, self.delete), (2, self.delete_dimension),
                (5, self.upsert), (5, self.merge), (2, self.upsert_dimension),
                (0.3 + 2 * (size > BULK_ROWS), self.truncate),
                (0.5 * (size < MOST_ROWS), self.copy), (0.3 * (size < MOST_ROWS), self.bulk),
                (1.2, self.ddl), (0 if self.is_open and "alter_inside" in self.without else 1.2,
                                 self.alter), (0 if self.is_open else 1.2, self.upkeep)]
        while True:
            way = self.rng.choices([way for _, way in ways], [weight for weight, _ in ways])[0]
            try:
                made = way()
                if not made:
                    continue
                sql, tables = made
                state = {**self.now, **{table.name: table for table in tables}}
                for name in self.gone:
                    state.pop(name, None)
                verify(state)
            except Violation:
                if self.is_open or self.rng.random() < 0.5 or way.__name__ not in self.refused:
                    continue
                self.add(self.sql, True)
                return
            finally:
                self.gone = ()
            self.now = state
            self.add(sql)
            return

    # What is refused for its constraints is sent now and then.
    gone = ()
    refused = {"insert", "update_key", "dimension_key", "delete_dimension", "insert_dimension"}

    def made(self, sql, name, rows):
        """A change of the rows of one table, which may violate a constraint."""
        self.sql = sql
        return sql, [self.now[name].having(rows)]

    def some(self, name, least=1):
        """A range of keys that are there: low, high; wide now and then."""
        keys = list(self.now[name].rows) or [0]
        low = self.rng.choice(keys)
        return low, low + self.rng.choice([0, 0, 3, 15, 80]) + least - 1

    def sale_row(self, key):
        rng, table = self.rng, self.now["sale"]
        row = (key, rng.choice(list(self.now["shop"].rows)),
               rng.choice([None, *self.now["item"].rows]), rng.randint(1, 20),
               rng.randint(-500, 9_000), rng.choice([None, "a", "b b", f"n{rng.randint(1, 999)}"]))
        return row + (None,) * (len(table.columns) - 6)

    def new_key(self, name):
        return max(self.now[name].rows, default=0) + self.rng.randint(1, 9)

    def insert(self):
        rng, table = self.rng, self.now["sale"]
        start = self.new_key("sale")
        rows = [self.sale_row(start + at) for at in range(rng.choice([1, 1, 1, 4, 30, 300]))]
        if rng.random() < 0.1:
            rows[-1] = (rows[-1][0], 999_999, *rows[-1][2:])
        names = ", ".join(table.columns)
        return self.made(f"INSERT INTO sale ({names}) VALUES {listed(rows)}", "sale",
                         [*table.rows.values(), *rows])

    def dimension_row(self, name, key):
        rng, more = self.rng, (None,) * (len(self.now[name].columns) - 3)
        if name == "shop":
            return (key, f"shop {rng.randint(1, 99999)}", rng.choice([None, *REGIONS]), *more)
        return (key, f"c{key}-{rng.randint(1, 10**9)}", rng.randint(1, 30), *more)

    def insert_dimension(self):
        name = self.rng.choice(["shop", "item"])
        key = self.new_key(name) if self.rng.random() < 0.9 else min(self.now[name].rows)
        row = self.dimension_row(name, key)
        return self.made(f"INSERT INTO {name} VALUES {listed([row])}", name,
                         [*self.now[name].rows.values(), row])

    def where(self):
        """A condition on the fact, as text and as a function."""
        rng, way = self.rng, self.rng.random()
        if way < 0.6:
            low, high = self.some("sale")
            return f"n BETWEEN {low} AND {high}", lambda row: low <= row[0] <= high
        day = rng.randint(1, 20)
        if way < 0.75:
            return f"day = {day} AND n % 5 = 0", lambda row: row[3] == day and row[0] % 5 == 0
        region = rng.choice(REGIONS)
        shops = {key for key, row in self.now["shop"].rows.items() if row[2] == region}
        return (f"day < {day} AND n % 7 = 1 AND shop IN (SELECT id FROM shop WHERE "
                f"region = '{region}')",
                lambda row: row[3] < day and row[0] % 7 == 1 and row[1] in shops)

    def update(self):
        rng, (text, holds) = self.rng, self.where()
        shop, day = rng.choice(list(self.now["shop"].rows)), rng.randint(1, 20)
        sql, new = rng.choice([
            ("amount = amount + 3, note = 'u'", lambda r: (*r[:4], r[4] + 3, "u", *r[6:])),
            (f"shop = {shop}", lambda r: (r[0], shop, *r[2:])),
            ("item = NULL", lambda r: (*r[:2], None, *r[3:])),
            (f"day = {day}, amount = day", lambda r: (*r[:3], day, r[3], *r[5:]))])
        rows = [new(row) if holds(row) else row for row in self.now["sale"].rows.values()]
        return self.made(f"UPDATE sale SET {sql} WHERE {text}", "sale", rows)

    def update_key(self):
        rng, (low, high) = self.rng, self.some("sale")
        by = rng.choice([1, -1, 7, 2_000_000, 2_000_000])
        rows = [(row[0] + by, *row[1:]) if low <= row[0] <= high else row
                for row in self.now["sale"].rows.values()]
        return self.made(f"UPDATE sale SET n = n + {by} WHERE n BETWEEN {low} AND {high}", "sale",
                         rows)

    def update_from(self):
        low, items = self.rng.randint(1, 30), self.now["item"].rows
        rows = [(*row[:4], items[row[2]][2], *row[5:])
                if row[2] is not None and items[row[2]][2] == low and row[0] % 3 == 0 else row
                for row in self.now["sale"].rows.values()]
        return self.made("UPDATE sale SET amount = item.price FROM item WHERE sale.item = item.id "
                         f"AND item.price = {low} AND sale.n % 3 = 0", "sale", rows)

    def update_dimension(self):
        rng, name = self.rng, self.rng.choice(["shop", "item"])
        low, high = self.some(name)
        if name == "shop":
            region = rng.choice(REGIONS)
            sql, new = f"region = '{region}', name = name || '+'", \
                lambda r: (r[0], r[1] + "+", region, *r[3:])
        else:
            sql, new = "price = price % 29 + 1, code = code || 'x'", \
                lambda r: (r[0], r[1] + "x", r[2] % 29 + 1, *r[3:])
        rows = [new(row) if low <= row[0] <= high else row for row in self.now[name].rows.values()]
        return self.made(f"UPDATE {name} SET {sql} WHERE id BETWEEN {low} AND {high}", name, rows)

    def dimension_key(self):
        """Two rows of a dimension change keys, or one gets a new key."""
        rng, name = self.rng, self.rng.choice(["shop", "item"])
        keys = list(self.now[name].rows)
        a, b = rng.choice(keys), rng.choice(keys)
        if rng.random() < 0.5:
            b = self.new_key(name)
        other = {a: b, b: a}
        rows = [(other.get(row[0], row[0]), *row[1:]) for row in self.now[name].rows.values()]
        return self.made(f"UPDATE {name} SET id = CASE id WHEN {a} THEN {b} ELSE {a} END "
                         f"WHERE id IN ({a}, {b})", name, rows)

    def delete(self):
        text, holds = self.where()
        if self.rng.random() < 0.2:
            low = self.rng.randint(1, 30)
            items = self.now["item"].rows
            text = f"sale.item = item.id AND item.price = {low} AND n % 2 = 0"
            rows = [row for row in self.now["sale"].rows.values() if not (
                row[2] is not None and items[row[2]][2] == low and row[0] % 2 == 0)]
            return self.made(f"DELETE FROM sale USING item WHERE {text}", "sale", rows)
        rows = [row for row in self.now["sale"].rows.values() if not holds(row)]
        return self.made(f"DELETE FROM sale WHERE {text}", "sale", rows)

    def delete_dimension(self):
        name = self.rng.choice(["shop", "item"])
        if len(self.now[name].rows) < 8:
            return None
        low, high = self.some(name)
        rows = [row for row in self.now[name].rows.values() if not low <= row[0] <= high]
        return self.made(f"DELETE FROM {name} WHERE id BETWEEN {low} AND {high}", name, rows) \
            if len(rows) > 5 else None

    def clashing(self, count):
        """Rows of the fact of which some have keys that are there."""
        keys = list(self.now["sale"].rows) or [1]
        start = self.new_key("sale")
        found = {self.rng.choice(keys) if self.rng.random() < 0.5 else start + at
                 for at in range(count)}
        return [self.sale_row(key) for key in sorted(found)]

    def upsert(self):
        rows, held = self.clashing(self.rng.choice([1, 3, 20])), dict(self.now["sale"].rows)
        is_update = self.rng.random() < 0.7
        for row in rows:
            old = held.get(row[0])
            if old is None:
                held[row[0]] = row
            elif is_update:
                held[row[0]] = (*old[:4], old[4] + row[4], row[5], *old[6:])
        action = "UPDATE SET amount = sale.amount + excluded.amount, note = excluded.note" \
            if is_update else "NOTHING"
        names = ", ".join(self.now["sale"].columns)
        return self.made(f"INSERT INTO sale ({names}) VALUES {listed(rows)} "
                         f"ON CONFLICT (n) DO {action}", "sale", list(held.values()))

    def upsert_dimension(self):
        held = dict(self.now["shop"].rows)
        key = self.rng.choice([*held, self.new_key("shop")])
        row = self.dimension_row("shop", key)
        held[key] = (*row[:3], *held[key][3:]) if key in held else row
        return self.made(f"INSERT INTO shop VALUES {listed([row])} ON CONFLICT (id) DO UPDATE SET "
                         "name = excluded.name, region = excluded.region", "shop",
                         list(held.values()))

    def merge(self):
        rows, held = self.clashing(self.rng.choice([1, 4, 25])), dict(self.now["sale"].rows)
        for row in rows:
            old = held.get(row[0])
            if old is None:
                held[row[0]] = row
            elif old[4] < 1000:
                del held[row[0]]
            else:
                held[row[0]] = (*row[:5], old[5], *old[6:])
        names = self.now["sale"].columns
        selects = " UNION ALL ".join(
            "SELECT " + ", ".join(f"CAST({literal(value)} AS "
                                  f"{'VARCHAR' if name == 'note' else 'BIGINT'}) AS {name}"
                                  for name, value in zip(names, row)) for row in rows)
        return self.made(
            f"MERGE INTO sale AS t USING ({selects}) AS s ON t.n = s.n "
            "WHEN MATCHED AND t.amount < 1000 THEN DELETE WHEN MATCHED THEN UPDATE SET "
            "shop = s.shop, item = s.item, day = s.day, amount = s.amount "
            f"WHEN NOT MATCHED THEN INSERT ({', '.join(names)}) "
            f"VALUES ({', '.join('s.' + name for name in names)})", "sale", list(held.values()))

    def truncate(self):
        return self.made("TRUNCATE sale", "sale", [])

    def many_rows(self):
        start = self.new_key("sale")
        shops, items = list(self.now["shop"].rows)[:7], [None, *self.now["item"].rows][:7]
        more = (None,) * (len(self.now["sale"].columns) - 6)
        return [(start + at, shops[at % len(shops)], items[at * 31 % len(items)],
                 at * 7919 % 20 + 1, at % 4001, f"m{at % 100}", *more) for at in range(BULK_ROWS)]

    def file_of(self, rows):
        path = self.folder / f"rows-{len(self.statements)}-{rows[0][0]}.csv"
        table = Table("file", (), rows, True)
        path.write_text(",".join(self.now["sale"].columns) + "\n"
                        + "\n".join(table.lines()) + "\n")
        return path

    def copy(self):
        rows = self.many_rows()[:self.rng.choice([10, 3_000, BULK_ROWS])]
        return self.made(f"COPY sale FROM '{self.file_of(rows)}'", "sale",
                         [*self.now["sale"].rows.values(), *rows])

    def bulk(self):
        rows = self.many_rows()
        names = ", ".join(self.now["sale"].columns)
        return self.made(f"INSERT INTO sale ({names}) SELECT {names} FROM '{self.file_of(rows)}'",
                         "sale", [*self.now["sale"].rows.values(), *rows])

    # DDL.

    def extras(self):
        return [name for name in self.now if name not in COLUMNS]

    def ddl(self):
        rng, extras, way = self.rng, self.extras(), self.rng.random()
        name = f"extra{max([0, *(int(name[5:]) for name in extras)]) + 1}"
        if way < 0.4 or not extras:
            low, high = self.some("sale", 20)
            rows = [(row[0], row[4]) for row in self.now["sale"].rows.values()
                    if low <= row[0] <= high]
            return (f"CREATE TABLE {name} SORTED BY (amount) AS SELECT n, amount FROM sale "
                    f"WHERE n BETWEEN {low} AND {high}",
                    [Table(name, ("n", "amount"), rows, False)])
        if way < 0.5:
            return (f"CREATE TABLE {name} (a BIGINT PRIMARY KEY, b VARCHAR DEFAULT 'd')",
                    [Table(name, ("a", "b"), [], True)])
        old = self.now[rng.choice(extras)]
        if way < (0.9 if len(extras) > 5 else 0.7):
            self.gone = (old.name,)
            return f"DROP TABLE {old.name}", []
        if self.rng.random() < 0.5:
            self.gone = (old.name,)
            return (f"ALTER TABLE {old.name} RENAME TO {name}",
                    [Table(name, old.columns, list(old.rows.values()), old.is_keyed)])
        row = (self.new_key(old.name), 7 if old.columns[1] == "amount" else "x") \
            + (None,) * (len(old.columns) - 2)
        return (f"INSERT INTO {old.name} VALUES {listed([row])}",
                [old.having([*old.rows.values(), row])])

    def alter(self):
        """A column comes or goes."""
        old = self.now[self.rng.choice(["sale", "shop", "item", *self.extras()])]
        rows = old.rows.values()
        if old.columns[-1] == "added":
            return (f"ALTER TABLE {old.name} DROP COLUMN added",
                    [old.having([row[:-1] for row in rows], old.columns[:-1])])
        value = self.rng.choice([None, 5, 70_000])
        return (f"ALTER TABLE {old.name} ADD COLUMN added INTEGER"
                + (f" DEFAULT {value}" if value else ""),
                [old.having([(*row, value) for row in rows], (*old.columns, "added"))])

    def upkeep(self):
        return (self.rng.choice(self.also), []) if self.also else None

    # Answers.

    def answer(self, query, at):
        state = self.states[at]
        key = query, id(state)
        if key not in self.answers:
            self.answers[key] = sorted(tuple("" if value is None else str(value) for value in row)
                                       for row in QUERIES[query][1](state))
        return self.answers[key]

    def text(self, last):
        sent = self.statements[max(0, last - 12):last + 1]
        return "\n".join(f"{sql[:700]};" for sql in sent)
