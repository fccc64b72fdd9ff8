// SPDX-License-Identifier: MIT
/* One column of a store (store.h) taking in the cells of a batch. */
#ifndef HB_BACKENDS_INMEM_COLUMN_H
#define HB_BACKENDS_INMEM_COLUMN_H

#include "value/value.h"

#define INMEM_SLOTS_MAX 0x3fffffffu
#define INMEM_COMPACT_MIN 4096u     /* garbage bytes that are not worth rewriting a heap for */

/* What an array of `cap` elements grows to for `needed`: by an eighth, not by doubling. Rows are
 * most of the memory of an instance, and copying them costs little against making them. */
uint64_t inmem_grown(uint32_t cap, uint64_t needed);
/* Do its cells lie in its heap? */
bool inmem_column_is_spans(const hb_colbuf *column);
/* One column of the batch into the new slots: the first `reused` rows by number, then appended.
 * False: there is no memory, or the heap would be too large. */
bool inmem_column_write(hb_colbuf *column, const hb_column *in, const uint32_t *slots,
                        const uint32_t *rows, uint32_t reused, uint32_t count);
/* Before a heap grows it is rid of its garbage, if that is an eighth of it: so rows that replace
 * others find the room that those had. */
void inmem_column_tidy(hb_colbuf *column, const hb_column *in, uint32_t count);

#endif
