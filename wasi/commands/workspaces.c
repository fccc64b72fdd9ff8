// SPDX-License-Identifier: MIT
/* hb ws: presets, create, list, get, unset. */
#include "wasi/commands/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "value/schema.h"
#include "value/time.h"
#include "workspace/workspace.h"

/* ---- presets ------------------------------------------------------------------------------ */

/* What the core says about one preset, or about all (NULL), with the environment's values. */
static int presets_ask(cli *c, const char *name, yyjson_doc **out) {
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_buf_add_char(&text, '{');
    if (name != NULL) {
        hb_buf_add_c(&text, "\"name\":");
        hb_buf_add_json_str(&text, hb_str_c(name));
        hb_buf_add_char(&text, ',');
    }
    hb_buf_add_c(&text, "\"env\":");
    cli_environment(&text);
    hb_buf_add_char(&text, '}');
    hb_request request = { .kind = HB_CALL_PRESETS, .text = hb_buf_str(&text) };
    hb_task *task = NULL;
    hb_status status = hb_buf_check(&text, &c->err);
    if (status == HB_OK) status = hb_workspace_start(NULL, &request, &task, &c->err);
    if (status == HB_OK) {
        status = cli_json_parse(c, hb_task_answer(task)->json, "the presets", out, &c->err);
    }
    hb_task_free(task);
    hb_buf_free(&text);
    return status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
}

static hb_str backend_names_text(cli *c, yyjson_val *backends) {
    hb_buf names;
    hb_buf_init(&names, c->mem);
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(backends, index, count, key, value) {
        hb_buf_printf(&names, "%s%s", index > 0 ? ", " : "", yyjson_get_str(key));
    }
    hb_str text = hb_arena_str(&c->arena, hb_buf_str(&names));
    hb_buf_free(&names);
    return text;
}

static int presets_list(cli *c) {
    static const char *const headers[] = { "preset", "desc", "backends" };
    cli_table table;
    yyjson_doc *doc;
    int code = presets_ask(c, NULL, &doc);
    if (code != CLI_OK) return code;
    yyjson_val *list = yyjson_doc_get_root(doc), *item;
    if (c->json) {
        if (cli_json_print(c, list, false, &c->out, &c->err) != HB_OK) return cli_fail(c, &c->err);
        hb_buf_add_char(&c->out, '\n');
        return CLI_OK;
    }
    hb_status status = cli_table_init(&table, c, headers, 3, &c->err);
    size_t index, count;
    yyjson_arr_foreach(list, index, count, item) {
        hb_str cells[3] = { cli_json_text(item, "preset"), cli_json_text(item, "desc"),
                            backend_names_text(c, yyjson_obj_get(item, "backends")) };
        if (cells[2].ptr == NULL) status = hb_err_memory(&c->err);
        if (status == HB_OK) status = cli_table_add(&table, c, cells, &c->err);
    }
    if (status != HB_OK) return cli_fail(c, &c->err);
    cli_table_print(&table, "Workspace Presets", &c->out);
    return CLI_OK;
}

static int unknown_preset(cli *c, const char *name) {
    hb_buf known;
    hb_buf_init(&known, c->mem);
    hb_str preset, desc;
    for (uint32_t i = 0; hb_preset_at(i, &preset, &desc); i++) {
        hb_buf_printf(&known, "%s%.*s", i > 0 ? ", " : "", HB_ARG(preset));
    }
    int code = cli_error(c, "Unknown preset '%s' for workspace-preset; expected one of: %.*s", name,
                         HB_ARG(hb_buf_str(&known)));
    hb_buf_free(&known);
    return code;
}

static bool preset_is_known(const char *name) {
    hb_str preset, desc;
    for (uint32_t i = 0; hb_preset_at(i, &preset, &desc); i++) {
        if (hb_str_eq(preset, hb_str_c(name))) return true;
    }
    return false;
}

static int presets_show(cli *c, const char *name) {
    if (!preset_is_known(name)) return unknown_preset(c, name);
    yyjson_doc *doc;
    int code = presets_ask(c, name, &doc);
    if (code != CLI_OK) return code;
    yyjson_val *item = yyjson_arr_get_first(yyjson_doc_get_root(doc));
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_buf_add_c(&text, "{\"domain\":\"workspace-preset\",\"data\":{\"desc\":");
    hb_buf_add_json_str(&text, cli_json_text(item, "desc"));
    hb_buf_add_c(&text, ",\"backends\":");
    hb_status status = cli_json_print(c, yyjson_obj_get(item, "backends"), false, &text, &c->err);
    hb_buf_add_c(&text, ",\"preset\":");
    hb_buf_add_json_str(&text, hb_str_c(name));
    hb_buf_add_c(&text, ",\"args\":{}},\"bindings\":{},\"raw\":{\"preset\":");
    hb_buf_add_json_str(&text, hb_str_c(name));
    hb_buf_add_c(&text, "},\"meta\":{\"catalog_revision\":0}}");
    code = status == HB_OK ? cli_print_document(c, hb_buf_str(&text)) : cli_fail(c, &c->err);
    if (code == CLI_OK && !c->json) hb_buf_add_char(&c->out, '\n');
    hb_buf_free(&text);
    return code;
}

static int run_presets(cli *c) {
    const char *word = c->arg_count > 0 ? c->args[0] : "list";
    if (strcmp(word, "show") == 0) {
        if (c->arg_count == 2) return presets_show(c, c->args[1]);
        return cli_error(c, "preset name is required for 'hb ws presets show <name>'");
    }
    if (c->arg_count == 2) return cli_usage(c, "unexpected argument '%s'", c->args[1]);
    return strcmp(word, "list") == 0 ? presets_list(c) : presets_show(c, word);
}

/* ---- create ------------------------------------------------------------------------------- */

/* The construction as JSON without braces: "preset":... or "backends":{...}. */
static int construction(cli *c, hb_str id, hb_buf *out) {
    const char *preset = cli_flag_get(c, "preset"), *database = cli_flag_get(c, "database");
    const char *backends = cli_flag_get(c, "backends");
    if ((preset != NULL) + (database != NULL) + (backends != NULL) > 1) {
        return cli_usage(c, "--preset, --database and --backends exclude each other");
    }
    if (preset != NULL) {
        if (!preset_is_known(preset)) return unknown_preset(c, preset);
        hb_buf_add_c(out, "\"preset\":");
        hb_buf_add_json_str(out, hb_str_c(preset));
        return CLI_OK;
    }
    hb_buf_add_c(out, "\"backends\":");
    if (backends != NULL) return cli_read_json_arg(c, backends, out);
    hb_str file = database != NULL
                      ? hb_str_c(database)
                      : hb_arena_printf(&c->arena, "file://%%/data/%.*s.db", HB_ARG(id));
    hb_buf_add_c(out, "{\"main\":{\"type\":\"sqlite\",\"name\":\"main\",\"database\":");
    hb_buf_add_json_str(out, file);
    hb_buf_add_c(out, "}}");
    return CLI_OK;
}

static int record_make(cli *c, hb_str id, const hb_buf *construct, hb_str created,
                       yyjson_doc **out) {
    char now[HB_TIME_TEXT_MAX];
    hb_str updated = hb_str_n(now, hb_time_write_iso(cli_now_ms() * 1000, now));
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_buf_add_c(&text, "{\"id\":");
    hb_buf_add_json_str(&text, id);
    hb_buf_printf(&text, ",%.*s,\"created_at\":", HB_ARG(hb_buf_str(construct)));
    hb_buf_add_json_str(&text, created.len > 0 ? created : updated);
    hb_buf_add_c(&text, ",\"updated_at\":");
    hb_buf_add_json_str(&text, updated);
    hb_buf_add_char(&text, '}');
    hb_status status = hb_buf_check(&text, &c->err);
    if (status == HB_OK) {
        status = cli_json_parse(c, hb_buf_str(&text), "the backend map", out, &c->err);
    }
    hb_buf_free(&text);
    return status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
}

/* Opens the workspace once: what cannot be opened is not recorded. */
static int record_try(cli *c, hb_str id, yyjson_val *record) {
    cli_session session;
    int code = cli_session_open_record(&session, c, id, record);
    if (code == CLI_OK) code = cli_session_warn(&session);
    cli_session_close(&session);
    return code;
}

static int record_save(cli *c, hb_str id, yyjson_val *record) {
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_status status = cli_json_print(c, record, true, &text, &c->err);
    hb_buf_add_char(&text, '\n');
    hb_str path = cli_registry_path(c, id);
    int code = status != HB_OK    ? cli_fail(c, &c->err)
               : path.ptr == NULL ? cli_no_memory(c)
                                  : cli_write_file(c, path.ptr, hb_buf_str(&text));
    hb_buf_free(&text);
    return code;
}

static bool record_same(cli *c, yyjson_val *a, yyjson_val *b) {
    static const char *const keys[] = { "preset", "backends" };
    bool same = true;
    for (int i = 0; i < 2 && same; i++) {
        yyjson_val *x = yyjson_obj_get(a, keys[i]), *y = yyjson_obj_get(b, keys[i]);
        same = (x == NULL) == (y == NULL);
        if (x == NULL || !same) continue;
        hb_buf left, right;
        hb_buf_init(&left, c->mem);
        hb_buf_init(&right, c->mem);
        same = cli_json_print(c, x, false, &left, &c->err) == HB_OK &&
               cli_json_print(c, y, false, &right, &c->err) == HB_OK &&
               hb_str_eq(hb_buf_str(&left), hb_buf_str(&right));
        hb_buf_free(&left);
        hb_buf_free(&right);
    }
    return same;
}

static yyjson_mut_val *backend_names(cli *c, yyjson_mut_doc *doc, yyjson_val *record) {
    yyjson_mut_val *names = yyjson_mut_arr(doc);
    yyjson_val *backends = yyjson_obj_get(record, "backends");
    const char *preset = yyjson_get_str(yyjson_obj_get(record, "preset"));
    yyjson_doc *asked;
    if (backends == NULL && preset != NULL && presets_ask(c, preset, &asked) == CLI_OK) {
        yyjson_val *item = yyjson_arr_get_first(yyjson_doc_get_root(asked));
        backends = yyjson_obj_get(item, "backends");
    }
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(backends, index, count, key, value) {
        yyjson_mut_arr_add_strcpy(doc, names, yyjson_get_str(key));
    }
    return names;
}

static int print_mut(cli *c, yyjson_mut_doc *doc) {
    yyjson_alc alc = cli_alc(c);
    size_t len = 0;
    char *text = yyjson_mut_write_opts(doc, 0, &alc, &len, NULL);
    return text != NULL ? cli_print_document(c, hb_str_n(text, len)) : cli_no_memory(c);
}

static int print_created(cli *c, yyjson_val *record) {
    yyjson_alc alc = cli_alc(c);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&alc);
    if (doc == NULL) return cli_no_memory(c);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_strcpy(doc, root, "created", yyjson_get_str(yyjson_obj_get(record, "id")));
    yyjson_val *preset = yyjson_obj_get(record, "preset");
    if (preset != NULL) yyjson_mut_obj_add_strcpy(doc, root, "preset", yyjson_get_str(preset));
    yyjson_mut_obj_add_val(doc, root, "registered", cli_registry_show(c, doc, record));
    yyjson_mut_obj_add_val(doc, root, "backend_names", backend_names(c, doc, record));
    return print_mut(c, doc);
}

static int create_new(cli *c, hb_str id, const hb_buf *construct) {
    hb_str folder = hb_arena_printf(&c->arena, "%s/workspaces", c->home);
    hb_str data = hb_arena_printf(&c->arena, "%s/data", c->home);
    if (folder.ptr == NULL || data.ptr == NULL) return cli_no_memory(c);
    yyjson_doc *record;
    int code = record_make(c, id, construct, HB_STR_EMPTY, &record);
    if (code == CLI_OK) code = cli_make_folder(c, c->home);
    if (code == CLI_OK) code = cli_make_folder(c, folder.ptr);
    if (code == CLI_OK) code = cli_make_folder(c, data.ptr);
    if (code == CLI_OK) code = record_try(c, id, yyjson_doc_get_root(record));
    if (code == CLI_OK) code = record_save(c, id, yyjson_doc_get_root(record));
    return code == CLI_OK ? print_created(c, yyjson_doc_get_root(record)) : code;
}

/* Creating what is there already is fine as long as it is the same. */
static int create_again(cli *c, hb_str id, const hb_buf *construct) {
    yyjson_doc *stored, *wanted;
    int code = cli_registry_get(c, id, &stored);
    if (code != CLI_OK) return code;
    yyjson_val *record = yyjson_doc_get_root(stored);
    bool chosen =
        cli_flag_has(c, "preset") || cli_flag_has(c, "database") || cli_flag_has(c, "backends");
    if (chosen) code = record_make(c, id, construct, HB_STR_EMPTY, &wanted);
    if (code != CLI_OK) return code;
    if (chosen && !record_same(c, record, yyjson_doc_get_root(wanted))) {
        return cli_error(c,
                         "Workspace '%.*s' already exists with a different construction; "
                         "unset it first or choose another id",
                         HB_ARG(id));
    }
    code = record_try(c, id, record);
    return code == CLI_OK ? print_created(c, record) : code;
}

static int run_create(cli *c) {
    hb_str id = hb_str_trim(hb_str_c(c->args[0]));
    if (!hb_id_is_valid(id)) {
        return cli_error(c,
                         "Invalid workspace_id '%.*s'; expected lower-case words joined by - or _",
                         HB_ARG(id));
    }
    hb_buf construct;
    hb_buf_init(&construct, c->mem);
    int code = construction(c, id, &construct);
    if (code == CLI_OK) {
        code = cli_registry_has(c, id) ? create_again(c, id, &construct)
                                       : create_new(c, id, &construct);
    }
    hb_buf_free(&construct);
    return code;
}

/* ---- list, get, unset ----------------------------------------------------------------------- */

static int run_list(cli *c) {
    static const char *const headers[] = { "id", "updated_at" };
    hb_str *ids;
    uint32_t count;
    int code = cli_registry_list(c, &ids, &count);
    if (code != CLI_OK) return code;
    cli_table table;
    hb_status status = cli_table_init(&table, c, headers, 2, &c->err);
    if (c->json) hb_buf_add_char(&c->out, '[');
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        yyjson_doc *doc;
        code = cli_registry_get(c, ids[i], &doc);
        if (code != CLI_OK) return code;
        hb_str cells[2] = { ids[i], cli_json_text(yyjson_doc_get_root(doc), "updated_at") };
        status = cli_table_add(&table, c, cells, &c->err);
        if (!c->json) continue;
        hb_buf_add_c(&c->out, i > 0 ? ",{\"id\":" : "{\"id\":");
        hb_buf_add_json_str(&c->out, cells[0]);
        hb_buf_add_c(&c->out, ",\"updated_at\":");
        hb_buf_add_json_str(&c->out, cells[1]);
        hb_buf_add_char(&c->out, '}');
    }
    if (status != HB_OK) return cli_fail(c, &c->err);
    if (c->json) {
        hb_buf_add_c(&c->out, "]\n");
    } else {
        cli_table_print(&table, "Workspaces", &c->out);
    }
    return CLI_OK;
}

static int run_get(cli *c) {
    hb_str id;
    if (c->arg_count > 0) c->workspace = c->args[0];
    int code = cli_registry_choose(c, &id);
    yyjson_doc *record;
    if (code == CLI_OK) code = cli_registry_get(c, id, &record);
    if (code != CLI_OK) return code;
    yyjson_alc alc = cli_alc(c);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(&alc);
    if (doc == NULL) return cli_no_memory(c);
    yyjson_mut_doc_set_root(doc, cli_registry_show(c, doc, yyjson_doc_get_root(record)));
    return print_mut(c, doc);
}

static int run_unset(cli *c) {
    hb_str id = hb_str_c(c->args[0]);
    if (!cli_registry_has(c, id)) {
        hb_buf_printf(&c->out, "OK workspace %.*s was not registered\n", HB_ARG(id));
        return CLI_OK;
    }
    hb_str path = cli_registry_path(c, id);
    if (unlink(path.ptr) != 0) return cli_fail_path(c, "remove", path.ptr, errno);
    hb_buf_printf(&c->out, "OK removed workspace %.*s\n", HB_ARG(id));
    cli_note(c, "its data stays where it was; 'hb ws create %.*s' finds it again", HB_ARG(id));
    return CLI_OK;
}

static const cli_flag create_flags[] = {
    { "preset", 'p', "NAME", "the backends of a preset (hb ws presets)" },
    { "database", 0, "FILE", "one SQLite file for everything" },
    { "backends", 0, "JSON|FILE|-", "a backend map: {\"main\": {\"type\": ...}, ...}" },
    { NULL, 0, NULL, NULL },
};

const cli_command command_ws_presets = {
    "ws presets",
    "preset",
    "[list|show NAME]",
    "list the presets, or show one",
    NULL,
    "ws presets\nws presets show debug",
    NULL,
    0,
    2,
    run_presets,
};
const cli_command command_ws_create = {
    "ws create",
    "new",
    "ID",
    "make a workspace",
    "Without a flag everything lives in one SQLite file, <home>/data/ID.db, and later commands "
    "find it.\n"
    "The preset debug keeps its data in memory: it does not outlive the command, hence serves to "
    "try\n"
    "a command only. Creating a workspace that is there already changes nothing.",
    "ws create shop\nws create shop --database shop.db\nws create trial --preset debug",
    create_flags,
    1,
    1,
    run_create,
};
const cli_command command_ws_list = {
    "ws list", "ls", "",       "list the workspaces", NULL, "ws list\nws list --json", NULL,
    0,         0,    run_list,
};
const cli_command command_ws_get = {
    "ws get", "show",        "[ID]", "show how a workspace is made; secrets are redacted",
    NULL,     "ws get shop", NULL,   0,
    1,        run_get,
};
const cli_command command_ws_unset = {
    "ws unset", "remove rm del delete",
    "ID",       "forget a workspace; its data stays",
    NULL,       "ws unset shop",
    NULL,       1,
    1,          run_unset,
};
