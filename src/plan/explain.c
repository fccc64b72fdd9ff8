// SPDX-License-Identifier: MIT
/* A plan as JSON: the query, where its fields live, and the steps. Steps of the filter and of the
 * ranked clauses come first (nodes and, or, not, backend_group, filter, json_path, near, search),
 * then the plan's own nodes (scan, residual, merge, hydrate, fuse, sort, limit, count) with their
 * ids and inputs. Operands appear; options of backends, and with them secrets, never do. */
#include "plan/split.h"

#include <cJSON.h>

#include "base/num.h"
#include "eval/pred.h"
#include "query/query.h"
#include "value/pack.h"

#define VECTOR_SHOWN 16u

typedef struct explain_ctx {
    split_ctx split;
    const hb_plan *plan;
    const hb_query *query;
    const hb_schema *schema;
    const hb_routing *routing;
    hb_instance *const *instances;
    hb_buf text;                /* scratch for one literal */
    cJSON *steps;
    bool failed;                /* out of memory in the JSON tree */
} explain_ctx;

/* ---- small writers ---------------------------------------------------------------------- */

/* Takes ownership of `item`, also when it cannot be added. */
static cJSON *put(explain_ctx *ctx, cJSON *object, const char *key, cJSON *item) {
    bool added = item != NULL && object != NULL &&
                 (key != NULL ? cJSON_AddItemToObject(object, key, item)
                              : cJSON_AddItemToArray(object, item));
    if (!added) {
        cJSON_Delete(item);
        ctx->failed = true;
        return NULL;
    }
    return item;
}

/* What is in ctx->text, verbatim: texts with any bytes and 64-bit integers stay exact. */
static void put_raw(explain_ctx *ctx, cJSON *object, const char *key) {
    hb_buf_add_char(&ctx->text, '\0');
    ctx->failed = ctx->failed || ctx->text.failed || ctx->text.over;
    if (!ctx->failed) put(ctx, object, key, cJSON_CreateRaw(ctx->text.ptr));
    hb_buf_clear(&ctx->text);
}

static void put_str(explain_ctx *ctx, cJSON *object, const char *key, hb_str text) {
    hb_buf_add_json_str(&ctx->text, text);
    put_raw(ctx, object, key);
}

static void put_c(explain_ctx *ctx, cJSON *object, const char *key, const char *text) {
    if (text == NULL) {
        put(ctx, object, key, cJSON_CreateNull());
    } else {
        put_str(ctx, object, key, hb_str_c(text));
    }
}

static void put_u64(explain_ctx *ctx, cJSON *object, const char *key, uint64_t number) {
    hb_buf_printf(&ctx->text, "%llu", (unsigned long long)number);
    put_raw(ctx, object, key);
}

static void put_bool(explain_ctx *ctx, cJSON *object, const char *key, bool value) {
    put(ctx, object, key, cJSON_CreateBool(value));
}

static void put_null(explain_ctx *ctx, cJSON *object, const char *key) {
    put(ctx, object, key, cJSON_CreateNull());
}

static void text_vector(explain_ctx *ctx, const float *ptr, uint32_t len) {
    hb_buf_add_char(&ctx->text, '[');
    for (uint32_t i = 0; i < len && i < VECTOR_SHOWN; i++) {
        char digits[HB_NUM_TEXT_MAX];
        if (i > 0) hb_buf_add_char(&ctx->text, ',');
        hb_buf_add(&ctx->text, digits, hb_num_write_f32(ptr[i], digits));
    }
    if (len > VECTOR_SHOWN) hb_buf_printf(&ctx->text, ",\"... %u components\"", (unsigned)len);
    hb_buf_add_char(&ctx->text, ']');
}

static void text_value(explain_ctx *ctx, const hb_value *value) {
    hb_buf *text = &ctx->text;
    hb_err ignored;
    switch (value->kind) {
    case HB_KIND_BOOL: hb_buf_add_c(text, value->as.b ? "true" : "false"); break;
    case HB_KIND_I64: hb_buf_add_i64(text, value->as.i); break;
    case HB_KIND_F64: hb_buf_add_f64(text, value->as.f); break;
    case HB_KIND_TEXT: hb_buf_add_json_str(text, value->as.s); break;
    case HB_KIND_BYTES: hb_buf_printf(text, "\"<%u bytes>\"", (unsigned)value->as.s.len); break;
    case HB_KIND_VEC: text_vector(ctx, value->as.v.ptr, value->as.v.len); break;
    case HB_KIND_PACK:
        hb_err_init(&ignored);
        if (hb_pack_to_json(value->as.s, 0, false, text, &ignored) != HB_OK) {
            hb_buf_clear(text);
            hb_buf_add_c(text, "\"<unprintable>\"");
        }
        break;
    case HB_KIND_NULL:
    case HB_KIND_COUNT: hb_buf_add_c(text, "null"); break;
    }
}

static hb_str field_name(const explain_ctx *ctx, uint32_t field) {
    return ctx->schema->fields[field].name;
}

static hb_str backend_name(const explain_ctx *ctx, uint32_t backend) {
    return ctx->instances[backend]->name;
}

/* ---- query ------------------------------------------------------------------------------ */

static void put_path(explain_ctx *ctx, cJSON *object, const hb_expr *leaf) {
    if (leaf->path_len == 0) return;
    cJSON *path = put(ctx, object, "path", cJSON_CreateArray());
    for (uint32_t i = 0; i < leaf->path_len; i++) {
        put_str(ctx, path, NULL, leaf->path[i]);
    }
}

static void put_operand(explain_ctx *ctx, cJSON *object, const hb_expr *leaf) {
    if (leaf->op != HB_OP_IN) {
        text_value(ctx, &leaf->value);
        put_raw(ctx, object, "value");
        return;
    }
    hb_buf_add_char(&ctx->text, '[');
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        if (i > 0) hb_buf_add_char(&ctx->text, ',');
        text_value(ctx, &leaf->list[i]);
    }
    if (leaf->list_has_null) hb_buf_add_c(&ctx->text, leaf->list_count > 0 ? ",null" : "null");
    hb_buf_add_char(&ctx->text, ']');
    put_raw(ctx, object, "value");
}

static void put_expr_of(explain_ctx *ctx, const hb_schema *schema, cJSON *parent, const char *key,
                        const hb_expr *expr) {
    if (expr == NULL) {
        put_null(ctx, parent, key);
        return;
    }
    if (expr->asked != NULL) expr = expr->asked;
    cJSON *object = put(ctx, parent, key, cJSON_CreateObject());
    switch (expr->kind) {
    case HB_EXPR_LEAF: {
        cJSON *leaf = put(ctx, object, "filter", cJSON_CreateObject());
        put_str(ctx, leaf, "field", schema->fields[expr->field].name);
        put_str(ctx, leaf, "op", hb_op_name(expr->op));
        put_path(ctx, leaf, expr);
        put_operand(ctx, leaf, expr);
        return;
    }
    case HB_EXPR_NOT: put_expr_of(ctx, schema, object, "not", expr->args[0]); return;
    case HB_EXPR_AND:
    case HB_EXPR_OR: break;
    }
    cJSON *args = put(ctx, object, expr->kind == HB_EXPR_AND ? "and" : "or", cJSON_CreateArray());
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        put_expr_of(ctx, schema, args, NULL, expr->args[i]);
    }
}

static void put_expr(explain_ctx *ctx, cJSON *parent, const char *key, const hb_expr *expr) {
    put_expr_of(ctx, ctx->schema, parent, key, expr);
}

static void put_groups(explain_ctx *ctx, cJSON *object) {
    const hb_aggregate *aggregate = ctx->query->aggregate;
    cJSON *groups = put(ctx, object, "group_by", cJSON_CreateArray());
    for (uint32_t i = 0; aggregate != NULL && i < aggregate->group_count; i++)
        put_str(ctx, groups, NULL, aggregate->groups[i].name);
}

/* {"out": {"sum": {"field": "amount"}}, ...}, as the query has them. */
static void put_metrics(explain_ctx *ctx, cJSON *object, const char *key) {
    const hb_aggregate *aggregate = ctx->query->aggregate;
    cJSON *metrics = put(ctx, object, key, cJSON_CreateObject());
    for (uint32_t i = 0; i < aggregate->measure_count && metrics != NULL; i++) {
        const hb_measure *measure = &aggregate->measures[i];
        hb_str name = hb_arena_printf(ctx->split.arena, "%.*s", HB_ARG(measure->name));
        cJSON *metric = name.ptr == NULL ? NULL : put(ctx, metrics, name.ptr, cJSON_CreateObject());
        cJSON *options =
            put(ctx, metric, hb_reducer_name(measure->reducer).ptr, cJSON_CreateObject());
        put_str(ctx, options, "field", measure->col.name);
        if (measure->reducer == HB_REDUCE_COUNT)
            put_bool(ctx, options, "distinct", measure->distinct);
        if (measure->reducer == HB_REDUCE_PERCENTILE)
            put(ctx, options, "q", cJSON_CreateNumber(measure->q));
    }
}

static void put_near(explain_ctx *ctx, cJSON *parent) {
    const hb_near *near = ctx->query->near;
    if (near == NULL) {
        put_null(ctx, parent, "near");
        return;
    }
    cJSON *object = put(ctx, parent, "near", cJSON_CreateObject());
    put_str(ctx, object, "field", field_name(ctx, near->field));
    text_vector(ctx, near->vector, near->dim);
    put_raw(ctx, object, "value");
    put_u64(ctx, object, "top_k", near->top_k);
    put_str(ctx, object, "metric", hb_metric_name(near->metric));
}

static void put_search(explain_ctx *ctx, cJSON *parent) {
    const hb_search *search = ctx->query->search;
    if (search == NULL) {
        put_null(ctx, parent, "search");
        return;
    }
    cJSON *object = put(ctx, parent, "search", cJSON_CreateObject());
    cJSON *fields = put(ctx, object, "fields",
                        search->field_count > 0 ? cJSON_CreateArray() : cJSON_CreateNull());
    for (uint32_t i = 0; i < search->field_count; i++) {
        put_str(ctx, fields, NULL, field_name(ctx, search->fields[i]));
    }
    put_str(ctx, object, "query", search->text);
    put_u64(ctx, object, "top_k", search->top_k);
    put_str(ctx, object, "mode", hb_search_mode_name(search->mode));
}

static void put_order(explain_ctx *ctx, cJSON *parent, const hb_order *order, uint32_t count) {
    cJSON *list = put(ctx, parent, "order", cJSON_CreateArray());
    for (uint32_t i = 0; i < count; i++) {
        cJSON *key = put(ctx, list, NULL, cJSON_CreateArray());
        put_str(ctx, key, NULL, order[i].col.name);
        put_bool(ctx, key, NULL, order[i].desc);
    }
}

static void put_limit(explain_ctx *ctx, cJSON *object, uint64_t limit) {
    if (limit == HB_NO_LIMIT) {
        put_null(ctx, object, "limit");
    } else {
        put_u64(ctx, object, "limit", limit);
    }
}

static void put_fuse(explain_ctx *ctx, cJSON *parent) {
    const hb_query *query = ctx->query;
    if (query->near == NULL || query->search == NULL) {
        put_null(ctx, parent, "fuse");
        return;
    }
    cJSON *fuse = put(ctx, parent, "fuse", cJSON_CreateObject());
    put(ctx, fuse, "k", cJSON_CreateNumber(query->fuse_k));
    cJSON *weights = put(ctx, fuse, "weights", cJSON_CreateObject());
    put(ctx, weights, "near", cJSON_CreateNumber(query->fuse_near));
    put(ctx, weights, "search", cJSON_CreateNumber(query->fuse_search));
}

static void put_walk(explain_ctx *ctx, cJSON *object) {
    const hb_traverse *traverse = ctx->query->traverse;
    put_str(ctx, object, "field", traverse->field);
    put_str(ctx, object, "start", traverse->start);
    put_u64(ctx, object, "min_hops", traverse->min_hops);
    put_u64(ctx, object, "max_hops", traverse->max_hops);
    put_str(ctx, object, "direction", hb_direction_name(traverse->direction));
}

static void put_traverse(explain_ctx *ctx, cJSON *parent) {
    if (ctx->query->traverse == NULL) {
        put_null(ctx, parent, "traverse");
        return;
    }
    put_walk(ctx, put(ctx, parent, "traverse", cJSON_CreateObject()));
}

static void put_query(explain_ctx *ctx, cJSON *root) {
    const hb_query *query = ctx->query;
    cJSON *object = put(ctx, root, "query", cJSON_CreateObject());
    put_str(ctx, object, "entity_id", ctx->schema->entity_id);
    put_expr(ctx, object, "filter", query->filter);
    put_near(ctx, object);
    put_search(ctx, object);
    put_fuse(ctx, object);
    cJSON *select = put(ctx, object, "select", cJSON_CreateArray());
    if (!query->select_all && query->select_count == 0 && !query->is_count &&
        query->aggregate == NULL)
        put_c(ctx, select, NULL, "object_id");
    for (uint32_t i = 0; i < query->select_count; i++) {
        put_str(ctx, select, NULL, query->select[i].name);
    }
    put_order(ctx, object, query->order, query->order_count);
    put_u64(ctx, object, "offset", query->offset);
    put_limit(ctx, object, query->limit);
    put_traverse(ctx, object);
    if (query->aggregate == NULL) {
        put_null(ctx, object, "aggregate");
        put_null(ctx, object, "having");
    } else {
        put_metrics(ctx, object, "aggregate");
        put_expr_of(ctx, query->aggregate->schema, object, "having", query->aggregate->having);
    }
    put_bool(ctx, object, "unsafe", query->unsafe);
    put_groups(ctx, object);
    if (!query->is_count) {
        put_null(ctx, object, "terminal");
        return;
    }
    cJSON *terminal = put(ctx, object, "terminal", cJSON_CreateObject());
    cJSON *count = put(ctx, terminal, "count", cJSON_CreateObject());
    put_str(ctx, count, "field", field_name(ctx, query->count_field));
    put_bool(ctx, count, "distinct", query->count_distinct);
}

/* ---- storage plan ----------------------------------------------------------------------- */

static void put_binding(explain_ctx *ctx, cJSON *list, const hb_binding *binding) {
    cJSON *object = put(ctx, list, NULL, cJSON_CreateObject());
    put_str(ctx, object, "entity_id", ctx->schema->entity_id);
    put_str(ctx, object, "field_name", field_name(ctx, binding->field));
    put_str(ctx, object, "backend", backend_name(ctx, binding->backend));
    put_c(ctx, object, "type", ctx->instances[binding->backend]->type->name);
    put_str(ctx, object, "strategy", hb_strategy_name(binding->strategy));
    put_c(ctx, object, "source", binding->source);
    put_bool(ctx, object, "primary", binding->primary);
    put_c(ctx, object, "why", binding->why);
}

static void put_index(explain_ctx *ctx, cJSON *list, const uint32_t *fields, uint32_t count,
                      uint32_t backend, const char *source) {
    cJSON *object = put(ctx, list, NULL, cJSON_CreateObject());
    put_str(ctx, object, "entity_id", ctx->schema->entity_id);
    cJSON *names = put(ctx, object, "fields", cJSON_CreateArray());
    for (uint32_t i = 0; i < count; i++) {
        put_str(ctx, names, NULL, field_name(ctx, fields[i]));
    }
    if (backend != HB_BACKEND_NONE) {
        put_str(ctx, object, "backend", backend_name(ctx, backend));
    } else {
        put_null(ctx, object, "backend");
    }
    put_c(ctx, object, "source", source);
}

static void put_indexes(explain_ctx *ctx, cJSON *plan) {
    cJSON *list = put(ctx, plan, "indexes", cJSON_CreateArray());
    for (uint32_t i = 0; i < ctx->routing->binding_count; i++) {
        const hb_binding *binding = &ctx->routing->bindings[i];
        const hb_container *container = ctx->routing->containers[binding->backend];
        const hb_placed *placed = &container->fields[container->by_field[binding->field]];
        if (binding->field == HB_FIELD_OBJECT_ID || !placed->indexed) continue;
        put_index(ctx, list, &binding->field, 1, binding->backend,
                  ctx->schema->fields[binding->field].index == 1 ? "field" : "default");
    }
    for (uint32_t i = 0; i < ctx->schema->index_count; i++) {
        const hb_field_group *group = &ctx->schema->indexes[i];
        put_index(ctx, list, group->fields, group->field_count,
                  ctx->routing->primary[group->fields[0]], "entity");
    }
}

static void put_constraints(explain_ctx *ctx, cJSON *plan) {
    cJSON *list = put(ctx, plan, "constraints", cJSON_CreateArray());
    for (uint32_t f = 1; f < ctx->schema->field_count; f++) {
        if (ctx->schema->fields[f].unique)
            put_index(ctx, list, &f, 1, ctx->routing->primary[f], "field");
    }
    for (uint32_t i = 0; i < ctx->schema->unique_count; i++) {
        const hb_field_group *group = &ctx->schema->uniques[i];
        put_index(ctx, list, group->fields, group->field_count,
                  ctx->routing->primary[group->fields[0]], "entity");
    }
}

static void put_storage_plan(explain_ctx *ctx, cJSON *root) {
    cJSON *plan = put(ctx, root, "storage_plan", cJSON_CreateObject());
    put_str(ctx, plan, "entity_id", ctx->schema->entity_id);
    cJSON *bindings = put(ctx, plan, "bindings", cJSON_CreateArray());
    for (uint32_t i = 0; i < ctx->routing->binding_count; i++) {
        put_binding(ctx, bindings, &ctx->routing->bindings[i]);
    }
    put_indexes(ctx, plan);
    put_constraints(ctx, plan);
}

/* ---- steps of the filter ---------------------------------------------------------------- */

static cJSON *step(explain_ctx *ctx, const char *node) {
    cJSON *object = put(ctx, ctx->steps, NULL, cJSON_CreateObject());
    put_c(ctx, object, "node", node);
    return object;
}

static void put_field_storage(explain_ctx *ctx, cJSON *object, uint32_t field, uint32_t selected) {
    cJSON *list = put(ctx, object, "field_storage", cJSON_CreateArray());
    for (uint32_t i = 0; i < ctx->routing->binding_count; i++) {
        const hb_binding *binding = &ctx->routing->bindings[i];
        if (binding->field != field) continue;
        cJSON *entry = put(ctx, list, NULL, cJSON_CreateObject());
        put_str(ctx, entry, "entity_id", ctx->schema->entity_id);
        put_str(ctx, entry, "field_name", field_name(ctx, field));
        put_str(ctx, entry, "backend", backend_name(ctx, binding->backend));
        put_str(ctx, entry, "strategy", hb_strategy_name(binding->strategy));
        put_c(ctx, entry, "source", binding->source);
        put_bool(ctx, entry, "selected", binding->backend == selected);
    }
}

/* The members that every step about one field has. */
static void put_handler(explain_ctx *ctx, cJSON *object, uint32_t field, hb_str op,
                        uint32_t backend, hb_strategy strategy, const hb_offer *offer) {
    const hb_type *type = ctx->schema->fields[field].type;
    const char *backend_type = ctx->instances[backend]->type->name;
    put_str(ctx, object, "logical_type", hb_type_name(type->id));
    put_str(ctx, object, "backend", backend_name(ctx, backend));
    put_c(ctx, object, "type", backend_type);
    put_str(ctx, object, "strategy", hb_strategy_name(strategy));
    put_field_storage(ctx, object, field, backend);
    hb_buf_printf(&ctx->text, "\"%.*s.%.*s.%s.%.*s\"", HB_ARG(hb_type_name(type->id)), HB_ARG(op),
                  backend_type, HB_ARG(hb_strategy_name(strategy)));
    put_raw(ctx, object, "handler");
    bool native = offer->claim != HB_NO && offer->native;
    put_c(ctx, object, "handler_kind",
          offer->handler_kind != NULL ? offer->handler_kind : "row_payload");
    put_c(ctx, object, "handler_mode", native ? "native" : "scan");
    put_null(ctx, object, "strategy_adapter");
    put_c(ctx, object, "fallback_reason",
          native                  ? NULL
          : offer->reason != NULL ? offer->reason
                                  : "evaluated in process");
}

/* `leaf` is what is answered, `asked` what the query says. */
static void step_leaf(explain_ctx *ctx, const hb_expr *leaf, const hb_expr *asked,
                      uint32_t backend) {
    const hb_binding *binding = split_binding(ctx->routing, leaf->field, backend);
    hb_str op = split_op_name(asked);
    hb_str reason = HB_STR_EMPTY;
    cJSON *object = step(ctx, "filter");
    put_str(ctx, object, "field", field_name(ctx, leaf->field));
    put_str(ctx, object, "op", op);
    put_str(ctx, object, "handler_op", split_op_name(leaf));
    put_path(ctx, object, leaf);
    if (leaf->path_len > 0) put_str(ctx, object, "comparison", hb_op_name(asked->op));
    bool supported = split_supported(&ctx->split, leaf, backend, &reason);
    hb_offer none = { HB_NO, false, "row_payload", NULL };
    hb_offer offer = supported ? split_offer(&ctx->split, leaf, backend) : none;
    put_handler(ctx, object, leaf->field, op, backend, binding->strategy, &offer);
    if (supported) {
        put_null(ctx, object, "unsupported_reason");
        put_c(ctx, object, "claim",
              offer.claim == HB_EXACT      ? "exact"
              : offer.claim == HB_SUPERSET ? "superset"
                                           : "no");
    } else {
        put_str(ctx, object, "unsupported_reason", reason);
    }
    put_bool(ctx, object, "portable_proof", true);
    put_bool(ctx, object, "unsafe", false);
}

/* Conditions on the columns of items are looked at when they are compiled. */
static hb_status check_items(const explain_ctx *ctx, const hb_expr *leaf) {
    if (leaf->op != HB_OP_EXISTS && leaf->op != HB_OP_ALL) return HB_OK;
    if ((hb_type_ops(ctx->schema->fields[leaf->field].type) & (1u << leaf->op)) == 0) return HB_OK;
    hb_pred *pred;
    HB_TRY(hb_pred_new(ctx->schema, leaf, ctx->text.mem, &pred, ctx->split.err));
    hb_pred_free(pred);
    return HB_OK;
}

static hb_status steps_expr(explain_ctx *ctx, const hb_expr *expr, uint32_t forced);

static void step_group(explain_ctx *ctx, const char *word, uint32_t backend, uint32_t members) {
    if (backend == HB_BACKEND_NONE || members < 2) return;
    cJSON *object = step(ctx, "backend_group");
    put_c(ctx, object, "op", word);
    put_str(ctx, object, "backend", backend_name(ctx, backend));
    put_u64(ctx, object, "n", members);
}

/* First which backends take several arguments together, then the arguments as they come. */
static hb_status steps_args(explain_ctx *ctx, const hb_expr *expr, uint32_t forced) {
    uint32_t *backends = HB_NEW_ARRAY(ctx->split.arena, uint32_t, expr->arg_count);
    uint32_t *members = HB_NEW_ARRAY(ctx->split.arena, uint32_t, expr->arg_count);
    if (backends == NULL || members == NULL) return hb_err_memory(ctx->split.err);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        backends[i] = forced;
        if (forced == HB_BACKEND_NONE)
            HB_TRY(split_single(&ctx->split, expr->args[i], &backends[i]));
        uint32_t first = 0;
        while (backends[first] != backends[i]) {
            first++;
        }
        members[first]++;
    }
    const char *word = expr->kind == HB_EXPR_AND ? "and" : "or";
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        step_group(ctx, word, backends[i], members[i]);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        HB_TRY(steps_expr(ctx, expr->args[i], backends[i]));
    }
    return HB_OK;
}

/* `forced`: the backend that the whole expression was found to be on; or HB_BACKEND_NONE. */
static hb_status steps_expr(explain_ctx *ctx, const hb_expr *expr, uint32_t forced) {
    const hb_expr *asked = expr->asked != NULL ? expr->asked : expr;
    if (asked->kind == HB_EXPR_LEAF) {
        const hb_expr *leaf = expr->kind == HB_EXPR_NOT ? expr->args[0] : expr;
        uint32_t backend = forced;
        if (backend == HB_BACKEND_NONE) HB_TRY(split_leaf_home(&ctx->split, leaf, &backend));
        HB_TRY(check_items(ctx, leaf));
        step_leaf(ctx, leaf, asked, backend);
        return HB_OK;
    }
    if (expr->kind == HB_EXPR_NOT) {
        step(ctx, "not");
        return steps_expr(ctx, expr->args[0], forced);
    }
    cJSON *object = step(ctx, expr->kind == HB_EXPR_AND ? "and" : "or");
    put_u64(ctx, object, "n", expr->arg_count);
    return steps_args(ctx, expr, forced);
}

/* The backend that the plan gave the whole filter to, if there is one. */
static hb_status filter_backend(explain_ctx *ctx, uint32_t *out) {
    *out = HB_BACKEND_NONE;
    for (uint32_t i = 0; i < ctx->plan->node_count; i++) {
        const hb_node *node = &ctx->plan->nodes[i];
        if (node->kind == HB_NODE_SCAN && node->fragment.filter == ctx->query->filter &&
            node->candidates_from == HB_NODE_NONE) {
            *out = node->backend;
            return HB_OK;
        }
    }
    return split_single(&ctx->split, ctx->query->filter, out);
}

/* The walk comes before everything else: what it reaches becomes a filter on object_id. */
static void step_traverse(explain_ctx *ctx) {
    const hb_traverse *traverse = ctx->query->traverse;
    if (traverse == NULL) return;
    cJSON *object = step(ctx, "traverse");
    put_walk(ctx, object);
    put_c(ctx, object, "mode", "breadth_first");
    put_c(ctx, object, "endpoint_filter", "none");
    put_str(ctx, object, "target_entity", traverse->target_entity);
    cJSON *backends = put(ctx, object, "backends", cJSON_CreateArray());
    for (uint32_t i = 0; i < traverse->backend_count; i++) {
        put_str(ctx, backends, NULL, traverse->backends[i]);
    }
}

/* Columns that the rows need: the order's, then those selected. */
static const hb_col *wanted_column(const hb_query *query, uint32_t i) {
    return i < query->order_count ? &query->order[i].col : &query->select[i - query->order_count];
}

static bool path_is_first(const hb_query *query, uint32_t at) {
    const hb_col *col = wanted_column(query, at);
    if (col->kind != HB_COL_PATH) return false;
    for (uint32_t i = 0; i < at; i++) {
        if (hb_str_eq(wanted_column(query, i)->name, col->name)) return false;
    }
    return true;
}

static void step_json_path(explain_ctx *ctx) {
    const hb_query *query = ctx->query;
    uint32_t count = query->order_count + query->select_count, at = 0;
    while (at < count && !path_is_first(query, at)) {
        at++;
    }
    if (at == count) return;
    cJSON *object = step(ctx, "json_path");
    cJSON *fields = put(ctx, object, "fields", cJSON_CreateArray());
    for (; at < count; at++) {
        if (path_is_first(query, at)) put_str(ctx, fields, NULL, wanted_column(query, at)->name);
    }
    put_c(ctx, object, "logical_type", "json");
    put_c(ctx, object, "handler_mode", "scan");
    put_c(ctx, object, "fallback_reason", "paths of result columns are taken out in process");
}

/* ---- steps of the plan ------------------------------------------------------------------ */

/* Beside a field that declares an index: which one is asked, or why none. */
static void put_near_index(explain_ctx *ctx, cJSON *object, const hb_near *near, uint32_t backend) {
    if (ctx->schema->fields[near->field].vector.kind == HB_VECTOR_EXACT) return;
    const char *why;
    hb_vector_index_kind kind = hb_near_index(ctx->schema, near, &why);
    if (!ctx->instances[backend]->type->caps.vector_index) {
        kind = HB_VECTOR_EXACT;
        why = "the backend has no such index";
    } else if (kind != HB_VECTOR_EXACT && ctx->query->filter != NULL) {
        why = "when few rows pass the filter, they are compared one by one";
    }
    put_str(ctx, object, "index", hb_vector_kind_name(kind));
    put_c(ctx, object, "index_note", why);
}

static void step_near(explain_ctx *ctx, const hb_node *node) {
    const hb_near *near = node->fragment.near;
    cJSON *object = step(ctx, "near");
    put_str(ctx, object, "field", field_name(ctx, near->field));
    put_c(ctx, object, "op", "near");
    put_c(ctx, object, "handler_op", "near");
    hb_offer offer = ctx->instances[node->backend]->type->supports(
        ctx->schema->fields[near->field].type, HB_STRATEGY_VECTOR, HB_STR("near"));
    put_str(ctx, object, "metric", hb_metric_name(near->metric));
    put_u64(ctx, object, "top_k", near->top_k);
    put_handler(ctx, object, near->field, HB_STR("near"), node->backend, HB_STRATEGY_VECTOR,
                &offer);
    put_null(ctx, object, "unsupported_reason");
    put_c(ctx, object, "near_filter_mode", node->note);
    put_near_index(ctx, object, near, node->backend);
}

static void step_search(explain_ctx *ctx, const hb_node *node) {
    const hb_fragment *fragment = &node->fragment;
    cJSON *object = step(ctx, "search");
    cJSON *fields = put(ctx, object, "fields", cJSON_CreateArray());
    bool indexed = true;
    for (uint32_t i = 0; i < fragment->search_field_count; i++) {
        uint32_t field = fragment->search_fields[i];
        const hb_binding *binding = split_binding(ctx->routing, field, node->backend);
        put_str(ctx, fields, NULL, field_name(ctx, field));
        indexed = indexed && binding != NULL && binding->strategy == HB_STRATEGY_INVERTED;
    }
    put_str(ctx, object, "backend", backend_name(ctx, node->backend));
    put_c(ctx, object, "type", ctx->instances[node->backend]->type->name);
    put_c(ctx, object, "strategy", indexed ? "inverted" : "inline");
    put_str(ctx, object, "mode", hb_search_mode_name(fragment->search->mode));
    put_u64(ctx, object, "top_k", ctx->query->search->top_k);
    put_c(ctx, object, "ranking", indexed ? "bm25" : "equal scores");
    put_c(ctx, object, "handler_mode", indexed ? "native" : "scan");
    put_c(ctx, object, "fallback_reason",
          indexed ? NULL
                  : "a text field without an inverted index is scanned, its hits score equal");
    put_c(ctx, object, "search_filter_mode", node->note);
}

static void put_inputs(explain_ctx *ctx, cJSON *object, uint32_t id, const hb_node *node) {
    put_u64(ctx, object, "id", id);
    cJSON *inputs = put(ctx, object, "inputs", cJSON_CreateArray());
    for (uint32_t i = 0; i < node->input_count; i++) {
        put_u64(ctx, inputs, NULL, node->inputs[i]);
    }
}

static void put_columns(explain_ctx *ctx, cJSON *object, const hb_fragment *fragment) {
    cJSON *columns = put(ctx, object, "columns", cJSON_CreateArray());
    put_c(ctx, columns, NULL, "object_id");
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        put_str(ctx, columns, NULL, field_name(ctx, fragment->columns[i]));
    }
    if (fragment->near != NULL || fragment->search != NULL) put_c(ctx, columns, NULL, "score");
}

static void put_condition(explain_ctx *ctx, const hb_schema *schema, cJSON *object, const char *key,
                          const hb_expr *expr) {
    if (expr == NULL) {
        put_null(ctx, object, key);
        return;
    }
    hb_buf line;
    hb_buf_init(&line, ctx->text.mem);
    hb_expr_print(schema != NULL ? schema : ctx->schema, expr, &line);
    ctx->failed = ctx->failed || line.failed || line.over;
    put_str(ctx, object, key, hb_buf_str(&line));
    hb_buf_free(&line);
}

/* A fragment reduces natively, the core by folding the rows. */
static void put_aggregate(explain_ctx *ctx, cJSON *object, const hb_node *node) {
    bool native = node->kind == HB_NODE_SCAN;
    put_groups(ctx, object);
    put_metrics(ctx, object, "metrics");
    put_c(ctx, object, "handler_mode", native ? "native" : "fold");
    put_c(ctx, object, "fallback_reason", native ? NULL : node->note);
    if (native) put_c(ctx, object, "compiler", ctx->instances[node->backend]->type->name);
    put_bool(ctx, object, "portable_proof", true);
    put_bool(ctx, object, "unsafe", false);
}

/* Ids that another step gives are one there, whose value nobody sees. */
static void put_statement(explain_ctx *ctx, cJSON *object, const hb_node *node) {
    hb_instance *instance = ctx->instances[node->backend];
    const hb_str id = HB_STR_EMPTY;
    const hb_ids ids = { &id, 1 };
    hb_fragment fragment = node->fragment;
    if (instance->type->statement == NULL) return;
    if (node->kind == HB_NODE_HYDRATE) fragment.ids = &ids;
    if (node->candidates_from != HB_NODE_NONE) fragment.candidates = &ids;
    if (instance->type->statement(instance, &fragment, ctx->split.arena, &ctx->text,
                                  ctx->split.err) != HB_OK) {
        ctx->failed = true;
    }
    put_raw(ctx, object, "statement");
}

static void step_scan(explain_ctx *ctx, uint32_t id, const hb_node *node) {
    const hb_fragment *fragment = &node->fragment;
    cJSON *object = step(ctx, fragment->kind == HB_FRAG_COUNT       ? "count"
                              : fragment->kind == HB_FRAG_AGGREGATE ? "aggregate"
                                                                    : "scan");
    if (fragment->kind == HB_FRAG_AGGREGATE) put_aggregate(ctx, object, node);
    put_inputs(ctx, object, id, node);
    put_str(ctx, object, "entity", ctx->schema->entity_id);
    put_str(ctx, object, "backend", backend_name(ctx, node->backend));
    put_c(ctx, object, "type", ctx->instances[node->backend]->type->name);
    put_condition(ctx, NULL, object, "filter", fragment->filter);
    if (node->candidates_from != HB_NODE_NONE) {
        put_u64(ctx, object, "candidates_from", node->candidates_from);
    } else {
        put_null(ctx, object, "candidates_from");
    }
    put_order(ctx, object, fragment->order, fragment->order_count);
    put_limit(ctx, object, fragment->limit);
    put_u64(ctx, object, "offset", fragment->offset);
    put_columns(ctx, object, fragment);
    cJSON *pushed = put(ctx, object, "pushed", cJSON_CreateObject());
    put_bool(ctx, pushed, "filter", fragment->filter != NULL);
    put_bool(ctx, pushed, "rank", fragment->near != NULL || fragment->search != NULL);
    put_bool(ctx, pushed, "order", fragment->order_count > 0);
    put_bool(ctx, pushed, "limit", fragment->limit != HB_NO_LIMIT);
    put_bool(ctx, pushed, "count", fragment->kind == HB_FRAG_COUNT);
    put_statement(ctx, object, node);
}

static void step_merge(explain_ctx *ctx, uint32_t id, const hb_node *node, const char *op) {
    cJSON *object = step(ctx, "merge");
    put_inputs(ctx, object, id, node);
    put_c(ctx, object, "op", op);
    put_c(ctx, object, "key", "object_id");
}

static void step_sort(explain_ctx *ctx, uint32_t id, const hb_node *node) {
    cJSON *object = step(ctx, "sort");
    put_inputs(ctx, object, id, node);
    put_order(ctx, object, node->order, node->order_count);
    put_limit(ctx, object, node->bound);
    put_bool(ctx, object, "pushed", false);
}

static void step_limit(explain_ctx *ctx, uint32_t id, const hb_node *node) {
    cJSON *object = step(ctx, "limit");
    put_inputs(ctx, object, id, node);
    put_limit(ctx, object, node->limit);
    put_u64(ctx, object, "offset", ctx->plan->pushed_limit ? ctx->query->offset : node->offset);
    put_bool(ctx, object, "pushed", ctx->plan->pushed_limit);
}

static void step_node(explain_ctx *ctx, uint32_t id) {
    const hb_node *node = &ctx->plan->nodes[id];
    cJSON *object;
    switch (node->kind) {
    case HB_NODE_SCAN: step_scan(ctx, id, node); return;
    case HB_NODE_FILTER:
        object = step(ctx, node->schema != NULL ? "having" : "residual");
        put_inputs(ctx, object, id, node);
        put_condition(ctx, node->schema, object, "filter", node->residual);
        return;
    case HB_NODE_INTERSECT: step_merge(ctx, id, node, "intersect"); return;
    case HB_NODE_UNION: step_merge(ctx, id, node, "union"); return;
    case HB_NODE_EXCEPT: step_merge(ctx, id, node, "except"); return;
    case HB_NODE_ADD_SCORES: step_merge(ctx, id, node, "add_scores"); return;
    case HB_NODE_HYDRATE:
        object = step(ctx, "hydrate");
        put_inputs(ctx, object, id, node);
        put_str(ctx, object, "backend", backend_name(ctx, node->backend));
        put_c(ctx, object, "type", ctx->instances[node->backend]->type->name);
        put_columns(ctx, object, &node->fragment);
        put_statement(ctx, object, node);
        return;
    case HB_NODE_FUSE:
        object = step(ctx, "fuse");
        put_inputs(ctx, object, id, node);
        put_c(ctx, object, "method", "reciprocal_rank");
        put(ctx, object, "k", cJSON_CreateNumber(ctx->query->fuse_k));
        put_limit(ctx, object, node->bound);
        return;
    case HB_NODE_SORT: step_sort(ctx, id, node); return;
    case HB_NODE_LIMIT: step_limit(ctx, id, node); return;
    case HB_NODE_COUNT:
        object = step(ctx, "count");
        put_inputs(ctx, object, id, node);
        put_str(ctx, object, "field", field_name(ctx, node->count_field));
        put_bool(ctx, object, "distinct", node->count_distinct);
        return;
    case HB_NODE_AGGREGATE:
        object = step(ctx, "aggregate");
        put_aggregate(ctx, object, node);
        put_inputs(ctx, object, id, node);
        return;
    case HB_NODE_PROJECT:
        object = step(ctx, "project");
        put_inputs(ctx, object, id, node);
        cJSON *columns = put(ctx, object, "columns", cJSON_CreateArray());
        if (node->schema == NULL) put_c(ctx, columns, NULL, "object_id");
        for (uint32_t i = 0; i < node->column_count; i++) {
            put_str(ctx, columns, NULL, node->columns[i].name);
        }
        return;
    }
}

static hb_status put_steps(explain_ctx *ctx, cJSON *root) {
    ctx->steps = put(ctx, root, "steps", cJSON_CreateArray());
    step_traverse(ctx);
    if (ctx->query->filter != NULL) {
        uint32_t backend;
        HB_TRY(filter_backend(ctx, &backend));
        HB_TRY(steps_expr(ctx, ctx->query->filter, backend));
    }
    for (uint32_t i = 0; i < ctx->plan->node_count; i++) {
        const hb_node *node = &ctx->plan->nodes[i];
        if (node->kind == HB_NODE_SCAN && node->fragment.near != NULL) step_near(ctx, node);
    }
    for (uint32_t i = 0; i < ctx->plan->node_count; i++) {
        const hb_node *node = &ctx->plan->nodes[i];
        if (node->kind == HB_NODE_SCAN && node->fragment.search != NULL) step_search(ctx, node);
    }
    step_json_path(ctx);
    for (uint32_t i = 0; i < ctx->plan->node_count; i++) {
        step_node(ctx, i);
    }
    return HB_OK;
}

static hb_status explain_write(explain_ctx *ctx, cJSON *root, hb_str workspace_id, hb_buf *out) {
    put_str(ctx, root, "workspace", workspace_id);
    put_query(ctx, root);
    put_storage_plan(ctx, root);
    HB_TRY(put_steps(ctx, root));
    char *text = ctx->failed ? NULL : cJSON_PrintUnformatted(root);
    if (text == NULL) return hb_err_memory(ctx->split.err);
    hb_buf_add_c(out, text);
    cJSON_free(text);
    return hb_buf_check(out, ctx->split.err);
}

hb_status hb_plan_explain(const hb_plan *plan, hb_instance *const *instances, hb_str workspace_id,
                          hb_buf *json_out, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, json_out->mem);
    explain_ctx ctx = {
        .split = { .query = plan->query,
                   .routing = plan->routing,
                   .instances = instances,
                   .options = { .explain_only = true },
                   .arena = &arena,
                   .err = err },
        .plan = plan,
        .query = plan->query,
        .schema = plan->routing->schema,
        .routing = plan->routing,
        .instances = instances,
    };
    hb_buf_init(&ctx.text, json_out->mem);
    cJSON *root = cJSON_CreateObject();
    hb_status status =
        root != NULL ? explain_write(&ctx, root, workspace_id, json_out) : hb_err_memory(err);
    cJSON_Delete(root);
    hb_buf_free(&ctx.text);
    hb_arena_free(&arena);
    return status;
}
