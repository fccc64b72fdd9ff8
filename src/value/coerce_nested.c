// SPDX-License-Identifier: MIT
/* Coercion of vectors, arrays, Json and HyperG. The latter three are stored as MessagePack:
 * `hb_coerce_pack_fits` recognises what is stored as it came, the rest is written anew. */
#include "value/coerce_parts.h"

#include <math.h>

#include "base/limits.h"
#include "base/num.h"

static hb_status fits_not(hb_err *err, const char *what, const hb_value *in) {
    return hb_err_set(err, HB_E_VALIDATION, "%s: found %s", what, hb_coerce_found(in));
}

static hb_status malformed(hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested MessagePack value");
}

static hb_status in_item(hb_status status, uint32_t index, hb_err *err) {
    if (status != HB_OK) hb_err_in_item(err, index);
    return status;
}

static hb_status in_member(hb_status status, hb_str key, hb_err *err) {
    if (status != HB_OK) hb_err_in_member(err, key);
    return status;
}

/* ---- vectors ---------------------------------------------------------------------------- */

/* Two floats per step: an exponent of all ones, which only infinities and NaN have, carries into
 * the sign bit when one is added to it. Four steps run side by side. */
bool hb_coerce_floats_finite(const float *ptr, size_t count) {
    const uint64_t exponents = 0x7f8000007f800000u;
    const uint64_t ones = 0x0080000000800000u;
    uint64_t carry[4] = { 0, 0, 0, 0 };
    size_t i = 0;
    for (; count - i >= 8; i += 8) {
        uint64_t pairs[4];
        memcpy(pairs, ptr + i, sizeof pairs);
        for (uint32_t lane = 0; lane < 4; lane++) {
            carry[lane] |= (pairs[lane] & exponents) + ones;
        }
    }
    for (; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, ptr + i, sizeof bits);
        carry[0] |= (bits & exponents) + (ones & UINT32_MAX);
    }
    return ((carry[0] | carry[1] | carry[2] | carry[3]) & 0x8000000080000000u) == 0;
}

hb_status hb_coerce_dim_error(const hb_type *type, uint32_t dim, hb_err *err) {
    if (type->dim == 0) {
        return hb_err_set(err, HB_E_LIMIT, "Vector dimension %u exceeds the maximum of %u",
                          (unsigned)dim, (unsigned)HB_VECTOR_DIM_MAX);
    }
    return hb_err_set(err, HB_E_VALIDATION, "Vector[%u] received dimension %u",
                      (unsigned)type->dim, (unsigned)dim);
}

hb_status hb_coerce_finite_error(const hb_type *type, hb_err *err) {
    (void)type;
    return hb_err_set(err, HB_E_VALIDATION, "Vector components must be finite float32 numbers");
}

static bool dim_fits(const hb_type *type, uint32_t dim) {
    return type->dim > 0 ? dim == type->dim : dim <= HB_VECTOR_DIM_MAX;
}

/* A component: a number, a boolean or a numeric text. */
static hb_status component(const hb_pack_item *item, uint32_t index, float *out, hb_err *err) {
    double value = NAN;
    switch (item->tag) {
    case HB_PACK_INT: value = (double)item->i; break;
    case HB_PACK_UINT64: value = (double)item->u; break;
    case HB_PACK_FLOAT: value = item->f; break;
    case HB_PACK_BOOL: value = item->b ? 1.0 : 0.0; break;
    case HB_PACK_STR:
        if (hb_num_parse_f64(hb_str_trim(item->s), &value) != HB_NUM_OK) value = NAN;
        break;
    case HB_PACK_NIL: case HB_PACK_BIN: case HB_PACK_ARRAY: case HB_PACK_MAP: case HB_PACK_EXT:
        return hb_err_set(err, HB_E_VALIDATION, "Vector component %u is not a number",
                          (unsigned)index);
    }
    *out = (float)value;
    if (!isfinite(*out)) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "Vector component %u is not a finite float32 number", (unsigned)index);
    }
    return HB_OK;
}

static hb_status coerce_vector(const hb_type *type, const hb_value *in, hb_arena *arena,
                               hb_value *out, hb_err *err) {
    if (in->kind == HB_KIND_VEC) {
        if (!dim_fits(type, in->as.v.len)) return hb_coerce_dim_error(type, in->as.v.len, err);
        if (!hb_coerce_floats_finite(in->as.v.ptr, in->as.v.len)) {
            uint32_t bad = 0;
            while (isfinite(in->as.v.ptr[bad])) bad++;
            return in_item(hb_coerce_finite_error(type, err), bad, err);
        }
        *out = *in;
        return HB_OK;
    }
    hb_pack_item item = { .tag = HB_PACK_NIL };
    hb_pack_reader r = hb_pack_read(in->as.s);
    if (in->kind != HB_KIND_PACK || !hb_pack_next(&r, &item) || item.tag != HB_PACK_ARRAY) {
        return fits_not(err, "Vector expects a list of numbers", in);
    }
    const uint32_t count = item.count;
    if (!dim_fits(type, count)) return hb_coerce_dim_error(type, count, err);
    float *components = hb_arena_array(arena, count, sizeof *components);
    if (components == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_next(&r, &item)) return malformed(err);
        HB_TRY(in_item(component(&item, i, &components[i], err), i, err));
    }
    *out = (hb_value){ HB_KIND_VEC, { .v = { components, count } } };
    return HB_OK;
}

/* ---- what fits as it is ----------------------------------------------------------------- */

static bool fits_next(const hb_type *type, hb_pack_reader *r);

/* Any JSON value. Depth was checked by whoever let the bytes in; it bounds the recursion. */
static bool json_fits_next(hb_pack_reader *r, uint32_t depth) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) return false;
    switch (item.tag) {
    case HB_PACK_NIL:
    case HB_PACK_BOOL:
    case HB_PACK_INT:
    case HB_PACK_STR: return true;
    case HB_PACK_FLOAT: return isfinite(item.f);
    case HB_PACK_UINT64:
    case HB_PACK_BIN:
    case HB_PACK_EXT: return false;
    case HB_PACK_ARRAY:
        for (uint32_t i = 0; i < item.count; i++) {
            if (!json_fits_next(r, depth + 1)) return false;
        }
        return true;
    case HB_PACK_MAP:
        for (uint32_t i = 0; i < item.count; i++) {
            hb_pack_item key;
            if (!hb_pack_next(r, &key) || key.tag != HB_PACK_STR) return false;
            if (!json_fits_next(r, depth + 1)) return false;
        }
        return true;
    }
    return false;
}

static bool vector_fits_item(const hb_type *type, const hb_pack_item *item) {
    if (item->tag != HB_PACK_EXT || item->ext != HB_PACK_EXT_VECTOR) return false;
    const uint32_t dim = item->s.len / (uint32_t)sizeof(float);
    if (!dim_fits(type, dim)) return false;
    for (uint32_t i = 0; i < dim; i++) {
        float value;
        memcpy(&value, item->s.ptr + (size_t)i * sizeof value, sizeof value);
        if (!isfinite(value)) return false;
    }
    return true;
}

static bool array_fits_next(const hb_type *type, hb_pack_reader *r) {
    hb_pack_item item;
    if (!hb_pack_next(r, &item) || item.tag != HB_PACK_ARRAY) return false;
    for (uint32_t i = 0; i < item.count; i++) {
        if (type->item == NULL ? !json_fits_next(r, 1) : !fits_next(type->item, r)) return false;
    }
    return true;
}

/* A mapping whose keys are columns in order, none that is required left out. */
static bool row_fits_next(const hb_type *type, hb_pack_reader *r) {
    hb_pack_item item;
    if (!hb_pack_next(r, &item) || item.tag != HB_PACK_MAP) return false;
    uint32_t column = 0;
    for (uint32_t i = 0; i < item.count; i++) {
        hb_pack_item key;
        if (!hb_pack_next(r, &key) || key.tag != HB_PACK_STR) return false;
        while (column < type->column_count && !hb_str_eq(type->columns[column].name, key.s)) {
            if (type->columns[column++].required) return false;
        }
        if (column == type->column_count || !fits_next(type->columns[column++].type, r)) {
            return false;
        }
    }
    for (; column < type->column_count; column++) {
        if (type->columns[column].required) return false;
    }
    return true;
}

static bool hyper_fits_next(const hb_type *type, hb_pack_reader *r) {
    hb_pack_item item;
    if (!hb_pack_next(r, &item) || item.tag != HB_PACK_ARRAY) return false;
    for (uint32_t i = 0; i < item.count; i++) {
        if (!row_fits_next(type, r)) return false;
    }
    return true;
}

/* Types nest at most HB_TYPE_DEPTH_MAX deep. */
static bool fits_next(const hb_type *type, hb_pack_reader *r) {
    hb_pack_item item;
    switch (type->id) {
    case HB_TYPE_ARRAY: return array_fits_next(type, r);
    case HB_TYPE_JSON: {
        hb_pack_reader peek = *r;
        return hb_pack_next(&peek, &item) && item.tag != HB_PACK_NIL && json_fits_next(r, 0);
    }
    case HB_TYPE_HYPER_G: return hyper_fits_next(type, r);
    case HB_TYPE_IDENTIFIER: case HB_TYPE_SHORT_TEXT: case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT: case HB_TYPE_INTEGER: case HB_TYPE_FLOAT: case HB_TYPE_BOOLEAN:
    case HB_TYPE_CATEGORICAL: case HB_TYPE_TIMESTAMP: case HB_TYPE_DATE: case HB_TYPE_DURATION:
    case HB_TYPE_VECTOR: case HB_TYPE_ARTIFACT: case HB_TYPE_COUNT: break;
    }
    if (!hb_pack_next(r, &item)) return false;
    switch (hb_type_kind(type)) {
    case HB_KIND_TEXT: return item.tag == HB_PACK_STR && hb_coerce_text_fits(type, item.s);
    case HB_KIND_I64: return item.tag == HB_PACK_INT && hb_coerce_int_fits(type, item.i);
    case HB_KIND_F64: return item.tag == HB_PACK_FLOAT && isfinite(item.f);
    case HB_KIND_BOOL: return item.tag == HB_PACK_BOOL;
    case HB_KIND_BYTES: return item.tag == HB_PACK_BIN;
    case HB_KIND_VEC: return vector_fits_item(type, &item);
    case HB_KIND_NULL: case HB_KIND_PACK: case HB_KIND_COUNT: break;
    }
    return false;
}

bool hb_coerce_pack_fits(const hb_type *type, hb_str pack) {
    hb_pack_reader r = hb_pack_read(pack);
    return fits_next(type, &r) && r.pos == r.len;
}

/* ---- writing anew ----------------------------------------------------------------------- */

typedef struct nested {
    hb_arena *arena;
    hb_buf *out;
    hb_err *err;
} nested;

static hb_status write_coerced(nested *n, const hb_type *type, hb_str pack);

static hb_status json_ext(nested *n, const hb_pack_item *item) {
    char text[HB_TIME_TEXT_MAX];
    int64_t us = 0;
    if (item->ext == HB_PACK_EXT_TIMESTAMP && hb_time_from_ext(item->s, &us)) {
        hb_pack_str(n->out, hb_str_n(text, hb_time_write_iso(us, text)));
        return HB_OK;
    }
    if (item->ext != HB_PACK_EXT_VECTOR) {
        return hb_err_set(n->err, HB_E_VALIDATION, "Json cannot hold MessagePack extension %d",
                          (int)item->ext);
    }
    const uint32_t dim = item->s.len / (uint32_t)sizeof(float);
    hb_pack_array(n->out, dim);
    for (uint32_t i = 0; i < dim; i++) {
        float value;
        memcpy(&value, item->s.ptr + (size_t)i * sizeof value, sizeof value);
        if (!isfinite(value)) return hb_coerce_finite_error(NULL, n->err);
        hb_pack_float(n->out, (double)value);
    }
    return HB_OK;
}

static hb_status json_next(nested *n, hb_pack_reader *r, uint32_t depth) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) return malformed(n->err);
    switch (item.tag) {
    case HB_PACK_NIL:
    case HB_PACK_BOOL:
    case HB_PACK_INT:
    case HB_PACK_STR: hb_buf_add_str(n->out, item.raw); return HB_OK;
    case HB_PACK_FLOAT:
        if (!isfinite(item.f)) {
            return hb_err_set(n->err, HB_E_VALIDATION, "Json cannot hold a non-finite number");
        }
        hb_pack_float(n->out, item.f);
        return HB_OK;
    case HB_PACK_UINT64:
        return hb_err_set(n->err, HB_E_VALIDATION, "Json holds an integer beyond 64 bits");
    case HB_PACK_BIN: return hb_err_set(n->err, HB_E_VALIDATION, "Json cannot hold bytes");
    case HB_PACK_EXT: return json_ext(n, &item);
    case HB_PACK_ARRAY:
        hb_buf_add_str(n->out, item.raw);
        for (uint32_t i = 0; i < item.count; i++) {
            HB_TRY(in_item(json_next(n, r, depth + 1), i, n->err));
        }
        return HB_OK;
    case HB_PACK_MAP:
        hb_buf_add_str(n->out, item.raw);
        for (uint32_t i = 0; i < item.count; i++) {
            hb_pack_item key;
            if (!hb_pack_next(r, &key)) return malformed(n->err);
            if (key.tag != HB_PACK_STR) {
                return hb_err_set(n->err, HB_E_VALIDATION, "keys of a Json object must be text");
            }
            hb_buf_add_str(n->out, key.raw);
            HB_TRY(in_member(json_next(n, r, depth + 1), key.s, n->err));
        }
        return HB_OK;
    }
    return malformed(n->err);
}

static hb_status list_header(nested *n, const hb_value *in, const char *what, hb_pack_reader *r,
                             uint32_t *count) {
    hb_pack_item item;
    *r = hb_pack_read(in->as.s);
    if (in->kind != HB_KIND_PACK || !hb_pack_next(r, &item) || item.tag != HB_PACK_ARRAY) {
        return fits_not(n->err, what, in);
    }
    *count = item.count;
    return HB_OK;
}

static hb_status write_array_item(nested *n, const hb_type *type, hb_pack_reader *r, uint32_t i) {
    hb_str whole = HB_STR_EMPTY;
    if (type->item == NULL) return json_next(n, r, 1);
    if (!hb_pack_skip(r, &whole)) return malformed(n->err);
    if (whole.len == 1 && (unsigned char)whole.ptr[0] == 0xc0) {
        return hb_err_set(n->err, HB_E_VALIDATION, "Array item %u is null, expected %.*s",
                          (unsigned)i, HB_ARG(hb_type_class(type->item->id)));
    }
    return write_coerced(n, type->item, whole);
}

static hb_status write_array(nested *n, const hb_type *type, const hb_value *in) {
    hb_pack_reader r;
    uint32_t count = 0;
    if (in->kind == HB_KIND_VEC) {      /* a list of numbers that came as a vector */
        hb_pack_array(n->out, in->as.v.len);
        for (uint32_t i = 0; i < in->as.v.len; i++) {
            hb_value number = { HB_KIND_F64, { .f = (double)in->as.v.ptr[i] } };
            if (!isfinite(number.as.f)) {
                return in_item(hb_coerce_finite_error(type, n->err), i, n->err);
            }
            if (type->item != NULL) {
                const hb_status status =
                    hb_coerce_value(type->item, &number, n->arena, &number, n->err);
                HB_TRY(in_item(status, i, n->err));
            }
            hb_pack_value(n->out, &number);
        }
        return HB_OK;
    }
    HB_TRY(list_header(n, in, "Array expects a list", &r, &count));
    hb_pack_array(n->out, count);
    for (uint32_t i = 0; i < count; i++) {
        HB_TRY(in_item(write_array_item(n, type, &r, i), i, n->err));
    }
    return HB_OK;
}

/* Values of one HyperG item by column; an empty span is missing or null. */
static hb_status item_columns(nested *n, const hb_type *type, hb_str pack, hb_str *values) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return malformed(n->err);
    const bool map = item.tag == HB_PACK_MAP;
    if (!map && item.tag != HB_PACK_ARRAY) {
        return hb_err_set(n->err, HB_E_VALIDATION, "a HyperG item must be a mapping or a list of "
                          "its %u columns", (unsigned)type->column_count);
    }
    if (!map && item.count != type->column_count) {
        return hb_err_set(n->err, HB_E_VALIDATION, "a HyperG item has %u values, expected %u",
                          (unsigned)item.count, (unsigned)type->column_count);
    }
    for (uint32_t i = 0; i < item.count; i++) {
        hb_pack_item key;
        hb_str whole = HB_STR_EMPTY;
        uint32_t column = map ? 0 : i;
        if (map) {
            if (!hb_pack_next(&r, &key)) return malformed(n->err);
            while (column < type->column_count && !hb_str_eq(type->columns[column].name, key.s)) {
                column++;
            }
        }
        if (!hb_pack_skip(&r, &whole)) return malformed(n->err);
        if (column == type->column_count) {
            hb_err_set(n->err, HB_E_VALIDATION, "HyperG has no column '%.*s'",
                       HB_ARG(hb_coerce_sample(key.s)));
            return in_member(HB_E_VALIDATION, key.s, n->err);
        }
        const bool null = whole.len == 1 && (unsigned char)whole.ptr[0] == 0xc0;
        values[column] = null ? HB_STR_EMPTY : whole;
    }
    return HB_OK;
}

/* A column of an item by its name, or by its place where the item is a list. */
static hb_status in_column(hb_status status, const hb_type *type, uint32_t column, hb_str pack,
                           hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    const bool listed = hb_pack_next(&r, &item) && item.tag == HB_PACK_ARRAY;
    return listed ? in_item(status, column, err)
                  : in_member(status, type->columns[column].name, err);
}

static hb_status write_hyper_item(nested *n, const hb_type *type, hb_str pack, hb_str *values) {
    uint32_t count = 0;
    memset(values, 0, type->column_count * sizeof *values);
    HB_TRY(item_columns(n, type, pack, values));
    for (uint32_t i = 0; i < type->column_count; i++) {
        if (values[i].len == 0 && type->columns[i].required) {
            hb_err_set(n->err, HB_E_VALIDATION, "HyperG column '%.*s' is required",
                       HB_ARG(type->columns[i].name));
            return in_column(HB_E_VALIDATION, type, i, pack, n->err);
        }
        count += values[i].len > 0 ? 1u : 0u;
    }
    hb_pack_map(n->out, count);
    for (uint32_t i = 0; i < type->column_count; i++) {
        if (values[i].len == 0) continue;
        hb_pack_str(n->out, type->columns[i].name);
        const hb_status status = write_coerced(n, type->columns[i].type, values[i]);
        HB_TRY(in_column(status, type, i, pack, n->err));
    }
    return HB_OK;
}

static hb_status write_hyper(nested *n, const hb_type *type, const hb_value *in) {
    hb_pack_reader r;
    uint32_t count = 0;
    if (in->kind == HB_KIND_VEC && in->as.v.len == 0) {
        hb_pack_array(n->out, 0);
        return HB_OK;
    }
    HB_TRY(list_header(n, in, "HyperG expects a list", &r, &count));
    hb_str *values = HB_NEW_ARRAY(n->arena, hb_str, type->column_count);
    if (values == NULL) return hb_err_memory(n->err);
    hb_pack_array(n->out, count);
    for (uint32_t i = 0; i < count; i++) {
        hb_str whole = HB_STR_EMPTY;
        if (!hb_pack_skip(&r, &whole)) return malformed(n->err);
        HB_TRY(in_item(write_hyper_item(n, type, whole, values), i, n->err));
    }
    return HB_OK;
}

static hb_status write_json(nested *n, const hb_value *in) {
    hb_buf whole;
    hb_buf_init(&whole, n->out->mem);
    hb_pack_value(&whole, in);
    hb_status status = hb_buf_check(&whole, n->err);
    hb_pack_reader r = hb_pack_read(hb_buf_str(&whole));
    if (status == HB_OK) status = json_next(n, &r, 0);
    hb_buf_free(&whole);
    return status;
}

/* A nested value or a scalar of `type` to n->out. */
static hb_status write_coerced(nested *n, const hb_type *type, hb_str pack) {
    if (hb_coerce_pack_fits(type, pack)) {
        hb_buf_add_str(n->out, pack);
        return HB_OK;
    }
    const hb_value in = { HB_KIND_PACK, { .s = pack } };
    hb_value out;
    HB_TRY(hb_coerce_value(type, &in, n->arena, &out, n->err));
    hb_pack_value(n->out, &out);
    return HB_OK;
}

hb_status hb_coerce_nested(const hb_type *type, const hb_value *in, hb_arena *arena,
                           hb_value *out, hb_err *err) {
    if (type->id == HB_TYPE_VECTOR) return coerce_vector(type, in, arena, out, err);
    if (in->kind == HB_KIND_PACK && hb_coerce_pack_fits(type, in->as.s)) {
        *out = *in;
        return HB_OK;
    }
    hb_buf buf;
    hb_buf_init(&buf, arena->mem);
    nested n = { arena, &buf, err };
    hb_status status = type->id == HB_TYPE_JSON    ? write_json(&n, in)
                       : type->id == HB_TYPE_ARRAY ? write_array(&n, type, in)
                                                   : write_hyper(&n, type, in);
    if (status == HB_OK) status = hb_buf_check(&buf, err);
    if (status == HB_OK) {
        out->kind = HB_KIND_PACK;
        out->as.s = hb_arena_str(arena, hb_buf_str(&buf));
        if (out->as.s.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&buf);
    return status;
}
