# SPDX-License-Identifier: MIT
"""Puts cases to HeavenBase for Python and writes them with its answers.

    PYTHON tests/oracle/record.py CASES.jsonl > RECORDED.jsonl

PYTHON is the interpreter of an environment that has the package of scripts/requirements-python.txt (.cache/python/bin/python after npm run setup). Opening a workspace takes the
package seconds, so each layout is opened once, and every case runs in a fork of that process.
"""
import copy
import datetime
import json
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
os.environ["HOME"] = tempfile.mkdtemp(prefix="hb-record-")      # no settings of whoever records

from heavenbase import HeavenBase      # noqa: E402

SAFE = 2**53 - 1
CASE_SECONDS = 240
EXPLAINED = ["node", "field", "op", "n", "logical_type", "backend", "type", "strategy", "handler_kind", "handler_mode",
             "near_filter_mode", "top_k", "metric", "mode", "fields", "pruned"]
OTHERS = ("sys-", "agent-", "memory-")
SOFT = {"AttributeError", "AssertionError", "IndexError", "OverflowError", "RecursionError", "UnicodeEncodeError", "OSError",
        "DatabaseError"}


def encode(value):
    """A value of an answer as the case files have it."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= SAFE else {"$$int": str(value)}
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"$$num": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
        short = float(f"{value:.6g}")
        return encode(int(short)) if short == int(short) else short
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, (bytes, bytearray)):
        import base64
        return {"$$bytes": base64.b64encode(value).decode()}
    return encode(value.tolist()) if hasattr(value, "tolist") else repr(value)


def decode(value):
    """A tagged value of a case as a caller in Python would pass it."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    tags = {"$$int": int, "$$num": float, "$$date": datetime.date.fromisoformat,
            "$$datetime": lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))}
    if len(value) == 1 and next(iter(value)) in tags:
        key, held = next(iter(value.items()))
        return tags[key](held)
    return {key: decode(item) for key, item in value.items()}


def plain_row(row):
    return None if row is None else {key: encode(item) for key, item in dict(row).items() if item is not None}


def failure(error):
    kind = type(error)
    base = next((one.__name__ for one in kind.__mro__ if one.__module__ == "builtins"), "Exception")
    told = {"class": kind.__name__, "base": "LookupError" if kind.__name__ == "KeyError" else base, "message": str(error)[:300]}
    own = (kind.__module__ or "").startswith(("builtins", "heavenbase"))
    return {"error": {**told, "soft": True} if not own or kind.__name__ in SOFT else told}


class Asked:
    """One query and the order of its answer."""

    def __init__(self, ws, entity, query):
        self.ws, self.entity, self.query = ws, entity, query

    def rows(self, query):
        frame = self.ws.query_json(self.entity, query).execute()
        return [dict(row) for row in frame.rows()], list(frame.col_names())

    def keys(self):
        if self.query.get("order"):
            return [name.lstrip("-") for name in self.query["order"]]
        return ["score"] if "near" in self.query and "aggregate" not in self.query else []

    def runs(self, rows):
        """Lengths of the runs of equal order keys."""
        runs, last = [], None
        for row in rows:
            key = [json.dumps(encode(row.get(name)), sort_keys=True) for name in self.keys()]
            if key == last:
                runs[-1] += 1
            else:
                runs.append(1)
            last = key
        return runs

    def whole(self, **changes):
        """All rows, with the order keys among the columns."""
        query = {key: item for key, item in self.query.items() if key not in ("limit", "offset")}
        if query.get("select"):
            query["select"] = [*query["select"], *(name for name in dict.fromkeys(self.keys())
                                                   if name not in query["select"] and name != "object_id")]
        return self.rows({**query, **changes})[0]

    def is_cut(self, shown):
        """Whether a limit or top k ends inside of rows that the order does not tell apart."""
        query, start = self.query, self.query.get("offset") or 0
        if "near" in query and not query.get("order"):
            everything = self.whole(near={**query["near"], "top_k": 1000})
            if len(self.whole()) not in self.ends(everything):
                return True
        return bool(query.get("limit") or start) and not {start, start + shown} <= self.ends(self.whole())

    def ends(self, rows):
        """Where rows can be cut without parting what the order does not tell apart."""
        ends = {0}
        for run in self.runs(rows) if self.keys() else [len(rows)]:
            ends.add(max(ends) + run)
        return ends

    def answer(self):
        rows, columns = self.rows(self.query)
        out = {"rows": [plain_row(row) for row in rows], "ordered": False}
        if not isinstance(self.query, dict):
            return out
        out["ordered"] = bool(self.keys())
        if "select" in self.query or "aggregate" in self.query:
            out["columns"] = sorted(columns)
        start = self.query.get("offset") or 0
        runs = self.runs(self.whole()[start:start + len(rows)]) if self.keys() else []
        if any(run > 1 for run in runs):
            out["ties"] = runs
        if rows and self.is_cut(len(rows)):
            out["compare"] = "count"
        return out


class Run:
    """One case on one workspace."""

    def __init__(self, case, folder):
        self.case, self.folder, self.backends, self.id, self.ws = case, folder, case["backends"], "oracle", None

    def placed(self, config):
        if not isinstance(config, dict):
            return config
        return {key: item.replace("$TMP", "file://" + self.folder) if isinstance(item, str) else item for key, item in config.items()}

    def open(self, id=None, backends=None):
        self.id = self.id if id is None else id
        self.backends = self.backends if backends is None else backends
        layout = {"preset": self.backends} if isinstance(self.backends, str) else {
            "backends": {name: self.placed(config) for name, config in decode(self.backends).items()}}
        self.ws = HeavenBase(self.id, detached=True, **layout)
        return {"value": self.ws.id}

    def define(self, method, schema, **rest):
        entity = method(decode(copy.deepcopy(self.case["schemas"][schema])), **rest)
        return {"value": entity if isinstance(entity, str) else entity.schema().entity_id}

    def perform(self, op, args):
        ws, rest = self.ws, {key: item for key, item in args.items() if key not in ("entity", "id", "ids", "row", "rows", "values", "query")}
        entity = {"entity": args["entity"]} if "entity" in args else {}
        target = (lambda one: (args["entity"], one)) if entity else (lambda one: one)
        match op:
            case "open": return self.open(**args)
            case "reopen": ws.release(); self.open(); return {"value": True}
            case "drop": ws.drop(); return {"value": True}
            case "backends": return {"value": sorted(ws.backends.names())}
            case "list_entities": return {"value": sorted(one for one in ws.list_entities() if not one.startswith(OTHERS))}
            case "register": return self.define(ws.register, **args)
            case "alter": return self.define(ws.alter_entity, **args)
            case "upsert": return {"value": ws.upsert(args["entity"], args["row"], **rest)}
            case "upsert_many": return {"value": list(ws.upsert_many(args["entity"], args["rows"], **rest))}
            case "set": return {"value": ws.set(args["id"], args["values"], **entity, **rest)}
            case "set_many": return {"value": list(ws.set_many(args["rows"], **entity, **rest))}
            case "get": return {"row": plain_row(ws.get(args["id"], **entity, **rest))}
            case "get_many": return {"list": [plain_row(row) for row in ws.get_many(args["ids"], **entity)]}
            case "exists": return {"value": ws.exists(args["id"], **entity)}
            case "delete": return {"value": ws.delete(target(args["id"]))}
            case "delete_many": return {"value": list(ws.delete_many([target(one) for one in args["ids"]]))}
            case "count": return {"value": ws.count(args["entity"])}
            case "ids": return {"value": sorted(ws.ids(args["entity"]))}
            case "rows": return {"rows": [plain_row(row) for row in ws.rows(args["entity"])], "ordered": False}
            case "query": return Asked(ws, args["entity"], args["query"]).answer()
            case "query_count":
                count = ws.query_json(args["entity"], args["query"]).count(rest.pop("field", "object_id"), **rest)
                return {"value": encode((count.execute() if hasattr(count, "execute") else count).scalar())}
            case "explain":
                plan = ws.query_json(args["entity"], args["query"]).explain()
                steps = (plan if isinstance(plan, dict) else plan.to_dict())["steps"]
                return {"steps": [{**{key: encode(step[key]) for key in EXPLAINED if step.get(key) is not None},
                                   "unsupported": bool(step.get("unsupported_reason"))} for step in steps]}
            case "refresh": ws.refresh(**args); return {"value": True}
            case "audit":
                found = ws.audit()["catalog"]
                return {"value": {"ok": found["ok"], **{key: len(found[key]) for key in ("missing", "dangling", "mismatched")}}}
        raise SystemExit(f"{self.case['id']}: no operation {op}")

    def steps(self):
        for step in self.case["steps"]:
            try:
                step["expect"] = self.perform(step["op"], decode(copy.deepcopy(step["args"])))
            except Exception as error:      # what the package says is the answer
                step["expect"] = failure(error)
            for row in step["expect"].get("rows", []):
                for column in step.get("ignore", []):
                    row.pop(column, None)


def in_fork(run):
    """Runs the case in a child, and gives its line."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(CASE_SECONDS)
        run.steps()
        with os.fdopen(writer, "w", encoding="utf-8") as out:
            out.write(json.dumps(run.case))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answers:
        line = answers.read()
    os.waitpid(child, 0)
    return line


def main(path):
    opened = {}
    with open(path, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file if line.strip()]
    for case in cases:
        layout = json.dumps(case["backends"])
        fresh = case["steps"][0]["op"] == "open" or "$TMP" in layout
        folder = tempfile.mkdtemp(prefix="hb-record-")
        run = Run(case, folder)
        if not fresh and layout in opened:
            run.ws = opened[layout]
        elif case["steps"][0]["op"] != "open":
            run.open()
            if not fresh:
                opened[layout] = run.ws
        line = in_fork(run)
        if line:
            print(line, flush=True)
        else:
            print(f"{case['id']}: no answer", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(os.environ["HOME"], ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
