// SPDX-License-Identifier: MIT
/* Paths as options name them: "folder/x", "/folder/x", or "file:///x", "file://%/x" (in the user's
 * home folder, where the host has one) and "file://&/x" (in the working folder), percent-encoded. A
 * host that knows those folders has replaced the two by paths. */
#ifndef HB_BACKENDS_PATH_H
#define HB_BACKENDS_PATH_H

#include "base/buf.h"
#include "base/err.h"

/* The path that an option means, in the arena. VALIDATION when it is malformed. */
hb_status hb_path_plain(hb_str text, hb_arena *arena, hb_str *out, hb_err *err);
/* Undoes percent-encoding; false when it is malformed or no UTF-8. */
bool hb_path_unpercent(hb_arena *arena, hb_str text, hb_str *out);

#endif
