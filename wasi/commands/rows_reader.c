// SPDX-License-Identifier: MIT
#include "wasi/commands/rows_reader.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "value/pack.h"

#define READ_BYTES (256u * 1024)
#define ROW_BYTES_MAX (256u * 1024 * 1024)

typedef struct rows_column {
    hb_str name;                /* into packs */
    hb_kind kind;               /* NULL: no value yet; PACK: mixed or nested */
    uint32_t last_row;          /* to tell a key that occurs twice */
    hb_colbuf values;
} rows_column;

int rows_reader_open(rows_reader *r, cli *c, const char *path, uint32_t rows_max) {
    memset(r, 0, sizeof(*r));
    r->mem = c->mem;
    r->path = path;
    r->rows_max = rows_max;
    hb_buf_init(&r->in, c->mem);
    hb_buf_init(&r->packs, c->mem);
    hb_arena_init(&r->arena, c->mem);
    hb_map_init(&r->by_name, c->mem);
    r->fd = -1;
    r->rows = hb_mem_alloc(c->mem, rows_max * sizeof(*r->rows));
    return r->rows != NULL ? cli_open_input(c, path, &r->fd) : cli_no_memory(c);
}

static void columns_forget(rows_reader *r) {
    for (uint32_t i = 0; i < r->column_count; i++) hb_colbuf_free(&r->columns[i].values);
    r->column_count = 0;
}

void rows_reader_close(rows_reader *r) {
    columns_forget(r);
    hb_mem_free(r->mem, r->columns, r->column_cap * sizeof(*r->columns));
    hb_mem_free(r->mem, r->rows, r->rows_max * sizeof(*r->rows));
    hb_map_free(&r->by_name);
    hb_arena_free(&r->arena);
    hb_buf_free(&r->packs);
    hb_buf_free(&r->in);
    if (r->fd > STDIN_FILENO) close(r->fd);
}

/* ---- finding the rows in the text ---------------------------------------------------------- */

static hb_status row_error(uint64_t row, hb_err *err, const char *what) {
    return hb_err_set(err, HB_E_VALIDATION, "input row %llu: %s", (unsigned long long)row + 1,
                      what);
}

static hb_status reader_fill(rows_reader *r, hb_err *err) {
    if (r->in.len - r->pos > ROW_BYTES_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "input row %llu is larger than %u bytes",
                          (unsigned long long)r->row_count + 1, ROW_BYTES_MAX);
    }
    if (!hb_buf_reserve(&r->in, READ_BYTES)) return hb_err_memory(err);
    ssize_t got;
    do {
        got = read(r->fd, r->in.ptr + r->in.len, READ_BYTES);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return hb_err_set(err, HB_E_HOST, "reading '%s' failed: %s", r->path, strerror(errno));
    }
    r->eof = got == 0;
    r->in.len += (uint32_t)got;
    return HB_OK;
}

static bool is_space(char ch) {
    return ch == ' ' || ch == '\n' || ch == '\r' || ch == '\t';
}

/* The next character that is no white space, or '\0' at the end; stays in front of it. */
static hb_status reader_peek(rows_reader *r, char *out, hb_err *err) {
    for (;;) {
        while (r->pos < r->in.len && is_space(r->in.ptr[r->pos])) r->pos++;
        if (r->pos < r->in.len) {
            *out = r->in.ptr[r->pos];
            return HB_OK;
        }
        if (r->eof) {
            *out = '\0';
            return HB_OK;
        }
        hb_buf_clear(&r->in);
        r->pos = 0;
        HB_TRY(reader_fill(r, err));
    }
}

/* Length of the object at pos by its braces; its inside is checked by the parser. An object that
 * the input breaks off ends at the end. */
static hb_status reader_object(rows_reader *r, uint32_t *len, hb_err *err) {
    uint32_t at = 0, depth = 0;
    bool in_text = false, escaped = false;
    for (;;) {
        if (r->pos + at == r->in.len) {
            if (r->eof) break;
            if (r->pos > 0) {       /* what was consumed makes room */
                memmove(r->in.ptr, r->in.ptr + r->pos, at);
                r->in.len = at;
                r->pos = 0;
            }
            HB_TRY(reader_fill(r, err));
            continue;
        }
        char ch = r->in.ptr[r->pos + at++];
        if (in_text) {
            in_text = escaped || ch != '"';
            escaped = !escaped && ch == '\\';
        } else if (ch == '"') {
            in_text = true;
        } else if (ch == '{' || ch == '[') {
            depth++;
        } else if ((ch == '}' || ch == ']') && --depth == 0) {
            break;
        }
    }
    *len = at;
    return HB_OK;
}

static hb_status reader_start(rows_reader *r, hb_err *err) {
    char ch;
    HB_TRY(reader_peek(r, &ch, err));
    if (r->in.len - r->pos >= 3 && memcmp(r->in.ptr + r->pos, "\xef\xbb\xbf", 3) == 0) r->pos += 3;
    HB_TRY(reader_peek(r, &ch, err));
    if (ch == '[') {
        r->in_array = true;
        r->pos++;
    }
    r->started = true;
    return HB_OK;
}

/* Goes to the next object: *more is false at the end of the input. */
static hb_status reader_advance(rows_reader *r, bool *more, hb_err *err) {
    char ch;
    *more = false;
    bool first = !r->started;
    if (first) HB_TRY(reader_start(r, err));
    HB_TRY(reader_peek(r, &ch, err));
    if (r->in_array && !r->ended && ch == ']') {
        r->ended = true;
        r->pos++;
        HB_TRY(reader_peek(r, &ch, err));
    } else if (r->in_array && !r->ended && !first && ch != '\0') {
        if (ch != ',') return row_error(r->row_count, err, "',' or ']' was expected before it");
        r->pos++;
        HB_TRY(reader_peek(r, &ch, err));
    }
    if (ch == '\0') {
        bool open = r->in_array && !r->ended;
        return open ? row_error(r->row_count, err, "the input ends inside the array") : HB_OK;
    }
    if (r->ended) return row_error(r->row_count, err, "there is text after the array");
    if (ch != '{') return row_error(r->row_count, err, "a JSON object was expected");
    *more = true;
    return HB_OK;
}

static hb_status reader_row(rows_reader *r, uint32_t row, hb_err *err) {
    uint32_t len, start = r->packs.len;
    HB_TRY(reader_object(r, &len, err));
    hb_err inner;
    hb_err_init(&inner);
    if (hb_pack_from_json(hb_str_n(r->in.ptr + r->pos, len), &r->packs, &inner) != HB_OK) {
        return hb_err_set(err, inner.code, "input row %llu: %s",
                          (unsigned long long)r->row_count + 1, inner.msg);
    }
    r->pos += len;
    /* Offsets for now: packs may move until the batch is complete. */
    r->rows[row] = (hb_str){ NULL, r->packs.len - start };
    r->row_count++;
    return HB_OK;
}

/* ---- from rows to columns ------------------------------------------------------------------ */

static hb_kind kind_of(const hb_pack_item *item) {
    switch (item->tag) {
    case HB_PACK_NIL: return HB_KIND_NULL;
    case HB_PACK_BOOL: return HB_KIND_BOOL;
    case HB_PACK_INT: return HB_KIND_I64;
    case HB_PACK_FLOAT: return HB_KIND_F64;
    case HB_PACK_STR: return HB_KIND_TEXT;
    case HB_PACK_UINT64:
    case HB_PACK_BIN:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    return HB_KIND_PACK;
}

static hb_status column_find(rows_reader *r, hb_str name, uint32_t *out, hb_err *err) {
    *out = hb_map_find(&r->by_name, name);
    if (*out != HB_MAP_NONE) return HB_OK;
    if (r->column_count == r->column_cap) {
        uint32_t cap = r->column_cap == 0 ? 32 : r->column_cap * 2;
        rows_column *grown = hb_mem_realloc(r->mem, r->columns, r->column_cap * sizeof(*grown),
                                            cap * sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        r->columns = grown;
        r->column_cap = cap;
    }
    *out = r->column_count;
    rows_column *column = &r->columns[r->column_count];
    memset(column, 0, sizeof(*column));
    column->name = name;
    column->last_row = UINT32_MAX;
    hb_colbuf_init(&column->values, r->mem, HB_KIND_TEXT, 0);
    if (!hb_map_put(&r->by_name, name, *out)) return hb_err_memory(err);
    r->column_count++;
    return HB_OK;
}

typedef hb_status pair_fn(rows_reader *r, uint32_t row, hb_str key, const hb_pack_item *item,
                          hb_str value, hb_err *err);

static hb_status each_pair(rows_reader *r, uint32_t row, pair_fn *fn, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(r->rows[row]);
    hb_pack_item map, key, item;
    bool ok = hb_pack_next(&reader, &map) && map.tag == HB_PACK_MAP;
    for (uint32_t i = 0; ok && i < map.count; i++) {
        hb_str value;
        ok = hb_pack_next(&reader, &key);
        hb_pack_reader peek = reader;
        ok = ok && hb_pack_next(&peek, &item) && hb_pack_skip(&reader, &value);
        if (ok) HB_TRY(fn(r, row, key.s, &item, value, err));
    }
    HB_ASSERT(ok);      /* our own encoding of JSON that was checked */
    return HB_OK;
}

static hb_status pair_kind(rows_reader *r, uint32_t row, hb_str key, const hb_pack_item *item,
                           hb_str value, hb_err *err) {
    (void)value;
    uint32_t at;
    HB_TRY(column_find(r, key, &at, err));
    rows_column *column = &r->columns[at];
    if (column->last_row == row) {
        return hb_err_set(err, HB_E_VALIDATION, "the key '%.*s' occurs twice in a row",
                          HB_ARG(key));
    }
    column->last_row = row;
    hb_kind kind = kind_of(item);
    if (kind == HB_KIND_NULL || kind == column->kind) return HB_OK;
    column->kind = column->kind == HB_KIND_NULL ? kind : HB_KIND_PACK;
    return HB_OK;
}

/* Rows up to `row` had no such key. */
static bool column_pad(rows_column *column, uint32_t row) {
    while (column->values.row_count < row) {
        if (!hb_colbuf_add_null(&column->values)) return false;
        column->values.state[column->values.row_count - 1] = HB_CELL_ABSENT;
    }
    return true;
}

static hb_status pair_add(rows_reader *r, uint32_t row, hb_str key, const hb_pack_item *item,
                          hb_str value, hb_err *err) {
    uint32_t at;
    HB_TRY(column_find(r, key, &at, err));
    rows_column *column = &r->columns[at];
    hb_value cell = { .kind = kind_of(item) };
    if (cell.kind == HB_KIND_BOOL) {
        cell.as.b = item->b;
    } else if (cell.kind == HB_KIND_I64) {
        cell.as.i = item->i;
    } else if (cell.kind == HB_KIND_F64) {
        cell.as.f = item->f;
    } else {
        cell.as.s = item->s;
    }
    if (column->kind == HB_KIND_PACK && cell.kind != HB_KIND_NULL) {
        cell.kind = HB_KIND_PACK;
        cell.as.s = value;
    }
    bool ok = column_pad(column, row);
    ok = ok && (cell.kind == HB_KIND_NULL ? hb_colbuf_add_null(&column->values)
                                          : hb_colbuf_add(&column->values, &cell));
    return ok ? HB_OK : hb_err_memory(err);
}

static hb_status batch_build(rows_reader *r, uint32_t count, hb_batch *out, hb_err *err) {
    const char *at = r->packs.ptr;
    for (uint32_t row = 0; row < count; row++) {
        r->rows[row].ptr = at;
        at += r->rows[row].len;
    }
    for (uint32_t row = 0; row < count; row++) {
        hb_status status = each_pair(r, row, pair_kind, err);
        if (status == HB_E_VALIDATION) {
            hb_err inner = *err;
            return row_error(r->row_count - count + row, err, inner.msg);
        }
        HB_TRY(status);
    }
    for (uint32_t i = 0; i < r->column_count; i++) {
        hb_kind kind = r->columns[i].kind;
        hb_colbuf_init(&r->columns[i].values, r->mem, kind != HB_KIND_NULL ? kind : HB_KIND_TEXT,
                       0);
    }
    for (uint32_t row = 0; row < count; row++) HB_TRY(each_pair(r, row, pair_add, err));
    hb_column *columns = hb_arena_array(&r->arena, r->column_count, sizeof(*columns));
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < r->column_count; i++) {
        if (!column_pad(&r->columns[i], count)) return hb_err_memory(err);
        columns[i] = hb_colbuf_view(&r->columns[i].values, r->columns[i].name);
    }
    *out = (hb_batch){ count, r->column_count, columns };
    return HB_OK;
}

hb_status rows_reader_next(rows_reader *r, hb_batch *out, hb_err *err) {
    columns_forget(r);
    hb_map_free(&r->by_name);
    hb_map_init(&r->by_name, r->mem);
    hb_arena_reset(&r->arena);
    hb_buf_clear(&r->packs);
    uint32_t count = 0;
    bool more = true;
    while (count < r->rows_max) {
        HB_TRY(reader_advance(r, &more, err));
        if (!more) break;
        HB_TRY(reader_row(r, count, err));
        count++;
    }
    return batch_build(r, count, out, err);
}
