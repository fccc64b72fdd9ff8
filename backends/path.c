// SPDX-License-Identifier: MIT
#include "backends/path.h"

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool hb_path_unpercent(hb_arena *arena, hb_str text, hb_str *out) {
    char *bytes = hb_arena_alloc(arena, (size_t)text.len + 1);
    if (bytes == NULL) return false;
    uint32_t len = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            bytes[len++] = text.ptr[i];
            continue;
        }
        if (i + 2 >= text.len) return false;
        const int high = hex_value(text.ptr[i + 1]), low = hex_value(text.ptr[i + 2]);
        if (high < 0 || low < 0) return false;
        bytes[len++] = (char)(high << 4 | low);
        i += 2;
    }
    *out = (hb_str){ bytes, len };
    return hb_utf8_valid(*out);
}

static hb_status malformed(hb_str text, hb_err *err) {
    return hb_err_set(err, HB_E_VALIDATION,
                      "malformed path '%.*s': expected a path, file:///path, "
                      "file://%%/path or file://&/path",
                      HB_ARG(text));
}

hb_status hb_path_plain(hb_str text, hb_arena *arena, hb_str *out, hb_err *err) {
    if (!hb_str_starts(text, HB_STR("file:"))) {
        *out = hb_arena_str(arena, text);
        return out->ptr != NULL ? HB_OK : hb_err_memory(err);
    }
    bool alias =
        hb_str_starts(text, HB_STR("file://%/")) || hb_str_starts(text, HB_STR("file://&/"));
    if (!alias && !hb_str_starts(text, HB_STR("file:///"))) return malformed(text, err);
    /* After an alias the rest is relative. */
    hb_str rest = hb_str_sub(text, alias ? 9 : 7, text.len);
    if (!hb_path_unpercent(arena, rest, out) || out->len <= (alias ? 0u : 1u)) {
        return malformed(text, err);
    }
    return HB_OK;
}
