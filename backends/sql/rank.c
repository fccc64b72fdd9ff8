// SPDX-License-Identifier: MIT
/* Ranking rows that came from the engine, with the core's own kernels: job->state gets the best ids
 * with their scores. */
#include <stdlib.h>

#include "backends/sql/remote.h"
#include "index/text_index.h"
#include "index/vector_index.h"

typedef struct candidate {
    hb_str id;
    uint32_t row;
} candidate;

static int candidate_compare(const void *a, const void *b) {
    return hb_str_cmp(((const candidate *)a)->id, ((const candidate *)b)->id);
}

/* By object_id, so that equal scores come in that order. */
static hb_status candidates_sort(const hb_batch *rows, hb_arena *arena, candidate **out,
                                 hb_err *err) {
    candidate *list = hb_arena_array(arena, (size_t)rows->row_count + 1, sizeof(*list));
    if (list == NULL) return hb_err_memory(err);
    HB_TRY(sql_check_ids(rows, err));
    for (uint32_t i = 0; i < rows->row_count; i++) {
        list[i] = (candidate){ hb_column_span(&rows->columns[0], i), i };
    }
    qsort(list, rows->row_count, sizeof(*list), candidate_compare);
    *out = list;
    return HB_OK;
}

static hb_status best_init(hb_job *job, uint32_t count, hb_err *err) {
    sql_state *state = job->state;
    state->count = 0;
    state->ids = hb_arena_array(job->arena, (size_t)count + 1, sizeof(*state->ids));
    state->scores = hb_arena_array(job->arena, (size_t)count + 1, sizeof(*state->scores));
    return state->ids != NULL && state->scores != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status best_add(hb_job *job, hb_str id, double score, hb_err *err) {
    sql_state *state = job->state;
    state->ids[state->count] = hb_arena_str(job->arena, id);
    state->scores[state->count] = score;
    return state->ids[state->count++].ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* ---- vectors ----------------------------------------------------------------------------- */

/* Vectors of another length cannot be compared with the question. */
static hb_status matrix_fill(const hb_job *job, const hb_column *vectors, candidate *list,
                             uint32_t *count, float **out, hb_err *err) {
    const uint32_t dim = job->fragment->near->dim;
    float *matrix = hb_arena_array(job->arena, (size_t)*count * dim + 1, sizeof(*matrix));
    if (matrix == NULL) return hb_err_memory(err);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        const hb_value vector = hb_column_get(vectors, list[i].row);
        if (vector.kind != HB_KIND_VEC || vector.as.v.len != dim) continue;
        memcpy(matrix + (size_t)kept * dim, vector.as.v.ptr, dim * sizeof(float));
        list[kept++] = list[i];
    }
    *count = kept;
    *out = matrix;
    return HB_OK;
}

static hb_status rank_matrix(hb_job *job, const float *matrix, const candidate *list,
                             uint32_t count, hb_err *err) {
    const hb_near *near = job->fragment->near;
    const uint32_t k = near->top_k < count ? near->top_k : count;
    hb_vector_hit *hits = hb_arena_array(job->arena, (size_t)k + 1, sizeof(*hits));
    if (hits == NULL) return hb_err_memory(err);
    HB_TRY(best_init(job, k, err));
    const hb_vector_query query = {
        .view = { .base = matrix, .stride = near->dim, .dim = near->dim, .count = count },
        .vector = near->vector,
        .metric = near->metric,
        .k = near->top_k,
    };
    const uint32_t found = hb_vector_search(&query, hits);
    for (uint32_t i = 0; i < found; i++) {
        HB_TRY(best_add(job, list[hits[i].slot].id, hits[i].score, err));
    }
    return HB_OK;
}

hb_status sql_rank_vectors(hb_job *job, const hb_batch *rows, hb_err *err) {
    const hb_field *field = &job->fragment->container->schema->fields[job->fragment->near->field];
    uint32_t count = rows->row_count;
    hb_colbuf vectors;
    hb_colbuf_init(&vectors, job->mem, HB_KIND_VEC, field->type->dim);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        status = sql_cell_read(&rows->columns[1], i, HB_KIND_VEC, field->type->dim, job->arena,
                               &vectors, err);
    }
    candidate *list = NULL;
    float *matrix = NULL;
    const hb_column view = hb_colbuf_view(&vectors, field->name);
    if (status == HB_OK) status = candidates_sort(rows, job->arena, &list, err);
    if (status == HB_OK) status = matrix_fill(job, &view, list, &count, &matrix, err);
    if (status == HB_OK) status = rank_matrix(job, matrix, list, count, err);
    hb_colbuf_free(&vectors);
    return status;
}

/* ---- texts ------------------------------------------------------------------------------- */

typedef struct texts {
    const hb_batch *rows;
    const candidate *list;
    hb_text_index **indexes; /* by field */
    uint32_t field_count;
} texts;

static hb_str text_of(void *ctx, uint32_t index, uint32_t slot) {
    const texts *t = ctx;
    const hb_column *column = &t->rows->columns[1 + index];
    const uint32_t row = t->list[slot].row;
    return hb_column_cell(column, row) == HB_CELL_VALUE ? hb_column_span(column, row)
                                                        : (hb_str){ NULL, 0 };
}

static hb_status texts_index(texts *t, const hb_mem *mem, hb_err *err) {
    for (uint32_t f = 0; f < t->field_count; f++) {
        const hb_column *column = &t->rows->columns[1 + f];
        t->indexes[f] = hb_text_index_new(mem);
        if (t->indexes[f] == NULL) return hb_err_memory(err);
        for (uint32_t slot = 0; slot < t->rows->row_count; slot++) {
            /* The kind of a column without values is anyone's guess. */
            const bool is_null = hb_column_cell(column, t->list[slot].row) != HB_CELL_VALUE;
            if (!is_null && !sql_holds_texts(column)) {
                return hb_err_set(err, HB_E_BAD_REPLY,
                                  "an answer has no texts where they are stored");
            }
            const hb_str text = text_of(t, f, slot);
            if (!hb_utf8_valid(text)) {
                return hb_err_set(err, HB_E_BAD_REPLY, "an answer has bytes that are no text");
            }
            HB_TRY(hb_text_index_append(t->indexes[f], slot, text, err));
        }
        HB_TRY(hb_text_index_settle(t->indexes[f], err));
    }
    return HB_OK;
}

static int slot_compare(const void *a, const void *b) {
    const uint32_t left = ((const hb_text_hit *)a)->slot, right = ((const hb_text_hit *)b)->slot;
    return left < right ? -1 : left > right;
}

/* The fields have no index: rows that match score 1, in the order of their ids. */
static hb_status rank_hits(hb_job *job, texts *t, hb_err *err) {
    const hb_search *search = job->fragment->search;
    const hb_text_query query = {
        .indexes = (const hb_text_index *const *)t->indexes,
        .index_count = t->field_count,
        .text = search->text,
        .mode = search->mode,
        .k = UINT32_MAX,
        .text_of = text_of,
        .text_ctx = t,
        .mem = job->mem,
    };
    uint32_t count = 0;
    hb_text_hit *hits =
        hb_arena_array(job->arena, (size_t)hb_text_query_slots(&query) + 1, sizeof(*hits));
    if (hits == NULL) return hb_err_memory(err);
    HB_TRY(hb_text_search(&query, hits, &count, err));
    qsort(hits, count, sizeof(*hits), slot_compare);
    const uint32_t k = search->top_k < count ? search->top_k : count;
    HB_TRY(best_init(job, k, err));
    for (uint32_t i = 0; i < k; i++) HB_TRY(best_add(job, t->list[hits[i].slot].id, 1.0, err));
    return HB_OK;
}

hb_status sql_rank_texts(hb_job *job, const hb_batch *rows, hb_err *err) {
    texts t = { .rows = rows, .field_count = job->fragment->search_field_count };
    candidate *list;
    if (rows->row_count == 0) return best_init(job, 0, err);
    HB_TRY(candidates_sort(rows, job->arena, &list, err));
    t.list = list;
    t.indexes = HB_NEW_ARRAY(job->arena, hb_text_index *, t.field_count);
    if (t.indexes == NULL) return hb_err_memory(err);
    hb_status status = texts_index(&t, job->mem, err);
    if (status == HB_OK) status = rank_hits(job, &t, err);
    for (uint32_t f = 0; f < t.field_count; f++) {
        if (t.indexes[f] != NULL) hb_text_index_free(t.indexes[f]);
    }
    return status;
}
