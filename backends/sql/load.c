// SPDX-License-Identifier: MIT
/* Rows as loads: a table's rows as one JSON text, for engines that take rows by HTTP, and SQL that
 * only reads. In a list a load stands as a statement does: its text is the path of the table, and
 * its parameters the columns, the JSON, and how many rows that is. A load is done or not done as a
 * whole. The column __op tells what is deleted by its key (1) from what is written (0). */
#include "backends/sql/transport.h"

#define LOAD_BYTES_MAX (8u << 20)   /* of a load, unless one row has more */

/* A load on its way into a list. */
typedef struct load {
    sql_list *list;
    const sql_remote *remote;
    hb_str table;
    hb_buf columns, json;
    uint32_t rows;
} load;

static void load_init(load *l, sql_list *list, const sql_remote *remote, hb_str table) {
    *l = (load){ .list = list, .remote = remote, .table = table };
    hb_buf_init(&l->columns, remote->mem);
    hb_buf_init(&l->json, remote->mem);
}

static void load_free(load *l) {
    hb_buf_free(&l->columns);
    hb_buf_free(&l->json);
}

static void add_column(load *l, hb_str name) {
    hb_buf_printf(&l->columns, "%s`%.*s`", l->columns.len > 0 ? "," : "", HB_ARG(name));
}

static void begin_row(load *l) {
    hb_buf_add_char(&l->json, l->rows++ == 0 ? '[' : ',');
    hb_buf_add_char(&l->json, '{');
}

/* Ends what was collected: the next row begins another load. */
static hb_status submit(load *l, hb_err *err) {
    if (l->rows == 0) return HB_OK;
    hb_buf_add_char(&l->json, ']');
    HB_TRY(hb_buf_check(&l->columns, err));
    HB_TRY(hb_buf_check(&l->json, err));
    hb_buf path;
    hb_buf_init(&path, l->remote->mem);
    hb_buf_printf(&path, "/api/%.*s/%.*s/_stream_load", HB_ARG(l->remote->schema),
                  HB_ARG(l->table));
    hb_status status = hb_buf_check(&path, err);
    hb_buf *out = &l->list->items;
    if (status == HB_OK) {
        hb_pack_array(out, 2);
        hb_pack_str(out, hb_buf_str(&path));
        hb_pack_array(out, 3);
        hb_pack_str(out, hb_buf_str(&l->columns));
        hb_pack_str(out, hb_buf_str(&l->json));
        hb_pack_int(out, l->rows);
        l->list->count++;
        status = hb_buf_check(out, err);
    }
    hb_buf_free(&path);
    hb_buf_clear(&l->json);
    l->rows = 0;
    return status;
}

/* ---- cells ------------------------------------------------------------------------------- */

static void add_bytes(hb_buf *out, hb_str bytes) {
    hb_buf_add_c(out, "\"\\\\x");
    sql_add_hex(out, bytes);
    hb_buf_add_char(out, '"');
}

static hb_status add_json(hb_str pack, hb_buf *out, hb_err *err) {
    hb_buf text;
    hb_buf_init(&text, out->mem);
    hb_status status = hb_pack_to_json(pack, 0, false, &text, err);
    if (status == HB_OK) status = hb_buf_check(&text, err);
    if (status == HB_OK) hb_buf_add_json_str(out, hb_buf_str(&text));
    hb_buf_free(&text);
    return status;
}

static hb_status add_cell(const hb_job *job, const hb_field *field, const hb_value *value,
                          hb_buf *out, hb_err *err) {
    switch (value->kind) {
    case HB_KIND_BOOL: hb_buf_add_c(out, value->as.b ? "true" : "false"); return HB_OK;
    case HB_KIND_I64: hb_buf_add_i64(out, value->as.i); return HB_OK;
    case HB_KIND_F64: return sql_add_double(out, value->as.f, err);
    case HB_KIND_TEXT:
        if (value->as.s.len > 0) HB_TRY(sql_check_text(job, field, value->as.s, err));
        hb_buf_add_json_str(out, value->as.s);
        return HB_OK;
    case HB_KIND_BYTES: add_bytes(out, value->as.s); return HB_OK;
    case HB_KIND_VEC: sql_vector_text(value, out); return HB_OK;
    case HB_KIND_PACK: return add_json(value->as.s, out, err);
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    hb_buf_add_c(out, "null");
    return HB_OK;
}

static hb_status add_row(load *l, const hb_job *job, const sql_table *table, uint32_t row,
                         hb_err *err) {
    const hb_container *container = job->fragment->container;
    begin_row(l);
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        const hb_value value = hb_column_get(&job->fragment->batch->columns[i], row);
        hb_buf_printf(&l->json, "%s\"%.*s\":", i > 0 ? "," : "", HB_ARG(table->columns[i]));
        HB_TRY(add_cell(job, field, &value, &l->json, err));
    }
    hb_buf_add_char(&l->json, '}');
    return HB_OK;
}

/* ---- loads ------------------------------------------------------------------------------- */

/* A column that the rows do not have is null afterwards. */
hb_status sql_load_rows(hb_job *job, const sql_table *table, sql_list *list, hb_err *err) {
    load l;
    load_init(&l, list, sql_remote_of(job), table->name);
    for (uint32_t i = 0; i < job->fragment->container->field_count; i++) {
        add_column(&l, table->columns[i]);
    }
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < job->fragment->batch->row_count && status == HB_OK; i++) {
        status = add_row(&l, job, table, i, err);
        if (status == HB_OK && l.json.len >= LOAD_BYTES_MAX) status = submit(&l, err);
    }
    if (status == HB_OK) status = submit(&l, err);
    load_free(&l);
    return status;
}

hb_status sql_load_deletes(sql_list *list, const sql_remote *remote, const sql_table *table,
                           const hb_str *ids, uint32_t count, hb_err *err) {
    load l;
    load_init(&l, list, remote, table->name);
    add_column(&l, table->columns[0]);
    hb_buf_add_c(&l.columns, ",__op");
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        begin_row(&l);
        hb_buf_printf(&l.json, "\"%.*s\":", HB_ARG(table->columns[0]));
        hb_buf_add_json_str(&l.json, ids[i]);
        hb_buf_add_c(&l.json, ",\"__op\":1}");
        if (l.json.len >= LOAD_BYTES_MAX) status = submit(&l, err);
    }
    if (status == HB_OK) status = submit(&l, err);
    load_free(&l);
    return status;
}

hb_status sql_load_meta(sql_list *list, const sql_remote *remote, const sql_meta *meta,
                        hb_err *err) {
    load l;
    load_init(&l, list, remote, HB_STR(SQL_META_TABLE));
    hb_buf_add_c(&l.columns, "`key`,`value`,__op");
    for (uint32_t i = 0; i < meta->count; i++) {
        const sql_meta_entry *entry = &meta->entries[i];
        const bool is_gone = entry->value.ptr == NULL;
        begin_row(&l);
        hb_buf_add_c(&l.json, "\"key\":");
        hb_buf_add_json_str(&l.json, entry->key);
        hb_buf_add_c(&l.json, ",\"value\":");
        if (is_gone) {
            hb_buf_add_c(&l.json, "null");
        } else {
            add_bytes(&l.json, entry->value);
        }
        hb_buf_add_c(&l.json, is_gone ? ",\"__op\":1}" : ",\"__op\":0}");
    }
    hb_status status = submit(&l, err);
    load_free(&l);
    return status;
}
