// SPDX-License-Identifier: MIT
/* Entities that lie in several backends, compared row by row with their source of truth.
 *
 * The home says which rows there are; a field's primary backend says what its value is, or, where
 * that one lacks the row, the first other backend that has it. Ids are listed once for an entity,
 * values are read, compared and mended a page at a time. */
#ifndef HB_WORKSPACE_REPLICAS_H
#define HB_WORKSPACE_REPLICAS_H

#include "workspace/transaction.h"

typedef struct hb_replicas hb_replicas;

/* Lives in the task's arena; hb_replicas_end frees the rest. `fix`: every backend is brought to
 * what the source of truth holds, a page in one transaction. `spare`: but rows without one in the
 * home stay, since the home may have lost it. */
hb_status hb_replicas_start(hb_task *task, hb_workspace *ws, bool fix, bool spare,
                            hb_replicas **out, hb_err *err);
hb_status hb_replicas_advance(hb_replicas *replicas, bool *done, hb_err *err);
/* For the error of a reply that came in between. NULL is fine. */
hb_status hb_replicas_explain(hb_replicas *replicas, hb_status status, hb_err *err);
/* Takes back what is under way; NULL is fine. */
void hb_replicas_end(hb_replicas *replicas);
bool hb_replicas_are_ok(const hb_replicas *replicas);
/* How many rows were missing in a backend, differed in one, had no row in the home (0 when those
 * are spared). */
void hb_replicas_counts(const hb_replicas *replicas, uint32_t *missing, uint32_t *different,
                        uint32_t *orphaned);
/* {"ok", "missing", "orphaned", "different", "checked": {"entities", "rows"}} as `key` of `parent`,
 * or added to `parent` itself when `key` is NULL. Once done; at most once. */
hb_status hb_replicas_json(hb_replicas *replicas, cJSON *parent, const char *key, hb_err *err);

#endif
