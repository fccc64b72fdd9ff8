// SPDX-License-Identifier: MIT
/* Many documents at once: their words are counted as they come, and go to the posting lists in
 * large lots, so that a list is resized once a lot instead of every few postings. */
#include "index/text_parts.h"

#define LOT_FIRST 4096u
#define LOT_MAX 65536u      /* half a MB, held while the index is built */

static bool lot_reserve(hb_text_index *index, uint32_t more) {
    if (index->lot_cap - index->lot_count >= more) return true;
    uint64_t cap = index->lot_cap > 0 ? (uint64_t)index->lot_cap * 2 : LOT_FIRST;
    while (cap < (uint64_t)index->lot_count + more) {
        cap *= 2;
    }
    if (cap > UINT32_MAX / sizeof(text_lot)) return false;
    text_lot *lot =
        text_resize(index, index->lot, index->lot_cap * sizeof(*lot), (size_t)cap * sizeof(*lot));
    if (lot == NULL) return false;
    index->lot = lot;
    index->lot_cap = (uint32_t)cap;
    return true;
}

hb_status hb_text_index_append(hb_text_index *index, uint32_t slot, hb_str text, hb_err *err) {
    HB_ASSERT(slot >= index->slot_count);
    uint32_t len = LEN_NULL;
    text_doc made;
    if (index->lot_count >= LOT_MAX) HB_TRY(hb_text_index_settle(index, err));
    HB_TRY(text_reserve_slot(index, slot, err));
    if (text.ptr != NULL && !text_read(index, text, &len)) return hb_err_memory(err);
    const uint32_t count = index->fresh_count;
    if (!lot_reserve(index, count) || !text_doc_make(index, &made)) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const text_fresh *fresh = &index->fresh[i];
        index->marks[fresh->term] = 0;
        index->lot[index->lot_count++] = (text_lot){ fresh->term, fresh->tf };
    }
    index->fresh_count = 0;
    index->docs[slot] = made;
    index->lens[slot] = len;
    index->doc_count++;
    index->total_words += len == LEN_NULL ? 0 : len;
    return HB_OK;
}

hb_status hb_text_index_settle(hb_text_index *index, hb_err *err) {
    for (uint32_t i = 0; i < index->lot_count; i++) {
        index->terms[index->lot[i].term].df++;
    }
    for (uint32_t i = 0; i < index->term_count; i++) {
        text_term *term = &index->terms[i];
        if (term->word_len == UINT32_MAX) continue;
        if (!text_posting_reserve(index, term, term->df - term->count)) return hb_err_memory(err);
    }
    uint32_t at = 0;
    for (uint32_t slot = index->lot_slot; slot < index->slot_count; slot++) {
        const text_doc *doc = &index->docs[slot];
        for (const uint8_t *term = doc->terms; term < text_doc_end(doc); at++) {
            text_posting_append(&index->terms[text_doc_next(&term)], slot, index->lot[at].tf);
        }
    }
    HB_ASSERT(at == index->lot_count);
    text_resize(index, index->lot, index->lot_cap * sizeof(*index->lot), 0);
    index->lot = NULL;
    index->lot_count = index->lot_cap = 0;
    index->lot_slot = index->slot_count;
    return HB_OK;
}
