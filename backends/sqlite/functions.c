// SPDX-License-Identifier: MIT
/* Our operators inside SQLite: hb_test(leaf, column) asks the core's evaluator about one stored
 * value, so that any leaf means in SQL what it means everywhere; hb_list(list) yields a bound list
 * as rows, so that long lists are neither spliced nor limited by the number of parameters. */
#include "backends/sqlite/sqlite_priv.h"

/* ---- stored cells as values ------------------------------------------------------------------ */

static hb_status value_of_vector(const void *bytes, uint32_t len, hb_arena *arena, hb_value *out,
                                 hb_err *err) {
    if (len % sizeof(float) != 0) {
        return hb_err_set(err, HB_E_CORRUPT, "a stored vector is not a whole number of float32s");
    }
    if (((uintptr_t)bytes & 3u) != 0) {
        bytes = hb_arena_copy(arena, bytes, len);
        if (bytes == NULL) return hb_err_memory(err);
    }
    out->as.v.ptr = bytes;
    out->as.v.len = len / (uint32_t)sizeof(float);
    return HB_OK;
}

static hb_status value_of_json(hb_str json, hb_buf *pack, hb_value *out, hb_err *err) {
    hb_buf_clear(pack);
    if (hb_pack_from_json(json, pack, err) != HB_OK) {
        if (err != NULL && err->code == HB_E_MEMORY) return err->code;
        return hb_err_set(err, HB_E_CORRUPT, "a stored JSON text cannot be decoded");
    }
    HB_TRY(hb_buf_check(pack, err));
    out->as.s = hb_buf_str(pack);
    return HB_OK;
}

/* Tables of other programs need not be STRICT. */
static bool kind_fits(int type, hb_kind kind) {
    const bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    if (kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64) return number;
    return kind != HB_KIND_TEXT || type != SQLITE_BLOB;
}

hb_status sqlite_read_value(sqlite3_value *cell, hb_kind kind, hb_buf *pack, hb_arena *arena,
                            hb_value *out, hb_err *err) {
    const int type = sqlite3_value_type(cell);
    if (type == SQLITE_NULL) {
        *out = (hb_value){ .kind = HB_KIND_NULL };
        return HB_OK;
    }
    if (!kind_fits(type, kind)) {
        return hb_err_set(err, HB_E_CORRUPT, "a stored value is %s instead of %s",
                          type == SQLITE_BLOB ? "bytes" : "text",
                          kind == HB_KIND_TEXT ? "text" : "a number");
    }
    out->kind = kind;
    switch (kind) {
    case HB_KIND_BOOL: out->as.b = sqlite3_value_int(cell) != 0; return HB_OK;
    case HB_KIND_I64: out->as.i = sqlite3_value_int64(cell); return HB_OK;
    case HB_KIND_F64: out->as.f = sqlite3_value_double(cell); return HB_OK;
    case HB_KIND_TEXT:
    case HB_KIND_PACK: {
        const char *ptr = (const char *)sqlite3_value_text(cell);
        if (ptr == NULL) return hb_err_memory(err);
        out->as.s = (hb_str){ ptr, (uint32_t)sqlite3_value_bytes(cell) };
        return kind == HB_KIND_PACK ? value_of_json(out->as.s, pack, out, err) : HB_OK;
    }
    case HB_KIND_BYTES:
    case HB_KIND_VEC: {
        const void *ptr = sqlite3_value_blob(cell); /* NULL when empty */
        uint32_t len = (uint32_t)sqlite3_value_bytes(cell);
        if (kind == HB_KIND_VEC)
            return value_of_vector(len > 0 ? ptr : "\0\0\0", len, arena, out, err);
        out->as.s = (hb_str){ len > 0 ? ptr : "", len };
        return HB_OK;
    }
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    return hb_err_set(err, HB_E_INTERNAL, "a column has no kind");
}

/* ---- hb_test --------------------------------------------------------------------------------- */

static void function_test(sqlite3_context *context, int count, sqlite3_value **args) {
    (void)count;
    sqlite_leaf *leaf = sqlite3_value_pointer(args[0], SQLITE_LEAF_POINTER);
    if (leaf == NULL) {
        sqlite3_result_error_code(context, SQLITE_MISUSE);
        return;
    }
    sqlite_filter *filter = leaf->filter;
    hb_value value;
    bool hit = false;
    hb_status status =
        sqlite_read_value(args[1], leaf->kind, &filter->pack, &filter->arena, &value, &filter->err);
    if (status == HB_OK)
        status = hb_pred_test(filter->pred, leaf->leaf_index, &value, &hit, &filter->err);
    if (leaf->kind == HB_KIND_VEC) hb_arena_reset(&filter->arena);
    if (status != HB_OK) {
        sqlite3_result_error_code(context, SQLITE_ABORT);
        return;
    }
    sqlite3_result_int(context, hit ? 1 : 0);
}

/* ---- hb_list: SELECT value FROM hb_list(?) --------------------------------------------------- */

typedef struct list_cursor {
    sqlite3_vtab_cursor base;
    const sqlite_list *list;
    uint32_t at;
} list_cursor;

static int list_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
                        sqlite3_vtab **out, char **message) {
    (void)aux;
    (void)argc;
    (void)argv;
    (void)message;
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE x(value, list HIDDEN)");
    if (rc != SQLITE_OK) return rc;
    *out = sqlite3_malloc(sizeof(sqlite3_vtab));
    if (*out == NULL) return SQLITE_NOMEM;
    memset(*out, 0, sizeof(sqlite3_vtab));
    return SQLITE_OK;
}

static int list_disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

/* The hidden column must be given: hb_list(?). */
static int list_best_index(sqlite3_vtab *table, sqlite3_index_info *info) {
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != 1 ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
            continue;
        }
        if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 100;
        info->estimatedRows = 100;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

static int list_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
    (void)table;
    list_cursor *cursor = sqlite3_malloc(sizeof(*cursor));
    if (cursor == NULL) return SQLITE_NOMEM;
    memset(cursor, 0, sizeof(*cursor));
    *out = &cursor->base;
    return SQLITE_OK;
}

static int list_close(sqlite3_vtab_cursor *base) {
    sqlite3_free(base);
    return SQLITE_OK;
}

static int list_filter(sqlite3_vtab_cursor *base, int plan, const char *text, int argc,
                       sqlite3_value **args) {
    (void)plan;
    (void)text;
    list_cursor *cursor = (list_cursor *)base;
    cursor->list = argc == 1 ? sqlite3_value_pointer(args[0], SQLITE_LIST_POINTER) : NULL;
    cursor->at = 0;
    return cursor->list != NULL ? SQLITE_OK : SQLITE_MISUSE;
}

static int list_next(sqlite3_vtab_cursor *base) {
    ((list_cursor *)base)->at++;
    return SQLITE_OK;
}

static int list_eof(sqlite3_vtab_cursor *base) {
    const list_cursor *cursor = (const list_cursor *)base;
    return cursor->at >= cursor->list->count;
}

static void list_result_text(sqlite3_context *context, hb_str text) {
    sqlite3_result_text(context, text.len > 0 ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}

static int list_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column) {
    const list_cursor *cursor = (const list_cursor *)base;
    const sqlite_list *list = cursor->list;
    if (column != 0) return SQLITE_OK;
    if (list->texts != NULL) {
        list_result_text(context, list->texts[cursor->at]);
        return SQLITE_OK;
    }
    if (list->slots != NULL) {
        sqlite3_result_int64(context, list->slots[cursor->at]);
        return SQLITE_OK;
    }
    const hb_value *value = &list->values[cursor->at];
    if (value->kind == HB_KIND_TEXT) {
        list_result_text(context, value->as.s);
    } else if (value->kind == HB_KIND_F64) {
        sqlite3_result_double(context, value->as.f);
    } else if (value->kind == HB_KIND_I64 || value->kind == HB_KIND_BOOL) {
        sqlite3_result_int64(context,
                             value->kind == HB_KIND_I64 ? value->as.i : (int64_t)value->as.b);
    }
    return SQLITE_OK;
}

static int list_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
    *rowid = (sqlite3_int64)((const list_cursor *)base)->at;
    return SQLITE_OK;
}

static const sqlite3_module list_module = {
    /* eponymous only: no xCreate */
    .xConnect = list_connect,
    .xBestIndex = list_best_index,
    .xDisconnect = list_disconnect,
    .xOpen = list_open,
    .xClose = list_close,
    .xFilter = list_filter,
    .xNext = list_next,
    .xEof = list_eof,
    .xColumn = list_column,
    .xRowid = list_rowid,
};

int sqlite_functions_add(sqlite3 *db) {
    int rc = sqlite3_create_function_v2(db, "hb_test", 2,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                        NULL, function_test, NULL, NULL, NULL);
    if (rc != SQLITE_OK) return rc;
    return sqlite3_create_module_v2(db, "hb_list", &list_module, NULL, NULL);
}
