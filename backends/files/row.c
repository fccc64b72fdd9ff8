// SPDX-License-Identifier: MIT
/* From a decoded row to the cells of a container, and the values that JSON cannot say. */
#include <math.h>

#include "backends/files/files_priv.h"
#include "base/limits.h"
#include "base/num.h"
#include "value/coerce.h"

/* ---- wrappers: {"__obj_data__": ..., "__obj_type__": "bigint"} ------------------------- */

typedef struct wrapper {
    hb_str type;            /* "" : the mapping is an ordinary one */
    hb_str data;            /* one MessagePack value, or "" */
} wrapper;

static hb_status malformed(hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested value");
}

/* Looks at a mapping of `count` pairs that starts at `r`, without consuming it. */
static bool wrapper_look(hb_pack_reader r, uint32_t count, wrapper *out) {
    *out = (wrapper){ HB_STR_EMPTY, HB_STR_EMPTY };
    if (count == 0 || count > 2) return true;
    hb_str type = HB_STR_EMPTY;
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_item key, item;
        hb_str whole;
        if (!hb_pack_next(&r, &key)) return false;
        hb_pack_reader value = r;
        if (!hb_pack_skip(&r, &whole)) return false;
        if (key.tag != HB_PACK_STR) return true;
        if (hb_str_eq(key.s, HB_STR("__obj_data__"))) {
            out->data = whole;
        } else if (hb_str_eq(key.s, HB_STR("__obj_type__"))) {
            if (!hb_pack_next(&value, &item)) return false;
            if (item.tag == HB_PACK_STR) type = item.s;
        } else {
            return true;
        }
    }
    out->type = type;
    return true;
}

static hb_str scalar_text(hb_str pack) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    return hb_pack_next(&r, &item) && item.tag == HB_PACK_STR ? item.s : HB_STR_EMPTY;
}

/* True when the wrapper was written as what it stands for. */
static bool wrapper_write(const wrapper *w, hb_buf *out) {
    int64_t whole;
    double number;
    hb_str text = scalar_text(w->data);
    if (hb_str_eq(w->type, HB_STR("ellipsis"))) {
        hb_pack_nil(out);
        return true;
    }
    if (hb_str_eq(w->type, HB_STR("bigint")) && hb_num_parse_i64(text, &whole) == HB_NUM_OK) {
        hb_pack_int(out, whole);
        return true;
    }
    bool is_number = hb_str_eq(w->type, HB_STR("bigint")) || hb_str_eq(w->type, HB_STR("decimal"));
    if (is_number && hb_num_parse_f64(text, &number) == HB_NUM_OK) {
        hb_pack_float(out, number);
        return true;
    }
    return false;
}

static bool wrapper_is_list(const wrapper *w) {
    return hb_str_eq(w->type, HB_STR("tuple")) || hb_str_eq(w->type, HB_STR("set"));
}

static hb_status unwrap_next(hb_pack_reader *r, uint32_t depth, hb_buf *out, hb_err *err) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) return malformed(err);
    if (item.tag != HB_PACK_ARRAY && item.tag != HB_PACK_MAP) {
        hb_buf_add_str(out, item.raw);
        return HB_OK;
    }
    wrapper w = { HB_STR_EMPTY, HB_STR_EMPTY };
    if (item.tag == HB_PACK_MAP && !wrapper_look(*r, item.count, &w)) return malformed(err);
    if (w.type.len > 0) {
        bool list = wrapper_is_list(&w) && w.data.len > 0;
        if (list || wrapper_write(&w, out)) {
            for (uint32_t i = 0; i < item.count * 2; i++) {
                if (!hb_pack_skip(r, NULL)) return malformed(err);
            }
            hb_pack_reader data = hb_pack_read(w.data);
            return list ? unwrap_next(&data, depth + 1, out, err) : HB_OK;
        }
    }
    hb_buf_add_str(out, item.raw);
    uint32_t count = item.tag == HB_PACK_MAP ? item.count * 2 : item.count;
    for (uint32_t i = 0; i < count; i++) HB_TRY(unwrap_next(r, depth + 1, out, err));
    return HB_OK;
}

hb_status files_unwrap(hb_str pack, hb_buf *out, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    HB_TRY(unwrap_next(&r, 0, out, err));
    return hb_buf_check(out, err);
}

hb_status files_cell_pack(const files_table *table, const hb_batch *batch, uint32_t field,
                          uint32_t row, hb_buf *pack, hb_err *err) {
    const hb_value value = hb_column_get(&batch->columns[field], row);
    hb_buf_clear(pack);
    hb_pack_value(pack, &value);
    HB_TRY(hb_buf_check(pack, err));
    if (value.kind == HB_KIND_NULL || !files_is_json_text(table, field)) return HB_OK;
    hb_buf text;
    hb_buf_init(&text, pack->mem);
    hb_status status = files_json_value(hb_buf_str(pack), 0, 0, &text, err);
    if (status == HB_OK) {
        hb_buf_clear(pack);
        hb_pack_str(pack, hb_buf_str(&text));
        status = hb_buf_check(pack, err);
    }
    hb_buf_free(&text);
    return status;
}

/* ---- cells ------------------------------------------------------------------------------ */

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static hb_status base64_bytes(hb_str text, hb_arena *arena, hb_value *out, hb_err *err) {
    char *bytes = hb_arena_alloc(arena, (size_t)text.len / 4 * 3 + 3);
    if (bytes == NULL) return hb_err_memory(err);
    uint32_t len = 0, group = 0, digits = 0, end = text.len;
    while (end > 0 && text.ptr[end - 1] == '=' && text.len - end < 2) end--;
    for (uint32_t i = 0; i < end; i++) {
        const int digit = base64_digit(text.ptr[i]);
        if (digit < 0 || text.len % 4 != 0) {
            return hb_err_set(err, HB_E_CORRUPT, "expected base64 text");
        }
        group = group << 6 | (uint32_t)digit;
        if (++digits < 4) continue;
        bytes[len++] = (char)(group >> 16);
        bytes[len++] = (char)(group >> 8);
        bytes[len++] = (char)group;
        digits = group = 0;
    }
    if (digits == 3) bytes[len++] = (char)(group >> 10);
    if (digits >= 2) bytes[len++] = (char)(digits == 3 ? group >> 2 : group >> 4);
    *out = (hb_value){ HB_KIND_BYTES, { .s = { bytes, len } } };
    return HB_OK;
}

/* A value that is kept as JSON text; *is_json false when the text is none. */
static hb_status json_text_value(hb_str text, hb_arena *arena, bool *is_json, hb_value *out,
                                 hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, arena->mem);
    hb_status status = files_json_decode(text, &pack, err);
    *is_json = status == HB_OK;
    if (status == HB_E_CORRUPT) status = HB_OK;
    if (*is_json) {
        *out = (hb_value){ HB_KIND_PACK, { .s = hb_arena_str(arena, hb_buf_str(&pack)) } };
        if (out->as.s.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&pack);
    return status;
}

static hb_status cell_value(const hb_field *field, hb_str pack, hb_arena *arena, hb_value *out,
                            hb_err *err) {
    hb_value value;
    HB_TRY(hb_pack_to_value(pack, arena, &value, err));
    bool nested = field->kind == HB_KIND_PACK || field->kind == HB_KIND_VEC;
    if (value.kind == HB_KIND_TEXT && field->kind == HB_KIND_BYTES) {
        return base64_bytes(value.as.s, arena, out, err);
    }
    if (value.kind == HB_KIND_TEXT && nested) {
        bool is_json;
        HB_TRY(json_text_value(value.as.s, arena, &is_json, &value, err));
    }
    /* What an older definition allowed is still a value; a number that is none never was. */
    bool finite = value.kind != HB_KIND_F64 || isfinite(value.as.f);
    if (value.kind == field->kind && !nested && finite) {
        *out = value;
        return HB_OK;
    }
    return hb_coerce_value(field->type, &value, arena, out, err);
}

static hb_status cell_failed(const hb_field *field, hb_err *err) {
    if (err->code == HB_E_MEMORY) return HB_E_MEMORY;
    char reason[sizeof(err->msg)];
    memcpy(reason, err->msg, sizeof(reason));
    return hb_err_set(err, HB_E_CORRUPT, "field '%.*s': %s", HB_ARG(field->name), reason);
}

static hb_status row_cell(const files_table *table, hb_str key, hb_str pack, hb_arena *arena,
                          hb_value *cells, hb_err *err) {
    uint32_t field = hb_schema_find(table->cache.schema, key);
    uint32_t place = field == HB_FIELD_NONE ? HB_FIELD_NONE : table->cache.by_field[field];
    if (place == HB_FIELD_NONE) return HB_OK;
    const hb_field *def = &table->cache.schema->fields[field];
    if (cell_value(def, pack, arena, &cells[place], err) != HB_OK) return cell_failed(def, err);
    return HB_OK;
}

static hb_status row_check_id(hb_str expected, hb_value *id, hb_err *err) {
    if (id->kind == HB_KIND_NULL) {
        *id = (hb_value){ HB_KIND_TEXT, { .s = expected } };
        return HB_OK;
    }
    if (hb_str_eq(id->as.s, expected)) return HB_OK;
    hb_err_set(err, HB_E_CORRUPT, "its object_id is '%.*s', the file's name says '%.*s'",
               HB_ARG(hb_str_sub(id->as.s, 0, 63)), HB_ARG(hb_str_sub(expected, 0, 63)));
    if (err != NULL) strncpy(err->native, FILES_MISNAMED, sizeof(err->native) - 1);
    return HB_E_CORRUPT;
}

hb_status files_row_cells(const files_table *table, hb_str pack, hb_str expected, hb_arena *arena,
                          hb_value *cells, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_MAP) {
        return hb_err_set(err, HB_E_CORRUPT, "expected one mapping of field names to values");
    }
    for (uint32_t i = 0; i < table->field_count; i++) cells[i] = (hb_value){ .kind = HB_KIND_NULL };
    const uint32_t count = item.count;
    for (uint32_t i = 0; i < count; i++) {
        hb_str whole;
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) {
            return hb_err_set(err, HB_E_CORRUPT, "expected field names that are texts");
        }
        if (!hb_pack_skip(&r, &whole)) return malformed(err);
        HB_TRY(row_cell(table, item.s, whole, arena, cells, err));
    }
    return row_check_id(expected, &cells[0], err);
}
