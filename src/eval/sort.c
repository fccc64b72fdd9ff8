// SPDX-License-Identifier: MIT
#include "eval/sort.h"

#include "eval/leaf.h"

/* Every key becomes a 64-bit rank whose unsigned order is the order of the values as far as 64 bits
 * go: exact for BOOL, I64 and F64, the first eight bytes of a text, the first component of a
 * vector, the rounded double of numbers of mixed kind. Equal ranks of all but the first are settled
 * by looking at the values. */

typedef enum sort_exact {
    SORT_BY_RANK,
    SORT_BY_TEXT,
    SORT_BY_VALUE,
    SORT_BY_LIST,
    SORT_BY_VECTOR
} sort_exact;

typedef struct sort_column {
    uint64_t *rank; /* already turned around when descending */
    uint8_t *null; /* NULL: none is null */
    hb_str *texts; /* SORT_BY_TEXT */
    hb_value *values; /* SORT_BY_VALUE, _LIST, _VECTOR */
    sort_exact exact;
    bool desc;
} sort_column;

typedef struct sort_item { /* the first key sits beside the position: most comparisons end here */
    uint64_t rank;
    uint32_t pos;
    uint32_t null;
} sort_item;

typedef struct sort_run {
    const sort_column *columns;
    uint32_t column_count;
    const hb_column *tie;
    const uint32_t *rows;
} sort_run;

static uint64_t rank_i64(int64_t value) {
    return (uint64_t)value ^ (UINT64_C(1) << 63);
}

static uint64_t rank_f64(double value) {
    double number = value + 0.0; /* -0.0 becomes 0.0 */
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return (bits >> 63) != 0 ? ~bits : bits | (UINT64_C(1) << 63);
}

static uint64_t rank_text(hb_str text) {
    uint64_t rank = 0;
    uint32_t len = text.len < 8 ? text.len : 8;
    for (uint32_t i = 0; i < len; i++) {
        rank |= (uint64_t)(uint8_t)text.ptr[i] << (56 - 8 * i);
    }
    return rank;
}

static hb_status sort_unordered(hb_err *err, const hb_column *column) {
    return hb_err_set(err, HB_E_QUERY,
                      "the values of '%.*s' have no order; expected a scalar "
                      "field or a path to scalars",
                      HB_ARG(column->name));
}

/* ---- extracting ------------------------------------------------------------------------ */

static void extract_numbers(sort_column *out, const hb_column *column, const uint32_t *rows,
                            uint32_t count) {
    if (column->kind == HB_KIND_I64) {
        const int64_t *cells = column->data;
        for (uint32_t i = 0; i < count; i++) {
            out->rank[i] = rank_i64(cells[rows[i]]);
        }
    } else if (column->kind == HB_KIND_F64) {
        const double *cells = column->data;
        for (uint32_t i = 0; i < count; i++) {
            out->rank[i] = rank_f64(cells[rows[i]]);
        }
    } else {
        const uint8_t *cells = column->data;
        for (uint32_t i = 0; i < count; i++) {
            out->rank[i] = cells[rows[i]];
        }
    }
}

static hb_status extract_texts(sort_column *out, const hb_column *column, const uint32_t *rows,
                               uint32_t count, hb_arena *scratch, hb_err *err) {
    out->exact = SORT_BY_TEXT;
    out->texts = hb_arena_array(scratch, count, sizeof(hb_str));
    if (out->texts == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool null = out->null != NULL && out->null[i] != 0;
        out->texts[i] = null ? HB_STR_EMPTY : hb_column_span(column, rows[i]);
        out->rank[i] = rank_text(out->texts[i]);
    }
    return HB_OK;
}

/* As lists of numbers: the first component that differs decides, then the length. */
static hb_status extract_vectors(sort_column *out, const hb_column *column, const uint32_t *rows,
                                 uint32_t count, hb_arena *scratch, hb_err *err) {
    out->exact = SORT_BY_VECTOR;
    out->values = hb_arena_array(scratch, count, sizeof(hb_value));
    if (out->values == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        out->values[i] = hb_column_get(column, rows[i]);
        const hb_value *value = &out->values[i];
        bool has = value->kind == HB_KIND_VEC && value->as.v.len > 0;
        out->rank[i] = has ? rank_f64((double)value->as.v.ptr[0]) : 0;
    }
    return HB_OK;
}

static int vector_cmp(const hb_value *a, const hb_value *b) {
    uint32_t len = a->as.v.len < b->as.v.len ? a->as.v.len : b->as.v.len;
    for (uint32_t i = 0; i < len; i++) {
        float x = a->as.v.ptr[i], y = b->as.v.ptr[i];
        if (x != y) return x < y ? -1 : 1;
    }
    return a->as.v.len < b->as.v.len ? -1 : a->as.v.len > b->as.v.len;
}

typedef struct json_kinds {
    bool boolean, integer, number, text, list;
} json_kinds;

/* Containers stay packed: is it a list? */
static bool value_is_list(const hb_value *value) {
    hb_pack_reader reader = hb_pack_read(value->as.s);
    hb_pack_item item;
    return value->kind == HB_KIND_PACK && hb_pack_next(&reader, &item) && item.tag == HB_PACK_ARRAY;
}

static hb_status extract_json_values(sort_column *out, const hb_sort_key *key, const uint32_t *rows,
                                     uint32_t count, json_kinds *kinds, hb_err *err) {
    const hb_column *column = key->column;
    uint32_t found_count = 0;
    bool unordered = false;
    for (uint32_t i = 0; i < count; i++) {
        hb_value *value = &out->values[i];
        bool has = hb_column_cell(column, rows[i]) == HB_CELL_VALUE;
        hb_str found = has ? hb_column_span(column, rows[i]) : HB_STR_EMPTY;
        *value = (hb_value){ .kind = HB_KIND_NULL };
        if (has && (key->path_len == 0 || hb_pack_path(found, key->path, key->path_len, &found))) {
            hb_leaf_unpack(found, value);
        }
        out->null[i] = value->kind == HB_KIND_NULL;
        kinds->boolean = kinds->boolean || value->kind == HB_KIND_BOOL;
        kinds->integer = kinds->integer || value->kind == HB_KIND_I64;
        kinds->number = kinds->number || value->kind == HB_KIND_F64;
        kinds->text = kinds->text || value->kind == HB_KIND_TEXT;
        bool is_list = value->kind == HB_KIND_PACK && value_is_list(value);
        kinds->list = kinds->list || is_list;
        found_count += value->kind != HB_KIND_NULL;
        unordered = unordered || (value->kind > HB_KIND_TEXT && !is_list);
    }
    if (unordered && found_count > 1) return sort_unordered(err, column);
    int classes = (kinds->boolean ? 1 : 0) + (kinds->integer || kinds->number ? 1 : 0) +
                  (kinds->text ? 1 : 0) + (kinds->list ? 1 : 0);
    if (classes > 1) {
        return hb_err_set(err, HB_E_QUERY,
                          "the values to order by in '%.*s' are of different "
                          "JSON kinds and have no common order",
                          HB_ARG(column->name));
    }
    return HB_OK;
}

static hb_status extract_json(sort_column *out, const hb_sort_key *key, const uint32_t *rows,
                              uint32_t count, hb_arena *scratch, hb_err *err) {
    json_kinds kinds = { 0 };
    out->values = hb_arena_array(scratch, count, sizeof(hb_value));
    if (out->null == NULL) {
        out->null = hb_arena_array(scratch, count, 1);
    }
    if (out->values == NULL || out->null == NULL) {
        return hb_err_memory(err);
    }
    HB_TRY(extract_json_values(out, key, rows, count, &kinds, err));
    bool mixed = kinds.integer && kinds.number;
    out->exact = kinds.list ? SORT_BY_LIST : kinds.text || mixed ? SORT_BY_VALUE : SORT_BY_RANK;
    for (uint32_t i = 0; i < count; i++) {
        const hb_value *value = &out->values[i];
        switch ((int)value->kind) {
        case HB_KIND_BOOL: out->rank[i] = value->as.b ? 1 : 0; break;
        case HB_KIND_I64:
            out->rank[i] = mixed ? rank_f64((double)value->as.i) : rank_i64(value->as.i);
            break;
        case HB_KIND_F64: out->rank[i] = rank_f64(value->as.f); break;
        case HB_KIND_TEXT: out->rank[i] = rank_text(value->as.s); break;
        default: out->rank[i] = 0; break;
        }
    }
    return HB_OK;
}

static hb_status extract_nulls(sort_column *out, const hb_column *column, const uint32_t *rows,
                               uint32_t count, hb_arena *scratch, hb_err *err) {
    bool all_null = column->kind == HB_KIND_NULL;
    if (column->state == NULL && !all_null) {
        return HB_OK;
    }
    out->null = hb_arena_array(scratch, count, 1);
    if (out->null == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        out->null[i] = all_null || column->state[rows[i]] != HB_CELL_VALUE;
    }
    return HB_OK;
}

static hb_status extract(sort_column *out, const hb_sort_key *key, const uint32_t *rows,
                         uint32_t count, hb_arena *scratch, hb_err *err) {
    const hb_column *column = key->column;
    *out = (sort_column){ .desc = key->desc };
    out->rank = hb_arena_array(scratch, count, sizeof(uint64_t));
    if (out->rank == NULL) {
        return hb_err_memory(err);
    }
    HB_TRY(extract_nulls(out, column, rows, count, scratch, err));
    if (column->kind == HB_KIND_NULL) {
        memset(out->rank, 0, count * sizeof(uint64_t));
    } else if (column->kind == HB_KIND_VEC) {
        HB_TRY(extract_vectors(out, column, rows, count, scratch, err));
    } else if (column->kind == HB_KIND_TEXT || column->kind == HB_KIND_BYTES) {
        HB_TRY(extract_texts(out, column, rows, count, scratch, err));
    } else if (column->kind == HB_KIND_PACK) {
        HB_TRY(extract_json(out, key, rows, count, scratch, err));
    } else {
        extract_numbers(out, column, rows, count);
    }
    for (uint32_t i = 0; i < count && out->null != NULL; i++) {
        if (out->null[i] != 0) {
            out->rank[i] = 0;
        }
    }
    for (uint32_t i = 0; i < count && out->desc; i++) {
        out->rank[i] = ~out->rank[i];
    }
    return HB_OK;
}

/* ---- comparing ------------------------------------------------------------------------- */

static int column_cmp(const sort_column *column, uint32_t a, uint32_t b) {
    if (column->null != NULL) {
        if (column->null[a] != column->null[b]) {
            return column->null[a] != 0 ? 1 : -1;
        }
        if (column->null[a] != 0) {
            return 0;
        }
    }
    if (column->rank[a] != column->rank[b]) {
        return column->rank[a] < column->rank[b] ? -1 : 1;
    }
    int cmp = 0;
    if (column->exact == SORT_BY_TEXT) {
        cmp = hb_str_cmp(column->texts[a], column->texts[b]);
    } else if (column->exact == SORT_BY_VALUE) {
        cmp = hb_value_cmp(&column->values[a], &column->values[b]);
    } else if (column->exact == SORT_BY_LIST) {
        cmp = hb_pack_cmp(column->values[a].as.s, column->values[b].as.s);
    } else if (column->exact == SORT_BY_VECTOR) {
        cmp = vector_cmp(&column->values[a], &column->values[b]);
    }
    return column->desc ? -cmp : cmp;
}

static int item_cmp(const sort_run *run, const sort_item *a, const sort_item *b) {
    if (a->null != b->null) {
        return a->null < b->null ? -1 : 1;
    }
    if (a->rank != b->rank) {
        return a->rank < b->rank ? -1 : 1;
    }
    for (uint32_t i = 0; i < run->column_count; i++) {
        int cmp = column_cmp(&run->columns[i], a->pos, b->pos);
        if (cmp != 0) {
            return cmp;
        }
    }
    if (run->tie != NULL) {
        int cmp = hb_str_cmp(hb_column_span(run->tie, run->rows[a->pos]),
                             hb_column_span(run->tie, run->rows[b->pos]));
        if (cmp != 0) {
            return cmp;
        }
    }
    return a->pos < b->pos ? -1 : a->pos > b->pos ? 1 : 0;
}

/* ---- sorting --------------------------------------------------------------------------- */

static void sort_insertion(const sort_run *run, sort_item *items, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        sort_item item = items[i];
        uint32_t at = i;
        while (at > 0 && item_cmp(run, &items[at - 1], &item) > 0) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

static void sort_merge(const sort_run *run, sort_item *items, sort_item *spare, uint32_t count) {
    enum { BLOCK = 16 };
    for (uint32_t start = 0; start < count; start += BLOCK) {
        sort_insertion(run, items + start, count - start < BLOCK ? count - start : BLOCK);
    }
    sort_item *from = items;
    sort_item *to = spare;
    for (uint64_t width = BLOCK; width < count; width *= 2) {
        for (uint64_t start = 0; start < count; start += 2 * width) {
            uint64_t mid = start + width < count ? start + width : count;
            uint64_t end = mid + width < count ? mid + width : count;
            uint64_t a = start, b = mid, at = start;
            if (mid == end || item_cmp(run, &from[mid - 1], &from[mid]) <= 0) {
                memcpy(to + start, from + start, (size_t)(end - start) * sizeof(sort_item));
                continue;
            }
            while (a < mid && b < end) {
                to[at++] = item_cmp(run, &from[a], &from[b]) <= 0 ? from[a++] : from[b++];
            }
            memcpy(to + at, from + a, (size_t)(mid - a) * sizeof(sort_item));
            memcpy(to + at + (mid - a), from + b, (size_t)(end - b) * sizeof(sort_item));
        }
        sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof(sort_item));
    }
}

static void heap_sift(const sort_run *run, sort_item *heap, uint32_t count, uint32_t at) {
    sort_item item = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && item_cmp(run, &heap[child + 1], &heap[child]) > 0) {
            child++;
        }
        if (item_cmp(run, &heap[child], &item) <= 0) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

/* Moves the `limit` first items, in any order, to the front: a heap whose top is the last kept. */
static void heap_select(const sort_run *run, sort_item *items, uint32_t count, uint32_t limit) {
    for (uint32_t i = limit / 2; i > 0; i--) {
        heap_sift(run, items, limit, i - 1);
    }
    for (uint32_t i = limit; i < count; i++) {
        if (item_cmp(run, &items[i], &items[0]) < 0) {
            items[0] = items[i];
            heap_sift(run, items, limit, 0);
        }
    }
}

static sort_item *items_make(const sort_run *run, uint32_t count, hb_arena *scratch) {
    sort_item *items = hb_arena_array(scratch, count, sizeof(sort_item));
    const sort_column *first = run->column_count > 0 ? &run->columns[0] : NULL;
    for (uint32_t i = 0; i < count && items != NULL; i++) {
        items[i].pos = i;
        items[i].rank = first != NULL ? first->rank[i] : 0;
        items[i].null = first != NULL && first->null != NULL ? first->null[i] : 0;
    }
    return items;
}

hb_status hb_sort_rows(const hb_sort_key *keys, uint32_t key_count, const hb_column *tie,
                       uint32_t *rows, uint32_t count, uint64_t limit, uint32_t *kept,
                       hb_arena *scratch, hb_err *err) {
    uint32_t keep = limit < count ? (uint32_t)limit : count;
    *kept = keep;
    sort_column *columns = HB_NEW_ARRAY(scratch, sort_column, key_count);
    if (columns == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < key_count; i++) {
        HB_TRY(extract(&columns[i], &keys[i], rows, count, scratch, err));
    }
    if (keep == 0) {
        return HB_OK;
    }
    sort_run run = { columns, key_count, tie, rows };
    sort_item *items = items_make(&run, count, scratch);
    if (items == NULL) {
        return hb_err_memory(err);
    }
    uint32_t sorted = count;
    if (keep <= count / 4) {
        heap_select(&run, items, count, keep);
        sorted = keep;
    }
    sort_item *spare = hb_arena_array(scratch, sorted, sizeof(sort_item));
    uint32_t *out = hb_arena_array(scratch, keep, sizeof(uint32_t));
    if (spare == NULL || out == NULL) {
        return hb_err_memory(err);
    }
    sort_merge(&run, items, spare, sorted);
    for (uint32_t i = 0; i < keep; i++) {
        out[i] = rows[items[i].pos];
    }
    memcpy(rows, out, keep * sizeof(uint32_t));
    return HB_OK;
}
