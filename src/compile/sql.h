// SPDX-License-Identifier: MIT
/* The one SQL writer. It turns names, filters, orders and limits into text of a dialect plus a list
 * of parameters: values are bound, never spliced, and every identifier passes hb_sql_ident.
 *
 * Two-valued logic: a leaf may yield SQL's NULL where it means "no"; AND and OR keep that meaning,
 * and NOT is written so that NULL counts as false. Hence a WHERE clause answers exactly our filter.
 * Owns its text and parameter list; borrows the values and what they point to. */
#ifndef HB_COMPILE_SQL_H
#define HB_COMPILE_SQL_H

#include "base/buf.h"
#include "compile/dialects.h"
#include "compile/fragment.h"

typedef struct hb_sql_param {
    hb_value value;
    void *pointer;                  /* not NULL: an object for an engine in process, not a value */
    const char *pointer_type;
} hb_sql_param;

typedef struct hb_sql {
    const hb_dialect *dialect;
    const hb_mem *mem;
    hb_arena *arena;                /* for texts made on the way */
    hb_buf text;
    hb_sql_param *params;           /* owned */
    uint32_t param_count, param_cap;
    bool failed;                    /* out of memory; sticky like hb_buf's */
} hb_sql;

/* What the names of a filter mean: physical column of each container field, and who writes the
 * leaves that the dialect cannot say. */
typedef struct hb_sql_scope {
    const hb_container *container;
    const hb_str *columns;          /* by container field */
    /* Writes one leaf. NULL: such leaves are HB_E_INTERNAL (they should not have been claimed). */
    hb_status (*leaf)(void *ctx, hb_sql *sql, const hb_expr *leaf, hb_err *err);
    void *ctx;
} hb_sql_scope;

void hb_sql_init(hb_sql *sql, const hb_dialect *dialect, const hb_mem *mem, hb_arena *arena);
void hb_sql_free(hb_sql *sql);
/* Empties text and parameters, keeps the capacity. */
void hb_sql_clear(hb_sql *sql);

void hb_sql_add(hb_sql *sql, const char *text);             /* our own SQL words only */
void hb_sql_ident(hb_sql *sql, hb_str name);                /* the one quoting function */
void hb_sql_param_add(hb_sql *sql, const hb_value *value);  /* a placeholder and its value */
/* The same for a column of `kind`, whose value may be null. */
void hb_sql_cell_add(hb_sql *sql, const hb_value *value, hb_kind kind);
/* Our own words with a length in the place of #. */
void hb_sql_of_length(hb_sql *sql, const char *text, uint32_t length);
/* A text as it is stored, in the arena: with its mark if it is to have one (text_marked). */
#define HB_SQL_MARK '\1'
bool hb_sql_is_marked(const hb_dialect *dialect, hb_str text);
hb_str hb_sql_marked(hb_sql *sql, hb_str text);
void hb_sql_pointer_add(hb_sql *sql, void *pointer, const char *pointer_type);

/* True when the dialect says this leaf in its own operators with exactly our meaning. */
bool hb_sql_can_leaf(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf);
/* The condition of `expr` (NULL: the dialect's "true"), without the word WHERE. */
hb_status hb_sql_where(hb_sql *sql, const hb_sql_scope *scope, const hb_expr *expr, hb_err *err);
/* One sort key, nulls last: by the column, or by what `form` makes of it as $c. */
void hb_sql_order_key(hb_sql *sql, hb_str column, const char *form, bool desc);
/* The same of a column that is never null, ascending. */
void hb_sql_order_by(hb_sql *sql, hb_str column, const char *form);
/* " LIMIT ..." with bound numbers; nothing when neither is needed. */
void hb_sql_limit(hb_sql *sql, uint64_t limit, uint64_t offset);
/* INSERT of one row with a placeholder per column; on a clash of `columns[0]` the others are
 * replaced and `cleared` are set to null (dialects without upsert: a plain INSERT). */
void hb_sql_upsert(hb_sql *sql, hb_str table, const hb_str *columns, uint32_t column_count,
                   const hb_str *cleared, uint32_t cleared_count);
/* Parts of that, for an INSERT of several rows: " (a, b)", and what follows the values. */
void hb_sql_column_list(hb_sql *sql, const hb_str *columns, uint32_t column_count);
void hb_sql_on_clash(hb_sql *sql, const hb_str *columns, uint32_t column_count,
                     const hb_str *cleared, uint32_t cleared_count);
/* HB_E_MEMORY or HB_E_LIMIT when something was lost on the way. */
hb_status hb_sql_check(const hb_sql *sql, hb_err *err);
static inline hb_str hb_sql_text(const hb_sql *sql) { return hb_buf_str(&sql->text); }

#endif
