# SPDX-License-Identifier: MIT
"""One workspace of HeavenBase for Python, driven over standard input and output: the other side of the tests of
interchange. Reads one JSON job, writes one JSON answer.

    {"id": "interop", "backends": {"main": {"type": "json", "path": "file:///tmp/x"}}, "steps": [
        {"op": "register", "schema": {...}},
        {"op": "upsert", "entity": "product", "rows": [{...}]},
        {"op": "set" | "delete", ...}, {"op": "rows", "entity": "product"}, {"op": "audit"},
        {"op": "query", "entity": "product", "query": {...}}]}

The answer is a list with one item per step, {"ok": ...} or {"error": "..."}. Integers beyond 2**53 travel as
{"$int": "..."}, bytes as {"$bytes": base64}, dates and times as their ISO text, tuples and sets as lists.
"""
import base64
import datetime
import json
import sys
import warnings

import yaml

warnings.filterwarnings("ignore")
# The package reads a hundred files of YAML at every start: with the parser in C, where there is one.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def encode(value):
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 1 << 53 else {"$int": str(value)}
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((encode(item) for item in value), key=repr)
    if hasattr(value, "tolist"):
        return encode(value.tolist())
    if hasattr(value, "to_dict"):
        return encode(value.to_dict())
    return {"$python": repr(value)}


def decode(value):
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$int"}:
        return int(value["$int"])
    if set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    return {key: decode(item) for key, item in value.items()}


def run(workspace, step):
    op = step["op"]
    if op == "register":
        return workspace.register(decode(step["schema"])) and None
    if op == "upsert":
        return workspace.upsert_many(step["entity"], decode(step["rows"]))
    if op == "set":
        return workspace.set_many(decode(step["rows"]), entity=step["entity"])
    if op == "delete":
        return workspace.delete_many([(step["entity"], object_id) for object_id in step["ids"]])
    if op == "rows":
        return {row["object_id"]: row for row in map(dict, workspace.rows(step["entity"]))}
    if op == "get":
        return workspace.get_many(step["ids"], entity=step["entity"])
    if op == "audit":
        return workspace.audit()
    if op == "repair":
        return workspace.repair()
    if op == "refresh":
        return workspace.refresh()
    if op == "drop":
        return workspace.drop()
    if op == "query":
        return workspace.query_json(step["entity"], decode(step["query"])).execute().rows()
    raise ValueError(f"no such step: {op}")


def main():
    job = json.load(sys.stdin)
    from heavenbase import HeavenBase

    workspace = HeavenBase(job["id"], backends=decode(job["backends"]))
    answers = []
    for step in job["steps"]:
        try:
            answers.append({"ok": encode(run(workspace, step))})
        except Exception as error:  # the test says what it expected
            answers.append({"error": f"{type(error).__name__}: {error}"})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
