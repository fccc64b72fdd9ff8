// SPDX-License-Identifier: MIT
/* The meta store as it is in memory: few keys, looked through. */
#include "backends/sql/remote.h"

static hb_str own(const hb_mem *mem, hb_str text) {
    char *copy = hb_mem_alloc(mem, (size_t)text.len + 1);
    if (copy == NULL) return (hb_str){ NULL, 0 };
    if (text.len > 0) memcpy(copy, text.ptr, text.len);
    return (hb_str){ copy, text.len };
}

static void disown(const hb_mem *mem, hb_str *text) {
    if (text->ptr != NULL) hb_mem_free(mem, (void *)(uintptr_t)text->ptr, (size_t)text->len + 1);
    *text = (hb_str){ NULL, 0 };
}

static sql_meta_entry *find(const sql_meta *meta, hb_str key) {
    for (uint32_t i = 0; i < meta->count; i++) {
        if (hb_str_eq(meta->entries[i].key, key)) return &meta->entries[i];
    }
    return NULL;
}

const sql_meta_entry *sql_meta_find(const sql_meta *meta, hb_str key) {
    return find(meta, key);
}

hb_status sql_meta_set(sql_meta *meta, const hb_mem *mem, hb_str key, hb_str value, hb_err *err) {
    sql_meta_entry *entry = find(meta, key);
    hb_str kept = { NULL, 0 };
    if (value.ptr != NULL) {
        kept = own(mem, value);
        if (kept.ptr == NULL) return hb_err_memory(err);
    }
    if (entry != NULL) {
        disown(mem, &entry->value);
        entry->value = kept;
        return HB_OK;
    }
    if (meta->count == meta->cap) {
        uint32_t cap = meta->cap == 0 ? 16 : meta->cap * 2;
        sql_meta_entry *grown =
            hb_mem_realloc(mem, meta->entries, meta->cap * sizeof(*grown), cap * sizeof(*grown));
        if (grown == NULL) {
            disown(mem, &kept);
            return hb_err_memory(err);
        }
        meta->entries = grown;
        meta->cap = cap;
    }
    hb_str name = own(mem, key);
    if (name.ptr == NULL) {
        disown(mem, &kept);
        return hb_err_memory(err);
    }
    meta->entries[meta->count++] = (sql_meta_entry){ name, kept };
    return HB_OK;
}

void sql_meta_clear(sql_meta *meta, const hb_mem *mem) {
    for (uint32_t i = 0; i < meta->count; i++) {
        disown(mem, &meta->entries[i].key);
        disown(mem, &meta->entries[i].value);
    }
    hb_mem_free(mem, meta->entries, meta->cap * sizeof(*meta->entries));
    *meta = (sql_meta){ 0 };
}

static void drop(sql_meta *meta, const hb_mem *mem, hb_str key) {
    sql_meta_entry *entry = find(meta, key);
    if (entry == NULL) return;
    disown(mem, &entry->key);
    disown(mem, &entry->value);
    *entry = meta->entries[--meta->count];
}

hb_status sql_meta_merge(sql_meta *meta, sql_meta *from, const hb_mem *mem, hb_err *err) {
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < from->count && status == HB_OK; i++) {
        const sql_meta_entry *entry = &from->entries[i];
        if (entry->value.ptr != NULL) {
            status = sql_meta_set(meta, mem, entry->key, entry->value, err);
        } else {
            drop(meta, mem, entry->key);
        }
    }
    sql_meta_clear(from, mem);
    return status;
}
