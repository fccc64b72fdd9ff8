// SPDX-License-Identifier: MIT
/* drop, flush and refresh: something on every backend.
 *
 * A drop clears every container inside a transaction of its backend, and takes the definitions out
 * of their keeper with the keeper's own. The keeper commits first: from then on the workspace is
 * dropped. Where other backends outlive the process too, the definitions stay beside under other
 * names until those have committed, so that opening can clear what a dead process left behind;
 * registering the entity again must not bring its rows back. */
#include "workspace/workspace.h"

typedef struct sweep_program {
    hb_workspace *ws;
    uint64_t open;              /* drop: backends with an open transaction */
    bool committed;             /* drop: by the keeper */
} sweep_program;

hb_status hb_sweep_entity(hb_workspace *ws, hb_task *task, hb_entity *entity, hb_frag_kind kind,
                          uint32_t only_backend, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        bool wanted = only_backend == HB_BACKEND_NONE || only_backend == b;
        if (entity->routing->containers[b] == NULL || !wanted) continue;
        hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
        if (fragment == NULL) return hb_err_memory(err);
        fragment->kind = kind;
        fragment->everything = true;
        fragment->container = entity->routing->containers[b];
        hb_job *job;
        HB_TRY(hb_task_start_job(task, hb_entity_instances(ws, entity)[b], fragment, &job, err));
    }
    return HB_OK;
}

static bool sweep_is_done(const hb_task *task) {
    for (const hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        if (!entry->job.done) return false;
    }
    return true;
}

/* ---- drop -------------------------------------------------------------------------------- */

static hb_status drop_commit(sweep_program *s, uint32_t backend, hb_err *err) {
    hb_instance *instance = s->ws->instances[backend];
    if ((s->open >> backend & 1) == 0) return HB_OK;
    s->open &= ~((uint64_t)1 << backend);
    hb_status status = hb_instance_commit(instance, err);
    if (status != HB_OK) hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
    return status;
}

static hb_status drop_finish(sweep_program *s, hb_task *task, hb_err *err) {
    hb_workspace *ws = s->ws;
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper != NULL) {
        HB_TRY(hb_drop_definitions(ws, keeper, task, err));
        HB_TRY(drop_commit(s, keeper->order, err));
    }
    s->committed = keeper != NULL;
    ws->dropped = true;
    ws->drop_left = true;
    for (uint32_t b = 0; b < ws->instance_count; b++) HB_TRY(drop_commit(s, b, err));
    if (keeper != NULL) HB_TRY(hb_drop_forget(keeper, &task->arena, err));
    ws->drop_left = false;
    task->done = true;
    return HB_OK;
}

static hb_status drop_advance(hb_task *task, hb_err *err) {
    sweep_program *s = task->program;
    if (!sweep_is_done(task)) return HB_OK;
    hb_status status = drop_finish(s, task, err);
    if (status == HB_OK || !s->committed || err == NULL) return status;
    hb_err cause = *err;
    hb_err_set(err, HB_E_PARTIAL_WRITE,
               "the workspace is dropped, but '%s' still has its rows (%s: %.160s); drop() once "
               "more or opening it again clears them",
               cause.backend, hb_status_name(status), cause.msg);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, hb_str_c(cause.backend));
}

static void drop_cleanup(hb_task *task, bool failed) {
    sweep_program *s = task->program;
    (void)failed;
    for (uint32_t b = 0; b < s->ws->instance_count; b++) {
        if ((s->open >> b & 1) == 0) continue;
        hb_err ignored;     /* the call's own error is what the caller hears of */
        hb_err_init(&ignored);
        s->ws->instances[b]->type->tx(s->ws->instances[b], HB_TX_ROLLBACK, &ignored);
    }
}

static hb_status drop_begin(sweep_program *s, hb_err *err) {
    for (uint32_t b = 0; b < s->ws->instance_count; b++) {
        hb_instance *instance = s->ws->instances[b];
        if (instance->type->tx == NULL) continue;
        if (instance->type->tx(instance, HB_TX_BEGIN, err) != HB_OK) {
            return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
        }
        s->open |= (uint64_t)1 << b;
    }
    return HB_OK;
}

hb_status hb_call_drop(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    sweep_program *s = HB_NEW(&task->arena, sweep_program);
    if (s == NULL) return hb_err_memory(err);
    s->ws = ws;
    task->program = s;
    task->advance = drop_advance;
    task->cleanup = drop_cleanup;
    if (ws->dropped && !ws->drop_left) {
        task->done = true;      /* dropping twice is dropping once */
        return HB_OK;
    }
    HB_TRY(drop_begin(s, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->ensured) continue;
        HB_TRY(hb_sweep_entity(ws, task, ws->entities[i], HB_FRAG_CLEAR, HB_BACKEND_NONE, err));
    }
    return HB_OK;
}

static hb_status finish_at_once(hb_task *task, hb_err *err) {
    (void)err;
    task->done = true;
    return HB_OK;
}

/* ---- flush ------------------------------------------------------------------------------- */

hb_status hb_call_flush(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    task->advance = finish_at_once;
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if (hb_instance_flush(ws->instances[b], err) == HB_OK) continue;
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, ws->instances[b]->name);
    }
    return HB_OK;
}

/* ---- refresh ------------------------------------------------------------------------------ */

static hb_status refresh_advance(hb_task *task, hb_err *err) {
    (void)err;
    task->done = sweep_is_done(task);
    return HB_OK;
}

static hb_status refresh_backend(const hb_workspace *ws, hb_str name, uint32_t *out, hb_err *err) {
    hb_str names[HB_BACKENDS_MAX];
    *out = HB_BACKEND_NONE;
    if (name.len == 0) return HB_OK;
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        names[b] = ws->instances[b]->name;
        if (hb_str_eq(names[b], name)) {
            *out = b;
            return HB_OK;
        }
    }
    hb_err_set(err, HB_E_UNKNOWN_BACKEND, "unknown backend '%.*s'", HB_ARG(name));
    return hb_err_hint(err, name, names, ws->instance_count);
}

hb_status hb_call_refresh(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = refresh_advance;
    uint32_t backend;
    HB_TRY(refresh_backend(ws, request->text, &backend, err));
    HB_TRY(hb_definitions_reload(ws, true, err));
    hb_entity *only = NULL;
    if (request->entity != HB_ENTITY_NONE) HB_TRY(hb_entity_get(ws, request->entity, &only, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        hb_entity *entity = ws->entities[i];
        if ((only != NULL && entity != only) || !entity->ensured || entity->is_virtual) continue;
        HB_TRY(hb_sweep_entity(ws, task, entity, HB_FRAG_REFRESH, backend, err));
    }
    return HB_OK;
}
