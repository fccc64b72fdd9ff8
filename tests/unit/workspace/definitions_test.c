// SPDX-License-Identifier: MIT
/* Two open instances of one workspace, of which one changes what is defined. */
#include "tests/unit/workspace/process.h"

#include "tests/unit/support/memory_fs.h"
#include "tests/unit/support/memory_vfs.h"

static const char before[] = "{\"entity_id\":\"my-doc\",\"name\":\"MyDoc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\"}}";
static const char after[] = "{\"entity_id\":\"my-doc\",\"name\":\"MyDoc\",\"fields\":{\"title\":\"short-text\",\"n\":\"short-text\","
                            "\"more\":{\"type\":\"integer\",\"default\":7}}}";
static const char other[] = "{\"entity_id\":\"other\",\"name\":\"Other\",\"fields\":{\"k\":\"integer\"}}";

static const char *const places[] = {
    "{\"type\":\"json\",\"path\":\"data\"}",
    "{\"type\":\"pickle\",\"path\":\"data\"}",
    "{\"type\":\"sqlite\",\"vfs\":\"hb-memory\",\"database\":\"x.db\"}",
};

static memory_fs files;
static process a, b;

static int64_t read_clock(void *ctx) {
    return ((const process *)ctx)->ms;
}

static void rest(process *p) {
    hb_workspace_idle(p->f.ws);
}

static hb_status alter(process *p, const char *definition) {
    return call(&p->f, (hb_request){ .kind = HB_CALL_ALTER, .text = pack_of(&p->f, definition),
                                     .params = pack_of(&p->f, "[\"my-doc\"]") });
}

static hb_status refresh(process *p) {
    return call(&p->f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE });
}

/* Two instances that know the entity and its one row. */
static void start_both(const char *place) {
    memory_fs_init(&files);
    memory_vfs_use(&files);
    must(&a, process_start(&a, &files.fs, read_clock, "a", place, ""));
    must(&a, define(&a.f, before));
    must(&a, upsert(&a.f, "my-doc", "{\"object_id\":\"1\",\"title\":\"one\",\"n\":5}"));
    rest(&a);
    must(&b, process_start(&b, &files.fs, read_clock, "b", place, ""));
    CHECK_CSTR(titles(&b), "1|one\n");
    rest(&b);
}

static void end_both(void) {
    fixture_close(&a.f);
    fixture_close(&b.f);
    memory_vfs_use(NULL);
    memory_fs_free(&files);
}

static void is_outdated(process *p, hb_status status) {
    CHECK_INT(status, HB_E_SCHEMA_CONFLICT);
    CHECK(strstr(p->f.err.msg, "my-doc") != NULL);
    CHECK(strstr(p->f.err.msg, "refresh()") != NULL);
}

static void check_altered(process *p) {
    CHECK_INT(query(&p->f, "my-doc", "{}"), HB_OK);
    CHECK_CSTR(lines(&p->f, "n"), "1|5\n2|x\n");
    CHECK_CSTR(lines(&p->f, "more"), "1|7\n2|8\n");
    must(p, call(&p->f, (hb_request){ .kind = HB_CALL_AUDIT }));
    CHECK(hb_str_ends(answer(&p->f)->json, HB_STR("\"ok\":true}")));
}

static void an_altered_entity_is_refused_until_it_is_refreshed(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CASE(places[i]);
        start_both(places[i]);
        must(&a, alter(&a, after));
        rest(&a);
        for (int turn = 0; turn < 2; turn++) {
            is_outdated(&b, upsert(&b.f, "my-doc", "{\"object_id\":\"2\",\"title\":\"two\",\"n\":6}"));
            is_outdated(&b, query(&b.f, "my-doc", "{}"));
            is_outdated(&b, by_id(&b.f, HB_CALL_GET, "my-doc", "1"));
            is_outdated(&b, by_id(&b.f, HB_CALL_GET, NULL, "1"));
            is_outdated(&b, by_id(&b.f, HB_CALL_DELETE, "my-doc", "1"));
            is_outdated(&b, call(&b.f, (hb_request){ .kind = HB_CALL_AUDIT }));
            is_outdated(&b, alter(&b, before));
            CHECK_INT(query(&b.f, "sys-catalog", "{\"count\":{}}"), HB_OK);
        }
        must(&b, refresh(&b));
        must(&b, upsert(&b.f, "my-doc", "{\"object_id\":\"2\",\"title\":\"two\",\"n\":\"x\",\"more\":8}"));
        check_altered(&b);
        rest(&b);
        check_altered(&a);
        end_both();
    }
}

static void registering_takes_it_over_or_tells_what_differs(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CASE(places[i]);
        start_both(places[i]);
        must(&a, alter(&a, after));
        rest(&a);
        CHECK_INT(define(&b.f, before), HB_E_SCHEMA_CONFLICT);
        CHECK(strstr(b.f.err.msg, "alterEntity") != NULL);
        must(&b, define(&b.f, after));
        must(&b, upsert(&b.f, "my-doc", "{\"object_id\":\"2\",\"title\":\"two\",\"n\":\"x\",\"more\":8}"));
        check_altered(&b);
        end_both();
    }
}

static void new_entities_and_words_are_taken_over(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CASE(places[i]);
        start_both(places[i]);
        must(&a, define(&a.f, other));
        must(&a, upsert(&a.f, "other", "{\"object_id\":\"o\",\"k\":1}"));
        must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_DESCRIBE, .entity = hb_workspace_entity(a.f.ws, HB_STR("my-doc")),
                                          .text = pack_of(&a.f, "{\"desc\":\"said\"}") }));
        rest(&a);
        CHECK_INT(hb_workspace_entity(b.f.ws, HB_STR("other")), HB_ENTITY_NONE);
        must(&b, refresh(&b));
        CHECK_INT(query(&b.f, "other", "{}"), HB_OK);
        CHECK_CSTR(lines(&b.f, "k"), "o|1\n");
        must(&b, upsert(&b.f, "other", "{\"object_id\":\"p\",\"k\":2}"));
        CHECK_INT(query(&b.f, "sys-metaschema", "{\"filter\":{\"kind\":\"entity\",\"subject_id\":\"my-doc\"}}"), HB_OK);
        CHECK_CSTR(lines(&b.f, "desc"), "entity:my-doc|said\n");
        CHECK_CSTR(titles(&b), "1|one\n");
        end_both();
    }
}

static void is_dropped(process *p, hb_status status) {
    CHECK_INT(status, HB_E_UNKNOWN_ENTITY);
    CHECK_CSTR(p->f.err.entity, "my-doc");
    CHECK(strstr(p->f.err.msg, "another instance of the workspace has dropped entity 'my-doc'") != NULL);
}

/* Nothing makes it again but registering, which begins without rows. */
static void a_dropped_entity_is_unknown_until_it_is_registered(void) {
    static const char *const more[] = { "{\"type\":\"sqlite\",\"vfs\":\"hb-memory\",\"layout\":\"python\",\"database\":\"x.db\"}" };
    const size_t count = sizeof(places) / sizeof(places[0]);
    for (size_t i = 0; i < 2 * (count + 1); i++) {
        const bool refreshed = i > count;
        const size_t at = i % (count + 1);
        CASE(at < count ? places[at] : more[0]);
        start_both(at < count ? places[at] : more[0]);
        const uint32_t number = hb_workspace_entity(b.f.ws, HB_STR("my-doc"));
        must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_DROP }));
        rest(&a);
        if (refreshed) must(&b, refresh(&b));
        for (int turn = 0; turn < 2; turn++) {
            const hb_request look = { .kind = HB_CALL_QUERY, .entity = number, .text = HB_STR("{}") };
            const hb_batch row = row_of(&b.f, "{\"object_id\":\"2\",\"title\":\"two\"}");
            is_dropped(&b, call(&b.f, look));
            is_dropped(&b, call(&b.f, (hb_request){ .kind = HB_CALL_UPSERT, .entity = number, .batch = row }));
            is_dropped(&b, call(&b.f, (hb_request){ .kind = HB_CALL_SET, .entity = number, .batch = row }));
            is_dropped(&b, call(&b.f, (hb_request){ .kind = HB_CALL_SCHEMA, .entity = number }));
            must(&b, by_id(&b.f, HB_CALL_GET, NULL, "1"));
            CHECK_INT(answer(&b.f)->batch.row_count, 0);
            must(&b, query(&b.f, "sys-metaschema", "{\"filter\":{\"subject_id\":\"my-doc\"}}"));
            CHECK_INT(answer(&b.f)->batch.row_count, 0);
            must(&b, query(&b.f, "sys-catalog", "{}"));
            CHECK_INT(answer(&b.f)->batch.row_count, 0);
            hb_entity *entity;
            is_dropped(&b, hb_entity_by_id(b.f.ws, HB_STR("my-doc"), &entity, &b.f.err));
            must(&b, call(&b.f, (hb_request){ .kind = HB_CALL_AUDIT }));
            CHECK(hb_str_ends(answer(&b.f)->json, HB_STR("\"ok\":true}")));
            must(&b, call(&b.f, (hb_request){ .kind = HB_CALL_INFO }));
            CHECK(hb_str_find(answer(&b.f)->json, HB_STR("my-doc"), 0) < 0);
            must(&b, refresh(&b));
        }
        must(&b, define(&b.f, before));
        CHECK_CSTR(titles(&b), "");
        must(&b, upsert(&b.f, "my-doc", "{\"object_id\":\"3\",\"title\":\"new\"}"));
        CHECK_CSTR(titles(&b), "3|new\n");
        must(&b, call(&b.f, (hb_request){ .kind = HB_CALL_AUDIT }));
        CHECK(hb_str_ends(answer(&b.f)->json, HB_STR("\"ok\":true}")));
        end_both();
    }
}

/* By the time somebody has begun anew, only what is there again is known. */
static void what_was_registered_after_a_drop_is_taken_up(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CASE(places[i]);
        start_both(places[i]);
        process c;
        must(&a, define(&a.f, other));
        must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_DROP }));
        rest(&a);
        must(&c, process_start(&c, &files.fs, read_clock, "c", places[i], ""));
        must(&c, define(&c.f, other));
        must(&c, upsert(&c.f, "other", "{\"object_id\":\"o\",\"k\":4}"));
        rest(&c);
        must(&b, refresh(&b));
        must(&b, query(&b.f, "other", "{}"));
        CHECK_CSTR(lines(&b.f, "k"), "o|4\n");
        CHECK_INT(hb_workspace_entity(b.f.ws, HB_STR("my-doc")), HB_ENTITY_NONE);
        must(&b, call(&b.f, (hb_request){ .kind = HB_CALL_AUDIT }));
        CHECK(hb_str_ends(answer(&b.f)->json, HB_STR("\"ok\":true}")));
        fixture_close(&c.f);
        end_both();
    }
}

TEST_SUITE {
    TEST(a_dropped_entity_is_unknown_until_it_is_registered);
    TEST(what_was_registered_after_a_drop_is_taken_up);
    TEST(an_altered_entity_is_refused_until_it_is_refreshed);
    TEST(registering_takes_it_over_or_tells_what_differs);
    TEST(new_entities_and_words_are_taken_over);
}
