// SPDX-License-Identifier: MIT
/* hb query, explain: the portable JSON spec, with the commonest clauses as flags. */
#include <string.h>
#include <unistd.h>

#include "wasi/commands/commands.h"

/* ---- the spec ----------------------------------------------------------------------------- */

/* "a, b" as a list of texts. */
static yyjson_mut_val *split_names(yyjson_mut_doc *doc, const char *text) {
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    while (*text != '\0') {
        const char *comma = strchr(text, ',');
        size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);
        hb_str name = hb_str_trim(hb_str_n(text, len));
        yyjson_mut_arr_add_strncpy(doc, list, name.ptr, name.len);
        text += len + (comma != NULL ? 1 : 0);
    }
    return list;
}

static bool is_given_twice(yyjson_mut_val *spec, const char *key) {
    return yyjson_mut_obj_get(spec, key) != NULL;
}

/* --filter narrows further what the spec filters. */
static int add_filter(cli *c, yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    const char *text = cli_flag_get(c, "filter");
    if (text == NULL) return CLI_OK;
    yyjson_doc *parsed;
    if (cli_json_parse(c, hb_str_c(text), "--filter", &parsed, &c->err) != HB_OK) {
        return cli_fail(c, &c->err);
    }
    yyjson_mut_val *filter = yyjson_val_mut_copy(doc, yyjson_doc_get_root(parsed));
    yyjson_mut_val *before = yyjson_mut_obj_remove_key(spec, "filter");
    if (before != NULL && !yyjson_mut_is_null(before)) {
        yyjson_mut_val *both = yyjson_mut_arr(doc), *merged = yyjson_mut_obj(doc);
        yyjson_mut_arr_add_val(both, before);
        yyjson_mut_arr_add_val(both, filter);
        yyjson_mut_obj_add_val(doc, merged, "$and", both);
        filter = merged;
    }
    yyjson_mut_obj_add_val(doc, spec, "filter", filter);
    return CLI_OK;
}

static int add_flags(cli *c, yyjson_mut_doc *doc, yyjson_mut_val *spec) {
    static const char *const lists[] = { "select", "order" };
    static const char *const numbers[] = { "limit", "offset" };
    int code = add_filter(c, doc, spec);
    for (int i = 0; i < 2 && code == CLI_OK; i++) {
        const char *text = cli_flag_get(c, lists[i]);
        if (text == NULL) continue;
        if (is_given_twice(spec, lists[i])) {
            return cli_usage(c, "'%s' is in the spec and given as a flag", lists[i]);
        }
        yyjson_mut_obj_add_val(doc, spec, lists[i], split_names(doc, text));
    }
    for (int i = 0; i < 2 && code == CLI_OK; i++) {
        int64_t number;
        if (!cli_flag_has(c, numbers[i])) continue;
        if (is_given_twice(spec, numbers[i])) {
            return cli_usage(c, "'%s' is in the spec and given as a flag", numbers[i]);
        }
        code = cli_flag_number(c, numbers[i], 0, &number);
        if (code == CLI_OK) yyjson_mut_obj_add_int(doc, spec, numbers[i], number);
    }
    return code;
}

static bool has_clause_flags(const cli *c) {
    static const char *const names[] = { "filter", "select", "order", "limit", "offset" };
    bool has = false;
    for (int i = 0; i < 5; i++) has = has || cli_flag_has(c, names[i]);
    return has;
}

/* The spec text goes to the core as it was given, unless flags add to it. */
static int spec_get(cli *c, hb_str *out) {
    hb_buf text;
    hb_buf_init(&text, c->mem);
    int code = CLI_OK;
    if (c->arg_count > 1) {
        code = cli_read_json_arg(c, c->args[1], &text);
    } else {
        hb_buf_add_c(&text, "{}");
    }
    *out = hb_arena_str(&c->arena, hb_buf_str(&text));
    hb_buf_free(&text);
    if (code != CLI_OK || !has_clause_flags(c)) return code;
    yyjson_doc *parsed;
    if (cli_json_parse(c, *out, "the query spec", &parsed, &c->err) != HB_OK) {
        return cli_fail(c, &c->err);
    }
    if (!yyjson_is_obj(yyjson_doc_get_root(parsed))) {
        return cli_error(c, "the query spec is no JSON object");
    }
    yyjson_alc alc = cli_alc(c);
    yyjson_mut_doc *doc = yyjson_doc_mut_copy(parsed, &alc);
    if (doc == NULL) return cli_no_memory(c);
    code = add_flags(c, doc, yyjson_mut_doc_get_root(doc));
    if (code != CLI_OK) return code;
    size_t len = 0;
    char *merged = yyjson_mut_write_opts(doc, 0, &alc, &len, NULL);
    *out = hb_str_n(merged, len);
    return merged != NULL ? CLI_OK : cli_no_memory(c);
}

/* ---- the commands ------------------------------------------------------------------------- */

static int print_rows(cli_session *s, cli_format format) {
    cli *c = s->c;
    const hb_answer *answer = s->answer;
    int code = cli_print_frame(c, &answer->batch, format);
    if (code == CLI_OK && answer->truncated && isatty(STDERR_FILENO)) {
        if (answer->total_known) {
            cli_note(c, "%u of %llu rows", answer->batch.row_count,
                     (unsigned long long)answer->total);
        } else {
            cli_note(c, "%u rows, and there are more", answer->batch.row_count);
        }
    }
    return code;
}

static int run_query(cli *c) {
    cli_format format;
    hb_request request = { .kind = HB_CALL_QUERY };
    int code = cli_format_get(c, CLI_TABLE, &format);
    if (code == CLI_OK) code = spec_get(c, &request.text);
    if (code != CLI_OK) return code;
    cli_session session;
    code = cli_session_open(&session, c);
    if (code == CLI_OK) code = cli_session_entity(&session, c->args[0], &request.entity);
    if (code == CLI_OK) code = cli_session_do(&session, &request);
    if (code == CLI_OK) code = print_rows(&session, format);
    cli_session_close(&session);
    return code;
}

static int print_plan(cli_session *s, bool json) {
    cli *c = s->c;
    yyjson_doc *doc;
    hb_status status = cli_json_parse(c, s->answer->json, "the answer", &doc, &c->err);
    if (status == HB_OK && json) {
        status = cli_json_print(c, yyjson_doc_get_root(doc), true, &c->out, &c->err);
        hb_buf_add_char(&c->out, '\n');
    } else if (status == HB_OK) {
        status = cli_print_plan(c, yyjson_doc_get_root(doc), &c->out, &c->err);
    }
    return status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
}

static int run_explain(cli *c) {
    const char *format = cli_flag_get(c, "format");
    bool json = c->json || (format != NULL && strcmp(format, "json") == 0);
    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "tree") != 0) {
        return cli_usage(c, "unknown format '%s'; expected one of: tree, json", format);
    }
    hb_request request = { .kind = HB_CALL_EXPLAIN };
    int code = spec_get(c, &request.text);
    if (code != CLI_OK) return code;
    cli_session session;
    code = cli_session_open(&session, c);
    if (code == CLI_OK) code = cli_session_entity(&session, c->args[0], &request.entity);
    if (code == CLI_OK) code = cli_session_do(&session, &request);
    if (code == CLI_OK) code = print_plan(&session, json);
    cli_session_close(&session);
    return code;
}

#define CLAUSE_FLAGS                                                                               \
    { "filter", 0, "JSON", "a filter, in addition to the spec's" },                                \
        { "select", 's', "FIELDS", "fields to print, separated by commas" },                       \
        { "order", 'o', "FIELDS", "fields to sort by; a leading - sorts descending" },             \
        { "limit", 'n', "N", "at most so many rows" }, { "offset", 0, "N", "skip so many rows" }

static const cli_flag query_flags[] = {
    CLAUSE_FLAGS,
    { "format", 'f', "FORMAT", "table (default), json, ndjson or csv" },
    { NULL, 0, NULL, NULL },
};
static const cli_flag explain_flags[] = {
    CLAUSE_FLAGS,
    { "format", 'f', "FORMAT", "tree (default) or json" },
    { NULL, 0, NULL, NULL },
};

const cli_command command_query = {
    "query",
    "q",
    "ENTITY [SPEC|FILE|-]",
    "print the rows that a query finds",
    "SPEC is a JSON object with any of: filter, near {field, query, top_k, metric}, search "
    "{fields, query,\n"
    "top_k, mode}, fuse, select, order, limit, offset, count. Without one, every row is printed.",
    "query note --filter '{\"title\":{\"$match\":\"agent\"}}' --select title --order -title "
    "--limit 5\n"
    "query note "
    "'{\"near\":{\"field\":\"emb\",\"query\":[1,0],\"top_k\":3},\"select\":[\"title\",\"score\"]}'"
    "\n"
    "query note '{\"search\":{\"fields\":null,\"query\":\"storage engine\"}}' --format ndjson",
    query_flags,
    1,
    2,
    run_query,
};
const cli_command command_explain = {
    "explain",
    NULL,
    "ENTITY [SPEC|FILE|-]",
    "show which backend answers what of a query, and why",
    NULL,
    "explain note --filter '{\"title\":{\"$match\":\"agent\"}}'\nexplain note spec.json --format "
    "json",
    explain_flags,
    1,
    2,
    run_explain,
};
