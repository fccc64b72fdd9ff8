// SPDX-License-Identifier: MIT
/* Names and ids: what is well-formed, and the object_id that a name leads to. */
#include "value/schema.h"

#include <string.h>

#include "base/limits.h"
#include "base/md5.h"
#include "text/unicode.h"

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool hb_id_is_valid(hb_str id) {
    if (id.len == 0 || !is_lower(id.ptr[0])) return false;
    for (uint32_t i = 1; i < id.len; i++) {
        const char c = id.ptr[i];
        if (is_lower(c) || is_digit(c)) continue;
        if (c != '-' && c != '_') return false;
        /* A separator stands between two words. */
        if (id.ptr[i - 1] == '-' || id.ptr[i - 1] == '_' || i + 1 == id.len) return false;
    }
    return true;
}

/* ---- identifiers ------------------------------------------------------------------------ */

static bool is_keyword(hb_str name) {
    static const char *const keywords[] = {
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    };
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (hb_str_eq(name, hb_str_c(keywords[i]))) return true;
    }
    return false;
}

static bool is_letter(uint32_t cp) {
    if (cp < 0x80) return (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z') || cp == '_';
    switch ((int)hb_cp_category(cp)) {
    case HB_CATEGORY_LU: case HB_CATEGORY_LL: case HB_CATEGORY_LT:
    case HB_CATEGORY_LM: case HB_CATEGORY_LO: case HB_CATEGORY_NL: return true;
    default: return false;
    }
}

static bool is_letter_or_digit(uint32_t cp) {
    if (cp < 0x80) return is_letter(cp) || (cp >= '0' && cp <= '9');
    switch ((int)hb_cp_category(cp)) {
    case HB_CATEGORY_MN: case HB_CATEGORY_MC: case HB_CATEGORY_ND:
    case HB_CATEGORY_PC: return true;
    default: return is_letter(cp);
    }
}

bool hb_field_name_is_valid(hb_str name) {
    if (name.len == 0 || name.ptr[0] == '_' || !hb_utf8_valid(name) || is_keyword(name)) {
        return false;
    }
    uint32_t pos = 0;
    if (!is_letter(hb_utf8_next(name, &pos))) return false;
    while (pos < name.len) {
        if (!is_letter_or_digit(hb_utf8_next(name, &pos))) return false;
    }
    return true;
}

hb_status hb_entity_id_from_name(hb_str name, hb_arena *arena, hb_str *out, hb_err *err) {
    char *id = hb_arena_alloc(arena, (size_t)name.len * 2);
    if (id == NULL) return hb_err_memory(err);
    uint32_t len = 0;
    for (uint32_t i = 0; i < name.len; i++) {
        const char c = name.ptr[i];
        const bool upper = c >= 'A' && c <= 'Z';
        if (upper && i > 0) id[len++] = '-';
        id[len++] = upper ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
    }
    *out = (hb_str){ id, len };
    if (!hb_id_is_valid(*out)) {
        return hb_err_set(err, HB_E_INVALID_ID, "entity name '%.*s' gives no valid entity_id: "
                          "found '%.*s', expected words of a-z and 0-9 joined by '-' or '_'",
                          HB_ARG(name), HB_ARG(*out));
    }
    return HB_OK;
}

/* ---- object_id -------------------------------------------------------------------------- */

static void md5_add_str(hb_md5 *md5, hb_str text) {
    hb_md5_add(md5, text.ptr, text.len);
}

/* As a JSON string, non-ASCII raw. */
static void md5_add_json(hb_md5 *md5, hb_str text) {
    static const char hex[] = "0123456789abcdef";
    static const char escaped[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    hb_md5_add(md5, "\"", 1);
    uint32_t start = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        hb_md5_add(md5, text.ptr + start, i - start);
        start = i + 1;
        const char *found = c != 0 ? strchr(escaped, c) : NULL;
        const char code[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
        const char letter[2] = { '\\', found != NULL ? letters[found - escaped] : 'u' };
        hb_md5_add(md5, found != NULL ? letter : code, found != NULL ? 2 : 6);
    }
    if (start < text.len) hb_md5_add(md5, text.ptr + start, text.len - start);
    hb_md5_add(md5, "\"", 1);
}

/* A big-endian 128-bit number in decimal, padded with zeros: divides by ten, digit by digit. */
static void write_decimal(const uint8_t digest[HB_MD5_LEN], char out[HB_OBJECT_ID_HASH_LEN]) {
    uint32_t words[4];
    for (uint32_t i = 0; i < 4; i++) {
        words[i] = (uint32_t)digest[4 * i] << 24 | (uint32_t)digest[4 * i + 1] << 16 |
                   (uint32_t)digest[4 * i + 2] << 8 | (uint32_t)digest[4 * i + 3];
    }
    for (uint32_t at = HB_OBJECT_ID_HASH_LEN; at > 0; at--) {
        uint64_t rest = 0;
        for (uint32_t i = 0; i < 4; i++) {
            const uint64_t part = rest << 32 | words[i];
            words[i] = (uint32_t)(part / 10);
            rest = part % 10;
        }
        out[at - 1] = (char)('0' + rest);
    }
}

void hb_object_id_hash(const hb_str *parts, uint32_t part_count, const hb_mem *mem,
                       char out[HB_OBJECT_ID_HASH_LEN]) {
    (void)mem;      /* the text is hashed in pieces, never built */
    hb_md5 md5;
    hb_md5_init(&md5);
    md5_add_str(&md5, HB_STR("{\"__obj_data__\": ["));
    for (uint32_t i = 0; i < part_count; i++) {
        if (i > 0) md5_add_str(&md5, HB_STR(", "));
        md5_add_json(&md5, parts[i]);
    }
    md5_add_str(&md5, HB_STR("], \"__obj_type__\": \"tuple\"}"));
    uint8_t digest[HB_MD5_LEN];
    hb_md5_finish(&md5, digest);
    write_decimal(digest, out);
}

void hb_hash_decimal(hb_str bytes, char out[HB_OBJECT_ID_HASH_LEN]) {
    hb_md5 md5;
    hb_md5_init(&md5);
    md5_add_str(&md5, bytes);
    uint8_t digest[HB_MD5_LEN];
    hb_md5_finish(&md5, digest);
    write_decimal(digest, out);
}
