// SPDX-License-Identifier: MIT
/* audit and repair: what earlier writes left (intents), then the backends' own structures
 * (audit_stored.h), then the rows in every backend (replicas.c), the edges between rows (graph.c),
 * values that have to be unique (audit_unique.c), and the Catalog (audit_catalog.c). */
#include <cJSON.h>

#include "workspace/audit_catalog.h"
#include "workspace/audit_unique.h"
#include "workspace/graph.h"
#include "workspace/intent.h"

typedef struct audit_program {
    hb_workspace *ws;
    int64_t now_ms;
    bool repair, dry_run;
    hb_catalog_check *before, *after; /* NULL until then */
    cJSON *root; /* the report; owned */
    hb_intents *intents; /* repair: what earlier writes left; NULL until then */
    hb_stored *stored; /* what the backends find; NULL until then */
    uint32_t stored_at; /* entity to look over next */
    bool gave_up; /* what nobody could bring back was let go */
    bool led; /* everything before the Catalog is through */
    hb_replicas *replicas, *replicas_after;
    hb_graph_check *edges;
    hb_twins *twins; /* NULL until then */
} audit_program;

/* ---- reporting ------------------------------------------------------------------------- */

#define COUNTS_MAX 4
/* Numbers by name, up to the first NULL; `done` false: what a dry run would only do is 0. */
static bool add_counts(cJSON *to, const char *const keys[COUNTS_MAX],
                       const uint64_t counts[COUNTS_MAX], bool done) {
    bool ok = true;
    for (int i = 0; i < COUNTS_MAX && keys[i] != NULL; i++) {
        ok = ok && cJSON_AddNumberToObject(to, keys[i], done ? (double)counts[i] : 0) != NULL;
    }
    return ok;
}

static bool add_catalog_counts(const audit_program *a, cJSON *to, bool done) {
    static const char *const keys[COUNTS_MAX] = { "missing_written", "mismatched_rewritten",
                                                  "dangling_deleted" };
    const hb_catalog_counts rows = hb_catalog_check_counts(a->before);
    const uint64_t counts[COUNTS_MAX] = { rows.missing, rows.mismatched, rows.dangling };
    return add_counts(to, keys, counts, done);
}

static bool add_replica_counts(const audit_program *a, cJSON *to, bool done) {
    static const char *const keys[COUNTS_MAX] = { "missing_written", "different_rewritten",
                                                  "orphaned_deleted" };
    const hb_replica_counts rows = hb_replicas_counts(a->replicas);
    const uint64_t counts[COUNTS_MAX] = { rows.missing, rows.different,
                                          hb_replicas_deleted(a->replicas) };
    return add_counts(to, keys, counts, done);
}

static bool add_intent_counts(const audit_program *a, cJSON *to, bool done) {
    static const char *const keys[COUNTS_MAX] = { "completed", "taken_back", NULL };
    uint32_t completed, taken_back;
    hb_intents_counts(a->intents, &completed, &taken_back);
    const uint64_t counts[COUNTS_MAX] = { completed, taken_back, 0 };
    return add_counts(to, keys, counts, done);
}

/* "intents": {"pending": [...]} and, of a repair, how many it completed and took back. */
static hb_status audit_add_intents(audit_program *a, cJSON *root, bool *ok, hb_err *err) {
    cJSON *report = cJSON_AddObjectToObject(root, "intents");
    uint32_t pending;
    if (a->repair && !add_intent_counts(a, report, !a->dry_run)) return hb_err_memory(err);
    hb_buf json;
    hb_buf_init(&json, a->ws->mem);
    hb_status status = hb_intents_json(a->ws, a->now_ms, &json, &pending, err);
    status = hb_stored_add_json(report, "pending", &json, status, err);
    *ok = status == HB_OK && pending == 0;
    cJSON_AddBoolToObject(report, "ok", *ok);
    return status;
}

/* "catalog": the report, or of a repair what it did with the reports before and after. */
static hb_status audit_add_catalog(audit_program *a, bool *ok, hb_err *err) {
    *ok = hb_catalog_check_ok(a->before);
    if (!a->repair) return hb_catalog_check_json(a->before, a->root, "catalog", err);
    cJSON *catalog = cJSON_AddObjectToObject(a->root, "catalog");
    const hb_catalog_check *after = a->dry_run ? a->before : a->after;
    cJSON_AddBoolToObject(catalog, "dry_run", a->dry_run);
    if (!add_catalog_counts(a, catalog, !a->dry_run)) return hb_err_memory(err);
    HB_TRY(hb_catalog_check_json(a->before, catalog, "before", err));
    HB_TRY(hb_catalog_check_json(after, catalog, "after", err));
    *ok = hb_catalog_check_ok(after);
    cJSON_AddBoolToObject(catalog, "ok", *ok);
    return HB_OK;
}

/* "replicas", in the same two shapes; a dry run has no "after", for it is as before. */
static hb_status audit_add_replicas(audit_program *a, bool *ok, hb_err *err) {
    *ok = hb_replicas_are_ok(a->replicas);
    if (!a->repair) return hb_replicas_json(a->replicas, a->root, "replicas", err);
    cJSON *replicas = cJSON_AddObjectToObject(a->root, "replicas");
    cJSON_AddBoolToObject(replicas, "dry_run", a->dry_run);
    if (!add_replica_counts(a, replicas, !a->dry_run)) return hb_err_memory(err);
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
    return hb_stored_add_json(edges, "dangling", &json, HB_OK, err);
}

/* "totals": how many there are of everything that is listed up to HB_AUDIT_LIST_MAX times. */
static hb_status audit_add_totals(audit_program *a, const hb_stored_counts *stored, hb_err *err) {
    static const char *const keys[3][COUNTS_MAX] = {
        { "missing", "dangling", "mismatched", NULL },
        { "missing", "orphaned", "different", NULL },
        { "storage", "unused", "files", "edges" },
    };
    cJSON *totals = cJSON_AddObjectToObject(a->root, "totals");
    const hb_replica_counts counts = hb_replicas_counts(a->replicas);
    const hb_catalog_counts rows = hb_catalog_check_counts(a->before);
    const hb_dangling *list;
    uint32_t dangling;
    hb_graph_check_take(a->edges, &list, &dangling);
    const uint64_t all[3][COUNTS_MAX] = {
        { rows.missing, rows.dangling, rows.mismatched, 0 },
        { counts.missing, counts.orphaned, counts.different, 0 },
        { stored->problems, stored->unused, stored->files, dangling },
    };
    const bool ok =
        add_counts(cJSON_AddObjectToObject(totals, "catalog"), keys[0], all[0], true) &&
        add_counts(cJSON_AddObjectToObject(totals, "replicas"), keys[1], all[1], true) &&
        add_counts(totals, keys[2], all[2], true);
    return ok ? HB_OK : hb_err_memory(err);
}

/* "actions": what the repair did, or a dry run found that it would do. */
static hb_status audit_add_actions(audit_program *a, hb_err *err) {
    if (!a->repair) return HB_OK;
    cJSON *actions = cJSON_AddObjectToObject(a->root, "actions");
    const bool ok = add_catalog_counts(a, cJSON_AddObjectToObject(actions, "catalog"), true) &&
                    add_replica_counts(a, cJSON_AddObjectToObject(actions, "replicas"), true) &&
                    add_intent_counts(a, cJSON_AddObjectToObject(actions, "intents"), true);
    return ok ? hb_stored_actions(a->stored, actions, err) : hb_err_memory(err);
}

static hb_status audit_finish(audit_program *a, hb_task *task, hb_err *err) {
    hb_rehearsal_end(a->ws);
    bool catalog = false, replicas = false, intents = false, edges = false, stored = false;
    hb_stored_counts counts;
    HB_TRY(hb_stored_finish(a->stored, &counts, &stored, err));
    HB_TRY(audit_add_edges(a, &edges, err));
    HB_TRY(audit_add_catalog(a, &catalog, err));
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
    hb_catalog_check_end(a->before);
    hb_catalog_check_end(a->after);
    hb_twins_end(a->twins);
    hb_rehearsal_end(a->ws);
    cJSON_Delete(a->root);
    a->root = NULL;
}

static hb_status audit_refused(hb_task *task, hb_status status, hb_err *err) {
    audit_program *a = task->program;
    if (a->before != NULL) {
        return hb_catalog_check_explain(a->after != NULL ? a->after : a->before, status, err);
    }
    return hb_replicas_explain(a->replicas, status, err);
}

/* What earlier writes left comes first: the audit then sees whole writes. A dry run rehearses that.
 */
static hb_status repair_intents(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    if (a->intents == NULL) {
        hb_intents_asked asked = { .now_ms = a->now_ms };
        HB_TRY(hb_intents_start(task, a->ws, &asked, &a->intents, err));
        a->ws->rehearses = a->dry_run && hb_intents_are_due(a->intents);
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
        const bool writes = fix || a->ws->rehearses;
        HB_TRY(hb_replicas_start(task, a->ws, writes, a->repair, a->stored, &a->replicas, err));
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
    *done = true;
    if (a->stored == NULL && a->repair) HB_TRY(repair_intents(a, task, done, err));
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
    return HB_OK;
}

static hb_status audit_unique(audit_program *a, hb_task *task, bool *done, hb_err *err) {
    hb_str entity;
    uint64_t rows;
    if (a->twins == NULL) {
        HB_TRY(hb_twins_start(task, a->ws, hb_stored_add_twin, a->stored, &a->twins, err));
    }
    HB_TRY(hb_twins_advance(a->twins, done, err));
    if (!hb_twins_paused(a->twins, &entity, &rows)) return HB_OK;
    return audit_pause(task, "storage", entity, rows, err);
}

/* A pass over the Catalog. */
static hb_status audit_catalog(hb_task *task, hb_catalog_check *check, bool *done, hb_err *err) {
    HB_TRY(hb_catalog_check_advance(check, done, err));
    hb_str entity;
    uint64_t rows;
    if (!hb_catalog_check_paused(check, &entity, &rows)) return HB_OK;
    return audit_pause(task, "catalog", entity, rows, err);
}

static hb_status audit_advance(hb_task *task, hb_err *err) {
    audit_program *a = task->program;
    const bool fix = a->repair && !a->dry_run;
    bool done;
    if (a->before == NULL) {
        if (!a->led) HB_TRY(audit_lead(a, task, &a->led, err));
        if (!a->led || task->pause) return HB_OK;
        HB_TRY(audit_unique(a, task, &done, err));
        if (!done || task->pause) return HB_OK;
        HB_TRY(hb_catalog_check_start(task, a->ws, a->now_ms, fix,
                                      hb_replicas_restored(a->replicas), &a->before, err));
    }
    if (a->after == NULL) {
        HB_TRY(audit_catalog(task, a->before, &done, err));
        if (!done) return HB_OK;
        if (!fix) return audit_finish(a, task, err);
        HB_TRY(hb_catalog_check_start(task, a->ws, a->now_ms, false, NULL, &a->after, err));
    }
    HB_TRY(audit_catalog(task, a->after, &done, err));
    return done ? audit_finish(a, task, err) : HB_OK;
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
