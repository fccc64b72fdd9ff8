// SPDX-License-Identifier: MIT
/* The call GRAPH: {"op": "traverse" | "path" | "references" | "check" | "scrub", ...}, ids beside
 * it as one column of texts.
 *
 *   traverse    field, direction, min_hops, max_hops, start_entity; ids: start
 *               -> [[entity, object_id, hop], ...] nearest first, then by entity and id
 *   path        field, direction, max_hops, start_entity, goal_entity; ids: start, goal
 *               -> [[entity, object_id], ...] of a shortest way, or null
 *   references  the request's entity; ids: rows -> the edges that lead to them, as check
 *   check       -> [{"entity","field","object_id","target_entity","target"}, ...] edges to no row
 *   scrub       field -> {"dangling": [...]}; with "confirm" deletes them -> frame of changed ids
 */
#include <cJSON.h>
#include <stdlib.h>

#include "value/json_tree.h"
#include "workspace/graph.h"

typedef enum graph_op { OP_TRAVERSE, OP_PATH, OP_REFERENCES, OP_CHECK, OP_SCRUB } graph_op;

static const char *const op_names[] = { "traverse", "path", "references", "check", "scrub" };

typedef struct graph_program {
    hb_workspace *ws;
    graph_op op;
    int64_t now_ms;
    uint32_t min_hops;
    bool confirm;
    hb_walk *walk;              /* owned: traverse, path */
    hb_graph_check *check;      /* check, scrub */
    hb_relation relation;       /* scrub */
    hb_ids ids;                 /* references */
    hb_relation *relations;
    hb_run **runs;
    bool *done;
    uint32_t run_count;
} graph_program;

static void graph_cleanup(hb_task *task, bool failed) {
    graph_program *g = task->program;
    (void)failed;
    hb_walk_free(g->walk);
}

static hb_status graph_finish(hb_task *task, hb_buf *json, hb_status status, hb_err *err) {
    if (status == HB_OK) status = hb_buf_check(json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(json), err);
    hb_buf_free(json);
    return status;
}

/* ---- walks ----------------------------------------------------------------------------- */

static int node_order(const void *a, const void *b) {
    const hb_walk_node *x = *(const hb_walk_node *const *)a;
    const hb_walk_node *y = *(const hb_walk_node *const *)b;
    if (x->hop != y->hop) return x->hop < y->hop ? -1 : 1;
    int by_entity = hb_str_cmp(x->entity->schema->entity_id, y->entity->schema->entity_id);
    return by_entity != 0 ? by_entity : hb_str_cmp(x->id, y->id);
}

static void node_json(const hb_walk_node *node, bool hop, hb_buf *out) {
    hb_buf_add_char(out, '[');
    hb_buf_add_json_str(out, node->entity->schema->entity_id);
    hb_buf_add_char(out, ',');
    hb_buf_add_json_str(out, node->id);
    if (hop) hb_buf_printf(out, ",%u", (unsigned)node->hop);
    hb_buf_add_char(out, ']');
}

static hb_status traverse_json(const graph_program *g, hb_task *task, hb_buf *out, hb_err *err) {
    const hb_walk_node *nodes;
    uint32_t count, kept = 0;
    hb_walk_nodes(g->walk, &nodes, &count);
    const hb_walk_node **order = hb_arena_array(&task->arena, count, sizeof(*order));
    if (order == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].hop >= g->min_hops) order[kept++] = &nodes[i];
    }
    qsort(order, kept, sizeof(*order), node_order);
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < kept; i++) {
        if (i > 0) hb_buf_add_char(out, ',');
        node_json(order[i], true, out);
    }
    hb_buf_add_char(out, ']');
    return HB_OK;
}

static void path_json(const graph_program *g, hb_buf *out) {
    const hb_walk_node *nodes;
    uint32_t count, at = hb_walk_goal(g->walk);
    hb_walk_nodes(g->walk, &nodes, &count);
    if (at == HB_MAP_NONE) {
        hb_buf_add_c(out, "null");
        return;
    }
    uint32_t way[HB_HOPS_MAX + 1];
    uint32_t length = 0;
    for (;;) {
        way[length++] = at;
        if (nodes[at].hop == 0) break;
        at = nodes[at].parent;
    }
    hb_buf_add_char(out, '[');
    while (length > 0) {
        node_json(&nodes[way[--length]], false, out);
        if (length > 0) hb_buf_add_char(out, ',');
    }
    hb_buf_add_char(out, ']');
}

static hb_status walk_go_on(graph_program *g, hb_task *task, hb_err *err) {
    bool done;
    HB_TRY(hb_walk_advance(g->walk, &done, err));
    if (!done) return HB_OK;
    hb_buf json;
    hb_buf_init(&json, g->ws->mem);
    hb_status status = HB_OK;
    if (g->op == OP_PATH) {
        path_json(g, &json);
    } else {
        status = traverse_json(g, task, &json, err);
    }
    return graph_finish(task, &json, status, err);
}

/* ---- references ------------------------------------------------------------------------ */

static hb_status references_start(graph_program *g, hb_entity *entity, hb_task *task, hb_err *err) {
    uint32_t most = 0;
    hb_relation relation;
    for (uint32_t e = 0; e < g->ws->entity_count; e++) {
        most += g->ws->entities[e]->schema->field_count;
    }
    g->relations = HB_NEW_ARRAY(&task->arena, hb_relation, most);
    g->runs = HB_NEW_ARRAY(&task->arena, hb_run *, most);
    g->done = HB_NEW_ARRAY(&task->arena, bool, most);
    if (g->relations == NULL || g->runs == NULL || g->done == NULL) return hb_err_memory(err);
    for (uint32_t e = 0; e < g->ws->entity_count && g->ids.count > 0; e++) {
        hb_entity *source = g->ws->entities[e];
        for (uint32_t f = 1; f < source->schema->field_count; f++) {
            if (!hb_relation_at(g->ws, source, f, &relation) || relation.target != entity) continue;
            g->relations[g->run_count] = relation;
            HB_TRY(hb_relation_sources(task, g->ws, &g->relations[g->run_count], &g->ids,
                                       &g->runs[g->run_count], err));
            g->run_count++;
        }
    }
    return HB_OK;
}

static void references_json(const graph_program *g, const hb_map *wanted, hb_buf *out) {
    bool first = true;
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < g->run_count; i++) {
        const hb_batch *rows = &hb_run_result_get(g->runs[i])->batch;
        for (uint32_t row = 0; row < rows->row_count; row++) {
            hb_edges edges = hb_edges_read(hb_relation_column(&g->relations[i]),
                                           hb_column_get(&rows->columns[1], row).as.s);
            hb_str target;
            while (hb_edges_next(&edges, &target, NULL)) {
                if (hb_map_find(wanted, target) == HB_MAP_NONE) continue;
                hb_dangling one = { g->relations[i], hb_column_span(&rows->columns[0], row),
                                    target };
                if (!first) hb_buf_add_char(out, ',');
                first = false;
                hb_dangling_json(&one, out);
            }
        }
    }
    hb_buf_add_char(out, ']');
}

static hb_status references_go_on(graph_program *g, hb_task *task, hb_err *err) {
    bool done = true;
    for (uint32_t i = 0; i < g->run_count; i++) {
        if (!g->done[i]) HB_TRY(hb_run_advance(g->runs[i], &g->done[i], err));
        done = done && g->done[i];
    }
    if (!done) return HB_OK;
    hb_map wanted;
    hb_map_init(&wanted, g->ws->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < g->ids.count && status == HB_OK; i++) {
        if (!hb_map_put(&wanted, g->ids.ids[i], i)) status = hb_err_memory(err);
    }
    hb_buf json;
    hb_buf_init(&json, g->ws->mem);
    if (status == HB_OK) references_json(g, &wanted, &json);
    hb_map_free(&wanted);
    return graph_finish(task, &json, status, err);
}

/* ---- check and scrub ------------------------------------------------------------------- */

static hb_status check_answer(const graph_program *g, hb_task *task, hb_err *err) {
    const hb_dangling *list;
    uint32_t count;
    hb_graph_check_take(g->check, &list, &count);
    hb_buf json;
    hb_buf_init(&json, g->ws->mem);
    hb_buf_add_char(&json, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hb_buf_add_char(&json, ',');
        hb_dangling_json(&list[i], &json);
    }
    hb_buf_add_char(&json, ']');
    return graph_finish(task, &json, HB_OK, err);
}

/* The sources' cells without the edges that lead nowhere, as the batch of a set. */
static hb_status scrub_batch(const graph_program *g, hb_task *task, hb_rowset *set,
                             const hb_map *gone, hb_err *err) {
    const hb_dangling *list;
    uint32_t count;
    hb_graph_check_take(g->check, &list, &count);
    const hb_batch *rows;
    hb_graph_check_rows(g->check, &rows);
    hb_buf cell;
    hb_buf_init(&cell, task->mem);
    hb_status status = HB_OK;
    uint32_t at = 0;
    for (uint32_t row = 0; row < rows->row_count && status == HB_OK; row++) {
        hb_value id = hb_column_get(&rows->columns[0], row);
        if (at == count || !hb_str_eq(list[at].source, id.as.s)) continue;
        while (at < count && hb_str_eq(list[at].source, id.as.s)) at++;
        hb_value value = hb_column_get(&rows->columns[1], row);
        status = hb_relation_without(&g->relation, value.as.s, gone, &cell, err);
        value.as.s = hb_buf_str(&cell);
        if (status == HB_OK &&
            (!hb_colbuf_add(&set->columns[0], &id) || !hb_colbuf_add(&set->columns[1], &value)))
            status = hb_err_memory(err);
    }
    hb_buf_free(&cell);
    return status;
}

/* Goes on as a set of the changed rows. */
static hb_status scrub_write(graph_program *g, hb_task *task, hb_err *err) {
    const hb_dangling *list;
    uint32_t count;
    hb_graph_check_take(g->check, &list, &count);
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, 2, &set, err));
    hb_rowset_column(set, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    hb_rowset_column(set, 1, hb_relation_field(&g->relation)->name, HB_KIND_PACK, 0);
    hb_map gone;
    hb_map_init(&gone, task->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        if (!hb_map_put(&gone, list[i].target, i)) status = hb_err_memory(err);
    }
    if (status == HB_OK) status = scrub_batch(g, task, set, &gone, err);
    hb_map_free(&gone);
    HB_TRY(status);
    hb_request *request = HB_NEW(&task->arena, hb_request);
    if (request == NULL) return hb_err_memory(err);
    request->kind = HB_CALL_SET;
    request->entity = g->relation.source->index;
    request->now_ms = g->now_ms;
    request->batch = hb_rowset_batch(set);
    task->progress = true;
    return hb_call_set(g->ws, request, task, err);
}

static hb_status graph_advance(hb_task *task, hb_err *err) {
    graph_program *g = task->program;
    if (g->op == OP_TRAVERSE || g->op == OP_PATH) return walk_go_on(g, task, err);
    if (g->op == OP_REFERENCES) return references_go_on(g, task, err);
    bool done;
    HB_TRY(hb_graph_check_advance(g->check, &done, err));
    if (!done) return HB_OK;
    const hb_dangling *list;
    uint32_t count;
    hb_graph_check_take(g->check, &list, &count);
    return g->confirm && count > 0 ? scrub_write(g, task, err) : check_answer(g, task, err);
}

/* ---- starting -------------------------------------------------------------------------- */

static hb_str option_text(const cJSON *options, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(options, name));
    return text != NULL ? hb_str_c(text) : HB_STR_EMPTY;
}

static hb_status option_hops(const cJSON *options, const char *name, uint32_t fallback,
                             uint32_t *out, hb_err *err) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(options, name);
    *out = fallback;
    if (item == NULL || cJSON_IsNull(item)) return HB_OK;
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(number >= 0) || number != (double)(int64_t)number) {
        return hb_err_set(err, HB_E_QUERY, "%s must be a whole number, zero or more", name);
    }
    if (number > HB_HOPS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "%s exceeds the maximum of %u", name, HB_HOPS_MAX);
    }
    *out = (uint32_t)number;
    return HB_OK;
}

static hb_status walk_options(graph_program *g, const cJSON *options, hb_walk_ask *ask,
                              hb_err *err) {
    hb_str direction = option_text(options, "direction");
    if (direction.len > 0 && !hb_direction_find(direction, &ask->direction)) {
        static const hb_str words[] = { { "out", 3 }, { "in", 2 }, { "any", 3 } };
        hb_err_set(err, HB_E_QUERY, "direction is 'out', 'in' or 'any'");
        return hb_err_hint(err, direction, words, 3);
    }
    HB_TRY(option_hops(options, "min_hops", 1, &g->min_hops, err));
    uint32_t usual = g->op == OP_PATH ? 10 : g->min_hops > 1 ? g->min_hops : 1;
    HB_TRY(option_hops(options, "max_hops", usual, &ask->max_hops, err));
    if (g->op == OP_TRAVERSE && g->min_hops > ask->max_hops) {
        return hb_err_set(err, HB_E_QUERY, "min_hops is %u, more than max_hops, %u",
                          (unsigned)g->min_hops, (unsigned)ask->max_hops);
    }
    return HB_OK;
}

static hb_status walk_begin(graph_program *g, const cJSON *options, hb_entity *entity,
                            hb_task *task, hb_err *err) {
    hb_walk_ask ask = { .direction = HB_DIRECTION_OUT };
    uint32_t wanted = g->op == OP_PATH ? 2 : 1;
    if (g->ids.count != wanted) {
        return hb_err_set(err, HB_E_TYPE, "%s takes %u object_id%s", op_names[g->op],
                          (unsigned)wanted, wanted == 1 ? "" : "s");
    }
    HB_TRY(hb_relation_find(g->ws, entity, option_text(options, "field"), &ask.relation, err));
    HB_TRY(walk_options(g, options, &ask, err));
    ask.start = g->ids.ids[0];
    ask.start_entity = option_text(options, "start_entity");
    if (g->op == OP_PATH) {
        ask.goal = g->ids.ids[1];
        ask.goal_entity = option_text(options, "goal_entity");
    }
    return hb_walk_start(task, g->ws, &ask, &g->walk, err);
}

static hb_status graph_begin(graph_program *g, const cJSON *options, hb_entity *entity,
                             hb_task *task, hb_err *err) {
    hb_str op = option_text(options, "op");
    uint32_t at = 0, count = sizeof(op_names) / sizeof(op_names[0]);
    while (at < count && !hb_str_eq(op, hb_str_c(op_names[at]))) at++;
    if (at == count) {
        return hb_err_set(err, HB_E_QUERY, "a graph call has no op '%.*s'", HB_ARG(op));
    }
    g->op = (graph_op)at;
    if (g->op == OP_TRAVERSE || g->op == OP_PATH) return walk_begin(g, options, entity, task, err);
    if (g->op == OP_CHECK) return hb_graph_check_start(task, g->ws, NULL, &g->check, err);
    if (g->op == OP_REFERENCES) {
        if (entity == NULL) return hb_err_set(err, HB_E_TYPE, "references are those of an entity");
        return references_start(g, entity, task, err);
    }
    g->confirm = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(options, "confirm"));
    HB_TRY(hb_relation_find(g->ws, entity, option_text(options, "field"), &g->relation, err));
    return hb_graph_check_start(task, g->ws, &g->relation, &g->check, err);
}

hb_status hb_call_graph(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    graph_program *g = HB_NEW(&task->arena, graph_program);
    if (g == NULL) return hb_err_memory(err);
    g->ws = ws;
    g->now_ms = request->now_ms;
    task->program = g;
    task->advance = graph_advance;
    task->cleanup = graph_cleanup;
    hb_entity *entity = NULL;
    if (request->entity != HB_ENTITY_NONE) HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    if (request->batch.column_count > 0) HB_TRY(hb_read_ids(&request->batch, task, &g->ids, err));
    cJSON *options;
    HB_TRY(hb_json_tree(request->text, task->mem, &options, err));
    if (options == NULL) return hb_err_set(err, HB_E_QUERY, "a graph call takes a JSON mapping");
    hb_status status = graph_begin(g, options, entity, task, err);
    cJSON_Delete(options);
    return status;
}
