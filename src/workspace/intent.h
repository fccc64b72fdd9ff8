// SPDX-License-Identifier: MIT
/* Write intents: what a write over several durable backends is about to do, kept beside the
 * definitions in the workspace's keeper until every backend holds it.
 *
 * An intent names its owner (a token of one open workspace), an epoch (it counts the owner's
 * intents), a deadline, and for each entity the ids with the rows after the write and, where it may
 * have to be taken back, before it. When the keeper is the source of truth and has transactions,
 * the intent is stored by the same commit as the rows ("atomic"): it exists only if they do, so it
 * is only ever carried forward, and holds only the fields that other backends have. Otherwise it is
 * stored before anything else; then it is carried forward if the source of truth has all of the
 * rows after, and taken back if not.
 *
 * Who may complete one: its owner at any time, anybody once its deadline is past. As long as a
 * living one touches a row, other owners get LOCKED for that row. Completing is idempotent. */
#ifndef HB_WORKSPACE_INTENT_H
#define HB_WORKSPACE_INTENT_H

#include "workspace/transaction.h"

/* What a write does to one entity. Columns are by schema field. */
typedef struct hb_intent_part {
    const hb_entity *entity;
    const hb_ids *ids;
    const hb_column *after;     /* a row per id; NULL: the rows are deleted */
    const hb_column *before;    /* rows that exist; NULL: not known */
    const uint32_t *found;      /* with `before`: its row of each id, or HB_MAP_NONE */
    uint32_t before_count;
    /* Of an alteration: the entity as it was, and the backends whose containers are made anew.
     * Every row there is of the entity belongs to it. */
    const hb_entity *altered;
    uint64_t anew;              /* bits of backend indexes */
} hb_intent_part;

typedef enum hb_intent_need {
    HB_INTENT_NONE,             /* at most one durable backend, or nothing that keeps intents */
    HB_INTENT_ATOMIC,
    HB_INTENT_BEFORE            /* stored ahead: the rows before the write have to be read */
} hb_intent_need;
/* For writes of `entity`, and of `other` (the Catalog) when it is not NULL. */
hb_intent_need hb_intent_needed(const hb_workspace *ws, const hb_entity *entity,
                                const hb_entity *other);

/* For another structure of an entity, which the keeper's commit decides. */
hb_intent_need hb_intent_needed_for(const hb_workspace *ws, const hb_entity *before,
                                    const hb_entity *after, const hb_entity *other);

/* The intent of a write, not stored yet; parts[0] is the entity whose home decides. */
hb_status hb_intent_new(hb_workspace *ws, hb_task *task, hb_intent_need need,
                        const hb_intent_part *parts, uint32_t part_count, int64_t now_ms,
                        hb_intent **out, hb_err *err);
bool hb_intent_is_atomic(const hb_intent *intent);
hb_status hb_intent_put(hb_workspace *ws, const hb_intent *intent, hb_err *err);
/* Every backend holds the write. An intent that cannot be removed is completed once more later,
 * which changes nothing: so this cannot fail. */
void hb_intent_clear(hb_workspace *ws, const hb_intent *intent);

/* Completing what earlier writes left. */
typedef struct hb_intents hb_intents;
typedef struct hb_intents_asked {
    const hb_entity *entity;    /* NULL: all that may be completed */
    const hb_ids *ids;          /* with `entity`: only those that touch one of these rows */
    int64_t now_ms;
    bool local_only;            /* leave those that need the network */
} hb_intents_asked;
/* LOCKED when another owner's living intent touches one of the rows asked for. */
hb_status hb_intents_start(hb_task *task, hb_workspace *ws, const hb_intents_asked *asked,
                           hb_intents **out, hb_err *err);
hb_status hb_intents_advance(hb_intents *intents, bool *done, hb_err *err);
/* Takes back what was under way; NULL is fine. */
void hb_intents_end(hb_intents *intents);
/* With the source of truth locked: LOCKED when any intent touches the rows by now. */
hb_status hb_intents_refuse_any(hb_workspace *ws, const hb_intents_asked *asked, hb_arena *arena,
                                hb_err *err);
/* Are there some that would be completed, or taken back? */
bool hb_intents_are_due(const hb_intents *intents);
/* How many were completed, and taken back. */
void hb_intents_counts(const hb_intents *intents, uint32_t *completed, uint32_t *taken_back);
/* While opening: whatever needs no network. A backend that fails leaves its intents for later. */
hb_status hb_intents_complete_local(hb_workspace *ws, hb_err *err);
/* Appends a JSON array: {"entity", "owner", "epoch", "deadline", "rows", "due", "home"} each. */
hb_status hb_intents_json(hb_workspace *ws, int64_t now_ms, hb_buf *out, uint32_t *count,
                          hb_err *err);

#endif
