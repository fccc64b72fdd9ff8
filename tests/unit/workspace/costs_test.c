// SPDX-License-Identifier: MIT
/* What a call costs in allocations and in bytes asked for, at two sizes of the same workspace: what
 * comes back is paid for, not what is stored. Counts, not times, so that they hold on any machine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/workspace/fixture.h"

typedef struct counter {
    uint64_t allocations, bytes;
} counter;

static void *counter_alloc(void *ctx, size_t size) {
    counter *c = ctx;
    c->allocations++;
    c->bytes += size;
    return malloc(size);
}

static void *counter_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    counter *c = ctx;
    c->allocations++;
    c->bytes += size > old_size ? size - old_size : 0;
    return realloc(ptr, size);
}

static void counter_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

typedef struct world {
    fixture f;
    counter count;
    hb_mem mem;
    uint32_t prepared[8];
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

static world *world_new(uint32_t rows) {
    world *w = calloc(1, sizeof(*w));
    w->mem = (hb_mem){ counter_alloc, counter_realloc, counter_free, &w->count };
    hb_arena_init(&w->f.arena, hb_mem_default());
    CHECK_INT(hb_workspace_open(hb_str_c(options), &w->mem, &w->f.ws, &w->f.err), HB_OK);
    if (!CHECK_INT(define(&w->f, definition), HB_OK))
        test_check(false, w->f.err.msg, __FILE__, __LINE__);
    for (uint32_t i = 0; i < rows; i++) write_doc(w, i);
    return w;
}

static void world_free(world *w) {
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
    w->count = (counter){ 0, 0 };
    CHECK_INT(fn(w), HB_OK);
    return w->count;
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
        { "filter with an index", by_index, HITS, 24, 40960, 0 },
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

TEST_SUITE {
    TEST(a_call_pays_for_what_comes_back);
}
