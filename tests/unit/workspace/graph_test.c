// SPDX-License-Identifier: MIT
/* Relations through the public interface. */
#include "tests/unit/workspace/fixture.h"

#include "value/edge.h"

static const char *const engines[] = {
    "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}",
    "{\"id\":\"unit\",\"preset\":\"debug\"}",
};

static const char person_definition[] =
    "{\"name\":\"Person\",\"fields\":{\"knows\":{\"type\":{\"type\":\"hyper-g\",\"fields\":["
    "{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\",\"target_entity\":\"person\"}},"
    "{\"name\":\"n\",\"dtype\":\"integer\",\"required\":false}]},"
    "\"storage\":{\"strategy\":\"graph\"}}}}";

/* a -> b -> c -> a, c -> d */
static void people(fixture *f) {
    static const char *const ids[] = { "a", "b", "c", "d" };
    static const char *const rows[] = {
        "{\"object_id\":\"a\",\"knows\":[{\"to\":\"b\",\"n\":1}]}",
        "{\"object_id\":\"b\",\"knows\":[{\"to\":\"c\"}]}",
        "{\"object_id\":\"c\",\"knows\":[{\"to\":\"d\"},{\"to\":\"a\"}]}",
    };
    REQUIRE(define(f, person_definition) == HB_OK);
    for (size_t i = 0; i < 4; i++) {
        hb_str row = hb_arena_printf(&f->arena, "{\"object_id\":\"%s\"}", ids[i]);
        CHECK_INT(upsert(f, "person", row.ptr), HB_OK);
    }
    for (size_t i = 0; i < 3; i++) CHECK_INT(upsert(f, "person", rows[i]), HB_OK);
}

static hb_status graph(fixture *f, const char *options, const char *first, const char *second) {
    hb_span spans[2];
    char text[64];
    uint32_t count = 0, at = 0;
    const char *const ids[2] = { first, second };
    for (; count < 2 && ids[count] != NULL; count++) {
        spans[count] = (hb_span){ at, (uint32_t)strlen(ids[count]) };
        memcpy(text + at, ids[count], spans[count].len);
        at += spans[count].len;
    }
    hb_column column = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, spans, (const uint8_t *)text, at, NULL };
    return call(f, (hb_request){ .kind = HB_CALL_GRAPH,
                                 .entity = hb_workspace_entity(f->ws, HB_STR("person")),
                                 .text = hb_str_c(options),
                                 .batch = { count, 1, &column } });
}

static void walks_are_breadth_first(void) {
    static const struct { const char *options, *first, *second, *want; } cases[] = {
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"max_hops\":9}", "a", NULL,
          "[[\"person\",\"b\",1],[\"person\",\"c\",2],[\"person\",\"d\",3]]" },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"direction\":\"in\",\"max_hops\":2}", "d", NULL,
          "[[\"person\",\"c\",1],[\"person\",\"b\",2]]" },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"direction\":\"any\"}", "c", NULL,
          "[[\"person\",\"a\",1],[\"person\",\"b\",1],[\"person\",\"d\",1]]" },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"min_hops\":0,\"max_hops\":0}", "a", NULL,
          "[[\"person\",\"a\",0]]" },
        { "{\"op\":\"path\",\"field\":\"person.knows\"}", "b", "d",
          "[[\"person\",\"b\"],[\"person\",\"c\"],[\"person\",\"d\"]]" },
        { "{\"op\":\"path\",\"field\":\"knows\",\"max_hops\":2}", "a", "d", "null" },
        { "{\"op\":\"references\"}", "d", "b",
          "[{\"entity\":\"person\",\"field\":\"knows\",\"object_id\":\"a\",\"target_entity\":\"person\","
          "\"target\":\"b\"},{\"entity\":\"person\",\"field\":\"knows\",\"object_id\":\"c\","
          "\"target_entity\":\"person\",\"target\":\"d\"}]" },
        { "{\"op\":\"check\"}", NULL, NULL, "[]" },
    };
    for (size_t e = 0; e < 2; e++) {
        fixture f;
        fixture_open(&f, engines[e]);
        people(&f);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            CASE(cases[i].options);
            REQUIRE(graph(&f, cases[i].options, cases[i].first, cases[i].second) == HB_OK);
            CHECK_STR(answer(&f)->json, cases[i].want);
        }
        CASE("query");
        CHECK_INT(query(&f, "person", "{\"traverse\":{\"field\":\"knows\",\"start\":\"a\",\"max_hops\":2}}"), HB_OK);
        CHECK_CSTR(lines(&f, "name"), "b|\nc|\n");
        fixture_close(&f);
    }
}

static void bad_graph_calls_are_typed_errors(void) {
    static const struct { const char *options, *first; hb_status want; } cases[] = {
        { "{", NULL, HB_E_QUERY },
        { "{\"op\":\"fly\"}", NULL, HB_E_QUERY },
        { "{\"op\":\"traverse\",\"field\":\"knows\"}", NULL, HB_E_TYPE },
        { "{\"op\":\"path\",\"field\":\"knows\"}", "a", HB_E_TYPE },
        { "{\"op\":\"traverse\",\"field\":\"nose\"}", "a", HB_E_UNKNOWN_FIELD },
        { "{\"op\":\"traverse\",\"field\":\"pet.knows\"}", "a", HB_E_UNKNOWN_ENTITY },
        { "{\"op\":\"traverse\",\"field\":\"name\"}", "a", HB_E_UNSUPPORTED },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"max_hops\":65}", "a", HB_E_LIMIT },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"max_hops\":1.5}", "a", HB_E_QUERY },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"min_hops\":3,\"max_hops\":2}", "a", HB_E_QUERY },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"direction\":\"up\"}", "a", HB_E_QUERY },
        { "{\"op\":\"traverse\",\"field\":\"knows\",\"start_entity\":\"pet\"}", "a", HB_E_QUERY },
    };
    fixture f;
    fixture_open(&f, engines[0]);
    people(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].options);
        CHECK_INT(graph(&f, cases[i].options, cases[i].first, NULL), cases[i].want);
        CHECK(f.err.msg[0] != '\0');
    }
    fixture_close(&f);
}

static hb_status delete_with(fixture *f, const char *id, uint32_t flags) {
    hb_span span = { 0, (uint32_t)strlen(id) };
    hb_column column = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, &span, (const uint8_t *)id, span.len, NULL };
    return call(f, (hb_request){ .kind = HB_CALL_DELETE,
                                 .entity = hb_workspace_entity(f->ws, HB_STR("person")),
                                 .flags = flags,
                                 .batch = { 1, 1, &column } });
}

static void edges_bind_rows_together(void) {
    for (size_t e = 0; e < 2; e++) {
        CASE(engines[e]);
        fixture f;
        fixture_open(&f, engines[e]);
        people(&f);
        CHECK_INT(upsert(&f, "person", "{\"object_id\":\"x\",\"knows\":[{\"to\":\"nope\"}]}"), HB_E_VALIDATION);
        CHECK(strstr(f.err.msg, "person.knows:x->person:nope") != NULL);
        CHECK_INT(by_id(&f, HB_CALL_GET, "person", "x"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 0);
        CHECK_INT(upsert(&f, "person", "{\"object_id\":\"x\",\"knows\":[{\"to\":\"x\"}]}"), HB_OK);
        CHECK_INT(delete_with(&f, "x", 0), HB_OK);
        CHECK_INT(delete_with(&f, "d", 0), HB_E_RESTRICTED);
        CHECK_CSTR(f.err.field, "knows");
        CHECK(strstr(f.err.msg, "person.knows:c->person:d") != NULL);
        CHECK_INT(delete_with(&f, "d", HB_FLAG_EDGES_DETACH), HB_OK);
        CHECK_INT(graph(&f, "{\"op\":\"traverse\",\"field\":\"knows\"}", "c", NULL), HB_OK);
        CHECK_STR(answer(&f)->json, "[[\"person\",\"a\",1]]");
        CHECK_INT(graph(&f, "{\"op\":\"check\"}", NULL, NULL), HB_OK);
        CHECK_STR(answer(&f)->json, "[]");
        fixture_close(&f);
    }
}

static void a_lookup_is_only_about_where_edges_lead(void) {
    static const struct { const char *operand; int count; } cases[] = {
        { "{\"to\":\"a\"}", 1 },
        { "{\"to\":{\"eq\":\"a\"}}", 1 },
        { "{\"to\":{\"$in\":[\"a\",\"b\"]}}", 2 },
        { "{\"to\":{\"in\":[]}}", 0 },
        { "{\"to\":7}", -1 },
        { "{\"to\":\"\"}", -1 },
        { "{\"to\":{\"ne\":\"a\"}}", -1 },
        { "{\"to\":{\"in\":[\"a\",1]}}", -1 },
        { "{\"to\":{\"in\":\"a\"}}", -1 },
        { "{\"to\":\"a\",\"n\":1}", -1 },
        { "{\"n\":1}", -1 },
        { "[]", -1 },
    };
    fixture f;
    fixture_open(&f, engines[0]);
    people(&f);
    const hb_schema *schema = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("person"))]->schema;
    const hb_type *type = schema->fields[hb_schema_find(schema, HB_STR("knows"))].type;
    REQUIRE(type->edge_column == 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].operand);
        hb_pack_reader ids;
        uint32_t count = 0;
        bool lookup = hb_edge_lookup(type, pack_of(&f, cases[i].operand), &ids, &count);
        CHECK_INT(lookup ? (int)count : -1, cases[i].count);
    }
    fixture_close(&f);
}

static void values_are_kept_outside_the_row(void) {
    for (size_t e = 0; e < 2; e++) {
        CASE(engines[e]);
        fixture f;
        fixture_open(&f, engines[e]);
        REQUIRE(define(&f, "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"body\":{\"type\":\"long-text\","
                           "\"storage\":{\"to\":\"main\",\"strategy\":\"external\"}}}}") == HB_OK);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"a\",\"n\":1,\"body\":\"zebra\"}"), HB_OK);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"b\",\"n\":2,\"body\":\"apple\"}"), HB_OK);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"c\",\"n\":3,\"body\":\"zebra\"}"), HB_OK);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"d\",\"n\":4}"), HB_OK);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"e\",\"n\":5,\"body\":\"\"}"), HB_OK);
        CHECK_INT(query(&f, "doc", "{\"order\":[\"body\"]}"), HB_OK);
        CHECK_CSTR(lines(&f, "body"), "e|\nb|apple\na|zebra\nc|zebra\nd|\n");
        CHECK_INT(query(&f, "doc", "{\"order\":[\"-body\"],\"limit\":1,\"select\":[\"body\"]}"), HB_OK);
        CHECK_CSTR(lines(&f, "body"), "a|zebra\n");
        CHECK_INT(query(&f, "doc", "{\"filter\":{\"body\":{\"is_null\":true}}}"), HB_OK);
        CHECK_CSTR(lines(&f, "n"), "d|4\n");
        CHECK_INT(query(&f, "doc", "{\"filter\":{\"body\":{\"match\":\"zebra\"}}}"), HB_E_UNSUPPORTED);
        CHECK_INT(query(&f, "doc", "{\"aggregate\":{\"m\":{\"min\":{\"field\":\"n\"}}},\"group_by\":[\"body\"]}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 4);
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"a\",\"n\":9}", 0), HB_OK);
        CHECK_INT(by_id(&f, HB_CALL_GET, "doc", "a"), HB_OK);
        CHECK_CSTR(lines(&f, "body"), "a|zebra\n");
        fixture_close(&f);
    }
}

TEST_SUITE {
    TEST(walks_are_breadth_first);
    TEST(bad_graph_calls_are_typed_errors);
    TEST(edges_bind_rows_together);
    TEST(a_lookup_is_only_about_where_edges_lead);
    TEST(values_are_kept_outside_the_row);
}
