// SPDX-License-Identifier: MIT
/* Functions of the host that a definition names: computed fields, derived Catalog columns, query
 * operands. The core keeps names and inputs; who runs the functions is the host's matter. */
#include "base/limits.h"
#include "value/schema_parts.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }
#define CATALOG_PREFIX HB_STR("catalog.")

/* ---- parsing ----------------------------------------------------------------------------- */

typedef struct hook_source {
    hb_str target, name, inputs, ops;
} hook_source;

static hb_status hook_key(schema_parser *p, const char *what, hb_str key, hb_str value,
                          hook_source *source) {
    static const hb_str keys[] = { S("name"), S("compute"), S("inputs"), S("ops"), S("target") };
    if (hb_str_eq(key, keys[0]) || hb_str_eq(key, keys[1])) {
        return hb_def_text(p, "compute", value, &source->name);
    }
    if (hb_str_eq(key, keys[2]))
        source->inputs = value;
    else if (hb_str_eq(key, keys[3]))
        source->ops = value;
    else if (hb_str_eq(key, keys[4]))
        return hb_def_text(p, "target", value, &source->target);
    else {
        (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in '%s'", HB_ARG(key), what);
        (void)hb_err_hint(p->err, key, keys, sizeof keys / sizeof keys[0]);
        return HB_E_SCHEMA;
    }
    return HB_OK;
}

/* A name, or a mapping with the name of the function under "name" or "compute". */
static hb_status hook_read(schema_parser *p, const char *what, hb_str pack, hook_source *source) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    *source = (hook_source){ .name = HB_STR_EMPTY, .target = HB_STR_EMPTY };
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag == HB_PACK_STR) {
        HB_TRY(hb_def_text(p, what, pack, &source->name));
    } else if (item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE,
                          "'%s' of a definition must be the name of a function "
                          "or a mapping with 'name'",
                          what);
    }
    for (uint32_t i = 0; item.tag == HB_PACK_MAP && i < item.count; i++) {
        hb_str key;
        hb_str value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        HB_TRY(hook_key(p, what, key, value, source));
    }
    if (source->name.len > 0) return HB_OK;
    return hb_err_set(p->err, HB_E_SCHEMA, "'%s' of a definition names no function", what);
}

static hb_status hook_inputs(schema_parser *p, hb_str pack, hb_hook *hook) {
    HB_TRY(hb_def_texts(p, "inputs", pack, &hook->input_names, &hook->input_count));
    if (hook->input_count <= HB_HOOK_INPUTS_MAX) return HB_OK;
    return hb_err_set(p->err, HB_E_LIMIT, "a function takes at most %u inputs",
                      (unsigned)HB_HOOK_INPUTS_MAX);
}

static hb_status unwanted(schema_parser *p, const char *what, const char *key, hb_str pack) {
    if (hb_def_is_nil(pack)) return HB_OK;
    return hb_err_set(p->err, HB_E_SCHEMA, "'%s' has no place in '%s'", key, what);
}

/* The entries of a list, or the one entry that stands for itself. */
typedef struct hook_list {
    hb_pack_reader reader;
    hb_str whole;
    bool is_list;
    uint32_t count;
} hook_list;

static hb_status hooks_open(schema_parser *p, hb_str pack, hook_list *list) {
    hb_pack_item item;
    *list = (hook_list){ .reader = hb_pack_read(pack), .whole = pack };
    if (hb_def_is_nil(pack)) return HB_OK;
    if (!hb_pack_next(&list->reader, &item)) return hb_def_corrupt(p);
    list->is_list = item.tag == HB_PACK_ARRAY;
    list->count = list->is_list ? item.count : 1;
    return HB_OK;
}

static hb_status hooks_next(schema_parser *p, hook_list *list, hb_str *out) {
    *out = list->whole;
    return !list->is_list || hb_pack_skip(&list->reader, out) ? HB_OK : hb_def_corrupt(p);
}

static hb_status parse_compute(schema_parser *p, hb_str pack, bool is_object_id, hb_field *field) {
    hook_list list;
    hb_str one;
    hook_source source;
    HB_TRY(hooks_open(p, pack, &list));
    if (list.count == 0) return HB_OK;
    if (list.count > 1) {
        return hb_err_set(p->err, HB_E_SCHEMA, "a field is computed by one function, found %u",
                          list.count);
    }
    if (is_object_id) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "object_id is not computed: it is given, or "
                          "derived from the name");
    }
    HB_TRY(hooks_next(p, &list, &one));
    HB_TRY(hook_read(p, "compute", one, &source));
    HB_TRY(unwanted(p, "compute", "ops", source.ops));
    field->compute.name = source.name;
    return hook_inputs(p, source.inputs, &field->compute);
}

static hb_str query_op(const hb_field *field) {
    switch ((int)field->type->id) {
    case HB_TYPE_VECTOR: return HB_STR("near");
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT: return HB_STR("search");
    default: return HB_STR_EMPTY;
    }
}

/* near is for vectors, search for texts: the type tells, `ops` may say it. */
static hb_status check_ops(schema_parser *p, hb_str pack, const hb_field *field) {
    const hb_str *names;
    uint32_t count;
    const hb_str op = query_op(field);
    HB_TRY(hb_def_texts(p, "ops", pack, &names, &count));
    bool fits = op.len > 0;
    for (uint32_t i = 0; i < count; i++) {
        fits = fits && hb_str_eq(names[i], op);
    }
    if (fits) return HB_OK;
    return hb_err_set(p->err, HB_E_SCHEMA,
                      "a query hook is for 'near' on a Vector or 'search' on "
                      "a text; '%.*s' is %.*s",
                      HB_ARG(field->name), HB_ARG(hb_type_class(field->type->id)));
}

static hb_status parse_query(schema_parser *p, hb_str pack, hb_field *field) {
    hook_list list;
    hb_str one;
    hook_source source;
    HB_TRY(hooks_open(p, pack, &list));
    if (list.count == 0) return HB_OK;
    if (list.count > 1) {
        return hb_err_set(p->err, HB_E_SCHEMA, "an op has one query hook, found %u", list.count);
    }
    HB_TRY(hooks_next(p, &list, &one));
    HB_TRY(hook_read(p, "query_compute", one, &source));
    HB_TRY(unwanted(p, "query_compute", "inputs", source.inputs));
    field->query_compute = source.name;
    return check_ops(p, source.ops, field);
}

hb_status hb_hooks_field(schema_parser *p, hb_str compute, hb_str query, bool is_object_id,
                         hb_field *field) {
    field->compute = (hb_hook){ .name = HB_STR_EMPTY };
    field->query_compute = HB_STR_EMPTY;
    HB_TRY(parse_compute(p, compute, is_object_id, field));
    return parse_query(p, query, field);
}

/* ---- the entity's ------------------------------------------------------------------------ */

static hb_status derive_field(schema_parser *p, hb_str target, hb_field *fields, hb_field **out) {
    const uint32_t field = hb_schema_find(p->schema, target);
    if (field == HB_FIELD_NONE || field == HB_FIELD_OBJECT_ID) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "derive has the target '%.*s': expected a field of "
                          "the entity or catalog.<column>",
                          HB_ARG(target));
    }
    *out = &fields[field];
    if ((*out)->compute.name.len == 0) return HB_OK;
    return hb_err_set(p->err, HB_E_SCHEMA, "'%.*s' is computed by two functions", HB_ARG(target));
}

/* A derive of a field is that field's compute; the others go to the list. */
static hb_status derive_add(schema_parser *p, const hook_source *source, hb_field *fields,
                            hb_derive *derives) {
    hb_hook hook = { .name = source->name };
    HB_TRY(unwanted(p, "derive", "ops", source->ops));
    HB_TRY(hook_inputs(p, source->inputs, &hook));
    if (!hb_str_starts(source->target, CATALOG_PREFIX)) {
        hb_field *field;
        HB_TRY(derive_field(p, source->target, fields, &field));
        field->compute = hook;
        return HB_OK;
    }
    for (uint32_t i = 0; i < p->schema->derive_count; i++) {
        if (!hb_str_eq(derives[i].target, source->target)) continue;
        return hb_err_set(p->err, HB_E_SCHEMA, "'%.*s' is derived twice", HB_ARG(source->target));
    }
    const hb_str column = hb_str_sub(source->target, CATALOG_PREFIX.len, source->target.len);
    derives[p->schema->derive_count++] = (hb_derive){ source->target, column, hook };
    return HB_OK;
}

static hb_status parse_derives(schema_parser *p, hb_str pack, hb_field *fields,
                               hb_derive **derives) {
    hook_list list;
    HB_TRY(hooks_open(p, pack, &list));
    if (list.count == 0) return HB_OK;
    if (!list.is_list || list.count > HB_FIELDS_MAX) {
        return hb_err_set(p->err, HB_E_TYPE,
                          "'derive' of a definition must be a list of at most "
                          "%u mappings",
                          (unsigned)HB_FIELDS_MAX);
    }
    *derives = HB_NEW_ARRAY(p->arena, hb_derive, list.count);
    if (*derives == NULL) return hb_err_memory(p->err);
    p->schema->derives = *derives;
    for (uint32_t i = 0; i < list.count; i++) {
        hb_str one;
        hook_source source;
        HB_TRY(hooks_next(p, &list, &one));
        HB_TRY(hook_read(p, "derive", one, &source));
        HB_TRY(derive_add(p, &source, fields, *derives));
    }
    return HB_OK;
}

static hb_status hook_resolve(schema_parser *p, hb_str target, hb_hook *hook) {
    if (hook->input_count == 0) return HB_OK;
    uint32_t *inputs = hb_arena_array(p->arena, hook->input_count, sizeof *inputs);
    if (inputs == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < hook->input_count; i++) {
        inputs[i] = hb_schema_find(p->schema, hook->input_names[i]);
        if (inputs[i] != HB_FIELD_NONE) continue;
        (void)hb_err_set(p->err, HB_E_SCHEMA, "'%.*s' is computed from the unknown field '%.*s'",
                         HB_ARG(target), HB_ARG(hook->input_names[i]));
        return hb_err_where(p->err, p->schema->entity_id, target, HB_STR_EMPTY);
    }
    hook->inputs = inputs;
    return HB_OK;
}

static bool hook_is_settled(const hb_hook *hook, const bool *settled) {
    for (uint32_t i = 0; i < hook->input_count; i++) {
        if (!settled[hook->inputs[i]]) return false;
    }
    return true;
}

/* Every function can run before those that take its result: settles fields until none is left. */
static hb_status check_order(schema_parser *p, const hb_field *fields) {
    const uint32_t count = p->schema->field_count;
    bool *settled = hb_arena_zalloc_array(p->arena, count, sizeof *settled);
    if (settled == NULL) return hb_err_memory(p->err);
    uint32_t left = count;
    for (bool moved = true; moved && left > 0;) {
        moved = false;
        for (uint32_t f = 0; f < count; f++) {
            if (settled[f] || !hook_is_settled(&fields[f].compute, settled)) continue;
            settled[f] = moved = true;
            left--;
        }
    }
    for (uint32_t f = 0; f < count && left > 0; f++) {
        if (settled[f]) continue;
        (void)hb_err_set(p->err, HB_E_SCHEMA,
                         "'%.*s' is computed from a field that is computed "
                         "from it",
                         HB_ARG(fields[f].name));
        return hb_err_where(p->err, p->schema->entity_id, fields[f].name, HB_STR_EMPTY);
    }
    return HB_OK;
}

hb_status hb_hooks_entity(schema_parser *p, hb_str derive, hb_field *fields) {
    hb_derive *derives = NULL;
    HB_TRY(parse_derives(p, derive, fields, &derives));
    bool any = false;
    for (uint32_t f = 0; f < p->schema->field_count; f++) {
        any = any || fields[f].compute.input_count > 0;
        HB_TRY(hook_resolve(p, fields[f].name, &fields[f].compute));
    }
    for (uint32_t i = 0; i < p->schema->derive_count; i++) {
        HB_TRY(hook_resolve(p, derives[i].target, &derives[i].hook));
    }
    return any ? check_order(p, fields) : HB_OK;
}

uint32_t hb_schema_derive_find(const hb_schema *schema, hb_str target) {
    uint32_t at = 0;
    while (at < schema->derive_count && !hb_str_eq(schema->derives[at].target, target)) {
        at++;
    }
    return at;
}

/* ---- comparing --------------------------------------------------------------------------- */

bool hb_hook_same(const hb_hook *a, const hb_hook *b) {
    if (!hb_str_eq(a->name, b->name) || a->input_count != b->input_count) return false;
    for (uint32_t i = 0; i < a->input_count; i++) {
        if (!hb_str_eq(a->input_names[i], b->input_names[i])) return false;
    }
    return true;
}

bool hb_derives_same(const hb_schema *a, const hb_schema *b) {
    if (a->derive_count != b->derive_count) return false;
    for (uint32_t i = 0; i < a->derive_count; i++) {
        uint32_t j = 0;
        while (j < b->derive_count && !hb_str_eq(a->derives[i].target, b->derives[j].target)) {
            j++;
        }
        if (j == b->derive_count || !hb_hook_same(&a->derives[i].hook, &b->derives[j].hook)) {
            return false;
        }
    }
    return true;
}

/* ---- writing ----------------------------------------------------------------------------- */

static void hook_inputs_write(const hb_hook *hook, hb_buf *out) {
    if (hook->input_count == 0) return;
    hb_pack_str(out, HB_STR("inputs"));
    hb_pack_array(out, hook->input_count);
    for (uint32_t i = 0; i < hook->input_count; i++) {
        hb_pack_str(out, hook->input_names[i]);
    }
}

void hb_hook_write(const hb_hook *hook, hb_buf *out) {
    hb_pack_map(out, hook->input_count > 0 ? 2 : 1);
    hb_pack_str(out, HB_STR("name"));
    hb_pack_str(out, hook->name);
    hook_inputs_write(hook, out);
}

void hb_query_hook_write(const hb_field *field, hb_buf *out) {
    hb_pack_map(out, 2);
    hb_pack_str(out, HB_STR("name"));
    hb_pack_str(out, field->query_compute);
    hb_pack_str(out, HB_STR("ops"));
    hb_pack_array(out, 1);
    hb_pack_str(out, query_op(field));
}

void hb_derives_write(const hb_schema *schema, hb_buf *out) {
    hb_pack_str(out, HB_STR("derive"));
    hb_pack_array(out, schema->derive_count);
    for (uint32_t i = 0; i < schema->derive_count; i++) {
        const hb_derive *derive = &schema->derives[i];
        hb_pack_map(out, derive->hook.input_count > 0 ? 3 : 2);
        hb_pack_str(out, HB_STR("target"));
        hb_pack_str(out, derive->target);
        hb_pack_str(out, HB_STR("compute"));
        hb_pack_str(out, derive->hook.name);
        hook_inputs_write(&derive->hook, out);
    }
}
