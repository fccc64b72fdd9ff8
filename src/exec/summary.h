// SPDX-License-Identifier: MIT
/* What a column holds, told the way its kind calls for: a mapping of counts, extremes and
 * distributions over all values, not a sample. */
#ifndef HB_EXEC_SUMMARY_H
#define HB_EXEC_SUMMARY_H

#include "query/ir.h"
#include "value/pack.h"

/* Packs the summary of `count` values, none of them null, into `out` (cleared first). `per_second`
 * is the unit of numbers that are times, 0 where their size must tell. Texts are borrowed for the
 * call, scratch memory is the arena's. Errors: out of memory. */
hb_status hb_summary_write(const hb_value *values, uint32_t count, hb_summary_kind kind,
                           int64_t per_second, const hb_mem *mem, hb_arena *arena, hb_buf *out,
                           hb_err *err);

/* Appends a scalar as value_counts and summaries name it: a text as it is, "12", "1.5", "2.0",
 * "True", "False", "None", which is what the counts of HeavenBase for Python are keyed by. */
void hb_summary_name(const hb_value *value, hb_buf *out);

#endif
