// SPDX-License-Identifier: MIT
/* The file of an exported workspace: the magic, then records, each with its own checksum.
 *
 *   file     "HBEXPORT", u32 version 1, u32 0, records
 *   record   u32 kind, u32 number (0, 1, 2, ...), u32 payload length, u32 CRC-32 over the twelve
 *            bytes before and the payload; payload, zero bytes up to a multiple of 8
 *   HEAD     MessagePack: {workspace, created_at (ms), version, preset, catalog}
 *   ENTITY   MessagePack: a portable definition
 *   ROWS     u32 length of the entity id, u32 0, the id, zero bytes up to a multiple of 8, then a
 *            batch in wire form whose first column is object_id
 *   END      MessagePack: {records, rows}; nothing follows
 * All integers are little-endian. A lost, repeated or moved record shows by its number, a cut file
 * by the missing END. */
#ifndef HB_VALUE_ARCHIVE_H
#define HB_VALUE_ARCHIVE_H

#include "base/buf.h"

#define HB_ARCHIVE_FILE_HEAD_LEN 16u
#define HB_ARCHIVE_RECORD_HEAD_LEN 16u

typedef enum hb_archive_kind {
    HB_ARCHIVE_HEAD = 1, HB_ARCHIVE_ENTITY = 2, HB_ARCHIVE_ROWS = 3, HB_ARCHIVE_END = 4
} hb_archive_kind;

typedef struct hb_archive_record {
    hb_archive_kind kind;
    uint32_t number;
    hb_str payload;             /* borrowed */
    uint32_t total_len;         /* bytes of the whole record, padding included */
} hb_archive_record;

void hb_archive_write_file_head(hb_buf *out);
/* CORRUPT when the bytes do not begin with a file head of this version. */
hb_status hb_archive_read_file_head(hb_str bytes, hb_err *err);

/* Begins a record in `out` (a multiple of 8 long); the payload is what is appended until its end,
 * which takes what begin gave. */
uint32_t hb_archive_begin(hb_archive_kind kind, uint32_t number, hb_buf *out);
void hb_archive_end(uint32_t begin, hb_buf *out);
/* The record at the start of `bytes`. CORRUPT when it is cut, not the `number`-th, of an unknown
 * kind, or not what was written. */
hb_status hb_archive_read(hb_str bytes, uint32_t number, hb_archive_record *out, hb_err *err);

#endif
