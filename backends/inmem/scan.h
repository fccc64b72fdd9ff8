// SPDX-License-Identifier: MIT
/* SCAN, COUNT and FETCH over a store: choose an access path, filter in chunks, rank or sort slot
 * numbers, and gather columns only at the end. */
#ifndef HB_BACKENDS_INMEM_SCAN_H
#define HB_BACKENDS_INMEM_SCAN_H

#include "backends/inmem/store.h"
#include "eval/pred.h"

typedef struct inmem_scan {         /* all arrays in the job's arena */
    hb_job *job;
    const hb_fragment *fragment;
    inmem_store *store;
    hb_arena *arena;
    hb_pred *pred;                  /* NULL: no filter */
    hb_column *views;               /* by container field */
    const hb_column **columns;      /* by schema field; NULL: not here */
} inmem_scan;

typedef struct inmem_rows {         /* slots, in the order of the result */
    uint32_t *slots;
    double *scores;                 /* near and search; NULL otherwise */
    uint32_t count;
} inmem_rows;

hb_status inmem_scan_open(hb_job *job, inmem_store *store, inmem_scan *out, hb_err *err);
void inmem_scan_close(inmem_scan *scan);

/* The LIVE slots that pass filter and candidates: in object_id order, at most `need` of them and
 * looking at no more than that takes; or in any order. */
hb_status inmem_scan_ordered(inmem_scan *scan, uint64_t need, inmem_rows *out, hb_err *err);
hb_status inmem_scan_any_order(inmem_scan *scan, inmem_rows *out, hb_err *err);

/* access.c: slots that hold every match of the filter (a superset), from the best index; *found
 * false: no index helps. `limit`: more candidates than that are no help. */
hb_status inmem_access(inmem_scan *scan, uint32_t limit, bool *found, inmem_rows *out, hb_err *err);

/* rank.c: best first, ties by object_id, at most top_k. */
hb_status inmem_near(inmem_scan *scan, inmem_rows *out, hb_err *err);
/* approximate.c: near by the index of the field, among `passing` (NULL: all rows). False: nothing
 * was found out, or not enough; ask exactly. */
bool inmem_near_approx(inmem_scan *scan, inmem_field *field, const inmem_rows *passing,
                       hb_vector_query query, hb_hit *hits, uint32_t *hit_count);
hb_status inmem_search(inmem_scan *scan, inmem_rows *out, hb_err *err);

hb_status inmem_run_scan(hb_job *job, inmem_store *store, hb_err *err);
hb_status inmem_run_count(hb_job *job, inmem_store *store, hb_err *err);
hb_status inmem_run_fetch(hb_job *job, inmem_store *store, hb_err *err);

#endif
