// SPDX-License-Identifier: MIT
/* The inside of a text index, for src/index/text_*.c only.
 *
 * words        term number -> term; `table` finds the number by the word's bytes
 * postings     per term, two sorted runs in one array: [0, sorted) may hold dead entries (tf 0),
 *              the short tail behind it takes slots that come out of order and is merged in when
 *              it grows; one posting is kept inside the term
 * documents    per slot, the numbers of its terms, so that removal looks at nothing else */
#ifndef HB_INDEX_TEXT_PARTS_H
#define HB_INDEX_TEXT_PARTS_H

#include "index/text_index.h"
#include "text/words.h"

#define TERM_NONE UINT32_MAX
#define LEN_ABSENT UINT32_MAX       /* no document in that slot */
#define LEN_NULL (UINT32_MAX - 1u)  /* a document without text */

typedef struct text_posting {
    uint32_t slot;
    uint32_t tf;            /* 0: dead */
} text_posting;

typedef struct text_term {
    uint32_t word_at;       /* in pool; of a free term: the next free one */
    uint32_t word_len;      /* UINT32_MAX: free */
    uint32_t hash;
    uint32_t df;            /* live postings */
    uint32_t count;         /* postings, dead ones included */
    uint32_t sorted;        /* length of the first run */
    uint32_t cap;           /* of `many`; 0: the one posting is in `one` */
    union {
        text_posting one;
        text_posting *many;
    } at;
} text_term;

typedef struct text_doc {
    uint8_t *terms;         /* owned; distinct numbers, 7 bits to a byte, the lowest first */
    uint32_t size;          /* bytes */
} text_doc;

typedef struct text_fresh { /* a distinct word of the text that is being put */
    uint32_t term;
    uint32_t tf;
    bool kept;              /* the slot's old text has it too */
} text_fresh;

typedef struct text_lot {   /* a posting that waits, of the slots from lot_slot on in turn */
    uint32_t term;
    uint32_t tf;
} text_lot;

typedef struct text_place {
    uint64_t head;          /* of the word: all of one below 8 bytes, which holds no NUL */
    uint32_t hash;
    uint32_t number;        /* 1 + term number; 0: empty */
} text_place;

struct hb_text_index {
    const hb_mem *mem;
    size_t bytes;
    char *pool;             /* bytes of the words */
    uint32_t pool_len, pool_cap, pool_garbage;
    text_term *terms;
    uint32_t *marks;        /* per term, during a put: 1 + place in `fresh`; else 0 */
    uint32_t term_count, term_cap, term_free, live_terms;
    text_place *table;      /* linear probing, no tombstones */
    uint32_t table_cap;     /* power of two, or 0 */
    text_doc *docs;
    uint32_t *lens;
    uint32_t slot_count, slot_cap;
    uint32_t doc_count;
    uint64_t total_words;
    text_fresh *fresh;
    uint32_t fresh_count, fresh_cap;
    text_lot *lot;          /* of documents that were appended and not settled yet */
    uint32_t lot_count, lot_cap, lot_slot;
    hb_words words;
};

/* Accounted memory. NULL when out of memory; resizing to 0 frees. */
void *text_resize(hb_text_index *index, void *ptr, size_t old_size, size_t size);

/* text_index.c */
/* Makes `slot` addressable. */
hb_status text_reserve_slot(hb_text_index *index, uint32_t slot, hb_err *err);
/* Counts the words of the text into `fresh` and marks their terms. */
bool text_read(hb_text_index *index, hb_str text, uint32_t *len);

/* The numbers of the terms of `fresh`, in that order; of none: nothing. False: out of memory. */
bool text_doc_make(hb_text_index *index, text_doc *out);
void text_doc_free(hb_text_index *index, text_doc *doc);
static inline const uint8_t *text_doc_end(const text_doc *doc) {
    return doc->size > 0 ? doc->terms + doc->size : doc->terms;
}
/* Reads one number and moves on. */
static inline uint32_t text_doc_next(const uint8_t **at) {
    uint32_t number = 0;
    for (uint32_t shift = 0;; shift += 7) {
        const uint32_t byte = *(*at)++;
        number |= (byte & 127u) << shift;
        if (byte < 128u) return number;
    }
}

/* text_terms.c */
uint32_t text_term_find(const hb_text_index *index, hb_str word);
/* Finds or adds the word, whose first bytes are `head`; a new term has df 0. TERM_NONE when out of
 * memory. */
uint32_t text_term_intern(hb_text_index *index, hb_str word, uint64_t head);
/* Takes out a term that no document has. */
void text_term_release(hb_text_index *index, uint32_t number);
static inline hb_str text_term_word(const hb_text_index *index, uint32_t number) {
    return (hb_str){ index->pool + index->terms[number].word_at, index->terms[number].word_len };
}

/* text_postings.c */
static inline const text_posting *text_postings(const text_term *term) {
    return term->cap == 0 ? &term->at.one : term->at.many;
}
/* Room for so many more postings. */
bool text_posting_reserve(hb_text_index *index, text_term *term, uint32_t more);
/* The slot is above all of the list; room is reserved. `df` counts it already. */
void text_posting_append(text_term *term, uint32_t slot, uint32_t tf);
/* The slot is not among the live ones; room is reserved. */
void text_posting_add(hb_text_index *index, text_term *term, uint32_t slot, uint32_t tf);
/* The slot is among the live ones. */
void text_posting_set(text_term *term, uint32_t slot, uint32_t tf);
void text_posting_remove(hb_text_index *index, text_term *term, uint32_t slot);
void text_postings_free(hb_text_index *index, text_term *term);

#endif
