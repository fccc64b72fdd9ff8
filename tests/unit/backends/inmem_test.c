// SPDX-License-Identifier: MIT
/* The memory backend against a naive model: arrays of rows, looked through one by one. */
#include "backends/backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "index/vector_index.h"
#include "tests/unit/test.h"
#include "value/pack.h"

extern const hb_backend hb_backend_inmem;

/* ---- memory that can fail --------------------------------------------------------------- */

typedef struct counted {
    int64_t left;           /* allocations until the first that fails; negative: none fails */
    int64_t bytes;          /* in use */
} counted;

static bool counted_fails(counted *c) {
    return c->left >= 0 && c->left-- == 0;
}

static void *counted_alloc(void *ctx, size_t size) {
    counted *c = ctx;
    if (c->left == 0 || counted_fails(c)) {
        return NULL;
    }
    c->bytes += (int64_t)size;
    return malloc(size);
}

static void *counted_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    counted *c = ctx;
    if (c->left == 0 || counted_fails(c)) {
        return NULL;
    }
    c->bytes += (int64_t)size - (int64_t)old_size;
    return realloc(ptr, size);
}

static void counted_free(void *ctx, void *ptr, size_t size) {
    ((counted *)ctx)->bytes -= (int64_t)size;
    free(ptr);
}

/* ---- the world -------------------------------------------------------------------------- */

enum { ID, N, TITLE, BODY, V, TAGS, FIELDS, ROWS_MAX = 400, WORDS = 4, TAG_MAX = 3 };

typedef struct row {
    bool live, has_n, has_v, has_text;
    int64_t n;
    float v[3];
    int words[WORDS], word_count;
    int tags[TAG_MAX], tag_count;
} row;

typedef struct bench {
    counted count;
    hb_mem mem;
    hb_instance instance;
    hb_type types[FIELDS], item;
    hb_field fields[FIELDS];
    hb_schema schema;
    hb_placed placed[FIELDS];
    uint32_t by_field[FIELDS];
    hb_container container;
    hb_arena arena;
    hb_job job;
    hb_err err;
    row rows[ROWS_MAX];
    char ids[ROWS_MAX][8];
    uint64_t seed;
} bench;

static uint32_t pick(bench *b, uint32_t bound) {
    b->seed ^= b->seed << 13;
    b->seed ^= b->seed >> 7;
    b->seed ^= b->seed << 17;
    return (uint32_t)(b->seed >> 20) % bound;
}

static hb_str row_id(const bench *b, uint32_t r) {
    return hb_str_c(b->ids[r]);
}

static uint32_t id_row(hb_str id) {
    return (uint32_t)((id.ptr[1] - '0') * 100 + (id.ptr[2] - '0') * 10 + (id.ptr[3] - '0'));
}

static hb_status bench_run(bench *b, hb_fragment *fragment) {
    hb_rowset_free(&b->job.out);
    hb_arena_reset(&b->arena);
    memset(&b->job, 0, sizeof(b->job));
    hb_err_init(&b->err);
    fragment->container = &b->container;
    b->job = (hb_job){ .instance = &b->instance, .fragment = fragment, .mem = &b->mem,
                       .arena = &b->arena };
    hb_status status = hb_backend_inmem.begin(&b->job, &b->err);
    hb_backend_inmem.end(&b->job);
    CHECK(status == HB_OK ? b->job.done : b->err.code == status);
    return status;
}

static hb_batch bench_out(bench *b) {
    return hb_rowset_batch(&b->job.out);
}

static hb_status bench_ensure(bench *b) {
    hb_fragment fragment = { .kind = HB_FRAG_ENSURE };
    return bench_run(b, &fragment);
}

static void bench_open(bench *b) {
    static const struct { const char *name; hb_type_id type; hb_strategy strategy; bool indexed; } defs[] = {
        { "object_id", HB_TYPE_IDENTIFIER, HB_STRATEGY_INLINE, false },
        { "n", HB_TYPE_INTEGER, HB_STRATEGY_INLINE, true },
        { "title", HB_TYPE_SHORT_TEXT, HB_STRATEGY_INLINE, false },
        { "body", HB_TYPE_LONG_TEXT, HB_STRATEGY_INVERTED, false },
        { "v", HB_TYPE_VECTOR, HB_STRATEGY_VECTOR, false },
        { "tags", HB_TYPE_ARRAY, HB_STRATEGY_SPARSE_GRAM, false },
    };
    memset(b, 0, sizeof(*b));
    b->count.left = -1;
    b->mem = (hb_mem){ counted_alloc, counted_realloc, counted_free, &b->count };
    b->seed = 0x9e3779b97f4a7c15ull;
    hb_arena_init(&b->arena, &b->mem);
    b->item.id = HB_TYPE_SHORT_TEXT;
    for (uint32_t f = 0; f < FIELDS; f++) {
        b->types[f].id = defs[f].type;
        b->types[f].dim = f == V ? 3 : 0;
        b->types[f].item = f == TAGS ? &b->item : NULL;
        b->fields[f].name = hb_str_c(defs[f].name);
        b->fields[f].type = &b->types[f];
        b->fields[f].kind = hb_type_kind(&b->types[f]);
        b->placed[f] = (hb_placed){ .field = f, .strategy = defs[f].strategy, .primary = true,
                                    .indexed = defs[f].indexed };
        b->by_field[f] = f;
    }
    b->schema.entity_id = HB_STR("note");
    b->schema.fields = b->fields;
    b->schema.field_count = FIELDS;
    b->container = (hb_container){ .schema = &b->schema, .fields = b->placed,
                                   .field_count = FIELDS, .by_field = b->by_field };
    b->instance = (hb_instance){ .type = &hb_backend_inmem, .name = HB_STR("main"), .mem = &b->mem };
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        snprintf(b->ids[r], sizeof(b->ids[r]), "r%03u", r % 1000u);
    }
    CHECK_INT(hb_backend_inmem.open(&b->instance, &b->err), HB_OK);
    CHECK_INT(bench_ensure(b), HB_OK);
}

static void bench_close(bench *b) {
    hb_rowset_free(&b->job.out);
    hb_arena_free(&b->arena);
    hb_backend_inmem.release(&b->instance, &b->container);
    hb_backend_inmem.close(&b->instance);
    CHECK_INT(b->count.bytes, 0);
}

/* ---- writing ---------------------------------------------------------------------------- */

static row random_row(bench *b) {
    row out = { .live = true, .has_n = pick(b, 5) != 0, .has_v = pick(b, 6) != 0,
                .has_text = pick(b, 8) != 0, .n = (int64_t)pick(b, 12) };
    for (int i = 0; i < 3; i++) {
        out.v[i] = (float)pick(b, 5) - 2.0f;
    }
    out.word_count = (int)pick(b, WORDS + 1);
    for (int i = 0; i < out.word_count; i++) {
        out.words[i] = (int)pick(b, 9);
    }
    out.tag_count = (int)pick(b, TAG_MAX + 1);
    for (int i = 0; i < out.tag_count; i++) {
        out.tags[i] = (int)pick(b, 6);
    }
    return out;
}

static void row_text(const row *r, char out[64]) {
    int at = 0;
    out[0] = 0;
    for (int i = 0; i < r->word_count; i++) {
        at += snprintf(out + at, 64 - (size_t)at, "%sWord%d", i > 0 ? ", " : "", r->words[i]);
    }
}

static void add_text_or_null(hb_colbuf *column, const row *r, const char *text) {
    CHECK(r->has_text ? hb_colbuf_add_text(column, hb_str_c(text)) : hb_colbuf_add_null(column));
}

/* Rows `which` with the values of `rows`; their columns come from another allocator. */
static hb_status bench_write(bench *b, const uint32_t *which, const row *rows, uint32_t count) {
    hb_colbuf columns[FIELDS];
    hb_column views[FIELDS];
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    for (uint32_t f = 0; f < FIELDS; f++) {
        hb_colbuf_init(&columns[f], hb_mem_default(), b->fields[f].kind, b->types[f].dim);
    }
    for (uint32_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        char text[64], tag[8];
        row_text(r, text);
        hb_value n = { .kind = r->has_n ? HB_KIND_I64 : HB_KIND_NULL, .as.i = r->n };
        hb_value v = { .kind = HB_KIND_NULL };
        if (r->has_v) {
            v.kind = HB_KIND_VEC;
            v.as.v.ptr = r->v;
            v.as.v.len = 3;
        }
        hb_buf_clear(&pack);
        hb_pack_array(&pack, (uint32_t)r->tag_count);
        for (int t = 0; t < r->tag_count; t++) {
            snprintf(tag, sizeof(tag), "t%d", r->tags[t]);
            hb_pack_str(&pack, hb_str_c(tag));
        }
        CHECK(hb_colbuf_add_text(&columns[ID], row_id(b, which[i])));
        CHECK(hb_colbuf_add(&columns[N], &n));
        add_text_or_null(&columns[TITLE], r, text);
        add_text_or_null(&columns[BODY], r, text);
        CHECK(hb_colbuf_add(&columns[V], &v));
        CHECK(hb_colbuf_add_text(&columns[TAGS], hb_buf_str(&pack)));
    }
    for (uint32_t f = 0; f < FIELDS; f++) {
        views[f] = hb_colbuf_view(&columns[f], b->fields[f].name);
    }
    hb_batch batch = { count, FIELDS, views };
    hb_fragment fragment = { .kind = HB_FRAG_WRITE, .batch = &batch };
    hb_status status = bench_run(b, &fragment);
    for (uint32_t f = 0; f < FIELDS; f++) {
        hb_colbuf_free(&columns[f]);
    }
    hb_buf_free(&pack);
    return status;
}

static void write_random(bench *b, uint32_t count) {
    uint32_t which[16] = { 0 };
    row rows[16] = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        which[i] = pick(b, ROWS_MAX);
        rows[i] = random_row(b);
    }
    CHECK_INT(bench_write(b, which, rows, count), HB_OK);
    for (uint32_t i = 0; i < count; i++) {
        b->rows[which[i]] = rows[i];
    }
}

static void delete_random(bench *b, uint32_t count) {
    hb_str ids[8];
    bool live[8];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t r = pick(b, ROWS_MAX);
        ids[i] = row_id(b, r);
        live[i] = b->rows[r].live;
        b->rows[r].live = false;
    }
    hb_ids list = { ids, count };
    hb_fragment fragment = { .kind = HB_FRAG_DELETE, .ids = &list };
    CHECK_INT(bench_run(b, &fragment), HB_OK);
    hb_batch out = bench_out(b);
    CHECK_INT(out.row_count, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(((const uint8_t *)out.columns[0].data)[i], live[i]);
    }
}

/* ---- filters ---------------------------------------------------------------------------- */

typedef enum kind_of_filter { ANY_ROW, N_EQ, N_IN, N_GT, N_NULL, TAG_HAS, BODY_HAS, BY_ID, KINDS } kind_of_filter;

typedef struct filter {
    kind_of_filter kind[2];
    int operand[2];
    bool negate[2];
    bool join_or;
    hb_expr leaves[2], nots[2], root;
    const hb_expr *args[2], *not_args[2];
    hb_value list[2][2];
    char text[2][8];
} filter;

static bool part_holds(const row *r, uint32_t index, kind_of_filter kind, int operand) {
    switch (kind) {
    case ANY_ROW: return true;
    case N_EQ: return r->has_n && r->n == operand;
    case N_IN: return r->has_n && (r->n == operand || r->n == operand + 1);
    case N_GT: return r->has_n && r->n > operand;
    case N_NULL: return !r->has_n;
    case TAG_HAS:
        for (int i = 0; i < r->tag_count; i++) {
            if (r->tags[i] == operand % 6) return true;
        }
        return false;
    case BODY_HAS:
        for (int i = 0; i < r->word_count && r->has_text; i++) {
            if (r->words[i] == operand % 9) return true;
        }
        return false;
    case BY_ID: return index == (uint32_t)operand || index == (uint32_t)operand + 1;
    case KINDS: break;
    }
    return false;
}

static bool filter_holds(const filter *f, const row *r, uint32_t index) {
    bool a = part_holds(r, index, f->kind[0], f->operand[0]) != f->negate[0];
    bool c = part_holds(r, index, f->kind[1], f->operand[1]) != f->negate[1];
    return r->live && (f->join_or ? a || c : a && c);
}

static void filter_leaf(bench *b, filter *f, uint32_t at) {
    hb_expr *leaf = &f->leaves[at];
    int operand = f->operand[at];
    *leaf = (hb_expr){ .kind = HB_EXPR_LEAF, .leaf_index = at, .list = f->list[at], .list_count = 2 };
    hb_value number = { .kind = HB_KIND_I64, .as.i = operand };
    hb_value next = { .kind = HB_KIND_I64, .as.i = operand + 1 };
    f->list[at][0] = number;
    f->list[at][1] = next;
    leaf->field = N;
    leaf->value = number;
    switch (f->kind[at]) {
    case N_EQ: leaf->op = HB_OP_EQ; break;
    case N_IN: leaf->op = HB_OP_IN; break;
    case N_GT: leaf->op = HB_OP_GT; break;
    case N_NULL: leaf->op = HB_OP_IS_NULL; break;
    case TAG_HAS:
    case BODY_HAS: {
        bool tag = f->kind[at] == TAG_HAS;
        snprintf(f->text[at], sizeof(f->text[at]), tag ? "t%d" : "WORD%d", operand % (tag ? 6 : 9));
        leaf->field = tag ? TAGS : BODY;
        leaf->op = tag ? HB_OP_ARRAY_CONTAINS : HB_OP_HAS_WORDS;
        leaf->value = (hb_value){ .kind = HB_KIND_TEXT, .as.s = hb_str_c(f->text[at]) };
        break;
    }
    case BY_ID:
        leaf->field = ID;
        leaf->op = HB_OP_IN;
        f->list[at][0] = (hb_value){ .kind = HB_KIND_TEXT, .as.s = row_id(b, (uint32_t)operand) };
        f->list[at][1] = (hb_value){ .kind = HB_KIND_TEXT, .as.s = row_id(b, (uint32_t)operand + 1) };
        break;
    case ANY_ROW:
    case KINDS:
        leaf->op = HB_OP_NE;
        leaf->value.as.i = -1;
        break;
    }
}

static void filter_make(bench *b, filter *f) {
    memset(f, 0, sizeof(*f));
    f->join_or = pick(b, 3) == 0;
    for (uint32_t i = 0; i < 2; i++) {
        f->kind[i] = (kind_of_filter)pick(b, KINDS);
        f->operand[i] = (int)pick(b, 12);
        f->negate[i] = pick(b, 5) == 0;
        filter_leaf(b, f, i);
        f->not_args[i] = &f->leaves[i];
        f->nots[i] = (hb_expr){ .kind = HB_EXPR_NOT, .args = &f->not_args[i], .arg_count = 1 };
        f->args[i] = f->negate[i] ? &f->nots[i] : &f->leaves[i];
    }
    f->root = (hb_expr){ .kind = f->join_or ? HB_EXPR_OR : HB_EXPR_AND, .args = f->args, .arg_count = 2 };
}

/* ---- questions -------------------------------------------------------------------------- */

static void check_row(bench *b, const hb_batch *out, uint32_t at, const uint32_t *fields) {
    uint32_t r = id_row(hb_column_span(&out->columns[0], at));
    CHECK_STR(hb_column_span(&out->columns[0], at), b->ids[r]);
    CHECK(b->rows[r].live);
    for (uint32_t c = 1; c < out->column_count && fields[c - 1] < FIELDS; c++) {
        hb_value value = hb_column_get(&out->columns[c], at);
        if (fields[c - 1] == N) {
            CHECK(b->rows[r].has_n ? value.kind == HB_KIND_I64 && value.as.i == b->rows[r].n
                                   : value.kind == HB_KIND_NULL);
        } else if (fields[c - 1] == BODY) {
            char text[64];
            row_text(&b->rows[r], text);
            CHECK(b->rows[r].has_text ? value.kind == HB_KIND_TEXT && hb_str_eq(value.as.s, hb_str_c(text))
                                      : value.kind == HB_KIND_NULL);
        } else if (fields[c - 1] == V) {
            CHECK(b->rows[r].has_v ? value.kind == HB_KIND_VEC && memcmp(value.as.v.ptr, b->rows[r].v, sizeof(b->rows[r].v)) == 0
                                   : value.kind == HB_KIND_NULL);
        }
    }
}

static int compare_n(const row *x, const row *y, bool desc) {
    if (!x->has_n || !y->has_n) {
        return (x->has_n ? 0 : 1) - (y->has_n ? 0 : 1);
    }
    int cmp = x->n < y->n ? -1 : x->n > y->n;
    return desc ? -cmp : cmp;
}

/* Every matching row, in id order or by n, then offset and limit: row numbers. */
static uint32_t model_scan(bench *b, const filter *f, const uint8_t *wanted, const hb_order *order,
                           uint64_t offset, uint64_t limit, uint32_t *out) {
    uint32_t all[ROWS_MAX];
    uint32_t count = 0;
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        if ((f == NULL ? b->rows[r].live : filter_holds(f, &b->rows[r], r)) && (wanted == NULL || wanted[r])) {
            uint32_t at = count++;
            while (order != NULL && at > 0 && compare_n(&b->rows[all[at - 1]], &b->rows[r], order->desc) > 0) {
                all[at] = all[at - 1];
                at--;
            }
            all[at] = r;
        }
    }
    uint32_t kept = 0;
    for (uint64_t i = offset; i < count && kept < limit; i++) {
        out[kept++] = all[i];
    }
    return kept;
}

static void ask_scan(bench *b) {
    static const uint32_t fields[4] = { N, BODY, V, FIELDS };
    filter f;
    filter_make(b, &f);
    bool filtered = pick(b, 4) != 0;
    hb_order order = { .col = { .kind = HB_COL_FIELD, .field = N }, .desc = pick(b, 2) == 0 };
    bool ordered = pick(b, 3) == 0;
    uint8_t wanted[ROWS_MAX] = { 0 };
    hb_str ids[ROWS_MAX];
    hb_ids candidates = { ids, 0 };
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        wanted[r] = pick(b, 3) == 0;
        if (wanted[r]) ids[candidates.count++] = row_id(b, r);
    }
    bool limited = pick(b, 4) == 0;
    hb_fragment fragment = {
        .kind = HB_FRAG_SCAN,
        .filter = filtered ? &f.root : NULL,
        .leaf_count = 2,
        .candidates = limited ? &candidates : NULL,
        .order = &order,
        .order_count = ordered ? 1 : 0,
        .limit = pick(b, 2) == 0 ? HB_NO_LIMIT : pick(b, 20),
        .offset = pick(b, 3) == 0 ? pick(b, 10) : 0,
        .columns = fields,
        .column_count = 3,
    };
    uint32_t want[ROWS_MAX];
    uint32_t count = model_scan(b, filtered ? &f : NULL, limited ? wanted : NULL,
                                ordered ? &order : NULL, fragment.offset, fragment.limit, want);
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    hb_batch out = bench_out(b);
    REQUIRE(out.row_count == count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(id_row(hb_column_span(&out.columns[0], i)), want[i]);
        check_row(b, &out, i, fields);
    }
    fragment.kind = HB_FRAG_COUNT;
    count = model_scan(b, filtered ? &f : NULL, limited ? wanted : NULL, NULL, 0, HB_NO_LIMIT, want);
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    out = bench_out(b);
    CHECK_INT(((const int64_t *)out.columns[0].data)[0], count);
}

/* Scores by row; NaN where the row takes no part. The answer must be the k best of them. */
static void check_ranked(bench *b, const double *scores, uint32_t k, bool exact) {
    hb_batch out = bench_out(b);
    uint32_t part = 0;
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        part += isnan(scores[r]) ? 0 : 1;
    }
    REQUIRE(out.row_count == (part < k ? part : k));
    const double *got = out.columns[out.column_count - 1].data;
    bool returned[ROWS_MAX] = { false };
    double worst = INFINITY;
    for (uint32_t i = 0; i < out.row_count; i++) {
        uint32_t r = id_row(hb_column_span(&out.columns[0], i));
        returned[r] = true;
        CHECK_NEAR(got[i], scores[r], 1e-9);
        if (i > 0) {
            uint32_t before = id_row(hb_column_span(&out.columns[0], i - 1));
            CHECK(got[i - 1] > got[i] || (got[i - 1] == got[i] && before < r));
        }
        worst = got[i];
    }
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        if (!isnan(scores[r]) && !returned[r]) {
            CHECK(exact ? scores[r] <= worst : scores[r] <= worst + 1e-9);
        }
    }
}

static void ask_near(bench *b) {
    static const uint32_t fields[2] = { V, FIELDS };
    filter f;
    filter_make(b, &f);
    float vector[3];
    for (int i = 0; i < 3; i++) {
        vector[i] = (float)pick(b, 5) - 2.0f;
    }
    bool filtered = pick(b, 2) == 0;
    hb_near near = { .field = V, .vector = vector, .dim = 3, .top_k = 1 + pick(b, 60),
                     .metric = (hb_metric)pick(b, 3) };
    hb_fragment fragment = { .kind = HB_FRAG_SCAN, .filter = filtered ? &f.root : NULL,
                             .near = &near, .limit = HB_NO_LIMIT, .columns = fields, .column_count = 1 };
    double scores[ROWS_MAX];
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        const row *x = &b->rows[r];
        bool in = x->has_v && (filtered ? filter_holds(&f, x, r) : x->live);
        scores[r] = in ? hb_vector_score(near.metric, vector, x->v, 3) : (double)NAN;
    }
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    check_ranked(b, scores, near.top_k, true);
    hb_batch out = bench_out(b);
    for (uint32_t i = 0; i < out.row_count; i++) {
        check_row(b, &out, i, fields);
    }
}

static int word_tf(const row *r, int word) {
    int tf = 0;
    for (int i = 0; i < r->word_count; i++) {
        tf += r->words[i] == word;
    }
    return tf;
}

static double model_bm25(const bench *b, const row *r, const int *words, int word_count, bool all) {
    double n = 0, total = 0, score = 0;
    bool any = false, every = true;
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        n += b->rows[i].live;
        total += b->rows[i].live && b->rows[i].has_text ? b->rows[i].word_count : 0;
    }
    for (int w = 0; w < word_count; w++) {
        double df = 0;
        for (uint32_t i = 0; i < ROWS_MAX; i++) {
            df += b->rows[i].live && b->rows[i].has_text && word_tf(&b->rows[i], words[w]) > 0;
        }
        double tf = r->has_text ? word_tf(r, words[w]) : 0;
        any = any || tf > 0;
        every = every && tf > 0;
        score += log(1 + (n - df + 0.5) / (df + 0.5)) * tf * 2.2 /
                 (tf + 1.2 * (0.25 + 0.75 * r->word_count / (total / n)));
    }
    return (all ? every : any) ? score : (double)NAN;
}

static void ask_search(bench *b) {
    filter f;
    filter_make(b, &f);
    bool filtered = pick(b, 2) == 0;
    bool indexed = pick(b, 2) == 0;
    uint32_t field = indexed ? BODY : TITLE;
    int words[2] = { (int)pick(b, 9), 0 };
    words[1] = (words[0] + 1) % 9;
    char text[32];
    snprintf(text, sizeof(text), "word%d WORD%d", words[0], words[1]);
    bool all = pick(b, 2) == 0;
    hb_search search = { .text = hb_str_c(text), .top_k = 1 + pick(b, 40),
                         .mode = all ? HB_SEARCH_ALL : HB_SEARCH_ANY };
    hb_fragment fragment = { .kind = HB_FRAG_SCAN, .filter = filtered ? &f.root : NULL, .search = &search,
                             .search_fields = &field, .search_field_count = 1, .limit = HB_NO_LIMIT };
    double scores[ROWS_MAX];
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        const row *x = &b->rows[r];
        bool in = filtered ? filter_holds(&f, x, r) : x->live;
        scores[r] = in ? model_bm25(b, x, words, 2, all) : (double)NAN;
        scores[r] = indexed || isnan(scores[r]) ? scores[r] : 1.0;
    }
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    check_ranked(b, scores, search.top_k, false);
}

static void ask_fetch(bench *b) {
    static const uint32_t fields[4] = { BODY, V, N, FIELDS };
    hb_str ids[10];
    uint32_t want[10], count = 0;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t r = pick(b, ROWS_MAX);
        ids[i] = row_id(b, r);
        if (b->rows[r].live) want[count++] = r;
    }
    hb_ids list = { ids, 10 };
    hb_fragment fragment = { .kind = HB_FRAG_FETCH, .ids = &list, .columns = fields, .column_count = 3 };
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    hb_batch out = bench_out(b);
    REQUIRE(out.row_count == count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(id_row(hb_column_span(&out.columns[0], i)), want[i]);
        check_row(b, &out, i, fields);
    }
}

static void ask_all(bench *b) {
    static const uint32_t fields[4] = { N, BODY, V, FIELDS };
    uint32_t want[ROWS_MAX];
    uint32_t count = model_scan(b, NULL, NULL, NULL, 0, HB_NO_LIMIT, want);
    hb_fragment fragment = { .kind = HB_FRAG_SCAN, .limit = HB_NO_LIMIT, .columns = fields, .column_count = 3 };
    REQUIRE(bench_run(b, &fragment) == HB_OK);
    hb_batch out = bench_out(b);
    REQUIRE(out.row_count == count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(id_row(hb_column_span(&out.columns[0], i)), want[i]);
        check_row(b, &out, i, fields);
    }
}

static void ask_something(bench *b) {
    switch (pick(b, 5)) {
    case 0: ask_near(b); break;
    case 1: ask_search(b); break;
    case 2: ask_fetch(b); break;
    default: ask_scan(b); break;
    }
}

static void change_something(bench *b) {
    if (pick(b, 3) == 0) {
        delete_random(b, 1 + pick(b, 8));
    } else {
        write_random(b, 1 + pick(b, 16));
    }
}

/* ---- tests ------------------------------------------------------------------------------ */

static void random_operations_agree_with_a_naive_model(void) {
    bench *b = malloc(sizeof(*b));
    bench_open(b);
    for (uint32_t step = 0; step < 1200; step++) {
        if (step % 400 == 399) {
            hb_fragment clear = { .kind = HB_FRAG_CLEAR };
            CHECK_INT(bench_run(b, &clear), HB_OK);
            memset(b->rows, 0, sizeof(b->rows));
        }
        change_something(b);
        ask_something(b);
    }
    ask_all(b);
    bench_close(b);
    free(b);
}

static void rollback_brings_every_row_back(void) {
    bench *b = malloc(sizeof(*b));
    row (*before)[ROWS_MAX] = malloc(sizeof(*before));
    bench_open(b);
    for (uint32_t round = 0; round < 60; round++) {
        change_something(b);
        ask_something(b);
        memcpy(before, b->rows, sizeof(*before));
        CHECK_INT(hb_backend_inmem.tx(&b->instance, HB_TX_BEGIN, &b->err), HB_OK);
        for (uint32_t i = pick(b, 6); i > 0; i--) {
            change_something(b);
            if (pick(b, 3) == 0) {
                ask_something(b);
            }
            if (pick(b, 12) == 0) {
                hb_fragment clear = { .kind = HB_FRAG_CLEAR };
                CHECK_INT(bench_run(b, &clear), HB_OK);
                memset(b->rows, 0, sizeof(b->rows));
            }
        }
        bool commit = pick(b, 2) == 0;
        CHECK_INT(hb_backend_inmem.tx(&b->instance, commit ? HB_TX_COMMIT : HB_TX_ROLLBACK, &b->err), HB_OK);
        if (!commit) {
            memcpy(b->rows, before, sizeof(*before));
        }
        ask_all(b);
        ask_near(b);
        ask_search(b);
        ask_scan(b);
    }
    CHECK_INT(hb_backend_inmem.tx(&b->instance, HB_TX_COMMIT, &b->err), HB_E_INTERNAL);
    bench_close(b);
    free(before);
    free(b);
}

/* Whatever allocation fails: the rows are those of before or of after, and nothing leaks. */
static void running_out_of_memory_changes_nothing(void) {
    bench *b = malloc(sizeof(*b));
    bench_open(b);
    for (uint32_t i = 0; i < 20; i++) {
        change_something(b);
        ask_something(b);
    }
    for (uint32_t round = 0; round < 12; round++) {
        uint32_t which[16] = { 0 };
        row rows[16] = { 0 };
        for (uint32_t i = 0; i < 16; i++) {
            which[i] = (round * 16 + i * 3) % ROWS_MAX;
            rows[i] = random_row(b);
        }
        hb_status status = HB_E_MEMORY;
        for (int64_t n = 0; status != HB_OK && n < 500; n++) {
            b->count.left = n;
            status = bench_write(b, which, rows, 16);
            b->count.left = -1;
            CHECK(status == HB_OK || status == HB_E_MEMORY);
            for (uint32_t i = 0; status == HB_OK && i < 16; i++) {
                b->rows[which[i]] = rows[i];
            }
            ask_all(b);
            ask_scan(b);
        }
        CHECK_INT(status, HB_OK);
        ask_search(b);
        ask_near(b);
        delete_random(b, 8);
    }
    bench_close(b);
    free(b);
}

static void questions_survive_running_out_of_memory(void) {
    static const uint32_t columns[2] = { BODY, V };
    static const uint32_t body = BODY;
    static const float vector[3] = { 1, 2, 0 };
    bench *b = malloc(sizeof(*b));
    bench_open(b);
    for (uint32_t i = 0; i < 30; i++) {
        change_something(b);
    }
    hb_near near = { .field = V, .vector = vector, .dim = 3, .top_k = 9, .metric = HB_METRIC_COSINE };
    hb_search search = { .text = HB_STR("word1 word2"), .top_k = 9, .mode = HB_SEARCH_ANY };
    for (uint32_t round = 0; round < 12; round++) {
        filter f;
        filter_make(b, &f);
        hb_fragment fragment = { .kind = HB_FRAG_SCAN, .filter = &f.root, .leaf_count = 2,
                                 .limit = round % 2 == 0 ? HB_NO_LIMIT : 7, .columns = columns, .column_count = 2 };
        fragment.near = round % 3 == 1 ? &near : NULL;
        fragment.search = round % 3 == 2 ? &search : NULL;
        fragment.search_fields = &body;
        fragment.search_field_count = 1;
        hb_status status = HB_E_MEMORY;
        for (int64_t n = 0; status != HB_OK && n < 2000; n++) {
            hb_arena_free(&b->arena);
            b->count.left = n;
            status = bench_run(b, &fragment);
            b->count.left = -1;
            CHECK(status == HB_OK || status == HB_E_MEMORY);
        }
        CHECK_INT(status, HB_OK);
        ask_all(b);
        change_something(b);
    }
    bench_close(b);
    free(b);
}

static void a_scan_looks_at_no_more_rows_than_it_must(void) {
    bench *b = malloc(sizeof(*b));
    bench_open(b);
    uint32_t which[ROWS_MAX];
    row *rows = calloc(ROWS_MAX, sizeof(*rows));
    for (uint32_t r = 0; r < ROWS_MAX; r++) {
        which[r] = (r * 7) % ROWS_MAX;
        rows[r] = (row){ .live = true, .has_n = true, .n = which[r] };
    }
    CHECK_INT(bench_write(b, which, rows, ROWS_MAX), HB_OK);
    filter f;
    memset(&f, 0, sizeof(f));
    f.operand[0] = 17;
    static const struct {
        const char *name;
        kind_of_filter kind;
        bool filtered;
        uint64_t limit, offset;
        uint32_t rows;
        uint64_t examined_max;
    } cases[] = {
        { "five of all", ANY_ROW, false, 5, 0, 5, 5 },
        { "a page", ANY_ROW, false, 5, 20, 5, 25 },
        { "none", ANY_ROW, false, 0, 0, 0, 0 },
        { "the first matches under a limit", ANY_ROW, true, 3, 0, 3, 64 },
        { "a value by its index", N_EQ, true, HB_NO_LIMIT, 0, 1, 1 },
        { "two ids by hash", BY_ID, true, HB_NO_LIMIT, 0, 2, 2 },
        { "a range is a scan", N_GT, true, HB_NO_LIMIT, 0, ROWS_MAX - 18, ROWS_MAX },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        f.kind[0] = cases[i].kind;
        filter_leaf(b, &f, 0);
        hb_fragment fragment = { .kind = HB_FRAG_SCAN, .filter = cases[i].filtered ? &f.leaves[0] : NULL,
                                 .limit = cases[i].limit, .offset = cases[i].offset };
        CHECK_INT(bench_run(b, &fragment), HB_OK);
        CHECK_INT(bench_out(b).row_count, cases[i].rows);
        CHECK(b->job.rows_examined <= cases[i].examined_max);
    }
    bench_close(b);
    free(rows);
    free(b);
}

static void a_new_field_is_null_in_the_rows_that_are_there(void) {
    bench *b = malloc(sizeof(*b));
    bench_open(b);
    b->container.field_count = TAGS;        /* without tags at first: start over */
    hb_backend_inmem.release(&b->instance, &b->container);
    CHECK_INT(bench_ensure(b), HB_OK);
    hb_column views[TAGS];
    hb_colbuf ids;
    hb_colbuf_init(&ids, hb_mem_default(), HB_KIND_TEXT, 0);
    CHECK(hb_colbuf_add_text(&ids, HB_STR("r001")));
    for (uint32_t f = 0; f < TAGS; f++) {
        views[f] = f == 0 ? hb_colbuf_view(&ids, HB_STR("object_id"))
                          : (hb_column){ .name = b->fields[f].name, .kind = HB_KIND_NULL };
    }
    hb_batch batch = { 1, TAGS, views };
    hb_fragment write = { .kind = HB_FRAG_WRITE, .batch = &batch };
    CHECK_INT(bench_run(b, &write), HB_OK);
    hb_colbuf_free(&ids);
    b->container.field_count = FIELDS;
    CHECK_INT(bench_ensure(b), HB_OK);
    b->rows[1].live = true;
    ask_all(b);
    write_random(b, 16);
    ask_all(b);
    CASE("a field of another kind is refused while there are rows");
    b->types[N].id = HB_TYPE_FLOAT;
    b->fields[N].kind = HB_KIND_F64;
    CHECK_INT(bench_ensure(b), HB_E_SCHEMA_CONFLICT);
    b->types[N].id = HB_TYPE_INTEGER;
    b->fields[N].kind = HB_KIND_I64;
    ask_all(b);
    bench_close(b);
    free(b);
}

static void claims_say_what_is_native(void) {
    hb_type item = { .id = HB_TYPE_SHORT_TEXT };
    static const struct {
        hb_type_id type;
        hb_strategy strategy;
        const char *op;
        hb_claim claim;
        bool native;
    } cases[] = {
        { HB_TYPE_VECTOR, HB_STRATEGY_VECTOR, "near", HB_EXACT, true },
        { HB_TYPE_VECTOR, HB_STRATEGY_INLINE, "near", HB_NO, false },
        { HB_TYPE_VECTOR, HB_STRATEGY_VECTOR, "eq", HB_EXACT, false },
        { HB_TYPE_VECTOR, HB_STRATEGY_VECTOR, "ne", HB_NO, false },
        { HB_TYPE_SHORT_TEXT, HB_STRATEGY_INLINE, "match", HB_EXACT, false },
        { HB_TYPE_SHORT_TEXT, HB_STRATEGY_VECTOR, "eq", HB_NO, false },
        { HB_TYPE_SHORT_TEXT, HB_STRATEGY_INLINE, "search", HB_EXACT, false },
        { HB_TYPE_LONG_TEXT, HB_STRATEGY_INVERTED, "search", HB_EXACT, true },
        { HB_TYPE_LONG_TEXT, HB_STRATEGY_INVERTED, "has_words", HB_EXACT, true },
        { HB_TYPE_INTEGER, HB_STRATEGY_INLINE, "lt", HB_EXACT, false },
        { HB_TYPE_INTEGER, HB_STRATEGY_INLINE, "match", HB_NO, false },
        { HB_TYPE_BOOLEAN, HB_STRATEGY_INLINE, "lt", HB_NO, false },
        { HB_TYPE_BOOLEAN, HB_STRATEGY_INLINE, "is_null", HB_EXACT, false },
        { HB_TYPE_ARRAY, HB_STRATEGY_SPARSE_GRAM, "array_contains", HB_EXACT, true },
        { HB_TYPE_ARRAY, HB_STRATEGY_SPARSE_GRAM, "eq", HB_NO, false },
        { HB_TYPE_ARRAY, HB_STRATEGY_INLINE, "array_contains", HB_EXACT, true },
        { HB_TYPE_JSON, HB_STRATEGY_JSON, "get", HB_EXACT, false },
        { HB_TYPE_JSON, HB_STRATEGY_JSON, "lt", HB_NO, false },
        { HB_TYPE_HYPER_G, HB_STRATEGY_SIDE, "exists", HB_EXACT, false },
        { HB_TYPE_ARTIFACT, HB_STRATEGY_INLINE, "eq", HB_NO, false },
        { HB_TYPE_SHORT_TEXT, HB_STRATEGY_GRAPH, "eq", HB_NO, false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hb_type type = { .id = cases[i].type, .item = &item };
        hb_offer got = hb_backend_inmem.supports(&type, cases[i].strategy, hb_str_c(cases[i].op));
        CASE(cases[i].op);
        CHECK_INT(got.claim, cases[i].claim);
        CHECK_INT(got.native, cases[i].native);
        CHECK(got.native ? got.reason == NULL : got.reason != NULL);
    }
    CASE("membership in an array of numbers has no index of its own");
    hb_type number = { .id = HB_TYPE_INTEGER };
    hb_type numbers = { .id = HB_TYPE_ARRAY, .item = &number };
    CHECK(!hb_backend_inmem.supports(&numbers, HB_STRATEGY_INLINE, HB_STR("array_contains")).native);
    hb_type id = { .id = HB_TYPE_IDENTIFIER };
    hb_expr leaf = { .kind = HB_EXPR_LEAF, .field = HB_FIELD_OBJECT_ID, .op = HB_OP_EQ };
    CHECK(hb_backend_inmem.offer(&id, HB_STRATEGY_INLINE, false, &leaf).native);
    leaf.field = 3;
    CHECK(!hb_backend_inmem.offer(&id, HB_STRATEGY_INLINE, false, &leaf).native);
    CHECK(hb_backend_inmem.offer(&id, HB_STRATEGY_INLINE, true, &leaf).native);
}

TEST_SUITE {
    TEST(random_operations_agree_with_a_naive_model);
    TEST(rollback_brings_every_row_back);
    TEST(running_out_of_memory_changes_nothing);
    TEST(questions_survive_running_out_of_memory);
    TEST(a_scan_looks_at_no_more_rows_than_it_must);
    TEST(a_new_field_is_null_in_the_rows_that_are_there);
    TEST(claims_say_what_is_native);
}
