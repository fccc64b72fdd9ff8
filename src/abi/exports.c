// SPDX-License-Identifier: MIT
/* The exported functions, and the only state that the module keeps: the exchange buffer, the reply
 * block, the bytes of the last answer and the tables of handles. A task that outlives its call
 * takes the exchange buffer with it, since its request points there; nothing is copied for that. */
#include "abi/abi.h"

#include <emscripten.h>

#include "abi/export.h"
#include "base/limits.h"
#include "base/num.h"
#include "hb.h"
#include "value/arrow.h"
#include "value/pack.h"
#include "value/wire.h"
#include "workspace/workspace.h"

#define KEPT_BYTES_MAX (4u << 20)   /* larger buffers are given back after use */

typedef struct byte_block {
    char *ptr;                      /* owned */
    uint32_t cap;
} byte_block;

/* One call: what its request borrows lives here. */
typedef struct call_frame {
    hb_task *task;
    hb_arena arena;                 /* the batch's column views, and all of the task's */
    byte_block exchange;            /* moved here when the task outlives the call */
    hb_column id_column;
    hb_span id_span;
    bool as_row;                    /* the answer is to be in the row form */
} call_frame;

typedef struct handle_table {       /* handle - 1 -> pointer; NULL is free */
    void **items;
    uint32_t cap;
} handle_table;

static struct {
    handle_table workspaces, tasks;
    call_frame *spare;              /* the frame of the last finished call */
    byte_block exchange;
    hb_buf out;                     /* answer or request headers that the reply block points to */
    hb_abi_reply reply;
    hb_err err;
    double ahead_ms;                /* of the wall clock before the monotonic one, at its most */
    double slept_ms;
} module;

static const hb_mem *memory(void) {
    return hb_mem_default();
}

/* performance.now() of the host, which stands still while a machine sleeps, and what the wall clock
 * has gained on it since. */
static int64_t host_now_ms(void *ctx) {
    (void)ctx;
    return (int64_t)(emscripten_get_now() + module.slept_ms);
}

/* Seen when a call begins. A clock that is set back takes nothing away. */
static void note_sleep(double wall_ms) {
    double ahead_ms = wall_ms - emscripten_get_now();
    if (module.ahead_ms > 0 && ahead_ms > module.ahead_ms) {
        module.slept_ms += ahead_ms - module.ahead_ms;
    }
    if (ahead_ms > module.ahead_ms) module.ahead_ms = ahead_ms;
}

static const hb_clock host_clock = { host_now_ms, NULL };

static hb_host host(void) {
    hb_host lent = { .mem = memory(), .clock = &host_clock };
#if HB_WITH_FILES
    lent.fs = hb_fs_posix();
#endif
    return lent;
}

static uint32_t address(const void *ptr) {
    return (uint32_t)(uintptr_t)ptr;
}

/* ---- handles --------------------------------------------------------------------------- */

static uint32_t handle_add(handle_table *table, void *item) {
    uint32_t index = 0;
    while (index < table->cap && table->items[index] != NULL) {
        index++;
    }
    if (index == table->cap) {
        uint32_t cap = table->cap == 0 ? 16 : table->cap * 2;
        void **items = hb_mem_realloc(memory(), table->items, table->cap * sizeof(*items),
                                      cap * sizeof(*items));
        if (items == NULL) return 0;
        memset(items + table->cap, 0, (cap - table->cap) * sizeof(*items));
        table->items = items;
        table->cap = cap;
    }
    table->items[index] = item;
    return index + 1;
}

static void *handle_at(const handle_table *table, uint32_t handle) {
    return handle > 0 && handle <= table->cap ? table->items[handle - 1] : NULL;
}

static void *handle_remove(handle_table *table, uint32_t handle) {
    void *item = handle_at(table, handle);
    if (item != NULL) table->items[handle - 1] = NULL;
    return item;
}

/* ---- call frames ----------------------------------------------------------------------- */

static call_frame *frame_new(void) {
    call_frame *frame = module.spare;
    module.spare = NULL;
    if (frame != NULL) return frame;
    frame = hb_mem_zalloc(memory(), sizeof(*frame));
    if (frame != NULL) hb_arena_init(&frame->arena, memory());
    return frame;
}

/* Frees the task and keeps one frame for the next call. */
static void frame_end(call_frame *frame) {
    if (frame->task != NULL) hb_task_free(frame->task);
    hb_mem_free(memory(), frame->exchange.ptr, frame->exchange.cap);
    if (module.spare != NULL || frame->arena.used_bytes > KEPT_BYTES_MAX) {
        hb_arena_free(&frame->arena);
        hb_mem_free(memory(), frame, sizeof(*frame));
        return;
    }
    hb_arena_reset(&frame->arena);
    *frame = (call_frame){ .arena = frame->arena };
    module.spare = frame;
}

/* ---- replies --------------------------------------------------------------------------- */

static void reply_reset(void) {
    if (module.out.mem == NULL) hb_buf_init(&module.out, memory());
    if (module.out.cap > KEPT_BYTES_MAX) hb_buf_free(&module.out);
    hb_buf_clear(&module.out);
    module.reply = (hb_abi_reply){ .at = HB_AT_NONE };
}

static uint32_t reply_failed(void) {
    const hb_err *err = &module.err;
    module.reply = (hb_abi_reply){
        .state = HB_ABI_FAILED,
        .code = (uint32_t)err->code,
        .at = err->at,
        .entity_ptr = address(err->entity),
        .field_ptr = address(err->field),
        .backend_ptr = address(err->backend),
        .native_ptr = address(err->native),
        .message_ptr = address(err->msg),
        .detail_ptr = address(err->detail),
    };
    return HB_ABI_FAILED;
}

static void reply_frame(const hb_answer *answer) {
    hb_abi_reply *reply = &module.reply;
    uint32_t total = answer->total > UINT32_MAX ? UINT32_MAX : (uint32_t)answer->total;
    hb_wire_write_rows(&answer->batch, answer->rows, answer->roles, answer->tags, total,
                       &module.out);
    reply->total_known = answer->total_known;
    reply->truncated = answer->truncated;
    reply->total = (double)answer->total;
    reply->cursor_len = answer->cursor.len;
    hb_buf_add_str(&module.out, answer->cursor);
}

static uint32_t reply_answer(const hb_answer *answer, bool as_row) {
    hb_abi_reply *reply = &module.reply;
    hb_answer_kind kind = answer != NULL ? answer->kind : HB_ANSWER_NONE;
    if (kind == HB_ANSWER_FRAME && as_row) {
        hb_wire_write_row(&answer->batch, answer->rows, &module.out);
    } else if (kind == HB_ANSWER_FRAME) {
        reply_frame(answer);
    } else if (kind == HB_ANSWER_JSON || kind == HB_ANSWER_BYTES) {
        hb_buf_add_str(&module.out, answer->json);
    }
    if (hb_buf_check(&module.out, &module.err) != HB_OK) return reply_failed();
    reply->state = HB_ABI_DONE;
    reply->answer = (uint32_t)kind;
    reply->ptr = address(module.out.ptr);
    reply->len = module.out.len - reply->cursor_len;
    return HB_ABI_DONE;
}

static uint32_t reply_pause(const hb_answer *answer) {
    if (reply_answer(answer, false) == HB_ABI_FAILED) return HB_ABI_FAILED;
    module.reply.state = HB_ABI_PAUSE;
    return HB_ABI_PAUSE;
}

static uint32_t reply_op(const hb_host_op *op) {
    hb_abi_reply *reply = &module.reply;
    hb_pack_map(&module.out, op->header_count);
    for (uint32_t i = 0; i < op->header_count; i++) {
        hb_pack_str(&module.out, op->headers[i].name);
        hb_pack_str(&module.out, op->headers[i].value);
    }
    if (hb_buf_check(&module.out, &module.err) != HB_OK) return reply_failed();
    hb_str body = op->kind == HB_HOST_SQL ? op->statements : op->body;
    reply->state = HB_ABI_OP;
    reply->op_id = op->id;
    reply->op_kind = (uint32_t)op->kind;
    reply->op_backend_ptr = address(op->backend.ptr);
    reply->op_backend_len = op->backend.len;
    reply->op_method_ptr = address(op->method.ptr);
    reply->op_method_len = op->method.len;
    reply->op_url_ptr = address(op->url.ptr);
    reply->op_url_len = op->url.len;
    reply->op_headers_ptr = address(module.out.ptr);
    reply->op_headers_len = module.out.len;
    reply->op_body_ptr = address(body.ptr);
    reply->op_body_len = body.len;
    reply->op_flags = (op->in_transaction ? 1u : 0u) | (op->undo ? 2u : 0u);
    reply->op_timeout_ms = op->timeout_ms;
    reply->op_delay_ms = op->delay_ms;
    reply->op_answer_max = op->answer_max;
    return HB_ABI_OP;
}

/* One step of a task and its answer in the reply block; DONE and FAILED end the frame. `handle` is
 * 0 until the task has outlived its call. */
static uint32_t frame_step(call_frame *frame, uint32_t handle) {
    hb_step step;
    hb_status status = hb_task_step(frame->task, &step, &module.err);
    uint32_t state;
    if (status != HB_OK) {
        state = reply_failed();
    } else if (step.kind == HB_STEP_DONE) {
        state = reply_answer(hb_task_answer(frame->task), frame->as_row);
    } else {
        if (handle == 0) {
            handle = handle_add(&module.tasks, frame);
            if (handle == 0) {
                hb_err_memory(&module.err);
                frame_end(frame);
                return reply_failed();
            }
            frame->exchange = module.exchange;
            module.exchange = (byte_block){ NULL, 0 };
        }
        module.reply.state = HB_ABI_WAIT;
        state = step.kind == HB_STEP_OP      ? reply_op(step.op)
                : step.kind == HB_STEP_PAUSE ? reply_pause(hb_task_answer(frame->task))
                                             : HB_ABI_WAIT;
        if (state != HB_ABI_FAILED) {
            module.reply.task = handle;
            return state;
        }
    }
    if (handle != 0) handle_remove(&module.tasks, handle);
    frame_end(frame);
    return state;
}

/* ---- the exchange buffer --------------------------------------------------------------- */

HB_EXPORT(hb_exchange) uint32_t hb_exchange(uint32_t size);
uint32_t hb_exchange(uint32_t size) {
    byte_block *block = &module.exchange;
    bool oversized = block->cap > KEPT_BYTES_MAX && size <= KEPT_BYTES_MAX / 4;
    if (size > block->cap || block->ptr == NULL || oversized) {
        uint32_t cap = size < 4096 ? 4096 : size;
        char *ptr = hb_mem_realloc(memory(), block->ptr, block->cap, cap);
        if (ptr == NULL) return 0;
        *block = (byte_block){ ptr, cap };
    }
    return address(block->ptr);
}

HB_EXPORT(hb_reply_address) uint32_t hb_reply_address(void);
uint32_t hb_reply_address(void) {
    return address(&module.reply);
}

/* A part of the exchange buffer, or an error when it reaches beyond. */
static hb_status exchange_part(uint32_t off, uint32_t len, hb_str *out) {
    if (len == 0) {
        *out = HB_STR_EMPTY;
        return HB_OK;
    }
    if (off > module.exchange.cap || len > module.exchange.cap - off) {
        return hb_err_set(&module.err, HB_E_INTERNAL,
                          "the call block points outside the exchange buffer");
    }
    *out = hb_str_n(module.exchange.ptr + off, len);
    return HB_OK;
}

/* ---- workspaces ------------------------------------------------------------------------ */

HB_EXPORT(hb_open) uint32_t hb_open(uint32_t options_len);
uint32_t hb_open(uint32_t options_len) {
    reply_reset();
    hb_err_init(&module.err);
    hb_str options;
    hb_workspace *workspace = NULL;
    hb_status status = exchange_part(0, options_len, &options);
    const hb_host lent = host();
    if (status == HB_OK) status = hb_workspace_open_on(options, &lent, &workspace, &module.err);
    uint32_t handle = status == HB_OK ? handle_add(&module.workspaces, workspace) : 0;
    if (handle == 0) {
        if (workspace != NULL) {
            hb_workspace_close(workspace);
            hb_err_memory(&module.err);
        }
        reply_failed();
    }
    return handle;
}

HB_EXPORT(hb_close) void hb_close(uint32_t handle);
void hb_close(uint32_t handle) {
    hb_workspace *workspace = handle_remove(&module.workspaces, handle);
    if (workspace != NULL) hb_workspace_close(workspace);
}

HB_EXPORT(hb_idle) void hb_idle(uint32_t handle);
void hb_idle(uint32_t handle) {
    hb_workspace *workspace = handle_at(&module.workspaces, handle);
    if (workspace != NULL) hb_workspace_idle(workspace);
}

HB_EXPORT(hb_entity) uint32_t hb_entity_index(uint32_t handle, uint32_t len);
uint32_t hb_entity_index(uint32_t handle, uint32_t len) {
    reply_reset();
    hb_err_init(&module.err);
    const hb_workspace *workspace = handle_at(&module.workspaces, handle);
    hb_str id;
    hb_entity *entity;
    hb_status status = workspace != NULL
                           ? exchange_part(0, len, &id)
                           : hb_err_set(&module.err, HB_E_CLOSED, "the workspace is closed");
    if (status == HB_OK) status = hb_entity_by_id(workspace, id, &entity, &module.err);
    if (status == HB_OK) return entity->index;
    reply_failed();
    return HB_ENTITY_NONE;
}

/* ---- calls ----------------------------------------------------------------------------- */

static hb_status read_batch(call_frame *frame, const hb_abi_call *call, hb_batch *out) {
    hb_str bytes;
    HB_TRY(exchange_part(call->batch_off, call->batch_len, &bytes));
    if (call->id_form != 0) {
        frame->as_row = call->id_form == 2;
        if (!hb_utf8_valid(bytes)) {
            return hb_err_set(&module.err, HB_E_INVALID_ID, "the object_id is not valid UTF-8");
        }
        frame->id_span = (hb_span){ 0, bytes.len };
        frame->id_column = (hb_column){ .name = HB_STR("object_id"),
                                        .kind = HB_KIND_TEXT,
                                        .data = &frame->id_span,
                                        .heap = (const uint8_t *)bytes.ptr,
                                        .heap_len = bytes.len };
        *out = (hb_batch){ 1, 1, &frame->id_column };
        return HB_OK;
    }
    if (bytes.len == 0) return HB_OK;
    if (((uintptr_t)bytes.ptr & 7) != 0) {
        return hb_err_set(&module.err, HB_E_INTERNAL, "the batch is not 8-aligned");
    }
    return hb_wire_read(bytes, &frame->arena, out, &module.err);
}

static hb_status start_call(call_frame *frame, hb_workspace *workspace) {
    hb_str block;
    hb_abi_call call;
    HB_TRY(exchange_part(0, sizeof call, &block));
    memcpy(&call, block.ptr, sizeof call);
    hb_request request = { .kind = (hb_call_kind)call.kind,
                           .entity = call.entity,
                           .flags = call.flags,
                           .prepared = call.prepared,
                           .now_ms = (int64_t)call.now_ms,
                           .timeout_ms = call.timeout_ms,
                           .lends = true,
                           .room = &frame->arena };
    if (call.now_ms > 0) note_sleep(call.now_ms); /* reads by id do not say when */
    HB_TRY(exchange_part(call.text_off, call.text_len, &request.text));
    HB_TRY(exchange_part(call.params_off, call.params_len, &request.params));
    HB_TRY(read_batch(frame, &call, &request.batch));
    return hb_workspace_start(workspace, &request, &frame->task, &module.err);
}

HB_EXPORT(hb_call) uint32_t hb_call(uint32_t handle);
uint32_t hb_call(uint32_t handle) {
    reply_reset();
    hb_err_init(&module.err);
    call_frame *frame = frame_new();
    if (frame == NULL) {
        hb_err_memory(&module.err);
        return reply_failed();
    }
    if (start_call(frame, handle_at(&module.workspaces, handle)) != HB_OK) {
        frame_end(frame);
        return reply_failed();
    }
    return frame_step(frame, 0);
}

/* ---- tasks ----------------------------------------------------------------------------- */

static call_frame *task_at(uint32_t task) {
    reply_reset();
    hb_err_init(&module.err);
    call_frame *frame = handle_at(&module.tasks, task);
    if (frame == NULL) {
        hb_err_set(&module.err, HB_E_INTERNAL, "no task has the handle %u", (unsigned)task);
        reply_failed();
    }
    return frame;
}

HB_EXPORT(hb_task_go_on) uint32_t hb_task_go_on(uint32_t task);
uint32_t hb_task_go_on(uint32_t task) {
    call_frame *frame = task_at(task);
    return frame != NULL ? frame_step(frame, task) : HB_ABI_FAILED;
}

static hb_status bad_head(void) {
    return hb_err_set(&module.err, HB_E_HOST, "the head of a reply is not a mapping of texts");
}

/* The head's pairs. Those of a failed operation are "message" and "native"; "affected" counts the
 * rows that SQL changed; the rest are HTTP headers. */
static hb_status read_head(hb_str head, bool failed, hb_arena *arena, hb_host_reply *reply) {
    if (head.len == 0) return HB_OK;
    hb_pack_reader reader = hb_pack_read(head);
    hb_pack_item map, name, value;
    if (!hb_pack_next(&reader, &map) || map.tag != HB_PACK_MAP || map.count > head.len)
        return bad_head();
    hb_header *headers = HB_NEW_ARRAY(arena, hb_header, map.count);
    if (headers == NULL) return hb_err_memory(&module.err);
    for (uint32_t i = 0; i < map.count; i++) {
        if (!hb_pack_next(&reader, &name) || name.tag != HB_PACK_STR ||
            !hb_pack_next(&reader, &value) || value.tag != HB_PACK_STR) {
            return bad_head();
        }
        int64_t number;
        if (failed && hb_str_eq(name.s, HB_STR("message"))) {
            reply->text = value.s;
        } else if (failed && hb_str_eq(name.s, HB_STR("native"))) {
            reply->native = value.s;
        } else if (hb_str_eq(name.s, HB_STR("affected")) &&
                   hb_num_parse_i64(value.s, &number) == HB_NUM_OK) {
            reply->affected = number > 0 ? (uint64_t)number : 0;
        } else {
            headers[reply->header_count++] = (hb_header){ name.s, value.s };
        }
    }
    reply->headers = headers;
    return HB_OK;
}

HB_EXPORT(hb_task_take_reply)
uint32_t hb_task_take_reply(uint32_t task, uint32_t op_id, uint32_t failed, uint32_t status,
                            uint32_t head_len, uint32_t body_len);
uint32_t hb_task_take_reply(uint32_t task, uint32_t op_id, uint32_t failed, uint32_t status,
                            uint32_t head_len, uint32_t body_len) {
    call_frame *frame = task_at(task);
    if (frame == NULL) return HB_ABI_FAILED;
    hb_host_reply reply = { .op_id = op_id, .failed = failed != 0, .status = status };
    hb_arena scratch;
    hb_arena_init(&scratch, memory());
    hb_str head;
    hb_status result = exchange_part(0, head_len, &head);
    if (result == HB_OK) result = exchange_part((head_len + 7u) & ~7u, body_len, &reply.body);
    if (result == HB_OK) result = read_head(head, reply.failed, &scratch, &reply);
    if (result == HB_OK) result = hb_task_reply(frame->task, &reply, &module.err);
    hb_arena_free(&scratch);
    if (result == HB_OK) return frame_step(frame, task);
    handle_remove(&module.tasks, task);
    frame_end(frame);
    return reply_failed();
}

HB_EXPORT(hb_task_cancel) void hb_task_cancel(uint32_t task);
void hb_task_cancel(uint32_t task) {
    call_frame *frame = handle_remove(&module.tasks, task);
    if (frame != NULL) frame_end(frame);
}

/* ---- frames ---------------------------------------------------------------------------- */

static hb_status write_arrow(hb_str bytes, const uint32_t *rows, uint32_t row_count,
                             const uint32_t *columns, uint32_t column_count, hb_arena *arena) {
    hb_batch batch;
    HB_TRY(hb_wire_read(bytes, arena, &batch, &module.err));
    uint32_t *all = HB_NEW_ARRAY(arena, uint32_t, batch.column_count);
    uint32_t *tags = HB_NEW_ARRAY(arena, uint32_t, column_count);
    hb_column *chosen = HB_NEW_ARRAY(arena, hb_column, column_count);
    if (all == NULL || tags == NULL || chosen == NULL) return hb_err_memory(&module.err);
    hb_wire_tags(bytes, all);
    for (uint32_t i = 0; i < column_count; i++) {
        if (columns[i] >= batch.column_count) {
            return hb_err_set(&module.err, HB_E_INTERNAL, "the batch has no column %u",
                              (unsigned)columns[i]);
        }
        chosen[i] = batch.columns[columns[i]];
        tags[i] = all[columns[i]];
    }
    for (uint32_t i = 0; rows != NULL && i < row_count; i++) {
        if (rows[i] < batch.row_count) continue;
        return hb_err_set(&module.err, HB_E_INTERNAL, "the batch has no row %u", (unsigned)rows[i]);
    }
    const hb_batch part = { batch.row_count, column_count, chosen };
    return hb_arrow_write(&part, tags, rows, rows != NULL ? row_count : batch.row_count,
                          &module.out, &module.err);
}

HB_EXPORT(hb_arrow)
uint32_t hb_arrow(uint32_t batch_len, uint32_t columns_off, uint32_t column_count,
                  uint32_t rows_off, uint32_t row_count);
uint32_t hb_arrow(uint32_t batch_len, uint32_t columns_off, uint32_t column_count,
                  uint32_t rows_off, uint32_t row_count) {
    reply_reset();
    hb_err_init(&module.err);
    hb_arena arena;
    hb_arena_init(&arena, memory());
    hb_str batch, columns, rows = HB_STR_EMPTY;
    hb_status status = exchange_part(0, batch_len, &batch);
    if (status == HB_OK) status = exchange_part(columns_off, column_count * 4, &columns);
    if (status == HB_OK && rows_off != 0) status = exchange_part(rows_off, row_count * 4, &rows);
    if (status == HB_OK) {
        status = write_arrow(batch, rows_off != 0 ? (const uint32_t *)(const void *)rows.ptr : NULL,
                             row_count, (const uint32_t *)(const void *)columns.ptr, column_count,
                             &arena);
    }
    hb_arena_free(&arena);
    if (status != HB_OK) return reply_failed();
    module.reply.state = HB_ABI_DONE;
    module.reply.ptr = address(module.out.ptr);
    module.reply.len = module.out.len;
    return HB_ABI_DONE;
}
