// SPDX-License-Identifier: MIT
/* FETCH, SCAN, COUNT and AGGREGATE. A scan that ranks by vectors asks twice: for the vectors of the
 * rows that pass, which the core's kernel ranks (an engine with vectors of its own sends only the
 * nearest ones and some more), then for the columns of the best. So scores are the same everywhere.
 */
#include "backends/sql/remote.h"

#include <stdlib.h>

#include "base/map.h"

#define NEAR_SPARE 32u /* rows beyond top_k, for what the engine rounds otherwise */

enum { READ_ROWS = 1, READ_RANKED, READ_BEST };

static void add_columns(hb_sql *sql, const hb_job *job, const sql_table *table) {
    const hb_fragment *fragment = job->fragment;
    hb_sql_add(sql, "SELECT ");
    hb_sql_ident(sql, table->columns[0]);
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        hb_sql_add(sql, ", ");
        hb_sql_ident(sql, table->columns[fragment->container->by_field[fragment->columns[i]]]);
    }
    hb_sql_add(sql, " FROM ");
    sql_add_table(sql, sql_remote_of(job), table->name);
}

hb_status sql_add_where(hb_sql *sql, const hb_job *job, const sql_table *table, bool *any,
                        hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const hb_sql_scope scope = { fragment->container, table->columns, NULL, NULL };
    *any = fragment->filter != NULL || fragment->candidates != NULL;
    if (!*any) return HB_OK;
    hb_sql_add(sql, " WHERE ");
    if (fragment->filter != NULL) HB_TRY(hb_sql_where(sql, &scope, fragment->filter, err));
    if (fragment->candidates == NULL) return HB_OK;
    if (fragment->filter != NULL) hb_sql_add(sql, " AND ");
    return sql_add_in(sql, table->columns[0], fragment->candidates->ids,
                      fragment->candidates->count, err);
}

/* What a column is ordered by. */
static const char *order_form(const hb_dialect *dialect, uint32_t place, hb_kind kind) {
    if (place == 0) return dialect->id_order;
    return kind == HB_KIND_TEXT ? dialect->text_order : NULL;
}

/* Whether the key is one of those before it. */
static bool is_ordered(const hb_fragment *fragment, uint32_t at) {
    for (uint32_t i = 0; i < at; i++) {
        if (fragment->order[i].col.field == fragment->order[at].col.field) return true;
    }
    return false;
}

static void add_order(hb_sql *sql, const hb_job *job, const sql_table *table) {
    const hb_fragment *fragment = job->fragment;
    const hb_container *container = fragment->container;
    bool by_id = false;
    hb_sql_add(sql, " ORDER BY ");
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_order *order = &fragment->order[i];
        const uint32_t place = container->by_field[order->col.field];
        const hb_kind kind = container->schema->fields[order->col.field].kind;
        if (is_ordered(fragment, i)) continue; /* some engines refuse a key twice */
        if (i > 0) hb_sql_add(sql, ", ");
        by_id = by_id || place == 0;
        hb_sql_order_key(sql, table->columns[place], order_form(sql->dialect, place, kind),
                         order->desc);
    }
    if (!by_id && fragment->order_count > 0) hb_sql_add(sql, ", ");
    if (!by_id && sql->dialect->nulls_last) {
        hb_sql_order_key(sql, table->columns[0], sql->dialect->id_order, false);
    } else if (!by_id) {
        hb_sql_order_by(sql, table->columns[0], sql->dialect->id_order); /* is never null */
    }
    hb_sql_limit(sql, fragment->limit, fragment->offset);
}

/* ---- what is asked ----------------------------------------------------------------------- */

static hb_status ask_rows(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    bool any;
    add_columns(sql, job, table);
    HB_TRY(sql_add_where(sql, job, table, &any, err));
    add_order(sql, job, table);
    return HB_OK;
}

static hb_status ask_by_id(hb_job *job, const sql_table *table, const hb_str *ids, uint32_t count,
                           hb_sql *sql, hb_err *err) {
    add_columns(sql, job, table);
    hb_sql_add(sql, " WHERE ");
    return sql_add_in(sql, table->columns[0], ids, count, err);
}

static hb_status ask_count(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    bool any;
    hb_sql_add(sql, "SELECT count(*) FROM ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    return sql_add_where(sql, job, table, &any, err);
}

/* Ties come by object_id, as the core has them. */
static void add_nearest(hb_sql *sql, const hb_near *near, const sql_table *table, hb_str column,
                        const char *distance) {
    hb_value vector = { .kind = HB_KIND_VEC };
    vector.as.v.ptr = near->vector;
    vector.as.v.len = near->dim;
    hb_sql_add(sql, " ORDER BY ");
    for (const char *p = distance; *p != '\0'; p++) {
        if (*p != '$') {
            hb_buf_add_char(&sql->text, *p);
        } else if (*++p == 'c') {
            hb_sql_ident(sql, column);
        } else {
            hb_sql_param_add(sql, &vector);
        }
    }
    hb_sql_add(sql, ", ");
    hb_sql_order_by(sql, table->columns[0], sql->dialect->id_order);
    hb_sql_limit(sql, (uint64_t)near->top_k + NEAR_SPARE, 0);
}

/* Vectors of any length are compared here: the engine refuses those that differ. */
static const char *distance_of(const hb_job *job, const hb_field *field) {
    if (field->type->dim == 0) return NULL;
    return sql_remote_of(job)->engine->distances[job->fragment->near->metric];
}

static hb_status ask_ranked(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const uint32_t *by_field = fragment->container->by_field;
    const hb_near *near = fragment->near;
    const uint32_t *fields = near != NULL ? &near->field : fragment->search_fields;
    const uint32_t count = near != NULL ? 1 : fragment->search_field_count;
    bool any;
    hb_sql_add(sql, "SELECT ");
    hb_sql_ident(sql, table->columns[0]);
    for (uint32_t i = 0; i < count; i++) {
        hb_sql_add(sql, ", ");
        hb_sql_ident(sql, table->columns[by_field[fields[i]]]);
    }
    hb_sql_add(sql, " FROM ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    HB_TRY(sql_add_where(sql, job, table, &any, err));
    hb_sql_add(sql, any ? " AND (" : " WHERE (");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hb_sql_add(sql, " OR ");
        hb_sql_ident(sql, table->columns[by_field[fields[i]]]);
        hb_sql_add(sql, " IS NOT NULL");
    }
    hb_sql_add(sql, ")");
    if (near == NULL) return HB_OK;
    const char *distance = distance_of(job, &fragment->container->schema->fields[near->field]);
    if (distance != NULL) {
        add_nearest(sql, near, table, table->columns[by_field[near->field]], distance);
    }
    return HB_OK;
}

/* ---- answers ----------------------------------------------------------------------------- */

static hb_status out_begin(hb_job *job, bool scored, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const uint32_t count = 1 + fragment->column_count + (scored ? 1 : 0);
    HB_TRY(hb_rowset_init(&job->out, job->mem, count, err));
    hb_rowset_column(&job->out, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        const hb_field *field = &fragment->container->schema->fields[fragment->columns[i]];
        hb_rowset_column(&job->out, i + 1, field->name, field->kind,
                         field->kind == HB_KIND_VEC ? field->type->dim : 0);
    }
    if (scored) hb_rowset_column(&job->out, count - 1, HB_STR("score"), HB_KIND_F64, 0);
    return HB_OK;
}

static hb_status add_row(hb_job *job, const hb_batch *rows, uint32_t row, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    hb_colbuf *out = job->out.columns;
    HB_TRY(sql_cell_read(&rows->columns[0], row, HB_KIND_TEXT, 0, job->arena, &out[0], err));
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        const hb_field *field = &fragment->container->schema->fields[fragment->columns[i]];
        if (sql_cell_read(&rows->columns[i + 1], row, field->kind, out[i + 1].dim, job->arena,
                          &out[i + 1], err) != HB_OK) {
            return hb_err_where(err, HB_STR_EMPTY, field->name, HB_STR_EMPTY);
        }
    }
    return HB_OK;
}

static hb_status add_scored(hb_job *job, const hb_batch *rows, uint32_t row, double score,
                            hb_err *err) {
    HB_TRY(add_row(job, rows, row, err));
    hb_value value = { .kind = HB_KIND_F64 };
    value.as.f = score;
    return hb_colbuf_add(&job->out.columns[job->out.column_count - 1], &value) ? HB_OK
                                                                               : hb_err_memory(err);
}

/* Where each object_id is; the caller frees the map. */
static hb_status map_ids(const hb_batch *rows, hb_map *map, hb_err *err) {
    HB_TRY(sql_check_ids(rows, err));
    for (uint32_t i = 0; i < rows->row_count; i++) {
        if (!hb_map_put(map, hb_column_span(&rows->columns[0], i), i)) return hb_err_memory(err);
    }
    return HB_OK;
}

/* The rows that exist in the order of `ids`, each with its score if there are some. */
static hb_status take_in_order(hb_job *job, const hb_batch *rows, const hb_str *ids,
                               const double *scores, uint32_t count, hb_err *err) {
    HB_TRY(out_begin(job, scores != NULL, err));
    hb_map map;
    hb_map_init(&map, job->mem);
    hb_status status = map_ids(rows, &map, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        const uint32_t row = hb_map_find(&map, ids[i]);
        if (row == HB_MAP_NONE) continue; /* deleted since, or never there */
        status = scores != NULL ? add_scored(job, rows, row, scores[i], err)
                                : add_row(job, rows, row, err);
    }
    hb_map_free(&map);
    job->done = status == HB_OK;
    return status;
}

static hb_status take_rows(hb_job *job, const hb_batch *rows, hb_err *err) {
    HB_TRY(sql_check_ids(rows, err));
    HB_TRY(out_begin(job, false, err));
    for (uint32_t i = 0; i < rows->row_count; i++) HB_TRY(add_row(job, rows, i, err));
    job->rows_examined = rows->row_count;
    job->done = true;
    return HB_OK;
}

static hb_status take_count(hb_job *job, const hb_batch *rows, hb_err *err) {
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("count"), HB_KIND_I64, 0);
    if (rows->row_count != 1) {
        return hb_err_set(err, HB_E_BAD_REPLY, "a count has %u rows", rows->row_count);
    }
    HB_TRY(sql_check_columns(rows, 1, err));
    HB_TRY(
        sql_cell_read(&rows->columns[0], 0, HB_KIND_I64, 0, job->arena, &job->out.columns[0], err));
    job->done = true;
    return HB_OK;
}

/* The best in the order that the engine gave them. */
static hb_status take_sorted(hb_job *job, const hb_batch *rows, hb_err *err) {
    const sql_state *state = job->state;
    hb_map map;
    hb_map_init(&map, job->mem);
    hb_status status = sql_check_ids(rows, err);
    if (status == HB_OK) status = out_begin(job, true, err);
    for (uint32_t i = 0; i < state->count && status == HB_OK; i++) {
        if (!hb_map_put(&map, state->ids[i], i)) status = hb_err_memory(err);
    }
    for (uint32_t i = 0; i < rows->row_count && status == HB_OK; i++) {
        const uint32_t at = hb_map_find(&map, hb_column_span(&rows->columns[0], i));
        status = at != HB_MAP_NONE ? add_scored(job, rows, i, state->scores[at], err)
                                   : hb_err_set(err, HB_E_BAD_REPLY,
                                                "an answer has a row that was not asked for");
    }
    hb_map_free(&map);
    job->done = status == HB_OK;
    return status;
}

/* Ranks, and cuts what nothing sorts anew. */
static hb_status take_ranked(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    sql_state *state = job->state;
    const uint32_t fields = fragment->near != NULL ? 1 : fragment->search_field_count;
    HB_TRY(sql_check_columns(rows, 1 + fields, err));
    job->rows_examined = rows->row_count;
    HB_TRY(fragment->near != NULL ? sql_rank_vectors(job, rows, err)
                                  : sql_rank_texts(job, rows, err));
    if (fragment->order_count > 0) return HB_OK;
    const uint32_t skipped =
        fragment->offset < state->count ? (uint32_t)fragment->offset : state->count;
    state->ids += skipped;
    state->scores += skipped;
    state->count -= skipped;
    if (fragment->limit < state->count) state->count = (uint32_t)fragment->limit;
    return HB_OK;
}

/* ---- steps ------------------------------------------------------------------------------- */

static hb_status ask(hb_job *job, const sql_table *table, uint32_t phase, hb_sql *sql,
                     hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const sql_state *state = job->state;
    if (phase == READ_BEST) {
        HB_TRY(ask_by_id(job, table, state->ids, state->count, sql, err));
        if (fragment->order_count > 0) add_order(sql, job, table);
        return HB_OK;
    }
    if (phase == READ_RANKED) return ask_ranked(job, table, sql, err);
    if (fragment->kind == HB_FRAG_FETCH) {
        return ask_by_id(job, table, fragment->ids->ids, fragment->ids->count, sql, err);
    }
    if (fragment->kind == HB_FRAG_COUNT) return ask_count(job, table, sql, err);
    if (fragment->kind == HB_FRAG_AGGREGATE) return sql_ask_groups(job, table, sql, err);
    return ask_rows(job, table, sql, err);
}

static hb_status send(hb_job *job, const sql_table *table, uint32_t phase, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    ((sql_state *)job->state)->phase = phase;
    hb_status status = ask(job, table, phase, &sql, err);
    if (status == HB_OK) status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static bool is_ranked(const hb_fragment *fragment) {
    return fragment->kind == HB_FRAG_SCAN && (fragment->near != NULL || fragment->search != NULL);
}

/* A table that nobody made holds nothing; one that somebody took is missed. */
static hb_status answer_nothing(hb_job *job, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    if (fragment->container->made) {
        hb_err_set(err, HB_E_SCHEMA_DRIFT, "the table of entity '%.*s' is not there any more",
                   HB_ARG(fragment->container->schema->entity_id));
        return hb_err_where(err, fragment->container->schema->entity_id, HB_STR_EMPTY,
                            job->instance->name);
    }
    if (fragment->kind == HB_FRAG_AGGREGATE) return sql_no_groups(job, err);
    job->done = true;
    if (fragment->kind != HB_FRAG_COUNT) return out_begin(job, is_ranked(fragment), err);
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("count"), HB_KIND_I64, 0);
    const hb_value zero = { .kind = HB_KIND_I64 };
    return hb_colbuf_add(&job->out.columns[0], &zero) ? HB_OK : hb_err_memory(err);
}

static uint32_t first_phase(const hb_fragment *fragment) {
    return is_ranked(fragment) ? READ_RANKED : READ_ROWS;
}

static const char *const type_names[HB_KIND_COUNT] = {
    [HB_KIND_NULL] = "null",  [HB_KIND_BOOL] = "boolean", [HB_KIND_I64] = "integer",
    [HB_KIND_F64] = "float",  [HB_KIND_TEXT] = "text",    [HB_KIND_BYTES] = "bytes",
    [HB_KIND_VEC] = "vector", [HB_KIND_PACK] = "json",
};

static void statement_json(const hb_sql *sql, hb_buf *json) {
    hb_buf_add_c(json, "{\"sql\":");
    hb_buf_add_json_str(json, hb_sql_text(sql));
    hb_buf_add_c(json, ",\"params\":[");
    for (uint32_t i = 0; i < sql->param_count; i++) {
        hb_buf_printf(json, i > 0 ? ",\"%s\"" : "\"%s\"", type_names[sql->params[i].value.kind]);
    }
    hb_buf_add_c(json, "]}");
}

hb_status sql_statement(hb_instance *instance, const hb_fragment *fragment, hb_arena *arena,
                        hb_buf *json, hb_err *err) {
    sql_table *table;
    hb_job job = {
        .instance = instance, .fragment = fragment, .mem = instance->mem, .arena = arena
    };
    HB_TRY(sql_table_of(instance, fragment->container, &table, err));
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(&job)->engine->dialect, job.mem, arena);
    hb_status status = ask(&job, table, first_phase(fragment), &sql, err);
    if (status == HB_OK) status = hb_sql_check(&sql, err);
    if (status == HB_OK) statement_json(&sql, json);
    hb_sql_free(&sql);
    return status == HB_OK ? hb_buf_check(json, err) : status;
}

hb_status sql_read(hb_job *job, hb_err *err) {
    sql_table *table;
    HB_TRY(sql_table_of(job->instance, job->fragment->container, &table, err));
    if (!sql_table_exists(sql_remote_of(job), table->name)) return answer_nothing(job, err);
    return send(job, table, first_phase(job->fragment), err);
}

hb_status sql_read_reply(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    sql_state *state = job->state;
    if (state->phase == READ_RANKED) {
        HB_TRY(take_ranked(job, rows, err));
        if (state->count > 0) return send(job, fragment->container->state, READ_BEST, err);
        job->done = true;
        return out_begin(job, true, err);
    }
    if (fragment->kind == HB_FRAG_COUNT) return take_count(job, rows, err);
    if (fragment->kind == HB_FRAG_AGGREGATE) return sql_take_groups(job, rows, err);
    HB_TRY(sql_check_columns(rows, 1 + fragment->column_count, err));
    if (state->phase == READ_BEST && fragment->order_count > 0) {
        return take_sorted(job, rows, err);
    }
    if (state->phase == READ_BEST) {
        return take_in_order(job, rows, state->ids, state->scores, state->count, err);
    }
    if (fragment->kind == HB_FRAG_FETCH) {
        return take_in_order(job, rows, fragment->ids->ids, NULL, fragment->ids->count, err);
    }
    return take_rows(job, rows, err);
}
