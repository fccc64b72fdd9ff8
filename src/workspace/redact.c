// SPDX-License-Identifier: MIT
/* Options without their secrets: what the backend's type declares secret, what is called like a
 * secret at any depth, and credentials inside URLs. */
#include <cJSON.h>
#include <string.h>

#include "workspace/workspace.h"

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* "superuser_password" ends like a secret, "max_tokens" does not. */
static bool ends_like(const char *name, const char *word) {
    size_t len = strlen(word), total = strlen(name);
    if (total < len) return false;
    for (size_t i = 0; i < len; i++) {
        if (lower(name[total - len + i]) != word[i]) return false;
    }
    return true;
}

bool hb_option_is_secret(const hb_backend *type, const char *name) {
    static const char *const words[] = { "password", "passwd",     "secret",
                                         "token",    "api_key",    "apikey",
                                         "api-key",  "credential", "private_key" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (ends_like(name, words[i])) return true;
    }
    const hb_option *option = type != NULL ? type->options : NULL;
    for (; option != NULL && option->name != NULL; option++) {
        if (strcmp(option->name, name) == 0) return option->secret;
    }
    return false;
}

/* "scheme://user:password@host": the password's place in `text`, or false. */
static bool url_secret(const char *text, size_t *from, size_t *to) {
    const char *scheme = strstr(text, "://");
    if (scheme == NULL) return false;
    const char *start = scheme + 3;
    size_t len = strcspn(start, "/?#");
    const char *colon = memchr(start, ':', len);
    const char *at = NULL;
    for (size_t i = 0; i < len; i++) {
        if (start[i] == '@') at = start + i;
    }
    if (colon == NULL || at == NULL || colon > at) return false;
    *from = (size_t)(colon + 1 - text);
    *to = (size_t)(at - text);
    return true;
}

/* "?api_key=value", "&token=value": the place of the next value behind `at` that is called like a
 * secret, or false. */
static bool query_secret(const char *text, const char *at, size_t *from, size_t *to) {
    while ((at = strpbrk(at, "?&")) != NULL) {
        char name[32];
        const char *start = at + 1;
        const size_t len = strcspn(start, "=&#");
        at = start;
        if (start[len] != '=' || len >= sizeof(name)) continue;
        memcpy(name, start, len);
        name[len] = '\0';
        if (!hb_option_is_secret(NULL, name)) continue;
        *from = (size_t)(start + len + 1 - text);
        *to = *from + strcspn(text + *from, "&#");
        return true;
    }
    return false;
}

/* The credentials in an address: the password before the host, and values of its query. */
static hb_status redact_url(cJSON *node, hb_err *err) {
    size_t from, to, done = 0;
    const char *text = node->valuestring;
    hb_buf made;
    hb_buf_init(&made, hb_mem_default());
    bool found = url_secret(text, &from, &to);
    const char *query = strstr(text, "://");
    while (found || (query != NULL && query_secret(text, text + done, &from, &to))) {
        hb_buf_add(&made, text + done, from - done);
        hb_buf_add_c(&made, HB_REDACTED);
        done = to;
        found = false;
    }
    hb_buf_add_c(&made, text + done);
    hb_buf_add_char(&made, '\0');
    hb_status status = hb_buf_check(&made, err);
    if (status == HB_OK && done > 0 && cJSON_SetValuestring(node, made.ptr) == NULL) {
        status = hb_err_memory(err);
    }
    hb_buf_free(&made);
    return status;
}

static hb_status redact_node(cJSON *parent, cJSON *node, const hb_backend *type, hb_err *err) {
    if (node->string != NULL && hb_option_is_secret(type, node->string)) {
        cJSON *word = cJSON_CreateString(HB_REDACTED);
        if (word != NULL && cJSON_ReplaceItemInObjectCaseSensitive(parent, node->string, word)) {
            return HB_OK;
        }
        cJSON_Delete(word);
        return hb_err_memory(err);
    }
    return cJSON_IsString(node) ? redact_url(node, err) : hb_redact_options(node, type, err);
}

hb_status hb_redact_options(cJSON *options, const hb_backend *type, hb_err *err) {
    cJSON *next;
    for (cJSON *item = options->child; item != NULL; item = next) {
        next = item->next;
        HB_TRY(redact_node(options, item, type, err));
    }
    return HB_OK;
}

hb_status hb_redact_backends(cJSON *backends, hb_err *err) {
    for (cJSON *config = backends->child; config != NULL; config = config->next) {
        const cJSON *type = cJSON_GetObjectItemCaseSensitive(config, "type");
        const hb_backend *backend =
            cJSON_IsString(type) ? hb_backend_find(hb_str_c(type->valuestring)) : NULL;
        HB_TRY(hb_redact_options(config, backend, err));
    }
    return HB_OK;
}
