// SPDX-License-Identifier: MIT
/* Making of filter trees. */
#include "query/ir.h"

#include <string.h>

static uint32_t flat_count(hb_expr_kind kind, const hb_expr *const *args, uint32_t count) {
    uint32_t flat = 0;
    for (uint32_t i = 0; i < count; i++) {
        flat += args[i]->kind == kind ? args[i]->arg_count : 1;
    }
    return flat;
}

const hb_expr *hb_expr_join(hb_arena *arena, hb_expr_kind kind, const hb_expr *const *args,
                            uint32_t count) {
    HB_ASSERT(kind == HB_EXPR_AND || kind == HB_EXPR_OR);
    if (count == 1) return args[0];
    uint32_t flat = flat_count(kind, args, count);
    hb_expr *node = HB_NEW(arena, hb_expr);
    const hb_expr **all = HB_NEW_ARRAY(arena, const hb_expr *, flat);
    if (node == NULL || all == NULL) return NULL;
    *node = (hb_expr){ .kind = kind, .args = all, .arg_count = flat };
    for (uint32_t i = 0; i < count; i++) {
        if (args[i]->kind != kind) {
            *all++ = args[i];
        } else if (args[i]->arg_count > 0) {
            memcpy(all, args[i]->args, args[i]->arg_count * sizeof *all);
            all += args[i]->arg_count;
        }
    }
    return node;
}
