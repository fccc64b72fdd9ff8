// SPDX-License-Identifier: MIT
#include "text/keyword.h"

#include "text/fold.h"
#include "text/unicode.h"

typedef enum cp_class { CP_KEPT, CP_GAP, CP_LEFT_OUT } cp_class;

/* Control, format, private and unassigned characters are left out, those that are space are not. */
static cp_class classify(uint32_t cp) {
    char utf8[4];
    if ((cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z'))
        return CP_KEPT;
    hb_category category = hb_cp_category(cp);
    if (category >= HB_CATEGORY_PC && category <= HB_CATEGORY_PO) return CP_GAP;
    if (hb_str_trim((hb_str){ utf8, hb_utf8_put(cp, utf8) }).len == 0) return CP_GAP;
    bool other = category == HB_CATEGORY_CN || category >= HB_CATEGORY_CC;
    return other ? CP_LEFT_OUT : CP_KEPT;
}

/* The end of the characters that compose with the one at `pos`, or stand on it. */
static uint32_t cluster_end(hb_str text, uint32_t pos, uint32_t *count) {
    uint32_t whole = hb_utf8_next(text, &pos);
    *count = 1;
    while (pos < text.len && (unsigned char)text.ptr[pos] >= 0x80) {
        uint32_t after = pos;
        uint32_t cp = hb_utf8_next(text, &after);
        uint32_t composed = hb_cp_compose(whole, cp);
        if (composed == 0 && hb_cp_mark_class(cp) == 0) break;
        if (composed != 0) whole = composed;
        pos = after;
        (*count)++;
    }
    return pos;
}

static void add_place(hb_buf *places, uint32_t start, uint32_t end) {
    hb_keyword_place place = { start, end };
    if (places != NULL) hb_buf_add(places, &place, sizeof place);
}

/* A folded cluster: its gaps become spaces, of which none stand together. */
static void add_folded(hb_str folded, hb_keyword_place from, hb_keyword_place *gap, hb_buf *out,
                       hb_buf *places) {
    for (uint32_t pos = 0; pos < folded.len;) {
        uint32_t start = pos;
        cp_class class = classify(hb_utf8_next(folded, &pos));
        if (class == CP_LEFT_OUT) continue;
        if (class == CP_GAP) {
            if (gap->end == 0) gap->start = from.start;
            gap->end = from.end;
            continue;
        }
        if (gap->end > 0 && out->len > 0) {
            hb_buf_add_char(out, ' ');
            add_place(places, gap->start, gap->end);
        }
        gap->end = 0;
        hb_buf_add(out, folded.ptr + start, pos - start);
        add_place(places, from.start, from.end);
    }
}

void hb_text_keyword(hb_str text, hb_buf *out, hb_buf *places) {
    hb_buf folded, own;
    hb_keyword_place gap = { 0, 0 };
    hb_buf_init(&folded, out->mem);
    hb_buf_init(&own, out->mem);
    if (places == NULL) {
        hb_text_fold(text, &folded);
        add_folded(hb_buf_str(&folded), (hb_keyword_place){ 0, 1 }, &gap, &own, NULL);
    }
    uint32_t at = 0, count;
    for (uint32_t pos = 0; pos < text.len && places != NULL; at += count) {
        uint32_t end = cluster_end(text, pos, &count);
        hb_buf_clear(&folded);
        hb_text_fold(hb_str_sub(text, pos, end - pos), &folded);
        add_folded(hb_buf_str(&folded), (hb_keyword_place){ at, at + count }, &gap, &own, places);
        pos = end;
    }
    hb_buf_add_str(out, hb_buf_str(&own));
    out->failed = out->failed || folded.failed || folded.over || own.failed || own.over;
    hb_buf_free(&own);
    hb_buf_free(&folded);
}
