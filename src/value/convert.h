// SPDX-License-Identifier: MIT
/* Stored values as values of another type: what becomes of the rows of a field whose type changes.
 * For alterEntity nothing may be lost, which is stricter than coercion of input; a definition that
 * is replaced takes what coercion makes of them. */
#ifndef HB_VALUE_CONVERT_H
#define HB_VALUE_CONVERT_H

#include "value/coerce.h"

typedef enum hb_convert_how {
    HB_CONVERT_EXACT,           /* a value without an equal in the new type is refused */
    HB_CONVERT_AS_INPUT         /* as if it were written anew; what is refused there becomes null */
} hb_convert_how;

/* Appends a column of type `from` to `out`, a column of the kind of `to`. Nulls stay nulls. A
 * timestamp stays the same time, whatever its unit. VALIDATION when a value is refused; *bad_row is
 * its row then. */
hb_status hb_convert_column(const hb_type *from, const hb_type *to, hb_convert_how how,
                            const hb_column *in, uint32_t row_count, hb_colbuf *out,
                            uint32_t *bad_row, hb_err *err);

#endif
