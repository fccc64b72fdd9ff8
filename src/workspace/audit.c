// SPDX-License-Identifier: MIT
/* audit and repair: what earlier writes left (intents), then the backends' own structures
 * (audit_stored.h), then the rows in every backend (replicas.c), the edges between rows (graph.c),
 * then the Catalog, whose rows are compared here with what the entities' rows project to. */
#include <cJSON.h>

#include "workspace/graph.h"
#include "workspace/intent.h"
#include "workspace/replicas.h"

typedef struct audit_source {       /* one user entity */
    hb_entity *entity;
    const uint32_t *fields;         /* projected ones, and those of constraints */
    uint32_t field_count;
    hb_run *run;
    bool done;
    hb_column *expected;            /* Catalog rows, full schema of Catalog */
    uint32_t row_count;
} audit_source;

typedef struct audit_ref {
    uint32_t source, row;
} audit_ref;

typedef struct audit_pass {
    audit_source *sources;
    uint32_t source_count;
    uint32_t entity_count; /* of the sources; the others are rows that a repair restores */
    hb_run *catalog_run;
    bool catalog_done;
    bool compared;
    const hb_column *catalog; /* by Catalog field */
    uint32_t catalog_count;
    /* Outcome: */
    audit_ref *missing;
    audit_ref *mismatched;
    uint32_t *mismatched_rows; /* Catalog row of each mismatch */
    uint32_t *dangling; /* Catalog rows */
    uint32_t missing_count, mismatched_count, dangling_count;
    uint64_t object_count;
} audit_pass;

typedef struct audit_program {
    hb_workspace *ws;
    int64_t now_ms;
    bool repair, dry_run;
    audit_pass *before, *after;
    cJSON *root; /* the report; owned */
    hb_intents *intents; /* repair: what earlier writes left; NULL until then */
    hb_stored *stored; /* what the backends find; NULL until then */
    uint32_t stored_at; /* entity to look over next */
    bool gave_up; /* what nobody could bring back was let go */
    hb_replicas *replicas, *replicas_after;
    hb_graph_check *edges;
    hb_changes *changes; /* repair's writes */
} audit_program;

/* ---- reading --------------------------------------------------------------------------- */

static const hb_schema *audit_catalog(const hb_workspace *ws) {
    return ws->entities[HB_ENTITY_CATALOG]->schema;
}

static hb_status audit_start_source(hb_workspace *ws, hb_task *task, audit_source *source,
                                    hb_err *err) {
    const hb_schema *schema = source->entity->schema, *catalog = audit_catalog(ws);
    uint32_t *fields = hb_arena_array(&task->arena, schema->field_count, sizeof(*fields));
    bool *wanted = hb_arena_zalloc(&task->arena, schema->field_count * sizeof(*wanted));
    if (fields == NULL || wanted == NULL) return hb_err_memory(err);
    HB_TRY(hb_unique_fields(ws, source->entity, wanted, err));
    for (uint32_t f = 1; f < schema->field_count; f++) {
        const uint32_t twin = hb_schema_find(catalog, schema->fields[f].name);
        const bool is_projected =
            twin != HB_FIELD_NONE && hb_type_eq(schema->fields[f].type, catalog->fields[twin].type);
        if (is_projected || wanted[f]) fields[source->field_count++] = f;
    }
    source->fields = fields;
    const hb_plan *plan;
    HB_TRY(
        hb_workspace_plan_all(ws, source->entity, fields, source->field_count, task, &plan, err));
    return hb_run_new(task, plan, ws->instances, &source->run, err);
}

/* Rows that a repair would put back count as if they were there. */
static hb_status audit_foresee(audit_program *a, hb_task *task, audit_pass *pass, hb_err *err) {
    const hb_restored *restored = hb_replicas_restored(a->replicas);
    for (; restored != NULL; restored = restored->next) {
        audit_source *source = &pass->sources[pass->source_count++];
        *source = (audit_source){ .entity = restored->entity,
                                  .done = true,
                                  .row_count = restored->row_count };
        HB_TRY(hb_catalog_rows(a->ws, restored->entity, restored->columns, restored->row_count,
                               a->now_ms, &task->arena, &source->expected, err));
    }
    return HB_OK;
}

static hb_status audit_start(audit_program *a, hb_task *task, audit_pass **out, hb_err *err) {
    hb_workspace *ws = a->ws;
    audit_pass *pass = HB_NEW(&task->arena, audit_pass);
    if (pass == NULL) return hb_err_memory(err);
    uint32_t most = ws->entity_count;
    for (const hb_restored *at = hb_replicas_restored(a->replicas); at != NULL; at = at->next) {
        most++;
    }
    pass->sources = HB_NEW_ARRAY(&task->arena, audit_source, most);
    if (pass->sources == NULL) return hb_err_memory(err);
    *out = pass;
    hb_entity *catalog = ws->entities[HB_ENTITY_CATALOG];
    pass->catalog_done = !ws->catalog || !catalog->ensured || catalog->drifted;
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (ws->entities[i]->system || ws->entities[i]->drifted) continue;
        audit_source *source = &pass->sources[pass->source_count++];
        source->entity = ws->entities[i];
        HB_TRY(audit_start_source(ws, task, source, err));
    }
    pass->entity_count = pass->source_count;
    HB_TRY(audit_foresee(a, task, pass, err));
    if (pass->catalog_done) return HB_OK;
    const hb_plan *plan;
    HB_TRY(hb_workspace_plan_all(ws, catalog, NULL, 0, task, &plan, err));
    return hb_run_new(task, plan, ws->instances, &pass->catalog_run, err);
}

/* The columns of a run's result by schema field; nulls for fields that were not asked for. */
static hb_status audit_columns(const hb_run *run, const hb_schema *schema, hb_arena *arena,
                               hb_column **out, uint32_t *row_count, hb_err *err) {
    const hb_batch *batch = &hb_run_result_get(run)->batch;
    hb_column *columns = HB_NEW_ARRAY(arena, hb_column, schema->field_count);
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        int at = hb_batch_find(batch, schema->fields[f].name);
        if (at >= 0 && batch->columns[at].kind == schema->fields[f].kind) {
            columns[f] = batch->columns[at];
        } else {
            HB_TRY(hb_columns_null(&schema->fields[f], batch->row_count, arena, &columns[f], err));
        }
    }
    *out = columns;
    *row_count = batch->row_count;
    return HB_OK;
}

static hb_status audit_advance_sources(audit_program *a, hb_task *task, audit_pass *pass,
                                       bool *done, hb_err *err) {
    *done = true;
    for (uint32_t i = 0; i < pass->source_count; i++) {
        audit_source *source = &pass->sources[i];
        if (source->done) continue;
        HB_TRY(hb_run_advance(source->run, &source->done, err));
        if (!source->done) {
            *done = false;
            continue;
        }
        hb_column *columns;
        HB_TRY(audit_columns(source->run, source->entity->schema, &task->arena, &columns,
                             &source->row_count, err));
        if (a->before == pass) {
            HB_TRY(hb_unique_find(task, a->ws, source->entity, columns, source->row_count,
                                  hb_stored_add_twin, a->stored, err));
        }
        HB_TRY(hb_catalog_rows(a->ws, source->entity, columns, source->row_count, a->now_ms,
                               &task->arena, &source->expected, err));
    }
    if (!pass->catalog_done) {
        HB_TRY(hb_run_advance(pass->catalog_run, &pass->catalog_done, err));
        if (!pass->catalog_done) {
            *done = false;
        } else {
            hb_column *columns;
            HB_TRY(audit_columns(pass->catalog_run, audit_catalog(a->ws), &task->arena, &columns,
                                 &pass->catalog_count, err));
            pass->catalog = columns;
        }
    }
    return HB_OK;
}

/* ---- comparing ------------------------------------------------------------------------- */

static bool audit_differs(const hb_schema *catalog, uint32_t field, const hb_column *stored,
                          uint32_t row, const audit_source *source, uint32_t expected_row) {
    const hb_column *expected = source->expected;
    if (!hb_catalog_is_projected(catalog, field, source->entity->schema)) return false;
    if (hb_derives_has(source->entity->schema, catalog->fields[field].name)) return false;
    hb_value a = hb_column_get(&stored[field], row);
    hb_value b = hb_column_get(&expected[field], expected_row);
    return !hb_value_eq(&a, &b);
}

static bool audit_row_differs(const hb_schema *catalog, const audit_pass *pass, uint32_t row,
                              const audit_source *source, uint32_t expected_row) {
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        if (audit_differs(catalog, f, pass->catalog, row, source, expected_row)) return true;
    }
    return false;
}

static hb_status audit_allocate(audit_pass *pass, hb_arena *arena, hb_err *err) {
    pass->object_count = 0;
    for (uint32_t s = 0; s < pass->source_count; s++)
        pass->object_count += pass->sources[s].row_count;
    size_t count = (size_t)pass->object_count;
    pass->missing = hb_arena_array(arena, count, sizeof(*pass->missing));
    pass->mismatched = hb_arena_array(arena, count, sizeof(*pass->mismatched));
    pass->mismatched_rows = hb_arena_array(arena, count, sizeof(*pass->mismatched_rows));
    pass->dangling = hb_arena_array(arena, pass->catalog_count, sizeof(*pass->dangling));
    bool ok = pass->missing != NULL && pass->mismatched != NULL && pass->mismatched_rows != NULL &&
              pass->dangling != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

/* Is the row about an entity that cannot be read? */
static bool audit_is_unread(const hb_workspace *ws, const hb_column *targets, uint32_t row) {
    if (hb_column_cell(targets, row) != HB_CELL_VALUE) return false;
    const hb_str id = hb_column_span(targets, row);
    const uint32_t index = hb_map_find(&ws->by_id, id);
    if (index == HB_MAP_NONE) return hb_definition_hidden(ws, id) != NULL;
    return ws->entities[index]->drifted;
}

static hb_status audit_compare(const hb_workspace *ws, hb_task *task, audit_pass *pass,
                               hb_err *err) {
    HB_TRY(audit_allocate(pass, &task->arena, err));
    const hb_schema *catalog = audit_catalog(ws);
    hb_map stored;
    hb_map_init(&stored, ws->mem);
    bool ok = hb_map_reserve(&stored, pass->catalog_count);
    for (uint32_t i = 0; i < pass->catalog_count && ok; i++) {
        ok = hb_map_put(&stored, hb_column_span(&pass->catalog[0], i), i);
    }
    for (uint32_t s = 0; s < pass->source_count && ok; s++) {
        audit_source *source = &pass->sources[s];
        for (uint32_t r = 0; r < source->row_count; r++) {
            hb_str id = hb_column_span(&source->expected[0], r);
            uint32_t row = hb_map_find(&stored, id);
            if (row == HB_MAP_NONE) {
                pass->missing[pass->missing_count++] = (audit_ref){ s, r };
                continue;
            }
            if (audit_row_differs(catalog, pass, row, source, r)) {
                pass->mismatched_rows[pass->mismatched_count] = row;
                pass->mismatched[pass->mismatched_count++] = (audit_ref){ s, r };
            }
            hb_map_remove(&stored, id);
        }
    }
    const uint32_t target = hb_schema_find(catalog, HB_STR("target_entity"));
    for (uint32_t i = 0; i < pass->catalog_count && ok; i++) {
        if (hb_map_find(&stored, hb_column_span(&pass->catalog[0], i)) == i &&
            !audit_is_unread(ws, &pass->catalog[target], i)) {
            pass->dangling[pass->dangling_count++] = i;
        }
    }
    hb_map_free(&stored);
    if (!ws->catalog) pass->missing_count = pass->mismatched_count = pass->dangling_count = 0;
    pass->compared = true;
    return ok ? HB_OK : hb_err_memory(err);
}

/* ---- reporting ------------------------------------------------------------------------- */

static hb_status audit_row_json(const hb_workspace *ws, const hb_column *columns, uint32_t row,
                                cJSON **out, hb_err *err) {
    const hb_schema *catalog = audit_catalog(ws);
    hb_buf pack, json;
    hb_buf_init(&pack, ws->mem);
    hb_buf_init(&json, ws->mem);
    hb_pack_map(&pack, catalog->field_count);
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        hb_value value = hb_column_get(&columns[f], row);
        hb_pack_str(&pack, catalog->fields[f].name);
        hb_pack_value(&pack, &value);
    }
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, err);
    hb_buf_add_char(&json, '\0');
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) {
        *out = cJSON_CreateRaw(json.ptr);
        if (*out == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&json);
    hb_buf_free(&pack);
    return status;
}

static hb_status audit_add_row(const hb_workspace *ws, cJSON *item, const char *key,
                               const hb_column *columns, uint32_t row, hb_err *err) {
    cJSON *json;
    HB_TRY(audit_row_json(ws, columns, row, &json, err));
    return cJSON_AddItemToObject(item, key, json) ? HB_OK : hb_err_memory(err);
}

static hb_status audit_add_mismatch(const hb_workspace *ws, const audit_pass *pass, uint32_t i,
                                    cJSON *item, hb_arena *arena, hb_err *err) {
    const hb_schema *catalog = audit_catalog(ws);
    const audit_source *source = &pass->sources[pass->mismatched[i].source];
    uint32_t row = pass->mismatched_rows[i], expected = pass->mismatched[i].row;
    HB_TRY(audit_add_row(ws, item, "catalog", pass->catalog, row, err));
    HB_TRY(audit_add_row(ws, item, "expected", source->expected, expected, err));
    cJSON *fields = cJSON_AddArrayToObject(item, "fields");
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        if (!audit_differs(catalog, f, pass->catalog, row, source, expected)) continue;
        hb_str name = hb_arena_printf(arena, "%.*s", HB_ARG(catalog->fields[f].name));
        if (name.ptr == NULL) return hb_err_memory(err);
        cJSON_AddItemToArray(fields, cJSON_CreateString(name.ptr));
    }
    return HB_OK;
}

static bool audit_is_ok(const audit_pass *pass) {
    return pass->missing_count + pass->mismatched_count + pass->dangling_count == 0;
}

/* {"ok","missing":[],"dangling":[],"mismatched":[],"checked":{...}} added to `parent` as `key`. */
static hb_status audit_add_report(const hb_workspace *ws, const audit_pass *pass, cJSON *parent,
                                  const char *key, hb_arena *arena, hb_err *err) {
    cJSON *report = cJSON_AddObjectToObject(parent, key);
    cJSON_AddBoolToObject(report, "ok", audit_is_ok(pass));
    cJSON *missing = cJSON_AddArrayToObject(report, "missing");
    for (uint32_t i = 0; i < pass->missing_count && i < HB_AUDIT_LIST_MAX; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(missing, item);
        HB_TRY(audit_add_row(ws, item, "expected", pass->sources[pass->missing[i].source].expected,
                             pass->missing[i].row, err));
    }
    cJSON *dangling = cJSON_AddArrayToObject(report, "dangling");
    for (uint32_t i = 0; i < pass->dangling_count && i < HB_AUDIT_LIST_MAX; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(dangling, item);
        HB_TRY(audit_add_row(ws, item, "catalog", pass->catalog, pass->dangling[i], err));
    }
    cJSON *mismatched = cJSON_AddArrayToObject(report, "mismatched");
    for (uint32_t i = 0; i < pass->mismatched_count && i < HB_AUDIT_LIST_MAX; i++) {
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(mismatched, item);
        HB_TRY(audit_add_mismatch(ws, pass, i, item, arena, err));
    }
    cJSON *checked = cJSON_AddObjectToObject(report, "checked");
    cJSON_AddNumberToObject(checked, "objects", (double)pass->object_count);
    cJSON_AddNumberToObject(checked, "catalog_rows", pass->catalog_count);
    cJSON_AddNumberToObject(checked, "entities", pass->entity_count);
    cJSON_AddBoolToObject(checked, "catalog_kept", ws->catalog);
    return HB_OK;
}

/* "intents": {"pending": [...]} and, of a repair, how many it completed and took back. */
static hb_status audit_add_intents(audit_program *a, cJSON *root, bool *ok, hb_err *err) {
    cJSON *report = cJSON_AddObjectToObject(root, "intents");
    uint32_t completed = 0, taken_back = 0, pending;
    if (a->intents != NULL) hb_intents_counts(a->intents, &completed, &taken_back);
    if (a->repair) {
        cJSON_AddNumberToObject(report, "completed", completed);
        cJSON_AddNumberToObject(report, "taken_back", taken_back);
    }
    hb_buf json;
    hb_buf_init(&json, a->ws->mem);
    hb_status status = hb_intents_json(a->ws, a->now_ms, &json, &pending, err);
    hb_buf_add_char(&json, '\0');
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) {
        *ok = pending == 0;
        cJSON_AddBoolToObject(report, "ok", *ok);
        cJSON_AddRawToObject(report, "pending", json.ptr);
    }
    hb_buf_free(&json);
    return status;
}

/* "catalog": the report, or of a repair what it did with the reports before and after. */
static hb_status audit_add_catalog(audit_program *a, hb_task *task, bool *ok, hb_err *err) {
    *ok = audit_is_ok(a->before);
    if (!a->repair) {
        return audit_add_report(a->ws, a->before, a->root, "catalog", &task->arena, err);
    }
    cJSON *catalog = cJSON_AddObjectToObject(a->root, "catalog");
    const audit_pass *after = a->dry_run ? a->before : a->after;
    bool wrote = !a->dry_run;
    cJSON_AddBoolToObject(catalog, "dry_run", a->dry_run);
    cJSON_AddNumberToObject(catalog, "missing_written", wrote ? a->before->missing_count : 0);
    cJSON_AddNumberToObject(catalog, "mismatched_rewritten",
                            wrote ? a->before->mismatched_count : 0);
    cJSON_AddNumberToObject(catalog, "dangling_deleted", wrote ? a->before->dangling_count : 0);
    HB_TRY(audit_add_report(a->ws, a->before, catalog, "before", &task->arena, err));
    HB_TRY(audit_add_report(a->ws, after, catalog, "after", &task->arena, err));
    *ok = audit_is_ok(after);
    cJSON_AddBoolToObject(catalog, "ok", *ok);
    return HB_OK;
}

/* "replicas", in the same two shapes; a dry run has no "after", for it is as before. */
static hb_status audit_add_replicas(audit_program *a, bool *ok, hb_err *err) {
    *ok = hb_replicas_are_ok(a->replicas);
    if (!a->repair) return hb_replicas_json(a->replicas, a->root, "replicas", err);
    cJSON *replicas = cJSON_AddObjectToObject(a->root, "replicas");
    const hb_replica_counts counts = hb_replicas_counts(a->replicas);
    const bool wrote = !a->dry_run;
    cJSON_AddBoolToObject(replicas, "dry_run", a->dry_run);
    cJSON_AddNumberToObject(replicas, "missing_written", wrote ? (double)counts.missing : 0);
    cJSON_AddNumberToObject(replicas, "different_rewritten", wrote ? (double)counts.different : 0);
    cJSON_AddNumberToObject(replicas, "orphaned_deleted",
                            wrote ? (double)hb_replicas_deleted(a->replicas) : 0);
    HB_TRY(hb_replicas_json(a->replicas, replicas, "before", err));
    if (a->replicas_after != NULL) {
        *ok = hb_replicas_are_ok(a->replicas_after);
        HB_TRY(hb_replicas_json(a->replicas_after, replicas, "after", err));
    }
    cJSON_AddBoolToObject(replicas, "ok", *ok);
    return HB_OK;
}

/* "edges": {"ok", "dangling"}: the rows' own values, so a repair leaves them. */
static hb_status audit_add_edges(audit_program *a, bool *ok, hb_err *err) {
    const hb_dangling *list;
    uint32_t count;
    hb_graph_check_take(a->edges, &list, &count);
    *ok = count == 0;
    cJSON *edges = cJSON_AddObjectToObject(a->root, "edges");
    cJSON_AddBoolToObject(edges, "ok", *ok);
    hb_buf json;
    hb_buf_init(&json, a->ws->mem);
    hb_buf_add_char(&json, '[');
    for (uint32_t i = 0; i < count && i < HB_AUDIT_LIST_MAX; i++) {
        if (i > 0) hb_buf_add_char(&json, ',');
        hb_dangling_json(&list[i], &json);
    }
    hb_buf_add_char(&json, ']');
    hb_buf_add_char(&json, '\0');
    hb_status status = hb_buf_check(&json, err);
    if (status == HB_OK && cJSON_AddRawToObject(edges, "dangling", json.ptr) == NULL) {
        status = hb_err_memory(err);
    }
    hb_buf_free(&json);
    return status;
}

/* "totals": how many there are of everything that is listed up to HB_AUDIT_LIST_MAX times. */
static hb_status audit_add_totals(audit_program *a, const hb_stored_counts *stored, hb_err *err) {
    cJSON *totals = cJSON_AddObjectToObject(a->root, "totals");
    cJSON *catalog = cJSON_AddObjectToObject(totals, "catalog");
    cJSON *replicas = cJSON_AddObjectToObject(totals, "replicas");
    const hb_replica_counts counts = hb_replicas_counts(a->replicas);
    const hb_dangling *list;
    uint32_t dangling;
    hb_graph_check_take(a->edges, &list, &dangling);
    const struct {
        cJSON *to;
        const char *key;
        uint64_t count;
    } all[] = {
        { catalog, "missing", a->before->missing_count },
        { catalog, "dangling", a->before->dangling_count },
        { catalog, "mismatched", a->before->mismatched_count },
        { replicas, "missing", counts.missing },
        { replicas, "orphaned", counts.orphaned },
        { replicas, "different", counts.different },
        { totals, "storage", stored->problems },
        { totals, "unused", stored->unused },
        { totals, "files", stored->files },
        { totals, "edges", dangling },
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (cJSON_AddNumberToObject(all[i].to, all[i].key, (double)all[i].count) == NULL) {
            return hb_err_memory(err);
        }
    }
    return HB_OK;
}

/* "actions": what the repair did, or a dry run found that it would do. */
static hb_status audit_add_actions(audit_program *a, hb_err *err) {
    if (!a->repair) return HB_OK;
    cJSON *actions = cJSON_AddObjectToObject(a->root, "actions");
    cJSON *catalog = cJSON_AddObjectToObject(actions, "catalog");
    cJSON *replicas = cJSON_AddObjectToObject(actions, "replicas");
    const hb_replica_counts counts = hb_replicas_counts(a->replicas);
    const double deleted = (double)hb_replicas_deleted(a->replicas);
    const audit_pass *pass = a->before;
    const bool ok =
        cJSON_AddNumberToObject(catalog, "missing_written", pass->missing_count) != NULL &&
        cJSON_AddNumberToObject(catalog, "mismatched_rewritten", pass->mismatched_count) != NULL &&
        cJSON_AddNumberToObject(catalog, "dangling_deleted", pass->dangling_count) != NULL &&
        cJSON_AddNumberToObject(replicas, "missing_written", (double)counts.missing) != NULL &&
        cJSON_AddNumberToObject(replicas, "different_rewritten", (double)counts.different) !=
            NULL &&
        cJSON_AddNumberToObject(replicas, "orphaned_deleted", deleted) != NULL;
    return ok ? hb_stored_actions(a->stored, actions, err) : hb_err_memory(err);
}

static hb_status audit_finish(audit_program *a, hb_task *task, hb_err *err) {
    bool catalog = false, replicas = false, intents = false, edges = false, stored = false;
    hb_stored_counts counts;
    HB_TRY(hb_stored_finish(a->stored, &counts, &stored, err));
    HB_TRY(audit_add_edges(a, &edges, err));
    HB_TRY(audit_add_catalog(a, task, &catalog, err));
    HB_TRY(audit_add_replicas(a, &replicas, err));
    HB_TRY(audit_add_intents(a, a->root, &intents, err));
    HB_TRY(audit_add_totals(a, &counts, err));
    HB_TRY(audit_add_actions(a, err));
    bool ok = catalog && replicas && intents && edges && stored;
    cJSON_AddBoolToObject(a->root, "ok", ok);
    /* The order of a report: the Catalog, which every workspace has, comes first. */
    cJSON *first = cJSON_DetachItemFromObjectCaseSensitive(a->root, "catalog");
    cJSON_InsertItemInArray(a->root, 0, first);
    char *text = cJSON_PrintUnformatted(a->root);
    if (text == NULL) return hb_err_memory(err);
    hb_status status = hb_task_finish_json(task, hb_str_c(text), err);
    cJSON_free(text);
    return status;
}

/* ---- repairing ------------------------------------------------------------------------- */

static void audit_cleanup(hb_task *task, bool failed) {
    audit_program *a = task->program;
    (void)failed;
    hb_stored_end(a->stored);
    hb_intents_end(a->intents);
    hb_replicas_end(a->replicas);
    hb_replicas_end(a->replicas_after);
    hb_changes_end(a->changes);
    cJSON_Delete(a->root);
    a->root = NULL;
}

static hb_status audit_refused(hb_task *task, hb_status status, hb_err *err) {
    audit_program *a = task->program;
    if (a->changes != NULL) return hb_changes_explain(a->changes, status, err);
    return hb_replicas_explain(a->replicas, status, err);
}

/* The Catalog rows to write, as full-schema columns: missing ones, then mismatched ones. */
static hb_status repair_rows(audit_program *a, hb_task *task, hb_column **out, uint32_t *row_count,
                             hb_err *err) {
    const audit_pass *pass = a->before;
    const hb_schema *catalog = audit_catalog(a->ws);
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, catalog->field_count, &set, err));
    uint32_t count = pass->missing_count + pass->mismatched_count;
    uint32_t *found = hb_arena_array(&task->arena, count, sizeof(*found));
    *out = HB_NEW_ARRAY(&task->arena, hb_column, catalog->field_count);
    if (found == NULL || *out == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        bool is_missing = i < pass->missing_count;
        found[i] = is_missing ? HB_MAP_NONE : pass->mismatched_rows[i - pass->missing_count];
    }
    for (uint32_t f = 0; f < catalog->field_count; f++) {
        hb_rowset_column(set, f, catalog->fields[f].name, catalog->fields[f].kind, 0);
        for (uint32_t i = 0; i < count; i++) {
            const audit_ref *ref = i < pass->missing_count
                                       ? &pass->missing[i]
                                       : &pass->mismatched[i - pass->missing_count];
            const audit_source *source = &pass->sources[ref->source];
            /* What a function gave cannot be made anew here: the stored value stays. */
            const bool stays = found[i] != HB_MAP_NONE &&
                               hb_derives_has(source->entity->schema, catalog->fields[f].name);
            if (!hb_colbuf_add_cell(&set->columns[f],
                                    stays ? &pass->catalog[f] : &source->expected[f],
                                    stays ? found[i] : ref->row)) {
                return hb_err_memory(err);
            }
        }
        (*out)[f] = hb_colbuf_view(&set->columns[f], catalog->fields[f].name);
    }
    *row_count = count;
    return count == 0
               ? HB_OK
               : hb_catalog_keep(a->ws, *out, count, pass->catalog, found, &task->arena, err);
}

static hb_status repair_start(audit_program *a, hb_task *task, hb_err *err) {
    const hb_routing *routing = a->ws->entities[HB_ENTITY_CATALOG]->routing;
    hb_column *rows;
    uint32_t row_count;
    HB_TRY(repair_rows(a, task, &rows, &row_count, err));
    hb_str *ids = hb_arena_array(&task->arena, a->before->dangling_count, sizeof(*ids));
    hb_ids *dangling = HB_NEW(&task->arena, hb_ids);
    if (ids == NULL || dangling == NULL) return hb_err_memory(err);
    HB_TRY(hb_changes_new(a->ws, task, HB_STR_EMPTY, routing->home, routing->backend_count * 2,
                          &a->changes, err));
    for (uint32_t i = 0; i < a->before->dangling_count; i++) {
        ids[i] = hb_column_span(&a->before->catalog[0], a->before->dangling[i]);
    }
    *dangling = (hb_ids){ ids, a->before->dangling_count };
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        if (routing->containers[b] == NULL) continue;
        hb_container *container = routing->containers[b];
        hb_change *write = hb_changes_add(a->changes, b, container, HB_FRAG_WRITE);
        HB_TRY(hb_columns_for_container(container, rows, row_count, &task->arena,
                                        &write->fragment.batch, err));
        hb_changes_add(a->changes, b, container, HB_FRAG_DELETE)->fragment.ids = dangling;
    }
    return HB_OK;
}

/* What earlier writes left comes first: the audit then sees whole writes. */
static hb_status repair_intents(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    if (a->intents == NULL) {
        hb_intents_asked asked = { .now_ms = a->now_ms };
        HB_TRY(hb_intents_start(task, a->ws, &asked, &a->intents, err));
    }
    return hb_intents_advance(a->intents, done, err);
}

/* How far it is, for a host that looks on. */
static hb_status audit_pause(hb_task *task, const char *part, hb_str entity, uint64_t rows,
                             hb_err *err) {
    if (!task->pauses) return HB_OK;
    hb_buf json;
    hb_buf_init(&json, task->mem);
    hb_buf_printf(&json, "{\"part\":\"%s\",\"entity\":", part);
    hb_buf_add_json_str(&json, entity);
    hb_buf_add_c(&json, ",\"rows\":");
    hb_buf_add_i64(&json, (int64_t)rows);
    hb_buf_add_char(&json, '}');
    hb_status status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    task->done = false;
    task->pause = true;
    return status;
}

/* The backends' own structures, an entity at a time. */
static hb_status audit_stored(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    const hb_check_how how = a->repair && !a->dry_run ? HB_CHECK_MEND : HB_CHECK_LOOK;
    if (a->stored == NULL) {
        HB_TRY(hb_stored_start(a->ws, task, a->root, a->repair && a->dry_run, &a->stored, err));
        HB_TRY(hb_stored_definitions(a->stored, how, err));
    }
    while (a->stored_at < a->ws->entity_count && !task->pause) {
        const hb_entity *entity = a->ws->entities[a->stored_at];
        HB_TRY(hb_stored_check(a->stored, a->stored_at++, how, err));
        HB_TRY(audit_pause(task, "storage", entity->schema->entity_id, 0, err));
    }
    *done = a->stored_at == a->ws->entity_count && !task->pause;
    return HB_OK;
}

static hb_status replicas_advance(hb_replicas *replicas, hb_task *task, bool *done, hb_err *err) {
    HB_TRY(hb_replicas_advance(replicas, done, err));
    if (!task->pause) return HB_OK;
    hb_str entity;
    const uint64_t rows = hb_replicas_rows(replicas, &entity);
    return audit_pause(task, "replicas", entity, rows, err);
}

/* A pass over the replicas; after a repair what they could not bring back goes, and a second one
 * follows. */
static hb_status audit_replicas(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    bool fix = a->repair && !a->dry_run;
    if (a->replicas == NULL) {
        HB_TRY(hb_replicas_start(task, a->ws, fix, a->repair, a->stored, &a->replicas, err));
    }
    if (!fix || !a->gave_up) {
        HB_TRY(replicas_advance(a->replicas, task, done, err));
        if (!*done || !fix) return HB_OK;
        HB_TRY(hb_stored_give_up(a->stored, err));
        a->gave_up = true;
        HB_TRY(hb_replicas_start(task, a->ws, false, false, NULL, &a->replicas_after, err));
    }
    return replicas_advance(a->replicas_after, task, done, err);
}

/* Everything that comes before the Catalog, which is read last: after what it depends on is mended.
 */
static hb_status audit_lead(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    bool fix = a->repair && !a->dry_run;
    *done = true;
    if (a->stored == NULL && fix) HB_TRY(repair_intents(a, task, done, err));
    if (!*done) return HB_OK;
    if (a->stored == NULL || a->stored_at < a->ws->entity_count) {
        HB_TRY(audit_stored(a, task, done, err));
        if (!*done) return HB_OK;
    }
    if (a->edges == NULL) {
        HB_TRY(audit_replicas(a, task, done, err));
        if (!*done) return HB_OK;
        HB_TRY(hb_graph_check_start(task, a->ws, NULL, &a->edges, err));
    }
    HB_TRY(hb_graph_check_advance(a->edges, done, err));
    hb_str entity;
    uint64_t rows;
    if (hb_graph_check_paused(a->edges, &entity, &rows)) {
        return audit_pause(task, "edges", entity, rows, err);
    }
    return *done ? audit_start(a, task, &a->before, err) : HB_OK;
}

static hb_status audit_advance(hb_task *task, hb_err *err) {
    audit_program *a = task->program;
    bool done;
    if (a->before == NULL) {
        HB_TRY(audit_lead(a, task, &done, err));
        if (!done) return HB_OK;
    }
    audit_pass *pass = a->after != NULL ? a->after : a->before;
    if (!pass->compared) {
        HB_TRY(audit_advance_sources(a, task, pass, &done, err));
        if (!done) return HB_OK;
        HB_TRY(audit_compare(a->ws, task, pass, err));
    }
    bool repairing = a->repair && !a->dry_run && a->after == NULL;
    if (!repairing) return audit_finish(a, task, err);
    if (a->changes == NULL && !audit_is_ok(a->before)) HB_TRY(repair_start(a, task, err));
    if (a->changes != NULL) {
        HB_TRY(hb_changes_advance(a->changes, &done, err));
        if (!done) return HB_OK;
    }
    task->progress = true;
    return audit_start(a, task, &a->after, err);
}

static hb_status audit_call(hb_workspace *ws, const hb_request *request, hb_task *task, bool repair,
                            hb_err *err) {
    audit_program *a = HB_NEW(&task->arena, audit_program);
    if (a == NULL) return hb_err_memory(err);
    a->ws = ws;
    a->now_ms = request->now_ms;
    a->repair = repair;
    a->dry_run = (request->flags & HB_FLAG_DRY_RUN) != 0;
    task->program = a;
    task->advance = audit_advance;
    task->cleanup = audit_cleanup;
    task->refused = audit_refused;
    task->lost_as_null = true;
    task->as_mended = repair && a->dry_run;
    task->pauses = (request->flags & HB_FLAG_PAUSES) != 0;
    a->root = cJSON_CreateObject();
    return a->root != NULL ? HB_OK : hb_err_memory(err);
}

hb_status hb_call_audit(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return audit_call(ws, request, task, false, err);
}

hb_status hb_call_repair(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return audit_call(ws, request, task, true, err);
}
