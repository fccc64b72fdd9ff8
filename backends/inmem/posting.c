// SPDX-License-Identifier: MIT
#include "backends/inmem/posting.h"

#include "value/edge.h"

#define NO_ENTRY UINT32_MAX
#define STALE_MIN 256u

void inmem_postings_init(inmem_postings *postings, const hb_mem *mem) {
    *postings = (inmem_postings){ .mem = mem };
}

void inmem_postings_free(inmem_postings *postings) {
    const hb_mem *mem = postings->mem;
    hb_mem_free(mem, postings->heads, postings->head_count * sizeof(uint32_t));
    hb_mem_free(mem, postings->entries, postings->cap * sizeof(inmem_posting));
    inmem_postings_init(postings, mem);
}

/* Of one with many stale entries there is rather a new one made, when it is asked for. */
static bool postings_grow(inmem_postings *postings) {
    if (postings->stale > STALE_MIN && postings->stale > postings->count / 4) {
        return false;
    }
    uint32_t cap = postings->cap == 0 ? 64 : postings->cap * 2;
    if (cap > UINT32_MAX / 4) {
        return false;
    }
    uint32_t *heads = hb_mem_alloc(postings->mem, cap * sizeof(uint32_t));
    if (heads == NULL) {
        return false;
    }
    inmem_posting *entries = hb_mem_realloc(postings->mem, postings->entries,
                                            postings->cap * sizeof(inmem_posting),
                                            cap * sizeof(inmem_posting));
    if (entries == NULL) {
        hb_mem_free(postings->mem, heads, cap * sizeof(uint32_t));
        return false;
    }
    hb_mem_free(postings->mem, postings->heads, postings->head_count * sizeof(uint32_t));
    memset(heads, 0xff, cap * sizeof(uint32_t));
    for (uint32_t i = 0; i < postings->count; i++) {
        uint32_t *head = &heads[entries[i].hash & (cap - 1)];
        entries[i].next = *head;
        *head = i;
    }
    postings->heads = heads;
    postings->head_count = cap;
    postings->entries = entries;
    postings->cap = cap;
    return true;
}

bool inmem_postings_add(inmem_postings *postings, uint32_t hash, uint32_t slot) {
    if (postings->count == postings->cap && !postings_grow(postings)) {
        return false;
    }
    uint32_t *head = &postings->heads[hash & (postings->head_count - 1)];
    postings->entries[postings->count] = (inmem_posting){ hash, slot, *head };
    *head = postings->count++;
    return true;
}

uint32_t inmem_postings_count(const inmem_postings *postings, uint32_t hash, uint32_t most) {
    uint32_t count = 0;
    if (postings->head_count == 0) {
        return 0;
    }
    uint32_t at = postings->heads[hash & (postings->head_count - 1)];
    while (at != NO_ENTRY && count < most) {
        count += postings->entries[at].hash == hash ? 1 : 0;
        at = postings->entries[at].next;
    }
    return count;
}

void inmem_postings_get(const inmem_postings *postings, uint32_t hash, uint32_t *slots,
                        uint32_t *count) {
    if (postings->head_count == 0) {
        return;
    }
    uint32_t at = postings->heads[hash & (postings->head_count - 1)];
    while (at != NO_ENTRY) {
        if (postings->entries[at].hash == hash) {
            slots[(*count)++] = postings->entries[at].slot;
        }
        at = postings->entries[at].next;
    }
}

static uint32_t mix(uint64_t bits) {
    bits ^= bits >> 31;
    bits *= 0x9e3779b97f4a7c15ull;
    return (uint32_t)(bits >> 32);
}

static uint32_t number_hash(double number) {
    if (number >= -9007199254740992.0 && number <= 9007199254740992.0 &&
        number == (double)(int64_t)number) {
        return mix((uint64_t)(int64_t)number);
    }
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return mix(bits);
}

/* Integers beyond 2^53 go through the double, so that an equal float64 finds them. */
static uint32_t integer_hash(int64_t number) {
    if (number >= -9007199254740992 && number <= 9007199254740992) {
        return mix((uint64_t)number);
    }
    return number_hash((double)number);
}

uint32_t inmem_value_hash(const hb_value *value) {
    switch ((int)value->kind) {
    case HB_KIND_BOOL: return value->as.b ? 0x51ed270bu : 0x2545f491u;
    case HB_KIND_I64: return integer_hash(value->as.i);
    case HB_KIND_F64: return number_hash(value->as.f);
    case HB_KIND_TEXT:
    case HB_KIND_BYTES: return (uint32_t)hb_str_hash(value->as.s);
    default: return 0x1000193u;     /* nested values share one bucket */
    }
}

static uint32_t item_hash(const hb_pack_item *item) {
    hb_value value = { .kind = HB_KIND_PACK };
    switch ((int)item->tag) {
    case HB_PACK_BOOL: value.kind = HB_KIND_BOOL; value.as.b = item->b; break;
    case HB_PACK_INT: value.kind = HB_KIND_I64; value.as.i = item->i; break;
    case HB_PACK_UINT64: value.kind = HB_KIND_F64; value.as.f = (double)item->u; break;
    case HB_PACK_FLOAT: value.kind = HB_KIND_F64; value.as.f = item->f; break;
    case HB_PACK_STR: value.kind = HB_KIND_TEXT; value.as.s = item->s; break;
    case HB_PACK_BIN: value.kind = HB_KIND_BYTES; value.as.s = item->s; break;
    default: break;
    }
    return inmem_value_hash(&value);
}

static bool add_items(inmem_postings *postings, hb_str bytes, uint32_t slot) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) {
        return true;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        hb_pack_reader ahead = reader;
        hb_pack_item item;
        hb_str whole;
        if (!hb_pack_next(&ahead, &item) || !hb_pack_skip(&reader, &whole)) {
            return true;
        }
        if (item.tag != HB_PACK_NIL && !inmem_postings_add(postings, item_hash(&item), slot)) {
            return false;
        }
    }
    return true;
}

bool inmem_postings_add_value(inmem_postings *postings, const hb_value *value, bool items,
                              uint32_t slot) {
    if (value->kind == HB_KIND_NULL) {
        return true;
    }
    if (items) {
        return value->kind != HB_KIND_PACK || add_items(postings, value->as.s, slot);
    }
    return inmem_postings_add(postings, inmem_value_hash(value), slot);
}

bool inmem_postings_add_edges(inmem_postings *postings, const hb_value *value, hb_str column,
                              uint32_t slot) {
    if (value->kind != HB_KIND_PACK) {
        return true;
    }
    hb_edges edges = hb_edges_read(column, value->as.s);
    hb_str target;
    while (hb_edges_next(&edges, &target, NULL)) {
        hb_value id = { .kind = HB_KIND_TEXT, .as.s = target };
        if (!inmem_postings_add(postings, inmem_value_hash(&id), slot)) {
            return false;
        }
    }
    return true;
}

uint32_t inmem_item_count(const hb_value *value) {
    if (value->kind != HB_KIND_PACK) {
        return value->kind == HB_KIND_NULL ? 0 : 1;
    }
    hb_pack_reader reader = hb_pack_read(value->as.s);
    hb_pack_item head;
    return hb_pack_next(&reader, &head) && head.tag == HB_PACK_ARRAY ? head.count : 1;
}
