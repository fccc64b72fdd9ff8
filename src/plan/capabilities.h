// SPDX-License-Identifier: MIT
/* What a set of backends can do, derived from their tables alone: a row (type, operator, backend,
 * strategy) exists when the backend stores the type so and answers the operator, by its own engine
 * ("native") or by a scan ("fallback"). */
#ifndef HB_PLAN_CAPABILITIES_H
#define HB_PLAN_CAPABILITIES_H

#include "backends/backend.h"

typedef struct hb_capability {
    hb_type_id dtype;
    hb_str op;                  /* hb_op_name(), "get", "near" or "search" */
    uint32_t backend;           /* index into the given types */
    hb_strategy strategy;
    bool native;
    const char *handler_kind;
    const char *reason;         /* why not native; NULL */
} hb_capability;

typedef bool hb_capability_fn(void *user, const hb_capability *row);

/* Calls `fn` for each row in a fixed order (backend, type, strategy, operator) until it says false.
 * `names` are instance names, or NULL for bare types. */
void hb_capabilities_each(const hb_backend *const *types, uint32_t count, hb_capability_fn *fn,
                          void *user);

/* Answers {"method": "supports" | "strategies" | "ops" | "backends" | "logical_types" | "rows",
 * "dtype", "op", "backend", "strategy"} as JSON text. Filters are optional (supports needs all
 * four) and take identifiers, class names, aliases and instance names.
 *   supports       {"supported": bool, "mode": "native" | "fallback" | "no"}
 *   strategies     [{"identifier", "strategy", "mode"}]
 *   ops            [{"op", "mode"}], alphabetical
 *   backends       [{"type", "aliases", "name", "mode"}], name null for bare types
 *   logical_types  [{"identifier", "dtype", "mode"}]
 *   rows           [{"dtype", "op", "backend", "name", "strategy", "mode"}]
 * An unknown method, type, strategy or operator is HB_E_QUERY, an unknown backend
 * HB_E_UNKNOWN_BACKEND, both with hints. */
hb_status hb_capabilities_json(const hb_backend *const *types, const hb_str *names, uint32_t count,
                               hb_str request_json, hb_buf *out, hb_err *err);

#endif
