// SPDX-License-Identifier: MIT
/* A secondary index that may only err on the generous side: value hash -> slots that hold or once
 * held it. Nothing is ever taken out; when half of it is stale the owner forgets the whole and it
 * is built again at its next use. Whoever asks re-checks the rows, so writes stay cheap. */
#ifndef HB_BACKENDS_INMEM_POSTING_H
#define HB_BACKENDS_INMEM_POSTING_H

#include "value/value.h"

typedef struct inmem_posting {
    uint32_t hash;
    uint32_t slot;
    uint32_t next;              /* entry index, or UINT32_MAX */
} inmem_posting;

typedef struct inmem_postings {
    const hb_mem *mem;
    uint32_t *heads;
    uint32_t head_count;        /* power of two, or 0 */
    inmem_posting *entries;
    uint32_t count, cap;
    uint32_t stale;
    bool built;
} inmem_postings;

void inmem_postings_init(inmem_postings *postings, const hb_mem *mem);
void inmem_postings_free(inmem_postings *postings);     /* empty and not built afterwards */
bool inmem_postings_add(inmem_postings *postings, uint32_t hash, uint32_t slot);
/* How many entries have the hash, at most `most`. */
uint32_t inmem_postings_count(const inmem_postings *postings, uint32_t hash, uint32_t most);
/* Appends the slots (duplicates possible) at slots[*count...]; the caller counted before. */
void inmem_postings_get(const inmem_postings *postings, uint32_t hash, uint32_t *slots,
                        uint32_t *count);

/* Equal values have equal hashes, across I64 and F64 too. */
uint32_t inmem_value_hash(const hb_value *value);
/* All cells of one column value: the value itself, or every item of an array. */
bool inmem_postings_add_value(inmem_postings *postings, const hb_value *value, bool items,
                              uint32_t slot);
/* The ids that the edges of a relation lead to; `column` names them in the items. */
bool inmem_postings_add_edges(inmem_postings *postings, const hb_value *value, hb_str column,
                              uint32_t slot);
uint32_t inmem_item_count(const hb_value *value);

#endif
