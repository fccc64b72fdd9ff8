// SPDX-License-Identifier: MIT
/* Base64 of RFC 4648 section 4, with padding. */
#ifndef HB_BASE_BASE64_H
#define HB_BASE_BASE64_H

#include "base/buf.h"
#include "base/mem.h"

void hb_base64_write(hb_str bytes, hb_buf *out);
/* Gives the bytes in `arena`; out->ptr NULL: memory ran out. False when `text` is no base64. */
bool hb_base64_read(hb_str text, hb_arena *arena, hb_str *out);

#endif
