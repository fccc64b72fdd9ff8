// SPDX-License-Identifier: MIT
/* Cells of a reply as values. Drivers differ: numbers come as numbers or as text, flags as 0 and 1
 * or as "t" and "f", bytes as they are or as "\x6869"; what is no value of the kind is BAD_REPLY.
 */
#include "backends/sql/remote.h"
#include "base/num.h"
#include "value/pack.h"

/* Not by the column's name in the answer: that is the server's word, which may hold anything. */
static hb_status bad_cell(const hb_column *column, hb_kind kind, hb_err *err) {
    static const char *const names[HB_KIND_COUNT] = { "nothing", "a flag", "an integer", "a number",
                                                      "a text",  "bytes",  "a vector",   "JSON" };
    return hb_err_set(err, HB_E_BAD_REPLY, "a cell of an answer: expected %s, found %s",
                      names[kind], names[column->kind]);
}

static bool text_flag(hb_str text, bool *out) {
    *out = hb_str_eq(text, HB_STR("t")) || hb_str_eq(text, HB_STR("true")) ||
           hb_str_eq(text, HB_STR("1"));
    return *out || hb_str_eq(text, HB_STR("f")) || hb_str_eq(text, HB_STR("false")) ||
           hb_str_eq(text, HB_STR("0"));
}

static bool as_flag(const hb_value *given, hb_value *out) {
    out->kind = HB_KIND_BOOL;
    if (given->kind == HB_KIND_TEXT) return text_flag(given->as.s, &out->as.b);
    if (given->kind == HB_KIND_I64) {
        out->as.b = given->as.i != 0;
        return given->as.i == 0 || given->as.i == 1;
    }
    out->as.b = given->as.b;
    return given->kind == HB_KIND_BOOL;
}

static bool as_integer(const hb_value *given, hb_value *out) {
    out->kind = HB_KIND_I64;
    if (given->kind == HB_KIND_TEXT) {
        return hb_num_parse_i64(given->as.s, &out->as.i) == HB_NUM_OK;
    }
    if (given->kind == HB_KIND_F64) {
        if (!(given->as.f >= -9007199254740992.0 && given->as.f <= 9007199254740992.0))
            return false;
        out->as.i = (int64_t)given->as.f;
        return (double)out->as.i == given->as.f;
    }
    out->as.i = given->as.i;
    return given->kind == HB_KIND_I64;
}

static bool as_number(const hb_value *given, hb_value *out) {
    out->kind = HB_KIND_F64;
    if (given->kind == HB_KIND_TEXT) {
        return hb_num_parse_f64(given->as.s, &out->as.f) == HB_NUM_OK;
    }
    out->as.f = given->kind == HB_KIND_I64 ? (double)given->as.i : given->as.f;
    return given->kind == HB_KIND_I64 || given->kind == HB_KIND_F64;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool as_bytes(const hb_value *given, hb_arena *scratch, hb_value *out) {
    out->kind = HB_KIND_BYTES;
    out->as.s = given->as.s;
    if (given->kind == HB_KIND_BYTES) return true;
    hb_str text = given->as.s;
    if (given->kind != HB_KIND_TEXT || !hb_str_starts(text, HB_STR("\\x")) || text.len % 2 != 0) {
        return false;
    }
    char *bytes = hb_arena_alloc(scratch, text.len / 2);
    if (bytes == NULL) return false;
    for (uint32_t i = 2; i < text.len; i += 2) {
        const int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i / 2 - 1] = (char)(high * 16 + low);
    }
    out->as.s = hb_str_n(bytes, text.len / 2 - 1);
    return true;
}

/* "[1,2.5]" */
static bool vector_text(hb_str text, hb_arena *scratch, hb_value *out) {
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']') return false;
    uint32_t count = text.len > 2 ? 1 : 0;
    for (uint32_t i = 0; i < text.len; i++) count += text.ptr[i] == ',';
    float *numbers = hb_arena_array(scratch, (size_t)count + 1, sizeof(*numbers));
    if (numbers == NULL) return false;
    uint32_t at = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t end = at;
        double number;
        while (text.ptr[end] != ',' && text.ptr[end] != ']') end++;
        if (hb_num_parse_f64(hb_str_trim(hb_str_sub(text, at, end - at)), &number) != HB_NUM_OK) {
            return false;
        }
        numbers[i] = (float)number;
        at = end + 1;
    }
    out->as.v.ptr = numbers;
    out->as.v.len = count;
    return true;
}

static bool as_vector(const hb_value *given, uint32_t dim, hb_arena *scratch, hb_value *out) {
    hb_value bytes;
    if (given->kind == HB_KIND_VEC) {
        *out = *given;
    } else if (given->kind == HB_KIND_TEXT && vector_text(given->as.s, scratch, out)) {
        out->kind = HB_KIND_VEC;
    } else if (as_bytes(given, scratch, &bytes) && bytes.as.s.len % sizeof(float) == 0) {
        float *copy = hb_arena_copy(scratch, bytes.as.s.ptr, bytes.as.s.len);
        if (copy == NULL) return false;
        out->as.v.ptr = copy;
        out->as.v.len = bytes.as.s.len / (uint32_t)sizeof(float);
        out->kind = HB_KIND_VEC;
    } else {
        return false;
    }
    return dim == 0 || out->as.v.len == dim;
}

static bool as_text(const hb_value *given, hb_value *out) {
    *out = *given;
    out->kind = HB_KIND_TEXT;
    if (given->kind == HB_KIND_BYTES) return hb_utf8_valid(given->as.s);
    return given->kind == HB_KIND_TEXT;
}

static bool as_pack(const hb_value *given, hb_arena *scratch, const hb_mem *mem, hb_value *out) {
    if (given->kind == HB_KIND_PACK) {
        *out = *given;
        return true;
    }
    hb_value text;
    if (!as_text(given, &text)) return false;
    hb_buf pack;
    hb_buf_init(&pack, mem);
    hb_err ignored;
    bool ok = hb_pack_from_json(text.as.s, &pack, &ignored) == HB_OK;
    out->kind = HB_KIND_PACK;
    if (ok) out->as.s = hb_arena_str(scratch, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return ok && out->as.s.ptr != NULL;
}

/* ---- marks ------------------------------------------------------------------------------- */

static bool ends_marked(const hb_column *column, uint32_t row) {
    if (hb_column_cell(column, row) != HB_CELL_VALUE) return false;
    const hb_str text = hb_column_span(column, row);
    return text.len > 0 && text.ptr[text.len - 1] == HB_SQL_MARK;
}

static hb_status unmark_column(hb_column *column, uint32_t count, hb_arena *arena, hb_err *err) {
    uint32_t row = 0;
    while (row < count && !ends_marked(column, row)) row++;
    if (row == count) return HB_OK;
    hb_span *spans = hb_arena_array(arena, count, sizeof(*spans));
    if (spans == NULL) return hb_err_memory(err);
    memcpy(spans, column->data, count * sizeof(*spans));
    for (; row < count; row++) spans[row].len -= ends_marked(column, row);
    column->data = spans;
    return HB_OK;
}

hb_status sql_unmark(const hb_job *job, hb_batch *rows, hb_err *err) {
    const hb_dialect *dialect = sql_remote_of(job)->engine->dialect;
    if (dialect->text_marked == NULL) return HB_OK;
    hb_column *columns = hb_arena_array(job->arena, rows->column_count, sizeof(*columns));
    if (columns == NULL && rows->column_count > 0) return hb_err_memory(err);
    for (uint32_t i = 0; i < rows->column_count; i++) {
        columns[i] = rows->columns[i];
        const bool is_bytes = columns[i].kind == HB_KIND_BYTES && dialect->bytes_marked;
        if (columns[i].kind != HB_KIND_TEXT && !is_bytes) continue;
        HB_TRY(unmark_column(&columns[i], rows->row_count, job->arena, err));
    }
    rows->columns = columns;
    return HB_OK;
}

bool sql_holds_texts(const hb_column *column) {
    return column->kind == HB_KIND_TEXT || column->kind == HB_KIND_BYTES;
}

hb_status sql_check_columns(const hb_batch *rows, uint32_t count, hb_err *err) {
    if (rows->row_count == 0 || rows->column_count == count) return HB_OK;
    return hb_err_set(err, HB_E_BAD_REPLY, "an answer has %u columns, expected %u",
                      rows->column_count, count);
}

hb_status sql_check_ids(const hb_batch *rows, hb_err *err) {
    bool good =
        rows->row_count == 0 || (rows->column_count > 0 && sql_holds_texts(&rows->columns[0]));
    for (uint32_t i = 0; i < rows->row_count && good; i++) {
        const hb_value id = hb_column_get(&rows->columns[0], i);
        good = id.kind == HB_KIND_TEXT || (id.kind == HB_KIND_BYTES && hb_utf8_valid(id.as.s));
    }
    return good ? HB_OK : hb_err_set(err, HB_E_BAD_REPLY, "an answer has a row without object_id");
}

hb_status sql_cell_read(const hb_column *column, uint32_t row, hb_kind kind, uint32_t dim,
                        hb_arena *scratch, hb_colbuf *out, hb_err *err) {
    const hb_value given = hb_column_get(column, row);
    hb_value value = { .kind = HB_KIND_NULL };
    bool ok = true;
    if (given.kind == HB_KIND_NULL) {
        return hb_colbuf_add_null(out) ? HB_OK : hb_err_memory(err);
    }
    switch (kind) {
    case HB_KIND_BOOL: ok = as_flag(&given, &value); break;
    case HB_KIND_I64: ok = as_integer(&given, &value); break;
    case HB_KIND_F64: ok = as_number(&given, &value); break;
    case HB_KIND_TEXT: ok = as_text(&given, &value); break;
    case HB_KIND_BYTES: ok = as_bytes(&given, scratch, &value); break;
    case HB_KIND_VEC: ok = as_vector(&given, dim, scratch, &value); break;
    case HB_KIND_PACK: ok = as_pack(&given, scratch, out->mem, &value); break;
    case HB_KIND_NULL:
    case HB_KIND_COUNT: ok = false; break;
    }
    if (!ok) return bad_cell(column, kind, err);
    return hb_colbuf_add(out, &value) ? HB_OK : hb_err_memory(err);
}
