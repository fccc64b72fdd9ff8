// SPDX-License-Identifier: MIT
/* Presets: named backend maps, with values from the environment.
 *
 * A text "${NAME:-value}" stands for the environment's NAME, or else for the value; "#{NAME:-1}"
 * for a port. An empty variable counts as none. */
#include <cJSON.h>
#include <string.h>

#include "base/num.h"
#include "value/json_tree.h"
#include "workspace/workspace.h"

#define LOCAL "HVNB_LOCAL_LTS_"
#define WEB "HVNB_WEB_LTS_"
#define WEB_SERVER                                                                                 \
    "\"database\":\"${" WEB "POSTGRES_DB:-postgres}\",\"host\":\"${" WEB                           \
    "POSTGRES_HOST:-localhost}\","                                                                 \
    "\"port\":\"#{" WEB "POSTGRES_PORT:-5432}\",\"username\":\"${" WEB                             \
    "POSTGRES_USER:-postgres}\","                                                                  \
    "\"password\":\"${" WEB "POSTGRES_PASSWORD:-}\","                                              \
    "\"params\":{\"sslmode\":\"${" WEB "POSTGRES_SSLMODE:-require}\"}}"
#define SEARCH(prefix)                                                                             \
    "\"search\":{\"type\":\"elasticsearch\",\"name\":\"search\",\"hosts\":[\"${" prefix            \
    "ES_URL:-http://localhost:9200}\"]}}"

static const struct {
    const char *name;
    const char *desc;
    const char *backends;
} presets[] = {
    { "debug", "SQLite rows, vectors and text, all in the memory of this process.",
      "{\"main\":{\"type\":\"sqlite\",\"name\":\"main\",\"database\":\":memory:\"},"
      "\"vec\":{\"type\":\"inmem\",\"name\":\"vec\"},"
      "\"search\":{\"type\":\"inmem\",\"name\":\"search\"}}" },
    { "local-lts",
      "Servers of your own: rows in Postgres, vectors in Lance, text in Elasticsearch.",
      "{\"main\":{\"type\":\"postgres\",\"name\":\"main\",\"database\":\"${" LOCAL
      "POSTGRES_DB:-rubik}\",\"host\":\"${" LOCAL "POSTGRES_HOST:-localhost}\",\"port\":\"#{" LOCAL
      "POSTGRES_PORT:-5432}\",\"username\":\"${" LOCAL
      "POSTGRES_USER:-rubik}\",\"password\":\"${" LOCAL
      "POSTGRES_PASSWORD:-}\",\"superuser\":{\"username\":\"${" LOCAL
      "POSTGRES_SUPERUSER:-rubik}\",\"password\":\"${" LOCAL
      "POSTGRES_SUPERUSER_PASSWORD:-}\",\"database\":\"${" LOCAL
      "POSTGRES_MAINTENANCE_DB:-postgres}\",\"schema\":\"public\",\"params\":{\"sslmode\":"
      "\"prefer\"}}},"
      "\"vec\":{\"type\":\"lance\",\"name\":\"vec\",\"uri\":\"file://%/workspaces/lance\"}," SEARCH(
          LOCAL) },
    { "web-lts",
      "Managed services: rows in Postgres, vectors in pgvector, text in hosted Elasticsearch.",
      "{\"main\":{\"type\":\"postgres\",\"name\":\"main\"," WEB_SERVER
      ",\"vec\":{\"type\":\"pgvector\",\"name\":\"vec\",\"shared_database\":true," WEB_SERVER
      "," SEARCH(WEB) },
    { "browser", "Everything in one SQLite file, kept by the browser.",
      "{\"main\":{\"type\":\"sqlite\",\"name\":\"main\",\"database\":\"heavenbase.db\"}}" },
    { "edge", "Everything in the memory of an isolate, without SQLite.",
      "{\"main\":{\"type\":\"inmem\",\"name\":\"main\"},"
      "\"vec\":{\"type\":\"inmem\",\"name\":\"vec\"},"
      "\"search\":{\"type\":\"inmem\",\"name\":\"search\"}}" },
};
#define PRESET_COUNT ((uint32_t)(sizeof(presets) / sizeof(presets[0])))

bool hb_preset_at(uint32_t index, hb_str *name, hb_str *desc) {
    if (index >= PRESET_COUNT) return false;
    *name = hb_str_c(presets[index].name);
    *desc = hb_str_c(presets[index].desc);
    return true;
}

/* ---- the environment ------------------------------------------------------------------- */

/* The variable's value, or what the placeholder gives; `word` is cut at its name. */
static const char *placeholder_value(char *word, const cJSON *env) {
    char *end = strstr(word, ":-");
    char *fallback = end + 2;
    fallback[strlen(fallback) - 1] = '\0';
    *end = '\0';
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(env, word + 2);
    const char *text = cJSON_IsString(given) ? given->valuestring : "";
    return text[0] != '\0' ? text : fallback;
}

static hb_status port_of(const char *text, const char *name, double *out, hb_err *err) {
    int64_t number = 0;
    const bool digits = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
    const bool ok = digits && hb_num_parse_i64(hb_str_c(text), &number) == HB_NUM_OK &&
                    number >= 1 && number <= 65535;
    *out = (double)number;
    if (ok) return HB_OK;
    return hb_err_set(err, HB_E_VALIDATION,
                      "the variable %s expects a port, a whole number from 1 to 65535", name);
}

static hb_status resolve(cJSON *node, const cJSON *env, hb_err *err) {
    for (cJSON *item = node->child; item != NULL; item = item->next)
        HB_TRY(resolve(item, env, err));
    if (!cJSON_IsString(node)) return HB_OK;
    char *word = node->valuestring;
    if ((word[0] != '$' && word[0] != '#') || word[1] != '{') return HB_OK;
    bool number = word[0] == '#';
    const char *text = placeholder_value(word, env);
    cJSON *made = NULL;
    if (number) {
        double value;
        HB_TRY(port_of(text, word + 2, &value, err));
        made = cJSON_CreateNumber(value);
    } else {
        made = cJSON_CreateString(text);
    }
    if (made == NULL) return hb_err_memory(err);
    /* The node stays where it is, under its name; it takes over the new one's value. */
    char *old = node->valuestring;
    node->type = made->type;
    node->valuestring = made->valuestring;
    node->valuedouble = made->valuedouble;
    node->valueint = made->valueint;
    made->type = cJSON_String;
    made->valuestring = old;
    cJSON_Delete(made);
    return HB_OK;
}

hb_status hb_preset_backends(hb_str name, const cJSON *env, cJSON **out, hb_err *err) {
    hb_str known[PRESET_COUNT];
    for (uint32_t i = 0; i < PRESET_COUNT; i++) {
        known[i] = hb_str_c(presets[i].name);
        if (!hb_str_eq(known[i], name)) continue;
        cJSON *map = cJSON_Parse(presets[i].backends);
        hb_status status = map != NULL ? resolve(map, env, err) : hb_err_memory(err);
        if (status == HB_OK) {
            *out = map;
        } else {
            cJSON_Delete(map);
        }
        return status;
    }
    hb_err_set(err, HB_E_UNKNOWN_PRESET, "unknown preset '%.*s'", HB_ARG(name));
    return hb_err_hint(err, name, known, PRESET_COUNT);
}

/* Notes the variable that a placeholder takes its value from, if it does. */
static hb_status note_variable(const cJSON *node, const char *option, const cJSON *env, cJSON *out,
                               hb_err *err) {
    const char *word = node->valuestring;
    if ((word[0] != '$' && word[0] != '#') || word[1] != '{') return HB_OK;
    char name[64];
    size_t len = strcspn(word + 2, ":");
    if (len >= sizeof(name)) return HB_OK;
    memcpy(name, word + 2, len);
    name[len] = '\0';
    const cJSON *given = cJSON_GetObjectItemCaseSensitive(env, name);
    if (!cJSON_IsString(given) || given->valuestring[0] == '\0') return HB_OK;
    if (cJSON_GetObjectItemCaseSensitive(out, name) != NULL) return HB_OK;
    cJSON *one = cJSON_CreateObject();
    hb_status status =
        cJSON_AddStringToObject(one, option, given->valuestring) != NULL ? HB_OK : HB_E_MEMORY;
    if (status == HB_OK) status = hb_redact_options(one, NULL, err);
    if (status == HB_OK && !cJSON_AddStringToObject(out, name, one->child->valuestring)) {
        status = HB_E_MEMORY;
    }
    cJSON_Delete(one);
    return status == HB_E_MEMORY ? hb_err_memory(err) : status;
}

static hb_status note_variables(const cJSON *node, const char *option, const cJSON *env, cJSON *out,
                                hb_err *err) {
    if (cJSON_IsString(node)) return note_variable(node, option, env, out, err);
    for (const cJSON *item = node->child; item != NULL; item = item->next) {
        const char *name = item->string != NULL ? item->string : option;
        HB_TRY(note_variables(item, name, env, out, err));
    }
    return HB_OK;
}

hb_status hb_preset_env(hb_str name, const cJSON *env, const cJSON *overrides, cJSON **out,
                        hb_err *err) {
    *out = cJSON_CreateObject();
    hb_status status = *out != NULL ? HB_OK : hb_err_memory(err);
    for (uint32_t i = 0; i < PRESET_COUNT && status == HB_OK; i++) {
        if (!hb_str_eq(hb_str_c(presets[i].name), name)) continue;
        cJSON *map = cJSON_Parse(presets[i].backends);
        status = map != NULL ? hb_overrides_apply(map, overrides, err) : hb_err_memory(err);
        if (status == HB_OK) status = note_variables(map, "", env, *out, err);
        cJSON_Delete(map);
    }
    if (status == HB_OK) return HB_OK;
    cJSON_Delete(*out);
    return status;
}

/* ---- showing --------------------------------------------------------------------------- */

static hb_status show_one(uint32_t index, const cJSON *env, cJSON *list, hb_err *err) {
    cJSON *backends;
    HB_TRY(hb_preset_backends(hb_str_c(presets[index].name), env, &backends, err));
    cJSON *item = cJSON_CreateObject();
    hb_status status = item != NULL ? hb_redact_backends(backends, err) : hb_err_memory(err);
    bool ok = status == HB_OK &&
              cJSON_AddStringToObject(item, "preset", presets[index].name) != NULL &&
              cJSON_AddStringToObject(item, "desc", presets[index].desc) != NULL;
    if (!ok || !cJSON_AddItemToObject(item, "backends", backends)) {
        cJSON_Delete(backends);
        ok = false;
    }
    if (!ok || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return status != HB_OK ? status : hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status presets_list(const cJSON *request, cJSON *list, hb_err *err) {
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request, "name");
    const cJSON *env = cJSON_GetObjectItemCaseSensitive(request, "env");
    bool found = !cJSON_IsString(name);
    for (uint32_t i = 0; i < PRESET_COUNT; i++) {
        if (cJSON_IsString(name) && strcmp(name->valuestring, presets[i].name) != 0) continue;
        found = true;
        HB_TRY(show_one(i, env, list, err));
    }
    cJSON *none;
    return found ? HB_OK : hb_preset_backends(hb_str_c(name->valuestring), env, &none, err);
}

hb_status hb_call_presets(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    (void)ws;
    task->advance = hb_task_finish;
    HB_TRY(hb_options_check_text(request->text, err));
    cJSON *options;
    HB_TRY(hb_json_tree(request->text, task->mem, &options, err));
    if (!cJSON_IsObject(options)) {
        cJSON_Delete(options);
        return hb_err_set(err, HB_E_TYPE, "presets are asked for with a JSON mapping");
    }
    cJSON *list = cJSON_CreateArray();
    hb_status status = list != NULL ? presets_list(options, list, err) : hb_err_memory(err);
    cJSON_Delete(options);
    if (status == HB_OK) return hb_answer_cjson(task, list, err);
    cJSON_Delete(list);
    return status;
}
