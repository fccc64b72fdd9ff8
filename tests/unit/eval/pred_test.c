// SPDX-License-Identifier: MIT
#include "eval/pred.h"

#include <stdio.h>

#include "tests/unit/test.h"
#include "value/coerce.h"

enum { FIELD_COUNT = 11, ROW_COUNT = 6 };

/* The world that the tables ask about: row i of field f is cells[f].rows[i]. */
static const struct {
    const char *name, *type;
    const char *rows[ROW_COUNT];
} cells[FIELD_COUNT] = {
    { "id", "identifier", { "\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"e\"", "\"f\"" } },
    { "i", "integer", { "1", "5", "-3", "null", "9007199254740993", "5" } },
    { "f", "float", { "1.5", "0", "-0.0", "null", "2", "1e300" } },
    { "b", "boolean", { "true", "false", "null", "true", "false", "null" } },
    { "s", "short-text", { "\"apple\"", "\"Apple Pie\"", "\"\"", "null", "\"Ünïcode\"", "\"a\\nb\"" } },
    { "v", "vector[2]", { "[1,0]", "[0,1]", "null", "[1,0]", "[0.1,0.2]", "[0,0]" } },
    { "at", "array[short-text]", { "[\"x\"]", "[\"x\",\"y\"]", "[]", "null", "[\"Y\",\"\"]", "[\"z z\"]" } },
    { "ai", "array[integer]", { "[1,2]", "[2]", "[]", "null", "[3,3]", "[300]" } },
    { "au", "array", { "[1,\"1\"]", "[true,[1]]", "[]", "null", "[2.5,{\"k\":1}]", "[null]" } },
    { "j", "json",
      { "{\"n\":10,\"s\":\"Hello\",\"t\":true,\"z\":null,\"l\":[1,\"x\"],\"a\":{\"b\":5}}",
        "{\"n\":10.0,\"s\":\"hello\",\"t\":1}", "{\"n\":\"10\",\"l\":[2]}", "null", "[1,2,3]",
        "{\"n\":-1,\"s\":\"\",\"a.b\":1}" } },
    { "h", "hyper-g[slot,value]",
      { "[{\"slot\":\"intent\",\"value\":\"refund\"},{\"slot\":\"item\",\"value\":\"shoe\"}]",
        "[{\"slot\":\"intent\",\"value\":\"return\"}]", "[]", "null",
        "[{\"slot\":\"item\",\"value\":\"Hat\"},{\"slot\":\"intent\",\"value\":\"buy\"}]",
        "[{\"slot\":\"intent\",\"value\":\"refund\"}]" } },
};

typedef struct world {
    hb_arena arena;
    hb_schema schema;
    hb_field fields[FIELD_COUNT];
    hb_colbuf columns[FIELD_COUNT];
    hb_column views[FIELD_COUNT];
    const hb_column *pointers[FIELD_COUNT];
    hb_err err;
} world;

static hb_str world_pack(world *w, const char *json) {
    hb_buf buf;
    hb_buf_init(&buf, hb_mem_default());
    CHECK_INT(hb_pack_from_json(hb_str_c(json), &buf, &w->err), HB_OK);
    hb_str copy = hb_arena_str(&w->arena, hb_buf_str(&buf));
    hb_buf_free(&buf);
    return copy;
}

static hb_value world_value(world *w, const hb_type *type, const char *json) {
    hb_value raw = { .kind = HB_KIND_NULL };
    hb_value out = { .kind = HB_KIND_NULL };
    CHECK_INT(hb_pack_to_value(world_pack(w, json), &w->arena, &raw, &w->err), HB_OK);
    if (type == NULL || raw.kind == HB_KIND_NULL) {
        return raw;
    }
    CHECK_INT(hb_coerce_value(type, &raw, &w->arena, &out, &w->err), HB_OK);
    return out;
}

static void world_open(world *w) {
    memset(w, 0, sizeof(*w));
    hb_arena_init(&w->arena, hb_mem_default());
    hb_err_init(&w->err);
    w->schema.fields = w->fields;
    w->schema.field_count = FIELD_COUNT;
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        char quoted[64];
        snprintf(quoted, sizeof(quoted), "\"%s\"", cells[f].type);
        w->fields[f].name = hb_str_c(cells[f].name);
        CHECK_INT(hb_type_parse(world_pack(w, quoted), &w->arena, &w->fields[f].type, &w->err), HB_OK);
        w->fields[f].kind = hb_type_kind(w->fields[f].type);
        hb_colbuf_init(&w->columns[f], hb_mem_default(), w->fields[f].kind, w->fields[f].type->dim);
        for (uint32_t r = 0; r < ROW_COUNT; r++) {
            hb_value value = world_value(w, w->fields[f].type, cells[f].rows[r]);
            CHECK(hb_colbuf_add(&w->columns[f], &value));
        }
        w->views[f] = hb_colbuf_view(&w->columns[f], w->fields[f].name);
        w->pointers[f] = &w->views[f];
    }
}

static void world_close(world *w) {
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        hb_colbuf_free(&w->columns[f]);
    }
    hb_arena_free(&w->arena);
}

static uint32_t world_field(const char *name) {
    for (uint32_t f = 0; f < FIELD_COUNT; f++) {
        if (strcmp(cells[f].name, name) == 0) {
            return f;
        }
    }
    return 0;
}

/* Path "n", or "a.b" for two keys. */
static void world_path(world *w, const char *path, hb_expr *leaf) {
    static const uint32_t keys_max = 4;
    hb_str *keys = hb_arena_array(&w->arena, keys_max, sizeof(hb_str));
    hb_str rest = hb_str_c(path);
    leaf->path = keys;
    for (uint32_t from = 0; from <= rest.len && leaf->path_len < keys_max;) {
        int64_t dot = hb_str_find(rest, HB_STR("."), from);
        uint32_t to = dot < 0 ? rest.len : (uint32_t)dot;
        keys[leaf->path_len++] = hb_str_sub(rest, from, to - from);
        from = to + 1;
    }
}

static hb_expr *world_leaf(world *w, const char *field, hb_op op, const char *operand) {
    hb_expr *leaf = HB_NEW(&w->arena, hb_expr);
    const char *dot = strchr(field, '.');
    char name[16] = { 0 };
    memcpy(name, field, dot != NULL ? (size_t)(dot - field) : strlen(field));
    leaf->kind = HB_EXPR_LEAF;
    leaf->op = op;
    leaf->field = world_field(name);
    const hb_type *type = w->fields[leaf->field].type;
    if (dot != NULL) {
        world_path(w, dot + 1, leaf);
        type = NULL;
    } else if (op == HB_OP_ARRAY_CONTAINS) {
        type = type->item;
    } else if (op == HB_OP_EXISTS || op == HB_OP_ALL || op >= HB_OP_MATCH) {
        type = NULL;
    }
    if (op != HB_OP_IN) {
        leaf->value = op == HB_OP_IS_NULL ? (hb_value){ 0 } : world_value(w, type, operand);
        return leaf;
    }
    hb_str bytes = world_pack(w, operand);
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    CHECK(hb_pack_next(&reader, &head));
    hb_value *list = hb_arena_array(&w->arena, head.count, sizeof(hb_value));
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        hb_value raw;
        CHECK(hb_pack_skip(&reader, &whole));
        CHECK_INT(hb_pack_to_value(whole, &w->arena, &raw, &w->err), HB_OK);
        if (raw.kind == HB_KIND_NULL) {
            leaf->list_has_null = true;
        } else if (type == NULL) {
            list[leaf->list_count++] = raw;
        } else {
            CHECK_INT(hb_coerce_value(type, &raw, &w->arena, &list[leaf->list_count++], &w->err), HB_OK);
        }
    }
    leaf->list = list;
    return leaf;
}

/* The rows that match, as letters of their ids; "!" when the predicate is refused. Asks three ways
 * (dense, by row numbers, one value at a time), which must agree. */
static void world_ask(world *w, const hb_expr *expr, char out[ROW_COUNT + 1]) {
    hb_pred *pred = NULL;
    memset(out, 0, ROW_COUNT + 1);
    if (hb_pred_new(&w->schema, expr, hb_mem_default(), &pred, &w->err) != HB_OK) {
        CHECK(w->err.msg[0] != 0);
        CHECK(pred == NULL);
        strcpy(out, "!");
        return;
    }
    uint8_t dense[ROW_COUNT], picked[ROW_COUNT];
    uint32_t rows[ROW_COUNT];
    for (uint32_t r = 0; r < ROW_COUNT; r++) {
        rows[r] = ROW_COUNT - 1 - r;
        dense[r] = picked[r] = 1;
    }
    CHECK_INT(hb_pred_eval(pred, w->pointers, NULL, 0, ROW_COUNT, dense, &w->err), HB_OK);
    CHECK_INT(hb_pred_eval(pred, w->pointers, rows, 0, ROW_COUNT, picked, &w->err), HB_OK);
    uint32_t count = 0;
    for (uint32_t r = 0; r < ROW_COUNT; r++) {
        CHECK_INT(picked[ROW_COUNT - 1 - r], dense[r]);
        if (expr->kind == HB_EXPR_LEAF) {
            bool one = false;
            hb_value value = hb_column_get(&w->views[expr->field], r);
            CHECK_INT(hb_pred_test(pred, 0, &value, &one, &w->err), HB_OK);
            CHECK_INT(one, dense[r]);
        }
        if (dense[r] != 0) {
            out[count++] = (char)('a' + r);
        }
    }
    hb_pred_free(pred);
}

typedef struct leaf_case {
    const char *field;
    hb_op op;
    const char *operand, *want;
} leaf_case;

static void check_leaves(const leaf_case *cases, size_t count) {
    world w;
    world_open(&w);
    for (size_t i = 0; i < count; i++) {
        char name[200], got[ROW_COUNT + 1];
        snprintf(name, sizeof(name), "%s %.*s %s", cases[i].field, HB_ARG(hb_op_name(cases[i].op)),
                 cases[i].operand);
        CASE(name);
        world_ask(&w, world_leaf(&w, cases[i].field, cases[i].op, cases[i].operand), got);
        CHECK_CSTR(got, cases[i].want);
    }
    world_close(&w);
}
#define CHECK_LEAVES(cases) check_leaves(cases, sizeof(cases) / sizeof((cases)[0]))

static void numbers_compare_by_value_and_null_only_with_ne(void) {
    static const leaf_case cases[] = {
        { "i", HB_OP_EQ, "5", "bf" },
        { "i", HB_OP_NE, "5", "acde" },
        { "i", HB_OP_LT, "5", "ac" },
        { "i", HB_OP_LTE, "5", "abcf" },
        { "i", HB_OP_GT, "1", "bef" },
        { "i", HB_OP_GTE, "9007199254740993", "e" },
        { "i", HB_OP_EQ, "9007199254740992", "" },
        { "i", HB_OP_IS_NULL, "", "d" },
        { "f", HB_OP_EQ, "0", "bc" },
        { "f", HB_OP_NE, "0", "adef" },
        { "f", HB_OP_GT, "1.5", "ef" },
        { "f", HB_OP_LTE, "-0.0", "bc" },
        { "b", HB_OP_EQ, "true", "ad" },
        { "b", HB_OP_NE, "true", "bcef" },
        { "b", HB_OP_IS_NULL, "", "cf" },
    };
    CHECK_LEAVES(cases);
}

static void lists_of_operands_match_any_and_null_when_named(void) {
    static const leaf_case cases[] = {
        { "i", HB_OP_IN, "[5, -3]", "bcf" },
        { "i", HB_OP_IN, "[]", "" },
        { "i", HB_OP_IN, "[1, null]", "ad" },
        { "i", HB_OP_IN, "[11,12,13,14,15,16,17,18,19,5,-3]", "bcf" },
        { "f", HB_OP_IN, "[11,12,13,14,15,16,17,18,19,0,2]", "bce" },
        { "s", HB_OP_IN, "[\"apple\", \"\", \"nope\"]", "ac" },
        { "s", HB_OP_IN, "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"apple\",null]", "ad" },
        { "b", HB_OP_IN, "[false]", "be" },
        { "at", HB_OP_IN, "[[\"x\"], []]", "ac" },
        { "j", HB_OP_IN, "[[1,2,3], {}]", "e" },
    };
    CHECK_LEAVES(cases);
}

static void texts_compare_by_bytes_and_patterns_read_null_as_empty(void) {
    static const leaf_case cases[] = {
        { "s", HB_OP_EQ, "\"apple\"", "a" },
        { "s", HB_OP_NE, "\"apple\"", "bcdef" },
        { "s", HB_OP_LT, "\"a\"", "bc" },
        { "s", HB_OP_GTE, "\"a\"", "aef" },
        { "s", HB_OP_IS_NULL, "", "d" },
        { "s", HB_OP_MATCH, "\"APPLE\"", "ab" },
        { "s", HB_OP_MATCH, "\"\"", "abcdef" },
        { "s", HB_OP_CONTAINS, "\"pp\"", "ab" },
        { "s", HB_OP_CONTAINS, "\"\"", "abcef" },
        { "s", HB_OP_STARTS_WITH, "\"a\"", "af" },
        { "s", HB_OP_ENDS_WITH, "\"Pie\"", "b" },
        { "s", HB_OP_LIKE, "\"a%\"", "a" },
        { "s", HB_OP_LIKE, "\"%\"", "abcde" },
        { "s", HB_OP_ILIKE, "\"APPLE%\"", "ab" },
        { "s", HB_OP_WILDCARD, "\"*pp*\"", "ab" },
        { "s", HB_OP_WILDCARD, "\"\"", "cd" },
        { "s", HB_OP_REGEX, "\"^$\"", "cd" },
        { "s", HB_OP_REGEX, "\"p+\"", "ab" },
        { "s", HB_OP_HAS_WORDS, "\"pie APPLE\"", "b" },
        { "s", HB_OP_HAS_WORDS, "\"--\"", "" },
        { "s", HB_OP_CONTAINED_IN, "\"An apple-pie, an ÜNÏCODE\"", "abe" },
        { "s", HB_OP_CONTAINED_IN, "\"(a) b; apples\"", "af" },
        { "s", HB_OP_CONTAINED_IN, "\"\"", "" },
        { "at", HB_OP_CONTAINED_IN, "\"Z, z or Y\"", "bef" },
        { "i", HB_OP_MATCH, "\"1\"", "!" },
        { "s", HB_OP_REGEX, "\"(\"", "!" },
    };
    CHECK_LEAVES(cases);
}

static void nested_values_compare_deeply(void) {
    static const leaf_case cases[] = {
        { "v", HB_OP_EQ, "[1, 0]", "ad" },
        { "v", HB_OP_EQ, "[0.1, 0.2]", "e" },
        { "v", HB_OP_LT, "[0, 0]", "!" },
        { "at", HB_OP_EQ, "[\"x\", \"y\"]", "b" },
        { "at", HB_OP_EQ, "[\"y\", \"x\"]", "" },
        { "at", HB_OP_NE, "[\"x\"]", "bcdef" },
        { "at", HB_OP_IS_NULL, "", "d" },
        { "at", HB_OP_ARRAY_CONTAINS, "\"x\"", "ab" },
        { "at", HB_OP_ARRAY_CONTAINS, "\"\"", "e" },
        { "at", HB_OP_ARRAY_CONTAINS, "\"z z\"", "f" },
        { "ai", HB_OP_ARRAY_CONTAINS, "2", "ab" },
        { "ai", HB_OP_ARRAY_CONTAINS, "300", "f" },
        { "au", HB_OP_ARRAY_CONTAINS, "1", "a" },
        { "au", HB_OP_ARRAY_CONTAINS, "\"1\"", "a" },
        { "au", HB_OP_ARRAY_CONTAINS, "true", "b" },
        { "au", HB_OP_ARRAY_CONTAINS, "[1]", "b" },
        { "au", HB_OP_ARRAY_CONTAINS, "{\"k\": 1.0}", "e" },
        { "au", HB_OP_ARRAY_CONTAINS, "null", "" },
        { "i", HB_OP_ARRAY_CONTAINS, "1", "!" },
        { "j", HB_OP_EQ, "[1,2,3]", "e" },
        { "j", HB_OP_NE, "[1,2,3]", "abcf" },
        { "j", HB_OP_IS_NULL, "", "d" },
    };
    CHECK_LEAVES(cases);
}

static void paths_are_strict_in_the_json_kind(void) {
    static const leaf_case cases[] = {
        { "j.n", HB_OP_EQ, "10", "ab" },
        { "j.n", HB_OP_EQ, "\"10\"", "c" },
        { "j.n", HB_OP_NE, "10", "f" },
        { "j.n", HB_OP_LT, "10", "f" },
        { "j.n", HB_OP_LTE, "\"10\"", "c" },
        { "j.n", HB_OP_IN, "[10, \"10\"]", "abc" },
        { "j.s", HB_OP_CONTAINS, "\"ello\"", "ab" },
        { "j.s", HB_OP_CONTAINS, "\"H\"", "a" },
        { "j.t", HB_OP_EQ, "true", "a" },
        { "j.t", HB_OP_EQ, "1", "b" },
        { "j.z", HB_OP_EQ, "null", "" },
        { "j.z", HB_OP_IS_NULL, "", "abcdef" },
        { "j.n", HB_OP_IS_NULL, "", "de" },
        { "j.nope", HB_OP_NE, "1", "" },
        { "j.a", HB_OP_EQ, "{\"b\": 5}", "a" },
        { "j.a.b", HB_OP_EQ, "5", "a" },
        { "j.l", HB_OP_CONTAINS, "\"x\"", "a" },
        { "j.l", HB_OP_CONTAINS, "2", "c" },
        { "j.s", HB_OP_LIKE, "\"H%\"", "!" },
    };
    CHECK_LEAVES(cases);
}

static void items_are_tested_column_by_column(void) {
    static const leaf_case cases[] = {
        { "h", HB_OP_EXISTS, "{\"slot\":\"intent\",\"value\":\"refund\"}", "af" },
        { "h", HB_OP_EXISTS, "{\"slot\":\"intent\",\"value\":{\"$in\":[\"refund\",\"return\"]}}", "abf" },
        { "h", HB_OP_EXISTS, "{\"value\":{\"match\":\"HAT\"}}", "e" },
        { "h", HB_OP_EXISTS, "{\"value\":{\"starts_with\":\"re\",\"$ne\":\"return\"}}", "af" },
        { "h", HB_OP_EXISTS, "{}", "!" },
        { "h", HB_OP_ALL, "{}", "!" },
        { "h", HB_OP_ALL, "{\"where\":{\"slot\":\"intent\"}}", "!" },
        { "h", HB_OP_EXISTS, "{\"zzz\":1}", "!" },
        { "h", HB_OP_EXISTS, "true", "!" },
        { "h", HB_OP_ALL, "{\"slot\":\"intent\"}", "bcf" },
        { "h", HB_OP_ALL, "{\"where\":{\"slot\":\"intent\"},\"then\":{\"value\":{\"in\":[\"refund\",\"return\"]}}}", "abcf" },
        { "i", HB_OP_EXISTS, "{\"slot\":1}", "!" },
    };
    CHECK_LEAVES(cases);
}

static hb_expr *join(world *w, hb_expr_kind kind, hb_expr *a, hb_expr *b) {
    hb_expr *expr = HB_NEW(&w->arena, hb_expr);
    const hb_expr **args = hb_arena_array(&w->arena, 2, sizeof(*args));
    args[0] = a;
    args[1] = b;
    expr->kind = kind;
    expr->args = args;
    expr->arg_count = (a != NULL) + (b != NULL);
    return expr;
}

static void logic_is_two_valued(void) {
    static const struct {
        hb_expr_kind kind;
        leaf_case a, b;
        const char *want, *complement;
    } cases[] = {
        { HB_EXPR_AND, { "i", HB_OP_GT, "0", "" }, { "s", HB_OP_MATCH, "\"a\"", "" }, "abf", "cde" },
        { HB_EXPR_OR, { "i", HB_OP_EQ, "1", "" }, { "b", HB_OP_EQ, "true", "" }, "ad", "bcef" },
        { HB_EXPR_OR, { "i", HB_OP_LT, "0", "" }, { "i", HB_OP_GTE, "0", "" }, "abcef", "d" },
        { HB_EXPR_AND, { "i", HB_OP_NE, "1", "" }, { "i", HB_OP_NE, "5", "" }, "cde", "abf" },
    };
    world w;
    world_open(&w);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[ROW_COUNT + 1];
        hb_expr *a = world_leaf(&w, cases[i].a.field, cases[i].a.op, cases[i].a.operand);
        hb_expr *b = world_leaf(&w, cases[i].b.field, cases[i].b.op, cases[i].b.operand);
        b->leaf_index = 1;
        hb_expr *expr = join(&w, cases[i].kind, a, b);
        CASE(cases[i].want);
        world_ask(&w, expr, got);
        CHECK_CSTR(got, cases[i].want);
        world_ask(&w, join(&w, HB_EXPR_NOT, expr, NULL), got);
        CHECK_CSTR(got, cases[i].complement);
        hb_expr *twice = join(&w, HB_EXPR_NOT, join(&w, HB_EXPR_NOT, expr, NULL), NULL);
        world_ask(&w, twice, got);
        CHECK_CSTR(got, cases[i].want);
    }
    char got[ROW_COUNT + 1];
    CASE("an empty AND is true");
    world_ask(&w, join(&w, HB_EXPR_AND, NULL, NULL), got);
    CHECK_CSTR(got, "abcdef");
    world_close(&w);
}

static void the_mask_restricts_and_missing_columns_are_null(void) {
    world w;
    world_open(&w);
    hb_pred *pred = NULL;
    hb_expr *leaf = world_leaf(&w, "i", HB_OP_NE, "7");
    REQUIRE(hb_pred_new(&w.schema, leaf, hb_mem_default(), &pred, &w.err) == HB_OK);
    uint8_t mask[3] = { 1, 0, 1 };
    CHECK_INT(hb_pred_eval(pred, w.pointers, NULL, 1, 3, mask, &w.err), HB_OK);
    CHECK_BYTES(mask, 3, "\1\0\1", 3);
    w.pointers[leaf->field] = NULL;
    CHECK_INT(hb_pred_eval(pred, w.pointers, NULL, 0, 3, mask, &w.err), HB_OK);
    CHECK_BYTES(mask, 3, "\1\0\1", 3);
    hb_pred_free(pred);
    leaf = world_leaf(&w, "i", HB_OP_EQ, "5");
    REQUIRE(hb_pred_new(&w.schema, leaf, hb_mem_default(), &pred, &w.err) == HB_OK);
    CHECK_INT(hb_pred_eval(pred, w.pointers, NULL, 0, 3, mask, &w.err), HB_OK);
    CHECK_BYTES(mask, 3, "\0\0\0", 3);
    hb_pred_free(pred);
    world_close(&w);
}

TEST_SUITE {
    TEST(numbers_compare_by_value_and_null_only_with_ne);
    TEST(lists_of_operands_match_any_and_null_when_named);
    TEST(texts_compare_by_bytes_and_patterns_read_null_as_empty);
    TEST(nested_values_compare_deeply);
    TEST(paths_are_strict_in_the_json_kind);
    TEST(items_are_tested_column_by_column);
    TEST(logic_is_two_valued);
    TEST(the_mask_restricts_and_missing_columns_are_null);
}
