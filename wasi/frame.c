// SPDX-License-Identifier: MIT
/* Rows as a table, JSON, NDJSON or CSV: integers exact, vectors as lists, bytes as base64. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "value/pack.h"
#include "wasi/cli.h"

#define CELL_COLUMNS_MAX 60u

int cli_format_get(cli *c, cli_format fallback, cli_format *out) {
    static const hb_str names[] = { { "table", 5 }, { "json", 4 }, { "ndjson", 6 }, { "csv", 3 } };
    const char *text = cli_flag_get(c, "format");
    *out = c->json ? CLI_JSON : fallback;
    if (text == NULL) return CLI_OK;
    for (int i = 0; i < 4; i++) {
        if (!hb_str_eq(names[i], hb_str_c(text))) continue;
        if (c->json && i != CLI_JSON) {
            return cli_usage(c, "--json and --format %s exclude each other", text);
        }
        *out = (cli_format)i;
        return CLI_OK;
    }
    hb_err_set(&c->err, HB_E_TYPE, "unknown format '%s'", text);
    hb_err_hint(&c->err, hb_str_c(text), names, 4);
    return cli_usage(c, "%s", c->err.msg);
}

static bool is_hidden(const hb_column *column) {
    return column->name.len > 0 && column->name.ptr[0] == '$';
}

/* The value as JSON text; null for a cell without one. */
static hb_status value_json(const hb_column *column, uint32_t row, hb_buf *out, hb_err *err) {
    hb_value value = hb_column_get(column, row);
    switch (value.kind) {
    case HB_KIND_NULL: hb_buf_add_c(out, "null"); return HB_OK;
    case HB_KIND_BOOL: hb_buf_add_c(out, value.as.b ? "true" : "false"); return HB_OK;
    case HB_KIND_I64: hb_buf_add_i64(out, value.as.i); return HB_OK;
    case HB_KIND_TEXT: hb_buf_add_json_str(out, value.as.s); return HB_OK;
    case HB_KIND_PACK: return hb_pack_to_json(value.as.s, 0, false, out, err);
    case HB_KIND_F64:
        if (isfinite(value.as.f)) {
            hb_buf_add_f64(out, value.as.f);
            return HB_OK;
        }
        break;
    case HB_KIND_BYTES:
    case HB_KIND_VEC:
    case HB_KIND_COUNT: break;
    }
    hb_buf pack;
    hb_buf_init(&pack, out->mem);
    hb_pack_value(&pack, &value);
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, out, err);
    hb_buf_free(&pack);
    return status;
}

hb_status cli_row_json(const hb_batch *batch, uint32_t row, hb_buf *out, hb_err *err) {
    char separator = '{';
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const hb_column *column = &batch->columns[i];
        if (is_hidden(column)) continue;
        hb_buf_add_char(out, separator);
        separator = ',';
        hb_buf_add_json_str(out, column->name);
        hb_buf_add_char(out, ':');
        hb_status status = value_json(column, row, out, err);
        if (status != HB_OK) {
            hb_err_where(err, HB_STR_EMPTY, column->name, HB_STR_EMPTY);
            return status;
        }
    }
    hb_buf_add_c(out, separator == '{' ? "{}" : "}");
    return HB_OK;
}

/* ---- plain text of a value, for tables and CSV ------------------------------------------ */

static hb_status value_text(const hb_column *column, uint32_t row, hb_buf *out, hb_err *err) {
    hb_value value = hb_column_get(column, row);
    if (value.kind == HB_KIND_TEXT) {
        hb_buf_add_str(out, value.as.s);
        return HB_OK;
    }
    uint32_t start = out->len;
    HB_TRY(value_json(column, row, out, err));
    if (value.kind == HB_KIND_BYTES && !out->failed && out->len >= start + 2) {
        out->len -= 2;      /* base64 without the quotes */
        memmove(out->ptr + start, out->ptr + start + 1, out->len - start);
    }
    return HB_OK;
}

static hb_status csv_cell(const hb_column *column, uint32_t row, hb_buf *scratch, hb_buf *out,
                          hb_err *err) {
    if (hb_column_cell(column, row) != HB_CELL_VALUE) return HB_OK;     /* empty: no value */
    hb_buf_clear(scratch);
    HB_TRY(value_text(column, row, scratch, err));
    HB_TRY(hb_buf_check(scratch, err));
    bool quote = scratch->len == 0;                                     /* "": the empty text */
    for (uint32_t i = 0; i < scratch->len && !quote; i++) {
        quote = strchr("\",\r\n", scratch->ptr[i]) != NULL;
    }
    if (quote) hb_buf_add_char(out, '"');
    for (uint32_t i = 0; i < scratch->len; i++) {
        if (scratch->ptr[i] == '"') hb_buf_add_char(out, '"');
        hb_buf_add_char(out, scratch->ptr[i]);
    }
    if (quote) hb_buf_add_char(out, '"');
    return HB_OK;
}

static hb_status csv_row(cli *c, const hb_batch *batch, uint32_t row, hb_buf *scratch,
                         hb_err *err) {
    bool first = true;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (is_hidden(&batch->columns[i])) continue;
        if (!first) hb_buf_add_char(&c->out, ',');
        first = false;
        HB_TRY(csv_cell(&batch->columns[i], row, scratch, &c->out, err));
    }
    hb_buf_add_char(&c->out, '\n');
    return HB_OK;
}

static void csv_header(cli *c, const hb_batch *batch) {
    bool first = true;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (is_hidden(&batch->columns[i])) continue;
        if (!first) hb_buf_add_char(&c->out, ',');
        first = false;
        hb_buf_add_str(&c->out, batch->columns[i].name); /* field names hold no quote or comma */
    }
    hb_buf_add_char(&c->out, '\n');
}

/* One line, no control characters (a stored text must not steer the terminal), not too wide. */
static hb_str table_cell(cli *c, hb_str text) {
    hb_buf out;
    hb_buf_init(&out, c->mem);
    uint32_t width = 0;
    for (uint32_t at = 0; at < text.len;) {
        uint32_t start = at;
        uint32_t cp = hb_utf8_next(text, &at);
        hb_str part = hb_str_sub(text, start, at - start);
        char escaped[12];
        if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            part = hb_str_n(escaped,
                            (size_t)snprintf(escaped, sizeof(escaped), "\\x%02x", (unsigned)cp));
            if (cp == '\n') part = HB_STR("\\n");
            if (cp == '\t') part = HB_STR("\\t");
        }
        uint32_t columns = cli_width(part);
        if (width + columns > CELL_COLUMNS_MAX) {
            hb_buf_add_c(&out, "…");
            break;
        }
        width += columns;
        hb_buf_add_str(&out, part);
    }
    hb_str copy = hb_arena_str(&c->arena, out.failed ? HB_STR_EMPTY : hb_buf_str(&out));
    if (out.failed) copy.ptr = NULL;
    hb_buf_free(&out);
    return copy;
}

static hb_status table_rows(cli *c, const hb_batch *batch, cli_table *table, hb_buf *scratch,
                            hb_err *err) {
    hb_str *cells = hb_arena_array(&c->arena, batch->column_count, sizeof(*cells));
    if (cells == NULL) return hb_err_memory(err);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        uint32_t used = 0;
        for (uint32_t i = 0; i < batch->column_count; i++) {
            if (is_hidden(&batch->columns[i])) continue;
            hb_buf_clear(scratch);
            HB_TRY(value_text(&batch->columns[i], row, scratch, err));
            HB_TRY(hb_buf_check(scratch, err));
            cells[used] = table_cell(c, hb_buf_str(scratch));
            if (cells[used++].ptr == NULL) return hb_err_memory(err);
        }
        HB_TRY(cli_table_add(table, c, cells, err));
    }
    return HB_OK;
}

static hb_status print_table(cli *c, const hb_batch *batch, hb_buf *scratch, hb_err *err) {
    const char **headers = hb_arena_array(&c->arena, batch->column_count, sizeof(*headers));
    if (headers == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (is_hidden(&batch->columns[i])) continue;
        headers[count] = hb_arena_printf(&c->arena, "%.*s", HB_ARG(batch->columns[i].name)).ptr;
        if (headers[count++] == NULL) return hb_err_memory(err);
    }
    cli_table table;
    HB_TRY(cli_table_init(&table, c, headers, count, err));
    HB_TRY(table_rows(c, batch, &table, scratch, err));
    cli_table_print(&table, NULL, &c->out);
    return HB_OK;
}

/* ---- printing -------------------------------------------------------------------------- */

static hb_status print_rows(cli *c, const hb_batch *batch, cli_format format, hb_buf *scratch,
                            hb_err *err) {
    if (format == CLI_TABLE) return print_table(c, batch, scratch, err);
    if (format == CLI_JSON) hb_buf_add_char(&c->out, '[');
    if (format == CLI_CSV) csv_header(c, batch);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (format == CLI_CSV) {
            HB_TRY(csv_row(c, batch, row, scratch, err));
        } else {
            if (format == CLI_JSON) hb_buf_add_c(&c->out, row > 0 ? ",\n " : "\n ");
            HB_TRY(cli_row_json(batch, row, &c->out, err));
            if (format == CLI_NDJSON) hb_buf_add_char(&c->out, '\n');
        }
        HB_TRY(hb_buf_check(&c->out, err));
        if (!cli_flush(c, false)) return HB_OK;
    }
    if (format == CLI_JSON) hb_buf_add_c(&c->out, batch->row_count > 0 ? "\n]\n" : "]\n");
    return HB_OK;
}

int cli_print_frame(cli *c, const hb_batch *batch, cli_format format) {
    hb_buf scratch;
    hb_buf_init(&scratch, c->mem);
    hb_status status = print_rows(c, batch, format, &scratch, &c->err);
    if (status == HB_OK) status = hb_buf_check(&c->out, &c->err);
    hb_buf_free(&scratch);
    return status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
}
