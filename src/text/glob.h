// SPDX-License-Identifier: MIT
/* Whole-string patterns made of literals, "one code point", "any run" and sets: the engine behind
 * LIKE and WILDCARD. Linear in text times pattern at worst, no recursion. Used inside src/text. */
#ifndef HB_TEXT_GLOB_H
#define HB_TEXT_GLOB_H

#include "base/buf.h"

typedef struct hb_glob {
    hb_buf tokens;      /* owns glob_token[] */
    hb_buf bytes;       /* owns the literals */
    hb_buf ranges;      /* owns glob_range[] */
    bool crosses_lines; /* "any" and "one" also stand for a newline */
    bool nocase;        /* ASCII letters of the text match in either case */
} hb_glob;

void hb_glob_init(hb_glob *glob, const hb_mem *mem);
void hb_glob_free(hb_glob *glob);
/* SQL LIKE: % and _, no escape; neither stands for a newline. `nocase`: the pattern is in lower
 * case, and the text is so too or is ASCII. */
hb_status hb_glob_compile_like(hb_glob *glob, hb_str pattern, bool nocase, hb_err *err);
/* Shell glob as Python's fnmatch reads it: * ? [seq] [!seq]; an unclosed [ is a literal. */
hb_status hb_glob_compile_wildcard(hb_glob *glob, hb_str pattern, hb_err *err);
bool hb_glob_test(const hb_glob *glob, hb_str text);

#endif
