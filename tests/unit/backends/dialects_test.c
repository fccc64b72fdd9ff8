// SPDX-License-Identifier: MIT
/* What each SQL dialect says for each operator, side by side, in tests/golden/sql.txt: the claim of each condition (exact;
 * superset: the core looks again; no: the core alone), the statement, and the types of its parameters. Of sqlite,
 * trino and starrocks the condition alone, where here(op) is what the core does, in the engine or after it. HB_GOLDEN_UPDATE=1 writes the file anew. */
#include "tests/unit/backends/dialects.h"

#include <stdio.h>
#include <stdlib.h>

#define GOLDEN "tests/golden/sql.txt"

static const char definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"s\":\"short-text\",\"l\":\"long-text\",\"i\":\"integer\",\"f\":\"float\",\"b\":\"boolean\",\"d\":\"date\",\"t\":\"timestamp\","
    "\"c\":{\"type\":{\"type\":\"categorical\",\"values\":[\"red\",\"green\"]}},\"a\":\"array[short-text]\",\"j\":\"json\",\"v\":\"vector[2]\"}}";

/* Conditions: each is asked as it is and negated. */
static const char *const filters[] = {
    "{\"s\":\"x\"}", "{\"i\":7}", "{\"f\":0.5}", "{\"b\":true}", "{\"d\":\"2020-01-02\"}", "{\"t\":1}", "{\"c\":\"red\"}", "{\"s\":null}", "{\"s\":\"\"}",
    "{\"s\":{\"$ne\":\"x\"}}", "{\"i\":{\"$ne\":7}}", "{\"b\":{\"$ne\":true}}", "{\"s\":{\"$ne\":null}}",
    "{\"s\":{\"$lt\":\"x\"}}", "{\"i\":{\"$lt\":7}}", "{\"i\":{\"$lte\":7}}", "{\"f\":{\"$gt\":0.5}}", "{\"d\":{\"$gte\":\"2020-01-02\"}}",
    "{\"i\":{\"$gt\":0.5}}", "{\"f\":{\"$gt\":7}}", "{\"f\":{\"$gt\":9007199254740993}}",
    "{\"i\":{\"$in\":[1,2]}}", "{\"s\":{\"$in\":[\"x\",\"y\"]}}", "{\"i\":{\"$in\":[]}}", "{\"i\":{\"$in\":[1,null]}}", "{\"i\":{\"$in\":[null]}}",
    "{\"s\":{\"$is_null\":true}}", "{\"a\":{\"$is_null\":true}}", "{\"v\":{\"$is_null\":true}}",
    "{\"s\":{\"$like\":\"x%\"}}", "{\"s\":{\"$ilike\":\"x%\"}}", "{\"s\":{\"$contains\":\"x\"}}", "{\"s\":{\"$contains\":\"\"}}", "{\"l\":{\"$contains\":\"x%_\"}}",
    "{\"s\":{\"$starts_with\":\"x\"}}", "{\"s\":{\"$ends_with\":\"x\"}}", "{\"s\":{\"$match\":\"x\"}}", "{\"s\":{\"$wildcard\":\"x*\"}}", "{\"s\":{\"$regex\":\"^x\"}}",
    "{\"a\":{\"$array_contains\":\"x\"}}", "{\"j\":{\"$get\":{\"path\":\"k.m\",\"op\":\"eq\",\"value\":1}}}",
    "{\"j\":{\"$get\":{\"path\":\"k\",\"op\":\"gt\",\"value\":0.5}}}", "{\"j\":{\"$get\":{\"path\":\"k\",\"op\":\"eq\",\"value\":true}}}", "{\"j\":{\"$get\":{\"path\":\"k\",\"op\":\"eq\",\"value\":\"x\"}}}",
    "{\"i\":1,\"s\":\"x\"}", "{\"$or\":[{\"i\":1},{\"s\":\"x\"}]}", "{\"$or\":[{\"i\":1},{\"s\":{\"$like\":\"x%\"}}]}", "{\"i\":1,\"s\":{\"$like\":\"x%\"}}",
    "{\"$not\":{\"i\":{\"$ne\":1}}}", "{\"$or\":[{\"i\":1},{\"$not\":{\"f\":{\"$gt\":0.5}}}]}",
};

/* What else a query says; "COUNT" is answered by a number. */
static const char *const others[] = {
    "{\"select\":[\"i\"]}", "{\"select\":[\"i\"],\"limit\":3}", "{\"select\":[\"i\"],\"offset\":2}", "{\"select\":[\"i\"],\"limit\":3,\"offset\":2}",
    "{\"select\":[\"i\"],\"order\":[\"i\"]}", "{\"select\":[\"i\"],\"order\":[\"-s\",\"i\"],\"limit\":3}", "{\"select\":[\"i\"],\"order\":[\"-f\"],\"filter\":{\"i\":1}}", "{\"select\":[\"l\"],\"order\":[\"l\"]}",
    "{\"count\":true}", "{\"count\":true,\"filter\":{\"i\":1}}", "{\"count\":true,\"filter\":{\"s\":{\"$like\":\"x%\"}}}",
    "{\"select\":[\"i\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}", "{\"select\":[\"i\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2,\"metric\":\"l2\"},\"filter\":{\"i\":1}}",
    "{\"select\":[\"i\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2,\"metric\":\"dot\"}}", "{\"select\":[\"i\"],\"search\":{\"fields\":[\"s\",\"l\"],\"query\":\"x\"}}",
};

/* The claims of the query's conditions, in order. */
static void print_claims(engine *e, hb_str spec, hb_buf *out) {
    static const char word[] = "\"claim\":\"";
    if (asks(e, HB_CALL_EXPLAIN, spec) != HB_OK) {
        hb_buf_printf(out, " %s", hb_status_name(e->f.err.code));
        return;
    }
    const hb_str text = answer(&e->f)->json;
    for (int64_t at = 0; (at = hb_str_find(text, hb_str_c(word), (uint32_t)at)) >= 0; at++) {
        const uint32_t from = (uint32_t)at + sizeof word - 1;
        const int64_t end = hb_str_find(text, HB_STR("\""), from);
        hb_buf_add_char(out, ' ');
        hb_buf_add_str(out, hb_str_sub(text, from, (uint32_t)end - from));
    }
}

static hb_status here(void *ctx, hb_sql *sql, const hb_expr *leaf, hb_err *err) {
    (void)ctx, (void)err;
    hb_buf_printf(&sql->text, "here(%.*s)", HB_ARG(hb_op_name(leaf->op)));
    return HB_OK;
}

/* The condition alone, of all fields in columns of their names. */
static void print_local(engine *e, const hb_dialect *dialect, hb_str text, hb_buf *out) {
    hb_spec *spec = NULL;
    const hb_query *query;
    hb_placed placed[32] = { 0 };
    uint32_t by_field[32];
    hb_str columns[32];
    hb_sql sql;
    REQUIRE(hb_spec_decode(text, hb_mem_default(), &spec, &e->f.err) == HB_OK);
    if (hb_query_bind(spec, e->schema, HB_STR_EMPTY, 0, &e->f.arena, &query, &e->f.err) == HB_OK && query->filter != NULL) {
        for (uint32_t i = 0; i < e->schema->field_count; i++) {
            placed[i].field = by_field[i] = i;
            columns[i] = e->schema->fields[i].name;
        }
        const hb_container container = { .schema = e->schema, .fields = placed, .field_count = e->schema->field_count, .by_field = by_field };
        const hb_sql_scope scope = { &container, columns, here, NULL };
        hb_sql_init(&sql, dialect, hb_mem_default(), &e->f.arena);
        CHECK_INT(hb_sql_where(&sql, &scope, query->filter, &e->f.err), HB_OK);
        hb_buf_add_c(out, "\n    ");
        hb_buf_add_str(out, hb_sql_text(&sql));
        for (uint32_t i = 0; i < sql.param_count; i++) hb_buf_printf(out, "%s%s", i == 0 ? "  -- " : ", ", server_type_name(&sql.params[i].value));
        hb_sql_free(&sql);
    }
    hb_spec_free(spec);
}

static void print_query(engine *all, const char *text, hb_buf *out) {
    const hb_str spec = hb_str_c(text);
    hb_buf_printf(out, "\n# %s\n", text);
    for (size_t at = 0; at < DIALECT_COUNT; at++) {
        engine *e = &all[at];
        CASE(text);
        hb_buf_printf(out, "%s:", dialects[at].name);
        if (dialects[at].options != NULL) print_claims(e, spec, out);
        if (dialects[at].local) {
            print_local(e, dialects[at].dialect, spec, out);
        } else {
            hb_buf_clear(&e->s.sent);
            e->s.answered = 0;
            e->s.answers[0] = strstr(text, "\"count\"") != NULL ? "n\n0\n" : NULL;
            if (asks(e, HB_CALL_QUERY, spec) != HB_OK) hb_buf_printf(out, " %s", hb_status_name(e->f.err.code));
            hb_str sent = hb_buf_str(&e->s.sent);
            while (sent.len > 0) {
                const uint32_t end = (uint32_t)hb_str_find(sent, HB_STR("\n"), 0);
                hb_buf_add_c(out, "\n    ");
                hb_buf_add_str(out, hb_str_sub(sent, 0, end));
                sent = hb_str_sub(sent, end + 1, sent.len);
            }
        }
        hb_buf_add_char(out, '\n');
    }
}

static void print_all(hb_buf *out) {
    static engine all[DIALECT_COUNT];
    for (size_t i = 0; i < DIALECT_COUNT; i++) engine_open(&all[i], i, definition);
    hb_buf_add_c(out, "What each SQL dialect says: see tests/unit/backends/dialects_test.c.\n");
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        char spec[400];
        snprintf(spec, sizeof spec, "{\"select\":[\"i\"],\"filter\":%s}", filters[i]);
        print_query(all, spec, out);
        snprintf(spec, sizeof spec, "{\"select\":[\"i\"],\"filter\":{\"$not\":%s}}", filters[i]);
        print_query(all, spec, out);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) print_query(all, others[i], out);
    for (size_t i = 0; i < DIALECT_COUNT; i++) engine_close(&all[i]);
}

static void statements_are_as_recorded(void) {
    const char *update = getenv("HB_GOLDEN_UPDATE");
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    print_all(&out);
    if (update != NULL && update[0] == '1') {
        FILE *file = fopen(GOLDEN, "wb");
        REQUIRE(file != NULL);
        CHECK(fwrite(out.ptr, 1, out.len, file) == out.len);
        fclose(file);
    }
    FILE *file = fopen(GOLDEN, "rb");
    REQUIRE(file != NULL);
    char *kept = malloc(1u << 20);
    REQUIRE(kept != NULL);
    const size_t len = fread(kept, 1, 1u << 20, file);
    fclose(file);
    CHECK_BYTES(out.ptr, out.len, kept, len);
    free(kept);
    hb_buf_free(&out);
}

TEST_SUITE {
    TEST(statements_are_as_recorded);
}
