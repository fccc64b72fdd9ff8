// SPDX-License-Identifier: MIT
/* attach: the part of opening that needs an answer. Remote backends connect, all at once; what
 * their keeper holds is read as a whole, and is a copy from then on. */
#include <cJSON.h>

#include "workspace/intent.h"
#include "workspace/workspace.h"

bool hb_workspace_is_local(const hb_workspace *ws) {
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if (!ws->instances[b]->type->local) return false;
    }
    return true;
}

hb_status hb_workspace_restore(hb_workspace *ws, hb_err *err) {
    HB_TRY(hb_drop_complete_local(ws, err));
    HB_TRY(hb_entity_restore(ws, err));
    return hb_intents_complete_local(ws, err);
}

static hb_status start(hb_task *task, hb_instance *instance, hb_err *err) {
    static const hb_fragment attach = { .kind = HB_FRAG_ATTACH };
    hb_job *job;
    return hb_task_start_job(task, instance, &attach, &job, err);
}

hb_status hb_keeper_look(hb_workspace *ws, hb_task *task, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    return keeper == NULL || keeper->type->local ? HB_OK : start(task, keeper, err);
}

static hb_status attach_advance(hb_task *task, hb_err *err) {
    hb_workspace *ws = task->program;
    if (task->pending > 0) return HB_OK;
    if (ws->detached) HB_TRY(hb_workspace_restore(ws, err));
    ws->detached = false;
    task->done = true;
    return HB_OK;
}

hb_status hb_call_attach(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    task->program = ws;
    task->advance = attach_advance;
    for (uint32_t b = 0; b < ws->instance_count && ws->detached; b++) {
        if (!ws->instances[b]->type->local) HB_TRY(start(task, ws->instances[b], err));
    }
    return HB_OK;
}

hb_status hb_call_connections(hb_workspace *ws, const hb_request *request, hb_task *task,
                              hb_err *err) {
    (void)request;
    task->advance = hb_task_finish;
    cJSON *all = cJSON_CreateObject();
    bool ok = all != NULL;
    for (uint32_t b = 0; b < ws->instance_count && ok; b++) {
        const hb_instance *instance = ws->instances[b];
        if (instance->type->local) continue;
        cJSON *options = cJSON_Duplicate((const cJSON *)instance->options, true);
        ok = options != NULL && cJSON_AddItemToObject(all, instance->name.ptr, options);
        if (!ok) cJSON_Delete(options);
    }
    if (ok) return hb_answer_cjson(task, all, err);
    cJSON_Delete(all);
    return hb_err_memory(err);
}
