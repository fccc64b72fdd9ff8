// SPDX-License-Identifier: MIT
#include "exec/rows.h"

#include "eval/pred.h"

int hb_rows_find(const hb_rows *rows, uint32_t colid) {
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (rows->colids[i] == colid) return (int)i;
    }
    return -1;
}

hb_status hb_rows_ids(const hb_rows *rows, hb_arena *arena, hb_ids *out, hb_err *err) {
    hb_str *ids = hb_arena_array(arena, rows->count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < rows->count; i++) ids[i] = hb_rows_id(rows, i);
    *out = (hb_ids){ ids, rows->count };
    return HB_OK;
}

hb_status hb_rows_gather(hb_task *task, const hb_rows *in, hb_rows *out, hb_err *err) {
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, in->column_count, &set, err));
    for (uint32_t c = 0; c < in->column_count; c++) {
        const hb_column *src = &in->columns[c];
        hb_rowset_column(set, c, src->name, src->kind, src->dim);
        if (!hb_colbuf_add_rows(&set->columns[c], src, in->sel, in->count))
            return hb_err_memory(err);
    }
    hb_batch batch = hb_rowset_batch(set);
    *out = (hb_rows){ batch.columns, in->colids, in->column_count, NULL, in->count };
    return HB_OK;
}

hb_status hb_exec_filter(hb_task *task, const hb_schema *schema, const hb_expr *residual,
                         const hb_rows *in, hb_rows *out, hb_err *err) {
    const hb_column **columns = HB_NEW_ARRAY(&task->arena, const hb_column *, schema->field_count);
    uint32_t *sel = hb_arena_array(&task->arena, in->count, sizeof(*sel));
    if (columns == NULL || sel == NULL) return hb_err_memory(err);
    for (uint32_t c = 0; c < in->column_count; c++) {
        if (in->colids[c] < schema->field_count) columns[in->colids[c]] = &in->columns[c];
    }
    hb_pred *pred;
    HB_TRY(hb_pred_new(schema, residual, task->mem, &pred, err));
    hb_status status = HB_OK;
    uint32_t kept = 0;
    uint8_t mask[HB_EVAL_CHUNK];
    for (uint32_t start = 0; start < in->count && status == HB_OK; start += HB_EVAL_CHUNK) {
        uint32_t n = in->count - start < HB_EVAL_CHUNK ? in->count - start : HB_EVAL_CHUNK;
        memset(mask, 1, n);
        status = hb_pred_eval(pred, columns, in->sel != NULL ? in->sel + start : NULL, start, n,
                              mask, err);
        for (uint32_t i = 0; i < n && status == HB_OK; i++) {
            if (mask[i]) sel[kept++] = hb_rows_at(in, start + i);
        }
    }
    hb_pred_free(pred);
    HB_TRY(status);
    *out = *in;
    out->sel = sel;
    out->count = kept;
    return HB_OK;
}

/* `out` is `in` narrowed to the rows whose presence in the sorted `other` equals `keep_common`. */
static hb_status rows_narrow(hb_task *task, const hb_rows *in, const hb_rows *other,
                             bool keep_common, hb_rows *out, hb_err *err) {
    uint32_t *sel = hb_arena_array(&task->arena, in->count, sizeof(*sel));
    if (sel == NULL) return hb_err_memory(err);
    uint32_t kept = 0, j = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        hb_str id = hb_rows_id(in, i);
        int order = 1;
        while (j < other->count && (order = hb_str_cmp(hb_rows_id(other, j), id)) < 0) j++;
        bool common = j < other->count && order == 0;
        if (common == keep_common) sel[kept++] = hb_rows_at(in, i);
    }
    *out = *in;
    out->sel = sel;
    out->count = kept;
    return HB_OK;
}

hb_status hb_exec_intersect(hb_task *task, const hb_rows *const *in, uint32_t in_count,
                            hb_rows *out, hb_err *err) {
    *out = *in[0];
    for (uint32_t i = 1; i < in_count; i++) {
        hb_rows next;
        HB_TRY(rows_narrow(task, out, in[i], true, &next, err));
        *out = next;
    }
    return HB_OK;
}

hb_status hb_exec_except(hb_task *task, const hb_rows *all, const hb_rows *without, hb_rows *out,
                         hb_err *err) {
    return rows_narrow(task, all, without, false, out, err);
}

static const uint32_t rows_id_only[1] = { HB_FIELD_OBJECT_ID };

static hb_status rows_union_two(hb_task *task, const hb_rows *a, const hb_rows *b, hb_rows *out,
                                hb_err *err) {
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, 1, &set, err));
    hb_rowset_column(set, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    hb_colbuf *ids = &set->columns[0];
    if (!hb_colbuf_reserve(ids, a->count + b->count, 0)) return hb_err_memory(err);
    uint32_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : hb_str_cmp(hb_rows_id(a, i), hb_rows_id(b, j));
        hb_str id = order <= 0 ? hb_rows_id(a, i) : hb_rows_id(b, j);
        if (order <= 0) i++;
        if (order >= 0) j++;
        if (!hb_colbuf_add_text(ids, id)) return hb_err_memory(err);
    }
    hb_batch batch = hb_rowset_batch(set);
    *out = (hb_rows){ batch.columns, rows_id_only, 1, NULL, batch.row_count };
    return HB_OK;
}

hb_status hb_exec_union(hb_task *task, const hb_rows *const *in, uint32_t in_count, hb_rows *out,
                        hb_err *err) {
    *out = *in[0];
    out->column_count = 1;
    for (uint32_t i = 1; i < in_count; i++) {
        hb_rows next;
        HB_TRY(rows_union_two(task, out, in[i], &next, err));
        *out = next;
    }
    return HB_OK;
}

/* One fetched column spread over the rows of `in`: nulls where an id was not fetched. */
static hb_status hydrate_column(const hb_rows *in, const hb_rows *fetched, uint32_t c,
                                hb_colbuf *dst, hb_err *err) {
    const hb_column *src = &fetched->columns[c];
    if (fetched->count == in->count) {
        return hb_colbuf_add_rows(dst, src, fetched->sel, fetched->count) ? HB_OK
                                                                          : hb_err_memory(err);
    }
    uint32_t j = 0;
    for (uint32_t i = 0; i < in->count; i++) {
        bool found = j < fetched->count && hb_str_eq(hb_rows_id(fetched, j), hb_rows_id(in, i));
        bool ok =
            found ? hb_colbuf_add_cell(dst, src, hb_rows_at(fetched, j)) : hb_colbuf_add_null(dst);
        if (!ok) return hb_err_memory(err);
        if (found) j++;
    }
    return HB_OK;
}

hb_status hb_exec_hydrate(hb_task *task, const hb_rows *in, const hb_rows *fetched, hb_rows *out,
                          hb_err *err) {
    uint32_t added = fetched->column_count - 1;
    uint32_t count = in->column_count + added;
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, count, &set, err));
    uint32_t *colids = hb_arena_array(&task->arena, count, sizeof(*colids));
    if (colids == NULL) return hb_err_memory(err);
    for (uint32_t c = 0; c < in->column_count; c++) {
        const hb_column *src = &in->columns[c];
        colids[c] = in->colids[c];
        hb_rowset_column(set, c, src->name, src->kind, src->dim);
        if (!hb_colbuf_add_rows(&set->columns[c], src, in->sel, in->count))
            return hb_err_memory(err);
    }
    for (uint32_t c = 0; c < added; c++) {
        const hb_column *src = &fetched->columns[c + 1];
        uint32_t at = in->column_count + c;
        colids[at] = fetched->colids[c + 1];
        hb_rowset_column(set, at, src->name, src->kind, src->dim);
        HB_TRY(hydrate_column(in, fetched, c + 1, &set->columns[at], err));
    }
    hb_batch batch = hb_rowset_batch(set);
    *out = (hb_rows){ batch.columns, colids, count, NULL, in->count };
    return HB_OK;
}
