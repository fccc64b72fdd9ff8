// SPDX-License-Identifier: MIT
/* Writes and relations: new edges must lead to rows, and a row that edges lead to is deleted only
 * with them. */
#include "workspace/graph.h"

#define NAMED_MAX 4u            /* edges that a message names */

/* "person.knows:a->person:b, ..." */
static void name_edge(hb_buf *names, uint32_t count, const hb_relation *relation, hb_str source,
                      hb_str target) {
    if (count >= NAMED_MAX) return;
    if (count > 0) hb_buf_add_c(names, ", ");
    hb_relation_print(relation, source, target, names);
}

static hb_status named_error(hb_buf *names, uint32_t count, const hb_relation *relation,
                             hb_status code, const char *what, const char *then, hb_err *err) {
    if (count > NAMED_MAX) hb_buf_printf(names, ", and %u more", (unsigned)(count - NAMED_MAX));
    HB_TRY(hb_buf_check(names, err));
    hb_err_set(err, code, "%s, %u reference%s: %.*s%s", what, (unsigned)count,
               count == 1 ? "" : "s", HB_ARG(hb_buf_str(names)), then);
    return hb_err_where(err, relation->source->schema->entity_id, hb_relation_field(relation)->name,
                        HB_STR_EMPTY);
}

/* ---- new edges ------------------------------------------------------------------------- */

typedef struct ends_part {
    hb_relation relation;
    const uint8_t *kept;        /* by row, or NULL */
    hb_str *ids;
    uint32_t id_count, id_cap;
    hb_ids asked;
    hb_fetch *fetch;
} ends_part;

struct hb_endpoints {
    hb_task *task;
    hb_workspace *ws;
    const hb_column *columns;
    uint32_t row_count;
    ends_part *parts;
    uint32_t part_count;
};

static bool ends_row(const hb_endpoints *endpoints, const ends_part *part, uint32_t row,
                     hb_edges *edges) {
    if (part->kept != NULL && part->kept[row] != 0) return false;
    hb_value cell = hb_column_get(&endpoints->columns[part->relation.field], row);
    if (cell.kind != HB_KIND_PACK) return false;
    *edges = hb_edges_read(hb_relation_column(&part->relation), cell.as.s);
    return true;
}

static hb_status ends_ask(hb_endpoints *endpoints, ends_part *part, hb_str target, hb_map *asked,
                          hb_err *err) {
    if (hb_map_find(asked, target) != HB_MAP_NONE) return HB_OK;
    if (part->id_count == part->id_cap) {
        uint32_t cap = part->id_cap == 0 ? 16 : part->id_cap * 2;
        hb_str *grown = hb_arena_array(&endpoints->task->arena, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (part->id_count > 0) memcpy(grown, part->ids, part->id_count * sizeof(*grown));
        part->ids = grown;
        part->id_cap = cap;
    }
    if (!hb_map_put(asked, target, part->id_count)) return hb_err_memory(err);
    part->ids[part->id_count++] = target;
    return HB_OK;
}

/* Every different target that is not a row of the call itself. */
static hb_status ends_collect(hb_endpoints *endpoints, ends_part *part, hb_map *asked,
                              hb_err *err) {
    const hb_relation *relation = &part->relation;
    hb_map own;
    hb_map_init(&own, endpoints->ws->mem);
    hb_status status = HB_OK;
    if (relation->target == relation->source) {
        const hb_column *ids = &endpoints->columns[HB_FIELD_OBJECT_ID];
        for (uint32_t row = 0; row < endpoints->row_count && status == HB_OK; row++) {
            if (!hb_map_put(&own, hb_column_span(ids, row), row)) status = hb_err_memory(err);
        }
    }
    for (uint32_t row = 0; row < endpoints->row_count && status == HB_OK; row++) {
        hb_edges edges;
        hb_str target;
        if (!ends_row(endpoints, part, row, &edges)) continue;
        while (status == HB_OK && hb_edges_next(&edges, &target, NULL)) {
            if (hb_map_find(&own, target) != HB_MAP_NONE) continue;
            status = ends_ask(endpoints, part, target, asked, err);
        }
    }
    hb_map_free(&own);
    return status;
}

static hb_status ends_start(hb_endpoints *endpoints, ends_part *part, hb_err *err) {
    static const uint32_t none[1] = { 0 };
    hb_map asked;
    hb_map_init(&asked, endpoints->ws->mem);
    hb_status status = ends_collect(endpoints, part, &asked, err);
    hb_map_free(&asked);
    part->asked = (hb_ids){ part->ids, part->id_count };
    if (status != HB_OK || part->id_count == 0 || part->relation.target == NULL) return status;
    return hb_fetch_start(endpoints->task, endpoints->ws, part->relation.target, &part->asked, none,
                          0, &part->fetch, err);
}

hb_status hb_endpoints_start(hb_task *task, hb_workspace *ws, hb_entity *entity,
                             const hb_column *columns, uint32_t row_count,
                             const uint8_t *const *kept, hb_endpoints **out, hb_err *err) {
    hb_relation relation;
    *out = NULL;
    for (uint32_t f = 1; f < entity->schema->field_count; f++) {
        if (!hb_relation_at(ws, entity, f, &relation)) continue;
        if (*out == NULL) {
            hb_endpoints *made = HB_NEW(&task->arena, hb_endpoints);
            if (made == NULL) return hb_err_memory(err);
            *made = (hb_endpoints){ task, ws, columns, row_count, NULL, 0 };
            made->parts = HB_NEW_ARRAY(&task->arena, ends_part, entity->schema->field_count);
            if (made->parts == NULL) return hb_err_memory(err);
            *out = made;
        }
        ends_part *part = &(*out)->parts[(*out)->part_count++];
        part->relation = relation;
        part->kept = kept != NULL ? kept[f] : NULL;
        HB_TRY(ends_start(*out, part, err));
    }
    return HB_OK;
}

/* The edges to ids that were asked for and not found. */
static hb_status ends_refuse(const hb_endpoints *endpoints, const ends_part *part,
                             const hb_map *missing, hb_err *err) {
    hb_buf names;
    hb_buf_init(&names, endpoints->ws->mem);
    uint32_t count = 0;
    for (uint32_t row = 0; row < endpoints->row_count; row++) {
        hb_edges edges;
        hb_str target, source = hb_column_span(&endpoints->columns[HB_FIELD_OBJECT_ID], row);
        if (!ends_row(endpoints, part, row, &edges)) continue;
        while (hb_edges_next(&edges, &target, NULL)) {
            if (hb_map_find(missing, target) == HB_MAP_NONE) continue;
            name_edge(&names, count++, &part->relation, source, target);
        }
    }
    hb_status status = named_error(&names, count, &part->relation, HB_E_VALIDATION,
                                   "an edge leads to a row that does not exist", "", err);
    hb_buf_free(&names);
    return status;
}

static hb_status ends_compare(const hb_endpoints *endpoints, const ends_part *part, hb_err *err) {
    const uint32_t *found = NULL;
    if (part->id_count == 0) return HB_OK;
    if (part->fetch != NULL) {
        const hb_column *columns;
        uint32_t row_count;
        HB_TRY(hb_fetch_take(part->fetch, &columns, &row_count, &found, err));
    }
    hb_map missing;
    hb_map_init(&missing, endpoints->ws->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < part->id_count && status == HB_OK; i++) {
        if (found != NULL && found[i] != HB_MAP_NONE) continue;
        if (!hb_map_put(&missing, part->ids[i], i)) status = hb_err_memory(err);
    }
    if (status == HB_OK && missing.count > 0) status = ends_refuse(endpoints, part, &missing, err);
    hb_map_free(&missing);
    return status;
}

hb_status hb_endpoints_advance(hb_endpoints *endpoints, bool *done, hb_err *err) {
    *done = true;
    for (uint32_t i = 0; i < endpoints->part_count; i++) {
        const ends_part *part = &endpoints->parts[i];
        *done = *done && (part->fetch == NULL || hb_fetch_done(part->fetch));
    }
    for (uint32_t i = 0; i < endpoints->part_count && *done; i++) {
        HB_TRY(ends_compare(endpoints, &endpoints->parts[i], err));
    }
    return HB_OK;
}

/* ---- edges to deleted rows ------------------------------------------------------------- */

typedef struct detach_part {
    hb_relation relation;
    hb_run *sources;
    bool done;
} detach_part;

typedef struct detach_source {  /* an entity whose rows lose edges */
    hb_entity *entity;
    hb_ids ids;
    hb_fetch *rows;
} detach_source;

struct hb_detach {
    hb_task *task;
    hb_workspace *ws;
    hb_entity *entity;          /* of the deleted rows */
    const hb_ids *ids;
    uint32_t flags;
    detach_part *parts;
    uint32_t part_count;
    bool settled;
    detach_source *sources;
    uint32_t source_count;
    hb_detached *detached;
};

/* Does a relation of `source` lead to the entity? */
static bool leads_to(const hb_workspace *ws, hb_entity *source, const hb_entity *entity) {
    hb_relation relation;
    for (uint32_t f = 1; f < source->schema->field_count; f++) {
        if (hb_relation_at(ws, source, f, &relation) && relation.target == entity) return true;
    }
    return false;
}

uint32_t hb_relation_source_count(const hb_workspace *ws, const hb_entity *entity) {
    uint32_t count = 0;
    for (uint32_t e = 0; e < ws->entity_count; e++) count += leads_to(ws, ws->entities[e], entity);
    return count;
}

hb_intent_need hb_detach_need(const hb_workspace *ws, const hb_entity *entity,
                              hb_intent_need need) {
    for (uint32_t e = 0; e < ws->entity_count && need == HB_INTENT_NONE; e++) {
        if (leads_to(ws, ws->entities[e], entity))
            need = hb_intent_needed(ws, entity, ws->entities[e]);
    }
    return need;
}

hb_status hb_detach_start(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                          uint32_t flags, hb_detach **out, hb_err *err) {
    hb_relation relation;
    uint32_t count = 0;
    *out = NULL;
    for (uint32_t pass = 0; pass < 2; pass++) {
        if (pass == 1) {
            if (count == 0 || ids->count == 0) return HB_OK;
            *out = HB_NEW(&task->arena, hb_detach);
            if (*out == NULL) return hb_err_memory(err);
            **out = (hb_detach){ task, ws, entity, ids, flags, NULL, 0, false, NULL, 0, NULL };
            (*out)->parts = HB_NEW_ARRAY(&task->arena, detach_part, count);
            if ((*out)->parts == NULL) return hb_err_memory(err);
        }
        for (uint32_t e = 0; e < ws->entity_count; e++) {
            hb_entity *source = ws->entities[e];
            for (uint32_t f = 1; f < source->schema->field_count; f++) {
                if (!hb_relation_at(ws, source, f, &relation) || relation.target != entity)
                    continue;
                count++;
                if (pass == 1) (*out)->parts[(*out)->part_count++].relation = relation;
            }
        }
    }
    for (uint32_t i = 0; i < (*out)->part_count; i++) {
        detach_part *part = &(*out)->parts[i];
        HB_TRY(hb_relation_sources(task, ws, &part->relation, ids, &part->sources, err));
    }
    return HB_OK;
}

static bool detach_forbids(const hb_detach *detach, const detach_part *part) {
    if ((detach->flags & HB_FLAG_EDGES_DETACH) != 0) return false;
    return (detach->flags & HB_FLAG_EDGES_RESTRICT) != 0 ||
           !hb_relation_field(&part->relation)->edge_detach;
}

/* Sources that are deleted themselves take their edges along. */
static bool detach_goes_too(const hb_detach *detach, const detach_part *part, const hb_map *gone,
                            hb_str source) {
    return part->relation.source == detach->entity && hb_map_find(gone, source) != HB_MAP_NONE;
}

static hb_status detach_refuse(const hb_detach *detach, const detach_part *part, const hb_map *gone,
                               hb_err *err) {
    const hb_batch *rows = &hb_run_result_get(part->sources)->batch;
    uint32_t count = 0;
    hb_buf names;
    hb_buf_init(&names, detach->ws->mem);
    for (uint32_t row = 0; row < rows->row_count; row++) {
        hb_str target, source = hb_column_span(&rows->columns[0], row);
        if (detach_goes_too(detach, part, gone, source)) continue;
        hb_edges edges = hb_edges_read(hb_relation_column(&part->relation),
                                       hb_column_get(&rows->columns[1], row).as.s);
        while (hb_edges_next(&edges, &target, NULL)) {
            if (hb_map_find(gone, target) != HB_MAP_NONE)
                name_edge(&names, count++, &part->relation, source, target);
        }
    }
    hb_status status = HB_OK;
    if (count > 0) {
        status = named_error(&names, count, &part->relation, HB_E_RESTRICTED,
                             "edges lead to a row that is to be deleted",
                             "; 'detach' deletes the edges with it", err);
    }
    hb_buf_free(&names);
    return status;
}

static detach_source *detach_source_of(hb_detach *detach, hb_entity *entity) {
    for (uint32_t i = 0; i < detach->source_count; i++) {
        if (detach->sources[i].entity == entity) return &detach->sources[i];
    }
    detach->sources[detach->source_count].entity = entity;
    return &detach->sources[detach->source_count++];
}

/* The sources of all relations of one entity, each once. */
static hb_status detach_collect(hb_detach *detach, detach_source *source, const hb_map *gone,
                                hb_err *err) {
    uint32_t most = 0, count = 0;
    for (uint32_t i = 0; i < detach->part_count; i++) {
        const detach_part *part = &detach->parts[i];
        if (part->relation.source != source->entity) continue;
        most += hb_run_result_get(part->sources)->batch.row_count;
    }
    hb_str *ids = hb_arena_array(&detach->task->arena, most, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    hb_map seen;
    hb_map_init(&seen, detach->ws->mem);
    bool ok = true;
    for (uint32_t i = 0; i < detach->part_count; i++) {
        const detach_part *part = &detach->parts[i];
        if (part->relation.source != source->entity) continue;
        const hb_batch *rows = &hb_run_result_get(part->sources)->batch;
        for (uint32_t row = 0; row < rows->row_count && ok; row++) {
            hb_str id = hb_column_span(&rows->columns[0], row);
            if (detach_goes_too(detach, part, gone, id) || hb_map_find(&seen, id) != HB_MAP_NONE)
                continue;
            ok = hb_map_put(&seen, id, count);
            ids[count++] = id;
        }
    }
    hb_map_free(&seen);
    source->ids = (hb_ids){ ids, count };
    return ok ? HB_OK : hb_err_memory(err);
}

/* All sources are known: refuse, or read their rows. */
static hb_status detach_settle(hb_detach *detach, const hb_map *gone, hb_err *err) {
    for (uint32_t i = 0; i < detach->part_count; i++) {
        if (detach_forbids(detach, &detach->parts[i]))
            HB_TRY(detach_refuse(detach, &detach->parts[i], gone, err));
    }
    detach->sources = HB_NEW_ARRAY(&detach->task->arena, detach_source, detach->part_count);
    if (detach->sources == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < detach->part_count; i++) {
        detach_source_of(detach, detach->parts[i].relation.source);
    }
    for (uint32_t i = 0; i < detach->source_count; i++) {
        detach_source *source = &detach->sources[i];
        HB_TRY(detach_collect(detach, source, gone, err));
        if (source->ids.count == 0) continue;
        HB_TRY(hb_fetch_start(detach->task, detach->ws, source->entity, &source->ids, NULL, 0,
                              &source->rows, err));
    }
    detach->settled = true;
    return HB_OK;
}

static hb_status detach_column(hb_detach *detach, const hb_relation *relation, hb_column *column,
                               uint32_t row_count, const hb_map *gone, hb_err *err) {
    hb_rowset *set;
    HB_TRY(hb_task_rowset(detach->task, 1, &set, err));
    hb_str name = hb_relation_field(relation)->name;
    hb_rowset_column(set, 0, name, HB_KIND_PACK, 0);
    hb_buf cell;
    hb_buf_init(&cell, detach->ws->mem);
    hb_status status = HB_OK;
    for (uint32_t row = 0; row < row_count && status == HB_OK; row++) {
        hb_value value = hb_column_get(column, row);
        if (value.kind == HB_KIND_PACK) {
            status = hb_relation_without(relation, value.as.s, gone, &cell, err);
            value.as.s = hb_buf_str(&cell);
        }
        if (status == HB_OK && !hb_colbuf_add(&set->columns[0], &value))
            status = hb_err_memory(err);
    }
    hb_buf_free(&cell);
    if (status == HB_OK) *column = hb_colbuf_view(&set->columns[0], name);
    return status;
}

/* The rows that were there, in their order. */
static hb_status detach_ids(hb_detach *detach, const hb_column *columns, uint32_t row_count,
                            hb_detached *out, hb_err *err) {
    hb_str *ids = hb_arena_array(&detach->task->arena, row_count, sizeof(*ids));
    uint32_t *found = hb_arena_array(&detach->task->arena, row_count, sizeof(*found));
    if (ids == NULL || found == NULL) return hb_err_memory(err);
    for (uint32_t row = 0; row < row_count; row++) {
        ids[row] = hb_column_span(&columns[HB_FIELD_OBJECT_ID], row);
        found[row] = row;
    }
    out->ids = (hb_ids){ ids, row_count };
    out->found = found;
    return HB_OK;
}

static hb_status detach_rows(hb_detach *detach, const detach_source *source, const hb_map *gone,
                             hb_detached *out, hb_err *err) {
    const hb_column *columns;
    const uint32_t *found;
    out->entity = source->entity;
    if (source->rows == NULL) return HB_OK;
    uint32_t row_count;
    HB_TRY(hb_fetch_take(source->rows, &columns, &row_count, &found, err));
    HB_TRY(detach_ids(detach, columns, row_count, out, err));
    hb_column *rows = hb_arena_copy(&detach->task->arena, columns,
                                    source->entity->schema->field_count * sizeof(*rows));
    if (rows == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < detach->part_count; i++) {
        const hb_relation *relation = &detach->parts[i].relation;
        if (relation->source != source->entity) continue;
        HB_TRY(detach_column(detach, relation, &rows[relation->field], row_count, gone, err));
    }
    out->columns = rows;
    out->before = columns;
    return HB_OK;
}

static hb_status detach_finish(hb_detach *detach, const hb_map *gone, hb_err *err) {
    detach->detached = HB_NEW_ARRAY(&detach->task->arena, hb_detached, detach->source_count);
    if (detach->detached == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < detach->source_count; i++) {
        HB_TRY(detach_rows(detach, &detach->sources[i], gone, &detach->detached[i], err));
    }
    return HB_OK;
}

/* With the deleted ids at hand. */
static hb_status detach_go_on(hb_detach *detach, bool *done, const hb_map *gone, hb_err *err) {
    if (!detach->settled) HB_TRY(detach_settle(detach, gone, err));
    *done = true;
    for (uint32_t i = 0; i < detach->source_count; i++) {
        const detach_source *source = &detach->sources[i];
        *done = *done && (source->rows == NULL || hb_fetch_done(source->rows));
    }
    return *done ? detach_finish(detach, gone, err) : HB_OK;
}

hb_status hb_detach_advance(hb_detach *detach, bool *done, hb_err *err) {
    *done = true;
    for (uint32_t i = 0; i < detach->part_count; i++) {
        detach_part *part = &detach->parts[i];
        if (!part->done) HB_TRY(hb_run_advance(part->sources, &part->done, err));
        *done = *done && part->done;
    }
    if (!*done || detach->detached != NULL) return HB_OK;
    hb_map gone;
    hb_map_init(&gone, detach->ws->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < detach->ids->count && status == HB_OK; i++) {
        if (!hb_map_put(&gone, detach->ids->ids[i], i)) status = hb_err_memory(err);
    }
    if (status == HB_OK) status = detach_go_on(detach, done, &gone, err);
    hb_map_free(&gone);
    return status;
}

void hb_detach_take(const hb_detach *detach, const hb_detached **list, uint32_t *count) {
    *list = detach->detached;
    *count = detach->source_count;
}
