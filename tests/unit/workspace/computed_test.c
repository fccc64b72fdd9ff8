// SPDX-License-Identifier: MIT
/* Values that functions of the host give, and rows against a definition alone. */
#include <stdio.h>

#include "tests/unit/workspace/fixture.h"

static const char debug_options[] = "{\"id\":\"unit\",\"preset\":\"debug\"}";

static bool contains(hb_str text, const char *part) { return hb_str_find(text, hb_str_c(part), 0) >= 0; }

static void without_functions_computed_values_must_be_given(void) {
    static const struct {
        hb_call_kind kind;
        const char *row;
        hb_status want;
        const char *field;
    } cases[] = {
        { HB_CALL_UPSERT, "{\"object_id\":\"x\",\"a\":1}", HB_E_COMPUTE, "b" },
        { HB_CALL_UPSERT, "{\"object_id\":\"x\",\"a\":1,\"b\":null}", HB_E_COMPUTE, "b" },
        { HB_CALL_UPSERT, "{\"object_id\":\"x\",\"a\":1,\"b\":2}", HB_E_COMPUTE, "catalog.desc" },
        { HB_CALL_UPSERT, "{\"object_id\":\"x\",\"a\":1,\"b\":2,\"catalog.desc\":\"two\"}", HB_OK, "" },
        { HB_CALL_SET, "{\"object_id\":\"x\",\"a\":3}", HB_E_COMPUTE, "b" },
        { HB_CALL_SET, "{\"object_id\":\"x\",\"name\":\"X\"}", HB_OK, "" },
        { HB_CALL_SET, "{\"object_id\":\"y\",\"name\":\"Y\"}", HB_E_COMPUTE, "b" },
        { HB_CALL_SET, "{\"object_id\":\"x\",\"b\":5,\"catalog.desc\":\"five\"}", HB_OK, "" },
        { HB_CALL_UPSERT, "{\"object_id\":\"x\",\"catalog.note\":\"no\"}", HB_E_UNKNOWN_FIELD, "catalog.note" },
    };
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, "{\"name\":\"C\",\"fields\":{\"a\":\"integer\",\"b\":{\"type\":\"integer\",\"compute\":"
                         "{\"name\":\"twice\",\"inputs\":[\"a\"]}}},\"derive\":[{\"target\":\"catalog.desc\","
                         "\"compute\":\"say\",\"inputs\":[\"b\"]}]}"), HB_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].row);
        CHECK_INT(write_row(&f, cases[i].kind, "c", cases[i].row, HB_FLAG_OVERWRITE), cases[i].want);
        if (cases[i].want != HB_OK) CHECK_CSTR(f.err.field, cases[i].field);
        if (cases[i].want != HB_OK) continue;
        CHECK_INT(query(&f, "sys-catalog", "{\"select\":[\"desc\"]}"), HB_OK);
        CHECK_CSTR(lines(&f, "desc"), i < 7 ? "catalog:c:x|two\n" : "catalog:c:x|five\n");
    }
    CHECK_INT(define(&f, "{\"name\":\"D\",\"fields\":{\"a\":\"integer\"},\"derive\":[{\"target\":"
                         "\"catalog.ws\",\"compute\":\"f\"}]}"), HB_E_SCHEMA);
    CHECK_INT(define(&f, "{\"name\":\"D\",\"fields\":{\"a\":\"integer\"},\"derive\":[{\"target\":"
                         "\"catalog.dsc\",\"compute\":\"f\"}]}"), HB_E_SCHEMA);
    fixture_close(&f);
}

static void derived_columns_name_rows_and_survive_repair(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, "{\"name\":\"Note\",\"fields\":{\"title\":\"short-text\"},\"derive\":[{\"target\":"
                         "\"catalog.name\",\"compute\":\"f\",\"inputs\":[\"title\"]}]}"), HB_OK);
    CHECK_INT(upsert(&f, "note", "{\"title\":\"x\",\"catalog.name\":\"Routing note\"}"), HB_OK);
    CHECK_STR(hb_column_span(&answer(&f)->batch.columns[0], 0), "000042943200010507604878606023630530843197");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK);
    CHECK(contains(answer(&f)->json, "{\"catalog\":{\"ok\":true,"));
    CHECK_INT(query(&f, "sys-catalog", "{\"select\":[\"name\"]}"), HB_OK);
    const char *before = lines(&f, "name");
    CHECK(strstr(before, "|Routing note\n") != NULL);
    char set[160];
    snprintf(set, sizeof(set), "{\"object_id\":\"%.*s\",\"note\":\"changed\"}", (int)strcspn(before, "|"), before);
    CHECK_INT(write_row(&f, HB_CALL_SET, "sys-catalog", set, 0), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REPAIR }), HB_OK);
    CHECK(contains(answer(&f)->json, "\"mismatched_rewritten\":1"));
    CHECK_INT(query(&f, "sys-catalog", "{\"select\":[\"name\"]}"), HB_OK);
    CHECK_CSTR(lines(&f, "name"), before);
    fixture_close(&f);
}

/* One row of PACK columns against a definition, without a workspace. */
static hb_status validate(fixture *f, const char *definition, const char *row) {
    return call(f, (hb_request){ .kind = HB_CALL_VALIDATE, .text = pack_of(f, definition),
                                 .batch = row_of(f, row) });
}

static void validation_tells_all_that_is_wrong(void) {
    static const char definition[] =
        "{\"name\":\"T\",\"fields\":{\"n\":{\"type\":\"integer\",\"required\":true},\"k\":{\"type\":"
        "\"short-text\",\"default\":\"d\"},\"v\":\"vector[2]\",\"c\":{\"type\":\"integer\",\"required\":true,"
        "\"compute\":\"f\"}}}";
    fixture f;
    memset(&f, 0, sizeof(f));
    hb_arena_init(&f.arena, hb_mem_default());
    CHECK_INT(validate(&f, definition, "{\"n\":\"12\",\"v\":null}"), HB_OK);
    REQUIRE(answer(&f)->kind == HB_ANSWER_FRAME);
    const hb_batch *row = &answer(&f)->batch;
    CHECK_INT(row->column_count, 3);
    CHECK_INT(hb_column_get(&row->columns[hb_batch_find(row, HB_STR("n"))], 0).as.i, 12);
    CHECK_STR(hb_column_span(&row->columns[hb_batch_find(row, HB_STR("k"))], 0), "d");
    CHECK_INT(hb_column_cell(&row->columns[hb_batch_find(row, HB_STR("v"))], 0), HB_CELL_NULL);
    CHECK_INT(validate(&f, definition, "{\"nn\":1,\"v\":[1],\"k\":true}"), HB_OK);
    REQUIRE(answer(&f)->kind == HB_ANSWER_JSON);
    static const char *const parts[] = {
        "{\"issues\":[{\"field\":\"nn\",\"code\":\"UNKNOWN_FIELD\"", "{\"field\":\"n\",\"code\":\"VALIDATION\"",
        "{\"field\":\"k\",\"code\":", "{\"field\":\"v\",\"code\":\"VALIDATION\"" };
    for (size_t i = 0; i < 4; i++) CHECK(contains(answer(&f)->json, parts[i]));
    CHECK(!contains(answer(&f)->json, "\"field\":\"c\""));
    CHECK_INT(validate(&f, "{\"name\":\"T\"}", "{\"n\":1}"), HB_E_SCHEMA);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(without_functions_computed_values_must_be_given);
    TEST(derived_columns_name_rows_and_survive_repair);
    TEST(validation_tells_all_that_is_wrong);
}
