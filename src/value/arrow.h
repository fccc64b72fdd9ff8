// SPDX-License-Identifier: MIT
/* A result as an Apache Arrow IPC stream (arrow.apache.org/docs/format/Columnar.html, metadata V5):
 * one schema message, one record batch, the end-of-stream mark. The flatbuffers of the two messages
 * are written here: the format's own C library needs a flatbuffers runtime larger than all of this.
 *
 *   texts, identifier, categorical   utf8               date        date32[day]
 *   integer, duration, int category  int64              timestamp   timestamp[s|ms|us, UTC]
 *   float, scores                    float64            boolean     bool
 *   vector(n)                        fixed_size_list<float32>[n];  vector: list<float32>
 *   array of a scalar type           list of that type  artifact    binary
 *   json, hyper-g, other arrays, values under a path    utf8 holding JSON (extension arrow.json)
 *   a column without any value and without a type       null */
#ifndef HB_VALUE_ARROW_H
#define HB_VALUE_ARROW_H

#include "base/buf.h"
#include "value/value.h"

/* Appends the stream to `out` (empty or 8-aligned). `tags`: what hb_wire_tag gives per column, or
 * NULL; `rows`: which rows in which order, NULL for all (then `row_count` is the batch's).
 * LIMIT when a column has 2 GiB or more, VALIDATION when a Json value is not finite. */
hb_status hb_arrow_write(const hb_batch *batch, const uint32_t *tags, const uint32_t *rows,
                         uint32_t row_count, hb_buf *out, hb_err *err);

#endif
