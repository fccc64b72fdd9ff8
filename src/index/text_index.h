// SPDX-License-Identifier: MIT
/* Inverted index of one text field over dense slot numbers, and ranked text search over several.
 *
 * Words are those of text/words.h. The owner gives a slot to each row of the entity and puts every
 * row, null text included (a document of length 0): N in the formula counts them all. The index
 * copies no text, only words. Memory is bounded by what is in it: any number of put and remove
 * turns over the same slots leaves it as large as a fresh one, within a constant factor.
 *
 * Score of a document = sum over the distinct query words, in query order, of the sum over the
 * indexes, in the given order, of
 *     ln(1 + (N - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * len / avglen))
 * with k1 1.2, b 0.75, avglen = words of all documents / N, each index with its own N, df, avglen.
 *
 *   ANY     at least one of the words
 *   ALL     every word, each in any of the fields
 *   PHRASE  the words of the query one after another inside one field
 *   PREFIX  as ANY, but the last word also stands for every word that starts with it, each of
 *           which scores with its own df; these come in byte order behind the other words
 * A query without words finds nothing. */
#ifndef HB_INDEX_TEXT_INDEX_H
#define HB_INDEX_TEXT_INDEX_H

#include "base/err.h"
#include "base/mem.h"
#include "index/top_k.h"
#include "query/ir.h"

typedef struct hb_text_index hb_text_index;

/* Borrows `mem`. NULL when out of memory. */
hb_text_index *hb_text_index_new(const hb_mem *mem);
void hb_text_index_free(hb_text_index *index);

/* Sets or replaces the text of a slot; text.ptr NULL is null. On failure the slot keeps what it
 * had. Slots should be dense: memory follows the highest. */
hb_status hb_text_index_put(hb_text_index *index, uint32_t slot, hb_str text, hb_err *err);
/* The first texts of an index, many at once and cheaper than by put: slots ascend, and until settle
 * nothing else is done with the index. After a failure it can only be freed. */
hb_status hb_text_index_append(hb_text_index *index, uint32_t slot, hb_str text, hb_err *err);
hb_status hb_text_index_settle(hb_text_index *index, hb_err *err);
/* Forgets a slot; one without a document is fine. */
void hb_text_index_remove(hb_text_index *index, uint32_t slot);
void hb_text_index_clear(hb_text_index *index);

uint32_t hb_text_index_doc_count(const hb_text_index *index);       /* N */
uint64_t hb_text_index_total_words(const hb_text_index *index);
/* Number of documents that have the folded word. */
uint32_t hb_text_index_df(const hb_text_index *index, hb_str word);
uint32_t hb_text_index_word_count(const hb_text_index *index);      /* distinct words */
/* One more than the highest slot put since new or clear. */
uint32_t hb_text_index_slot_count(const hb_text_index *index);
size_t hb_text_index_bytes(const hb_text_index *index);             /* all memory it holds */

typedef hb_hit hb_text_hit;

typedef struct hb_text_query {
    const hb_text_index *const *indexes;    /* one per field, over the same slots */
    uint32_t index_count;
    hb_str text;
    hb_search_mode mode;
    uint32_t k;                     /* UINT32_MAX: all hits */
    const uint64_t *allowed;        /* one bit per slot, before k is taken; NULL: all slots */
    uint32_t allowed_count;         /* bits in it; slots beyond are not allowed */
    hb_tie_fn tie;                  /* order of equal scores; NULL: by slot */
    void *tie_ctx;
    /* PHRASE: the text of a slot in field `index` of `indexes`, borrowed until the next call.
     * Without it PHRASE is HB_E_UNSUPPORTED. */
    hb_str (*text_of)(void *ctx, uint32_t index, uint32_t slot);
    void *text_ctx;
    const hb_mem *mem;              /* for what lives during the call */
} hb_text_query;

/* Highest slot count of the indexes: no search has more hits. */
uint32_t hb_text_query_slots(const hb_text_query *query);
/* Best first. `hits` has room for min(k, hb_text_query_slots(query)). */
hb_status hb_text_search(const hb_text_query *query, hb_text_hit *hits, uint32_t *hit_count,
                         hb_err *err);

typedef enum hb_text_combine { HB_TEXT_SET, HB_TEXT_AND, HB_TEXT_OR } hb_text_combine;

/* The slots whose text has every word of `text`, unranked: replaces `bits` (bit_count of them), or
 * is combined with them. No word at all: every slot with a text that is not null. */
hb_status hb_text_index_has_words(const hb_text_index *index, hb_str text, hb_text_combine how,
                                  uint64_t *bits, uint32_t bit_count, hb_err *err);

#endif
