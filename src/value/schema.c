// SPDX-License-Identifier: MIT
/* Using a schema: lookup, comparison, names of strategies. Parsing is in schema_parse.c. */
#include "value/schema_diff.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

static const struct {
    hb_str name;
    hb_str class_name;
} strategies[HB_STRATEGY_COUNT] = {
    [HB_STRATEGY_NONE] = { S(""), S("") },
    [HB_STRATEGY_INLINE] = { S("inline"), S("InlineColumn") },
    [HB_STRATEGY_JSON] = { S("json"), S("JsonField") },
    [HB_STRATEGY_SIDE] = { S("side"), S("SideTable") },
    [HB_STRATEGY_INVERTED] = { S("inverted"), S("InvertedIndex") },
    [HB_STRATEGY_SPARSE_GRAM] = { S("sparse-gram"), S("SparseGramIndex") },
    [HB_STRATEGY_VECTOR] = { S("vector"), S("VectorIndex") },
    [HB_STRATEGY_GRAPH] = { S("graph"), S("GraphEdge") },
    [HB_STRATEGY_EXTERNAL] = { S("external"), S("ExternalRef") },
};

hb_str hb_strategy_name(hb_strategy strategy) {
    return strategies[strategy].name;
}

hb_str hb_strategy_class(hb_strategy strategy) {
    return strategies[strategy].class_name;
}

bool hb_strategy_find(hb_str name, hb_strategy *out) {
    for (uint32_t i = HB_STRATEGY_NONE + 1; i < HB_STRATEGY_COUNT; i++) {
        if (hb_str_eq(name, strategies[i].name) || hb_str_eq(name, strategies[i].class_name)) {
            *out = (hb_strategy)i;
            return true;
        }
    }
    return false;
}

void hb_schema_free(hb_schema *schema) {
    if (schema == NULL) return;
    const hb_mem *mem = schema->arena.mem;
    hb_map_free(&schema->by_name);
    hb_arena_free(&schema->arena);
    hb_mem_free(mem, schema, sizeof *schema);
}

static bool copy_texts(hb_arena *arena, const hb_str *from, uint32_t count, const hb_str **out) {
    hb_str *texts = hb_arena_array(arena, count, sizeof *texts);
    for (uint32_t i = 0; i < count && texts != NULL; i++) {
        texts[i] = hb_arena_str(arena, from[i]);
        if (texts[i].ptr == NULL) return false;
    }
    *out = texts;
    return texts != NULL;
}

/* The description of one field, copied into the arena of the schema that takes it over. */
static bool copy_words(hb_arena *arena, const hb_field *from, hb_field *to) {
    to->desc = hb_arena_str(arena, from->desc);
    to->examples = hb_arena_str(arena, from->examples);
    to->tag_count = from->tag_count;
    return to->desc.ptr != NULL && to->examples.ptr != NULL &&
           copy_texts(arena, from->tags, from->tag_count, &to->tags);
}

hb_status hb_schema_describe(hb_schema *schema, const hb_schema *from, hb_err *err) {
    HB_ASSERT(schema->field_count == from->field_count);
    hb_arena *arena = &schema->arena;
    hb_field *fields = hb_arena_copy(arena, schema->fields, schema->field_count * sizeof *fields);
    const hb_str *tags = NULL;
    bool ok = fields != NULL && copy_texts(arena, from->tags, from->tag_count, &tags);
    for (uint32_t i = 0; i < schema->field_count && ok; i++) {
        uint32_t twin = hb_schema_find(from, schema->fields[i].name);
        HB_ASSERT(twin != HB_FIELD_NONE);
        ok = copy_words(arena, &from->fields[twin], &fields[i]);
    }
    const hb_str name = hb_arena_str(arena, from->name), desc = hb_arena_str(arena, from->desc);
    const hb_str definition = hb_arena_str(arena, from->definition);
    ok = ok && name.ptr != NULL && desc.ptr != NULL && definition.ptr != NULL;
    if (!ok) return hb_err_memory(err);
    schema->fields = fields;
    schema->name = name;
    schema->desc = desc;
    schema->tags = tags;
    schema->tag_count = from->tag_count;
    schema->definition = definition;
    return HB_OK;
}

uint32_t hb_schema_find(const hb_schema *schema, hb_str field_name) {
    if (schema->by_name.cap > 0) return hb_map_find(&schema->by_name, field_name);
    uint32_t i = 0; /* the columns of a result are few and have no map */
    while (i < schema->field_count && !hb_str_eq(schema->fields[i].name, field_name)) i++;
    return i < schema->field_count ? i : HB_FIELD_NONE;
}
_Static_assert(HB_FIELD_NONE == HB_MAP_NONE, "the map's answer is the schema's");

hb_status hb_schema_unknown_field(const hb_schema *schema, hb_str name, hb_err *err) {
    (void)hb_err_set(err, HB_E_UNKNOWN_FIELD, "entity '%.*s' has no field '%.*s'",
                     HB_ARG(schema->entity_id), HB_ARG(name));
    const hb_mem *mem = schema->arena.mem;
    hb_str *names = hb_mem_alloc(mem, schema->field_count * sizeof *names);
    if (names != NULL) {    /* the hint is a courtesy, the error stands without it */
        uint32_t count = 0;
        for (uint32_t i = 0; i < schema->field_count; i++) {
            /* Groups have an id without a name. */
            if (schema->fields[i].name.len > 0) names[count++] = schema->fields[i].name;
        }
        (void)hb_err_hint(err, name, names, count);
        hb_mem_free(mem, names, schema->field_count * sizeof *names);
    }
    (void)hb_err_where(err, schema->entity_id, name, HB_STR_EMPTY);
    return HB_E_UNKNOWN_FIELD;
}

/* ---- same structure --------------------------------------------------------------------- */

bool hb_field_stores_same(const hb_field *a, const hb_field *b) {
    if (a->store_count != b->store_count) return false;
    for (uint32_t i = 0; i < a->store_count; i++) {
        const hb_store *x = &a->stores[i];
        const hb_store *y = &b->stores[i];
        if (!hb_str_eq(x->to, y->to) || x->strategy != y->strategy || x->optional != y->optional ||
            !hb_str_eq(x->edge_target, y->edge_target) || x->edge_detach != y->edge_detach ||
            !hb_vector_hint_same(&x->vector, &y->vector)) {
            return false;
        }
    }
    return true;
}

bool hb_field_same(const hb_field *a, const hb_field *b) {
    return hb_type_eq(a->type, b->type) && a->required == b->required &&
           a->has_default == b->has_default && a->def_invalid == b->def_invalid &&
           (!a->has_default || hb_value_eq(&a->def, &b->def)) && a->index == b->index &&
           a->unique == b->unique && hb_field_stores_same(a, b) &&
           hb_hook_same(&a->compute, &b->compute) &&
           hb_str_eq(a->query_compute, b->query_compute);
}

/* Groups name their fields by number, and the order of declaration is free. */
bool hb_field_group_same(const hb_schema *a, const hb_field_group *x, const hb_schema *b,
                       const hb_field_group *y) {
    if (x->field_count != y->field_count || !hb_str_eq(x->to, y->to)) return false;
    for (uint32_t i = 0; i < x->field_count; i++) {
        if (!hb_str_eq(a->fields[x->fields[i]].name, b->fields[y->fields[i]].name)) return false;
    }
    return true;
}

static bool groups_same(const hb_schema *a, const hb_field_group *x, uint32_t x_count,
                        const hb_schema *b, const hb_field_group *y, uint32_t y_count) {
    if (x_count != y_count) return false;
    for (uint32_t i = 0; i < x_count; i++) {
        if (!hb_field_group_same(a, &x[i], b, &y[i])) return false;
    }
    return true;
}

bool hb_schema_same(const hb_schema *a, const hb_schema *b) {
    if (!hb_str_eq(a->entity_id, b->entity_id) || a->field_count != b->field_count) return false;
    for (uint32_t i = 0; i < a->field_count; i++) {
        const uint32_t j = hb_schema_find(b, a->fields[i].name);
        if (j == HB_FIELD_NONE || !hb_field_same(&a->fields[i], &b->fields[j])) return false;
    }
    return groups_same(a, a->indexes, a->index_count, b, b->indexes, b->index_count) &&
           groups_same(a, a->uniques, a->unique_count, b, b->uniques, b->unique_count) &&
           hb_derives_same(a, b);
}
