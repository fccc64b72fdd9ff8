// SPDX-License-Identifier: MIT
/* Memory that runs out: every allocation of every call fails once in turn, alone and with all that
 * follow it. The call says MEMORY or gets along without; what is stored is then as before the call or as
 * after it, in every backend; nothing leaks, and every block is given back with the size it was asked for. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "hb.h"
#include "value/pack.h"

/* ---- an allocator that can fail --------------------------------------------------------- */

typedef struct faulty {
    hb_mem mem;
    uint64_t count;     /* allocations so far */
    uint64_t fail_at;   /* 0: never */
    bool goes_on;       /* all later ones fail too */
    bool failed;        /* one did */
    int64_t live;       /* blocks that are not freed */
    uint32_t wrong_sizes;
} faulty;

typedef union block {
    size_t size;
    char align[16];
} block;

static bool refuses(faulty *f) {
    f->count++;
    if (f->fail_at == 0 || f->count < f->fail_at || (f->count > f->fail_at && !f->goes_on)) return false;
    f->failed = true;
    return true;
}

static void *faulty_alloc(void *ctx, size_t size) {
    faulty *f = ctx;
    block *b = refuses(f) ? NULL : malloc(sizeof(block) + size);
    if (b == NULL) return NULL;
    b->size = size;
    f->live++;
    return b + 1;
}

static void faulty_free(void *ctx, void *ptr, size_t size) {
    faulty *f = ctx;
    block *b = (block *)ptr - 1;
    if (b->size != size) f->wrong_sizes++;
    f->live--;
    free(b);
}

/* Always moves, so that nobody keeps the old place. */
static void *faulty_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    void *moved = faulty_alloc(ctx, size);
    if (moved == NULL) return NULL;
    memcpy(moved, ptr, old_size < size ? old_size : size);
    faulty_free(ctx, ptr, old_size);
    return moved;
}

static void faulty_init(faulty *f) {
    memset(f, 0, sizeof(*f));
    f->mem = (hb_mem){ faulty_alloc, faulty_realloc, faulty_free, f };
}

static void fail_from(faulty *f, uint64_t at, bool goes_on) {
    f->count = 0;
    f->fail_at = at;
    f->goes_on = goes_on;
    f->failed = false;
}

/* ---- a workspace on it ------------------------------------------------------------------ */

typedef struct world {
    faulty memory;
    hb_workspace *ws;
    hb_arena arena;     /* requests; not from the memory under test */
    hb_err err;
} world;

static const char options[] = "{\"id\":\"faults\",\"preset\":\"debug\"}";
static const char definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"body\":\"long-text\",\"tags\":"
    "\"array[short-text]\",\"nums\":\"array[integer]\",\"meta\":\"json\",\"emb\":\"vector[2]\"}}";
static const char other_definition[] =
    "{\"name\":\"Note\",\"fields\":{\"name\":\"short-text\",\"body\":\"long-text\",\"emb\":\"vector[3]\"}}";
static const char first_rows[] =
    "[{\"object_id\":\"a\",\"title\":\"Agent\",\"n\":1,\"body\":\"agents route queries\",\"tags\":[\"x\"],"
    "\"nums\":[1,2],\"meta\":{\"k\":1},\"emb\":[1,0]},"
    "{\"object_id\":\"b\",\"title\":\"Store\",\"n\":2,\"body\":\"backends store rows\",\"tags\":[],"
    "\"nums\":[],\"meta\":null,\"emb\":[0,1]}]";
static const char further_rows[] =
    "[{\"object_id\":\"b\",\"title\":\"Changed\",\"n\":20,\"body\":\"agents store queries\",\"tags\":[\"y\",\"z\"],"
    "\"nums\":[7],\"meta\":[1],\"emb\":[0.6,0.8]},"
    "{\"object_id\":\"c\",\"title\":\"New\",\"n\":3,\"body\":\"new agents\",\"tags\":[\"x\",\"y\"],"
    "\"nums\":[1],\"meta\":\"text\",\"emb\":[0.8,0.6]}]";
static const char patches[] = "[{\"object_id\":\"a\",\"n\":10,\"body\":\"agents again\",\"emb\":[0,1]},"
                              "{\"object_id\":\"z\",\"n\":11,\"body\":\"new by patch\",\"emb\":[1,1]}]";

static hb_str pack_of(world *w, const char *json) {
    hb_buf pack;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    CHECK(hb_pack_from_json(hb_str_c(json), &pack, &err) == HB_OK);
    const hb_str copy = hb_arena_str(&w->arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return copy;
}

/* A list of mappings with the same keys, as a PACK column per key. */
static hb_batch batch_of(world *w, const char *json) {
    const hb_str pack = pack_of(w, json);
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item list, map, key;
    CHECK(hb_pack_next(&reader, &list));
    hb_column *columns = NULL;
    hb_str whole;
    for (uint32_t row = 0; row < list.count; row++) {
        CHECK(hb_pack_next(&reader, &map));
        if (row == 0) columns = hb_arena_zalloc_array(&w->arena, map.count, sizeof(*columns));
        for (uint32_t i = 0; i < map.count; i++) {
            CHECK(hb_pack_next(&reader, &key) && hb_pack_skip(&reader, &whole));
            hb_span *spans = row > 0 ? (hb_span *)(uintptr_t)columns[i].data
                                     : hb_arena_array(&w->arena, list.count, sizeof(*spans));
            spans[row] = (hb_span){ (uint32_t)(whole.ptr - pack.ptr), whole.len };
            columns[i] =
                (hb_column){ key.s, HB_KIND_PACK, 0, NULL, spans, (const uint8_t *)pack.ptr, pack.len };
        }
    }
    return (hb_batch){ list.count, map.count, columns };
}

/* Two ids that exist and one that does not. */
static hb_batch ids_of(world *w) {
    static const hb_span spans[] = { { 0, 1 }, { 1, 6 }, { 7, 1 } };
    const hb_column ids = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, spans, (const uint8_t *)"anobodyb", 8 };
    return (hb_batch){ 3, 1, hb_arena_copy(&w->arena, &ids, sizeof(ids)) };
}

/* Runs a call; `frame` takes its rows or JSON as text when it is not NULL. */
static hb_status call(world *w, hb_request request, hb_buf *frame) {
    hb_task *task = NULL;
    hb_step step = { .kind = HB_STEP_WAIT };
    request.now_ms = 1700000000000;
    HB_TRY(hb_workspace_start(w->ws, &request, &task, &w->err));
    const hb_status status = hb_task_step(task, &step, &w->err);
    CHECK_INT(step.kind, HB_STEP_DONE);
    if (status == HB_OK && frame != NULL) {
        const hb_answer *answer = hb_task_answer(task);
        hb_buf_add_str(frame, answer->json);
        for (uint32_t row = 0; row < answer->batch.row_count; row++) {
            for (uint32_t i = 0; i < answer->batch.column_count; i++) {
                const hb_value value = hb_column_get(&answer->batch.columns[i], row);
                hb_buf_add_str(frame, answer->batch.columns[i].name);
                hb_buf_add_c(frame, "=");
                hb_pack_value(frame, &value);
                hb_buf_add_c(frame, " ");
            }
            hb_buf_add_c(frame, "\n");
        }
    }
    hb_task_free(task);
    return status;
}

static uint32_t doc(const world *w) { return hb_workspace_entity(w->ws, HB_STR("doc")); }

/* Everything stored, seen through every backend: rows, vectors, the text index, the Catalog. */
static const char *state(world *w) {
    static const struct { const char *entity, *spec; } looks[] = {
        { "doc", "{}" },
        { "doc", "{\"near\":{\"field\":\"emb\",\"query\":[1,0.5]}}" },
        { "doc", "{\"search\":{\"fields\":[\"body\"],\"query\":\"agents new store rows again\"}}" },
        { "doc", "{\"filter\":{\"tags\":{\"array_contains\":\"x\"}}}" },
        { "note", "{}" },
        { "sys-catalog", "{\"select\":[\"target_id\",\"name\",\"created_at\"]}" },
        { "sys-metaschema", "{\"filter\":{\"kind\":\"storage\"},\"select\":[\"kind\"]}" },
    };
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    fail_from(&w->memory, 0, false);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        const uint32_t entity = hb_workspace_entity(w->ws, hb_str_c(looks[i].entity));
        if (entity == HB_ENTITY_NONE) continue;
        const hb_request look = { .kind = HB_CALL_QUERY, .entity = entity, .text = hb_str_c(looks[i].spec) };
        hb_buf_printf(&text, "%s %s\n", looks[i].entity, looks[i].spec);
        if (!CHECK_INT(call(w, look, &text), HB_OK)) test_check(false, w->err.msg, __FILE__, __LINE__);
    }
    hb_buf_add_char(&text, '\0');
    for (uint32_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '\0') text.ptr[i] = '~';
    }
    const char *copy = hb_arena_copy(&w->arena, text.ptr, text.len);
    hb_buf_free(&text);
    return copy;
}

static void world_open(world *w, bool filled) {
    memset(w, 0, sizeof(*w));
    faulty_init(&w->memory);
    hb_arena_init(&w->arena, hb_mem_default());
    CHECK_INT(hb_workspace_open(hb_str_c(options), &w->memory.mem, &w->ws, &w->err), HB_OK);
    if (!filled) return;
    CHECK_INT(call(w, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(w, definition) }, NULL), HB_OK);
    CHECK_INT(call(w, (hb_request){ .kind = HB_CALL_UPSERT, .entity = doc(w), .flags = HB_FLAG_OVERWRITE,
                                    .batch = batch_of(w, first_rows) }, NULL), HB_OK);
}

static void world_close(world *w) {
    hb_workspace_close(w->ws);
    hb_arena_free(&w->arena);
    CHECK_INT(w->memory.live, 0);
    CHECK_INT(w->memory.wrong_sizes, 0);
}

/* ---- each call -------------------------------------------------------------------------- */

typedef hb_request request_fn(world *w);

static const char *state_after(bool filled, request_fn *make) {
    world w;
    world_open(&w, filled);
    CHECK_INT(call(&w, make(&w), NULL), HB_OK);
    const char *text = state(&w);
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    world_close(&w);
    return copy;
}

static void say_where(const char *what, uint64_t at, bool goes_on, char out[160]) {
    snprintf(out, 160, "%s, allocation %u%s", what, (unsigned)at, goes_on ? " and all after it" : "");
    CASE(out);
}

/* Fails allocation after allocation of the call until one run does not need so many. What only reads is
 * looked after once, at the end. */
static void fails_everywhere(const char *what, bool filled, bool writes, request_fn *make, bool goes_on) {
    const char *after = state_after(filled, make);
    char where[160];
    world w;
    world_open(&w, filled);
    const char *before = state(&w);
    bool reached = true;
    uint32_t refused = 0;
    for (uint64_t at = 1; reached; at++) {
        say_where(what, at, goes_on, where);
        const hb_request request = make(&w);
        fail_from(&w.memory, at, goes_on);
        const hb_status status = call(&w, request, NULL);
        reached = w.memory.failed;
        if (status != HB_OK && !CHECK_INT(status, HB_E_MEMORY)) test_check(false, w.err.msg, __FILE__, __LINE__);
        if (status != HB_OK) refused++;
        if (!reached) CHECK_INT(status, HB_OK);
        if (!writes && reached) continue;
        const char *now = state(&w);
        const bool as_before = strcmp(now, before) == 0, as_after = strcmp(now, after) == 0;
        if (status == HB_OK) CHECK_CSTR(now, after);
        else if (!as_before && !as_after) CHECK_CSTR(now, before);
        if (!as_before && reached) {
            world_close(&w);
            world_open(&w, filled);
            before = state(&w);
        }
    }
    CHECK(refused > 0);
    world_close(&w);
    free((void *)(uintptr_t)after);
}

static hb_request register_request(world *w) {
    return (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(w, definition) };
}

static hb_request register_second_request(world *w) {
    return (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(w, other_definition) };
}

static hb_request replace_request(world *w) {
    return (hb_request){ .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE,
                         .text = pack_of(w, "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\","
                                            "\"body\":\"long-text\",\"tags\":\"array[short-text]\",\"emb\":\"vector[2]\","
                                            "\"more\":\"float\"}}") };
}

static hb_request upsert_request(world *w) {
    return (hb_request){ .kind = HB_CALL_UPSERT, .entity = doc(w), .flags = HB_FLAG_OVERWRITE,
                         .batch = batch_of(w, further_rows) };
}

static hb_request set_request(world *w) {
    return (hb_request){ .kind = HB_CALL_SET, .entity = doc(w), .batch = batch_of(w, patches) };
}

static hb_request delete_request(world *w) {
    return (hb_request){ .kind = HB_CALL_DELETE, .entity = doc(w), .batch = ids_of(w) };
}

static hb_request get_request(world *w) {
    return (hb_request){ .kind = HB_CALL_GET, .entity = doc(w), .batch = ids_of(w) };
}

static hb_request query_request(world *w) {
    return (hb_request){ .kind = HB_CALL_QUERY, .entity = doc(w),
                         .text = HB_STR("{\"filter\":{\"$or\":[{\"n\":{\"gte\":1}},{\"$not\":{\"title\":{\"regex\":"
                                        "\"^A\"}}},{\"meta.k\":1},{\"body\":{\"has_words\":\"agents\"}}]},\"near\":{"
                                        "\"field\":\"emb\",\"query\":[1,0],\"top_k\":3},\"search\":{\"fields\":[\"body\"],"
                                        "\"query\":\"agents rows\"},\"order\":[\"-title\",\"n\"],\"limit\":5}") };
}

static hb_request scan_request(world *w) {
    hb_request request = query_request(w);
    request.flags = HB_FLAG_NO_PUSHDOWN | HB_FLAG_WANT_TOTAL;
    return request;
}

static hb_request explain_request(world *w) {
    hb_request request = query_request(w);
    request.kind = HB_CALL_EXPLAIN;
    return request;
}

static hb_request metaschema_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_QUERY, .entity = 1, .text = HB_STR("{\"filter\":{\"kind\":\"storage\"}}") };
}

static hb_request audit_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_AUDIT };
}

static hb_request repair_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_REPAIR };
}

static hb_request schema_request(world *w) {
    return (hb_request){ .kind = HB_CALL_SCHEMA, .entity = doc(w) };
}

static hb_request alter_request(world *w) {
    static const char wider[] =
        "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"body\":\"long-text\",\"tags\":"
        "\"array[short-text]\",\"nums\":\"array[integer]\",\"meta\":\"json\",\"emb\":\"vector[2]\","
        "\"summary\":{\"type\":\"long-text\",\"default\":\"s\"},\"u\":{\"type\":\"integer\",\"unique\":true}},"
        "\"constraints\":[{\"fields\":[\"n\",\"title\"]}]}";
    return (hb_request){ .kind = HB_CALL_ALTER, .text = pack_of(w, wider), .params = pack_of(w, "[\"doc\"]") };
}

static hb_request plan_request(world *w) {
    hb_request request = alter_request(w);
    request.flags = HB_FLAG_DRY_RUN;
    return request;
}

static hb_request describe_request(world *w) {
    return (hb_request){ .kind = HB_CALL_DESCRIBE, .entity = doc(w),
                         .text = pack_of(w, "{\"desc\":\"said\",\"fields\":{\"n\":{\"tags\":[\"t\"],\"examples\":[1]}}}") };
}

static hb_request find_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_FIND, .text = HB_STR("{\"text\":\"doc vector\",\"limit\":5}") };
}

static hb_request sign_request(world *w) {
    return (hb_request){ .kind = HB_CALL_SIGN, .text = pack_of(w, "{\"owner\":\"ann\",\"auth\":{\"k\":1}}") };
}

static hb_request health_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_HEALTH };
}

static hb_request manifest_request(world *w) {
    (void)w;
    return (hb_request){ .kind = HB_CALL_MANIFEST };
}

static void calls_survive_failing_allocations(void) {
    static const struct { const char *name; bool filled, writes; request_fn *make; } calls[] = {
        { "register", false, true, register_request },
        { "register another", true, true, register_second_request },
        { "replace", true, true, replace_request },
        { "upsert", true, true, upsert_request },
        { "set", true, true, set_request },
        { "delete", true, true, delete_request },
        { "repair", true, true, repair_request },
        { "alter", true, true, alter_request },
        { "describe", true, true, describe_request },
        { "plan of an alteration", true, false, plan_request },
        { "find", true, false, find_request },
        { "sign", true, false, sign_request },
        { "health", true, false, health_request },
        { "manifest", true, false, manifest_request },
        { "get", true, false, get_request },
        { "query", true, false, query_request },
        { "query by scans", true, false, scan_request },
        { "explain", true, false, explain_request },
        { "metaschema", true, false, metaschema_request },
        { "audit", true, false, audit_request },
        { "schema", true, false, schema_request },
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        fails_everywhere(calls[i].name, calls[i].filled, calls[i].writes, calls[i].make, false);
        fails_everywhere(calls[i].name, calls[i].filled, calls[i].writes, calls[i].make, true);
    }
}

static void open_survives_failing_allocations(void) {
    for (int goes_on = 0; goes_on < 2; goes_on++) {
        bool reached = true;
        for (uint64_t at = 1; reached; at++) {
            char where[160];
            world w;
            say_where("open", at, goes_on != 0, where);
            faulty_init(&w.memory);
            fail_from(&w.memory, at, goes_on != 0);
            w.ws = NULL;
            const hb_status status = hb_workspace_open(hb_str_c(options), &w.memory.mem, &w.ws, &w.err);
            reached = w.memory.failed;
            if (status == HB_OK) hb_workspace_close(w.ws);
            else CHECK_INT(status, HB_E_MEMORY);
            CHECK(reached || status == HB_OK);
            CHECK_INT(w.memory.live, 0);
            CHECK_INT(w.memory.wrong_sizes, 0);
        }
    }
}

TEST_SUITE {
    TEST(open_survives_failing_allocations);
    TEST(calls_survive_failing_allocations);
}
