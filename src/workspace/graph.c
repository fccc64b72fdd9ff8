// SPDX-License-Identifier: MIT
/* Relations by name, their edges, and the check that every edge leads to a row. */
#include "workspace/graph.h"

bool hb_relation_at(const hb_workspace *ws, hb_entity *source, uint32_t field, hb_relation *out) {
    const hb_type *type = source->schema->fields[field].type;
    if (type->edge_column == 0 || source->dropped) return false;
    *out = (hb_relation){ .source = source, .field = field };
    uint32_t index = hb_map_find(&ws->by_id, hb_relation_target_id(out));
    if (index != HB_MAP_NONE) out->target = ws->entities[index];
    return true;
}

hb_status hb_relation_find(const hb_workspace *ws, hb_entity *entity, hb_str name, hb_relation *out,
                           hb_err *err) {
    int64_t dot = hb_str_find(name, HB_STR("."), 0);
    if (dot > 0) {
        HB_TRY(hb_entity_by_id(ws, hb_str_sub(name, 0, (uint32_t)dot), &entity, err));
        name = hb_str_sub(name, (uint32_t)dot + 1, name.len);
    }
    if (entity == NULL) {
        return hb_err_set(err, HB_E_QUERY,
                          "a relation is named by its entity and field: "
                          "'person.knows'");
    }
    uint32_t field = hb_schema_find(entity->schema, name);
    if (field == HB_FIELD_NONE) return hb_schema_unknown_field(entity->schema, name, err);
    if (hb_relation_at(ws, entity, field, out)) return HB_OK;
    hb_err_set(err, HB_E_UNSUPPORTED,
               "'%.*s' is no relation: only a HyperG field stored with the strategy graph is one",
               HB_ARG(name));
    return hb_err_where(err, entity->schema->entity_id, name, HB_STR_EMPTY);
}

void hb_relation_print(const hb_relation *relation, hb_str source, hb_str target, hb_buf *out) {
    hb_buf_add_str(out, relation->source->schema->entity_id);
    hb_buf_add_char(out, '.');
    hb_buf_add_str(out, hb_relation_field(relation)->name);
    hb_buf_add_char(out, ':');
    hb_buf_add_str(out, source);
    hb_buf_add_c(out, "->");
    hb_buf_add_str(out, hb_relation_target_id(relation));
    hb_buf_add_char(out, ':');
    hb_buf_add_str(out, target);
}

/* ---- sources --------------------------------------------------------------------------- */

/* exists {column: {"in": ids}}, or "is not null". */
static hb_status sources_filter(const hb_relation *relation, const hb_ids *targets, hb_arena *arena,
                                const hb_expr **out, hb_err *err) {
    hb_expr *leaf = HB_NEW(arena, hb_expr);
    hb_expr *negated = HB_NEW(arena, hb_expr);
    const hb_expr **args = HB_NEW_ARRAY(arena, const hb_expr *, 1);
    if (leaf == NULL || negated == NULL || args == NULL) return hb_err_memory(err);
    leaf->kind = HB_EXPR_LEAF;
    leaf->field = relation->field;
    *out = leaf;
    if (targets == NULL) {
        leaf->op = HB_OP_IS_NULL;
        args[0] = leaf;
        negated->kind = HB_EXPR_NOT;
        negated->args = args;
        negated->arg_count = 1;
        *out = negated;
        return HB_OK;
    }
    hb_buf pack;
    hb_buf_init(&pack, arena->mem);
    hb_pack_map(&pack, 1);
    hb_pack_str(&pack, hb_relation_column(relation));
    hb_pack_map(&pack, 1);
    hb_pack_str(&pack, HB_STR("in"));
    hb_pack_array(&pack, targets->count);
    for (uint32_t i = 0; i < targets->count; i++) hb_pack_str(&pack, targets->ids[i]);
    hb_status status = hb_buf_check(&pack, err);
    leaf->op = HB_OP_EXISTS;
    leaf->value.kind = HB_KIND_PACK;
    if (status == HB_OK) leaf->value.as.s = hb_arena_str(arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    if (status == HB_OK && leaf->value.as.s.ptr == NULL) status = hb_err_memory(err);
    return status;
}

/* The first `limit` of them after an id ("": from the start). */
static hb_status sources_part(hb_task *task, hb_workspace *ws, const hb_relation *relation,
                              const hb_ids *targets, hb_str after, uint64_t limit, hb_run **out,
                              hb_err *err) {
    hb_page page = { &relation->field, 1, NULL, after, limit };
    HB_TRY(sources_filter(relation, targets, &task->arena, &page.filter, err));
    return hb_page_read(task, ws, relation->source, &page, out, err);
}

hb_status hb_relation_sources(hb_task *task, hb_workspace *ws, const hb_relation *relation,
                              const hb_ids *targets, hb_run **out, hb_err *err) {
    return sources_part(task, ws, relation, targets, HB_STR_EMPTY, HB_NO_LIMIT, out, err);
}

/* ---- taking edges away ----------------------------------------------------------------- */

hb_status hb_relation_without(const hb_relation *relation, hb_str cell, const hb_map *gone,
                              hb_buf *out, hb_err *err) {
    hb_str column = hb_relation_column(relation);
    hb_str target, whole;
    uint32_t count = 0;
    hb_buf_clear(out);
    hb_edges edges = hb_edges_read(column, cell);
    while (hb_edges_next(&edges, &target, &whole)) {
        count += hb_map_find(gone, target) == HB_MAP_NONE;
    }
    hb_pack_array(out, count);
    edges = hb_edges_read(column, cell);
    while (hb_edges_next(&edges, &target, &whole)) {
        if (hb_map_find(gone, target) == HB_MAP_NONE) hb_buf_add_str(out, whole);
    }
    return hb_buf_check(out, err);
}

/* ---- the check ------------------------------------------------------------------------- */

#define CHECK_ROWS 1024u        /* sources at once, where all relations are looked at */

typedef struct check_part {
    hb_relation relation;
    hb_run *sources;
    bool read;                  /* sources are there */
    hb_fetch *ends;             /* NULL: no edges, or no such entity */
    hb_ids targets;             /* distinct */
    bool done;
} check_part;

struct hb_graph_check {
    hb_task *task;
    hb_workspace *ws;
    check_part *parts;
    uint32_t part_count;
    uint64_t limit;             /* sources that are read at once */
    bool paused;                /* a page is through, and there is another one */
    const hb_entity *entity;    /* of that page */
    uint64_t row_count;         /* sources of the relation that were looked at */
    hb_dangling *list;
    uint32_t count, cap;
};

static hb_status check_add(hb_graph_check *check, const hb_relation *relation, uint32_t *cap,
                           hb_err *err) {
    if (check->part_count == *cap) {
        uint32_t more = *cap == 0 ? 8 : *cap * 2;
        check_part *grown = HB_NEW_ARRAY(&check->task->arena, check_part, more);
        if (grown == NULL) return hb_err_memory(err);
        if (*cap > 0) memcpy(grown, check->parts, *cap * sizeof(*grown));
        check->parts = grown;
        *cap = more;
    }
    check->parts[check->part_count++].relation = *relation;
    return HB_OK;
}

hb_status hb_graph_check_start(hb_task *task, hb_workspace *ws, const hb_relation *only,
                               hb_graph_check **out, hb_err *err) {
    hb_graph_check *check = HB_NEW(&task->arena, hb_graph_check);
    if (check == NULL) return hb_err_memory(err);
    check->task = task;
    check->ws = ws;
    check->limit = only == NULL ? CHECK_ROWS : HB_NO_LIMIT;
    uint32_t cap = 0;
    hb_relation relation;
    if (only != NULL) HB_TRY(check_add(check, only, &cap, err));
    for (uint32_t e = 0; e < ws->entity_count && only == NULL; e++) {
        hb_entity *entity = ws->entities[e];
        for (uint32_t f = 1; f < entity->schema->field_count; f++) {
            if (!hb_relation_at(ws, entity, f, &relation) || entity->drifted) continue;
            if (relation.target != NULL && relation.target->drifted) continue;
            HB_TRY(check_add(check, &relation, &cap, err));
        }
    }
    for (uint32_t i = 0; i < check->part_count; i++) {
        check_part *part = &check->parts[i];
        HB_TRY(sources_part(task, ws, &part->relation, NULL, HB_STR_EMPTY, check->limit,
                            &part->sources, err));
    }
    *out = check;
    return HB_OK;
}

/* The different ids that the edges lead to, each with its number in `numbers`. */
static hb_status check_targets(const hb_graph_check *check, check_part *part, hb_map *numbers,
                               hb_err *err) {
    const hb_batch *rows = &hb_run_result_get(part->sources)->batch;
    hb_str column = hb_relation_column(&part->relation);
    uint32_t count = 0, cap = 0;
    hb_str *ids = NULL, target;
    for (uint32_t row = 0; row < rows->row_count; row++) {
        hb_edges edges = hb_edges_read(column, hb_column_get(&rows->columns[1], row).as.s);
        while (hb_edges_next(&edges, &target, NULL)) {
            if (hb_map_find(numbers, target) != HB_MAP_NONE) continue;
            if (count == cap) {
                cap = cap == 0 ? 64 : cap * 2;
                hb_str *grown = hb_arena_array(&check->task->arena, cap, sizeof(*grown));
                if (grown == NULL) return hb_err_memory(err);
                if (count > 0) memcpy(grown, ids, count * sizeof(*grown));
                ids = grown;
            }
            if (!hb_map_put(numbers, target, count)) return hb_err_memory(err);
            ids[count++] = target;
        }
    }
    part->targets = (hb_ids){ ids, count };
    return HB_OK;
}

static hb_status check_found(hb_graph_check *check, const check_part *part, hb_str source,
                             hb_str target, hb_err *err) {
    if (check->count == check->cap) {
        uint32_t cap = check->cap == 0 ? 16 : check->cap * 2;
        hb_dangling *grown = hb_arena_array(&check->task->arena, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (check->count > 0) memcpy(grown, check->list, check->count * sizeof(*grown));
        check->list = grown;
        check->cap = cap;
    }
    check->list[check->count++] = (hb_dangling){ part->relation, source, target };
    return HB_OK;
}

/* The page is through. */
static hb_status check_next(hb_graph_check *check, check_part *part, const hb_batch *rows,
                            hb_err *err) {
    part->done = rows->row_count < check->limit;
    check->row_count += rows->row_count;
    if (part->done) {
        check->row_count = 0;
        return HB_OK;
    }
    const hb_str last = hb_column_span(&rows->columns[0], rows->row_count - 1);
    part->read = false;
    part->ends = NULL;
    check->entity = part->relation.source;
    check->paused = check->task->progress = true;
    return sources_part(check->task, check->ws, &part->relation, NULL, last, check->limit,
                        &part->sources, err);
}

static hb_status check_compare(hb_graph_check *check, check_part *part, const hb_map *numbers,
                               hb_err *err) {
    const hb_batch *rows = &hb_run_result_get(part->sources)->batch;
    hb_str column = hb_relation_column(&part->relation);
    const uint32_t *found = NULL;
    if (part->ends != NULL) {
        const hb_column *columns;
        uint32_t row_count;
        HB_TRY(hb_fetch_take(part->ends, &columns, &row_count, &found, err));
    }
    for (uint32_t row = 0; row < rows->row_count; row++) {
        hb_edges edges = hb_edges_read(column, hb_column_get(&rows->columns[1], row).as.s);
        hb_str target;
        while (hb_edges_next(&edges, &target, NULL)) {
            uint32_t number = hb_map_find(numbers, target);
            if (found != NULL && number != HB_MAP_NONE && found[number] != HB_MAP_NONE) continue;
            HB_TRY(check_found(check, part, hb_column_span(&rows->columns[0], row), target, err));
        }
    }
    return check_next(check, part, rows, err);
}

static hb_status check_part_advance(hb_graph_check *check, check_part *part, hb_err *err) {
    static const uint32_t none[1] = { 0 };
    hb_map numbers;
    if (!part->read) HB_TRY(hb_run_advance(part->sources, &part->read, err));
    if (!part->read || (part->ends != NULL && !hb_fetch_done(part->ends))) return HB_OK;
    hb_map_init(&numbers, check->ws->mem);
    hb_status status = check_targets(check, part, &numbers, err);
    if (status == HB_OK && part->ends == NULL && part->relation.target != NULL &&
        part->targets.count > 0) {
        status = hb_fetch_start(check->task, check->ws, part->relation.target, &part->targets, none,
                                0, &part->ends, err);
    }
    bool waits = part->ends != NULL && !hb_fetch_done(part->ends);
    if (status == HB_OK && !waits) status = check_compare(check, part, &numbers, err);
    hb_map_free(&numbers);
    return status;
}

hb_status hb_graph_check_advance(hb_graph_check *check, bool *done, hb_err *err) {
    /* In turn, so that the list is in order. */
    *done = false;
    check->paused = false;
    for (uint32_t i = 0; i < check->part_count; i++) {
        check_part *part = &check->parts[i];
        if (!part->done) HB_TRY(check_part_advance(check, part, err));
        if (!part->done) return HB_OK;
    }
    *done = true;
    return HB_OK;
}

bool hb_graph_check_paused(const hb_graph_check *check, hb_str *entity, uint64_t *rows) {
    if (!check->paused) return false;
    *entity = check->entity->schema->entity_id;
    *rows = check->row_count;
    return true;
}

void hb_graph_check_take(const hb_graph_check *check, const hb_dangling **list, uint32_t *count) {
    *list = check->list;
    *count = check->count;
}

void hb_graph_check_rows(const hb_graph_check *check, const hb_batch **rows) {
    HB_ASSERT(check->part_count == 1);
    *rows = &hb_run_result_get(check->parts[0].sources)->batch;
}

static void json_member(hb_buf *out, const char *name, hb_str value) {
    hb_buf_add_c(out, name);
    hb_buf_add_json_str(out, value);
}

void hb_dangling_json(const hb_dangling *one, hb_buf *out) {
    json_member(out, "{\"entity\":", one->relation.source->schema->entity_id);
    json_member(out, ",\"field\":", hb_relation_field(&one->relation)->name);
    json_member(out, ",\"object_id\":", one->source);
    json_member(out, ",\"target_entity\":", hb_relation_target_id(&one->relation));
    json_member(out, ",\"target\":", one->target);
    hb_buf_add_char(out, '}');
}
