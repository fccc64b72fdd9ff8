// SPDX-License-Identifier: MIT
#include "workspace/transaction.h"

#include "base/format.h"
#include "workspace/intent.h"

static uint64_t bit(uint32_t backend) {
    return (uint64_t)1 << backend;
}

static hb_instance *instance_at(const hb_changes *changes, uint32_t backend) {
    return changes->ws->instances[backend];
}

static bool has_tx(const hb_changes *changes, uint32_t backend) {
    return instance_at(changes, backend)->type->tx != NULL;
}

hb_status hb_changes_new(hb_workspace *ws, hb_task *task, hb_str entity_id, uint32_t home,
                         uint32_t cap, hb_changes **out, hb_err *err) {
    hb_changes *changes = HB_NEW(&task->arena, hb_changes);
    if (changes == NULL) return hb_err_memory(err);
    changes->items = HB_NEW_ARRAY(&task->arena, hb_change, cap);
    if (changes->items == NULL) return hb_err_memory(err);
    changes->ws = ws;
    changes->task = task;
    changes->entity_id = entity_id;
    changes->home = home;
    changes->cap = cap;
    changes->failed_at = HB_BACKEND_NONE;
    *out = changes;
    return HB_OK;
}

hb_change *hb_changes_add(hb_changes *changes, uint32_t backend, hb_container *container,
                          hb_frag_kind kind) {
    HB_ASSERT(changes->count < changes->cap);
    hb_change *change = &changes->items[changes->count++];
    change->backend = backend;
    change->fragment.kind = kind;
    change->fragment.container = container;
    change->fragment.limit = HB_NO_LIMIT;
    return change;
}

/* ---- one backend ------------------------------------------------------------------------- */

static hb_status refused_by(hb_changes *changes, uint32_t backend, hb_status status, hb_err *err) {
    changes->failed_at = backend;
    hb_err_where(err, changes->entity_id, HB_STR_EMPTY, instance_at(changes, backend)->name);
    return status;
}

hb_status hb_changes_begin(hb_changes *changes, uint32_t backend, hb_err *err) {
    hb_instance *instance = instance_at(changes, backend);
    if (changes->ws->rehearses) return HB_OK; /* what reads needs none, what writes opens it */
    if (instance->type->tx == NULL || (changes->open & bit(backend)) != 0) return HB_OK;
    hb_status status = instance->type->tx(instance, HB_TX_BEGIN, err);
    if (status != HB_OK) return refused_by(changes, backend, status, err);
    changes->open |= bit(backend);
    return HB_OK;
}

/* *done once a backend has committed; until then it is to be called again. */
static hb_status commit(hb_changes *changes, uint32_t backend, bool *done, hb_err *err) {
    hb_instance *instance = instance_at(changes, backend);
    hb_status status = HB_OK;
    if (changes->ws->rehearses) {
        changes->held |= bit(backend);
        *done = true;
        return HB_OK;
    }
    changes->failed_at = backend;
    if (changes->commit == NULL) {
        changes->open &= ~bit(backend);
        status = hb_task_start_commit(changes->task, instance, &changes->commit, err);
        if (status != HB_OK) return refused_by(changes, backend, status, err);
    }
    *done = changes->commit->done;
    if (!*done) return HB_OK;
    changes->commit = NULL;
    changes->failed_at = HB_BACKEND_NONE;
    changes->held |= bit(backend);
    /* What follows elsewhere counts on it, and so does whoever completes the intent. */
    if (changes->intent != NULL) status = hb_instance_flush(instance, err);
    return status == HB_OK ? HB_OK : refused_by(changes, backend, status, err);
}

/* Puts the intent into its keeper, or takes it out, which may fail; *done once that is through. */
static hb_status keep_intent(hb_changes *changes, bool is_put, bool *done, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(changes->ws);
    *done = true;
    if (changes->commit == NULL) {
        if (!keeper->type->local) HB_TRY(keeper->type->tx(keeper, HB_TX_BEGIN, err));
        if (is_put) HB_TRY(hb_intent_put(changes->ws, changes->intent, err));
        if (!is_put) hb_intent_clear(changes->ws, changes->intent);
        if (keeper->type->local) return is_put ? hb_instance_flush(keeper, err) : HB_OK;
        HB_TRY(hb_task_start_commit(changes->task, keeper, &changes->commit, err));
        changes->commit->forgiven = !is_put;
    }
    *done = changes->commit->done;
    if (*done) changes->commit = NULL;
    return HB_OK;
}

/* Runs one fragment; *done when its job is. */
static hb_status run(hb_changes *changes, hb_change *change, bool *done, hb_err *err) {
    if (changes->ws->rehearses) {
        *done = true;
        if (!instance_at(changes, change->backend)->type->local) return HB_OK;
        HB_TRY(hb_rehearsal_open(changes->ws, changes->task, change->backend, err));
    }
    if (change->job == NULL) {
        changes->failed_at = change->backend;
        HB_TRY(hb_changes_begin(changes, change->backend, err));
        HB_TRY(hb_task_start_job(changes->task, instance_at(changes, change->backend),
                                 &change->fragment, &change->job, err));
        changes->failed_at = HB_BACKEND_NONE;
    }
    *done = change->job->done;
    return HB_OK;
}

/* ---- stages ------------------------------------------------------------------------------ */

static void enter(hb_changes *changes, hb_changes_stage stage) {
    changes->stage = stage;
    changes->at = 0;
}

static hb_status advance_prepare(hb_changes *changes, bool *done, hb_err *err) {
    *done = true;
    for (; changes->at < changes->count && *done; changes->at++) {
        hb_change *change = &changes->items[changes->at];
        if (has_tx(changes, change->backend)) HB_TRY(run(changes, change, done, err));
        if (!*done) return HB_OK;
    }
    if (changes->definition != NULL) {
        HB_TRY(hb_changes_begin(changes, changes->home, err));
        HB_TRY(hb_entity_persist_in_tx(changes->ws, changes->definition, err));
    }
    if (changes->intent != NULL && hb_intent_is_atomic(changes->intent)) {
        HB_TRY(hb_intent_put(changes->ws, changes->intent, err));
    }
    enter(changes, HB_CHANGES_HOME);
    return HB_OK;
}

/* Fragments of the home when `of_home`, else of the others. */
static hb_status advance_commits(hb_changes *changes, bool of_home, bool *done, hb_err *err) {
    *done = true;
    /* A home may have no fragment of its own: it only keeps the definition. */
    if (of_home && changes->definition != NULL && (changes->held & bit(changes->home)) == 0 &&
        has_tx(changes, changes->home)) {
        HB_TRY(commit(changes, changes->home, done, err));
        if (!*done) return HB_OK;
    }
    for (; changes->at < changes->count; changes->at++) {
        hb_change *change = &changes->items[changes->at];
        if ((change->backend == changes->home) != of_home) continue;
        if ((changes->held & bit(change->backend)) != 0 && has_tx(changes, change->backend)) {
            continue;
        }
        if (has_tx(changes, change->backend)) {
            HB_TRY(commit(changes, change->backend, done, err));
            if (!*done) return HB_OK;
            continue;
        }
        HB_TRY(run(changes, change, done, err));
        if (!*done) return HB_OK;
        changes->held |= bit(change->backend);
    }
    enter(changes, of_home ? HB_CHANGES_OTHERS : HB_CHANGES_CLEAR);
    return HB_OK;
}

static hb_status advance_stage(hb_changes *changes, bool *done, hb_err *err) {
    *done = true;
    switch (changes->stage) {
    case HB_CHANGES_RECORD:
        if (changes->intent != NULL && !hb_intent_is_atomic(changes->intent)) {
            HB_TRY(keep_intent(changes, true, done, err));
            if (!*done) return HB_OK;
        }
        enter(changes, HB_CHANGES_PREPARE);
        return HB_OK;
    case HB_CHANGES_PREPARE: return advance_prepare(changes, done, err);
    case HB_CHANGES_HOME: return advance_commits(changes, true, done, err);
    case HB_CHANGES_OTHERS: return advance_commits(changes, false, done, err);
    case HB_CHANGES_CLEAR:
        if (changes->intent != NULL) {
            HB_TRY(keep_intent(changes, false, done, err));
            if (!*done) return HB_OK;
        }
        enter(changes, HB_CHANGES_DONE);
        return HB_OK;
    case HB_CHANGES_DONE: break;
    }
    return HB_OK;
}

hb_status hb_changes_advance(hb_changes *changes, bool *done, hb_err *err) {
    *done = changes->stage == HB_CHANGES_DONE;
    while (changes->stage != HB_CHANGES_DONE) {
        hb_status status = advance_stage(changes, done, err);
        if (status != HB_OK) return hb_changes_explain(changes, status, err);
        if (!*done) return HB_OK;
    }
    return HB_OK;
}

/* ---- rehearsing -------------------------------------------------------------------------- */

/* What keeps its rows in memory has to have them before the transaction hides what is on disk. */
static hb_status load(hb_workspace *ws, hb_task *task, uint32_t backend, hb_err *err) {
    for (uint32_t e = 0; e < ws->entity_count; e++) {
        const hb_entity *entity = ws->entities[e];
        if (entity->is_virtual || !entity->ensured) continue;
        if (entity->routing->containers[backend] == NULL) continue;
        hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
        if (fragment == NULL) return hb_err_memory(err);
        fragment->kind = HB_FRAG_COUNT;
        fragment->container = entity->routing->containers[backend];
        fragment->limit = HB_NO_LIMIT;
        hb_job *job;
        HB_TRY(hb_task_start_job(task, ws->instances[backend], fragment, &job, err));
    }
    return HB_OK;
}

hb_status hb_rehearsal_open(hb_workspace *ws, hb_task *task, uint32_t backend, hb_err *err) {
    hb_instance *instance = ws->instances[backend];
    HB_ASSERT(ws->rehearses && instance->type->local);
    if (instance->type->tx == NULL || (ws->rehearsed & bit(backend)) != 0) return HB_OK;
    if (instance->type->check != NULL && !instance->type->caps.check_in_tx) {
        HB_TRY(load(ws, task, backend, err));
    }
    hb_status status = instance->type->tx(instance, HB_TX_BEGIN, err);
    if (status != HB_OK) return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
    ws->rehearsed |= bit(backend);
    return HB_OK;
}

void hb_rehearsal_end(hb_workspace *ws) {
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if ((ws->rehearsed & bit(b)) == 0) continue;
        hb_err ignored; /* a transaction that is not rolled back ends with its connection */
        hb_err_init(&ignored);
        ws->instances[b]->type->tx(ws->instances[b], HB_TX_ROLLBACK, &ignored);
    }
    ws->rehearsed = 0;
    ws->rehearses = false;
}

/* ---- failing ----------------------------------------------------------------------------- */

/* "'main', 'vec'": the backends of the write that do, or do not, hold it. */
static hb_str names_of(const hb_changes *changes, bool held, hb_arena *arena) {
    hb_str names = HB_STR_EMPTY;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < changes->count; i++) {
        uint32_t backend = changes->items[i].backend;
        bool wanted = ((changes->held & bit(backend)) != 0) == held;
        if (!wanted || (seen & bit(backend)) != 0) continue;
        seen |= bit(backend);
        names = hb_arena_printf(arena, "%.*s%s'%.*s'", HB_ARG(names), names.len > 0 ? ", " : "",
                                HB_ARG(instance_at(changes, backend)->name));
        if (names.ptr == NULL) return HB_STR("?");
    }
    return names;
}

static void detail_names(const hb_changes *changes, bool held, hb_buf *json) {
    uint64_t seen = 0;
    hb_buf_add_c(json, held ? "{\"committed\":[" : "],\"pending\":[");
    for (uint32_t i = 0; i < changes->count; i++) {
        uint32_t backend = changes->items[i].backend;
        bool wanted = ((changes->held & bit(backend)) != 0) == held;
        if (!wanted || (seen & bit(backend)) != 0) continue;
        if (seen != 0) hb_buf_add_char(json, ',');
        seen |= bit(backend);
        hb_buf_add_json_str(json, instance_at(changes, backend)->name);
    }
}

/* The rows of the call's own entity: of its first change. */
static uint32_t detail_rows(const hb_changes *changes, const hb_fragment **out) {
    for (uint32_t i = 0; i < changes->count; i++) {
        const hb_fragment *fragment = &changes->items[i].fragment;
        bool own = hb_str_eq(fragment->container->schema->entity_id, changes->entity_id);
        if (!own || (fragment->kind != HB_FRAG_WRITE && fragment->kind != HB_FRAG_DELETE)) continue;
        *out = fragment;
        return fragment->kind == HB_FRAG_WRITE ? fragment->batch->row_count : fragment->ids->count;
    }
    return 0;
}

/* {"committed", "pending": backends, "rows": how many, "ids": the first of them, as many as fit} */
static void detail_write(const hb_changes *changes, hb_err *err) {
    const hb_fragment *fragment = NULL;
    uint32_t rows = detail_rows(changes, &fragment);
    hb_buf json;
    hb_buf_init(&json, changes->ws->mem);
    detail_names(changes, true, &json);
    detail_names(changes, false, &json);
    hb_buf_printf(&json, "],\"rows\":%u,\"ids\":[", (unsigned)rows);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t len = json.len;
        if (i > 0) hb_buf_add_char(&json, ',');
        hb_buf_add_json_str(&json, fragment->kind == HB_FRAG_WRITE
                                       ? hb_column_span(&fragment->batch->columns[0], i)
                                       : fragment->ids->ids[i]);
        if (json.len + 3 <= sizeof(err->detail)) continue;
        json.len = len;
        break;
    }
    hb_buf_add_c(&json, "]}");
    if (!json.failed && json.len < sizeof(err->detail)) {
        memcpy(err->detail, json.ptr, json.len);
        err->detail[json.len] = '\0';
    }
    hb_buf_free(&json);
}

hb_status hb_changes_explain(hb_changes *changes, hb_status status, hb_err *err) {
    bool is_home_held = changes->stage > HB_CHANGES_HOME || changes->held != 0;
    if (!is_home_held || changes->home == HB_BACKEND_NONE || err == NULL) return status;
    hb_err cause = *err;
    hb_str held = names_of(changes, true, &changes->task->arena);
    hb_str lacking = names_of(changes, false, &changes->task->arena);
    hb_err_set(err, HB_E_PARTIAL_WRITE, "committed on %.*s, pending on %.*s (%s: %.160s); %s",
               HB_ARG(held), HB_ARG(lacking), hb_status_name(status), cause.msg,
               changes->intent != NULL
                   ? "its intent is kept: repair(), a write to the same rows or the next open "
                     "completes it"
                   : "no intent is kept for it: audit() shows what differs");
    detail_write(changes, err);
    hb_str backend = hb_str_c(cause.backend);
    if (backend.len == 0 && changes->failed_at != HB_BACKEND_NONE) {
        backend = instance_at(changes, changes->failed_at)->name;
    }
    hb_format(err->native, sizeof(err->native), "%s", cause.native);
    return hb_err_where(err, changes->entity_id, HB_STR_EMPTY, backend);
}

void hb_changes_end(hb_changes *changes) {
    if (changes == NULL) return;
    for (uint32_t b = 0; b < changes->ws->instance_count; b++) {
        if ((changes->open & bit(b)) == 0) continue;
        hb_instance *instance = instance_at(changes, b);
        hb_err ignored; /* the call's own error is what the caller hears of */
        hb_err_init(&ignored);
        instance->type->tx(instance, HB_TX_ROLLBACK, &ignored);
    }
    changes->open = 0;
    /* A remote home may hold the write although its answer never came: then the intent stays. */
    if (changes->intent == NULL || hb_intent_is_atomic(changes->intent)) return;
    bool is_untouched = changes->stage < HB_CHANGES_HOME ||
                        (changes->stage == HB_CHANGES_HOME && changes->held == 0 &&
                         instance_at(changes, changes->home)->type->local);
    if (is_untouched) hb_intent_clear(changes->ws, changes->intent);
}
