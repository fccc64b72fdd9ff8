// SPDX-License-Identifier: MIT
/* For audit: rows that hold a value which has to be unique and is another's, in the constraints
 * that no engine looks after. Rows are read by pages; 16 bytes of each are kept until a constraint
 * is through, and the ids of those whose 16 bytes are another's. */
#ifndef HB_WORKSPACE_AUDIT_UNIQUE_H
#define HB_WORKSPACE_AUDIT_UNIQUE_H

#include "workspace/workspace.h"

/* ---- a page of rows, for the Catalog's check too */
#define HB_PAGE_ROWS 256u
/* What hb_page_read read of HB_PAGE_ROWS rows, by field of the entity; nulls where it was not asked
 * for. `last` gets the id that the next page comes after, "" when there is none. */
hb_status hb_page_take(hb_task *task, const hb_entity *entity, const hb_run *run, hb_buf *last,
                       hb_column **columns, uint32_t *row_count, hb_err *err);

typedef struct hb_twins hb_twins;
/* A row that holds what another holds too. */
typedef hb_status hb_twins_sink(void *arg, const hb_entity *entity, uint32_t field,
                                hb_str object_id, hb_err *err);
/* Over all entities of users. Lives in the task's arena; end it once, also after a failure; NULL is
 * fine. */
hb_status hb_twins_start(hb_task *task, hb_workspace *ws, hb_twins_sink *sink, void *arg,
                         hb_twins **out, hb_err *err);
hb_status hb_twins_advance(hb_twins *twins, bool *done, hb_err *err);
void hb_twins_end(hb_twins *twins);
/* A page is through: a moment to look at the time. *rows: of the entity that were looked at. */
bool hb_twins_paused(const hb_twins *twins, hb_str *entity, uint64_t *rows);

#endif
