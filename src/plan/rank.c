// SPDX-License-Identifier: MIT
/* near, search and their fusion. Both filter first and then take k: in one scan where the backend
 * holds and answers the whole filter, by candidate ids otherwise. */
#include "plan/build.h"

typedef struct rank_filter {
    uint32_t candidates;        /* node, made on first need; HB_NODE_NONE */
} rank_filter;

static hb_status rank_refuse(plan_build *build, uint32_t field, uint32_t backend,
                             const char *what) {
    const hb_schema *schema = build->routing->schema;
    hb_str name = backend == HB_BACKEND_NONE ? HB_STR_EMPTY : build->split.instances[backend]->name;
    hb_err_set(build->err, HB_E_UNSUPPORTED, "%s", what);
    return hb_err_where(build->err, schema->entity_id, schema->fields[field].name, name);
}

/* Puts the query's filter under a ranked scan. *mode says how, for explain. */
static hb_status rank_place_filter(plan_build *build, rank_filter *filter, uint32_t backend,
                                   bool rank_native, const hb_expr **pushed, uint32_t *candidates,
                                   const char **mode) {
    const hb_expr *expr = build->query->filter;
    const hb_backend *type = build->split.instances[backend]->type;
    *pushed = NULL;
    *candidates = HB_NODE_NONE;
    *mode = "none";
    if (expr == NULL) return HB_OK;
    bool exact = true, native = rank_native;
    bool here = split_all_on(&build->split, expr, backend, &exact, &native);
    *mode = !here             ? "candidate_id_prefilter"
            : exact && native ? "combined_native"
                              : "combined_scan";
    if (here && exact && type->caps.filtered_rank) {
        *pushed = expr;
        return HB_OK;
    }
    if (!type->caps.candidates) {
        hb_err_set(build->err, HB_E_UNSUPPORTED,
                   "%s cannot rank within rows that were filtered elsewhere", type->name);
        return hb_err_where(build->err, build->routing->schema->entity_id, HB_STR_EMPTY,
                            build->split.instances[backend]->name);
    }
    if (filter->candidates == HB_NODE_NONE) HB_TRY(build_filter(build, expr, &filter->candidates));
    *candidates = filter->candidates;
    return HB_OK;
}

/* Ranked rows are few, so their columns come along, from wherever the scan runs. */
static hb_status rank_scan(plan_build *build, rank_filter *filter, uint32_t backend, bool native,
                           const uint8_t *wanted, hb_node **out) {
    const hb_expr *pushed;
    uint32_t candidates;
    const char *mode;
    HB_TRY(rank_place_filter(build, filter, backend, native, &pushed, &candidates, &mode));
    HB_TRY(build_scan(build, backend, wanted, false, candidates, out));
    (*out)->fragment.filter = pushed;
    (*out)->note = mode;
    return HB_OK;
}

static uint32_t near_backend(const plan_build *build, uint32_t field) {
    uint32_t primary = build->routing->primary[field];
    if (primary != HB_BACKEND_NONE) {
        const hb_binding *binding = split_binding(build->routing, field, primary);
        if (binding != NULL && binding->strategy == HB_STRATEGY_VECTOR) return primary;
    }
    return hb_routing_find(build->routing, field, HB_STRATEGY_VECTOR);
}

static hb_status build_near(plan_build *build, rank_filter *filter, const uint8_t *wanted,
                            uint32_t *out) {
    const hb_near *near = build->query->near;
    uint32_t backend = near_backend(build, near->field);
    if (backend == HB_BACKEND_NONE) {
        return rank_refuse(build, near->field, backend,
                           "near needs the strategy VectorIndex on this field");
    }
    const hb_backend *type = build->split.instances[backend]->type;
    if ((type->caps.metrics & (1u << near->metric)) == 0) {
        return rank_refuse(build, near->field, backend, "the backend does not rank by this metric");
    }
    hb_offer offer = type->supports(build->routing->schema->fields[near->field].type,
                                    HB_STRATEGY_VECTOR, HB_STR("near"));
    hb_node *node;
    HB_TRY(rank_scan(build, filter, backend, offer.native, wanted, &node));
    node->fragment.near = near;
    *out = build_last(build);
    return HB_OK;
}

/* ---- search ----------------------------------------------------------------------------- */

typedef struct search_fields {
    uint32_t *fields;
    uint32_t *backends;
    bool *scanned;              /* without an inverted index: hits score equal */
    uint32_t count;
} search_fields;

/* Which of them one scan takes. */
typedef enum search_part { PART_INDEXED, PART_SCANNED, PART_ALL } search_part;

static bool field_is_prose(const hb_type *type) {
    return type->id == HB_TYPE_SHORT_TEXT || type->id == HB_TYPE_MEDIUM_TEXT ||
           type->id == HB_TYPE_LONG_TEXT;
}

/* Whether the words of the field are looked for where it lies: not outside the row, say. */
static bool field_is_read(const plan_build *build, uint32_t field, uint32_t backend) {
    const hb_binding *binding = split_binding(build->routing, field, backend);
    if (binding == NULL) return false;
    const hb_backend *type = build->split.instances[backend]->type;
    return !type->caps.search || type->supports(build->routing->schema->fields[field].type,
                                                binding->strategy, HB_STR("search"))
                                         .claim != HB_NO;
}

static void search_add(const plan_build *build, search_fields *out, uint32_t field) {
    uint32_t backend = hb_routing_find(build->routing, field, HB_STRATEGY_INVERTED);
    out->scanned[out->count] = backend == HB_BACKEND_NONE;
    if (backend == HB_BACKEND_NONE) backend = build->routing->primary[field];
    if (backend == HB_BACKEND_NONE || !field_is_read(build, field, backend)) return;
    out->fields[out->count] = field;
    out->backends[out->count++] = backend;
}

/* Named fields; or every text field with an inverted index; or, if there is none, every text. */
static hb_status search_resolve(plan_build *build, search_fields *out) {
    const hb_search *search = build->query->search;
    const hb_schema *schema = build->routing->schema;
    *out = (search_fields){ .fields = HB_NEW_ARRAY(build->arena, uint32_t, schema->field_count),
                            .backends = HB_NEW_ARRAY(build->arena, uint32_t, schema->field_count),
                            .scanned = HB_NEW_ARRAY(build->arena, bool, schema->field_count) };
    if (out->fields == NULL || out->backends == NULL || out->scanned == NULL)
        return hb_err_memory(build->err);
    for (uint32_t i = 0; i < search->field_count; i++) {
        uint32_t before = out->count;
        search_add(build, out, search->fields[i]);
        if (out->count == before && build->routing->primary[search->fields[i]] != HB_BACKEND_NONE) {
            return rank_refuse(build, search->fields[i], HB_BACKEND_NONE,
                               "the strategy of the field is not for search");
        }
    }
    for (uint32_t f = 1; search->field_count == 0 && f < schema->field_count; f++) {
        if (hb_routing_find(build->routing, f, HB_STRATEGY_INVERTED) != HB_BACKEND_NONE)
            search_add(build, out, f);
    }
    bool every_text = search->field_count == 0 && out->count == 0;
    for (uint32_t f = 1; every_text && f < schema->field_count; f++) {
        if (field_is_prose(schema->fields[f].type)) search_add(build, out, f);
    }
    if (out->count > 0) return HB_OK;
    hb_err_set(build->err, HB_E_UNSUPPORTED, "%.*s has no stored text field to search",
               HB_ARG(schema->entity_id));
    return hb_err_where(build->err, schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
}

static bool part_has(const search_fields *all, uint32_t i, uint32_t backend, search_part part) {
    return all->backends[i] == backend &&
           (part == PART_ALL || all->scanned[i] == (part == PART_SCANNED));
}

static hb_status search_scan(plan_build *build, rank_filter *filter, const search_fields *all,
                             uint32_t backend, search_part part, const uint8_t *wanted,
                             uint32_t *out) {
    bool alone = part == PART_ALL;
    hb_search *search = HB_NEW(build->arena, hb_search);
    uint32_t *fields = HB_NEW_ARRAY(build->arena, uint32_t, all->count);
    if (search == NULL || fields == NULL) return hb_err_memory(build->err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < all->count; i++) {
        if (part_has(all, i, backend, part)) {
            fields[count++] = all->fields[i];
        }
    }
    const hb_backend *type = build->split.instances[backend]->type;
    if (!type->caps.search) {
        return rank_refuse(build, fields[0], backend, "the backend does not rank text");
    }
    *search = *build->query->search;
    search->fields = fields;
    search->field_count = count;
    if (!alone) {
        search->top_k = UINT32_MAX;     /* a row may gain its rank from the sum only */
    }
    hb_offer offer = type->supports(build->routing->schema->fields[fields[0]].type,
                                    HB_STRATEGY_INVERTED, HB_STR("search"));
    hb_node *node;
    HB_TRY(rank_scan(build, filter, backend, offer.native, alone ? wanted : NULL, &node));
    node->fragment.search = search;
    node->fragment.search_fields = fields;
    node->fragment.search_field_count = count;
    *out = build_last(build);
    return HB_OK;
}

static hb_status build_search(plan_build *build, rank_filter *filter, const uint8_t *wanted,
                              uint32_t *out) {
    search_fields fields;
    HB_TRY(search_resolve(build, &fields));
    bool alone = true;
    for (uint32_t i = 1; i < fields.count; i++) {
        alone = alone && fields.backends[i] == fields.backends[0];
    }
    if (alone)
        return search_scan(build, filter, &fields, fields.backends[0], PART_ALL, wanted, out);
    if (build->query->search->mode == HB_SEARCH_ALL) {
        /* "Every word, each in any of the fields" cannot be told from what each engine finds alone.
         */
        return hb_err_set(
            build->err, HB_E_UNSUPPORTED,
            "search mode 'all' needs its fields in one backend; search them one by one, "
            "or give them an InvertedIndex on one instance");
    }
    uint32_t backends = build->routing->backend_count;
    uint32_t *inputs = HB_NEW_ARRAY(build->arena, uint32_t, 2 * (size_t)backends);
    if (inputs == NULL) return hb_err_memory(build->err);
    uint32_t count = 0, ranked = 0;
    for (uint32_t b = 0; b < 2 * backends; b++) { /* what adds up first, then what scores equal */
        search_part part = b < backends ? PART_INDEXED : PART_SCANNED;
        bool any = false;
        for (uint32_t i = 0; i < fields.count; i++)
            any = any || part_has(&fields, i, b % backends, part);
        if (any)
            HB_TRY(search_scan(build, filter, &fields, b % backends, part, NULL, &inputs[count++]));
        if (part == PART_INDEXED) ranked = count;
    }
    hb_node *node;
    HB_TRY(build_node(build, HB_NODE_ADD_SCORES, HB_NODE_NONE, HB_NODE_NONE, &node));
    node->inputs = inputs;
    node->input_count = count;
    node->ranked_count = ranked;
    node->bound = build->query->search->top_k;
    *out = build_last(build);
    return HB_OK;
}

hb_status build_ranked(plan_build *build, const uint8_t *wanted, uint32_t *out) {
    const hb_query *query = build->query;
    rank_filter filter = { HB_NODE_NONE };
    if (query->search == NULL) return build_near(build, &filter, wanted, out);
    if (query->near == NULL) return build_search(build, &filter, wanted, out);
    uint32_t near, search;
    hb_node *node;
    HB_TRY(build_near(build, &filter, NULL, &near));
    HB_TRY(build_search(build, &filter, NULL, &search));
    HB_TRY(build_node(build, HB_NODE_FUSE, near, search, &node));
    memset(build->has[build_last(build)], 0, build->routing->schema->field_count);
    node->bound =
        query->near->top_k > query->search->top_k ? query->near->top_k : query->search->top_k;
    *out = build_last(build);
    return HB_OK;
}
