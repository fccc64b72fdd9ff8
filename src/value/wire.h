// SPDX-License-Identifier: MIT
/* The binary form of a batch: what crosses between host and core, both ways.
 *
 * Little-endian, version 1, every section 8-aligned, offsets relative to the batch start:
 *   header   32 bytes: u32 magic "HBB1", u32 byte_len, u32 row_count, u32 column_count,
 *                      u32 columns_off, u32 flags (0), u32 total (rows before paging), u32 0
 *   columns  40 bytes each, at columns_off: u32 name_off, u32 name_len, u32 kind, u32 dim,
 *                      u32 state_off (0: all cells are values), u32 data_off, u32 data_len,
 *                      u32 heap_off, u32 heap_len, u32 role
 *   state    u8 per row (hb_cell); data: u8 BOOL, i64, f64, float32 * dim, or spans {u32 off, u32
 *            len} relative to heap_off; KIND_NULL has no data.
 *
 * The row form, of one row alone, without names and roles:
 *   header   16 bytes: u32 magic "HBR1", u32 column_count (0: there is no such row), u32 texts_off,
 *                      u32 texts_len: where the texts of all columns lie, one after the other
 *   cells    16 bytes each: u32 kind (KIND_NULL: no value), u32 len (bytes of TEXT, BYTES and PACK,
 *                      components of VEC), then the value: i64, f64, u32 BOOL, or u32 off
 * Vectors are 8-aligned.
 *
 * role, low byte: 0 field, 1 identity, 2 metadata (score and the like); above it the tag of the
 * logical type (hb_wire_tag), 0 when it has none. */
#ifndef HB_VALUE_WIRE_H
#define HB_VALUE_WIRE_H

#include "base/buf.h"
#include "value/type.h"
#include "value/value.h"

#define HB_WIRE_MAGIC 0x31424248u   /* "HBB1" */
#define HB_WIRE_HEADER_LEN 32u
#define HB_WIRE_COLUMN_LEN 40u
#define HB_WIRE_ROW_MAGIC 0x31524248u   /* "HBR1" */
#define HB_WIRE_ROW_LEN 16u             /* of the row form's header, and of each cell */

typedef enum hb_wire_role {
    HB_ROLE_FIELD = 0,
    HB_ROLE_IDENTITY = 1,
    HB_ROLE_METADATA = 2
} hb_wire_role;

/* Checks everything (lengths, spans, UTF-8 of TEXT, MessagePack of PACK, alignment) and gives a
 * view over `bytes`, whose columns array is made in `arena`. `bytes.ptr` must be 8-aligned. */
hb_status hb_wire_read(hb_str bytes, hb_arena *arena, hb_batch *out, hb_err *err);
/* Appends the batch to `out` (which must be empty or 8-aligned). `roles` may be NULL. */
void hb_wire_write(const hb_batch *batch, const uint8_t *roles, uint32_t total, hb_buf *out);
/* The same of some rows of the columns: `rows` has batch->row_count of their numbers; NULL: all, in
 * order. `tags` are those of the columns' types; NULL: none. The heaps of TEXT columns lie one
 * after the other at the end. */
void hb_wire_write_rows(const hb_batch *batch, const uint32_t *rows, const uint8_t *roles,
                        const uint32_t *tags, uint32_t total, hb_buf *out);

/* Appends the row form of the batch's first row to `out`, which must be empty or 8-aligned; `rows`
 * as above. */
void hb_wire_write_row(const hb_batch *batch, const uint32_t *rows, hb_buf *out);

/* What a reader of rows must know of a logical type, in the three upper bytes: its id + 1; the unit
 * of a timestamp, or id + 1 of an array's items; the unit of timestamps in an array. */
uint32_t hb_wire_tag(const hb_type *type);
/* False for 0: a column without a logical type. */
bool hb_wire_tag_type(uint32_t tag, hb_type_id *out);
/* The tags in a batch that hb_wire_read accepted; `out` has room for every column. */
void hb_wire_tags(hb_str bytes, uint32_t *out);

#endif
