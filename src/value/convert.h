// SPDX-License-Identifier: MIT
/* Stored values as values of another type: what alterEntity does to the rows of a field whose type
 * changes. Stricter than coercion of input, which may round: here nothing may be lost. */
#ifndef HB_VALUE_CONVERT_H
#define HB_VALUE_CONVERT_H

#include "value/coerce.h"

/* Appends a column of type `from` to `out`, a column of the kind of `to`. Nulls stay nulls.
 * VALIDATION when a value has no equal in the new type; *bad_row is its row then. */
hb_status hb_convert_column(const hb_type *from, const hb_type *to, const hb_column *in,
                            uint32_t row_count, hb_colbuf *out, uint32_t *bad_row, hb_err *err);

#endif
