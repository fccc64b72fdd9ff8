// SPDX-License-Identifier: MIT
/* Text and vector indexes of one table, in memory. They are built from the table at their first
 * use, kept in step by writes, and forgotten on rollback and refresh.
 *
 * Indexes number rows densely, rowids need not be dense: `rowids` lists them in ascending order,
 * and a row's position in it is its number. SQLite gives a new row the highest rowid plus one, so
 * new rows come at the end, or take the position of a removed last row. */
#ifndef HB_BACKENDS_SQLITE_DERIVED_H
#define HB_BACKENDS_SQLITE_DERIVED_H

#include "backends/sqlite/sqlite_priv.h"
#include "index/text_index.h"
#include "index/vector_index.h"

#define SQLITE_NO_POSITION UINT32_MAX

typedef struct derived_field {
    bool is_text, is_vector;        /* kept in step; neither: nothing is derived */
    hb_text_index *text;            /* NULL until built */
    hb_vector_index *vector;
} derived_field;

struct sqlite_derived {
    const hb_mem *mem;
    derived_field *fields;          /* by container field; in the table's arena */
    uint32_t field_count;
    bool fresh;                     /* rowids is as the table is */
    int64_t *rowids;                /* owned */
    uint32_t count, cap;
    uint32_t dead_count;            /* positions whose row was removed */
    uint32_t *ranks;                /* owned; by position: place in object_id order */
    uint32_t rank_cap;
    bool ranks_fresh;
};

/* Position of a rowid, or SQLITE_NO_POSITION. */
uint32_t sqlite_position(const sqlite_derived *derived, int64_t rowid);
/* Makes the list of rowids. */
hb_status sqlite_positions_need(sqlite_table *table, hb_err *err);
/* Makes the ranks in object_id order. */
hb_status sqlite_ranks_need(sqlite_table *table, hb_err *err);
/* The index of a field, built when it is not there. Fields that keep none get one that the caller
 * frees: *mine. `dim` is the query's, which must be that of the field when it has one. */
hb_status sqlite_text_need(sqlite_table *table, uint32_t place, hb_text_index **out, bool *mine,
                           hb_err *err);
hb_status sqlite_vector_need(sqlite_table *table, uint32_t place, uint32_t dim,
                             hb_vector_index **out, bool *mine, hb_buf *misfits, hb_err *err);
/* A vector of another length than the query's, in a field that takes any. `misfits` collects them
 * in ascending order. */
typedef struct sqlite_misfit {
    uint32_t at, dim;
} sqlite_misfit;

#endif
