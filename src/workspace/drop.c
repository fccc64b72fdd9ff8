// SPDX-License-Identifier: MIT
/* drop and refresh: fragments on every container. */
#include "workspace/workspace.h"

typedef struct sweep_program {
    hb_workspace *ws;
    bool drop;
} sweep_program;

static hb_status sweep_entity(hb_workspace *ws, hb_task *task, hb_entity *entity, hb_frag_kind kind,
                              uint32_t only_backend, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        bool wanted = only_backend == HB_BACKEND_NONE || only_backend == b;
        if (entity->routing->containers[b] == NULL || !wanted) continue;
        hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
        if (fragment == NULL) return hb_err_memory(err);
        fragment->kind = kind;
        fragment->container = entity->routing->containers[b];
        hb_job *job;
        HB_TRY(hb_task_start_job(task, hb_entity_instances(ws, entity)[b], fragment, &job, err));
    }
    return HB_OK;
}

/* Forgets the kept definitions. */
static hb_status drop_definitions(hb_workspace *ws, hb_task *task, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_OK;
    hb_str *keys;
    uint32_t count;
    HB_TRY(keeper->type->meta_list(keeper, HB_STR_EMPTY, &task->arena, &keys, &count, err));
    for (uint32_t i = 0; i < count; i++) HB_TRY(keeper->type->meta_delete(keeper, keys[i], err));
    return HB_OK;
}

static hb_status sweep_advance(hb_task *task, hb_err *err) {
    sweep_program *s = task->program;
    for (const hb_task_job *entry = task->jobs; entry != NULL; entry = entry->next) {
        if (!entry->job.done) return HB_OK;
    }
    if (s->drop) {
        HB_TRY(drop_definitions(s->ws, task, err));
        s->ws->dropped = true;
    }
    task->done = true;
    return HB_OK;
}

static hb_status sweep_new(hb_workspace *ws, hb_task *task, bool drop, hb_err *err) {
    sweep_program *s = HB_NEW(&task->arena, sweep_program);
    if (s == NULL) return hb_err_memory(err);
    s->ws = ws;
    s->drop = drop;
    task->program = s;
    task->advance = sweep_advance;
    return HB_OK;
}

hb_status hb_call_drop(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    HB_TRY(sweep_new(ws, task, true, err));
    if (ws->dropped) {
        task->done = true;      /* dropping twice is dropping once */
        return HB_OK;
    }
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->ensured) continue;
        HB_TRY(sweep_entity(ws, task, ws->entities[i], HB_FRAG_CLEAR, HB_BACKEND_NONE, err));
    }
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
    HB_TRY(sweep_new(ws, task, false, err));
    uint32_t backend;
    HB_TRY(refresh_backend(ws, request->text, &backend, err));
    hb_entity *only = NULL;
    if (request->entity != HB_ENTITY_NONE) HB_TRY(hb_entity_get(ws, request->entity, &only, err));
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        hb_entity *entity = ws->entities[i];
        if ((only != NULL && entity != only) || !entity->ensured || entity->is_virtual) continue;
        HB_TRY(sweep_entity(ws, task, entity, HB_FRAG_REFRESH, backend, err));
    }
    return HB_OK;
}
