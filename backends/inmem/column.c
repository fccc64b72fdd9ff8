// SPDX-License-Identifier: MIT
#include "backends/inmem/column.h"

#include <string.h>

#include "base/limits.h"

uint64_t inmem_grown(uint32_t cap, uint64_t needed) {
    uint64_t more = (uint64_t)cap + cap / 8 + 8;
    return more > needed ? more : needed;
}

bool inmem_column_is_spans(const hb_colbuf *column) {
    return column->kind == HB_KIND_TEXT || column->kind == HB_KIND_BYTES ||
           column->kind == HB_KIND_PACK || (column->kind == HB_KIND_VEC && column->dim == 0);
}

static uint64_t column_heap_bytes(const hb_column *in, uint32_t row_count) {
    if (in->kind < HB_KIND_TEXT || (in->kind == HB_KIND_VEC && in->dim > 0)) {
        return 0;
    }
    uint64_t bytes = 0;
    const hb_span *spans = in->data;
    for (uint32_t i = 0; i < row_count; i++) {
        bytes += hb_column_cell(in, i) == HB_CELL_VALUE ? spans[i].len : 0;
    }
    return bytes;
}

static size_t cell_size(const hb_colbuf *column) {
    if (inmem_column_is_spans(column)) {
        return sizeof(hb_span);
    }
    switch ((int)column->kind) {
    case HB_KIND_BOOL: return 1;
    case HB_KIND_VEC: return column->dim * sizeof(float);
    default: return 8;
    }
}

static bool column_reserve_rows(hb_colbuf *column, uint64_t count) {
    uint64_t cap = inmem_grown(column->row_cap, count);
    size_t size = cell_size(column);
    if (column->pieces.shift > 0) {
        return count <= INMEM_SLOTS_MAX &&
               hb_colbuf_reserve(column, (uint32_t)count - column->row_count, 0);
    }
    if (count <= column->row_cap) {
        return true;
    }
    if (cap > INMEM_SLOTS_MAX || cap > SIZE_MAX / size) {
        return false;
    }
    uint8_t *state = hb_mem_alloc(column->mem, (size_t)cap);
    uint8_t *cells = state == NULL ? NULL
                                   : hb_mem_realloc(column->mem, column->data,
                                                    column->row_cap * size, (size_t)cap * size);
    if (cells == NULL) {
        hb_mem_free(column->mem, state, (size_t)cap);
        return false;
    }
    if (column->row_count > 0) {
        memcpy(state, column->state, column->row_count);
    }
    hb_mem_free(column->mem, column->state, column->row_cap);
    column->state = state;
    column->data = cells;
    column->row_cap = (uint32_t)cap;
    return true;
}

static bool column_reserve_heap(hb_colbuf *column, uint64_t bytes) {
    if (bytes <= column->heap_cap) {
        return true;
    }
    uint64_t cap = inmem_grown(column->heap_cap, bytes);
    if (bytes > HB_BUF_BYTES_MAX) {
        return false;
    }
    uint8_t *heap = hb_mem_realloc(column->mem, column->heap, column->heap_cap, (size_t)cap);
    if (heap == NULL) {
        return false;
    }
    column->heap = heap;
    column->heap_cap = (uint32_t)cap;
    return true;
}

bool inmem_column_write(hb_colbuf *column, const hb_column *in, const uint32_t *slots,
                        const uint32_t *rows, uint32_t reused, uint32_t count) {
    if (!column_reserve_rows(column, (uint64_t)column->row_count + (count - reused)) ||
        (!column->shares &&
         !column_reserve_heap(column, column->heap_len + column_heap_bytes(in, count)))) {
        return false;
    }
    for (uint32_t i = 0; i < reused; i++) {
        if (!hb_colbuf_set_cell(column, slots[i], in, i)) {
            return false;
        }
    }
    return hb_colbuf_add_rows(column, in, reused == 0 ? NULL : rows + reused, count - reused);
}

void inmem_column_tidy(hb_colbuf *column, const hb_column *in, uint32_t count) {
    if (column->garbage_len > INMEM_COMPACT_MIN && column->garbage_len > column->heap_len / 8 &&
        column->heap_len + column_heap_bytes(in, count) > column->heap_cap) {
        hb_colbuf_compact(column);
    }
}
