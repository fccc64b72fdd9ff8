// SPDX-License-Identifier: MIT
/* Hostile names and values on every dialect: what is sent holds no value, a name is one quoted word that reads back as it
 * was, and a statement is one statement, with as many placeholders as parameters. */
#include "tests/unit/backends/dialects.h"

/* ---- a small reader of each dialect ------------------------------------------------------- */

static const char *close_of(const char *p, const char *end, char quote) {
    for (p++; p < end; p++) {
        if (*p != quote) continue;
        if (p + 1 == end || p[1] != quote) return p;
        p++;
    }
    return NULL;
}

static bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/* Whether the text is one statement of words, numbers, plain operators, quoted names, plain literals and `params`
 * placeholders, in order. */
static bool is_plain(const hb_dialect *dialect, hb_str sql, uint32_t params) {
    const char *p = sql.ptr, *const end = p + sql.len;
    uint32_t found = 0;
    for (; p < end; p++) {
        if (*p == dialect->quote_open) {
            p = close_of(p, end, dialect->quote_close);
            if (p == NULL) return false;
        } else if (*p == '\'') {
            const char *from = p;
            p = close_of(p, end, '\'');
            if (p == NULL || (dialect->quote_open == '`' && memchr(from, '\\', (size_t)(p - from)) != NULL)) return false;
        } else if (*p == '?' && dialect->placeholder == HB_PLACEHOLDER_QUESTION) {
            found++;
        } else if ((*p == '$' && dialect->placeholder == HB_PLACEHOLDER_DOLLAR) || (*p == ':' && dialect->placeholder == HB_PLACEHOLDER_COLON) ||
                   (*p == '@' && dialect->placeholder == HB_PLACEHOLDER_AT)) {
            char number[12];
            const int len = snprintf(number, sizeof number, "%s%u", *p == '@' ? "p" : "", (unsigned)++found);
            if (end - p <= len || strncmp(p + 1, number, (size_t)len) != 0 || (p + 1 + len < end && is_name(p[1 + len]))) return false;
            p += len;
        } else if ((*p == '-' || *p == '/') && p + 1 < end && (p[1] == '-' || p[1] == '*')) {
            return false;
        } else if (*p == ';' && p + 1 == end && dialect->merge_end != NULL) {
            continue;           /* what a MERGE of SQL Server has to end with */
        } else if (!is_name(*p) && strchr(" ,.()<>=*+-/:[]#", *p) == NULL) {
            return false;
        }
    }
    return found == params;
}

/* ---- names ------------------------------------------------------------------------------- */

static const char *const names[] = {
    "\"", "\"\"", "a\"b", "`", "``", "a`b", "'", "''", "\\", "\\\"", "\\`", "a\\", "--", "-- x", "/*", "*/", "/*! x */", ";", "; DROP TABLE doc", "#", "$1", "$s", "?", ":name", "@p1", "%s", "%n", "#",
    "[x]", "]", " ", " a", "a ", "\n", "\t", "select", "SELECT", "order", "null", "object_id", "hb_meta", "*", "0", "1a", "a.b", "a,b", "a)", "(", "\xe2\x80\x9c", "\xe2\x80\x9d", "\xc2\xb4", "\xca\xbc", "\xef\xbc\x87",
    "gr\xc3\xb6\xc3\x9f", "\xf0\x9f\x98\x80", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static void a_quoted_name_reads_back(void) {
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        const hb_dialect *dialect = dialects[d].dialect;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            hb_sql sql;
            CASE(names[i]);
            hb_sql_init(&sql, dialect, hb_mem_default(), &arena);
            hb_sql_ident(&sql, hb_str_c(names[i]));
            const hb_str text = hb_sql_text(&sql);
            CHECK_INT(close_of(text.ptr, text.ptr + text.len, dialect->quote_close) - text.ptr, text.len - 1);
            hb_buf back;
            hb_buf_init(&back, hb_mem_default());
            for (uint32_t at = 1; at + 1 < text.len; at++) {
                hb_buf_add_char(&back, text.ptr[at]);
                if (text.ptr[at] == dialect->quote_close) at++;
            }
            CHECK_STR(hb_buf_str(&back), names[i]);
            hb_buf_free(&back);
            hb_sql_free(&sql);
        }
    }
    hb_arena_free(&arena);
}

/* ---- statements -------------------------------------------------------------------------- */

#define MARK "MARK"
/* In JSON; what could end a literal, a name or a statement stands around the mark. */
static const char *const values[] = {
    "'" MARK "'", "\\\"" MARK "\\\"", "`" MARK "`", "\\\\'" MARK "\\\\", "'; DROP TABLE doc; -- " MARK, "/*" MARK "*/", "$1 ? :n @p1 %s " MARK "#", "') OR 1=1 -- " MARK, "\\n" MARK "\\r\\u001a", "\xe2\x80\x9c" MARK "\xca\xbc", "{\\\"" MARK "\\\":1}", "[" MARK "]",
};

/* Every statement that was sent. */
static uint32_t check_sent(const engine *e, size_t dialect) {
    hb_str sent = hb_buf_str(&e->s.sent);
    uint32_t count = 0;
    CHECK(hb_str_find(sent, HB_STR(MARK), 0) < 0);
    while (sent.len > 0) {
        const uint32_t end = (uint32_t)hb_str_find(sent, HB_STR("\n"), 0);
        hb_str line = hb_str_sub(sent, 0, end);
        sent = hb_str_sub(sent, end + 1, sent.len);
        if (line.len == 1 || hb_str_starts(line, HB_STR("COLUMNS")) || hb_str_starts(line, HB_STR("WHICH"))) continue;
        const int64_t types = hb_str_find(line, HB_STR("  -- "), 0);        /* the server's own note */
        uint32_t params = types < 0 ? 0 : 1;
        for (uint32_t i = types < 0 ? line.len : (uint32_t)types; i < line.len; i++) params += line.ptr[i] == ',';
        if (types >= 0) line.len = (uint32_t)types;
        if (!is_plain(dialects[dialect].dialect, line, params)) {
            char said[600];
            snprintf(said, sizeof said, "%s: %.*s", dialects[dialect].name, (int)(line.len < 500 ? line.len : 500), line.ptr);
            test_check(false, said, __FILE__, __LINE__);
        }
        count++;
    }
    return count;
}

static void asks_with(engine *e, size_t dialect, const char *form, const char *value) {
    char spec[700];
    snprintf(spec, sizeof spec, form, value, value);
    CASE(form);
    hb_buf_clear(&e->s.sent);
    e->s.answered = 0;
    const hb_status status = asks(e, HB_CALL_QUERY, hb_str_c(spec));
    if (!CHECK(status == HB_OK || status == HB_E_BAD_REPLY)) test_check(false, e->f.err.msg, __FILE__, __LINE__);    /* a count has no rows here */
    CHECK(check_sent(e, dialect) > 0);
}

static void no_value_gets_into_a_statement(void) {
    static const char definition[] = "{\"name\":\"Doc\",\"fields\":{\"s\":\"short-text\",\"l\":\"long-text\",\"a\":\"array[short-text]\",\"j\":\"json\",\"v\":\"vector[2]\"}}";
    static const char *const forms[] = {
        "{\"filter\":{\"s\":\"%s\"}}", "{\"filter\":{\"s\":{\"$ne\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$lt\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$gte\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$in\":[\"%s\",\"x\"]}}}",
        "{\"filter\":{\"s\":{\"$like\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$ilike\":\"%s\"}}}", "{\"filter\":{\"l\":{\"$contains\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$starts_with\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$ends_with\":\"%s\"}}}",
        "{\"filter\":{\"s\":{\"$match\":\"%s\"}}}", "{\"filter\":{\"s\":{\"$wildcard\":\"%s\"}}}", "{\"filter\":{\"a\":{\"$array_contains\":\"%s\"}}}", "{\"filter\":{\"j\":{\"$get\":{\"path\":[\"k\"],\"op\":\"eq\",\"value\":\"%s\"}}}}",
        "{\"filter\":{\"object_id\":\"%s\"}}", "{\"filter\":{\"$not\":{\"s\":\"%s\"}}}", "{\"filter\":{\"$or\":[{\"s\":\"%s\"},{\"l\":{\"$contains\":\"%s\"}}]}}", "{\"count\":true,\"filter\":{\"s\":\"%s\"}}",
        "{\"search\":{\"fields\":[\"s\"],\"query\":\"%s\"}}", "{\"filter\":{\"s\":\"%s\"},\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}",
    };
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        if (dialects[d].local) continue;
        engine e;
        CASE(dialects[d].name);
        engine_open(&e, d, definition);
        CHECK(check_sent(&e, d) > 1);
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            char json[700];
            for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) asks_with(&e, d, forms[i], values[v]);
            snprintf(json, sizeof json, "{\"object_id\":\"%.40s\",\"name\":\"%s\",\"s\":\"%s\",\"l\":\"%s\",\"a\":[\"%s\"],\"j\":{\"k\":\"%s\"}}", "id " MARK, values[v], values[v], values[v], values[v], values[v]);
            CASE(values[v]);
            hb_buf_clear(&e.s.sent);
            CHECK_INT(served(&e.f, &e.s, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(e.f.ws, HB_STR("doc")), .flags = HB_FLAG_OVERWRITE, .batch = row_of(&e.f, json) }), HB_OK);
            CHECK(check_sent(&e, d) > 0);
        }
        engine_close(&e);
    }
}

/* A name is refused, or one word in every statement. */
static void names_of_fields_and_entities(void) {
    for (size_t d = 0; d < DIALECT_COUNT; d++) {
        if (dialects[d].local) continue;
        uint32_t taken = 0;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            engine e = { 0 };
            hb_buf definition, spec;
            CASE(names[i]);
            server_init(&e.s, columns_of(d));
            e.s.which = dialects[d].which;
            e.s.with_types = true;
            fixture_open(&e.f, dialects[d].options);
            CHECK_INT(attach(&e.f, &e.s), HB_OK);
            hb_buf_init(&definition, hb_mem_default());
            hb_buf_init(&spec, hb_mem_default());
            hb_buf_add_c(&definition, "{\"name\":\"Doc\",\"fields\":{");
            hb_buf_add_json_str(&definition, hb_str_c(names[i]));
            hb_buf_add_c(&definition, ":\"short-text\"}}");
            hb_buf_add_char(&definition, '\0');
            hb_buf_clear(&e.s.sent);
            const hb_status status = served(&e.f, &e.s, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(&e.f, definition.ptr) });
            check_sent(&e, d);
            CHECK(status != HB_E_INTERNAL && (status == HB_OK || e.f.err.msg[0] != '\0'));
            if (status == HB_OK) {
                taken++;
                hb_buf_add_c(&spec, "{\"order\":[");
                hb_buf_add_json_str(&spec, hb_str_c(names[i]));
                hb_buf_add_c(&spec, "],\"filter\":{");
                hb_buf_add_json_str(&spec, hb_str_c(names[i]));
                hb_buf_add_c(&spec, ":\"x\"}}");
                hb_buf_clear(&e.s.sent);
                asks(&e, HB_CALL_QUERY, hb_buf_str(&spec));      /* "-x" is an order of its own */
                check_sent(&e, d);
            }
            hb_buf_free(&definition);
            hb_buf_free(&spec);
            engine_close(&e);
        }
        CHECK(taken > 3);
    }
}

TEST_SUITE {
    TEST(a_quoted_name_reads_back);
    TEST(no_value_gets_into_a_statement);
    TEST(names_of_fields_and_entities);
}
