// SPDX-License-Identifier: MIT
#include "eval/total.h"

#include <math.h>

void hb_total_add(hb_total *total, const hb_value *value) {
    if (value->kind == HB_KIND_I64) {
        const uint64_t low = total->low + (uint64_t)value->as.i;
        total->high += (value->as.i < 0 ? -1 : 0) + (low < total->low ? 1 : 0);
        total->low = low;
        total->count++;
    } else if (value->kind == HB_KIND_F64) {
        const double sum = total->sum + value->as.f;
        const bool larger = fabs(total->sum) >= fabs(value->as.f);
        total->rest += larger ? total->sum - sum + value->as.f : value->as.f - sum + total->sum;
        total->sum = sum;
        total->floats = true;
        total->count++;
    }
}

/* *high:*low times ten plus `digit`; false when that is beyond 127 bits. */
static bool append_digit(uint64_t *high, uint64_t *low, uint64_t digit) {
    const uint64_t lower = (*low & UINT32_MAX) * 10 + digit;
    const uint64_t upper = (*low >> 32) * 10 + (lower >> 32);
    if (*high > (uint64_t)INT64_MAX / 10 - 1) return false;
    *high = *high * 10 + (upper >> 32);
    *low = upper << 32 | (lower & UINT32_MAX);
    return true;
}

bool hb_total_parse(hb_total *total, hb_str digits) {
    const bool negative = digits.len > 0 && digits.ptr[0] == '-';
    uint64_t high = 0, low = 0;
    if (digits.len == (negative ? 1 : 0)) return false;
    for (uint32_t i = negative ? 1 : 0; i < digits.len; i++) {
        const char c = digits.ptr[i];
        if (c < '0' || c > '9' || !append_digit(&high, &low, (uint64_t)(c - '0'))) return false;
    }
    total->low = negative ? 0 - low : low;
    total->high = (int64_t)(negative ? ~high + (low == 0 ? 1 : 0) : high);
    return true;
}

static bool fits(const hb_total *total) {
    return total->high == ((int64_t)total->low < 0 ? -1 : 0);
}

double hb_total_float(const hb_total *total) {
    const double whole = fits(total)
                             ? (double)(int64_t)total->low
                             : (double)total->high * 18446744073709551616.0 + (double)total->low;
    return whole + (total->sum + total->rest);
}

hb_status hb_total_result(const hb_total *total, bool average, hb_str entity, hb_str name,
                          hb_value *out, hb_err *err) {
    *out = (hb_value){ .kind = HB_KIND_NULL };
    if (total->count == 0) return HB_OK;
    const bool whole = !average && !total->floats;
    const double number = hb_total_float(total);
    if (whole ? !fits(total) : !isfinite(number)) {
        hb_err_set(err, HB_E_LIMIT, "the sum of '%.*s' is beyond %s", HB_ARG(name),
                   whole ? "64 bits" : "the range of floats");
        return hb_err_where(err, entity, name, HB_STR_EMPTY);
    }
    if (whole) {
        *out = (hb_value){ HB_KIND_I64, { .i = (int64_t)total->low } };
    } else {
        *out = (hb_value){ HB_KIND_F64, { .f = average ? number / (double)total->count : number } };
    }
    return HB_OK;
}
