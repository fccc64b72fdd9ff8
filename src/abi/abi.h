// SPDX-License-Identifier: MIT
/* The WebAssembly boundary: few, coarse functions; arguments are handles, offsets and lengths.
 *
 * The host writes a call block into the exchange buffer and calls once; the core answers in the
 * reply block, whose address never changes. All integers little-endian, all addresses byte offsets
 * in linear memory. Bytes that a reply points to are valid until the next call into the module:
 * the host copies what it keeps. js/generated/abi.js is made from this header's structs by
 * scripts/make-abi.mjs through hb_abi_layout; a test fails when it is stale. */
#ifndef HB_ABI_ABI_H
#define HB_ABI_ABI_H

#include <stdint.h>

#define HB_ABI_VERSION 1u

typedef struct hb_abi_call {        /* at the start of the exchange buffer; 64 bytes */
    uint32_t kind;                  /* hb_call_kind */
    uint32_t entity;
    uint32_t flags;
    uint32_t prepared;
    double now_ms;
    uint32_t text_off, text_len;    /* offsets from the start of the exchange buffer */
    uint32_t params_off, params_len;
    /* wire form (value/wire.h), 8-aligned; or, when id_form is not 0, the bytes of one object_id */
    uint32_t batch_off, batch_len;
    uint32_t id_form;               /* 2: a FRAME comes in the row form, of its first row */
    uint32_t timeout_ms;            /* 0: none */
    uint32_t reserved[2];
} hb_abi_call;

typedef enum hb_abi_state {
    HB_ABI_DONE = 0,
    HB_ABI_OP = 1,
    HB_ABI_WAIT = 2,
    HB_ABI_FAILED = 3,
    HB_ABI_PAUSE = 4                /* the answer says how far it is; hb_task_go_on */
} hb_abi_state;

typedef struct hb_abi_reply {
    uint32_t state;                 /* hb_abi_state; also what the call returned */
    uint32_t task;                  /* OP, WAIT, PAUSE: the task's handle */
    uint32_t answer;                /* hb_answer_kind */
    uint32_t ptr, len;              /* FRAME: wire form; JSON: text */
    uint32_t total_known, truncated;
    uint32_t cursor_len;            /* FRAME: text that follows the wire form; 0: none */
    double total;
    /* FAILED: */
    uint32_t code;                  /* hb_status */
    uint32_t at;
    /* NUL-terminated UTF-8 */
    uint32_t entity_ptr, field_ptr, backend_ptr, native_ptr, message_ptr, detail_ptr;
    /* OP: one operation; */
    uint32_t op_id, op_kind;        /* hb_host_op_kind */
    uint32_t op_backend_ptr, op_backend_len;
    uint32_t op_method_ptr, op_method_len, op_url_ptr, op_url_len;
    uint32_t op_headers_ptr, op_headers_len;    /* MessagePack map of text to text */
    uint32_t op_body_ptr, op_body_len;          /* FETCH body, or SQL statements (MessagePack) */
    uint32_t op_flags;              /* 1: in transaction; 2: DELETE the URL when given up */
    uint32_t op_timeout_ms;
    uint32_t op_delay_ms, op_answer_max;
} hb_abi_reply;

/* Exports:
 *   u32  hb_abi_version(void)
 *   u32  hb_abi_layout(void)              -> address of NUL-terminated JSON: versions, codes,
 * offsets
 *   u32  hb_exchange(u32 size)            -> address of the exchange buffer, at least `size` bytes,
 *                                            8-aligned; its content survives until the next
 * hb_exchange
 *   u32  hb_reply_address(void)
 *   u32  hb_open(u32 options_len)         -> workspace handle; 0: failed, see the reply block
 *   void hb_close(u32 workspace)
 *   void hb_idle(u32 workspace)           the host has nothing to do: locks may be given back
 *   u32  hb_call(u32 workspace)           -> hb_abi_state; the call block is in the exchange
 * buffer.
 *                                            workspace 0 only for HB_CALL_CAPABILITIES.
 *   u32  hb_entity(u32 workspace, u32 len)-> entity index of the id in the exchange buffer, or
 * 2^32-1
 *   u32  hb_task_go_on(u32 task)          -> hb_abi_state (next operation, or the answer)
 *   u32  hb_task_take_reply(u32 task, u32 op_id, u32 failed, u32 status, u32 head_len, u32
 * body_len)
 *                                            exchange buffer: head (MessagePack map of texts:
 * headers;
 *                                            SQL: "affected"; failed: "message", "native"), padded
 * to 8,
 *                                            then body (SQL: a batch in wire form) -> hb_abi_state
 *   void hb_task_cancel(u32 task)
 *   u32  hb_arrow(u32 batch_len, u32 columns_off, u32 column_count, u32 rows_off, u32 row_count)
 *                                         -> hb_abi_state; exchange buffer: a batch in wire form,
 *                                            then u32 indexes of columns and, unless rows_off is
 *                                            0, of rows. The reply points to an Arrow IPC stream.
 * A task that is DONE or FAILED has been freed already. */

#endif
