// SPDX-License-Identifier: MIT
/* MessagePack (msgpack.org specification): the binary form of nested values, in memory, in rows
 * and across the boundary. Canonical output: shortest integer form, float64 for floats, str for
 * text, bin for bytes. Ext type 1 is a vector (float32, little-endian), ext type -1 the standard
 * timestamp. Readers check every length and depth (HB_VALUE_DEPTH_MAX). */
#ifndef HB_VALUE_PACK_H
#define HB_VALUE_PACK_H

#include "base/buf.h"
#include "value/value.h"

#define HB_PACK_EXT_VECTOR 1
#define HB_PACK_EXT_TIMESTAMP (-1)

typedef enum hb_pack_tag {
    HB_PACK_NIL, HB_PACK_BOOL, HB_PACK_INT, HB_PACK_UINT64 /* above INT64_MAX */, HB_PACK_FLOAT,
    HB_PACK_STR, HB_PACK_BIN, HB_PACK_ARRAY, HB_PACK_MAP, HB_PACK_EXT
} hb_pack_tag;

typedef struct hb_pack_item {
    hb_pack_tag tag;
    int8_t ext;             /* EXT: its type */
    bool b;
    int64_t i;
    uint64_t u;             /* UINT64 */
    double f;
    hb_str s;               /* STR, BIN, EXT payload: borrowed */
    uint32_t count;         /* ARRAY: items, MAP: pairs; they follow */
    hb_str raw;             /* scalar: its whole encoding; container: only the header */
} hb_pack_item;

typedef struct hb_pack_reader {
    const uint8_t *ptr;
    uint32_t len;
    uint32_t pos;
} hb_pack_reader;

hb_pack_reader hb_pack_read(hb_str bytes);
/* Next item (container: only its header is consumed); false at the end or on malformed bytes. */
bool hb_pack_next(hb_pack_reader *reader, hb_pack_item *item);
/* Consumes one whole value and gives its bytes; false when malformed or too deep. */
bool hb_pack_skip(hb_pack_reader *reader, hb_str *whole);
/* Exactly one well-formed value within the depth limit, UTF-8 checked? text is checked. */
bool hb_pack_valid(hb_str bytes);

void hb_pack_nil(hb_buf *out);
void hb_pack_bool(hb_buf *out, bool value);
void hb_pack_int(hb_buf *out, int64_t value);
void hb_pack_float(hb_buf *out, double value);
void hb_pack_str(hb_buf *out, hb_str text);
void hb_pack_bin(hb_buf *out, hb_str bytes);
void hb_pack_array(hb_buf *out, uint32_t count);
void hb_pack_map(hb_buf *out, uint32_t count);
void hb_pack_vector(hb_buf *out, const float *ptr, uint32_t len);
/* Any value; PACK is copied as it is. */
void hb_pack_value(hb_buf *out, const hb_value *value);

/* The item as a value: scalars by value, containers as PACK over the whole encoding, vectors
 * (ext 1) as VEC; `aligned` is arena space for vectors that are not 4-aligned in the bytes. */
hb_status hb_pack_to_value(hb_str bytes, hb_arena *aligned, hb_value *out, hb_err *err);

/* Follows `path` (object keys; a key that is a decimal number indexes an array) from `bytes`.
 * False when something on the way is missing. Borrowed. */
bool hb_pack_path(hb_str bytes, const hb_str *path, uint32_t path_len, hb_str *found);
/* Deep equality: key order is free, numbers compare by value (1 equals 1.0), bool is not a
 * number. */
bool hb_pack_eq(hb_str a, hb_str b);

/* Total order of two values: nil < bool < number < text < bytes < list < anything else; lists item
 * by
 * item, a shorter one first when it begins the longer. Mappings and vectors compare equal. */
int hb_pack_cmp(hb_str a, hb_str b);

/* JSON text <-> MessagePack. int64 stays exact; an integer beyond 64 bits becomes a float64.
 * Bytes become base64 text, vectors arrays. Non-finite floats are an error when writing. */
hb_status hb_pack_from_json(hb_str json, hb_buf *out, hb_err *err);
/* `indent` 0: compact; HB_JSON_ONE_LINE: with ", " and ": " as Python writes. Keys keep their
 * order; sorted when `sort_keys`. */
#define HB_JSON_ONE_LINE UINT32_MAX
hb_status hb_pack_to_json(hb_str bytes, uint32_t indent, bool sort_keys, hb_buf *out, hb_err *err);

#endif
