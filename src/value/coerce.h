// SPDX-License-Identifier: MIT
/* Validation and coercion of values to logical types: the one place that decides what a field
 * accepts. Errors are HB_E_VALIDATION (or HB_E_TYPE for a wrong shape) with found and expected.
 *
 * Corrections over the reference (design D5, D6, D8, D10): null in a required field, non-finite
 * numbers in vectors and floats, integers and timestamps out of range are errors; booleans, lists
 * and objects are not text; a number given for a text becomes its decimal text; any JSON value,
 * bare strings too, is a Json value. */
#ifndef HB_VALUE_COERCE_H
#define HB_VALUE_COERCE_H

#include "value/time.h"
#include "value/type.h"

/* One non-null value to `type`. Texts and packs may be borrowed from `in` or made in `arena`. The
 * result is KIND_NULL for the words that mean null to a Boolean ("null", "none", "nil", "nan",
 * "na") and for a PACK that holds nil: a caller that requires a value checks afterwards. */
hb_status hb_coerce_value(const hb_type *type, const hb_value *in, hb_arena *arena,
                          hb_value *out, hb_err *err);
/* A whole input column (any kind; PACK columns hold one MessagePack value per cell, where
 * timestamps are ext -1, bytes bin, vectors ext 1 or arrays) to the physical kind of `type`.
 * NULL and ABSENT cells keep their state, and a value may become NULL as above. A column without
 * any value has data NULL and an explicit state. A Vector of any length keeps the dimension that
 * the input column has. When nothing has to change, `out` is a view of `in`
 * itself; otherwise the column is built in `arena`. On error *bad_row is the failing row. */
hb_status hb_coerce_column(const hb_type *type, const hb_column *in, uint32_t row_count,
                           hb_arena *arena, hb_column *out, uint32_t *bad_row, hb_err *err);

#endif
