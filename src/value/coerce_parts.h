// SPDX-License-Identifier: MIT
/* What the files of coercion share: scalars (coerce.c), nested values (coerce_nested.c) and whole
 * columns (coerce_column.c). */
#ifndef HB_VALUE_COERCE_PARTS_H
#define HB_VALUE_COERCE_PARTS_H

#include "value/coerce.h"

/* What a value is, for messages: "text", "list", "a boolean" ... */
const char *hb_coerce_found(const hb_value *value);
/* A short sample of a text for messages, cut at a code point: at most 40 bytes. */
hb_str hb_coerce_sample(hb_str text);

/* Checks that a column can make without converting. All of them take well-formed input. */
bool hb_coerce_text_fits(const hb_type *type, hb_str text);     /* length, emptiness, membership */
bool hb_coerce_int_fits(const hb_type *type, int64_t value);    /* bounds, membership */
bool hb_coerce_floats_finite(const float *ptr, size_t count);
/* The error that goes with a text or an integer that does not fit. */
hb_status hb_coerce_text_error(const hb_type *type, hb_str text, hb_err *err);
hb_status hb_coerce_int_error(const hb_type *type, int64_t value, hb_err *err);
hb_status hb_coerce_dim_error(const hb_type *type, uint32_t dim, hb_err *err);
hb_status hb_coerce_finite_error(const hb_type *type, hb_err *err);

/* Array, Vector, Json, HyperG. */
hb_status hb_coerce_nested(const hb_type *type, const hb_value *in, hb_arena *arena,
                           hb_value *out, hb_err *err);
/* One MessagePack value is already in the form in which `type` stores it. */
bool hb_coerce_pack_fits(const hb_type *type, hb_str pack);

#endif
