// SPDX-License-Identifier: MIT
/* Runs a plan inside a task: starts the fragments whose inputs are there, all that can be at once,
 * and applies the core's operators in between. */
#ifndef HB_EXEC_RUN_H
#define HB_EXEC_RUN_H

#include "exec/rows.h"
#include "plan/plan.h"

typedef struct hb_run hb_run;

/* In the task's arena; borrows the plan. */
hb_status hb_run_new(hb_task *task, const hb_plan *plan, hb_instance *const *instances,
                     hb_run **out, hb_err *err);
/* The result need not be copied together: see `rows` there. Before the first advance. */
void hb_run_lend_rows(hb_run *run);
/* Goes as far as it can. *done is set when the last node has its rows. */
hb_status hb_run_advance(hb_run *run, bool *done, hb_err *err);

typedef struct hb_run_result {
    hb_batch batch;
    /* Row of the columns for each of the batch's; NULL: the same. Only after hb_run_lend_rows */
    const uint32_t *rows;
    const uint8_t *roles;
    uint64_t total;             /* rows before paging */
    bool total_known;
    bool truncated;             /* paging left rows out after the last one */
    hb_str cursor;              /* for `after`, when truncated; "" otherwise */
} hb_run_result;

/* After done. Borrowed until the task is freed. */
const hb_run_result *hb_run_result_get(const hb_run *run);
/* Rows that backends looked at, over all fragments. */
uint64_t hb_run_rows_examined(const hb_run *run);

#endif
