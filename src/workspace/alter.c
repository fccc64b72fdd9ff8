// SPDX-License-Identifier: MIT
/* alter: another structure of an entity, with its rows kept.
 *
 *   ATTACH   the old containers, and count the rows, inside a transaction of each engine: were they
 *            attached later, they would bring back what the new structure has not
 *   ENSURE   the containers of the new structure
 *   COUNT    rows in each of them: an engine whose containers are its data begins empty, one that
 *            finds its table again has the rows already
 *   READ     the rows by the old structure, when something is to be filled or compared
 *   CHECK    unique constraints that no engine enforces, and the Catalog rows there are
 *   WRITE    whole rows where they are missing or have a new default
 *   commit   the keeper of definitions last: until then the old structure holds
 * A failure anywhere leaves rows, containers and definition as they were. */
#include "value/schema_diff.h"
#include "workspace/workspace.h"

typedef enum alter_phase {
    ALTER_ATTACH,
    ALTER_HOME,
    ALTER_ENSURE,
    ALTER_COUNT,
    ALTER_READ,
    ALTER_CHECK,
    ALTER_WRITE
} alter_phase;

typedef struct alter_program {
    hb_workspace *ws;
    hb_entity *before;
    hb_entity *after;           /* owned until it is in the registry */
    hb_schema_diff diff;
    int64_t now_ms;
    alter_phase phase;
    hb_job **jobs;              /* by backend, of the phase under way */
    hb_job *home_job;           /* how many rows: COUNT of the old home */
    bool *fill;                 /* by backend: its container gets whole rows */
    hb_run *run;
    hb_column *columns;         /* the rows, full schema of `after` */
    uint32_t row_count;
    hb_unique *unique;
    hb_fetch *catalog;          /* NULL: no Catalog row changes */
    hb_fragment *writes;
    uint32_t *write_backends;
    uint32_t write_count, write_at;
    hb_job *write_job;
    uint64_t in_transaction;    /* bit per backend index */
} alter_program;

/* ---- transactions ---------------------------------------------------------------------- */

static hb_status alter_begin(alter_program *a, uint32_t backend, hb_err *err) {
    hb_instance *instance = a->ws->instances[backend];
    if (instance->type->tx == NULL || (a->in_transaction >> backend & 1) != 0) return HB_OK;
    HB_TRY(instance->type->tx(instance, HB_TX_BEGIN, err));
    a->in_transaction |= (uint64_t)1 << backend;
    return HB_OK;
}

static hb_status alter_begin_all(alter_program *a, hb_err *err) {
    const hb_instance *keeper = hb_workspace_keeper(a->ws);
    const hb_routing *catalog = a->ws->entities[HB_ENTITY_CATALOG]->routing;
    for (uint32_t b = 0; b < a->ws->instance_count; b++) {
        bool used = a->after->routing->containers[b] != NULL || catalog->containers[b] != NULL ||
                    a->ws->instances[b] == keeper;
        if (used) HB_TRY(alter_begin(a, b, err));
    }
    return HB_OK;
}

static hb_status alter_commit_one(alter_program *a, uint32_t backend, hb_err *err) {
    if ((a->in_transaction >> backend & 1) == 0) return HB_OK;
    a->in_transaction &= ~((uint64_t)1 << backend);
    return a->ws->instances[backend]->type->tx(a->ws->instances[backend], HB_TX_COMMIT, err);
}

static hb_status alter_commit(alter_program *a, hb_err *err) {
    const hb_instance *keeper = hb_workspace_keeper(a->ws);
    for (uint32_t b = 0; b < a->ws->instance_count; b++) {
        if (a->ws->instances[b] != keeper) HB_TRY(alter_commit_one(a, b, err));
    }
    return keeper != NULL ? alter_commit_one(a, keeper->order, err) : HB_OK;
}

static void alter_cleanup(hb_task *task, bool failed) {
    alter_program *a = task->program;
    (void)failed;
    for (uint32_t b = 0; b < a->ws->instance_count; b++) {
        if ((a->in_transaction >> b & 1) == 0) continue;
        hb_err ignored;     /* the call's own error is what the caller hears of */
        hb_err_init(&ignored);
        a->ws->instances[b]->type->tx(a->ws->instances[b], HB_TX_ROLLBACK, &ignored);
    }
    hb_entity_free(a->ws, a->after);
}

/* ---- jobs on the containers ------------------------------------------------------------ */

static hb_status alter_job(alter_program *a, hb_task *task, hb_frag_kind kind,
                           hb_container *container, uint32_t backend, hb_job **out, hb_err *err) {
    hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = kind;
    fragment->container = container;
    fragment->limit = HB_NO_LIMIT;
    return hb_task_start_job(task, a->ws->instances[backend], fragment, out, err);
}

static hb_status alter_jobs(alter_program *a, hb_task *task, const hb_entity *entity,
                            hb_frag_kind kind, hb_err *err) {
    const hb_routing *routing = entity->routing;
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        a->jobs[b] = NULL;
        if (routing->containers[b] == NULL) continue;
        HB_TRY(alter_job(a, task, kind, routing->containers[b], b, &a->jobs[b], err));
    }
    return HB_OK;
}

static bool alter_jobs_done(const alter_program *a) {
    for (uint32_t b = 0; b < a->after->routing->backend_count; b++) {
        if (a->jobs[b] != NULL && !a->jobs[b]->done) return false;
    }
    return true;
}

static int64_t alter_counted(hb_job *job) {
    const hb_batch batch = hb_rowset_batch(&job->out);
    return ((const int64_t *)batch.columns[0].data)[0];
}

/* ---- what is to be filled -------------------------------------------------------------- */

static bool alter_is_added(const alter_program *a, uint32_t field) {
    for (uint32_t i = 0; i < a->diff.added_count; i++) {
        if (a->diff.added[i] == field) return true;
    }
    return false;
}

static bool alter_has_new_default(const alter_program *a, const hb_container *container) {
    const hb_schema *schema = a->after->schema;
    for (uint32_t i = 1; i < container->field_count; i++) {
        const hb_field *field = &schema->fields[container->fields[i].field];
        if (field->has_default && field->def.kind != HB_KIND_NULL &&
            alter_is_added(a, container->fields[i].field)) {
            return true;
        }
    }
    return false;
}

static bool alter_has_new_unique(const alter_program *a) {
    if (a->diff.uniques) return true;
    for (uint32_t i = 0; i < a->diff.change_count; i++) {
        if ((a->diff.changed[i].what & HB_CHANGE_UNIQUE) != 0) return true;
    }
    for (uint32_t i = 0; i < a->diff.added_count; i++) {
        if (a->after->schema->fields[a->diff.added[i]].unique) return true;
    }
    return false;
}

/* A new default that shows in the Catalog. */
static bool alter_shows_in_catalog(const alter_program *a) {
    const hb_schema *catalog = a->ws->entities[HB_ENTITY_CATALOG]->schema;
    for (uint32_t i = 0; a->ws->catalog && i < a->diff.added_count; i++) {
        const hb_field *field = &a->after->schema->fields[a->diff.added[i]];
        uint32_t twin = hb_schema_find(catalog, field->name);
        if (field->has_default && twin != HB_FIELD_NONE &&
            hb_type_eq(field->type, catalog->fields[twin].type)) {
            return true;
        }
    }
    return false;
}

/* Starts reading, unless the rows need nothing. */
static hb_status alter_settle(alter_program *a, hb_task *task, hb_err *err) {
    const hb_routing *routing = a->after->routing;
    bool any = false;
    int64_t rows = alter_counted(a->home_job);
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        if (routing->containers[b] == NULL || rows == 0) continue;
        a->fill[b] =
            alter_counted(a->jobs[b]) == 0 || alter_has_new_default(a, routing->containers[b]);
        any = any || a->fill[b];
    }
    if (rows == 0 || (!any && !alter_has_new_unique(a))) {
        a->phase = ALTER_WRITE;
        return HB_OK;
    }
    a->phase = ALTER_READ;
    const hb_plan *plan;
    HB_TRY(hb_workspace_plan_all(a->ws, a->before, NULL, 0, task, &plan, err));
    return hb_run_new(task, plan, a->ws->instances, &a->run, err);
}

/* The rows in the shape of the new structure: what is new has its default. */
static hb_status alter_columns(alter_program *a, hb_task *task, hb_err *err) {
    const hb_schema *schema = a->after->schema;
    const hb_batch *batch = &hb_run_result_get(a->run)->batch;
    a->row_count = batch->row_count;
    a->columns = HB_NEW_ARRAY(&task->arena, hb_column, schema->field_count);
    if (a->columns == NULL) return hb_err_memory(err);
    for (uint32_t f = 0; f < schema->field_count; f++) {
        const hb_field *field = &schema->fields[f];
        int at = hb_batch_find(batch, field->name);
        if (at >= 0 && batch->columns[at].kind == field->kind) {
            a->columns[f] = batch->columns[at];
            a->columns[f].name = field->name;
            continue;
        }
        hb_value none = { .kind = HB_KIND_NULL };
        bool filled = field->has_default && alter_is_added(a, f);
        HB_TRY(hb_columns_constant(field, filled ? &field->def : &none, a->row_count, &task->arena,
                                   &a->columns[f], err));
    }
    return HB_OK;
}

static hb_status alter_start_catalog(alter_program *a, hb_task *task, hb_err *err) {
    hb_str *ids = hb_arena_array(&task->arena, a->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < a->row_count; i++) {
        HB_TRY(hb_catalog_id(a->ws, a->after->schema->entity_id,
                             hb_column_span(&a->columns[HB_FIELD_OBJECT_ID], i), &task->arena,
                             &ids[i], err));
    }
    hb_ids wanted = { ids, a->row_count };
    return hb_fetch_start(task, a->ws, a->ws->entities[HB_ENTITY_CATALOG], &wanted, NULL, 0,
                          &a->catalog, err);
}

static hb_status alter_start_check(alter_program *a, hb_task *task, hb_err *err) {
    a->phase = ALTER_CHECK;
    HB_TRY(alter_columns(a, task, err));
    if (alter_shows_in_catalog(a)) HB_TRY(alter_start_catalog(a, task, err));
    if (!alter_has_new_unique(a)) return HB_OK;
    return hb_unique_start(task, a->ws, a->after, a->columns, a->row_count, &a->unique, err);
}

/* ---- writing --------------------------------------------------------------------------- */

static hb_status alter_add_write(alter_program *a, hb_task *task, const hb_entity *entity,
                                 uint32_t backend, const hb_column *columns, hb_err *err) {
    hb_fragment *fragment = &a->writes[a->write_count];
    a->write_backends[a->write_count++] = backend;
    fragment->kind = HB_FRAG_WRITE;
    fragment->container = entity->routing->containers[backend];
    fragment->limit = HB_NO_LIMIT;
    return hb_columns_for_container(fragment->container, columns, a->row_count, &task->arena,
                                    &fragment->batch, err);
}

static hb_status alter_plan_catalog(alter_program *a, hb_task *task, hb_err *err) {
    const hb_entity *catalog = a->ws->entities[HB_ENTITY_CATALOG];
    const hb_column *current;
    const uint32_t *found;
    uint32_t count;
    hb_column *rows;
    HB_TRY(hb_fetch_take(a->catalog, &current, &count, &found, err));
    HB_TRY(hb_catalog_rows(a->ws, a->after, a->columns, a->row_count, a->now_ms, &task->arena,
                           &rows, err));
    HB_TRY(hb_catalog_keep(a->ws, rows, a->row_count, current, found, &task->arena, err));
    for (uint32_t b = 0; b < catalog->routing->backend_count; b++) {
        if (catalog->routing->containers[b] == NULL) continue;
        HB_TRY(alter_add_write(a, task, catalog, b, rows, err));
    }
    return HB_OK;
}

static hb_status alter_plan_writes(alter_program *a, hb_task *task, hb_err *err) {
    const hb_routing *routing = a->after->routing;
    size_t most = (size_t)routing->backend_count * 2;
    a->phase = ALTER_WRITE;
    a->writes = HB_NEW_ARRAY(&task->arena, hb_fragment, most);
    a->write_backends = HB_NEW_ARRAY(&task->arena, uint32_t, most);
    if (a->writes == NULL || a->write_backends == NULL) return hb_err_memory(err);
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        if (a->fill[b]) HB_TRY(alter_add_write(a, task, a->after, b, a->columns, err));
    }
    return a->catalog != NULL ? alter_plan_catalog(a, task, err) : HB_OK;
}

/* The answer is made before the commit, so that nothing can fail between it and the registry. */
static hb_status alter_finish(alter_program *a, hb_task *task, hb_err *err) {
    hb_entity *after = a->after;
    after->index = a->before->index;
    if (!hb_map_reserve(&a->ws->by_id, a->ws->by_id.count + 1)) return hb_err_memory(err);
    HB_TRY(hb_entity_persist(a->ws, after, err));
    HB_TRY(hb_answer_entity(a->ws, after, task, err));
    hb_status status = alter_commit(a, err);
    if (status == HB_OK) status = hb_entity_add(a->ws, after, a->before, err);
    if (status != HB_OK) {
        task->done = false;
        return status;
    }
    a->after = NULL;
    after->ensured = true;
    hb_entity_free(a->ws, a->before);
    return HB_OK;
}

/* The phases about containers; *done when the rows are what comes next. */
static hb_status alter_advance_containers(alter_program *a, hb_task *task, bool *done,
                                          hb_err *err) {
    *done = false;
    if (a->phase == ALTER_ATTACH) {
        uint32_t home = a->before->routing->home;
        if (!alter_jobs_done(a)) return HB_OK;
        a->phase = ALTER_HOME;
        HB_TRY(alter_job(a, task, HB_FRAG_COUNT, a->before->routing->containers[home], home,
                         &a->home_job, err));
    }
    if (a->phase == ALTER_HOME) {
        if (!a->home_job->done) return HB_OK;
        a->phase = ALTER_ENSURE;
        HB_TRY(alter_jobs(a, task, a->after, HB_FRAG_ENSURE, err));
    }
    if (a->phase == ALTER_ENSURE) {
        if (!alter_jobs_done(a)) return HB_OK;
        a->phase = ALTER_COUNT;
        HB_TRY(alter_jobs(a, task, a->after, HB_FRAG_COUNT, err));
    }
    if (a->phase == ALTER_COUNT) {
        if (!alter_jobs_done(a)) return HB_OK;
        HB_TRY(alter_settle(a, task, err));
    }
    *done = true;
    return HB_OK;
}

static hb_status alter_advance(hb_task *task, hb_err *err) {
    alter_program *a = task->program;
    bool done;
    HB_TRY(alter_advance_containers(a, task, &done, err));
    if (!done) return HB_OK;
    if (a->phase == ALTER_READ) {
        HB_TRY(hb_run_advance(a->run, &done, err));
        if (!done) return HB_OK;
        HB_TRY(alter_start_check(a, task, err));
    }
    if (a->phase == ALTER_CHECK) {
        if (a->unique != NULL) HB_TRY(hb_unique_advance(a->unique, &done, err));
        if (!done || (a->catalog != NULL && !hb_fetch_done(a->catalog))) return HB_OK;
        HB_TRY(alter_plan_writes(a, task, err));
    }
    while (a->write_at < a->write_count) {
        if (a->write_job == NULL) {
            uint32_t backend = a->write_backends[a->write_at];
            HB_TRY(hb_task_start_job(task, a->ws->instances[backend], &a->writes[a->write_at],
                                     &a->write_job, err));
        }
        if (!a->write_job->done) return HB_OK;
        a->write_job = NULL;
        a->write_at++;
    }
    return alter_finish(a, task, err);
}

/* ---- the plan as an answer ------------------------------------------------------------- */

static hb_status plan_answer(alter_program *a, hb_task *task, hb_err *err) {
    hb_err reason;
    hb_err_init(&reason);
    bool ok = hb_schema_diff_check(&a->diff, &reason) == HB_OK;
    hb_buf pack, json;
    hb_buf_init(&pack, a->ws->mem);
    hb_buf_init(&json, a->ws->mem);
    hb_pack_map(&pack, HB_DIFF_PAIRS + 3);
    hb_pack_str(&pack, HB_STR("entity"));
    hb_pack_str(&pack, a->after->schema->entity_id);
    hb_pack_str(&pack, HB_STR("ok"));
    hb_pack_bool(&pack, ok);
    hb_pack_str(&pack, HB_STR("same"));
    hb_pack_bool(&pack, hb_schema_diff_is_empty(&a->diff));
    hb_status status = hb_schema_diff_write(&a->diff, &task->arena, &pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    hb_buf_free(&pack);
    return status;
}

/* ---- starting -------------------------------------------------------------------------- */

/* params: [confirm], the entity's id once more. */
static hb_status alter_check_confirm(const alter_program *a, hb_str params, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(params);
    hb_pack_item list, item;
    hb_str id = a->after->schema->entity_id;
    bool given = hb_pack_next(&reader, &list) && list.tag == HB_PACK_ARRAY && list.count == 1 &&
                 hb_pack_next(&reader, &item) && item.tag == HB_PACK_STR;
    if (given && hb_str_eq(item.s, id)) return HB_OK;
    hb_err_set(err, HB_E_VALIDATION, "altering an entity needs confirm: \"%.*s\"%s", HB_ARG(id),
               given ? ", found another text" : "");
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

static hb_status alter_check(alter_program *a, const hb_request *request, hb_err *err) {
    hb_str id = a->after->schema->entity_id;
    HB_TRY(hb_entity_by_id(a->ws, id, &a->before, err));
    if (!a->before->system) return HB_OK;
    (void)request;
    hb_err_set(err, HB_E_SCHEMA_CONFLICT, "system entity '%.*s' cannot be altered", HB_ARG(id));
    return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
}

/* Nothing but words: they are taken over as register does. */
static hb_status alter_words(alter_program *a, hb_task *task, hb_err *err) {
    if (a->diff.words) {
        HB_TRY(hb_entity_persist(a->ws, a->after, err));
        HB_TRY(hb_schema_describe(a->before->schema, a->after->schema, err));
        a->ws->revision++;
    }
    return hb_answer_entity(a->ws, a->before, task, err);
}

hb_status hb_call_alter(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    alter_program *a = HB_NEW(&task->arena, alter_program);
    if (a == NULL) return hb_err_memory(err);
    a->ws = ws;
    a->now_ms = request->now_ms;
    task->program = a;
    task->advance = alter_advance;
    task->cleanup = alter_cleanup;
    a->jobs = HB_NEW_ARRAY(&task->arena, hb_job *, ws->instance_count);
    a->fill = HB_NEW_ARRAY(&task->arena, bool, ws->instance_count);
    if (a->jobs == NULL || a->fill == NULL) return hb_err_memory(err);
    HB_TRY(hb_entity_new(ws, request->text, &a->after, err));
    HB_TRY(alter_check(a, request, err));
    HB_TRY(hb_schema_diff_make(a->before->schema, a->after->schema, &task->arena, &a->diff, err));
    if ((request->flags & HB_FLAG_DRY_RUN) != 0) return plan_answer(a, task, err);
    HB_TRY(alter_check_confirm(a, request->params, err));
    HB_TRY(hb_schema_diff_check(&a->diff, err));
    if (hb_schema_diff_is_empty(&a->diff)) return alter_words(a, task, err);
    HB_TRY(alter_begin_all(a, err));
    return alter_jobs(a, task, a->before, HB_FRAG_ENSURE, err);
}
