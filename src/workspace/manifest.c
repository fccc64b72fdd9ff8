// SPDX-License-Identifier: MIT
/* The manifest: how a workspace is made and what its entities are, without rows and secrets; and
 * the way back. */
#include <cJSON.h>
#include <string.h>

#include "workspace/workspace.h"

#define MANIFEST_KIND "heavenbase.workspace.manifest"
#define MANIFEST_VERSION 2
#define REDACTED "<redacted>"

static hb_status finished(hb_task *task, hb_err *err) {
    (void)err;
    task->done = true;
    return HB_OK;
}

/* ---- writing --------------------------------------------------------------------------- */

static cJSON *construction(const hb_workspace *ws, hb_err *err) {
    cJSON *made = cJSON_CreateObject();
    const bool preset = ws->preset.len > 0;
    bool ok = cJSON_AddStringToObject(made, "kind", preset ? "preset" : "backends") != NULL;
    ok = ok && cJSON_AddBoolToObject(made, "catalog", ws->catalog) != NULL;
    if (ok && preset) ok = cJSON_AddStringToObject(made, "preset", ws->preset.ptr) != NULL;
    if (ok && !preset) {
        const cJSON *backends = cJSON_GetObjectItemCaseSensitive(ws->options, "backends");
        cJSON *map = cJSON_Duplicate(backends, true);
        ok = map != NULL && hb_redact_backends(map, err) == HB_OK &&
             cJSON_AddItemToObject(made, "backends", map);
        if (!ok) cJSON_Delete(map);
    }
    if (ok) return made;
    cJSON_Delete(made);
    return NULL;
}

/* {"definition","storage":[{field,backend,strategy}]} */
static hb_status add_entity(hb_workspace *ws, const hb_entity *entity, hb_buf *out, hb_err *err) {
    const hb_routing *routing = entity->routing;
    hb_buf_add_c(out, "{\"definition\":");
    HB_TRY(hb_pack_to_json(entity->schema->definition, 0, false, out, err));
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
    hb_buf_printf(out, "{\"kind\":\"%s\",\"version\":%d,\"id\":", MANIFEST_KIND, MANIFEST_VERSION);
    hb_buf_add_json_str(out, ws->id);
    cJSON *made = construction(ws, err);
    char *text = made != NULL ? cJSON_PrintUnformatted(made) : NULL;
    cJSON_Delete(made);
    if (text == NULL) return hb_err_memory(err);
    hb_buf_add_c(out, ",\"construction\":");
    hb_buf_add_c(out, text);
    cJSON_free(text);
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

/* ---- reading --------------------------------------------------------------------------- */

static hb_status malformed(hb_err *err, const char *what, const char *expected) {
    return hb_err_set(err, HB_E_VALIDATION, "the manifest's %s is malformed: expected %s", what,
                      expected);
}

/* HVNB_<INSTANCE>_<OPTION>..., '-' as '_'. */
static void secret_variable(hb_buf *out, const char *const *path, uint32_t depth) {
    hb_buf_add_c(out, "HVNB");
    for (uint32_t i = 0; i < depth; i++) {
        hb_buf_add_char(out, '_');
        for (const char *c = path[i]; *c != '\0'; c++) {
            const bool small = *c >= 'a' && *c <= 'z';
            hb_buf_add_char(out, small ? (char)(*c - 'a' + 'A') : *c == '-' ? '_' : *c);
        }
    }
    hb_buf_add_char(out, '\0');
}

#define SECRET_DEPTH 6u

static hb_status fill_secret(cJSON *node, const char *const *path, uint32_t depth, const cJSON *env,
                             hb_err *err) {
    if (strstr(node->valuestring, REDACTED) == NULL) return HB_OK;
    hb_buf name;
    hb_buf_init(&name, hb_mem_default());
    secret_variable(&name, path, depth);
    hb_status status = hb_buf_check(&name, err);
    const cJSON *given = status == HB_OK ? cJSON_GetObjectItemCaseSensitive(env, name.ptr) : NULL;
    if (status == HB_OK && cJSON_IsString(given)) {
        if (cJSON_SetValuestring(node, given->valuestring) == NULL) status = hb_err_memory(err);
    } else if (status == HB_OK) {
        status = hb_err_set(err, HB_E_VALIDATION,
                            "the manifest holds no secrets: backend '%s' needs its option '%s' by "
                            "overrides or by the variable %s",
                            path[0], path[1], name.ptr);
        hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, hb_str_c(path[0]));
    }
    hb_buf_free(&name);
    return status;
}

static hb_status fill_secrets(cJSON *node, const char **path, uint32_t depth, const cJSON *env,
                              hb_err *err) {
    for (cJSON *item = node->child; item != NULL; item = item->next) {
        if (depth == SECRET_DEPTH) return malformed(err, "backend map", "fewer levels");
        path[depth] = item->string != NULL ? item->string : "0";
        HB_TRY(fill_secrets(item, path, depth + 1, env, err));
    }
    return cJSON_IsString(node) && depth >= 2 ? fill_secret(node, path, depth, env, err) : HB_OK;
}

/* Options that are given anew need no secret of their own. */
static void drop_overridden(cJSON *backends, const cJSON *overrides) {
    const cJSON *changes, *value;
    cJSON_ArrayForEach(changes, overrides) {
        cJSON *config = cJSON_GetObjectItemCaseSensitive(backends, changes->string);
        cJSON_ArrayForEach(value, changes) {
            cJSON_DeleteItemFromObjectCaseSensitive(config, value->string);
        }
    }
}

static hb_status read_construction(const cJSON *manifest, const cJSON *request, cJSON *out,
                                   hb_err *err) {
    const cJSON *made = cJSON_GetObjectItemCaseSensitive(manifest, "construction");
    const cJSON *preset = cJSON_GetObjectItemCaseSensitive(made, "preset");
    const cJSON *backends = cJSON_GetObjectItemCaseSensitive(made, "backends");
    const cJSON *catalog = cJSON_GetObjectItemCaseSensitive(made, "catalog");
    if (cJSON_IsBool(catalog) && !cJSON_AddBoolToObject(out, "catalog", cJSON_IsTrue(catalog))) {
        return hb_err_memory(err);
    }
    if (cJSON_IsString(preset)) {
        return cJSON_AddStringToObject(out, "preset", preset->valuestring) != NULL
                   ? HB_OK
                   : hb_err_memory(err);
    }
    if (!cJSON_IsObject(backends)) return malformed(err, "construction", "a preset or backends");
    cJSON *map = cJSON_Duplicate(backends, true);
    if (map == NULL || !cJSON_AddItemToObject(out, "backends", map)) {
        cJSON_Delete(map);
        return hb_err_memory(err);
    }
    const char *path[SECRET_DEPTH + 1];
    drop_overridden(map, cJSON_GetObjectItemCaseSensitive(request, "overrides"));
    return fill_secrets(map, path, 0, cJSON_GetObjectItemCaseSensitive(request, "env"), err);
}

static hb_status read_head(const cJSON *manifest, cJSON *out, hb_err *err) {
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(manifest, "kind");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(manifest, "version");
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(manifest, "id");
    if (!cJSON_IsString(kind) || strcmp(kind->valuestring, MANIFEST_KIND) != 0) {
        return malformed(err, "kind", "\"" MANIFEST_KIND "\"");
    }
    if (cJSON_IsNumber(version) && version->valueint > MANIFEST_VERSION) {
        return hb_err_set(err, HB_E_FORMAT, "the manifest is of version %d: expected %d",
                          version->valueint, MANIFEST_VERSION);
    }
    if (!cJSON_IsNumber(version) || version->valueint != MANIFEST_VERSION) {
        return malformed(err, "version", "2");
    }
    if (!cJSON_IsString(id) || !hb_id_is_valid(hb_str_c(id->valuestring))) {
        return malformed(err, "id", "the id of a workspace");
    }
    return cJSON_AddStringToObject(out, "id", id->valuestring) != NULL ? HB_OK : hb_err_memory(err);
}

/* Every definition is read whole before anything is opened. */
static hb_status check_definition(const cJSON *definition, hb_err *err) {
    char *text = cJSON_PrintUnformatted(definition);
    if (text == NULL) return hb_err_memory(err);
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_schema *schema;
    hb_status status = hb_pack_from_json(hb_str_c(text), &pack, err);
    cJSON_free(text);
    if (status == HB_OK) status = hb_schema_parse(hb_buf_str(&pack), pack.mem, &schema, err);
    if (status == HB_OK) hb_schema_free(schema);
    hb_buf_free(&pack);
    return status;
}

static hb_status read_entities(const cJSON *manifest, cJSON *out, hb_err *err) {
    const cJSON *entities = cJSON_GetObjectItemCaseSensitive(manifest, "entities");
    cJSON *list = cJSON_AddArrayToObject(out, "entities");
    const cJSON *item;
    if (list == NULL) return hb_err_memory(err);
    if (!cJSON_IsArray(entities)) return malformed(err, "entities", "a list");
    cJSON_ArrayForEach(item, entities) {
        const cJSON *definition = cJSON_GetObjectItemCaseSensitive(item, "definition");
        if (!cJSON_IsObject(definition)) {
            return malformed(err, "list of entities", "mappings with a definition");
        }
        HB_TRY(check_definition(definition, err));
        cJSON *copy = cJSON_Duplicate(definition, true);
        if (copy == NULL || !cJSON_AddItemToArray(list, copy)) return hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status manifest_read(hb_str json, cJSON *out, hb_err *err) {
    cJSON *request = cJSON_ParseWithLength(json.ptr, json.len);
    const cJSON *manifest = cJSON_GetObjectItemCaseSensitive(request, "manifest");
    hb_status status = cJSON_IsObject(manifest)
                           ? read_head(manifest, out, err)
                           : hb_err_set(err, HB_E_TYPE, "a manifest is a JSON mapping");
    if (status == HB_OK) status = read_construction(manifest, request, out, err);
    if (status == HB_OK) status = read_entities(manifest, out, err);
    cJSON_Delete(request);
    return status;
}

hb_status hb_call_manifest(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    task->advance = finished;
    if (ws == NULL) {
        cJSON *out = cJSON_CreateObject();
        hb_status status =
            out != NULL ? manifest_read(request->text, out, err) : hb_err_memory(err);
        if (status == HB_OK) return hb_answer_cjson(task, out, err);
        cJSON_Delete(out);
        return status;
    }
    hb_buf out;
    hb_buf_init(&out, ws->mem);
    hb_status status = manifest_write(ws, &out, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&out), err);
    hb_buf_free(&out);
    return status;
}
