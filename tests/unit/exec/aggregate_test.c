// SPDX-License-Identifier: MIT
/* Groups and reducers over rows made by hand: order, exactness, and what has no values. */
#include "tests/unit/test.h"

#include "exec/rows.h"
#include "query/query.h"

typedef struct world {
    hb_task *task;
    hb_schema *schema;
    hb_spec *spec;
    hb_rows in;
    hb_err err;
} world;

static const char definition[] =
    "{\"name\":\"T\",\"entity_id\":\"t\",\"fields\":{\"g\":\"short-text\","
    "\"n\":\"integer\",\"x\":\"float\",\"j\":\"json\"}}";
/* object_id, g, n, x, j; rows come in any order. */
static const char *const rows[][5] = {
    { "c", "\"b\"", "9223372036854775807", "0.1", "{\"a\":1,\"k\":\"x\"}" },
    { "a", "\"b\"", "1", "0.2", "{\"a\":1.0}" },
    { "e", "null", "-5", "null", "[1,1,\"t\"]" },
    { "b", "\"a\"", "-9223372036854775807", "1e300", "{\"a\":2,\"l\":[3]}" },
    { "d", "\"a\"", "null", "-0.0", "null" },
};
enum { ROWS = sizeof rows / sizeof rows[0], COLUMNS = 5 };

static hb_str pack_of(world *w, const char *json) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    CHECK_INT(hb_pack_from_json(hb_str_c(json), &pack, &w->err), HB_OK);
    hb_str kept = hb_arena_str(&w->task->arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return kept;
}

static void world_open(world *w) {
    static const hb_kind kinds[COLUMNS] = { HB_KIND_TEXT, HB_KIND_TEXT, HB_KIND_I64, HB_KIND_F64,
                                            HB_KIND_PACK };
    static const char *const names[COLUMNS] = { "object_id", "g", "n", "x", "j" };
    static uint32_t colids[COLUMNS];
    *w = (world){ .task = hb_task_new(hb_mem_default(), NULL) };
    hb_err_init(&w->err);
    CHECK_INT(hb_schema_parse(pack_of(w, definition), hb_mem_default(), &w->schema, &w->err),
              HB_OK);
    hb_rowset *set;
    CHECK_INT(hb_task_rowset(w->task, COLUMNS, &set, &w->err), HB_OK);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        colids[c] = hb_schema_find(w->schema, hb_str_c(names[c]));
        hb_rowset_column(set, c, hb_str_c(names[c]), kinds[c], 0);
        for (uint32_t r = 0; r < ROWS; r++) {
            hb_value value = { HB_KIND_TEXT, { .s = hb_str_c(rows[r][c]) } };
            if (c > 0) {
                hb_str pack = pack_of(w, rows[r][c]);
                CHECK_INT(hb_pack_to_value(pack, &w->task->arena, &value, &w->err), HB_OK);
                if (kinds[c] == HB_KIND_PACK && value.kind != HB_KIND_NULL)
                    value = (hb_value){ HB_KIND_PACK, { .s = pack } };
            }
            CHECK(hb_colbuf_add(&set->columns[c], &value));
        }
    }
    hb_batch batch = hb_rowset_batch(set);
    w->in = (hb_rows){ batch.columns, colids, COLUMNS, NULL, ROWS };
}

static void world_close(world *w) {
    hb_spec_free(w->spec);
    hb_schema_free(w->schema);
    hb_task_free(w->task);
}

/* The result as JSON lists, one per row, or the error's code as text. */
static void world_reduce(world *w, const char *spec, hb_buf *out) {
    const hb_query *query;
    hb_rows got;
    hb_buf pack;
    hb_spec_free(w->spec);
    w->spec = NULL;
    hb_buf_clear(out);
    CHECK_INT(hb_spec_decode(hb_str_c(spec), hb_mem_default(), &w->spec, &w->err), HB_OK);
    CHECK_INT(hb_query_bind(w->spec, w->schema, HB_STR_EMPTY, 0, &w->task->arena, &query, &w->err),
              HB_OK);
    hb_status status =
        hb_exec_aggregate(w->task, w->schema, query->aggregate, &w->in, &got, &w->err);
    if (status != HB_OK) {
        hb_buf_add_c(out, hb_status_name(status));
        return;
    }
    hb_buf_init(&pack, hb_mem_default());
    for (uint32_t r = 0; r < got.count; r++) {
        hb_buf_clear(&pack);
        hb_pack_array(&pack, got.column_count);
        for (uint32_t c = 0; c < got.column_count; c++) {
            hb_value value = hb_column_get(&got.columns[c], hb_rows_at(&got, r));
            hb_pack_value(&pack, &value);
        }
        CHECK_INT(hb_pack_to_json(hb_buf_str(&pack), 0, true, out, &w->err), HB_OK);
    }
    hb_buf_free(&pack);
}

static const struct {
    const char *spec, *want;
} cases[] = {
    { "{\"aggregate\":{\"s\":{\"sum\":{\"field\":\"n\"}}}}", "[\"a\",-4]" },
    { "{\"group_by\":[\"g\"],\"aggregate\":{\"s\":{\"sum\":{\"field\":\"n\"}}}}", "LIMIT" },
    { "{\"group_by\":[\"g\"],\"aggregate\":{\"c\":{\"count\":{\"field\":\"n\"}},\"m\":{\"avg\":"
      "{\"field\":\"x\"}}}}",
      "[\"a\",\"b\",2,0.15000000000000002][\"b\",\"a\",1,5e+299][\"e\",null,1,null]" },
    { "{\"aggregate\":{\"p\":{\"percentile\":{\"field\":\"x\",\"q\":0.5}},\"l\":{\"min\":"
      "{\"field\":\"n\"}}}}",
      "[\"a\",0.15000000000000002,-9223372036854775807]" },
    { "{\"group_by\":[\"j.a\"],\"aggregate\":{\"c\":{\"count\":{\"field\":\"object_id\"}}}}",
      "[\"a\",1.0,2][\"b\",2,1][\"d\",null,2]" },
    { "{\"aggregate\":{\"v\":{\"value_counts\":{\"field\":\"j\"}}}}", "[\"a\",{\"1\":2,\"t\":1}]" },
    { "{\"aggregate\":{\"d\":{\"count\":{\"field\":\"j.a\",\"distinct\":true}},\"s\":{\"sum\":"
      "{\"field\":\"j.a\"}},\"k\":{\"key_counts\":{\"field\":\"j\"}},\"t\":{\"key_sums\":"
      "{\"field\":\"j\"}}}}",
      "[\"a\",2,4.0,{\"a\":3,\"k\":1,\"l\":1},{\"a\":4.0}]" },
    { "{\"aggregate\":{\"v\":{\"value_counts\":{\"field\":\"g\"}},\"x\":{\"max\":{\"field\":"
      "\"j.a\"}}}}",
      "[\"a\",{\"a\":2,\"b\":2},2]" },
    { "{\"aggregate\":{\"v\":{\"min\":{\"field\":\"j.k\"}}}}", "[\"a\",\"x\"]" },
    { "{\"aggregate\":{\"v\":{\"min\":{\"field\":\"j.l\"}}}}", "QUERY" },
    { "{\"group_by\":[\"g\"],\"aggregate\":{\"y\":{\"column_summary\":{\"field\":\"g\"}}}}",
      "[\"a\",\"b\",{\"distinct\":1,\"length\":{\"max\":1,\"mean\":1.0,\"min\":1},"
      "\"length_histogram\":[{\"count\":2,\"hi\":1.0,\"lo\":1.0}],"
      "\"top\":[{\"count\":2,\"value\":\"b\"}]}]"
      "[\"b\",\"a\",{\"distinct\":1,\"length\":{\"max\":1,\"mean\":1.0,\"min\":1},"
      "\"length_histogram\":[{\"count\":2,\"hi\":1.0,\"lo\":1.0}],"
      "\"top\":[{\"count\":2,\"value\":\"a\"}]}]"
      "[\"e\",null,{}]" },
    { "{\"aggregate\":{\"y\":{\"column_summary\":{\"field\":\"g\",\"kind\":\"numeric\"}}}}",
      "[\"a\",{}]" },
};

static void groups_and_reducers(void) {
    world w;
    hb_buf out;
    world_open(&w);
    hb_buf_init(&out, hb_mem_default());
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].spec);
        world_reduce(&w, cases[i].spec, &out);
        CHECK_STR(hb_buf_str(&out), cases[i].want);
    }
    hb_buf_free(&out);
    world_close(&w);
}

static void nothing_has_one_group_or_none(void) {
    world w;
    hb_buf out;
    world_open(&w);
    hb_buf_init(&out, hb_mem_default());
    w.in.count = 0;
    world_reduce(&w,
                 "{\"aggregate\":{\"c\":{\"count\":{\"field\":\"n\"}},\"s\":{\"sum\":{\"field\":"
                 "\"n\"}},\"m\":{\"median\":{\"field\":\"n\"}},\"v\":{\"value_counts\":"
                 "{\"field\":\"n\"}}}}",
                 &out);
    CHECK_STR(hb_buf_str(&out), "[\"\",0,null,null,{}]");
    world_reduce(&w, "{\"group_by\":[\"g\"],\"aggregate\":{\"c\":{\"count\":{\"field\":\"n\"}}}}",
                 &out);
    CHECK_INT(out.len, 0);
    hb_buf_free(&out);
    world_close(&w);
}

TEST_SUITE {
    TEST(groups_and_reducers);
    TEST(nothing_has_one_group_or_none);
}
