// SPDX-License-Identifier: MIT
/* Placement: which field of an entity lives in which backend instance, and why. Made once at
 * register; lives in the entity's arena. The first binding of a field is its source of truth. */
#ifndef HB_PLAN_ROUTE_H
#define HB_PLAN_ROUTE_H

#include "backends/backend.h"

#define HB_BACKEND_NONE UINT32_MAX

typedef struct hb_binding {
    uint32_t field;
    uint32_t backend;           /* index into the workspace's instances */
    hb_strategy strategy;
    bool primary;               /* first binding of the field: reads and filters go here */
    const char *source;         /* "builtin-inline", "builtin-vector", "builtin-id", "field",
                                   "convention-search", ... */
    const char *why;            /* a clause for explain: "vectors go to the instance called vec" */
} hb_binding;

typedef struct hb_routing {
    const hb_schema *schema;
    const hb_binding *bindings;     /* fields in declaration order, replicas after the primary;
                                       object_id last, one per backend used */
    uint32_t binding_count;
    hb_container **containers;      /* by backend index; NULL where the entity has nothing */
    uint32_t backend_count;
    /* backend that answers "all rows": main when it holds anything */
    uint32_t home;
    /* by schema field: backend index, or HB_BACKEND_NONE (its only store was absent) */
    const uint32_t *primary;
} hb_routing;

/* Routes every field: explicit stores first, else the profile of its type over the instances'
 * roles and tags, the instance called main, and the conventional names vec and search (design
 * decisions 5 and 6). HB_E_ROUTING for a store to an unknown instance, HB_E_UNSUPPORTED_STORAGE. */
hb_status hb_route(const hb_schema *schema, hb_instance *const *instances, uint32_t instance_count,
                   hb_str workspace_id, hb_arena *arena, hb_routing **out, hb_err *err);
/* Where a field has a binding with `strategy` that is not optional-absent; HB_BACKEND_NONE if
 * none. */
uint32_t hb_routing_find(const hb_routing *routing, uint32_t field, hb_strategy strategy);
/* How many backends hold a field. */
static inline uint32_t hb_routing_holders(const hb_routing *routing, uint32_t field) {
    uint32_t holders = 0;
    for (uint32_t b = 0; b < routing->backend_count; b++) {
        const hb_container *container = routing->containers[b];
        if (container != NULL && container->by_field[field] != HB_FIELD_NONE) holders++;
    }
    return holders;
}

#endif
