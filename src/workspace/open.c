// SPDX-License-Identifier: MIT
/* Opening and closing: options are checked whole before the first backend is opened. */
#include <cJSON.h>
#include <string.h>

#include "value/json_tree.h"
#include "workspace/intent.h"

static hb_str json_text(const cJSON *item) {
    return cJSON_IsString(item) ? hb_str_c(item->valuestring) : HB_STR_EMPTY;
}

static hb_status check_option_type(const hb_option *option, const cJSON *item, hb_str backend,
                                   hb_err *err) {
    bool ok = false;
    const char *expected = "";
    switch (option->type) {
    case 's':
        ok = cJSON_IsString(item);
        expected = "text";
        break;
    case 'i':
        ok = cJSON_IsNumber(item);
        expected = "a number";
        break;
    case 'b':
        ok = cJSON_IsBool(item);
        expected = "true or false";
        break;
    default:
        ok = cJSON_IsObject(item) || cJSON_IsArray(item);
        expected = "a mapping or a list";
        break;
    }
    if (ok) return HB_OK;
    hb_err_set(err, HB_E_TYPE, "option '%s' expects %s", option->name, expected);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, backend);
}

static hb_status check_options(const hb_backend *type, const cJSON *config, hb_str backend,
                               hb_err *err) {
    const cJSON *item;
    cJSON_ArrayForEach(item, config) {
        hb_str key = hb_str_c(item->string);
        if (hb_str_eq(key, HB_STR("type")) || hb_str_eq(key, HB_STR("name")) ||
            hb_str_eq(key, HB_STR("enabled"))) {
            continue;
        }
        const hb_option *option = type->options;
        hb_str names[24];
        uint32_t count = 0;
        for (; option != NULL && option->name != NULL; option++) {
            if (hb_str_eq(key, hb_str_c(option->name))) break;
            if (count < 24) names[count++] = hb_str_c(option->name);
        }
        if (option != NULL && option->name != NULL) {
            HB_TRY(check_option_type(option, item, backend, err));
            continue;
        }
        hb_err_set(err, HB_E_UNKNOWN_BACKEND, "%s backends have no option '%.*s'", type->name,
                   HB_ARG(key));
        hb_err_hint(err, key, names, count);
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, backend);
    }
    return HB_OK;
}

/* Engines that have a place in presets and documentation, by every name. */
static bool is_known_engine(hb_str type) {
    static const char *const names[] = {
        "sqlite",    "json",       "pickle", "file",        "postgres",  "postgresql",    "pg",
        "pgvector",  "supabase",   "mysql",  "mariadb",     "oceanbase", "mssql",         "msql",
        "sqlserver", "sql-server", "oracle", "duckdb",      "trino",     "starrocks",     "lance",
        "lancedb",   "chroma",     "milvus", "milvus-lite", "pinecone",  "elasticsearch", "elastic",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (hb_str_eq(type, hb_str_c(names[i]))) return true;
    }
    return false;
}

static hb_status unknown_type(hb_str type, hb_str backend, hb_err *err) {
    hb_str names[32];
    uint32_t count = 0;
    while (hb_backends[count] != NULL && count < 32) {
        names[count] = hb_str_c(hb_backends[count]->name);
        count++;
    }
    if (is_known_engine(type)) {
        hb_err_set(err, HB_E_UNAVAILABLE,
                   "the engine '%.*s' of backend '%.*s' is not built into "
                   "this module: give the backend another type, by overrides for a preset",
                   HB_ARG(type), HB_ARG(backend));
        hb_err_hint(err, HB_STR_EMPTY, names, count);
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, backend);
    }
    hb_err_set(err, HB_E_UNKNOWN_BACKEND, "unknown backend type '%.*s'", HB_ARG(type));
    hb_err_hint(err, type, names, count);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, backend);
}

/* Makes the closed instance of one entry of the backend map. */
static hb_status make_instance(hb_workspace *ws, const cJSON *config, hb_err *err) {
    hb_str name = hb_str_c(config->string);
    if (!hb_id_is_valid(name)) {
        return hb_err_set(
            err, HB_E_INVALID_ID,
            "invalid backend instance name '%.*s': expected lower-case words joined by - or _",
            HB_ARG(name));
    }
    if (!cJSON_IsObject(config)) {
        hb_err_set(err, HB_E_TYPE, "backend '%.*s' expects a mapping of options", HB_ARG(name));
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, name);
    }
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(config, "enabled"))) return HB_OK;
    const cJSON *type_item = cJSON_GetObjectItemCaseSensitive(config, "type");
    if (type_item == NULL || cJSON_IsNull(type_item)) return HB_OK; /* not an enabled backend */
    const hb_backend *type = hb_backend_find(json_text(type_item));
    if (type == NULL) return unknown_type(json_text(type_item), name, err);
    HB_TRY(check_options(type, config, name, err));
    if (ws->instance_count == HB_BACKENDS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "a workspace has at most %u backends", HB_BACKENDS_MAX);
    }
    hb_instance *instance = HB_NEW(&ws->arena, hb_instance);
    if (instance == NULL) return hb_err_memory(err);
    *instance = (hb_instance){ type,        name,           ws->id,    ws->mem,
                               &ws->arena,  config,         NULL,      ws->instance_count,
                               ws->host.fs, ws->host.clock, ws->owner, ws->shared,
                               ws->relaxed };
    ws->instances[ws->instance_count++] = instance;
    return HB_OK;
}

static hb_status make_instances(hb_workspace *ws, const cJSON *backends, hb_err *err) {
    if (!cJSON_IsObject(backends)) {
        return hb_err_set(err, HB_E_TYPE,
                          "backends expects a mapping of instance names to options");
    }
    ws->instances = HB_NEW_ARRAY(&ws->arena, hb_instance *, HB_BACKENDS_MAX + 1);
    if (ws->instances == NULL) return hb_err_memory(err);
    const cJSON *config;
    cJSON_ArrayForEach(config, backends) {
        HB_TRY(make_instance(ws, config, err));
    }
    if (ws->instance_count == 0) {
        return hb_err_set(err, HB_E_VALIDATION, "the backend map defines no enabled backend");
    }
    /* MetaSchema is virtual: its computed rows sit in a memory backend of their own. */
    hb_instance *meta = HB_NEW(&ws->arena, hb_instance);
    if (meta == NULL) return hb_err_memory(err);
    *meta = (hb_instance){ .type = hb_backend_find(HB_STR("inmem")),
                           .name = HB_STR("$meta"),
                           .workspace_id = ws->id,
                           .mem = ws->mem,
                           .arena = &ws->arena,
                           .order = ws->instance_count };
    ws->instances[ws->instance_count] = meta;
    return HB_OK;
}

/* Who opens it, and when. */
static void read_owner(hb_workspace *ws) {
    const cJSON *now = cJSON_GetObjectItemCaseSensitive(ws->options, "now_ms");
    ws->owner = json_text(cJSON_GetObjectItemCaseSensitive(ws->options, "owner"));
    ws->opened_ms = cJSON_IsNumber(now) ? (int64_t)now->valuedouble : 0;
    ws->shared = !cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(ws->options, "shared"));
    if (ws->owner.len == 0 && ws->host.clock != NULL && ws->host.fs != NULL) {
        /* Better than nothing; a host that runs several processes gives a token of its own. */
        ws->owner = hb_arena_printf(&ws->arena, "%llx-%llx",
                                    (long long)ws->host.clock->now_ms(ws->host.clock->ctx),
                                    (unsigned long long)(uintptr_t)ws);
    }
    ws->epoch = (uint64_t)(ws->opened_ms > 0 ? ws->opened_ms : 0);
}

/* How long others leave its unfinished writes alone. */
static hb_status read_intent_ms(hb_workspace *ws, hb_err *err) {
    const cJSON *span = cJSON_GetObjectItemCaseSensitive(ws->options, "intent_ms");
    ws->intent_ms = HB_INTENT_MS;
    if (span == NULL || cJSON_IsNull(span)) return HB_OK;
    if (!cJSON_IsNumber(span)) {
        return hb_err_set(err, HB_E_TYPE, "option 'intent_ms' expects a number");
    }
    double ms = span->valuedouble;
    if (!(ms >= 1 && ms <= HB_INTENT_MS_MAX) || ms != (double)(int64_t)ms) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "option 'intent_ms' expects whole milliseconds from 1 to %d",
                          HB_INTENT_MS_MAX);
    }
    ws->intent_ms = (int64_t)ms;
    return HB_OK;
}

static hb_status read_durability(hb_workspace *ws, hb_err *err) {
    static const hb_str known[] = { { "strict", 6 }, { "relaxed", 7 } };
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(ws->options, "durability");
    if (item == NULL || cJSON_IsNull(item)) return HB_OK;
    if (!cJSON_IsString(item)) {
        return hb_err_set(err, HB_E_TYPE, "option 'durability' expects \"strict\" or \"relaxed\"");
    }
    hb_str text = json_text(item);
    const bool relaxed = hb_str_eq(text, known[1]);
    /* What the host copies away is in memory here: it is the host that waits. */
    ws->relaxed = relaxed && !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(ws->options, "copied"));
    if (relaxed || hb_str_eq(text, known[0])) return HB_OK;
    hb_err_set(err, HB_E_VALIDATION, "unknown durability '%.*s'", HB_ARG(text));
    return hb_err_hint(err, text, known, 2);
}

/* Options of one engine mean nothing to another. */
static void leave_engine(cJSON *config, const cJSON *changes) {
    const hb_str is = json_text(cJSON_GetObjectItemCaseSensitive(changes, "type"));
    const hb_str was = json_text(cJSON_GetObjectItemCaseSensitive(config, "type"));
    const hb_backend *engine = hb_backend_find(is);
    if (is.len == 0 || hb_str_eq(is, was)) return;
    if (engine != NULL && engine == hb_backend_find(was)) return;
    cJSON *next;
    for (cJSON *item = config->child; item != NULL; item = next) {
        next = item->next;
        if (strcmp(item->string, "name") != 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
        }
    }
}

hb_status hb_overrides_apply(cJSON *backends, const cJSON *overrides, hb_err *err) {
    if (overrides == NULL || cJSON_IsNull(overrides)) return HB_OK;
    if (!cJSON_IsObject(overrides)) {
        return hb_err_set(err, HB_E_TYPE,
                          "overrides expects a mapping of instance names to options");
    }
    const cJSON *changes, *value;
    cJSON_ArrayForEach(changes, overrides) {
        cJSON *config = cJSON_GetObjectItemCaseSensitive(backends, changes->string);
        if (!cJSON_IsObject(config) || !cJSON_IsObject(changes)) {
            hb_err_set(err, config == NULL ? HB_E_UNKNOWN_BACKEND : HB_E_TYPE,
                       "overrides of '%s': expected options of a backend of the map",
                       changes->string);
            return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, hb_str_c(changes->string));
        }
        leave_engine(config, changes);
        cJSON_ArrayForEach(value, changes) {
            cJSON *copy = cJSON_Duplicate(value, true);
            cJSON_DeleteItemFromObjectCaseSensitive(config, value->string);
            if (copy == NULL || !cJSON_AddItemToObject(config, value->string, copy))
                return hb_err_memory(err);
        }
    }
    return HB_OK;
}

/* "backends" stays what was asked for: the manifest tells it. What opens is a copy with the
 * host's own paths. */
static hb_status read_backends(hb_workspace *ws, hb_err *err) {
    cJSON *map = cJSON_GetObjectItemCaseSensitive(ws->options, "backends");
    if (map == NULL || cJSON_IsNull(map)) {
        const cJSON *preset = cJSON_GetObjectItemCaseSensitive(ws->options, "preset");
        const cJSON *env = cJSON_GetObjectItemCaseSensitive(ws->options, "env");
        ws->preset = preset != NULL && !cJSON_IsNull(preset) ? json_text(preset) : HB_STR("debug");
        HB_TRY(hb_preset_backends(ws->preset, env, &map, err));
        cJSON_DeleteItemFromObjectCaseSensitive(ws->options, "backends");
        if (!cJSON_AddItemToObject(ws->options, "backends", map)) {
            cJSON_Delete(map);
            return hb_err_memory(err);
        }
    }
    HB_TRY(
        hb_overrides_apply(map, cJSON_GetObjectItemCaseSensitive(ws->options, "overrides"), err));
    ws->map = cJSON_Duplicate(map, true);
    if (ws->map == NULL) return hb_err_memory(err);
    HB_TRY(
        hb_overrides_apply(ws->map, cJSON_GetObjectItemCaseSensitive(ws->options, "places"), err));
    return make_instances(ws, ws->map, err);
}

static hb_status read_options(hb_workspace *ws, hb_err *err) {
    static const char *const known[] = { "id",        "preset", "backends",   "catalog",
                                         "owner",     "env",    "overrides",  "now_ms",
                                         "intent_ms", "shared", "durability", "places",
                                         "copied",    "persist" };
    enum { KNOWN = sizeof(known) / sizeof(known[0]) };
    const cJSON *item;
    cJSON_ArrayForEach(item, ws->options) {
        hb_str names[KNOWN];
        bool found = false;
        for (uint32_t i = 0; i < KNOWN; i++) {
            names[i] = hb_str_c(known[i]);
            found = found || hb_str_eq(names[i], hb_str_c(item->string));
        }
        if (found) continue;
        hb_err_set(err, HB_E_TYPE, "unknown option '%s'", item->string);
        return hb_err_hint(err, hb_str_c(item->string), names, KNOWN);
    }
    hb_str id = hb_str_trim(json_text(cJSON_GetObjectItemCaseSensitive(ws->options, "id")));
    if (!hb_id_is_valid(id)) {
        return hb_err_set(err, HB_E_INVALID_ID,
                          "invalid workspace id '%.*s': expected lower-case words joined by - or _",
                          HB_ARG(id));
    }
    ws->id = id;
    read_owner(ws);
    HB_TRY(read_intent_ms(ws, err));
    HB_TRY(read_durability(ws, err));
    const cJSON *catalog = cJSON_GetObjectItemCaseSensitive(ws->options, "catalog");
    ws->catalog = !cJSON_IsFalse(catalog);
    return read_backends(ws, err);
}

static hb_status open_instances(hb_workspace *ws, hb_err *err) {
    for (; ws->opened <= ws->instance_count; ws->opened++) {
        hb_instance *instance = ws->instances[ws->opened];
        hb_status status = instance->type->open(instance, err);
        if (status != HB_OK) {
            hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
            return status;
        }
    }
    return HB_OK;
}

hb_status hb_workspace_open(hb_str options_json, const hb_mem *mem, hb_workspace **out,
                            hb_err *err) {
    return hb_workspace_open_on(options_json, &(hb_host){ .mem = mem }, out, err);
}

hb_status hb_options_check_text(hb_str json, hb_err *err) {
    for (uint32_t i = 0; i + 5 < json.len; i++) {
        if (json.ptr[i] != '\\') continue;
        if (memcmp(json.ptr + i + 1, "u0000", 5) == 0) {
            return hb_err_set(err, HB_E_VALIDATION, "the options hold a text with a NUL character");
        }
        i++; /* what is escaped */
    }
    return HB_OK;
}

hb_status hb_workspace_open_on(hb_str options_json, const hb_host *host, hb_workspace **out,
                               hb_err *err) {
    hb_err_init(err);
    const hb_mem *mem = host->mem;
    hb_workspace *ws = hb_mem_zalloc(mem, sizeof(*ws));
    if (ws == NULL) return hb_err_memory(err);
    ws->host = *host;
    ws->mem = mem;
    hb_arena_init(&ws->arena, mem);
    hb_arena_init(&ws->sign_arena, mem);
    hb_map_init(&ws->by_id, mem);
    hb_status status = hb_options_check_text(options_json, err);
    if (status == HB_OK) {
        status = hb_json_tree(options_json, ws->mem, &ws->options, err);
    }
    if (status == HB_OK && !cJSON_IsObject(ws->options)) {
        status = hb_err_set(err, HB_E_TYPE, "the options of a workspace are a JSON mapping");
    }
    if (status == HB_OK) status = read_options(ws, err);
    if (status == HB_OK) status = open_instances(ws, err);
    if (status == HB_OK) status = hb_system_register(ws, err);
    if (status == HB_OK) {
        ws->detached = !hb_workspace_is_local(ws);
        if (!ws->detached) status = hb_workspace_restore(ws, err);
    }
    if (status != HB_OK) {
        hb_workspace_close(ws);
        return status;
    }
    *out = ws;
    return HB_OK;
}

void hb_workspace_idle(hb_workspace *ws) {
    for (uint32_t i = 0; i < ws->opened && i < ws->instance_count; i++) {
        hb_instance *instance = ws->instances[i];
        if (instance->type->idle != NULL) instance->type->idle(instance);
    }
}

void hb_workspace_close(hb_workspace *ws) {
    if (ws == NULL) return;
    hb_prepared_free_all(ws);
    for (uint32_t i = 0; i < ws->entity_count; i++) hb_entity_free(ws, ws->entities[i]);
    hb_mem_free(ws->mem, ws->entities, ws->entity_cap * sizeof(*ws->entities));
    while (ws->opened > 0) {
        hb_instance *instance = ws->instances[--ws->opened];
        instance->type->close(instance);
    }
    hb_map_free(&ws->by_id);
    cJSON_Delete(ws->map);
    cJSON_Delete(ws->options);
    const hb_mem *mem = ws->mem;
    hb_arena_free(&ws->sign_arena);
    hb_arena_free(&ws->arena);
    hb_mem_free(mem, ws, sizeof(*ws));
}
