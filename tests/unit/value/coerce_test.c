// SPDX-License-Identifier: MIT
/* What a field accepts, as a table: type, value in JSON, what is stored or which error. */
#include "value/coerce.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/value/quoted.h"
#include "tests/unit/test.h"
#include "value/coerce_parts.h"

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define GRIN "\xf0\x9f\x98\x80"
#define GRIN5 GRIN GRIN GRIN GRIN GRIN
#define INT_CAT "{'type':'categorical','values':[1,2,30]}"
#define TEXT_CAT "{'type':'categorical','values':['todo','done','1']}"
#define HYPER \
    "{'type':'hyper-g','fields':[{'name':'slot','dtype':'short-text'}," \
    "{'name':'value','dtype':'integer','required':false}]}"

#define BAD HB_E_VALIDATION, NULL

static const struct {
    const char *type;
    const char *in;
    hb_status status;
    const char *want;       /* JSON of what is stored; NULL with an error */
} cases[] = {
    { "short-text", "'hello'", HB_OK, "'hello'" }, { "short-text", "''", HB_OK, "''" },
    { "short-text", "12", HB_OK, "'12'" }, { "short-text", "-1.5", HB_OK, "'-1.5'" },
    { "short-text", "2.0", HB_OK, "'2.0'" }, { "short-text", "1e22", HB_OK, "'1e+22'" },
    { "short-text", "9007199254740993", HB_OK, "'9007199254740993'" },
    { "short-text", "true", BAD }, { "short-text", "['a']", BAD }, { "short-text", "{}", BAD },
    { "{'type':'short-text','max_chars':5}", "'" GRIN5 "'", HB_OK, "'" GRIN5 "'" },
    { "{'type':'short-text','max_chars':5}", "'123456'", BAD },
    { "{'type':'short-text','max_chars':5}", "123456", BAD },
    { "identifier", "5", HB_OK, "'5'" }, { "identifier", "'" X63 "'", HB_OK, "'" X63 "'" },
    { "identifier", "'" X63 "x'", BAD }, { "identifier", "''", BAD },
    { "identifier", "' '", HB_OK, "' '" },

    { "integer", "5", HB_OK, "5" }, { "integer", "'5'", HB_OK, "5" },
    { "integer", "' -7\\n'", HB_OK, "-7" }, { "integer", "'+3'", HB_OK, "3" },
    { "integer", "5.9", HB_OK, "5" }, { "integer", "-5.9", HB_OK, "-5" },
    { "integer", "true", HB_OK, "1" }, { "integer", "'5.9'", BAD }, { "integer", "''", BAD },
    { "integer", "'1e3'", BAD }, { "integer", "'1_000'", BAD }, { "integer", "'0x10'", BAD },
    { "integer", "[1]", HB_E_TYPE, NULL }, { "integer", "{'a':1}", HB_E_TYPE, NULL },
    { "integer", "9223372036854775807", HB_OK, "9223372036854775807" },
    { "integer", "9223372036854775808", BAD }, { "integer", "-9223372036854775809", BAD },
    { "integer", "-9223372036854775808", HB_OK, "-9223372036854775808" },
    { "integer", "'9223372036854775808'", BAD }, { "integer", "1e30", BAD },

    { "float", "1", HB_OK, "1.0" }, { "float", "' 3.5 '", HB_OK, "3.5" },
    { "float", "'1e3'", HB_OK, "1000.0" }, { "float", "true", HB_OK, "1.0" },
    { "float", "1e308", HB_OK, "1e+308" }, { "float", "''", BAD }, { "float", "'x'", BAD },
    { "float", "'nan'", BAD }, { "float", "'-Infinity'", BAD }, { "float", "'1e999'", BAD },
    { "float", "[1.0]", HB_E_TYPE, NULL }, { "float", "{}", HB_E_TYPE, NULL },

    { "boolean", "true", HB_OK, "true" }, { "boolean", "0", HB_OK, "false" },
    { "boolean", "1.0", HB_OK, "true" }, { "boolean", "' YES '", HB_OK, "true" },
    { "boolean", "'off'", HB_OK, "false" }, { "boolean", "''", HB_OK, "false" },
    { "boolean", "'null'", HB_OK, "null" }, { "boolean", "'NaN'", HB_OK, "null" },
    { "boolean", "[]", HB_OK, "false" }, { "boolean", "[0]", HB_OK, "true" },
    { "boolean", "{}", HB_OK, "false" }, { "boolean", "2", BAD }, { "boolean", "0.5", BAD },
    { "boolean", "'maybe'", BAD }, { "boolean", "'t'", BAD },

    { TEXT_CAT, "'todo'", HB_OK, "'todo'" }, { TEXT_CAT, "1", HB_OK, "'1'" },
    { TEXT_CAT, "'Done'", BAD }, { TEXT_CAT, "''", BAD }, { TEXT_CAT, "true", BAD },
    { INT_CAT, "'2'", HB_OK, "2" }, { INT_CAT, "2.0", HB_OK, "2" }, { INT_CAT, "4", BAD },
    { INT_CAT, "1.5", BAD }, { INT_CAT, "true", BAD }, { INT_CAT, "'x'", BAD },

    { "timestamp", "0", HB_OK, "0" }, { "timestamp", "1700000000000.9", HB_OK, "1700000000000" },
    { "timestamp", "'2024-02-29T12:34:56.789Z'", HB_OK, "1709210096789" },
    { "timestamp", "'2024-02-29'", HB_OK, "1709164800000" },
    { "timestamp", "'9999-12-31T23:59:59Z'", HB_OK, "253402300799000" },
    { "timestamp", "-5", BAD }, { "timestamp", "253402300799001", BAD },
    { "timestamp", "'1969-12-31T23:59:59Z'", BAD }, { "timestamp", "true", BAD },
    { "timestamp", "'1700000000000'", BAD }, { "timestamp", "[1]", BAD },
    { "{'type':'timestamp','unit':'s'}", "'2024-02-29T12:34:56.999Z'", HB_OK, "1709210096" },
    { "{'type':'timestamp','unit':'us'}", "'2024-02-29T12:34:56.123456Z'", HB_OK,
      "1709210096123456" },
    { "{'type':'timestamp','min':1000,'max':2000}", "1500", HB_OK, "1500" },
    { "{'type':'timestamp','min':1000,'max':2000}", "2001", BAD },

    { "date", "' 2024-01-01 '", HB_OK, "'2024-01-01'" },
    { "date", "'20240102'", HB_OK, "'2024-01-02'" }, { "date", "'2023-02-29'", BAD },
    { "date", "'2024-01-01T00:00:00'", BAD }, { "date", "20240101", BAD },
    { "date", "true", BAD }, { "date", "'2024-1-1'", BAD }, { "date", "''", BAD },
    { "duration", "'250'", HB_OK, "250" }, { "duration", "1.9", HB_OK, "1" },
    { "duration", "-1", BAD }, { "duration", "'-5'", BAD }, { "duration", "true", BAD },
    { "duration", "'x'", BAD },

    { "array", "[1,'a',null,2.5,[1],{'x':1}]", HB_OK, "[1,'a',null,2.5,[1],{'x':1}]" },
    { "array", "'abc'", BAD }, { "array", "5", BAD }, { "array", "{}", BAD },
    { "array[short-text]", "['a','a','']", HB_OK, "['a','a','']" },
    { "array[short-text]", "[1,2.5]", HB_OK, "['1','2.5']" },
    { "array[short-text]", "[null]", BAD }, { "array[short-text]", "[true]", BAD },
    { "array[integer]", "[1,'2',3.7]", HB_OK, "[1,2,3]" },
    { "array[integer]", "['x']", BAD }, { "array[integer]", "[null]", BAD },
    { "array[integer]", "'1,2'", BAD }, { "array[array[integer]]", "[[1],[2,3.5]]", HB_OK,
      "[[1],[2,3]]" }, { "array[array[integer]]", "[1]", BAD },
    { "array[" TEXT_CAT "]", "[]", HB_E_SCHEMA, NULL },
    { "vector[3]", "[1,2,3]", HB_OK, "[1.0,2.0,3.0]" },
    { "vector[3]", "['1',2.5,true]", HB_OK, "[1.0,2.5,1.0]" }, { "vector[3]", "[1,2]", BAD },
    { "vector[3]", "[]", BAD }, { "vector[3]", "'abc'", BAD }, { "vector[3]", "['x',1,2]", BAD },
    { "vector[3]", "[null,1,2]", BAD }, { "vector[3]", "{'a':1}", BAD },
    { "vector[3]", "[1e39,0,0]", BAD }, { "vector[3]", "['nan',0,0]", BAD },
    { "vector", "[1]", HB_OK, "[1.0]" }, { "vector", "'x'", BAD },

    { "json", "{'b':1,'a':[null,true]}", HB_OK, "{'b':1,'a':[null,true]}" },
    { "json", "'bare'", HB_OK, "'bare'" }, { "json", "'{\\'k\\':1}'", HB_OK,
      "'{\\'k\\':1}'" }, { "json", "7", HB_OK, "7" }, { "json", "true", HB_OK, "true" },
    { "json", "null", HB_OK, "null" },

    { HYPER, "[{'slot':'a','value':1}]", HB_OK, "[{'slot':'a','value':1}]" },
    { HYPER, "[{'value':'7','slot':5}]", HB_OK, "[{'slot':'5','value':7}]" },
    { HYPER, "[['b',2]]", HB_OK, "[{'slot':'b','value':2}]" },
    { HYPER, "[{'slot':'c','value':null}]", HB_OK, "[{'slot':'c'}]" },
    { HYPER, "[]", HB_OK, "[]" }, { HYPER, "[{'value':1}]", BAD },
    { HYPER, "[{'slot':null}]", BAD }, { HYPER, "[{'slot':'a','zz':1}]", BAD },
    { HYPER, "[['b']]", BAD }, { HYPER, "[5]", BAD }, { HYPER, "{'slot':'a'}", BAD },
    { HYPER, "[{'slot':'a','value':'x'}]", BAD },

    { "artifact", "'ab'", HB_OK, "'YWI='" }, { "artifact", "5", BAD }, { "artifact", "[]", BAD },
};

static hb_status type_of(const char *text, hb_arena *arena, const hb_type **type, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    if (text[0] == '{') {
        CHECK_INT(quoted_pack(text, &pack, err), HB_OK);
    } else {
        hb_pack_str(&pack, hb_str_c(text));
    }
    const hb_status status = hb_type_parse(hb_buf_str(&pack), arena, type, err);
    hb_buf_free(&pack);
    return status;
}

static void check_json(const hb_value *value, const char *want) {
    hb_buf pack;
    hb_buf json;
    hb_buf wanted;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    hb_buf_init(&json, hb_mem_default());
    hb_buf_init(&wanted, hb_mem_default());
    hb_pack_value(&pack, value);
    quoted_json(want, &wanted);
    CHECK_INT(hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, &err), HB_OK);
    CHECK_BYTES(json.ptr, json.len, wanted.ptr, wanted.len);
    hb_buf_free(&wanted);
    hb_buf_free(&json);
    hb_buf_free(&pack);
}

static void every_type_takes_what_the_table_says(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[256];
        snprintf(name, sizeof name, "%s <- %s", cases[i].type, cases[i].in);
        CASE(name);
        hb_arena arena;
        hb_buf pack;
        hb_err err;
        const hb_type *type = NULL;
        hb_value out = { .kind = HB_KIND_NULL };
        hb_arena_init(&arena, hb_mem_default());
        hb_buf_init(&pack, hb_mem_default());
        CHECK_INT(quoted_pack(cases[i].in, &pack, &err), HB_OK);
        hb_err_init(&err);
        hb_status status = type_of(cases[i].type, &arena, &type, &err);
        if (status == HB_OK) {
            const hb_value in = { HB_KIND_PACK, { .s = hb_buf_str(&pack) } };
            status = hb_coerce_value(type, &in, &arena, &out, &err);
        }
        CHECK_INT(status, cases[i].status);
        CHECK_INT(err.code, cases[i].status);
        if (status == HB_OK && cases[i].want != NULL) {
            CHECK(out.kind == HB_KIND_NULL || out.kind == hb_type_kind(type));
            check_json(&out, cases[i].want);
            CHECK(out.kind != HB_KIND_PACK || hb_pack_valid(out.as.s));
        }
        hb_buf_free(&pack);
        hb_arena_free(&arena);
    }
}

/* The same table as columns of three cells: value, null, absent. */
static void columns_say_the_same_as_values(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].status == HB_E_SCHEMA) continue;
        char name[256];
        snprintf(name, sizeof name, "%s <- %s", cases[i].type, cases[i].in);
        CASE(name);
        hb_arena arena;
        hb_buf pack;
        hb_err err;
        const hb_type *type = NULL;
        hb_arena_init(&arena, hb_mem_default());
        hb_buf_init(&pack, hb_mem_default());
        CHECK_INT(quoted_pack(cases[i].in, &pack, &err), HB_OK);
        CHECK_INT(type_of(cases[i].type, &arena, &type, &err), HB_OK);
        const uint8_t state[3] = { HB_CELL_NULL, HB_CELL_VALUE, HB_CELL_ABSENT };
        for (int unpacked = 0; unpacked < 2; unpacked++) {
            hb_value value = { HB_KIND_PACK, { .s = hb_buf_str(&pack) } };
            if (unpacked == 1) {
                CHECK_INT(hb_pack_to_value(hb_buf_str(&pack), &arena, &value, &err), HB_OK);
                if (value.kind == HB_KIND_NULL) continue;
            }
            hb_colbuf in;
            hb_colbuf_init(&in, hb_mem_default(), value.kind, 0);
            CHECK(hb_colbuf_add_null(&in) && hb_colbuf_add(&in, &value) && hb_colbuf_add_null(&in));
            hb_column column = hb_colbuf_view(&in, HB_STR("f"));
            column.state = state;
            hb_column out;
            uint32_t bad_row = 99;
            const hb_status status =
                hb_coerce_column(type, &column, 3, &arena, &out, &bad_row, &err);
            CHECK_INT(status, cases[i].status);
            if (status == HB_OK) {
                CHECK_INT(out.kind, hb_type_kind(type));
                CHECK_STR(out.name, "f");
                CHECK_INT(hb_column_cell(&out, 0), HB_CELL_NULL);
                CHECK_INT(hb_column_cell(&out, 2), HB_CELL_ABSENT);
                const hb_value got = hb_column_get(&out, 1);
                check_json(&got, cases[i].want);
            } else {
                CHECK_INT(bad_row, 1);
            }
            hb_colbuf_free(&in);
        }
        hb_buf_free(&pack);
        hb_arena_free(&arena);
    }
}

static void what_needs_no_change_is_a_view(void) {
    static const struct {
        const char *type;
        hb_kind kind;
        uint32_t dim;
    } views[] = {
        { "short-text", HB_KIND_TEXT, 0 }, { "identifier", HB_KIND_TEXT, 0 },
        { "date", HB_KIND_TEXT, 0 }, { "integer", HB_KIND_I64, 0 }, { "timestamp", HB_KIND_I64, 0 },
        { "float", HB_KIND_F64, 0 }, { "boolean", HB_KIND_BOOL, 0 },
        { "vector[2]", HB_KIND_VEC, 2 },
        { "vector", HB_KIND_VEC, 0 }, { "vector", HB_KIND_VEC, 2 },
        { "artifact", HB_KIND_BYTES, 0 },
        { "array[integer]", HB_KIND_PACK, 0 }, { "json", HB_KIND_PACK, 0 },
    };
    static const float floats[2] = { 1.0f, 2.0f };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        CASE(views[i].type);
        hb_arena arena;
        hb_err err;
        const hb_type *type = NULL;
        hb_arena_init(&arena, hb_mem_default());
        CHECK_INT(type_of(views[i].type, &arena, &type, &err), HB_OK);
        hb_value value = { .kind = views[i].kind };
        switch ((int)views[i].kind) {
        case HB_KIND_BOOL: value.as.b = true; break;
        case HB_KIND_I64: value.as.i = 5; break;
        case HB_KIND_F64: value.as.f = 0.5; break;
        case HB_KIND_VEC: value.as.v.ptr = floats; value.as.v.len = 2; break;
        case HB_KIND_PACK: value.as.s = HB_STR("\x91\x01"); break;
        default: value.as.s = HB_STR("2024-02-29"); break;
        }
        hb_colbuf in;
        hb_column out;
        uint32_t bad_row;
        hb_colbuf_init(&in, hb_mem_default(), views[i].kind, views[i].dim);
        CHECK(hb_colbuf_add(&in, &value) && hb_colbuf_add(&in, &value));
        const hb_column column = hb_colbuf_view(&in, HB_STR("f"));
        CHECK_INT(hb_coerce_column(type, &column, 2, &arena, &out, &bad_row, &err), HB_OK);
        CHECK(out.data == column.data);
        CHECK(out.state == NULL);
        hb_colbuf_free(&in);
        hb_arena_free(&arena);
    }
}

static void a_column_without_values_keeps_its_states(void) {
    static const uint8_t state[3] = { HB_CELL_ABSENT, HB_CELL_NULL, HB_CELL_NULL };
    hb_arena arena;
    hb_err err;
    hb_column out;
    uint32_t bad_row;
    const hb_type *type = NULL;
    hb_arena_init(&arena, hb_mem_default());
    CHECK_INT(type_of("vector[384]", &arena, &type, &err), HB_OK);
    hb_column in = { .name = { "v", 1 }, .kind = HB_KIND_NULL, .state = state };
    CHECK_INT(hb_coerce_column(type, &in, 3, &arena, &out, &bad_row, &err), HB_OK);
    CHECK_INT(out.kind, HB_KIND_VEC);
    CHECK_INT(out.dim, 384);
    CHECK_INT(hb_column_cell(&out, 0), HB_CELL_ABSENT);
    in.state = NULL;
    CHECK_INT(hb_coerce_column(type, &in, 3, &arena, &out, &bad_row, &err), HB_OK);
    CHECK_INT(hb_column_get(&out, 2).kind, HB_KIND_NULL);
    hb_colbuf col;
    hb_colbuf_init(&col, hb_mem_default(), HB_KIND_VEC, 384);
    CHECK(hb_colbuf_add_rows(&col, &out, NULL, 3));
    CHECK_INT(col.null_count, 3);
    hb_colbuf_free(&col);
    hb_arena_free(&arena);
}

static void what_json_cannot_carry_comes_packed(void) {
    static const struct {
        const char *type, *in;
        uint32_t len;
        hb_status status;
        const char *want;
    } packed[] = {
        { "timestamp", "\xd6\xff\x65\xe0\x72\x00", 6, HB_OK, "1709208064000" },
        { "date", "\xd6\xff\x65\xe0\x72\x00", 6, HB_OK, "'2024-02-29'" },
        { "json", "\x91\xd6\xff\x65\xe0\x72\x00", 7, HB_OK, "['2024-02-29T12:01:04Z']" },
        { "json", "\xd6\x01\0\0\x80\x3f", 6, HB_OK, "[1.0]" },
        { "json", "\x91\xcb\x7f\xf8\0\0\0\0\0\0", 10, HB_E_VALIDATION, NULL },
        { "json", "\x81\x01\x01", 3, HB_E_VALIDATION, NULL },
        { "json", "\xc4\x01x", 3, HB_E_VALIDATION, NULL },
        { "json", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, HB_E_VALIDATION, NULL },
        { "integer", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, HB_E_VALIDATION, NULL },
        { "integer", "\xcb\x7f\xf8\0\0\0\0\0\0", 9, HB_E_VALIDATION, NULL },
        { "float", "\xcb\x7f\xf0\0\0\0\0\0\0", 9, HB_E_VALIDATION, NULL },
        { "boolean", "\xcb\x7f\xf8\0\0\0\0\0\0", 9, HB_E_VALIDATION, NULL },
        { "short-text", "\xc4\x01x", 3, HB_E_VALIDATION, NULL },
        { "short-text", "\xcb\x7f\xf8\0\0\0\0\0\0", 9, HB_E_VALIDATION, NULL },
        { "artifact", "\xc4\x02\x00\xff", 4, HB_OK, "'AP8='" },
        { "vector[1]", "\xd6\x01\0\0\x80\x3f", 6, HB_OK, "[1.0]" },
        { "vector[1]", "\xd6\x01\0\0\xc0\x7f", 6, HB_E_VALIDATION, NULL },
        { "vector[2]", "\xd6\x01\0\0\x80\x3f", 6, HB_E_VALIDATION, NULL },
        { "array[integer]", "\xd6\x01\0\0\x80\x3f", 6, HB_OK, "[1]" },
        { "array", "\xd6\x01\0\0\x80\x3f", 6, HB_OK, "[1.0]" },
        { "integer", "\xd6\x01\0\0\x80\x3f", 6, HB_E_TYPE, NULL },
    };
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++) {
        CASE(packed[i].type);
        hb_arena arena;
        hb_err err;
        const hb_type *type = NULL;
        hb_value out;
        hb_arena_init(&arena, hb_mem_default());
        CHECK_INT(type_of(packed[i].type, &arena, &type, &err), HB_OK);
        const hb_value in = { HB_KIND_PACK, { .s = { packed[i].in, packed[i].len } } };
        CHECK_INT(hb_coerce_value(type, &in, &arena, &out, &err), packed[i].status);
        if (packed[i].want != NULL) check_json(&out, packed[i].want);
        hb_arena_free(&arena);
    }
}

static void no_bad_component_hides_in_a_long_vector(void) {
    static const float bad[] = { INFINITY, -INFINITY, NAN };
    float floats[19];
    for (size_t at = 0; at < 19; at++) {
        for (size_t i = 0; i < 19; i++) {
            floats[i] = i % 2 == 0 ? -3.4028235e38f : 1e-45f;
        }
        CHECK(hb_coerce_floats_finite(floats, 19));
        for (size_t b = 0; b < 3; b++) {
            floats[at] = bad[b];
            CHECK(!hb_coerce_floats_finite(floats, 19));
        }
    }
    CHECK(hb_coerce_floats_finite(floats, 0));
}

static void errors_say_what_was_found_and_expected(void) {
    static const struct {
        const char *type, *in, *want;
    } messages[] = {
        { "{'type':'short-text','max_chars':2}", "'abc'",
          "ShortText exceeds 2 characters: found 3" },
        { "vector[2]", "[1,2,3]", "Vector[2] received dimension 3" },
        { "integer", "'x'", "Integer expects a whole number: found text 'x'" },
        { "integer", "[1]", "Integer expects a whole number: found a list" },
        { "duration", "-1", "Duration cannot be negative: found -1" },
        { TEXT_CAT, "'don'", "Categorical has no value 'don'; did you mean 'done'?; expected one "
          "of: todo, done, 1" },
        { "boolean", "0.5", "Boolean expects true or false: found 0.5" },
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        hb_arena arena;
        hb_buf pack;
        hb_err err;
        hb_value out;
        const hb_type *type = NULL;
        hb_arena_init(&arena, hb_mem_default());
        hb_buf_init(&pack, hb_mem_default());
        CHECK_INT(quoted_pack(messages[i].in, &pack, &err), HB_OK);
        CHECK_INT(type_of(messages[i].type, &arena, &type, &err), HB_OK);
        const hb_value in = { HB_KIND_PACK, { .s = hb_buf_str(&pack) } };
        CHECK(hb_coerce_value(type, &in, &arena, &out, &err) != HB_OK);
        CHECK_CSTR(err.msg, messages[i].want);
        hb_buf_free(&pack);
        hb_arena_free(&arena);
    }
}

TEST_SUITE {
    TEST(every_type_takes_what_the_table_says);
    TEST(columns_say_the_same_as_values);
    TEST(what_needs_no_change_is_a_view);
    TEST(a_column_without_values_keeps_its_states);
    TEST(what_json_cannot_carry_comes_packed);
    TEST(no_bad_component_hides_in_a_long_vector);
    TEST(errors_say_what_was_found_and_expected);
}
