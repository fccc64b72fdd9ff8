// SPDX-License-Identifier: MIT
/* JSON in C literals without a thicket of backslashes: tables write 'text' and mean "text". */
#ifndef HB_TESTS_UNIT_VALUE_QUOTED_H
#define HB_TESTS_UNIT_VALUE_QUOTED_H

#include "value/pack.h"

/* Appends `text` with every ' replaced by ". */
static inline void quoted_json(const char *text, hb_buf *out) {
    for (const char *at = text; *at != '\0'; at++) {
        hb_buf_add_char(out, *at == '\'' ? '"' : *at);
    }
}

/* Appends the MessagePack of such a text. */
static inline hb_status quoted_pack(const char *text, hb_buf *out, hb_err *err) {
    hb_buf json;
    hb_buf_init(&json, hb_mem_default());
    quoted_json(text, &json);
    const hb_status status = hb_pack_from_json(hb_buf_str(&json), out, err);
    hb_buf_free(&json);
    return status;
}

#endif
