// SPDX-License-Identifier: MIT
/* Queries and explain: decode, bind, plan, run. */
#include "value/wire.h"
#include "workspace/graph.h"

typedef struct query_program {
    hb_run *run;
    const hb_plan *plan;
    hb_spec *spec;          /* owned; NULL when the query was prepared */
    hb_prepared *prepared;  /* used; NULL when it was not */
    const hb_request *request;      /* while the call begins */
    hb_workspace *ws;
    hb_entity *entity;
    const hb_query *query;
    hb_plan_options options;
    hb_walk *walk;          /* owned; NULL: no traverse */
    bool lends;
} query_program;

static void query_cleanup(hb_task *task, bool failed) {
    query_program *q = task->program;
    (void)failed;
    hb_spec_free(q->spec);
    if (q->prepared != NULL) hb_prepared_leave(q->prepared);
    hb_walk_free(q->walk);
}

/* Where the rows are that the walk reached: object_id in [them], and whatever else is asked. */
static hb_status query_restrict(query_program *q, hb_task *task, hb_err *err) {
    hb_arena *arena = &task->arena;
    const hb_walk_node *nodes;
    uint32_t count;
    hb_walk_nodes(q->walk, &nodes, &count);
    hb_query *query = hb_arena_copy(arena, q->query, sizeof(*query));
    hb_expr *leaf = HB_NEW(arena, hb_expr);
    hb_value *list = HB_NEW_ARRAY(arena, hb_value, count);
    if (query == NULL || leaf == NULL || list == NULL) return hb_err_memory(err);
    leaf->kind = HB_EXPR_LEAF;
    leaf->op = HB_OP_IN;
    leaf->field = HB_FIELD_OBJECT_ID;
    leaf->leaf_index = query->leaf_count++;
    leaf->list = list;
    for (uint32_t i = 0; i < count; i++) {
        if (nodes[i].entity != q->entity || nodes[i].hop < query->traverse->min_hops) continue;
        list[leaf->list_count++] = (hb_value){ .kind = HB_KIND_TEXT, .as.s = nodes[i].id };
    }
    const hb_expr *both[] = { leaf, query->filter };
    query->filter = hb_expr_join(arena, HB_EXPR_AND, both, query->filter != NULL ? 2 : 1);
    q->query = query;
    return query->filter != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status query_plan(query_program *q, hb_task *task, const hb_plan **out, hb_err *err) {
    if (q->prepared != NULL && q->request != NULL) {
        HB_TRY(hb_prepared_plan(q->prepared, q->ws, q->entity, q->request, &q->options, &q->query,
                                out, err));
        if (*out != NULL) return HB_OK;
    }
    return hb_plan_make(q->query, q->entity->routing, hb_entity_instances(q->ws, q->entity),
                        &q->options, &task->arena, out, err);
}

static hb_status query_start(query_program *q, hb_task *task, hb_err *err) {
    HB_TRY(query_plan(q, task, &q->plan, err));
    HB_TRY(hb_run_new(task, q->plan, hb_entity_instances(q->ws, q->entity), &q->run, err));
    if (q->lends) hb_run_lend_rows(q->run);
    return HB_OK;
}

/* What the columns of the answer mean, where a field stands behind them. */
static const uint32_t *query_tags(hb_task *task, const hb_plan *plan, uint32_t column_count) {
    const hb_node *last = &plan->nodes[plan->node_count - 1];
    if (last->kind != HB_NODE_PROJECT || last->column_count + 1 != column_count) return NULL;
    const hb_field *fields = plan->query->schema->fields;
    uint32_t *tags = HB_NEW_ARRAY(&task->arena, uint32_t, column_count);
    if (tags == NULL) return NULL;
    tags[0] = hb_wire_tag(fields[HB_FIELD_OBJECT_ID].type);
    for (uint32_t i = 0; i < last->column_count; i++) {
        const hb_col *col = &last->columns[i];
        if (col->kind == HB_COL_FIELD) tags[i + 1] = hb_wire_tag(fields[col->field].type);
    }
    return tags;
}

static hb_status query_advance(hb_task *task, hb_err *err) {
    query_program *q = task->program;
    bool done = false;
    if (q->run == NULL) {
        HB_TRY(hb_walk_advance(q->walk, &done, err));
        if (!done) return HB_OK;
        HB_TRY(query_restrict(q, task, err));
        HB_TRY(query_start(q, task, err));
        done = false;
    }
    HB_TRY(hb_run_advance(q->run, &done, err));
    if (!done) return HB_OK;
    const hb_run_result *result = hb_run_result_get(q->run);
    hb_task_finish_frame(task, result->batch, result->roles);
    task->answer.rows = result->rows;
    task->answer.tags = query_tags(task, q->plan, result->batch.column_count);
    task->answer.total = result->total;
    task->answer.total_known = result->total_known;
    task->answer.truncated = result->truncated;
    task->answer.cursor = result->cursor;
    return HB_OK;
}

static hb_status query_spec(hb_workspace *ws, const hb_request *request, query_program *q,
                            const hb_spec **out, hb_err *err) {
    if (request->prepared == 0) {
        HB_TRY(hb_spec_decode(request->text, ws->mem, &q->spec, err));
        *out = q->spec;
        return HB_OK;
    }
    HB_TRY(hb_prepared_use(ws, request->prepared, &q->prepared, err));
    *out = hb_prepared_spec(q->prepared);
    return HB_OK;
}

/* Which relation it is, and where its edges lie. */
static hb_status query_resolve_traverse(query_program *q, hb_task *task, hb_relation *relation,
                                        hb_err *err) {
    const hb_traverse *asked = q->query->traverse;
    HB_TRY(hb_relation_find(q->ws, q->entity, asked->field, relation, err));
    hb_traverse *traverse = hb_arena_copy(&task->arena, asked, sizeof(*traverse));
    hb_query *query = hb_arena_copy(&task->arena, q->query, sizeof(*query));
    const hb_routing *routing = relation->source->routing;
    hb_str *names = hb_arena_array(&task->arena, routing->binding_count, sizeof(*names));
    if (traverse == NULL || query == NULL || names == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < routing->binding_count; i++) {
        if (routing->bindings[i].field != relation->field) continue;
        names[traverse->backend_count++] = q->ws->instances[routing->bindings[i].backend]->name;
    }
    traverse->backends = names;
    traverse->target_entity = hb_relation_target_id(relation);
    query->traverse = traverse;
    q->query = query;
    return HB_OK;
}

static hb_status query_bind(query_program *q, const hb_request *request, hb_task *task,
                            hb_err *err) {
    const hb_spec *spec;
    HB_TRY(query_spec(q->ws, request, q, &spec, err));
    HB_TRY(hb_query_bind(spec, q->entity->schema, request->params, request->now_ms, &task->arena,
                         &q->query, err));
    if (q->query->traverse == NULL) return HB_OK;
    hb_walk_ask ask = { .direction = q->query->traverse->direction,
                        .start = q->query->traverse->start,
                        .start_entity = q->query->traverse->start_entity,
                        .max_hops = q->query->traverse->max_hops };
    HB_TRY(query_resolve_traverse(q, task, &ask.relation, err));
    return hb_walk_start(task, q->ws, &ask, &q->walk, err);
}

static hb_status query_new(hb_workspace *ws, const hb_request *request, hb_task *task,
                           hb_err *err) {
    query_program *q = HB_NEW(&task->arena, query_program);
    if (q == NULL) return hb_err_memory(err);
    task->program = q;
    task->cleanup = query_cleanup;
    q->ws = ws;
    q->lends = request->lends;
    q->request = request;
    q->options = (hb_plan_options){ (request->flags & HB_FLAG_NO_PUSHDOWN) != 0,
                                    (request->flags & HB_FLAG_WANT_TOTAL) != 0,
                                    request->kind == HB_CALL_EXPLAIN };
    HB_TRY(hb_entity_get(ws, request->entity, &q->entity, err));
    if (q->entity->is_virtual) HB_TRY(hb_metaschema_refresh(ws, err));
    return query_bind(q, request, task, err);
}

static hb_status query_where(const query_program *q, hb_status status, hb_err *err) {
    if (status != HB_OK && q != NULL && q->entity != NULL)
        hb_err_where(err, q->entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    return status;
}

hb_status hb_call_query(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    task->advance = query_advance;
    hb_status status = query_new(ws, request, task, err);
    query_program *q = task->program;
    if (status == HB_OK && q->walk == NULL) status = query_start(q, task, err);
    if (q != NULL) q->request = NULL;
    return query_where(q, status, err);
}

hb_status hb_call_explain(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    const hb_plan *plan;
    task->advance = hb_task_finish;
    hb_status status = query_new(ws, request, task, err);
    query_program *q = task->program;
    if (status == HB_OK) status = query_plan(q, task, &plan, err);
    HB_TRY(query_where(q, status, err));
    hb_buf json;
    hb_buf_init(&json, ws->mem);
    status = hb_plan_explain(plan, hb_entity_instances(ws, q->entity), ws->id, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

/* Both of the rows asked for: the filter, and an id after `last`. */
static hb_status page_filter(const hb_page *page, hb_query *query, hb_arena *arena, hb_err *err) {
    const hb_expr *both[2] = { NULL, page->filter };
    query->filter = page->filter;
    query->leaf_count = page->filter != NULL ? 1 : 0;
    if (page->last.len == 0) return HB_OK;
    hb_expr *after = HB_NEW(arena, hb_expr);
    const hb_str last = hb_arena_str(arena, page->last);
    if (after == NULL || last.ptr == NULL) return hb_err_memory(err);
    *after = (hb_expr){ .kind = HB_EXPR_LEAF, .field = HB_FIELD_OBJECT_ID, .op = HB_OP_GT };
    after->value = (hb_value){ HB_KIND_TEXT, { .s = last } };
    after->leaf_index = query->leaf_count++;
    both[0] = after;
    query->filter = hb_expr_join(arena, HB_EXPR_AND, both, query->leaf_count);
    return query->filter != NULL ? HB_OK : hb_err_memory(err);
}

hb_status hb_page_read(hb_task *task, hb_workspace *ws, const hb_entity *entity,
                       const hb_page *page, hb_run **out, hb_err *err) {
    const hb_schema *schema = entity->schema;
    hb_instance *const *instances = hb_entity_instances(ws, entity);
    hb_query *query = HB_NEW(&task->arena, hb_query);
    const uint32_t count = page->fields != NULL ? page->field_count : schema->field_count - 1;
    hb_col *columns = HB_NEW_ARRAY(&task->arena, hb_col, count);
    if (query == NULL || columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t field = page->fields != NULL ? page->fields[i] : i + 1;
        columns[i] = (hb_col){ HB_COL_FIELD, field, NULL, 0, schema->fields[field].name };
    }
    query->schema = schema;
    query->select = columns;
    query->select_count = count;
    query->limit = page->limit;
    HB_TRY(page_filter(page, query, &task->arena, err));
    const hb_plan_options options = { .no_pushdown = false };
    const hb_plan *plan;
    HB_TRY(hb_plan_make(query, entity->routing, instances, &options, &task->arena, &plan, err));
    return hb_run_new(task, plan, instances, out, err);
}
