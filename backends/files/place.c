// SPDX-License-Identifier: MIT
/* Names of folders and files. */
#include "backends/files/files_priv.h"

static bool is_plain(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

hb_str files_percent(hb_arena *arena, hb_str text) {
    static const char hex[] = "0123456789ABCDEF";
    char *out = hb_arena_alloc(arena, (size_t)text.len * 3 + 1);
    if (out == NULL) return (hb_str){ NULL, 0 };
    uint32_t len = 0;
    for (uint32_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        if (is_plain(c)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    return (hb_str){ out, len };
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

bool files_unpercent(hb_arena *arena, hb_str text, hb_str *out) {
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
                      "malformed path '%.*s': expected a folder, file:///folder, "
                      "file://%%/folder or file://&/folder",
                      HB_ARG(text));
}

hb_status files_path_option(const hb_instance *instance, hb_arena *arena, hb_str *out,
                            hb_err *err) {
    hb_str text = hb_instance_text(instance, "path");
    if (text.len == 0) {
        text = hb_arena_printf(arena, "file://%%/%s", instance->type->name);
        if (text.ptr == NULL) return hb_err_memory(err);
    }
    if (!hb_str_starts(text, HB_STR("file:"))) {
        *out = hb_arena_str(arena, text);
        return out->ptr != NULL ? HB_OK : hb_err_memory(err);
    }
    bool alias =
        hb_str_starts(text, HB_STR("file://%/")) || hb_str_starts(text, HB_STR("file://&/"));
    if (!alias && !hb_str_starts(text, HB_STR("file:///"))) return malformed(text, err);
    /* After an alias the rest is relative. */
    hb_str rest = hb_str_sub(text, alias ? 9 : 7, text.len);
    if (!files_unpercent(arena, rest, out) || out->len <= (alias ? 0u : 1u)) {
        return malformed(text, err);
    }
    return HB_OK;
}

hb_str files_row_name(const files_table *table, hb_str object_id, hb_arena *arena) {
    hb_str id = files_percent(arena, object_id);
    if (id.ptr == NULL) return id;
    return hb_arena_printf(arena, "%.*s/%.*s%.*s", HB_ARG(table->name), HB_ARG(id),
                           HB_ARG(table->conn->format->suffix));
}

bool files_row_id(const files_table *table, hb_str file, hb_arena *arena, hb_str *object_id) {
    hb_str suffix = table->conn->format->suffix;
    if (file.len <= suffix.len || !hb_str_ends(file, suffix)) return false;
    hb_str stem = hb_str_sub(file, 0, file.len - suffix.len);
    /* A name that nobody encoded stands for itself. */
    if (!files_unpercent(arena, stem, object_id)) *object_id = stem;
    return true;
}
