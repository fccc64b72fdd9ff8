// SPDX-License-Identifier: MIT
/* near and search: the filter first, then the k best; ties by object_id. */
#include "backends/inmem/scan.h"

#include "index/vector_index.h"
#include "text/words.h"

static int tie_by_id(void *ctx, uint32_t a, uint32_t b) {
    const inmem_store *store = ctx;
    return hb_str_cmp(inmem_store_id(store, a), inmem_store_id(store, b));
}

/* Which rows may be ranked: all slots, a list of them, or the bits of a set. */
typedef struct rank_scope {
    bool all;
    inmem_rows list;            /* unless all or by_bits */
    const uint64_t *bits;       /* NULL unless asked for */
    uint32_t count;             /* rows that may be ranked */
} rank_scope;

static hb_status scope_make(inmem_scan *scan, bool want_bits, rank_scope *out, hb_err *err) {
    const inmem_store *store = scan->store;
    *out = (rank_scope){ .count = store->live_count };
    bool filtered = scan->pred != NULL || scan->fragment->candidates != NULL;
    if (!filtered && store->live_count == store->slot_count) {
        out->all = true;
        scan->job->rows_examined += store->live_count;
        return HB_OK;
    }
    HB_TRY(inmem_scan_any_order(scan, &out->list, err));
    out->count = out->list.count;
    if (!want_bits) {
        return HB_OK;
    }
    out->bits = hb_bits_of(scan->arena, out->list.slots, out->list.count, store->slot_count);
    return out->bits != NULL ? HB_OK : hb_err_memory(err);
}

static uint32_t scope_slot(const rank_scope *scope, uint32_t index) {
    return scope->all ? index : scope->list.slots[index];
}

static hb_status hits_make(inmem_scan *scan, uint32_t count, hb_hit **out, hb_err *err) {
    *out = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(hb_hit));
    return *out != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status rows_from_hits(inmem_scan *scan, const hb_hit *hits, uint32_t count,
                                inmem_rows *out, hb_err *err) {
    out->slots = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(uint32_t));
    out->scores = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(double));
    if (out->slots == NULL || out->scores == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        out->slots[i] = hits[i].slot;
        out->scores[i] = hits[i].score;
    }
    out->count = count;
    return HB_OK;
}

static inmem_field *scan_field(const inmem_scan *scan, uint32_t field) {
    uint32_t index = scan->fragment->container->by_field[field];
    return index != HB_FIELD_NONE ? &scan->store->fields[index] : NULL;
}

/* ---- near ------------------------------------------------------------------------------- */

/* A field that takes vectors of any length: one that differs from the query's cannot be ranked. */
static hb_status near_by_length(const inmem_scan *scan, const hb_column *column,
                                const rank_scope *scope, uint32_t k, hb_hit *hits, uint32_t *count,
                                hb_err *err) {
    const hb_near *near = scan->fragment->near;
    hb_top_k top = { .hits = hits, .k = k, .tie = tie_by_id, .tie_ctx = scan->store };
    for (uint32_t i = 0; i < scope->count; i++) {
        uint32_t slot = scope_slot(scope, i);
        hb_value value = hb_column_get(column, slot);
        if (value.kind != HB_KIND_VEC) continue;
        if (value.as.v.len != near->dim) return hb_near_misfit(near, value.as.v.len, err);
        hb_top_k_add(&top, slot,
                     hb_vector_score(near->metric, near->vector, value.as.v.ptr, near->dim));
    }
    hb_top_k_sort(&top);
    *count = top.count;
    return HB_OK;
}

hb_status inmem_near(inmem_scan *scan, inmem_rows *out, hb_err *err) {
    const hb_near *near = scan->fragment->near;
    inmem_store *store = scan->store;
    inmem_field *field = scan_field(scan, near->field);
    if (field == NULL || field->column.kind != HB_KIND_VEC) {
        return hb_err_set(err, HB_E_INTERNAL, "near asks for a field that is no vector here");
    }
    if (field->column.dim != 0 && near->dim != field->column.dim) {
        return hb_near_misfit(near, field->column.dim, err);
    }
    hb_vector_query query = { .vector = near->vector, .metric = near->metric, .tie = tie_by_id,
                              .tie_ctx = store };
    query.k = near->top_k < store->live_count ? near->top_k : store->live_count;
    hb_hit *hits;
    uint32_t count = 0;
    HB_TRY(hits_make(scan, query.k, &hits, err));
    if (query.k == 0) {
        return rows_from_hits(scan, hits, 0, out, err);
    }
    if (field->column.dim != 0) {
        query.view = inmem_vector_view(store, field, near->metric == HB_METRIC_COSINE);
    }
    /* The index holds LIVE rows only: without a filter nobody has to list them. */
    bool filtered = scan->pred != NULL || scan->fragment->candidates != NULL;
    if (!filtered && inmem_near_approx(scan, field, NULL, query, hits, &count)) {
        return rows_from_hits(scan, hits, count, out, err);
    }
    rank_scope scope;
    HB_TRY(scope_make(scan, false, &scope, err));
    if (scope.count == 0) {
        return rows_from_hits(scan, hits, 0, out, err);
    }
    if (field->column.dim == 0) {
        HB_TRY(near_by_length(scan, scan->columns[near->field], &scope, query.k, hits, &count,
                              err));
    } else if (scope.all || !inmem_near_approx(scan, field, &scope.list, query, hits, &count)) {
        query.slots = scope.all ? NULL : scope.list.slots;
        query.slot_count = scope.all ? 0 : scope.list.count;
        count = hb_vector_search(&query, hits);
    }
    return rows_from_hits(scan, hits, count, out, err);
}

/* ---- search in fields without an index -------------------------------------------------- */

typedef struct word_scan {
    inmem_scan *scan;
    const hb_column **columns;
    uint32_t column_count;
    hb_search_mode mode;
    hb_str *words;              /* distinct folded words of the query */
    uint8_t *seen;              /* per word, of the current row */
    uint32_t word_count;
    hb_buf phrase;              /* its words, each between separators */
    hb_buf text;                /* the same of one cell, for PHRASE */
    hb_words cell;
    bool failed;                /* out of memory while looking at a cell */
} word_scan;

#define WORD_SEPARATOR '\x1f'   /* never part of a word */

static bool word_known(const word_scan *ws, hb_str word) {
    for (uint32_t i = 0; i < ws->word_count; i++) {
        if (hb_str_eq(ws->words[i], word)) {
            return true;
        }
    }
    return false;
}

static hb_status words_collect(word_scan *ws, hb_str text, hb_err *err) {
    hb_arena *arena = ws->scan->arena;
    uint32_t cap = 0;
    hb_str word;
    hb_words_reset(&ws->cell, text);
    while (hb_words_next(&ws->cell, &word)) {
        cap++;
    }
    ws->words = hb_arena_array(arena, (size_t)cap + 1, sizeof(hb_str));
    ws->seen = hb_arena_zalloc(arena, (size_t)cap + 1);
    if (ws->words == NULL || ws->seen == NULL || ws->cell.fold.failed) {
        return hb_err_memory(err);
    }
    hb_words_reset(&ws->cell, text);
    hb_buf_add_char(&ws->phrase, WORD_SEPARATOR);
    while (hb_words_next(&ws->cell, &word)) {
        hb_buf_add_str(&ws->phrase, word);
        hb_buf_add_char(&ws->phrase, WORD_SEPARATOR);
        if (ws->mode != HB_SEARCH_PREFIX && word_known(ws, word)) {
            continue;
        }
        hb_str copy = hb_arena_str(arena, word);
        if (copy.ptr == NULL) {
            return hb_err_memory(err);
        }
        ws->words[ws->word_count++] = copy;
    }
    return ws->cell.fold.failed ? hb_err_memory(err) : hb_buf_check(&ws->phrase, err);
}

/* One cell: marks the words it has; true when that alone decides for the row. */
static bool cell_decides(word_scan *ws, hb_str text) {
    hb_str word;
    hb_words_reset(&ws->cell, text);
    if (ws->mode == HB_SEARCH_PHRASE) {
        hb_buf_clear(&ws->text);
        hb_buf_add_char(&ws->text, WORD_SEPARATOR);
        while (hb_words_next(&ws->cell, &word)) {
            hb_buf_add_str(&ws->text, word);
            hb_buf_add_char(&ws->text, WORD_SEPARATOR);
        }
        ws->failed = ws->failed || ws->cell.fold.failed || ws->text.failed;
        return hb_str_find(hb_buf_str(&ws->text), hb_buf_str(&ws->phrase), 0) >= 0;
    }
    while (hb_words_next(&ws->cell, &word)) {
        for (uint32_t i = 0; i < ws->word_count; i++) {
            bool last = ws->mode == HB_SEARCH_PREFIX && i + 1 == ws->word_count;
            if (last ? hb_str_starts(word, ws->words[i]) : hb_str_eq(word, ws->words[i])) {
                ws->seen[i] = 1;
                if (ws->mode != HB_SEARCH_ALL) {
                    return true;
                }
            }
        }
    }
    ws->failed = ws->failed || ws->cell.fold.failed;
    return false;
}

static bool row_has_words(word_scan *ws, uint32_t slot) {
    if (ws->word_count == 0) {
        return false;
    }
    memset(ws->seen, 0, ws->word_count);
    for (uint32_t c = 0; c < ws->column_count; c++) {
        if (hb_column_cell(ws->columns[c], slot) == HB_CELL_VALUE &&
            cell_decides(ws, hb_column_span(ws->columns[c], slot))) {
            return true;
        }
    }
    return ws->mode == HB_SEARCH_ALL && memchr(ws->seen, 0, ws->word_count) == NULL;
}

static hb_status word_scan_run(word_scan *ws, const rank_scope *scope, hb_hit *hits,
                               uint32_t *hit_count, hb_err *err) {
    HB_TRY(words_collect(ws, ws->scan->fragment->search->text, err));
    for (uint32_t i = 0; i < scope->count; i++) {
        uint32_t slot = scope_slot(scope, i);
        if (row_has_words(ws, slot)) {
            hits[(*hit_count)++] = (hb_hit){ 1.0, slot };
        }
        if (ws->failed) {
            return hb_err_memory(err);
        }
    }
    return HB_OK;
}

/* Every row of the scope that has the words in fields without an index scores 1. */
static hb_status search_by_scan(inmem_scan *scan, const hb_column **columns, uint32_t column_count,
                                const rank_scope *scope, hb_hit *hits, uint32_t *hit_count,
                                hb_err *err) {
    word_scan ws = { .scan = scan, .columns = columns, .column_count = column_count,
                     .mode = scan->fragment->search->mode };
    hb_buf_init(&ws.phrase, scan->job->mem);
    hb_buf_init(&ws.text, scan->job->mem);
    hb_words_init(&ws.cell, HB_STR_EMPTY, scan->job->mem);
    hb_status status = word_scan_run(&ws, scope, hits, hit_count, err);
    hb_words_free(&ws.cell);
    hb_buf_free(&ws.text);
    hb_buf_free(&ws.phrase);
    return status;
}

/* ---- search ----------------------------------------------------------------------------- */

typedef struct search_fields {
    const hb_text_index **indexes;
    const hb_column **indexed;      /* columns of the indexes, in their order */
    uint32_t index_count;
    const hb_column **scanned;
    uint32_t scan_count;
} search_fields;

static hb_status search_fields_make(inmem_scan *scan, search_fields *out, hb_err *err) {
    const hb_fragment *fragment = scan->fragment;
    uint32_t count = fragment->search_field_count;
    *out = (search_fields){ 0 };
    out->indexes = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(*out->indexes));
    out->indexed = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(*out->indexed));
    out->scanned = hb_arena_array(scan->arena, (size_t)count + 1, sizeof(*out->scanned));
    if (out->indexes == NULL || out->indexed == NULL || out->scanned == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        inmem_field *field = scan_field(scan, fragment->search_fields[i]);
        if (field == NULL || field->column.kind != HB_KIND_TEXT) {
            return hb_err_set(err, HB_E_INTERNAL, "search asks for a field that is no text here");
        }
        const hb_column *column = scan->columns[fragment->search_fields[i]];
        if (field->strategy == HB_STRATEGY_INVERTED) {
            HB_TRY(inmem_text_ready(scan->store, field, err));
            out->indexed[out->index_count] = column;
            out->indexes[out->index_count++] = field->text;
        } else {
            out->scanned[out->scan_count++] = column;
        }
    }
    return HB_OK;
}

static hb_str indexed_text(void *ctx, uint32_t index, uint32_t slot) {
    const search_fields *fields = ctx;
    const hb_column *column = fields->indexed[index];
    return hb_column_cell(column, slot) == HB_CELL_VALUE ? hb_column_span(column, slot)
                                                         : HB_STR_EMPTY;
}

static hb_status search_by_index(inmem_scan *scan, search_fields *fields, const rank_scope *scope,
                                 uint32_t k, hb_hit *hits, uint32_t *hit_count, hb_err *err) {
    const hb_search *search = scan->fragment->search;
    hb_text_query query = {
        .indexes = fields->indexes,
        .index_count = fields->index_count,
        .text = search->text,
        .mode = search->mode,
        .k = k,
        .allowed = scope->bits,
        .allowed_count = scope->bits != NULL ? scan->store->slot_count : 0,
        .tie = tie_by_id,
        .tie_ctx = scan->store,
        .text_of = indexed_text,
        .text_ctx = fields,
        .mem = scan->job->mem,
    };
    return hb_text_search(&query, hits, hit_count, err);
}

/* Scores of both kinds of field add up. */
static hb_status hits_add_up(inmem_scan *scan, hb_hit *hits, uint32_t *count, const hb_hit *more,
                             uint32_t more_count, hb_err *err) {
    uint32_t slot_count = scan->store->slot_count;
    uint32_t *at = hb_arena_zalloc_array(scan->arena, slot_count, sizeof(uint32_t));
    if (at == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < *count; i++) {
        at[hits[i].slot] = i + 1;
    }
    for (uint32_t i = 0; i < more_count; i++) {
        uint32_t known = at[more[i].slot];
        if (known != 0) {
            hits[known - 1].score += more[i].score;
        } else {
            hits[(*count)++] = more[i];
        }
    }
    return HB_OK;
}

static uint32_t hits_best(inmem_scan *scan, const hb_hit *hits, uint32_t count, uint32_t k,
                          hb_hit *best) {
    hb_top_k top = { .hits = best, .k = k, .tie = tie_by_id, .tie_ctx = scan->store };
    for (uint32_t i = 0; i < count; i++) {
        if (hb_top_k_wants(&top, hits[i].score)) {
            hb_top_k_add(&top, hits[i].slot, hits[i].score);
        }
    }
    hb_top_k_sort(&top);
    return top.count;
}

hb_status inmem_search(inmem_scan *scan, inmem_rows *out, hb_err *err) {
    search_fields fields;
    rank_scope scope;
    HB_TRY(search_fields_make(scan, &fields, err));
    bool filtered = scan->pred != NULL || scan->fragment->candidates != NULL;
    if (!filtered && fields.scan_count == 0) {      /* the indexes hold LIVE rows only */
        scope = (rank_scope){ .all = true, .count = scan->store->live_count };
    } else {
        HB_TRY(scope_make(scan, fields.index_count > 0, &scope, err));
    }
    uint32_t k = scan->fragment->search->top_k;
    k = k < scope.count ? k : scope.count;
    uint32_t count = 0;
    hb_hit *hits;
    if (fields.scan_count == 0) {
        HB_TRY(hits_make(scan, k, &hits, err));
        HB_TRY(search_by_index(scan, &fields, &scope, k, hits, &count, err));
        scan->job->rows_examined += filtered ? 0 : count;
        return rows_from_hits(scan, hits, count, out, err);
    }
    HB_TRY(hits_make(scan, scope.count, &hits, err));
    if (fields.index_count > 0) {
        HB_TRY(search_by_index(scan, &fields, &scope, scope.count, hits, &count, err));
    }
    if (fields.scan_count > 0) {
        hb_hit *more;
        uint32_t more_count = 0;
        HB_TRY(hits_make(scan, scope.count, &more, err));
        HB_TRY(search_by_scan(scan, fields.scanned, fields.scan_count, &scope, more, &more_count,
                              err));
        HB_TRY(hits_add_up(scan, hits, &count, more, more_count, err));
    }
    hb_hit *best;
    HB_TRY(hits_make(scan, k, &best, err));
    count = hits_best(scan, hits, count, k, best);
    return rows_from_hits(scan, best, count, out, err);
}
