// SPDX-License-Identifier: MIT
/* Writing: upsert, set and delete as one program.
 *
 *   READ    current rows (set, and upsert without overwrite), and the Catalog rows they have
 *   UNIQUE  rows that hold a value which must be unique, where no engine sees to it
 *   WRITE   one fragment after another inside a transaction of each engine: the home first, then
 * the other backends, then Catalog COMMIT  in the same order; the first commit is the source of
 * truth's Everything is validated before WRITE, so bad input never leaves partial rows. */
#include "workspace/workspace.h"

typedef struct write_step {
    uint32_t backend;
    hb_fragment fragment;
    hb_job *job;
} write_step;

typedef enum write_phase { WRITE_READ, WRITE_UNIQUE, WRITE_STEPS, WRITE_DONE } write_phase;

typedef struct write_program {
    hb_workspace *ws;
    hb_entity *entity;
    bool is_set, is_delete, overwrite, with_catalog;
    int64_t now_ms;
    hb_input input;             /* delete: only ids */
    hb_ids ids;                 /* distinct */
    hb_ids catalog_ids;
    const uint32_t *asked;      /* delete: for each id given, its place in `ids` */
    uint32_t asked_count;
    hb_fetch *current;          /* NULL: not needed */
    hb_fetch *catalog_current;
    hb_unique *unique;          /* NULL: delete */
    write_phase phase;
    write_step *steps;
    uint32_t step_count, step_at;
    uint64_t in_transaction;    /* bit per backend index */
} write_program;

/* ---- transactions ---------------------------------------------------------------------- */

static hb_status write_begin(write_program *w, uint32_t backend, hb_err *err) {
    hb_instance *instance = w->ws->instances[backend];
    if (instance->type->tx == NULL || (w->in_transaction >> backend & 1) != 0) return HB_OK;
    hb_status status = instance->type->tx(instance, HB_TX_BEGIN, err);
    if (status != HB_OK) {
        hb_err_where(err, w->entity->schema->entity_id, HB_STR_EMPTY, instance->name);
        return status;
    }
    w->in_transaction |= (uint64_t)1 << backend;
    return HB_OK;
}

static hb_status write_commit(write_program *w, hb_err *err) {
    hb_str committed = HB_STR_EMPTY;
    for (uint32_t s = 0; s < w->step_count; s++) {
        uint32_t backend = w->steps[s].backend;
        if ((w->in_transaction >> backend & 1) == 0) continue;
        hb_instance *instance = w->ws->instances[backend];
        w->in_transaction &= ~((uint64_t)1 << backend);
        hb_status status = instance->type->tx(instance, HB_TX_COMMIT, err);
        if (status == HB_OK) {
            if (committed.len == 0) committed = instance->name;
            continue;
        }
        if (committed.len > 0) {
            status = hb_err_set(err, HB_E_PARTIAL_WRITE, "committed on '%.*s' but not on '%.*s'",
                                HB_ARG(committed), HB_ARG(instance->name));
        }
        hb_err_where(err, w->entity->schema->entity_id, HB_STR_EMPTY, instance->name);
        return status;
    }
    return HB_OK;
}

static void write_cleanup(hb_task *task, bool failed) {
    write_program *w = task->program;
    (void)failed;
    for (uint32_t backend = 0; backend < w->ws->instance_count; backend++) {
        if ((w->in_transaction >> backend & 1) == 0) continue;
        hb_instance *instance = w->ws->instances[backend];
        hb_err ignored;     /* the call's own error is what the caller hears of */
        hb_err_init(&ignored);
        instance->type->tx(instance, HB_TX_ROLLBACK, &ignored);
    }
}

/* ---- steps ----------------------------------------------------------------------------- */

static write_step *write_add_step(write_program *w, uint32_t backend, hb_container *container) {
    write_step *step = &w->steps[w->step_count++];
    memset(step, 0, sizeof(*step));
    step->backend = backend;
    step->fragment.container = container;
    step->fragment.limit = HB_NO_LIMIT;
    return step;
}

static hb_status write_add_entity(write_program *w, hb_task *task, hb_entity *entity,
                                  const hb_column *columns, uint32_t row_count, const hb_ids *ids,
                                  hb_err *err) {
    const hb_routing *routing = entity->routing;
    for (uint32_t pass = 0; pass < 2; pass++) {             /* the home first */
        for (uint32_t b = 0; b < routing->backend_count; b++) {
            if (routing->containers[b] == NULL || (b == routing->home) != (pass == 0)) continue;
            write_step *step = write_add_step(w, b, routing->containers[b]);
            step->fragment.kind = columns != NULL ? HB_FRAG_WRITE : HB_FRAG_DELETE;
            step->fragment.ids = ids;
            if (columns != NULL) {
                HB_TRY(hb_columns_for_container(routing->containers[b], columns, row_count,
                                                &task->arena, &step->fragment.batch, err));
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

static hb_status write_plan_catalog(write_program *w, hb_task *task, hb_err *err) {
    hb_entity *catalog = w->ws->entities[HB_ENTITY_CATALOG];
    if (w->is_delete) return write_add_entity(w, task, catalog, NULL, 0, &w->catalog_ids, err);
    hb_column *rows;
    HB_TRY(hb_catalog_rows(w->ws, w->entity, w->input.columns, w->input.row_count, w->now_ms,
                           &task->arena, &rows, err));
    const hb_column *current;
    const uint32_t *found;
    uint32_t current_count;
    HB_TRY(hb_fetch_take(w->catalog_current, &current, &current_count, &found, err));
    HB_TRY(hb_catalog_keep(w->ws, rows, w->input.row_count, current, found, &task->arena, err));
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

/* All reads are there: settle the rows and list the fragments. */
static hb_status write_settle(write_program *w, hb_task *task, hb_err *err) {
    const hb_column *current = NULL;
    const uint32_t *found = NULL;
    if (w->current != NULL) {
        uint32_t count;
        HB_TRY(hb_fetch_take(w->current, &current, &count, &found, err));
        if (!w->overwrite) HB_TRY(write_refuse_existing(w, found, err));
    }
    if (!w->is_delete) {
        HB_TRY(hb_input_complete(w->entity, &w->input, w->is_set ? current : NULL, found,
                                 &task->arena, err));
    }
    uint32_t backends = w->entity->routing->backend_count;
    w->steps = HB_NEW_ARRAY(&task->arena, write_step, (size_t)backends * 2);
    if (w->steps == NULL) return hb_err_memory(err);
    HB_TRY(write_add_entity(w, task, w->entity, w->is_delete ? NULL : w->input.columns,
                            w->input.row_count, &w->ids, err));
    if (w->with_catalog) HB_TRY(write_plan_catalog(w, task, err));
    w->phase = WRITE_UNIQUE;
    if (w->is_delete) return HB_OK;
    return hb_unique_start(task, w->ws, w->entity, w->input.columns, w->input.row_count, &w->unique,
                           err);
}

/* What existed, by the home's answer (its step is the first), for every id that was given. */
static hb_status write_finish_delete(write_program *w, hb_task *task, hb_err *err) {
    hb_batch home = hb_rowset_batch(&w->steps[0].job->out);
    uint8_t *flags = hb_arena_array(&task->arena, w->asked_count, 1);
    hb_column *column = HB_NEW(&task->arena, hb_column);
    if (flags == NULL || column == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < w->asked_count; i++) {
        flags[i] = ((const uint8_t *)home.columns[0].data)[w->asked[i]];
    }
    *column = (hb_column){ HB_STR("existed"), HB_KIND_BOOL, 0, NULL, flags, NULL, 0 };
    static const uint8_t roles[1] = { 0 };
    hb_task_finish_frame(task, (hb_batch){ w->asked_count, 1, column }, roles);
    return HB_OK;
}

static hb_status write_finish(write_program *w, hb_task *task, hb_err *err) {
    HB_TRY(write_commit(w, err));
    w->phase = WRITE_DONE;
    if (w->is_delete) return write_finish_delete(w, task, err);
    static const uint8_t roles[1] = { 1 };
    hb_batch ids = { w->input.row_count, 1, &w->input.columns[HB_FIELD_OBJECT_ID] };
    hb_task_finish_frame(task, ids, roles);
    return HB_OK;
}

static hb_status write_advance(hb_task *task, hb_err *err) {
    write_program *w = task->program;
    if (w->phase == WRITE_READ) {
        if (w->current != NULL && !hb_fetch_done(w->current)) return HB_OK;
        if (w->catalog_current != NULL && !hb_fetch_done(w->catalog_current)) return HB_OK;
        HB_TRY(write_settle(w, task, err));
    }
    if (w->phase == WRITE_UNIQUE) {
        bool done = true;
        if (w->unique != NULL) HB_TRY(hb_unique_advance(w->unique, &done, err));
        if (!done) return HB_OK;
        w->phase = WRITE_STEPS;
    }
    while (w->step_at < w->step_count) {
        write_step *step = &w->steps[w->step_at];
        if (step->job == NULL) {
            HB_TRY(write_begin(w, step->backend, err));
            HB_TRY(hb_task_start_job(task, w->ws->instances[step->backend], &step->fragment,
                                     &step->job, err));
        }
        if (!step->job->done) return HB_OK;
        w->step_at++;
    }
    return write_finish(w, task, err);
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
    w->overwrite = true;
    w->with_catalog = ws->catalog && !entity->system;
    task->program = w;
    task->advance = write_advance;
    task->cleanup = write_cleanup;
    *out = w;
    return HB_OK;
}

static hb_status write_start_reads(write_program *w, hb_task *task, bool values, hb_err *err) {
    static const uint32_t none[1] = { 0 };      /* no columns: only which rows exist */
    if (w->is_set || !w->overwrite) {
        HB_TRY(hb_fetch_start(task, w->ws, w->entity, &w->ids, values ? NULL : none, 0, &w->current,
                              err));
    }
    if (!w->with_catalog) return HB_OK;
    HB_TRY(write_catalog_ids(w, task, err));
    if (w->is_delete) return HB_OK;
    hb_entity *catalog = w->ws->entities[HB_ENTITY_CATALOG];
    static const char *const names[3] = { "created_at", "active", "visible" };
    uint32_t *kept = hb_arena_array(&task->arena, 3, sizeof(*kept));
    if (kept == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < 3; i++) kept[i] = hb_schema_find(catalog->schema, hb_str_c(names[i]));
    return hb_fetch_start(task, w->ws, catalog, &w->catalog_ids, kept, 3, &w->catalog_current, err);
}

static hb_status write_rows(hb_workspace *ws, const hb_request *request, hb_task *task, bool is_set,
                            hb_err *err) {
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    write_program *w;
    HB_TRY(write_new(ws, request, entity, task, &w, err));
    w->is_set = is_set;
    w->overwrite = is_set || (request->flags & HB_FLAG_OVERWRITE) != 0;
    HB_TRY(hb_input_read(entity, &request->batch, (request->flags & HB_FLAG_DROP_UNKNOWN) != 0,
                         !is_set, &task->arena, &w->input, err));
    w->ids = (hb_ids){ w->input.ids, w->input.row_count };
    return write_start_reads(w, task, is_set, err);
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
    return write_start_reads(w, task, false, err);
}
