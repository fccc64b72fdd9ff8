// SPDX-License-Identifier: MIT
/* Reading by id: get, exists, and the delete that must find its entity first. */
#include "workspace/workspace.h"

typedef enum read_want { READ_ROWS, READ_EXISTS, READ_DELETE } read_want;

/* An entity that may have the row. */
typedef struct read_probed {
    hb_entity *entity;
    hb_fetch *fetch;
} read_probed;

typedef struct read_program {
    hb_workspace *ws;
    hb_request copy;            /* what a delete goes on with */
    hb_ids ids;
    read_want want;
    hb_entity *entity;          /* NULL: every user entity is probed */
    read_probed *probes;
    read_probed only;           /* where the entity was named */
    uint32_t probe_count;
    bool any;
    bool lends;
} read_program;

hb_status hb_read_ids(const hb_batch *batch, hb_task *task, hb_ids *out, hb_err *err) {
    if (batch->column_count != 1 || batch->columns[0].kind != HB_KIND_TEXT) {
        return hb_err_set(err, HB_E_TYPE, "object ids are given as one column of texts");
    }
    hb_str *ids = hb_arena_array(&task->arena, batch->row_count, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < batch->row_count; i++) {
        ids[i] = hb_column_span(&batch->columns[0], i);
        if (ids[i].len > HB_ID_CHARS_MAX && hb_utf8_count(ids[i]) > HB_ID_CHARS_MAX) {
            return hb_err_set(err, HB_E_INVALID_ID, "an object_id has at most %u characters",
                              HB_ID_CHARS_MAX);
        }
    }
    *out = (hb_ids){ ids, batch->row_count };
    return HB_OK;
}

/* Rows that stay where they are, every field of them. They have no "$index": their ids are in the
 * order of the asked. */
static hb_status read_answer_lent(hb_task *task, const hb_lent *lent, hb_err *err) {
    uint8_t *roles = HB_NEW_ARRAY(&task->arena, uint8_t, lent->column_count);
    if (roles == NULL) return hb_err_memory(err);
    roles[HB_FIELD_OBJECT_ID] = 1;
    hb_task_finish_frame(task, (hb_batch){ lent->row_count, lent->column_count, lent->columns },
                         roles);
    task->answer.rows = lent->rows;
    return HB_OK;
}

/* The rows that exist, with "$index" telling which id each answers when more than one was asked. */
static hb_status read_answer_rows(read_program *r, hb_task *task, hb_entity *entity,
                                  hb_fetch *fetch, hb_err *err) {
    const hb_column *columns;
    const uint32_t *found;
    uint32_t row_count;
    HB_TRY(hb_fetch_take(fetch, &columns, &row_count, &found, err));
    uint32_t field_count = entity->schema->field_count;
    hb_column *out = hb_arena_array(&task->arena, (size_t)field_count + 1, sizeof(*out));
    uint8_t *roles = HB_NEW_ARRAY(&task->arena, uint8_t, (size_t)field_count + 1);
    int64_t *index = hb_arena_array(&task->arena, row_count, sizeof(*index));
    if (out == NULL || roles == NULL || index == NULL) return hb_err_memory(err);
    memcpy(out, columns, field_count * sizeof(*out));
    out[HB_FIELD_OBJECT_ID].name = HB_STR("object_id");
    roles[0] = 1;
    if (r->ids.count == 1) {
        hb_task_finish_frame(task, (hb_batch){ row_count, field_count, out }, roles);
        return HB_OK;
    }
    for (uint32_t i = 0; i < r->ids.count; i++) {
        if (found[i] != HB_MAP_NONE) index[found[i]] = i;
    }
    out[field_count] = (hb_column){ HB_STR("$index"), HB_KIND_I64, 0, NULL, index, NULL, 0, NULL };
    roles[field_count] = 2;
    hb_task_finish_frame(task, (hb_batch){ row_count, field_count + 1, out }, roles);
    return HB_OK;
}

static hb_status read_answer_flags(read_program *r, hb_task *task, const uint32_t *found,
                                   hb_err *err) {
    uint8_t *flags = hb_arena_array(&task->arena, r->ids.count, 1);
    hb_column *column = HB_NEW(&task->arena, hb_column);
    if (flags == NULL || column == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < r->ids.count; i++) flags[i] = found != NULL && found[i] != HB_MAP_NONE;
    *column = (hb_column){ HB_STR("exists"), HB_KIND_BOOL, 0, NULL, flags, NULL, 0, NULL };
    static const uint8_t roles[1] = { 0 };
    hb_task_finish_frame(task, (hb_batch){ r->ids.count, 1, column }, roles);
    return HB_OK;
}

static hb_status read_answer_nothing(read_program *r, hb_task *task, hb_err *err) {
    if (r->want != READ_ROWS) return read_answer_flags(r, task, NULL, err);
    hb_column *column = HB_NEW(&task->arena, hb_column);
    if (column == NULL) return hb_err_memory(err);
    *column = (hb_column){ HB_STR("object_id"), HB_KIND_NULL, 0, NULL, NULL, NULL, 0, NULL };
    static const uint8_t roles[1] = { 1 };
    hb_task_finish_frame(task, (hb_batch){ 0, 1, column }, roles);
    return HB_OK;
}

/* Several entities may hold the id: only one may, unless any hit will do. */
static hb_status read_choose(read_program *r, uint32_t *hit, hb_err *err) {
    *hit = HB_ENTITY_NONE;
    for (uint32_t p = 0; p < r->probe_count; p++) {
        const hb_column *columns;
        const uint32_t *found;
        uint32_t row_count;
        HB_TRY(hb_fetch_take(r->probes[p].fetch, &columns, &row_count, &found, err));
        if (row_count == 0) continue;
        if (*hit == HB_ENTITY_NONE) {
            *hit = p;
            if (r->any) return HB_OK;
            continue;
        }
        return hb_err_set(
            err, HB_E_AMBIGUOUS,
            "object_id '%.*s' exists in several entities: %.*s, %.*s; name the entity",
            HB_ARG(r->ids.ids[0]), HB_ARG(r->probes[*hit].entity->schema->entity_id),
            HB_ARG(r->probes[p].entity->schema->entity_id));
    }
    return HB_OK;
}

static hb_status read_advance(hb_task *task, hb_err *err) {
    read_program *r = task->program;
    for (uint32_t p = 0; p < r->probe_count; p++) {
        if (!hb_fetch_done(r->probes[p].fetch)) return HB_OK;
    }
    uint32_t hit = 0;
    if (r->entity == NULL) HB_TRY(read_choose(r, &hit, err));
    if (hit == HB_ENTITY_NONE || r->probe_count == 0) return read_answer_nothing(r, task, err);
    if (r->want == READ_DELETE) {
        task->progress = true;
        return hb_write_delete(r->ws, &r->copy, r->probes[hit].entity, &r->ids, task, err);
    }
    const hb_lent *lent = hb_fetch_lent(r->probes[hit].fetch);
    if (r->want == READ_ROWS && lent != NULL) return read_answer_lent(task, lent, err);
    if (r->want == READ_ROWS)
        return read_answer_rows(r, task, r->probes[hit].entity, r->probes[hit].fetch, err);
    const hb_column *columns;
    const uint32_t *found;
    uint32_t row_count;
    HB_TRY(hb_fetch_take(r->probes[hit].fetch, &columns, &row_count, &found, err));
    return read_answer_flags(r, task, found, err);
}

static hb_status read_probe(read_program *r, hb_task *task, hb_entity *entity, hb_err *err) {
    static const uint32_t none[1] = { 0 };
    if (entity->is_virtual) HB_TRY(hb_metaschema_refresh(r->ws, err));
    read_probed *probe = &r->probes[r->probe_count];
    *probe = (read_probed){ entity, NULL };
    hb_fetch **fetch = &probe->fetch;
    if (r->lends) {
        HB_TRY(hb_fetch_start_lent(task, r->ws, entity, &r->ids, fetch, err));
    } else {
        HB_TRY(hb_fetch_start(task, r->ws, entity, &r->ids, r->want == READ_ROWS ? NULL : none, 0,
                              fetch, err));
    }
    r->probe_count++;
    return HB_OK;
}

static hb_status read_start(hb_workspace *ws, const hb_request *request, hb_task *task,
                            read_want want, hb_err *err) {
    read_program *r = HB_NEW(&task->arena, read_program);
    if (r == NULL) return hb_err_memory(err);
    r->ws = ws;
    r->want = want;
    r->copy.now_ms = request->now_ms;
    r->copy.flags = request->flags;
    r->any = (request->flags & HB_FLAG_ANY) != 0;
    r->lends = request->lends && want == READ_ROWS && request->entity != HB_ENTITY_NONE;
    task->program = r;
    task->advance = read_advance;
    HB_TRY(hb_read_ids(&request->batch, task, &r->ids, err));
    if (request->entity != HB_ENTITY_NONE) {
        r->probes = &r->only;
        HB_TRY(hb_entity_get(ws, request->entity, &r->entity, err));
        return read_probe(r, task, r->entity, err);
    }
    if (r->ids.count != 1) {
        return hb_err_set(err, HB_E_TYPE, "without an entity, ids are looked up one at a time");
    }
    r->probes = hb_arena_array(&task->arena, ws->entity_count, sizeof(*r->probes));
    if (r->probes == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < ws->entity_count; i++) {
        if (!ws->entities[i]->system) HB_TRY(read_probe(r, task, ws->entities[i], err));
    }
    return HB_OK;
}

hb_status hb_call_get(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return read_start(ws, request, task, READ_ROWS, err);
}

hb_status hb_call_exists(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    return read_start(ws, request, task, READ_EXISTS, err);
}

hb_status hb_call_delete(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    if (request->entity == HB_ENTITY_NONE) return read_start(ws, request, task, READ_DELETE, err);
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    hb_ids ids;
    HB_TRY(hb_read_ids(&request->batch, task, &ids, err));
    return hb_write_delete(ws, request, entity, &ids, task, err);
}
