// SPDX-License-Identifier: MIT
/* The Catalog compared with what the rows of the entities project to.
 *
 * First the rows of every entity, a page of ascending ids at a time, with the Catalog rows that
 * they should have: missing and mismatched ones. Then the Catalog's own rows, by pages too, with
 * the rows that they are about: dangling ones. Each page has its memory for itself, so that it does
 * not grow with the rows; a repair writes it in one transaction. */
#ifndef HB_WORKSPACE_AUDIT_CATALOG_H
#define HB_WORKSPACE_AUDIT_CATALOG_H

#include "workspace/replicas.h"

typedef struct hb_catalog_check hb_catalog_check;

typedef struct hb_catalog_counts {
    uint64_t missing, mismatched, dangling;
} hb_catalog_counts;

/* Lives in the task's arena. `restored`: rows that a repair would put back, which count as if they
 * were there; NULL: none. End it once, also after a failure; NULL is fine. */
hb_status hb_catalog_check_start(hb_task *task, hb_workspace *ws, int64_t now_ms, bool fix,
                                 const hb_restored *restored, hb_catalog_check **out, hb_err *err);
/* As far as it can; not done after each page. */
hb_status hb_catalog_check_advance(hb_catalog_check *check, bool *done, hb_err *err);
void hb_catalog_check_end(hb_catalog_check *check);
/* For the error of a reply that came in between. NULL is fine. */
hb_status hb_catalog_check_explain(hb_catalog_check *check, hb_status status, hb_err *err);
/* True between two pages of an entity, of which so many rows are through. */
bool hb_catalog_check_paused(const hb_catalog_check *check, hb_str *entity, uint64_t *rows);
/* Once done. */
hb_catalog_counts hb_catalog_check_counts(const hb_catalog_check *check);
bool hb_catalog_check_ok(const hb_catalog_check *check);
/* {"ok", "missing": [], "dangling": [], "mismatched": [], "checked": {...}} as `key` of
 * `parent`; as often as it is asked. */
hb_status hb_catalog_check_json(const hb_catalog_check *check, cJSON *parent, const char *key,
                                hb_err *err);

#endif
