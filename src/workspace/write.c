// SPDX-License-Identifier: MIT
/* Writing: upsert, set and delete as one program.
 *
 *   READ    current rows (set, and upsert without overwrite), and the Catalog rows they have
 *   UNIQUE  rows that hold a value which must be unique, where no engine sees to it
 *   WRITE   one fragment after another inside a transaction of each engine: the home first, then
 * the other backends, then Catalog COMMIT  in the same order; the first commit is the source of
 * truth's Everything is validated before WRITE, so bad input never leaves partial rows. */
#include "workspace/graph.h"
#include "workspace/intent.h"

typedef enum write_phase {
    WRITE_INTENTS,
    WRITE_READ,
    WRITE_UNIQUE,
    WRITE_STEPS,
    WRITE_DONE
} write_phase;

typedef struct write_program {
    hb_workspace *ws;
    hb_entity *entity;
    bool is_set, is_delete, overwrite, with_catalog, computed;
    int64_t now_ms;
    hb_input input;             /* delete: only ids */
    hb_ids ids;                 /* distinct */
    hb_ids catalog_ids;
    const uint32_t *asked;      /* delete: for each id given, its place in `ids` */
    uint32_t asked_count;
    hb_fetch *current;          /* NULL: not needed */
    hb_fetch *catalog_current;
    hb_unique *unique;          /* NULL: delete */
    hb_intent_need need;        /* of an intent */
    hb_intents *earlier;        /* what earlier writes left in the same rows; NULL: no need */
    hb_endpoints *endpoints;    /* NULL: no new edges */
    hb_detach *detach;          /* delete: NULL when no edge can lead here */
    uint32_t edges;             /* HB_FLAG_EDGES_*, HB_FLAG_LOOSE_EDGES */
    write_phase phase;
    hb_changes *changes;
} write_program;

static void write_cleanup(hb_task *task, bool failed) {
    write_program *w = task->program;
    (void)failed;
    hb_intents_end(w->earlier);
    hb_changes_end(w->changes);
}

static hb_status write_refused(hb_task *task, hb_status status, hb_err *err) {
    write_program *w = task->program;
    return w->phase == WRITE_STEPS ? hb_changes_explain(w->changes, status, err) : status;
}

/* ---- fragments ------------------------------------------------------------------------- */

static hb_status write_add_entity(write_program *w, hb_task *task, hb_entity *entity,
                                  const hb_column *columns, uint32_t row_count, const hb_ids *ids,
                                  hb_err *err) {
    const hb_routing *routing = entity->routing;
    for (uint32_t pass = 0; pass < 2; pass++) {             /* the home first */
        for (uint32_t b = 0; b < routing->backend_count; b++) {
            if (routing->containers[b] == NULL || (b == routing->home) != (pass == 0)) continue;
            hb_change *change = hb_changes_add(w->changes, b, routing->containers[b],
                                               columns != NULL ? HB_FRAG_WRITE : HB_FRAG_DELETE);
            change->fragment.ids = ids;
            if (columns != NULL) {
                HB_TRY(hb_columns_for_container(routing->containers[b], columns, row_count,
                                                &task->arena, &change->fragment.batch, err));
            }
        }
    }
    return HB_OK;
}

static hb_status write_catalog_ids(write_program *w, hb_task *task, hb_err *err) {
    hb_str *ids = hb_arena_array(&task->arena, w->ids.count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < w->ids.count; i++) {
        HB_TRY(hb_catalog_id(w->ws, w->entity->schema->entity_id, w->ids.ids[i], &task->arena,
                             &ids[i], err));
    }
    w->catalog_ids = (hb_ids){ ids, w->ids.count };
    return HB_OK;
}

static hb_status write_plan_catalog(write_program *w, hb_task *task, hb_intent_part *part,
                                    hb_err *err) {
    hb_entity *catalog = w->ws->entities[HB_ENTITY_CATALOG];
    const hb_column *current = NULL;
    const uint32_t *found = NULL;
    uint32_t current_count = 0;
    if (w->catalog_current != NULL) {
        HB_TRY(hb_fetch_take(w->catalog_current, &current, &current_count, &found, err));
    }
    *part = (hb_intent_part){ .entity = catalog,
                              .ids = &w->catalog_ids,
                              .before = current,
                              .found = found,
                              .before_count = current_count };
    if (w->is_delete) return write_add_entity(w, task, catalog, NULL, 0, &w->catalog_ids, err);
    hb_column *rows;
    HB_TRY(hb_catalog_rows(w->ws, w->entity, w->input.columns, w->input.row_count, w->now_ms,
                           &task->arena, &rows, err));
    HB_TRY(hb_catalog_keep(w->ws, rows, w->input.row_count, current, found, &task->arena, err));
    if (w->entity->schema->derive_count > 0) {
        HB_TRY(hb_derives_apply(w->entity, &w->input, rows, current, found, &task->arena, err));
    }
    part->after = rows;
    return write_add_entity(w, task, catalog, rows, w->input.row_count, NULL, err);
}

static hb_status write_refuse_existing(const write_program *w, const uint32_t *found, hb_err *err) {
    for (uint32_t i = 0; i < w->ids.count; i++) {
        if (found[i] == HB_MAP_NONE) continue;
        hb_err_set(err, HB_E_DUPLICATE, "object_id '%.*s' exists already", HB_ARG(w->ids.ids[i]));
        return hb_err_where(err, w->entity->schema->entity_id, HB_STR("object_id"), HB_STR_EMPTY);
    }
    return HB_OK;
}

/* By relation, the rows whose stored edges a set leaves as they are: those are not looked up. */
static hb_status write_kept_edges(const write_program *w, const uint32_t *found, hb_arena *arena,
                                  const uint8_t *const **out, hb_err *err) {
    const hb_schema *schema = w->entity->schema;
    const uint8_t **kept = HB_NEW_ARRAY(arena, const uint8_t *, schema->field_count);
    if (kept == NULL) return hb_err_memory(err);
    for (uint32_t f = 1; f < schema->field_count; f++) {
        if (schema->fields[f].type->edge_column == 0) continue;
        uint8_t *rows = hb_arena_zalloc(arena, w->input.row_count);
        if (rows == NULL) return hb_err_memory(err);
        for (uint32_t row = 0; row < w->input.row_count; row++) {
            rows[row] = found[row] != HB_MAP_NONE &&
                        hb_column_cell(&w->input.columns[f], row) == HB_CELL_ABSENT;
        }
        kept[f] = rows;
    }
    *out = kept;
    return HB_OK;
}

/* The fragments of the write, its Catalog rows and rows that lose edges; and its intent. */
static hb_status write_plan_rows(write_program *w, hb_task *task, const hb_column *current,
                                 const uint32_t *found, uint32_t current_count, hb_err *err) {
    const hb_detached *detached = NULL;
    uint32_t detached_count = 0, count = 1;
    if (w->detach != NULL) hb_detach_take(w->detach, &detached, &detached_count);
    hb_intent_part *parts = HB_NEW_ARRAY(&task->arena, hb_intent_part, 2u + detached_count);
    if (parts == NULL) return hb_err_memory(err);
    const hb_column *rows = w->is_delete ? NULL : w->input.columns;
    parts[0] = (hb_intent_part){ .entity = w->entity,
                                 .ids = &w->ids,
                                 .after = rows,
                                 .before = current,
                                 .found = found,
                                 .before_count = current_count };
    HB_TRY(write_add_entity(w, task, w->entity, rows, w->input.row_count, &w->ids, err));
    if (w->with_catalog) HB_TRY(write_plan_catalog(w, task, &parts[count++], err));
    for (uint32_t i = 0; i < detached_count; i++) {
        const hb_detached *one = &detached[i];
        if (one->ids.count == 0) continue;
        parts[count++] = (hb_intent_part){ .entity = one->entity,
                                           .ids = &one->ids,
                                           .after = one->columns,
                                           .before = one->before,
                                           .found = one->found,
                                           .before_count = one->ids.count };
        HB_TRY(write_add_entity(w, task, one->entity, one->columns, one->ids.count, NULL, err));
    }
    if (w->need == HB_INTENT_NONE) return HB_OK;
    return hb_intent_new(w->ws, task, w->need, parts, count, w->now_ms, &w->changes->intent, err);
}

/* All reads are there: settle the rows and list the fragments. */
static hb_status write_settle(write_program *w, hb_task *task, hb_err *err) {
    const hb_column *current = NULL;
    const uint32_t *found = NULL;
    uint32_t count = 0;
    if (w->current != NULL) {
        HB_TRY(hb_fetch_take(w->current, &current, &count, &found, err));
        if (!w->overwrite) HB_TRY(write_refuse_existing(w, found, err));
    }
    const uint8_t *const *kept = NULL;
    if (!w->is_delete) {
        if (w->is_set) HB_TRY(write_kept_edges(w, found, &task->arena, &kept, err));
        if (!w->computed) {
            HB_TRY(hb_derives_given(w->entity, &w->input, w->is_set, found, err));
        }
        HB_TRY(hb_input_complete(w->entity, &w->input, w->is_set ? current : NULL, found,
                                 &task->arena, err));
    }
    HB_TRY(write_plan_rows(w, task, current, found, count, err));
    w->phase = WRITE_UNIQUE;
    if (w->is_delete) return HB_OK;
    if ((w->edges & HB_FLAG_LOOSE_EDGES) == 0)
        HB_TRY(hb_endpoints_start(task, w->ws, w->entity, w->input.columns, w->input.row_count,
                                  kept, &w->endpoints, err));
    return hb_unique_start(task, w->ws, w->entity, w->input.columns, w->input.row_count, &w->unique,
                           err);
}

/* What existed, by the home's answer (its step is the first), for every id that was given. */
static hb_status write_finish_delete(write_program *w, hb_task *task, hb_err *err) {
    hb_batch home = hb_rowset_batch(&w->changes->items[0].job->out);
    uint8_t *flags = hb_arena_array(&task->arena, w->asked_count, 1);
    hb_column *column = HB_NEW(&task->arena, hb_column);
    if (flags == NULL || column == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < w->asked_count; i++) {
        flags[i] = ((const uint8_t *)home.columns[0].data)[w->asked[i]];
    }
    *column = (hb_column){ HB_STR("existed"), HB_KIND_BOOL, 0, NULL, flags, NULL, 0, NULL };
    static const uint8_t roles[1] = { 0 };
    hb_task_finish_frame(task, (hb_batch){ w->asked_count, 1, column }, roles);
    return HB_OK;
}

static hb_status write_finish(write_program *w, hb_task *task, hb_err *err) {
    w->phase = WRITE_DONE;
    if (w->is_delete) return write_finish_delete(w, task, err);
    static const uint8_t roles[1] = { 1 };
    hb_batch ids = { w->input.row_count, 1, &w->input.columns[HB_FIELD_OBJECT_ID] };
    hb_task_finish_frame(task, ids, roles);
    return HB_OK;
}

/* The rows that a merge, a refusal or an intent needs; and the Catalog's. */
static hb_status write_start_reads(write_program *w, hb_task *task, hb_err *err) {
    static const uint32_t none[1] = { 0 };      /* no columns: only which rows exist */
    bool keeps_before = w->need == HB_INTENT_BEFORE;
    bool values = w->is_set || keeps_before;
    if (w->is_delete) {
        HB_TRY(hb_detach_start(task, w->ws, w->entity, &w->ids, w->edges, &w->detach, err));
    }
    if (values || !w->overwrite) {
        HB_TRY(hb_fetch_start(task, w->ws, w->entity, &w->ids, values ? NULL : none, 0, &w->current,
                              err));
    }
    if (!w->with_catalog) return HB_OK;
    HB_TRY(write_catalog_ids(w, task, err));
    if (w->is_delete && !keeps_before) return HB_OK;
    hb_entity *catalog = w->ws->entities[HB_ENTITY_CATALOG];
    static const char *const names[3] = { "created_at", "active", "visible" };
    const hb_schema *schema = w->entity->schema;
    uint32_t count = 3;
    uint32_t *kept = hb_arena_array(&task->arena, (size_t)3 + schema->derive_count, sizeof(*kept));
    if (kept == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < 3; i++) kept[i] = hb_schema_find(catalog->schema, hb_str_c(names[i]));
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        uint32_t column = hb_schema_find(catalog->schema, schema->derives[i].column);
        if (column != kept[1] && column != kept[2]) kept[count++] = column;
    }
    return hb_fetch_start(task, w->ws, catalog, &w->catalog_ids, keeps_before ? NULL : kept, count,
                          &w->catalog_current, err);
}

/* Completes what earlier writes left in these rows, then takes the source of truth's lock: what is
 * read from here on no other process changes. */
static hb_status write_advance_intents(write_program *w, hb_task *task, bool *done, hb_err *err) {
    hb_intents_asked asked = { .entity = w->entity, .ids = &w->ids, .now_ms = w->now_ms };
    *done = true;
    if (w->need != HB_INTENT_NONE) {
        if (w->earlier == NULL) HB_TRY(hb_intents_start(task, w->ws, &asked, &w->earlier, err));
        HB_TRY(hb_intents_advance(w->earlier, done, err));
        if (!*done) return HB_OK;
    }
    hb_instance *home = w->ws->instances[w->changes->home];
    if (home->type->durable(home)) HB_TRY(hb_changes_begin(w->changes, w->changes->home, err));
    if (w->need != HB_INTENT_NONE) HB_TRY(hb_intents_refuse_any(w->ws, &asked, &task->arena, err));
    w->phase = WRITE_READ;
    return write_start_reads(w, task, err);
}

static hb_status write_advance(hb_task *task, hb_err *err) {
    write_program *w = task->program;
    bool done = true;
    if (w->phase == WRITE_INTENTS) {
        HB_TRY(write_advance_intents(w, task, &done, err));
        if (!done) return HB_OK;
    }
    if (w->phase == WRITE_READ) {
        if (w->current != NULL && !hb_fetch_done(w->current)) return HB_OK;
        if (w->catalog_current != NULL && !hb_fetch_done(w->catalog_current)) return HB_OK;
        bool detached = true;
        if (w->detach != NULL) HB_TRY(hb_detach_advance(w->detach, &detached, err));
        if (!detached) return HB_OK;
        HB_TRY(write_settle(w, task, err));
    }
    if (w->phase == WRITE_UNIQUE) {
        if (w->unique != NULL) HB_TRY(hb_unique_advance(w->unique, &done, err));
        if (!done) return HB_OK;
        if (w->endpoints != NULL) HB_TRY(hb_endpoints_advance(w->endpoints, &done, err));
        if (!done) return HB_OK;
        w->phase = WRITE_STEPS;
    }
    HB_TRY(hb_changes_advance(w->changes, &done, err));
    return done ? write_finish(w, task, err) : HB_OK;
}

/* ---- starting -------------------------------------------------------------------------- */

static hb_status write_check_entity(const hb_entity *entity, hb_err *err) {
    if (!entity->is_virtual) return HB_OK;
    hb_err_set(err, HB_E_UNSUPPORTED,
               "MetaSchema is computed and cannot be written: change definitions "
               "with register");
    return hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
}

static hb_status write_new(hb_workspace *ws, const hb_request *request, hb_entity *entity,
                           hb_task *task, write_program **out, hb_err *err) {
    HB_TRY(write_check_entity(entity, err));
    write_program *w = HB_NEW(&task->arena, write_program);
    if (w == NULL) return hb_err_memory(err);
    w->ws = ws;
    w->entity = entity;
    w->now_ms = request->now_ms;
    w->edges = request->flags;
    w->overwrite = true;
    w->with_catalog = ws->catalog && !entity->system && (request->flags & HB_FLAG_NO_CATALOG) == 0;
    task->program = w;
    task->advance = write_advance;
    task->cleanup = write_cleanup;
    task->refused = write_refused;
    w->need =
        hb_intent_needed(ws, entity, w->with_catalog ? ws->entities[HB_ENTITY_CATALOG] : NULL);
    *out = w;
    return hb_changes_new(ws, task, entity->schema->entity_id, entity->routing->home,
                          entity->routing->backend_count *
                              (2 + hb_relation_source_count(ws, entity)),
                          &w->changes, err);
}

static hb_status write_rows(hb_workspace *ws, const hb_request *request, hb_task *task, bool is_set,
                            hb_err *err) {
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    write_program *w;
    HB_TRY(write_new(ws, request, entity, task, &w, err));
    w->is_set = is_set;
    w->overwrite = is_set || (request->flags & HB_FLAG_OVERWRITE) != 0;
    w->computed = (request->flags & HB_FLAG_COMPUTED) != 0;
    HB_TRY(hb_input_read(entity, &request->batch, (request->flags & HB_FLAG_DROP_UNKNOWN) != 0,
                         !is_set, &task->arena, &w->input, err));
    w->ids = (hb_ids){ w->input.ids, w->input.row_count };
    return HB_OK;
}

hb_status hb_call_upsert(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return write_rows(ws, request, task, false, err);
}

hb_status hb_call_set(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return write_rows(ws, request, task, true, err);
}

/* The distinct ids, and for each id given its place among them. */
static hb_status write_distinct(write_program *w, const hb_ids *ids, hb_task *task, hb_err *err) {
    hb_str *distinct = hb_arena_array(&task->arena, ids->count, sizeof(*distinct));
    uint32_t *asked = hb_arena_array(&task->arena, ids->count, sizeof(*asked));
    if (distinct == NULL || asked == NULL) return hb_err_memory(err);
    hb_map seen;
    hb_map_init(&seen, task->mem);
    uint32_t count = 0;
    bool ok = true;
    for (uint32_t i = 0; i < ids->count && ok; i++) {
        asked[i] = hb_map_find(&seen, ids->ids[i]);
        if (asked[i] != HB_MAP_NONE) continue;
        asked[i] = count;
        distinct[count] = ids->ids[i];
        ok = hb_map_put(&seen, ids->ids[i], count++);
    }
    hb_map_free(&seen);
    w->ids = (hb_ids){ distinct, count };
    w->asked = asked;
    w->asked_count = ids->count;
    return ok ? HB_OK : hb_err_memory(err);
}

hb_status hb_write_delete(hb_workspace *ws, const hb_request *request, hb_entity *entity,
                          const hb_ids *ids, hb_task *task, hb_err *err) {
    write_program *w;
    HB_TRY(write_new(ws, request, entity, task, &w, err));
    w->is_delete = true;
    HB_TRY(write_distinct(w, ids, task, err));
    w->need = hb_detach_need(ws, entity, w->need);
    return HB_OK;
}
