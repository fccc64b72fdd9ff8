// SPDX-License-Identifier: MIT
/* JSON of the transports: statements as they go out, answers as they come in. Numbers pass no
 * double on the way: an int64 stays exact. */
#include <math.h>

#include "backends/sql/transport.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/num.h"

#define KEYS_MAX 64u                /* of a mapping in an answer */
#define COLUMNS_MAX (2 * HB_FIELDS_MAX)

/* ---- writing ----------------------------------------------------------------------------- */

static hb_status add_params(hb_pack_reader *reader, sql_param_writer *add, hb_buf *out,
                            hb_err *err) {
    hb_pack_item list, param;
    if (!hb_pack_next(reader, &list)) return hb_err_set(err, HB_E_INTERNAL, "no parameters");
    for (uint32_t i = 0; i < list.count; i++) {
        if (!hb_pack_next(reader, &param)) return hb_err_set(err, HB_E_INTERNAL, "no parameter");
        if (i > 0) hb_buf_add_char(out, ',');
        add(out, &param);
    }
    return HB_OK;
}

hb_status sql_json_statements(const sql_exchange *exchange, const char *text_name,
                              sql_param_writer *param, hb_buf *out, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(exchange->statements);
    hb_pack_item item;
    bool good = hb_pack_next(&reader, &item);
    for (uint32_t i = 0; i < exchange->count; i++) {
        good = good && hb_pack_next(&reader, &item) && hb_pack_next(&reader, &item);
        if (!good) return hb_err_set(err, HB_E_INTERNAL, "no statement");
        hb_buf_printf(out, "%s{\"%s\":", i > 0 ? "," : "", text_name);
        hb_buf_add_json_str(out, item.s);
        hb_buf_add_c(out, ",\"params\":[");
        HB_TRY(add_params(&reader, param, out, err));
        hb_buf_add_c(out, "]}");
    }
    return hb_buf_check(out, err);
}

/* ---- reading ----------------------------------------------------------------------------- */

hb_status sql_bad_answer(hb_err *err, const char *what) {
    return hb_err_set(err, HB_E_BAD_REPLY, "an answer by HTTP: %s", what);
}

hb_status sql_json_read(const hb_job *job, hb_str body, hb_str *pack, hb_err *err) {
    hb_buf bytes;
    hb_buf_init(&bytes, job->mem);
    hb_status status = hb_pack_from_json(body, &bytes, err);
    if (status == HB_OK) {
        *pack = hb_arena_str(job->arena, hb_buf_str(&bytes));
        if (pack->ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&bytes);
    return status == HB_OK || status == HB_E_MEMORY
               ? status
               : sql_bad_answer(err, "it is no JSON, or was cut off");
}

static bool next_of(hb_pack_reader *reader, hb_pack_tag tag, hb_pack_item *item) {
    return hb_pack_next(reader, item) && item->tag == tag;
}

static bool is_new(const hb_str *keys, uint32_t count, hb_str key) {
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_eq(keys[i], key)) return false;
    }
    return true;
}

hb_status sql_json_members(hb_str pack, const char *const *names, hb_str *values, uint32_t count,
                           hb_err *err) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item map, key;
    hb_str keys[KEYS_MAX], value;
    for (uint32_t i = 0; i < count; i++) values[i] = (hb_str){ NULL, 0 };
    if (!next_of(&reader, HB_PACK_MAP, &map)) return sql_bad_answer(err, "expected a mapping");
    if (map.count > KEYS_MAX) return sql_bad_answer(err, "a mapping has too many members");
    for (uint32_t i = 0; i < map.count; i++) {
        if (!next_of(&reader, HB_PACK_STR, &key) || !is_new(keys, i, key.s)) {
            return sql_bad_answer(err, "a mapping has a member twice");
        }
        keys[i] = key.s;
        if (!hb_pack_skip(&reader, &value)) return sql_bad_answer(err, "a member has no value");
        for (uint32_t n = 0; n < count; n++) {
            if (hb_str_eq(key.s, hb_str_c(names[n]))) values[n] = value;
        }
    }
    return HB_OK;
}

hb_status sql_json_list(hb_str pack, hb_pack_reader *items, uint32_t *count, hb_err *err) {
    hb_pack_item list;
    *items = hb_pack_read(pack);
    if (pack.ptr == NULL || !next_of(items, HB_PACK_ARRAY, &list)) {
        return sql_bad_answer(err, "expected a list");
    }
    *count = list.count;
    return HB_OK;
}

hb_str sql_json_text(hb_str pack) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    return pack.ptr != NULL && next_of(&reader, HB_PACK_STR, &item) ? item.s : HB_STR_EMPTY;
}

/* ---- rows -------------------------------------------------------------------------------- */

enum { SEEN_FLAG = 1, SEEN_INT = 2, SEEN_FLOAT = 4, SEEN_TEXT = 8, SEEN_BYTES = 16 };

typedef struct seen_column {
    uint32_t kinds;             /* SEEN_* */
    bool wide;                  /* an integer that is no double */
    bool words;                 /* a text that is no number's word */
    uint32_t bytes;             /* an upper bound of what its byte strings take */
    hb_kind kind;
    uint8_t *states;
    void *data;
    uint8_t *heap;
    uint32_t heap_len;
} seen_column;

bool sql_json_number_word(hb_str text, double *out) {
    static const struct {
        hb_str word;
        double value;
    } words[] = { { { "NaN", 3 }, (double)NAN },
                  { { "Infinity", 8 }, (double)INFINITY },
                  { { "-Infinity", 9 }, -(double)INFINITY } };
    for (size_t i = 0; i < 3; i++) {
        *out = words[i].value;
        if (hb_str_eq(text, words[i].word)) return true;
    }
    return false;
}

/* {"$bytes": base64}, whose header has been read. */
static bool bytes_cell(hb_pack_reader *reader, const hb_pack_item *map, hb_str *base64) {
    hb_pack_item key, text;
    if (map->count != 1 || !next_of(reader, HB_PACK_STR, &key) ||
        !hb_str_eq(key.s, HB_STR("$bytes")) || !next_of(reader, HB_PACK_STR, &text)) {
        return false;
    }
    *base64 = text.s;
    return true;
}

static bool look_at(hb_pack_reader *reader, bool texts_only, seen_column *column) {
    hb_pack_item item;
    hb_str base64;
    double word;
    if (!hb_pack_next(reader, &item)) return false;
    if (item.tag == HB_PACK_NIL) return true;
    if (texts_only && item.tag != HB_PACK_STR) return false;
    switch (item.tag) {
    case HB_PACK_BOOL: column->kinds |= SEEN_FLAG; return true;
    case HB_PACK_INT:
        column->kinds |= SEEN_INT;
        column->wide = column->wide || item.i > 9007199254740992 || item.i < -9007199254740992;
        return true;
    case HB_PACK_FLOAT: column->kinds |= SEEN_FLOAT; return true;
    case HB_PACK_STR:
        column->kinds |= SEEN_TEXT;
        column->words = column->words || !sql_json_number_word(item.s, &word);
        return true;
    case HB_PACK_MAP:
        column->kinds |= SEEN_BYTES;
        if (!bytes_cell(reader, &item, &base64)) return false;
        column->bytes += base64.len / 4 * 3 + 3;
        return true;
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_BIN:
    case HB_PACK_ARRAY:
    case HB_PACK_EXT: break;
    }
    return false;
}

/* The one kind that holds all cells; false: there is none. */
static bool decide(seen_column *column) {
    const uint32_t kinds = column->kinds;
    switch (kinds) {
    case 0: column->kind = HB_KIND_NULL; return true;
    case SEEN_FLAG: column->kind = HB_KIND_BOOL; return true;
    case SEEN_INT: column->kind = HB_KIND_I64; return true;
    case SEEN_TEXT: column->kind = HB_KIND_TEXT; return true;
    case SEEN_BYTES: column->kind = HB_KIND_BYTES; return true;
    default: break;
    }
    column->kind = HB_KIND_F64;
    if ((kinds & (SEEN_FLAG | SEEN_BYTES)) != 0 || column->wide) return false;
    return (kinds & SEEN_TEXT) == 0 || !column->words;
}

static bool make_room(seen_column *column, uint32_t rows, hb_arena *arena) {
    size_t size = sizeof(hb_span);
    if (column->kind == HB_KIND_BOOL) size = 1;
    if (column->kind == HB_KIND_I64 || column->kind == HB_KIND_F64) size = 8;
    column->states = HB_NEW_ARRAY(arena, uint8_t, rows);
    column->data = hb_arena_zalloc_array(arena, rows, size);
    if (column->kind == HB_KIND_BYTES) column->heap = hb_arena_alloc(arena, column->bytes);
    return column->states != NULL && column->data != NULL &&
           (column->kind != HB_KIND_BYTES || column->heap != NULL);
}

static hb_status keep_bytes(seen_column *column, hb_str base64, uint32_t row, hb_arena *arena,
                            hb_err *err) {
    hb_str bytes;
    if (!hb_base64_read(base64, arena, &bytes)) return sql_bad_answer(err, "malformed base64");
    if (bytes.ptr == NULL) return hb_err_memory(err);
    if (bytes.len > 0) memcpy(column->heap + column->heap_len, bytes.ptr, bytes.len);
    ((hb_span *)column->data)[row] = (hb_span){ column->heap_len, bytes.len };
    column->heap_len += bytes.len;
    return HB_OK;
}

/* A cell that look_at has accepted. Texts stay where they are: in `pack`. */
static hb_status keep(hb_pack_reader *reader, seen_column *column, uint32_t row, hb_str pack,
                      hb_arena *arena, hb_err *err) {
    hb_pack_item item;
    hb_str base64 = HB_STR_EMPTY;
    double word;
    if (!hb_pack_next(reader, &item)) return sql_bad_answer(err, "a row ends early");
    column->states[row] = item.tag == HB_PACK_NIL ? HB_CELL_NULL : HB_CELL_VALUE;
    switch (item.tag) {
    case HB_PACK_BOOL: ((uint8_t *)column->data)[row] = item.b; break;
    case HB_PACK_INT:
        if (column->kind == HB_KIND_I64) ((int64_t *)column->data)[row] = item.i;
        if (column->kind == HB_KIND_F64) ((double *)column->data)[row] = (double)item.i;
        break;
    case HB_PACK_FLOAT: ((double *)column->data)[row] = item.f; break;
    case HB_PACK_STR:
        if (column->kind == HB_KIND_F64) {
            if (sql_json_number_word(item.s, &word)) ((double *)column->data)[row] = word;
        } else {
            ((hb_span *)column->data)[row] =
                (hb_span){ (uint32_t)(item.s.ptr - pack.ptr), item.s.len };
        }
        break;
    case HB_PACK_MAP:
        if (!bytes_cell(reader, &item, &base64)) return sql_bad_answer(err, "a cell of no kind");
        return keep_bytes(column, base64, row, arena, err);
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_BIN:
    case HB_PACK_ARRAY:
    case HB_PACK_EXT: break;
    }
    return HB_OK;
}

static hb_status look_at_all(hb_str rows, seen_column *columns, uint32_t count, bool texts_only,
                             uint32_t *row_count, hb_err *err) {
    hb_pack_reader reader;
    hb_pack_item row;
    HB_TRY(sql_json_list(rows, &reader, row_count, err));
    if (*row_count > HB_BATCH_ROWS_MAX) return sql_bad_answer(err, "it has too many rows");
    for (uint32_t r = 0; r < *row_count; r++) {
        if (!next_of(&reader, HB_PACK_ARRAY, &row) || row.count != count) {
            return sql_bad_answer(err, "a row has another number of cells than there are columns");
        }
        for (uint32_t c = 0; c < count; c++) {
            if (!look_at(&reader, texts_only, &columns[c])) {
                return sql_bad_answer(err, "a cell is of no kind that is known");
            }
        }
    }
    return HB_OK;
}

hb_status sql_json_rows(const hb_job *job, hb_str rows, const hb_str *names, uint32_t name_count,
                        bool texts_only, hb_batch *out, hb_err *err) {
    hb_arena *arena = job->arena;
    hb_pack_reader reader;
    hb_pack_item row;
    uint32_t row_count;
    if (name_count > COLUMNS_MAX) return sql_bad_answer(err, "it has too many columns");
    seen_column *columns = HB_NEW_ARRAY(arena, seen_column, name_count);
    hb_column *views = HB_NEW_ARRAY(arena, hb_column, name_count);
    if (columns == NULL || views == NULL) return hb_err_memory(err);
    HB_TRY(look_at_all(rows, columns, name_count, texts_only, &row_count, err));
    for (uint32_t c = 0; c < name_count; c++) {
        if (!decide(&columns[c])) return sql_bad_answer(err, "a column mixes kinds of values");
        if (!make_room(&columns[c], row_count, arena)) return hb_err_memory(err);
    }
    HB_TRY(sql_json_list(rows, &reader, &row_count, err));
    for (uint32_t r = 0; r < row_count; r++) {
        if (!hb_pack_next(&reader, &row)) return sql_bad_answer(err, "a row is missing");
        for (uint32_t c = 0; c < name_count; c++) {
            HB_TRY(keep(&reader, &columns[c], r, rows, arena, err));
        }
    }
    for (uint32_t c = 0; c < name_count; c++) {
        const seen_column *column = &columns[c];
        const bool is_text = column->kind == HB_KIND_TEXT;
        views[c] = (hb_column){ .name = names[c],
                                .kind = column->kind,
                                .state = column->states,
                                .data = column->kind == HB_KIND_NULL ? NULL : column->data,
                                .heap = is_text ? (const uint8_t *)rows.ptr : column->heap,
                                .heap_len = is_text ? rows.len : column->heap_len };
    }
    *out = (hb_batch){ row_count, name_count, views };
    return HB_OK;
}
