// SPDX-License-Identifier: MIT
/* FETCH, SCAN and COUNT. A scan that ranks by vectors asks twice: for the vectors of the rows that
 * pass, which the core's kernel ranks (an engine with vectors of its own sends only the nearest
 * ones and some more), then for the columns of the best. So scores are the same everywhere. */
#include "backends/sql/remote.h"

#include <stdlib.h>

#include "base/map.h"
#include "index/vector_index.h"

#define NEAR_SPARE 32u              /* rows beyond top_k, for what the engine rounds otherwise */

enum { READ_ROWS = 1, READ_VECTORS, READ_BEST };

static const hb_field *field_of(const hb_container *container, uint32_t place) {
    return &container->schema->fields[container->fields[place].field];
}

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

/* The filter and the candidates, with the word WHERE in front of what follows when there are some.
 */
static hb_status add_where(hb_sql *sql, const hb_job *job, const sql_table *table, bool *any,
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

static void add_order(hb_sql *sql, const hb_job *job, const sql_table *table) {
    const hb_fragment *fragment = job->fragment;
    hb_sql_add(sql, " ORDER BY ");
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_order *order = &fragment->order[i];
        hb_sql_order_key(sql, table->columns[fragment->container->by_field[order->col.field]],
                         order->desc);
        hb_sql_add(sql, ", ");
    }
    hb_sql_order_key(sql, table->columns[0], false);
    hb_sql_limit(sql, fragment->limit, fragment->offset);
}

/* ---- what is asked ----------------------------------------------------------------------- */

static hb_status ask_rows(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    bool any;
    add_columns(sql, job, table);
    HB_TRY(add_where(sql, job, table, &any, err));
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
    return add_where(sql, job, table, &any, err);
}

static void add_nearest(hb_sql *sql, const hb_near *near, hb_str column, const char *distance) {
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
    hb_sql_limit(sql, (uint64_t)near->top_k + NEAR_SPARE, 0);
}

/* Vectors of any length are compared here: the engine refuses those that differ. */
static const char *distance_of(const hb_job *job, const hb_field *field) {
    if (field->type->dim == 0) return NULL;
    return sql_remote_of(job)->engine->distances[job->fragment->near->metric];
}

static hb_status ask_vectors(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const uint32_t place = fragment->container->by_field[fragment->near->field];
    const hb_str column = table->columns[place];
    const char *distance = distance_of(job, field_of(fragment->container, place));
    bool any;
    hb_sql_add(sql, "SELECT ");
    hb_sql_ident(sql, table->columns[0]);
    hb_sql_add(sql, ", ");
    hb_sql_ident(sql, column);
    hb_sql_add(sql, " FROM ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    HB_TRY(add_where(sql, job, table, &any, err));
    hb_sql_add(sql, any ? " AND " : " WHERE ");
    hb_sql_ident(sql, column);
    hb_sql_add(sql, " IS NOT NULL");
    if (distance == NULL) return HB_OK;
    add_nearest(sql, fragment->near, column, distance);
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

static hb_status check_columns(const hb_batch *rows, uint32_t count, hb_err *err) {
    if (rows->row_count == 0 || rows->column_count == count) return HB_OK;
    return hb_err_set(err, HB_E_BAD_REPLY, "an answer has %u columns, expected %u",
                      rows->column_count, count);
}

static hb_status add_row(hb_job *job, const hb_batch *rows, uint32_t row, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    hb_colbuf *out = job->out.columns;
    HB_TRY(sql_cell_read(&rows->columns[0], row, HB_KIND_TEXT, 0, job->arena, &out[0], err));
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        const hb_field *field = &fragment->container->schema->fields[fragment->columns[i]];
        HB_TRY(sql_cell_read(&rows->columns[i + 1], row, field->kind, out[i + 1].dim, job->arena,
                             &out[i + 1], err));
    }
    return HB_OK;
}

/* Where each object_id is; the caller frees the map. */
static hb_status map_ids(const hb_batch *rows, hb_map *map, hb_err *err) {
    for (uint32_t i = 0; i < rows->row_count; i++) {
        if (rows->columns[0].kind != HB_KIND_TEXT) {
            return hb_err_set(err, HB_E_BAD_REPLY, "an answer has no object_ids");
        }
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
        if (row == HB_MAP_NONE) continue;       /* deleted since, or never there */
        status = add_row(job, rows, row, err);
        if (status != HB_OK || scores == NULL) continue;
        hb_value score = { .kind = HB_KIND_F64 };
        score.as.f = scores[i];
        if (!hb_colbuf_add(&job->out.columns[job->out.column_count - 1], &score)) {
            status = hb_err_memory(err);
        }
    }
    hb_map_free(&map);
    job->done = status == HB_OK;
    return status;
}

static hb_status take_rows(hb_job *job, const hb_batch *rows, hb_err *err) {
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
    HB_TRY(
        sql_cell_read(&rows->columns[0], 0, HB_KIND_I64, 0, job->arena, &job->out.columns[0], err));
    job->done = true;
    return HB_OK;
}

/* ---- ranking ----------------------------------------------------------------------------- */

typedef struct candidate {
    hb_str id;
    const float *vector;
} candidate;

static int candidate_compare(const void *a, const void *b) {
    return hb_str_cmp(((const candidate *)a)->id, ((const candidate *)b)->id);
}

/* By object_id, so that equal scores come in that order; vectors of another length cannot be
 * compared with the question. */
static hb_status candidates_read(const hb_batch *rows, const hb_column *vectors, uint32_t dim,
                                 hb_arena *arena, candidate **out, uint32_t *count, hb_err *err) {
    candidate *list = hb_arena_array(arena, rows->row_count, sizeof(*list));
    if (list == NULL) return hb_err_memory(err);
    *count = 0;
    for (uint32_t i = 0; i < rows->row_count; i++) {
        const hb_value vector = hb_column_get(vectors, i);
        if (vector.kind != HB_KIND_VEC || vector.as.v.len != dim) continue;
        list[(*count)++] = (candidate){ hb_column_span(&rows->columns[0], i), vector.as.v.ptr };
    }
    qsort(list, *count, sizeof(*list), candidate_compare);
    *out = list;
    return HB_OK;
}

static hb_status rank(hb_job *job, const candidate *list, uint32_t count, hb_err *err) {
    const hb_near *near = job->fragment->near;
    sql_state *state = job->state;
    float *matrix = hb_arena_array(job->arena, (size_t)count * near->dim + 1, sizeof(*matrix));
    const uint32_t limit = near->top_k < count ? near->top_k : count;
    hb_vector_hit *hits = hb_arena_array(job->arena, (size_t)limit + 1, sizeof(*hits));
    state->ids = hb_arena_array(job->arena, (size_t)limit + 1, sizeof(*state->ids));
    state->scores = hb_arena_array(job->arena, (size_t)limit + 1, sizeof(*state->scores));
    if (matrix == NULL || hits == NULL || state->ids == NULL || state->scores == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        memcpy(matrix + (size_t)i * near->dim, list[i].vector, near->dim * sizeof(float));
    }
    const hb_vector_query query = {
        .view = { .base = matrix, .stride = near->dim, .dim = near->dim, .count = count },
        .vector = near->vector,
        .metric = near->metric,
        .k = near->top_k,
    };
    state->count = hb_vector_search(&query, hits);
    for (uint32_t i = 0; i < state->count; i++) {
        state->ids[i] = hb_arena_str(job->arena, list[hits[i].slot].id);
        state->scores[i] = hits[i].score;
        if (state->ids[i].ptr == NULL) return hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status take_vectors(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_near *near = job->fragment->near;
    const hb_field *field = &job->fragment->container->schema->fields[near->field];
    hb_colbuf vectors;
    hb_colbuf_init(&vectors, job->mem, HB_KIND_VEC, field->type->dim);
    hb_status status = check_columns(rows, 2, err);
    for (uint32_t i = 0; i < rows->row_count && status == HB_OK; i++) {
        status = sql_cell_read(&rows->columns[1], i, HB_KIND_VEC, field->type->dim, job->arena,
                               &vectors, err);
    }
    const hb_column view = hb_colbuf_view(&vectors, field->name);
    candidate *list = NULL;
    uint32_t count = 0;
    if (status == HB_OK && rows->row_count > 0 && rows->columns[0].kind != HB_KIND_TEXT) {
        status = hb_err_set(err, HB_E_BAD_REPLY, "an answer has no object_ids");
    }
    if (status == HB_OK) {
        status = candidates_read(rows, &view, near->dim, job->arena, &list, &count, err);
    }
    if (status == HB_OK) status = rank(job, list, count, err);
    hb_colbuf_free(&vectors);
    job->rows_examined = rows->row_count;
    return status;
}

/* ---- steps ------------------------------------------------------------------------------- */

static hb_status send(hb_job *job, const sql_table *table, uint32_t phase, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    sql_state *state = job->state;
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_status status;
    if (phase == READ_BEST) {
        status = ask_by_id(job, table, state->ids, state->count, &sql, err);
    } else if (phase == READ_VECTORS) {
        status = ask_vectors(job, table, &sql, err);
    } else if (fragment->kind == HB_FRAG_FETCH) {
        status = ask_by_id(job, table, fragment->ids->ids, fragment->ids->count, &sql, err);
    } else if (fragment->kind == HB_FRAG_COUNT) {
        status = ask_count(job, table, &sql, err);
    } else {
        status = ask_rows(job, table, &sql, err);
    }
    state->phase = phase;
    if (status == HB_OK) status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
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
    job->done = true;
    if (fragment->kind != HB_FRAG_COUNT) return out_begin(job, fragment->near != NULL, err);
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("count"), HB_KIND_I64, 0);
    const hb_value zero = { .kind = HB_KIND_I64 };
    return hb_colbuf_add(&job->out.columns[0], &zero) ? HB_OK : hb_err_memory(err);
}

hb_status sql_read(hb_job *job, hb_err *err) {
    sql_table *table;
    HB_TRY(sql_table_of(job->instance, job->fragment->container, &table, err));
    if (!sql_table_exists(sql_remote_of(job), table->name)) return answer_nothing(job, err);
    const bool ranks = job->fragment->kind == HB_FRAG_SCAN && job->fragment->near != NULL;
    return send(job, table, ranks ? READ_VECTORS : READ_ROWS, err);
}

hb_status sql_read_reply(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    sql_state *state = job->state;
    if (state->phase == READ_VECTORS) {
        HB_TRY(take_vectors(job, rows, err));
        if (state->count > 0) return send(job, fragment->container->state, READ_BEST, err);
        job->done = true;
        return out_begin(job, true, err);
    }
    if (fragment->kind == HB_FRAG_COUNT) return take_count(job, rows, err);
    HB_TRY(check_columns(rows, 1 + fragment->column_count, err));
    if (state->phase == READ_BEST) {
        return take_in_order(job, rows, state->ids, state->scores, state->count, err);
    }
    if (fragment->kind == HB_FRAG_FETCH) {
        return take_in_order(job, rows, fragment->ids->ids, NULL, fragment->ids->count, err);
    }
    return take_rows(job, rows, err);
}
