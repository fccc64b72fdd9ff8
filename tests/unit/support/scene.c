// SPDX-License-Identifier: MIT
#include "tests/unit/support/scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/support/memory_vfs.h"
#include "value/pack.h"

/* ---- memory that runs out ------------------------------------------------------------------ */

typedef union block {
    size_t size;
    char align[16];
} block;

bool faulty_refuses(faulty *f) {
    f->count++;
    if (f->fail_at == 0 || f->count < f->fail_at || (f->count > f->fail_at && !f->goes_on)) return false;
    f->failed = true;
    return true;
}

static void *faulty_alloc(void *ctx, size_t size) {
    faulty *f = ctx;
    block *b = !f->elsewhere && faulty_refuses(f) ? NULL : malloc(sizeof(block) + size);
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

void faulty_init(faulty *f) {
    memset(f, 0, sizeof(*f));
    f->mem = (hb_mem){ faulty_alloc, faulty_realloc, faulty_free, f };
}

void faulty_from(faulty *f, uint64_t nth, bool goes_on) {
    f->count = 0;
    f->fail_at = nth;
    f->goes_on = goes_on;
    f->failed = false;
}

/* ---- placements ------------------------------------------------------------------------------ */

#define KNOWS(to)                                                                                               \
    "\"knows\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\"," \
    "\"target_entity\":\"tag\"}},{\"name\":\"w\",\"dtype\":\"integer\",\"required\":false}]},"                   \
    "\"storage\":{" to "\"strategy\":\"graph\",\"params\":{\"on_delete\":\"detach\"}}}"

static const char doc_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"body\":\"long-text\",\"note\":{\"type\":"
    "\"long-text\",\"storage\":{\"to\":\"main\",\"strategy\":\"external\"}},\"tags\":\"array[short-text]\",\"nums\":"
    "\"array[integer]\",\"meta\":\"json\",\"emb\":\"vector[2]\"," KNOWS("") "}}";
static const char python_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"body\":\"long-text\",\"note\":"
    "\"long-text\",\"tags\":\"array[short-text]\",\"nums\":\"array[integer]\",\"meta\":\"json\",\"emb\":\"vector[2]\","
    "\"knows\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"to\",\"dtype\":\"short-text\"},{\"name\":"
    "\"w\",\"dtype\":\"integer\",\"required\":false}]}}}}";
static const char mixed_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":{\"type\":\"short-text\",\"storage\":{\"to\":\"main\"}},\"n\":{\"type\":"
    "\"integer\",\"storage\":{\"to\":\"side\"}},\"body\":{\"type\":\"long-text\",\"stores\":[{\"to\":\"main\"},{\"to\":"
    "\"side\"}]},\"note\":{\"type\":\"long-text\",\"storage\":{\"to\":\"main\",\"strategy\":\"external\"}},\"tags\":{"
    "\"type\":\"array[short-text]\",\"storage\":{\"to\":\"main\"}},\"nums\":{\"type\":\"array[integer]\",\"storage\":{"
    "\"to\":\"blob\"}},\"meta\":{\"type\":\"json\",\"storage\":{\"to\":\"side\"}},\"emb\":{\"type\":\"vector[2]\","
    "\"storage\":{\"to\":\"blob\",\"strategy\":\"vector\"}}," KNOWS("\"to\":\"main\",") "}}";

#define SQLITE_AT(path) "{\"type\":\"sqlite\",\"vfs\":\"hb-memory\",\"database\":\"" path "\""

const scene_placement scene_placements[] = {
    { "debug", "{\"main\":{\"type\":\"sqlite\",\"database\":\":memory:\"},\"vec\":{\"type\":\"inmem\"},\"search\":{"
               "\"type\":\"inmem\"}}", doc_definition, false },
    { "sqlite", "{\"main\":" SQLITE_AT("one.db") "}}", doc_definition, true },
    { "python", "{\"main\":" SQLITE_AT("python.db") ",\"layout\":\"python\"}}", python_definition, true },
    { "json", "{\"main\":{\"type\":\"json\",\"path\":\"data\"}}", doc_definition, true },
    { "pickle", "{\"main\":{\"type\":\"pickle\",\"path\":\"data\"}}", doc_definition, true },
    { "mixed", "{\"main\":" SQLITE_AT("one.db") "},\"side\":{\"type\":\"json\",\"path\":\"data\"},"
               "\"blob\":{\"type\":\"file\",\"path\":\"blobs\",\"fmt\":\"pickle\"}}", mixed_definition, true },
};
const uint32_t scene_placement_count = sizeof(scene_placements) / sizeof(scene_placements[0]);

const scene_placement *scene_placement_named(const char *name) {
    for (uint32_t i = 0; i < scene_placement_count; i++) {
        if (strcmp(scene_placements[i].name, name) == 0) return &scene_placements[i];
    }
    return NULL;
}

/* ---- requests -------------------------------------------------------------------------------- */

hb_str scene_pack(scene *s, const char *json) {
    hb_buf pack;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    if (hb_pack_from_json(hb_str_c(json), &pack, &err) != HB_OK) test_check(false, json, __FILE__, __LINE__);
    const hb_str copy = hb_arena_str(&s->arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return copy;
}

/* A list of mappings with the same keys, as a PACK column per key. */
static hb_batch batch_of(scene *s, const char *json) {
    const hb_str pack = scene_pack(s, json);
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item list, map, key;
    CHECK(hb_pack_next(&reader, &list));
    hb_column *columns = NULL;
    hb_str whole;
    for (uint32_t row = 0; row < list.count; row++) {
        CHECK(hb_pack_next(&reader, &map));
        if (row == 0) columns = hb_arena_zalloc_array(&s->arena, map.count, sizeof(*columns));
        for (uint32_t i = 0; i < map.count; i++) {
            CHECK(hb_pack_next(&reader, &key) && hb_pack_skip(&reader, &whole));
            hb_span *spans = row > 0 ? (hb_span *)(uintptr_t)columns[i].data
                                     : hb_arena_array(&s->arena, list.count, sizeof(*spans));
            spans[row] = (hb_span){ (uint32_t)(whole.ptr - pack.ptr), whole.len };
            columns[i] = (hb_column){ key.s, HB_KIND_PACK, 0, NULL, spans, (const uint8_t *)pack.ptr, pack.len, NULL };
        }
    }
    return (hb_batch){ list.count, list.count > 0 ? map.count : 0, columns };
}

/* One column of texts of one letter each. */
static hb_batch ids_of(scene *s, const char *letters) {
    const uint32_t count = (uint32_t)strlen(letters);
    hb_span *spans = hb_arena_array(&s->arena, count, sizeof(*spans));
    for (uint32_t i = 0; i < count; i++) spans[i] = (hb_span){ i, 1 };
    const hb_column ids = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, spans, (const uint8_t *)letters, count, NULL };
    return (hb_batch){ count, 1, hb_arena_copy(&s->arena, &ids, sizeof(ids)) };
}

static uint32_t entity_of(const scene *s, const char *id) {
    return hb_workspace_entity(s->ws, hb_str_c(id));
}

static hb_request on_doc(const scene *s, hb_call_kind kind) {
    return (hb_request){ .kind = kind, .entity = entity_of(s, "doc") };
}

/* Two rows that are there, and between them one that is not. */
static hb_request on_rows(scene *s, hb_call_kind kind) {
    hb_request request = on_doc(s, kind);
    request.batch = ids_of(s, "a!b");
    return request;
}

static hb_request query_of(const scene *s, const char *spec) {
    return (hb_request){ .kind = HB_CALL_QUERY, .entity = entity_of(s, "doc"), .text = hb_str_c(spec) };
}

static hb_request rows_of(scene *s, hb_call_kind kind, const char *entity, const char *json) {
    return (hb_request){ .kind = kind, .entity = entity_of(s, entity), .flags = HB_FLAG_OVERWRITE,
                         .batch = batch_of(s, json) };
}

/* ---- life ------------------------------------------------------------------------------------- */

static int64_t clock_now(void *ctx) {
    return *(const int64_t *)ctx;
}

static hb_status open_at(scene *s, const scene_placement *placement, memory_fs *disk, const char *owner, bool shared,
                         uint64_t fail_at) {
    const int64_t now_ms = s->now_ms != 0 ? s->now_ms : 1700000000000;
    const bool relaxed = s->relaxed, elsewhere = s->memory.elsewhere;
    memset(s, 0, sizeof(*s));
    s->relaxed = relaxed;
    faulty_init(&s->memory);
    s->memory.elsewhere = elsewhere;
    s->memory.fail_at = fail_at;
    s->now_ms = now_ms;
    s->placement = placement;
    s->disk = disk;
    s->clock = (hb_clock){ clock_now, &s->now_ms };
    hb_arena_init(&s->arena, hb_mem_default());
    memory_vfs_use(disk);
    const hb_host host = { .mem = &s->memory.mem, .fs = disk != NULL ? &disk->fs : NULL,
                           .clock = shared ? &s->clock : NULL };
    const hb_str options = hb_arena_printf(&s->arena, "{\"id\":\"faults\",\"owner\":\"%s\",\"now_ms\":%lld,"
                                           "\"durability\":\"%s\",\"backends\":%s}", owner, (long long)s->now_ms,
                                           relaxed ? "relaxed" : "strict", placement->backends);
    return hb_workspace_open_on(options, &host, &s->ws, &s->err);
}

hb_status scene_open(scene *s, const scene_placement *placement, memory_fs *disk, const char *owner, bool shared) {
    return open_at(s, placement, disk, owner, shared, 0);
}

hb_status scene_open_failing(scene *s, const scene_placement *placement, memory_fs *disk, uint64_t nth) {
    return open_at(s, placement, disk, "first", false, nth);
}

void scene_close(scene *s) {
    hb_workspace_close(s->ws);
    s->ws = NULL;
    memory_vfs_use(NULL);
    hb_arena_free(&s->arena);
    CHECK_INT(s->memory.live, 0);
    CHECK_INT(s->memory.wrong_sizes, 0);
}

hb_status scene_call_run(scene *s, hb_request request, hb_buf *frame) {
    hb_task *task = NULL;
    hb_step step = { .kind = HB_STEP_WAIT };
    request.now_ms = s->now_ms;
    HB_TRY(hb_workspace_start(s->ws, &request, &task, &s->err));
    const hb_status status = hb_task_step(task, &step, &s->err);
    if (status == HB_OK) CHECK_INT(step.kind, HB_STEP_DONE);
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

static void must(scene *s, hb_request request) {
    if (!CHECK_INT(scene_call_run(s, request, NULL), HB_OK)) test_check(false, s->err.msg, __FILE__, __LINE__);
}

static void must_add(scene *s, hb_request request, hb_buf *text) {
    if (!CHECK_INT(scene_call_run(s, request, text), HB_OK)) test_check(false, s->err.msg, __FILE__, __LINE__);
}

const char *scene_state(scene *s) {
    static const struct { const char *entity, *spec; } looks[] = {
        { "doc", "{}" },
        { "doc", "{\"near\":{\"field\":\"emb\",\"query\":[1,0.5]}}" },
        { "doc", "{\"search\":{\"fields\":[\"body\"],\"query\":\"agents new store rows again\"}}" },
        { "doc", "{\"filter\":{\"tags\":{\"array_contains\":\"x\"}}}" },
        { "tag", "{}" },
        { "note", "{}" },
        { "sys-catalog", "{\"select\":[\"target_id\",\"name\",\"desc\",\"created_at\"]}" },
        { "sys-metaschema", "{\"filter\":{\"kind\":\"storage\"},\"select\":[\"kind\"]}" },
    };
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    faulty_from(&s->memory, 0, false);
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
        const uint32_t entity = entity_of(s, looks[i].entity);
        if (entity == HB_ENTITY_NONE) continue;
        const hb_request look = { .kind = HB_CALL_QUERY, .entity = entity, .text = hb_str_c(looks[i].spec) };
        hb_buf_printf(&text, "%s %s\n", looks[i].entity, looks[i].spec);
        must_add(s, look, &text);
        if (hb_str_eq(look.text, HB_STR("{}"))) {
            const uint32_t begin = text.len;
            must_add(s, (hb_request){ .kind = HB_CALL_SCHEMA, .entity = entity }, &text);
            /* Numbers are given in the order of registering, another process's in that of reading. */
            const int64_t at = hb_str_find(hb_buf_str(&text), HB_STR("\"index\":"), begin);
            if (at >= 0) text.ptr[at + 8] = '#';
        }
    }
    hb_buf_add_char(&text, '\0');
    for (uint32_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] == '\0') text.ptr[i] = '~';
    }
    const char *copy = hb_arena_copy(&s->arena, text.ptr, text.len);
    hb_buf_free(&text);
    return copy;
}

bool scene_is_whole(scene *s) {
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    const hb_status status = scene_call_run(s, (hb_request){ .kind = HB_CALL_AUDIT }, &text);
    /* "ok" of the whole is true only when that of every part is. */
    const bool whole = status == HB_OK && hb_str_find(hb_buf_str(&text), HB_STR("\"ok\":false"), 0) < 0;
    if (!whole) test_check(false, hb_arena_printf(&s->arena, "%.*s", HB_ARG(hb_buf_str(&text))).ptr, __FILE__, __LINE__);
    hb_buf_free(&text);
    return whole;
}

static hb_request register_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_REGISTER, .text = scene_pack(s, s->placement->definition) };
}

void scene_fill(scene *s, scene_start start) {
    static const char tag[] = "{\"name\":\"Tag\",\"fields\":{\"label\":\"short-text\"}}";
    static const char first_rows[] =
        "[{\"object_id\":\"a\",\"title\":\"Agent\",\"n\":1,\"body\":\"agents route queries\",\"note\":\"kept outside\","
        "\"tags\":[\"x\"],\"nums\":[1,2],\"meta\":{\"k\":1},\"emb\":[1,0],\"knows\":[{\"to\":\"p\",\"w\":1},{\"to\":"
        "\"q\"}]},"
        "{\"object_id\":\"b\",\"title\":\"Store\",\"n\":2,\"body\":\"backends store rows\",\"note\":\"also outside\","
        "\"tags\":[],\"nums\":[],\"meta\":null,\"emb\":[0,1],\"knows\":[{\"to\":\"q\",\"w\":2}]}]";
    if (start == SCENE_EMPTY) return;
    must(s, (hb_request){ .kind = HB_CALL_REGISTER, .text = scene_pack(s, tag) });
    must(s, register_call(s));
    if (start == SCENE_ROWLESS) return;
    must(s, rows_of(s, HB_CALL_UPSERT, "tag", "[{\"object_id\":\"p\",\"label\":\"one\"},{\"object_id\":\"q\",\"label\":"
                                              "\"two\"}]"));
    must(s, rows_of(s, HB_CALL_UPSERT, "doc", first_rows));
    if (start != SCENE_DAMAGED) return;
    must(s, rows_of(s, HB_CALL_SET, "sys-catalog", "[{\"object_id\":\"catalog:doc:a\",\"name\":\"wrong\"}]"));
}

/* ---- its calls: what writes -------------------------------------------------------------------- */

/* The definition of doc with further members of its mapping of fields, and of its own. */
static hb_str doc_with(scene *s, const char *fields, const char *members) {
    const hb_str text = hb_str_c(s->placement->definition);
    return scene_pack(s, hb_arena_printf(&s->arena, "%.*s%s}%s}", (int)text.len - 2, text.ptr, fields, members).ptr);
}

static hb_request register_note_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_REGISTER,
                         .text = scene_pack(s, "{\"name\":\"Note\",\"fields\":{\"name\":\"short-text\",\"body\":\"long-text\","
                                            "\"emb\":\"vector[3]\"},\"derive\":[{\"target\":\"catalog.desc\",\"compute\":"
                                            "\"f\",\"inputs\":[\"body\"]}]}") };
}

static hb_request replace_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE,
                         .text = doc_with(s, ",\"summary\":\"float\"", "") };
}

static hb_request upsert_call(scene *s) {
    return rows_of(s, HB_CALL_UPSERT, "doc",
                   "[{\"object_id\":\"b\",\"title\":\"Changed\",\"n\":20,\"body\":\"agents store queries\",\"note\":"
                   "\"outside anew\",\"tags\":[\"y\",\"z\"],\"nums\":[7],\"meta\":[1],\"emb\":[0.6,0.8],\"knows\":[{"
                   "\"to\":\"p\",\"w\":7}]},"
                   "{\"object_id\":\"c\",\"title\":\"New\",\"n\":3,\"body\":\"new agents\",\"note\":\"kept outside\","
                   "\"tags\":[\"x\",\"y\"],\"nums\":[1],\"meta\":\"text\",\"emb\":[0.8,0.6],\"knows\":[]}]");
}

static hb_request set_call(scene *s) {
    return rows_of(s, HB_CALL_SET, "doc",
                   "[{\"object_id\":\"a\",\"n\":10,\"body\":\"agents again\",\"note\":\"patched\",\"emb\":[0,1],\"knows\":"
                   "[{\"to\":\"q\",\"w\":9}]},{\"object_id\":\"z\",\"n\":11,\"body\":\"new by patch\",\"note\":null,"
                   "\"emb\":[1,1],\"knows\":[]}]");
}

static hb_request delete_call(scene *s) {
    return on_rows(s, HB_CALL_DELETE);
}

/* Rows that edges lead to. */
static hb_request detach_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_DELETE, .entity = entity_of(s, "tag"), .flags = HB_FLAG_EDGES_DETACH,
                         .batch = ids_of(s, "q") };
}

static hb_request repair_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_REPAIR };
}

static hb_request alter_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_ALTER,
                         .text = doc_with(s, ",\"summary\":{\"type\":\"long-text\",\"default\":\"s\"},\"u\":{\"type\":"
                                             "\"integer\",\"unique\":true}",
                                          ",\"constraints\":[{\"fields\":[\"n\",\"title\"]}]"),
                         .params = scene_pack(s, "[\"doc\"]") };
}

static hb_request describe_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_DESCRIBE, .entity = entity_of(s, "doc"),
                         .text = scene_pack(s, "{\"desc\":\"said\",\"fields\":{\"n\":{\"tags\":[\"t\"],\"examples\":[1]}}}") };
}

static hb_request drop_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_DROP, .entity = HB_ENTITY_NONE };
}

/* One record of an exported file, made by the workspace itself; its rows have other titles than those stored. */
static hb_request import_call(scene *s) {
    hb_buf record;
    hb_buf_init(&record, hb_mem_default());
    hb_request request = on_doc(s, HB_CALL_EXPORT);
    request.params = scene_pack(s, "[\"rows\",1,\"\",10,0]");
    faulty_from(&s->memory, 0, false);
    must(s, rows_of(s, HB_CALL_UPSERT, "doc", "[{\"object_id\":\"e\",\"title\":\"Exported\"}]"));
    CHECK_INT(scene_call_run(s, request, &record), HB_OK);
    must(s, (hb_request){ .kind = HB_CALL_DELETE, .entity = entity_of(s, "doc"), .batch = ids_of(s, "e") });
    const hb_str copy = hb_arena_str(&s->arena, hb_buf_str(&record));
    hb_buf_free(&record);
    return (hb_request){ .kind = HB_CALL_IMPORT, .text = copy, .params = scene_pack(s, "[1]") };
}

/* ---- what reads ---------------------------------------------------------------------------------- */

static hb_request get_call(scene *s) {
    return on_rows(s, HB_CALL_GET);
}

static hb_request get_any_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_GET, .entity = HB_ENTITY_NONE, .batch = ids_of(s, "p") };
}

static hb_request exists_call(scene *s) {
    return on_rows(s, HB_CALL_EXISTS);
}

static hb_request query_call(scene *s) {
    return query_of(s, "{\"filter\":{\"$or\":[{\"n\":{\"gte\":1}},{\"$not\":{\"title\":{\"regex\":\"^A\"}}},{\"meta.k\":1},"
                       "{\"body\":{\"has_words\":\"agents\"}}]},\"near\":{\"field\":\"emb\",\"query\":[1,0],\"top_k\":3},"
                       "\"search\":{\"fields\":[\"body\"],\"query\":\"agents rows\"},\"order\":[\"-title\",\"n\"],"
                       "\"limit\":5}");
}

static hb_request scan_call(scene *s) {
    hb_request request = query_call(s);
    request.flags = HB_FLAG_NO_PUSHDOWN | HB_FLAG_WANT_TOTAL;
    return request;
}

static hb_request explain_call(scene *s) {
    hb_request request = query_call(s);
    request.kind = HB_CALL_EXPLAIN;
    return request;
}

static hb_request near_call(scene *s) {
    return query_of(s, "{\"filter\":{\"n\":{\"lt\":9}},\"near\":{\"field\":\"emb\",\"query\":[0.5,1],\"top_k\":2,\"metric\":"
                       "\"l2\"}}");
}

static hb_request search_call(scene *s) {
    return query_of(s, "{\"search\":{\"fields\":[\"body\"],\"query\":\"store outside\",\"mode\":\"prefix\"}}");
}

static hb_request arrays_call(scene *s) {
    return query_of(s, "{\"filter\":{\"$and\":[{\"tags\":{\"array_contains\":\"x\"}},{\"nums\":{\"array_contains\":2}},{"
                       "\"title\":{\"ilike\":\"%age%\"}}]},\"select\":[\"title\",\"tags\",\"nums\",\"meta\"],\"order\":["
                       "\"n\"],\"offset\":0,\"limit\":3}");
}

static hb_request count_call(scene *s) {
    return query_of(s, "{\"filter\":{\"body\":{\"match\":\"ROWS\"}},\"count\":{}}");
}

static hb_request aggregate_call(scene *s) {
    return query_of(s, "{\"group_by\":[\"title\"],\"aggregate\":{\"s\":{\"sum\":{\"field\":\"n\"}},\"p\":{\"median\":{"
                       "\"field\":\"n\"}},\"d\":{\"count\":{\"field\":\"meta.k\",\"distinct\":true}},\"v\":{"
                       "\"value_counts\":{\"field\":\"body\"}},\"m\":{\"max\":{\"field\":\"n\"}}},\"having\":{\"s\":{"
                       "\"gte\":1}}}");
}

static hb_request summary_call(scene *s) {
    return query_of(s, "{\"aggregate\":{\"c\":{\"column_summary\":{\"field\":\"n\"}},\"k\":{\"min\":{\"field\":\"title\"}}}}");
}

static hb_request graph_of(const scene *s, const char *options, const hb_batch *ids) {
    return (hb_request){ .kind = HB_CALL_GRAPH, .entity = entity_of(s, "doc"), .text = hb_str_c(options), .batch = *ids };
}

static hb_request traverse_call(scene *s) {
    const hb_batch ids = ids_of(s, "a");
    return graph_of(s, "{\"op\":\"traverse\",\"field\":\"knows\",\"direction\":\"any\",\"max_hops\":3}", &ids);
}

static hb_request path_call(scene *s) {
    const hb_batch ids = ids_of(s, "ab");
    return graph_of(s, "{\"op\":\"path\",\"field\":\"knows\",\"direction\":\"any\",\"max_hops\":4}", &ids);
}

static hb_request references_call(scene *s) {
    hb_request request = graph_of(s, "{\"op\":\"references\"}", &(hb_batch){ 0 });
    request.entity = entity_of(s, "tag");
    request.batch = ids_of(s, "pq");
    return request;
}

static hb_request edges_call(scene *s) {
    return graph_of(s, "{\"op\":\"check\"}", &(hb_batch){ 0 });
}

static hb_request export_of(scene *s, const char *params) {
    hb_request request = on_doc(s, HB_CALL_EXPORT);
    request.params = scene_pack(s, params);
    return request;
}

static hb_request export_head_call(scene *s) { return export_of(s, "[\"head\",0]"); }
static hb_request export_entity_call(scene *s) { return export_of(s, "[\"entity\",1]"); }
static hb_request export_rows_call(scene *s) { return export_of(s, "[\"rows\",2,\"a\",10,0]"); }
static hb_request export_end_call(scene *s) { return export_of(s, "[\"end\",3,\"\",1,2]"); }

static hb_request metaschema_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_QUERY, .entity = 1, .text = HB_STR("{\"filter\":{\"kind\":\"storage\"}}") };
}

static hb_request plan_call(scene *s) {
    hb_request request = alter_call(s);
    request.flags = HB_FLAG_DRY_RUN;
    return request;
}

static hb_request dry_repair_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_REPAIR, .flags = HB_FLAG_DRY_RUN };
}

static hb_request find_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_FIND, .text = HB_STR("{\"text\":\"doc vector\",\"limit\":5}") };
}

static hb_request sign_call(scene *s) {
    return (hb_request){ .kind = HB_CALL_SIGN, .text = scene_pack(s, "{\"owner\":\"ann\",\"auth\":{\"k\":1}}") };
}

static hb_request capabilities_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_CAPABILITIES, .text = HB_STR("{\"method\":\"rows\"}") };
}

static hb_request refresh_call(scene *s) {
    (void)s;
    return (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE };
}

#define PLAIN_CALL(name, call_kind)                    \
    static hb_request name(scene *s) {                 \
        return on_doc(s, call_kind);                   \
    }
PLAIN_CALL(schema_call, HB_CALL_SCHEMA)
PLAIN_CALL(audit_call, HB_CALL_AUDIT)
PLAIN_CALL(health_call, HB_CALL_HEALTH)
PLAIN_CALL(manifest_call, HB_CALL_MANIFEST)
PLAIN_CALL(info_call, HB_CALL_INFO)

const scene_call scene_calls[] = {
    { "register", SCENE_EMPTY, true, register_call, false },
    { "register another", SCENE_FILLED, true, register_note_call, false },
    { "replace", SCENE_FILLED, true, replace_call, false },
    { "upsert", SCENE_FILLED, true, upsert_call, false },
    { "set", SCENE_FILLED, true, set_call, false },
    { "delete", SCENE_FILLED, true, delete_call, false },
    { "delete with edges", SCENE_FILLED, true, detach_call, false },
    { "repair", SCENE_DAMAGED, true, repair_call, false },
    { "alter", SCENE_FILLED, true, alter_call, false },
    { "describe", SCENE_FILLED, true, describe_call, false },
    { "import", SCENE_FILLED, true, import_call, false },
    { "drop", SCENE_FILLED, true, drop_call, false },
    { "get", SCENE_FILLED, false, get_call, false },
    { "get of any entity", SCENE_FILLED, false, get_any_call, false },
    { "exists", SCENE_FILLED, false, exists_call, false },
    { "query", SCENE_FILLED, false, query_call, false },
    { "query by scans", SCENE_FILLED, false, scan_call, false },
    { "explain", SCENE_FILLED, false, explain_call, false },
    { "near", SCENE_FILLED, false, near_call, false },
    { "search", SCENE_FILLED, false, search_call, false },
    { "arrays", SCENE_FILLED, false, arrays_call, false },
    { "count", SCENE_FILLED, false, count_call, false },
    { "aggregates", SCENE_FILLED, false, aggregate_call, false },
    { "summary", SCENE_FILLED, false, summary_call, false },
    { "traverse", SCENE_FILLED, false, traverse_call, true },
    { "shortest path", SCENE_FILLED, false, path_call, true },
    { "references", SCENE_FILLED, false, references_call, true },
    { "check of edges", SCENE_FILLED, false, edges_call, true },
    { "export of the head", SCENE_FILLED, false, export_head_call, false },
    { "export of an entity", SCENE_FILLED, false, export_entity_call, false },
    { "export of rows", SCENE_FILLED, false, export_rows_call, false },
    { "export of the end", SCENE_FILLED, false, export_end_call, false },
    { "metaschema", SCENE_FILLED, false, metaschema_call, false },
    { "plan of an alteration", SCENE_FILLED, false, plan_call, false },
    { "repair without writing", SCENE_DAMAGED, false, dry_repair_call, false },
    { "find", SCENE_FILLED, false, find_call, false },
    { "sign", SCENE_FILLED, false, sign_call, false },
    { "capabilities", SCENE_FILLED, false, capabilities_call, false },
    { "refresh", SCENE_FILLED, false, refresh_call, false },
    { "schema", SCENE_FILLED, false, schema_call, false },
    { "audit", SCENE_DAMAGED, false, audit_call, false },
    { "health", SCENE_FILLED, false, health_call, false },
    { "manifest", SCENE_FILLED, false, manifest_call, false },
    { "info", SCENE_FILLED, false, info_call, false },
};
const uint32_t scene_call_count = sizeof(scene_calls) / sizeof(scene_calls[0]);

/* ---- how much ------------------------------------------------------------------------------------ */

bool scene_runs_long(void) {
    return getenv("HB_LONG") != NULL;
}

bool scene_runs_whole(void) {
    const char *how = getenv("HB_LONG");
    return how != NULL && strcmp(how, "whole") == 0;
}

/* A sanitizer makes everything eight times as slow: it takes half, and WebAssembly, where the same runs again, double. */
static uint64_t worth(uint64_t wanted) {
#if defined(__wasm__)
    return 2 * wanted;
#elif defined(__SANITIZE_ADDRESS__)
    return (wanted + 1) / 2;
#elif defined(__has_feature)
    return __has_feature(address_sanitizer) ? (wanted + 1) / 2 : wanted;
#else
    return wanted;
#endif
}

uint64_t scene_stride(uint64_t total, uint64_t wanted) {
    wanted = worth(wanted);
    const uint64_t stride = scene_runs_whole() ? 1 : total / (scene_runs_long() ? 3 * wanted : wanted);
    return stride < 1 ? 1 : stride;
}
