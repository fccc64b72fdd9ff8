// SPDX-License-Identifier: MIT
/* hb put, get, rm: rows by id. */
#include <stdio.h>
#include <unistd.h>

#include "wasi/commands/commands.h"
#include "wasi/commands/rows_reader.h"

/* ---- put ---------------------------------------------------------------------------------- */

#define BATCH_ROWS 1000

typedef struct put_state {
    cli *c;
    cli_session session;
    rows_reader reader;
    uint32_t entity, flags;
    uint64_t stored;
    bool progress;
} put_state;

static int put_print_ids(put_state *p) {
    cli *c = p->c;
    const hb_batch *ids = &p->session.answer->batch;
    for (uint32_t row = 0; row < ids->row_count; row++) {
        hb_value id = hb_column_get(&ids->columns[0], row);
        if (c->json) {
            hb_buf_add_c(&c->out, p->stored + row > 0 ? ",\n " : "\n ");
            hb_buf_add_json_str(&c->out, id.as.s);
        } else {
            hb_buf_add_str(&c->out, id.as.s);
            hb_buf_add_char(&c->out, '\n');
        }
    }
    p->stored += ids->row_count;
    /* An id on stdout is the receipt of a stored row: it goes out with its batch. */
    return cli_flush(c, true)
               ? CLI_OK
               : cli_error(c, "stdout was closed after %llu rows", (unsigned long long)p->stored);
}

static int put_fail(put_state *p) {
    int code = cli_fail(p->c, &p->c->err);
    if (p->stored > 0) {
        cli_note(p->c, "input rows 1 to %llu are stored; the batch that failed begins after them",
                 (unsigned long long)p->stored);
    }
    return code;
}

static int put_batches(put_state *p) {
    for (;;) {
        hb_request request = { .kind = HB_CALL_UPSERT, .entity = p->entity, .flags = p->flags };
        if (rows_reader_next(&p->reader, &request.batch, &p->c->err) != HB_OK) return put_fail(p);
        if (request.batch.row_count == 0) return CLI_OK;
        if (cli_session_call(&p->session, &request) != HB_OK) return put_fail(p);
        int code = put_print_ids(p);
        if (code != CLI_OK) return code;
        if (p->progress) fprintf(stderr, "\r%llu rows", (unsigned long long)p->stored);
    }
}

static int run_put(cli *c) {
    int64_t batch_rows;
    int code = cli_flag_number(c, "batch", BATCH_ROWS, &batch_rows);
    if (code != CLI_OK) return code;
    if (batch_rows < 1 || batch_rows > 1000000) {
        return cli_usage(c, "--batch takes 1 to 1000000 rows");
    }
    put_state p = { .c = c };
    p.flags = (cli_flag_has(c, "no-overwrite") ? 0u : HB_FLAG_OVERWRITE) |
              (cli_flag_has(c, "drop-unknown") ? HB_FLAG_DROP_UNKNOWN : 0u);
    code =
        rows_reader_open(&p.reader, c, c->arg_count > 1 ? c->args[1] : "-", (uint32_t)batch_rows);
    if (code == CLI_OK) code = cli_session_open(&p.session, c);
    if (code == CLI_OK) code = cli_session_warn(&p.session);
    if (code == CLI_OK) code = cli_session_entity(&p.session, c->args[0], &p.entity);
    if (code == CLI_OK) {
        p.progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
        if (c->json) hb_buf_add_char(&c->out, '[');
        code = put_batches(&p);
        if (c->json) hb_buf_add_c(&c->out, p.stored > 0 ? "\n]\n" : "]\n");
        if (p.progress && p.stored > 0) fputc('\n', stderr);
    }
    cli_session_close(&p.session);
    rows_reader_close(&p.reader);
    return code;
}

/* ---- get and rm --------------------------------------------------------------------------- */

/* The ids of the command line, each once, as the one column that a call by id takes. */
static hb_status ids_batch(cli *c, hb_colbuf *ids, hb_column *column, hb_batch *out) {
    hb_map seen;
    hb_map_init(&seen, c->mem);
    hb_colbuf_init(ids, c->mem, HB_KIND_TEXT, 0);
    bool ok = true;
    for (int i = 1; i < c->arg_count && ok; i++) {
        hb_str id = hb_str_c(c->args[i]);
        if (hb_map_find(&seen, id) != HB_MAP_NONE) continue;
        ok = hb_map_put(&seen, id, 1) && hb_colbuf_add_text(ids, id);
    }
    hb_map_free(&seen);
    *column = hb_colbuf_view(ids, HB_STR("object_id"));
    *out = (hb_batch){ ids->row_count, 1, column };
    return ok ? HB_OK : hb_err_memory(&c->err);
}

/* Opens, asks `kind` about the ids, and hands the answer to `print`. */
static int by_ids(cli *c, hb_call_kind kind, int (*print)(cli_session *s, const hb_batch *ids)) {
    cli_session session = { .c = c };
    hb_colbuf ids;
    hb_column column;
    hb_request request = { .kind = kind };
    int code = ids_batch(c, &ids, &column, &request.batch) == HB_OK ? CLI_OK : cli_fail(c, &c->err);
    if (code == CLI_OK) code = cli_session_open(&session, c);
    if (code == CLI_OK) code = cli_session_entity(&session, c->args[0], &request.entity);
    if (code == CLI_OK) code = cli_session_do(&session, &request);
    if (code == CLI_OK) code = print(&session, &request.batch);
    cli_session_close(&session);
    hb_colbuf_free(&ids);
    return code;
}

static int missing(cli *c, hb_str id) {
    return cli_error(c, "%s has no row '%.*s'", c->args[0], HB_ARG(id));
}

static int print_got(cli_session *s, const hb_batch *ids) {
    cli *c = s->c;
    const hb_batch *rows = &s->answer->batch;
    cli_format format;
    int code = cli_format_get(c, CLI_NDJSON, &format);
    if (code != CLI_OK) return code;
    code = cli_print_frame(c, rows, format);
    if (code != CLI_OK || rows->row_count == ids->row_count) return code;
    int index = hb_batch_find(rows, HB_STR("$index"));
    uint32_t row = 0;
    for (uint32_t i = 0; i < ids->row_count; i++) {
        bool found = index >= 0 && row < rows->row_count &&
                     hb_column_get(&rows->columns[index], row).as.i == (int64_t)i;
        if (found) {
            row++;
        } else {
            code = missing(c, hb_column_span(&ids->columns[0], i));
        }
    }
    return code;
}

static int run_get(cli *c) {
    cli_format format;
    int code = cli_format_get(c, CLI_NDJSON, &format);
    return code == CLI_OK ? by_ids(c, HB_CALL_GET, print_got) : code;
}

static int print_removed(cli_session *s, const hb_batch *ids) {
    cli *c = s->c;
    const hb_batch *flags = &s->answer->batch;
    int code = CLI_OK;
    bool first = true;
    if (c->json) hb_buf_add_char(&c->out, '[');
    for (uint32_t i = 0; i < ids->row_count; i++) {
        hb_str id = hb_column_span(&ids->columns[0], i);
        if (!hb_column_get(&flags->columns[0], i).as.b) {
            code = missing(c, id);
            continue;
        }
        if (c->json && !first) hb_buf_add_char(&c->out, ',');
        first = false;
        if (c->json) {
            hb_buf_add_json_str(&c->out, id);
        } else {
            hb_buf_printf(&c->out, "%.*s\n", HB_ARG(id));
        }
    }
    if (c->json) hb_buf_add_c(&c->out, "]\n");
    return code;
}

static int run_rm(cli *c) {
    return by_ids(c, HB_CALL_DELETE, print_removed);
}

static const cli_flag put_flags[] = {
    { "batch", 'b', "N", "rows of one transaction (default 1000)" },
    { "no-overwrite", 0, NULL, "a row whose id exists is an error" },
    { "drop-unknown", 0, NULL, "drop keys that the entity does not have" },
    { NULL, 0, NULL, NULL },
};
static const cli_flag get_flags[] = {
    { "format", 'f', "FORMAT", "table, json, ndjson (default) or csv" },
    { NULL, 0, NULL, NULL },
};

const cli_command command_put = {
    "put",
    "upsert",
    "ENTITY [FILE|-]",
    "write rows; prints their ids",
    "The input (stdin when no file is named) is one JSON object, an array of objects, or objects "
    "one per\n"
    "line (NDJSON). A row with an id that exists is replaced. Rows are stored in batches, each in "
    "one\n"
    "transaction; an id on stdout is the receipt of a stored row.",
    "put note notes.ndjson\nput note - --batch 5000 < notes.ndjson",
    put_flags,
    1,
    2,
    run_put,
};
const cli_command command_get = {
    "get",
    NULL,
    "ENTITY ID...",
    "print rows by id, in the order of the ids",
    "Exit code 1 when an id has no row; the others are printed.",
    "get note n1 n2\nget note n1 --json",
    get_flags,
    2,
    -1,
    run_get,
};
const cli_command command_rm = {
    "rm",
    "delete del remove",
    "ENTITY ID...",
    "delete rows; prints the ids that were there",
    "Exit code 1 when an id had no row; the others are deleted.",
    "rm note n1 n2",
    NULL,
    2,
    -1,
    run_rm,
};
