// SPDX-License-Identifier: MIT
/* A row file from hostile bytes: read, and when it is one, written in both formats and read again as the same. */
#ifndef HB_TESTS_FUZZ_ROW_FILES_H
#define HB_TESTS_FUZZ_ROW_FILES_H

#include "backends/files/pickle.h"
#include "tests/fuzz/fuzz.h"

#define ROW_FIELDS_MAX 64

typedef struct row_files {
    hb_schema *schema;
    files_conn conn;
    files_table table;
    hb_placed placed[ROW_FIELDS_MAX];
    uint32_t by_field[ROW_FIELDS_MAX];
    uint8_t outside[ROW_FIELDS_MAX];        /* no value is outside of its row */
} row_files;

/* The entity "all" with every field in one container. */
static void row_files_init(row_files *r, const files_format *format, hb_arena *arena) {
    hb_err err;
    memset(r, 0, sizeof(*r));
    MUST_SAY(hb_schema_parse(fuzz_pack(fuzz_definition, arena), hb_mem_default(), &r->schema, &err) == HB_OK, err.msg);
    MUST(r->schema->field_count <= ROW_FIELDS_MAX);
    r->conn.mem = hb_mem_default();
    r->conn.format = format;
    r->table.conn = &r->conn;
    r->table.field_count = r->schema->field_count;
    r->table.outside = r->outside;
    for (uint32_t i = 0; i < r->schema->field_count; i++) r->placed[i].field = r->by_field[i] = i;
    r->table.cache = (hb_container){ .schema = r->schema, .fields = r->placed, .field_count = r->schema->field_count,
                                     .by_field = r->by_field };
}

/* False when the bytes are no row. */
static bool row_files_read(row_files *r, const files_format *format, hb_str bytes, hb_arena *arena, hb_value *cells) {
    hb_buf pack;
    hb_err err;
    hb_err_init(&err);
    hb_buf_init(&pack, hb_mem_default());
    hb_status status = format->decode(bytes, &pack, &err);
    if (status == HB_OK) MUST(hb_pack_valid(hb_buf_str(&pack)));
    const hb_str copy = hb_arena_str(arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    hb_str misfits[ROW_FIELDS_MAX];
    if (status == HB_OK) status = files_row_cells(&r->table, copy, HB_STR("id"), arena, cells, misfits, &err);
    for (uint32_t i = 0; status == HB_OK && i < r->schema->field_count; i++) {
        MUST(misfits[i].ptr == NULL || (cells[i].kind == HB_KIND_NULL && misfits[i].len > 0));
    }
    MUST(status == HB_OK || status == HB_E_CORRUPT);
    MUST(status == HB_OK || err.msg[0] != '\0');
    return status == HB_OK;
}

/* One row as a batch: a column per cell. */
static void row_files_batch(const row_files *r, const hb_value *cells, hb_colbuf *built, hb_column *columns) {
    for (uint32_t i = 0; i < r->schema->field_count; i++) {
        const hb_field *field = &r->schema->fields[i];
        hb_colbuf_init(&built[i], hb_mem_default(), field->kind, field->kind == HB_KIND_VEC ? field->type->dim : 0);
        MUST(hb_colbuf_add(&built[i], &cells[i]));
        columns[i] = hb_colbuf_view(&built[i], field->name);
    }
}

static void row_files_again(row_files *r, const hb_value *cells, const files_format *format, hb_arena *arena) {
    hb_colbuf built[ROW_FIELDS_MAX];
    hb_column columns[ROW_FIELDS_MAX];
    hb_value again[ROW_FIELDS_MAX];
    hb_buf bytes;
    hb_err err;
    hb_buf_init(&bytes, hb_mem_default());
    row_files_batch(r, cells, built, columns);
    const hb_batch batch = { 1, r->schema->field_count, columns };
    if (format->encode(&r->table, &batch, 0, &bytes, &err) == HB_OK) {
        MUST(row_files_read(r, format, hb_buf_str(&bytes), arena, again));
        for (uint32_t i = 0; i < r->schema->field_count; i++) {
            if (cells[i].kind == HB_KIND_PACK && fuzz_repeats_keys(cells[i].as.s)) continue;
            MUST_SAY(hb_value_eq(&cells[i], &again[i]), r->schema->fields[i].name.ptr);
        }
    }
    for (uint32_t i = 0; i < r->schema->field_count; i++) hb_colbuf_free(&built[i]);
    hb_buf_free(&bytes);
}

static inline int row_files_one(const files_format *format, const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    row_files r;
    row_files_init(&r, format, &arena);
    hb_value cells[ROW_FIELDS_MAX];
    if (row_files_read(&r, format, hb_arena_str(&arena, hb_str_n(data, size)), &arena, cells)) {
        row_files_again(&r, cells, &files_json, &arena);
        row_files_again(&r, cells, &files_pickle, &arena);
    }
    hb_schema_free(r.schema);
    hb_arena_free(&arena);
    return 0;
}

#endif
