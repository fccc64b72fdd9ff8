// SPDX-License-Identifier: MIT
/* Coercion of a whole column. The common inputs need one scan and no copy: what a scan accepts is
 * a view of the input; everything else goes value by value. */
#include "value/coerce_parts.h"

#include <math.h>

#include "base/limits.h"

typedef struct column_job {
    const hb_type *type;
    const hb_column *in;
    uint32_t row_count;
    hb_arena *arena;
    hb_column *out;
    uint32_t *bad_row;
    hb_err *err;
} column_job;

static bool is_value(const column_job *job, uint32_t row) {
    return job->in->state == NULL || job->in->state[row] == HB_CELL_VALUE;
}

static void view(column_job *job, hb_kind kind) {
    *job->out = *job->in;
    job->out->kind = kind;
}

/* ---- scans: true when the column is stored as it came ----------------------------------- */

static bool scan_texts(const column_job *job) {
    const hb_type *type = job->type;
    const hb_span *spans = job->in->data;
    const bool length_only = type->id != HB_TYPE_CATEGORICAL && type->id != HB_TYPE_DATE;
    const uint32_t min = type->id == HB_TYPE_IDENTIFIER ? 1 : 0;
    for (uint32_t row = 0; row < job->row_count; row++) {
        /* Bytes are never fewer than characters. */
        if (length_only && spans[row].len <= type->max_chars && spans[row].len >= min) continue;
        if (is_value(job, row) && !hb_coerce_text_fits(type, hb_column_span(job->in, row))) {
            return false;
        }
    }
    return true;
}

static bool scan_ints(const column_job *job) {
    if (job->type->id == HB_TYPE_INTEGER) return true;
    const int64_t *values = job->in->data;
    for (uint32_t row = 0; row < job->row_count; row++) {
        if (is_value(job, row) && !hb_coerce_int_fits(job->type, values[row])) return false;
    }
    return true;
}

static bool scan_doubles(const column_job *job) {
    const double *values = job->in->data;
    for (uint32_t row = 0; row < job->row_count; row++) {
        if (!isfinite(values[row]) && is_value(job, row)) return false;
    }
    return true;
}

static bool scan_vectors(const column_job *job) {
    const hb_column *in = job->in;
    if (in->dim == 0 || (job->type->dim > 0 && in->dim != job->type->dim)) {
        if (job->type->dim > 0) return false;
        for (uint32_t row = 0; row < job->row_count; row++) {
            if (!is_value(job, row)) continue;
            const hb_value value = hb_column_get(in, row);
            if (value.as.v.len > HB_VECTOR_DIM_MAX ||
                !hb_coerce_floats_finite(value.as.v.ptr, value.as.v.len)) {
                return false;
            }
        }
        return true;
    }
    if (in->state == NULL && in->pieces == NULL) {
        return hb_coerce_floats_finite(in->data, (size_t)job->row_count * in->dim);
    }
    for (uint32_t row = 0; row < job->row_count; row++) {
        if (is_value(job, row) && !hb_coerce_floats_finite(hb_column_vec(in, row), in->dim)) {
            return false;
        }
    }
    return true;
}

static bool scan_packs(const column_job *job) {
    for (uint32_t row = 0; row < job->row_count; row++) {
        if (is_value(job, row) && !hb_coerce_pack_fits(job->type, hb_column_span(job->in, row))) {
            return false;
        }
    }
    return true;
}

/* ---- number loops ----------------------------------------------------------------------- */

/* F64 to whole numbers, truncated; false leaves the column to the slow way and its error. */
static bool ints_from_doubles(column_job *job) {
    const double *from = job->in->data;
    if (job->type->id == HB_TYPE_CATEGORICAL) return false;
    int64_t *to = hb_arena_array(job->arena, job->row_count, sizeof *to);
    if (to == NULL) return false;
    for (uint32_t row = 0; row < job->row_count; row++) {
        to[row] = 0;
        if (!is_value(job, row)) continue;
        if (!(fabs(from[row]) < 9223372036854775808.0)) return false;
        to[row] = (int64_t)from[row];
        if (!hb_coerce_int_fits(job->type, to[row])) return false;
    }
    view(job, HB_KIND_I64);
    job->out->data = to;
    return true;
}

static bool doubles_from_ints(column_job *job) {
    const int64_t *from = job->in->data;
    double *to = hb_arena_array(job->arena, job->row_count, sizeof *to);
    if (to == NULL) return false;
    for (uint32_t row = 0; row < job->row_count; row++) {
        to[row] = (double)from[row];
    }
    view(job, HB_KIND_F64);
    job->out->data = to;
    return true;
}

/* ---- the slow way ----------------------------------------------------------------------- */

/* Moves what `col` built into the arena. States are the input's, but for values that became
 * null. */
static hb_status keep_column(column_job *job, const hb_colbuf *col) {
    const hb_column built = hb_colbuf_view(col, job->in->name);
    *job->out = built;
    job->out->state = NULL;
    if (col->null_count > 0) {
        uint8_t *state = hb_arena_alloc(job->arena, job->row_count);
        if (state == NULL) return hb_err_memory(job->err);
        for (uint32_t row = 0; row < job->row_count; row++) {
            const bool value = built.state[row] == HB_CELL_VALUE;
            const hb_cell before = hb_column_cell(job->in, row);
            state[row] = (uint8_t)(value                      ? HB_CELL_VALUE
                                   : before == HB_CELL_ABSENT ? HB_CELL_ABSENT
                                                              : HB_CELL_NULL);
        }
        job->out->state = state;
    }
    size_t size = 8;
    if (built.kind == HB_KIND_BOOL) size = 1;
    if (built.kind == HB_KIND_VEC && built.dim > 0) size = built.dim * sizeof(float);
    job->out->data = hb_arena_copy(job->arena, built.data, size * job->row_count);
    job->out->heap = hb_arena_copy(job->arena, built.heap, built.heap_len);
    if (job->out->data == NULL || job->out->heap == NULL) return hb_err_memory(job->err);
    return HB_OK;
}

static hb_status convert_rows(column_job *job) {
    hb_colbuf col;
    hb_colbuf_init(&col, job->arena->mem, hb_type_kind(job->type), job->type->dim);
    hb_status status = HB_OK;
    if (!hb_colbuf_reserve(&col, job->row_count, 0)) status = hb_err_memory(job->err);
    for (uint32_t row = 0; status == HB_OK && row < job->row_count; row++) {
        const hb_value in = hb_column_get(job->in, row);
        hb_value out = { .kind = HB_KIND_NULL };
        if (in.kind != HB_KIND_NULL) {
            status = hb_coerce_value(job->type, &in, job->arena, &out, job->err);
        }
        if (status == HB_OK && !hb_colbuf_add(&col, &out)) status = hb_err_memory(job->err);
        if (status != HB_OK && job->bad_row != NULL) *job->bad_row = row;
    }
    if (status == HB_OK) status = keep_column(job, &col);
    hb_colbuf_free(&col);
    return status;
}

/* A column without any value: only its states matter. */
static hb_status empty_column(column_job *job) {
    view(job, hb_type_kind(job->type));
    job->out->dim = job->type->dim;
    job->out->data = NULL;
    if (job->in->state == NULL) {
        uint8_t *state = hb_arena_alloc(job->arena, job->row_count);
        if (state == NULL) return hb_err_memory(job->err);
        memset(state, HB_CELL_NULL, job->row_count);
        job->out->state = state;
    }
    return HB_OK;
}

/* True when the column is done without the slow way. */
static bool fast_column(column_job *job) {
    const hb_kind from = job->in->kind;
    const hb_kind to = hb_type_kind(job->type);
    switch (to) {
    case HB_KIND_TEXT:
        if (from != HB_KIND_TEXT || !scan_texts(job)) return false;
        break;
    case HB_KIND_I64:
        if (from == HB_KIND_F64) return ints_from_doubles(job);
        if (from != HB_KIND_I64 || !scan_ints(job)) return false;
        break;
    case HB_KIND_F64:
        if (from == HB_KIND_I64) return doubles_from_ints(job);
        if (from != HB_KIND_F64 || !scan_doubles(job)) return false;
        break;
    case HB_KIND_BOOL:
        if (from != HB_KIND_BOOL) return false;
        break;
    case HB_KIND_BYTES:
        if (from != HB_KIND_BYTES && from != HB_KIND_TEXT) return false;
        break;
    case HB_KIND_VEC:
        if (from != HB_KIND_VEC || !scan_vectors(job)) return false;
        break;
    case HB_KIND_PACK:
        if (from != HB_KIND_PACK || !scan_packs(job)) return false;
        break;
    case HB_KIND_NULL:
    case HB_KIND_COUNT: return false;
    }
    view(job, to);
    return true;
}

hb_status hb_coerce_column(const hb_type *type, const hb_column *in, uint32_t row_count,
                           hb_arena *arena, hb_column *out, uint32_t *bad_row, hb_err *err) {
    column_job job = { type, in, row_count, arena, out, bad_row, err };
    if (in->kind == HB_KIND_NULL || (in->data == NULL && in->pieces == NULL))
        return empty_column(&job);
    return fast_column(&job) ? HB_OK : convert_rows(&job);
}
