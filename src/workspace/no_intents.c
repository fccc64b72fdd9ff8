// SPDX-License-Identifier: MIT
/* The build without files keeps nothing across processes: no write needs an intent, and the rest is
 * never called. */
#include "workspace/intent.h"

hb_intent_need hb_intent_needed(const hb_workspace *ws, const hb_entity *entity,
                                const hb_entity *other) {
    (void)ws;
    (void)entity;
    (void)other;
    return HB_INTENT_NONE;
}

hb_intent_need hb_intent_needed_for(const hb_workspace *ws, const hb_entity *before,
                                    const hb_entity *after, const hb_entity *other) {
    (void)before;
    return hb_intent_needed(ws, after, other);
}

hb_status hb_intents_start(hb_task *task, hb_workspace *ws, const hb_intents_asked *asked,
                           hb_intents **out, hb_err *err) {
    (void)task;
    (void)ws;
    (void)asked;
    (void)err;
    *out = NULL;
    return HB_OK;
}

hb_status hb_intents_advance(hb_intents *intents, bool *done, hb_err *err) {
    (void)intents;
    (void)err;
    *done = true;
    return HB_OK;
}

void hb_intents_end(hb_intents *intents) {
    (void)intents;
}

hb_status hb_intents_complete_local(hb_workspace *ws, hb_err *err) {
    (void)ws;
    (void)err;
    return HB_OK;
}

hb_status hb_intents_json(hb_workspace *ws, int64_t now_ms, hb_buf *out, uint32_t *count,
                          hb_err *err) {
    (void)ws;
    (void)now_ms;
    *count = 0;
    hb_buf_add_c(out, "[]");
    return hb_buf_check(out, err);
}

/* Only for a write that needs one. */
static hb_status never(hb_err *err) {
    return hb_err_set(err, HB_E_INTERNAL, "this build keeps no intents");
}

hb_status hb_intent_new(hb_workspace *ws, hb_task *task, hb_intent_need need,
                        const hb_intent_part *parts, uint32_t part_count, int64_t now_ms,
                        hb_intent **out, hb_err *err) {
    (void)ws;
    (void)task;
    (void)need;
    (void)parts;
    (void)part_count;
    (void)now_ms;
    (void)out;
    return never(err);
}

bool hb_intent_is_atomic(const hb_intent *intent) {
    (void)intent;
    return true;
}

hb_status hb_intent_put(hb_workspace *ws, const hb_intent *intent, hb_err *err) {
    (void)ws;
    (void)intent;
    return never(err);
}

void hb_intent_clear(hb_workspace *ws, const hb_intent *intent) {
    (void)ws;
    (void)intent;
}

hb_status hb_intents_refuse_any(hb_workspace *ws, const hb_intents_asked *asked, hb_arena *arena,
                                hb_err *err) {
    (void)ws;
    (void)asked;
    (void)arena;
    return never(err);
}

bool hb_intents_are_due(const hb_intents *intents) {
    (void)intents;
    return false;
}

void hb_intents_counts(const hb_intents *intents, uint32_t *completed, uint32_t *taken_back) {
    (void)intents;
    *completed = *taken_back = 0;
}

hb_status hb_drop_complete_local(hb_workspace *ws, hb_err *err) {
    (void)ws;
    (void)err;
    return HB_OK;
}

hb_status hb_drop_definitions(hb_workspace *ws, hb_instance *keeper, hb_task *task, hb_err *err) {
    (void)ws;
    (void)keeper;
    (void)task;
    (void)err;
    return HB_OK;
}

hb_status hb_drop_forget(hb_instance *keeper, hb_arena *arena, hb_err *err) {
    (void)keeper;
    (void)arena;
    (void)err;
    return HB_OK;
}
