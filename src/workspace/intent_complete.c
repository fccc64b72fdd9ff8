// SPDX-License-Identifier: MIT
/* Completing intents, one after another: claim, see what the source of truth has, carry forward or
 * take back, remove. */
#include "workspace/intent_record.h"

typedef enum complete_phase { COMPLETE_NEXT, COMPLETE_LOOK, COMPLETE_APPLY } complete_phase;

struct hb_intents {
    hb_task *task;
    hb_workspace *ws;
    hb_intents_asked asked;
    hb_record *records;
    uint32_t count, at;
    complete_phase phase;
    hb_job *look;               /* the home's rows of the first part */
    hb_changes *changes;
    hb_entity *altered;         /* the one of the record at hand, as it was; owned */
    bool forward;
    uint32_t completed, taken_back;
};

/* ---- which ----------------------------------------------------------------------------------- */

static bool part_touches(const hb_record_part *part, const hb_intents_asked *asked,
                         const hb_map *ids) {
    if (!hb_str_eq(part->entity_id, asked->entity->schema->entity_id)) return false;
    if (part->definition.ptr != NULL) return true;
    for (uint32_t i = 0; i < part->ids.count; i++) {
        if (hb_map_find(ids, part->ids.ids[i]) != HB_MAP_NONE) return true;
    }
    return false;
}

static bool record_touches(const hb_record *record, const hb_intents_asked *asked,
                           const hb_map *ids) {
    for (uint32_t p = 0; p < record->part_count; p++) {
        if (part_touches(&record->parts[p], asked, ids)) return true;
    }
    return false;
}

static hb_status refuse_touching(const hb_workspace *ws, const hb_record *record,
                                 const hb_intents_asked *asked, hb_err *err) {
    hb_err_set(err, HB_E_LOCKED,
               "another owner is completing a write of these rows over several backends; its "
               "intent ends in %lld ms",
               (long long)(record->deadline_ms - asked->now_ms));
    return hb_err_where(err, asked->entity->schema->entity_id, HB_STR_EMPTY,
                        hb_workspace_keeper(ws)->name);
}

static hb_status ids_map(const hb_intents_asked *asked, const hb_mem *mem, hb_map *out,
                         hb_err *err) {
    hb_map_init(out, mem);
    bool ok = true;
    for (uint32_t i = 0; asked->ids != NULL && i < asked->ids->count && ok; i++) {
        ok = hb_map_put(out, asked->ids->ids[i], i);
    }
    return ok ? HB_OK : hb_err_memory(err);
}

hb_status hb_intents_refuse_any(hb_workspace *ws, const hb_intents_asked *asked, hb_arena *arena,
                                hb_err *err) {
    hb_record *records;
    uint32_t count;
    HB_TRY(hb_records_list(ws, arena, &records, &count, err));
    if (count == 0) return HB_OK;
    hb_map ids;
    hb_status status = ids_map(asked, ws->mem, &ids, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        if (records[i].readable && record_touches(&records[i], asked, &ids)) {
            status = refuse_touching(ws, &records[i], asked, err);
        }
    }
    hb_map_free(&ids);
    return status;
}

/* Leaves the records that are to be completed. */
static hb_status choose(hb_intents *intents, hb_err *err) {
    const hb_intents_asked *asked = &intents->asked;
    hb_map ids;
    hb_status status = ids_map(asked, intents->ws->mem, &ids, err);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < intents->count && status == HB_OK; i++) {
        hb_record *record = &intents->records[i];
        if (asked->entity != NULL && !(record->readable && record_touches(record, asked, &ids)))
            continue;
        if (!record->readable || hb_record_is_due(intents->ws, record, asked->now_ms)) {
            intents->records[kept++] = *record;
        } else if (asked->entity != NULL) {
            status = refuse_touching(intents->ws, record, asked, err);
        }
    }
    intents->count = kept;
    hb_map_free(&ids);
    return status;
}

hb_status hb_intents_start(hb_task *task, hb_workspace *ws, const hb_intents_asked *asked,
                           hb_intents **out, hb_err *err) {
    hb_intents *intents = HB_NEW(&task->arena, hb_intents);
    if (intents == NULL) return hb_err_memory(err);
    intents->task = task;
    intents->ws = ws;
    intents->asked = *asked;
    HB_TRY(hb_records_list(ws, &task->arena, &intents->records, &intents->count, err));
    if (intents->count > 0) HB_TRY(choose(intents, err));
    *out = intents;
    return HB_OK;
}

/* ---- one intent ------------------------------------------------------------------------------ */

static hb_entity *entity_of(const hb_workspace *ws, const hb_record_part *part) {
    uint32_t index = hb_map_find(&ws->by_id, part->entity_id);
    return index != HB_MAP_NONE ? ws->entities[index] : NULL;
}

static uint32_t home_of(const hb_workspace *ws, const hb_record *record) {
    for (uint32_t b = 0; b < ws->instance_count; b++) {
        if (hb_str_eq(ws->instances[b]->name, record->home)) return b;
    }
    return HB_BACKEND_NONE;
}

/* Has this workspace what the intent is about, and may it go there now? */
static bool can_complete(const hb_intents *intents, const hb_record *record) {
    if (home_of(intents->ws, record) == HB_BACKEND_NONE) return false;
    for (uint32_t p = 0; p < record->part_count; p++) {
        const hb_entity *entity = entity_of(intents->ws, &record->parts[p]);
        if (entity == NULL) continue;
        for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
            if (entity->routing->containers[b] != NULL && intents->asked.local_only &&
                !intents->ws->instances[b]->type->local) {
                return false;
            }
        }
    }
    return true;
}

static hb_status forget(hb_intents *intents, hb_err *err) {
    hb_instance *keeper = hb_workspace_keeper(intents->ws);
    const bool stays = intents->ws->rehearses;
    if (!stays) HB_TRY(keeper->type->meta_delete(keeper, intents->records[intents->at].key, err));
    intents->at++;
    intents->phase = COMPLETE_NEXT;
    return HB_OK;
}

/* Asks the home for its part of the rows. */
static hb_status look(hb_intents *intents, const hb_record_part *part, const hb_entity *entity,
                      uint32_t home, hb_err *err) {
    hb_arena *arena = &intents->task->arena;
    const hb_container *container = entity->routing->containers[home];
    hb_fragment *fragment = HB_NEW(arena, hb_fragment);
    uint32_t *columns = hb_arena_array(arena, container->field_count, sizeof(*columns));
    if (fragment == NULL || columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 1; i < container->field_count; i++)
        columns[i - 1] = container->fields[i].field;
    fragment->kind = HB_FRAG_FETCH;
    fragment->container = entity->routing->containers[home];
    fragment->ids = &part->ids;
    fragment->columns = columns;
    fragment->column_count = container->field_count - 1;
    fragment->limit = HB_NO_LIMIT;
    intents->phase = COMPLETE_LOOK;
    return hb_task_start_job(intents->task, intents->ws->instances[home], fragment, &intents->look,
                             err);
}

/* Are the home's rows those after the write? Both are in the order of the ids. */
static hb_status home_has_after(hb_intents *intents, const hb_record_part *part,
                                const hb_entity *entity, bool *out, hb_err *err) {
    hb_batch found = hb_rowset_batch(&intents->look->out);
    *out = found.row_count == (part->after.ptr != NULL ? part->ids.count : 0);
    if (!*out || part->after.ptr == NULL) return HB_OK;
    hb_column *after;
    uint32_t row_count;
    HB_TRY(hb_record_columns(entity, part->after, &intents->task->arena, &after, &row_count, err));
    for (uint32_t c = 0; c < found.column_count && *out; c++) {
        uint32_t field = c == 0 ? HB_FIELD_OBJECT_ID : intents->look->fragment->columns[c - 1];
        for (uint32_t row = 0; row < row_count && *out; row++) {
            hb_value a = hb_column_get(&found.columns[c], row);
            hb_value b = hb_column_get(&after[field], row);
            *out = hb_value_eq(&a, &b);
        }
    }
    return HB_OK;
}

/* Writes rows of an entity on every backend but `except`. */
static hb_status apply_rows(hb_intents *intents, const hb_entity *entity, uint32_t except,
                            const hb_column *columns, uint32_t row_count, hb_err *err) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_container *container = entity->routing->containers[b];
        if (container == NULL || b == except) continue;
        hb_change *change = hb_changes_add(intents->changes, b, container, HB_FRAG_WRITE);
        HB_TRY(hb_columns_for_container(container, columns, row_count, &intents->task->arena,
                                        &change->fragment.batch, err));
    }
    return HB_OK;
}

static void apply_deletes(hb_intents *intents, const hb_entity *entity, uint32_t except,
                          const hb_ids *ids) {
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_container *container = entity->routing->containers[b];
        if (container == NULL || b == except || ids->count == 0) continue;
        hb_changes_add(intents->changes, b, container, HB_FRAG_DELETE)->fragment.ids = ids;
    }
}

/* The rows as they were, and none where none were. */
static hb_status take_back(hb_intents *intents, const hb_record_part *part, const hb_entity *entity,
                           hb_err *err) {
    hb_arena *arena = &intents->task->arena;
    if (part->before.ptr == NULL) return HB_OK;
    hb_column *columns;
    uint32_t row_count, gone_count = 0;
    HB_TRY(hb_record_columns(entity, part->before, arena, &columns, &row_count, err));
    hb_str *gone = hb_arena_array(arena, part->ids.count, sizeof(*gone));
    hb_ids *ids = HB_NEW(arena, hb_ids);
    if (gone == NULL || ids == NULL) return hb_err_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < part->ids.count; i++) {
        bool existed = at < row_count && hb_str_eq(hb_column_span(&columns[HB_FIELD_OBJECT_ID], at),
                                                   part->ids.ids[i]);
        if (existed) {
            at++;
        } else {
            gone[gone_count++] = part->ids.ids[i];
        }
    }
    *ids = (hb_ids){ gone, gone_count };
    apply_deletes(intents, entity, HB_BACKEND_NONE, ids);
    return row_count == 0 ? HB_OK
                          : apply_rows(intents, entity, HB_BACKEND_NONE, columns, row_count, err);
}

static bool is_anew(const hb_record_part *part, const hb_instance *instance) {
    for (uint32_t i = 0; i < part->anew.count; i++) {
        if (hb_str_eq(part->anew.ids[i], instance->name)) return true;
    }
    return false;
}

/* The containers of an altered entity. What it was is told by its old definition; a backend that is
 * not there any more has nothing to clear. Rows in memory went with the process, or with the old
 * container. */
static hb_status apply_altered(hb_intents *intents, const hb_record_part *part, hb_entity *entity,
                               uint32_t except, hb_err *err) {
    hb_workspace *ws = intents->ws;
    hb_status status = hb_entity_new(ws, part->definition, &intents->altered, err);
    if (status == HB_E_MEMORY) return status;
    if (status != HB_OK) hb_err_init(err);
    const hb_entity *altered = status == HB_OK ? intents->altered : NULL;
    for (uint32_t b = 0; b < entity->routing->backend_count; b++) {
        hb_instance *instance = ws->instances[b];
        hb_container *to = entity->routing->containers[b];
        hb_container *from = altered != NULL ? altered->routing->containers[b] : NULL;
        if (b == except) continue;
        const bool stays = !instance->type->local || instance->type->durable(instance);
        if (stays && is_anew(part, instance) && (from != NULL || to != NULL)) {
            hb_changes_add(intents->changes, b, from != NULL ? from : to, HB_FRAG_CLEAR);
        }
        if (to == NULL) continue;
        /* It was attached to what is there now. */
        if (stays && to->state != NULL) instance->type->release(instance, to);
        to->made = false;
        to->gaps = true; /* its rows were judged when it was begun */
        hb_changes_add(intents->changes, b, to, HB_FRAG_ENSURE);
    }
    return HB_OK;
}

static void forget_altered(hb_intents *intents) {
    hb_entity_free(intents->ws, intents->altered);
    intents->altered = NULL;
}

static hb_status apply_part(hb_intents *intents, const hb_record *record,
                            const hb_record_part *part, hb_err *err) {
    hb_entity *entity = entity_of(intents->ws, part);
    if (entity == NULL) return HB_OK; /* dropped since: nothing is left of it */
    if (!intents->forward) return take_back(intents, part, entity, err);
    uint32_t except = record->atomic ? home_of(intents->ws, record) : HB_BACKEND_NONE;
    if (part->definition.ptr != NULL) HB_TRY(apply_altered(intents, part, entity, except, err));
    if (part->after.ptr == NULL) {
        apply_deletes(intents, entity, except, &part->ids);
        return HB_OK;
    }
    hb_column *columns;
    uint32_t row_count;
    HB_TRY(
        hb_record_columns(entity, part->after, &intents->task->arena, &columns, &row_count, err));
    return apply_rows(intents, entity, except, columns, row_count, err);
}

static hb_status apply(hb_intents *intents, const hb_record *record, hb_err *err) {
    uint32_t cap = intents->ws->instance_count * record->part_count * 4;
    hb_str entity_id = record->part_count > 0 ? record->parts[0].entity_id : HB_STR_EMPTY;
    HB_TRY(hb_changes_new(intents->ws, intents->task, entity_id, HB_BACKEND_NONE, cap,
                          &intents->changes, err));
    for (uint32_t p = 0; p < record->part_count; p++) {
        HB_TRY(apply_part(intents, record, &record->parts[p], err));
    }
    intents->phase = COMPLETE_APPLY;
    return HB_OK;
}

/* Starts the intent at hand, or steps over it. */
static hb_status start_next(hb_intents *intents, hb_err *err) {
    hb_record *record = &intents->records[intents->at];
    if (!record->readable) {
        /* Nobody can complete it. Only a repair, which compares the backends anyway, removes it. */
        if (intents->asked.entity == NULL && !intents->asked.local_only)
            return forget(intents, err);
        intents->at++;
        return HB_OK;
    }
    bool claimed = can_complete(intents, record);
    if (claimed && !intents->ws->rehearses) {
        HB_TRY(hb_record_claim(intents->ws, record, intents->asked.now_ms, &intents->task->arena,
                               &claimed, err));
    }
    if (!claimed) {
        intents->at++;
        return HB_OK;
    }
    intents->forward = true;
    hb_entity *entity = record->part_count > 0 ? entity_of(intents->ws, &record->parts[0]) : NULL;
    uint32_t home = home_of(intents->ws, record);
    if (record->atomic || entity == NULL || entity->routing->containers[home] == NULL) {
        return apply(intents, record, err);
    }
    return look(intents, &record->parts[0], entity, home, err);
}

static hb_status advance_record(hb_intents *intents, bool *done, hb_err *err) {
    const hb_record *record = &intents->records[intents->at];
    switch (intents->phase) {
    case COMPLETE_NEXT: return start_next(intents, err);
    case COMPLETE_LOOK:
        *done = intents->look->done;
        if (!*done) return HB_OK;
        HB_TRY(home_has_after(intents, &record->parts[0], entity_of(intents->ws, &record->parts[0]),
                              &intents->forward, err));
        return apply(intents, record, err);
    case COMPLETE_APPLY:
        HB_TRY(hb_changes_advance(intents->changes, done, err));
        if (!*done) return HB_OK;
        *(intents->forward ? &intents->completed : &intents->taken_back) += 1;
        forget_altered(intents);
        return forget(intents, err);
    }
    return HB_OK;
}

hb_status hb_intents_advance(hb_intents *intents, bool *done, hb_err *err) {
    *done = true;
    while (intents->at < intents->count && *done) HB_TRY(advance_record(intents, done, err));
    return HB_OK;
}

void hb_intents_end(hb_intents *intents) {
    if (intents == NULL) return;
    hb_changes_end(intents->changes);
    forget_altered(intents);
}

bool hb_intents_are_due(const hb_intents *intents) {
    return intents->count > 0;
}

void hb_intents_counts(const hb_intents *intents, uint32_t *completed, uint32_t *taken_back) {
    *completed = intents->completed;
    *taken_back = intents->taken_back;
}

/* ---- while opening --------------------------------------------------------------------------- */

static hb_status local_advance(hb_task *task, hb_err *err) {
    hb_intents *intents = task->program;
    bool done;
    HB_TRY(hb_intents_advance(intents, &done, err));
    task->done = done;
    return HB_OK;
}

static void local_cleanup(hb_task *task, bool failed) {
    (void)failed;
    hb_intents_end(task->program);
}

hb_status hb_intents_complete_local(hb_workspace *ws, hb_err *err) {
    if (hb_workspace_keeper(ws) == NULL) return HB_OK;
    hb_task *task = hb_task_new(ws->mem, NULL);
    if (task == NULL) return hb_err_memory(err);
    hb_intents_asked asked = { .now_ms = ws->opened_ms, .local_only = true };
    hb_intents *intents = NULL;
    hb_status status = hb_intents_start(task, ws, &asked, &intents, err);
    if (status == HB_OK && intents->count > 0) {
        task->program = intents;
        task->advance = local_advance;
        task->cleanup = local_cleanup;
        hb_step step;
        hb_err left; /* what could not be completed is there for repair() */
        hb_err_init(&left);
        task->failed = hb_task_step(task, &step, &left) != HB_OK;
        if (left.code == HB_E_MEMORY) status = hb_err_memory(err);
    }
    task->done = true;
    hb_task_free(task);
    return status;
}
