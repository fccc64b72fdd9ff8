// SPDX-License-Identifier: MIT
/* What the SQL writer writes: filters as text and parameters, per dialect row. */
#include "compile/sql.h"

#include "tests/unit/test.h"

/* ---- a small schema, made by hand ------------------------------------------------------------ */

enum { F_ID, F_TITLE, F_N, F_SCORE, F_FLAG, F_DOC, F_TAGS, F_COUNT };

static const hb_type types[F_COUNT] = {
    [F_ID] = { .id = HB_TYPE_IDENTIFIER, .max_chars = 63 },
    [F_TITLE] = { .id = HB_TYPE_SHORT_TEXT, .max_chars = 255 },
    [F_N] = { .id = HB_TYPE_INTEGER },
    [F_SCORE] = { .id = HB_TYPE_FLOAT },
    [F_FLAG] = { .id = HB_TYPE_BOOLEAN },
    [F_DOC] = { .id = HB_TYPE_JSON },
    [F_TAGS] = { .id = HB_TYPE_ARRAY, .item = &types[F_TITLE] },
};
static const hb_kind kinds[F_COUNT] = { HB_KIND_TEXT, HB_KIND_TEXT, HB_KIND_I64, HB_KIND_F64,
                                        HB_KIND_BOOL, HB_KIND_PACK, HB_KIND_PACK };
static const char *const names[F_COUNT] = { "object_id", "title", "n",   "score",
                                            "fl\"ag",    "doc",   "tags" };

typedef struct fixture {
    hb_field fields[F_COUNT];
    hb_placed placed[F_COUNT];
    uint32_t by_field[F_COUNT];
    hb_str columns[F_COUNT];
    hb_schema schema;
    hb_container container;
    hb_arena arena;
    hb_sql sql;
} fixture;

static void fixture_init(fixture *fix, const hb_dialect *dialect) {
    memset(fix, 0, sizeof(*fix));
    for (uint32_t i = 0; i < F_COUNT; i++) {
        fix->columns[i] = hb_str_c(names[i]);
        fix->fields[i] = (hb_field){ .name = fix->columns[i], .type = &types[i], .kind = kinds[i] };
        fix->placed[i] = (hb_placed){ .field = i, .strategy = HB_STRATEGY_INLINE };
        fix->by_field[i] = i;
    }
    fix->schema.fields = fix->fields;
    fix->schema.field_count = F_COUNT;
    fix->container = (hb_container){ .schema = &fix->schema,
                                     .fields = fix->placed,
                                     .field_count = F_COUNT,
                                     .by_field = fix->by_field };
    hb_arena_init(&fix->arena, hb_mem_default());
    hb_sql_init(&fix->sql, dialect, hb_mem_default(), &fix->arena);
}

static void fixture_deinit(fixture *fix) {
    hb_sql_free(&fix->sql);
    hb_arena_free(&fix->arena);
}

static hb_status hook(void *ctx, hb_sql *sql, const hb_expr *leaf, hb_err *err) {
    (void)ctx;
    (void)err;
    hb_buf_printf(&sql->text, "hook(%.*s)", HB_ARG(hb_op_name(leaf->op)));
    return HB_OK;
}

/* Parameters as text: 7, 1.5, true, 'a', x'a' (bytes). */
static void print_params(const hb_sql *sql, hb_buf *out) {
    for (uint32_t i = 0; i < sql->param_count; i++) {
        const hb_value *v = &sql->params[i].value;
        if (i > 0) hb_buf_add_c(out, " ");
        switch (v->kind) {
        case HB_KIND_I64: hb_buf_add_i64(out, v->as.i); break;
        case HB_KIND_F64: hb_buf_add_f64(out, v->as.f); break;
        case HB_KIND_BOOL: hb_buf_add_c(out, v->as.b ? "true" : "false"); break;
        case HB_KIND_TEXT: hb_buf_printf(out, "'%.*s'", HB_ARG(v->as.s)); break;
        case HB_KIND_BYTES: hb_buf_printf(out, "x'%.*s'", HB_ARG(v->as.s)); break;
        case HB_KIND_NULL:
        case HB_KIND_VEC:
        case HB_KIND_PACK:
        case HB_KIND_COUNT: hb_buf_add_c(out, "?"); break;
        }
    }
}

static void check_where(const char *name, const hb_dialect *dialect, const hb_expr *expr,
                        const char *text, const char *params) {
    fixture fix;
    hb_buf printed;
    CASE(name);
    fixture_init(&fix, dialect);
    hb_buf_init(&printed, hb_mem_default());
    hb_sql_scope scope = { &fix.container, fix.columns, hook, NULL };
    hb_err err;
    hb_err_init(&err);
    CHECK_INT(hb_sql_where(&fix.sql, &scope, expr, &err), HB_OK);
    CHECK_STR(hb_sql_text(&fix.sql), text);
    print_params(&fix.sql, &printed);
    CHECK_STR(hb_buf_str(&printed), params);
    hb_buf_free(&printed);
    fixture_deinit(&fix);
}

/* ---- building leaves ------------------------------------------------------------------------- */

#define INT(x) { .kind = HB_KIND_I64, .as.i = (x) }
#define REAL(x) { .kind = HB_KIND_F64, .as.f = (x) }
#define BOOLEAN(x) { .kind = HB_KIND_BOOL, .as.b = (x) }
#define TEXT(x) { .kind = HB_KIND_TEXT, .as.s = { x, sizeof(x) - 1 } }
#define NOTHING { .kind = HB_KIND_NULL }
#define LEAF(f, o, ...) { .kind = HB_EXPR_LEAF, .field = (f), .op = (o), .value = __VA_ARGS__ }

static const hb_str path_ab[] = { { "a", 1 }, { "b_1", 3 } };
static const hb_str path_odd[] = { { "a\"b", 3 } };
static const hb_str path_index[] = { { "0", 1 } };
#define PATH(p, o, ...)                                                                            \
    { .kind = HB_EXPR_LEAF,                                                                        \
      .field = F_DOC,                                                                              \
      .op = (o),                                                                                   \
      .path = (p),                                                                                 \
      .path_len = sizeof(p) / sizeof((p)[0]),                                                      \
      .value = __VA_ARGS__ }

static void leaves_are_written_with_bound_operands(void) {
    static const hb_value two[] = { INT(1), INT(2) };
    static const struct {
        const char *name;
        hb_expr leaf;
        const char *text, *params;
    } cases[] = {
        { "number equals", LEAF(F_N, HB_OP_EQ, INT(7)), "\"n\" = ?", "7" },
        { "not equal keeps nulls", LEAF(F_N, HB_OP_NE, INT(7)), "\"n\" IS NOT ?", "7" },
        { "float column, order", LEAF(F_SCORE, HB_OP_LTE, REAL(1.5)), "\"score\" <= ?", "1.5" },
        { "text order", LEAF(F_TITLE, HB_OP_GT, TEXT("m")), "\"title\" > ?", "'m'" },
        { "text value is not SQL", LEAF(F_TITLE, HB_OP_EQ, TEXT("'; DROP TABLE x --")),
          "\"title\" = ?", "''; DROP TABLE x --'" },
        { "name is quoted", LEAF(F_FLAG, HB_OP_EQ, BOOLEAN(true)), "\"fl\"\"ag\" = ?", "true" },
        { "equals null", LEAF(F_N, HB_OP_EQ, NOTHING), "\"n\" IS NULL", "" },
        { "not equals null", LEAF(F_N, HB_OP_NE, NOTHING), "\"n\" IS NOT NULL", "" },
        { "is null", LEAF(F_TAGS, HB_OP_IS_NULL, NOTHING), "\"tags\" IS NULL", "" },
        { "prefix is a range", LEAF(F_TITLE, HB_OP_STARTS_WITH, TEXT("ab")),
          "(\"title\" >= ? AND \"title\" < ?)", "'ab' 'ac'" },
        { "suffix is compared as bytes", LEAF(F_TITLE, HB_OP_ENDS_WITH, TEXT("ab")),
          "(substr(CAST(\"title\" AS BLOB), ?) = ?)", "-2 x'ab'" },
        { "substring", LEAF(F_TITLE, HB_OP_CONTAINS, TEXT("ab")), "(instr(\"title\", ?) > 0)",
          "'ab'" },
        { "empty substring is in every text", LEAF(F_TITLE, HB_OP_CONTAINS, TEXT("")),
          "\"title\" IS NOT NULL", "" },
        { "in",
          { .kind = HB_EXPR_LEAF, .field = F_N, .op = HB_OP_IN, .list = two, .list_count = 2 },
          "\"n\" IN (?, ?)",
          "1 2" },
        { "in with null",
          { .kind = HB_EXPR_LEAF,
            .field = F_N,
            .op = HB_OP_IN,
            .list = two,
            .list_count = 2,
            .list_has_null = true },
          "(\"n\" IN (?, ?) OR \"n\" IS NULL)",
          "1 2" },
        { "in nothing", { .kind = HB_EXPR_LEAF, .field = F_N, .op = HB_OP_IN }, "NOT 1", "" },
        { "json number", PATH(path_ab, HB_OP_GTE, INT(3)),
          "(CASE json_type(\"doc\", ?) WHEN 'integer' THEN json_extract(\"doc\", ?) >= ? "
          "WHEN 'real' THEN hook(gte) ELSE 0 END)",
          "'$.a.b_1' '$.a.b_1' 3" },
        { "json boolean", PATH(path_ab, HB_OP_EQ, BOOLEAN(false)),
          "(json_type(\"doc\", ?) = 'false')", "'$.a.b_1'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_where(cases[i].name, &hb_dialect_sqlite, &cases[i].leaf, cases[i].text,
                    cases[i].params);
    }
}

static void what_cannot_be_said_exactly_goes_to_the_hook(void) {
    static const hb_value mixed[] = { INT(1), TEXT("2") };
    static const struct {
        const char *name;
        hb_expr leaf;
        const char *text;
    } cases[] = {
        { "match", LEAF(F_TITLE, HB_OP_MATCH, TEXT("x")), "hook(match)" },
        { "like", LEAF(F_TITLE, HB_OP_LIKE, TEXT("x%")), "hook(like)" },
        { "regex", LEAF(F_TITLE, HB_OP_REGEX, TEXT("x+")), "hook(regex)" },
        { "array item", LEAF(F_TAGS, HB_OP_ARRAY_CONTAINS, TEXT("x")), "hook(array_contains)" },
        { "json text", PATH(path_ab, HB_OP_EQ, TEXT("x")), "hook(eq)" },
        { "json key that needs quotes", PATH(path_odd, HB_OP_EQ, INT(1)), "hook(eq)" },
        { "json key that may be an index", PATH(path_index, HB_OP_EQ, INT(1)), "hook(eq)" },
        { "json null", PATH(path_ab, HB_OP_IS_NULL, NOTHING), "hook(is_null)" },
        { "operands of two kinds",
          { .kind = HB_EXPR_LEAF, .field = F_N, .op = HB_OP_IN, .list = mixed, .list_count = 2 },
          "hook(in)" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_where(cases[i].name, &hb_dialect_sqlite, &cases[i].leaf, cases[i].text, "");
    }
}

static void negation_counts_null_as_false(void) {
    static const hb_expr a = LEAF(F_N, HB_OP_LT, INT(1)), b = LEAF(F_TITLE, HB_OP_EQ, TEXT("t"));
    static const hb_expr *const both[] = { &a, &b };
    static const hb_expr any = { .kind = HB_EXPR_OR, .args = both, .arg_count = 2 };
    static const hb_expr *const one[] = { &any };
    static const hb_expr negated = { .kind = HB_EXPR_NOT, .args = one, .arg_count = 1 };
    static const hb_expr *const two[] = { &negated, &a };
    static const hb_expr all = { .kind = HB_EXPR_AND, .args = two, .arg_count = 2 };
    static const hb_expr nothing = { .kind = HB_EXPR_AND };
    check_where("not", &hb_dialect_sqlite, &all,
                "(((\"n\" < ? OR \"title\" = ?)) IS NOT TRUE AND \"n\" < ?)", "1 't' 1");
    check_where("and of nothing", &hb_dialect_sqlite, &nothing, "1", "");
    check_where("no filter", &hb_dialect_sqlite, NULL, "1", "");
}

static void long_chains_become_balanced_trees(void) {
    static hb_expr leaves[1000];
    static const hb_expr *args[1000];
    for (uint32_t i = 0; i < 1000; i++) {
        leaves[i] = (hb_expr)LEAF(F_N, HB_OP_EQ, INT(i));
        args[i] = &leaves[i];
    }
    hb_expr any = { .kind = HB_EXPR_OR, .args = args, .arg_count = 1000 };
    fixture fix;
    fixture_init(&fix, &hb_dialect_sqlite);
    hb_sql_scope scope = { &fix.container, fix.columns, hook, NULL };
    CHECK_INT(hb_sql_where(&fix.sql, &scope, &any, NULL), HB_OK);
    CHECK_INT(fix.sql.param_count, 1000);
    uint32_t depth = 0, deepest = 0, flat = 0, longest = 0;
    hb_str text = hb_sql_text(&fix.sql);
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '(') depth++;
        if (text.ptr[i] == ')') depth--;
        if (text.ptr[i] == '(' || text.ptr[i] == ')') flat = 0;
        if (text.ptr[i] == '?' && ++flat > longest) longest = flat;
        if (depth > deepest) deepest = depth;
    }
    CHECK(deepest <= 10);
    CHECK(longest <= 8);
    fixture_deinit(&fix);
}

/* Another engine is another row: nothing in the writer knows names of engines. */
static const hb_dialect other = {
    .name = "other",
    .quote_open = '[',
    .quote_close = ']',
    .placeholder = HB_PLACEHOLDER_DOLLAR,
    .limit = HB_LIMIT_FETCH,
    .upsert = HB_UPSERT_ON_DUPLICATE,
    .text_exact = HB_TEXT_EQ_EXACT,
    .in_max = 1,
    .params_soft_max = 100,
    .true_text = "TRUE",
    .not_true = " IS NOT TRUE",
};

static void another_dialect_is_another_row(void) {
    static const hb_value two[] = { INT(1), INT(2) };
    static const hb_expr ne = LEAF(F_N, HB_OP_NE, INT(7)),
                         flag = LEAF(F_FLAG, HB_OP_EQ, BOOLEAN(true)),
                         less = LEAF(F_TITLE, HB_OP_LT, TEXT("a")),
                         sub = LEAF(F_TITLE, HB_OP_CONTAINS, TEXT("a")),
                         in = { .kind = HB_EXPR_LEAF,
                                .field = F_N,
                                .op = HB_OP_IN,
                                .list = two,
                                .list_count = 2 };
    static const hb_expr *const args[] = { &ne, &flag };
    static const hb_expr all = { .kind = HB_EXPR_AND, .args = args, .arg_count = 2 };
    check_where("placeholders count", &other, &all,
                "(([n] <> $1 OR [n] IS NULL) AND [fl\"ag] = $2)", "7 true");
    check_where("text order is not proven", &other, &less, "hook(lt)", "");
    check_where("no function for it", &other, &sub, "hook(contains)", "");
    check_where("long lists", &other, &in, "hook(in)", "");
    CHECK(!hb_sql_can_leaf(&other, &types[F_TITLE], &less));
    CHECK(hb_sql_can_leaf(&other, &types[F_N], &ne));
}

static void statements_follow_the_dialect(void) {
    static const hb_str columns[] = { { "object_id", 9 }, { "n", 1 } },
                        cleared[] = { { "old", 3 } };
    static const struct {
        const hb_dialect *dialect;
        const char *upsert, *tail;
    } cases[] = {
        { &hb_dialect_sqlite,
          "INSERT INTO \"w/e\" (\"object_id\", \"n\") VALUES (?, ?) ON CONFLICT (\"object_id\") DO "
          "UPDATE SET "
          "\"n\" = excluded.\"n\", \"old\" = NULL",
          "\"n\" DESC NULLS LAST LIMIT ? OFFSET ?" },
        { &other,
          "INSERT INTO [w/e] ([object_id], [n]) VALUES ($1, $2) ON DUPLICATE KEY UPDATE "
          "[n] = VALUES([n]), [old] = NULL",
          "CASE WHEN [n] IS NULL THEN 1 ELSE 0 END, [n] DESC OFFSET $1 ROWS FETCH NEXT $2 ROWS "
          "ONLY" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture fix;
        CASE(cases[i].dialect->name);
        fixture_init(&fix, cases[i].dialect);
        hb_sql_upsert(&fix.sql, HB_STR("w/e"), columns, 2, cleared, 1);
        CHECK_STR(hb_sql_text(&fix.sql), cases[i].upsert);
        hb_sql_clear(&fix.sql);
        hb_sql_order_key(&fix.sql, HB_STR("n"), NULL, true);
        hb_sql_limit(&fix.sql, 5, 2);
        CHECK_STR(hb_sql_text(&fix.sql), cases[i].tail);
        fixture_deinit(&fix);
    }
}

static void only_an_offset_still_needs_a_limit(void) {
    fixture fix;
    fixture_init(&fix, &hb_dialect_sqlite);
    hb_sql_limit(&fix.sql, HB_NO_LIMIT, 0);
    CHECK_STR(hb_sql_text(&fix.sql), "");
    hb_sql_limit(&fix.sql, HB_NO_LIMIT, 3);
    CHECK_STR(hb_sql_text(&fix.sql), " LIMIT -1 OFFSET ?");
    fixture_deinit(&fix);
}

TEST_SUITE {
    TEST(leaves_are_written_with_bound_operands);
    TEST(what_cannot_be_said_exactly_goes_to_the_hook);
    TEST(negation_counts_null_as_false);
    TEST(long_chains_become_balanced_trees);
    TEST(another_dialect_is_another_row);
    TEST(statements_follow_the_dialect);
    TEST(only_an_offset_still_needs_a_limit);
}
