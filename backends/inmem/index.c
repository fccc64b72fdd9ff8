// SPDX-License-Identifier: MIT
/* The secondary indexes of a store: value and item postings, word indexes, lengths of vectors. */
#include "backends/inmem/store.h"

#include "index/vector_index.h"
#include "text/words.h"

#define STALE_MIN 256u      /* stale postings that are not worth a rebuild */

static bool field_is_items(const inmem_field *field) {
    return field->type == HB_TYPE_ARRAY;
}

/* Built at the first question, so an array that nobody searches costs nothing. */
bool inmem_type_has_text_items(const hb_type *type) {
    return type->id == HB_TYPE_ARRAY && type->item != NULL &&
           (hb_type_is_text(type->item) || type->item->id == HB_TYPE_IDENTIFIER);
}

bool inmem_field_is_indexed(const inmem_field *field) {
    if (field->edge_ptr != NULL) {
        return true;
    }
    if (field_is_items(field)) {
        return field->indexed || field->text_items || field->strategy == HB_STRATEGY_SIDE ||
               field->strategy == HB_STRATEGY_SPARSE_GRAM;
    }
    hb_kind kind = field->column.kind;
    return field->indexed && (kind == HB_KIND_BOOL || kind == HB_KIND_I64 ||
                              kind == HB_KIND_F64 || kind == HB_KIND_TEXT);
}

void inmem_index_forget(const inmem_store *store, inmem_field *field) {
    if (field->values.mem != NULL) {
        inmem_postings_free(&field->values);
    }
    hb_text_index_free(field->text);
    field->text = NULL;
    hb_mem_free(store->mem, field->norms, field->norm_cap * sizeof(double));
    field->norms = NULL;
    field->norm_count = field->norm_cap = 0;
    hb_hnsw_free(field->graph);
    field->graph = NULL;
    hb_codes_free(&field->codes);
}

static hb_value field_value(const inmem_field *field, uint32_t slot) {
    hb_column column = hb_colbuf_view(&field->column, HB_STR_EMPTY);
    return hb_column_get(&column, slot);
}

static hb_str value_text(const hb_value *value) {
    if (value->kind != HB_KIND_TEXT) {
        return (hb_str){ NULL, 0 };
    }
    return value->as.s.ptr != NULL ? value->as.s : HB_STR_EMPTY;
}

static const float *field_vector(const inmem_field *field, uint32_t slot) {
    hb_column column = hb_colbuf_view(&field->column, HB_STR_EMPTY);
    return hb_column_vec(&column, slot);
}

static bool postings_add(inmem_field *field, const hb_value *value, uint32_t slot) {
    if (field->edge_ptr != NULL) {
        hb_str column = { field->edge_ptr, field->edge_len };
        return inmem_postings_add_edges(&field->values, value, column, slot);
    }
    return inmem_postings_add_value(&field->values, value, field_is_items(field), slot);
}

void inmem_index_added(inmem_store *store, uint32_t slot) {
    for (uint32_t i = 0; i < store->field_count; i++) {
        inmem_field *field = &store->fields[i];
        if (slot < field->norm_count) {
            field->norms[slot] = hb_vector_norm(field_vector(field, slot), field->column.dim);
        }
        inmem_near_added(store, field, slot);
        if (!field->values.built && field->text == NULL) {
            continue;
        }
        hb_value value = field_value(field, slot);
        if (field->values.built && !postings_add(field, &value, slot)) {
            inmem_postings_free(&field->values);
        }
        if (field->text != NULL &&
            hb_text_index_put(field->text, slot, value_text(&value), NULL) != HB_OK) {
            hb_text_index_free(field->text);
            field->text = NULL;
        }
    }
}

void inmem_index_removed(inmem_store *store, uint32_t slot) {
    for (uint32_t i = 0; i < store->field_count; i++) {
        inmem_field *field = &store->fields[i];
        inmem_near_removed(store, field, slot);
        if (field->text != NULL) {
            hb_text_index_remove(field->text, slot);
        }
        if (!field->values.built) {
            continue;
        }
        hb_value value = field_value(field, slot);
        bool items = field_is_items(field) || field->edge_ptr != NULL;
        uint32_t count = items ? inmem_item_count(&value) : value.kind != HB_KIND_NULL;
        field->values.stale += count;
        if (field->values.stale > STALE_MIN && field->values.stale > field->values.count / 2) {
            inmem_postings_free(&field->values);
        }
    }
}

hb_status inmem_index_values(inmem_store *store, inmem_field *field, hb_err *err) {
    if (field->values.built) {
        return HB_OK;
    }
    for (uint32_t slot = 0; slot < store->slot_count; slot++) {
        if (store->state[slot] != INMEM_LIVE) {
            continue;
        }
        hb_value value = field_value(field, slot);
        if (!postings_add(field, &value, slot)) {
            inmem_postings_free(&field->values);
            return hb_err_memory(err);
        }
    }
    field->values.built = true;
    return HB_OK;
}

hb_status inmem_text_ready(inmem_store *store, inmem_field *field, hb_err *err) {
    if (field->text != NULL) {
        return HB_OK;
    }
    hb_text_index *index = hb_text_index_new(store->mem);
    if (index == NULL) {
        return hb_err_memory(err);
    }
    hb_status status = HB_OK;
    for (uint32_t slot = 0; slot < store->slot_count && status == HB_OK; slot++) {
        if (store->state[slot] != INMEM_LIVE) {
            continue;
        }
        hb_value value = field_value(field, slot);
        status = hb_text_index_append(index, slot, value_text(&value), err);
    }
    if (status == HB_OK) {
        status = hb_text_index_settle(index, err);
    }
    if (status != HB_OK) {
        hb_text_index_free(index);
        return status;
    }
    field->text = index;
    return HB_OK;
}

uint32_t inmem_text_estimate(const inmem_store *store, const inmem_field *field, hb_str text) {
    hb_words words;
    hb_str word;
    uint32_t least = UINT32_MAX;
    hb_words_init(&words, text, store->mem);
    while (hb_words_next(&words, &word)) {
        uint32_t df = hb_text_index_df(field->text, word);
        least = df < least ? df : least;
    }
    if (words.fold.failed) {
        least = UINT32_MAX;     /* the scan will do */
    }
    hb_words_free(&words);
    return least;
}

hb_status inmem_text_words(inmem_store *store, inmem_field *field, hb_str words, hb_arena *arena,
                           uint32_t **slots, uint32_t *count, hb_err *err) {
    uint32_t bit_count = store->slot_count;
    uint64_t *bits = hb_arena_zalloc_array(arena, hb_bits_words(bit_count), sizeof(uint64_t));
    *slots = hb_arena_array(arena, store->live_count + 1, sizeof(uint32_t));
    *count = 0;
    if (bits == NULL || *slots == NULL) {
        return hb_err_memory(err);
    }
    HB_TRY(hb_text_index_has_words(field->text, words, HB_TEXT_SET, bits, bit_count, err));
    for (uint32_t slot = 0; slot < bit_count; slot++) {
        (*slots)[*count] = slot;
        *count += hb_bit_has(bits, bit_count, slot) ? 1 : 0;
    }
    return HB_OK;
}

const double *inmem_norms(inmem_store *store, inmem_field *field) {
    if (field->norm_cap < store->slot_count) {
        double *norms = hb_mem_realloc(store->mem, field->norms, field->norm_cap * sizeof(double),
                                       store->slot_cap * sizeof(double));
        if (norms == NULL) {
            return NULL;
        }
        field->norms = norms;
        field->norm_cap = store->slot_cap;
    }
    for (; field->norm_count < store->slot_count; field->norm_count++) {
        uint32_t slot = field->norm_count;
        field->norms[slot] = hb_vector_norm(field_vector(field, slot), field->column.dim);
    }
    return field->norms;
}
