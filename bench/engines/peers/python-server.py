# SPDX-License-Identifier: MIT
"""The bench's workload on HeavenBase for Python: one JSON object with "op" per line in, {"ok": ...} or {"error": "..."} per
line out. Vectors come as base64 of float32."""
import array
import base64
import json
import sys
import warnings

warnings.filterwarnings("ignore")
TOP = 10
workspace = None
answers = sys.stdout
sys.stdout = sys.stderr  # whatever the package prints is not an answer


def vector(text):
    return array.array("f", base64.b64decode(text)).tolist()


def row(given):
    return {**given, "embedding": vector(given["embedding"])} if "embedding" in given else given


def plain(found):
    return None if found is None else {key: value.tolist() if hasattr(value, "tolist") else value for key, value in dict(found).items()}


def price(given):
    return {"price": {"gte": given["low"], "lt": given["high"]}}


def ask(spec):
    return workspace.query_json("doc", spec).execute()


def titled(spec):
    frame = ask({**spec, "select": ["title"]})
    return {"ids": list(frame.ids), "titles": list(frame.column("title")) if len(frame) else []}


def open_workspace(job):
    global workspace
    from heavenbase import HeavenBase

    workspace = HeavenBase("bench", backends={"main": {"type": "inmem"}})
    fields = {"name": "short-text", "title": "short-text", "year": "integer", "price": "float", "tags": "array[short-text]",
              "category": {"type": {"type": "categorical", "values": job["categories"], "base": "string"}}}
    if not job["lean"]:
        fields.update(body="long-text", embedding="vector[384]")
    workspace.register({"entity_id": "doc", "name": "Doc", "fields": fields})


def near(job):
    spec = {"near": {"field": "embedding", "query": vector(job["vector"]), "top_k": TOP}, "select": ["score"]}
    if "range" in job:
        spec["filter"] = price(job["range"])
    frame = ask(spec)
    return {"ids": list(frame.ids), "scores": list(frame.column("score")) if len(frame) else []}


def part(job):
    found = workspace.get(job["id"], entity="doc")
    return None if found is None else {"object_id": found["object_id"], "title": found["title"]}


def remove(job):
    workspace.delete_many([("doc", job["id"])])


OPERATIONS = {
    "open": open_workspace,
    "load": lambda job: workspace.upsert_many("doc", [row(one) for one in job["rows"]]) and None,
    "upsert": lambda job: workspace.upsert_many("doc", [row(job["row"])]) and None,
    "remove": remove,
    "part": part,
    "full": lambda job: [plain(found) for found in workspace.get_many(job["ids"], entity="doc")],
    "range": lambda job: titled({"filter": price(job["range"]), **({"limit": job["limit"]} if "limit" in job else {})}),
    "year": lambda job: titled({"filter": {"year": job["year"]}}),
    "near": near,
    "match": lambda job: {"ids": list(ask({"filter": {"body": {"match": job["needle"]}}, "select": ["object_id"]}).ids)},
}

for line in sys.stdin:
    job = json.loads(line)
    try:
        answer = {"ok": OPERATIONS[job["op"]](job)}
    except Exception as error:  # the bench says which operation it was
        answer = {"error": f"{job['op']}: {type(error).__name__}: {error}"}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
