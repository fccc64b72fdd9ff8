// SPDX-License-Identifier: MIT
/* Ranked rows of several sources: summed scores, and reciprocal rank fusion. */
#include <math.h>
#include <stdlib.h>

#include "exec/rows.h"

typedef struct rank_entry {
    hb_str id;
    double score;
    double parts[2];        /* near, search; NaN: not in that list */
} rank_entry;

typedef struct rank_table {
    rank_entry *entries;
    uint32_t count;
    hb_map by_id;
} rank_table;

static hb_status rank_open(hb_task *task, rank_table *table, uint64_t cap, hb_err *err) {
    memset(table, 0, sizeof(*table));
    hb_map_init(&table->by_id, task->mem);
    table->entries = hb_arena_array(&task->arena, (size_t)cap, sizeof(*table->entries));
    return table->entries != NULL ? HB_OK : hb_err_memory(err);
}

static rank_entry *rank_entry_for(rank_table *table, hb_str id) {
    uint32_t at = hb_map_find(&table->by_id, id);
    if (at != HB_MAP_NONE) return &table->entries[at];
    if (!hb_map_put(&table->by_id, id, table->count)) return NULL;
    rank_entry *entry = &table->entries[table->count++];
    *entry = (rank_entry){ id, 0.0, { NAN, NAN } };
    return entry;
}

static int rank_compare(const void *a, const void *b) {
    const rank_entry *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return hb_str_cmp(x->id, y->id);
}

static bool rank_add_part(hb_colbuf *col, double part) {
    hb_value value = { HB_KIND_F64, { .f = part } };
    return part == part ? hb_colbuf_add(col, &value) : hb_colbuf_add_null(col);
}

/* Sorts, cuts to `bound`, and makes the rows; frees the table's map. */
static hb_status rank_close(hb_task *task, rank_table *table, uint64_t bound, bool parts,
                            hb_rows *out, hb_err *err) {
    static const uint32_t colids[4] = { HB_FIELD_OBJECT_ID, HB_COLID_SCORE, HB_COLID_NEAR_SCORE,
                                        HB_COLID_SEARCH_SCORE };
    static const char *const names[4] = { "object_id", "score", "near_score", "search_score" };
    hb_map_free(&table->by_id);
    qsort(table->entries, table->count, sizeof(*table->entries), rank_compare);
    uint32_t count = table->count < bound ? table->count : (uint32_t)bound;
    uint32_t column_count = parts ? 4 : 2;
    hb_rowset *set;
    HB_TRY(hb_task_rowset(task, column_count, &set, err));
    for (uint32_t c = 0; c < column_count; c++) {
        hb_rowset_column(set, c, hb_str_c(names[c]), c == 0 ? HB_KIND_TEXT : HB_KIND_F64, 0);
    }
    for (uint32_t i = 0; i < count; i++) {
        const rank_entry *entry = &table->entries[i];
        bool ok = hb_colbuf_add_text(&set->columns[0], entry->id) &&
                  rank_add_part(&set->columns[1], entry->score);
        if (ok && parts) {
            ok = rank_add_part(&set->columns[2], entry->parts[0]) &&
                 rank_add_part(&set->columns[3], entry->parts[1]);
        }
        if (!ok) return hb_err_memory(err);
    }
    hb_batch batch = hb_rowset_batch(set);
    *out = (hb_rows){ batch.columns, colids, column_count, NULL, count };
    return HB_OK;
}

static double rank_score_at(const hb_rows *rows, int column, uint32_t i) {
    return ((const double *)rows->columns[column].data)[hb_rows_at(rows, i)];
}

hb_status hb_exec_add_scores(hb_task *task, const hb_rows *const *in, uint32_t in_count,
                             uint32_t ranked, uint64_t bound, hb_rows *out, hb_err *err) {
    uint64_t cap = 0;
    for (uint32_t i = 0; i < in_count; i++) cap += in[i]->count;
    rank_table table;
    HB_TRY(rank_open(task, &table, cap, err));
    for (uint32_t i = 0; i < in_count; i++) {
        int column = hb_rows_find(in[i], HB_COLID_SCORE);
        HB_ASSERT(column >= 0);
        for (uint32_t r = 0; r < in[i]->count; r++) {
            rank_entry *entry = rank_entry_for(&table, hb_rows_id(in[i], r));
            if (entry == NULL) {
                hb_map_free(&table.by_id);
                return hb_err_memory(err);
            }
            bool counted = i >= ranked && entry->parts[0] == entry->parts[0];
            if (i >= ranked) entry->parts[0] = 1.0; /* not shown: found by a scan already */
            if (!counted) entry->score += rank_score_at(in[i], column, r);
        }
    }
    return rank_close(task, &table, bound, false, out, err);
}

static bool fuse_list(rank_table *table, const hb_rows *rows, uint32_t part, double k,
                      double weight) {
    int column = hb_rows_find(rows, HB_COLID_SCORE);
    HB_ASSERT(column >= 0);
    for (uint32_t r = 0; r < rows->count; r++) {
        rank_entry *entry = rank_entry_for(table, hb_rows_id(rows, r));
        if (entry == NULL) return false;
        entry->score += weight / (k + (double)r + 1.0);
        entry->parts[part] = rank_score_at(rows, column, r);
    }
    return true;
}

hb_status hb_exec_fuse(hb_task *task, const hb_rows *near, const hb_rows *search, double k,
                       double near_weight, double search_weight, uint64_t bound, hb_rows *out,
                       hb_err *err) {
    rank_table table;
    HB_TRY(rank_open(task, &table, (uint64_t)near->count + search->count, err));
    if (!fuse_list(&table, near, 0, k, near_weight) ||
        !fuse_list(&table, search, 1, k, search_weight)) {
        hb_map_free(&table.by_id);
        return hb_err_memory(err);
    }
    return rank_close(task, &table, bound, true, out, err);
}
