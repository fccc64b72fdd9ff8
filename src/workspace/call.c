// SPDX-License-Identifier: MIT
/* From a request to its task. */
#include <cJSON.h>

#include "plan/capabilities.h"
#include "workspace/alter.h"

/* ---- register -------------------------------------------------------------------------- */

typedef struct register_program {
    hb_workspace *ws;
    const hb_request *request;
    hb_entity *entity;      /* owned until it is in the registry */
    hb_entity *replaced;
    bool catalog_started;
    bool stored;            /* its definition is on the way to its keeper */
} register_program;

static void register_cleanup(hb_task *task, bool failed) {
    register_program *r = task->program;
    if (failed || r->entity != NULL) hb_entity_free(r->ws, r->entity);
}

hb_status hb_answer_entity(hb_workspace *ws, const hb_entity *entity, hb_task *task, hb_err *err) {
    hb_buf json;
    hb_buf_init(&json, ws->mem);
    hb_status status = hb_entity_json(ws, entity, &json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

/* Its containers are there: stores the definition. *done once that is through. */
static hb_status register_store(register_program *r, hb_task *task, bool *done, hb_err *err) {
    *done = task->pending == 0;
    if (!*done || r->stored) return HB_OK;
    r->stored = true;
    HB_TRY(hb_entity_persist(r->ws, task, r->entity, err));
    *done = task->pending == 0;
    return HB_OK;
}

static hb_status register_advance(hb_task *task, hb_err *err) {
    register_program *r = task->program;
    hb_entity *entity = r->entity, *replaced = r->replaced;
    bool done;
    HB_TRY(register_store(r, task, &done, err));
    if (!done) return HB_OK;
    HB_TRY(hb_entity_add(r->ws, entity, replaced, err));
    r->entity = NULL;
    entity->ensured = true;
    if (r->catalog_started) r->ws->entities[HB_ENTITY_CATALOG]->ensured = true;
    if (replaced != NULL) {
        hb_entity_inherit(r->ws, entity, replaced);
        hb_entity_free(r->ws, replaced);
    }
    return hb_answer_entity(r->ws, entity, task, err);
}

/* Says what differs, so that the caller can choose between altering and replacing. */
static hb_status register_conflict(const hb_workspace *ws, const hb_schema *before,
                                   const hb_schema *after, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, ws->mem);
    hb_schema_diff diff;
    hb_status status = hb_schema_diff_make(before, after, NULL, &arena, &diff, err);
    if (status == HB_OK) {
        hb_buf text;
        hb_buf_init(&text, ws->mem);
        hb_schema_diff_text(&diff, &text);
        status = hb_err_set(err, HB_E_SCHEMA_CONFLICT,
                            "entity '%.*s' is registered with a different structure (alterEntity "
                            "keeps all that its rows hold or refuses, allowReplace keeps what the "
                            "new one takes): %.*s",
                            HB_ARG(after->entity_id), HB_ARG(hb_buf_str(&text)));
        hb_buf_free(&text);
        hb_err_where(err, after->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    hb_arena_free(&arena);
    return status;
}

static hb_status register_check(hb_workspace *ws, hb_entity *entity, const hb_request *request,
                                hb_entity **existing, hb_err *err) {
    uint32_t index = hb_map_find(&ws->by_id, entity->schema->entity_id);
    *existing = index != HB_MAP_NONE ? ws->entities[index] : NULL;
    if (*existing == NULL) return HB_OK;
    if ((*existing)->system) {
        hb_err_set(err, HB_E_SCHEMA_CONFLICT,
                   "system entity '%.*s' cannot be registered or replaced",
                   HB_ARG(entity->schema->entity_id));
    } else if (!hb_schema_same((*existing)->schema, entity->schema) &&
               (request->flags & HB_FLAG_REPLACE) == 0) {
        return register_conflict(ws, (*existing)->schema, entity->schema, err);
    } else {
        return HB_OK;
    }
    return hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
}

/* The same structure: only what describes it is taken over. */
static hb_status register_again(hb_task *task, hb_err *err) {
    register_program *r = task->program;
    hb_entity *existing = r->replaced;
    const bool same = hb_str_eq(existing->schema->definition, r->entity->schema->definition);
    if (!same || existing->broken != HB_OK) {
        bool done;
        HB_TRY(register_store(r, task, &done, err));
        if (!done) return HB_OK;
        existing->broken = HB_OK;
        HB_TRY(hb_schema_describe(existing->schema, r->entity->schema, err));
        r->ws->revision++;
    }
    hb_entity_free(r->ws, r->entity);
    r->entity = NULL;
    return hb_answer_entity(r->ws, existing, task, err);
}

/* The keeper was looked at. */
static hb_status register_begin(hb_task *task, hb_err *err) {
    register_program *r = task->program;
    hb_workspace *ws = r->ws;
    const hb_request *request = r->request;
    if (task->pending > 0) return HB_OK;
    task->advance = register_advance;
    HB_TRY(hb_definitions_reload(ws, false, err));
    HB_TRY(hb_entity_new(ws, request->text, &r->entity, err));
    hb_entity *existing;
    HB_TRY(register_check(ws, r->entity, request, &existing, err));
    if ((request->flags & HB_FLAG_DRY_RUN) != 0) {
        task->advance = hb_task_finish;
        return hb_answer_entity(ws, r->entity, task, err);
    }
    r->replaced = existing;
    if (existing != NULL && hb_schema_same(existing->schema, r->entity->schema)) {
        task->advance = register_again;
        task->progress = true;
        return HB_OK;
    }
    if (existing != NULL && existing->ensured &&
        hb_alter_retypes(existing->schema, r->entity->schema)) {
        hb_entity *entity = r->entity;
        r->entity = NULL;
        task->progress = true;
        return hb_alter_replace(ws, task, existing, entity, request->now_ms, err);
    }
    hb_entity *catalog = ws->entities[HB_ENTITY_CATALOG];
    if (ws->catalog && !catalog->ensured) {
        r->catalog_started = true;
        HB_TRY(hb_entity_start_ensure(task, ws, catalog, NULL, err));
    }
    return hb_entity_start_ensure(task, ws, r->entity, existing, err);
}

hb_status hb_call_register(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    register_program *r = HB_NEW(&task->arena, register_program);
    hb_request *copy = hb_arena_copy(&task->arena, request, sizeof(*request));
    if (r == NULL || copy == NULL) return hb_err_memory(err);
    r->ws = ws;
    r->request = copy;
    task->program = r;
    task->advance = register_begin;
    task->cleanup = register_cleanup;
    HB_TRY(hb_keeper_look(ws, task, err));
    return register_begin(task, err);
}

/* ---- the rest -------------------------------------------------------------------------- */

static cJSON *info_backend(const hb_instance *instance, hb_err *err) {
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", instance->name.ptr);
    cJSON_AddStringToObject(item, "type", instance->type->name);
    cJSON_AddBoolToObject(item, "durable", instance->type->durable(instance));
    cJSON *options = cJSON_Duplicate((const cJSON *)instance->options, true);
    cJSON_DeleteItemFromObjectCaseSensitive(options, "type");
    cJSON_DeleteItemFromObjectCaseSensitive(options, "name");
    if (options != NULL && hb_redact_options(options, instance->type, err) == HB_OK &&
        cJSON_AddItemToObject(item, "options", options)) {
        return item;
    }
    cJSON_Delete(options);
    cJSON_Delete(item);
    return NULL;
}

hb_status hb_answer_cjson(hb_task *task, cJSON *root, hb_err *err) {
    char *text = root != NULL ? cJSON_PrintUnformatted(root) : NULL;
    cJSON_Delete(root);
    if (text == NULL) return hb_err_memory(err);
    hb_status status = hb_task_finish_json(task, hb_str_c(text), err);
    cJSON_free(text);
    return status;
}

static hb_status call_info(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    (void)request;
    task->advance = hb_task_finish;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "id", ws->id.ptr);
    cJSON_AddStringToObject(root, "preset", ws->preset.len > 0 ? ws->preset.ptr : "");
    cJSON_AddBoolToObject(root, "catalog", ws->catalog);
    cJSON_AddStringToObject(root, "durability", ws->relaxed ? "relaxed" : "strict");
    cJSON *backends = cJSON_AddArrayToObject(root, "backends");
    for (uint32_t i = 0; i < ws->instance_count; i++) {
        cJSON_AddItemToArray(backends, info_backend(ws->instances[i], err));
    }
    cJSON *entities = cJSON_AddArrayToObject(root, "entities");
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        const hb_schema *schema = ws->entities[i]->schema;
        if (ws->entities[i]->dropped) continue;
        cJSON *item = cJSON_CreateObject();
        hb_str id = hb_arena_printf(&task->arena, "%.*s", HB_ARG(schema->entity_id));
        hb_str name = hb_arena_printf(&task->arena, "%.*s", HB_ARG(schema->name));
        if (id.ptr == NULL || name.ptr == NULL) {
            cJSON_Delete(item);
            cJSON_Delete(root);
            return hb_err_memory(err);
        }
        cJSON_AddStringToObject(item, "id", id.ptr);
        cJSON_AddStringToObject(item, "name", name.ptr);
        cJSON_AddBoolToObject(item, "system", ws->entities[i]->system);
        cJSON_AddNumberToObject(item, "index", i);
        cJSON_AddItemToArray(entities, item);
    }
    return hb_answer_cjson(task, root, err);
}

static hb_status call_schema(hb_workspace *ws, const hb_request *request, hb_task *task,
                             hb_err *err) {
    task->advance = hb_task_finish;
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    return hb_answer_entity(ws, entity, task, err);
}

static hb_status capabilities_finish(const hb_backend *const *types, const hb_str *names,
                                     uint32_t count, const hb_request *request, hb_task *task,
                                     hb_err *err) {
    hb_buf json;
    hb_buf_init(&json, task->mem);
    hb_status status = hb_capabilities_json(types, names, count, request->text, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

static hb_status call_capabilities(hb_workspace *ws, const hb_request *request, hb_task *task,
                                   hb_err *err) {
    task->advance = hb_task_finish;
    if (ws == NULL) {
        uint32_t count = 0;
        while (hb_backends[count] != NULL) count++;
        return capabilities_finish(hb_backends, NULL, count, request, task, err);
    }
    const hb_backend **types = hb_arena_array(&task->arena, ws->instance_count, sizeof(*types));
    hb_str *names = hb_arena_array(&task->arena, ws->instance_count, sizeof(*names));
    if (types == NULL || names == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < ws->instance_count; i++) {
        types[i] = ws->instances[i]->type;
        names[i] = ws->instances[i]->name;
    }
    return capabilities_finish(types, names, ws->instance_count, request, task, err);
}

static hb_call_fn *call_find(hb_call_kind kind) {
    switch (kind) {
    case HB_CALL_REGISTER: return hb_call_register;
    case HB_CALL_INFO: return call_info;
    case HB_CALL_SCHEMA: return call_schema;
    case HB_CALL_UPSERT: return hb_call_upsert;
    case HB_CALL_SET: return hb_call_set;
    case HB_CALL_GET: return hb_call_get;
    case HB_CALL_EXISTS: return hb_call_exists;
    case HB_CALL_DELETE: return hb_call_delete;
    case HB_CALL_QUERY: return hb_call_query;
    case HB_CALL_EXPLAIN: return hb_call_explain;
    case HB_CALL_PREPARE: return hb_call_prepare;
    case HB_CALL_RELEASE: return hb_call_release;
    case HB_CALL_AUDIT: return hb_call_audit;
    case HB_CALL_REPAIR: return hb_call_repair;
    case HB_CALL_REFRESH: return hb_call_refresh;
    case HB_CALL_DROP: return hb_call_drop;
    case HB_CALL_CAPABILITIES: return call_capabilities;
    case HB_CALL_EXPORT: return hb_call_export;
    case HB_CALL_IMPORT: return hb_call_import;
    case HB_CALL_ALTER: return hb_call_alter;
    case HB_CALL_FIND: return hb_call_find;
    case HB_CALL_DESCRIBE: return hb_call_describe;
    case HB_CALL_SIGN: return hb_call_sign;
    case HB_CALL_HEALTH: return hb_call_health;
    case HB_CALL_MANIFEST: return hb_call_manifest;
    case HB_CALL_PRESETS: return hb_call_presets;
    case HB_CALL_GRAPH: return hb_call_graph;
    case HB_CALL_VALIDATE: return hb_call_validate;
    case HB_CALL_FLUSH: return hb_call_flush;
    case HB_CALL_ATTACH: return hb_call_attach;
    case HB_CALL_CONNECTIONS: return hb_call_connections;
    }
    return NULL;
}

/* Before HB_CALL_ATTACH nothing is known of what remote backends hold. */
static bool call_needs_no_attach(hb_call_kind kind) {
    return kind == HB_CALL_ATTACH || kind == HB_CALL_CONNECTIONS || kind == HB_CALL_INFO ||
           kind == HB_CALL_CAPABILITIES || kind == HB_CALL_PRESETS || kind == HB_CALL_VALIDATE;
}

static bool call_needs_no_workspace(hb_call_kind kind) {
    return kind == HB_CALL_CAPABILITIES || kind == HB_CALL_PRESETS || kind == HB_CALL_MANIFEST ||
           kind == HB_CALL_VALIDATE;
}

/* Hosts make these again when they are told to; others need no files, or are one of several that
 * belong together (a file's records). */
static bool call_may_wait(hb_call_kind kind) {
    return kind == HB_CALL_UPSERT || kind == HB_CALL_SET || kind == HB_CALL_DELETE ||
           kind == HB_CALL_GET || kind == HB_CALL_EXISTS || kind == HB_CALL_QUERY ||
           kind == HB_CALL_AUDIT || kind == HB_CALL_REPAIR;
}

/* Between calls only: one that has begun is not made to begin again because it takes long. */
static hb_status give_turns(hb_workspace *ws, hb_err *err) {
    for (uint32_t i = 0; i < ws->opened; i++) {
        hb_instance *instance = ws->instances[i];
        if (instance->type->turn != NULL) HB_TRY(instance->type->turn(instance, err));
    }
    return HB_OK;
}

hb_status hb_workspace_start(hb_workspace *ws, const hb_request *request, hb_task **out,
                             hb_err *err) {
    hb_err_init(err);
    hb_call_fn *call = call_find(request->kind);
    if (call == NULL) return hb_err_set(err, HB_E_INTERNAL, "unknown call %d", (int)request->kind);
    if (ws == NULL && !call_needs_no_workspace(request->kind)) {
        return hb_err_set(err, HB_E_CLOSED, "the workspace is closed");
    }
    if (ws != NULL && ws->detached && !call_needs_no_attach(request->kind)) {
        return hb_err_set(err, HB_E_CLOSED, "the workspace is not attached to its backends yet");
    }
    if (ws != NULL && ws->dropped && request->kind != HB_CALL_INFO &&
        request->kind != HB_CALL_DROP && request->kind != HB_CALL_FLUSH &&
        request->kind != HB_CALL_CAPABILITIES) {
        return hb_err_set(err, HB_E_CLOSED, "workspace '%.*s' was dropped", HB_ARG(ws->id));
    }
    if (ws != NULL && call_may_wait(request->kind)) HB_TRY(give_turns(ws, err));
    if (ws != NULL) HB_TRY(hb_definitions_check(ws, request, err));
    hb_task *task = hb_task_new(ws != NULL ? ws->mem : hb_mem_default(), request->room);
    if (task == NULL) return hb_err_memory(err);
    task->deadline = hb_deadline_in(ws != NULL ? ws->host.clock : NULL, request->timeout_ms);
    hb_status status = call(ws, request, task, err);
    if (status != HB_OK) {
        task->failed = true;
        hb_task_free(task);
        return status;
    }
    *out = task;
    return HB_OK;
}
