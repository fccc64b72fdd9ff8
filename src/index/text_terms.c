// SPDX-License-Identifier: MIT
/* The dictionary of a text index: word bytes -> term number. */
#include "index/text_parts.h"

#define TABLE_FIRST 256u
#define POOL_FIRST 4096u
#define TERMS_FIRST 256u
#define POOL_GARBAGE_MIN 4096u

#define HEAD_BYTES 8u

/* Words are short, and hashed more often than anything. */
static uint32_t hash_of(hb_str word, uint64_t head) {
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    uint64_t hash = head ^ (uint64_t)word.len << 56;
    for (uint32_t pos = HEAD_BYTES; pos < word.len; pos += HEAD_BYTES) {
        const hb_str rest = { word.ptr + pos, word.len - pos };
        hash = (hash ^ hash >> 32) * prime ^ hb_word_head(rest);
    }
    hash = (hash ^ hash >> 32) * prime;
    return (uint32_t)(hash >> 32);
}

static bool is_word(const hb_text_index *index, const text_place *place, uint32_t hash, hb_str word,
                    uint64_t head) {
    if (place->head != head || place->hash != hash) return false;
    if (word.len < HEAD_BYTES) return true;
    const text_term *term = &index->terms[place->number - 1];
    return term->word_len == word.len &&
           memcmp(index->pool + term->word_at, word.ptr, word.len) == 0;
}

/* The place of the word in the table, or the empty place where it belongs. */
static uint32_t place_of(const hb_text_index *index, uint32_t hash, hb_str word, uint64_t head) {
    const uint32_t mask = index->table_cap - 1;
    uint32_t at = hash & mask;
    while (index->table[at].number != 0) {
        if (is_word(index, &index->table[at], hash, word, head)) return at;
        at = (at + 1) & mask;
    }
    return at;
}

uint32_t text_term_find(const hb_text_index *index, hb_str word) {
    if (index->table_cap == 0 || word.len == 0) return TERM_NONE;
    const uint64_t head = hb_word_head(word);
    /* An empty place holds 0, which becomes TERM_NONE. */
    return index->table[place_of(index, hash_of(word, head), word, head)].number - 1;
}

static bool table_grow(hb_text_index *index) {
    if ((uint64_t)(index->live_terms + 1) * 3 <= (uint64_t)index->table_cap * 2) return true;
    const uint32_t cap = index->table_cap > 0 ? index->table_cap * 2 : TABLE_FIRST;
    if (cap < index->table_cap) return false;
    text_place *table = text_resize(index, NULL, 0, (size_t)cap * sizeof(*table));
    if (table == NULL) return false;
    memset(table, 0, (size_t)cap * sizeof(*table));
    for (uint32_t i = 0; i < index->table_cap; i++) {
        const text_place place = index->table[i];
        if (place.number == 0) continue;
        uint32_t at = place.hash & (cap - 1);
        while (table[at].number != 0) {
            at = (at + 1) & (cap - 1);
        }
        table[at] = place;
    }
    text_resize(index, index->table, (size_t)index->table_cap * sizeof(*table), 0);
    index->table = table;
    index->table_cap = cap;
    return true;
}

static bool pool_reserve(hb_text_index *index, uint32_t len) {
    if (len <= index->pool_cap - index->pool_len) return true;
    uint64_t cap = (uint64_t)index->pool_cap * 3 / 2;
    if (cap < POOL_FIRST) cap = POOL_FIRST;
    if (cap < (uint64_t)index->pool_len + len) cap = (uint64_t)index->pool_len + len;
    if (cap > UINT32_MAX) return false;
    char *pool = text_resize(index, index->pool, index->pool_cap, (size_t)cap);
    if (pool == NULL) return false;
    index->pool = pool;
    index->pool_cap = (uint32_t)cap;
    return true;
}

/* Makes sure that a free term exists. */
static bool terms_reserve(hb_text_index *index) {
    if (index->term_free != TERM_NONE || index->term_count < index->term_cap) return true;
    const uint64_t cap = index->term_cap > 0 ? (uint64_t)index->term_cap * 3 / 2 : TERMS_FIRST;
    if (cap >= TERM_NONE || cap > SIZE_MAX / sizeof(text_term)) return false;
    uint32_t *marks = text_resize(index, NULL, 0, (size_t)cap * sizeof(*marks));
    if (marks == NULL) return false;
    text_term *terms = text_resize(index, index->terms, index->term_cap * sizeof(*terms),
                                   (size_t)cap * sizeof(*terms));
    if (terms == NULL) {
        text_resize(index, marks, (size_t)cap * sizeof(*marks), 0);
        return false;
    }
    if (index->term_count > 0) memcpy(marks, index->marks, index->term_count * sizeof(*marks));
    text_resize(index, index->marks, index->term_cap * sizeof(*marks), 0);
    index->terms = terms;
    index->marks = marks;
    index->term_cap = (uint32_t)cap;
    return true;
}

uint32_t text_term_intern(hb_text_index *index, hb_str word, uint64_t head) {
    const uint32_t hash = hash_of(word, head);
    if (index->table_cap > 0) {
        const uint32_t found = index->table[place_of(index, hash, word, head)].number;
        if (found != 0) return found - 1;
    }
    if (!table_grow(index) || !pool_reserve(index, word.len) || !terms_reserve(index)) {
        return TERM_NONE;
    }
    uint32_t number = index->term_free;
    if (number != TERM_NONE)
        index->term_free = index->terms[number].word_at;
    else
        number = index->term_count++;
    text_term *term = &index->terms[number];
    memset(term, 0, sizeof(*term));
    term->word_at = index->pool_len;
    term->word_len = word.len;
    term->hash = hash;
    memcpy(index->pool + index->pool_len, word.ptr, word.len);
    index->pool_len += word.len;
    index->marks[number] = 0;
    index->table[place_of(index, hash, word, head)] = (text_place){ head, hash, number + 1 };
    index->live_terms++;
    return number;
}

/* Writes the pool without the bytes of released words; when that needs memory that is not there,
 * the garbage stays for now. */
static void pool_compact(hb_text_index *index) {
    if (index->pool_garbage < POOL_GARBAGE_MIN || index->pool_garbage < index->pool_len / 2) return;
    const uint32_t cap = index->pool_len - index->pool_garbage + POOL_FIRST;
    char *pool = text_resize(index, NULL, 0, cap);
    if (pool == NULL) return;
    uint32_t len = 0;
    for (uint32_t i = 0; i < index->term_count; i++) {
        text_term *term = &index->terms[i];
        if (term->word_len == UINT32_MAX) continue;
        memcpy(pool + len, index->pool + term->word_at, term->word_len);
        term->word_at = len;
        len += term->word_len;
    }
    text_resize(index, index->pool, index->pool_cap, 0);
    index->pool = pool;
    index->pool_cap = cap;
    index->pool_len = len;
    index->pool_garbage = 0;
}

/* Empties a place and moves up what probed past it, so that no tombstone is needed. */
static void table_remove(hb_text_index *index, uint32_t hole) {
    const uint32_t mask = index->table_cap - 1;
    uint32_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (index->table[at].number == 0) break;
        const uint32_t home = index->table[at].hash & mask;
        /* It may move up only if its home is not between the hole (excluded) and here. */
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        index->table[hole] = index->table[at];
        hole = at;
    }
    index->table[hole].number = 0;
}

void text_term_release(hb_text_index *index, uint32_t number) {
    text_term *term = &index->terms[number];
    const hb_str word = text_term_word(index, number);
    table_remove(index, place_of(index, term->hash, word, hb_word_head(word)));
    text_postings_free(index, term);
    index->pool_garbage += term->word_len;
    term->word_len = UINT32_MAX;
    term->word_at = index->term_free;
    index->term_free = number;
    index->live_terms--;
    pool_compact(index);
}
