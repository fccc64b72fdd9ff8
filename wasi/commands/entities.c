// SPDX-License-Identifier: MIT
/* hb entity: define, list, show. */
#include "wasi/commands/commands.h"

#include "value/pack.h"

/* ---- define ------------------------------------------------------------------------------- */

static int define_one(cli_session *s, yyjson_val *definition) {
    cli *c = s->c;
    hb_buf json, pack;
    hb_buf_init(&json, c->mem);
    hb_buf_init(&pack, c->mem);
    hb_status status = cli_json_print(c, definition, false, &json, &c->err);
    if (status == HB_OK) status = hb_pack_from_json(hb_buf_str(&json), &pack, &c->err);
    hb_request request = { .kind = HB_CALL_REGISTER,
                           .entity = HB_ENTITY_NONE,
                           .flags = cli_flag_has(c, "replace") ? HB_FLAG_REPLACE : 0u,
                           .text = hb_buf_str(&pack) };
    if (status == HB_OK) status = cli_session_call(s, &request);
    yyjson_doc *answer = NULL;
    if (status == HB_OK) {
        status = cli_json_parse(c, s->answer->json, "the answer", &answer, &c->err);
    }
    if (status == HB_OK && c->json) {
        hb_buf_add_str(&c->out, s->answer->json);
        hb_buf_add_char(&c->out, '\n');
    } else if (status == HB_OK) {
        hb_str entity = cli_json_text(yyjson_doc_get_root(answer), "entity");
        hb_buf_printf(&c->out, "OK defined %.*s\n", HB_ARG(entity));
    }
    hb_buf_free(&pack);
    hb_buf_free(&json);
    if (status == HB_E_SCHEMA_CONFLICT) {
        return cli_error(c,
                         "entity '%s' is defined with a different structure; "
                         "--replace puts the new one in its place (SCHEMA_CONFLICT)",
                         c->err.entity);
    }
    return status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
}

static int define_all(cli_session *s, yyjson_val *root) {
    if (!yyjson_is_arr(root)) return define_one(s, root);
    size_t index, count;
    yyjson_val *item;
    int code = CLI_OK;
    yyjson_arr_foreach(root, index, count, item) {
        if (code == CLI_OK) code = define_one(s, item);
    }
    return code;
}

static int run_define(cli *c) {
    hb_buf text;
    hb_buf_init(&text, c->mem);
    yyjson_doc *doc = NULL;
    int code = cli_read_json_arg(c, c->args[0], &text);
    if (code == CLI_OK &&
        cli_json_parse(c, hb_buf_str(&text), "the definition", &doc, &c->err) != HB_OK) {
        code = cli_fail(c, &c->err);
    }
    hb_buf_free(&text);
    if (code != CLI_OK) return code;
    cli_session session;
    code = cli_session_open(&session, c);
    if (code == CLI_OK) code = cli_session_warn(&session);
    if (code == CLI_OK) code = define_all(&session, yyjson_doc_get_root(doc));
    cli_session_close(&session);
    return code;
}

/* ---- list --------------------------------------------------------------------------------- */

/* The schema call's answer, as a document. */
static int schema_get(cli_session *s, uint32_t entity, yyjson_val **out) {
    hb_request request = { .kind = HB_CALL_SCHEMA, .entity = entity };
    int code = cli_session_do(s, &request);
    yyjson_doc *doc;
    if (code != CLI_OK) return code;
    if (cli_json_parse(s->c, s->answer->json, "the answer", &doc, &s->c->err) != HB_OK) {
        return cli_fail(s->c, &s->c->err);
    }
    *out = yyjson_doc_get_root(doc);
    return CLI_OK;
}

/* "main, vec": the backends that hold something of the entity, in the order of its fields. */
static hb_str backend_list(cli *c, yyjson_val *storage) {
    hb_buf names;
    hb_buf_init(&names, c->mem);
    size_t i, j, n, m;
    yyjson_val *item, *earlier;
    yyjson_arr_foreach(storage, i, n, item) {
        hb_str name = cli_json_text(item, "backend");
        bool known = false;
        yyjson_arr_foreach(storage, j, m, earlier) {
            known = known || (j < i && hb_str_eq(cli_json_text(earlier, "backend"), name));
        }
        if (!known) hb_buf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "", HB_ARG(name));
    }
    hb_str copy = hb_arena_str(&c->arena, hb_buf_str(&names));
    hb_buf_free(&names);
    return copy;
}

static int list_entities(cli_session *s, yyjson_val *entities) {
    cli *c = s->c;
    static const char *const headers[] = { "entity", "name", "fields", "backends" };
    cli_table table;
    hb_status status = cli_table_init(&table, c, headers, 4, &c->err);
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(entities, index, count, item) {
        if (status != HB_OK ||
            (yyjson_is_true(yyjson_obj_get(item, "system")) && !cli_flag_has(c, "all"))) {
            continue;
        }
        yyjson_val *schema;
        int code = schema_get(s, (uint32_t)yyjson_get_uint(yyjson_obj_get(item, "index")), &schema);
        if (code != CLI_OK) return code;
        size_t fields = yyjson_arr_size(yyjson_obj_get(schema, "columns"));
        hb_str cells[4] = { cli_json_text(item, "id"), cli_json_text(item, "name"),
                            hb_arena_printf(&c->arena, "%u", (unsigned)fields),
                            backend_list(c, yyjson_obj_get(schema, "storage")) };
        status = cells[2].ptr != NULL && cells[3].ptr != NULL
                     ? cli_table_add(&table, c, cells, &c->err)
                     : hb_err_memory(&c->err);
    }
    if (status != HB_OK) return cli_fail(c, &c->err);
    if (!c->json) {
        cli_table_print(&table, "Entities", &c->out);
        return CLI_OK;
    }
    hb_buf_add_char(&c->out, '[');
    for (uint32_t row = 1; row < table.row_count; row++) {
        const hb_str *cells = table.cells + (size_t)row * 4;
        hb_buf_add_c(&c->out, row > 1 ? ",{\"entity\":" : "{\"entity\":");
        hb_buf_add_json_str(&c->out, cells[0]);
        hb_buf_add_c(&c->out, ",\"name\":");
        hb_buf_add_json_str(&c->out, cells[1]);
        hb_buf_printf(&c->out, ",\"fields\":%.*s}", HB_ARG(cells[2]));
    }
    hb_buf_add_c(&c->out, "]\n");
    return CLI_OK;
}

static int run_list(cli *c) {
    cli_session session;
    int code = cli_session_open(&session, c);
    hb_request request = { .kind = HB_CALL_INFO, .entity = HB_ENTITY_NONE };
    if (code == CLI_OK) code = cli_session_do(&session, &request);
    yyjson_doc *doc = NULL;
    if (code == CLI_OK &&
        cli_json_parse(c, session.answer->json, "the answer", &doc, &c->err) != HB_OK) {
        code = cli_fail(c, &c->err);
    }
    if (code == CLI_OK) {
        code = list_entities(&session, yyjson_obj_get(yyjson_doc_get_root(doc), "entities"));
    }
    cli_session_close(&session);
    return code;
}

/* ---- show --------------------------------------------------------------------------------- */

static hb_str json_cell(cli *c, yyjson_val *value) {
    if (value == NULL) return HB_STR_EMPTY;
    if (yyjson_is_str(value)) return hb_str_n(yyjson_get_str(value), yyjson_get_len(value));
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_err ignored;
    hb_str copy = cli_json_print(c, value, false, &text, &ignored) == HB_OK
                      ? hb_arena_str(&c->arena, hb_buf_str(&text))
                      : HB_STR_EMPTY;
    hb_buf_free(&text);
    return copy.ptr != NULL ? copy : HB_STR_EMPTY;
}

static hb_status show_fields(cli *c, yyjson_val *schema, cli_table *table) {
    static const char *const headers[] = { "field", "type", "required", "default", "desc" };
    HB_TRY(cli_table_init(table, c, headers, 5, &c->err));
    size_t index, count;
    yyjson_val *key, *field;
    yyjson_val *fields = yyjson_obj_get(yyjson_obj_get(schema, "schema"), "fields");
    yyjson_obj_foreach(fields, index, count, key, field) {
        yyjson_val *type = yyjson_obj_get(field, "dtype");
        yyjson_val *item = yyjson_obj_get(type, "item_type");
        hb_str name = cli_json_text(type, "type");
        yyjson_val *dim = yyjson_obj_get(type, "dim");
        if (yyjson_is_uint(dim)) {
            name = hb_arena_printf(&c->arena, "%.*s[%llu]", HB_ARG(name),
                                   (unsigned long long)yyjson_get_uint(dim));
        } else if (yyjson_is_obj(item)) {
            name = hb_arena_printf(&c->arena, "%.*s[%.*s]", HB_ARG(name),
                                   HB_ARG(cli_json_text(item, "type")));
        }
        bool has_default = yyjson_is_true(yyjson_obj_get(field, "has_default"));
        hb_str cells[5] = {
            hb_str_n(yyjson_get_str(key), yyjson_get_len(key)), name,
            yyjson_is_true(yyjson_obj_get(field, "required")) ? HB_STR("yes") : HB_STR("no"),
            has_default ? json_cell(c, yyjson_obj_get(field, "default")) : HB_STR_EMPTY,
            cli_json_text(field, "desc")
        };
        HB_TRY(cli_table_add(table, c, cells, &c->err));
    }
    return HB_OK;
}

static hb_status show_storage(cli *c, yyjson_val *schema, cli_table *table) {
    static const char *const headers[] = { "field", "backend", "strategy", "role", "why" };
    HB_TRY(cli_table_init(table, c, headers, 5, &c->err));
    size_t index, count;
    yyjson_val *item;
    yyjson_val *storage = yyjson_obj_get(schema, "storage");
    yyjson_arr_foreach(storage, index, count, item) {
        hb_str why = cli_json_text(item, "why");
        hb_str cells[5] = { cli_json_text(item, "field"), cli_json_text(item, "backend"),
                            cli_json_text(item, "strategy"),
                            yyjson_is_true(yyjson_obj_get(item, "primary")) ? HB_STR("source")
                                                                            : HB_STR("replica"),
                            why.len > 0 ? why : cli_json_text(item, "source") };
        HB_TRY(cli_table_add(table, c, cells, &c->err));
    }
    return HB_OK;
}

static int show_entity(cli_session *s, uint32_t index) {
    cli *c = s->c;
    yyjson_val *schema;
    int code = schema_get(s, index, &schema);
    if (code != CLI_OK) return code;
    if (c->json) return cli_print_document(c, s->answer->json);
    yyjson_val *definition = yyjson_obj_get(schema, "schema");
    hb_buf_printf(&c->out, "%.*s (%.*s)\n", HB_ARG(cli_json_text(schema, "entity")),
                  HB_ARG(cli_json_text(definition, "name")));
    hb_str desc = cli_json_text(definition, "desc");
    if (desc.len > 0) hb_buf_printf(&c->out, "%.*s\n", HB_ARG(desc));
    cli_table fields, storage;
    hb_status status = show_fields(c, schema, &fields);
    if (status == HB_OK) status = show_storage(c, schema, &storage);
    if (status != HB_OK) return cli_fail(c, &c->err);
    cli_table_print(&fields, "Fields", &c->out);
    cli_table_print(&storage, "Storage", &c->out);
    return CLI_OK;
}

static int run_show(cli *c) {
    cli_session session;
    uint32_t index;
    int code = cli_session_open(&session, c);
    if (code == CLI_OK) code = cli_session_entity(&session, c->args[0], &index);
    if (code == CLI_OK) code = show_entity(&session, index);
    cli_session_close(&session);
    return code;
}

static const cli_flag define_flags[] = {
    { "replace", 0, NULL, "put a different structure in the place of the one there is" },
    { NULL, 0, NULL, NULL },
};
static const cli_flag list_flags[] = {
    { "all", 'a', NULL, "with the system entities" },
    { NULL, 0, NULL, NULL },
};

const cli_command command_entity_define = {
    "entity define",
    "register",
    "FILE|-",
    "register an entity from its JSON definition",
    "The definition is one JSON object (or an array of them), given as a file, on stdin (-) or as "
    "text:\n"
    "  {\"name\": \"Note\", \"fields\": {\"title\": \"ShortText\", \"body\": \"LongText\",\n"
    "   \"tags\": \"array[short-text]\", \"emb\": {\"type\": {\"type\": \"vector\", \"dim\": "
    "3}}}}\n"
    "It is kept beside the data; defining the same again changes nothing.",
    "entity define note.json\nentity define - < note.json",
    define_flags,
    1,
    1,
    run_define,
};
const cli_command command_entity_list = {
    "entity list",
    "ls",
    "",
    "list the entities of the workspace",
    NULL,
    "entity list\nentity list --json",
    list_flags,
    0,
    0,
    run_list,
};
const cli_command command_entity_show = {
    "entity show",
    "get",
    "ID",
    "show an entity's fields and where they are stored",
    NULL,
    "entity show note",
    NULL,
    1,
    1,
    run_show,
};
