// SPDX-License-Identifier: MIT
/* The rows of one container in memory: one column per field over dense slots, a hash from object_id
 * to slot, and the slots in object_id order, brought up to date when somebody asks for it.
 *
 * A write never touches a row in place: new versions go to fresh slots, and once all of them are
 * there the hash is turned over to them, which cannot fail. So a write is all or nothing, and a
 * rollback only turns the hash back. States of a slot:
 *   FREE   unused; on the free list
 *   LIVE   the current version of a row
 *   HELD   superseded or deleted in the open transaction; comes back on rollback
 *   DEAD   superseded or deleted for good, but still in the order array: its object_id stays
 *          readable there, so it is reused only after the next tidying
 *
 * Owned by the instance through container->state. Nothing in here is borrowed from a schema. */
#ifndef HB_BACKENDS_INMEM_STORE_H
#define HB_BACKENDS_INMEM_STORE_H

#include "backends/backend.h"
#include "backends/inmem/posting.h"
#include "index/codes.h"
#include "index/hnsw.h"
#include "index/text_index.h"

#define INMEM_NO_SLOT UINT32_MAX

enum { INMEM_FREE = 0, INMEM_LIVE = 1, INMEM_HELD = 2, INMEM_DEAD = 3 };

typedef struct inmem_field {
    char *name_ptr;             /* owned copy */
    uint32_t name_len;
    hb_type_id type;
    hb_strategy strategy;
    bool indexed;
    bool text_items;            /* an array of texts: its items are indexed without being asked */
    char *edge_ptr;             /* owned: the column of a relation that leads to rows; NULL: none */
    uint32_t edge_len;
    hb_colbuf column;
    inmem_postings values;      /* .indexed scalars, or the items of an array */
    hb_text_index *text;        /* INVERTED: made at the first search; LIVE slots only */
    double *norms;              /* vectors of fixed length: of slots [0, norm_count) */
    uint32_t norm_count, norm_cap;
    hb_vector_hint hint;        /* an index for near that is not exact */
    hb_hnsw *graph;             /* HNSW: made at the first search that it serves; LIVE slots only */
    hb_codes codes;             /* INT8, BINARY: of slots [0, codes.count) */
} inmem_field;

typedef struct inmem_undo {     /* one row written or deleted since BEGIN */
    uint32_t old_slot;          /* INMEM_NO_SLOT: there was none */
    uint32_t new_slot;          /* INMEM_NO_SLOT: deleted */
    bool patched;               /* new_slot took the place of old_slot in the order array */
} inmem_undo;

typedef struct inmem_state inmem_state;

typedef struct inmem_store {
    const hb_mem *mem;
    inmem_state *owner;
    struct inmem_store *next;   /* in owner's list */
    inmem_field *fields;        /* in the order of container->fields; [0] is object_id */
    uint32_t field_count;
    uint32_t slot_count;        /* rows of every column */
    uint32_t slot_cap;
    uint32_t live_count;
    uint32_t dead_count;        /* DEAD slots, all in the order array */
    uint8_t *state;             /* per slot */
    uint32_t *link;             /* per slot: hash of its object_id; FREE: next free slot */
    uint32_t free_head;
    uint32_t *table;            /* object_id hash -> slot, open addressing; LIVE slots only */
    uint32_t table_cap;
    uint32_t *order;            /* [0, sorted_count) by object_id, then newcomers */
    uint32_t sorted_count;
    uint32_t order_count;
    inmem_undo *undo;
    uint32_t undo_count, undo_cap;
} inmem_store;

struct inmem_state {            /* of one instance */
    const hb_mem *mem;
    inmem_store *stores;
    bool in_tx;
};

/* Makes or adapts the store of a container: known fields keep their columns, new ones are null.
 * SCHEMA_CONFLICT when a field changed its physical kind while there are rows. */
hb_status inmem_store_ensure(inmem_state *owner, const hb_container *container,
                             inmem_store **store, hb_err *err);
void inmem_store_free(inmem_store *store);
/* For a container that is to take the rows of `store` over: *heir holds the columns that the store
 * has not, over its slots. It is freed, or given to inherit before the store is written again. */
hb_status inmem_store_prepare_heir(inmem_store *store, const hb_container *container,
                                   inmem_store **heir, hb_err *err);
/* `store` becomes the container's; frees the heir. Columns that do not fit any more are gone. */
void inmem_store_inherit(inmem_store *store, const hb_container *container, inmem_store *heir);

/* Slot of the current version, or INMEM_NO_SLOT. */
uint32_t inmem_store_find(const inmem_store *store, hb_str id);
static inline hb_str inmem_store_id(const inmem_store *store, uint32_t slot) {
    const hb_colbuf *ids = &store->fields[0].column;
    const hb_span *span = (const hb_span *)(const void *)ids->data + slot;
    return (hb_str){ (const char *)ids->heap + span->off, span->len };
}
hb_column inmem_store_column(const inmem_store *store, uint32_t index);

/* All rows of the batch, or none of them when memory runs out. */
hb_status inmem_store_write(inmem_store *store, const hb_batch *batch, hb_err *err);
/* existed[i]: ids[i] was there. All or nothing. */
hb_status inmem_store_delete(inmem_store *store, const hb_ids *ids, uint8_t *existed, hb_err *err);
hb_status inmem_store_clear(inmem_store *store, hb_err *err);

void inmem_store_commit(inmem_store *store);
void inmem_store_rollback(inmem_store *store);

/* Brings the order array up to date; afterwards order[0..sorted_count) holds every LIVE slot (and
 * HELD ones: skip them) in object_id order. */
hb_status inmem_store_tidy(inmem_store *store, hb_err *err);

/* index.c: secondary indexes. They never fail a write: out of memory, one is forgotten and built
 * again when it is asked for. */
void inmem_index_added(inmem_store *store, uint32_t slot);
void inmem_index_removed(inmem_store *store, uint32_t slot);
void inmem_index_forget(const inmem_store *store, inmem_field *field);
bool inmem_field_is_indexed(const inmem_field *field);
/* Whether membership in an array of this type is answered by an index without being asked to. */
bool inmem_type_has_text_items(const hb_type *type);
/* Builds what the field's index needs before it can answer. */
hb_status inmem_index_values(inmem_store *store, inmem_field *field, hb_err *err);
hb_status inmem_text_ready(inmem_store *store, inmem_field *field, hb_err *err);
/* Lengths of all vectors, or NULL when there is no memory for them: they are only a help. */
const double *inmem_norms(inmem_store *store, inmem_field *field);
/* approximate.c: the graph or the codes, if there are any. */
hb_vector_view inmem_vector_view(inmem_store *store, inmem_field *field, bool norms);
void inmem_near_added(inmem_store *store, inmem_field *field, uint32_t slot);
void inmem_near_removed(inmem_store *store, inmem_field *field, uint32_t slot);
/* At most as many LIVE rows hold all the words; and the slots of those that do. */
uint32_t inmem_text_estimate(const inmem_store *store, const inmem_field *field, hb_str words);
hb_status inmem_text_words(inmem_store *store, inmem_field *field, hb_str words, hb_arena *arena,
                           uint32_t **slots, uint32_t *count, hb_err *err);

#endif
