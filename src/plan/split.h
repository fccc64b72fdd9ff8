// SPDX-License-Identifier: MIT
/* Which backend answers which part of a filter, and what remains for the core. Private to
 * src/plan. A backend's claim is believed only as far as logic allows: under AND every claimed part
 * helps, under OR all parts must be claimed, and under NOT only an exact claim survives. */
#ifndef HB_PLAN_SPLIT_H
#define HB_PLAN_SPLIT_H

#include "plan/plan.h"

typedef struct split_ctx {
    const hb_query *query;
    const hb_routing *routing;
    hb_instance *const *instances;
    hb_plan_options options;
    hb_arena *arena;
    hb_err *err;
} split_ctx;

/* The binding of a field on a backend, or NULL. */
const hb_binding *split_binding(const hb_routing *routing, uint32_t field, uint32_t backend);
/* "get" for a Json path, else the operator's name. */
hb_str split_op_name(const hb_expr *leaf);
/* False with a reason in arena text when no handler is known for the leaf on that backend. */
bool split_supported(const split_ctx *ctx, const hb_expr *leaf, uint32_t backend, hb_str *reason);
/* How the backend answers the leaf (claim NO when it is not held there, or without push-down). */
hb_offer split_offer(const split_ctx *ctx, const hb_expr *leaf, uint32_t backend);
/* The backend that a leaf is asked of by default: the field's source of truth. hasWords goes to the
 * inverted replica. HB_E_UNKNOWN_FIELD when the field is stored nowhere, HB_E_UNSUPPORTED. */
hb_status split_leaf_home(const split_ctx *ctx, const hb_expr *leaf, uint32_t *backend);
/* The one backend that all leaves can be asked of, or HB_BACKEND_NONE. Leaves on object_id follow
 * the others; hasWords does too when the rest is elsewhere than its index. */
hb_status split_single(const split_ctx *ctx, const hb_expr *expr, uint32_t *backend);
/* Whether every leaf is held on `backend`, replicas included; *exact when each is claimed EXACT and
 * *native when each of these claims is the engine's own. */
bool split_all_on(const split_ctx *ctx, const hb_expr *expr, uint32_t backend, bool *exact,
                  bool *native);

typedef struct split_parts {
    hb_claim claim;
    const hb_expr *pushed; /* NULL: nothing claimed */
    const hb_expr *residual; /* NULL: nothing left; expr == pushed and residual */
} split_parts;

hb_status split_claims(const split_ctx *ctx, const hb_expr *expr, uint32_t backend,
                       split_parts *out);

/* AND or OR of the arguments: NULL for none, the only one itself. */
hb_status split_join(const split_ctx *ctx, hb_expr_kind kind, const hb_expr *const *args,
                     uint32_t count, const hb_expr **out);
/* Marks the fields that the leaves read. */
void split_mark_fields(const hb_expr *expr, uint8_t *marks);

#endif
