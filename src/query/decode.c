// SPDX-License-Identifier: MIT
/* JSON spec -> hb_spec: every clause's shape, within limits. Names and operands wait for bind. */
#include "query/spec.h"

#include <math.h>

static void *arena_malloc(void *ctx, size_t size) {
    return hb_arena_alloc(ctx, size);
}

static void *arena_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    if (size <= old_size) return ptr;
    void *bigger = hb_arena_alloc(ctx, size);
    if (bigger != NULL && ptr != NULL) {
        memcpy(bigger, ptr, old_size);
    }
    return bigger;
}

/* The document lives as long as the spec's arena. */
static void arena_free(void *ctx, void *ptr) {
    (void)ctx;
    (void)ptr;
}

const char *spec_kind_name(yyjson_val *value) {
    if (yyjson_is_null(value)) return "null";
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: return "boolean";
    case YYJSON_TYPE_NUM: return "number";
    case YYJSON_TYPE_STR: return "text";
    case YYJSON_TYPE_ARR: return "list";
    case YYJSON_TYPE_OBJ: return "mapping";
    default: return "unknown value";
    }
}

hb_status spec_keys_unique(yyjson_val *object, const hb_mem *mem, const char *what, hb_err *err) {
    hb_map seen;
    hb_map_init(&seen, mem);
    hb_status status = HB_OK;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    if (yyjson_obj_size(object) < 2) return HB_OK;
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        if (hb_map_find(&seen, name) != HB_MAP_NONE) {
            status =
                hb_err_set(err, HB_E_QUERY, "the %s key '%.*s' occurs twice", what, HB_ARG(name));
            break;
        }
        if (!hb_map_put(&seen, name, 0)) {
            status = hb_err_memory(err);
            break;
        }
    }
    hb_map_free(&seen);
    return status;
}

hb_status spec_unknown_key(const char *what, hb_str key, const hb_str *known, size_t known_count,
                           hb_err *err) {
    hb_err_set(err, HB_E_QUERY, "unsupported %s key '%.*s'", what, HB_ARG(key));
    return hb_err_hint(err, key, known, known_count);
}

bool spec_param(yyjson_val *value, uint32_t *index) {
    if (!yyjson_is_obj(value) || yyjson_obj_size(value) != 1) return false;
    yyjson_val *number = yyjson_obj_get(value, "$param");
    if (number == NULL || !yyjson_is_uint(number) || yyjson_get_uint(number) >= UINT32_MAX)
        return false;
    *index = (uint32_t)yyjson_get_uint(number);
    return true;
}

/* Highest {"$param": n} + 1 in the whole document; iterative, since documents may be deep. */
static uint32_t spec_count_params(yyjson_doc *doc) {
    uint32_t count = 0;
    yyjson_val *value = yyjson_doc_get_root(doc);
    for (size_t left = yyjson_doc_get_val_count(doc); left > 0; left--, value++) {
        uint32_t index;
        if (spec_param(value, &index) && index + 1 > count) {
            count = index + 1;
        }
    }
    return count;
}

typedef struct decode_ctx {
    hb_spec *spec;
    hb_err *err;
} decode_ctx;

static hb_status decode_mapping(decode_ctx *ctx, yyjson_val *json, const char *what) {
    if (!yyjson_is_obj(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes a mapping, got a %s", what,
                          spec_kind_name(json));
    }
    return spec_keys_unique(json, ctx->spec->arena.mem, what, ctx->err);
}

static hb_status decode_text(decode_ctx *ctx, yyjson_val *json, const char *what, hb_str *out) {
    if (!yyjson_is_str(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes a text, got a %s", what,
                          spec_kind_name(json));
    }
    *out = spec_str(json);
    return HB_OK;
}

/* Names are taken without the white space around them. */
static hb_status decode_name(decode_ctx *ctx, yyjson_val *json, const char *what, hb_str *out) {
    HB_TRY(decode_text(ctx, json, what, out));
    *out = hb_str_trim(*out);
    return HB_OK;
}

static hb_status decode_bool(decode_ctx *ctx, yyjson_val *json, const char *what, bool *out) {
    if (!yyjson_is_bool(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes true or false, got a %s", what,
                          spec_kind_name(json));
    }
    *out = yyjson_get_bool(json);
    return HB_OK;
}

static hb_status decode_texts(decode_ctx *ctx, yyjson_val *json, const char *what,
                              const hb_str **out, uint32_t *count) {
    if (!yyjson_is_arr(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes a list of names, got a %s", what,
                          spec_kind_name(json));
    }
    size_t size = yyjson_arr_size(json);
    if (size > HB_FIELDS_MAX) {
        return hb_err_set(ctx->err, HB_E_LIMIT, "%s lists more than %u names", what, HB_FIELDS_MAX);
    }
    hb_str *texts = HB_NEW_ARRAY(&ctx->spec->arena, hb_str, size);
    if (texts == NULL) return hb_err_memory(ctx->err);
    yyjson_arr_iter iter = yyjson_arr_iter_with(json);
    for (size_t i = 0; i < size; i++) {
        HB_TRY(decode_text(ctx, yyjson_arr_iter_next(&iter), what, &texts[i]));
        hb_str name = hb_str_trim(texts[i]);
        if (name.len == 0 || hb_str_eq(name, HB_STR("-"))) {
            return hb_err_set(ctx->err, HB_E_QUERY, "%s holds an empty name", what);
        }
    }
    *out = texts;
    *count = (uint32_t)size;
    return HB_OK;
}

static hb_status decode_near(decode_ctx *ctx, yyjson_val *json) {
    static const hb_str known[] = { { "field", 5 },  { "query", 5 }, { "top_k", 5 },
                                    { "metric", 6 }, { "ef", 2 },    { "exact", 5 } };
    HB_TRY(decode_mapping(ctx, json, "near"));
    spec_near *near = HB_NEW(&ctx->spec->arena, spec_near);
    if (near == NULL) return hb_err_memory(ctx->err);
    bool has_field = false;
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (hb_str_eq(name, known[0])) {
            HB_TRY(decode_name(ctx, value, "near.field", &near->field));
            has_field = true;
        } else if (hb_str_eq(name, known[1])) {
            near->query = value;
        } else if (hb_str_eq(name, known[2])) {
            near->top_k = yyjson_is_null(value) ? NULL : value;
        } else if (hb_str_eq(name, known[3])) {
            if (yyjson_is_null(value)) continue;
            HB_TRY(decode_name(ctx, value, "near.metric", &near->metric));
            if (near->metric.len == 0)
                return hb_err_set(ctx->err, HB_E_QUERY, "near.metric is an empty name");
        } else if (hb_str_eq(name, known[4])) {
            near->ef = yyjson_is_null(value) ? NULL : value;
        } else if (hb_str_eq(name, known[5])) {
            if (!yyjson_is_null(value) && !yyjson_is_bool(value)) {
                return hb_err_set(ctx->err, HB_E_QUERY, "near.exact must be true or false");
            }
            near->exact = yyjson_get_bool(value);
        } else {
            return spec_unknown_key("near", name, known, 6, ctx->err);
        }
    }
    if (!has_field) return hb_err_set(ctx->err, HB_E_QUERY, "near needs 'field'");
    if (near->query == NULL) return hb_err_set(ctx->err, HB_E_QUERY, "near needs 'query'");
    ctx->spec->near = near;
    return HB_OK;
}

static hb_status decode_search_mode(decode_ctx *ctx, yyjson_val *json, hb_search_mode *out) {
    hb_str names[4];
    hb_str word;
    HB_TRY(decode_text(ctx, json, "search.mode", &word));
    for (uint32_t i = 0; i < 4; i++) {
        names[i] = hb_search_mode_name((hb_search_mode)i);
        if (hb_str_eq(word, names[i])) {
            *out = (hb_search_mode)i;
            return HB_OK;
        }
    }
    hb_err_set(ctx->err, HB_E_QUERY, "unknown search mode '%.*s'", HB_ARG(word));
    return hb_err_hint(ctx->err, word, names, 4);
}

/* A list of names, one name, or null for every indexed text field. */
static hb_status decode_search_fields(decode_ctx *ctx, yyjson_val *json, spec_search *search) {
    if (yyjson_is_null(json)) return HB_OK;
    if (yyjson_is_arr(json)) {
        return decode_texts(ctx, json, "search.fields", &search->fields, &search->field_count);
    }
    hb_str *one = HB_NEW(&ctx->spec->arena, hb_str);
    if (one == NULL) return hb_err_memory(ctx->err);
    HB_TRY(decode_text(ctx, json, "search.fields", one));
    search->fields = one;
    search->field_count = 1;
    return HB_OK;
}

static hb_status decode_search(decode_ctx *ctx, yyjson_val *json) {
    static const hb_str known[] = {
        { "fields", 6 }, { "query", 5 }, { "top_k", 5 }, { "mode", 4 }
    };
    HB_TRY(decode_mapping(ctx, json, "search"));
    spec_search *search = HB_NEW(&ctx->spec->arena, spec_search);
    if (search == NULL) return hb_err_memory(ctx->err);
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (hb_str_eq(name, known[0])) {
            HB_TRY(decode_search_fields(ctx, value, search));
        } else if (hb_str_eq(name, known[1])) {
            search->query = value;
        } else if (hb_str_eq(name, known[2])) {
            search->top_k = yyjson_is_null(value) ? NULL : value;
        } else if (hb_str_eq(name, known[3])) {
            if (!yyjson_is_null(value)) HB_TRY(decode_search_mode(ctx, value, &search->mode));
        } else {
            return spec_unknown_key("search", name, known, 4, ctx->err);
        }
    }
    if (search->query == NULL) return hb_err_set(ctx->err, HB_E_QUERY, "search needs 'query'");
    ctx->spec->search = search;
    return HB_OK;
}

/* A number that is at least `least` and finite. */
static hb_status decode_number(decode_ctx *ctx, yyjson_val *json, const char *what, bool zero_ok,
                               double *out) {
    if (!yyjson_is_num(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes a number, got a %s", what,
                          spec_kind_name(json));
    }
    double number = yyjson_get_num(json);
    if (!isfinite(number) || number < 0 || (number == 0 && !zero_ok)) {
        return hb_err_set(ctx->err, HB_E_QUERY, "%s must be %s", what,
                          zero_ok ? "zero or more" : "more than zero");
    }
    *out = number;
    return HB_OK;
}

static hb_status decode_weights(decode_ctx *ctx, yyjson_val *json) {
    static const hb_str known[] = { { "near", 4 }, { "search", 6 } };
    HB_TRY(decode_mapping(ctx, json, "fuse.weights"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (hb_str_eq(name, known[0])) {
            HB_TRY(decode_number(ctx, value, "fuse.weights.near", true, &ctx->spec->fuse_near));
        } else if (hb_str_eq(name, known[1])) {
            HB_TRY(decode_number(ctx, value, "fuse.weights.search", true, &ctx->spec->fuse_search));
        } else {
            return spec_unknown_key("fuse.weights", name, known, 2, ctx->err);
        }
    }
    return HB_OK;
}

static hb_status decode_fuse(decode_ctx *ctx, yyjson_val *json) {
    static const hb_str known[] = { { "k", 1 }, { "weights", 7 } };
    HB_TRY(decode_mapping(ctx, json, "fuse"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (hb_str_eq(name, known[0])) {
            HB_TRY(decode_number(ctx, value, "fuse.k", false, &ctx->spec->fuse_k));
        } else if (hb_str_eq(name, known[1])) {
            HB_TRY(decode_weights(ctx, value));
        } else {
            return spec_unknown_key("fuse", name, known, 2, ctx->err);
        }
    }
    return HB_OK;
}

static hb_status decode_count(decode_ctx *ctx, yyjson_val *json) {
    static const hb_str known[] = { { "field", 5 }, { "distinct", 8 } };
    hb_spec *spec = ctx->spec;
    spec->count_field = HB_STR("object_id");
    spec->count_distinct = true;
    if (yyjson_is_bool(json)) {
        spec->has_count = yyjson_get_bool(json);
        return HB_OK;
    }
    HB_TRY(decode_mapping(ctx, json, "count"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (hb_str_eq(name, known[0])) {
            HB_TRY(decode_name(ctx, value, "count.field", &spec->count_field));
        } else if (hb_str_eq(name, known[1])) {
            HB_TRY(decode_bool(ctx, value, "count.distinct", &spec->count_distinct));
        } else {
            return spec_unknown_key("count", name, known, 2, ctx->err);
        }
    }
    spec->has_count = true;
    return HB_OK;
}

enum {
    KEY_FILTER,
    KEY_NEAR,
    KEY_SEARCH,
    KEY_FUSE,
    KEY_SELECT,
    KEY_ORDER,
    KEY_LIMIT,
    KEY_OFFSET,
    KEY_AFTER,
    KEY_COUNT,
    KEY_UNSAFE,
    KEY_GROUP_BY,
    KEY_AGGREGATE,
    KEY_HAVING,
    KEY_TRAVERSE,
    KEY_AVAILABLE,
    KEY_TOTAL
};

static const hb_str clause_keys[KEY_TOTAL] = {
    [KEY_FILTER] = { "filter", 6 },       [KEY_NEAR] = { "near", 4 },
    [KEY_SEARCH] = { "search", 6 },       [KEY_FUSE] = { "fuse", 4 },
    [KEY_SELECT] = { "select", 6 },       [KEY_ORDER] = { "order", 5 },
    [KEY_LIMIT] = { "limit", 5 },         [KEY_OFFSET] = { "offset", 6 },
    [KEY_COUNT] = { "count", 5 },         [KEY_UNSAFE] = { "unsafe", 6 },
    [KEY_GROUP_BY] = { "group_by", 8 },   [KEY_AGGREGATE] = { "aggregate", 9 },
    [KEY_HAVING] = { "having", 6 },       [KEY_TRAVERSE] = { "traverse", 8 },
    [KEY_AVAILABLE] = { "available", 9 }, [KEY_AFTER] = { "after", 5 },
};

static hb_status decode_clause(decode_ctx *ctx, uint32_t key, yyjson_val *value) {
    hb_spec *spec = ctx->spec;
    switch (key) {
    case KEY_FILTER:
        return yyjson_is_null(value) ? HB_OK
                                     : spec_filter_decode(spec, value, &spec->filter, ctx->err);
    case KEY_NEAR: return yyjson_is_null(value) ? HB_OK : decode_near(ctx, value);
    case KEY_SEARCH: return yyjson_is_null(value) ? HB_OK : decode_search(ctx, value);
    case KEY_FUSE: return yyjson_is_null(value) ? HB_OK : decode_fuse(ctx, value);
    case KEY_SELECT:
        HB_TRY(decode_texts(ctx, value, "select", &spec->select, &spec->select_count));
        spec->has_select = spec->select_count > 0;
        return HB_OK;
    case KEY_ORDER: return decode_texts(ctx, value, "order", &spec->order, &spec->order_count);
    case KEY_LIMIT: spec->limit = value; return HB_OK;
    case KEY_OFFSET: spec->offset = value; return HB_OK;
    case KEY_AFTER: spec->after = value; return HB_OK;
    case KEY_COUNT: return yyjson_is_null(value) ? HB_OK : decode_count(ctx, value);
    case KEY_UNSAFE: return decode_bool(ctx, value, "unsafe", &spec->unsafe);
    case KEY_GROUP_BY: spec->group_by = value; return HB_OK;
    case KEY_AGGREGATE: spec->aggregate = value; return HB_OK;
    case KEY_HAVING:
        spec->has_having = !yyjson_is_null(value);
        return yyjson_is_null(value) ? HB_OK
                                     : spec_filter_decode(spec, value, &spec->having, ctx->err);
    case KEY_TRAVERSE: spec->traverse = value; return HB_OK;
    default: spec->available = value; return HB_OK;
    }
}

static hb_status decode_root(decode_ctx *ctx, yyjson_val *root) {
    HB_TRY(decode_mapping(ctx, root, "a query"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        uint32_t index = 0;
        while (index < KEY_TOTAL && !hb_str_eq(name, clause_keys[index])) {
            index++;
        }
        if (index == KEY_TOTAL) {
            return spec_unknown_key("query", name, clause_keys, KEY_TOTAL, ctx->err);
        }
        HB_TRY(decode_clause(ctx, index, yyjson_obj_iter_get_val(key)));
    }
    return HB_OK;
}

static hb_status spec_read(hb_spec *spec, hb_str json, hb_err *err) {
    yyjson_read_err fault = { 0 };
    spec->alc = (yyjson_alc){ arena_malloc, arena_realloc, arena_free, &spec->arena };
    /* yyjson does not write to its input unless asked to parse in place. */
    spec->doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, YYJSON_READ_NOFLAG,
                                 &spec->alc, &fault);
    if (spec->doc == NULL) {
        if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) return hb_err_memory(err);
        hb_err_set(err, HB_E_QUERY, "the query is not JSON at byte %u: %s", (unsigned)fault.pos,
                   fault.msg);
        if (err != NULL) err->at = (uint32_t)fault.pos;
        return HB_E_QUERY;
    }
    spec->fuse_k = 60.0;
    spec->fuse_near = 1.0;
    spec->fuse_search = 1.0;
    spec->param_count = spec_count_params(spec->doc);
    decode_ctx ctx = { spec, err };
    return decode_root(&ctx, yyjson_doc_get_root(spec->doc));
}

hb_status hb_spec_decode(hb_str json, const hb_mem *mem, hb_spec **out, hb_err *err) {
    hb_spec *spec = hb_mem_zalloc(mem, sizeof *spec);
    if (spec == NULL) return hb_err_memory(err);
    hb_arena_init(&spec->arena, mem);
    hb_status status = spec_read(spec, json, err);
    if (status != HB_OK) {
        hb_spec_free(spec);
        return status;
    }
    *out = spec;
    return HB_OK;
}

void hb_spec_free(hb_spec *spec) {
    if (spec == NULL) return;
    const hb_mem *mem = spec->arena.mem;
    hb_arena_free(&spec->arena);
    hb_mem_free(mem, spec, sizeof *spec);
}

uint32_t hb_spec_param_count(const hb_spec *spec) {
    return spec->param_count;
}
