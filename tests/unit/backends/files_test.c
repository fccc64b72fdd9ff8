// SPDX-License-Identifier: MIT
/* json, pickle and file over files in memory: layout, reading back, kills and failures at every operation. */
#include "tests/unit/workspace/fixture.h"

#include <stdio.h>

#include "backends/files/pickle.h"
#include "tests/unit/support/memory_fs.h"

static const char json_options[] = "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"data\"}}}";
static const char pickle_options[] =
    "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"pickle\",\"path\":\"data\"}}}";
static const char doc[] =
    "{\"entity_id\":\"my-doc\",\"name\":\"MyDoc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"f\":\"float\","
    "\"b\":\"boolean\",\"j\":\"json\",\"v\":\"vector[2]\",\"a\":\"array[integer]\",\"raw\":\"artifact\",\"day\":\"date\"}}";
static const char row_full[] =
    "{\"object_id\":\"x:1\",\"name\":\"one\",\"title\":\"\\\"\xc3\xa9\\n\",\"n\":9007199254740993,\"f\":1e16,\"b\":true,"
    "\"j\":{\"b\":[1,2.5,null],\"a\":9007199254740993},\"v\":[0.1,-2],\"a\":[1,9007199254740993],\"raw\":\"hi\","
    "\"day\":\"2020-02-29\"}";
static const char file_full[] =
    "{\n  \"a\": [\n    1,\n    {\n      \"__obj_data__\": \"9007199254740993\",\n      \"__obj_type__\": \"bigint\"\n    }\n"
    "  ],\n  \"b\": true,\n  \"day\": \"2020-02-29\",\n  \"f\": 1e+16,\n"
    "  \"j\": \"{\\\"a\\\": {\\\"__obj_data__\\\": \\\"9007199254740993\\\", \\\"__obj_type__\\\": \\\"bigint\\\"}, "
    "\\\"b\\\": [1, 2.5, null]}\",\n"
    "  \"n\": {\n    \"__obj_data__\": \"9007199254740993\",\n    \"__obj_type__\": \"bigint\"\n  },\n"
    "  \"name\": \"one\",\n  \"object_id\": \"x:1\",\n  \"raw\": \"aGk=\",\n  \"title\": \"\\\"\xc3\xa9\\n\",\n"
    "  \"v\": [\n    0.1,\n    -2.0\n  ]\n}";

static hb_status try_open(fixture *f, memory_fs *files, const char *options) {
    memset(f, 0, sizeof(*f));
    hb_arena_init(&f->arena, hb_mem_default());
    const hb_host host = { .mem = hb_mem_default(), .fs = &files->fs };
    return hb_workspace_open_on(hb_str_c(options), &host, &f->ws, &f->err);
}

static void open_on(fixture *f, memory_fs *files, const char *options) {
    if (!CHECK_INT(try_open(f, files, options), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

static void must(fixture *f, hb_status status) {
    if (!CHECK_INT(status, HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

/* All rows as "id|title", by id. */
static const char *titles(fixture *f) {
    const hb_status status = query(f, "my-doc", "{}");
    must(f, status);
    return status == HB_OK ? lines(f, "title") : "";
}

static const char *audit(fixture *f, hb_call_kind kind) {
    must(f, call(f, (hb_request){ .kind = kind, .entity = HB_ENTITY_NONE }));
    const char *text = strstr(hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr, "\"storage\":");
    return text != NULL ? text : "";
}

static void a_row_is_the_file_that_python_writes(void) {
    memory_fs files;
    memory_fs_init(&files);
    fixture f;
    open_on(&f, &files, json_options);
    must(&f, define(&f, doc));
    must(&f, upsert(&f, "my-doc", row_full));
    CHECK_STR(memory_fs_bytes(&files, "data/shop/my_doc/x%3A1.json"), file_full);
    CHECK(memory_fs_bytes(&files, "data/shop/sys_catalog/catalog%3Amy-doc%3Ax%3A1.json").ptr != NULL);
    CHECK_INT(memory_fs_count(&files, "data/shop/.heavenbase/tx"), 0);
    CHECK_INT(memory_fs_count(&files, "data/shop"), 5);     /* two rows, the format, the definition and its copy */
    fixture_close(&f);
    memory_fs_free(&files);
}

static void rows_and_definitions_come_back(void) {
    static const char *const all[] = { json_options, pickle_options };
    for (int i = 0; i < 2; i++) {
        CASE(all[i]);
        memory_fs files;
        memory_fs_init(&files);
        fixture f;
        open_on(&f, &files, all[i]);
        must(&f, define(&f, doc));
        must(&f, upsert(&f, "my-doc", row_full));
        must(&f, by_id(&f, HB_CALL_GET, "my-doc", "x:1"));
        hb_buf before, after;
        hb_buf_init(&before, hb_mem_default());
        hb_buf_init(&after, hb_mem_default());
        for (uint32_t c = 0; c < answer(&f)->batch.column_count; c++) {
            const hb_value value = hb_column_get(&answer(&f)->batch.columns[c], 0);
            hb_pack_value(&before, &value);
        }
        fixture_close(&f);
        open_on(&f, &files, all[i]);
        must(&f, by_id(&f, HB_CALL_GET, "my-doc", "x:1"));
        CHECK_INT(answer(&f)->batch.row_count, 1);
        for (uint32_t c = 0; c < answer(&f)->batch.column_count && answer(&f)->batch.row_count == 1; c++) {
            const hb_value value = hb_column_get(&answer(&f)->batch.columns[c], 0);
            hb_pack_value(&after, &value);
        }
        CHECK_BYTES(after.ptr, after.len, before.ptr, before.len);
        CHECK_CSTR(titles(&f), "x:1|\"\xc3\xa9\n\n");
        hb_buf_free(&before);
        hb_buf_free(&after);
        must(&f, by_id(&f, HB_CALL_DELETE, "my-doc", "x:1"));
        CHECK_CSTR(titles(&f), "");
        CHECK_INT(memory_fs_count(&files, "data/shop/my_doc"), 0);
        fixture_close(&f);
        memory_fs_free(&files);
    }
}

static void other_workspaces_survive_a_drop(void) {
    memory_fs files;
    memory_fs_init(&files);
    fixture f;
    memory_fs_put(&files, "data/other/my_doc/1.json", HB_STR("{}"));
    memory_fs_put(&files, "data/shop/sys_metaschema/x.json", HB_STR("{}"));
    open_on(&f, &files, json_options);
    must(&f, define(&f, doc));
    must(&f, upsert(&f, "my-doc", row_full));
    must(&f, call(&f, (hb_request){ .kind = HB_CALL_DROP, .entity = HB_ENTITY_NONE }));
    fixture_close(&f);
    CHECK_INT(memory_fs_count(&files, "data/shop"), 0);
    hb_fs_stat info;
    CHECK_INT(files.fs.stat(&files, HB_STR("data/shop"), &info), HB_FS_MISSING);
    CHECK_INT(memory_fs_count(&files, "data/other"), 1);
    memory_fs_free(&files);
}

static void edits_are_seen_after_refresh(void) {
    memory_fs files;
    memory_fs_init(&files);
    fixture f;
    open_on(&f, &files, json_options);
    must(&f, define(&f, doc));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"1\",\"title\":\"a\"}"));
    CHECK_CSTR(titles(&f), "1|a\n");
    memory_fs_put(&files, "data/shop/my_doc/1.json", HB_STR("{\"title\": \"edited\", \"n\": 5.0, \"unknown\": 1}"));
    memory_fs_put(&files, "data/shop/my_doc/2.json", HB_STR("{\"object_id\":\"2\",\"title\":\"new\",\"j\":{\"k\":1}}"));
    memory_fs_put(&files, "data/shop/my_doc/3.json", HB_STR("{\"title\": \"nan\", \"f\": NaN, \"j\": \"[-Infinity, 1]\"}"));
    memory_fs_put(&files, "data/shop/my_doc/.3.json.tmp", HB_STR("{"));
    must(&f, call(&f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE }));
    CHECK_CSTR(titles(&f), "1|edited\n2|new\n3|nan\n");
    must(&f, query(&f, "my-doc", "{\"filter\":{\"f\":{\"is_null\":true},\"j.1\":1}}"));
    CHECK_INT(answer(&f)->batch.row_count, 1);
    must(&f, query(&f, "my-doc", "{\"filter\":{\"j.k\":1}}"));
    CHECK_INT(answer(&f)->batch.row_count, 1);
    fixture_close(&f);
    memory_fs_free(&files);
}

static void one_bad_file_hides_no_row(void) {
    memory_fs files;
    memory_fs_init(&files);
    fixture f;
    open_on(&f, &files, json_options);
    must(&f, define(&f, doc));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"1\",\"title\":\"a\"}"));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"2\",\"title\":\"b\"}"));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"3\",\"title\":\"c\"}"));
    fixture_close(&f);
    memory_fs_put(&files, "data/shop/my_doc/2.json", HB_STR("{\"object_id\": \"2\", \"tit"));
    memory_fs_put(&files, "data/shop/my_doc/4.json", HB_STR("{\"object_id\": \"5\"}"));
    memory_fs_put(&files, "data/shop/my_doc/6.json", HB_STR("{\"v\": \"no vector\", \"title\": \"d\"}"));
    open_on(&f, &files, json_options);
    CHECK_CSTR(titles(&f), "1|a\n3|c\n6|d\n");
    const char *found = audit(&f, HB_CALL_AUDIT);
    CHECK(strstr(found, "\"path\":\"data/shop/my_doc/2.json\"") != NULL);
    CHECK(strstr(found, "invalid JSON at byte") != NULL);
    CHECK(strstr(found, "its object_id is '5'") != NULL);
    CHECK(strstr(found, "\"path\":\"data/shop/my_doc/6.json\",\"object_id\":\"6\"") != NULL);
    CHECK(strstr(found, "\"field\":\"v\",\"what\":\"value\"") != NULL);
    CHECK(strstr(found, "\"quarantined\":true") == NULL);
    CHECK(strstr(audit(&f, HB_CALL_REPAIR), "\"quarantined\":true") != NULL);
    CHECK_STR(memory_fs_bytes(&files, "data/shop/my_doc/.quarantine/2.json"), "{\"object_id\": \"2\", \"tit");
    CHECK_INT(memory_fs_count(&files, "data/shop/my_doc/.quarantine"), 2);
    CHECK_STR(memory_fs_bytes(&files, "data/shop/my_doc/.quarantine/6.json"), "{\"v\": \"no vector\", \"title\": \"d\"}");
    CHECK_STR(memory_fs_bytes(&files, "data/shop/my_doc/5.json"), "{\"object_id\": \"5\"}");
    CHECK(strstr(audit(&f, HB_CALL_AUDIT), "\"files\":[]") != NULL);
    CHECK(strstr(audit(&f, HB_CALL_AUDIT), "\"problems\":[]") != NULL);
    CHECK_CSTR(titles(&f), "1|a\n3|c\n5|\n6|d\n");
    fixture_close(&f);
    memory_fs_free(&files);
}

/* A state with rows 1 and 2; the change under test turns it into the other one. */
static void prepare(memory_fs *files, const char *options) {
    memory_fs_init(files);
    fixture f;
    open_on(&f, files, options);
    must(&f, define(&f, doc));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"1\",\"title\":\"a\"}"));
    must(&f, upsert(&f, "my-doc", "{\"object_id\":\"2\",\"title\":\"b\"}"));
    fixture_close(&f);
}

static hb_status change(fixture *f, int which) {
    if (which == 0) return upsert(f, "my-doc", "{\"object_id\":\"1\",\"title\":\"changed\"}");
    if (which == 1) return upsert(f, "my-doc", "{\"object_id\":\"3\",\"title\":\"new\"}");
    return by_id(f, HB_CALL_DELETE, "my-doc", "2");
}

static const char *const before_rows = "1|a\n2|b\n";
static const char *const after_rows[] = { "1|changed\n2|b\n", "1|a\n2|b\n3|new\n", "1|a\n" };

/* The rows, and whether the Catalog agrees with them. */
static void check_state(fixture *f, int which, bool before_allowed, bool after_allowed) {
    const char *rows = titles(f);
    CHECK((before_allowed && strcmp(rows, before_rows) == 0) || (after_allowed && strcmp(rows, after_rows[which]) == 0));
    must(f, call(f, (hb_request){ .kind = HB_CALL_AUDIT, .entity = HB_ENTITY_NONE }));
    const char *text = hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr;
    CHECK(strncmp(text, "{\"catalog\":{\"ok\":true", 21) == 0);
    CHECK(strstr(text, "\"files\":[]") != NULL);
}

static void a_kill_leaves_before_or_after(void) {
    for (int which = 0; which < 6; which++) {
        const char *options = which < 3 ? json_options : pickle_options;
        bool reached = true, seen_before = false, seen_after = false;
        for (uint64_t at = 1; reached; at++) {
            char name[64];
            snprintf(name, sizeof(name), "change %d, killed at operation %d", which, (int)at);
            CASE(name);
            memory_fs files;
            prepare(&files, options);
            fixture f;
            open_on(&f, &files, options);
            memory_fs_fail_at(&files, at, HB_FS_IO, true);
            const hb_status status = change(&f, which % 3);
            reached = files.failed;
            CHECK(reached || status == HB_OK);
            fixture_close(&f);
            memory_fs_restart(&files);
            open_on(&f, &files, options);
            /* What was acknowledged stays. */
            check_state(&f, which % 3, status != HB_OK, true);
            seen_before = seen_before || strcmp(titles(&f), before_rows) == 0;
            seen_after = seen_after || strcmp(titles(&f), before_rows) != 0;
            CHECK_INT(memory_fs_count(&files, "data/shop/.heavenbase/tx"), 0);
            fixture_close(&f);
            memory_fs_free(&files);
        }
        CHECK(seen_before && seen_after);
    }
}

static void a_failing_operation_leaves_before_or_after(void) {
    for (int which = 0; which < 3; which++) {
        bool reached = true;
        for (uint64_t at = 1; reached; at++) {
            char name[64];
            snprintf(name, sizeof(name), "change %d, operation %d fails", which, (int)at);
            CASE(name);
            memory_fs files;
            prepare(&files, json_options);
            fixture f;
            open_on(&f, &files, json_options);
            CHECK_CSTR(titles(&f), before_rows);
            memory_fs_fail_at(&files, at, HB_FS_FULL, false);
            const hb_status status = change(&f, which);
            reached = files.failed;
            memory_fs_fail_at(&files, 0, HB_FS_OK, false);
            CHECK(status == HB_OK || status == HB_E_BACKEND);
            check_state(&f, which, status != HB_OK, status == HB_OK);
            /* The next call works, and a new process sees the same. */
            must(&f, change(&f, which));
            check_state(&f, which, false, true);
            fixture_close(&f);
            open_on(&f, &files, json_options);
            check_state(&f, which, false, true);
            fixture_close(&f);
            memory_fs_free(&files);
        }
    }
}

static void opening_survives_a_failing_operation(void) {
    bool reached = true;
    for (uint64_t at = 1; reached; at++) {
        memory_fs files;
        prepare(&files, json_options);
        fixture f;
        memory_fs_fail_at(&files, at, HB_FS_REFUSED, false);
        const hb_status status = try_open(&f, &files, json_options);
        reached = files.failed;
        memory_fs_fail_at(&files, 0, HB_FS_OK, false);
        CHECK(status == HB_OK || status == HB_E_REFUSED);
        if (status == HB_OK) CHECK_CSTR(titles(&f), before_rows);
        fixture_close(&f);
        memory_fs_free(&files);
    }
}

static void options_are_checked(void) {
    static const struct { const char *options; hb_status want; } cases[] = {
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"file\",\"path\":\"d\",\"fmt\":\"pickle\"}}}", HB_OK },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"file\",\"path\":\"d\",\"fmt\":\"xml\"}}}", HB_E_VALIDATION },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"file:x\"}}}", HB_E_VALIDATION },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"file:///%zz\"}}}", HB_E_VALIDATION },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"file:///abs%20folder/x\"}}}", HB_OK },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"file://%/kept\"}}}", HB_OK },
        { "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"json\",\"paths\":\"x\"}}}", HB_E_UNKNOWN_BACKEND },
    };
    memory_fs files;
    memory_fs_init(&files);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].options);
        fixture f;
        CHECK_INT(try_open(&f, &files, cases[i].options), cases[i].want);
        if (f.ws != NULL && define(&f, doc) == HB_OK) must(&f, upsert(&f, "my-doc", "{\"object_id\":\"1\"}"));
        fixture_close(&f);
    }
    CASE("no files");
    hb_workspace *ws = NULL;
    hb_err err;
    CHECK_INT(hb_workspace_open(hb_str_c(json_options), hb_mem_default(), &ws, &err), HB_E_UNAVAILABLE);
    CHECK(memory_fs_bytes(&files, "d/w/my_doc/1.pkl").ptr != NULL);
    CHECK(memory_fs_bytes(&files, "/abs folder/x/w/my_doc/1.json").ptr != NULL);
    CHECK(memory_fs_bytes(&files, "kept/w/my_doc/1.json").ptr != NULL);
    memory_fs_free(&files);
}

/* ---- pickles ------------------------------------------------------------------------------ */

/* The value of a pickle as JSON, or what was wrong with it. */
static const char *read_pickle(hb_arena *arena, hb_str bytes, char native[24]) {
    hb_buf pack, json;
    hb_buf_init(&pack, hb_mem_default());
    hb_buf_init(&json, hb_mem_default());
    hb_err err;
    hb_err_init(&err);
    hb_status status = files_pickle_decode(bytes, &pack, &err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, &err);
    if (status != HB_OK) hb_buf_add_c(&json, err.msg);
    memcpy(native, err.native, sizeof(err.native));
    hb_buf_add_char(&json, '\0');
    const char *text = hb_arena_copy(arena, json.ptr, json.len);
    hb_buf_free(&pack);
    hb_buf_free(&json);
    return text;
}

static void pickles_are_read_as_data(void) {
    static const struct { hb_str bytes; const char *want; } cases[] = {
        { HB_STR("\x80\x02}q\x00(X\x01\x00\x00\x00" "aK\x05X\x01\x00\x00\x00" "bG?\xf8\x00\x00\x00\x00\x00\x00u."),
          "{\"a\":5,\"b\":1.5}" },
        { HB_STR("\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01x\x94h\x00\x86."), "[\"x\",\"x\"]" },
        { HB_STR("\x80\x03(K\x01M\x00\x01J\xff\xff\xff\xff\x88\x89Nt."), "[1,256,-1,true,false,null]" },
        { HB_STR("\x80\x02\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f."), "9223372036854775807" },
        { HB_STR("\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80."), "-9223372036854775808" },
        { HB_STR("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00."), "9.223372036854776e+18" },
        { HB_STR("\x80\x02\x8a\x00."), "0" },
        { HB_STR("\x80\x04\x8f\x94(K\x01K\x02\x90."), "[1,2]" },
        { HB_STR("\x80\x04(K\x01K\x02\x91."), "[1,2]" },
        { HB_STR("\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00hi."), "\"aGk=\"" },
        { HB_STR("\x80\x02U\x01zK\x01\x86."), "[\"z\",1]" },
        { HB_STR("\x80\x02]q\x00(h\x00" "e."), "malformed pickle" },
        { HB_STR("\x80\x02."), "malformed pickle" },
        { HB_STR("\x80\x02K\x01"), "malformed pickle" },
        { HB_STR("\x80\x02X\xff\xff\xff\xff" "a."), "malformed pickle" },
        { HB_STR("\x80\x02h\x07."), "malformed pickle" },
        { HB_STR("\x80\x02(K\x01\x64."), "malformed pickle" },
        { HB_STR("\x80\x06N."), "malformed pickle" },
        { HB_STR("I1\n."), "malformed pickle" },
    };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char native[24];
        const char *got = read_pickle(&arena, cases[i].bytes, native);
        if (strncmp(cases[i].want, "malformed", 9) == 0) CHECK(strncmp(got, cases[i].want, strlen(cases[i].want)) == 0);
        else CHECK_CSTR(got, cases[i].want);
    }
    hb_arena_free(&arena);
}

static void pickles_that_act_are_refused(void) {
    static const struct { hb_str bytes; const char *opcode; } cases[] = {
        { HB_STR("\x80\x02" "cos\nsystem\n(X\x04\x00\x00\x00" "echotR."), "GLOBAL" },
        { HB_STR("\x80\x04\x8c\x02os\x8c\x06system\x93."), "STACK_GLOBAL" },
        { HB_STR("\x80\x04NNR."), "REDUCE" },
        { HB_STR("\x80\x04NNb."), "BUILD" },
        { HB_STR("\x80\x02(ios\nsystem\n."), "INST" },
        { HB_STR("\x80\x02(No."), "OBJ" },
        { HB_STR("\x80\x02N)\x81."), "NEWOBJ" },
        { HB_STR("\x80\x04N)}\x92."), "NEWOBJ_EX" },
        { HB_STR("\x80\x02P1\n."), "PERSID" },
        { HB_STR("\x80\x02NQ."), "BINPERSID" },
        { HB_STR("\x80\x02\x82\x01."), "EXT1" },
        { HB_STR("\x80\x02\x83\x01\x00."), "EXT2" },
        { HB_STR("\x80\x02\x84\x01\x00\x00\x00."), "EXT4" },
        { HB_STR("\x80\x05\x97."), "NEXT_BUFFER" },
        { HB_STR("\x80\x05N\x98."), "READONLY_BUFFER" },
    };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char native[24];
        const char *got = read_pickle(&arena, cases[i].bytes, native);
        CHECK(strncmp(got, "refused: ", 9) == 0);
        CHECK_CSTR(native, cases[i].opcode);
    }
    hb_arena_free(&arena);
}

TEST_SUITE {
    TEST(a_row_is_the_file_that_python_writes);
    TEST(rows_and_definitions_come_back);
    TEST(other_workspaces_survive_a_drop);
    TEST(edits_are_seen_after_refresh);
    TEST(one_bad_file_hides_no_row);
    TEST(a_kill_leaves_before_or_after);
    TEST(a_failing_operation_leaves_before_or_after);
    TEST(opening_survives_a_failing_operation);
    TEST(options_are_checked);
    TEST(pickles_are_read_as_data);
    TEST(pickles_that_act_are_refused);
}
