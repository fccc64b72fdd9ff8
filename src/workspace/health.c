// SPDX-License-Identifier: MIT
/* health: what the workspace is made of, and whether each backend answers. */
#include <cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/workspace.h"

typedef struct health_program {
    hb_workspace *ws;
    hb_err *found; /* by backend: the first fault; code HB_OK where there is none */
} health_program;

/* Starts what a backend that is not local answers later: its failure is kept in `found`, and is not
 * the call's. */
static hb_status start_probe(hb_task *task, hb_instance *instance, const hb_fragment *fragment,
                             hb_err *found, hb_err *err) {
    hb_job *job;
    HB_TRY(hb_task_start_job(task, instance, fragment, &job, err));
    job->forgiven = true;
    job->fault = found;
    return HB_OK;
}

/* What the backend itself looks at, or one row of what it holds of an entity. */
static hb_status probe_entity(hb_workspace *ws, const hb_entity *entity, uint32_t backend,
                              hb_task *task, hb_err *found, hb_err *err) {
    hb_instance *instance = ws->instances[backend];
    if (instance->type->look != NULL) {
        return instance->type->look(instance, entity->routing->containers[backend], err);
    }
    hb_fragment *fragment = HB_NEW(&task->arena, hb_fragment);
    if (fragment == NULL) return hb_err_memory(err);
    fragment->kind = HB_FRAG_SCAN;
    fragment->container = entity->routing->containers[backend];
    fragment->limit = 1;
    return start_probe(task, instance, fragment, found, err);
}

/* What is kept beside the rows is as it was given, or somebody has changed it. */
static hb_status probe_definitions(hb_workspace *ws, hb_instance *keeper, hb_task *task,
                                   hb_err *err) {
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        const hb_entity *entity = ws->entities[i];
        if (entity->system || !entity->ensured) continue;
        const hb_str id = entity->schema->entity_id;
        hb_stored_definition stored;
        HB_TRY(hb_definition_read(ws, keeper, id, &task->arena, &stored, err));
        if (stored.fault == HB_OK) continue;
        hb_err_set(err, stored.fault, "the stored definition of '%.*s', %.*s: it %.*s", HB_ARG(id),
                   HB_ARG(stored.path), HB_ARG(stored.reason));
        return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    return ws->hidden != NULL ? hb_definition_refuse_hidden(ws, ws->hidden->id, err) : HB_OK;
}

/* Reads that cost the engine next to nothing: its key-value store with the definitions, and a row
 * of each table or a few files of each folder, or where there is no such store one row of anything
 * that it holds. What is local and has nothing to ask yet answers. */
static hb_status probe(hb_workspace *ws, uint32_t backend, hb_task *task, hb_err *found,
                       hb_err *err) {
    static const hb_fragment alone = { .kind = HB_FRAG_PROBE };
    hb_instance *instance = ws->instances[backend];
    const bool keeps = instance->type->meta_get != NULL;
    const bool tables = (instance->type->roles & HB_TAG_SQL) != 0 || instance->type->look != NULL;
    if (keeps) {
        hb_str value;
        HB_TRY(instance->type->meta_get(instance, HB_STR("health"), &task->arena, &value, err));
    }
    if (!instance->type->local) HB_TRY(start_probe(task, instance, &alone, found, err));
    if (instance == hb_workspace_keeper(ws)) HB_TRY(probe_definitions(ws, instance, task, err));
    for (uint32_t i = 0; i < ws->entity_count && (tables || !keeps); i++) {
        const hb_entity *entity = ws->entities[i];
        if (!entity->ensured || entity->is_virtual) continue;
        if (entity->routing->containers[backend] == NULL) continue;
        const hb_status status = probe_entity(ws, entity, backend, task, found, err);
        if (status != HB_OK) {
            hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
            return status;
        }
        if (!tables) break;
    }
    return HB_OK;
}

/* ---- the answer -------------------------------------------------------------------------- */

/* When a call that has resolved is on disk there. */
static const char *durability_of(const hb_workspace *ws, const hb_instance *instance) {
    if (!instance->type->durable(instance)) return "none";
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(ws->options, "durability");
    const bool copied = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ws->options, "copied"));
    const bool strict = cJSON_IsString(given) && strcmp(given->valuestring, "strict") == 0;
    return copied ? (strict ? "strict" : "relaxed") : ws->relaxed ? "relaxed" : "strict";
}

static bool add_place(cJSON *item, const hb_instance *instance) {
    static const char *const places[] = { "database", "path", "uri" };
    cJSON *options = cJSON_Duplicate((const cJSON *)instance->options, true);
    hb_err ignored;
    bool ok = options != NULL && hb_redact_options(options, instance->type, &ignored) == HB_OK;
    for (int i = 0; i < 3 && ok; i++) {
        const cJSON *place = cJSON_GetObjectItemCaseSensitive(options, places[i]);
        if (!cJSON_IsString(place)) continue;
        ok = cJSON_AddStringToObject(item, places[i], place->valuestring) != NULL;
    }
    cJSON_Delete(options);
    return ok;
}

/* {"name","type","database"?,"durable","durability","ok","error"?} */
static hb_status add_backend(const hb_workspace *ws, uint32_t backend, const hb_err *found,
                             cJSON *list, hb_err *err) {
    const hb_instance *instance = ws->instances[backend];
    cJSON *item = cJSON_CreateObject();
    bool ok = item != NULL && cJSON_AddStringToObject(item, "name", instance->name.ptr) != NULL &&
              cJSON_AddStringToObject(item, "type", instance->type->name) != NULL &&
              add_place(item, instance) &&
              cJSON_AddBoolToObject(item, "durable", instance->type->durable(instance)) != NULL &&
              cJSON_AddStringToObject(item, "durability", durability_of(ws, instance)) != NULL &&
              cJSON_AddBoolToObject(item, "ok", found->code == HB_OK) != NULL;
    if (ok && found->code != HB_OK) {
        cJSON *error = cJSON_AddObjectToObject(item, "error");
        ok = error != NULL && cJSON_AddStringToObject(error, "code", hb_status_name(found->code)) &&
             cJSON_AddStringToObject(error, "message", found->msg) != NULL &&
             (found->entity[0] == '\0' || cJSON_AddStringToObject(error, "entity", found->entity));
    }
    if (ok && cJSON_AddItemToArray(list, item)) return HB_OK;
    cJSON_Delete(item);
    return hb_err_memory(err);
}

static int by_text(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

/* The ids of the user's entities, sorted. */
static hb_status add_entities(const hb_workspace *ws, hb_task *task, cJSON *list, hb_err *err) {
    hb_str *ids = hb_arena_array(&task->arena, ws->entity_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->system) ids[count++] = ws->entities[i]->schema->entity_id;
    }
    qsort(ids, count, sizeof(*ids), by_text);
    for (uint32_t i = 0; i < count; i++) {
        hb_str text = hb_arena_printf(&task->arena, "%.*s", HB_ARG(ids[i]));
        cJSON *item = text.ptr != NULL ? cJSON_CreateString(text.ptr) : NULL;
        if (item == NULL || !cJSON_AddItemToArray(list, item)) return hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status add_all(const health_program *h, hb_task *task, cJSON *root, hb_err *err) {
    const hb_workspace *ws = h->ws;
    bool all = true;
    cJSON_AddStringToObject(root, "workspace", ws->id.ptr);
    cJSON *entities = cJSON_AddArrayToObject(root, "entities");
    cJSON *backends = cJSON_AddArrayToObject(root, "backends");
    if (entities == NULL || backends == NULL) return hb_err_memory(err);
    HB_TRY(add_entities(ws, task, entities, err));
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        HB_TRY(add_backend(ws, b, &h->found[b], backends, err));
        all = all && h->found[b].code == HB_OK;
    }
    return cJSON_AddBoolToObject(root, "ok", all) != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status health_advance(hb_task *task, hb_err *err) {
    if (task->pending > 0) return HB_OK;
    cJSON *root = cJSON_CreateObject();
    if (root == NULL) return hb_err_memory(err);
    const hb_status status = add_all(task->program, task, root, err);
    if (status == HB_OK) return hb_answer_cjson(task, root, err);
    cJSON_Delete(root);
    return status;
}

hb_status hb_call_health(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)request;
    health_program *h = HB_NEW(&task->arena, health_program);
    if (h == NULL) return hb_err_memory(err);
    h->ws = ws;
    h->found = hb_arena_array(&task->arena, ws->instance_count, sizeof(*h->found));
    if (h->found == NULL) return hb_err_memory(err);
    task->program = h;
    task->advance = health_advance;
    /* Operations end a little before the call would, so that a backend that hangs is told too. */
    const uint32_t left = hb_deadline_left_ms(&task->deadline);
    task->op_timeout_ms = left - left / 8;
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        hb_err own;
        hb_err_init(&own);
        hb_err_init(&h->found[b]);
        const hb_status status = probe(ws, b, task, &h->found[b], &own);
        if (status == HB_E_MEMORY) return hb_err_memory(err);
        if (status != HB_OK) h->found[b] = own;
    }
    task->progress = true;
    return HB_OK;
}
