// SPDX-License-Identifier: MIT
#include "compile/sql.h"

#include <inttypes.h>

#define SQL_FLAT_ARGS 8u            /* AND/OR of more arguments are written as a balanced tree */
#define SQL_JSON_KEYS_MAX 16u

void hb_sql_init(hb_sql *sql, const hb_dialect *dialect, const hb_mem *mem, hb_arena *arena) {
    *sql = (hb_sql){ .dialect = dialect, .mem = mem, .arena = arena };
    hb_buf_init(&sql->text, mem);
}

void hb_sql_free(hb_sql *sql) {
    hb_mem_free(sql->mem, sql->params, sql->param_cap * sizeof(hb_sql_param));
    hb_buf_free(&sql->text);
    sql->params = NULL;
    sql->param_count = sql->param_cap = 0;
}

void hb_sql_clear(hb_sql *sql) {
    hb_buf_clear(&sql->text);
    sql->param_count = 0;
    sql->failed = false;
}

void hb_sql_add(hb_sql *sql, const char *text) {
    hb_buf_add_c(&sql->text, text);
}

void hb_sql_ident(hb_sql *sql, hb_str name) {
    char close = sql->dialect->quote_close;
    hb_buf_add_char(&sql->text, sql->dialect->quote_open);
    uint32_t start = 0;
    for (uint32_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == close) {
            hb_buf_add(&sql->text, name.ptr + start, i + 1 - start);
            hb_buf_add_char(&sql->text, close);
            start = i + 1;
        }
    }
    hb_buf_add(&sql->text, name.ptr + start, name.len - start);
    hb_buf_add_char(&sql->text, close);
}

static hb_sql_param *sql_param_push(hb_sql *sql) {
    if (sql->param_count == sql->param_cap) {
        uint32_t cap = sql->param_cap == 0 ? 16 : sql->param_cap * 2;
        hb_sql_param *grown =
            hb_mem_realloc(sql->mem, sql->params, sql->param_cap * sizeof(hb_sql_param),
                           cap * sizeof(hb_sql_param));
        if (grown == NULL) {
            sql->failed = true;
            return NULL;
        }
        sql->params = grown;
        sql->param_cap = cap;
    }
    hb_sql_param *param = &sql->params[sql->param_count++];
    *param = (hb_sql_param){ .value = { .kind = HB_KIND_NULL } };
    return param;
}

static void sql_write_placeholder(hb_sql *sql) {
    switch (sql->dialect->placeholder) {
    case HB_PLACEHOLDER_QUESTION: hb_sql_add(sql, "?"); return;
    case HB_PLACEHOLDER_DOLLAR: hb_buf_printf(&sql->text, "$%" PRIu32, sql->param_count); return;
    case HB_PLACEHOLDER_COLON: hb_buf_printf(&sql->text, ":%" PRIu32, sql->param_count); return;
    case HB_PLACEHOLDER_AT: hb_buf_printf(&sql->text, "@p%" PRIu32, sql->param_count); return;
    }
}

bool hb_sql_is_marked(const hb_dialect *dialect, hb_str text) {
    if (dialect->text_marked == NULL) return false;
    if (text.len == 0) return dialect->empty_marked;
    const char last = text.ptr[text.len - 1];
    return last != '\0' && strchr(dialect->text_marked, last) != NULL;
}

hb_str hb_sql_marked(hb_sql *sql, hb_str text) {
    if (!hb_sql_is_marked(sql->dialect, text)) return text;
    const hb_str marked = hb_arena_printf(sql->arena, "%.*s%c", HB_ARG(text), HB_SQL_MARK);
    if (marked.ptr != NULL) return marked;
    sql->failed = true;
    return text;
}

static void sql_cell_as_is(hb_sql *sql, const hb_value *value, hb_kind kind) {
    hb_sql_param *param = sql_param_push(sql);
    if (param != NULL) param->value = *value;
    if (sql->dialect->cast_heads[kind] != NULL) hb_sql_add(sql, sql->dialect->cast_heads[kind]);
    sql_write_placeholder(sql);
    if (value->kind == HB_KIND_VEC && sql->dialect->vector_cast != NULL) {
        hb_sql_of_length(sql, sql->dialect->vector_cast, value->as.v.len);
    } else if (sql->dialect->casts[kind] != NULL) {
        hb_sql_add(sql, sql->dialect->casts[kind]);
    }
}

void hb_sql_cell_add(hb_sql *sql, const hb_value *value, hb_kind kind) {
    hb_value marked = *value;
    const bool is_bytes = value->kind == HB_KIND_BYTES && sql->dialect->bytes_marked;
    if (value->kind == HB_KIND_TEXT || is_bytes) marked.as.s = hb_sql_marked(sql, value->as.s);
    sql_cell_as_is(sql, &marked, kind);
}

void hb_sql_of_length(hb_sql *sql, const char *text, uint32_t length) {
    for (const char *p = text; *p != '\0'; p++) {
        if (*p == '#') {
            hb_buf_printf(&sql->text, "%" PRIu32, length);
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
}

void hb_sql_param_add(hb_sql *sql, const hb_value *value) {
    hb_sql_cell_add(sql, value, value->kind);
}

void hb_sql_pointer_add(hb_sql *sql, void *pointer, const char *pointer_type) {
    hb_sql_param *param = sql_param_push(sql);
    if (param != NULL) {
        param->pointer = pointer;
        param->pointer_type = pointer_type;
    }
    sql_write_placeholder(sql);
}

static void sql_text_param(hb_sql *sql, hb_kind kind, hb_str text) {
    hb_value value = { .kind = kind };
    value.as.s = text;
    hb_sql_param_add(sql, &value);
}

static void sql_int_param(hb_sql *sql, int64_t number) {
    hb_value value = { .kind = HB_KIND_I64 };
    value.as.i = number;
    hb_sql_param_add(sql, &value);
}

hb_status hb_sql_check(const hb_sql *sql, hb_err *err) {
    if (sql->failed) return hb_err_memory(err);
    return hb_buf_check(&sql->text, err);
}

/* ---- which leaves can be said ---------------------------------------------------------------- */

static const char *sql_compare_op(hb_op op) {
    static const char *const ops[HB_OP_COUNT] = {
        [HB_OP_EQ] = "=",   [HB_OP_NE] = "<>", [HB_OP_LT] = "<",
        [HB_OP_LTE] = "<=", [HB_OP_GT] = ">",  [HB_OP_GTE] = ">=",
    };
    return ops[op];
}

static bool sql_is_number(const hb_value *value) {
    return value->kind == HB_KIND_I64 || value->kind == HB_KIND_F64;
}

static bool sql_all_of_kind(const hb_expr *leaf, hb_kind kind) {
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        if (leaf->list[i].kind != kind) return false;
    }
    return true;
}

/* Keys that every JSON path language reads alike: letters, digits and _, not starting with a digit
 * (a number could index an array). */
static bool sql_is_plain_key(hb_str key) {
    for (uint32_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return key.len > 0;
}

static bool sql_can_path_value(const hb_dialect *dialect, hb_op op, const hb_value *value) {
    if (sql_is_number(value)) return dialect->json_number != NULL && sql_compare_op(op) != NULL;
    return value->kind == HB_KIND_BOOL && op == HB_OP_EQ && dialect->json_true != NULL;
}

static bool sql_can_path(const hb_dialect *dialect, const hb_expr *leaf) {
    if (leaf->path_len > SQL_JSON_KEYS_MAX) return false;
    for (uint32_t i = 0; i < leaf->path_len; i++) {
        if (!sql_is_plain_key(leaf->path[i])) return false;
    }
    if (leaf->op == HB_OP_IN) {
        for (uint32_t i = 0; i < leaf->list_count; i++) {
            if (!sql_can_path_value(dialect, HB_OP_EQ, &leaf->list[i])) return false;
        }
        return leaf->list_count <= SQL_FLAT_ARGS;
    }
    return sql_can_path_value(dialect, leaf->op, &leaf->value);
}

static bool sql_can_text(const hb_dialect *dialect, const hb_expr *leaf) {
    uint32_t exact = dialect->text_exact;
    switch (leaf->op) {
    case HB_OP_EQ:
    case HB_OP_NE: return (exact & HB_TEXT_EQ_EXACT) != 0 && leaf->value.kind == HB_KIND_TEXT;
    case HB_OP_IN: return (exact & HB_TEXT_EQ_EXACT) != 0 && sql_all_of_kind(leaf, HB_KIND_TEXT);
    case HB_OP_LT:
    case HB_OP_LTE:
    case HB_OP_GT:
    case HB_OP_GTE: return (exact & HB_TEXT_ORDER_EXACT) != 0 && leaf->value.kind == HB_KIND_TEXT;
    case HB_OP_CONTAINS: return dialect->contains != NULL && leaf->value.kind == HB_KIND_TEXT;
    case HB_OP_STARTS_WITH: return dialect->starts_with != NULL && leaf->value.kind == HB_KIND_TEXT;
    case HB_OP_ENDS_WITH: return dialect->ends_with != NULL && leaf->value.kind == HB_KIND_TEXT;
    case HB_OP_IS_NULL:
    case HB_OP_MATCH:
    case HB_OP_LIKE:
    case HB_OP_ILIKE:
    case HB_OP_WILDCARD:
    case HB_OP_REGEX:
    case HB_OP_HAS_WORDS:
    case HB_OP_ARRAY_CONTAINS:
    case HB_OP_CONTAINED_IN:
    case HB_OP_EXISTS:
    case HB_OP_ALL:
    case HB_OP_COUNT:
    case HB_OP_GET:
    case HB_OP_NEAR: return false;
    }
    return false;
}

static bool sql_can_plain(hb_kind kind, const hb_expr *leaf) {
    bool number = kind == HB_KIND_I64 || kind == HB_KIND_F64;
    if (leaf->op == HB_OP_IN) {
        for (uint32_t i = 0; i < leaf->list_count; i++) {
            if (number ? !sql_is_number(&leaf->list[i]) : leaf->list[i].kind != kind) return false;
        }
        return true;
    }
    if (number) return sql_compare_op(leaf->op) != NULL && sql_is_number(&leaf->value);
    return (leaf->op == HB_OP_EQ || leaf->op == HB_OP_NE) && leaf->value.kind == kind;
}

bool hb_sql_can_leaf(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf) {
    if (leaf->path_len > 0) return sql_can_path(dialect, leaf);
    if (leaf->op == HB_OP_IS_NULL) return true;
    if ((leaf->op == HB_OP_EQ || leaf->op == HB_OP_NE) && leaf->value.kind == HB_KIND_NULL) {
        return true;
    }
    hb_kind kind = hb_type_kind(type);
    switch (kind) {
    case HB_KIND_TEXT: return sql_can_text(dialect, leaf);
    case HB_KIND_BOOL:
    case HB_KIND_I64:
    case HB_KIND_F64: return sql_can_plain(kind, leaf);
    case HB_KIND_NULL:
    case HB_KIND_BYTES:
    case HB_KIND_VEC:
    case HB_KIND_PACK:
    case HB_KIND_COUNT: return false;
    }
    return false;
}

/* ---- leaves ---------------------------------------------------------------------------------- */

typedef struct sql_writer {
    hb_sql *sql;
    const hb_sql_scope *scope;
} sql_writer;

static hb_status sql_write_hook(const sql_writer *w, const hb_expr *leaf, hb_err *err) {
    if (w->scope->leaf == NULL) {
        return hb_err_set(err, HB_E_INTERNAL, "no SQL for operator %.*s",
                          HB_ARG(hb_op_name(leaf->op)));
    }
    return w->scope->leaf(w->scope->ctx, w->sql, leaf, err);
}

/* "$.a.b" for the keys of a leaf; plain keys need no quotes inside. */
static hb_str sql_json_path(hb_sql *sql, const hb_expr *leaf) {
    hb_str text = HB_STR("$");
    for (uint32_t i = 0; i < leaf->path_len && text.ptr != NULL; i++) {
        text = hb_arena_printf(sql->arena, "%.*s.%.*s", HB_ARG(text), HB_ARG(leaf->path[i]));
    }
    if (text.ptr == NULL) {
        sql->failed = true;
        return HB_STR_EMPTY;
    }
    return text;
}

/* UTF-8 never holds byte 0xff, so the last byte can always be raised by one. */
static hb_str sql_prefix_end(hb_sql *sql, hb_str prefix) {
    char *end = hb_arena_copy(sql->arena, prefix.ptr, prefix.len);
    if (end == NULL) {
        sql->failed = true;
        return HB_STR_EMPTY;
    }
    end[prefix.len - 1] = (char)((unsigned char)end[prefix.len - 1] + 1u);
    return (hb_str){ end, prefix.len };
}

static hb_status sql_write_template(const sql_writer *w, const char *form, hb_str column,
                                    const hb_expr *leaf, hb_err *err) {
    hb_sql *sql = w->sql;
    for (const char *p = form; *p != '\0'; p++) {
        if (*p != '$') {
            hb_buf_add_char(&sql->text, *p);
            continue;
        }
        p++;
        switch (*p) {
        case 'c': hb_sql_ident(sql, column); break;
        case 'o': hb_sql_add(sql, sql_compare_op(leaf->op)); break;
        case 'p': hb_sql_param_add(sql, &leaf->value); break;
        case 'r': sql_cell_as_is(sql, &leaf->value, HB_KIND_TEXT); break;
        case 'b': sql_text_param(sql, HB_KIND_BYTES, hb_sql_marked(sql, leaf->value.as.s)); break;
        case 'n': sql_text_param(sql, HB_KIND_TEXT, sql_prefix_end(sql, leaf->value.as.s)); break;
        case 'l': sql_int_param(sql, -(int64_t)leaf->value.as.s.len); break;
        case 'j': sql_text_param(sql, HB_KIND_TEXT, sql_json_path(sql, leaf)); break;
        case 'h': HB_TRY(sql_write_hook(w, leaf, err)); break;
        default: return hb_err_set(err, HB_E_INTERNAL, "a dialect template has the letter %c", *p);
        }
    }
    return HB_OK;
}

static void sql_write_null_test(hb_sql *sql, hb_str column, bool want_null) {
    hb_sql_ident(sql, column);
    hb_sql_add(sql, want_null ? " IS NULL" : " IS NOT NULL");
}

static void sql_write_in(hb_sql *sql, hb_str column, const hb_expr *leaf) {
    if (leaf->list_count == 0) {
        if (leaf->list_has_null) {
            sql_write_null_test(sql, column, true);
        } else {
            hb_buf_printf(&sql->text, "NOT %s", sql->dialect->true_text);
        }
        return;
    }
    if (leaf->list_has_null) hb_sql_add(sql, "(");
    hb_sql_ident(sql, column);
    hb_sql_add(sql, " IN (");
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_param_add(sql, &leaf->list[i]);
    }
    hb_sql_add(sql, ")");
    if (leaf->list_has_null) {
        hb_sql_add(sql, " OR ");
        sql_write_null_test(sql, column, true);
        hb_sql_add(sql, ")");
    }
}

static void sql_write_compare(hb_sql *sql, hb_str column, const hb_expr *leaf) {
    bool null_operand = leaf->value.kind == HB_KIND_NULL;
    if (null_operand) {
        sql_write_null_test(sql, column, leaf->op == HB_OP_EQ);
        return;
    }
    if (leaf->op == HB_OP_NE && sql->dialect->is_not == NULL) {
        hb_sql_add(sql, "(");
        hb_sql_ident(sql, column);
        hb_sql_add(sql, " <> ");
        hb_sql_param_add(sql, &leaf->value);
        hb_sql_add(sql, " OR ");
        sql_write_null_test(sql, column, true);
        hb_sql_add(sql, ")");
        return;
    }
    hb_sql_ident(sql, column);
    if (leaf->op == HB_OP_NE) {
        hb_sql_add(sql, sql->dialect->is_not);
    } else {
        hb_buf_printf(&sql->text, " %s ", sql_compare_op(leaf->op));
    }
    hb_sql_param_add(sql, &leaf->value);
}

static const char *sql_leaf_template(const hb_dialect *dialect, const hb_expr *leaf) {
    if (leaf->path_len > 0) {
        if (leaf->value.kind != HB_KIND_BOOL) return dialect->json_number;
        return leaf->value.as.b ? dialect->json_true : dialect->json_false;
    }
    if (leaf->op == HB_OP_CONTAINS) return dialect->contains;
    if (leaf->op == HB_OP_STARTS_WITH) return dialect->starts_with;
    return leaf->op == HB_OP_ENDS_WITH ? dialect->ends_with : NULL;
}

/* Of a comparison of texts, where the dialect has an own one. */
static const char *sql_text_template(const hb_dialect *dialect, const hb_expr *leaf, bool is_id) {
    if (leaf->path_len > 0 || leaf->value.kind != HB_KIND_TEXT) return NULL;
    if (leaf->op == HB_OP_EQ || leaf->op == HB_OP_NE) return is_id ? NULL : dialect->text_equal;
    if (is_id && dialect->id_order == NULL) return NULL;
    return sql_compare_op(leaf->op) != NULL ? dialect->text_compare : NULL;
}

static hb_status sql_write_text(const sql_writer *w, const char *form, hb_str column,
                                const hb_expr *leaf, hb_err *err) {
    hb_sql_add(w->sql, "(");
    HB_TRY(sql_write_template(w, form, column, leaf, err));
    if (leaf->op == HB_OP_NE) {
        hb_sql_add(w->sql, " OR ");
        sql_write_null_test(w->sql, column, true);
    }
    hb_sql_add(w->sql, ")");
    return HB_OK;
}

/* Each item as a comparison of its own. */
static hb_status sql_write_each(const sql_writer *w, hb_str column, const hb_expr *leaf,
                                hb_err *err) {
    hb_sql_add(w->sql, "(");
    if (leaf->list_count == 0) hb_buf_printf(&w->sql->text, "NOT %s", w->sql->dialect->true_text);
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        hb_expr *item = hb_arena_copy(w->sql->arena, leaf, sizeof *item);
        if (item == NULL) return hb_err_memory(err);
        item->op = HB_OP_EQ;
        item->value = leaf->list[i];
        if (i > 0) hb_sql_add(w->sql, " OR ");
        const char *form = leaf->path_len > 0 ? sql_leaf_template(w->sql->dialect, item)
                                              : sql_text_template(w->sql->dialect, item, false);
        HB_TRY(sql_write_template(w, form, column, item, err));
    }
    if (leaf->list_has_null && leaf->path_len == 0) {
        hb_sql_add(w->sql, " OR ");
        sql_write_null_test(w->sql, column, true);
    }
    hb_sql_add(w->sql, ")");
    return HB_OK;
}

static bool sql_leaf_goes_to_hook(const sql_writer *w, const hb_type *type, const hb_expr *leaf) {
    const hb_dialect *dialect = w->sql->dialect;
    if (!hb_sql_can_leaf(dialect, type, leaf)) return true;
    if (leaf->op == HB_OP_IN && leaf->list_count > dialect->in_max) return true;
    return w->scope->leaf != NULL && leaf->op != HB_OP_IS_NULL &&
           w->sql->param_count >= dialect->params_soft_max;
}

/* Whether a list's items are compared one by one. */
static bool sql_is_each(const hb_dialect *dialect, const hb_expr *leaf, bool is_id) {
    if (leaf->op != HB_OP_IN) return false;
    if (leaf->path_len > 0) return true;
    return !is_id && dialect->text_equal != NULL && leaf->list_count > 0 &&
           leaf->list[0].kind == HB_KIND_TEXT;
}

static hb_status sql_write_leaf(const sql_writer *w, const hb_expr *leaf, hb_err *err) {
    const hb_container *container = w->scope->container;
    uint32_t place = container->by_field[leaf->field];
    HB_ASSERT(place != HB_FIELD_NONE);
    hb_str column = w->scope->columns[place];
    if (sql_leaf_goes_to_hook(w, container->schema->fields[leaf->field].type, leaf)) {
        return sql_write_hook(w, leaf, err);
    }
    if (sql_is_each(w->sql->dialect, leaf, place == 0)) return sql_write_each(w, column, leaf, err);
    const char *form = sql_text_template(w->sql->dialect, leaf, place == 0);
    if (form != NULL) return sql_write_text(w, form, column, leaf, err);
    form = sql_leaf_template(w->sql->dialect, leaf);
    if (form != NULL) {
        if (leaf->path_len == 0 && leaf->value.as.s.len == 0) { /* every text has "" in it */
            sql_write_null_test(w->sql, column, false);
            return HB_OK;
        }
        hb_sql_add(w->sql, "(");
        HB_TRY(sql_write_template(w, form, column, leaf, err));
        hb_sql_add(w->sql, ")");
    } else if (leaf->op == HB_OP_IS_NULL) {
        sql_write_null_test(w->sql, column, true);
    } else if (leaf->op == HB_OP_IN) {
        sql_write_in(w->sql, column, leaf);
    } else {
        sql_write_compare(w->sql, column, leaf);
    }
    return HB_OK;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static hb_status sql_write_expr(const sql_writer *w, const hb_expr *expr, hb_err *err);

/* args[from..to) joined by `word`. Engines bound the depth of a chain of ANDs, so that long ones
 * become balanced trees. */
static hb_status sql_write_args(const sql_writer *w, const hb_expr *expr, const char *word,
                                uint32_t from, uint32_t to, hb_err *err) {
    if (to - from > SQL_FLAT_ARGS) {
        uint32_t middle = from + (to - from) / 2;
        hb_sql_add(w->sql, "(");
        HB_TRY(sql_write_args(w, expr, word, from, middle, err));
        hb_buf_printf(&w->sql->text, ")%s(", word);
        HB_TRY(sql_write_args(w, expr, word, middle, to, err));
        hb_sql_add(w->sql, ")");
        return HB_OK;
    }
    for (uint32_t i = from; i < to; i++) {
        if (i > from) hb_sql_add(w->sql, word);
        HB_TRY(sql_write_expr(w, expr->args[i], err));
    }
    return HB_OK;
}

/* Whether the leaf asks if its column is null, or is not. */
static bool sql_is_null_test(const hb_expr *expr, bool *want_null) {
    if (expr->kind != HB_EXPR_LEAF || expr->path_len > 0) return false;
    *want_null = expr->op != HB_OP_NE;
    if (expr->op == HB_OP_IS_NULL) return true;
    return (expr->op == HB_OP_EQ || expr->op == HB_OP_NE) && expr->value.kind == HB_KIND_NULL;
}

static hb_status sql_write_expr(const sql_writer *w, const hb_expr *expr, hb_err *err) {
    bool want_null;
    switch (expr->kind) {
    case HB_EXPR_LEAF: return sql_write_leaf(w, expr, err);
    case HB_EXPR_NOT:
        if (sql_is_null_test(expr->args[0], &want_null)) { /* as an index can answer it */
            const uint32_t place = w->scope->container->by_field[expr->args[0]->field];
            HB_ASSERT(place != HB_FIELD_NONE);
            sql_write_null_test(w->sql, w->scope->columns[place], !want_null);
            return HB_OK;
        }
        if (w->sql->dialect->not_head != NULL) hb_sql_add(w->sql, w->sql->dialect->not_head);
        hb_sql_add(w->sql, "(");
        HB_TRY(sql_write_expr(w, expr->args[0], err));
        hb_buf_printf(&w->sql->text, ")%s", w->sql->dialect->not_true);
        return HB_OK;
    case HB_EXPR_AND:
    case HB_EXPR_OR:
        if (expr->arg_count == 0) {
            hb_sql_add(w->sql, w->sql->dialect->true_text);
            return HB_OK;
        }
        hb_sql_add(w->sql, "(");
        HB_TRY(sql_write_args(w, expr, expr->kind == HB_EXPR_AND ? " AND " : " OR ", 0,
                              expr->arg_count, err));
        hb_sql_add(w->sql, ")");
        return HB_OK;
    }
    return hb_err_set(err, HB_E_INTERNAL, "unknown expression kind %d", (int)expr->kind);
}

hb_status hb_sql_where(hb_sql *sql, const hb_sql_scope *scope, const hb_expr *expr, hb_err *err) {
    if (expr == NULL) {
        hb_sql_add(sql, sql->dialect->true_text);
        return HB_OK;
    }
    sql_writer writer = { sql, scope };
    HB_TRY(sql_write_expr(&writer, expr, err));
    return hb_sql_check(sql, err);
}

/* ---- the rest of a statement ----------------------------------------------------------------- */

void hb_sql_order_key(hb_sql *sql, hb_str column, const char *form, bool desc) {
    if (!sql->dialect->nulls_last) {
        hb_sql_add(sql, "CASE WHEN ");
        sql_write_null_test(sql, column, true);
        hb_sql_add(sql, " THEN 1 ELSE 0 END, ");
    }
    hb_sql_order_by(sql, column, form);
    if (desc) hb_sql_add(sql, " DESC");
    if (sql->dialect->nulls_last) hb_sql_add(sql, " NULLS LAST");
}

void hb_sql_order_by(hb_sql *sql, hb_str column, const char *form) {
    for (const char *p = form != NULL ? form : "$c"; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] == 'c') {
            hb_sql_ident(sql, column);
            p++;
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
}

static void sql_count_add(hb_sql *sql, uint64_t count) {
    const int64_t clamped = count > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)count;
    if (sql->dialect->limit_written) {
        hb_buf_printf(&sql->text, "%" PRId64, clamped);
    } else {
        sql_int_param(sql, clamped);
    }
}

void hb_sql_limit(hb_sql *sql, uint64_t limit, uint64_t offset) {
    bool limited = limit != HB_NO_LIMIT;
    if (!limited && offset == 0) return;
    if (sql->dialect->limit == HB_LIMIT_FETCH) {
        const bool none = limit == 0; /* FETCH NEXT 0 is an error in some */
        if (none) limit = 1;
        hb_sql_add(sql, " OFFSET ");
        sql_count_add(sql, none ? (uint64_t)INT64_MAX : offset);
        hb_sql_add(sql, " ROWS");
        if (!limited) return;
        hb_sql_add(sql, " FETCH NEXT ");
        sql_count_add(sql, limit);
        hb_sql_add(sql, " ROWS ONLY");
        return;
    }
    if (sql->dialect->limit == HB_LIMIT_OFFSET_FIRST) {
        if (offset > 0) hb_sql_add(sql, " OFFSET ");
        if (offset > 0) sql_count_add(sql, offset);
        if (limited) hb_sql_add(sql, " LIMIT ");
        if (limited) sql_count_add(sql, limit);
        return;
    }
    hb_sql_add(sql, " LIMIT ");
    if (limited) {
        sql_count_add(sql, limit);
    } else {
        hb_sql_add(sql, sql->dialect->no_limit);
    }
    if (offset > 0) {
        hb_sql_add(sql, " OFFSET ");
        sql_count_add(sql, offset);
    }
}

static void sql_write_updates(hb_sql *sql, const hb_str *columns, uint32_t column_count,
                              const hb_str *cleared, uint32_t cleared_count) {
    bool conflict = sql->dialect->upsert == HB_UPSERT_ON_CONFLICT;
    for (uint32_t i = 1; i < column_count; i++) {
        if (i > 1) hb_sql_add(sql, ", ");
        hb_sql_ident(sql, columns[i]);
        hb_sql_add(sql, conflict ? " = excluded." : " = VALUES(");
        hb_sql_ident(sql, columns[i]);
        if (!conflict) hb_sql_add(sql, ")");
    }
    for (uint32_t i = 0; i < cleared_count; i++) {
        if (i > 0 || column_count > 1) hb_sql_add(sql, ", ");
        hb_sql_ident(sql, cleared[i]);
        hb_sql_add(sql, " = NULL");
    }
}

void hb_sql_upsert(hb_sql *sql, hb_str table, const hb_str *columns, uint32_t column_count,
                   const hb_str *cleared, uint32_t cleared_count) {
    static const hb_value nothing = { .kind = HB_KIND_NULL };
    hb_sql_add(sql, "INSERT INTO ");
    hb_sql_ident(sql, table);
    hb_sql_column_list(sql, columns, column_count);
    hb_sql_add(sql, " VALUES (");
    for (uint32_t i = 0; i < column_count; i++) {
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_param_add(sql, &nothing); /* bound anew for every row */
    }
    hb_sql_add(sql, ")");
    hb_sql_on_clash(sql, columns, column_count, cleared, cleared_count);
}

void hb_sql_column_list(hb_sql *sql, const hb_str *columns, uint32_t column_count) {
    hb_sql_add(sql, " (");
    for (uint32_t i = 0; i < column_count; i++) {
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_ident(sql, columns[i]);
    }
    hb_sql_add(sql, ")");
}

void hb_sql_on_clash(hb_sql *sql, const hb_str *columns, uint32_t column_count,
                     const hb_str *cleared, uint32_t cleared_count) {
    bool nothing_to_set = column_count + cleared_count < 2;
    switch (sql->dialect->upsert) {
    case HB_UPSERT_BY_KEY:
    case HB_UPSERT_MERGE:
    case HB_UPSERT_INSERT_ALL:
    case HB_UPSERT_NONE: return;
    case HB_UPSERT_ON_CONFLICT:
        hb_sql_add(sql, " ON CONFLICT (");
        hb_sql_ident(sql, columns[0]);
        hb_sql_add(sql, nothing_to_set ? ") DO NOTHING" : ") DO UPDATE SET ");
        break;
    case HB_UPSERT_ON_DUPLICATE:
        hb_sql_add(sql, " ON DUPLICATE KEY UPDATE ");
        if (nothing_to_set) {
            hb_sql_ident(sql, columns[0]);
            hb_sql_add(sql, " = ");
            hb_sql_ident(sql, columns[0]);
        }
        break;
    }
    sql_write_updates(sql, columns, column_count, cleared, cleared_count);
}
