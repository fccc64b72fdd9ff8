// SPDX-License-Identifier: MIT
/* What type.c and type_parse.c share: the tables behind the logical types. */
#ifndef HB_VALUE_TYPE_TABLE_H
#define HB_VALUE_TYPE_TABLE_H

#include "value/type.h"

/* Which keys a type's descriptor has besides "type". */
enum {
    HAS_CHARS = 1, HAS_TARGET = 2, HAS_VALUES = 4, HAS_TIME = 8, HAS_ITEM = 16, HAS_DIM = 32,
    HAS_FIELDS = 64
};

uint32_t hb_type_keys(hb_type_id id);
uint32_t hb_type_max_chars(hb_type_id id);      /* default length, 0 for types without one */
hb_str hb_time_unit_name(hb_time_unit unit);    /* "s", "ms", "us" */
int64_t hb_time_unit_max(hb_time_unit unit);    /* 9999-12-31T23:59:59 */

#endif
