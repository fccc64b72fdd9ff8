// SPDX-License-Identifier: MIT
/* What the parts of the layout "python" share; see layout_python.c. */
#ifndef HB_BACKENDS_SQLITE_PYTHON_H
#define HB_BACKENDS_SQLITE_PYTHON_H

#include "backends/sqlite/layout.h"

/* How a value of a type lies in a column of Python's, in the main table or in a side table. */
typedef enum python_cell {
    PYTHON_TEXT, PYTHON_INT, PYTHON_FLOAT, PYTHON_BOOL, PYTHON_BYTES,
    PYTHON_JSON                     /* a JSON text: arrays, HyperG, vectors, Json, untyped items */
} python_cell;

/* `type` NULL: an untyped item. */
python_cell sqlite_python_cell(const hb_type *type);

/* ---- python_codec.c -------------------------------------------------------------------------- */

/* hb_py_json, hb_py_vector, hb_py_items, hb_py_object: see there. */
int sqlite_python_functions(sqlite3 *db);
/* The letter by which hb_py_items and hb_py_object know a cell. */
char sqlite_python_letter(python_cell cell);
/* A field's value as the JSON text of its column. */
hb_status sqlite_python_add_text(const sqlite_table *table, uint32_t place, const hb_value *value,
                                 hb_buf *out, hb_err *err);
/* 42-digit names and keys: the MD5 of a JSON list. */
typedef struct python_hash {
    hb_buf text;
} python_hash;

void sqlite_python_hash_begin(python_hash *hash, const hb_mem *mem);
void sqlite_python_hash_text(python_hash *hash, hb_str text);
void sqlite_python_hash_int(python_hash *hash, int64_t number);
/* Frees. */
hb_status sqlite_python_hash_end(python_hash *hash, char out[HB_OBJECT_ID_HASH_LEN], hb_err *err);

/* ---- python_sides.c: rows of side tables ----------------------------------------------------- */

bool sqlite_python_has_side(const hb_type *type, hb_strategy strategy);
hb_status sqlite_python_write_sides(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                    int64_t slot, bool existed, hb_err *err);
hb_status sqlite_python_remove_sides(sqlite_table *table, hb_str object_id, int64_t slot,
                                     hb_err *err);
/* "<entity>_<field>", in the table's arena. */
hb_str sqlite_python_side_name(const sqlite_table *table, uint32_t place, hb_arena *arena);

/* ---- python_check.c: for audit and repair ---------------------------------------------------- */

hb_status sqlite_python_check_sides(sqlite_table *table, const sqlite_checker *checker,
                                    hb_err *err);
hb_status sqlite_python_rebuild_sides(sqlite_table *table, hb_err *err);

/* ---- python_gram.c: the keyword index of text arrays ----------------------------------------- */

/* python_keyword.c: runs of white space and punctuation are one space, none at the ends; control
 * and unassigned characters are left out. Appends. */
void sqlite_python_keyword(hb_str text, hb_buf *out);
bool sqlite_python_has_gram(const hb_type *type, hb_strategy strategy);
/* Tables, and the fingerprint of the field's index if it has none. */
hb_status sqlite_python_gram_make(sqlite_table *table, uint32_t place, hb_err *err);
/* Replaces the keywords of a row, of all its fields that have the index. */
hb_status sqlite_python_gram_write(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                   hb_err *err);
hb_status sqlite_python_gram_remove(sqlite_table *table, hb_str object_id, hb_err *err);
/* Tells the rows whose keywords are not in the index as they should be; makes it anew. */
hb_status sqlite_python_gram_check(sqlite_table *table, uint32_t place,
                                   const sqlite_checker *checker, hb_err *err);
hb_status sqlite_python_gram_rebuild(sqlite_table *table, uint32_t place, hb_err *err);
/* Forgets the entity. */
hb_status sqlite_python_gram_clear(sqlite_table *table, hb_err *err);

#endif
