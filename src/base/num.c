// SPDX-License-Identifier: MIT
/* yyjson reads and writes doubles exactly and shortest; here is what the rest of the code base
 * wants around that: any spelling of a decimal number in, one spelling (Python's repr) out. */
#include "base/num.h"

#include <math.h>
#include <string.h>

#include <yyjson.h>

/* Digits beyond these cannot change the nearest double, except as "something more follows". */
#define DIGITS_MAX 800u
#define EXP_MAX 100000

/* Added to yyjson by scripts/trim-yyjson.mjs: the shortest digits of a finite double, no 0 behind;
 * they never fill `out`. */
size_t hb_yyjson_write_f64(double value, char *out);

typedef struct decimal {    /* 0.d1d2d3... * 10^exp */
    bool negative;
    uint32_t count;
    int32_t exp;
    bool more;              /* a non-zero digit was left out */
    char digits[DIGITS_MAX];
} decimal;

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

hb_num_result hb_num_parse_i64(hb_str text, int64_t *out) {
    uint32_t pos = 0;
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) pos = 1;
    if (pos == text.len) return HB_NUM_BAD;
    uint64_t value = 0;
    bool over = false;
    const uint64_t max = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; pos < text.len; pos++) {
        if (!is_digit(text.ptr[pos])) return HB_NUM_BAD;
        const uint64_t digit = (uint64_t)(text.ptr[pos] - '0');
        if (value > (max - digit) / 10) over = true;
        if (!over) value = value * 10 + digit;
    }
    if (over) return HB_NUM_RANGE;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return HB_NUM_OK;
}

/* Reads digits (with at most one point) into `d`; returns how many digits there were. */
static uint32_t decimal_digits(decimal *d, hb_str text, uint32_t *pos) {
    uint32_t seen = 0;
    bool point = false;
    int32_t shift = 0;      /* integer digits counted, or minus leading zeros of the fraction */
    for (; *pos < text.len; (*pos)++) {
        const char c = text.ptr[*pos];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c)) break;
        seen++;
        if (d->count == 0 && c == '0') {
            if (point && shift > -EXP_MAX) shift--;
            continue;
        }
        if (d->count < DIGITS_MAX) {
            d->digits[d->count++] = c;
        } else if (c != '0') {
            d->more = true;
        }
        if (!point && shift < EXP_MAX) shift++;
    }
    d->exp = shift;
    return seen;
}

static bool decimal_exponent(decimal *d, hb_str text, uint32_t *pos) {
    if (*pos == text.len) return true;
    if (text.ptr[*pos] != 'e' && text.ptr[*pos] != 'E') return false;
    (*pos)++;
    const bool negative = *pos < text.len && text.ptr[*pos] == '-';
    if (*pos < text.len && (text.ptr[*pos] == '-' || text.ptr[*pos] == '+')) (*pos)++;
    if (*pos == text.len) return false;
    int32_t value = 0;
    for (; *pos < text.len; (*pos)++) {
        if (!is_digit(text.ptr[*pos])) return false;
        if (value < 4 * EXP_MAX) value = value * 10 + (text.ptr[*pos] - '0');
    }
    d->exp += negative ? -value : value;
    return true;
}

hb_num_result hb_num_parse_f64(hb_str text, double *out) {
    decimal d;
    d.count = 0;
    d.more = false;
    d.negative = text.len > 0 && text.ptr[0] == '-';
    uint32_t pos = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
    if (decimal_digits(&d, text, &pos) == 0) return HB_NUM_BAD;
    if (!decimal_exponent(&d, text, &pos)) return HB_NUM_BAD;
    if (d.count == 0 || d.exp < -400) {
        *out = d.negative ? -0.0 : 0.0;
        return HB_NUM_OK;
    }
    if (d.exp > 400) return HB_NUM_RANGE;
    char json[DIGITS_MAX + 32];
    uint32_t len = 0;
    if (d.negative) json[len++] = '-';
    json[len++] = d.digits[0];
    json[len++] = '.';
    memcpy(json + len, d.digits + 1, d.count - 1);
    len += d.count - 1;
    json[len++] = d.more ? '1' : '0';
    json[len++] = 'e';
    json[len + hb_num_write_i64(d.exp - 1, json + len)] = '\0';
    yyjson_val val;
    memset(&val, 0, sizeof val);
    if (yyjson_read_number(json, &val, YYJSON_READ_NOFLAG, NULL, NULL) == NULL) {
        return HB_NUM_RANGE;
    }
    *out = yyjson_get_num(&val);
    return isfinite(*out) ? HB_NUM_OK : HB_NUM_RANGE;
}

static uint32_t digits_end(const char *text, uint32_t pos) {
    while (is_digit(text[pos])) {
        pos++;
    }
    return pos;
}

double hb_num_strtod(const char *text, char **end) {
    const uint32_t sign = text[0] == '-' || text[0] == '+' ? 1 : 0;
    uint32_t len = digits_end(text, sign);
    uint32_t digits = len - sign;
    if (text[len] == '.') {
        const uint32_t behind = digits_end(text, len + 1);
        digits += behind - len - 1;
        len = behind;
    }
    if (digits > 0 && (text[len] == 'e' || text[len] == 'E')) {
        const uint32_t first = len + (text[len + 1] == '-' || text[len + 1] == '+' ? 2 : 1);
        if (is_digit(text[first])) len = digits_end(text, first);
    }
    if (digits == 0) len = 0;
    double value = 0.0;
    if (len > 0 && hb_num_parse_f64(hb_str_n(text, len), &value) == HB_NUM_RANGE) {
        value = text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    }
    if (end != NULL) *end = (char *)(uintptr_t)text + len;
    return value;
}

/* Takes digits and exponent out of "[-]ddd.dddE[+-]dd" in whatever of its variants. */
static void decimal_from_printed(decimal *d, const char *text, size_t len) {
    const hb_str whole = hb_str_n(text, len);
    uint32_t pos = 0;
    d->count = 0;
    d->more = false;
    d->negative = len > 0 && text[0] == '-';
    if (d->negative) pos = 1;
    decimal_digits(d, whole, &pos);
    (void)decimal_exponent(d, whole, &pos);
    while (d->count > 1 && d->digits[d->count - 1] == '0') {
        d->count--;
    }
}

/* Python's repr: positional for 1e-4 <= |v| < 1e16, else scientific with two exponent digits. */
static uint32_t decimal_write(const decimal *d, char out[HB_NUM_TEXT_MAX]) {
    uint32_t len = 0;
    const int32_t exp = d->exp - 1;
    const int32_t count = (int32_t)d->count;
    if (d->negative) out[len++] = '-';
    if (exp < -4 || exp >= 16) {
        out[len++] = d->digits[0];
        if (count > 1) {
            out[len++] = '.';
            memcpy(out + len, d->digits + 1, d->count - 1);
            len += d->count - 1;
        }
        const int32_t power = exp < 0 ? -exp : exp;
        out[len++] = 'e';
        out[len++] = exp < 0 ? '-' : '+';
        if (power < 10) out[len++] = '0';
        return len + hb_num_write_i64(power, out + len);
    }
    if (exp < 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int32_t i = exp + 1; i < 0; i++) {
            out[len++] = '0';
        }
    }
    for (int32_t i = 0; i < count || i <= exp + 1; i++) {
        if (exp >= 0 && i == exp + 1) out[len++] = '.';
        if (exp < 0 && i >= count) break;
        out[len++] = i < count ? d->digits[i] : '0';
    }
    return len;
}

static uint32_t write_special(double value, char out[HB_NUM_TEXT_MAX]) {
    const char *text = isnan(value)     ? "nan"
                       : isinf(value)   ? (value < 0 ? "-inf" : "inf")
                       : value != 0.0   ? NULL
                       : signbit(value) ? "-0.0"
                                        : "0.0";
    if (text == NULL) return 0;
    const size_t len = strlen(text);
    memcpy(out, text, len);
    return (uint32_t)len;
}

uint32_t hb_num_write_f64(double value, char out[HB_NUM_TEXT_MAX]) {
    uint32_t len = write_special(value, out);
    if (len > 0) return len;
    if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
        len = hb_num_write_i64((int64_t)value, out);
        out[len++] = '.';
        out[len++] = '0';
        return len;
    }
    char text[HB_NUM_TEXT_MAX];
    const size_t text_len = hb_yyjson_write_f64(value, text);
    decimal d;
    decimal_from_printed(&d, text, text_len);
    return decimal_write(&d, out);
}

/* Rounds to `count` digits, halves to even, and drops zeros at the end. */
static void decimal_round(decimal *d, uint32_t count) {
    if (d->count > count) {
        const char *rest = d->digits + count;
        bool half = rest[0] == '5';
        for (uint32_t i = 1; i < d->count - count; i++) half = half && rest[i] == '0';
        bool up = half ? (d->digits[count - 1] & 1) != 0 : rest[0] >= '5';
        d->count = count;
        uint32_t at = count;
        while (up && at > 0) {
            at--;
            up = d->digits[at] == '9';
            d->digits[at] = up ? '0' : (char)(d->digits[at] + 1);
        }
        if (up) { /* 9.99 is 10.0 now: all digits are zeros */
            d->digits[0] = '1';
            d->exp++;
        }
    }
    while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

uint32_t hb_num_write_f32(float value, char out[HB_NUM_TEXT_MAX]) {
    uint32_t len = write_special((double)value, out);
    if (len > 0) return len;
    char text[HB_NUM_TEXT_MAX];
    decimal whole;
    decimal_from_printed(&whole, text, hb_yyjson_write_f64((double)value, text));
    /* Nine significant digits always suffice for a float32. */
    for (uint32_t digits = 6; digits <= 9; digits++) {
        decimal d = whole;
        decimal_round(&d, digits);
        len = decimal_write(&d, out);
        double back = 0.0;
        const hb_num_result result = hb_num_parse_f64(hb_str_n(out, len), &back);
        if (result == HB_NUM_OK && (float)back == value) break;
    }
    return len;
}

uint32_t hb_num_write_i64(int64_t value, char out[HB_NUM_TEXT_MAX]) {
    char digits[24];
    uint32_t count = 0;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    uint32_t len = 0;
    if (value < 0) out[len++] = '-';
    while (count > 0) {
        out[len++] = digits[--count];
    }
    return len;
}
