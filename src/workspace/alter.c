// SPDX-License-Identifier: MIT
/* alter: another structure of an entity, with its rows kept.
 *
 *   INTENTS  what earlier writes left in the rows is completed first
 *   ATTACH   the old containers, inside a transaction of each engine, and count the rows
 *   READ     the rows by the old structure, when something of them is written or judged
 *   CHECK    their values by the new structure; unique constraints; the Catalog rows there are
 *   APPLY    what alter_plan.c decided for each backend: containers dropped, made and filled, as
 * one write (transaction.h), which the commit of the keeper of definitions decides
 *
 * A definition that register replaces goes the same way where types change: nothing refuses it.
 *
 * Until that commit the old structure holds, after it the new one: a failure or a kill on the way
 * to the other backends leaves an intent, which completes them. A dry run ends before APPLY. */
#include "workspace/alter.h"
#include "workspace/intent.h"

typedef enum alter_phase {
    ALTER_INTENTS,
    ALTER_ATTACH,
    ALTER_COUNT,
    ALTER_READ,
    ALTER_CHECK,
    ALTER_APPLY
} alter_phase;

typedef struct alter_program {
    hb_workspace *ws;
    hb_entity *before;
    hb_entity *after;           /* owned until it is in the registry */
    hb_alter plan;
    int64_t now_ms;
    bool dry_run;
    alter_phase phase;
    hb_intent_need need;
    hb_intents *earlier;        /* NULL until they are started */
    hb_changes *changes;
    hb_job **jobs;              /* ATTACH, by backend */
    hb_job *count_job;
    int64_t rows;
    hb_run *run;
    hb_column *columns;         /* the rows, full schema of `after`; NULL: not looked at */
    uint32_t row_count;
    hb_ids ids, catalog_ids;
    hb_fetch *catalog;          /* NULL: no Catalog row changes */
} alter_program;

/* ---- the end ----------------------------------------------------------------------------- */

/* The new structure takes its place. Nothing can fail: room was reserved. */
static void alter_adopt(alter_program *a) {
    hb_entity *after = a->after;
    hb_err ignored;
    hb_err_init(&ignored);
    a->after = NULL;
    hb_status status = hb_entity_add(a->ws, after, a->before, &ignored);
    HB_ASSERT(status == HB_OK);
    after->ensured = true;
    hb_entity_free(a->ws, a->before);
}

static bool alter_is_decided(const alter_program *a) {
    return a->changes != NULL && a->after != NULL && a->changes->held != 0;
}

static void alter_cleanup(hb_task *task, bool failed) {
    alter_program *a = task->program;
    (void)failed;
    hb_intents_end(a->earlier);
    hb_changes_end(a->changes);
    if (alter_is_decided(a)) alter_adopt(a);    /* the rest is the intent's */
    hb_entity_free(a->ws, a->after);
}

static hb_status alter_refused(hb_task *task, hb_status status, hb_err *err) {
    alter_program *a = task->program;
    return a->phase == ALTER_APPLY ? hb_changes_explain(a->changes, status, err) : status;
}

static hb_status alter_tell(alter_program *a, int64_t rows, hb_str refusal, hb_task *task,
                            hb_err *err) {
    hb_buf json;
    hb_buf_init(&json, a->ws->mem);
    hb_status status = hb_alter_json(a->ws, &a->plan, rows, refusal, &task->arena, &json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

/* ---- jobs before the write --------------------------------------------------------------- */

static hb_status alter_job(alter_program *a, hb_task *task, hb_frag_kind kind,
                           hb_container *container, uint32_t backend, hb_job **out, hb_err *err) {
    hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = kind;
    fragment->container = container;
    fragment->limit = HB_NO_LIMIT;
    return hb_task_start_job(task, a->ws->instances[backend], fragment, out, err);
}

/* Everything that is read stays as it is until the write is through. */
static hb_status alter_attach(alter_program *a, hb_task *task, hb_err *err) {
    const hb_routing *routing = a->before->routing;
    if (!a->dry_run && a->changes->definition != NULL) {
        HB_TRY(hb_changes_begin(a->changes, a->changes->home, err));
    }
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        if (routing->containers[b] == NULL) continue;
        if (!a->dry_run) HB_TRY(hb_changes_begin(a->changes, b, err));
        HB_TRY(alter_job(a, task, HB_FRAG_ENSURE, routing->containers[b], b, &a->jobs[b], err));
    }
    a->phase = ALTER_ATTACH;
    return HB_OK;
}

static bool alter_is_attached(const alter_program *a) {
    for (uint32_t b = 0; b < a->before->routing->backend_count; b++) {
        if (a->jobs[b] != NULL && !a->jobs[b]->done) return false;
    }
    return true;
}

static hb_status alter_count(alter_program *a, hb_task *task, hb_err *err) {
    const uint32_t home = a->before->routing->home;
    a->phase = ALTER_COUNT;
    return alter_job(a, task, HB_FRAG_COUNT, a->before->routing->containers[home], home,
                     &a->count_job, err);
}

static hb_status alter_start_catalog(alter_program *a, hb_task *task, hb_err *err) {
    hb_str *ids = hb_arena_array(&task->arena, a->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < a->row_count; i++) {
        HB_TRY(hb_catalog_id(a->ws, a->after->schema->entity_id, a->ids.ids[i], &task->arena,
                             &ids[i], err));
    }
    a->catalog_ids = (hb_ids){ ids, a->row_count };
    return hb_fetch_start(task, a->ws, a->ws->entities[HB_ENTITY_CATALOG], &a->catalog_ids, NULL, 0,
                          &a->catalog, err);
}

/* The rows in their new shape, and whether they may have it. */
static hb_status alter_judge(alter_program *a, hb_task *task, hb_err *err) {
    const hb_batch *batch = &hb_run_result_get(a->run)->batch;
    hb_str *ids = hb_arena_array(&task->arena, batch->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < batch->row_count; i++) ids[i] = hb_column_span(&batch->columns[0], i);
    a->ids = (hb_ids){ ids, batch->row_count };
    a->row_count = batch->row_count;
    HB_TRY(hb_alter_columns(&a->plan, batch, &task->arena, &a->columns, err));
    return hb_unique_among(task, a->ws, a->after, a->columns, a->row_count, err);
}

/* Rows may stay without a value that is required from now on: no engine must insist on it. */
static void alter_allow_gaps(alter_program *a) {
    const hb_schema *schema = a->after->schema;
    bool any = false;
    for (uint32_t f = 0; f < schema->field_count && !any; f++) {
        for (uint32_t i = 0; i < a->row_count && schema->fields[f].required && !any; i++) {
            any = hb_column_cell(&a->columns[f], i) != HB_CELL_VALUE;
        }
    }
    for (uint32_t b = 0; b < a->after->routing->backend_count && any; b++) {
        hb_container *container = a->after->routing->containers[b];
        if (container != NULL) container->gaps = true;
    }
}

static hb_status alter_check(alter_program *a, hb_task *task, hb_err *err) {
    hb_err found;
    hb_err_init(&found);
    a->phase = ALTER_CHECK;
    hb_status status = alter_judge(a, task, &found);
    if (status == HB_OK && a->need != HB_INTENT_NONE && !a->dry_run) {
        hb_intents_asked asked = { .entity = a->before, .ids = &a->ids, .now_ms = a->now_ms };
        status = hb_intents_refuse_any(a->ws, &asked, &task->arena, &found);
    }
    if (status == HB_OK) {
        if (a->plan.replaces) alter_allow_gaps(a);
        return a->plan.catalog && !a->dry_run ? alter_start_catalog(a, task, err) : HB_OK;
    }
    *err = found;
    if (!a->dry_run || (status != HB_E_VALIDATION && status != HB_E_UNIQUE)) return status;
    hb_str text = hb_arena_printf(&task->arena, "%s%s%s", found.field,
                                  found.field[0] != '\0' ? ": " : "", found.msg);
    if (text.ptr == NULL) return hb_err_memory(err);
    hb_err_init(err);
    return alter_tell(a, a->rows, text, task, err);
}

/* ---- the write --------------------------------------------------------------------------- */

static hb_status alter_add_write(alter_program *a, hb_task *task, const hb_entity *entity,
                                 uint32_t backend, const hb_column *columns, hb_err *err) {
    hb_container *container = entity->routing->containers[backend];
    hb_change *change = hb_changes_add(a->changes, backend, container, HB_FRAG_WRITE);
    return hb_columns_for_container(container, columns, a->row_count, &task->arena,
                                    &change->fragment.batch, err);
}

/* Containers of the backend first, then its rows. What lies where the entity comes to is left over
 * from an earlier placement. */
static hb_status alter_add_backend(alter_program *a, hb_task *task, uint32_t b, hb_err *err) {
    hb_container *from = a->before->routing->containers[b];
    hb_container *to = a->after->routing->containers[b];
    const hb_instance *instance = a->ws->instances[b];
    const hb_alter_action action = a->plan.actions[b];
    if (action == HB_ALTER_NONE) return HB_OK;
    if (action == HB_ALTER_REBUILD || action == HB_ALTER_DROP) {
        hb_changes_add(a->changes, b, from, HB_FRAG_CLEAR);
    }
    if (action == HB_ALTER_DROP) return HB_OK;
    hb_changes_add(a->changes, b, to, HB_FRAG_ENSURE);
    if (action == HB_ALTER_MAKE) {
        hb_changes_add(a->changes, b, to, HB_FRAG_CLEAR);
        hb_changes_add(a->changes, b, to, HB_FRAG_ENSURE);
    }
    bool fills = action != HB_ALTER_KEEP || !instance->type->durable(instance);
    return fills && a->row_count > 0 ? alter_add_write(a, task, a->after, b, a->columns, err)
                                     : HB_OK;
}

/* The Catalog's rows of the new structure; what functions gave stays where it is derived still. */
static hb_status alter_add_catalog(alter_program *a, hb_task *task, hb_intent_part *part,
                                   hb_err *err) {
    const hb_entity *catalog = a->ws->entities[HB_ENTITY_CATALOG];
    const hb_schema *schema = a->after->schema;
    const hb_column *current;
    const uint32_t *found;
    uint32_t count;
    hb_column *rows;
    HB_TRY(hb_fetch_take(a->catalog, &current, &count, &found, err));
    HB_TRY(hb_catalog_rows(a->ws, a->after, a->columns, a->row_count, a->now_ms, &task->arena,
                           &rows, err));
    HB_TRY(hb_catalog_keep(a->ws, rows, a->row_count, current, found, &task->arena, err));
    if (schema->derive_count > 0) {
        uint8_t *absent = hb_arena_array(&task->arena, a->row_count, 1);
        hb_column *derived = HB_NEW_ARRAY(&task->arena, hb_column, schema->derive_count);
        if (absent == NULL || derived == NULL) return hb_err_memory(err);
        memset(absent, HB_CELL_ABSENT, a->row_count);
        for (uint32_t i = 0; i < schema->derive_count; i++) derived[i].state = absent;
        const hb_input input = { .derived = derived, .row_count = a->row_count };
        HB_TRY(hb_derives_apply(a->after, &input, rows, current, found, &task->arena, err));
    }
    *part = (hb_intent_part){ .entity = catalog,
                              .ids = &a->catalog_ids,
                              .after = rows,
                              .before = current,
                              .found = found,
                              .before_count = count };
    for (uint32_t b = 0; b < catalog->routing->backend_count; b++) {
        if (catalog->routing->containers[b] == NULL) continue;
        HB_TRY(alter_add_write(a, task, catalog, b, rows, err));
    }
    return HB_OK;
}

/* Backends whose containers go, or are made anew. */
static uint64_t alter_anew(const hb_alter *plan) {
    uint64_t bits = 0;
    for (uint32_t b = 0; b < plan->after->routing->backend_count; b++) {
        const hb_alter_action action = plan->actions[b];
        const bool anew =
            action == HB_ALTER_REBUILD || action == HB_ALTER_MAKE || action == HB_ALTER_DROP;
        if (anew) bits |= (uint64_t)1 << b;
    }
    return bits;
}

static hb_status alter_start_write(alter_program *a, hb_task *task, hb_err *err) {
    hb_intent_part parts[2] = { { .entity = a->after,
                                  .ids = &a->ids,
                                  .after = a->columns,
                                  .altered = a->before,
                                  .anew = alter_anew(&a->plan) } };
    uint32_t part_count = 1;
    a->phase = ALTER_APPLY;
    for (uint32_t b = 0; b < a->after->routing->backend_count; b++) {
        HB_TRY(alter_add_backend(a, task, b, err));
    }
    if (a->catalog != NULL) {
        HB_TRY(alter_add_catalog(a, task, &parts[part_count++], err));
    }
    if (a->need == HB_INTENT_NONE) return HB_OK;
    return hb_intent_new(a->ws, task, a->need, parts, part_count, a->now_ms, &a->changes->intent,
                         err);
}

/* ---- phases ------------------------------------------------------------------------------ */

static hb_status alter_advance_intents(alter_program *a, hb_task *task, bool *done, hb_err *err) {
    *done = true;
    if (a->need != HB_INTENT_NONE && !a->dry_run) {
        hb_intents_asked asked = { .now_ms = a->now_ms };
        if (a->earlier == NULL) HB_TRY(hb_intents_start(task, a->ws, &asked, &a->earlier, err));
        HB_TRY(hb_intents_advance(a->earlier, done, err));
    }
    return *done ? alter_attach(a, task, err) : HB_OK;
}

static hb_status alter_advance_count(alter_program *a, hb_task *task, bool *done, hb_err *err) {
    if (a->phase == ALTER_ATTACH) {
        *done = alter_is_attached(a);
        if (!*done) return HB_OK;
        HB_TRY(alter_count(a, task, err));
    }
    *done = a->count_job->done;
    if (!*done) return HB_OK;
    const hb_batch batch = hb_rowset_batch(&a->count_job->out);
    a->rows = ((const int64_t *)batch.columns[0].data)[0];
    a->phase = ALTER_CHECK;
    if (a->rows == 0 || !a->plan.reads) return HB_OK;
    a->phase = ALTER_READ;
    const hb_page all = { .limit = HB_NO_LIMIT };
    return hb_page_read(task, a->ws, a->before, &all, &a->run, err);
}

static hb_status alter_advance_check(alter_program *a, hb_task *task, bool *done, hb_err *err) {
    *done = true;
    if (a->phase == ALTER_READ) {
        HB_TRY(hb_run_advance(a->run, done, err));
        if (!*done) return HB_OK;
        HB_TRY(alter_check(a, task, err));
        if (task->done) return HB_OK;
    }
    *done = a->catalog == NULL || hb_fetch_done(a->catalog);
    return HB_OK;
}

static hb_status alter_advance(hb_task *task, hb_err *err) {
    alter_program *a = task->program;
    bool done = true;
    if (a->phase == ALTER_INTENTS) {
        HB_TRY(alter_advance_intents(a, task, &done, err));
        if (!done) return HB_OK;
    }
    if (a->phase == ALTER_ATTACH || a->phase == ALTER_COUNT) {
        HB_TRY(alter_advance_count(a, task, &done, err));
        if (!done) return HB_OK;
    }
    if (a->phase == ALTER_READ || a->phase == ALTER_CHECK) {
        HB_TRY(alter_advance_check(a, task, &done, err));
        if (!done || task->done) return HB_OK;
        if (a->dry_run) return alter_tell(a, a->rows, HB_STR_EMPTY, task, err);
        HB_TRY(alter_start_write(a, task, err));
    }
    HB_TRY(hb_changes_advance(a->changes, &done, err));
    if (!done) return HB_OK;
    hb_entity *after = a->after;
    alter_adopt(a);
    return hb_answer_entity(a->ws, after, task, err);
}

/* ---- starting ---------------------------------------------------------------------------- */

/* params: [confirm, …], the entity's id once more. */
static hb_status alter_check_confirm(const alter_program *a, hb_str params, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(params);
    hb_pack_item list, item;
    hb_str id = a->after->schema->entity_id;
    bool given = hb_pack_next(&reader, &list) && list.tag == HB_PACK_ARRAY && list.count > 0 &&
                 hb_pack_next(&reader, &item) && item.tag == HB_PACK_STR;
    if (given && hb_str_eq(item.s, id)) return HB_OK;
    hb_err_set(err, HB_E_VALIDATION, "altering an entity needs confirm: \"%.*s\"%s", HB_ARG(id),
               given ? ", found another text" : "");
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

static hb_status alter_find(alter_program *a, hb_err *err) {
    hb_str id = a->after->schema->entity_id;
    HB_TRY(hb_entity_by_id(a->ws, id, &a->before, err));
    if (!a->before->system) return hb_definition_refuse(a->ws, a->before, err);
    hb_err_set(err, HB_E_SCHEMA_CONFLICT, "system entity '%.*s' cannot be altered", HB_ARG(id));
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

/* Nothing but words: they are taken over as register does. */
static hb_status alter_words(alter_program *a, hb_task *task, hb_err *err) {
    if (a->plan.diff.words) {
        HB_TRY(hb_entity_persist(a->ws, task, a->after, err));
        HB_TRY(hb_schema_describe(a->before->schema, a->after->schema, err));
        a->ws->revision++;
    }
    return hb_answer_entity(a->ws, a->before, task, err);
}

/* The definition's keeper decides; without one, the source of truth of the rows. */
static hb_status alter_changes(alter_program *a, hb_task *task, hb_err *err) {
    hb_workspace *ws = a->ws;
    const hb_instance *keeper = hb_workspace_keeper(ws);
    const uint32_t home = keeper != NULL ? keeper->order : a->after->routing->home;
    HB_TRY(hb_changes_new(ws, task, a->after->schema->entity_id, home, ws->instance_count * 6,
                          &a->changes, err));
    a->changes->definition = keeper != NULL ? a->after : NULL;
    a->need = hb_intent_needed_for(ws, a->before, a->after,
                                   a->plan.catalog ? ws->entities[HB_ENTITY_CATALOG] : NULL);
    return hb_map_reserve(&ws->by_id, ws->by_id.count + 1) ? HB_OK : hb_err_memory(err);
}

static hb_status alter_start(hb_workspace *ws, hb_task *task, int64_t now_ms, alter_program **out,
                             hb_err *err) {
    alter_program *a = HB_NEW(&task->arena, alter_program);
    if (a == NULL) return hb_err_memory(err);
    a->ws = ws;
    a->now_ms = now_ms;
    a->jobs = HB_NEW_ARRAY(&task->arena, hb_job *, ws->instance_count);
    if (a->jobs == NULL) return hb_err_memory(err);
    task->program = a;
    task->advance = alter_advance;
    task->cleanup = alter_cleanup;
    task->refused = alter_refused;
    *out = a;
    return HB_OK;
}

hb_status hb_alter_replace(hb_workspace *ws, hb_task *task, hb_entity *before, hb_entity *after,
                           int64_t now_ms, hb_err *err) {
    alter_program *a;
    const hb_status status = alter_start(ws, task, now_ms, &a, err);
    if (status != HB_OK) {
        hb_entity_free(ws, after);
        return status;
    }
    a->before = before;
    a->after = after;
    after->index = before->index;
    HB_TRY(hb_alter_plan(ws, before, after, HB_STR_EMPTY, &task->arena, &a->plan, err));
    a->plan.replaces = true;
    return alter_changes(a, task, err);
}

hb_status hb_call_alter(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    alter_program *a;
    HB_TRY(alter_start(ws, task, request->now_ms, &a, err));
    a->dry_run = (request->flags & HB_FLAG_DRY_RUN) != 0;
    HB_TRY(hb_entity_new(ws, request->text, &a->after, err));
    HB_TRY(alter_find(a, err));
    a->after->index = a->before->index;
    /* What lies in params must outlive the request. */
    hb_str params = hb_arena_str(&task->arena, request->params);
    if (params.ptr == NULL) return hb_err_memory(err);
    HB_TRY(hb_alter_plan(ws, a->before, a->after, params, &task->arena, &a->plan, err));
    const bool is_refused = hb_schema_diff_check(&a->plan.diff, err) != HB_OK;
    if (a->dry_run && (params.len == 0 || is_refused || hb_schema_diff_is_empty(&a->plan.diff))) {
        hb_err_init(err);
        return alter_tell(a, -1, HB_STR_EMPTY, task, err);
    }
    if (!a->dry_run) HB_TRY(alter_check_confirm(a, request->params, err));
    if (is_refused) return hb_schema_diff_check(&a->plan.diff, err);
    if (hb_schema_diff_is_empty(&a->plan.diff)) return alter_words(a, task, err);
    return alter_changes(a, task, err);
}
