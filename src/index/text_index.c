// SPDX-License-Identifier: MIT
#include "index/text_parts.h"

#define SLOTS_FIRST 64u
#define FRESH_FIRST 64u

void *text_resize(hb_text_index *index, void *ptr, size_t old_size, size_t size) {
    if (size == 0) {
        hb_mem_free(index->mem, ptr, old_size);
        index->bytes -= old_size;
        return NULL;
    }
    void *moved = ptr == NULL ? hb_mem_alloc(index->mem, size)
                              : hb_mem_realloc(index->mem, ptr, old_size, size);
    if (moved != NULL) index->bytes += size - old_size;
    return moved;
}

hb_text_index *hb_text_index_new(const hb_mem *mem) {
    hb_text_index *index = hb_mem_zalloc(mem, sizeof(*index));
    if (index == NULL) return NULL;
    index->mem = mem;
    index->bytes = sizeof(*index);
    index->term_free = TERM_NONE;
    hb_words_init(&index->words, HB_STR_EMPTY, mem);
    return index;
}

void hb_text_index_clear(hb_text_index *index) {
    for (uint32_t i = 0; i < index->term_count; i++) {
        if (index->terms[i].word_len != UINT32_MAX) text_postings_free(index, &index->terms[i]);
    }
    for (uint32_t i = 0; i < index->slot_count; i++) {
        text_doc_free(index, &index->docs[i]);
    }
    text_resize(index, index->pool, index->pool_cap, 0);
    text_resize(index, index->terms, index->term_cap * sizeof(*index->terms), 0);
    text_resize(index, index->marks, index->term_cap * sizeof(*index->marks), 0);
    text_resize(index, index->table, index->table_cap * sizeof(*index->table), 0);
    text_resize(index, index->docs, index->slot_cap * sizeof(*index->docs), 0);
    text_resize(index, index->lens, index->slot_cap * sizeof(*index->lens), 0);
    text_resize(index, index->fresh, index->fresh_cap * sizeof(*index->fresh), 0);
    text_resize(index, index->lot, index->lot_cap * sizeof(*index->lot), 0);
    hb_words_free(&index->words);
    const hb_mem *mem = index->mem;
    const size_t bytes = index->bytes;
    *index = (hb_text_index){ .mem = mem, .bytes = bytes, .term_free = TERM_NONE };
    hb_words_init(&index->words, HB_STR_EMPTY, mem);
}

void hb_text_index_free(hb_text_index *index) {
    if (index == NULL) return;
    hb_text_index_clear(index);
    HB_ASSERT(index->bytes == sizeof(*index));
    hb_mem_free(index->mem, index, sizeof(*index));
}

uint32_t hb_text_index_doc_count(const hb_text_index *index) {
    return index->doc_count;
}

uint64_t hb_text_index_total_words(const hb_text_index *index) {
    return index->total_words;
}

uint32_t hb_text_index_df(const hb_text_index *index, hb_str word) {
    const uint32_t number = text_term_find(index, word);
    return number != TERM_NONE ? index->terms[number].df : 0;
}

uint32_t hb_text_index_word_count(const hb_text_index *index) {
    return index->live_terms;
}

uint32_t hb_text_index_slot_count(const hb_text_index *index) {
    return index->slot_count;
}

size_t hb_text_index_bytes(const hb_text_index *index) {
    return index->bytes + index->words.fold.cap;
}

/* Makes `slot` addressable. Both arrays are grown before either counts as grown. */
hb_status text_reserve_slot(hb_text_index *index, uint32_t slot, hb_err *err) {
    if (slot >= index->slot_cap) {
        uint64_t cap = (uint64_t)index->slot_cap + index->slot_cap / 2;
        if (cap < SLOTS_FIRST) cap = SLOTS_FIRST;
        if (cap <= slot) cap = (uint64_t)slot + 1;
        if (cap > UINT32_MAX / sizeof(text_doc)) return hb_err_memory(err);
        const size_t old = index->slot_cap;
        text_doc *docs = text_resize(index, NULL, 0, (size_t)cap * sizeof(*docs));
        if (docs == NULL) return hb_err_memory(err);
        uint32_t *lens =
            text_resize(index, index->lens, old * sizeof(*lens), (size_t)cap * sizeof(*lens));
        if (lens == NULL) {
            text_resize(index, docs, (size_t)cap * sizeof(*docs), 0);
            return hb_err_memory(err);
        }
        if (old > 0) memcpy(docs, index->docs, index->slot_count * sizeof(*docs));
        text_resize(index, index->docs, old * sizeof(*docs), 0);
        index->docs = docs;
        index->lens = lens;
        index->slot_cap = (uint32_t)cap;
    }
    for (; index->slot_count <= slot; index->slot_count++) {
        index->docs[index->slot_count] = (text_doc){ NULL, 0 };
        index->lens[index->slot_count] = LEN_ABSENT;
    }
    return HB_OK;
}

static bool fresh_add(hb_text_index *index, uint32_t term) {
    if (index->fresh_count == index->fresh_cap) {
        const uint64_t cap = index->fresh_cap > 0 ? (uint64_t)index->fresh_cap * 2 : FRESH_FIRST;
        if (cap > UINT32_MAX / sizeof(text_fresh)) return false;
        text_fresh *fresh = text_resize(index, index->fresh, index->fresh_cap * sizeof(*fresh),
                                        (size_t)cap * sizeof(*fresh));
        if (fresh == NULL) return false;
        index->fresh = fresh;
        index->fresh_cap = (uint32_t)cap;
    }
    index->fresh[index->fresh_count++] = (text_fresh){ term, 0, false };
    index->marks[term] = index->fresh_count;
    return true;
}

/* Counts the words of the text into `fresh` and marks their terms. */
bool text_read(hb_text_index *index, hb_str text, uint32_t *len) {
    hb_str word;
    *len = 0;
    hb_words_reset(&index->words, text);
    while (hb_words_next(&index->words, &word)) {
        const uint32_t term = text_term_intern(index, word, hb_words_head(&index->words, word));
        if (term == TERM_NONE) return false;
        if (index->marks[term] == 0 && !fresh_add(index, term)) {
            if (index->terms[term].df == 0) text_term_release(index, term);
            return false;
        }
        index->fresh[index->marks[term] - 1].tf++;
        (*len)++;
    }
    return !index->words.fold.failed;
}

static void forget_fresh(hb_text_index *index) {
    for (uint32_t i = 0; i < index->fresh_count; i++) {
        const uint32_t term = index->fresh[i].term;
        index->marks[term] = 0;
        if (index->terms[term].df == 0) text_term_release(index, term);
    }
    index->fresh_count = 0;
}

bool text_doc_make(hb_text_index *index, text_doc *out) {
    *out = (text_doc){ NULL, 0 };
    for (uint32_t i = 0; i < index->fresh_count; i++) {
        for (uint32_t rest = index->fresh[i].term; rest >= 128u; rest >>= 7) out->size++;
        out->size++;
    }
    if (out->size == 0) return true;
    uint8_t *to = out->terms = text_resize(index, NULL, 0, out->size);
    if (to == NULL) return false;
    for (uint32_t i = 0; i < index->fresh_count; i++) {
        uint32_t rest = index->fresh[i].term;
        for (; rest >= 128u; rest >>= 7) *to++ = (uint8_t)(rest | 128u);
        *to++ = (uint8_t)rest;
    }
    return true;
}

void text_doc_free(hb_text_index *index, text_doc *doc) {
    text_resize(index, doc->terms, doc->size, 0);
    *doc = (text_doc){ NULL, 0 };
}

/* All memory that the turn-over to the new text needs, so that it cannot fail half-way. */
static bool reserve_fresh(hb_text_index *index, const text_doc *old, text_doc *made) {
    for (const uint8_t *at = old->terms; at < text_doc_end(old);) {
        const uint32_t mark = index->marks[text_doc_next(&at)];
        if (mark > 0) index->fresh[mark - 1].kept = true;
    }
    for (uint32_t i = 0; i < index->fresh_count; i++) {
        const text_fresh *fresh = &index->fresh[i];
        if (!fresh->kept && !text_posting_reserve(index, &index->terms[fresh->term], 1))
            return false;
    }
    return text_doc_make(index, made);
}

static void drop_posting(hb_text_index *index, uint32_t term, uint32_t slot) {
    text_posting_remove(index, &index->terms[term], slot);
    if (index->terms[term].df == 0) text_term_release(index, term);
}

/* The slot's postings and forward list become those of `fresh`; `made` is the new list. */
static void turn_over(hb_text_index *index, uint32_t slot, text_doc made) {
    text_doc *doc = &index->docs[slot];
    for (const uint8_t *at = doc->terms; at < text_doc_end(doc);) {
        const uint32_t number = text_doc_next(&at);
        if (index->marks[number] == 0) drop_posting(index, number, slot);
    }
    for (uint32_t i = 0; i < index->fresh_count; i++) {
        const text_fresh *fresh = &index->fresh[i];
        text_term *term = &index->terms[fresh->term];
        if (fresh->kept)
            text_posting_set(term, slot, fresh->tf);
        else
            text_posting_add(index, term, slot, fresh->tf);
        index->marks[fresh->term] = 0;
    }
    text_doc_free(index, doc);
    *doc = made;
    index->fresh_count = 0;
}

static uint32_t words_in(uint32_t len) {
    return len == LEN_ABSENT || len == LEN_NULL ? 0 : len;
}

hb_status hb_text_index_put(hb_text_index *index, uint32_t slot, hb_str text, hb_err *err) {
    uint32_t len = LEN_NULL;
    text_doc made = { NULL, 0 };
    HB_TRY(text_reserve_slot(index, slot, err));
    const bool read = text.ptr == NULL || text_read(index, text, &len);
    if (!read || !reserve_fresh(index, &index->docs[slot], &made)) {
        forget_fresh(index);
        return hb_err_memory(err);
    }
    turn_over(index, slot, made);
    if (index->lens[slot] == LEN_ABSENT) index->doc_count++;
    index->total_words += words_in(len);
    index->total_words -= words_in(index->lens[slot]);
    index->lens[slot] = len;
    return HB_OK;
}

void hb_text_index_remove(hb_text_index *index, uint32_t slot) {
    if (slot >= index->slot_count || index->lens[slot] == LEN_ABSENT) return;
    text_doc *doc = &index->docs[slot];
    for (const uint8_t *at = doc->terms; at < text_doc_end(doc);) {
        drop_posting(index, text_doc_next(&at), slot);
    }
    text_doc_free(index, doc);
    index->doc_count--;
    index->total_words -= words_in(index->lens[slot]);
    index->lens[slot] = LEN_ABSENT;
}
