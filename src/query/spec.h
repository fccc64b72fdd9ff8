// SPDX-License-Identifier: MIT
/* The decoded spec: shape checked, names and operands not yet. It keeps the JSON document, and
 * operands stay JSON values in it until parameters are known. Private to src/query. */
#ifndef HB_QUERY_SPEC_H
#define HB_QUERY_SPEC_H

#include <yyjson.h>

#include "base/buf.h"
#include "query/query.h"

typedef struct spec_expr spec_expr;
struct spec_expr {
    hb_expr_kind kind;
    spec_expr **args;
    uint32_t arg_count;
    /* leaf */
    hb_str field;               /* as written, dots and all */
    hb_op op;
    bool is_get;                /* {"$get": {path, op: operand}}; operand is that mapping */
    bool is_near;               /* {"$near": ...}, refused at bind by the field's type */
    yyjson_val *operand;
};

typedef struct spec_near {
    hb_str field;
    yyjson_val *query;
    yyjson_val *top_k;          /* NULL: default */
    hb_str metric;              /* "": default */
    yyjson_val *ef;             /* NULL: default */
    bool exact;
} spec_near;

typedef struct spec_search {
    const hb_str *fields;
    uint32_t field_count;
    yyjson_val *query;
    yyjson_val *top_k;
    hb_search_mode mode;
} spec_search;

struct hb_spec {
    hb_arena arena;             /* owns everything below but the document */
    yyjson_doc *doc;            /* owned, through `alc` */
    yyjson_alc alc;
    uint32_t param_count;
    spec_expr *filter;          /* NULL: none */
    spec_near *near;
    spec_search *search;
    double fuse_k, fuse_near, fuse_search;
    bool has_select;
    const hb_str *select;
    uint32_t select_count;
    const hb_str *order;        /* with their sign */
    uint32_t order_count;
    yyjson_val *limit, *offset, *after; /* NULL: none */
    bool has_count;
    hb_str count_field;
    bool count_distinct;
    bool unsafe;
    yyjson_val *group_by, *aggregate, *traverse, *available;    /* NULL: none */
    spec_expr *having;          /* NULL: none */
    bool has_having;            /* given, if only as {} */
};

/* One JSON object, key by key. Keys must be unique. */
hb_status spec_keys_unique(yyjson_val *object, const hb_mem *mem, const char *what, hb_err *err);
/* HB_E_QUERY "unsupported <what> key 'x'" with hints. */
hb_status spec_unknown_key(const char *what, hb_str key, const hb_str *known, size_t known_count,
                           hb_err *err);
/* "null", "boolean", "number", "text", "list", "mapping". */
const char *spec_kind_name(yyjson_val *value);
static inline hb_str spec_str(yyjson_val *value) {
    return hb_str_n(yyjson_get_str(value), yyjson_get_len(value));
}
/* The n of {"$param": n}; false when the value is something else. */
bool spec_param(yyjson_val *value, uint32_t *index);

hb_status spec_filter_decode(hb_spec *spec, yyjson_val *json, spec_expr **out, hb_err *err);

/* ---- binding ---------------------------------------------------------------------------- */

typedef struct bind_ctx {
    const hb_spec *spec;
    const hb_schema *schema;
    hb_arena *arena;
    const hb_mem *mem;
    const hb_value *params;
    uint32_t param_count;
    uint32_t leaf_count;
    uint32_t node_count;
    uint32_t group_count;       /* of having: fields 1 to this one are groups */
} bind_ctx;

/* A JSON operand, parameters filled in: scalars as they are, containers as PACK. */
hb_status bind_operand(bind_ctx *ctx, yyjson_val *json, hb_value *out, hb_err *err);
/* A non-negative whole number: an integer, its decimal text, or a parameter of either. */
hb_status bind_whole(bind_ctx *ctx, yyjson_val *json, const char *what, int64_t *out, hb_err *err);
hb_status bind_filter(bind_ctx *ctx, const spec_expr *in, const hb_expr **out, hb_err *err);
/* "meta.a.b" -> Json field and keys; *path_len 0 for a plain field. Filters, columns. */
hb_status bind_path_split(bind_ctx *ctx, hb_str text, const hb_str **path, uint32_t *path_len,
                          hb_err *err);
/* traverse.c: {"field", "start", "min_hops", "max_hops", "direction"} */
hb_status bind_traverse(bind_ctx *ctx, hb_query *query, hb_err *err);
/* group_by, aggregate and having; *out is NULL when the query has none of them. */
hb_status bind_aggregate(bind_ctx *ctx, const hb_aggregate **out, hb_err *err);
hb_status bind_available(bind_ctx *ctx, hb_query *query, int64_t now_ms, hb_err *err);
/* After order, near, search and aggregate are bound. */
hb_status bind_after(bind_ctx *ctx, hb_query *query, hb_err *err);
/* A plain field, or a path into a Json field; HB_E_QUERY otherwise. */
hb_status bind_field_column(bind_ctx *ctx, const char *clause, hb_str name, hb_col *out,
                            hb_err *err);

#endif
