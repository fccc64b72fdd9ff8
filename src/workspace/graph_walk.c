// SPDX-License-Identifier: MIT
/* Breadth first along one relation: one reading of the frontier's edges per hop and direction. A
 * node is a row of the source entity or of the target entity; they may be the same. */
#include "workspace/graph.h"

struct hb_walk {
    hb_task *task;
    hb_workspace *ws;
    hb_walk_ask ask;
    hb_entity *goal_entity;     /* NULL: no goal */
    hb_walk_node *nodes;
    uint32_t count, cap;
    hb_map seen[2];             /* id -> node; [1] for the target entity when it is another one */
    uint32_t from, to;          /* the frontier */
    uint32_t hop;
    hb_fetch *out;              /* edges of the frontier's sources */
    hb_ids out_ids;
    hb_run *in;                 /* sources with an edge to the frontier's targets */
    bool in_done;
    bool reading;
    uint32_t goal;
};

static hb_map *walk_seen(hb_walk *walk, const hb_entity *entity) {
    return &walk->seen[entity == walk->ask.relation.source ? 0 : 1];
}

static hb_status walk_add(hb_walk *walk, hb_entity *entity, hb_str id, uint32_t parent,
                          hb_err *err) {
    hb_map *seen = walk_seen(walk, entity);
    if (hb_map_find(seen, id) != HB_MAP_NONE) return HB_OK;
    if (walk->count == walk->cap) {
        uint32_t cap = walk->cap == 0 ? 64 : walk->cap * 2;
        hb_walk_node *grown = hb_arena_array(&walk->task->arena, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (walk->count > 0) memcpy(grown, walk->nodes, walk->count * sizeof(*grown));
        walk->nodes = grown;
        walk->cap = cap;
    }
    hb_str kept = hb_arena_str(&walk->task->arena, id);
    if (kept.ptr == NULL || !hb_map_put(seen, kept, walk->count)) return hb_err_memory(err);
    if (entity == walk->goal_entity && hb_str_eq(id, walk->ask.goal)) walk->goal = walk->count;
    walk->nodes[walk->count++] = (hb_walk_node){ entity, kept, walk->hop, parent };
    return HB_OK;
}

/* The entity that is named, one of the two ends; or the one that is usual. */
static hb_status walk_end(const hb_walk *walk, hb_str name, bool usual_source, hb_entity **out,
                          hb_err *err) {
    const hb_relation *relation = &walk->ask.relation;
    *out = usual_source ? relation->source : relation->target;
    if (name.len == 0 || hb_str_eq(name, (*out)->schema->entity_id)) return HB_OK;
    *out = usual_source ? relation->target : relation->source;
    if (hb_str_eq(name, (*out)->schema->entity_id)) return HB_OK;
    return hb_err_set(err, HB_E_QUERY, "'%.*s' is no end of '%.*s.%.*s', which leads to '%.*s'",
                      HB_ARG(name), HB_ARG(relation->source->schema->entity_id),
                      HB_ARG(hb_relation_field(relation)->name),
                      HB_ARG(hb_relation_target_id(relation)));
}

hb_status hb_walk_start(hb_task *task, hb_workspace *ws, const hb_walk_ask *ask, hb_walk **out,
                        hb_err *err) {
    if (ask->relation.target == NULL) {
        return hb_err_set(err, HB_E_UNKNOWN_ENTITY,
                          "'%.*s' leads to the entity '%.*s', which is not registered",
                          HB_ARG(hb_relation_field(&ask->relation)->name),
                          HB_ARG(hb_relation_target_id(&ask->relation)));
    }
    hb_walk *walk = HB_NEW(&task->arena, hb_walk);
    if (walk == NULL) return hb_err_memory(err);
    walk->task = task;
    walk->ws = ws;
    walk->ask = *ask;
    walk->goal = HB_MAP_NONE;
    hb_map_init(&walk->seen[0], ws->mem);
    hb_map_init(&walk->seen[1], ws->mem);
    *out = walk;                /* from here on the caller frees the maps, also on failure */
    hb_entity *start;
    HB_TRY(walk_end(walk, ask->start_entity, ask->direction != HB_DIRECTION_IN, &start, err));
    if (ask->goal.len > 0) {
        HB_TRY(walk_end(walk, ask->goal_entity, ask->direction == HB_DIRECTION_IN,
                        &walk->goal_entity, err));
    }
    HB_TRY(walk_add(walk, start, ask->start, 0, err));
    walk->to = walk->count;
    return HB_OK;
}

/* Ids of the frontier's nodes of one entity. */
static hb_status walk_ids(const hb_walk *walk, const hb_entity *entity, hb_ids *out, hb_err *err) {
    hb_str *ids = hb_arena_array(&walk->task->arena, walk->to - walk->from, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    uint32_t count = 0;
    for (uint32_t i = walk->from; i < walk->to; i++) {
        if (walk->nodes[i].entity == entity) ids[count++] = walk->nodes[i].id;
    }
    *out = (hb_ids){ ids, count };
    return HB_OK;
}

static hb_status walk_read(hb_walk *walk, hb_err *err) {
    const hb_relation *relation = &walk->ask.relation;
    walk->out = NULL;
    walk->in = NULL;
    walk->in_done = true;
    if (walk->ask.direction != HB_DIRECTION_IN) {
        HB_TRY(walk_ids(walk, relation->source, &walk->out_ids, err));
        if (walk->out_ids.count > 0) {
            HB_TRY(hb_fetch_start(walk->task, walk->ws, relation->source, &walk->out_ids,
                                  &relation->field, 1, &walk->out, err));
        }
    }
    if (walk->ask.direction != HB_DIRECTION_OUT) {
        hb_ids targets;
        HB_TRY(walk_ids(walk, relation->target, &targets, err));
        if (targets.count > 0) {
            walk->in_done = false;
            HB_TRY(hb_relation_sources(walk->task, walk->ws, relation, &targets, &walk->in, err));
        }
    }
    walk->reading = true;
    return HB_OK;
}

static hb_status walk_take_out(hb_walk *walk, hb_err *err) {
    const hb_relation *relation = &walk->ask.relation;
    const hb_column *columns;
    const uint32_t *found;
    uint32_t row_count;
    HB_TRY(hb_fetch_take(walk->out, &columns, &row_count, &found, err));
    for (uint32_t i = 0; i < walk->out_ids.count; i++) {
        if (found[i] == HB_MAP_NONE) continue;
        hb_value cell = hb_column_get(&columns[relation->field], found[i]);
        if (cell.kind != HB_KIND_PACK) continue;
        uint32_t parent = hb_map_find(walk_seen(walk, relation->source), walk->out_ids.ids[i]);
        hb_edges edges = hb_edges_read(hb_relation_column(relation), cell.as.s);
        hb_str target;
        while (hb_edges_next(&edges, &target, NULL)) {
            HB_TRY(walk_add(walk, relation->target, target, parent, err));
        }
    }
    return HB_OK;
}

static hb_status walk_take_in(hb_walk *walk, hb_err *err) {
    const hb_relation *relation = &walk->ask.relation;
    const hb_batch *rows = &hb_run_result_get(walk->in)->batch;
    for (uint32_t row = 0; row < rows->row_count; row++) {
        hb_value cell = hb_column_get(&rows->columns[1], row);
        hb_edges edges = hb_edges_read(hb_relation_column(relation), cell.as.s);
        hb_str target;
        while (hb_edges_next(&edges, &target, NULL)) {
            uint32_t parent = hb_map_find(walk_seen(walk, relation->target), target);
            if (parent == HB_MAP_NONE || parent < walk->from || parent >= walk->to) continue;
            HB_TRY(walk_add(walk, relation->source, hb_column_span(&rows->columns[0], row), parent,
                            err));
            break;
        }
    }
    return HB_OK;
}

hb_status hb_walk_advance(hb_walk *walk, bool *done, hb_err *err) {
    *done = false;
    for (;;) {
        bool over =
            walk->goal != HB_MAP_NONE || walk->hop == walk->ask.max_hops || walk->from == walk->to;
        if (!walk->reading && over) {
            *done = true;
            return HB_OK;
        }
        if (!walk->reading) HB_TRY(walk_read(walk, err));
        if (walk->out != NULL && !hb_fetch_done(walk->out)) return HB_OK;
        if (!walk->in_done) HB_TRY(hb_run_advance(walk->in, &walk->in_done, err));
        if (!walk->in_done) return HB_OK;
        walk->hop++;
        if (walk->out != NULL) HB_TRY(walk_take_out(walk, err));
        if (walk->in != NULL) HB_TRY(walk_take_in(walk, err));
        walk->reading = false;
        walk->from = walk->to;
        walk->to = walk->count;
    }
}

void hb_walk_nodes(const hb_walk *walk, const hb_walk_node **nodes, uint32_t *count) {
    *nodes = walk->nodes;
    *count = walk->count;
}

uint32_t hb_walk_goal(const hb_walk *walk) {
    return walk->goal;
}

void hb_walk_free(hb_walk *walk) {
    if (walk == NULL) return;
    hb_map_free(&walk->seen[0]);
    hb_map_free(&walk->seen[1]);
}
