// SPDX-License-Identifier: MIT
/* Small JSON texts (options, requests) as trees of cJSON. */
#ifndef HB_VALUE_JSON_TREE_H
#define HB_VALUE_JSON_TREE_H

#include "base/err.h"
#include "base/mem.h"

typedef struct cJSON cJSON;

/* *out: the tree, which the caller deletes; NULL when the text is no JSON, which is for the caller
 * to say. MEMORY when there was none. */
hb_status hb_json_tree(hb_str json, const hb_mem *mem, cJSON **out, hb_err *err);

#endif
