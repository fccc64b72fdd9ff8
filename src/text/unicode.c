// SPDX-License-Identifier: MIT
#include "text/unicode.h"

#define CP_END 0x110000u
#define HANGUL_FIRST 0xac00u
#define HANGUL_COUNT 11172u
#define LEADING_FIRST 0x1100u
#define LEADING_COUNT 19u
#define VOWEL_FIRST 0x1161u
#define VOWEL_COUNT 21u
#define TRAILING_BEFORE 0x11a7u     /* one before the first trailing consonant */
#define TRAILING_COUNT 28u          /* none is one of them */

static unsigned props_of(uint32_t cp) {
    if (cp >= CP_END) return HB_CATEGORY_CN;
    const uint32_t block = hb_unicode_blocks[cp / HB_UNICODE_BLOCK];
    return hb_unicode_props[block * HB_UNICODE_BLOCK + cp % HB_UNICODE_BLOCK];
}

hb_category hb_cp_category(uint32_t cp) {
    return (hb_category)(props_of(cp) & HB_UNICODE_CATEGORY);
}

static uint32_t map_case(uint32_t cp, const hb_case_run *runs, uint32_t count) {
    uint32_t low = 0;
    uint32_t high = count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (runs[middle].first <= cp) low = middle;
        else high = middle;
    }
    const hb_case_run *run = &runs[low];
    const uint32_t offset = cp - run->first;
    if (cp < run->first || offset > run->span || offset % run->step != 0) return cp;
    return cp + (uint32_t)run->delta;
}

uint32_t hb_cp_lower(uint32_t cp) {
    if ((props_of(cp) & HB_UNICODE_HAS_CASE) == 0) return cp;
    return map_case(cp, hb_unicode_lower_runs, hb_unicode_lower_run_count);
}

uint32_t hb_cp_mark_class(uint32_t cp) {
    if ((props_of(cp) & HB_UNICODE_IS_ORDERED) == 0) return 0;
    uint32_t low = 0;
    uint32_t high = hb_unicode_mark_run_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (hb_unicode_mark_runs[middle] >> 15 <= cp) low = middle;
        else high = middle;
    }
    return hb_unicode_mark_runs[low] & 0xffu;
}

static uint32_t pair_cp(uint32_t at) {
    return ((hb_unicode_pair_planes[at] & 3u) << 16) | hb_unicode_pair_cps[at];
}

static uint32_t pair_first(uint32_t at) {
    return ((hb_unicode_pair_planes[at] >> 2 & 3u) << 16) | hb_unicode_pair_firsts[at];
}

static uint32_t pair_second(uint32_t at) {
    return ((uint32_t)(hb_unicode_pair_planes[at] >> 4) << 16) | hb_unicode_pair_seconds[at];
}

/* Only for a code point that has a mapping. */
static uint32_t pair_of(uint32_t cp) {
    uint32_t low = 0;
    uint32_t high = hb_unicode_pair_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (pair_cp(middle) <= cp) low = middle;
        else high = middle;
    }
    return low;
}

static const hb_full_fold *full_fold_of(uint32_t cp) {
    uint32_t low = 0;
    uint32_t high = hb_unicode_full_fold_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (hb_unicode_full_folds[middle].cp == cp) return &hb_unicode_full_folds[middle];
        if (hb_unicode_full_folds[middle].cp < cp) low = middle + 1;
        else high = middle;
    }
    return 0;
}

static uint32_t decompose_hangul(uint32_t syllable, uint32_t out[HB_CP_PARTS_MAX]) {
    const uint32_t trailing = syllable % TRAILING_COUNT;
    out[0] = LEADING_FIRST + syllable / (VOWEL_COUNT * TRAILING_COUNT);
    out[1] = VOWEL_FIRST + syllable / TRAILING_COUNT % VOWEL_COUNT;
    if (trailing == 0) return 2;
    out[2] = TRAILING_BEFORE + trailing;
    return 3;
}

uint32_t hb_cp_decompose(uint32_t cp, bool casefold, uint32_t out[HB_CP_PARTS_MAX]) {
    const uint32_t syllable = cp - HANGUL_FIRST;
    if (syllable < HANGUL_COUNT) return decompose_hangul(syllable, out);
    /* The parts of a part replace it where it stands: a stack, the first part on top. */
    uint32_t stack[HB_CP_PARTS_MAX] = { cp };
    uint32_t depth = 1;
    uint32_t count = 0;
    while (depth > 0) {
        const uint32_t part = stack[--depth];
        const unsigned props = props_of(part);
        if (casefold && (props & HB_UNICODE_HAS_CASE) != 0) {
            const hb_full_fold *full = full_fold_of(part);
            if (full != 0) {
                if (full->to[2] != 0) stack[depth++] = full->to[2];
                stack[depth++] = full->to[1];
                stack[depth++] = full->to[0];
                continue;
            }
            const uint32_t folded =
                map_case(part, hb_unicode_fold_runs, hb_unicode_fold_run_count);
            if (folded != part) {
                stack[depth++] = folded;
                continue;
            }
        }
        if ((props & HB_UNICODE_DECOMPOSES) != 0) {
            const uint32_t at = pair_of(part);
            const uint32_t second = pair_second(at);
            if (second != 0) stack[depth++] = second;
            stack[depth++] = pair_first(at);
            continue;
        }
        out[count++] = part;
    }
    return count;
}

uint32_t hb_cp_fold(uint32_t cp, uint32_t out[3]) {
    out[0] = cp;
    if ((props_of(cp) & HB_UNICODE_HAS_CASE) == 0) return 1;
    const hb_full_fold *full = full_fold_of(cp);
    if (full == 0) {
        out[0] = map_case(cp, hb_unicode_fold_runs, hb_unicode_fold_run_count);
        return 1;
    }
    uint32_t count = 0;
    while (count < 3 && full->to[count] != 0) {
        out[count] = full->to[count];
        count++;
    }
    return count;
}

uint32_t hb_cp_compose(uint32_t first, uint32_t second) {
    if (first - LEADING_FIRST < LEADING_COUNT && second - VOWEL_FIRST < VOWEL_COUNT) {
        const uint32_t pair = (first - LEADING_FIRST) * VOWEL_COUNT + (second - VOWEL_FIRST);
        return HANGUL_FIRST + pair * TRAILING_COUNT;
    }
    if (first - HANGUL_FIRST < HANGUL_COUNT) {
        const bool open = (first - HANGUL_FIRST) % TRAILING_COUNT == 0;
        const uint32_t trailing = second - TRAILING_BEFORE;
        return open && trailing > 0 && trailing < TRAILING_COUNT ? first + trailing : 0;
    }
    const hb_category category = hb_cp_category(second);
    if (category != HB_CATEGORY_MN && category != HB_CATEGORY_MC) return 0;
    uint32_t low = 0;
    uint32_t high = hb_unicode_compose_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const uint32_t at = hb_unicode_compose_order[middle];
        const uint32_t other = pair_second(at);
        if (other == second && pair_first(at) == first) return pair_cp(at);
        if (other < second || (other == second && pair_first(at) < first)) low = middle + 1;
        else high = middle;
    }
    return 0;
}
