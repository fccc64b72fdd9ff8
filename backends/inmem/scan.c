// SPDX-License-Identifier: MIT
#include "backends/inmem/scan.h"

#include "eval/sort.h"

#define FIRST_CHUNK 64u     /* rows of the first step when a filter runs under a limit */

/* ---- life ------------------------------------------------------------------------------- */

hb_status inmem_scan_open(hb_job *job, inmem_store *store, inmem_scan *out, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const hb_container *container = fragment->container;
    HB_ASSERT(store->field_count == container->field_count);
    *out = (inmem_scan){ .job = job, .fragment = fragment, .store = store, .arena = job->arena };
    out->views = hb_arena_array(job->arena, store->field_count, sizeof(hb_column));
    out->columns = HB_NEW_ARRAY(job->arena, const hb_column *, container->schema->field_count);
    if (out->views == NULL || out->columns == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < store->field_count; i++) {
        out->views[i] = inmem_store_column(store, i);
        out->columns[container->fields[i].field] = &out->views[i];
    }
    if (fragment->filter != NULL) {
        return hb_pred_new(container->schema, fragment->filter, job->mem, &out->pred, err);
    }
    return HB_OK;
}

void inmem_scan_close(inmem_scan *scan) {
    hb_pred_free(scan->pred);
    scan->pred = NULL;
}

/* ---- filtering -------------------------------------------------------------------------- */

static bool slots_are_dense(const uint32_t *slots, uint32_t count) {
    uint32_t off = 0;
    for (uint32_t i = 0; i < count; i++) {
        off |= slots[i] ^ (slots[0] + i);
    }
    return off == 0;
}

/* Appends the slots whose mask is set. Most filters leave few: eight rows without any are passed
 * over at once, the others are taken without a branch. */
static void take_matches(const uint8_t *mask, const uint32_t *slots, uint32_t base, uint32_t count,
                         inmem_rows *out) {
    uint32_t kept = out->count;
    for (uint32_t from = 0; from < count; from += 8) {
        const uint32_t to = count - from < 8 ? count : from + 8;
        uint64_t eight = 1;
        if (to - from == 8) {
            memcpy(&eight, mask + from, 8);
        }
        for (uint32_t i = from; eight != 0 && i < to; i++) {
            out->slots[kept] = slots != NULL ? slots[i] : base + i;
            kept += mask[i];
        }
    }
    out->count = kept;
}

/* One chunk: of `slots`, or of the slots from `base` on. Appends matches to out. */
static hb_status scan_chunk(inmem_scan *scan, const uint32_t *slots, uint32_t base, uint32_t count,
                            inmem_rows *out, hb_err *err) {
    uint8_t mask[HB_EVAL_CHUNK];
    const uint8_t *state = scan->store->state;
    HB_TRY(hb_deadline_check(&scan->job->deadline, err));
    if (slots != NULL && slots_are_dense(slots, count)) {
        base = slots[0];
        slots = NULL;
    }
    uint32_t looked = count;
    if (scan->store->live_count == scan->store->slot_count) {
        memset(mask, 1, count);
    } else {
        looked = 0;
        for (uint32_t i = 0; i < count; i++) {
            mask[i] = (uint8_t)(state[slots != NULL ? slots[i] : base + i] == INMEM_LIVE);
            looked += mask[i];
        }
    }
    scan->job->rows_examined += looked;
    if (scan->pred != NULL) {
        HB_TRY(hb_pred_eval(scan->pred, scan->columns, slots, base, count, mask, err));
    }
    take_matches(mask, slots, base, count, out);
    return HB_OK;
}

/* Runs through a list of slots in its order until `need` matches are there. */
static hb_status scan_list(inmem_scan *scan, const uint32_t *slots, uint32_t count, uint64_t need,
                           inmem_rows *out, hb_err *err) {
    uint32_t chunk = need > HB_EVAL_CHUNK ? HB_EVAL_CHUNK : FIRST_CHUNK;
    uint32_t at = 0;
    while (at < count && out->count < need) {
        uint64_t missing = need - out->count;
        uint32_t step = scan->pred == NULL && missing < HB_EVAL_CHUNK ? (uint32_t)missing : chunk;
        if (step > count - at) {
            step = count - at;
        }
        HB_TRY(scan_chunk(scan, slots + at, 0, step, out, err));
        at += step;
        chunk = chunk * 2 < HB_EVAL_CHUNK ? chunk * 2 : HB_EVAL_CHUNK;
    }
    if (out->count > need) {
        out->count = (uint32_t)need;
    }
    return HB_OK;
}

static hb_status scan_all(inmem_scan *scan, inmem_rows *out, hb_err *err) {
    uint32_t total = scan->store->slot_count;
    for (uint32_t base = 0; base < total; base += HB_EVAL_CHUNK) {
        uint32_t count = total - base < HB_EVAL_CHUNK ? total - base : HB_EVAL_CHUNK;
        HB_TRY(scan_chunk(scan, NULL, base, count, out, err));
    }
    return HB_OK;
}

/* Room for `most` matches, and for one chunk's branch-free overshoot behind them. */
static hb_status rows_make(inmem_scan *scan, uint64_t most, inmem_rows *out, hb_err *err) {
    *out = (inmem_rows){ 0 };
    out->slots = hb_arena_array(scan->arena, (size_t)most + HB_EVAL_CHUNK + 1, sizeof(uint32_t));
    return out->slots != NULL ? HB_OK : hb_err_memory(err);
}

/* What comes from an index is often in order, or in the opposite one, newest first: then it is in
 * order afterwards. False: it is in neither, and stays. */
static bool turn_to_order(const inmem_scan *scan, inmem_rows *rows) {
    uint32_t up = 0;
    uint32_t down = 0;
    for (uint32_t i = 1; i < rows->count && (up == 0 || down == 0); i++) {
        int order = hb_str_cmp(inmem_store_id(scan->store, rows->slots[i - 1]),
                               inmem_store_id(scan->store, rows->slots[i]));
        up += order < 0;
        down += order > 0;
    }
    for (uint32_t i = 0, j = rows->count; up == 0 && i + 1 < j; i++) {
        uint32_t slot = rows->slots[i];
        rows->slots[i] = rows->slots[--j];
        rows->slots[j] = slot;
    }
    return up == 0 || down == 0;
}

static hb_status sort_by_id(inmem_scan *scan, inmem_rows *rows, hb_err *err) {
    if (turn_to_order(scan, rows)) {
        return HB_OK;
    }
    hb_sort_key key = { .column = &scan->views[0] };
    return hb_sort_rows(&key, 1, NULL, rows->slots, rows->count, HB_NO_LIMIT, &rows->count,
                        scan->arena, err);
}

/* The candidates as slots, in object_id order as their ids are. */
static hb_status candidate_slots(inmem_scan *scan, inmem_rows *out, hb_err *err) {
    const hb_ids *ids = scan->fragment->candidates;
    HB_TRY(rows_make(scan, ids->count, out, err));
    for (uint32_t i = 0; i < ids->count; i++) {
        uint32_t slot = inmem_store_find(scan->store, ids->ids[i]);
        if (slot != INMEM_NO_SLOT) {
            out->slots[out->count++] = slot;
        }
    }
    return HB_OK;
}

static void rows_unique(inmem_rows *rows) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        if (kept == 0 || rows->slots[kept - 1] != rows->slots[i]) {
            rows->slots[kept++] = rows->slots[i];
        }
    }
    rows->count = kept;
}

static void rows_keep_live(const inmem_store *store, inmem_rows *rows) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        if (store->state[rows->slots[i]] == INMEM_LIVE) {
            rows->slots[kept++] = rows->slots[i];
        }
    }
    rows->count = kept;
}

/* A short list of slots that holds all matches, in object_id order and without duplicates: from
 * the given candidates, or from an index. *found false: go through everything. */
static hb_status scan_source(inmem_scan *scan, bool *found, inmem_rows *out, hb_err *err) {
    *found = scan->fragment->candidates != NULL;
    if (*found) {
        return candidate_slots(scan, out, err);
    }
    if (scan->pred == NULL) {
        return HB_OK;
    }
    HB_TRY(inmem_access(scan, scan->store->live_count / 4 + 16, found, out, err));
    if (*found) {
        rows_keep_live(scan->store, out);
        HB_TRY(sort_by_id(scan, out, err));
        rows_unique(out);
    }
    return HB_OK;
}

hb_status inmem_scan_any_order(inmem_scan *scan, inmem_rows *out, hb_err *err) {
    inmem_rows source;
    bool found;
    HB_TRY(scan_source(scan, &found, &source, err));
    if (found) {
        HB_TRY(rows_make(scan, source.count, out, err));
        return scan_list(scan, source.slots, source.count, HB_NO_LIMIT, out, err);
    }
    HB_TRY(rows_make(scan, scan->store->live_count, out, err));
    return scan_all(scan, out, err);
}

/* Puts matches in object_id order: a few are sorted, many are picked from the order array. */
static hb_status rows_into_order(inmem_scan *scan, inmem_rows *rows, hb_err *err) {
    inmem_store *store = scan->store;
    if (rows->count < store->live_count / 16) {
        return sort_by_id(scan, rows, err);
    }
    HB_TRY(inmem_store_tidy(store, err));
    uint8_t *hit = hb_arena_zalloc(scan->arena, store->slot_count);
    if (hit == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        hit[rows->slots[i]] = 1;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < store->sorted_count; i++) {
        rows->slots[count] = store->order[i];
        count += hit[store->order[i]];
    }
    HB_ASSERT(count == rows->count);
    return HB_OK;
}

/* The first place of the order array that can hold a match: pages ask for the ids after one. */
static uint32_t order_start(const inmem_store *store, const hb_expr *filter) {
    for (uint32_t i = 0; filter != NULL && filter->kind == HB_EXPR_AND && i < filter->arg_count;
         i++) {
        uint32_t start = order_start(store, filter->args[i]);
        if (start > 0) {
            return start;
        }
    }
    if (filter == NULL || filter->kind != HB_EXPR_LEAF || filter->field != HB_FIELD_OBJECT_ID ||
        filter->value.kind != HB_KIND_TEXT || (filter->op != HB_OP_GT && filter->op != HB_OP_GTE)) {
        return 0;
    }
    uint32_t low = 0;
    uint32_t high = store->sorted_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (hb_str_cmp(inmem_store_id(store, store->order[mid]), filter->value.as.s) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

hb_status inmem_scan_ordered(inmem_scan *scan, uint64_t need, inmem_rows *out, hb_err *err) {
    inmem_store *store = scan->store;
    inmem_rows source;
    bool found;
    HB_TRY(scan_source(scan, &found, &source, err));
    if (found) {
        HB_TRY(rows_make(scan, source.count, out, err));
        return scan_list(scan, source.slots, source.count, need, out, err);
    }
    if (scan->pred != NULL && need >= store->live_count) {
        HB_TRY(rows_make(scan, store->live_count, out, err));
        HB_TRY(scan_all(scan, out, err));
        return rows_into_order(scan, out, err);
    }
    HB_TRY(inmem_store_tidy(store, err));
    HB_TRY(rows_make(scan, need < store->live_count ? need : store->live_count, out, err));
    uint32_t start = order_start(store, scan->fragment->filter);
    const uint32_t *from = start > 0 ? store->order + start : store->order; /* NULL when empty */
    return scan_list(scan, from, store->sorted_count - start, need, out, err);
}

/* ---- sorting ---------------------------------------------------------------------------- */

static hb_status sort_key(inmem_scan *scan, const hb_order *order, const hb_column *scores,
                          hb_sort_key *out, hb_err *err) {
    const hb_col *col = &order->col;
    *out = (hb_sort_key){ .desc = order->desc };
    if (col->kind == HB_COL_FIELD || col->kind == HB_COL_PATH) {
        out->column = scan->columns[col->field];
        if (col->kind == HB_COL_PATH) {
            out->path = col->path;
            out->path_len = col->path_len;
        }
    } else {
        out->column = scores;
    }
    if (out->column == NULL) {
        return hb_err_set(err, HB_E_INTERNAL, "a fragment orders by '%.*s', which is not here",
                          HB_ARG(col->name));
    }
    return HB_OK;
}

/* The explicit order; rows that come `by_id` are kept so among equals. Scores are indexed by slot
 * for it, and follow their rows afterwards. */
static hb_status rows_sort(inmem_scan *scan, inmem_rows *rows, bool by_id, uint64_t need,
                           hb_err *err) {
    const hb_fragment *fragment = scan->fragment;
    hb_sort_key *keys = hb_arena_array(scan->arena, fragment->order_count, sizeof(*keys));
    hb_column scores = { .name = HB_STR("score"), .kind = HB_KIND_F64 };
    double *by_slot = NULL;
    if (rows->scores != NULL) {
        by_slot = hb_arena_array(scan->arena, scan->store->slot_count, sizeof(double));
        if (by_slot == NULL) {
            return hb_err_memory(err);
        }
        for (uint32_t i = 0; i < rows->count; i++) {
            by_slot[rows->slots[i]] = rows->scores[i];
        }
        scores.data = by_slot;
    }
    if (keys == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        HB_TRY(sort_key(scan, &fragment->order[i], by_slot != NULL ? &scores : NULL, &keys[i],
                        err));
    }
    HB_TRY(hb_sort_rows(keys, fragment->order_count, by_id ? NULL : &scan->views[0], rows->slots,
                        rows->count, need, &rows->count, scan->arena, err));
    for (uint32_t i = 0; i < rows->count && rows->scores != NULL; i++) {
        rows->scores[i] = by_slot[rows->slots[i]];
    }
    return HB_OK;
}

/* ---- results ---------------------------------------------------------------------------- */

static hb_status not_here(hb_str name, hb_err *err) {
    return hb_err_set(err, HB_E_INTERNAL, "a fragment asks for '%.*s', which is not here",
                      HB_ARG(name));
}

static hb_status emit_column(inmem_scan *scan, uint32_t index, uint32_t field,
                             const inmem_rows *rows, hb_err *err) {
    const hb_schema *schema = scan->fragment->container->schema;
    const hb_column *column = scan->columns[field];
    if (column == NULL) {
        return not_here(schema->fields[field].name, err);
    }
    hb_rowset_column(&scan->job->out, index, schema->fields[field].name, column->kind, column->dim);
    if (!hb_colbuf_add_rows(&scan->job->out.columns[index], column, rows->slots, rows->count)) {
        return hb_err_memory(err);
    }
    return HB_OK;
}

/* The store's own columns, and which of their rows: nothing is copied. */
static hb_status lend(hb_job *job, const inmem_store *store, const inmem_rows *rows, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const hb_container *container = fragment->container;
    const uint32_t count = fragment->column_count + 1;
    hb_column *columns = hb_arena_array(job->arena, count, sizeof(*columns));
    if (columns == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t field = i == 0 ? HB_FIELD_OBJECT_ID : fragment->columns[i - 1];
        const uint32_t index = container->by_field[field];
        const hb_str name = container->schema->fields[field].name;
        if (index == HB_FIELD_NONE) {
            return not_here(name, err);
        }
        columns[i] = hb_colbuf_view_inline(&store->fields[index].column, name);
    }
    job->lent = (hb_lent){ columns, count, rows->slots, rows->count };
    return HB_OK;
}

static hb_status emit(inmem_scan *scan, const inmem_rows *rows, hb_err *err) {
    const hb_fragment *fragment = scan->fragment;
    if (fragment->lends && rows->scores == NULL) {
        return lend(scan->job, scan->store, rows, err);
    }
    uint32_t count = fragment->column_count + 1 + (rows->scores != NULL ? 1 : 0);
    hb_rowset *out = &scan->job->out;
    HB_TRY(hb_rowset_init(out, scan->job->mem, count, err));
    HB_TRY(emit_column(scan, 0, HB_FIELD_OBJECT_ID, rows, err));
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        HB_TRY(emit_column(scan, i + 1, fragment->columns[i], rows, err));
    }
    if (rows->scores != NULL) {
        hb_column scores = { .kind = HB_KIND_F64, .data = rows->scores };
        hb_rowset_column(out, count - 1, HB_STR("score"), HB_KIND_F64, 0);
        if (!hb_colbuf_add_rows(&out->columns[count - 1], &scores, NULL, rows->count)) {
            return hb_err_memory(err);
        }
    }
    out->row_count = rows->count;
    return HB_OK;
}

static hb_status scan_rows(inmem_scan *scan, inmem_rows *rows, hb_err *err) {
    const hb_fragment *fragment = scan->fragment;
    uint64_t need = fragment->limit > HB_NO_LIMIT - fragment->offset
                  ? HB_NO_LIMIT : fragment->offset + fragment->limit;
    bool by_id = false;
    if (fragment->near != NULL) {
        HB_TRY(inmem_near(scan, rows, err));
    } else if (fragment->search != NULL) {
        HB_TRY(inmem_search(scan, rows, err));
    } else if (fragment->order_count > 0 && need <= scan->store->live_count / 8) {
        HB_TRY(inmem_scan_any_order(scan, rows, err));
    } else if (fragment->order_count > 0) {
        /* Much is wanted: a stable sort of rows in id order compares fewer ids. */
        HB_TRY(inmem_scan_ordered(scan, HB_NO_LIMIT, rows, err));
        by_id = true;
    } else {
        HB_TRY(inmem_scan_ordered(scan, need, rows, err));
    }
    if (fragment->order_count > 0) {
        HB_TRY(rows_sort(scan, rows, by_id, need, err));
    }
    if (rows->count > need) {
        rows->count = (uint32_t)need;
    }
    uint32_t skip = fragment->offset < rows->count ? (uint32_t)fragment->offset : rows->count;
    rows->slots += skip;
    rows->scores = rows->scores != NULL ? rows->scores + skip : NULL;
    rows->count -= skip;
    return HB_OK;
}

hb_status inmem_run_scan(hb_job *job, inmem_store *store, hb_err *err) {
    inmem_scan scan;
    inmem_rows rows = { 0 };
    hb_status status = inmem_scan_open(job, store, &scan, err);
    if (status == HB_OK) {
        status = scan_rows(&scan, &rows, err);
    }
    if (status == HB_OK) {
        status = emit(&scan, &rows, err);
    }
    inmem_scan_close(&scan);
    return status;
}

hb_status inmem_run_count(hb_job *job, inmem_store *store, hb_err *err) {
    inmem_scan scan;
    inmem_rows rows = { .count = store->live_count };
    hb_status status = inmem_scan_open(job, store, &scan, err);
    if (status == HB_OK && (scan.pred != NULL || job->fragment->candidates != NULL)) {
        status = inmem_scan_any_order(&scan, &rows, err);
    }
    inmem_scan_close(&scan);
    HB_TRY(status);
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("count"), HB_KIND_I64, 0);
    hb_value value = { .kind = HB_KIND_I64, .as.i = rows.count };
    if (!hb_colbuf_add(&job->out.columns[0], &value)) {
        return hb_err_memory(err);
    }
    job->out.row_count = 1;
    return HB_OK;
}

static hb_status fetch_slots(hb_job *job, const inmem_store *store, inmem_rows *out, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    *out = (inmem_rows){ .slots = hb_arena_array(job->arena, ids->count, sizeof(uint32_t)) };
    if (out->slots == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < ids->count; i++) {
        uint32_t slot = inmem_store_find(store, ids->ids[i]);
        if (slot != INMEM_NO_SLOT) {
            out->slots[out->count++] = slot;
        }
    }
    job->rows_examined += out->count;
    return HB_OK;
}

hb_status inmem_run_fetch(hb_job *job, inmem_store *store, hb_err *err) {
    inmem_scan scan;
    inmem_rows rows;
    HB_TRY(fetch_slots(job, store, &rows, err));
    if (job->fragment->lends) {
        return lend(job, store, &rows, err);
    }
    hb_status status = inmem_scan_open(job, store, &scan, err);
    if (status == HB_OK) {
        status = emit(&scan, &rows, err);
    }
    inmem_scan_close(&scan);
    return status;
}
