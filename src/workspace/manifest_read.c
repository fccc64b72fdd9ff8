// SPDX-License-Identifier: MIT
/* A manifest from outside: every part of it is checked before anything is opened. */
#include <cJSON.h>
#include <string.h>

#include "base/limits.h"
#include "workspace/manifest.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

/* ---- mappings of known members ---------------------------------------------------------- */

static const char *found_in(hb_str pack) {
    static const char *const words[] = {
        [HB_PACK_NIL] = "null",       [HB_PACK_BOOL] = "a boolean",
        [HB_PACK_INT] = "a number",   [HB_PACK_STR] = "a text",
        [HB_PACK_ARRAY] = "a list",   [HB_PACK_UINT64] = "a number",
        [HB_PACK_BIN] = "bytes",      [HB_PACK_MAP] = "a mapping",
        [HB_PACK_FLOAT] = "a number", [HB_PACK_EXT] = "a value that is no JSON",
    };
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    return pack.len > 0 && hb_pack_next(&r, &item) ? words[item.tag] : "nothing";
}

static hb_status malformed(hb_err *err, const char *what, hb_str pack, const char *expected) {
    return hb_err_set(err, HB_E_VALIDATION, "the manifest's %s is malformed: expected %s, found %s",
                      what, expected, found_in(pack));
}

/* The member's text, "" unless it is one. */
static hb_str text_of(hb_str pack) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (pack.len == 0 || !hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) return HB_STR_EMPTY;
    return item.s;
}

static bool is_nil(hb_str pack) {
    return pack.len == 0 || (uint8_t)pack.ptr[0] == 0xc0;
}

/* The values of a mapping's members; "" for what is missing. */
static hb_status members(hb_str pack, const char *what, const hb_str *names, uint32_t count,
                         hb_str *values, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item map, key;
    memset(values, 0, count * sizeof(*values));
    if (pack.len == 0 || !hb_pack_next(&r, &map) || map.tag != HB_PACK_MAP) {
        return malformed(err, what, pack, "a mapping");
    }
    for (uint32_t i = 0; i < map.count; i++) {
        hb_str value;
        if (!hb_pack_next(&r, &key) || key.tag != HB_PACK_STR || !hb_pack_skip(&r, &value)) {
            return malformed(err, what, pack, "texts as keys");
        }
        uint32_t at = 0;
        while (at < count && !hb_str_eq(names[at], key.s)) at++;
        if (at == count) {
            hb_err_set(err, HB_E_VALIDATION, "unknown key '%.*s' in the manifest's %s",
                       HB_ARG(key.s), what);
            return hb_err_hint(err, key.s, names, count);
        }
        if (values[at].len > 0) {
            return hb_err_set(err, HB_E_VALIDATION, "key '%.*s' is twice in the manifest's %s",
                              HB_ARG(key.s), what);
        }
        values[at] = value;
    }
    return HB_OK;
}

/* ---- secrets ---------------------------------------------------------------------------- */

#define SECRET_DEPTH 6u

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

static hb_status fill_secret(cJSON *node, const char *const *path, uint32_t depth, const cJSON *env,
                             hb_err *err) {
    if (strstr(node->valuestring, HB_REDACTED) == NULL) return HB_OK;
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
        if (depth == SECRET_DEPTH) {
            return hb_err_set(err, HB_E_VALIDATION,
                              "the manifest's backend '%s' is malformed: expected at most %u "
                              "levels of options",
                              path[0], SECRET_DEPTH - 1);
        }
        path[depth] = item->string != NULL ? item->string : "0";
        HB_TRY(fill_secrets(item, path, depth + 1, env, err));
    }
    return cJSON_IsString(node) && depth >= 2 ? fill_secret(node, path, depth, env, err) : HB_OK;
}

/* The variables that the preset had take the values of now; those that were secret need one. */
static hb_status fill_env(cJSON *noted, const cJSON *env, hb_err *err) {
    for (cJSON *item = noted->child; item != NULL; item = item->next) {
        const cJSON *now = cJSON_GetObjectItemCaseSensitive(env, item->string);
        if (!cJSON_IsString(item)) {
            return hb_err_set(err, HB_E_VALIDATION,
                              "the manifest's variable %s is malformed: "
                              "expected a text",
                              item->string);
        }
        if (cJSON_IsString(now) && now->valuestring[0] != '\0') {
            if (cJSON_SetValuestring(item, now->valuestring) == NULL) return hb_err_memory(err);
        } else if (strstr(item->valuestring, HB_REDACTED) != NULL) {
            return hb_err_set(err, HB_E_VALIDATION,
                              "the manifest holds no secrets: its preset "
                              "needs the variable %s",
                              item->string);
        }
    }
    return HB_OK;
}

/* ---- construction ----------------------------------------------------------------------- */

enum {
    MADE_KIND,
    MADE_CATALOG,
    MADE_PRESET,
    MADE_BACKENDS,
    MADE_OVERRIDES,
    MADE_ENV,
    MADE_PERSIST,
    MADE_DURABILITY,
    MADE_INTENT_MS,
    MADE_COUNT
};
static const hb_str made_names[MADE_COUNT] = {
    S("kind"), S("catalog"), S("preset"),     S("backends"),  S("overrides"),
    S("env"),  S("persist"), S("durability"), S("intent_ms"),
};

typedef struct manifest_request {
    const cJSON *env;           /* or NULL */
    const cJSON *overrides;     /* or NULL */
} manifest_request;

/* The reader of options ends texts at NUL, which would make another path or secret of one. */
static hb_status check_texts(hb_str pack, const char *what, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    while (hb_pack_next(&r, &item)) {
        const bool text = item.tag == HB_PACK_STR && item.s.len > 0;
        if (text && memchr(item.s.ptr, '\0', item.s.len) != NULL) {
            return hb_err_set(err, HB_E_VALIDATION,
                              "the manifest's %s holds a text with a NUL "
                              "character",
                              what);
        }
    }
    return HB_OK;
}

/* A part as a tree of its own; *out NULL when there is none. The caller deletes it. */
static hb_status tree_of(hb_str pack, const char *what, cJSON **out, hb_err *err) {
    *out = NULL;
    if (is_nil(pack)) return HB_OK;
    HB_TRY(check_texts(pack, what, err));
    hb_buf json;
    hb_buf_init(&json, hb_mem_default());
    hb_status status = hb_pack_to_json(pack, 0, false, &json, err);
    if (status == HB_OK) {
        *out = cJSON_ParseWithLength(json.ptr, json.len);
        if (*out == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&json);
    if (status == HB_OK && !cJSON_IsObject(*out)) {
        cJSON_Delete(*out);
        *out = NULL;
        status = malformed(err, what, pack, "a mapping");
    }
    return status;
}

static hb_status check_made(const hb_str values[MADE_COUNT], hb_err *err) {
    const hb_str kind = text_of(values[MADE_KIND]);
    const bool preset = text_of(values[MADE_PRESET]).len > 0;
    const bool backends = !is_nil(values[MADE_BACKENDS]);
    if (preset == backends || (!preset && !is_nil(values[MADE_PRESET]))) {
        return malformed(err, "construction", preset ? values[MADE_BACKENDS] : values[MADE_PRESET],
                         "the name of a preset or a mapping of backends, one of them");
    }
    if (!is_nil(values[MADE_KIND]) && !hb_str_eq(kind, hb_str_c(preset ? "preset" : "backends"))) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "the manifest's construction is malformed: it has "
                          "%s, and its kind is '%.*s'",
                          preset ? "a preset" : "backends", HB_ARG(kind));
    }
    if (backends && (!is_nil(values[MADE_OVERRIDES]) || !is_nil(values[MADE_ENV]))) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "the manifest's construction is malformed: "
                          "overrides and env are those of a preset");
    }
    const hb_str catalog = values[MADE_CATALOG];
    if (!is_nil(catalog) && strcmp(found_in(catalog), "a boolean") != 0) {
        return malformed(err, "catalog", catalog, "true or false");
    }
    const hb_str persist = values[MADE_PERSIST];
    if (!is_nil(persist) && !hb_str_eq(text_of(persist), HB_STR("idb"))) {
        return malformed(err, "persist", persist, "\"idb\"");
    }
    return HB_OK;
}

/* What is changed on the way is not asked for, nor are secrets of what goes. */
static hb_status put_overrides(cJSON *made, const cJSON *overrides, hb_err *err) {
    if (overrides == NULL) return HB_OK;
    cJSON *backends = cJSON_GetObjectItemCaseSensitive(made, "backends");
    if (backends != NULL) return hb_overrides_apply(backends, overrides, err);
    cJSON *map = cJSON_GetObjectItemCaseSensitive(made, "overrides");
    if (map == NULL) map = cJSON_AddObjectToObject(made, "overrides");
    if (map == NULL) return hb_err_memory(err);
    const cJSON *changes;
    cJSON_ArrayForEach(changes, overrides) {
        if (cJSON_GetObjectItemCaseSensitive(map, changes->string) == NULL &&
            cJSON_AddObjectToObject(map, changes->string) == NULL) {
            return hb_err_memory(err);
        }
    }
    return hb_overrides_apply(map, overrides, err);
}

static hb_status complete_made(cJSON *made, const manifest_request *request, hb_err *err) {
    const char *path[SECRET_DEPTH + 1];
    HB_TRY(put_overrides(made, request->overrides, err));
    cJSON *env = cJSON_GetObjectItemCaseSensitive(made, "env");
    if (env != NULL && !cJSON_IsObject(env)) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "the manifest's env is malformed: expected a "
                          "mapping of variables");
    }
    if (env != NULL) HB_TRY(fill_env(env, request->env, err));
    static const char *const maps[] = { "backends", "overrides" };
    for (int i = 0; i < 2; i++) {
        cJSON *map = cJSON_GetObjectItemCaseSensitive(made, maps[i]);
        if (map == NULL) continue;
        if (!cJSON_IsObject(map)) {
            return hb_err_set(err, HB_E_VALIDATION,
                              "the manifest's %s is malformed: expected a "
                              "mapping of instance names to options",
                              maps[i]);
        }
        HB_TRY(fill_secrets(map, path, 0, request->env, err));
    }
    return HB_OK;
}

static hb_status read_construction(hb_str pack, const manifest_request *request, hb_buf *out,
                                   hb_err *err) {
    hb_str values[MADE_COUNT];
    HB_TRY(members(pack, "construction", made_names, MADE_COUNT, values, err));
    HB_TRY(check_made(values, err));
    cJSON *made;
    HB_TRY(tree_of(pack, "construction", &made, err));
    cJSON_DeleteItemFromObjectCaseSensitive(made, "kind");
    hb_status status = complete_made(made, request, err);
    char *text = status == HB_OK ? cJSON_PrintUnformatted(made) : NULL;
    cJSON_Delete(made);
    if (status == HB_OK && text == NULL) status = hb_err_memory(err);
    if (status == HB_OK) status = hb_pack_from_json(hb_str_c(text), out, err);
    cJSON_free(text);
    return status;
}

/* ---- entities --------------------------------------------------------------------------- */

/* What a manifest says of places follows from definitions and backends; it is only looked at. */
static hb_status check_storage(hb_str pack, hb_err *err) {
    static const hb_str names[] = { S("field"), S("backend"), S("strategy") };
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item list;
    if (is_nil(pack)) return HB_OK;
    if (!hb_pack_next(&r, &list) || list.tag != HB_PACK_ARRAY) {
        return malformed(err, "storage", pack, "a list");
    }
    for (uint32_t i = 0; i < list.count; i++) {
        hb_str item, values[3];
        if (!hb_pack_skip(&r, &item)) return malformed(err, "storage", pack, "a list");
        HB_TRY(members(item, "storage", names, 3, values, err));
        for (uint32_t v = 0; v < 3; v++) {
            if (text_of(values[v]).len == 0) {
                return malformed(err, "storage", values[v], "texts for field, backend, strategy");
            }
        }
    }
    return HB_OK;
}

static hb_status check_id(hb_map *ids, const hb_schema *schema, hb_arena *arena, hb_err *err) {
    const hb_str id = hb_arena_str(arena, schema->entity_id);
    if (id.ptr == NULL) return hb_err_memory(err);
    if (hb_map_find(ids, id) != HB_MAP_NONE) {
        hb_err_set(err, HB_E_VALIDATION, "the manifest has the entity '%.*s' twice", HB_ARG(id));
        return hb_err_where(err, id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    return hb_map_put(ids, id, 0) ? HB_OK : hb_err_memory(err);
}

static hb_status read_entity(hb_str pack, uint32_t number, hb_map *ids, hb_arena *arena,
                             hb_buf *out, hb_err *err) {
    static const hb_str names[] = { S("definition"), S("storage") };
    hb_str values[2];
    const char *what = hb_arena_printf(arena, "entity %u", number).ptr;
    if (what == NULL) return hb_err_memory(err);
    HB_TRY(members(pack, what, names, 2, values, err));
    if (strcmp(found_in(values[0]), "a mapping") != 0) {
        return malformed(err, what, values[0], "a definition");
    }
    hb_buf definition;
    hb_schema *schema = NULL;
    hb_buf_init(&definition, out->mem);
    hb_status status = hb_manifest_untag(values[0], arena, &definition, err);
    if (status == HB_OK) {
        status = hb_schema_parse(hb_buf_str(&definition), out->mem, &schema, err);
    }
    if (status == HB_OK) status = check_id(ids, schema, arena, err);
    if (status == HB_OK) {
        status = check_storage(values[1], err);
        hb_err_where(err, schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    }
    if (status == HB_OK) hb_buf_add_str(out, hb_buf_str(&definition));
    if (schema != NULL) hb_schema_free(schema);
    hb_buf_free(&definition);
    return status;
}

static hb_status read_entities(hb_str pack, hb_arena *arena, hb_buf *out, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item list;
    if (pack.len == 0 || !hb_pack_next(&r, &list) || list.tag != HB_PACK_ARRAY) {
        return malformed(err, "entities", pack, "a list");
    }
    if (list.count > HB_ENTITIES_MAX) {
        return hb_err_set(err, HB_E_LIMIT,
                          "the manifest has %u entities: a workspace has at most "
                          "%u",
                          list.count, HB_ENTITIES_MAX);
    }
    hb_map ids;
    hb_status status = HB_OK;
    hb_map_init(&ids, out->mem);
    hb_pack_array(out, list.count);
    for (uint32_t i = 0; i < list.count && status == HB_OK; i++) {
        hb_str item;
        status = hb_pack_skip(&r, &item) ? read_entity(item, i, &ids, arena, out, err)
                                         : malformed(err, "entities", pack, "a list");
    }
    hb_map_free(&ids);
    return status;
}

/* ---- the whole -------------------------------------------------------------------------- */

enum {
    PART_KIND,
    PART_VERSION,
    PART_ID,
    PART_CONSTRUCTION,
    PART_EXTENSIONS,
    PART_ENTITIES,
    PART_COUNT
};
static const hb_str part_names[PART_COUNT] = {
    S("kind"), S("version"), S("id"), S("construction"), S("extensions"), S("entities"),
};

static hb_status check_head(const hb_str values[PART_COUNT], hb_err *err) {
    const hb_str id = text_of(values[PART_ID]);
    hb_pack_reader r = hb_pack_read(values[PART_VERSION]);
    hb_pack_item version = { .tag = HB_PACK_NIL };
    if (!hb_str_eq(text_of(values[PART_KIND]), HB_STR(HB_MANIFEST_KIND))) {
        return malformed(err, "kind", values[PART_KIND], "\"" HB_MANIFEST_KIND "\"");
    }
    if (values[PART_VERSION].len > 0) (void)hb_pack_next(&r, &version);
    if (version.tag == HB_PACK_INT && version.i > HB_MANIFEST_VERSION) {
        return hb_err_set(err, HB_E_FORMAT, "the manifest is of version %lld: expected %d",
                          (long long)version.i, HB_MANIFEST_VERSION);
    }
    if (version.tag != HB_PACK_INT || version.i != HB_MANIFEST_VERSION) {
        return malformed(err, "version", values[PART_VERSION], "2");
    }
    if (!hb_id_is_valid(id)) return malformed(err, "id", values[PART_ID], "the id of a workspace");
    hb_pack_reader e = hb_pack_read(values[PART_EXTENSIONS]);
    hb_pack_item extensions;
    if (is_nil(values[PART_EXTENSIONS])) return HB_OK;
    if (!hb_pack_next(&e, &extensions) || extensions.tag != HB_PACK_ARRAY || extensions.count > 0) {
        return malformed(err, "list of extensions", values[PART_EXTENSIONS],
                         "an empty list: there are none here");
    }
    return HB_OK;
}

static hb_status read_parts(hb_str manifest, const manifest_request *request, hb_arena *arena,
                            hb_buf *out, hb_err *err) {
    hb_str values[PART_COUNT];
    HB_TRY(members(manifest, "mapping", part_names, PART_COUNT, values, err));
    HB_TRY(check_head(values, err));
    hb_pack_map(out, 3);
    hb_pack_str(out, HB_STR("id"));
    hb_pack_str(out, text_of(values[PART_ID]));
    hb_pack_str(out, HB_STR("construction"));
    HB_TRY(read_construction(values[PART_CONSTRUCTION], request, out, err));
    hb_pack_str(out, HB_STR("entities"));
    HB_TRY(read_entities(values[PART_ENTITIES], arena, out, err));
    return hb_buf_check(out, err);
}

hb_status hb_manifest_read(hb_str request, hb_arena *arena, hb_buf *out, hb_err *err) {
    static const hb_str names[] = { S("manifest"), S("env"), S("overrides") };
    hb_str values[3];
    if (!hb_pack_valid(request) || strcmp(found_in(request), "a mapping") != 0) {
        return hb_err_set(err, HB_E_TYPE, "a manifest is read from a mapping");
    }
    HB_TRY(members(request, "request", names, 3, values, err));
    if (strcmp(found_in(values[0]), "a mapping") != 0) {
        return hb_err_set(err, HB_E_TYPE, "a manifest is a mapping: found %s", found_in(values[0]));
    }
    if (!is_nil(values[2]) && strcmp(found_in(values[2]), "a mapping") != 0) {
        return hb_err_set(err, HB_E_TYPE,
                          "overrides expects a mapping of instance names to options");
    }
    cJSON *env, *overrides = NULL;
    hb_status status = tree_of(values[1], "env", &env, err);
    if (status == HB_OK) status = tree_of(values[2], "overrides", &overrides, err);
    const manifest_request given = { env, overrides };
    if (status == HB_OK) status = read_parts(values[0], &given, arena, out, err);
    cJSON_Delete(env);
    cJSON_Delete(overrides);
    return status;
}
