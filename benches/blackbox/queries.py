"""Random queries over a random star, in SQL that means the same in Starfact and in DuckDB.

Left out, because the engines differ in ways that are nobody's mistake: division of integers,
averages of decimals, text of floats, comparisons across kinds of types. A `LIMIT` always stands
behind an `ORDER BY` of every column, and floats that were summed are never ordered by.
"""

from schemas import DATE, DOUBLE, INTEGER, TIMESTAMP, VARCHAR, quoted


class Source:
    """One column as a query sees it: its text, its type and where its values come from."""

    def __init__(self, text, of, values, small=False):
        self.text, self.type, self.values, self.small = text, of, values, small


class Item:
    """One column of a result: its text, its type, and whether it may be ordered by."""

    def __init__(self, text, of, is_exact=True):
        self.text, self.type, self.is_exact = text, of, is_exact


class Query:
    """The text of a query and whether the order of its rows is determined."""

    def __init__(self, sql, is_ordered):
        self.sql, self.is_ordered = sql, is_ordered


class Writer:
    """Writes random queries over one schema."""

    def __init__(self, schema, rng, without=()):
        self.schema, self.rng, self.without = schema, rng, set(without)
        self.aliases = 0

    # Where rows come from.

    def alias(self):
        self.aliases += 1
        return f"t{self.aliases}"

    def sources(self, table, alias):
        def values(column):
            at = table.columns.index(column)
            rows = self.rng.choices(table.rows, k=20) if table.rows else []
            found = [row[at] for row in rows if row[at] is not None]
            return (found + column.pool[:5]) or column.pool
        return [Source(f"{alias}.{column.quoted}", column.type, values(column), column.small)
                for column in table.columns]

    def join(self, inner_only=False):
        """A tree of joins from a root along foreign keys: FROM clause, conditions, columns."""
        rng = self.rng
        root = self.schema.fact if rng.random() < 0.8 else rng.choice(self.schema.tables)
        alias = self.alias()
        clause = f"{root.quoted} AS {alias}"
        columns = self.sources(root, alias)
        conditions = []
        commas = rng.random() < 0.3
        open_edges = [(alias, reference) for reference in root.references]
        while open_edges:
            own, reference = open_edges.pop(rng.randrange(len(open_edges)))
            if rng.random() < 0.35:
                continue
            target, other = reference.target, self.alias()
            on = " AND ".join(
                self.flip(f"{own}.{quoted(name)}", "=", f"{other}.{quoted(key)}")
                for name, key in zip(reference.columns, target.key))
            if commas:
                clause += f", {target.quoted} AS {other}"
                conditions.append(on)
            else:
                kind = "JOIN" if inner_only else rng.choice(
                    ["JOIN", "JOIN", "INNER JOIN", "LEFT JOIN", "LEFT OUTER JOIN", "RIGHT JOIN",
                     "FULL JOIN"] if rng.random() < 0.5 else ["JOIN", "LEFT JOIN"])
                if rng.random() < 0.15:
                    extra = self.sources(target, other)
                    on += f" AND {self.predicate(extra, 1)}"
                clause += f" {kind} {target.quoted} AS {other} ON {on}"
            columns += self.sources(target, other)
            open_edges += [(other, further) for further in target.references]
        return clause, conditions, columns

    def flip(self, left, operator, right):
        other = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
        swap = self.rng.random() < 0.2
        return f"{right} {other} {left}" if swap else f"{left} {operator} {right}"

    # Conditions.

    def constant(self, source):
        """A literal near the column's values."""
        rng = self.rng
        of = source.type
        value = rng.choice(source.values) if source.values else None
        if value is None:
            return of.literal(None)
        way = rng.random()
        if of.is_integer and way < 0.25:
            return str(value + rng.choice([-1, 1, 10, 100_000, -40_000]))
        if of.is_integer and way < 0.35:
            return f"{value}.{rng.choice(['0', '5', '00', '999'])}"
        # DuckDB compares decimals of more than 38 digits as floats, so the widest are left alone.
        if of.base == "DECIMAL" and of.arrow.precision <= 20:
            if way < 0.25:
                ends = ["", "0", "1"] if "." in f"{value:f}" else ["", ".5"]
                return f"{value:f}" + rng.choice(ends)
            if way < 0.35:
                return str(int(value))
        return of.literal(value)

    def predicate(self, sources, depth=3):
        rng = self.rng
        if depth > 0 and rng.random() < 0.55:
            count = rng.choice([2, 2, 3])
            word = rng.choice([" AND ", " OR "])
            return "(" + word.join(self.predicate(sources, depth - 1) for _ in range(count)) + ")"
        if depth > 0 and rng.random() < 0.12:
            return f"NOT ({self.predicate(sources, depth - 1)})"
        return self.leaf(rng.choice(sources), sources)

    def leaf(self, source, sources):
        rng = self.rng
        text = source.text
        way = rng.random()
        if way < 0.12:
            return f"{text} IS {rng.choice(['', 'NOT '])}NULL"
        if way < 0.2:
            same = [s for s in sources if s.type.sql == source.type.sql]
            return f"{text} {rng.choice(['=', '<>', '<', '>='])} {rng.choice(same).text}"
        if source.type.base == "BOOLEAN":
            return rng.choice([text, f"NOT {text}", f"{text} = TRUE", f"{text} IS NOT TRUE",
                               f"{text} IS FALSE"])
        if way < 0.35:
            items = ", ".join(self.constant(source) for _ in range(rng.choice([1, 2, 4, 12])))
            null = ", NULL" if rng.random() < 0.08 else ""
            return f"{text} {rng.choice(['IN', 'IN', 'NOT IN'])} ({items}{null})"
        if way < 0.5:
            low, high = self.constant(source), self.constant(source)
            word = rng.choice(["BETWEEN", "BETWEEN", "NOT BETWEEN"])
            return f"{text} {word} {low} AND {high}"
        if source.type.base == "VARCHAR" and way < 0.72:
            return f"{text} {rng.choice(['LIKE', 'LIKE', 'NOT LIKE'])} {self.pattern(source)}"
        if source.type.base in ("DATE", "TIMESTAMP") and way < 0.6:
            part = rng.choice(["year", "month", "day"])
            return f"extract({part} FROM {text}) {rng.choice(['=', '<', '>='])} " + str(
                {"year": 1994, "month": 6, "day": 15}[part])
        if source.type.is_integer and source.small and way < 0.6:
            return f"{text} % {rng.choice([2, 3, 7])} = {rng.choice([0, 1, -1])}"
        if way < 0.66 and not source.type.is_float and "distinct_from" not in self.without:
            return f"{text} IS {rng.choice(['', 'NOT '])}DISTINCT FROM {self.constant(source)}"
        operator = rng.choice(["=", "=", "<>", "<", "<=", ">", ">="])
        return self.flip(text, operator, self.constant(source))

    def pattern(self, source):
        rng = self.rng
        text = rng.choice(source.values) if source.values else "a"
        cut = rng.randint(0, len(text))
        part = text[:cut] if rng.random() < 0.6 else text[cut:]
        part = part.replace("\\", "_")
        pattern = rng.choice([part + "%", "%" + part, "%" + part + "%", part, part + "_",
                              part[:1] + "%" + part[-1:], "%", "_%", ""])
        return "'" + pattern.replace("'", "''") + "'"

    def where(self, sources, conditions=(), chance=0.85):
        parts = list(conditions)
        if self.rng.random() < chance:
            parts.append(self.predicate(sources))
        if self.rng.random() < 0.12:
            parts.append(self.membership(sources))
        return " WHERE " + " AND ".join(parts) if parts else ""

    def membership(self, sources):
        """EXISTS, IN and their negations over another table, or a comparison with a scalar."""
        rng = self.rng
        table = rng.choice(self.schema.tables)
        alias = self.alias()
        inner = self.sources(table, alias)
        own = rng.choice(sources)
        same = [s for s in inner if s.type.sql == own.type.sql]
        if not same:
            return f"EXISTS (SELECT 1 FROM {table.quoted} AS {alias}{self.where(inner)})"
        other = rng.choice(same)
        way = rng.random()
        if way < 0.3:
            word = rng.choice(["EXISTS", "NOT EXISTS"])
            extra = f" AND {self.predicate(inner, 1)}" if rng.random() < 0.6 else ""
            return (f"{word} (SELECT 1 FROM {table.quoted} AS {alias} "
                    f"WHERE {other.text} = {own.text}{extra})")
        if way < 0.8 or own.type.base == "BOOLEAN":
            word = rng.choice(["IN", "IN", "NOT IN"])
            return (f"{own.text} {word} (SELECT {other.text} FROM {table.quoted} AS {alias}"
                    f"{self.where(inner, chance=0.6)})")
        function = rng.choice(["min", "max"])
        return (f"{own.text} {rng.choice(['=', '<', '>='])} (SELECT {function}({other.text}) "
                f"FROM {table.quoted} AS {alias}{self.where(inner, chance=0.6)})")

    # Values.

    def expression(self, sources):
        """A value for the SELECT list or GROUP BY, of few distinct values if its column is."""
        rng = self.rng
        source = rng.choice(sources)
        text, kind = source.text, source.type.base
        way = rng.random()
        if way < 0.6:
            return Item(text, source.type)
        if kind == "VARCHAR":
            options = [f"substr({text}, 1, {rng.randint(1, 4)})", f"coalesce({text}, 'none')",
                       f"{text} || '-'", f"nullif({text}, {self.constant(source)})"]
            if way < 0.7:
                return Item(f"length({text})", INTEGER)
            return Item(rng.choice(options), VARCHAR)
        if kind in ("DATE", "TIMESTAMP"):
            if way < 0.8:
                part = rng.choice(["year", "quarter", "month", "day", "dow", "doy"])
                return Item(f"extract({part} FROM {text})", INTEGER)
            part = rng.choice(["year", "month", "day"])
            return Item(f"date_trunc('{part}', {text})", TIMESTAMP if kind != "DATE" else DATE)
        if source.type.is_integer and source.small:
            options = [f"{text} + 1", f"-{text}", f"{text} * 2 - 3", f"{text} % 7", f"abs({text})"]
            return Item(rng.choice(options), source.type)
        if way < 0.8:
            condition = self.predicate(sources, 1)
            return Item(f"CASE WHEN {condition} THEN 'yes' WHEN {text} IS NULL THEN NULL "
                        f"ELSE 'no' END", VARCHAR)
        return Item(f"coalesce({text}, {self.constant(source)})", source.type)

    def aggregate(self, sources):
        rng = self.rng
        way = rng.random()
        small = [s for s in sources if s.small and s.type.is_number]
        source = rng.choice(sources)
        if way < 0.2:
            item = Item("count(*)", INTEGER)
        elif way < 0.3:
            item = Item(f"count({source.text})", INTEGER)
        elif way < 0.42:
            item = Item(f"count(DISTINCT {source.text})", INTEGER)
        elif way < 0.62 or not small:
            item = Item(f"{rng.choice(['min', 'max'])}({source.text})", source.type)
        else:
            item = self.arithmetic(small, sources)
        if rng.random() < 0.2:
            item.text += f" FILTER (WHERE {self.predicate(sources, 1)})"
        return item

    def arithmetic(self, small, sources):
        """A sum or an average of numbers that cannot overflow."""
        rng = self.rng
        source = rng.choice(small)
        way = rng.random()
        is_exact = not source.type.is_float
        of = DOUBLE if source.type.is_float else source.type
        integers = [s for s in small if s.type.is_integer]
        if way < 0.45:
            return Item(f"sum({source.text})", of, is_exact)
        if way < 0.6 and source.type.is_integer:
            return Item(f"sum(DISTINCT {source.text})", of)
        if way < 0.75 and source.type.is_integer:
            other = rng.choice(integers)
            operator = rng.choice(["+", "-", "*"])
            return Item(f"sum(CAST({source.text} AS BIGINT) {operator} {other.text})", of)
        if way < 0.9 and source.type.base != "DECIMAL":
            return Item(f"avg({source.text})", DOUBLE, False)
        condition = self.predicate(sources, 1)
        return Item(f"sum(CASE WHEN {condition} THEN {source.text} ELSE 0 END)", of, is_exact)

    # Whole queries.

    def query(self):
        kinds = [(self.grouped, 10), (self.plain, 5), (self.total, 3), (self.windowed, 2),
                 (self.set_operation, 2), (self.nested, 2), (self.distinct, 1), (self.semi, 2),
                 (self.correlated, 1), (self.referring, 3), (self.by_reference, 3),
                 (self.outer_groups, 2)]
        kinds = [kind for kind in kinds if kind[0].__name__ not in self.without]
        return self.rng.choices([k for k, _ in kinds], [w for _, w in kinds])[0]()

    def order(self, items, always=False):
        """ORDER BY all exact columns, with LIMIT if that determines the rows."""
        rng = self.rng
        if not always and rng.random() < 0.4:
            return "", False
        exact = [at for at, item in enumerate(items) if item.is_exact]
        if not exact:
            return "", False
        rng.shuffle(exact)
        parts = []
        for at in exact:
            direction = rng.choice(["", " ASC", " DESC"])
            nulls = rng.choice(["", "", " NULLS FIRST", " NULLS LAST"])
            parts.append(f"{rng.choice([f'c{at}', str(at + 1)])}{direction}{nulls}")
        text = " ORDER BY " + ", ".join(parts)
        if len(exact) == len(items) or always:
            if rng.random() < 0.6:
                text += f" LIMIT {rng.choice([0, 1, 3, 10, 100, 5000])}"
                if rng.random() < 0.3:
                    text += f" OFFSET {rng.choice([0, 1, 5, 100])}"
        return text, True

    def select(self, items):
        return "SELECT " + ", ".join(f"{item.text} AS c{at}" for at, item in enumerate(items))

    def plain(self):
        clause, conditions, sources = self.join()
        items = [self.expression(sources) for _ in range(self.rng.randint(1, 6))]
        order, is_ordered = self.order(items)
        where = self.where(sources, conditions)
        return Query(f"{self.select(items)} FROM {clause}{where}{order}", is_ordered)

    def distinct(self):
        clause, conditions, sources = self.join()
        items = [self.expression(sources) for _ in range(self.rng.randint(1, 3))]
        order, is_ordered = self.order(items)
        text = self.select(items).replace("SELECT", "SELECT DISTINCT", 1)
        return Query(f"{text} FROM {clause}{self.where(sources, conditions)}{order}", is_ordered)

    def total(self):
        clause, conditions, sources = self.join()
        items = [self.aggregate(sources) for _ in range(self.rng.randint(1, 5))]
        where = self.where(sources, conditions)
        return Query(f"{self.select(items)} FROM {clause}{where}", True)

    def grouped(self):
        rng = self.rng
        clause, conditions, sources = self.join(inner_only=rng.random() < 0.5)
        keys = [self.expression(sources) for _ in range(rng.choice([1, 1, 2, 3]))]
        aggregates = [self.aggregate(sources) for _ in range(rng.randint(1, 4))]
        items = keys + aggregates
        where = self.where(sources, conditions)
        by = ", ".join(key.text for key in keys)
        is_plain = len({key.text for key in keys}) < len(keys)
        if rng.random() < 0.12 and "rollup" not in self.without and not is_plain:
            by = f"{rng.choice(['ROLLUP', 'CUBE'])} ({by})"
            # Subtotals repeat groups whose key is NULL: floats would decide their order.
            if not all(item.is_exact for item in items):
                order, is_ordered = "", False
            else:
                order, is_ordered = self.order(items)
        else:
            # Groups are unique by their keys, so what cannot be ordered by is not needed.
            order, is_ordered = self.order(items, always=rng.random() < 0.6)
        having = ""
        if rng.random() < 0.2:
            having = f" HAVING {rng.choice(['count(*)', f'count({sources[0].text})'])} " \
                     f"{rng.choice(['>', '<=', '='])} {rng.choice([0, 1, 2, 10])}"
        return Query(f"{self.select(items)} FROM {clause}{where} GROUP BY {by}{having}{order}",
                     is_ordered)

    def windowed(self):
        rng = self.rng
        clause, conditions, sources = self.join()
        keys = [self.expression(sources) for _ in range(rng.randint(1, 3))]
        part = rng.choice(sources).text
        by = ", ".join(f"{k.text} {rng.choice(['ASC', 'DESC'])} NULLS "
                       f"{rng.choice(['FIRST', 'LAST'])}" for k in keys)
        small = [s for s in sources if s.small and s.type.is_number and not s.type.is_float]
        window = f"OVER (PARTITION BY {part} ORDER BY {by})"
        whole = f"OVER (PARTITION BY {part})"
        options = [f"rank() {window}", f"dense_rank() {window}", f"count(*) {window}",
                   f"count(*) {whole}", f"max({keys[0].text}) {whole}"]
        if small:
            number = rng.choice(small).text
            options += [f"sum({number}) {whole}", f"sum({number}) {window}",
                        f"min({number}) OVER (PARTITION BY {part} ORDER BY {by} "
                        "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"]
        picks = rng.sample(options, rng.randint(1, 2))
        items = keys + [Item(text, INTEGER) for text in picks]
        order, is_ordered = self.order(items)
        where = self.where(sources, conditions)
        return Query(f"{self.select(items)} FROM {clause}{where}{order}", is_ordered)

    def set_operation(self):
        rng = self.rng
        words = ["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL"]
        words = [word for word in words if word.lower().replace(" ", "_") not in self.without]
        sides = []
        left_clause, left_conditions, left = self.join()
        picks = [rng.choice(left) for _ in range(rng.randint(1, 3))]
        right_clause, right_conditions, right = self.join()
        others = []
        for pick in picks:
            same = [s for s in right if s.type.sql == pick.type.sql]
            others.append(rng.choice(same).text if same else pick.type.literal(None))
        for clause, conditions, sources, texts in [
                (left_clause, left_conditions, left, [p.text for p in picks]),
                (right_clause, right_conditions, right, others)]:
            items = [Item(text, pick.type) for text, pick in zip(texts, picks)]
            sides.append(f"{self.select(items)} FROM {clause}{self.where(sources, conditions)}")
        items = [Item(p.text, p.type) for p in picks]
        order, is_ordered = self.order(items)
        return Query(f"{sides[0]} {rng.choice(words)} {sides[1]}{order}", is_ordered)

    def nested(self):
        """A grouped query as a common table expression, asked again."""
        rng = self.rng
        clause, conditions, sources = self.join()
        keys = [self.expression(sources) for _ in range(rng.randint(1, 2))]
        inner = keys + [Item("count(*)", INTEGER)]
        inner_sql = (f"{self.select(inner)} FROM {clause}{self.where(sources, conditions)} "
                     f"GROUP BY {', '.join(key.text for key in keys)}")
        count = f"c{len(keys)}"
        items = [Item("k", keys[0].type), Item("n", INTEGER), Item("m", INTEGER)]
        order, is_ordered = self.order(items)
        body = (f"SELECT c0 AS c0, sum({count}) AS c1, max({count}) AS c2 FROM g "
                f"WHERE {count} >= {rng.choice([0, 1, 2])} GROUP BY c0")
        if rng.random() < 0.5:
            return Query(f"WITH g AS ({inner_sql}) {body}{order}", is_ordered)
        body = body.replace("FROM g", f"FROM ({inner_sql}) AS g")
        return Query(f"{body}{order}", is_ordered)

    def semi(self):
        clause, conditions, sources = self.join()
        conditions = [*conditions, self.membership(sources)]
        items = [self.aggregate(sources) for _ in range(self.rng.randint(1, 3))]
        where = self.where(sources, conditions, chance=0.4)
        return Query(f"{self.select(items)} FROM {clause}{where}", True)

    def correlated(self):
        """A scalar subquery that counts the rows that refer to a key."""
        rng = self.rng
        edges = [(t, r) for t in self.schema.tables for r in t.references]
        if not edges:
            return self.total()
        table, reference = rng.choice(edges)
        own, other = self.alias(), self.alias()
        on = " AND ".join(f"{other}.{quoted(name)} = {own}.{quoted(key)}"
                          for name, key in zip(reference.columns, reference.target.key))
        function = rng.choice(["count(*)", "min", "max"])
        inner = self.sources(table, other)
        value = rng.choice([s for s in inner if s.type.base != "BOOLEAN"] or inner)
        call = function if "(" in function else f"{function}({value.text})"
        sources = self.sources(reference.target, own)
        items = [Item(f"{own}.{quoted(key)}", column.type) for key, column in zip(
            reference.target.key,
            [reference.target.columns[reference.target.place(k)] for k in reference.target.key])]
        items.append(Item(f"(SELECT {call} FROM {table.quoted} AS {other} WHERE {on})", INTEGER))
        order, is_ordered = self.order(items)
        return Query(f"{self.select(items)} FROM {reference.target.quoted} AS {own}"
                     f"{self.where(sources, chance=0.4)}{order}", is_ordered)

    def edge(self):
        """A table, one of its foreign keys, and how rows of two aliases are equal along it."""
        edges = [(t, r) for t in self.schema.tables for r in t.references]
        return self.rng.choice(edges) if edges else (None, None)

    def pairs(self, reference, child, parent):
        return " AND ".join(f"{child}.{quoted(name)} = {parent}.{quoted(key)}"
                            for name, key in zip(reference.columns, reference.target.key))

    def key_items(self, table, alias):
        return [Item(f"{alias}.{quoted(name)}", table.columns[table.place(name)].type)
                for name in table.key]

    def referring(self):
        """Rows that others refer to or not; rows beside others that refer to the same."""
        rng = self.rng
        table, reference = self.edge()
        if table is None:
            return self.total()
        own, other = self.alias(), self.alias()
        inner = self.sources(table, other)
        maybe_not = rng.choice(["", "NOT "])
        if rng.random() < 0.6 or not table.columns:
            target = reference.target
            sources = self.sources(target, own)
            on = self.pairs(reference, other, own)
            inside = self.where(inner, [on], chance=0.6)
            condition = f"{maybe_not}EXISTS (SELECT 1 FROM {table.quoted} AS {other}{inside})"
            items = self.key_items(target, own)
        else:
            target = table
            sources = self.sources(table, own)
            on = " AND ".join(f"{other}.{quoted(name)} = {own}.{quoted(name)}"
                              for name in reference.columns)
            place = rng.randrange(len(inner))
            differs = f"{inner[place].text} <> {sources[place].text}"
            inside = self.where(inner, [on, differs], chance=0.4)
            condition = f"{maybe_not}EXISTS (SELECT 1 FROM {table.quoted} AS {other}{inside})"
            items = [self.aggregate(sources) for _ in range(2)]
            where = self.where(sources, [condition], chance=0.3)
            return Query(f"{self.select(items)} FROM {table.quoted} AS {own}{where}", True)
        where = self.where(sources, [condition], chance=0.4)
        order, is_ordered = self.order(items)
        return Query(f"{self.select(items)} FROM {target.quoted} AS {own}{where}{order}",
                     is_ordered)

    def by_reference(self):
        """Groups by a foreign key, joined with the rows that it refers to or with its own."""
        rng = self.rng
        table, reference = self.edge()
        if table is None:
            return self.total()
        own, other, groups = self.alias(), self.alias(), self.alias()
        inner = self.sources(table, other)
        keys = ", ".join(f"{other}.{quoted(name)}" for name in reference.columns)
        values = [self.aggregate(inner) for _ in range(rng.randint(1, 2))]
        named = ", ".join(f"{value.text} AS v{place}" for place, value in enumerate(values))
        having = f" HAVING count(*) > {rng.randint(0, 3)}" if rng.random() < 0.3 else ""
        inside = (f"(SELECT {keys}, {named} FROM {table.quoted} AS {other}"
                  f"{self.where(inner, chance=0.5)} GROUP BY {keys}{having})")
        if rng.random() < 0.7:
            target, kind = reference.target, rng.choice(["JOIN", "JOIN", "LEFT JOIN"])
            on = self.pairs(reference, groups, own)
        else:
            target, kind = table, "JOIN"
            on = " AND ".join(f"{groups}.{quoted(name)} = {own}.{quoted(name)}"
                              for name in reference.columns)
        sources = self.sources(target, own)
        items = self.key_items(target, own) if target.key else [Item("1", INTEGER)]
        items += [Item(f"{groups}.v{place}", value.type, value.is_exact)
                  for place, value in enumerate(values)]
        where = self.where(sources, chance=0.5)
        return Query(f"{self.select(items)} FROM {target.quoted} AS {own} {kind} {inside} "
                     f"AS {groups} ON {on}{where}", False)

    def outer_groups(self):
        """How many rows refer to each, those included that none refers to."""
        rng = self.rng
        table, reference = self.edge()
        if table is None:
            return self.total()
        own, other = self.alias(), self.alias()
        inner = self.sources(table, other)
        keys = self.key_items(reference.target, own)
        on = self.pairs(reference, other, own)
        if rng.random() < 0.5:
            on += f" AND {self.predicate(inner, 1)}"
        values = [self.aggregate(inner) for _ in range(rng.randint(1, 2))]
        sources = self.sources(reference.target, own)
        group = ", ".join(key.text for key in keys)
        return Query(f"{self.select([*keys, *values])} FROM {reference.target.quoted} AS {own} "
                     f"LEFT JOIN {table.quoted} AS {other} ON {on}"
                     f"{self.where(sources, chance=0.3)} GROUP BY {group}", False)
