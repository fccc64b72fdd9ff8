// SPDX-License-Identifier: MIT
/* An alteration over several backends that outlive the process, under every fault of their files. */
#include "tests/unit/support/sweep.h"

#define SQLITE_AT(path) "{\"type\":\"sqlite\",\"vfs\":\"hb-memory\",\"database\":\"" path "\"}"
#define FILES_AT(type, path) "{\"type\":\"" type "\",\"path\":\"" path "\"}"
#define FIELD(name, type, to) "\"" name "\":{\"type\":" type ",\"storage\":{\"to\":\"" to "\"}}"
#define KNOWS                                                                                                   \
    "\"knows\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\"," \
    "\"target_entity\":\"tag\"}},{\"name\":\"w\",\"dtype\":\"integer\",\"required\":false}]},"                   \
    "\"storage\":{\"to\":\"main\",\"strategy\":\"graph\",\"params\":{\"on_delete\":\"detach\"}}}"
#define NOTE "\"note\":{\"type\":\"long-text\",\"storage\":{\"to\":\"main\",\"strategy\":\"external\"}}"
#define EMB(to) "\"emb\":{\"type\":\"vector[2]\",\"storage\":{\"to\":\"" to "\",\"strategy\":\"vector\"}}"
#define BODY "\"body\":{\"type\":\"long-text\",\"stores\":[{\"to\":\"main\"},{\"to\":\"side\"}]}"
#define DOC(fields, members) "{\"name\":\"Doc\",\"fields\":{" fields "}" members "}"
#define TEXT "\"short-text\""
#define INT "\"integer\""

/* Over both backends; and all on main. */
static const char both[] =
    DOC(FIELD("title", TEXT, "main") "," FIELD("n", INT, "side") "," BODY "," NOTE "," FIELD("tags", "\"array[short-text]\"", "main")
        "," FIELD("nums", "\"array[integer]\"", "side") "," FIELD("meta", "\"json\"", "side") "," EMB("side") "," KNOWS, "");
static const char one[] =
    DOC(FIELD("title", TEXT, "main") "," FIELD("n", INT, "main") ",\"body\":{\"type\":\"long-text\",\"storage\":{\"to\":\"main\"}},"
        NOTE "," FIELD("tags", "\"array[short-text]\"", "main") "," FIELD("nums", "\"array[integer]\"", "main") ","
        FIELD("meta", "\"json\"", "main") "," EMB("main") "," KNOWS, "");
/* Over both, with other types, names, and places; a field goes, others come. */
static const char other[] =
    DOC(FIELD("title", "\"long-text\"", "side") "," FIELD("number", TEXT, "side") "," BODY ",\"note\":{\"type\":\"long-text\","
        "\"storage\":{\"to\":\"side\"}}," FIELD("tags", "\"array[short-text]\"", "side") "," FIELD("nums", "\"array[integer]\"", "main")
        "," EMB("side") "," KNOWS ",\"summary\":{\"type\":\"long-text\",\"default\":\"s\",\"storage\":{\"to\":\"main\"}},"
        "\"more\":{\"type\":\"integer\",\"default\":5,\"storage\":{\"to\":\"side\"}}", "");
/* New values for the rows of both; a constraint of the other one alone. */
static const char filled[] =
    DOC(FIELD("title", TEXT, "main") "," FIELD("n", INT, "side") "," BODY "," NOTE "," FIELD("tags", "\"array[short-text]\"", "main")
        "," FIELD("nums", "\"array[integer]\"", "side") "," FIELD("meta", "\"json\"", "side") "," EMB("side") "," KNOWS
        ",\"summary\":{\"type\":\"long-text\",\"default\":\"s\",\"stores\":[{\"to\":\"main\"},{\"to\":\"side\"}]},"
        "\"more\":{\"type\":\"integer\",\"default\":5,\"storage\":{\"to\":\"side\"}}",
        ",\"constraints\":[{\"fields\":[\"n\",\"body\"]}]");
/* Nothing of the rows: an empty column and an index of the other one. */
static const char kept[] =
    DOC(FIELD("title", TEXT, "main") ",\"n\":{\"type\":\"integer\",\"index\":true,\"storage\":{\"to\":\"side\"}}," BODY "," NOTE ","
        FIELD("tags", "\"array[short-text]\"", "main") "," FIELD("nums", "\"array[integer]\"", "side") "," FIELD("meta", "\"json\"", "side")
        "," EMB("side") "," KNOWS "," FIELD("more", INT, "side"), "");

static hb_request alter_to(scene *s, const char *definition, const char *params) {
    return (hb_request){ .kind = HB_CALL_ALTER, .text = scene_pack(s, definition), .params = scene_pack(s, params) };
}
static hb_request to_both(scene *s) { return alter_to(s, both, "[\"doc\"]"); }
static hb_request to_one(scene *s) { return alter_to(s, one, "[\"doc\"]"); }
static hb_request to_other(scene *s) { return alter_to(s, other, "[\"doc\",{\"n\":\"number\"},[\"meta\"]]"); }
static hb_request to_filled(scene *s) { return alter_to(s, filled, "[\"doc\"]"); }
static hb_request to_kept(scene *s) { return alter_to(s, kept, "[\"doc\"]"); }

static const struct { scene_call call; const char *from; } alterations[] = {
    { { "alter into one backend", SCENE_FILLED, true, to_one, false }, both },
    { { "alter into two backends", SCENE_FILLED, true, to_both, false }, one },
    { { "alter types and places", SCENE_FILLED, true, to_other, false }, both },
    { { "alter by defaults", SCENE_FILLED, true, to_filled, false }, both },
    { { "alter an index", SCENE_FILLED, true, to_kept, false }, both },
    { { "alter without rows", SCENE_ROWLESS, true, to_other, false }, both },
    { { "alter into one without rows", SCENE_ROWLESS, true, to_one, false }, both },
};
#define ALTERATIONS (sizeof(alterations) / sizeof(alterations[0]))

/* The suite takes every third alteration, shared or not, strict or relaxed, in turn; a long run all with all. */
static void sweep_over(uint32_t turn, const char *name, const char *backends) {
    for (uint32_t i = 0; i < ALTERATIONS; i++) {
        for (uint32_t way = 0; way < 4; way++) {
            if (!scene_runs_long() && (way != i % 4 || (i + turn) % 3 != 0)) continue;
            const scene_placement placement = { name, backends, alterations[i].from, true };
            sweep w = { .placement = &placement, .shared = way % 2 != 0, .relaxed = way / 2 != 0 };
            sweep_run(&w, &alterations[i].call, i, 3);
            sweep_free(&w);
        }
    }
}

static void an_alteration_of_two_databases_is_one_step(void) {
    sweep_over(0, "sqlite + sqlite", "{\"main\":" SQLITE_AT("one.db") ",\"side\":" SQLITE_AT("two.db") "}");
}
static void an_alteration_of_a_database_and_a_folder_is_one_step(void) {
    sweep_over(1, "sqlite + json", "{\"main\":" SQLITE_AT("one.db") ",\"side\":" FILES_AT("json", "side") "}");
}
static void an_alteration_of_a_folder_and_a_database_is_one_step(void) {
    sweep_over(2, "json + sqlite", "{\"main\":" FILES_AT("json", "main") ",\"side\":" SQLITE_AT("two.db") "}");
}
static void an_alteration_of_two_folders_is_one_step(void) {
    sweep_over(0, "json + pickle", "{\"main\":" FILES_AT("json", "main") ",\"side\":" FILES_AT("pickle", "side") "}");
}

TEST_SUITE {
    TEST(an_alteration_of_two_databases_is_one_step);
    TEST(an_alteration_of_a_database_and_a_folder_is_one_step);
    TEST(an_alteration_of_a_folder_and_a_database_is_one_step);
    TEST(an_alteration_of_two_folders_is_one_step);
}
