// SPDX-License-Identifier: MIT
/* Values outside the row. A large text or bytes value of a field held with the strategy EXTERNAL
 * lies in a file of its own, named after its hash, and the row's file holds a reference: a value of
 * the same kind, "heavenbase:value:<hash>". Equal values of an entity are kept once; whoever does
 * not ask for the field never opens them.
 *
 * Small values stay in the row, where another file would only cost; so do all values where
 * HeavenBase for Python works on the folder, which knows whole rows alone. What reads as a
 * reference but is none goes outside itself, so a reference is never mistaken. A field that was
 * held so once is noted in "fields": its references are followed when rows are loaded.
 *
 * The hash only finds; equal means equal bytes, so a value whose hash is taken by another one gets
 * the next free name. Writes never remove a value, since other rows may hold it: a repair does
 * (external_check.c). */
#include "backends/files/external.h"

#include "base/md5.h"
#include "eval/sort.h"

#define REFERENCE "heavenbase:value:"
#define HASH_CHARS (2u * HB_MD5_LEN)
#define TWINS_MAX 64u           /* different values of one hash; more is no accident */
#define ROW_BYTES_MAX 1024u     /* up to here a value stays in the row */

/* ---- names ------------------------------------------------------------------------------------
 */

static bool is_hash(hb_str text) {
    for (uint32_t i = 0; i < HASH_CHARS; i++) {
        const char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

bool files_value_is_name(hb_str name) {
    if (name.len < HASH_CHARS || !is_hash(name)) return false;
    if (name.len == HASH_CHARS) return true;
    if (name.len > HASH_CHARS + 3 || name.len < HASH_CHARS + 2 || name.ptr[HASH_CHARS] != '~') {
        return false;
    }
    for (uint32_t i = HASH_CHARS + 1; i < name.len; i++) {
        if (name.ptr[i] < '0' || name.ptr[i] > '9') return false;
    }
    return true;
}

bool files_value_of(const hb_value *cell, hb_str *name) {
    if (cell->kind != HB_KIND_TEXT && cell->kind != HB_KIND_BYTES) return false;
    if (!hb_str_starts(cell->as.s, HB_STR(REFERENCE))) return false;
    *name = hb_str_sub(cell->as.s, sizeof(REFERENCE) - 1, cell->as.s.len);
    return files_value_is_name(*name);
}

static hb_str name_make(hb_str bytes, uint32_t twin, hb_arena *arena) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[HB_MD5_LEN];
    char hash[HASH_CHARS];
    hb_md5 md5;
    hb_md5_init(&md5);
    hb_md5_add(&md5, bytes.ptr, bytes.len);
    hb_md5_finish(&md5, digest);
    for (uint32_t i = 0; i < HB_MD5_LEN; i++) {
        hash[2 * i] = digits[digest[i] >> 4];
        hash[2 * i + 1] = digits[digest[i] & 15];
    }
    return twin == 0 ? hb_arena_printf(arena, "%.*s", (int)HASH_CHARS, hash)
                     : hb_arena_printf(arena, "%.*s~%u", (int)HASH_CHARS, hash, twin + 1);
}

bool files_value_fits(hb_str name, hb_str bytes, hb_arena *scratch, bool *out) {
    const hb_str hash = name_make(bytes, 0, scratch);
    *out = hash.ptr != NULL && hb_str_starts(name, hash);
    return hash.ptr != NULL;
}

hb_str files_values_folder(const files_table *table, hb_arena *arena) {
    return hb_arena_printf(arena, FILES_VALUES "/%.*s%.*s", HB_ARG(table->name),
                           HB_ARG(table->conn->format->suffix));
}

hb_str files_value_target(const files_table *table, hb_str name, hb_arena *arena) {
    const hb_str folder = files_values_folder(table, arena);
    return folder.ptr == NULL ? folder : hb_fs_join(arena, folder, name);
}

static hb_str mark_target(const files_table *table, uint32_t place, hb_arena *arena) {
    const hb_str folder = files_values_folder(table, arena);
    const hb_str field = files_percent(arena, files_field(table, place)->name);
    if (folder.ptr == NULL || field.ptr == NULL) return (hb_str){ NULL, 0 };
    return hb_arena_printf(arena, "%.*s/fields/%.*s", HB_ARG(folder), HB_ARG(field));
}

/* ---- which fields ------------------------------------------------------------------------------
 */

static bool is_outside_now(const files_table *table, uint32_t place) {
    const hb_kind kind = files_field(table, place)->kind;
    return table->cache.fields[place].strategy == HB_STRATEGY_EXTERNAL &&
           (kind == HB_KIND_TEXT || kind == HB_KIND_BYTES);
}

hb_status files_values_adopt(files_table *table, hb_err *err) {
    const files_conn *conn = table->conn;
    hb_arena arena;
    hb_arena_init(&arena, conn->mem);
    hb_str *names = NULL;
    uint32_t count = 0;
    hb_str folder = files_value_target(table, HB_STR("fields"), &arena);
    if (folder.ptr != NULL) folder = hb_fs_join(&arena, conn->root, folder);
    hb_status status = folder.ptr != NULL
                           ? hb_fs_names(conn->fs, folder, &arena, &names, &count, err)
                           : hb_err_memory(err);
    table->has_outside = false;
    for (uint32_t i = 0; i < table->field_count && status == HB_OK; i++) {
        table->outside[i] = is_outside_now(table, i) ? FILES_OUTSIDE : FILES_IN_ROW;
        hb_str name = files_percent(&arena, files_field(table, i)->name);
        if (name.ptr == NULL) status = hb_err_memory(err);
        for (uint32_t n = 0; n < count && status == HB_OK; n++) {
            if (table->outside[i] == FILES_IN_ROW && hb_str_eq(names[n], name)) {
                table->outside[i] = FILES_OUTSIDE_ONCE;
            }
        }
        table->has_outside = table->has_outside || table->outside[i] != FILES_IN_ROW;
    }
    hb_arena_free(&arena);
    return status;
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static bool goes_outside(const files_table *table, uint32_t place, const hb_value *value) {
    hb_str name;
    if (value->kind == HB_KIND_NULL || table->outside[place] == FILES_IN_ROW) return false;
    if (files_value_of(value, &name)) return true;
    return table->outside[place] == FILES_OUTSIDE && !table->conn->whole_rows &&
           value->as.s.len > ROW_BYTES_MAX;
}

/* What lies under a name, or is about to. *found false: nothing, or more than a value can be. */
static hb_status value_look(const files_conn *conn, hb_str target, hb_arena *arena, hb_buf *bytes,
                            bool *found, hb_err *err) {
    const files_op *op = files_tx_find(conn, target);
    *found = false;
    if (op != NULL && op->staged.len == 0) return HB_OK;
    const hb_str path = hb_fs_join(arena, conn->root, op != NULL ? op->staged : target);
    if (path.ptr == NULL) return hb_err_memory(err);
    hb_buf_clear(bytes);
    hb_status status = hb_fs_read_all(conn->fs, path, FILES_VALUE_BYTES_MAX, bytes, found, err);
    if (status != HB_E_LIMIT) return status;
    *found = false;
    return HB_OK;
}

/* Keeps a value and gives its name. One that was changed on disk is written over. */
static hb_status value_put(files_table *table, hb_str value, hb_arena *arena, hb_buf *bytes,
                           hb_str *name, hb_err *err) {
    if (value.len > FILES_VALUE_BYTES_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "a value kept outside its row has at most %u MiB",
                          FILES_VALUE_BYTES_MAX >> 20);
    }
    for (uint32_t twin = 0; twin < TWINS_MAX; twin++) {
        *name = name_make(value, twin, arena);
        const hb_str target = name->ptr != NULL ? files_value_target(table, *name, arena) : *name;
        if (target.ptr == NULL) return hb_err_memory(err);
        bool found, fits = false;
        HB_TRY(value_look(table->conn, target, arena, bytes, &found, err));
        if (found && hb_str_eq(hb_buf_str(bytes), value)) return HB_OK;
        if (found && !files_value_fits(*name, hb_buf_str(bytes), arena, &fits)) {
            return hb_err_memory(err);
        }
        if (!fits) return files_tx_put(table->conn, target, value, err);
    }
    return hb_err_set(err, HB_E_LIMIT, "more than %u different values have one hash", TWINS_MAX);
}

/* Notes that the field has values outside. */
static hb_status field_mark(files_table *table, uint32_t place, hb_arena *arena, hb_err *err) {
    files_conn *conn = table->conn;
    const hb_str target = mark_target(table, place, arena);
    if (target.ptr == NULL) return hb_err_memory(err);
    if (files_tx_find(conn, target) != NULL) return HB_OK;
    const hb_str path = hb_fs_join(arena, conn->root, target);
    if (path.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat info;
    const hb_fs_code code = conn->fs->stat(conn->fs->ctx, path, &info);
    if (code == HB_FS_MISSING) return files_tx_put(conn, target, HB_STR_EMPTY, err);
    return hb_fs_fail(code, "look at", path, err);
}

typedef struct value_writer {
    files_table *table;
    uint32_t place;
    hb_arena *arena;            /* of the references and names */
    hb_buf bytes;               /* of a file that is looked at */
    hb_map known;               /* values of the batch -> index of their reference */
    hb_str *references;
    uint32_t reference_count;
} value_writer;

static hb_status value_reference(value_writer *w, hb_str value, hb_str *out, hb_err *err) {
    const uint32_t known = hb_map_find(&w->known, value);
    if (known != HB_MAP_NONE) {
        *out = w->references[known];
        return HB_OK;
    }
    hb_str name;
    HB_TRY(files_lease_beat(w->table->conn, err));
    HB_TRY(value_put(w->table, value, w->arena, &w->bytes, &name, err));
    *out = hb_arena_printf(w->arena, REFERENCE "%.*s", HB_ARG(name));
    if (out->ptr == NULL || !hb_map_put(&w->known, value, w->reference_count)) {
        return hb_err_memory(err);
    }
    w->references[w->reference_count++] = *out;
    return HB_OK;
}

/* The column with other bytes. */
static hb_status column_of_texts(const hb_column *column, const hb_str *texts, uint32_t row_count,
                                 hb_arena *arena, hb_column *out, hb_err *err) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < row_count; i++) bytes += texts[i].len;
    hb_span *spans = hb_arena_array(arena, row_count, sizeof(*spans));
    uint8_t *heap = hb_arena_alloc(arena, (size_t)bytes);
    if (spans == NULL || heap == NULL) return hb_err_memory(err);
    uint32_t at = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        if (texts[i].len > 0) memcpy(heap + at, texts[i].ptr, texts[i].len);
        spans[i] = (hb_span){ at, texts[i].len };
        at += texts[i].len;
    }
    *out = *column;
    out->data = spans;
    out->heap = heap;
    out->heap_len = at;
    return HB_OK;
}

/* `column` with references for the values that go outside. */
static hb_status column_put(value_writer *w, hb_column *column, uint32_t row_count, hb_err *err) {
    hb_str *texts = hb_arena_array(w->arena, row_count, sizeof(*texts));
    w->references = hb_arena_array(w->arena, row_count, sizeof(*w->references));
    if (texts == NULL || w->references == NULL) return hb_err_memory(err);
    for (uint32_t row = 0; row < row_count; row++) {
        const hb_value value = hb_column_get(column, row);
        texts[row] = value.kind == HB_KIND_NULL ? HB_STR_EMPTY : value.as.s;
        if (!goes_outside(w->table, w->place, &value)) continue;
        HB_TRY(value_reference(w, value.as.s, &texts[row], err));
    }
    if (w->reference_count == 0) return HB_OK;
    HB_TRY(field_mark(w->table, w->place, w->arena, err));
    hb_column made;
    HB_TRY(column_of_texts(column, texts, row_count, w->arena, &made, err));
    *column = made;
    return HB_OK;
}

hb_status files_values_put(files_table *table, const hb_batch *batch, hb_arena *arena,
                           hb_batch *out, hb_err *err) {
    *out = *batch;
    if (!table->has_outside) return HB_OK;
    hb_column *columns =
        hb_arena_copy(arena, batch->columns, batch->column_count * sizeof(*columns));
    if (columns == NULL) return hb_err_memory(err);
    out->columns = columns;
    hb_status status = HB_OK;
    for (uint32_t i = 1; i < batch->column_count && status == HB_OK; i++) {
        const hb_kind kind = columns[i].kind;
        if (table->outside[i] == FILES_IN_ROW || (kind != HB_KIND_TEXT && kind != HB_KIND_BYTES)) {
            continue;
        }
        value_writer w = { .table = table, .place = i, .arena = arena };
        hb_buf_init(&w.bytes, table->conn->mem);
        hb_map_init(&w.known, table->conn->mem);
        status = column_put(&w, &columns[i], batch->row_count, err);
        hb_map_free(&w.known);
        hb_buf_free(&w.bytes);
        if (status != HB_OK) {
            hb_err_where(err, table->cache.schema->entity_id, files_field(table, i)->name,
                         HB_STR_EMPTY);
        }
    }
    return status;
}

/* ---- reading -----------------------------------------------------------------------------------
 */

hb_status files_value_read(const files_table *table, hb_str name, hb_arena *arena, hb_buf *bytes,
                           files_value_state *state, hb_err *err) {
    bool found, fits;
    const hb_str target = files_value_target(table, name, arena);
    if (target.ptr == NULL) return hb_err_memory(err);
    HB_TRY(value_look(table->conn, target, arena, bytes, &found, err));
    *state = FILES_VALUE_GONE;
    if (!found) return HB_OK;
    if (!files_value_fits(name, hb_buf_str(bytes), arena, &fits)) return hb_err_memory(err);
    *state = fits ? FILES_VALUE_THERE : FILES_VALUE_CHANGED;
    return HB_OK;
}

hb_status files_values_inline(const files_table *table, hb_arena *arena, hb_value *cells,
                              hb_err *err) {
    if (!table->has_outside) return HB_OK;
    hb_buf bytes;
    hb_buf_init(&bytes, table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 1; i < table->field_count && status == HB_OK; i++) {
        hb_str name;
        if (table->outside[i] != FILES_OUTSIDE_ONCE || !files_value_of(&cells[i], &name)) continue;
        files_value_state state;
        status = files_value_read(table, name, arena, &bytes, &state, err);
        if (status != HB_OK) break;
        /* One that is gone: the check names it. */
        if (state != FILES_VALUE_THERE) cells[i] = (hb_value){ .kind = HB_KIND_NULL };
        if (state != FILES_VALUE_THERE) continue;
        cells[i].as.s = hb_arena_str(arena, hb_buf_str(&bytes));
        if (cells[i].as.s.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&bytes);
    return status;
}

static hb_status value_lost(const files_table *table, uint32_t field, hb_str object_id,
                            files_value_state state, hb_err *err) {
    const hb_schema *schema = table->cache.schema;
    hb_err_set(err, HB_E_CORRUPT,
               "the value of row '%.*s' that is kept outside it %s: audit names it, repair brings "
               "it back from another backend or makes it null",
               HB_ARG(hb_str_sub(object_id, 0, 63)),
               state == FILES_VALUE_GONE ? "is gone" : "was changed");
    return hb_err_where(err, schema->entity_id, schema->fields[field].name, HB_STR_EMPTY);
}

/* The values for the references in a column of an answer. */
static hb_status column_follow(const files_table *table, const hb_job *job, uint32_t field,
                               hb_rowset *rows, uint32_t at, hb_err *err) {
    hb_colbuf *column = &rows->columns[at], made;
    const hb_column view = hb_colbuf_view(column, HB_STR_EMPTY);
    const hb_column ids = hb_colbuf_view(&rows->columns[0], HB_STR_EMPTY);
    hb_arena arena;
    hb_buf bytes;
    hb_arena_init(&arena, job->mem);
    hb_buf_init(&bytes, job->mem);
    hb_colbuf_init(&made, job->mem, column->kind, 0);
    hb_status status = HB_OK;
    for (uint32_t row = 0; row < rows->row_count && status == HB_OK; row++) {
        hb_value value = hb_column_get(&view, row);
        hb_str name;
        if (files_value_of(&value, &name)) {
            files_value_state state = FILES_VALUE_GONE;
            hb_arena_reset(&arena);
            status = files_lease_beat(table->conn, err);
            if (status == HB_OK) {
                status = files_value_read(table, name, &arena, &bytes, &state, err);
            }
            value.as.s = hb_buf_str(&bytes);
            if (status == HB_OK && state != FILES_VALUE_THERE) {
                value.kind = HB_KIND_NULL;
                if (!job->lost_as_null) {
                    status = value_lost(table, field, hb_column_span(&ids, row), state, err);
                }
            }
        }
        if (status == HB_OK && !hb_colbuf_add(&made, &value)) status = hb_err_memory(err);
    }
    if (status == HB_OK) {
        hb_colbuf_free(column);
        *column = made;
    } else {
        hb_colbuf_free(&made);
    }
    hb_buf_free(&bytes);
    hb_arena_free(&arena);
    return status;
}

static bool field_is_outside(const files_table *table, uint32_t field) {
    const uint32_t place = table->cache.by_field[field];
    return place != HB_FIELD_NONE && table->outside[place] == FILES_OUTSIDE;
}

static hb_status rows_follow(const files_table *table, hb_job *job, const uint32_t *columns,
                             uint32_t column_count, hb_err *err) {
    for (uint32_t i = 0; i < column_count; i++) {
        if (!field_is_outside(table, columns[i])) continue;
        HB_TRY(column_follow(table, job, columns[i], &job->out, i + 1, err));
    }
    return HB_OK;
}

/* ---- rows in the order of values that are outside -----------------------------------------------
 */

static bool orders_by_outside(const files_table *table, const hb_fragment *fragment) {
    for (uint32_t i = 0; i < fragment->order_count; i++) {
        const hb_col *col = &fragment->order[i].col;
        if (col->kind == HB_COL_FIELD && field_is_outside(table, col->field)) return true;
    }
    return false;
}

static const hb_column *order_column(const hb_fragment *fragment, const hb_batch *rows,
                                     const hb_col *col) {
    if (col->kind != HB_COL_FIELD && col->kind != HB_COL_PATH) {
        return &rows->columns[rows->column_count - 1];
    }
    if (col->field == HB_FIELD_OBJECT_ID) return &rows->columns[0];
    for (uint32_t i = 0; i < fragment->column_count; i++) {
        if (fragment->columns[i] == col->field) return &rows->columns[i + 1];
    }
    return NULL;
}

/* The rows of the answer to `fragment` sorted and cut as `asked` wants them. */
static hb_status rows_arrange(hb_job *job, const hb_fragment *asked, const hb_fragment *fragment,
                              hb_err *err) {
    const hb_batch rows = hb_rowset_batch(&job->out);
    hb_sort_key *keys = hb_arena_array(job->arena, asked->order_count, sizeof(*keys));
    uint32_t *numbers = hb_arena_array(job->arena, rows.row_count, sizeof(*numbers));
    if (keys == NULL || numbers == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < asked->order_count; i++) {
        const hb_order *order = &asked->order[i];
        const bool path = order->col.kind == HB_COL_PATH;
        keys[i] = (hb_sort_key){ order_column(fragment, &rows, &order->col),
                                 path ? order->col.path : NULL, path ? order->col.path_len : 0,
                                 order->desc };
        HB_ASSERT(keys[i].column != NULL);
    }
    for (uint32_t i = 0; i < rows.row_count; i++) numbers[i] = i;
    uint32_t kept = rows.row_count;
    HB_TRY(hb_sort_rows(keys, asked->order_count, &rows.columns[0], numbers, rows.row_count,
                        HB_NO_LIMIT, &kept, job->arena, err));
    const uint32_t skip = asked->offset < kept ? (uint32_t)asked->offset : kept;
    const uint32_t count = asked->limit < kept - skip ? (uint32_t)asked->limit : kept - skip;
    const bool scored = rows.column_count > fragment->column_count + 1;
    hb_rowset out;
    HB_TRY(hb_rowset_init(&out, job->mem, asked->column_count + 1 + (scored ? 1 : 0), err));
    bool ok = true;
    for (uint32_t i = 0; i < out.column_count && ok; i++) {
        const bool score = scored && i + 1 == out.column_count;
        const hb_column *from = &rows.columns[score ? rows.column_count - 1 : i];
        hb_rowset_column(&out, i, from->name, from->kind, from->dim);
        ok = hb_colbuf_add_rows(&out.columns[i], from, numbers + skip, count);
    }
    out.row_count = count;
    hb_rowset_free(ok ? &job->out : &out);
    if (ok) job->out = out;
    return ok ? HB_OK : hb_err_memory(err);
}

/* Everything that passes is read with the keys of its order, then sorted. */
static hb_status answer_sorted(files_table *table, hb_job *job, hb_err *err) {
    const hb_fragment *asked = job->fragment;
    hb_fragment fragment = *asked;
    uint32_t *columns = hb_arena_array(job->arena, (size_t)asked->column_count + asked->order_count,
                                       sizeof(*columns));
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < asked->column_count; i++) columns[i] = asked->columns[i];
    for (uint32_t i = 0; i < asked->order_count; i++) {
        const hb_col *col = &asked->order[i].col;
        const bool stored = col->kind == HB_COL_FIELD || col->kind == HB_COL_PATH;
        if (stored && col->field != HB_FIELD_OBJECT_ID) {
            columns[fragment.column_count++] = col->field;
        }
    }
    fragment.columns = columns;
    fragment.order_count = 0;
    fragment.offset = 0;
    fragment.limit = HB_NO_LIMIT;
    HB_TRY(files_answer_from_memory(table, job, &fragment, err));
    HB_TRY(rows_follow(table, job, fragment.columns, fragment.column_count, err));
    return rows_arrange(job, asked, &fragment, err);
}

hb_status files_answer(files_table *table, hb_job *job, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    const bool rows = fragment->kind == HB_FRAG_SCAN || fragment->kind == HB_FRAG_FETCH;
    if (rows && table->has_outside && orders_by_outside(table, fragment)) {
        return answer_sorted(table, job, err);
    }
    HB_TRY(files_answer_from_memory(table, job, fragment, err));
    if (!rows || !table->has_outside) return HB_OK;
    return rows_follow(table, job, fragment->columns, fragment->column_count, err);
}
