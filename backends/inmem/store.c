// SPDX-License-Identifier: MIT
#include "backends/inmem/store.h"

#include "backends/inmem/column.h"
#include "eval/sort.h"
#include "value/edge.h"

#define TABLE_EMPTY   UINT32_MAX
#define TIDY_MIN      64u           /* dead slots that are not worth tidying up for */

static uint32_t id_hash(hb_str id) {
    return (uint32_t)hb_str_hash(id);
}

hb_column inmem_store_column(const inmem_store *store, uint32_t index) {
    const inmem_field *field = &store->fields[index];
    return hb_colbuf_view(&field->column, (hb_str){ field->name_ptr, field->name_len });
}

/* ---- object_id hash --------------------------------------------------------------------- */

/* Position in the table: of the id's slot, or the empty one where it would go. */
static uint32_t table_seek(const inmem_store *store, hb_str id, uint32_t hash) {
    uint32_t mask = store->table_cap - 1;
    uint32_t at = hash & mask;
    while (store->table[at] != TABLE_EMPTY) {
        uint32_t slot = store->table[at];
        if (store->link[slot] == hash && hb_str_eq(inmem_store_id(store, slot), id)) {
            return at;
        }
        at = (at + 1) & mask;
    }
    return at;
}

uint32_t inmem_store_find(const inmem_store *store, hb_str id) {
    if (store->table_cap == 0) {
        return INMEM_NO_SLOT;
    }
    return store->table[table_seek(store, id, id_hash(id))];
}

static bool table_reserve(inmem_store *store, uint64_t count) {
    uint64_t cap = store->table_cap == 0 ? 16 : store->table_cap;
    while (cap < count + count / 2 + 1) {
        cap *= 2;
    }
    if (cap == store->table_cap) {
        return true;
    }
    uint32_t *table = hb_mem_alloc(store->mem, (size_t)cap * sizeof(uint32_t));
    if (table == NULL) {
        return false;
    }
    memset(table, 0xff, (size_t)cap * sizeof(uint32_t));
    for (uint32_t i = 0; i < store->table_cap; i++) {
        if (store->table[i] == TABLE_EMPTY) {
            continue;
        }
        uint32_t at = store->link[store->table[i]] & (uint32_t)(cap - 1);
        while (table[at] != TABLE_EMPTY) {
            at = (at + 1) & (uint32_t)(cap - 1);
        }
        table[at] = store->table[i];
    }
    hb_mem_free(store->mem, store->table, store->table_cap * sizeof(uint32_t));
    store->table = table;
    store->table_cap = (uint32_t)cap;
    return true;
}

/* Empties a position and closes the gap, so that no tombstones pile up. */
static void table_remove(inmem_store *store, uint32_t at) {
    uint32_t mask = store->table_cap - 1;
    uint32_t gap = at;
    for (;;) {
        at = (at + 1) & mask;
        uint32_t slot = store->table[at];
        if (slot == TABLE_EMPTY) {
            break;
        }
        uint32_t home = store->link[slot] & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            store->table[gap] = slot;
            gap = at;
        }
    }
    store->table[gap] = TABLE_EMPTY;
}

/* ---- slots ------------------------------------------------------------------------------ */

static void slot_release(inmem_store *store, uint32_t slot) {
    hb_value null = { .kind = HB_KIND_NULL };
    for (uint32_t i = 0; i < store->field_count; i++) {
        if (inmem_column_is_spans(&store->fields[i].column)) {
            hb_colbuf_set(&store->fields[i].column, slot, &null);
        }
    }
    store->state[slot] = INMEM_FREE;
    store->link[slot] = store->free_head;
    store->free_head = slot;
}

/* All arrays or none: a new set is filled before the old one goes. */
static bool slots_reserve(inmem_store *store, uint64_t count) {
    if (count <= store->slot_cap) {
        return true;
    }
    if (count > INMEM_SLOTS_MAX) {
        return false;
    }
    uint32_t old = store->slot_cap;
    uint32_t cap = (uint32_t)inmem_grown(old, count);
    const hb_mem *mem = store->mem;
    uint8_t *state = hb_mem_alloc(mem, cap);
    uint32_t *link = hb_mem_alloc(mem, cap * sizeof(uint32_t));
    uint32_t *order = hb_mem_alloc(mem, cap * sizeof(uint32_t));
    if (state == NULL || link == NULL || order == NULL) {
        hb_mem_free(mem, state, cap);
        hb_mem_free(mem, link, cap * sizeof(uint32_t));
        hb_mem_free(mem, order, cap * sizeof(uint32_t));
        return false;
    }
    if (old > 0) {
        memcpy(state, store->state, old);
        memcpy(link, store->link, old * sizeof(uint32_t));
        memcpy(order, store->order, old * sizeof(uint32_t));
    }
    hb_mem_free(mem, store->state, old);
    hb_mem_free(mem, store->link, old * sizeof(uint32_t));
    hb_mem_free(mem, store->order, old * sizeof(uint32_t));
    store->state = state;
    store->link = link;
    store->order = order;
    store->slot_cap = cap;
    return true;
}

static bool undo_reserve(inmem_store *store, uint32_t more) {
    if (!store->owner->in_tx || store->undo_cap - store->undo_count >= more) {
        return true;
    }
    uint64_t cap = (uint64_t)store->undo_cap * 2;
    if (cap < (uint64_t)store->undo_count + more) {
        cap = (uint64_t)store->undo_count + more;
    }
    inmem_undo *undo = cap > INMEM_SLOTS_MAX ? NULL
                     : hb_mem_realloc(store->mem, store->undo, store->undo_cap * sizeof(inmem_undo),
                                      (size_t)cap * sizeof(inmem_undo));
    if (undo == NULL) {
        return false;
    }
    store->undo = undo;
    store->undo_cap = (uint32_t)cap;
    return true;
}

static void undo_add(inmem_store *store, uint32_t old_slot, uint32_t new_slot, bool patched) {
    if (store->owner->in_tx) {
        store->undo[store->undo_count++] = (inmem_undo){ old_slot, new_slot, patched };
    }
}

/* ---- order ------------------------------------------------------------------------------ */

/* Puts `to` in the place of `from` among the sorted slots; both have the same object_id. */
static bool order_patch(inmem_store *store, hb_str id, uint32_t from, uint32_t to) {
    uint32_t low = 0;
    uint32_t high = store->sorted_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (hb_str_cmp(inmem_store_id(store, store->order[mid]), id) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    for (; low < store->sorted_count; low++) {
        if (store->order[low] == from) {
            store->order[low] = to;
            return true;
        }
        if (!hb_str_eq(inmem_store_id(store, store->order[low]), id)) {
            return false;
        }
    }
    return false;
}

/* Takes DEAD slots out of the order array and frees them. */
static void order_sweep(inmem_store *store) {
    if (store->dead_count == 0) {
        return;
    }
    uint32_t kept = 0;
    uint32_t sorted = 0;
    for (uint32_t i = 0; i < store->order_count; i++) {
        if (i == store->sorted_count) {
            sorted = kept;
        }
        uint32_t slot = store->order[i];
        if (store->state[slot] == INMEM_DEAD) {
            slot_release(store, slot);
        } else {
            store->order[kept++] = slot;
        }
    }
    store->sorted_count = store->sorted_count == store->order_count ? kept : sorted;
    store->order_count = kept;
    store->dead_count = 0;
}

static bool order_ascends(const inmem_store *store, uint32_t from) {
    for (uint32_t i = from; i < store->order_count; i++) {
        if (i > 0 && hb_str_cmp(inmem_store_id(store, store->order[i - 1]),
                                inmem_store_id(store, store->order[i])) > 0) {
            return false;
        }
    }
    return true;
}

/* Merges the sorted newcomers (a copy) into the sorted part, from the back. */
static void order_merge(inmem_store *store, const uint32_t *newcomers, uint32_t count) {
    uint32_t a = store->sorted_count;
    uint32_t at = store->order_count;
    while (count > 0) {
        uint32_t last = newcomers[count - 1];
        if (a > 0 && hb_str_cmp(inmem_store_id(store, store->order[a - 1]),
                                inmem_store_id(store, last)) > 0) {
            store->order[--at] = store->order[--a];
        } else {
            store->order[--at] = last;
            count--;
        }
    }
}

hb_status inmem_store_tidy(inmem_store *store, hb_err *err) {
    order_sweep(store);
    uint32_t count = store->order_count - store->sorted_count;
    if (count == 0) {
        return HB_OK;
    }
    if (!order_ascends(store, store->sorted_count)) {
        hb_arena scratch;
        hb_arena_init(&scratch, store->mem);
        hb_column ids = inmem_store_column(store, 0);
        hb_sort_key key = { .column = &ids };
        uint32_t *newcomers = store->order + store->sorted_count;
        uint32_t kept;
        hb_status status = hb_sort_rows(&key, 1, NULL, newcomers, count, count, &kept, &scratch,
                                        err);
        uint32_t *copy = status == HB_OK
                       ? hb_arena_copy(&scratch, newcomers, count * sizeof(uint32_t)) : NULL;
        if (copy != NULL) {
            order_merge(store, copy, count);
        } else if (status == HB_OK) {
            status = hb_err_memory(err);
        }
        hb_arena_free(&scratch);
        HB_TRY(status);
    }
    store->sorted_count = store->order_count;
    return HB_OK;
}

/* ---- upkeep ----------------------------------------------------------------------------- */

/* After writes: gives memory back. What fails for lack of memory is tried again next time. */
static void store_upkeep(inmem_store *store) {
    if (store->dead_count > TIDY_MIN && store->dead_count > store->slot_count / 16) {
        order_sweep(store);
    }
    for (uint32_t i = 0; i < store->field_count; i++) {
        hb_colbuf *column = &store->fields[i].column;
        if (column->garbage_len > INMEM_COMPACT_MIN && column->garbage_len > column->heap_len / 2) {
            hb_colbuf_compact(column);
        }
    }
}

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct column_mark { uint32_t row_count, heap_len, null_count; } column_mark;

static void column_truncate(hb_colbuf *column, column_mark mark) {
    column->row_count = mark.row_count;
    column->heap_len = mark.heap_len;
    column->null_count = mark.null_count;
}

/* Every column or none: a failure leaves the columns at their old length. */
static bool columns_write(inmem_store *store, const hb_batch *batch, const uint32_t *slots,
                          const uint32_t *rows, uint32_t reused) {
    hb_value null = { .kind = HB_KIND_NULL };
    uint32_t done = 0;
    uint32_t count = batch->row_count;
    while (done < store->field_count) {
        hb_colbuf *column = &store->fields[done].column;
        inmem_column_tidy(column, &batch->columns[done], count);
        column_mark mark = { column->row_count, column->heap_len, column->null_count };
        if (!inmem_column_write(column, &batch->columns[done], slots, rows, reused, count)) {
            /* With reused slots, or shared bytes, the heap holds what is in use: it stays. */
            if (reused == 0 && !column->shares) {
                column_truncate(column, mark);
            }
            HB_ASSERT(column->row_count == store->slot_count);
            done++;
            break;
        }
        done++;
        if (done == store->field_count) {
            return true;
        }
    }
    for (uint32_t i = 0; i < done; i++) {
        hb_colbuf *column = &store->fields[i].column;
        for (uint32_t row = store->slot_count; row < column->row_count; row++) {
            hb_colbuf_set(column, row, &null);
            column->null_count--;
        }
        column->row_count = store->slot_count;
        for (uint32_t s = 0; s < reused && inmem_column_is_spans(column); s++) {
            hb_colbuf_set(column, slots[s], &null);
        }
    }
    return false;
}

/* Makes `slot`, whose cells are filled in, the current version of its row. Cannot fail. */
static void slot_publish(inmem_store *store, uint32_t slot) {
    hb_str id = inmem_store_id(store, slot);
    uint32_t hash = id_hash(id);
    store->link[slot] = hash;
    store->state[slot] = INMEM_LIVE;
    uint32_t at = table_seek(store, id, hash);
    uint32_t old = store->table[at];
    store->table[at] = slot;
    if (old == TABLE_EMPTY) {
        store->live_count++;
        store->order[store->order_count++] = slot;
        undo_add(store, INMEM_NO_SLOT, slot, false);
        inmem_index_added(store, slot);
        return;
    }
    inmem_index_removed(store, old);
    inmem_index_added(store, slot);
    bool patched = order_patch(store, id, old, slot);
    undo_add(store, old, slot, patched);
    if (store->owner->in_tx) {
        store->state[old] = INMEM_HELD;
    } else if (!patched) {
        store->state[old] = INMEM_DEAD;
        store->dead_count++;
    }
    if (!patched) {
        store->order[store->order_count++] = slot;
    } else if (!store->owner->in_tx) {
        slot_release(store, old);
    }
}

/* The next free slots, at most `count`; they stay on the list. */
static uint32_t free_slots(const inmem_store *store, uint32_t count, uint32_t *slots) {
    uint32_t found = 0;
    for (uint32_t slot = store->free_head; slot != INMEM_NO_SLOT && found < count;
         slot = store->link[slot]) {
        slots[found++] = slot;
    }
    return found;
}

static hb_status write_reserve(inmem_store *store, uint32_t count, uint32_t *reused,
                               uint32_t *slots, hb_err *err) {
    uint32_t found = free_slots(store, count, slots);
    if (found < count && store->dead_count > TIDY_MIN + store->slot_count / 64) {
        order_sweep(store);         /* rather than more slots */
        found = free_slots(store, count, slots);
    }
    *reused = found;
    for (uint32_t i = found; i < count; i++) {
        slots[i] = store->slot_count + (i - found);
    }
    uint64_t rows = (uint64_t)store->slot_count + (count - found);
    if (!slots_reserve(store, rows) || !undo_reserve(store, count) ||
        !table_reserve(store, (uint64_t)store->live_count + store->undo_count + count)) {
        return hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status store_write_slots(inmem_store *store, const hb_batch *batch, uint32_t *slots,
                                   uint32_t *rows, hb_err *err) {
    uint32_t count = batch->row_count;
    uint32_t reused;
    HB_TRY(write_reserve(store, count, &reused, slots, err));
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = i;
    }
    if (!columns_write(store, batch, slots, rows, reused)) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < reused; i++) {
        store->free_head = store->link[store->free_head];
    }
    store->slot_count += count - reused;
    for (uint32_t i = 0; i < count; i++) {
        slot_publish(store, slots[i]);
    }
    return HB_OK;
}

hb_status inmem_store_write(inmem_store *store, const hb_batch *batch, hb_err *err) {
    HB_ASSERT(batch->column_count == store->field_count);
    uint32_t count = batch->row_count;
    if (count == 0) {
        return HB_OK;
    }
    uint32_t *slots = hb_mem_alloc(store->mem, (size_t)count * 2 * sizeof(uint32_t));
    if (slots == NULL) {
        return hb_err_memory(err);
    }
    hb_status status = store_write_slots(store, batch, slots, slots + count, err);
    hb_mem_free(store->mem, slots, (size_t)count * 2 * sizeof(uint32_t));
    store_upkeep(store);
    return status;
}

static bool slot_remove(inmem_store *store, hb_str id) {
    if (store->table_cap == 0) {
        return false;
    }
    uint32_t at = table_seek(store, id, id_hash(id));
    uint32_t slot = store->table[at];
    if (slot == TABLE_EMPTY) {
        return false;
    }
    inmem_index_removed(store, slot);
    table_remove(store, at);
    undo_add(store, slot, INMEM_NO_SLOT, false);
    store->live_count--;
    if (store->owner->in_tx) {
        store->state[slot] = INMEM_HELD;
    } else {
        store->state[slot] = INMEM_DEAD;
        store->dead_count++;
    }
    return true;
}

hb_status inmem_store_delete(inmem_store *store, const hb_ids *ids, uint8_t *existed, hb_err *err) {
    if (!undo_reserve(store, ids->count)) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < ids->count; i++) {
        existed[i] = slot_remove(store, ids->ids[i]) ? 1 : 0;
    }
    store_upkeep(store);
    return HB_OK;
}

/* ---- transactions ----------------------------------------------------------------------- */

void inmem_store_commit(inmem_store *store) {
    for (uint32_t i = 0; i < store->undo_count; i++) {
        uint32_t old = store->undo[i].old_slot;
        if (old == INMEM_NO_SLOT) {
            continue;
        }
        if (store->undo[i].patched) {
            slot_release(store, old);
        } else {
            store->state[old] = INMEM_DEAD;
            store->dead_count++;
        }
    }
    store->undo_count = 0;
    store_upkeep(store);
}

static void slot_kill(inmem_store *store, uint32_t slot) {
    store->state[slot] = INMEM_DEAD;
    store->dead_count++;
}

void inmem_store_rollback(inmem_store *store) {
    for (uint32_t i = store->undo_count; i > 0; i--) {
        inmem_undo undo = store->undo[i - 1];
        uint32_t known = undo.new_slot != INMEM_NO_SLOT ? undo.new_slot : undo.old_slot;
        hb_str id = inmem_store_id(store, known);
        uint32_t at = table_seek(store, id, id_hash(id));
        if (undo.new_slot != INMEM_NO_SLOT) {
            inmem_index_removed(store, undo.new_slot);
        }
        if (undo.old_slot == INMEM_NO_SLOT) {
            table_remove(store, at);
            store->live_count--;
            slot_kill(store, undo.new_slot);
            continue;
        }
        store->table[at] = undo.old_slot;
        store->state[undo.old_slot] = INMEM_LIVE;
        inmem_index_added(store, undo.old_slot);
        if (undo.new_slot == INMEM_NO_SLOT) {
            store->live_count++;
        } else if (undo.patched) {
            bool found = order_patch(store, id, undo.new_slot, undo.old_slot);
            HB_ASSERT(found);
            slot_release(store, undo.new_slot);
        } else {
            slot_kill(store, undo.new_slot);
        }
    }
    store->undo_count = 0;
    store_upkeep(store);
}

/* ---- life ------------------------------------------------------------------------------- */

static void field_free(inmem_store *store, inmem_field *field) {
    inmem_index_forget(store, field);
    hb_colbuf_free(&field->column);
    hb_mem_free(store->mem, field->name_ptr, field->name_len);
}

static void fields_free(inmem_store *store, inmem_field *fields, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (fields[i].column.mem != NULL) {
            field_free(store, &fields[i]);
        }
        hb_mem_free(store->mem, fields[i].edge_ptr, fields[i].edge_len);
    }
    hb_mem_free(store->mem, fields, count * sizeof(inmem_field));
}

static void store_reset(inmem_store *store) {
    for (uint32_t i = 0; i < store->field_count; i++) {
        hb_colbuf *column = &store->fields[i].column;
        inmem_index_forget(store, &store->fields[i]);
        hb_colbuf_free(column);
    }
    hb_mem_free(store->mem, store->state, store->slot_cap);
    hb_mem_free(store->mem, store->link, store->slot_cap * sizeof(uint32_t));
    hb_mem_free(store->mem, store->order, store->slot_cap * sizeof(uint32_t));
    hb_mem_free(store->mem, store->table, store->table_cap * sizeof(uint32_t));
    hb_mem_free(store->mem, store->undo, store->undo_cap * sizeof(inmem_undo));
    store->state = NULL;
    store->link = store->order = store->table = NULL;
    store->undo = NULL;
    store->slot_cap = store->table_cap = store->undo_cap = 0;
    store->slot_count = store->live_count = store->dead_count = 0;
    store->sorted_count = store->order_count = store->undo_count = 0;
    store->free_head = INMEM_NO_SLOT;
}

hb_status inmem_store_clear(inmem_store *store, hb_err *err) {
    if (!store->owner->in_tx) {
        store_reset(store);
        return HB_OK;
    }
    if (!undo_reserve(store, store->live_count)) {
        return hb_err_memory(err);
    }
    for (uint32_t slot = 0; slot < store->slot_count; slot++) {
        if (store->state[slot] == INMEM_LIVE) {
            slot_remove(store, inmem_store_id(store, slot));
        }
    }
    return HB_OK;
}

void inmem_store_free(inmem_store *store) {
    if (store == NULL) {
        return;
    }
    for (inmem_store **at = &store->owner->stores; *at != NULL; at = &(*at)->next) {
        if (*at == store) {
            *at = store->next;
            break;
        }
    }
    store_reset(store);
    fields_free(store, store->fields, store->field_count);
    hb_mem_free(store->mem, store, sizeof(*store));
}

/* ---- ensure ----------------------------------------------------------------------------- */

static bool field_has_name(const inmem_field *field, hb_str name) {
    return hb_str_eq((hb_str){ field->name_ptr, field->name_len }, name);
}

static inmem_field *store_field(inmem_store *store, hb_str name) {
    for (uint32_t i = 0; i < store->field_count; i++) {
        if (field_has_name(&store->fields[i], name)) {
            return &store->fields[i];
        }
    }
    return NULL;
}

static bool column_fill_nulls(hb_colbuf *column, uint32_t count) {
    if (!hb_colbuf_reserve(column, count, 0)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_colbuf_add_null(column)) {
            return false;
        }
    }
    return true;
}

/* Large values that are held outside the row: every one once. */
static bool field_shares(const hb_field *def, hb_strategy strategy) {
    return strategy == HB_STRATEGY_EXTERNAL &&
           (def->kind == HB_KIND_TEXT || def->kind == HB_KIND_BYTES);
}

static bool field_make(inmem_store *store, const hb_field *def, hb_strategy strategy,
                       inmem_field *out) {
    out->name_ptr = hb_mem_alloc(store->mem, def->name.len);
    if (out->name_ptr == NULL) {
        return false;
    }
    memcpy(out->name_ptr, def->name.ptr, def->name.len);
    out->name_len = def->name.len;
    hb_colbuf_init(&out->column, store->mem, def->kind,
                   def->kind == HB_KIND_VEC ? def->type->dim : 0);
    if (field_shares(def, strategy)) {
        hb_colbuf_share(&out->column);
    }
    hb_colbuf_split(&out->column);
    inmem_postings_init(&out->values, store->mem);
    return column_fill_nulls(&out->column, store->slot_count);
}

/* A relation keeps the name of the column that its index is about. */
static bool field_make_edge(inmem_store *store, const hb_placed *placed, const hb_type *type,
                            inmem_field *out) {
    if (placed->strategy != HB_STRATEGY_GRAPH || type->edge_column == 0) {
        return true;
    }
    hb_str column = hb_edge_column(type);
    out->edge_ptr = hb_mem_alloc(store->mem, column.len);
    if (out->edge_ptr == NULL) {
        return false;
    }
    memcpy(out->edge_ptr, column.ptr, column.len);
    out->edge_len = column.len;
    return true;
}

/* The old column goes on under the new definition; only the edge's name is the new one's. */
static void field_take_over(inmem_field *field, inmem_field *old) {
    inmem_field kept = *old;
    kept.edge_ptr = field->edge_ptr;
    kept.edge_len = field->edge_len;
    inmem_field rest = { .edge_ptr = old->edge_ptr, .edge_len = old->edge_len };
    *field = kept;
    *old = rest;
}

static bool field_fits(const inmem_field *field, const hb_field *def) {
    uint32_t dim = def->kind == HB_KIND_VEC ? def->type->dim : 0;
    return field->column.kind == def->kind && field->column.dim == dim;
}

static hb_status ensure_check(inmem_store *store, const hb_container *container, hb_err *err) {
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_field *def = &container->schema->fields[container->fields[i].field];
        const inmem_field *old = store_field(store, def->name);
        if (old != NULL && !field_fits(old, def) && store->live_count > 0) {
            hb_err_set(err, HB_E_SCHEMA_CONFLICT, "the field holds values of another kind; "
                       "expected an empty entity or the same physical type");
            return hb_err_where(err, container->schema->entity_id, def->name, HB_STR_EMPTY);
        }
    }
    return HB_OK;
}

/* The columns of a container over the slots of `store`. Those that the store holds already stay
 * empty until fields_adopt: so nothing of it is touched when memory runs out. */
static hb_status fields_make(inmem_store *store, const hb_container *container, inmem_field **out,
                             hb_err *err) {
    uint32_t count = container->field_count;
    inmem_field *fields = hb_mem_zalloc(store->mem, count * sizeof(inmem_field));
    if (fields == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        const hb_field *def = &container->schema->fields[container->fields[i].field];
        inmem_field *old = store_field(store, def->name);
        bool fresh = old == NULL || !field_fits(old, def);
        if ((fresh && !field_make(store, def, container->fields[i].strategy, &fields[i])) ||
            !field_make_edge(store, &container->fields[i], def->type, &fields[i])) {
            fields_free(store, fields, count);
            return hb_err_memory(err);
        }
    }
    *out = fields;
    return HB_OK;
}

/* Moves the store's columns into `fields`, which becomes the store's. */
static void fields_adopt(inmem_store *store, const hb_container *container, inmem_field *fields) {
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_placed *placed = &container->fields[i];
        const hb_field *def = &container->schema->fields[placed->field];
        inmem_field *field = &fields[i];
        if (field->column.mem == NULL) {
            field_take_over(field, store_field(store, def->name));
        }
        bool text_items = inmem_type_has_text_items(def->type);
        bool same = field->indexed == placed->indexed && field->strategy == placed->strategy &&
                    field->type == def->type->id && field->text_items == text_items &&
                    memcmp(&field->hint, &def->vector, sizeof(field->hint)) == 0;
        if (!same || field->edge_ptr != NULL) {
            inmem_index_forget(store, field);
        }
        field->indexed = placed->indexed;
        field->strategy = placed->strategy;
        field->type = def->type->id;
        field->text_items = text_items;
        field->hint = def->vector;
    }
    fields_free(store, store->fields, store->field_count);
    store->fields = fields;
    store->field_count = container->field_count;
}

static inmem_store *store_new(inmem_state *owner) {
    inmem_store *store = hb_mem_zalloc(owner->mem, sizeof(*store));
    if (store == NULL) {
        return NULL;
    }
    store->mem = owner->mem;
    store->owner = owner;
    store->free_head = INMEM_NO_SLOT;
    store->next = owner->stores;
    owner->stores = store;
    return store;
}

hb_status inmem_store_ensure(inmem_state *owner, const hb_container *container,
                             inmem_store **out, hb_err *err) {
    inmem_store *store = *out;
    inmem_field *fields;
    if (store != NULL) {
        HB_TRY(ensure_check(store, container, err));
        HB_TRY(fields_make(store, container, &fields, err));
        fields_adopt(store, container, fields);
        return HB_OK;
    }
    store = store_new(owner);
    if (store == NULL) {
        return hb_err_memory(err);
    }
    hb_status status = fields_make(store, container, &fields, err);
    if (status != HB_OK) {
        inmem_store_free(store);
        return status;
    }
    fields_adopt(store, container, fields);
    *out = store;
    return HB_OK;
}

hb_status inmem_store_prepare_heir(inmem_store *store, const hb_container *container,
                                   inmem_store **heir, hb_err *err) {
    *heir = store_new(store->owner);
    if (*heir == NULL) {
        return hb_err_memory(err);
    }
    hb_status status = fields_make(store, container, &(*heir)->fields, err);
    if (status == HB_OK) {
        (*heir)->field_count = container->field_count;
    } else {
        inmem_store_free(*heir);
        *heir = NULL;
    }
    return status;
}

void inmem_store_inherit(inmem_store *store, const hb_container *container, inmem_store *heir) {
    fields_adopt(store, container, heir->fields);
    heir->fields = NULL;
    heir->field_count = 0;
    inmem_store_free(heir);
}
