// SPDX-License-Identifier: MIT
/* Words by Unicode word boundaries (UAX #29), keeping segments that hold a letter or digit, each
 * NFC and fully case folded. The one definition behind search and hasWords. */
#ifndef HB_TEXT_WORDS_H
#define HB_TEXT_WORDS_H

#include "base/buf.h"
#include "base/mem.h"

typedef struct hb_words {
    hb_str text;
    uint32_t pos;
    hb_buf fold;        /* owns the folded form of the current word */
} hb_words;

void hb_words_init(hb_words *words, hb_str text, const hb_mem *mem);
void hb_words_free(hb_words *words);
/* Restarts on another text, keeping the buffer. */
void hb_words_reset(hb_words *words, hb_str text);
/* Next word: folded form (borrowed until the next call); false at the end. Pure-ASCII text takes a
 * fast path. An allocation failure ends the iteration with words->fold.failed set. */
bool hb_words_next(hb_words *words, hb_str *word);
/* The first 8 bytes of the word just given, zeroes behind a shorter one. */
uint64_t hb_words_head(const hb_words *words, hb_str word);
/* The same of any text. */
uint64_t hb_word_head(hb_str word);

#endif
