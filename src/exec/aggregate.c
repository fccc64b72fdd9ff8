// SPDX-License-Identifier: MIT
/* Groups and their reducers. Rows are taken in object_id order, whatever order they come in, so
 * that the first row of a group, and every sum of floats, is the same on all backends. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "eval/leaf.h"
#include "eval/sort.h"
#include "eval/total.h"
#include "exec/rows.h"
#include "exec/summary.h"

typedef struct agg_run {
    hb_task *task;
    hb_arena *arena;
    const hb_aggregate *agg;
    const hb_schema *schema;    /* of the rows that come in */
    const hb_rows *in;
    uint32_t *rows;             /* row numbers by ascending object_id */
    uint32_t *group;            /* of each of them */
    uint32_t *first;            /* first row of each group */
    uint32_t group_count;
    hb_buf buf;                 /* keys, then packed outputs */
    hb_err *err;
} agg_run;

/* What a measure reads: one column, and the path below it. */
typedef struct agg_source {
    const hb_column *column;    /* NULL: all null */
    const hb_col *col;
} agg_source;

static agg_source agg_source_of(const agg_run *run, const hb_col *col) {
    int at = hb_rows_find(run->in, col->field);
    return (agg_source){ at >= 0 ? &run->in->columns[at] : NULL, col };
}

/* Packed scalars come out as scalars. */
static hb_value agg_value(agg_source source, uint32_t row) {
    hb_value value = { .kind = HB_KIND_NULL };
    if (source.column == NULL) return value;
    value = hb_column_get(source.column, row);
    if (value.kind != HB_KIND_PACK) return value;
    hb_str found = value.as.s;
    bool there = source.col->kind != HB_COL_PATH ||
                 hb_pack_path(found, source.col->path, source.col->path_len, &found);
    if (!there || !hb_leaf_unpack(found, &value)) value.kind = HB_KIND_NULL;
    return value;
}

/* Values that are equal have the same key: 1 and 1.0, 0 and -0. */
static void agg_key(hb_buf *key, const hb_value *value) {
    bool whole = value->kind == HB_KIND_F64 && fabs(value->as.f) < 9007199254740992.0 &&
                 value->as.f == (double)(int64_t)value->as.f;
    if (whole) {
        hb_pack_int(key, (int64_t)value->as.f);
    } else {
        hb_pack_value(key, value);
    }
}

/* Position of the key in run->buf among those seen, or `next` when it is new. */
static hb_status agg_intern(agg_run *run, hb_map *seen, uint32_t next, uint32_t *out) {
    HB_TRY(hb_buf_check(&run->buf, run->err));
    *out = hb_map_find(seen, hb_buf_str(&run->buf));
    if (*out != HB_MAP_NONE) return HB_OK;
    hb_str kept = hb_arena_str(run->arena, hb_buf_str(&run->buf));
    *out = next;
    return kept.ptr != NULL && hb_map_put(seen, kept, next) ? HB_OK : hb_err_memory(run->err);
}

/* ---- groups ----------------------------------------------------------------------------- */

static hb_status agg_order(agg_run *run) {
    const hb_rows *in = run->in;
    uint32_t kept;
    run->rows = hb_arena_array(run->arena, in->count, sizeof(uint32_t));
    run->group = HB_NEW_ARRAY(run->arena, uint32_t, in->count);
    run->first = hb_arena_array(run->arena, (size_t)in->count + 1, sizeof(uint32_t));
    if (run->rows == NULL || run->group == NULL || run->first == NULL)
        return hb_err_memory(run->err);
    bool sorted = true;
    for (uint32_t i = 0; i < in->count; i++) {
        run->rows[i] = hb_rows_at(in, i);
        sorted = sorted && (i == 0 || hb_str_cmp(hb_rows_id(in, i - 1), hb_rows_id(in, i)) <= 0);
    }
    if (sorted) return HB_OK;
    return hb_sort_rows(NULL, 0, &in->columns[0], run->rows, in->count, HB_NO_LIMIT, &kept,
                        run->arena, run->err);
}

static hb_status agg_group(agg_run *run) {
    const hb_aggregate *agg = run->agg;
    if (agg->group_count == 0) {
        run->group_count = 1;
        run->first[0] = run->in->count > 0 ? run->rows[0] : UINT32_MAX;
        return HB_OK;
    }
    hb_map seen;
    hb_map_init(&seen, run->task->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < run->in->count && status == HB_OK; i++) {
        hb_buf_clear(&run->buf);
        for (uint32_t g = 0; g < agg->group_count; g++) {
            hb_value value = agg_value(agg_source_of(run, &agg->groups[g]), run->rows[i]);
            agg_key(&run->buf, &value);
        }
        status = agg_intern(run, &seen, run->group_count, &run->group[i]);
        if (run->group[i] == run->group_count) run->first[run->group_count++] = run->rows[i];
    }
    hb_map_free(&seen);
    return status;
}

/* ---- numbers ---------------------------------------------------------------------------- */

static hb_status reduce_sum(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    hb_total *sums = HB_NEW_ARRAY(run->arena, hb_total, run->group_count);
    if (sums == NULL) return hb_err_memory(run->err);
    for (uint32_t i = 0; i < run->in->count; i++) {
        hb_value value = agg_value(source, run->rows[i]);
        hb_total_add(&sums[run->group[i]], &value);
    }
    for (uint32_t g = 0; g < run->group_count; g++) {
        HB_TRY(hb_total_result(&sums[g], measure->reducer == HB_REDUCE_AVG, run->schema->entity_id,
                               measure->col.name, &out[g], run->err));
    }
    return HB_OK;
}

static int number_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Linear interpolation at (n - 1) q. */
static double quantile(double *numbers, uint32_t count, double q) {
    qsort(numbers, count, sizeof(*numbers), number_compare);
    double at = (double)(count - 1) * q;
    uint32_t low = (uint32_t)at;
    double part = at - (double)low;
    if (part == 0.0) return numbers[low];
    return numbers[low] * (1.0 - part) + numbers[low + 1] * part;
}

static hb_status reduce_quantile(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    uint32_t *ends = HB_NEW_ARRAY(run->arena, uint32_t, (size_t)run->group_count + 1);
    double *numbers = hb_arena_array(run->arena, run->in->count, sizeof(*numbers));
    if (ends == NULL || numbers == NULL) return hb_err_memory(run->err);
    for (uint32_t pass = 0; pass < 2; pass++) { /* how many, then which */
        for (uint32_t i = 0; i < run->in->count; i++) {
            hb_value value = agg_value(source, run->rows[i]);
            if (value.kind != HB_KIND_I64 && value.kind != HB_KIND_F64) continue;
            uint32_t *at = &ends[run->group[i] + (pass == 0 ? 1 : 0)];
            if (pass == 1)
                numbers[*at] = value.kind == HB_KIND_I64 ? (double)value.as.i : value.as.f;
            (*at)++;
        }
        for (uint32_t g = 0; g < run->group_count && pass == 0; g++) ends[g + 1] += ends[g];
    }
    for (uint32_t g = 0, start = 0; g < run->group_count; start = ends[g++]) {
        out[g] = (hb_value){ .kind = HB_KIND_NULL };
        if (ends[g] == start) continue;
        out[g].kind = HB_KIND_F64;
        out[g].as.f = quantile(numbers + start, ends[g] - start, measure->q);
    }
    return HB_OK;
}

/* ---- order and counts ------------------------------------------------------------------- */

static hb_status value_unordered(const agg_run *run, const hb_col *col) {
    hb_err_set(run->err, HB_E_QUERY,
               "the values of '%.*s' have no common order: they are not all numbers, texts or "
               "booleans",
               HB_ARG(col->name));
    return hb_err_where(run->err, run->schema->entity_id, col->name, HB_STR_EMPTY);
}

static hb_status reduce_extreme(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    memset(out, 0, run->group_count * sizeof(*out));
    for (uint32_t i = 0; i < run->in->count; i++) {
        hb_value value = agg_value(source, run->rows[i]);
        hb_value *best = &out[run->group[i]];
        if (value.kind == HB_KIND_NULL) continue;
        if (value.kind > HB_KIND_TEXT) return value_unordered(run, &measure->col);
        if (best->kind == HB_KIND_NULL) {
            *best = value;
            continue;
        }
        bool numbers = (value.kind == HB_KIND_I64 || value.kind == HB_KIND_F64) &&
                       (best->kind == HB_KIND_I64 || best->kind == HB_KIND_F64);
        if (!numbers && value.kind != best->kind) return value_unordered(run, &measure->col);
        int order = hb_value_cmp(&value, best);
        if (measure->reducer == HB_REDUCE_MIN ? order < 0 : order > 0) *best = value;
    }
    return HB_OK;
}

static hb_status reduce_count(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    hb_map seen;
    hb_map_init(&seen, run->task->mem);
    hb_status status = HB_OK;
    for (uint32_t g = 0; g < run->group_count; g++) out[g] = (hb_value){ .kind = HB_KIND_I64 };
    for (uint32_t i = 0; i < run->in->count && status == HB_OK; i++) {
        hb_value value = agg_value(source, run->rows[i]);
        uint32_t found = i;
        if (value.kind == HB_KIND_NULL) continue;
        if (measure->distinct) {
            hb_buf_clear(&run->buf);
            hb_pack_int(&run->buf, run->group[i]);
            agg_key(&run->buf, &value);
            status = agg_intern(run, &seen, i, &found);
        }
        out[run->group[i]].as.i += found == i;
    }
    hb_map_free(&seen);
    return status;
}

/* ---- reducers that give a mapping ------------------------------------------------------- */

typedef struct agg_entry agg_entry;
struct agg_entry {
    agg_entry *next;        /* of the same group, in order of appearance */
    hb_str key;
    hb_total sum;
};

typedef struct agg_table {
    agg_run *run;
    hb_map seen;
    agg_entry **entries;
    uint32_t count, cap;
    agg_entry **first, **last;  /* by group */
    uint8_t *met;               /* by group: TABLE_VALUE, TABLE_USED */
} agg_table;

enum { TABLE_VALUE = 1, TABLE_USED = 2 };

static hb_status table_entry(agg_table *table, uint32_t group, agg_entry **out) {
    agg_run *run = table->run;
    if (table->count == table->cap) {
        uint32_t cap = table->cap == 0 ? 64 : 2 * table->cap;
        agg_entry **entries = hb_arena_array(run->arena, cap, sizeof(*entries));
        if (entries == NULL) return hb_err_memory(run->err);
        if (table->count > 0) memcpy(entries, table->entries, table->count * sizeof(*entries));
        table->entries = entries;
        table->cap = cap;
    }
    *out = table->entries[table->count++] = HB_NEW(run->arena, agg_entry);
    if (*out == NULL) return hb_err_memory(run->err);
    if (table->last[group] != NULL) table->last[group]->next = *out;
    if (table->first[group] == NULL) table->first[group] = *out;
    table->last[group] = *out;
    return HB_OK;
}

static hb_status table_add(agg_table *table, uint32_t group, hb_str key, const hb_value *value) {
    agg_run *run = table->run;
    uint32_t at;
    hb_buf_clear(&run->buf);
    hb_pack_int(&run->buf, group);
    hb_pack_str(&run->buf, key);
    HB_TRY(agg_intern(run, &table->seen, table->count, &at));
    if (at == table->count) {
        agg_entry *entry;
        HB_TRY(table_entry(table, group, &entry));
        entry->key = hb_arena_str(run->arena, key);
        if (entry->key.ptr == NULL) return hb_err_memory(run->err);
    }
    hb_total_add(&table->entries[at]->sum, value);
    return HB_OK;
}

static const hb_value one = { HB_KIND_I64, { .i = 1 } };

/* A value as the key of a mapping. */
static hb_status table_count(agg_table *table, uint32_t group, const hb_value *value) {
    if (value->kind == HB_KIND_TEXT) return table_add(table, group, value->as.s, &one);
    hb_buf name;
    hb_buf_init(&name, table->run->task->mem);
    hb_summary_name(value, &name);
    hb_status status = hb_buf_check(&name, table->run->err);
    if (status == HB_OK) status = table_add(table, group, hb_buf_str(&name), &one);
    hb_buf_free(&name);
    return status;
}

static hb_status table_pair(agg_table *table, hb_reducer reducer, uint32_t group, hb_str key,
                            const hb_value *item) {
    if (reducer == HB_REDUCE_KEY_COUNTS) return table_add(table, group, key, &one);
    if (item->kind == HB_KIND_BOOL)
        return hb_err_set(table->run->err, HB_E_QUERY, "key_sums met a boolean under '%.*s'",
                          HB_ARG(key));
    if (item->kind != HB_KIND_I64 && item->kind != HB_KIND_F64) return HB_OK;
    table->met[group] |= TABLE_USED;
    return table_add(table, group, key, item);
}

static hb_status table_vector(agg_table *table, uint32_t group, const hb_value *value) {
    for (uint32_t i = 0; i < value->as.v.len; i++) {
        hb_value item = { HB_KIND_F64, { .f = (double)value->as.v.ptr[i] } };
        HB_TRY(table_count(table, group, &item));
    }
    return HB_OK;
}

/* value_counts takes scalars and the scalars of lists, the others the pairs of objects. */
static hb_status table_row(agg_table *table, hb_reducer reducer, uint32_t group,
                           const hb_value *value) {
    hb_pack_reader reader = hb_pack_read(value->kind == HB_KIND_PACK ? value->as.s : HB_STR_EMPTY);
    hb_pack_item head = { 0 }, key = { 0 };
    bool nested = hb_pack_next(&reader, &head);
    bool counts = reducer == HB_REDUCE_VALUE_COUNTS;
    if (value->kind == HB_KIND_NULL) return HB_OK;
    table->met[group] |= TABLE_VALUE;
    if (counts ? nested && head.tag != HB_PACK_ARRAY : !nested || head.tag != HB_PACK_MAP)
        return HB_OK;
    if (!nested || reducer == HB_REDUCE_KEY_COUNTS) table->met[group] |= TABLE_USED;
    if (value->kind == HB_KIND_VEC) return table_vector(table, group, value);
    if (!nested) return table_count(table, group, value);
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        hb_value item;
        if (!counts && !hb_pack_next(&reader, &key)) break;
        if (!hb_pack_skip(&reader, &whole) || !hb_leaf_unpack(whole, &item)) break;
        if (!counts) {
            HB_TRY(table_pair(table, reducer, group, key.s, &item));
        } else if (item.kind != HB_KIND_PACK) {
            table->met[group] |= TABLE_USED;
            HB_TRY(table_count(table, group, &item));
        }
    }
    return HB_OK;
}

/* A group whose values are all of a kind that the reducer cannot read has no empty answer. */
static hb_status table_check(const agg_table *table, const hb_measure *measure) {
    const agg_run *run = table->run;
    if (measure->col.kind == HB_COL_PATH) return HB_OK;     /* a path may lead to anything */
    for (uint32_t g = 0; g < run->group_count; g++) {
        if (table->met[g] != TABLE_VALUE) continue;
        hb_str name = hb_reducer_name(measure->reducer);
        hb_err_set(run->err, HB_E_QUERY, "%.*s found no %s in '%.*s'", HB_ARG(name),
                   measure->reducer == HB_REDUCE_VALUE_COUNTS ? "countable value"
                   : measure->reducer == HB_REDUCE_KEY_COUNTS ? "object"
                                                              : "number in an object",
                   HB_ARG(measure->col.name));
        return hb_err_where(run->err, run->schema->entity_id, measure->col.name, HB_STR_EMPTY);
    }
    return HB_OK;
}

/* What is in run->buf, as a packed value. */
static hb_status agg_take_pack(agg_run *run, hb_value *out) {
    HB_TRY(hb_buf_check(&run->buf, run->err));
    *out = (hb_value){ HB_KIND_PACK, { .s = hb_arena_str(run->arena, hb_buf_str(&run->buf)) } };
    return out->as.s.ptr != NULL ? HB_OK : hb_err_memory(run->err);
}

/* The greatest first, equal ones by their keys. */
static int entry_compare(const void *a, const void *b) {
    const agg_entry *x = *(agg_entry *const *)a, *y = *(agg_entry *const *)b;
    double left = hb_total_float(&x->sum), right = hb_total_float(&y->sum);
    if (left != right) return left > right ? -1 : 1;
    return hb_str_cmp(x->key, y->key);
}

static hb_status table_write(const agg_table *table, const hb_col *col, hb_value *out) {
    agg_run *run = table->run;
    agg_entry **sorted = hb_arena_array(run->arena, table->count, sizeof(agg_entry *));
    if (sorted == NULL) return hb_err_memory(run->err);
    for (uint32_t g = 0; g < run->group_count; g++) {
        uint32_t count = 0;
        for (agg_entry *entry = table->first[g]; entry != NULL; entry = entry->next)
            sorted[count++] = entry;
        qsort(sorted, count, sizeof(*sorted), entry_compare);
        hb_buf_clear(&run->buf);
        hb_pack_map(&run->buf, count);
        for (uint32_t i = 0; i < count; i++) {
            const agg_entry *entry = sorted[i];
            hb_value value;
            HB_TRY(hb_total_result(&entry->sum, false, run->schema->entity_id, col->name,
                                   &value, run->err));
            hb_pack_str(&run->buf, entry->key);
            hb_pack_value(&run->buf, &value);
        }
        HB_TRY(agg_take_pack(run, &out[g]));
    }
    return HB_OK;
}

static hb_status reduce_table(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    agg_table table = { .run = run,
                        .first = HB_NEW_ARRAY(run->arena, agg_entry *, run->group_count),
                        .last = HB_NEW_ARRAY(run->arena, agg_entry *, run->group_count),
                        .met = HB_NEW_ARRAY(run->arena, uint8_t, run->group_count) };
    if (table.first == NULL || table.last == NULL || table.met == NULL)
        return hb_err_memory(run->err);
    hb_map_init(&table.seen, run->task->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < run->in->count && status == HB_OK; i++) {
        hb_value value = agg_value(source, run->rows[i]);
        status = table_row(&table, measure->reducer, run->group[i], &value);
    }
    hb_map_free(&table.seen);
    if (status == HB_OK) status = table_check(&table, measure);
    return status == HB_OK ? table_write(&table, &measure->col, out) : status;
}

/* Numbers that are times have the unit of their field. */
static int64_t per_second(const hb_type *type) {
    if (type->id != HB_TYPE_TIMESTAMP) return 0;
    return type->unit == HB_UNIT_S ? 1 : type->unit == HB_UNIT_MS ? 1000 : 1000000;
}

static hb_status reduce_summary(agg_run *run, const hb_measure *measure, hb_value *out) {
    agg_source source = agg_source_of(run, &measure->col);
    const hb_type *type = run->schema->fields[measure->col.field].type;
    uint32_t *ends = HB_NEW_ARRAY(run->arena, uint32_t, (size_t)run->group_count + 1);
    hb_value *values = hb_arena_array(run->arena, run->in->count, sizeof(*values));
    if (ends == NULL || values == NULL) return hb_err_memory(run->err);
    for (uint32_t pass = 0; pass < 2; pass++) { /* how many, then which */
        for (uint32_t i = 0; i < run->in->count; i++) {
            hb_value value = agg_value(source, run->rows[i]);
            if (value.kind == HB_KIND_NULL) continue;
            uint32_t *at = &ends[run->group[i] + (pass == 0 ? 1 : 0)];
            if (pass == 1) values[*at] = value;
            (*at)++;
        }
        for (uint32_t g = 0; g < run->group_count && pass == 0; g++) ends[g + 1] += ends[g];
    }
    for (uint32_t g = 0, start = 0; g < run->group_count; start = ends[g++]) {
        HB_TRY(hb_summary_write(values + start, ends[g] - start, measure->kind, per_second(type),
                                run->task->mem, run->arena, &run->buf, run->err));
        HB_TRY(agg_take_pack(run, &out[g]));
    }
    return HB_OK;
}

/* One value per group. */
static hb_status reduce(agg_run *run, const hb_measure *measure, hb_value *out) {
    switch ((int)measure->reducer) {
    case HB_REDUCE_COUNT: return reduce_count(run, measure, out);
    case HB_REDUCE_SUM:
    case HB_REDUCE_AVG: return reduce_sum(run, measure, out);
    case HB_REDUCE_MIN:
    case HB_REDUCE_MAX: return reduce_extreme(run, measure, out);
    case HB_REDUCE_MEDIAN:
    case HB_REDUCE_PERCENTILE: return reduce_quantile(run, measure, out);
    case HB_REDUCE_COLUMN_SUMMARY: return reduce_summary(run, measure, out);
    default: return reduce_table(run, measure, out);
    }
}

/* ---- output ----------------------------------------------------------------------------- */

static hb_status agg_add(agg_run *run, hb_colbuf *dst, hb_value value) {
    if (dst->kind == HB_KIND_PACK && value.kind != HB_KIND_PACK && value.kind != HB_KIND_NULL) {
        hb_buf_clear(&run->buf);
        hb_pack_value(&run->buf, &value);
        HB_TRY(agg_take_pack(run, &value));
    }
    if (dst->kind == HB_KIND_F64 && value.kind == HB_KIND_I64)
        value = (hb_value){ HB_KIND_F64, { .f = (double)value.as.i } };
    return hb_colbuf_add(dst, &value) ? HB_OK : hb_err_memory(run->err);
}

static hb_status agg_write(agg_run *run, hb_rowset *set) {
    const hb_aggregate *agg = run->agg;
    hb_value *values = hb_arena_array(run->arena, run->group_count, sizeof(*values));
    if (values == NULL) return hb_err_memory(run->err);
    for (uint32_t c = 0; c < agg->schema->field_count; c++) {
        const hb_field *field = &agg->schema->fields[c];
        hb_rowset_column(set, c, field->name, field->kind,
                         field->kind == HB_KIND_VEC ? field->type->dim : 0);
        if (c > agg->group_count) {
            HB_TRY(reduce(run, &agg->measures[c - 1 - agg->group_count], values));
        } else if (c > 0) {
            agg_source source = agg_source_of(run, &agg->groups[c - 1]);
            for (uint32_t g = 0; g < run->group_count; g++)
                values[g] = agg_value(source, run->first[g]);
        } else {
            for (uint32_t g = 0; g < run->group_count; g++) {
                bool some = run->first[g] != UINT32_MAX;
                values[g] = (hb_value){ HB_KIND_TEXT, { .s = HB_STR_EMPTY } };
                if (some) values[g].as.s = hb_column_span(&run->in->columns[0], run->first[g]);
            }
        }
        for (uint32_t g = 0; g < run->group_count; g++)
            HB_TRY(agg_add(run, &set->columns[c], values[g]));
    }
    return HB_OK;
}

hb_status hb_exec_aggregate(hb_task *task, const hb_schema *schema, const hb_aggregate *aggregate,
                            const hb_rows *in, hb_rows *out, hb_err *err) {
    agg_run run = { .task = task,
                    .arena = &task->arena,
                    .agg = aggregate,
                    .schema = schema,
                    .in = in,
                    .err = err };
    hb_rowset *set;
    uint32_t count = aggregate->schema->field_count;
    uint32_t *colids = hb_arena_array(&task->arena, count, sizeof(*colids));
    if (colids == NULL) return hb_err_memory(err);
    for (uint32_t c = 0; c < count; c++) colids[c] = c;
    HB_TRY(hb_task_rowset(task, count, &set, err));
    hb_buf_init(&run.buf, task->mem);
    hb_status status = agg_order(&run);
    if (status == HB_OK) status = agg_group(&run);
    if (status == HB_OK) status = agg_write(&run, set);
    hb_buf_free(&run.buf);
    HB_TRY(status);
    hb_batch batch = hb_rowset_batch(set);
    *out = (hb_rows){ batch.columns, colids, count, NULL, batch.row_count };
    return HB_OK;
}
