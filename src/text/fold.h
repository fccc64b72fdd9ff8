// SPDX-License-Identifier: MIT
/* Unicode text operations: folding, words, and the pattern languages of the text
 * operators. Pure functions over borrowed text. */
#ifndef HB_TEXT_FOLD_H
#define HB_TEXT_FOLD_H

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

/* Simple+special lower-casing as Python's str.lower (not case folding: "Straße" stays). Appends. */
void hb_text_lower(hb_str text, hb_buf *out);
/* NFC then full case folding then NFC: the word form of the text index. Appends. */
void hb_text_fold(hb_str text, hb_buf *out);

#endif
