// SPDX-License-Identifier: MIT
/* What a backend receives: a fragment of a plan over the part of an entity that it holds.
 * All of it is borrowed from the task's arena and const while the job runs. */
#ifndef HB_COMPILE_FRAGMENT_H
#define HB_COMPILE_FRAGMENT_H

#include "query/ir.h"

typedef struct hb_placed {          /* one field in one backend instance */
    uint32_t field;                 /* schema field index */
    hb_strategy strategy;
    bool primary;                   /* this instance is the field's source of truth */
    bool indexed;                   /* keep a secondary index */
    bool unique;
    /* "builtin-inline", "field", ... as MetaSchema and explain show */
    const char *source;
    const char *why;                /* one clause: why it is here */
} hb_placed;

/* The part of an entity in one backend instance: a table, a collection, an index. */
typedef struct hb_container {
    const hb_schema *schema;
    hb_str workspace_id;
    const hb_placed *fields;        /* [0] is object_id */
    uint32_t field_count;
    const uint32_t *by_field;       /* schema field index -> index here, or HB_FIELD_NONE */
    const uint32_t *sourced;        /* schema fields that whole rows take from here; no object_id */
    uint32_t sourced_count;
    void *state;                    /* the backend's own, made by ENSURE or at first use */
    bool made;                      /* it is stored already: what it lacks, somebody took */
    bool gaps;                      /* rows may lack values of required fields */
} hb_container;

typedef enum hb_frag_kind {
    HB_FRAG_ENSURE,     /* make or check the container */
    HB_FRAG_WRITE,      /* replace rows: batch columns are container->fields in order */
    HB_FRAG_DELETE,     /* ids -> out: one BOOL column "existed" */
    HB_FRAG_FETCH,      /* ids -> rows that exist, in the order of ids; out has object_id first */
    HB_FRAG_SCAN,       /* filter / near / search / order / limit -> rows, object_id first */
    HB_FRAG_COUNT,      /* filter -> out: one I64 column "count", one row */
    HB_FRAG_AGGREGATE,  /* filter, groups, reducers -> columns of aggregate->schema; groups in the
                           order of their smallest object_id, which is column 0 ("" of no row) */
    HB_FRAG_CLEAR,      /* drop the container and everything in it */
    HB_FRAG_REFRESH,    /* forget caches of the container */
    /* Of an instance, without a container. Remote backends only: what local ones do inside a call
     * (open, tx) takes these a reply. */
    HB_FRAG_ATTACH,     /* connect; reads all of the meta store, which is a copy from then on */
    HB_FRAG_PROBE,      /* nothing but an answer */
    HB_FRAG_COMMIT      /* what tx(BEGIN) began; a failure leaves nothing open. Local backends get
                           tx(COMMIT) in its place */
} hb_frag_kind;

typedef struct hb_ids {             /* object ids; sorted and unique when used as candidates */
    const hb_str *ids;
    uint32_t count;
} hb_ids;

typedef struct hb_fragment {
    hb_frag_kind kind;
    hb_container *container;
    const hb_container *replaces;   /* ENSURE: the container whose rows this one may inherit */
    bool everything;                /* CLEAR: also what cannot be read as a row */
    const hb_batch *batch;          /* WRITE */
    const hb_ids *ids;              /* DELETE, FETCH */
    /* SCAN, COUNT: */
    const hb_expr *filter;          /* the claimed part; NULL: none. Re-checked above if SUPERSET */
    uint32_t leaf_count;
    const hb_aggregate *aggregate;  /* AGGREGATE: reducers of caps.reducers over scalars held here;
                                       without having, which stays above */
    const hb_ids *candidates;       /* only rows with these ids; NULL: all */
    const hb_near *near;            /* at most one of near, search */
    const hb_search *search;        /* its fields are all here */
    const uint32_t *search_fields;  /* resolved */
    uint32_t search_field_count;
    const hb_order *order;          /* fields of this container only; none: object_id order,
                                       or best score first when near or search is set */
    uint32_t order_count;
    uint64_t limit, offset;         /* HB_NO_LIMIT: none; top_k of near/search applies before */
    const uint32_t *columns;        /* schema fields to return after object_id, in this order */
    uint32_t column_count;
    /* With near or search, a last column "score" (F64) is added. */
    /* FETCH, SCAN: the result is read before anything is written, so it may be lent (job.h) */
    bool lends;
} hb_fragment;

#endif
