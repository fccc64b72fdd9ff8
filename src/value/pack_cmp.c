// SPDX-License-Identifier: MIT
/* The order of packed values, for sorting by lists. */
#include "value/pack.h"

static int pack_class(const hb_pack_item *item) {
    switch (item->tag) {
    case HB_PACK_NIL: return 0;
    case HB_PACK_BOOL: return 1;
    case HB_PACK_INT:
    case HB_PACK_UINT64:
    case HB_PACK_FLOAT: return 2;
    case HB_PACK_STR: return 3;
    case HB_PACK_BIN: return 4;
    case HB_PACK_ARRAY: return 5;
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    return 6;
}

static hb_value pack_number(const hb_pack_item *item) {
    if (item->tag == HB_PACK_INT) return (hb_value){ HB_KIND_I64, { .i = item->i } };
    double value = item->tag == HB_PACK_FLOAT ? item->f : (double)item->u;
    return (hb_value){ HB_KIND_F64, { .f = value } };
}

static int pack_cmp_scalar(const hb_pack_item *a, const hb_pack_item *b) {
    switch (pack_class(a)) {
    case 1: return (a->b ? 1 : 0) - (b->b ? 1 : 0);
    case 2: {
        hb_value x = pack_number(a), y = pack_number(b);
        return hb_value_cmp(&x, &y);
    }
    case 3:
    case 4: return hb_str_cmp(a->s, b->s);
    default: return 0;
    }
}

int hb_pack_cmp(hb_str a, hb_str b) {
    hb_pack_reader left = hb_pack_read(a), right = hb_pack_read(b);
    hb_pack_item x, y;
    bool has_x = hb_pack_next(&left, &x), has_y = hb_pack_next(&right, &y);
    if (!has_x || !has_y) return (has_x ? 1 : 0) - (has_y ? 1 : 0);
    if (pack_class(&x) != pack_class(&y)) return pack_class(&x) - pack_class(&y);
    if (x.tag != HB_PACK_ARRAY) return pack_cmp_scalar(&x, &y);
    for (uint32_t i = 0; i < x.count && i < y.count; i++) {
        hb_str item_a, item_b;      /* the depth of values is bounded where they enter */
        if (!hb_pack_skip(&left, &item_a) || !hb_pack_skip(&right, &item_b)) return 0;
        int cmp = hb_pack_cmp(item_a, item_b);
        if (cmp != 0) return cmp;
    }
    return x.count < y.count ? -1 : x.count > y.count ? 1 : 0;
}
