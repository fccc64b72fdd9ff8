# SPDX-License-Identifier: MIT
"""Writes tests/interchange/fixture.tar.gz anew: one workspace per file backend (json, pickle, file) with the same rows of
every type, as HeavenBase for Python writes them, and expected.json, what it reads back.

    .cache/python/bin/python tests/interchange/make_fixture.py

Integers beyond 2**53 and bytes in expected.json are wrapped as workspace.py does.
"""
import io
import json
import os
import random
import shutil
import sys
import tarfile
import tempfile
import warnings

warnings.filterwarnings("ignore")
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)
from workspace import encode  # noqa: E402

ROWS = 14
SCHEMA = {
    "entity_id": "routed-item",
    "name": "RoutedItem",
    "fields": {
        "name": "short-text", "title": "medium-text", "body": "long-text", "qty": "integer", "price": "float", "active": "boolean",
        "status": {"type": {"type": "categorical", "values": ["new", "used"], "base": "string"}},
        "grade": {"type": {"type": "categorical", "values": [1, 2, 3], "base": "integer"}},
        "made": "date", "seen": {"type": {"type": "timestamp", "unit": "ms"}}, "lasts": "duration",
        "tags": "array[short-text]", "nums": "array[integer]", "emb": "vector[3]", "meta": "json", "raw": "artifact",
        "facts": {"type": {"type": "hyper-g", "fields": [{"name": "k", "dtype": "short-text"}, {"name": "v", "dtype": "float"}]}},
    },
}
WORDS = ["plain", "name%s", "\u00dcn\u00efcode", "\u540d\u524d", "quo\"te", "back\\slash", "new\nline", "tab\there", "o'brien", "\U0001f600", "\x7f\u2028", "<&>"]
INTS = [0, 1, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 65536, 255]
FLOATS = [0.0, -0.0, 0.1, 1e16, 1e-7, 123456789.125, 5e-324, 1.7976931348623157e308, 1e22, 3.0]


def row(rng, index):
    def some(value):
        return None if rng.random() < 0.15 else value

    def words(most):
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, most)))

    return {
        "object_id": ["a:%d", "b/%d", "c d%d", "%d"][index % 4] % index, "name": f"item {index} {rng.choice(WORDS)}",
        "title": some(words(4)), "body": some(words(30)), "qty": some(INTS[index % len(INTS)]), "price": some(FLOATS[index % len(FLOATS)]),
        "active": some(index % 2 == 0), "status": some(rng.choice(["new", "used"])), "grade": some(rng.choice([1, 2, 3])),
        "made": some(f"{rng.randint(1900, 2090)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}"), "seen": some(rng.randint(0, 10**14)),
        "lasts": some(rng.randint(0, 10**7)), "tags": some([rng.choice(WORDS) for _ in range(rng.randint(0, 3))]),
        "nums": some([rng.choice(INTS) for _ in range(rng.randint(0, 3))]), "emb": some([round(rng.uniform(-1, 1), 3) for _ in range(3)]),
        "meta": some(rng.choice([{"k": rng.choice(WORDS), "big": 2**60, "deep": {"a": [1, 2.5, None, True, {"x": []}]}}, [1, "two", {}], {}])),
        "raw": some(bytes(rng.randrange(256) for _ in range(rng.randint(0, 20)))),
        "facts": some([{"k": rng.choice(WORDS), "v": rng.choice(FLOATS)} for _ in range(rng.randint(0, 2))]),
    }


def without_metaschema(folder):
    """Leaves out the 1 500 rows that describe the package itself: they are made anew when it opens a workspace."""
    for kind in ("json", "pickle", "file"):
        shutil.rmtree(f"{folder}/{kind}/interop-{kind}/sys_metaschema", ignore_errors=True)


def pack(folder):
    with tarfile.open(os.path.join(here, "fixture.tar.gz"), "w:gz", compresslevel=9) as archive:
        for path, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                with open(os.path.join(path, name), "rb") as file:
                    data = file.read()
                entry = tarfile.TarInfo(os.path.relpath(os.path.join(path, name), folder))
                entry.size = len(data)
                entry.mode = 0o600
                archive.addfile(entry, io.BytesIO(data))


def main():
    folder = tempfile.mkdtemp()
    os.environ["HOME"] = tempfile.mkdtemp()
    from heavenbase import HeavenBase

    rng = random.Random(4)
    rows = [row(rng, index) for index in range(ROWS)]
    configs = {
        "json": {"type": "json", "path": f"file://{folder}/json"},
        "pickle": {"type": "pickle", "path": f"file://{folder}/pickle"},
        "file": {"type": "file", "path": f"file://{folder}/file", "fmt": "pickle"},
    }
    expected = {"schema": SCHEMA, "backends": {}}
    for kind, config in configs.items():
        workspace = HeavenBase(f"interop-{kind}", backends={"main": config})
        workspace.register(SCHEMA)
        workspace.upsert_many("routed-item", rows)
        found = {item["object_id"]: encode(item) for item in map(dict, workspace.rows("routed-item"))}
        expected["backends"][kind] = dict(sorted(found.items()))
        workspace.release()
        print(kind, len(found), "rows")
    with open(f"{folder}/expected.json", "w", encoding="utf-8") as out:
        json.dump(expected, out, ensure_ascii=False, indent=1, sort_keys=True)
    without_metaschema(folder)
    pack(folder)


if __name__ == "__main__":
    main()
