// SPDX-License-Identifier: MIT
/* Values outside the row: files in <workspace>/.heavenbase/values/<entity>.json/<hash>; two formats
 * over one folder each have their own. */
#ifndef HB_BACKENDS_FILES_EXTERNAL_H
#define HB_BACKENDS_FILES_EXTERNAL_H

#include "backends/files/files_priv.h"

#define FILES_VALUES FILES_HIDDEN "/values"
#define FILES_VALUE_BYTES_MAX (256u << 20)

enum {                          /* files_table.outside, by container field */
    FILES_IN_ROW,
    FILES_OUTSIDE,              /* large values are outside */
    FILES_OUTSIDE_ONCE          /* some may still be, from an earlier definition */
};

typedef enum files_value_state {
    FILES_VALUE_THERE,
    FILES_VALUE_GONE,
    FILES_VALUE_CHANGED         /* its bytes are not those of its name */
} files_value_state;

/* ---- external.c */
/* Fills table->outside for the fields that the table has now. */
hb_status files_values_adopt(files_table *table, hb_err *err);
/* A WRITE batch with references in place of the values that go outside, which are staged in the
 * open transaction. Lives in the arena, and as long as `batch`. */
hb_status files_values_put(files_table *table, const hb_batch *batch, hb_arena *arena,
                           hb_batch *out, hb_err *err);
/* Follows the references of fields that are held in the row by now; null where that fails. */
hb_status files_values_inline(const files_table *table, hb_arena *arena, hb_value *cells,
                              hb_err *err);
/* Answers COUNT, FETCH, SCAN from the rows in memory; opens values that are asked for. CORRUPT when
 * one is lost, unless the job takes it as null. */
hb_status files_answer(files_table *table, hb_job *job, hb_err *err);
/* The bytes of a value, when they are there. `bytes` is emptied first. */
hb_status files_value_read(const files_table *table, hb_str name, hb_arena *arena, hb_buf *bytes,
                           files_value_state *state, hb_err *err);
/* Is the cell a reference? *name borrows from it. */
bool files_value_of(const hb_value *cell, hb_str *name);
bool files_value_is_name(hb_str name);
/* *out: the bytes have the hash that the name says. False when out of memory. */
bool files_value_fits(hb_str name, hb_str bytes, hb_arena *scratch, bool *out);
/* Paths below the root; .ptr NULL when out of memory. */
hb_str files_values_folder(const files_table *table, hb_arena *arena);
hb_str files_value_target(const files_table *table, hb_str name, hb_arena *arena);

/* ---- external_check.c: what audit and repair need */
typedef struct files_values_check {
    files_table *table;
    hb_check_how how;
    hb_finding_sink *sink;
    void *arg;
    hb_arena arena;
    hb_buf bytes;
    hb_map states;              /* name of a referred value -> files_value_state */
    uint64_t lost;              /* cells that were told */
    bool spares;                /* values of no row stay: an unreadable file may hold them */
} files_values_check;

void files_values_check_open(files_values_check *check, files_table *table, hb_check_how how,
                             hb_finding_sink *sink, void *arg);
void files_values_check_close(files_values_check *check);
/* Tells which values of a row (its raw cells) are lost; with HB_CHECK_GIVE_UP makes these cells
 * null and sets *changed. */
hb_status files_values_check_row(files_values_check *check, hb_str object_id, hb_value *cells,
                                 bool *changed, hb_err *err);
/* After all rows: values that none of them holds are told, and with HB_CHECK_GIVE_UP removed. */
hb_status files_values_check_unused(files_values_check *check, hb_err *err);

/* ---- table.c */
hb_status files_answer_from_memory(files_table *table, hb_job *job, const hb_fragment *fragment,
                                   hb_err *err);
/* Writes rows of a batch in which references stand already. */
hb_status files_put_rows(files_table *table, const hb_batch *batch, hb_err *err);

/* ---- check.c */
/* Moves a file into the quarantine of the entity, under a name that is free there. */
hb_status files_quarantine(files_table *table, hb_str path, hb_str name, hb_arena *arena,
                           hb_err *err);
/* Is anything in the quarantine? */
hb_status files_has_quarantined(const files_table *table, hb_arena *arena, bool *out, hb_err *err);

#endif
