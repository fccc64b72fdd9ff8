// SPDX-License-Identifier: MIT
/* What altering an entity does to each backend, decided once: the plan that is shown is the one
 * that is carried out. */
#ifndef HB_WORKSPACE_ALTER_H
#define HB_WORKSPACE_ALTER_H

#include "value/schema_diff.h"
#include "workspace/workspace.h"

typedef enum hb_alter_action {
    HB_ALTER_NONE,              /* the entity has nothing here, before and after */
    HB_ALTER_KEEP,              /* rows stay as they are; indexes and empty columns come and go */
    HB_ALTER_FILL,              /* the rows get new values */
    HB_ALTER_REBUILD,           /* the container is made anew and gets all rows */
    HB_ALTER_MAKE,              /* the entity comes here */
    HB_ALTER_DROP               /* it goes */
} hb_alter_action;

typedef struct hb_alter {
    const hb_entity *before, *after;
    hb_schema_moves moves;
    hb_schema_diff diff;
    hb_alter_action *actions;   /* by backend index */
    bool reads;                 /* the rows are looked at */
    bool catalog;               /* their Catalog rows may be others */
    /* Nothing is refused: a value that the new type does not take is null, also in a required
     * field, and new fields are empty. Set between plan and columns. */
    bool replaces;
} hb_alter;

/* params: [confirm, {"old": "new"}, ["dropped"]]; the rest may be missing. */
hb_status hb_alter_plan(const hb_workspace *ws, const hb_entity *before, const hb_entity *after,
                        hb_str params, hb_arena *arena, hb_alter *out, hb_err *err);
/* Do both have a field that is of another type in the second? */
bool hb_alter_retypes(const hb_schema *before, const hb_schema *after);
/* Makes `task` the one that puts `after`, which it owns from now on, in the place of `before`; what
 * the rows hold is taken along where it can be. Answers as register does. */
hb_status hb_alter_replace(hb_workspace *ws, hb_task *task, hb_entity *before, hb_entity *after,
                           int64_t now_ms, hb_err *err);
/* The rows, `batch` by the old structure, as full-schema columns of the new one. VALIDATION names
 * field and row when a value does not fit. */
hb_status hb_alter_columns(const hb_alter *alter, const hb_batch *batch, hb_arena *arena,
                           hb_column **out, hb_err *err);
/* The plan as JSON. `rows`: how many there are, -1 when nobody looked; `refusal`: what was found in
 * them, or "". */
hb_status hb_alter_json(const hb_workspace *ws, const hb_alter *alter, int64_t rows, hb_str refusal,
                        hb_arena *arena, hb_buf *out, hb_err *err);

#endif
