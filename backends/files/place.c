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

hb_status files_path_option(const hb_instance *instance, hb_arena *arena, hb_str *out,
                            hb_err *err) {
    hb_str text = hb_instance_text(instance, "path");
    if (text.len == 0) {
        text = hb_arena_printf(arena, "file://%%/%s", instance->type->name);
        if (text.ptr == NULL) return hb_err_memory(err);
    }
    return hb_path_plain(text, arena, out, err);
}

hb_str files_row_name(const files_table *table, hb_str object_id, hb_arena *arena) {
    hb_str id = files_percent(arena, object_id);
    if (id.ptr == NULL) return id;
    return hb_arena_printf(arena, "%.*s/%.*s%.*s", HB_ARG(table->name), HB_ARG(id),
                           HB_ARG(table->conn->format->suffix));
}

bool files_row_fits(const files_table *table, hb_str target) {
    return target.len - table->name.len - 1 <= HB_FILE_NAME_BYTES_MAX;
}

bool files_row_id(const files_table *table, hb_str file, hb_arena *arena, hb_str *object_id) {
    hb_str suffix = table->conn->format->suffix;
    if (file.len <= suffix.len || !hb_str_ends(file, suffix)) return false;
    hb_str stem = hb_str_sub(file, 0, file.len - suffix.len);
    /* A name that nobody encoded stands for itself. */
    if (!hb_path_unpercent(arena, stem, object_id)) *object_id = stem;
    return true;
}
