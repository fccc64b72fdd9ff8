// SPDX-License-Identifier: MIT
/* Backends for tests of routing and planning: tables that claim but never run. Named in texts such
 * as "main@sqlite vec@inmem":
 *   sqlite   rows, SQL; everything exact, order and limit too
 *   inmem    rows, texts, vectors; everything exact by scan, index on request
 *   json     rows, texts; everything exact by scan, no order or limit
 *   elastic  texts, search; match is a superset, the rest exact
 *   weak     rows; claims nothing, takes no candidates
 *   lance    vectors only; exact comparisons, ranks natively by cosine and l2, takes candidates
 *   pine     vectors only; ranks and filters natively, takes no candidates */
#ifndef HB_TESTS_PLAN_FAKE_H
#define HB_TESTS_PLAN_FAKE_H

#include "plan/plan.h"
#include "query/query.h"

#define FAKE_INSTANCES_MAX 8u

typedef struct fake_world {
    hb_arena arena;
    hb_instance store[FAKE_INSTANCES_MAX];
    hb_instance *instances[FAKE_INSTANCES_MAX];
    uint32_t instance_count;
    hb_schema *schema;
    hb_routing *routing;
    hb_spec *spec;
    const hb_query *query;
    hb_err err;
} fake_world;

/* Opens the backends ("main@sqlite vec@inmem") and parses the definition (JSON). Each later step is
 * a status; world->err has the error. Always close. */
hb_status fake_open(fake_world *world, const char *backends, const char *definition_json);
hb_status fake_route(fake_world *world);
hb_status fake_query(fake_world *world, const char *spec_json, const char *params_json);
hb_status fake_plan(fake_world *world, const hb_plan_options *options, const hb_plan **out);
void fake_close(fake_world *world);

/* Table by type name, or NULL. */
const hb_backend *fake_backend(hb_str name);

#endif
