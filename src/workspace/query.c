// SPDX-License-Identifier: MIT
/* Queries and explain: decode, bind, plan, run. */
#include "value/wire.h"
#include "workspace/workspace.h"

typedef struct query_program {
    hb_run *run;
    const hb_plan *plan;
    hb_spec *spec;          /* owned; NULL when the query was prepared */
} query_program;

static void query_cleanup(hb_task *task, bool failed) {
    query_program *q = task->program;
    (void)failed;
    hb_spec_free(q->spec);
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
    HB_TRY(hb_run_advance(q->run, &done, err));
    if (!done) return HB_OK;
    const hb_run_result *result = hb_run_result_get(q->run);
    hb_task_finish_frame(task, result->batch, result->roles);
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
    if (request->prepared > ws->prepared_count || ws->prepared[request->prepared - 1] == NULL) {
        return hb_err_set(err, HB_E_QUERY, "the prepared query was released");
    }
    *out = ws->prepared[request->prepared - 1];
    return HB_OK;
}

hb_status hb_workspace_plan(hb_workspace *ws, const hb_request *request, hb_task *task,
                            const hb_plan **out, hb_err *err) {
    query_program *q = HB_NEW(&task->arena, query_program);
    if (q == NULL) return hb_err_memory(err);
    task->program = q;
    task->cleanup = query_cleanup;
    hb_entity *entity;
    HB_TRY(hb_entity_get(ws, request->entity, &entity, err));
    if (entity->is_virtual) HB_TRY(hb_metaschema_refresh(ws, err));
    const hb_spec *spec;
    HB_TRY(query_spec(ws, request, q, &spec, err));
    const hb_query *query;
    hb_status status = hb_query_bind(spec, entity->schema, request->params, request->now_ms,
                                     &task->arena, &query, err);
    if (status == HB_OK) {
        hb_plan_options options = { (request->flags & HB_FLAG_NO_PUSHDOWN) != 0,
                                    (request->flags & HB_FLAG_WANT_TOTAL) != 0,
                                    request->kind == HB_CALL_EXPLAIN };
        status = hb_plan_make(query, entity->routing, hb_entity_instances(ws, entity), &options,
                              &task->arena, out, err);
    }
    if (status != HB_OK) hb_err_where(err, entity->schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
    return status;
}

hb_status hb_call_query(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    const hb_plan *plan;
    task->advance = query_advance;
    HB_TRY(hb_workspace_plan(ws, request, task, &plan, err));
    query_program *q = task->program;
    q->plan = plan;
    hb_entity *entity = ws->entities[request->entity];
    return hb_run_new(task, plan, hb_entity_instances(ws, entity), &q->run, err);
}

static hb_status nothing_to_do(hb_task *task, hb_err *err) {
    (void)err;
    task->done = true;
    return HB_OK;
}

hb_status hb_call_explain(hb_workspace *ws, const hb_request *request, hb_task *task, hb_err *err) {
    const hb_plan *plan;
    task->advance = nothing_to_do;
    HB_TRY(hb_workspace_plan(ws, request, task, &plan, err));
    hb_buf json;
    hb_buf_init(&json, ws->mem);
    hb_entity *entity = ws->entities[request->entity];
    hb_status status = hb_plan_explain(plan, hb_entity_instances(ws, entity), ws->id, &json, err);
    if (status == HB_OK) status = hb_buf_check(&json, err);
    if (status == HB_OK) status = hb_task_finish_json(task, hb_buf_str(&json), err);
    hb_buf_free(&json);
    return status;
}

static hb_status plan_fields(hb_workspace *ws, hb_entity *entity, const uint32_t *fields,
                             uint32_t field_count, const hb_expr *filter, uint64_t limit,
                             hb_task *task, const hb_plan **out, hb_err *err) {
    hb_query *query = HB_NEW(&task->arena, hb_query);
    uint32_t count = fields != NULL ? field_count : entity->schema->field_count - 1;
    hb_col *columns = HB_NEW_ARRAY(&task->arena, hb_col, count);
    if (query == NULL || columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t field = fields != NULL ? fields[i] : i + 1;
        columns[i] = (hb_col){ HB_COL_FIELD, field, NULL, 0, entity->schema->fields[field].name };
    }
    query->schema = entity->schema;
    query->select = columns;
    query->select_count = count;
    query->filter = filter;
    query->leaf_count = filter != NULL ? 1 : 0;
    query->limit = limit;
    hb_plan_options options = { false, false, false };
    return hb_plan_make(query, entity->routing, hb_entity_instances(ws, entity), &options,
                        &task->arena, out, err);
}

hb_status hb_workspace_plan_all(hb_workspace *ws, hb_entity *entity, const uint32_t *fields,
                                uint32_t field_count, hb_task *task, const hb_plan **out,
                                hb_err *err) {
    return plan_fields(ws, entity, fields, field_count, NULL, HB_NO_LIMIT, task, out, err);
}

hb_status hb_workspace_plan_part(hb_workspace *ws, hb_entity *entity, const hb_expr *leaf,
                                 uint64_t limit, hb_task *task, const hb_plan **out, hb_err *err) {
    return plan_fields(ws, entity, NULL, 0, leaf, limit, task, out, err);
}
