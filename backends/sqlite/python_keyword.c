// SPDX-License-Identifier: MIT
/* The normal form of a keyword as Python makes it: every character by itself in NFC and folded for
 * case, so that ours equal the ones it has. The core compares in a form of its own
 * (text/keyword.h), which composes across characters. */
#include "backends/sqlite/python.h"

#include "text/unicode.h"

typedef struct keyword_writer {
    hb_buf *out;
    uint32_t start;             /* where the keyword begins in `out` */
    bool after_space;           /* the last thing was a space, or nothing at all */
} keyword_writer;

static bool is_space(uint32_t cp) {
    char utf8[4];
    return hb_str_trim((hb_str){ utf8, hb_utf8_put(cp, utf8) }).len == 0;
}

static bool is_punctuation(hb_category category) {
    return category >= HB_CATEGORY_PC && category <= HB_CATEGORY_PO;
}

/* Cn, and Cc, Cf, Cs, Co, which stand together. */
static bool is_left_out(hb_category category) {
    return category == HB_CATEGORY_CN || category >= HB_CATEGORY_CC;
}

static void write_cp(keyword_writer *writer, uint32_t cp) {
    hb_category category = hb_cp_category(cp);
    if (is_punctuation(category) || is_space(cp)) {
        if (!writer->after_space) hb_buf_add_char(writer->out, ' ');
        writer->after_space = true;
    } else if (!is_left_out(category)) {
        char utf8[4];
        hb_buf_add(writer->out, utf8, hb_utf8_put(cp, utf8));
        writer->after_space = false;
    }
}

/* NFC of one code point: its decomposition, put together again where that is allowed. */
static uint32_t compose_alone(uint32_t cp, uint32_t parts[HB_CP_PARTS_MAX]) {
    uint32_t count = hb_cp_decompose(cp, false, parts);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t composed = kept == 1 ? hb_cp_compose(parts[0], parts[i]) : 0;
        if (composed != 0) {
            parts[0] = composed;
        } else {
            parts[kept++] = parts[i];
        }
    }
    return kept;
}

void sqlite_python_keyword(hb_str text, hb_buf *out) {
    keyword_writer writer = { out, out->len, true };
    uint32_t parts[HB_CP_PARTS_MAX], folded[3];
    for (uint32_t pos = 0; pos < text.len;) {
        uint32_t cp = hb_utf8_next(text, &pos);
        uint32_t count = compose_alone(cp, parts);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t fold_count = hb_cp_fold(parts[i], folded);
            for (uint32_t k = 0; k < fold_count; k++) write_cp(&writer, folded[k]);
        }
    }
    if (out->len > writer.start && writer.after_space && !out->failed) out->len--;
}
