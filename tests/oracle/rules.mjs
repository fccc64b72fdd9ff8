// SPDX-License-Identifier: MIT
// Conditions and expectations that differences.json names. A condition looks at the content of a
// case only: definitions, backends, the step's arguments, and what earlier steps left (the model).
import { readFileSync } from "node:fs";
import { coerce, isTextType, Refused } from "./coercion.mjs";
import { ownField } from "./definition.mjs";
import { Unknown, visitFilter } from "./filters.mjs";
import { answer, metricOf } from "./model.mjs";
import { placement, primary } from "./placement.mjs";
import { catalogRows, maskImplicit, metaRows, META_COLUMNS, CATALOG_COLUMNS, SYSTEM_COLUMNS, systemType } from "./system.mjs";
import { isObject, normal } from "./values.mjs";
import { bareJsonFields, derivedId, isBlank, rowsOf } from "./writes.mjs";

export const RULES = JSON.parse(readFileSync(new URL("./differences.json", import.meta.url), "utf8"));

const METRICS = new Set(["cosine", "l2", "dot"]);
const METRIC_ALIASES = new Set(["euclidean", "ip", "inner_product"]);
const OPTIONS = new Set(["type", "name", "path", "database", "enabled", "fmt", "uri"]);
const DEFINITION_KEYS = new Set(["entity_id", "name", "desc", "description", "tags", "card", "fields", "indexes",
  "constraints", "derive", "derives"]);
const FIELD_KEYS = new Set(["name", "type", "dtype", "desc", "description", "tags", "examples", "pk", "required",
  "default", "has_default", "storage", "stores", "index", "indexes", "unique", "compute", "computes", "query_compute",
  "query_computes"]);
const STORE_KEYS = new Set(["to", "strategy", "optional", "reason", "params"]);
const NULLABLE = new Set(["short-text", "medium-text", "long-text", "identifier", "date", "boolean",
  "categorical", "array"]);
const PREFILTER = ["combined_scan", "combined_native", "metadata_prefilter", "candidate_id_prefilter"];
const ORDER_OPS = new Set(["lt", "lte", "gt", "gte"]);
const ITEM_OPS = new Set(["array_contains", "contains", "contained_in"]);
const MEMBERSHIP = new Set(["eq", "ne", "in"]);
const PATTERN_OPS = new Set(["match", "contains", "starts_with", "ends_with", "like", "ilike", "wildcard", "regex"]);
const TEXT_OPS = new Set(["eq", "ne", "in", "lt", "lte", "gt", "gte", "match", "contains", "starts_with",
  "ends_with", "like", "ilike", "wildcard", "regex", "array_contains", "contained_in"]);

const specOf = (ctx) => (isObject(ctx.args.query) ? ctx.args.query : {});

/** Calls visit(type, op, operand, field) for each comparison with a declared field. */
function operands(ctx, visit) {
  visitFilter(specOf(ctx).filter, (field, op, operand) => {
    const type = ctx.definition && field !== null ? ownField(ctx.definition, field)?.type : undefined;
    if (type) visit(type, op, operand, field);
  });
}

function someOperand(ctx, test) {
  let found = false;
  operands(ctx, (...parts) => { found ||= test(...parts); });
  return found;
}

const elements = (op, operand) => (op === "in" && Array.isArray(operand) ? operand : [operand]);

function namesUsed(spec) {
  const names = [...(Array.isArray(spec.select) ? spec.select : []),
    ...(Array.isArray(spec.order) ? spec.order.map((name) => String(name).replace(/^-/, "")) : [])];
  visitFilter(spec.filter, (field) => names.push(field));
  return names;
}

function filteredValues(spec, column) {
  const values = [];
  visitFilter(spec.filter, (field, op, operand) => {
    if (field === column) values.push(...(op === "eq" ? [operand] : op === "in" ? operand : [undefined]));
  });
  return values;
}

function isModelled(spec, columns) {
  return !spec.near && !spec.aggregate && !spec.group_by && spec.select?.length > 0
    && namesUsed(spec).every((name) => columns.includes(name));
}

function bindings(ctx, ours) {
  return ctx.definition ? placement(ctx.definition, ctx.case.backends, ours) : [];
}

function filterFields(ctx) {
  const names = new Set();
  operands(ctx, (_type, _op, _operand, field) => names.add(field));
  visitFilter(specOf(ctx).filter, (field) => { if (field) names.add(field.split(".")[0]); });
  return names;
}

function filtersElsewhere(ctx, ours) {
  const placed = bindings(ctx, ours);
  const home = primary(placed, specOf(ctx).near?.field)?.backend;
  return [...filterFields(ctx)].some((name) => primary(placed, name)?.backend !== home);
}

const undeclaredNames = (ctx) => [...ctx.model.entities.values()]
  .some(({ definition, rows }) => definition.implicitName && [...rows.values()].some((row) => row.name));

const isMeta = (ctx) => ctx.args.entity === "sys-metaschema";

/** A path of the filter with a position in it, or `contains` asked of a path where a row has a list. */
function reachesIntoList(ctx) {
  let found = false;
  visitFilter(specOf(ctx).filter, (field, op, operand) => {
    const [base, ...rest] = String(field).split(".");
    if (ctx.definition.fields.get(base)?.type.kind !== "json") return;
    const path = op === "get" ? [operand?.path ?? []].flat().join(".").split(".") : rest;
    const asked = op === "get" && isObject(operand) ? Object.keys(operand).map((key) => key.replace("$", "")) : [op];
    found ||= path.some((step) => /^\d+$/.test(step)) || (path.length > 0 && asked.includes("contains")
      && ctx.model.rows(ctx.args.entity).some((row) => Array.isArray(path.reduce((value, step) => value?.[step], row[base]))));
  });
  return found;
}

/** Conditions on items that compare a column as text that is none, or a text with something else. */
function strangeItemConditions(type, operand) {
  const parts = isObject(operand?.where) || isObject(operand?.then) ? [operand.where ?? {}, operand.then ?? {}] : [operand ?? {}];
  if (parts.some((part) => !isObject(part))) return true;
  return parts.some((part) => Object.entries(part).some(([name, condition]) => {
    const column = type.columns.find((one) => one.name === name)?.type;
    const asked = isObject(condition) ? Object.entries(condition).map(([op, value]) => [op.replace("$", ""), value]) : [["eq", condition]];
    return column !== undefined && asked.some(([op, value]) => (!isTextType(column) && PATTERN_OPS.has(op))
      || (op !== "in" && value !== null && (typeof value === "object" || typeof value === "boolean")));
  }));
}

/** Columns that select and order name and the entity does not have. */
function unknownColumns(ctx) {
  const has = columnTest(ctx);
  return has && !isAggregate(ctx) ? namedColumns(ctx).filter((name) => !has(name)) : [];
}

/** The names in select and order. */
function namedColumns(ctx) {
  const { select, order } = specOf(ctx);
  return [...(Array.isArray(select) ? select : []).map((name) => (typeof name === "string" ? name : JSON.stringify(name) ?? "")).map((name) => name.trim()),
    ...(Array.isArray(order) ? order : []).filter((name) => typeof name === "string").map((name) => name.replace(/^-/, "").trim())];
}

/** Tells the columns of the entity that is asked; null when there is none. */
function columnTest(ctx) {
  const own = SYSTEM_COLUMNS[ctx.args.entity];
  if (own) return (name) => own.has(name.split(".")[0]);
  const scored = isObject(specOf(ctx).near) || ctx.step.op !== "explain";
  return ctx.definition && ((name) => name === "object_id" || name === "match" || (name === "score" && scored)
    || Boolean(ownField(ctx.definition, name.split(".")[0])));
}

/** Names into a Json field with a key that is empty. */
const emptyKeys = (ctx) => [...namedColumns(ctx), ...[specOf(ctx).group_by ?? []].flat().map((name) => String(name).trim())]
  .filter((name) => name.split(".").length > 1 && name.split(".").slice(1).includes(""));

const KINDS = new Set(["entity", "field", "storage"]);

function metaIsModelled(ctx) {
  const spec = specOf(ctx);
  const kinds = filteredValues(spec, "kind");
  const subjects = filteredValues(spec, "subject_id");
  return isMeta(ctx) && isModelled(spec, META_COLUMNS) && kinds.length > 0 && kinds.every((kind) => KINDS.has(kind))
    && subjects.length > 0 && subjects.every((subject) => typeof subject === "string")
    && (kinds.every((kind) => kind === "entity") || subjects.every((subject) => !subject.startsWith("sys-")));
}

/** Arrays and HyperGs whose items a side table in SQL does not give back as they were. */
function isNestedArray(type) {
  if (type.kind === "hyper-g") return type.columns.some((column) => column.type.kind === "boolean");
  return type.kind === "array" && type.item && ["array", "json", "hyper-g", "vector", "boolean"].includes(type.item.kind);
}

/** An item of a side table as it was written: booleans come back as 0 and 1, what nests as JSON text. */
function decodedItem(type, item) {
  if (type.kind === "hyper-g") {
    return isObject(item) ? Object.fromEntries(Object.entries(item).map(([name, value]) =>
      [name, value !== null && type.columns.find((column) => column.name === name)?.type.kind === "boolean" ? Boolean(value) : value])) : item;
  }
  return typeof item === "string" ? JSON.parse(item) : type.item.kind === "boolean" ? Boolean(item) : item;
}

export const CONDITIONS = {
  writeTouch: () => true,
  idFromUndeclaredName: (ctx) => Boolean(ctx.definition && ctx.expect.error)
    && rowsOf({ op: ctx.step.op, args: ctx.args }).some((row) => isObject(row) && derivedId(ctx.definition, row) !== null),
  bareJsonText: (ctx) => Boolean(ctx.definition && ctx.expect.error)
    && rowsOf({ op: ctx.step.op, args: ctx.args }).some((row) => isObject(row) && bareJsonFields(ctx.definition, row).length > 0),
  queriesUndeclaredName: (ctx) => Boolean(ctx.definition?.implicitName) && namesUsed(specOf(ctx)).includes("name"),
  rowsOfUndeclaredName: (ctx) => !ctx.expect.error && !isAggregate(ctx) && !specOf(ctx).select?.length
    && (ctx.definition ? Boolean(ctx.definition.implicitName) : undeclaredNames(ctx)),
  catalogOfUndeclaredName: (ctx) => ctx.args.entity === "sys-catalog" && undeclaredNames(ctx)
    && isModelled(specOf(ctx), CATALOG_COLUMNS),
  writesMetaschema: isMeta,
  unknownColumn: (ctx) => unknownColumns(ctx).length > 0
    && (!ctx.expect.error || CONDITIONS.queriesUndeclaredName(ctx) || CONDITIONS.nullOperand(ctx)),
  emptyKey: (ctx) => !ctx.expect.error && emptyKeys(ctx).length > 0,
  oddCount: (ctx) => !ctx.expect.error && [specOf(ctx).limit, specOf(ctx).offset, specOf(ctx).near?.top_k]
    .some((one) => (one ?? null) !== null && !Number.isSafeInteger(one) && !/^\s*\+?\d+\s*$/.test(one)),
  hugeCount: (ctx) => !ctx.expect.error && [specOf(ctx).limit, specOf(ctx).offset]
    .some((one) => (typeof one === "bigint" || /^\s*\+?\d{19,}\s*$/.test(one)) && BigInt.asIntN(64, BigInt(one)) !== BigInt(one)),
  nullText: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => operand === null && PATTERN_OPS.has(op)
    && (isTextType(type) || type.kind === "date")),
  hugeRepeat: (ctx) => !ctx.expect.error && someOperand(ctx, (_type, op, operand) => op === "regex"
    && [...String(operand).matchAll(/\{(\d*),?(\d*)\}/g)].some((match) => Number(match[1]) > 65535 || Number(match[2]) > 65535)),
  inNoList: (ctx) => !ctx.expect.error && someOperand(ctx, (_type, op, operand) => op === "in" && !Array.isArray(operand)),
  operandNotFinite: (ctx) => !ctx.expect.error && someOperand(ctx, (_type, op, operand) =>
    elements(op, operand).some((one) => (typeof one === "number" && !Number.isFinite(one)) || /^\s*[+-]?(nan|inf(inity)?)\s*$/i.test(one))),
  itemsInMemory: (ctx) => !ctx.expect.error && !isAggregate(ctx) && someOperand(ctx, (type, op, _operand, field) => type.kind === "array"
    && (op === "array_contains" || op === "contains") && primary(bindings(ctx, false), field)?.type === "inmem"),
  pathsNegated: (ctx) => !ctx.expect.error && !isAggregate(ctx) && JSON.stringify(normal(specOf(ctx).filter) ?? "").includes('"$not"')
    && pathsOf(ctx).length > 0 && bindings(ctx, false).some((one) => one.type === "sqlite"),
  ordersKinds: (ctx) => !ctx.expect.error && Boolean(ctx.definition) && [...orderNames(ctx), ...[specOf(ctx).group_by ?? []].flat()]
    .some((name) => kindsAt(ctx, String(name)).size > 1) && orderNames(ctx).length > 0,
  comparesKinds: (ctx) => ctx.expect.error?.class === "TypeError" && isObject(specOf(ctx).having) && Boolean(ctx.definition)
    && [specOf(ctx).group_by ?? []].flat().some((name) => kindsAt(ctx, String(name)).size > 0),
  nullOfSystem: (ctx) => ctx.expect.error?.class === "TypeError" && String(ctx.args.entity).startsWith("sys-") && asksNull(specOf(ctx).filter),
  mappingForList: (ctx) => someOperand(ctx, (type, op, operand) => type.kind === "array" && MEMBERSHIP.has(op)
    && elements(op, operand).some(isObject)),
  truthOfList: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => type.kind === "boolean"
    && elements(op, operand).some((one) => one !== null && typeof one === "object")),
  vectorOperand: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => type.kind === "vector" && op === "eq"
    && operand !== null && refuses(type, operand)),
  oddPathKey: (ctx) => Boolean(ctx.expect.steps) && oddKeys(ctx),
  renamed: (ctx) => Object.keys(renames(ctx)).length > 0,
  deletesNothing: (ctx) => !ctx.expect.error && Array.isArray(ctx.args.ids) && ctx.args.ids.length === 0 && !ctx.definition,
  plainDefinition: (ctx) => Boolean(ctx.expect.error) && isObject(ctx.args.definition)
    && (hasColumnShorthand(ctx.args.definition) || hasNullKeys(ctx.args.definition) || /^"Unknown logical type/.test(ctx.expect.error.message)),
  fieldCalledSchema: (ctx) => ctx.expect.error?.class === "TypeError" && Boolean(ctx.defined?.fields.has("schema")),
  placesTwice: (ctx) => !ctx.expect.error && Boolean(ctx.defined) && [...ctx.defined.fields.values()].some(({ stores }) =>
    new Set(stores.map((store) => store.to)).size < new Set(stores.map((store) => `${store.to} ${store.strategy}`)).size),
  replacesInSql: (ctx) => ctx.expect.error?.class === "DatabaseError",
  describesOddly: (ctx) => !ctx.expect.error && isObject(ctx.args.definition) && [ctx.args.definition, ...Object.values(ctx.args.definition.fields ?? {})]
    .some((one) => isObject(one) && [one.desc ?? "", one.description ?? ""].some((text) => typeof text !== "string")),
  refusesDefinition: (ctx) => Boolean(ctx.expect.error) && otherFaults(ctx).length > 0,
  outlived: (ctx) => ctx.model.outlived(entityOf(ctx)).size > 0,
  outlivedError: (ctx) => Boolean(ctx.expect.error) && (ctx.step.op === "audit" ? [...ctx.model.changed.values()].some((fields) => fields.size > 0)
    : ctx.model.outlived(entityOf(ctx)).size > 0),
  unsound: (ctx) => SQL_ERRORS.has(ctx.expect.error?.class) && ctx.model.unsound.has(entityOf(ctx)),
  unsoundAudit: (ctx) => SQL_ERRORS.has(ctx.expect.error?.class) && ctx.model.unsound.size > 0,
  listsOthers: (ctx) => ctx.model.refused.size > 0 && !ctx.expect.error,
  predates: (ctx) => ctx.expect.error?.class === "SchemaVersionMismatchError",
  unevenBatch: (ctx) => ctx.expect.error?.class === "DatabaseError" && isUneven(ctx),
  blankId: (ctx) => ctx.expect.error?.class === "ValueError" && [...ctx.model.phantoms]
    .some(([entity, ids]) => (ctx.step.op === "audit" || entity === ctx.args.entity) && [...ids].some(isBlank)),
  restored: (ctx) => ctx.expect.error?.class === "KeyError" && ctx.restored.has(ctx.entity ?? ctx.args.entity),
  spelledOtherwise: (ctx) => !ctx.expect.error && spellings(ctx.args.backends ?? ctx.case.backends).some((name) => name !== name.trim().toLowerCase()),
  restoredAmong: (ctx) => ctx.restored.size > 0 && !ctx.expect.error,
  restoredOtherwise: (ctx) => Boolean(ctx.defined) && !ctx.expect.error && ctx.restored.has(ctx.defined.id)
    && wholeOf(ctx.defined) !== wholeOf(ctx.model.definition(ctx.defined.id)),
  sharesFile: (ctx) => (Boolean(ctx.definition) || ctx.step.op === "audit") && ctx.ids.size > 1 && /"sqlite"/.test(JSON.stringify(ctx.model.backends)) && JSON.stringify(ctx.model.backends).includes("$TMP"),
  nearOfNoText: (ctx) => Boolean(ctx.expect.error) && isObject(specOf(ctx).near) && typeof (specOf(ctx).near.field ?? null) !== "string",
  grewByDefault: (ctx) => Boolean(ctx.definition) && ctx.model.grown(ctx.entity).size > 0,
  itemsAsOperand: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => type.kind === "hyper-g" && MEMBERSHIP.has(op)
    && elements(op, operand).some((one) => one !== null && !storedAsGiven(type, one))),
  ordersItems: (ctx) => ctx.expect.error?.class === "TypeError" && [specOf(ctx).order ?? []].flat()
    .some((name) => ctx.definition?.fields.get(String(name).replace(/^-/, ""))?.type.kind === "hyper-g"),
  countsBytes: (ctx) => Boolean(ctx.definition) && !ctx.expect.error && isObject(specOf(ctx).aggregate)
    && Object.values(specOf(ctx).aggregate).some((metric) => Object.entries(isObject(metric) ? metric : {})
      .some(([op, options]) => /value_counts|column_summary/.test(op) && ctx.definition.fields.get(options?.field)?.type.kind === "artifact")),
  unsafeText: (ctx) => Boolean(ctx.expect.steps) && specOf(ctx).unsafe === true,
  selectsTwice: (ctx) => !ctx.expect.error && !isAggregate(ctx) && Array.isArray(specOf(ctx).select)
    && new Set(specOf(ctx).select.map((name) => String(name).trim())).size < specOf(ctx).select.length,
  metaschemaOfEntities: metaIsModelled,
  metaschemaElsewhere: (ctx) => isMeta(ctx) && !ctx.expect.error && !metaIsModelled(ctx),
  placedElsewhere: (ctx) => Boolean(ctx.expect.steps) && ctx.expect.steps.some((step) => {
    const [ours, theirs] = [true, false].map((own) => (step.field ? primary(bindings(ctx, own), step.field) : null));
    return ours?.backend !== theirs?.backend || ours?.strategy !== theirs?.strategy;
  }),
  nearWithFilter: (ctx) => Boolean(ctx.expect.steps && specOf(ctx).near) && filterFields(ctx).size > 0,
  nearNonFinite: (ctx) => [specOf(ctx).near?.query].flat().some((one) => typeof one === "number" && !Number.isFinite(Math.fround(one))),
  nearMetricAlias: (ctx) => Boolean(ctx.expect.steps) && METRIC_ALIASES.has(String(specOf(ctx).near?.metric).toLowerCase()),
  nearUnknownMetric: (ctx) => unknownMetric(specOf(ctx).near?.metric),
  nearDiffers: (ctx) => Boolean(ctx.definition && isObject(specOf(ctx).near) && !ctx.expect.error) && !isAggregate(ctx)
    && (filtersElsewhere(ctx, false) || hasNullVector(ctx) || (specOf(ctx).near.metric ?? "cosine") !== "cosine"),
  unknownOption: (ctx) => isObject(ctx.args.backends ?? ctx.case.backends)
    && Object.values(ctx.args.backends ?? ctx.case.backends).some((config) => isObject(config)
      && Object.keys(config).some((key) => !OPTIONS.has(key))),
  operandOutOfRange: (ctx) => someOperand(ctx, (type, op, operand) => ["timestamp", "integer", "duration"].includes(type.kind)
    && elements(op, operand).some((one) => touchesOf(type, one).includes("D6"))),
  emptyOr: (ctx) => {
    let found = false;
    visitFilter(specOf(ctx).filter, (_field, op) => { found ||= op === "or-empty"; });
    return found;
  },
  jsonScalarOperand: (ctx) => someOperand(ctx, (type, op, operand) => type.kind === "json" && MEMBERSHIP.has(op)
    && elements(op, operand).some((one) => one !== null && typeof one !== "object")),
  nullLogical: (ctx) => !ctx.expect.error && /"\$(and|or)":\[[^\]]*null|"\$(and|or|not)":null/.test(JSON.stringify(normal(specOf(ctx).filter) ?? "")),
  nullOrder: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => operand === null && ORDER_OPS.has(op)
    && (isTextType(type) || type.kind === "timestamp")),
  pathIntoList: (ctx) => !ctx.expect.error && Boolean(ctx.definition) && reachesIntoList(ctx),
  itemConditions: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => type.kind === "hyper-g"
    && (op === "match" || (["exists", "any", "all"].includes(op) && strangeItemConditions(type, operand)))),
  nearAggregates: (ctx) => Boolean(ctx.definition && isObject(specOf(ctx).near) && ctx.expect.rows && isAggregate(ctx))
    && (filtersElsewhere(ctx, false) || hasNullVector(ctx) || (specOf(ctx).near.metric ?? "cosine") !== "cosine"),
  nullInItems: (ctx) => ctx.expect.error?.class === "TypeError" && someOperand(ctx, (type, op, operand) =>
    (type.kind === "hyper-g" && ["exists", "any", "all"].includes(op) && JSON.stringify(normal(operand) ?? "").includes("null"))
      || (type.kind === "array" && ITEM_OPS.has(op) && operand === null)),
  nullOperand: (ctx) => someOperand(ctx, (type, op, operand) => MEMBERSHIP.has(op)
    && (type.kind !== "vector" || op !== "in") && (!NULLABLE.has(type.kind) || (op !== "in" && unhandled(ctx)))
    && elements(op, operand).includes(null)),
  operandNotText: (ctx) => someOperand(ctx, (type, op, operand) => TEXT_OPS.has(op)
    && (isTextType(type.kind === "array" ? type.item ?? type : type) || (op === "contained_in" && type.kind === "array")
      || (["date", "categorical"].includes(type.kind) && !MEMBERSHIP.has(op) && !ORDER_OPS.has(op)))
    && (type.kind === "array" ? ITEM_OPS.has(op) : op !== "array_contains")
    && elements(op, operand).some((one) => typeof one === "boolean" || (one !== null && typeof one === "object"))),
  takesTheFirst: (ctx) => ctx.args.unique === false && ctx.args.entity === undefined && ctx.expect.error?.class === "ValueError",
  nullColumns: (ctx) => Boolean(ctx.definition) && !ctx.expect.error && !isAggregate(ctx)
    && [...ctx.definition.fields.values()].some((field) => field.type.kind === "hyper-g"),
  emptyColumn: (ctx) => Boolean(ctx.definition && ctx.expect.error?.class === "ValueError") && !isAggregate(ctx) && unknownColumns(ctx).length === 0
    && namedColumns(ctx).length > 0 && ctx.expect.error.message.startsWith("Unsupported result column"),
  emptySelect: (ctx) => Boolean(ctx.expect.columns) && !isAggregate(ctx) && Array.isArray(specOf(ctx).select) && specOf(ctx).select.length === 0,
  countsVectors: (ctx) => Boolean(ctx.definition && ctx.expect.rows) && metrics(ctx)
    .some(([op, options]) => /value_counts|column_summary/.test(op) && ctx.definition.fields.get(options?.field)?.type.kind === "vector"),
  summarisesItems: (ctx) => Boolean(ctx.definition && ctx.expect.rows) && metrics(ctx).some(([op, options]) => op.endsWith("column_summary")
    && ["hyper-g", "json", "array"].includes(ctx.definition.fields.get(options?.field)?.type.kind))
    && bindings(ctx, false).some((one) => ["json", "file", "pickle"].includes(one.type)),
  havingOfJson: (ctx) => ["TypeError", "LookupError"].includes(ctx.expect.error?.class) && isObject(specOf(ctx).having)
    && metrics(ctx).some(([op]) => /value_counts|key_counts|key_sums|column_summary/.test(op)),
  ranks32: (ctx) => Boolean(ctx.expect.rows) && isObject(specOf(ctx).near),
  looseRows: (ctx) => !ctx.expect.error && ctx.model.looseIds(entityOf(ctx)).size > 0,
  idNotText: (ctx) => [ctx.args.id, ...(Array.isArray(ctx.args.ids) ? ctx.args.ids : [])]
    .some((id) => typeof id === "boolean" || (id !== null && typeof id === "object")),
  longFileName: (ctx) => ctx.expect.error?.class === "OSError",
  nestedArraysInSql: (ctx) => Boolean(ctx.definition) && !ctx.expect.error
    && [...ctx.definition.fields.values()].some((field) => isNestedArray(field.type)
      && primary(bindings(ctx, false), field.name)?.strategy === "side"),
  evaluatedEverywhere: (ctx) => (ctx.expect.error?.class === "LookupError" || Boolean(ctx.expect.steps))
    && someOperand(ctx, (type, op, _operand, field) => type.kind === "array" && (MEMBERSHIP.has(op) || ITEM_OPS.has(op))
      && ["sparse-gram", "side"].includes(primary(bindings(ctx, false), field)?.strategy)),
  booleanAmongNumbers: (ctx) => Boolean(ctx.definition && ctx.expect.rows) && someOperand(ctx, (type, op, operand, field) =>
    ((type.kind === "array" && !type.item) || type.kind === "json")
      && (MEMBERSHIP.has(op) || op === "array_contains" || op === "contains")
      && mixesTruth(operand, ctx.model.rows(ctx.args.entity).map((row) => row[field] ?? null))),
  reducesUndeclaredName: (ctx) => Boolean(ctx.definition?.implicitName && ctx.expect.error) && isObject(specOf(ctx).aggregate)
    && JSON.stringify([specOf(ctx).group_by, specOf(ctx).aggregate]).includes('"name"'),
  aggregateReadsMore: (ctx) => Boolean(ctx.definition && ctx.expect.error) && isObject(specOf(ctx).aggregate)
    && Object.values(specOf(ctx).aggregate).some((metric) => readsMore(ctx.definition.fields, metric)),
  altersMore: (ctx) => Boolean(ctx.defined && ctx.expect.error) && ctx.args.confirm === ctx.defined.id
    && (changesFields(ctx.model.definition(ctx.defined.id), ctx.defined) || spreads(ctx)),
  idsAnywhere: (ctx) => Boolean(ctx.expect.steps) && filterFields(ctx).has("object_id")
    && bindings(ctx, true).filter((one) => one.field === "object_id").length > 1,
  unknownDefinitionKey: (ctx) => isObject(ctx.args.definition) && hasUnknownKeys(ctx.args.definition),
  defaultOfWrongType: (ctx) => Boolean(ctx.defined) && [...ctx.defined.fields.values()]
    .some((field) => field.hasDefault && field.default !== null && refuses(field.type, field.default)),
  keywordsCompose: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op, operand) => op === "contained_in"
    && (composes(operand) || composes(JSON.stringify(normal(ctx.model.rows(ctx.args.entity)))))),
  likesLineEnd: (ctx) => !ctx.expect.error && someOperand(ctx, (type, op) => op === "like" || op === "ilike")
    && ctx.model.rows(ctx.args.entity).some((row) => Object.values(row).some((value) => typeof value === "string" && value.endsWith("\n"))),
  refusedRows: (ctx) => !ctx.expect.error && (ctx.model.phantoms.get(ctx.args.entity)?.size ?? 0) > 0,
};

/** Whether the reference has nothing that answers a part of the filter. */
const unhandled = (ctx) => ctx.expect.error?.class === "LookupError" || Boolean(ctx.expect.steps?.some((step) => step.unsupported));

/** Every path of the filter into a Json field, as lists of keys. */
function pathsOf(ctx) {
  const paths = [];
  visitFilter(specOf(ctx).filter, (field, op, operand) => {
    const [base, ...rest] = String(field).split(".");
    if (ctx.definition?.fields.get(base)?.type.kind !== "json") return;
    paths.push(op === "get" && isObject(operand) ? [operand.path ?? []].flat().join(".").split(".") : rest);
  });
  return paths;
}

/** Keys that need quoting in the paths of SQL. */
const oddKeys = (ctx) => pathsOf(ctx).some((path) => path.some((key) => !/^[A-Za-z_]\w*$/.test(key)));

/** Instances that the options of a backend call otherwise than the map does: their name there -> the key. */
function renames(ctx) {
  const map = ctx.args.backends ?? ctx.model.backends;
  return isObject(map) ? Object.fromEntries(Object.entries(map).filter(([key, config]) => typeof config?.name === "string" && config.name !== key)
    .map(([key, config]) => [config.name, key])) : {};
}

/** A column of a HyperG whose type is written with brackets. */
function hasColumnShorthand({ fields }) {
  return (isObject(fields) || Array.isArray(fields) ? Object.values(fields) : []).some((field) => {
    const columns = field?.type?.fields ?? field?.dtype?.fields;
    return Array.isArray(columns) && columns.some((column) => typeof column?.dtype === "string" && column.dtype.includes("["));
  });
}

/** The words of a layout that name types or a preset. */
const spellings = (backends) => [isObject(backends) ? Object.values(backends).map((config) => config?.type) : backends].flat()
  .filter((name) => typeof name === "string");

const wholeOf = (definition) => JSON.stringify([...definition.fields].map((pair) => normal(pair)));

/** Whether a filter asks for what is missing. */
function asksNull(filter) {
  let found = false;
  visitFilter(filter, (_field, op, operand) => { found ||= MEMBERSHIP.has(op) && elements(op, operand).includes(null); });
  return found;
}

/** The entity that a step is about, named or found by its id. */
const entityOf = (ctx) => ctx.entity ?? ctx.args.entity ?? ctx.model.holder(ctx.args.id);

/** The reducers of the query: [operation, options]. */
const metrics = (ctx) => Object.values(isObject(specOf(ctx).aggregate) ? specOf(ctx).aggregate : {})
  .flatMap((metric) => Object.entries(isObject(metric) ? metric : {}));

const orderNames = (ctx) => [specOf(ctx).order ?? []].flat().map((name) => String(name).replace(/^-/, "").trim());

/** The kinds of the values that rows have at a path into Json. */
function kindsAt(ctx, name) {
  const [base, ...path] = name.split(".");
  if (ctx.definition.fields.get(base)?.type.kind !== "json") return new Set();
  const values = ctx.model.rows(ctx.args.entity).map((row) => path.reduce((value, step) => value?.[step], row[base])).filter((value) => (value ?? null) !== null);
  return new Set(values.map((value) => (Array.isArray(value) ? "array" : typeof value === "bigint" ? "number" : typeof value)));
}

/** What the model has for a step that reads; of others there is no opinion. */
function held(ctx) {
  const { op } = ctx.step;
  const rows = ctx.model.rows(ctx.args.entity);
  switch (op) {
    case "rows": return { rows, ordered: false };
    case "ids": return { value: rows.map((row) => row.object_id).sort() };
    case "count": return { value: rows.length };
    case "get": return { row: ctx.model.row(ctx.args.entity, ctx.args.id) };
    case "get_many": return { list: ctx.args.ids.map((id) => ctx.model.row(ctx.args.entity, id)) };
    case "delete_many": return { value: ctx.args.ids.map((id) => ctx.model.row(ctx.args.entity, id) !== null) };
    case "audit": return { value: { ok: true, missing: 0, dangling: 0, mismatched: 0 } };
    case "exists": case "delete": return { value: ctx.model.row(ctx.args.entity, ctx.args.id) !== null };
    case "query": case "query_count": return modelled(ctx, () => ctx.model.query(ctx.args.entity, specOf(ctx)));
    default: return { free: true };
  }
}

const SQL_ERRORS = new Set(["DatabaseError", "InvalidRequestError"]);

/** Whether a query asks a field that had another definition, but for showing it. */
function asksOutlived(ctx, fields) {
  const spec = specOf(ctx);
  const named = [...orderNames(ctx), spec.near?.field ?? "", ctx.args.field ?? "",
    ...(Array.isArray(spec.select) ? spec.select : []).filter((name) => String(name).includes("."))];
  visitFilter(spec.filter, (field) => named.push(field));
  return isAggregate(ctx) || named.some((name) => fields.has(String(name).split(".")[0].trim()));
}

/** The codes of faults that a definition may have besides the one that the reference told. */
function otherFaults(ctx) {
  const text = JSON.stringify(normal(ctx.args.definition) ?? null);
  const says = (words) => new RegExp(`"(${words})":`).test(text);
  const isOther = !["ValueError", "TypeError"].includes(ctx.expect.error?.class);
  return [...(says("computes?|query_computes?|derives?") ? ["UNKNOWN_COMPUTE"] : []), ...(says("entity_id") ? ["INVALID_ID"] : []),
    ...(says("storage|stores|to") ? ["ROUTING"] : []), ...(says("strategy") ? ["UNSUPPORTED_STORAGE"] : []),
    ...(says("indexes|constraints|derives?|index|unique") ? ["UNKNOWN_FIELD"] : []),
    ...(ctx.defined && ctx.model.definition(ctx.defined.id) ? ["SCHEMA_CONFLICT"] : []), ...(isOther ? ["SCHEMA", "VALIDATION", "TYPE"] : [])];
}

/** A key of a field that is null. */
const hasNullKeys = ({ fields }) => (isObject(fields) || Array.isArray(fields) ? Object.values(fields) : [])
  .some((field) => isObject(field) && Object.entries(field).some(([key, value]) => value === null && key !== "default"));

/** Rows of one batch with other keys than the first, or new ones among old. */
export function isUneven(ctx) {
  const rows = (Array.isArray(ctx.args.rows) ? ctx.args.rows : []).filter(isObject);
  const shape = (row) => JSON.stringify([ctx.model.row(ctx.args.entity, row.object_id) === null, Object.keys(row).sort()]);
  return new Set(rows.map(shape)).size > 1;
}

/** An id as the reference writes it. */
const idText = (id) => (typeof id === "number" && !Number.isFinite(id) ? String(id).replace("Infinity", "inf").replace("NaN", "nan") : String(id));

function storedAsGiven(type, value) {
  try {
    return JSON.stringify(normal(coerce(type, value, []))) === JSON.stringify(normal(value));
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** Texts of a row: values and items of lists. */
const textsOf = (row) => Object.values(row).flat().filter((value) => typeof value === "string");

/** About as `contained_in` folds; enough to say where the two ways of composing could part. */
const folded = (text) => text.toLowerCase().replace(/[\s\p{P}]+/gu, " ").trim();

/** Whether it matters, for a text found in another, when the two are composed. */
function composingMatters(keyword, text) {
  return composes(keyword) || /\p{M}/u.test(keyword)
    || folded(text).includes(folded(keyword)) !== folded(text.normalize("NFC")).includes(folded(keyword));
}

/** The rows of which a rule does not say whether they are in the answer; of all others it stands. */
function butFor(ctx, expect, loose, ignore = []) {
  const ids = ctx.model.rows(ctx.args.entity).filter(loose).map((row) => row.object_id);
  if (isAggregate(ctx)) return { free: true };
  const { limit, offset, near } = specOf(ctx);
  return { ...expect, butFor: new Set(ids), ignore, paged: limit !== undefined || offset !== undefined || near !== undefined };
}

/** Whether a text has characters that NFC writes otherwise. */
function composes(text) {
  return typeof text === "string" && text !== text.normalize("NFC");
}

/** Whether a new field brings the entity to another backend. */
function spreads(ctx) {
  const held = ctx.model.definition(ctx.defined.id);
  const homes = (definition) => placement(definition, ctx.model.backends, false).filter((one) => one.field === "object_id").map((one) => one.backend);
  return held !== null && homes(ctx.defined).some((name) => !homes(held).includes(name));
}

/** Whether a field that stays has another type, default or duty. */
function changesFields(from, to) {
  const shape = ({ type, required, hasDefault, default: value }) => JSON.stringify([type, required, hasDefault, value].map(normal));
  return Boolean(from) && [...to.fields].some(([name, field]) => from.fields.has(name)
    && shape(from.fields.get(name)) !== shape(field));
}

function hasUnknownKeys(definition) {
  const { fields } = definition;
  const bodies = (Array.isArray(fields) ? fields : isObject(fields) ? Object.values(fields) : []).filter(isObject);
  return Object.keys(definition).some((key) => !DEFINITION_KEYS.has(key))
    || bodies.some((body) => Object.keys(body).some((key) => !FIELD_KEYS.has(key))
      || [body.storage ?? [], body.stores ?? []].flat().some((store) => isObject(store) && Object.keys(store).some((key) => !STORE_KEYS.has(key))));
}

/** Python takes true for 1 and false for 0; a comparison where that could matter. */
function mixesTruth(operand, values) {
  const wanted = JSON.stringify(normal(operand)) ?? "";
  const held = JSON.stringify(values.map(normal));
  return (/\b[01]\b/.test(wanted) && /true|false/.test(held)) || (/true|false/.test(wanted) && /\b[01]\b/.test(held));
}

/** Whether a metric reads a path of a Json field, or takes the members of a categorical as numbers. */
function readsMore(fields, metric) {
  const [op, options] = Object.entries(isObject(metric) ? metric : {})[0] ?? [];
  const [base, ...path] = String(options?.field).split(".");
  const type = fields.get(base)?.type;
  if (String(op).replace("$", "") === "column_summary" && options?.kind === undefined) return Boolean(type);
  return path.length > 0 ? type?.kind === "json"
    : type?.kind === "categorical" && ["sum", "avg", "median", "percentile"].includes(String(op).replace("$", ""));
}

function isAggregate(ctx) {
  const spec = specOf(ctx);
  return Boolean(spec.aggregate || spec.group_by || spec.having);
}

/** Whether no row that a query finds has a value in a column; of a query that makes no sense there is nothing to say. */
function hasEmptyColumn(ctx, name) {
  try {
    const { filter } = specOf(ctx);
    return ctx.model.query(ctx.args.entity, filter ? { filter } : {}).rows.every((row) => (row[name] ?? null) === null);
  } catch {
    return false;
  }
}

function unknownMetric(metric) {
  const name = typeof metric === "string" ? metric.trim().toLowerCase() : metric ?? "";
  return name !== "" && !METRICS.has(name) && !METRIC_ALIASES.has(name);
}

function refuses(type, value) {
  try {
    coerce(type, value, []);
    return false;
  } catch (error) {
    if (error instanceof Refused) return true;
    throw error;
  }
}

function touchesOf(type, value) {
  const touches = [];
  try {
    if (value !== null) coerce(type, value, touches);
  } catch { /* refused on both sides: no difference */ }
  return touches.map((touch) => touch.number);
}

function hasNullVector(ctx) {
  const field = specOf(ctx).near.field;
  return ctx.definition.fields.get(field)?.type.kind === "vector"
    && ctx.model.rows(ctx.args.entity).some((row) => (row[field] ?? null) === null);
}

/** The terminal count: values that are not null, once each unless distinct is off. */
export function countOf(rows, { field = "object_id", distinct = true }) {
  const values = rows.map((row) => row[field.trim()]).filter((value) => value !== undefined && value !== null);
  return distinct ? new Set(values.map((value) => JSON.stringify(normal(value)))).size : values.length;
}

/** The rows, or for a count their number, as an expectation. */
function asExpectation(ctx, result) {
  if (ctx.step.op === "explain") return { any: [{ free: true }, ...(ctx.expect.error ? [{ error: { class: "ValueError", soft: true } }] : [])] };
  if (ctx.step.op === "query_count") return { value: countOf(result.rows, ctx.args) };
  return { rows: result.rows, ordered: result.ordered, runs: result.runs, cut: result.cut, columns: result.columns };
}

/** The model's answer; where the model has no opinion any answer will do, but not an error. */
function modelled(ctx, compute) {
  try {
    return asExpectation(ctx, compute());
  } catch (error) {
    if (error instanceof Unknown) return ctx.expect.error ? { any: [{ free: true }, { error: { class: "ValueError", soft: true } }] } : { free: true };
    if (error instanceof Refused) return { error: { class: "ValueError", base: "ValueError", soft: true } };
    throw error;
  }
}

const refusal = (rule) => ({ error: { codes: rule.codes } });

function mapRows(expect, change) {
  if (expect.rows) return { ...expect, rows: expect.rows.map(change) };
  if (expect.list) return { ...expect, list: expect.list.map((row) => row && change(row)) };
  return expect.row ? { ...expect, row: change(expect.row) } : expect;
}

function withoutRows(expect, gone) {
  const stays = (row) => !gone.has(String(row?.object_id));
  if (expect.rows) return { ...expect, ties: undefined, rows: expect.rows.filter(stays) };
  if (expect.list) return { ...expect, list: expect.list.map((row) => (row && stays(row) ? row : null)) };
  return expect.row && !stays(expect.row) ? { row: null } : expect;
}

/** Each takes (ctx, expectation so far, rule) and gives the expectation that counts for us. */
/** An empty select means every field, so the implicit one is among the columns. */
function withNameColumn(ctx, expect) {
  return expect.columns && ctx.definition?.implicitName ? { ...expect, columns: [...new Set([...expect.columns, "name"])].sort() } : expect;
}

export const EXPECTATIONS = {
  anyAnswer: () => ({ free: true }),
  anyOutcome: (_ctx, expect) => ({ any: [expect, { free: true }] }),
  fromModel: (ctx) => modelled(ctx, () => ctx.model.query(ctx.args.entity, specOf(ctx))),
  nearFromModel: (ctx) => modelled(ctx, () => {
    const result = ctx.model.query(ctx.args.entity, specOf(ctx));
    return { ...result, runs: result.runs };
  }),
  fromCatalogModel: (ctx, expect) => ({ ...modelled(ctx, () => answer(catalogRows(ctx.model, ctx.workspaceId),
    (name) => systemType("sys-catalog", name), specOf(ctx))), columns: expect.columns }),
  fromMetaModel: (ctx, expect) => ({ ...modelled(ctx, () => answer(metaRows(ctx.model, ctx.workspaceId, true),
    (name) => systemType("sys-metaschema", name), specOf(ctx))), columns: expect.columns,
  mask: maskImplicit(ctx.model) }),
  withName: (ctx, expect) => mapRows(withNameColumn(ctx, expect), (row) => {
    const entity = ctx.args.entity ?? ctx.model.holder(row.object_id);
    const held = entity && ctx.model.definition(entity)?.implicitName ? ctx.model.row(entity, row.object_id) : null;
    return held?.name ? { ...row, name: held.name } : row;
  }),
  decodedItems: (ctx, expect) => mapRows(expect, (row) => Object.fromEntries(Object.entries(row).map(([key, value]) => {
    const type = ctx.definition.fields.get(key)?.type;
    return [key, type && isNestedArray(type) && Array.isArray(value) ? value.map((item) => decodedItem(type, item)) : value];
  }))),
  withoutNullColumns: (ctx, expect) => mapRows(expect, (row) => Object.fromEntries(Object.entries(row).map(([key, value]) =>
    [key, ctx.definition.fields.get(key)?.type.kind === "hyper-g" && Array.isArray(value) ? value.map((item) => (isObject(item)
      ? Object.fromEntries(Object.entries(item).filter(([, part]) => part !== null)) : item)) : value]))),
  ownPlacement: (ctx, expect) => {
    const placed = bindings(ctx, true);
    const steps = expect.steps.map((step) => {
      const own = step.field ? primary(placed, step.field) : null;
      return own ? { ...step, backend: own.backend, type: own.type, strategy: own.strategy } : step;
    });
    return { ...expect, steps, without: ["backend_group"] };
  },
  filtersFirst: (_ctx, expect) => ({ ...expect, steps: expect.steps.map((step) => {
    if (step.node === "near" && step.near_filter_mode !== "none") return { ...step, near_filter_mode: PREFILTER };
    if (step.field !== "object_id") return step;        // every backend knows the ids
    const { backend: _backend, type: _type, handler_kind: _kind, handler_mode: _mode, ...rest } = step;
    return rest;
  }) }),
  idsByAny: (_ctx, expect) => ({ ...expect, without: ["backend_group"], steps: expect.steps.map((step) => {
    if (step.field !== "object_id") return step;
    const { backend: _backend, type: _type, handler_kind: _kind, handler_mode: _mode, ...rest } = step;
    return rest;
  }) }),
  safeText: (_ctx, expect) => ({ ...expect, steps: expect.steps.map(({ handler_kind: kind, handler_mode: mode, ...step }) =>
    (PATTERN_OPS.has(step.op) ? step : { ...step, ...(kind && { handler_kind: kind }), ...(mode && { handler_mode: mode }) })) }),
  canonicalMetric: (ctx, expect) => ({ ...expect, steps: expect.steps.map((step) => (step.metric
    ? { ...step, metric: [step.metric, metricOf(step.metric)] } : step)) }),
  withDefaults: (ctx, expect) => {
    const { op } = ctx.step;
    if (op === "explain") return expect;
    if (op.startsWith("query")) return modelled(ctx, () => ctx.model.query(ctx.entity, specOf(ctx)));
    if (op === "get") return { row: ctx.model.row(ctx.entity, ctx.args.id) };
    if (op === "get_many") return { list: ctx.args.ids.map((id) => ctx.model.row(ctx.entity, id)) };
    return { rows: ctx.model.rows(ctx.entity), ordered: false };
  },
  anyHandler: (_ctx, expect) => ({ ...expect, steps: expect.steps.map(({ handler_mode: mode, handler_kind: kind, ...step }) =>
    (step.op === "get" ? step : { ...step, ...(mode && { handler_mode: mode }), ...(kind && { handler_kind: kind }) })) }),
  ownNames: (ctx, expect) => {
    const names = renames(ctx);
    if (ctx.step.op === "backends") return { value: expect.value.map((name) => names[name] ?? name).sort() };
    return expect.steps ? { ...expect, steps: expect.steps.map((step) => (step.backend ? { ...step, backend: names[step.backend] ?? step.backend } : step)) } : expect;
  },
  butForRefused: (ctx, expect) => ({ ...expect, butFor: undefined, without: ctx.model.refused }),
  refusesSomehow: (ctx, expect) => ({ any: [expect, { error: { codes: otherFaults(ctx) } }] }),
  withOutlived: (ctx, expect) => {
    const fields = ctx.model.outlived(entityOf(ctx));
    const asks = ctx.step.op.startsWith("query") && asksOutlived(ctx, fields);
    return asks || expect.error ? EXPECTATIONS.answerOrAnyError(ctx, expect) : { ...expect, skip: [...fields] };
  },
  mayTakeDefinition: (ctx, expect) => ({ any: [expect, { value: ctx.defined?.id }] }),
  anyColumns: (_ctx, { columns: _columns, ...expect }) => expect,
  answerOrAnyError: (_ctx, expect) => ({ any: [expect, { free: true }, { error: { class: "ValueError", soft: true } }] }),
  scores32: (_ctx, expect) => ({ ...expect, close: true }),
  butForLoose: (ctx, expect) => {
    const loose = ctx.model.looseIds(entityOf(ctx));
    if (expect.rows) return butFor(ctx, expect, (row) => loose.has(row.object_id));
    if (expect.list) return { any: [expect, { free: true }] };
    if ("row" in expect) return loose.has(idText(ctx.args.id)) ? { free: true } : expect;
    return ctx.step.op === "query_count" ? { free: true } : expect;
  },
  readsOn: () => ({ free: true }),
  fromRestored: (ctx) => held(ctx),
  withRestored: (ctx, expect) => ({ value: [...new Set([...expect.value, ...ctx.restored])].sort() }),
  butForComposed: (ctx, expect) => {
    const asked = [];
    operands(ctx, (_type, op, operand) => { if (op === "contained_in" && typeof operand === "string") asked.push(operand); });
    return butFor(ctx, expect, (row) => textsOf(row).some((text) => asked.some((operand) => composingMatters(text, operand))),
      asked.some((operand) => composes(operand) || /\p{M}/u.test(operand.normalize("NFD"))) ? ["match"] : []);     // where marks are, spans differ
  },
  butForLineEnds: (ctx, expect) => butFor(ctx, expect, (row) => textsOf(row).some((text) => text.endsWith("\n"))),
  refuseQuery: (_ctx, _expect, rule) => refusal(rule),
  mayRefuseQuery: (_ctx, expect, rule) => ({ any: [expect, refusal(rule)] }),
  answerOrRefuse: (_ctx, _expect, rule) => ({ any: [{ free: true }, refusal(rule)] }),
  mayAlter: (ctx, expect) => ({ any: [expect, { value: ctx.defined.id }] }),
  mayRefuseDefinition: (_ctx, expect, rule) => ({ any: [expect, refusal(rule)] }),
  mayAnswer: (ctx, expect) => (expect.steps ? { ...expect, steps: expect.steps.map(({ unsupported: _, ...step }) => step) }
    : { any: [expect, modelled(ctx, () => ctx.model.query(ctx.args.entity, specOf(ctx)))] }),
  withoutRefusedRows: (ctx, expect) => {
    const gone = ctx.model.phantoms.get(ctx.args.entity);
    switch (ctx.step.op) {
      case "ids": return { value: expect.value.filter((id) => !gone.has(id)) };
      case "count": return { value: expect.value - gone.size };
      case "exists": case "delete": return gone.has(idText(ctx.args.id)) ? { value: false } : expect;
      case "delete_many": return { value: expect.value.map((was, i) => was && !gone.has(idText(ctx.args.ids[i]))) };
      case "query_count": return { free: true };
      default: return specOf(ctx).limit !== undefined || specOf(ctx).offset !== undefined || isAggregate(ctx)
        ? { free: true } : withoutRows(expect, gone);
    }
  },
};

const isWriteRule = (rule) => ["refuse", "storeAsGiven", "derivesId", "acceptsJsonText", "acceptsUneven", "acceptsRestored", "acceptsOlder",
  "acceptsRetyped"].includes(rule.expectation);

function fits(rule, ctx) {
  return (rule.group === "*" || rule.group.includes(ctx.case.group)) && rule.op.includes(ctx.step.op)
    && holds(rule, ctx);
}

/** A condition that cannot make sense of a case does not hold. */
function holds(rule, ctx) {
  try {
    return CONDITIONS[rule.condition](ctx);
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** Expectations that change an answer and not the kind of it: where several will do, each is changed. */
const MAPPERS = new Set(["withName", "decodedItems", "withoutNullColumns", "scores32", "anyColumns", "butForLoose", "butForComposed",
  "butForLineEnds", "withoutRefusedRows", "ownPlacement", "filtersFirst", "idsByAny", "safeText", "canonicalMetric", "anyHandler", "ownNames"]);

/** The expectation that counts for us and the rules that made it. */
export function expectationFor(ctx) {
  const used = [];
  let { expect } = ctx;
  for (const rule of RULES) {
    if (isWriteRule(rule) || expect.error?.codes || !fits(rule, ctx)) continue;
    const apply = (one) => (one.free || one.error ? one : EXPECTATIONS[rule.expectation](ctx, one, rule));
    expect = expect.any && MAPPERS.has(rule.expectation) ? { any: expect.any.map(apply) } : EXPECTATIONS[rule.expectation](ctx, expect, rule);
    used.push(rule);
  }
  return { expect, used };
}

/** Write rules that fit a step, by number and expectation. */
export function writeRules(ctx) {
  return RULES.filter((rule) => isWriteRule(rule) && fits(rule, ctx));
}
