// SPDX-License-Identifier: MIT
#include "text/fold.h"

#include "text/unicode.h"
#include "text/word_break.h"

#define CAPITAL_SIGMA 0x3a3u
#define SMALL_SIGMA 0x3c3u
#define FINAL_SIGMA 0x3c2u
#define CAPITAL_I_DOT 0x130u
#define DOT_ABOVE 0x307u
/* The first code point that normalisation can change, reorder or combine with what is before it. */
#define FIRST_COMBINING 0x300u
#define CP_BYTES_MAX 4u

static unsigned char byte_at(hb_str text, uint32_t pos) {
    return (unsigned char)text.ptr[pos];
}

static void add_cp(hb_buf *out, uint32_t cp) {
    if (!hb_buf_reserve(out, CP_BYTES_MAX)) return;
    out->len += hb_utf8_put(cp, out->ptr + out->len);
}

/* Copies the ASCII bytes from `pos` on in lower case; returns where they end. */
static uint32_t lower_ascii_run(hb_str text, uint32_t pos, hb_buf *out) {
    uint32_t end = pos;
    while (end < text.len && byte_at(text, end) < 0x80) {
        end++;
    }
    if (end == pos || !hb_buf_reserve(out, end - pos)) return end;
    char *to = out->ptr + out->len;
    for (uint32_t i = 0; i < end - pos; i++) {
        const unsigned char c = byte_at(text, pos + i);
        to[i] = (char)(c + ((unsigned char)(c - 'A') < 26 ? 32 : 0));
    }
    out->len += end - pos;
    return end;
}

static bool is_cased_before(hb_str text, uint32_t pos) {
    while (pos > 0) {
        uint32_t start = pos - 1;
        while (start > 0 && pos - start < CP_BYTES_MAX && (byte_at(text, start) & 0xc0) == 0x80) {
            start--;
        }
        uint32_t next = start;
        const uint32_t cp = hb_utf8_next(text, &next);
        if (!hb_cp_is_case_ignorable(cp)) return hb_cp_is_cased(cp);
        pos = start;
    }
    return false;
}

static bool is_cased_after(hb_str text, uint32_t pos) {
    while (pos < text.len) {
        const uint32_t cp = hb_utf8_next(text, &pos);
        if (!hb_cp_is_case_ignorable(cp)) return hb_cp_is_cased(cp);
    }
    return false;
}

void hb_text_lower(hb_str text, hb_buf *out) {
    uint32_t pos = 0;
    while (pos < text.len) {
        pos = lower_ascii_run(text, pos, out);
        while (pos < text.len && byte_at(text, pos) >= 0x80) {
            const uint32_t start = pos;
            const uint32_t cp = hb_utf8_next(text, &pos);
            if (cp == CAPITAL_SIGMA) {
                const bool final = is_cased_before(text, start) && !is_cased_after(text, pos);
                add_cp(out, final ? FINAL_SIGMA : SMALL_SIGMA);
            } else if (cp == CAPITAL_I_DOT) {
                add_cp(out, 'i');
                add_cp(out, DOT_ABOVE);
            } else {
                add_cp(out, hb_cp_lower(cp));
            }
        }
    }
}

/* Canonical ordering: a stable insertion sort of each run of combining marks. */
static void order_marks(uint32_t *cps, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const uint32_t cp = cps[i];
        const uint32_t mark = hb_cp_mark_class(cp);
        uint32_t at = i;
        while (mark > 0 && at > 0 && hb_cp_mark_class(cps[at - 1]) > mark) {
            cps[at] = cps[at - 1];
            at--;
        }
        cps[at] = cp;
    }
}

/* Canonical composition in place, of text in canonical order; the new count. A mark joins the last
 * starter unless one of its own class or a higher one stands between them, or another starter. */
static uint32_t compose(uint32_t *cps, uint32_t count) {
    uint32_t kept = 0;
    uint32_t starter = UINT32_MAX;
    uint32_t last_mark = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t cp = cps[i];
        const uint32_t mark = hb_cp_mark_class(cp);
        const bool adjacent = starter + 1 == kept;
        if (starter != UINT32_MAX && (adjacent || mark > last_mark)) {
            const uint32_t composed = hb_cp_compose(cps[starter], cp);
            if (composed != 0) {
                cps[starter] = composed;
                continue;
            }
        }
        if (mark == 0) starter = kept;
        last_mark = mark;
        cps[kept++] = cp;
    }
    return kept;
}

/* Writes the NFC of `text` to `out` (UTF-8), with every code point fully case-folded first when
 * asked to. */
static void add_nfc(hb_str text, bool casefold, hb_buf *scratch, hb_buf *out) {
    uint32_t parts[HB_CP_PARTS_MAX];
    hb_buf_clear(scratch);
    for (uint32_t pos = 0; pos < text.len;) {
        const uint32_t count = hb_cp_decompose(hb_utf8_next(text, &pos), casefold, parts);
        hb_buf_add(scratch, parts, sizeof(parts[0]) * count);
    }
    if (scratch->failed || scratch->over) {
        out->failed = true;
        return;
    }
    uint32_t *all = (uint32_t *)(void *)scratch->ptr;
    uint32_t count = scratch->len / (uint32_t)sizeof(parts[0]);
    order_marks(all, count);
    count = compose(all, count);
    for (uint32_t i = 0; i < count; i++) {
        add_cp(out, all[i]);
    }
}

static bool is_normal(hb_str text) {
    for (uint32_t pos = 0; pos < text.len;) {
        if (hb_utf8_next(text, &pos) >= FIRST_COMBINING) return false;
    }
    return true;
}

void hb_text_fold(hb_str text, hb_buf *out) {
    uint32_t ascii = 0;
    while (ascii < text.len && byte_at(text, ascii) < 0x80) {
        ascii++;
    }
    if (ascii == text.len) {
        lower_ascii_run(text, 0, out);
        return;
    }
    hb_buf scratch;
    hb_buf_init(&scratch, out->mem);
    if (is_normal(text)) {
        add_nfc(text, true, &scratch, out);
    } else {
        hb_buf normal;
        hb_buf_init(&normal, out->mem);
        add_nfc(text, false, &scratch, &normal);
        add_nfc(hb_buf_str(&normal), true, &scratch, out);
        out->failed = out->failed || normal.failed || normal.over;
        hb_buf_free(&normal);
    }
    hb_buf_free(&scratch);
}
