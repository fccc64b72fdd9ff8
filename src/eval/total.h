// SPDX-License-Identifier: MIT
/* The sum of numbers, the same on every backend and in every order of integers: those add up in
 * 128 bits, floats with compensation (Neumaier 1974). All zeros is the sum of nothing. */
#ifndef HB_EVAL_TOTAL_H
#define HB_EVAL_TOTAL_H

#include "value/value.h"

typedef struct hb_total {
    int64_t high;                   /* of integers */
    uint64_t low;
    double sum, rest;               /* of floats */
    uint64_t count;
    bool floats;                    /* there were some */
} hb_total;

/* Other kinds than I64 and F64 are passed over. */
void hb_total_add(hb_total *total, const hb_value *value);
/* Takes an integer in decimal digits as the sum of all; false: it is none or beyond 128 bits. */
bool hb_total_parse(hb_total *total, hb_str digits);
double hb_total_float(const hb_total *total);
/* The sum, or the average: null of nothing. LIMIT when an integer is beyond 64 bits or a float
 * infinite; `entity` and `name` say where. */
hb_status hb_total_result(const hb_total *total, bool average, hb_str entity, hb_str name,
                          hb_value *out, hb_err *err);

#endif
