// SPDX-License-Identifier: MIT
/* Placement of fields. Declared stores win; otherwise a profile per type walks over preferences
 * (roles and tags), where the home of the workspace beats all others - the instance called main, or
 * the first one - and then the order of the registry decides. Two names carry a convention: vectors
 * go to `vec`, and long texts get an inverted replica on `search`, whenever those instances can
 * hold them. */
#include "plan/route.h"

typedef struct preference {
    uint32_t roles;             /* all of these bits; 0 ends the list */
    hb_strategy strategy;       /* on an instance without the SQL tag */
    hb_strategy sql_strategy;   /* on one with it */
} preference;

typedef struct route_profile {
    const char *source;
    const char *why;
    preference prefer[2];
} route_profile;

static const route_profile profile_inline = {
    "builtin-inline",
    "rows go to main, or to the first backend that keeps rows",
    { { HB_ROLE_ROW, HB_STRATEGY_INLINE, HB_STRATEGY_INLINE } }
};
static const route_profile profile_long_text = {
    "builtin-longtext",
    "long texts go to a search engine, or else where rows are kept",
    { { HB_ROLE_TEXT | HB_TAG_SEARCH, HB_STRATEGY_INVERTED, HB_STRATEGY_INVERTED },
      { HB_ROLE_ROW, HB_STRATEGY_INLINE, HB_STRATEGY_INLINE } }
};
/* Where a search instance is there by name, it gets a replica and the row store keeps the truth. */
static const route_profile profile_long_text_named = { "builtin-longtext",
                                                       "long texts are kept with their row",
                                                       { { HB_ROLE_ROW, HB_STRATEGY_INLINE,
                                                           HB_STRATEGY_INLINE } } };
static const route_profile profile_vector = { "builtin-vector",
                                              "vectors go to a backend with vector search",
                                              { { HB_ROLE_VECTOR, HB_STRATEGY_VECTOR,
                                                  HB_STRATEGY_VECTOR } } };
static const route_profile profile_json = { "builtin-json",
                                            "Json goes where rows are kept",
                                            { { HB_ROLE_ROW, HB_STRATEGY_JSON,
                                                HB_STRATEGY_JSON } } };
static const route_profile profile_array_text = {
    "builtin-array-short-text-keyword",
    "lists of short texts go to a SQL engine, or else where rows are kept",
    { { HB_ROLE_ROW | HB_TAG_SQL, HB_STRATEGY_SPARSE_GRAM, HB_STRATEGY_SPARSE_GRAM },
      { HB_ROLE_ROW, HB_STRATEGY_INLINE, HB_STRATEGY_INLINE } }
};
static const route_profile profile_array = {
    "builtin-array",
    "lists go where rows are kept, on SQL into a table of their own",
    { { HB_ROLE_ROW, HB_STRATEGY_INLINE, HB_STRATEGY_SIDE } }
};
static const route_profile profile_hyper = {
    "builtin-hyperg",
    "records in a field go where rows are kept, on SQL into a table of their own",
    { { HB_ROLE_ROW, HB_STRATEGY_INLINE, HB_STRATEGY_SIDE } }
};

typedef struct route_ctx {
    const hb_schema *schema;
    hb_instance *const *instances;
    uint32_t instance_count;
    hb_str workspace_id;
    hb_arena *arena;
    hb_binding *bindings;
    uint32_t binding_count, binding_cap;
    bool *used; /* by instance: holds a field */
    hb_err *err;
} route_ctx;

static const route_profile *profile_of(const route_ctx *ctx, const hb_type *type,
                                       bool search_named) {
    (void)ctx;
    switch (type->id) {
    case HB_TYPE_LONG_TEXT: return search_named ? &profile_long_text_named : &profile_long_text;
    case HB_TYPE_VECTOR: return &profile_vector;
    case HB_TYPE_JSON: return &profile_json;
    case HB_TYPE_HYPER_G: return &profile_hyper;
    case HB_TYPE_ARRAY:
        return type->item != NULL && type->item->id == HB_TYPE_SHORT_TEXT ? &profile_array_text
                                                                          : &profile_array;
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_CATEGORICAL:
    case HB_TYPE_TIMESTAMP:
    case HB_TYPE_DATE:
    case HB_TYPE_DURATION:
    case HB_TYPE_ARTIFACT:
    case HB_TYPE_COUNT: break;
    }
    return &profile_inline;
}

static uint32_t instance_named(const route_ctx *ctx, hb_str name) {
    for (uint32_t i = 0; i < ctx->instance_count; i++) {
        if (hb_str_eq(ctx->instances[i]->name, name)) return i;
    }
    return HB_BACKEND_NONE;
}

/* Where a field belongs that nothing else decides on: main, or the instance that is declared first.
 */
static uint32_t home_find(const route_ctx *ctx) {
    uint32_t home = instance_named(ctx, HB_STR("main"));
    return home != HB_BACKEND_NONE || ctx->instance_count == 0 ? home : 0;
}

static hb_strategy strategy_on(const hb_backend *type, const preference *prefer) {
    return (type->roles & HB_TAG_SQL) != 0 ? prefer->sql_strategy : prefer->strategy;
}

static bool preference_fits(const hb_backend *backend, const preference *prefer,
                            const hb_type *type) {
    return (backend->roles & prefer->roles) == prefer->roles &&
           backend->stores(type, strategy_on(backend, prefer));
}

/* Home if it fits, else the fitting instance of the lowest rank, the earlier declared on a tie. */
static uint32_t preference_find(const route_ctx *ctx, const preference *prefer,
                                const hb_type *type) {
    uint32_t best = HB_BACKEND_NONE;
    const uint32_t home = home_find(ctx);
    for (uint32_t i = 0; i < ctx->instance_count; i++) {
        const hb_instance *instance = ctx->instances[i];
        if (!preference_fits(instance->type, prefer, type)) continue;
        if (i == home) return i;
        if (best == HB_BACKEND_NONE ||
            instance->type->routing_rank < ctx->instances[best]->type->routing_rank) {
            best = i;
        }
    }
    return best;
}

static hb_status binding_add(route_ctx *ctx, const hb_binding *binding) {
    if (ctx->binding_count == ctx->binding_cap) {
        uint32_t cap = ctx->binding_cap == 0 ? 32 : 2 * ctx->binding_cap;
        hb_binding *grown = HB_NEW_ARRAY(ctx->arena, hb_binding, cap);
        if (grown == NULL) return hb_err_memory(ctx->err);
        if (ctx->binding_count > 0) {
            memcpy(grown, ctx->bindings, ctx->binding_count * sizeof *grown);
        }
        ctx->bindings = grown;
        ctx->binding_cap = cap;
    }
    ctx->used[binding->backend] = true;
    ctx->bindings[ctx->binding_count++] = *binding;
    return HB_OK;
}

static hb_status route_fail(route_ctx *ctx, const hb_field *field, hb_str backend) {
    return hb_err_where(ctx->err, ctx->schema->entity_id, field->name, backend);
}

/* The one instance that the convention names, when it can hold the type so. */
static uint32_t convention_find(const route_ctx *ctx, hb_str name, const hb_type *type,
                                hb_strategy strategy) {
    uint32_t index = instance_named(ctx, name);
    if (index == HB_BACKEND_NONE || !ctx->instances[index]->type->stores(type, strategy))
        return HB_BACKEND_NONE;
    return index;
}

static hb_status route_unplaced(route_ctx *ctx, const hb_field *field) {
    hb_err_set(ctx->err, HB_E_UNSUPPORTED_STORAGE,
               "no backend of this workspace can hold %.*s field '%.*s'",
               HB_ARG(hb_type_name(field->type->id)), HB_ARG(field->name));
    return route_fail(ctx, field, HB_STR_EMPTY);
}

/* What the profile chooses for a field without a declared backend. */
static hb_status route_auto_pick(route_ctx *ctx, uint32_t index, hb_binding *out) {
    const hb_field *field = &ctx->schema->fields[index];
    const hb_type *type = field->type;
    uint32_t search = convention_find(ctx, HB_STR("search"), type, HB_STRATEGY_INVERTED);
    const route_profile *profile = profile_of(ctx, type, search != HB_BACKEND_NONE);
    *out = (hb_binding){ .field = index,
                         .backend = HB_BACKEND_NONE,
                         .primary = true,
                         .source = profile->source,
                         .why = profile->why };
    if (type->id == HB_TYPE_VECTOR) {
        out->backend = convention_find(ctx, HB_STR("vec"), type, HB_STRATEGY_VECTOR);
        if (out->backend != HB_BACKEND_NONE) {
            out->strategy = HB_STRATEGY_VECTOR;
            out->why = "vectors go to the instance called vec";
            return HB_OK;
        }
    }
    for (uint32_t p = 0; p < 2 && profile->prefer[p].roles != 0; p++) {
        out->backend = preference_find(ctx, &profile->prefer[p], type);
        if (out->backend != HB_BACKEND_NONE) {
            out->strategy = strategy_on(ctx->instances[out->backend]->type, &profile->prefer[p]);
            return HB_OK;
        }
    }
    const preference *last = &profile->prefer[profile->prefer[1].roles != 0 ? 1 : 0];
    uint32_t home = home_find(ctx);
    if (home == HB_BACKEND_NONE) return route_unplaced(ctx, field);
    out->backend = home;
    out->strategy = strategy_on(ctx->instances[home]->type, last);
    out->why = "no backend has the role for this type, so it goes to main or the first";
    return ctx->instances[home]->type->stores(type, out->strategy) ? HB_OK
                                                                   : route_unplaced(ctx, field);
}

static hb_status route_auto(route_ctx *ctx, uint32_t index) {
    const hb_type *type = ctx->schema->fields[index].type;
    hb_binding binding;
    HB_TRY(route_auto_pick(ctx, index, &binding));
    uint32_t search = type->id == HB_TYPE_LONG_TEXT
                          ? convention_find(ctx, HB_STR("search"), type, HB_STRATEGY_INVERTED)
                          : HB_BACKEND_NONE;
    if (search == binding.backend && search != HB_BACKEND_NONE) {
        binding.strategy = HB_STRATEGY_INVERTED;
        binding.why = "long texts are indexed on the instance called search";
        search = HB_BACKEND_NONE;
    }
    HB_TRY(binding_add(ctx, &binding));
    if (search == HB_BACKEND_NONE) return HB_OK;
    hb_binding replica = { .field = index,
                           .backend = search,
                           .strategy = HB_STRATEGY_INVERTED,
                           .source = "convention-search",
                           .why = "ranked text goes to the instance called search" };
    return binding_add(ctx, &replica);
}

/* The strategies that an instance holds a type with; their count. */
static size_t held_list(const hb_instance *instance, const hb_type *type,
                        hb_str held[HB_STRATEGY_COUNT]) {
    size_t count = 0;
    for (uint32_t s = HB_STRATEGY_INLINE; s < HB_STRATEGY_COUNT; s++) {
        if (!instance->type->stores(type, (hb_strategy)s)) continue;
        held[count++] = hb_strategy_name((hb_strategy)s);
    }
    return count;
}

/* What a backend's table denies is refused, and nothing else: capabilities says the same. */
static hb_status store_refuse(route_ctx *ctx, const hb_field *field, hb_strategy strategy,
                              const hb_instance *instance) {
    const char *backend = instance->type->name;
    const hb_str type = hb_type_name(field->type->id);
    hb_str held[HB_STRATEGY_COUNT];
    const size_t count = held_list(instance, field->type, held);
    if (count == 0) {
        hb_err_set(ctx->err, HB_E_UNSUPPORTED_STORAGE, "%s cannot hold %.*s field '%.*s'", backend,
                   HB_ARG(type), HB_ARG(field->name));
    } else {
        hb_err_set(ctx->err, HB_E_TYPE, "%s cannot hold %.*s field '%.*s' with the strategy '%.*s'",
                   backend, HB_ARG(type), HB_ARG(field->name), HB_ARG(hb_strategy_name(strategy)));
        hb_err_hint(ctx->err, HB_STR_EMPTY, held, count);
    }
    return route_fail(ctx, field, instance->name);
}

/* A store without `to`: home if it can, else the lowest rank that can. */
static uint32_t store_choose(const route_ctx *ctx, const hb_type *type, hb_strategy strategy) {
    uint32_t best = HB_BACKEND_NONE;
    const uint32_t home = home_find(ctx);
    for (uint32_t i = 0; i < ctx->instance_count; i++) {
        const hb_instance *instance = ctx->instances[i];
        if (!instance->type->stores(type, strategy)) continue;
        if (i == home) return i;
        if (best == HB_BACKEND_NONE ||
            instance->type->routing_rank < ctx->instances[best]->type->routing_rank) {
            best = i;
        }
    }
    return best;
}

static hb_status store_backend(route_ctx *ctx, const hb_field *field, const hb_store *store,
                               hb_strategy strategy, uint32_t *out) {
    if (store->to.len == 0) {
        *out = store_choose(ctx, field->type, strategy);
        if (*out != HB_BACKEND_NONE || store->optional) return HB_OK;
        const uint32_t home = instance_named(ctx, HB_STR("main"));
        return store_refuse(ctx, field, strategy,
                            ctx->instances[home != HB_BACKEND_NONE ? home : 0]);
    }
    *out = instance_named(ctx, store->to);
    if (*out == HB_BACKEND_NONE) {
        if (store->optional) return HB_OK;
        hb_str *names = HB_NEW_ARRAY(ctx->arena, hb_str, ctx->instance_count);
        if (names == NULL) return hb_err_memory(ctx->err);
        for (uint32_t i = 0; i < ctx->instance_count; i++) {
            names[i] = ctx->instances[i]->name;
        }
        hb_err_set(ctx->err, HB_E_ROUTING,
                   "'%.*s' is stored to '%.*s', which this workspace does not have",
                   HB_ARG(field->name), HB_ARG(store->to));
        hb_err_hint(ctx->err, store->to, names, ctx->instance_count);
        return route_fail(ctx, field, store->to);
    }
    const hb_instance *instance = ctx->instances[*out];
    if (instance->type->stores(field->type, strategy)) return HB_OK;
    hb_str held[HB_STRATEGY_COUNT];
    if (!store->optional || held_list(instance, field->type, held) > 0) {
        return store_refuse(ctx, field, strategy, instance);
    }
    *out = HB_BACKEND_NONE;
    return HB_OK;
}

/* Index of the field's binding on a backend, or HB_BACKEND_NONE. */
static uint32_t binding_on(const route_ctx *ctx, uint32_t field, uint32_t backend) {
    for (uint32_t i = 0; i < ctx->binding_count; i++) {
        if (ctx->bindings[i].field == field && ctx->bindings[i].backend == backend) return i;
    }
    return HB_BACKEND_NONE;
}

static hb_status route_stores(route_ctx *ctx, uint32_t index) {
    const hb_field *field = &ctx->schema->fields[index];
    bool primary = true;
    for (uint32_t s = 0; s < field->store_count; s++) {
        const hb_store *store = &field->stores[s];
        hb_strategy strategy =
            store->strategy != HB_STRATEGY_NONE ? store->strategy : HB_STRATEGY_INLINE;
        uint32_t backend;
        HB_TRY(store_backend(ctx, field, store, strategy, &backend));
        if (backend == HB_BACKEND_NONE) continue;
        uint32_t twin = binding_on(ctx, index, backend);
        if (twin != HB_BACKEND_NONE) {
            /* Every strategy keeps the value itself, so inline is implied by any other. */
            hb_strategy *held = &ctx->bindings[twin].strategy;
            if (*held != strategy && *held != HB_STRATEGY_INLINE &&
                strategy != HB_STRATEGY_INLINE) {
                hb_err_set(ctx->err, HB_E_ROUTING,
                           "'%.*s' is stored twice to '%.*s', as %.*s and as %.*s",
                           HB_ARG(field->name), HB_ARG(ctx->instances[backend]->name),
                           HB_ARG(hb_strategy_name(*held)), HB_ARG(hb_strategy_name(strategy)));
                return route_fail(ctx, field, ctx->instances[backend]->name);
            }
            if (strategy != HB_STRATEGY_INLINE) {
                *held = strategy;
            }
            continue;
        }
        hb_str reason = store->reason.len > 0
                            ? hb_arena_printf(ctx->arena, "%.*s", HB_ARG(store->reason))
                            : HB_STR("field");
        if (reason.ptr == NULL) return hb_err_memory(ctx->err);
        hb_binding binding = { .field = index,
                               .backend = backend,
                               .strategy = strategy,
                               .primary = primary,
                               .source = reason.ptr,
                               .why = "the entity stores the field here" };
        HB_TRY(binding_add(ctx, &binding));
        primary = false;
    }
    return HB_OK;
}

/* main if it holds anything, else the first field's backend, one that keeps rows if there is one.
 */
static uint32_t route_home(const route_ctx *ctx) {
    uint32_t home = instance_named(ctx, HB_STR("main"));
    if (home != HB_BACKEND_NONE && (ctx->used[home] || ctx->binding_count == 0)) return home;
    for (uint32_t i = 0; i < ctx->binding_count; i++) {
        if ((ctx->instances[ctx->bindings[i].backend]->type->roles & HB_ROLE_ROW) != 0) {
            return ctx->bindings[i].backend;
        }
    }
    return ctx->binding_count > 0 ? ctx->bindings[0].backend : 0;
}

static hb_status route_object_id(route_ctx *ctx, uint32_t home) {
    uint32_t count = ctx->instance_count;
    ctx->used[home] = true;
    for (uint32_t b = 0; b < count; b++) {
        if (!ctx->used[b]) continue;
        hb_binding binding = { .field = HB_FIELD_OBJECT_ID,
                               .backend = b,
                               .strategy = HB_STRATEGY_INLINE,
                               .primary = b == home,
                               .source = "builtin-id",
                               .why = "every backend of the entity keeps the id" };
        HB_TRY(binding_add(ctx, &binding));
    }
    return HB_OK;
}

static bool type_auto_indexed(hb_type_id id) {
    return id == HB_TYPE_IDENTIFIER || id == HB_TYPE_SHORT_TEXT || id == HB_TYPE_INTEGER ||
           id == HB_TYPE_FLOAT;
}

static bool type_indexable(hb_type_id id) {
    return type_auto_indexed(id) || id == HB_TYPE_BOOLEAN || id == HB_TYPE_CATEGORICAL ||
           id == HB_TYPE_DATE || id == HB_TYPE_DURATION || id == HB_TYPE_TIMESTAMP;
}

static bool groups_name(const hb_field_group *groups, uint32_t count, uint32_t field,
                        hb_str backend) {
    for (uint32_t i = 0; i < count; i++) {
        if (groups[i].to.len > 0 && !hb_str_eq(groups[i].to, backend)) continue;
        for (uint32_t j = 0; j < groups[i].field_count; j++) {
            if (groups[i].fields[j] == field) return true;
        }
    }
    return false;
}

/* SQL engines index the common scalar types by themselves, others on request, and several fields
 * or unique ones in indexes of their own. Elsewhere each field of such a group is indexed: by one
 * of them a filter finds its rows, and a write the row that holds a unique value already. */
static bool placed_indexed(const route_ctx *ctx, const hb_binding *binding, hb_strategy strategy) {
    const hb_schema *schema = ctx->schema;
    const hb_field *field = &schema->fields[binding->field];
    const hb_instance *instance = ctx->instances[binding->backend];
    if (strategy != HB_STRATEGY_INLINE || field->index == 0) return false;
    if (field->index == 1) return type_indexable(field->type->id);
    if ((instance->type->roles & HB_TAG_SQL) != 0) return type_auto_indexed(field->type->id);
    return type_indexable(field->type->id) &&
           (field->unique ||
            groups_name(schema->indexes, schema->index_count, binding->field, instance->name) ||
            groups_name(schema->uniques, schema->unique_count, binding->field, instance->name));
}

/* A group that is for one backend names one that there is. */
static hb_status groups_check(const route_ctx *ctx, const hb_field_group *groups, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (groups[i].to.len == 0 || instance_named(ctx, groups[i].to) != HB_BACKEND_NONE) continue;
        const hb_str field = ctx->schema->fields[groups[i].fields[0]].name;
        hb_err_set(ctx->err, HB_E_ROUTING,
                   "an index or constraint on '%.*s' is for the unknown "
                   "backend '%.*s'",
                   HB_ARG(field), HB_ARG(groups[i].to));
        return hb_err_where(ctx->err, ctx->schema->entity_id, field, groups[i].to);
    }
    return HB_OK;
}

static hb_placed placed_make(const route_ctx *ctx, const hb_binding *binding) {
    const hb_field *field = &ctx->schema->fields[binding->field];
    const hb_strategy strategy = binding->strategy;
    bool is_id = binding->field == HB_FIELD_OBJECT_ID;
    return (hb_placed){ .field = binding->field,
                        .strategy = strategy,
                        .primary = binding->primary,
                        .indexed = is_id || placed_indexed(ctx, binding, strategy),
                        .unique = is_id || (binding->primary && field->unique),
                        .source = binding->source,
                        .why = binding->why };
}

static hb_status container_make(route_ctx *ctx, uint32_t backend, hb_container **out) {
    hb_container *container = HB_NEW(ctx->arena, hb_container);
    hb_placed *fields = HB_NEW_ARRAY(ctx->arena, hb_placed, ctx->schema->field_count);
    uint32_t *by_field = HB_NEW_ARRAY(ctx->arena, uint32_t, ctx->schema->field_count);
    if (container == NULL || fields == NULL || by_field == NULL) return hb_err_memory(ctx->err);
    for (uint32_t f = 0; f < ctx->schema->field_count; f++) {
        by_field[f] = HB_FIELD_NONE;
    }
    uint32_t count = 1;
    for (uint32_t i = 0; i < ctx->binding_count; i++) {
        const hb_binding *binding = &ctx->bindings[i];
        if (binding->backend != backend) continue;
        uint32_t at = binding->field == HB_FIELD_OBJECT_ID ? 0 : count++;
        fields[at] = placed_make(ctx, binding);
        by_field[binding->field] = at;
    }
    *container = (hb_container){ .schema = ctx->schema,
                                 .workspace_id = ctx->workspace_id,
                                 .fields = fields,
                                 .field_count = count,
                                 .by_field = by_field };
    *out = container;
    return HB_OK;
}

/* The fields whose source of truth the container is. */
static hb_status container_source(route_ctx *ctx, const uint32_t *primary, uint32_t backend,
                                  hb_container *container) {
    uint32_t *sourced = HB_NEW_ARRAY(ctx->arena, uint32_t, ctx->schema->field_count);
    if (sourced == NULL) return hb_err_memory(ctx->err);
    container->sourced = sourced;
    for (uint32_t f = 1; f < ctx->schema->field_count; f++) {
        if (primary[f] == backend) sourced[container->sourced_count++] = f;
    }
    return HB_OK;
}

static hb_status route_finish(route_ctx *ctx, hb_routing **out) {
    hb_routing *routing = HB_NEW(ctx->arena, hb_routing);
    hb_container **containers = HB_NEW_ARRAY(ctx->arena, hb_container *, ctx->instance_count);
    uint32_t *primary = HB_NEW_ARRAY(ctx->arena, uint32_t, ctx->schema->field_count);
    if (routing == NULL || containers == NULL || primary == NULL) return hb_err_memory(ctx->err);
    uint32_t home = route_home(ctx);
    HB_TRY(route_object_id(ctx, home));
    for (uint32_t f = 0; f < ctx->schema->field_count; f++) {
        primary[f] = HB_BACKEND_NONE;
    }
    for (uint32_t i = 0; i < ctx->binding_count; i++) {
        if (ctx->bindings[i].primary) {
            primary[ctx->bindings[i].field] = ctx->bindings[i].backend;
        }
    }
    for (uint32_t b = 0; b < ctx->instance_count; b++) {
        if (!ctx->used[b]) continue;
        HB_TRY(container_make(ctx, b, &containers[b]));
        HB_TRY(container_source(ctx, primary, b, containers[b]));
    }
    *routing = (hb_routing){ .schema = ctx->schema,
                             .bindings = ctx->bindings,
                             .binding_count = ctx->binding_count,
                             .containers = containers,
                             .backend_count = ctx->instance_count,
                             .home = home,
                             .primary = primary };
    *out = routing;
    return HB_OK;
}

hb_status hb_route(const hb_schema *schema, hb_instance *const *instances, uint32_t instance_count,
                   hb_str workspace_id, hb_arena *arena, hb_routing **out, hb_err *err) {
    if (instance_count == 0) return hb_err_set(err, HB_E_ROUTING, "the workspace has no backend");
    route_ctx ctx = { .schema = schema,
                      .instances = instances,
                      .instance_count = instance_count,
                      .workspace_id = workspace_id,
                      .arena = arena,
                      .err = err };
    ctx.used = HB_NEW_ARRAY(arena, bool, instance_count);
    if (ctx.used == NULL) return hb_err_memory(err);
    HB_TRY(groups_check(&ctx, schema->indexes, schema->index_count));
    HB_TRY(groups_check(&ctx, schema->uniques, schema->unique_count));
    for (uint32_t f = 1; f < schema->field_count; f++) {
        HB_TRY(schema->fields[f].store_count > 0 ? route_stores(&ctx, f) : route_auto(&ctx, f));
    }
    return route_finish(&ctx, out);
}

uint32_t hb_routing_find(const hb_routing *routing, uint32_t field, hb_strategy strategy) {
    for (uint32_t i = 0; i < routing->binding_count; i++) {
        const hb_binding *binding = &routing->bindings[i];
        if (binding->field == field && binding->strategy == strategy) return binding->backend;
    }
    return HB_BACKEND_NONE;
}
