// SPDX-License-Identifier: MIT
/* Everything the host must know about the boundary, as data: codes, kinds, sizes and offsets.
 * js/generated/abi.js is written from this text, so no number is typed twice. */
#include "abi/abi.h"

#include <assert.h>
#include <stddef.h>

#include "abi/export.h"
#include "base/limits.h"
#include "hb.h"
#include "value/pack.h"
#include "value/wire.h"

static_assert(sizeof(hb_abi_call) == 64,
              "the call block is 64 bytes, the batch behind it 8-aligned");
static_assert(sizeof(hb_abi_reply) % 8 == 0 && offsetof(hb_abi_reply, total) % 8 == 0,
              "doubles are aligned");
static_assert(sizeof(hb_span) == 8, "a span is two u32");

typedef struct entry {
    const char *name;
    int64_t value;
} entry;

#define AT(type, member) { #member, (int64_t)offsetof(type, member) }

static const entry statuses[] = {
#define X(name, value, text) { #name, value },
    HB_STATUS_LIST(X)
#undef X
};

static const entry calls[] = {
    { "REGISTER", HB_CALL_REGISTER },
    { "INFO", HB_CALL_INFO },
    { "SCHEMA", HB_CALL_SCHEMA },
    { "UPSERT", HB_CALL_UPSERT },
    { "SET", HB_CALL_SET },
    { "GET", HB_CALL_GET },
    { "EXISTS", HB_CALL_EXISTS },
    { "DELETE", HB_CALL_DELETE },
    { "QUERY", HB_CALL_QUERY },
    { "EXPLAIN", HB_CALL_EXPLAIN },
    { "PREPARE", HB_CALL_PREPARE },
    { "RELEASE", HB_CALL_RELEASE },
    { "AUDIT", HB_CALL_AUDIT },
    { "REPAIR", HB_CALL_REPAIR },
    { "REFRESH", HB_CALL_REFRESH },
    { "DROP", HB_CALL_DROP },
    { "CAPABILITIES", HB_CALL_CAPABILITIES },
    { "EXPORT", HB_CALL_EXPORT },
    { "IMPORT", HB_CALL_IMPORT },
    { "ALTER", HB_CALL_ALTER },
    { "FIND", HB_CALL_FIND },
    { "DESCRIBE", HB_CALL_DESCRIBE },
    { "SIGN", HB_CALL_SIGN },
    { "HEALTH", HB_CALL_HEALTH },
    { "MANIFEST", HB_CALL_MANIFEST },
    { "PRESETS", HB_CALL_PRESETS },
    { "GRAPH", HB_CALL_GRAPH },
    { "VALIDATE", HB_CALL_VALIDATE },
    { "FLUSH", HB_CALL_FLUSH },
    { "ATTACH", HB_CALL_ATTACH },
    { "CONNECTIONS", HB_CALL_CONNECTIONS },
};

static const entry flags[] = {
    { "OVERWRITE", HB_FLAG_OVERWRITE },
    { "DROP_UNKNOWN", HB_FLAG_DROP_UNKNOWN },
    { "REPLACE", HB_FLAG_REPLACE },
    { "DRY_RUN", HB_FLAG_DRY_RUN },
    { "NO_PUSHDOWN", HB_FLAG_NO_PUSHDOWN },
    { "WANT_TOTAL", HB_FLAG_WANT_TOTAL },
    { "ANY", HB_FLAG_ANY },
    { "NO_CATALOG", HB_FLAG_NO_CATALOG },
    { "EDGES_DETACH", HB_FLAG_EDGES_DETACH },
    { "EDGES_RESTRICT", HB_FLAG_EDGES_RESTRICT },
    { "COMPUTED", HB_FLAG_COMPUTED },
    { "PAUSES", HB_FLAG_PAUSES },
};

static const entry kinds[] = {
    { "NULL", HB_KIND_NULL }, { "BOOL", HB_KIND_BOOL }, { "I64", HB_KIND_I64 },
    { "F64", HB_KIND_F64 },   { "TEXT", HB_KIND_TEXT }, { "BYTES", HB_KIND_BYTES },
    { "VEC", HB_KIND_VEC },   { "PACK", HB_KIND_PACK },
};
static_assert(sizeof kinds / sizeof kinds[0] == HB_KIND_COUNT, "every kind has a name");

static const entry cells[] = {
    { "ABSENT", HB_CELL_ABSENT },
    { "NULL", HB_CELL_NULL },
    { "VALUE", HB_CELL_VALUE },
};
static const entry roles[] = {
    { "FIELD", HB_ROLE_FIELD },
    { "IDENTITY", HB_ROLE_IDENTITY },
    { "METADATA", HB_ROLE_METADATA },
};
static const entry states[] = {
    { "DONE", HB_ABI_DONE },
    { "OP", HB_ABI_OP },
    { "WAIT", HB_ABI_WAIT },
    { "FAILED", HB_ABI_FAILED },
    { "PAUSE", HB_ABI_PAUSE },
};
static const entry answers[] = {
    { "NONE", HB_ANSWER_NONE },
    { "FRAME", HB_ANSWER_FRAME },
    { "JSON", HB_ANSWER_JSON },
    { "BYTES", HB_ANSWER_BYTES },
};
static const entry ops[] = { { "FETCH", HB_HOST_FETCH }, { "SQL", HB_HOST_SQL } };

static const entry numbers[] = {
    { "ABI_VERSION", HB_ABI_VERSION },         { "AT_NONE", HB_AT_NONE },
    { "ENTITY_NONE", HB_ENTITY_NONE },         { "WIRE_MAGIC", HB_WIRE_MAGIC },
    { "WIRE_HEADER_LEN", HB_WIRE_HEADER_LEN }, { "WIRE_COLUMN_LEN", HB_WIRE_COLUMN_LEN },
    { "ROW_MAGIC", HB_WIRE_ROW_MAGIC },        { "ROW_LEN", HB_WIRE_ROW_LEN },
    { "EXT_VECTOR", HB_PACK_EXT_VECTOR },      { "EXT_TIMESTAMP", HB_PACK_EXT_TIMESTAMP },
    { "DEPTH_MAX", HB_VALUE_DEPTH_MAX },       { "BATCH_ROWS_MAX", HB_BATCH_ROWS_MAX },
    { "CALL_LEN", sizeof(hb_abi_call) },       { "REPLY_LEN", sizeof(hb_abi_reply) },
};

static const entry call_members[] = {
    AT(hb_abi_call, kind),      AT(hb_abi_call, entity),     AT(hb_abi_call, flags),
    AT(hb_abi_call, prepared),  AT(hb_abi_call, now_ms),     AT(hb_abi_call, text_off),
    AT(hb_abi_call, text_len),  AT(hb_abi_call, params_off), AT(hb_abi_call, params_len),
    AT(hb_abi_call, batch_off), AT(hb_abi_call, batch_len),  AT(hb_abi_call, id_form),
    AT(hb_abi_call, timeout_ms),
};

static const entry reply_members[] = {
    AT(hb_abi_reply, state),
    AT(hb_abi_reply, task),
    AT(hb_abi_reply, answer),
    AT(hb_abi_reply, ptr),
    AT(hb_abi_reply, len),
    AT(hb_abi_reply, total_known),
    AT(hb_abi_reply, truncated),
    AT(hb_abi_reply, cursor_len),
    AT(hb_abi_reply, total),
    AT(hb_abi_reply, code),
    AT(hb_abi_reply, at),
    AT(hb_abi_reply, entity_ptr),
    AT(hb_abi_reply, field_ptr),
    AT(hb_abi_reply, backend_ptr),
    AT(hb_abi_reply, native_ptr),
    AT(hb_abi_reply, message_ptr),
    AT(hb_abi_reply, detail_ptr),
    AT(hb_abi_reply, op_id),
    AT(hb_abi_reply, op_kind),
    AT(hb_abi_reply, op_backend_ptr),
    AT(hb_abi_reply, op_backend_len),
    AT(hb_abi_reply, op_method_ptr),
    AT(hb_abi_reply, op_method_len),
    AT(hb_abi_reply, op_url_ptr),
    AT(hb_abi_reply, op_url_len),
    AT(hb_abi_reply, op_headers_ptr),
    AT(hb_abi_reply, op_headers_len),
    AT(hb_abi_reply, op_body_ptr),
    AT(hb_abi_reply, op_body_len),
    AT(hb_abi_reply, op_flags),
    AT(hb_abi_reply, op_timeout_ms),
    AT(hb_abi_reply, op_delay_ms),
    AT(hb_abi_reply, op_answer_max),
};

#define GROUP(name, table) { name, table, sizeof(table) / sizeof((table)[0]) }

static const struct {
    const char *name;
    const entry *entries;
    size_t count;
} groups[] = {
    GROUP("numbers", numbers), GROUP("status", statuses),   GROUP("calls", calls),
    GROUP("flags", flags),     GROUP("kinds", kinds),       GROUP("cells", cells),
    GROUP("roles", roles),     GROUP("states", states),     GROUP("answers", answers),
    GROUP("ops", ops),         GROUP("call", call_members), GROUP("reply", reply_members),
};

static void write_groups(hb_buf *out) {
    hb_buf_add_char(out, '{');
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        hb_buf_printf(out, "%s\"%s\":{", g > 0 ? "," : "", groups[g].name);
        for (size_t i = 0; i < groups[g].count; i++) {
            hb_buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", groups[g].entries[i].name);
            hb_buf_add_i64(out, groups[g].entries[i].value);
        }
        hb_buf_add_char(out, '}');
    }
    hb_buf_add_c(out, ",\"meanings\":{");
    for (int i = 0; i < HB_STATUS_COUNT; i++) {
        hb_buf_printf(out, "%s\"%s\":", i > 0 ? "," : "", hb_status_name((hb_status)i));
        hb_buf_add_json_str(out, hb_str_c(hb_status_text((hb_status)i)));
    }
    hb_buf_add_c(out, "}}");
    hb_buf_add_zero(out, 1);
}

const char *hb_abi_layout_text(void) {
    static hb_buf text;
    if (text.ptr == NULL) {
        hb_buf_init(&text, hb_mem_default());
        write_groups(&text);
        if (hb_buf_check(&text, NULL) != HB_OK) {
            hb_buf_free(&text);
            return NULL;
        }
    }
    return text.ptr;
}

HB_EXPORT(hb_abi_version) uint32_t hb_abi_version(void) {
    return HB_ABI_VERSION;
}

HB_EXPORT(hb_abi_layout) uint32_t hb_abi_layout(void) {
    return (uint32_t)(uintptr_t)hb_abi_layout_text();
}
