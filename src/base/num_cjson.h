// SPDX-License-Identifier: MIT
/* Put before cJSON.c by the build (cmake/third_party.cmake): num.c reads its numbers, as exactly as
 * the C library does, and spares the module that library's own reader with its long doubles. */
#ifndef HB_BASE_NUM_CJSON_H
#define HB_BASE_NUM_CJSON_H

#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

#undef strtod
#define strtod hb_num_strtod
/* The one use: whether a printed number reads back. */
#undef sscanf
#define sscanf(text, form, out) (*(out) = hb_num_strtod((text), NULL), 1)

#endif
