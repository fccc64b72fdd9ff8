// SPDX-License-Identifier: MIT
/* The error record, in the caller's frame. Whoever detects a failure fills it once; everybody else
 * passes the status on with HB_TRY. It never holds a secret, SQL text or a bound value of a row
 * other than a short quoted sample of the offending one. */
#ifndef HB_BASE_ERR_H
#define HB_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

#define HB_AT_NONE UINT32_MAX

typedef struct hb_err {
    hb_status code;
    uint32_t at;        /* byte offset in the input, or HB_AT_NONE */
    char entity[72];    /* entity id, "" when none */
    char field[72];     /* field name, "" when none */
    char backend[40];   /* backend instance name, "" when none */
    char native[24];    /* the engine's own code (SQLSTATE, HTTP, SQLite); "" when none */
    char msg[400];      /* one sentence: what was found, what was expected */
    char path[200];     /* inside of the field, JSON steps from outside in: 2,"key",0; or "" */
    char detail[640];   /* JSON for programs, whole or ""; PARTIAL_WRITE: what is where */
} hb_err;

#define HB_TRY(expr)                            \
    do {                                        \
        hb_status hb_try_status = (expr);       \
        if (hb_try_status != HB_OK) {           \
            return hb_try_status;               \
        }                                       \
    } while (0)

#if defined(__GNUC__)
#define HB_PRINTF(fmt_index, arg_index) __attribute__((format(printf, fmt_index, arg_index)))
#else
#define HB_PRINTF(fmt_index, arg_index)
#endif

/* Clears the record: code OK, no text. */
void hb_err_init(hb_err *err);
/* Fills code and message (printf form; use %.*s with HB_ARG for hb_str) and returns `code`.
 * `err` may be NULL. Keeps entity, field and backend that an inner call already set in this record
 * only if hb_err_where is called afterwards; the record is reset first. */
hb_status hb_err_set(hb_err *err, hb_status code, const char *fmt, ...) HB_PRINTF(3, 4);
/* Adds where it happened; an empty string leaves the member as it is. Returns err->code. */
hb_status hb_err_where(hb_err *err, hb_str entity, hb_str field, hb_str backend);
/* The fault lies in the item, or in the member, of the value that is looked at now: whoever looks
 * at it says so on the way out. A path that has no room for its inner steps ends before them. */
void hb_err_in_item(hb_err *err, uint32_t index);
void hb_err_in_member(hb_err *err, hb_str key);
/* Shorthand for HB_E_MEMORY. */
hb_status hb_err_memory(hb_err *err);
/* Appends "; did you mean 'x'?" when one of `options` is close to `word` (edit distance at most
 * a third of its length), and then the options as "; expected one of: a, b, c" when at most 24. */
hb_status hb_err_hint(hb_err *err, hb_str word, const hb_str *options, size_t option_count);

/* Our own bugs; stays on in release builds and traps. */
#define HB_ASSERT(cond) ((cond) ? (void)0 : hb_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void hb_assert_failed(const char *cond, const char *file, int line);

#endif
