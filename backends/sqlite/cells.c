// SPDX-License-Identifier: MIT
/* Values in the rows that cannot be decoded, for audit and repair: JSON text that is none, a vector
 * of another length, a text in a column of numbers. A query that meets one fails. A repair lets
 * other backends give them back; the others become null. */
#include "backends/sqlite/layout.h"

typedef struct cell_checker {
    sqlite_table *table;
    uint32_t place;
    hb_check_how how;
    const sqlite_checker *to;
    hb_arena arena;
    hb_buf pack;
    hb_str *ids; /* of the rows that hold such a value */
    hb_str *reasons;
    uint32_t count, cap;
} cell_checker;

static const hb_field *field_of(const sqlite_table *table, uint32_t place) {
    return &table->container->schema->fields[table->container->fields[place].field];
}

hb_status sqlite_read_cell(sqlite3_value *cell, hb_kind kind, uint32_t dim, hb_buf *pack,
                           hb_arena *arena, hb_value *out, hb_err *err) {
    HB_TRY(sqlite_read_value(cell, kind, pack, arena, out, err));
    if (out->kind != HB_KIND_VEC || dim == 0 || out->as.v.len == dim) return HB_OK;
    return hb_err_set(err, HB_E_CORRUPT, "a stored vector has %u components, its field %u",
                      (unsigned)out->as.v.len, (unsigned)dim);
}

hb_status sqlite_read_known(sqlite3_value *cell, hb_kind kind, hb_buf *pack, hb_value *out,
                            hb_err *err) {
    hb_err refused;
    hb_err_init(&refused);
    const hb_status status = sqlite_read_value(cell, kind, pack, NULL, out, &refused);
    if (status == HB_E_CORRUPT) *out = (hb_value){ .kind = HB_KIND_NULL };
    if (status == HB_OK || status == HB_E_CORRUPT) return HB_OK;
    if (err != NULL) *err = refused;
    return status;
}

static hb_status note(cell_checker *c, hb_str id, const hb_err *why, hb_err *err) {
    if (c->count == c->cap) {
        const uint32_t cap = c->cap == 0 ? 16 : c->cap * 2;
        hb_str *ids = hb_arena_array(&c->arena, cap, sizeof(*ids));
        hb_str *reasons = hb_arena_array(&c->arena, cap, sizeof(*reasons));
        if (ids == NULL || reasons == NULL) return hb_err_memory(err);
        if (c->count > 0) {
            memcpy(ids, c->ids, c->count * sizeof(*ids));
            memcpy(reasons, c->reasons, c->count * sizeof(*reasons));
        }
        c->ids = ids;
        c->reasons = reasons;
        c->cap = cap;
    }
    c->ids[c->count] = hb_arena_str(&c->arena, id);
    c->reasons[c->count] = hb_arena_str(&c->arena, hb_str_c(why->msg));
    if (c->ids[c->count].ptr == NULL || c->reasons[c->count].ptr == NULL) return hb_err_memory(err);
    c->count++;
    return HB_OK;
}

static hb_status look(cell_checker *c, sqlite3_stmt *rows, hb_err *err) {
    const hb_field *field = field_of(c->table, c->place);
    const uint32_t dim = field->kind == HB_KIND_VEC ? field->type->dim : 0;
    hb_arena scratch;
    hb_arena_init(&scratch, c->table->conn->mem);
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        hb_value value;
        hb_err why;
        hb_err_init(&why);
        status = sqlite_read_cell(sqlite3_column_value(rows, 1), field->kind, dim, &c->pack,
                                  &scratch, &value, &why);
        hb_arena_reset(&scratch);
        if (status == HB_E_CORRUPT) {
            status = note(c, sqlite_text_at(rows, 0), &why, err);
        } else if (status != HB_OK) {
            *err = why;
        }
    }
    hb_arena_free(&scratch);
    if (status != HB_OK) return status;
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(c->table->conn, rc, err);
}

/* *gone: the value is null now; a column that takes none keeps it. */
static hb_status let_go(const cell_checker *c, hb_str id, bool *gone, hb_err *err) {
    sqlite_table *table = c->table;
    hb_sql sql = sqlite_ddl(table->conn, "UPDATE OR IGNORE main.");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, " SET ");
    hb_sql_ident(&sql, table->stored[c->place]);
    sqlite_ddl_text(&sql, " = NULL WHERE object_id = ", id);
    HB_TRY(sqlite_ddl_run(table->conn, &sql, err));
    *gone = sqlite3_changes(table->conn->db) > 0;
    return HB_OK;
}

static hb_status tell(const cell_checker *c, uint32_t i, bool *changed, hb_err *err) {
    bool gone = false;
    if (c->how == HB_CHECK_GIVE_UP) HB_TRY(let_go(c, c->ids[i], &gone, err));
    if (gone) *changed = true;
    const hb_finding finding = { .kind = "value",
                                 .path = c->table->target,
                                 .field = field_of(c->table, c->place)->name,
                                 .object_id = c->ids[i],
                                 .reason = c->reasons[i],
                                 .fixed = gone };
    return c->to->sink(c->to->arg, &finding, err);
}

static hb_status check_place(cell_checker *c, bool *changed, hb_err *err) {
    sqlite3_stmt *rows = NULL;
    HB_TRY(sqlite_ddl_select_given(c->table, "object_id", c->place, &rows, err));
    hb_status status = look(c, rows, err);
    sqlite3_finalize(rows);
    for (uint32_t i = 0; i < c->count && status == HB_OK; i++) status = tell(c, i, changed, err);
    return status;
}

/* Numbers and texts are what they are in a STRICT table. */
static bool may_be_wrong(const sqlite_table *table, uint32_t place) {
    const hb_kind kind = field_of(table, place)->kind;
    if (table->blobs[place].len > 0 || table->forms[place] == SQLITE_AS_FLAG) return false;
    return kind == HB_KIND_PACK || kind == HB_KIND_VEC || !table->conn->layout->strict;
}

hb_status sqlite_cells_check(sqlite_table *table, hb_check_how how, const sqlite_checker *checker,
                             bool *changed, hb_err *err) {
    *changed = false;
    hb_status status = HB_OK;
    for (uint32_t place = 1; place < table->field_count && status == HB_OK; place++) {
        if (!may_be_wrong(table, place)) continue;
        cell_checker c = { .table = table, .place = place, .how = how, .to = checker };
        hb_arena_init(&c.arena, table->conn->mem);
        hb_buf_init(&c.pack, table->conn->mem);
        status = check_place(&c, changed, err);
        hb_buf_free(&c.pack);
        hb_arena_free(&c.arena);
    }
    return status;
}
