// SPDX-License-Identifier: MIT
#include "text/words.h"

#include "text/fold.h"
#include "text/unicode.h"
#include "text/word_break.h"

/* What one ASCII byte is to the rules of UAX #29; bytes above have no entry. */
enum {
    ASCII_NONE = 0,
    ASCII_LETTER = 1,
    ASCII_DIGIT = 2,
    ASCII_LINK = 4,         /* '_': joins letters and digits */
    ASCII_MID_LETTER = 8,   /* ':' '.' '\'' between letters */
    ASCII_MID_DIGIT = 16,   /* ',' ';' '.' '\'' between digits */
    ASCII_UPPER = 32,
    ASCII_WORD = ASCII_LETTER | ASCII_DIGIT | ASCII_LINK
};

#define L ASCII_LETTER
#define U (ASCII_LETTER | ASCII_UPPER)
#define D ASCII_DIGIT
#define B (ASCII_MID_LETTER | ASCII_MID_DIGIT)
static const uint8_t ascii_kinds[128] = {
    ['\''] = B, ['.'] = B, [','] = ASCII_MID_DIGIT, [';'] = ASCII_MID_DIGIT,
    [':'] = ASCII_MID_LETTER, ['_'] = ASCII_LINK,
    ['0'] = D, D, D, D, D, D, D, D, D, D,
    ['A'] = U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,
    ['a'] = L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
};
#undef L
#undef U
#undef D
#undef B

void hb_words_init(hb_words *words, hb_str text, const hb_mem *mem) {
    *words = (hb_words){ .text = text };
    hb_buf_init(&words->fold, mem);
}

void hb_words_free(hb_words *words) {
    hb_buf_free(&words->fold);
    words->text = HB_STR_EMPTY;
    words->pos = 0;
}

void hb_words_reset(hb_words *words, hb_str text) {
    words->text = text;
    words->pos = 0;
    hb_buf_clear(&words->fold);
}

static unsigned char byte_at(hb_str text, uint32_t pos) {
    return (unsigned char)text.ptr[pos];
}

static bool is_ascii_at(hb_str text, uint32_t pos) {
    return pos >= text.len || byte_at(text, pos) < 0x80;
}

/* How many bytes from `pos` on are certainly a to z, eight at a time: most of most words. A byte
 * above ASCII may spoil what is computed of those after it, never of those before. */
static uint32_t lower_run(hb_str text, uint32_t pos) {
    const uint64_t ones = 0x0101010101010101u;
    const uint32_t start = pos;
    while (text.len - pos >= 8) {
        uint64_t bytes;
        memcpy(&bytes, text.ptr + pos, 8);      /* little-endian, as all our targets are */
        const uint64_t above = bytes + ones * (0x7f - 'z');
        const uint64_t from = bytes + ones * (0x80 - 'a');
        const uint64_t other = (bytes | above | ~from) & ones * 0x80;
        if (other != 0) return pos - start + ((uint32_t)__builtin_ctzll(other) >> 3);
        pos += 8;
    }
    return pos - start;
}

/* The end of the segment at `start`, an ASCII word byte, with the kinds seen in it; 0 when a byte
 * beyond ASCII takes part in the decision, which is then the full rules' to make. */
static uint32_t ascii_word_end(hb_str text, uint32_t start, unsigned *seen) {
    uint32_t pos = start + lower_run(text, start);
    unsigned kinds = pos > start ? ASCII_LETTER : 0;
    for (; pos < text.len; pos++) {
        const unsigned char c = byte_at(text, pos);
        if (c >= 0x80) return 0;
        const unsigned kind = ascii_kinds[c];
        if ((kind & ASCII_WORD) != 0) {
            kinds |= kind;
            continue;
        }
        if (kind == ASCII_NONE) break;
        if (!is_ascii_at(text, pos + 1)) return 0;
        if (pos + 1 >= text.len) break;
        const unsigned around =
            ascii_kinds[byte_at(text, pos - 1)] & ascii_kinds[byte_at(text, pos + 1)];
        const bool joined = ((kind & ASCII_MID_LETTER) != 0 && (around & ASCII_LETTER) != 0) ||
                            ((kind & ASCII_MID_DIGIT) != 0 && (around & ASCII_DIGIT) != 0);
        if (!joined) break;
    }
    *seen = kinds;
    return pos;
}

static bool has_letter_or_digit(hb_str segment) {
    for (uint32_t pos = 0; pos < segment.len;) {
        const uint32_t cp = hb_utf8_next(segment, &pos);
        const hb_category category = hb_cp_category(cp);
        if ((category >= HB_CATEGORY_LU && category <= HB_CATEGORY_LO) ||
            (category >= HB_CATEGORY_ND && category <= HB_CATEGORY_NO)) {
            return true;
        }
    }
    return false;
}

static bool take_folded(hb_words *words, hb_str segment, hb_str *word) {
    hb_buf_clear(&words->fold);
    hb_text_fold(segment, &words->fold);
    if (words->fold.failed || words->fold.over) {
        words->fold.failed = true;
        words->pos = words->text.len;
        return false;
    }
    *word = hb_buf_str(&words->fold);
    return true;
}

uint64_t hb_word_head(hb_str word) {
    uint64_t head = 0;
    if (word.len > 0) memcpy(&head, word.ptr, word.len < 8 ? word.len : 8);
    return head;
}

uint64_t hb_words_head(const hb_words *words, hb_str word) {
    /* Inside the text more bytes than the word's can be read, which takes no look at its length. */
    const uint32_t behind = words->text.len - words->pos;
    if (word.ptr == words->fold.ptr || word.len + behind < 8) return hb_word_head(word);
    uint64_t head;
    memcpy(&head, word.ptr, 8);
    return word.len < 8 ? head & ((UINT64_C(1) << (word.len * 8)) - 1) : head;
}

bool hb_words_next(hb_words *words, hb_str *word) {
    const hb_str text = words->text;
    while (words->pos < text.len) {
        const uint32_t start = words->pos;
        const unsigned char c = byte_at(text, start);
        uint32_t end = 0;
        if (c < 0x80) {
            if ((ascii_kinds[c] & ASCII_WORD) == 0 && is_ascii_at(text, start + 1)) {
                words->pos++;
                continue;
            }
            unsigned seen = 0;
            if ((ascii_kinds[c] & ASCII_WORD) != 0) end = ascii_word_end(text, start, &seen);
            if (end > 0) {
                words->pos = end;
                const hb_str segment = { text.ptr + start, end - start };
                if ((seen & (ASCII_LETTER | ASCII_DIGIT)) == 0) continue;
                if ((seen & ASCII_UPPER) != 0) return take_folded(words, segment, word);
                *word = segment;
                return true;
            }
        }
        end = hb_word_segment_end(text, start);
        words->pos = end;
        const hb_str segment = { text.ptr + start, end - start };
        if (has_letter_or_digit(segment)) return take_folded(words, segment, word);
    }
    return false;
}
