// SPDX-License-Identifier: MIT
/* What the fuzzers share. A fuzzer is one file <name>_fuzz.c with LLVMFuzzerTestOneInput, a folder
 * corpus/<name> of seeds and of every input that once failed, and perhaps dict/<name>.dict.
 * tests/fuzz/run.mjs runs them. */
#ifndef HB_TESTS_FUZZ_FUZZ_H
#define HB_TESTS_FUZZ_FUZZ_H

#include "hb.h"
#include "value/pack.h"
#include "value/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input; otherwise the run ends here, with the input kept. */
#define MUST(cond) ((cond) ? (void)0 : fuzz_fail(#cond, "", __FILE__, __LINE__))
#define MUST_SAY(cond, text) ((cond) ? (void)0 : fuzz_fail(#cond, (text), __FILE__, __LINE__))
_Noreturn void fuzz_fail(const char *cond, const char *text, const char *file, int line);

/* The input up to the first NUL, in a block of its exact size so that reading past it is seen;
 * what follows the NUL goes to *rest. Both live in `arena`. */
hb_str fuzz_split(const uint8_t *data, size_t size, hb_arena *arena, hb_str *rest);

/* A field of every type, and fields for every kind of index: entity id "all". */
extern const char fuzz_definition[];
/* Rows of it, as a JSON list of mappings. */
extern const char fuzz_rows[];

/* JSON that is known to be good as MessagePack in `arena`. */
hb_str fuzz_pack(const char *json, hb_arena *arena);

/* Opens a workspace that must open. */
hb_workspace *fuzz_open(const char *options);
/* Opens it with the entity "all" and its rows. */
hb_workspace *fuzz_open_filled(const char *options);
/* One call over local backends to its end. On HB_OK *task is to be freed; else it is NULL and err is set. */
hb_status fuzz_call(hb_workspace *ws, hb_request request, hb_task **task, hb_err *err);
/* The same where the answer does not matter. */
hb_status fuzz_call_plain(hb_workspace *ws, hb_request request, hb_err *err);
/* A batch of rows from a MessagePack list of mappings: a PACK column per key of the first mapping.
 * False when it is something else. */
bool fuzz_batch(hb_str pack, hb_arena *arena, hb_batch *out);
/* Whether some mapping in a well-formed value has a key twice: what equals it is not defined. */
bool fuzz_repeats_keys(hb_str pack);
/* Same columns, same cells in the same order. */
bool fuzz_same(const hb_batch *a, const hb_batch *b);
/* Ends the run with what two tasks (NULL: its error) answered to the same request. */
_Noreturn void fuzz_differ(const char *what, hb_str text, hb_task *const tasks[2], const hb_err errors[2]);

#endif
