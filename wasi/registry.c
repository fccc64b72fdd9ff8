// SPDX-License-Identifier: MIT
/* The workspaces that were created: <home>/workspaces/<id>.json, each
 * {"id", "preset" | "backends", "created_at", "updated_at"}. A text option that starts with
 * "file://%/" lies in the home folder, wherever that is. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/backend.h"
#include "value/schema.h"
#include "wasi/cli.h"

#define HOME_PREFIX "file://%/"

extern char **environ;      /* POSIX declares it nowhere */

hb_str cli_registry_path(cli *c, hb_str id) {
    return hb_arena_printf(&c->arena, "%s/workspaces/%.*s.json", c->home, HB_ARG(id));
}

bool cli_registry_has(cli *c, hb_str id) {
    struct stat info;
    hb_str path = cli_registry_path(c, id);
    return path.ptr != NULL && hb_id_is_valid(id) && stat(path.ptr, &info) == 0;
}

static int registry_check(cli *c, hb_str path, yyjson_doc *doc, hb_str id) {
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool ok = yyjson_is_obj(root) && hb_str_eq(cli_json_text(root, "id"), id) &&
              (yyjson_is_str(yyjson_obj_get(root, "preset")) ||
               yyjson_is_obj(yyjson_obj_get(root, "backends")));
    return ok ? CLI_OK
              : cli_error(c, "'%s' does not describe workspace '%.*s'", path.ptr, HB_ARG(id));
}

int cli_registry_get(cli *c, hb_str id, yyjson_doc **out) {
    *out = NULL;
    if (!cli_registry_has(c, id)) {
        return cli_error(c, "\"No registered workspace '%.*s'\"", HB_ARG(id));
    }
    hb_str path = cli_registry_path(c, id);
    hb_buf text;
    hb_buf_init(&text, c->mem);
    int code = cli_read_all(c, path.ptr, &text);
    if (code == CLI_OK && cli_json_parse(c, hb_buf_str(&text), path.ptr, out, &c->err) != HB_OK) {
        code = cli_fail(c, &c->err);
    }
    if (code == CLI_OK) code = registry_check(c, path, *out, id);
    hb_buf_free(&text);
    return code;
}

static int id_order(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

int cli_registry_list(cli *c, hb_str **ids, uint32_t *count) {
    uint32_t cap = 0;
    *ids = NULL;
    *count = 0;
    hb_str folder = hb_arena_printf(&c->arena, "%s/workspaces", c->home);
    DIR *dir = folder.ptr != NULL ? opendir(folder.ptr) : NULL;
    if (dir == NULL) {
        int error = errno;      /* no such folder: nothing was created yet */
        bool none = error == ENOENT && !cli_path_is_outside(c->home, error);
        return none ? CLI_OK : cli_fail_path(c, "read", c->home, error);
    }
    bool ok = true;
    const struct dirent *entry;
    while (ok && (entry = readdir(dir)) != NULL) {
        hb_str name = hb_str_c(entry->d_name);
        if (!hb_str_ends(name, HB_STR(".json"))) continue;
        name.len -= 5;
        if (!hb_id_is_valid(name)) continue;
        if (*count == cap) {
            hb_str *grown = hb_arena_array(&c->arena, cap == 0 ? 16 : cap * 2, sizeof(*grown));
            if (grown != NULL && cap > 0) memcpy(grown, *ids, cap * sizeof(*grown));
            cap = cap == 0 ? 16 : cap * 2;
            *ids = grown;
            ok = grown != NULL;
        }
        if (ok) (*ids)[*count] = hb_arena_str(&c->arena, name);
        ok = ok && (*ids)[(*count)++].ptr != NULL;
    }
    closedir(dir);
    if (!ok) return cli_no_memory(c);
    if (*count > 1) qsort(*ids, *count, sizeof(**ids), id_order);
    return CLI_OK;
}

int cli_registry_choose(cli *c, hb_str *id) {
    if (c->workspace != NULL) {
        *id = hb_str_c(c->workspace);
        return cli_registry_has(c, *id)
                   ? CLI_OK
                   : cli_error(c, "\"No registered workspace '%s'\"", c->workspace);
    }
    hb_str *ids;
    uint32_t count;
    int code = cli_registry_list(c, &ids, &count);
    if (code != CLI_OK) return code;
    if (count == 0) return cli_error(c, "there is no workspace yet; make one: hb ws create ID");
    if (count == 1) {
        *id = ids[0];
        return CLI_OK;
    }
    hb_err_set(&c->err, HB_E_INVALID_ID,
               "there are %u workspaces, name one with -w or HB_WORKSPACE", count);
    hb_err_hint(&c->err, HB_STR_EMPTY, ids, count);
    return cli_usage(c, "%s", c->err.msg);
}

/* ---- showing ------------------------------------------------------------------------------ */

static bool is_secret(const hb_backend *type, const char *key) {
    for (const hb_option *option = type->options; option != NULL && option->name != NULL;
         option++) {
        if (strcmp(option->name, key) == 0) return option->secret;
    }
    return false;
}

/* An option of an unknown backend type may be anything, so none of its texts is shown. */
static yyjson_mut_val *show_backend(yyjson_mut_doc *doc, yyjson_val *config) {
    const hb_backend *type = hb_backend_find(cli_json_text(config, "type"));
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(config, index, count, key, value) {
        const char *name = yyjson_get_str(key);
        bool shown = strcmp(name, "type") == 0 || strcmp(name, "name") == 0 ||
                     (type != NULL && !is_secret(type, name));
        yyjson_mut_obj_add(out, yyjson_mut_str(doc, name),
                           shown ? yyjson_val_mut_copy(doc, value)
                                 : yyjson_mut_str(doc, "<redacted>"));
    }
    return out;
}

yyjson_mut_val *cli_registry_show(cli *c, yyjson_mut_doc *doc, yyjson_val *record) {
    (void)c;
    yyjson_mut_val *out = yyjson_mut_obj(doc), *construction = yyjson_mut_obj(doc);
    yyjson_val *backends = yyjson_obj_get(record, "backends");
    const char *kind = backends != NULL ? "backends" : "preset";
    yyjson_mut_obj_add_strcpy(doc, out, "id", yyjson_get_str(yyjson_obj_get(record, "id")));
    yyjson_mut_obj_add_val(doc, out, "construction", construction);
    yyjson_mut_obj_add_str(doc, construction, "kind", kind);
    if (backends != NULL) {
        yyjson_mut_val *map = yyjson_mut_obj(doc);
        size_t index, count;
        yyjson_val *key, *value;
        yyjson_obj_foreach(backends, index, count, key, value) {
            yyjson_mut_obj_add(map, yyjson_mut_strcpy(doc, yyjson_get_str(key)),
                               show_backend(doc, value));
        }
        yyjson_mut_obj_add_val(doc, construction, "backends", map);
    } else {
        yyjson_mut_obj_add_strcpy(doc, construction, "preset",
                                  yyjson_get_str(yyjson_obj_get(record, "preset")));
    }
    static const char *const times[] = { "created_at", "updated_at" };
    for (int i = 0; i < 2; i++) {
        const char *text = yyjson_get_str(yyjson_obj_get(record, times[i]));
        yyjson_mut_obj_add_strcpy(doc, out, times[i], text != NULL ? text : "");
    }
    return out;
}

/* ---- opening ------------------------------------------------------------------------------ */

static yyjson_mut_val *expand_option(cli *c, yyjson_mut_doc *doc, yyjson_val *value) {
    hb_str text = hb_str_n(yyjson_get_str(value), yyjson_is_str(value) ? yyjson_get_len(value) : 0);
    if (!hb_str_starts(text, HB_STR(HOME_PREFIX))) return yyjson_val_mut_copy(doc, value);
    uint32_t skip = (uint32_t)sizeof(HOME_PREFIX) - 1;
    hb_str path =
        hb_arena_printf(&c->arena, "%s/%.*s", c->home, HB_ARG(hb_str_sub(text, skip, text.len)));
    return path.ptr != NULL ? yyjson_mut_strn(doc, path.ptr, path.len) : NULL;
}

static yyjson_mut_val *expand_backends(cli *c, yyjson_mut_doc *doc, yyjson_val *backends) {
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    size_t i, n, j, m;
    yyjson_val *name, *config, *key, *value;
    yyjson_obj_foreach(backends, i, n, name, config) {
        yyjson_mut_val *options =
            yyjson_is_obj(config) ? yyjson_mut_obj(doc) : yyjson_val_mut_copy(doc, config);
        if (yyjson_is_obj(config)) {
            yyjson_obj_foreach(config, j, m, key, value) {
                yyjson_mut_obj_add(options, yyjson_val_mut_copy(doc, key),
                                   expand_option(c, doc, value));
            }
        }
        yyjson_mut_obj_add(out, yyjson_val_mut_copy(doc, name), options);
    }
    return out;
}

hb_status cli_registry_options(cli *c, yyjson_val *record, hb_buf *out, hb_err *err) {
    yyjson_alc alc = cli_alc(c);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&alc);
    if (doc == NULL) return hb_err_memory(err);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_val *backends = yyjson_obj_get(record, "backends");
    yyjson_mut_obj_add_val(doc, root, "id", yyjson_val_mut_copy(doc, yyjson_obj_get(record, "id")));
    if (backends != NULL) {
        yyjson_mut_obj_add_val(doc, root, "backends", expand_backends(c, doc, backends));
    } else {
        yyjson_mut_obj_add_val(doc, root, "preset",
                               yyjson_val_mut_copy(doc, yyjson_obj_get(record, "preset")));
    }
    size_t len = 0;
    char *text = yyjson_mut_write_opts(doc, 0, &alc, &len, NULL);
    if (text == NULL || len == 0) return hb_err_memory(err);
    hb_buf_add(out, text, len - 1);
    hb_buf_add_c(out, ",\"env\":");
    cli_environment(out);
    hb_buf_add_char(out, '}');
    return hb_buf_check(out, err);
}

void cli_environment(hb_buf *out) {
    static const char prefix[] = "HVNB_";
    bool first = true;
    hb_buf_add_char(out, '{');
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        if (equals == NULL || strncmp(*entry, prefix, sizeof(prefix) - 1) != 0) continue;
        hb_str value = hb_str_c(equals + 1);
        if (!hb_utf8_valid(value)) continue;    /* no option of ours is anything but text */
        if (!first) hb_buf_add_char(out, ',');
        first = false;
        hb_buf_add_json_str(out, hb_str_n(*entry, (uint32_t)(equals - *entry)));
        hb_buf_add_char(out, ':');
        hb_buf_add_json_str(out, value);
    }
    hb_buf_add_char(out, '}');
}
