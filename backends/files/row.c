// SPDX-License-Identifier: MIT
/* Cells of a container to what stands in a row, and back. */
#include "backends/files/external.h"
#include "base/base64.h"
#include "value/coerce.h"
#include "value/python_json.h"

/* ---- cells ------------------------------------------------------------------------------ */

hb_status files_cell_pack(const files_table *table, const hb_batch *batch, uint32_t field,
                          uint32_t row, hb_buf *pack, hb_err *err) {
    const hb_value value = hb_column_get(&batch->columns[field], row);
    hb_buf_clear(pack);
    hb_pack_value(pack, &value);
    HB_TRY(hb_buf_check(pack, err));
    if (value.kind == HB_KIND_NULL || !files_is_json_text(table, field)) return HB_OK;
    hb_buf text;
    hb_buf_init(&text, pack->mem);
    hb_status status = hb_python_json_write(hb_buf_str(pack), HB_JSON_ONE_LINE, true, &text, err);
    if (status == HB_OK) {
        hb_buf_clear(pack);
        hb_pack_str(pack, hb_buf_str(&text));
        status = hb_buf_check(pack, err);
    }
    hb_buf_free(&text);
    return status;
}

static hb_status base64_bytes(hb_str text, hb_arena *arena, hb_value *out, hb_err *err) {
    hb_str bytes;
    if (!hb_base64_read(text, arena, &bytes)) {
        return hb_err_set(err, HB_E_CORRUPT, "expected base64 text");
    }
    if (bytes.ptr == NULL) return hb_err_memory(err);
    *out = (hb_value){ HB_KIND_BYTES, { .s = bytes } };
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

static hb_status cell_value(const hb_field *field, bool as_is, hb_str pack, hb_arena *arena,
                            hb_value *out, hb_err *err) {
    hb_value value;
    HB_TRY(hb_pack_to_value(pack, arena, &value, err));
    const bool nested = field->kind == HB_KIND_PACK || field->kind == HB_KIND_VEC;
    if (value.kind == HB_KIND_TEXT && field->kind == HB_KIND_BYTES) {
        return base64_bytes(value.as.s, arena, out, err);
    }
    if (value.kind == HB_KIND_TEXT && nested) {
        bool is_json;
        HB_TRY(json_text_value(value.as.s, arena, &is_json, &value, err));
    }
    if (as_is && value.kind == field->kind) {
        *out = value;
        return HB_OK;
    }
    return hb_coerce_value(field->type, &value, arena, out, err);
}

static hb_status id_failed(const hb_err *reason, hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT, "field 'object_id': %s", reason->msg);
}

/* A value of another type than the definition's is none: the field may have been another one when
 * the row was written. */
static hb_status row_cell(const files_table *table, hb_str key, hb_str pack, hb_arena *arena,
                          hb_value *cells, hb_str *misfits, hb_err *err) {
    uint32_t field = hb_schema_find(table->cache.schema, key);
    uint32_t place = field == HB_FIELD_NONE ? HB_FIELD_NONE : table->cache.by_field[field];
    if (place == HB_FIELD_NONE) return HB_OK;
    misfits[place] = (hb_str){ NULL, 0 };
    hb_err reason;
    hb_err_init(&reason);
    const hb_field *def = &table->cache.schema->fields[field];
    /* An id is what the file's name says; a text may refer to a value outside the row. */
    const bool as_is = place == 0 || table->outside[place] != FILES_IN_ROW;
    if (cell_value(def, as_is, pack, arena, &cells[place], &reason) == HB_OK) return HB_OK;
    if (reason.code == HB_E_MEMORY) return hb_err_memory(err);
    if (place == 0) return id_failed(&reason, err);
    cells[place] = (hb_value){ .kind = HB_KIND_NULL };
    misfits[place] = hb_arena_str(arena, hb_str_c(reason.msg));
    return misfits[place].ptr != NULL ? HB_OK : hb_err_memory(err);
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
                          hb_value *cells, hb_str *misfits, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_MAP) {
        return hb_err_set(err, HB_E_CORRUPT, "expected one mapping of field names to values");
    }
    for (uint32_t i = 0; i < table->field_count; i++) {
        cells[i] = (hb_value){ .kind = HB_KIND_NULL };
        misfits[i] = (hb_str){ NULL, 0 };
    }
    const uint32_t count = item.count;
    for (uint32_t i = 0; i < count; i++) {
        hb_str whole;
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) {
            return hb_err_set(err, HB_E_CORRUPT, "expected field names that are texts");
        }
        if (!hb_pack_skip(&r, &whole)) {
            return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested value");
        }
        HB_TRY(row_cell(table, item.s, whole, arena, cells, misfits, err));
    }
    return row_check_id(expected, &cells[0], err);
}
