// SPDX-License-Identifier: MIT
/* Whole rows by id: one FETCH on every backend that is the source of truth of a wanted field, all
 * at once; the home's answer says which rows exist. Every answer is in the order of the ids, so a
 * cursor lines it up with them. */
#include "workspace/workspace.h"

typedef struct fetch_part {
    hb_fragment fragment;
    hb_job *job;
} fetch_part;

struct hb_fetch {
    hb_task *task;
    hb_entity *entity;
    hb_ids ids;
    fetch_part *parts;
    uint32_t part_count;
    uint32_t home_part;
};

/* The wanted fields whose source of truth is `backend`; columns NULL: all. */
static hb_status fetch_columns_at(const hb_entity *entity, uint32_t backend,
                                  const uint32_t *columns, uint32_t column_count, hb_arena *arena,
                                  hb_fragment *fragment, hb_err *err) {
    if (columns == NULL) {
        fragment->columns = fragment->container->sourced;
        fragment->column_count = fragment->container->sourced_count;
        return HB_OK;
    }
    uint32_t *wanted = hb_arena_array(arena, column_count, sizeof(*wanted));
    if (wanted == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < column_count; i++) {
        if (columns[i] != HB_FIELD_OBJECT_ID && entity->routing->primary[columns[i]] == backend)
            wanted[count++] = columns[i];
    }
    fragment->columns = wanted;
    fragment->column_count = count;
    return HB_OK;
}

static hb_status fetch_start(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                             const uint32_t *columns, uint32_t column_count, bool lends,
                             hb_fetch **out, hb_err *err) {
    const hb_routing *routing = entity->routing;
    hb_fetch *fetch = HB_NEW(&task->arena, hb_fetch);
    if (fetch == NULL) return hb_err_memory(err);
    fetch->parts = HB_NEW_ARRAY(&task->arena, fetch_part, routing->backend_count);
    if (fetch->parts == NULL) return hb_err_memory(err);
    fetch->task = task;
    fetch->entity = entity;
    fetch->ids = *ids;
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        if (routing->containers[b] == NULL) continue;
        fetch_part *part = &fetch->parts[fetch->part_count];
        part->fragment.kind = HB_FRAG_FETCH;
        part->fragment.container = routing->containers[b];
        part->fragment.ids = &fetch->ids;
        part->fragment.limit = HB_NO_LIMIT;
        HB_TRY(
            fetch_columns_at(entity, b, columns, column_count, &task->arena, &part->fragment, err));
        if (b != routing->home && part->fragment.column_count == 0) continue;
        part->fragment.lends =
            lends && part->fragment.column_count + 1 == entity->schema->field_count;
        if (b == routing->home) fetch->home_part = fetch->part_count;
        fetch->part_count++;
        HB_TRY(hb_task_start_job(task, hb_entity_instances(ws, entity)[b], &part->fragment,
                                 &part->job, err));
    }
    *out = fetch;
    return HB_OK;
}

hb_status hb_fetch_start(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                         const uint32_t *columns, uint32_t column_count, hb_fetch **out,
                         hb_err *err) {
    return fetch_start(task, ws, entity, ids, columns, column_count, false, out, err);
}

hb_status hb_fetch_start_lent(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                              hb_fetch **out, hb_err *err) {
    return fetch_start(task, ws, entity, ids, NULL, 0, true, out, err);
}

const hb_lent *hb_fetch_lent(const hb_fetch *fetch) {
    const hb_lent *lent = &fetch->parts[fetch->home_part].job->lent;
    return lent->columns != NULL ? lent : NULL;
}

bool hb_fetch_done(const hb_fetch *fetch) {
    for (uint32_t i = 0; i < fetch->part_count; i++) {
        if (!fetch->parts[i].job->done) return false;
    }
    return true;
}

/* Row of each id in a part's answer, or HB_MAP_NONE. */
static hb_status fetch_rows_of(hb_fetch *fetch, const hb_batch *answer, uint32_t **out,
                               hb_err *err) {
    uint32_t *rows = hb_arena_array(&fetch->task->arena, fetch->ids.count, sizeof(*rows));
    if (rows == NULL) return hb_err_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < fetch->ids.count; i++) {
        bool hit = at < answer->row_count &&
                   hb_str_eq(hb_column_span(&answer->columns[0], at), fetch->ids.ids[i]);
        rows[i] = hit ? at++ : HB_MAP_NONE;
    }
    *out = rows;
    return HB_OK;
}

/* One field of one part spread over the rows that exist. */
static hb_status fetch_spread(hb_fetch *fetch, const hb_field *field, const hb_column *src,
                              const uint32_t *rows, const uint32_t *found, uint32_t row_count,
                              hb_column *out, hb_err *err) {
    hb_rowset *set;
    HB_TRY(hb_task_rowset(fetch->task, 1, &set, err));
    hb_rowset_column(set, 0, field->name, src->kind, src->dim);
    hb_colbuf *col = &set->columns[0];
    bool ok = hb_colbuf_reserve(col, row_count, src->heap_len);
    for (uint32_t i = 0; i < fetch->ids.count && ok; i++) {
        if (found[i] == HB_MAP_NONE) continue;
        ok = rows[i] == HB_MAP_NONE ? hb_colbuf_add_null(col)
                                    : hb_colbuf_add_cell(col, src, rows[i]);
    }
    if (!ok) return hb_err_memory(err);
    *out = hb_colbuf_view(col, field->name);
    return HB_OK;
}

static hb_status fetch_take_part(hb_fetch *fetch, fetch_part *part, const uint32_t *found,
                                 uint32_t row_count, hb_column *columns, bool *filled,
                                 hb_err *err) {
    hb_batch answer = hb_rowset_batch(&part->job->out);
    uint32_t *rows;
    HB_TRY(fetch_rows_of(fetch, &answer, &rows, err));
    bool aligned = part == &fetch->parts[fetch->home_part];
    for (uint32_t c = 0; c < part->fragment.column_count; c++) {
        uint32_t field = part->fragment.columns[c];
        const hb_field *def = &fetch->entity->schema->fields[field];
        filled[field] = true;
        if (aligned) {
            columns[field] = answer.columns[c + 1]; /* its rows are exactly the rows that exist */
        } else {
            HB_TRY(fetch_spread(fetch, def, &answer.columns[c + 1], rows, found, row_count,
                                &columns[field], err));
        }
        columns[field].name = def->name;
    }
    if (aligned) columns[HB_FIELD_OBJECT_ID] = answer.columns[0];
    return HB_OK;
}

hb_status hb_fetch_take(hb_fetch *fetch, const hb_column **out, uint32_t *row_count,
                        const uint32_t **found, hb_err *err) {
    hb_arena *arena = &fetch->task->arena;
    const hb_schema *schema = fetch->entity->schema;
    hb_column *columns = HB_NEW_ARRAY(arena, hb_column, schema->field_count);
    bool *filled = HB_NEW_ARRAY(arena, bool, schema->field_count);
    if (columns == NULL || filled == NULL) return hb_err_memory(err);
    hb_batch home = hb_rowset_batch(&fetch->parts[fetch->home_part].job->out);
    uint32_t *exists;
    HB_TRY(fetch_rows_of(fetch, &home, &exists, err));
    for (uint32_t i = 0; i < fetch->part_count; i++) {
        HB_TRY(
            fetch_take_part(fetch, &fetch->parts[i], exists, home.row_count, columns, filled, err));
    }
    for (uint32_t f = 1; f < schema->field_count; f++) {
        if (!filled[f])
            HB_TRY(hb_columns_null(&schema->fields[f], home.row_count, arena, &columns[f], err));
    }
    *out = columns;
    *row_count = home.row_count;
    *found = exists;
    return HB_OK;
}
