// SPDX-License-Identifier: MIT
/* What a call costs in allocations and in bytes asked for, at two sizes of the same workspace: what
 * comes back is paid for, not what is stored. Counts, not times, so that they hold on any machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/workspace/fixture.h"
#include "value/wire.h"

typedef struct counter {
    uint64_t allocations, bytes;
    uint64_t live, peak; /* bytes held now, and at most */
} counter;

static void counter_hold(counter *c, size_t more, size_t less) {
    c->live += more;
    c->peak = c->live > c->peak ? c->live : c->peak; /* both at once, as where a block moves */
    c->live -= less;
}

static void *counter_alloc(void *ctx, size_t size) {
    counter *c = ctx;
    c->allocations++;
    c->bytes += size;
    counter_hold(c, size, 0);
    return malloc(size);
}

static void *counter_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    counter *c = ctx;
    c->allocations++;
    c->bytes += size > old_size ? size - old_size : 0;
    counter_hold(c, size, old_size);
    return realloc(ptr, size);
}

static void counter_free(void *ctx, void *ptr, size_t size) {
    counter_hold(ctx, 0, size);
    free(ptr);
}

typedef struct world {
    fixture f;
    counter count;
    hb_mem mem;
    hb_arena room;              /* of lent calls, which a host makes one after the other */
    uint32_t prepared;          /* by_index_prepared's, once it has run */
} world;

enum { SMALL = 250, LARGE = 2000, HITS = 10 };

static const char options[] =
    "{\"id\":\"costs\",\"backends\":{\"main\":{\"type\":\"inmem\"}},\"catalog\":false}";
static const char definition[] = "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"year\":{"
                                 "\"type\":\"integer\",\"index\":true},"
                                 "\"price\":\"float\",\"body\":{\"type\":\"long-text\",\"storage\":"
                                 "{\"strategy\":\"InvertedIndex\"}},\"emb\":\"vector[8]\"}}";

/* Ten rows are of the year 1, cost less than 10 and have the word "rare", however many there are.
 */
static void write_doc(world *w, uint32_t i) {
    char text[256];
    const bool hit = i < HITS;
    snprintf(text, sizeof(text),
             "{\"object_id\":\"d%05u\",\"title\":\"Title "
             "%u\",\"year\":%d,\"price\":%u,\"body\":\"%s words of row w%u\","
             "\"emb\":[%u,1,0,0,0,0,0,0.5]}",
             (unsigned)i, (unsigned)i, hit ? 1 : 2 + (int)(i % 50),
             hit ? (unsigned)i : 10 + (unsigned)i, hit ? "rare" : "usual", (unsigned)(i % 97),
             (unsigned)(i % 31));
    if (!CHECK_INT(upsert(&w->f, "doc", text), HB_OK))
        test_check(false, w->f.err.msg, __FILE__, __LINE__);
}

static world *world_defined(const char *entity) {
    world *w = calloc(1, sizeof(*w));
    w->mem = (hb_mem){ counter_alloc, counter_realloc, counter_free, &w->count };
    hb_arena_init(&w->f.arena, hb_mem_default());
    hb_arena_init(&w->room, &w->mem);
    CHECK_INT(hb_workspace_open(hb_str_c(options), &w->mem, &w->f.ws, &w->f.err), HB_OK);
    if (!CHECK_INT(define(&w->f, entity), HB_OK))
        test_check(false, w->f.err.msg, __FILE__, __LINE__);
    return w;
}

static world *world_new(uint32_t rows) {
    world *w = world_defined(definition);
    for (uint32_t i = 0; i < rows; i++) write_doc(w, i);
    return w;
}

static void world_free(world *w) {
    hb_task_free(w->f.task);
    w->f.task = NULL;
    hb_arena_free(&w->room);
    fixture_close(&w->f);
    free(w);
}

typedef hb_status cost_fn(world *w);

static hb_status get_one(world *w) {
    return by_id(&w->f, HB_CALL_GET, "doc", "d00005");
}
static hb_status by_index(world *w) {
    return query(&w->f, "doc", "{\"filter\":{\"year\":1},\"select\":[\"title\"]}");
}
static hb_status by_scan(world *w) {
    return query(&w->f, "doc", "{\"filter\":{\"price\":{\"lt\":10}},\"select\":[\"title\"]}");
}
static hb_status lent(world *w, hb_request request) {
    request.entity = hb_workspace_entity(w->f.ws, hb_str_c("doc"));
    request.lends = true;
    request.room = &w->room;
    return call(&w->f, request);
}
static hb_status get_lent(world *w) {
    static const hb_span span = { 0, 6 };
    const hb_column id = { .name = HB_STR("object_id"),
                           .kind = HB_KIND_TEXT,
                           .data = &span,
                           .heap = (const uint8_t *)"d00005",
                           .heap_len = 6 };
    return lent(w, (hb_request){ .kind = HB_CALL_GET, .batch = { 1, 1, &id } });
}
static hb_status by_index_lent(world *w) {
    return lent(w, (hb_request){ .kind = HB_CALL_QUERY,
                                 .text = hb_str_c("{\"filter\":{\"year\":1},\"select\":["
                                                  "\"title\"]}") });
}
static hb_status by_index_prepared(world *w) {
    static const uint8_t params[] = { 0x91, 1 }; /* [1] */
    if (w->prepared == 0) {
        HB_TRY(call(&w->f, (hb_request){ .kind = HB_CALL_PREPARE,
                                         .text = hb_str_c("{\"filter\":{\"year\":{\"$param\":0}},"
                                                          "\"select\":[\"title\"]}") }));
        w->prepared = 1;
    }
    return lent(w, (hb_request){ .kind = HB_CALL_QUERY,
                                 .prepared = w->prepared,
                                 .params = { (const char *)params, sizeof(params) } });
}
static hb_status by_scan_lent(world *w) {
    return lent(w, (hb_request){ .kind = HB_CALL_QUERY,
                                 .text = hb_str_c("{\"filter\":{\"price\":{\"lt\":10}},"
                                                  "\"select\":[\"title\"]}") });
}
static hb_status first_of_many(world *w) {
    return query(&w->f, "doc",
                 "{\"filter\":{\"price\":{\"gte\":0}},\"select\":[\"title\"],\"limit\":10}");
}
static hb_status nearest(world *w) {
    return query(&w->f, "doc",
                 "{\"near\":{\"field\":\"emb\",\"query\":[1,1,0,0,0,0,0,0],\"top_k\":10},"
                 "\"select\":[\"score\"]}");
}
static hb_status found(world *w) {
    return query(&w->f, "doc",
                 "{\"search\":{\"fields\":[\"body\"],\"query\":\"rare\",\"top_k\":10},\"select\":["
                 "\"score\"]}");
}
static hb_status write_one(world *w) {
    return upsert(
        &w->f, "doc",
        "{\"object_id\":\"d00005\",\"title\":\"Title 5\",\"year\":1,\"price\":5,\"body\":\"rare "
        "words of row w5\",\"emb\":[5,1,0,0,0,0,0,0.5]}");
}
static hb_status delete_none(world *w) {
    return by_id(&w->f, HB_CALL_DELETE, "doc", "nobody");
}

/* What the call asks for once everything that is built at a first call is there. */
static counter cost_of(world *w, cost_fn *fn) {
    for (int warm = 0; warm < 3; warm++) {
        if (!CHECK_INT(fn(w), HB_OK)) test_check(false, w->f.err.msg, __FILE__, __LINE__);
    }
    hb_task_free(w->f.task);
    w->f.task = NULL;
    w->count.allocations = w->count.bytes = 0;
    CHECK_INT(fn(w), HB_OK);
    return w->count;
}

/* ---- what rows take in memory --------------------------------------------------------------- */

enum { STORED = 1000, STORED_DIM = 384, STORED_WORDS = 40, TURNS = 3, CHURN = 2000 };

static const char stored_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"year\":{\"type\":\"integer\","
    "\"index\":true},\"price\":\"float\",\"tags\":{\"type\":\"array[short-text]\",\"index\":true},"
    "\"body\":{\"type\":\"long-text\",\"storage\":{\"strategy\":\"InvertedIndex\"}},"
    "\"emb\":\"vector[384]\"}}";

/* About 2 KB, as in the bench. Gives the raw bytes: characters, 8 for a number, 4 a dimension. */
static size_t store_doc(world *w, const char *prefix, uint32_t i) {
    char text[8192];
    int at = snprintf(text, sizeof(text),
                      "{\"object_id\":\"%s%07u\",\"name\":\"Name %05u\",\"title\":\"The title of a "
                      "row %05u\",\"year\":%u,\"price\":%u.5,\"tags\":[\"tag-%02u\",\"tag-%02u\"],"
                      "\"body\":\"",
                      prefix, (unsigned)i, (unsigned)i, (unsigned)i, 1900u + i % 100, (unsigned)i,
                      (unsigned)(10 + i % 90), (unsigned)(10 + i % 83));
    const int body = at;
    for (uint32_t k = 0; k < STORED_WORDS; k++) {
        /* Some words are in every row, most of them are rare. */
        const uint32_t word = (i * 31u + k * 17u) % (8u << (k / 6u));
        at += snprintf(text + at, sizeof(text) - (size_t)at, "w%05u ", (unsigned)word);
    }
    const size_t raw = (size_t)(at - body) + 8 + 10 + 24 + 16 + 12 + STORED_DIM * sizeof(float);
    at += snprintf(text + at, sizeof(text) - (size_t)at, "\",\"emb\":[");
    for (uint32_t k = 0; k < STORED_DIM; k++) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%u", k > 0 ? "," : "",
                       (unsigned)((i + k) % 10));
    }
    snprintf(text + at, sizeof(text) - (size_t)at, "]}");
    if (!CHECK_INT(upsert(&w->f, "doc", text), HB_OK))
        test_check(false, w->f.err.msg, __FILE__, __LINE__);
    return raw;
}

static void remove_doc(world *w, const char *prefix, uint32_t i) {
    char id[16];
    snprintf(id, sizeof(id), "%s%07u", prefix, (unsigned)i);
    CHECK_INT(by_id(&w->f, HB_CALL_DELETE, "doc", id), HB_OK);
}

/* Makes every index that is made at the first question. */
static void build_indexes(world *w) {
    char text[4096];
    int at = snprintf(text, sizeof(text), "{\"near\":{\"field\":\"emb\",\"top_k\":3,\"query\":[");
    for (uint32_t k = 0; k < STORED_DIM; k++) {
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s1", k > 0 ? "," : "");
    }
    snprintf(text + at, sizeof(text) - (size_t)at, "]},\"select\":[\"score\"]}");
    CHECK_INT(query(&w->f, "doc", text), HB_OK);
    CHECK_INT(query(&w->f, "doc", "{\"filter\":{\"year\":1950},\"select\":[\"title\"]}"), HB_OK);
    CHECK_INT(query(&w->f, "doc",
                    "{\"filter\":{\"tags\":{\"array_contains\":\"x\"}},\"select\":[\"title\"]}"),
              HB_OK);
    CHECK_INT(query(&w->f, "doc",
                    "{\"search\":{\"fields\":[\"body\"],\"query\":\"w00001\",\"top_k\":3},"
                    "\"select\":[\"score\"]}"),
              HB_OK);
    hb_task_free(w->f.task);
    w->f.task = NULL;
}

static void check_within(const char *what, uint64_t bytes, uint64_t of, double most) {
    if ((double)bytes <= most * (double)of) return;
    char text[128];
    snprintf(text, sizeof(text), "%s: %u bytes of %u", what, (unsigned)bytes, (unsigned)of);
    test_check(false, text, __FILE__, __LINE__);
}

static void rows_take_little_more_than_their_bytes(void) {
    world *w = world_defined(stored_definition);
    const uint64_t empty = w->count.live;
    uint64_t raw = 0;
    for (uint32_t i = 0; i < STORED; i++) raw += store_doc(w, "d", i);
    hb_task_free(w->f.task);
    w->f.task = NULL;
    check_within("rows", w->count.live - empty, raw, 1.12);
    check_within("rows while they are written", w->count.peak - empty, raw, 1.2);
    build_indexes(w);
    check_within("rows and indexes", w->count.live - empty, raw, 1.45);
    const uint64_t full = w->count.live;
    w->count.peak = full;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        const char old[] = { (char)('d' + turn), '\0' }, next[] = { (char)('e' + turn), '\0' };
        for (uint32_t i = 0; i < STORED / 2; i++) remove_doc(w, old, i);
        for (uint32_t i = 0; i < STORED / 2; i++) store_doc(w, next, i);
        build_indexes(w);
        check_within("half of the rows written anew", w->count.live, full, 1.06);
    }
    check_within("rows while half of them are written anew", w->count.peak, full, 1.15);
    world_free(w);
}

/* A row comes and goes beside others that stay; HB_LONG=1: a million writes. */
static void turns_do_not_add_up(void) {
    world *w = world_defined(stored_definition);
    const uint32_t writes = getenv("HB_LONG") != NULL ? 1000000 : CHURN;
    for (uint32_t i = 0; i < STORED / 4; i++) store_doc(w, "d", i);
    build_indexes(w);
    uint64_t before = 0;
    for (uint32_t i = 0; i < writes / 2; i++) {
        if (i == writes / 8) before = w->count.peak;
        store_doc(w, "x", i % STORED);
        remove_doc(w, "x", i % STORED);
        if (i % 1000 == 0) build_indexes(w);
    }
    check_within("memory after writes and deletes in turn", w->count.peak, before, 1.01);
    world_free(w);
}

/* What an audit, or a repair of every Catalog row, needs beyond what is stored, for so many rows. */
static uint64_t audit_takes(uint32_t rows, bool damage) {
    static const char kept[] = "{\"id\":\"costs\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}";
    static const char named[] = "{\"name\":\"Doc\",\"fields\":{\"name\":\"short-text\",\"desc\":\"long-text\"}}";
    world *w = calloc(1, sizeof(*w));
    w->mem = (hb_mem){ counter_alloc, counter_realloc, counter_free, &w->count };
    hb_arena_init(&w->f.arena, hb_mem_default());
    CHECK_INT(hb_workspace_open(hb_str_c(kept), &w->mem, &w->f.ws, &w->f.err), HB_OK);
    CHECK_INT(define(&w->f, named), HB_OK);
    for (uint32_t i = 0; i < rows; i++) {
        char text[160];
        snprintf(text, sizeof(text), "{\"object_id\":\"d%05u\",\"name\":\"Name of row %u\",\"desc\":\"What is to be said of row %u\"}",
                 (unsigned)i, (unsigned)i, (unsigned)i);
        CHECK_INT(upsert(&w->f, "doc", text), HB_OK);
        snprintf(text, sizeof(text), "{\"object_id\":\"catalog:doc:d%05u\",\"name\":\"Nome of row %u\"}", (unsigned)i, (unsigned)i);
        if (damage) CHECK_INT(upsert(&w->f, "sys-catalog", text), HB_OK);
    }
    hb_task_free(w->f.task);
    w->f.task = NULL;
    const uint64_t stored = w->count.live;
    w->count.peak = stored;
    const hb_request request = { .kind = damage ? HB_CALL_REPAIR : HB_CALL_AUDIT, .entity = HB_ENTITY_NONE };
    CHECK_INT(call(&w->f, request), HB_OK);
    const uint64_t most = w->count.peak - stored;
    world_free(w);
    return most;
}

static void an_audit_of_the_catalog_reads_pages(void) {
    const uint64_t few = audit_takes(700, false), many = audit_takes(2800, false);
    check_within("an audit of four times as many rows", many, few, 1.1);
    check_within("an audit", many, 1000000, 1.0);
    check_within("a repair of every row", audit_takes(2000, true), 1000000, 1.0);
}

/* What an audit needs beyond what is stored, where values of 400 bytes have to be unique, and are; or two rows each hold one. */
static uint64_t audit_of_unique_takes(uint32_t rows, bool twins) {
    static const char any[] = "{\"name\":\"Doc\",\"fields\":{\"body\":\"long-text\"}}";
    static const char unique[] = "{\"name\":\"Doc\",\"fields\":{\"body\":{\"type\":\"long-text\",\"unique\":true}}}";
    world *w = world_defined(any);
    for (uint32_t i = 0; i < rows; i++) {
        char text[512];
        snprintf(text, sizeof(text), "{\"object_id\":\"d%05u\",\"body\":\"%0400u\"}", (unsigned)i, (unsigned)(twins ? i / 2 : i));
        CHECK_INT(upsert(&w->f, "doc", text), HB_OK);
    }
    const hb_request stricter = { .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE, .text = pack_of(&w->f, unique) };
    CHECK_INT(call(&w->f, stricter), HB_OK);
    hb_task_free(w->f.task);
    w->f.task = NULL;
    const uint64_t stored = w->count.live;
    w->count.peak = stored;
    CHECK_INT(call(&w->f, (hb_request){ .kind = HB_CALL_AUDIT, .entity = HB_ENTITY_NONE }), HB_OK);
    char found[32];
    snprintf(found, sizeof(found), "\"storage\":%u,", (unsigned)(twins ? rows / 2 : 0));
    CHECK(strstr(answer(&w->f)->json.ptr, found) != NULL);
    const uint64_t most = w->count.peak - stored;
    world_free(w);
    return most;
}

/* 16 bytes of a row, in a buffer that grows twofold; of twins also the id of one and its place in a table. */
static void an_audit_of_unique_values_keeps_a_digest_of_each(void) {
    const uint64_t few = audit_of_unique_takes(700, false), many = audit_of_unique_takes(2800, false);
    check_within("an audit of four times as many unique values", many, few + 2100 * 16 * 3, 1.0);
    check_within("an audit of unique values", many, 600000, 1.0);
    const uint64_t pairs = audit_of_unique_takes(700, true), more = audit_of_unique_takes(2800, true);
    check_within("an audit of four times as many twins", more, pairs + 2100 * 112, 1.0);
}

static void a_call_pays_for_what_comes_back(void) {
    static const struct {
        const char *name;
        cost_fn *fn;
        uint32_t rows;
        uint64_t allocations_max, bytes_max; /* whatever the number of rows stored */
        uint64_t bytes_per_row; /* beyond that, for each row stored; the arena takes it in blocks */
    } cases[] = {
        { "get", get_one, 1, 24, 16384, 0 },
        { "get, lent", get_lent, 1, 0, 0, 0 },
        { "filter with an index", by_index, HITS, 24, 40960, 0 },
        { "filter with an index, lent", by_index_lent, HITS, 5, 9216, 0 },
        { "filter with an index, prepared", by_index_prepared, HITS, 2, 4352, 0 },
        { "filter without an index, lent", by_scan_lent, HITS, 5, 9216, 16 },
        { "filter without an index", by_scan, HITS, 24, 40960, 16 },
        { "filter with a limit", first_of_many, HITS, 24, 40960, 0 },
        { "nearest", nearest, HITS, 20, 20480, 0 },
        { "search", found, HITS, 24, 73728, 0 },
        { "upsert", write_one, 1, 20, 8192, 0 },
        { "delete", delete_none, 1, 10, 6144, 0 },
    };
    world *small = world_new(SMALL), *large = world_new(LARGE);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        const counter few = cost_of(small, cases[i].fn), many = cost_of(large, cases[i].fn);
        CHECK_INT(answer(&large->f)->batch.row_count, cases[i].rows);
        if (many.allocations > cases[i].allocations_max ||
            many.bytes > cases[i].bytes_max + LARGE * cases[i].bytes_per_row) {
            char text[128];
            snprintf(text, sizeof(text), "%s: %u allocations, %u bytes", cases[i].name,
                     (unsigned)many.allocations, (unsigned)many.bytes);
            test_check(false, text, __FILE__, __LINE__);
        }
        CHECK(many.allocations <= few.allocations + (cases[i].bytes_per_row > 0 ? 1 : 0));
        CHECK(many.bytes <= few.bytes + (LARGE - SMALL) * cases[i].bytes_per_row);
    }
    world_free(small);
    world_free(large);
}

/* Columns that are lent are the store's own; an answer is written into room taken once. */
static void an_answer_is_copied_once(void) {
    cost_fn *const calls[] = { get_lent, by_index_lent, by_scan_lent };
    world *w = world_new(SMALL);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        cost_of(w, calls[i]);
        const hb_answer *lent = answer(&w->f);
        REQUIRE(lent->rows != NULL);
        CHECK(lent->rows[0] < SMALL);
        hb_buf out;
        hb_buf_init(&out, &w->mem);
        w->count.allocations = 0;
        hb_wire_write_rows(&lent->batch, lent->rows, lent->roles, lent->tags, 0, &out);
        CHECK_INT(w->count.allocations, 1);
        hb_batch read;
        CHECK_INT(hb_wire_read(hb_buf_str(&out), &w->f.arena, &read, &w->f.err), HB_OK);
        CHECK_INT(read.row_count, lent->batch.row_count);
        const int title = hb_batch_find(&read, HB_STR("title"));
        REQUIRE(title >= 0);
        for (uint32_t r = 0; r < read.row_count; r++) {
            CHECK(hb_str_eq(hb_column_span(&read.columns[title], r),
                            hb_column_span(&lent->batch.columns[title], lent->rows[r])));
        }
        hb_buf_free(&out);
    }
    world_free(w);
}

TEST_SUITE {
    TEST(an_answer_is_copied_once);
    TEST(an_audit_of_the_catalog_reads_pages);
    TEST(an_audit_of_unique_values_keeps_a_digest_of_each);
    TEST(a_call_pays_for_what_comes_back);
    TEST(rows_take_little_more_than_their_bytes);
    TEST(turns_do_not_add_up);
}
