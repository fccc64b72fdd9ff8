// SPDX-License-Identifier: MIT
/* Prepared queries keep their plan from run to run. They answer as the same query built anew does,
 * whatever changes in between: parameters, flags, definitions, other tasks of the same query. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/workspace/process.h"

#include "tests/unit/support/memory_fs.h"
#include "tests/unit/support/memory_vfs.h"
#include "value/wire.h"

static const char *const places[] = {
    "{\"main\":{\"type\":\"inmem\"}}",
    "{\"main\":{\"type\":\"sqlite\"}}",
    "{\"main\":{\"type\":\"sqlite\"},\"vec\":{\"type\":\"inmem\"},\"search\":{\"type\":\"inmem\"}}",
};

static const char definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"year\":{\"type\":\"integer\","
    "\"index\":true},\"price\":\"float\",\"on\":\"boolean\",\"body\":\"long-text\",\"tags\":"
    "\"array[short-text]\",\"meta\":\"json\",\"emb\":\"vector[2]\"}}";

static void fill(fixture *f) {
    for (int i = 0; i < 12; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"object_id\":\"d%02d\",\"title\":%s,\"year\":%d,\"price\":%d.5,\"on\":%s,"
                 "\"body\":\"%s words %d\",\"tags\":[\"t%d\"],\"meta\":{\"k\":%d},\"emb\":[%d,1]}",
                 i, i % 4 == 0 ? "null" : "\"Same\"", 2000 + i % 3, i, i % 2 ? "true" : "false",
                 i % 5 == 0 ? "rare" : "usual", i, i % 3, i, i);
        if (!CHECK_INT(upsert(f, "doc", text), HB_OK))
            test_check(false, f->err.msg, __FILE__, __LINE__);
    }
}

static void open_at(fixture *f, const char *place) {
    char options[512];
    snprintf(options, sizeof options, "{\"id\":\"prepared\",\"backends\":%s}", place);
    fixture_open(f, options);
    if (!CHECK_INT(define(f, definition), HB_OK))
        test_check(false, f->err.msg, __FILE__, __LINE__);
    fill(f);
}

static uint32_t prepare(fixture *f, const char *spec) {
    if (!CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_PREPARE, .text = hb_str_c(spec) }), HB_OK))
        test_check(false, f->err.msg, __FILE__, __LINE__);
    return (uint32_t)atoi(answer(f)->json.ptr + strlen("{\"handle\":"));
}

/* Status, message and every byte of the answer. */
static void note(fixture *f, hb_status status, hb_buf *out) {
    hb_buf_init(out, hb_mem_default());
    if (status != HB_OK) {
        hb_buf_add_c(out, f->err.msg);
        return;
    }
    const hb_answer *a = answer(f);
    hb_wire_write_rows(&a->batch, a->rows, a->roles, a->tags, (uint32_t)a->total, out);
    hb_buf_printf(out, "%d %d %.*s", (int)a->total_known, (int)a->truncated, HB_ARG(a->cursor));
}

static hb_request ask(fixture *f, uint32_t handle, const char *spec, const char *params) {
    return (hb_request){ .kind = HB_CALL_QUERY,
                         .entity = hb_workspace_entity(f->ws, hb_str_c("doc")),
                         .prepared = handle,
                         .text = handle == 0 ? hb_str_c(spec) : HB_STR_EMPTY,
                         .params = pack_of(f, params) };
}

/* Both ways; handle 0 would ask the same twice. */
static void agree(fixture *f, uint32_t handle, const char *spec, const char *params,
                  uint32_t flags) {
    hb_buf kept, anew;
    hb_request request = ask(f, handle, spec, params);
    request.flags = flags;
    const hb_status status = call(f, request);
    note(f, status, &kept);
    request = ask(f, 0, spec, params);
    request.flags = flags;
    CHECK_INT(call(f, request), status);
    note(f, status, &anew);
    CASE(params);
    CHECK_BYTES(kept.ptr, kept.len, anew.ptr, anew.len);
    hb_buf_free(&kept);
    hb_buf_free(&anew);
}

typedef struct question {
    const char *spec;
    const char *params[6];      /* runs, in this order, and once more */
} question;

static const question questions[] = {
    { "{\"filter\":{\"year\":{\"$param\":0}},\"select\":[\"title\"]}",
      { "[2000]", "[2001]", "[null]", "[2002]", "[\"no number\"]", "[2001.0]" } },
    { "{\"filter\":{\"$and\":[{\"price\":{\"gte\":{\"$param\":0}}},{\"price\":{\"lt\":{\"$param\":"
      "1}}}]},\"select\":[\"title\",\"price\"],\"limit\":3}",
      { "[1,9.5]", "[0.5,100]", "[9,1]", "[null,4]", "[3]", "[2.5,7]" } },
    { "{\"filter\":{\"year\":{\"ne\":{\"$param\":0}}},\"limit\":{\"$param\":1},\"offset\":{"
      "\"$param\":2}}",
      { "[2000,2,0]", "[2001,2,0]", "[2001,4,1]", "[null,4,1]", "[2000,-1,0]", "[2000,2,0]" } },
    { "{\"filter\":{\"$not\":{\"title\":{\"$param\":0}}},\"order\":[\"-year\",\"price\"]}",
      { "[\"Same\"]", "[\"Other\"]", "[null]", "[\"\"]", "[\"Same\"]", NULL } },
    { "{\"filter\":{\"year\":{\"in\":{\"$param\":0}}},\"select\":[\"year\"]}",
      { "[[2000,2001]]", "[[2002]]", "[[]]", "[[null,2000]]", "[[2000,2001]]", NULL } },
    { "{\"filter\":{\"$or\":[{\"meta.k\":{\"$param\":0}},{\"on\":{\"$param\":1}}]},\"select\":["
      "\"object_id\"]}",
      { "[3,true]", "[4,false]", "[\"3\",true]", "[3.0,null]", "[{\"a\":1},true]", NULL } },
    { "{\"filter\":{\"tags\":{\"array_contains\":{\"$param\":0}}},\"select\":[\"tags\"]}",
      { "[\"t1\"]", "[\"t2\"]", "[\"none\"]", "[null]", "[\"t1\"]", NULL } },
    { "{\"filter\":{\"body\":{\"match\":{\"$param\":0}}},\"select\":[\"body\"]}",
      { "[\"RARE\"]", "[\"\"]", "[\"words 1\"]", "[null]", "[\"%\"]", NULL } },
    { "{\"filter\":{\"body\":{\"has_words\":{\"$param\":0}}},\"near\":{\"field\":\"emb\",\"query\":"
      "{\"$param\":1},\"top_k\":{\"$param\":2}},\"select\":[\"score\"]}",
      { "[\"rare\",[1,0],2]", "[\"usual\",[0,1],2]", "[\"rare\",[1,0],3]", "[\"rare\",[1],3]",
        "[\"words\",[1,1],2]", NULL } },
    { "{\"search\":{\"fields\":[\"body\"],\"query\":{\"$param\":0},\"top_k\":4},\"select\":["
      "\"score\"]}",
      { "[\"rare\"]", "[\"usual words\"]", "[\"\"]", "[7]", "[\"rare\"]", NULL } },
    { "{\"filter\":{\"year\":{\"gt\":{\"$param\":0}}},\"count\":true}",
      { "[1999]", "[2000]", "[2001.5]", "[null]", "[1999]", NULL } },
    { "{\"filter\":{\"year\":{\"gt\":{\"$param\":0}}},\"group_by\":[\"title\"],\"aggregate\":{"
      "\"n\":{\"count\":\"object_id\"}}}",
      { "[1999]", "[2000]", "[2001]", NULL, NULL, NULL } },
};

static void it_answers_as_the_query_built_anew(void) {
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        fixture f;
        open_at(&f, places[p]);
        for (size_t q = 0; q < sizeof questions / sizeof questions[0]; q++) {
            const uint32_t handle = prepare(&f, questions[q].spec);
            for (uint32_t turn = 0; turn < 3; turn++) {
                const uint32_t flags = turn == 1 ? HB_FLAG_WANT_TOTAL : 0;
                for (size_t i = 0; i < 6 && questions[q].params[i] != NULL; i++)
                    agree(&f, handle, questions[q].spec, questions[q].params[i], flags);
            }
            agree(&f, handle, questions[q].spec, questions[q].params[0], HB_FLAG_NO_PUSHDOWN);
        }
        fixture_close(&f);
    }
}

/* The rows change, their structure, their places; each time the query is asked anew. */
static void what_changes_definitions_ends_a_plan(void) {
    static const char spec[] = "{\"filter\":{\"year\":{\"gte\":{\"$param\":0}}}}";
    static const char wider[] =
        "{\"name\":\"Doc\",\"fields\":{\"added\":{\"type\":\"integer\",\"default\":5},\"title\":"
        "\"short-text\",\"year\":\"float\",\"price\":\"float\",\"on\":\"boolean\",\"body\":"
        "\"long-text\",\"tags\":\"array[short-text]\",\"meta\":\"json\",\"emb\":\"vector[2]\"}}";
    static const char other[] = "{\"name\":\"Doc\",\"fields\":{\"year\":\"short-text\"}}";
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        fixture f;
        open_at(&f, places[p]);
        const uint32_t handle = prepare(&f, spec);
        agree(&f, handle, spec, "[2000]", 0);
        CHECK_INT(define(&f, "{\"name\":\"Beside\",\"fields\":{\"a\":\"integer\"}}"), HB_OK);
        agree(&f, handle, spec, "[2001]", 0);
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_ALTER,
                                         .text = pack_of(&f, wider),
                                         .params = pack_of(&f, "[\"doc\"]") }),
                  HB_OK);
        agree(&f, handle, spec, "[2001]", 0);
        agree(&f, handle, spec, "[2001.5]", 0);
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REGISTER,
                                         .flags = HB_FLAG_REPLACE,
                                         .text = pack_of(&f, other) }),
                  HB_OK);
        agree(&f, handle, spec, "[2001]", 0);
        agree(&f, handle, spec, "[\"2\"]", 0);
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"x\",\"year\":\"3\"}"), HB_OK);
        agree(&f, handle, spec, "[\"2\"]", 0);
        /* The same query of another entity, in turn. */
        hb_request beside = ask(&f, handle, spec, "[\"2\"]");
        beside.entity = hb_workspace_entity(f.ws, hb_str_c("beside"));
        CHECK(call(&f, beside) != HB_OK);
        agree(&f, handle, spec, "[\"2\"]", 0);
        fixture_close(&f);
    }
}

static int64_t read_clock(void *ctx) {
    return ((const process *)ctx)->ms;
}

/* Another instance alters the entity: no plan for a shape that is over. */
static void another_instances_definitions_end_a_plan(void) {
    static const char before[] = "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":"
                                 "\"integer\"}}";
    static const char after[] = "{\"name\":\"Doc\",\"fields\":{\"more\":{\"type\":\"integer\","
                                "\"default\":7},\"title\":\"short-text\",\"n\":\"short-text\"}}";
    static const char place[] = "{\"type\":\"sqlite\",\"vfs\":\"hb-memory\",\"database\":\"x.db\"}";
    static const char spec[] = "{\"filter\":{\"n\":{\"gte\":{\"$param\":0}}}}";
    static memory_fs files;
    static process a, b;
    memory_fs_init(&files);
    memory_vfs_use(&files);
    must(&a, process_start(&a, &files.fs, read_clock, "a", place, ""));
    must(&a, define(&a.f, before));
    must(&a, upsert(&a.f, "doc", "{\"object_id\":\"1\",\"title\":\"one\",\"n\":5}"));
    const uint32_t handle = prepare(&a.f, spec);
    agree(&a.f, handle, spec, "[4]", 0);
    hb_workspace_idle(a.f.ws);
    must(&b, process_start(&b, &files.fs, read_clock, "b", place, ""));
    must(&b, call(&b.f, (hb_request){ .kind = HB_CALL_ALTER,
                                      .text = pack_of(&b.f, after),
                                      .params = pack_of(&b.f, "[\"doc\"]") }));
    hb_workspace_idle(b.f.ws);
    agree(&a.f, handle, spec, "[4]", 0);
    must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE }));
    agree(&a.f, handle, spec, "[\"4\"]", 0);
    agree(&a.f, handle, spec, "[\"6\"]", 0);
    CHECK_INT(answer(&a.f)->batch.row_count, 0);
    fixture_close(&a.f);
    fixture_close(&b.f);
    memory_vfs_use(NULL);
    memory_fs_free(&files);
}

static hb_task *begin(fixture *f, uint32_t handle, const char *params) {
    const hb_request request = ask(f, handle, "", params);
    hb_task *task = NULL;
    CHECK_INT(hb_workspace_start(f->ws, &request, &task, &f->err), HB_OK);
    return task;
}

static uint32_t end(fixture *f, hb_task *task) {
    hb_step step;
    CHECK_INT(hb_task_step(task, &step, &f->err), HB_OK);
    const uint32_t rows = hb_task_answer(task)->batch.row_count;
    hb_task_free(task);
    return rows;
}

/* Runs that overlap have operands of their own; a release waits for them. */
static void runs_do_not_disturb_each_other(void) {
    fixture f;
    open_at(&f, places[0]);
    const uint32_t handle = prepare(&f, "{\"filter\":{\"price\":{\"lt\":{\"$param\":0}}}}");
    CHECK_INT(end(&f, begin(&f, handle, "[3]")), 3);
    hb_task *one = begin(&f, handle, "[5]"), *two = begin(&f, handle, "[7]");
    CHECK_INT(end(&f, two), 7);
    CHECK_INT(end(&f, one), 5);
    one = begin(&f, handle, "[2]");
    two = begin(&f, handle, "[4]");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_RELEASE, .prepared = handle }), HB_OK);
    CHECK_INT(end(&f, one), 2);
    CHECK_INT(end(&f, two), 4);
    CHECK_INT(call(&f, ask(&f, handle, "", "[2]")), HB_E_QUERY);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_RELEASE, .prepared = handle }), HB_OK);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(it_answers_as_the_query_built_anew);
    TEST(what_changes_definitions_ends_a_plan);
    TEST(another_instances_definitions_end_a_plan);
    TEST(runs_do_not_disturb_each_other);
}
