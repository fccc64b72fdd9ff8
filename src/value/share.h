// SPDX-License-Identifier: MIT
/* Columns of which equal values share their bytes: what value.c asks for. */
#ifndef HB_VALUE_SHARE_H
#define HB_VALUE_SHARE_H

#include "value/value.h"

/* One more holder of a value that is there: *out. False: nobody holds it, or it is empty. */
bool hb_share_take(hb_colbuf *col, hb_str bytes, hb_span *out);
/* Room to note one more value; false when out of memory. */
bool hb_share_reserve(hb_colbuf *col);
/* Notes a value that has just come into the heap, with one holder. */
void hb_share_add(hb_colbuf *col, hb_span span);
/* One holder less; true: that was the last one, the bytes are garbage. */
bool hb_share_drop(hb_colbuf *col, hb_span span);
/* Copies what is held to `heap` and turns all rows over to it; gives its length. */
uint32_t hb_share_move(hb_colbuf *col, uint8_t *heap);
void hb_share_free(hb_colbuf *col);

#endif
