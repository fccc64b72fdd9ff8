// SPDX-License-Identifier: MIT
/* A plan drawn as a tree: the nodes from the result down to the scans, then who answers each clause
 * and why, as explain() says it. */
#include <string.h>

#include "wasi/cli.h"

typedef struct tree {
    cli *c;
    hb_buf *out;
    yyjson_val *steps;
} tree;

static yyjson_val *step_by_id(const tree *t, uint64_t id) {
    size_t index, count;
    yyjson_val *step;
    yyjson_arr_foreach(t->steps, index, count, step) {
        yyjson_val *own = yyjson_obj_get(step, "id");
        if (yyjson_is_uint(own) && yyjson_get_uint(own) == id) return step;
    }
    return NULL;
}

static void add_text(hb_buf *out, const char *before, yyjson_val *value, const char *after) {
    if (!yyjson_is_str(value) || yyjson_get_len(value) == 0) return;
    hb_buf_printf(out, "%s%s%s", before, yyjson_get_str(value), after);
}

static void add_number(hb_buf *out, const char *before, yyjson_val *value) {
    if (yyjson_is_uint(value)) {
        hb_buf_printf(out, "%s%llu", before, (unsigned long long)yyjson_get_uint(value));
    }
}

static void add_list(hb_buf *out, const char *before, yyjson_val *list) {
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, count, item) {
        hb_buf_printf(out, "%s%s", index == 0 ? before : ", ",
                      yyjson_is_str(item) ? yyjson_get_str(item) : "?");
    }
}

/* [["n", true], ...]: "by n descending". */
static void add_order(hb_buf *out, yyjson_val *order) {
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(order, index, count, item) {
        const char *name = yyjson_get_str(yyjson_arr_get(item, 0));
        bool desc = yyjson_is_true(yyjson_arr_get(item, 1));
        hb_buf_printf(out, "%s%s%s", index == 0 ? "  by " : ", ", name != NULL ? name : "?",
                      desc ? " descending" : "");
    }
}

static void add_backend(hb_buf *out, yyjson_val *step) {
    add_text(out, "  on ", yyjson_obj_get(step, "backend"), "");
    add_text(out, " (", yyjson_obj_get(step, "type"), "");
    add_text(out, ", ", yyjson_obj_get(step, "strategy"), "");
    if (yyjson_obj_get(step, "type") != NULL) hb_buf_add_char(out, ')');
}

static void add_pushed(hb_buf *out, yyjson_val *pushed) {
    size_t index, count;
    yyjson_val *key, *value;
    const char *before = "  pushed: ";
    if (!yyjson_is_obj(pushed)) return;
    yyjson_obj_foreach(pushed, index, count, key, value) {
        if (!yyjson_is_true(value)) continue;
        hb_buf_printf(out, "%s%s", before, yyjson_get_str(key));
        before = ", ";
    }
}

static void add_node(hb_buf *out, yyjson_val *step) {
    add_text(out, "", yyjson_obj_get(step, "node"), "");
    add_text(out, " ", yyjson_obj_get(step, "entity"), "");
    add_text(out, " ", yyjson_obj_get(step, "op"), "");
    add_text(out, " ", yyjson_obj_get(step, "field"), "");
    add_text(out, " by ", yyjson_obj_get(step, "method"), "");
    add_backend(out, step);
    add_text(out, "  where ", yyjson_obj_get(step, "filter"), "");
    add_order(out, yyjson_obj_get(step, "order"));
    const char *name = yyjson_get_str(yyjson_obj_get(step, "node"));
    add_number(out, name != NULL && strcmp(name, "limit") == 0 ? " " : "  limit ",
               yyjson_obj_get(step, "limit"));
    yyjson_val *offset = yyjson_obj_get(step, "offset");
    if (yyjson_get_uint(offset) > 0) add_number(out, "  offset ", offset);
    add_list(out, "  ", yyjson_obj_get(step, "columns"));
    add_pushed(out, yyjson_obj_get(step, "pushed"));
    hb_buf_add_char(out, '\n');
}

/* `prefix` is what stands left of the children. Depth is bounded: inputs have smaller ids. */
static void draw(const tree *t, yyjson_val *step, const char *prefix) {
    uint64_t children[64];
    size_t total = 0, index, count;
    yyjson_val *item;
    yyjson_val *inputs = yyjson_obj_get(step, "inputs");
    yyjson_arr_foreach(inputs, index, count, item) {
        if (total < 64) children[total++] = yyjson_get_uint(item);
    }
    yyjson_val *candidates = yyjson_obj_get(step, "candidates_from");
    bool known = false;
    for (size_t i = 0; i < total; i++) known = known || children[i] == yyjson_get_uint(candidates);
    if (yyjson_is_uint(candidates) && !known && total < 64) {
        children[total++] = yyjson_get_uint(candidates);
    }
    for (size_t i = 0; i < total; i++) {
        yyjson_val *child = step_by_id(t, children[i]);
        bool last = i + 1 == total;
        if (child == NULL || children[i] >= yyjson_get_uint(yyjson_obj_get(step, "id"))) continue;
        hb_buf_printf(t->out, "%s%s ", prefix, last ? "└─" : "├─");
        add_node(t->out, child);
        hb_str below = hb_arena_printf(&t->c->arena, "%s%s", prefix, last ? "   " : "│  ");
        if (below.ptr != NULL) draw(t, child, below.ptr);
    }
}

/* The steps without an id say who answers a clause. */
static void add_clause(hb_buf *out, yyjson_val *step) {
    hb_buf_add_c(out, "  ");
    add_text(out, "", yyjson_obj_get(step, "node"), "");
    add_text(out, " ", yyjson_obj_get(step, "field"), "");
    add_list(out, " ", yyjson_obj_get(step, "fields"));
    const char *node = yyjson_get_str(yyjson_obj_get(step, "node"));
    if (node == NULL || strcmp(node, "near") != 0) {
        add_text(out, " ", yyjson_obj_get(step, "op"), "");
    }
    add_number(out, " of ", yyjson_obj_get(step, "n"));
    add_backend(out, step);
    add_text(out, "  ", yyjson_obj_get(step, "handler_mode"), "");
    add_text(out, ": ", yyjson_obj_get(step, "fallback_reason"), "");
    add_text(out, "  unsupported: ", yyjson_obj_get(step, "unsupported_reason"), "");
    add_text(out, "  ", yyjson_obj_get(step, "metric"), "");
    add_text(out, "  ", yyjson_obj_get(step, "ranking"), "");
    add_number(out, "  top ", yyjson_obj_get(step, "top_k"));
    add_text(out, "  filter: ", yyjson_obj_get(step, "near_filter_mode"), "");
    add_text(out, "  filter: ", yyjson_obj_get(step, "search_filter_mode"), "");
    hb_buf_add_char(out, '\n');
}

static hb_status add_bindings(cli *c, yyjson_val *plan, hb_buf *out, hb_err *err) {
    static const char *const headers[] = { "field", "backend", "type", "strategy", "why" };
    cli_table table;
    HB_TRY(cli_table_init(&table, c, headers, 5, err));
    size_t index, count;
    yyjson_val *item;
    yyjson_val *bindings = yyjson_obj_get(yyjson_obj_get(plan, "storage_plan"), "bindings");
    yyjson_arr_foreach(bindings, index, count, item) {
        hb_str why = cli_json_text(item, "why");
        if (why.len == 0) why = cli_json_text(item, "source");
        if (yyjson_is_false(yyjson_obj_get(item, "primary"))) {
            why = hb_arena_printf(&c->arena, "replica: %.*s", HB_ARG(why));
            if (why.ptr == NULL) return hb_err_memory(err);
        }
        hb_str cells[5] = { cli_json_text(item, "field_name"), cli_json_text(item, "backend"),
                            cli_json_text(item, "type"), cli_json_text(item, "strategy"), why };
        HB_TRY(cli_table_add(&table, c, cells, err));
    }
    cli_table_print(&table, "stored", out);
    return HB_OK;
}

hb_status cli_print_plan(cli *c, yyjson_val *plan, hb_buf *out, hb_err *err) {
    tree t = { c, out, yyjson_obj_get(plan, "steps") };
    yyjson_val *query = yyjson_obj_get(plan, "query");
    add_text(out, "query ", yyjson_obj_get(query, "entity_id"), "");
    add_text(out, " in workspace ", yyjson_obj_get(plan, "workspace"), "\n");
    size_t index, count;
    yyjson_val *item, *root = NULL;
    bool clauses = false;
    yyjson_arr_foreach(t.steps, index, count, item) {
        if (yyjson_obj_get(item, "id") != NULL) {
            root = item;
        } else {
            clauses = true;
        }
    }
    if (root != NULL) { /* the last one: nothing takes it as input */
        hb_buf_add_c(out, "└─ ");
        add_node(out, root);
        draw(&t, root, "   ");
    }
    if (clauses) hb_buf_add_c(out, "answered\n");
    yyjson_arr_foreach(t.steps, index, count, item) {
        if (yyjson_obj_get(item, "id") == NULL) add_clause(out, item);
    }
    return add_bindings(c, plan, out, err);
}
