// SPDX-License-Identifier: MIT
/* inmem: rows in memory, column by column. Nothing survives the process.
 *
 * It answers every operator of the portable query form exactly, with the core's own evaluator over
 * its columns; from an index where there is one: object_id by hash, fields with .index() by a
 * value index (eq, in), arrays held as side table or sparse-gram by an item index, texts held
 * inverted by a word index, vectors held as vector index by the exact kernel over the column,
 * relations by an index from the rows that edges lead to. A column is read only when it is asked
 * for, so values held outside the row need nothing further. */
#include "backends/inmem/scan.h"

#include "value/edge.h"

/* ---- what it can do --------------------------------------------------------------------- */

typedef enum type_class {
    CLASS_TEXT,
    CLASS_NUMBER,
    CLASS_BOOL,
    CLASS_ARRAY,
    CLASS_JSON,
    CLASS_HYPER,
    CLASS_VECTOR,
    CLASS_OTHER
} type_class;

static type_class class_of(const hb_type *type) {
    if (hb_type_is_text(type) || type->id == HB_TYPE_IDENTIFIER) {
        return CLASS_TEXT;
    }
    switch ((int)type->id) {
    case HB_TYPE_BOOLEAN: return CLASS_BOOL;
    case HB_TYPE_ARRAY: return CLASS_ARRAY;
    case HB_TYPE_JSON: return CLASS_JSON;
    case HB_TYPE_HYPER_G: return CLASS_HYPER;
    case HB_TYPE_VECTOR: return CLASS_VECTOR;
    case HB_TYPE_ARTIFACT: return CLASS_OTHER;
    default: return CLASS_NUMBER;
    }
}

static bool array_allows(hb_strategy strategy, hb_op op) {
    if (op == HB_OP_ARRAY_CONTAINS || op == HB_OP_CONTAINED_IN) {
        return true;
    }
    return strategy != HB_STRATEGY_SPARSE_GRAM && hb_op_in(op, HB_OPS_EQUALITY);
}

/* Any type may be declared with any strategy, as in HeavenBase for Python, but for a relation,
 * which needs edges. Where the strategy does not fit the type, there is nothing to ask but whether
 * there is a value. */
static bool stores(const hb_type *type, hb_strategy strategy) {
    return strategy != HB_STRATEGY_GRAPH || type->edge_column > 0;
}

/* Side tables and sparse grams exist for lists only, vector indexes for vectors only. */
static bool strategy_fits(type_class class, hb_strategy strategy) {
    switch ((int)strategy) {
    case HB_STRATEGY_INLINE:
    case HB_STRATEGY_JSON:
    case HB_STRATEGY_INVERTED: return true;
    case HB_STRATEGY_SIDE: return class == CLASS_ARRAY || class == CLASS_HYPER;
    case HB_STRATEGY_SPARSE_GRAM: return class == CLASS_ARRAY;
    case HB_STRATEGY_VECTOR: return class == CLASS_VECTOR;
    case HB_STRATEGY_GRAPH: return class == CLASS_HYPER;
    default: return false;
    }
}

static bool op_allowed(const hb_type *type, hb_strategy strategy, hb_op op) {
    type_class class = class_of(type);
    if (op == HB_OP_IS_NULL) {
        return stores(type, strategy);
    }
    if (!strategy_fits(class, strategy)) {
        return false;
    }
    switch (class) {
    case CLASS_TEXT: return hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OPS_PROSE);
    case CLASS_NUMBER: return hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER);
    case CLASS_BOOL:
    case CLASS_JSON: return hb_op_in(op, HB_OPS_EQUALITY);
    case CLASS_ARRAY: return array_allows(strategy, op);
    case CLASS_HYPER:
        return hb_op_in(op, HB_OP_BIT(HB_OP_EXISTS) | HB_OP_BIT(HB_OP_ALL)) ||
               (strategy != HB_STRATEGY_SIDE && strategy != HB_STRATEGY_GRAPH &&
                hb_op_in(op, HB_OPS_EQUALITY));
    case CLASS_VECTOR: return strategy == HB_STRATEGY_VECTOR && op == HB_OP_EQ;
    case CLASS_OTHER: break;
    }
    return false;
}

static bool path_op_allowed(hb_op op) {
    return hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OP_BIT(HB_OP_CONTAINS) |
                            HB_OP_BIT(HB_OP_ARRAY_CONTAINS) | HB_OP_BIT(HB_OP_IS_NULL));
}

static const hb_offer offer_no = { HB_NO, false, NULL,
                                   "inmem has no such operator for this type "
                                   "and strategy" };
static const hb_offer offer_index = { HB_EXACT, true, "index_filter", NULL };
static const hb_offer offer_scan = { HB_EXACT, false, "row_payload",
                                     "inmem evaluates it over "
                                     "the stored column, there is no index for it" };

static bool op_is_indexed(const hb_type *type, hb_strategy strategy, bool indexed, hb_op op) {
    bool item_index = strategy == HB_STRATEGY_SIDE || strategy == HB_STRATEGY_SPARSE_GRAM ||
                      inmem_type_has_text_items(type);
    if (type->id == HB_TYPE_ARRAY) {
        return (indexed || item_index) && op == HB_OP_ARRAY_CONTAINS;
    }
    if (op == HB_OP_HAS_WORDS) {
        return strategy == HB_STRATEGY_INVERTED;
    }
    type_class class = class_of(type);
    return indexed && hb_op_in(op, HB_OP_BIT(HB_OP_EQ) | HB_OP_BIT(HB_OP_IN)) &&
           (class == CLASS_TEXT || class == CLASS_NUMBER || class == CLASS_BOOL);
}

/* Rows with an edge to given rows: from the index of a relation. */
static bool leaf_is_edges(const hb_type *type, hb_strategy strategy, const hb_expr *leaf) {
    hb_pack_reader ids;
    uint32_t count;
    return strategy == HB_STRATEGY_GRAPH && leaf->op == HB_OP_EXISTS &&
           leaf->value.kind == HB_KIND_PACK && hb_edge_lookup(type, leaf->value.as.s, &ids, &count);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    if (leaf->path_len > 0) {
        bool known = type->id == HB_TYPE_JSON && strategy_fits(CLASS_JSON, strategy) &&
                     path_op_allowed(leaf->op);
        return known ? offer_scan : offer_no;
    }
    if (!op_allowed(type, strategy, leaf->op)) {
        return offer_no;
    }
    if (leaf_is_edges(type, strategy, leaf)) {
        return offer_index;
    }
    bool by_id = leaf->field == HB_FIELD_OBJECT_ID &&
                 hb_op_in(leaf->op, HB_OP_BIT(HB_OP_EQ) | HB_OP_BIT(HB_OP_IN));
    return by_id || op_is_indexed(type, strategy, indexed, leaf->op) ? offer_index : offer_scan;
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    hb_op found;
    type_class class = class_of(type);
    if (hb_str_eq(op, HB_STR("near"))) {
        return class == CLASS_VECTOR && strategy == HB_STRATEGY_VECTOR ? offer_index : offer_no;
    }
    if (hb_str_eq(op, HB_STR("search"))) {
        if (class != CLASS_TEXT || !strategy_fits(class, strategy)) {
            return offer_no;
        }
        return strategy == HB_STRATEGY_INVERTED ? offer_index : offer_scan;
    }
    if (hb_str_eq(op, HB_STR("get"))) {
        return class == CLASS_JSON && strategy_fits(class, strategy) ? offer_scan : offer_no;
    }
    if (!hb_op_find(op, &found) || !op_allowed(type, strategy, found)) {
        return offer_no;
    }
    return op_is_indexed(type, strategy, false, found) ? offer_index : offer_scan;
}

/* ---- life ------------------------------------------------------------------------------- */

static hb_status instance_open(hb_instance *instance, hb_err *err) {
    inmem_state *state = hb_mem_zalloc(instance->mem, sizeof(*state));
    if (state == NULL) {
        return hb_err_memory(err);
    }
    state->mem = instance->mem;
    instance->state = state;
    return HB_OK;
}

static void instance_close(hb_instance *instance) {
    inmem_state *state = instance->state;
    if (state == NULL) {
        return;
    }
    while (state->stores != NULL) {
        inmem_store_free(state->stores);
    }
    hb_mem_free(instance->mem, state, sizeof(*state));
    instance->state = NULL;
}

static void release(hb_instance *instance, hb_container *container) {
    /* After close the store went with the instance. */
    if (instance->state != NULL) {
        inmem_store_free(container->state);
    }
    container->state = NULL;
}

static void inherit(hb_instance *instance, hb_container *heir, hb_container *container) {
    (void)instance;
    inmem_store *store = container->state;
    inmem_store_inherit(store, heir, heir->state);
    heir->state = store;
    container->state = NULL;
}

static bool durable(const hb_instance *instance) {
    (void)instance;
    return false;
}

static hb_status tx(hb_instance *instance, hb_tx op, hb_err *err) {
    inmem_state *state = instance->state;
    if (op == HB_TX_BEGIN) {
        if (state->in_tx) {
            return hb_err_set(err, HB_E_INTERNAL, "a transaction is open already");
        }
        state->in_tx = true;
        return HB_OK;
    }
    if (!state->in_tx) {
        return hb_err_set(err, HB_E_INTERNAL, "no transaction is open");
    }
    state->in_tx = false;
    for (inmem_store *store = state->stores; store != NULL; store = store->next) {
        if (op == HB_TX_COMMIT) {
            inmem_store_commit(store);
        } else {
            inmem_store_rollback(store);
        }
    }
    return HB_OK;
}

/* ---- jobs ------------------------------------------------------------------------------- */

static hb_status run_ensure(hb_job *job, hb_err *err) {
    hb_container *container = job->fragment->container;
    inmem_store *store = container->state;
    const hb_container *replaces = job->fragment->replaces;
    if (store == NULL && replaces != NULL && replaces->state != NULL) {
        HB_TRY(inmem_store_prepare_heir(replaces->state, container, &store, err));
    } else {
        HB_TRY(inmem_store_ensure(job->instance->state, container, &store, err));
    }
    container->state = store;
    return HB_OK;
}

static hb_status run_delete(hb_job *job, inmem_store *store, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    uint8_t *existed = hb_arena_zalloc(job->arena, ids->count);
    if (existed == NULL) {
        return hb_err_memory(err);
    }
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("existed"), HB_KIND_BOOL, 0);
    if (!hb_colbuf_reserve(&job->out.columns[0], ids->count, 0)) {
        return hb_err_memory(err);
    }
    HB_TRY(inmem_store_delete(store, ids, existed, err));
    for (uint32_t i = 0; i < ids->count; i++) {
        hb_value value = { .kind = HB_KIND_BOOL, .as.b = existed[i] != 0 };
        hb_colbuf_add(&job->out.columns[0], &value);
    }
    job->out.row_count = ids->count;
    job->rows_examined += ids->count;
    return HB_OK;
}

static hb_status run_fragment(hb_job *job, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    inmem_store *store = fragment->container->state;
    if (fragment->kind == HB_FRAG_ENSURE) {
        return run_ensure(job, err);
    }
    if (store == NULL) {
        if (fragment->kind == HB_FRAG_CLEAR || fragment->kind == HB_FRAG_REFRESH) {
            return HB_OK;
        }
        /* a system entity beside which nothing was registered yet */
        HB_TRY(run_ensure(job, err));
        store = fragment->container->state;
    }
    switch (fragment->kind) {
    case HB_FRAG_WRITE: return inmem_store_write(store, fragment->batch, err);
    case HB_FRAG_DELETE: return run_delete(job, store, err);
    case HB_FRAG_FETCH: return inmem_run_fetch(job, store, err);
    case HB_FRAG_SCAN: return inmem_run_scan(job, store, err);
    case HB_FRAG_COUNT: return inmem_run_count(job, store, err);
    case HB_FRAG_CLEAR: return inmem_store_clear(store, err);
    case HB_FRAG_REFRESH:
    case HB_FRAG_AGGREGATE: /* not claimed */
    case HB_FRAG_ATTACH:    /* of remote ones */
    case HB_FRAG_PROBE:
    case HB_FRAG_COMMIT:
    case HB_FRAG_ENSURE: break;
    }
    return HB_OK;
}

static hb_status begin(hb_job *job, hb_err *err) {
    hb_status status = run_fragment(job, err);
    if (status != HB_OK) {
        hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
        return status;
    }
    job->done = true;
    return HB_OK;
}

static void end(hb_job *job) {
    (void)job;      /* jobs keep nothing of their own */
}

static const char *const aliases[] = { "memory", NULL };
static const hb_option options[] = { { NULL, 0, false, NULL } };

extern const hb_backend hb_backend_inmem;
const hb_backend hb_backend_inmem = {
    .name = "inmem",
    .aliases = aliases,
    .desc = "columns in memory with hash, word and vector indexes; nothing survives the process",
    .roles = HB_ROLE_ROW | HB_ROLE_TEXT | HB_ROLE_VECTOR | HB_TAG_VECTOR,
    .local = true,
    .routing_rank = 0,
    .options = options,
    .caps = {
        .vector_index = true,
        .sort = HB_EXACT,
        .limit = HB_EXACT,
        .count = HB_EXACT,
        .metrics = 1u << HB_METRIC_COSINE | 1u << HB_METRIC_L2 | 1u << HB_METRIC_DOT,
        .search = true,
        .candidates = true,
        .filtered_rank = true,
    },
    .stores = stores,
    .offer = offer,
    .supports = supports,
    .open = instance_open,
    .close = instance_close,
    .durable = durable,
    .tx = tx,
    .begin = begin,
    .end = end,
    .release = release,
    .inherit = inherit,
};
