// SPDX-License-Identifier: MIT
/* Writes over three durable backends, each of which may refuse: what is named, what stays, who completes it. */
#include "tests/unit/workspace/rehearsal.h"

#include <stdio.h>

/* ---- backends that refuse on request ----------------------------------------------------- */

/* Wraps the real engine of one instance. */
static hb_backend wrapped[2][3];
static struct script {
    const hb_backend *real;
    bool no_commit, no_write, no_tx, no_meta_delete;
    uint32_t commits;
} scripts[2][3];

static struct script *script_of(const hb_instance *instance) {
    for (int w = 0; w < 2; w++) {
        for (int i = 0; i < 3; i++) {
            if (instance->type == &wrapped[w][i]) return &scripts[w][i];
        }
    }
    return NULL;
}

static hb_status scripted_tx(hb_instance *instance, hb_tx op, hb_err *err) {
    struct script *script = script_of(instance);
    if (op == HB_TX_COMMIT && script->no_commit) {
        script->real->tx(instance, HB_TX_ROLLBACK, err);
        return hb_err_set(err, HB_E_BACKEND, "the disk is gone");
    }
    if (op == HB_TX_COMMIT) script->commits++;
    return script->real->tx(instance, op, err);
}

static hb_status scripted_begin(hb_job *job, hb_err *err) {
    struct script *script = script_of(job->instance);
    const hb_frag_kind kind = job->fragment->kind;
    if (script->no_write && (kind == HB_FRAG_WRITE || kind == HB_FRAG_DELETE)) {
        return hb_err_set(err, HB_E_UNAVAILABLE, "nobody answers");
    }
    return script->real->begin(job, err);
}

static hb_status scripted_meta_delete(hb_instance *instance, hb_str key, hb_err *err) {
    struct script *script = script_of(instance);
    if (script->no_meta_delete) return hb_err_set(err, HB_E_BACKEND, "not now");
    return script->real->meta_delete(instance, key, err);
}

/* ---- a workspace on three files ------------------------------------------------------------ */

static const char *const files[3] = { "hb-intent-main.db", "hb-intent-vec.db", "hb-intent-other.db" };
static const char definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"main\"}]},"
    "\"emb\":{\"type\":\"vector[2]\",\"stores\":[{\"to\":\"vec\",\"strategy\":\"VectorIndex\"}]},"
    "\"note\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"other\"}]}}}";
/* Nothing on main, which keeps the intents: they are stored ahead. */
static const char far_definition[] =
    "{\"name\":\"Far\",\"fields\":{\"title\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"vec\"}]},"
    "\"name\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"vec\"}]},"
    "\"note\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"other\"}]}}}";

static void remove_files(void) {
    static const char *const endings[] = { "", "-wal", "-journal", "-shm" };
    for (int i = 0; i < 3; i++) {
        for (int e = 0; e < 4; e++) {
            char path[64];
            snprintf(path, sizeof(path), "%s%s", files[i], endings[e]);
            remove(path);
        }
    }
}

static void wrap(fixture *f) {
    for (int i = 0; i < 3; i++) {
        hb_instance *instance = f->ws->instances[i];
        struct script *script = &scripts[f->number][i];
        *script = (struct script){ .real = instance->type };
        wrapped[f->number][i] = *instance->type;
        wrapped[f->number][i].tx = scripted_tx;
        wrapped[f->number][i].begin = scripted_begin;
        wrapped[f->number][i].meta_delete = scripted_meta_delete;
        instance->type = &wrapped[f->number][i];
    }
}

static void many_open(fixture *f, int number, const char *owner, int64_t now_ms) {
    memset(f, 0, sizeof(*f));
    f->number = number;
    f->now_ms = now_ms;
    hb_arena_init(&f->arena, hb_mem_default());
    hb_str options = hb_arena_printf(
        &f->arena,
        "{\"id\":\"many\",\"owner\":\"%s\",\"now_ms\":%lld,\"intent_ms\":1000,\"backends\":{"
        "\"main\":{\"type\":\"sqlite\",\"database\":\"%s\"},\"vec\":{\"type\":\"sqlite\",\"database\":\"%s\"},"
        "\"other\":{\"type\":\"sqlite\",\"database\":\"%s\"}}}",
        owner, (long long)now_ms, files[0], files[1], files[2]);
    if (!CHECK_INT(hb_workspace_open(options, hb_mem_default(), &f->ws, &f->err), HB_OK)) {
        test_check(false, f->err.msg, __FILE__, __LINE__);
        return;
    }
    wrap(f);
}

static void many_close(fixture *f) {
    hb_task_free(f->task);
    if (f->ws != NULL) {
        for (int i = 0; i < 3; i++) f->ws->instances[i]->type = scripts[f->number][i].real;
    }
    hb_workspace_close(f->ws);
    hb_arena_free(&f->arena);
}

static hb_status put_row(fixture *f, hb_call_kind kind, const char *entity, const char *json) {
    return write_row(f, kind, entity, json, HB_FLAG_OVERWRITE);
}

static hb_status delete_row(fixture *f, const char *entity, const char *id) {
    return by_id(f, HB_CALL_DELETE, entity, id);
}

/* "title|note" of a row as it can be read, "" when there is none. */
static const char *row_text(fixture *f, const char *entity, const char *id) {
    hb_span span = { 0, (uint32_t)strlen(id) };
    hb_column column = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, &span, (const uint8_t *)id, span.len, NULL };
    CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_GET, .entity = hb_workspace_entity(f->ws, hb_str_c(entity)),
                                    .batch = { 1, 1, &column } }), HB_OK);
    if (f->task == NULL) return "failed";
    const hb_batch *batch = &hb_task_answer(f->task)->batch;
    if (batch->row_count == 0) return "";
    hb_str texts[2];
    const char *names[2] = { "title", "note" };
    for (int i = 0; i < 2; i++) {
        int at = hb_batch_find(batch, hb_str_c(names[i]));
        bool is_set = at >= 0 && hb_column_cell(&batch->columns[at], 0) == HB_CELL_VALUE;
        texts[i] = is_set ? hb_column_span(&batch->columns[at], 0) : HB_STR("-");
    }
    return hb_arena_printf(&f->arena, "%.*s|%.*s", HB_ARG(texts[0]), HB_ARG(texts[1])).ptr;
}

static uint32_t intents(fixture *f) {
    hb_instance *keeper = hb_workspace_keeper(f->ws);
    hb_str *keys;
    uint32_t count = 0;
    CHECK_INT(keeper->type->meta_list(keeper, HB_STR("intent/"), &f->arena, &keys, &count, &f->err), HB_OK);
    return count;
}

/* A dry run, which leaves the intents and foresees what they bring, and the repair. */
static hb_status repair(fixture *f) {
    const uint32_t count = intents(f);
    const hb_status dry = call(f, (hb_request){ .kind = HB_CALL_REPAIR, .flags = HB_FLAG_DRY_RUN });
    const char *said = dry == HB_OK ? hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr : "";
    CHECK_INT(intents(f), count);
    const hb_status status = call(f, (hb_request){ .kind = HB_CALL_REPAIR });
    if (status == HB_OK) check_foreseen(said, hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr);
    return status;
}

/* Registered, with one row of each entity. */
static void start(fixture *f) {
    remove_files();
    many_open(f, 0, "one", 1000000);
    CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(f, definition) }), HB_OK);
    CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(f, far_definition) }), HB_OK);
    CHECK_INT(put_row(f, HB_CALL_UPSERT, "doc",
                        "{\"object_id\":\"a\",\"title\":\"old\",\"emb\":[1,0],\"note\":\"old\"}"), HB_OK);
    CHECK_INT(put_row(f, HB_CALL_UPSERT, "far", "{\"object_id\":\"a\",\"title\":\"old\",\"note\":\"old\"}"), HB_OK);
    CHECK_INT(intents(f), 0);
}

static const char *const change = "{\"object_id\":\"a\",\"title\":\"new\",\"emb\":[0,1],\"note\":\"new\"}";
static const char *const far_change = "{\"object_id\":\"a\",\"title\":\"new\",\"note\":\"new\"}";

static bool says(const fixture *f, const char *part) {
    bool found = strstr(f->err.msg, part) != NULL;
    return found ? true : test_check_bytes(f->err.msg, strlen(f->err.msg), part, strlen(part), "message", __FILE__,
                                           __LINE__);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void a_whole_write_leaves_no_intent(void) {
    fixture f;
    start(&f);
    const uint32_t commits = scripts[0][0].commits;
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", change), HB_OK);
    CHECK_INT(scripts[0][0].commits, commits + 1);  /* the intent came with the rows */
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "far", far_change), HB_OK);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "doc", "a"), "new|new");
    CHECK_CSTR(row_text(&f, "far", "a"), "new|new");
    many_close(&f);
}

static void a_refusal_before_the_source_of_truth_takes_all_back(void) {
    static const struct { const char *entity, *row; int backend; bool commit; } cases[] = {
        { "doc", "", 0, true },  { "doc", "", 0, false }, { "doc", "", 1, false },
        { "doc", "", 2, false }, { "far", "", 1, true },  { "far", "", 2, false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fixture f;
        start(&f);
        bool far = cases[i].entity[0] == 'f';
        struct script *script = &scripts[0][cases[i].backend];
        *(cases[i].commit ? &script->no_commit : &script->no_write) = true;
        CHECK_INT(put_row(&f, HB_CALL_UPSERT, cases[i].entity, far ? far_change : change),
                  cases[i].commit ? HB_E_BACKEND : HB_E_UNAVAILABLE);
        script->no_commit = script->no_write = false;
        CHECK_INT(intents(&f), 0);
        CHECK_CSTR(row_text(&f, cases[i].entity, "a"), "old|old");
        many_close(&f);
    }
}

static void a_refusal_in_the_second_names_what_is_where(void) {
    fixture f;
    start(&f);
    scripts[0][1].no_commit = true;
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", change), HB_E_PARTIAL_WRITE);
    says(&f, "committed on 'main', pending on 'vec', 'other'");
    says(&f, "the disk is gone");
    CHECK_CSTR(f.err.backend, "vec");
    CHECK_CSTR(f.err.detail, "{\"committed\":[\"main\"],\"pending\":[\"vec\",\"other\"],\"rows\":1,\"ids\":[\"a\"]}");
    CHECK_CSTR(f.err.entity, "doc");
    CHECK_INT(intents(&f), 1);
    CHECK_CSTR(row_text(&f, "doc", "a"), "new|old");
    scripts[0][1].no_commit = false;
    CHECK_INT(repair(&f), HB_OK);       /* its own: at any time */
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "doc", "a"), "new|new");
    many_close(&f);
}

static void a_refusal_in_the_third_too(void) {
    fixture f;
    start(&f);
    scripts[0][2].no_commit = true;
    CHECK_INT(delete_row(&f, "doc", "a"), HB_E_PARTIAL_WRITE);
    says(&f, "committed on 'main', 'vec', pending on 'other'");
    CHECK_INT(intents(&f), 1);
    scripts[0][2].no_commit = false;
    /* A write to the same rows completes it first. */
    CHECK_INT(put_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"a\",\"title\":\"again\"}"), HB_OK);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "doc", "a"), "again|-");
    many_close(&f);
}

static void reopening_completes_what_is_due(void) {
    for (int early = 0; early < 2; early++) {
        fixture f;
        start(&f);
        scripts[0][1].no_commit = true;
        CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", change), HB_E_PARTIAL_WRITE);
        many_close(&f);
        many_open(&f, 0, "two", early ? 1000999 : 1001000);
        CHECK_INT(intents(&f), early);
        CHECK_CSTR(row_text(&f, "doc", "a"), early ? "new|old" : "new|new");
        if (early) {
            CHECK_INT(repair(&f), HB_OK);
            CHECK_INT(intents(&f), 1);  /* somebody else's, and not due */
            CHECK_INT(put_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"a\",\"title\":\"x\"}"), HB_E_LOCKED);
            CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", "{\"object_id\":\"b\",\"title\":\"x\"}"), HB_OK);
            f.now_ms = 1001000;
            CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REPAIR, .flags = HB_FLAG_DRY_RUN }), HB_OK);
            CHECK_INT(intents(&f), 1);
            CHECK_INT(repair(&f), HB_OK);
            CHECK_INT(intents(&f), 0);
            CHECK_CSTR(row_text(&f, "doc", "a"), "new|new");
        }
        many_close(&f);
    }
}

static void one_stored_ahead_is_carried_forward_or_taken_back(void) {
    fixture f;
    start(&f);
    scripts[0][2].no_commit = true;     /* vec is the home of far, main keeps its intent and its Catalog row */
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "far", far_change), HB_E_PARTIAL_WRITE);
    says(&f, "committed on 'vec', pending on 'other', 'main'");
    CHECK_INT(intents(&f), 1);
    many_close(&f);
    many_open(&f, 0, "two", 1001000);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "far", "a"), "new|new");
    /* As a killed process leaves it: the intent is there, the source of truth is as it was. */
    scripts[0][1].no_commit = true;
    scripts[0][0].no_meta_delete = true;
    CHECK_INT(delete_row(&f, "far", "a"), HB_E_BACKEND);
    CHECK_INT(intents(&f), 1);
    scripts[0][1].no_commit = scripts[0][0].no_meta_delete = false;
    CHECK_INT(repair(&f), HB_OK);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "far", "a"), "new|new");
    scripts[0][1].no_commit = scripts[0][0].no_meta_delete = true;
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "far", "{\"object_id\":\"b\",\"title\":\"b\",\"note\":\"b\"}"),
              HB_E_BACKEND);
    scripts[0][1].no_commit = scripts[0][0].no_meta_delete = false;
    CHECK_INT(repair(&f), HB_OK);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "far", "b"), "");
    many_close(&f);
}

static void completing_again_changes_nothing(void) {
    fixture f;
    start(&f);
    scripts[0][0].no_meta_delete = true;
    CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", change), HB_OK);     /* whole, but its intent could not go */
    CHECK_INT(intents(&f), 1);
    scripts[0][1].no_write = true;
    CHECK_INT(repair(&f), HB_E_UNAVAILABLE);
    scripts[0][1].no_write = false;
    CHECK_INT(repair(&f), HB_E_BACKEND);
    scripts[0][0].no_meta_delete = false;
    CHECK_INT(repair(&f), HB_OK);
    CHECK_INT(intents(&f), 0);
    CHECK_CSTR(row_text(&f, "doc", "a"), "new|new");
    many_close(&f);
}

static void damaged_intents_are_only_removed_by_repair(void) {
    static const char *const damaged[] = { "", "\x97", "\x97\x02\xa1x\x01\x01\xa4main\xc3\x90",
                                           "\x97\x01\xa1x\x01\x01\xa4main\xc3\xdd\xff\xff\xff\xff" };
    fixture f;
    start(&f);
    hb_instance *keeper = hb_workspace_keeper(f.ws);
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        CHECK_INT(keeper->type->meta_put(keeper, HB_STR("intent/x/1"), hb_str_c(damaged[i]), &f.err), HB_OK);
        CHECK_INT(put_row(&f, HB_CALL_UPSERT, "doc", change), HB_OK);
        CHECK_INT(intents(&f), 1);
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK);
        const char *json = f.task != NULL ? hb_task_answer(f.task)->json.ptr : "";
        CHECK(strstr(json, "\"readable\":false") != NULL);
        CHECK_INT(repair(&f), HB_OK);
        CHECK_INT(intents(&f), 0);
    }
    many_close(&f);
    remove_files();
}

TEST_SUITE {
    TEST(a_whole_write_leaves_no_intent);
    TEST(a_refusal_before_the_source_of_truth_takes_all_back);
    TEST(a_refusal_in_the_second_names_what_is_where);
    TEST(a_refusal_in_the_third_too);
    TEST(reopening_completes_what_is_due);
    TEST(one_stored_ahead_is_carried_forward_or_taken_back);
    TEST(completing_again_changes_nothing);
    TEST(damaged_intents_are_only_removed_by_repair);
}
