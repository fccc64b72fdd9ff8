// SPDX-License-Identifier: MIT
/* Rows as JSON text, a batch at a time: one object, an array of objects, or objects one after the
 * other (NDJSON). Memory is bounded by one batch, not by the input. */
#ifndef HB_WASI_COMMANDS_ROWS_READER_H
#define HB_WASI_COMMANDS_ROWS_READER_H

#include "wasi/cli.h"

typedef struct rows_reader {
    const hb_mem *mem;
    int fd;
    const char *path;
    bool eof, started, in_array, ended;
    hb_buf in;                  /* what was read; the next byte is at `pos` */
    uint32_t pos;
    uint64_t row_count;         /* rows given so far, over all batches */
    hb_buf packs;               /* the batch's rows as MessagePack, one after the other */
    hb_str *rows;               /* into packs; cap is the largest batch */
    uint32_t rows_max;
    hb_arena arena;             /* of the batch */
    struct rows_column *columns;
    uint32_t column_count, column_cap;
    hb_map by_name;
} rows_reader;

int rows_reader_open(rows_reader *r, cli *c, const char *path, uint32_t rows_max);
/* The next batch (row_count 0 at the end), valid until the next call. */
hb_status rows_reader_next(rows_reader *r, hb_batch *out, hb_err *err);
void rows_reader_close(rows_reader *r);

#endif
