// SPDX-License-Identifier: MIT
/* Values outside the row on json, pickle and inmem: once, lazily, found missing, swept. */
#include "tests/unit/workspace/fixture.h"

#include <stdio.h>

#include "backends/inmem/store.h"
#include "tests/unit/support/memory_fs.h"

static const char *const options[] = {
    "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"data\"}}}",
    "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"pickle\",\"path\":\"data\"}}}",
};
static const char doc[] =
    "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"body\":{\"type\":\"long-text\",\"storage\":{\"strategy\":\"external\"}},"
    "\"raw\":{\"type\":\"artifact\",\"storage\":{\"strategy\":\"external\"}}}}";
static const char values[] = "data/shop/.heavenbase/values";
#define LARGE 3000u

/* Files in memory that count how often a value is opened. */
typedef struct watched {
    memory_fs files;
    hb_fs_code (*open)(void *ctx, hb_str path, hb_fs_how how, int32_t *file);
    int opened;
} watched;

static watched w;

static hb_fs_code watch_open(void *ctx, hb_str path, hb_fs_how how, int32_t *file) {
    if (how == HB_FS_READ && hb_str_find(path, HB_STR("/values/"), 0) >= 0) w.opened++;
    return w.open(ctx, path, how, file);
}

static void watch(void) {
    memory_fs_init(&w.files);
    w.open = w.files.fs.open;
    w.files.fs.open = watch_open;
    w.opened = 0;
}

static void open_on(fixture *f, const char *how) {
    memset(f, 0, sizeof(*f));
    hb_arena_init(&f->arena, hb_mem_default());
    const hb_host host = { .mem = hb_mem_default(), .fs = &w.files.fs };
    hb_status status = hb_workspace_open_on(hb_str_c(how), &host, &f->ws, &f->err);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
    if (hb_workspace_entity(f->ws, HB_STR("doc")) == HB_ENTITY_NONE) CHECK_INT(define(f, doc), HB_OK);
}

/* A row whose body is `c` LARGE times. */
static void put(fixture *f, const char *id, char c) {
    static char json[LARGE + 200];
    char body[LARGE + 1];
    memset(body, c, LARGE);
    body[LARGE] = '\0';
    snprintf(json, sizeof(json), "{\"object_id\":\"%s\",\"n\":%d,\"body\":\"%s\",\"raw\":\"small\"}", id, c, body);
    if (!CHECK_INT(upsert(f, "doc", json), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

/* First letters and lengths of the bodies, as "id|a3000 ". */
static const char *bodies(fixture *f, const char *spec) {
    if (!CHECK_INT(query(f, "doc", spec), HB_OK)) {
        test_check(false, f->err.msg, __FILE__, __LINE__);
        return "";
    }
    const hb_batch *batch = &answer(f)->batch;
    int at = hb_batch_find(batch, HB_STR("body"));
    hb_str out = HB_STR_EMPTY;
    for (uint32_t i = 0; i < batch->row_count && at >= 0; i++) {
        hb_value value = hb_column_get(&batch->columns[at], i);
        hb_str id = hb_column_span(&batch->columns[0], i);
        out = value.kind == HB_KIND_NULL
                  ? hb_arena_printf(&f->arena, "%.*s%.*s|- ", HB_ARG(out), HB_ARG(id))
                  : hb_arena_printf(&f->arena, "%.*s%.*s|%c%u ", HB_ARG(out), HB_ARG(id), value.as.s.ptr[0], value.as.s.len);
    }
    return hb_arena_printf(&f->arena, "%.*s", HB_ARG(out)).ptr;
}

static bool says(fixture *f, hb_call_kind kind, const char *part) {
    CHECK_INT(call(f, (hb_request){ .kind = kind, .entity = HB_ENTITY_NONE }), HB_OK);
    bool found = hb_str_find(answer(f)->json, hb_str_c(part), 0) >= 0;
    if (!found) test_check(false, hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr, __FILE__, __LINE__);
    return found;
}

static void large_values_are_kept_once_and_read_when_asked_for(void) {
    for (int i = 0; i < 2; i++) {
        CASE(options[i]);
        watch();
        fixture f;
        open_on(&f, options[i]);
        put(&f, "1", 'b');
        put(&f, "2", 'a');
        put(&f, "3", 'b');
        CHECK_INT(memory_fs_count(&w.files, values), 3);    /* two values and the mark of the field */
        hb_str row = memory_fs_bytes(&w.files, i == 0 ? "data/shop/doc/1.json" : "data/shop/doc/1.pkl");
        CHECK(row.ptr != NULL && row.len < 400);
        fixture_close(&f);
        open_on(&f, options[i]);
        w.opened = 0;
        CHECK_INT(query(&f, "doc", "{\"select\":[\"n\",\"raw\"],\"filter\":{\"n\":{\"gte\":97}}}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 3);
        CHECK_INT(query(&f, "doc", "{\"select\":[\"n\"],\"filter\":{\"body\":{\"is_null\":true}}}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 0);
        CHECK_INT(w.opened, 0);
        CHECK_INT(by_id(&f, HB_CALL_GET, "doc", "2"), HB_OK);
        CHECK_INT(w.opened, 1);
        const char *all = bodies(&f, "{}");
        CHECK_CSTR(all, "1|b3000 2|a3000 3|b3000 ");
        all = bodies(&f, "{\"order\":[\"body\"],\"limit\":2}");
        CHECK_CSTR(all, "2|a3000 1|b3000 ");
        all = bodies(&f, "{\"order\":[\"-body\",\"n\"],\"offset\":2}");
        CHECK_CSTR(all, "2|a3000 ");
        CHECK(says(&f, HB_CALL_AUDIT, "\"unused\":[],\"ok\":true}"));
        fixture_close(&f);
        memory_fs_free(&w.files);
    }
}

static void what_reads_as_a_reference_is_none(void) {
    watch();
    fixture f;
    open_on(&f, options[0]);
    put(&f, "1", 'x');
    static const char made[] = "heavenbase:value:0123456789abcdef0123456789abcdef";
    hb_str json = hb_arena_printf(&f.arena, "{\"object_id\":\"2\",\"body\":\"%s\",\"raw\":\"%s\"}", made, made);
    CHECK_INT(upsert(&f, "doc", json.ptr), HB_OK);
    CHECK_INT(query(&f, "doc", "{\"select\":[\"body\"]}"), HB_OK);
    CHECK_STR(hb_column_span(&answer(&f)->batch.columns[1], 1), made);
    fixture_close(&f);
    memory_fs_free(&w.files);
}

/* How the values of rows 1 (and 3, the same one) are lost. */
static void lose(int how) {
    for (uint32_t n = 0; n < memory_fs_count(&w.files, values); n++) {
        const char *path = memory_fs_path(&w.files, values, n);
        const hb_str bytes = memory_fs_bytes(&w.files, path);
        if (bytes.len == 0 || bytes.ptr[0] != 'b') continue;
        if (how == 0) memory_fs_drop(&w.files, path);
        if (how == 1) memory_fs_put(&w.files, path, HB_STR("bbb cut"));
        return;
    }
    test_check(false, "no such value", __FILE__, __LINE__);
}

static void lost_values_are_named_then_null(void) {
    for (int how = 0; how < 2; how++) {
        watch();
        fixture f;
        open_on(&f, options[how]);
        put(&f, "1", 'b');
        put(&f, "2", 'a');
        put(&f, "3", 'b');
        lose(how);
        CHECK_INT(query(&f, "doc", "{\"select\":[\"n\"]}"), HB_OK);
        CHECK_INT(query(&f, "doc", "{}"), HB_E_CORRUPT);
        CHECK_CSTR(f.err.field, "body");
        CHECK(says(&f, HB_CALL_AUDIT, how == 0 ? "\"reason\":\"the value that is kept outside the row is gone\",\"repaired\":false"
                                               : "\"reason\":\"the value that is kept outside the row was changed\",\"repaired\":false"));
        CHECK(says(&f, HB_CALL_AUDIT, "\"totals\":{\"catalog\":{\"missing\":0,\"dangling\":0,\"mismatched\":0},\"replicas\":{"
                                      "\"missing\":0,\"orphaned\":0,\"different\":0},\"storage\":2,"));
        CHECK(says(&f, HB_CALL_REPAIR, "\"field\":\"body\",\"what\":\"external\",\"value\":\"lost\""));
        CHECK(says(&f, HB_CALL_AUDIT, "\"problems\":[],\"unused\":[],\"ok\":true}"));
        const char *all = bodies(&f, "{}");
        CHECK_CSTR(all, "1|- 2|a3000 3|- ");
        CHECK_INT(memory_fs_count(&w.files, "data/shop/doc/.quarantine"), how);
        put(&f, "1", 'b');
        all = bodies(&f, "{}");
        CHECK_CSTR(all, "1|b3000 2|a3000 3|- ");
        fixture_close(&f);
        memory_fs_free(&w.files);
    }
}

static void values_that_no_row_holds_are_swept(void) {
    watch();
    fixture f;
    open_on(&f, options[0]);
    put(&f, "1", 'a');
    put(&f, "1", 'b');
    put(&f, "2", 'c');
    CHECK_INT(memory_fs_count(&w.files, values), 4);
    CHECK(says(&f, HB_CALL_AUDIT, "\"values\":1,\"deleted\":false"));
    CHECK(says(&f, HB_CALL_AUDIT, "\"problems\":[]"));
    /* Not while a row file lies in quarantine, which may hold one. */
    memory_fs_put(&w.files, "data/shop/doc/2.json", HB_STR("{ no row"));
    CHECK(says(&f, HB_CALL_REPAIR, "\"quarantined\":true"));
    CHECK_INT(memory_fs_count(&w.files, values), 4);
    memory_fs_drop(&w.files, "data/shop/doc/.quarantine/2.json");
    CHECK(says(&f, HB_CALL_REPAIR, "\"values\":2,\"deleted\":true"));
    CHECK_INT(memory_fs_count(&w.files, values), 2);
    const char *all = bodies(&f, "{}");
    CHECK_CSTR(all, "1|b3000 ");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_DROP, .entity = HB_ENTITY_NONE }), HB_OK);
    fixture_close(&f);
    CHECK_INT(memory_fs_count(&w.files, "data"), 0);
    memory_fs_free(&w.files);
}

static void rows_stay_whole_where_python_works(void) {
    watch();
    memory_fs_put(&w.files, "data/shop/sys_metaschema/x.json", HB_STR("{}"));
    fixture f;
    open_on(&f, options[0]);
    put(&f, "1", 'a');
    CHECK_INT(memory_fs_count(&w.files, values), 0);
    CHECK(memory_fs_bytes(&w.files, "data/shop/doc/1.json").len > LARGE);
    fixture_close(&f);
    open_on(&f, "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"json\",\"path\":\"data\",\"layout\":\"own\"}}}");
    put(&f, "2", 'b');
    CHECK_INT(memory_fs_count(&w.files, values), 2);
    const char *all = bodies(&f, "{}");
    CHECK_CSTR(all, "1|a3000 2|b3000 ");
    fixture_close(&f);
    memory_fs_free(&w.files);
}

/* Files keep their rows when the strategy changes: references are followed all the same. */
static void a_field_can_be_held_in_the_row_again(void) {
    watch();
    fixture f;
    open_on(&f, options[0]);
    put(&f, "1", 'a');
    static const char inl[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"body\":\"long-text\",\"raw\":\"artifact\"}}";
    hb_status status = call(&f, (hb_request){ .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE, .text = pack_of(&f, inl) });
    if (!CHECK_INT(status, HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
    put(&f, "2", 'b');
    const char *all = bodies(&f, "{\"filter\":{\"body\":{\"starts_with\":\"aa\"}}}");
    CHECK_CSTR(all, "1|a3000 ");
    all = bodies(&f, "{}");
    CHECK_CSTR(all, "1|a3000 2|b3000 ");
    CHECK(says(&f, HB_CALL_REPAIR, "\"unused\":[],\"ok\":true}"));
    fixture_close(&f);
    memory_fs_free(&w.files);
}

/* Every file operation of a write fails in turn, or is the last one of the process. */
static void a_write_is_all_or_nothing(void) {
    for (int kill = 0; kill < 2; kill++) {
        for (uint64_t nth = 1, reached = 1; reached; nth++) {
            watch();
            fixture f;
            open_on(&f, options[0]);
            put(&f, "1", 'a');
            memory_fs_fail_at(&w.files, nth, HB_FS_IO, kill == 1);
            static char json[LARGE + 200];
            memset(json, 'b', sizeof(json));
            int len = snprintf(json, sizeof(json), "{\"object_id\":\"1\",\"n\":5,\"body\":\"");
            json[len] = 'b';
            memcpy(json + len + LARGE, "\"}", 3);
            hb_status status = upsert(&f, "doc", json);
            reached = w.files.failed;
            fixture_close(&f);
            memory_fs_restart(&w.files);
            open_on(&f, options[0]);
            const char *all = bodies(&f, "{}");
            bool before = strcmp(all, "1|a3000 ") == 0, after = strcmp(all, "1|b3000 ") == 0;
            CHECK(before || after);
            if (status == HB_OK) CHECK(after);
            if (kill == 0 && status != HB_OK) CHECK(before);
            CHECK(says(&f, HB_CALL_AUDIT, "\"problems\":[]"));
            fixture_close(&f);
            memory_fs_free(&w.files);
        }
    }
}

static void equal_values_in_memory_are_kept_once(void) {
    fixture f;
    fixture_open(&f, "{\"id\":\"shop\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    CHECK_INT(define(&f, doc), HB_OK);
    hb_entity *entity = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("doc"))];
    const uint32_t field = hb_schema_find(entity->schema, HB_STR("body"));
    const hb_container *container = entity->routing->containers[0];
    const inmem_store *store = container->state;
    char id[16];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 60; i++) {
            snprintf(id, sizeof(id), "%02d", i);
            put(&f, id, (char)('a' + (i + round) % 3));
        }
    }
    const hb_colbuf *column = &store->fields[container->by_field[field]].column;
    CHECK(column->heap_len < 30 * LARGE);
    CHECK_INT(column->shared_count, 3);
    const char *all = bodies(&f, "{\"limit\":4}");
    CHECK_CSTR(all, "00|c3000 01|a3000 02|b3000 03|c3000 ");
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof(id), "%02d", i);
        if (i % 3 != 1) CHECK_INT(by_id(&f, HB_CALL_DELETE, "doc", id), HB_OK);
    }
    all = bodies(&f, "{\"limit\":2}");
    CHECK_CSTR(all, "01|a3000 04|a3000 ");
    fixture_close(&f);
}

TEST_SUITE {
    TEST(large_values_are_kept_once_and_read_when_asked_for);
    TEST(what_reads_as_a_reference_is_none);
    TEST(lost_values_are_named_then_null);
    TEST(values_that_no_row_holds_are_swept);
    TEST(rows_stay_whole_where_python_works);
    TEST(a_field_can_be_held_in_the_row_again);
    TEST(a_write_is_all_or_nothing);
    TEST(equal_values_in_memory_are_kept_once);
}
