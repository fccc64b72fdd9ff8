// SPDX-License-Identifier: MIT
/* An entity definition, as JSON or else as MessagePack. What parses has a canonical form that parses to
 * the same, types that read back equal, and registers on both built-in backends or says why not. */
#include "tests/fuzz/fuzz.h"

static void types_read_back(const hb_schema *schema, hb_arena *arena) {
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const hb_type *again;
        hb_buf pack;
        hb_err err;
        hb_buf_init(&pack, hb_mem_default());
        hb_type_write(schema->fields[i].type, &pack);
        MUST(hb_pack_valid(hb_buf_str(&pack)));
        MUST_SAY(hb_type_parse(hb_buf_str(&pack), arena, &again, &err) == HB_OK, err.msg);
        MUST(hb_type_eq(schema->fields[i].type, again));
        hb_buf_free(&pack);
    }
}

static void parses_again(const hb_schema *schema) {
    hb_schema *again = NULL;
    hb_err err;
    hb_buf pack, json;
    MUST(hb_pack_valid(schema->definition));
    MUST_SAY(hb_schema_parse(schema->definition, hb_mem_default(), &again, &err) == HB_OK, err.msg);
    MUST(hb_schema_same(schema, again));
    MUST(hb_str_eq(schema->definition, again->definition));
    hb_schema_free(again);
    hb_buf_init(&pack, hb_mem_default());
    hb_buf_init(&json, hb_mem_default());
    hb_schema_write(schema, &pack);
    MUST(hb_pack_valid(hb_buf_str(&pack)));
    MUST_SAY(hb_pack_to_json(hb_buf_str(&pack), 0, true, &json, &err) == HB_OK, err.msg);
    hb_buf_free(&pack);
    hb_buf_free(&json);
}

static void registers(hb_str definition) {
    hb_workspace *ws = fuzz_open("{\"id\":\"fuzz\",\"preset\":\"debug\"}");
    hb_err err;
    const hb_status status =
        fuzz_call_plain(ws, (hb_request){ .kind = HB_CALL_REGISTER, .text = definition }, &err);
    /* SQLite's own limit on columns is the engine's to report. */
    if (status == HB_OK) {
        const uint32_t entity = 2;
        hb_request query = { .kind = HB_CALL_QUERY, .entity = entity, .text = HB_STR("{}") };
        MUST_SAY(fuzz_call_plain(ws, query, &err) == HB_OK, err.msg);
        query.kind = HB_CALL_SCHEMA;
        MUST_SAY(fuzz_call_plain(ws, query, &err) == HB_OK, err.msg);
        query.kind = HB_CALL_AUDIT;
        MUST_SAY(fuzz_call_plain(ws, query, &err) == HB_OK, err.msg);
    }
    hb_workspace_close(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_buf pack;
    hb_err err;
    hb_schema *schema = NULL;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&pack, hb_mem_default());
    hb_str definition = hb_arena_str(&arena, hb_str_n(data, size));
    if (hb_pack_from_json(definition, &pack, &err) == HB_OK) definition = hb_buf_str(&pack);
    if (hb_schema_parse(definition, hb_mem_default(), &schema, &err) == HB_OK) {
        types_read_back(schema, &arena);
        parses_again(schema);
        registers(definition);
        hb_schema_free(schema);
    }
    hb_buf_free(&pack);
    hb_arena_free(&arena);
    return 0;
}
