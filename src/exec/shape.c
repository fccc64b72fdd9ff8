// SPDX-License-Identifier: MIT
/* Order, paging, counting and the final columns. */
#include "eval/leaf.h"
#include "eval/sort.h"
#include "exec/rows.h"

/* A column as asked for: a field, a score, or the Json field that a path leads into. NULL when the
 * rows do not have it (a field whose optional store is absent): it reads as null. */
static const hb_column *shape_find(const hb_rows *rows, const hb_col *col) {
    uint32_t colid = col->field;
    if (col->kind == HB_COL_SCORE) colid = HB_COLID_SCORE;
    if (col->kind == HB_COL_NEAR_SCORE) colid = HB_COLID_NEAR_SCORE;
    if (col->kind == HB_COL_SEARCH_SCORE) colid = HB_COLID_SEARCH_SCORE;
    int at = hb_rows_find(rows, colid);
    if (at < 0 && (col->kind == HB_COL_NEAR_SCORE || col->kind == HB_COL_SEARCH_SCORE)) {
        at =
            hb_rows_find(rows, HB_COLID_SCORE); /* a single ranked clause: its score is the score */
    }
    return at >= 0 ? &rows->columns[at] : NULL;
}

hb_status hb_exec_sort(hb_task *task, const hb_order *order, uint32_t order_count, uint64_t bound,
                       const hb_rows *in, hb_rows *out, hb_err *err) {
    hb_sort_key *keys = hb_arena_array(&task->arena, order_count, sizeof(*keys));
    uint32_t *sel = hb_arena_array(&task->arena, in->count, sizeof(*sel));
    if (keys == NULL || sel == NULL) return hb_err_memory(err);
    uint32_t key_count = 0;
    for (uint32_t i = 0; i < order_count; i++) {
        const hb_column *column = shape_find(in, &order[i].col);
        if (column == NULL) continue; /* all null: no order among the rows */
        bool path = order[i].col.kind == HB_COL_PATH;
        keys[key_count++] = (hb_sort_key){ column, path ? order[i].col.path : NULL,
                                           path ? order[i].col.path_len : 0, order[i].desc };
    }
    for (uint32_t i = 0; i < in->count; i++) sel[i] = hb_rows_at(in, i);
    uint32_t kept;
    HB_TRY(hb_sort_rows(keys, key_count, &in->columns[0], sel, in->count, bound, &kept,
                        &task->arena, err));
    *out = *in;
    out->sel = sel;
    out->count = kept;
    return HB_OK;
}

hb_status hb_exec_limit(hb_task *task, uint64_t limit, uint64_t offset, const hb_rows *in,
                        hb_rows *out, hb_err *err) {
    *out = *in;
    uint32_t from = offset < in->count ? (uint32_t)offset : in->count;
    uint32_t left = in->count - from;
    out->count = limit < left ? (uint32_t)limit : left;
    if (from == 0) return HB_OK;
    if (in->sel != NULL) {
        out->sel = in->sel + from;
        return HB_OK;
    }
    uint32_t *sel = hb_arena_array(&task->arena, out->count, sizeof(*sel));
    if (sel == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < out->count; i++) sel[i] = from + i;
    out->sel = sel;
    return HB_OK;
}

hb_status hb_exec_count(hb_task *task, uint32_t field, bool distinct, const hb_rows *in,
                        uint64_t *out, hb_err *err) {
    *out = 0;
    if (field == HB_FIELD_OBJECT_ID) {
        *out = in->count;
        return HB_OK;
    }
    int at = hb_rows_find(in, field);
    if (at < 0) return HB_OK;
    hb_map seen;
    hb_map_init(&seen, task->mem);
    hb_buf key;
    hb_buf_init(&key, task->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < in->count && status == HB_OK; i++) {
        uint32_t row = hb_rows_at(in, i);
        if (hb_column_cell(&in->columns[at], row) != HB_CELL_VALUE) continue;
        if (!distinct) {
            (*out)++;
            continue;
        }
        hb_value value = hb_column_get(&in->columns[at], row);
        if (value.kind == HB_KIND_F64) value.as.f += 0.0; /* -0.0 is the same value as 0.0 */
        hb_buf_clear(&key);
        hb_pack_value(&key, &value);
        status = hb_buf_check(&key, err);
        if (status != HB_OK || hb_map_find(&seen, hb_buf_str(&key)) != HB_MAP_NONE) continue;
        hb_str kept = hb_arena_str(&task->arena, hb_buf_str(&key));
        if (kept.ptr == NULL || !hb_map_put(&seen, kept, 1)) status = hb_err_memory(err);
        (*out)++;
    }
    hb_buf_free(&key);
    hb_map_free(&seen);
    return status;
}

static hb_status cursor_pack(const hb_query *query, const hb_rows *rows, uint64_t passed,
                             hb_buf *pack) {
    uint32_t row = hb_rows_at(rows, rows->count - 1);
    bool by_position = hb_query_by_position(query);
    hb_pack_array(pack, by_position ? 2 : query->order_count + 2);
    hb_pack_int(pack, hb_query_mark(query));
    if (by_position) {
        hb_pack_int(pack, (int64_t)passed);
        return HB_OK;
    }
    for (uint32_t i = 0; i < query->order_count; i++) {
        const hb_col *col = &query->order[i].col;
        const hb_column *column = shape_find(rows, col);
        hb_value value = { .kind = HB_KIND_NULL };
        if (column != NULL) value = hb_column_get(column, row);
        if (value.kind == HB_KIND_PACK) {
            hb_str found = value.as.s;
            bool there =
                col->kind != HB_COL_PATH || hb_pack_path(found, col->path, col->path_len, &found);
            if (!there || !hb_leaf_unpack(found, &value)) value.kind = HB_KIND_NULL;
        }
        if (value.kind > HB_KIND_TEXT) return HB_E_UNSUPPORTED;
        hb_pack_value(pack, &value);
    }
    hb_pack_str(pack, hb_column_span(&rows->columns[0], row));
    return HB_OK;
}

hb_status hb_exec_cursor(hb_task *task, const hb_query *query, const hb_rows *rows, uint64_t passed,
                         hb_str *out, hb_err *err) {
    hb_buf pack, json;
    *out = HB_STR_EMPTY;
    hb_buf_init(&pack, task->mem);
    hb_buf_init(&json, task->mem);
    hb_status status = cursor_pack(query, rows, passed, &pack);
    bool listed = status == HB_E_UNSUPPORTED; /* the order is not one of comparable scalars */
    if (status == HB_OK) status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) {
        *out = hb_arena_str(&task->arena, hb_buf_str(&json));
        if (out->ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&json);
    hb_buf_free(&pack);
    return listed ? HB_OK : status;
}

/* The values under a Json path as a column of packs; a missing path is null. */
static hb_status project_path(const hb_col *col, const hb_column *src, const hb_rows *in,
                              hb_colbuf *dst, hb_err *err) {
    for (uint32_t i = 0; i < in->count; i++) {
        uint32_t row = hb_rows_at(in, i);
        hb_str found;
        bool ok = hb_column_cell(src, row) == HB_CELL_VALUE &&
                  hb_pack_path(hb_column_span(src, row), col->path, col->path_len, &found) &&
                  !(found.len == 1 && (uint8_t)found.ptr[0] == 0xc0);
        ok = ok ? hb_colbuf_add_text(dst, found) : hb_colbuf_add_null(dst);
        if (!ok) return hb_err_memory(err);
    }
    return HB_OK;
}

/* Made row by row, of whatever the rows have. */
static bool column_is_made(const hb_col *col) {
    return col->kind == HB_COL_MATCH || col->kind == HB_COL_PATH;
}

/* A column of its own in `set`: made, or the selected rows copied. */
static hb_status project_own(hb_task *task, const hb_schema *schema, const hb_query *query,
                             const hb_col *col, const hb_column *src, const hb_rows *in,
                             hb_rowset *set, uint32_t at, hb_column *view, hb_err *err) {
    hb_colbuf *own = &set->columns[at];
    hb_rowset_column(set, at, col->name, column_is_made(col) ? HB_KIND_PACK : src->kind,
                     column_is_made(col) ? 0 : src->dim);
    if (col->kind == HB_COL_MATCH) {
        HB_TRY(hb_exec_match(task, schema, query->filter, in, own, err));
    } else if (col->kind == HB_COL_PATH) {
        HB_TRY(project_path(col, src, in, own, err));
    } else if (!hb_colbuf_add_rows(own, src, in->sel, in->count)) {
        return hb_err_memory(err);
    }
    *view = hb_colbuf_view(own, col->name);
    return HB_OK;
}

static bool any_is_made(const hb_col *columns, uint32_t count) {
    for (uint32_t c = 0; c < count; c++) {
        if (column_is_made(&columns[c])) return true;
    }
    return false;
}

hb_status hb_exec_project(hb_task *task, const hb_schema *schema, const hb_col *columns,
                          uint32_t column_count, const hb_query *query, const hb_rows *in,
                          const uint32_t **rows_out, hb_batch *out, const uint8_t **roles_out,
                          hb_err *err) {
    hb_column *views = hb_arena_array(&task->arena, (size_t)column_count + 1, sizeof(*views));
    uint8_t *roles = hb_arena_array(&task->arena, (size_t)column_count + 1, 1);
    if (views == NULL || roles == NULL) return hb_err_memory(err);
    const bool made = any_is_made(columns, column_count);
    const bool lends = rows_out != NULL && !made;
    const bool copies = in->sel != NULL && !lends;
    hb_rowset *set = NULL;
    if (made || copies) HB_TRY(hb_task_rowset(task, column_count + 1, &set, err));
    static const hb_col identity = {
        HB_COL_FIELD, HB_FIELD_OBJECT_ID, NULL, 0, { "object_id", 9 }
    };
    for (uint32_t c = 0; c <= column_count; c++) {
        const hb_col *col = c == 0 ? &identity : &columns[c - 1];
        const hb_column *src = shape_find(in, col);
        roles[c] = c == 0 ? 1 : col->kind >= HB_COL_SCORE ? 2 : 0;
        if (col->kind == HB_COL_MATCH || (src != NULL && (copies || column_is_made(col)))) {
            HB_TRY(project_own(task, schema, query, col, src, in, set, c, &views[c], err));
        } else {
            HB_ASSERT(src != NULL || col->kind != HB_COL_FIELD || col->field < schema->field_count);
            views[c] = src != NULL ? *src : (hb_column){ .kind = HB_KIND_NULL };
        }
        views[c].name = col->name;
    }
    const uint32_t from = query->aggregate != NULL ? 1 : 0;
    *out = (hb_batch){ in->count, column_count + 1 - from, views + from };
    *roles_out = roles + from;
    if (lends) *rows_out = in->sel;
    return HB_OK;
}
