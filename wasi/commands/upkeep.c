// SPDX-License-Identifier: MIT
/* hb audit, repair, capabilities. */
#include "wasi/commands/commands.h"

/* Runs a call that answers with a report, and gives the report's "catalog" and its "ok". */
static int report(cli_session *s, hb_request *request, yyjson_val **out, bool *ok) {
    cli *c = s->c;
    int code = cli_session_open(s, c);
    if (code == CLI_OK) code = cli_session_do(s, request);
    yyjson_doc *doc = NULL;
    if (code == CLI_OK &&
        cli_json_parse(c, s->answer->json, "the answer", &doc, &c->err) != HB_OK) {
        code = cli_fail(c, &c->err);
    }
    if (code != CLI_OK) return code;
    *out = yyjson_obj_get(yyjson_doc_get_root(doc), "catalog");
    *ok = yyjson_is_true(yyjson_obj_get(yyjson_doc_get_root(doc), "ok"));
    return cli_print_document(c, s->answer->json);
}

static unsigned count_of(yyjson_val *catalog, const char *key) {
    return (unsigned)yyjson_arr_size(yyjson_obj_get(catalog, key));
}

static int run_audit(cli *c) {
    cli_session session = { .c = c };
    hb_request request = { .kind = HB_CALL_AUDIT, .entity = HB_ENTITY_NONE };
    yyjson_val *catalog = NULL;
    bool ok = false;
    int code = report(&session, &request, &catalog, &ok);
    if (code == CLI_OK && !yyjson_is_true(yyjson_obj_get(catalog, "ok"))) {
        code = cli_error(
            c, "the catalog is out of step: %u missing, %u dangling, %u mismatched; see hb repair",
            count_of(catalog, "missing"), count_of(catalog, "dangling"),
            count_of(catalog, "mismatched"));
    } else if (code == CLI_OK && !ok) {
        code = cli_error(c, "what is stored is out of step; see hb repair");
    }
    cli_session_close(&session);
    return code;
}

static int run_repair(cli *c) {
    cli_session session = { .c = c };
    bool dry_run = cli_flag_has(c, "dry-run");
    hb_request request = { .kind = HB_CALL_REPAIR,
                           .entity = HB_ENTITY_NONE,
                           .flags = dry_run ? HB_FLAG_DRY_RUN : 0u };
    yyjson_val *catalog = NULL;
    bool ok = false;
    int code = report(&session, &request, &catalog, &ok);
    if (code == CLI_OK && !yyjson_is_true(yyjson_obj_get(catalog, "ok"))) {
        code =
            cli_error(c, dry_run ? "the catalog is out of step; without --dry-run it is put right"
                                 : "the catalog is still out of step");
    } else if (code == CLI_OK && !ok) {
        code = cli_error(c, dry_run
                                ? "what is stored is out of step; without --dry-run it is put right"
                                : "what is stored is still out of step");
    }
    cli_session_close(&session);
    return code;
}

/* ---- capabilities ------------------------------------------------------------------------- */

static hb_str capability_request(cli *c, hb_buf *text) {
    static const char *const keys[][2] = {
        { "dtype", "type" },
        { "op", "op" },
        { "backend", "backend" },
        { "strategy", "strategy" },
    };
    hb_buf_add_c(text, "{\"method\":\"rows\"");
    for (int i = 0; i < 4; i++) {
        const char *value = cli_flag_get(c, keys[i][1]);
        if (value == NULL) continue;
        hb_buf_printf(text, ",\"%s\":", keys[i][0]);
        hb_buf_add_json_str(text, hb_str_c(value));
    }
    hb_buf_add_char(text, '}');
    return hb_buf_str(text);
}

static int print_capabilities(cli *c, hb_str json) {
    static const char *const keys[] = { "dtype", "op", "backend", "strategy", "mode" };
    if (c->json) return cli_print_document(c, json);
    yyjson_doc *doc;
    cli_table table;
    hb_status status = cli_json_parse(c, json, "the answer", &doc, &c->err);
    if (status == HB_OK) status = cli_table_init(&table, c, keys, 5, &c->err);
    if (status != HB_OK) return cli_fail(c, &c->err);
    size_t index, count;
    yyjson_val *row;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, count, row) {
        hb_str cells[5];
        for (int i = 0; i < 5; i++) cells[i] = cli_json_text(row, keys[i]);
        hb_str name = cli_json_text(row, "name");
        if (name.len > 0) cells[2] = name;
        if (cli_table_add(&table, c, cells, &c->err) != HB_OK) return cli_fail(c, &c->err);
    }
    cli_table_print(&table, NULL, &c->out);
    return CLI_OK;
}

/* With a workspace named, its backends; else everything that is built in. */
static int run_capabilities(cli *c) {
    cli_session session = { .c = c };
    hb_buf text;
    hb_buf_init(&text, c->mem);
    hb_request request = { .kind = HB_CALL_CAPABILITIES,
                           .entity = HB_ENTITY_NONE,
                           .text = capability_request(c, &text) };
    int code = c->workspace != NULL ? cli_session_open(&session, c) : CLI_OK;
    if (code == CLI_OK) code = cli_session_do(&session, &request);
    if (code == CLI_OK) code = print_capabilities(c, session.answer->json);
    cli_session_close(&session);
    hb_buf_free(&text);
    return code;
}

static const cli_flag repair_flags[] = {
    { "dry-run", 0, NULL, "say what would be done, write nothing" },
    { NULL, 0, NULL, NULL },
};
static const cli_flag capability_flags[] = {
    { "type", 't', "TYPE", "only this logical type: vector, short-text, ..." },
    { "op", 0, "OP", "only this operator: eq, match, near, ..." },
    { "backend", 0, "BACKEND", "only this backend" },
    { "strategy", 0, "STRATEGY", "only this storage strategy" },
    { NULL, 0, NULL, NULL },
};

const cli_command command_audit = {
    "audit", NULL,
    "",      "compare the Catalog with the rows; exit code 1 when they differ",
    NULL,    "audit\naudit --json",
    NULL,    0,
    0,       run_audit,
};
const cli_command command_repair = {
    "repair",
    NULL,
    "",
    "rebuild what audit found missing, mismatched or dangling in the Catalog",
    NULL,
    "repair --dry-run\nrepair",
    repair_flags,
    0,
    0,
    run_repair,
};
const cli_command command_capabilities = {
    "capabilities",
    "caps",
    "",
    "what the backends can do: type, operator, backend, strategy",
    "mode says whether the engine answers itself (native) or a scan does (fallback). With -w only "
    "the\n"
    "backends of that workspace are listed, by their names there.",
    "capabilities --type vector\ncapabilities --op match --backend sqlite",
    capability_flags,
    0,
    0,
    run_capabilities,
};
