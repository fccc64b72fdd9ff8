// SPDX-License-Identifier: MIT
// node tests/fuzz/make-seeds.mjs: writes the seeds corpus/<fuzzer>/seed-* anew. Queries and definitions come from the
// recorded cases, one per shape, with their fields renamed to those of the fuzzers' entity; the rest by hand.
// Inputs that once failed have other names and stay.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { writeBatch } from "../../js/core/batch-writer.js";
import { packValue } from "../../js/core/pack.js";
import { Sink } from "../../js/core/sink.js";
import { Kind } from "../../js/generated/abi.js";
import { at, say } from "../../scripts/lib.mjs";

const shapes_max = 48;
const bytes_max = 600;

/** @param {string} fuzzer @param {(string | Uint8Array)[]} seeds */
function write(fuzzer, seeds) {
  const folder = at("tests/fuzz/corpus", fuzzer);
  mkdirSync(folder, { recursive: true });
  readdirSync(folder).filter((name) => name.startsWith("seed-")).forEach((name) => rmSync(`${folder}/${name}`));
  seeds.forEach((seed, index) => writeFileSync(`${folder}/seed-${String(index).padStart(2, "0")}`, seed));
  say(`${fuzzer}: ${seeds.length} seeds`);
}

/** @param {unknown} value */
function pack(value) {
  const sink = new Sink();
  sink.reset();
  packValue(sink, value);
  return sink.u8.slice(0, sink.pos);
}

/** @param {import("../../js/core/batch-writer.js").InputColumn[]} columns */
function wire(columns) {
  const sink = new Sink();
  sink.reset();
  const { off, len } = writeBatch(sink, columns, columns[0].cells.length);
  return sink.u8.slice(off, off + len);
}

const ours = {
  "short-text": "name", "medium-text": "mid", "long-text": "body", identifier: "ref", integer: "n", float: "x", boolean: "ok",
  categorical: "cat", timestamp: "at", date: "day", duration: "span", array: "tags", vector: "emb", json: "meta", "hyper-g": "facts",
  artifact: "blob",
};

/** A text with every field of the case renamed. @param {string} text @param {any[]} schemas */
function renamed(text, schemas) {
  for (const schema of schemas) {
    for (const [name, field] of Object.entries(schema.fields ?? {})) {
      const type = typeof field === "string" ? field : field?.dtype?.type ?? field?.dtype ?? field?.type;
      const own = ours[/** @type {keyof typeof ours} */ (String(type).replace(/\[.*/, "").toLowerCase())];
      if (own) text = text.replaceAll(`"${name}"`, `"${own}"`).replaceAll(`"${name}.`, `"${own}.`).replaceAll(`"-${name}"`, `"-${own}"`);
    }
  }
  return text;
}

/** What kind of clauses and operators a text has. @param {string} text */
const shape = (text) => [...new Set(text.match(/"[$a-z_]+":/g))].sort().join("");

const cases = readFileSync(at("tests/oracle/cases.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));
/** @type {Map<string, string>} */
const queries = new Map();
/** @type {Map<string, string>} */
const definitions = new Map();
for (const { schemas = [], steps } of cases) {
  for (const schema of schemas) {
    const text = JSON.stringify(schema);
    const kind = [...new Set(text.match(/"(\w+-text|integer|float|boolean|categorical|timestamp|date|duration|json|artifact|identifier|[\w-]+\[|store|index|unique|default|required|strategy|optional|indexes|max_chars|unit|base)[^:]/g))].sort().join("");
    if (text.length < bytes_max && !definitions.has(kind) && definitions.size < shapes_max) definitions.set(kind, text);
  }
  for (const { op, args } of steps) {
    if (op !== "query" || typeof args.query !== "object") continue;
    const text = renamed(JSON.stringify(args.query), schemas);
    if (text.length < bytes_max && !queries.has(shape(text)) && queries.size < shapes_max) queries.set(shape(text), text);
  }
}

/** Clauses that the recorded cases have too little of; cursors carry the mark of the fuzzers' entity and their order. */
const clauses = [
  '{"group_by":["tags","meta.a"],"aggregate":{"c":{"count":{"field":"name","distinct":true}},"s":{"sum":{"field":"n"}},"p":{"percentile":{"field":"x","q":0.3}},"v":{"value_counts":{"field":"tags"}}},"having":{"c":{"gte":1}},"order":["-s"],"limit":3}',
  '{"aggregate":{"k":{"key_counts":{"field":"meta"}},"t":{"key_sums":{"field":"meta.b"}},"y":{"column_summary":{"field":"day"}},"m":{"min":{"field":"meta.a"}}}}',
  '{"group_by":["cat"],"aggregate":{"a":{"avg":{"field":"span"}},"b":{"max":{"field":"body"}},"d":{"median":{"field":"n"}}},"select":["a","cat"],"near":{"field":"emb","query":[1,0],"top_k":3}}',
  '{"filter":{"body":{"contained_in":"An apple, a pear\\u0301 - one"},"tags":{"contained_in":"a b"}},"select":["match","name"]}',
  '{"filter":{"$or":[{"tags":{"contained_in":"X (y)"}},{"n":1}]}}',
  '{"order":["-n","meta.a"],"after":"[2034197255,3,\\"x\\",\\"a\\"]","limit":2}',
  '{"order":["cat","ok","x"],"after":"[4272292090,\\"a\\",false,null,\\"a\\"]"}',
  '{"after":"[3921037490,\\"b\\"]","limit":1}',
  '{"near":{"field":"emb","query":[1,0]},"after":"[3921037490,1]","limit":2}',
];

const params = pack([1, "a", [1, 0], null, new Float32Array([0, 1])]);
const withParams = Buffer.concat([Buffer.from('{"filter":{"n":{"gte":{"$param":0}},"name":{"$param":1}},"near":{"field":"emb","query":{"$param":2},"top_k":2}}\0'), params]);
write("query", [
  ...queries.values(), withParams, ...clauses,
  '{"filter":{"facts":{"all":{"where":{"slot":"s"},"then":{"value":{"gte":1}}}}}}',
  '{"near":{"field":"emb","query":[1,0],"top_k":2,"metric":"l2"},"search":{"fields":["body","name"],"query":"agents","mode":"prefix"},"fuse":{"k":1,"weights":{"near":2,"search":0.5}},"select":["score","near_score","search_score"]}',
  '{"select":["meta.a","meta.a.b"],"order":["-meta.a.b"],"filter":{"meta.l":{"contains":2}}}',
  '{"count":{"field":"n","distinct":true},"filter":{"$not":{"$or":[{"day":{"lt":"2024-01-01"}},{"num":{"in":[1,null]}}]}}}',
]);
write("definition", [
  ...definitions.values(),
  '{"name":"H","desc":"d","tags":["t"],"fields":{"h":{"dtype":{"type":"hyper-g","fields":[{"name":"a","dtype":"array[vector[2]]","required":false}]}},"c":{"dtype":{"type":"categorical","values":["a","b"]},"default":"a","store":[{"to":"main"},{"to":"search","strategy":"InvertedIndex","optional":true}]}}}',
  '{"name":"I","fields":{"a":"integer","b":"timestamp"},"indexes":[["a","b"]],"uniques":[["a"]]}',
]);
const values = [null, true, 0, -1, 2 ** 40, 1.5, "text", "é", [1, [2, [3]]], { a: { b: [1, { c: null }] }, 1: 2 }, new Float32Array([1, 2]), new Uint8Array([1, 2]), 2n ** 63n - 1n];
write("pack", [...values.map(pack), pack(values), Buffer.concat([pack({ a: 1, b: [1] }), pack({ b: [1.0], a: 1 })]), Buffer.concat([pack("a"), pack([])])]);
write("json", ["null", "[1,-0,1.5e300,9223372036854775807,-9223372036854775808,18446744073709551616,1e400]", '{"a":"\\u00e9\\ud83d\\ude00\\n","b":{"c":[true,false]}}',
  '"\\u0000"', "[[[[[[1]]]]]]", '{"a":1,"a":2}', "\ufeff{}", '"\\ud800"', "0.1", "[1,]", " [ 1 , { } ] "]);
write("rowfile", ['{\n  "object_id": "id",\n  "n": {\n    "__obj_data__": "9007199254740993",\n    "__obj_type__": "bigint"\n  },\n  "x": 1e+16\n}',
  '{"meta": "{\\"a\\": {\\"__obj_data__\\": [1, 2], \\"__obj_type__\\": \\"tuple\\"}, \\"b\\": 0.5}", "tags": ["a", "\u00e9"], "nums": [1, -2]}',
  '{"emb": [0.1, -2.0], "facts": [{"slot": "s", "value": 1}], "blob": "aGk=", "day": "2024-02-29", "at": 5, "span": 1, "cat": "red", "num": 2, "ok": null}',
  '{"meta": "not json", "any": "[1, null]", "name": 5, "n": 5.0, "blob": "a", "unknown": {}}', '{"x": {"__obj_data__": "0.1", "__obj_type__": "decimal"}, "ref": ""}',
  '{"object_id": "other"}', "[]", "{", '{"meta": [{"__obj_type__": "ellipsis"}]}']);
const pickle = (/** @type {string} */ text) => Buffer.from(text, "latin1");
write("pickle", [
  pickle("\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04name\x94\x8c\x01a\x94\x8c\x01nK\x05\x8c\x01xG?\xf8\x00\x00\x00\x00\x00\x00\x8c\x02ok\x88u."),
  pickle("\x80\x02}q\x00(X\x04\x00\x00\x00tagsq\x01]q\x02(X\x01\x00\x00\x00aq\x03h\x03eX\x03\x00\x00\x00embq\x04G?\xf0\x00\x00\x00\x00\x00\x00G\x00\x00\x00\x00\x00\x00\x00\x00\x86q\x05u."),
  pickle('\x80\x04}(\x8c\x04meta\x8c\x08{"a": 1}\x8c\x04blobC\x02hi\x8c\x01n\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x8c\x05factsN\x8c\x04nums(K\x01M\x00\x01J\xff\xff\xff\xfflu.'),
  pickle("\x80\x05}(\x8c\x04blob\x96\x01\x00\x00\x00\x00\x00\x00\x00a\x8c\x03any\x8f\x94(K\x01\x90\x8c\x04name\x8c\x01z\x94\x8c\x03midh\x01\x8c\x03daytu."),
  pickle("\x80\x02cos\nsystem\n(X\x04\x00\x00\x00echotR."), pickle("\x80\x04\x8c\x02os\x8c\x06system\x93."), pickle("\x80\x02]q\x00(h\x00e."), pickle("\x80\x03}N.0120"),
]);
write("wire", [
  wire([{ name: "object_id", kind: Kind.TEXT, cells: ["a", "b"] }, { name: "n", kind: Kind.I64, cells: [1, null] }, { name: "body", kind: Kind.TEXT, cells: ["agents", undefined] }]),
  wire([{ name: "object_id", kind: Kind.TEXT, cells: ["a", "b"] }, { name: "emb", kind: Kind.VEC, dim: 2, cells: [new Float32Array([1, 0]), null] }, { name: "x", kind: Kind.F64, cells: [0.5, 2] }]),
  wire([{ name: "object_id", kind: Kind.TEXT, cells: ["a"] }, { name: "meta", kind: Kind.PACK, cells: [{ a: [1] }] }, { name: "ok", kind: Kind.BOOL, cells: [true] }, { name: "blob", kind: Kind.BYTES, cells: [new Uint8Array([1])] }]),
  wire([{ name: "name", kind: Kind.TEXT, cells: ["a", "b", "c"] }, { name: "tags", kind: Kind.PACK, cells: [["a"], [], null] }, { name: "facts", kind: Kind.PACK, cells: [[{ slot: "s" }], [["t", 1]], []] }]),
  wire([{ name: "object_id", kind: Kind.PACK, cells: [1, "b"] }, { name: "at", kind: Kind.PACK, cells: [new Date(0), "2024-01-01"] }, { name: "day", kind: Kind.PACK, cells: [new Date(0), null] }]),
]);
write("options", ['{"id":"a","preset":"debug"}', '{"id":"a","backends":{"main":{"type":"inmem"}},"catalog":false}',
  '{"id":"a","backends":{"main":{"type":"sqlite","name":"main","database":":memory:"},"vec":{"type":"inmem"}}}',
  '{"id":"a","backends":{"main":{"type":"sqlite","database":"/d/a.sqlite"},"j":{"type":"json","path":"/j"},"p":{"type":"pickle","path":"/p"},"f":{"type":"file","path":"/f"}}}',
  '{"id":"a-b_c","backends":{"x":{"type":"sqlite","path":"/f","enabled":false},"search":{"type":"inmem"}},"env":{"K":"V"}}',
  '{"method":"supports","dtype":"short-text","op":"match","backend":"sqlite","strategy":"inline"}', '{"method":"rows"}', '{"method":"ops","backend":"inmem"}']);
const manifest = (/** @type {object} */ construction, /** @type {object[]} */ entities) =>
  JSON.stringify({ manifest: { kind: "heavenbase.workspace.manifest", version: 2, id: "a", construction, extensions: [], entities }, env: { HVNB_MAIN_PASSWORD: "p" }, overrides: { main: {} } });
const manifested = { entity_id: "doc", name: "Doc", indexes: [{ fields: ["t", "n"], to: "main" }], derive: [{ target: "catalog.summary", compute: "f", inputs: ["t"] }], fields: {
  t: { type: "short-text", required: true, default: "x", has_default: true, index: true, stores: [{ to: "main", strategy: "inline", reason: "r" }, { to: "search", strategy: "inverted" }] },
  n: { type: "integer", default: { $int64: "9007199254740993" }, has_default: true, unique: true }, blob: { type: "artifact", default: { $bytes: "AQI=" }, has_default: true },
  j: { type: "json", default: { $$int64: "1", a: [null, 1.5] }, has_default: true }, emb: { type: "vector", dim: 2, stores: [{ to: "vec", strategy: "vector", params: { index: "hnsw", m: 8 } }] } } };
write("manifest", [manifest({ kind: "preset", preset: "debug", catalog: true }, [{ definition: { entity_id: "doc", name: "Doc", fields: { t: { type: "short-text" } } }, storage: [] }]),
  manifest({ kind: "backends", backends: { main: { type: "sqlite", password: "<redacted>", url: "http://u:<redacted>@h", nested: { token: ["<redacted>"] } } } }, []),
  manifest({}, [{}]), "{}", "[]",
  manifest({ preset: "edge", overrides: { vec: { type: "memory" } }, env: { HVNB_LOCAL_LTS_ES_URL: "x" }, durability: "relaxed", intent_ms: 5, persist: "idb" },
    [{ definition: manifested, storage: [{ field: "t", backend: "main", strategy: "inline" }] }]),
  manifest({ backends: { main: { type: "inmem" }, search: { type: "inmem" }, vec: { type: "inmem", enabled: true } }, catalog: false }, [{ definition: manifested }])]);
const text = "Agent routing 12\nZeta Straße";
write("pattern", ["agent", "A%g_", "[A-Z]*[!y]", "^A.+ (routing|memory)\\b", "(?i)stra(ß|ss)e$", "(?P<a>x)(?P=a)", "\\d{2,3}?", "[^\\w\\s]", "(a|b)*c", "(?=A)(?<!x)A",
  "(?:a+)+", "\\u00e9\\x41\\N{BULLET}", "", "[", "[]-]", "STRASSE agent", "%\n%"].map((pattern) => `${pattern}\0${text}`));
const bytes = (/** @type {number} */ seed, /** @type {number} */ length) => Uint8Array.from({ length }, (_, i) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) >> 16 & (i % 3 === 0 ? 15 : 255));
write("calls", Array.from({ length: 16 }, (_, index) => bytes(index + 1, 40 + 20 * index)));
const http = (/** @type {{ neon?: boolean, planetscale?: boolean, status?: 0 | 2 | 3, ask?: 0 | 1 | 2 | 3, first?: boolean }} */ { neon, planetscale, status = 0, ask = 0, first }, /** @type {unknown} */ body) =>
  String.fromCharCode((neon ? 1 : 0) | status << 1 | ask << 3 | (planetscale ? 32 : 0) | (first ? 64 : 0)) + (typeof body === "string" ? body : JSON.stringify(body));
const gatewayRows = (/** @type {string[]} */ columns, /** @type {unknown[][]} */ rows) => ({ results: [{ columns, rows, affected: 0 }] });
const neonRows = (/** @type {string[]} */ columns, /** @type {unknown[][]} */ rows) => ({ fields: columns.map((name) => ({ name, dataTypeID: 25, format: "text" })), rows, command: "SELECT", rowCount: rows.length, rowAsArray: true });
/** Cells as texts. */
const planetscaleRows = (/** @type {Record<string, string>} */ fields, /** @type {(string | null)[][]} */ rows) => ({ session: { signature: "s", vitessSession: { autocommit: true, w: 1.5 } }, timing: 0.1, result: {
  fields: Object.entries(fields).map(([name, type]) => ({ name, type, charset: type.endsWith("B") ? 63 : 255 })),
  rows: rows.map((cells) => ({ lengths: cells.map((cell) => String(cell === null ? -1 : cell.length)), values: btoa(cells.join("")) })) } });
/** Each answer is a line. @param {number} how @param {unknown[]} answers */
const trino = (how, ...answers) => Uint8Array.from([128 | how, ...new TextEncoder().encode(answers.map((answer) => JSON.stringify(answer)).join("\n"))]);
const trinoRows = (/** @type {[string, string][]} */ columns, /** @type {unknown[][]} */ data, more = {}) => ({ id: "q", ...more, columns: columns.map(([name, type]) => ({ name, type })), data });
const nextUri = "http://h/v1/statement/executing/q/y/1";
/** Each is a line of one answer, or the answer to a load. @param {number} how @param {unknown[]} lines */
const starrocks = (how, ...lines) => Uint8Array.from([160 | how, ...new TextEncoder().encode(lines.flat().map((line) => `${JSON.stringify(line)}\n`).join(""))]);
const starRows = (/** @type {string[]} */ names, /** @type {unknown[][]} */ rows) => [{ connectionId: 7 }, { meta: names.map((name) => ({ name, type: "varchar" })) }, ...rows.map((data) => ({ data })), { statistics: { scanRows: 0, scanBytes: 0, returnRows: rows.length } }];
write("http", [
  http({}, gatewayRows(["object_id", "n", "v"], [["a", 7, { $bytes: "AACAPwAAAAA=" }], ["b", null, null]])), http({ ask: 1 }, gatewayRows(["count"], [[2]])),
  http({ ask: 2 }, gatewayRows(["object_id", "v"], [["a", "[1,0.5]"]])), http({ ask: 3 }, gatewayRows(["object_id", "name"], [["a", "a b"]])),
  http({}, '{"results":[{"columns":["object_id","n","v"],"rows":[["a",9223372036854775807,"[1,2]"],["b",1.5,"NaN"]]}]}'),
  http({ first: true }, gatewayRows(["t", "c", "y"], [["hb_meta", "key", "text"], ["hb_meta", "value", "bytea"]])),
  http({ status: 2 }, { error: { code: "STATEMENT_FAILED", message: "m", native: "23505", statement: 0 } }), http({ status: 3 }, { error: { code: "UNAVAILABLE", began: false } }),
  http({ neon: true }, neonRows(["object_id", "n", "v"], [["a", "7", "[1,2]"], ["b", null, "\\x0000803f00000000"]])), http({ neon: true, ask: 1 }, neonRows(["count"], [["2"]])),
  http({ neon: true, ask: 2 }, neonRows(["object_id", "v"], [["a", "[1,0.5]"]])), http({ neon: true, ask: 3 }, neonRows(["object_id", "name"], [["a", "\u00e9"]])),
  http({ neon: true, status: 2 }, { message: "m", code: "42P01", severity: "ERROR", position: "1" }), http({ neon: true, first: true }, neonRows(["t", "c", "y"], [["doc", "n", "int8"]])),
  http({ planetscale: true }, planetscaleRows({ object_id: "VARBINARY", n: "INT64", v: "BLOB" }, [["a", "7", "\0\0\x80?\0\0\0\0"], ["b", null, null]])), http({ planetscale: true, ask: 1 }, planetscaleRows({ "count(*)": "INT64" }, [["2"]])),
  http({ planetscale: true, ask: 3 }, planetscaleRows({ object_id: "VARCHAR", name: "BLOB" }, [["a", "a b"]])), http({ planetscale: true, first: true }, planetscaleRows({ t: "VARCHAR", c: "VARCHAR", y: "TEXT" }, [["hb_unit$doc", "n", "bigint"]])),
  http({ planetscale: true }, { session: null, error: { code: "ALREADY_EXISTS", message: "x (errno 1062) (sqlstate 23000)" } }),
  trino(0, { id: "q", nextUri, stats: { state: "QUEUED" } }, trinoRows([["object_id", "varchar"], ["n", "bigint"], ["v", "varbinary"]], [["a", 7, "AACAPwAAAAA="], ["b", null, null]], { nextUri: nextUri.replace("1", "2") }), { id: "q", warnings: [] }),
  trino(1 << 3, trinoRows([["_col0", "bigint"]], [[2]])), trino(2 << 3, trinoRows([["object_id", "varchar"], ["v", "varbinary"]], [["a", "AACAPwAAAAA="]]), trinoRows([["object_id", "varchar"], ["n", "double"]], [["a", "NaN"]])),
  trino(0, { id: "q", nextUri, error: { errorName: "TABLE_NOT_FOUND", errorCode: 46, errorType: "USER_ERROR", message: "m" } }), trino(3 << 1, { id: "q" }), trino(64, trinoRows([["t", "varchar"], ["c", "varchar"], ["d", "varchar"]], [["hb_meta", "key", "varchar"]]),
    trinoRows([["key", "varchar"], ["value", "varbinary"], ["n", "bigint"]], [["format", "MQ==", 1]])),
  starrocks(0, starRows(["object_id", "n", "v"], [["a", 7, [1, 0]], ["b", null, "[0,1]"]])), starrocks(1 << 3, starRows(["count(*)"], [[2]])), starrocks(2 << 3, starRows(["object_id", "v"], [["a", [1, 0.5]]])),
  starrocks(3 << 3, starRows(["object_id", "name"], [["a", "a b"]])), starrocks(64, starRows(["t", "c", "d"], [["doc", "n", "bigint"]])), starrocks(2 << 1, { status: "FAILED", msg: "Unknown table 'x'" }),
  starrocks(1, { TxnId: 1, Label: "l", Status: "Success", Message: "OK", NumberLoadedRows: 1, NumberFilteredRows: 0 }), starrocks(1, { Status: "Label Already Exists", ExistingJobStatus: "FINISHED", Message: "m" }),
]);
