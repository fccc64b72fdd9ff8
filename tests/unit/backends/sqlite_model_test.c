// SPDX-License-Identifier: MIT
/* The sqlite backend against a naive model: after any sequence of writes, deletes, commits and
 * rollbacks a scan, a count, near and search answer what the evaluator and the indexes say of the
 * model's rows, bit for bit. */
#include "eval/pred.h"
#include "eval/sort.h"
#include "index/text_index.h"
#include "index/vector_index.h"
#include "query/query.h"
#include "tests/unit/backends/sqlite_env.h"

/* ---- chance ---------------------------------------------------------------------------------- */

static uint64_t chance_state;

static uint32_t chance(uint32_t below) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return (uint32_t)(chance_state >> 33) % below;
}

static const char *const words[] = { "alpha",
                                     "Beta",
                                     "gamma delta",
                                     "",
                                     "alp",
                                     "a%b_c",
                                     "x\ny",
                                     "ALPHA beta",
                                     "Stra\xc3\x9f\x65",
                                     "'; DROP TABLE \"w/doc\"; --",
                                     "beta alpha beta" };
#define WORDS (sizeof(words) / sizeof(words[0]))

static hb_str chance_text(void) {
    uint32_t i = chance(WORDS + 1);
    return i < WORDS ? hb_str_c(words[i]) : (hb_str){ "nul\0inside", 10 };
}

static hb_value chance_json(env *e) {
    static const char *const values[] = {
        "{\"a\":1,\"b\":{\"c\":2.5}}",
        "{\"a\":true,\"b\":{\"c\":-3}}",
        "{\"a\":\"alpha\"}",
        "[1,\"x\",null]",
        "\"text\"",
        "{\"a\":null}",
        "{\"a\":9007199254740993,\"b\":{\"c\":\"2\"}}",
        "{\"a\":[1,2]}",
        "7",
        "{}",
    };
    return json_value(e, values[chance(sizeof(values) / sizeof(values[0]))]);
}

static hb_value chance_array(env *e, bool text) {
    char json[128];
    int at = snprintf(json, sizeof(json), "[");
    for (uint32_t i = chance(4); i > 0; i--) {
        static const char *const items[] = { "red", "green", "blue", "b\\\"q" };
        at += text ? snprintf(json + at, sizeof(json) - (size_t)at, "\"%s\"%s", items[chance(4)],
                              i > 1 ? "," : "")
                   : snprintf(json + at, sizeof(json) - (size_t)at, "%d%s", (int)chance(5),
                              i > 1 ? "," : "");
    }
    snprintf(json + at, sizeof(json) - (size_t)at, "]");
    return json_value(e, json);
}

static hb_value chance_value(env *e, const hb_field *field) {
    static const int64_t ints[] = { 0, 1, -5, 7, INT64_MAX, INT64_MIN, 9007199254740993 };
    static const double reals[] = { 0.0, 1.0, -2.5, 1e300, 0.1, 9007199254740992.0 };
    hb_value value = { .kind = field->kind };
    switch (field->kind) {
    case HB_KIND_BOOL: value.as.b = chance(2) == 1; break;
    case HB_KIND_I64: value.as.i = ints[chance(7)]; break;
    case HB_KIND_F64: value.as.f = reals[chance(6)]; break;
    case HB_KIND_TEXT:
    case HB_KIND_BYTES: value.as.s = chance_text(); break;
    case HB_KIND_VEC: {
        float *v = hb_arena_array(&e->arena, 3, sizeof(float));
        for (int i = 0; i < 3; i++) v[i] = (float)chance(4) - 1.0f;
        value.as.v.ptr = v;
        value.as.v.len = 3;
        break;
    }
    case HB_KIND_PACK:
        if (field->type->id == HB_TYPE_JSON) return chance_json(e);
        return chance_array(e, hb_type_kind(field->type->item) == HB_KIND_TEXT);
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    return value;
}

#define IDS 60

static hb_str id_of(env *e, uint32_t number) {
    return hb_arena_printf(&e->arena, "id'%02u\"", (unsigned)number);
}

static row chance_row(env *e, uint32_t number) {
    row r;
    memset(&r, 0, sizeof(r));
    r.values[0] = text_value(id_of(e, number));
    for (uint32_t f = 1; f < e->schema->field_count; f++) {
        r.values[f] = chance(5) == 0 ? null_value() : chance_value(e, &e->schema->fields[f]);
    }
    return r;
}

/* ---- the model ------------------------------------------------------------------------------- */

typedef struct model {
    bool there[IDS];
    row rows[IDS];
} model;

/* The model's rows in object_id order, as columns. */
static uint32_t model_set(const env *e, const model *m, row *rows, hb_rowset *set) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < IDS; i++) {
        if (m->there[i]) rows[count++] = m->rows[i];
    }
    rows_to_set(e, rows, count, set);
    return count;
}

static hb_expr *chance_leaf(env *e, uint32_t *leaf_count) {
    static const hb_op text_ops[] = { HB_OP_EQ,        HB_OP_NE,       HB_OP_LT,
                                      HB_OP_GTE,       HB_OP_IN,       HB_OP_IS_NULL,
                                      HB_OP_MATCH,     HB_OP_CONTAINS, HB_OP_STARTS_WITH,
                                      HB_OP_ENDS_WITH, HB_OP_LIKE,     HB_OP_WILDCARD,
                                      HB_OP_HAS_WORDS };
    static const hb_op plain_ops[] = { HB_OP_EQ, HB_OP_NE,  HB_OP_LT, HB_OP_LTE,
                                       HB_OP_GT, HB_OP_GTE, HB_OP_IN, HB_OP_IS_NULL };
    static const hb_op array_ops[] = { HB_OP_ARRAY_CONTAINS, HB_OP_EQ, HB_OP_NE, HB_OP_IS_NULL };
    hb_expr *leaf = HB_NEW(&e->arena, hb_expr);
    leaf->kind = HB_EXPR_LEAF;
    leaf->leaf_index = (*leaf_count)++;
    const hb_field *field;
    do {
        leaf->field = chance(e->schema->field_count);
        field = &e->schema->fields[leaf->field];
    } while (field->kind == HB_KIND_BYTES || field->kind == HB_KIND_VEC);
    if (field->kind == HB_KIND_TEXT) {
        leaf->op = text_ops[chance(13)];
    } else if (field->type->id == HB_TYPE_ARRAY) {
        leaf->op = array_ops[chance(4)];
    } else if (field->kind == HB_KIND_PACK) {
        static const hb_str paths[][2] = { { { "a", 1 }, { "", 0 } }, { { "b", 1 }, { "c", 1 } } };
        uint32_t p = chance(2);
        leaf->path = paths[p];
        leaf->path_len = p + 1;
        leaf->op = plain_ops[chance(6)];
        static const hb_value operands[] = { { HB_KIND_I64, { .i = 1 } },
                                             { HB_KIND_F64, { .f = 2.5 } },
                                             { HB_KIND_TEXT, { .s = { "alpha", 5 } } },
                                             { HB_KIND_BOOL, { .b = true } } };
        leaf->value = operands[chance(leaf->op < HB_OP_LT ? 4 : 3)];
        return leaf;
    } else {
        leaf->op = plain_ops[chance(field->kind == HB_KIND_BOOL ? 2 : 8)];
    }
    if (leaf->op == HB_OP_IS_NULL) return leaf;
    if (leaf->op == HB_OP_IN) {
        uint32_t count = chance(60);
        hb_value *list = hb_arena_array(&e->arena, count + 1, sizeof(*list));
        for (uint32_t i = 0; i < count; i++) list[i] = chance_value(e, field);
        leaf->list = list;
        leaf->list_count = count;
        leaf->list_has_null = chance(3) == 0;
        return leaf;
    }
    if (leaf->op == HB_OP_ARRAY_CONTAINS) {
        bool text = hb_type_kind(field->type->item) == HB_KIND_TEXT;
        leaf->value = text ? text_value(HB_STR("green")) : int_value(chance(5));
        return leaf;
    }
    leaf->value = chance_value(e, field);
    return leaf;
}

static const hb_expr *chance_expr(env *e, uint32_t depth, uint32_t *leaf_count) {
    if (depth == 0 || chance(3) == 0) return chance_leaf(e, leaf_count);
    hb_expr *expr = HB_NEW(&e->arena, hb_expr);
    expr->kind = (hb_expr_kind)chance(3); /* AND, OR, NOT */
    expr->arg_count = expr->kind == HB_EXPR_NOT ? 1 : 1 + chance(3);
    const hb_expr **args = hb_arena_array(&e->arena, expr->arg_count, sizeof(*args));
    for (uint32_t i = 0; i < expr->arg_count; i++) args[i] = chance_expr(e, depth - 1, leaf_count);
    expr->args = args;
    return expr;
}

static void model_mask(env *e, const hb_batch *batch, const hb_expr *filter, uint8_t *mask) {
    memset(mask, 1, IDS);
    const hb_column *columns[PLACES_MAX];
    for (uint32_t f = 0; f < e->schema->field_count; f++) columns[f] = &batch->columns[f];
    hb_pred *pred = NULL;
    CHECK_INT(hb_pred_new(e->schema, filter, hb_mem_default(), &pred, &e->err), HB_OK);
    if (pred == NULL) return;
    CHECK_INT(hb_pred_eval(pred, columns, NULL, 0, batch->row_count, mask, &e->err), HB_OK);
    hb_pred_free(pred);
}

static void print_filter(env *e, const hb_expr *filter) {
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    hb_expr_print(e->schema, filter, &text);
    printf("  filter: %.*s\n", HB_ARG(hb_buf_str(&text)));
    hb_buf_free(&text);
}

static bool same_rows(const hb_batch *got, const hb_batch *want, const uint32_t *rows,
                      uint32_t count, const uint32_t *columns, uint32_t column_count) {
    if (got->row_count != count) return false;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t c = 0; c <= column_count; c++) {
            hb_value a = hb_column_get(&got->columns[c], i);
            hb_value b = hb_column_get(&want->columns[c == 0 ? 0 : columns[c - 1]], rows[i]);
            if (!hb_value_eq(&a, &b)) return false;
        }
    }
    return true;
}

static void check_scan(env *e, const hb_batch *batch, uint32_t *columns, uint32_t column_count) {
    uint32_t leaf_count = 0, count = 0, rows[IDS];
    uint8_t mask[IDS];
    const hb_expr *filter = chance_expr(e, 3, &leaf_count);
    hb_expr nothing = { .kind = HB_EXPR_AND };
    if (chance(8) == 0) filter = &nothing;
    model_mask(e, batch, filter, mask);
    for (uint32_t i = 0; i < batch->row_count; i++) {
        if (mask[i]) rows[count++] = i;
    }
    const char *keys[] = { "n", "score", "title", "flag" };
    hb_order order = { .col = { .kind = HB_COL_FIELD, .field = field_of(e, keys[chance(4)]) },
                       .desc = chance(2) == 1 };
    hb_fragment fragment = { .kind = HB_FRAG_SCAN,
                             .filter = filter,
                             .leaf_count = leaf_count,
                             .columns = columns,
                             .column_count = column_count,
                             .limit = HB_NO_LIMIT };
    if (chance(2) == 1) {
        fragment.order = &order;
        fragment.order_count = 1;
        hb_sort_key key = { &batch->columns[order.col.field], NULL, 0, order.desc };
        CHECK_INT(hb_sort_rows(&key, 1, &batch->columns[0], rows, count, HB_NO_LIMIT, &count,
                               &e->arena, NULL),
                  HB_OK);
    }
    uint32_t from = 0, size = count;
    if (chance(2) == 1) {
        fragment.offset = chance(4);
        fragment.limit = chance(10);
        from = fragment.offset < count ? (uint32_t)fragment.offset : count;
        size = count - from < fragment.limit ? count - from : (uint32_t)fragment.limit;
    }
    hb_job job;
    CHECK_INT(run(e, &fragment, &job), HB_OK);
    if (e->err.code != HB_OK) printf("  %s\n", e->err.msg);
    hb_batch got = hb_rowset_batch(&job.out);
    if (!test_check(same_rows(&got, batch, rows + from, size, columns, column_count),
                    "the scan is what the evaluator says", __FILE__, __LINE__)) {
        print_filter(e, filter);
    }
    hb_rowset_free(&job.out);
    fragment.kind = HB_FRAG_COUNT;
    CHECK_INT(run(e, &fragment, &job), HB_OK);
    got = hb_rowset_batch(&job.out);
    uint32_t matching = 0;
    for (uint32_t i = 0; i < batch->row_count; i++) matching += mask[i];
    CHECK_INT(hb_column_get(&got.columns[0], 0).as.i, matching);
    hb_rowset_free(&job.out);
}

/* Ranked rows: the same ids and the same scores, bit for bit. */
static void check_hits(env *e, hb_fragment *fragment, const hb_batch *batch, const hb_hit *hits,
                       uint32_t count) {
    hb_job job;
    CHECK_INT(run(e, fragment, &job), HB_OK);
    hb_batch got = hb_rowset_batch(&job.out);
    CHECK_INT(got.row_count, count);
    for (uint32_t i = 0; i < count && i < got.row_count; i++) {
        hb_value id = hb_column_get(&got.columns[0], i),
                 want = hb_column_get(&batch->columns[0], hits[i].slot);
        CHECK(hb_value_eq(&id, &want));
        CHECK_DOUBLE(hb_column_get(&got.columns[got.column_count - 1], i).as.f, hits[i].score);
    }
    hb_rowset_free(&job.out);
}

static uint64_t mask_bits(const uint8_t *mask, uint32_t count) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < count; i++) bits |= (uint64_t)(mask[i] != 0) << i;
    return bits;
}

static void check_near(env *e, const hb_batch *batch) {
    float query[3] = { 1.0f, (float)chance(3), -0.5f };
    uint32_t emb = field_of(e, "emb"), leaf_count = 0;
    hb_near near = { .field = emb,
                     .vector = query,
                     .dim = 3,
                     .top_k = 1 + chance(8),
                     .metric = (hb_metric)chance(3) };
    hb_fragment fragment = { .kind = HB_FRAG_SCAN, .near = &near, .limit = HB_NO_LIMIT };
    uint8_t mask[IDS];
    memset(mask, 1, sizeof(mask));
    if (chance(2) == 1) {
        fragment.filter = chance_expr(e, 2, &leaf_count);
        model_mask(e, batch, fragment.filter, mask);
    }
    uint64_t bits = mask_bits(mask, batch->row_count);
    hb_vector_query search = {
        .view = { .base = batch->columns[emb].data,
                  .stride = 3,
                  .dim = 3,
                  .count = batch->row_count,
                  .state = batch->columns[emb].state },
        .vector = query,
        .metric = near.metric,
        .k = near.top_k,
        .allowed = &bits,
        .allowed_count = batch->row_count,
    };
    hb_hit hits[IDS];
    check_hits(e, &fragment, batch, hits, hb_vector_search(&search, hits));
}

static void check_search(env *e, const hb_batch *batch) {
    static const char *const texts[] = { "alpha", "beta alpha", "gamma", "nothing here", "alp" };
    uint32_t fields[2] = { field_of(e, "body"), field_of(e, "title") }, leaf_count = 0;
    hb_search search = { .fields = fields,
                         .field_count = 1 + chance(2),
                         .text = hb_str_c(texts[chance(5)]),
                         .top_k = 1 + chance(8),
                         .mode = (hb_search_mode)(chance(2) * 3) };
    hb_fragment fragment = { .kind = HB_FRAG_SCAN,
                             .search = &search,
                             .search_fields = fields,
                             .search_field_count = search.field_count,
                             .limit = HB_NO_LIMIT };
    uint8_t mask[IDS];
    memset(mask, 1, sizeof(mask));
    if (chance(2) == 1) {
        fragment.filter = chance_expr(e, 2, &leaf_count);
        model_mask(e, batch, fragment.filter, mask);
    }
    hb_text_index *indexes[2] = { hb_text_index_new(hb_mem_default()),
                                  hb_text_index_new(hb_mem_default()) };
    for (uint32_t i = 0; i < batch->row_count; i++) {
        for (uint32_t f = 0; f < 2; f++) {
            hb_value value = hb_column_get(&batch->columns[fields[f]], i);
            hb_str text = value.kind == HB_KIND_TEXT ? value.as.s : (hb_str){ NULL, 0 };
            CHECK_INT(hb_text_index_put(indexes[f], i, text, NULL), HB_OK);
        }
    }
    uint64_t bits = mask_bits(mask, batch->row_count);
    /* body has an index and ranks; title has none and gives 1 to each row that it matches in. */
    double scores[IDS] = { 0 };
    hb_hit hits[IDS];
    uint32_t count = 0;
    for (uint32_t f = 0; f < search.field_count; f++) {
        const hb_text_index *const one[1] = { indexes[f] };
        hb_text_query query = { .indexes = one,
                                .index_count = 1,
                                .text = search.text,
                                .mode = search.mode,
                                .k = UINT32_MAX,
                                .allowed = &bits,
                                .allowed_count = batch->row_count,
                                .mem = hb_mem_default() };
        CHECK_INT(hb_text_search(&query, hits, &count, NULL), HB_OK);
        for (uint32_t i = 0; i < count; i++) {
            scores[hits[i].slot] += f == 0 ? hits[i].score : 1.0;
        }
    }
    hb_top_k top = { .hits = hits, .k = search.top_k };
    for (uint32_t i = 0; i < batch->row_count; i++) {
        if (scores[i] > 0.0) hb_top_k_add(&top, i, scores[i]);
    }
    hb_top_k_sort(&top);
    count = top.count;
    check_hits(e, &fragment, batch, hits, count);
    hb_text_index_free(indexes[0]);
    hb_text_index_free(indexes[1]);
}

static void check_everything(env *e, const model *m) {
    row *rows = malloc(sizeof(row) * IDS);
    hb_rowset set;
    uint32_t count = model_set(e, m, rows, &set);
    hb_batch batch = hb_rowset_batch(&set);
    uint32_t columns[PLACES_MAX];
    for (uint32_t f = 1; f < e->schema->field_count; f++) columns[f - 1] = f;
    CHECK_INT(count_rows(e), count);
    for (int i = 0; i < 6; i++) check_scan(e, &batch, columns, e->schema->field_count - 1);
    check_near(e, &batch);
    check_search(e, &batch);
    hb_rowset_free(&set);
    free(rows);
}

static void write_some(env *e, model *m, uint32_t most) {
    bool taken[IDS] = { false };
    row rows[8];
    uint32_t count = 0;
    for (uint32_t i = 1 + chance(most); i > 0; i--) {
        uint32_t number = chance(IDS);
        if (taken[number]) continue;
        taken[number] = true;
        rows[count++] = m->rows[number] = chance_row(e, number);
        m->there[number] = true;
    }
    CHECK_INT(write_rows(e, rows, count), HB_OK);
}

static void delete_some(env *e, model *m) {
    hb_str ids[5];
    bool existed[5];
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t number = chance(IDS);
        ids[i] = id_of(e, number);
        existed[i] = m->there[number];
        m->there[number] = false;
    }
    hb_ids list = { ids, 5 };
    hb_fragment fragment = { .kind = HB_FRAG_DELETE, .ids = &list };
    hb_job job;
    CHECK_INT(run(e, &fragment, &job), HB_OK);
    hb_batch out = hb_rowset_batch(&job.out);
    for (uint32_t i = 0; i < 5; i++) CHECK_INT(hb_column_get(&out.columns[0], i).as.b, existed[i]);
    hb_rowset_free(&job.out);
}

static void operations_agree(const char *layout, const char *definition, uint64_t seeds) {
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        env e;
        chance_state = seed * 0x9e3779b97f4a7c15u;
        REQUIRE(env_open_as(&e, "w", NULL, definition, layout) == HB_OK);
        model *m = calloc(1, sizeof(*m)), *before = calloc(1, sizeof(*m));
        for (int step = 0; step < 40; step++) {
            uint32_t what = chance(10);
            if (what < 6) {
                write_some(&e, m, 8);
            } else if (what < 8) {
                delete_some(&e, m);
            } else {
                bool keep = chance(2) == 1;
                *before = *m;
                CHECK_INT(hb_backend_sqlite.tx(&e.instance, HB_TX_BEGIN, &e.err), HB_OK);
                write_some(&e, m, 8);
                delete_some(&e, m);
                if (chance(2) == 1) check_everything(&e, m);
                CHECK_INT(
                    hb_backend_sqlite.tx(&e.instance, keep ? HB_TX_COMMIT : HB_TX_ROLLBACK, &e.err),
                    HB_OK);
                if (!keep) *m = *before;
            }
            if (chance(20) == 0) CHECK_INT(run_plain(&e, HB_FRAG_REFRESH), HB_OK);
            check_everything(&e, m);
        }
        free(m);
        free(before);
        env_close(&e);
    }
}

static void random_operations_agree_with_the_model(void) {
    operations_agree("own", definition_text, 6);
}

/* Python's columns cannot differ in case only. */
static void they_agree_in_the_tables_of_python(void) {
    operations_agree("python",
                     "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"slot\":\"integer\","
                     "\"body\":\"long-text\",\"n\":\"integer\",\"score\":\"float\",\"flag\":"
                     "\"boolean\",\"at\":\"timestamp\",\"doc\":\"json\",\"tags\":"
                     "\"array[short-text]\",\"nums\":\"array[integer]\",\"emb\":\"vector[3]\","
                     "\"blob\":\"artifact\"}}",
                     6);
}

TEST_SUITE {
    TEST(random_operations_agree_with_the_model);
    TEST(they_agree_in_the_tables_of_python);
}
