// SPDX-License-Identifier: MIT
#include "tests/unit/plan/fake.h"
#include "tests/unit/test.h"

#include "value/pack.h"

#define METRICS_ALL ((1u << HB_METRIC_COSINE) | (1u << HB_METRIC_L2) | (1u << HB_METRIC_DOT))

/* ---- what they hold --------------------------------------------------------------------- */

static bool stores_sql(const hb_type *type, hb_strategy strategy) {
    switch ((int)strategy) {
    case HB_STRATEGY_SPARSE_GRAM:
        return type->id == HB_TYPE_ARRAY && type->item != NULL &&
               type->item->id == HB_TYPE_SHORT_TEXT;
    case HB_STRATEGY_SIDE: return type->id == HB_TYPE_ARRAY || type->id == HB_TYPE_HYPER_G;
    case HB_STRATEGY_VECTOR: return type->id == HB_TYPE_VECTOR;
    case HB_STRATEGY_INVERTED: return hb_type_is_text(type);
    case HB_STRATEGY_EXTERNAL:
    case HB_STRATEGY_JSON:
    case HB_STRATEGY_INLINE: return true;
    default: return false;
    }
}

static bool stores_memory(const hb_type *type, hb_strategy strategy) {
    return strategy != HB_STRATEGY_SPARSE_GRAM && stores_sql(type, strategy);
}

static bool stores_rows(const hb_type *type, hb_strategy strategy) {
    (void)type;
    return strategy == HB_STRATEGY_INLINE || strategy == HB_STRATEGY_JSON;
}

static bool stores_search(const hb_type *type, hb_strategy strategy) {
    return type->id != HB_TYPE_HYPER_G &&
           (strategy == HB_STRATEGY_INLINE ||
            (strategy == HB_STRATEGY_INVERTED && hb_type_is_text(type)));
}

static bool stores_vectors(const hb_type *type, hb_strategy strategy) {
    return strategy == HB_STRATEGY_INLINE
               ? type->id != HB_TYPE_HYPER_G && type->id != HB_TYPE_VECTOR
               : strategy == HB_STRATEGY_VECTOR && type->id == HB_TYPE_VECTOR;
}

/* ---- what they answer ------------------------------------------------------------------- */

static bool op_is_text(hb_op op) {
    return op == HB_OP_MATCH || op == HB_OP_LIKE || op == HB_OP_ILIKE || op == HB_OP_WILDCARD ||
           op == HB_OP_REGEX;
}

static bool answers(const hb_type *type, hb_strategy strategy, hb_str op) {
    hb_op found;
    if (strategy == HB_STRATEGY_EXTERNAL || strategy == HB_STRATEGY_GRAPH) return false;
    if (strategy == HB_STRATEGY_VECTOR && type->id != HB_TYPE_VECTOR) return false;
    if (strategy == HB_STRATEGY_SPARSE_GRAM) return hb_str_eq(op, HB_STR("array_contains"));
    if (hb_str_eq(op, HB_STR("near")))
        return type->id == HB_TYPE_VECTOR && strategy == HB_STRATEGY_VECTOR;
    if (hb_str_eq(op, HB_STR("search"))) return hb_type_is_text(type);
    if (hb_str_eq(op, HB_STR("get"))) return type->id == HB_TYPE_JSON;
    return hb_op_find(op, &found) && (hb_type_ops(type) & (1u << found)) != 0;
}

static const hb_offer offer_none = { HB_NO, false, "row_payload", "not answered here" };
static const hb_offer offer_sql = { HB_EXACT, true, "sql_where", NULL };
static const hb_offer offer_scan = { HB_EXACT, false, "row_payload", "scanned in process" };
static const hb_offer offer_index = { HB_EXACT, true, "index_filter", NULL };
static const hb_offer offer_wide = { HB_SUPERSET, true, "es_query", NULL };

static hb_offer supports_native(const hb_type *type, hb_strategy strategy, hb_str op) {
    return answers(type, strategy, op) ? offer_sql : offer_none;
}

static hb_offer supports_scan(const hb_type *type, hb_strategy strategy, hb_str op) {
    return answers(type, strategy, op) ? offer_scan : offer_none;
}

static hb_offer sqlite_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                             const hb_expr *leaf) {
    (void)type;
    (void)strategy;
    (void)indexed;
    return op_is_text(leaf->op) ? offer_scan : offer_sql;
}

static hb_offer inmem_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                            const hb_expr *leaf) {
    (void)type;
    (void)strategy;
    return indexed && (leaf->op == HB_OP_EQ || leaf->op == HB_OP_IN) ? offer_index : offer_scan;
}

static hb_offer json_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                           const hb_expr *leaf) {
    (void)type;
    (void)strategy;
    (void)indexed;
    (void)leaf;
    return offer_scan;
}

static hb_offer elastic_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                              const hb_expr *leaf) {
    (void)type;
    (void)strategy;
    (void)indexed;
    return leaf->op == HB_OP_MATCH ? offer_wide : offer_sql;
}

static hb_offer weak_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                           const hb_expr *leaf) {
    (void)type;
    (void)strategy;
    (void)indexed;
    (void)leaf;
    return offer_none;
}

static const char *const inmem_aliases[] = { "memory", NULL };
static const char *const elastic_aliases[] = { "elasticsearch", NULL };

#define REDUCERS (1u << HB_REDUCE_COUNT | 1u << HB_REDUCE_MIN | 1u << HB_REDUCE_MAX)

static const hb_backend fakes[] = {
    { .name = "sqlite",
      .roles = HB_ROLE_ROW | HB_TAG_SQL,
      .local = true,
      .routing_rank = 20,
      .caps = { .sort = HB_EXACT,
                .groups = 1u << HB_KIND_BOOL | 1u << HB_KIND_I64 | 1u << HB_KIND_F64 | 1u << HB_KIND_TEXT,
                .reducers = { [HB_KIND_BOOL] = REDUCERS, [HB_KIND_I64] = REDUCERS, [HB_KIND_F64] = REDUCERS, [HB_KIND_TEXT] = REDUCERS },
                .limit = HB_EXACT,
                .count = HB_EXACT,
                .metrics = METRICS_ALL,
                .search = true,
                .candidates = true,
                .filtered_rank = true },
      .stores = stores_sql,
      .offer = sqlite_offer,
      .supports = supports_native },
    { .name = "inmem",
      .aliases = inmem_aliases,
      .roles = HB_ROLE_ROW | HB_ROLE_TEXT | HB_ROLE_VECTOR | HB_TAG_VECTOR,
      .local = true,
      .routing_rank = 10,
      .caps = { .sort = HB_EXACT,
                .limit = HB_EXACT,
                .count = HB_EXACT,
                .metrics = METRICS_ALL,
                .search = true,
                .candidates = true,
                .filtered_rank = true },
      .stores = stores_memory,
      .offer = inmem_offer,
      .supports = supports_scan },
    { .name = "json",
      .roles = HB_ROLE_ROW | HB_ROLE_TEXT,
      .local = true,
      .routing_rank = 11,
      .caps = { .candidates = true },
      .stores = stores_rows,
      .offer = json_offer,
      .supports = supports_scan },
    { .name = "elastic",
      .aliases = elastic_aliases,
      .roles = HB_ROLE_TEXT | HB_TAG_SEARCH,
      .routing_rank = 40,
      .caps = { .limit = HB_EXACT,
                .count = HB_EXACT,
                .search = true,
                .candidates = true,
                .filtered_rank = true },
      .stores = stores_search,
      .offer = elastic_offer,
      .supports = supports_native },
    { .name = "weak",
      .roles = HB_ROLE_ROW,
      .routing_rank = 50,
      .caps = { .sort = HB_NO },
      .stores = stores_rows,
      .offer = weak_offer,
      .supports = supports_scan },
    { .name = "lance",
      .roles = HB_ROLE_VECTOR | HB_TAG_VECTOR,
      .routing_rank = 30,
      .caps = { .limit = HB_EXACT,
                .count = HB_EXACT,
                .metrics = (1u << HB_METRIC_COSINE) | (1u << HB_METRIC_L2),
                .candidates = true,
                .filtered_rank = true },
      .stores = stores_vectors,
      .offer = sqlite_offer,
      .supports = supports_native },
    { .name = "pine",
      .roles = HB_ROLE_VECTOR | HB_TAG_VECTOR,
      .routing_rank = 31,
      .caps = { .limit = HB_EXACT,
                .count = HB_EXACT,
                .metrics = METRICS_ALL,
                .filtered_rank = true },
      .stores = stores_vectors,
      .offer = sqlite_offer,
      .supports = supports_native },
};

const hb_backend *fake_backend(hb_str name) {
    for (size_t i = 0; i < sizeof fakes / sizeof fakes[0]; i++) {
        if (hb_str_eq(hb_str_c(fakes[i].name), name)) return &fakes[i];
    }
    return NULL;
}

/* ---- the world -------------------------------------------------------------------------- */

static hb_status world_pack(fake_world *world, const char *json, hb_str *out) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_status status = hb_pack_from_json(hb_str_c(json), &pack, &world->err);
    if (status == HB_OK) {
        *out = hb_arena_str(&world->arena, hb_buf_str(&pack));
    }
    hb_buf_free(&pack);
    return status;
}

static hb_status world_instance(fake_world *world, hb_str word) {
    int64_t at = hb_str_find(word, HB_STR("@"), 0);
    const hb_backend *type =
        at > 0 ? fake_backend(hb_str_sub(word, (uint32_t)at + 1, word.len)) : NULL;
    if (type == NULL || world->instance_count == FAKE_INSTANCES_MAX) {
        return hb_err_set(&world->err, HB_E_UNKNOWN_BACKEND, "no fake backend '%.*s'",
                          HB_ARG(word));
    }
    uint32_t index = world->instance_count++;
    world->store[index] = (hb_instance){ .type = type,
                                         .name = hb_str_sub(word, 0, (uint32_t)at),
                                         .mem = hb_mem_default(),
                                         .arena = &world->arena,
                                         .order = index };
    world->instances[index] = &world->store[index];
    return HB_OK;
}

hb_status fake_open(fake_world *world, const char *backends, const char *definition_json) {
    memset(world, 0, sizeof *world);
    hb_err_init(&world->err);
    hb_arena_init(&world->arena, hb_mem_default());
    hb_str text = hb_str_c(backends);
    for (uint32_t start = 0; start < text.len;) {
        int64_t space = hb_str_find(text, HB_STR(" "), start);
        uint32_t end = space < 0 ? text.len : (uint32_t)space;
        if (end > start) HB_TRY(world_instance(world, hb_str_sub(text, start, end - start)));
        start = end + 1;
    }
    hb_str pack;
    HB_TRY(world_pack(world, definition_json, &pack));
    return hb_schema_parse(pack, hb_mem_default(), &world->schema, &world->err);
}

hb_status fake_route(fake_world *world) {
    return hb_route(world->schema, world->instances, world->instance_count, HB_STR("test"),
                    &world->arena, &world->routing, &world->err);
}

hb_status fake_query(fake_world *world, const char *spec_json, const char *params_json) {
    hb_str params = HB_STR_EMPTY;
    hb_spec_free(world->spec);
    world->spec = NULL;
    hb_err_init(&world->err);
    if (params_json != NULL) HB_TRY(world_pack(world, params_json, &params));
    HB_TRY(hb_spec_decode(hb_str_c(spec_json), hb_mem_default(), &world->spec, &world->err));
    return hb_query_bind(world->spec, world->schema, params, 0, &world->arena, &world->query,
                         &world->err);
}

hb_status fake_plan(fake_world *world, const hb_plan_options *options, const hb_plan **out) {
    return hb_plan_make(world->query, world->routing, world->instances, options, &world->arena, out,
                        &world->err);
}

void fake_close(fake_world *world) {
    hb_spec_free(world->spec);
    if (world->schema != NULL) hb_schema_free(world->schema);
    hb_arena_free(&world->arena);
}

/* ---- the fakes themselves --------------------------------------------------------------- */

static void every_fake_is_found_by_its_name_alone(void) {
    for (size_t i = 0; i < sizeof fakes / sizeof fakes[0]; i++) {
        CASE(fakes[i].name);
        CHECK(fake_backend(hb_str_c(fakes[i].name)) == &fakes[i]);
    }
    CHECK(fake_backend(HB_STR("memory")) == NULL);
}

static void a_world_names_its_instances(void) {
    fake_world world;
    CHECK_INT(fake_open(&world, "main@sqlite vec@inmem",
                        "{\"name\":\"D\",\"fields\":{\"n\":\"integer\"}}"),
              HB_OK);
    CHECK_INT(world.instance_count, 2);
    CHECK_STR(world.instances[1]->name, "vec");
    fake_close(&world);
    CHECK_INT(fake_open(&world, "main@nothing", "{}"), HB_E_UNKNOWN_BACKEND);
    fake_close(&world);
}

TEST_SUITE {
    TEST(every_fake_is_found_by_its_name_alone);
    TEST(a_world_names_its_instances);
}
