// SPDX-License-Identifier: MIT
#include "value/coerce.h"

#include <math.h>

#include "base/limits.h"
#include "base/num.h"
#include "value/coerce_parts.h"
#include "value/type_table.h"

/* Doubles strictly between -2^63 and 2^63 truncate to an int64. -2^63 itself is left out: it is
 * also what an integer just below becomes on its way through a double. */
#define INT_BOUND 9223372036854775808.0

#define CLASS(type) HB_ARG(hb_type_class((type)->id))

/* ---- messages --------------------------------------------------------------------------- */

static hb_pack_tag pack_tag(const hb_value *value, hb_pack_item *item) {
    hb_pack_reader r = hb_pack_read(value->as.s);
    return hb_pack_next(&r, item) ? item->tag : HB_PACK_NIL;
}

const char *hb_coerce_found(const hb_value *value) {
    hb_pack_item item;
    switch (value->kind) {
    case HB_KIND_NULL: return "null";
    case HB_KIND_BOOL: return "a boolean";
    case HB_KIND_I64: return "an integer";
    case HB_KIND_F64: return isfinite(value->as.f) ? "a number" : "a non-finite number";
    case HB_KIND_TEXT: return "a text";
    case HB_KIND_BYTES: return "bytes";
    case HB_KIND_VEC: return "a vector";
    case HB_KIND_PACK:
        switch (pack_tag(value, &item)) {
        case HB_PACK_ARRAY: return "a list";
        case HB_PACK_MAP: return "a mapping";
        case HB_PACK_UINT64: return "an integer beyond 64 bits";
        case HB_PACK_EXT: return item.ext == HB_PACK_EXT_TIMESTAMP ? "a date-time" : "an extension";
        case HB_PACK_NIL: case HB_PACK_BOOL: case HB_PACK_INT: case HB_PACK_FLOAT:
        case HB_PACK_STR: case HB_PACK_BIN: break;
        }
        return "a nested value";
    case HB_KIND_COUNT: break;
    }
    return "an unknown value";
}

hb_str hb_coerce_sample(hb_str text) {
    if (text.len <= 40) return text;
    uint32_t len = 40;
    while (len > 36 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return (hb_str){ text.ptr, len };
}

static hb_status expects(const hb_type *type, hb_status code, const char *what, const hb_value *in,
                         hb_err *err) {
    if (in->kind == HB_KIND_TEXT) {
        return hb_err_set(err, code, "%.*s expects %s: found text '%.*s'", CLASS(type), what,
                          HB_ARG(hb_coerce_sample(in->as.s)));
    }
    if (in->kind == HB_KIND_I64) {
        return hb_err_set(err, code, "%.*s expects %s: found %lld", CLASS(type), what,
                          (long long)in->as.i);
    }
    if (in->kind == HB_KIND_F64) {
        char text[HB_NUM_TEXT_MAX];
        const uint32_t len = hb_num_write_f64(in->as.f, text);
        return hb_err_set(err, code, "%.*s expects %s: found %.*s", CLASS(type), what, (int)len,
                          text);
    }
    return hb_err_set(err, code, "%.*s expects %s: found %s", CLASS(type), what,
                      hb_coerce_found(in));
}

/* Lists and mappings where a number should be are a wrong shape, anything else a wrong value. */
static hb_status number_code(const hb_value *in) {
    hb_pack_item item;
    if (in->kind == HB_KIND_VEC || in->kind == HB_KIND_BYTES) return HB_E_TYPE;
    if (in->kind != HB_KIND_PACK) return HB_E_VALIDATION;
    return pack_tag(in, &item) == HB_PACK_UINT64 ? HB_E_VALIDATION : HB_E_TYPE;
}

static bool is_uint64(const hb_value *in, uint64_t *out) {
    hb_pack_item item;
    if (in->kind != HB_KIND_PACK || pack_tag(in, &item) != HB_PACK_UINT64) return false;
    *out = item.u;
    return true;
}

static bool is_datetime(const hb_value *in, int64_t *us) {
    hb_pack_item item;
    return in->kind == HB_KIND_PACK && pack_tag(in, &item) == HB_PACK_EXT &&
           item.ext == HB_PACK_EXT_TIMESTAMP && hb_time_from_ext(item.s, us);
}

/* ---- texts ------------------------------------------------------------------------------ */

static bool category_has_text(const hb_type *type, hb_str text) {
    for (uint32_t i = 0; i < type->value_count; i++) {
        if (hb_str_eq(type->values[i], text)) return true;
    }
    return false;
}

static bool date_is_canonical(hb_str text) {
    char date[10];
    return text.len == 10 && hb_time_parse_date(text, date) && memcmp(date, text.ptr, 10) == 0;
}

bool hb_coerce_text_fits(const hb_type *type, hb_str text) {
    if (type->id == HB_TYPE_CATEGORICAL) return category_has_text(type, text);
    if (type->id == HB_TYPE_DATE) return date_is_canonical(text);
    if (type->id == HB_TYPE_IDENTIFIER && text.len == 0) return false;
    return text.len <= type->max_chars || hb_utf8_count(text) <= type->max_chars;
}

hb_status hb_coerce_text_error(const hb_type *type, hb_str text, hb_err *err) {
    if (type->id == HB_TYPE_CATEGORICAL) {
        (void)hb_err_set(err, HB_E_VALIDATION, "Categorical has no value '%.*s'",
                         HB_ARG(hb_coerce_sample(text)));
        (void)hb_err_hint(err, text, type->values, type->value_count);
        return HB_E_VALIDATION;
    }
    if (type->id == HB_TYPE_DATE) {
        return hb_err_set(err, HB_E_VALIDATION, "Date expects YYYY-MM-DD: found '%.*s'",
                          HB_ARG(hb_coerce_sample(text)));
    }
    if (text.len == 0) return hb_err_set(err, HB_E_VALIDATION, "Identifier cannot be empty");
    return hb_err_set(err, HB_E_VALIDATION, "%.*s exceeds %u characters: found %u", CLASS(type),
                      (unsigned)type->max_chars, (unsigned)hb_utf8_count(text));
}

/* Text as it is, a number as its decimal text; anything else has no text (design D10). */
static hb_status text_of(const hb_type *type, const hb_value *in, hb_arena *arena, hb_str *out,
                         hb_err *err) {
    char text[HB_NUM_TEXT_MAX];
    uint32_t len = 0;
    uint64_t big = 0;
    if (in->kind == HB_KIND_TEXT) {
        *out = in->as.s;
        return HB_OK;
    }
    if (in->kind == HB_KIND_I64) {
        len = hb_num_write_i64(in->as.i, text);
    } else if (in->kind == HB_KIND_F64 && isfinite(in->as.f)) {
        len = hb_num_write_f64(in->as.f, text);
    } else if (is_uint64(in, &big)) {
        *out = hb_arena_printf(arena, "%llu", (unsigned long long)big);
        return out->ptr != NULL ? HB_OK : hb_err_memory(err);
    } else {
        return expects(type, HB_E_VALIDATION, "a text", in, err);
    }
    *out = hb_arena_str(arena, (hb_str){ text, len });
    return out->ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status coerce_text(const hb_type *type, const hb_value *in, hb_arena *arena,
                             hb_value *out, hb_err *err) {
    hb_str text = HB_STR_EMPTY;
    HB_TRY(text_of(type, in, arena, &text, err));
    if (!hb_coerce_text_fits(type, text)) return hb_coerce_text_error(type, text, err);
    *out = (hb_value){ HB_KIND_TEXT, { .s = text } };
    return HB_OK;
}

static hb_status coerce_date(const hb_type *type, const hb_value *in, hb_arena *arena,
                             hb_value *out, hb_err *err) {
    char date[10];
    int64_t us = 0;
    if (in->kind == HB_KIND_TEXT) {
        if (!hb_time_parse_date(in->as.s, date)) return hb_coerce_text_error(type, in->as.s, err);
    } else if (!is_datetime(in, &us) || !hb_time_write_date(us, date)) {
        return expects(type, HB_E_VALIDATION, "YYYY-MM-DD or a date-time", in, err);
    }
    out->kind = HB_KIND_TEXT;
    out->as.s = hb_arena_str(arena, (hb_str){ date, sizeof date });
    return out->as.s.ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* ---- numbers ---------------------------------------------------------------------------- */

bool hb_coerce_int_fits(const hb_type *type, int64_t value) {
    if (type->id == HB_TYPE_TIMESTAMP) return value >= type->min && value <= type->max;
    if (type->id == HB_TYPE_DURATION) return value >= 0;
    if (type->id != HB_TYPE_CATEGORICAL) return true;
    for (uint32_t i = 0; i < type->value_count; i++) {
        if (type->int_values[i] == value) return true;
    }
    return false;
}

hb_status hb_coerce_int_error(const hb_type *type, int64_t value, hb_err *err) {
    if (type->id == HB_TYPE_TIMESTAMP) {
        return hb_err_set(err, HB_E_VALIDATION,
                          "Timestamp in %.*s must lie between %lld and %lld: found %lld",
                          HB_ARG(hb_time_unit_name(type->unit)), (long long)type->min,
                          (long long)type->max, (long long)value);
    }
    if (type->id == HB_TYPE_DURATION) {
        return hb_err_set(err, HB_E_VALIDATION, "Duration cannot be negative: found %lld",
                          (long long)value);
    }
    return hb_err_set(err, HB_E_VALIDATION, "Categorical has no value %lld", (long long)value);
}

static hb_status beyond_64_bits(const hb_type *type, hb_err *err) {
    return hb_err_set(err, HB_E_VALIDATION, "%.*s is beyond 64 bits", CLASS(type));
}

/* int64 of an integer, a finite number (truncated toward zero) or a decimal text. */
static hb_status int_of(const hb_type *type, const hb_value *in, const char *what, int64_t *out,
                        hb_err *err) {
    uint64_t big;
    if (in->kind == HB_KIND_I64) {
        *out = in->as.i;
        return HB_OK;
    }
    if (in->kind == HB_KIND_F64) {
        if (!isfinite(in->as.f)) return expects(type, HB_E_VALIDATION, what, in, err);
        if (fabs(in->as.f) >= INT_BOUND) return beyond_64_bits(type, err);
        *out = (int64_t)in->as.f;
        return HB_OK;
    }
    if (in->kind == HB_KIND_TEXT) {
        const hb_num_result result = hb_num_parse_i64(hb_str_trim(in->as.s), out);
        if (result == HB_NUM_RANGE) return beyond_64_bits(type, err);
        return result == HB_NUM_OK ? HB_OK : expects(type, HB_E_VALIDATION, what, in, err);
    }
    if (is_uint64(in, &big)) return beyond_64_bits(type, err);
    return expects(type, type->id == HB_TYPE_INTEGER ? number_code(in) : HB_E_VALIDATION, what, in,
                   err);
}

static hb_status coerce_integer(const hb_type *type, const hb_value *in, hb_value *out,
                                hb_err *err) {
    int64_t value = 0;
    if (in->kind == HB_KIND_BOOL) {
        value = in->as.b ? 1 : 0;
    } else {
        HB_TRY(int_of(type, in, "a whole number", &value, err));
    }
    *out = (hb_value){ HB_KIND_I64, { .i = value } };
    return HB_OK;
}

static hb_status coerce_duration(const hb_type *type, const hb_value *in, hb_value *out,
                                 hb_err *err) {
    int64_t value = 0;
    HB_TRY(int_of(type, in, "a whole number, not negative", &value, err));
    if (!hb_coerce_int_fits(type, value)) return hb_coerce_int_error(type, value, err);
    *out = (hb_value){ HB_KIND_I64, { .i = value } };
    return HB_OK;
}

static hb_status coerce_int_category(const hb_type *type, const hb_value *in, hb_value *out,
                                     hb_err *err) {
    int64_t value = 0;
    if (in->kind == HB_KIND_F64 && in->as.f != trunc(in->as.f)) {
        return expects(type, HB_E_VALIDATION, "an integer", in, err);
    }
    HB_TRY(int_of(type, in, "an integer", &value, err));
    if (!hb_coerce_int_fits(type, value)) return hb_coerce_int_error(type, value, err);
    *out = (hb_value){ HB_KIND_I64, { .i = value } };
    return HB_OK;
}

/* Floor, so that a time before 1970 keeps its order. */
static int64_t unit_from_us(hb_time_unit unit, int64_t us) {
    const int64_t step = unit == HB_UNIT_S ? 1000000 : unit == HB_UNIT_MS ? 1000 : 1;
    return us / step - (us % step < 0 ? 1 : 0);
}

static hb_status coerce_timestamp(const hb_type *type, const hb_value *in, hb_value *out,
                                  hb_err *err) {
    static const char what[] = "an integer, an ISO 8601 text or a date-time";
    int64_t value = 0;
    int64_t us = 0;
    if (in->kind == HB_KIND_TEXT) {
        if (!hb_time_parse_timestamp(in->as.s, &us)) {
            return expects(type, HB_E_VALIDATION, what, in, err);
        }
        value = unit_from_us(type->unit, us);
    } else if (is_datetime(in, &us)) {
        value = unit_from_us(type->unit, us);
    } else {
        HB_TRY(int_of(type, in, what, &value, err));
    }
    if (!hb_coerce_int_fits(type, value)) return hb_coerce_int_error(type, value, err);
    *out = (hb_value){ HB_KIND_I64, { .i = value } };
    return HB_OK;
}

static hb_status coerce_float(const hb_type *type, const hb_value *in, hb_value *out,
                              hb_err *err) {
    double value = NAN;
    uint64_t big = 0;
    if (in->kind == HB_KIND_F64) {
        value = in->as.f;
    } else if (in->kind == HB_KIND_I64) {
        value = (double)in->as.i;
    } else if (in->kind == HB_KIND_BOOL) {
        value = in->as.b ? 1.0 : 0.0;
    } else if (is_uint64(in, &big)) {
        value = (double)big;
    } else if (in->kind != HB_KIND_TEXT) {
        return expects(type, number_code(in), "a number", in, err);
    } else if (hb_num_parse_f64(hb_str_trim(in->as.s), &value) != HB_NUM_OK) {
        value = NAN;
    }
    if (!isfinite(value)) return expects(type, HB_E_VALIDATION, "a finite number", in, err);
    *out = (hb_value){ HB_KIND_F64, { .f = value } };
    return HB_OK;
}

/* ---- booleans, bytes -------------------------------------------------------------------- */

static bool one_of(hb_str word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (hb_str_eq_nocase(word, hb_str_c(words[i]))) return true;
    }
    return false;
}

#define ONE_OF(word, words) one_of((word), (words), sizeof(words) / sizeof((words)[0]))

static hb_status boolean_from_text(const hb_type *type, const hb_value *in, hb_value *out,
                                   hb_err *err) {
    static const char *const yes[] = { "true", "1", "yes", "on" };
    static const char *const no[] = { "false", "0", "no", "off", "" };
    static const char *const none[] = { "null", "none", "nil", "nan", "na" };
    const hb_str word = hb_str_trim(in->as.s);
    *out = (hb_value){ HB_KIND_BOOL, { .b = false } };
    if (ONE_OF(word, yes)) {
        out->as.b = true;
    } else if (ONE_OF(word, none)) {
        out->kind = HB_KIND_NULL;
    } else if (!ONE_OF(word, no)) {
        return expects(type, HB_E_VALIDATION, "true or false", in, err);
    }
    return HB_OK;
}

/* Booleans, the numbers 0 and 1, words, and containers by whether they hold anything. */
static hb_status coerce_boolean(const hb_type *type, const hb_value *in, hb_value *out,
                                hb_err *err) {
    hb_pack_item item;
    bool value = false;
    if (in->kind == HB_KIND_TEXT) return boolean_from_text(type, in, out, err);
    if (in->kind == HB_KIND_BOOL) {
        value = in->as.b;
    } else if (in->kind == HB_KIND_I64 && (in->as.i == 0 || in->as.i == 1)) {
        value = in->as.i == 1;
    } else if (in->kind == HB_KIND_F64 && (in->as.f == 0.0 || in->as.f == 1.0)) {
        value = in->as.f == 1.0;
    } else if (in->kind == HB_KIND_VEC) {
        value = in->as.v.len > 0;
    } else if (in->kind == HB_KIND_PACK && (pack_tag(in, &item) == HB_PACK_ARRAY ||
                                            item.tag == HB_PACK_MAP)) {
        value = item.count > 0;
    } else {
        return expects(type, HB_E_VALIDATION, "true or false", in, err);
    }
    *out = (hb_value){ HB_KIND_BOOL, { .b = value } };
    return HB_OK;
}

static hb_status coerce_artifact(const hb_type *type, const hb_value *in, hb_value *out,
                                 hb_err *err) {
    if (in->kind != HB_KIND_BYTES && in->kind != HB_KIND_TEXT) {
        return expects(type, HB_E_VALIDATION, "bytes or a text", in, err);
    }
    *out = (hb_value){ HB_KIND_BYTES, { .s = in->as.s } };
    return HB_OK;
}

/* ---- dispatch --------------------------------------------------------------------------- */

hb_status hb_coerce_value(const hb_type *type, const hb_value *in, hb_arena *arena,
                          hb_value *out, hb_err *err) {
    hb_value value = *in;
    if (value.kind == HB_KIND_PACK) HB_TRY(hb_pack_to_value(in->as.s, arena, &value, err));
    if (value.kind == HB_KIND_NULL) {
        *out = value;
        return HB_OK;
    }
    switch (type->id) {
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT: return coerce_text(type, &value, arena, out, err);
    case HB_TYPE_INTEGER: return coerce_integer(type, &value, out, err);
    case HB_TYPE_FLOAT: return coerce_float(type, &value, out, err);
    case HB_TYPE_BOOLEAN: return coerce_boolean(type, &value, out, err);
    case HB_TYPE_CATEGORICAL:
        return type->int_base ? coerce_int_category(type, &value, out, err)
                              : coerce_text(type, &value, arena, out, err);
    case HB_TYPE_TIMESTAMP: return coerce_timestamp(type, &value, out, err);
    case HB_TYPE_DATE: return coerce_date(type, &value, arena, out, err);
    case HB_TYPE_DURATION: return coerce_duration(type, &value, out, err);
    case HB_TYPE_ARRAY:
    case HB_TYPE_VECTOR:
    case HB_TYPE_JSON:
    case HB_TYPE_HYPER_G: return hb_coerce_nested(type, &value, arena, out, err);
    case HB_TYPE_ARTIFACT: return coerce_artifact(type, &value, out, err);
    case HB_TYPE_COUNT: break;
    }
    HB_ASSERT(!"type");
    return HB_E_INTERNAL;
}
