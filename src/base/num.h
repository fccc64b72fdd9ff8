// SPDX-License-Identifier: MIT
/* Numbers as text, locale-free and exact. */
#ifndef HB_BASE_NUM_H
#define HB_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

typedef enum hb_num_result { HB_NUM_OK, HB_NUM_BAD, HB_NUM_RANGE } hb_num_result;

/* Decimal integer with optional sign, the whole text. RANGE: well-formed but beyond 64 bits. */
hb_num_result hb_num_parse_i64(hb_str text, int64_t *out);
/* Decimal or scientific number, correctly rounded; no hex, no inf, no nan. */
hb_num_result hb_num_parse_f64(hb_str text, double *out);
/* As strtod on decimal text in the C locale. */
double hb_num_strtod(const char *text, char **end);
/* Shortest text that reads back equal; returns the length. "1.0", "1e+22" style as JSON allows;
 * inf and nan print as "inf", "-inf", "nan" (callers that write JSON must reject them before). */
#define HB_NUM_TEXT_MAX 40
uint32_t hb_num_write_f64(double value, char out[HB_NUM_TEXT_MAX]);
/* The same for a float32: shortest text that reads back as the same float32. */
uint32_t hb_num_write_f32(float value, char out[HB_NUM_TEXT_MAX]);
uint32_t hb_num_write_i64(int64_t value, char out[HB_NUM_TEXT_MAX]);

#endif
