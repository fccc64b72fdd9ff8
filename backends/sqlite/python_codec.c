// SPDX-License-Identifier: MIT
/* Cells of Python's tables in our form, as SQL functions for the views that queries read:
 *
 *   hb_py_json(text)                   plain JSON text of a Json, array or HyperG column; the text
 *                                      may be a JSON string that holds the JSON (Json fields)
 *   hb_py_vector(text)                 float32 BLOB of a JSON list of numbers
 *   hb_py_items(letter, item)          aggregate: JSON list of the items
 *   hb_py_object(name, letter, value, ...)   JSON object; nulls are left out
 *
 * and our values as those cells. */
#include "backends/sqlite/python.h"

#include <math.h>

#include "base/num.h"
#include "value/python_json.h"

#define PYTHON_INDENT 4u

python_cell sqlite_python_cell(const hb_type *type) {
    if (type == NULL || type->id == HB_TYPE_VECTOR) return PYTHON_JSON;
    switch (hb_type_kind(type)) {
    case HB_KIND_TEXT: return PYTHON_TEXT;
    case HB_KIND_I64: return PYTHON_INT;
    case HB_KIND_F64: return PYTHON_FLOAT;
    case HB_KIND_BOOL: return PYTHON_BOOL;
    case HB_KIND_BYTES: return PYTHON_BYTES;
    case HB_KIND_NULL:
    case HB_KIND_VEC:
    case HB_KIND_PACK:
    case HB_KIND_COUNT: break;
    }
    return PYTHON_JSON;
}

char sqlite_python_letter(python_cell cell) {
    return "tifbaj"[cell];
}

/* ---- functions --------------------------------------------------------------------------------
 */

static const hb_mem *context_mem(sqlite3_context *context) {
    return sqlite3_user_data(context) != NULL ? sqlite3_user_data(context) : hb_mem_default();
}

static hb_str value_text(sqlite3_value *value) {
    const char *ptr = (const char *)sqlite3_value_text(value);
    return (hb_str){ ptr != NULL ? ptr : "",
                     ptr != NULL ? (uint32_t)sqlite3_value_bytes(value) : 0 };
}

static void result_buf(sqlite3_context *context, const hb_buf *buf) {
    if (hb_buf_check(buf, NULL) != HB_OK) {
        sqlite3_result_error_nomem(context);
    } else {
        sqlite3_result_text(context, buf->len > 0 ? buf->ptr : "", (int)buf->len, SQLITE_TRANSIENT);
    }
}

/* The text inside a JSON string literal; .ptr NULL when `json` is none. */
static hb_status json_string(hb_str json, hb_buf *pack, hb_str *inner) {
    hb_pack_item item;
    *inner = (hb_str){ NULL, 0 };
    if (json.len == 0 || json.ptr[0] != '"') return HB_OK;
    hb_status status = hb_pack_from_json(json, pack, NULL);
    hb_pack_reader reader = hb_pack_read(hb_buf_str(pack));
    if (status == HB_OK && hb_pack_next(&reader, &item) && item.tag == HB_PACK_STR) *inner = item.s;
    return status == HB_E_MEMORY ? status : HB_OK;
}

static hb_status json_is_valid(hb_str json, const hb_mem *mem, bool *valid) {
    hb_buf pack;
    hb_buf_init(&pack, mem);
    hb_status status = hb_python_json_read(json, &pack, NULL);
    hb_buf_free(&pack);
    *valid = status == HB_OK;
    return status == HB_E_MEMORY ? status : HB_OK;
}

/* A text that is no JSON is given as it is: the reader of the cell tells where it stands. */
static void add_plain(hb_str json, hb_buf *out) {
    uint32_t start = out->len;
    if (hb_python_json_is_tagged(json)) {
        hb_status status = hb_python_json_plain(json, out, NULL);
        if (status == HB_E_MEMORY) out->failed = true;
        if (status == HB_OK || status == HB_E_MEMORY) return;
    }
    out->len = start;
    hb_buf_add_str(out, json);
}

static void function_json(sqlite3_context *context, int count, sqlite3_value **args) {
    (void)count;
    if (sqlite3_value_type(args[0]) == SQLITE_NULL) return;
    hb_str json = value_text(args[0]), inner;
    hb_buf pack, out;
    hb_buf_init(&pack, context_mem(context));
    hb_buf_init(&out, context_mem(context));
    bool nested = false;
    hb_status status = json_string(json, &pack, &inner);
    if (status == HB_OK && inner.ptr != NULL) status = json_is_valid(inner, pack.mem, &nested);
    /* A string that holds no JSON is a string: other writers do not encode twice. */
    if (nested) json = inner;
    if (status != HB_OK) {
        sqlite3_result_error_nomem(context);
    } else if (hb_python_json_is_tagged(json)) {
        add_plain(json, &out);
        result_buf(context, &out);
    } else {
        sqlite3_result_text(context, json.ptr, (int)json.len, SQLITE_TRANSIENT);
    }
    hb_buf_free(&pack);
    hb_buf_free(&out);
}

static bool is_json_space(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static uint32_t skip_spaces(hb_str text, uint32_t at) {
    while (at < text.len && is_json_space(text.ptr[at])) at++;
    return at;
}

static bool parse_number(hb_str word, double *out) {
    if (hb_num_parse_f64(word, out) == HB_NUM_OK) return true;
    bool negative = word.len > 0 && word.ptr[0] == '-';
    hb_str rest = hb_str_sub(word, negative ? 1 : 0, word.len);
    *out = negative ? -(double)INFINITY : (double)INFINITY;
    if (hb_str_eq(word, HB_STR("NaN"))) *out = (double)NAN;
    return hb_str_eq(rest, HB_STR("Infinity")) || hb_str_eq(word, HB_STR("NaN"));
}

/* "[", numbers with "," between them, "]"; the numbers appended as float32s. */
static bool parse_vector(hb_str text, hb_buf *out) {
    uint32_t at = skip_spaces(text, 0);
    if (at == text.len || text.ptr[at] != '[') return false;
    at = skip_spaces(text, at + 1);
    if (at < text.len && text.ptr[at] == ']') return skip_spaces(text, at + 1) == text.len;
    while (at < text.len) {
        uint32_t start = at;
        while (at < text.len && text.ptr[at] != ',' && text.ptr[at] != ']' &&
               !is_json_space(text.ptr[at])) {
            at++;
        }
        double number;
        if (!parse_number(hb_str_sub(text, start, at - start), &number)) return false;
        float component = (float)number;
        hb_buf_add(out, &component, sizeof(component));
        at = skip_spaces(text, at);
        if (at == text.len) return false;
        if (text.ptr[at] == ']') return skip_spaces(text, at + 1) == text.len;
        if (text.ptr[at] != ',') return false;
        at = skip_spaces(text, at + 1);
    }
    return false;
}

/* What is no list of numbers becomes three bytes, which the reader of the cell refuses. */
static void function_vector(sqlite3_context *context, int count, sqlite3_value **args) {
    (void)count;
    if (sqlite3_value_type(args[0]) == SQLITE_NULL) return;
    hb_buf out;
    hb_buf_init(&out, context_mem(context));
    bool valid = parse_vector(value_text(args[0]), &out);
    if (hb_buf_check(&out, NULL) != HB_OK) {
        sqlite3_result_error_nomem(context);
    } else if (!valid) {
        sqlite3_result_blob(context, "bad", 3, SQLITE_STATIC);
    } else {
        sqlite3_result_blob(context, out.len > 0 ? out.ptr : "", (int)out.len, SQLITE_TRANSIENT);
    }
    hb_buf_free(&out);
}

static void add_bytes(hb_buf *out, sqlite3_value *value) {
    hb_buf pack;
    hb_buf_init(&pack, out->mem);
    const void *ptr = sqlite3_value_blob(value);
    hb_pack_bin(&pack, (hb_str){ ptr != NULL ? ptr : "", (uint32_t)sqlite3_value_bytes(value) });
    if (hb_pack_to_json(hb_buf_str(&pack), 0, false, out, NULL) != HB_OK) out->failed = true;
    hb_buf_free(&pack);
}

static void add_cell(hb_buf *out, char letter, sqlite3_value *value) {
    double number;
    if (sqlite3_value_type(value) == SQLITE_NULL) letter = 'n';
    switch (letter) {
    case 't': hb_buf_add_json_str(out, value_text(value)); return;
    case 'i': hb_buf_add_i64(out, sqlite3_value_int64(value)); return;
    case 'f':
        number = sqlite3_value_double(value);
        if (isfinite(number)) {
            hb_buf_add_f64(out, number);
        } else {
            hb_buf_add_c(out, "null");
        }
        return;
    case 'b': hb_buf_add_c(out, sqlite3_value_int(value) != 0 ? "true" : "false"); return;
    case 'a': add_bytes(out, value); return;
    case 'j': add_plain(value_text(value), out); return;
    default: hb_buf_add_c(out, "null"); return;
    }
}

static char value_letter(sqlite3_value *value) {
    hb_str text = value_text(value);
    return text.len > 0 ? text.ptr[0] : 'n';
}

static void items_step(sqlite3_context *context, int count, sqlite3_value **args) {
    (void)count;
    hb_buf *out = sqlite3_aggregate_context(context, sizeof(*out));
    if (out == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    if (out->mem == NULL) hb_buf_init(out, context_mem(context));
    hb_buf_add_char(out, out->len == 0 ? '[' : ',');
    add_cell(out, value_letter(args[0]), args[1]);
}

static void items_final(sqlite3_context *context) {
    hb_buf *out = sqlite3_aggregate_context(context, 0);
    if (out == NULL || out->mem == NULL) {
        sqlite3_result_text(context, "[]", 2, SQLITE_STATIC);
        return;
    }
    hb_buf_add_char(out, ']');
    result_buf(context, out);
    hb_buf_free(out);
}

static void function_object(sqlite3_context *context, int count, sqlite3_value **args) {
    hb_buf out;
    hb_buf_init(&out, context_mem(context));
    hb_buf_add_char(&out, '{');
    for (int i = 0; i + 2 < count; i += 3) {
        if (sqlite3_value_type(args[i + 2]) == SQLITE_NULL) continue;
        if (out.len > 1) hb_buf_add_char(&out, ',');
        hb_buf_add_json_str(&out, value_text(args[i]));
        hb_buf_add_char(&out, ':');
        add_cell(&out, value_letter(args[i + 1]), args[i + 2]);
    }
    hb_buf_add_char(&out, '}');
    result_buf(context, &out);
    hb_buf_free(&out);
}

/* Innocuous: a view may call them though the schema of a file is not trusted. */
int sqlite_python_functions(sqlite3 *db) {
    int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int rc = sqlite3_create_function_v2(db, "hb_py_json", 1, flags, NULL, function_json, NULL, NULL,
                                        NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(db, "hb_py_vector", 1, flags, NULL, function_vector, NULL,
                                        NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_create_function_v2(db, "hb_py_object", -1, flags, NULL, function_object, NULL,
                                        NULL, NULL);
    }
    if (rc != SQLITE_OK) return rc;
    return sqlite3_create_function_v2(db, "hb_py_items", 2, flags, NULL, NULL, items_step,
                                      items_final, NULL);
}

/* ---- our values as cells ------------------------------------------------------------------------
 */

static void add_vector(const hb_value *value, hb_buf *out) {
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < value->as.v.len; i++) {
        char text[HB_NUM_TEXT_MAX];
        hb_buf_add_c(out, i > 0 ? ",\n    " : "\n    ");
        hb_buf_add(out, text, hb_num_write_f32(value->as.v.ptr[i], text));
    }
    hb_buf_add_c(out, value->as.v.len > 0 ? "\n]" : "]");
}

/* Python encodes a Json value itself, and its column encodes the text once more. */
static hb_status add_json_twice(hb_str pack, hb_buf *out, hb_err *err) {
    hb_buf inner;
    hb_buf_init(&inner, out->mem);
    hb_status status = hb_python_json_write(pack, HB_JSON_ONE_LINE, true, &inner, err);
    if (status == HB_OK) status = hb_buf_check(&inner, err);
    if (status == HB_OK) hb_buf_add_json_str(out, hb_buf_str(&inner));
    hb_buf_free(&inner);
    return status;
}

hb_status sqlite_python_add_text(const sqlite_table *table, uint32_t place, const hb_value *value,
                                 hb_buf *out, hb_err *err) {
    const hb_container *container = table->container;
    const hb_type *type = container->schema->fields[container->fields[place].field].type;
    if (value->kind == HB_KIND_VEC) {
        add_vector(value, out);
        return HB_OK;
    }
    if (type->id == HB_TYPE_JSON) return add_json_twice(value->as.s, out, err);
    return hb_python_json_write(value->as.s, PYTHON_INDENT, false, out, err);
}

/* ---- hashes -------------------------------------------------------------------------------------
 */

void sqlite_python_hash_begin(python_hash *hash, const hb_mem *mem) {
    hb_buf_init(&hash->text, mem);
}

static void hash_next(python_hash *hash) {
    hb_buf_add_c(&hash->text, hash->text.len == 0 ? "[" : ", ");
}

void sqlite_python_hash_text(python_hash *hash, hb_str text) {
    hash_next(hash);
    hb_buf_add_json_str(&hash->text, text);
}

void sqlite_python_hash_int(python_hash *hash, int64_t number) {
    hash_next(hash);
    hb_buf_add_i64(&hash->text, number);
}

hb_status sqlite_python_hash_end(python_hash *hash, char out[HB_OBJECT_ID_HASH_LEN], hb_err *err) {
    hb_buf_add_char(&hash->text, ']');
    hb_status status = hb_buf_check(&hash->text, err);
    if (status == HB_OK) hb_hash_decimal(hb_buf_str(&hash->text), out);
    hb_buf_free(&hash->text);
    return status;
}
