// SPDX-License-Identifier: MIT
/* The fragments of one write, which spans the backends that hold a part of the entity.
 *
 *   PREPARE  backends with transactions run their fragments; nothing is visible yet
 *   HOME     the source of truth: its commit (or, without transactions, its fragments) decides
 *   OTHERS   the rest commit, or run their fragments, in the order of the list
 * Until HOME is through a failure takes everything back. After it the error is PARTIAL_WRITE, which
 * names what holds the write and what does not yet; an intent (intent.h) completes it later. */
#ifndef HB_WORKSPACE_TRANSACTION_H
#define HB_WORKSPACE_TRANSACTION_H

#include "workspace/workspace.h"

typedef struct hb_intent hb_intent;

typedef struct hb_change {
    uint32_t backend;           /* index of the instance */
    hb_fragment fragment;
    hb_job *job;                /* NULL until it is started */
} hb_change;

typedef enum hb_changes_stage {
    HB_CHANGES_RECORD, HB_CHANGES_PREPARE, HB_CHANGES_HOME, HB_CHANGES_OTHERS, HB_CHANGES_CLEAR,
    HB_CHANGES_DONE
} hb_changes_stage;

/* Lives in the arena of its task. Bits stand for backend indexes. */
typedef struct hb_changes {
    hb_workspace *ws;
    hb_task *task;
    hb_str entity_id;           /* for errors */
    uint32_t home;              /* HB_BACKEND_NONE: no backend comes first */
    hb_change *items;
    uint32_t count, cap, at;
    hb_changes_stage stage;
    hb_intent *intent;          /* NULL: none is kept */
    const hb_entity *definition;    /* stored by the home's commit; NULL: none is */
    uint64_t open;              /* in a transaction */
    uint64_t held;              /* committed, or written without a transaction */
    hb_job *commit;             /* under way; NULL: none */
    uint32_t failed_at;         /* backend that refused, or HB_BACKEND_NONE */
} hb_changes;

/* Room for `cap` fragments. *out lives as long as the task. */
hb_status hb_changes_new(hb_workspace *ws, hb_task *task, hb_str entity_id, uint32_t home,
                         uint32_t cap, hb_changes **out, hb_err *err);
/* An empty fragment on a backend, in order. Lent. */
hb_change *hb_changes_add(hb_changes *changes, uint32_t backend, hb_container *container,
                          hb_frag_kind kind);
/* Opens the transaction of a backend before its fragments are known: what is read from now on stays
 * as it is until the write is through. Nothing when the backend has none or it is open. */
hb_status hb_changes_begin(hb_changes *changes, uint32_t backend, hb_err *err);
/* Goes on as far as it can; *done when every backend holds the write. */
hb_status hb_changes_advance(hb_changes *changes, bool *done, hb_err *err);
/* For the error of a reply that came in between: what hb_changes_advance would have said. */
hb_status hb_changes_explain(hb_changes *changes, hb_status status, hb_err *err);
/* Takes back what is open. Call it once, whatever happened; `changes` may be NULL. */
void hb_changes_end(hb_changes *changes);

/* A rehearsal: until its end all changes of the workspace stay in transactions of their backends,
 * where the calls that rehearse see them, and are taken back. Backends that are not local are left
 * out: they keep no transaction open. Start it with ws->rehearses. */

/* Opens the transaction of a local backend, once. */
hb_status hb_rehearsal_open(hb_workspace *ws, hb_task *task, uint32_t backend, hb_err *err);
/* Nothing when there is none. */
void hb_rehearsal_end(hb_workspace *ws);

#endif
