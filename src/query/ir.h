// SPDX-License-Identifier: MIT
/* The query tree. decode.c makes it from the portable JSON spec, bind.c fills parameters and checks
 * names and types against the schema; from then on it is const and lives in the arena it was bound
 * in. Semantics of operators: two-valued logic (docs/query.md). */
#ifndef HB_QUERY_IR_H
#define HB_QUERY_IR_H

#include "base/limits.h"
#include "value/schema.h"
#include "value/value.h"

typedef enum hb_op {
    HB_OP_EQ, HB_OP_NE, HB_OP_LT, HB_OP_LTE, HB_OP_GT, HB_OP_GTE, HB_OP_IN, HB_OP_IS_NULL,
    HB_OP_MATCH, HB_OP_CONTAINS, HB_OP_STARTS_WITH, HB_OP_ENDS_WITH, HB_OP_LIKE, HB_OP_ILIKE,
    HB_OP_WILDCARD, HB_OP_REGEX, HB_OP_HAS_WORDS, HB_OP_ARRAY_CONTAINS, HB_OP_CONTAINED_IN,
    HB_OP_EXISTS, HB_OP_ALL,
    HB_OP_COUNT,
    HB_OP_GET, HB_OP_NEAR           /* asked of a field that cannot have them: no type has these */
} hb_op;

/* Families of operators, as sets of bits 1u << op. */
#define HB_OP_BIT(op) (1u << (op))
#define HB_OPS_EQUALITY (HB_OP_BIT(HB_OP_EQ) | HB_OP_BIT(HB_OP_NE) | HB_OP_BIT(HB_OP_IN))
#define HB_OPS_ORDER                                                                               \
    (HB_OP_BIT(HB_OP_LT) | HB_OP_BIT(HB_OP_LTE) | HB_OP_BIT(HB_OP_GT) | HB_OP_BIT(HB_OP_GTE))
#define HB_OPS_TEXT /* of every text; has_words is of prose alone */                               \
    (HB_OP_BIT(HB_OP_MATCH) | HB_OP_BIT(HB_OP_CONTAINS) | HB_OP_BIT(HB_OP_STARTS_WITH) |           \
     HB_OP_BIT(HB_OP_ENDS_WITH) | HB_OP_BIT(HB_OP_LIKE) | HB_OP_BIT(HB_OP_ILIKE) |                 \
     HB_OP_BIT(HB_OP_WILDCARD) | HB_OP_BIT(HB_OP_REGEX) | HB_OP_BIT(HB_OP_CONTAINED_IN))
#define HB_OPS_PROSE (HB_OPS_TEXT | HB_OP_BIT(HB_OP_HAS_WORDS))
static inline bool hb_op_in(hb_op op, uint32_t set) { return (set >> (uint32_t)op & 1u) != 0; }

hb_str hb_op_name(hb_op op);            /* "eq", "starts_with", "is_null", ... */
/* Spec name with or without "$"; aliases: "any" = exists. */
bool hb_op_find(hb_str name, hb_op *out);
/* The operators that a type has, as bits 1u << op; is_null belongs to all. A leaf with another one
 * is bound as written (operand not coerced): explain shows it, and the planner refuses it. */
uint32_t hb_type_ops(const hb_type *type);
/* HB_E_UNSUPPORTED with the operators that the type has. */
hb_status hb_type_no_op(const hb_type *type, hb_op op, hb_err *err);

typedef enum hb_expr_kind { HB_EXPR_AND, HB_EXPR_OR, HB_EXPR_NOT, HB_EXPR_LEAF } hb_expr_kind;

/* AND of nothing is true (all rows); OR of nothing never occurs (D7: an error at decode). Of a
 * bound query, no argument of an AND is an AND and no argument of an OR is an OR. */
typedef struct hb_expr hb_expr;
struct hb_expr {
    hb_expr_kind kind;
    const hb_expr *const *args;     /* AND, OR: arg_count; NOT: 1 */
    uint32_t arg_count;
    const hb_expr *asked;           /* the leaf as the query has it where this means the same in
                                       other words (eq null: is_null); NULL: this is it */
    /* leaf: field [path] op operand */
    uint32_t leaf_index;            /* dense over the query, in text order */
    uint32_t field;                 /* schema field index */
    hb_op op;
    const hb_str *path;             /* Json field: keys inside it; NULL otherwise */
    uint32_t path_len;
    hb_value value;                 /* operand, coerced to the field's type (array item's type for
                                       array_contains; as given for a Json path); KIND_NULL for
                                       IS_NULL; PACK for exists/all */
    const hb_value *list;           /* IN: operands, coerced, nulls removed */
    uint32_t list_count;
    bool list_has_null;             /* IN: a null was among them: null rows match too */
};

/* AND or OR of `args`; those of the same kind give their own arguments. One alone is itself. NULL:
 * no memory. */
const hb_expr *hb_expr_join(hb_arena *arena, hb_expr_kind kind, const hb_expr *const *args,
                            uint32_t count);

/* Null handling, fixed: NE matches null rows; NOT complements over all rows; MATCH LIKE ILIKE
 * WILDCARD REGEX treat null text as ""; everything else never matches null (EQ null is IS_NULL).
 * A Json path: a missing path or a value of another JSON kind never matches, not even NE. */

typedef enum hb_metric { HB_METRIC_COSINE, HB_METRIC_L2, HB_METRIC_DOT } hb_metric;
hb_str hb_metric_name(hb_metric metric);
bool hb_metric_find(hb_str name, hb_metric *out);   /* also euclidean, ip, inner_product */

/* Whether a condition is contained_in, but under no NOT: rows then have the column `match`. */
bool hb_expr_has_match(const hb_expr *expr);

typedef struct hb_near {
    uint32_t field;
    const float *vector;
    uint32_t dim;
    uint32_t top_k;
    hb_metric metric;
    uint32_t ef;                /* how far an index looks; 0: what the field says */
    bool exact;                 /* no index that is not exact */
} hb_near;
/* HB_E_VALIDATION: the query's vector is not as long as one that it would be compared with. */
hb_status hb_near_misfit(const hb_near *near, uint32_t dim, hb_err *err);
/* The kind of index that the field declares for such a question; *why, a clause, when it declares
 * one and this is HB_VECTOR_EXACT all the same. */
hb_vector_index_kind hb_near_index(const hb_schema *schema, const hb_near *near, const char **why);

typedef enum hb_search_mode {
    HB_SEARCH_ANY, HB_SEARCH_ALL, HB_SEARCH_PHRASE, HB_SEARCH_PREFIX
} hb_search_mode;
hb_str hb_search_mode_name(hb_search_mode mode);

typedef struct hb_search {
    /* resolved: "every indexed text field" is expanded by the plan */
    const uint32_t *fields;
    uint32_t field_count;           /* 0: every indexed text field */
    hb_str text;
    uint32_t top_k;
    hb_search_mode mode;
} hb_search;

typedef enum hb_col_kind {
    HB_COL_FIELD, HB_COL_PATH, HB_COL_SCORE, HB_COL_NEAR_SCORE, HB_COL_SEARCH_SCORE,
    HB_COL_MATCH                    /* what contained_in found; beside such a filter only */
} hb_col_kind;

/* A result column, a sort key. */
typedef struct hb_col {
    hb_col_kind kind;
    uint32_t field;
    const hb_str *path;             /* PATH: keys inside the Json field */
    uint32_t path_len;
    hb_str name;                    /* as written: "j.a.b", "score" */
} hb_col;

typedef struct hb_order { hb_col col; bool desc; } hb_order;

/* Reducers of an aggregate. Nulls are left out; of nothing all give null, but COUNT 0 and the
 * reducers that give a mapping an empty one (docs/query.md, Aggregates). */
typedef enum hb_reducer {
    HB_REDUCE_COUNT, HB_REDUCE_SUM, HB_REDUCE_AVG, HB_REDUCE_MIN, HB_REDUCE_MAX, HB_REDUCE_MEDIAN,
    HB_REDUCE_PERCENTILE, HB_REDUCE_VALUE_COUNTS, HB_REDUCE_KEY_COUNTS, HB_REDUCE_KEY_SUMS,
    HB_REDUCE_COLUMN_SUMMARY, HB_REDUCE_TOTAL
} hb_reducer;
hb_str hb_reducer_name(hb_reducer reducer);     /* "count", "value_counts", ... */

/* How column_summary reads a column. */
typedef enum hb_summary_kind {
    HB_SUMMARY_BOOL, HB_SUMMARY_JSON, HB_SUMMARY_LIST, HB_SUMMARY_NUMERIC, HB_SUMMARY_TEXT,
    HB_SUMMARY_TIME, HB_SUMMARY_VECTOR, HB_SUMMARY_TOTAL
} hb_summary_kind;

typedef struct hb_measure {         /* one output of an aggregate */
    hb_str name;
    hb_reducer reducer;
    hb_col col;                     /* FIELD or PATH */
    bool distinct;                  /* COUNT */
    double q;                       /* MEDIAN, PERCENTILE: 0 to 1 */
    hb_summary_kind kind;           /* COLUMN_SUMMARY */
} hb_measure;

typedef struct hb_aggregate {
    const hb_col *groups;           /* FIELD or PATH; none: one group of all rows */
    uint32_t group_count;
    const hb_measure *measures;
    uint32_t measure_count;
    /* Of the output rows: [0] stands for the smallest object_id of a group and has no name, then
     * groups, then measures. Order, select and having speak of these. */
    const hb_schema *schema;
    const hb_expr *having;          /* over `schema`; NULL: all groups */
} hb_aggregate;

#define HB_NO_LIMIT UINT64_MAX

typedef enum hb_direction {
    HB_DIRECTION_OUT, HB_DIRECTION_IN, HB_DIRECTION_ANY
} hb_direction;
hb_str hb_direction_name(hb_direction direction);
bool hb_direction_find(hb_str name, hb_direction *out);

#define HB_HOPS_MAX 64u

/* Only rows that a walk along a relation reaches. The workspace walks; the rest of the query sees
 * a filter on object_id. */
typedef struct hb_traverse {
    hb_str field;                   /* "knows", or "person.knows" of another entity */
    hb_str start;                   /* object_id */
    hb_str start_entity;            /* "": where the direction starts */
    uint32_t min_hops, max_hops;
    hb_direction direction;
    /* filled in by the workspace, for explain */
    hb_str target_entity;
    const hb_str *backends;         /* those that hold the relation, its source of truth first */
    uint32_t backend_count;
} hb_traverse;

typedef struct hb_query {
    const hb_schema *schema;
    const hb_expr *filter;          /* NULL: all rows */
    uint32_t leaf_count;
    const hb_near *near;            /* NULL: none */
    const hb_search *search;        /* NULL: none */
    const hb_traverse *traverse;    /* NULL: none */
    double fuse_k, fuse_near, fuse_search;      /* reciprocal rank fusion; 60, 1, 1 */
    const hb_col *select;           /* without object_id, which always comes first */
    uint32_t select_count;
    bool select_all;                /* no select clause: every stored field, alphabetical */
    const hb_order *order;
    uint32_t order_count;
    uint64_t limit, offset;
    const hb_aggregate *aggregate;  /* NULL: rows as they are; else columns speak of its schema */
    bool is_count;                  /* terminal count */
    uint32_t count_field;
    bool count_distinct;
    bool unsafe;
    const char *waiting;            /* NULL, or the name of a clause that is not built yet */
} hb_query;

#endif
