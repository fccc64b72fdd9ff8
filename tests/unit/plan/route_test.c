// SPDX-License-Identifier: MIT
#include "tests/unit/plan/fake.h"
#include "tests/unit/test.h"

#define SHAPES                                                                                     \
    "{\"name\":\"Shapes\",\"fields\":{\"s\":\"short-text\",\"l\":\"long-text\",\"v\":\"vector[2]"  \
    "\","                                                                                          \
    "\"at\":\"array[short-text]\",\"ai\":\"array[integer]\",\"j\":\"json\","                       \
    "\"h\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"slot\",\"dtype\":\"short-"      \
    "text\"}]}}}}"

/* "title:main.inline" for each binding, in order, without the implicit name. */
static void print_bindings(const fake_world *world, hb_buf *out) {
    for (uint32_t i = 0; i < world->routing->binding_count; i++) {
        const hb_binding *binding = &world->routing->bindings[i];
        const hb_field *field = &world->schema->fields[binding->field];
        if (field->implicit) continue;
        if (out->len > 0) hb_buf_add_char(out, ' ');
        hb_buf_printf(out, "%.*s:%.*s.%.*s%s", HB_ARG(field->name),
                      HB_ARG(world->instances[binding->backend]->name),
                      HB_ARG(hb_strategy_name(binding->strategy)),
                      binding->primary || binding->field == HB_FIELD_OBJECT_ID ? "" : "+");
    }
}

static const struct {
    const char *name, *backends, *want;
} placements[] = {
    { "debug: vectors on vec, long texts inline with an index on search",
      "main@sqlite vec@inmem search@inmem",
      "s:main.inline l:main.inline l:search.inverted+ v:vec.vector at:main.sparse-gram "
      "ai:main.side j:main.json "
      "h:main.side object_id:main.inline object_id:vec.inline object_id:search.inline" },
    { "one memory backend holds everything", "main@inmem",
      "s:main.inline l:main.inline v:main.vector at:main.inline ai:main.inline j:main.json "
      "h:main.inline "
      "object_id:main.inline" },
    { "the name vec attracts vectors", "main@inmem vec@inmem",
      "s:main.inline l:main.inline v:vec.vector at:main.inline ai:main.inline j:main.json "
      "h:main.inline "
      "object_id:main.inline object_id:vec.inline" },
    { "the name search attracts ranked text", "main@inmem search@inmem",
      "s:main.inline l:main.inline l:search.inverted+ v:main.vector at:main.inline ai:main.inline "
      "j:main.json "
      "h:main.inline object_id:main.inline object_id:search.inline" },
    { "one SQL backend holds everything", "main@sqlite",
      "s:main.inline l:main.inline v:main.vector at:main.sparse-gram ai:main.side j:main.json "
      "h:main.side "
      "object_id:main.inline" },
    { "without main the first that fits is home", "a@inmem b@sqlite",
      "s:a.inline l:a.inline v:a.vector at:b.sparse-gram ai:a.inline j:a.json h:a.inline "
      "object_id:a.inline "
      "object_id:b.inline" },
    { "home is where rows can be, ranks are for the rest", "b@sqlite a@inmem",
      "s:b.inline l:b.inline v:a.vector at:b.sparse-gram ai:b.side j:b.json h:b.side "
      "object_id:b.inline object_id:a.inline" },
    { "rows go to the first of equal types", "vec@inmem search@inmem",
      "s:vec.inline l:vec.inline l:search.inverted+ v:vec.vector at:vec.inline ai:vec.inline "
      "j:vec.json "
      "h:vec.inline object_id:vec.inline object_id:search.inline" },
    { "a search engine of another name takes long texts as their source", "main@sqlite es@elastic",
      "s:main.inline l:es.inverted v:main.vector at:main.sparse-gram ai:main.side j:main.json "
      "h:main.side "
      "object_id:main.inline object_id:es.inline" },
    { "a search engine called search gets a replica", "main@inmem search@elastic",
      "s:main.inline l:main.inline l:search.inverted+ v:main.vector at:main.inline ai:main.inline "
      "j:main.json "
      "h:main.inline object_id:main.inline object_id:search.inline" },
    { "vec of a type that cannot hold vectors is passed over", "main@sqlite vec@json",
      "s:main.inline l:main.inline v:main.vector at:main.sparse-gram ai:main.side j:main.json "
      "h:main.side "
      "object_id:main.inline" },
    { "vectors go to the backend with the role when no name says so", "main@sqlite db@lance",
      "s:main.inline l:main.inline v:db.vector at:main.sparse-gram ai:main.side j:main.json "
      "h:main.side "
      "object_id:main.inline object_id:db.inline" },
};

static void fields_are_placed_by_role_and_convention(void) {
    for (size_t i = 0; i < sizeof placements / sizeof placements[0]; i++) {
        CASE(placements[i].name);
        fake_world world;
        hb_buf text;
        hb_buf_init(&text, hb_mem_default());
        CHECK_INT(fake_open(&world, placements[i].backends, SHAPES), HB_OK);
        CHECK_INT(fake_route(&world), HB_OK);
        if (world.routing != NULL) print_bindings(&world, &text);
        CHECK_STR(hb_buf_str(&text), placements[i].want);
        hb_buf_free(&text);
        fake_close(&world);
    }
}

static const struct {
    const char *name, *backends, *fields, *want;
} stores[] = {
    { "explicit stores keep declaration order, ids last", "main@inmem vec@inmem",
      "{\"title\":{\"type\":\"short-text\",\"storage\":{\"to\":\"main\"}},"
      "\"body\":{\"type\":\"long-text\",\"storage\":{\"to\":\"main\"}},"
      "\"embedding\":{\"type\":\"vector[2]\",\"storage\":{\"to\":\"vec\",\"strategy\":\"vector\"}}"
      "}",
      "title:main.inline body:main.inline embedding:vec.vector object_id:main.inline "
      "object_id:vec.inline" },
    { "the first store is the source, later ones are replicas", "main@sqlite search@inmem",
      "{\"n\":{\"type\":\"integer\",\"stores\":[\"search\",\"main\"]}}",
      "n:search.inline n:main.inline+ object_id:main.inline object_id:search.inline" },
    { "an optional store that is absent is left out", "main@sqlite",
      "{\"t\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"main\"},{\"to\":\"no\",\"optional\":"
      "true}]}}",
      "t:main.inline object_id:main.inline" },
    { "a field may end up stored nowhere", "main@sqlite",
      "{\"t\":{\"type\":\"short-text\",\"storage\":{\"to\":\"no\",\"optional\":true}},\"n\":"
      "\"integer\"}",
      "n:main.inline object_id:main.inline" },
    { "inline is implied by another strategy on the same backend", "main@sqlite",
      "{\"t\":{\"type\":\"long-text\",\"stores\":[{\"to\":\"main\"},{\"to\":\"main\",\"strategy\":"
      "\"inverted\"}]}}",
      "t:main.inverted object_id:main.inline" },
};

static void declared_stores_win(void) {
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        CASE(stores[i].name);
        char definition[1024];
        size_t len = 0;
        const char *parts[] = { "{\"name\":\"Doc\",\"fields\":", stores[i].fields, "}" };
        for (size_t p = 0; p < 3; p++) {
            memcpy(definition + len, parts[p], strlen(parts[p]));
            len += strlen(parts[p]);
        }
        definition[len] = '\0';
        fake_world world;
        hb_buf text;
        hb_buf_init(&text, hb_mem_default());
        CHECK_INT(fake_open(&world, stores[i].backends, definition), HB_OK);
        CHECK_INT(fake_route(&world), HB_OK);
        if (world.routing != NULL) print_bindings(&world, &text);
        CHECK_STR(hb_buf_str(&text), stores[i].want);
        hb_buf_free(&text);
        fake_close(&world);
    }
}

static const struct {
    const char *name, *backends, *definition;
    hb_status want;
} refusals[] = {
    { "a store to an unknown instance", "main@sqlite",
      "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"short-text\",\"storage\":\"nope\"}}}",
      HB_E_ROUTING },
    { "a type that the backend cannot hold", "main@sqlite es@elastic",
      "{\"name\":\"D\",\"fields\":{\"h\":{\"type\":\"hyper-g[a]\",\"storage\":\"es\"}}}",
      HB_E_UNSUPPORTED_STORAGE },
    { "home cannot hold the type either", "a@lance b@lance",
      "{\"name\":\"D\",\"fields\":{\"h\":\"hyper-g[a]\"}}", HB_E_UNSUPPORTED_STORAGE },
    { "a side table for what has no items", "main@sqlite",
      "{\"name\":\"D\",\"fields\":{\"n\":{\"type\":\"integer\",\"storage\":"
      "{\"to\":\"main\",\"strategy\":\"side\"}}}}",
      HB_E_TYPE },
    { "a strategy that the backend does not have", "main@elastic",
      "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"long-text\",\"storage\":"
      "{\"to\":\"main\",\"strategy\":\"external\"}}}}",
      HB_E_TYPE },
    { "such a strategy where the backend may be absent", "main@elastic",
      "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"long-text\",\"storage\":"
      "{\"to\":\"main\",\"strategy\":\"external\",\"optional\":true}}}}",
      HB_E_TYPE },
    { "two structures on one backend", "main@sqlite",
      "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"array[short-text]\",\"stores\":"
      "[{\"to\":\"main\",\"strategy\":\"side\"},{\"to\":\"main\",\"strategy\":\"sparse-gram\"}]}}}",
      HB_E_ROUTING },
};

static void impossible_placements_are_refused(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        CASE(refusals[i].name);
        fake_world world;
        CHECK_INT(fake_open(&world, refusals[i].backends, refusals[i].definition), HB_OK);
        CHECK_INT(fake_route(&world), refusals[i].want);
        CHECK(world.err.field[0] != '\0');
        fake_close(&world);
    }
}

static bool indexed_on(const fake_world *world, const char *field, const char *backend) {
    uint32_t index = hb_schema_find(world->schema, hb_str_c(field));
    for (uint32_t b = 0; b < world->instance_count; b++) {
        const hb_container *container = world->routing->containers[b];
        if (container == NULL || !hb_str_eq(world->instances[b]->name, hb_str_c(backend))) continue;
        uint32_t at = container->by_field[index];
        return at != HB_FIELD_NONE && container->fields[at].indexed;
    }
    return false;
}

static const char index_definition[] =
    "{\"name\":\"D\",\"fields\":{\"name\":\"short-text\",\"n\":\"integer\",\"off\":{\"type\":"
    "\"integer\",\"index\":false},"
    "\"b\":\"boolean\",\"on\":{\"type\":\"boolean\",\"index\":true},\"m\":\"medium-text\","
    "\"u\":{\"type\":\"short-text\",\"unique\":true}}}";

static void sql_indexes_common_scalars_by_itself(void) {
    fake_world world;
    REQUIRE(fake_open(&world, "main@sqlite", index_definition) == HB_OK);
    CHECK_INT(fake_route(&world), HB_OK);
    CHECK(indexed_on(&world, "object_id", "main"));
    CHECK(indexed_on(&world, "n", "main"));
    CHECK(indexed_on(&world, "name", "main"));
    CHECK(indexed_on(&world, "on", "main"));
    CHECK(!indexed_on(&world, "off", "main"));
    CHECK(!indexed_on(&world, "b", "main"));
    CHECK(!indexed_on(&world, "m", "main"));
    const hb_container *container = world.routing->containers[0];
    CHECK(container->fields[container->by_field[hb_schema_find(world.schema, HB_STR("u"))]].unique);
    fake_close(&world);
}

static void memory_indexes_on_request_only(void) {
    fake_world world;
    REQUIRE(fake_open(&world, "main@inmem", index_definition) == HB_OK);
    CHECK_INT(fake_route(&world), HB_OK);
    CHECK(indexed_on(&world, "on", "main"));
    CHECK(!indexed_on(&world, "n", "main"));
    fake_close(&world);
}

static void a_binding_is_found_by_its_strategy(void) {
    fake_world world;
    REQUIRE(fake_open(&world, "main@sqlite",
                      "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"long-text\",\"storage\":"
                      "{\"to\":\"main\",\"strategy\":\"inverted\"}}}}") == HB_OK);
    REQUIRE(fake_route(&world) == HB_OK);
    uint32_t t = hb_schema_find(world.schema, HB_STR("t"));
    CHECK_INT(hb_routing_find(world.routing, t, HB_STRATEGY_INVERTED), 0);
    CHECK_INT(hb_routing_find(world.routing, t, HB_STRATEGY_VECTOR), HB_BACKEND_NONE);
    fake_close(&world);
}

static void home_is_main_when_it_holds_anything(void) {
    static const struct {
        const char *backends, *definition;
        uint32_t want;
    } cases[] = {
        { "vec@inmem main@sqlite", "{\"name\":\"D\",\"fields\":{\"n\":\"integer\"}}", 1 },
        { "main@sqlite vec@inmem",
          "{\"name\":\"D\",\"fields\":{\"name\":{\"type\":\"short-text\",\"storage\":\"vec\"}}}",
          1 },
        { "vec@inmem main@sqlite",
          "{\"name\":\"D\",\"fields\":{\"name\":{\"type\":\"short-text\",\"storage\":{\"to\":"
          "\"no\",\"optional\":true}}}}",
          1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].backends);
        fake_world world;
        CHECK_INT(fake_open(&world, cases[i].backends, cases[i].definition), HB_OK);
        CHECK_INT(fake_route(&world), HB_OK);
        if (world.routing != NULL) {
            CHECK_INT(world.routing->home, cases[i].want);
            CHECK_INT(world.routing->primary[HB_FIELD_OBJECT_ID], cases[i].want);
            CHECK(world.routing->containers[cases[i].want] != NULL);
        }
        fake_close(&world);
    }
}

TEST_SUITE {
    TEST(fields_are_placed_by_role_and_convention);
    TEST(declared_stores_win);
    TEST(impossible_placements_are_refused);
    TEST(sql_indexes_common_scalars_by_itself);
    TEST(memory_indexes_on_request_only);
    TEST(a_binding_is_found_by_its_strategy);
    TEST(home_is_main_when_it_holds_anything);
}
