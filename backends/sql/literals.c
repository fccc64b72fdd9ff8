// SPDX-License-Identifier: MIT
/* Values written into a statement, where an engine of MySQL's kin takes no parameters. */
#include <math.h>

#include "backends/sql/transport.h"
#include "base/num.h"

void sql_add_hex(hb_buf *out, hb_str bytes) {
    static const char digits[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < bytes.len; i++) {
        hb_buf_add_char(out, digits[(uint8_t)bytes.ptr[i] >> 4]);
        hb_buf_add_char(out, digits[(uint8_t)bytes.ptr[i] & 15]);
    }
}

/* A quote is doubled, not escaped: no mode of the server takes it for the end. */
static void add_text(hb_buf *out, hb_str text) {
    hb_buf_add_char(out, '\'');
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        switch (c) {
        case '\0': hb_buf_add_c(out, "\\0"); break;
        case '\n': hb_buf_add_c(out, "\\n"); break;
        case '\r': hb_buf_add_c(out, "\\r"); break;
        case '\x1a': hb_buf_add_c(out, "\\Z"); break;
        case '\\': hb_buf_add_c(out, "\\\\"); break;
        case '\'': hb_buf_add_c(out, "''"); break;
        default: hb_buf_add_char(out, c); break;
        }
    }
    hb_buf_add_char(out, '\'');
}

/* With an exponent: a literal without one is decimal, of 30 places at most. */
hb_status sql_add_double(hb_buf *out, double number, hb_err *err) {
    char digits[HB_NUM_TEXT_MAX];
    if (!isfinite(number)) {
        return hb_err_set(err, HB_E_VALIDATION, "the engine has no number that is not finite");
    }
    const hb_str text = hb_str_n(digits, hb_num_write_f64(number, digits));
    hb_buf_add_str(out, text);
    if (!hb_str_has_char(text, 'e')) hb_buf_add_c(out, "e0");
    return HB_OK;
}

static hb_status add_value(hb_buf *out, const hb_pack_item *item, bool bytes_as_text, hb_err *err) {
    switch (item->tag) {
    case HB_PACK_NIL: hb_buf_add_c(out, "NULL"); return HB_OK;
    case HB_PACK_BOOL: hb_buf_add_c(out, item->b ? "TRUE" : "FALSE"); return HB_OK;
    case HB_PACK_INT: hb_buf_add_i64(out, item->i); return HB_OK;
    case HB_PACK_FLOAT: return sql_add_double(out, item->f, err);
    case HB_PACK_STR: add_text(out, item->s); return HB_OK;
    case HB_PACK_BIN:
        hb_buf_add_c(out, bytes_as_text ? "'\\\\x" : "X'");
        sql_add_hex(out, item->s);
        hb_buf_add_char(out, '\'');
        return HB_OK;
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    return hb_err_set(err, HB_E_INTERNAL, "a parameter of no kind");
}

hb_status sql_spell(hb_str text, hb_pack_reader *params, bool bytes_as_text, hb_buf *out,
                    hb_err *err) {
    hb_pack_item list, item;
    uint32_t used = 0;
    char quote = '\0';
    if (!hb_pack_next(params, &list)) return hb_err_set(err, HB_E_INTERNAL, "no parameters");
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (quote == '\0' && c == '?') {
            if (used++ == list.count || !hb_pack_next(params, &item)) {
                return hb_err_set(err, HB_E_INTERNAL, "no parameter");
            }
            HB_TRY(add_value(out, &item, bytes_as_text, err));
            continue;
        }
        if (quote == '\0' && (c == '\'' || c == '"' || c == '`')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        }
        hb_buf_add_char(out, c);
    }
    if (used == list.count && quote == '\0') return HB_OK;
    return hb_err_set(err, HB_E_INTERNAL, "a statement of another form");
}
