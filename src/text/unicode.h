// SPDX-License-Identifier: MIT
/* What the text layer knows of characters: general category, case, canonical composition. The data
 * is in unicode_table.c, made by scripts/make-unicode-table.mjs, and holds no more than these. */
#ifndef HB_TEXT_UNICODE_H
#define HB_TEXT_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/* In the order that the generator knows. */
typedef enum hb_category {
    HB_CATEGORY_CN, HB_CATEGORY_LU, HB_CATEGORY_LL, HB_CATEGORY_LT, HB_CATEGORY_LM, HB_CATEGORY_LO,
    HB_CATEGORY_MN, HB_CATEGORY_MC, HB_CATEGORY_ME, HB_CATEGORY_ND, HB_CATEGORY_NL, HB_CATEGORY_NO,
    HB_CATEGORY_PC, HB_CATEGORY_PD, HB_CATEGORY_PS, HB_CATEGORY_PE, HB_CATEGORY_PI, HB_CATEGORY_PF,
    HB_CATEGORY_PO, HB_CATEGORY_SM, HB_CATEGORY_SC, HB_CATEGORY_SK, HB_CATEGORY_SO, HB_CATEGORY_ZS,
    HB_CATEGORY_ZL, HB_CATEGORY_ZP, HB_CATEGORY_CC, HB_CATEGORY_CF, HB_CATEGORY_CS, HB_CATEGORY_CO
} hb_category;

/* The most code points that one becomes by case folding and canonical decomposition. */
#define HB_CP_PARTS_MAX 8u

/* A code point beyond U+10FFFF is unassigned and maps to itself. */
hb_category hb_cp_category(uint32_t cp);
/* Simple lower case: one code point for one. */
uint32_t hb_cp_lower(uint32_t cp);
/* Canonical combining class; 0 for starters. */
uint32_t hb_cp_mark_class(uint32_t cp);
/* The full canonical decomposition of `cp`, of its full case folding when asked to; the count. */
uint32_t hb_cp_decompose(uint32_t cp, bool casefold, uint32_t out[HB_CP_PARTS_MAX]);
/* The full case folding of `cp` alone, as it stands in the tables; the count. */
uint32_t hb_cp_fold(uint32_t cp, uint32_t out[3]);
/* The code point that the pair composes to in NFC, or 0. */
uint32_t hb_cp_compose(uint32_t first, uint32_t second);

/* ---- The tables ------------------------------------------------------------------------- */

#define HB_UNICODE_BLOCK 256u
/* A byte of hb_unicode_props: category, and what else the tables below hold of the code point. */
#define HB_UNICODE_CATEGORY 0x1fu
#define HB_UNICODE_DECOMPOSES 0x20u
#define HB_UNICODE_HAS_CASE 0x40u
#define HB_UNICODE_IS_ORDERED 0x80u

/* first, first + step, ... first + span: each becomes itself + delta. */
typedef struct hb_case_run {
    uint32_t first;
    int32_t delta;
    uint16_t span, step;
} hb_case_run;

typedef struct hb_full_fold {
    uint16_t cp;
    uint16_t to[3];     /* 0 behind the end */
} hb_full_fold;

extern const uint8_t hb_unicode_blocks[];   /* per block of code points its place in props */
extern const uint8_t hb_unicode_props[];
extern const hb_case_run hb_unicode_lower_runs[];
extern const uint32_t hb_unicode_lower_run_count;
extern const hb_case_run hb_unicode_fold_runs[];
extern const uint32_t hb_unicode_fold_run_count;
extern const hb_full_fold hb_unicode_full_folds[];
extern const uint32_t hb_unicode_full_fold_count;
/* First code point << 15, length - 1 << 8, combining class. */
extern const uint32_t hb_unicode_mark_runs[];
extern const uint32_t hb_unicode_mark_run_count;
/* One canonical mapping each, by code point: planes are those of cp, first << 2 and second << 4;
 * second is 0 when there is none. */
extern const uint8_t hb_unicode_pair_planes[];
extern const uint16_t hb_unicode_pair_cps[];
extern const uint16_t hb_unicode_pair_firsts[];
extern const uint16_t hb_unicode_pair_seconds[];
extern const uint32_t hb_unicode_pair_count;
/* The pairs that compose, by second and then first. */
extern const uint16_t hb_unicode_compose_order[];
extern const uint32_t hb_unicode_compose_count;

#endif
