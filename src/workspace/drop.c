// SPDX-License-Identifier: MIT
/* drop, flush and refresh: something on every backend.
 *
 * A drop clears every container inside a transaction of its backend, and takes the definitions out
 * of their keeper with the keeper's own. The keeper commits first: from then on the workspace is
 * dropped. Where other backends outlive the process too, the definitions stay beside under other
 * names until those have committed, so that opening can clear what a dead process left behind;
 * registering the entity again must not bring its rows back. */
#include "workspace/workspace.h"

typedef struct drop_program {
    hb_workspace *ws;
    enum { DROP_CLEAR, DROP_KEEPER, DROP_OTHERS, DROP_FORGET } phase;
    uint64_t open;              /* backends with an open transaction */
    bool committed;             /* by the keeper */
} drop_program;

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

/* ---- drop -------------------------------------------------------------------------------- */

/* The keeper has committed, whatever fails from now on. */
static void kept(drop_program *d) {
    d->committed = d->ws->dropped = d->ws->drop_left = true;
}

static hb_status drop_commit(drop_program *d, hb_task *task, uint32_t backend, hb_err *err) {
    hb_instance *instance = d->ws->instances[backend];
    if ((d->open >> backend & 1) == 0) return HB_OK;
    d->open &= ~((uint64_t)1 << backend);
    hb_job *commit;
    hb_status status = hb_task_start_commit(task, instance, &commit, err);
    if (status == HB_OK && commit->done && instance == hb_workspace_keeper(d->ws)) kept(d);
    if (status == HB_OK) status = hb_instance_flush(instance, err);
    if (status != HB_OK) hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
    return status;
}

/* What the keeper still has of it goes too; of a remote one by a commit. */
static hb_status drop_forget(drop_program *d, hb_instance *keeper, hb_task *task, hb_err *err) {
    if (keeper->type->local) return hb_drop_forget(keeper, &task->arena, err);
    HB_TRY(keeper->type->tx(keeper, HB_TX_BEGIN, err));
    d->open |= (uint64_t)1 << keeper->order;
    HB_TRY(hb_drop_forget(keeper, &task->arena, err));
    return drop_commit(d, task, keeper->order, err);
}

static hb_status drop_next(drop_program *d, hb_task *task, hb_err *err) {
    hb_workspace *ws = d->ws;
    hb_instance *keeper = hb_workspace_keeper(ws);
    switch (d->phase) {
    case DROP_CLEAR:
        if (keeper != NULL) {
            HB_TRY(hb_drop_definitions(ws, keeper, task, err));
            HB_TRY(drop_commit(d, task, keeper->order, err));
        }
        d->phase = DROP_KEEPER;
        return HB_OK;
    case DROP_KEEPER:
        kept(d);
        d->committed = keeper != NULL;
        for (uint32_t b = 0; b < ws->instance_count; b++) HB_TRY(drop_commit(d, task, b, err));
        d->phase = DROP_OTHERS;
        return HB_OK;
    case DROP_OTHERS:
        if (keeper != NULL) HB_TRY(drop_forget(d, keeper, task, err));
        d->phase = DROP_FORGET;
        return HB_OK;
    case DROP_FORGET: break;
    }
    ws->drop_left = false;
    task->done = true;
    return HB_OK;
}

/* `status` names what refused: said anew once the keeper has committed. */
static hb_status drop_explain(hb_task *task, hb_status status, hb_err *err) {
    const drop_program *d = task->program;
    if (!d->committed || err == NULL) return status;
    hb_err cause = *err;
    hb_err_set(err, HB_E_PARTIAL_WRITE,
               "the workspace is dropped, but '%s' still has its rows (%s: %.160s); drop() once "
               "more or opening it again clears them",
               cause.backend, hb_status_name(status), cause.msg);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, hb_str_c(cause.backend));
}

static hb_status drop_advance(hb_task *task, hb_err *err) {
    while (task->pending == 0 && !task->done) {
        hb_status status = drop_next(task->program, task, err);
        if (status != HB_OK) return drop_explain(task, status, err);
    }
    return HB_OK;
}

static void drop_cleanup(hb_task *task, bool failed) {
    drop_program *d = task->program;
    (void)failed;
    for (uint32_t b = 0; b < d->ws->instance_count; b++) {
        if ((d->open >> b & 1) == 0) continue;
        hb_err ignored;     /* the call's own error is what the caller hears of */
        hb_err_init(&ignored);
        d->ws->instances[b]->type->tx(d->ws->instances[b], HB_TX_ROLLBACK, &ignored);
    }
}

static hb_status drop_begin(drop_program *d, hb_err *err) {
    for (uint32_t b = 0; b < d->ws->instance_count; b++) {
        hb_instance *instance = d->ws->instances[b];
        if (instance->type->tx == NULL) continue;
        if (instance->type->tx(instance, HB_TX_BEGIN, err) != HB_OK) {
            return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
        }
        d->open |= (uint64_t)1 << b;
    }
    return HB_OK;
}

hb_status hb_call_drop(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    drop_program *d = HB_NEW(&task->arena, drop_program);
    if (d == NULL) return hb_err_memory(err);
    d->ws = ws;
    task->program = d;
    task->advance = drop_advance;
    task->cleanup = drop_cleanup;
    task->refused = drop_explain;
    if (ws->dropped && !ws->drop_left) {
        task->done = true;      /* dropping twice is dropping once */
        return HB_OK;
    }
    HB_TRY(drop_begin(d, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->ensured) continue;
        HB_TRY(hb_sweep_entity(ws, task, ws->entities[i], HB_FRAG_CLEAR, HB_BACKEND_NONE, err));
    }
    return HB_OK;
}

/* ---- flush ------------------------------------------------------------------------------- */

hb_status hb_call_flush(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    task->advance = hb_task_finish;
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if (hb_instance_flush(ws->instances[b], err) == HB_OK) continue;
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, ws->instances[b]->name);
    }
    return HB_OK;
}

/* ---- refresh ------------------------------------------------------------------------------ */

typedef struct refresh_program {
    hb_workspace *ws;
    uint32_t entity, backend;   /* HB_ENTITY_NONE, HB_BACKEND_NONE: all */
    bool looked;                /* at the keeper */
} refresh_program;

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

static hb_status refresh_entities(const refresh_program *r, hb_task *task, hb_err *err) {
    hb_workspace *ws = r->ws;
    hb_entity *only = NULL;
    HB_TRY(hb_definitions_reload(ws, true, err));
    if (r->entity != HB_ENTITY_NONE) HB_TRY(hb_entity_get(ws, r->entity, &only, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        hb_entity *entity = ws->entities[i];
        if ((only != NULL && entity != only) || !entity->ensured || entity->is_virtual) continue;
        HB_TRY(hb_sweep_entity(ws, task, entity, HB_FRAG_REFRESH, r->backend, err));
    }
    return HB_OK;
}

static hb_status refresh_advance(hb_task *task, hb_err *err) {
    refresh_program *r = task->program;
    if (task->pending > 0) return HB_OK;
    if (!r->looked) HB_TRY(refresh_entities(r, task, err));
    r->looked = true;
    task->done = true;
    return HB_OK;
}

hb_status hb_call_refresh(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    refresh_program *r = HB_NEW(&task->arena, refresh_program);
    if (r == NULL) return hb_err_memory(err);
    r->ws = ws;
    r->entity = request->entity;
    task->program = r;
    task->advance = refresh_advance;
    HB_TRY(refresh_backend(ws, request->text, &r->backend, err));
    return hb_keeper_look(ws, task, err);
}
