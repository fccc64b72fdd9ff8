// SPDX-License-Identifier: MIT
/* Put before cJSON.c by the build (cmake/third_party.cmake): num.c reads its numbers, as exactly as
 * the C library does, and format.c writes its texts: that library's own reader and writer, with
 * their long doubles and streams, are then in no module. */
#ifndef HB_BASE_NUM_CJSON_H
#define HB_BASE_NUM_CJSON_H

#include <stdio.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/num.h"

#undef strtod
#define strtod hb_num_strtod
/* The one use: whether a printed number reads back. */
#undef sscanf
#define sscanf(text, form, out) (*(out) = hb_num_strtod((text), NULL), 1)

/* Its buffers are large enough for the longest number. */
static inline int hb_cjson_print(char *out, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const uint32_t len = hb_format_list(out, 64, fmt, args);
    va_end(args);
    return (int)len;
}
#undef sprintf
#define sprintf hb_cjson_print

#endif
