// SPDX-License-Identifier: MIT
/* What a drop keeps until every backend has cleared its rows, and how opening goes on with it. */
#include "workspace/workspace.h"

#define DROPPED_PREFIX "dropped/"
#define KEPT_PREFIX "entity/"

/* Is there a backend beside the keeper that outlives the process? */
static bool has_others(const hb_workspace *ws, const hb_instance *keeper) {
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        const hb_instance *instance = ws->instances[b];
        if (instance != keeper && (!instance->type->local || instance->type->durable(instance)))
            return true;
    }
    return false;
}

hb_status hb_drop_definitions(hb_workspace *ws, hb_instance *keeper, hb_task *task, hb_err *err) {
    const bool aside = has_others(ws, keeper);
    hb_str *keys;
    uint32_t count;
    HB_TRY(keeper->type->meta_list(keeper, HB_STR_EMPTY, &task->arena, &keys, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_starts(keys[i], HB_STR(DROPPED_PREFIX))) continue;
        if (aside && hb_str_starts(keys[i], HB_STR(KEPT_PREFIX))) {
            const uint32_t skip = (uint32_t)sizeof(KEPT_PREFIX) - 1;
            hb_str value;
            hb_str key = hb_arena_printf(&task->arena, DROPPED_PREFIX "%.*s",
                                         (int)(keys[i].len - skip), keys[i].ptr + skip);
            if (key.ptr == NULL) return hb_err_memory(err);
            HB_TRY(keeper->type->meta_get(keeper, keys[i], &task->arena, &value, err));
            HB_TRY(keeper->type->meta_put(keeper, key, value, err));
        }
        HB_TRY(keeper->type->meta_delete(keeper, keys[i], err));
    }
    return HB_OK;
}

hb_status hb_drop_forget(hb_instance *keeper, hb_arena *arena, hb_err *err) {
    hb_str *keys;
    uint32_t count;
    HB_TRY(keeper->type->meta_list(keeper, HB_STR(DROPPED_PREFIX), arena, &keys, &count, err));
    for (uint32_t i = 0; i < count; i++) HB_TRY(keeper->type->meta_delete(keeper, keys[i], err));
    return HB_OK;
}

/* ---- what a dead process left of a drop -------------------------------------------------------
 */

static hb_status clear_local(hb_workspace *ws, hb_task *task, hb_entity *entity, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        if (!ws->instances[b]->type->local) continue;
        HB_TRY(hb_sweep_entity(ws, task, entity, HB_FRAG_CLEAR, b, err));
    }
    return HB_OK;
}

static hb_status clear_dropped(hb_workspace *ws, hb_instance *keeper, hb_str key, hb_task *task,
                               hb_err *err) {
    hb_str definition;
    hb_entity *entity;
    HB_TRY(keeper->type->meta_get(keeper, key, &task->arena, &definition, err));
    /* Without the backends that it named, nothing of it can be reached. */
    hb_status status = hb_entity_new(ws, definition, &entity, err);
    if (status != HB_OK) return status == HB_E_MEMORY ? status : HB_OK;
    status = hb_entity_start_ensure(task, ws, entity, NULL, err);
    if (status == HB_OK) status = clear_local(ws, task, entity, err);
    hb_entity_free(ws, entity);
    return status;
}

hb_status hb_drop_complete_local(hb_workspace *ws, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(ws);
    if (keeper == NULL) return HB_OK;
    hb_task *task = hb_task_new(ws->mem, NULL);
    if (task == NULL) return hb_err_memory(err);
    task->advance = hb_task_finish;
    hb_str *keys;
    uint32_t count = 0;
    hb_status status =
        keeper->type->meta_list(keeper, HB_STR(DROPPED_PREFIX), &task->arena, &keys, &count, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        status = clear_dropped(ws, keeper, keys[i], task, err);
    }
    if (status == HB_OK && count > 0) {
        hb_entity *catalog = ws->entities[HB_ENTITY_CATALOG];
        status = hb_entity_start_ensure(task, ws, catalog, NULL, err);
        if (status == HB_OK) status = clear_local(ws, task, catalog, err);
        if (status == HB_OK) status = hb_drop_forget(keeper, &task->arena, err);
    }
    task->done = true;
    hb_task_free(task);
    return status;
}
