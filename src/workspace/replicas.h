// SPDX-License-Identifier: MIT
/* Entities that lie in several backends, compared row by row with their source of truth.
 *
 * The home says which rows there are; a field's primary backend says what its value is, or, where
 * that one lacks the row or has lost the value outside it, the first other backend that has it. Ids
 * come in ascending pages from every backend and are merged; values are read, compared and mended a
 * page at a time, so memory does not grow with the rows. */
#ifndef HB_WORKSPACE_REPLICAS_H
#define HB_WORKSPACE_REPLICAS_H

#include "workspace/audit_stored.h"
#include "workspace/transaction.h"

typedef struct hb_replicas hb_replicas;

typedef struct hb_replica_counts {  /* rows missing in a backend, different, without one in home */
    uint64_t missing, different, orphaned;
} hb_replica_counts;

/* Rows of a page that a repair would put back into their home, or give a lost value back, by schema
 * field. */
typedef struct hb_restored {
    struct hb_restored *next;
    hb_entity *entity;
    hb_column *columns;
    uint32_t row_count;
} hb_restored;

/* Lives in the task's arena; hb_replicas_end frees the rest. `fix`: every backend is brought to
 * what the source of truth holds, a page in one transaction. `stored`: what the storage has lost
 * (NULL: nothing). A value that is lost is no truth. The home gets a row whose file was put aside
 * back when the others hold all of it, and while there are such files, rows without one in the home
 * stay. `whole`: rows are compared as `fix` does, for a dry run that counts what it would do. */
hb_status hb_replicas_start(hb_task *task, hb_workspace *ws, bool fix, bool whole,
                            hb_stored *stored, hb_replicas **out, hb_err *err);
hb_status hb_replicas_advance(hb_replicas *replicas, bool *done, hb_err *err);
/* For the error of a reply that came in between. NULL is fine. */
hb_status hb_replicas_explain(hb_replicas *replicas, hb_status status, hb_err *err);
/* Takes back what is under way; NULL is fine. */
void hb_replicas_end(hb_replicas *replicas);
bool hb_replicas_are_ok(const hb_replicas *replicas);
hb_replica_counts hb_replicas_counts(const hb_replicas *replicas);
/* Orphans that a repair deleted: none when they are spared. */
uint64_t hb_replicas_deleted(const hb_replicas *replicas);
/* Of a pass that is `whole` and fixes nothing; NULL: none. Lives as long as the task. */
const hb_restored *hb_replicas_restored(const hb_replicas *replicas);
/* How many rows are through, and the entity under way. */
uint64_t hb_replicas_rows(const hb_replicas *replicas, hb_str *entity);
/* {"ok", "missing", "orphaned", "different", "checked": {"entities", "rows"}} as `key` of `parent`,
 * or added to `parent` itself when `key` is NULL. Once done; at most once. */
hb_status hb_replicas_json(hb_replicas *replicas, cJSON *parent, const char *key, hb_err *err);

#endif
