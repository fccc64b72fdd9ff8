// SPDX-License-Identifier: MIT
/* The query as one line of text, for goldens and logs. Operands are shown shortened; vectors by
 * their first components and dimension. */
#include "query/query.h"

#include "base/num.h"
#include "value/pack.h"

#define TEXT_SHOWN 48u
#define ITEMS_SHOWN 4u

static void print_value(const hb_value *value, hb_buf *out) {
    hb_err ignored;
    switch (value->kind) {
    case HB_KIND_NULL: hb_buf_add_c(out, "null"); break;
    case HB_KIND_BOOL: hb_buf_add_c(out, value->as.b ? "true" : "false"); break;
    case HB_KIND_I64: hb_buf_add_i64(out, value->as.i); break;
    case HB_KIND_F64: hb_buf_add_f64(out, value->as.f); break;
    case HB_KIND_TEXT: {
        uint32_t end = 0;
        hb_str text = value->as.s;
        for (uint32_t shown = 0; shown < TEXT_SHOWN && end < text.len; shown++) {
            hb_utf8_next(text, &end);
        }
        hb_buf_add_json_str(out, hb_str_sub(text, 0, end));
        if (end < text.len) hb_buf_add_c(out, "...");
        break;
    }
    case HB_KIND_BYTES: hb_buf_printf(out, "<%u bytes>", (unsigned)value->as.s.len); break;
    case HB_KIND_VEC: hb_buf_printf(out, "[..%u]", (unsigned)value->as.v.len); break;
    case HB_KIND_PACK:
        hb_err_init(&ignored);
        hb_pack_to_json(value->as.s, 0, false, out, &ignored);
        break;
    case HB_KIND_COUNT: break;
    }
}

static void print_field(const hb_schema *schema, uint32_t field, const hb_str *path,
                        uint32_t path_len, hb_buf *out) {
    hb_buf_add_str(out, schema->fields[field].name);
    for (uint32_t i = 0; i < path_len; i++) {
        hb_buf_add_char(out, '.');
        hb_buf_add_str(out, path[i]);
    }
}

static const char *op_sign(hb_op op) {
    switch ((int)op) {
    case HB_OP_EQ: return "=";
    case HB_OP_NE: return "!=";
    case HB_OP_LT: return "<";
    case HB_OP_LTE: return "<=";
    case HB_OP_GT: return ">";
    case HB_OP_GTE: return ">=";
    default: return NULL;
    }
}

static void print_leaf(const hb_schema *schema, const hb_expr *leaf, hb_buf *out) {
    print_field(schema, leaf->field, leaf->path, leaf->path_len, out);
    if (leaf->op == HB_OP_IS_NULL) {
        hb_buf_add_c(out, " is null");
        return;
    }
    hb_buf_add_char(out, ' ');
    const char *sign = op_sign(leaf->op);
    if (sign != NULL) {
        hb_buf_add_c(out, sign);
    } else {
        hb_buf_add_str(out, hb_op_name(leaf->op));
    }
    hb_buf_add_char(out, ' ');
    if (leaf->op != HB_OP_IN) {
        print_value(&leaf->value, out);
        return;
    }
    hb_buf_add_char(out, '(');
    for (uint32_t i = 0; i < leaf->list_count && i < ITEMS_SHOWN; i++) {
        if (i > 0) hb_buf_add_c(out, ", ");
        print_value(&leaf->list[i], out);
    }
    if (leaf->list_count > ITEMS_SHOWN) {
        hb_buf_printf(out, ", ..%u", (unsigned)leaf->list_count);
    }
    if (leaf->list_has_null) hb_buf_add_c(out, leaf->list_count > 0 ? ", null" : "null");
    hb_buf_add_char(out, ')');
}

static void print_expr(const hb_schema *schema, const hb_expr *expr, bool nested, hb_buf *out) {
    if (expr->kind == HB_EXPR_LEAF) {
        print_leaf(schema, expr, out);
        return;
    }
    if (expr->kind == HB_EXPR_NOT) {
        hb_buf_add_c(out, "not ");
        print_expr(schema, expr->args[0], true, out);
        return;
    }
    if (nested) hb_buf_add_char(out, '(');
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (i > 0) hb_buf_add_c(out, expr->kind == HB_EXPR_AND ? " and " : " or ");
        print_expr(schema, expr->args[i], true, out);
    }
    if (expr->arg_count == 0) hb_buf_add_c(out, expr->kind == HB_EXPR_AND ? "true" : "false");
    if (nested) hb_buf_add_char(out, ')');
}

void hb_expr_print(const hb_schema *schema, const hb_expr *expr, hb_buf *out) {
    print_expr(schema, expr, false, out);
}

static void print_near(const hb_query *query, hb_buf *out) {
    const hb_near *near = query->near;
    hb_buf_add_c(out, " | near ");
    hb_buf_add_str(out, query->schema->fields[near->field].name);
    hb_buf_add_c(out, " [");
    for (uint32_t i = 0; i < near->dim && i < ITEMS_SHOWN; i++) {
        if (i > 0) hb_buf_add_char(out, ',');
        char text[HB_NUM_TEXT_MAX];
        uint32_t len = hb_num_write_f32(near->vector[i], text);
        if (len > 2 && text[len - 2] == '.' && text[len - 1] == '0') len -= 2;
        hb_buf_add(out, text, len);
    }
    if (near->dim > ITEMS_SHOWN) hb_buf_printf(out, ",..%u", (unsigned)near->dim);
    hb_buf_printf(out, "] top %u", (unsigned)near->top_k);
    if (near->metric != HB_METRIC_COSINE) {
        hb_buf_printf(out, " by %.*s", HB_ARG(hb_metric_name(near->metric)));
    }
    if (near->ef > 0) hb_buf_printf(out, " ef %u", (unsigned)near->ef);
    if (near->exact) hb_buf_add_c(out, " exact");
}

static void print_search(const hb_query *query, hb_buf *out) {
    const hb_search *search = query->search;
    hb_value text = { .kind = HB_KIND_TEXT, .as.s = search->text };
    hb_buf_add_c(out, " | search ");
    for (uint32_t i = 0; i < search->field_count; i++) {
        if (i > 0) hb_buf_add_char(out, ',');
        hb_buf_add_str(out, query->schema->fields[search->fields[i]].name);
    }
    if (search->field_count == 0) hb_buf_add_char(out, '*');
    hb_buf_add_char(out, ' ');
    print_value(&text, out);
    hb_buf_printf(out, " top %u", (unsigned)search->top_k);
    if (search->mode != HB_SEARCH_ANY) {
        hb_buf_printf(out, " %.*s", HB_ARG(hb_search_mode_name(search->mode)));
    }
}

static void print_traverse(const hb_traverse *traverse, hb_buf *out) {
    hb_value start = { .kind = HB_KIND_TEXT, .as.s = traverse->start };
    hb_buf_printf(out, " | traverse %.*s %.*s from ", HB_ARG(traverse->field),
                  HB_ARG(hb_direction_name(traverse->direction)));
    print_value(&start, out);
    hb_buf_printf(out, " hops %u to %u", (unsigned)traverse->min_hops,
                  (unsigned)traverse->max_hops);
}

static void print_aggregate(const hb_aggregate *aggregate, hb_buf *out) {
    for (uint32_t i = 0; i < aggregate->group_count; i++) {
        hb_buf_add_c(out, i == 0 ? " | group by " : ", ");
        hb_buf_add_str(out, aggregate->groups[i].name);
    }
    for (uint32_t i = 0; i < aggregate->measure_count; i++) {
        const hb_measure *measure = &aggregate->measures[i];
        hb_buf_printf(out, "%s%.*s = %.*s(%s%.*s)", i == 0 ? " | aggregate " : ", ",
                      HB_ARG(measure->name), HB_ARG(hb_reducer_name(measure->reducer)),
                      measure->distinct ? "distinct " : "", HB_ARG(measure->col.name));
    }
    if (aggregate->having == NULL) return;
    hb_buf_add_c(out, " | having ");
    hb_expr_print(aggregate->schema, aggregate->having, out);
}

void hb_query_print(const hb_query *query, hb_buf *out) {
    hb_buf_add_c(out, "from ");
    hb_buf_add_str(out, query->schema->entity_id);
    if (query->filter != NULL) {
        hb_buf_add_c(out, " | where ");
        hb_expr_print(query->schema, query->filter, out);
    }
    if (query->traverse != NULL) print_traverse(query->traverse, out);
    if (query->near != NULL) print_near(query, out);
    if (query->search != NULL) print_search(query, out);
    if (query->aggregate != NULL) print_aggregate(query->aggregate, out);
    for (uint32_t i = 0; i < query->order_count; i++) {
        hb_buf_add_c(out, i == 0 ? " | order " : ", ");
        if (query->order[i].desc) hb_buf_add_char(out, '-');
        hb_buf_add_str(out, query->order[i].col.name);
    }
    if (!query->select_all) {
        hb_buf_add_c(out, " | select ");
        if (query->select_count == 0) hb_buf_add_c(out, "object_id");
        for (uint32_t i = 0; i < query->select_count; i++) {
            if (i > 0) hb_buf_add_c(out, ", ");
            hb_buf_add_str(out, query->select[i].name);
        }
    }
    if (query->offset > 0) hb_buf_printf(out, " | offset %llu", (unsigned long long)query->offset);
    if (query->limit != HB_NO_LIMIT)
        hb_buf_printf(out, " | limit %llu", (unsigned long long)query->limit);
    if (query->is_count) {
        hb_buf_printf(out, " | count %.*s%s",
                      HB_ARG(query->schema->fields[query->count_field].name),
                      query->count_distinct ? "" : " all");
    }
}
