// SPDX-License-Identifier: MIT
/* The manifest: how a workspace is made and what its entities are, without rows and secrets. The
 * way back is manifest_read.c. */
#include <cJSON.h>

#include "workspace/manifest.h"

static const cJSON *option(const hb_workspace *ws, const char *name) {
    return cJSON_GetObjectItemCaseSensitive(ws->options, name);
}

/* A copy of what was given as `name` becomes a member of `made`; nothing given is nothing added. */
static bool keep(const hb_workspace *ws, cJSON *made, const char *name) {
    const cJSON *given = option(ws, name);
    if (given == NULL || cJSON_IsNull(given)) return true;
    cJSON *copy = cJSON_Duplicate(given, true);
    if (copy != NULL && cJSON_AddItemToObject(made, name, copy)) return true;
    cJSON_Delete(copy);
    return false;
}

/* Overrides name no types: what is secret is known from the backends as they are open. */
static hb_status redact_overrides(const hb_workspace *ws, cJSON *overrides, hb_err *err) {
    for (cJSON *changes = overrides->child; changes != NULL; changes = changes->next) {
        const cJSON *config = cJSON_GetObjectItemCaseSensitive(ws->map, changes->string);
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(config, "type");
        HB_TRY(hb_redact_options(
            changes, cJSON_IsString(type) ? hb_backend_find(hb_str_c(type->valuestring)) : NULL,
            err));
    }
    return HB_OK;
}

static hb_status add_preset(const hb_workspace *ws, cJSON *made, hb_err *err) {
    if (!cJSON_AddStringToObject(made, "preset", ws->preset.ptr) || !keep(ws, made, "overrides")) {
        return hb_err_memory(err);
    }
    cJSON *overrides = cJSON_GetObjectItemCaseSensitive(made, "overrides");
    if (overrides != NULL) HB_TRY(redact_overrides(ws, overrides, err));
    cJSON *env;
    HB_TRY(hb_preset_env(ws->preset, option(ws, "env"), option(ws, "overrides"), &env, err));
    if (env->child != NULL && cJSON_AddItemToObject(made, "env", env)) return HB_OK;
    const bool none = env->child == NULL;
    cJSON_Delete(env);
    return none ? HB_OK : hb_err_memory(err);
}

static hb_status add_construction(const hb_workspace *ws, cJSON *made, hb_err *err) {
    const bool preset = ws->preset.len > 0;
    bool ok = cJSON_AddStringToObject(made, "kind", preset ? "preset" : "backends") != NULL;
    ok = ok && cJSON_AddBoolToObject(made, "catalog", ws->catalog) != NULL;
    ok = ok && keep(ws, made, "persist") && keep(ws, made, "durability");
    ok = ok && keep(ws, made, "intent_ms");
    if (!ok) return hb_err_memory(err);
    if (preset) return add_preset(ws, made, err);
    if (!keep(ws, made, "backends")) return hb_err_memory(err);
    return hb_redact_backends(cJSON_GetObjectItemCaseSensitive(made, "backends"), err);
}

static hb_status write_construction(const hb_workspace *ws, hb_buf *out, hb_err *err) {
    cJSON *made = cJSON_CreateObject();
    hb_status status = made != NULL ? add_construction(ws, made, err) : hb_err_memory(err);
    char *text = status == HB_OK ? cJSON_PrintUnformatted(made) : NULL;
    cJSON_Delete(made);
    if (status != HB_OK) return status;
    if (text == NULL) return hb_err_memory(err);
    hb_buf_add_c(out, text);
    cJSON_free(text);
    return HB_OK;
}

static hb_status write_definition(hb_str definition, hb_buf *out, hb_err *err) {
    hb_buf tagged;
    hb_buf_init(&tagged, out->mem);
    hb_status status = hb_manifest_tag(definition, &tagged, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&tagged), 0, false, out, err);
    hb_buf_free(&tagged);
    return status;
}

/* {"definition","storage":[{field,backend,strategy}]} */
static hb_status add_entity(hb_workspace *ws, const hb_entity *entity, hb_buf *out, hb_err *err) {
    const hb_routing *routing = entity->routing;
    hb_buf_add_c(out, "{\"definition\":");
    HB_TRY(write_definition(entity->schema->definition, out, err));
    hb_buf_add_c(out, ",\"storage\":[");
    for (uint32_t i = 0; i < routing->binding_count; i++) {
        const hb_binding *binding = &routing->bindings[i];
        hb_buf_add_c(out, i > 0 ? ",{\"field\":" : "{\"field\":");
        hb_buf_add_json_str(out, entity->schema->fields[binding->field].name);
        hb_buf_add_c(out, ",\"backend\":");
        hb_buf_add_json_str(out, ws->instances[binding->backend]->name);
        hb_buf_add_c(out, ",\"strategy\":");
        hb_buf_add_json_str(out, hb_strategy_name(binding->strategy));
        hb_buf_add_char(out, '}');
    }
    hb_buf_add_c(out, "]}");
    return HB_OK;
}

static hb_status manifest_write(hb_workspace *ws, hb_buf *out, hb_err *err) {
    hb_buf_printf(out, "{\"kind\":\"%s\",\"version\":%d,\"id\":", HB_MANIFEST_KIND,
                  HB_MANIFEST_VERSION);
    hb_buf_add_json_str(out, ws->id);
    hb_buf_add_c(out, ",\"construction\":");
    HB_TRY(write_construction(ws, out, err));
    hb_buf_add_c(out, ",\"extensions\":[],\"entities\":[");
    bool first = true;
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (ws->entities[i]->system) continue;
        if (!first) hb_buf_add_char(out, ',');
        first = false;
        HB_TRY(add_entity(ws, ws->entities[i], out, err));
    }
    hb_buf_add_c(out, "]}");
    return hb_buf_check(out, err);
}

hb_status hb_call_manifest(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    task->advance = hb_task_finish;
    hb_buf out;
    hb_buf_init(&out, ws != NULL ? ws->mem : hb_mem_default());
    hb_status status = ws != NULL ? manifest_write(ws, &out, err)
                                  : hb_manifest_read(request->text, &task->arena, &out, err);
    if (status == HB_OK) {
        status = ws != NULL ? hb_task_finish_json(task, hb_buf_str(&out), err)
                            : hb_task_finish_bytes(task, hb_buf_str(&out), err);
    }
    hb_buf_free(&out);
    return status;
}
