// SPDX-License-Identifier: MIT
/* printf's forms as far as we use them, without the C library's: no locale, no streams, and a tenth
 * of the code. %s %c %d %i %u %x %% with 0, width, precision (of %s), l, ll and z; %g is the
 * shortest text that reads back equal, "1" for 1.0. Anything else is a defect. */
#ifndef HB_BASE_FORMAT_H
#define HB_BASE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* As vsnprintf: at most cap - 1 bytes and a NUL; returns the length of the whole text. */
uint32_t hb_format_list(char *out, size_t cap, const char *fmt, va_list args);
uint32_t hb_format(char *out, size_t cap, const char *fmt, ...) HB_PRINTF(3, 4);

#endif
