// SPDX-License-Identifier: MIT
/* The values that lie in the heap of a sharing column, with how many rows hold each: open
 * addressing by the hash of their bytes. Empty values have no bytes and are not noted. */
#include "value/share.h"

#include <string.h>

typedef struct hb_shared {
    hb_span span;
    uint32_t moved;             /* while the heap is rewritten: where the bytes go */
    uint32_t hash;
    uint32_t holders;           /* 0: the place is empty */
} hb_shared;

static hb_str bytes_at(const hb_colbuf *col, hb_span span) {
    return (hb_str){ (const char *)col->heap + span.off, span.len };
}

/* The place of the value, or the empty one where it would go. There is always an empty one. */
static uint32_t seek(const hb_colbuf *col, hb_str bytes, uint32_t hash) {
    const uint32_t mask = col->shared_cap - 1;
    uint32_t at = hash & mask;
    for (; col->shared[at].holders > 0; at = (at + 1) & mask) {
        if (col->shared[at].hash == hash && hb_str_eq(bytes_at(col, col->shared[at].span), bytes)) {
            break;
        }
    }
    return at;
}

bool hb_share_take(hb_colbuf *col, hb_str bytes, hb_span *out) {
    if (bytes.len == 0 || col->shared_cap == 0) return false;
    hb_shared *found = &col->shared[seek(col, bytes, (uint32_t)hb_str_hash(bytes))];
    if (found->holders == 0) return false;
    found->holders++;
    *out = found->span;
    return true;
}

bool hb_share_reserve(hb_colbuf *col) {
    if ((uint64_t)col->shared_count * 2 + 2 <= col->shared_cap) return true;
    const uint32_t cap = col->shared_cap == 0 ? 16 : col->shared_cap * 2;
    hb_shared *old = col->shared;
    const uint32_t old_cap = col->shared_cap;
    hb_shared *shared = hb_mem_zalloc(col->mem, (size_t)cap * sizeof(*shared));
    if (shared == NULL) return false;
    for (uint32_t i = 0; i < old_cap; i++) {
        if (old[i].holders == 0) continue;
        uint32_t at = old[i].hash & (cap - 1);
        while (shared[at].holders > 0) at = (at + 1) & (cap - 1);
        shared[at] = old[i];
    }
    hb_mem_free(col->mem, old, (size_t)old_cap * sizeof(*old));
    col->shared = shared;
    col->shared_cap = cap;
    return true;
}

void hb_share_add(hb_colbuf *col, hb_span span) {
    if (span.len == 0) return;
    const hb_str bytes = bytes_at(col, span);
    const uint32_t hash = (uint32_t)hb_str_hash(bytes);
    col->shared[seek(col, bytes, hash)] = (hb_shared){ .span = span, .hash = hash, .holders = 1 };
    col->shared_count++;
}

bool hb_share_drop(hb_colbuf *col, hb_span span) {
    if (span.len == 0) return false;
    const uint32_t mask = col->shared_cap - 1;
    uint32_t gap = seek(col, bytes_at(col, span), (uint32_t)hb_str_hash(bytes_at(col, span)));
    HB_ASSERT(col->shared[gap].holders > 0);
    if (--col->shared[gap].holders > 0) return false;
    col->shared_count--;
    /* Closes the gap, so that no tombstones pile up. */
    for (uint32_t at = (gap + 1) & mask; col->shared[at].holders > 0; at = (at + 1) & mask) {
        const uint32_t home = col->shared[at].hash & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue;
        col->shared[gap] = col->shared[at];
        col->shared[at].holders = 0;
        gap = at;
    }
    return true;
}

uint32_t hb_share_move(hb_colbuf *col, uint8_t *heap) {
    uint32_t len = 0;
    for (uint32_t i = 0; i < col->shared_cap; i++) {
        hb_shared *one = &col->shared[i];
        if (one->holders == 0) continue;
        memcpy(heap + len, col->heap + one->span.off, one->span.len);
        one->moved = len;
        len += one->span.len;
    }
    hb_span *spans = (hb_span *)(void *)col->data;
    for (uint32_t row = 0; row < col->row_count; row++) {
        if (spans[row].len == 0) {
            spans[row].off = 0;
            continue;
        }
        const hb_str bytes = bytes_at(col, spans[row]);
        spans[row].off = col->shared[seek(col, bytes, (uint32_t)hb_str_hash(bytes))].moved;
    }
    for (uint32_t i = 0; i < col->shared_cap; i++) col->shared[i].span.off = col->shared[i].moved;
    return len;
}

void hb_share_free(hb_colbuf *col) {
    hb_mem_free(col->mem, col->shared, (size_t)col->shared_cap * sizeof(hb_shared));
    col->shared = NULL;
    col->shared_cap = col->shared_count = 0;
}
