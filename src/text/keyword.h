// SPDX-License-Identifier: MIT
/* The form in which contained_in compares: NFC and full case folding, punctuation and white space
 * folded to single spaces, none at the ends; other control, format, private and unassigned
 * characters left out. Symbols stay ("c++" is not "c"). */
#ifndef HB_TEXT_KEYWORD_H
#define HB_TEXT_KEYWORD_H

#include "base/buf.h"

/* One code point of a keyword form: the code points of the original that it stands for. */
typedef struct hb_keyword_place { uint32_t start, end; } hb_keyword_place;

/* Appends the form of `text` to `out`. `places` (NULL: not wanted) gets an hb_keyword_place for
 * each of its code points. */
void hb_text_keyword(hb_str text, hb_buf *out, hb_buf *places);

#endif
