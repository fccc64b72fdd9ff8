// SPDX-License-Identifier: MIT
/* A dry run compared with the repair after it. */
#ifndef HB_TESTS_UNIT_WORKSPACE_REHEARSAL_H
#define HB_TESTS_UNIT_WORKSPACE_REHEARSAL_H

#include <cJSON.h>

#include "tests/unit/workspace/fixture.h"

/* What says whether something is done already. */
static void forget_done(cJSON *item) {
    static const char *const keys[] = { "repaired", "value", "quarantined", "renamed", "deleted" };
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) cJSON_DeleteItemFromObjectCaseSensitive(item, keys[k]);
    for (cJSON *child = item->child; child != NULL; child = child->next) forget_done(child);
}

static const cJSON *at_path(const cJSON *root, const char *first, const char *second) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, first);
    return second != NULL ? cJSON_GetObjectItemCaseSensitive(item, second) : item;
}

/* `said` by a dry run: the same findings and actions that the repair `done` has. */
static void check_foreseen(const char *said, const char *done) {
    static const char *const paths[][2] = { { "actions", NULL }, { "files", NULL }, { "storage", "problems" }, { "storage", "unused" },
                                            { "replicas", "before" }, { "catalog", "before" }, { "edges", NULL } };
    cJSON *a = cJSON_Parse(said), *b = cJSON_Parse(done);
    for (size_t p = 0; p < sizeof paths / sizeof paths[0]; p++) {
        cJSON *x = cJSON_Duplicate(at_path(a, paths[p][0], paths[p][1]), true), *y = cJSON_Duplicate(at_path(b, paths[p][0], paths[p][1]), true);
        if (CHECK(x != NULL && y != NULL)) {
            if (p > 0) forget_done(x);
            if (p > 0) forget_done(y);
            char *foreseen = cJSON_PrintUnformatted(x), *found = cJSON_PrintUnformatted(y);
            CHECK_CSTR(foreseen, found);
            cJSON_free(foreseen);
            cJSON_free(found);
        }
        cJSON_Delete(x);
        cJSON_Delete(y);
    }
    cJSON_Delete(a);
    cJSON_Delete(b);
}

#endif
