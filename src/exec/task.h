// SPDX-License-Identifier: MIT
/* The task: one call under way. It owns an arena, the jobs it started and the rows it made; a
 * program (query run, write, audit...) drives it through `advance`.
 *
 *   state      event                          next
 *   running    advance started jobs           running (jobs that finished at once count as
 * progress)
 *   running    a job queued operations        step gives OP
 *   running    reply finished a job           advance is called again
 *   running    advance set done               done
 *   running    the deadline passed            failed with TIMEOUT, before anything else is begun
 *   any        an error                       failed: only hb_task_free is left
 *
 * advance is called whenever something changed; it must tolerate jobs that are still pending. A
 * task that is done still waits for the jobs it has started. */
#ifndef HB_EXEC_TASK_H
#define HB_EXEC_TASK_H

#include "backends/backend.h"
#include "hb.h"

typedef struct hb_task_job {
    hb_job job;
    struct hb_task_job *next;
    bool ended;
} hb_task_job;

struct hb_task {
    const hb_mem *mem;
    hb_arena arena;                     /* the task lies in it too */
    hb_arena *room;                     /* whose arena it is; NULL: the task's own */
    hb_err *err;                        /* the record of the call in progress */
    hb_status (*advance)(hb_task *task, hb_err *err);
    void (*cleanup)(hb_task *task, bool failed);    /* may be NULL; called once */
    /* An operation's reply failed a job: the status of the call. NULL: as it is. */
    hb_status (*refused)(hb_task *task, hb_status status, hb_err *err);
    void *program;                      /* in the arena */
    hb_task_job *jobs;                  /* newest first */
    uint32_t pending;                   /* jobs that are not done */
    struct hb_task_rows *owned;         /* rowsets made by local operators */
    hb_deadline deadline;
    uint32_t next_op_id;
    bool lost_as_null, as_mended;       /* of its jobs: see hb_job */
    uint32_t op_timeout_ms;
    bool pauses;                        /* the host wants to look on: HB_FLAG_PAUSES */
    bool pause;                         /* set by advance: a good moment for it; call me again */
    bool progress;
    bool done;
    bool failed;
    hb_answer answer;
};

/* Makes an empty task; `room` as in hb_request. Moves to the caller. */
hb_task *hb_task_new(const hb_mem *mem, hb_arena *room);
/* Starts a fragment (borrowed; must live in the arena or longer). *out is lent until the task
 * ends. */
hb_status hb_task_start_job(hb_task *task, hb_instance *instance, const hb_fragment *fragment,
                            hb_job **out, hb_err *err);
/* An advance: of programs that are through with all that their start has begun. */
hb_status hb_task_finish(hb_task *task, hb_err *err);
/* Commits what tx(BEGIN) began on an instance. *out is lent until the task ends. */
hb_status hb_task_start_commit(hb_task *task, hb_instance *instance, hb_job **out, hb_err *err);
/* A rowset that dies with the task. */
hb_status hb_task_rowset(hb_task *task, uint32_t column_count, hb_rowset **out, hb_err *err);
/* A part of a task with memory of its own: what is started and allocated between the two calls is
 * gone after the second one. Every job is done at the first, and, unless the task has failed, at
 * the second. `outer` lives outside of the part. */
typedef struct hb_task_page {
    hb_arena arena;
    hb_task_job *jobs;
    struct hb_task_rows *owned;
} hb_task_page;
void hb_task_page_begin(hb_task *task, hb_task_page *outer);
void hb_task_page_end(hb_task *task, const hb_task_page *outer);
/* Ends the task with a JSON text (copied into the arena) or a frame (borrowed until free). */
hb_status hb_task_finish_json(hb_task *task, hb_str json, hb_err *err);
/* Any bytes, copied into the arena. */
hb_status hb_task_finish_bytes(hb_task *task, hb_str bytes, hb_err *err);
void hb_task_finish_frame(hb_task *task, hb_batch batch, const uint8_t *roles);

#endif
