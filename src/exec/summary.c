// SPDX-License-Identifier: MIT
#include "exec/summary.h"

#include <math.h>
#include <stdlib.h>

#include "base/format.h"
#include "base/map.h"
#include "base/num.h"
#include "eval/leaf.h"
#include "value/time.h"

#define VALUE_CHARS 120 /* of a text that is shown; longer ones are cut, and say so */
#define LIST_MAX 200    /* entries of a distribution */
#define BINS 12

typedef struct summary {
    const hb_value *values;
    uint32_t count;
    int64_t per_second;
    const hb_mem *mem;
    hb_arena *arena;
    hb_buf body;        /* the pairs of the mapping */
    uint32_t pairs;
    hb_buf text;        /* of one value */
    hb_err *err;
} summary;

static void put(summary *s, const char *key) {
    s->pairs++;
    hb_pack_str(&s->body, hb_str_c(key));
}

static void put_pair(summary *s, const char *key, double value) {
    hb_pack_str(&s->body, hb_str_c(key));
    hb_pack_float(&s->body, value);
}

/* Halves to even, decided on the exact product: the scale has few bits, so both parts of x times
 * the scale are exact. */
static double rounded(double x, double scale) {
    double product = x * scale;
    if (!(fabs(product) < 4503599627370496.0)) return x;
    double low = floor(product), rest = product - low;
    if (rest == 0.5) {
        double high = (double)(float)x;
        double error = (high * scale - product) + (x - high) * scale;
        bool even = fmod(low, 2.0) == 0.0;
        return (low + (error > 0.0 || (error == 0.0 && !even) ? 1.0 : 0.0)) / scale;
    }
    return (rest > 0.5 ? low + 1.0 : low) / scale;
}

static bool is_number(const hb_value *value) {
    return value->kind == HB_KIND_I64 || value->kind == HB_KIND_F64;
}

static double number_of(const hb_value *value) {
    return value->kind == HB_KIND_I64 ? (double)value->as.i : value->as.f;
}

void hb_summary_name(const hb_value *value, hb_buf *out) {
    char text[HB_NUM_TEXT_MAX];
    switch ((int)value->kind) {
    case HB_KIND_NULL: hb_buf_add(out, "None", 4); break;
    case HB_KIND_BOOL: hb_buf_printf(out, "%s", value->as.b ? "True" : "False"); break;
    case HB_KIND_I64: hb_buf_add(out, text, hb_num_write_i64(value->as.i, text)); break;
    case HB_KIND_F64:   /* SQLite does not keep the sign of zero: it has none here */
        hb_buf_add(out, text, hb_num_write_f64(value->as.f + 0.0, text));
        break;
    default: hb_buf_add(out, value->as.s.ptr, value->as.s.len); break;
    }
}

static hb_status name_text(summary *s, const hb_value *value, hb_str *out) {
    hb_buf_clear(&s->text);
    hb_summary_name(value, &s->text);
    *out = hb_buf_str(&s->text);
    return hb_buf_check(&s->text, s->err);
}

/* A text as it is, all else as JSON, indented by four. */
static hb_status json_text(summary *s, const hb_value *value, hb_str *out) {
    *out = value->as.s;
    if (value->kind == HB_KIND_TEXT) return HB_OK;
    hb_buf pack;
    hb_buf_init(&pack, s->mem);
    hb_buf_clear(&s->text);
    hb_pack_value(&pack, value);
    hb_status status = hb_buf_check(&pack, s->err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 4, false, &s->text, s->err);
    hb_buf_free(&pack);
    if (status == HB_OK) status = hb_buf_check(&s->text, s->err);
    *out = hb_buf_str(&s->text);
    return status;
}

/* ---- counted texts ---------------------------------------------------------------------- */

typedef struct tally_entry {
    hb_str text;
    uint32_t count;
} tally_entry;

typedef struct tally {
    summary *s;
    hb_map seen;
    tally_entry *entries;   /* in order of appearance */
    uint32_t count, cap;
    uint64_t total;
} tally;

static void tally_init(tally *t, summary *s) {
    *t = (tally){ .s = s };
    hb_map_init(&t->seen, s->mem);
}

static hb_status tally_new(tally *t, hb_str text) {
    hb_arena *arena = t->s->arena;
    if (t->count == t->cap) {
        uint32_t cap = t->cap == 0 ? 32 : 2 * t->cap;
        tally_entry *entries = hb_arena_array(arena, cap, sizeof(*entries));
        if (entries == NULL) return hb_err_memory(t->s->err);
        if (t->count > 0) memcpy(entries, t->entries, t->count * sizeof(*entries));
        t->entries = entries;
        t->cap = cap;
    }
    hb_str kept = hb_arena_str(arena, text);
    if (kept.ptr == NULL || !hb_map_put(&t->seen, kept, t->count)) return hb_err_memory(t->s->err);
    t->entries[t->count++] = (tally_entry){ kept, 0 };
    return HB_OK;
}

static hb_status tally_add(tally *t, hb_str text) {
    uint32_t at = hb_map_find(&t->seen, text);
    if (at == HB_MAP_NONE) {
        at = t->count;
        HB_TRY(tally_new(t, text));
    }
    t->entries[at].count++;
    t->total++;
    return HB_OK;
}

static hb_status tally_value(tally *t, const hb_value *value) {
    hb_str text;
    HB_TRY(name_text(t->s, value, &text));
    return tally_add(t, text);
}

static int tally_compare(const void *a, const void *b) {
    const tally_entry *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return hb_str_cmp(x->text, y->text);
}

/* A text that may be cut: its first characters, and then that it was cut and how long it is. */
static void put_cut(summary *s, hb_str text, const char *name, const char *cut, const char *len,
                    const uint32_t *count) {
    uint32_t chars = hb_utf8_count(text), end = 0;
    for (uint32_t i = 0; i < VALUE_CHARS && end < text.len; i++) hb_utf8_next(text, &end);
    bool whole = chars <= VALUE_CHARS;
    hb_pack_map(&s->body, 1 + (count != NULL ? 1 : 0) + (whole ? 0 : 2));
    hb_pack_str(&s->body, hb_str_c(name));
    hb_pack_str(&s->body, hb_str_sub(text, 0, end));
    if (!whole) {
        hb_pack_str(&s->body, hb_str_c(cut));
        hb_pack_bool(&s->body, true);
        hb_pack_str(&s->body, hb_str_c(len));
        hb_pack_int(&s->body, chars);
    }
    if (count == NULL) return;
    hb_pack_str(&s->body, HB_STR("count"));
    hb_pack_int(&s->body, *count);
}

static void put_value(summary *s, hb_str text, const uint32_t *count) {
    put_cut(s, text, "value", "value_truncated", "value_len", count);
}

/* The most frequent first, at most `limit` of them. */
static void put_tally(tally *t, const char *key, uint32_t limit, bool keys) {
    summary *s = t->s;
    uint32_t shown = t->count < limit ? t->count : limit;
    qsort(t->entries, t->count, sizeof(*t->entries), tally_compare);
    put(s, key);
    hb_pack_array(&s->body, shown);
    for (uint32_t i = 0; i < shown; i++) {
        const tally_entry *entry = &t->entries[i];
        if (keys) {
            put_cut(s, entry->text, "key", "key_elided", "key_len", &entry->count);
        } else {
            put_value(s, entry->text, &entry->count);
        }
    }
    if (shown == t->count) return;
    char name[32];
    hb_format(name, sizeof name, "%s_truncated", key);
    put(s, name);
    hb_pack_bool(&s->body, true);
}

static void put_distinct(const tally *t) {
    put(t->s, "distinct");
    hb_pack_int(&t->s->body, t->count);
}

/* ---- numbers ---------------------------------------------------------------------------- */

/* Least, mean and greatest of some numbers. */
typedef struct range {
    double min, max, sum;
    uint32_t count;
} range;

static void range_add(range *r, double x) {
    if (r->count == 0 || x < r->min) r->min = x;
    if (r->count == 0 || x > r->max) r->max = x;
    r->sum += x;
    r->count++;
}

static double range_mean(const range *r, double scale) {
    return rounded(r->sum / r->count, scale);
}

/* Of counts: whole, and a mean of one decimal. */
static void put_counts(summary *s, const char *key, const range *r) {
    put(s, key);
    hb_pack_map(&s->body, 3);
    hb_pack_str(&s->body, HB_STR("min"));
    hb_pack_int(&s->body, (int64_t)r->min);
    put_pair(s, "mean", range_mean(r, 10.0));
    hb_pack_str(&s->body, HB_STR("max"));
    hb_pack_int(&s->body, (int64_t)r->max);
}

static int number_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static void put_bin(summary *s, double low, double high, uint32_t count) {
    hb_pack_map(&s->body, 3);
    put_pair(s, "lo", low);
    put_pair(s, "hi", high);
    hb_pack_str(&s->body, HB_STR("count"));
    hb_pack_int(&s->body, count);
}

/* Twelve equal bins, or one per integer when there are no more. Left out where the range is beyond
 * that of floats. `numbers` ascending, at least one. */
static void put_histogram(summary *s, const char *key, const double *numbers, uint32_t count) {
    double low = numbers[0], high = numbers[count - 1];
    if (!isfinite(high - low)) return;
    put(s, key);
    if (low == high) {
        hb_pack_array(&s->body, 1);
        put_bin(s, low, high, count);
        return;
    }
    bool whole = high - low < BINS;
    for (uint32_t i = 0; i < count; i++) whole = whole && numbers[i] == floor(numbers[i]);
    uint32_t bins = whole ? (uint32_t)(high - low) + 1 : BINS, counts[BINS] = { 0 };
    double width = whole ? 1.0 : (high - low) / BINS, span = low + width * bins - low;
    for (uint32_t i = 0; i < count; i++) {
        double at = (numbers[i] - low) / span * bins;
        counts[at < bins - 1 ? (uint32_t)at : bins - 1]++;
    }
    hb_pack_array(&s->body, bins);
    for (uint32_t i = 0; i < bins; i++)
        put_bin(s, rounded(low + width * i, 1e4), rounded(low + width * (i + 1), 1e4), counts[i]);
}

static double quartile(const double *numbers, uint32_t count, uint32_t n) {
    if (count < 2) return rounded(numbers[0], 1e4);
    uint64_t place = (uint64_t)n * (count - 1);
    uint32_t at = (uint32_t)(place / 4);
    double part = (double)(place % 4) / 4.0;
    double next = part > 0.0 ? numbers[at + 1] * part : 0.0;
    return rounded(numbers[at] * (1.0 - part) + next, 1e4);
}

static hb_status numeric_summary(summary *s, tally *t) {
    double *numbers = hb_arena_array(s->arena, s->count, sizeof(*numbers));
    range all = { 0 };
    if (numbers == NULL) return hb_err_memory(s->err);
    for (uint32_t i = 0; i < s->count; i++) {
        if (!is_number(&s->values[i])) continue;
        numbers[all.count] = number_of(&s->values[i]);
        range_add(&all, numbers[all.count]);
        HB_TRY(tally_value(t, &s->values[i]));
    }
    if (all.count == 0) return HB_OK;
    qsort(numbers, all.count, sizeof(*numbers), number_compare);
    if (!isfinite(all.sum)) {   /* the mean is within range, whatever the sum is */
        all.sum = 0.0;
        for (uint32_t i = 0; i < all.count; i++) all.sum += numbers[i] / all.count;
        all.sum = fmin(fmax(all.sum, all.min), all.max);
    } else {
        all.sum /= all.count;
    }
    put_distinct(t);
    put(s, "min");
    hb_pack_float(&s->body, all.min);
    put(s, "max");
    hb_pack_float(&s->body, all.max);
    put(s, "mean");
    hb_pack_float(&s->body, rounded(all.sum, 1e4));
    put(s, "percentiles");
    hb_pack_map(&s->body, 3);
    put_pair(s, "p25", quartile(numbers, all.count, 1));
    put_pair(s, "p50", quartile(numbers, all.count, 2));
    put_pair(s, "p75", quartile(numbers, all.count, 3));
    put_histogram(s, "histogram", numbers, all.count);
    if (t->count <= 10) put_tally(t, "top", 5, false);
    return HB_OK;
}

/* ---- booleans and times ----------------------------------------------------------------- */

/* Is there anything in it? */
static bool is_true(const hb_value *value) {
    hb_pack_item head = { 0 };
    hb_pack_reader reader = hb_pack_read(value->kind == HB_KIND_PACK ? value->as.s : HB_STR_EMPTY);
    switch ((int)value->kind) {
    case HB_KIND_BOOL: return value->as.b;
    case HB_KIND_I64:
    case HB_KIND_F64: return number_of(value) != 0.0;
    case HB_KIND_VEC: return value->as.v.len > 0;
    case HB_KIND_PACK: return hb_pack_next(&reader, &head) && head.count > 0;
    default: return value->as.s.len > 0;
    }
}

static hb_status bool_summary(summary *s, tally *t) {
    for (uint32_t i = 0; i < s->count; i++)
        HB_TRY(tally_add(t, is_true(&s->values[i]) ? HB_STR("true") : HB_STR("false")));
    if (t->count == 0) return HB_OK;
    put_distinct(t);
    put_tally(t, "top", 2, false);
    return HB_OK;
}

/* Microseconds since 1970, and in what form they came; NULL for what is no time of the calendar. */
static const char *time_of(const summary *s, const hb_value *value, int64_t *us) {
    char date[10];
    const char *form = NULL;
    if (value->kind == HB_KIND_TEXT) {
        hb_str text = hb_str_trim(value->as.s);
        if (!hb_time_parse_timestamp(text, us)) return NULL;
        return hb_utf8_count(text) == 10 ? "ISO date" : "ISO 8601";
    }
    if (!is_number(value)) return NULL;
    double number = number_of(value), scale = 1e6;
    if (s->per_second == 1000000) {
        form = "epoch micros";
        scale = 1.0;
    } else if (number > 1e11) {
        form = "epoch millis";
        scale = 1e3;
    } else if (number > 1e8) {
        form = "epoch seconds";
    }
    if (form == NULL || !(fabs(number * scale) < 9e18)) return NULL;
    *us = (int64_t)floor(number * scale + 0.5);
    return hb_time_write_date(*us, date) ? form : NULL;
}

/* "2024-02-29" or "2024-02-29T12:34:56.123000+00:00" */
static void put_time(summary *s, const char *key, int64_t us, bool date_only) {
    char text[HB_TIME_TEXT_MAX + 16];
    uint32_t len = hb_time_write_iso(us, text);
    if (date_only) {
        len = 10;
    } else {
        len--; /* the Z */
        len += hb_format(text + len, sizeof text - len, "%s+00:00",
                         us % 1000000 != 0 && us % 1000 == 0 ? "000" : "");
    }
    put(s, key);
    hb_pack_str(&s->body, hb_str_n(text, len));
}

static hb_status time_summary(summary *s, tally *t) {
    int64_t first = INT64_MAX, last = INT64_MIN;
    uint32_t unread = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        int64_t us = 0;
        const char *form = time_of(s, &s->values[i], &us);
        if (form == NULL) {
            unread++;
            continue;
        }
        if (us < first) first = us;
        if (us > last) last = us;
        HB_TRY(tally_add(t, hb_str_c(form)));
    }
    if (t->count > 0) {
        hb_str form = t->count == 1 ? t->entries[0].text : HB_STR("mixed");
        bool date_only = hb_str_eq(form, HB_STR("ISO date"));
        put(s, "format");
        hb_pack_str(&s->body, form);
        put_time(s, "earliest", first, date_only);
        put_time(s, "latest", last, date_only);
        put(s, "span_days");
        hb_pack_float(&s->body, rounded((double)(last - first) / 86400e6, 10.0));
    }
    if (unread > 0) {
        put(s, "unparsed");
        hb_pack_int(&s->body, unread);
    }
    return HB_OK;
}

/* ---- lists, objects, texts -------------------------------------------------------------- */

/* The items of a list, and the keys of an object: walked by `next_item`. */
typedef struct items {
    const hb_value *value;
    hb_pack_reader reader;
    uint32_t count, at;
    bool list, map;
} items;

static items items_of(const hb_value *value) {
    items out = { .value = value };
    hb_pack_item head = { 0 };
    if (value->kind == HB_KIND_VEC) {
        out.list = true;
        out.count = value->as.v.len;
    } else if (value->kind == HB_KIND_PACK) {
        out.reader = hb_pack_read(value->as.s);
        if (hb_pack_next(&out.reader, &head)) out.count = head.count;
        out.list = head.tag == HB_PACK_ARRAY;
        out.map = head.tag == HB_PACK_MAP;
    }
    return out;
}

static bool next_item(items *in, hb_str *key, hb_value *item) {
    hb_pack_item head = { 0 };
    hb_str whole;
    if (in->at++ == in->count) return false;
    if (in->value->kind == HB_KIND_VEC) {
        *item = (hb_value){ HB_KIND_F64, { .f = (double)in->value->as.v.ptr[in->at - 1] } };
        return true;
    }
    if (in->map && !hb_pack_next(&in->reader, &head)) return false;
    *key = head.s;
    return hb_pack_skip(&in->reader, &whole) && hb_leaf_unpack(whole, item);
}

/* The length of a list of numbers (or of texts that are some), or -1. */
static double norm_of(items in) {
    double sum = 0.0, x = 0.0;
    hb_value item = { .kind = HB_KIND_NULL };
    hb_str key;
    while (next_item(&in, &key, &item)) {
        if (is_number(&item)) {
            x = number_of(&item);
        } else if (item.kind == HB_KIND_BOOL) {
            x = item.as.b ? 1.0 : 0.0;
        } else if (item.kind != HB_KIND_TEXT ||
                   hb_num_parse_f64(hb_str_trim(item.as.s), &x) != HB_NUM_OK) {
            return -1.0;
        }
        sum += x * x;
    }
    return isfinite(sum) ? sqrt(sum) : -1.0;
}

static hb_status vector_summary(summary *s, tally *t) {
    range dims = { 0 }, norms = { 0 };
    char text[32];
    (void)t;
    for (uint32_t i = 0; i < s->count; i++) {
        items in = items_of(&s->values[i]);
        if (!in.list) continue;
        range_add(&dims, in.count);
        double norm = norm_of(in);
        if (norm >= 0.0) range_add(&norms, norm);
    }
    if (dims.count > 0) {
        uint32_t low = (uint32_t)dims.min, high = (uint32_t)dims.max;
        uint32_t len = low == high ? hb_format(text, sizeof text, "%u", low)
                                   : hb_format(text, sizeof text, "%u\u2013%u", low, high);
        put(s, "dims");
        hb_pack_str(&s->body, hb_str_n(text, len));
    }
    if (norms.count == 0) return HB_OK;
    put(s, "norm");
    hb_pack_map(&s->body, 3);
    put_pair(s, "min", rounded(norms.min, 1e4));
    put_pair(s, "mean", range_mean(&norms, 1e4));
    put_pair(s, "max", rounded(norms.max, 1e4));
    return HB_OK;
}

typedef struct shapes {
    tally keys, elements;
    tally *scalars;
    range key_count, lengths, sizes;
} shapes;

static hb_status shapes_add(summary *s, shapes *all, const hb_value *value) {
    items in = items_of(value);
    hb_value item = { .kind = HB_KIND_NULL };
    hb_str key, text;
    if (!in.list && !in.map) return tally_value(all->scalars, value);
    range_add(in.list ? &all->lengths : &all->key_count, in.count);
    HB_TRY(json_text(s, value, &text));
    range_add(&all->sizes, hb_utf8_count(text));
    while (next_item(&in, &key, &item)) {
        if (in.map) {
            HB_TRY(tally_add(&all->keys, key));
        } else if (item.kind <= HB_KIND_TEXT) {
            HB_TRY(tally_value(&all->elements, &item));
        }
    }
    return HB_OK;
}

static void put_shapes(summary *s, shapes *all) {
    if (all->scalars->count > 0) {
        put(s, "scalars");
        hb_pack_int(&s->body, (int64_t)all->scalars->total);
        put_tally(all->scalars, "scalar_values", LIST_MAX, false);
    }
    if (all->keys.count > 0) {
        put_tally(&all->keys, "keys", LIST_MAX, true);
        put(s, "distinct_keys");
        hb_pack_int(&s->body, all->keys.count);
        put_counts(s, "key_count", &all->key_count);
    }
    if (all->lengths.count > 0) put_counts(s, "items", &all->lengths);
    if (all->elements.count > 0) put_tally(&all->elements, "elements", LIST_MAX, false);
    if (all->sizes.count == 0) return;
    put(s, "size");
    hb_pack_map(&s->body, 2);
    put_pair(s, "mean", range_mean(&all->sizes, 10.0));
    hb_pack_str(&s->body, HB_STR("max"));
    hb_pack_int(&s->body, (int64_t)all->sizes.max);
}

static hb_status json_summary(summary *s, tally *t) {
    shapes all = { .scalars = t };
    hb_status status = HB_OK;
    tally_init(&all.keys, s);
    tally_init(&all.elements, s);
    for (uint32_t i = 0; i < s->count && status == HB_OK; i++)
        status = shapes_add(s, &all, &s->values[i]);
    if (status == HB_OK) put_shapes(s, &all);
    hb_map_free(&all.keys.seen);
    hb_map_free(&all.elements.seen);
    return status;
}

static hb_status text_summary(summary *s, tally *t) {
    double *lengths = hb_arena_array(s->arena, s->count, sizeof(*lengths));
    range all = { 0 };
    uint32_t most = 0;
    if (lengths == NULL) return hb_err_memory(s->err);
    for (uint32_t i = 0; i < s->count; i++) {
        hb_str text;
        HB_TRY(json_text(s, &s->values[i], &text));
        HB_TRY(tally_add(t, text));
        lengths[i] = hb_utf8_count(text);
        range_add(&all, lengths[i]);
    }
    if (all.count == 0) return HB_OK;
    qsort(lengths, s->count, sizeof(*lengths), number_compare);
    for (uint32_t i = 0; i < t->count; i++)
        most = t->entries[i].count > most ? t->entries[i].count : most;
    put_distinct(t);
    put_counts(s, "length", &all);
    put_histogram(s, "length_histogram", lengths, s->count);
    if (most > 1) {
        put_tally(t, "top", 5, false);
        return HB_OK;
    }
    uint32_t shown = t->count < 3 ? t->count : 3;
    put(s, "examples");
    hb_pack_array(&s->body, shown);
    for (uint32_t i = 0; i < shown; i++) put_value(s, t->entries[i].text, NULL);
    return HB_OK;
}

static hb_status summarise(summary *s, hb_summary_kind kind) {
    static hb_status (*const folds[HB_SUMMARY_TOTAL])(summary *, tally *) = {
        [HB_SUMMARY_BOOL] = bool_summary,     [HB_SUMMARY_JSON] = json_summary,
        [HB_SUMMARY_LIST] = json_summary,     [HB_SUMMARY_NUMERIC] = numeric_summary,
        [HB_SUMMARY_TEXT] = text_summary,     [HB_SUMMARY_TIME] = time_summary,
        [HB_SUMMARY_VECTOR] = vector_summary,
    };
    tally t;
    tally_init(&t, s);
    hb_status status = folds[kind](s, &t);
    hb_map_free(&t.seen);
    return status == HB_OK ? hb_buf_check(&s->body, s->err) : status;
}

hb_status hb_summary_write(const hb_value *values, uint32_t count, hb_summary_kind kind,
                           int64_t per_second, const hb_mem *mem, hb_arena *arena, hb_buf *out,
                           hb_err *err) {
    summary s = { .values = values,
                  .count = count,
                  .per_second = per_second,
                  .mem = mem,
                  .arena = arena,
                  .err = err };
    hb_buf_init(&s.body, mem);
    hb_buf_init(&s.text, mem);
    hb_status status = summarise(&s, kind);
    if (status == HB_OK) {
        hb_buf_clear(out);
        hb_pack_map(out, s.pairs);
        hb_buf_add(out, s.body.ptr, s.body.len);
        status = hb_buf_check(out, err);
    }
    hb_buf_free(&s.text);
    hb_buf_free(&s.body);
    return status;
}
