// SPDX-License-Identifier: MIT
/* Relations: fields whose items lead to rows (type->edge_column). The row that has the field is the
 * source of its edges. Looking outwards reads the sources' own cells; looking inwards asks for the
 * sources with an edge to given rows, which the strategy GRAPH answers from its index. */
#ifndef HB_WORKSPACE_GRAPH_H
#define HB_WORKSPACE_GRAPH_H

#include "value/edge.h"
#include "workspace/intent.h"
#include "workspace/workspace.h"

typedef struct hb_relation {
    hb_entity *source;
    uint32_t field;
    hb_entity *target;          /* NULL: the entity that the edges name is not registered */
} hb_relation;

static inline const hb_field *hb_relation_field(const hb_relation *relation) {
    return &relation->source->schema->fields[relation->field];
}
static inline hb_str hb_relation_column(const hb_relation *relation) {
    return hb_edge_column(hb_relation_field(relation)->type);
}
/* Entity id that the edges name, registered or not. */
static inline hb_str hb_relation_target_id(const hb_relation *relation) {
    const hb_type *type = hb_relation_field(relation)->type;
    return type->columns[type->edge_column - 1].type->target_entity;
}

/* ---- graph.c */
/* Is the field a relation? Fills `out` if so. */
bool hb_relation_at(const hb_workspace *ws, hb_entity *source, uint32_t field, hb_relation *out);
/* "knows" of `entity` (may be NULL), or "person.knows". UNKNOWN_FIELD, UNKNOWN_ENTITY, or
 * UNSUPPORTED when the field is no relation. */
hb_status hb_relation_find(const hb_workspace *ws, hb_entity *entity, hb_str name,
                           hb_relation *out, hb_err *err);
/* Starts reading the sources with an edge to one of the ids (NULL: all sources that have edges):
 * rows of object_id and the relation's cell, in object_id order. */
hb_status hb_relation_sources(hb_task *task, hb_workspace *ws, const hb_relation *relation,
                              const hb_ids *targets, hb_run **out, hb_err *err);
/* "person.knows:a->person:b", for messages. */
void hb_relation_print(const hb_relation *relation, hb_str source, hb_str target, hb_buf *out);
/* A new cell without the edges to the ids in `gone`. */
hb_status hb_relation_without(const hb_relation *relation, hb_str cell, const hb_map *gone,
                              hb_buf *out, hb_err *err);

/* Edges that lead to no row. Works for audit too: start, advance until done, take. */
typedef struct hb_dangling {
    hb_relation relation;
    hb_str source;              /* object_id */
    hb_str target;
} hb_dangling;
typedef struct hb_graph_check hb_graph_check;
/* `only`: one relation; NULL: all relations of the user's entities. */
hb_status hb_graph_check_start(hb_task *task, hb_workspace *ws, const hb_relation *only,
                               hb_graph_check **out, hb_err *err);
hb_status hb_graph_check_advance(hb_graph_check *check, bool *done, hb_err *err);
/* A check of all relations reads them by pages: true between two pages of an entity, of which so
 * many rows are through. */
bool hb_graph_check_paused(const hb_graph_check *check, hb_str *entity, uint64_t *rows);
/* In the order of entities, fields, object_ids. Borrowed from the task. */
void hb_graph_check_take(const hb_graph_check *check, const hb_dangling **list, uint32_t *count);
/* Checked sources of the one relation: rows of object_id and cell, of which the list speaks in
 * order. */
void hb_graph_check_rows(const hb_graph_check *check, const hb_batch **rows);
/* {"entity","field","object_id","target_entity","target"} */
void hb_dangling_json(const hb_dangling *one, hb_buf *out);

/* ---- graph_walk.c: breadth first along one relation */
typedef struct hb_walk_node {
    hb_entity *entity;
    hb_str id;
    uint32_t hop;               /* distance from the start */
    uint32_t parent;            /* node that it was reached from; of the start: itself */
} hb_walk_node;
typedef struct hb_walk hb_walk;
typedef struct hb_walk_ask {
    hb_relation relation;
    hb_direction direction;
    hb_str start;
    hb_str start_entity;        /* "": the side that the direction starts from */
    uint32_t max_hops;
    /* stops when this is reached; "": never */
    hb_str goal;
    hb_str goal_entity;         /* "": the side where the direction ends */
} hb_walk_ask;
/* hb_walk_free is the caller's, after the task's last step. */
hb_status hb_walk_start(hb_task *task, hb_workspace *ws, const hb_walk_ask *ask, hb_walk **out,
                        hb_err *err);
hb_status hb_walk_advance(hb_walk *walk, bool *done, hb_err *err);
/* The start first, then by distance. */
void hb_walk_nodes(const hb_walk *walk, const hb_walk_node **nodes, uint32_t *count);
/* Node of the goal, or HB_MAP_NONE. */
uint32_t hb_walk_goal(const hb_walk *walk);
void hb_walk_free(hb_walk *walk);

/* ---- graph_write.c: what writes owe to relations */
typedef struct hb_endpoints hb_endpoints;
/* Starts looking for the rows that new edges lead to; rows of the same call count. `kept`, by row,
 * marks cells that were stored before (NULL: none). *out NULL: there is nothing to look for. */
hb_status hb_endpoints_start(hb_task *task, hb_workspace *ws, hb_entity *entity,
                             const hb_column *columns, uint32_t row_count,
                             const uint8_t *const *kept, hb_endpoints **out, hb_err *err);
/* *done when all is read; then VALIDATION if an edge leads nowhere. */
hb_status hb_endpoints_advance(hb_endpoints *endpoints, bool *done, hb_err *err);

typedef struct hb_detach hb_detach;
typedef struct hb_detached {    /* rows of one entity that lose edges */
    hb_entity *entity;
    hb_ids ids;                 /* none: nothing changes */
    const hb_column *columns;   /* as they shall be, full schema */
    const hb_column *before;
    const uint32_t *found;      /* row of each id in `before` */
} hb_detached;
/* How many entities have relations that lead to this one. */
uint32_t hb_relation_source_count(const hb_workspace *ws, const hb_entity *entity);
/* The need of an intent when rows that lead to the entity may change with it. */
hb_intent_need hb_detach_need(const hb_workspace *ws, const hb_entity *entity,
                              hb_intent_need need);
/* Starts looking for edges that lead to rows which are deleted. `flags`: HB_FLAG_EDGES_*.
 * *out NULL: no relation leads to the entity. */
hb_status hb_detach_start(hb_task *task, hb_workspace *ws, hb_entity *entity, const hb_ids *ids,
                          uint32_t flags, hb_detach **out, hb_err *err);
/* *done when all is read; RESTRICTED when an edge forbids the deletion. */
hb_status hb_detach_advance(hb_detach *detach, bool *done, hb_err *err);
void hb_detach_take(const hb_detach *detach, const hb_detached **list, uint32_t *count);

#endif
