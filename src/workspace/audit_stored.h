// SPDX-License-Identifier: MIT
/* What the backends themselves find wrong with their storage. Adds to a report "files": [{backend,
 * entity, path, object_id, reason, quarantined}], rows that nobody can read, and "storage": {ok,
 * problems: [{backend, entity, field, what, object_id, path, reason, repaired}], unused}, what does
 * not fit the rows. A file that only has a wrong name also has "belongs" and "renamed"; of a repair
 * a value outside its row that was lost has "value": "restored" or "lost". */
#ifndef HB_WORKSPACE_AUDIT_STORED_H
#define HB_WORKSPACE_AUDIT_STORED_H

#include "workspace/workspace.h"

#define HB_AUDIT_LIST_MAX 100u  /* findings of one kind that a report lists; the rest is counted */

typedef struct hb_stored hb_stored;
typedef struct hb_stored_counts {
    uint64_t files, problems, unused;
} hb_stored_counts;

/* Lives in the task's arena. `rehearses`: a dry run, for which rows count as put aside that a
 * repair would put aside. End it once, also after a failure; NULL is fine. */
hb_status hb_stored_start(hb_workspace *ws, hb_task *task, cJSON *root, bool rehearses,
                          hb_stored **out, hb_err *err);
void hb_stored_end(hb_stored *stored);
/* Compares the stored definitions with their copies; before the entities. */
hb_status hb_stored_definitions(hb_stored *stored, hb_check_how how, hb_err *err);
/* Looks over one entity, by index. */
hb_status hb_stored_check(hb_stored *stored, uint32_t entity, hb_check_how how, hb_err *err);
/* A row with a value that has to be unique and is another's too, of an engine that does not look:
 * an hb_twins_sink. */
hb_status hb_stored_add_twin(void *stored, const hb_entity *entity, uint32_t field,
                             hb_str object_id, hb_err *err);
/* The last step of a repair, when other backends have given back what they could. */
hb_status hb_stored_give_up(hb_stored *stored, hb_err *err);
/* Was the file of a row put aside, the value of a field outside its row found to be lost? */
bool hb_stored_has_aside(const hb_stored *stored);
bool hb_stored_is_aside(hb_stored *stored, hb_str entity, hb_str object_id);
bool hb_stored_is_lost(hb_stored *stored, hb_str backend, hb_str entity, hb_str field,
                       hb_str object_id);
/* {"storage": {repaired, deleted}, "files": {renamed, quarantined}}: what a repair did, rehearsed:
 * would do. */
hb_status hb_stored_actions(const hb_stored *stored, cJSON *actions, hb_err *err);
/* "key": the JSON text in `json`, which is freed, unless `status` says that it is none. */
hb_status hb_stored_add_json(struct cJSON *to, const char *key, hb_buf *json, hb_status status,
                             hb_err *err);
/* Closes the report. *ok: nothing is left to mend. */
hb_status hb_stored_finish(hb_stored *stored, hb_stored_counts *counts, bool *ok, hb_err *err);

#endif
