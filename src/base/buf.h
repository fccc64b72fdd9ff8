// SPDX-License-Identifier: MIT
/* A growable byte buffer that owns its bytes. Failure is sticky: appends after a failed one do
 * nothing, and hb_buf_check reports it once at the end, so writers stay straight-line. */
#ifndef HB_BASE_BUF_H
#define HB_BASE_BUF_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

typedef struct hb_buf {
    const hb_mem *mem;
    char *ptr;
    uint32_t len;
    uint32_t cap;
    uint32_t max;       /* bytes; 0 means HB_BUF_BYTES_MAX */
    bool failed;        /* out of memory */
    bool over;          /* beyond max */
} hb_buf;

void hb_buf_init(hb_buf *buf, const hb_mem *mem);
void hb_buf_free(hb_buf *buf);
static inline void hb_buf_clear(hb_buf *buf) {
    buf->len = 0;
    buf->failed = false;
    buf->over = false;
}
bool hb_buf_reserve(hb_buf *buf, uint32_t more);    /* room for `more` further bytes */
void hb_buf_add(hb_buf *buf, const void *bytes, size_t len);
void hb_buf_add_str(hb_buf *buf, hb_str text);
void hb_buf_add_c(hb_buf *buf, const char *text);   /* C string */
void hb_buf_add_char(hb_buf *buf, char c);
void hb_buf_add_zero(hb_buf *buf, size_t len);
void hb_buf_align(hb_buf *buf, uint32_t align);     /* pads with zero bytes */
void hb_buf_printf(hb_buf *buf, const char *fmt, ...) HB_PRINTF(2, 3);
void hb_buf_add_i64(hb_buf *buf, int64_t value);    /* decimal */
void hb_buf_add_f64(hb_buf *buf, double value);     /* shortest round trip; "1.0" keeps its ".0" */
/* JSON string literal with quotes; non-ASCII kept raw. */
void hb_buf_add_json_str(hb_buf *buf, hb_str text);
hb_status hb_buf_check(const hb_buf *buf, hb_err *err);
static inline hb_str hb_buf_str(const hb_buf *buf) { return (hb_str){ buf->ptr, buf->len }; }
/* Moves the bytes out; the buffer is empty afterwards. The caller frees with mem, size *cap. */
char *hb_buf_take(hb_buf *buf, uint32_t *len, uint32_t *cap);

#endif
