// SPDX-License-Identifier: MIT
/* Texts in aligned columns, as wide as a terminal shows them. */
#include <utf8proc.h>

#include "wasi/cli.h"

hb_status cli_table_init(cli_table *table, cli *c, const char *const *headers, uint32_t count,
                         hb_err *err) {
    *table = (cli_table){ c, count, 0, 0, NULL };
    hb_str *cells = hb_arena_array(&c->arena, count, sizeof(*cells));
    if (cells == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) cells[i] = hb_str_c(headers[i]);
    return cli_table_add(table, c, cells, err);
}

hb_status cli_table_add(cli_table *table, cli *c, const hb_str *cells, hb_err *err) {
    uint32_t width = table->column_count;
    if (table->row_count == table->cap) {
        uint32_t cap = table->cap == 0 ? 32 : table->cap * 2;
        hb_str *grown = hb_arena_array(&c->arena, (size_t)cap * width, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (table->row_count > 0) {
            memcpy(grown, table->cells, (size_t)table->row_count * width * sizeof(*grown));
        }
        table->cells = grown;
        table->cap = cap;
    }
    memcpy(table->cells + (size_t)table->row_count * width, cells, width * sizeof(*cells));
    table->row_count++;
    return HB_OK;
}

uint32_t cli_width(hb_str text) {
    uint32_t width = 0;
    for (uint32_t at = 0; at < text.len;) {
        int columns = utf8proc_charwidth((utf8proc_int32_t)hb_utf8_next(text, &at));
        if (columns > 0) width += (uint32_t)columns;
    }
    return width;
}

static void line_print(const cli_table *table, const hb_str *cells, const uint32_t *widths,
                       const char *indent, hb_buf *out) {
    hb_buf_add_c(out, indent);
    for (uint32_t i = 0; i < table->column_count; i++) {
        hb_buf_add_str(out, cells[i]);
        if (i + 1 == table->column_count) break;
        for (uint32_t pad = cli_width(cells[i]); pad < widths[i] + 2; pad++) {
            hb_buf_add_char(out, ' ');
        }
    }
    while (out->len > 0 && out->ptr[out->len - 1] == ' ') out->len--;
    hb_buf_add_char(out, '\n');
}

void cli_table_print(const cli_table *table, const char *heading, hb_buf *out) {
    static const char dashes[] = "----------------------------------------------------------------";
    hb_arena scratch;
    hb_arena_init(&scratch, table->c->mem);
    uint32_t *widths = HB_NEW_ARRAY(&scratch, uint32_t, table->column_count);
    hb_str *rule = HB_NEW_ARRAY(&scratch, hb_str, table->column_count);
    if (widths == NULL || rule == NULL) {
        out->failed = true;
        hb_arena_free(&scratch);
        return;
    }
    for (uint32_t row = 0; row < table->row_count; row++) {
        for (uint32_t i = 0; i < table->column_count; i++) {
            uint32_t width = cli_width(table->cells[(size_t)row * table->column_count + i]);
            if (width > widths[i]) widths[i] = width;
        }
    }
    for (uint32_t i = 0; i < table->column_count; i++) {
        uint32_t len = widths[i] < sizeof(dashes) - 1 ? widths[i] : (uint32_t)sizeof(dashes) - 1;
        rule[i] = hb_str_n(dashes, len);
    }
    const char *indent = heading != NULL ? "  " : "";
    if (heading != NULL) hb_buf_printf(out, "%s\n", heading);
    for (uint32_t row = 0; row < table->row_count; row++) {
        line_print(table, table->cells + (size_t)row * table->column_count, widths, indent, out);
        if (row == 0) line_print(table, rule, widths, indent, out);
    }
    hb_arena_free(&scratch);
}
