// SPDX-License-Identifier: MIT
/* The posting list of one term: slots in order, deletable, growing at the end or anywhere. */
#include "index/text_parts.h"

#define POSTINGS_FIRST 4u
#define DEAD_MIN 16u
#define TAIL_MIN 32u
#define SEEK_MIN 16u

static text_posting *postings_of(text_term *term) {
    return term->cap == 0 ? &term->at.one : term->at.many;
}

/* First place in [low, high) whose slot is not below `slot`. */
static uint32_t lower_bound(const text_posting *list, uint32_t low, uint32_t high, uint32_t slot) {
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (list[middle].slot < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* As lower_bound over the whole list, beginning where slots would lie if they were spread evenly:
 * they nearly are, and then what is compared is close together. */
static uint32_t seek(const text_posting *list, uint32_t count, uint32_t slot) {
    if (count < SEEK_MIN) return lower_bound(list, 0, count, slot);
    const uint32_t last = list[count - 1].slot;
    if (slot > last) return count;
    const uint32_t guess = (uint32_t)((uint64_t)slot * (count - 1) / last);
    uint32_t low = 0, high = count;
    if (list[guess].slot < slot) {
        low = guess + 1;
        for (uint32_t step = 4; high - low > step; step *= 2) {
            if (list[low + step].slot >= slot) {
                high = low + step;
                break;
            }
            low += step + 1;
        }
    } else {
        high = guess;
        for (uint32_t step = 4; high - low > step; step *= 2) {
            if (list[high - step].slot < slot) {
                low = high - step + 1;
                break;
            }
            high -= step;
        }
    }
    return lower_bound(list, low, high, slot);
}

/* The place of the slot, dead or alive, or `count`. */
static uint32_t find(const text_term *term, uint32_t slot) {
    const text_posting *list = text_postings(term);
    uint32_t at = seek(list, term->sorted, slot);
    if (at < term->sorted && list[at].slot == slot) return at;
    at = lower_bound(list, term->sorted, term->count, slot);
    return at < term->count && list[at].slot == slot ? at : term->count;
}

static bool resize(hb_text_index *index, text_term *term, uint32_t cap) {
    text_posting *old = term->cap > 0 ? term->at.many : NULL;
    const text_posting one = term->at.one;
    text_posting *list = text_resize(index, old, term->cap * sizeof(*list), cap * sizeof(*list));
    if (list == NULL) return false;
    if (old == NULL && term->count > 0) list[0] = one;
    term->at.many = list;
    term->cap = cap;
    return true;
}

/* Drops the dead postings, and memory that is no longer of use. */
static void compact(hb_text_index *index, text_term *term) {
    text_posting *list = postings_of(term);
    uint32_t kept = 0;
    uint32_t kept_sorted = 0;
    for (uint32_t i = 0; i < term->count; i++) {
        if (list[i].tf > 0) list[kept++] = list[i];
        if (i + 1 == term->sorted) kept_sorted = kept;
    }
    term->count = kept;
    term->sorted = kept_sorted;
    const uint32_t cap = kept + kept / 2 > POSTINGS_FIRST ? kept + kept / 2 : POSTINGS_FIRST;
    /* Without success the list keeps its room. */
    if (cap < term->cap / 4) (void)resize(index, term, cap);
}

bool text_posting_reserve(hb_text_index *index, text_term *term, uint32_t more) {
    const uint32_t cap = term->cap == 0 ? 1 : term->cap;
    /* Rather than more room, that of dead ones. While a lot waits, `df` is ahead of the list. */
    const uint32_t dead = term->df < term->count ? term->count - term->df : 0;
    if (term->count + (uint64_t)more > cap && dead >= more && dead > term->count / 8) {
        compact(index, term);
        return true;
    }
    const uint64_t needed = (uint64_t)term->count + more;
    if (needed <= cap) return true;
    uint64_t grown = term->cap == 0 ? POSTINGS_FIRST : (uint64_t)cap + cap / 4 + 1;
    if (grown < needed) grown = needed;
    if (grown > UINT32_MAX / sizeof(text_posting)) return false;
    return resize(index, term, (uint32_t)grown);
}

void text_posting_append(text_term *term, uint32_t slot, uint32_t tf) {
    postings_of(term)[term->count++] = (text_posting){ slot, tf };
    term->sorted = term->count;
}

/* Merges the tail into the sorted run, from the back. Without memory for a copy of the tail it
 * stays as it is, which costs time only. */
static void merge_tail(hb_text_index *index, text_term *term) {
    const uint32_t tail = term->count - term->sorted;
    text_posting *list = postings_of(term);
    text_posting *copy = text_resize(index, NULL, 0, tail * sizeof(*copy));
    if (copy == NULL) return;
    memcpy(copy, list + term->sorted, tail * sizeof(*copy));
    uint32_t left = term->sorted;
    uint32_t right = tail;
    for (uint32_t to = term->count; right > 0; to--) {
        const bool from_left = left > 0 && list[left - 1].slot > copy[right - 1].slot;
        list[to - 1] = from_left ? list[--left] : copy[--right];
    }
    term->sorted = term->count;
    text_resize(index, copy, tail * sizeof(*copy), 0);
}

void text_posting_add(hb_text_index *index, text_term *term, uint32_t slot, uint32_t tf) {
    text_posting *list = postings_of(term);
    term->df++;
    if (term->count == term->sorted && (term->count == 0 || list[term->count - 1].slot < slot)) {
        list[term->count++] = (text_posting){ slot, tf };
        term->sorted = term->count;
        return;
    }
    const uint32_t dead = seek(list, term->sorted, slot);
    if (dead < term->sorted && list[dead].slot == slot) {
        list[dead].tf = tf;
        return;
    }
    const uint32_t at = lower_bound(list, term->sorted, term->count, slot);
    memmove(list + at + 1, list + at, (term->count - at) * sizeof(*list));
    list[at] = (text_posting){ slot, tf };
    term->count++;
    if (term->count - term->sorted > TAIL_MIN + term->sorted / 32) merge_tail(index, term);
}

void text_posting_set(text_term *term, uint32_t slot, uint32_t tf) {
    postings_of(term)[find(term, slot)].tf = tf;
}

void text_posting_remove(hb_text_index *index, text_term *term, uint32_t slot) {
    text_posting *list = postings_of(term);
    const uint32_t at = find(term, slot);
    term->df--;
    if (at >= term->sorted) {
        term->count--;
        memmove(list + at, list + at + 1, (term->count - at) * sizeof(*list));
        return;
    }
    list[at].tf = 0;
    const uint32_t dead = term->count - term->df;
    if (dead >= DEAD_MIN && dead > term->df) compact(index, term);
}

void text_postings_free(hb_text_index *index, text_term *term) {
    if (term->cap > 0) {
        text_resize(index, term->at.many, term->cap * sizeof(*term->at.many), 0);
    }
    term->cap = 0;
    term->count = 0;
    term->sorted = 0;
    term->df = 0;
}
