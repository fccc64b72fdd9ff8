# SPDX-License-Identifier: MIT
"""More cases without answers, to be put to HeavenBase for Python: those of a file on backends they lack, and random ones.

    python3 tests/oracle/generate.py cross tests/oracle/cases.jsonl > cases.jsonl
    python3 tests/oracle/generate.py random SEED COUNT > cases.jsonl
"""
import json
import random
import sys

LAYOUTS = {
    "debug": "debug",
    "inmem": {"main": {"type": "inmem"}},
    "duo": {"main": {"type": "inmem"}, "vec": {"type": "inmem"}},
    "sqlite": {"main": {"type": "sqlite", "database": ":memory:"}},
    "json": {"main": {"type": "json", "path": "$TMP/json"}},
}
ACROSS = {"near": LAYOUTS, "metaschema": LAYOUTS, "routing": LAYOUTS}      # by group; others: three layouts
WORDS = ["alpha", "beta", "gamma", "Epsilon", "THETA", "eta", "mu", "kappa", "über", "naïve", "東京", "50%", "x_y", "a.b",
         "O'Neil", "", "é", "e\u0301", "  pad "]
COLOURS = {"type": {"type": "categorical", "values": ["red", "green", "blue"]}}
DEGREES = {"type": {"type": "categorical", "values": [1, 2, 3], "base": "integer"}}


def bare(step):
    return {key: step[key] for key in ("op", "args", "ignore", "informative") if key in step}


def cross(path):
    names = {}
    with open(path, encoding="utf-8") as file:
        for case in map(json.loads, file):
            name, _, layout = case["id"].rpartition("@")
            names.setdefault(name, {})[layout] = case
    for name, held in names.items():
        case = next(iter(held.values()))
        if not set(held) <= set(LAYOUTS) or any(step["op"] in ("open", "reopen") for step in case["steps"]):
            continue
        for layout in ACROSS.get(case["group"], ("debug", "inmem", "json")):
            if layout not in held:
                yield {**case, "id": f"{name}@{layout}", "backends": LAYOUTS[layout], "steps": [bare(s) for s in case["steps"]]}


class World:
    """One entity with random fields and rows, and random questions about them."""

    def __init__(self, rng):
        self.rng = rng
        self.makers = {
            "short-text": lambda: " ".join(rng.choices(WORDS, k=rng.randint(1, 2))),
            "long-text": lambda: " ".join(rng.choices(WORDS, k=4)),
            "identifier": lambda: f"ref-{rng.randint(0, 4)}",
            "integer": lambda: rng.choice([rng.randint(-5, 9), rng.randint(-10**15, 10**15)]),
            "float": lambda: rng.choice([round(rng.uniform(-9, 9), 2), 0.0, 1e300, 5]),
            "boolean": lambda: rng.random() < 0.5,
            "date": lambda: f"20{rng.randint(20, 25)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            "timestamp": lambda: 1700000000000 + rng.randint(0, 40) * 86400000,
            "duration": lambda: rng.randint(0, 9) * 1000,
            "array[short-text]": lambda: rng.choices(WORDS, k=rng.randint(0, 3)),
            "array[integer]": lambda: [rng.randint(0, 5) for _ in range(rng.randint(0, 3))],
            "json": lambda: rng.choice([{"k": rng.choice(WORDS), "n": rng.randint(0, 5)}, {"n": rng.choice([1.5, "1", None, True])},
                                        {"k": {"d": rng.randint(0, 3)}}, [1, 2], {}]),
            "vector[3]": lambda: [round(rng.gauss(0, 1), 3) for _ in range(3)],
        }
        kinds = rng.sample(list(self.makers), rng.randint(4, 8))
        self.fields = {f"f{at}": kind for at, kind in enumerate(kinds)}
        self.kinds = dict(self.fields)
        for name, type_, kind in (("c", COLOURS, "colour"), ("k", DEGREES, "degree")):
            if rng.random() < 0.5:
                values = type_["type"]["values"]
                self.fields[name], self.kinds[name] = type_, kind
                self.makers[kind] = lambda values=values: rng.choice(values)
        self.rows = [self.row(f"o{at:03}") for at in range(rng.choice([20, 40, 60]))]

    def value(self, name):
        return self.makers[self.kinds[name]]()

    def row(self, object_id):
        return {"object_id": object_id, **{name: self.value(name) if self.rng.random() < 0.85 else None for name in self.fields}}

    def leaf(self):
        rng, name = self.rng, self.rng.choice(list(self.fields))
        kind, held = self.kinds[name], self.rng.choice(self.rows)[name]
        value = self.value(name) if held is None else held
        if kind == "json":
            return rng.choice([{f"{name}.k": rng.choice(WORDS)}, {f"{name}.n": {"$gte": rng.choice([1, 2.5, "1"])}},
                               {f"{name}.k.d": {"$in": [1, 2]}}, {name: {"$eq": value}}, {f"{name}.n": {"$ne": 1}}])
        if kind.startswith("array"):
            return {name: {"$array_contains": rng.choice(value) if value else ("zz" if "text" in kind else 3)}}
        if kind.startswith("vector"):
            return {name: {"$eq": value}}
        if kind in ("boolean", "colour"):
            return {name: rng.choice([{"$eq": value}, {"$ne": value}, {"$in": [value]}])}
        ops = ["eq", "ne", "lt", "lte", "gt", "gte", "in"]
        op = rng.choice(ops + ["match", "contains", "starts_with", "ends_with", "like"] if isinstance(value, str) else ops)
        if op == "in":
            return {name: {"$in": [value, self.value(name)]}}
        if op in ops:
            return {name: {f"${op}": value}}
        at = rng.randint(0, max(0, len(value) - 1))
        piece = value[at:at + rng.randint(1, 4)]
        return {name: {f"${op}": piece.upper() if op == "match" else f"%{piece}%" if op == "like" else piece}}

    def filter(self, depth):
        part = self.rng.random()
        if depth == 0 or part < 0.25:
            return self.leaf()
        if part < 0.8:
            return {"$and" if part < 0.52 else "$or": [self.filter(depth - 1) for _ in range(self.rng.randint(1, 3))]}
        return {"$not": self.filter(depth - 1)}

    def question(self):
        rng = self.rng
        query = {"filter": self.filter(rng.randint(0, 3)), "select": ["object_id"]}
        keys = [name for name, kind in self.kinds.items() if kind != "json" and not kind.startswith(("vector", "array"))]
        numbers = [name for name, kind in self.kinds.items() if kind in ("integer", "float")]
        vectors = [name for name, kind in self.kinds.items() if kind.startswith("vector")]
        part = rng.random()
        if part < 0.25 and keys:
            order = [rng.choice(["", "-"]) + name for name in rng.sample(keys, min(len(keys), rng.randint(1, 2)))]
            query |= {"order": [*order, "object_id"], "limit": rng.randint(1, 20), "offset": rng.choice([0, 0, 3])}
        elif part < 0.45 and keys:
            del query["select"]
            reducer = rng.choice(["sum", "avg", "min", "max", "median"])
            query |= {"group_by": [rng.choice(keys)], "aggregate": {"n": {"count": {"field": "object_id"}},
                      **({"s": {reducer: {"field": rng.choice(numbers)}}} if numbers else {})}}
        elif part < 0.6 and vectors:
            query |= {"near": {"field": vectors[0], "query": self.value(vectors[0]), "top_k": rng.choice([1, 3, 20, 400])},
                      "select": ["score"]}
        return {"op": "query", "args": {"entity": "rnd", "query": query}}

    def steps(self):
        rng = self.rng
        yield {"op": "register", "args": {"schema": 0}}
        yield {"op": "upsert_many", "args": {"entity": "rnd", "rows": self.rows}}
        yield from (self.question() for _ in range(25))
        yield {"op": "delete_many", "args": {"entity": "rnd", "ids": [row["object_id"] for row in rng.sample(self.rows, 4)]}}
        for row in rng.sample(self.rows, 3):
            name = rng.choice(list(self.fields))
            yield {"op": "set", "args": {"entity": "rnd", "id": row["object_id"], "values": {name: self.value(name)}}}
        yield from (self.question() for _ in range(10))
        yield from ({"op": op, "args": {"entity": "rnd"}} for op in ("rows", "ids", "count"))
        yield {"op": "audit", "args": {}}


def chance(seed, count):
    rng = random.Random(seed)
    for at in range(count):
        layout, world = rng.choice(list(LAYOUTS)), World(rng)
        yield {"id": f"property/random-{seed}-{at}@{layout}", "group": "property", "backends": LAYOUTS[layout],
               "schemas": [{"name": "Rnd", "fields": world.fields}], "steps": list(world.steps())}


if __name__ == "__main__":
    made = cross(sys.argv[2]) if sys.argv[1] == "cross" else chance(int(sys.argv[2]), int(sys.argv[3]))
    for one in made:
        print(json.dumps(one, ensure_ascii=False))
