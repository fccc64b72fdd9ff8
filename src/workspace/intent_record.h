// SPDX-License-Identifier: MIT
/* Stored intents: [version, owner, epoch, deadline, home, atomic, parts], each part
 * [entity id, ids, rows after or nil, rows before or nil]; rows in wire form (value/wire.h). The
 * part of an altered entity has two more: the definition before, and the names of the backends
 * whose containers are made anew. */
#ifndef HB_WORKSPACE_INTENT_RECORD_H
#define HB_WORKSPACE_INTENT_RECORD_H

#include "workspace/intent.h"

#define HB_INTENT_PREFIX "intent/"
#define HB_INTENT_VERSION 1
#define HB_INTENT_ITEMS 7u
#define HB_INTENT_PART 4u       /* items of a part; of an altered entity: */
#define HB_INTENT_ALTERED 6u

typedef struct hb_record_part {
    hb_str entity_id;
    hb_ids ids;
    hb_str after, before;       /* .ptr NULL: none */
    hb_str definition;          /* of an altered entity, as it was; .ptr NULL: it was not altered */
    hb_ids anew;                /* names of backends */
} hb_record_part;

typedef struct hb_record {
    hb_str key, value;
    bool readable;              /* false: damaged, or of another version; only key and value */
    hb_str owner, home;
    int64_t epoch, deadline_ms;
    bool atomic;
    hb_record_part *parts;
    uint32_t part_count;
} hb_record;

/* All of the workspace, in the order of their keys. Lives in `arena`. */
hb_status hb_records_list(hb_workspace *ws, hb_arena *arena, hb_record **out, uint32_t *count,
                          hb_err *err);
/* May this workspace complete it now? Its own, or past its deadline. */
static inline bool hb_record_is_due(const hb_workspace *ws, const hb_record *record,
                                    int64_t now_ms) {
    return record->deadline_ms <= now_ms ||
           (ws->owner.len > 0 && hb_str_eq(record->owner, ws->owner));
}
/* Makes an expired intent ours, with a new deadline, unless somebody else was faster. */
hb_status hb_record_claim(hb_workspace *ws, hb_record *record, int64_t now_ms, hb_arena *arena,
                          bool *claimed, hb_err *err);
/* Stored rows as columns by schema field; fields that they lack, or hold otherwise, are null. */
hb_status hb_record_columns(const hb_entity *entity, hb_str rows, hb_arena *arena, hb_column **out,
                            uint32_t *row_count, hb_err *err);

#endif
